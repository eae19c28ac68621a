package admin

import (
	"net/http"
	"time"

	"github.com/gin-gonic/gin"

	"usher/handlers"
	"usher/provisioning"
)

// scimAnswer is how a directory is connected, in the API.
type scimAnswer struct {
	BaseURL string            `json:"base_url"` // what the directory is told
	Subject string            `json:"subject"`  // what becomes the sub
	Rate    *int64            `json:"rate"`     // requests a second; null = as the server says, 0 = any number
	Tokens  []scimTokenAnswer `json:"tokens"`   // newest first, revoked ones too
}

// scimTokenAnswer is a directory's token in the API.
type scimTokenAnswer struct {
	ID         string     `json:"id"`
	Name       string     `json:"name"`
	Ending     string     `json:"ending"` // the token's last four characters
	CreatedAt  time.Time  `json:"created_at"`
	ExpiresAt  *time.Time `json:"expires_at"`   // null = never
	LastUsedAt *time.Time `json:"last_used_at"` // within a minute
	RevokedAt  *time.Time `json:"revoked_at"`
	Token      string     `json:"token,omitempty"` // only in the answer that makes it
}

func answerSCIMToken(t provisioning.SCIMToken) scimTokenAnswer {
	return scimTokenAnswer{
		ID: t.ID, Name: t.Name, Ending: t.Ending, CreatedAt: t.CreatedAt.UTC(),
		ExpiresAt: inUTC(t.ExpiresAt), LastUsedAt: inUTC(t.UsedAt), RevokedAt: inUTC(t.RevokedAt),
	}
}

// scimURL is what a directory is told as our address.
func (a *Admin) scimURL(c *gin.Context) string {
	return a.originOfLinks(c).String() + handlers.SCIMPath
}

// SCIM: GET /admin/api/v1/integrations/:id/scim.
func (a *Admin) SCIM(c *gin.Context) error {
	connection, tokens, err := a.Provisioning.SCIM(c.Request.Context(), handlers.TenantOf(c), c.Param("id"))
	if err != nil {
		return explain(err)
	}
	return a.answerSCIM(c, connection, tokens)
}

func (a *Admin) answerSCIM(c *gin.Context, connection provisioning.SCIMConnection, tokens []provisioning.SCIMToken) error {
	answer := scimAnswer{BaseURL: a.scimURL(c), Subject: connection.Subject, Rate: rateAnswer(connection.Rate), Tokens: []scimTokenAnswer{}}
	for _, t := range tokens {
		answer.Tokens = append(answer.Tokens, answerSCIMToken(t))
	}
	handlers.SetETag(c, connection.Revision)
	c.JSON(http.StatusOK, answer)
	return nil
}

// ChangeSCIM: PATCH /admin/api/v1/integrations/:id/scim.
func (a *Admin) ChangeSCIM(c *gin.Context) error {
	var body struct {
		Subject *string       `json:"subject"`
		Rate    given[*int64] `json:"rate"`
	}
	if err := read(c, &body); err != nil {
		return err
	}
	if body.Subject == nil && !body.Rate.there {
		return badRequest("subject: what becomes the sub; or rate: how many requests a second.")
	}
	ctx, tenant := c.Request.Context(), handlers.TenantOf(c)
	connection, err := a.Provisioning.ChangeSCIM(ctx, tenant, c.Param("id"),
		provisioning.SCIMSettings{Subject: body.Subject, Rate: rateGiven(body.Rate)}, by(c))
	if err != nil {
		return explain(err)
	}
	_, tokens, err := a.Provisioning.SCIM(ctx, tenant, c.Param("id"))
	if err != nil {
		return explain(err)
	}
	return a.answerSCIM(c, connection, tokens)
}

// MakeSCIMToken: POST /admin/api/v1/integrations/:id/scim/tokens. The token is
// shown this once.
func (a *Admin) MakeSCIMToken(c *gin.Context) error {
	var body struct {
		Name      string     `json:"name"`
		ExpiresAt *time.Time `json:"expires_at"`
	}
	if err := read(c, &body); err != nil {
		return err
	}
	t, token, err := a.Provisioning.MakeSCIMToken(c.Request.Context(), handlers.TenantOf(c), c.Param("id"),
		provisioning.NewSCIMToken{Name: body.Name, Expires: body.ExpiresAt}, by(c))
	if err != nil {
		return explain(err)
	}
	answer := answerSCIMToken(t)
	answer.Token = token
	c.JSON(http.StatusCreated, answer)
	return nil
}

// RevokeSCIMToken: DELETE /admin/api/v1/integrations/:id/scim/tokens/:token.
func (a *Admin) RevokeSCIMToken(c *gin.Context) error {
	err := a.Provisioning.RevokeSCIMToken(c.Request.Context(), handlers.TenantOf(c), c.Param("id"), c.Param("token"), by(c))
	if err != nil {
		return explain(err)
	}
	return noContent(c)
}

package admin

import (
	"errors"
	"time"

	"github.com/gin-gonic/gin"

	"usher/handlers"
	"usher/sessions/tokens"
	"usher/web"
)

// grantAnswer is what a client may do for a person, as long as it is live.
type grantAnswer struct {
	ID          string    `json:"id"`        // sid in its tokens
	Client      string    `json:"client"`    // the id of the client
	ClientID    string    `json:"client_id"` // by which it calls itself
	Name        string    `json:"name"`
	Integration *string   `json:"integration"` // through which the person signed in; null = none
	Scopes      []string  `json:"scopes"`
	SignedInAt  time.Time `json:"signed_in_at"`
	CreatedAt   time.Time `json:"created_at"`
	ExpiresAt   time.Time `json:"expires_at"`
}

// UserGrants: GET /admin/api/v1/users/:id/grants?after=.
func (a *Admin) UserGrants(c *gin.Context) error {
	profile, err := a.profile(c)
	if err != nil {
		return err
	}
	found, next, err := a.Tokens.GrantsOf(c.Request.Context(), handlers.TenantOf(c).ID, profile.ID, c.Query("after"), apiRows)
	if err != nil {
		return explain(err)
	}
	answers := []grantAnswer{}
	for _, g := range found {
		answers = append(answers, grantAnswer{
			ID: g.ID, Client: g.Client, ClientID: g.ClientID, Name: g.ClientName, Integration: orNull(g.Integration), Scopes: g.Scopes,
			SignedInAt: g.AuthTime.UTC(), CreatedAt: g.CreatedAt.UTC(), ExpiresAt: g.ExpiresAt.UTC(),
		})
	}
	return list(c, "grants", answers, next)
}

// consentAnswer is what a person has allowed a client when asked.
type consentAnswer struct {
	Client   string    `json:"client"`
	ClientID string    `json:"client_id"`
	Name     string    `json:"name"`
	Scopes   []string  `json:"scopes"`
	GivenAt  time.Time `json:"given_at"`
}

// UserConsents: GET /admin/api/v1/users/:id/consents?after=.
func (a *Admin) UserConsents(c *gin.Context) error {
	profile, err := a.profile(c)
	if err != nil {
		return err
	}
	found, next, err := a.Tokens.Consents(c.Request.Context(), handlers.TenantOf(c).ID, profile.ID, c.Query("after"), apiRows)
	if err != nil {
		return explain(err)
	}
	answers := []consentAnswer{}
	for _, one := range found {
		answers = append(answers, consentAnswer{
			Client: one.Client, ClientID: one.ClientID, Name: one.Name, Scopes: one.Scopes, GivenAt: one.GivenAt.UTC(),
		})
	}
	return list(c, "consents", answers, next)
}

// WithdrawUserConsent: DELETE /admin/api/v1/users/:id/applications/:client.
func (a *Admin) WithdrawUserConsent(c *gin.Context) error {
	if err := a.withdrawConsent(c); err != nil {
		return explain(err)
	}
	return noContent(c)
}

// WithdrawUserConsentForm: POST /admin/users/:id/applications/:client/end.
func (a *Admin) WithdrawUserConsentForm(c *gin.Context) error {
	if err := a.withdrawConsent(c); err != nil {
		return explain(err)
	}
	seeOther(c, userPath(c.Param("id"))+"?done=application_ended")
	return nil
}

func (a *Admin) withdrawConsent(c *gin.Context) error {
	return a.Tokens.WithdrawConsent(c.Request.Context(), handlers.TenantOf(c).ID, c.Param("id"), c.Param("client"), by(c))
}

// addApplications shows what applications may do for a user.
func (a *Admin) addApplications(c *gin.Context, n names, user string, page *web.User) error {
	ctx, tenant := c.Request.Context(), handlers.TenantOf(c).ID
	grants, moreGrants, err := a.Tokens.GrantsOf(ctx, tenant, user, "", pageRows)
	if err != nil {
		return explain(err)
	}
	consents, moreConsents, err := a.Tokens.Consents(ctx, tenant, user, "", pageRows)
	if err != nil && !errors.Is(err, tokens.ErrNotFound) {
		return explain(err)
	}
	page.MoreApplications = moreGrants != "" || moreConsents != ""
	at := map[string]int{}
	of := func(client, clientID, name string) *web.UserApplication {
		if _, known := at[client]; !known {
			at[client] = len(page.Applications)
			page.Applications = append(page.Applications, web.UserApplication{Client: client, ClientID: clientID, Name: name})
		}
		return &page.Applications[at[client]]
	}
	for _, g := range grants {
		one := of(g.Client, g.ClientID, g.ClientName)
		grant := web.UserGrant{Scopes: g.Scopes, Since: g.CreatedAt, Ends: g.ExpiresAt}
		if g.Integration != "" {
			grant.Integration = n.of(g.Integration)
		}
		one.Grants = append(one.Grants, grant)
	}
	for _, given := range consents {
		one := of(given.Client, given.ClientID, given.Name)
		one.Allowed, one.AllowedAt = given.Scopes, given.GivenAt
	}
	return nil
}

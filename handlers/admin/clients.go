package admin

import (
	"net/http"
	"time"

	"github.com/gin-gonic/gin"

	"usher/handlers"
	"usher/sessions/tokens"
)

// clientAnswer is a client in the API.
type clientAnswer struct {
	ID                string          `json:"id"`
	ClientID          string          `json:"client_id"`
	Name              string          `json:"name"`
	Grants            []string        `json:"grants"`
	APIScopes         []string        `json:"api_scopes"`
	AccessTokenFormat string          `json:"access_token_format"`
	AccessTokenLife   int64           `json:"access_token_life"` // seconds
	Disabled          bool            `json:"disabled"`
	CreatedAt         time.Time       `json:"created_at"`
	UpdatedAt         time.Time       `json:"updated_at"`
	Secrets           []*secretAnswer `json:"secrets,omitempty"`       // not in lists
	ClientSecret      string          `json:"client_secret,omitempty"` // only in the answer that makes it
}

func answerClient(k tokens.Client) clientAnswer {
	return clientAnswer{
		ID: k.ID, ClientID: k.ClientID, Name: k.Name, Grants: k.Grants, APIScopes: k.APIScopes, AccessTokenFormat: k.AccessTokenFormat,
		AccessTokenLife: int64(k.AccessTokenLife / time.Second), Disabled: k.Disabled,
		CreatedAt: k.CreatedAt.UTC(), UpdatedAt: k.UpdatedAt.UTC(),
	}
}

// clientFields are the settings of a client in a request.
type clientFields struct {
	Name              given[string]   `json:"name"`
	Grants            given[[]string] `json:"grants"`
	APIScopes         given[[]string] `json:"api_scopes"`
	AccessTokenFormat given[string]   `json:"access_token_format"`
	AccessTokenLife   given[int64]    `json:"access_token_life"` // seconds
	Disabled          given[bool]     `json:"disabled"`
}

func (f clientFields) settings() tokens.ClientSettings {
	wish := tokens.ClientSettings{
		Name: f.Name.pointer(), Grants: orNone(f.Grants), APIScopes: orNone(f.APIScopes),
		AccessTokenFormat: f.AccessTokenFormat.pointer(), Disabled: f.Disabled.pointer(),
	}
	if f.AccessTokenLife.there {
		life := spanOf(f.AccessTokenLife.value)
		wish.AccessTokenLife = &life
	}
	return wish
}

// orNone is a list of a request: nil when it is absent, none when it is null.
func orNone(list given[[]string]) []string {
	if list.there && list.value == nil {
		return []string{}
	}
	return list.value
}

// spanOf is so many seconds; a number that would not fit is one that no setting
// accepts.
func spanOf(seconds int64) time.Duration {
	const most = int64(1 << 32)
	return time.Duration(min(max(seconds, -most), most)) * time.Second
}

// showClient answers with one client, its secrets and, once, a new secret.
func (a *Admin) showClient(c *gin.Context, status int, k tokens.Client, secret string) error {
	answer := answerClient(k)
	secrets, err := a.Tokens.Secrets(c.Request.Context(), handlers.TenantOf(c).ID, tokens.OfClient, k.ID)
	if err != nil {
		return explain(err)
	}
	answer.Secrets, answer.ClientSecret = a.answerSecrets(secrets), secret
	setETag(c, k.Revision)
	c.JSON(status, answer)
	return nil
}

// AddClient: POST /admin/api/v1/clients. The secret is shown this once.
func (a *Admin) AddClient(c *gin.Context) error {
	var body struct {
		ClientID string `json:"client_id"`
		clientFields
	}
	if err := read(c, &body); err != nil {
		return err
	}
	k, secret, err := a.Tokens.AddClient(c.Request.Context(), handlers.TenantOf(c).ID, body.ClientID, body.settings(), by(c))
	if err != nil {
		return explain(err)
	}
	c.Header("Location", apiRoot+"/clients/"+k.ID)
	return a.showClient(c, http.StatusCreated, k, secret)
}

// Clients: GET /admin/api/v1/clients?after=. "next" is the next page's after;
// null on the last one.
func (a *Admin) Clients(c *gin.Context) error {
	clients, next, err := a.Tokens.Clients(c.Request.Context(), handlers.TenantOf(c).ID, c.Query("after"), apiRows)
	if err != nil {
		return explain(err)
	}
	answers := []clientAnswer{}
	for _, k := range clients {
		answers = append(answers, answerClient(k))
	}
	return list(c, "clients", answers, next)
}

// Client: GET /admin/api/v1/clients/:id.
func (a *Admin) Client(c *gin.Context) error {
	k, err := a.Tokens.Client(c.Request.Context(), handlers.TenantOf(c).ID, c.Param("id"))
	if err != nil {
		return explain(err)
	}
	return a.showClient(c, http.StatusOK, k, "")
}

// ChangeClient: PATCH /admin/api/v1/clients/:id.
func (a *Admin) ChangeClient(c *gin.Context) error {
	var body clientFields
	if err := read(c, &body); err != nil {
		return err
	}
	k, err := a.Tokens.ChangeClient(c.Request.Context(), handlers.TenantOf(c).ID, c.Param("id"), body.settings(), by(c))
	if err != nil {
		return explain(err)
	}
	return a.showClient(c, http.StatusOK, k, "")
}

// DeleteClient: DELETE /admin/api/v1/clients/:id.
func (a *Admin) DeleteClient(c *gin.Context) error {
	if err := a.Tokens.DeleteClient(c.Request.Context(), handlers.TenantOf(c).ID, c.Param("id"), by(c)); err != nil {
		return explain(err)
	}
	return noContent(c)
}

package admin

import (
	"encoding/json"
	"net/http"
	"time"

	"github.com/gin-gonic/gin"

	"usher/handlers"
	"usher/sessions/tokens"
)

// clientAnswer is a client in the API. Lives are in seconds.
type clientAnswer struct {
	ID                string          `json:"id"`
	ClientID          string          `json:"client_id"`
	Kind              string          `json:"kind"`
	UserID            *string         `json:"user_id"` // null but for the kind "person"
	Name              string          `json:"name"`
	Public            bool            `json:"public"`
	JWKS              json.RawMessage `json:"jwks"` // null = none
	RedirectURIs      []string        `json:"redirect_uris"`
	PostLogoutURIs    []string        `json:"post_logout_redirect_uris"`
	Integration       *string         `json:"integration"` // null = as GET /auth/start decides
	AskConsent        bool            `json:"ask_consent"`
	BrowserTokens     bool            `json:"browser_tokens"`
	Grants            []string        `json:"grants"`
	APIScopes         []string        `json:"api_scopes"`
	IdentityScopes    []string        `json:"identity_scopes"`
	RequiredClaims    []string        `json:"required_claims"`
	AccessTokenFormat string          `json:"access_token_format"`
	AccessTokenLife   int64           `json:"access_token_life"`
	CodeLife          int64           `json:"code_life"`
	IdentityTokenAlg  string          `json:"identity_token_algorithm"`
	IdentityTokenLife int64           `json:"identity_token_life"`
	RefreshLife       int64           `json:"refresh_life"`
	RefreshIdle       int64           `json:"refresh_idle"`
	Rate              *int64          `json:"rate"` // requests a second; null = as the server says, 0 = any number
	Disabled          bool            `json:"disabled"`
	CreatedAt         time.Time       `json:"created_at"`
	UpdatedAt         time.Time       `json:"updated_at"`
	Secrets           []*secretAnswer `json:"secrets,omitempty"`       // not in lists
	ClientSecret      string          `json:"client_secret,omitempty"` // only in the answer that makes it
}

func answerClient(k tokens.Client) clientAnswer {
	answer := clientAnswer{
		ID: k.ID, ClientID: k.ClientID, Kind: k.Kind, UserID: orNull(k.User), Name: k.Name, Public: k.Public,
		RedirectURIs: k.RedirectURIs, PostLogoutURIs: k.PostLogoutURIs, Integration: orNull(k.Integration), AskConsent: k.AskConsent, BrowserTokens: k.BrowserTokens,
		Grants: k.Grants, APIScopes: k.APIScopes, IdentityScopes: k.IdentityScopes, RequiredClaims: k.RequiredClaims,
		AccessTokenFormat: k.AccessTokenFormat, AccessTokenLife: secondsOf(k.AccessTokenLife), CodeLife: secondsOf(k.CodeLife),
		IdentityTokenAlg: k.IdentityTokenAlg, IdentityTokenLife: secondsOf(k.IdentityTokenLife), RefreshLife: secondsOf(k.RefreshLife), RefreshIdle: secondsOf(k.RefreshIdle),
		Rate: rateAnswer(k.Rate), Disabled: k.Disabled, CreatedAt: k.CreatedAt.UTC(), UpdatedAt: k.UpdatedAt.UTC(),
	}
	if k.Keys != "" {
		answer.JWKS = json.RawMessage(k.Keys)
	}
	return answer
}

func secondsOf(span time.Duration) int64 { return int64(span / time.Second) }

// clientFields are the settings of a client in a request. Lives are in seconds.
type clientFields struct {
	Name              given[string]          `json:"name"`
	Public            given[bool]            `json:"public"`
	JWKS              given[json.RawMessage] `json:"jwks"`
	RedirectURIs      given[[]string]        `json:"redirect_uris"`
	PostLogoutURIs    given[[]string]        `json:"post_logout_redirect_uris"`
	Integration       given[string]          `json:"integration"`
	AskConsent        given[bool]            `json:"ask_consent"`
	BrowserTokens     given[bool]            `json:"browser_tokens"`
	Grants            given[[]string]        `json:"grants"`
	APIScopes         given[[]string]        `json:"api_scopes"`
	IdentityScopes    given[[]string]        `json:"identity_scopes"`
	RequiredClaims    given[[]string]        `json:"required_claims"`
	AccessTokenFormat given[string]          `json:"access_token_format"`
	AccessTokenLife   given[int64]           `json:"access_token_life"`
	CodeLife          given[int64]           `json:"code_life"`
	IdentityTokenAlg  given[string]          `json:"identity_token_algorithm"`
	IdentityTokenLife given[int64]           `json:"identity_token_life"`
	RefreshLife       given[int64]           `json:"refresh_life"`
	RefreshIdle       given[int64]           `json:"refresh_idle"`
	Rate              given[*int64]          `json:"rate"` // null = as the server says, 0 = any number
	Disabled          given[bool]            `json:"disabled"`
}

func (f clientFields) settings() tokens.ClientSettings {
	wish := tokens.ClientSettings{
		Name: f.Name.pointer(), Public: f.Public.pointer(),
		RedirectURIs: orNone(f.RedirectURIs), PostLogoutURIs: orNone(f.PostLogoutURIs),
		Integration: f.Integration.pointer(), AskConsent: f.AskConsent.pointer(), BrowserTokens: f.BrowserTokens.pointer(),
		Grants: orNone(f.Grants), APIScopes: orNone(f.APIScopes), IdentityScopes: orNone(f.IdentityScopes), RequiredClaims: orNone(f.RequiredClaims),
		AccessTokenFormat: f.AccessTokenFormat.pointer(), AccessTokenLife: spanGiven(f.AccessTokenLife), CodeLife: spanGiven(f.CodeLife),
		IdentityTokenAlg: f.IdentityTokenAlg.pointer(), IdentityTokenLife: spanGiven(f.IdentityTokenLife), RefreshLife: spanGiven(f.RefreshLife), RefreshIdle: spanGiven(f.RefreshIdle),
		Rate: rateGiven(f.Rate), Disabled: f.Disabled.pointer(),
	}
	if f.JWKS.there {
		keys := string(f.JWKS.value)
		wish.Keys = &keys
	}
	return wish
}

// spanGiven is nil when the field is absent.
func spanGiven(field given[int64]) *time.Duration {
	if !field.there {
		return nil
	}
	span := spanOf(field.value)
	return &span
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

// AddClient: POST /admin/api/v1/clients. The secret, if it has one, is shown this once.
func (a *Admin) AddClient(c *gin.Context) error {
	var body struct {
		ClientID string        `json:"client_id"`
		Kind     given[string] `json:"kind"`
		UserID   given[string] `json:"user_id"`
		clientFields
	}
	if err := read(c, &body); err != nil {
		return err
	}
	wish := body.settings()
	wish.Kind, wish.User = body.Kind.pointer(), body.UserID.pointer()
	if wish.User != nil {
		if err := forPerson(c, *wish.User); err != nil {
			return err
		}
	}
	k, secret, err := a.Tokens.AddClient(c.Request.Context(), handlers.TenantOf(c).ID, body.ClientID, wish, by(c))
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

package handlers

import (
	"encoding/json"
	"errors"
	"net/http"
	"strings"

	"github.com/gin-gonic/gin"

	"usher/sessions/tokens"
)

// introspectionAnswer is what is said of a live token (RFC 7662 §2.2).
type introspectionAnswer struct {
	Active    bool     `json:"active"`
	NotBefore int64    `json:"nbf"`
	Expires   int64    `json:"exp"`
	IssuedAt  int64    `json:"iat"`
	Issuer    string   `json:"iss"`
	Audience  []string `json:"aud"` // us and the caller
	ClientID  string   `json:"client_id"`
	Subject   string   `json:"sub"`
	Scope     string   `json:"scope"` // with spaces between the names
	TokenType string   `json:"token_type"`
	ID        string   `json:"jti"`
	// Of a person's token alone.
	AuthTime int64  `json:"auth_time,omitempty"`
	Methods  string `json:"amr,omitempty"` // with spaces between the words
}

// inactive is said of everything else, byte for byte: the caller cannot learn why.
const inactive = `{"active":false}`

// Introspect says what an access token is worth at the API connection that asks
// (RFC 7662): POST /connect/introspect.
func (a *App) Introspect(c *gin.Context) error {
	active, err := a.introspect(c)
	a.meterIntrospection(c, active, err)
	return err
}

// introspect is Introspect, and reports what was said.
func (a *App) introspect(c *gin.Context) (active bool, err error) {
	caller, form, err := a.connection(c)
	if err != nil {
		return false, err
	}
	token := form.Get("token")
	if token == "" {
		return false, oauthFault(OAuthInvalidRequest, "token is missing: the access token to look at.")
	}
	found, err := a.Tokens.Introspect(c.Request.Context(), siteOf(c).tenant.ID, issuer(c), caller, token)
	if errors.Is(err, tokens.ErrNone) {
		c.Data(http.StatusOK, "application/json; charset=utf-8", []byte(inactive))
		return false, nil
	} else if err != nil {
		return false, err
	}
	text, err := found.Encoded(encodeIntrospection)
	if err != nil {
		return false, err
	}
	c.Data(http.StatusOK, "application/json; charset=utf-8", text)
	return true, nil
}

func encodeIntrospection(found tokens.Introspection) ([]byte, error) {
	answer := introspectionAnswer{
		Active: true, NotBefore: found.NotBefore.Unix(), Expires: found.Expire.Unix(), IssuedAt: found.IssuedAt.Unix(),
		Issuer: found.Issuer, Audience: found.Audience, ClientID: found.ClientID, Subject: found.Subject,
		Scope: strings.Join(found.Scopes, " "), TokenType: schemeBearer, ID: found.ID,
		Methods: strings.Join(found.Methods, " "),
	}
	if !found.AuthTime.IsZero() {
		answer.AuthTime = found.AuthTime.Unix()
	}
	return json.Marshal(answer)
}

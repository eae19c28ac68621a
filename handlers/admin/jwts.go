package admin

import (
	"encoding/base64"
	"encoding/json"
	"net/http"
	"strings"
	"time"

	"github.com/gin-gonic/gin"

	"usher/handlers"
	"usher/sessions/tokens"
)

// GenerateJWT: POST /admin/api/v1/jwts. The user, if any, is named by id or by
// e-mail address. The JWT is shown this once.
func (a *Admin) GenerateJWT(c *gin.Context) error {
	var body struct {
		ClientID string `json:"client_id"`
		User     string `json:"user"`
		Scope    string `json:"scope"`
		Audience string `json:"audience"`
		Validity int64  `json:"validity"` // seconds
	}
	if err := read(c, &body); err != nil {
		return err
	}
	signed, err := a.generateJWT(c, tokens.JWTFor{
		ClientID: body.ClientID, User: body.User, Scope: body.Scope, Audience: body.Audience, Validity: spanOf(body.Validity),
	})
	if err != nil {
		return explain(err)
	}
	decoded, err := decodeJWT(signed)
	if err != nil {
		return err
	}
	c.Header("Cache-Control", "no-store")
	c.JSON(http.StatusCreated, gin.H{
		"token": signed, "header": decoded.header, "claims": decoded.claims, "expires_at": time.Unix(decoded.said.Expires, 0).UTC(),
	})
	return nil
}

// generateJWT makes the JWT of a wish whose user is an id or an e-mail address.
func (a *Admin) generateJWT(c *gin.Context, wish tokens.JWTFor) (string, error) {
	if wish.User != "" {
		if err := forPerson(c, wish.User); err != nil { // the answer would say who there is, too
			return "", err
		}
		id, err := a.memberByForm(c, wish.User)
		if err != nil {
			return "", err
		}
		wish.User = id
	}
	return a.Tokens.GenerateJWT(c.Request.Context(), handlers.TenantOf(c).ID, a.originOfLinks(c).String(), wish, by(c))
}

// decodedJWT is a JWT of ours as it can be read without a key.
type decodedJWT struct {
	header, claims json.RawMessage
	said           struct {
		Username string   `json:"username"`
		GlobalID string   `json:"globalid"`
		Scope    []string `json:"scope"`
		Audience []string `json:"aud"`
		Party    string   `json:"azp"`
		IssuedAt int64    `json:"iat"`
		Expires  int64    `json:"exp"`
	}
}

func decodeJWT(signed string) (decodedJWT, error) {
	parts := strings.Split(signed, ".")
	var d decodedJWT
	for i, part := range []*json.RawMessage{&d.header, &d.claims} {
		text, err := base64.RawURLEncoding.DecodeString(parts[i])
		if err != nil {
			return decodedJWT{}, err
		}
		*part = text
	}
	return d, json.Unmarshal(d.claims, &d.said)
}

package handlers

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/gin-gonic/gin"
)

// JWKSPath is where the public keys are. They are at JWKSPaths too, where other
// clients look for them.
const JWKSPath = "/.well-known/jwks.json"

// JWKSPaths are all addresses of the public keys.
func JWKSPaths() []string {
	return []string{JWKSPath, "/.well-known/openid-configuration/jwks", V0JWKSPath}
}

// MetadataPaths are where the token service describes itself: by OpenID Connect
// Discovery 1.0 §4 and by RFC 8414 §3.
func MetadataPaths() []string {
	return []string{"/.well-known/openid-configuration", "/.well-known/oauth-authorization-server"}
}

// publicAge is how long anybody may keep a public document. It is far below
// tokens.NoticeTime, so that nobody misses a new signing key, and short, because a
// key that had to go at once is believed for as long.
const publicAge = 5 * time.Minute

// JWKS answers with the tenant's public signing keys (RFC 7517 §5). At V0JWKSPath
// one of them is there under a second name as well.
func (a *App) JWKS(c *gin.Context) error {
	keys := a.Tokens.JWKS
	if c.FullPath() == V0JWKSPath {
		keys = a.Tokens.JWKSWithFixedKey
	}
	document, err := keys(c.Request.Context(), siteOf(c).tenant.ID)
	if err != nil {
		return err
	}
	servePublic(c, document)
	return nil
}

// metadata is how a token service describes itself (RFC 8414 §2).
type metadata struct {
	Issuer                string   `json:"issuer"`
	TokenEndpoint         string   `json:"token_endpoint"`
	IntrospectionEndpoint string   `json:"introspection_endpoint"`
	RevocationEndpoint    string   `json:"revocation_endpoint"`
	JWKSURI               string   `json:"jwks_uri"`
	GrantTypes            []string `json:"grant_types_supported"`
	ResponseTypes         []string `json:"response_types_supported"`
	TokenAuth             []string `json:"token_endpoint_auth_methods_supported"`
	IntrospectionAuth     []string `json:"introspection_endpoint_auth_methods_supported"`
	RevocationAuth        []string `json:"revocation_endpoint_auth_methods_supported"`
}

// Metadata answers with what the token service can do and where: no more and no
// less than there is. It has no authorization endpoint, which RFC 8414 §2 allows
// where no grant uses one; the list of response types is required, and empty.
func (a *App) Metadata(c *gin.Context) error {
	own := issuer(c)
	secret := []string{"client_secret_basic", "client_secret_post"}
	document, err := json.Marshal(metadata{
		Issuer: own, TokenEndpoint: own + ConnectTokenPath, IntrospectionEndpoint: own + ConnectIntrospectPath,
		RevocationEndpoint: own + ConnectRevocationPath, JWKSURI: own + JWKSPath,
		GrantTypes: []string{"client_credentials"}, ResponseTypes: []string{},
		TokenAuth: secret, IntrospectionAuth: secret, RevocationAuth: secret,
	})
	if err != nil {
		return fmt.Errorf("metadata: %w", err)
	}
	servePublic(c, document)
	return nil
}

// servePublic answers with a JSON document that is the same for everybody. Scripts
// of every origin may read it: without credentials, by which nothing in it would
// change.
func servePublic(c *gin.Context, document []byte) {
	sum := sha256.Sum256(document)
	header := c.Writer.Header()
	header.Set("Content-Type", "application/json")
	header.Set("Cache-Control", "public, max-age="+strconv.Itoa(int(publicAge/time.Second)))
	header.Set("ETag", `"`+hex.EncodeToString(sum[:8])+`"`)
	header.Set("Access-Control-Allow-Origin", "*")
	http.ServeContent(c.Writer, c.Request, "", time.Time{}, bytes.NewReader(document))
}

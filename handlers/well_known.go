package handlers

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
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

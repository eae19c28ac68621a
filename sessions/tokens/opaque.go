package tokens

import (
	"crypto/rand"
	"encoding/base64"
	"slices"
	"strings"
	"time"

	"usher/sql/store"
)

// opaqueBytes is of how many random bytes a code or a refresh token is made.
const opaqueBytes = 32

// newOpaque makes a code or a refresh token: 256 random bits in base64url.
func newOpaque() string {
	var random [opaqueBytes]byte
	_, _ = rand.Read(random[:]) // never fails (crypto/rand since Go 1.24)
	return base64.RawURLEncoding.EncodeToString(random[:])
}

// isOpaque reports whether a text has the form of a code or a refresh token.
func isOpaque(text string) bool {
	return len(text) == base64.RawURLEncoding.EncodedLen(opaqueBytes) &&
		strings.Trim(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_") == ""
}

// newRefresh makes a refresh token for a grant, and what is kept of it; nothing
// without the scope offline_access.
func newRefresh(client Client, g Grant, now time.Time) (string, *store.RefreshToken) {
	if !slices.Contains(g.Scopes, ScopeOfflineAccess) {
		return "", nil
	}
	token := newOpaque()
	return token, &store.RefreshToken{
		Digest: digestOf(token), GrantID: g.ID, CreatedAt: now, ExpiresAt: earliest(now.Add(client.RefreshIdle), g.ExpiresAt),
	}
}

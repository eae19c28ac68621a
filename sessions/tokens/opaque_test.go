package tokens

import (
	"crypto/sha256"
	"encoding/base64"
	"strings"
	"testing"
)

func TestOwnClaims(t *testing.T) {
	t.Parallel()
	for _, name := range []string{
		"iss", "sub", "aud", "exp", "iat", "nbf", "jti", "client_id", "scope", "azp", "auth_time", "amr", "acr", "sid", "nonce",
		"at_hash", "c_hash", "act", "SUB", "Client_ID", "\u017fub", "\u017fcope",
	} {
		if !isOwnClaim(name) {
			t.Errorf("%q: got a name that anybody may use, want one of ours", name)
		}
	}
	for _, name := range []string{"", "email", "name", "plan", "subject", "sub ", "scopes"} {
		if isOwnClaim(name) {
			t.Errorf("%q: got one of ours, want a name that anybody may use", name)
		}
	}
}

func TestProves(t *testing.T) {
	t.Parallel()
	of := func(verifier string) string {
		sum := sha256.Sum256([]byte(verifier))
		return base64.RawURLEncoding.EncodeToString(sum[:])
	}
	long := strings.Repeat("a-._~Z09", 17)
	for _, test := range []struct {
		verifier, challenge string
		want                bool
	}{
		{"dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk", "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM", true}, // RFC 7636, appendix B
		{long[:128], of(long[:128]), true},
		{long[:129], of(long[:129]), false},
		{long[:43], of(long[:43]), true},
		{long[:42], of(long[:42]), false},
		{long[:43], of(long[:43]) + "=", false},
		{long[:42] + "+", of(long[:42] + "+"), false},
		{"", "", true},
		{"", of(""), false},
		{long[:43], "", false},
		{of(long), of(long), false},
	} {
		if got := proves(test.verifier, test.challenge); got != test.want {
			t.Errorf("verifier %q, challenge %q: got %t, want %t", test.verifier, test.challenge, got, test.want)
		}
	}
}

// FuzzShown: what comes as a code, a refresh token, a verifier or a list of scopes
// is taken as one of ours only in our spelling.
func FuzzShown(f *testing.F) {
	for _, text := range []string{"", newOpaque(), "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk", "openid email", strings.Repeat("=", 43)} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if isOpaque(text) {
			if random, err := base64.RawURLEncoding.DecodeString(text); err != nil || len(random) != opaqueBytes {
				t.Errorf("%q: got one of ours, want 256 bits", text)
			}
			if isReference(text) || strings.Contains(text, ".") {
				t.Errorf("%q: got two kinds of token at once", text)
			}
		}
		sum := sha256.Sum256([]byte(text))
		if proves(text, base64.RawURLEncoding.EncodeToString(sum[:])) && (len(text) < minVerifier || len(text) > maxVerifier) {
			t.Errorf("%q: got a verifier, want 43 to 128 characters", text)
		}
		for _, name := range namesIn(text) {
			if name == "" || strings.Contains(name, " ") {
				t.Errorf("%q: got the name %q", text, name)
			}
		}
	})
}

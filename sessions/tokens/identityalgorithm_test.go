package tokens_test

import (
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"usher/sessions/tokens"
)

// hashes are the left halves of the hashes that go with the algorithms (OpenID
// Connect Core §3.1.3.6).
var hashes = map[string]func(text string) string{
	tokens.ES256: shortHash,
	tokens.RS256: shortHash,
	tokens.ES384: func(text string) string {
		sum := sha512.Sum384([]byte(text))
		return base64.RawURLEncoding.EncodeToString(sum[:24])
	},
}

func shortHash(text string) string {
	sum := sha256.Sum256([]byte(text))
	return base64.RawURLEncoding.EncodeToString(sum[:16])
}

// keysFor are the keys for an algorithm in the JWKS of a tenant.
func keysFor(t *testing.T, service *tokens.Tokens, tenant, algorithm string) []jose.JSONWebKey {
	t.Helper()
	text, err := service.JWKS(t.Context(), tenant)
	var set jose.JSONWebKeySet
	if err == nil {
		err = json.Unmarshal(text, &set)
	}
	if err != nil {
		t.Fatal(err)
	}
	return slices.DeleteFunc(set.Keys, func(k jose.JSONWebKey) bool { return k.Algorithm != algorithm })
}

// TestIdentityTokenAlgorithm: a client's identity tokens, those of a code, of a
// refresh and beside a code, are signed with its algorithm and hash with it, by a
// key that was in the JWKS before; all else stays as it is.
func TestIdentityTokenAlgorithm(t *testing.T) {
	eachPeople(t, func(t *testing.T, p *people) {
		ctx, s := t.Context(), p.db.Open(t, func() time.Time { return *p.at })
		twin, _, _ := installed(t, s)
		for _, algorithm := range []string{tokens.RS256, tokens.ES384, tokens.ES256} {
			was := p.app.IdentityTokenAlg
			if had := keysFor(t, p.first, p.tenant, algorithm); algorithm != tokens.ES256 && len(had) != 0 {
				t.Fatalf("%s: got %d keys before anybody needs one", algorithm, len(had))
			}
			var err error
			if p.app, err = p.first.ChangeClient(ctx, p.tenant, p.app.ID, tokens.ClientSettings{IdentityTokenAlg: &algorithm}, byTest); err != nil {
				t.Fatal(err)
			}
			if acts := strings.Join(p.db.Rows(t, `SELECT detail FROM audit_log WHERE action = 'client_changed' AND object = $1`, "client "+p.app.ID), "\n"); !strings.Contains(acts,
				`"identity_token_algorithm":{"from":"`+was+`","to":"`+algorithm+`"}`) {
				t.Errorf("%s: got acts %s", algorithm, acts)
			}
			keys := keysFor(t, p.first, p.tenant, algorithm)
			if len(keys) != 1 {
				t.Fatalf("%s: got %d keys, want one before the first token", algorithm, len(keys))
			}
			check := func(what, token string, hashed map[string]string) {
				t.Helper()
				head, claims := unpacked(t, token)
				for _, name := range []string{"at_hash", "c_hash"} {
					if got, _ := claims[name].(string); got != hashed[name] {
						t.Errorf("%s, %s: got %s %q, want %q", algorithm, what, name, got, hashed[name])
					}
				}
				signed, err := jose.ParseSignedCompact(token, []jose.SignatureAlgorithm{jose.SignatureAlgorithm(algorithm)})
				if err != nil || head["kid"] != keys[0].KeyID {
					t.Fatalf("%s, %s: got head %v, error %v", algorithm, what, head, err)
				}
				if _, err := signed.Verify(keys[0]); err != nil {
					t.Errorf("%s, %s: %v", algorithm, what, err)
				}
				hint, err := p.second.ReadIdentity(ctx, p.tenant, issuer, token)
				if err != nil || hint.Subject != p.ada || hint.ClientID != "app" {
					t.Errorf("%s, %s, shown again: got %+v, error %v", algorithm, what, hint, err)
				}
				_, err = p.second.ReadIdentity(ctx, twin, issuer, token)
				wants(t, algorithm+", "+what+", at another tenant", err, tokens.ErrNone)
			}
			hash := hashes[algorithm]
			code, g := p.code(t, everything)
			beside, err := p.first.IdentityToken(ctx, p.tenant, issuer, p.app, g, tokens.IdentityWish{Nonce: "n", Code: code})
			if err != nil {
				t.Fatal(err)
			}
			check("beside a code", beside, map[string]string{"c_hash": hash(code)})
			issued, err := p.second.RedeemCode(ctx, p.tenant, issuer, p.app, code, back, verifier)
			if err != nil {
				t.Fatal(err)
			}
			check("of a code", issued.Identity, map[string]string{"at_hash": hash(issued.Access.Token)})
			if head, _ := unpacked(t, issued.Access.Token); head["alg"] != "ES256" {
				t.Errorf("%s: got an access token with %v, want ES256 as ever", algorithm, head)
			}
			if issued, err = p.first.Refresh(ctx, p.tenant, issuer, p.app, issued.Refresh, ""); err != nil {
				t.Fatal(err)
			}
			check("of a refresh", issued.Identity, map[string]string{"at_hash": hash(issued.Access.Token)})
			older, err := p.first.RefreshV0(ctx, p.tenant, issuer, p.app, issued.Refresh)
			if err != nil {
				t.Fatal(err)
			}
			if head, _ := unpacked(t, older.Identity); head["alg"] != "ES256" {
				t.Errorf("%s: got an identity token of the second wire form with %v, want ES256", algorithm, head)
			}
		}
		for _, algorithm := range []string{tokens.RS256, tokens.ES384} {
			if had := keysFor(t, p.first, twin, algorithm); len(had) != 0 {
				t.Errorf("another tenant: got %d keys for %s", len(had), algorithm)
			}
			made, _, err := p.first.AddClient(ctx, twin, "app", tokens.ClientSettings{Name: ptr("App"), IdentityTokenAlg: &algorithm}, byTest)
			if err != nil || made.IdentityTokenAlg != algorithm || len(keysFor(t, p.first, twin, algorithm)) != 1 {
				t.Errorf("a new client: got %s, error %v, want it with a key", made.IdentityTokenAlg, err)
			}
			if err := p.first.DeleteClient(ctx, twin, made.ID, byTest); err != nil {
				t.Fatal(err)
			}
		}
		// What is refused changes nothing, and makes no key.
		bare, _, _ := installed(t, s)
		_, _, err := p.first.AddClient(ctx, bare, "app", tokens.ClientSettings{IdentityTokenAlg: ptr(tokens.RS256)}, byTest)
		if len(fieldsOf(err)) != 1 || len(keysFor(t, p.first, bare, tokens.RS256)) != 0 {
			t.Errorf("a refused client: got error %v, want one of its name and no key", err)
		}
	})
}

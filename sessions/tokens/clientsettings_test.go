package tokens_test

import (
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"usher/sessions/tokens"
	"usher/sql/store/storetest"
)

// TestClientSettings: what a client of people can be, what does not go together,
// and that a refusal changes nothing.
func TestClientSettings(t *testing.T) {
	t.Parallel()
	storetest.EachDatabase(t, func(t *testing.T, db *storetest.Database) {
		now := func() time.Time { return epoch }
		s := db.Open(t, now)
		service, ctx := open(s, now), t.Context()
		tenant, other := newTenant(t, s), newTenant(t, s)
		for _, in := range []string{tenant, other} {
			if _, err := service.AddCustomClaim(ctx, in, tokens.NewCustomClaim{Name: "in_" + in[len(in)-4:], Type: "text"}, byTest); err != nil {
				t.Fatal(err)
			}
		}
		claim, foreign := "in_"+tenant[len(tenant)-4:], "in_"+other[len(other)-4:]
		c, secret, err := service.AddClient(ctx, tenant, "shop", tokens.ClientSettings{
			Name: ptr("Shop"), Grants: []string{tokens.GrantRefreshToken, tokens.GrantAuthorizationCode},
			RedirectURIs: []string{"https://shop.example/back"}, PostLogoutURIs: []string{"https://shop.example/bye"},
			IdentityScopes: []string{"profile", "openid", "openid"}, RequiredClaims: []string{claim}, AskConsent: ptr(true),
			CodeLife: ptr(30 * time.Second), IdentityTokenLife: ptr(time.Hour), RefreshLife: ptr(365 * 24 * time.Hour), RefreshIdle: ptr(365 * 24 * time.Hour),
		}, byTest)
		if err != nil || secret == "" {
			t.Fatalf("got a secret of %d characters, error %v", len(secret), err)
		}
		got, err := service.Client(ctx, tenant, c.ID)
		if err != nil || !slices.Equal(got.Grants, []string{"authorization_code", "refresh_token"}) || !slices.Equal(got.IdentityScopes, []string{"openid", "profile"}) ||
			!slices.Equal(got.RequiredClaims, []string{claim}) || !got.AskConsent || got.CodeLife != 30*time.Second || got.IdentityTokenLife != time.Hour ||
			got.RefreshLife != 365*24*time.Hour || got.RefreshIdle != 365*24*time.Hour || got.Kind != tokens.KindApplication {
			t.Errorf("got %+v, error %v", got, err)
		}
		if act := newestAct(t, s, tenant); !strings.Contains(act, `"redirect_uris"`) || !strings.Contains(act, `"refresh_idle"`) || !strings.Contains(act, `"required_claims"`) {
			t.Errorf("audit log: got %s", act)
		}
		keys := jwks(t, jose.JSONWebKey{Key: keyOf(t, jose.ES256).Public(), KeyID: "a"})
		for name, test := range map[string]struct {
			wish  tokens.ClientSettings
			field string
		}{
			"another kind":              {tokens.ClientSettings{Kind: ptr(tokens.KindPerson)}, "kind"},
			"another user":              {tokens.ClientSettings{User: ptr(newID(t))}, "user_id"},
			"public with live secrets":  {tokens.ClientSettings{Public: ptr(true)}, "public"},
			"an unknown grant":          {tokens.ClientSettings{Grants: []string{"password"}}, "grants"},
			"nothing to refresh":        {tokens.ClientSettings{Grants: []string{tokens.GrantRefreshToken, tokens.GrantClientCredentials}}, "grants"},
			"no such identity scope":    {tokens.ClientSettings{IdentityScopes: []string{"openid", "shoe_size"}}, "identity_scopes"},
			"offline_access":            {tokens.ClientSettings{IdentityScopes: []string{"offline_access"}}, "identity_scopes"},
			"a claim of another tenant": {tokens.ClientSettings{RequiredClaims: []string{foreign}}, "required_claims"},
			"no such integration":       {tokens.ClientSettings{Integration: ptr(newID(t))}, "integration"},
			"no id of an integration":   {tokens.ClientSettings{Integration: ptr("lumen")}, "integration"},
			"a short code":              {tokens.ClientSettings{CodeLife: ptr(29 * time.Second)}, "code_life"},
			"a long code":               {tokens.ClientSettings{CodeLife: ptr(601 * time.Second)}, "code_life"},
			"half a second":             {tokens.ClientSettings{CodeLife: ptr(60500 * time.Millisecond)}, "code_life"},
			"a long identity token":     {tokens.ClientSettings{IdentityTokenLife: ptr(24*time.Hour + time.Second)}, "identity_token_life"},
			"a weak algorithm":          {tokens.ClientSettings{IdentityTokenAlg: ptr("HS256")}, "identity_token_algorithm"},
			"no signature":              {tokens.ClientSettings{IdentityTokenAlg: ptr("none")}, "identity_token_algorithm"},
			"no algorithm":              {tokens.ClientSettings{IdentityTokenAlg: ptr("")}, "identity_token_algorithm"},
			"a long refresh token":      {tokens.ClientSettings{RefreshLife: ptr(365*24*time.Hour + time.Second)}, "refresh_life"},
			"idle beyond the end":       {tokens.ClientSettings{RefreshLife: ptr(time.Hour)}, "refresh_idle"},
			"no time to refresh":        {tokens.ClientSettings{RefreshIdle: ptr(time.Duration(0))}, "refresh_idle"},
		} {
			if _, err := service.ChangeClient(ctx, tenant, c.ID, test.wish, byTest); !slices.Equal(fieldsOf(err), []string{test.field}) {
				t.Errorf("%s: got error %v, want one of %s", name, err, test.field)
			}
		}
		for name, test := range map[string]struct {
			wish  tokens.ClientSettings
			field string
		}{
			"public, for itself":               {tokens.ClientSettings{Public: ptr(true), Grants: []string{tokens.GrantClientCredentials}}, "grants"},
			"public, with keys":                {tokens.ClientSettings{Public: ptr(true), Keys: &keys}, "jwks"},
			"an organization":                  {tokens.ClientSettings{Kind: ptr(tokens.KindOrganization)}, "kind"},
			"an unknown kind":                  {tokens.ClientSettings{Kind: ptr("robot")}, "kind"},
			"a person's, of nobody":            {tokens.ClientSettings{Kind: ptr(tokens.KindPerson)}, "user_id"},
			"a person's, who is not there":     {tokens.ClientSettings{Kind: ptr(tokens.KindPerson), User: ptr(newID(t))}, "user_id"},
			"an application with a user":       {tokens.ClientSettings{User: ptr(newID(t))}, "user_id"},
			"a claim that is not there":        {tokens.ClientSettings{RequiredClaims: []string{"nowhere"}}, "required_claims"},
			"an integration that is not there": {tokens.ClientSettings{Integration: ptr(newID(t))}, "integration"},
		} {
			test.wish.Name = ptr("N")
			if _, _, err := service.AddClient(ctx, tenant, "", test.wish, byTest); !slices.Contains(fieldsOf(err), test.field) {
				t.Errorf("%s: got error %v, want one of %s", name, err, test.field)
			}
		}
		if again, err := service.Client(ctx, tenant, c.ID); err != nil || again.Revision != 1 {
			t.Errorf("after refusals: got revision %d, error %v, want 1", again.Revision, err)
		}
		if list, _, err := service.Clients(ctx, tenant, "", 10); err != nil || len(list) != 1 {
			t.Errorf("after refusals: got %d clients, error %v, want 1", len(list), err)
		}
		// Once its secrets are retired it can become public, and has none from then on.
		secrets, err := service.Secrets(ctx, tenant, tokens.OfClient, c.ID)
		if err != nil || len(secrets) != 1 {
			t.Fatalf("got %d secrets, error %v", len(secrets), err)
		}
		if err := service.RetireSecret(ctx, tenant, tokens.OfClient, c.ID, secrets[0].ID, epoch, byTest); err != nil {
			t.Fatal(err)
		}
		if c, err = service.ChangeClient(ctx, tenant, c.ID, tokens.ClientSettings{Public: ptr(true)}, byTest); err != nil || !c.Public {
			t.Errorf("public: got %v, error %v", c.Public, err)
		}
	})
}

// TestPublicAgainstSecret: however a client becoming public and a new secret of it
// meet, it does not end up with both.
func TestPublicAgainstSecret(t *testing.T) {
	t.Parallel()
	storetest.EachDatabase(t, func(t *testing.T, db *storetest.Database) {
		now := func() time.Time { return epoch }
		s := db.Open(t, now)
		service, ctx, tenant := open(s, now), t.Context(), newTenant(t, s)
		keys := jwks(t, jose.JSONWebKey{Key: keyOf(t, jose.ES256).Public()})
		for round := range 10 {
			c, _, err := service.AddClient(ctx, tenant, fmt.Sprintf("c%d", round), tokens.ClientSettings{
				Name: ptr("C"), Keys: &keys, Grants: []string{tokens.GrantAuthorizationCode},
			}, byTest)
			if err != nil {
				t.Fatal(err)
			}
			var wg sync.WaitGroup
			wg.Go(func() {
				_, err := service.ChangeClient(ctx, tenant, c.ID, tokens.ClientSettings{Public: ptr(true), Keys: ptr("")}, byTest)
				if err != nil && !slices.Equal(fieldsOf(err), []string{"public"}) {
					t.Errorf("ChangeClient: got error %v", err)
				}
			})
			wg.Go(func() {
				_, _, err := service.AddSecret(ctx, tenant, tokens.OfClient, c.ID, byTest)
				if err != nil && !slices.Equal(fieldsOf(err), []string{"secrets"}) {
					t.Errorf("AddSecret: got error %v", err)
				}
			})
			wg.Wait()
			after, err := s.Client(ctx, tenant, c.ID)
			if err != nil {
				t.Fatal(err)
			}
			secrets, err := s.Secrets(ctx, tenant, tokens.OfClient, c.ID, 10)
			if err != nil {
				t.Fatal(err)
			}
			if after.Public == (len(secrets) > 0) {
				t.Errorf("got public %v with %d secrets, want one of the two", after.Public, len(secrets))
			}
		}
	})
}

// TestClientKeys: which keys a client can prove itself with, and that a private
// one is neither kept nor repeated.
func TestClientKeys(t *testing.T) {
	t.Parallel()
	storetest.EachDatabase(t, func(t *testing.T, db *storetest.Database) {
		now := func() time.Time { return epoch }
		s := db.Open(t, now)
		service, ctx, tenant := open(s, now), t.Context(), newTenant(t, s)
		c, _, err := service.AddClient(ctx, tenant, "robot", tokens.ClientSettings{Name: ptr("Robot")}, byTest)
		if err != nil {
			t.Fatal(err)
		}
		ec, short := keyOf(t, jose.ES256), smallRSA(t)
		for name, keys := range map[string]string{
			"every kind": jwks(t,
				jose.JSONWebKey{Key: ec.Public(), KeyID: "a"}, jose.JSONWebKey{Key: keyOf(t, jose.ES384).Public(), KeyID: "b", Use: "sig"},
				jose.JSONWebKey{Key: keyOf(t, jose.EdDSA).Public()}, jose.JSONWebKey{Key: keyOf(t, jose.RS256).Public(), Algorithm: "PS256"}),
			"spaces":             " \n" + jwks(t, jose.JSONWebKey{Key: ec.Public()}),
			"members of its own": strings.Replace(jwks(t, jose.JSONWebKey{Key: ec.Public()}), `{"kty"`, `{"x_note":"ours","kty"`, 1),
			"none":               "",
		} {
			got, err := service.ChangeClient(ctx, tenant, c.ID, tokens.ClientSettings{Keys: &keys}, byTest)
			if err != nil || (got.Keys == "") != (keys == "") || strings.Contains(got.Keys, "x_note") || strings.Contains(got.Keys, `"d"`) {
				t.Errorf("%s: got %s, error %v", name, got.Keys, err)
			}
		}
		private, err := json.Marshal(jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: ec}}})
		if err != nil {
			t.Fatal(err)
		}
		many := make([]jose.JSONWebKey, 11)
		for i := range many {
			many[i] = jose.JSONWebKey{Key: ec.Public(), KeyID: fmt.Sprint(i)}
		}
		raw, err := ec.(*ecdsa.PrivateKey).Bytes()
		if err != nil {
			t.Fatal(err)
		}
		for name, keys := range map[string]string{
			"a private key":    string(private),
			"a shared key":     `{"keys":[{"kty":"oct","k":"c2VjcmV0LXNlY3JldA"}]}`,
			"a small RSA key":  jwks(t, jose.JSONWebKey{Key: &short.PublicKey}),
			"P-521":            jwks(t, jose.JSONWebKey{Key: keyOf(t, jose.ES512).Public()}),
			"another alg":      jwks(t, jose.JSONWebKey{Key: ec.Public(), Algorithm: "ES384"}),
			"for encryption":   jwks(t, jose.JSONWebKey{Key: ec.Public(), Use: "enc"}),
			"one kid twice":    jwks(t, jose.JSONWebKey{Key: ec.Public(), KeyID: "a"}, jose.JSONWebKey{Key: keyOf(t, jose.ES256).Public(), KeyID: "a"}),
			"a long kid":       jwks(t, jose.JSONWebKey{Key: ec.Public(), KeyID: strings.Repeat("k", 257)}),
			"too many":         jwks(t, many...),
			"too long":         `{"keys":[` + strings.Repeat(" ", 16<<10) + `]}`,
			"one key, no set":  strings.TrimSuffix(strings.TrimPrefix(jwks(t, jose.JSONWebKey{Key: ec.Public()}), `{"keys":[`), `]}`),
			"no keys":          `{"keys":[]}`,
			"a point off":      `{"keys":[{"kty":"EC","crv":"P-256","x":"AAAA","y":"AAAA"}]}`,
			"an unknown kind":  `{"keys":[{"kty":"XYZ"}]}`,
			"no JSON":          "-----BEGIN PUBLIC KEY-----",
			"a key of nothing": `{"keys":[null]}`,
		} {
			_, err := service.ChangeClient(ctx, tenant, c.ID, tokens.ClientSettings{Keys: &keys}, byTest)
			if !slices.Equal(fieldsOf(err), []string{"jwks"}) {
				t.Errorf("%s: got error %v, want one of jwks", name, err)
			}
			if err != nil && (strings.Contains(err.Error(), "c2VjcmV0") || strings.Contains(err.Error(), base64.RawURLEncoding.EncodeToString(raw))) {
				t.Errorf("%s: the error repeats the key: %v", name, err)
			}
		}
		if after, err := service.Client(ctx, tenant, c.ID); err != nil || strings.Contains(after.Keys, base64.RawURLEncoding.EncodeToString(raw)) {
			t.Errorf("got %s, error %v", after.Keys, err)
		}
	})
}

// smallRSA is a key that is too small to be trusted.
func smallRSA(t *testing.T) *rsa.PrivateKey {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 1024)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// FuzzClientKeys: whatever is pasted as keys is refused by its field, or becomes a
// set of public keys that can be pasted again.
func FuzzClientKeys(f *testing.F) {
	_, service, tenant := fuzzTenant(f)
	c, _, err := service.AddClient(f.Context(), tenant, "robot", tokens.ClientSettings{Name: ptr("Robot")}, byTest)
	if err != nil {
		f.Fatal(err)
	}
	for _, seed := range []string{
		"", `{"keys":[]}`, `{"keys":[{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]}`,
		`{"keys":[{"kty":"EC","crv":"P-256","x":"MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4","y":"4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM","d":"870MB6gfuTJ4HtUnUvYMyJpr5eUZNP4Bk43bVdj3eAE"}]}`,
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, keys string) {
		got, err := service.ChangeClient(t.Context(), tenant, c.ID, tokens.ClientSettings{Keys: &keys}, byTest)
		if err != nil {
			if wrong, is := errors.AsType[*tokens.Invalid](err); !is || wrong.Field != "jwks" {
				t.Errorf("got error %v", err)
			}
			return
		}
		again, err := service.ChangeClient(t.Context(), tenant, c.ID, tokens.ClientSettings{Keys: &got.Keys}, byTest)
		if err != nil || again.Keys != got.Keys || strings.Contains(got.Keys, `"d":`) || strings.Contains(got.Keys, `"k":`) {
			t.Errorf("got %s from %q, then %s, error %v", got.Keys, keys, again.Keys, err)
		}
	})
}

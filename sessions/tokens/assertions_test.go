package tokens_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"errors"
	"maps"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"usher/sessions/tokens"
	"usher/sql/store"
	"usher/sql/store/storetest"
)

// keyOf makes a key pair for an algorithm.
func keyOf(t *testing.T, algorithm jose.SignatureAlgorithm) crypto.Signer {
	t.Helper()
	var key crypto.Signer
	var err error
	switch algorithm {
	case jose.ES256:
		key, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	case jose.ES384:
		key, err = ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	case jose.ES512:
		key, err = ecdsa.GenerateKey(elliptic.P521(), rand.Reader)
	case jose.EdDSA:
		_, key, err = ed25519.GenerateKey(rand.Reader)
	default:
		key, err = rsa.GenerateKey(rand.Reader, 2048)
	}
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// jwks is a set of keys, as JSON.
func jwks(t *testing.T, keys ...jose.JSONWebKey) string {
	t.Helper()
	text, err := json.Marshal(jose.JSONWebKeySet{Keys: keys})
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// signClaims signs claims as a client would.
func signClaims(t *testing.T, algorithm jose.SignatureAlgorithm, key any, kid string, claims map[string]any) string {
	t.Helper()
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: algorithm, Key: jose.JSONWebKey{Key: key, KeyID: kid}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	payload, err := json.Marshal(claims)
	if err != nil {
		t.Fatal(err)
	}
	signed, err := signer.Sign(payload)
	if err != nil {
		t.Fatal(err)
	}
	text, err := signed.CompactSerialize()
	if err != nil {
		t.Fatal(err)
	}
	return text
}

const tokenEndpoint = "https://t.example/connect/token"

// claimsOf are what a client says of itself; other replaces and, with nil,
// leaves out.
func claimsOf(other map[string]any) map[string]any {
	claims := map[string]any{
		"iss": "robot", "sub": "robot", "aud": tokenEndpoint, "exp": epoch.Add(time.Minute).Unix(), "iat": epoch.Unix(), "jti": rand.Text(),
	}
	maps.Copy(claims, other)
	maps.DeleteFunc(claims, func(_ string, value any) bool { return value == nil })
	return claims
}

// TestAssertions: what a client proves with its key, and what proves nothing.
func TestAssertions(t *testing.T) {
	t.Parallel()
	storetest.EachDatabase(t, func(t *testing.T, db *storetest.Database) {
		now := func() time.Time { return epoch }
		s := db.Open(t, now)
		service, ctx := open(s, now), t.Context()
		tenant, other := newTenant(t, s), newTenant(t, s)
		ec, rsaKey, foreign := keyOf(t, jose.ES256), keyOf(t, jose.PS256), keyOf(t, jose.ES256)
		c, secret, err := service.AddClient(ctx, tenant, "robot", tokens.ClientSettings{
			Name: ptr("Robot"), Keys: ptr(jwks(t,
				jose.JSONWebKey{Key: ec.Public(), KeyID: "ec"}, jose.JSONWebKey{Key: rsaKey.Public(), KeyID: "rsa", Algorithm: "PS256"})),
		}, byTest)
		if err != nil || secret != "" {
			t.Fatalf("AddClient: got a secret of %d characters, error %v, want none: it has keys", len(secret), err)
		}
		for _, off := range []struct {
			name string
			wish tokens.ClientSettings
		}{
			{"disabled", tokens.ClientSettings{Name: ptr("Off"), Disabled: ptr(true), Keys: ptr(c.Keys)}},
			{"keyless", tokens.ClientSettings{Name: ptr("Keyless")}},
		} {
			if _, _, err := service.AddClient(ctx, tenant, off.name, off.wish, byTest); err != nil {
				t.Fatal(err)
			}
		}
		audiences := []string{tokenEndpoint, "https://t.example"}
		of := func(name string) map[string]any { return map[string]any{"iss": name, "sub": name} }
		sign := func(claims map[string]any) string { return signClaims(t, jose.ES256, ec, "ec", claimsOf(claims)) }
		good := sign(nil)
		reasons := map[string]string{ // what the log says
			"of another client": "client_id", "a foreign key": "signed", "another kid": "kid", "disabled": "disabled",
			"for somebody else": "aud", "ended": "exp has passed", "no end": "exp is missing", "an end far off": "an hour",
			"not begun": "nbf", "issued in the future": "iat", "no jti": "jti is missing", "no issuer": "iss and sub",
		}
		for name, test := range map[string]struct {
			assertion, tenant, clientID string
			ok                          bool
		}{
			"good":                        {assertion: good, ok: true},
			"of the client named beside":  {assertion: sign(nil), clientID: "robot", ok: true},
			"without a kid":               {assertion: signClaims(t, jose.ES256, ec, "", claimsOf(nil)), ok: true},
			"PS256":                       {assertion: signClaims(t, jose.PS256, rsaKey, "rsa", claimsOf(nil)), ok: true},
			"for the issuer":              {assertion: sign(map[string]any{"aud": []string{"https://other.example", "https://t.example"}}), ok: true},
			"a clock ahead":               {assertion: sign(map[string]any{"iat": epoch.Add(20 * time.Second).Unix()}), ok: true},
			"no iat":                      {assertion: sign(map[string]any{"iat": nil}), ok: true},
			"of another client":           {assertion: sign(nil), clientID: "keyless"},
			"RS256 by a key for PS256":    {assertion: signClaims(t, jose.RS256, rsaKey, "rsa", claimsOf(nil))},
			"HS256 by the public key":     {assertion: signClaims(t, jose.HS256, []byte(c.Keys), "ec", claimsOf(nil))},
			"a foreign key":               {assertion: signClaims(t, jose.ES256, foreign, "ec", claimsOf(nil))},
			"another kid":                 {assertion: signClaims(t, jose.ES256, ec, "rsa", claimsOf(nil))},
			"another tenant":              {assertion: sign(nil), tenant: other},
			"disabled":                    {assertion: sign(of("disabled"))},
			"a client without keys":       {assertion: sign(of("keyless"))},
			"a client that is not there":  {assertion: sign(of("nobody"))},
			"issued by somebody else":     {assertion: sign(map[string]any{"iss": "keyless"})},
			"no issuer":                   {assertion: sign(map[string]any{"iss": nil})},
			"for somebody else":           {assertion: sign(map[string]any{"aud": "https://other.example"})},
			"for nobody":                  {assertion: sign(map[string]any{"aud": nil})},
			"ended":                       {assertion: sign(map[string]any{"exp": epoch.Unix()})},
			"no end":                      {assertion: sign(map[string]any{"exp": nil})},
			"an end far off":              {assertion: sign(map[string]any{"exp": epoch.Add(time.Hour + time.Second).Unix()})},
			"an end beyond all":           {assertion: sign(map[string]any{"exp": 1e300})},
			"not begun":                   {assertion: sign(map[string]any{"nbf": epoch.Add(time.Minute).Unix()})},
			"issued in the future":        {assertion: sign(map[string]any{"iat": epoch.Add(time.Minute).Unix()})},
			"no jti":                      {assertion: sign(map[string]any{"jti": nil})},
			"a long jti":                  {assertion: sign(map[string]any{"jti": strings.Repeat("j", 513)})},
			"claims that are no claims":   {assertion: sign(map[string]any{"exp": "soon"})},
			"a signature of another text": {assertion: good[:strings.LastIndex(good, ".")+1] + sign(nil)[strings.LastIndex(good, ".")+1:]},
			"cut":                         {assertion: good[:len(good)-1]},
			"nothing":                     {},
		} {
			in := tenant
			if test.tenant != "" {
				in = test.tenant
			}
			got, err := service.AuthenticateAssertion(ctx, in, test.clientID, test.assertion, audiences)
			if test.ok && (err != nil || got.ID != c.ID) || !test.ok && !errors.Is(err, tokens.ErrInvalidClient) {
				t.Errorf("%s: got client %q, error %v, want success %v", name, got.ID, err, test.ok)
			}
			if want := reasons[name]; want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
				t.Errorf("%s: got error %v, want it to say %q", name, err, want)
			}
			if !test.ok && got.Name != "" {
				t.Errorf("%s: got %+v, want no more than its id", name, got)
			}
		}
		// A right one is good after all those wrong ones.
		if _, err := service.AuthenticateAssertion(ctx, tenant, "", sign(nil), audiences); err != nil {
			t.Errorf("after the wrong ones: %v", err)
		}
	})
}

// TestAssertionIsGoodOnce: of many that come at once, at two instances, one
// counts; it is remembered until its end, and no longer.
func TestAssertionIsGoodOnce(t *testing.T) {
	t.Parallel()
	storetest.EachDatabase(t, func(t *testing.T, db *storetest.Database) {
		var mu sync.Mutex
		at := epoch
		now := func() time.Time { mu.Lock(); defer mu.Unlock(); return at }
		s := db.Open(t, now)
		instances, ctx := []*tokens.Tokens{open(s, now), open(s, now)}, t.Context()
		tenant, other := newTenant(t, s), newTenant(t, s)
		key := keyOf(t, jose.EdDSA)
		for _, in := range []string{tenant, other} {
			if _, _, err := instances[0].AddClient(ctx, in, "robot", tokens.ClientSettings{
				Name: ptr("Robot"), Keys: ptr(jwks(t, jose.JSONWebKey{Key: key.Public()})),
			}, byTest); err != nil {
				t.Fatal(err)
			}
		}
		assertion := signClaims(t, jose.EdDSA, key, "", claimsOf(nil))
		var wg sync.WaitGroup
		results := make([]error, 20)
		for i := range results {
			wg.Go(func() {
				_, results[i] = instances[i%2].AuthenticateAssertion(ctx, tenant, "robot", assertion, []string{tokenEndpoint})
			})
		}
		wg.Wait()
		good := 0
		for _, err := range results {
			switch {
			case err == nil:
				good++
			case !errors.Is(err, tokens.ErrInvalidClient):
				t.Errorf("got error %v", err)
			}
		}
		if good != 1 {
			t.Errorf("got %d that counted, want 1", good)
		}
		// A client of the same name at another tenant is another client.
		if _, err := instances[0].AuthenticateAssertion(ctx, other, "", assertion, []string{tokenEndpoint}); err != nil {
			t.Errorf("another tenant's: %v", err)
		}
		instances[0].Sweep(ctx)
		if n, err := s.ForgetAssertions(ctx, epoch.Add(time.Minute), 100); err != nil || n != 0 {
			t.Errorf("before their end: %d were forgotten, error %v, want 0", n, err)
		}
		if n, err := s.ForgetAssertions(ctx, epoch.Add(time.Minute+time.Second), 1); err != nil || n != 1 {
			t.Errorf("after their end, one at most: %d were forgotten, error %v, want 1", n, err)
		}
		mu.Lock()
		at = epoch.Add(2 * time.Minute)
		mu.Unlock()
		instances[1].Sweep(ctx)
		if n, err := s.ForgetAssertions(ctx, epoch.Add(time.Hour), 100); err != nil || n != 0 {
			t.Errorf("after the sweep: %d were left, error %v, want 0", n, err)
		}
	})
}

// TestAssertionMeetsAFault: a database that does not answer is no wrong key, and
// spends no assertion.
func TestAssertionMeetsAFault(t *testing.T) {
	t.Parallel()
	storetest.EachDatabase(t, func(t *testing.T, db *storetest.Database) {
		now := func() time.Time { return epoch }
		s := db.Open(t, now)
		service, tenant, key := open(s, now), newTenant(t, s), keyOf(t, jose.ES384)
		if _, _, err := service.AddClient(t.Context(), tenant, "robot", tokens.ClientSettings{
			Name: ptr("Robot"), Keys: ptr(jwks(t, jose.JSONWebKey{Key: key.Public()})),
		}, byTest); err != nil {
			t.Fatal(err)
		}
		assertion := signClaims(t, jose.ES384, key, "", claimsOf(nil))
		gone := db.Open(t, now)
		if err := gone.Close(); err != nil {
			t.Fatal(err)
		}
		_, err := open(gone, now).AuthenticateAssertion(t.Context(), tenant, "", assertion, []string{tokenEndpoint})
		if err == nil || errors.Is(err, tokens.ErrInvalidClient) {
			t.Errorf("without a database: got error %v, want a fault", err)
		}
		if _, err := service.AuthenticateAssertion(t.Context(), tenant, "", assertion, []string{tokenEndpoint}); err != nil {
			t.Errorf("afterwards: %v", err)
		}
	})
}

// fuzzTenant is a tenant of a store in a file.
func fuzzTenant(f *testing.F) (*store.Store, *tokens.Tokens, string) {
	f.Helper()
	now := func() time.Time { return epoch }
	s, err := store.OpenSQLite(f.TempDir()+"/usher.db", now)
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(func() { _ = s.Close() })
	if _, err := s.Migrate(f.Context()); err != nil {
		f.Fatal(err)
	}
	const tenant = "0190a8f0-0000-7000-8000-000000000001"
	if err := s.AddTenant(f.Context(), store.Tenant{ID: tenant, Name: "T", Hosts: []string{"t.example"}, CreatedAt: epoch}, nil,
		store.Act{By: byTest, Action: "made", Object: "test"}); err != nil {
		f.Fatal(err)
	}
	return s, open(s, now), tenant
}

// FuzzAssertion: whatever is sent as an assertion proves nothing, and breaks
// nothing.
func FuzzAssertion(f *testing.F) {
	_, service, tenant := fuzzTenant(f)
	const key = `{"keys":[{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]}`
	if _, _, err := service.AddClient(f.Context(), tenant, "robot", tokens.ClientSettings{Name: ptr("Robot"), Keys: ptr(key)}, byTest); err != nil {
		f.Fatal(err)
	}
	for _, seed := range []string{
		"", "..", "eyJhbGciOiJub25lIn0.e30.", "eyJhbGciOiJFUzI1NiJ9.e30.AAAA",
		"eyJhbGciOiJFZERTQSJ9.eyJpc3MiOiJyb2JvdCIsInN1YiI6InJvYm90IiwiYXVkIjoieCIsImV4cCI6MWUzMDAsImp0aSI6ImEifQ.AAAA",
		"eyJhbGciOiJFUzI1NiIsImNyaXQiOlsiYjY0Il0sImI2NCI6ZmFsc2V9.eyJpc3MiOiJhIn0.AAAA",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, assertion string) {
		c, err := service.AuthenticateAssertion(t.Context(), tenant, "", assertion, []string{tokenEndpoint})
		if !errors.Is(err, tokens.ErrInvalidClient) || c.Name != "" {
			t.Errorf("got client %q, error %v", c.ID, err)
		}
	})
}

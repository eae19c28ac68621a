package main

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"math/big"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"
)

// TestEveryReason makes each refusal happen by a real request, as a page and
// as a problem.
func TestEveryReason(t *testing.T) {
	eachWorld(t, func(t *testing.T, w world) {
		i := launch(t, w)
		now := time.Now().Unix()
		lumen := i.install(t, fields{"issuer": "https://lumen.example"})
		app := lumen.AppID
		other := i.install(t, fields{"name": "Other", "auto_create": false})
		never := i.install(t, fields{"name": "Never", "link_policy": "never"})
		open := i.install(t, fields{"name": "Open", "max_age": nil})
		removed := i.install(t, fields{"name": "Removed"})
		i.admin(t, http.StatusNoContent, http.MethodDelete, "/integrations/"+removed.ID, nil)
		rotated := i.install(t, fields{"name": "Rotated"})
		i.admin(t, http.StatusCreated, http.MethodPost, "/integrations/"+rotated.ID+"/keys", fields{})
		i.admin(t, http.StatusNoContent, http.MethodDelete, "/integrations/"+rotated.ID+"/keys/"+rotated.kid(), nil)

		anna := person("anna").with(fields{"iss": app})
		i.signIn(t, link(lumen.token(anna)))
		i.signIn(t, link(lumen.token(person("dora").with(fields{"iss": app}))))
		dora := decode[struct{ Users []struct{ ID string } }](t,
			i.admin(t, http.StatusOK, http.MethodGet, "/users?email=DORA@lumen.example", nil)).Users[0].ID
		i.admin(t, http.StatusOK, http.MethodPatch, "/users/"+dora, fields{"disabled": true})
		spent := lumen.token(anna.with(fields{"jti": "spent"}))
		i.signIn(t, link(spent))

		tests := []struct {
			name   string
			target string
			status int
			reason string
		}{
			{"no token", "/auth/callback/jwt-auth?go=/x", 400, "token_missing"},
			{"17 KiB", link(strings.Repeat("a", 17<<10)), 413, "too_large"},
			{"one part", link("abc"), 400, "token_malformed"},
			{"padding", link(lumen.token(anna) + "="), 400, "token_malformed"},
			{"crit", link(signed("HS256", lumen.secret(), fields{"crit": []string{"x"}}, anna)), 400, "token_malformed"},
			{"none", link(signed("none", "", fields{"kid": lumen.kid()}, anna)), 400, "alg_not_allowed"},
			{"HS512 with a key for HS256", link(signed("HS512", lumen.secret(), fields{"kid": lumen.kid()}, anna)), 400, "alg_not_allowed"},
			{"unknown app id", link(signed("HS256", lumen.secret(), nil, anna), "appId", "0123456789abcdef01234567"), 404, "integration_unknown"},
			{"nothing names one of several", link(signed("HS256", lumen.secret(), nil, person("anna"))), 404, "integration_unknown"},
			{"removed", link(removed.token(person("anna"))), 401, "integration_removed"},
			{"retired key", link(rotated.token(person("anna"))), 401, "key_retired"},
			{"broken signature", link(breakSignature(lumen.token(anna))), 401, "signature_invalid"},
			{"another secret", link(signed("HS256", other.secret(), fields{"kid": lumen.kid()}, anna)), 401, "signature_invalid"},
			{"exp", link(lumen.token(anna.with(fields{"exp": now - 61}))), 401, "token_expired"},
			{"nbf", link(lumen.token(anna.with(fields{"nbf": now + 900}))), 401, "token_not_yet_valid"},
			{"no iat", link(lumen.token(anna.with(fields{"iat": nil}))), 401, "iat_missing"},
			{"iat ahead", link(lumen.token(anna.with(fields{"iat": now + 900}))), 401, "issued_in_future"},
			{"iat long ago", link(lumen.token(anna.with(fields{"iat": now - 300}))), 401, "token_too_old"},
			{"iss", link(lumen.token(anna.with(fields{"iss": "https://evil.example"}))), 401, "issuer_mismatch"},
			{"iss of another integration", link(lumen.token(anna.with(fields{"iss": other.AppID}))), 401, "issuer_mismatch"},
			{"no iss where one is set", link(lumen.token(anna.with(fields{"iss": nil}))), 401, "issuer_mismatch"},
			{"aud", link(lumen.token(anna.with(fields{"aud": "https://elsewhere.example"}))), 401, "audience_mismatch"},
			{"aud with another port", link(lumen.token(anna.with(fields{"aud": "http://localhost:1"}))), 401, "audience_mismatch"},
			{"used", link(spent), 401, "token_replayed"},
			{"no e-mail", link(lumen.token(anna.with(fields{"email": nil}))), 400, "claim_missing"},
			{"groups as text", link(lumen.token(anna.with(fields{"groups": "1,2"}))), 400, "claim_invalid"},
			{"milliseconds", link(lumen.token(anna.with(fields{"iat": now * 1000}))), 400, "claim_invalid"},
			{"disabled", link(lumen.token(person("dora").with(fields{"iss": app}))), 403, "user_disabled"},
			{"no auto-create", link(other.token(person("emil"))), 403, "user_unknown"},
			{"another integration's person", link(open.token(person("anna"))), 409, "email_in_use"},
			{"never linked", link(never.token(person("anna"))), 409, "email_in_use"},
			{"another sub", link(lumen.token(anna.with(fields{"sub": "id-berta"}))), 409, "subject_conflict"},
		}
		for _, tt := range tests {
			t.Run(tt.name, func(t *testing.T) {
				i.wantReason(t, i.get(t, tt.target, wantsJSON), tt.status, tt.reason)
				page := i.get(t, tt.target, wantsPage)
				i.wantReason(t, page, tt.status, tt.reason)
				if tt.status == http.StatusUnauthorized && page.header.Get("WWW-Authenticate") == "" {
					t.Errorf("got no WWW-Authenticate on a 401")
				}
			})
		}

		claim := decode[struct{ Path, Expected string }](t,
			i.get(t, link(lumen.token(anna.with(fields{"groups": []any{"a", true}}))), wantsJSON))
		if claim.Path != "groups[1]" || claim.Expected == "" {
			t.Errorf("got path %q and expected %q, want groups[1] and what belongs there", claim.Path, claim.Expected)
		}
	})
}

// TestEveryAlgorithm installs each kind of key, public ones in both forms.
func TestEveryAlgorithm(t *testing.T) {
	eachWorld(t, func(t *testing.T, w world) {
		i := launch(t, w)
		rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
		if err != nil {
			t.Fatal(err)
		}
		ecKey, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		point, err := ecKey.PublicKey.Bytes()
		if err != nil {
			t.Fatal(err)
		}
		edPublic, edKey, err := ed25519.GenerateKey(rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		b64 := base64.RawURLEncoding.EncodeToString
		typed := "a typed secret, 37 bytes of plain text"
		tests := []struct {
			name, algorithm string
			key             any // nil = the secret that comes back
			wish            fields
		}{
			{"made secret", "HS256", nil, fields{}},
			{"typed secret", "HS256", typed, fields{"secret": typed}},
			{"HS384", "HS384", nil, fields{"algorithm": "HS384"}},
			{"HS512", "HS512", nil, fields{"algorithm": "HS512"}},
			{"RS256 PEM", "RS256", rsaKey, fields{"public_key": publicPEM(t, &rsaKey.PublicKey)}},
			{"ES256 PEM", "ES256", ecKey, fields{"public_key": publicPEM(t, &ecKey.PublicKey)}},
			{"EdDSA PEM", "EdDSA", edKey, fields{"public_key": publicPEM(t, edPublic)}},
			{"RS256 JWK", "RS256", rsaKey, fields{"public_key": jsonText(fields{
				"kty": "RSA", "n": b64(rsaKey.N.Bytes()), "e": b64(big.NewInt(int64(rsaKey.E)).Bytes()),
			})}},
			{"ES256 JWK", "ES256", ecKey, fields{"public_key": jsonText(fields{
				"kty": "EC", "crv": "P-256", "x": b64(point[1:33]), "y": b64(point[33:]), "use": "sig",
			})}},
			{"EdDSA JWK", "EdDSA", edKey, fields{"public_key": jsonText(fields{"kty": "OKP", "crv": "Ed25519", "x": b64(edPublic)})}},
		}
		for n, tt := range tests {
			t.Run(tt.name, func(t *testing.T) {
				made := i.install(t, tt.wish.with(fields{"name": tt.name}))
				if got := made.Keys[0]; got.Algorithm != tt.algorithm || (got.Secret == "") != (tt.wish["public_key"] != nil) {
					t.Errorf("got key of %s with secret %v, want %s", got.Algorithm, got.Secret != "", tt.algorithm)
				}
				key := tt.key
				if key == nil {
					key = made.secret()
				}
				claims := person(fmt.Sprintf("person%d", n))
				i.signIn(t, link(signed(tt.algorithm, key, fields{"kid": made.kid()}, claims)))
				i.signIn(t, link(signed(tt.algorithm, key, nil, claims), "appId", made.AppID))
				i.signIn(t, link(signed(tt.algorithm, key, nil, claims.with(fields{"iss": made.AppID}))))
				broken := breakSignature(signed(tt.algorithm, key, fields{"kid": made.kid()}, claims))
				i.wantReason(t, i.get(t, link(broken), wantsJSON), 401, "signature_invalid")
				if tt.wish["public_key"] != nil {
					// The public key as an HMAC secret.
					confused := signed("HS256", tt.wish["public_key"].(string), fields{"kid": made.kid()}, claims)
					i.wantReason(t, i.get(t, link(confused), wantsJSON), 400, "alg_not_allowed")
				}
			})
		}
	})
}

func publicPEM(t *testing.T, key any) string {
	t.Helper()
	der, err := x509.MarshalPKIXPublicKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}))
}

// TestLookup holds the order in which an integration is found: kid, appId,
// iss, the only one.
func TestLookup(t *testing.T) {
	eachWorld(t, func(t *testing.T, w world) {
		i := launch(t, w)
		lumen := i.install(t, nil)
		bare := signed("HS256", lumen.secret(), nil, person("anna"))
		i.signIn(t, link(bare)) // the only one
		atrium := i.install(t, fields{"name": "Atrium", "issuer": "https://atrium.example", "link_policy": "trusted"})
		i.wantReason(t, i.get(t, link(bare), wantsJSON), 404, "integration_unknown")
		i.signIn(t, link(bare, "appId", lumen.AppID))
		i.signIn(t, link(atrium.token(person("anna").with(fields{"iss": atrium.AppID})), "appId", lumen.AppID)) // kid before appId
		i.signIn(t, link(signed("HS256", atrium.secret(), fields{"kid": "the partner's own name"},
			person("anna").with(fields{"iss": "https://atrium.example"}))))
		for _, hostile := range []string{"' OR 1=1 --", "../../etc/passwd", "%00", "http://127.0.0.1:1/jwks", strings.Repeat("k", 128)} {
			a := i.get(t, link(signed("HS256", lumen.secret(), fields{"kid": hostile}, person("anna"))), wantsJSON)
			if a.status != 404 && a.status != 400 {
				t.Errorf("kid %q: got %v, want 404 or 400", hostile, a)
			}
		}
		for name, value := range map[string]any{
			"jku": "http://127.0.0.1:1/", "x5u": "http://127.0.0.1:1/",
			"jwk": fields{"kty": "oct", "k": base64.RawURLEncoding.EncodeToString([]byte(apiKey))},
		} {
			forged := signed("HS256", apiKey, fields{"kid": lumen.kid(), name: value}, person("anna"))
			i.wantReason(t, i.get(t, link(forged), wantsJSON), 401, "signature_invalid")
		}
	})
}

// TestParameters holds the rules of the query and of the form.
func TestParameters(t *testing.T) {
	eachWorld(t, func(t *testing.T, w world) {
		i := launch(t, w)
		lumen := i.install(t, nil)
		token := lumen.token(person("anna"))
		const path = "/auth/callback/jwt-auth"
		big := lumen.token(person("anna").with(fields{"padding": strings.Repeat("p", 20<<10)}))
		full := lumen.token(person("anna").with(fields{"padding": strings.Repeat("p", 48_700)}))
		huge := lumen.token(person("anna").with(fields{"padding": strings.Repeat("p", 50<<10)}))
		form := func(parts ...string) string { return strings.Join(parts, "&") }

		for _, tt := range []struct {
			name, method, target, body string
			header                     []string
			status                     int
			reason                     string // "" = signs in
		}{
			{"GET", "GET", link(token), "", nil, 303, ""},
			{"empty", "GET", path + "?token=", "", nil, 400, "token_missing"},
			{"none", "GET", path, "", nil, 400, "token_missing"},
			{"another case", "GET", path + "?Token=" + token, "", nil, 400, "token_missing"},
			{"twice", "GET", link(token, "token", token), "", nil, 400, "token_malformed"},
			{"twice, once empty", "GET", path + "?token=&token=" + token, "", nil, 400, "token_malformed"},
			{"bad escape", "GET", link(token) + "&go=%zz", "", nil, 400, "token_malformed"},
			{"cut escape", "GET", link(token) + "%2", "", nil, 400, "token_malformed"},
			{"escaped letters", "GET", path + "?%74oken=" + strings.Replace(token, "e", "%65", 1), "", nil, 303, ""},
			{"array", "GET", path + "?token[]=" + token, "", nil, 400, "token_missing"},
			{"appId twice", "GET", link(token, "appId", lumen.AppID, "appId", lumen.AppID), "", nil, 404, "integration_unknown"},
			{"20 KiB in the URL", "GET", link(big), "", nil, 413, "too_large"},

			{"form", "POST", path, form("token="+token, "go=/x"), []string{isForm}, 303, ""},
			{"form with charset", "POST", path, form("token=" + token), []string{isForm + "; charset=UTF-8"}, 303, ""},
			{"form from another site", "POST", path, form("token=" + token), []string{isForm, "Origin: https://lumen.example", "Sec-Fetch-Site: cross-site"}, 303, ""},
			{"20 KiB in a form", "POST", path, form("token=" + big), []string{isForm}, 303, ""},
			{"nearly 64 KiB in a form", "POST", path, form("token=" + full), []string{isForm}, 303, ""},
			{"over 64 KiB in a form", "POST", path, form("token=" + huge), []string{isForm}, 413, "too_large"},
			{"300 KiB of form", "POST", path, form("token="+token, "x="+strings.Repeat("x", 300<<10)), []string{isForm}, 413, "too_large"},
			{"query of a POST", "POST", link(token), "x=1", []string{isForm}, 303, ""},
			{"20 KiB in the URL of a POST", "POST", link(big), "x=1", []string{isForm}, 413, "too_large"},
			{"query and form", "POST", link(token), form("token=" + token), []string{isForm}, 400, "token_malformed"},
			{"twice in a form", "POST", path, form("token="+token, "token="+token), []string{isForm}, 400, "token_malformed"},
			{"no content type", "POST", path, form("token=" + token), nil, 400, "token_missing"},
			{"JSON", "POST", path, jsonText(fields{"token": token}), []string{"Content-Type: application/json"}, 400, "token_missing"},
			{"text", "POST", path, form("token=" + token), []string{"Content-Type: text/plain"}, 400, "token_missing"},
			{"bad escape in a form", "POST", path, form("token="+token, "go=%zz"), []string{isForm}, 400, "token_malformed"},
			{
				"multipart", "POST", path,
				"--b\r\nContent-Disposition: form-data; name=\"token\"\r\n\r\n" + token + "\r\n--b--\r\n",
				[]string{"Content-Type: multipart/form-data; boundary=b"},
				400, "token_missing",
			},
			{"PUT", "PUT", link(token), "", nil, 405, "method_not_allowed"},
			{"OPTIONS", "OPTIONS", link(token), "", nil, 405, "method_not_allowed"},
		} {
			t.Run(tt.name, func(t *testing.T) {
				a := i.send(t, tt.method, tt.target, tt.body, append(tt.header, wantsJSON)...)
				if tt.reason != "" {
					i.wantReason(t, a, tt.status, tt.reason)
				} else if a.status != tt.status || a.cookie() == "" {
					t.Errorf("got %v, want %d and a cookie", a, tt.status)
				}
			})
		}
	})
}

// TestGuessesSpendNothing opens a link in ways that no person does, and then
// for good.
func TestGuessesSpendNothing(t *testing.T) {
	eachWorld(t, func(t *testing.T, w world) {
		i := launch(t, w)
		lumen := i.install(t, nil)
		for n, tt := range []struct {
			name, method, header string
			status               int
		}{
			{"HEAD", "HEAD", "X-Nothing: 1", 405},
			{"OPTIONS", "OPTIONS", "Access-Control-Request-Method: GET", 405},
			{"prefetch", "GET", "Sec-Purpose: prefetch", 503},
			{"prerender", "GET", "Sec-Purpose: prefetch;prerender", 503},
			{"anonymous prefetch", "GET", "Sec-Purpose: prefetch;anonymous-client-ip", 503},
			{"its older name", "GET", "Purpose: prefetch", 503},
		} {
			t.Run(tt.name, func(t *testing.T) {
				target := link(lumen.token(person(fmt.Sprintf("guess%d", n)).with(fields{"jti": tt.name})))
				a := i.send(t, tt.method, target, "", tt.header)
				if a.status != tt.status || a.cookie() != "" || a.header.Get("Location") != "" {
					t.Errorf("got %v with cookie %v, want %d and neither cookie nor Location", a, a.cookie() != "", tt.status)
				}
				if got := a.header.Get("Cache-Control"); got != "no-store" {
					t.Errorf("got Cache-Control %q, want no-store", got)
				}
				i.signIn(t, target)
			})
		}
	})
}

// TestRefusalsSpendNothing mends what a refusal was for, and the same link
// works.
func TestRefusalsSpendNothing(t *testing.T) {
	eachWorld(t, func(t *testing.T, w world) {
		i := launch(t, w)
		lumen := i.install(t, fields{"auto_create": false, "unknown_groups": "refuse"})
		target := link(lumen.token(person("anna").with(fields{"jti": "one", "groups": []string{"editors"}})))
		i.wantReason(t, i.get(t, target, wantsJSON), 403, "user_unknown")
		i.admin(t, http.StatusOK, http.MethodPatch, "/integrations/"+lumen.ID, fields{"auto_create": true})
		i.wantReason(t, i.get(t, target, wantsJSON), 400, "claim_invalid")
		i.admin(t, http.StatusCreated, http.MethodPost, "/groups", fields{"external_id": "editors", "name": "Editors"})
		i.signIn(t, target)
		i.wantReason(t, i.get(t, target, wantsJSON), 401, "token_replayed")
	})
}

// TestAudiences holds what a token may call us.
func TestAudiences(t *testing.T) {
	eachWorld(t, func(t *testing.T, w world) {
		i := launch(t, w)
		lumen := i.install(t, nil)
		for _, aud := range []any{
			i.origin, i.origin + "/", "localhost", lumen.AppID,
			[]string{"https://elsewhere.example", lumen.AppID},
		} {
			i.signIn(t, link(lumen.token(person("anna").with(fields{"aud": aud}))))
		}
		for aud, reason := range map[any]string{
			"": "audience_mismatch", "LOCALHOST": "audience_mismatch", 7: "claim_invalid", lumen.AppID + " ": "audience_mismatch",
		} {
			if got := i.get(t, link(lumen.token(person("anna").with(fields{"aud": aud}))), wantsJSON).reason(); got != reason {
				t.Errorf("aud %v: got reason %q, want %s", aud, got, reason)
			}
		}
	})
}

// goTest is a go value and where it leads.
type goTest struct {
	raw      string // as it stands in the query, escapes and all
	location string
	warns    bool
}

func goTests(i *instance) []goTest {
	const landing = "/start?from=usher"
	long := "/" + strings.Repeat("x", 2047)
	return []goTest{
		{"", landing, false},
		{"/", "/", false},
		{"/path?x=1%26y=2", "/path?x=1&y=2", false},
		{"/path%3Fx=1%23f", "/path?x=1#f", false},
		{"/a%2520b", "/a%20b", false}, // decoded once
		{"/caf%C3%A9", "/caf%C3%A9", false},
		{long, long, false},
		{long + "x", landing, true},
		{url.QueryEscape(i.origin + "/path?x=1#f"), "/path?x=1#f", false},
		{url.QueryEscape(strings.ToUpper(i.origin[:7]) + i.origin[7:] + "/p"), "/p", false},
		{url.QueryEscape("https://app.lumen.example/in?x=1"), "https://app.lumen.example/in?x=1", false},
		{url.QueryEscape("https://app.lumen.example:443"), "https://app.lumen.example/", false},

		{url.QueryEscape("http://app.lumen.example/in"), landing, true},
		{url.QueryEscape("https://app.lumen.example.evil.example/"), landing, true},
		{url.QueryEscape("https://app.lumen.example@evil.example/"), landing, true},
		{url.QueryEscape("https://evil.example#@app.lumen.example/"), landing, true},
		{url.QueryEscape(`https://evil.example\@app.lumen.example/`), landing, true},
		{url.QueryEscape("https://app.lumen.example:8443/"), landing, true},
		{url.QueryEscape("http://localhost:1/x"), landing, true},
		{"//evil.example", landing, true},
		{"///evil.example", landing, true},
		{"/%5Cevil.example", landing, true},
		{"%5C%5Cevil.example", landing, true},
		{"%09//evil.example", landing, true},
		{"/%09/evil.example", landing, true},
		{"/%0A/evil.example", landing, true},
		{"/x%0D%0ASet-Cookie:%20evil=1", landing, true},
		{"/x%00", landing, true},
		{"/x%20y", landing, true},
		{"/x+y", landing, true},
		{"%20/x", landing, true},
		{"/x%7F", landing, true},
		{"http:evil.example", landing, true},
		{"https:/evil.example", landing, true},
		{"https:evil.example", landing, true},
		{"javascript:alert(1)", landing, true},
		{"JavaScript%3A//%250Aalert(1)", landing, true},
		{"data:text/html,x", landing, true},
		{"evil.example", landing, true},
		{"/.//evil.example", landing, true},
		{"/x/..//evil.example", landing, true},
		{"/%252e%252e//evil.example", landing, true},
		{"/auth/callback/jwt-auth?token=x", landing, true},
		{"/auth/../auth/callback/jwt-auth", landing, true},
		{"/auth/%2563allback/jwt-auth", landing, true},
		{"/auth/logout", landing, true},
		{"//auth/logout", landing, true},
		{"/auth//logout", landing, true},
		{"/x&go=/y", landing, true}, // ambiguous
		{"/x&go=", landing, true},
		{"/x;go=/y", "", false}, // a malformed query, refused
	}
}

// TestGo sends each go value as raw bytes. Whatever it is, the person is
// signed in and the browser stays with us or on a listed origin.
func TestGo(t *testing.T) {
	eachWorld(t, func(t *testing.T, w world) {
		i := launch(t, w)
		lumen := i.install(t, fields{"landing_page": "/start?from=usher", "return_origins": []string{"https://app.lumen.example"}})
		token := lumen.token(person("anna"))
		for _, tt := range goTests(i) {
			t.Run(tt.raw[:min(len(tt.raw), 60)], func(t *testing.T) {
				a, head := i.raw(t, "GET "+link(token)+"&go="+tt.raw+" HTTP/1.1")
				if tt.location == "" {
					if a.status != 400 || a.cookie() != "" {
						t.Errorf("got %v, want 400 and no cookie", a)
					}
					return
				}
				if a.status != 303 || a.cookie() == "" {
					t.Fatalf("got %v, want 303 and a cookie", a)
				}
				wantLocation(t, a, head, tt.location)
				warned := strings.Contains(fmt.Sprint(i.lastRequest(t, a)["warnings"]), "go_rejected")
				if warned != tt.warns {
					t.Errorf("got warning %v in the log, want %v", warned, tt.warns)
				}
			})
		}
	})
}

// wantLocation checks the header as it came over the wire.
func wantLocation(t testing.TB, a answer, head, want string) {
	t.Helper()
	if got := a.header["Location"]; len(got) != 1 || got[0] != want {
		t.Errorf("got Location %q, want %q, once", got, want)
	}
	if got := strings.Count(strings.ToLower(head), "\nlocation:"); got != 1 {
		t.Errorf("got %d Location lines in\n%s", got, head)
	}
	for _, c := range []byte(a.header.Get("Location")) {
		if c < 0x21 || c > 0x7E {
			t.Errorf("got byte %#x in Location %q", c, a.header.Get("Location"))
		}
	}
}

// TestGoClaim: the signed go wins over the one in the query, under the same
// rules; a token is never carried on.
func TestGoClaim(t *testing.T) {
	eachWorld(t, func(t *testing.T, w world) {
		i := launch(t, w)
		lumen := i.install(t, fields{"landing_page": "/start"})
		for claim, want := range map[string]string{
			"/signed": "/signed", "//evil.example": "/start", "/auth/logout": "/start", "": "/query",
		} {
			a := i.get(t, link(lumen.token(person("anna").with(fields{"go": claim})), "go", "/query"))
			if got := a.header.Get("Location"); a.status != 303 || got != want {
				t.Errorf("go claim %q: got %v to %q, want 303 to %q", claim, a, got, want)
			}
		}
		token := lumen.token(person("anna"))
		for _, wanted := range []string{"/x?token=" + token, "/" + token, "/x#" + token} {
			a := i.get(t, link(token, "go", wanted))
			if got := a.header.Get("Location"); a.status != 303 || strings.Contains(got, token) {
				t.Errorf("got %v to %q, want 303 without the token", a, got)
			}
		}
	})
}

// TestOnboarding: the page comes until it was opened, and leads on to go.
func TestOnboarding(t *testing.T) {
	eachWorld(t, func(t *testing.T, w world) {
		i := launch(t, w)
		lumen := i.install(t, fields{"landing_page": "/start"})
		claims := person("nora").with(fields{"onboard": true, "firstName": "<b>Nora"})
		const wanted = "/courses?x=1&y=2#top"
		first := i.get(t, link(lumen.token(claims), "go", wanted))
		page := first.header.Get("Location")
		if page != "/auth/onboarding?next="+url.QueryEscape(wanted) {
			t.Fatalf("got Location %q, want the onboarding page with the go value", page)
		}
		if got := i.get(t, link(lumen.token(claims), "go", "/other")).header.Get("Location"); !strings.HasPrefix(got, "/auth/onboarding?next=") {
			t.Errorf("got Location %q at the second sign-in before the page was opened, want the page again", got)
		}
		if got := i.get(t, "/auth/onboarding?next=/x", wantsJSON); got.status != 401 {
			t.Errorf("got %v without a session, want 401", got)
		}
		opened := i.get(t, page, holding(first.cookie()))
		if opened.status != 200 || !strings.Contains(opened.body, `href="/courses?x=1&amp;y=2#top"`) ||
			!strings.Contains(opened.body, "&lt;b&gt;Nora") || strings.Contains(opened.body, "<b>Nora") {
			t.Errorf("got %v, want the page with the link and the name, escaped", opened)
		}
		if got := i.get(t, link(lumen.token(claims), "go", wanted)).header.Get("Location"); got != wanted {
			t.Errorf("got Location %q after the page was opened, want %q", got, wanted)
		}
		for _, evil := range []string{
			"//evil.example", "https://evil.example/", `/\evil.example`, "javascript:alert(1)", "/a&next=/b", "data:,x",
		} {
			body := i.get(t, "/auth/onboarding?next="+url.QueryEscape(evil)+"&go=/z", holding(first.cookie())).body
			if strings.Contains(body, "evil.example") || strings.Contains(body, "javascript:") || strings.Contains(body, "data:,x") {
				t.Errorf("next %q: got it on the page:\n%s", evil, body)
			}
		}
		if got := i.get(t, "/auth/onboarding?next=/a&next=/b", holding(first.cookie())).body; !strings.Contains(got, `href="/start"`) {
			t.Errorf("got %s, want the landing page for two next values", got)
		}
		// Whoever was there before is not sent there.
		i.signIn(t, link(lumen.token(person("old"))))
		if got := i.get(t, link(lumen.token(person("old").with(fields{"onboard": true})), "go", "/x")).header.Get("Location"); got != "/x" {
			t.Errorf("got Location %q for somebody known, want /x", got)
		}
	})
}

package main

import (
	"encoding/json"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"github.com/google/go-cmp/cmp"

	"usher/handlers"
)

// jwk is a public key as the JWKS has it.
type jwk struct{ Kty, Use, Alg, Kid string }

// TestPublicDocuments: the JWKS and the discovery document of each tenant.
func TestPublicDocuments(t *testing.T) {
	eachWorld(t, func(t *testing.T, w world) {
		i := launch(t, w)
		acme, bolt := i.addTenant(t, "acme", "acme.localhost"), i.addTenant(t, "bolt", "bolt.localhost")
		i.admin(t, http.StatusCreated, "POST", "/signing-keys/rotate", fields{"algorithm": "RS256", "now": true}, acme.host)
		i.admin(t, http.StatusCreated, "POST", "/claims", fields{"name": "school_year", "display_name": "School year", "type": "number"}, acme.host)
		i.admin(t, http.StatusCreated, "POST", "/identity-scopes", fields{"name": "pupils", "display_name": "Pupils", "claims": []string{"school_year"}}, acme.host)
		var kids []string
		for _, path := range handlers.JWKSPaths() {
			a := i.get(t, path, acme.host, "Origin: https://anybody.example")
			var set struct{ Keys []map[string]string }
			if err := json.Unmarshal([]byte(a.body), &set); err != nil || a.status != http.StatusOK || len(set.Keys) < 2 {
				t.Fatalf("%s: got %v, error %v, want two keys", path, a, err)
			}
			if path == handlers.V0JWKSPath {
				// The one that signs with ES256, at the end and under the name of old.
				again := maps.Clone(set.Keys[0])
				again["kid"] = "SPACE_JWT_PUBLIC:8028AAA3-EC2D-4BAA-BE7A-7C8359CCB9F9"
				if diff := cmp.Diff(again, set.Keys[len(set.Keys)-1]); diff != "" {
					t.Errorf("%s (-want +got):\n%s", path, diff)
				}
				set.Keys = set.Keys[:len(set.Keys)-1]
			}
			if len(set.Keys) != 2 {
				t.Errorf("%s: got %d keys, want two", path, len(set.Keys))
			}
			for n, algorithm := range []string{"ES256", "RS256"} {
				key := set.Keys[n]
				if key["alg"] != algorithm || key["use"] != "sig" || len(key["kid"]) != 43 {
					t.Errorf("%s: got key %v, want one for %s", path, key, algorithm)
				}
				kids = append(kids, key["kid"])
				for _, private := range []string{"d", "p", "q", "dp", "dq", "qi", "oth", "k"} {
					if key[private] != "" {
						t.Errorf("%s: got the private member %q", path, private)
					}
				}
			}
			isPublicDocument(t, i, path, acme.host, a)
		}
		if slices.Sort(kids); len(slices.Compact(kids)) != 2 {
			t.Errorf("got keys %v, want the same two at every address", kids)
		}
		if a := i.get(t, handlers.JWKSPath, bolt.host); len(decode[struct{ Keys []jwk }](t, a).Keys) != 1 || strings.Contains(a.body, kids[0]) {
			t.Errorf("another tenant: got %v, want one key of its own", a)
		}

		for _, path := range handlers.MetadataPaths() {
			a := i.get(t, path, acme.host)
			isPublicDocument(t, i, path, acme.host, a)
			own := strings.Replace(i.origin, "localhost", "acme.localhost", 1)
			secret := []any{"client_secret_basic", "client_secret_post"}
			auth := append(secret, "private_key_jwt", "none")
			algs := []any{"ES256", "ES384", "RS256", "PS256", "EdDSA"}
			want := map[string]any{
				"issuer": own, "jwks_uri": own + "/.well-known/jwks.json", "authorization_endpoint": own + "/connect/authorize",
				"token_endpoint": own + "/connect/token", "userinfo_endpoint": own + "/connect/userinfo",
				"end_session_endpoint": own + "/connect/endsession", "introspection_endpoint": own + "/connect/introspect",
				"revocation_endpoint": own + "/connect/revocation",
				"grant_types_supported": []any{
					"authorization_code", "client_credentials", "refresh_token",
					"urn:ietf:params:oauth:grant-type:jwt-bearer", "urn:ietf:params:oauth:grant-type:token-exchange",
				},
				"response_types_supported": []any{"code", "code id_token"},
				"response_modes_supported": []any{"query", "fragment", "form_post"},
				"prompt_values_supported":  []any{"none", "login", "consent", "select_account"},
				"subject_types_supported":  []any{"public"}, "id_token_signing_alg_values_supported": []any{"ES256", "ES384", "RS256"},
				"scopes_supported": []any{
					"openid", "profile", "name", "phone", "email", "groups", "user:name", "user:email", "user:phone", "pupils", "offline_access",
				},
				"claims_supported": []any{
					"iss", "sub", "aud", "exp", "nbf", "iat", "auth_time", "amr", "nonce", "sid", "email", "name", "phone", "email_verified", "groups", "school_year",
				},
				"token_endpoint_auth_methods_supported": auth, "token_endpoint_auth_signing_alg_values_supported": algs,
				"introspection_endpoint_auth_methods_supported": secret,
				"revocation_endpoint_auth_methods_supported":    auth, "revocation_endpoint_auth_signing_alg_values_supported": algs,
				"code_challenge_methods_supported": []any{"S256"}, "authorization_response_iss_parameter_supported": true,
				"claims_parameter_supported": false, "request_parameter_supported": false, "request_uri_parameter_supported": false,
			}
			if diff := cmp.Diff(want, decode[map[string]any](t, a)); diff != "" {
				t.Errorf("%s (-want +got):\n%s", path, diff)
			}
		}
	})
}

// TestDiscoveryByClient: go-oidc finds us at our own address, with our keys.
func TestDiscoveryByClient(t *testing.T) {
	eachWorld(t, func(t *testing.T, w world) {
		i := launch(t, w)
		provider, err := oidc.NewProvider(t.Context(), i.origin)
		if err != nil {
			t.Fatal(err)
		}
		if got, want := provider.Endpoint().TokenURL, i.origin+handlers.ConnectTokenPath; got != want {
			t.Errorf("got token endpoint %s, want %s", got, want)
		}
		var more struct {
			JWKS string `json:"jwks_uri"`
		}
		if err := provider.Claims(&more); err != nil || more.JWKS != i.origin+handlers.JWKSPath {
			t.Errorf("got %+v, error %v", more, err)
		}
	})
}

// isPublicDocument checks that everybody may keep and read an answer, and ask
// whether it is still the same.
func isPublicDocument(t *testing.T, i *instance, path, host string, a answer) {
	t.Helper()
	got := map[string]string{}
	for _, name := range []string{"Content-Type", "Cache-Control", "Access-Control-Allow-Origin", "Access-Control-Allow-Credentials", "Set-Cookie"} {
		got[name] = a.header.Get(name)
	}
	want := map[string]string{
		"Content-Type": "application/json", "Cache-Control": "public, max-age=300", "Access-Control-Allow-Origin": "*",
		"Access-Control-Allow-Credentials": "", "Set-Cookie": "",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", path, diff)
	}
	again := i.get(t, path, host, "If-None-Match: "+a.header.Get("ETag"))
	if again.status != http.StatusNotModified || again.body != "" {
		t.Errorf("%s with its ETag: got %v, want 304", path, again)
	}
}

// TestSigningKeysOverHTTP rotates by the API, by the page and by the command.
func TestSigningKeysOverHTTP(t *testing.T) {
	eachWorld(t, func(t *testing.T, w world) {
		i := launch(t, w)
		type key struct {
			ID, Algorithm, State string
			ActiveAt             time.Time  `json:"active_at"`
			RetiredAt            *time.Time `json:"retired_at"`
		}
		list := func() []key {
			t.Helper()
			return decode[struct {
				Keys []key `json:"signing_keys"`
			}](t, i.admin(t, http.StatusOK, "GET", "/signing-keys", nil)).Keys
		}
		if got := list(); len(got) != 0 {
			t.Errorf("got keys %v before the first need", got)
		}
		i.get(t, handlers.JWKSPath)
		first := list()
		if len(first) != 1 || first[0].Algorithm != "ES256" || first[0].State != "active" || first[0].RetiredAt != nil {
			t.Fatalf("got keys %v, want one that is active", first)
		}
		next := decode[key](t, i.admin(t, http.StatusCreated, "POST", "/signing-keys/rotate", fields{}))
		if wait := time.Until(next.ActiveAt); next.State != "next" || wait < 55*time.Minute || wait > time.Hour {
			t.Errorf("got %v, want a key that waits for an hour", next)
		}
		if got := list(); len(got) != 2 || got[1].ID != first[0].ID || got[1].RetiredAt == nil || !got[1].RetiredAt.Equal(next.ActiveAt) {
			t.Errorf("got keys %v, want the first to retire when the next is active", got)
		}
		i.admin(t, http.StatusConflict, "POST", "/signing-keys/rotate", fields{})
		for _, body := range []fields{{"algorithm": "HS256"}, {"algorithm": "none", "now": true}} {
			if a := i.admin(t, http.StatusBadRequest, "POST", "/signing-keys/rotate", body); !strings.Contains(a.body, "algorithm") {
				t.Errorf("%v: got %v, want the field named", body, a)
			}
		}
		i.admin(t, http.StatusBadRequest, "GET", "/signing-keys?before=x", nil)

		owner := i.owner(t)
		const form = "/admin/tokens/signing-keys/rotate"
		if a := i.post(t, form, "algorithm=ES256", owner); a.status != http.StatusConflict || !strings.Contains(a.body, "waits to take over already") {
			t.Errorf("by the page while one waits: got %v, want 409", a)
		}
		if a := i.post(t, form, "algorithm=ES256&now=yes&confirm=rotate", owner); a.status != http.StatusUnprocessableEntity || len(list()) != 2 {
			t.Errorf("with another word: got %v, want 422 and nothing done", a)
		}
		if a := i.post(t, form, "algorithm=ES256&now=yes&confirm=rotate+now", owner); a.status != http.StatusSeeOther {
			t.Fatalf("by the page: got %v, want 303", a)
		}
		if got := list(); len(got) != 3 || got[0].State != "active" || got[1].State != "gone" || got[2].State != "gone" {
			t.Errorf("got keys %v, want a new one and the others gone", got)
		}

		command(t, w, exitUsage, "signing-key", "rotate", "--now")
		command(t, w, exitUsage, "signing-key", "rotate", "--algorithm", "HS512")
		made, _ := command(t, w, exitOK, "signing-key", "rotate", "--now", "--yes")
		id, _, _ := strings.Cut(field(t, made, "Key id"), " ")
		if set := decode[struct{ Keys []jwk }](t, i.get(t, handlers.JWKSPath)); len(set.Keys) > 2 {
			t.Errorf("got JWKS %v", set)
		}
		listed, _ := command(t, w, exitOK, "signing-key", "list")
		if !strings.Contains(listed, id) || strings.Count(listed, "gone") != 3 {
			t.Errorf("got\n%s\nwant %s and three that are gone", listed, id)
		}
		lines, _ := command(t, w, exitOK, "signing-key", "list", "--json")
		var newest key
		if err := json.Unmarshal([]byte(strings.SplitN(lines, "\n", 2)[0]), &newest); err != nil || newest.ID != id || newest.State != "active" {
			t.Errorf("got %+v, error %v, want %s first", newest, err, id)
		}
	})
}

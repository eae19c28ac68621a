package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestClientsByCommands adds, changes, rotates and deletes clients and API
// connections.
func TestClientsByCommands(t *testing.T) {
	eachWorld(t, func(t *testing.T, w world) {
		refused := func(says string, args ...string) {
			t.Helper()
			if _, stderr := command(t, w, exitUsage, args...); !strings.Contains(stderr, says) {
				t.Errorf("%q: got %q, want it to say %q", args, stderr, says)
			}
		}
		added, _ := command(t, w, exitOK, "api-connection", "add", "billing", "--display-name", "Billing", "--json")
		var n listedConnection
		if err := json.Unmarshal([]byte(added), &n); err != nil || !strings.HasPrefix(n.Secret, "uss_") || len(n.Scopes) != 1 {
			t.Fatalf("got %s, error %v, want a secret and one scope", added, err)
		}
		refused("already", "api-connection", "add", "billing")
		refused("name", "api-connection", "add", "Billing")
		command(t, w, exitOK, "api-connection", "add-scope", "billing", "billing:write")
		command(t, w, exitOK, "api-connection", "change-scope", "billing", "billing:write", "--display-name", "Change bills")
		changed, _ := command(t, w, exitOK, "api-connection", "change", "billing", "--display-name", "Bills")
		for _, part := range []string{"Bills", "Change bills", "/connect/introspect", "uss_…"} {
			if !strings.Contains(changed, part) {
				t.Errorf("got\n%s\nwithout %q", changed, part)
			}
		}

		refused("name", "client", "add", "nightly")
		refused("api_scopes", "client", "add", "nightly", "--name", "N", "--scope", "none")
		refused("access_token_life", "client", "add", "nightly", "--name", "N", "--life", "1s")
		made, _ := command(t, w, exitOK, "client", "add", "nightly", "--name", "Nightly job", "--scope", "billing,billing:write", "--json")
		var k listedClient
		if err := json.Unmarshal([]byte(made), &k); err != nil || !strings.HasPrefix(k.ClientSecret, "uss_") || len(k.APIScopes) != 2 {
			t.Fatalf("got %s, error %v, want a secret and two scopes", made, err)
		}
		refused("already", "client", "add", "nightly", "--name", "N")
		refused("--name", "client", "change", "nightly")
		shown, _ := command(t, w, exitOK, "client", "change", "nightly", "--disabled", "--format", "reference")
		for _, part := range []string{"disabled", "reference", "billing:write", "/connect/token"} {
			if !strings.Contains(shown, part) {
				t.Errorf("got\n%s\nwithout %q", shown, part)
			}
		}
		if strings.Contains(shown, k.ClientSecret) {
			t.Error("the secret is shown a second time")
		}

		second, _ := command(t, w, exitOK, "client", "rotate", "nightly", "--json")
		var s listedSecret
		if err := json.Unmarshal([]byte(second), &s); err != nil || !strings.HasPrefix(s.Secret, "uss_") {
			t.Fatalf("got %s, error %v, want a secret", second, err)
		}
		command(t, w, exitOK, "client", "rotate", "nightly", "--retire", s.ID, "--after", "24h")
		command(t, w, exitOK, "client", "rotate", "nightly", "--keep", s.ID)
		command(t, w, exitOK, "client", "rotate", "nightly", "--retire", s.ID)
		refused("secret", "client", "rotate", "nightly", "--keep", s.ID)
		refused("--after", "client", "rotate", "nightly", "--after", "1h")
		command(t, w, exitOK, "api-connection", "rotate", "billing")

		refused("nightly", "api-connection", "delete-scope", "billing", "billing:write")
		command(t, w, exitOK, "api-connection", "delete-scope", "billing", "billing:write", "--confirm", "billing:write")
		refused("scope", "api-connection", "delete-scope", "billing", "billing", "--confirm", "billing")
		refused("these clients lose billing: nightly", "api-connection", "delete", "billing")
		command(t, w, exitOK, "api-connection", "delete", "billing", "--confirm", "billing")
		command(t, w, exitNotFound, "api-connection", "show", "billing")
		if list, _ := command(t, w, exitOK, "client", "list"); !strings.Contains(list, "nightly") || !strings.Contains(list, "none") {
			t.Errorf("got\n%s\nwant the client without scopes", list)
		}
		refused(`--confirm "nightly"`, "client", "delete", "nightly")
		command(t, w, exitOK, "client", "delete", "nightly", "--confirm", "nightly")
		command(t, w, exitNotFound, "client", "show", "nightly")
	})
}

// TestClientsOfPeopleByCommands: what is typed of a client that people sign in to.
func TestClientsOfPeopleByCommands(t *testing.T) {
	eachWorld(t, func(t *testing.T, w world) {
		keys := filepath.Join(t.TempDir(), "keys.json")
		if err := os.WriteFile(keys, []byte(publicKeyOfTests), 0o600); err != nil {
			t.Fatal(err)
		}
		made, _ := command(t, w, exitOK, "client", "add", "shop", "--name", "Shop", "--grant", "authorization_code,refresh_token,token-exchange",
			"--redirect-uri", "https://shop.example/a,b", "--redirect-uri", "https://shop.example/c", "--post-logout-uri", "https://shop.example/",
			"--identity-scope", "openid,profile", "--code-life", "30s", "--identity-token-algorithm", "RS256", "--refresh-life", "24h", "--refresh-idle", "1h", "--jwks", keys, "--json")
		var k listedClient
		if err := json.Unmarshal([]byte(made), &k); err != nil {
			t.Fatalf("got %s, error %v", made, err)
		}
		want := listedClient{
			ID: k.ID, ClientID: "shop", Kind: "application", Name: "Shop", JWKS: json.RawMessage(publicKeyOfTests),
			RedirectURIs: []string{"https://shop.example/a,b", "https://shop.example/c"}, PostLogoutURIs: []string{"https://shop.example/"},
			Grants:    []string{"authorization_code", "refresh_token", "urn:ietf:params:oauth:grant-type:token-exchange"},
			APIScopes: []string{}, IdentityScopes: []string{"openid", "profile"}, RequiredClaims: []string{}, AccessTokenFormat: "jwt",
			AccessTokenLife: 3000, CodeLife: 30, IdentityTokenAlg: "RS256", IdentityTokenLife: 300, RefreshLife: 86400, RefreshIdle: 3600, CreatedAt: k.CreatedAt,
		}
		if diff := cmp.Diff(want, k); diff != "" {
			t.Error(diff)
		}
		shown, _ := command(t, w, exitOK, "client", "change", "shop", "--public", "--jwks", "", "--grant", "authorization_code", "--post-logout-uri", "")
		for _, part := range []string{"public", "https://shop.example/a,b", "code 30s", "openid profile", "After sign-out:   none"} {
			if !strings.Contains(shown, part) {
				t.Errorf("got\n%s\nwithout %q", shown, part)
			}
		}
		for says, args := range map[string][]string{
			"redirect_uris": {"--redirect-uri", "http://shop.example/"},
			"grants":        {"--grant", "client_credentials"},
			"no such file":  {"--jwks", keys + ".none"},
			"unknown flag":  {"--user", "somebody"},
			"integration":   {"--integration", "none"},
		} {
			if _, stderr := command(t, w, exitUsage, append([]string{"client", "change", "shop"}, args...)...); !strings.Contains(stderr, says) {
				t.Errorf("%q: got %q, want it to say %q", args, stderr, says)
			}
		}
		if _, stderr := command(t, w, exitUsage, "client", "add", "--name", "P", "--user", "somebody"); !strings.Contains(stderr, "user_id") {
			t.Errorf("a program of nobody: got %q", stderr)
		}
	})
}

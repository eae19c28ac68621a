package main

import (
	"encoding/json"
	"strings"
	"testing"
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

package main

import (
	"encoding/json"
	"strings"
	"testing"
)

// TestOrganizationsByCommands adds, changes and deletes organizations, and puts
// people in and out.
func TestOrganizationsByCommands(t *testing.T) {
	eachWorld(t, func(t *testing.T, w world) {
		refused := func(says string, args ...string) {
			t.Helper()
			if _, stderr := command(t, w, exitUsage, args...); !strings.Contains(stderr, says) {
				t.Errorf("%q: got %q, want it to say %q", args, stderr, says)
			}
		}
		made, _ := command(t, w, exitOK, "organization", "add", "acme", "--display-name", "Acme Ltd", "--json")
		var n listedOrganization
		if err := json.Unmarshal([]byte(made), &n); err != nil || !strings.HasPrefix(n.ClientSecret, "uss_") || n.DisplayName != "Acme Ltd" {
			t.Fatalf("got %s, error %v, want a secret", made, err)
		}
		refused("already", "organization", "add", "acme")
		refused("parent", "organization", "add", "nobody.dev")
		refused("name", "organization", "add", "Acme2")
		command(t, w, exitOK, "organization", "add", "acme.dev")
		command(t, w, exitOK, "organization", "add", "acme-labs")
		if list, _ := command(t, w, exitOK, "organization", "list"); !strings.Contains(list, "\nacme        Acme Ltd") || !strings.Contains(list, "\n  acme.dev  dev") {
			t.Errorf("got\n%s\nwant a tree", list)
		}
		if below, _ := command(t, w, exitOK, "organization", "list", "--under", "acme", "--json"); strings.Count(below, "\n") != 1 || !strings.Contains(below, `"acme.dev"`) {
			t.Errorf("got %s, want acme.dev alone", below)
		}
		i := launch(t, w)
		user := i.person(t, "anna")
		refused("role", "organization", "add-member", "acme.dev", user.email, "--role", "boss")
		command(t, w, exitOK, "organization", "add-member", "acme.dev", user.email, "--role", "owner")
		command(t, w, exitNotFound, "organization", "add-member", "acme.dev", "nobody@lumen.example")
		command(t, w, exitNotFound, "organization", "add-member", "nothing", user.email)
		shown, _ := command(t, w, exitOK, "organization", "show", "ACME.dev")
		for _, part := range []string{"Owner:", user.email, user.id, "uss_…", "enabled"} {
			if !strings.Contains(shown, part) {
				t.Errorf("got\n%s\nwithout %q", shown, part)
			}
		}
		refused("--display-name", "organization", "change", "acme")
		if changed, _ := command(t, w, exitOK, "organization", "change", "acme", "--disabled"); !strings.Contains(changed, "disabled") {
			t.Errorf("got\n%s\nwant it disabled", changed)
		}
		command(t, w, exitOK, "organization", "rotate", "acme")
		command(t, w, exitOK, "organization", "drop-member", "acme.dev", user.id)
		command(t, w, exitNotFound, "organization", "drop-member", "acme.dev", user.id)
		refused("2 live secrets go with it, and 1 organizations", "organization", "delete", "acme")
		refused("below it", "organization", "delete", "acme", "--confirm", "acme")
		refused("organization", "client", "delete", "acme", "--confirm", "acme")
		command(t, w, exitOK, "organization", "delete", "acme.dev", "--confirm", "acme.dev")
		command(t, w, exitOK, "organization", "delete", "acme", "--confirm", "acme")
		command(t, w, exitNotFound, "organization", "show", "acme")
	})
}

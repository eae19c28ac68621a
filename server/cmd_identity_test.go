package main

import (
	"strings"
	"testing"
)

// TestClaimsByCommands adds, changes and deletes claims and identity scopes, and
// enters what they say of somebody.
func TestClaimsByCommands(t *testing.T) {
	eachWorld(t, func(t *testing.T, w world) {
		shows := func(args ...string) func(parts ...string) {
			t.Helper()
			got, _ := command(t, w, exitOK, args...)
			return func(parts ...string) {
				t.Helper()
				for _, part := range parts {
					if !strings.Contains(got, part) {
						t.Errorf("%q: got\n%s\nwithout %q", args, got, part)
					}
				}
			}
		}
		refused := func(says string, args ...string) {
			t.Helper()
			if _, stderr := command(t, w, exitUsage, args...); !strings.Contains(stderr, says) {
				t.Errorf("%q: got %q, want it to say %q", args, stderr, says)
			}
		}
		shows("claim", "add", "shelf", "--meta-path", "library.shelf", "--display-name", "Shelf")("shelf", "Shelf", "text", "library.shelf")
		shows("claim", "add", "size", "--type", "number", "--json")(`{"name":"size","display_name":"size","type":"number","meta_path":""}`)
		refused("already", "claim", "add", "size")
		refused("name", "claim", "add", "exp")
		refused("type", "claim", "add", "x", "--type", "colour")
		shows("claim", "change", "shelf", "--meta-path", "shelf")("shelf", "Shelf")
		shows("claim", "list")("shelf", "size")

		shows("identity-scope", "add", "library", "--claim", "shelf", "--claim", "size", "--claim", "locale")("library", "locale shelf size", "no")
		refused("already", "identity-scope", "add", "library")
		refused("claims", "identity-scope", "add", "x", "--claim", "hat")
		refused("scope", "identity-scope", "change", "profile", "--display-name", "x")
		shows("identity-scope", "change", "library", "--display-name", "Library", "--claim", "size", "--json")(
			`{"name":"library","display_name":"Library","claims":["size"],"built_in":false}`)
		shows("identity-scope", "list")("openid", "user:phone", "library")

		i := launch(t, w)
		lumen := i.install(t, nil)
		i.signIn(t, link(lumen.token(person("anna").with(fields{"meta": fields{"shelf": "B 12"}}))))
		user := i.userID(t, "anna@lumen.example")
		shows("claim", "set", user, "size", "42.50")("size", "42.50", "entered", "shelf", "B 12", "meta")
		refused("value", "claim", "set", user, "size", "tall")
		refused("arguments", "claim", "set", user, "size")
		shows("claim", "values", user, "--json")(`{"claim":"size","value":42.50,"source":"entered"}`)
		refused("1 entered values are deleted; identity scopes that lose it: library; clients that require it: none", "claim", "delete", "size")
		shows("claim", "unset", user, "size")("size   none")
		shows("claim", "delete", "size", "--confirm", "size")("Deleted size")
		shows("identity-scope", "list", "--json")(`{"name":"library","display_name":"Library","claims":[],"built_in":false}`)
		refused("no client may ask for library", "identity-scope", "delete", "library")
		shows("identity-scope", "delete", "library", "--confirm", "library")("Deleted library")
	})
}

package main

import (
	"regexp"
	"strings"
	"testing"
)

// TestRatesInPages sets rates by forms: of a key, a client, an API connection and a
// directory. An empty field is the usual rate, and what is no rate is told beside it.
func TestRatesInPages(t *testing.T) {
	eachWorld(t, func(t *testing.T, w world) {
		i := launch(t, w, "USHER_API_KEY_RATE=321", "USHER_CLIENT_RATE=0")
		n := i.install(t, fields{"name": "Partner"})
		key := decode[struct{ ID string }](t, i.admin(t, 201, "POST", "/api-keys", fields{"name": "k", "scopes": []string{"users:read"}})).ID
		c, api := i.addClient(t, "jwt", []string{}).ID, i.addConnection(t, "library", nil).ID
		// There is one key: the list has what it has.
		rate := regexp.MustCompile(`"rate":(null|\d+)`)
		wantSeen(t, i.page(t, "/admin/settings/api-keys"), "usual", "which is 321")
		wantSeen(t, i.page(t, "/admin/tokens/clients/"+c), "which is any number")
		for page, path := range map[string]string{
			"/admin/settings/api-keys/" + key:       "/api-keys",
			"/admin/tokens/clients/" + c:            "/clients/" + c,
			"/admin/tokens/api-connections/" + api:  "/api-connections/" + api,
			"/admin/integrations/" + n.ID + "/scim": "/integrations/" + n.ID + "/scim",
		} {
			for _, sent := range []struct{ text, want string }{{" 7 ", "7"}, {"0", "0"}, {"", "null"}} {
				form := formFields(i.page(t, page), page)
				wantWent(t, i.submit(t, page, withFields(form, "rate", sent.text)...), "/admin/")
				if got := rate.FindStringSubmatch(i.admin(t, 200, "GET", path, nil).body); got == nil || got[1] != sent.want {
					t.Errorf("%s, %q: got the rate %q, want %s", page, sent.text, got, sent.want)
				}
			}
			for _, wrong := range []string{"-1", "x", "1.5", "100001", "99999999999999999999"} {
				form := formFields(i.page(t, page), page)
				a := i.submit(t, page, withFields(form, "rate", wrong)...)
				if a.status != 422 || !strings.Contains(a.body, "from 0 to 100000") || !strings.Contains(a.body, `value="`+wrong+`"`) {
					t.Errorf("%s, %q: got %d, want to be told, with what was sent", page, wrong, a.status)
				}
			}
		}
		for _, path := range []string{"/clients/" + c, "/api-connections/" + api, "/api-keys/" + key, "/integrations/" + n.ID + "/scim"} {
			for _, wrong := range []any{-1, 100_001, "7", 1.5} {
				if a := i.admin(t, 400, "PATCH", path, fields{"rate": wrong}); a.reason() != "bad_request" {
					t.Errorf("%s, rate %v: got %v", path, wrong, a)
				}
			}
		}
		i.admin(t, 204, "DELETE", "/api-keys/"+key, nil)
		if a := i.get(t, "/admin/settings/api-keys/"+key, i.owner(t)); a.status != 404 {
			t.Errorf("the page of a revoked key: got %v, want none", a)
		}
	})
}

// TestRatesByCommands sets them by commands.
func TestRatesByCommands(t *testing.T) {
	eachWorld(t, func(t *testing.T, w world) {
		says := func(want string, args ...string) string {
			t.Helper()
			out, _ := command(t, w, exitOK, args...)
			if !strings.Contains(out, want) {
				t.Errorf("%q: got\n%s\nwithout %q", args, out, want)
			}
			return out
		}
		says("7 requests a second", "api-connection", "add", "billing", "--rate", "7")
		says("any number", "api-connection", "change", "billing", "--rate", "0")
		says("any number", "api-connection", "show", "billing")
		says("as the server's settings say", "client", "add", "shop", "--name", "Shop")
		says("9 requests a second", "client", "change", "shop", "--rate", "9")
		says(`"rate":9`, "client", "show", "shop", "--json")
		id := strings.Fields(says("Id:", "api-key", "create", "--name", "k", "--scope", "users:read", "--rate", "3"))[1]
		says("any number", "api-key", "change", id, "--rate", "0")
		says("as the server's settings say", "api-key", "change", id, "--rate", "-1")
		for _, args := range [][]string{
			{"api-key", "change", id},
			{"api-key", "change", id, "--rate", "-2"},
			{"client", "change", "shop", "--rate", "100001"},
			{"api-connection", "change", "billing", "--rate", "-2"},
			{"api-key", "create", "--name", "x", "--scope", "users:read", "--rate", "-2"},
		} {
			if _, stderr := command(t, w, exitUsage, args...); !strings.Contains(stderr, "rate") {
				t.Errorf("%q: got %q, want it to name the rate", args, stderr)
			}
		}
	})
}

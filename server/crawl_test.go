package main

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"
)

// inhabit fills an instance, so that every page of the admin has something to
// show. It returns what no page may ever show, by name.
func inhabit(t *testing.T, i *instance) (secrets map[string]string) {
	t.Helper()
	secrets = map[string]string{"bootstrap key": apiKey}
	i.admin(t, http.StatusCreated, "POST", "/groups", fields{"external_id": "algebra-1", "name": "Algebra I"})
	i.admin(t, http.StatusCreated, "POST", "/groups", fields{"external_id": "optics", "name": "Optics <101>"})
	i.admin(t, http.StatusCreated, "POST", "/credits", fields{"id": 7, "name": "Exam voucher"})

	lumen := i.install(t, fields{"landing_page": "/start", "return_origins": []string{"https://app.example"}})
	other := i.install(t, fields{"name": `Atrium & "Söhne"`, "secret": "a typed secret of the suite, 43 characters"})
	unused := i.install(t, fields{"name": "Never used"})
	removed := i.install(t, fields{"name": "Removed"})
	i.signIn(t, link(removed.token(person("zoe"))))
	i.admin(t, http.StatusNoContent, "DELETE", "/integrations/"+removed.ID, nil)
	second := decode[installedKey](t, i.admin(t, http.StatusCreated, "POST", "/integrations/"+lumen.ID+"/keys", fields{}))
	for name, secret := range map[string]string{
		"first secret": lumen.secret(), "second secret": second.Secret, "typed secret": other.secret(), "unused secret": unused.secret(),
	} {
		secrets[name] = secret
	}
	at := time.Now().Add(48 * time.Hour).UTC().Format(time.RFC3339)
	i.admin(t, http.StatusNoContent, "DELETE", "/integrations/"+lumen.ID+"/keys/"+second.ID+"?at="+at, nil)

	for n, name := range []string{"anna", "ben", "chloé", "dmitri"} {
		claims := person("p" + fmt.Sprint(n)).with(fields{
			"first_name": strings.ToUpper(name[:1]) + name[1:] + " <b>Okafor</b>", "groups": []string{"algebra-1", "unknown-group"},
			"credits": []fields{{"id": 7, "orderId": fmt.Sprintf("L-%d", n)}}, "meta": fields{"note": "<3 & more"},
		})
		token := lumen.token(claims)
		secrets["cookie of "+name] = i.signIn(t, link(token))
		secrets["signature for "+name] = token[strings.LastIndexByte(token, '.')+1:]
	}
	i.signIn(t, link(lumen.token(person("p1").with(fields{"groups": []string{"optics"}}))))
	for _, refused := range []string{
		lumen.token(person("late").with(fields{"iat": time.Now().Unix() - 3600})),
		lumen.token(person("soon").with(fields{"iat": time.Now().Unix() + 3600})),
		signed("HS256", strings.Repeat("x", 32), fields{"kid": lumen.kid()}, person("forged")),
		lumen.token(fields{"email": 7, "iat": time.Now().Unix()}),
		removed.token(person("zoe")),
	} {
		if a := i.get(t, link(refused), wantsPage); a.status < 400 {
			t.Fatalf("got %v, want a refusal", a)
		}
	}
	return secrets
}

// beforeSignIn are the pages that nobody needs to be signed in for.
var beforeSignIn = []string{}

// opened by an address that is good once, so no page links to them.
var unlinked = []string{}

// TestCrawl opens every page that an owner can reach, and every route of the
// admin that has a page is reached.
func TestCrawl(t *testing.T) {
	eachWorld(t, func(t *testing.T, w world) {
		i := launch(t, w)
		secrets := inhabit(t, i)
		c := crawl(t, i, i.owner(t), secrets, "/admin")
		for target := range c.forms {
			if c.route(http.MethodPost, target) == "" {
				t.Errorf("got a form for %s, which is no route", target)
			}
		}
		open := crawl(t, i, "X-Nobody: 1", secrets, beforeSignIn...)
		for _, route := range c.routes {
			method, path, _ := strings.Cut(route, " ")
			if method != http.MethodGet || path != "/admin" && !strings.HasPrefix(path, "/admin/") || strings.HasPrefix(path, "/admin/api/") {
				continue
			}
			if c.reached[route]+open.reached[route] == 0 && !contains(unlinked, path) {
				t.Errorf("no page leads to %s", path)
			}
		}
	})
}

func contains(list []string, path string) bool {
	for _, pattern := range list {
		if matches(pattern, path) {
			return true
		}
	}
	return false
}

func TestMatches(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		pattern, path string
		want          bool
	}{
		{"/", "/", true},
		{"/", "/admin", false},
		{"/admin", "/admin", true},
		{"/admin", "/admin/", false},
		{"/admin", "/admin/x", false},
		{"/admin", "/administrator", false},
		{"/admin/:id", "/admin", false},
		{"/admin/:id", "/admin/x", true},
		{"/admin/:id/keys", "/admin/x", false},
		{"/admin/:id/keys", "/admin/x/keys", true},
		{"/admin/:id/keys", "/admin/x/key", false},
		{"/assets/*file", "/assets/a/b", true},
	} {
		if got := matches(tt.pattern, tt.path); got != tt.want {
			t.Errorf("matches(%q, %q): got %v, want %v", tt.pattern, tt.path, got, tt.want)
		}
	}
}

package main

import (
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"
)

// inhabit fills an instance, so that every page of the admin has something to
// show. It returns what no page may ever show, by name.
func inhabit(t *testing.T, i *instance) (secrets map[string]string) {
	t.Helper()
	i.owner(t) // before anybody else: the setup link is for the first
	secrets = map[string]string{"bootstrap key": apiKey}
	i.admin(t, http.StatusCreated, "POST", "/groups", fields{"external_id": "algebra-1", "name": "Algebra I"})
	i.admin(t, http.StatusCreated, "POST", "/groups", fields{"external_id": "optics", "name": "Optics <101>"})
	i.admin(t, http.StatusCreated, "POST", "/credits", fields{"id": 7, "name": "Exam voucher"})

	i.admin(t, http.StatusCreated, "POST", "/signing-keys/rotate", fields{"now": true})
	i.admin(t, http.StatusCreated, "POST", "/signing-keys/rotate", fields{})

	lumen := i.install(t, fields{
		"landing_page": "/start", "return_origins": []string{"https://app.example"}, "embed_origins": []string{"https://news.example"},
		"content_origins": []string{"https://content.example"},
	})
	other := i.install(t, fields{"name": `Atrium & "Söhne"`, "secret": "a typed secret of the suite, 43 characters"})
	unused := i.install(t, fields{"name": "Never used"})
	removed := i.install(t, fields{"name": "Removed"})
	published := newPublisher(t)
	published.publish(t, "autumn <2026>")
	i.install(t, fields{"name": "Publishes its keys", "jwks_url": published.URL})
	i.signIn(t, link(removed.token(person("zoe"))))
	for id, r := range map[string]fields{
		"lumens":   {"integration": lumen.ID, "title": "The vote", "content": fields{"url": "https://content.example/votes/1"}, "restricted": true},
		"others":   {"integration": other.ID, "title": `</script><b>Nobody's & "yours"</b>`},
		"orphaned": {"integration": removed.ID, "title": "Left behind"},
	} {
		i.admin(t, http.StatusCreated, "POST", "/resources", fields{"kind": "vote-widget", "id": id}.with(r))
	}
	i.admin(t, http.StatusNoContent, "DELETE", "/integrations/"+removed.ID, nil)
	second := decode[installedKey](t, i.admin(t, http.StatusCreated, "POST", "/integrations/"+lumen.ID+"/keys", fields{}))
	for name, secret := range map[string]string{
		"first secret": lumen.secret(), "second secret": second.Secret, "typed secret": other.secret(), "unused secret": unused.secret(),
	} {
		secrets[name] = secret
	}
	at := time.Now().Add(48 * time.Hour).UTC().Format(time.RFC3339)
	i.admin(t, http.StatusNoContent, "DELETE", "/integrations/"+lumen.ID+"/keys/"+second.ID+"?at="+at, nil)

	i.invite(t, "owner") // one invitation that nobody has taken
	i.signInAdmin(t, ownerEmail, ownerPassword)
	left := decode[struct{ ID string }](t, i.admin(t, http.StatusCreated, "POST", "/administrators", fields{
		"email": "left@usher.example", "name": "Has left", "role": "admin",
	}))
	i.admin(t, http.StatusOK, "PATCH", "/administrators/"+left.ID, fields{"disabled": true})
	i.post(t, "/admin/jobs/export", "", i.owner(t))
	key := decode[struct{ Key string }](t, i.admin(t, http.StatusCreated, "POST", "/api-keys", fields{
		"name": "Nightly export", "scopes": []string{"users:read"},
	}))
	secrets["API key"] = key.Key

	for n, name := range []string{"anna", "ben", "chloé", "dmitri"} {
		claims := person("p" + fmt.Sprint(n)).with(fields{
			"firstName": strings.ToUpper(name[:1]) + name[1:] + " <b>Okafor</b>", "groups": []string{"algebra-1", "unknown-group"},
			"credits": []fields{{"id": 7, "orderId": fmt.Sprintf("L-%d", n)}}, "meta": fields{"note": "<3 & more"},
		})
		token := lumen.token(claims)
		secrets["cookie of "+name] = i.signIn(t, link(token))
		secrets["signature for "+name] = token[strings.LastIndexByte(token, '.')+1:]
	}
	i.signIn(t, link(lumen.token(person("p1").with(fields{"groups": []string{"optics"}}))))
	i.admin(t, http.StatusOK, "PATCH", "/users/"+i.userID(t, "p3@lumen.example"), fields{"disabled": true})
	i.signIn(t, link(other.token(person("twice").with(fields{"groups": []string{"optics"}, "credits": []fields{{"id": 7, "orderId": "L-9"}}}))))
	i.admin(t, http.StatusOK, "POST", "/users/"+i.userID(t, "p0@lumen.example")+"/merge", fields{"from": i.userID(t, "twice@lumen.example")})
	drifting := i.install(t, fields{"name": "Drifting", "drift_guard": true, "drift_threshold": 1})
	secrets["drifting secret"] = drifting.secret()
	for _, groups := range [][]string{{"algebra-1"}, {}} {
		for _, name := range []string{"d1", "d2"} {
			secrets["cookie of "+name] = i.signIn(t, link(drifting.token(person(name).with(fields{"groups": groups}))))
		}
	}
	okta := i.directory(t, lumen)
	secrets["SCIM token"] = okta.token
	okta.add(t, "from-okta", nil)
	i.admin(t, http.StatusCreated, "POST", "/jobs", fields{"kind": "export_users"})
	inhabitTokens(t, i, lumen, secrets)
	inhabitWebhooks(t, i, secrets)
	for _, refused := range []string{
		lumen.token(person("late").with(fields{"iat": time.Now().Unix() - 3600})),
		lumen.token(person("soon").with(fields{"iat": time.Now().Unix() + 3600})),
		signed("HS256", strings.Repeat("x", 32), fields{"kid": lumen.kid()}, person("forged")),
		lumen.token(fields{"email": 7, "iat": time.Now().Unix()}),
		removed.token(person("zoe")),
	} {
		a := i.get(t, link(refused), wantsPage)
		if a.status < 400 {
			t.Fatalf("got %v, want a refusal", a)
		}
		i.logged(t, reference(a))
	}
	// The page of a job loads itself again until the job is over.
	for _, job := range decode[struct{ Jobs []jobUnderTest }](t, i.admin(t, http.StatusOK, "GET", "/jobs", nil)).Jobs {
		i.finished(t, job.ID)
	}
	return secrets
}

// colleague invites somebody to administer the tenant, and returns the header
// line of the browser in which they are signed in.
func (i *instance) colleague(t *testing.T, role string) string {
	t.Helper()
	_, token, _ := strings.Cut(i.invite(t, role), "token=")
	a := i.post(t, "/admin/join", url.Values{"token": {token}, "name": {"Some " + role}, "password": {ownerPassword + role}}.Encode())
	if a.adminCookie() == "" {
		t.Fatalf("a %s joins: got %v, want a cookie", role, a)
	}
	return "Cookie: __Host-usher-admin=" + a.adminCookie()
}

// invite returns the link of an invitation.
func (i *instance) invite(t *testing.T, role string) string {
	t.Helper()
	invited := decode[struct{ Link struct{ URL string } }](t, i.admin(t, http.StatusCreated, "POST", "/administrators", fields{
		"email": role + "@usher.example", "name": "Some " + role, "role": role,
	}))
	return invited.Link.URL
}

// beforeSignIn are the pages for those who are not signed in, before somebody
// has set up the instance.
func beforeSignIn(i *instance) []string {
	return []string{"/admin/sign-in", "/admin/setup?token=" + i.setup}
}

// unlinked are pages and forms that nothing leads to in an instance that is
// well.
var unlinked = []string{
	"/admin/",                                                       // only typed by hand: it leads to /admin
	"/admin/account/passkeys/*more", "/admin/sign-in/passkey/*more", // held by TestPasskeyInBrowser, which has a passkey
	"/admin/sign-in/oidc", "/admin/sign-in/oidc/*more", // only where a provider is configured
	"/admin/alerts/:id",               // only when the drift guard has held something
	"/admin/jobs/:id/cancel",          // only while a job runs
	"/admin/jobs/:id/download",        // only when an export has come to its end
	"/admin/integrations/:id/removed", // only while a removal has not been carried through
	"/admin/undo",                     // after what is to be undone was chosen
	"/admin/users/:id/merge",          // after the other user was chosen
	"/admin/jobs",                     // opened after an act that starts one
}

// isPage reports whether a route is a page of the admin.
func isPage(path string) bool {
	return (path == "/admin" || strings.HasPrefix(path, "/admin/")) && !strings.HasPrefix(path, "/admin/api/")
}

// TestCrawl opens every page that an owner can reach, and every route of the
// admin that has a page is reached.
func TestCrawl(t *testing.T) {
	eachWorld(t, func(t *testing.T, w world) {
		i := launch(t, w)
		before := crawl(t, i, "X-Nobody: 1", nil, beforeSignIn(i)...)
		owner := i.owner(t)
		secrets := inhabit(t, i)
		// The pages that only ask what to undo would crowd this one out.
		drifted := decode[struct {
			Alerts []struct{ Integration string }
		}](t, i.admin(t, http.StatusOK, "GET", "/alerts", nil))
		c := crawl(t, i, owner, secrets, "/admin/undo?emptied="+drifted.Alerts[0].Integration, "/admin")
		before.open(t, strings.TrimPrefix(i.invite(t, "admin"), i.origin), "an invitation")
		for _, route := range c.routes {
			method, path, _ := strings.Cut(route, " ")
			switch {
			case !isPage(path):
			case contains(unlinked, path):
			case method == http.MethodGet && c.reached[route]+before.reached[route] == 0:
				t.Errorf("no page leads to %s", path)
			case method == http.MethodPost && !c.posts(path) && !before.posts(path):
				t.Errorf("no form posts to %s", path)
			}
		}
	})
}

// posts reports whether a form on a page that was seen posts to a route.
func (c *crawler) posts(pattern string) bool {
	for target := range c.forms {
		if matches(pattern, target) {
			return true
		}
	}
	return false
}

// forEveryone are the forms that a viewer may send: they change nothing, or
// only what is the viewer's own.
var forEveryone = []string{
	"/admin/sign-in", "/admin/sign-in/*more", "/admin/sign-out", "/admin/setup", "/admin/join", "/admin/doctor",
	"/admin/account", "/admin/account/*more",
	"/admin/jobs/:id/*more", // each kind of job asks for a right of its own: held by TestJobsOverHTTP
}

// TestViewer looks at everything as somebody who may only look: no page leads
// to one that is forbidden, no form is offered that is refused, and whatever is
// posted all the same is refused.
func TestViewer(t *testing.T) {
	eachWorld(t, func(t *testing.T, w world) {
		i := launch(t, w)
		secrets := inhabit(t, i)
		viewer := i.colleague(t, "viewer")
		c := crawl(t, i, viewer, secrets, "/admin")
		for target, pages := range c.forms {
			if !contains(forEveryone, target) {
				t.Errorf("%s: a viewer is offered the form for %s", pages[0], target)
			}
		}
		parameter := regexp.MustCompile(`:[a-z_]+`)
		for _, route := range c.routes {
			method, path, _ := strings.Cut(route, " ")
			if method != http.MethodPost || !isPage(path) || contains(forEveryone, path) {
				continue
			}
			a := i.post(t, parameter.ReplaceAllString(path, "0190c2d4-0000-7000-8000-000000000000"), "", viewer)
			if a.status != http.StatusForbidden {
				t.Errorf("%s as a viewer: got %v, want 403", route, a)
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
		{"/auth/assets/*file", "/auth/assets/a/b", true},
	} {
		if got := matches(tt.pattern, tt.path); got != tt.want {
			t.Errorf("matches(%q, %q): got %v, want %v", tt.pattern, tt.path, got, tt.want)
		}
	}
}

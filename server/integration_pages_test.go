package main

import (
	"fmt"
	"html"
	"regexp"
	"strings"
	"testing"
	"time"
)

// TestLifeInPages installs, uses, rotates, signs out and removes an
// integration by forms alone.
func TestLifeInPages(t *testing.T) {
	eachWorld(t, func(t *testing.T, w world) {
		i := launch(t, w)
		wantSeen(t, i.page(t, "/admin/integrations"), "Install the first one", `href="/admin/integrations/new"`)
		install := formFields(i.page(t, "/admin/integrations/new"), "/admin/integrations")

		// As it comes, with a name.
		made := i.submit(t, "/admin/integrations", withFields(install, "name", "Lumen & Söhne", "return_origins", "https://a.example\r\nhttps://b.example")...)
		page := html.UnescapeString(made.body)
		if made.status != 200 || made.header.Get("Cache-Control") != "no-store" {
			t.Fatalf("got %v, want the page with the secret, not to be stored", made)
		}
		secret, kid := elementText(t, page, "secret"), regexp.MustCompile(`key_[0-9a-f]+`).FindString(page)
		lumen := decode[struct{ Integrations []installed }](t, i.admin(t, 200, "GET", "/integrations", nil)).Integrations[0]
		if len(secret) != 43 || lumen.Name != "Lumen & Söhne" || lumen.MaxAge == nil || *lumen.MaxAge != 180 || !lumen.AutoCreate {
			t.Errorf("got secret of %d characters and %+v, want the defaults of the form", len(secret), lumen)
		}
		wantSeen(t, page, lumen.CallbackURL, lumen.AppID, "USHER_SECRET="+secret, "I have saved it", "jwt-auth?token=")
		test := regexp.MustCompile(`href="(/auth/callback/jwt-auth\?token=[^"]+)"`).FindStringSubmatch(page)
		i.signIn(t, test[1])

		home := "/admin/integrations/" + lumen.ID
		anna := i.signIn(t, link(signed("HS256", secret, fields{"kid": kid}, person("anna").with(fields{"groups": []string{"beta", "<b>"}}))))
		wantSeen(t, i.page(t, home), "Lumen & Söhne", lumen.AppID, kid, "active", "beta", "<b>", "Create it")
		for _, path := range []string{"", "/keys", "/keys/new", "/settings", "/quick-start", "/quick-start?language=php", "/remove", "/sign-out", "/keys/" + kid + "/retire"} {
			if strings.Contains(i.page(t, home+path), secret) {
				t.Errorf("%s: got the secret shown again", path)
			}
		}
		wantWent(t, i.submit(t, home+"/unknown", "kind", "group", "name", "beta", "label", "Beta testers"), home)
		if page := i.page(t, home); strings.Contains(page, "<code>beta</code>") {
			t.Errorf("got beta still unknown")
		}

		// Settings.
		settings := formFields(i.page(t, home+"/settings"), home+"/settings")
		wantWent(t, i.submit(t, home+"/settings", withFields(settings, "max_age", "60", "landing_page", "/new")...), home+"/settings?done=")
		lost := i.submit(t, home+"/settings", withFields(settings, "name", "Overwritten")...)
		if lost.status != 409 || !strings.Contains(lost.body, "Somebody else") || !strings.Contains(lost.body, "Overwritten") {
			t.Errorf("an outdated form: got %v, want 409 and the values again", lost)
		}
		now := decode[installed](t, i.admin(t, 200, "GET", "/integrations/"+lumen.ID, nil))
		if now.Name != "Lumen & Söhne" || *now.MaxAge != 60 {
			t.Errorf("got %+v, want the first change alone", now)
		}

		// Rotation.
		added := html.UnescapeString(i.submit(t, home+"/keys", "algorithm", "HS512").body)
		wantSeen(t, added, "HS512", "I have saved it")
		newer := regexp.MustCompile(`key_[0-9a-f]+`).FindString(added)
		retire := home + "/keys/" + kid + "/retire"
		wantWent(t, i.submit(t, retire, "after", "3600"), home+"/keys?done=key_expires")
		wantSeen(t, i.page(t, home+"/keys"), "expiring", "Keep it after all")
		wantWent(t, i.submit(t, home+"/keys/"+kid+"/keep"), home+"/keys?done=key_kept")
		for _, wrong := range [][]string{{}, {"after", "5"}, {"after", "0"}, {"after", "0", "confirm", "lumen"}} {
			if got := i.submit(t, retire, wrong...); got.status != 422 {
				t.Errorf("retire with %q: got %v, want the form again", wrong, got)
			}
		}
		old := link(signed("HS256", secret, fields{"kid": kid}, person("anna")))
		i.signIn(t, old)
		wantWent(t, i.submit(t, retire, "after", "0", "confirm", "Lumen & Söhne"), home+"/keys?done=key_retired")
		i.wantReason(t, i.get(t, old, wantsJSON), 401, "key_retired")
		wantSeen(t, i.page(t, home+"/keys"), "retired", "The only active key", "reason=key_retired")
		if got := i.submit(t, home+"/keys/"+newer+"/retire", "after", "3600"); got.status != 422 || !strings.Contains(got.body, "only key") {
			t.Errorf("retiring the last key: got %v, want to be told", got)
		}
		newSecret := elementText(t, added, "secret")
		berta := i.signIn(t, link(signed("HS512", newSecret, fields{"kid": newer}, person("berta"))))

		// Everyone out, then away with it.
		if got := i.submit(t, home+"/sign-out", "confirm", "no"); got.status != 422 || !i.alive(t, berta) {
			t.Errorf("signing out unconfirmed: got %v", got)
		}
		wantSeen(t, i.page(t, home+"/sign-out"), "<b>4</b> sessions")
		wantWent(t, i.submit(t, home+"/sign-out", "confirm", "Lumen & Söhne"), home)
		if i.alive(t, anna) || i.alive(t, berta) {
			t.Errorf("got a session alive after everyone was signed out")
		}
		last := link(signed("HS512", newSecret, fields{"kid": newer}, person("berta").with(fields{"groups": []string{"beta"}})))
		berta = i.signIn(t, last)
		wantSeen(t, i.page(t, home+"/remove"), "only way in", "Memberships", "cannot sign in afterwards")
		if got := i.submit(t, home+"/remove"); got.status != 422 || !i.alive(t, berta) {
			t.Errorf("removing unconfirmed: got %v", got)
		}
		for range 2 { // once more, as after a fault
			wantWent(t, i.submit(t, home+"/remove", "confirm", "Lumen & Söhne"), home+"/removed")
		}
		wantSeen(t, i.page(t, home+"/removed"), "Lumen & Söhne is removed", "integration_removed")
		if i.alive(t, berta) {
			t.Errorf("got a session alive after the removal")
		}
		i.wantReason(t, i.get(t, last, wantsJSON), 401, "integration_removed")
		wantWent(t, i.get(t, home, i.owner(t)), home+"/removed")

		// What it did can still be undone.
		wantSeen(t, i.page(t, home+"/removed"), "/admin/undo?integration="+lumen.ID)
		wantSeen(t, i.page(t, "/admin/undo?integration="+lumen.ID), "Lumen & Söhne (removed)")

		// What it gave can still be taken.
		wantSeen(t, i.page(t, home+"/removed"), "1 membership of a group", "Take them away")
		if got := i.submit(t, home+"/removed", "confirm", "no"); got.status != 422 {
			t.Errorf("taking what it gave unconfirmed: got %v", got)
		}
		wantWent(t, i.submit(t, home+"/removed", "confirm", "Lumen & Söhne"), "/admin/jobs/")
		for deadline := time.Now().Add(patience); strings.Contains(i.page(t, home+"/removed"), "Take them away"); {
			if time.Now().After(deadline) {
				t.Fatal("got what it gave still there")
			}
		}
	})
}

// TestInstallFormRefuses tells every fault beside its field, keeps what was
// typed except secrets, and installs nothing.
func TestInstallFormRefuses(t *testing.T) {
	eachWorld(t, func(t *testing.T, w world) {
		i := launch(t, w)
		install := formFields(i.page(t, "/admin/integrations/new"), "/admin/integrations")
		got := i.submit(t, "/admin/integrations", withFields(install,
			"name", " ", "max_age", "three", "landing_page", "//evil.example", "return_origins", "ftp://x", "leeway", "301",
			"secret", "short-and-secret", "link_policy", "maybe")...)
		page := html.UnescapeString(got.body)
		if got.status != 422 || strings.Contains(page, "short-and-secret") {
			t.Fatalf("got %v, want the form again without the secret", got)
		}
		for _, field := range []string{"name", "max_age", "landing_page", "return_origins", "leeway", "secret", "link_policy"} {
			wantSeen(t, page, `id="field-`+field+`-fault"`)
		}
		wantSeen(t, page, "7 fields were not accepted", `value="three"`, "//evil.example", "ftp://x", "<details open>")
		for name, fields := range map[string][]string{
			"a secret and a public key": {"secret", strings.Repeat("0123456789abcdef!", 2), "public_key", "x"},
			"a private key":             {"public_key", "-----BEGIN PRIVATE KEY-----\nabc\n-----END PRIVATE KEY-----"},
			"a nonce without a page":    {"require_nonce", "on"},
		} {
			got := i.submit(t, "/admin/integrations", withFields(withFields(install, "name", "x"), fields...)...)
			if got.status != 422 || strings.Contains(got.body, "BEGIN PRIVATE") || strings.Contains(got.body, "cdef!0123") {
				t.Errorf("%s: got %v, want the form again", name, got)
			}
		}
		if got := i.submit(t, "/admin/integrations", "name", "a\x00b"); got.status != 400 {
			t.Errorf("a NUL: got %v, want 400", got)
		}
		if got := len(decode[struct{ Integrations []installed }](t, i.admin(t, 200, "GET", "/integrations", nil)).Integrations); got != 0 {
			t.Errorf("got %d integrations after refused forms, want none", got)
		}
	})
}

// TestIntegrationsOfAnotherTenant are not there, whatever is asked of them.
func TestIntegrationsOfAnotherTenant(t *testing.T) {
	eachWorld(t, func(t *testing.T, w world) {
		i := launch(t, w)
		i.admin(t, 201, "POST", "/tenants", fields{"name": "Other", "hosts": []string{"other.localhost"}})
		theirs := i.install(t, nil, "Host: other.localhost:"+i.port)
		mine := i.install(t, nil)
		for _, id := range []string{theirs.ID, theirs.AppID, "x"} {
			for _, path := range []string{"", "/settings", "/keys", "/keys/new", "/keys/" + theirs.kid() + "/retire", "/quick-start", "/sign-out", "/remove", "/removed"} {
				if got := i.get(t, "/admin/integrations/"+id+path, i.owner(t)); got.status != 404 {
					t.Errorf("GET %s%s: got %v, want 404", id, path, got)
				}
			}
			for _, path := range []string{"/settings", "/unknown", "/keys", "/keys/" + theirs.kid() + "/retire", "/keys/" + theirs.kid() + "/keep", "/sign-out", "/remove"} {
				if got := i.submit(t, "/admin/integrations/"+id+path, "confirm", theirs.Name, "name", "x", "kind", "group", "revision", "1"); got.status != 404 {
					t.Errorf("POST %s%s: got %v, want 404", id, path, got)
				}
			}
			for _, call := range [][2]string{{"GET", "/removal"}, {"GET", "/health"}, {"POST", "/sign-out"}, {"POST", "/keys/" + theirs.kid() + "/keep"}} {
				i.admin(t, 404, call[0], "/integrations/"+id+call[1], nil)
			}
		}
		if got := i.submit(t, "/admin/integrations/"+mine.ID+"/keys/"+theirs.kid()+"/retire", "after", "3600"); got.status != 404 {
			t.Errorf("their key under our integration: got %v, want 404", got)
		}
		i.signIn(t, link(theirs.token(person("anna"))), "Host: other.localhost:"+i.port)
	})
}

// TestIntegrationHealthAPI: previews, sign-out and kept keys over the API.
func TestIntegrationHealthAPI(t *testing.T) {
	eachWorld(t, func(t *testing.T, w world) {
		i := launch(t, w)
		lumen := i.install(t, nil)
		path := "/integrations/" + lumen.ID
		cookie := i.signIn(t, link(lumen.token(person("anna").with(fields{"groups": []string{"beta"}, "credits": []fields{{"orderId": "A", "id": 7}}}))))
		removal := decode[map[string]any](t, i.admin(t, 200, "GET", path+"/removal", nil))
		for member, want := range map[string]any{
			"sessions": 1.0, "sessions_exact": true, "people": 1.0, "only_way_in": 1.0, "memberships": 0.0, "credits": 1.0, "exact": true,
		} {
			if removal[member] != want {
				t.Errorf("removal: got %s %v, want %v", member, removal[member], want)
			}
		}
		health := i.admin(t, 200, "GET", path+"/health", nil).body
		for _, part := range []string{`"kind":"group","name":"beta","count":1`, `"kind":"credit","name":"7","count":1`, `"state":"active"`, `"safe_to_retire":false`} {
			if !strings.Contains(health, part) {
				t.Errorf("health: got %s, want %s in it", health, part)
			}
		}
		i.admin(t, 204, "POST", path+"/sign-out", nil)
		if i.alive(t, cookie) {
			t.Errorf("got a session alive after everyone was signed out")
		}
		i.admin(t, 201, "POST", path+"/keys", fields{})
		later := time.Now().Add(time.Hour).UTC().Format(time.RFC3339)
		i.admin(t, 204, "DELETE", fmt.Sprintf("%s/keys/%s?at=%s", path, lumen.kid(), later), nil)
		i.admin(t, 204, "POST", path+"/keys/"+lumen.kid()+"/keep", nil)
		if got := decode[installed](t, i.admin(t, 200, "GET", path, nil)).Keys[0].RetiresAt; got != nil {
			t.Errorf("got the key retiring at %v, want it kept", got)
		}
		i.admin(t, 204, "DELETE", path+"/keys/"+lumen.kid(), nil)
		i.admin(t, 400, "POST", path+"/keys/"+lumen.kid()+"/keep", nil)
	})
}

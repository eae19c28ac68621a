package main

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
)

func TestOwnerSignsIn(t *testing.T) {
	eachWorld(t, func(t *testing.T, w world) {
		i := launch(t, w)
		token := i.setup
		if len(token) != 43 {
			t.Fatalf("got the setup token %q, want one of 43 characters", token)
		}
		// Opening the link changes nothing; what is wrong with the form is said.
		for range 2 {
			if a := i.get(t, "/admin/setup?token="+token); a.status != 200 || !strings.Contains(a.body, "Set up the admin") {
				t.Fatalf("got %v, want the form", a)
			}
		}
		weak := url.Values{"token": {token}, "name": {"Olga"}, "email": {ownerEmail}, "password": {"password1234"}}
		if a := i.post(t, "/admin/setup", weak.Encode()); a.status != 422 || !strings.Contains(a.body, "easy to guess") || a.adminCookie() != "" {
			t.Fatalf("a weak password: got %v, want 422", a)
		}
		owner := i.owner(t)
		if a := i.get(t, "/admin", owner); a.status != 200 || !strings.Contains(a.body, "Olga Owner") {
			t.Errorf("got %v, want the overview", a)
		}
		if a := i.get(t, "/admin/"); a.status != http.StatusSeeOther || a.header.Get("Location") != "/admin" {
			t.Errorf("/admin/: got %v, want to be sent to /admin", a)
		}
		for _, path := range []string{"/admin/setup", "/admin/join"} {
			weak.Set("password", ownerPassword)
			if a := i.post(t, path, weak.Encode()); a.status != 404 || a.adminCookie() != "" {
				t.Errorf("%s again: got %v, want 404", path, a)
			}
		}
		cookie := i.signInAdmin(t, strings.ToUpper(ownerEmail), ownerPassword)
		if got := i.get(t, "/admin/sign-in?next=/admin/users", "Cookie: __Host-usher-admin="+cookie).header.Get("Location"); got != "/admin/users" {
			t.Errorf("signed in already: got to %q, want /admin/users", got)
		}
		i.post(t, "/admin/sign-out", "", "Cookie: __Host-usher-admin="+cookie)
		if a := i.get(t, "/admin", "Cookie: __Host-usher-admin="+cookie); a.status != http.StatusSeeOther {
			t.Errorf("signed out: got %v, want to be sent to the sign-in", a)
		}
		if strings.Contains(i.log.String(), token) || strings.Contains(i.log.String(), cookie) || strings.Contains(i.log.String(), ownerPassword) {
			t.Error("got a secret in the log")
		}
	})
}

// asAdministrator is the header line of an administrator's cookie.
func asAdministrator(cookie string) string { return "Cookie: __Host-usher-admin=" + cookie }

// TestPartnersNeverAdminister: what a partner's token gives opens nothing of
// the admin, and what the admin gives is no session of a person.
func TestPartnersNeverAdminister(t *testing.T) {
	eachWorld(t, func(t *testing.T, w world) {
		i := launch(t, w)
		lumen := i.install(t, nil)
		owner := i.owner(t)
		token := lumen.token(person("olga").with(fields{
			"email": ownerEmail, "role": "owner", "operator": true, "admin": true, "meta": fields{"role": "owner"},
		}))
		cookie := i.signIn(t, link(token))
		for _, header := range []string{holding(cookie), asAdministrator(cookie), "Authorization: Bearer " + cookie, "Authorization: Bearer " + token, "Authorization: JWT " + token} {
			if a := i.get(t, "/admin/account", header); a.status != http.StatusSeeOther || !strings.HasPrefix(a.header.Get("Location"), "/admin/sign-in?next=") {
				t.Errorf("%.40s: got %v, want to be sent to the sign-in", header, a)
			}
			if a := i.post(t, "/admin/settings/administrators", "email=x@y.example&role=owner", header); a.status != http.StatusUnauthorized {
				t.Errorf("%.40s: got %v to a form, want 401", header, a)
			}
			if a := i.get(t, "/admin/api/v1/users", header); a.status != http.StatusUnauthorized {
				t.Errorf("%.40s: got %v from the API, want 401", header, a)
			}
		}
		mine := strings.TrimPrefix(owner, "Cookie: __Host-usher-admin=")
		for _, header := range []string{owner, holding(mine)} {
			if a := i.get(t, "/auth/session", header); a.status != http.StatusUnauthorized {
				t.Errorf("an administrator's cookie: got %v as a person's session, want 401", a)
			}
		}
		// The API asks for a key: the cookie alone, which any site's form could
		// send along, does not speak there.
		if a := i.get(t, "/admin/api/v1/integrations", owner); a.status != http.StatusUnauthorized {
			t.Errorf("got %v from the API with the cookie, want 401", a)
		}
		if a := i.get(t, "/admin", asAdmin); a.status != http.StatusSeeOther {
			t.Errorf("got %v from a page with the bootstrap key, want to be sent to the sign-in", a)
		}
	})
}

func TestAPIKeysOverHTTP(t *testing.T) {
	eachWorld(t, func(t *testing.T, w world) {
		i := launch(t, w)
		owner := i.owner(t)
		i.admin(t, 201, "POST", "/tenants", fields{"name": "Other", "hosts": []string{"other.example"}})
		form := url.Values{"name": {"export"}, "scopes": {"users:read"}, "life": {"30"}}
		if a := i.post(t, "/admin/settings/api-keys", url.Values{"name": {"export"}, "life": {"30"}}.Encode(), owner); a.status != 422 {
			t.Errorf("no right: got %v, want 422", a)
		}
		made := i.post(t, "/admin/settings/api-keys", form.Encode(), owner)
		_, rest, _ := strings.Cut(made.body, `<pre id="key" tabindex="0">`)
		key, _, _ := strings.Cut(rest, "<")
		if made.status != 200 || !strings.HasPrefix(key, "usk_") {
			t.Fatalf("got %v, want a key", made)
		}
		as := "Authorization: Bearer " + key
		for path, want := range map[string]int{
			"/users?email=x@y.example": 200, "/integrations": 403, "/api-keys": 403, "/administrators": 403, "/groups": 403,
		} {
			a := i.get(t, "/admin/api/v1"+path, as)
			if a.status != want || want == 403 && a.reason() != "not_allowed" {
				t.Errorf("%s: got %v, want %d", path, a, want)
			}
		}
		for _, line := range []string{as, "Cookie: __Host-usher-admin=" + key[4:]} {
			if a := i.get(t, "/admin", line); a.status != http.StatusSeeOther {
				t.Errorf("got %v from a page, want to be sent to the sign-in", a)
			}
		}
		if a := i.get(t, "/admin/api/v1/users?email=x@y.example", as, "Host: other.example"); a.status != 401 || a.reason() != "api_key_invalid" {
			t.Errorf("at another tenant: got %v, want 401", a)
		}
		// A key gives no more than it has.
		maker := decode[struct{ Key string }](t, i.admin(t, 201, "POST", "/api-keys", fields{"name": "maker", "scopes": []string{"settings:read", "settings:write"}})).Key
		for body, want := range map[string]int{
			`{"name":"x","scopes":["settings:read"]}`: 201, `{"name":"x","scopes":["users:read"]}`: 403,
			`{"name":"x","scopes":["tenants:operate"]}`: 403, `{"name":"x","scopes":["everything"]}`: 400,
		} {
			if a := i.send(t, "POST", "/admin/api/v1/api-keys", body, "Authorization: Bearer "+maker); a.status != want {
				t.Errorf("%s: got %v, want %d", body, a, want)
			}
		}

		listed := decode[struct {
			Keys []struct{ ID, Ending string } `json:"api_keys"`
		}](t, i.admin(t, 200, "GET", "/api-keys", nil))
		first := listed.Keys[len(listed.Keys)-1]
		if !strings.HasSuffix(key, first.Ending) {
			t.Errorf("got the ending %q, want that of the key", first.Ending)
		}
		page := i.get(t, "/admin/settings/api-keys", owner)
		if page.status != 200 || strings.Contains(page.body, key) || !strings.Contains(page.body, first.Ending) {
			t.Errorf("got %v, want the ending and not the key", page)
		}
		revoke := "/admin/settings/api-keys/" + first.ID + "/revoke"
		if a := i.get(t, revoke, owner); a.status != 200 || !strings.Contains(a.body, "will be refused from now on") {
			t.Errorf("got %v, want what will happen", a)
		}
		if a := i.post(t, revoke, "confirm=Export", owner); a.status != 422 {
			t.Errorf("another word: got %v, want 422", a)
		}
		if a := i.get(t, "/admin/api/v1/users?email=x@y.example", as); a.status != 200 {
			t.Errorf("before the revocation: got %v, want 200", a)
		}
		if a := i.post(t, revoke, "confirm=export", owner); a.status != 303 {
			t.Errorf("got %v, want it revoked", a)
		}
		if a := i.get(t, "/admin/api/v1/users?email=x@y.example", as); a.status != 401 {
			t.Errorf("revoked: got %v, want 401", a)
		}
		if strings.Contains(i.log.String(), key) || strings.Contains(i.log.String(), maker) {
			t.Error("got a key in the log")
		}
	})
}

func TestAdministrators(t *testing.T) {
	eachWorld(t, func(t *testing.T, w world) {
		i := launch(t, w)
		owner := i.owner(t)
		type account struct {
			ID   string
			Role string
			Link struct{ URL string }
		}
		invite := func(email, role string) account {
			return decode[account](t, i.admin(t, 201, "POST", "/administrators", fields{"email": email, "role": role}))
		}
		join := func(of account) string {
			t.Helper()
			_, token, _ := strings.Cut(of.Link.URL, "/admin/join?token=")
			if a := i.get(t, "/admin/join?token="+token); a.status != 200 || !strings.HasPrefix(of.Link.URL, i.origin+"/admin/join?") {
				t.Fatalf("%s: got %v, want the form", of.Link.URL, a)
			}
			a := i.post(t, "/admin/join", url.Values{"token": {token}, "name": {"Some Body"}, "password": {ownerPassword}}.Encode())
			if a.adminCookie() == "" {
				t.Fatalf("got %v, want a session", a)
			}
			return asAdministrator(a.adminCookie())
		}
		vera := invite("vera@usher.example", "viewer")
		viewer := join(vera)
		if a := i.get(t, "/admin/integrations", viewer); a.status != 200 {
			t.Errorf("a viewer looks: got %v", a)
		}
		for _, path := range []string{"/admin/settings/administrators", "/admin/settings/api-keys", "/admin/settings/administrators/" + vera.ID} {
			if a := i.post(t, path, "email=x@y.example&role=owner&name=x", viewer); a.status != 403 {
				t.Errorf("a viewer at %s: got %v, want 403", path, a)
			}
		}
		for _, bad := range []fields{{"email": "x", "role": "viewer"}, {"email": "x@y.example", "role": "king"}, {"email": "vera@usher.example", "role": "viewer"}, {"email": "x@y.example", "role": "viewer", "operator": true}} {
			i.admin(t, 400, "POST", "/administrators", bad)
		}

		// The role counts at once, and so does its end.
		seen := i.admin(t, 200, "GET", "/administrators/"+vera.ID, nil).header.Get("ETag")
		i.admin(t, 200, "PATCH", "/administrators/"+vera.ID, fields{"role": "owner"}, "If-Match: "+seen)
		for method, body := range map[string]any{"PATCH": fields{"role": "viewer"}, "DELETE": nil} {
			i.admin(t, 412, method, "/administrators/"+vera.ID, body, "If-Match: "+seen)
		}
		if a := i.get(t, "/admin/settings/administrators", viewer); a.status != 200 || !strings.Contains(a.body, "Invite somebody") {
			t.Errorf("an owner now: got %v", a)
		}
		// Who is no operator does not touch one.
		list := i.admin(t, 200, "GET", "/administrators", nil)
		accounts := decode[struct{ Administrators []account }](t, list).Administrators
		if len(accounts) != 2 {
			t.Fatalf("got %v, want two accounts", list)
		}
		olga := accounts[0]
		for _, path := range []string{"/disable", "/link", ""} {
			if a := i.post(t, "/admin/settings/administrators/"+olga.ID+path, "name=Olga&role=viewer", viewer); a.status != 422 || !strings.Contains(a.body, "rights that you do not have") {
				t.Errorf("%s: got %v, want 422", path, a)
			}
		}
		if a := i.post(t, "/admin/settings/administrators/"+olga.ID+"/remove", "confirm="+ownerEmail, viewer); a.status != 422 || !strings.Contains(a.body, "rights that you do not have") {
			t.Errorf("removal: got %v, want 422", a)
		}
		i.admin(t, 200, "PATCH", "/administrators/"+vera.ID, fields{"disabled": true})
		if a := i.get(t, "/admin", viewer); a.status != 303 {
			t.Errorf("switched off: got %v, want to be sent to the sign-in", a)
		}
		for method, body := range map[string]any{"PATCH": fields{"role": "admin", "operator": false}, "DELETE": nil} {
			a := i.admin(t, 409, method, "/administrators/"+olga.ID, body)
			if a.reason() != "conflict" || !strings.Contains(a.body, "needs an owner") {
				t.Errorf("the last owner: got %v, want a conflict", a)
			}
		}
		if a := i.post(t, "/admin/settings/administrators/"+olga.ID+"/disable", "", owner); a.status != 422 || !strings.Contains(a.body, "needs an owner") {
			t.Errorf("the last owner by the page: got %v, want 422", a)
		}
		i.admin(t, 204, "DELETE", "/administrators/"+vera.ID, nil)
		i.admin(t, 404, "DELETE", "/administrators/"+vera.ID, nil)
		i.admin(t, 404, "GET", "/administrators/x", nil)

		// Another tenant sees none of it.
		i.admin(t, 201, "POST", "/tenants", fields{"name": "Other", "hosts": []string{"other.example"}})
		i.admin(t, 404, "GET", "/administrators/"+olga.ID, nil, "Host: other.example")
		if a := i.admin(t, 200, "GET", "/administrators", nil, "Host: other.example"); strings.Contains(a.body, olga.ID) {
			t.Errorf("got another tenant's administrator: %v", a)
		}
		if a := i.get(t, "/admin", owner, "Host: other.example"); a.status != 303 {
			t.Errorf("a session at another host: got %v, want to be sent to the sign-in", a)
		}
		if a := i.get(t, "/admin", i.owner(t, "Host: other.example"), "Host: other.example"); a.status != 200 || !strings.Contains(a.body, "Other") {
			t.Errorf("an operator at another host: got %v, want its overview", a)
		}
	})
}

// TestSignInIsGuarded: guesses are counted over instances, other sites' forms
// are refused, and the answers do not say who has an account.
func TestSignInIsGuarded(t *testing.T) {
	eachWorld(t, func(t *testing.T, w world) {
		i, second := launch(t, w), launch(t, w)
		i.owner(t)
		form := func(email string) string {
			return url.Values{"email": {email}, "password": {"not the password"}}.Encode()
		}
		bodies := map[string]bool{}
		for _, email := range []string{ownerEmail, "nobody@usher.example"} {
			a := i.post(t, "/admin/sign-in", form(email))
			if a.status != 422 || a.adminCookie() != "" {
				t.Errorf("%s: got %v, want 422", email, a)
			}
			bodies[strings.ReplaceAll(a.body, email, "")] = true
		}
		if len(bodies) != 1 {
			t.Error("got answers that tell an account from none")
		}
		for n := range 9 {
			[]*instance{i, second}[n%2].post(t, "/admin/sign-in", form(ownerEmail))
		}
		a := second.post(t, "/admin/sign-in", url.Values{"email": {ownerEmail}, "password": {ownerPassword}}.Encode())
		if a.status != 429 || a.header.Get("Retry-After") == "" || a.header.Get("Retry-After") == "0" || a.adminCookie() != "" {
			t.Errorf("after ten guesses: got %v, Retry-After %q, want 429", a, a.header.Get("Retry-After"))
		}
		for _, path := range []string{"/admin/sign-in", "/admin/sign-out", "/admin/setup", "/admin/join", "/admin/sign-in/passkey", "/admin/account"} {
			for _, line := range []string{"Sec-Fetch-Site: cross-site", "Sec-Fetch-Site: same-site", "Origin: https://evil.example"} {
				if a := i.send(t, "POST", path, "x=y", isForm, line); a.status != 403 || !strings.Contains(a.body, "cross_origin") {
					t.Errorf("%s with %s: got %v, want 403", path, line, a)
				}
			}
		}
		// The page leads nowhere else.
		for _, next := range []string{
			"https://evil.example/admin", "//evil.example/admin", "/admin/..//evil.example", `/admin\evil`, "/auth/logout", "/admin/api/v1/users", "/administrator", "/admin/sign-in?next=x",
			"/admin/sign-out", "/admin/nothing", "/admin/users/", "/admin/account/password", "/admin/setup",
		} {
			if a := i.get(t, "/admin/sign-in?next="+url.QueryEscape(next)); !strings.Contains(a.body, `name="next" value="/admin"`) {
				t.Errorf("next=%s: got it kept", next)
			}
		}
	})
}

// TestAdminCommands lets somebody in, out and away by commands while a server
// runs.
func TestAdminCommands(t *testing.T) {
	eachWorld(t, func(t *testing.T, w world) {
		made, _ := command(t, w, exitOK, "admin", "create", "--email", "olga@usher.example", "--name", "Olga", "--role", "owner", "--operator")
		i := launch(t, w)
		if i.setup != "" {
			t.Errorf("got a setup link although there is an owner")
		}
		_, token, _ := strings.Cut(strings.TrimSpace(made), "/admin/join?token=")
		a := i.post(t, "/admin/join", url.Values{"token": {token}, "name": {"Olga"}, "password": {ownerPassword}}.Encode())
		session := asAdministrator(a.adminCookie())
		if page := i.get(t, "/admin", session); page.status != 200 {
			t.Fatalf("got %v after %v, want the overview", page, a)
		}
		command(t, w, exitFailed, "admin", "disable", "olga@usher.example") // the last owner
		command(t, w, exitUsage, "admin", "create", "--email", "olga@usher.example")
		command(t, w, exitUsage, "admin", "create", "--email", "vera@usher.example", "--role", "king")
		command(t, w, exitNotFound, "admin", "link", "nobody@usher.example")
		command(t, w, exitOK, "admin", "create", "--email", "vera@usher.example", "--role", "owner")
		link, _ := command(t, w, exitOK, "admin", "link", "vera@usher.example")
		if !strings.Contains(link, "/admin/join?token=") {
			t.Errorf("got %q, want a link", link)
		}
		_, token, _ = strings.Cut(strings.TrimSpace(link), "/admin/join?token=")
		i.post(t, "/admin/join", url.Values{"token": {token}, "name": {"Vera"}, "password": {ownerPassword}}.Encode())
		listed, _ := command(t, w, exitOK, "admin", "list")
		for _, want := range []string{"olga@usher.example", "owner and operator", "vera@usher.example", "active"} {
			if !strings.Contains(listed, want) {
				t.Errorf("got a list without %q:\n%s", want, listed)
			}
		}
		command(t, w, exitOK, "admin", "disable", "OLGA@usher.example")
		if page := i.get(t, "/admin", session); page.status != 303 {
			t.Errorf("switched off by a command: got %v, want the session ended", page)
		}
		command(t, w, exitOK, "admin", "enable", "olga@usher.example")
		command(t, w, exitUsage, "admin", "remove", "olga@usher.example")
		command(t, w, exitOK, "admin", "remove", "olga@usher.example", "--confirm", "olga@usher.example")

		key, _ := command(t, w, exitOK, "api-key", "create", "--name", "export", "--scope", "users:read,log:read", "--days", "2")
		as := "Authorization: Bearer " + field(t, key, "Key")
		if a := i.get(t, "/admin/api/v1/users?email=x@y.example", as); a.status != 200 {
			t.Errorf("got %v with the command's key, want 200", a)
		}
		if listed, _ := command(t, w, exitOK, "api-key", "list"); strings.Contains(listed, field(t, key, "Key")) || !strings.Contains(listed, "users:read,log:read") {
			t.Errorf("got a list\n%s", listed)
		}
		command(t, w, exitOK, "api-key", "revoke", field(t, key, "Id"))
		if a := i.get(t, "/admin/api/v1/users?email=x@y.example", as); a.status != 401 {
			t.Errorf("revoked by a command: got %v, want 401", a)
		}
		command(t, w, exitNotFound, "api-key", "revoke", field(t, key, "Id"))
		command(t, w, exitUsage, "api-key", "create", "--name", "x")
	})
}

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

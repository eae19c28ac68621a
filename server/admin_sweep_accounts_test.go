package main

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
)

// nobody is the header line of a browser in which nobody is signed in.
const nobody = wantsPage

// invitation invites somebody, and returns the token of the link.
func (s *sweep) invitation(t *testing.T, email string) string {
	t.Helper()
	invited := decode[struct{ Link struct{ URL string } }](t, s.api(t, http.StatusCreated, "POST", "/administrators", fields{
		"email": email, "name": "Some body", "role": "viewer",
	}))
	_, token, _ := strings.Cut(invited.Link.URL, "token=")
	return token
}

// viewer lets somebody in who may look around.
func (s *sweep) viewer(t *testing.T) (email, as string) {
	t.Helper()
	email = s.next() + "@usher.example"
	a := s.i.post(t, "/admin/join", url.Values{
		"token": {s.invitation(t, email)}, "name": {"Some body"}, "password": {ownerPassword},
	}.Encode(), s.host)
	if a.adminCookie() == "" {
		t.Fatalf("%s: got %v, want a session", email, a)
	}
	return email, asAdministrator(a.adminCookie())
}

const passkeys = "/admin/account/passkeys"

// adding begins to add a passkey, and returns what ends it.
func (s *sweep) adding(t *testing.T) (device *authenticator, finish change) {
	t.Helper()
	_, as := s.viewer(t)
	begin := s.formAs(t, as, "/admin/account", passkeys)
	begin.body = url.Values{"passkey": {"Device"}, "own_password": {ownerPassword}}
	device = newAuthenticator(t)
	return device, change{path: passkeys + "/finish", body: device.answers(t, s.call(t, "POST "+passkeys, begin), s.i.port), as: as}
}

// passkey adds one.
func (s *sweep) passkey(t *testing.T) (device *authenticator, as string) {
	t.Helper()
	device, finish := s.adding(t)
	if a := s.call(t, "POST "+finish.path, finish); a.status != http.StatusSeeOther {
		t.Fatalf("a passkey: got %v, want it added", a)
	}
	return device, finish.as
}

// passkeyID is the id of the one passkey of whoever this is.
func (s *sweep) passkeyID(t *testing.T, as string) string {
	t.Helper()
	_, rest, found := strings.Cut(s.i.get(t, "/admin/account", s.host, as, wantsPage).body, passkeys+"/")
	id, _, _ := strings.Cut(rest, "/")
	if !found {
		t.Fatal("got no passkey on the account's page")
	}
	return id
}

// accountChanges are what administrators do to their own account and session.
func (s *sweep) accountChanges() map[string]func(t *testing.T) change {
	return map[string]func(t *testing.T) change{
		"POST /admin/account": func(t *testing.T) change {
			_, as := s.viewer(t)
			return s.formAs(t, as, "/admin/account", "/admin/account", "name", "Other")
		},
		"POST /admin/account/password": func(t *testing.T) change {
			_, as := s.viewer(t)
			return s.formAs(t, as, "/admin/account", "/admin/account/password", "old_password", ownerPassword, "password", "another "+ownerPassword)
		},
		"POST /admin/account/sessions/end": func(t *testing.T) change {
			email, as := s.viewer(t)
			s.i.signInAdmin(t, email, ownerPassword, s.host)
			return s.formAs(t, as, "/admin/account", "/admin/account/sessions/end")
		},
		"POST /admin/account/passkeys": func(t *testing.T) change {
			_, as := s.viewer(t)
			return change{path: passkeys, body: url.Values{"passkey": {"Device"}, "own_password": {ownerPassword}}, as: as}
		},
		"POST /admin/account/passkeys/finish": func(t *testing.T) change { _, finish := s.adding(t); return finish },
		"POST /admin/account/passkeys/:id/remove": func(t *testing.T) change {
			_, as := s.passkey(t)
			p := passkeys + "/" + s.passkeyID(t, as) + "/remove"
			return s.formAs(t, as, p, p)
		},

		"POST /admin/sign-in": func(t *testing.T) change {
			email, _ := s.viewer(t)
			return s.formAs(t, nobody, "/admin/sign-in", "/admin/sign-in", "email", email, "password", ownerPassword)
		},
		"POST /admin/sign-in/passkey": func(*testing.T) change {
			return change{path: "/admin/sign-in/passkey", body: url.Values{}, as: nobody}
		},
		"POST /admin/sign-in/passkey/finish": func(t *testing.T) change {
			device, _ := s.passkey(t)
			asks := s.i.post(t, "/admin/sign-in/passkey", "", s.host)
			return change{path: "/admin/sign-in/passkey/finish", body: device.answers(t, asks, s.i.port), as: nobody}
		},
		"POST /admin/sign-out": func(t *testing.T) change {
			_, as := s.viewer(t)
			return change{path: "/admin/sign-out", body: url.Values{}, as: as}
		},
		"POST /admin/join": func(t *testing.T) change {
			token := s.invitation(t, s.next()+"@usher.example")
			return s.formAs(t, nobody, "/admin/join?token="+token, "/admin/join", "name", "Some body", "password", ownerPassword)
		},
	}
}

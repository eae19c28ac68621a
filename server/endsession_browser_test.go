package main

import (
	"fmt"
	"html"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"

	"usher/testenv"
)

// TestSignOutByClientInBrowser: an application sends its person to sign out here
// too, by an address and by a form of its own site.
func TestSignOutByClientInBrowser(t *testing.T) {
	t.Parallel()
	if !testenv.HasChromium() {
		return
	}
	i := launch(t, embeddedWorld(t))
	n := i.install(t, nil)
	goodbye := openClientsPage(t)
	lumen := i.addPeopleClient(t, fields{"post_logout_redirect_uris": []string{goodbye.URL + "/goodbye"}})
	form := url.Values{"client_id": {lumen.ClientID}, "post_logout_redirect_uri": {goodbye.URL + "/goodbye"}, "state": {"<b>&"}}
	site := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		fmt.Fprintf(w, `<!doctype html><html lang="en"><title>Client</title><main><h1>Client</h1><form method="post" action="%s/connect/endsession">`, i.origin)
		for name := range form {
			fmt.Fprintf(w, `<input type="hidden" name="%s" value="%s">`, name, html.EscapeString(form.Get(name)))
		}
		fmt.Fprint(w, `<button>Leave</button></form></main>`)
	}))
	t.Cleanup(site.Close)

	w := openWindow(t, i)
	enter := func() {
		t.Helper()
		w.open(t, link(n.token(person("anna").with(fields{"name": "Anna Moss", "jti": newProof().state}))))
	}
	for name, begin := range map[string]func(){
		"by an address": func() { w.open(t, "/connect/endsession?"+form.Encode()) },
		"by a form":     func() { w.open(t, site.URL); w.press(t, "Leave") },
	} {
		enter()
		begin()
		w.sees(t, "Signed in as Anna Moss", "Sign out here too?", "Lumen Library has signed you out")
		if name == "by an address" {
			w.isGoodAllOver(t, "end_session", "end_session")
		}
		w.press(t, "Sign out")
		w.do(t, name, chromedp.WaitVisible("#came"))
		if at := w.at(t); !strings.HasPrefix(at, goodbye.URL+"/goodbye?state=") || w.content(t, "#came") != "state=%3Cb%3E%26" {
			t.Errorf("%s: got to %s, want the application's page, and its state", name, at)
		}
		if status := w.goTo(t, "/auth/session"); status != http.StatusUnauthorized {
			t.Errorf("%s: got status %d of the session, want it ended", name, status)
		}
	}
	// Nobody is sent where the application is not at home.
	enter()
	if status := w.goTo(t, "/connect/endsession?client_id="+lumen.ClientID+"&post_logout_redirect_uri="+url.QueryEscape(site.URL)); status != http.StatusBadRequest {
		t.Errorf("elsewhere: got status %d, want 400", status)
	}
	w.sees(t, "not registered", "You have not been signed out")
}

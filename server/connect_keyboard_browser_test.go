package main

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"

	"usher/testenv"
)

// goesThrough walks through a page for people with the Tab key alone, and wants
// each of its controls to come once, in the order of the page, with its focus seen.
func (w *window) goesThrough(t *testing.T, name string, wants ...string) {
	t.Helper()
	var got []string
	for range eval[int](t, w, `document.querySelectorAll("a[href], button, input:not([type=hidden]), select").length`) {
		w.do(t, "tab", chromedp.KeyEvent("\t"))
		f := eval[focused](t, w, whatHasFocus)
		if !f.Seen {
			t.Errorf("%s: got %+v without an outline, want the focus seen", name, f)
		}
		said := eval[string](t, w, `(n => n.labels?.length ? n.labels[0].textContent.trim() : n.textContent.trim())(document.activeElement)`)
		got = append(got, said)
	}
	if !slices.Equal(got, wants) {
		t.Errorf("%s: got the focus through %q, want %q", name, got, wants)
	}
}

// TestConnectPagesByKeyboard: what applications send people to needs no mouse.
func TestConnectPagesByKeyboard(t *testing.T) {
	t.Parallel()
	if !testenv.HasChromium() {
		return
	}
	i := launch(t, embeddedWorld(t))
	n := i.install(t, nil)
	back := openClientsPage(t)
	i.admin(t, http.StatusCreated, "POST", "/claims", fields{"name": "shelf", "display_name": "Your shelf", "type": "text"})
	i.admin(t, http.StatusCreated, "POST", "/claims", fields{"name": "member", "display_name": "A member", "type": "boolean"})
	wish := fields{"redirect_uris": []string{back.URL + "/back"}, "post_logout_redirect_uris": []string{back.URL + "/bye"}, "ask_consent": true}
	lumen := i.addPeopleClient(t, wish)
	library := i.addPeopleClient(t, wish.with(fields{"required_claims": []string{"shelf", "member"}}))
	acme := i.addOrganization(t, "", "acme", fields{"redirect_uris": wish["redirect_uris"]})
	w := openWindow(t, i)
	w.open(t, link(n.token(person("anna").with(fields{"name": "Anna Moss"}))))
	// presses goes on with the control that has the focus.
	presses := func(what, at string) {
		t.Helper()
		if _, err := chromedp.RunResponse(w.browser, chromedp.KeyEvent("\r")); err != nil {
			t.Fatalf("%s: %v", what, err)
		}
		w.do(t, what, chromedp.WaitVisible("#came"))
		if got := w.at(t); !strings.HasPrefix(got, back.URL+at) {
			t.Errorf("%s: got to %s, want %s", what, got, at)
		}
	}
	asks := func(c clientUnderTest) string {
		return newProof().authorizeURL(c, "openid email", map[string]string{"redirect_uri": back.URL + "/back"})
	}

	w.open(t, asks(lumen))
	w.goesThrough(t, "consent", "Usher", "Allow", "Deny")
	presses("consent", "/back?error=access_denied")

	w.open(t, asks(library))
	w.goesThrough(t, "details", "Usher", "A member", "Your shelf", "Continue")

	w.open(t, "/v1/oauth/authorize?"+url.Values{
		"response_type": {"code"}, "client_id": {acme.ClientID}, "redirect_uri": {back.URL + "/back"}, "scope": {"user:name"}, "state": {"/wiki"},
	}.Encode())
	w.isGoodAllOver(t, "v1_consent", "v1_consent")
	w.goesThrough(t, "consent of the third wire form", "Usher", "Allow", "Deny")
	presses("consent of the third wire form", "/back?error=access_denied")

	w.open(t, "/connect/endsession?"+url.Values{"client_id": {lumen.ClientID}, "post_logout_redirect_uri": {back.URL + "/bye"}}.Encode())
	w.goesThrough(t, "end_session", "Usher", "Sign out", "Stay signed in")
	w.do(t, "back to the button", chromedp.KeyEvent("\t", chromedp.KeyModifiers(chromedp.ModifierShift)))
	presses("end_session", "/bye")
}

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

// openPartnersPage is a partner's page for signing in: a button that leads back
// with a link.
func openPartnersPage(t *testing.T, sign func() string) *httptest.Server {
	t.Helper()
	site := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		fmt.Fprintf(w, `<!doctype html><html lang="en"><title>Partner</title><main><h1>Partner</h1>
<form method="post" action="%s"><input type="hidden" name="token" value="%s"><input type="hidden" name="go" value="%s"><button>Sign in as Anna</button></form></main>`,
			html.EscapeString(r.URL.Query().Get("return_to")), sign(), html.EscapeString(r.URL.Query().Get("go")))
	}))
	t.Cleanup(site.Close)
	return site
}

// openClientsPage is where people come back to a client. It says how they came,
// and with what.
func openClientsPage(t *testing.T) *httptest.Server {
	t.Helper()
	site := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_ = r.ParseForm()
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		fmt.Fprintf(w, `<!doctype html><html lang="en"><title>Client</title><main><h1>%s %s</h1><pre id="came">%s</pre></main>`,
			r.Method, r.URL.Path, html.EscapeString(r.Form.Encode()))
	}))
	t.Cleanup(site.Close)
	return site
}

// TestSignInToClientInBrowser is a whole sign-in, as a person sees it: from the
// client to the partner's page, to the question, and back by a form.
func TestSignInToClientInBrowser(t *testing.T) {
	t.Parallel()
	if !testenv.HasChromium() {
		return
	}
	i := launch(t, embeddedWorld(t))
	var n installed
	partner := openPartnersPage(t, func() string {
		return n.token(person("anna").with(fields{"name": "Anna Moss", "jti": newProof().state}))
	})
	n = i.install(t, fields{"sign_in_url": partner.URL + "/in"})
	i.addConnection(t, "library", nil)
	back := openClientsPage(t)
	lumen := i.addPeopleClient(t, fields{"redirect_uris": []string{back.URL + "/back"}, "ask_consent": true, "api_scopes": []string{"library"}})
	p := newProof()
	asks := func(more map[string]string) string {
		wish := map[string]string{"redirect_uri": back.URL + "/back", "response_type": "code id_token", "response_mode": "form_post"}
		for name, value := range more {
			wish[name] = value
		}
		return p.authorizeURL(lumen, "openid profile library offline_access", wish)
	}
	w := openWindow(t, i)
	// arrived waits for the client's page, which the browser may reach by itself.
	arrived := func(what, how string) url.Values {
		t.Helper()
		w.do(t, what, chromedp.WaitVisible("#came"))
		if got := w.content(t, "h1"); got != how {
			t.Errorf("%s: got %q, want %q", what, got, how)
		}
		said, err := url.ParseQuery(w.content(t, "#came"))
		if err != nil || said.Get("state") != p.state || said.Get("iss") != i.origin {
			t.Errorf("%s: got %v, want the state and who says it", what, said)
		}
		return said
	}

	w.open(t, asks(nil))
	if at := w.at(t); !strings.HasPrefix(at, partner.URL+"/in?") {
		t.Fatalf("got to %s, want the partner's page", at)
	}
	w.press(t, "Sign in as Anna")
	w.sees(t, "Signed in as Anna Moss", "Allow Lumen Library?", "Your name, e-mail address and phone number", "Keep this access while you are away")
	w.isGoodAllOver(t, "consent", "consent")
	w.press(t, "Deny")
	if said := arrived("no", "POST /back"); said.Get("error") != "access_denied" || said.Has("code") {
		t.Errorf("no: got %v", said)
	}

	// Yes, by the keyboard alone.
	w.open(t, asks(nil))
	for tab := 0; ; tab++ {
		w.do(t, "tab", chromedp.KeyEvent("\t"))
		f := eval[focused](t, w, whatHasFocus)
		if f.Text == "Allow" && f.Seen {
			break
		}
		if tab > 5 {
			t.Fatalf("got the focus on %+v, want it on Allow", f)
		}
	}
	if _, err := chromedp.RunResponse(w.browser, chromedp.KeyEvent("\r")); err != nil {
		t.Fatal(err)
	}
	said := arrived("yes", "POST /back")
	form := url.Values{"grant_type": {"authorization_code"}, "code": {said.Get("code")}, "redirect_uri": {back.URL + "/back"}, "code_verifier": {p.verifier}}
	if issued := i.tokenFor(t, lumen, form).issued(t); issued.RefreshToken == "" || claimsIn(t, said.Get("id_token"))["nonce"] != p.nonce {
		t.Errorf("yes: got %+v and %v", issued, said)
	}
	w.open(t, "/auth/session") // the window holds the session of Anna
	w.open(t, asks(map[string]string{"response_mode": "fragment"}))
	if at := w.at(t); !strings.HasPrefix(at, back.URL+"/back#") {
		t.Errorf("by the fragment: got to %s", at)
	}
	w.open(t, asks(map[string]string{"response_type": "code", "response_mode": ""})+"#access_token=planted")
	if at := w.at(t); !strings.HasPrefix(at, back.URL+"/back?") || strings.Contains(at, "planted") {
		t.Errorf("by the query: got to %s, want no fragment of somebody else", at)
	}

	// Where scripts do not run there is a button.
	w.noScript(t)
	w.open(t, asks(nil))
	w.sees(t, "You are on the way back to", "Continue")
	w.isGoodAllOver(t, "form_post", "form_post")
	w.press(t, "Continue")
	if said := arrived("without scripts", "POST /back"); said.Get("code") == "" {
		t.Errorf("without scripts: got %v", said)
	}

	// What cannot be told to the client is told to the person.
	if status := w.goTo(t, asks(map[string]string{"redirect_uri": "https://evil.example/"})); status != http.StatusBadRequest {
		t.Errorf("another redirect URI: got status %d", status)
	}
	w.sees(t, "The application you came from asks in a way that does not work", "redirect_uri", "authorization_invalid")
	w.isGoodAllOver(t, "authorization_invalid", "authorization_invalid")
}

package main

import (
	"net/http"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"

	"usher/testenv"
)

// TestDetailsInBrowser is a sign-in to a client that requires something, as a
// person sees it: from the client to the form, by the keyboard, and back; and
// what an administrator sees of it.
func TestDetailsInBrowser(t *testing.T) {
	t.Parallel()
	if !testenv.HasChromium() {
		return
	}
	i := launch(t, embeddedWorld(t))
	lumen := i.install(t, nil)
	required := []string{"shelf", "size", "member", "born", "home"}
	for at, kind := range []string{"text", "number", "boolean", "date", "url"} {
		i.admin(t, http.StatusCreated, "POST", "/claims", fields{"name": required[at], "display_name": "Your " + required[at], "type": kind})
	}
	i.admin(t, http.StatusCreated, "POST", "/identity-scopes", fields{"name": "library", "claims": required})
	back := openClientsPage(t)
	c := i.addPeopleClient(t, fields{
		"redirect_uris": []string{back.URL + "/back"}, "identity_scopes": []string{"openid", "library"}, "required_claims": required,
	})
	w := openWindow(t, i)
	w.open(t, link(lumen.token(person("anna").with(fields{"name": "Anna Moss"}))))
	asks := newProof().authorizeURL(c, "openid library", map[string]string{"redirect_uri": back.URL + "/back"})
	w.open(t, asks)
	w.sees(t, "Signed in as Anna Moss", "A few details before you go on", "Lumen Library needs to know this about you", "Your born")
	w.isGoodAllOver(t, "details", "details")

	// What the browser lets pass and we do not is told beside the field.
	w.open(t, asks)
	for name, value := range map[string]string{"claim.shelf": "   ", "claim.size": "42", "claim.home": "mailto:anna@example.org"} {
		w.fill(t, name, value)
	}
	w.do(t, "the date", chromedp.SetValue(`[name="claim.born"]`, "1990-02-28"))
	w.do(t, "yes or no", chromedp.SetValue(`[name="claim.member"]`, "true"))
	if status := w.press(t, "Continue"); status != http.StatusUnprocessableEntity {
		t.Errorf("a form with faults: got status %d", status)
	}
	w.sees(t, "Something is not right yet", "Please give 1 to 1000 characters", "Please give an address that begins with https://")
	w.isGoodAllOver(t, "details_faults", "details_faults")

	w.fill(t, "claim.shelf", "B 12")
	w.fill(t, "claim.home", "https://anna.example/")
	w.press(t, "Continue")
	w.do(t, "back at the client", chromedp.WaitVisible("#came"))
	if at := w.at(t); !strings.HasPrefix(at, back.URL+"/back?") || !strings.Contains(at, "code=") {
		t.Errorf("got to %s, want the client with a code", at)
	}

	admin := openWindow(t, i)
	admin.signIn(t, i.owner(t))
	anna := "/admin/users/" + i.userID(t, "anna@lumen.example")
	admin.open(t, anna)
	admin.sees(t, "Your shelf", "B 12", "entered")
	for name, page := range map[string]string{
		"user": anna, "user_claim": anna + "/claims/member", "scopes": "/admin/tokens/identity-scopes", "new_scope": "/admin/tokens/new-identity-scope",
		"scope": "/admin/tokens/identity-scopes/library", "scope_loss": "/admin/tokens/identity-scopes/library/delete", "claims": "/admin/tokens/claims",
		"new_claim": "/admin/tokens/new-claim", "claim": "/admin/tokens/claims/shelf", "claim_loss": "/admin/tokens/claims/shelf/delete",
	} {
		admin.open(t, page)
		admin.isGoodAllOver(t, page, "identity_"+name)
	}
}

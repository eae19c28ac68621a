package main

import (
	"strings"
	"testing"

	"github.com/chromedp/chromedp"

	"usher/testenv"
)

// TestGenerateJWTInBrowser: the dialog by keyboard and by mouse, the page that
// asks where no script does, and the JWT, which can be copied.
func TestGenerateJWTInBrowser(t *testing.T) {
	t.Parallel()
	if !testenv.HasChromium() {
		return // said aloud by testenv; required under "make test"
	}
	i := launch(t, embeddedWorld(t))
	owner := i.owner(t)
	i.addOrganization(t, "", "acme", nil)
	w := openWindow(t, i)
	w.signIn(t, owner)
	w.open(t, "/admin/tokens/clients")
	w.press(t, "Generate a JWT")
	w.fill(t, "client_id", "acme")
	w.fill(t, "scope", "memberof:acme,archive")
	w.do(t, "send by keyboard", chromedp.SendKeys(chromedp.CSS(`main [name="aud"]`), "portal\r"))
	w.until(t, "the dialog", `document.querySelector("dialog").open`)
	w.sees(t, "Generate this JWT?", "memberof:acme,archive", "portal", "600")
	w.isGoodAllOver(t, "jwt-dialog", "answer~jwt-dialog")
	w.do(t, "escape", chromedp.KeyEvent("\x1b"))
	w.until(t, "the dialog closed", `!document.querySelector("dialog").open`)
	w.do(t, "the button", chromedp.Click(chromedp.CSS(`main form > .actions button`)))
	w.until(t, "the dialog again", `document.querySelector("dialog").open`)
	if status := w.press(t, "Generate it"); status != 422 {
		t.Errorf("a scope that there is not: got status %d, want 422", status)
	}
	w.sees(t, "archive is none")
	w.isGoodAllOver(t, "jwt-refused", "answer~jwt-refused")
	w.fill(t, "scope", "memberof:acme")
	w.do(t, "the button", chromedp.Click(chromedp.CSS(`main form > .actions button`)))
	w.until(t, "the dialog once more", `document.querySelector("dialog").open`)
	if status := w.press(t, "Generate it"); status != 200 {
		t.Errorf("got status %d, want 200", status)
	}
	w.sees(t, "This is the only time that the JWT is shown.", "Copy the JWT", "memberof:acme", "Ends")
	if token := w.content(t, "#jwt"); strings.Count(token, ".") != 2 {
		t.Errorf("got %q, want a JWT", token)
	}
	w.isGoodAllOver(t, "jwt-made", "answer~jwt-made")

	w.noScript(t)
	w.open(t, "/admin/tokens/jwt")
	w.fill(t, "client_id", "acme")
	w.follow(t, `main form > .actions button`)
	w.sees(t, "Generate this JWT?")
	if status := w.press(t, "Generate it"); status != 200 {
		t.Errorf("without script: got status %d, want 200", status)
	}
	w.sees(t, "This is the only time that the JWT is shown.")
}

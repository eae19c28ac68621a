package main

import (
	"strings"
	"testing"

	"github.com/chromedp/cdproto/webauthn"
	"github.com/chromedp/chromedp"

	"usher/testenv"
)

// TestPasskeyInBrowser adds a passkey with an authenticator that the browser
// plays, signs in with it, and is refused with what is wrong or gone.
func TestPasskeyInBrowser(t *testing.T) {
	t.Parallel()
	if !testenv.HasChromium() {
		return // said aloud by testenv; required under "make test"
	}
	i := launch(t, embeddedWorld(t))
	i.owner(t)
	w := openWindow(t, i)
	if _, err := chromedp.Call(w.browser, webauthn.Enable, webauthn.EnableParams{}); err != nil {
		t.Fatal(err)
	}
	added, err := chromedp.Call(w.browser, webauthn.AddVirtualAuthenticator, webauthn.AddVirtualAuthenticatorParams{
		Options: &webauthn.VirtualAuthenticatorOptions{
			Protocol: webauthn.AuthenticatorProtocolCtap2, Ctap2version: webauthn.Ctap2versionCtap21,
			Transport: webauthn.AuthenticatorTransportInternal, HasResidentKey: true, HasUserVerification: true,
			AutomaticPresenceSimulation: true, IsUserVerified: true,
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	notice := chromedp.WaitVisible(chromedp.CSS(".notice"))

	w.open(t, "/admin/account")
	w.sees(t, "Sign in to the admin")
	w.fill(t, "email", ownerEmail)
	w.fill(t, "password", ownerPassword)
	w.press(t, "Sign in")
	if got := w.at(t); got != "/admin/account" {
		t.Fatalf("got to %s, want where the person was going", got)
	}
	w.isGood(t, "account")

	w.fill(t, "passkey", "Laptop")
	w.fill(t, "own_password", "not the password")
	if got := w.press(t, "Add a passkey"); got != 422 {
		t.Errorf("a wrong password: got status %d, want 422", got)
	}
	w.sees(t, "This is not your password.")
	w.fill(t, "own_password", ownerPassword)
	w.press(t, "Add a passkey")
	w.do(t, "the passkey is made", notice)
	w.sees(t, "The passkey is added", "Laptop", "localhost")
	w.isGood(t, "account with a passkey")

	signIn := func(wants ...string) {
		t.Helper()
		w.open(t, "/admin/sign-in?next=/admin/account")
		w.press(t, "Sign in with a passkey")
		w.do(t, "the browser answers", chromedp.WaitVisible(chromedp.CSS("dl.facts, .notice.bad")))
		w.sees(t, wants...)
	}
	w.press(t, "Sign out")
	signIn("Your account", "passkey", "this one")

	// Without the person verified, and with a signature of nothing.
	w.press(t, "Sign out")
	for name, bits := range map[string]webauthn.SetResponseOverrideBitsParams{
		"not verified": {IsBadUV: new(true)}, "a bad signature": {IsBogusSignature: new(true)},
	} {
		bits.AuthenticatorID = added.AuthenticatorID
		if _, err := chromedp.Call(w.browser, webauthn.SetResponseOverrideBits, bits); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		signIn("This passkey is not known here")
	}
	if _, err := chromedp.Call(w.browser, webauthn.SetResponseOverrideBits, webauthn.SetResponseOverrideBitsParams{AuthenticatorID: added.AuthenticatorID}); err != nil {
		t.Fatal(err)
	}

	// Removed: the device has it still, we do not.
	signIn("Your account")
	w.press(t, "Remove…")
	w.sees(t, "Nobody signs in with the passkey “Laptop” any more.")
	w.isGood(t, "removal")
	w.fill(t, "confirm", "laptop")
	if got := w.press(t, "Remove"); got != 422 {
		t.Errorf("another word: got status %d, want 422", got)
	}
	w.fill(t, "confirm", "Laptop")
	w.press(t, "Remove")
	w.sees(t, "The passkey is removed", "You have no passkey yet")
	w.press(t, "Sign out")
	signIn("This passkey is not known here")

	if strings.Contains(i.log.String(), ownerPassword) || strings.Contains(i.log.String(), "clientDataJSON") {
		t.Error("got a password or a browser's answer in the log")
	}
}

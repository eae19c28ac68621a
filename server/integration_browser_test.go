package main

import (
	"strings"
	"testing"

	"usher/testenv"
)

// TestInstallInBrowser installs in Chromium: the forms' answers,
// which no link leads to, are held to the same rules as every page.
func TestInstallInBrowser(t *testing.T) {
	t.Parallel()
	if !testenv.HasChromium() {
		return
	}
	i := launch(t, embeddedWorld(t))
	w := openWindow(t, i)
	w.signIn(t, i.owner(t))
	good := func(name string) {
		t.Helper()
		for _, l := range []look{desktop, night, phone, phoneAt} {
			w.see(t, l)
			w.isGood(t, name+" "+l.name)
			w.shoot(t, "form~"+name+"~"+l.name)
		}
		w.see(t, desktop)
	}
	w.open(t, "/admin/integrations/new")
	w.fill(t, "name", "Lumen Learning")
	w.fill(t, "landing_page", "//evil.example")
	w.fill(t, "max_age", "-5")
	if status := w.press(t, "Install"); status != 422 {
		t.Errorf("got status %d, want the form again", status)
	}
	w.sees(t, "2 fields were not accepted", "Nothing has been saved")
	good("refused")
	w.fill(t, "landing_page", "/courses")
	w.fill(t, "max_age", "180")
	if status := w.press(t, "Install"); status != 200 {
		t.Errorf("got status %d, want the page with the secret", status)
	}
	w.sees(t, "Lumen Learning is installed", "only time that the secret is shown", "I have saved it")
	good("installed")
	w.press(t, "I have saved it")
	w.sees(t, "Lumen Learning", "No link that says when it was made")

	home := strings.TrimSuffix(w.at(t), "/")
	w.open(t, home+"/keys/new")
	w.press(t, "Add the key")
	w.sees(t, "A key for Lumen Learning", "I have saved it")
	good("key")
	w.open(t, home+"/settings")
	w.fill(t, "max_age", "-5")
	w.press(t, "Save")
	w.sees(t, "One field was not accepted")
	good("settings")
	w.open(t, home+"/remove")
	w.fill(t, "confirm", "lumen")
	w.press(t, "Remove it for good")
	w.sees(t, "Sessions that end")
	good("remove")
	w.fill(t, "confirm", "Lumen Learning")
	w.press(t, "Remove it for good")
	w.sees(t, "Lumen Learning is removed")
}

package main

import (
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"usher/testenv"
)

// life is an administrator in a browser, and the partner's site that they look
// after.
type life struct {
	*window
	id     string // the integration's
	keys   []installedKey
	people int
	good   bool // look at every page that comes up with axe
}

// arrive checks what a step has led to.
func (l *life) arrive(t *testing.T, step string, status int64, wants ...string) {
	t.Helper()
	if status != http.StatusOK {
		t.Fatalf("%s: got status %d, want 200:\n%s", step, status, l.text(t))
	}
	l.sees(t, wants...)
	if !l.good {
		return
	}
	for _, at := range []look{phoneAt, desktop} {
		l.see(t, at)
		l.isGood(t, step+" "+at.name)
		l.shoot(t, "life~"+strings.ReplaceAll(step, " ", "-")+"~"+at.name)
	}
}

// install installs an integration by its form, and keeps the secret that is
// shown.
func (l *life) install(t *testing.T, name string) {
	t.Helper()
	l.open(t, "/admin")
	l.press(t, "Install an integration")
	l.fill(t, "name", name)
	l.arrive(t, "installed", l.press(t, "Install"), "only time")
	l.keepKey(t)
	l.id = regexp.MustCompile(`/admin/integrations/([0-9a-f-]{36})`).FindStringSubmatch(l.html(t))[1]
}

// keepKey takes the key that the page shows.
func (l *life) keepKey(t *testing.T) {
	t.Helper()
	env := l.content(t, "#env")
	value := func(name string) string {
		for line := range strings.Lines(env) {
			if rest, found := strings.CutPrefix(line, name+"="); found {
				return strings.Trim(strings.TrimSpace(rest), `'"`)
			}
		}
		t.Fatalf("got lines without %s:\n%s", name, env)
		return ""
	}
	key := installedKey{ID: value("USHER_KEY_ID"), Algorithm: "HS256", Secret: value("USHER_SECRET")}
	if secret := l.content(t, "#secret"); secret != key.Secret || len(secret) < 32 {
		t.Errorf("got a secret of %d characters and another in the lines, want one of 32 or more", len(secret))
	}
	l.keys = append(l.keys, key)
}

// link is a link that the partner signs with its n-th key, for a new person.
func (l *life) link(t *testing.T, n int) string {
	t.Helper()
	l.people++
	key := l.keys[n]
	return link(signed(key.Algorithm, key.Secret, fields{"kid": key.ID}, person("person"+string(rune('a'+l.people)))))
}

// enters opens a link and wants to be signed in.
func (l *life) enters(t *testing.T, n int) {
	t.Helper()
	l.open(t, l.link(t, n))
	l.sees(t, "person"+string(rune('a'+l.people))+"@lumen.example")
}

// refused opens a link, wants it refused, and returns the reference.
func (l *life) refused(t *testing.T, n int, status int64, reason string) string {
	t.Helper()
	if got := l.goTo(t, l.link(t, n)); got != status {
		t.Errorf("got status %d, want %d", got, status)
	}
	l.sees(t, reason)
	return l.content(t, "dd code")
}

// logs opens the sign-in log at an entry, which is written a moment after the
// answer.
func (l *life) logs(t *testing.T, reference string) {
	t.Helper()
	for end := time.Now().Add(patience); ; {
		l.open(t, "/admin/sign-ins?reference="+reference)
		if strings.Contains(l.content(t, "main"), reference) {
			return
		}
		if time.Now().After(end) {
			t.Fatalf("got no entry %s in the log:\n%s", reference, l.text(t))
		}
	}
}

// confirm types the word that the page asks for.
func (l *life) confirm(t *testing.T) {
	t.Helper()
	l.fill(t, "confirm", l.content(t, `label[for="field-confirm"] b`))
}

// rotate adds a second key and retires the first, which takes a typed word.
func (l *life) rotate(t *testing.T) {
	t.Helper()
	l.open(t, "/admin/integrations/"+l.id+"/keys")
	l.arrive(t, "a new key", l.press(t, "Add a key"), "Add a key")
	l.arrive(t, "key made", l.press(t, "Add the key"), "only time")
	l.keepKey(t)
	l.enters(t, 0)
	l.enters(t, 1)
	l.open(t, "/admin/integrations/"+l.id+"/keys/"+l.keys[0].ID+"/retire")
	l.fill(t, "confirm", "something else")
	if got := l.press(t, "Retire it now"); got != http.StatusUnprocessableEntity {
		t.Errorf("another word typed: got status %d, want 422", got)
	}
	l.enters(t, 0)
	l.open(t, "/admin/integrations/"+l.id+"/keys/"+l.keys[0].ID+"/retire")
	l.confirm(t)
	l.arrive(t, "key retired", l.press(t, "Retire it now"), "retired")
}

// remove removes the integration by typing its name.
func (l *life) remove(t *testing.T, name string) {
	t.Helper()
	l.open(t, "/admin/integrations/"+l.id+"/remove")
	l.arrive(t, "removal", http.StatusOK, "Remove "+name)
	l.fill(t, "confirm", strings.ToLower(name)+"?")
	if got := l.press(t, "Remove it for good"); got != http.StatusUnprocessableEntity {
		t.Errorf("another word typed: got status %d, want 422", got)
	}
	l.enters(t, 1)
	l.open(t, "/admin/integrations/"+l.id+"/remove")
	l.fill(t, "confirm", name)
	l.arrive(t, "removed", l.press(t, "Remove it for good"), "destroyed")
}

// TestLifeInBrowser is the life of an integration as an administrator sees it,
// from the setup link to the last refused sign-in.
func TestLifeInBrowser(t *testing.T) {
	t.Parallel()
	if !testenv.HasChromium() {
		return // said aloud by testenv; required under "make test"
	}
	i := launch(t, embeddedWorld(t))
	l := &life{window: openWindow(t, i), good: true}
	const name = "Lumen Learning"

	l.open(t, "/admin/setup?token="+i.setup)
	l.fill(t, "name", "Olga Owner")
	l.fill(t, "email", ownerEmail)
	l.fill(t, "password", ownerPassword)
	l.arrive(t, "set up", l.press(t, "Go on"), "Olga Owner", "Install an integration")
	l.arrive(t, "signed out", l.press(t, "Sign out"), "Sign in to the admin")
	if at := l.goTo(t, "/admin/integrations"); at != http.StatusOK || !strings.HasPrefix(l.at(t), "/admin/sign-in?next=") {
		t.Errorf("signed out: got to %s, want the sign-in", l.at(t))
	}
	l.fill(t, "email", ownerEmail)
	l.fill(t, "password", ownerPassword)
	l.arrive(t, "signed in", l.press(t, "Sign in"), "Integrations")
	if at := l.at(t); at != "/admin/integrations" {
		t.Errorf("signed in: got to %s, want /admin/integrations", at)
	}

	l.install(t, name)
	l.copies(t, "Copy the secret", l.keys[0].Secret)
	l.press(t, "I have saved it")
	if strings.Contains(l.html(t), l.keys[0].Secret) {
		t.Error("the secret is shown again")
	}
	l.enters(t, 0)
	l.rotate(t)
	reference := l.refused(t, 0, http.StatusUnauthorized, "key_retired")
	l.enters(t, 1)

	l.logs(t, reference)
	l.arrive(t, "entry", l.follow(t, "main tbody a"), reference, "key_retired")
	l.arrive(t, "doctor", l.press(t, "Examine in the link doctor"), "key_retired", l.keys[0].ID, "Fix:")

	l.open(t, "/admin")
	l.arrive(t, "overview", http.StatusOK, "Sign-ins in the last 24 hours", "key_retired")
	l.remove(t, name)
	l.refused(t, 1, http.StatusUnauthorized, "integration_removed")
	l.open(t, "/admin/audit")
	l.arrive(t, "audit", http.StatusOK, "Integration removed", "Olga Owner")
	for _, key := range l.keys {
		if strings.Contains(i.log.String(), key.Secret) {
			t.Error("got a secret in the log")
		}
	}
}

// TestLifeWithoutScript does the same acts with the pages' scripts off.
func TestLifeWithoutScript(t *testing.T) {
	t.Parallel()
	if !testenv.HasChromium() {
		return
	}
	i := launch(t, embeddedWorld(t))
	l := &life{window: openWindow(t, i)}
	l.noScript(t)
	l.open(t, "/admin/setup?token="+i.setup)
	l.fill(t, "name", "Olga Owner")
	l.fill(t, "email", ownerEmail)
	l.fill(t, "password", ownerPassword)
	l.arrive(t, "set up", l.press(t, "Go on"), "Olga Owner")
	l.install(t, "Lumen")
	if shown := eval[int](t, l.window, `[...document.querySelectorAll("[data-copy]")].filter(n => n.checkVisibility()).length`); shown != 0 {
		t.Errorf("got %d buttons that need a script, want none without one", shown)
	}
	l.enters(t, 0)
	l.rotate(t)
	l.refused(t, 0, http.StatusUnauthorized, "key_retired")

	// The menu of small screens is no script's work.
	l.see(t, phone)
	l.open(t, "/admin/integrations/"+l.id)
	l.mark(t, "Menu")
	l.do(t, "menu", chromedp.Click(chromedp.CSS("[data-pressed]")))
	l.arrive(t, "by the menu", l.press(t, "Users"), "persona@lumen.example"[:6])
	l.remove(t, "Lumen")
	l.refused(t, 1, http.StatusUnauthorized, "integration_removed")
}

// copies presses a copy button, and wants the text on the clipboard and that
// said to those who do not see the button.
func (l *life) copies(t *testing.T, label, want string) {
	t.Helper()
	l.mark(t, label)
	// The words stay for three seconds, which a slow machine may need: longer here.
	eval[bool](t, l.window, `(() => { const real = window.setTimeout; window.setTimeout = (f, ms, ...rest) => real(f, ms === 3000 ? 300000 : ms, ...rest); return true; })()`)
	l.do(t, "copy", chromedp.Click(chromedp.CSS("[data-pressed]")), chromedp.WaitVisible(chromedp.CSS("[data-pressed][data-label]")))
	said := eval[string](t, l.window, `document.querySelector("[role=status].unseen:last-child").textContent`)
	switch button := l.content(t, "[data-pressed]"); {
	case button == "Copied" && said == "Copied.":
	case button == "Selected" && strings.HasPrefix(said, "Selected."):
		if got := eval[string](t, l.window, `getSelection().toString()`); strings.TrimSpace(got) != want {
			t.Errorf("got other text selected than %q's", label)
		}
	default:
		t.Errorf("got the button %q and %q said, want them to tell what was done", button, said)
	}
}

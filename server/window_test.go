package main

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"
)

// window is a browser in which a test does what a person would.
type window struct {
	instance *instance
	browser  context.Context //nolint:containedctx // chromedp keeps the browser in it

	complaints *complaints // of the page and of the frames that were attached to
}

// look is how a page is looked at.
type look struct {
	name  string
	theme string // light or dark
	width int64
}

var (
	desktop = look{"light-1280", "light", 1280}
	night   = look{"dark-1280", "dark", 1280}
	phone   = look{"light-390", "light", 390}
	phoneAt = look{"dark-390", "dark", 390} // at night
)

// openWindow starts a browser in which nobody is signed in. Everything that
// the page's policy forbids is kept in window.forbidden.
func openWindow(t *testing.T, i *instance) *window {
	t.Helper()
	return openWindowWith(t, i, nil)
}

// openWindowWith is openWindow with a profile's preferences.
func openWindowWith(t *testing.T, i *instance, preferences fields) *window {
	t.Helper()
	w := &window{i, openBrowserWith(t, preferences), &complaints{}}
	if err := chromedp.Listen(w.browser, w.complaints.overhear); err != nil {
		t.Fatal(err)
	}
	const listen = `window.forbidden = [];
document.addEventListener("securitypolicyviolation", e => window.forbidden.push(e.violatedDirective + " " + e.blockedURI));`
	if _, err := chromedp.Call(w.browser, page.AddScriptToEvaluateOnNewDocument, page.AddScriptToEvaluateOnNewDocumentParams{Source: listen}); err != nil {
		t.Fatal(err)
	}
	w.see(t, desktop)
	return w
}

// signIn makes the window that of whoever the header line stands for: a
// session's cookie, or an API key.
func (w *window) signIn(t *testing.T, header string) {
	t.Helper()
	name, value, _ := strings.Cut(header, ": ")
	var err error
	if cookie, of, _ := strings.Cut(value, "="); name == "Cookie" {
		_, err = chromedp.Call(w.browser, network.SetCookie, network.SetCookieParams{
			Name: cookie, Value: of, URL: w.instance.origin, Path: "/", Secure: new(true), HTTPOnly: new(true),
		})
	} else {
		_, err = chromedp.Call(w.browser, network.SetExtraHTTPHeaders, network.SetExtraHTTPHeadersParams{Headers: network.Headers{name: value}})
	}
	if err != nil {
		t.Fatal(err)
	}
}

// see sets how pages are looked at from here on.
func (w *window) see(t *testing.T, l look) {
	t.Helper()
	_, err := chromedp.Call(w.browser, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{
		{Name: "prefers-color-scheme", Value: l.theme}, {Name: "prefers-reduced-motion", Value: "reduce"},
	}})
	if err == nil {
		err = chromedp.Do(w.browser, chromedp.EmulateViewport(l.width, 900))
	}
	if err != nil {
		t.Fatal(err)
	}
}

// noScript keeps the pages' scripts from loading, which are files of our own:
// the policy lets no other run.
func (w *window) noScript(t *testing.T) {
	t.Helper()
	_, err := chromedp.Call(w.browser, network.SetBlockedURLs, network.SetBlockedURLsParams{
		URLPatterns: []*network.BlockPattern{{URLPattern: "*://*:*/*.js", Block: true}},
	})
	if err != nil {
		t.Fatal(err)
	}
}

// do runs steps, and fails the test with their name when one does not work.
func (w *window) do(t *testing.T, name string, steps ...chromedp.Action[chromedp.Void]) {
	t.Helper()
	if err := chromedp.Do(w.browser, steps...); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
}

// open goes to an address, which may be another origin's, and wants status 200.
func (w *window) open(t *testing.T, target string) {
	t.Helper()
	if got := w.goTo(t, target); got != http.StatusOK {
		t.Errorf("%s: got status %d, want 200", target, got)
	}
}

// goTo goes to an address and returns the status of the page there.
func (w *window) goTo(t *testing.T, target string) int64 {
	t.Helper()
	if strings.HasPrefix(target, "/") {
		target = w.instance.origin + target
	}
	response, err := chromedp.Run(w.browser, chromedp.NavigateResponse(target))
	if err != nil {
		t.Fatalf("%s: %v", target, err)
	}
	if response == nil {
		return 0
	}
	return response.Status
}

// press presses the link or button that says text, and waits for the page that
// it leads to. The status is that page's.
func (w *window) press(t *testing.T, text string) int64 {
	t.Helper()
	w.mark(t, text)
	return w.follow(t, "[data-pressed]")
}

// follow is press for the first element that a selector finds.
func (w *window) follow(t *testing.T, selector string) int64 {
	t.Helper()
	response, err := chromedp.RunResponse(w.browser, chromedp.Click(chromedp.CSS(selector)))
	if err != nil {
		t.Fatalf("follow %s: %v", selector, err)
	}
	if response == nil {
		return 0
	}
	return response.Status
}

// mark finds the one visible link, button or summary that says text.
func (w *window) mark(t *testing.T, text string) {
	t.Helper()
	found := eval[int](t, w, `(() => {
document.querySelectorAll("[data-pressed]").forEach(n => n.removeAttribute("data-pressed"));
const all = [...document.querySelectorAll("a, button, summary")].filter(n => n.checkVisibility() && n.textContent.trim().replace(/\s+/g, " ") === `+jsonText(text)+`);
const inMain = all.filter(n => n.closest("main"));
const chosen = inMain.length ? inMain : all;
if (chosen.length) { chosen[0].setAttribute("data-pressed", ""); }
return chosen.length;
})()`)
	if found == 0 {
		t.Fatalf("got nothing to press that says %q on %s:\n%s", text, w.at(t), w.text(t))
	}
}

// fill types into the field with a name, as people do.
func (w *window) fill(t *testing.T, name, value string) {
	t.Helper()
	field := chromedp.CSS(`main [name="` + name + `"]`)
	w.do(t, "fill "+name, chromedp.Clear(field), chromedp.SendKeys(field, value))
}

func (w *window) at(t *testing.T) string {
	t.Helper()
	at, err := chromedp.Run(w.browser, chromedp.Location())
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimPrefix(at, w.instance.origin)
}

func (w *window) text(t *testing.T) string {
	t.Helper()
	return eval[string](t, w, "document.body.innerText")
}

// sees checks that the page says all of it, now or once its scripts have run.
func (w *window) sees(t *testing.T, wants ...string) {
	t.Helper()
	again := time.NewTicker(50 * time.Millisecond)
	defer again.Stop()
	text := w.text(t)
	for deadline := time.Now().Add(patience); !saysAll(text, wants) && time.Now().Before(deadline); text = w.text(t) {
		<-again.C
	}
	for _, want := range wants {
		if !strings.Contains(text, want) {
			t.Errorf("%s: got a page without %q:\n%s", w.at(t), want, text)
		}
	}
}

func saysAll(text string, wants []string) bool {
	return !slices.ContainsFunc(wants, func(want string) bool { return !strings.Contains(text, want) })
}

// eval evaluates an expression of JavaScript in the page, or a promise's value.
func eval[T any](t *testing.T, w *window, expression string) T {
	t.Helper()
	value, err := chromedp.Run(w.browser, chromedp.Evaluate[T](expression, chromedp.EvalAwaitPromise))
	if err != nil {
		t.Fatalf("%.200s: %v", expression, err)
	}
	return value
}

// violation is what axe finds.
type violation struct {
	ID, Help string
	Nodes    []struct {
		Target         []any
		FailureSummary string
	}
}

// isGood holds the page, as it is looked at now, to axe's rules and to what
// concerns the width and the policy.
func (w *window) isGood(t *testing.T, name string) {
	t.Helper()
	if !eval[bool](t, w, `typeof axe === "object"`) {
		source, err := os.ReadFile("testdata/axe.min.js")
		if err != nil {
			t.Fatal(err)
		}
		eval[bool](t, w, string(source)+"; true")
	}
	for _, f := range eval[[]violation](t, w, `axe.run({resultTypes: ["violations"]}).then(r => r.violations)`) {
		for _, n := range f.Nodes {
			t.Errorf("%s: axe: %s (%s) at %v: %s", name, f.ID, f.Help, n.Target, n.FailureSummary)
		}
	}
	for _, wide := range eval[[]string](t, w, `(() => {
const root = document.documentElement;
if (root.scrollWidth <= root.clientWidth) return [];
const own = n => n.tagName.toLowerCase() + (n.id && "#" + n.id) + (n.classList.length ? "." + [...n.classList].join(".") : "");
const wide = [...document.querySelectorAll("body *")].filter(n => n.getBoundingClientRect().right > root.clientWidth + 1
	&& !n.closest(".scroll, pre, svg, .unseen, .copy > *")).map(own);
return ["the page scrolls sideways: " + root.scrollWidth + " > " + root.clientWidth, ...wide.slice(0, 8)];
})()`) {
		t.Errorf("%s: %s", name, wide)
	}
	for _, forbidden := range eval[[]string](t, w, `window.forbidden || []`) {
		t.Errorf("%s: the policy has stopped %s", name, forbidden)
	}
	for _, foreign := range eval[[]string](t, w, `performance.getEntriesByType("resource").map(e => e.name).filter(n => !n.startsWith(location.origin + "/"))`) {
		t.Errorf("%s: loads %s, want our own origin", name, foreign)
	}
}

// shoot keeps a picture of the whole page under -screens.
func (w *window) shoot(t *testing.T, name string) {
	t.Helper()
	if *screens == "" {
		return
	}
	picture, err := chromedp.Run(w.browser, chromedp.FullScreenshot(100))
	if err != nil { // too long for a picture, as the reference is: its beginning
		picture, err = chromedp.Run(w.browser, chromedp.CaptureScreenshot())
	}
	if err == nil {
		err = os.WriteFile(*screens+"/"+strings.NewReplacer("/", "_", "?", "~", "&", "~", "=", "-", "%", "").Replace(name)+".png", picture, 0o600)
	}
	if err != nil {
		t.Fatal(fmt.Errorf("picture of %s: %w", name, err))
	}
}

// content is the text of the first element that a selector finds, now or once
// the page has it: a frame's address is known before its document.
func (w *window) content(t *testing.T, selector string) string {
	t.Helper()
	again := time.NewTicker(50 * time.Millisecond)
	defer again.Stop()
	for deadline := time.Now().Add(patience); ; <-again.C {
		text := eval[*string](t, w, `document.querySelector(`+jsonText(selector)+`)?.textContent ?? null`)
		if text != nil {
			return strings.TrimSpace(*text)
		}
		if time.Now().After(deadline) {
			t.Fatalf("got no %s on %s:\n%s", selector, w.at(t), w.text(t))
		}
	}
}

// html is the page's source as it is now.
func (w *window) html(t *testing.T) string {
	t.Helper()
	source, err := chromedp.Run(w.browser, chromedp.OuterHTML(chromedp.CSS("html")))
	if err != nil {
		t.Fatal(err)
	}
	return source
}

package main

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"usher/testenv"
)

// TestViewInBrowser opens views in a tab: our own page, content in its frame, a
// refusal, and what stands there when the session has ended. Nothing is stopped
// by a policy, and each is good by day, at night and on a phone.
func TestViewInBrowser(t *testing.T) {
	t.Parallel()
	if !testenv.HasChromium() {
		return // said aloud by testenv; required under "make test"
	}
	i := launch(t, embeddedWorld(t))
	e := embedding(t, i, nil)
	e.content.answers(http.Header{"Content-Type": {"text/html"}, "Content-Security-Policy": {"default-src 'none'"}})
	ours, framing := e.resource(t, "notice", "board", nil), e.framed(t, "vote-widget", "57cc26", nil)
	w := openWindow(t, i)
	w.bound(t)
	at := func(view string, claims fields) string {
		return view + "?appId=" + e.AppID + "&user=" + e.token(claims)
	}

	w.open(t, at(ours, e.presented("chloe")))
	w.sees(t, "Where to eat", "chloe Durand", "chloe@lumen.example", "In no group")
	if got := w.at(t); got != ours+"?appId="+e.AppID {
		t.Errorf("got the address %s, want it without the token", got)
	}
	if source := w.html(t); strings.Contains(source, "eyJ") || strings.Contains(source, "data-bearer") {
		t.Error("got a token or the bearer in the page")
	}
	w.until(t, "the rung", `document.querySelector("#help").hidden && document.querySelector("#said").textContent === ""`)
	w.isGoodAllOver(t, ours, "embed-view")

	w.open(t, at(framing, e.presented("chloe")))
	w.until(t, "the content", `document.querySelector("iframe").getBoundingClientRect().height > 500`)
	w.isGoodAllOver(t, framing, "embed-content")

	if status := w.goTo(t, at(ours, e.presented("chloe").with(fields{"iat": time.Now().Unix() - 4000}))); status != http.StatusUnauthorized {
		t.Errorf("an old token: got status %d, want 401", status)
	}
	w.sees(t, "token_too_old", "This page's sign-in is too old", "Load again")
	w.isGoodAllOver(t, "an old token", "embed-refused")

	// Ended elsewhere while the tab was out of sight.
	w.open(t, at(framing, e.presented("chloe")))
	user := eval[string](t, w, `document.body.dataset.user`)
	i.admin(t, http.StatusNoContent, http.MethodPost, "/users/"+user+"/sign-out", nil)
	w.until(t, "the end", `document.dispatchEvent(new Event("visibilitychange")) && !document.querySelector("#help").hidden`)
	w.sees(t, "Your sign-in here has ended.", "Load again")
	w.isGoodAllOver(t, "ended", "embed-ended")
}

// TestViewThroughAnOutage: while the store is away a renewal says so and goes on
// trying; then the view lives on, and its content was not loaded anew.
func TestViewThroughAnOutage(t *testing.T) {
	t.Parallel()
	if !testenv.HasChromium() || !haveServers() {
		return // said aloud by testenv; required under "make test"
	}
	base := serversWorld(t)
	g := newGate(t, base.redis)
	i := launch(t, worldAt(base.database, g.url), "USHER_DRAIN_TIMEOUT=5s")
	p := openFramingSite(t, i.origin)
	e := embedding(t, i, fields{"embed_origins": []string{p.origin}})
	e.content.answers(http.Header{"Content-Type": {"text/html"}})
	view := e.framed(t, "vote-widget", "57cc26", nil)
	p.signs(func(int) (string, int) { return e.token(e.presented("chloe")), http.StatusOK })
	w := openWindow(t, i)
	w.bound(t)
	w.open(t, p.origin+"/")
	w.mount(t, "one", fields{"usher": i.origin, "kind": "vote-widget", "id": "57cc26", "appId": e.AppID})
	w.until(t, "signed in", `window.heard("one", "signedin")`)
	shell := w.frame(t, i.origin+view+"?")
	eval[bool](t, shell, "true") // attaches for longer than the waits below
	eval[bool](t, w.frame(t, i.origin+view+"/content/"), "true")
	content := e.content.requests()

	g.shut()
	eval[bool](t, w, `window.mounted.one.refresh(), true`)
	shell.until(t, "the line", `document.querySelector("#said").textContent.includes("Trying again")`)
	g.open(t)
	w.until(t, "renewed", `window.last("one", "signedin").renewed`)
	shell.until(t, "the line gone", `document.querySelector("#said").textContent === "" && document.querySelector("#help").hidden`)
	if eval[bool](t, w, `window.heard("one", "error")`) {
		t.Error("got an error told, want it told only when there is no hope")
	}
	if got := e.content.requests(); got != content {
		t.Errorf("got %d requests for content, want %d as before", got, content)
	}
}

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

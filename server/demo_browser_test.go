package main

import (
	"net/http"
	"strings"
	"testing"

	"usher/testenv"
)

// TestDemoFrameInBrowser is the demo's other half: a vote in a frame, its
// events on the page around, another person, a wrong token; and calls from the
// browser. The pages are held to axe's rules as they look then.
func TestDemoFrameInBrowser(t *testing.T) {
	t.Parallel()
	if !testenv.HasChromium() {
		return // said aloud by testenv; required under "make test"
	}
	demo := startDemo(t)
	w := openWindow(t, &instance{origin: demo["Partner site"]})
	w.bound(t)
	says := func(text string) string {
		return `document.querySelector("#events").textContent.includes(` + jsonText(text) + `)`
	}
	usher, _, _ := strings.Cut(demo["Sign-in link"], "/auth/")

	if got := w.goTo(t, demo["In a frame"]); got != http.StatusOK {
		t.Fatalf("got status %d, want 200", got)
	}
	w.until(t, "signed in", says("usher:signed-in")+"&&"+says("usher:resize"))
	vote := w.frame(t, usher+"/embed/vote-widget/57cc2646aa30b65c1e04acc0/content/")
	vote.sees(t, "Should the lab open on Saturdays?", "anna.lindqvist@lumen.example")
	for _, end := range []struct{ press, event string }{
		{`[data-vote=yes]`, "voteSuccess"},
		{`[data-vote=no]`, "voteError"},
		{`[data-end=voteComplete]`, "voteComplete"},
		{`[data-end=voteCanceled]`, "voteCanceled"},
	} {
		eval[bool](t, vote, `document.querySelector("`+end.press+`").click(), true`)
		w.until(t, end.event, says(end.event))
	}
	if err := until(vote.browser, `document.querySelector("[role=status]").textContent === "You have voted already."`); err != nil {
		t.Errorf("got %q after a second vote (%v)", vote.text(t), err)
	}
	w.isGoodAroundFrames(t, "demo-embedded")
	if got := w.complaints.all(); len(got) != 1 || !strings.Contains(got[0], "409") { // the second vote
		t.Errorf("got in the console %q, want the second vote only", got)
	}

	eval[bool](t, w, `document.querySelector("[value=lumen-1002]").click(), document.getElementById("send").click(), true`)
	w.until(t, "ben", says("usher:signed-in")+` && document.querySelectorAll("#events li").length > 12`)
	eval[bool](t, w, `document.querySelector("[value=broken]").click(), document.getElementById("anew").click(), true`)
	w.until(t, "a wrong token", says("signature_invalid"))
	eval[bool](t, w, `document.querySelector("[value=unavailable]").click(), document.getElementById("anew").click(), true`)
	w.until(t, "no token", says("token_unavailable"))
	eval[bool](t, w, `document.getElementById("away").click(), true`)
	if got := eval[int](t, w, `document.getElementById("frame").childNodes.length`); got != 0 {
		t.Errorf("got %d nodes left of the frame, want none", got)
	}

	w.open(t, "/api-calls")
	w.until(t, "both answers", `[...document.querySelectorAll("[role=status]")].map(n => n.textContent).join() === "Status 200,Status 401" &&
		document.body.innerText.includes("signature_invalid")`)
	w.sees(t, "anna.lindqvist@lumen.example", "signature_invalid", "curl "+usher+"/auth/session", "Cocorico-App-Id: ")
	w.isGoodAroundFrames(t, "demo-api-calls")
}

// isGoodAroundFrames is isGoodAllOver for a page that loads from Usher as well: what it has
// loaded is not looked at.
func (w *window) isGoodAroundFrames(t *testing.T, name string) {
	t.Helper()
	for _, l := range []look{desktop, night, phone, phoneAt} {
		w.see(t, l)
		w.shoot(t, name+"-"+l.name)
		eval[bool](t, w, `performance.clearResourceTimings(), true`)
		w.isGood(t, name+" "+l.name)
	}
	w.see(t, desktop)
}

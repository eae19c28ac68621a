package main

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"usher/testenv"
	"usher/web"
)

// standIn serves usher-embed.js and, in Usher's place, frames that say what a
// test tells them and report what they hear.
type standIn struct {
	origin string // http://localhost:PORT
	mu     sync.Mutex
	heard  []string // messages to the frames as JSON
	opened []string // addresses of the frames
}

// A frame says what the page tells it, by {say: message} or {quietly: true}.
const standInFrame = `<!doctype html><html lang="en"><title>Frame</title><script>
const up = message => parent.postMessage(message, location.ancestorOrigins[0]);
addEventListener("message", async e => {
	if (e.data.say) { up(e.data.say); return; }
	await fetch("/heard", {method: "POST", body: JSON.stringify(e.data)});
});
if (!location.pathname.startsWith("/embed/silent")) up({type: "usher:ready", kind: "k", id: "i", height: 300.2});
</script>`

func openStandIn(t *testing.T) *standIn {
	t.Helper()
	s := &standIn{}
	mux := http.NewServeMux()
	mux.Handle("GET /embed/usher-embed.js", web.PartnerFile(web.PartnerScript))
	mux.HandleFunc("GET /embed/{kind}/{id}", func(w http.ResponseWriter, r *http.Request) {
		s.mu.Lock()
		s.opened = append(s.opened, r.RequestURI)
		s.mu.Unlock()
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		_, _ = io.WriteString(w, standInFrame)
	})
	mux.HandleFunc("POST /heard", func(_ http.ResponseWriter, r *http.Request) {
		text, _ := io.ReadAll(r.Body)
		s.mu.Lock()
		s.heard = append(s.heard, string(text))
		s.mu.Unlock()
	})
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	s.origin = strings.Replace(server.URL, "127.0.0.1", "localhost", 1)
	return s
}

func (s *standIn) told() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]string{}, s.heard...)
}

// TestEmbedScript holds usher-embed.js, on a partner's page, to what it
// promises. What the frame says comes from a stand-in for Usher.
func TestEmbedScript(t *testing.T) {
	t.Parallel()
	if !testenv.HasChromium() {
		return // said aloud by testenv; required under "make test"
	}
	usher := openStandIn(t)
	partner := openFramingSite(t, usher.origin)
	w := openWindow(t, &instance{origin: partner.origin})
	w.bound(t)
	wish := fields{"usher": usher.origin + "/some/path", "kind": "vote-widget", "id": "a/b c", "appId": "app&1", "title": "A vote"}
	say := func(place string, message any) {
		t.Helper()
		eval[bool](t, w, fmt.Sprintf(`mounted[%s].iframe.contentWindow.postMessage({say: %s}, %s), true`, jsonText(place), jsonText(message), jsonText(usher.origin)))
	}
	attribute := func(place, expression string) string {
		t.Helper()
		return eval[string](t, w, fmt.Sprintf(`String(mounted[%s].iframe.%s)`, jsonText(place), expression))
	}
	is := func(what, got, want string) {
		t.Helper()
		if got != want {
			t.Errorf("%s: got %q, want %q", what, got, want)
		}
	}
	// answered waits until the frames have heard n messages with a part in them.
	answered := func(part string, n int) {
		t.Helper()
		for range 1500 {
			found := 0
			for _, message := range usher.told() {
				if strings.Contains(message, part) {
					found++
				}
			}
			if found == n {
				return
			}
			eval[bool](t, w, `new Promise(done => setTimeout(() => done(true), 20))`)
		}
		t.Fatalf("got %q at the frames, want %d with %s", usher.told(), n, part)
	}

	w.open(t, "/")

	// What it makes.
	w.mount(t, "one", wish)
	w.until(t, "ready", `heard("one", "ready")`)
	usher.mu.Lock()
	is("address", strings.Join(usher.opened, " "), "/embed/vote-widget/a%2Fb%20c?appId=app%261&user=a.b.c")
	usher.mu.Unlock()
	is("title", attribute("one", "title"), "A vote")
	is("busy", attribute("one", "getAttribute('aria-busy')"), "false")
	is("state", attribute("one", "dataset.state"), "ready")
	is("height", attribute("one", "style.height"), "301px")
	is("the line beside it", eval[string](t, w, `String(document.querySelector("#one > p").hidden)`), "true")

	// Two frames: each is told of its own.
	w.mount(t, "two", wish)
	w.until(t, "ready", `heard("two", "ready")`)
	say("two", fields{"type": "usher:event", "name": "voteSuccess", "data": fields{"votes": 1}})
	w.until(t, "an event", `heard("two", "event") && heard("two", "own voteSuccess") && heard("two", "on usher:event")`)
	if got := eval[int](t, w, `said.filter(s => s[0] === "one" && s[1] !== "ready" && s[1] !== "on usher:ready").length`); got != 0 {
		t.Errorf("got %d messages of the second frame at the first", got)
	}
	is("detail", eval[string](t, w, `JSON.stringify(last("two", "own voteSuccess"))`), `{"votes":1}`)

	// Heights are bounded, and only heights.
	for _, tt := range []struct {
		height any
		want   string
	}{{1e9, "10000px"}, {3, "32px"}, {700.5, "701px"}, {"12px", "701px"}, {nil, "701px"}} {
		n := eval[int](t, w, `said.filter(s => s[1] === "resize").length`)
		say("one", fields{"type": "usher:resize", "height": tt.height})
		w.until(t, "resize", fmt.Sprintf(`said.filter(s => s[1] === "resize").length > %d`, n))
		is(fmt.Sprintf("height %v", tt.height), attribute("one", "style.height"), tt.want)
	}

	// A token is fetched once at a time, and goes to the frame that asked.
	before := partner.timesAsked()
	partner.signs(func(n int) (string, int) { return fmt.Sprintf("token-%d", n), http.StatusOK })
	say("one", fields{"type": "usher:expiring", "expiresIn": 5})
	say("one", fields{"type": "usher:expiring", "expiresIn": 4})
	answered(`"usher:token"`, 2)
	if got := partner.timesAsked() - before; got > 2 || got < 1 {
		t.Errorf("got %d calls of the token function, want one or two", got)
	}
	partner.signs(func(int) (string, int) { return "", http.StatusInternalServerError })
	say("one", fields{"type": "usher:expiring", "expiresIn": 3})
	answered(`"usher:no-token"`, 1)
	w.until(t, "the page is told", `last("one", "error")?.reason === "token_unavailable"`)
	partner.signs(func(int) (string, int) { return "", http.StatusOK })
	eval[bool](t, w, `mounted.one.refresh().then(() => true)`)
	answered(`"usher:no-token"`, 2)
	partner.signs(func(int) (string, int) { return "a.b.c", http.StatusOK })

	// While one call is under way, no second is made.
	eval[bool](t, w, `new Promise(done => {
window.calls = 0;
let give;
const place = document.createElement("div"); place.id = "three"; document.body.append(place);
window.mount("three", Object.assign(`+jsonText(wish)+`, {token: () => { calls++; return new Promise(r => { give = r; }); }}));
mounted.three.refresh(); mounted.three.refresh();
setTimeout(() => { give("late.t.t"); done(true); }, 50);
})`)
	w.until(t, "the third", `heard("three", "ready")`)
	if got := eval[int](t, w, `calls`); got != 1 {
		t.Errorf("got the function called %d times at once, want 1", got)
	}

	// Whatever comes from elsewhere is not heard: from the page itself, from
	// Usher's origin in another window, from another origin in a frame.
	n := eval[int](t, w, `said.length`)
	eval[bool](t, w, `new Promise(done => {
let seen = 0;
addEventListener("message", e => { if (e.data.rung && ++seen === 3) setTimeout(() => done(true), 50); });
window.postMessage({type: "usher:signed-in", rung: "cookie", expiresIn: 1, renewed: false}, "*");
const other = document.createElement("iframe");
other.src = `+jsonText(usher.origin)+` + "/embed/silent/1";
other.onload = () => {
	other.contentWindow.postMessage({say: {type: "usher:signed-in", rung: "cookie", expiresIn: 2, renewed: false}}, "*");
	const opaque = document.createElement("iframe");
	opaque.sandbox = "allow-scripts";
	opaque.src = other.src;
	opaque.onload = () => {
		opaque.contentWindow.postMessage({say: {type: "usher:signed-in", rung: "cookie", expiresIn: 3, renewed: false}}, "*");
	};
	document.body.append(opaque);
};
document.body.append(other);
})`)
	if got := eval[int](t, w, `said.length`); got != n {
		t.Errorf("got %d messages from elsewhere through", got-n)
	}
	// Nor is what is no message of ours, or would pass for an event of the iframe's own.
	for _, odd := range []any{"usher:ready", 7, fields{"type": 1}, fields{"type": "usher:other"}, fields{"type": "ready"}, []any{}} {
		say("one", odd)
	}
	for _, name := range []any{"load", "click", "Big", "", "a b", nil, 5} {
		say("one", fields{"type": "usher:event", "name": name})
	}
	w.until(t, "all of them are in", `said.filter(s => s[0] === "one" && s[1] === "event").length === 7`)
	if got := eval[[]string](t, w, `said.filter(s => s[0] === "one" && s[1].startsWith("own ")).map(s => s[1])`); len(got) != 0 {
		t.Errorf("got the events %q on the iframe", got)
	}

	// After destroy there is nothing left: no element, no listener.
	eval[bool](t, w, `mounted.two.destroy(), mounted.two.destroy(), mounted.two.refresh(), true`)
	if got := eval[int](t, w, `document.querySelector("#two").childNodes.length`); got != 0 {
		t.Errorf("got %d nodes after destroy, want none", got)
	}
	if got := eval[string](t, w, `(() => {
const held = new Set(), add = window.addEventListener, take = window.removeEventListener;
window.addEventListener = function (name, f) { held.add(f); return add.apply(this, arguments); };
window.removeEventListener = function (name, f) { held.delete(f); return take.apply(this, arguments); };
window.mount("two", `+jsonText(wish)+`);
const on = held.size;
mounted.two.destroy();
window.addEventListener = add; window.removeEventListener = take;
return on + " " + held.size;
})()`); got != "1 0" {
		t.Errorf("got %s listeners before and after destroy, want 1 0", got)
	}

	// It says what is missing in a call.
	for options, want := range map[string]string{
		`"#nowhere", {}`: "no such element", `"#two", {}`: "usher is missing",
		`"#two", {usher: "x", kind: "k", id: "i", appId: ""}`:                     "appId is missing",
		`"#two", {usher: "https://a.example", kind: "k", id: "i", appId: "a"}`:    "token is to be a function",
		`"#two", {usher: "nonsense", kind: "k", id: "i", appId: "a", token() {}}`: "Invalid URL",
	} {
		got := eval[string](t, w, `(() => { try { UsherEmbed.mount(`+options+`); } catch (e) { return e.message; } })()`)
		if !strings.Contains(got, want) {
			t.Errorf("mount(%s): got %q, want %q", options, got, want)
		}
	}

	// Without a token nothing is loaded, and a person reads why; a frame that
	// says nothing is given up, in a tenth of the time here.
	w.open(t, "/")
	partner.signs(func(int) (string, int) { return "", http.StatusForbidden })
	w.mount(t, "one", wish)
	w.until(t, "no token", `last("one", "error")?.reason === "token_unavailable" && document.querySelector("#one p").checkVisibility()`)
	if got := eval[int](t, w, `document.querySelectorAll("#one iframe").length`); got != 0 {
		t.Errorf("got a frame without a token")
	}
	partner.signs(func(int) (string, int) { return "a.b.c", http.StatusOK })
	eval[bool](t, w, `mounted.one.refresh(), true`)
	w.until(t, "another try", `heard("one", "ready") && mounted.one.iframe.dataset.state === "ready"`)
	eval[bool](t, w, `(() => { const real = window.setTimeout; window.setTimeout = (f, ms, ...rest) => real(f, ms / 10, ...rest); return true; })()`)
	eval[bool](t, w, `window.mount("two", Object.assign(`+jsonText(wish.with(fields{"kind": "silent", "failed": "Nothing to see."}))+`, {token: async () => "a.b.c"})), true`)
	w.until(t, "no answer", `last("two", "error")?.reason === "no_answer"`)
	is("what a person reads", eval[string](t, w, `document.querySelector("#two p").innerText`), "Nothing to see.")
	eval[bool](t, w, `window.mount("two", Object.assign(`+jsonText(wish)+`, {token: () => new Promise(() => {})})), true`)
	w.until(t, "a function that never answers", `last("two", "error")?.message.includes("no token in time")`)

	if diff := cmp.Diff([]string(nil), eval[[]string](t, w, `window.forbidden.length ? window.forbidden : null`)); diff != "" {
		t.Errorf("the page's policy has stopped (-want +got):\n%s", diff)
	}
}

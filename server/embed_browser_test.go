package main

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"usher/testenv"
)

// cookieSetting is how a browser deals with cookies in a frame of another site.
//
// Chromium 156 takes all of them from a profile's preferences, without a
// window too. Its default and cookie_controls_mode 1 let a frame keep
// partitioned cookies only; mode 0 lets it keep all; an exception of the
// content settings with the value 2 takes every cookie away from a host.
type cookieSetting struct {
	name        string
	preferences fields
	plain       bool // an ordinary SameSite=None cookie comes back
	partitioned bool // a partitioned one does
	rung        string
}

var cookieSettings = []cookieSetting{
	{"third-party cookies allowed", fields{"profile": fields{"cookie_controls_mode": 0, "block_third_party_cookies": false}}, true, true, "cookie"},
	{"default", nil, false, true, "cookie"},
	{"third-party cookies blocked", fields{"profile": fields{"cookie_controls_mode": 1, "block_third_party_cookies": true}}, false, true, "cookie"},
	{"all cookies blocked", fields{"profile": fields{"content_settings": fields{"exceptions": fields{"cookies": fields{
		"http://localhost,*": fields{"setting": 2},
	}}}}}, false, false, "bearer"},
}

// keptCookies says which cookies come back to a frame at localhost.
func keptCookies(t *testing.T) *httptest.Server {
	t.Helper()
	mux := http.NewServeMux()
	mux.HandleFunc("GET /set", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		http.SetCookie(w, &http.Cookie{Name: "plain", Value: "1", Path: "/", Secure: true, SameSite: http.SameSiteNoneMode})
		http.SetCookie(w, &http.Cookie{Name: "__Host-apart", Value: "1", Path: "/", Secure: true, SameSite: http.SameSiteNoneMode, Partitioned: true})
	})
	mux.HandleFunc("GET /kept", func(w http.ResponseWriter, r *http.Request) {
		_, plain := r.Cookie("plain")
		_, apart := r.Cookie("__Host-apart")
		_, _ = fmt.Fprint(w, plain == nil, apart == nil)
	})
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	return server
}

// TestEmbedInBrowser frames a resource on another site, under each setting of
// the browser: the right person is there, by the rung that the setting leaves;
// a token that ends is replaced in place; and when there is none any more, the
// frame says what to do.
func TestEmbedInBrowser(t *testing.T) {
	t.Parallel()
	if !testenv.HasChromium() {
		return // said aloud by testenv; required under "make test"
	}
	for _, setting := range cookieSettings {
		t.Run(setting.name, func(t *testing.T) {
			t.Parallel()
			framesWork(t, launch(t, embeddedWorld(t)), setting)
		})
	}
	if haveServers() {
		t.Run("default, servers", func(t *testing.T) {
			t.Parallel()
			framesWork(t, launch(t, serversWorld(t)), cookieSettings[1])
		})
	}
}

func framesWork(t *testing.T, i *instance, setting cookieSetting) {
	t.Helper()
	probe := keptCookies(t)
	probeAt := strings.Replace(probe.URL, "127.0.0.1", "localhost", 1)
	f := setScene(t, i, probeAt)

	// The setting is what it says.
	w := f.page(t, setting.preferences)
	eval[bool](t, w, `plain("two", `+jsonText(probeAt+"/set")+`)`)
	kept := eval[string](t, w.frame(t, probeAt), `fetch("/kept").then(r => r.text())`)
	if want := fmt.Sprint(setting.plain, setting.partitioned); kept != want {
		t.Fatalf("got cookies back (plain, partitioned) %s, want %s", kept, want)
	}

	// Tokens of sixteen seconds each: the view asks for the next four before the end.
	f.site.signs(always(func() string { return f.lasting("anna", 16, nil) }))
	w.open(t, "/")
	w.mount(t, "one", f.wish())
	w.until(t, "signed in", `heard("one", "signedin")`)
	first := eval[map[string]any](t, w, `said.find(s => s[1] === "signedin")[2]`)
	if first["rung"] != setting.rung || first["renewed"] != false || first["expiresIn"].(float64) > 16 {
		t.Errorf("got %v, want the rung %s and at most 16 seconds", first, setting.rung)
	}
	view, content := f.parts(t, w)
	if got := content.content(t, "#who"); got != "anna@lumen.example" {
		t.Errorf("got the content for %q, want it for anna", got)
	}
	if got := eval[string](t, view, `location.search`); strings.Contains(got, "user") {
		t.Errorf("got the address %q, want the token out of it", got)
	}
	w.until(t, "the content's words", `last("one", "own state")?.who === "anna@lumen.example"`)
	w.until(t, "the content's height", `last("one", "resize")?.height >= 123 && last("one", "resize").height < 150 && mounted.one.iframe.style.height === last("one", "resize").height + "px"`)

	// Renewed twice, and the content has not noticed.
	address := eval[string](t, content, `location.href`)
	born := eval[float64](t, content, `window.born`)
	w.until(t, "renewed", `said.filter(s => s[1] === "signedin" && s[2].renewed).length >= 2`)
	if got := eval[float64](t, content, `window.born`); got != born {
		t.Errorf("got the content loaded again by the renewal")
	}
	if got := eval[int](t, w, `said.filter(s => s[1] === "ready").length`); got > 2 {
		t.Errorf("got %d times ready, want no second load", got)
	}
	if setting.rung == "bearer" {
		w.complaints.forgive("401 (Unauthorized) " + f.origin + f.view + "/session") // the first rung
	}
	w.harmless(t, view, content)

	// No token any more.
	f.site.signs(func(int) (string, int) { return "", http.StatusServiceUnavailable })
	w.until(t, "it says so", `last("one", "error")?.reason === "no_session"`)
	if err := until(view.browser, `document.getElementById("help").checkVisibility()`); err != nil {
		t.Fatalf("the view's help: %v", err)
	}
	if got := view.text(t); !strings.Contains(got, "Your sign-in here has ended") || !strings.Contains(got, "Open in a new tab") || !strings.Contains(got, "Try again") {
		t.Errorf("got a view that says %q, want what to do", got)
	}
	if got, want := eval[string](t, view, `document.getElementById("tab").href`), f.origin+f.view+"?appId="+f.AppID; got != want {
		t.Errorf("got the link %q, want %q", got, want)
	}
	f.ends(t, strings.TrimPrefix(address, f.origin))

	// A token again, by the person's own wish.
	f.site.signs(always(func() string { return f.lasting("anna", 3600, nil) }))
	n := eval[int](t, w, `said.filter(s => s[1] === "signedin").length`)
	eval[bool](t, view, `document.getElementById("again").click(), true`)
	w.until(t, "signed in again", fmt.Sprintf(`said.filter(s => s[1] === "signedin").length > %d && last("one", "signedin").expiresIn > 3000`, n))
	w.until(t, "the state is good again", `mounted.one.iframe.dataset.state === "ready"`)

	f.rungIsLogged(t, setting.rung)
}

// ends waits until the content is refused. The view counts whole seconds, so
// that it gives up to one second early.
func (f *scene) ends(t *testing.T, content string) {
	t.Helper()
	var a answer
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); {
		if a = f.get(t, content); a.status == http.StatusUnauthorized {
			return
		}
	}
	t.Errorf("got %v for the content of a session that has ended, want 401", a)
}

// rungIsLogged waits until the sign-in log knows the rung.
func (f *scene) rungIsLogged(t *testing.T, rung string) {
	t.Helper()
	var entries []map[string]any
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); {
		entries = f.attempts(t)
		for _, entry := range entries {
			if entry["door"] == "embed" && entry["rung"] == rung {
				return
			}
		}
	}
	t.Errorf("got entries %v, want one with the rung %s", entries, rung)
}

// harmless checks that page, view and content are at peace with their policies,
// and have asked nobody but the partner's site and Usher.
func (w *window) harmless(t *testing.T, parts ...*window) {
	t.Helper()
	for _, part := range append(parts, w) {
		for _, name := range eval[[]string](t, part, `performance.getEntriesByType("resource").map(e => e.name)`) {
			origin := strings.Join(strings.SplitN(name, "/", 4)[:3], "/")
			if !strings.HasPrefix(origin, "http://localhost:") && origin != w.instance.origin {
				t.Errorf("got a request to %s", name)
			}
		}
	}
	for _, complaint := range w.complaints.all() {
		t.Errorf("got in the console: %s", complaint)
	}
}

// TestEmbedFences: who may frame a view, who is listened to, what the content
// can reach.
func TestEmbedFences(t *testing.T) {
	t.Parallel()
	if !testenv.HasChromium() {
		return
	}
	// A third site, whose page posts whatever it is told to the frame beside it.
	third := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		_, _ = fmt.Fprint(w, `<!doctype html><title>Third</title>`)
	}))
	t.Cleanup(third.Close)
	thirdAt := strings.Replace(third.URL, "127.0.0.1", "localhost", 1)
	f := setScene(t, launch(t, embeddedWorld(t)), thirdAt)
	f.site.signs(always(func() string { return f.lasting("anna", 3600, nil) }))
	w := f.page(t, nil)
	w.mount(t, "one", f.wish())
	w.until(t, "signed in", `heard("one", "signedin") && heard("one", "event")`)
	_, content := f.parts(t, w)
	w.until(t, "the height", `heard("one", "resize")`)

	t.Run("content", func(t *testing.T) {
		for _, tt := range []struct{ expression, want string }{
			{`fetch("content.js").then(r => r.ok)`, "true"}, // its own part of Usher
			{`self.origin`, "null"},
			{`document.cookie`, "SecurityError"},
			{`localStorage.length`, "SecurityError"},
			{`parent.document.title`, "SecurityError"},
			{`parent.location.href`, "SecurityError"},
			{`top.document.title`, "SecurityError"},
			{`(top.location = "about:blank#taken")`, "SecurityError"},
			{`fetch("/auth/session")`, "TypeError"}, // no CORS for it
			{`fetch("/auth/session", {credentials: "include"})`, "TypeError"},
			{`fetch("` + f.view + `/session", {credentials: "include"})`, "TypeError"},
			{`fetch("/auth/verify")`, "TypeError"},
			{`fetch("/api/resources")`, "TypeError"},
			{`fetch("/admin/api/v1/users")`, "TypeError"},
		} {
			got := eval[string](t, content, `(async () => { try { return String(await (`+tt.expression+`)); } catch (e) { return e.name; } })()`)
			if got != tt.want {
				t.Errorf("%s: got %s, want %s", tt.expression, got, tt.want)
			}
		}
		for _, r := range f.records(t, "request", `"path":"/auth/session"`) {
			if r["status"] != 401.0 {
				t.Errorf("got %v, want the content to be nobody there", r)
			}
		}
		w.complaints.forget() // it was told off
	})
	t.Run("messages", func(t *testing.T) {
		eval[bool](t, w, `plain("two", `+jsonText(thirdAt)+`)`)
		beside := w.frame(t, thirdAt)
		heard, height := eval[int](t, w, `said.length`), eval[string](t, w, `mounted.one.iframe.style.height`)
		bens := f.lasting("ben", 3600, nil)
		// Told by those who have no say: another site beside the view, and the
		// content inside of it.
		for _, message := range []fields{
			{"type": "usher:token", "token": bens},
			{"type": "usher:hello"},
			{"type": "usher:no-token"},
			{"type": "resize", "height": 9},
			{"type": "event", "name": "state", "data": 1},
		} {
			eval[bool](t, beside, fmt.Sprintf(`parent.frames[0].postMessage(%s, "*"), true`, jsonText(message)))
			if message["height"] == nil && message["name"] == nil {
				eval[bool](t, content, fmt.Sprintf(`parent.postMessage(%s, "*"), true`, jsonText(message)))
			}
		}
		for _, message := range []fields{
			{"type": "usher:signed-in", "rung": "cookie", "expiresIn": 1, "renewed": true},
			{"type": "usher:resize", "height": 9},
			{"type": "usher:expiring", "expiresIn": 1},
		} {
			for _, from := range []*window{beside, content} {
				eval[bool](t, from, fmt.Sprintf(`top.postMessage(%s, "*"), true`, jsonText(message)))
			}
		}
		// Whoever is listened to comes after them.
		eval[bool](t, content, `parent.postMessage({type: "event", name: "last", data: null}, "*"), true`)
		w.until(t, "the content is heard", `last("one", "event")?.name === "last"`)
		if got := eval[int](t, w, `said.length`) - heard; got != 2 { // as event, and by on("usher:event")
			t.Errorf("got %d messages through, want those of the last event only:\n%s", got-2, eval[string](t, w, `JSON.stringify(said)`))
		}
		if got := f.records(t, "request", `"method":"POST"`, `/session"`); len(got) != 0 {
			t.Errorf("got %d tokens presented that nobody had the right to send", len(got))
		}
		if got := eval[string](t, w, `mounted.one.iframe.style.height`); got != height {
			t.Errorf("got the height %s, want %s still", got, height)
		}
	})
	t.Run("another person", func(t *testing.T) {
		f.site.signs(always(func() string { return f.lasting("ben", 3600, nil) }))
		eval[bool](t, w, `mounted.one.refresh().then(() => true)`)
		w.until(t, "ben's content", `last("one", "own state")?.who === "ben@lumen.example"`)
		f.site.signs(always(func() string { return f.lasting("anna", 3600, nil) }))
	})
	t.Run("as documented", func(t *testing.T) {
		_, snippet, _ := strings.Cut(projectFile(t, "../docs/embeds.md"), "```html\n")
		snippet, _, _ = strings.Cut(snippet, "```")
		_, script, _ := strings.Cut(snippet, "<script>")
		script, _, _ = strings.Cut(script, "</script>")
		script = strings.NewReplacer("https://sso.example.com", f.origin, "57cc2646aa30b65c1e04acc0", "one",
			"57cc264630b65c1e04acc09a", f.AppID, "/usher-token", "/token", "#vote", "#two").Replace(script)
		w.open(t, "/")
		eval[bool](t, w, script+"; true")
		w.until(t, "the frame", `document.querySelector("#two iframe")?.dataset.state === "ready"`)
		content := w.frame(t, f.origin+f.view+"/content/")
		if got := content.content(t, "#who"); got != "anna@lumen.example" {
			t.Errorf("got the content for %q, want it for anna", got)
		}
	})
	t.Run("two frames", func(t *testing.T) {
		w.open(t, "/")
		w.mount(t, "one", f.wish())
		w.mount(t, "two", f.wish())
		w.until(t, "both", `["one", "two"].every(place => last(place, "own state")?.who === "anna@lumen.example" && heard(place, "signedin"))`)
		eval[bool](t, w, `Promise.all([mounted.one.refresh(), mounted.two.refresh()]).then(() => true)`)
		w.until(t, "both renewed", `["one", "two"].every(place => last(place, "signedin").renewed)`)
		w.harmless(t)
	})
	t.Run("rights", func(t *testing.T) {
		for _, tt := range []struct {
			authorized any
			heard      string
		}{
			{[]string{}, `last("one", "own state")?.who === "anna@lumen.example"`},
			{[]string{"one"}, `last("one", "own state")?.who === "anna@lumen.example"`},
			{[]string{"other"}, `last("one", "error")?.reason === "resource_forbidden"`},
		} {
			f.site.signs(always(func() string { return f.lasting("anna", 3600, fields{"authorizedVotes": tt.authorized}) }))
			w.open(t, "/")
			w.mount(t, "one", f.wish())
			w.until(t, fmt.Sprintf("rights %v", tt.authorized), tt.heard)
		}
		refused := w.frame(t, f.origin+f.view)
		if got := refused.text(t); !strings.Contains(got, "resource_forbidden") || strings.Contains(got, "{") {
			t.Errorf("got a frame that says %q, want the reason in a small page", got)
		}
	})
	t.Run("another site", func(t *testing.T) {
		stranger := openFramingSite(t, f.origin)
		stranger.signs(always(func() string { return f.lasting("anna", 3600, nil) }))
		w := openWindow(t, &instance{origin: stranger.origin})
		w.bound(t)
		w.open(t, "/")
		eval[bool](t, w, `window.loads = 0, mount("one", `+jsonText(f.wish())+`), mounted.one.iframe.addEventListener("load", () => loads++), true`)
		w.until(t, "the frame has been refused", `loads > 0`)
		if got := eval[int](t, w, `said.length`); got != 0 {
			t.Errorf("got %d messages at a site that may not frame it", got)
		}
		refused := func(said string) bool { return strings.Contains(said, "frame-ancestors") }
		for deadline := time.Now().Add(patience); !slices.ContainsFunc(w.complaints.all(), refused); {
			if time.Now().After(deadline) {
				t.Fatalf("got in the console %q, want the frame refused", w.complaints.all())
			}
			eval[bool](t, w, `new Promise(done => setTimeout(() => done(true), 20))`) // the console comes a moment later
		}
	})
}

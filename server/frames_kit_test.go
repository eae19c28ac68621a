package main

import (
	"context"
	"fmt"
	"html"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
)

// framingSite is a partner's site with one page, on 127.0.0.1: another site
// than Usher's, which is at localhost. A test tells the page what to mount.
type framingSite struct {
	origin string

	mu    sync.Mutex
	token func(asked int) (token string, status int) // for the page's function; asked counts from 1
	asked int
}

// framingPage has two places for frames, and a policy as a careful partner's.
const framingPage = `<!doctype html>
<html lang="en"><meta charset="utf-8"><title>Partner</title>
<link rel="icon" href="data:,">
<body><h1>Partner</h1><div id="one"></div><div id="two"></div>
<script src="USHER/embed/usher-embed.js"></script><script src="/page.js"></script>`

// framingScript mounts frames as told, and keeps what they say in window.said
// as [place, type or name, detail].
const framingScript = `"use strict";
window.said = [];
window.mounted = {};
window.mount = (place, options) => {
	const note = name => detail => window.said.push([place, name, detail]);
	const all = {token: async () => {
		const answer = await fetch("/token");
		if (!answer.ok) throw new Error("status " + answer.status);
		return answer.text();
	}};
	for (const name of ["ready", "resize", "signedin", "expiring", "error", "event"]) all["on" + name] = note(name);
	const one = window.mounted[place] = UsherEmbed.mount("#" + place, Object.assign(all, options));
	for (const name of ["voteSuccess", "state", "load", "click"]) {
		one.iframe.addEventListener(name, e => { if (e instanceof CustomEvent) note("own " + name)(e.detail); });
	}
	for (const name of ["usher:ready", "usher:event"]) one.on(name, note("on " + name));
};
// plain frames an address without usher-embed.js, and waits for it.
window.plain = (place, src) => new Promise(loaded => {
	const frame = document.createElement("iframe");
	frame.src = src;
	frame.onload = () => loaded(true);
	document.getElementById(place).append(frame);
});
window.heard = (place, name, n = 1) => window.said.filter(s => s[0] === place && s[1] === name).length >= n;
window.last = (place, name) => window.said.findLast(s => s[0] === place && s[1] === name)?.[2];`

// openFramingSite starts the site. usher is the origin that its page may use,
// others are more that it may frame.
func openFramingSite(t *testing.T, usher string, others ...string) *framingSite {
	t.Helper()
	frames := strings.Join(append([]string{usher}, others...), " ")
	p := &framingSite{token: func(int) (string, int) { return "a.b.c", http.StatusOK }}
	send := func(contentType, text string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", contentType)
			w.Header().Set("Content-Security-Policy", "default-src 'none'; img-src data:; script-src 'self' "+usher+"; connect-src 'self'; frame-src "+frames)
			_, _ = io.WriteString(w, text)
		}
	}
	mux := http.NewServeMux()
	mux.Handle("GET /{$}", send("text/html; charset=utf-8", strings.ReplaceAll(framingPage, "USHER", usher)))
	mux.Handle("GET /page.js", send("text/javascript", framingScript))
	mux.HandleFunc("GET /token", func(w http.ResponseWriter, _ *http.Request) {
		p.mu.Lock()
		p.asked++
		token, status := p.token(p.asked)
		p.mu.Unlock()
		w.WriteHeader(status)
		_, _ = io.WriteString(w, token)
	})
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	p.origin = server.URL
	return p
}

// signs makes the site's function answer otherwise from here on.
func (p *framingSite) signs(token func(asked int) (string, int)) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.token = token
}

// timesAsked is how often the page's function has been asked for a token.
func (p *framingSite) timesAsked() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.asked
}

// patience is how long a test in the browser waits for what has to come.
const patience = 30 * time.Second

// framedContent is a server whose page says who looks at it, and is able to do
// whatever a test has it do: it has no policy of its own.
func framedContent(t *testing.T) *httptest.Server {
	t.Helper()
	mux := http.NewServeMux()
	mux.HandleFunc("GET /page/{$}", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		_, _ = fmt.Fprintf(w, `<!doctype html><html lang="en"><meta charset="utf-8"><title>Content</title>
<link rel="icon" href="data:,"><body><p id="who">%s</p><script src="content.js"></script>`, html.EscapeString(r.Header.Get("X-Usher-Email")))
	})
	mux.HandleFunc("GET /page/content.js", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/javascript")
		_, _ = io.WriteString(w, `window.born = Math.random();
parent.postMessage({type: "resize", height: 123}, "*");
parent.postMessage({type: "event", name: "state", data: {who: document.getElementById("who").textContent}}, "*");`)
	})
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	return server
}

// scene is a partner with a site, a resource with content, and an Usher.
type scene struct {
	*embedder
	site    *framingSite
	content *httptest.Server
	view    string // the resource's path
}

// setScene sets everything up for frames. others are origins that the site's page
// may frame beside Usher.
func setScene(t *testing.T, i *instance, others ...string) *scene {
	t.Helper()
	f := &scene{site: openFramingSite(t, i.origin, others...), content: framedContent(t)}
	f.embedder = &embedder{instance: i, installed: i.install(t, fields{
		"embed_origins": []string{f.site.origin}, "content_origins": []string{f.content.URL},
	})}
	f.view = f.resource(t, "vote-widget", "one", fields{"content": fields{"url": f.content.URL + "/page/"}})
	return f
}

// lasting is a token for anybody that is good for so many seconds.
func (f *scene) lasting(name string, seconds int64, claims fields) string {
	return f.token(f.presented(name).with(fields{"exp": time.Now().Unix() + seconds}).with(claims))
}

// always is a function of the site's that has a token each time.
func always(token func() string) func(int) (string, int) {
	return func(int) (string, int) { return token(), http.StatusOK }
}

// wish are the options of a frame with the resource.
func (f *scene) wish() fields {
	return fields{"usher": f.origin, "kind": "vote-widget", "id": "one", "appId": f.AppID, "title": "A vote"}
}

// page opens the site's page in a browser of its own.
func (f *scene) page(t *testing.T, preferences fields) *window {
	t.Helper()
	w := openWindowWith(t, &instance{origin: f.site.origin}, preferences)
	w.bound(t)
	w.open(t, "/")
	return w
}

// parts attaches to the view in the page and to the content in the view.
func (f *scene) parts(t *testing.T, w *window) (view, content *window) {
	t.Helper()
	view = w.frame(t, f.origin+f.view+"?")
	content = w.frame(t, f.origin+f.view+"/content/")
	return view, content
}

// attempts returns the entries of the sign-in log, newest first.
func (f *scene) attempts(t *testing.T) []map[string]any {
	t.Helper()
	a := f.admin(t, http.StatusOK, http.MethodGet, "/sign-ins", nil)
	return decode[struct {
		SignIns []map[string]any `json:"sign_ins"`
	}](t, a).SignIns
}

// bound gives all that is done in the window from here on six minutes.
func (w *window) bound(t *testing.T) {
	t.Helper()
	ctx, cancel := context.WithTimeout(w.browser, 6*time.Minute)
	t.Cleanup(cancel)
	w.browser = ctx
}

// until waits for an expression to hold in the window's page.
func (w *window) until(t *testing.T, what, expression string) {
	t.Helper()
	if err := until(w.browser, expression); err != nil {
		t.Fatalf("%s: %v; the page has heard:\n%s", what, err, eval[string](t, w, `(window.said ?? []).slice(-8).map(s => JSON.stringify(s)).join("\n")`))
	}
}

func until(target context.Context, expression string) error {
	ctx, cancel := context.WithTimeout(target, patience)
	defer cancel()
	_, err := chromedp.Run(ctx, chromedp.Poll[bool]("!!("+expression+")",
		chromedp.WithPollingInterval(20*time.Millisecond), chromedp.WithPollingTimeout(patience)))
	return err
}

// mount puts a frame up in a place of the partner's page.
func (w *window) mount(t *testing.T, place string, options fields) {
	t.Helper()
	eval[bool](t, w, fmt.Sprintf("window.mount(%s, %s), true", jsonText(place), jsonText(options)))
}

// frame finds the first frame whose address begins so, and attaches to it: one
// of another site, or without an origin of its own, is a target by itself.
func (w *window) frame(t *testing.T, prefix string) *window {
	t.Helper()
	ctx, cancel := context.WithTimeout(w.browser, patience)
	defer cancel()
	var seen []string
	for ctx.Err() == nil {
		all, err := chromedp.Targets(ctx)
		if err != nil {
			t.Fatal(err)
		}
		seen = nil
		for _, info := range all {
			seen = append(seen, info.Type+" "+info.URL)
			if info.Type == "iframe" && strings.HasPrefix(info.URL, prefix) {
				frame, end := chromedp.NewContext(w.browser, chromedp.WithTargetID(info.TargetID), chromedp.WithDetachOnCancel(), chromedp.WithListener(w.complaints.overhear))
				t.Cleanup(end)
				return &window{w.instance, frame, w.complaints}
			}
		}
	}
	t.Fatalf("got no frame at %s among %q", prefix, seen)
	return nil
}

// complaints are the errors that a browser writes into its console.
type complaints struct {
	mu    sync.Mutex
	texts []string
}

// overhear keeps an error of a page's or of its script's.
func (c *complaints) overhear(event any) {
	text := ""
	switch e := event.(type) {
	case *log.EventEntryAdded:
		if e.Entry.Level == log.EntryLevelError {
			text = fmt.Sprintf("%s: %s %s", e.Entry.Source, strings.TrimSuffix(e.Entry.Text, "."), e.Entry.URL)
		}
	case *runtime.EventExceptionThrown:
		text = "exception: " + e.ExceptionDetails.Text
	case *runtime.EventConsoleAPICalled:
		if e.Type == "error" {
			text = "console.error"
		}
	}
	if text != "" {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.texts = append(c.texts, text)
	}
}

// all returns the errors so far.
func (c *complaints) all() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.texts)
}

// forget takes away what was said so far.
func (c *complaints) forget() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.texts = nil
}

// forgive takes away what ends so.
func (c *complaints) forgive(end string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.texts = slices.DeleteFunc(c.texts, func(text string) bool { return strings.HasSuffix(text, end) })
}

package main

import (
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
)

// TestContent: framed content comes from its upstream with who is there, and
// with nothing that opens a door of ours or speaks for our origin.
func TestContent(t *testing.T) {
	eachWorld(t, func(t *testing.T, w world) {
		i := launch(t, w)
		e := embedding(t, i, nil)
		view := e.framed(t, "vote-widget", "57cc26", nil)
		s := shows(t, e.open(t, view, e.presented("chloe")), http.StatusOK)
		mount := strings.TrimSuffix(s.content, "/")
		page := i.signIn(t, link(e.token(e.presented("chloe"))))

		// What the upstream is told.
		a := i.send(t, http.MethodPost, s.content+"cast?choice=1", `{"a":1}`, "Content-Type: application/json", "Origin: null",
			"Referer: "+i.origin+s.content, "X-Forwarded-Uri: "+s.content, "Sec-Fetch-Site: cross-site",
			"X-Usher-User: forged", "X-Usher-Email: forged", "x_usher_groups: forged", framing(s.cookie), holding(page))
		if a.status != http.StatusOK || a.body != "content /votes/57cc26/cast?choice=1 for chloe@lumen.example" {
			t.Errorf("got %v", a)
		}
		got := e.content.last(t)
		if got.Method != http.MethodPost || got.Header.Get("X-Usher-User") != s.user || got.Header.Get("X-Usher-Integration") != e.ID || got.Header.Get("X-Usher-Session") == "" {
			t.Errorf("got %s with %v, want POST with Chloé", got.Method, got.Header)
		}
		for name, values := range got.Header {
			for _, value := range append(values, got.URL.String()) {
				for _, secret := range []string{s.ticket, s.bearer, s.cookie, page, "forged"} {
					if strings.Contains(value, secret) {
						t.Errorf("got a secret or a forgery at the upstream in %s", name)
					}
				}
			}
		}
		for _, name := range []string{"Cookie", "Origin", "Referer", "Sec-Fetch-Site"} {
			if values := got.Header[name]; len(values) != 0 {
				t.Errorf("got %s %q at the upstream, want none", name, values)
			}
		}

		// What the browser is told.
		e.content.answers(http.Header{
			"Content-Type": {"text/html"}, "Set-Cookie": {"__Host-usher=x; Path=/; Secure"}, "X-Frame-Options": {"DENY"}, "Clear-Site-Data": {`"*"`},
			"Content-Security-Policy": {"default-src 'self'; frame-ancestors 'none'"}, "Cache-Control": {"public, max-age=60"},
			"Access-Control-Allow-Origin": {"*"}, "Cross-Origin-Opener-Policy": {"same-origin"}, "X-Usher-User": {"x"},
		})
		a = i.get(t, s.content, "Origin: null")
		const ours = "sandbox allow-scripts allow-forms allow-popups allow-downloads; frame-ancestors 'self' " + partnerSite
		if got := a.header["Content-Security-Policy"]; !slices.Equal(got, []string{"default-src 'self'", ours}) {
			t.Errorf("got policies %q", got)
		}
		for name, want := range map[string]string{
			"Access-Control-Allow-Origin": "null", "Access-Control-Allow-Credentials": "", "Cache-Control": "private, max-age=60",
			"Referrer-Policy": "no-referrer", "Cross-Origin-Resource-Policy": "cross-origin", "X-Content-Type-Options": "nosniff",
			"Set-Cookie": "", "X-Frame-Options": "", "Clear-Site-Data": "", "Cross-Origin-Opener-Policy": "", "X-Usher-User": "",
		} {
			if got := strings.Join(a.header[name], "|"); got != want {
				t.Errorf("got %s %q, want %q", name, got, want)
			}
		}
		if got := i.get(t, s.content, "Origin: "+partnerSite).header.Get("Access-Control-Allow-Origin"); got != "" {
			t.Errorf("to the partner's page: got the content shared with %q", got)
		}
		e.content.answers(nil)

		// Preflights, and redirects.
		preflight := i.send(t, http.MethodOptions, s.content+"cast", "", "Origin: null", "Access-Control-Request-Method: PUT", "Access-Control-Request-Headers: x-a")
		if preflight.status != http.StatusNoContent || preflight.header.Get("Access-Control-Allow-Origin") != "null" || preflight.header.Get("Access-Control-Allow-Headers") != "x-a" {
			t.Errorf("preflight: got %v with %v", preflight, preflight.header)
		}
		for to, want := range map[string]string{
			"next": "next", "/votes/57cc26/next?a=b": mount + "/next?a=b", "/votes/57cc26": mount + "/",
			e.content.URL + "/votes/57cc26/#x": mount + "/#x",
		} {
			a := i.get(t, s.content+"?redirect="+url.QueryEscape(to))
			if a.status != http.StatusFound || a.header.Get("Location") != want {
				t.Errorf("redirect to %s: got %v to %q, want %q", to, a, a.header.Get("Location"), want)
			}
		}
		for _, to := range []string{"/admin", "//evil.example/", "https://evil.example/", e.content.URL + "/votes/68dd37"} {
			a := i.get(t, s.content+"?redirect="+url.QueryEscape(to), wantsPage)
			i.wantReason(t, a, http.StatusBadGateway, "upstream_unavailable")
		}
		e.content.Close()
		a = i.get(t, s.content, wantsPage, "Origin: null")
		i.wantReason(t, a, http.StatusBadGateway, "upstream_unavailable")
		if strings.Contains(a.body, strings.TrimPrefix(e.content.URL, "http://")) || a.header.Get("Access-Control-Allow-Origin") != "null" {
			t.Errorf("got %v, want a page that the content may read, without the inner address", a)
		}

		for _, secret := range []string{s.ticket, s.bearer, s.cookie} {
			if at := strings.Index(i.log.String(), secret[:20]); at >= 0 {
				t.Errorf("got a secret in the log, after %q", i.log.String()[max(0, at-150):at])
			}
		}
	})
}

// TestContentWebsocket: content opens a WebSocket by its ticket, which is cut
// when the session ends.
func TestContentWebsocket(t *testing.T) {
	eachWorld(t, func(t *testing.T, w world) {
		i, app := launchFront(t, w)
		e := embedding(t, i, fields{"content_origins": []string{app.url}}, i.adminAt())
		e.host = ""
		view := e.resource(t, "vote-widget", "57cc26", fields{"content": fields{"url": app.url}})
		s := shows(t, e.open(t, view, e.presented("chloe")), http.StatusOK)
		ws, a := dialWebsocket(t, i, s.content+"ws", "Origin: null")
		if ws == nil {
			t.Fatalf("got %v, want 101", a)
		}
		if got, err := ws.hear(); got != "hello "+s.user || err != nil {
			t.Errorf("got greeting %q, error %v, want Chloé's id", got, err)
		}
		if err := ws.say("one"); err != nil {
			t.Fatal(err)
		}
		if got, err := ws.hear(); got != "one" || err != nil {
			t.Errorf("got %q back, error %v", got, err)
		}
		i.admin(t, http.StatusNoContent, http.MethodPost, "/users/"+s.user+"/sign-out", nil, i.adminAt())
		if again, a := dialWebsocket(t, i, s.content+"ws", "Origin: null"); again != nil || a.status != http.StatusUnauthorized {
			t.Errorf("after the sign-out: got %v, want 401", a)
		}
	})
}

// TestRungOverHTTP: how a frame holds its session is kept in the log's entry of
// its view, and of no other person's.
func TestRungOverHTTP(t *testing.T) {
	eachWorld(t, func(t *testing.T, w world) {
		i := launch(t, w)
		e := embedding(t, i, nil)
		view := e.resource(t, "notice", "board", nil)
		first := e.open(t, view, e.presented("chloe"))
		second := e.open(t, view, e.presented("berta"))
		chloe, berta := shows(t, first, http.StatusOK), shows(t, second, http.StatusOK)
		reference := first.header.Get("X-Request-Id")
		if !strings.Contains(first.body, `data-reference="`+reference+`"`) {
			t.Error("got a page without its reference")
		}
		tell := func(rung, reference, by string) answer {
			return e.post(t, view+"/rung", "rung="+rung+"&reference="+reference, by)
		}
		if a := tell("cookie", reference, bearing(berta.bearer)); a.status != http.StatusNoContent {
			t.Errorf("another's reference: got %v, want 204", a)
		}
		if a := tell("bearer", reference, bearing(chloe.bearer)); a.status != http.StatusNoContent || a.body != "" {
			t.Errorf("got %v, want 204", a)
		}
		i.wantReason(t, tell("ladder", reference, bearing(chloe.bearer)), http.StatusBadRequest, "bad_request")
		i.wantReason(t, tell("none&rung=cookie", reference, bearing(chloe.bearer)), http.StatusBadRequest, "bad_request")
		i.wantReason(t, tell("cookie", reference, "X-Nothing: 1"), http.StatusUnauthorized, "no_session")
		renewed := e.renew(t, view, e.presented("chloe"), bearing(chloe.bearer))
		tell("storage-access", renewed.header.Get("X-Request-Id"), framing(chloe.cookie))

		i.stop()
		i.exited()
		j := launch(t, w)
		for of, want := range map[string]string{
			reference: "bearer", second.header.Get("X-Request-Id"): "", renewed.header.Get("X-Request-Id"): "storage-access",
		} {
			entry := decode[struct{ Door, Outcome, Rung, Target string }](t, j.admin(t, http.StatusOK, http.MethodGet, "/sign-ins/"+of, nil))
			if entry.Door != "embed" || entry.Outcome != "signed_in" || entry.Rung != want || entry.Target != view {
				t.Errorf("%s: got %+v, want rung %q", of, entry, want)
			}
		}
		entry := j.get(t, "/admin/sign-ins/"+reference, j.owner(t), wantsPage)
		if !strings.Contains(entry.body, "in the page&#39;s memory") {
			t.Errorf("got an entry's page without the rung: %v", entry)
		}
	})
}

// TestEmbedWhileAStoreIsAway: a small page with 503, which may be framed, and
// everything as it was afterwards.
func TestEmbedWhileAStoreIsAway(t *testing.T) {
	t.Parallel()
	if !haveServers() {
		return // said aloud by testenv; required under "make test"
	}
	base := serversWorld(t)
	for _, store := range []string{"database", "redis"} {
		t.Run(store, func(t *testing.T) {
			t.Parallel()
			var w world
			var g *gate
			if store == "database" {
				g = newGate(t, base.database)
				w = worldAt(g.url, base.redis)
			} else {
				g = newGate(t, base.redis)
				w = worldAt(base.database, g.url)
			}
			i := launch(t, w, "USHER_DRAIN_TIMEOUT=5s")
			e := embedding(t, i, fields{"name": store, "link_policy": "trusted"})
			view := e.framed(t, "vote-widget", "57cc26-"+store, nil)
			s := shows(t, e.open(t, view, e.presented("chloe")), http.StatusOK)
			g.shut()
			target := view + "?appId=" + e.AppID + "&user=" + e.token(e.presented("new"+store))
			for _, a := range []answer{e.load(t, target, framing(s.cookie)), e.load(t, view+"?appId="+e.AppID, framing(s.cookie))} {
				if store == "database" && a.status == http.StatusOK {
					continue // by a session that stands, and what is remembered for some seconds
				}
				i.wantReason(t, a, http.StatusServiceUnavailable, "store_unavailable")
				if a.header.Get("Retry-After") == "" || strings.Contains(a.header.Get("Content-Security-Policy"), "frame-ancestors 'none'") ||
					!strings.HasPrefix(a.header.Get("Content-Type"), "text/html") {
					t.Errorf("got %v with %v, want a page that the partner's site can show", a, a.header)
				}
			}
			if store == "redis" {
				i.wantReason(t, i.get(t, s.content, wantsPage), http.StatusServiceUnavailable, "store_unavailable")
				i.wantReason(t, i.get(t, view+"/session", bearing(s.bearer)), http.StatusServiceUnavailable, "store_unavailable")
			}
			i.wantReason(t, e.renew(t, view, e.presented("chloe"), bearing(s.bearer)), http.StatusServiceUnavailable, "store_unavailable")
			g.open(t)
			if !e.lives(t, view, framing(s.cookie)) || !e.lives(t, view, bearing(s.bearer)) {
				t.Error("got a session lost while the store was away")
			}
			shows(t, e.load(t, target), http.StatusOK)
			if a := i.get(t, s.content); a.status != http.StatusOK {
				t.Errorf("got %v, want the content back", a)
			}
		})
	}
}

// TestViewAnswers holds the JSON of a view's session to its form.
func TestViewAnswers(t *testing.T) {
	t.Parallel()
	i := launch(t, embeddedWorld(t))
	e := embedding(t, i, nil)
	view := e.resource(t, "notice", "board", nil)
	s := shows(t, e.open(t, view, e.presented("chloe")), http.StatusOK)
	a := i.get(t, view+"/session", bearing(s.bearer))
	var members map[string]json.RawMessage
	if err := json.Unmarshal([]byte(a.body), &members); err != nil || len(members) != 4 || a.header.Get("Cache-Control") != "no-store" {
		t.Errorf("got %v, want user_id, name, expires_in and cookie, not to be stored", a)
	}
	stranger := shows(t, e.open(t, view, e.presented("berta")), http.StatusOK)
	for header, want := range map[string]bool{"X-Nothing: 1": false, framing(s.cookie): true, framing(stranger.cookie): false} {
		a := i.get(t, view+"/session", bearing(s.bearer), header)
		if got := decode[viewState](t, a); got.Cookie != want || got.UserID != s.user {
			t.Errorf("got %v, want cookie %t", a, want)
		}
	}
	if got := a.header.Get("Access-Control-Allow-Origin"); got != "" {
		t.Errorf("got it shared with %q, want our own page alone", got)
	}
}

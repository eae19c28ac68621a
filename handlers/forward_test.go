package handlers

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"strings"
	"testing"

	"github.com/gin-gonic/gin"
	"github.com/google/go-cmp/cmp"

	"usher/provisioning"
)

// forwarder is an engine whose every request goes through forward to an
// upstream.
func forwarder(t *testing.T, upstream http.Handler, trusted []netip.Prefix, change func(*forwarding)) *gin.Engine {
	t.Helper()
	server := httptest.NewServer(upstream)
	t.Cleanup(server.Close)
	to, err := url.Parse(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	public, err := provisioning.ParseOrigin("https://sso.example.com")
	if err != nil {
		t.Fatal(err)
	}
	h, _ := newHTTP(t)
	a := &App{HTTP: h, Origin: public, TrustedProxies: trusted, Upstreams: NewUpstreams(UpstreamOptions{})}
	t.Cleanup(func() { a.Upstreams.Close(t.Context()) })
	engine := newEngine(t, h, trusted...)
	engine.NoRoute(h.Wrap(func(c *gin.Context) error {
		f := forwarding{To: to, Path: c.Request.URL.EscapedPath(), RawQuery: c.Request.URL.RawQuery, Cookies: true}
		if change != nil {
			change(&f)
		}
		return a.forward(c, f)
	}))
	return engine
}

// seen returns an upstream that keeps the last request, and that request.
func seen() (http.Handler, func() *http.Request) {
	var last *http.Request
	return http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { last = r }), func() *http.Request { return last }
}

func TestForwardedRequest(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name    string
		header  []string
		trusted bool
		want    http.Header // "" = not there
	}{
		{
			"forwarding headers of anybody",
			[]string{
				"X-Forwarded-For: 10.9.9.9", "X-Forwarded-Host: evil.test", "X-Forwarded-Proto: gopher", "X-Forwarded-Port: 1", "X-Forwarded-Prefix: /x",
				"X_Forwarded_For: 10.9.9.9", "Forwarded: for=10.9.9.9", "X-Real-Ip: 10.9.9.9", "X_Real_Ip: 10.9.9.9",
				"X-Original-Url: /private", "X-Rewrite-Url: /private", "Proxy: http://evil.test",
			},
			false,
			http.Header{
				"X-Forwarded-For": {"192.0.2.1"}, "X-Forwarded-Host": {"sso.example.com"}, "X-Forwarded-Proto": {"https"}, "X-Forwarded-Port": nil,
				"X-Forwarded-Prefix": nil, "X_Forwarded_For": nil, "Forwarded": nil, "X-Real-Ip": nil, "X_real_ip": nil, "X-Original-Url": nil,
				"X-Rewrite-Url": nil, "Proxy": nil,
			},
		},
		{
			"forwarding headers of a proxy",
			[]string{
				"X-Forwarded-For: 198.51.100.7", "X-Forwarded-Host: app.example.com", "X-Forwarded-Proto: http", "X-Forwarded-Port: 8443",
				"X-Real-Ip: 198.51.100.7", "X_Forwarded_For: 10.9.9.9", "X-Original-Url: /private",
			},
			true,
			http.Header{
				"X-Forwarded-For": {"198.51.100.7, 192.0.2.1"}, "X-Forwarded-Host": {"app.example.com"}, "X-Forwarded-Proto": {"http"},
				"X-Forwarded-Port": {"8443"}, "X-Real-Ip": {"198.51.100.7"}, "X_Forwarded_For": nil, "X-Original-Url": nil,
			},
		},
		{
			"a proxy's proto that is none",
			[]string{"X-Forwarded-Proto: javascript"},
			true,
			http.Header{"X-Forwarded-Proto": {"https"}},
		},
		{
			"identity",
			[]string{"X-Usher-User: eve", "X_Usher_User: eve", "x-usher_GROUPS: admin", "X-Usher-Future: eve", "X.Usher.User: eve", "x~usher|groups: admin", "Connection: X-Usher-User, X-Usher-Email"},
			true,
			http.Header{"X-Usher-User": {"anna"}, "X-Usher-Email": {"a@lumen.example"}, "X_usher_user": nil, "X-Usher_groups": nil, "X-Usher-Future": nil},
		},
		{
			"cookies",
			[]string{"Cookie: a=1; __Host-usher=s;b=2 ;__Host-usher-admin=t; __HOST-USHER-embed=u; __Host-usher-nonce=v", "Cookie: __Host-usher=w", "Cookie: c=\"x y\""},
			false,
			http.Header{"Cookie": {"a=1; b=2", "c=\"x y\""}},
		},
		{"our cookies alone", []string{"Cookie: __Host-usher=s"}, false, http.Header{"Cookie": nil}},
		{"a partner's token", []string{"Authorization: jWt a.b.c", "Proxy-Authorization: Basic x"}, false, http.Header{"Authorization": nil, "Proxy-Authorization": nil}},
		{"the application's own credential", []string{"Authorization: Basic eDp5"}, false, http.Header{"Authorization": {"Basic eDp5"}}},
		{"another protocol", []string{"Connection: Upgrade", "Upgrade: h2c", "Http2-Settings: AAMAAABkAAQAAP__"}, false, http.Header{"Upgrade": nil, "Connection": nil}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			upstream, last := seen()
			var trusted []netip.Prefix
			if tt.trusted {
				trusted = []netip.Prefix{testPeer}
			}
			engine := forwarder(t, upstream, trusted, func(f *forwarding) {
				f.Identity = http.Header{"X-Usher-User": {"anna"}, "X-Usher-Email": {"a@lumen.example"}}
			})
			answer := do(t, engine, http.MethodGet, "https://sso.example.com/a%2Fb//c?x=1&&y=%zz;", tt.header...)
			r := last()
			if answer.Code != http.StatusOK || r == nil {
				t.Fatalf("got status %d and request %v, want one that arrives", answer.Code, r)
			}
			if r.RequestURI != "/a%2Fb//c?x=1&&y=%zz;" {
				t.Errorf("got %q upstream, want the path and query as they were sent", r.RequestURI)
			}
			for name, want := range tt.want {
				if diff := cmp.Diff(want, http.Header(r.Header)[name]); diff != "" {
					t.Errorf("%s (-want +got):\n%s", name, diff)
				}
			}
			if got, want := r.Header.Get("X-Request-Id"), answer.Header().Get("X-Request-Id"); got == "" || got != want {
				t.Errorf("got request id %q upstream, want %q as in the answer", got, want)
			}
		})
	}
}

func TestForwardedAnswer(t *testing.T) {
	t.Parallel()
	upstream := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h["Set-Cookie"] = []string{"app=1; Path=/", "__Host-usher=evil; Path=/; Secure", " __host-USHER-admin=evil", "=__Host-usher=evil", "__Host-usher-embed", "last=2"}
		h.Set("X-Request-Id", "theirs")
		h.Set("Alt-Svc", `h3="inner:443"`)
		h.Set("Clear-Site-Data", `"cookies"`)
		h.Set("Connection", "X-Inner")
		h.Set("X-Inner", "1")
		h.Set("Strict-Transport-Security", "max-age=0")
		if r.URL.Path == "/own" {
			h.Set("Content-Security-Policy", "default-src *")
			h.Set("Cache-Control", "public")
			h.Set("X-Content-Type-Options", "theirs")
		}
		w.WriteHeader(http.StatusNotFound)
	})
	for _, cookies := range []bool{true, false} {
		engine := forwarder(t, upstream, nil, func(f *forwarding) { f.Cookies = cookies })
		for path, want := range map[string]http.Header{
			"/":    {"X-Content-Type-Options": {"nosniff"}},
			"/own": {"Content-Security-Policy": {"default-src *"}, "Cache-Control": {"public"}, "X-Content-Type-Options": {"theirs"}},
		} {
			want.Set("Strict-Transport-Security", "max-age=31536000")
			want.Set("Content-Length", "0")
			if cookies {
				want["Set-Cookie"] = []string{"app=1; Path=/", "last=2"}
				want.Set("Clear-Site-Data", `"cookies"`)
			}
			answer := do(t, engine, http.MethodGet, path)
			got := answer.Result().Header
			if id := got.Get("X-Request-Id"); id == "" || id == "theirs" {
				t.Errorf("%s: got request id %q, want ours", path, id)
			}
			got.Del("X-Request-Id")
			got.Del("Date")
			if diff := cmp.Diff(want, got); diff != "" || answer.Code != http.StatusNotFound || answer.Body.Len() != 0 {
				t.Errorf("%s, cookies %v: got status %d, body %q, header (-want +got):\n%s", path, cookies, answer.Code, answer.Body, diff)
			}
		}
	}
}

func TestForwardedLocation(t *testing.T) {
	t.Parallel()
	tests := []struct{ to, mount, location, want string }{
		{"http://app:3000", "", "http://app:3000/x?y=1#z", "/x?y=1#z"},
		{"http://app:3000", "", "http://APP:3000", "/"},
		{"http://app:3000", "", "http://app:3000//evil.test/x", "/.//evil.test/x"},
		{"http://app:3000", "", "/x", "/x"},
		{"http://app:3000", "", "x", "x"},
		{"http://app:3000", "", "?a=b", "?a=b"},
		{"http://app:3000", "", "//other.test/x", "//other.test/x"},
		{"http://app:3000", "", "https://app:3000/x", "https://app:3000/x"},
		{"http://app:3000", "", "http://app:3001/x", "http://app:3001/x"},
		{"http://app:3000", "", "http://u@app:3000/x", "http://u@app:3000/x"},
		{"http://app:3000", "", "://", "://"},
		{"http://app:3000/base/", "", "http://app:3000/base/x", "/x"},
		{"http://app:3000/base", "", "/base/x%2Fy", "/x%2Fy"},
		{"http://app:3000/base", "", "/basement", "/basement"},
		{"http://app:3000/base", "", "http://app:3000/other", "/other"},
		{"https://p.test/w", "/embed/k/i/content/t", "/w/next", "/embed/k/i/content/t/next"},
		{"https://p.test/w", "/embed/k/i/content/t", "https://p.test/w", "/embed/k/i/content/t"},
		{"https://p.test/w", "/embed/k/i/content/t", "/login", "https://p.test/login"},
		{"https://p.test/w", "/embed/k/i/content/t", "/w/../login", "https://p.test/login"},
		{"https://p.test", "/embed/k/i/content/t", "/login", "/embed/k/i/content/t/login"},
	}
	for _, tt := range tests {
		to, err := url.Parse(tt.to)
		if err != nil {
			t.Fatal(err)
		}
		asked := *to
		asked.Path = strings.TrimSuffix(asked.Path, "/") + "/page"
		if got := (forwarding{To: to, Mount: tt.mount}).location(tt.location, &asked); got != tt.want {
			t.Errorf("%s to %s at %q: got %q, want %q", tt.location, tt.to, tt.mount, got, tt.want)
		}
	}
}

func TestForwardBelowTheUpstreamsPath(t *testing.T) {
	t.Parallel()
	upstream, last := seen()
	engine := forwarder(t, upstream, nil, func(f *forwarding) {
		f.To = f.To.JoinPath("/base dir/")
		f.Host = "app.example.com"
	})
	answer := do(t, engine, http.MethodPost, "/x%20y/?q")
	if r := last(); r == nil || r.RequestURI != "/base%20dir/x%20y/?q" || r.Host != "app.example.com" || r.Method != http.MethodPost {
		t.Errorf("got request %v upstream and answer %d %s, want POST /base%%20dir/x%%20y/?q at app.example.com", r, answer.Code, answer.Body)
	}
}

func TestForwardFails(t *testing.T) {
	t.Parallel()
	early := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Link", "</style.css>; rel=preload")
		w.WriteHeader(http.StatusEarlyHints)
		panic(http.ErrAbortHandler)
	})
	refusing := func(f *forwarding) {
		f.Answer = func(*http.Response) error { return &Fault{Code: NotFound, Err: errors.New("not that")} }
	}
	gone := func(f *forwarding) { f.To = &url.URL{Scheme: "http", Host: "127.0.0.1:1"} }
	for name, tt := range map[string]struct {
		upstream http.Handler
		change   func(*forwarding)
		status   int
		reason   string
	}{
		"nobody listens":     {early, gone, http.StatusBadGateway, "upstream_unavailable"},
		"cut before answer":  {early, nil, http.StatusBadGateway, "upstream_unavailable"},
		"answer not allowed": {http.NotFoundHandler(), refusing, http.StatusNotFound, "not_found"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			engine := forwarder(t, tt.upstream, nil, tt.change)
			answer := do(t, engine, http.MethodGet, "/x", "Accept: application/json")
			if answer.Code != tt.status || !strings.Contains(answer.Body.String(), tt.reason) {
				t.Errorf("got %d %s, want %d %s", answer.Code, answer.Body, tt.status, tt.reason)
			}
			if strings.Contains(answer.Body.String(), "127.0.0.1") || answer.Header().Get("Link") != "" {
				t.Errorf("got header %v, body %s, want nothing of the upstream", answer.Header(), answer.Body)
			}
			if got := answer.Header()["Content-Security-Policy"]; len(got) != 1 || got[0] != ContentSecurityPolicy {
				t.Errorf("got policy %q, want ours once", got)
			}
			if got := answer.Header().Get("X-Request-Id"); got == "" || !strings.Contains(answer.Body.String(), got) {
				t.Errorf("got reference %q, want one that is in the answer", got)
			}
		})
	}
}

// TestForwardHoldsNoPlace: forwarded requests are counted apart from ours.
func TestForwardHoldsNoPlace(t *testing.T) {
	t.Parallel()
	entered, release := make(chan struct{}), make(chan struct{})
	engine := forwarder(t, http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		entered <- struct{}{}
		<-release
	}), nil, nil)
	engine.GET("/ours", func(c *gin.Context) { c.Status(http.StatusOK) })
	const more = 12 // newEngine lets 8 of ours be under way
	codes := make(chan int, more)
	for range more {
		go func() {
			recorder := httptest.NewRecorder()
			engine.ServeHTTP(recorder, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/x", nil))
			codes <- recorder.Code
		}()
		<-entered
	}
	if answer := do(t, engine, http.MethodGet, "/ours"); answer.Code != http.StatusOK {
		t.Errorf("got %d with %d forwarded requests under way, want 200", answer.Code, more)
	}
	close(release)
	for range more {
		if code := <-codes; code != http.StatusOK {
			t.Errorf("got %d for a forwarded request, want 200", code)
		}
	}
}

func TestForwardIsBounded(t *testing.T) {
	t.Parallel()
	u := NewUpstreams(UpstreamOptions{AtOnce: 2})
	leave, ok := u.enter()
	if _, second := u.enter(); !ok || !second {
		t.Fatal("got no place of two, want both")
	}
	if _, third := u.enter(); third {
		t.Error("got a third place of two, want none")
	}
	leave()
	if _, again := u.enter(); !again {
		t.Error("got no place after one was left, want one")
	}
}

// FuzzCookiesThatPass: whatever a browser or an upstream sends, no pair that
// has the name of one of our cookies gets past.
func FuzzCookiesThatPass(f *testing.F) {
	for _, seed := range []string{
		"a=1; __Host-usher=x", "__Host-usher", "=__Host-usher=x", " ; ;__HOST-USHER-admin=x", "\t__Host-usher-embed=x;b", "a=\"; __Host-usher=x\"",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, line string) {
		h := http.Header{"Cookie": {line}, "Authorization": {"JWT " + line, "Basic x"}}
		stripCredentials(h, true)
		for _, kept := range h["Cookie"] {
			for pair := range strings.SplitSeq(kept, ";") {
				if strings.HasPrefix(strings.ToLower(strings.Trim(pair, " \t=")), "__host-usher") {
					t.Errorf("%q became %q", line, kept)
				}
			}
		}
		if diff := cmp.Diff([]string{"Basic x"}, h["Authorization"]); diff != "" {
			t.Errorf("Authorization (-want +got):\n%s", diff)
		}
		dropOurCookies(http.Header{"Set-Cookie": {line}})
	})
}

// TestForwardKeepsThePace: pieces go out as they come in.
func TestForwardKeepsThePace(t *testing.T) {
	t.Parallel()
	next := make(chan struct{})
	engine := forwarder(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream")
		for range 3 {
			_, _ = io.WriteString(w, "data: x\n\n")
			w.(http.Flusher).Flush()
			<-next
		}
	}), nil, nil)
	server := httptest.NewServer(engine)
	defer server.Close()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, server.URL+"/events", nil)
	if err != nil {
		t.Fatal(err)
	}
	answer, err := server.Client().Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	piece := make([]byte, len("data: x\n\n"))
	for range 3 {
		if _, err := io.ReadFull(answer.Body, piece); err != nil || string(piece) != "data: x\n\n" {
			t.Fatalf("got %q, error %v, want an event before the next is made", piece, err)
		}
		next <- struct{}{}
	}
}

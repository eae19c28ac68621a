package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// sampleApp is the application behind an instance.
type sampleApp struct {
	url string

	mu   sync.Mutex
	last *http.Request
	hits int
}

// startApp serves an application that keeps the last request, and answers it
// with the hash of its body; /ws is a WebSocket, /events a stream without an
// end, /download has 50 MB.
func startApp(t *testing.T) *sampleApp {
	t.Helper()
	s := &sampleApp{}
	server := httptest.NewServer(s)
	t.Cleanup(server.Close)
	s.url = server.URL
	return s
}

const downloadSize = 50 << 20

func (s *sampleApp) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	s.last = r
	s.hits++
	s.mu.Unlock()
	switch r.URL.Path {
	case "/ws":
		_ = echoWebsocket(w, r) // ends with the connection
	case "/page":
		w.Header().Set("Content-Type", "text/html")
		_, _ = io.WriteString(w, samplePage)
	case "/events":
		w.Header().Set("Content-Type", "text/event-stream")
		w.(http.Flusher).Flush()
		<-r.Context().Done()
	case "/download":
		piece := bytes.Repeat([]byte("x"), 1<<20)
		for range downloadSize / len(piece) {
			if _, err := w.Write(piece); err != nil {
				return
			}
		}
	default:
		sum := sha256.New()
		n, _ := io.Copy(sum, r.Body)
		w.Header().Set("Content-Type", "text/plain")
		fmt.Fprintf(w, "application %d %s", n, hex.EncodeToString(sum.Sum(nil)))
	}
}

// request is the last one that has arrived, and how many there were.
func (s *sampleApp) request() (*http.Request, int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.last, s.hits
}

// launchFront starts an instance in front of an application.
func launchFront(t *testing.T, w world, more ...string) (*instance, *sampleApp) {
	t.Helper()
	app := startApp(t)
	return launch(t, w, append(more, "UPSTREAM_URL="+app.url)...), app
}

// adminAt names the host at which an instance on this machine has its admin
// while an application is on the other.
func (i *instance) adminAt() string { return "Host: 127.0.0.1:" + i.port }

// told are the headers about the caller that reached the application.
func told(r *http.Request) http.Header {
	found := http.Header{}
	for name, values := range r.Header {
		if strings.HasPrefix(strings.ToLower(strings.ReplaceAll(name, "_", "-")), "x-usher-") {
			found[name] = values
		}
	}
	return found
}

// forgeries are header lines by which a client may try to pass for somebody.
var forgeries = []string{
	"X-Usher-User: eve", "x-usher-email: eve@evil.test", "X_Usher_User: eve", "X-USHER_GROUPS: admins", "X.Usher.User: eve", "x~usher|groups: admins", "X-Usher-Integration: x", "X-Usher-Session: x",
	"X-Usher-Anything: x", "Connection: X-Usher-User", "Connection: keep-alive, X-Usher-Email, X-Usher-Groups",
}

func TestFrontTellsWhoCalls(t *testing.T) {
	eachWorld(t, func(t *testing.T, w world) {
		i, app := launchFront(t, w, "USHER_UPSTREAM_PUBLIC=/open")
		lumen := i.install(t, nil)
		i.admin(t, 201, "POST", "/groups", fields{"external_id": "poetry, süß", "name": "Poetry"})
		cookie := i.signIn(t, link(lumen.token(person("anna").with(fields{"groups": []string{"poetry, süß"}}))))
		anna := i.userID(t, "anna@lumen.example")
		want := http.Header{
			"X-Usher-User": {anna}, "X-Usher-Email": {"anna@lumen.example"}, "X-Usher-Groups": {"poetry%2C%20s%C3%BC%C3%9F"},
			"X-Usher-Integration": {lumen.ID},
		}
		berta := i.signIn(t, link(lumen.token(person("berta"))))
		token := lumen.token(person("anna").with(fields{"iss": lumen.AppID}))
		asToken := "Authorization: jwt " + token
		for _, path := range []string{"/", "/courses/1?x=y", "/open/page"} {
			for name, header := range map[string][]string{
				"cookie":                    {"Cookie: a=1; __Host-usher=" + cookie + "; __Host-usher-admin=x; b=2"},
				"cookie and app's bearer":   {holding(cookie), "Authorization: Bearer app-secret"},
				"token":                     {asToken},
				"token beside other cookie": {asToken, holding(berta)},
			} {
				a := i.get(t, path, append(header, forgeries...)...)
				r, _ := app.request()
				if a.status != 200 || r == nil || r.RequestURI != path || r.Host != "localhost:"+i.port {
					t.Fatalf("%s with %s: got %v and request %v, want the application's answer", path, name, a, r)
				}
				got := told(r)
				if name == "cookie" && len(got["X-Usher-Session"]) != 1 || strings.HasPrefix(name, "token") && got["X-Usher-Session"] != nil {
					t.Errorf("%s with %s: got X-Usher-Session %q", path, name, got["X-Usher-Session"])
				}
				got.Del("X-Usher-Session")
				if diff := cmp.Diff(want, got); diff != "" {
					t.Errorf("%s with %s: got headers about the caller (-want +got):\n%s", path, name, diff)
				}
				sent := fmt.Sprint(r.Header)
				if strings.Contains(sent, cookie) || strings.Contains(sent, token) || strings.Contains(sent, "__Host-usher") || strings.Contains(sent, "eve") {
					t.Errorf("%s with %s: got %s upstream, want none of our cookies and tokens, and no forgery", path, name, sent)
				}
				if name == "cookie" && r.Header.Get("Cookie") != "a=1; b=2" {
					t.Errorf("got cookies %q upstream, want the application's own", r.Header.Get("Cookie"))
				}
				if strings.Contains(name, "bearer") && r.Header.Get("Authorization") != "Bearer app-secret" {
					t.Errorf("got Authorization %q upstream, want the application's own", r.Header.Get("Authorization"))
				}
				for _, ours := range []string{"Content-Security-Policy", "Cache-Control", "Cross-Origin-Opener-Policy", "Referrer-Policy"} {
					if a.header.Get(ours) != "" {
						t.Errorf("%s: got %s %q, want the application's own header", path, ours, a.header.Get(ours))
					}
				}
			}
		}
		if log := i.log.String(); strings.Contains(log, cookie) || strings.Contains(log, token) {
			t.Error("got a cookie or a token in the log")
		}
	})
}

func TestFrontLetsNobodyIn(t *testing.T) {
	eachWorld(t, func(t *testing.T, w world) {
		i, app := launchFront(t, w, "USHER_UPSTREAM_PUBLIC=/open,/health/")
		lumen := i.install(t, nil)
		cookie := i.signIn(t, link(lumen.token(person("anna"))))
		const navigate = "Sec-Fetch-Mode: navigate"
		atOther := i.addTenant(t, "Other", "other.test").host
		refused := func(t *testing.T, a answer, status int, reason string) {
			t.Helper()
			i.wantReason(t, a, status, reason)
			if r, hits := app.request(); hits != 0 {
				t.Fatalf("got %s %s through, want nothing", r.Method, r.RequestURI)
			}
		}
		expired := lumen.token(person("anna").with(fields{"iss": lumen.AppID, "exp": 1}))
		for _, path := range []string{"/", "/courses?x=1", "/open/../courses", "/open/%2e%2e/courses", "/open%2F..%2Fcourses", "/open/..;/courses", "/opened"} {
			page := i.get(t, path, wantsPage, navigate)
			if strings.Contains(path, "..") || strings.Contains(path, "%2e") {
				refused(t, page, 400, "bad_request")
				continue
			}
			refused(t, page, 401, "no_session")
			refused(t, i.get(t, path), 401, "no_session")
			refused(t, i.get(t, path, "Accept: */*", "Sec-Fetch-Mode: cors"), 401, "no_session")
			refused(t, i.send(t, "POST", path, "x=1", isForm, wantsPage, navigate), 401, "no_session")
			refused(t, i.get(t, path, append([]string{wantsJSON}, forgeries...)...), 401, "no_session")
			refused(t, i.get(t, path, wantsJSON, holding(strings.Repeat("A", 43))), 401, "no_session")
			refused(t, i.get(t, path, wantsJSON, holding(cookie), "Cookie: __Host-usher="+cookie), 401, "no_session")
			refused(t, i.get(t, path, wantsJSON, holding(cookie), atOther), 401, "no_session")
			refused(t, i.get(t, path, wantsJSON, holding(cookie), "Authorization: JWT "+expired), 401, "token_expired")
			refused(t, i.get(t, path, wantsJSON, holding(cookie), "Host: nobody.test"), 421, "unknown_host")
		}
		refused(t, i.get(t, "/open/x", wantsJSON, holding(cookie), "Authorization: JWT "+expired), 401, "token_expired")
		for _, path := range []string{"/auth", "/auth/nothing", "/admin/nothing", "/api/resources/a/b/c", "/api/oauth/nothing", "/api/v0/token/x/y", "/connect/x", "/.well-known/jwks.json/x", "/.well-known/openid-configuration/x", "/%61pi/oauth", "/embed/x", "//auth/session", "/auth/assets/x", "/openapi/x"} {
			if a := i.get(t, path, wantsJSON, holding(cookie)); a.status != 404 {
				t.Errorf("%s: got %v, want 404", path, a)
			}
		}
		if _, hits := app.request(); hits != 0 {
			t.Fatal("got a path of ours forwarded")
		}

		// With a page to sign in on, a page leads there.
		i.admin(t, 200, "PATCH", "/integrations/"+lumen.ID, fields{"sign_in_url": "https://lumen.example/enter"})
		a := i.get(t, "/courses?x=1&y=%2F", wantsPage, navigate)
		if want := "/auth/start?" + (url.Values{"go": {"/courses?x=1&y=%2F"}}).Encode(); a.status != 303 || a.header.Get("Location") != want {
			t.Errorf("got %v to %q, want 303 to %q", a, a.header.Get("Location"), want)
		}
		refused(t, i.get(t, "/courses", "Accept: */*", "Sec-Fetch-Mode: cors"), 401, "no_session")
		refused(t, i.send(t, "POST", "/courses", "", wantsPage, navigate), 401, "no_session")
		refused(t, i.get(t, "/courses", wantsPage, navigate, "Authorization: JWT "+expired), 401, "token_expired")
		refused(t, i.get(t, "/courses", wantsPage, navigate, atOther), 401, "no_session")

		// Public paths are open, and tell nobody.
		for _, path := range []string{"/open", "/open/", "/open/a.css", "/health"} {
			for _, header := range [][]string{nil, {atOther, holding(cookie)}, {"Authorization: Bearer app"}} {
				if a := i.get(t, path, append(header, forgeries...)...); a.status != 200 {
					t.Errorf("%s: got %v, want 200", path, a)
				}
				if r, _ := app.request(); r == nil || len(told(r)) != 0 {
					t.Errorf("%s: got %v upstream, want nobody named", path, r)
				}
			}
		}

		// A session that has ended opens nothing more.
		if a := i.get(t, "/courses", holding(cookie)); a.status != 200 {
			t.Errorf("got %v, want 200", a)
		}
		i.post(t, "/auth/logout", "", holding(cookie))
		_, before := app.request()
		i.wantReason(t, i.get(t, "/courses", wantsJSON, holding(cookie)), 401, "no_session")
		if _, after := app.request(); after != before {
			t.Error("got a request through after signing out")
		}
	})
}

func TestFrontCarries(t *testing.T) {
	eachWorld(t, func(t *testing.T, w world) {
		i, app := launchFront(t, w)
		cookie := i.signIn(t, link(i.install(t, nil).token(person("anna"))))
		upload := strings.Repeat("0123456789abcdef", 2<<20/16)
		for _, path := range []string{"/upload", "/a%2Fb//c%20d;e=f?q=%zz&&x"} {
			for _, method := range []string{"POST", "PUT", "PATCH", "DELETE", "PROPFIND"} {
				a := i.send(t, method, path, upload, holding(cookie))
				sum := sha256.Sum256([]byte(upload))
				if want := fmt.Sprintf("application %d %s", len(upload), hex.EncodeToString(sum[:])); a.body != want || a.status != 200 {
					t.Errorf("%s %s: got %v, want %q", method, path, a, want)
				}
				if r, _ := app.request(); r.RequestURI != path || r.Method != method {
					t.Errorf("got %s %s upstream, want %s %s", r.Method, r.RequestURI, method, path)
				}
			}
		}
		if a := i.get(t, "/download", holding(cookie)); a.status != 200 || len(a.body) != downloadSize {
			t.Errorf("got status %d and %d bytes, want all of %d", a.status, len(a.body), downloadSize)
		}
		if a := i.send(t, "HEAD", "/x", "", holding(cookie)); a.status != 200 || a.body != "" {
			t.Errorf("HEAD: got %v, want 200 without content", a)
		}
		if a := i.send(t, "OPTIONS", "/x", "", holding(cookie)); a.status != 200 {
			t.Errorf("OPTIONS: got %v, want the application's answer", a)
		}
		_, before := app.request()
		for _, request := range []string{
			"TRACE /x HTTP/1.1\r\nCookie: __Host-usher=" + cookie,
			"CONNECT inner.test:443 HTTP/1.1\r\nHost: localhost:" + i.port + "\r\nCookie: __Host-usher=" + cookie,
		} {
			if a, _ := i.raw(t, request); a.status != 405 || !strings.Contains(a.header.Get("Allow"), "GET, HEAD, POST") {
				t.Errorf("%.20q: got %v with Allow %q, want 405", request, a, a.header.Get("Allow"))
			}
		}
		if a, _ := i.raw(t, "OPTIONS * HTTP/1.1\r\nCookie: __Host-usher="+cookie); a.status >= 500 {
			t.Errorf("OPTIONS *: got %v, want an answer of ours", a)
		}
		if _, after := app.request(); after != before {
			t.Error("got a request through that asks for a tunnel, an echo or the server itself")
		}
		if a, _ := i.raw(t, "GET http://localhost:"+i.port+"/absolute?x HTTP/1.1\r\nCookie: __Host-usher="+cookie); a.status != 200 {
			t.Errorf("absolute form: got %v, want 200", a)
		}
		if r, _ := app.request(); r.RequestURI != "/absolute?x" {
			t.Errorf("got %q upstream, want the origin form", r.RequestURI)
		}
	})
}

// TestFrontFramesRequestsAnew: what two readers could take apart in two ways
// reaches the application as one request or not at all.
func TestFrontFramesRequestsAnew(t *testing.T) {
	t.Parallel()
	i, app := launchFront(t, embeddedWorld(t))
	cookie := i.signIn(t, link(i.install(t, nil).token(person("anna"))))
	const inner = "GET /smuggled HTTP/1.1\r\nHost: x\r\nX-Usher-User: eve\r\n\r\n"
	head := "Cookie: __Host-usher=" + cookie + "\r\n"
	for name, request := range map[string]string{
		"length and chunks": "POST /x HTTP/1.1\r\n" + head + fmt.Sprintf("Content-Length: %d\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 5+len(inner)) + inner,
		"two lengths":       "POST /x HTTP/1.1\r\n" + head + fmt.Sprintf("Content-Length: 0\r\nContent-Length: %d\r\n\r\n", len(inner)) + inner,
		"odd chunking":      "POST /x HTTP/1.1\r\n" + head + "Transfer-Encoding: xchunked\r\n\r\n" + inner,
		"folded chunking":   "POST /x HTTP/1.1\r\n" + head + "Transfer-Encoding:\r\n chunked\r\nContent-Length: 4\r\n\r\n0\r\n\r\n" + inner,
		"space in the name": "POST /x HTTP/1.1\r\n" + head + "Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n" + inner,
		"h2c":               "GET /x HTTP/1.1\r\n" + head + "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n\r\n" + inner,
		"trailers":          "POST /x HTTP/1.1\r\n" + head + "Trailer: X-Usher-User\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nX-Usher-User: eve\r\n\r\n",
	} {
		i.bytes(t, strings.Replace(request, "\r\n", "\r\nHost: localhost:"+i.port+"\r\nConnection: close\r\n", 1))
		r, _ := app.request()
		if r == nil {
			continue
		}
		if r.RequestURI != "/x" || slices.Contains(r.Header["X-Usher-User"], "eve") || slices.Contains(r.Trailer["X-Usher-User"], "eve") ||
			r.Header.Get("Upgrade") != "" || len(r.TransferEncoding) > 0 && r.ContentLength > 0 {
			t.Errorf("%s: got request %v upstream", name, r)
		}
	}
	long := "X-Long: " + strings.Repeat("x", 40<<10)
	if a, _ := i.raw(t, "GET /long HTTP/1.1\r\n"+long); a.status != http.StatusRequestHeaderFieldsTooLarge {
		t.Errorf("got %v for a header of 40 KiB, want 431", a)
	}
}

func TestFrontWebsocket(t *testing.T) {
	eachWorld(t, func(t *testing.T, w world) {
		i, app := launchFront(t, w, "USHER_DRAIN_TIMEOUT=100ms")
		lumen := i.install(t, nil)
		cookie := i.signIn(t, link(lumen.token(person("anna"))))
		anna := i.userID(t, "anna@lumen.example")

		if ws, a := dialWebsocket(t, i, "/ws"); ws != nil || a.reason() != "no_session" {
			t.Fatalf("got %v without a session, want 401", a)
		}
		if _, hits := app.request(); hits != 0 {
			t.Fatal("got a handshake through without a session")
		}
		ws, a := dialWebsocket(t, i, "/ws?room=1", append(forgeries[:7:7], holding(cookie))...)
		if ws == nil {
			t.Fatalf("got %v, want 101", a)
		}
		if got, err := ws.hear(); got != "hello "+anna || err != nil {
			t.Errorf("got greeting %q, error %v, want the session's user", got, err)
		}
		for _, text := range []string{"one", strings.Repeat("x", 125), ""} {
			if err := ws.say(text); err != nil {
				t.Fatal(err)
			}
			if got, err := ws.hear(); got != text || err != nil {
				t.Errorf("got %q back, error %v, want %q", got, err, text)
			}
		}
		i.post(t, "/auth/logout", "", holding(cookie))
		if again, a := dialWebsocket(t, i, "/ws", holding(cookie)); again != nil || a.reason() != "no_session" {
			t.Errorf("got %v after signing out, want 401", a)
		}

		// The program ends well with it and a stream open, and cuts them.
		request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://localhost:"+i.port+"/events", nil)
		if err != nil {
			t.Fatal(err)
		}
		request.Header.Set("Cookie", "__Host-usher="+i.signIn(t, link(lumen.token(person("anna")))))
		stream, err := i.client.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		defer stream.Body.Close()
		i.stop()
		if code := i.exited(); code != exitOK {
			t.Errorf("got exit code %d with a WebSocket open, want 0", code)
		}
		if _, err := io.Copy(io.Discard, stream.Body); err == nil {
			t.Error("got a stream that ended as if it were whole, want it cut")
		}
		if got, err := ws.hear(); err == nil {
			t.Errorf("got %q from a program that has ended, want the end", got)
		}
		if got := i.records(t, "connections to upstreams were cut", `"count":2`); len(got) != 1 {
			t.Errorf("got %d lines about the cut, want 1", len(got))
		}
	})
}

func TestFrontWhileTheApplicationIsAway(t *testing.T) {
	t.Parallel()
	app := startApp(t)
	way := newGate(t, app.url)
	i := launch(t, embeddedWorld(t), "UPSTREAM_URL="+way.url, "USHER_UPSTREAM_PUBLIC=/")
	way.shut()
	for _, accept := range []string{wantsJSON, wantsPage} {
		a := i.get(t, "/x", accept)
		i.wantReason(t, a, 502, "upstream_unavailable")
		if strings.Contains(a.body, way.address) {
			t.Errorf("got the inner address shown: %v", a)
		}
	}
	way.open(t)
	if a := i.get(t, "/x"); a.status != 200 {
		t.Errorf("got %v after the application came back, want 200", a)
	}
}

func TestFrontWhileAStoreIsAway(t *testing.T) {
	t.Parallel()
	if !haveServers() {
		t.Log("left out: there is no Postgres and no Redis")
		return
	}
	servers := serversWorld(t)
	for _, away := range []string{"redis", "database"} {
		t.Run(away, func(t *testing.T) {
			t.Parallel()
			g := newGate(t, map[string]string{"redis": servers.redis, "database": servers.database}[away])
			w := worldAt(servers.database, g.url)
			if away == "database" {
				w = worldAt(g.url, servers.redis)
			}
			i, app := launchFront(t, w, "USHER_UPSTREAM_PUBLIC=/open", "USHER_DRAIN_TIMEOUT=5s")
			lumen := i.install(t, fields{"name": away})
			cookie := i.signIn(t, link(lumen.token(person("anna"+away))))
			g.shut()
			for _, path := range []string{"/x", "/open/x"} {
				a := i.get(t, path, wantsJSON, holding(cookie))
				i.wantReason(t, a, 503, "store_unavailable")
				if a.header.Get("Retry-After") == "" {
					t.Errorf("%s: got no Retry-After", path)
				}
			}
			if _, hits := app.request(); hits != 0 {
				t.Error("got a request through while a store was away")
			}
			g.open(t)
			if a := i.get(t, "/x", holding(cookie)); a.status != 200 {
				t.Errorf("got %v after the store came back, want 200", a)
			}
			i.signIn(t, link(lumen.token(person("anna"+away)))) // what was not written meanwhile goes along
		})
	}
}

// TestAdminApart: where the application's scripts are, the admin's pages are
// not, and the other way round.
func TestAdminApart(t *testing.T) {
	eachWorld(t, func(t *testing.T, w world) {
		i, app := launchFront(t, w, "USHER_UPSTREAM_PUBLIC=/")
		if !strings.Contains(i.stdout.String(), "http://127.0.0.1:"+i.port+"/admin/setup?token=") {
			t.Errorf("got no setup link at the admin's host:\n%s", i.stdout)
		}
		i.post(t, "/admin/setup", "token="+i.setup+"&name=Olga+Owner&email="+ownerEmail+"&password="+url.QueryEscape(ownerPassword), i.adminAt())
		owner := "Cookie: __Host-usher-admin=" + i.signInAdmin(t, ownerEmail, ownerPassword, i.adminAt())
		for _, path := range []string{"/admin", "/admin/integrations", "/admin/sign-in", "/admin/account", "/admin/nothing"} {
			i.wantReason404(t, i.get(t, path, owner))
		}
		for _, route := range everyRoute(t) {
			method, path, _ := strings.Cut(route, " ")
			if (path == "/admin" || strings.HasPrefix(path, "/admin/")) && !strings.HasPrefix(path, apiRoot) {
				i.wantReason404(t, i.send(t, method, path, "", owner, isForm, "Sec-Fetch-Site: same-origin"))
			}
		}
		a := i.post(t, "/admin/sign-in", "email=x&password=y", owner)
		if a.status != 404 || a.adminCookie() != "" {
			t.Errorf("got %v for a sign-in at the application's host, want 404", a)
		}
		if a := i.get(t, "/admin", owner, i.adminAt()); a.status != 200 {
			t.Errorf("got %v at the admin's host, want 200", a)
		}
		if a := i.get(t, "/", i.adminAt()); a.status != 200 || strings.Contains(a.body, "application") {
			t.Errorf("got %v, want our own page at the admin's host", a)
		}
		for _, path := range []string{"/x", "/courses"} {
			i.wantReason404(t, i.get(t, path, i.adminAt()))
		}
		if _, hits := app.request(); hits != 0 {
			t.Error("got a request at the admin's host through")
		}
		// A script of the application reaches the admin's pages as another
		// origin only, and no cookie opens the API.
		if a := i.send(t, "POST", "/admin/integrations", "name=x", isForm, owner, i.adminAt(), "Sec-Fetch-Site: same-site",
			"Origin: http://localhost:"+i.port); a.status != 403 {
			t.Errorf("got %v for a form of the application's, want 403", a)
		}
		if a := i.get(t, "/admin/api/v1/integrations", owner); a.status != 401 {
			t.Errorf("got %v from the API for a cookie, want 401", a)
		}
		invited := decode[struct{ Link struct{ URL string } }](t, i.admin(t, 201, "POST", "/administrators",
			fields{"name": "Ada", "email": "ada@usher.example", "role": "viewer"}))
		if want := "http://127.0.0.1:" + i.port + "/admin/join?token="; !strings.HasPrefix(invited.Link.URL, want) {
			t.Errorf("got invitation at %.40q, want %s", invited.Link.URL, want)
		}
		if a := i.get(t, "/", owner); a.status != 200 || !strings.HasPrefix(a.body, "application") {
			t.Errorf("got %v, want the application at /", a)
		}
		if r, _ := app.request(); r.Header.Get("Cookie") != "" {
			t.Errorf("got cookies %q upstream, want none", r.Header.Get("Cookie"))
		}
	})
}

// TestAdminHostsOfTenants: each tenant's admin is at its own host for it.
func TestAdminHostsOfTenants(t *testing.T) {
	eachWorld(t, func(t *testing.T, w world) {
		i, _ := launchFront(t, w, "USHER_PUBLIC_URL=https://app.example.com", "USHER_ADMIN_HOSTS=admin.example.com,admin.other.test", "USHER_UPSTREAM_PUBLIC=/")
		const atApp, atAdmin = "Host: app.example.com", "Host: admin.example.com"
		if !strings.Contains(i.stdout.String(), "https://admin.example.com/admin/setup?token=") {
			t.Errorf("got no setup link at the admin's host:\n%s", i.stdout)
		}
		i.admin(t, 201, "POST", "/tenants", fields{"name": "Other", "hosts": []string{"other.test", "admin.other.test"}}, atApp)
		for host, want := range map[string]string{
			atApp: "", "Host: other.test": "", atAdmin: "Default", "Host: ADMIN.example.com.:443": "Default", "Host: admin.other.test": "Other",
		} {
			a := i.get(t, "/admin/sign-in", host, wantsPage)
			if want == "" && a.status == 404 || want != "" && a.status == 200 && strings.Contains(a.body, want) {
				continue
			}
			t.Errorf("%s: got %v, want the sign-in of %q", host, a, want)
		}
		invited := func(host string) string {
			return decode[struct{ Link struct{ URL string } }](t, i.admin(t, 201, "POST", "/administrators",
				fields{"email": "ada@usher.example", "role": "viewer"}, host)).Link.URL
		}
		for host, want := range map[string]string{atApp: "https://admin.example.com/", "Host: other.test": "https://admin.other.test/"} {
			if got := invited(host); !strings.HasPrefix(got, want) {
				t.Errorf("%s: got invitation at %.40q, want %s", host, got, want)
			}
		}
		if a := i.get(t, "/x", "Host: nobody.test"); a.status != 421 {
			t.Errorf("got %v for a host that nobody has, want 421", a)
		}
	})
}

// wantReason404 checks that there is nothing at an address.
func (i *instance) wantReason404(t *testing.T, a answer) {
	t.Helper()
	if a.status != http.StatusNotFound || len(a.header["Set-Cookie"]) != 0 {
		t.Errorf("got %v, want 404", a)
	}
}

package main

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/net/html"
)

// The partner's site of the tests.
const partnerSite = "https://lumen.example"

// embedder is a partner who frames resources, and the upstream of its content.
type embedder struct {
	*instance
	installed
	content *contentServer
	host    string // the header line of the tenant's host; "" = the default tenant's
	bearer  string // for /api/resources
}

// contentServer is where framed content comes from. It tells of each request
// what came in.
type contentServer struct {
	*httptest.Server
	mu     sync.Mutex
	got    []*http.Request
	header http.Header // of its answers
}

func newContentServer(t testing.TB) *contentServer {
	s := &contentServer{}
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.mu.Lock()
		s.got = append(s.got, r.Clone(r.Context()))
		for name, values := range s.header {
			w.Header()[name] = values
		}
		s.mu.Unlock()
		if to := r.URL.Query().Get("redirect"); to != "" {
			w.Header().Set("Location", to)
			w.WriteHeader(http.StatusFound)
			return
		}
		_, _ = fmt.Fprintf(w, "content %s for %s", r.URL.RequestURI(), r.Header.Get("X-Usher-Email"))
	}))
	t.Cleanup(s.Close)
	return s
}

// answers sets the header of the answers to come.
func (s *contentServer) answers(header http.Header) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.header = header
}

// last is the last request that came in.
func (s *contentServer) last(t testing.TB) *http.Request {
	t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.got) == 0 {
		t.Fatal("got no request at the content's server")
	}
	return s.got[len(s.got)-1]
}

// embedding installs a partner with embed and content origins.
func embedding(t testing.TB, i *instance, wish fields, header ...string) *embedder {
	t.Helper()
	e := &embedder{instance: i, content: newContentServer(t)}
	if len(header) > 0 {
		e.host = header[0]
	}
	e.installed = i.install(t, fields{
		"embed_origins": []string{partnerSite}, "content_origins": []string{e.content.URL},
	}.with(wish), header...)
	return e
}

// hosted are header lines with that of the tenant's host.
func (e *embedder) hosted(header ...string) []string {
	if e.host != "" {
		header = append(header, e.host)
	}
	return header
}

// resource makes a resource through the partner's API and returns the path of
// its view.
func (e *embedder) resource(t testing.TB, kind, id string, wish fields) string {
	t.Helper()
	if e.bearer == "" {
		a := e.send(t, http.MethodPost, "/api/oauth/token",
			"grant_type=client_credentials&client_id="+e.AppID+"&client_secret="+e.secret(), e.hosted(isForm)...)
		e.bearer = decode[struct {
			Token string `json:"access_token"`
		}](t, a).Token
	}
	body := fields{"title": "Where to eat"}.with(wish)
	a := e.send(t, http.MethodPut, "/api/resources/"+kind+"/"+id, jsonText(body),
		e.hosted("Authorization: Bearer "+e.bearer, "Content-Type: application/json")...)
	if a.status != http.StatusCreated && a.status != http.StatusOK {
		t.Fatalf("resource %s/%s: got %v; log:\n%s", kind, id, a, e.log)
	}
	return "/embed/" + kind + "/" + id
}

// framed is a resource with content of the partner's.
func (e *embedder) framed(t testing.TB, kind, id string, wish fields) string {
	t.Helper()
	return e.resource(t, kind, id, fields{"content": fields{"url": e.content.URL + "/votes/" + id}}.with(wish))
}

// presented are the claims of a token that is made now and presented.
func (e *embedder) presented(name string) fields {
	return fields{"iss": e.AppID, "sub": "id-" + name, "firstName": name, "lastName": "Durand", "email": name + "@lumen.example", "iat": time.Now().Unix()}
}

// in are the headers of a browser that loads a frame.
var in = []string{wantsPage, "Sec-Fetch-Dest: iframe", "Sec-Fetch-Site: cross-site", "Sec-Fetch-Mode: navigate"}

// open loads the view with a token.
func (e *embedder) open(t testing.TB, view string, claims fields, header ...string) answer {
	t.Helper()
	return e.load(t, view+"?appId="+e.AppID+"&user="+e.token(claims), header...)
}

func (e *embedder) load(t testing.TB, target string, header ...string) answer {
	t.Helper()
	return e.get(t, target, e.hosted(append(header, in...)...)...)
}

// shown is what a view's page has for its script, and the secrets in it.
type shown struct {
	view                  string // path
	user, bearer, expires string
	content, ticket       string // of the content's frame; "" = our own page
	cookie                string // that the answer has set; "" = none
	origins, reason       string
}

// shows reads a view's page. The test fails unless the status is the one wanted.
func shows(t testing.TB, a answer, status int) shown {
	t.Helper()
	if a.status != status || !strings.HasPrefix(a.header.Get("Content-Type"), "text/html") {
		t.Fatalf("got %v, want a page with status %d", a, status)
	}
	document, err := html.Parse(strings.NewReader(a.body))
	if err != nil {
		t.Fatal(err)
	}
	s := shown{cookie: a.embedCookie()}
	for n := range document.Descendants() {
		attributes := map[string]string{}
		for _, attribute := range n.Attr {
			attributes[attribute.Key] = attribute.Val
		}
		switch n.Data {
		case "body":
			s.view = "/embed/" + attributes["data-kind"] + "/" + attributes["data-id"]
			s.user, s.bearer, s.expires = attributes["data-user"], attributes["data-bearer"], attributes["data-expires"]
			s.origins, s.reason = attributes["data-origins"], attributes["data-reason"]
		case "iframe":
			s.content = attributes["src"]
			s.ticket, _, _ = strings.Cut(strings.TrimPrefix(s.content, s.view+"/content/"), "/")
		}
	}
	return s
}

// embedCookie returns the frame's cookie that the answer sets, or "".
func (a answer) embedCookie() string {
	for _, line := range a.header["Set-Cookie"] {
		if rest, found := strings.CutPrefix(line, "__Host-usher-embed="); found {
			value, _, _ := strings.Cut(rest, ";")
			return value
		}
	}
	return ""
}

// framing is the header line of a frame that has a cookie.
func framing(cookie string) string { return "Cookie: __Host-usher-embed=" + cookie }

// bearing is the header line of a view's script.
func bearing(bearer string) string { return "Authorization: Bearer " + bearer }

// viewState is what the script of a view is told.
type viewState struct {
	UserID    string `json:"user_id"`
	Name      string `json:"name"`
	ExpiresIn int    `json:"expires_in"`
	Cookie    bool   `json:"cookie"`
}

// lives reports whether the session of a view stands, by a header line. Any
// answer but 200 and a plain 401 fails the test.
func (e *embedder) lives(t testing.TB, view, header string) bool {
	t.Helper()
	a := e.get(t, view+"/session", e.hosted(header)...)
	switch {
	case a.status == http.StatusOK:
		return true
	case a.status == http.StatusUnauthorized && a.reason() == "no_session":
		return false
	}
	t.Fatalf("got %v, want 200, or 401 with no_session", a)
	return false
}

// renew sends a fresh token for a view.
func (e *embedder) renew(t testing.TB, view string, claims fields, header ...string) answer {
	t.Helper()
	return e.post(t, view+"/session", "appId="+e.AppID+"&user="+e.token(claims), e.hosted(header...)...)
}

// requests is how many have come in.
func (s *contentServer) requests() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.got)
}

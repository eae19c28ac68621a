package main

import (
	"bufio"
	"bytes"
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"html"
	"io"
	"maps"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"usher/testenv"
)

// The suite in the files beside this one runs the real program and knows it by
// HTTP and by its log alone.

// apiKey is the bootstrap key of every instance.
const apiKey = "k3y-0f-the-suite/9Qw7Zr2Lx8Vb4Nm6Tc1Pd5Hs"

// world is the stores that instances run on, as their environment names them.
type world struct {
	database, redis string // "" = embedded
	environ         []string
}

func embeddedWorld(t *testing.T) world {
	return world{environ: []string{"USHER_DATA_DIR=" + t.TempDir()}}
}

func serversWorld(t *testing.T) world {
	return worldAt(testenv.PostgresDSN(t), testenv.RedisURL(t))
}

func worldAt(database, redis string) world {
	return world{database, redis, []string{
		"DATABASE_URL=" + database,
		"REDIS_URL=" + redis,
		"USHER_MASTER_KEY=" + strings.Repeat("0123456789abcdef", 4),
	}}
}

// haveServers reports whether the second world is to be had.
func haveServers() bool { return testenv.HasPostgres() && testenv.HasRedis() }

// eachWorld runs a test on the embedded stores and, where they are to be had,
// on Postgres and Redis.
func eachWorld(t *testing.T, test func(t *testing.T, w world)) {
	t.Parallel()
	t.Run("embedded", func(t *testing.T) {
		t.Parallel()
		test(t, embeddedWorld(t))
	})
	if haveServers() {
		t.Run("servers", func(t *testing.T) {
			t.Parallel()
			test(t, serversWorld(t))
		})
	}
}

// output keeps what a program writes.
type output struct {
	mu    sync.Mutex
	bytes bytes.Buffer
	wrote chan struct{} // gets a value, if it has room, at each write
}

func newOutput() *output { return &output{wrote: make(chan struct{}, 1)} }

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	select {
	case o.wrote <- struct{}{}:
	default:
	}
	return o.bytes.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.bytes.String()
}

// instance is a running program.
type instance struct {
	origin  string // as it says itself: http://localhost:PORT, or its public URL
	address string // 127.0.0.1:PORT
	port    string
	stdout  *output
	log     *output
	client  *http.Client
	stop    context.CancelFunc
	exited  func() int // waits for the end
	setup   string     // the token of the setup link; "" = somebody administers it

	mu     sync.Mutex
	owners map[string]string // see owner; by the header lines of their hosts
}

// launch starts the program in w, with further settings, and waits until it
// says where it is. At the test's end it is stopped, and has to end well.
func launch(t testing.TB, w world, more ...string) *instance {
	t.Helper()
	ctx, stop := context.WithCancel(context.WithoutCancel(t.Context()))
	i := &instance{stdout: newOutput(), log: newOutput(), stop: stop}
	listen := "127.0.0.1:0"
	if slices.ContainsFunc(more, func(s string) bool { return strings.HasPrefix(s, "USHER_PUBLIC_URL=") }) {
		listen = freeAddress(t) // it does not say its port then
	}
	environ := slices.Concat(w.environ, []string{"USHER_LISTEN=" + listen, "USHER_BOOTSTRAP_API_KEY=" + apiKey}, more)
	done := make(chan int, 1)
	go func() {
		code := run(ctx, []string{"serve"}, environ, i.stdout, i.log)
		done <- code
	}()
	i.exited = sync.OnceValue(func() int { return <-done })
	for i.address == "" {
		select {
		case code := <-done:
			done <- code
			t.Fatalf("got exit code %d before an address; stderr:\n%s", i.exited(), i.log)
		case <-i.stdout.wrote:
		}
		// Both lines come at once.
		text, found := strings.CutPrefix(i.stdout.String(), "Usher is at ")
		if first, rest, whole := strings.Cut(text, "\n"); found && whole {
			i.origin = first
			_, token, _ := strings.Cut(rest, "/admin/setup?token=")
			i.setup = strings.TrimSuffix(token, "\n")
			if i.address = listen; strings.HasSuffix(listen, ":0") {
				i.address = "127.0.0.1" + i.origin[strings.LastIndexByte(i.origin, ':'):]
			}
			i.port = strings.TrimPrefix(i.address, "127.0.0.1:")
		}
	}
	transport := &http.Transport{
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "tcp", i.address)
		},
		MaxIdleConnsPerHost: 64,
		DisableCompression:  true,
	}
	i.client = &http.Client{
		Transport:     transport,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	t.Cleanup(func() {
		transport.CloseIdleConnections()
		stop()
		if code := i.exited(); code != exitOK {
			t.Errorf("got exit code %d at the end, want 0; log:\n%s", code, i.log)
		}
		for line := range strings.Lines(i.log.String()) {
			if name := saidTwice(line); name != "" {
				t.Errorf("got a log line that says %q twice: %s", name, line)
			}
		}
	})
	return i
}

// saidTwice is a member that a line of JSON has twice, or "".
func saidTwice(line string) string {
	decoder := json.NewDecoder(strings.NewReader(line))
	names := map[string]bool{}
	for depth, expectsName := 0, false; ; {
		token, err := decoder.Token()
		if err != nil {
			return ""
		}
		switch token {
		case json.Delim('{'), json.Delim('['):
			depth++
			expectsName = depth == 1
			continue
		case json.Delim('}'), json.Delim(']'):
			depth--
			expectsName = depth == 1
			continue
		}
		if depth != 1 {
			continue
		}
		if name, _ := token.(string); expectsName && names[name] {
			return name
		} else if expectsName {
			names[name] = true
		}
		expectsName = !expectsName
	}
}

// freeAddress is a loopback address of the test's own, at which nobody listens.
func freeAddress(t testing.TB) string {
	t.Helper()
	return net.JoinHostPort("127.0.0.1", strconv.Itoa(testenv.FreePort(t)))
}

// records returns the log's lines with the given message, and with all parts
// somewhere in them.
func (i *instance) records(t testing.TB, message string, parts ...string) []map[string]any {
	t.Helper()
	parts = append(parts, `"msg":"`+message+`"`)
	var records []map[string]any
	for line := range strings.Lines(i.log.String()) {
		if slices.ContainsFunc(parts, func(part string) bool { return !strings.Contains(line, part) }) {
			continue
		}
		var record map[string]any
		if err := json.Unmarshal([]byte(line), &record); err != nil {
			t.Fatalf("log line %q: %v", line, err)
		}
		records = append(records, record)
	}
	return records
}

// await is records once there are as many as that: a line of the access log
// comes after the bytes of a large answer.
func (i *instance) await(t testing.TB, count int, message string, parts ...string) []map[string]any {
	t.Helper()
	again := time.NewTicker(10 * time.Millisecond)
	defer again.Stop()
	for deadline := time.Now().Add(patience); ; <-again.C {
		if records := i.records(t, message, parts...); len(records) >= count || time.Now().After(deadline) {
			return records
		}
	}
}

// lastRequest returns the access log's line for an answer.
func (i *instance) lastRequest(t testing.TB, a answer) map[string]any {
	t.Helper()
	reference := a.header.Get("X-Request-Id")
	records := i.await(t, 1, "request", `"reference":"`+reference+`"`)
	if len(records) != 1 {
		t.Fatalf("got %d log lines for request %q, want 1", len(records), reference)
	}
	return records[0]
}

// answer is what came back.
type answer struct {
	status int
	header http.Header
	body   string
}

// reason is the problem's reason, or "" when the answer is no problem.
func (a answer) reason() string {
	var problem struct{ Reason string }
	if a.header.Get("Content-Type") != "application/problem+json" || json.Unmarshal([]byte(a.body), &problem) != nil {
		return ""
	}
	return problem.Reason
}

func (a answer) String() string {
	return fmt.Sprintf("%d %s %.300s", a.status, a.reason(), a.body)
}

// decode reads a JSON answer.
func decode[T any](t testing.TB, a answer) T {
	t.Helper()
	var value T
	if err := json.Unmarshal([]byte(a.body), &value); err != nil {
		t.Fatalf("got answer %v, want JSON: %v", a, err)
	}
	return value
}

// cookie returns the session cookie that the answer sets, or "".
func (a answer) cookie() string {
	for _, line := range a.header["Set-Cookie"] {
		if rest, found := strings.CutPrefix(line, "__Host-usher="); found {
			value, _, _ := strings.Cut(rest, ";")
			return value
		}
	}
	return ""
}

const (
	wantsJSON = "Accept: application/json"
	wantsPage = "Accept: text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"
	isForm    = "Content-Type: application/x-www-form-urlencoded"
	asAdmin   = "Authorization: Bearer " + apiKey
)

// holding is the header line of a browser that has a session cookie.
func holding(cookie string) string { return "Cookie: __Host-usher=" + cookie }

// send makes a request with header lines ("Name: value"); "Host: …" is the
// host that it names.
func (i *instance) send(t testing.TB, method, target, body string, header ...string) answer {
	t.Helper()
	a, err := i.try(t.Context(), method, target, body, header...)
	if err != nil {
		t.Fatalf("%s %.100s: %v", method, target, err)
	}
	return a
}

func (i *instance) get(t testing.TB, target string, header ...string) answer {
	t.Helper()
	return i.send(t, http.MethodGet, target, "", header...)
}

// try is send for other goroutines than the test's.
func (i *instance) try(ctx context.Context, method, target, body string, header ...string) (answer, error) {
	request, err := http.NewRequestWithContext(ctx, method, "http://localhost:"+i.port+target, strings.NewReader(body))
	if err != nil {
		return answer{}, err
	}
	for _, line := range header {
		name, value, _ := strings.Cut(line, ": ")
		if name == "Host" {
			request.Host = value
			continue
		}
		request.Header[http.CanonicalHeaderKey(name)] = append(request.Header[http.CanonicalHeaderKey(name)], value)
	}
	response, err := i.client.Do(request)
	if err != nil {
		return answer{}, err
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		return answer{}, err
	}
	a := answer{response.StatusCode, response.Header, string(text)}
	return a, checkContract(request, body, a)
}

// raw sends a request byte for byte, with a Host line and the end of the
// headers added, and returns the answer and its first bytes as they came.
func (i *instance) raw(t testing.TB, request string) (a answer, head string) {
	t.Helper()
	if !strings.Contains(request, "\r\nHost:") {
		request += "\r\nHost: localhost:" + i.port
	}
	return i.bytes(t, request+"\r\nConnection: close\r\n\r\n")
}

// bytes sends what it is given and reads the answer.
func (i *instance) bytes(t testing.TB, request string) (a answer, head string) {
	t.Helper()
	connection, err := new(net.Dialer).DialContext(t.Context(), "tcp", i.address)
	if err != nil {
		t.Fatal(err)
	}
	defer connection.Close()
	if err := connection.SetDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(connection, request); err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(connection)
	if err != nil {
		t.Fatal(err)
	}
	response, err := http.ReadResponse(bufio.NewReader(bytes.NewReader(text)), nil)
	if err != nil {
		t.Fatalf("got %q: %v", text, err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	head, _, _ = strings.Cut(string(text), "\r\n\r\n")
	return answer{response.StatusCode, response.Header, string(body)}, head
}

// admin calls the admin's API and fails the test unless the status is the one
// wanted.
func (i *instance) admin(t testing.TB, status int, method, path string, body any, header ...string) answer {
	t.Helper()
	text := ""
	if body != nil {
		text = jsonText(body)
	}
	a := i.send(t, method, "/admin/api/v1"+path, text, append(header, asAdmin)...)
	if a.status != status {
		t.Fatalf("%s %s: got %v, want status %d", method, path, a, status)
	}
	return a
}

// The first owner of every world.
const (
	ownerEmail    = "olga@usher.example"
	ownerPassword = "gravel otter plinth 7"
)

// owner returns the header line of a browser in which an owner is signed in to
// the admin. Header lines may name another tenant's host: the owner is an
// operator as well.
func (i *instance) owner(t testing.TB, header ...string) string {
	t.Helper()
	i.mu.Lock()
	defer i.mu.Unlock()
	host := strings.Join(header, "\n")
	if i.owners == nil {
		i.owners = map[string]string{}
		// Another instance in this world may have been first.
		a := i.post(t, "/admin/setup", "token="+i.setup+"&name=Olga+Owner&email="+ownerEmail+"&password="+url.QueryEscape(ownerPassword))
		if cookie := a.adminCookie(); cookie != "" {
			i.owners[""] = "Cookie: __Host-usher-admin=" + cookie
		}
	}
	if i.owners[host] == "" {
		i.owners[host] = "Cookie: __Host-usher-admin=" + i.signInAdmin(t, ownerEmail, ownerPassword, header...)
	}
	return i.owners[host]
}

// signInAdmin signs somebody in to the admin and returns the cookie. The test
// fails unless there is one.
func (i *instance) signInAdmin(t testing.TB, email, password string, header ...string) string {
	t.Helper()
	a := i.post(t, "/admin/sign-in", url.Values{"email": {email}, "password": {password}}.Encode(), header...)
	if a.status != http.StatusSeeOther || a.adminCookie() == "" {
		t.Fatalf("%s: got %v, want 303 and a cookie", email, a)
	}
	return a.adminCookie()
}

// adminCookie returns the administrator's cookie that the answer sets, or "".
func (a answer) adminCookie() string {
	for _, line := range a.header["Set-Cookie"] {
		if rest, found := strings.CutPrefix(line, "__Host-usher-admin="); found {
			value, _, _ := strings.Cut(rest, ";")
			return value
		}
	}
	return ""
}

// post sends a form, as a browser does from our own page.
func (i *instance) post(t testing.TB, target, form string, header ...string) answer {
	t.Helper()
	return i.send(t, http.MethodPost, target, form, append([]string{isForm, "Sec-Fetch-Site: same-origin"}, header...)...)
}

func jsonText(v any) string {
	text, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return string(text)
}

// installed is an integration as the API answers.
type installed struct {
	ID          string         `json:"id"`
	AppID       string         `json:"app_id"`
	Name        string         `json:"name"`
	CallbackURL string         `json:"callback_url"`
	MaxAge      *int64         `json:"max_age"`
	AutoCreate  bool           `json:"auto_create"`
	Keys        []installedKey `json:"keys"`
}

type installedKey struct {
	ID        string     `json:"id"`
	Algorithm string     `json:"algorithm"`
	Secret    string     `json:"secret"`
	RetiresAt *time.Time `json:"retires_at"`
}

func (n installed) kid() string    { return n.Keys[0].ID }
func (n installed) secret() string { return n.Keys[0].Secret }

// fields are the body of a request, or the claims or the header of a token.
type fields map[string]any

// with returns f with others over it. A nil value takes a field away.
func (f fields) with(others fields) fields {
	merged := maps.Clone(f)
	for name, value := range others {
		if value == nil {
			delete(merged, name)
		} else {
			merged[name] = value
		}
	}
	return merged
}

// install installs an integration. Header lines may name another host.
func (i *instance) install(t testing.TB, wish fields, header ...string) installed {
	t.Helper()
	wish = fields{"name": "Lumen Learning"}.with(wish)
	return decode[installed](t, i.admin(t, http.StatusCreated, http.MethodPost, "/integrations", wish, header...))
}

// person are the claims of a token that is made now. The name is good as the
// local part of an address.
func person(name string) fields {
	return fields{"email": name + "@lumen.example", "sub": "id-" + name, "iat": time.Now().Unix()}
}

// link is the callback with a token and further parameters, name by name.
func link(token string, parameters ...string) string {
	text := "/auth/callback/jwt-auth?token=" + token
	for at := 0; at < len(parameters); at += 2 {
		text += "&" + parameters[at] + "=" + url.QueryEscape(parameters[at+1])
	}
	return text
}

// signs is an integration's signature under its first key, named by kid.
func (n installed) token(claims fields) string {
	return signed(n.Keys[0].Algorithm, n.secret(), fields{"kid": n.kid()}, claims)
}

// signed is a compact JWS (RFC 7515 §3.1) of any of our algorithms. The
// header gets alg unless it has one; a payload that is a string is taken as it
// is.
func signed(algorithm string, key any, header fields, payload any) string {
	header = fields{"alg": algorithm, "typ": "JWT"}.with(header)
	text, isText := payload.(string)
	if !isText {
		text = jsonText(payload)
	}
	b64 := base64.RawURLEncoding
	input := b64.EncodeToString([]byte(jsonText(header))) + "." + b64.EncodeToString([]byte(text))
	return input + "." + b64.EncodeToString(signatureOf(algorithm, key, input))
}

func signatureOf(algorithm string, key any, input string) []byte {
	digest := sha256.Sum256([]byte(input))
	switch algorithm {
	case "HS256":
		return macOf(hmac.New(sha256.New, []byte(key.(string))), input)
	case "HS384":
		return macOf(hmac.New(sha512.New384, []byte(key.(string))), input)
	case "HS512":
		return macOf(hmac.New(sha512.New, []byte(key.(string))), input)
	case "RS256":
		signature, err := rsa.SignPKCS1v15(nil, key.(*rsa.PrivateKey), crypto.SHA256, digest[:])
		if err != nil {
			panic(err)
		}
		return signature
	case "ES256":
		r, s, err := ecdsa.Sign(rand.Reader, key.(*ecdsa.PrivateKey), digest[:])
		if err != nil {
			panic(err)
		}
		return append(r.FillBytes(make([]byte, 32)), s.FillBytes(make([]byte, 32))...)
	case "EdDSA":
		return ed25519.Sign(key.(ed25519.PrivateKey), []byte(input))
	}
	return nil
}

func macOf(h io.Writer, input string) []byte {
	_, _ = io.WriteString(h, input)
	return h.(interface{ Sum([]byte) []byte }).Sum(nil)
}

// signIn follows a link and returns the cookie. The test fails unless there is
// one.
func (i *instance) signIn(t testing.TB, target string, header ...string) string {
	t.Helper()
	a := i.get(t, target, header...)
	if a.status != http.StatusSeeOther || a.cookie() == "" {
		t.Fatalf("got %v, want 303 and a cookie", a)
	}
	return a.cookie()
}

// alive reports whether a cookie opens a session. Any answer but 200 and a
// plain 401 fails the test.
func (i *instance) alive(t testing.TB, cookie string, header ...string) bool {
	t.Helper()
	a := i.get(t, "/auth/session", append(header, holding(cookie))...)
	switch {
	case a.status == http.StatusOK:
		return true
	case a.status == http.StatusUnauthorized && a.reason() == "no_session":
		return false
	}
	t.Fatalf("got %v, want 200, or 401 with no_session", a)
	return false
}

// wantReason checks an answer against a refusal, in either form, and that the
// log has its reference.
func (i *instance) wantReason(t testing.TB, a answer, status int, reason string) {
	t.Helper()
	if a.status != status {
		t.Errorf("got %v, want status %d and %s", a, status, reason)
	}
	if got := a.header["Set-Cookie"]; len(got) != 0 {
		t.Errorf("%s: got cookies %q, want none", reason, got)
	}
	if got := a.header["Location"]; len(got) != 0 {
		t.Errorf("%s: got Location %q, want none", reason, got)
	}
	if got := a.header.Get("Cache-Control"); got != "no-store" {
		t.Errorf("%s: got Cache-Control %q, want no-store", reason, got)
	}
	reference := a.header.Get("X-Request-Id")
	if a.header.Get("Content-Type") == "application/problem+json" {
		problem := decode[map[string]any](t, a)
		for _, member := range []string{"type", "title", "detail"} {
			if text, _ := problem[member].(string); text == "" {
				t.Errorf("%s: got problem %v, want member %s", reason, problem, member)
			}
		}
		if problem["reason"] != reason || problem["status"] != float64(status) || problem["reference"] != reference {
			t.Errorf("got problem %v, want reason %s, status %d, reference %s", problem, reason, status, reference)
		}
	} else {
		page := html.UnescapeString(a.body)
		if a.header.Get("Content-Type") != "text/html; charset=utf-8" || !strings.Contains(page, "<code>"+reason+"</code>") ||
			!strings.Contains(page, "<code>"+reference+"</code>") {
			t.Errorf("got page without reason %s and reference %s: %v", reason, reference, a)
		}
	}
	if got := i.await(t, 1, "refused", `"reference":"`+reference+`"`, `"reason":"`+reason+`"`); len(got) != 1 {
		t.Errorf("%s: got %d log lines with reference %q and that reason, want 1", reason, len(got), reference)
	}
}

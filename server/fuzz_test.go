package main

import (
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	whatwg "github.com/nlnwa/whatwg-url/url"

	"usher/provisioning"
)

// door is the program's handler, asked without a network.
type door struct {
	handler http.Handler
	lumen   provisioning.Installed
}

const fuzzOrigin = "http://localhost:8080"

func openDoor(f *testing.F) door {
	f.Helper()
	cfg, err := loadConfig([]string{"USHER_DATA_DIR=" + f.TempDir()})
	if err != nil {
		f.Fatal(err)
	}
	public, err := provisioning.ParseOrigin(fuzzOrigin)
	if err != nil {
		f.Fatal(err)
	}
	app, err := wire(f.Context(), cfg, public, slog.New(slog.DiscardHandler))
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(func() {
		if err := app.close(); err != nil {
			f.Error(err)
		}
	})
	tenant, err := app.provisioning.DefaultTenant(f.Context())
	if err != nil {
		f.Fatal(err)
	}
	name, noLimit, origins := "Lumen", int64(0), []string{"https://app.lumen.example"}
	lumen, err := app.provisioning.Install(f.Context(), tenant,
		provisioning.Settings{Name: &name, MaxAge: &noLimit, ReturnOrigins: &origins}, provisioning.NewKey{}, byCommand)
	if err != nil {
		f.Fatal(err)
	}
	return door{app.handler, lumen}
}

// token is good for as long as the fuzzing lasts.
func (d door) token() string {
	return signed("HS256", d.lumen.Secret, nil, fields{"email": "anna@lumen.example"})
}

func (d door) ask(t *testing.T, query, host string, header http.Header) *httptest.ResponseRecorder {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/auth/callback/jwt-auth", nil)
	r.URL.RawQuery, r.Host, r.Header = query, host, header
	recorder := httptest.NewRecorder()
	d.handler.ServeHTTP(recorder, r)
	if recorder.Code >= 500 {
		t.Errorf("query %q, Host %q, header %q: got %d", query, host, header, recorder.Code)
	}
	if signedIn := recorder.Code == http.StatusSeeOther; signedIn != (len(recorder.Header()["Set-Cookie"]) == 1) {
		t.Errorf("query %q: got %d with cookies %q", query, recorder.Code, recorder.Header()["Set-Cookie"])
	}
	return recorder
}

// wantAtHome follows the Location as a browser does.
func wantAtHome(t *testing.T, query string, answer *httptest.ResponseRecorder) {
	t.Helper()
	location := answer.Header().Get("Location")
	for _, c := range []byte(location) {
		if c < 0x21 || c > 0x7E {
			t.Fatalf("query %q: got byte %#x in Location %q", query, c, location)
		}
	}
	seen, err := whatwg.ParseRef(fuzzOrigin+"/auth/callback/jwt-auth", location)
	if err != nil {
		t.Fatalf("query %q: got Location %q, which a browser cannot follow: %v", query, location, err)
	}
	if origin := seen.Protocol() + "//" + seen.Host(); origin != fuzzOrigin && origin != "https://app.lumen.example" {
		t.Errorf("query %q: got Location %q, where a browser ends on %s", query, location, origin)
	}
}

func FuzzCallback(f *testing.F) {
	d := openDoor(f)
	token := d.token()
	for _, seed := range goTests(&instance{origin: fuzzOrigin}) {
		f.Add("go=" + seed.raw)
	}
	for _, seed := range []string{"", "token=x", "appId=" + d.lumen.AppID, "appId=x&go=/x", "%", "go=%u002f", "go", "&&&", "go=/x%", "nonce=1"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, more string) {
		for _, query := range []string{"token=" + token + "&" + more, more} {
			answer := d.ask(t, query, "localhost:8080", http.Header{})
			if answer.Code != http.StatusSeeOther {
				continue
			}
			wantAtHome(t, query, answer)
			if strings.Contains(answer.Header().Get("Location"), token) {
				t.Errorf("query %q: got the token carried on", query)
			}
		}
	})
}

func FuzzGo(f *testing.F) {
	d := openDoor(f)
	token := d.token()
	for _, seed := range goTests(&instance{origin: fuzzOrigin}) {
		if decoded, err := url.QueryUnescape(seed.raw); err == nil {
			f.Add(decoded)
		}
	}
	f.Fuzz(func(t *testing.T, wanted string) {
		query := "token=" + token + "&go=" + url.QueryEscape(wanted)
		answer := d.ask(t, query, "localhost:8080", http.Header{})
		if answer.Code != http.StatusSeeOther {
			t.Fatalf("go %q: got %d, want the person signed in", wanted, answer.Code)
		}
		wantAtHome(t, query, answer)
	})
}

// FuzzHostAndHeaders: a sign-in with hostile surroundings is one on our terms
// or none.
func FuzzHostAndHeaders(f *testing.F) {
	d := openDoor(f)
	query := "token=" + d.token() + "&go=/x"
	for _, seed := range [][4]string{
		{"localhost", "", "", ""},
		{"LOCALHOST.:80", "__Host-usher=" + strings.Repeat("A", 43), "text/html", "Mozilla/5.0"},
		{"", "__Host-usher=; __Host-usher=x", "*/*;q=0.1,,", "\xff"},
		{"a b", "a=\"b; __Host-usher=\"", "application/json;q=2", "\x00"},
		{"[::1]:80", "; ; =", ";;;", ""},
		{"xn--a", ";__Host-usher =x", "text/*", strings.Repeat("x", 3000)},
		{"evil.example\r\nSet-Cookie: a=b", "\r\nx", "a/b,c/d", "\u202e"},
	} {
		f.Add(seed[0], seed[1], seed[2], seed[3])
	}
	f.Fuzz(func(t *testing.T, host, cookie, accept, agent string) {
		answer := d.ask(t, query, host, http.Header{"Cookie": {cookie}, "Accept": {accept}, "User-Agent": {agent}, "X-Forwarded-Host": {host}})
		if answer.Code != http.StatusSeeOther && answer.Code != http.StatusMisdirectedRequest {
			t.Fatalf("Host %q, Cookie %q: got %d, want 303 or 421", host, cookie, answer.Code)
		}
		if got := answer.Header().Get("Location"); answer.Code == http.StatusSeeOther && got != "/x" {
			t.Errorf("Host %q: got Location %q, want /x", host, got)
		}
		if text := answer.Header().Get("Set-Cookie"); cookie != "" && len(cookie) > 40 && strings.Contains(text, strings.TrimPrefix(cookie, "__Host-usher=")) {
			t.Errorf("Cookie %q: got it back as %q", cookie, text)
		}
	})
}

package main

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"usher/web"
)

const sampleSession = `{
	"user": {
		"id": "0190-anna", "email": "anna@lumen.example", "first_name": "Anna", "last_name": "Lindqvist", "name": "",
		"groups": [{"external_id": "optics", "name": "Optics <b>"}],
		"credits": [
			{"order_id": "L-1", "id": 7, "name": "Lab day", "consumed": true, "parked": false},
			{"order_id": "L-2", "id": 9007199254740991, "name": "", "consumed": false, "parked": true}
		],
		"meta": {"seat": 12345678901234567890, "note": "</pre><script>alert(1)</script>"}
	},
	"integration": {"id": "0190-lumen", "name": "Lumen Learning"},
	"expires_at": "2026-11-22T17:30:00Z"
}`

// askApp fetches the application's page with an Usher that answers by usher.
func askApp(t *testing.T, usher http.HandlerFunc, path string, cookies ...string) *httptest.ResponseRecorder {
	t.Helper()
	server := httptest.NewServer(usher)
	t.Cleanup(server.Close)
	r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, path, nil)
	for _, c := range cookies {
		r.Header.Add("Cookie", c)
	}
	w := httptest.NewRecorder()
	newApp(appConfig{
		UsherURL:   server.URL,
		PartnerURL: "http://127.0.0.1:8081",
		URL:        "http://localhost:8082",
		Client:     server.Client(),
		Pages:      testPages(t),
	}).ServeHTTP(w, r)
	return w
}

func TestAppSignedIn(t *testing.T) {
	t.Parallel()
	var usherURL string
	usher := func(w http.ResponseWriter, r *http.Request) {
		usherURL = "http://" + r.Host
		if got, want := r.Method+" "+r.URL.Path, "GET /auth/session"; got != want {
			t.Errorf("got %q at Usher, want %q", got, want)
		}
		if got, want := r.Header.Values("Cookie"), []string{"a=1; __Host-usher=x"}; cmp.Diff(want, got) != "" {
			t.Errorf("got the cookies %q at Usher, want %q", got, want)
		}
		_, _ = w.Write([]byte(sampleSession))
	}
	for _, path := range []string{"/", "/courses", "/courses?x=1"} {
		w := askApp(t, usher, path, "a=1; __Host-usher=x")
		if w.Code != http.StatusOK {
			t.Errorf("%s: got status %d, want 200", path, w.Code)
		}
		page := w.Body.String()
		for _, want := range []string{
			"Anna Lindqvist", "anna@lumen.example", "0190-anna", "Optics &lt;b&gt;", "optics",
			"L-1", "Lab day", "used", "9007199254740991", "parked", "12345678901234567890",
			"&lt;/pre&gt;&lt;script&gt;", "Lumen Learning", `datetime="2026-11-22T17:30:00Z"`,
			`<form method="post" action="` + usherURL + `/auth/logout">`,
			`name="go" value="http://localhost:8082/"`, `href="http://127.0.0.1:8081/"`,
		} {
			if !strings.Contains(page, want) {
				t.Errorf("%s: got a page without %q, want it", path, want)
			}
		}
	}
}

func TestAppSignedOut(t *testing.T) {
	t.Parallel()
	w := askApp(t, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusUnauthorized) }, "/")
	if w.Code != http.StatusUnauthorized {
		t.Errorf("got status %d, want 401", w.Code)
	}
	for _, want := range []string{"You are not signed in", `href="http://127.0.0.1:8081/"`} {
		if !strings.Contains(w.Body.String(), want) {
			t.Errorf("got a page without %q, want it", want)
		}
	}
}

func TestAppWithoutUsableAnswer(t *testing.T) {
	t.Parallel()
	answer := func(status int, body string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(status)
			_, _ = w.Write([]byte(body))
		}
	}
	tests := map[string]http.HandlerFunc{
		"503":           answer(http.StatusServiceUnavailable, "later"),
		"no JSON":       answer(http.StatusOK, "<html>"),
		"half":          answer(http.StatusOK, sampleSession[:len(sampleSession)/2]),
		"null":          answer(http.StatusOK, "null"),
		"nobody":        answer(http.StatusOK, `{"user":{}}`),
		"wrong types":   answer(http.StatusOK, `{"user":{"id":1}}`),
		"endless":       answer(http.StatusOK, `{"user":{"id":"a"}}`+strings.Repeat(" ", appAnswerLimit)),
		"cut":           func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) },
		"leads astray":  func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/elsewhere", http.StatusFound) },
		"just a number": answer(http.StatusOK, "1"),
	}
	for name, usher := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := askApp(t, usher, "/", "__Host-usher=x")
			if w.Code != http.StatusBadGateway {
				t.Errorf("got status %d, want 502", w.Code)
			}
			if !strings.Contains(w.Body.String(), "Usher does not answer") || strings.Contains(w.Body.String(), "Sign out") {
				t.Errorf("got a page that does not say so")
			}
		})
	}
}

func TestAppGivesUsherLimitedTime(t *testing.T) {
	t.Parallel()
	client := &http.Client{Transport: roundTripper(func(r *http.Request) (*http.Response, error) {
		deadline, ok := r.Context().Deadline()
		if left := time.Until(deadline); !ok || left > appTimeout {
			t.Errorf("got %v to answer (limited: %t), want at most %v", left, ok, appTimeout)
		}
		return nil, errors.New("no network in this test")
	})}
	if _, err := askUsher(t.Context(), client, "http://localhost", nil); err == nil {
		t.Errorf("got no error, want one")
	}
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func TestReadSession(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, body string
		want       web.Person
	}{
		{
			name: "least",
			body: `{"user":{"id":"a"}}`,
			want: web.Person{ID: "a", Meta: map[string]any{}},
		},
		{
			name: "nulls",
			body: `{"user":{"id":"a","email":"e","first_name":"F","groups":null,"credits":null,"meta":null},"integration":null,"expires_at":null}`,
			want: web.Person{ID: "a", Email: "e", Name: "F", Meta: map[string]any{}},
		},
		{
			name: "a name of its own",
			body: `{"user":{"id":"a","name":"N","first_name":"F","last_name":"L"}}`,
			want: web.Person{ID: "a", Name: "N", Meta: map[string]any{}},
		},
	}
	for _, tt := range tests {
		got, err := readSession([]byte(tt.body))
		if err != nil {
			t.Errorf("%s: got error %v, want none", tt.name, err)
		}
		if diff := cmp.Diff(tt.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tt.name, diff)
		}
	}
}

// Whatever Usher answers, it is either refused or a person who can be shown.
func FuzzReadSession(f *testing.F) {
	for _, seed := range []string{
		sampleSession, `{"user":{"id":"a"}}`, `null`, `{"user":{"id":"a","meta":{"":null}}}`, `{"user":{"id":"a","credits":[{"id":1e3}]}}`,
	} {
		f.Add([]byte(seed))
	}
	pages, err := web.New()
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		person, err := readSession(body)
		if err != nil {
			return
		}
		if person.ID == "" {
			t.Errorf("%q: got a person without an id, want an error", body)
		}
		var page strings.Builder
		if err := pages.Render(&page, web.DemoApp{Person: &person}); err != nil {
			t.Errorf("%q: got %v, want a page", body, err)
		}
	})
}

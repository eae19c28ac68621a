package handlers

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestV1Parameters(t *testing.T) {
	t.Parallel()
	const form = "application/x-www-form-urlencoded"
	for name, test := range map[string]struct {
		method, target, kind, body string
		want                       url.Values // nil = refused
	}{
		"address":             {"POST", "/?a=1&b=x%2Cy", "", "", url.Values{"a": {"1"}, "b": {"x,y"}}},
		"form":                {"POST", "/", form, "a=1", url.Values{"a": {"1"}}},
		"some here and there": {"POST", "/?a=1", form, "b=2", url.Values{"a": {"1"}, "b": {"2"}}},
		"empty form":          {"POST", "/?a=1", form, "", url.Values{"a": {"1"}}},
		"nothing":             {"POST", "/", "", "", url.Values{}},
		"get":                 {"GET", "/?a=1", "", "", url.Values{"a": {"1"}}},
		"type of a get":       {"GET", "/?a=1", "application/json", "", url.Values{"a": {"1"}}},
		"twice":               {"GET", "/?a=1&a=1", "", "", nil},
		"here and there":      {"POST", "/?a=1", form, "a=1", nil},
		"twice in the form":   {"POST", "/", form, "a=1&a=2", nil},
		"JSON":                {"POST", "/", "application/json", `{"a":1}`, nil},
		"a body of no type":   {"POST", "/", "", "a=1", nil},
		"bad escape":          {"GET", "/?a=%zz", "", "", nil},
		"bad escape below":    {"POST", "/", form, "a=%zz", nil},
		"semicolon":           {"GET", "/?a=1;b=2", "", "", nil},
	} {
		r := httptest.NewRequestWithContext(t.Context(), test.method, test.target, strings.NewReader(test.body))
		if test.kind != "" {
			r.Header.Set("Content-Type", test.kind)
		}
		got, err := v1Parameters(r)
		if err != nil {
			got = nil
		}
		if diff := cmp.Diff(test.want, got); diff != "" || (err != nil) != (test.want == nil) {
			t.Errorf("%s: got %v, error %v (-want +got):\n%s", name, got, err, diff)
		}
	}
}

func TestV1Token(t *testing.T) {
	t.Parallel()
	for line, want := range map[string]string{
		"token abc":       "abc",
		"Token abc":       "abc",
		"bearer a.b.c":    "a.b.c",
		"Bearer  a.b.c ":  "a.b.c",
		"token":           "",
		"token ":          "",
		"":                "",
		"Basic abc":       "",
		"abc":             "",
		"token abc def":   "",
		"tokens abc":      "",
		"JWT a.b.c":       "",
		"bearer\ta.b.c":   "",
		"token abc, more": "",
	} {
		got, err := v1Token(http.Header{"Authorization": {line}})
		if got != want || (err != nil) != (want == "") {
			t.Errorf("%q: got %q, error %v, want %q", line, got, err, want)
		}
	}
	for name, header := range map[string]http.Header{"none": {}, "two": {"Authorization": {"token a", "token a"}}} {
		if got, err := v1Token(header); err == nil {
			t.Errorf("%s: got %q, want an error", name, got)
		}
	}
}

// FuzzV1: whatever is sent, each parameter is there once, and a wish has what
// JWTs can say; an error quotes no value.
func FuzzV1(f *testing.F) {
	f.Add("scope=a,b&aud=x&validity=60", "client_secret=uss_secret", "token abc")
	f.Add("scope=user%3Amemberof%3Aacme+b&validity=-1", "", "bearer a.b.c")
	f.Add("a=1;b=2", "a=%zz", "")
	f.Fuzz(func(t *testing.T, query, body, line string) {
		r := &http.Request{
			Method: http.MethodPost, URL: &url.URL{Path: "/", RawQuery: query}, ContentLength: int64(len(body)),
			Header: http.Header{"Content-Type": {"application/x-www-form-urlencoded"}, "Authorization": {line}},
			Body:   http.NoBody,
		}
		if body != "" {
			r.Body = httptest.NewRequest(http.MethodPost, "/", strings.NewReader(body)).Body
		}
		if token, err := v1Token(r.Header); err == nil && (token == "" || strings.Contains(token, " ")) {
			t.Errorf("got the token %q", token)
		}
		parameters, err := v1Parameters(r)
		if err != nil {
			return
		}
		for name, values := range parameters {
			if len(values) != 1 {
				t.Errorf("got %q %d times", name, len(values))
			}
		}
		wish, err := readJWTWish(parameters)
		if err != nil {
			return
		}
		if wish.Validity < 0 || len(wish.Scopes) > 100 || len(wish.Audience) > 20 {
			t.Errorf("got %+v", wish)
		}
		for _, name := range wish.Scopes {
			if name == "" || strings.ContainsAny(name, ", \"\\\x00\n") {
				t.Errorf("got the scope %q", name)
			}
		}
		for _, name := range wish.Audience {
			if name == "" || strings.ContainsAny(name, ",\x00\n") {
				t.Errorf("got the audience %q", name)
			}
		}
	})
}

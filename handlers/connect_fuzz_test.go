package handlers

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
)

// FuzzShownToken: whatever the header, the query and the form are, one access
// token comes out of them, and never one that stood in the address, or a Fault.
func FuzzShownToken(f *testing.F) {
	const kind = "application/x-www-form-urlencoded"
	for _, seed := range []struct{ line, query, kind, body string }{
		{"Bearer abc", "", "", ""},
		{"bearer  abc ", "", kind, "x=y"},
		{"Basic abc", "", kind, "access_token=abc"},
		{"", "", kind, "access_token=a&access_token=b"},
		{"Bearer a", "access_token=b", kind, "access_token=c"},
		{"", "%61ccess_token=b", kind, "access_token=c"},
		{"", "", "text/plain", "access_token=c"},
		{"", "", kind, "access_token=%zz"},
	} {
		f.Add(true, seed.line, seed.query, seed.kind, seed.body)
		f.Add(false, seed.line, seed.query, seed.kind, seed.body)
	}
	f.Fuzz(func(t *testing.T, post bool, line, query, kind, body string) {
		method := http.MethodGet
		if post {
			method = http.MethodPost
		}
		r := httptest.NewRequestWithContext(t.Context(), method, ConnectUserInfoPath, strings.NewReader(body))
		r.URL.RawQuery = query
		if line != "" {
			r.Header.Set("Authorization", line)
		}
		if kind != "" {
			r.Header.Set("Content-Type", kind)
		}
		token, err := shownToken(r)
		if err != nil {
			if fault, ok := errors.AsType[*Fault](err); !ok || token != "" || fault.Code != OAuthInvalidRequest && fault.Code != AccessTokenInvalid {
				t.Errorf("got %q, error %v, want a fault of the request", token, err)
			}
			return
		}
		form, _ := url.ParseQuery(body)
		inHeader := strings.Contains(line, token)
		inForm := post && len(form["access_token"]) == 1 && form.Get("access_token") == token
		if token == "" || !inHeader && !inForm {
			t.Errorf("got token %q of %q and %q", token, line, body)
		}
		if asked, _ := url.ParseQuery(query); asked.Has("access_token") {
			t.Errorf("got token %q with one in the address %q", token, query)
		}
	})
}

// FuzzLogout: each parameter is there once, and all of them fit into an address,
// or there is a Fault.
func FuzzLogout(f *testing.F) {
	f.Add(false, "id_token_hint=a.b.c&state=x", "")
	f.Add(false, "state=a&state=b", "")
	f.Add(true, "state=a", "client_id=x&post_logout_redirect_uri=https%3A%2F%2Flumen.example")
	f.Add(true, "", "client_id=%zz")
	f.Add(true, "", "client_id=x&client_id=y")
	f.Fuzz(func(t *testing.T, post bool, query, body string) {
		method := http.MethodGet
		if post {
			method = http.MethodPost
		}
		r := httptest.NewRequestWithContext(t.Context(), method, ConnectEndSessionPath, strings.NewReader(body))
		r.URL.RawQuery = query
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		values, err := logoutValues(r)
		if err != nil {
			if fault, ok := errors.AsType[*Fault](err); !ok || fault.Code != BadRequest || values != nil {
				t.Errorf("got %v, error %v, want a fault of the request", values, err)
			}
			return
		}
		size := 0
		for name, list := range values {
			size += len(name) + len(list[0])
			if len(list) != 1 {
				t.Errorf("got %d values of %q, want one", len(list), name)
			}
		}
		if size > maxLogout {
			t.Errorf("got %d bytes, want at most %d", size, maxLogout)
		}
	})
}

// FuzzExchange: only an exchange that is one goes on.
func FuzzExchange(f *testing.F) {
	f.Add("subject_token_type=" + url.QueryEscape(tokenTypeAccess))
	f.Add("subject_token_type=" + url.QueryEscape(tokenTypeJWT) + "&requested_token_type=" + url.QueryEscape(tokenTypeAccess))
	f.Add("subject_token_type=x&actor_token=y")
	f.Add("audience=x&subject_token_type=" + url.QueryEscape(tokenTypeJWT))
	f.Fuzz(func(t *testing.T, body string) {
		form, err := url.ParseQuery(body)
		if err != nil {
			return
		}
		err = checkExchange(form)
		fault, _ := errors.AsType[*Fault](err)
		if err != nil && (fault == nil || fault.Code != OAuthInvalidRequest && fault.Code != OAuthInvalidTarget) {
			t.Errorf("got error %v, want a fault of the request", err)
		}
		if err == nil && (form.Has("actor_token") || form.Has("audience") || form.Has("resource") || form.Get("subject_token_type") == "") {
			t.Errorf("got %q accepted", body)
		}
	})
}

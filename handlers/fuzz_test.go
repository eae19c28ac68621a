package handlers

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"usher/provisioning"
)

// FuzzReadLink: whatever the query and the form are, one token at most comes
// out of them, within the limit of its door, or a refusal.
func FuzzReadLink(f *testing.F) {
	for _, seed := range []struct {
		method, query, kind, body string
	}{
		{"GET", "token=a.b.c&go=/x&appId=1", "", ""},
		{"GET", "token=a&token=b", "", ""},
		{"GET", "token=a;token=b", "", ""},
		{"GET", "token=%zz", "", ""},
		{"GET", "%74oken=a&go=%2Fx&go=/y", "", ""},
		{"GET", "token", "", ""},
		{"POST", "", "application/x-www-form-urlencoded", "token=a.b.c&go=/x"},
		{"POST", "token=a", "application/x-www-form-urlencoded", "token=b"},
		{"POST", "go=/x", "Application/X-WWW-Form-Urlencoded; charset=utf-8", "token=a&go=/y"},
		{"POST", "", "multipart/form-data; boundary=b", "--b\r\n"},
		{"POST", "token=a", "", "token=b"},
		{"POST", "", "application/x-www-form-urlencoded;;", "token=%"},
	} {
		f.Add(seed.method == "POST", seed.query, seed.kind, seed.body)
	}
	f.Fuzz(func(t *testing.T, post bool, query, kind, body string) {
		method, limit := http.MethodGet, maxTokenInURL
		if post {
			method, limit = http.MethodPost, maxTokenInForm
		}
		r := httptest.NewRequestWithContext(t.Context(), method, CallbackPath, strings.NewReader(body))
		r.URL.RawQuery = query
		r.Header.Set("Content-Type", kind)
		link, wanted, err := readLink(r)
		if err != nil {
			var refusal *provisioning.Refusal
			if !errors.As(err, &refusal) {
				t.Fatalf("got error %v, want a refusal", err)
			}
			if link.Token != "" && refusal.Reason == provisioning.TokenMissing {
				t.Errorf("got a token and token_missing")
			}
			return
		}
		if link.Token == "" || link.Limit <= 0 || link.Limit > limit {
			t.Errorf("got token %q within %d bytes, want one within at most %d", link.Token, link.Limit, limit)
		}
		inQuery, _ := url.ParseQuery(query)
		if !post && (len(inQuery["token"]) != 1 || link.Token != inQuery.Get("token")) {
			t.Errorf("got token %q of the query %q", link.Token, query)
		}
		if inQuery.Has("token") && link.Limit != maxTokenInURL {
			t.Errorf("got a limit of %d for a token in the URL", link.Limit)
		}
		if len(inQuery["go"]) > 1 && wanted != ambiguousGo {
			t.Errorf("got go %q of several", wanted)
		}
	})
}

// FuzzReadCredential: whatever the headers are, either there is one token of one
// app, or the request is refused, or it carries nothing of ours; and what looks
// like a token never passes for nothing.
func FuzzReadCredential(f *testing.F) {
	for _, seed := range [][4]string{
		{"JWT eyJ.b.c", "", "", ""},
		{"jwt   eyJ.b.c  ", "", "app", "app"},
		{"JWT eyJ.b.c", "", "app", "other"},
		{"JWT eyJ.b.c", "Basic YTpi", "", ""},
		{"JWT\teyJ.b.c", "", "", ""},
		{"JWT", "", "app", ""},
		{"Bearer eyJ.b.c", "", "", ""},
		{"eyJ.b.c", "", "", ""},
		{"Basic YTpi", "", "app", "other"},
		{"Negotiate eyJ.b.c", "", "", ""},
		{" ", "", "", ""},
	} {
		f.Add(seed[0], seed[1], seed[2], seed[3])
	}
	f.Fuzz(func(t *testing.T, first, second, app, other string) {
		header := http.Header{}
		for _, line := range []struct{ name, value string }{
			{"Authorization", first}, {"Authorization", second}, {"Cocorico-App-Id", app}, {"X-App-Id", other},
		} {
			if line.value != "" {
				header.Add(line.name, line.value)
			}
		}
		link, explicit, err := readCredential(header)
		switch {
		case err != nil:
			ruling := new(HTTP).rule(err)
			if !explicit || ruling.status != http.StatusUnauthorized || ruling.challenge != schemeJWT {
				t.Errorf("got %v, explicit %v, status %d, want 401 for a credential of its own", err, explicit, ruling.status)
			}
		case explicit:
			if len(header["Authorization"]) != 1 || link.Token == "" || !strings.Contains(header.Get("Authorization"), link.Token) ||
				link.Limit != maxTokenInURL || link.AppID != app && link.AppID != other || app != "" && other != "" && app != other {
				t.Errorf("got token %q of app %q", link.Token, link.AppID)
			}
		case link.Token != "" || len(header["Authorization"]) > 1 || strings.HasPrefix(strings.ToLower(header.Get("Authorization")), "jwt ") ||
			strings.HasPrefix(strings.ToLower(header.Get("Authorization")), "bearer "):
			t.Errorf("got %q passed over", header["Authorization"])
		}
	})
}

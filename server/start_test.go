package main

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
)

// nonceCookieOf returns the cookie line of the nonce that an answer sets.
func nonceCookieOf(a answer) (line, pair string) {
	for _, line := range a.header["Set-Cookie"] {
		if strings.HasPrefix(line, "__Host-usher-nonce=") {
			pair, _, _ = strings.Cut(line, ";")
			return line, "Cookie: " + pair
		}
	}
	return "", ""
}

func TestStart(t *testing.T) {
	eachWorld(t, func(t *testing.T, w world) {
		i := launch(t, w)
		i.wantReason(t, i.get(t, "/auth/start?go=/x", wantsJSON), http.StatusNotFound, "integration_unknown")

		plain := i.install(t, fields{"name": "Plain"})
		i.wantReason(t, i.get(t, "/auth/start?go=/x", wantsJSON), http.StatusNotFound, "not_found")

		lumen := i.install(t, fields{
			"sign_in_url": "https://lumen.example/in?from=app", "require_nonce": true, "landing_page": "/land",
			"return_origins": []string{"https://app.lumen.example"},
		})
		// Two integrations: which one has to be said.
		i.wantReason(t, i.get(t, "/auth/start?go=/x", wantsJSON), http.StatusNotFound, "integration_unknown")
		i.wantReason(t, i.get(t, "/auth/start?go=/x&appId="+plain.AppID, wantsJSON), http.StatusNotFound, "not_found")

		begin := "/auth/start?appId=" + lumen.AppID + "&go="
		for sent, want := range map[string]string{
			"/courses?a=b": "/courses?a=b", "": "/land", "//evil.example": "/land",
			"https://app.lumen.example/x": "https://app.lumen.example/x",
		} {
			a := i.get(t, begin+url.QueryEscape(sent))
			to, err := url.Parse(a.header.Get("Location"))
			if a.status != http.StatusSeeOther || err != nil || !strings.HasPrefix(to.String(), "https://lumen.example/in?") {
				t.Fatalf("go %q: got %v to %q, want 303 to the partner", sent, a, a.header.Get("Location"))
			}
			query := to.Query()
			if query.Get("go") != want || query.Get("return_to") != i.origin+"/auth/callback/jwt-auth" ||
				query.Get("from") != "app" || len(query.Get("nonce")) < 20 {
				t.Errorf("go %q: got %v, want go %q, return_to, from and a nonce", sent, query, want)
			}
		}

		a := i.get(t, begin+"/courses")
		line, nonce := nonceCookieOf(a)
		if !strings.HasSuffix(line, "; Path=/; Max-Age=600; HttpOnly; Secure; SameSite=None") {
			t.Errorf("got cookie %q, want it short-lived, for us alone, and sent with a form from the partner", line)
		}
		to, _ := url.Parse(a.header.Get("Location"))
		said := to.Query().Get("nonce")
		if strings.Contains(nonce, said) {
			t.Error("got the cookie itself as the nonce, want it not to be had from the address")
		}
		again := i.get(t, begin+"/courses", nonce)
		if second, _ := url.Parse(again.header.Get("Location")); second.Query().Get("nonce") != said {
			t.Error("got another nonce for a second tab, want the same")
		}

		// The link has to carry this browser's nonce.
		with := func(n any) string {
			return link(lumen.token(person("anna").with(fields{"nonce": n})), "go", "/courses")
		}
		i.wantReason(t, i.get(t, with(nil), nonce, wantsJSON), http.StatusBadRequest, "claim_missing")
		i.wantReason(t, i.get(t, with(said+"x"), nonce, wantsJSON), http.StatusBadRequest, "claim_invalid")
		i.wantReason(t, i.get(t, with(said), wantsJSON), http.StatusBadRequest, "claim_invalid")
		i.wantReason(t, i.get(t, with(said), "Cookie: __Host-usher-nonce="+strings.Repeat("A", 22), wantsJSON),
			http.StatusBadRequest, "claim_invalid")
		cookie := i.signIn(t, with(said), nonce)

		// Somebody who is signed in goes on at once.
		if a := i.get(t, begin+"/courses", holding(cookie)); a.header.Get("Location") != "/courses" {
			t.Errorf("signed in: got %v to %q, want /courses", a, a.header.Get("Location"))
		}
		// The other integration's links need none.
		i.signIn(t, link(plain.token(person("ben"))))

		i.admin(t, http.StatusNoContent, http.MethodDelete, "/integrations/"+lumen.ID, nil)
		i.wantReason(t, i.get(t, begin+"/x", wantsJSON), http.StatusUnauthorized, "integration_removed")
	})
}

func TestStartSettingsRefused(t *testing.T) {
	t.Parallel()
	i := launch(t, embeddedWorld(t))
	for name, wish := range map[string]fields{
		"nonce without page": {"require_nonce": true},
		"plain http":         {"sign_in_url": "http://lumen.example/in"},
		"script":             {"sign_in_url": "javascript:alert(1)"},
		"user name":          {"sign_in_url": "https://a@lumen.example/in"},
		"fragment":           {"sign_in_url": "https://lumen.example/in#x"},
		"path alone":         {"sign_in_url": "/in"},
		"space":              {"sign_in_url": "https://lumen.example/i n"},
		"null flag":          {"require_nonce": nil, "sign_in_url": "https://lumen.example"},
	} {
		body := map[string]any{"name": "Lumen"}
		for field, value := range wish {
			body[field] = value
		}
		a := i.send(t, http.MethodPost, "/admin/api/v1/integrations", jsonText(body), asAdmin)
		if a.status != http.StatusBadRequest || a.reason() != "bad_request" {
			t.Errorf("%s: got %v, want 400", name, a)
		}
	}
}

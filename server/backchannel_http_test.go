package main

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"
)

// TestBackchannelRevoke has a partner's server sign its people out, at one
// instance, and asks another.
func TestBackchannelRevoke(t *testing.T) {
	eachWorld(t, func(t *testing.T, w world) {
		i := launch(t, w, withMetrics)
		other := launch(t, w)
		lumen := i.install(t, nil)
		anna, ben := i.signIn(t, link(lumen.token(person("anna")))), i.signIn(t, link(lumen.token(person("ben"))))
		const path = "/auth/backchannel/revoke"
		event := func(name string, changes fields) string {
			return lumen.token(fields{
				"sub": "id-anna", "event": name, "iat": time.Now().Unix(), "exp": time.Now().Add(time.Minute).Unix(), "jti": name,
			}.with(changes))
		}
		form := func(token string) string { return url.Values{"token": {token}}.Encode() }

		for _, test := range []struct {
			name, path, body string
			status           int
			reason           string
		}{
			{"a token in the address", path + "?token=" + event("logout", nil), "", 400, "token_missing"},
			{"a link's token", path, form(lumen.token(person("anna").with(fields{"jti": "x", "exp": time.Now().Add(time.Minute).Unix()}))), 400, "claim_missing"},
			{"another's signature", path, form(signed("HS256", "not the secret of this partner, at all", fields{"kid": lumen.kid()}, person("anna"))), 401, "signature_invalid"},
			{"disabling", path, form(event("disable", nil)), 400, "claim_invalid"},
			{"two tokens", path, form(event("logout", nil)) + "&token=x", 400, "token_malformed"},
		} {
			got := i.post(t, test.path, test.body, wantsJSON)
			if got.status != test.status || !strings.Contains(got.body, `"`+test.reason+`"`) {
				t.Errorf("%s: got %v, want %d %s", test.name, got, test.status, test.reason)
			}
			if strings.Contains(got.body, "This link") || strings.Contains(got.body, "open the link") {
				t.Errorf("%s: got %s, want words for a server", test.name, got.body)
			}
		}
		if got := i.scrape(t).values[`usher_sign_ins_total{door="event",outcome="refused",reason="claim_invalid"}`]; got != 1 {
			t.Errorf("refused events: got %v counted, want 1", got)
		}
		if got := other.get(t, "/auth/session", wantsJSON, holding(anna)); got.status != http.StatusOK {
			t.Errorf("before: got %v, want Anna's session", got)
		}
		got := i.post(t, path, form(event("logout", nil)), wantsJSON)
		if got.status != http.StatusOK || got.body != `{"event":"logout","known":true}` || got.header.Get("Cache-Control") != "no-store" {
			t.Errorf("got %v, want it done", got)
		}
		if got := other.get(t, "/auth/session", wantsJSON, holding(anna)); got.status != http.StatusUnauthorized {
			t.Errorf("after: got %v, want no session", got)
		}
		if got := other.get(t, "/auth/session", wantsJSON, holding(ben)); got.status != http.StatusOK {
			t.Errorf("somebody else: got %v, want the session", got)
		}
		if got := i.post(t, path, form(event("logout", nil)), wantsJSON); got.status != http.StatusUnauthorized {
			t.Errorf("again: got %v, want 401", got)
		}
		if got := i.post(t, path, form(event("logout", fields{"sub": "nobody"})), wantsJSON); got.body != `{"event":"logout","known":false}` {
			t.Errorf("somebody unknown: got %v, want it said", got)
		}
		i.admin(t, http.StatusOK, "PATCH", "/integrations/"+lumen.ID, fields{"allow_disable": true})
		if got := i.post(t, path, form(event("disable", nil)), wantsJSON); got.status != http.StatusOK {
			t.Errorf("disabling: got %v, want it done", got)
		}
		if got := other.get(t, link(lumen.token(person("anna"))), wantsJSON); got.status != http.StatusForbidden {
			t.Errorf("a link of a disabled person: got %v, want 403", got)
		}
	})
}

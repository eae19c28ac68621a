package main

import (
	"net/http"
	"strconv"
	"strings"
	"testing"
)

// TestEmbed shows a resource in a frame: the person is provisioned, the session
// is the frame's own, the content comes through with who is there.
func TestEmbed(t *testing.T) {
	eachWorld(t, func(t *testing.T, w world) {
		i := launch(t, w)
		e := embedding(t, i, nil)
		view := e.framed(t, "vote-widget", "57cc26", nil)
		a := e.open(t, view, e.presented("chloe"))
		s := shows(t, a, http.StatusOK)
		if s.user == "" || s.bearer == "" || s.origins != partnerSite {
			t.Errorf("got %+v, want somebody, a bearer and the origins", s)
		}
		if n, err := strconv.Atoi(s.expires); err != nil || n < 3590 || n > 3600 {
			t.Errorf("got %s s left, want an hour", s.expires)
		}
		if got := a.header["Set-Cookie"]; len(got) != 1 || !strings.HasSuffix(got[0], "; Path=/; HttpOnly; Secure; SameSite=None; Partitioned") {
			t.Errorf("got cookies %q, want the frame's alone", got)
		}
		policy := a.header.Get("Content-Security-Policy")
		if !strings.HasSuffix(policy, "; frame-ancestors "+partnerSite) || strings.Contains(policy, "unsafe") {
			t.Errorf("got policy %q", policy)
		}
		if got := a.header.Get("X-Frame-Options") + a.header.Get("Access-Control-Allow-Origin"); got != "" {
			t.Errorf("got X-Frame-Options or CORS %q, want neither", got)
		}
		if strings.Contains(a.body, "eyJ") {
			t.Error("got a token in the page")
		}
		for _, by := range []string{framing(s.cookie), bearing(s.bearer)} {
			state := decode[viewState](t, e.get(t, view+"/session", by))
			if state.UserID != s.user || state.Name != "chloe Durand" || state.ExpiresIn < 3590 || state.ExpiresIn > 3600 {
				t.Errorf("got %+v, want Chloé for an hour", state)
			}
		}
		content := e.get(t, s.content)
		if content.status != http.StatusOK || content.body != "content /votes/57cc26 for chloe@lumen.example" {
			t.Errorf("got content %v", content)
		}
		if got := e.content.last(t).Header.Get("X-Usher-User"); got != s.user {
			t.Errorf("got user %q at the content's server, want %q", got, s.user)
		}
	})
}

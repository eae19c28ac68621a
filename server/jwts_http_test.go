package main

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// TestGenerateJWTByAPI: for an organization and for a user, by those who may.
func TestGenerateJWTByAPI(t *testing.T) {
	eachWorld(t, func(t *testing.T, w world) {
		i := launch(t, w)
		library := i.addConnection(t, "library", nil)
		acme := i.addOrganization(t, "", "acme", fields{"api_scopes": []string{"library"}})
		n := i.install(t, nil)
		i.signIn(t, link(n.token(person("anna"))))
		anna := i.userID(t, "anna@lumen.example")
		i.addMember(t, acme, anna)
		type made struct {
			Token   string         `json:"token"`
			Header  map[string]any `json:"header"`
			Claims  map[string]any `json:"claims"`
			Expires time.Time      `json:"expires_at"`
		}
		a := i.admin(t, http.StatusCreated, "POST", "/jwts", fields{
			"client_id": "acme", "user": "anna@lumen.example", "scope": "memberof:acme,library", "audience": "portal", "validity": 60,
		})
		m := decode[made](t, a)
		claims := claimsIn(t, m.Token)
		if diff := cmp.Diff(claims, m.Claims); diff != "" || m.Header["alg"] != "ES384" || claims["username"] != anna || claims["iss"] != i.origin ||
			m.Expires.Unix() != int64(claims["exp"].(float64)) || claims["exp"].(float64)-claims["iat"].(float64) != 60 || a.header.Get("Cache-Control") != "no-store" {
			t.Errorf("got %v with %v (-token +answer):\n%s", a, a.header, diff)
		}
		if found := decode[introspected](t, i.introspect(t, library, m.Token)); !found.Active || found.Scope != "library" || found.Subject != anna {
			t.Errorf("introspection: got %+v", found)
		}
		own := decode[made](t, i.admin(t, http.StatusCreated, "POST", "/jwts", fields{"client_id": "acme"}))
		if own.Claims["globalid"] != "acme" || own.Claims["exp"].(float64)-own.Claims["iat"].(float64) != 600 {
			t.Errorf("of an organization: got %+v", own)
		}
		for name, wish := range map[string]fields{
			"client_id: ": {}, "user: ": {"client_id": "acme", "user": "nobody@lumen.example"}, "scope: ": {"client_id": "acme", "scope": "archive"},
			"validity: ": {"client_id": "acme", "validity": 3601}, "aud: ": {"client_id": "acme", "audience": strings.Repeat("a", 300)},
		} {
			if a := i.admin(t, http.StatusBadRequest, "POST", "/jwts", wish); !strings.Contains(a.body, name) {
				t.Errorf("%v: got %v, want it to name %s", wish, a, name)
			}
		}

		// For a user it takes the right to see users as well.
		key := decode[struct{ Key string }](t, i.admin(t, http.StatusCreated, "POST", "/api-keys", fields{
			"name": "Tokens", "scopes": []string{"tokens:write"},
		})).Key
		as := "Authorization: Bearer " + key
		if a := i.send(t, "POST", "/admin/api/v1/jwts", `{"client_id":"acme"}`, as, "Content-Type: application/json"); a.status != http.StatusCreated {
			t.Errorf("with tokens:write: got %v, want 201", a)
		}
		if a := i.send(t, "POST", "/admin/api/v1/jwts", `{"client_id":"acme","user":"anna@lumen.example"}`, as, "Content-Type: application/json"); a.status != http.StatusForbidden {
			t.Errorf("for a user without users:read: got %v, want 403", a)
		}

		// The page asks once more, then shows it once.
		owner := i.owner(t)
		page := i.get(t, "/admin/tokens/jwt", owner, wantsPage)
		form := sentForm(t, page.body, "/admin/tokens/jwt")
		for name, value := range map[string]string{"client_id": "acme", "user": anna, "scope": "memberof:acme", "aud": "portal", "validity": "120"} {
			form.Set(name, value)
		}
		asked := i.post(t, "/admin/tokens/jwt", form.Encode(), owner)
		if asked.status != 200 || !strings.Contains(asked.body, "Generate this JWT?") || strings.Contains(asked.body, "eyJ") {
			t.Fatalf("got %v, want a question", asked)
		}
		form = sentForm(t, asked.body, "/admin/tokens/jwt")
		form.Set("confirmed", "no")
		if again := i.post(t, "/admin/tokens/jwt", form.Encode(), owner); !strings.Contains(again.body, `value="memberof:acme"`) {
			t.Errorf("change something: got %v, want the form as it was", again)
		}
		form.Set("confirmed", "yes")
		shown := i.post(t, "/admin/tokens/jwt", form.Encode(), owner)
		if shown.status != 200 || !strings.Contains(shown.body, "eyJ") || shown.header.Get("Cache-Control") != "no-store" {
			t.Fatalf("got %v, want the JWT", shown)
		}
		if sentAgain := i.post(t, "/admin/tokens/jwt", form.Encode(), owner); sentAgain.status != http.StatusSeeOther || sentAgain.header.Get("Location") != "/admin/tokens/jwt?done=jwt_made_before" {
			t.Errorf("sent again: got %v to %q, want nothing made", sentAgain, sentAgain.header.Get("Location"))
		}
		wrong := url.Values{"client_id": {"nobody"}, "validity": {"x"}, "confirmed": {"yes"}}
		if refused := i.post(t, "/admin/tokens/jwt", wrong.Encode(), owner); refused.status != http.StatusUnprocessableEntity || strings.Count(refused.body, `aria-invalid="true"`) != 2 {
			t.Errorf("wrong fields: got %v, want 422 and two faults", refused)
		}
		audit := i.get(t, "/admin/audit", owner, wantsPage)
		for _, token := range []string{m.Token, own.Token} {
			if strings.Contains(audit.body, token) || strings.Contains(i.log.String(), token) {
				t.Error("got a JWT in the audit log or in the log")
			}
		}
		if !strings.Contains(audit.body, "jwt_generated") {
			t.Error("got no jwt_generated in the audit log")
		}
	})
}

// TestGenerateJWTByCommand: the same on the machine.
func TestGenerateJWTByCommand(t *testing.T) {
	eachWorld(t, func(t *testing.T, w world) {
		i := launch(t, w)
		i.addOrganization(t, "", "acme", nil)
		n := i.install(t, nil)
		i.signIn(t, link(n.token(person("anna"))))
		stdout, _ := command(t, w, exitOK, "jwt", "acme", "--scope", "memberof:acme", "--audience", "portal", "--life", "5m")
		claims := claimsIn(t, strings.TrimSpace(stdout))
		if claims["globalid"] != "acme" || claims["exp"].(float64)-claims["iat"].(float64) != 300 {
			t.Errorf("got %v", claims)
		}
		stdout, _ = command(t, w, exitOK, "jwt", "acme", "--user", "anna@lumen.example", "--json")
		if !strings.Contains(stdout, `{"token":"eyJ`) {
			t.Errorf("got %s, want JSON", stdout)
		}
		for says, args := range map[string][]string{
			"client_id": {"jwt", "nobody"}, "scope": {"jwt", "acme", "--scope", "archive"}, "validity": {"jwt", "acme", "--life", "2h"}, "takes one": {"jwt"},
		} {
			if _, stderr := command(t, w, exitUsage, args...); !strings.Contains(stderr, says) {
				t.Errorf("%q: got %q, want it to say %q", args, stderr, says)
			}
		}
	})
}

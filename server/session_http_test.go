package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestCookieAttributes(t *testing.T) {
	eachWorld(t, func(t *testing.T, w world) {
		i := launch(t, w)
		lumen := i.install(t, nil)
		_, head := i.raw(t, "GET "+link(lumen.token(person("anna")))+" HTTP/1.1")
		var lines []string
		for line := range strings.SplitSeq(head, "\r\n") {
			if strings.HasPrefix(strings.ToLower(line), "set-cookie:") {
				lines = append(lines, line)
			}
		}
		form := regexp.MustCompile(`^Set-Cookie: __Host-usher=[A-Za-z0-9_-]{43}; Path=/; HttpOnly; Secure; SameSite=Lax$`)
		if len(lines) != 1 || !form.MatchString(lines[0]) {
			t.Errorf("got cookies %q, want one of the form %s", lines, form)
		}
		cleared := i.send(t, "POST", "/auth/logout", "")
		if got := cleared.header["Set-Cookie"]; len(got) != 1 ||
			got[0] != "__Host-usher=; Path=/; Max-Age=0; HttpOnly; Secure; SameSite=Lax" {
			t.Errorf("got %q at the sign-out, want the cookie cleared with the same attributes", got)
		}
	})
}

// TestEachSignInIsNew: no cookie from the request is ever adopted, and the
// browser's session before is dead.
func TestEachSignInIsNew(t *testing.T) {
	eachWorld(t, func(t *testing.T, w world) {
		i := launch(t, w)
		lumen := i.install(t, nil)
		anna := func() string { return link(lumen.token(person("anna"))) }

		first := i.signIn(t, anna())
		second := i.signIn(t, anna(), holding(first))
		if first == second || i.alive(t, first) || !i.alive(t, second) {
			t.Errorf("got the same cookie %v, old one alive %v, want another and the old one dead", first == second, i.alive(t, first))
		}
		beside := i.signIn(t, anna()) // another browser
		if !i.alive(t, second) || !i.alive(t, beside) {
			t.Errorf("got a session ended by one in another browser")
		}

		planted := strings.Repeat("A", 43)
		if got := i.signIn(t, anna(), holding(planted)); got == planted || i.alive(t, planted) {
			t.Errorf("got a planted cookie adopted")
		}
		for _, pair := range []string{
			"__Host-usher=" + second + "; __Host-usher=" + planted,
			"__Host-usher=" + planted + "; __Host-usher=" + second,
			"__Host-usher=" + second + "; __Host-usher=" + second,
			"__Host-usher=" + second + "; __Host-usher=\"",
			"__Host-usher=" + second + ";__Host-usher",
			"__host-usher=" + second,
			"__Host-usher=" + second[:42],
			"__Host-usher=" + second + "A",
			"__Host-usher=" + strings.ToLower(second),
			`__Host-usher="` + second + `"`,
		} {
			if got := i.get(t, "/auth/session", "Cookie: "+pair); got.status != 401 || got.reason() != "no_session" {
				t.Errorf("Cookie of %d bytes in %.30q…: got %v, want 401", len(pair), pair, got)
			}
		}
		// With two of the name none counts, so none is ended either.
		i.signIn(t, anna(), "Cookie: __Host-usher="+second+"; __Host-usher="+planted)
		if !i.alive(t, second) {
			t.Errorf("got a session ended by an ambiguous cookie")
		}

		// Another person in the same browser.
		a := i.get(t, link(lumen.token(person("berta"))), holding(second))
		if a.status != 303 || i.alive(t, second) || !i.alive(t, a.cookie()) {
			t.Errorf("got %v, old session alive %v, want 303 and the old one dead", a, i.alive(t, second))
		}
		annaID := i.userID(t, "anna@lumen.example")
		if got := i.lastRequest(t, a)["replaced_user"]; got != annaID {
			t.Errorf("got replaced_user %v in the log, want %s", got, annaID)
		}
	})
}

// userID asks the admin's API.
func (i *instance) userID(t testing.TB, email string, header ...string) string {
	t.Helper()
	found := decode[struct{ Users []struct{ ID string } }](t,
		i.admin(t, http.StatusOK, http.MethodGet, "/users?email="+url.QueryEscape(email), nil, header...))
	if len(found.Users) != 1 {
		t.Fatalf("got %d users with %s, want 1", len(found.Users), email)
	}
	return found.Users[0].ID
}

// TestReplayFromTheSameBrowser: a reload goes on to go without another
// session; everyone else is refused.
func TestReplayFromTheSameBrowser(t *testing.T) {
	eachWorld(t, func(t *testing.T, w world) {
		i := launch(t, w)
		for _, kind := range []string{"jti", "single use"} {
			t.Run(kind, func(t *testing.T) {
				lumen := i.install(t, fields{"name": kind, "single_use": kind == "single use", "link_policy": "trusted"})
				claims := person("anna")
				if kind == "jti" {
					claims["jti"] = "one"
				}
				target := link(lumen.token(claims), "go", "/courses")
				cookie := i.signIn(t, target)
				again := i.get(t, target, holding(cookie), wantsPage)
				if again.status != 303 || again.header.Get("Location") != "/courses" || len(again.header["Set-Cookie"]) != 0 {
					t.Errorf("got %v to %q, want 303 to /courses without a cookie", again, again.header.Get("Location"))
				}
				if !i.alive(t, cookie) {
					t.Errorf("got the session ended by the reload")
				}
				i.wantReason(t, i.get(t, target, wantsJSON), 401, "token_replayed")
				i.wantReason(t, i.get(t, target, holding(strings.Repeat("A", 43)), wantsJSON), 401, "token_replayed")
				// A session that another token made does not count.
				other := i.signIn(t, link(lumen.token(claims.with(fields{"jti": "two"}))))
				i.wantReason(t, i.get(t, target, holding(other), wantsJSON), 401, "token_replayed")
				// Nor does one that has ended.
				i.send(t, "POST", "/auth/logout", "", holding(cookie))
				i.wantReason(t, i.get(t, target, holding(cookie), wantsJSON), 401, "token_replayed")
			})
		}
		plain := i.install(t, fields{"name": "plain", "link_policy": "trusted"})
		target := link(plain.token(person("anna")))
		if first, second := i.signIn(t, target), i.signIn(t, target); !i.alive(t, first) || !i.alive(t, second) {
			t.Errorf("got a token without jti refused or its first session ended at its second use")
		}
	})
}

func TestSessionAnswer(t *testing.T) {
	eachWorld(t, func(t *testing.T, w world) {
		i := launch(t, w)
		lumen := i.install(t, nil)
		i.admin(t, http.StatusCreated, http.MethodPost, "/groups", fields{"external_id": "editors", "name": "Editors"})
		i.admin(t, http.StatusCreated, http.MethodPost, "/credits", fields{"id": 7, "name": "Course"})
		claims := person("anna").with(fields{
			"email": "Anna@Lumen.Example", "email_verified": true, "firstName": "Anna", "family_name": "Ørsted", "name": "Anna Ø.",
			"phone": "+45 1", "birthdate": "1990-02-28", "locale": "da-DK", "picture": "https://lumen.example/a.png",
			"groups":  []any{"editors", "nowhere"},
			"credits": []fields{{"orderId": "A-1", "id": 7}, {"orderId": "A-1", "id": 8}},
			"meta":    fields{"plan": "gold", "n": json.Number("1.50"), "nested": fields{"a": []int{1}}, "html": "<b>&"},
		})
		before := time.Now()
		cookie := i.signIn(t, link(lumen.token(claims)))
		a := i.get(t, "/auth/session", holding(cookie))
		if a.status != 200 || a.header.Get("Content-Type") != "application/json; charset=utf-8" || a.header.Get("Cache-Control") != "no-store" {
			t.Errorf("got %v of %s, Cache-Control %s", a, a.header.Get("Content-Type"), a.header.Get("Cache-Control"))
		}
		got := decode[map[string]any](t, a)
		expires, err := time.Parse(time.RFC3339, fmt.Sprint(got["expires_at"]))
		if end := before.Add(8 * time.Hour); err != nil || expires.Before(end.Add(-2*time.Second)) || expires.After(end.Add(time.Minute)) {
			t.Errorf("got expires_at %v (%v), want about %v", got["expires_at"], err, end)
		}
		want := map[string]any{
			"user": map[string]any{
				"id": i.userID(t, "anna@lumen.example"), "email": "Anna@Lumen.Example", "email_verified": true,
				"first_name": "Anna", "last_name": "Ørsted", "name": "Anna Ø.", "phone": "+45 1",
				"birthdate": "1990-02-28", "locale": "da-DK", "picture": "https://lumen.example/a.png",
				"groups": []any{map[string]any{"external_id": "editors", "name": "Editors"}},
				"credits": []any{
					map[string]any{"order_id": "A-1", "id": 7.0, "name": "Course", "parked": false, "consumed": false},
					map[string]any{"order_id": "A-1", "id": 8.0, "name": "", "parked": true, "consumed": false},
				},
				"meta": map[string]any{"plan": "gold", "n": 1.5, "nested": map[string]any{"a": []any{1.0}}, "html": "<b>&"},
			},
			"integration": map[string]any{"id": lumen.ID, "name": "Lumen Learning"},
			"expires_at":  got["expires_at"],
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("got a session that differs (-want +got):\n%s", diff)
		}

		// A person of whom nothing is known has empty lists, never null.
		bare := decode[map[string]any](t, i.get(t, "/auth/session",
			holding(i.signIn(t, link(lumen.token(fields{"email": "bare@lumen.example", "iat": before.Unix()}))))))
		user, _ := bare["user"].(map[string]any)
		if diff := cmp.Diff([]any{[]any{}, []any{}, map[string]any{}}, []any{user["groups"], user["credits"], user["meta"]}); diff != "" {
			t.Errorf("got groups, credits and meta that differ (-want +got):\n%s", diff)
		}

		home := i.get(t, "/", holding(cookie))
		if home.status != 200 || !strings.Contains(home.body, "Anna Ø.") || strings.Contains(home.body, "<b>&") {
			t.Errorf("got %v, want the person's page with everything escaped", home)
		}
		for _, none := range []string{"X-Nothing: 1", holding(""), holding(strings.Repeat("A", 43)), holding(cookie + "x")} {
			i.wantReason(t, i.get(t, "/auth/session", none), 401, "no_session")
		}
		if got := i.get(t, "/"); got.status != 200 || strings.Contains(got.body, "Anna") {
			t.Errorf("got %v at the front page without a session", got)
		}
		short := decode[struct {
			ExpiresAt time.Time `json:"expires_at"`
		}](t, i.get(t, "/auth/session", holding(i.signIn(t, link(lumen.token(claims.with(fields{"session_length": 600})))))))
		if left := time.Until(short.ExpiresAt); left > 601*time.Second || left < 500*time.Second {
			t.Errorf("got %v left of a session of ten minutes", left)
		}
	})
}

// sessionList is what GET /auth/sessions says.
type sessionList struct{ Sessions []listedSession }

type listedSession struct {
	ID        string
	Current   bool
	UserAgent string `json:"user_agent"`
	Network   string
	CreatedAt time.Time `json:"created_at"`
	LastSeen  time.Time `json:"last_seen"`
	ExpiresAt time.Time `json:"expires_at"`
}

func TestOwnSessions(t *testing.T) {
	eachWorld(t, func(t *testing.T, w world) {
		i := launch(t, w)
		lumen := i.install(t, nil)
		here := i.signIn(t, link(lumen.token(person("anna"))), "User-Agent: Here/1")
		there := i.signIn(t, link(lumen.token(person("anna"))), "User-Agent: There/1")
		berta := i.signIn(t, link(lumen.token(person("berta"))))
		i.wantReason(t, i.get(t, "/auth/sessions"), 401, "no_session")
		i.wantReason(t, i.send(t, "DELETE", "/auth/sessions/"+strings.Repeat("a", 64), ""), 401, "no_session")

		list := decode[sessionList](t, i.get(t, "/auth/sessions", holding(here))).Sessions
		if len(list) != 2 {
			t.Fatalf("got %d sessions, want 2", len(list))
		}
		var ids []string
		for _, one := range list {
			want := map[bool]string{true: "Here/1", false: "There/1"}[one.Current]
			if one.UserAgent != want || one.Network != "127.0.0.0/24" || one.CreatedAt.IsZero() || one.LastSeen.IsZero() || one.ExpiresAt.IsZero() {
				t.Errorf("got session %+v, want that of %s", one, want)
			}
			if one.ID == here || one.ID == there {
				t.Errorf("got a cookie shown as an id")
			}
			if i.alive(t, one.ID) {
				t.Errorf("got a session opened by its id")
			}
			if !one.Current {
				ids = append(ids, one.ID)
			}
		}
		for _, unknown := range []string{strings.Repeat("0", 64), "x", "..%2F..", strings.ToUpper(ids[0]) + "0"} {
			i.wantReason(t, i.send(t, "DELETE", "/auth/sessions/"+unknown, "", holding(here), wantsJSON), 404, "not_found")
		}
		i.wantReason(t, i.send(t, "DELETE", "/auth/sessions/"+ids[0], "", holding(berta)), 404, "not_found")
		i.wantReason(t, i.send(t, "DELETE", "/auth/sessions/"+ids[0], "", holding(here), "Sec-Fetch-Site: cross-site", "Origin: https://evil.example"), 403, "cross_origin")
		if !i.alive(t, there) {
			t.Fatalf("got a session ended by somebody else or from another site")
		}
		if got := i.send(t, "DELETE", "/auth/sessions/"+ids[0], "", holding(here)); got.status != 204 || len(got.header["Set-Cookie"]) != 0 || i.alive(t, there) {
			t.Errorf("got %v, session alive %v, want 204 and the session dead", got, i.alive(t, there))
		}
		i.wantReason(t, i.send(t, "DELETE", "/auth/sessions/"+ids[0], "", holding(here)), 404, "not_found")
		own := decode[sessionList](t, i.get(t, "/auth/sessions", holding(here))).Sessions
		if len(own) != 1 || !own[0].Current {
			t.Fatalf("got sessions %+v, want the current one alone", own)
		}
		if got := i.send(t, "DELETE", "/auth/sessions/"+own[0].ID, "", holding(here)); got.status != 204 || got.cookie() != "" ||
			len(got.header["Set-Cookie"]) != 1 || i.alive(t, here) {
			t.Errorf("got %v with cookies %q, want 204 and the cookie cleared", got, got.header["Set-Cookie"])
		}
	})
}

func TestLogout(t *testing.T) {
	eachWorld(t, func(t *testing.T, w world) {
		i := launch(t, w)
		lumen := i.install(t, fields{"landing_page": "/start", "return_origins": []string{"https://app.lumen.example"}})
		enter := func() string { return i.signIn(t, link(lumen.token(person("anna")))) }

		cookie := enter()
		for _, target := range []string{"/auth/logout", "/auth/logout?go=/x", "/auth/logout?go=https://app.lumen.example/bye"} {
			a := i.get(t, target, holding(cookie))
			if a.status != 200 || len(a.header["Set-Cookie"]) != 0 || !strings.Contains(a.body, "<form") {
				t.Errorf("GET %s: got %v, want a page that asks", target, a)
			}
			foreign := strings.Contains(target, "app.lumen")
			if got := strings.Contains(a.header.Get("Content-Security-Policy"), "form-action 'self' https://app.lumen.example;"); got != foreign {
				t.Errorf("GET %s: got policy %q", target, a.header.Get("Content-Security-Policy"))
			}
		}
		if evil := i.get(t, "/auth/logout?go="+url.QueryEscape(`https://evil.example;"><script>`), holding(cookie)); evil.status != 200 ||
			strings.Contains(evil.header.Get("Content-Security-Policy"), "evil") || strings.Contains(evil.body, "<script>") {
			t.Errorf("got %v with policy %q for a hostile go", evil, evil.header.Get("Content-Security-Policy"))
		}
		for _, header := range [][]string{
			{"Sec-Fetch-Site: cross-site", "Origin: https://evil.example"},
			{"Sec-Fetch-Site: same-site", "Origin: https://www.localhost"},
			{"Origin: https://evil.example"},
			{"Origin: null"},
			{"Sec-Fetch-Site: cross-site", "Origin: null"},
			{"Sec-Fetch-Site: cross-site"},
			{"Sec-Fetch-Site: cross-site", "Origin: https://app.lumen.example.evil.example"},
			{"Sec-Fetch-Site: cross-site", "Origin: http://app.lumen.example"},
		} {
			i.wantReason(t, i.send(t, "POST", "/auth/logout", "", append(header, holding(cookie), wantsJSON)...), 403, "cross_origin")
		}
		if !i.alive(t, cookie) {
			t.Fatal("got a session ended by a GET or from another site")
		}

		for _, tt := range []struct {
			name, body string
			header     []string
			status     int
			location   string
		}{
			{"page", "", []string{wantsPage}, 200, ""},
			{"JSON", "", []string{wantsJSON}, 204, ""},
			{"form from our page", "go=/x%3Fy=1", []string{isForm, wantsPage, "Sec-Fetch-Site: same-origin", "Origin: " + i.origin}, 303, "/x?y=1"},
			{"to a listed origin", "go=https://app.lumen.example/bye", []string{isForm}, 303, "https://app.lumen.example/bye"},
			{"to another origin", "go=https://evil.example/", []string{isForm}, 303, "/start"},
			{"//", "go=//evil.example", []string{isForm}, 303, "/start"},
			{"from a listed origin", "", []string{"Sec-Fetch-Site: cross-site", "Origin: https://app.lumen.example"}, 200, ""},
			{"garbage as body", "\x00\xff{", []string{"Content-Type: text/plain"}, 200, ""},
		} {
			t.Run(tt.name, func(t *testing.T) {
				cookie := enter()
				a := i.send(t, "POST", "/auth/logout", tt.body, append(tt.header, holding(cookie))...)
				if a.status != tt.status || a.header.Get("Location") != tt.location || i.alive(t, cookie) {
					t.Errorf("got %v to %q, session alive %v, want %d to %q", a, a.header.Get("Location"), i.alive(t, cookie), tt.status, tt.location)
				}
				if got := a.header["Set-Cookie"]; len(got) != 1 || !strings.Contains(got[0], "Max-Age=0") {
					t.Errorf("got cookies %q, want the session's cleared", got)
				}
				// Once more is no error.
				if again := i.send(t, "POST", "/auth/logout", "", holding(cookie)); again.status != 200 {
					t.Errorf("got %v at the second sign-out, want 200", again)
				}
			})
		}
	})
}

// TestStoreDown cuts the way to one store after the other: 503, no cookie, no
// token spent, and all is well once it is back.
func TestStoreDown(t *testing.T) {
	t.Parallel()
	if !haveServers() {
		return // TestStoreBusy has the embedded half
	}
	base := serversWorld(t)
	for _, store := range []string{"database", "redis"} {
		t.Run(store, func(t *testing.T) {
			t.Parallel()
			var w world
			var g *gate
			if store == "database" {
				g = newGate(t, base.database)
				w = worldAt(g.url, base.redis)
			} else {
				g = newGate(t, base.redis)
				w = worldAt(base.database, g.url)
			}
			i := launch(t, w, "USHER_DRAIN_TIMEOUT=5s")
			lumen := i.install(t, fields{"name": store, "link_policy": "trusted"})
			known := i.signIn(t, link(lumen.token(person("anna"))))
			g.shut()
			targets := []string{
				link(lumen.token(person("anna").with(fields{"jti": store + "1"}))),
				link(lumen.token(person("new" + store).with(fields{"jti": store + "2"}))),
			}
			for _, target := range targets {
				a := i.get(t, target, wantsJSON)
				i.wantReason(t, a, 503, "store_unavailable")
				if a.header.Get("Retry-After") == "" {
					t.Errorf("got no Retry-After")
				}
				i.wantReason(t, i.get(t, target, wantsPage), 503, "store_unavailable")
			}
			i.wantReason(t, i.get(t, "/auth/session", holding(known)), 503, "store_unavailable")
			if got := i.get(t, "/healthz"); got.status != 200 {
				t.Errorf("got %v from /healthz, want 200", got)
			}
			ready := i.get(t, "/readyz")
			check := map[string]string{"database": "database", "redis": "sessions"}[store]
			if ready.status != 503 || decode[struct{ Checks map[string]string }](t, ready).Checks[check] != "unavailable" {
				t.Errorf("got %v from /readyz, want 503 because of %s", ready, check)
			}
			if strings.Contains(ready.body, g.address) {
				t.Errorf("got the store's address shown: %s", ready.body)
			}
			g.open(t)
			if !i.alive(t, known) {
				t.Errorf("got a session lost while its store was away")
			}
			for _, target := range targets {
				i.signIn(t, target)
				i.wantReason(t, i.get(t, target, wantsJSON), 401, "token_replayed")
			}
		})
	}
}

// TestEndedAtOnce: what ends sessions has ended them when it answers.
func TestEndedAtOnce(t *testing.T) {
	eachWorld(t, func(t *testing.T, w world) {
		i := launch(t, w)
		lumen := i.install(t, nil)
		atrium := i.install(t, fields{"name": "Atrium"})
		enter := func(n installed, name string) string { return i.signIn(t, link(n.token(person(name)))) }

		anna, annaToo, berta := enter(lumen, "anna"), enter(lumen, "anna"), enter(lumen, "berta")
		carl := enter(atrium, "carl")
		annaID := i.userID(t, "anna@lumen.example")
		changed := decode[map[string]any](t, i.admin(t, 200, "PATCH", "/users/"+annaID, fields{"disabled": true}))
		if changed["disabled"] != true || changed["status"] != "disabled" {
			t.Errorf("got %v, want a disabled user", changed)
		}
		if i.alive(t, anna) || i.alive(t, annaToo) || !i.alive(t, berta) {
			t.Errorf("got a session of a disabled user alive, or another's dead")
		}
		i.wantReason(t, i.get(t, link(lumen.token(person("anna"))), wantsJSON), 403, "user_disabled")
		i.admin(t, 200, "PATCH", "/users/"+annaID, fields{"disabled": false})
		if i.alive(t, anna) {
			t.Errorf("got an old session revived by enabling the user")
		}
		anna = enter(lumen, "anna")

		i.admin(t, 204, "DELETE", "/users/"+annaID, nil)
		if i.alive(t, anna) {
			t.Errorf("got a session of an erased user alive")
		}
		i.wantReason(t, i.get(t, link(lumen.token(person("anna"))), wantsJSON), 403, "user_disabled")

		i.admin(t, 204, "DELETE", "/integrations/"+lumen.ID, nil)
		if i.alive(t, berta) || !i.alive(t, carl) {
			t.Errorf("got a session of a removed integration alive, or another's dead")
		}
		i.wantReason(t, i.get(t, link(lumen.token(person("berta"))), wantsJSON), 401, "integration_removed")
		list := decode[struct{ Integrations []installed }](t, i.admin(t, 200, "GET", "/integrations", nil)).Integrations
		if slices.ContainsFunc(list, func(n installed) bool { return n.ID == lumen.ID }) {
			t.Errorf("got a removed integration in the list")
		}
	})
}

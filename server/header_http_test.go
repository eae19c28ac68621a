package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"usher/sql/store/storetest"
	"usher/testenv"
)

// calling is the header lines of an API call on behalf of a person.
func (n installed) calling(claims fields) []string {
	return []string{"Authorization: JWT " + n.token(fields{"iss": n.AppID}.with(claims)), "Cocorico-App-Id: " + n.AppID}
}

// TestHeaderCalls: every endpoint that takes a session takes a token, and a bad
// token is 401 whatever else the request carries.
func TestHeaderCalls(t *testing.T) {
	eachWorld(t, func(t *testing.T, w world) {
		i := launch(t, w)
		acme, bolt := i.addTenant(t, "acme", "acme.localhost"), i.addTenant(t, "bolt", "bolt.localhost")
		other := i.install(t, fields{"name": "Other"}, acme.host)
		berta := person("berta").with(fields{"groups": []string{"editors"}})
		good := acme.lumen.calling(berta)
		i.send(t, "GET", "/auth/session", "", append(good, acme.host)...) // makes berta
		bertaID := i.userID(t, "berta@lumen.example", acme.host)
		now := time.Now().Unix()
		token := strings.TrimPrefix(good[0], "Authorization: JWT ")
		appID := good[1]

		cases := []struct {
			name   string
			header []string
			status int
			reason string
		}{
			{"good", good, 200, ""},
			{"good, no app id beside it", good[:1], 200, ""},
			{"good, X-App-Id", []string{good[0], "X-App-Id: " + acme.lumen.AppID}, 200, ""},
			{"good, both app ids", append(good[:2:2], "X-App-Id: "+acme.lumen.AppID), 200, ""},
			{"good, scheme in lower case", []string{"Authorization: jwt  " + token, appID}, 200, ""},
			{"good, beside another's cookie", append(good[:2:2], holding(acme.cookie)), 200, ""},
			{"good, no e-mail", acme.lumen.calling(berta.with(fields{"email": nil})), 200, ""},
			{"good, e-mail empty", acme.lumen.calling(berta.with(fields{"email": ""})), 200, ""},
			{"good, made half an hour ago", acme.lumen.calling(berta.with(fields{"iat": now - 1800})), 200, ""},
			{"bad signature", []string{good[0][:len(good[0])-6] + "AAAAAA", appID}, 401, "signature_invalid"},
			{"damaged", []string{"Authorization: JWT abc", appID}, 401, "token_malformed"},
			{"empty", []string{"Authorization: JWT", appID}, 401, "token_missing"},
			{"too long", []string{"Authorization: JWT " + strings.Repeat("a", 17<<10), appID}, 401, "too_large"},
			{"alg none", []string{"Authorization: JWT " + signed("none", nil, nil, berta), appID}, 401, "alg_not_allowed"},
			{"expired", acme.lumen.calling(berta.with(fields{"exp": now - 300})), 401, "token_expired"},
			{"too old", acme.lumen.calling(berta.with(fields{"iat": now - 2*3600})), 401, "token_too_old"},
			{"another app's id beside it", []string{good[0], "Cocorico-App-Id: " + other.AppID}, 401, "issuer_mismatch"},
			{"an unknown app's id", []string{good[0], "X-App-Id: 0123456789abcdef01234567"}, 401, "issuer_mismatch"},
			{"two app ids", []string{good[0], appID, "X-App-Id: " + other.AppID}, 401, "integration_unknown"},
			{"another iss", acme.lumen.calling(berta.with(fields{"iss": other.AppID})), 401, "issuer_mismatch"},
			{"nobody in it", acme.lumen.calling(berta.with(fields{"sub": nil, "email": nil})), 401, "claim_missing"},
			{"a wrong claim", acme.lumen.calling(berta.with(fields{"groups": "editors"})), 401, "claim_invalid"},
			{"another tenant's", bolt.lumen.calling(berta), 401, "integration_unknown"},
			{"two headers", append(good[:2:2], "Authorization: Basic YTpi"), 401, "no_session"},
			{"Bearer", []string{"Authorization: Bearer " + token, appID}, 401, "no_session"},
			{"no scheme", []string{"Authorization: " + token, appID}, 401, "no_session"},
			{"an admin's key", []string{asAdmin}, 401, "no_session"},
		}
		anna := person("anna")["email"].(string)
		for _, endpoint := range []string{
			"GET /auth/session", "GET /auth/sessions", "DELETE /auth/sessions/" + acme.session, "GET /auth/verify", "POST /auth/verify/a/b?signin=start",
			"GET /api/resources", "GET /api/resources/quiz/none",
		} {
			method, path, _ := strings.Cut(endpoint, " ")
			for _, c := range cases {
				if c.reason == "no_session" && strings.HasPrefix(path, "/api/") {
					continue // Bearer is a partner's own there
				}
				status, reason := c.status, c.reason
				switch {
				case status != 200:
				case method == "DELETE":
					status, reason = 404, "not_found" // anna's, not berta's
				case path == "/api/resources/quiz/none":
					status, reason = 404, "not_found"
				case path == "/auth/verify":
					status = 204
				}
				header := append([]string{acme.host, wantsJSON}, c.header...)
				if status >= 400 && c.status != 200 && !slices.Contains(c.header, holding(acme.cookie)) {
					header = append(header, holding(acme.cookie)) // is not looked at
				}
				a := i.send(t, method, path, "", header...)
				if a.status != status || a.reason() != reason {
					t.Errorf("%s, %s: got %v, want %d %s", endpoint, c.name, a, status, reason)
					continue
				}
				if len(a.header["Set-Cookie"]) != 0 || strings.Contains(a.body, anna) {
					t.Errorf("%s, %s: got cookies %q, or the cookie's user in %v", endpoint, c.name, a.header["Set-Cookie"], a)
				}
				line := i.lastRequest(t, a)
				if c.status != 200 {
					if got := a.header.Get("WWW-Authenticate"); got != `JWT realm="usher"` {
						t.Errorf("%s, %s: got challenge %q", endpoint, c.name, got)
					}
					if strings.Contains(fmt.Sprint(line), acme.user) {
						t.Errorf("%s, %s: got the cookie's user in the log: %v", endpoint, c.name, line)
					}
				} else if line["user"] != bertaID || line["integration"] != acme.lumen.ID {
					t.Errorf("%s, %s: got user %v and integration %v in the log, want %s and %s",
						endpoint, c.name, line["user"], line["integration"], bertaID, acme.lumen.ID)
				}
			}
		}
		for _, secret := range []string{token, acme.lumen.secret(), acme.cookie} {
			if strings.Contains(i.log.String(), secret) {
				t.Errorf("got a credential in the log")
			}
		}
		if a := i.get(t, "/auth/session", acme.host, "Authorization: Bearer "+token); !strings.Contains(a.body, "scheme JWT") {
			t.Errorf("got %v for Bearer, want a hint", a)
		}
		// What is no credential of ours leaves the session alone.
		for _, header := range []string{"Authorization: Basic YTpi", "Authorization: Negotiate abc", "Authorization: JWTs abc", "Authorization: "} {
			if !i.alive(t, acme.cookie, acme.host, header) {
				t.Errorf("%s: got no session", header)
			}
		}
	})
}

// TestHeaderSession: what the page is told of somebody who came with a token.
func TestHeaderSession(t *testing.T) {
	eachWorld(t, func(t *testing.T, w world) {
		i := launch(t, w)
		acme := i.addTenant(t, "acme", "acme.localhost")
		now := time.Now().Unix()
		for _, c := range []struct {
			name   string
			wish   fields
			claims fields
			want   any // seconds since 1970, or nil
		}{
			{"its own end", nil, fields{"exp": now + 600}, now + 600},
			{"the maximum age", nil, nil, now + 3600},
			{"the sooner of both", nil, fields{"exp": now + 86400}, now + 3600},
			{"none", fields{"embed_max_age": 0}, nil, nil},
		} {
			n := i.install(t, fields{"name": c.name, "link_policy": "trusted"}.with(c.wish), acme.host)
			a := i.get(t, "/auth/session", append(n.calling(person("anna").with(fields{"iat": now}).with(c.claims)), acme.host)...)
			got := decode[struct {
				User        struct{ ID, Email string }
				Integration struct{ ID string }
				Expires     json.RawMessage `json:"expires_at"`
			}](t, a)
			want := "null"
			if seconds, ok := c.want.(int64); ok {
				want = `"` + time.Unix(seconds, 0).UTC().Format(time.RFC3339) + `"`
			}
			if got.User.ID != acme.user || got.Integration.ID != n.ID || string(got.Expires) != want {
				t.Errorf("%s: got %v, want user %s, integration %s and the end %s", c.name, a, acme.user, n.ID, want)
			}
		}
		list := decode[sessionList](t, i.get(t, "/auth/sessions", append(acme.lumen.calling(person("anna")), acme.host)...))
		if len(list.Sessions) != 1 || list.Sessions[0].ID != acme.session || list.Sessions[0].Current {
			t.Errorf("got sessions %v, want the browser's, not as this one", list)
		}
		// A token may end the person's sessions; a script on another site needs
		// no leave beyond it.
		a := i.send(t, "DELETE", "/auth/sessions/"+acme.session, "", append(acme.lumen.calling(person("anna")), acme.host, "Sec-Fetch-Site: cross-site", "Origin: https://elsewhere.example")...)
		if a.status != 204 || i.alive(t, acme.cookie, acme.host) {
			t.Errorf("got %v, want the session ended", a)
		}
	})
}

// TestHeaderPeople: what is wrong with the person and not with the token is 403.
func TestHeaderPeople(t *testing.T) {
	eachWorld(t, func(t *testing.T, w world) {
		i := launch(t, w)
		acme := i.addTenant(t, "acme", "acme.localhost")
		closed := i.install(t, fields{"name": "Closed", "auto_create": false}, acme.host)
		apart := i.install(t, fields{"name": "Apart", "link_policy": "never"}, acme.host)
		for reason, header := range map[string][]string{
			"user_unknown":     closed.calling(person("berta")),
			"email_in_use":     apart.calling(person("anna")),
			"subject_conflict": acme.lumen.calling(person("anna").with(fields{"sub": "another"})),
		} {
			for _, path := range []string{"/auth/session", "/auth/verify", "/auth/verify/x", "/api/resources"} {
				a := i.get(t, path, append(header, acme.host, wantsJSON, holding(acme.cookie))...)
				i.wantReason(t, a, 403, reason)
			}
		}
	})
}

// sessionRows counts what sessions have left in the stores.
func sessionRows(t *testing.T, w world, db *storetest.Database) string {
	t.Helper()
	rows := db.Rows(t, `SELECT count(*) FROM kv_sessions`)[0] + " rows, " + db.Rows(t, `SELECT count(*) FROM used_tokens`)[0] + " used tokens"
	if w.redis == "" {
		return rows
	}
	options, err := redis.ParseURL(testenv.RedisURL(t))
	if err != nil {
		t.Fatal(err)
	}
	client := redis.NewClient(options)
	defer client.Close()
	keys := 0
	for _, tenant := range db.Rows(t, `SELECT id FROM tenants`) {
		for _, kind := range []string{"s", "u"} {
			found, err := client.Keys(t.Context(), "*"+kind+":*"+tenant+"*").Result()
			if err != nil {
				t.Fatal(err)
			}
			keys += len(found)
		}
	}
	return fmt.Sprintf("%s, %d keys", rows, keys)
}

// TestHeaderCallsLeaveNothing: thousands of calls over 64 connections make no
// session, and spend no token.
func TestHeaderCallsLeaveNothing(t *testing.T) {
	eachDatabaseWorld(t, func(t *testing.T, w world, db *storetest.Database) {
		i := launch(t, w)
		acme := i.addTenant(t, "acme", "acme.localhost")
		callers := make([][]string, 8)
		for n := range callers {
			callers[n] = append(acme.lumen.calling(person(fmt.Sprintf("caller%d", n)).with(fields{"jti": fmt.Sprint(n)})), acme.host)
			if a := i.get(t, "/auth/verify", callers[n]...); a.status != 204 {
				t.Fatalf("got %v, want 204", a)
			}
		}
		before := sessionRows(t, w, db)
		var group sync.WaitGroup
		var calls atomic.Int64
		users := make([]sync.Map, len(callers))
		for n := range 64 {
			group.Go(func() {
				for range 30 {
					a, err := i.try(t.Context(), "GET", []string{"/auth/verify", "/auth/session", "/auth/verify/x"}[n%3], "", callers[n%len(callers)]...)
					if err != nil || a.status >= 300 || len(a.header["Set-Cookie"]) != 0 {
						t.Errorf("got %v, error %v, want a 2xx without a cookie", a, err)
						return
					}
					if user := a.header.Get("X-Usher-User"); user != "" {
						users[n%len(callers)].Store(user, true)
					}
					calls.Add(1)
				}
			})
		}
		group.Wait()
		if after := sessionRows(t, w, db); after != before || calls.Load() != 64*30 {
			t.Errorf("after %d calls: got %s, want %s as before", calls.Load(), after, before)
		}
		seen := map[any]int{}
		for n := range users {
			users[n].Range(func(user, _ any) bool { seen[user]++; return true })
		}
		if len(seen) != len(callers) {
			t.Errorf("got %d users for %d callers: %v", len(seen), len(callers), seen)
		}
		for user, times := range seen {
			if times != 1 {
				t.Errorf("got user %v for %d callers, want one", user, times)
			}
		}
		// The very tokens still sign in: nothing was spent.
		link := link(strings.TrimPrefix(callers[0][0], "Authorization: JWT "))
		i.signIn(t, link, acme.host)
	})
}

// TestHeaderCallsEnd: a removal, a disabling and a retired key count at the next
// call, on the instance that has just let the caller in too.
func TestHeaderCallsEnd(t *testing.T) {
	eachWorld(t, func(t *testing.T, w world) {
		a := launch(t, w)
		b := a
		if w.redis != "" {
			b = launch(t, w)
		}
		acme, bolt := a.addTenant(t, "acme", "acme.localhost"), a.addTenant(t, "bolt", "bolt.localhost")
		berta, carla := acme.lumen.calling(person("berta")), acme.lumen.calling(person("carla"))
		elsewhere := append(bolt.lumen.calling(person("berta")), bolt.host)
		ask := func(header []string) answer { return a.get(t, "/auth/verify", append(header, acme.host, wantsJSON)...) }
		for range 3 {
			for _, header := range [][]string{berta, carla} {
				if got := ask(header); got.status != 204 {
					t.Fatalf("got %v, want 204", got)
				}
			}
		}
		id := a.userID(t, "berta@lumen.example", acme.host)
		b.admin(t, 200, "PATCH", "/users/"+id, fields{"disabled": true}, acme.host)
		a.wantReason(t, ask(berta), 403, "user_disabled")
		if got := ask(carla); got.status != 204 {
			t.Errorf("got %v for somebody else, want 204", got)
		}
		b.admin(t, 200, "PATCH", "/users/"+id, fields{"disabled": false}, acme.host)
		if got := ask(berta); got.status != 204 {
			t.Errorf("got %v when enabled again, want 204", got)
		}

		b.admin(t, 201, "POST", "/integrations/"+acme.lumen.ID+"/keys", fields{}, acme.host)
		stop := make(chan struct{})
		var group sync.WaitGroup
		var removed atomic.Bool
		for range 8 {
			group.Go(func() {
				for {
					select {
					case <-stop:
						return
					default:
					}
					late := removed.Load()
					got, err := a.try(t.Context(), http.MethodGet, "/auth/verify", "", append(carla[:2:2], acme.host, wantsJSON)...)
					if err != nil || late && (got.status != 401 || got.reason() != "integration_removed") || !late && got.status != 204 && got.status != 401 {
						t.Errorf("got %v, error %v; the removal had returned: %v", got, err, late)
						return
					}
				}
			})
		}
		b.admin(t, 204, "DELETE", "/integrations/"+acme.lumen.ID, nil, acme.host)
		removed.Store(true)
		a.wantReason(t, ask(carla), 401, "integration_removed")
		a.wantReason(t, ask(berta), 401, "integration_removed")
		close(stop)
		group.Wait()
		if got := a.get(t, "/auth/verify", elsewhere...); got.status != 204 {
			t.Errorf("got %v in another tenant, want 204", got)
		}
	})
}

// TestHeaderRefusalsAreLogged: a partner who asks why finds the attempt.
func TestHeaderRefusalsAreLogged(t *testing.T) {
	eachWorld(t, func(t *testing.T, w world) {
		i := launch(t, w)
		acme := i.addTenant(t, "acme", "acme.localhost")
		a := i.get(t, "/auth/session", append(acme.lumen.calling(person("berta").with(fields{"exp": time.Now().Unix() - 300})), acme.host, wantsJSON)...)
		i.wantReason(t, a, 401, "token_expired")
		found := i.entries(t, "?outcome=refused", 1, acme.host)
		if entry := found[0]; entry.Reference != a.header.Get("X-Request-Id") || entry.Door != "header" || entry.Reason != "token_expired" {
			t.Errorf("got entry %+v, want the refusal at the door header", entry)
		}
	})
}

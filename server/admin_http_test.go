package main

import (
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"
)

// apiRoute is a route of the admin's API, below /admin/api/v1.
type apiRoute struct{ method, path string }

// apiRoutes are all of them, with ids that do not exist.
func apiRoutes(t *testing.T) []apiRoute {
	t.Helper()
	parameter := regexp.MustCompile(`:[a-z_]+`)
	var routes []apiRoute
	for _, r := range everyRoute(t) {
		method, path, _ := strings.Cut(r, " ")
		if below, found := strings.CutPrefix(path, "/admin/api/v1"); found {
			routes = append(routes, apiRoute{method, parameter.ReplaceAllString(below, "x")})
		}
	}
	return routes
}

func TestAPIKeyIsNeeded(t *testing.T) {
	eachWorld(t, func(t *testing.T, w world) {
		i := launch(t, w)
		cookie := i.signIn(t, link(i.install(t, nil).token(person("anna"))))
		for _, r := range apiRoutes(t) {
			for _, header := range []string{
				"X-Nothing: 1", "Authorization: Bearer", "Authorization: Bearer ", "Authorization: Bearer " + apiKey[1:],
				"Authorization: Bearer " + apiKey + "x", "Authorization: bearer" + apiKey, "Authorization: Basic " + apiKey,
				"Authorization: JWT " + apiKey, "Authorization: " + apiKey, "X-Api-Key: " + apiKey, holding(cookie),
				"Authorization: Bearer " + strings.ToUpper(apiKey),
			} {
				a := i.send(t, r.method, "/admin/api/v1"+r.path, "{}", header)
				if a.status != 401 || a.reason() != "api_key_invalid" || !strings.HasPrefix(a.header.Get("WWW-Authenticate"), "Bearer") {
					t.Errorf("%s %s with %.30q: got %v, want 401 and a challenge", r.method, r.path, header, a)
				}
			}
			if a := i.send(t, r.method, "/admin/api/v1"+r.path+"?key="+apiKey+"&access_token="+apiKey, "{}"); a.status != 401 {
				t.Errorf("%s %s with the key in the query: got %v, want 401", r.method, r.path, a)
			}
		}
		if got := len(decode[struct{ Integrations []installed }](t, i.admin(t, 200, "GET", "/integrations", nil)).Integrations); got != 1 {
			t.Errorf("got %d integrations after requests without a key, want 1", got)
		}
	})
}

func TestWithoutABootstrapKeyNobodyAdministers(t *testing.T) {
	t.Parallel()
	i := launch(t, embeddedWorld(t), "USHER_BOOTSTRAP_API_KEY=")
	for _, header := range []string{"X-Nothing: 1", "Authorization: Bearer ", "Authorization: Bearer", asAdmin} {
		i.wantReason(t, i.get(t, "/admin/api/v1/integrations", header), 401, "api_key_invalid")
	}
}

// TestBodies sends what no route takes to every route that takes a body.
func TestBodies(t *testing.T) {
	eachWorld(t, func(t *testing.T, w world) {
		i := launch(t, w)
		lumen := i.install(t, nil)
		i.signIn(t, link(lumen.token(person("anna"))))
		user := i.userID(t, "anna@lumen.example")
		i.admin(t, 201, "POST", "/groups", fields{"external_id": "editors", "name": "Editors"})
		i.admin(t, 201, "POST", "/credits", fields{"id": 7, "name": "Course"})
		state := func() string {
			var b strings.Builder
			for _, path := range []string{"/integrations", "/groups", "/credits", "/users/" + user} {
				b.WriteString(i.admin(t, 200, "GET", path, nil).body)
			}
			return b.String()
		}
		before := state()
		routes := []struct{ method, path, good string }{
			{"POST", "/tenants", `"name":"T","hosts":["t.example"]`},
			{"POST", "/integrations", `"name":"N"`},
			{"PATCH", "/integrations/" + lumen.ID, `"name":"N"`},
			{"POST", "/integrations/" + lumen.ID + "/keys", `"algorithm":"HS256"`},
			{"POST", "/groups", `"external_id":"g","name":"G"`},
			{"POST", "/credits", `"id":8,"name":"C"`},
			{"PATCH", "/users/" + user, `"disabled":true`},
			{"POST", "/users/" + user + "/credits/consume", `"order_id":"o","id":7`},
		}
		for _, r := range routes {
			first := r.good[1 : strings.IndexByte(r.good[1:], '"')+1]
			for _, body := range []string{
				"", "null", "[]", `"text"`, "1", "{", "{" + r.good + "}{}", "{" + r.good + "} x", "\ufeff{" + r.good + "}",
				"{" + r.good + `,"surprise":1}`,
				"{" + r.good + "," + r.good + "}",
				"{" + r.good + `,"` + fmt.Sprintf(`\u%04x`, first[0]) + first[1:] + `":null}`,
				"{" + strings.Replace(r.good, first, strings.ToUpper(first), 1) + "}",
				"{" + r.good + `,"` + strings.ToUpper(first) + `":null}`,
				"{" + r.good + `,"x":"` + "\xff" + `"}`,
				"{" + strings.Replace(r.good, `":`, `":{"a":1},"x":`, 1) + "}",
				`{"` + first + `":{}}`, `{"` + first + `":[[]]}`, `{"` + first + `":"a\u0000b"}`, `{"` + first + `":"a` + "\x00" + `b"}`,
				`{"` + first + `":"` + strings.Repeat("x", 200<<10) + `"}`,
				`{"` + first + `":"` + strings.Repeat("x", 600<<10) + `"}`,
				strings.Repeat(`{"a":`, 10_000) + "1" + strings.Repeat("}", 10_000),
			} {
				a := i.send(t, r.method, "/admin/api/v1"+r.path, body, asAdmin, "Content-Type: application/json", "Idempotency-Key: 1")
				if a.status != 400 || a.reason() != "bad_request" {
					t.Errorf("%s %s with %.60q: got %v, want 400", r.method, r.path, body, a)
				}
			}
		}
		if after := state(); after != before {
			t.Errorf("got a change by refused requests:\n%s\nbefore:\n%s", after, before)
		}
	})
}

// TestLimitsOfFields: each field one step beyond what it takes, and at it.
func TestLimitsOfFields(t *testing.T) {
	eachWorld(t, func(t *testing.T, w world) {
		i := launch(t, w)
		many := func(n int) []string {
			list := make([]string, n)
			for at := range list {
				list[at] = fmt.Sprintf("https://o%d.example", at)
			}
			return list
		}
		for _, tt := range []struct {
			field     string
			good, bad []any
		}{
			{"name", []any{"x", strings.Repeat("ä", 100)}, []any{"", " ", nil, strings.Repeat("ä", 101), "a\nb", "a\u0085b", 7}},
			{"issuer", []any{"", "https://x", strings.Repeat("i", 255)}, []any{strings.Repeat("i", 256), "a\tb", 7}},
			{"max_age", []any{nil, 0, 1, 180, 365 * 24 * 3600}, []any{-1, 365*24*3600 + 1, 1.5, "180", 1e30}},
			{"leeway", []any{0, 300}, []any{-1, 301, 0.5}},
			{"landing_page", []any{"", "/", "/x?y=1#z"}, []any{"x", "//evil.example", "/\\evil.example", "https://evil.example", "/a b", "/auth/logout", "/" + strings.Repeat("x", 2048)}},
			{
				"return_origins",
				[]any{[]string{}, []string{"https://a.example"}, []string{"http://localhost:1"}, many(50)},
				[]any{"https://a.example", []string{"http://a.example"}, []string{"https://a.example/x"}, []string{"*"}, []string{"https://*.example"}, []any{1}, many(51)},
			},
			{"embed_origins", []any{[]string{}, many(50)}, []any{[]string{"javascript:"}, many(51)}},
			{"embed_max_age", []any{nil, 0, 1, 24 * 3600}, []any{-1, 24*3600 + 1, 1.5, "60"}},
			{
				"content_origins",
				[]any{nil, []string{}, []string{"https://a.example:8443"}, []string{"http://127.0.0.1:1"}, many(50)},
				[]any{"https://a.example", []string{"http://10.0.0.1"}, []string{"https://a.example/x"}, many(51)},
			},
			{"link_policy", []any{"unclaimed", "trusted", "never"}, []any{"", "Trusted", 1}},
			{"auto_create", []any{true, false}, []any{"true", 1}},
			{"single_use", []any{true, false}, []any{"true", 0}},
			{"unknown_groups", []any{"ignore", "create", "refuse"}, []any{"park", ""}},
			{"unknown_credits", []any{"park", "ignore", "refuse"}, []any{"create", ""}},
			{"group_scope", []any{"all", "owned"}, []any{"none"}},
			{"meta_mode", []any{"merge", "replace"}, []any{"none"}},
			{"session_idle", []any{60, 90 * 24 * 3600}, []any{59, 90*24*3600 + 1, nil}},
			{"session_absolute", []any{60, 90 * 24 * 3600}, []any{0, 90*24*3600 + 1}},
			{"secret", []any{strings.Repeat("0123456789abcdef!", 2)}, []any{"short", strings.Repeat("a", 32), strings.Repeat("0123456789abcdef!", 80), 7}},
			{"public_key", nil, []any{"x", "-----BEGIN PUBLIC KEY-----", "{}", strings.Repeat("x", 100_000)}},
			{"algorithm", []any{"", "HS256", "HS384", "HS512"}, []any{"none", "RS256", "hs256", "HS1"}},
		} {
			for _, value := range tt.good {
				body := map[string]any{"name": "good"}
				body[tt.field] = value
				i.admin(t, 201, "POST", "/integrations", body)
			}
			for _, value := range tt.bad {
				body := map[string]any{"name": "bad"}
				body[tt.field] = value
				got := i.send(t, "POST", "/admin/api/v1/integrations", jsonText(body), asAdmin)
				if got.status != 400 || got.reason() != "bad_request" {
					t.Errorf("%s %.40v: got %v, want 400", tt.field, value, got)
				}
			}
		}
	})
}

func TestSecretIsShownOnce(t *testing.T) {
	eachWorld(t, func(t *testing.T, w world) {
		i := launch(t, w)
		made := i.admin(t, 201, "POST", "/integrations", fields{"name": "Lumen"})
		lumen := decode[installed](t, made)
		if len(lumen.secret()) < 43 || made.header.Get("Cache-Control") != "no-store" {
			t.Errorf("got a secret of %d characters with Cache-Control %q", len(lumen.secret()), made.header.Get("Cache-Control"))
		}
		if lumen.CallbackURL != i.origin+"/auth/callback/jwt-auth" || len(lumen.AppID) != 24 || lumen.MaxAge == nil || *lumen.MaxAge != 180 {
			t.Errorf("got integration %+v, want its callback URL, app id and a max age of 180", lumen)
		}
		second := decode[installedKey](t, i.admin(t, 201, "POST", "/integrations/"+lumen.ID+"/keys", fields{}))
		for _, a := range []answer{
			i.admin(t, 200, "GET", "/integrations", nil),
			i.admin(t, 200, "GET", "/integrations/"+lumen.ID, nil),
			i.admin(t, 200, "GET", "/integrations/"+lumen.AppID, nil),
			i.admin(t, 200, "PATCH", "/integrations/"+lumen.ID, fields{"name": "Lumen 2"}),
		} {
			if strings.Contains(a.body, lumen.secret()) || strings.Contains(a.body, second.Secret) || strings.Contains(a.body, `"secret"`) {
				t.Errorf("got a secret shown again: %v", a)
			}
		}
	})
}

// TestKeys: what adding, retiring and a limit of keys do to links.
func TestKeys(t *testing.T) {
	eachWorld(t, func(t *testing.T, w world) {
		i := launch(t, w)
		lumen := i.install(t, nil)
		keys := "/integrations/" + lumen.ID + "/keys"
		i.wantReason(t, i.admin(t, 400, "DELETE", keys+"/"+lumen.kid(), nil), 400, "bad_request") // the last one
		second := decode[installedKey](t, i.admin(t, 201, "POST", keys, fields{}))
		newer := func() string {
			return link(signed("HS256", second.Secret, nil, person("anna")))
		}
		session := i.signIn(t, newer())
		i.signIn(t, link(signed("HS256", lumen.secret(), nil, person("anna")))) // without kid all live ones are tried
		later := time.Now().Add(time.Hour).UTC().Format(time.RFC3339)
		i.admin(t, 204, "DELETE", keys+"/"+lumen.kid()+"?at="+later, nil)
		i.signIn(t, link(lumen.token(person("anna"))))
		i.admin(t, 400, "DELETE", keys+"/"+lumen.kid()+"?at=tomorrow", nil)
		i.admin(t, 204, "DELETE", keys+"/"+lumen.kid(), nil)
		i.wantReason(t, i.get(t, link(lumen.token(person("anna"))), wantsJSON), 401, "key_retired")
		i.wantReason(t, i.get(t, link(signed("HS256", lumen.secret(), nil, person("anna"))), wantsJSON), 401, "key_retired")
		i.signIn(t, newer())
		if !i.alive(t, session) {
			t.Errorf("got a session ended by retiring a key")
		}
		i.admin(t, 204, "DELETE", keys+"/"+lumen.kid(), nil) // once more
		i.admin(t, 404, "DELETE", keys+"/key_nowhere", nil)
		i.admin(t, 404, "DELETE", "/integrations/nowhere/keys/"+second.ID, nil)
		for range 4 {
			i.admin(t, 201, "POST", keys, fields{})
		}
		i.admin(t, 400, "POST", keys, fields{}) // a sixth live one
	})
}

// TestChangedIntegration: a PATCH counts for the next link.
func TestChangedIntegration(t *testing.T) {
	eachWorld(t, func(t *testing.T, w world) {
		i := launch(t, w)
		lumen := i.install(t, nil)
		path := "/integrations/" + lumen.ID
		old := link(lumen.token(person("anna").with(fields{"iat": nil})))
		i.wantReason(t, i.get(t, old, wantsJSON), 401, "iat_missing")
		changed := decode[installed](t, i.admin(t, 200, "PATCH", path, map[string]any{"max_age": nil}))
		if changed.MaxAge != nil || changed.Name != "Lumen Learning" || !changed.AutoCreate {
			t.Errorf("got %+v, want no max age and the rest as it was", changed)
		}
		i.signIn(t, old)
		i.admin(t, 200, "PATCH", path, fields{"max_age": 60})
		i.wantReason(t, i.get(t, old, wantsJSON), 401, "iat_missing")
		i.admin(t, 200, "PATCH", path, fields{"landing_page": "/new"})
		if got := i.get(t, link(lumen.token(person("anna")))).header.Get("Location"); got != "/new" {
			t.Errorf("got Location %q, want the new landing page", got)
		}
		i.admin(t, 404, "PATCH", "/integrations/nowhere", fields{"name": "x"})
		i.admin(t, 404, "GET", "/integrations/nowhere", nil)
		i.admin(t, 404, "DELETE", "/integrations/nowhere", nil)
		i.admin(t, 204, "DELETE", path, nil)
		i.admin(t, 404, "GET", path, nil)
		i.admin(t, 404, "PATCH", path, fields{"name": "x"})
		i.admin(t, 404, "POST", path+"/keys", fields{})
		i.admin(t, 204, "DELETE", path, nil) // once more
	})
}

func TestCatalogue(t *testing.T) {
	eachWorld(t, func(t *testing.T, w world) {
		i := launch(t, w)
		for _, wrong := range []fields{
			{"name": "x"},
			{"external_id": ""},
			{"external_id": strings.Repeat("x", 65)},
			{"external_id": "a\nb"},
			{"external_id": 7},
			{"external_id": "x", "name": strings.Repeat("x", 101)},
		} {
			i.admin(t, 400, "POST", "/groups", wrong)
		}
		for _, wrong := range []fields{
			{"name": "x"},
			{"id": 0, "name": "x"},
			{"id": -1, "name": "x"},
			{"id": 1 << 53, "name": "x"},
			{"id": 1.5, "name": "x"},
			{"id": "1", "name": "x"},
			{"id": 1},
			{"id": 1, "name": ""},
		} {
			i.admin(t, 400, "POST", "/credits", wrong)
		}
		for n := range 201 {
			i.admin(t, 201, "POST", "/groups", fields{"external_id": fmt.Sprintf("g%03d", n)})
		}
		for n := range 3 {
			i.admin(t, 201, "POST", "/credits", fields{"id": n + 1, "name": "c"})
		}
		i.wantReason(t, i.admin(t, 409, "POST", "/groups", fields{"external_id": "g000"}), 409, "conflict")
		i.wantReason(t, i.admin(t, 409, "POST", "/credits", fields{"id": 1, "name": "again"}), 409, "conflict")
		groups := decode[struct {
			Groups []struct {
				ExternalID string `json:"external_id"`
			}
			Next *string
		}](t, i.admin(t, 200, "GET", "/groups", nil))
		if len(groups.Groups) != 200 || groups.Next == nil {
			t.Fatalf("got %d groups and next %v, want 200 and one", len(groups.Groups), groups.Next)
		}
		rest := i.admin(t, 200, "GET", "/groups?after="+*groups.Next, nil).body
		if strings.Count(rest, "external_id") != 1 || !strings.Contains(rest, `"next":null`) || !strings.Contains(rest, "g200") {
			t.Errorf("got the last page %s, want g200 alone", rest)
		}
		credits := i.admin(t, 200, "GET", "/credits?after=2", nil).body
		if strings.Count(credits, `"id"`) != 1 || !strings.Contains(credits, `"id":3`) || !strings.Contains(credits, `"next":null`) {
			t.Errorf("got the last page %s, want 3 alone", credits)
		}
		for _, query := range []string{"%00", "%ff", strings.Repeat("x", 5000), "'--"} {
			if got := i.send(t, "GET", "/admin/api/v1/groups?after="+query, "", asAdmin); got.status != 200 && got.status != 400 {
				t.Errorf("groups after %.20q: got %v", query, got)
			}
			i.admin(t, 400, "GET", "/credits?after="+query, nil)
		}
	})
}

// TestPeople: found by e-mail in any spelling, with journal and credits.
func TestPeople(t *testing.T) {
	eachWorld(t, func(t *testing.T, w world) {
		i := launch(t, w)
		lumen := i.install(t, nil)
		i.admin(t, 201, "POST", "/credits", fields{"id": 7, "name": "Course"})
		claims := person("anna").with(fields{"credits": []fields{{"orderId": "A", "id": 7}, {"orderId": "B", "id": 8}}})
		entered := i.get(t, link(lumen.token(claims)))
		for _, spelling := range []string{"anna@lumen.example", "ANNA@Lumen.Example", "%20anna@lumen.example%20"} {
			if got := i.admin(t, 200, "GET", "/users?email="+spelling, nil).body; !strings.Contains(got, `"email":"anna@lumen.example"`) {
				t.Errorf("%s: got %s", spelling, got)
			}
		}
		for query, status := range map[string]int{
			"": 200, "?email=": 400, "?email=x": 400, "?email=%00@x.example": 400, "?email=%ff@x.example": 400, "?email=nobody@x.example": 200,
		} {
			i.admin(t, status, "GET", "/users"+query, nil)
		}
		user := i.userID(t, "anna@lumen.example")
		for _, id := range []string{"x", strings.ToUpper(user), user + "0", "%00", "00000000-0000-0000-0000-000000000000", "..%2f" + user} {
			for _, rest := range []string{"", "/journal", "/credits"} {
				if got := i.get(t, "/admin/api/v1/users/"+id+rest, asAdmin); got.status != 404 {
					t.Errorf("user %q%s: got %v, want 404", id, rest, got)
				}
			}
		}
		i.admin(t, 400, "PATCH", "/users/"+user, fields{})
		i.admin(t, 400, "PATCH", "/users/"+user, map[string]any{"disabled": nil})
		i.admin(t, 400, "PATCH", "/users/"+user, fields{"disabled": "yes"})

		journal := i.admin(t, 200, "GET", "/users/"+user+"/journal", nil).body
		for _, part := range []string{lumen.ID, lumen.kid(), entered.header.Get("X-Request-Id"), `"what":"user_created"`} {
			if !strings.Contains(journal, part) {
				t.Errorf("got journal %s, want %s in it", journal, part)
			}
		}

		consume := "/users/" + user + "/credits/consume"
		spend := fields{"order_id": "A", "id": 7}
		i.admin(t, 400, "POST", consume, spend) // no key
		i.admin(t, 400, "POST", consume, spend, "Idempotency-Key: "+strings.Repeat("k", 129))
		for range 2 {
			got := i.admin(t, 200, "POST", consume, spend, "Idempotency-Key: one").body
			if strings.Count(got, `"consumed":true`) != 1 {
				t.Errorf("got %s, want one credit consumed", got)
			}
		}
		i.admin(t, 409, "POST", consume, spend, "Idempotency-Key: two")
		i.admin(t, 404, "POST", consume, fields{"order_id": "A", "id": 9}, "Idempotency-Key: three")
		i.admin(t, 404, "POST", consume, fields{"order_id": "a", "id": 7}, "Idempotency-Key: three")
		i.admin(t, 404, "POST", consume, fields{"order_id": "B", "id": 8}, "Idempotency-Key: three") // parked
		if got := i.get(t, "/auth/session", holding(entered.cookie())).body; !strings.Contains(got, `"consumed":true`) {
			t.Errorf("got session %s, want the credit consumed", got)
		}
		i.admin(t, http.StatusNoContent, "DELETE", "/users/"+user, nil)
		if got := i.admin(t, 200, "GET", "/users?email=anna@lumen.example", nil).body; got != `{"next":null,"users":[]}` {
			t.Errorf("got %s after the erasure, want nobody", got)
		}
	})
}

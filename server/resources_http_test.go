package main

import (
	"crypto/ed25519"
	"crypto/rand"
	"encoding/base64"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
)

// basic is the header line of a client (RFC 6749 §2.3.1).
func basic(app, secret string) string {
	pair := url.QueryEscape(app) + ":" + url.QueryEscape(secret)
	return "Authorization: Basic " + base64.StdEncoding.EncodeToString([]byte(pair))
}

const wantsClientToken = "grant_type=client_credentials"

// clientToken is what the token endpoint answers.
type clientToken struct {
	AccessToken string `json:"access_token"`
	TokenType   string `json:"token_type"`
	ExpiresIn   int    `json:"expires_in"`
	Scope       string
}

// server returns the header line of a partner's server.
func (i *instance) server(t testing.TB, n installed, header ...string) string {
	t.Helper()
	a := i.send(t, "POST", "/api/oauth/token", wantsClientToken, append(header, isForm, basic(n.AppID, n.secret()))...)
	token := decode[clientToken](t, a)
	if a.status != http.StatusOK || len(token.AccessToken) != 64 || token.TokenType != "Bearer" || token.ExpiresIn != 3000 || token.Scope != "resources" {
		t.Fatalf("got %v, want a token", a)
	}
	return "Authorization: Bearer " + token.AccessToken
}

// oauthReason is the error of a token endpoint.
func (a answer) oauthReason(t testing.TB) string {
	t.Helper()
	if kind := a.header.Get("Content-Type"); kind != "application/json" && kind != "application/json; charset=utf-8" {
		t.Errorf("got %v of type %q, want JSON", a, kind)
	}
	answered := decode[struct {
		Error       string
		Description string `json:"error_description"`
		Reference   string
	}](t, a)
	if answered.Description == "" || strings.ContainsAny(answered.Description, `"\`) || answered.Reference != a.header.Get("X-Request-Id") {
		t.Errorf("got %v, want a description and the reference", a)
	}
	return answered.Error
}

type resource struct {
	Integration string
	Kind, ID    string
	Title       string
	Restricted  bool
	Content     *struct{ URL string }
	EmbedURL    string `json:"embed_url"`
}

func TestClientToken(t *testing.T) {
	eachWorld(t, func(t *testing.T, w world) {
		i := launch(t, w)
		n := i.install(t, fields{"embed_origins": []string{"https://news.example"}})
		good := basic(n.AppID, n.secret())
		form := url.Values{"grant_type": {"client_credentials"}, "client_id": {n.AppID}, "client_secret": {n.secret()}}.Encode()
		for name, test := range map[string]struct {
			body   string
			header []string
			status int
			reason string
		}{
			"basic":                   {wantsClientToken, []string{isForm, good}, 200, ""},
			"basic, lower-case":       {wantsClientToken, []string{isForm, strings.Replace(good, "Basic", "basic", 1)}, 200, ""},
			"form":                    {form, []string{isForm}, 200, ""},
			"scope":                   {wantsClientToken + "&scope=resources", []string{isForm, good}, 200, ""},
			"empty scope":             {wantsClientToken + "&scope=", []string{isForm, good}, 200, ""},
			"unknown parameters":      {wantsClientToken + "&audience=x", []string{isForm, good}, 200, ""},
			"same client_id":          {wantsClientToken + "&client_id=" + n.AppID, []string{isForm, good}, 200, ""},
			"both ways":               {form, []string{isForm, good}, 400, "invalid_request"},
			"another client_id":       {wantsClientToken + "&client_id=x", []string{isForm, good}, 400, "invalid_request"},
			"two headers":             {wantsClientToken, []string{isForm, good, good}, 400, "invalid_request"},
			"twice":                   {wantsClientToken + "&grant_type=client_credentials", []string{isForm, good}, 400, "invalid_request"},
			"no grant":                {"scope=resources", []string{isForm, good}, 400, "invalid_request"},
			"another grant":           {"grant_type=password", []string{isForm, good}, 400, "unsupported_grant_type"},
			"another scope":           {wantsClientToken + "&scope=resources+admin", []string{isForm, good}, 400, "invalid_scope"},
			"JSON":                    {`{"grant_type":"client_credentials"}`, []string{"Content-Type: application/json", good}, 400, "invalid_request"},
			"no credentials":          {wantsClientToken, []string{isForm}, 401, "invalid_client"},
			"wrong secret":            {wantsClientToken, []string{isForm, basic(n.AppID, n.secret()+"x")}, 401, "invalid_client"},
			"cut secret":              {wantsClientToken, []string{isForm, basic(n.AppID, n.secret()[1:])}, 401, "invalid_client"},
			"secret in another case":  {wantsClientToken, []string{isForm, basic(n.AppID, swapCase(n.secret()))}, 401, "invalid_client"},
			"empty secret":            {wantsClientToken, []string{isForm, basic(n.AppID, "")}, 401, "invalid_client"},
			"unknown app":             {wantsClientToken, []string{isForm, basic("000000000000000000000000", n.secret())}, 401, "invalid_client"},
			"id instead of app id":    {wantsClientToken, []string{isForm, basic(n.ID, n.secret())}, 401, "invalid_client"},
			"a person's token":        {wantsClientToken, []string{isForm, "Authorization: JWT " + n.token(person("anna"))}, 401, "invalid_client"},
			"no base64":               {wantsClientToken, []string{isForm, "Authorization: Basic !!"}, 401, "invalid_client"},
			"no colon":                {wantsClientToken, []string{isForm, "Authorization: Basic " + base64.StdEncoding.EncodeToString([]byte("x"))}, 401, "invalid_client"},
			"not encoded as in forms": {wantsClientToken, []string{isForm, "Authorization: Basic " + base64.StdEncoding.EncodeToString([]byte("x:%zz"))}, 401, "invalid_client"},
		} {
			a := i.send(t, "POST", "/api/oauth/token", test.body, test.header...)
			if a.status != test.status {
				t.Errorf("%s: got %v, want %d", name, a, test.status)
			}
			if a.header.Get("Cache-Control") != "no-store" || a.header.Get("Pragma") != "no-cache" || a.cookie() != "" {
				t.Errorf("%s: got headers %v, want no-store and no cookie", name, a.header)
			}
			if test.reason != "" && a.oauthReason(t) != test.reason {
				t.Errorf("%s: got %v, want %s", name, a, test.reason)
			}
			if challenge := a.header.Get("WWW-Authenticate"); (a.status == 401) != strings.HasPrefix(challenge, "Basic") {
				t.Errorf("%s: got challenge %q with %d", name, challenge, a.status)
			}
		}
		if a := i.send(t, "POST", "/api/oauth/token?"+form, "", isForm); a.status != 400 || a.oauthReason(t) != "invalid_request" {
			t.Errorf("in the query: got %v, want 400", a)
		}
		edKey, _, err := ed25519.GenerateKey(rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		public := i.install(t, fields{"name": "Public", "public_key": publicPEM(t, edKey)})
		a := i.send(t, "POST", "/api/oauth/token", wantsClientToken, isForm, basic(public.AppID, "x"))
		if a.status != 400 || a.oauthReason(t) != "unauthorized_client" {
			t.Errorf("public keys only: got %v, want 400 and unauthorized_client", a)
		}

		// Wrong secrets are bounded; the right one is good all the same.
		limited := 0
		for range 40 {
			a := i.send(t, "POST", "/api/oauth/token", wantsClientToken, isForm, basic(n.AppID, "wrong"))
			if a.status == 429 && a.oauthReason(t) == "rate_limited" && a.header.Get("Retry-After") != "" {
				limited++
			}
		}
		if limited == 0 || limited == 40 {
			t.Errorf("got %d of 40 wrong secrets rate limited, want some", limited)
		}
		i.server(t, n)
		if strings.Contains(i.log.String(), n.secret()) || strings.Contains(i.log.String(), url.QueryEscape(good[len(good)-20:])) {
			t.Error("got a secret in the log")
		}
	})
}

func swapCase(text string) string {
	if upper := strings.ToUpper(text); upper != text {
		return upper
	}
	return strings.ToLower(text)
}

func TestPartnersResources(t *testing.T) {
	eachWorld(t, func(t *testing.T, w world) {
		i := launch(t, w)
		n := i.install(t, fields{"content_origins": []string{"https://content.example"}})
		other := i.install(t, fields{"name": "Other"})
		mine, theirs := i.server(t, n), i.server(t, other)
		call := func(as string, status int, method, path, body string, header ...string) answer {
			t.Helper()
			a := i.send(t, method, "/api/resources"+path, body, append(header, as)...)
			if a.status != status {
				t.Errorf("%s %s: got %v, want %d", method, path, a, status)
			}
			return a
		}
		made := call(mine, 201, "POST", "", `{"kind":"vote-widget","id":"57cc26","title":"A <b>vote</b>","content":{"url":"https://content.example/votes/1"}}`)
		r := decode[resource](t, made)
		want := i.origin + "/embed/vote-widget/57cc26?appId=" + n.AppID
		if made.header.Get("Location") != "/api/resources/vote-widget/57cc26" || r.EmbedURL != want || r.Restricted || r.Content.URL != "https://content.example/votes/1" {
			t.Errorf("got %v, want %s at its Location", made, want)
		}
		if a := call(mine, 200, "GET", "/vote-widget/57cc26", ""); a.header.Get("ETag") != made.header.Get("ETag") || a.body != made.body {
			t.Errorf("got %v, want what was made: %v", a, made)
		}
		call(mine, 409, "POST", "", `{"kind":"vote-widget","id":"57cc26","title":"Again"}`)
		if again := decode[resource](t, call(mine, 201, "POST", "", `{"kind":"vote-widget","title":"Another"}`)); len(again.ID) != 24 {
			t.Errorf("got id %q, want one made", again.ID)
		}

		// PUT makes, replaces, and minds If-Match.
		first := call(mine, 201, "PUT", "/form/1", `{"title":"One","restricted":true}`)
		second := call(mine, 200, "PUT", "/form/1", `{"title":"Two","kind":"form","id":"1"}`)
		if r := decode[resource](t, second); r.Restricted || r.Title != "Two" || r.Content != nil {
			t.Errorf("got %+v, want it replaced as a whole", r)
		}
		etag := "If-Match: " + first.header.Get("ETag")
		call(mine, 412, "PUT", "/form/1", `{"title":"Three"}`, etag)
		call(mine, 412, "DELETE", "/form/1", "", etag)
		call(mine, 412, "PUT", "/form/new", `{"title":"Three"}`, etag)
		call(mine, 412, "PUT", "/form/new", `{"title":"Three"}`, "If-Match: *")
		call(mine, 200, "PUT", "/form/1", `{"title":"Two"}`, "If-Match: *")
		call(mine, 400, "PUT", "/form/1", `{"title":"Three"}`, "If-Match: x")
		call(mine, 400, "PUT", "/form/1", `{"title":"Three"}`, "If-None-Match: *")
		call(mine, 400, "PUT", "/form/1", `{"title":"Two","id":"2"}`)

		// Bad input names the field, and changes nothing.
		for body, field := range map[string]string{
			`{"title":"x"}`: "kind", `{"kind":"Form","title":"x"}`: "kind", `{"kind":"form"}`: "title", `{"kind":"form","title":""}`: "title",
			`{"kind":"form","title":"x","id":".."}`: "id", `{"kind":"form","title":"x","owner":"y"}`: "owner",
			`{"kind":"form","title":"x","Restricted":true}`: "Restricted", `{"kind":"form","title":"x","restricted":"yes"}`: "restricted",
			`{"kind":"form","title":"x","content":"https://content.example/"}`:               "content",
			`{"kind":"form","title":"x","content":{"url":"http://127.0.0.1:9/"}}`:            "content",
			`{"kind":"form","title":"x","content":{"url":"https://evil.example/"}}`:          "content",
			`{"kind":"form","title":"x","content":{"URL":"https://content.example/"}}`:       "content",
			`{"kind":"form","title":"x","content":{"url":"https://content.example/","x":1}}`: "content",
			`{"kind":"form","title":"x","content":{"url":null}}`:                             "content",
			`{"kind":"form","title":"x","content":{}}`:                                       "content",
			`{"kind":"form","title":"x","title":"y"}`:                                        "repeated",
			`[]`: "JSON",
			`{"kind":"form","title":"` + strings.Repeat("x", 130<<10) + `"}`:                   "bytes",
			`{"kind":"form","title":"x","embed_url":"https://usher.example/embed/form/1"}`:     "embed_url",
			`{"kind":"form","title":"x\u0000"}`:                                                "NUL",
			`{"kind":"form","title":"x","content":{"url":"https://content.example/","url":1}}`: "repeated",
		} {
			a := call(mine, 400, "POST", "", body)
			if a.reason() != "bad_request" || !strings.Contains(a.body, field) {
				t.Errorf("%.80s: got %v, want bad_request that names %s", body, a, field)
			}
		}
		call(mine, 400, "GET", "?knid=form", "")
		call(mine, 400, "GET", "?kind=form&kind=vote", "")
		call(mine, 400, "GET", "/form/1?x=1", "")
		call(mine, 400, "GET", "?after=form", "")

		// The other integration has its own view.
		call(theirs, 404, "GET", "/form/1", "")
		call(theirs, 404, "DELETE", "/form/1", "")
		call(theirs, 409, "PUT", "/form/1", `{"title":"Mine now"}`)
		call(theirs, 409, "POST", "", `{"kind":"form","id":"1","title":"Mine now"}`)
		list := func(as, query string) int {
			return len(decode[struct{ Resources []resource }](t, call(as, 200, "GET", query, "")).Resources)
		}
		if got := list(mine, ""); got != 3 {
			t.Errorf("got %d own resources, want 3", got)
		}
		if got := list(mine, "?kind=form"); got != 1 {
			t.Errorf("got %d forms, want 1", got)
		}
		if got := list(theirs, ""); got != 0 {
			t.Errorf("got %d resources of the other, want none", got)
		}
		call(mine, 204, "DELETE", "/form/1", "")
		call(mine, 404, "GET", "/form/1", "")

		// What they did stands in the audit log, under their name.
		rows := decode[struct {
			Audit []struct{ Actor, Action, Object string }
		}](t, i.admin(t, 200, "GET", "/audit?actor="+url.QueryEscape("integration "+n.ID), nil)).Audit
		if len(rows) != 5 || rows[0].Action != "resource_deleted" || rows[0].Object != "resource form/1" {
			t.Errorf("got %v, want five acts, the deletion last", rows)
		}
	})
}

func TestAccessTokenIsNeeded(t *testing.T) {
	eachWorld(t, func(t *testing.T, w world) {
		i := launch(t, w)
		second := launch(t, w)
		n := i.install(t, nil)
		cookie := i.signIn(t, link(n.token(person("anna"))))
		token := i.server(t, n)
		bare := strings.TrimPrefix(token, "Authorization: Bearer ")
		refused := func(i *instance, header ...string) {
			t.Helper()
			for _, r := range [][2]string{{"POST", ""}, {"PUT", "/form/1"}, {"DELETE", "/form/1"}} {
				a := i.send(t, r[0], "/api/resources"+r[1], `{"kind":"form","title":"x"}`, header...)
				i.wantReason(t, a, 401, "access_token_invalid")
				if !strings.HasPrefix(a.header.Get("WWW-Authenticate"), "Bearer") {
					t.Errorf("%s with %.40q: got no challenge", r[0], header)
				}
			}
		}
		for _, header := range []string{
			"X-Nothing: 1", "Authorization: Bearer", "Authorization: Bearer " + bare[1:], "Authorization: Bearer " + bare + "0",
			"Authorization: Bearer " + strings.ToUpper(bare), "Authorization: Basic " + bare, "Authorization: JWT " + bare,
			holding(cookie), asAdmin, "Authorization: Bearer " + n.token(person("anna")),
		} {
			refused(i, header)
		}
		if a := i.send(t, "POST", "/api/resources?access_token="+bare, `{"kind":"form","title":"x"}`); a.status != 401 {
			t.Errorf("in the query: got %v, want 401", a)
		}
		if a := i.get(t, "/api/resources", "Authorization: Bearer "+n.token(person("anna"))); a.status != 401 || !strings.Contains(a.body, "JWT") {
			t.Errorf("a person's token behind Bearer: got %v, want 401 and a hint", a)
		}
		// A bad token beside a good cookie is no one's, not the cookie's.
		i.wantReason(t, i.get(t, "/api/resources", "Authorization: Bearer "+bare+"0", holding(cookie)), 401, "access_token_invalid")
		if a := i.get(t, "/api/resources", strings.Replace(token, "Bearer", "bEARER", 1)); a.status != 200 {
			t.Errorf("scheme in another case: got %v, want 200", a)
		}

		// Another tenant's host knows neither the token nor the client.
		i.addTenant(t, "acme", "a.localhost")
		i.wantReason(t, i.get(t, "/api/resources", "Host: a.localhost", token), 401, "access_token_invalid")
		if a := i.send(t, "POST", "/api/oauth/token", wantsClientToken, "Host: a.localhost", isForm, basic(n.AppID, n.secret())); a.status != 401 {
			t.Errorf("the client at another tenant: got %v, want 401", a)
		}

		// With the key its tokens die, on the other instance too.
		added := decode[installedKey](t, i.admin(t, 201, "POST", "/integrations/"+n.ID+"/keys", fields{}))
		if a := second.get(t, "/api/resources", token); a.status != 200 {
			t.Errorf("at the second instance: got %v, want 200", a)
		}
		i.admin(t, 204, "DELETE", "/integrations/"+n.ID+"/keys/"+n.kid(), nil)
		refused(second, token)
		renewed := n
		renewed.Keys = []installedKey{added}
		fresh := second.server(t, renewed)
		if a := i.get(t, "/api/resources", fresh); a.status != 200 {
			t.Errorf("a token of the new key: got %v, want 200", a)
		}
		if a := i.send(t, "POST", "/api/oauth/token", wantsClientToken, isForm, basic(n.AppID, n.secret())); a.status != 401 {
			t.Errorf("the retired key's secret: got %v, want 401", a)
		}

		// With the integration everything dies, at the next call.
		if a := second.get(t, "/api/resources", fresh); a.status != 200 {
			t.Errorf("at the second instance: got %v, want 200", a)
		}
		i.admin(t, 204, "DELETE", "/integrations/"+n.ID, nil)
		second.wantReason(t, second.get(t, "/api/resources", fresh), 401, "access_token_invalid")
		refused(second, fresh)
		if strings.Contains(i.log.String()+second.log.String(), bare) {
			t.Error("got an access token in a log")
		}
	})
}

func TestPeoplesResources(t *testing.T) {
	eachWorld(t, func(t *testing.T, w world) {
		i := launch(t, w)
		n := i.install(t, fields{"content_origins": []string{"https://content.example"}})
		other := i.install(t, fields{"name": "Other"})
		mine := i.server(t, n)
		for id, restricted := range map[string]bool{"open": false, "closed": true} {
			body := fmt.Sprintf(`{"title":"%s","restricted":%t,"content":{"url":"https://content.example/secret-place"}}`, id, restricted)
			if a := i.send(t, "PUT", "/api/resources/vote/"+id, body, mine); a.status != 201 {
				t.Fatalf("got %v, want 201", a)
			}
		}
		header := func(n installed, changes fields) []string {
			return []string{"Authorization: JWT " + n.token(person("anna-"+n.AppID).with(fields{"iss": n.AppID}).with(changes)), "X-App-Id: " + n.AppID}
		}
		for name, test := range map[string]struct {
			as           []string
			open, closed int // status
		}{
			"own":             {header(n, nil), 200, 200},
			"own, []":         {header(n, fields{"authorizedVotes": []string{}}), 200, 200},
			"own, listed":     {header(n, fields{"authorizedVotes": []string{"open"}}), 200, 403},
			"foreign":         {header(other, nil), 200, 403},
			"foreign, listed": {header(other, fields{"authorizedResources": []string{"closed"}}), 403, 403},
			"session":         {[]string{holding(i.signIn(t, link(n.token(person("bob")))))}, 200, 200},
		} {
			listed := 0
			for id, status := range map[string]int{"open": test.open, "closed": test.closed} {
				a := i.get(t, "/api/resources/vote/"+id, test.as...)
				if a.status != status || status == 403 && a.reason() != "resource_forbidden" {
					t.Errorf("%s opens %s: got %v, want %d", name, id, a, status)
				}
				if strings.Contains(a.body, "content") {
					t.Errorf("%s: got %v, want no word on where the content comes from", name, a)
				}
				if status == 200 {
					listed++
				}
			}
			a := i.get(t, "/api/resources", test.as...)
			if strings.Contains(a.body, "content") {
				t.Errorf("%s: got %v, want no word on where the content comes from", name, a)
			}
			if got := len(decode[struct{ Resources []resource }](t, a).Resources); a.status != 200 || got != listed {
				t.Errorf("%s: got %v, want a list of %d", name, a, listed)
			}
		}
		i.wantReason(t, i.get(t, "/api/resources"), 401, "no_session")
		i.wantReason(t, i.get(t, "/api/resources/vote/none", header(n, nil)...), 404, "not_found")
		i.admin(t, 204, "DELETE", "/integrations/"+n.ID, nil)
		if a := i.get(t, "/api/resources", header(n, nil)...); a.status != 401 {
			t.Errorf("of a removed integration: got %v, want 401", a)
		}
		i.wantReason(t, i.get(t, "/api/resources/vote/open", header(other, nil)...), 404, "not_found")
	})
}

// TestPartnersWithoutStores: while a store is away a token is neither given out
// nor refused, and nothing is half done.
func TestPartnersWithoutStores(t *testing.T) {
	t.Parallel()
	if !haveServers() {
		return
	}
	w := serversWorld(t)
	g := newGate(t, w.database)
	i := launch(t, worldAt(g.url, w.redis))
	n := i.install(t, nil)
	mine := i.server(t, n)
	g.shut()
	a := i.send(t, "POST", "/api/oauth/token", wantsClientToken, isForm, basic(n.AppID, n.secret()))
	if a.status != 503 || a.oauthReason(t) != "store_unavailable" || a.header.Get("Retry-After") == "" || a.header.Get("WWW-Authenticate") != "" {
		t.Errorf("token endpoint: got %v, want 503 and when to try again", a)
	}
	for _, r := range [][3]string{
		{"GET", "", ""},
		{"GET", "/form/1", ""},
		{"POST", "", `{"kind":"form","id":"1","title":"x"}`},
		{"PUT", "/form/1", `{"title":"x"}`},
		{"DELETE", "/form/1", ""},
	} {
		a := i.send(t, r[0], "/api/resources"+r[1], r[2], mine)
		i.wantReason(t, a, 503, "store_unavailable")
		if a.header.Get("Retry-After") == "" {
			t.Errorf("%s: got no Retry-After", r[0])
		}
	}
	g.open(t)
	if a := i.get(t, "/api/resources", mine); a.status != 200 || strings.Contains(a.body, "form") {
		t.Errorf("afterwards: got %v, want the token good and nothing made", a)
	}
}

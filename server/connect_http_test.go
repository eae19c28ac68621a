package main

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

var accessFormats = []string{"jwt", "at+jwt", "reference"}

func TestConnectToken(t *testing.T) {
	eachWorld(t, func(t *testing.T, w world) {
		i := launch(t, w)
		i.addConnection(t, "library", []string{"library:read"})
		lumen := i.addClient(t, "jwt", []string{"library", "library:read"})
		idle := decode[clientUnderTest](t, i.admin(t, 201, "POST", "/clients", fields{"name": "Idle", "grants": []string{}, "api_scopes": []string{"library"}}))
		off := i.addClient(t, "reference", []string{"library"})
		i.admin(t, 200, "PATCH", "/clients/"+off.ID, fields{"disabled": true})
		bare := i.addClient(t, "jwt", nil)
		good := lumen.asks()
		form := url.Values{"grant_type": {"client_credentials"}, "client_id": {lumen.ClientID}, "client_secret": {lumen.ClientSecret}}.Encode()
		for name, test := range map[string]struct {
			body   string
			header []string
			status int
			want   string // the scopes, or the error
		}{
			"basic":                    {wantsClientToken, []string{isForm, good}, 200, "library library:read"},
			"form":                     {form, []string{isForm}, 200, "library library:read"},
			"one scope":                {wantsClientToken + "&scope=library%3Aread", []string{isForm, good}, 200, "library:read"},
			"scopes":                   {wantsClientToken + "&scope=library%3Aread+library", []string{isForm, good}, 200, "library library:read"},
			"empty scope":              {wantsClientToken + "&scope=", []string{isForm, good}, 200, "library library:read"},
			"unknown parameters":       {wantsClientToken + "&audience=x", []string{isForm, good}, 200, "library library:read"},
			"same client_id":           {wantsClientToken + "&client_id=" + lumen.ClientID, []string{isForm, good}, 200, "library library:read"},
			"both ways":                {form, []string{isForm, good}, 400, "invalid_request"},
			"another client_id":        {wantsClientToken + "&client_id=x", []string{isForm, good}, 400, "invalid_request"},
			"two headers":              {wantsClientToken, []string{isForm, good, good}, 400, "invalid_request"},
			"twice":                    {wantsClientToken + "&grant_type=client_credentials", []string{isForm, good}, 400, "invalid_request"},
			"scope twice":              {wantsClientToken + "&scope=library&scope=library", []string{isForm, good}, 400, "invalid_request"},
			"no grant":                 {"scope=library", []string{isForm, good}, 400, "invalid_request"},
			"JSON":                     {`{"grant_type":"client_credentials"}`, []string{"Content-Type: application/json", good}, 400, "invalid_request"},
			"another grant":            {"grant_type=password", []string{isForm, good}, 400, "unsupported_grant_type"},
			"a grant that is not hers": {wantsClientToken, []string{isForm, idle.asks()}, 400, "unauthorized_client"},
			"unknown scope":            {wantsClientToken + "&scope=library+admin", []string{isForm, good}, 400, "invalid_scope"},
			"no scope to have":         {wantsClientToken, []string{isForm, bare.asks()}, 400, "invalid_scope"},
			"no credentials":           {wantsClientToken, []string{isForm}, 401, "invalid_client"},
			"no secret":                {wantsClientToken + "&client_id=" + lumen.ClientID, []string{isForm}, 401, "invalid_client"},
			"wrong secret":             {wantsClientToken, []string{isForm, basic(lumen.ClientID, lumen.ClientSecret+"x")}, 401, "invalid_client"},
			"another's secret":         {wantsClientToken, []string{isForm, basic(lumen.ClientID, idle.ClientSecret)}, 401, "invalid_client"},
			"secret in another case":   {wantsClientToken, []string{isForm, basic(lumen.ClientID, swapCase(lumen.ClientSecret))}, 401, "invalid_client"},
			"id of the row":            {wantsClientToken, []string{isForm, basic(lumen.ID, lumen.ClientSecret)}, 401, "invalid_client"},
			"disabled":                 {wantsClientToken, []string{isForm, off.asks()}, 401, "invalid_client"},
			"bearer":                   {wantsClientToken, []string{isForm, "Authorization: Bearer " + lumen.ClientSecret}, 401, "invalid_client"},
		} {
			a := i.send(t, "POST", "/connect/token", test.body, test.header...)
			if a.status != test.status {
				t.Errorf("%s: got %v, want %d", name, a, test.status)
				continue
			}
			if a.header.Get("Cache-Control") != "no-store" || a.header.Get("Pragma") != "no-cache" || a.cookie() != "" {
				t.Errorf("%s: got headers %v, want no-store and no cookie", name, a.header)
			}
			if challenge := a.header.Get("WWW-Authenticate"); (a.status == 401) != strings.HasPrefix(challenge, "Basic") {
				t.Errorf("%s: got challenge %q with %d", name, challenge, a.status)
			}
			got := ""
			if a.status == 200 {
				got = decode[clientToken](t, a).Scope
			} else {
				got = a.oauthReason(t)
			}
			if got != test.want {
				t.Errorf("%s: got %q, want %q", name, got, test.want)
			}
		}
		if a := i.send(t, "POST", "/connect/token?"+form, "", isForm); a.status != 400 || a.oauthReason(t) != "invalid_request" {
			t.Errorf("in the query: got %v, want 400", a)
		}
		if a := i.send(t, "POST", "/connect/token", form+"&x="+strings.Repeat("x", 300<<10), isForm); a.status != 400 && a.status != 413 {
			t.Errorf("a body of 300 KiB: got %v, want it refused", a)
		}
		i.addTenant(t, "acme", "a.localhost")
		if a := i.send(t, "POST", "/connect/token", wantsClientToken, "Host: a.localhost", isForm, good); a.status != 401 || a.oauthReason(t) != "invalid_client" {
			t.Errorf("at another tenant: got %v, want 401", a)
		}

		// Wrong secrets are bounded; the right one is good all the same.
		limited := 0
		for range 40 {
			a := i.send(t, "POST", "/connect/token", wantsClientToken, isForm, basic(lumen.ClientID, "wrong"))
			if a.status == 429 && a.oauthReason(t) == "rate_limited" && a.header.Get("Retry-After") != "" {
				limited++
			}
		}
		if limited == 0 || limited == 40 {
			t.Errorf("got %d of 40 wrong secrets rate limited, want some", limited)
		}
		token := i.accessToken(t, lumen)
		for _, secret := range []string{token, lumen.ClientSecret, good[len(good)-20:]} {
			if strings.Contains(i.log.String(), secret) {
				t.Error("got a token or a secret in the log")
			}
		}
	})
}

// introspected is what is said of a token that is worth something.
type introspected struct {
	Active    bool     `json:"active"`
	NotBefore int64    `json:"nbf"`
	Expires   int64    `json:"exp"`
	IssuedAt  int64    `json:"iat"`
	Issuer    string   `json:"iss"`
	Audience  []string `json:"aud"`
	ClientID  string   `json:"client_id"`
	Subject   string   `json:"sub"`
	Scope     string   `json:"scope"`
	TokenType string   `json:"token_type"`
	ID        string   `json:"jti"`
	AuthTime  int64    `json:"auth_time"`
	Methods   string   `json:"amr"`
}

func TestConnectIntrospect(t *testing.T) {
	eachWorld(t, func(t *testing.T, w world) {
		i := launch(t, w)
		second := launch(t, w)
		library := i.addConnection(t, "library", []string{"library:read"})
		archive := i.addConnection(t, "archive", nil)
		museum := i.addConnection(t, "museum", nil)
		for _, format := range accessFormats {
			lumen := i.addClient(t, format, []string{"archive", "library", "library:read"})
			token := i.accessToken(t, lumen)
			before := time.Now().Unix()
			a := i.introspect(t, library, token)
			found := decode[introspected](t, a)
			if a.status != 200 || a.header.Get("Cache-Control") != "no-store" || before-found.IssuedAt > 60 || found.ID == "" {
				t.Errorf("%s: got %v with %v", format, a, a.header)
			}
			want := introspected{
				Active: true, NotBefore: found.IssuedAt, IssuedAt: found.IssuedAt, Expires: found.IssuedAt + 3000, Issuer: i.origin,
				Audience: []string{i.origin, "library"}, ClientID: lumen.ClientID, Subject: lumen.ClientID,
				Scope: "library library:read", TokenType: "Bearer", ID: found.ID,
			}
			if diff := cmp.Diff(want, found); diff != "" {
				t.Errorf("%s: got another answer (-want +got):\n%s", format, diff)
			}
			// As old clients ask.
			old := url.Values{"token": {token}, "token_type_hint": {"access_token"}, "client_id": {"archive"}, "client_secret": {archive.Secret}}
			if a := i.send(t, "POST", "/connect/introspect", old.Encode(), isForm); decode[introspected](t, a).Scope != "archive" {
				t.Errorf("%s: got %v, want the scope of the archive alone", format, a)
			}
			i.introspect(t, museum, token).wantInactive(t, format+" without a scope of the caller")
			for what, text := range map[string]string{
				"cut": token[:len(token)-1], "extended": token + "0", "in another case": strings.ToUpper(token), "with a space": token + " ",
			} {
				i.introspect(t, library, text).wantInactive(t, format+" "+what)
			}
		}
		for _, text := range []string{"x", "..", strings.Repeat("0", 64), strings.Repeat("a.", 1<<15), "\x00", library.Secret} {
			i.introspect(t, library, text).wantInactive(t, "malformed")
		}

		// Who asks is known first.
		good := url.Values{"token": {"x"}}.Encode()
		lumen := i.addClient(t, "jwt", []string{"library"})
		for name, test := range map[string]struct {
			body   string
			header []string
			status int
			reason string
		}{
			"nobody":               {good, []string{isForm}, 401, "invalid_client"},
			"wrong secret":         {good, []string{isForm, basic("library", library.Secret+"x")}, 401, "invalid_client"},
			"another's secret":     {good, []string{isForm, basic("library", archive.Secret)}, 401, "invalid_client"},
			"name in capitals":     {good, []string{isForm, basic("Library", library.Secret)}, 401, "invalid_client"},
			"a client":             {good, []string{isForm, lumen.asks()}, 401, "invalid_client"},
			"the token to look at": {good, []string{isForm, "Authorization: Bearer " + i.accessToken(t, lumen)}, 401, "invalid_client"},
			"no token":             {"x=y", []string{isForm, library.asks()}, 400, "invalid_request"},
			"two tokens":           {"token=a&token=b", []string{isForm, library.asks()}, 400, "invalid_request"},
			"both ways":            {good + "&client_id=library&client_secret=x", []string{isForm, library.asks()}, 400, "invalid_request"},
		} {
			a := i.send(t, "POST", "/connect/introspect", test.body, test.header...)
			if a.status != test.status || a.oauthReason(t) != test.reason || a.header.Get("Cache-Control") != "no-store" {
				t.Errorf("%s: got %v with %v, want %d and %s", name, a, a.header, test.status, test.reason)
			}
		}
		if a := i.send(t, "POST", "/connect/introspect?token=x", "", isForm, library.asks()); a.status != 400 {
			t.Errorf("a token in the query: got %v, want 400", a)
		}
		if a := i.get(t, "/connect/introspect?token=x", library.asks()); a.status != 405 {
			t.Errorf("GET: got %v, want 405", a)
		}

		// Another tenant's token and connection, both at its host and at ours.
		i.addTenant(t, "acme", "a.localhost")
		theirs := i.addConnection(t, "library", nil, "Host: a.localhost")
		stranger := i.addClient(t, "jwt", []string{"library"}, "Host: a.localhost")
		foreign := i.accessToken(t, stranger, "Host: a.localhost")
		if found := decode[introspected](t, i.introspect(t, theirs, foreign, "Host: a.localhost")); found.Issuer != "http://a.localhost:"+i.port {
			t.Errorf("got issuer %q, want the tenant's own", found.Issuer)
		}
		i.introspect(t, library, foreign).wantInactive(t, "another tenant's")
		i.introspect(t, theirs, i.accessToken(t, lumen), "Host: a.localhost").wantInactive(t, "ours at another tenant")
		if a := i.introspect(t, theirs, foreign); a.status != 401 {
			t.Errorf("another tenant's connection: got %v, want 401", a)
		}

		// A client that is switched off, or gone, at once and everywhere.
		for _, format := range accessFormats {
			lumen := i.addClient(t, format, []string{"library"})
			token := i.accessToken(t, lumen)
			if a := second.introspect(t, library, token); !decode[introspected](t, a).Active && format == "reference" {
				t.Errorf("at the second instance: got %v, want it active", a)
			}
			i.admin(t, 200, "PATCH", "/clients/"+lumen.ID, fields{"disabled": true})
			second.introspect(t, library, token).wantInactive(t, format+" of a client that is disabled")
			i.admin(t, 200, "PATCH", "/clients/"+lumen.ID, fields{"disabled": false})
			if a := i.introspect(t, library, token); !decode[introspected](t, a).Active {
				t.Errorf("%s: got %v after the client was enabled, want it active", format, a)
			}
			i.admin(t, 204, "DELETE", "/clients/"+lumen.ID, nil)
			i.introspect(t, library, token).wantInactive(t, format+" of a client that is gone")
			second.introspect(t, library, token).wantInactive(t, format+" of a client that is gone, at the second instance")
			if strings.Contains(i.log.String()+second.log.String(), token) {
				t.Errorf("%s: got a token in a log", format)
			}
		}
	})
}

// TestConnectRevocation: once there is an answer, the token is dead at every
// instance.
func TestConnectRevocation(t *testing.T) {
	eachWorld(t, func(t *testing.T, w world) {
		// Both are reached by one address, as behind a balancer.
		const public, at = "USHER_PUBLIC_URL=http://sso.localhost", "Host: sso.localhost"
		i, second := launch(t, w, public), launch(t, w, public)
		library := i.addConnection(t, "library", nil, at)
		for _, format := range accessFormats {
			lumen := i.addClient(t, format, []string{"library"}, at)
			other := i.addClient(t, format, []string{"library"}, at)
			var all sync.WaitGroup
			for n := range 8 {
				all.Go(func() {
					token := i.accessToken(t, lumen, at)
					if a := second.introspect(t, library, token, at); !decode[introspected](t, a).Active {
						t.Errorf("%s: got %v, want it active", format, a)
					}
					for _, a := range []answer{i.revoke(t, other, token, at), i.revoke(t, lumen, "unknown", at)} {
						if a.status != 200 || a.body != "" || a.header.Get("Cache-Control") != "no-store" {
							t.Errorf("%s: got %v about a token that is not the client's, want an empty 200", format, a)
						}
					}
					if a := second.introspect(t, library, token, at); !decode[introspected](t, a).Active {
						t.Errorf("%s: got %v after another client's revocation, want it active", format, a)
					}
					here, there := i, second
					if n%2 == 1 {
						here, there = second, i
					}
					for range 2 { // a second time is no error
						if a := here.revoke(t, lumen, token, at); a.status != 200 || a.body != "" {
							t.Errorf("%s: got %v, want an empty 200", format, a)
						}
						there.introspect(t, library, token, at).wantInactive(t, format+" that was revoked")
					}
				})
			}
			all.Wait()
			for name, test := range map[string]struct {
				body, header string
				status       int
				reason       string
			}{
				"no token":       {"x=y", lumen.asks(), 400, "invalid_request"},
				"two tokens":     {"token=a&token=b", lumen.asks(), 400, "invalid_request"},
				"wrong secret":   {"token=a", basic(lumen.ClientID, "x"), 401, "invalid_client"},
				"the connection": {"token=a", library.asks(), 401, "invalid_client"},
			} {
				if a := i.send(t, "POST", "/connect/revocation", test.body, isForm, at, test.header); a.status != test.status || a.oauthReason(t) != test.reason {
					t.Errorf("%s: got %v, want %d and %s", name, a, test.status, test.reason)
				}
			}
		}
	})
}

// TestConnectWhileTheDatabaseIsAway: no answer is a yes or a no then.
func TestConnectWhileTheDatabaseIsAway(t *testing.T) {
	t.Parallel()
	if !haveServers() {
		return // the embedded one is never away
	}
	base := serversWorld(t)
	g := newGate(t, base.database)
	i := launch(t, worldAt(g.url, base.redis), "USHER_DRAIN_TIMEOUT=5s")
	library := i.addConnection(t, "library", nil)
	given := map[string]string{}
	var lumen clientUnderTest
	for _, format := range accessFormats {
		lumen = i.addClient(t, format, []string{"library"})
		given[format] = i.accessToken(t, lumen)
	}
	g.shut()
	away := func(what string, a answer) {
		t.Helper()
		if a.status != http.StatusServiceUnavailable || a.header.Get("Retry-After") == "" || a.header.Get("Cache-Control") != "no-store" {
			t.Errorf("%s: got %v with %v, want 503 and Retry-After", what, a, a.header)
		}
	}
	for format, token := range given {
		away("introspection of "+format, i.introspect(t, library, token))
		away("revocation of "+format, i.revoke(t, lumen, token))
	}
	away("token", i.send(t, "POST", "/connect/token", wantsClientToken, isForm, lumen.asks()))
	g.open(t)
	for format, token := range given {
		if a := i.introspect(t, library, token); !decode[introspected](t, a).Active {
			t.Errorf("%s: got %v when the database is back, want it active", format, a)
		}
	}
}

// TestTokensOfOtherKinds: what else the program gives out is no access token
// here, and an access token of a client opens nothing elsewhere.
func TestTokensOfOtherKinds(t *testing.T) {
	eachWorld(t, func(t *testing.T, w world) {
		i := launch(t, w)
		library := i.addConnection(t, "library", nil)
		n := i.install(t, nil)
		cookie := i.signIn(t, link(n.token(person("anna"))))
		partner := strings.TrimPrefix(i.server(t, n), "Authorization: Bearer ")
		for what, text := range map[string]string{
			"a person's token": n.token(person("anna")), "a session": cookie, "an API key": apiKey, "a partner's token": partner, "a secret": n.secret(),
		} {
			i.introspect(t, library, text).wantInactive(t, what)
		}
		for _, format := range accessFormats {
			token := i.accessToken(t, i.addClient(t, format, []string{"library"}))
			for _, target := range []string{"/api/resources", "/auth/session", "/admin/api/v1/integrations"} {
				for _, scheme := range []string{"Bearer", "JWT"} {
					if a := i.get(t, target, fmt.Sprintf("Authorization: %s %s", scheme, token), wantsJSON); a.status != 401 && a.status != 400 && a.status != 404 {
						t.Errorf("%s at %s as %s: got %v, want it refused", format, target, scheme, a)
					}
				}
			}
		}
	})
}

package main

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// asPublished are the attributes of the published example of this call.
var asPublished = fields{"username": "helloworld", "role": "admin", "user_id": 125.0}

// customizedClaims are claims with the attributes beside them, and their audience as a
// list.
func customizedClaims(claims map[string]any, attributes fields) map[string]any {
	all := maps.Clone(claims)
	maps.Copy(all, attributes)
	if one, is := all["aud"].(string); is {
		all["aud"] = []any{one}
	}
	return all
}

// TestV0Custom: every kind of token that a client has of a person takes
// attributes, keeps everything else, and dies with the first.
func TestV0Custom(t *testing.T) {
	eachWorld(t, func(t *testing.T, w world) {
		i := launch(t, w)
		lumen := i.install(t, nil)
		cookie := i.signIn(t, link(lumen.token(person("anna"))))
		library := i.addConnection(t, "library", nil)
		shop := i.addPageClient(t, fields{"api_scopes": []string{"library"}})
		const scope = "openid email offline_access library"
		connect := i.tokensFor(t, shop, cookie, scope)
		other := i.tokensFor(t, shop, cookie, scope)
		page := i.v0Refresh(t, shop, other.RefreshToken).given(t)
		for what, token := range map[string]string{
			"access token": connect.AccessToken, "identity token": connect.IdentityToken,
			"a page's access token": page.AccessToken, "a page's identity token": page.IDToken,
		} {
			custom := i.customize(t, shop, token, "", asPublished).made(t)
			if diff := cmp.Diff(customizedClaims(claimsIn(t, token), asPublished), claimsIn(t, custom.Token)); diff != "" || custom.RefreshToken != "" {
				t.Errorf("%s: got other claims (-want +got):\n%s", what, diff)
			}
			// And once more, in place of an attribute and beside the others.
			again := i.customize(t, shop, custom.Token, "", fields{"role": "guest", "n": json.RawMessage(`12345678901234567890.10`)}).made(t)
			want := customizedClaims(claimsIn(t, custom.Token), fields{"role": "guest"})
			if got := claimsIn(t, again.Token); !cmp.Equal(want, without(got, "n")) || !strings.Contains(payloadOf(t, again.Token), `"n":12345678901234567890.10`) {
				t.Errorf("%s: got %v, want the role changed and every digit kept", what, got)
			}
			if !strings.HasSuffix(what, "access token") {
				continue
			}
			for _, token := range []string{token, custom.Token, again.Token} {
				if found := decode[introspected](t, i.introspect(t, library, token)); !found.Active || found.Scope != "library" {
					t.Errorf("%s: got %+v, want it live", what, found)
				}
			}
			if a := i.revoke(t, shop, custom.Token); a.status != 200 {
				t.Fatalf("got %v", a)
			}
			for n, token := range []string{token, custom.Token, again.Token} {
				i.introspect(t, library, token).wantInactive(t, fmt.Sprint(what, " revoked ", n))
				i.wantMessage(t, what+" revoked", i.customize(t, shop, token, "", asPublished), 401, "token_invalid", "not valid")
			}
		}

		// A token of the client that speaks for itself.
		robot := i.addClient(t, "jwt", []string{"library"})
		its := i.accessToken(t, robot)
		if diff := cmp.Diff(customizedClaims(claimsIn(t, its), asPublished), claimsIn(t, i.customize(t, robot, its, "", asPublished).made(t).Token)); diff != "" {
			t.Errorf("got other claims (-want +got):\n%s", diff)
		}
		i.wantMessage(t, "a refresh token for nobody", i.customize(t, robot, its, page.RefreshToken, asPublished), 401, "refresh_token_invalid", "not valid")
	})
}

// payloadOf is a JWT's payload as it is written.
func payloadOf(t testing.TB, token string) string {
	t.Helper()
	_, rest, _ := strings.Cut(token, ".")
	payload, _, _ := strings.Cut(rest, ".")
	text, err := base64.RawURLEncoding.DecodeString(payload)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// TestV0CustomForks: a refresh token with attributes, which go with every rotation,
// at both wire forms.
func TestV0CustomForks(t *testing.T) {
	eachWorld(t, func(t *testing.T, w world) {
		i := launch(t, w)
		lumen := i.install(t, nil)
		cookie := i.signIn(t, link(lumen.token(person("anna"))))
		shop, stranger := i.addPageClient(t, nil), i.addPageClient(t, nil)
		const scope = "openid email offline_access"
		first := i.tokensFor(t, shop, cookie, scope)
		custom := i.customize(t, shop, first.AccessToken, first.RefreshToken, asPublished).made(t)
		if custom.RefreshToken == "" || custom.RefreshToken == first.RefreshToken {
			t.Fatalf("got refresh token %q, want another one", custom.RefreshToken)
		}
		carries := func(what string, attributes fields, tokens ...string) {
			t.Helper()
			for _, token := range tokens {
				got := claimsIn(t, token)
				for name, want := range fields(asPublished).with(fields{"level": 3.0}) {
					if _, carried := attributes[name]; !carried {
						want = nil
					}
					if got[name] != want {
						t.Errorf("%s: got %s %v in %v, want %v", what, name, got[name], got, want)
					}
				}
			}
		}
		refresh := custom.RefreshToken
		for range 2 {
			given := i.v0Refresh(t, shop, refresh).given(t)
			carries("in the second wire form", asPublished, given.AccessToken, given.IDToken)
			issued := i.refresh(t, shop, given.RefreshToken).issued(t)
			carries("at /connect/token", asPublished, issued.AccessToken, issued.IdentityToken)
			refresh = issued.RefreshToken
		}
		more := i.customize(t, shop, custom.Token, refresh, fields{"level": 3.0}).made(t)
		given := i.v0Refresh(t, shop, more.RefreshToken).given(t)
		carries("with more of them", asPublished.with(fields{"level": 3.0}), given.AccessToken, given.IDToken)
		// The old one stays as it is.
		plain := i.v0Refresh(t, shop, first.RefreshToken).given(t)
		carries("without", nil, plain.AccessToken, plain.IDToken)

		// Whose refresh token it has to be.
		ben := i.tokensFor(t, shop, i.signIn(t, link(lumen.token(person("ben")))), scope)
		theirs := i.tokensFor(t, stranger, cookie, scope)
		for what, refresh := range map[string]string{
			"another person's": ben.RefreshToken, "another client's": theirs.RefreshToken, "cut": plain.RefreshToken[1:], "an access token": plain.AccessToken,
		} {
			i.wantMessage(t, what, i.customize(t, shop, plain.AccessToken, refresh, asPublished), 401, "refresh_token_invalid", "not valid")
		}
		// There are no more of them together than at once.
		full := fields{"a": strings.Repeat("x", 3000)}
		big := i.customize(t, shop, plain.AccessToken, plain.RefreshToken, full).made(t)
		i.wantMessage(t, "too many together", i.customize(t, shop, plain.AccessToken, big.RefreshToken, fields{"b": full["a"]}), 400, "bad_request", "custom_attributes")

		// All of a family ends together.
		if a := i.revoke(t, shop, plain.RefreshToken); a.status != 200 {
			t.Fatalf("got %v", a)
		}
		i.wantMessage(t, "after the family's end", i.v0Refresh(t, shop, given.RefreshToken), 401, "refresh_token_invalid", "not valid")
		i.wantMessage(t, "its token", i.customize(t, shop, given.AccessToken, "", asPublished), 401, "token_invalid", "not valid")
	})
}

// TestV0CustomRefuses: what no token comes of.
func TestV0CustomRefuses(t *testing.T) {
	eachWorld(t, func(t *testing.T, w world) {
		i := launch(t, w)
		lumen := i.install(t, nil)
		cookie := i.signIn(t, link(lumen.token(person("anna"))))
		shop, stranger := i.addPageClient(t, nil), i.addPageClient(t, nil)
		opaque := i.addPageClient(t, fields{"access_token_format": "reference"})
		const scope = "openid email offline_access"
		mine, theirs := i.tokensFor(t, shop, cookie, scope), i.tokensFor(t, stranger, cookie, scope)
		for what, token := range map[string]string{
			"another client's":          theirs.AccessToken,
			"another's identity token":  theirs.IdentityToken,
			"a refresh token":           mine.RefreshToken,
			"a partner's":               lumen.token(person("anna")),
			"cut":                       mine.AccessToken[:len(mine.AccessToken)-1],
			"unsigned":                  mine.AccessToken[:strings.LastIndexByte(mine.AccessToken, '.')+1],
			"a reference token's digit": "0",
		} {
			i.wantMessage(t, what, i.customize(t, shop, token, "", asPublished), 401, "token_invalid", "not valid")
		}
		i.wantMessage(t, "a reference token", i.customize(t, opaque, i.tokensFor(t, opaque, cookie, scope).AccessToken, "", asPublished), 401, "token_invalid", "not valid")

		// Claims that are made here, all of them named [O10].
		reserved := []string{"iss", "sub", "aud", "exp", "iat", "nbf", "jti", "client_id", "scope", "azp", "auth_time", "amr", "acr", "sid", "nonce"}
		wish := fields{"role": "admin"}
		for _, name := range reserved {
			i.wantMessage(t, name, i.customize(t, shop, mine.AccessToken, mine.RefreshToken, fields{name: "x"}), 400, "bad_request", name)
			wish[name] = "x"
		}
		// Claims about the person, whether they were granted and have a value or not,
		// and the tenant's own.
		i.admin(t, 201, "POST", "/claims", fields{"name": "shelf", "type": "text"})
		personal := []string{
			"email", "email_verified", "name", "given_name", "family_name", "phone", "phone_number", "groups", "birthdate", "locale",
			"picture", "address", "preferred_username", "shelf", "Email", "SHELF",
		}
		robot := i.addClient(t, "jwt", []string{i.addConnection(t, "library", nil).Name})
		its := i.accessToken(t, robot)
		for _, name := range personal {
			i.wantMessage(t, name, i.customize(t, shop, mine.AccessToken, mine.RefreshToken, fields{name: "x"}), 400, "bad_request", name)
			i.wantMessage(t, name+" of a client", i.customize(t, robot, its, "", fields{name: "x"}), 400, "bad_request", name)
			wish[name] = "x"
		}
		a := i.customize(t, shop, mine.IdentityToken, "", wish)
		i.wantMessage(t, "all", a, 400, "bad_request", strings.Join(slices.Sorted(slices.Values(append(reserved, personal...))), ", "))
		if strings.Contains(a.body, "role") {
			t.Errorf("got %v, want no name that is free", a)
		}

		send := func(body any, header ...string) answer {
			text, is := body.(string)
			if !is {
				text = jsonText(body)
			}
			return i.send(t, "POST", "/api/v0/token/custom", text, header...)
		}
		good := fields{"token": mine.AccessToken, "custom_attributes": asPublished}
		for what, test := range map[string]struct {
			body   any
			reason string
		}{
			"no token":          {fields{"custom_attributes": asPublished}, "bad_request"},
			"no attributes":     {fields{"token": mine.AccessToken}, "bad_request"},
			"attributes null":   {fields{"token": mine.AccessToken, "custom_attributes": nil}, "bad_request"},
			"a list":            {fields{"token": mine.AccessToken, "custom_attributes": []string{"a"}}, "bad_request"},
			"a number as token": {fields{"token": 1, "custom_attributes": asPublished}, "bad_request"},
			"too large":         {fields{"token": mine.AccessToken, "custom_attributes": fields{"a": strings.Repeat("x", 5000)}}, "bad_request"},
			"a name twice":      {`{"token":"` + mine.AccessToken + `","custom_attributes":{"a":1,"a":2}}`, "bad_request"},
			"no JSON":           {"token=x", "bad_request"},
		} {
			i.wantMessage(t, what, send(test.body, shop.keys()...), 400, test.reason, "")
		}
		for what, header := range map[string][]string{
			"nobody":           nil,
			"no secret":        {"API_KEY_ID: " + shop.ClientID},
			"wrong secret":     {"API_KEY_ID: " + shop.ClientID, "API_SECRET_KEY: wrong"},
			"another's secret": {"API_KEY_ID: " + shop.ClientID, "API_SECRET_KEY: " + stranger.ClientSecret},
			"both ways":        append(shop.keys(), shop.asks()),
			"two ids":          append(shop.keys(), "API_KEY_ID: "+shop.ClientID),
			"bearer":           {"Authorization: Bearer " + shop.ClientSecret},
		} {
			i.wantMessage(t, what, send(good, header...), 401, "invalid_client", "")
		}
		if a := send(good, shop.asks()); a.status != 200 {
			t.Errorf("HTTP Basic: got %v, want a token", a)
		}
		if a := send(good, append(shop.keys(), clientPage)...); a.header.Get("Access-Control-Allow-Origin") != "" {
			t.Error("got an answer with a secret's work shared with a page")
		}

		// Another tenant's, at its host and at ours.
		acme := i.addTenant(t, "acme", "a.localhost")
		at := acme.host
		branch := i.addPageClient(t, fields{"client_id": shop.ClientID}, at)
		foreign := i.tokensFor(t, branch, acme.cookie, scope, at)
		i.wantMessage(t, "theirs with ours", i.customize(t, shop, foreign.AccessToken, "", asPublished), 401, "token_invalid", "not valid")
		i.wantMessage(t, "ours with theirs", i.customize(t, branch, mine.AccessToken, "", asPublished, at), 401, "token_invalid", "not valid")
		i.wantMessage(t, "their refresh token", i.customize(t, shop, mine.AccessToken, foreign.RefreshToken, asPublished), 401, "refresh_token_invalid", "not valid")
		i.customize(t, branch, foreign.AccessToken, foreign.RefreshToken, asPublished, at).made(t)

		// A person who has gone everywhere, and an integration that is removed.
		ben := i.tokensFor(t, shop, i.signIn(t, link(lumen.token(person("ben")))), scope)
		i.admin(t, 204, "POST", "/users/"+claimsIn(t, ben.AccessToken)["sub"].(string)+"/sign-out", nil)
		i.wantMessage(t, "signed out everywhere", i.customize(t, shop, ben.AccessToken, "", asPublished), 401, "token_invalid", "not valid")
		i.admin(t, 204, "DELETE", "/integrations/"+lumen.ID, nil)
		for what, token := range map[string]string{"access": mine.AccessToken, "identity": mine.IdentityToken} {
			i.wantMessage(t, what+" of a removed integration", i.customize(t, shop, token, "", asPublished), 401, "token_invalid", "not valid")
		}
		for _, secret := range []string{mine.AccessToken, mine.RefreshToken, shop.ClientSecret} {
			if strings.Contains(i.log.String(), secret) {
				t.Error("got a token or a secret in the log")
			}
		}
	})
}

// TestV0WithoutStores: while the database is away nothing is given, refused or
// spent.
func TestV0WithoutStores(t *testing.T) {
	t.Parallel()
	if !haveServers() {
		return
	}
	w := serversWorld(t)
	g := newGate(t, w.database)
	i := launch(t, worldAt(g.url, w.redis))
	lumen := i.install(t, nil)
	shop := i.addPageClient(t, nil)
	mine := i.tokensFor(t, shop, i.signIn(t, link(lumen.token(person("anna")))), "openid offline_access")
	held := "Cookie: __Host-usher-refresh-" + shop.ClientID + "=" + mine.RefreshToken
	g.shut()
	i.wantMessage(t, "refresh", i.v0Refresh(t, shop, mine.RefreshToken, clientPage), 503, "store_unavailable", "")
	i.wantMessage(t, "by cookie", i.v0(t, shop, fields{"grant_type": "refresh_token"}, clientPage, held), 503, "store_unavailable", "")
	i.wantMessage(t, "sign-out", i.send(t, "DELETE", "/api/v0/token/"+shop.ClientID, "", clientPage, held), 503, "store_unavailable", "")
	i.wantMessage(t, "custom", i.customize(t, shop, mine.AccessToken, mine.RefreshToken, asPublished), 503, "store_unavailable", "")
	g.open(t)
	i.customize(t, shop, mine.AccessToken, mine.RefreshToken, asPublished).made(t)
	i.v0Refresh(t, shop, mine.RefreshToken).given(t)
	i.signIn(t, link(lumen.token(person("ben"))))
}

// TestV0CustomLeavesJWTsToHandOn: nobody writes into a JWT of the third wire form,
// whose readers take the person from username.
func TestV0CustomLeavesJWTsToHandOn(t *testing.T) {
	eachWorld(t, func(t *testing.T, w world) {
		i := launch(t, w)
		lumen := i.install(t, nil)
		cookie := i.signIn(t, link(lumen.token(person("anna"))))
		acme := i.addOrganization(t, "", "acme", nil)
		user := i.userID(t, "anna@lumen.example")
		i.addMember(t, acme, user)
		anna := i.tokensFor(t, acme, cookie, "user:name user:memberof:acme")
		for what, from := range map[string]struct {
			token  string
			scopes []string
		}{
			"a person's":         {anna.AccessToken, []string{"user:name", "user:memberof:acme"}},
			"an organization's":  {i.loggedIn(t, acme, nil).AccessToken, []string{"memberof:acme"}},
			"one without scopes": {anna.AccessToken, nil},
		} {
			signed, _ := i.jwt(t, i.makeJWT(t, from.token, from.scopes, []string{"portal"}))
			for _, wish := range []fields{{"username": "eve"}, {"user:name": "Eve"}, {"role": "admin"}, {}} {
				i.wantMessage(t, fmt.Sprint(what, " with ", wish), i.customize(t, acme, signed, "", wish), 401, "token_invalid", "not valid")
			}
		}
		// A username in a token of the other forms is none of a JWT to hand on.
		custom := i.customize(t, acme, i.tokensFor(t, acme, cookie, "openid").AccessToken, "", fields{"username": "eve"}).made(t)
		head, err := base64.RawURLEncoding.DecodeString(custom.Token[:strings.IndexByte(custom.Token, '.')])
		if claims := claimsIn(t, custom.Token); err != nil || !strings.Contains(string(head), `"ES256"`) || claims["azp"] != nil || claims["username"] != "eve" {
			t.Errorf("got header %s and claims %v, error %v, want ES256 and no azp", head, claims, err)
		}
		if _, claims := i.jwt(t, i.makeJWT(t, custom.Token, nil, nil)); claims["username"] != user {
			t.Errorf("got a JWT of it that says %v, want username %s", claims, user)
		}
		// In an identity token that is signed as those are there is none.
		i.admin(t, 200, "PATCH", "/clients/"+acme.ID, fields{"identity_token_algorithm": "ES384"})
		tokens := i.tokensFor(t, acme, cookie, "openid offline_access")
		i.wantMessage(t, "username by ES384", i.customize(t, acme, tokens.IdentityToken, "", asPublished), 400, "bad_request", "username")
		forked := i.customize(t, acme, tokens.AccessToken, tokens.RefreshToken, asPublished).made(t)
		if claims := claimsIn(t, i.refresh(t, acme, forked.RefreshToken).issued(t).IdentityToken); claims["username"] != nil || claims["role"] != "admin" {
			t.Errorf("got %v by ES384, want no username", claims)
		}
	})
}

// TestClaimsBeforeAttributes: a claim that a tenant makes later takes its name from
// the attributes that refresh tokens carry.
func TestClaimsBeforeAttributes(t *testing.T) {
	eachWorld(t, func(t *testing.T, w world) {
		i := launch(t, w)
		lumen := i.install(t, nil)
		cookie := i.signIn(t, link(lumen.token(person("anna"))))
		shop := i.addPageClient(t, nil)
		first := i.tokensFor(t, shop, cookie, "openid offline_access")
		custom := i.customize(t, shop, first.AccessToken, first.RefreshToken, fields{"shelf": "A3", "role": "admin"}).made(t)
		given := i.v0Refresh(t, shop, custom.RefreshToken).given(t)
		if got := claimsIn(t, given.AccessToken); got["shelf"] != "A3" {
			t.Errorf("got %v, want the attribute", got)
		}
		i.admin(t, 201, "POST", "/claims", fields{"name": "shelf", "type": "text"})
		given = i.v0Refresh(t, shop, given.RefreshToken).given(t)
		issued := i.refresh(t, shop, given.RefreshToken).issued(t)
		for what, token := range map[string]string{
			"access": given.AccessToken, "identity": given.IDToken, "access of the first form": issued.AccessToken, "identity of the first form": issued.IdentityToken,
		} {
			if got := claimsIn(t, token); got["shelf"] != nil || got["role"] != "admin" {
				t.Errorf("%s: got %v, want no shelf, which is the tenant's to say now", what, got)
			}
		}
	})
}

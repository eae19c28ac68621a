package main

import (
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
)

// publicKeyOfTests is an Ed25519 key (RFC 8037, appendix A.2).
const publicKeyOfTests = `{"keys":[{"use":"sig","kty":"OKP","crv":"Ed25519","alg":"EdDSA","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]}`

// peopleClient is what people's part of a client is in the API.
type peopleClient struct {
	ID             string
	ClientID       string `json:"client_id"`
	Kind           string
	UserID         *string `json:"user_id"`
	Public         bool
	JWKS           json.RawMessage `json:"jwks"`
	RedirectURIs   []string        `json:"redirect_uris"`
	PostLogoutURIs []string        `json:"post_logout_redirect_uris"`
	Integration    *string
	AskConsent     bool `json:"ask_consent"`
	Grants         []string
	IdentityScopes []string `json:"identity_scopes"`
	CodeLife       int      `json:"code_life"`
	RefreshLife    int      `json:"refresh_life"`
	RefreshIdle    int      `json:"refresh_idle"`
	Algorithm      string   `json:"identity_token_algorithm"`
	ClientSecret   string   `json:"client_secret"`
}

// TestClientSettingsInTheAPI: what a program can say of a client that people sign
// in to, and what it is told when it errs.
func TestClientSettingsInTheAPI(t *testing.T) {
	eachWorld(t, func(t *testing.T, w world) {
		i := launch(t, w)
		lumen := i.install(t, fields{"name": "Lumen"})
		i.signIn(t, link(lumen.token(person("anna"))))
		anna := i.userID(t, "anna@lumen.example")
		jwks := json.RawMessage(publicKeyOfTests)
		k := decode[peopleClient](t, i.admin(t, 201, "POST", "/clients", fields{
			"client_id": "shop", "name": "Shop", "jwks": jwks, "grants": []string{"authorization_code", "refresh_token"},
			"redirect_uris": []string{"https://shop.example/back"}, "integration": lumen.ID, "identity_scopes": []string{"openid"}, "code_life": 30,
		}))
		if k.ClientSecret != "" || string(k.JWKS) != publicKeyOfTests || k.Integration == nil || *k.Integration != lumen.ID || k.CodeLife != 30 ||
			k.RefreshLife != 2592000 || k.RefreshIdle != 1296000 || k.Kind != "application" || k.UserID != nil || k.Algorithm != "ES256" {
			t.Errorf("got %+v, want it as asked, without a secret", k)
		}
		of := decode[peopleClient](t, i.admin(t, 201, "POST", "/clients", fields{"name": "Anna's", "kind": "person", "user_id": anna}))
		if of.Kind != "person" || of.UserID == nil || *of.UserID != anna || of.ClientSecret == "" {
			t.Errorf("got %+v, want a program of anna's with a secret", of)
		}
		for name, test := range map[string]struct {
			body fields
			says string
		}{
			"a wildcard":           {fields{"redirect_uris": []string{"https://*.shop.example/"}}, "redirect_uris: number 1"},
			"plain http":           {fields{"post_logout_redirect_uris": []string{"http://shop.example/"}}, "post_logout_redirect_uris"},
			"a script":             {fields{"redirect_uris": []string{"javascript:alert(1)"}}, "redirect_uris"},
			"a private key":        {fields{"jwks": json.RawMessage(`{"keys":[{"kty":"OKP","crv":"Ed25519","d":"nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]}`)}, "private"},
			"keys that are none":   {fields{"jwks": "https://shop.example/jwks"}, "jwks"},
			"no such integration":  {fields{"integration": "none"}, "integration"},
			"an organization":      {fields{"name": "O", "kind": "organization"}, "kind"},
			"a person without one": {fields{"name": "P", "kind": "person"}, "user_id"},
			"a life beyond a year": {fields{"refresh_life": 31536001}, "refresh_life"},
			"a short life":         {fields{"refresh_life": 3600}, "refresh_idle"},
			"an algorithm of none": {fields{"identity_token_algorithm": "none"}, "identity_token_algorithm"},
			"an empty algorithm":   {fields{"identity_token_algorithm": ""}, "identity_token_algorithm"},
			"an unknown scope":     {fields{"identity_scopes": []string{"shoe_size"}}, "identity_scopes"},
		} {
			method, path := "PATCH", "/clients/"+k.ID
			if test.body["name"] != nil {
				method, path = "POST", "/clients"
			}
			if a := i.admin(t, 400, method, path, test.body); !strings.Contains(a.body, test.says) || strings.Contains(a.body, "nWGxne_9") {
				t.Errorf("%s: got %v, want it to name %q", name, a, test.says)
			}
		}
		i.admin(t, 400, "PATCH", "/clients/"+k.ID, fields{"kind": "person"})
		k = decode[peopleClient](t, i.admin(t, 200, "PATCH", "/clients/"+k.ID, fields{"public": true, "jwks": nil, "integration": nil, "redirect_uris": nil}))
		if !k.Public || string(k.JWKS) != "null" || k.Integration != nil || len(k.RedirectURIs) != 0 {
			t.Errorf("got %+v, want it public, and null to take away", k)
		}
		if a := i.admin(t, 400, "POST", "/clients/"+k.ID+"/secrets", fields{}); !strings.Contains(a.body, "public client") {
			t.Errorf("a secret for a public client: got %v", a)
		}
		// A program goes with the person: to who ben turns out to be, and with her for good.
		i.signIn(t, link(lumen.token(person("ben"))))
		ben := i.userID(t, "ben@lumen.example")
		bens := decode[peopleClient](t, i.admin(t, 201, "POST", "/clients", fields{"name": "Ben's", "kind": "person", "user_id": ben}))
		i.admin(t, 200, "POST", "/users/"+anna+"/merge", fields{"from": ben})
		if bens = decode[peopleClient](t, i.admin(t, 200, "GET", "/clients/"+bens.ID, nil)); bens.UserID == nil || *bens.UserID != anna {
			t.Errorf("after the merge: got %+v, want it to act for anna", bens)
		}
		i.admin(t, 400, "POST", "/clients", fields{"name": "Ben's", "kind": "person", "user_id": ben})
		i.admin(t, 204, "DELETE", "/users/"+anna, nil)
		i.admin(t, 404, "GET", "/clients/"+of.ID, nil)
		i.admin(t, 404, "GET", "/clients/"+bens.ID, nil)
	})
}

// TestClientForms: the new client's page asks what it is, and its forms make what
// they say.
func TestClientForms(t *testing.T) {
	eachWorld(t, func(t *testing.T, w world) {
		i := launch(t, w)
		as := i.owner(t)
		s := &sweep{i: i, host: "Host: localhost:" + i.port, as: as}
		send := func(page, action string, values ...string) answer {
			t.Helper()
			form := s.form(t, page, action, values...)
			return i.post(t, form.path, form.body.(url.Values).Encode(), as)
		}
		asked := i.get(t, "/admin/tokens/clients/new", as, wantsPage)
		for _, kind := range []string{"web", "app", "machine", "person"} {
			if !strings.Contains(asked.body, "/admin/tokens/clients/new?as="+kind) {
				t.Errorf("got %v, want it to offer %q", asked, kind)
			}
		}
		made := send("/admin/tokens/clients/new?as=web", "/admin/tokens/clients", "name", "Shop", "client_id", "shop", "redirect_uris", "https://shop.example/a,b\r\nhttps://shop.example/c\r\n",
			"identity_token_algorithm", "RS256")
		if made.status != http.StatusOK || !strings.Contains(made.body, "uss_") {
			t.Fatalf("a web application: got %v, want its secret", made)
		}
		refused := send("/admin/tokens/clients/new?as=app", "/admin/tokens/clients", "name", "Phone", "redirect_uris", "shop:/back", "code_life", "1")
		for _, part := range []string{"2 fields were not accepted", "shop:/back", "own scheme", "30 to 600"} {
			if !strings.Contains(refused.body, part) {
				t.Errorf("a refused app: got %v, want it to say %q", refused, part)
			}
		}
		app := send("/admin/tokens/clients/new?as=app", "/admin/tokens/clients", "name", "Phone", "client_id", "phone", "redirect_uris", "com.example.phone:/back")
		to := app.header.Get("Location")
		if app.status != http.StatusSeeOther || !strings.HasSuffix(to, "?done=client_made") {
			t.Fatalf("an app: got %v to %q, want its page", app, to)
		}
		page := i.get(t, to, as, wantsPage)
		for _, part := range []string{"public application", "/connect/authorize", "/.well-known/openid-configuration", "com.example.phone:/back", "PKCE"} {
			if !strings.Contains(page.body, part) {
				t.Errorf("an app: got %v, want its page to say %q", page, part)
			}
		}
		if strings.Contains(page.body, "Make another secret") {
			t.Error("a public client is offered a secret")
		}
		i.signIn(t, link(i.install(t, fields{"name": "Lumen"}).token(person("anna"))))
		if a := send("/admin/tokens/clients/new?as=person", "/admin/tokens/clients", "name", "P", "user_id", "anna"); a.status != http.StatusUnprocessableEntity {
			t.Errorf("a program of nobody: got %v", a)
		}
		if a := send("/admin/tokens/clients/new?as=person", "/admin/tokens/clients", "name", "P", "user_id", i.userID(t, "anna@lumen.example")); a.status != http.StatusOK {
			t.Errorf("a program of anna's: got %v", a)
		}

		var shop peopleClient
		for _, k := range decode[struct{ Clients []peopleClient }](t, i.admin(t, 200, "GET", "/clients", nil)).Clients {
			if k.ClientID == "shop" {
				shop = k
			}
		}
		if !slices.Equal(shop.RedirectURIs, []string{"https://shop.example/a,b", "https://shop.example/c"}) ||
			!slices.Equal(shop.Grants, []string{"authorization_code", "refresh_token"}) || !slices.Equal(shop.IdentityScopes, []string{"email", "openid", "profile"}) || shop.Algorithm != "RS256" {
			t.Errorf("got %+v, want what the form said", shop)
		}
		// A form of the version before, which knew nothing of people, keeps their part.
		path := "/admin/tokens/clients/" + shop.ID
		old := url.Values{"name": {"Shop 2"}, "grants": {"authorization_code"}, "access_token_format": {"jwt"}, "access_token_life": {"3000"}, "revision": {"1"}}
		if a := i.post(t, path, old.Encode(), as); a.status != http.StatusSeeOther {
			t.Errorf("an earlier form: got %v", a)
		}
		after := decode[peopleClient](t, i.admin(t, 200, "GET", "/clients/"+shop.ID, nil))
		if !slices.Equal(after.RedirectURIs, shop.RedirectURIs) || !slices.Equal(after.IdentityScopes, shop.IdentityScopes) {
			t.Errorf("after an earlier form: got %+v, want people's part as it was", after)
		}
		// So does one of the version before that, which knew of one algorithm alone.
		next := s.form(t, path, path, "name", "Shop 3").body.(url.Values)
		next.Del("identity_token_algorithm")
		if a := i.post(t, path, next.Encode(), as); a.status != http.StatusSeeOther {
			t.Errorf("a form without an algorithm: got %v", a)
		}
		if after := decode[peopleClient](t, i.admin(t, 200, "GET", "/clients/"+shop.ID, nil)); after.Algorithm != "RS256" {
			t.Errorf("after a form without an algorithm: got %q, want it as it was", after.Algorithm)
		}
		if shown := i.get(t, path, as, wantsPage); !strings.Contains(shown.body, "signed with RS256") {
			t.Errorf("got %v, want the algorithm on its page", shown)
		}
		// What another one has changed meanwhile is not written over.
		if a := i.post(t, path, old.Encode(), as); a.status != http.StatusConflict {
			t.Errorf("an old revision: got %v", a)
		}
	})
}

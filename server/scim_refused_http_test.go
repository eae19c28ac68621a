package main

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
)

// TestSCIMRefusals: what is wrong with a request is said in SCIM's form, and
// nothing changes.
func TestSCIMRefusals(t *testing.T) {
	eachWorld(t, func(t *testing.T, w world) {
		i := launch(t, w)
		lumen := i.install(t, nil)
		d := i.directory(t, lumen)
		anna, ben := d.add(t, "anna", nil), d.add(t, "ben", nil)
		group := decode[scimResource](t, d.ask(t, 201, "POST", "/Groups", fields{"schemas": []string{scimGroupURN}, "displayName": "Chess"}))
		at, in := "/Users/"+anna.ID, "/Groups/"+group.ID
		op := func(op, path string, value any) fields { return patch(fields{"op": op, "path": path, "value": value}) }
		nobody := "01900000-0000-7000-8000-000000000001"
		many := make([]fields, 1001)
		for n := range many {
			many[n] = fields{"value": fmt.Sprintf("01900000-0000-7000-8000-%012d", n)}
		}
		for _, test := range []struct {
			status                int
			keyword, method, path string
			body                  any
		}{
			{409, "uniqueness", "POST", "/Users", scimPerson("anna", nil)},
			{409, "uniqueness", "POST", "/Users", scimPerson("anna", fields{"userName": "other"})},
			{409, "uniqueness", "POST", "/Users", scimPerson("carl", fields{"userName": "ANNA@lumen.example"})},
			{409, "uniqueness", "PUT", at, scimPerson("anna", fields{"userName": "ben@lumen.example"})},
			{409, "uniqueness", "PATCH", at, op("replace", `emails[type eq "work"].value`, "ben@lumen.example")},
			{409, "uniqueness", "PATCH", at, op("replace", "externalId", "id-ben")},
			{400, "invalidValue", "POST", "/Users", scimPerson("carl", fields{"userName": ""})},
			{400, "invalidValue", "POST", "/Users", scimPerson("carl", fields{"userName": 7})},
			{400, "invalidValue", "POST", "/Users", scimPerson("carl", fields{"emails": "carl"})},
			{400, "invalidValue", "POST", "/Users", scimPerson("carl", fields{"emails": []fields{{"value": "no address"}}})},
			{400, "invalidValue", "POST", "/Users", scimPerson("carl", fields{"externalId": "null"})},
			{400, "invalidValue", "POST", "/Users", scimPerson("carl", fields{"name": "Carl"})},
			{400, "invalidValue", "POST", "/Users", scimPerson("carl", fields{"active": "perhaps"})},
			{400, "invalidValue", "POST", "/Users", scimPerson("carl", fields{"photos": []fields{{"value": "javascript:1"}}})},
			{400, "invalidValue", "POST", "/Users", scimPerson("carl", fields{"displayName": strings.Repeat("x", 201)})},
			{400, "invalidValue", "POST", "/Users", fields{"schemas": []string{scimUserURN}, "userName": "carl"}},
			{400, "invalidSyntax", "POST", "/Users", scimPerson("carl", fields{"schemas": []string{scimGroupURN}})},
			{400, "invalidSyntax", "POST", "/Users", []string{"x"}},
			{400, "invalidSyntax", "POST", "/Users", scimPerson("carl", fields{"USERNAME": "x"})},
			{400, "invalidSyntax", "PATCH", at, fields{"schemas": []string{scimPatchURN}, "Operations": []fields{}}},
			{400, "invalidSyntax", "PATCH", at, fields{"Operations": []fields{{"op": "add", "value": fields{}}}}},
			{400, "invalidSyntax", "PATCH", at, op("move", "active", true)},
			{400, "invalidPath", "PATCH", at, op("add", "shoeSize", "42")},
			{400, "invalidPath", "PATCH", at, op("add", "emails[type eq", "x")},
			{400, "invalidPath", "PATCH", at, op("add", "name.givenName.x", "x")},
			{400, "noTarget", "PATCH", at, patch(fields{"op": "remove"})},
			{400, "noTarget", "PATCH", at, op("replace", `emails[value eq "nobody@lumen.example"].value`, "new@lumen.example")},
			{400, "mutability", "PATCH", at, op("replace", "id", nobody)},
			{400, "mutability", "PATCH", at, op("replace", "groups", []fields{})},
			{400, "mutability", "PATCH", at, op("remove", "userName", nil)},
			{400, "invalidValue", "PATCH", at, patch(fields{"op": "add", "value": "x"})},
			// One bad operation undoes the good ones before it.
			{400, "invalidValue", "PATCH", at, patch(fields{"op": "replace", "path": "displayName", "value": "Changed"}, fields{"op": "replace", "path": "active", "value": 7})},
			{404, "", "GET", "/Users/" + nobody, nil},
			{404, "", "GET", "/Users/x", nil},
			{404, "", "PUT", "/Users/" + nobody, scimPerson("x", nil)},
			{404, "", "PATCH", "/Users/x", op("replace", "active", false)},
			{404, "", "DELETE", "/Users/" + nobody, nil},
			{404, "", "GET", "/Nothing", nil},
			{404, "", "GET", "/Schemas/x", nil},
			{405, "", "DELETE", "/Users", nil},
			{403, "", "GET", "/Schemas?filter=x", nil},
			{400, "invalidFilter", "GET", "/Users?filter=" + url.QueryEscape(`userName sw "a"`), nil},
			{400, "invalidFilter", "GET", "/Users?filter=" + url.QueryEscape(`userName eq "a" or userName eq "b"`), nil},
			{400, "invalidFilter", "GET", "/Users?filter=" + url.QueryEscape(`title eq "a"`), nil},
			{400, "invalidFilter", "GET", "/Users?filter=", nil},
			{400, "invalidFilter", "GET", "/Users?filter=" + url.QueryEscape(strings.Repeat("(", 99)+`userName eq "a"`), nil},
			{400, "invalidFilter", "GET", "/Groups?filter=" + url.QueryEscape(`userName eq "a"`), nil},
			{400, "invalidValue", "GET", "/Users?count=many", nil},
			{400, "invalidValue", "GET", "/Users?attributes=a&excludedAttributes=b", nil},
			{400, "invalidValue", "POST", "/Groups", fields{"schemas": []string{scimGroupURN}}},
			{400, "invalidValue", "POST", "/Groups", fields{"schemas": []string{scimGroupURN}, "displayName": strings.Repeat("x", 65)}},
			{400, "invalidValue", "POST", "/Groups", fields{"schemas": []string{scimGroupURN}, "displayName": "New", "members": []fields{{"value": nobody}}}},
			{409, "uniqueness", "POST", "/Groups", fields{"schemas": []string{scimGroupURN}, "displayName": "CHESS"}},
			{400, "invalidValue", "PATCH", in, op("add", "members", []fields{{"value": nobody}})},
			{400, "invalidValue", "PATCH", in, op("add", "members", []fields{{"display": "x"}})},
			{400, "invalidValue", "PATCH", in, op("add", "members", many)},
			{400, "invalidPath", "PATCH", in, op("remove", `members[display eq "x"]`, nil)},
			{400, "invalidPath", "PATCH", in, op("add", "owners", "x")},
			{400, "mutability", "PATCH", in, op("replace", "id", nobody)},
			{404, "", "PATCH", "/Groups/" + nobody, op("add", "members", []fields{{"value": ben.ID}})},
			{404, "", "DELETE", "/Groups/x", nil},
		} {
			d.fails(t, test.status, test.keyword, test.method, test.path, test.body)
		}
		if a := d.ask(t, 413, "POST", "/Users", scimPerson("carl", fields{"x": strings.Repeat("x", 300<<10)})); a.status != http.StatusRequestEntityTooLarge {
			t.Errorf("got %v", a)
		}
		if got := decode[scimResource](t, d.ask(t, 200, "GET", at, nil)); got.Meta.Version != anna.Meta.Version || got.DisplayName != anna.DisplayName {
			t.Errorf("got %+v, want her as she was", got)
		}
		if got := d.list(t, "/Users"); got.TotalResults != 2 {
			t.Errorf("got %d users, want 2", got.TotalResults)
		}
		if got := d.list(t, "/Groups"); got.TotalResults != 1 || len(got.Resources[0].Members) != 0 {
			t.Errorf("got %+v, want one group without members", got)
		}
	})
}

// TestSCIMErrorsSayWhat: the text of an error is about what the directory sent.
func TestSCIMErrorsSayWhat(t *testing.T) {
	eachWorld(t, func(t *testing.T, w world) {
		i := launch(t, w)
		d := i.directory(t, i.install(t, nil))
		anna, erased := d.add(t, "anna", nil), d.add(t, "erased", nil)
		i.admin(t, http.StatusNoContent, "DELETE", "/users/"+erased.ID, nil)
		ben, carl := d.add(t, "ben", nil), d.add(t, "carl", nil)
		i.admin(t, http.StatusOK, "POST", "/users/"+carl.ID+"/merge", fields{"from": ben.ID})
		group := decode[scimResource](t, d.ask(t, 201, "POST", "/Groups", fields{"schemas": []string{scimGroupURN}, "displayName": "Old"}))
		d.ask(t, 204, "PATCH", "/Groups/"+group.ID, patch(fields{"op": "replace", "path": "displayName", "value": "New"}))
		at := "/Users/" + anna.ID
		op := func(op, path string, value any) fields { return patch(fields{"op": op, "path": path, "value": value}) }
		for _, test := range []struct {
			status       int
			method, path string
			body         any
			want         string
		}{
			{409, "POST", "/Groups", fields{"schemas": []string{scimGroupURN}, "displayName": "Old"}, group.ID + `, now called "New"`},
			{409, "POST", "/Users", scimPerson("ben", nil), carl.ID + `, whom the directory has as "carl@lumen.example"`},
			{403, "POST", "/Users", scimPerson("erased", nil), "(not_allowed,"},
			{400, "POST", "/Users", scimPerson("new", fields{"externalId": nil, "emails": nil, "userName": "new"}), "externalId: "},
			{400, "PATCH", at, op("replace", "userName", 7), "userName: "},
			{400, "PATCH", at, op("replace", "name.givenName", 7), "name.givenName: "},
			{400, "PATCH", at, op("replace", "phoneNumbers", 7), "phoneNumbers: "},
			{400, "PATCH", at, op("remove", "userName", nil), "userName: "},
			{404, "GET", "", nil, "There is no such resource."},
			{404, "GET", "/Nothing", nil, "There is no such resource."},
			{413, "POST", "/Users", scimPerson("x", fields{"x": strings.Repeat("x", 300<<10)}), "The body is larger"},
		} {
			if a := d.ask(t, test.status, test.method, test.path, test.body); !strings.Contains(decode[struct{ Detail string }](t, a).Detail, test.want) {
				t.Errorf("%s %s: got %v, want %q in it", test.method, test.path, a, test.want)
			}
		}
	})
}

// TestSCIMTokens: only a live token of an installed integration of this tenant
// opens anything, and each opens its own integration's people alone.
func TestSCIMTokens(t *testing.T) {
	eachWorld(t, func(t *testing.T, w world) {
		i := launch(t, w)
		const hostA, hostB = "Host: a.localhost", "Host: b.localhost"
		for _, host := range []string{"a.localhost", "b.localhost"} {
			i.admin(t, 201, "POST", "/tenants", fields{"name": host, "hosts": []string{host}})
		}
		lumen, atrium := i.install(t, nil, hostA), i.install(t, fields{"name": "Atrium"}, hostA)
		d, other := i.directory(t, lumen, hostA), i.directory(t, atrium, hostA)
		far := i.directory(t, i.install(t, nil, hostB), hostB)
		anna := d.add(t, "anna", nil)
		d.ask(t, 200, "GET", "/Users/"+anna.ID, nil)

		for name, stranger := range map[string]*directory{
			"none":           {i: i, lines: []string{hostA}},
			"another scheme": {i: i, lines: []string{hostA, "Authorization: Basic " + d.token}},
			"cut":            {i: i, lines: []string{hostA, "Authorization: Bearer " + d.token[:len(d.token)-1]}},
			"an API key":     {i: i, lines: []string{hostA, asAdmin}},
			"at another one": {i: i, lines: []string{hostB, "Authorization: Bearer " + d.token}},
		} {
			for _, path := range []string{"/Users", "/Users/" + anna.ID, "/Groups", "/Schemas", "/ServiceProviderConfig"} {
				a := stranger.ask(t, 401, "GET", path, nil)
				if got := a.header.Get("WWW-Authenticate"); !strings.HasPrefix(got, "Bearer") {
					t.Errorf("%s: got challenge %q", name, got)
				}
			}
		}
		// Nobody sees or changes another directory's people, in either tenant.
		for _, stranger := range []*directory{other, far} {
			if got := stranger.list(t, "/Users"); got.TotalResults != 0 {
				t.Errorf("got %+v, want nobody", got)
			}
			stranger.fails(t, 404, "", "GET", "/Users/"+anna.ID, nil)
			stranger.fails(t, 404, "", "PATCH", "/Users/"+anna.ID, patch(fields{"op": "replace", "path": "active", "value": false}))
			stranger.fails(t, 404, "", "DELETE", "/Users/"+anna.ID, nil)
			stranger.fails(t, 400, "invalidValue", "POST", "/Groups", fields{
				"schemas": []string{scimGroupURN}, "displayName": "Chess", "members": []fields{{"value": anna.ID}},
			})
		}
		// The same name and externalId at another tenant is somebody else; at
		// another integration the address is taken.
		if got := far.add(t, "anna", nil); got.ID == anna.ID {
			t.Error("got the user of another tenant")
		}
		other.fails(t, 409, "uniqueness", "POST", "/Users", scimPerson("anna", nil))

		second := i.directory(t, lumen, hostA)
		i.admin(t, 204, "DELETE", "/integrations/"+lumen.ID+"/scim/tokens/"+d.id, nil, hostA)
		d.fails(t, 401, "", "GET", "/Users", nil)
		second.ask(t, 200, "GET", "/Users/"+anna.ID, nil)
		i.admin(t, 204, "DELETE", "/integrations/"+lumen.ID, nil, hostA)
		second.fails(t, 401, "", "GET", "/Users", nil)
	})
}

// TestSCIMEndsEverything: whom a directory disables has nothing left that opens
// anything, from the answer on.
func TestSCIMEndsEverything(t *testing.T) {
	eachWorld(t, func(t *testing.T, w world) {
		i := launch(t, w)
		lumen := i.install(t, nil)
		d := i.directory(t, lumen)
		for name, off := range map[string]func(id string){
			"patched": func(id string) {
				d.ask(t, 200, "PATCH", "/Users/"+id, patch(fields{"op": "replace", "path": "active", "value": false}))
			},
			"deleted": func(id string) { d.ask(t, 204, "DELETE", "/Users/"+id, nil) },
		} {
			u := d.add(t, name, nil)
			cookie := i.signIn(t, link(lumen.token(person(name))))
			var live []personTokens
			var clients []clientUnderTest
			for _, format := range []string{"reference", "at+jwt"} {
				c := i.addPeopleClient(t, fields{"access_token_format": format})
				clients, live = append(clients, c), append(live, i.tokensFor(t, c, cookie, "openid"))
			}
			for _, tokens := range live {
				if a := i.userInfo(t, tokens.AccessToken); a.status != 200 {
					t.Fatalf("got %v before", a)
				}
			}
			off(u.ID)
			if i.alive(t, cookie) {
				t.Errorf("%s: the session lives on", name)
			}
			for n, tokens := range live {
				if a := i.userInfo(t, tokens.AccessToken); a.status != 401 {
					t.Errorf("%s: got %v for access token %d, want 401", name, a, n)
				}
				if tokens.RefreshToken == "" {
					continue
				}
				if a := i.refresh(t, clients[n], tokens.RefreshToken); a.status != 400 {
					t.Errorf("%s: got %v for refresh token %d, want 400", name, a, n)
				}
			}
			presented := lumen.token(person(name))
			if a := i.get(t, "/auth/verify", "Authorization: JWT "+presented); a.status != 403 && a.status != 401 {
				t.Errorf("%s: got %v for a token in the header", name, a)
			}
		}
	})
}

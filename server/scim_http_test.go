package main

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
)

// TestSCIMAsOkta walks through what Okta sends: it looks a person up, makes it,
// reads it, puts a changed profile, disables and enables; and it pushes a group.
func TestSCIMAsOkta(t *testing.T) {
	eachWorld(t, func(t *testing.T, w world) {
		i := launch(t, w)
		lumen := i.install(t, nil)
		okta := i.directory(t, lumen)
		okta.ask(t, 200, "GET", "/ServiceProviderConfig", nil)

		byName := "/Users?filter=" + url.QueryEscape(`userName eq "anna@lumen.example"`) + "&startIndex=1&count=100"
		if got := okta.list(t, byName); got.TotalResults != 0 || got.Resources == nil || got.StartIndex != 1 {
			t.Fatalf("got %+v, want an empty list", got)
		}
		anna := decode[scimResource](t, okta.ask(t, 201, "POST", "/Users", fields{
			"schemas": []string{scimUserURN}, "userName": "anna@lumen.example", "externalId": "id-anna",
			"name":        fields{"givenName": "Anna", "familyName": "Meier"},
			"emails":      []fields{{"primary": true, "value": "anna@lumen.example", "type": "work"}},
			"displayName": "Anna Meier", "locale": "en-US", "groups": []string{}, "password": "1mz050nq", "active": true,
		}))
		if anna.UserName != "anna@lumen.example" || anna.Name.GivenName != "Anna" || anna.DisplayName != "Anna Meier" || anna.Locale != "en-US" ||
			anna.ExternalID != "id-anna" || !*anna.Active || anna.Emails[0].Value != "anna@lumen.example" ||
			anna.Meta.Location != "http://localhost:"+i.port+"/scim/v2/Users/"+anna.ID {
			t.Errorf("got %+v", anna)
		}
		if got := i.userID(t, "anna@lumen.example"); got != anna.ID {
			t.Errorf("got user %s, want %s", got, anna.ID)
		}
		if got := okta.list(t, byName); got.TotalResults != 1 || got.Resources[0].ID != anna.ID {
			t.Errorf("got %+v, want her", got)
		}
		// A link of the same integration is the same person.
		cookie := i.signIn(t, link(lumen.token(person("anna"))))
		got := decode[scimResource](t, okta.ask(t, 200, "GET", "/Users/"+anna.ID, nil))

		put := scimPerson("anna", fields{"displayName": "Anna Berg", "id": anna.ID, "meta": fields{"resourceType": "User"}, "groups": []string{}})
		put["name"] = fields{"givenName": "Anna", "familyName": "Berg"}
		put["phoneNumbers"] = []fields{{"value": "+49 30 1", "type": "home"}, {"value": "+49 30 2", "type": "work"}}
		changed := decode[scimResource](t, okta.ask(t, 200, "PUT", "/Users/"+anna.ID, put, "If-Match: "+got.Meta.Version))
		if changed.Name.FamilyName != "Berg" || changed.DisplayName != "Anna Berg" || changed.PhoneNumbers[0].Value != "+49 30 2" ||
			changed.Meta.Version == got.Meta.Version {
			t.Errorf("got %+v", changed)
		}
		okta.fails(t, 412, "", "PUT", "/Users/"+anna.ID, put.with(fields{"displayName": "A"}), "If-Match: "+got.Meta.Version)
		// The same again changes nothing.
		same := decode[scimResource](t, okta.ask(t, 200, "PUT", "/Users/"+anna.ID, put))
		if same.Meta.Version != changed.Meta.Version {
			t.Errorf("got version %s, want still %s", same.Meta.Version, changed.Meta.Version)
		}
		if !i.alive(t, cookie) {
			t.Fatal("a change of the profile has ended the session")
		}
		off := patch(fields{"op": "replace", "value": fields{"active": false}})
		if out := decode[scimResource](t, okta.ask(t, 200, "PATCH", "/Users/"+anna.ID, off)); *out.Active {
			t.Errorf("got %+v, want her inactive", out)
		}
		if i.alive(t, cookie) {
			t.Error("the session lives on")
		}
		if a := i.get(t, link(lumen.token(person("anna")))); a.status != http.StatusForbidden {
			t.Errorf("got %v for a link, want 403", a)
		}
		okta.ask(t, 200, "PATCH", "/Users/"+anna.ID, off) // again
		back := decode[scimResource](t, okta.ask(t, 200, "PUT", "/Users/"+anna.ID, put.with(fields{"active": true})))
		if !*back.Active {
			t.Errorf("got %+v, want her active", back)
		}
		if i.alive(t, cookie) {
			t.Error("the old session is back")
		}
		i.signIn(t, link(lumen.token(person("anna"))))

		if got := okta.list(t, "/Groups?startIndex=1&count=100"); got.TotalResults != 0 {
			t.Errorf("got %+v, want no groups", got)
		}
		group := decode[scimResource](t, okta.ask(t, 201, "POST", "/Groups", fields{
			"schemas": []string{scimGroupURN}, "displayName": "algebra-1", "members": []fields{},
		}))
		path := "/Groups/" + group.ID
		okta.ask(t, 204, "PATCH", path, patch(fields{"op": "replace", "value": fields{"id": group.ID, "displayName": "Algebra 1"}}))
		okta.ask(t, 204, "PATCH", path, patch(fields{
			"op": "add", "path": "members", "value": []fields{{"value": anna.ID, "display": "anna@lumen.example"}},
		}))
		full := decode[scimResource](t, okta.ask(t, 200, "GET", path, nil))
		if full.DisplayName != "Algebra 1" || len(full.Members) != 1 || full.Members[0].Value != anna.ID {
			t.Errorf("got %+v, want her in it", full)
		}
		if got := i.groupsOf(t, anna.ID); got != "algebra-1" {
			t.Errorf("got groups %q, want algebra-1", got)
		}
		if u := decode[scimResource](t, okta.ask(t, 200, "GET", "/Users/"+anna.ID, nil)); len(u.Groups) != 1 || u.Groups[0].Value != group.ID {
			t.Errorf("got %+v, want the group", u.Groups)
		}
		okta.ask(t, 204, "PATCH", path, patch(fields{"op": "remove", "path": `members[value eq "` + anna.ID + `"]`}))
		if got := i.groupsOf(t, anna.ID); got != "" {
			t.Errorf("got groups %q, want none", got)
		}
		okta.ask(t, 200, "PUT", path, fields{
			"schemas": []string{scimGroupURN}, "displayName": "Algebra 1", "members": []fields{{"value": anna.ID}},
		})
		okta.ask(t, 204, "DELETE", path, nil)
		okta.fails(t, 404, "", "GET", path, nil)
		if got := i.groupsOf(t, anna.ID); got != "" {
			t.Errorf("got groups %q, want none", got)
		}
	})
}

// TestSCIMAsEntra walks through what Microsoft Entra ID sends: capital letters in
// operations, truth values as strings, paths with filters, and names with dots in
// values without a path.
func TestSCIMAsEntra(t *testing.T) {
	eachWorld(t, func(t *testing.T, w world) {
		i := launch(t, w)
		lumen := i.install(t, nil)
		entra := i.directory(t, lumen)
		const enterprise = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"
		made := decode[scimResource](t, entra.ask(t, 201, "POST", "/Users", fields{
			"schemas": []string{scimUserURN, enterprise}, "externalId": "0a21f0f2-8d2a", "userName": "Bo.Li@lumen.example", "active": true,
			"emails": []fields{{"primary": true, "type": "work", "value": "bo@lumen.example"}},
			"meta":   fields{"resourceType": "User"}, "name": fields{"formatted": "Bo Li", "familyName": "Li", "givenName": "Bo"},
			"roles": []fields{}, "title": "Lead", enterprise: fields{"department": "Sales"},
		}))
		if made.DisplayName != "Bo Li" {
			t.Errorf("got %+v, want the formatted name shown", made)
		}
		path := "/Users/" + made.ID
		for _, filter := range []string{
			`userName eq "bo.li@LUMEN.example"`, `externalId eq "0a21f0f2-8d2a"`, `emails[type eq "work"].value eq "x"`,
			`emails.value eq "Bo@lumen.example"`, `emails[type eq "work" and value eq "bo@lumen.example"]`, `emails eq "bo@lumen.example"`,
			`active eq true`, `id eq "` + made.ID + `"`, `urn:ietf:params:scim:schemas:core:2.0:User:userName eq "bo.li@lumen.example" and active eq "True"`,
		} {
			if strings.Contains(filter, "].value") {
				entra.fails(t, 400, "invalidFilter", "GET", "/Users?filter="+url.QueryEscape(filter), nil)
				continue
			}
			if got := entra.list(t, "/Users?filter="+url.QueryEscape(filter)); got.TotalResults != 1 || got.Resources[0].ID != made.ID {
				t.Errorf("%s: got %+v, want the one", filter, got)
			}
		}
		for _, filter := range []string{`userName eq ""`, `active eq false`, `userName eq "a" and userName eq "b"`, `id eq "x"`, `emails eq "no address"`} {
			if got := entra.list(t, "/Users?filter="+url.QueryEscape(filter)); got.TotalResults != 0 {
				t.Errorf("%s: got %+v, want nobody", filter, got)
			}
		}
		changed := decode[scimResource](t, entra.ask(t, 200, "PATCH", path, patch(
			fields{"op": "Replace", "path": `emails[type eq "work"].value`, "value": "bo.li@lumen.example"},
			fields{"op": "Replace", "path": "name.familyName", "value": "Lin"},
			fields{"op": "Add", "path": `phoneNumbers[type eq "work"].value`, "value": "+1 2"},
			fields{"op": "Add", "path": `phoneNumbers[type eq "mobile"].value`, "value": "+1 3"},
			fields{"op": "Add", "path": enterprise + ":department", "value": "Legal"},
			fields{"op": "Replace", "value": fields{"displayName": "Bo Lin", "name.givenName": "Boris", enterprise: fields{"division": "x"}}},
		)))
		if changed.Emails[0].Value != "bo.li@lumen.example" || changed.Name.FamilyName != "Lin" || changed.Name.GivenName != "Boris" ||
			changed.DisplayName != "Bo Lin" || changed.PhoneNumbers[0].Value != "+1 2" {
			t.Errorf("got %+v", changed)
		}
		entra.ask(t, 200, "PATCH", path, patch(fields{"op": "Replace", "path": "active", "value": "False"}))
		if got := entra.list(t, "/Users?filter="+url.QueryEscape(`active eq false`)); got.TotalResults != 1 {
			t.Errorf("got %+v, want the disabled one", got)
		}
		entra.ask(t, 200, "PATCH", path, patch(fields{"op": "Replace", "path": "active", "value": "True"}))

		group := decode[scimResource](t, entra.ask(t, 201, "POST", "/Groups", fields{
			"schemas":    []string{scimGroupURN, "http://schemas.microsoft.com/2006/11/ResourceManagement/ADSCIM/2.0/Group"},
			"externalId": "8aa1a0c0-c4c3", "displayName": "Sales", "meta": fields{"resourceType": "Group"},
		}))
		found := entra.list(t, "/Groups?excludedAttributes=members&filter="+url.QueryEscape(`displayName eq "sales"`))
		if found.TotalResults != 1 || found.Resources[0].ID != group.ID || found.Resources[0].Members != nil {
			t.Errorf("got %+v, want the group without members", found)
		}
		at := "/Groups/" + group.ID
		entra.ask(t, 204, "PATCH", at, patch(fields{"op": "Add", "path": "members", "value": []fields{{"$ref": nil, "value": made.ID}}}))
		if got := entra.list(t, "/Groups?filter="+url.QueryEscape(`members eq "`+made.ID+`" and id eq "`+group.ID+`"`)); got.TotalResults != 1 {
			t.Errorf("got %+v, want the group of the member", got)
		}
		if got := i.groupsOf(t, made.ID); got != "8aa1a0c0-c4c3" {
			t.Errorf("got groups %q, want what tokens name", got)
		}
		entra.ask(t, 204, "PATCH", at, patch(fields{"op": "Remove", "path": "members", "value": []fields{{"$ref": nil, "value": made.ID}}}))
		if got := i.groupsOf(t, made.ID); got != "" {
			t.Errorf("got groups %q, want none", got)
		}

		cookie := i.signIn(t, link(lumen.token(person("bo").with(fields{"sub": "0a21f0f2-8d2a", "email": "bo.li@lumen.example"}))))
		entra.ask(t, 204, "DELETE", path, nil)
		entra.fails(t, 404, "", "GET", path, nil)
		entra.fails(t, 404, "", "DELETE", path, nil)
		if i.alive(t, cookie) {
			t.Error("the session of the deleted user lives on")
		}
		// Who is made again is the same user.
		again := decode[scimResource](t, entra.ask(t, 201, "POST", "/Users", fields{
			"schemas": []string{scimUserURN}, "externalId": "0a21f0f2-8d2a", "userName": "bo.li@lumen.example",
		}))
		if again.ID != made.ID || !*again.Active || again.Name.FamilyName != "Lin" {
			t.Errorf("got %+v, want the same user back", again)
		}
	})
}

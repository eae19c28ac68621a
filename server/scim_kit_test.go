package main

import (
	"net/http"
	"strings"
	"testing"
)

// scimUserURN and the others are schemas as directories write them.
const (
	scimUserURN  = "urn:ietf:params:scim:schemas:core:2.0:User"
	scimGroupURN = "urn:ietf:params:scim:schemas:core:2.0:Group"
	scimPatchURN = "urn:ietf:params:scim:api:messages:2.0:PatchOp"
)

// directory is an identity provider that keeps an integration's people.
type directory struct {
	i     *instance
	token string
	id    string   // of the token
	lines []string // header lines with each request
}

// directory makes a token for an integration's directory.
func (i *instance) directory(t testing.TB, n installed, header ...string) *directory {
	t.Helper()
	made := decode[struct{ ID, Token string }](t, i.admin(t, http.StatusCreated, "POST", "/integrations/"+n.ID+"/scim/tokens",
		fields{"name": "Okta"}, header...))
	return &directory{i: i, token: made.Token, id: made.ID, lines: append([]string{"Authorization: Bearer " + made.Token}, header...)}
}

// ask sends one request and returns the answer, which has to have a status.
func (d *directory) ask(t testing.TB, status int, method, path string, body any, header ...string) answer {
	t.Helper()
	text := ""
	if body != nil {
		text = jsonText(body)
		header = append([]string{"Content-Type: application/scim+json"}, header...)
	}
	a := d.i.send(t, method, "/scim/v2"+path, text, append(append([]string(nil), d.lines...), header...)...)
	if a.status != status {
		t.Fatalf("%s %s %s: got %v, want %d", method, path, text, a, status)
	}
	if kind := a.header.Get("Content-Type"); a.body != "" && !strings.HasPrefix(kind, "application/scim+json") {
		t.Errorf("%s %s: got type %q", method, path, kind)
	}
	return a
}

// fails is ask for what is refused, with the keyword of RFC 7644 §3.12.
func (d *directory) fails(t testing.TB, status int, keyword, method, path string, body any, header ...string) {
	t.Helper()
	got := decode[struct {
		Schemas          []string
		Status, ScimType string
		Detail           string
	}](t, d.ask(t, status, method, path, body, header...))
	if len(got.Schemas) != 1 || got.Schemas[0] != "urn:ietf:params:scim:api:messages:2.0:Error" ||
		got.Status != jsonText(status) || got.ScimType != keyword || got.Detail == "" {
		t.Errorf("%s %s %s: got %+v, want status %d, keyword %q and a detail", method, path, jsonText(body), got, status, keyword)
	}
}

// scimResource is a user or a group in an answer.
type scimResource struct {
	Schemas     []string
	ID          string
	ExternalID  string
	UserName    string
	DisplayName string
	Name        struct{ GivenName, FamilyName, Formatted string }
	Emails      []struct {
		Value, Type string
		Primary     bool
	}
	PhoneNumbers []struct{ Value string }
	Locale       string
	Active       *bool
	Groups       []struct{ Value, Display string }
	Members      []struct{ Value, Display string }
	Meta         struct{ ResourceType, Location, Version, Created, LastModified string }
}

// listed is the answer to a query.
type listed struct {
	TotalResults, StartIndex, ItemsPerPage int
	Resources                              []scimResource
}

func (d *directory) list(t testing.TB, path string) listed {
	t.Helper()
	return decode[listed](t, d.ask(t, http.StatusOK, "GET", path, nil))
}

// scimPerson is a user as a directory describes it, with changes.
func scimPerson(name string, changes fields) fields {
	return fields{
		"schemas": []string{scimUserURN}, "userName": name + "@lumen.example", "externalId": "id-" + name, "active": true,
		"name":   fields{"givenName": "Given " + name, "familyName": "Family " + name},
		"emails": []fields{{"primary": true, "type": "work", "value": name + "@lumen.example"}},
	}.with(changes)
}

func (d *directory) add(t testing.TB, name string, changes fields) scimResource {
	t.Helper()
	return decode[scimResource](t, d.ask(t, http.StatusCreated, "POST", "/Users", scimPerson(name, changes)))
}

// patch is the body of a PATCH.
func patch(operations ...fields) fields {
	return fields{"schemas": []string{scimPatchURN}, "Operations": operations}
}

// groupsOf are the external ids of a user's groups.
func (i *instance) groupsOf(t testing.TB, user string) string {
	t.Helper()
	u := decode[struct {
		Groups []struct {
			ExternalID string `json:"external_id"`
		}
	}](t, i.admin(t, http.StatusOK, "GET", "/users/"+user, nil))
	var ids []string
	for _, g := range u.Groups {
		ids = append(ids, g.ExternalID)
	}
	return strings.Join(ids, ",")
}

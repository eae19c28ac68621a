package main

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
)

// madePerson is somebody who has signed in.
type madePerson struct{ id, email string }

// person signs somebody in through a new integration.
func (i *instance) person(t *testing.T, name string) madePerson {
	t.Helper()
	n := i.install(t, fields{"name": "Of " + name})
	i.signIn(t, link(n.token(person(name))))
	email := name + "@lumen.example"
	return madePerson{i.userID(t, email), email}
}

// TestOrganizationsInTheAPI: what a program can do with organizations and their
// members, and what it is told when it errs.
func TestOrganizationsInTheAPI(t *testing.T) {
	eachWorld(t, func(t *testing.T, w world) {
		i := launch(t, w)
		anna := i.person(t, "anna")
		made := i.admin(t, 201, "POST", "/organizations", fields{"name": "acme", "display_name": "Acme Ltd", "parent": nil})
		acme := decode[organizationInAPI](t, made)
		if made.header.Get("Location") != apiRoot+"/organizations/"+acme.ID || !strings.HasPrefix(acme.Secret, "uss_") || acme.Parent != nil {
			t.Errorf("got %v", made)
		}
		dev := i.organization(t, "acme", "dev", "Development")
		if dev.GlobalID != "acme.dev" || dev.Parent == nil || *dev.Parent != "acme" {
			t.Errorf("got %+v, want it below acme", dev)
		}
		plain := decode[clientInAPI](t, i.admin(t, 201, "POST", "/clients", fields{"name": "Plain"}))
		members := "/organizations/" + dev.ID + "/members/"
		for name, test := range map[string]struct {
			method, path string
			body         fields
			status       int
			says         string
		}{
			"no name":                {"POST", "/organizations", fields{"name": ""}, 400, "name"},
			"two faults":             {"POST", "/organizations", fields{"name": "A", "parent": "none"}, 400, "parent"},
			"a taken name":           {"POST", "/organizations", fields{"name": "acme"}, 409, "in use"},
			"a name of a client":     {"POST", "/organizations", fields{"name": plain.ClientID}, 409, "in use"},
			"an unknown member":      {"PATCH", "/organizations/" + dev.ID, fields{"name": "x"}, 400, "name"},
			"no display name":        {"PATCH", "/organizations/" + dev.ID, fields{"display_name": " "}, 400, "display_name"},
			"a plain client":         {"PATCH", "/organizations/" + plain.ID, fields{"disabled": true}, 404, ""},
			"one with others below":  {"DELETE", "/organizations/" + acme.ID, nil, 409, "below"},
			"an organization as one": {"DELETE", "/clients/" + dev.ID, nil, 400, "organization"},
			"an unknown role":        {"PUT", members + anna.id, fields{"role": "boss"}, 400, "role"},
			"no role":                {"PUT", members + anna.id, fields{}, 400, "role"},
			"nobody":                 {"PUT", members + "none", fields{"role": "member"}, 404, ""},
			"no member":              {"DELETE", members + anna.id, nil, 404, ""},
			"members of nothing":     {"GET", "/organizations/" + plain.ID + "/members", nil, 404, ""},
			"a strange under":        {"GET", "/organizations?under=A%25", nil, 400, "under"},
			"organizations of none":  {"GET", "/users/none/organizations", nil, 404, ""},
		} {
			a := i.admin(t, test.status, test.method, test.path, test.body)
			if !strings.Contains(a.body, test.says) {
				t.Errorf("%s: got %v, want it to name %q", name, a, test.says)
			}
		}

		i.admin(t, 204, "PUT", members+anna.id, fields{"role": "member"})
		i.admin(t, 204, "PUT", members+anna.id, fields{"role": "owner"})
		i.admin(t, 412, "PUT", members+anna.id, fields{"role": "member"}, `If-Match: "1"`)
		list := i.admin(t, 200, "GET", "/organizations/"+dev.ID+"/members", nil)
		if !strings.Contains(list.body, `"role":"owner"`) || !strings.Contains(list.body, anna.email) || !strings.Contains(list.body, `"next":null`) {
			t.Errorf("got %v, want anna as owner", list)
		}
		if of := i.admin(t, 200, "GET", "/users/"+anna.id+"/organizations", nil); !strings.Contains(of.body, `"global_id":"acme.dev"`) {
			t.Errorf("got %v, want acme.dev", of)
		}
		if preview := i.admin(t, 200, "GET", "/organizations/"+dev.ID+"/deletion", nil); preview.body != `{"children":0,"members":1,"owners":1,"possible":true,"secrets":1}` {
			t.Errorf("got %v", preview)
		}
		below := decode[struct{ Organizations []organizationInAPI }](t, i.admin(t, 200, "GET", "/organizations?under=acme", nil))
		if len(below.Organizations) != 1 || below.Organizations[0].ID != dev.ID {
			t.Errorf("got %+v, want %s", below, dev.ID)
		}

		// A change goes by the ETag, and a repetition is answered again.
		etag := i.admin(t, 200, "GET", "/organizations/"+dev.ID, nil).header.Get("ETag")
		changed := decode[organizationInAPI](t, i.admin(t, 200, "PATCH", "/organizations/"+dev.ID, fields{"disabled": true}, "If-Match: "+etag))
		if !changed.Disabled || changed.DisplayName != "Development" || changed.Secret != "" {
			t.Errorf("got %+v, want it disabled and nothing else", changed)
		}
		i.admin(t, 412, "DELETE", "/organizations/"+dev.ID, nil, "If-Match: "+etag)
		const key = "Idempotency-Key: one-organization"
		first := i.admin(t, 201, "POST", "/organizations", fields{"name": "once"}, key)
		if again := i.admin(t, 201, "POST", "/organizations", fields{"name": "once"}, key); first.body != again.body {
			t.Errorf("got %v, want the same answer as %v", again, first)
		}
		once := decode[organizationInAPI](t, first)
		i.admin(t, 204, "DELETE", "/organizations/"+once.ID, nil)
		i.admin(t, 409, "POST", "/organizations", fields{"name": "once"}, key)

		i.admin(t, 204, "DELETE", members+anna.id, nil)
		i.admin(t, 204, "DELETE", "/organizations/"+dev.ID, nil)
		i.admin(t, 204, "DELETE", "/organizations/"+acme.ID, nil)
		i.admin(t, 404, "GET", "/clients/"+acme.ID, nil)
	})
}

// TestOrganizationForms: the pages do the same, tell what is wrong beside its
// field, and make nothing twice.
func TestOrganizationForms(t *testing.T) {
	eachWorld(t, func(t *testing.T, w world) {
		i := launch(t, w)
		anna := i.person(t, "anna")
		as := i.owner(t)
		const list = "/admin/tokens/organizations"
		form := url.Values{"name": {"acme"}, "display_name": {"Acme <Ltd>"}, "once": {"a"}}
		first := i.post(t, list, form.Encode(), as)
		if first.status != http.StatusOK || !strings.Contains(first.body, "uss_") || first.header.Get("Cache-Control") != "no-store" {
			t.Errorf("got %v, want the secret", first)
		}
		second := i.post(t, list, form.Encode(), as)
		page := strings.TrimSuffix(second.header.Get("Location"), "?done=secret_made_before")
		if second.status != http.StatusSeeOther || !strings.HasPrefix(page, list+"/") {
			t.Fatalf("again: got %v to %q", second, page)
		}
		send := func(status int, says, path string, values url.Values) answer {
			t.Helper()
			got := i.post(t, path, values.Encode(), as)
			if got.status != status || !strings.Contains(got.body+got.header.Get("Location"), says) {
				t.Errorf("POST %s %v: got %v, want %d and %q", path, values, got, status, says)
			}
			return got
		}
		send(422, "already", list, url.Values{"name": {"acme"}})
		send(422, "global id of an organization", list, url.Values{"name": {"dev"}, "parent": {"none"}})
		send(200, "uss_", list, url.Values{"name": {"dev"}, "parent": {"acme"}})
		send(422, "Nobody here", page+"/members", url.Values{"user": {"nobody@lumen.example"}, "role": {"member"}})
		send(422, "Member or owner", page+"/members", url.Values{"user": {anna.email}, "role": {"boss"}})
		send(303, "done=organization_in", page+"/members", url.Values{"user": {anna.email}, "role": {"member"}})
		send(303, "done=organization_in", page+"/members/"+anna.id, url.Values{"act": {"owner"}})
		send(400, "", page+"/members/"+anna.id, url.Values{"act": {"crown"}})
		got := i.get(t, page, as)
		for _, part := range []string{"Acme &lt;Ltd&gt;", anna.email, "Owner", "memberof:acme", "acme.dev", "/v1/oauth/access_token", "/v1/oauth/jwt?"} {
			if !strings.Contains(got.body, part) {
				t.Errorf("the page has no %q", part)
			}
		}
		if got := i.get(t, "/admin/users/"+anna.id, as); !strings.Contains(got.body, `<a href="`+page+`">acme</a>`) {
			t.Error("the person's page does not lead to the organization")
		}
		send(422, "letter by letter", page+"/delete", url.Values{"confirm": {"wrong"}})
		send(409, "below it", page+"/delete", url.Values{"confirm": {"acme"}, "revision": {"1"}})
		send(422, "1 to 100", page, url.Values{"display_name": {""}, "revision": {"1"}})
		send(303, "done=saved", page, url.Values{"display_name": {"Acme"}, "revision": {"1"}})
		send(409, "Somebody else", page, url.Values{"display_name": {"Other"}, "revision": {"1"}})
		send(303, "done=organization_out", page+"/members/"+anna.id, url.Values{"act": {"drop"}})
	})
}

package main

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
)

// clientInAPI is a client as the API shows it.
type clientInAPI struct {
	ID           string
	ClientID     string   `json:"client_id"`
	ClientSecret string   `json:"client_secret"`
	APIScopes    []string `json:"api_scopes"`
	Disabled     bool
	Secrets      []struct {
		ID, Ending string
		Live       bool
	}
}

// TestClientsInTheAPI: what a program can do with clients and API connections,
// and what it is told when it errs.
func TestClientsInTheAPI(t *testing.T) {
	eachWorld(t, func(t *testing.T, w world) {
		i := launch(t, w)
		n := decode[struct{ ID, Secret string }](t, i.admin(t, 201, "POST", "/api-connections", fields{"name": "billing"}))
		made := i.admin(t, 201, "POST", "/clients", fields{"client_id": "nightly", "name": "Nightly", "api_scopes": []string{"billing"}})
		k := decode[clientInAPI](t, made)
		if made.header.Get("Location") != apiRoot+"/clients/"+k.ID || !strings.HasPrefix(k.ClientSecret, "uss_") || len(k.Secrets) != 1 {
			t.Errorf("got %v", made)
		}
		for name, test := range map[string]struct {
			method, path string
			body         fields
			status       int
			says         string
		}{
			"no name":            {"POST", "/clients", fields{}, 400, "name"},
			"two faults":         {"POST", "/clients", fields{"name": "", "client_id": "a b"}, 400, "client_id"},
			"a taken id":         {"POST", "/clients", fields{"name": "N", "client_id": "nightly"}, 409, "in use"},
			"an unknown scope":   {"PATCH", "/clients/" + k.ID, fields{"api_scopes": []string{"none"}}, 400, "api_scopes"},
			"an unknown format":  {"PATCH", "/clients/" + k.ID, fields{"access_token_format": "opaque"}, 400, "access_token_format"},
			"a long life":        {"PATCH", "/clients/" + k.ID, fields{"access_token_life": 9007199254740991}, 400, "access_token_life"},
			"no such client":     {"PATCH", "/clients/none", fields{"name": "N"}, 404, ""},
			"a reserved scope":   {"POST", "/api-connections/" + n.ID + "/scopes", fields{"name": "openid"}, 400, "name"},
			"a scope twice":      {"POST", "/api-connections/" + n.ID + "/scopes", fields{"name": "billing"}, 409, "in use"},
			"its own scope":      {"DELETE", "/api-connections/" + n.ID + "/scopes/billing", nil, 400, "scope"},
			"a foreign secret":   {"DELETE", "/api-connections/" + n.ID + "/secrets/" + k.Secrets[0].ID, nil, 404, ""},
			"an unreadable time": {"DELETE", "/clients/" + k.ID + "/secrets/" + k.Secrets[0].ID + "?at=never", nil, 400, "at"},
		} {
			a := i.admin(t, test.status, test.method, test.path, test.body)
			if !strings.Contains(a.body, test.says) {
				t.Errorf("%s: got %v, want it to name %q", name, a, test.says)
			}
		}

		// A change goes by the ETag; null takes every scope away.
		etag := i.admin(t, 200, "GET", "/clients/"+k.ID, nil).header.Get("ETag")
		changed := decode[clientInAPI](t, i.admin(t, 200, "PATCH", "/clients/"+k.ID, fields{"api_scopes": nil}, "If-Match: "+etag))
		if len(changed.APIScopes) != 0 || changed.ClientSecret != "" {
			t.Errorf("got %+v, want no scope and no secret", changed)
		}
		i.admin(t, 412, "PATCH", "/clients/"+k.ID, fields{"disabled": true}, "If-Match: "+etag)
		i.admin(t, 412, "DELETE", "/clients/"+k.ID, nil, "If-Match: "+etag)

		// A repetition is answered again, until the secret in the answer is retired.
		const key = "Idempotency-Key: another-secret"
		first := i.admin(t, 201, "POST", "/clients/"+k.ID+"/secrets", fields{}, key)
		again := i.admin(t, 201, "POST", "/clients/"+k.ID+"/secrets", fields{}, key)
		if first.body != again.body {
			t.Errorf("got %v, want the same answer as %v", again, first)
		}
		i.admin(t, 204, "DELETE", "/clients/"+k.ID+"/secrets/"+decode[struct{ ID string }](t, first).ID, nil)
		i.admin(t, 409, "POST", "/clients/"+k.ID+"/secrets", fields{}, key)

		preview := i.admin(t, 200, "GET", "/api-connections/"+n.ID+"/deletion", nil)
		if preview.body != `{"scopes":["billing"],"clients":[],"more":false}` {
			t.Errorf("got %v", preview)
		}
		i.admin(t, 204, "DELETE", "/api-connections/"+n.ID, nil)
		i.admin(t, 204, "DELETE", "/clients/"+k.ID, nil)
		i.admin(t, 404, "GET", "/clients/"+k.ID, nil)
	})
}

// TestClientFormsSentTwice: a second click makes no second client, and leads to
// the first.
func TestClientFormsSentTwice(t *testing.T) {
	eachWorld(t, func(t *testing.T, w world) {
		i := launch(t, w)
		as := i.owner(t)
		for path, form := range map[string]url.Values{
			"/admin/tokens/clients": {
				"name": {"Twice"}, "grants": {"client_credentials"}, "access_token_format": {"jwt"}, "access_token_life": {"3000"}, "once": {"a"},
			},
			"/admin/tokens/api-connections": {"name": {"twice"}, "once": {"b"}},
		} {
			first := i.post(t, path, form.Encode(), as)
			if first.status != http.StatusOK || !strings.Contains(first.body, "uss_") || first.header.Get("Cache-Control") != "no-store" {
				t.Errorf("%s: got %v, want the secret", path, first)
			}
			second := i.post(t, path, form.Encode(), as)
			if to := second.header.Get("Location"); second.status != http.StatusSeeOther || !strings.HasPrefix(to, path+"/") {
				t.Errorf("%s again: got %v to %q", path, second, to)
			}
		}
		clients := decode[struct{ Clients []clientInAPI }](t, i.admin(t, 200, "GET", "/clients", nil))
		if len(clients.Clients) != 1 {
			t.Errorf("got %d clients, want one", len(clients.Clients))
		}
	})
}

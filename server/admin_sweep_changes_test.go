package main

import (
	"maps"
	"net/http"
	"net/url"
	"strconv"
	"testing"
	"time"
)

// changes are the routes that change something for others than the caller, and
// how each is called once so that it does.
func (s *sweep) changes() map[string]func(t *testing.T) change {
	const root = "/admin/api/v1"
	api := func(path string, body fields) change { return change{path: root + path, body: body} }
	changes := map[string]func(t *testing.T) change{
		"POST /admin/api/v1/integrations":       func(*testing.T) change { return api("/integrations", fields{"name": s.next()}) },
		"PATCH /admin/api/v1/integrations/:id":  func(t *testing.T) change { return api("/integrations/"+s.integration(t).ID, fields{"leeway": 7}) },
		"DELETE /admin/api/v1/integrations/:id": func(t *testing.T) change { return api("/integrations/"+s.integration(t).ID, nil) },
		"POST /admin/api/v1/integrations/:id/keys": func(t *testing.T) change {
			return api("/integrations/"+s.integration(t).ID+"/keys", fields{})
		},
		"DELETE /admin/api/v1/integrations/:id/keys/:kid": func(t *testing.T) change {
			n := s.integration(t)
			s.api(t, 201, "POST", "/integrations/"+n.ID+"/keys", fields{})
			return api("/integrations/"+n.ID+"/keys/"+n.kid(), nil)
		},
		"POST /admin/api/v1/integrations/:id/keys/:kid/keep": func(t *testing.T) change {
			n := s.integration(t)
			s.api(t, 201, "POST", "/integrations/"+n.ID+"/keys", fields{})
			s.api(t, 204, "DELETE", "/integrations/"+n.ID+"/keys/"+n.kid()+"?at=2099-01-01T00:00:00Z", nil)
			return api("/integrations/"+n.ID+"/keys/"+n.kid()+"/keep", nil)
		},
		"POST /admin/api/v1/integrations/:id/sign-out": func(t *testing.T) change {
			return api("/integrations/"+s.integration(t).ID+"/sign-out", nil)
		},
		"POST /admin/api/v1/clients":       func(*testing.T) change { return api("/clients", fields{"name": s.next()}) },
		"PATCH /admin/api/v1/clients/:id":  func(t *testing.T) change { return api("/clients/"+s.client(t), fields{"disabled": true}) },
		"DELETE /admin/api/v1/clients/:id": func(t *testing.T) change { return api("/clients/"+s.client(t), nil) },
		"POST /admin/api/v1/api-connections": func(*testing.T) change {
			return api("/api-connections", fields{"name": s.next()})
		},
		"PATCH /admin/api/v1/api-connections/:id": func(t *testing.T) change {
			return api("/api-connections/"+s.connection(t), fields{"display_name": "New"})
		},
		"DELETE /admin/api/v1/api-connections/:id": func(t *testing.T) change { return api("/api-connections/"+s.connection(t), nil) },
		"POST /admin/api/v1/api-connections/:id/scopes": func(t *testing.T) change {
			return api("/api-connections/"+s.connection(t)+"/scopes", fields{"name": s.next()})
		},
		"PATCH /admin/api/v1/api-connections/:id/scopes/:scope": func(t *testing.T) change {
			return api(s.scope(t), fields{"display_name": "New"})
		},
		"DELETE /admin/api/v1/api-connections/:id/scopes/:scope": func(t *testing.T) change { return api(s.scope(t), nil) },
		"POST /admin/api/v1/signing-keys/rotate":                 func(*testing.T) change { return api("/signing-keys/rotate", fields{"now": true}) },
		"POST /admin/api/v1/jwts": func(t *testing.T) change {
			// The key that signs them is made beforehand: that is an act of its own.
			s.api(t, http.StatusCreated, "POST", "/signing-keys/rotate", fields{"algorithm": "ES384", "now": true})
			return api("/jwts", fields{"client_id": s.clientID(t), "audience": "portal"})
		},
		"POST /admin/tokens/jwt": func(t *testing.T) change {
			const page = "/admin/tokens/jwt"
			return s.form(t, page, page, "client_id", s.clientID(t), "confirmed", "yes")
		},
		"POST /admin/tokens/clients": func(t *testing.T) change {
			return s.form(t, "/admin/tokens/clients/new?as=machine", "/admin/tokens/clients", "name", s.next())
		},
		"POST /admin/tokens/clients/:id": func(t *testing.T) change {
			k := "/admin/tokens/clients/" + s.client(t)
			return s.form(t, k, k, "name", "New")
		},
		"POST /admin/tokens/clients/:id/delete": func(t *testing.T) change {
			k := "/admin/tokens/clients/" + s.client(t) + "/delete"
			return s.form(t, k, k)
		},
		"POST /admin/tokens/api-connections": func(t *testing.T) change {
			return s.form(t, "/admin/tokens/api-connections/new", "/admin/tokens/api-connections", "name", s.next())
		},
		"POST /admin/tokens/api-connections/:id": func(t *testing.T) change {
			n := "/admin/tokens/api-connections/" + s.connection(t)
			return s.form(t, n, n, "display_name", "New")
		},
		"POST /admin/tokens/api-connections/:id/delete": func(t *testing.T) change {
			n := "/admin/tokens/api-connections/" + s.connection(t) + "/delete"
			return s.form(t, n, n)
		},
		"POST /admin/tokens/api-connections/:id/scopes": func(t *testing.T) change {
			n := "/admin/tokens/api-connections/" + s.connection(t)
			return s.form(t, n, n+"/scopes", "name", s.next())
		},
		"POST /admin/tokens/api-connections/:id/scopes/:scope": func(t *testing.T) change {
			scope := "/admin/tokens" + s.scope(t)
			return s.form(t, scope, scope, "display_name", "New")
		},
		"POST /admin/tokens/api-connections/:id/scopes/:scope/delete": func(t *testing.T) change {
			scope := "/admin/tokens" + s.scope(t)
			return s.form(t, scope, scope+"/delete")
		},
		"POST /admin/tokens/signing-keys/rotate": func(t *testing.T) change {
			const keys = "/admin/tokens/signing-keys/rotate"
			return s.form(t, keys, keys, "algorithm", "ES384")
		},
		"POST /admin/api/v1/groups":       func(*testing.T) change { return api("/groups", fields{"external_id": s.next()}) },
		"PATCH /admin/api/v1/groups/:id":  func(t *testing.T) change { return api("/groups/"+s.group(t), fields{"name": "New"}) },
		"DELETE /admin/api/v1/groups/:id": func(t *testing.T) change { return api("/groups/"+s.group(t), nil) },
		"PUT /admin/api/v1/groups/:id/members/:user": func(t *testing.T) change {
			user, _ := s.user(t, nil)
			return api("/groups/"+s.group(t)+"/members/"+user, fields{"pinned": true})
		},
		"DELETE /admin/api/v1/groups/:id/members/:user": func(t *testing.T) change {
			user, _ := s.user(t, nil)
			path := "/groups/" + s.group(t) + "/members/" + user
			s.api(t, 204, "PUT", path, fields{"pinned": true})
			return api(path, nil)
		},
		"POST /admin/api/v1/resources": func(*testing.T) change {
			return api("/resources", fields{"kind": "vote", "title": "Vote", "integration": s.lumen.ID})
		},
		"PATCH /admin/api/v1/resources/:kind/:id": func(t *testing.T) change {
			return api("/resources/vote/"+s.resource(t), fields{"title": "New"})
		},
		"DELETE /admin/api/v1/resources/:kind/:id": func(t *testing.T) change { return api("/resources/vote/"+s.resource(t), nil) },
		"POST /admin/api/v1/credits":               func(*testing.T) change { s.made++; return api("/credits", fields{"id": s.made, "name": "Credit"}) },
		"PATCH /admin/api/v1/credits/:id":          func(t *testing.T) change { return api("/credits/"+s.credit(t), fields{"name": "New"}) },
		"PATCH /admin/api/v1/users/:id": func(t *testing.T) change {
			user, _ := s.user(t, nil)
			return api("/users/"+user, fields{"disabled": true})
		},
		"DELETE /admin/api/v1/users/:id": func(t *testing.T) change {
			user, _ := s.user(t, nil)
			return api("/users/"+user, nil)
		},
		"DELETE /admin/api/v1/users/:id/sessions/:session": func(t *testing.T) change {
			user, _ := s.user(t, nil)
			return api("/users/"+user+"/sessions/"+s.session(t, user), nil)
		},
		"DELETE /admin/api/v1/users/:id/applications/:client": func(t *testing.T) change {
			user, client := s.application(t)
			return api("/users/"+user+"/applications/"+client, nil)
		},
		"POST /admin/api/v1/users/:id/sign-out": func(t *testing.T) change {
			user, _ := s.user(t, nil)
			return api("/users/"+user+"/sign-out", nil)
		},
		"POST /admin/api/v1/users/:id/merge": func(t *testing.T) change {
			user, _ := s.user(t, nil)
			gone, _ := s.user(t, nil)
			return api("/users/"+user+"/merge", fields{"from": gone})
		},
		"POST /admin/api/v1/jobs": func(*testing.T) change { return api("/jobs", fields{"kind": "export_users"}) },
		"POST /admin/api/v1/import": func(*testing.T) change {
			return api("/import", fields{"rows": "kind,id,name\ngroup," + s.next() + ",Name\n"})
		},
		"POST /admin/api/v1/administrators": func(*testing.T) change {
			name := s.next()
			return api("/administrators", fields{"email": name + "@usher.example", "name": name, "role": "viewer"})
		},
		"PATCH /admin/api/v1/administrators/:id": func(t *testing.T) change {
			return api("/administrators/"+s.administrator(t), fields{"role": "admin"})
		},
		"DELETE /admin/api/v1/administrators/:id": func(t *testing.T) change { return api("/administrators/"+s.administrator(t), nil) },
		"POST /admin/api/v1/administrators/:id/link": func(t *testing.T) change {
			return api("/administrators/"+s.administrator(t)+"/link", nil)
		},
		"POST /admin/api/v1/api-keys": func(*testing.T) change {
			return api("/api-keys", fields{"name": s.next(), "scopes": []string{"users:read"}})
		},
		"PATCH /admin/api/v1/api-keys/:id": func(t *testing.T) change {
			return api("/api-keys/"+s.id(t, "POST", "/api-keys", fields{"name": s.next(), "scopes": []string{"users:read"}}), fields{"rate": 7})
		},
		"DELETE /admin/api/v1/api-keys/:id": func(t *testing.T) change {
			return api("/api-keys/"+s.id(t, "POST", "/api-keys", fields{"name": s.next(), "scopes": []string{"users:read"}}), nil)
		},
		"PATCH /admin/api/v1/settings": func(*testing.T) change { return api("/settings", fields{"name": "Tenant " + s.next()}) },

		"POST /admin/groups": func(t *testing.T) change {
			return s.form(t, "/admin/groups/new", "/admin/groups", "external_id", s.next())
		},
		"POST /admin/groups/:id": func(t *testing.T) change { g := "/admin/groups/" + s.group(t); return s.form(t, g, g, "name", "New") },
		"POST /admin/groups/:id/members": func(t *testing.T) change {
			_, email := s.user(t, nil)
			g := "/admin/groups/" + s.group(t)
			return s.form(t, g, g+"/members", "user", email)
		},
		"POST /admin/groups/:id/members/:user": func(t *testing.T) change {
			user, _ := s.user(t, nil)
			g := s.group(t)
			s.api(t, 204, "PUT", "/groups/"+g+"/members/"+user, fields{"pinned": true})
			return s.form(t, "/admin/groups/"+g, "/admin/groups/"+g+"/members/"+user, "act", "drop")
		},
		"POST /admin/groups/:id/delete": func(t *testing.T) change {
			g := "/admin/groups/" + s.group(t) + "/delete"
			return s.form(t, g, g)
		},
		"POST /admin/resources": func(t *testing.T) change {
			return s.form(t, "/admin/resources/new", "/admin/resources", "kind", "vote", "title", "Vote")
		},
		"POST /admin/resources/:kind/:id": func(t *testing.T) change {
			r := "/admin/resources/vote/" + s.resource(t)
			return s.form(t, r, r, "title", "New")
		},
		"POST /admin/resources/:kind/:id/delete": func(t *testing.T) change {
			r := "/admin/resources/vote/" + s.resource(t) + "/delete"
			return s.form(t, r, r)
		},
		"POST /admin/credits": func(t *testing.T) change {
			s.made++
			return s.form(t, "/admin/credits", "/admin/credits", "id", strconv.Itoa(s.made), "name", "Credit")
		},
		"POST /admin/credits/:id": func(t *testing.T) change { c := "/admin/credits/" + s.credit(t); return s.form(t, c, c, "name", "New") },
		"POST /admin/settings": func(t *testing.T) change {
			return s.form(t, "/admin/settings", "/admin/settings", "sign_in_log_days", "400")
		},
		"POST /admin/integrations": func(t *testing.T) change {
			return s.form(t, "/admin/integrations/new", "/admin/integrations", "name", s.next())
		},
		"POST /admin/integrations/:id/settings": func(t *testing.T) change {
			n := "/admin/integrations/" + s.integration(t).ID + "/settings"
			return s.form(t, n, n, "leeway", "9")
		},
		"POST /admin/integrations/:id/keys": func(t *testing.T) change {
			n := "/admin/integrations/" + s.integration(t).ID + "/keys"
			return s.form(t, n+"/new", n)
		},
		"PATCH /admin/api/v1/integrations/:id/scim": func(t *testing.T) change {
			return api("/integrations/"+s.integration(t).ID+"/scim", fields{"subject": "user_name"})
		},
		"POST /admin/api/v1/integrations/:id/scim/tokens": func(t *testing.T) change {
			return api("/integrations/"+s.integration(t).ID+"/scim/tokens", fields{"name": "Okta"})
		},
		"DELETE /admin/api/v1/integrations/:id/scim/tokens/:token": func(t *testing.T) change {
			return api(s.scimToken(t), nil)
		},
		"POST /admin/integrations/:id/scim": func(t *testing.T) change {
			n := "/admin/integrations/" + s.integration(t).ID + "/scim"
			return s.form(t, n, n, "subject", "none")
		},
		"POST /admin/integrations/:id/scim/tokens": func(t *testing.T) change {
			n := "/admin/integrations/" + s.integration(t).ID + "/scim"
			return s.form(t, n, n+"/tokens", "name", "Okta")
		},
		"POST /admin/integrations/:id/scim/tokens/:token/revoke": func(t *testing.T) change {
			page := "/admin" + s.scimToken(t) + "/revoke"
			return s.form(t, page, page)
		},
		"POST /admin/integrations/:id/sign-out": func(t *testing.T) change {
			n := "/admin/integrations/" + s.integration(t).ID + "/sign-out"
			return s.form(t, n, n)
		},
		"POST /admin/integrations/:id/remove": func(t *testing.T) change {
			n := "/admin/integrations/" + s.integration(t).ID + "/remove"
			return s.form(t, n, n)
		},
		"POST /admin/users/:id/disable": func(t *testing.T) change {
			user, _ := s.user(t, nil)
			return s.form(t, "/admin/users/"+user+"/disable", "/admin/users/"+user+"/disable")
		},
		"POST /admin/users/:id/enable": func(t *testing.T) change {
			user, _ := s.user(t, nil)
			s.api(t, 200, "PATCH", "/users/"+user, fields{"disabled": true})
			return s.form(t, "/admin/users/"+user+"/enable", "/admin/users/"+user+"/enable")
		},
		"POST /admin/users/:id/sign-out": func(t *testing.T) change {
			user, _ := s.user(t, nil)
			return s.form(t, "/admin/users/"+user+"/sign-out", "/admin/users/"+user+"/sign-out")
		},
		"POST /admin/users/:id/erase": func(t *testing.T) change {
			user, _ := s.user(t, nil)
			return s.form(t, "/admin/users/"+user+"/erase", "/admin/users/"+user+"/erase")
		},
		"POST /admin/users/:id/sessions/:session/end": func(t *testing.T) change {
			user, _ := s.user(t, nil)
			return s.form(t, "/admin/users/"+user, "/admin/users/"+user+"/sessions/"+s.session(t, user)+"/end")
		},
		"POST /admin/users/:id/applications/:client/end": func(t *testing.T) change {
			user, client := s.application(t)
			return s.form(t, "/admin/users/"+user, "/admin/users/"+user+"/applications/"+client+"/end")
		},
		"POST /admin/jobs/export": func(*testing.T) change { return change{path: "/admin/jobs/export", body: url.Values{}} },
		"POST /admin/settings/administrators": func(t *testing.T) change {
			p := "/admin/settings/administrators"
			return s.form(t, p, p, "email", s.next()+"@usher.example", "name", "Some body", "role", "viewer")
		},
		"POST /admin/settings/administrators/:id/remove": func(t *testing.T) change {
			p := "/admin/settings/administrators/" + s.administrator(t) + "/remove"
			return s.form(t, p, p)
		},
		"POST /admin/settings/administrators/:id/link": func(t *testing.T) change {
			return change{path: "/admin/settings/administrators/" + s.administrator(t) + "/link", body: url.Values{}}
		},
		"POST /admin/settings/administrators/:id/disable": func(t *testing.T) change {
			return change{path: "/admin/settings/administrators/" + s.administrator(t) + "/disable", body: url.Values{}}
		},
		"POST /admin/settings/administrators/:id/enable": func(t *testing.T) change {
			id := s.administrator(t)
			s.api(t, 200, "PATCH", "/administrators/"+id, fields{"disabled": true})
			return change{path: "/admin/settings/administrators/" + id + "/enable", body: url.Values{}}
		},
		"POST /admin/settings/administrators/:id": func(t *testing.T) change {
			p := "/admin/settings/administrators/" + s.administrator(t)
			return s.form(t, p, p, "role", "admin")
		},
		"POST /admin/settings/api-keys": func(t *testing.T) change {
			p := "/admin/settings/api-keys"
			return s.form(t, p, p, "name", s.next(), "scopes", "users:read", "life", "30")
		},
		"POST /admin/settings/api-keys/:id": func(t *testing.T) change {
			p := "/admin/settings/api-keys/" + s.id(t, "POST", "/api-keys", fields{"name": s.next(), "scopes": []string{"users:read"}})
			return s.form(t, p, p, "rate", "7")
		},
		"POST /admin/settings/api-keys/:id/revoke": func(t *testing.T) change {
			p := "/admin/settings/api-keys/" + s.id(t, "POST", "/api-keys", fields{"name": s.next(), "scopes": []string{"users:read"}}) + "/revoke"
			return s.form(t, p, p)
		},
	}
	maps.Copy(changes, s.accountChanges())
	maps.Copy(changes, s.workChanges())
	maps.Copy(changes, s.keySetChanges())
	maps.Copy(changes, s.organizationChanges())
	maps.Copy(changes, s.identityChanges())
	maps.Copy(changes, s.webhookChanges())
	maps.Copy(changes, s.secretChanges("clients", s.client))
	maps.Copy(changes, s.secretChanges("api-connections", s.connection))
	return changes
}

// secretChanges are those of the secrets of clients or API connections.
func (s *sweep) secretChanges(kind string, owner func(t *testing.T) string) map[string]func(t *testing.T) change {
	const root, pages = "/admin/api/v1", "/admin/tokens"
	path := func(t *testing.T) string { t.Helper(); return "/" + kind + "/" + owner(t) }
	planned := func(t *testing.T) string {
		t.Helper()
		k := s.secret(t, path(t))
		s.api(t, 204, "DELETE", k+"?at="+time.Now().Add(time.Hour).UTC().Format(time.RFC3339), nil)
		return k
	}
	return map[string]func(t *testing.T) change{
		"POST " + root + "/" + kind + "/:id/secrets": func(t *testing.T) change {
			return change{path: root + path(t) + "/secrets", body: fields{}}
		},
		"DELETE " + root + "/" + kind + "/:id/secrets/:secret": func(t *testing.T) change {
			return change{path: root + s.secret(t, path(t)), body: fields(nil)}
		},
		"POST " + root + "/" + kind + "/:id/secrets/:secret/keep": func(t *testing.T) change {
			return change{path: root + planned(t) + "/keep", body: fields(nil)}
		},
		"POST " + pages + "/" + kind + "/:id/secrets": func(t *testing.T) change {
			n := pages + path(t)
			return s.form(t, n, n+"/secrets")
		},
		"POST " + pages + "/" + kind + "/:id/secrets/:secret/retire": func(t *testing.T) change {
			k := pages + s.secret(t, path(t)) + "/retire"
			return s.form(t, k, k)
		},
		"POST " + pages + "/" + kind + "/:id/secrets/:secret/keep": func(t *testing.T) change {
			return change{path: pages + planned(t) + "/keep", body: url.Values{}}
		},
	}
}

// notSwept is the other route that is not GET: it is good once in an instance's
// life, and TestEveryChangeIsAudited begins with it.
const notSwept = "POST /admin/setup"

// rowsOf says which changes leave another number of rows than one, and why.
var rowsOf = map[string]struct {
	rows int
	why  string
}{
	"POST /admin/api/v1/doctor":                    {0, changesNothing},
	"POST /admin/doctor":                           {0, changesNothing},
	"POST /admin/account/passkeys":                 {0, "asks the browser, and changes something when it has answered"},
	"POST /admin/sign-in/passkey":                  {0, "asks the browser, and changes something when it has answered"},
	"POST /admin/sign-out":                         {0, "ends one's own session"},
	"POST /admin/api/v1/users/:id/credits/consume": {0, "the application's act, in the person's journal"},
	"POST /admin/join":                             {2, "takes the invitation, and signs in"},
}

const changesNothing = "changes nothing"

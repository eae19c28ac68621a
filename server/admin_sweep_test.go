package main

import (
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/net/html"

	"usher/sql/store/storetest"
	"usher/testenv"
)

// eachDatabaseWorld is eachWorld with a view behind the program.
func eachDatabaseWorld(t *testing.T, test func(t *testing.T, w world, db *storetest.Database)) {
	t.Parallel()
	t.Run("embedded", func(t *testing.T) {
		t.Parallel()
		db := storetest.New(t, testenv.SQLite)
		test(t, world{environ: []string{"USHER_DATA_DIR=" + filepath.Dir(db.Address())}}, db)
	})
	if haveServers() {
		t.Run("servers", func(t *testing.T) {
			t.Parallel()
			db := storetest.New(t, testenv.Postgres)
			test(t, worldAt(db.Address(), testenv.RedisURL(t)), db)
		})
	}
}

// sweep makes what each route of the admin changes.
type sweep struct {
	i      *instance
	db     *storetest.Database
	tenant string // its id
	host   string // header line of its host
	as     string // header line of an owner's browser
	lumen  installed
	made   int
}

func (s *sweep) next() string {
	s.made++
	return fmt.Sprintf("n%d", s.made)
}

func (s *sweep) api(t *testing.T, status int, method, path string, body any) answer {
	t.Helper()
	return s.i.admin(t, status, method, path, body, s.host)
}

func (s *sweep) id(t *testing.T, method, path string, body any) string {
	t.Helper()
	return decode[struct{ ID string }](t, s.api(t, http.StatusCreated, method, path, body)).ID
}

func (s *sweep) group(t *testing.T) string {
	t.Helper()
	return s.id(t, "POST", "/groups", fields{"external_id": s.next()})
}

// resource makes a vote, and returns its id.
func (s *sweep) resource(t *testing.T) string {
	t.Helper()
	return s.id(t, "POST", "/resources", fields{"kind": "vote", "title": "Vote", "integration": s.lumen.ID})
}

func (s *sweep) credit(t *testing.T) string {
	t.Helper()
	s.made++
	s.api(t, http.StatusCreated, "POST", "/credits", fields{"id": s.made, "name": "Credit"})
	return strconv.Itoa(s.made)
}

// client makes a client, and returns its id.
func (s *sweep) client(t *testing.T) string {
	t.Helper()
	return s.id(t, "POST", "/clients", fields{"name": s.next()})
}

// clientID makes a client, and returns its client id.
func (s *sweep) clientID(t *testing.T) string {
	t.Helper()
	return decode[clientUnderTest](t, s.api(t, http.StatusCreated, "POST", "/clients", fields{"name": s.next()})).ClientID
}

// connection makes an API connection, and returns its id.
func (s *sweep) connection(t *testing.T) string {
	t.Helper()
	return s.id(t, "POST", "/api-connections", fields{"name": s.next()})
}

// scope makes an API connection with one more scope, and returns the scope's path.
func (s *sweep) scope(t *testing.T) string {
	t.Helper()
	n, name := s.connection(t), s.next()
	s.api(t, 201, "POST", "/api-connections/"+n+"/scopes", fields{"name": name})
	return "/api-connections/" + n + "/scopes/" + name
}

// secret makes a secret of an owner whose path is given, and returns its path.
func (s *sweep) secret(t *testing.T, owner string) string {
	t.Helper()
	return owner + "/secrets/" + s.id(t, "POST", owner+"/secrets", fields{})
}

// user signs somebody in, and returns the id and the address.
func (s *sweep) user(t *testing.T, changes fields) (id, email string) {
	t.Helper()
	name := s.next()
	s.i.signIn(t, link(s.lumen.token(person(name).with(changes))), s.host)
	email = name + "@lumen.example"
	return s.i.userID(t, email, s.host), email
}

func (s *sweep) integration(t *testing.T) installed {
	t.Helper()
	return s.i.install(t, fields{"name": "Made " + s.next()}, s.host)
}

// scimToken makes a directory's token, and returns its path.
func (s *sweep) scimToken(t *testing.T) string {
	t.Helper()
	tokens := "/integrations/" + s.integration(t).ID + "/scim/tokens"
	return tokens + "/" + s.id(t, "POST", tokens, fields{"name": "Okta"})
}

func (s *sweep) session(t *testing.T, user string) string {
	t.Helper()
	return decode[struct{ Sessions []struct{ ID string } }](t, s.api(t, 200, "GET", "/users/"+user+"/sessions", nil)).Sessions[0].ID
}

// application signs somebody in to a client, and returns the ids of both.
func (s *sweep) application(t *testing.T) (user, client string) {
	t.Helper()
	name := s.next()
	cookie := s.i.signIn(t, link(s.lumen.token(person(name))), s.host)
	c := s.i.addPeopleClient(t, nil, s.host)
	s.i.tokensFor(t, c, cookie, "openid", s.host)
	return s.i.userID(t, name+"@lumen.example", s.host), c.ID
}

func (s *sweep) administrator(t *testing.T) string {
	t.Helper()
	name := s.next()
	return s.id(t, "POST", "/administrators", fields{"email": name + "@usher.example", "name": name, "role": "viewer"})
}

// a change is one call that changes something.
type change struct {
	path   string
	body   any      // fields for JSON, url.Values for a form
	header []string // further lines
	as     string   // header line of the browser; "" = the owner's
}

// form fills in a page's form as a browser and a careful person would.
func (s *sweep) form(t *testing.T, page, action string, values ...string) change {
	t.Helper()
	return s.formAs(t, s.as, page, action, values...)
}

func (s *sweep) formAs(t *testing.T, as, page, action string, values ...string) change {
	t.Helper()
	a := s.i.get(t, page, s.host, as, wantsPage)
	document, err := html.Parse(strings.NewReader(a.body))
	if err != nil {
		t.Fatal(err)
	}
	for n := range document.Descendants() {
		to, _ := attribute(n, "action")
		if method, _ := attribute(n, "method"); n.Data != "form" || to != action || !strings.EqualFold(method, "post") {
			continue
		}
		sent := asSent(n)
		for b := range n.Descendants() {
			if b.Data == "b" && sent.Has("confirm") {
				sent.Set("confirm", b.FirstChild.Data)
			}
		}
		for at := 0; at < len(values); at += 2 {
			sent.Set(values[at], values[at+1])
		}
		return change{path: action, body: sent, as: as}
	}
	t.Fatalf("%s has no form for %s: %v", page, action, a)
	return change{}
}

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

// call sends a change, as an API key or from a browser.
func (s *sweep) call(t *testing.T, route string, c change, header ...string) answer {
	t.Helper()
	method, _, _ := strings.Cut(route, " ")
	header = slices.Concat(header, c.header)
	if values, ok := c.body.(url.Values); ok {
		as := c.as
		if as == "" {
			as = s.as
		}
		return s.i.send(t, method, c.path, values.Encode(), append(header, s.host, isForm, as)...)
	}
	body := ""
	if c.body.(fields) != nil {
		body = jsonText(c.body)
	}
	return s.i.send(t, method, c.path, body, append(header, s.host, asAdmin)...)
}

func newSweep(t *testing.T, i *instance, db *storetest.Database, tenant, host string) *sweep {
	t.Helper()
	s := &sweep{i: i, db: db, tenant: tenant, host: "Host: " + host, made: 100}
	s.as = i.owner(t, s.host)
	s.lumen = i.install(t, nil, s.host)
	return s
}

// TestEveryChangeIsAudited [I10]: one row for each change, on every route, and
// none for what was refused, which leaves no trace at all.
func TestEveryChangeIsAudited(t *testing.T) {
	eachDatabaseWorld(t, func(t *testing.T, w world, db *storetest.Database) {
		i := launch(t, w)
		tenant := db.Rows(t, `SELECT id FROM tenants`)[0]
		setup := url.Values{"token": {i.setup}, "name": {"Eve"}, "email": {"eve@usher.example"}, "password": {ownerPassword}}
		if a := i.send(t, "POST", "/admin/setup", setup.Encode(), isForm, "Sec-Fetch-Site: cross-site"); a.status != http.StatusForbidden {
			t.Errorf("setup from another site: got %v, want 403", a)
		}
		i.owner(t)
		acts := db.Rows(t, `SELECT action FROM audit_log WHERE tenant_id = $1 ORDER BY seq`, tenant)
		if diff := cmp.Diff([]string{"admin_set_up", "admin_signed_in"}, acts); diff != "" {
			t.Errorf("acts of a setup (-want +got):\n%s", diff)
		}
		s := newSweep(t, i, db, tenant, "localhost:"+i.port)
		changes := s.changes()
		for _, route := range everyRoute(t) {
			method, path, _ := strings.Cut(route, " ")
			if method == "GET" || method == "HEAD" || !strings.HasPrefix(path, "/admin") || route == notSwept {
				continue
			}
			if prepare := changes[route]; prepare == nil {
				t.Errorf("%s is not swept", route)
			} else {
				s.audited(t, route, prepare(t))
			}
		}
		if got := i.get(t, "/admin/audit", s.as, wantsPage); got.status != 200 {
			t.Errorf("got %v", got)
		}
		command(t, w, exitOK, "audit", "verify")
	})
}

// rows is how many rows the audit logs of all tenants have.
func (s *sweep) rows(t *testing.T) int {
	t.Helper()
	n, err := strconv.Atoi(s.db.Rows(t, `SELECT sum(seq) FROM audit_heads`)[0])
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// audited makes a change, after it was refused in each way that there is.
func (s *sweep) audited(t *testing.T, route string, c change) {
	t.Helper()
	s.settle(t)
	before, state := s.rows(t), s.state(t)
	refused := func(how string, a answer, want int) {
		t.Helper()
		if a.status != want {
			t.Errorf("%s %s: got %v, want %d", route, how, a, want)
		}
		if got := s.rows(t); got != before {
			t.Errorf("%s %s: got %d rows in the audit log, want none", route, how, got-before)
		}
	}
	unchanged := func(how string) {
		t.Helper()
		if diff := cmp.Diff(state, s.state(t)); diff != "" {
			t.Errorf("%s %s changed something (-before +after):\n%s", route, how, diff)
		}
	}
	body, api := c.body.(fields)
	var header []string
	if api {
		refused("with a condition that does not hold", s.call(t, route, c, `If-Match: "999999"`), http.StatusPreconditionFailed)
		if body != nil {
			strange := c
			strange.body = body.with(fields{"nonsense": 1})
			refused("with a strange field", s.call(t, route, strange), http.StatusBadRequest)
		}
		if method, _, _ := strings.Cut(route, " "); len(c.header) == 0 && repeatable(t, method, c.path) {
			header = []string{"Idempotency-Key: sweep-" + s.next()}
		}
	} else {
		refused("from another site", s.call(t, route, c, "Sec-Fetch-Site: cross-site", "Origin: https://evil.example"), http.StatusForbidden)
	}
	unchanged("and refused")
	done := s.call(t, route, c, header...)
	if done.status >= 400 {
		t.Errorf("%s %s: got %v, want it done", route, c.path, done)
		return
	}
	unlike, want := rowsOf[route], 1
	if unlike.why != "" {
		want = unlike.rows
	}
	if got := s.rows(t) - before; got != want {
		t.Errorf("%s: got %d rows in the audit log, want %d", route, got, want)
	}
	if unlike.why == changesNothing {
		unchanged("and done")
	}
	if done.status == http.StatusCreated && header == nil {
		t.Errorf("%s makes something, and openapi.json has no Idempotency-Key for it", route)
	}
	if header != nil {
		again := s.call(t, route, c, header...)
		if again.status != done.status || again.body != done.body || again.header.Get("Idempotency-Replayed") != "true" {
			t.Errorf("%s again with its Idempotency-Key: got %v, want the same as before, %v", route, again, done)
		}
		if got := s.rows(t) - before; got != want {
			t.Errorf("%s again with its Idempotency-Key: got %d rows in the audit log, want %d", route, got, want)
		}
	}
}

// repeatable reports whether openapi.json has an Idempotency-Key for a call.
func repeatable(t *testing.T, method, path string) bool {
	t.Helper()
	router, err := contract()
	if err != nil {
		t.Fatal(err)
	}
	request, err := http.NewRequestWithContext(t.Context(), method, path, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	described, _, err := router.FindRoute(request)
	if err != nil {
		t.Fatalf("%s %s: %v", method, path, err)
	}
	return described.Operation.Parameters.GetByInAndName("header", "Idempotency-Key") != nil
}

// state is all of the tenant but what is written a while after a sign-in, and the
// endings, which are taken off the list once they have reached every session.
func (s *sweep) state(t *testing.T) []string {
	t.Helper()
	return s.db.Dump(t, s.tenant, "api_keys", "sign_ins", "sign_in_counts", "used_tokens", "unknown_names", "claim_counts", "endings",
		"webhook_outbox", "webhook_events", "webhook_deliveries", "webhook_attempts")
}

// watched leaves out what somebody's looking around may write, and the endings.
func watched(t *testing.T, db *storetest.Database, tenant string) []string {
	t.Helper()
	return db.Dump(t, tenant, "admin_sessions", "admin_attempts", "admin_tickets", "api_keys", "sign_ins", "sign_in_counts",
		"idempotency", "kv_sessions", "used_tokens", "unknown_names", "claim_counts", "endings",
		"webhook_outbox", "webhook_events", "webhook_deliveries", "webhook_attempts")
}

// openToAll are the changes that nobody is signed in for, or not yet.
var openToAll = map[string]bool{
	"POST /admin/sign-in": true, "POST /admin/sign-in/passkey": true, "POST /admin/sign-in/passkey/finish": true,
	"POST /admin/sign-out": true, "POST /admin/join": true,
}

// TestOtherTenantsAreOutOfReach calls every change of one tenant as an owner
// of, and with a key of, another.
func TestOtherTenantsAreOutOfReach(t *testing.T) {
	eachDatabaseWorld(t, func(t *testing.T, w world, db *storetest.Database) {
		i := launch(t, w)
		i.owner(t) // sets the instance up
		a, b := i.addTenant(t, "acme", "a.localhost"), i.addTenant(t, "bolt", "b.localhost")
		tenant := db.Rows(t, `SELECT tenant_id FROM tenant_hosts WHERE host = 'a.localhost'`)[0]
		s := newSweep(t, i, db, tenant, strings.TrimPrefix(a.host, "Host: "))
		// Somebody who is an owner of B and nothing else.
		_, token, _ := strings.Cut(decode[struct{ Link struct{ URL string } }](t, i.admin(t, 201, "POST", "/administrators", fields{
			"email": "bo@usher.example", "name": "Bo", "role": "owner",
		}, b.host)).Link.URL, "token=")
		joined := i.post(t, "/admin/join", url.Values{"token": {token}, "name": {"Bo"}, "password": {ownerPassword + "bo"}}.Encode(), b.host)
		bo := "Cookie: __Host-usher-admin=" + joined.adminCookie()
		scopes := []string{
			"integrations:read", "integrations:write", "users:read", "users:write", "catalog:read", "catalog:write",
			"tokens:read", "tokens:write", "webhooks:read", "webhooks:write", "log:read",
			"audit:read", "settings:read", "settings:write",
		}
		key := "Authorization: Bearer " + decode[struct{ Key string }](t, i.admin(t, 201, "POST", "/api-keys", fields{"name": "B's", "scopes": scopes}, b.host)).Key

		changes := s.changes()
		for _, route := range slices.Sorted(func(yield func(string) bool) {
			for route := range changes {
				if !yield(route) {
					return
				}
			}
		}) {
			change := changes[route](t)
			s.settle(t)
			method, path, _ := strings.Cut(route, " ")
			before := watched(t, db, tenant)
			try := func(who, host string, want ...int) {
				t.Helper()
				var got answer
				if values, form := change.body.(url.Values); form {
					got = i.send(t, method, change.path, values.Encode(), host, isForm, who, wantsJSON)
					if got.adminCookie() != "" {
						t.Errorf("%s at %s: got a session", route, host)
					}
				} else {
					body := "{}"
					if change.body.(fields) != nil {
						body = jsonText(change.body)
					}
					got = i.send(t, method, change.path, body, append(change.header, host, who, wantsJSON)...)
				}
				if !slices.Contains(want, got.status) {
					t.Errorf("%s at %s: got %v, want one of %v", route, host, got, want)
				}
			}
			who := key
			if !strings.HasPrefix(path, "/admin/api/") {
				who = bo
			}
			if openToAll[route] {
				// Whoever is somebody at A is nobody at B: there is nothing to
				// sign in with, to join or to end.
				before = s.state(t)
				try(change.as, b.host, http.StatusOK, http.StatusSeeOther, http.StatusNotFound, http.StatusUnprocessableEntity)
				if diff := cmp.Diff(before, s.state(t)); diff != "" {
					t.Errorf("%s at another tenant changed something (-before +after):\n%s", route, diff)
				}
				continue
			}
			// At A's own host: B's people and keys are nobody there.
			try(who, a.host, http.StatusUnauthorized, http.StatusForbidden, http.StatusNotFound)
			if strings.Contains(path, ":") {
				// At B's host with A's ids: there is no such thing.
				try(who, b.host, http.StatusNotFound, http.StatusForbidden)
			}
			if diff := cmp.Diff(before, watched(t, db, tenant)); diff != "" {
				t.Errorf("%s by another tenant changed something (-before +after):\n%s", route, diff)
			}
		}
		entry := s.enters(t, s.lumen, s.next(), nil)
		i.entries(t, "?reference="+entry, 1, a.host)
		_, withPasskey := s.passkey(t)
		its := strings.NewReplacer(
			"integrations/:id/scim/tokens/:token", strings.TrimPrefix(s.scimToken(t), "/"),
			"integrations/:id", "integrations/"+a.lumen.ID, ":kid", a.lumen.kid(), "groups/:id", "groups/"+s.group(t),
			"credits/:id", "credits/"+s.credit(t), "resources/:kind/:id", "resources/vote/"+s.resource(t), "users/:id/merge", "users/"+a.user+"/merge?from="+b.user,
			"users/:id/claims/:claim", strings.TrimPrefix(s.userClaim(t), "/"), "users/:id", "users/"+a.user,
			":group", s.group(t), "jobs/:id", "jobs/"+s.export(t), "alerts/:id", "alerts/"+s.alert(t),
			"administrators/:id", "administrators/"+s.administrator(t), ":reference", entry, "tenants/:id", "tenants/"+tenant,
			"api-keys/:id", "api-keys/"+s.id(t, "POST", "/api-keys", fields{"name": s.next(), "scopes": []string{"users:read"}}),
			"passkeys/:id", "passkeys/"+s.passkeyID(t, withPasskey),
			"clients/:id/secrets/:secret", strings.TrimPrefix(s.secret(t, "/clients/"+s.client(t)), "/"),
			"api-connections/:id/secrets/:secret", strings.TrimPrefix(s.secret(t, "/api-connections/"+s.connection(t)), "/"),
			"api-connections/:id/scopes/:scope", strings.TrimPrefix(s.scope(t), "/"),
			"organizations/:id/secrets/:secret", "organizations/"+s.organizationSecret(t),
			"organizations/:id", "organizations/"+s.organization(t),
			"identity-scopes/:scope", "identity-scopes/"+s.identityScope(t), "claims/:claim", "claims/"+s.claim(t),
			"webhooks/:id/deliveries/:event", strings.TrimPrefix(s.delivery(t), "/"), "webhooks/:id", "webhooks/"+s.webhook(t),
			"clients/:id", "clients/"+s.client(t), "api-connections/:id", "api-connections/"+s.connection(t),
		)
		for _, route := range everyRoute(t) {
			path, get := strings.CutPrefix(route, "GET /admin/")
			if !get || !strings.Contains(path, ":") {
				continue
			}
			if path = its.Replace(path); strings.Contains(path, ":") {
				t.Errorf("%s: no id is known for it", route)
			}
			who := bo
			if strings.HasPrefix(path, "api/") {
				who = key
			}
			if got := i.get(t, "/admin/"+path, b.host, who, wantsJSON); got.status != http.StatusNotFound && got.status != http.StatusForbidden {
				t.Errorf("GET /admin/%s at B: got %v, want 404 or 403", path, got)
			}
		}
	})
}

// TestLookingChangesNothing opens every page of a full instance.
func TestLookingChangesNothing(t *testing.T) {
	eachDatabaseWorld(t, func(t *testing.T, w world, db *storetest.Database) {
		i := launch(t, w)
		owner := i.owner(t)
		secrets := inhabit(t, i)
		tenant := db.Rows(t, `SELECT id FROM tenants`)[0]
		before := watched(t, db, tenant)
		c := crawl(t, i, owner, secrets, "/admin")
		if len(c.pages) < 30 {
			t.Errorf("got %d pages, want many", len(c.pages))
		}
		for _, route := range everyRoute(t) {
			if path, get := strings.CutPrefix(route, "GET /admin/api/v1"); get && !strings.Contains(path, ":") {
				i.send(t, "GET", "/admin/api/v1"+path, "", asAdmin)
			}
		}
		if diff := cmp.Diff(before, watched(t, db, tenant)); diff != "" {
			t.Errorf("looking changed something (-before +after):\n%s", diff)
		}
	})
}

// TestTenantsAreAudited: what an operator does to a tenant is in that tenant's
// log.
func TestTenantsAreAudited(t *testing.T) {
	eachDatabaseWorld(t, func(t *testing.T, w world, db *storetest.Database) {
		i := launch(t, w)
		owner := i.owner(t)
		id := decode[struct{ ID string }](t, i.admin(t, 201, "POST", "/tenants", fields{"name": "Acme", "hosts": []string{"acme.localhost"}})).ID
		i.admin(t, 200, "PATCH", "/tenants/"+id, fields{"hosts": []string{"acme.localhost", "b.localhost"}})
		i.admin(t, 400, "PATCH", "/tenants/"+id, fields{"hosts": []string{"a b"}})
		s := &sweep{i: i, host: "Host: localhost:" + i.port, as: owner}
		path := "/admin/settings/tenants/" + id
		for _, change := range []change{
			s.form(t, path, path, "name", "Acme Ltd", "hosts", "acme.localhost\r\n"),
			s.form(t, "/admin/settings/tenants", "/admin/settings/tenants", "name", "Bolt", "hosts", "bolt.localhost"),
		} {
			if got := s.call(t, "POST "+change.path, change); got.status != http.StatusSeeOther {
				t.Errorf("%s: got %v, want 303", change.path, got)
			}
		}
		want := []string{"tenant_added", "tenant_changed", "tenant_changed"}
		if diff := cmp.Diff(want, db.Rows(t, `SELECT action FROM audit_log WHERE tenant_id = $1 ORDER BY seq`, id)); diff != "" {
			t.Errorf("acts (-want +got):\n%s", diff)
		}
		if got := i.get(t, "/admin/audit", "Host: acme.localhost", i.owner(t, "Host: acme.localhost"), wantsPage); !strings.Contains(got.body, "<del>acme.localhost, b.localhost</del>") {
			t.Errorf("got no change of hosts from and to in %v", got)
		}
		if out, _ := command(t, w, exitOK, "audit", "verify", "--host", "acme.localhost"); !strings.Contains(out, "Rows checked: 4") { // and the sign-in above
			t.Errorf("got %q, want 4 rows checked", out)
		}
	})
}

package main

import (
	"fmt"
	"net/http"
	"net/url"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

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

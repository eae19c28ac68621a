package main

import (
	"net/http"
	"net/url"
	"testing"
	"time"
)

// organizationInAPI is an organization as the API shows it.
type organizationInAPI struct {
	ID          string
	GlobalID    string `json:"global_id"`
	Parent      *string
	DisplayName string `json:"display_name"`
	Disabled    bool
	Secret      string `json:"client_secret"`
}

// organization makes an organization.
func (i *instance) organization(t *testing.T, parent, name, shown string) organizationInAPI {
	t.Helper()
	return decode[organizationInAPI](t, i.admin(t, http.StatusCreated, "POST", "/organizations",
		fields{"parent": parent, "name": name, "display_name": shown}))
}

// organization makes an organization, and returns its id.
func (s *sweep) organization(t *testing.T) string {
	t.Helper()
	return s.id(t, "POST", "/organizations", fields{"name": s.next()})
}

// organizationSecret makes a secret of an organization, and returns its path
// below the one of the organizations.
func (s *sweep) organizationSecret(t *testing.T) string {
	t.Helper()
	id := s.organization(t)
	return id + "/secrets/" + s.id(t, "POST", "/clients/"+id+"/secrets", fields{})
}

// organizationChanges are those of organizations and their members.
func (s *sweep) organizationChanges() map[string]func(t *testing.T) change {
	const root, pages = "/admin/api/v1/organizations/", "/admin/tokens/organizations/"
	member := func(t *testing.T) (organization, user string) {
		t.Helper()
		user, _ = s.user(t, nil)
		organization = s.organization(t)
		s.api(t, 204, "PUT", "/organizations/"+organization+"/members/"+user, fields{"role": "member"})
		return organization, user
	}
	return map[string]func(t *testing.T) change{
		"POST /admin/api/v1/organizations": func(*testing.T) change {
			return change{path: "/admin/api/v1/organizations", body: fields{"name": s.next()}}
		},
		"PATCH /admin/api/v1/organizations/:id": func(t *testing.T) change {
			return change{path: root + s.organization(t), body: fields{"disabled": true}}
		},
		"DELETE /admin/api/v1/organizations/:id": func(t *testing.T) change {
			return change{path: root + s.organization(t), body: fields(nil)}
		},
		"PUT /admin/api/v1/organizations/:id/members/:user": func(t *testing.T) change {
			user, _ := s.user(t, nil)
			return change{path: root + s.organization(t) + "/members/" + user, body: fields{"role": "owner"}}
		},
		"DELETE /admin/api/v1/organizations/:id/members/:user": func(t *testing.T) change {
			organization, user := member(t)
			return change{path: root + organization + "/members/" + user, body: fields(nil)}
		},
		"POST /admin/tokens/organizations": func(t *testing.T) change {
			return s.form(t, pages+"new", "/admin/tokens/organizations", "name", s.next())
		},
		"POST /admin/tokens/organizations/:id": func(t *testing.T) change {
			n := pages + s.organization(t)
			return s.form(t, n, n, "display_name", "New")
		},
		"POST /admin/tokens/organizations/:id/delete": func(t *testing.T) change {
			n := pages + s.organization(t) + "/delete"
			return s.form(t, n, n)
		},
		"POST /admin/tokens/organizations/:id/members": func(t *testing.T) change {
			_, email := s.user(t, nil)
			n := pages + s.organization(t)
			return s.form(t, n, n+"/members", "user", email, "role", "member")
		},
		"POST /admin/tokens/organizations/:id/members/:user": func(t *testing.T) change {
			organization, user := member(t)
			n := pages + organization
			return s.form(t, n, n+"/members/"+user, "act", "drop")
		},
		"POST /admin/tokens/organizations/:id/secrets": func(t *testing.T) change {
			n := pages + s.organization(t)
			return s.form(t, n, n+"/secrets")
		},
		"POST /admin/tokens/organizations/:id/secrets/:secret/retire": func(t *testing.T) change {
			k := pages + s.organizationSecret(t) + "/retire"
			return s.form(t, k, k)
		},
		"POST /admin/tokens/organizations/:id/secrets/:secret/keep": func(t *testing.T) change {
			id := s.organization(t)
			k := s.id(t, "POST", "/clients/"+id+"/secrets", fields{})
			s.api(t, 204, "DELETE", "/clients/"+id+"/secrets/"+k+"?at="+time.Now().Add(time.Hour).UTC().Format(time.RFC3339), nil)
			return change{path: pages + id + "/secrets/" + k + "/keep", body: url.Values{}}
		},
	}
}

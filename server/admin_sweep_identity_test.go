package main

import "testing"

// identityScope makes an identity scope, and returns its name.
func (s *sweep) identityScope(t *testing.T) string {
	t.Helper()
	name := s.next()
	s.api(t, 201, "POST", "/identity-scopes", fields{"name": name, "claims": []string{"locale"}})
	return name
}

// claim makes a claim, and returns its name.
func (s *sweep) claim(t *testing.T) string {
	t.Helper()
	name := s.next()
	s.api(t, 201, "POST", "/claims", fields{"name": name, "type": "text"})
	return name
}

// userClaim enters what a claim says of somebody, and returns the path.
func (s *sweep) userClaim(t *testing.T) string {
	t.Helper()
	user, _ := s.user(t, nil)
	path := "/users/" + user + "/claims/" + s.claim(t)
	s.api(t, 200, "PUT", path, fields{"value": "blue"})
	return path
}

// identityChanges are those of identity scopes, claims and their values.
func (s *sweep) identityChanges() map[string]func(t *testing.T) change {
	const root, pages = "/admin/api/v1", "/admin/tokens"
	api := func(path string, body fields) change { return change{path: root + path, body: body} }
	return map[string]func(t *testing.T) change{
		"POST /admin/api/v1/identity-scopes": func(*testing.T) change {
			return api("/identity-scopes", fields{"name": s.next(), "claims": []string{"email"}})
		},
		"PATCH /admin/api/v1/identity-scopes/:scope": func(t *testing.T) change {
			return api("/identity-scopes/"+s.identityScope(t), fields{"claims": []string{}})
		},
		"DELETE /admin/api/v1/identity-scopes/:scope": func(t *testing.T) change { return api("/identity-scopes/"+s.identityScope(t), nil) },
		"POST /admin/api/v1/claims": func(*testing.T) change {
			return api("/claims", fields{"name": s.next(), "type": "date", "meta_path": "a.b"})
		},
		"PATCH /admin/api/v1/claims/:claim":  func(t *testing.T) change { return api("/claims/"+s.claim(t), fields{"meta_path": "colour"}) },
		"DELETE /admin/api/v1/claims/:claim": func(t *testing.T) change { return api("/claims/"+s.claim(t), nil) },
		"PUT /admin/api/v1/users/:id/claims/:claim": func(t *testing.T) change {
			return api(s.userClaim(t), fields{"value": "red"})
		},
		"DELETE /admin/api/v1/users/:id/claims/:claim": func(t *testing.T) change { return api(s.userClaim(t), nil) },
		"POST /admin/tokens/identity-scopes": func(t *testing.T) change {
			return s.form(t, pages+"/new-identity-scope", pages+"/identity-scopes", "name", s.next(), "claims", "email")
		},
		"POST /admin/tokens/identity-scopes/:scope": func(t *testing.T) change {
			scope := pages + "/identity-scopes/" + s.identityScope(t)
			return s.form(t, scope, scope, "display_name", "New", "claims", "email")
		},
		"POST /admin/tokens/identity-scopes/:scope/delete": func(t *testing.T) change {
			scope := pages + "/identity-scopes/" + s.identityScope(t) + "/delete"
			return s.form(t, scope, scope)
		},
		"POST /admin/tokens/claims": func(t *testing.T) change {
			return s.form(t, pages+"/new-claim", pages+"/claims", "name", s.next(), "type", "number")
		},
		"POST /admin/tokens/claims/:claim": func(t *testing.T) change {
			claim := pages + "/claims/" + s.claim(t)
			return s.form(t, claim, claim, "display_name", "New")
		},
		"POST /admin/tokens/claims/:claim/delete": func(t *testing.T) change {
			claim := pages + "/claims/" + s.claim(t) + "/delete"
			return s.form(t, claim, claim)
		},
		"POST /admin/users/:id/claims/:claim": func(t *testing.T) change {
			claim := "/admin" + s.userClaim(t)
			return s.form(t, claim, claim, "value", "red")
		},
		"POST /admin/users/:id/claims/:claim/remove": func(t *testing.T) change {
			claim := "/admin" + s.userClaim(t)
			return s.form(t, claim, claim+"/remove")
		},
	}
}

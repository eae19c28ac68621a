package main

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
)

// ofAnother is the lease of an instance that is none of ours.
const ofAnother = "00000000-0000-4000-8000-000000000000"

// settle waits until no job of ours is under way, and every event was sent once.
func (s *sweep) settle(t *testing.T) {
	t.Helper()
	s.attempted(t)
	for {
		open := s.db.Rows(t, `SELECT id FROM jobs WHERE state IN ('queued', 'running') AND (lease IS NULL OR lease <> $1)`, ofAnother)
		if len(open) == 0 {
			return
		}
		if t.Context().Err() != nil {
			t.Fatalf("got %d jobs under way, want them over", len(open))
		}
	}
}

// export returns a job that is done.
func (s *sweep) export(t *testing.T) string {
	t.Helper()
	id := s.id(t, "POST", "/jobs", fields{"kind": "export_users"})
	s.settle(t)
	return id
}

// running returns a job that another instance works on.
func (s *sweep) running(t *testing.T) string {
	t.Helper()
	id := s.export(t)
	s.db.Exec(t, `
UPDATE jobs SET state = 'running', finished_at = NULL, lease = $1, lease_until = expires_at WHERE tenant_id = $2 AND id = $3`,
		ofAnother, s.tenant, id)
	return id
}

// enters signs somebody in by an integration, and returns the reference.
func (s *sweep) enters(t *testing.T, n installed, name string, changes fields) string {
	t.Helper()
	a := s.i.get(t, link(n.token(person(name).with(fields{"jti": s.next()}).with(changes))), s.host)
	if a.status != http.StatusSeeOther {
		t.Fatalf("%s: got %v, want a sign-in", name, a)
	}
	return reference(a)
}

// known adds a group under an id that links name.
func (s *sweep) known(t *testing.T) string {
	t.Helper()
	external := s.next()
	s.api(t, http.StatusCreated, "POST", "/groups", fields{"external_id": external})
	return external
}

// loss is the reference of a sign-in that took a group away.
func (s *sweep) loss(t *testing.T) string {
	t.Helper()
	name := s.next()
	s.enters(t, s.lumen, name, fields{"groups": []string{s.known(t)}})
	return s.enters(t, s.lumen, name, fields{"groups": []string{}})
}

// removed is an integration that is gone, and has left a membership.
func (s *sweep) removed(t *testing.T) string {
	t.Helper()
	n := s.integration(t)
	s.enters(t, n, s.next(), fields{"groups": []string{s.known(t)}})
	s.api(t, http.StatusNoContent, "DELETE", "/integrations/"+n.ID, nil)
	return n.ID
}

// alert is one of the drift guard that nobody has decided about.
func (s *sweep) alert(t *testing.T) string {
	t.Helper()
	n := s.i.install(t, fields{"name": "Drifts " + s.next(), "drift_guard": true, "drift_threshold": 1}, s.host)
	people, group := []string{s.next(), s.next()}, s.known(t)
	for _, groups := range [][]string{{group}, {}} {
		for _, name := range people {
			s.enters(t, n, name, fields{"groups": groups})
		}
	}
	for _, a := range decode[struct {
		Alerts []struct{ ID, Integration string }
	}](t, s.api(t, http.StatusOK, "GET", "/alerts", nil)).Alerts {
		if a.Integration == n.ID {
			return a.ID
		}
	}
	t.Fatal("got no alert")
	return ""
}

// unknown is the path of an integration whose links name a group that is
// unknown here, once that is written down.
func (s *sweep) unknown(t *testing.T) string {
	t.Helper()
	n := s.integration(t)
	s.enters(t, n, s.next(), fields{"groups": []string{s.next()}})
	path := "/admin/integrations/" + n.ID
	for !strings.Contains(s.i.get(t, path, s.host, s.as, wantsPage).body, path+"/unknown") {
		if t.Context().Err() != nil {
			t.Fatal("got no unknown group on the integration's page")
		}
	}
	return path
}

// keys is the path of an integration's two keys, of which the first may be
// going already, and that key's id.
func (s *sweep) keys(t *testing.T, going bool) (path, kid string) {
	t.Helper()
	n := s.integration(t)
	s.api(t, http.StatusCreated, "POST", "/integrations/"+n.ID+"/keys", fields{})
	if going {
		s.api(t, http.StatusNoContent, "DELETE", "/integrations/"+n.ID+"/keys/"+n.kid()+"?at=2099-01-01T00:00:00Z", nil)
	}
	return "/admin/integrations/" + n.ID + "/keys", n.kid()
}

// workChanges are the routes about jobs, undoing, alerts, links and tenants, and
// the forms with a preview of their own.
func (s *sweep) workChanges() map[string]func(t *testing.T) change {
	api := func(path string, body fields, header ...string) change {
		return change{path: "/admin/api/v1" + path, body: body, header: header}
	}
	claims := func() fields { return fields{"email": s.next() + "@lumen.example"} }
	return map[string]func(t *testing.T) change{
		"POST /admin/api/v1/jobs/:id/cancel":   func(t *testing.T) change { return api("/jobs/"+s.running(t)+"/cancel", nil) },
		"POST /admin/api/v1/jobs/:id/download": func(t *testing.T) change { return api("/jobs/"+s.export(t)+"/download", nil) },
		"POST /admin/jobs/:id/cancel": func(t *testing.T) change {
			j := "/admin/jobs/" + s.running(t)
			return s.form(t, j, j+"/cancel")
		},
		"POST /admin/jobs/:id/download": func(t *testing.T) change {
			j := "/admin/jobs/" + s.export(t)
			return s.form(t, j, j+"/download")
		},
		"POST /admin/import": func(*testing.T) change {
			return change{path: "/admin/import", body: url.Values{"rows": {"kind,id,name\ngroup," + s.next() + ",Name\n"}}}
		},

		"POST /admin/api/v1/undo": func(t *testing.T) change { return api("/undo", fields{"reference": s.loss(t)}) },
		"POST /admin/undo":        func(t *testing.T) change { return s.form(t, "/admin/undo?reference="+s.loss(t), "/admin/undo") },
		"POST /admin/integrations/:id/removed": func(t *testing.T) change {
			p := "/admin/integrations/" + s.removed(t) + "/removed"
			return s.form(t, p, p)
		},
		"PATCH /admin/api/v1/alerts/:id": func(t *testing.T) change { return api("/alerts/"+s.alert(t), fields{"decision": "hold"}) },
		"POST /admin/alerts/:id": func(t *testing.T) change {
			p := "/admin/alerts/" + s.alert(t)
			return s.form(t, p, p, "decision", "hold")
		},

		"POST /admin/api/v1/integrations/:id/links": func(*testing.T) change {
			return api("/integrations/"+s.lumen.ID+"/links", fields{"claims": claims()})
		},
		"POST /admin/builder": func(t *testing.T) change {
			return s.form(t, "/admin/builder", "/admin/builder", "integration", s.lumen.ID, "email", s.next()+"@lumen.example")
		},
		"POST /admin/api/v1/doctor": func(*testing.T) change { return api("/doctor", fields{"specimen": s.lumen.token(person(s.next()))}) },
		"POST /admin/doctor": func(t *testing.T) change {
			return s.form(t, "/admin/doctor", "/admin/doctor", "specimen", s.lumen.token(person(s.next())))
		},

		"POST /admin/integrations/:id/unknown": func(t *testing.T) change { p := s.unknown(t); return s.form(t, p, p+"/unknown") },
		"POST /admin/integrations/:id/keys/:kid/retire": func(t *testing.T) change {
			keys, kid := s.keys(t, false)
			return s.form(t, keys+"/"+kid+"/retire", keys+"/"+kid+"/retire")
		},
		"POST /admin/integrations/:id/keys/:kid/keep": func(t *testing.T) change {
			keys, kid := s.keys(t, true)
			return s.form(t, keys, keys+"/"+kid+"/keep")
		},
		"POST /admin/users/:id/merge": func(t *testing.T) change {
			user, _ := s.user(t, nil)
			gone, _ := s.user(t, nil)
			return s.form(t, "/admin/users/"+user+"/merge?from="+gone, "/admin/users/"+user+"/merge")
		},
		"POST /admin/api/v1/users/:id/credits/consume": func(t *testing.T) change {
			s.made++
			credit := s.made
			s.api(t, http.StatusCreated, "POST", "/credits", fields{"id": credit, "name": "Credit"})
			user, _ := s.user(t, fields{"credits": []fields{{"orderId": "o", "id": credit}}})
			return api("/users/"+user+"/credits/consume", fields{"order_id": "o", "id": credit}, "Idempotency-Key: "+s.next())
		},

		"POST /admin/api/v1/tenants": func(*testing.T) change {
			name := s.next()
			return api("/tenants", fields{"name": name, "hosts": []string{name + ".example"}})
		},
		"PATCH /admin/api/v1/tenants/:id": func(*testing.T) change { return api("/tenants/"+s.tenant, fields{"name": s.next()}) },
		"POST /admin/settings/tenants": func(t *testing.T) change {
			name := s.next()
			return s.form(t, "/admin/settings/tenants", "/admin/settings/tenants", "name", name, "hosts", name+".example")
		},
		"POST /admin/settings/tenants/:id": func(t *testing.T) change {
			p := "/admin/settings/tenants/" + s.tenant
			return s.form(t, p, p, "name", s.next())
		},
	}
}

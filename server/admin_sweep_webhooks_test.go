package main

import (
	"net/http"
	"strings"
	"testing"
)

// deadHook is an address at which nobody answers.
const deadHook = "http://127.0.0.1:1/hooks"

// webhook makes an endpoint to which nothing is sent, and returns its id.
func (s *sweep) webhook(t *testing.T) string {
	t.Helper()
	return s.id(t, "POST", "/webhooks", fields{"url": deadHook, "types": []string{"user.erased"}, "disabled": true})
}

// delivery tries to send an event to an endpoint where nobody answers, and
// returns its path below that of the API.
func (s *sweep) delivery(t *testing.T) string {
	t.Helper()
	path := "/webhooks/" + s.id(t, "POST", "/webhooks", fields{"url": deadHook, "types": []string{"user.erased"}})
	path += "/deliveries/" + decode[struct{ Event string }](t, s.api(t, http.StatusAccepted, "POST", path+"/test", fields{})).Event
	s.attempted(t)
	return path
}

// attempted waits until each event that there is was sent once, or tried to.
func (s *sweep) attempted(t *testing.T) {
	t.Helper()
	for {
		waiting := s.db.Rows(t, `
SELECT d.event_id FROM webhook_deliveries d JOIN webhook_endpoints e ON e.id = d.endpoint_id AND e.tenant_id = d.tenant_id
 WHERE e.disabled_at IS NULL AND (d.attempts = 0 OR d.lease IS NOT NULL) UNION ALL SELECT id FROM webhook_outbox`)
		if len(waiting) == 0 {
			return
		}
		if t.Context().Err() != nil {
			t.Fatalf("got %d events that were not sent, want none", len(waiting))
		}
	}
}

// webhookChanges are those of endpoints for webhooks.
func (s *sweep) webhookChanges() map[string]func(t *testing.T) change {
	const root = "/admin/api/v1"
	of := func(t *testing.T, rest string, body fields) change {
		t.Helper()
		return change{path: root + "/webhooks/" + s.webhook(t) + rest, body: body}
	}
	enabled := func(t *testing.T) string {
		t.Helper()
		return "/webhooks/" + s.id(t, "POST", "/webhooks", fields{"url": deadHook, "types": []string{"user.erased"}})
	}
	return map[string]func(t *testing.T) change{
		"POST /admin/api/v1/webhooks": func(*testing.T) change {
			return change{path: root + "/webhooks", body: fields{"url": deadHook, "types": []string{"user.created"}, "disabled": true}}
		},
		"PATCH /admin/api/v1/webhooks/:id":        func(t *testing.T) change { return of(t, "", fields{"description": "New"}) },
		"DELETE /admin/api/v1/webhooks/:id":       func(t *testing.T) change { return of(t, "", nil) },
		"POST /admin/api/v1/webhooks/:id/secrets": func(t *testing.T) change { return of(t, "/secrets", fields{"after": 60}) },
		"POST /admin/api/v1/webhooks/:id/test": func(t *testing.T) change {
			return change{path: root + enabled(t) + "/test", body: fields{}}
		},
		"POST /admin/api/v1/webhooks/:id/deliveries/:event/resend": func(t *testing.T) change {
			return change{path: root + s.delivery(t) + "/resend", body: fields{}}
		},
		"POST /admin/api/v1/webhooks/:id/resend": func(t *testing.T) change {
			path, _, _ := strings.Cut(s.delivery(t), "/deliveries/")
			s.db.Exec(t, `UPDATE webhook_deliveries SET state = 'failed' WHERE tenant_id = $1 AND endpoint_id = $2`,
				s.tenant, strings.TrimPrefix(path, "/webhooks/"))
			return change{path: root + path + "/resend", body: fields{"since": "2020-01-01T00:00:00Z"}}
		},

		"POST /admin/webhooks": func(t *testing.T) change {
			return s.form(t, "/admin/webhooks/new", "/admin/webhooks", "url", deadHook, "types", "user.erased")
		},
		"POST /admin/webhooks/:id": func(t *testing.T) change {
			p := "/admin/webhooks/" + s.webhook(t)
			return s.form(t, p, p, "description", "New", "url", deadHook, "types", "user.erased")
		},
		"POST /admin/webhooks/:id/enable": func(t *testing.T) change {
			p := "/admin/webhooks/" + s.webhook(t)
			return s.form(t, p, p+"/enable")
		},
		"POST /admin/webhooks/:id/disable": func(t *testing.T) change {
			p := "/admin" + enabled(t)
			return s.form(t, p, p+"/disable")
		},
		"POST /admin/webhooks/:id/secret": func(t *testing.T) change {
			p := "/admin/webhooks/" + s.webhook(t)
			return s.form(t, p, p+"/secret", "after", "3600")
		},
		"POST /admin/webhooks/:id/test": func(t *testing.T) change {
			p := "/admin" + enabled(t)
			return s.form(t, p, p+"/test")
		},
		"POST /admin/webhooks/:id/resend": func(t *testing.T) change {
			path, _, _ := strings.Cut(s.delivery(t), "/deliveries/")
			s.db.Exec(t, `UPDATE webhook_deliveries SET state = 'failed' WHERE tenant_id = $1 AND endpoint_id = $2`,
				s.tenant, strings.TrimPrefix(path, "/webhooks/"))
			return s.form(t, "/admin"+path, "/admin"+path+"/resend", "since", "2020-01-01T00:00")
		},
		"POST /admin/webhooks/:id/delete": func(t *testing.T) change {
			p := "/admin/webhooks/" + s.webhook(t) + "/delete"
			return s.form(t, p, p)
		},
		"POST /admin/webhooks/:id/deliveries/:event/resend": func(t *testing.T) change {
			p := "/admin" + s.delivery(t)
			return s.form(t, p, p+"/resend")
		},
	}
}

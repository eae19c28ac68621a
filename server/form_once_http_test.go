package main

import (
	"strings"
	"sync"
	"testing"
)

// TestFormsCountOnce: what makes a secret, sent again by a second click or a
// reload, makes nothing more and does not show the secret again.
func TestFormsCountOnce(t *testing.T) {
	eachWorld(t, func(t *testing.T, w world) {
		i := launch(t, w)
		count := func() (integrations, keys int) {
			t.Helper()
			list := decode[struct{ Integrations []installed }](t, i.admin(t, 200, "GET", "/integrations", nil)).Integrations
			for _, n := range list {
				keys += len(n.Keys)
			}
			return len(list), keys
		}
		// twiceAndParallel sends one form many times and returns where the
		// repetitions led; exactly one answer shows a secret.
		twiceAndParallel := func(path string, form []string) (led []string) {
			t.Helper()
			i.owner(t)
			answers := make([]answer, 4)
			var all sync.WaitGroup
			for n := range answers {
				all.Go(func() { answers[n] = i.submit(t, path, form...) })
			}
			all.Wait()
			shown := 0
			for _, a := range append(answers, i.submit(t, path, form...)) {
				switch {
				case a.status == 200 && strings.Contains(a.body, "USHER_SECRET"):
					shown++
				case a.status == 303 && !strings.Contains(a.body, "USHER_SECRET"):
					led = append(led, a.header.Get("Location"))
				default:
					t.Errorf("%s: got %v, want the secret or to be sent on", path, a)
				}
			}
			if shown != 1 {
				t.Errorf("%s: got the secret %d times, want once", path, shown)
			}
			return led
		}
		form := withFields(formFields(i.page(t, "/admin/integrations/new"), "/admin/integrations"), "name", "Once")
		// What was refused can be sent again, with the same token.
		if got := i.submit(t, "/admin/integrations", withFields(form, "name", "")...); got.status != 422 {
			t.Errorf("got %v without a name, want 422", got)
		}
		led := twiceAndParallel("/admin/integrations", form)
		if n, keys := count(); n != 1 || keys != 1 {
			t.Fatalf("got %d integrations and %d keys, want one of each", n, keys)
		}
		home := led[len(led)-1]
		wantSeen(t, i.page(t, home), "This form has been sent before", "The secret was shown once")
		home, _, _ = strings.Cut(home, "?")

		form = formFields(i.page(t, home+"/keys/new"), home+"/keys")
		led = twiceAndParallel(home+"/keys", form)
		if n, keys := count(); n != 1 || keys != 2 {
			t.Errorf("got %d integrations and %d keys, want one and two", n, keys)
		}
		wantSeen(t, i.page(t, led[len(led)-1]), "This form has been sent before")
		// The form opened anew makes another.
		form = withFields(formFields(i.page(t, "/admin/integrations/new"), "/admin/integrations"), "name", "Once")
		if got := i.submit(t, "/admin/integrations", form...); got.status != 200 {
			t.Errorf("got %v for another form, want 200", got)
		}
		if n, _ := count(); n != 2 {
			t.Errorf("got %d integrations, want two", n)
		}
	})
}

// TestSecondTenantPage asks before other hosts stop answering, and gives nobody
// the public URL's own.
func TestSecondTenantPage(t *testing.T) {
	eachWorld(t, func(t *testing.T, w world) {
		i := launch(t, w)
		const path = "/admin/settings/tenants"
		wantSeen(t, i.page(t, path), "answered with 421", "type <b>Default</b>")
		for _, form := range [][]string{
			{"name", "Two", "hosts", "two.example"},
			{"name", "Two", "hosts", "two.example", "confirm", "Two"},
			{"name", "Two", "hosts", "localhost", "confirm", "Default"},
			{"name", "Two", "hosts", "two.example:8443", "confirm", "Default"},
		} {
			if got := i.submit(t, path, form...); got.status != 422 {
				t.Errorf("%q: got %v, want 422", form, got)
			}
		}
		if got := i.admin(t, 400, "POST", "/tenants", fields{"name": "Two", "hosts": []string{"127.0.0.1"}}); !strings.Contains(got.body, "127.0.0.1") {
			t.Errorf("got %v, want the host named", got)
		}
		wantWent(t, i.submit(t, path, "name", "Two", "hosts", "two.example", "confirm", "Default"), path)
		if page := i.page(t, path); strings.Contains(page, "type <b>Default") {
			t.Errorf("got a confirmation for a third tenant")
		}
		wantWent(t, i.submit(t, path, "name", "Three", "hosts", "three.example"), path)
	})
}

// TestShorterLogsAreConfirmed: entries are not destroyed by a slip in a form.
func TestShorterLogsAreConfirmed(t *testing.T) {
	eachWorld(t, func(t *testing.T, w world) {
		i := launch(t, w)
		const path = "/admin/settings"
		form := formFields(i.page(t, path), path)
		days := func() settingsOfTenant {
			t.Helper()
			return decode[settingsOfTenant](t, i.admin(t, 200, "GET", "/settings", nil))
		}
		before := days()
		got := i.submit(t, path, withFields(form, "sign_in_log_days", "7", "journal_days", "1")...)
		wantSeen(t, got.body, "Nothing is saved yet", "Sign-in log: older than 7 days is nothing today", "Journals of users: older than 1 day", "type <b>Default</b>")
		if got.status != 422 || strings.Contains(got.body, "Audit log: older") || days() != before {
			t.Errorf("got %v and %+v, want a question and %+v", got, days(), before)
		}
		if got := i.submit(t, path, withFields(form, "sign_in_log_days", "7", "confirm", "default")...); got.status != 422 || days() != before {
			t.Errorf("got %v and %+v with another word, want 422 and %+v", got, days(), before)
		}
		wantWent(t, i.submit(t, path, withFields(form, "sign_in_log_days", "7", "confirm", "Default")...), path)
		if got := days().SignInLogDays; got != 7 {
			t.Errorf("got %d days, want 7", got)
		}
		// More, or for ever, destroys nothing.
		for _, more := range []string{"8", "0"} {
			form = formFields(i.page(t, path), path)
			wantWent(t, i.submit(t, path, withFields(form, "sign_in_log_days", more)...), path)
		}
	})
}

type settingsOfTenant struct {
	SignInLogDays int `json:"sign_in_log_days"`
	JournalDays   int `json:"journal_days"`
	AuditDays     int `json:"audit_days"`
}

package main

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"
)

// activity is what the API answers.
type activity struct {
	Periods []struct {
		Start         time.Time
		SignIns       int64            `json:"sign_ins"`
		NewUsers      int64            `json:"new_users"`
		Refused       map[string]int64 `json:"refused"`
		ByIntegration map[string]struct {
			SignIns int64 `json:"sign_ins"`
			Refused int64 `json:"refused"`
		} `json:"by_integration"`
	}
}

// TestOverview leads through the set-up, then shows what has happened, and the
// API tells the same.
func TestOverview(t *testing.T) {
	eachWorld(t, func(t *testing.T, w world) {
		i := launch(t, w)
		i.admin(t, http.StatusCreated, "POST", "/tenants", fields{"name": "Other", "hosts": []string{"other.example"}})
		owner := i.owner(t)
		shows := func(target string, wants ...string) string {
			t.Helper()
			a := i.get(t, target, owner)
			if a.status != http.StatusOK {
				t.Fatalf("%s: got %v, want 200", target, a)
			}
			for _, want := range wants {
				if !strings.Contains(a.body, want) {
					t.Errorf("%s: got a page without %q", target, want)
				}
			}
			return a.body
		}
		shows("/admin", "From here to the first sign-in", `href="/admin/integrations/new">Install an integration`)
		lumen := i.install(t, fields{"name": "Lumen & Söhne"})
		shows("/admin", `href="/admin/integrations/`+lumen.ID+`">Get the code`)
		i.get(t, link(lumen.token(person("anna").with(fields{"iat": time.Now().Unix() - 3600}))))
		i.entries(t, "", 1)
		shows("/admin", "See the first sign-in", `href="/admin/sign-ins">Open the sign-in log`, "token_too_old")

		i.signIn(t, link(lumen.token(person("anna"))))
		i.signIn(t, link(lumen.token(person("ben"))))
		for range 5 {
			i.get(t, link(breakSignature(lumen.token(person("anna")))))
		}
		i.entries(t, "", 8)
		for _, target := range []string{"/admin", "/admin?span=7d", "/admin?span=30d", "/admin?span=nonsense"} {
			page := shows(target, "Lumen &amp; Söhne", "6<small>75 % of all attempts</small>", "attempts in the last 24 hours were refused", "signature_invalid")
			if strings.Contains(page, "From here to the first sign-in") {
				t.Errorf("%s: got the way to the first sign-in, want it gone", target)
			}
		}
		if page := shows("/admin?span=30d", "the last 30 days"); strings.Count(page, `class="slot"`) != 60 {
			t.Errorf("got %d bars in two charts, want 30 in each", strings.Count(page, `class="slot"`))
		}

		for _, query := range []string{"", "?step=day&from=" + url.QueryEscape(time.Now().Add(-23*time.Hour).Format(time.RFC3339))} {
			var signIns, newUsers, refused, others int64
			for _, p := range decode[activity](t, i.admin(t, http.StatusOK, "GET", "/activity"+query, nil)).Periods {
				signIns += p.SignIns
				newUsers += p.NewUsers
				refused += p.Refused["signature_invalid"] + p.Refused["token_too_old"]
				others += p.ByIntegration[lumen.ID].SignIns - p.SignIns
			}
			if signIns != 2 || newUsers != 2 || refused != 6 || others != 0 {
				t.Errorf("activity%s: got %d sign-ins, %d new users, %d refused, want 2, 2 and 6, all of the integration", query, signIns, newUsers, refused)
			}
		}
		if got := len(decode[activity](t, i.admin(t, http.StatusOK, "GET", "/activity", nil)).Periods); got != 24 {
			t.Errorf("got %d periods, want 24", got)
		}
		for _, p := range decode[activity](t, i.admin(t, http.StatusOK, "GET", "/activity", nil, "Host: other.example")).Periods {
			if p.SignIns+p.NewUsers+int64(len(p.Refused)+len(p.ByIntegration)) != 0 {
				t.Errorf("another tenant: got %+v, want nothing", p)
			}
		}
		for query, want := range map[string]string{
			"?step=week": "step", "?from=yesterday": "from", "?to=1": "to", "?from=2030-01-01T00:00:00Z": "from",
			"?from=0001-01-01T00:00:00Z": "from",
		} {
			a := i.send(t, "GET", "/admin/api/v1/activity"+query, "", asAdmin)
			if a.status != http.StatusBadRequest || !strings.Contains(a.body, want) {
				t.Errorf("activity%s: got %v, want 400 that names %s", query, a, want)
			}
		}
	})
}

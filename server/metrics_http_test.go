package main

import (
	"encoding/json"
	"net/http"
	"net/url"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/goccy/go-yaml"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// TestMetricsDocumented: the table in docs/operations.md is what is served, and the
// dashboard and the alerts name nothing else.
func TestMetricsDocumented(t *testing.T) {
	eachWorld(t, func(t *testing.T, w world) {
		i := launch(t, w, withMetrics)
		i.get(t, "/healthz") // series of routes begin with their first request
		got := i.scrape(t)
		want := documentedMetrics(t)
		for name := range want {
			if w.redis == "" && strings.HasPrefix(name, "usher_redis_") {
				delete(want, name)
			}
		}
		ours := map[string][]string{}
		for name, labels := range got.labels {
			if strings.HasPrefix(name, "usher_") {
				ours[name] = labels
			}
		}
		if diff := cmp.Diff(want, ours, cmpopts.EquateEmpty()); diff != "" {
			t.Errorf("got metrics and labels that differ from docs/operations.md (-documented +served):\n%s", diff)
		}
		for place, expressions := range watchedExpressions(t) {
			for _, expression := range expressions {
				names := regexp.MustCompile(`\b(?:usher|go|process)_[a-z0-9_]+`).FindAllString(expression, -1)
				if len(names) == 0 {
					t.Errorf("%s: got no metric in %q, want one", place, expression)
				}
				for _, name := range names {
					name = got.metric(name)
					_, served := got.labels[name]
					if !served && (w.redis != "" || !strings.HasPrefix(name, "usher_redis_")) {
						t.Errorf("%s: got %s, which is not served", place, name)
					}
				}
			}
		}
	})
}

// watchedExpressions are those of the dashboard's panels and of the alerts.
func watchedExpressions(t *testing.T) map[string][]string {
	t.Helper()
	var dashboard struct {
		Panels []struct {
			Title   string
			Targets []struct{ Expr string }
		}
	}
	text, err := os.ReadFile("../deploy/grafana/usher.json")
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(text, &dashboard); err != nil {
		t.Fatal(err)
	}
	expressions := map[string][]string{}
	for _, panel := range dashboard.Panels {
		for _, target := range panel.Targets {
			expressions["panel "+panel.Title] = append(expressions["panel "+panel.Title], target.Expr)
		}
	}
	for _, alert := range alertRules(t) {
		expressions["alert "+alert.Alert] = []string{alert.Expr}
	}
	if len(expressions) < 20 {
		t.Errorf("got %d panels and alerts, want them all", len(expressions))
	}
	return expressions
}

// alertRule is a rule of deploy/prometheus/rules.yaml.
type alertRule struct {
	Alert, Expr, For    string
	Labels, Annotations map[string]string
}

func alertRules(t *testing.T) []alertRule {
	t.Helper()
	var file struct {
		Groups []struct {
			Name  string
			Rules []alertRule
		}
	}
	text, err := os.ReadFile("../deploy/prometheus/rules.yaml")
	if err != nil {
		t.Fatal(err)
	}
	if err := yaml.UnmarshalWithOptions(text, &file, yaml.Strict()); err != nil {
		t.Fatal(err)
	}
	var rules []alertRule
	for _, group := range file.Groups {
		rules = append(rules, group.Rules...)
	}
	return rules
}

// TestAlertsHaveARunbook: docs/operations.md says what to do about each alert, and
// about no other.
func TestAlertsHaveARunbook(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../docs/operations.md")
	if err != nil {
		t.Fatal(err)
	}
	described := map[string]bool{}
	for _, found := range regexp.MustCompile(`(?m)^\*\*(Usher\w+)\*\*: `).FindAllStringSubmatch(string(text), -1) {
		described[found[1]] = true
	}
	rules := alertRules(t)
	for _, rule := range rules {
		if !described[rule.Alert] {
			t.Errorf("got no paragraph on %s in docs/operations.md, want one", rule.Alert)
		}
		delete(described, rule.Alert)
		if rule.Annotations["summary"] == "" || rule.Labels["severity"] == "" {
			t.Errorf("got %+v, want a summary and a severity", rule)
		}
	}
	if len(described) > 0 || len(rules) == 0 {
		t.Errorf("got paragraphs on %v beside %d alerts, want alerts for them", described, len(rules))
	}
}

// TestMetricsCount: each thing that happens is counted once, where it belongs.
func TestMetricsCount(t *testing.T) {
	eachWorld(t, func(t *testing.T, w world) {
		i := launch(t, w, withMetrics)
		lumen := i.install(t, nil)
		library := i.addConnection(t, "library", nil)
		client := i.addClient(t, "reference", []string{"library"})
		const callback, session = `"/auth/callback/jwt-auth"`, `"/auth/session"`
		for _, step := range []struct {
			name string
			do   func()
			want map[string]float64
		}{
			{"sign-in", func() { i.signIn(t, link(lumen.token(person("anna")))) }, map[string]float64{
				`usher_sign_ins_total{door="get",outcome="signed_in",reason=""}`: 1,
				`usher_requests_total{class="3xx",route=` + callback + `}`:       1,
			}},
			{"refused at the form", func() { i.post(t, "/auth/callback/jwt-auth", "token=a.b.c") }, map[string]float64{
				`usher_sign_ins_total{door="post",outcome="refused",reason="token_malformed"}`: 1,
				`usher_requests_total{class="4xx",route=` + callback + `}`:                     1,
			}},
			{"an API call", func() { i.get(t, "/auth/session", lumen.calling(person("anna"))...) }, map[string]float64{
				`usher_sign_ins_total{door="header",outcome="signed_in",reason=""}`: 1,
				`usher_requests_total{class="2xx",route=` + session + `}`:           1,
			}},
			{"no session", func() { i.get(t, "/auth/session") }, map[string]float64{
				`usher_session_checks_total{kind="browser",result="none"}`: 1,
				`usher_requests_total{class="4xx",route=` + session + `}`:  1,
			}},
			{"no such address", func() { i.get(t, "/no/such/thing") }, map[string]float64{
				`usher_requests_total{class="4xx",route="other"}`: 1,
			}},
			{"a token", func() { i.accessToken(t, client) }, map[string]float64{
				`usher_token_requests_total{grant="client_credentials",result="issued"}`: 1,
				`usher_requests_total{class="2xx",route="/connect/token"}`:               1,
			}},
			{"a wrong secret", func() { i.send(t, "POST", "/connect/token", wantsClientToken, isForm, basic(client.ClientID, "x")) }, map[string]float64{
				`usher_token_requests_total{grant="unknown",result="invalid_client"}`: 1,
				`usher_requests_total{class="4xx",route="/connect/token"}`:            1,
			}},
			{"no such grant", func() { i.send(t, "POST", "/connect/token", "grant_type=mine", isForm, client.asks()) }, map[string]float64{
				`usher_token_requests_total{grant="unknown",result="unsupported_grant_type"}`: 1,
				`usher_requests_total{class="4xx",route="/connect/token"}`:                    1,
			}},
			{"nothing to introspect", func() { i.introspect(t, library, "x") }, map[string]float64{
				`usher_introspections_total{result="inactive"}`:                 1,
				`usher_requests_total{class="2xx",route="/connect/introspect"}`: 1,
			}},
			{"introspected by nobody", func() { i.introspect(t, connectionUnderTest{Name: "library", Secret: "x"}, "x") }, map[string]float64{
				`usher_introspections_total{result="refused"}`:                  1,
				`usher_requests_total{class="4xx",route="/connect/introspect"}`: 1,
			}},
		} {
			before := i.scrape(t)
			step.do()
			got := i.scrapeUntil(t, before, step.want)
			if diff := cmp.Diff(step.want, got); diff != "" {
				t.Errorf("%s: got counts that differ (-want +got):\n%s", step.name, diff)
			}
		}
		took := i.scrape(t).values
		if n := took[`usher_request_duration_seconds_count{route=`+callback+`}`]; n != 2 {
			t.Errorf("got %v requests of the callback in the histogram, want 2", n)
		}
		for _, call := range []string{"statement", "transaction"} {
			if n := took[`usher_store_call_duration_seconds_count{call="`+call+`",store="database"}`]; n == 0 {
				t.Errorf("got no %s of the database that was timed, want some", call)
			}
		}
		if n := took[`usher_store_call_duration_seconds_count{call="round_trip",store="redis"}`]; (n > 0) != (w.redis != "") {
			t.Errorf("got %v round trips to Redis, want some only where there is one", n)
		}
	})
}

// scrapeUntil is by how much the counters of requests and of what is in them have
// grown, as soon as all that is wanted is there: a request is counted a moment
// after its answer is out.
func (i *instance) scrapeUntil(t *testing.T, before scraped, want map[string]float64) map[string]float64 {
	t.Helper()
	for end := time.Now().Add(patience); ; {
		grown := i.scrape(t).since(before)
		for series := range grown {
			if !regexp.MustCompile(`^usher_(sign_ins|requests|session_checks|token_requests|introspections)_total`).MatchString(series) {
				delete(grown, series)
			}
		}
		if len(grown) >= len(want) || time.Now().After(end) {
			return grown
		}
	}
}

// TestMetricsHoldNothingOfRequests: whatever requests say, the metrics keep none of
// it, and have no more series for it.
func TestMetricsHoldNothingOfRequests(t *testing.T) {
	eachWorld(t, func(t *testing.T, w world) {
		i := launch(t, w, withMetrics)
		const marker = "zqxmarker"
		lumen := i.install(t, fields{"name": marker})
		client := i.addClient(t, "reference", []string{i.addConnection(t, marker, nil).Name})
		token := lumen.token(person(marker).with(fields{"name": marker, "jti": marker}))
		hostile := func(n string) {
			cookie := i.signIn(t, link(lumen.token(person(marker+n))), "User-Agent: "+marker+n)
			for _, target := range []string{
				link(token, "go", "/"+marker+n), "/" + marker + n, "/auth/" + marker + n + "?x=" + marker, "/embed/" + marker + "/" + n + "?token=" + token,
				"/auth/session", "/admin/users/" + marker + n, "/admin/api/v1/users/" + marker + n,
			} {
				i.get(t, target, holding(cookie), "X-Request-Id: "+marker+n, "Referer: https://"+marker+n+".example/")
			}
			i.raw(t, marker+" /"+marker+n+" HTTP/1.1\r\nHost: "+marker+n+".example\r\nConnection: close\r\n\r\n")
			i.send(t, "POST", "/connect/token", url.Values{"grant_type": {marker + n}, "scope": {marker}}.Encode(), isForm, client.asks())
			i.send(t, "POST", "/connect/token", wantsClientToken, isForm, basic(marker+n, marker))
			i.send(t, "POST", "/connect/introspect", "token="+marker+n, isForm, basic(marker+n, marker))
		}
		hostile("1")
		hostile("2") // now the token is a used one
		first := i.scrape(t)
		hostile("3")
		hostile("4")
		then := i.scrape(t)
		if len(then.values) != len(first.values) {
			t.Errorf("got %d series, then %d after more requests of the same kinds, want no more", len(first.values), len(then.values))
		}
		for name, secret := range map[string]string{"what requests say": marker, "a token": token, "the client": client.ClientID, "a secret": client.ClientSecret, "the API key": apiKey, "an integration": lumen.ID} {
			if strings.Contains(strings.ToLower(then.text), strings.ToLower(secret)) {
				t.Errorf("got %s in the metrics, want nothing of it", name)
			}
		}
		if strings.Contains(then.text, "@") {
			t.Error("got an e-mail address in the metrics, want none")
		}
	})
}

// TestMetricsHaveTheirOwnListener: nothing of them is public, and nothing public is
// beside them.
func TestMetricsHaveTheirOwnListener(t *testing.T) {
	t.Parallel()
	i := launch(t, embeddedWorld(t), withMetrics)
	at := "http://" + i.metricsAt(t)
	if a := i.get(t, "/metrics"); a.status != http.StatusNotFound || strings.Contains(a.body, "usher_requests") {
		t.Errorf("got %v for /metrics at the public address, want 404", a)
	}
	for target, want := range map[string]int{
		"GET /metrics": 200, "HEAD /metrics": 200, "POST /metrics": 405, "GET /": 404, "GET /metrics/x": 404, "GET /healthz": 404,
		"GET /admin": 404, "GET /debug/pprof/": 404, "GET /debug/vars": 404, "GET /auth/session": 404,
	} {
		method, path, _ := strings.Cut(target, " ")
		if got, body := fetch(t, method, at+path); got != want {
			t.Errorf("%s beside the metrics: got %d and %q, want %d", target, got, body, want)
		}
	}
	none := launch(t, embeddedWorld(t))
	if none.stop(); none.exited() != exitOK || len(none.records(t, "metrics are at")) > 0 {
		t.Errorf("got metrics without the setting, want none:\n%s", none.log)
	}

	taken := newOutput()
	environ := append(embeddedWorld(t).environ, "USHER_LISTEN=127.0.0.1:0", "USHER_METRICS_LISTEN="+strings.TrimPrefix(at, "http://"))
	if code := run(t.Context(), []string{"serve"}, environ, newOutput(), taken); code != exitFailed || !strings.Contains(taken.String(), "USHER_METRICS_LISTEN") {
		t.Errorf("got exit code %d and %q with an address that is taken, want the setting named", code, taken)
	}
}

// TestMetricsWhileStoresAreAway: they are served then, and say so.
func TestMetricsWhileStoresAreAway(t *testing.T) {
	t.Parallel()
	if !haveServers() {
		return // the embedded stores are never away
	}
	for _, away := range []string{"database", "redis"} {
		t.Run(away, func(t *testing.T) {
			t.Parallel()
			base := serversWorld(t)
			g := newGate(t, map[string]string{"database": base.database, "redis": base.redis}[away])
			reached := worldAt(base.database, g.url)
			if away == "database" {
				reached = worldAt(g.url, base.redis)
			}
			i := launch(t, reached, withMetrics, "USHER_DRAIN_TIMEOUT=5s")
			lumen := i.install(t, nil)
			cookie := i.signIn(t, link(lumen.token(person("anna"))))
			unavailable := `usher_store_unavailable_total{store="` + away + `"}`
			before := i.scrape(t).values[unavailable]
			g.shut()
			i.wantReason(t, i.get(t, link(lumen.token(person("berta"))), wantsJSON), 503, "store_unavailable")
			i.get(t, "/auth/session", holding(cookie))
			got := i.scrape(t)
			if before != 0 || got.values[unavailable] == 0 {
				t.Errorf("got %v calls that failed before and %v after, want none and some", before, got.values[unavailable])
			}
			if n := got.values[`usher_sign_ins_total{door="get",outcome="refused",reason="store_unavailable"}`]; n != 1 {
				t.Errorf("got %v sign-ins refused for it, want 1", n)
			}
			checks := got.values[`usher_session_checks_total{kind="browser",result="store_unavailable"}`]
			if want := map[string]float64{"database": 0, "redis": 1}[away]; checks != want {
				t.Errorf("got %v session checks that failed, want %v", checks, want)
			}
			g.open(t)
		})
	}
}

// TestMetricsCostNoAllocation: a request finds its counters and puts nothing
// together for them.
func TestMetricsCostNoAllocation(t *testing.T) {
	m := newMetrics(nil)
	for name, count := range meterCalls(m) {
		if got := testing.AllocsPerRun(100, count); got != 0 {
			t.Errorf("%s: got %v allocations, want none", name, got)
		}
	}
}

// BenchmarkMetrics is what counting adds to a request.
func BenchmarkMetrics(b *testing.B) {
	m := newMetrics(nil)
	for name, count := range meterCalls(m) {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				count()
			}
		})
	}
}

func meterCalls(m *metrics) map[string]func() {
	return map[string]func(){
		"request":       func() { m.Request("/auth/session", 200, 3*time.Millisecond) },
		"sign-in":       func() { m.SignIn("get", "signed_in", "") },
		"refusal":       func() { m.SignIn("get", "refused", "token_expired") },
		"session check": func() { m.SessionCheck("browser", "live") },
		"tokens":        func() { m.TokenRequest("refresh_token", "issued") },
		"introspection": func() { m.Introspection("active") },
		"too often":     func() { m.RateLimited("client") },
		"database call": func() { m.databaseCall("statement", time.Millisecond, false) },
		"redis call":    func() { m.redisCall(time.Millisecond, false) },
	}
}

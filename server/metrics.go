package main

import (
	"runtime/debug"
	"strconv"
	"sync"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"

	"usher/handlers"
	"usher/provisioning"
	"usher/sessions/tokens"
	"usher/sql/store"
)

// metrics is what Prometheus is told about this process. docs/operations.md names
// each metric, and a test compares the two.
//
// Labels have few values, which are words of this program: never a tenant, a path,
// an id, an address or a token. Whoever counts finds the counter in a table that is
// complete before the first request: nothing is put together for it.
type metrics struct {
	registry *prometheus.Registry

	routes map[string]*routeMetrics // by template
	other  *routeMetrics            // see otherRoute

	signIns        map[signInLabels]prometheus.Counter
	sessionChecks  map[resultLabels]prometheus.Counter
	tokenRequests  map[resultLabels]prometheus.Counter
	introspections map[string]prometheus.Counter
	rateLimited    map[handlers.RateKind]prometheus.Counter

	statement, transaction, roundTrip prometheus.Observer
	database, redis                   prometheus.Counter // times that a store was unavailable
}

// Both are told what happens while requests are answered.
var (
	_ handlers.Meter        = (*metrics)(nil)
	_ handlers.RequestMeter = (*metrics)(nil)
)

type signInLabels struct{ door, outcome, reason string }

type resultLabels struct{ kind, result string }

// otherLabel stands for what has no label of its own: the application behind us
// and addresses that do not exist, a rare code of a refusal.
const otherLabel = "other"

// requestBuckets and storeBuckets are upper bounds in seconds. Requests end at 3,
// statements at 5; only forwarded requests may take longer.
var (
	requestBuckets = []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2, 3, 5}
	storeBuckets   = []float64{.0001, .00025, .0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2, 5}
)

// newMetrics makes the metrics for a program with these routes.
func newMetrics(routes gin.RoutesInfo) *metrics {
	m := &metrics{registry: prometheus.NewRegistry()}
	m.registry.MustRegister(
		collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
		buildInfo(),
	)
	m.countRequests(routes)
	m.countSignIns()
	m.sessionChecks = m.counters("usher_session_checks_total", "Looks for a live session, by whose it is.", "kind", "result",
		[]string{handlers.CheckBrowser, handlers.CheckView},
		[]string{handlers.ResultLive, handlers.ResultNone, handlers.ResultUnavailable})
	m.tokenRequests = m.counters("usher_token_requests_total", "Requests for tokens, by grant and by what became of them.", "grant", "result",
		[]string{
			tokens.GrantAuthorizationCode, tokens.GrantRefreshToken, tokens.GrantClientCredentials, tokens.GrantJWTBearer,
			tokens.GrantTokenExchange, handlers.GrantJWT, handlers.GrantUnknown,
		},
		[]string{
			handlers.ResultIssued, string(handlers.OAuthInvalidRequest), string(handlers.OAuthInvalidClient), string(handlers.OAuthUnauthorizedClient),
			string(handlers.OAuthUnsupportedGrantType), string(handlers.OAuthInvalidScope), string(handlers.OAuthInvalidGrant),
			string(handlers.OAuthInvalidTarget), string(handlers.BearerInvalidToken), string(handlers.RefreshTokenInvalid),
			string(provisioning.RateLimited), handlers.ResultUnavailable, otherLabel,
		})
	m.countIntrospections()
	m.countRateLimited()
	m.timeStores()
	return m
}

// buildInfo says what is running.
func buildInfo() prometheus.Collector {
	info, _ := debug.ReadBuildInfo()
	labels := prometheus.Labels{"version": "", "go": ""}
	if info != nil {
		labels = prometheus.Labels{"version": info.Main.Version, "go": info.GoVersion}
	}
	return prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "usher_build_info", Help: "1, with the version and the Go release in labels.", ConstLabels: labels,
	}, func() float64 { return 1 })
}

// routeMetrics counts the requests of one route. A series begins with its first
// request, as there are hundreds of routes.
type routeMetrics struct {
	classes [6]func() prometheus.Counter // by the first digit of the status
	took    func() prometheus.Observer
}

func (m *metrics) countRequests(routes gin.RoutesInfo) {
	requests := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "usher_requests_total", Help: "Requests that are over, by route and by the class of the status.",
	}, []string{"route", "class"})
	took := prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Name: "usher_request_duration_seconds", Help: "How long requests took, by route.", Buckets: requestBuckets,
	}, []string{"route"})
	m.registry.MustRegister(requests, took)
	measured := func(route string) *routeMetrics {
		r := &routeMetrics{took: sync.OnceValue(func() prometheus.Observer { return took.WithLabelValues(route) })}
		for class := range r.classes {
			r.classes[class] = sync.OnceValue(func() prometheus.Counter {
				return requests.WithLabelValues(route, strconv.Itoa(class)+"xx")
			})
		}
		return r
	}
	m.other, m.routes = measured(otherLabel), map[string]*routeMetrics{}
	for _, route := range routes {
		if m.routes[route.Path] == nil {
			m.routes[route.Path] = measured(route.Path)
		}
	}
}

// Request implements [handlers.RequestMeter].
func (m *metrics) Request(route string, status int, took time.Duration) {
	r, ok := m.routes[route]
	if !ok {
		r = m.other
	}
	class := status / 100
	if class < 0 || class >= len(r.classes) {
		class = 0
	}
	r.classes[class]().Inc()
	r.took().Observe(took.Seconds())
}

func (m *metrics) countSignIns() {
	vec := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "usher_sign_ins_total", Help: "Attempts to sign in, by door, outcome and, of refusals, the reason.",
	}, []string{"door", "outcome", "reason"})
	m.registry.MustRegister(vec)
	reasons := []string{otherLabel}
	for _, reason := range provisioning.Reasons() {
		reasons = append(reasons, string(reason))
	}
	m.signIns = map[signInLabels]prometheus.Counter{}
	add := func(door, outcome, reason string) {
		m.signIns[signInLabels{door, outcome, reason}] = vec.WithLabelValues(door, outcome, reason)
	}
	for _, door := range []string{provisioning.DoorGet, provisioning.DoorPost, provisioning.DoorEmbed, provisioning.DoorHeader} {
		add(door, handlers.OutcomeSignedIn, "")
		add(door, handlers.OutcomeReopened, "")
		for _, reason := range reasons {
			add(door, handlers.OutcomeRefused, reason)
		}
	}
	for _, reason := range reasons {
		add(handlers.DoorEvent, handlers.OutcomeRefused, reason)
	}
}

// SignIn implements [handlers.Meter].
func (m *metrics) SignIn(door, outcome, reason string) {
	counter, ok := m.signIns[signInLabels{door, outcome, reason}]
	if !ok {
		counter = m.signIns[signInLabels{door, outcome, otherLabel}]
	}
	counter.Inc()
}

// counters makes a counter for each pair of labels.
func (m *metrics) counters(name, help, kind, result string, kinds, results []string) map[resultLabels]prometheus.Counter {
	vec := prometheus.NewCounterVec(prometheus.CounterOpts{Name: name, Help: help}, []string{kind, result})
	m.registry.MustRegister(vec)
	all := map[resultLabels]prometheus.Counter{}
	for _, k := range kinds {
		for _, r := range results {
			all[resultLabels{k, r}] = vec.WithLabelValues(k, r)
		}
	}
	return all
}

// SessionCheck implements [handlers.Meter].
func (m *metrics) SessionCheck(kind, result string) {
	m.sessionChecks[resultLabels{kind, result}].Inc()
}

// TokenRequest implements [handlers.Meter].
func (m *metrics) TokenRequest(grant, result string) {
	counter, ok := m.tokenRequests[resultLabels{grant, result}]
	if !ok {
		counter = m.tokenRequests[resultLabels{grant, otherLabel}]
	}
	counter.Inc()
}

func (m *metrics) countIntrospections() {
	vec := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "usher_introspections_total", Help: "Questions about a token, by the answer.",
	}, []string{"result"})
	m.registry.MustRegister(vec)
	m.introspections = map[string]prometheus.Counter{}
	for _, result := range []string{handlers.ResultActive, handlers.ResultInactive, handlers.ResultRefused, handlers.ResultUnavailable} {
		m.introspections[result] = vec.WithLabelValues(result)
	}
}

// Introspection implements [handlers.Meter].
func (m *metrics) Introspection(result string) { m.introspections[result].Inc() }

func (m *metrics) timeStores() {
	took := prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Name: "usher_store_call_duration_seconds", Help: "How long calls of a store took, by the kind of call.", Buckets: storeBuckets,
	}, []string{"store", "call"})
	failed := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "usher_store_unavailable_total", Help: "Calls of a store that failed because it was unavailable.",
	}, []string{"store"})
	m.registry.MustRegister(took, failed)
	m.statement = took.WithLabelValues("database", store.CallStatement)
	m.transaction = took.WithLabelValues("database", store.CallTransaction)
	m.roundTrip = took.WithLabelValues("redis", "round_trip")
	m.database, m.redis = failed.WithLabelValues("database"), failed.WithLabelValues("redis")
}

// databaseCall is a [store.Watcher].
func (m *metrics) databaseCall(call string, took time.Duration, unavailable bool) {
	if call == store.CallTransaction {
		m.transaction.Observe(took.Seconds())
	} else {
		m.statement.Observe(took.Seconds())
	}
	if unavailable {
		m.database.Inc()
	}
}

// redisCall is a [kv.Watcher].
func (m *metrics) redisCall(took time.Duration, unavailable bool) {
	m.roundTrip.Observe(took.Seconds())
	if unavailable {
		m.redis.Inc()
	}
}

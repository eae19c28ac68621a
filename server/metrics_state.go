package main

import (
	"github.com/prometheus/client_golang/prometheus"

	"usher/handlers"
)

// stateMetrics reads, at each scrape, what others count anyway.
type stateMetrics struct {
	core *core
	http *handlers.HTTP

	inFlight, shed                             *prometheus.Desc
	connections, limit, waits, waited          *prometheus.Desc
	redisConnections, redisWaits, redisWaited  *prometheus.Desc
	redisTimeouts                              *prometheus.Desc
	signInLogWaiting, signInLogDropped, jobEnd *prometheus.Desc
	keySetReads                                *prometheus.Desc
	rowsDropped                                *prometheus.Desc
}

func newStateMetrics(k *core, http *handlers.HTTP) *stateMetrics {
	desc := func(name, help string, labels ...string) *prometheus.Desc {
		return prometheus.NewDesc(name, help, labels, nil)
	}
	return &stateMetrics{
		core: k, http: http,
		inFlight:         desc("usher_requests_in_flight", "Requests under way."),
		shed:             desc("usher_requests_shed_total", "Requests turned away with 503 for want of room."),
		connections:      desc("usher_database_connections", "Connections to the database, by pool and state.", "pool", "state"),
		limit:            desc("usher_database_connections_max", "The most connections that a pool may have.", "pool"),
		waits:            desc("usher_database_waits_total", "Calls that had to wait for a connection.", "pool"),
		waited:           desc("usher_database_wait_seconds_total", "How long calls have waited for a connection, together.", "pool"),
		redisConnections: desc("usher_redis_connections", "Connections to Redis, by state.", "state"),
		redisWaits:       desc("usher_redis_waits_total", "Calls that had to wait for a connection to Redis."),
		redisWaited:      desc("usher_redis_wait_seconds_total", "How long calls have waited for a connection to Redis, together."),
		redisTimeouts:    desc("usher_redis_pool_timeouts_total", "Calls that got no connection to Redis in time."),
		signInLogWaiting: desc("usher_sign_in_log_waiting", "Entries that wait to be written to the sign-in log."),
		signInLogDropped: desc("usher_sign_in_log_dropped_total", "Entries that were counted and not kept, because the database did not take them in time."),
		jobEnd:           desc("usher_jobs_ended_total", "Jobs that have ended in this process, by kind and state.", "kind", "state"),
		keySetReads:      desc("usher_key_set_reads_total", "Reads of partners' JWKS URLs, by how they ended.", "result"),
		rowsDropped:      desc("usher_rows_dropped_total", "Rows that were deleted because their time was over, by table.", "table"),
	}
}

// Describe implements [prometheus.Collector].
func (s *stateMetrics) Describe(to chan<- *prometheus.Desc) { prometheus.DescribeByCollect(s, to) }

// Collect implements [prometheus.Collector]. It asks no store.
func (s *stateMetrics) Collect(to chan<- prometheus.Metric) {
	gauge := func(desc *prometheus.Desc, value float64, labels ...string) {
		to <- prometheus.MustNewConstMetric(desc, prometheus.GaugeValue, value, labels...)
	}
	counter := func(desc *prometheus.Desc, value float64, labels ...string) {
		to <- prometheus.MustNewConstMetric(desc, prometheus.CounterValue, value, labels...)
	}
	load := s.http.Load()
	gauge(s.inFlight, float64(load.InFlight))
	counter(s.shed, float64(load.Shed))
	for _, pool := range s.core.store.Pools() {
		gauge(s.connections, float64(pool.InUse), pool.Name, "in_use")
		gauge(s.connections, float64(pool.Idle), pool.Name, "idle")
		gauge(s.limit, float64(pool.Max), pool.Name)
		counter(s.waits, float64(pool.Waits), pool.Name)
		counter(s.waited, pool.Waited.Seconds(), pool.Name)
	}
	if s.core.redis != nil {
		pool := s.core.redis.Pool()
		gauge(s.redisConnections, float64(pool.InUse), "in_use")
		gauge(s.redisConnections, float64(pool.Idle), "idle")
		counter(s.redisWaits, float64(pool.Waits))
		counter(s.redisWaited, pool.Waited.Seconds())
		counter(s.redisTimeouts, float64(pool.Timeouts))
	}
	log := s.core.provisioning.SignInLogQueue()
	gauge(s.signInLogWaiting, float64(log.Waiting))
	counter(s.signInLogDropped, float64(log.Dropped))
	for _, ended := range s.core.provisioning.EndedJobs() {
		counter(s.jobEnd, float64(ended.Done), ended.Kind, "done")
		counter(s.jobEnd, float64(ended.Failed), ended.Kind, "failed")
	}
	for _, reads := range s.core.provisioning.KeySetReads() {
		counter(s.keySetReads, float64(reads.N), reads.Result)
	}
	for table, rows := range s.core.store.Dropped() {
		counter(s.rowsDropped, float64(rows), table)
	}
}

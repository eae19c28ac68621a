package main

import (
	"github.com/prometheus/client_golang/prometheus"

	"usher/handlers"
)

func (m *metrics) countRateLimited() {
	vec := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "usher_rate_limited_total", Help: "Requests refused because they came too early, by whose they were.",
	}, []string{"kind"})
	m.registry.MustRegister(vec)
	m.rateLimited = map[handlers.RateKind]prometheus.Counter{}
	for _, kind := range handlers.RateKinds() {
		m.rateLimited[kind] = vec.WithLabelValues(string(kind))
	}
}

// RateLimited implements [handlers.Meter].
func (m *metrics) RateLimited(kind handlers.RateKind) { m.rateLimited[kind].Inc() }

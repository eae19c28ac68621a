package main

import (
	"github.com/prometheus/client_golang/prometheus"

	"usher/provisioning"
)

// webhookMetrics reads, at each scrape, what the webhooks of this process have
// counted. It asks no store.
type webhookMetrics struct {
	webhooks *provisioning.Webhooks

	attempts, disabled, waiting *prometheus.Desc
}

func newWebhookMetrics(w *provisioning.Webhooks) *webhookMetrics {
	return &webhookMetrics{
		webhooks: w,
		attempts: prometheus.NewDesc("usher_webhook_attempts_total", "Attempts to deliver an event, by what became of them.", []string{"result"}, nil),
		disabled: prometheus.NewDesc("usher_webhook_endpoints_disabled_total", "Webhook endpoints that were switched off because they failed or were gone.", nil, nil),
		waiting:  prometheus.NewDesc("usher_webhook_wait_seconds", "How long a change or delivery has waited that could be told at once.", nil, nil),
	}
}

// Describe implements [prometheus.Collector].
func (m *webhookMetrics) Describe(to chan<- *prometheus.Desc) { prometheus.DescribeByCollect(m, to) }

// Collect implements [prometheus.Collector].
func (m *webhookMetrics) Collect(to chan<- prometheus.Metric) {
	state := m.webhooks.State()
	for result, n := range state.Attempts {
		to <- prometheus.MustNewConstMetric(m.attempts, prometheus.CounterValue, float64(n), result)
	}
	to <- prometheus.MustNewConstMetric(m.disabled, prometheus.CounterValue, float64(state.Disabled))
	to <- prometheus.MustNewConstMetric(m.waiting, prometheus.GaugeValue, state.Waiting.Seconds())
}

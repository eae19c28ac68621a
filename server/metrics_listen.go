package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// metricsPath is the one address of the metrics' listener.
const metricsPath = "/metrics"

// scrapeTimeout bounds one answer, and maxScrapes how many are made at once.
const (
	scrapeTimeout = 5 * time.Second
	maxScrapes    = 4
)

// handler answers at metricsPath, in the text format of Prometheus.
func (m *metrics) handler(log *slog.Logger) http.Handler {
	mux := http.NewServeMux()
	mux.Handle("GET "+metricsPath, promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{
		ErrorLog: slog.NewLogLogger(log.Handler(), slog.LevelWarn), MaxRequestsInFlight: maxScrapes, Timeout: scrapeTimeout,
	}))
	return mux
}

// listenForMetrics opens the listener of the metrics, which is never the public
// one; nil = there are none.
func (a *application) listenForMetrics(ctx context.Context, address string) (net.Listener, error) {
	if a.metrics == nil {
		return nil, nil
	}
	listener, err := listen(ctx, address)
	if err != nil {
		return nil, fmt.Errorf("USHER_METRICS_LISTEN=%s: %w", address, err)
	}
	return listener, nil
}

// serve answers on the listener until ctx ends, and closes it. What stops it
// earlier is logged: sign-ins go on without metrics.
func (m *metrics) serve(ctx context.Context, listener net.Listener, log *slog.Logger) {
	server := &http.Server{
		Handler:           m.handler(log),
		ReadHeaderTimeout: readHeaderTimeout,
		ReadTimeout:       readTimeout,
		WriteTimeout:      writeTimeout,
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    maxHeader,
		ErrorLog:          slog.NewLogLogger(log.Handler(), slog.LevelWarn),
	}
	stop := context.AfterFunc(ctx, func() {
		grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), leaveTimeout)
		defer cancel()
		if server.Shutdown(grace) != nil {
			_ = server.Close()
		}
	})
	defer stop()
	log.LogAttrs(ctx, slog.LevelInfo, "metrics are at", slog.String("address", listener.Addr().String()))
	if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
		log.LogAttrs(ctx, slog.LevelError, "the metrics are not served any more", slog.Any("error", err))
	}
}

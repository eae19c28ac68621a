package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"time"

	"usher/handlers"
)

// Limits of every connection. A link with a token of 16 KiB and the cookies
// of a crowded host fit into maxHeader. What net/http enforces is 4 KiB more,
// for request line and headers together; it answers 431 above.
const (
	readHeaderTimeout = 5 * time.Second
	readTimeout       = 10 * time.Second
	writeTimeout      = 15 * time.Second
	idleTimeout       = 60 * time.Second
	maxHeader         = 32 << 10
	leaveTimeout      = time.Second // for requests that were cut
)

// drain is how a stop goes.
type drain struct {
	delay time.Duration // readiness is off, and requests are taken as ever
	limit time.Duration // for requests that are under way then
}

// serve answers requests on the listener until ctx ends, and closes it. Then
// readiness goes off; after the delay no connection is accepted any more, and
// requests under way have the limit to finish; one that was not enough is an error.
// Forwarded requests that are still open then are cut without one: a WebSocket
// or a stream has no end of its own.
func serve(ctx context.Context, listener net.Listener, h http.Handler, ready *handlers.Readiness, upstreams *handlers.Upstreams, drain drain, log *slog.Logger) error {
	server := &http.Server{
		Handler:           h,
		ReadHeaderTimeout: readHeaderTimeout,
		ReadTimeout:       readTimeout,
		WriteTimeout:      writeTimeout,
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    maxHeader,
		ErrorLog:          slog.NewLogLogger(log.Handler(), slog.LevelWarn),
	}
	failed := make(chan error, 1)
	go func() { failed <- server.Serve(listener) }()

	select {
	case err := <-failed:
		return fmt.Errorf("serving on %s: %w", listener.Addr(), err)
	case <-ctx.Done():
	}
	log.LogAttrs(ctx, slog.LevelInfo, "stopping", slog.String("delay", drain.delay.String()), slog.String("drain", drain.limit.String()))
	ready.Drain()
	if drain.delay > 0 {
		select {
		case err := <-failed:
			return fmt.Errorf("serving on %s: %w", listener.Addr(), err)
		case <-time.After(drain.delay):
		}
	}
	grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), drain.limit)
	defer cancel()
	err := server.Shutdown(grace)
	if cut := upstreams.Close(grace); cut > 0 {
		log.LogAttrs(ctx, slog.LevelInfo, "connections to upstreams were cut", slog.Int("count", cut))
		if err != nil { // perhaps for them alone
			again, cancel := context.WithTimeout(context.WithoutCancel(ctx), leaveTimeout)
			defer cancel()
			err = server.Shutdown(again)
		}
	}
	if err != nil {
		err = fmt.Errorf("requests were still under way after %s: %w", drain.limit, err)
		return errors.Join(err, server.Close())
	}
	log.LogAttrs(ctx, slog.LevelInfo, "stopped")
	return nil
}

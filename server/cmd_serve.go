package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"runtime"
	"sync"

	"github.com/spf13/cobra"

	"usher/handlers"
	"usher/provisioning"
)

func newServe(p program) *cobra.Command {
	return &cobra.Command{
		Use:   "serve",
		Short: "Answer requests until SIGTERM or Ctrl-C",
		Args:  noArguments,
		RunE:  p.runServe,
	}
}

func (p program) runServe(c *cobra.Command, _ []string) error {
	cfg, err := loadConfig(p.environ)
	if err != nil {
		return err
	}
	defer runtime.KeepAlive(p.relaxCollector())
	p.addThread()
	ctx := c.Context()
	log, flush := newServerLogger(p.stderr, cfg.Env)
	defer flush()
	listener, err := listen(ctx, cfg.Listen)
	if err != nil {
		return fmt.Errorf("USHER_LISTEN=%s: %w", cfg.Listen, err)
	}
	return p.serveOn(ctx, cfg, listener, log, nil)
}

func listen(ctx context.Context, address string) (net.Listener, error) {
	return new(net.ListenConfig).Listen(ctx, "tcp", address)
}

// serveOn builds everything that the configuration asks for and answers
// requests on the listener until ctx ends. prepare, when there is one, runs
// before the first request is answered.
func (p program) serveOn(ctx context.Context, cfg Config, listener net.Listener, log *slog.Logger,
	prepare func(app *application, origin provisioning.Origin) error,
) (err error) {
	origin, err := cfg.Origin(listener.Addr())
	if err != nil {
		return errors.Join(err, listener.Close())
	}
	app, err := wire(ctx, cfg, origin, log)
	if err != nil {
		return errors.Join(err, listener.Close())
	}
	metricsListener, err := app.listenForMetrics(ctx, cfg.MetricsListen)
	if err != nil {
		return errors.Join(err, listener.Close(), app.close())
	}
	// Background work goes on until the last request is answered.
	background, stop := context.WithCancel(context.WithoutCancel(ctx))
	var beside sync.WaitGroup
	beside.Go(func() { app.run(background) })
	if app.metrics != nil {
		beside.Go(func() { app.metrics.serve(background, metricsListener, log) })
	}
	defer func() {
		stop()
		beside.Wait()
		err = errors.Join(err, app.close())
	}()
	setup, err := app.setupLine(ctx, origin, cfg.adminHosts(origin))
	if err != nil {
		return errors.Join(err, listener.Close())
	}
	fmt.Fprintf(p.stdout, "Usher is at %s\n%s", origin, setup)
	if prepare != nil {
		if err := prepare(app, origin); err != nil {
			return errors.Join(err, listener.Close())
		}
	}
	return serve(ctx, listener, app.handler, app.ready, app.upstreams, drain{cfg.DrainDelay, cfg.DrainTimeout}, log)
}

// setupLine says, with a line end, where the first administrator of the default
// tenant is made; "" once there is one. The link is for whoever reads our
// output: it never reaches the log.
func (k *core) setupLine(ctx context.Context, origin provisioning.Origin, adminHosts []string) (string, error) {
	tenant, err := k.provisioning.DefaultTenant(ctx)
	if err != nil {
		return "", err
	}
	link, err := k.admins.SetupLink(ctx, tenant)
	if err != nil || link.Token == "" {
		return "", err
	}
	return fmt.Sprintf("Set up the admin, until %s: %s/admin/setup?token=%s\n",
		link.Expires.Format("15:04 UTC"), handlers.AdminOrigin(origin, adminHosts, tenant), link.Token), nil
}

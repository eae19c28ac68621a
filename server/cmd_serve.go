package main

import (
	"context"
	"errors"
	"fmt"
	"net"

	"github.com/spf13/cobra"
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
	return p.serve(c.Context(), cfg)
}

// serve builds everything that the configuration asks for and answers
// requests until ctx ends.
func (p program) serve(ctx context.Context, cfg Config) (err error) {
	log := newLogger(p.stderr, cfg.Env)
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", cfg.Listen)
	if err != nil {
		return fmt.Errorf("USHER_LISTEN=%s: %w", cfg.Listen, err)
	}
	origin, err := cfg.Origin(listener.Addr())
	if err != nil {
		return errors.Join(err, listener.Close())
	}
	app, err := wire(ctx, cfg, origin, log)
	if err != nil {
		return errors.Join(err, listener.Close())
	}
	// Background work goes on until the last request is answered.
	background, stop := context.WithCancel(context.WithoutCancel(ctx))
	finished := make(chan struct{})
	go func() {
		defer close(finished)
		app.run(background)
	}()
	defer func() {
		stop()
		<-finished
		err = errors.Join(err, app.close())
	}()
	fmt.Fprintf(p.stdout, "Usher is at %s\n", origin)
	return serve(ctx, listener, app.handler, app.ready, cfg.DrainTimeout, log)
}

package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"

	"github.com/spf13/cobra"

	"usher/handlers"
)

// healthcheckTimeout bounds the whole question and answer.
const healthcheckTimeout = 3 * time.Second

func newHealthcheck(p program) *cobra.Command {
	return &cobra.Command{
		Use:   "healthcheck",
		Short: "Ask the server on USHER_LISTEN whether it is alive",
		Long: "Ask the server on USHER_LISTEN whether it is alive. Ends with 0 when it is and with 1 when it is not,\n" +
			"as container engines expect of a health check.",
		Args: noArguments,
		RunE: func(c *cobra.Command, _ []string) error {
			cfg, err := loadConfig(p.environ)
			if err != nil {
				return err
			}
			return healthcheck(c.Context(), cfg.Listen)
		},
	}
}

// healthcheck asks the server that listens on an address of USHER_LISTEN's
// form.
func healthcheck(ctx context.Context, listen string) error {
	host, port, err := net.SplitHostPort(listen)
	if err != nil {
		return fmt.Errorf("USHER_LISTEN: %w", err)
	}
	switch {
	case port == "0":
		return errors.New("USHER_LISTEN has port 0: which one was taken is not known here")
	case host == "" || host == "0.0.0.0":
		host = "127.0.0.1"
	case host == "::":
		host = "::1"
	}
	ctx, cancel := context.WithTimeout(ctx, healthcheckTimeout)
	defer cancel()
	address := "http://" + net.JoinHostPort(host, port) + handlers.HealthPath
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return fmt.Errorf("health check: %w", err)
	}
	// Proxies of the environment are not for ourselves.
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	response, err := client.Do(request)
	if err != nil {
		return fmt.Errorf("health check: %w", err)
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("health check: got %s from %s", response.Status, address)
	}
	return nil
}

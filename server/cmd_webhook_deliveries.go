package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"usher/provisioning"
)

// webhookAndEvent is the Args of a command that takes an endpoint and an event.
func webhookAndEvent(c *cobra.Command, args []string) error {
	if len(args) != 2 {
		return usageError(c, fmt.Errorf("%s takes the id of a webhook endpoint and that of an event, got %d arguments", c.CommandPath(), len(args)))
	}
	return nil
}

// listedDelivery is a delivery as the commands print it as JSON.
type listedDelivery struct {
	Event     string          `json:"event"`
	Type      string          `json:"type"`
	State     string          `json:"state"`
	Attempts  int             `json:"attempts"`
	CreatedAt time.Time       `json:"created_at"`
	NextAt    *time.Time      `json:"next_at"` // of one that waits
	Payload   json.RawMessage `json:"payload,omitempty"`
	Log       []listedAttempt `json:"log,omitempty"`
}

type listedAttempt struct {
	At           time.Time `json:"at"`
	Milliseconds int64     `json:"milliseconds"`
	Status       int       `json:"status"`
	Fault        string    `json:"fault"`
	Answer       string    `json:"answer"`
}

func listDelivery(d provisioning.WebhookDelivery) listedDelivery {
	listed := listedDelivery{Event: d.EventID, Type: d.Type, State: d.State, Attempts: d.Attempts, CreatedAt: d.CreatedAt.UTC()}
	if d.State == provisioning.DeliveryWaiting {
		listed.NextAt = utc(&d.NextAt)
	}
	return listed
}

func newWebhookDeliveries(p program, host *string) *cobra.Command {
	var state, after string
	var asJSON bool
	c := &cobra.Command{
		Use:   "deliveries ID",
		Short: "List what was sent to an endpoint, newest first, 50 at a time",
		Args:  oneWebhook,
		RunE: func(c *cobra.Command, args []string) error {
			return p.withTenant(c.Context(), *host, func(t commandTenant) error {
				deliveries, next, err := t.webhooks.Deliveries(c.Context(), t.tenant.ID, args[0], state, after)
				if err != nil {
					return err
				}
				p.tellMore(next)
				return printList(p.stdout, deliveries, asJSON,
					func(d provisioning.WebhookDelivery) any { return listDelivery(d) },
					"EVENT\tTYPE\tSTATE\tATTEMPTS\tSINCE",
					func(d provisioning.WebhookDelivery) []any {
						return []any{d.EventID, d.Type, d.State, d.Attempts, d.CreatedAt.UTC().Format(time.RFC3339)}
					})
			})
		},
	}
	c.Flags().StringVar(&state, "state", "", "waiting, delivered or failed")
	c.Flags().StringVar(&after, "after", "", "go on behind what the page before ended with")
	c.Flags().BoolVar(&asJSON, "json", false, "one JSON object a line")
	return c
}

func newWebhookDelivery(p program, host *string) *cobra.Command {
	return &cobra.Command{
		Use:   "delivery ID EVENT",
		Short: "Show what was sent to an endpoint and each attempt, as JSON",
		Args:  webhookAndEvent,
		RunE: func(c *cobra.Command, args []string) error {
			return p.withTenant(c.Context(), *host, func(t commandTenant) error {
				d, err := t.webhooks.Delivery(c.Context(), t.tenant.ID, args[0], args[1])
				if err != nil {
					return err
				}
				listed := listDelivery(d.WebhookDelivery)
				listed.Payload = json.RawMessage(d.Payload)
				for _, one := range d.Log {
					listed.Log = append(listed.Log, listedAttempt{one.At.UTC(), one.Took, one.Status, one.Fault, one.Answer})
				}
				encoder := json.NewEncoder(p.stdout)
				encoder.SetIndent("", "  ")
				return encoder.Encode(listed)
			})
		},
	}
}

func newWebhookTest(p program, host *string) *cobra.Command {
	return &cobra.Command{
		Use:   "test ID",
		Short: "Have a test event sent to an endpoint",
		Args:  oneWebhook,
		RunE: func(c *cobra.Command, args []string) error {
			return p.withTenant(c.Context(), *host, func(t commandTenant) error {
				event, err := t.webhooks.Test(c.Context(), t.tenant.ID, args[0], byCommand)
				if err != nil {
					return err
				}
				_, err = fmt.Fprintf(p.stdout, "A running server sends %s within a second or two.\nSee: usher webhook delivery %s %s\n", event, args[0], event)
				return err
			})
		},
	}
}

func newWebhookResend(p program, host *string) *cobra.Command {
	var since string
	c := &cobra.Command{
		Use:   "resend ID [EVENT | --failed-since TIME]",
		Short: "Send an event again, or all that were given up since a time",
		Args: func(c *cobra.Command, args []string) error {
			if len(args) == 2 && since == "" || len(args) == 1 && since != "" {
				return nil
			}
			return usageError(c, errors.New("the id of a webhook endpoint, and either an event or --failed-since"))
		},
		RunE: func(c *cobra.Command, args []string) error {
			var from time.Time
			if since != "" {
				var err error
				if from, err = time.Parse(time.RFC3339, since); err != nil {
					return usageError(c, errors.New("--failed-since is a time like 2030-01-31T12:00:00Z"))
				}
			}
			return p.withTenant(c.Context(), *host, func(t commandTenant) error {
				n := 1
				var err error
				if since != "" {
					n, err = t.webhooks.ResendFailed(c.Context(), t.tenant.ID, args[0], from, byCommand)
				} else {
					err = t.webhooks.Resend(c.Context(), t.tenant.ID, args[0], args[1], byCommand)
				}
				if err != nil {
					return err
				}
				_, err = fmt.Fprintf(p.stdout, "Sent again: %d\n", n)
				return err
			})
		},
	}
	c.Flags().StringVar(&since, "failed-since", "", "the time of the oldest event that is sent again")
	return c
}

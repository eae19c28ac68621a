package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"usher/provisioning"
)

func newWebhook(p program) *cobra.Command {
	c := &cobra.Command{
		Use:   "webhook",
		Short: "List, show, add, change and delete webhook endpoints, and what was sent to them",
		Long: "An endpoint is an address of an application that is told of changes. Servers send the events;\n" +
			"these commands leave work to them.",
		Example: "  usher webhook add https://app.example/webhooks --type user.created --type user.erased\n" +
			"  usher webhook deliveries ID --state failed",
	}
	host := family(c)
	c.AddCommand(newWebhookList(p, host), newWebhookTypes(p), newWebhookShow(p, host), newWebhookAdd(p, host), newWebhookChange(p, host),
		newWebhookRoll(p, host), newWebhookTest(p, host), newWebhookDelete(p, host), newWebhookDeliveries(p, host),
		newWebhookDelivery(p, host), newWebhookResend(p, host))
	return c
}

// oneWebhook is the Args of a command that takes the id of an endpoint.
func oneWebhook(c *cobra.Command, args []string) error {
	if len(args) != 1 {
		return usageError(c, fmt.Errorf("%s takes the id of a webhook endpoint, got %d arguments", c.CommandPath(), len(args)))
	}
	return nil
}

// listedWebhook is an endpoint as the commands print it as JSON.
type listedWebhook struct {
	ID             string     `json:"id"`
	URL            string     `json:"url"`
	Description    string     `json:"description"`
	Types          []string   `json:"types"`
	Disabled       bool       `json:"disabled"`
	DisabledReason string     `json:"disabled_reason,omitempty"`
	FailingSince   *time.Time `json:"failing_since"`
	CreatedAt      time.Time  `json:"created_at"`
	Secret         string     `json:"secret,omitempty"` // only when it is made
}

func listWebhook(e provisioning.WebhookEndpoint) listedWebhook {
	return listedWebhook{
		ID: e.ID, URL: e.URL, Description: e.Description, Types: e.Types, Disabled: e.DisabledAt != nil,
		DisabledReason: e.DisabledReason, FailingSince: utc(e.FailingSince), CreatedAt: e.CreatedAt.UTC(),
	}
}

// webhookStanding is how an endpoint stands, in words.
func webhookStanding(e provisioning.WebhookEndpoint) string {
	switch {
	case e.DisabledAt != nil:
		return "disabled (" + e.DisabledReason + ")"
	case e.FailingSince != nil:
		return "failing since " + e.FailingSince.UTC().Format(time.RFC3339)
	}
	return "enabled"
}

func newWebhookList(p program, host *string) *cobra.Command {
	var asJSON bool
	c := &cobra.Command{
		Use:     "list",
		Short:   "List webhook endpoints, oldest first",
		Example: "  usher webhook list --json",
		Args:    noArguments,
		RunE: func(c *cobra.Command, _ []string) error {
			return p.withTenant(c.Context(), *host, func(t commandTenant) error {
				endpoints, err := t.webhooks.List(c.Context(), t.tenant.ID)
				if err != nil {
					return err
				}
				return printList(p.stdout, endpoints, asJSON,
					func(e provisioning.WebhookEndpoint) any { return listWebhook(e) },
					"ID\tENDPOINT\tSTATE\tEVENTS",
					func(e provisioning.WebhookEndpoint) []any {
						return []any{e.ID, provisioning.WebhookOrigin(e), webhookStanding(e), strings.Join(e.Types, " ")}
					})
			})
		},
	}
	c.Flags().BoolVar(&asJSON, "json", false, "one JSON object a line")
	return c
}

func newWebhookTypes(p program) *cobra.Command {
	return &cobra.Command{
		Use:   "types",
		Short: "List the types of events",
		Args:  noArguments,
		RunE: func(*cobra.Command, []string) error {
			table := newTable(p.stdout)
			for _, t := range provisioning.EventTypes() {
				fmt.Fprintf(table, "%s\t%s\n", t.Name, t.About)
			}
			return table.Flush()
		},
	}
}

// printWebhook prints one endpoint, as JSON or for people.
func (p program) printWebhook(w provisioning.Webhook, asJSON bool) error {
	if asJSON {
		listed := listWebhook(w.WebhookEndpoint)
		listed.Secret = w.Secret
		return json.NewEncoder(p.stdout).Encode(listed)
	}
	table := newTable(p.stdout)
	fmt.Fprintf(table, "Id:\t%s\nAddress:\t%s\nState:\t%s\nEvents:\t%s\n", w.ID, w.URL, webhookStanding(w.WebhookEndpoint), strings.Join(w.Types, " "))
	if w.Description != "" {
		fmt.Fprintf(table, "Description:\t%s\n", w.Description)
	}
	for _, k := range w.Secrets {
		fmt.Fprintf(table, "Signed with:\tsecret %s, made %s, ends %s\n", k.ID, k.CreatedAt.UTC().Format(time.RFC3339), timeOr(k.ExpiresAt, "never"))
	}
	if w.Secret != "" {
		fmt.Fprintf(table, "Secret:\t%s\n", w.Secret)
		fmt.Fprintln(table, "This is the only time that the secret is shown.")
	}
	return table.Flush()
}

// webhookCommand makes a command that ends with an endpoint, which it prints.
func webhookCommand(p program, host *string, c *cobra.Command, do func(c *cobra.Command, t commandTenant, arg string) (provisioning.Webhook, error)) *cobra.Command {
	var asJSON bool
	c.RunE = func(c *cobra.Command, args []string) error {
		return p.withTenant(c.Context(), *host, func(t commandTenant) error {
			w, err := do(c, t, args[0])
			if err != nil {
				return err
			}
			return p.printWebhook(w, asJSON)
		})
	}
	c.Flags().BoolVar(&asJSON, "json", false, "one JSON object")
	return c
}

func newWebhookShow(p program, host *string) *cobra.Command {
	return webhookCommand(p, host, &cobra.Command{Use: "show ID", Short: "Show a webhook endpoint", Args: oneWebhook},
		func(c *cobra.Command, t commandTenant, id string) (provisioning.Webhook, error) {
			return t.webhooks.Get(c.Context(), t.tenant.ID, id)
		})
}

func newWebhookAdd(p program, host *string) *cobra.Command {
	var description string
	var types []string
	args := func(c *cobra.Command, args []string) error {
		if len(args) != 1 {
			return usageError(c, fmt.Errorf("%s takes an address, got %d arguments", c.CommandPath(), len(args)))
		}
		return nil
	}
	c := webhookCommand(p, host, &cobra.Command{
		Use: "add URL", Short: "Add a webhook endpoint, and show its secret, once", Args: args,
		Example: "  usher webhook add https://app.example/webhooks --type '*'",
	}, func(c *cobra.Command, t commandTenant, address string) (provisioning.Webhook, error) {
		return t.webhooks.Add(c.Context(), t.tenant.ID, provisioning.WebhookWish{URL: &address, Description: &description, Types: &types}, byCommand)
	})
	c.Flags().StringArrayVar(&types, "type", []string{provisioning.EveryEvent}, "a type of events, again for more; see “usher webhook types”")
	c.Flags().StringVar(&description, "description", "", "for people")
	return c
}

func newWebhookChange(p program, host *string) *cobra.Command {
	var address, description string
	var types []string
	var disable, enable bool
	c := webhookCommand(p, host, &cobra.Command{
		Use: "change ID", Short: "Change, disable or enable a webhook endpoint", Args: oneWebhook,
		Example: "  usher webhook change ID --enable",
	}, func(c *cobra.Command, t commandTenant, id string) (provisioning.Webhook, error) {
		if disable && enable {
			return provisioning.Webhook{}, usageError(c, errors.New("--disable and --enable exclude each other"))
		}
		var wish provisioning.WebhookWish
		wish.URL = changed(c, "url", &address)
		wish.Description = changed(c, "description", &description)
		wish.Types = changed(c, "type", &types)
		if disable || enable {
			wish.Disabled = &disable
		}
		return t.webhooks.Change(c.Context(), t.tenant.ID, id, wish, byCommand)
	})
	c.Flags().StringVar(&address, "url", "", "another address")
	c.Flags().StringVar(&description, "description", "", "for people")
	c.Flags().StringArrayVar(&types, "type", nil, "the types of events from now on, one by one; '*' for all")
	c.Flags().BoolVar(&disable, "disable", false, "send nothing; what changes meanwhile is not told")
	c.Flags().BoolVar(&enable, "enable", false, "send again, also what has waited")
	return c
}

func newWebhookRoll(p program, host *string) *cobra.Command {
	var after time.Duration
	c := webhookCommand(p, host, &cobra.Command{
		Use: "roll ID", Short: "Make a new secret, and show it, once", Args: oneWebhook,
		Long: "Makes a new secret. For --after the old one signs as well, so that the application can change\n" +
			"over without a gap; with --after 0s it is destroyed now.",
	}, func(c *cobra.Command, t commandTenant, id string) (provisioning.Webhook, error) {
		return t.webhooks.Roll(c.Context(), t.tenant.ID, id, after, byCommand)
	})
	c.Flags().DurationVar(&after, "after", provisioning.DefaultRollAfter, "how long the old secret signs as well, at most 168h")
	return c
}

func newWebhookDelete(p program, host *string) *cobra.Command {
	var confirm string
	c := &cobra.Command{
		Use:   "delete ID --confirm ID",
		Short: "Delete a webhook endpoint: nothing is sent there any more, also not what waits",
		Args:  oneWebhook,
		RunE: func(c *cobra.Command, args []string) error {
			if confirm != args[0] {
				return usageError(c, fmt.Errorf("to go ahead: --confirm %q", args[0]))
			}
			return p.withTenant(c.Context(), *host, func(t commandTenant) error {
				if err := t.webhooks.Delete(c.Context(), t.tenant.ID, args[0], byCommand); err != nil {
					return err
				}
				_, err := fmt.Fprintf(p.stdout, "Deleted %s\n", args[0])
				return err
			})
		},
	}
	c.Flags().StringVar(&confirm, "confirm", "", "the id once more, to confirm")
	return c
}

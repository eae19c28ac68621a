package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"usher/sessions/tokens"
)

func newOrganization(p program) *cobra.Command {
	c := &cobra.Command{
		Use:   "organization",
		Short: "List, show, add, change and delete organizations, and say who is in them",
		Long: "An organization is a client with members. Its global id names those above it as well:\n" +
			"acme.dev is below acme. Its other settings are those of a client: usher client change.",
		Example: "  usher organization add acme --display-name \"Acme Ltd\"\n" +
			"  usher organization add acme.dev\n  usher organization add-member acme.dev anna@example.com --role owner",
	}
	host := family(c)
	c.AddCommand(newOrganizationList(p, host), newOrganizationShow(p, host), newOrganizationAdd(p, host), newOrganizationChange(p, host),
		newRotateSecret(p, host, organizationOwner), newOrganizationDelete(p, host), newAddMember(p, host), newDropMember(p, host))
	return c
}

var organizationOwner = secretOwner{tokens.OfClient, "GLOBAL-ID", func(ctx context.Context, t commandTenant, name string) (string, error) {
	n, err := t.tokens.OrganizationByGlobalID(ctx, t.tenant.ID, name)
	return n.ID, err
}}

// listedOrganization is an organization as the commands print it as JSON.
type listedOrganization struct {
	ID           string                     `json:"id"`
	GlobalID     string                     `json:"global_id"`
	DisplayName  string                     `json:"display_name"`
	Disabled     bool                       `json:"disabled"`
	CreatedAt    time.Time                  `json:"created_at"`
	Members      []listedOrganizationMember `json:"members,omitempty"`
	Secrets      []listedSecret             `json:"secrets,omitempty"`
	ClientSecret string                     `json:"client_secret,omitempty"` // only when it is made
}

// listedOrganizationMember is a person in an organization.
type listedOrganizationMember struct {
	User  string    `json:"user"`
	Email string    `json:"email"`
	Role  string    `json:"role"`
	Since time.Time `json:"since"`
}

func listOrganization(n tokens.Organization) listedOrganization {
	return listedOrganization{ID: n.ID, GlobalID: n.GlobalID(), DisplayName: n.Name, Disabled: n.Disabled, CreatedAt: n.CreatedAt.UTC()}
}

func newOrganizationList(p program, host *string) *cobra.Command {
	var under, after string
	var asJSON bool
	c := &cobra.Command{
		Use:     "list",
		Short:   "List organizations as a tree, 50 at a time",
		Example: "  usher organization list --under acme",
		Args:    noArguments,
		RunE: func(c *cobra.Command, _ []string) error {
			return p.withTenant(c.Context(), *host, func(t commandTenant) error {
				list, next, err := t.tokens.Organizations(c.Context(), t.tenant.ID, under, after, 50)
				if err != nil {
					return err
				}
				if err := printOrganizations(p.stdout, list, asJSON); err != nil {
					return err
				}
				p.tellMore(next)
				return nil
			})
		},
	}
	c.Flags().StringVar(&under, "under", "", "only those below the one of this global id")
	c.Flags().StringVar(&after, "after", "", "go on behind what the page before ended with")
	c.Flags().BoolVar(&asJSON, "json", false, "one JSON object a line")
	return c
}

func printOrganizations(w io.Writer, list []tokens.Organization, asJSON bool) error {
	return printList(w, list, asJSON,
		func(n tokens.Organization) any { return listOrganization(n) },
		"GLOBAL ID\tDISPLAY NAME\tSTATE",
		func(n tokens.Organization) []any {
			return []any{strings.Repeat("  ", n.Depth()) + n.GlobalID(), n.Name, clientState(n.Client)}
		})
}

// maxMembersShown is how many members show prints.
const maxMembersShown = 200

// printOrganization prints one organization with its members and secrets, as JSON
// or for people. secret is a new one in clear, or "".
func (p program) printOrganization(c *cobra.Command, t commandTenant, n tokens.Organization, secret string, asJSON bool) error {
	secrets, err := t.tokens.Secrets(c.Context(), t.tenant.ID, tokens.OfClient, n.ID)
	if err != nil {
		return err
	}
	members, next, err := t.tokens.Members(c.Context(), t.tenant.ID, n.ID, "", maxMembersShown)
	if err != nil {
		return err
	}
	if next != "" {
		fmt.Fprintf(p.stderr, "These are the first %d members.\n", maxMembersShown)
	}
	if asJSON {
		listed := listOrganization(n)
		listed.Secrets, listed.ClientSecret = listSecrets(secrets), secret
		for _, m := range members {
			listed.Members = append(listed.Members, listedOrganizationMember{User: m.UserID, Email: m.Email, Role: m.Role, Since: m.Since.UTC()})
		}
		return json.NewEncoder(p.stdout).Encode(listed)
	}
	table := newTable(p.stdout)
	for _, row := range [][2]string{
		{"Global id:", n.GlobalID()},
		{"Display name:", n.Name},
		{"State:", clientState(n.Client)},
	} {
		fmt.Fprintf(table, "%s\t%s\n", row[0], row[1])
	}
	for _, m := range members {
		fmt.Fprintf(table, "%s:\t%s %s, since %s\n", strings.ToUpper(m.Role[:1])+m.Role[1:], m.UserID, m.Email, m.Since.UTC().Format(time.RFC3339))
	}
	printSecrets(table, secrets, secret)
	return table.Flush()
}

func newOrganizationShow(p program, host *string) *cobra.Command {
	var asJSON bool
	c := &cobra.Command{
		Use:   "show GLOBAL-ID",
		Short: "Show an organization, who is in it and how its secrets stand",
		Args:  oneName,
		RunE: func(c *cobra.Command, args []string) error {
			return p.withTenant(c.Context(), *host, func(t commandTenant) error {
				n, err := t.tokens.OrganizationByGlobalID(c.Context(), t.tenant.ID, args[0])
				if err != nil {
					return err
				}
				return p.printOrganization(c, t, n, "", asJSON)
			})
		},
	}
	c.Flags().BoolVar(&asJSON, "json", false, "one JSON object")
	return c
}

func newOrganizationAdd(p program, host *string) *cobra.Command {
	var shown string
	var asJSON bool
	c := &cobra.Command{
		Use:     "add GLOBAL-ID",
		Short:   "Add an organization and show its secret, once; those above it exist already",
		Example: "  usher organization add acme\n  usher organization add acme.dev --display-name Development",
		Args:    oneName,
		RunE: func(c *cobra.Command, args []string) error {
			var wish tokens.OrganizationSettings
			wish.DisplayName = changed(c, "display-name", &shown)
			parent, name := "", args[0]
			if dot := strings.LastIndexByte(name, '.'); dot >= 0 {
				parent, name = name[:dot], name[dot+1:]
			}
			return p.withTenant(c.Context(), *host, func(t commandTenant) error {
				n, secret, err := t.tokens.AddOrganization(c.Context(), t.tenant.ID, parent, name, wish, byCommand)
				if errors.Is(err, tokens.ErrTaken) {
					return &exitError{exitUsage, errors.New("global_id: there is an organization or a client with this id already")}
				}
				if err != nil {
					return err
				}
				return p.printOrganization(c, t, n, secret, asJSON)
			})
		},
	}
	c.Flags().StringVar(&shown, "display-name", "", "what people call it, 1 to 100 characters (default: the last part of its global id)")
	c.Flags().BoolVar(&asJSON, "json", false, "one JSON object")
	return c
}

func newOrganizationChange(p program, host *string) *cobra.Command {
	var shown string
	var disabled bool
	c := &cobra.Command{
		Use:     "change GLOBAL-ID",
		Short:   "Change display name or state; the rest stays",
		Example: "  usher organization change acme --disabled",
		Args:    oneName,
		RunE: func(c *cobra.Command, args []string) error {
			var wish tokens.OrganizationSettings
			wish.DisplayName = changed(c, "display-name", &shown)
			wish.Disabled = changed(c, "disabled", &disabled)
			if wish == (tokens.OrganizationSettings{}) {
				return usageError(c, errors.New("name at least one of --display-name and --disabled"))
			}
			return p.withTenant(c.Context(), *host, func(t commandTenant) error {
				n, err := t.tokens.OrganizationByGlobalID(c.Context(), t.tenant.ID, args[0])
				if err == nil {
					n, err = t.tokens.ChangeOrganization(c.Context(), t.tenant.ID, n.ID, wish, byCommand)
				}
				if err != nil {
					return err
				}
				return p.printOrganization(c, t, n, "", false)
			})
		},
	}
	c.Flags().StringVar(&shown, "display-name", "", "what people call it, 1 to 100 characters")
	c.Flags().BoolVar(&disabled, "disabled", false, "it gets no token, and nobody counts as its member")
	return c
}

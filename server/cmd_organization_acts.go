package main

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"usher/sessions/tokens"
)

func newOrganizationDelete(p program, host *string) *cobra.Command {
	var confirm string
	c := &cobra.Command{
		Use:   "delete GLOBAL-ID --confirm GLOBAL-ID",
		Short: "Say what deleting an organization does, and with --confirm delete it",
		Args:  oneName,
		RunE: func(c *cobra.Command, args []string) error {
			return p.withTenant(c.Context(), *host, func(t commandTenant) error {
				ctx, tenant := c.Context(), t.tenant.ID
				n, err := t.tokens.OrganizationByGlobalID(ctx, tenant, args[0])
				if err != nil {
					return err
				}
				if confirm != args[0] {
					use, err := t.tokens.OrganizationUse(ctx, tenant, n.ID)
					if err != nil {
						return err
					}
					return usageError(c, fmt.Errorf("%d members and %d live secrets go with it, and %d organizations right below it have to go first; to delete it, repeat it: --confirm %q",
						use.Members, use.Secrets, use.Children, args[0]))
				}
				err = t.tokens.DeleteOrganization(ctx, tenant, n.ID, byCommand)
				if errors.Is(err, tokens.ErrHasChildren) {
					return &exitError{exitUsage, errors.New("there are organizations below it: delete those first")}
				}
				if err != nil {
					return err
				}
				_, err = fmt.Fprintf(p.stdout, "Deleted %s\n", n.GlobalID())
				return err
			})
		},
	}
	c.Flags().StringVar(&confirm, "confirm", "", "the global id once more, to confirm")
	return c
}

// organizationAndUser is the Args of a command that takes both.
func organizationAndUser(c *cobra.Command, args []string) error {
	if len(args) != 2 {
		return usageError(c, fmt.Errorf("%s takes a global id and a user, got %d arguments", c.CommandPath(), len(args)))
	}
	return nil
}

func newAddMember(p program, host *string) *cobra.Command {
	var role string
	c := &cobra.Command{
		Use:     "add-member GLOBAL-ID USER",
		Short:   "Put a user (e-mail address or id) into an organization, or change the role",
		Example: "  usher organization add-member acme anna@example.com --role owner",
		Args:    organizationAndUser,
		RunE: func(c *cobra.Command, args []string) error {
			return p.withMember(c, *host, args, func(t commandTenant, organization, user string) (string, error) {
				return "In it as " + role, t.tokens.SetMember(c.Context(), t.tenant.ID, organization, user, role, byCommand)
			})
		},
	}
	c.Flags().StringVar(&role, "role", tokens.RoleMember, tokens.RoleMember+" or "+tokens.RoleOwner)
	return c
}

func newDropMember(p program, host *string) *cobra.Command {
	return &cobra.Command{
		Use:   "drop-member GLOBAL-ID USER",
		Short: "Take a user (e-mail address or id) out of an organization",
		Args:  organizationAndUser,
		RunE: func(c *cobra.Command, args []string) error {
			return p.withMember(c, *host, args, func(t commandTenant, organization, user string) (string, error) {
				return "Not in it any more", t.tokens.DropMember(c.Context(), t.tenant.ID, organization, user, byCommand)
			})
		},
	}
}

// withMember runs do with the ids of the organization and the user that args
// name, and prints what it has done.
func (p program) withMember(c *cobra.Command, host string, args []string, do func(t commandTenant, organization, user string) (string, error)) error {
	return p.withTenant(c.Context(), host, func(t commandTenant) error {
		n, err := t.tokens.OrganizationByGlobalID(c.Context(), t.tenant.ID, args[0])
		if err != nil {
			return err
		}
		u, err := t.user(c.Context(), args[1])
		if err != nil {
			return err
		}
		done, err := do(t, n.ID, u.ID)
		if err != nil {
			return err
		}
		_, err = fmt.Fprintf(p.stdout, "%s: %s\n", u.ID, done)
		return err
	})
}

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

	"usher/provisioning"
)

func newUser(p program) *cobra.Command {
	c := &cobra.Command{
		Use:     "user",
		Short:   "List, show, disable, enable, sign out, erase and merge users",
		Long:    "Users are the people whom partners sent. A user is named by its id or by its e-mail address.",
		Example: "  usher user list --search anna\n  usher user show anna@example.com\n  usher user disable anna@example.com",
	}
	host := family(c)
	c.AddCommand(
		newUserList(p, host), newUserShow(p, host),
		newUserAct(p, host, "disable", "Disable a user: sessions end at once, and no link signs the person in", "Disabled",
			func(ctx context.Context, t commandTenant, id string) error {
				return t.provisioning.SetDisabled(ctx, t.tenant, id, true, byCommand)
			}),
		newUserAct(p, host, "enable", "Enable a user again", "Enabled",
			func(ctx context.Context, t commandTenant, id string) error {
				return t.provisioning.SetDisabled(ctx, t.tenant, id, false, byCommand)
			}),
		newUserAct(p, host, "sign-out", "End all sessions of a user; new links sign in again", "Signed out everywhere:",
			func(ctx context.Context, t commandTenant, id string) error {
				return t.provisioning.SignOut(ctx, t.tenant, id, byCommand)
			}),
		newUserErase(p, host), newUserMerge(p, host),
	)
	return c
}

// user finds a user by id or e-mail address.
func (t commandTenant) user(ctx context.Context, text string) (provisioning.Profile, error) {
	if strings.Contains(text, "@") {
		return t.provisioning.ProfileByEmail(ctx, t.tenant, text)
	}
	return t.provisioning.Profile(ctx, t.tenant, text)
}

// oneUser is the Args of a command that takes one user.
func oneUser(c *cobra.Command, args []string) error {
	if len(args) != 1 {
		return usageError(c, fmt.Errorf("%s takes one user's id or e-mail address, got %d arguments", c.CommandPath(), len(args)))
	}
	return nil
}

// listedUser is a user as the commands print it as JSON.
type listedUser struct {
	ID         string    `json:"id"`
	Email      string    `json:"email"`
	Name       string    `json:"name"`
	Status     string    `json:"status"`
	MergedInto string    `json:"merged_into,omitempty"`
	CreatedAt  time.Time `json:"created_at"`
	Groups     []string  `json:"groups"`
}

func listUser(u provisioning.Profile) listedUser {
	listed := listedUser{
		ID: u.ID, Email: u.Email, Name: u.Name, Status: u.Status, MergedInto: u.MergedInto, CreatedAt: u.CreatedAt.UTC(),
		Groups: []string{},
	}
	if listed.Name == "" {
		listed.Name = strings.TrimSpace(u.FirstName + " " + u.LastName)
	}
	for _, g := range u.Groups {
		listed.Groups = append(listed.Groups, g.ExternalID)
	}
	return listed
}

func newUserList(p program, host *string) *cobra.Command {
	var filter provisioning.UserFilter
	var after string
	var asJSON bool
	c := &cobra.Command{
		Use:     "list",
		Short:   "List users, newest first, 50 at a time",
		Example: "  usher user list\n  usher user list --search anna@\n  usher user list --group algebra-1 --status disabled",
		Args:    noArguments,
		RunE: func(c *cobra.Command, _ []string) error {
			return p.withTenant(c.Context(), *host, func(t commandTenant) error {
				users, next, err := t.provisioning.Users(c.Context(), t.tenant, filter, after)
				if err != nil {
					return err
				}
				p.tellMore(next)
				return printList(p.stdout, users, asJSON,
					func(u provisioning.Profile) any { return listUser(u) },
					"ID\tE-MAIL\tNAME\tSTATUS\tGROUPS\tSINCE",
					func(u provisioning.Profile) []any {
						listed := listUser(u)
						return []any{listed.ID, listed.Email, listed.Name, listed.Status, len(listed.Groups), listed.CreatedAt.Format(time.RFC3339)}
					})
			})
		},
	}
	c.Flags().StringVar(&filter.Search, "search", "", "an id, a sub, or how an address begins")
	c.Flags().StringVar(&filter.Group, "group", "", "external id of a group they are in")
	c.Flags().StringVar(&filter.Status, "status", "", "active, disabled, erased or merged")
	c.Flags().StringVar(&after, "after", "", "go on behind what the page before ended with")
	c.Flags().BoolVar(&asJSON, "json", false, "one JSON object a line")
	return c
}

func newUserShow(p program, host *string) *cobra.Command {
	var asJSON bool
	c := &cobra.Command{
		Use:   "show USER",
		Short: "Show a user with identities, groups, credits and meta",
		Args:  oneUser,
		RunE: func(c *cobra.Command, args []string) error {
			return p.withTenant(c.Context(), *host, func(t commandTenant) error {
				u, err := t.user(c.Context(), args[0])
				if err != nil {
					return err
				}
				held, err := t.provisioning.Belongings(c.Context(), t.tenant, u.ID)
				if err != nil {
					return err
				}
				names, err := t.provisioning.IntegrationNames(c.Context(), t.tenant)
				if err != nil {
					return err
				}
				if asJSON {
					return json.NewEncoder(p.stdout).Encode(struct {
						listedUser
						Meta       json.RawMessage `json:"meta"`
						Identities []shownIdentity `json:"identities"`
						Credits    []shownCredit   `json:"credits"`
					}{listUser(u), json.RawMessage(u.Meta), identitiesOf(held), creditsOf(held)})
				}
				return printUser(p.stdout, u, held, names)
			})
		},
	}
	c.Flags().BoolVar(&asJSON, "json", false, "one JSON object")
	return c
}

// shownIdentity is an identity as the command prints it as JSON.
type shownIdentity struct {
	Integration string  `json:"integration"`
	Subject     *string `json:"sub"`
	Email       *string `json:"email"`
}

func identitiesOf(held provisioning.Belongings) []shownIdentity {
	shown := []shownIdentity{}
	for _, i := range held.Identities {
		shown = append(shown, shownIdentity{i.IntegrationID, i.Subject, i.EmailKey})
	}
	return shown
}

// shownCredit is a grant as the command prints it as JSON.
type shownCredit struct {
	Integration string `json:"integration"`
	OrderID     string `json:"order_id"`
	ID          int64  `json:"id"`
	State       string `json:"state"` // open, used, parked or revoked
}

func creditsOf(held provisioning.Belongings) []shownCredit {
	shown := []shownCredit{}
	for _, g := range held.Grants {
		state := "open"
		switch {
		case g.RevokedAt != nil:
			state = "revoked"
		case g.Parked:
			state = "parked"
		case g.ConsumedAt != nil:
			state = "used"
		}
		shown = append(shown, shownCredit{g.IntegrationID, g.OrderID, g.CreditID, state})
	}
	return shown
}

func printUser(w io.Writer, u provisioning.Profile, held provisioning.Belongings, names map[string]string) error {
	nameOf := func(source string) string {
		if source == provisioning.ManualSource {
			return "by hand"
		}
		return names[source]
	}
	listed := listUser(u)
	table := newTable(w)
	for _, line := range [][2]string{
		{"Id", u.ID},
		{"E-mail", u.Email},
		{"Name", listed.Name},
		{"Status", u.Status},
		{"Merged into", u.MergedInto},
		{"Since", listed.CreatedAt.Format(time.RFC3339)},
		{"Meta", u.Meta},
	} {
		if line[1] != "" {
			fmt.Fprintf(table, "%s:\t%s\n", line[0], line[1])
		}
	}
	for _, i := range held.Identities {
		subject, email := "no sub", ""
		if i.Subject != nil {
			subject = "sub " + *i.Subject
		}
		if i.EmailKey != nil {
			email = ", " + *i.EmailKey
		}
		fmt.Fprintf(table, "Identity:\t%s (%s%s)\n", nameOf(i.IntegrationID), subject, email)
	}
	for _, m := range held.Memberships {
		pinned := ""
		if m.Pinned {
			pinned = ", pinned"
		}
		fmt.Fprintf(table, "Group:\t%s (%s%s)\n", m.ExternalID, nameOf(m.Source), pinned)
	}
	for _, g := range creditsOf(held) {
		fmt.Fprintf(table, "Credit:\t%d of order %s (%s, %s)\n", g.ID, g.OrderID, nameOf(g.Integration), g.State)
	}
	return table.Flush()
}

// newUserAct is a command that does one thing to one user.
func newUserAct(p program, host *string, name, short, done string,
	do func(ctx context.Context, t commandTenant, id string) error,
) *cobra.Command {
	return &cobra.Command{
		Use:   name + " USER",
		Short: short,
		Args:  oneUser,
		RunE: func(c *cobra.Command, args []string) error {
			return p.withTenant(c.Context(), *host, func(t commandTenant) error {
				u, err := t.user(c.Context(), args[0])
				if err != nil {
					return err
				}
				if err := do(c.Context(), t, u.ID); err != nil {
					return err
				}
				_, err = fmt.Fprintf(p.stdout, "%s %s\n", done, u.ID)
				return err
			})
		},
	}
}

func newUserErase(p program, host *string) *cobra.Command {
	var confirm string
	c := &cobra.Command{
		Use:   "erase USER --confirm USER",
		Short: "Erase a user's personal data for good",
		Long: "Takes away profile, identities, memberships, grants, journal and meta, and what the sign-in log says\n" +
			"of the person. What stays are keyed hashes by which the person is recognised and refused, until\n" +
			"“usher user enable”. It cannot be taken back.",
		Args: oneUser,
		RunE: func(c *cobra.Command, args []string) error {
			if confirm != args[0] {
				return usageError(c, fmt.Errorf("to erase the user, repeat it: --confirm %q", args[0]))
			}
			return p.withTenant(c.Context(), *host, func(t commandTenant) error {
				u, err := t.user(c.Context(), args[0])
				if err != nil {
					return err
				}
				if err := t.provisioning.Erase(c.Context(), t.tenant, u.ID, byCommand); err != nil {
					return err
				}
				_, err = fmt.Fprintf(p.stdout, "Erased %s\n", u.ID)
				return err
			})
		},
	}
	c.Flags().StringVar(&confirm, "confirm", "", "the user once more, to confirm")
	return c
}

func newUserMerge(p program, host *string) *cobra.Command {
	var confirm string
	c := &cobra.Command{
		Use:   "merge KEEP GONE --confirm GONE",
		Short: "Merge one user into another, when both are one person",
		Long: "Makes the user GONE a part of the user KEEP: identities, groups, credits and meta go over, the profile\n" +
			"and the address of KEEP stay, and the sessions of GONE end. Without --confirm it says what would\n" +
			"happen and does nothing. It cannot be taken back.",
		Example: "  usher user merge anna@example.com a.meier@example.com\n" +
			"  usher user merge anna@example.com a.meier@example.com --confirm a.meier@example.com",
		Args: func(c *cobra.Command, args []string) error {
			if len(args) != 2 {
				return usageError(c, fmt.Errorf("%s takes two users' ids or e-mail addresses, got %d arguments", c.CommandPath(), len(args)))
			}
			return nil
		},
		RunE: func(c *cobra.Command, args []string) error {
			return p.withTenant(c.Context(), *host, func(t commandTenant) error {
				keep, err := t.user(c.Context(), args[0])
				if err != nil {
					return err
				}
				gone, err := t.user(c.Context(), args[1])
				if err != nil {
					return err
				}
				m, err := t.provisioning.PlanMerge(c.Context(), t.tenant, keep.ID, gone.ID)
				if err != nil {
					return err
				}
				if confirm == "" {
					printMerging(p.stdout, m)
					return usageError(c, fmt.Errorf("nothing is done; to merge them: --confirm %q", args[1]))
				}
				if confirm != args[1] {
					return usageError(c, errors.New("--confirm is not the user who is to go"))
				}
				if m, err = t.provisioning.Merge(c.Context(), t.tenant, keep.ID, gone.ID, m.Seen, byCommand); err != nil {
					return err
				}
				printMerging(p.stdout, m)
				_, err = fmt.Fprintf(p.stdout, "Merged %s into %s\n", gone.ID, keep.ID)
				return err
			})
		},
	}
	c.Flags().StringVar(&confirm, "confirm", "", "the user who goes once more, to confirm")
	return c
}

func printMerging(w io.Writer, m provisioning.Merging) {
	groups := make([]string, 0, len(m.Joined))
	for _, r := range m.Joined {
		groups = append(groups, r.ExternalID)
	}
	fmt.Fprintf(w, "Identities:  %d\nNew groups:  %s\nCredits:     %d, of which both have %d\nNew in meta: %s\n",
		len(m.Identities), strings.Join(groups, ", "), len(m.Grants), len(m.Clashes), strings.Join(m.MetaAdded, ", "))
}

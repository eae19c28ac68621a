package main

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"usher/handlers"
	"usher/provisioning"
)

// settingsFlags are the flags for an integration's settings. One that is not
// given changes nothing, or takes the default when installing.
type settingsFlags struct {
	texts   map[string]*string
	numbers map[string]*int64
	flags   map[string]*bool
	lists   map[string]*[]string
}

func (f *settingsFlags) add(c *cobra.Command) {
	f.texts, f.numbers, f.flags, f.lists = map[string]*string{}, map[string]*int64{}, map[string]*bool{}, map[string]*[]string{}
	for _, text := range [][2]string{
		{"name", "name shown to administrators"},
		{"issuer", "iss that tokens must have, or the app id; \"\" = iss is not checked, but may not name another integration"},
		{"landing-page", "path for links without go"},
		{"sign-in-url", "the partner's page that makes links"},
		{"jwks-url", "where the partner publishes its public keys"},
		{"link-policy", "unclaimed, trusted or never"},
		{"unknown-groups", "ignore, create or refuse"},
		{"unknown-credits", "park, ignore or refuse"},
		{"group-scope", "all or owned"},
		{"meta-mode", "merge or replace"},
	} {
		f.texts[text[0]] = c.Flags().String(text[0], "", text[1])
	}
	for _, number := range []struct {
		name  string
		usual time.Duration
		usage string
	}{
		{"max-age", provisioning.DefaultMaxAge, "seconds after which a link is too old; 0 = never"},
		{"embed-max-age", provisioning.DefaultEmbedMaxAge, "seconds for which an embed or an API call may present a token, up to a day; 0 = as long as its exp"},
		{"leeway", provisioning.DefaultLeeway, "seconds of tolerance between the clocks, 0 to 300"},
		{"session-idle", provisioning.DefaultSessionIdle, "seconds after which an unused session ends"},
		{"session-absolute", provisioning.DefaultSessionAbsolute, "seconds after which a session ends in any case"},
	} {
		f.numbers[number.name] = c.Flags().Int64(number.name, int64(number.usual/time.Second), number.usage)
	}
	f.numbers["drift-threshold"] = c.Flags().Int64("drift-threshold", provisioning.DefaultIntegration().DriftThreshold, "people whose groups may be emptied within an hour")
	f.flags["drift-guard"] = c.Flags().Bool("drift-guard", false, "hold removals back when one link after the other empties groups")
	f.flags["auto-create"] = c.Flags().Bool("auto-create", true, "make an account for people who are new")
	f.numbers["sign-in-rate"] = c.Flags().Int64("sign-in-rate", provisioning.DefaultSignInRate, "links a second that one server takes, and ten seconds' worth at once; 0 = any number")
	f.flags["allow-disable"] = c.Flags().Bool("allow-disable", false, "let the partner disable its people by a signed token")
	f.flags["single-use"] = c.Flags().Bool("single-use", false, "links without jti are good once as well")
	f.flags["require-nonce"] = c.Flags().Bool("require-nonce", false, "take only links that the browser has asked for")
	f.lists["return-origin"] = c.Flags().StringSlice("return-origin", nil, "foreign origin that go may name; may be repeated")
	f.lists["embed-origin"] = c.Flags().StringSlice("embed-origin", nil, "origin that may frame us; may be repeated")
	f.lists["content-origin"] = c.Flags().StringSlice("content-origin", nil, "origin under which the content of embeds may lie; may be repeated")
}

// given returns a flag's value, or nil when it was not given.
func given[T any](c *cobra.Command, values map[string]*T, name string) *T {
	if !c.Flags().Changed(name) {
		return nil
	}
	return values[name]
}

func (f *settingsFlags) wish(c *cobra.Command) provisioning.Settings {
	return provisioning.Settings{
		Name: given(c, f.texts, "name"), Issuer: given(c, f.texts, "issuer"),
		MaxAge: given(c, f.numbers, "max-age"), Leeway: given(c, f.numbers, "leeway"),
		LandingPage: given(c, f.texts, "landing-page"), SignInURL: given(c, f.texts, "sign-in-url"),
		RequireNonce: given(c, f.flags, "require-nonce"), ReturnOrigins: given(c, f.lists, "return-origin"),
		EmbedOrigins: given(c, f.lists, "embed-origin"), JWKSURL: given(c, f.texts, "jwks-url"),
		AllowDisable: given(c, f.flags, "allow-disable"), SignInRate: given(c, f.numbers, "sign-in-rate"),
		EmbedMaxAge: given(c, f.numbers, "embed-max-age"), ContentOrigins: given(c, f.lists, "content-origin"),
		LinkPolicy: given(c, f.texts, "link-policy"),
		AutoCreate: given(c, f.flags, "auto-create"), SingleUse: given(c, f.flags, "single-use"),
		UnknownGroups: given(c, f.texts, "unknown-groups"), UnknownCredits: given(c, f.texts, "unknown-credits"),
		GroupScope: given(c, f.texts, "group-scope"), MetaMode: given(c, f.texts, "meta-mode"),
		DriftGuard: given(c, f.flags, "drift-guard"), DriftThreshold: given(c, f.numbers, "drift-threshold"),
		SessionIdle: given(c, f.numbers, "session-idle"), SessionAbsolute: given(c, f.numbers, "session-absolute"),
	}
}

func newChange(p program, host *string) *cobra.Command {
	var settings settingsFlags
	c := &cobra.Command{
		Use:     "change ID",
		Short:   "Change settings of an integration; the flags that are not given stay as they are",
		Example: "  usher integration change 57cc264630b65c1e04acc09a --max-age 120 --link-policy trusted",
		Args:    oneArgument,
		RunE: func(c *cobra.Command, args []string) error {
			wish := settings.wish(c)
			if wish.Empty() {
				return usageError(c, errors.New("name at least one setting to change"))
			}
			return p.withTenant(c.Context(), *host, func(t commandTenant) error {
				n, err := t.provisioning.ChangeIntegration(c.Context(), t.tenant, args[0], wish, byCommand)
				if err != nil {
					return err
				}
				_, err = fmt.Fprintf(p.stdout, "Changed %s\n", n.Name)
				return err
			})
		},
	}
	settings.add(c)
	return c
}

func newShow(p program, host *string) *cobra.Command {
	return &cobra.Command{
		Use:   "show ID",
		Short: "Show an integration's settings, its keys and how they are used",
		Args:  oneArgument,
		RunE: func(c *cobra.Command, args []string) error {
			return p.withTenant(c.Context(), *host, func(t commandTenant) error {
				ctx := c.Context()
				n, err := t.provisioning.Integration(ctx, t.tenant, args[0])
				if err != nil {
					return err
				}
				keys, err := t.provisioning.KeyHealth(ctx, t.tenant, n)
				if err != nil {
					return err
				}
				clock, err := t.provisioning.ClockOf(ctx, t.tenant, n.ID)
				if err != nil {
					return err
				}
				unknown, err := t.provisioning.UnknownNames(ctx, t.tenant, n.ID)
				if err != nil {
					return err
				}
				return showIntegration(p.stdout, t, n, keys, clock, unknown)
			})
		},
	}
}

func showIntegration(w io.Writer, t commandTenant, n provisioning.Installed, keys []provisioning.KeyHealth,
	clock provisioning.Clock, unknown []provisioning.UnknownName,
) error {
	maxAge := n.MaxAge.String()
	if n.MaxAge == 0 {
		maxAge = "none: links never expire"
	}
	embedMaxAge := n.EmbedMaxAge.String()
	if n.EmbedMaxAge == 0 {
		embedMaxAge = "none: a token can be presented until its exp"
	}
	_, advice := clock.Advice(n.MaxAge, n.Leeway)
	table := newTable(w)
	for _, row := range [][2]any{
		{"Name", n.Name},
		{"Id", n.ID},
		{"App id", n.AppID},
		{"Endpoint", t.origin.String() + handlers.CallbackPath},
		{"Issuer", n.Issuer},
		{"Max age", maxAge},
		{"Leeway", n.Leeway},
		{"Landing page", n.LandingPage},
		{"Sign-in URL", n.SignInURL},
		{"JWKS URL", n.JWKSURL},
		{"Allow disable", n.AllowDisable},
		{"Sign-in rate", n.SignInRate},
		{"Require nonce", n.RequireNonce},
		{"Return origins", strings.Join(n.ReturnOrigins, " ")},
		{"Embed origins", strings.Join(n.EmbedOrigins, " ")},
		{"Embed max age", embedMaxAge},
		{"Content origins", strings.Join(n.ContentOrigins, " ")},
		{"Link policy", n.LinkPolicy},
		{"Auto-create", n.AutoCreate},
		{"Single use", n.SingleUse},
		{"Unknown groups", n.UnknownGroups},
		{"Unknown credits", n.UnknownCredits},
		{"Group scope", n.GroupScope},
		{"Meta mode", n.MetaMode},
		{"Drift guard", n.DriftGuard},
		{"Drift threshold", n.DriftThreshold},
		{"Session idle", n.SessionIdle},
		{"Session absolute", n.SessionAbsolute},
		{"Clock", advice},
	} {
		fmt.Fprintf(table, "%s:\t%v\n", row[0], row[1])
	}
	if err := table.Flush(); err != nil {
		return err
	}
	fmt.Fprintln(w)
	table = newTable(w)
	fmt.Fprintln(table, "KEY\tALGORITHM\tSTATE\tLAST USED\tSIGN-INS, 7 DAYS\tSHARE\tSAFE TO RETIRE")
	for _, k := range keys {
		used, safe := "never", "no"
		if !k.LastUsed.IsZero() {
			used = k.LastUsed.UTC().Format(time.RFC3339)
		}
		if k.Safe != "" {
			safe = "yes: " + k.Safe
		}
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%d\t%.0f %%\t%s\n", k.ID, k.Algorithm, keyState(k.Key, time.Now()), used, k.SignIns, k.Share*100, safe)
	}
	if len(unknown) > 0 {
		fmt.Fprintln(table, "\nUNKNOWN\tNAME\tSEEN\tLAST")
	}
	for _, u := range unknown {
		fmt.Fprintf(table, "%s\t%s\t%d\t%s\n", u.Kind, u.Name, u.Count, u.LastSeen.UTC().Format(time.RFC3339))
	}
	return table.Flush()
}

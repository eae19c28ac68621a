package main

import (
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"usher/provisioning"
)

func newMasterKey(p program) *cobra.Command {
	c := &cobra.Command{
		Use:   "master-key",
		Short: "Replace the master key, while the servers run",
		Long: "Secrets are stored sealed under USHER_MASTER_KEY. To replace it:\n\n" +
			"  1. Start every server with the new key in USHER_MASTER_KEY_PREVIOUS: all can open it.\n" +
			"  2. Start every server with the new key in USHER_MASTER_KEY, and the old one in\n" +
			"     USHER_MASTER_KEY_PREVIOUS. A single server may begin here.\n" +
			"  3. “usher master-key rotate”, with the settings of step 2.\n" +
			"  4. When “usher master-key status” ends with 0, take the old key away.",
		Example: "  usher master-key status\n  usher master-key rotate",
		Args:    unknownCommand,
		RunE:    func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	c.AddCommand(newMasterKeyStatus(p), newMasterKeyRotate(p))
	return c
}

// listedMasterKey is a master key as the command prints it as JSON.
type listedMasterKey struct {
	ID         string `json:"id"`
	Present    bool   `json:"present"`
	Configured bool   `json:"configured"`
	Lasting    int64  `json:"lasting"`
	Passing    int64  `json:"passing"`
}

func newMasterKeyStatus(p program) *cobra.Command {
	var asJSON bool
	c := &cobra.Command{
		Use:   "status",
		Short: "Say how many values are sealed under which master key",
		Long: "Counts what is sealed, in all tenants, by the id of the master key. What lasts is sealed anew by\n" +
			"“usher master-key rotate”; what passes goes by itself within a day.\n\n" +
			"Exit codes:\n  0  everything is sealed under USHER_MASTER_KEY: no other key is needed\n" +
			"  4  something is sealed under another one",
		Example: "  usher master-key status\n  usher master-key status --json",
		Args:    noArguments,
		RunE: func(c *cobra.Command, _ []string) error {
			return p.withTenant(c.Context(), "", func(t commandTenant) error {
				keys, err := t.provisioning.MasterKeys(c.Context(), true)
				if err != nil {
					return err
				}
				if err := printMasterKeys(p.stdout, keys, asJSON); err != nil {
					return err
				}
				return othersNeeded(keys)
			})
		},
	}
	c.Flags().BoolVar(&asJSON, "json", false, "one JSON object a line")
	return c
}

// othersNeeded is an error while another master key than the present one is needed.
func othersNeeded(keys []provisioning.MasterKeyUse) error {
	var n int64
	for _, k := range keys {
		if !k.Present {
			n += k.Lasting + k.Passing
		}
	}
	if n == 0 {
		return nil
	}
	return &exitError{exitCheckFailed, fmt.Errorf("%s sealed under another master key than USHER_MASTER_KEY", counted(int(n), "value is", "values are"))}
}

func printMasterKeys(w io.Writer, keys []provisioning.MasterKeyUse, asJSON bool) error {
	return printList(w, keys, asJSON,
		func(k provisioning.MasterKeyUse) any { return listedMasterKey(k) },
		"KEY ID\tSTATE\tLASTING VALUES\tPASSING VALUES",
		func(k provisioning.MasterKeyUse) []any {
			id, state := k.ID, "missing"
			switch {
			case k.ID == "":
				id, state = "none", "damaged"
			case k.Present:
				state = "present"
			case k.Configured:
				state = "previous"
			}
			return []any{id, state, k.Lasting, k.Passing}
		})
}

func newMasterKeyRotate(p program) *cobra.Command {
	return &cobra.Command{
		Use:   "rotate",
		Short: "Seal everything that lasts under the present master key",
		Long: "Seals anew, under USHER_MASTER_KEY, what is sealed under a key of USHER_MASTER_KEY_PREVIOUS. Servers\n" +
			"that know both keys may run meanwhile. It can be interrupted at any moment, and run again.\n\n" +
			"Exit codes: 4 when there are values that no configured key opens; they stay as they are.",
		Example: "  USHER_MASTER_KEY_FILE=new.key USHER_MASTER_KEY_PREVIOUS_FILE=old.key usher master-key rotate",
		Args:    noArguments,
		RunE: func(c *cobra.Command, _ []string) error {
			return p.withTenant(c.Context(), "", func(t commandTenant) error {
				show, clearBar := bar(p.stderr, "master key", time.Now)
				defer clearBar()
				done, err := t.provisioning.RotateMasterKey(c.Context(), t.tenant, show, byCommand)
				clearBar()
				if err != nil {
					if done.Resealed > 0 {
						err = fmt.Errorf("%s sealed anew; run it again for the others: %w", counted(int(done.Resealed), "value is", "values are"), err)
					}
					return err
				}
				keys, err := t.provisioning.MasterKeys(c.Context(), true)
				if err != nil {
					return err
				}
				return errors.Join(printRotation(p.stdout, done, keys), leftClosed(done))
			})
		},
	}
}

// printRotation says what was done, and when the old master key may go.
func printRotation(w io.Writer, done provisioning.Resealing, keys []provisioning.MasterKeyUse) error {
	next := "No other master key is needed any more."
	for _, k := range keys {
		switch {
		case k.Present:
		case k.Lasting > 0:
			next = "Other values have yet to be sealed anew: “usher master-key status”."
		case k.Passing > 0:
			next = fmt.Sprintf("%s go by themselves within a day: keep the old master key until “usher master-key status” ends with 0.",
				counted(int(k.Passing), "value has to", "values have to"))
		}
	}
	_, err := fmt.Fprintf(w, "%s sealed anew under the master key %s.\n%s\n", counted(int(done.Resealed), "value is", "values are"), keys[0].ID, next)
	return err
}

// leftClosed is an error when values could not be opened.
func leftClosed(done provisioning.Resealing) error {
	if done.Closed == 0 {
		return nil
	}
	return &exitError{exitCheckFailed, fmt.Errorf("%s not opened by any configured master key: the log has the rows", counted(int(done.Closed), "value is", "values are"))}
}

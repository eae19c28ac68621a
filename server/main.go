// Command usher signs people of partner sites in by signed links.
//
//	main → run → a command of newRoot → loadConfig → wire → serve
//
// This is the only package that reads the environment and builds things; all
// others are handed what they need.
package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/spf13/cobra"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second signal ends the program at once
	code := run(ctx, os.Args[1:], os.Environ(), os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}

// The exit codes, for scripts.
const (
	exitOK          = 0
	exitFailed      = 1
	exitUsage       = 2
	exitNotFound    = 3
	exitCheckFailed = 4
)

const exitCodesHelp = `Exit codes:
  0  done
  1  failed
  2  wrong usage: an unknown command, flag or argument
  3  what was asked for does not exist
  4  a check found a fault
`

// exitError gives an error its exit code; any other error means exitFailed.
type exitError struct {
	code int
	err  error
}

func (e *exitError) Error() string { return e.err.Error() }
func (e *exitError) Unwrap() error { return e.err }

// program is what commands may use of the world outside.
type program struct {
	environ []string // as os.Environ gives it
	stdout  io.Writer
	stderr  io.Writer
}

// run carries out one command line and returns the exit code. An error is
// printed once, to stderr; data goes to stdout.
func run(ctx context.Context, args, environ []string, stdout, stderr io.Writer) int {
	root := newRoot(program{environ: environ, stdout: stdout, stderr: stderr})
	root.SetArgs(args)
	// An unknown command stays one with --help behind it.
	var unknown error
	help := root.HelpFunc()
	root.SetHelpFunc(func(c *cobra.Command, args []string) {
		if c.HasSubCommands() {
			unknown = unknownCommand(c, c.Flags().Args())
		}
		if unknown == nil {
			help(c, args)
		}
	})
	err := cmp.Or(root.ExecuteContext(ctx), unknown)
	if err == nil {
		return exitOK
	}
	fmt.Fprintf(stderr, "usher: %v\n", err)
	if exit, ok := errors.AsType[*exitError](err); ok {
		return exit.code
	}
	return exitFailed
}

// newRoot builds the tree of commands.
func newRoot(p program) *cobra.Command {
	root := &cobra.Command{
		Use:   "usher",
		Short: "Signs people of partner sites in by signed links",
		Long: "Usher signs people of partner sites in by signed links.\n\n" +
			"Without a command it serves. Settings come from the environment: see “usher help environment”.\n\n" + exitCodesHelp,
		Example:       "  usher serve\n  usher help environment",
		SilenceUsage:  true,
		SilenceErrors: true,
		Args:          unknownCommand,
		RunE:          p.runServe,
	}
	root.SetOut(p.stdout)
	root.SetErr(p.stderr)
	root.SetFlagErrorFunc(func(c *cobra.Command, err error) error {
		return usageError(c, err)
	})
	root.AddCommand(
		newServe(p),
		newDemo(p),
		newIntegration(p),
		newAdmin(p),
		newAPIKey(p),
		newSCIM(p),
		newTenant(p),
		newUser(p),
		newResource(p),
		newClient(p),
		newOrganization(p),
		newAPIConnection(p),
		newWebhook(p),
		newIdentityScope(p),
		newClaim(p),
		newSigningKey(p),
		newJWT(p),
		newAudit(p),
		newSign(p),
		newLog(p),
		newExamine(p),
		newMigrate(p),
		newMasterKey(p),
		newBackup(p),
		newRestore(p),
		newExport(p),
		newImport(p),
		newDoctor(p),
		newCheck(p),
		newVersion(p),
		newHealthcheck(p),
		&cobra.Command{
			Use:   "environment",
			Short: "The settings, which all come from the environment",
			Long: "Usher is configured by environment variables. An empty variable is the same as an unset one.\n" +
				"NAME_FILE holds the path of a file with the value instead of the value.\n\n" + environmentHelp(),
		},
	)
	return root
}

// unknownCommand refuses what stands where a command is expected.
func unknownCommand(c *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	text := fmt.Sprintf("unknown command %q", args[0])
	if c.SuggestionsMinimumDistance <= 0 {
		c.SuggestionsMinimumDistance = 2
	}
	if near := c.SuggestionsFor(args[0]); len(near) > 0 {
		text += ": did you mean " + strings.Join(near, " or ") + "?"
	}
	return usageError(c, errors.New(text))
}

// noArguments is the Args of a command that takes flags alone.
func noArguments(c *cobra.Command, args []string) error {
	if err := cobra.NoArgs(c, args); err != nil {
		return usageError(c, fmt.Errorf("%s takes no arguments, got %q", c.CommandPath(), args[0]))
	}
	return nil
}

// usageError makes a command line's fault end with exitUsage and the hint
// where to read on.
func usageError(c *cobra.Command, err error) error {
	return &exitError{exitUsage, fmt.Errorf("%w\nSee “%s --help”", err, c.CommandPath())}
}

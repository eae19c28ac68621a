package main

import "github.com/spf13/cobra"

// hostUsage is the usage of --host.
const hostUsage = "a host of the tenant meant (default: the tenant without hosts)"

// family makes c a command that does nothing itself and has others below it, all
// about one tenant. It returns the value of their flag --host.
func family(c *cobra.Command) *string {
	c.Args = unknownCommand
	c.RunE = func(c *cobra.Command, _ []string) error { return c.Help() }
	return c.PersistentFlags().String("host", "", hostUsage)
}

// changed is the value of a flag that the command line has, or nil.
func changed[T any](c *cobra.Command, flag string, value *T) *T {
	if !c.Flags().Changed(flag) {
		return nil
	}
	return value
}

package main

import (
	"fmt"
	"runtime/debug"
	"strings"

	"github.com/spf13/cobra"
)

func newVersion(p program) *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "Print the version, its revision and the Go release it is built with",
		Args:  noArguments,
		RunE: func(*cobra.Command, []string) error {
			info, _ := debug.ReadBuildInfo()
			_, err := fmt.Fprintln(p.stdout, versionLine(info))
			return err
		},
	}
}

// versionLine makes of the build information (nil = none) a line such as
// "usher v1.2.3 (0123456789ab, modified) go1.26.0".
func versionLine(info *debug.BuildInfo) string {
	if info == nil {
		return "usher, of an unknown build"
	}
	version := info.Main.Version
	if version == "" {
		version = "(devel)"
	}
	var details []string
	for _, s := range info.Settings {
		switch {
		case s.Key == "vcs.revision":
			details = append(details, s.Value[:min(len(s.Value), 12)])
		case s.Key == "vcs.modified" && s.Value == "true":
			details = append(details, "modified")
		}
	}
	if len(details) > 0 {
		version += " (" + strings.Join(details, ", ") + ")"
	}
	return "usher " + version + " " + info.GoVersion
}

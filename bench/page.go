package main

import (
	"fmt"
	"os"
	"strings"
)

// intoPage puts a text between two marks of a Markdown page, in the place of
// what is there:
//
//	<!-- bench: begin -->
//	<!-- bench: end -->
func intoPage(path, mark, text string) error {
	page, err := os.ReadFile(path) //nolint:gosec // named on the command line
	if err != nil {
		return err
	}
	begin, end := "<!-- "+mark+": begin -->\n", "<!-- "+mark+": end -->"
	before, rest, ok := strings.Cut(string(page), begin)
	_, after, also := strings.Cut(rest, end)
	if !ok || !also {
		return fmt.Errorf("%s has no place for it: %q and %q", path, strings.TrimSpace(begin), end)
	}
	return os.WriteFile(path, []byte(before+begin+"\n"+strings.TrimSpace(text)+"\n\n"+end+after), 0o644) //nolint:gosec // a page
}

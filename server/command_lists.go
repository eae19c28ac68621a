package main

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
)

// printList prints a list: as JSON, one object a line, or as a table for people.
// head are the names of its columns, with tabs between, and row their cells.
func printList[T any](w io.Writer, list []T, asJSON bool, object func(T) any, head string, row func(T) []any) error {
	if asJSON {
		encoder := json.NewEncoder(w)
		for _, one := range list {
			if err := encoder.Encode(object(one)); err != nil {
				return err
			}
		}
		return nil
	}
	table := newTable(w)
	fmt.Fprintln(table, head)
	line := strings.Repeat("\t%v", strings.Count(head, "\t")+1)[1:] + "\n"
	for _, one := range list {
		fmt.Fprintf(table, line, row(one)...)
	}
	return table.Flush()
}

// newTable writes lines whose cells, divided by tabs, stand in columns. It writes
// when it is flushed.
func newTable(w io.Writer) *tabwriter.Writer { return tabwriter.NewWriter(w, 0, 4, 2, ' ', 0) }

// tellMore says how to get the next page, where there is one.
func (p program) tellMore(next string) {
	if next != "" {
		fmt.Fprintf(p.stderr, "There are more: --after %q\n", next)
	}
}

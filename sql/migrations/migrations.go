// Package migrations carries the schema of both databases as numbered files.
// They only ever go forward, the same number means the same step in both, and
// each one leaves the previous version of the program working.
package migrations

import (
	"embed"
	"io/fs"
)

//go:embed postgres/*.sql sqlite/*.sql
var files embed.FS

// Postgres returns the steps for PostgreSQL 13 and later.
func Postgres() (fs.FS, error) { return fs.Sub(files, "postgres") }

// SQLite returns the steps for the embedded default.
func SQLite() (fs.FS, error) { return fs.Sub(files, "sqlite") }

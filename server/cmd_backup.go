package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"usher/provisioning"
	"usher/sql/store"
)

func newBackup(p program) *cobra.Command {
	return &cobra.Command{
		Use:   "backup FILE",
		Short: "Write everything durable into one file, while the server runs",
		Long: "Writes what the database holds at one moment into FILE, which must not be there yet; “-” is\n" +
			"standard output. The server goes on meanwhile. “usher restore” loads it into an empty database of\n" +
			"either kind.\n\n" +
			"The file holds personal data. Secrets in it are sealed under the master key, which is not in it:\n" +
			"keep that apart. Sessions are not in it either.",
		Example: "  usher backup usher-2026-11-22.backup\n  usher backup - | age -r age1… >usher.backup.age",
		Args:    oneFile,
		RunE: func(c *cobra.Command, args []string) error {
			return p.backup(c.Context(), args[0])
		},
	}
}

// oneFile is the Args of a command that takes the name of a file.
func oneFile(c *cobra.Command, args []string) error {
	if len(args) != 1 || args[0] == "" {
		return usageError(c, fmt.Errorf("%s takes the name of one file", c.CommandPath()))
	}
	return nil
}

// storeToBackUp opens the database that is configured, and makes none.
func storeToBackUp(cfg Config) (*store.Store, error) {
	if cfg.DatabaseURL != "" {
		return store.OpenPostgres(cfg.longURL(), time.Now, store.Options{Connections: 1})
	}
	path := filepath.Join(cfg.DataDir, databaseFile)
	if !exists(path) {
		return nil, &exitError{exitNotFound, fmt.Errorf("there is no %s", path)}
	}
	return store.ReadSQLite(path, time.Now)
}

func (p program) backup(ctx context.Context, path string) (err error) {
	cfg, err := loadConfig(p.environ)
	if err != nil {
		return err
	}
	s, err := storeToBackUp(cfg)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	write := func(w io.Writer) (store.BackupSummary, error) {
		show, clearBar := bar(p.stderr, "backup", time.Now)
		defer clearBar()
		return s.Backup(ctx, w, show)
	}
	var sum store.BackupSummary
	if path == "-" {
		if sum, err = write(p.stdout); err == nil {
			fmt.Fprintf(p.stderr, "%s\n", backupLine(sum))
		}
		return err
	}
	if err := newFile(path, func(w io.Writer) error {
		sum, err = write(w)
		return err
	}); err != nil {
		return err
	}
	_, err = fmt.Fprintf(p.stdout, "%s: %s\n", path, backupLine(sum))
	return err
}

// backupLine says what a backup holds.
func backupLine(sum store.BackupSummary) string {
	keys := "none is needed"
	if ids := provisioning.MasterKeyIDs(sum.Heads); len(ids) > 0 {
		keys = strings.Join(ids, ", ")
	}
	return fmt.Sprintf("%d rows of %d tables, as of %s, schema %d, SHA-256 %s; master key %s",
		sum.Rows(), len(sum.Tables), sum.At.Format(time.RFC3339), sum.Schema, sum.SHA256, keys)
}

// newFile makes a file that only its owner reads. It appears under its name when
// all of it is on disk, or not at all; one that is there already stays.
func newFile(path string, write func(w io.Writer) error) (err error) {
	if exists(path) {
		return fmt.Errorf("%s is there already", path)
	}
	fresh, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".*") // mode 0600
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.Remove(fresh.Name())) }()
	if err := errors.Join(write(fresh), fresh.Sync(), fresh.Close()); err != nil {
		return err
	}
	if err := os.Link(fresh.Name(), path); errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("%s is there already", path)
	} else if err != nil {
		return err
	}
	return nil
}

package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"usher/provisioning"
	"usher/sessions/tokens"
	"usher/sql/store"
)

func newRestore(p program) *cobra.Command {
	var check bool
	c := &cobra.Command{
		Use:   "restore FILE",
		Short: "Load a backup into an empty database, of either kind",
		Long: "Loads what “usher backup” has written into the database that is configured, which must have no\n" +
			"tables or no rows. A backup of SQLite can be loaded into Postgres and the other way round. FILE is\n" +
			"read once before anything is written, so it cannot be a pipe; all rows come at once, or none. No\n" +
			"server may run on the database meanwhile.\n\n" +
			"The master key of the installation that made the backup must be configured: “--check” prints its id, and\n" +
			"“usher master-key status” those of the keys that are configured. People sign in again.\n\n" +
			"Exit codes: 4 when FILE is no whole backup, or the master key does not open what is in it.",
		Example: "  usher restore --check usher.backup\n" +
			"  DATABASE_URL=postgres://… USHER_MASTER_KEY_FILE=master.key usher restore usher.backup",
		Args: oneFile,
		RunE: func(c *cobra.Command, args []string) error {
			return p.restore(c.Context(), args[0], check)
		},
	}
	c.Flags().BoolVar(&check, "check", false, "read the file and say what it holds; no database is asked")
	return c
}

func (p program) restore(ctx context.Context, path string, check bool) (err error) {
	file, err := openBackup(path)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	show, clearBar := bar(p.stderr, "restore", time.Now)
	defer clearBar()
	if check {
		sum, err := store.CheckBackup(file, show)
		if err != nil {
			return restoreFault(path, err)
		}
		clearBar()
		_, err = fmt.Fprintf(p.stdout, "%s is whole: %s\n", path, backupLine(sum))
		return err
	}
	cfg, err := loadConfig(p.environ)
	if err != nil {
		return err
	}
	sealer, err := readSealer(cfg)
	if err != nil {
		return fmt.Errorf("the master key of the installation that made the backup is needed: %w", err)
	}
	s, err := storeToRestore(cfg)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	sum, err := s.Restore(ctx, file, show)
	if err != nil {
		return restoreFault(path, err)
	}
	clearBar()
	if _, err := fmt.Fprintf(p.stdout, "%s is restored: %s\n", path, backupLine(sum)); err != nil {
		return err
	}
	quiet := slog.New(slog.DiscardHandler)
	if err := errors.Join(
		provisioning.New(s, sealer, nil, time.Now, quiet).CheckMasterKey(ctx),
		tokens.New(s, sealer, time.Now, quiet).CheckMasterKey(ctx),
	); err != nil {
		return &exitError{exitCheckFailed, fmt.Errorf(
			"the master key that is configured does not open what was restored: configure the one of the installation that made the backup: %w", err)}
	}
	return nil
}

// openBackup opens what is read from its beginning twice.
func openBackup(path string) (*os.File, error) {
	info, err := os.Stat(path)
	switch {
	case path == "-" || err == nil && !info.Mode().IsRegular():
		return nil, fmt.Errorf("%s is no file that can be read twice, as a backup is: write it into a file first", path)
	case errors.Is(err, fs.ErrNotExist):
		return nil, &exitError{exitNotFound, err}
	case err != nil:
		return nil, err
	}
	return os.Open(path) //nolint:gosec // the operator's own argument
}

// storeToRestore opens the database that is configured, and makes the embedded one
// when it is not there.
func storeToRestore(cfg Config) (*store.Store, error) {
	if cfg.DatabaseURL != "" {
		return store.OpenPostgres(cfg.longURL(), time.Now, store.Options{Connections: 2})
	}
	if err := os.MkdirAll(cfg.DataDir, 0o700); err != nil {
		return nil, fmt.Errorf("USHER_DATA_DIR: %w", err)
	}
	return openSQLite(filepath.Join(cfg.DataDir, databaseFile))
}

func restoreFault(path string, err error) error {
	err = fmt.Errorf("%s: nothing was restored: %w", path, err)
	if errors.Is(err, store.ErrBadBackup) || errors.Is(err, store.ErrNewerBackup) {
		return &exitError{exitCheckFailed, err}
	}
	return err
}

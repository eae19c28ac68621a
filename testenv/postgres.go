package testenv

import (
	"context"
	"crypto/rand"
	"database/sql"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/lib/pq"
)

// letGo is how long dropping a schema may wait for the test's own connections to
// let go of it, and dropLimit how long it may take altogether: on a busy machine a
// schema of many tables takes seconds.
const (
	letGo     = "10s"
	dropLimit = time.Minute
)

// PostgresDSN creates an empty schema with a random name and returns a DSN
// whose connections work in it and see no other. The schema is dropped when
// the test ends; that fails the test when a transaction is still open then.
// Without a Postgres the test fails.
func PostgresDSN(t testing.TB) string {
	t.Helper()
	base := postgres.must(t)
	schema := "test_" + strings.ToLower(rand.Text())
	dsn, err := withSearchPath(base, schema)
	if err != nil {
		t.Fatalf("DATABASE_URL: %v", err)
	}
	if err := execute(t.Context(), base, "CREATE SCHEMA "+pq.QuoteIdentifier(schema)); err != nil {
		t.Fatalf("creating a schema: %v", err)
	}
	t.Cleanup(func() {
		// The test's own context has ended by now.
		ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), dropLimit)
		defer cancel()
		if err := execute(ctx, base, "SET lock_timeout = '"+letGo+"'; DROP SCHEMA "+pq.QuoteIdentifier(schema)+" CASCADE"); err != nil {
			t.Errorf("dropping schema %s: %v", schema, err)
		}
	})
	return dsn
}

// notURL does not repeat the text, which may hold a password.
type notURL struct{}

func (notURL) Error() string {
	return "want a URL of the form postgres://user:password@host:port/database"
}

func withSearchPath(base, schema string) (string, error) {
	address, err := url.Parse(base)
	if err != nil || (address.Scheme != "postgres" && address.Scheme != "postgresql") {
		return "", notURL{}
	}
	query := address.Query()
	query.Set("search_path", schema)
	address.RawQuery = query.Encode()
	return address.String(), nil
}

func execute(ctx context.Context, dsn, statement string) (err error) {
	db, err := sql.Open("postgres", dsn)
	if err != nil {
		return err
	}
	defer func() {
		if closeErr := db.Close(); err == nil {
			err = closeErr
		}
	}()
	_, err = db.ExecContext(ctx, statement)
	return err
}

package testenv

import (
	"context"
	"crypto/rand"
	"fmt"
	"net"
	"net/url"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/lib/pq"
)

// UsesPooler reports whether all tests of the store on PostgreSQL go through a pooler
// that lends connections for one transaction: USHER_TEST_POOLER=transaction.
func UsesPooler() bool { return os.Getenv("USHER_TEST_POOLER") == "transaction" }

// PooledDSN creates an empty database with a random name, and a PgBouncer before it
// that lends one of very few connections for one transaction. It returns the DSN of
// the pooler and that of the database itself. Both are gone when the test ends.
// Without a Postgres or a PgBouncer the test fails.
func PooledDSN(t testing.TB) (pooled, direct string) {
	t.Helper()
	program := pgbouncer.must(t)
	base, err := url.Parse(postgres.must(t))
	if err != nil {
		t.Fatalf("DATABASE_URL: %v", notURL{})
	}
	name := "test_" + strings.ToLower(rand.Text())
	if err := execute(t.Context(), base.String(), "CREATE DATABASE "+pq.QuoteIdentifier(name)); err != nil {
		t.Fatalf("creating a database: %v", err)
	}
	t.Cleanup(func() {
		// It writes everything to disk first.
		ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), dropLimit)
		defer cancel()
		if err := execute(ctx, base.String(), "DROP DATABASE "+pq.QuoteIdentifier(name)+" WITH (FORCE)"); err != nil {
			t.Errorf("dropping database %s: %v", name, err)
		}
	})
	own := *base
	own.Path = "/" + name
	for _, setting := range []string{
		// As docs/scaling.md has it: a pooler passes on no settings of ours.
		"statement_timeout = '5s'", "lock_timeout = '2s'", "idle_in_transaction_session_timeout = '10s'",
		"synchronous_commit = on", // servers that are there for tests may have it off
	} {
		if err := execute(t.Context(), base.String(), "ALTER DATABASE "+pq.QuoteIdentifier(name)+" SET "+setting); err != nil {
			t.Fatalf("%s: %v", setting, err)
		}
	}
	address := newPooler(t, program, &own)
	through := own
	through.Host, through.RawQuery = address, "sslmode=disable"
	return through.String(), own.String()
}

// PoolerConnections is how many connections a pooler of PooledDSN has to lend.
const PoolerConnections = 3

// newPooler starts a PgBouncer before a database and returns where it listens.
func newPooler(t testing.TB, program string, database *url.URL) (address string) {
	t.Helper()
	owner := poolerOwner(t)
	folder, err := os.MkdirTemp("/tmp", "usher-pooler-") // where its user gets through
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(folder) })
	port := FreePort(t)
	as := "user=" + database.User.Username()
	if password, ok := database.User.Password(); ok {
		as += " password='" + strings.ReplaceAll(password, "'", "''") + "'"
	}
	settings := fmt.Sprintf(`[databases]
* = host=%s port=%s %s
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = %d
unix_socket_dir =
auth_type = any
pool_mode = transaction
default_pool_size = %d
max_client_conn = 200
logfile = %s
server_tls_sslmode = prefer
`, database.Hostname(), portOf(database), as, port, PoolerConnections, filepath.Join(folder, "log"))
	file := filepath.Join(folder, "pgbouncer.ini")
	if err := os.WriteFile(file, []byte(settings), 0o600); err != nil {
		t.Fatal(err)
	}
	if owner != nil {
		for _, path := range []string{folder, file} {
			if err := os.Chown(path, int(owner.Uid), int(owner.Gid)); err != nil {
				t.Fatal(err)
			}
		}
	}
	cmd := exec.Command(program, file)
	dieWithTest(cmd)
	if owner != nil {
		if cmd.SysProcAttr == nil {
			cmd.SysProcAttr = &syscall.SysProcAttr{}
		}
		cmd.SysProcAttr.Credential = owner
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() {
		_ = cmd.Wait()
		close(ended)
	}()
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		<-ended
	})
	address = net.JoinHostPort("127.0.0.1", strconv.Itoa(port))
	through := *database
	through.Host, through.RawQuery = address, "sslmode=disable"
	awaitRedis(t, "a PgBouncer that answers", func() error {
		select {
		case <-ended:
			words, _ := os.ReadFile(filepath.Join(folder, "log"))
			t.Fatalf("got the end of PgBouncer, want it to run:\n%s", words)
		default:
		}
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		return execute(ctx, through.String(), "SELECT 1")
	})
	return address
}

// poolerOwner is who runs PgBouncer, which refuses to run as root; nil is ourselves.
func poolerOwner(t testing.TB) *syscall.Credential {
	t.Helper()
	if os.Geteuid() != 0 {
		return nil
	}
	account, err := user.Lookup("nobody")
	if err != nil {
		t.Fatal(err)
	}
	uid, uidErr := strconv.ParseUint(account.Uid, 10, 32)
	gid, gidErr := strconv.ParseUint(account.Gid, 10, 32)
	if uidErr != nil || gidErr != nil {
		t.Fatalf("got the user nobody with ids %q and %q, want numbers", account.Uid, account.Gid)
	}
	return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
}

func portOf(u *url.URL) string {
	if port := u.Port(); port != "" {
		return port
	}
	return "5432"
}

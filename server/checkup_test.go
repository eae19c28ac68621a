package main

import (
	"database/sql"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"usher/provisioning"
	"usher/sql/store"
)

// database opens the database of a world, past the program.
func (w world) open(t *testing.T) *sql.DB {
	t.Helper()
	driver, address := "postgres", w.database
	if w.database == "" {
		driver, address = "sqlite", "file:"+filepath.Join(w.folder(), databaseFile)+"?_pragma=busy_timeout(5000)&_time_format=sqlite&_timezone=UTC"
	}
	db, err := sql.Open(driver, address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	return db
}

func (w world) exec(t *testing.T, statement string, args ...any) {
	t.Helper()
	db := w.open(t)
	if _, err := db.ExecContext(t.Context(), statement, args...); err != nil {
		t.Fatalf("%s: %v", statement, err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
}

// folder is the data folder of an embedded world.
func (w world) folder() string { return strings.TrimPrefix(w.environ[0], "USHER_DATA_DIR=") }

// closeFolder gives the data folder the rights that it is made with.
func closeFolder(t *testing.T, w world) {
	t.Helper()
	if err := os.Chmod(w.folder(), 0o700); err != nil { //nolint:gosec // a folder has to be entered
		t.Fatal(err)
	}
}

// contents are the files of a folder, by name.
func contents(t *testing.T, folder string) map[string]string {
	t.Helper()
	files := map[string]string{}
	entries, err := os.ReadDir(folder)
	if err != nil {
		t.Fatal(err)
	}
	for _, entry := range entries {
		text, err := os.ReadFile(filepath.Join(folder, entry.Name()))
		if err != nil {
			t.Fatal(err)
		}
		files[entry.Name()] = string(text)
	}
	return files
}

// allIsWell is what a check-up says of an installation in use.
func allIsWell(t *testing.T, w world) {
	t.Helper()
	r := checkup(t, w, exitOK)
	r.wants(t, "configuration", sound)
	r.wants(t, "public url", sound, "http://localhost")
	r.wants(t, "proxies", sound)
	r.wants(t, "database", sound)
	r.wants(t, "schema", sound, "up to date")
	r.wants(t, "master key", sound, "2 secrets")
	r.wants(t, "signing keys", sound, "ES256 signs since")
	r.wants(t, "admin", sound, "1 tenant has an owner")
	r.wants(t, "integrations", sound, "1 integration,")
	r.wants(t, "jobs", sound)
	r.wants(t, "sign-in log", sound)
	if w.database == "" {
		r.wants(t, "data folder", sound, w.folder())
		r.wants(t, "database", sound, "SQLite 3.")
		r.wants(t, "sessions", sound, "in the database")
	} else {
		r.wants(t, "database", sound, "PostgreSQL 1", "connections")
		r.wants(t, "sessions", sound, "Redis ")
	}
}

// TestCheckup looks an installation over before its first start, while it runs
// and after its end, and finds it as it was.
func TestCheckup(t *testing.T) {
	eachWorld(t, func(t *testing.T, w world) {
		if w.database == "" {
			closeFolder(t, w)
		}
		r := checkup(t, w, exitOK)
		if w.database == "" {
			r.wants(t, "database", sound, "first start makes it")
			r.wants(t, "master key", unseen, "there is no database yet")
			if files := contents(t, w.folder()); len(files) > 0 {
				t.Errorf("got %d files made by looking, want none", len(files))
			}
		} else {
			r.wants(t, "schema", doubtful, "no tables yet", "usher migrate")
			r.wants(t, "master key", unseen)
		}

		i := launch(t, w)
		checkup(t, w, exitOK).wants(t, "admin", doubtful, "nobody owns it, and 1 setup link is good still")
		lumen := i.install(t, nil)
		i.owner(t)
		cookie := i.signIn(t, link(lumen.token(person("anna"))))
		command(t, w, exitOK, "signing-key", "rotate", "--now", "--yes")
		allIsWell(t, w)
		if !i.alive(t, cookie) {
			t.Error("got a session ended by a check-up")
		}
		i.stop()
		i.exited()

		if w.database != "" {
			allIsWell(t, w)
			return
		}
		before := contents(t, w.folder())
		allIsWell(t, w)
		after := contents(t, w.folder())
		for _, name := range []string{databaseFile, masterKeyFile} {
			if before[name] != after[name] {
				t.Errorf("got another %s after a check-up, want it as it was", name)
			}
		}
	})
}

// TestCheckupForPeople: a line for each check, and what to do under it.
func TestCheckupForPeople(t *testing.T) {
	t.Parallel()
	w := embeddedWorld(t)
	closeFolder(t, w)
	stdout, _ := command(t, w, exitOK, "doctor")
	if !strings.HasPrefix(stdout, "ok    configuration  ") || !strings.HasSuffix(stdout, "\n6 ok, 0 warnings, 0 failures\n") {
		t.Errorf("got\n%s\nwant a line for each check, and how many", stdout)
	}
	w.environ = append(w.environ, "REDIS_URL=redis://"+closedPort(t))
	stdout, stderr := command(t, w, exitFailed, "doctor")
	if !strings.Contains(stdout, "\nfail  sessions       Redis does not answer: ") || !strings.Contains(stdout, "\n                     → Look whether it runs") ||
		!strings.Contains(stderr, "the doctor found 1 failure") {
		t.Errorf("got\n%s\n%s\nwant the failure, what to do, and the end", stdout, stderr)
	}
	command(t, w, exitUsage, "doctor", "now")
	command(t, w, exitUsage, "doctor", "--yaml")
	for _, args := range [][]string{{"doctor"}, {"doctor", "--json"}} {
		if code := run(t.Context(), args, w.environ, brokenPipe{}, io.Discard); code != exitUsage {
			t.Errorf("%q: got exit code %d when nothing can be written, want %d", args, code, exitUsage)
		}
	}
}

// brokenPipe takes nothing.
type brokenPipe struct{}

func (brokenPipe) Write([]byte) (int, error) { return 0, errors.New("broken pipe") }

// TestCheckupOfConfiguration: every fault has its line, as at a start.
func TestCheckupOfConfiguration(t *testing.T) {
	t.Parallel()
	r := checkup(t, embeddedWorld(t), exitFailed, "USHER_LISTEN=x", "USHER_PUBLIC_URL=http://sso.example.com", "USHER_SESSION_KEY=1")
	r.wants(t, "configuration", failing, "USHER_LISTEN", "127.0.0.1:8080")
	r.wants(t, "configuration", failing, "USHER_PUBLIC_URL")
	r.wants(t, "configuration", failing, "USHER_SESSION_KEY", "no such setting")
	r.wants(t, "the rest", unseen)
	if len(r.Findings) != 4 || r.Verdict != failing {
		t.Errorf("got %s\n%s, want a line for each fault", r.Verdict, r)
	}
}

// TestCheckupWithoutStores: what is down or silent fails in bounded time, and the
// rest is looked at.
func TestCheckupWithoutStores(t *testing.T) {
	t.Parallel()
	key := "USHER_MASTER_KEY=" + strings.Repeat("0123456789abcdef", 4)
	for name, port := range map[string]func(*testing.T) string{"closed": closedPort, "silent": silentPort} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			began := time.Now()
			redis := fakeRedis(t, goodInfo, 0)
			r := checkup(t, embeddedWorld(t), exitFailed, key, "DATABASE_URL=postgres://u:p@"+port(t)+"/x", "REDIS_URL=redis://"+redis)
			r.wants(t, "database", failing, "does not answer")
			r.wants(t, "schema", unseen)
			r.wants(t, "master key", unseen, "the database does not answer")
			r.wants(t, "sessions", sound, "Redis 7.2.4 answers")
			r.wants(t, "public url", sound)

			w := embeddedWorld(t)
			command(t, w, exitOK, "migrate")
			r = checkup(t, w, exitFailed, "REDIS_URL=redis://"+port(t))
			r.wants(t, "sessions", failing, "Redis does not answer")
			r.wants(t, "database", sound)
			r.wants(t, "master key", sound)
			if took := time.Since(began); took > 2*checkTime+patience {
				t.Errorf("got the findings after %v, want them soon", took)
			}
		})
	}
}

// TestCheckupMasterKey finds that data was made under another master key, or that
// the key is gone.
func TestCheckupMasterKey(t *testing.T) {
	eachWorld(t, func(t *testing.T, w world) {
		i := launch(t, w)
		i.install(t, nil)
		command(t, w, exitOK, "signing-key", "rotate")
		i.stop()
		i.exited()
		if w.database != "" {
			w.environ = []string{w.environ[0], w.environ[1], "USHER_MASTER_KEY=" + provisioning.NewMasterKey()}
			checkup(t, w, exitFailed).wants(t, "master key", failing, "3 of 3 secrets are sealed under another master key", "Start with the master key")
			return
		}
		path := filepath.Join(w.folder(), masterKeyFile)
		if err := os.Remove(path); err != nil {
			t.Fatal(err)
		}
		checkup(t, w, exitFailed).wants(t, "master key", failing, "there is no "+path, "3 secrets are sealed under one")
		if _, err := os.Stat(path); !os.IsNotExist(err) {
			t.Error("got a master key made by looking")
		}
		if err := os.WriteFile(path, []byte("no key at all"), 0o600); err != nil {
			t.Fatal(err)
		}
		checkup(t, w, exitFailed).wants(t, "master key", failing, path)
	})
}

// TestCheckupOfSchema: steps that are missing, and those of a newer program.
func TestCheckupOfSchema(t *testing.T) {
	eachWorld(t, func(t *testing.T, w world) {
		command(t, w, exitOK, "migrate")
		db := w.open(t)
		var newest int
		if err := db.QueryRowContext(t.Context(), `SELECT max(version_id) FROM goose_db_version`).Scan(&newest); err != nil {
			t.Fatal(err)
		}
		w.exec(t, `DELETE FROM goose_db_version WHERE version_id = $1`, newest)
		r := checkup(t, w, exitOK)
		r.wants(t, "schema", doubtful, "1 step is missing", "usher migrate")
		r.wants(t, "integrations", unseen, "the schema is not up to date")
		w.exec(t, `INSERT INTO goose_db_version (version_id, is_applied) VALUES ($1, true)`, newest)
		w.exec(t, `INSERT INTO goose_db_version (version_id, is_applied) VALUES ($1, true)`, newest+1)
		r = checkup(t, w, exitOK)
		r.wants(t, "schema", doubtful, "a newer version")
		r.wants(t, "integrations", sound, "none is installed")
	})
}

// TestCheckupOfTenants names the tenant that a finding is about, and whatever
// waits, is old or wants attention.
func TestCheckupOfTenants(t *testing.T) {
	eachWorld(t, func(t *testing.T, w world) {
		i := launch(t, w)
		i.install(t, fields{"name": "Lumen"})
		i.owner(t)
		command(t, w, exitOK, "tenant", "add", "--name", "Acme", "--tenant-host", "acme.example.net", "--confirm", "Default")
		command(t, w, exitOK, "integration", "install", "--name", "Other", "--host", "acme.example.net")
		command(t, w, exitOK, "signing-key", "rotate", "--now", "--yes", "--host", "acme.example.net")
		i.stop()
		i.exited()
		tenant := `(SELECT tenant_id FROM tenant_hosts WHERE host = 'acme.example.net')`
		w.exec(t, `UPDATE integration_keys SET retires_at = created_at WHERE tenant_id = `+tenant)
		w.exec(t, `UPDATE signing_keys SET active_at = $1 WHERE tenant_id = `+tenant, time.Now().Add(-100*24*time.Hour).UTC())
		id, err := store.NewID()
		if err != nil {
			t.Fatal(err)
		}
		old := time.Now().Add(-time.Hour).UTC()
		w.exec(t, `INSERT INTO jobs (tenant_id, id, kind, state, parameters, total, done, cursor, result, error, actor, actor_name, reference, created_at)
 VALUES (`+tenant+`, $1, 'export', 'queued', '{}', 0, 0, '', '{}', '', 'test', '', '', $2)`, id, old)
		r := checkup(t, w, exitOK)
		const name = "tenant \"Acme\": "
		r.wants(t, "admin", doubtful, name, "nobody owns it")
		r.wants(t, "integrations", doubtful, name, "Other", "Every key is retired")
		r.wants(t, "signing keys", doubtful, name, "ES256 signs with a key of 100 days")
		r.wants(t, "jobs", doubtful, name, "1 job waits", old.Format("2006-01-02T15:04"))
		if text := r.String(); strings.Contains(text, "Lumen") || strings.Contains(text, "Default") {
			t.Errorf("got\n%s\nwant findings of the other tenant alone", text)
		}
	})
}

//go:build linux

package faults

import (
	"context"
	"database/sql"
	"fmt"
	"syscall"
	"testing"
	"time"
)

// hungPostgres is when a statement that is never answered is given up: 6 s, and 2
// for asking the server to cancel it.
const hungPostgres = 8 * time.Second

var postgresFaults = []row{
	{
		name: "Postgres refuses connections", begin: wired(postgresProxy, wire{refuse: true}),
		signIn: only503, session: only503, verify: passes, within: 3 * time.Second, notReady: true, recovers: 5 * time.Second,
	},
	{
		name: "Postgres takes statements and never answers", begin: wired(postgresProxy, wire{silence: true}),
		signIn: only503, session: only503, verify: passes, within: hungPostgres, notReady: true, recovers: 10 * time.Second,
	},
	{
		name: "Postgres answers after 10 s", begin: wired(postgresProxy, wire{delay: 10 * time.Second}),
		signIn: only503, session: only503, verify: passes, within: hungPostgres, notReady: true, recovers: 10 * time.Second,
	},
	{
		name: "Postgres answers after 50 ms", begin: wired(postgresProxy, wire{delay: 50 * time.Millisecond}),
		signIn: []int{303}, session: only200, verify: only204, within: 3 * time.Second, recovers: 5 * time.Second,
	},
	{
		name: "every 20th reply of Postgres is lost", begin: wired(postgresProxy, wire{lose: 20}),
		signIn: signs, mild: true, session: tells, verify: passes, within: 3 * time.Second, recovers: 5 * time.Second,
	},
	{
		name: "every 20th reply of Postgres comes half", begin: wired(postgresProxy, wire{half: 20}),
		signIn: signs, mild: true, session: tells, verify: passes, within: 3 * time.Second, recovers: 5 * time.Second,
	},
	{
		name: "Postgres restarts, fast", begin: restarts(syscall.SIGINT),
		signIn: signs, mild: true, session: tells, verify: passes, within: 3 * time.Second, recovers: 10 * time.Second,
	},
	{
		name: "Postgres restarts, immediate", begin: restarts(syscall.SIGQUIT),
		signIn: signs, mild: true, session: tells, verify: passes, within: 3 * time.Second, recovers: 10 * time.Second,
	},
	{
		name: "Postgres is read-only", begin: setting("default_transaction_read_only", "on"),
		signIn: signs, session: tells, verify: passes, within: 3 * time.Second, recovers: 10 * time.Second,
	},
	{
		name: "every connection of Postgres is taken", begin: connectionsTaken,
		signIn: only503, session: only503, verify: passes, within: 3 * time.Second, notReady: true, recovers: 10 * time.Second,
	},
	{
		name: "another session locks the users", begin: usersLocked,
		signIn: only503, session: only503, verify: passes, within: 3 * time.Second, recovers: 10 * time.Second,
	},
	{
		name: "another session takes the same locks the other way round", begin: opposed(true, 16),
		signIn: only503, session: only200, verify: only204, within: 3 * time.Second, recovers: 5 * time.Second,
	},
	{
		name: "another session deadlocks now and then", begin: opposed(false, 4),
		signIn: signs, mild: true, session: only200, verify: only204, within: 3 * time.Second, recovers: 5 * time.Second, long: true,
	},
	{
		name: "every transaction is serializable", begin: setting("default_transaction_isolation", "serializable"),
		signIn: signs, mild: true, session: tells, verify: passes, within: 3 * time.Second, recovers: 10 * time.Second, long: true,
	},
}

// restarts ends the Postgres in the middle of the load, and starts it.
func restarts(signal syscall.Signal) func(*testing.T, *world) func() {
	return func(t *testing.T, w *world) func() {
		done := make(chan struct{})
		time.AfterFunc(lasts/4, func() {
			defer close(done)
			w.postgres.end(t, signal)
			w.postgres.start(t)
		})
		return func() { <-done }
	}
}

// setting changes what new transactions of Postgres begin with.
func setting(name, value string) func(*testing.T, *world) func() {
	return func(t *testing.T, w *world) func() {
		set := func(statement string) {
			for _, s := range []string{statement, "SELECT pg_reload_conf()"} {
				if err := w.postgres.sql(s); err != nil {
					t.Fatal(err)
				}
			}
		}
		set(fmt.Sprintf("ALTER SYSTEM SET %s = %s", name, value))
		eventually(t, 30*time.Second, "a Postgres that has read its settings", func() error {
			return w.postgres.sql(fmt.Sprintf("DO $$ BEGIN IF current_setting('%s') <> '%s' THEN RAISE 'not yet'; END IF; END $$", name, value))
		})
		return func() { set("ALTER SYSTEM RESET " + name) }
	}
}

// connectionsTaken cuts everybody off and takes all the connections there are.
func connectionsTaken(t *testing.T, w *world) func() {
	db, err := sql.Open("postgres", w.postgres.url(w.postgres.address))
	if err != nil {
		t.Fatal(err)
	}
	first, err := db.Conn(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	cut := `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND backend_type = 'client backend' AND application_name <> 'taker'`
	w.toPostgres.set(wire{refuse: true}) // lest Usher be quicker
	if _, err := first.ExecContext(context.Background(), cut); err != nil {
		t.Fatal(err)
	}
	taken := 0
	for {
		if _, err := db.Conn(context.Background()); err != nil {
			break
		}
		taken++
	}
	if taken < 20 {
		t.Errorf("got %d connections taken, want nearly the 40 that there are", taken)
	}
	w.toPostgres.set(wire{})
	return func() {
		// Connections that are lent out close when they are given back: end them
		// at the server.
		_, _ = first.ExecContext(context.Background(), `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND backend_type = 'client backend'`)
		_ = first.Close()
		_ = db.Close()
	}
}

func TestPostgres(t *testing.T) {
	t.Parallel()
	if !haveServers() {
		return
	}
	run(t, newWorld(t, 16), postgresFaults)
}

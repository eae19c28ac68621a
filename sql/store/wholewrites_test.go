package store

import (
	"context"
	"database/sql"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
	"time"

	"modernc.org/libc"
	lib "modernc.org/sqlite/lib"
)

// A crash may come at any moment: whatever was done, the files as they lie there
// are those of what was committed, and what other connections do between is there
// too.
func TestWholeWritesSurviveAnyMoment(t *testing.T) {
	path := filepath.Join(t.TempDir(), "usher.db")
	s := openWhole(t, path)
	other := openPlain(t, path) // as another process would
	mustExec(t, s.write, `CREATE TABLE things (id integer PRIMARY KEY, version integer NOT NULL, filling blob)`)
	mustExec(t, s.write, `CREATE INDEX things_version ON things (version)`)
	// Large transactions write to the log long before they commit, read what they
	// wrote, and write it again.
	mustExec(t, s.write, `PRAGMA cache_size = 12`)
	watchTelling(t)

	committed := map[int]int{}
	random := rand.New(rand.NewPCG(1, 2))
	version := 0
	change := func(t *testing.T, on execer, content map[int]int, things, bytes int) {
		t.Helper()
		for range things {
			version++
			id := random.IntN(500)
			mustExec(t, on, `INSERT INTO things VALUES ($1, $2, randomblob($3))
				ON CONFLICT (id) DO UPDATE SET version = excluded.version, filling = excluded.filling`, id, version, bytes)
			content[id] = version
		}
	}
	const large = 200
	steps := []struct {
		name string
		run  func(t *testing.T)
	}{
		{"small", func(t *testing.T) { inTransaction(t, s.write.DB.DB, &committed, change, 1+random.IntN(9), 500, true) }},
		{"small", func(t *testing.T) { inTransaction(t, s.write.DB.DB, &committed, change, 1+random.IntN(9), 500, true) }},
		{"by another connection", func(t *testing.T) { inTransaction(t, other, &committed, change, 3, 500, true) }},
		{"large by another connection", func(t *testing.T) { inTransaction(t, other, &committed, change, 2*large, 6000, true) }},
		{"rolled back", func(t *testing.T) { inTransaction(t, s.write.DB.DB, &committed, change, 9, 500, false) }},
		{"large", func(t *testing.T) { inTransaction(t, s.write.DB.DB, &committed, change, large, 6000, true) }},
		{"large, rolled back", func(t *testing.T) { inTransaction(t, s.write.DB.DB, &committed, change, large, 6000, false) }},
		{"large, half of it taken back", func(t *testing.T) {
			tx, err := s.write.DB.DB.Begin()
			if err != nil {
				t.Fatal(err)
			}
			content := maps.Clone(committed)
			change(t, tx, content, large/2, 6000)
			mustExec(t, tx, `SAVEPOINT half`)
			change(t, tx, maps.Clone(content), large/2, 6000)
			mustExec(t, tx, `ROLLBACK TO half`)
			change(t, tx, content, 20, 6000)
			if err := tx.Commit(); err != nil {
				t.Fatal(err)
			}
			committed = content
		}},
		{"large, read back at once", func(t *testing.T) {
			inTransaction(t, s.write.DB.DB, &committed, func(t *testing.T, on execer, content map[int]int, things, _ int) {
				for id := range things {
					version++
					mustExec(t, on, `INSERT OR REPLACE INTO things VALUES ($1, $2, randomblob(6000))`, id, version)
					content[id] = version
					mustExec(t, on, `SELECT sum(length(CAST(substr(filling, 5999) AS text))) FROM things WHERE id BETWEEN $1 AND $2`, id-9, id-3)
				}
			}, large, 0, true)
		}},
		{"carried over", func(t *testing.T) { mustExec(t, s.write, `PRAGMA wal_checkpoint(PASSIVE)`) }},
		{"carried over, begun anew", func(t *testing.T) { mustExec(t, s.write, `PRAGMA wal_checkpoint(RESTART)`) }},
		{"carried over by another connection, cut", func(t *testing.T) { mustExec(t, other, `PRAGMA wal_checkpoint(TRUNCATE)`) }},
		{"carried over, cut", func(t *testing.T) { mustExec(t, s.write, `PRAGMA wal_checkpoint(TRUNCATE)`) }},
	}
	for n := range 80 {
		step := steps[random.IntN(len(steps))]
		step.run(t)
		if n%4 == 0 {
			checkContent(t, other, committed, step.name)
		}
		checkContent(t, openPlain(t, copyFiles(t, path)), committed, step.name+", after a crash")
		if t.Failed() {
			return
		}
	}
	checkContent(t, s.write.DB.DB, committed, "at the end")
}

// One commit of a few pages is one write, and none of it is left for later.
func TestWholeWritesAreFew(t *testing.T) {
	path := filepath.Join(t.TempDir(), "usher.db")
	s := openWhole(t, path)
	mustExec(t, s.write, `CREATE TABLE things (id integer PRIMARY KEY, version integer NOT NULL, filling blob)`)
	mustExec(t, s.write, `INSERT INTO things VALUES (-1, 0, NULL)`)
	written := watchWrites(t, func(int) int32 { return lib.SQLITE_OK })
	committed := map[int]int{-1: 0}
	for n := range 20 {
		before := len(*written)
		inTransaction(t, s.write.DB.DB, &committed, func(t *testing.T, on execer, content map[int]int, _, _ int) {
			for id := n * 10; id < n*10+10; id++ {
				mustExec(t, on, `INSERT INTO things VALUES ($1, 1, randomblob(3000))`, id)
				content[id] = 1
			}
		}, 0, 0, true)
		if got := (*written)[before:]; len(got) != 1 {
			t.Fatalf("commit %d: writes of %d bytes, want one", n, got)
		}
	}
	checkContent(t, openPlain(t, copyFiles(t, path)), committed, "after a crash")
}

// A write that fails ends its transaction with an error, whichever it is, and
// leaves the next one nothing to stumble over.
func TestWholeWritesThatFail(t *testing.T) {
	path := filepath.Join(t.TempDir(), "usher.db")
	s := openWhole(t, path)
	other := openPlain(t, path)
	mustExec(t, s.write, `CREATE TABLE things (id integer PRIMARY KEY, version integer NOT NULL, filling blob)`)
	mustExec(t, s.write, `PRAGMA cache_size = 12`)
	failing := -1
	written := watchWrites(t, func(n int) int32 {
		if n == failing {
			return lib.SQLITE_FULL
		}
		return lib.SQLITE_OK
	})
	fill := func(things int) error {
		tx, err := s.write.DB.DB.Begin()
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = tx.Rollback() }()
		for id := range things {
			if _, err := tx.Exec(`INSERT INTO things VALUES ($1, 1, randomblob(6000))`, 10_000+id); err != nil {
				return err
			}
		}
		return tx.Commit()
	}
	committed := map[int]int{}
	for _, things := range []int{1, 5, 100} {
		for n := 0; ; n++ {
			before := len(*written)
			failing = before + n
			err := fill(things)
			failing = -1
			if len(*written)-before <= n { // there were fewer, so none failed
				if n == 0 || err != nil {
					t.Fatalf("%d things, %d writes: %v", things, n, err)
				}
				mustExec(t, s.write, `DELETE FROM things WHERE version = 1`)
				break
			}
			if err == nil {
				t.Fatalf("%d things: write %d failed, and nobody says so", things, n)
			}
			for _, on := range []*sql.DB{other, s.write.DB.DB} {
				mustExec(t, on, `INSERT INTO things VALUES ($1, 2, randomblob(500))`, len(committed))
				committed[len(committed)] = 2
			}
			checkContent(t, other, committed, "after a failure")
			checkContent(t, openPlain(t, copyFiles(t, path)), committed, "after a failure and a crash")
		}
	}
}

// Whatever is asked of the log finds it written.
func TestWholeWritesAreThereWhenAsked(t *testing.T) {
	tls := libc.NewTLS()
	defer tls.Close()
	const piece = 4096
	room := libc.Xcalloc(tls, 1, piece)
	defer libc.Xfree(tls, room)
	for name, ask := range map[string]func(s *Store, log uintptr, end int64) int32{
		"read":    func(_ *Store, log uintptr, _ int64) int32 { return readLog(tls, log, room, 32, 0) },
		"flush":   func(_ *Store, log uintptr, _ int64) int32 { return flushLog(tls, log, lib.SQLITE_SYNC_NORMAL) },
		"measure": func(_ *Store, log uintptr, _ int64) int32 { return measureLog(tls, log, room) },
		"cut off": func(_ *Store, log uintptr, end int64) int32 {
			if code := cutLog(tls, log, end); code != lib.SQLITE_OK {
				return code
			}
			return at[kept](log+beneath.part).pass(tls, log) // is too late then
		},
		"close": func(s *Store, _ uintptr, _ int64) int32 {
			if s.Close() != nil {
				return lib.SQLITE_ERROR
			}
			return lib.SQLITE_OK
		},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "usher.db")
			s := openWhole(t, path)
			mustExec(t, s.write, `CREATE TABLE things (id integer PRIMARY KEY)`)
			mustExec(t, openPlain(t, path), `PRAGMA user_version`) // keeps the log from going when s is closed
			log := watchTelling(t)
			mustExec(t, s.write, `INSERT INTO things DEFAULT VALUES`)

			// Behind the last commit, where SQLite looks at nothing.
			end := at[kept](*log + beneath.part).next
			if code := writeLog(tls, *log, room, piece, end); code != lib.SQLITE_OK {
				t.Fatalf("write: code %d", code)
			}
			if count := at[kept](*log + beneath.part).count; count != piece {
				t.Fatalf("%d bytes are kept back, want %d", count, piece)
			}
			if code := ask(s, *log, end); code != lib.SQLITE_OK {
				t.Fatalf("code %d", code)
			}
			want := end + piece
			if name == "cut off" {
				want = end
			}
			file, err := os.Stat(path + "-wal")
			if err != nil {
				t.Fatal(err)
			}
			if file.Size() != want {
				t.Errorf("the log has %d bytes, want %d", file.Size(), want)
			}
		})
	}
}

// watchWrites lists the lengths of what is written to logs until the test ends.
// What fail says of a write, counted from zero, is what SQLite is told.
func watchWrites(t *testing.T, fail func(n int) int32) *[]int {
	t.Helper()
	var written []int
	table := &beneath.log.table
	usual := table.FxWrite
	watching = func(tls *libc.TLS, file, bytes uintptr, count int32, offset int64) int32 {
		written = append(written, int(count))
		if code := fail(len(written) - 1); code != lib.SQLITE_OK {
			return code
		}
		return function[pieceFunction](usual)(tls, file, bytes, count, offset)
	}
	table.FxWrite = address[pieceFunction](watched)
	t.Cleanup(func() { table.FxWrite = usual })
	return &written
}

var watching pieceFunction

func watched(tls *libc.TLS, file, bytes uintptr, count int32, offset int64) int32 {
	return watching(tls, file, bytes, count, offset)
}

// watchTelling fails the test when something is kept back while SQLite tells others
// of a commit. There is a barrier between the two copies of what it tells them, and
// the others look at both. Between that and the giving back of the lock are
// microseconds, in which no test could end the process. A file must have been
// opened before. It returns where the log is, once a commit was told of.
func watchTelling(t *testing.T) (log *uintptr) {
	t.Helper()
	log = &told
	telling = func(kept int) { t.Errorf("%d bytes are kept back while a commit is told of", kept) }
	table := at[lib.Tsqlite3_io_methods](beneath.database.ours)
	usual := table.FxShmBarrier
	table.FxShmBarrier = address[barrierFunction](watchedBarrier)
	t.Cleanup(func() { table.FxShmBarrier = usual })
	return log
}

type barrierFunction = func(tls *libc.TLS, file uintptr)

var (
	telling func(kept int)
	told    uintptr
)

func watchedBarrier(tls *libc.TLS, file uintptr) {
	if log := at[kept](file + beneath.part).other; log != 0 {
		told = log
		if count := at[kept](log + beneath.part).count; count != 0 {
			telling(count)
		}
	}
	function[barrierFunction](beneath.database.table.FxShmBarrier)(tls, file)
}

type execer interface {
	ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error)
}

func mustExec(t *testing.T, on execer, query string, args ...any) {
	t.Helper()
	if _, err := on.ExecContext(t.Context(), query, args...); err != nil {
		t.Fatalf("%s: %v", query, err)
	}
}

// inTransaction changes what is in the table, and committed when it commits.
func inTransaction(t *testing.T, on *sql.DB, committed *map[int]int,
	change func(t *testing.T, on execer, content map[int]int, things, bytes int), things, bytes int, commit bool,
) {
	t.Helper()
	tx, err := on.Begin()
	if err != nil {
		t.Fatal(err)
	}
	content := maps.Clone(*committed)
	change(t, tx, content, things, bytes)
	if !commit {
		if err := tx.Rollback(); err != nil {
			t.Fatal(err)
		}
		return
	}
	if err := tx.Commit(); err != nil {
		t.Fatal(err)
	}
	*committed = content
}

func openWhole(t *testing.T, path string) *Store {
	t.Helper()
	s, err := OpenSQLite(path, time.Now)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

// openPlain opens it as SQLite does without us.
func openPlain(t *testing.T, path string) *sql.DB {
	t.Helper()
	db, err := sql.Open("sqlite", "file:"+path+"?_pragma=busy_timeout(5000)&_txlock=immediate")
	if err != nil {
		t.Fatal(err)
	}
	db.SetMaxOpenConns(1)
	t.Cleanup(func() { _ = db.Close() })
	return db
}

// copyFiles copies what a crash would leave: the file and its log. What is in
// shared memory is gone then.
func copyFiles(t *testing.T, path string) string {
	t.Helper()
	folder := t.TempDir()
	for _, end := range []string{"", "-wal"} {
		content, err := os.ReadFile(path + end) //nolint:gosec // the test's own
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(folder, "usher.db"+end), content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return filepath.Join(folder, "usher.db")
}

func checkContent(t *testing.T, db *sql.DB, want map[int]int, when string) {
	t.Helper()
	var verdict string
	if err := db.QueryRow(`PRAGMA integrity_check`).Scan(&verdict); err != nil || verdict != "ok" {
		t.Errorf("%s: integrity_check says %q, %v", when, verdict, err)
		return
	}
	rows, err := db.Query(`SELECT id, version FROM things`)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = rows.Close() }()
	got := map[int]int{}
	for rows.Next() {
		var id, version int
		if err := rows.Scan(&id, &version); err != nil {
			t.Fatal(err)
		}
		got[id] = version
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	if !maps.Equal(got, want) {
		t.Errorf("%s: %d things that are not the %d which were committed", when, len(got), len(want))
	}
}

package store_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"

	"usher/sql/store"
	"usher/sql/store/storetest"
	"usher/testenv"
)

func unseen(int64, int64) {}

// fillToBackUp writes two tenants with every kind of value: bytes, times, numbers,
// nulls, an organization that stands before the one above it, and what triggers
// answer to.
func fillToBackUp(t *testing.T, db *storetest.Database, s *store.Store) {
	t.Helper()
	for range 2 {
		tenant := addTenant(t, s).ID
		root, err := addOrganization(t, s, tenant, "", "root")
		if err != nil {
			t.Fatal(err)
		}
		if _, err := addOrganization(t, s, tenant, root, "root.child"); err != nil {
			t.Fatal(err)
		}
		addPeople(t, db, tenant, 30)
		db.Exec(t, `
INSERT INTO webhook_endpoints (tenant_id, id, url, description, types, revision, created_at, updated_at)
VALUES ($1, $2, 'https://hooks.example', '', '["*"]', 1, $3, $3)`, tenant, newID(t), now())
		db.Exec(t, `
INSERT INTO groups (tenant_id, id, external_id, name, description, created_at) VALUES ($1, $2, 'a', $3, '', $4)`,
			tenant, newID(t), "Größe “\\\" \n\t<&> \u2028 𝄞", now())
	}
	// PostgreSQL puts a row that was written again behind the others.
	db.Exec(t, `UPDATE organizations SET created_at = $1 WHERE parent_id IS NULL`, now())
}

func backUp(t *testing.T, s *store.Store) ([]byte, store.BackupSummary) {
	t.Helper()
	var file bytes.Buffer
	sum, err := s.Backup(t.Context(), &file, unseen)
	if err != nil {
		t.Fatalf("backup: %v", err)
	}
	return file.Bytes(), sum
}

// linesIn are the lines of a backup, without the two that differ from one backup
// of the same rows to the next: the first and the last.
func linesIn(t *testing.T, file []byte) []string {
	t.Helper()
	zip, err := gzip.NewReader(bytes.NewReader(file))
	if err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(zip)
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(string(text)), "\n")
	lines = lines[1 : len(lines)-1]
	slices.Sort(lines) // rows have no order of their own
	return lines
}

func gzipped(t testing.TB, text string) []byte {
	t.Helper()
	var file bytes.Buffer
	zip := gzip.NewWriter(&file)
	if _, err := io.WriteString(zip, text); err != nil {
		t.Fatal(err)
	}
	if err := zip.Close(); err != nil {
		t.Fatal(err)
	}
	return file.Bytes()
}

// TestBackupIntoEitherKind: what was in the one database is in the other, value
// for value, and nothing else.
func TestBackupIntoEitherKind(t *testing.T) {
	t.Parallel()
	storetest.EachDatabase(t, func(t *testing.T, from *storetest.Database) {
		s := from.Open(t, now)
		fillToBackUp(t, from, s)
		file, sum := backUp(t, s)
		if sum.Tables["users"] != 60 || sum.Tables["webhook_outbox"] != 2 || sum.Tables["token_changes"] != 0 {
			t.Errorf("got %v, want 60 users, 2 changes to tell and no token changes", sum.Tables)
		}
		for _, kind := range testenv.Databases() {
			db := storetest.New(t, kind)
			target := db.OpenAt(t, db.Address(), now, store.Options{})
			restored, err := target.Restore(t.Context(), bytes.NewReader(file), unseen)
			if err != nil {
				t.Fatalf("into %s: %v", kind, err)
			}
			if diff := cmp.Diff(sum, restored); diff != "" {
				t.Errorf("into %s: the summary differs:\n%s", kind, diff)
			}
			again, _ := backUp(t, target)
			if diff := cmp.Diff(linesIn(t, file), linesIn(t, again)); diff != "" {
				t.Errorf("into %s: rows differ:\n%s", kind, diff)
			}
			if got := db.Rows(t, `SELECT count(*) FROM token_changes`); got[0] != "0" {
				t.Errorf("into %s: got %s token changes, want none", kind, got)
			}
			// The rules of the tables hold as before, also within one.
			if _, err := addOrganization(t, target, newID(t), newID(t), "orphan"); err == nil {
				t.Errorf("into %s: an organization below none was taken", kind)
			}
			_, err = target.Restore(t.Context(), bytes.NewReader(file), unseen)
			wantError(t, "into "+kind+" again", err, store.ErrNotEmpty)
			if once, _ := backUp(t, target); !slices.Equal(linesIn(t, again), linesIn(t, once)) {
				t.Errorf("into %s again: rows have changed", kind)
			}
		}
	})
}

// TestBackupShowsOneMoment backs up while tenants are written, each with its host
// in one transaction: none is half there.
func TestBackupShowsOneMoment(t *testing.T) {
	t.Parallel()
	storetest.EachDatabase(t, func(t *testing.T, db *storetest.Database) {
		s := db.Open(t, now)
		before := addTenant(t, s).ID
		var writing sync.WaitGroup
		stop := make(chan struct{})
		writing.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
					addTenant(t, s)
				}
			}
		})
		for range 5 {
			file, sum := backUp(t, s)
			if sum.Tables["tenants"] != sum.Tables["tenant_hosts"] {
				t.Errorf("got %d tenants and %d hosts, want as many", sum.Tables["tenants"], sum.Tables["tenant_hosts"])
			}
			if !slices.ContainsFunc(linesIn(t, file), func(line string) bool { return strings.HasPrefix(line, `["`+before+`"`) }) {
				t.Errorf("the tenant %s of before is not there", before)
			}
		}
		close(stop)
		writing.Wait()
	})
}

// TestRestoreOfABadFile: a file that was cut, altered or made by a newer version
// leaves the database as it was.
func TestRestoreOfABadFile(t *testing.T) {
	t.Parallel()
	storetest.EachDatabase(t, func(t *testing.T, from *storetest.Database) {
		s := from.Open(t, now)
		fillToBackUp(t, from, s)
		file, _ := backUp(t, s)
		zip, err := gzip.NewReader(bytes.NewReader(file))
		if err != nil {
			t.Fatal(err)
		}
		all, err := io.ReadAll(zip)
		if err != nil {
			t.Fatal(err)
		}
		text := string(all)
		head, rest, _ := strings.Cut(text, "\n")
		flipped := bytes.Clone(file)
		flipped[len(flipped)/2] ^= 1
		var schema struct{ Schema int }
		if err := json.Unmarshal([]byte(head), &schema); err != nil {
			t.Fatal(err)
		}
		for name, tt := range map[string]struct {
			file []byte
			want error
		}{
			"empty":            {nil, store.ErrBadBackup},
			"not a backup":     {gzipped(t, "{}\n"), store.ErrBadBackup},
			"cut":              {file[:len(file)/2], store.ErrBadBackup},
			"cut at the end":   {file[:len(file)-1], store.ErrBadBackup},
			"one bit":          {flipped, store.ErrBadBackup},
			"a row changed":    {gzipped(t, strings.Replace(text, "root.child", "root.chilb", 1)), store.ErrBadBackup},
			"no last line":     {gzipped(t, text[:strings.LastIndex(text, `{"end"`)]), store.ErrBadBackup},
			"more behind":      {gzipped(t, text+"[1]\n"), store.ErrBadBackup},
			"two at once":      {append(bytes.Clone(file), file...), store.ErrBadBackup},
			"a line behind":    {append(bytes.Clone(file), '\n'), store.ErrBadBackup},
			"a newer format":   {gzipped(t, strings.Replace(text, `"format":1`, `"format":2`, 1)), store.ErrBadBackup},
			"no table's line":  {gzipped(t, head+"\n[1]\n"+rest), store.ErrBadBackup},
			"a newer program":  {newerBackup(t, schema.Schema), store.ErrNewerBackup},
			"an unknown table": {backupOf(t, schema.Schema, `{"table":"secrets","columns":[]}`), store.ErrBadBackup},
			"an unknown column": {
				backupOf(t, schema.Schema, `{"table":"tenants","columns":[{"name":"id\" --","kind":"text"}]}`), store.ErrBadBackup,
			},
		} {
			db := storetest.New(t, from.Kind)
			target := db.Open(t, now)
			_, err := target.Restore(t.Context(), bytes.NewReader(tt.file), unseen)
			wantError(t, name, err, tt.want)
			if got := db.Rows(t, `SELECT count(*) FROM tenants`); got[0] != "0" {
				t.Errorf("%s: got %s tenants, want none", name, got)
			}
		}
	})
}

// TestBackupOntoAFullDisk: that it cannot be written says so, and nothing of the
// database.
func TestBackupOntoAFullDisk(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		addTenant(t, s)
		full := &fs.PathError{Op: "write", Path: "usher.backup", Err: syscall.ENOSPC}
		_, err := s.Backup(t.Context(), brokenWriter{full}, unseen)
		wantError(t, "backup", err, syscall.ENOSPC)
		if errors.Is(err, store.ErrUnavailable) {
			t.Errorf("got %v, want that the database is not blamed", err)
		}
	})
}

type brokenWriter struct{ err error }

func (w brokenWriter) Write([]byte) (int, error) { return 0, w.err }

// TestRestoreThatIsInterrupted leaves nothing, and can be done again.
func TestRestoreThatIsInterrupted(t *testing.T) {
	t.Parallel()
	storetest.EachDatabase(t, func(t *testing.T, from *storetest.Database) {
		s := from.Open(t, now)
		fillToBackUp(t, from, s)
		file, sum := backUp(t, s)
		db := storetest.New(t, from.Kind)
		target := db.OpenAt(t, db.Address(), now, store.Options{})
		ctx, stop := context.WithCancel(t.Context())
		_, err := target.Restore(ctx, bytes.NewReader(file), func(done, total int64) {
			if done > total/2 {
				stop()
			}
		})
		wantError(t, "interrupted", err, context.Canceled)
		if got := db.Rows(t, `SELECT count(*) FROM tenants`); got[0] != "0" {
			t.Errorf("got %s tenants, want none", got)
		}
		again, err := target.Restore(t.Context(), bytes.NewReader(file), unseen)
		if err != nil || again.Rows() != sum.Rows() {
			t.Errorf("again: got %d rows, error %v, want %d", again.Rows(), err, sum.Rows())
		}
	})
}

// newerBackup is a whole backup of the next schema.
func newerBackup(t testing.TB, schema int) []byte { return backupOf(t, schema+1) }

// backupOf is a whole backup with the lines of tables without rows.
func backupOf(t testing.TB, schema int, tables ...string) []byte {
	t.Helper()
	text := fmt.Sprintf(`{"backup":"usher","format":1,"schema":%d,"at":"2026-05-04T09:00:00Z"}`, schema) + "\n"
	counts := map[string]int{}
	for _, table := range tables {
		text += table + "\n"
		var named struct{ Table string }
		if err := json.Unmarshal([]byte(table), &named); err != nil {
			t.Fatal(err)
		}
		counts[named.Table] = 0
	}
	last, err := json.Marshal(map[string]any{"end": map[string]any{"tables": counts, "sha256": fmt.Sprintf("%x", sha256.Sum256([]byte(text)))}})
	if err != nil {
		t.Fatal(err)
	}
	return gzipped(t, text+string(last)+"\n")
}

// FuzzCheckBackup: whatever a file holds, it is a backup or it is called none.
func FuzzCheckBackup(f *testing.F) {
	whole := backupOf(f, 1, `{"table":"tenants","columns":[{"name":"id","kind":"text"}]}`)
	f.Add(whole)
	f.Add(whole[:len(whole)/2])
	f.Add(gzipped(f, "[]\n"))
	f.Fuzz(func(t *testing.T, file []byte) {
		for _, file := range [][]byte{file, gzipped(t, string(file))} {
			if _, err := store.CheckBackup(bytes.NewReader(file), unseen); err != nil && !errors.Is(err, store.ErrBadBackup) {
				t.Errorf("got %v, want ErrBadBackup", err)
			}
		}
	})
}

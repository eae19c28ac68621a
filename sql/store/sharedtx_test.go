package store

import (
	"database/sql"
	"database/sql/driver"
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// TestInPlaces: each place knows which argument stands there.
func TestInPlaces(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		query, want string
		order       []int
	}{
		{"COMMIT", "COMMIT", []int{}},
		{"SELECT $1", "SELECT ?", []int{0}},
		{"VALUES ($2, $1, $12, $1)", "VALUES (?, ?, ?, ?)", []int{1, 0, 11, 0}},
	} {
		got, order := inPlaces(test.query)
		if diff := cmp.Diff(test.want, got); diff != "" {
			t.Errorf("%s: text (-want +got):\n%s", test.query, diff)
		}
		if diff := cmp.Diff(test.order, order); diff != "" {
			t.Errorf("%s: order (-want +got):\n%s", test.query, diff)
		}
	}
}

// TestSharedTx: values go in and come out as they do by way of database/sql.
func TestSharedTx(t *testing.T) {
	t.Parallel()
	s := notes(t)
	text, at := "b", time.Date(2026, time.May, 4, 9, 0, 0, 123_000, time.FixedZone("", 3600))
	const query = `SELECT $2, $1, $3, $4, $5, $6, $2, typeof($7), typeof($8)`
	args := []any{int64(1), &text, true, false, Hex{1, 2}, []byte(nil), at, (*string)(nil)}
	type row struct {
		Text    string
		Number  int64
		Yes, No bool
		Bytes   []byte
		None    []byte
		Again   string
		Time    string
		Null    string
	}
	into := func(r *row) []any {
		return []any{&r.Text, &r.Number, &r.Yes, &r.No, &r.Bytes, &r.None, &r.Again, &r.Time, &r.Null}
	}
	var got, want row
	if err := s.write.QueryRowContext(t.Context(), query, args...).Scan(into(&want)...); err != nil {
		t.Fatal(err)
	}
	err := s.inShared(t.Context(), func(tx *sharedTx) error {
		if err := tx.row(`SELECT n FROM notes`, []any{&got.Number}); !errors.Is(err, sql.ErrNoRows) {
			t.Errorf("no row: got error %v, want %v", err, sql.ErrNoRows)
		}
		if err := tx.row(`SELECT 'x'`, []any{&got.Number}); err == nil {
			t.Error("a text for a number: got no error, want one")
		}
		if _, err := tx.exec(`INSERT INTO notes (n) VALUES ($2)`, 1); err == nil {
			t.Error("an argument that is missing: got no error, want one")
		}
		if n, err := tx.exec(`INSERT INTO notes (n) VALUES ($1), ($2)`, 1, 2); err != nil || n != 2 {
			t.Errorf("two rows: got %d, error %v, want 2", n, err)
		}
		return tx.row(query, into(&got), args...)
	})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("row (-database/sql +got):\n%s", diff)
	}
}

// TestSharedTxBroken: a connection on which a transaction has ended by itself is
// not used any more, and the next one is as good.
func TestSharedTxBroken(t *testing.T) {
	t.Parallel()
	s := notes(t)
	own := errors.New("of its own")
	err := s.inShared(t.Context(), func(tx *sharedTx) error {
		_, err := tx.exec(`ROLLBACK`) // as SQLite does when the disk is full
		return errors.Join(own, err)
	})
	if !errors.Is(err, own) || !errors.Is(err, driver.ErrBadConn) || !errors.Is(err, ErrUnavailable) {
		t.Errorf("got error %v, want the write's, and that the connection goes", err)
	}
	if err := s.inShared(t.Context(), note{n: 1, parent: 1}.write); err != nil {
		t.Errorf("the next one: %v", err)
	}
	if diff := cmp.Diff([]int{1}, s.noted(t)); diff != "" {
		t.Errorf("numbers (-want +got):\n%s", diff)
	}
}

// TestSharedTxClose: a store that has written can be closed twice.
func TestSharedTxClose(t *testing.T) {
	t.Parallel()
	s := notes(t) // closes it once more
	if err := s.inShared(t.Context(), note{n: 1, parent: 1}.write); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Errorf("Close: %v", err)
	}
}

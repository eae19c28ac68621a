package store

import (
	"context"
	"fmt"
	"strings"

	"github.com/jmoiron/sqlx"
)

// SealedColumn is a column whose values are sealed under the master key. What is
// sealed is bound to the tenant, the table, the row's id and the column.
type SealedColumn struct {
	Table  string
	ID     string // the column that tells the tenant's rows apart
	Column string
}

// sealedColumns are those whose values stay until somebody takes them away.
var sealedColumns = []SealedColumn{
	{"integration_keys", "id", "sealed_secret"},
	{"signing_keys", "kid", "private_key"},
	{"webhook_secrets", "id", "sealed_secret"},
}

// passingColumns are those whose values are of no use after a day, and go by
// themselves.
var passingColumns = []SealedColumn{
	{"refresh_tokens", "", "successor"},
	{"job_parts", "", "content"},
	{"idempotency", "", "answer"},
}

// SealedColumns are the columns whose values have to be sealed anew when the
// master key is replaced. The kept keys stand beside them (see KeptKey).
func SealedColumns() []SealedColumn { return append([]SealedColumn(nil), sealedColumns...) }

// headBytes is how long the beginning of a sealed value is that names the master
// key: a version byte and the key's id.
const headBytes = 5

// SealedCount is how many values of a table are sealed under one master key.
type SealedCount struct {
	Table   string
	Head    []byte // the values' first five bytes
	Values  int64
	Passing bool // they go by themselves within a day
}

// SealedCounts counts what is sealed in all tenants, for each table and master
// key. It reads every sealed value that lasts; passing says whether those that do
// not are counted too.
func (s *Store) SealedCounts(ctx context.Context, passing bool) ([]SealedCount, error) {
	count := func(table, column string) string {
		return fmt.Sprintf(`
SELECT '%[1]s' AS place, head AS head, count(*) AS n
  FROM (SELECT substr(%[2]s, 1, %[3]d) AS head FROM %[1]s WHERE %[2]s IS NOT NULL) q GROUP BY head`, table, column, headBytes)
	}
	all := []string{count("kept_keys", "sealed")}
	for _, c := range sealedColumns {
		all = append(all, count(c.Table, c.Column))
	}
	if passing {
		for _, c := range passingColumns {
			all = append(all, count(c.Table, c.Column))
		}
	}
	var rows []struct {
		Place string `db:"place"`
		Head  []byte `db:"head"`
		N     int64  `db:"n"`
	}
	if err := s.read.SelectContext(ctx, &rows, strings.Join(all, ` UNION ALL`)+` ORDER BY place, head`); err != nil {
		return nil, fault(err)
	}
	counts := make([]SealedCount, len(rows))
	for i, r := range rows {
		counts[i] = SealedCount{Table: r.Place, Head: r.Head, Values: r.N}
		for _, c := range passingColumns {
			counts[i].Passing = counts[i].Passing || c.Table == r.Place
		}
	}
	return counts, nil
}

// SealedValue is one value in a sealed column.
type SealedValue struct {
	TenantID string `db:"tenant_id"`
	ID       string `db:"id"`
	Sealed   []byte `db:"sealed"`
}

// SealedElsewhere returns values of a column, of all tenants, that do not begin
// with head, in the order of their ids: those behind a value (nil = from the
// start), at most limit.
func (s *Store) SealedElsewhere(ctx context.Context, c SealedColumn, head []byte, after *SealedValue, limit int) ([]SealedValue, error) {
	query := fmt.Sprintf(`
SELECT tenant_id, %[1]s AS id, %[2]s AS sealed FROM %[3]s
 WHERE %[2]s IS NOT NULL AND substr(%[2]s, 1, %[4]d) <> $1`, c.ID, c.Column, c.Table, headBytes)
	args := []any{head, limit}
	if after != nil {
		query += fmt.Sprintf(` AND (%s, tenant_id) > ($3, $4)`, c.ID)
		args = append(args, after.ID, after.TenantID)
	}
	var values []SealedValue
	err := s.read.SelectContext(ctx, &values, query+fmt.Sprintf(` ORDER BY %s, tenant_id LIMIT $2`, c.ID), args...)
	return values, fault(err)
}

// Resealed is a value that takes the place of another one.
type Resealed struct {
	SealedValue
	Next []byte
}

// Reseal puts values in the place of others, those of one column in one
// transaction, and records what act makes of their number in a tenant's log. A
// value that has changed or gone since it was read stays as it is, and does not
// count; with none nothing is recorded.
func (s *Store) Reseal(ctx context.Context, c SealedColumn, values []Resealed, tenant string, act func(n int64) Act) (n int64, err error) {
	err = s.inTx(ctx, func(tx *sqlx.Tx) error {
		n = 0
		for _, v := range values {
			done, err := tx.ExecContext(ctx, fmt.Sprintf(`
UPDATE %[1]s SET %[2]s = $1 WHERE %[3]s = $2 AND tenant_id = $3 AND %[2]s = $4`, c.Table, c.Column, c.ID),
				v.Next, v.ID, v.TenantID, v.Sealed)
			if err != nil {
				return err
			}
			changed, err := done.RowsAffected()
			if err != nil {
				return err
			}
			n += changed
		}
		if n == 0 {
			return nil
		}
		return s.record(ctx, tx, tenant, act(n))
	})
	return n, err
}

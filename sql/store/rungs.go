package store

import (
	"cmp"
	"context"
	"slices"

	"github.com/jmoiron/sqlx"
)

// Rung is how a frame holds its session, for the entry of the sign-in log that
// has this reference and this user.
type Rung struct {
	TenantID, Reference, UserID string
	Rung                        string
}

// NoteRungs writes rungs into the log's entries and returns those whose entry
// is not there: it may be on its way yet. All of it is done, or nothing.
func (s *Store) NoteRungs(ctx context.Context, rungs []Rung) (missing []Rung, err error) {
	// In one order everywhere: several instances change the same rows.
	rungs = slices.SortedFunc(slices.Values(rungs), func(a, b Rung) int {
		return cmp.Or(cmp.Compare(a.TenantID, b.TenantID), cmp.Compare(a.Reference, b.Reference))
	})
	err = s.inTx(ctx, func(tx *sqlx.Tx) error {
		missing = nil // of this try
		for _, r := range rungs {
			result, err := tx.ExecContext(ctx, `
UPDATE sign_ins SET rung = $4 WHERE tenant_id = $1 AND reference = $2 AND user_id = $3 AND door = 'embed'`,
				r.TenantID, r.Reference, r.UserID, r.Rung)
			if err != nil {
				return err
			}
			n, err := result.RowsAffected()
			if err != nil {
				return err
			}
			if n == 0 {
				missing = append(missing, r)
			}
		}
		return nil
	})
	return missing, err
}

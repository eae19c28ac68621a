package store

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/jmoiron/sqlx"
)

// signInFields are the columns of an entry, in the order of its values.
var signInFields = []string{
	"tenant_id", "id", "at", "reference", "door", "outcome", "reason", "integration_id", "key_id", "user_id", "email",
	"email_key", "subject", "issued_at", "header", "payload", "detail", "path", "expected", "warnings", "created",
	"changed", "added", "removed", "granted", "revoked", "target", "network", "user_agent", "count", "rung",
}

// values are the values of an entry's fields, nearly all of them by pointers, in the
// room of another's: a value of its own for each would be thirty allocations. nil
// stands for NULL.
func (r *SignIn) values(room []any) ([]any, error) {
	warnings, err := r.Warnings.Value()
	if err != nil {
		return nil, fmt.Errorf("store: warnings: %w", err)
	}
	return append(
		room, &r.TenantID, &r.ID, &r.At, &r.Reference, &r.Door, &r.Outcome, &r.Reason, orNull(&r.IntegrationID),
		orNull(&r.KeyID), orNull(&r.UserID), &r.Email, orNull(&r.EmailKey), &r.Subject, r.IssuedAt, &r.Header, &r.Payload,
		&r.Detail, &r.Path, &r.Expected, warnings, &r.Created, &r.Changed, &r.Added, &r.Removed, &r.Granted, &r.Revoked,
		&r.Target, &r.Network, &r.UserAgent, &r.Count, &r.Rung,
	), nil
}

// dereference replaces pointers by what they point to. Texts that are those of the
// row before, which many are, are taken from its values: an allocation less each.
func dereference(values, before []any) {
	for i, value := range values {
		switch v := value.(type) {
		case *string:
			values[i] = nil
			if v == nil {
				continue
			}
			if i < len(before) {
				if same, ok := before[i].(string); ok && same == *v {
					values[i] = before[i]
					continue
				}
			}
			values[i] = *v
		case *int64:
			values[i] = *v
		case *bool:
			values[i] = *v
		case *time.Time:
			values[i] = nil
			if v != nil {
				values[i] = *v
			}
		}
	}
}

// orNull turns "" into SQL's NULL.
func orNull(text *string) *string {
	if *text == "" {
		return nil
	}
	return text
}

// LogSignIns appends entries to the log and adds to the counts, all of it or
// nothing. ErrTaken means that an entry is there already: an earlier try of the
// same call was done, and its answer lost.
func (s *Store) LogSignIns(ctx context.Context, rows []SignIn, counts []SignInCount) error {
	// In one order everywhere: several instances add to the same rows.
	slices.SortFunc(counts, func(a, b SignInCount) int {
		return cmp.Or(cmp.Compare(a.TenantID, b.TenantID), cmp.Compare(a.Hour, b.Hour),
			cmp.Compare(a.IntegrationID, b.IntegrationID), cmp.Compare(a.KeyID, b.KeyID), cmp.Compare(a.Reason, b.Reason))
	})
	if s.dialect == postgres {
		return s.logPostgres(ctx, rows, counts)
	}
	return s.inShared(ctx, func(tx *sharedTx) error {
		if err := tx.appendSignIns(rows); err != nil {
			return err
		}
		for i := range counts {
			if _, err := tx.exec(addOneCount, counts[i].values()...); err != nil {
				return err
			}
		}
		return nil
	})
}

var insertSignIn = `INSERT INTO sign_ins (` + strings.Join(signInFields, ", ") + `) VALUES (` + places(1, len(signInFields)) + `)`

// appendSignIns inserts the rows one by one: SQLite has no round trips to save.
func (tx *sharedTx) appendSignIns(rows []SignIn) error {
	values, before := make([]any, 0, len(signInFields)), make([]any, 0, len(signInFields))
	for i := range rows {
		var err error
		values, before = before, values
		if values, err = rows[i].values(values[:0]); err != nil {
			return err
		}
		dereference(values, before) // the conversion of drivers would do it by reflection
		if _, err := tx.exec(insertSignIn, values...); err != nil {
			return err
		}
	}
	return nil
}

func addAllCounts(ctx context.Context, tx *sqlx.Tx, counts []SignInCount) error {
	for part := range slices.Chunk(counts, 100) {
		var args []any
		for i := range part {
			args = append(args, part[i].values()...)
		}
		if _, err := tx.ExecContext(ctx, addCounts(len(part)), args...); err != nil {
			return err
		}
	}
	return nil
}

var addOneCount = addCounts(1)

// addCounts is the statement that adds n counts.
func addCounts(n int) string {
	const columns = 8
	lines := make([]string, n)
	for i := range lines {
		lines[i] = "(" + places(1+i*columns, columns) + ")"
	}
	return `
INSERT INTO sign_in_counts AS c (tenant_id, hour, integration_id, key_id, reason, count, new_users, last_at)
VALUES ` + strings.Join(lines, ", ") + `
    ON CONFLICT (tenant_id, hour, integration_id, key_id, reason) DO UPDATE
   SET count = c.count + excluded.count, new_users = c.new_users + excluded.new_users,
       last_at = CASE WHEN excluded.last_at > c.last_at THEN excluded.last_at ELSE c.last_at END`
}

// values are those of addCounts.
func (c *SignInCount) values() []any {
	return []any{c.TenantID, c.Hour, c.IntegrationID, c.KeyID, c.Reason, c.Count, c.NewUsers, c.LastAt}
}

// places are n parameters, the first of them with the number from.
func places(from, n int) string {
	list := make([]string, n)
	for i := range list {
		list[i] = fmt.Sprintf("$%d", from+i)
	}
	return strings.Join(list, ", ")
}

// blankSignIns takes out of the log who an erased user was: from the entries of
// the user, and of those who were merged into this one, and from those that
// name one of the e-mails without a user.
func (s *Store) blankSignIns(ctx context.Context, tx sqlx.ExtContext, tenant, user string, emailKeys []string) error {
	const blank = `
UPDATE sign_ins
   SET email = '', email_key = NULL, subject = '', header = '', payload = '', detail = '', warnings = '[]', target = '',
       network = '', user_agent = ''
 WHERE tenant_id = $1 AND `
	if _, err := tx.ExecContext(ctx, blank+`user_id `+s.dialect.among(`
    SELECT id FROM users WHERE tenant_id = $1 AND (id = $2 OR merged_into = $2)`), tenant, user); err != nil {
		return err
	}
	for _, key := range emailKeys {
		if _, err := tx.ExecContext(ctx, blank+`email_key = $2 AND user_id IS NULL`, tenant, key); err != nil {
			return err
		}
	}
	return nil
}

// BlankSignIns takes out of the log who an erased user was, once more: an entry
// may have been on its way while the user was erased.
func (s *Store) BlankSignIns(ctx context.Context, tenant, user string) error {
	return fault(s.blankSignIns(ctx, s.write, tenant, user, nil))
}

package store

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"
	"time"

	"github.com/jmoiron/sqlx"
)

// Group is a group of a tenant.
type Group struct {
	ID          string    `json:"id" db:"id"`
	ExternalID  string    `json:"external_id" db:"external_id"` // what tokens name
	Name        string    `json:"name" db:"name"`
	Description string    `json:"description" db:"description"`
	Revision    int64     `json:"-" db:"revision"` // grows with every change of name or description
	CreatedAt   time.Time `json:"-" db:"created_at"`
}

// Credit is a row of a tenant's catalogue of credits.
type Credit struct {
	ID        int64     `db:"id"` // 1…2^53−1, what tokens name
	Name      string    `db:"name"`
	Revision  int64     `db:"revision"` // grows with every change
	CreatedAt time.Time `db:"created_at"`
}

// AddGroup writes a new group, or returns ErrTaken. People whose last token
// named it while it was unknown get it at their next sign-in.
func (s *Store) AddGroup(ctx context.Context, tenant string, g Group, act Act) error {
	return s.inTx(ctx, func(tx *sqlx.Tx) error {
		if err := catalogChanged(ctx, tx, tenant); err != nil {
			return err
		}
		_, err := tx.ExecContext(ctx, `
INSERT INTO groups (tenant_id, id, external_id, name, description, revision, created_at)
VALUES ($1, $2, $3, $4, $5, $6, $7)`,
			tenant, g.ID, g.ExternalID, g.Name, g.Description, g.Revision, g.CreatedAt)
		if err != nil {
			return err
		}
		return s.record(ctx, tx, tenant, act)
	})
}

// AddCredit writes a new credit, or returns ErrTaken. Grants parked for it
// take effect with it.
func (s *Store) AddCredit(ctx context.Context, tenant string, c Credit, act Act) error {
	return s.inTx(ctx, func(tx *sqlx.Tx) error {
		if err := catalogChanged(ctx, tx, tenant); err != nil {
			return err
		}
		_, err := tx.ExecContext(ctx, `
INSERT INTO credits (tenant_id, id, name, revision, created_at) VALUES ($1, $2, $3, $4, $5)`,
			tenant, c.ID, c.Name, c.Revision, c.CreatedAt)
		if err != nil {
			return err
		}
		return s.record(ctx, tx, tenant, act)
	})
}

// catalogChanged makes every token that named something unknown be compared
// again: those written already, and those being planned right now. It comes
// first in its transaction: sign-ins lock the tenant's row first as well.
func catalogChanged(ctx context.Context, tx *sqlx.Tx, tenant string) error {
	if _, err := tx.ExecContext(ctx,
		`UPDATE tenants SET catalog_revision = catalog_revision + 1 WHERE id = $1`, tenant); err != nil {
		return err
	}
	_, err := tx.ExecContext(ctx,
		`UPDATE identities SET fingerprint = NULL WHERE tenant_id = $1 AND unresolved`, tenant)
	return err
}

// Groups returns a tenant's groups with an external id that begins with prefix
// and comes after the given one, in the order of these ids, at most limit.
func (s *Store) Groups(ctx context.Context, tenant, prefix, after string, limit int) ([]Group, error) {
	// Not as a range: which texts begin with the prefix does not depend on the
	// order that the database sorts by.
	var groups []Group
	err := s.read.SelectContext(ctx, &groups, `
SELECT id, external_id, name, description, revision, created_at
  FROM groups WHERE tenant_id = $1 AND external_id > $2 AND substr(external_id, 1, length($3)) = $3
 ORDER BY external_id LIMIT $4`, tenant, after, prefix, limit)
	return groups, fault(err)
}

// Credits returns a tenant's credits with an id above the given one, in that
// order, at most limit.
func (s *Store) Credits(ctx context.Context, tenant string, after int64, limit int) ([]Credit, error) {
	var credits []Credit
	err := s.read.SelectContext(ctx, &credits, `
SELECT id, name, revision, created_at FROM credits WHERE tenant_id = $1 AND id > $2 ORDER BY id LIMIT $3`, tenant, after, limit)
	return credits, fault(err)
}

// Credit returns one credit, or ErrNotFound.
func (s *Store) Credit(ctx context.Context, tenant string, id int64) (Credit, error) {
	var c Credit
	err := s.read.GetContext(ctx, &c,
		`SELECT id, name, revision, created_at FROM credits WHERE tenant_id = $1 AND id = $2`, tenant, id)
	return c, fault(err)
}

// ChangeCredit lets change edit a credit's name; an act without an action writes
// nothing. It returns ErrNotFound,
// ErrChanged, or change's own error unaltered.
func (s *Store) ChangeCredit(ctx context.Context, tenant string, id int64, change func(*Credit) (Act, error)) (Credit, error) {
	var c Credit
	err := s.inTx(ctx, func(tx *sqlx.Tx) error {
		err := tx.GetContext(ctx, &c, `
SELECT id, name, revision, created_at FROM credits WHERE tenant_id = $1 AND id = $2`+s.dialect.forUpdate(), tenant, id)
		if err != nil {
			return err
		}
		act, err := change(&c)
		if err != nil {
			return err
		}
		if err := act.By.expects(c.Revision); err != nil || act.nothing() {
			return err
		}
		c.Revision++
		if _, err := tx.ExecContext(ctx, `UPDATE credits SET name = $1, revision = $2 WHERE tenant_id = $3 AND id = $4`,
			c.Name, c.Revision, tenant, id); err != nil {
			return err
		}
		return s.record(ctx, tx, tenant, act)
	})
	return c, err
}

// CreditUse says where a credit is used.
type CreditUse struct {
	Granted  int64 `db:"granted"`  // grants that hold; parked while the catalogue lacks the credit
	Consumed int64 `db:"consumed"` // of those, used up
	Revoked  int64 `db:"revoked"`
}

// CreditUses counts the grants of credits, by their ids. An id that nobody was
// granted is not in the answer.
func (s *Store) CreditUses(ctx context.Context, tenant string, ids []int64) (map[int64]CreditUse, error) {
	texts := make([]string, len(ids))
	for i, id := range ids {
		texts[i] = strconv.FormatInt(id, 10)
	}
	list, err := json.Marshal(texts)
	if err != nil {
		return nil, fmt.Errorf("store: %w", err)
	}
	var rows []struct {
		ID int64 `db:"credit_id"`
		CreditUse
	}
	err = s.read.SelectContext(ctx, &rows, `
SELECT credit_id, sum(CASE WHEN revoked_at IS NULL THEN 1 ELSE 0 END) AS granted,
       sum(CASE WHEN revoked_at IS NULL AND consumed_at IS NOT NULL THEN 1 ELSE 0 END) AS consumed,
       sum(CASE WHEN revoked_at IS NULL THEN 0 ELSE 1 END) AS revoked
  FROM grants WHERE tenant_id = $1
   AND credit_id `+s.dialect.among(`SELECT CAST(value AS bigint) FROM `+s.dialect.jsonEach()+`($2)`)+`
 GROUP BY credit_id`, tenant, string(list))
	uses := map[int64]CreditUse{}
	for _, row := range rows {
		uses[row.ID] = row.CreditUse
	}
	return uses, fault(err)
}

// ParkedCredit is an id that people were granted and the catalogue lacks.
type ParkedCredit struct {
	ID     int64 `db:"credit_id"`
	Grants int64 `db:"grants"` // that would take effect
}

// ParkedCredits returns the smallest ids that are parked, at most limit.
func (s *Store) ParkedCredits(ctx context.Context, tenant string, limit int) ([]ParkedCredit, error) {
	var parked []ParkedCredit
	err := s.read.SelectContext(ctx, &parked, `
SELECT g.credit_id, count(*) AS grants FROM grants g
 WHERE g.tenant_id = $1 AND g.revoked_at IS NULL
   AND NOT EXISTS (SELECT 1 FROM credits c WHERE c.tenant_id = $1 AND c.id = g.credit_id)
 GROUP BY g.credit_id ORDER BY g.credit_id LIMIT $2`, tenant, limit)
	return parked, fault(err)
}

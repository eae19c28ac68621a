package store

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/jmoiron/sqlx"
)

// Kinds of unknown names.
const (
	KindGroup  = "group"
	KindCredit = "credit"
)

// UnknownName is a group or a credit that an integration's tokens have named
// and the catalogue lacked.
type UnknownName struct {
	TenantID      string    `db:"tenant_id"`
	IntegrationID string    `db:"integration_id"`
	Kind          string    `db:"kind"` // KindGroup or KindCredit
	Name          string    `db:"name"` // a group's external id, a credit's id in decimal
	Count         int64     `db:"count"`
	FirstSeen     time.Time `db:"first_seen"`
	LastSeen      time.Time `db:"last_seen"`
}

// maxUnknown is about how many unknown names are kept of one integration; the
// ones seen longest ago give way.
const maxUnknown = 200

// CountUnknown adds to what is known of unknown names.
func (s *Store) CountUnknown(ctx context.Context, names []UnknownName) error {
	// One order for all: two instances that count at once wait for each other
	// and do not lock each other out.
	names = slices.SortedFunc(slices.Values(names), func(a, b UnknownName) int {
		return cmp.Or(cmp.Compare(a.IntegrationID, b.IntegrationID), cmp.Compare(a.Kind, b.Kind),
			cmp.Compare(a.Name, b.Name), cmp.Compare(a.TenantID, b.TenantID))
	})
	return s.inTx(ctx, func(tx *sqlx.Tx) error {
		for i, n := range names {
			_, err := tx.NamedExecContext(ctx, `
INSERT INTO unknown_names (tenant_id, integration_id, kind, name, count, first_seen, last_seen)
VALUES (:tenant_id, :integration_id, :kind, :name, :count, :first_seen, :last_seen)
ON CONFLICT (integration_id, kind, name, tenant_id)
DO UPDATE SET count = unknown_names.count + excluded.count, last_seen = excluded.last_seen`, n)
			if err != nil {
				return err
			}
			if i+1 < len(names) && names[i+1].IntegrationID == n.IntegrationID {
				continue
			}
			_, err = tx.ExecContext(ctx, `
DELETE FROM unknown_names WHERE tenant_id = $1 AND integration_id = $2 AND last_seen <
    (SELECT last_seen FROM unknown_names WHERE tenant_id = $1 AND integration_id = $2
      ORDER BY last_seen DESC LIMIT 1 OFFSET $3)`, n.TenantID, n.IntegrationID, maxUnknown-1)
			if err != nil {
				return err
			}
		}
		return nil
	})
}

// UnknownNames returns what is kept of one integration, the last seen first.
func (s *Store) UnknownNames(ctx context.Context, tenant, integration string) ([]UnknownName, error) {
	var names []UnknownName
	err := s.read.SelectContext(ctx, &names, `
SELECT tenant_id, integration_id, kind, name, count, first_seen, last_seen FROM unknown_names
 WHERE integration_id = $2 AND tenant_id = $1 ORDER BY last_seen DESC, kind, name LIMIT $3`,
		tenant, integration, maxUnknown)
	return names, fault(err)
}

// Catalogued returns which of these groups (by external id) and credits exist.
func (s *Store) Catalogued(ctx context.Context, tenant string, groups []string, credits []int64) (knownGroups []string, knownCredits []int64, err error) {
	ids := make([]string, len(credits))
	for i, id := range credits {
		ids[i] = fmt.Sprint(id)
	}
	groupList, err := json.Marshal(nonNil(groups))
	if err != nil {
		return nil, nil, fmt.Errorf("store: %w", err)
	}
	creditList, err := json.Marshal(ids)
	if err != nil {
		return nil, nil, fmt.Errorf("store: %w", err)
	}
	each := s.dialect.jsonEach()
	err = s.read.SelectContext(ctx, &knownGroups, `SELECT external_id FROM groups WHERE tenant_id = $1 AND external_id `+
		s.dialect.among(`SELECT value FROM `+each+`($2)`), tenant, string(groupList))
	if err != nil {
		return nil, nil, fault(err)
	}
	err = s.read.SelectContext(ctx, &knownCredits, `SELECT id FROM credits WHERE tenant_id = $1 AND id `+
		s.dialect.among(`SELECT CAST(value AS bigint) FROM `+each+`($2)`), tenant, string(creditList))
	return knownGroups, knownCredits, fault(err)
}

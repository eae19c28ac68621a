package store

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
)

// Met is what Identify finds of the person whom a presented token means.
type Met struct {
	// Current is false when the integration has changed or was removed since
	// the token was verified: verify again under a fresh copy.
	Current    bool  `db:"current"`
	Generation int64 `db:"generation"` // of the integration

	// Known is true when the integration knows the person; the rest is set only
	// then.
	Known        bool   `db:"known"`
	UserID       string `db:"user_id"`
	Status       string `db:"status"`
	SessionEpoch int64  `db:"session_epoch"`
	Version      int64  `db:"version"`
	Onboarding   bool   `db:"onboarding"`
	// Dated is true when nothing of the token is to be applied: one of the
	// person's that was issued then or later was used, or this very one was.
	Dated bool `db:"dated"`
}

// Identify says whom a presented token means, where Recall has found no equal
// fingerprint, and whether it is newer than what was used. It writes nothing,
// and Apply looks again.
func (s *Store) Identify(ctx context.Context, q Recollection) (Met, error) {
	column, value := q.person()
	stmt, err := s.stmt(ctx, s.read, identifyQuery(column))
	if err != nil {
		return Met{}, fault(err)
	}
	var m Met
	err = stmt.GetContext(ctx, &m, q.Revision, q.Token.IssuedAt, []byte(q.Token.Key), value, q.TenantID, q.IntegrationID)
	return m, fault(err)
}

// identifyQuery is the statement of Identify, for either way to find the
// identity.
func identifyQuery(column string) string {
	return `
SELECT n.revision = $1 AND n.removed_at IS NULL AS current, n.generation, i.id IS NOT NULL AS known,
       coalesce(CAST(u.id AS text), '') AS user_id, coalesce(u.status, '') AS status,
       coalesce(u.session_epoch, 0) AS session_epoch, coalesce(u.version, 0) AS version,
       coalesce(u.onboarding, false) AS onboarding,
       coalesce(i.applied_at >= $2, false)
       OR EXISTS (SELECT 1 FROM used_tokens t
                   WHERE t.tenant_id = i.tenant_id AND t.identity_id = i.id AND t.issued_at >= $2)
       OR EXISTS (SELECT 1 FROM used_tokens t
                   WHERE t.tenant_id = n.tenant_id AND t.integration_id = n.id AND t.token_key = $3) AS dated
  FROM integrations n
  LEFT JOIN identities i ON i.tenant_id = n.tenant_id AND i.integration_id = n.id AND i.` + column + ` = $4
  LEFT JOIN users u ON u.tenant_id = i.tenant_id AND u.id = i.user_id
 WHERE n.tenant_id = $5 AND n.id = $6`
}

// Principal is what an application is told of a user.
type Principal struct {
	Email   string
	Status  string
	Version int64
	Groups  []string // external ids, sorted
}

// Principal returns it in one statement, or ErrNotFound.
func (s *Store) Principal(ctx context.Context, tenant, user string) (Principal, error) {
	stmt, err := s.stmt(ctx, s.read, s.dialect.principalQuery())
	if err != nil {
		return Principal{}, fault(err)
	}
	var p Principal
	var groups []byte
	if err := stmt.QueryRowxContext(ctx, tenant, user).Scan(&p.Email, &p.Status, &p.Version, &groups); err != nil {
		return Principal{}, fault(err)
	}
	if err := json.Unmarshal(groups, &p.Groups); err != nil {
		return Principal{}, fmt.Errorf("store: groups of user %s: %w", user, err)
	}
	// A membership has a row for each of its sources.
	slices.Sort(p.Groups)
	p.Groups = slices.Compact(p.Groups)
	return p, nil
}

func (d dialect) principalQuery() string {
	return `
SELECT u.email, u.status, u.version, coalesce((SELECT ` + d.jsonArray() + `(
           (SELECT g.external_id FROM groups g WHERE g.tenant_id = m.tenant_id AND g.id = m.group_id))
         FROM group_members m WHERE m.tenant_id = u.tenant_id AND m.user_id = u.id), '[]')
  FROM users u WHERE u.tenant_id = $1 AND u.id = $2`
}

package store

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/jmoiron/sqlx"
)

// TokenGrant is what a person gives a client.
type TokenGrant struct {
	TenantID    string
	ID          string // UUIDv7; the sid of its tokens
	Family      string // the id of the first grant of its family
	Client      string // the id of the client's row
	User        string
	Integration string // "" = none: it hangs on the user alone
	Generation  int64  // of the integration, when the person signed in
	Epoch       int64  // of the user's sessions, the same
	AuthTime    time.Time
	Methods     []string        // amr
	Scopes      []string        // sorted
	Attributes  json.RawMessage // JSON object that its tokens carry; nil = none
	CreatedAt   time.Time
	ExpiresAt   time.Time  // before its code is redeemed, that of the code
	RevokedAt   *time.Time // of its family; nil = not
}

// grantTables are what a grant g hangs on besides its client.
const grantTables = `
  LEFT JOIN token_grants f ON f.id = g.family AND f.tenant_id = g.tenant_id
  LEFT JOIN users u ON u.id = g.user_id AND u.tenant_id = g.tenant_id
  LEFT JOIN integrations n ON n.id = g.integration_id AND n.tenant_id = g.tenant_id`

// grantLives is the condition under which a grant g is live, beside its end and
// its client: its family was not revoked, and the person may sign in and was not
// signed out since, neither alone nor with the integration.
const grantLives = `(f.id IS NOT NULL AND f.revoked_at IS NULL
   AND u.status = 'active' AND u.session_epoch = g.session_epoch
   AND (g.integration_id IS NULL OR n.removed_at IS NULL AND n.generation = g.generation))`

// grantColumns are those of g and of its family f, under names that no other
// table has.
const grantColumns = `g.id AS g_id, g.family AS g_family, g.client AS g_client, g.user_id AS g_user, g.integration_id AS g_integration,
       g.generation AS g_generation, g.session_epoch AS g_epoch, g.auth_time AS g_auth_time, g.methods AS g_methods,
       g.scopes AS g_scopes, g.attributes AS g_attributes, g.created_at AS g_created_at, g.expires_at AS g_expires_at,
       f.revoked_at AS g_revoked_at`

// grantRow is a TokenGrant as it is read, where there may be none.
type grantRow struct {
	ID          *string    `db:"g_id"`
	Family      *string    `db:"g_family"`
	Client      *string    `db:"g_client"`
	User        *string    `db:"g_user"`
	Integration *string    `db:"g_integration"`
	Generation  *int64     `db:"g_generation"`
	Epoch       *int64     `db:"g_epoch"`
	AuthTime    *time.Time `db:"g_auth_time"`
	Methods     *string    `db:"g_methods"`
	Scopes      *string    `db:"g_scopes"`
	Attributes  *string    `db:"g_attributes"`
	CreatedAt   *time.Time `db:"g_created_at"`
	ExpiresAt   *time.Time `db:"g_expires_at"`
	RevokedAt   *time.Time `db:"g_revoked_at"`
}

// grant is nil where there is none, which is no error.
func (r grantRow) grant(tenant string) (*TokenGrant, error) {
	if r.ID == nil {
		return nil, nil
	}
	g := &TokenGrant{
		TenantID: tenant, ID: *r.ID, Family: *r.Family, Client: *r.Client, User: *r.User, Integration: text(r.Integration),
		Generation: *r.Generation, Epoch: *r.Epoch, AuthTime: *r.AuthTime,
		CreatedAt: *r.CreatedAt, ExpiresAt: *r.ExpiresAt, RevokedAt: r.RevokedAt,
	}
	if r.Attributes != nil {
		g.Attributes = json.RawMessage(*r.Attributes)
	}
	err := json.Unmarshal([]byte(*r.Methods), &g.Methods)
	if err == nil {
		err = json.Unmarshal([]byte(*r.Scopes), &g.Scopes)
	}
	if err != nil {
		return nil, fmt.Errorf("store: lists of grant %s: %w", g.ID, err)
	}
	return g, nil
}

// Given is what is kept of the tokens that a client gets for a grant at once; nil
// = there is none of the kind.
type Given struct {
	Code    *AuthorizationCode
	Refresh *RefreshToken
	Access  *AccessToken // a reference token
}

// AddTokenGrant writes a grant and what is given for it, or returns ErrNotFound
// when it would not be live.
func (s *Store) AddTokenGrant(ctx context.Context, g TokenGrant, given Given) error {
	methods, err := json.Marshal(nonNil(g.Methods))
	if err != nil {
		return fmt.Errorf("store: methods of a grant: %w", err)
	}
	scopes, err := json.Marshal(nonNil(g.Scopes))
	if err != nil {
		return fmt.Errorf("store: scopes of a grant: %w", err)
	}
	return s.inTx(ctx, func(tx *sqlx.Tx) error {
		result, err := tx.ExecContext(ctx, `
INSERT INTO token_grants (tenant_id, id, family, client, user_id, integration_id, generation, session_epoch, auth_time,
                          methods, scopes, attributes, created_at, expires_at)
SELECT c.tenant_id, $1, $2, c.id, u.id, $3, $4, $5, $6, $7, $8, $9, $10, $11
  FROM clients c JOIN users u ON u.tenant_id = c.tenant_id
 WHERE c.tenant_id = $12 AND c.id = $13 AND NOT c.disabled
   AND u.id = $14 AND u.status = 'active' AND u.session_epoch = $5
   AND ($15 OR EXISTS (SELECT 1 FROM integrations n
                        WHERE n.id = $3 AND n.tenant_id = c.tenant_id AND n.removed_at IS NULL AND n.generation = $4))
   AND ($16 OR EXISTS (SELECT 1 FROM token_grants f
                        WHERE f.id = $2 AND f.tenant_id = c.tenant_id AND f.revoked_at IS NULL))`,
			g.ID, g.Family, null(g.Integration), g.Generation, g.Epoch, g.AuthTime.UTC(), string(methods), string(scopes),
			null(string(g.Attributes)), g.CreatedAt.UTC(), g.ExpiresAt.UTC(), g.TenantID, g.Client, g.User,
			g.Integration == "", g.Family == g.ID)
		if err := some(result, err); err != nil {
			return err
		}
		return s.give(ctx, tx, g.TenantID, given)
	})
}

// give writes what is given for a grant. The grant may have died meanwhile; then
// so has what is written.
func (s *Store) give(ctx context.Context, tx *sqlx.Tx, tenant string, given Given) error {
	if given.Code != nil {
		if err := addCode(ctx, tx, tenant, *given.Code); err != nil {
			return err
		}
	}
	if given.Refresh != nil {
		if err := addRefreshToken(ctx, tx, tenant, *given.Refresh); err != nil {
			return err
		}
	}
	if given.Access == nil {
		return nil
	}
	return addPersonsToken(ctx, tx, *given.Access)
}

// Give writes what is given for a grant that is there already, or returns
// ErrNotFound.
func (s *Store) Give(ctx context.Context, tenant string, given Given) error {
	return s.inTx(ctx, func(tx *sqlx.Tx) error { return s.give(ctx, tx, tenant, given) })
}

// LiveTokenGrant returns a grant that is live at a time, and its client, or
// ErrNotFound. jti is the name of a token that must not have been taken back, ""
// = of none.
func (s *Store) LiveTokenGrant(ctx context.Context, tenant, id, jti string, at time.Time) (Client, TokenGrant, error) {
	stmt, err := s.stmt(ctx, s.read, `
SELECT `+ownClientColumns+`, `+grantColumns+`
  FROM token_grants g JOIN clients o ON o.id = g.client AND o.tenant_id = g.tenant_id`+grantTables+`
 WHERE g.id = $1 AND g.tenant_id = $2 AND g.expires_at > $3 AND NOT o.disabled AND `+grantLives+`
   AND NOT EXISTS (SELECT 1 FROM revoked_tokens r WHERE r.id = $4 AND r.tenant_id = g.tenant_id)`)
	if err != nil {
		return Client{}, TokenGrant{}, fault(err)
	}
	var row struct {
		clientRow
		grantRow
	}
	if err := stmt.GetContext(ctx, &row, id, tenant, at.UTC(), null(jti)); err != nil {
		return Client{}, TokenGrant{}, fault(err)
	}
	c, err := row.client()
	if err != nil {
		return Client{}, TokenGrant{}, err
	}
	g, err := row.grant(tenant)
	if err != nil {
		return Client{}, TokenGrant{}, err
	}
	return c, *g, nil
}

// RevokeFamily ends the family of a grant. That there is none is no error.
func (s *Store) RevokeFamily(ctx context.Context, tenant, id string, at time.Time) error {
	_, err := s.write.ExecContext(ctx, `
UPDATE token_grants SET revoked_at = $1
 WHERE tenant_id = $2 AND revoked_at IS NULL
   AND id = (SELECT family FROM token_grants WHERE id = $3 AND tenant_id = $2)`, at.UTC(), tenant, id)
	return fault(err)
}

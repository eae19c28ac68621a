package store

import (
	"context"
	"errors"
	"time"

	"github.com/jmoiron/sqlx"
)

// SCIMConnection is how a directory keeps the people of an integration.
type SCIMConnection struct {
	TenantID      string    `db:"tenant_id"`
	IntegrationID string    `db:"integration_id"`
	Subject       string    `db:"subject"`  // SCIMSubjectExternalID, SCIMSubjectUserName or SCIMSubjectNone
	Rate          int64     `db:"rate"`     // as Client.Rate
	Revision      int64     `db:"revision"` // grows with every change, also of the tokens; 0 = never changed
	UpdatedAt     time.Time `db:"updated_at"`
}

// Values of SCIMConnection.Subject: which of a directory's attributes is what the
// integration's own tokens have as sub.
const (
	SCIMSubjectExternalID = "external_id"
	SCIMSubjectUserName   = "user_name"
	SCIMSubjectNone       = "none" // people are told apart by their e-mails
)

// SCIMToken is what a directory shows to speak for an integration. The token
// itself is not kept.
type SCIMToken struct {
	TenantID      string     `db:"tenant_id"`
	ID            string     `db:"id"` // UUIDv7
	IntegrationID string     `db:"integration_id"`
	Name          string     `db:"name"`
	Digest        []byte     `db:"digest"` // SHA-256 of the token
	Ending        string     `db:"ending"` // its last characters
	CreatedAt     time.Time  `db:"created_at"`
	ExpiresAt     *time.Time `db:"expires_at"` // nil = never
	UsedAt        *time.Time `db:"used_at"`    // within a minute; nil = never
	RevokedAt     *time.Time `db:"revoked_at"`
}

// Live reports whether a token is good at a time.
func (t SCIMToken) Live(at time.Time) bool {
	return t.RevokedAt == nil && (t.ExpiresAt == nil || t.ExpiresAt.After(at))
}

const scimTokenColumns = `tenant_id, id, integration_id, name, digest, ending, created_at, expires_at, used_at, revoked_at`

// SCIMConnection returns how an integration's directory is connected: the
// defaults where nothing was ever chosen.
func (s *Store) SCIMConnection(ctx context.Context, tenant, integration string) (SCIMConnection, error) {
	c, err := scimConnection(ctx, s.read, tenant, integration, "")
	return c, fault(err)
}

func scimConnection(ctx context.Context, q sqlx.QueryerContext, tenant, integration, lock string) (SCIMConnection, error) {
	c := SCIMConnection{TenantID: tenant, IntegrationID: integration, Subject: SCIMSubjectExternalID, Rate: UsualRate}
	err := sqlx.GetContext(ctx, q, &c, `
SELECT tenant_id, integration_id, subject, rate, revision, updated_at
  FROM scim_connections WHERE integration_id = $1 AND tenant_id = $2`+lock, integration, tenant)
	if errors.Is(fault(err), ErrNotFound) {
		err = nil
	}
	return c, err
}

// SCIMTokens returns an integration's tokens with an id before the given one ("" =
// all), revoked ones too, newest first, at most limit.
func (s *Store) SCIMTokens(ctx context.Context, tenant, integration, before string, limit int) ([]SCIMToken, error) {
	if before == "" {
		before = afterEveryID
	}
	var tokens []SCIMToken
	err := s.read.SelectContext(ctx, &tokens, `
SELECT `+scimTokenColumns+` FROM scim_tokens
 WHERE integration_id = $1 AND tenant_id = $2 AND id < $3 ORDER BY id DESC LIMIT $4`, integration, tenant, before, limit)
	return tokens, fault(err)
}

// SCIMToken returns a token of an integration, whatever its state, or ErrNotFound.
func (s *Store) SCIMToken(ctx context.Context, tenant, integration, id string) (SCIMToken, error) {
	var t SCIMToken
	err := s.read.GetContext(ctx, &t, `
SELECT `+scimTokenColumns+` FROM scim_tokens WHERE id = $1 AND integration_id = $2 AND tenant_id = $3`, id, integration, tenant)
	return t, fault(err)
}

// SCIMBearer returns whose token of the tenant has this digest, whatever its
// state. It is ErrNotFound also when the integration was removed.
func (s *Store) SCIMBearer(ctx context.Context, tenant string, digest []byte) (SCIMToken, SCIMConnection, error) {
	stmt, err := s.stmt(ctx, s.read, `
SELECT t.tenant_id, t.id, t.integration_id, t.name, t.digest, t.ending, t.created_at, t.expires_at, t.used_at, t.revoked_at,
       coalesce(c.subject, '`+SCIMSubjectExternalID+`') AS subject, coalesce(c.revision, 0) AS revision,
       coalesce(c.rate, -1) AS rate
  FROM scim_tokens t
  JOIN integrations n ON n.id = t.integration_id AND n.tenant_id = t.tenant_id AND n.removed_at IS NULL
  LEFT JOIN scim_connections c ON c.integration_id = t.integration_id AND c.tenant_id = t.tenant_id
 WHERE t.digest = $1 AND t.tenant_id = $2`)
	if err != nil {
		return SCIMToken{}, SCIMConnection{}, fault(err)
	}
	var row struct {
		SCIMToken
		Subject  string `db:"subject"`
		Rate     int64  `db:"rate"`
		Revision int64  `db:"revision"`
	}
	if err := stmt.GetContext(ctx, &row, digest, tenant); err != nil {
		return SCIMToken{}, SCIMConnection{}, fault(err)
	}
	return row.SCIMToken, SCIMConnection{
		TenantID: tenant, IntegrationID: row.IntegrationID, Subject: row.Subject, Rate: row.Rate, Revision: row.Revision,
	}, nil
}

// UseSCIMToken records that a token was used.
func (s *Store) UseSCIMToken(ctx context.Context, tenant, id string, at time.Time) error {
	_, err := s.write.ExecContext(ctx, `UPDATE scim_tokens SET used_at = $1 WHERE id = $2 AND tenant_id = $3`, at.UTC(), id, tenant)
	return fault(err)
}

// SCIMChange is what becomes of a connection in one change.
type SCIMChange struct {
	Add    *SCIMToken
	Revoke string // the id of a live token; "" = none
	Act    Act
}

// ChangeSCIMConnection lets change edit a connection and its tokens; an act
// without an action writes nothing. It gets how many tokens are live. The errors
// are ErrNotFound, for an integration that is not installed and a token that does
// not live, ErrChanged, and change's own unaltered.
func (s *Store) ChangeSCIMConnection(ctx context.Context, tenant, integration string,
	change func(c *SCIMConnection, live int) (SCIMChange, error),
) (SCIMConnection, error) {
	var c SCIMConnection
	err := s.inTx(ctx, func(tx *sqlx.Tx) error {
		var id string
		err := tx.GetContext(ctx, &id, `
SELECT id FROM integrations WHERE id = $1 AND tenant_id = $2 AND removed_at IS NULL`+s.dialect.forChange(), integration, tenant)
		if err != nil {
			return err
		}
		if c, err = scimConnection(ctx, tx, tenant, integration, ""); err != nil {
			return err
		}
		now := s.now().UTC()
		var live int
		if err := tx.GetContext(ctx, &live, `
SELECT count(*) FROM scim_tokens
 WHERE integration_id = $1 AND tenant_id = $2 AND revoked_at IS NULL AND (expires_at IS NULL OR expires_at > $3)`,
			integration, tenant, now); err != nil {
			return err
		}
		wish, err := change(&c, live)
		if err != nil {
			return err
		}
		if err := wish.Act.By.expects(c.Revision); err != nil || wish.Act.nothing() {
			return err
		}
		c.Revision, c.UpdatedAt = c.Revision+1, now
		if _, err := tx.NamedExecContext(ctx, `
INSERT INTO scim_connections (tenant_id, integration_id, subject, rate, revision, updated_at)
VALUES (:tenant_id, :integration_id, :subject, :rate, :revision, :updated_at)
ON CONFLICT (integration_id, tenant_id)
DO UPDATE SET subject = excluded.subject, rate = excluded.rate, revision = excluded.revision, updated_at = excluded.updated_at`, c); err != nil {
			return err
		}
		if wish.Add != nil {
			if _, err := tx.NamedExecContext(ctx, `
INSERT INTO scim_tokens (`+scimTokenColumns+`)
VALUES (:tenant_id, :id, :integration_id, :name, :digest, :ending, :created_at, :expires_at, :used_at, :revoked_at)`,
				*wish.Add); err != nil {
				return err
			}
		}
		if wish.Revoke != "" {
			if err := revokeSCIMToken(ctx, tx, tenant, integration, wish.Revoke, now); err != nil {
				return err
			}
		}
		return s.record(ctx, tx, tenant, wish.Act)
	})
	return c, err
}

func revokeSCIMToken(ctx context.Context, tx *sqlx.Tx, tenant, integration, id string, at time.Time) error {
	result, err := tx.ExecContext(ctx, `
UPDATE scim_tokens SET revoked_at = $1 WHERE id = $2 AND integration_id = $3 AND tenant_id = $4 AND revoked_at IS NULL`,
		at, id, integration, tenant)
	if err != nil {
		return err
	}
	if n, err := result.RowsAffected(); err != nil {
		return err
	} else if n == 0 {
		return ErrNotFound
	}
	return spendAnswers(ctx, tx, tenant, id)
}

// HoldSCIM keeps a token and its integration good until the commit, or returns
// ErrNotFound: a revocation and a removal return when what the directory was
// writing is written.
func (l *Look) HoldSCIM(ctx context.Context, integration, token string) error {
	lock := ""
	if l.s.dialect == postgres {
		lock = " FOR SHARE"
		// As every sign-in of the integration does.
		if _, err := l.tx.ExecContext(ctx, `
SELECT pg_advisory_xact_lock_shared(hashtextextended('usher integration ' || $1::text, 0))`, integration); err != nil {
			return fault(err)
		}
	}
	var id string
	err := l.tx.GetContext(ctx, &id, `
SELECT id FROM scim_tokens WHERE id = $1 AND integration_id = $2 AND tenant_id = $3 AND revoked_at IS NULL
   AND EXISTS (SELECT 1 FROM integrations WHERE id = $2 AND tenant_id = $3 AND removed_at IS NULL)`+lock,
		token, integration, l.tenant)
	return fault(err)
}

package store

import (
	"context"
	"time"

	"github.com/jmoiron/sqlx"
)

// Holder is what a Secret belongs to.
type Holder string

// The holders.
const (
	OfClient        Holder = "client"
	OfAPIConnection Holder = "api_connection"
)

// owners is the table of the holders, and secrets that of their secrets.
func (h Holder) owners() string {
	if h == OfClient {
		return "clients"
	}
	return "api_connections"
}

func (h Holder) secrets() string {
	if h == OfClient {
		return "client_secrets"
	}
	return "api_connection_secrets"
}

// public is the column that says that a holder has no secrets.
func (h Holder) public() string {
	if h == OfClient {
		return "public"
	}
	return "false"
}

// Secret is what a client or an API connection shows to prove who it is. The
// secret itself is not kept.
type Secret struct {
	TenantID  string     `db:"tenant_id"`
	ID        string     `db:"id"`       // UUIDv7
	OwnerID   string     `db:"owner_id"` // of the client or API connection
	Digest    []byte     `db:"digest"`   // SHA-256 of the secret
	Ending    string     `db:"ending"`   // its last characters
	CreatedAt time.Time  `db:"created_at"`
	ExpiresAt *time.Time `db:"expires_at"` // nil = never
	UsedAt    *time.Time `db:"used_at"`    // within a minute; nil = never
}

// Live reports whether a secret is good at a time.
func (k Secret) Live(at time.Time) bool { return k.ExpiresAt == nil || k.ExpiresAt.After(at) }

const secretColumns = `tenant_id, id, owner_id, digest, ending, created_at, expires_at, used_at`

// Secrets returns what an owner has, oldest first, ended ones too, at most limit
// of the newest.
func (s *Store) Secrets(ctx context.Context, tenant string, h Holder, owner string, limit int) ([]Secret, error) {
	return secretsOf(ctx, s.read, tenant, h, owner, limit)
}

func secretsOf(ctx context.Context, q sqlx.QueryerContext, tenant string, h Holder, owner string, limit int) ([]Secret, error) {
	var secrets []Secret
	err := sqlx.SelectContext(ctx, q, &secrets, `
SELECT `+secretColumns+` FROM (
    SELECT `+secretColumns+` FROM `+h.secrets()+` WHERE owner_id = $1 AND tenant_id = $2 ORDER BY id DESC LIMIT $3) AS newest
 ORDER BY id`, owner, tenant, limit)
	return secrets, fault(err)
}

// SecretChange is what becomes of an owner's secrets: one is added, or the end
// of one is set.
type SecretChange struct {
	Add   *Secret
	End   string     // the id of the secret that ends; "" = none
	EndAt *time.Time // nil = never
	Act   Act
}

// OwnedSecrets are an owner's secrets as a change finds them.
type OwnedSecrets struct {
	Public  bool // the owner is a public client, which has none
	Secrets []Secret
}

// ChangeSecrets lets change decide what becomes of an owner's secrets, of which
// it gets at most limit of the newest; an act without an action writes nothing.
// The owner gets a new revision. The errors are ErrNotFound, ErrChanged, and
// change's own unaltered.
func (s *Store) ChangeSecrets(ctx context.Context, tenant string, h Holder, owner string, limit int,
	change func(OwnedSecrets) (SecretChange, error),
) error {
	return s.inTx(ctx, func(tx *sqlx.Tx) error {
		var found struct {
			Revision int64 `db:"revision"`
			Public   bool  `db:"public"`
		}
		err := tx.GetContext(ctx, &found,
			`SELECT revision, `+h.public()+` AS public FROM `+h.owners()+` WHERE id = $1 AND tenant_id = $2`+s.dialect.forUpdate(), owner, tenant)
		if err != nil {
			return err
		}
		secrets, err := secretsOf(ctx, tx, tenant, h, owner, limit)
		if err != nil {
			return err
		}
		wish, err := change(OwnedSecrets{Public: found.Public, Secrets: secrets})
		if err != nil {
			return err
		}
		if err := wish.Act.By.expects(found.Revision); err != nil || wish.Act.nothing() {
			return err
		}
		if wish.Add != nil {
			if err := addSecret(ctx, tx, h, *wish.Add); err != nil {
				return err
			}
		}
		if wish.End != "" {
			if _, err := tx.ExecContext(ctx,
				`UPDATE `+h.secrets()+` SET expires_at = $1 WHERE id = $2 AND owner_id = $3 AND tenant_id = $4`,
				wish.EndAt, wish.End, owner, tenant); err != nil {
				return err
			}
			if err := spendAnswers(ctx, tx, tenant, wish.End); err != nil {
				return err
			}
		}
		if _, err := tx.ExecContext(ctx,
			`UPDATE `+h.owners()+` SET revision = $1, updated_at = $2 WHERE id = $3 AND tenant_id = $4`,
			found.Revision+1, s.now().UTC(), owner, tenant); err != nil {
			return err
		}
		return s.record(ctx, tx, tenant, wish.Act)
	})
}

func addSecret(ctx context.Context, tx *sqlx.Tx, h Holder, k Secret) error {
	_, err := tx.NamedExecContext(ctx, `
INSERT INTO `+h.secrets()+` (`+secretColumns+`)
VALUES (:tenant_id, :id, :owner_id, :digest, :ending, :created_at, :expires_at, :used_at)`, k)
	return err
}

// spendSecrets destroys the kept answers that show a secret of this owner.
func spendSecrets(ctx context.Context, tx *sqlx.Tx, tenant string, h Holder, owner string) error {
	var ids []string
	if err := tx.SelectContext(ctx, &ids,
		`SELECT id FROM `+h.secrets()+` WHERE owner_id = $1 AND tenant_id = $2`, owner, tenant); err != nil {
		return err
	}
	for _, id := range ids {
		if err := spendAnswers(ctx, tx, tenant, id); err != nil {
			return err
		}
	}
	return nil
}

// UseSecret records that a secret was used.
func (s *Store) UseSecret(ctx context.Context, tenant string, h Holder, id string, at time.Time) error {
	_, err := s.write.ExecContext(ctx,
		`UPDATE `+h.secrets()+` SET used_at = $1 WHERE id = $2 AND tenant_id = $3`, at.UTC(), id, tenant)
	return fault(err)
}

// liveSecret is a secret beside the row of its owner; nothing, when that has
// none.
type liveSecret struct {
	SecretID  *string    `db:"secret_id"`
	Digest    []byte     `db:"digest"`
	ExpiresAt *time.Time `db:"expires_at"`
	UsedAt    *time.Time `db:"used_at"`
}

// withSecrets finds an owner by the name that it shows, and its live secrets, in
// one round trip. columns are those of the owner's table, named o; $1 is its
// name, $2 the tenant, and $3 the time.
func (h Holder) withSecrets(columns, name string) string {
	return `
SELECT ` + columns + `, s.id AS secret_id, s.digest, s.expires_at, s.used_at
  FROM ` + h.owners() + ` o LEFT JOIN ` + h.secrets() + ` s
    ON s.owner_id = o.id AND s.tenant_id = o.tenant_id AND (s.expires_at IS NULL OR s.expires_at > $3)
 WHERE o.` + name + ` = $1 AND o.tenant_id = $2`
}

// ownerWithSecrets runs a query of withSecrets into rows.
func (s *Store) ownerWithSecrets(ctx context.Context, rows any, query, tenant, name string, at time.Time) error {
	stmt, err := s.stmt(ctx, s.read, query)
	if err != nil {
		return fault(err)
	}
	return fault(stmt.SelectContext(ctx, rows, name, tenant, at.UTC()))
}

// addTo appends the secret to a list, if there is one.
func (k liveSecret) addTo(secrets []Secret, tenant, owner string) []Secret {
	if k.SecretID == nil {
		return secrets
	}
	return append(secrets, Secret{
		TenantID: tenant, ID: *k.SecretID, OwnerID: owner, Digest: k.Digest, ExpiresAt: k.ExpiresAt, UsedAt: k.UsedAt,
	})
}

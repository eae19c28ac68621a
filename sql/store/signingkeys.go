package store

import (
	"context"
	"errors"
	"time"

	"github.com/jmoiron/sqlx"
)

// SigningKey is a key with which a tenant's tokens are signed.
type SigningKey struct {
	TenantID   string     `db:"tenant_id"`
	KID        string     `db:"kid"`    // RFC 7638 thumbprint
	Number     int64      `db:"number"` // 1, 2, … in the tenant
	Algorithm  string     `db:"algorithm"`
	PublicJWK  string     `db:"public_jwk"`  // RFC 7517
	PrivateKey []byte     `db:"private_key"` // sealed PKCS #8; nil = destroyed
	CreatedAt  time.Time  `db:"created_at"`
	ActiveAt   time.Time  `db:"active_at"`
	RetiredAt  *time.Time `db:"retired_at"` // nil = no successor yet
	GoneAt     *time.Time `db:"gone_at"`    // set with RetiredAt
}

const signingKeyColumns = `tenant_id, kid, number, algorithm, public_jwk, private_key, created_at, active_at, retired_at, gone_at`

// SigningKeys returns a tenant's keys that are not gone at a time, newest first.
func (s *Store) SigningKeys(ctx context.Context, tenant string, at time.Time) ([]SigningKey, error) {
	stmt, err := s.stmt(ctx, s.read, `
SELECT `+signingKeyColumns+` FROM signing_keys
 WHERE tenant_id = $1 AND (gone_at IS NULL OR gone_at > $2) ORDER BY number DESC`)
	if err != nil {
		return nil, fault(err)
	}
	var keys []SigningKey
	return keys, fault(stmt.SelectContext(ctx, &keys, tenant, at.UTC()))
}

// SigningKeyPage returns a tenant's keys with a number below the given one (0 =
// all), those that are gone too, newest first, at most limit.
func (s *Store) SigningKeyPage(ctx context.Context, tenant string, before int64, limit int) ([]SigningKey, error) {
	var keys []SigningKey
	err := s.read.SelectContext(ctx, &keys, `
SELECT `+signingKeyColumns+` FROM signing_keys
 WHERE tenant_id = $1 AND (number < $2 OR $2 = 0) ORDER BY number DESC LIMIT $3`, tenant, before, limit)
	return keys, fault(err)
}

// SigningKeyChange is what becomes of a tenant's keys.
type SigningKeyChange struct {
	Add SigningKey // without tenant and number
	// Ending are keys with other RetiredAt and GoneAt than before, and those
	// whose PrivateKey is nil now.
	Ending []SigningKey
	Act    Act // an act without an action: nothing is to change
}

// ChangeSigningKeys lets decide make a key, and end others, among those that are
// not gone at a time, newest first, and returns the key that was made. Of two that
// make keys in one moment, one decides anew with the other's before it. Errors of
// decide come back unaltered.
func (s *Store) ChangeSigningKeys(ctx context.Context, tenant string, at time.Time,
	decide func(keys []SigningKey) (SigningKeyChange, error),
) (made SigningKey, err error) {
	for try := 1; ; try++ {
		err = s.inTx(ctx, func(tx *sqlx.Tx) error {
			var keys []SigningKey
			err := tx.SelectContext(ctx, &keys, `
SELECT `+signingKeyColumns+` FROM signing_keys
 WHERE tenant_id = $1 AND (gone_at IS NULL OR gone_at > $2) ORDER BY number DESC`+s.dialect.forUpdate(), tenant, at.UTC())
			if err != nil {
				return err
			}
			change, err := decide(keys)
			if err != nil || change.Act.nothing() {
				return err
			}
			made = change.Add
			made.TenantID, made.Number = tenant, 1
			if len(keys) > 0 {
				made.Number = keys[0].Number + 1 // taken when another was made since they were read
			}
			if err := writeSigningKeys(ctx, tx, made, change.Ending); err != nil {
				return err
			}
			return s.record(ctx, tx, tenant, change.Act)
		})
		if !errors.Is(err, ErrTaken) || try > maxRetries {
			return made, err
		}
	}
}

func writeSigningKeys(ctx context.Context, tx *sqlx.Tx, made SigningKey, ending []SigningKey) error {
	for _, k := range ending {
		if _, err := tx.NamedExecContext(ctx, `
UPDATE signing_keys SET private_key = :private_key, retired_at = :retired_at, gone_at = :gone_at
 WHERE kid = :kid AND tenant_id = :tenant_id`, k); err != nil {
			return err
		}
	}
	_, err := tx.NamedExecContext(ctx, `
INSERT INTO signing_keys (`+signingKeyColumns+`)
VALUES (:tenant_id, :kid, :number, :algorithm, :public_jwk, :private_key, :created_at, :active_at, :retired_at, :gone_at)`, made)
	return err
}

// DestroySigningKeys deletes the private parts of keys of all tenants that were
// retired before a time.
func (s *Store) DestroySigningKeys(ctx context.Context, retired time.Time) error {
	_, err := s.write.ExecContext(ctx, `
UPDATE signing_keys SET private_key = NULL WHERE private_key IS NOT NULL AND retired_at < $1`, retired.UTC())
	return fault(err)
}

// ForgetSigningKeys deletes keys of all tenants that were gone before a time, at
// most limit, and returns how many. The newest of a tenant is never among them:
// it has no successor.
func (s *Store) ForgetSigningKeys(ctx context.Context, gone time.Time, limit int) (int, error) {
	return s.drop(ctx, oldRows{table: "signing_keys", key: "kid, tenant_id", since: "gone_at"}, gone.UTC(), limit)
}

// NewestSealedSigningKey returns the key with a private part that was made last,
// of all tenants, or ErrNotFound.
func (s *Store) NewestSealedSigningKey(ctx context.Context) (SigningKey, error) {
	var k SigningKey
	return k, fault(s.read.GetContext(ctx, &k, `
SELECT `+signingKeyColumns+` FROM signing_keys WHERE private_key IS NOT NULL ORDER BY created_at DESC LIMIT 1`))
}

// AgingKey names keys of a tenant.
type AgingKey struct {
	TenantID  string `db:"tenant_id"`
	Algorithm string `db:"algorithm"`
}

// AgingSigningKeys returns whose keys without a successor are active since before
// a time, at most limit.
func (s *Store) AgingSigningKeys(ctx context.Context, active time.Time, limit int) ([]AgingKey, error) {
	var aging []AgingKey
	err := s.read.SelectContext(ctx, &aging, `
SELECT tenant_id, algorithm FROM signing_keys WHERE retired_at IS NULL AND active_at < $1 ORDER BY active_at LIMIT $2`,
		active.UTC(), limit)
	return aging, fault(err)
}

package store

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/jmoiron/sqlx"
)

// APIKey lets a program use the admin's API. The key itself is not kept.
type APIKey struct {
	TenantID  string
	ID        string // UUIDv7
	Name      string
	Digest    []byte   // SHA-256 of the key
	Ending    string   // its last characters
	Scopes    []string // what it may do
	Rate      int64    // as Client.Rate
	CreatedAt time.Time
	ExpiresAt *time.Time // nil = never
	UsedAt    *time.Time // within a minute; nil = never
	RevokedAt *time.Time
}

const apiKeyColumns = `tenant_id, id, name, digest, ending, scopes, created_at, expires_at, used_at, revoked_at, rate`

// apiKeyRow is an APIKey as it is stored.
type apiKeyRow struct {
	TenantID  string     `db:"tenant_id"`
	ID        string     `db:"id"`
	Name      string     `db:"name"`
	Digest    []byte     `db:"digest"`
	Ending    string     `db:"ending"`
	Scopes    string     `db:"scopes"`
	CreatedAt time.Time  `db:"created_at"`
	ExpiresAt *time.Time `db:"expires_at"`
	UsedAt    *time.Time `db:"used_at"`
	RevokedAt *time.Time `db:"revoked_at"`
	Rate      int64      `db:"rate"`
}

func (r apiKeyRow) key() (APIKey, error) {
	k := APIKey{
		TenantID: r.TenantID, ID: r.ID, Name: r.Name, Digest: r.Digest, Ending: r.Ending, CreatedAt: r.CreatedAt,
		ExpiresAt: r.ExpiresAt, UsedAt: r.UsedAt, RevokedAt: r.RevokedAt, Rate: r.Rate,
	}
	if err := json.Unmarshal([]byte(r.Scopes), &k.Scopes); err != nil {
		return APIKey{}, fmt.Errorf("store: scopes of an API key: %w", err)
	}
	return k, nil
}

// AddAPIKey writes a new key.
func (s *Store) AddAPIKey(ctx context.Context, k APIKey, act Act) error {
	scopes, err := json.Marshal(nonNil(k.Scopes))
	if err != nil {
		return fmt.Errorf("store: scopes of an API key: %w", err)
	}
	return s.inTx(ctx, func(tx *sqlx.Tx) error {
		if _, err := tx.ExecContext(ctx, `
INSERT INTO api_keys (`+apiKeyColumns+`) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)`,
			k.TenantID, k.ID, k.Name, k.Digest, k.Ending, string(scopes), k.CreatedAt, k.ExpiresAt, k.UsedAt, k.RevokedAt, k.Rate); err != nil {
			return err
		}
		return s.record(ctx, tx, k.TenantID, act)
	})
}

// APIKeyByDigest returns a key of the tenant, whatever its state.
func (s *Store) APIKeyByDigest(ctx context.Context, tenant string, digest []byte) (APIKey, error) {
	stmt, err := s.stmt(ctx, s.read, `SELECT `+apiKeyColumns+` FROM api_keys WHERE digest = $1 AND tenant_id = $2`)
	if err != nil {
		return APIKey{}, fault(err)
	}
	var row apiKeyRow
	if err := stmt.GetContext(ctx, &row, digest, tenant); err != nil {
		return APIKey{}, fault(err)
	}
	return row.key()
}

// APIKey returns a key of the tenant, whatever its state.
func (s *Store) APIKey(ctx context.Context, tenant, id string) (APIKey, error) {
	var row apiKeyRow
	err := s.read.GetContext(ctx, &row, `SELECT `+apiKeyColumns+` FROM api_keys WHERE id = $1 AND tenant_id = $2`, id, tenant)
	if err != nil {
		return APIKey{}, fault(err)
	}
	return row.key()
}

// APIKeys returns a tenant's keys with an id before the given one ("" = all),
// newest first, at most limit.
func (s *Store) APIKeys(ctx context.Context, tenant, before string, limit int) ([]APIKey, error) {
	if before == "" {
		before = afterEveryID
	}
	var rows []apiKeyRow
	err := s.read.SelectContext(ctx, &rows, `
SELECT `+apiKeyColumns+` FROM api_keys WHERE tenant_id = $1 AND id < $2 ORDER BY id DESC LIMIT $3`, tenant, before, limit)
	if err != nil {
		return nil, fault(err)
	}
	var keys []APIKey
	for _, row := range rows {
		k, err := row.key()
		if err != nil {
			return nil, err
		}
		keys = append(keys, k)
	}
	return keys, nil
}

// afterEveryID is a UUID behind every one that NewID makes.
const afterEveryID = "ffffffff-ffff-ffff-ffff-ffffffffffff"

// UseAPIKey records that a key was used.
func (s *Store) UseAPIKey(ctx context.Context, tenant, id string, at time.Time) error {
	_, err := s.write.ExecContext(ctx, `UPDATE api_keys SET used_at = $1 WHERE id = $2 AND tenant_id = $3`, at, id, tenant)
	return fault(err)
}

// ChangeAPIKey lets change give a key another rate; an act without an action
// writes nothing. It is ErrNotFound when the tenant has none with this id that was
// not revoked.
func (s *Store) ChangeAPIKey(ctx context.Context, tenant, id string, change func(*APIKey) Act) (APIKey, error) {
	var k APIKey
	err := s.inTx(ctx, func(tx *sqlx.Tx) error {
		var row apiKeyRow
		err := tx.GetContext(ctx, &row, `
SELECT `+apiKeyColumns+` FROM api_keys WHERE id = $1 AND tenant_id = $2 AND revoked_at IS NULL`+s.dialect.forUpdate(), id, tenant)
		if err != nil {
			return err
		}
		if k, err = row.key(); err != nil {
			return err
		}
		act := change(&k)
		if act.nothing() {
			return nil
		}
		if _, err := tx.ExecContext(ctx, `UPDATE api_keys SET rate = $1 WHERE id = $2 AND tenant_id = $3`, k.Rate, id, tenant); err != nil {
			return err
		}
		return s.record(ctx, tx, tenant, act)
	})
	return k, err
}

// RevokeAPIKey ends a key. It is ErrNotFound when the tenant has none with
// this id that still lives.
func (s *Store) RevokeAPIKey(ctx context.Context, tenant, id string, act Act) error {
	return s.inTx(ctx, func(tx *sqlx.Tx) error {
		result, err := tx.ExecContext(ctx, `
UPDATE api_keys SET revoked_at = $1 WHERE id = $2 AND tenant_id = $3 AND revoked_at IS NULL`, s.now().UTC(), id, tenant)
		if err != nil {
			return err
		}
		if n, err := result.RowsAffected(); err != nil || n == 0 {
			if err == nil {
				err = ErrNotFound
			}
			return err
		}
		if err := spendAnswers(ctx, tx, tenant, id); err != nil {
			return err
		}
		return s.record(ctx, tx, tenant, act)
	})
}

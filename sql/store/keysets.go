package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/jmoiron/sqlx"
)

// KeySet is what was read at the JWKS URL of an integration.
type KeySet struct {
	TenantID      string
	IntegrationID string
	URL           string
	Keys          []SetKey     // that tokens may be signed with
	LeftOut       []LeftOutKey // the others
	FetchedAt     *time.Time   // when the read began that Keys come from; nil = never
	FailedAt      *time.Time   // of the last failure since; nil = none
	Problem       string       // that it was
}

// SetKey is one public key of a KeySet.
type SetKey struct {
	ID        string `json:"kid"` // as the partner calls it; "" = by no name
	Algorithm string `json:"alg"`
	PublicKey []byte `json:"public_key"` // PKIX, DER
}

// LeftOutKey is a key of the partner's with which nobody can sign in.
type LeftOutKey struct {
	ID  string `json:"kid"`
	Why string `json:"why"` // a sentence for administrators
}

// keySetRow is KeySet in the types of the columns.
type keySetRow struct {
	TenantID      string     `db:"tenant_id"`
	IntegrationID string     `db:"integration_id"`
	URL           string     `db:"url"`
	Keys          string     `db:"keys"`
	LeftOut       string     `db:"left_out"`
	FetchedAt     *time.Time `db:"fetched_at"`
	FailedAt      *time.Time `db:"failed_at"`
	Problem       string     `db:"problem"`
}

func (r keySetRow) keySet() (KeySet, error) {
	set := KeySet{
		TenantID: r.TenantID, IntegrationID: r.IntegrationID, URL: r.URL,
		FetchedAt: inUTC(r.FetchedAt), FailedAt: inUTC(r.FailedAt), Problem: r.Problem,
	}
	if err := errors.Join(json.Unmarshal([]byte(r.Keys), &set.Keys), json.Unmarshal([]byte(r.LeftOut), &set.LeftOut)); err != nil {
		return KeySet{}, fmt.Errorf("store: key set of integration %s: %w", r.IntegrationID, err)
	}
	return set, nil
}

// KeySets returns what was read at the present JWKS URLs of a tenant's installed
// integrations.
func (s *Store) KeySets(ctx context.Context, tenant string) ([]KeySet, error) {
	var rows []keySetRow
	err := s.read.SelectContext(ctx, &rows, `
SELECT k.tenant_id, k.integration_id, k.url, k.keys, k.left_out, k.fetched_at, k.failed_at, k.problem
  FROM key_sets k JOIN integrations n ON n.id = k.integration_id AND n.tenant_id = k.tenant_id
 WHERE k.tenant_id = $1 AND k.url = n.jwks_url AND n.removed_at IS NULL
 ORDER BY k.integration_id`, tenant)
	if err != nil {
		return nil, fault(err)
	}
	sets := make([]KeySet, len(rows))
	for i, row := range rows {
		if sets[i], err = row.keySet(); err != nil {
			return nil, err
		}
	}
	return sets, nil
}

// KeepKeySet writes what was read, unless the integration was removed or has
// another URL by now, or something read later is there already. When a key has
// gone or changed, the integration gets a new revision: nothing that was decided
// by that key is recorded any more, on any instance.
func (s *Store) KeepKeySet(ctx context.Context, set KeySet) error {
	keys, err := json.Marshal(nonNil(set.Keys))
	if err != nil {
		return fmt.Errorf("store: %w", err)
	}
	leftOut, err := json.Marshal(nonNil(set.LeftOut))
	if err != nil {
		return fmt.Errorf("store: %w", err)
	}
	return s.inTx(ctx, func(tx *sqlx.Tx) error {
		wanted, err := s.wantsKeySet(ctx, tx, set)
		if err != nil || !wanted {
			return err
		}
		before, err := keySetOf(ctx, tx, set.TenantID, set.IntegrationID)
		if err != nil {
			return err
		}
		if before.URL == set.URL && before.FetchedAt != nil && before.FetchedAt.After(*set.FetchedAt) {
			return nil
		}
		if _, err := tx.ExecContext(ctx, `
INSERT INTO key_sets (tenant_id, integration_id, url, keys, left_out, fetched_at, failed_at, problem)
VALUES ($1, $2, $3, $4, $5, $6, NULL, '')
ON CONFLICT (integration_id, tenant_id) DO UPDATE
   SET url = excluded.url, keys = excluded.keys, left_out = excluded.left_out, fetched_at = excluded.fetched_at,
       failed_at = NULL, problem = ''`,
			set.TenantID, set.IntegrationID, set.URL, string(keys), string(leftOut), set.FetchedAt); err != nil {
			return err
		}
		if before.URL != set.URL || !set.lacks(before.Keys) {
			return nil
		}
		_, err = tx.ExecContext(ctx,
			`UPDATE integrations SET revision = revision + 1 WHERE id = $1 AND tenant_id = $2`, set.IntegrationID, set.TenantID)
		return err
	})
}

// KeySetFailed notes that reading failed. The keys stay as they are.
func (s *Store) KeySetFailed(ctx context.Context, set KeySet) error {
	return s.inTx(ctx, func(tx *sqlx.Tx) error {
		wanted, err := s.wantsKeySet(ctx, tx, set)
		if err != nil || !wanted {
			return err
		}
		_, err = tx.ExecContext(ctx, `
INSERT INTO key_sets (tenant_id, integration_id, url, keys, left_out, fetched_at, failed_at, problem)
VALUES ($1, $2, $3, '[]', '[]', NULL, $4, $5)
ON CONFLICT (integration_id, tenant_id) DO UPDATE
   SET url = excluded.url, failed_at = excluded.failed_at, problem = excluded.problem,
       keys = CASE WHEN key_sets.url = excluded.url THEN key_sets.keys ELSE excluded.keys END,
       left_out = CASE WHEN key_sets.url = excluded.url THEN key_sets.left_out ELSE excluded.left_out END,
       fetched_at = CASE WHEN key_sets.url = excluded.url THEN key_sets.fetched_at ELSE NULL END`,
			set.TenantID, set.IntegrationID, set.URL, set.FailedAt, set.Problem)
		return err
	})
}

// wantsKeySet reports whether the integration is installed and has the URL, and
// keeps it so until the commit.
func (s *Store) wantsKeySet(ctx context.Context, tx *sqlx.Tx, set KeySet) (bool, error) {
	var url string
	err := tx.GetContext(ctx, &url, `
SELECT jwks_url FROM integrations WHERE id = $1 AND tenant_id = $2 AND removed_at IS NULL`+s.dialect.forChange(),
		set.IntegrationID, set.TenantID)
	if errors.Is(err, sql.ErrNoRows) {
		return false, nil
	}
	return url == set.URL && url != "", err
}

// keySetOf returns what is there; the zero KeySet for nothing.
func keySetOf(ctx context.Context, tx *sqlx.Tx, tenant, integration string) (KeySet, error) {
	var row keySetRow
	err := tx.GetContext(ctx, &row, `
SELECT tenant_id, integration_id, url, keys, left_out, fetched_at, failed_at, problem
  FROM key_sets WHERE integration_id = $1 AND tenant_id = $2`, integration, tenant)
	if errors.Is(err, sql.ErrNoRows) {
		return KeySet{}, nil
	} else if err != nil {
		return KeySet{}, err
	}
	return row.keySet()
}

// lacks reports whether one of these keys is not in the set.
func (k KeySet) lacks(keys []SetKey) bool {
	return slices.ContainsFunc(keys, func(old SetKey) bool {
		return !slices.ContainsFunc(k.Keys, func(key SetKey) bool {
			return key.ID == old.ID && key.Algorithm == old.Algorithm && slices.Equal(key.PublicKey, old.PublicKey)
		})
	})
}

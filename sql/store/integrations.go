package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/jmoiron/sqlx"
)

const integrationColumns = `tenant_id, id, app_id, name, revision, generation, issuer, max_age, leeway, landing_page,
       sign_in_url, require_nonce, return_origins, embed_origins, link_policy, auto_create, single_use, unknown_groups, unknown_credits,
       group_scope, meta_mode, session_idle, session_absolute, accept_after, created_at, updated_at, removed_at,
       drift_guard, drift_threshold, embed_max_age, content_origins, jwks_url, allow_disable, sign_in_rate`

// integrationRow is Integration in the types of the columns.
type integrationRow struct {
	TenantID        string     `db:"tenant_id"`
	ID              string     `db:"id"`
	AppID           string     `db:"app_id"`
	Name            string     `db:"name"`
	Revision        int64      `db:"revision"`
	Generation      int64      `db:"generation"`
	Issuer          string     `db:"issuer"`
	MaxAge          int64      `db:"max_age"`
	Leeway          int64      `db:"leeway"`
	LandingPage     string     `db:"landing_page"`
	SignInURL       string     `db:"sign_in_url"`
	RequireNonce    bool       `db:"require_nonce"`
	ReturnOrigins   string     `db:"return_origins"`
	EmbedOrigins    string     `db:"embed_origins"`
	LinkPolicy      string     `db:"link_policy"`
	AutoCreate      bool       `db:"auto_create"`
	SingleUse       bool       `db:"single_use"`
	UnknownGroups   string     `db:"unknown_groups"`
	UnknownCredits  string     `db:"unknown_credits"`
	GroupScope      string     `db:"group_scope"`
	MetaMode        string     `db:"meta_mode"`
	SessionIdle     int64      `db:"session_idle"`
	SessionAbsolute int64      `db:"session_absolute"`
	AcceptAfter     time.Time  `db:"accept_after"`
	CreatedAt       time.Time  `db:"created_at"`
	UpdatedAt       time.Time  `db:"updated_at"`
	RemovedAt       *time.Time `db:"removed_at"`
	DriftGuard      bool       `db:"drift_guard"`
	DriftThreshold  int64      `db:"drift_threshold"`
	EmbedMaxAge     int64      `db:"embed_max_age"`
	ContentOrigins  string     `db:"content_origins"`
	JWKSURL         string     `db:"jwks_url"`
	AllowDisable    bool       `db:"allow_disable"`
	SignInRate      int64      `db:"sign_in_rate"`
}

func rowOf(n Integration) (integrationRow, error) {
	origins := func(list []string) (string, error) {
		text, err := json.Marshal(nonNil(list))
		return string(text), err
	}
	back, err := origins(n.ReturnOrigins)
	if err != nil {
		return integrationRow{}, fmt.Errorf("store: %w", err)
	}
	embed, err := origins(n.EmbedOrigins)
	if err != nil {
		return integrationRow{}, fmt.Errorf("store: %w", err)
	}
	content, err := origins(n.ContentOrigins)
	if err != nil {
		return integrationRow{}, fmt.Errorf("store: %w", err)
	}
	return integrationRow{
		TenantID: n.TenantID, ID: n.ID, AppID: n.AppID, Name: n.Name, Revision: n.Revision, Generation: n.Generation,
		Issuer: n.Issuer, MaxAge: seconds(n.MaxAge), Leeway: seconds(n.Leeway), LandingPage: n.LandingPage,
		SignInURL: n.SignInURL, RequireNonce: n.RequireNonce,
		ReturnOrigins: back, EmbedOrigins: embed, LinkPolicy: n.LinkPolicy, AutoCreate: n.AutoCreate,
		SingleUse: n.SingleUse, UnknownGroups: n.UnknownGroups, UnknownCredits: n.UnknownCredits,
		GroupScope: n.GroupScope, MetaMode: n.MetaMode, SessionIdle: seconds(n.SessionIdle),
		SessionAbsolute: seconds(n.SessionAbsolute), AcceptAfter: n.AcceptAfter, CreatedAt: n.CreatedAt,
		UpdatedAt: n.UpdatedAt, RemovedAt: n.RemovedAt, DriftGuard: n.DriftGuard, DriftThreshold: n.DriftThreshold,
		EmbedMaxAge: seconds(n.EmbedMaxAge), ContentOrigins: content,
		JWKSURL: n.JWKSURL, AllowDisable: n.AllowDisable, SignInRate: n.SignInRate,
	}, nil
}

func (r integrationRow) integration() (Integration, error) {
	n := Integration{
		TenantID: r.TenantID, ID: r.ID, AppID: r.AppID, Name: r.Name, Revision: r.Revision, Generation: r.Generation,
		Issuer: r.Issuer, MaxAge: time.Duration(r.MaxAge) * time.Second, Leeway: time.Duration(r.Leeway) * time.Second,
		LandingPage: r.LandingPage, SignInURL: r.SignInURL, RequireNonce: r.RequireNonce, LinkPolicy: r.LinkPolicy, AutoCreate: r.AutoCreate, SingleUse: r.SingleUse,
		UnknownGroups: r.UnknownGroups, UnknownCredits: r.UnknownCredits, GroupScope: r.GroupScope,
		MetaMode: r.MetaMode, SessionIdle: time.Duration(r.SessionIdle) * time.Second,
		SessionAbsolute: time.Duration(r.SessionAbsolute) * time.Second, AcceptAfter: r.AcceptAfter.UTC(),
		CreatedAt: r.CreatedAt.UTC(), UpdatedAt: r.UpdatedAt.UTC(), RemovedAt: r.RemovedAt,
		DriftGuard: r.DriftGuard, DriftThreshold: r.DriftThreshold,
		EmbedMaxAge: time.Duration(r.EmbedMaxAge) * time.Second,
		JWKSURL:     r.JWKSURL, AllowDisable: r.AllowDisable, SignInRate: r.SignInRate,
	}
	if err := json.Unmarshal([]byte(r.ReturnOrigins), &n.ReturnOrigins); err != nil {
		return Integration{}, fmt.Errorf("store: return origins of integration %s: %w", r.ID, err)
	}
	if err := json.Unmarshal([]byte(r.EmbedOrigins), &n.EmbedOrigins); err != nil {
		return Integration{}, fmt.Errorf("store: embed origins of integration %s: %w", r.ID, err)
	}
	if err := json.Unmarshal([]byte(r.ContentOrigins), &n.ContentOrigins); err != nil {
		return Integration{}, fmt.Errorf("store: content origins of integration %s: %w", r.ID, err)
	}
	return n, nil
}

// AddIntegration writes a new integration with its first key; one that has a
// JWKS URL may do without (the zero Key).
func (s *Store) AddIntegration(ctx context.Context, n Integration, first Key, act Act) error {
	row, err := rowOf(n)
	if err != nil {
		return err
	}
	return s.inTx(ctx, func(tx *sqlx.Tx) error {
		_, err := tx.NamedExecContext(ctx, `
INSERT INTO integrations (`+integrationColumns+`)
VALUES (:tenant_id, :id, :app_id, :name, :revision, :generation, :issuer, :max_age, :leeway, :landing_page,
        :sign_in_url, :require_nonce, :return_origins, :embed_origins, :link_policy, :auto_create, :single_use, :unknown_groups, :unknown_credits,
        :group_scope, :meta_mode, :session_idle, :session_absolute, :accept_after, :created_at, :updated_at,
        :removed_at, :drift_guard, :drift_threshold, :embed_max_age, :content_origins, :jwks_url, :allow_disable, :sign_in_rate)`, row)
		if err != nil {
			return err
		}
		if first.ID != "" {
			if err := insertKey(ctx, tx, first); err != nil {
				return err
			}
		}
		return s.record(ctx, tx, n.TenantID, act)
	})
}

func insertKey(ctx context.Context, tx *sqlx.Tx, k Key) error {
	_, err := tx.ExecContext(ctx, `
INSERT INTO integration_keys (tenant_id, id, integration_id, algorithm, sealed_secret, public_key, created_at, retires_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8)`,
		k.TenantID, k.ID, k.IntegrationID, k.Algorithm, k.SealedSecret, k.PublicKey, k.CreatedAt, k.RetiresAt)
	return err
}

// Integrations returns a tenant's integrations, the removed ones too, with
// all their keys, each oldest first, as of one moment.
func (s *Store) Integrations(ctx context.Context, tenant string) (integrations []Integration, keys []Key, err error) {
	// One snapshot for both: an integration without its newest key would refuse
	// good links.
	tx, err := s.read.BeginTxx(ctx, &sql.TxOptions{Isolation: sql.LevelRepeatableRead, ReadOnly: true})
	if err != nil {
		return nil, nil, fault(err)
	}
	defer func() { err = errors.Join(err, fault(tx.Commit())) }()
	if integrations, err = s.integrations(ctx, tx, tenant); err != nil {
		return nil, nil, err
	}
	keys, err = s.keys(ctx, tx, tenant)
	return integrations, keys, err
}

func (s *Store) integrations(ctx context.Context, q sqlx.QueryerContext, tenant string) ([]Integration, error) {
	var rows []integrationRow
	err := sqlx.SelectContext(ctx, q, &rows,
		`SELECT `+integrationColumns+` FROM integrations WHERE tenant_id = $1 ORDER BY id`, tenant)
	if err != nil {
		return nil, fault(err)
	}
	integrations := make([]Integration, len(rows))
	for i, row := range rows {
		if integrations[i], err = row.integration(); err != nil {
			return nil, err
		}
	}
	return integrations, nil
}

func (s *Store) keys(ctx context.Context, q sqlx.QueryerContext, tenant string) ([]Key, error) {
	var keys []Key
	rows, err := q.QueryxContext(ctx, `
SELECT tenant_id, id, integration_id, algorithm, sealed_secret, public_key, created_at, retires_at
  FROM integration_keys WHERE tenant_id = $1 ORDER BY created_at, id`, tenant)
	if err != nil {
		return nil, fault(err)
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		var k Key
		err := rows.Scan(&k.TenantID, &k.ID, &k.IntegrationID, &k.Algorithm, &k.SealedSecret, &k.PublicKey,
			&k.CreatedAt, &k.RetiresAt)
		if err != nil {
			return nil, fault(err)
		}
		keys = append(keys, k)
	}
	return keys, fault(rows.Err())
}

// NewestSealedKey returns the youngest key with a sealed secret, of any tenant,
// or ErrNotFound: whatever master key made it has to be the present one.
func (s *Store) NewestSealedKey(ctx context.Context) (Key, error) {
	var k Key
	err := s.read.QueryRowxContext(ctx, `
SELECT tenant_id, id, integration_id, algorithm, sealed_secret FROM integration_keys
 WHERE sealed_secret IS NOT NULL ORDER BY created_at DESC LIMIT 1`).
		Scan(&k.TenantID, &k.ID, &k.IntegrationID, &k.Algorithm, &k.SealedSecret)
	return k, fault(err)
}

// ChangeIntegration lets change edit an installed integration and its keys,
// and writes the result with a new revision. What change returns is written as
// it is: nil keeps the keys; an act without an action writes nothing. Changes of one integration are serialised, and
// none is lost. It returns ErrNotFound for a removed or unknown integration,
// and change's own error unaltered.
func (s *Store) ChangeIntegration(ctx context.Context, tenant, id string,
	change func(n *Integration, keys []Key) (KeyChange, error),
) (Integration, []Key, error) {
	var n Integration
	var keys []Key
	err := s.inTx(ctx, func(tx *sqlx.Tx) error {
		var row integrationRow
		err := tx.GetContext(ctx, &row, `SELECT `+integrationColumns+`
  FROM integrations WHERE tenant_id = $1 AND id = $2 AND removed_at IS NULL`+s.dialect.forUpdate(), tenant, id)
		if err != nil {
			return err
		}
		if n, err = row.integration(); err != nil {
			return err
		}
		if keys, err = s.keysOf(ctx, tx, tenant, id); err != nil {
			return err
		}
		what, err := change(&n, keys)
		if err != nil {
			return err
		}
		if err := what.Act.By.expects(row.Revision); err != nil || what.Act.nothing() {
			return err
		}
		n.Revision++
		n.UpdatedAt = s.now().UTC()
		if row, err = rowOf(n); err != nil {
			return err
		}
		if err := updateIntegration(ctx, tx, row); err != nil {
			return err
		}
		if what.Add != nil {
			if err := insertKey(ctx, tx, *what.Add); err != nil {
				return err
			}
		}
		if what.Retire != "" {
			if _, err := tx.ExecContext(ctx, `
UPDATE integration_keys SET retires_at = $1 WHERE tenant_id = $2 AND id = $3 AND integration_id = $4`,
				what.RetireAt, tenant, what.Retire, id); err != nil {
				return err
			}
			if what.RetireAt != nil {
				if err := spendAnswers(ctx, tx, tenant, what.Retire); err != nil {
					return err
				}
			}
		}
		if keys, err = s.keysOf(ctx, tx, tenant, id); err != nil {
			return err
		}
		return s.record(ctx, tx, tenant, what.Act)
	})
	return n, keys, err
}

// KeyChange is what happens to an integration's keys in one change, and the act
// that it is.
type KeyChange struct {
	Act      Act
	Add      *Key
	Retire   string     // the id of the key to retire; "" = none
	RetireAt *time.Time // may lie in the future; nil = it shall stay live
}

func (s *Store) keysOf(ctx context.Context, q sqlx.QueryerContext, tenant, integration string) ([]Key, error) {
	all, err := s.keys(ctx, q, tenant)
	if err != nil {
		return nil, err
	}
	keys := all[:0]
	for _, k := range all {
		if k.IntegrationID == integration {
			keys = append(keys, k)
		}
	}
	return keys, nil
}

func updateIntegration(ctx context.Context, tx *sqlx.Tx, row integrationRow) error {
	_, err := tx.NamedExecContext(ctx, `
UPDATE integrations
   SET name = :name, revision = :revision, generation = :generation, issuer = :issuer, max_age = :max_age,
       leeway = :leeway, landing_page = :landing_page, sign_in_url = :sign_in_url,
       require_nonce = :require_nonce, return_origins = :return_origins,
       embed_origins = :embed_origins, link_policy = :link_policy, auto_create = :auto_create,
       single_use = :single_use, unknown_groups = :unknown_groups, unknown_credits = :unknown_credits,
       group_scope = :group_scope, meta_mode = :meta_mode, session_idle = :session_idle,
       session_absolute = :session_absolute, accept_after = :accept_after, updated_at = :updated_at,
       removed_at = :removed_at, drift_guard = :drift_guard, drift_threshold = :drift_threshold,
       embed_max_age = :embed_max_age, content_origins = :content_origins, jwks_url = :jwks_url,
       allow_disable = :allow_disable, sign_in_rate = :sign_in_rate
 WHERE tenant_id = :tenant_id AND id = :id`, row)
	return err
}

// RemoveIntegration marks an integration as removed, destroys its secrets (also
// in the answers that are kept for repetitions) and returns the generation to publish: sessions of an earlier one must end. When
// it returns, no sign-in under the old keys can be written any more. Removing
// again returns the same generation, so that a call that failed half-way can
// be repeated. It returns ErrNotFound for an unknown integration.
func (s *Store) RemoveIntegration(ctx context.Context, tenant, id string, act Act) (generation int64, err error) {
	err = s.inTx(ctx, func(tx *sqlx.Tx) error {
		if s.dialect == postgres {
			// Waits for the sign-ins that are being written, and they for us.
			if _, err := tx.ExecContext(ctx, `
SELECT pg_advisory_xact_lock(hashtextextended('usher integration ' || $1::text, 0))`, id); err != nil {
				return err
			}
		}
		var row integrationRow
		err := tx.GetContext(ctx, &row, `SELECT `+integrationColumns+`
  FROM integrations WHERE tenant_id = $1 AND id = $2`+s.dialect.forUpdate(), tenant, id)
		if err != nil {
			return err
		}
		generation = row.Generation
		if row.RemovedAt != nil {
			return nil
		}
		if err := act.By.expects(row.Revision); err != nil {
			return err
		}
		now := s.now().UTC()
		row.Generation++
		row.Revision++
		row.UpdatedAt, row.RemovedAt = now, &now
		generation = row.Generation
		if err := updateIntegration(ctx, tx, row); err != nil {
			return err
		}
		_, err = tx.ExecContext(ctx, `
UPDATE integration_keys SET sealed_secret = NULL, public_key = NULL WHERE tenant_id = $1 AND integration_id = $2`,
			tenant, id)
		if err == nil {
			_, err = tx.ExecContext(ctx, `DELETE FROM key_sets WHERE integration_id = $1 AND tenant_id = $2`, id, tenant)
		}
		if err == nil {
			err = s.owe(ctx, tx, tenant, EndingOfIntegration, id, generation)
		}
		if err != nil {
			return err
		}
		keys, err := s.keysOf(ctx, tx, tenant, id)
		if err != nil {
			return err
		}
		for _, k := range keys {
			if err := spendAnswers(ctx, tx, tenant, k.ID); err != nil {
				return err
			}
		}
		return s.record(ctx, tx, tenant, act)
	})
	return generation, err
}

// RaiseGeneration raises an installed integration's generation and returns the
// new one to publish: sessions of an earlier one must end. It returns
// ErrNotFound for a removed or unknown integration.
func (s *Store) RaiseGeneration(ctx context.Context, tenant, id string, act Act) (generation int64, err error) {
	err = s.inTx(ctx, func(tx *sqlx.Tx) error {
		err := tx.GetContext(ctx, &generation, `
UPDATE integrations SET generation = generation + 1
 WHERE tenant_id = $1 AND id = $2 AND removed_at IS NULL RETURNING generation`, tenant, id)
		if err == nil {
			err = s.owe(ctx, tx, tenant, EndingOfIntegration, id, generation)
		}
		if err != nil {
			return err
		}
		return s.record(ctx, tx, tenant, act)
	})
	return generation, err
}

// Generation returns an integration's generation, or ErrNotFound.
func (s *Store) Generation(ctx context.Context, tenant, integration string) (int64, error) {
	var generation int64
	err := s.read.GetContext(ctx, &generation,
		`SELECT generation FROM integrations WHERE tenant_id = $1 AND id = $2`, tenant, integration)
	return generation, fault(err)
}

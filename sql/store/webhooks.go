package store

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/jmoiron/sqlx"
)

// WebhookEndpoint is where an application wants to be told of changes.
type WebhookEndpoint struct {
	TenantID       string     `db:"tenant_id"`
	ID             string     `db:"id"`  // UUIDv7
	URL            string     `db:"url"` // it may hold what only the receiver should know
	Description    string     `db:"description"`
	Types          []string   `db:"-"`        // of events; ["*"] = all
	Revision       int64      `db:"revision"` // grows with every change by an administrator
	CreatedAt      time.Time  `db:"created_at"`
	UpdatedAt      time.Time  `db:"updated_at"`
	FailingSince   *time.Time `db:"failing_since"`   // the first failure since the last success; nil = the last attempt went well
	HeldUntil      *time.Time `db:"held_until"`      // the receiver has asked for a pause
	DisabledAt     *time.Time `db:"disabled_at"`     // nil = events are sent
	DisabledReason string     `db:"disabled_reason"` // one of the Webhook… reasons; "" while enabled
}

// Why an endpoint is disabled.
const (
	WebhookByHand  = "by_hand"
	WebhookGone    = "gone"    // it has answered 410
	WebhookFailing = "failing" // nothing but failures for days
)

// WebhookSecret is what deliveries to an endpoint are signed with.
type WebhookSecret struct {
	TenantID     string     `db:"tenant_id"`
	ID           string     `db:"id"` // UUIDv7
	EndpointID   string     `db:"endpoint_id"`
	SealedSecret []byte     `db:"sealed_secret"`
	CreatedAt    time.Time  `db:"created_at"`
	ExpiresAt    *time.Time `db:"expires_at"` // nil = never
}

// Live reports whether deliveries are signed with a secret at a time.
func (k WebhookSecret) Live(at time.Time) bool { return k.ExpiresAt == nil || k.ExpiresAt.After(at) }

const (
	webhookColumns = `tenant_id, id, url, description, types, revision, created_at, updated_at, failing_since, held_until,
       disabled_at, disabled_reason`
	webhookSecretColumns = `tenant_id, id, endpoint_id, sealed_secret, created_at, expires_at`
)

// webhookRow is an endpoint as it is stored.
type webhookRow struct {
	WebhookEndpoint
	List string `db:"types"` // JSON
}

func (r webhookRow) endpoint() (WebhookEndpoint, error) {
	e := r.WebhookEndpoint
	if err := json.Unmarshal([]byte(r.List), &e.Types); err != nil {
		return e, fmt.Errorf("store: types of a webhook endpoint: %w", err)
	}
	return e, nil
}

func webhooksOf(rows []webhookRow) ([]WebhookEndpoint, error) {
	var endpoints []WebhookEndpoint
	for _, row := range rows {
		e, err := row.endpoint()
		if err != nil {
			return nil, err
		}
		endpoints = append(endpoints, e)
	}
	return endpoints, nil
}

func listText(list []string) (string, error) {
	text, err := json.Marshal(nonNil(list))
	if err != nil {
		return "", fmt.Errorf("store: %w", err)
	}
	return string(text), nil
}

// AddWebhook writes an endpoint with its first secret; limit is how many a
// tenant may have. The error is ErrFull.
func (s *Store) AddWebhook(ctx context.Context, e WebhookEndpoint, first WebhookSecret, limit int, act Act) error {
	types, err := listText(e.Types)
	if err != nil {
		return err
	}
	return s.inTx(ctx, func(tx *sqlx.Tx) error {
		// Those who add at once follow one another, so that the count holds.
		var tenant string
		if err := tx.GetContext(ctx, &tenant, `SELECT id FROM tenants WHERE id = $1`+s.dialect.forChange(), e.TenantID); err != nil {
			return err
		}
		var n int
		if err := tx.GetContext(ctx, &n, `SELECT count(*) FROM webhook_endpoints WHERE tenant_id = $1`, e.TenantID); err != nil {
			return err
		}
		if n >= limit {
			return ErrFull
		}
		if _, err := tx.NamedExecContext(ctx, `
INSERT INTO webhook_endpoints (`+webhookColumns+`)
VALUES (:tenant_id, :id, :url, :description, :types, :revision, :created_at, :updated_at, :failing_since, :held_until,
        :disabled_at, :disabled_reason)`, webhookRow{e, types}); err != nil {
			return err
		}
		if err := addWebhookSecret(ctx, tx, first); err != nil {
			return err
		}
		return s.record(ctx, tx, e.TenantID, act)
	})
}

func addWebhookSecret(ctx context.Context, tx *sqlx.Tx, k WebhookSecret) error {
	_, err := tx.NamedExecContext(ctx, `
INSERT INTO webhook_secrets (`+webhookSecretColumns+`)
VALUES (:tenant_id, :id, :endpoint_id, :sealed_secret, :created_at, :expires_at)`, k)
	return err
}

// Webhooks returns a tenant's endpoints, oldest first.
func (s *Store) Webhooks(ctx context.Context, tenant string) ([]WebhookEndpoint, error) {
	return webhooks(ctx, s.read, tenant)
}

func webhooks(ctx context.Context, q sqlx.QueryerContext, tenant string) ([]WebhookEndpoint, error) {
	var rows []webhookRow
	err := sqlx.SelectContext(ctx, q, &rows,
		`SELECT `+webhookColumns+` FROM webhook_endpoints WHERE tenant_id = $1 ORDER BY id`, tenant)
	if err != nil {
		return nil, fault(err)
	}
	return webhooksOf(rows)
}

// Webhook returns one endpoint, or ErrNotFound.
func (s *Store) Webhook(ctx context.Context, tenant, id string) (WebhookEndpoint, error) {
	e, err := oneWebhook(ctx, s.read, tenant, id, "")
	return e, fault(err)
}

func oneWebhook(ctx context.Context, q sqlx.QueryerContext, tenant, id, lock string) (WebhookEndpoint, error) {
	var row webhookRow
	err := sqlx.GetContext(ctx, q, &row,
		`SELECT `+webhookColumns+` FROM webhook_endpoints WHERE id = $1 AND tenant_id = $2`+lock, id, tenant)
	if err != nil {
		return row.WebhookEndpoint, err
	}
	return row.endpoint()
}

// WebhookSecrets returns what deliveries to an endpoint are, or were, signed
// with, oldest first.
func (s *Store) WebhookSecrets(ctx context.Context, tenant, endpoint string) ([]WebhookSecret, error) {
	secrets, err := webhookSecrets(ctx, s.read, tenant, endpoint)
	return secrets, fault(err)
}

func webhookSecrets(ctx context.Context, q sqlx.QueryerContext, tenant, endpoint string) ([]WebhookSecret, error) {
	var secrets []WebhookSecret
	err := sqlx.SelectContext(ctx, q, &secrets,
		`SELECT `+webhookSecretColumns+` FROM webhook_secrets WHERE endpoint_id = $1 AND tenant_id = $2 ORDER BY id`, endpoint, tenant)
	return secrets, err
}

// WebhookChange is what becomes of an endpoint besides its own fields.
type WebhookChange struct {
	Roll   *WebhookSecret // a new secret; those that are live end at RollAt, unless they end before
	RollAt time.Time
	Act    Act
}

// ChangeWebhook lets change edit an endpoint and decide about its secrets; an
// act without an action writes nothing. The errors are ErrNotFound, ErrChanged,
// and change's own unaltered.
func (s *Store) ChangeWebhook(ctx context.Context, tenant, id string,
	change func(*WebhookEndpoint, []WebhookSecret) (WebhookChange, error),
) error {
	return s.inTx(ctx, func(tx *sqlx.Tx) error {
		e, err := oneWebhook(ctx, tx, tenant, id, s.dialect.forUpdate())
		if err != nil {
			return err
		}
		secrets, err := webhookSecrets(ctx, tx, tenant, id)
		if err != nil {
			return err
		}
		wish, err := change(&e, secrets)
		if err != nil {
			return err
		}
		if err := wish.Act.By.expects(e.Revision); err != nil || wish.Act.nothing() {
			return err
		}
		if wish.Roll != nil {
			if err := s.rollWebhook(ctx, tx, secrets, wish); err != nil {
				return err
			}
		}
		if err := s.saveWebhook(ctx, tx, e); err != nil {
			return err
		}
		return s.record(ctx, tx, tenant, wish.Act)
	})
}

// rollWebhook adds a secret, ends the others, and deletes what has ended.
func (s *Store) rollWebhook(ctx context.Context, tx *sqlx.Tx, secrets []WebhookSecret, wish WebhookChange) error {
	for _, k := range secrets {
		if err := spendAnswers(ctx, tx, k.TenantID, k.ID); err != nil {
			return err
		}
		now := s.now()
		var err error
		switch {
		case !k.Live(now) || !wish.RollAt.After(now):
			_, err = tx.ExecContext(ctx, `DELETE FROM webhook_secrets WHERE id = $1 AND tenant_id = $2`, k.ID, k.TenantID)
		case k.Live(wish.RollAt):
			_, err = tx.ExecContext(ctx, `UPDATE webhook_secrets SET expires_at = $1 WHERE id = $2 AND tenant_id = $3`,
				wish.RollAt, k.ID, k.TenantID)
		}
		if err != nil {
			return err
		}
	}
	return addWebhookSecret(ctx, tx, *wish.Roll)
}

// saveWebhook writes what can change of an endpoint, with a new revision.
func (s *Store) saveWebhook(ctx context.Context, tx *sqlx.Tx, e WebhookEndpoint) error {
	types, err := listText(e.Types)
	if err != nil {
		return err
	}
	_, err = tx.ExecContext(ctx, `
UPDATE webhook_endpoints
   SET url = $1, description = $2, types = $3, revision = $4, updated_at = $5, failing_since = $6, held_until = $7,
       disabled_at = $8, disabled_reason = $9
 WHERE id = $10 AND tenant_id = $11`,
		e.URL, e.Description, types, e.Revision+1, s.now().UTC(), e.FailingSince, e.HeldUntil, e.DisabledAt, e.DisabledReason,
		e.ID, e.TenantID)
	return err
}

// DeleteWebhook takes an endpoint away with its secrets. What waits for it is
// not sent; its deliveries go with their events. The errors are
// ErrNotFound and ErrChanged.
func (s *Store) DeleteWebhook(ctx context.Context, tenant, id string, act Act) error {
	return s.inTx(ctx, func(tx *sqlx.Tx) error {
		e, err := oneWebhook(ctx, tx, tenant, id, s.dialect.forUpdate())
		if err != nil {
			return err
		}
		if err := act.By.expects(e.Revision); err != nil {
			return err
		}
		secrets, err := webhookSecrets(ctx, tx, tenant, id)
		if err != nil {
			return err
		}
		for _, k := range secrets {
			if err := spendAnswers(ctx, tx, tenant, k.ID); err != nil {
				return err
			}
		}
		// The secrets go with it.
		if _, err := tx.ExecContext(ctx, `DELETE FROM webhook_endpoints WHERE id = $1 AND tenant_id = $2`, id, tenant); err != nil {
			return err
		}
		return s.record(ctx, tx, tenant, act)
	})
}

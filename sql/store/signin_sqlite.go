package store

import (
	"context"
	"database/sql"
	"errors"
)

// The statement of recallSQLite, for either way to find the identity.
const (
	rememberBySubject = rememberHead + "subject" + rememberTail
	rememberByEmail   = rememberHead + "email_key" + rememberTail

	rememberHead = `
SELECT n.revision = $1 AND n.removed_at IS NULL, n.generation, coalesce(i.id, ''), coalesce(u.id, ''),
       coalesce(u.status, ''), coalesce(u.session_epoch, 0), coalesce(u.version, 0), coalesce(u.onboarding, false)
  FROM integrations n
  LEFT JOIN identities i ON i.tenant_id = n.tenant_id AND i.integration_id = n.id AND i.`
	rememberTail = ` = $2 AND i.fingerprint = $3
  LEFT JOIN users u ON u.tenant_id = i.tenant_id AND u.id = i.user_id
 WHERE n.tenant_id = $4 AND n.id = $5`
)

// recallSQLite reads and spends in two statements, which nothing can come
// between.
func (s *Store) recallSQLite(ctx context.Context, q Recollection) (Recalled, error) {
	query, value := rememberBySubject, q.Subject
	if q.Subject == "" {
		query, value = rememberByEmail, q.EmailKey
	}
	var r Recalled
	var identity string
	found := []any{
		&r.Current, &r.Generation, &identity, &r.UserID, &r.Status, &r.SessionEpoch, &r.Version, &r.Onboarding,
	}
	err := s.inShared(ctx, func(tx *sharedTx) error {
		r = Recalled{}
		err := tx.row(query, found, q.Revision, value, []byte(q.Fingerprint), q.TenantID, q.IntegrationID)
		if err != nil {
			return err
		}
		r.Known = identity != ""
		if !r.Current || !r.Known || r.Status != StatusActive {
			return nil
		}
		r.Spent, err = tx.spend(q.TenantID, q.IntegrationID, identity, q.Token)
		return err
	})
	if err != nil {
		return Recalled{}, err
	}
	return r, nil
}

// spend records one use and reports whether it was the first one.
func (tx *sharedTx) spend(tenant, integration, identity string, t UsedToken) (bool, error) {
	n, err := tx.exec(`
INSERT INTO used_tokens (tenant_id, integration_id, token_key, identity_id, issued_at, attempt, not_after, expires_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT DO NOTHING`,
		tenant, integration, []byte(t.Key), identity, t.IssuedAt, t.Attempt, t.NotAfter, t.ExpiresAt)
	return n == 1, err
}

// applySQLite needs no way back: what is not applied has written nothing by
// then, or fails.
func (s *Store) applySQLite(ctx context.Context, c Changes) (Outcome, error) {
	var outcome Outcome
	err := s.inShared(ctx, func(tx *sharedTx) (err error) {
		outcome, err = tx.apply(c)
		return err
	})
	return outcome, err
}

// apply writes c. It follows usher_apply_1, step by step and with the same outcomes;
// the conformance suite holds the two together.
func (tx *sharedTx) apply(c Changes) (Outcome, error) {
	// one reads a single truth value, and takes no row for false.
	one := func(query string, args ...any) (bool, error) {
		var yes bool
		err := tx.row(query, []any{&yes}, args...)
		if errors.Is(err, sql.ErrNoRows) {
			return false, nil
		}
		return yes, err
	}
	exec := func(query string, args ...any) error {
		_, err := tx.exec(query, args...)
		return err
	}

	t, n, u, i := c.TenantID, c.IntegrationID, c.User.ID, c.Identity.ID
	holds, err := one(`SELECT revision = $1 AND removed_at IS NULL FROM integrations WHERE tenant_id = $2 AND id = $3`,
		c.Revision, t, n)
	if err != nil || !holds {
		return Moved, err
	}
	if !c.User.Create {
		holds, err := one(`SELECT version = $1 AND status = 'active' FROM users WHERE tenant_id = $2 AND id = $3`,
			c.User.Version, t, u)
		if err != nil || !holds {
			return Moved, err
		}
	}
	if !c.Identity.Create {
		holds, err := one(`SELECT user_id = $1 FROM identities WHERE tenant_id = $2 AND id = $3`, u, t, i)
		if err != nil || !holds {
			return Moved, err
		}
	}
	if c.CheckCatalog {
		holds, err := one(`SELECT catalog_revision = $1 FROM tenants WHERE id = $2`, c.CatalogRevision, t)
		if err != nil || !holds {
			return Moved, err
		}
	}
	stale := false
	if iat := c.Token.IssuedAt; iat != nil && !c.Identity.Create {
		stale, err = one(`
SELECT EXISTS (SELECT 1 FROM used_tokens WHERE tenant_id = $1 AND identity_id = $2 AND issued_at > $3)
    OR EXISTS (SELECT 1 FROM identities WHERE tenant_id = $1 AND id = $2 AND applied_at > $3)`, t, i, *iat)
		if err != nil {
			return "", err
		}
	}
	first, err := tx.spend(t, n, i, c.Token)
	if err != nil {
		return "", err
	}
	if !first && c.Token.Single {
		mine, err := one(`
SELECT attempt = $1 FROM used_tokens WHERE tenant_id = $2 AND integration_id = $3 AND token_key = $4`,
			c.Token.Attempt, t, n, []byte(c.Token.Key))
		if err != nil {
			return "", err
		}
		if !mine {
			return Replayed, nil
		}
	}
	if stale {
		return Stale, nil
	}

	// Foreign keys of identities are checked at the commit.
	if c.Identity.Create {
		err = exec(`
INSERT INTO identities (tenant_id, id, integration_id, user_id, subject, email_key, fingerprint, applied_at,
                        unresolved, created_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)`,
			t, i, n, u, c.Identity.Subject, c.Identity.EmailKey, []byte(c.Identity.Fingerprint), c.Token.IssuedAt,
			c.Identity.Unresolved, c.At)
	} else {
		err = exec(`
UPDATE identities
   SET subject = $1, email_key = $2, fingerprint = $3,
       applied_at = max(coalesce(applied_at, $4), coalesce($4, applied_at)), unresolved = $5
 WHERE tenant_id = $6 AND id = $7`,
			c.Identity.Subject, c.Identity.EmailKey, []byte(c.Identity.Fingerprint), c.Token.IssuedAt,
			c.Identity.Unresolved, t, i)
	}
	if err != nil {
		return "", err
	}

	row := c.User.Row
	switch {
	case c.User.Create:
		err = exec(`
INSERT INTO users (tenant_id, id, version, status, session_epoch, email, email_key, email_verified, first_name,
                   last_name, name, phone, birthdate, locale, picture, meta, onboarding, created_at, updated_at)
VALUES ($1, $2, 1, 'active', 0, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $15)`,
			t, u, row.Email, row.EmailKey, row.EmailVerified, row.FirstName, row.LastName, row.Name, row.Phone,
			row.Birthdate, row.Locale, row.Picture, row.Meta, row.Onboarding, c.At)
	case c.User.Changed:
		err = exec(`
UPDATE users
   SET version = version + 1, updated_at = $1, email = $2, email_key = $3, email_verified = $4, first_name = $5,
       last_name = $6, name = $7, phone = $8, birthdate = $9, locale = $10, picture = $11, meta = $12
 WHERE tenant_id = $13 AND id = $14`,
			c.At, row.Email, row.EmailKey, row.EmailVerified, row.FirstName, row.LastName, row.Name, row.Phone,
			row.Birthdate, row.Locale, row.Picture, row.Meta, t, u)
	}
	if err == nil && c.User.Shared {
		err = exec(`
UPDATE identities SET fingerprint = NULL
 WHERE tenant_id = $1 AND user_id = $2 AND id <> $3 AND fingerprint IS NOT NULL`, t, u, i)
	}
	if err != nil {
		return "", err
	}

	for _, g := range c.NewGroups {
		if err := exec(`
INSERT INTO groups (tenant_id, id, external_id, name, description, created_at) VALUES ($1, $2, $3, $3, '', $4)`,
			t, g.ID, g.ExternalID, c.At); err != nil {
			return "", err
		}
	}
	if len(c.NewGroups) > 0 {
		if err := exec(`UPDATE tenants SET catalog_revision = catalog_revision + 1 WHERE id = $1`, t); err != nil {
			return "", err
		}
		if err := exec(`
UPDATE identities SET fingerprint = NULL WHERE tenant_id = $1 AND unresolved AND id <> $2`, t, i); err != nil {
			return "", err
		}
	}
	for _, m := range c.Leave {
		if err := exec(`
DELETE FROM group_members WHERE tenant_id = $1 AND user_id = $2 AND group_id = $3 AND source = $4`,
			t, u, m.GroupID, m.Source); err != nil {
			return "", err
		}
	}
	for _, m := range c.Join {
		if err := exec(`
INSERT INTO group_members (tenant_id, user_id, group_id, source, pinned, created_at)
VALUES ($1, $2, $3, $4, false, $5) ON CONFLICT DO NOTHING`, t, u, m.GroupID, n, c.At); err != nil {
			return "", err
		}
	}
	for _, g := range c.Revoke {
		if err := exec(`
UPDATE grants SET revoked_at = $1
 WHERE tenant_id = $2 AND user_id = $3 AND integration_id = $4 AND order_id = $5 AND credit_id = $6
   AND revoked_at IS NULL`, c.At, t, u, n, g.OrderID, g.CreditID); err != nil {
			return "", err
		}
	}
	for _, g := range c.Grant {
		if err := exec(`
INSERT INTO grants (tenant_id, user_id, integration_id, order_id, credit_id, granted_at)
VALUES ($1, $2, $3, $4, $5, $6)
    ON CONFLICT (tenant_id, user_id, integration_id, order_id, credit_id) DO UPDATE SET revoked_at = NULL`,
			t, u, n, g.OrderID, g.CreditID, c.At); err != nil {
			return "", err
		}
	}
	for _, j := range c.Journal {
		if err := exec(`
INSERT INTO journal (tenant_id, id, at, user_id, integration_id, key_id, reference, actor, what, detail)
VALUES ($1, $2, $3, $4, $5, $6, $7, '', $8, $9)`, t, j.ID, c.At, u, n, c.KeyID, c.Reference, j.What, j.Detail); err != nil {
			return "", err
		}
	}
	return Applied, nil
}

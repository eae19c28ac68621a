package store

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/jmoiron/sqlx"
)

// Standing is everything about one user that an administrator's act may have
// to set right, as it is at one moment.
type Standing struct {
	User       User
	Identities []Identity
	Members    []Member     // of every source
	Grants     []OwnedGrant // of every integration, the revoked ones too
}

// OwnedGrant is a grant with its integration and what has become of it.
type OwnedGrant struct {
	IntegrationID string `db:"integration_id"`
	OrderID       string `db:"order_id"`
	CreditID      int64  `db:"credit_id"`
	Revoked       bool   `db:"revoked"`
	Consumed      bool   `db:"consumed"`
}

// Correction is what is set right about one user, in one transaction.
type Correction struct {
	Row    *UserRow     // the profile as it shall be; nil = as it is
	Join   []Member     // memberships that come back
	Leave  []Membership // memberships that go
	Reopen []OwnedGrant
	Revoke []OwnedGrant
	// Identities are those that change: their subject and e-mail are written.
	Identities []Identity
	Attach     []Identity // those that come back
	// Detach are the ids of identities that go. The user's sessions end.
	Detach  []string
	Journal []JournalEntry
}

// Look is a transaction in which an administrator's act looks at a tenant's
// people, one by one, before it changes them.
type Look struct {
	s      *Store
	tx     *sqlx.Tx
	tenant string
	lock   string // ends the query of the row that guards a user
}

// View lets do look at one moment of a tenant, without locks.
func (s *Store) View(ctx context.Context, tenant string, do func(l *Look) error) error {
	tx, err := s.read.BeginTxx(ctx, s.dialect.snapshot())
	if err != nil {
		return fault(err)
	}
	defer func() { _ = tx.Rollback() }() // it has only read
	return fault(do(&Look{s: s, tx: tx, tenant: tenant}))
}

// Change lets do look at users, who are locked from then on, and change them.
// The act that it returns is recorded; one without an action says that nothing
// was done. do may run again after a deadlock.
func (s *Store) Change(ctx context.Context, tenant string, do func(l *Look) (Act, error)) error {
	return s.inTx(ctx, func(tx *sqlx.Tx) error {
		act, err := do(s.look(tx, tenant))
		if err != nil || act.Action == "" {
			return err
		}
		return s.record(ctx, tx, tenant, act)
	})
}

func (s *Store) look(tx *sqlx.Tx, tenant string) *Look {
	return &Look{s: s, tx: tx, tenant: tenant, lock: s.dialect.forUpdate()}
}

// Now is the store's clock, in UTC.
func (l *Look) Now() time.Time { return l.s.now().UTC() }

// Standing returns a user's standing, or ErrNotFound. In a change the user is
// locked, which guards all the rest.
func (l *Look) Standing(ctx context.Context, user string) (Standing, error) {
	st, err := l.standing(ctx, user)
	return st, fault(err)
}

func (l *Look) standing(ctx context.Context, user string) (Standing, error) {
	tx, tenant := l.tx, l.tenant
	var row struct {
		ID           string `db:"id"`
		Version      int64  `db:"version"`
		Status       string `db:"status"`
		SessionEpoch int64  `db:"session_epoch"`
		UserRow
	}
	err := tx.GetContext(ctx, &row, `
SELECT id, version, status, session_epoch, email, email_key, email_verified, first_name, last_name, name, phone,
       birthdate, locale, picture, meta, onboarding
  FROM users WHERE tenant_id = $1 AND id = $2`+l.lock, tenant, user)
	if err != nil {
		return Standing{}, err
	}
	st := Standing{User: User{
		ID: row.ID, Version: row.Version, Status: row.Status, SessionEpoch: row.SessionEpoch, UserRow: row.UserRow,
	}}
	err = tx.SelectContext(ctx, &st.Identities, `
SELECT id, integration_id, user_id, subject, email_key, applied_at
  FROM identities WHERE tenant_id = $1 AND user_id = $2 ORDER BY id`, tenant, user)
	if err != nil {
		return Standing{}, err
	}
	var members []struct {
		GroupID    string `db:"group_id"`
		ExternalID string `db:"external_id"`
		Source     string `db:"source"`
		Pinned     bool   `db:"pinned"`
	}
	err = tx.SelectContext(ctx, &members, `
SELECT m.group_id, m.source, m.pinned,
       (SELECT external_id FROM groups WHERE tenant_id = $1 AND id = m.group_id) AS external_id
  FROM group_members m WHERE m.tenant_id = $1 AND m.user_id = $2 ORDER BY m.group_id, m.source`, tenant, user)
	if err != nil {
		return Standing{}, err
	}
	for _, m := range members {
		st.Members = append(st.Members, Member{
			UserID: user, GroupID: m.GroupID, ExternalID: m.ExternalID, Source: m.Source, Pinned: m.Pinned,
		})
	}
	err = tx.SelectContext(ctx, &st.Grants, `
SELECT integration_id, order_id, credit_id, revoked_at IS NOT NULL AS revoked, consumed_at IS NOT NULL AS consumed
  FROM grants WHERE tenant_id = $1 AND user_id = $2 ORDER BY integration_id, order_id, credit_id`, tenant, user)
	return st, err
}

// Correct sets right what c says about a user whose standing was read under
// the same lock. It returns the session epoch to publish when sessions have to
// end, otherwise 0.
func (l *Look) Correct(ctx context.Context, user string, c Correction) (epoch int64, err error) {
	epoch, err = correct(ctx, l.tx, l.tenant, user, l.Now(), c)
	if err == nil && epoch > 0 {
		err = l.s.owe(ctx, l.tx, l.tenant, EndingOfUser, user, epoch)
	}
	return epoch, fault(err)
}

func correct(ctx context.Context, tx *sqlx.Tx, tenant, user string, at time.Time, c Correction) (epoch int64, err error) {
	exec := func(query string, args ...any) {
		if err == nil {
			_, err = tx.ExecContext(ctx, query, args...)
		}
	}
	raise := 0
	if len(c.Detach) > 0 {
		raise = 1
	}
	err = tx.GetContext(ctx, &epoch, `
UPDATE users SET version = version + 1, session_epoch = session_epoch + $1, updated_at = $2
 WHERE tenant_id = $3 AND id = $4 RETURNING session_epoch`, raise, at, tenant, user)
	if raise == 0 {
		epoch = 0
	}
	if row := c.Row; row != nil {
		exec(`
UPDATE users
   SET email = $1, email_key = $2, email_verified = $3, first_name = $4, last_name = $5, name = $6, phone = $7,
       birthdate = $8, locale = $9, picture = $10, meta = $11
 WHERE tenant_id = $12 AND id = $13`, row.Email, row.EmailKey, row.EmailVerified, row.FirstName, row.LastName, row.Name,
			row.Phone, row.Birthdate, row.Locale, row.Picture, row.Meta, tenant, user)
	}
	for _, id := range c.Detach {
		exec(`DELETE FROM identities WHERE tenant_id = $1 AND id = $2 AND user_id = $3`, tenant, id, user)
	}
	for _, id := range c.Identities {
		exec(`UPDATE identities SET subject = $1, email_key = $2 WHERE tenant_id = $3 AND id = $4 AND user_id = $5`,
			id.Subject, id.EmailKey, tenant, id.ID, user)
	}
	for _, id := range c.Attach {
		exec(`
INSERT INTO identities (tenant_id, id, integration_id, user_id, subject, email_key, fingerprint, applied_at,
                        unresolved, created_at)
VALUES ($1, $2, $3, $4, $5, $6, NULL, NULL, $7, $8)`,
			tenant, id.ID, id.IntegrationID, user, id.Subject, id.EmailKey, false, at)
	}
	// What the fingerprints stand for is no longer so: the next token of each
	// integration is compared with everything.
	exec(`
UPDATE identities SET fingerprint = NULL
 WHERE tenant_id = $1 AND user_id = $2 AND fingerprint IS NOT NULL`, tenant, user)
	for _, m := range c.Leave {
		exec(`
DELETE FROM group_members WHERE tenant_id = $1 AND user_id = $2 AND group_id = $3 AND source = $4`,
			tenant, user, m.GroupID, m.Source)
	}
	for _, m := range c.Join {
		exec(`
INSERT INTO group_members (tenant_id, user_id, group_id, source, pinned, created_at)
VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT DO NOTHING`, tenant, user, m.GroupID, m.Source, m.Pinned, at)
	}
	for _, g := range c.Revoke {
		exec(`
UPDATE grants SET revoked_at = $1
 WHERE tenant_id = $2 AND user_id = $3 AND integration_id = $4 AND order_id = $5 AND credit_id = $6
   AND revoked_at IS NULL`, at, tenant, user, g.IntegrationID, g.OrderID, g.CreditID)
	}
	for _, g := range c.Reopen {
		exec(`
UPDATE grants SET revoked_at = NULL
 WHERE tenant_id = $1 AND user_id = $2 AND integration_id = $3 AND order_id = $4 AND credit_id = $5`,
			tenant, user, g.IntegrationID, g.OrderID, g.CreditID)
	}
	for _, e := range c.Journal {
		if err == nil {
			err = insertJournal(ctx, tx, tenant, user, at, e)
		}
	}
	return epoch, err
}

// GroupIDs returns the ids of the groups that have these external ids.
func (l *Look) GroupIDs(ctx context.Context, external []string) (map[string]string, error) {
	list, err := json.Marshal(nonNil(external))
	if err != nil {
		return nil, fmt.Errorf("store: %w", err)
	}
	var groups []Group
	err = l.tx.SelectContext(ctx, &groups, `
SELECT id, external_id, name, description, created_at FROM groups
 WHERE tenant_id = $1 AND external_id `+l.s.dialect.among(`SELECT value FROM `+l.s.dialect.jsonEach()+`($2)`),
		l.tenant, string(list))
	ids := map[string]string{}
	for _, g := range groups {
		ids[g.ExternalID] = g.ID
	}
	return ids, fault(err)
}

// EmailTaken reports whether anybody but the user goes by an e-mail, for us or
// for any integration.
func (l *Look) EmailTaken(ctx context.Context, emailKey, user string) (bool, error) {
	var taken bool
	err := l.tx.GetContext(ctx, &taken, `
SELECT EXISTS (SELECT 1 FROM users WHERE tenant_id = $1 AND email_key = $2 AND id <> $3)
    OR EXISTS (SELECT 1 FROM integrations n JOIN identities i
                  ON i.tenant_id = n.tenant_id AND i.integration_id = n.id AND i.email_key = $2
                WHERE n.tenant_id = $1 AND i.user_id <> $3)`, l.tenant, emailKey, user)
	return taken, fault(err)
}

// IdentityTaken reports whether an integration knows another identity than the
// one with this id by its subject or e-mail.
func (l *Look) IdentityTaken(ctx context.Context, id Identity) (bool, error) {
	var taken bool
	err := l.tx.GetContext(ctx, &taken, `
SELECT EXISTS (SELECT 1 FROM identities
                WHERE tenant_id = $1 AND integration_id = $2 AND id <> $3 AND subject = $4)
    OR EXISTS (SELECT 1 FROM identities
                WHERE tenant_id = $1 AND integration_id = $2 AND id <> $3 AND email_key = $5)`,
		l.tenant, id.IntegrationID, id.ID, id.Subject, id.EmailKey)
	return taken, fault(err)
}

// ChangesSince returns what was written about a user in the journal from one
// entry on, newest first, at most limit.
func (l *Look) ChangesSince(ctx context.Context, user, first string, limit int) ([]Change, error) {
	var changes []Change
	err := l.tx.SelectContext(ctx, &changes, `
SELECT id, at, integration_id, key_id, reference, actor, what, detail
  FROM journal WHERE tenant_id = $1 AND user_id = $2 AND id >= $3 ORDER BY id DESC LIMIT $4`,
		l.tenant, user, first, limit)
	return changes, fault(err)
}

// Picked says which entries of the journal are meant: those of one request;
// what an integration's tokens did in a time; or what they took from the groups
// of those people whom GuardEmptying has let through.
type Picked struct {
	Reference     string
	IntegrationID string
	From, Before  time.Time
	EmptiedBy     string // an integration's id
}

// where is the condition of a Picked on the journal, with its arguments from
// $2 on; $1 is the tenant.
func (p Picked) where() (string, []any) {
	if p.IntegrationID != "" {
		return `tenant_id = $1 AND integration_id = $2 AND at >= $3 AND at < $4`, []any{p.IntegrationID, p.From.UTC(), p.Before.UTC()}
	}
	if p.EmptiedBy != "" {
		return `
tenant_id = $1 AND integration_id = $2 AND what = 'group_removed' AND (user_id, reference) IN
    (SELECT user_id, reference FROM drift_people WHERE tenant_id = $1 AND integration_id = $2 AND NOT held)`, []any{p.EmptiedBy}
	}
	return `tenant_id = $1 AND reference = $2`, []any{p.Reference}
}

// PickedUsers returns the users whom the picked entries concern with an id
// after the given one, in that order, at most limit.
func (l *Look) PickedUsers(ctx context.Context, p Picked, after string, limit int) ([]string, error) {
	where, args := p.where()
	if after == "" {
		after = ManualSource // before every id
	}
	n := len(args) + 2
	var users []string
	err := l.tx.SelectContext(ctx, &users, fmt.Sprintf(`
SELECT DISTINCT user_id FROM journal WHERE %s AND user_id > $%d ORDER BY user_id LIMIT $%d`, where, n, n+1),
		append(append([]any{l.tenant}, args...), after, limit)...)
	return users, fault(err)
}

// CountPicked returns how many users and entries are picked.
func (l *Look) CountPicked(ctx context.Context, p Picked) (users, entries int64, err error) {
	where, args := p.where()
	err = l.tx.QueryRowxContext(ctx, `SELECT count(DISTINCT user_id), count(*) FROM journal WHERE `+where,
		append([]any{l.tenant}, args...)...).Scan(&users, &entries)
	return users, entries, fault(err)
}

// PickedEntries returns the ids of a user's picked entries, oldest first.
func (l *Look) PickedEntries(ctx context.Context, p Picked, user string) ([]string, error) {
	where, args := p.where()
	var ids []string
	err := l.tx.SelectContext(ctx, &ids, fmt.Sprintf(`
SELECT id FROM journal WHERE %s AND user_id = $%d ORDER BY id`, where, len(args)+2),
		append(append([]any{l.tenant}, args...), user)...)
	return ids, fault(err)
}

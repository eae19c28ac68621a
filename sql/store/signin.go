package store

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"time"
)

// A sign-in reaches the database in up to three round trips:
//
//	Recall  is this the same person saying the same as last time? Then the
//	        token is spent in the same statement, and that is all.
//	Read    otherwise everything that the plan needs is read, without locks.
//	Apply   the plan is written as one unit, if what was read still holds.

// UsedToken is one use of one token.
type UsedToken struct {
	Key     Hex    `json:"key"`     // 32 bytes; equal for two tokens that count as one
	Single  bool   `json:"single"`  // a second use is a replay
	Attempt string `json:"attempt"` // UUID of this sign-in: a retry of itself is no replay

	// Times in microseconds since 1970.
	IssuedAt  *int64 `json:"issued_at"`  // iat; nil = none
	NotAfter  *int64 `json:"not_after"`  // exp with the largest tolerance; nil = no exp
	ExpiresAt *int64 `json:"expires_at"` // until when to remember it at least; nil = for ever
}

// Hex is binary data that is written as hexadecimal text in JSON.
type Hex []byte

// MarshalText implements encoding.TextMarshaler.
func (h Hex) MarshalText() ([]byte, error) { return hex.AppendEncode(nil, h), nil }

// UnmarshalText implements encoding.TextUnmarshaler.
func (h *Hex) UnmarshalText(text []byte) (err error) {
	*h, err = hex.DecodeString(string(text))
	return err
}

// Recollection asks whether an identity's last token said the same.
type Recollection struct {
	TenantID      string
	IntegrationID string
	Revision      int64  // of the integration, as the token was verified under it
	Subject       string // "" = found by EmailKey
	EmailKey      string
	Fingerprint   []byte
	Token         UsedToken
}

// Recalled is the answer to a Recollection.
type Recalled struct {
	// Current is false when the integration has changed or was removed since
	// the token was verified: verify again under a fresh copy.
	Current bool
	// Generation of the integration, for the session.
	Generation int64
	// Known is true when the fingerprint matched; the rest is set only then.
	Known        bool
	UserID       string
	Status       string // StatusActive or StatusDisabled
	SessionEpoch int64
	Version      int64 // of the user
	Onboarding   bool  // created with onboard and the page not opened yet
	// Spent is true when this use was recorded; false for a disabled user, and
	// when the token was used before (see UsedToken.Single).
	Spent bool
}

// Recall answers for an unchanged sign-in in one round trip, writing nothing
// but the used token.
//
// The identity row is read FOR KEY SHARE. That lock is shared by unchanged
// sign-ins and excludes only the one writer that takes FOR UPDATE, Apply: a
// token is never recorded as unchanged on top of a state that is just being
// replaced by an older token.
func (s *Store) Recall(ctx context.Context, q Recollection) (Recalled, error) {
	if s.dialect == sqlite {
		return s.recallSQLite(ctx, q)
	}
	return s.recallPostgres(ctx, q)
}

// person names the column that finds the identity, and its value.
func (q Recollection) person() (column, value string) {
	if q.Subject != "" {
		return "subject", q.Subject
	}
	return "email_key", q.EmailKey
}

// Unspend forgets the use of a token by one attempt, so that the person can
// open the link again: for a sign-in that was recorded but got no session.
func (s *Store) Unspend(ctx context.Context, tenant, integration string, t UsedToken) error {
	_, err := s.write.ExecContext(ctx, `
DELETE FROM used_tokens WHERE tenant_id = $1 AND integration_id = $2 AND token_key = $3 AND attempt = $4`,
		tenant, integration, t.Key, t.Attempt)
	return fault(err)
}

// Inquiry names what a plan needs to know.
type Inquiry struct {
	TenantID      string
	IntegrationID string
	Subject       string   // "" = none
	EmailKey      string   // "" = none
	Groups        []string // external ids that the token names
	Credits       []int64  // ids that the token names
	Tombstones    [][]byte // digests under which an erased person would be found
}

// State is what was known at one moment about whoever a token may mean.
type State struct {
	Revision        int64 // of the integration; 0 = removed
	Generation      int64
	CatalogRevision int64
	Erased          bool // one of the tombstones is there

	BySubject  *Identity  // of this integration
	ByEmail    *Identity  // of this integration
	Identities []Identity // of the users below, by integrations that are installed
	Users      []User     // those of the identities found, and the e-mail's owner
	Members    []Member   // of these users, from every source
	Grants     []Grant    // of these users, by this integration
	Groups     []Group    // those of Inquiry.Groups that exist
	Credits    []int64    // those of Inquiry.Credits that exist
}

// Identity ties (integration, subject) to a user.
type Identity struct {
	ID            string  `json:"id" db:"id"`
	IntegrationID string  `json:"integration_id" db:"integration_id"`
	UserID        string  `json:"user_id" db:"user_id"`
	Subject       *string `json:"subject" db:"subject"`
	EmailKey      *string `json:"email_key" db:"email_key"`
	AppliedAt     *int64  `json:"applied_at" db:"applied_at"` // newest iat applied, microseconds
}

// Read returns the state that a plan needs, in one round trip and from one
// snapshot. It takes no locks: Apply checks that it still holds.
func (s *Store) Read(ctx context.Context, q Inquiry) (State, error) {
	groups, err := json.Marshal(nonNil(q.Groups))
	if err != nil {
		return State{}, fmt.Errorf("store: %w", err)
	}
	credits := make([]string, len(q.Credits))
	for i, id := range q.Credits {
		credits[i] = fmt.Sprint(id)
	}
	creditIDs, err := json.Marshal(credits)
	if err != nil {
		return State{}, fmt.Errorf("store: %w", err)
	}
	digests := [2][]byte{}
	copy(digests[:], q.Tombstones)
	stmt, err := s.stmt(ctx, s.read, s.dialect.stateQuery())
	if err != nil {
		return State{}, fault(err)
	}
	var document string
	err = stmt.QueryRowxContext(ctx, q.TenantID, q.IntegrationID, null(q.Subject), null(q.EmailKey),
		string(groups), string(creditIDs), digests[0], digests[1]).Scan(&document)
	if err != nil {
		return State{}, fault(err)
	}
	var state State
	if err := json.Unmarshal([]byte(document), &state); err != nil {
		return State{}, fmt.Errorf("store: state: %w", err)
	}
	for i := range state.Identities {
		found := &state.Identities[i]
		if found.IntegrationID != q.IntegrationID {
			continue
		}
		if q.Subject != "" && found.Subject != nil && *found.Subject == q.Subject {
			state.BySubject = found
		}
		if q.EmailKey != "" && found.EmailKey != nil && *found.EmailKey == q.EmailKey {
			state.ByEmail = found
		}
	}
	return state, nil
}

// stateQuery builds the one statement behind Read. SQLite has no booleans, so
// they are written out. Nothing is joined: a planner without statistics would
// have the choice to begin with a group and read all of its members.
func (d dialect) stateQuery() string {
	object, array, each := d.jsonObject(), d.jsonArray(), d.jsonEach()
	return `
WITH who AS (
    SELECT user_id FROM identities WHERE tenant_id = $1 AND integration_id = $2 AND subject = $3
    UNION SELECT user_id FROM identities WHERE tenant_id = $1 AND integration_id = $2 AND email_key = $4
    UNION SELECT id FROM users WHERE tenant_id = $1 AND email_key = $4
)
SELECT ` + object + `(
    'Revision', coalesce((SELECT revision FROM integrations
        WHERE tenant_id = $1 AND id = $2 AND removed_at IS NULL), 0),
    'Generation', coalesce((SELECT generation FROM integrations WHERE tenant_id = $1 AND id = $2), 0),
    'CatalogRevision', (SELECT catalog_revision FROM tenants WHERE id = $1),
    'Erased', CASE WHEN EXISTS (SELECT 1 FROM tombstones WHERE tenant_id = $1 AND (digest = $7 OR digest = $8))
        THEN json('true') ELSE json('false') END,
    'Identities', (SELECT ` + array + `(` + object + `('id', i.id, 'integration_id', i.integration_id,
            'user_id', i.user_id, 'subject', i.subject, 'email_key', i.email_key, 'applied_at', i.applied_at))
        FROM identities i WHERE i.tenant_id = $1 AND i.user_id ` + d.among(`SELECT user_id FROM who`) + `
            AND (SELECT removed_at FROM integrations WHERE tenant_id = $1 AND id = i.integration_id) IS NULL),
    'Users', (SELECT ` + array + `(` + object + `('id', u.id, 'version', u.version, 'status', u.status,
            'session_epoch', u.session_epoch, 'email', u.email, 'email_key', u.email_key,
            'email_verified', CASE WHEN u.email_verified THEN json('true') WHEN NOT u.email_verified THEN json('false') END,
            'first_name', u.first_name, 'last_name', u.last_name, 'name', u.name, 'phone', u.phone,
            'birthdate', u.birthdate, 'locale', u.locale, 'picture', u.picture, 'meta', u.meta,
            'onboarding', CASE WHEN u.onboarding THEN json('true') ELSE json('false') END))
        FROM users u WHERE u.tenant_id = $1 AND u.id ` + d.among(`SELECT user_id FROM who`) + `),
    'Members', (SELECT ` + array + `(` + object + `('user_id', m.user_id, 'group_id', m.group_id,
            'external_id', (SELECT external_id FROM groups WHERE tenant_id = $1 AND id = m.group_id),
            'source', m.source, 'pinned', CASE WHEN m.pinned THEN json('true') ELSE json('false') END))
        FROM group_members m WHERE m.tenant_id = $1 AND m.user_id ` + d.among(`SELECT user_id FROM who`) + `),
    'Grants', (SELECT ` + array + `(` + object + `('user_id', r.user_id, 'order_id', r.order_id,
            'credit_id', r.credit_id, 'revoked', CASE WHEN r.revoked_at IS NULL THEN json('false') ELSE json('true') END))
        FROM grants r WHERE r.tenant_id = $1 AND r.user_id ` + d.among(`SELECT user_id FROM who`) + `
            AND r.integration_id = $2),
    'Groups', (SELECT ` + array + `(` + object + `('id', g.id, 'external_id', g.external_id, 'name', g.name))
        FROM groups g WHERE g.tenant_id = $1
            AND g.external_id ` + d.among(`SELECT value FROM `+each+`($5)`) + `),
    'Credits', (SELECT ` + array + `(c.id) FROM credits c WHERE c.tenant_id = $1
            AND c.id ` + d.among(`SELECT CAST(value AS bigint) FROM `+each+`($6)`) + `)
)`
}

// Outcome is what became of an Apply.
type Outcome string

// The outcomes, as usher_apply_1 names them.
const (
	Applied  Outcome = "applied"
	Stale    Outcome = "stale"    // a newer token was used: only the token is spent
	Replayed Outcome = "replayed" // spent before by another sign-in: nothing is written
	Moved    Outcome = "moved"    // the state has changed: read and plan again
)

// Changes is one planned sign-in. The fields without omitempty are always
// there; the lists say exactly which rows come and go.
type Changes struct {
	TenantID      string    `json:"tenant"`
	IntegrationID string    `json:"integration"`
	Revision      int64     `json:"revision"` // of the integration
	KeyID         string    `json:"key_id"`
	Reference     string    `json:"reference"`
	At            time.Time `json:"at"`

	// CheckCatalog makes the write depend on CatalogRevision: the plan left
	// something out because the catalogue lacked it.
	CheckCatalog    bool  `json:"check_catalog"`
	CatalogRevision int64 `json:"catalog_revision"`

	Token    UsedToken      `json:"token"`
	Identity IdentityChange `json:"identity"`
	User     UserChange     `json:"user"`

	NewGroups []NewGroup     `json:"new_groups,omitempty"`
	Join      []Membership   `json:"join,omitempty"`  // source = the integration
	Leave     []Membership   `json:"leave,omitempty"` // with the source whose row goes
	Grant     []GrantKey     `json:"grant,omitempty"` // new or re-opened
	Revoke    []GrantKey     `json:"revoke,omitempty"`
	Journal   []JournalEntry `json:"journal,omitempty"`
}

// IdentityChange is the identity row as it shall be.
type IdentityChange struct {
	ID          string  `json:"id"`
	Create      bool    `json:"create"`
	Subject     *string `json:"subject"`
	EmailKey    *string `json:"email_key"`
	Fingerprint Hex     `json:"fingerprint"`
	Unresolved  bool    `json:"unresolved"` // it named something that the catalogue lacks
}

// UserChange is the user row as it shall be.
type UserChange struct {
	ID      string `json:"id"`
	Create  bool   `json:"create"`
	Version int64  `json:"version"` // as read
	// Changed is true when anything of the user changes, memberships and
	// grants included: its version grows.
	Changed bool `json:"changed"`
	// Shared is true when something changes that other integrations' tokens
	// speak of as well: their fingerprints are cleared.
	Shared bool    `json:"shared"`
	Row    UserRow `json:"row"`
}

// Membership names one row of group_members.
type Membership struct {
	GroupID string `json:"group"`
	Source  string `json:"source"`
}

// NewGroup is a group that a token named and the integration may create.
type NewGroup struct {
	ID         string `json:"id"`
	ExternalID string `json:"external_id"`
}

// GrantKey names a grant within (user, integration).
type GrantKey struct {
	OrderID  string `json:"order_id"`
	CreditID int64  `json:"credit_id"`
}

// Apply writes c as one unit, or nothing of it. A deadlock or a serialisation
// failure is tried again up to three times.
func (s *Store) Apply(ctx context.Context, c Changes) (Outcome, error) {
	var outcome Outcome
	var err error
	if s.dialect == sqlite {
		outcome, err = s.applySQLite(ctx, c)
	} else {
		err = retry(ctx, func() error {
			outcome, err = s.applyPostgres(ctx, c)
			return err
		})
	}
	switch {
	case err == nil:
		return outcome, nil
	case moved(err):
		return Moved, nil
	}
	return "", fault(err)
}

func (s *Store) applyPostgres(ctx context.Context, c Changes) (Outcome, error) {
	document, err := json.Marshal(c)
	if err != nil {
		return "", fmt.Errorf("store: %w", err)
	}
	stmt, err := s.stmt(ctx, s.write, `SELECT usher_apply_1($1)`)
	if err != nil {
		return "", err
	}
	var outcome Outcome
	if err := stmt.QueryRowxContext(ctx, string(document)).Scan(&outcome); err != nil {
		return "", err
	}
	return outcome, nil
}

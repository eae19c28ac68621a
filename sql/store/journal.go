package store

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/jmoiron/sqlx"
)

// JournalEntry is one change of one user. It is written in the transaction of
// the change.
type JournalEntry struct {
	ID     string `json:"id" db:"id"`         // UUIDv7
	What   string `json:"what" db:"what"`     // one of the What… codes
	Detail string `json:"detail" db:"detail"` // a JSON object

	// For changes that no token made: who, and the request's reference id.
	Actor     string `json:"-" db:"actor"`
	Reference string `json:"-" db:"reference"`
}

// What happened to a user.
const (
	WhatUserCreated    = "user_created"    // detail: email, identity
	WhatUserLinked     = "user_linked"     // an identity was tied to an existing user; detail: by, identity
	WhatSubjectSet     = "subject_set"     // an identity known by e-mail got its sub; detail: identity, sub
	WhatEmailChanged   = "email_changed"   // detail: from, to
	WhatProfileChanged = "profile_changed" // detail: per field from, to
	WhatMetaChanged    = "meta_changed"    // detail: set, removed (keys), from, to (their values)
	WhatGroupAdded     = "group_added"     // detail: group, was_member (by another source); by hand also source, pinned
	WhatGroupRemoved   = "group_removed"   // detail: group, source, still_member; group_deleted when the group went
	WhatGroupPinned    = "group_pinned"    // of a membership given by hand; detail: group, from, to
	WhatCreditGranted  = "credit_granted"  // detail: order_id, id
	WhatCreditParked   = "credit_parked"   // the same
	WhatCreditRevoked  = "credit_revoked"  // the same
	WhatCreditConsumed = "credit_consumed" // detail: order_id, id, integration
	WhatUserDisabled   = "user_disabled"
	WhatUserEnabled    = "user_enabled"
	WhatUserErased     = "user_erased"
	WhatUserMerged     = "user_merged"   // another one into this; detail: from, email, identities, groups, credits, meta
	WhatMergedInto     = "merged_into"   // this one into another; detail: into
	WhatSignedOut      = "signed_out"    // everywhere
	WhatSessionEnded   = "session_ended" // one of them; detail: session

	// What an undoing does beside the above. Its entries have the id of the
	// entry that they undo in the detail "undoes".
	WhatIdentityDetached = "identity_detached" // detail: identity, integration, sub, email
	WhatSubjectUnset     = "subject_unset"     // detail: identity, integration, sub
)

func insertJournal(ctx context.Context, tx *sqlx.Tx, tenant, user string, at time.Time, e JournalEntry) error {
	_, err := tx.ExecContext(ctx, `
INSERT INTO journal (tenant_id, id, at, user_id, integration_id, key_id, reference, actor, what, detail)
VALUES ($1, $2, $3, $4, NULL, NULL, $5, $6, $7, $8)`, tenant, e.ID, at, user, e.Reference, e.Actor, e.What, e.Detail)
	return err
}

// Change is a journal entry as it is read back.
type Change struct {
	JournalEntry
	At            time.Time `db:"at"`
	IntegrationID *string   `db:"integration_id"`
	KeyID         *string   `db:"key_id"`
}

// JournalBefore returns a user's changes from before one of them (by its id;
// "" = from the newest on), newest first, at most limit. With codes only such
// changes are returned.
func (s *Store) JournalBefore(ctx context.Context, tenant, user, before string, limit int, codes ...string) ([]Change, error) {
	query := `
SELECT id, at, integration_id, key_id, reference, actor, what, detail
  FROM journal WHERE tenant_id = $1 AND user_id = $2`
	args := []any{tenant, user}
	bind := func(value any) string {
		args = append(args, value)
		return fmt.Sprintf("$%d", len(args))
	}
	if before != "" {
		query += " AND id < " + bind(before)
	}
	if len(codes) > 0 {
		marks := make([]string, len(codes))
		for i, code := range codes {
			marks[i] = bind(code)
		}
		query += " AND what IN (" + strings.Join(marks, ", ") + ")"
	}
	query += " ORDER BY id DESC LIMIT " + bind(limit)
	var changes []Change
	err := s.read.SelectContext(ctx, &changes, query, args...)
	return changes, fault(err)
}

// Journal returns a user's newest changes, newest first, at most limit.
func (s *Store) Journal(ctx context.Context, tenant, user string, limit int) ([]Change, error) {
	return s.JournalBefore(ctx, tenant, user, "", limit)
}

// ForgetJournal deletes a tenant's entries from before a time, the oldest
// first, at most limit, and returns how many.
func (s *Store) ForgetJournal(ctx context.Context, tenant string, before time.Time, limit int) (int, error) {
	result, err := s.write.ExecContext(ctx, `
DELETE FROM journal WHERE tenant_id = $1 AND id `+s.dialect.among(`
    SELECT id FROM journal WHERE tenant_id = $1 AND at < $2 ORDER BY at LIMIT $3`), tenant, before.UTC(), limit)
	if err != nil {
		return 0, fault(err)
	}
	n, err := result.RowsAffected()
	s.dropped.count("journal", n)
	return int(n), fault(err)
}

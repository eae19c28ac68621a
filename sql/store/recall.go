package store

import (
	"context"
	"errors"
	"time"
)

// Unchanged sign-ins that come at the same time share a statement; see
// gatherer.
const (
	// recallFlights is how many are under way at once at most, for each way to
	// find an identity. With one alone a slow one would hold up everybody.
	recallFlights = 3
	// recallPatience is how long whoever waits does so for a statement that is
	// under way: longer than one for a full table takes on a database near by.
	// With less of it more statements carry less each.
	recallPatience = 2 * time.Millisecond
	// recallSeats bounds what one of them carries, so that the first sign-in
	// does not wait long for the last.
	recallSeats = 64
	// recallLimit is how long one may take. Those who wait have their own
	// limits besides.
	recallLimit = 2 * time.Second
)

// recallGatherer gathers those whose identity is found by a column.
func (s *Store) recallGatherer(column string, always bool) *gatherer[Recollection, recollected] {
	alone, together := recallAlone(column, true, s.lazily), recallTogether(column, s.lazily)
	return &gatherer[Recollection, recollected]{
		flights: recallFlights, patience: recallPatience, seats: recallSeats, always: always,
		alone: func(ctx context.Context, q Recollection) (recollected, error) { return s.recallOne(ctx, alone, q) },
		together: func(qs []Recollection) ([]recollected, error) {
			ctx, cancel := context.WithTimeout(context.Background(), recallLimit)
			defer cancel()
			return s.recallAll(ctx, together, qs)
		},
		lost: s.recallLost,
	}
}

// recollected is an answer from the fast lane.
type recollected struct {
	Recalled
	// held is true when the fingerprint matches, but somebody is changing the
	// identity: ask again, and wait. Nobody may wait in the fast lane, where
	// others stand behind.
	held bool
}

func (s *Store) recallPostgres(ctx context.Context, q Recollection) (Recalled, error) {
	gatherer := s.bySubject
	if q.Subject == "" {
		gatherer = s.byEmail
	}
	answer, together, err := gatherer.do(ctx, q)
	switch {
	case err == nil && !answer.held:
		return s.ownUse(ctx, q, answer.Recalled)
	case err == nil, together && ctx.Err() == nil && !outOfTime(err):
		// Somebody is changing the identity; or what could not be asked together
		// is asked alone, as somebody else's question may have been the reason.
		r, err := s.recallPatiently(ctx, q)
		if err != nil {
			return r, err
		}
		return s.ownUse(ctx, q, r)
	}
	return Recalled{}, fault(err)
}

// recallPatiently waits for whoever is changing the identity.
func (s *Store) recallPatiently(ctx context.Context, q Recollection) (Recalled, error) {
	column, _ := q.person()
	answer, err := s.recallOne(ctx, recallAlone(column, false, s.lazily), q)
	return answer.Recalled, fault(err)
}

// ownUse looks whose use it was that makes this one a replay. What was written
// may have been written by the same sign-in, its answer lost: together with
// others, by the change before, or by the driver, which asks again by itself
// when a connection is gone. That is no second use. Where a second use is no
// replay either, it does not matter whose it was.
func (s *Store) ownUse(ctx context.Context, q Recollection, r Recalled) (Recalled, error) {
	if r.Spent || !q.Token.Single || !r.Current || !r.Known || r.Status != StatusActive {
		return r, nil
	}
	err := s.fast.GetContext(ctx, &r.Spent, `
SELECT EXISTS (SELECT 1 FROM used_tokens WHERE tenant_id = $1 AND integration_id = $2 AND token_key = $3 AND attempt = $4)`,
		q.TenantID, q.IntegrationID, []byte(q.Token.Key), q.Token.Attempt)
	return r, fault(err)
}

// recallLost gives back the token of a sign-in that was given up while it was
// under way. What it fails at is left to whoever gave up, who asks for the same.
func (s *Store) recallLost(q Recollection, answer recollected, err error) {
	if err == nil && !answer.Spent {
		return
	}
	go func() {
		ctx, cancel := context.WithTimeout(context.Background(), recallLimit)
		defer cancel()
		_ = s.Unspend(ctx, q.TenantID, q.IntegrationID, q.Token)
	}()
}

// outOfTime reports whether a statement took longer than it may: the database is
// slow, and nobody asks it twice.
func outOfTime(err error) bool {
	return errors.Is(err, context.DeadlineExceeded) || violates(err, pqCancelled)
}

func (s *Store) recallOne(ctx context.Context, statement string, q Recollection) (recollected, error) {
	stmt, err := s.stmt(ctx, s.fast, statement)
	if err != nil {
		return recollected{}, err
	}
	_, value := q.person()
	var r recollected
	err = stmt.QueryRowContext(ctx, q.TenantID, q.IntegrationID, value, q.Fingerprint, q.Revision,
		q.Token.Key, q.Token.IssuedAt, q.Token.Attempt, q.Token.NotAfter, q.Token.ExpiresAt).
		Scan(&r.Current, &r.Generation, &r.Known, &r.UserID, &r.Status, &r.SessionEpoch, &r.Version, &r.Onboarding, &r.Spent, &r.held)
	return r, err
}

// recallAll answers many at once.
func (s *Store) recallAll(ctx context.Context, statement string, qs []Recollection) ([]recollected, error) {
	stmt, err := s.stmt(ctx, s.fast, statement)
	if err != nil {
		return nil, err
	}
	rows, err := stmt.QueryxContext(ctx, recallArrays(qs)...)
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }()
	answers := make([]recollected, len(qs))
	for i := range answers {
		answers[i].held = true // an integration that is not there has no row: alone each is told so
	}
	for rows.Next() {
		var n int
		var r recollected
		if err := rows.Scan(&n, &r.Current, &r.Generation, &r.Known, &r.UserID, &r.Status, &r.SessionEpoch, &r.Version,
			&r.Onboarding, &r.Spent, &r.held); err != nil {
			return nil, err
		}
		answers[n-1] = r
	}
	return answers, rows.Err()
}

// recallAlone is the statement for one, with the column that finds the
// identity. The quick form passes over an identity that is being changed. lazily
// stands for the parameter that the connection has elsewhere.
func recallAlone(column string, quick, lazily bool) string {
	lock, held := "FOR KEY SHARE OF i", "false"
	if quick {
		lock += " SKIP LOCKED"
		held = `CASE WHEN known.id IS NULL THEN EXISTS (
           SELECT 1 FROM identities i
            WHERE i.tenant_id = $1 AND i.integration_id = $2 AND i.` + column + ` = $3 AND i.fingerprint = $4) ELSE false END`
	}
	return `
WITH known AS (
    SELECT i.id, i.user_id, u.status, u.session_epoch, u.version, u.onboarding
      FROM identities i JOIN users u ON u.tenant_id = i.tenant_id AND u.id = i.user_id
     WHERE i.tenant_id = $1 AND i.integration_id = $2 AND i.` + column + ` = $3 AND i.fingerprint = $4
       ` + lock + `
), spent AS (
    INSERT INTO used_tokens (tenant_id, integration_id, token_key, identity_id, issued_at, attempt, not_after,
                             expires_at)
    SELECT n.tenant_id, n.id, $6, known.id, $7, $8, $9, $10
      FROM known, integrations n
     WHERE n.tenant_id = $1 AND n.id = $2 AND n.revision = $5 AND n.removed_at IS NULL AND known.status = 'active'` + notWaiting(lazily) + `
    ON CONFLICT DO NOTHING
    RETURNING 1
)
SELECT n.revision = $5 AND n.removed_at IS NULL AS current, n.generation, known.id IS NOT NULL AS known,
       coalesce(known.user_id::text, '') AS user_id, coalesce(known.status, '') AS status,
       coalesce(known.session_epoch, 0) AS session_epoch, coalesce(known.version, 0) AS version,
       coalesce(known.onboarding, false) AS onboarding,
       EXISTS (SELECT 1 FROM spent) AS spent, ` + held + ` AS held
  FROM integrations n LEFT JOIN known ON true
 WHERE n.tenant_id = $1 AND n.id = $2`
}

// notWaiting is a condition that always holds, and has the transaction of its
// statement not wait for the flush of its commit.
func notWaiting(lazily bool) string {
	if !lazily {
		return ""
	}
	return ` AND set_config('synchronous_commit', 'off', true) = 'off'`
}

// recallTogether is the statement for many, whose questions are the rows of
// arrays. It takes the locks of all identities before it writes, waits for none
// of them, and writes the tokens in the order of their keys: two of these
// cannot wait for each other. Of two that use one token in it the first is
// recorded, and tells so by its attempt.
//
// Each question finds its identity by itself (LATERAL with a LIMIT): whatever
// the planner thinks of the tables, it goes by the key and reads no table.
func recallTogether(column string, lazily bool) string {
	return `
WITH known AS (
    SELECT q.n, q.tenant_id, q.integration_id, q.person, q.fingerprint, q.token_key, q.issued_at, q.attempt, q.not_after,
           q.expires_at, n.revision = q.revision AND n.removed_at IS NULL AS current, n.generation,
           i.id, i.user_id, i.status, i.session_epoch, i.version, i.onboarding
      FROM unnest($1::uuid[], $2::uuid[], $3::text[], $4::bytea[], $5::bigint[], $6::bytea[], $7::bigint[], $8::uuid[],
                  $9::bigint[], $10::bigint[]) WITH ORDINALITY
           AS q (tenant_id, integration_id, person, fingerprint, revision, token_key, issued_at, attempt, not_after,
                 expires_at, n)
      JOIN integrations n ON n.tenant_id = q.tenant_id AND n.id = q.integration_id
      LEFT JOIN LATERAL (
          SELECT i.id, i.user_id, u.status, u.session_epoch, u.version, u.onboarding
            FROM identities i JOIN users u ON u.tenant_id = i.tenant_id AND u.id = i.user_id
           WHERE i.tenant_id = q.tenant_id AND i.integration_id = q.integration_id AND i.` + column + ` = q.person
             AND i.fingerprint = q.fingerprint
           LIMIT 1 FOR KEY SHARE OF i SKIP LOCKED) AS i ON true
), spent AS (
    INSERT INTO used_tokens (tenant_id, integration_id, token_key, identity_id, issued_at, attempt, not_after,
                             expires_at)
    SELECT tenant_id, integration_id, token_key, id, issued_at, attempt, not_after, expires_at
      FROM known WHERE current AND status = 'active'` + notWaiting(lazily) + `
     ORDER BY token_key, integration_id, tenant_id
    ON CONFLICT DO NOTHING
    RETURNING tenant_id, attempt
)
SELECT known.n, known.current, known.generation, known.id IS NOT NULL AS known,
       coalesce(known.user_id::text, '') AS user_id, coalesce(known.status, '') AS status,
       coalesce(known.session_epoch, 0) AS session_epoch, coalesce(known.version, 0) AS version,
       coalesce(known.onboarding, false) AS onboarding,
       spent.attempt IS NOT NULL AS spent,
       CASE WHEN known.id IS NULL THEN EXISTS (
           SELECT 1 FROM identities i
            WHERE i.tenant_id = known.tenant_id AND i.integration_id = known.integration_id AND i.` + column + ` = known.person
              AND i.fingerprint = known.fingerprint) ELSE false END AS held
  FROM known LEFT JOIN spent ON spent.tenant_id = known.tenant_id AND spent.attempt = known.attempt`
}

// recallArrays are the arguments of recallTogether, as PostgreSQL writes arrays.
func recallArrays(qs []Recollection) []any {
	var tenants, integrations, people, fingerprints, revisions, keys, issued, attempts, notAfter, expires array
	const element = 40 // bytes, about
	for _, list := range []*array{&tenants, &integrations, &people, &fingerprints, &attempts} {
		list.Grow(element * len(qs))
	}
	for _, list := range []*array{&revisions, &issued, &notAfter, &expires} {
		list.Grow(element / 2 * len(qs))
	}
	keys.Grow(2 * element * len(qs))
	for i := range qs {
		q := &qs[i]
		_, person := q.person()
		tenants.text(q.TenantID)
		integrations.text(q.IntegrationID)
		people.text(person)
		fingerprints.bytes(q.Fingerprint)
		revisions.number(&q.Revision)
		keys.bytes(q.Token.Key)
		issued.number(q.Token.IssuedAt)
		attempts.text(q.Token.Attempt)
		notAfter.number(q.Token.NotAfter)
		expires.number(q.Token.ExpiresAt)
	}
	return []any{
		tenants.end(), integrations.end(), people.end(), fingerprints.end(), revisions.end(), keys.end(),
		issued.end(), attempts.end(), notAfter.end(), expires.end(),
	}
}

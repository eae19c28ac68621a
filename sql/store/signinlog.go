package store

import (
	"context"
	"database/sql/driver"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"
)

// SignIn is an entry of the sign-in log: one attempt, as it came and what
// became of it. Texts are "" where nothing is known.
type SignIn struct {
	TenantID  string    `db:"tenant_id"`
	ID        string    `db:"id"` // made by LogID
	Reference string    `db:"reference"`
	At        time.Time `db:"at"`
	Door      string    `db:"door"`
	Outcome   string    `db:"outcome"`
	Reason    string    `db:"reason"` // "" unless refused

	IntegrationID string `db:"integration_id"`
	KeyID         string `db:"key_id"` // that signed, or that the token named
	UserID        string `db:"user_id"`

	// What the token claims, verified or not.
	Email    string     `db:"email"`
	EmailKey string     `db:"email_key"` // the compared form
	Subject  string     `db:"subject"`
	IssuedAt *time.Time `db:"issued_at"`
	Header   string     `db:"header"`  // JSON as sent; "" when unreadable or too large
	Payload  string     `db:"payload"` // likewise

	Detail   string   `db:"detail"` // the refusal's, for administrators
	Path     string   `db:"path"`   // of the claim at fault
	Expected string   `db:"expected"`
	Warnings Warnings `db:"warnings"`

	Created bool  `db:"created"` // the user, by this sign-in
	Changed bool  `db:"changed"` // something of the user
	Added   int64 `db:"added"`   // memberships
	Removed int64 `db:"removed"`
	Granted int64 `db:"granted"` // credits
	Revoked int64 `db:"revoked"`

	Target    string `db:"target"`  // where the person was sent
	Network   string `db:"network"` // /24 or /48
	UserAgent string `db:"user_agent"`
	Count     int64  `db:"count"` // 1, or the attempts that a suppressed row stands for
	Rung      string `db:"rung"`  // how a frame holds its session; "" = not said, or no frame
}

// Values of SignIn.Outcome.
const (
	SignedIn   = "signed_in"
	Refused    = "refused"
	Reopened   = "reopened"   // a used link, opened again by the browser that it signed in
	Suppressed = "suppressed" // attempts that were counted, but not kept one by one
)

// Values of SignIn.Door.
const (
	DoorGet    = "get"
	DoorPost   = "post"
	DoorEmbed  = "embed"  // presented to an embedded page
	DoorHeader = "header" // presented beside an API call
)

// Presented reports whether the token was shown and not spent.
func (r SignIn) Presented() bool { return r.Door == DoorEmbed || r.Door == DoorHeader }

// Warning is something worth telling about an accepted token.
type Warning struct {
	Code string `json:"code"`
	Path string `json:"path,omitempty"`
	Text string `json:"text"`
}

// Warnings are kept as a JSON array.
type Warnings []Warning

// Value implements driver.Valuer.
func (w Warnings) Value() (driver.Value, error) {
	if len(w) == 0 {
		return "[]", nil
	}
	text, err := json.Marshal([]Warning(w))
	return string(text), err
}

// Scan implements sql.Scanner.
func (w *Warnings) Scan(value any) error {
	switch text := value.(type) {
	case string:
		return json.Unmarshal([]byte(text), (*[]Warning)(w))
	case []byte:
		return json.Unmarshal(text, (*[]Warning)(w))
	}
	return errors.New("store: warnings are not text")
}

// LogID makes the id of an entry: a UUIDv7 (RFC 9562 §5.7) of the moment at,
// with the part of a millisecond in the twelve bits behind it (§6.2, method 3).
func LogID(at time.Time) (string, error) {
	id, err := uuid.NewRandom()
	if err != nil {
		return "", fmt.Errorf("store: %w", err)
	}
	setTime(&id, at)
	return id.String(), nil
}

// logFloor is the lowest id that an entry of the moment at, or of a later one,
// can have.
func logFloor(at time.Time) string {
	id := uuid.UUID{8: 0x80}
	setTime(&id, at)
	return id.String()
}

func setTime(id *uuid.UUID, at time.Time) {
	micro := max(at.UnixMicro(), 0)
	milli, part := micro/1000, micro%1000*4096/1000
	for i := range 6 {
		id[i] = byte(milli >> (40 - 8*i)) //nolint:gosec // its low eight bits are meant
	}
	id[6], id[7] = 0x70|byte(part>>8), byte(part) //nolint:gosec // likewise
}

// SignInFilter selects entries of the log. Empty fields select nothing out.
type SignInFilter struct {
	Reference     string
	EmailKey      string
	UserID        string
	IntegrationID string
	Reason        string
	Outcome       string
	From, To      time.Time // From ≤ arrival < To
}

const signInColumns = `tenant_id, id, reference, at, door, outcome, reason,
       coalesce(CAST(integration_id AS text), '') AS integration_id, coalesce(key_id, '') AS key_id,
       coalesce(CAST(user_id AS text), '') AS user_id, email, coalesce(email_key, '') AS email_key, subject, issued_at,
       detail, path, expected, warnings, created, changed, added, removed, granted, revoked, target, network,
       user_agent, count, rung`

// SignIns returns entries, newest first, at most limit, without Header and
// Payload. before is the id of the entry behind which the page begins; "" =
// the newest.
func (s *Store) SignIns(ctx context.Context, tenant string, f SignInFilter, before string, limit int) ([]SignIn, error) {
	where, args := f.where(tenant, before)
	var rows []SignIn
	// Not prepared: the plan depends on what is asked for.
	err := s.read.SelectContext(ctx, &rows, `SELECT `+signInColumns+`
  FROM sign_ins WHERE `+where+` ORDER BY id DESC LIMIT `+strconv.Itoa(limit), args...)
	return rows, fault(err)
}

// where writes the conditions so that there is one index to use, the most
// selective one, whatever the planner thinks of the table: a comparison that is
// held to be TRUE looks like no column to it.
func (f SignInFilter) where(tenant, before string) (where string, args []any) {
	var b strings.Builder
	add := func(form string, value any) {
		args = append(args, value)
		fmt.Fprintf(&b, form, len(args))
	}
	add(`tenant_id = $%d`, tenant)
	if before != "" {
		add(` AND id < $%d`, before)
	}
	if !f.From.IsZero() {
		add(` AND id >= $%d`, logFloor(f.From))
	}
	if !f.To.IsZero() {
		add(` AND id < $%d`, logFloor(f.To))
	}

	const leads, follows = ` AND %s = $%%d`, ` AND (%s = $%%d) IS TRUE`
	led := false // a column leads already
	person := f.Reference != "" || f.EmailKey != "" || f.UserID != ""
	for _, column := range []struct {
		name, value string
		with        bool // leads beside the integration
	}{
		{"reference", f.Reference, false},
		{"email_key", f.EmailKey, false},
		{"user_id", f.UserID, false},
		{"integration_id", f.IntegrationID, true},
		{"reason", f.Reason, f.IntegrationID != "" && !person},
		{"outcome", f.Outcome, f.IntegrationID != "" && !person && f.Reason == "" && f.Outcome != SignedIn},
	} {
		if column.value == "" {
			continue
		}
		form := follows
		if !led || column.with && !person {
			form, led = leads, true
		}
		add(fmt.Sprintf(form, column.name), column.value)
	}
	if f.Reason != "" || f.Outcome != "" && f.Outcome != SignedIn {
		// Said in so many words for the indexes that leave successes out.
		b.WriteString(` AND outcome <> 'signed_in'`)
	}
	return b.String(), args
}

// SignInByReference returns the whole entry of a request, or ErrNotFound.
func (s *Store) SignInByReference(ctx context.Context, tenant, reference string) (SignIn, error) {
	var row SignIn
	err := s.read.GetContext(ctx, &row, `SELECT `+signInColumns+`, header, payload
  FROM sign_ins WHERE tenant_id = $1 AND reference = $2 ORDER BY id DESC LIMIT 1`, tenant, reference)
	return row, fault(err)
}

// Arrival is when a token arrived, and when it says it was made.
type Arrival struct {
	At       time.Time `db:"at"`
	IssuedAt time.Time `db:"issued_at"`
}

// Arrivals returns the newest arrivals of an integration's own links, at most
// limit, looking at no more than the newest among entries since a time. Tokens
// that are presented come again and again: their age says nothing of a clock.
func (s *Store) Arrivals(ctx context.Context, tenant, integration string, since time.Time, among, limit int) ([]Arrival, error) {
	var rows []Arrival
	err := s.read.SelectContext(ctx, &rows, `
SELECT at, issued_at FROM
    (SELECT id, at, issued_at, key_id, reason, door FROM sign_ins
      WHERE tenant_id = $1 AND integration_id = $2 AND id >= $3 ORDER BY id DESC LIMIT $4) AS newest
 WHERE issued_at IS NOT NULL AND key_id IS NOT NULL AND reason NOT IN ('signature_invalid', 'key_retired', 'alg_not_allowed')
   AND door IN ('get', 'post')
 ORDER BY id DESC LIMIT $5`, tenant, integration, logFloor(since), among, limit)
	return rows, fault(err)
}

// ForgetSignIns deletes a tenant's entries from before a time, the oldest
// first, at most limit, and returns how many. The counts stay.
func (s *Store) ForgetSignIns(ctx context.Context, tenant string, before time.Time, limit int) (int, error) {
	result, err := s.write.ExecContext(ctx, `
DELETE FROM sign_ins WHERE tenant_id = $1 AND id `+s.dialect.among(`
    SELECT id FROM sign_ins WHERE tenant_id = $1 AND id < $2 ORDER BY id LIMIT $3`), tenant, logFloor(before), limit)
	if err != nil {
		return 0, fault(err)
	}
	n, err := result.RowsAffected()
	s.dropped.count("sign_ins", n)
	return int(n), fault(err)
}

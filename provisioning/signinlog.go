package provisioning

import (
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"usher/sql/store"
)

// SignInAttempt is a finished attempt to sign in, as the door saw it.
type SignInAttempt struct {
	Arrival Arrival
	SignIn  SignIn // from Redeem, beside an error as well
	// Reason is the refusal's code; "" = the person was let in.
	Reason   string
	Refusal  *Refusal // what else there is to say about it; may be nil
	Reopened bool     // let in by the session that this very link has made

	Door               string // DoorGet, DoorPost, DoorEmbed or DoorHeader
	Target             string // where the person was sent; "" when refused
	Network, UserAgent string
}

// Values of SignInAttempt.Door.
const (
	DoorGet    = store.DoorGet
	DoorPost   = store.DoorPost
	DoorEmbed  = store.DoorEmbed
	DoorHeader = store.DoorHeader
)

// seen is what a token says, verified or not, for the log alone.
type seen struct {
	header, payload string // decoded; "" when they could not be
	keyID           string // the key that has signed, or that was named

	email, emailKey, subject string // once the claims have been read
	issuedAt                 time.Time
}

func (s *seen) know(a *Assertion) {
	s.email, s.emailKey, s.subject, s.issuedAt = a.Email, a.EmailKey, a.Subject, a.IssuedAt
}

// The most that an entry keeps of a text, in bytes.
const (
	maxKeptJSON = 8 << 10 // more is not kept at all: half of it could not be read
	maxKeptText = 512
)

// LogSignIn hands an attempt to the sign-in log. It neither waits nor fails: what
// cannot be kept is counted. Of API calls only those reach it that were refused
// or have changed something; of the others no more is kept than that the key is
// in use.
func (s *Service) LogSignIn(a SignInAttempt) {
	if a.Arrival.Tenant.ID == "" {
		return
	}
	if a.Uneventful() {
		s.signIns.used(a.Arrival.Tenant.ID, a.SignIn.Integration.ID, a.SignIn.KeyID)
		return
	}
	row := store.SignIn{
		TenantID: a.Arrival.Tenant.ID, Reference: a.Arrival.Reference, At: s.now().UTC().Truncate(time.Microsecond), Door: a.Door,
		Outcome: store.SignedIn, Reason: a.Reason,
		IntegrationID: a.SignIn.Integration.ID, KeyID: cmpOrElse(a.SignIn.KeyID, a.SignIn.seen.keyID), UserID: a.SignIn.UserID,
		Created: a.SignIn.Created, Changed: a.SignIn.Changed,
		Added: int64(a.SignIn.Added), Removed: int64(a.SignIn.Removed),
		Granted: int64(a.SignIn.Granted), Revoked: int64(a.SignIn.Revoked),
		Target: a.Target, Network: a.Network, UserAgent: a.UserAgent, Count: 1,
	}
	switch {
	case a.Reopened:
		row.Outcome, row.Reason = store.Reopened, ""
	case a.Reason != "":
		row.Outcome = store.Refused
	}
	if !s.signIns.admit(&row) {
		return
	}
	if a.Refusal != nil && row.Outcome == store.Refused {
		row.Detail, row.Path, row.Expected = a.Refusal.Detail, a.Refusal.Path, a.Refusal.Expected
	}
	for _, w := range a.SignIn.Warnings {
		row.Warnings = append(row.Warnings, store.Warning(w))
	}
	seen := a.SignIn.seen
	row.Email, row.EmailKey, row.Subject = seen.email, seen.emailKey, seen.subject
	if !seen.issuedAt.IsZero() {
		row.IssuedAt = &seen.issuedAt
	}
	row.Header, row.Payload = keptJSON(seen.header), keptJSON(seen.payload)
	withoutToken(&row, a.Arrival.Link.Token)
	s.signIns.put(row)
}

// Uneventful reports whether the attempt is an API call that was let in and has
// changed nothing, of which no row is kept.
func (a *SignInAttempt) Uneventful() bool {
	return a.Door == DoorHeader && a.Reason == "" && !a.SignIn.Created && !a.SignIn.Changed
}

func cmpOrElse(a, b string) string {
	if a != "" {
		return a
	}
	return b
}

// keptJSON is a token's part as an entry keeps it: whole, or not at all.
func keptJSON(text string) string {
	if len(text) > maxKeptJSON || !isStorable(text) {
		return ""
	}
	return text
}

// withoutToken empties the fields that hold a token: this one, or another that
// somebody has put into a claim or a header line.
func withoutToken(row *store.SignIn, token string) {
	for _, text := range []*string{&row.Header, &row.Payload, &row.Email, &row.Subject, &row.Target, &row.UserAgent, &row.Detail} {
		if token != "" && strings.Contains(*text, token) || holdsToken(*text) {
			*text = ""
		}
	}
}

// holdsToken reports whether a text has something in it that looks like a
// compact JWS: two JSON objects in base64url with dots behind them.
func holdsToken(text string) bool {
	const object = "eyJ" // {"
	for {
		_, rest, found := strings.Cut(text, object)
		if !found {
			return false
		}
		text = rest
		end := strings.IndexFunc(rest, func(r rune) bool { return !isBase64URL(r) })
		if end < 0 || !strings.HasPrefix(rest[end:], "."+object) {
			continue
		}
		rest = rest[end+len(".")+len(object):]
		end = strings.IndexFunc(rest, func(r rune) bool { return !isBase64URL(r) })
		if end >= 0 && rest[end] == '.' {
			return true
		}
	}
}

// holdsEscapedToken reports whether a JSON text has a token in it that only
// shows when its escapes are read.
func holdsEscapedToken(text string) bool {
	if !strings.Contains(text, `\u00`) {
		return false
	}
	value, err := readJSON(text)
	if err != nil {
		return true // nobody can tell
	}
	return slices.ContainsFunc(value, func(n jsonNode) bool { return holdsToken(n.text) || holdsToken(n.name) })
}

func isBase64URL(r rune) bool {
	return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '-' || r == '_'
}

// complete does to an entry what can be done later than at the door: its id,
// the claims of a token whose claims were not read, texts of bounded length.
func complete(row *store.SignIn) error {
	var err error
	if row.ID, err = store.LogID(row.At); err != nil {
		return err
	}
	if row.EmailKey == "" && row.Payload != "" {
		readClaimed(row)
	}
	if row.Email == "" {
		row.EmailKey = ""
	}
	for _, text := range []*string{&row.Header, &row.Payload} {
		if holdsEscapedToken(*text) {
			*text = ""
		}
	}
	for _, text := range []*string{
		&row.Reference, &row.KeyID, &row.Email, &row.Subject, &row.Detail, &row.Path, &row.Expected, &row.UserAgent,
	} {
		*text = fit(*text, maxKeptText)
	}
	row.Target = fit(row.Target, 2*maxGoBytes)
	if row.IssuedAt != nil && (row.IssuedAt.Year() < 1 || row.IssuedAt.Year() > 9999) {
		row.IssuedAt = nil // no column holds it; the payload says it
	}
	return nil
}

// readClaimed takes from a payload that was refused whom it names.
func readClaimed(row *store.SignIn) {
	claims, err := readJSON(row.Payload)
	if err != nil {
		return
	}
	if email := claims.member("email"); email.exists() && email.kind() == jsonString {
		row.Email = fit(strings.TrimSpace(email.text()), maxEmailBytes)
		if key, err := EmailKey(email.text()); err == nil {
			row.EmailKey = key
		}
	}
	if sub := claims.member("sub"); sub.exists() && (sub.kind() == jsonString || sub.kind() == jsonNumber) {
		row.Subject = sub.text()
	}
	for _, text := range []*string{&row.Email, &row.Subject} {
		if holdsToken(*text) {
			*text = ""
		}
	}
	if iat := claims.member("iat"); iat.exists() {
		if date, expected := numericDate(iat); expected == "" {
			row.IssuedAt = &date
		}
	}
}

// fit makes a text one that a column can hold: at most n bytes of UTF-8, no
// NUL.
func fit(text string, n int) string {
	if len(text) > n {
		for !utf8.RuneStart(text[n]) && n > 0 {
			n--
		}
		text = text[:n]
	}
	if isStorable(text) {
		return text
	}
	return strings.ReplaceAll(strings.ToValidUTF8(text, ""), "\x00", "")
}

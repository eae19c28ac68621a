package provisioning

import "time"

// Assertion is what a verified token says, in the product's own terms. One
// that exists is well-formed: every limit of the claims table holds, text is
// valid UTF-8 without NUL, lists are free of duplicates.
//
// Absent, null and empty are three things. A nil pointer (or a nil Groups,
// Credits, Meta) means "the token says nothing, leave it alone"; JSON null
// ends there too and leaves a Warning; a non-nil empty list means "remove
// all".
type Assertion struct {
	Subject       string // "" = none
	Email         string // as sent, trimmed; "" = none (embeds only)
	EmailKey      string // the form that is compared: trimmed, NFC, lower-cased, domain in ASCII
	EmailVerified *bool

	FirstName *string
	LastName  *string
	Name      *string
	Phone     *string
	Birthdate *string // YYYY-MM-DD or ""
	Locale    *string
	Picture   *string

	Meta    map[string]any // values as json.Number, string, bool, nil, []any, map[string]any
	Groups  *[]string      // sorted, unique external ids
	Credits *[]Grant       // sorted by order id and credit id, unique

	// Authorized are the ids of the resources to which the token narrows the
	// person's rights, sorted and unique. Nil = default rights, and an empty
	// list in the token means that too: it is never a non-nil empty list.
	Authorized []string

	Onboard bool
	Go      string // the go claim; "" = none
	Nonce   string

	ID            string        // jti; "" = none
	IssuedAt      time.Time     // zero = no iat; microsecond precision
	ExpiresAt     time.Time     // zero = no exp
	SessionLength time.Duration // 0 = not shortened

	Warnings []Warning
}

// Grant names one credit that a token grants.
type Grant struct {
	OrderID string `json:"orderId"` // 1–32 characters, case-sensitive
	ID      int64  `json:"id"`      // 1…2^53−1
}

// Warning is something worth telling the admin about an accepted token.
type Warning struct {
	Code string // stable, e.g. "claim_null", "go_rejected", "email_conflict"
	Path string // the claim concerned; may be empty
	Text string // one sentence, holds no secret
}

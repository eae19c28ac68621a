package admins

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"usher/sql/store"
)

// Service keeps accounts, their sessions and API keys. It is safe for
// concurrent use.
type Service struct {
	store    *store.Store
	emailKey func(email string) (string, error)
	provider *Provider // nil = none
	now      func() time.Time
	hashing  chan struct{} // a slot for each password that is being hashed
}

// New makes a Service. emailKey returns the form in which addresses are
// compared, or an error for what is no address; provider may be nil. Run has to
// be running beside it.
func New(st *store.Store, emailKey func(email string) (string, error), provider *Provider, now func() time.Time) *Service {
	return &Service{store: st, emailKey: emailKey, provider: provider, now: now, hashing: make(chan struct{}, maxHashing)}
}

// sweepPause is between two rounds of deleting what has ended.
const sweepPause = 5 * time.Minute

// Run deletes ended sessions, links and counts until ctx ends.
func (s *Service) Run(ctx context.Context) {
	tick := time.NewTicker(sweepPause)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			// What fails now is deleted in the next round.
			_ = s.store.SweepAdmins(ctx)
		}
	}
}

// The records that callers get. They are the store's, so that callers need not
// know it.
type (
	// By is who asks for a change.
	By = store.By
	// Tenant is whose administrators are meant.
	Tenant = store.Tenant
	// Account is somebody who administers a tenant.
	Account = store.Administrator
	// Session is one signed-in browser of an account.
	Session = store.AdminSession
	// APIKey lets a program use the API.
	APIKey = store.APIKey
	// Passkey is a WebAuthn credential of an account.
	Passkey = store.Passkey
)

var (
	// ErrNotFound means that this tenant has no such thing.
	ErrNotFound = store.ErrNotFound
	// ErrTaken means that the tenant has an account with this address.
	ErrTaken = store.ErrTaken
	// ErrLastOwner means that the tenant would be left without an owner.
	ErrLastOwner = store.ErrLastOwner
	// ErrNotAllowed means that the actor would give or touch rights that he
	// does not have himself.
	ErrNotAllowed = errors.New("this takes rights that the actor does not have")
	// ErrNone means that there is no such session.
	ErrNone = errors.New("admins: no session")
	// ErrWrong means that a sign-in has failed. It does not say why.
	ErrWrong = errors.New("admins: no account has this address and this password")
	// ErrBusy means that too many passwords are being checked right now.
	ErrBusy = errors.New("admins: too many passwords are being checked")
)

// Invalid says which field of a request cannot be accepted, and why.
type Invalid struct {
	Field   string // as the API names it
	Problem string // one sentence that names what is accepted
}

func (e *Invalid) Error() string { return e.Field + ": " + e.Problem }

// TooMany means that this address or this network has tried too often.
type TooMany struct{ Wait time.Duration }

func (e *TooMany) Error() string {
	return fmt.Sprintf("too many attempts, the next is due in %s", e.Wait.Round(time.Second))
}

// strict refuses a last character whose unused bits are set, so that a secret
// has one spelling.
var strict = base64.RawURLEncoding.Strict()

// secretSize is the length of a cookie and of a link's token: 256 random bits
// in base64url without padding.
const secretSize = 43

// newSecret makes 256 random bits and what is kept of them.
func newSecret() (text string, digest []byte) {
	var random [sha256.Size]byte
	_, _ = rand.Read(random[:]) // never fails (crypto/rand since Go 1.24)
	text = strict.EncodeToString(random[:])
	return text, digestOf(text)
}

// digestOf is what is kept of a secret.
func digestOf(text string) []byte {
	sum := sha256.Sum256([]byte(text))
	return sum[:]
}

// wellFormed reports whether a text can be one that newSecret made.
func wellFormed(text string) bool {
	if len(text) != secretSize {
		return false
	}
	// The decoder skips line breaks, so count what it found.
	var random [sha256.Size]byte
	n, err := strict.Decode(random[:], []byte(text))
	return err == nil && n == len(random)
}

const maxNameRunes = 100

// checkName trims the name of a person or a key.
func checkName(name string) (string, error) {
	name = strings.TrimSpace(name)
	if name == "" || !utf8.ValidString(name) || utf8.RuneCountInString(name) > maxNameRunes || strings.ContainsFunc(name, unicode.IsControl) {
		return "", &Invalid{"name", fmt.Sprintf("1 to %d characters, no control characters", maxNameRunes)}
	}
	return name, nil
}

// checkEmail returns an address as it is shown and as it is compared.
func (s *Service) checkEmail(email string) (shown, key string, err error) {
	shown = strings.TrimSpace(email)
	if key, err = s.emailKey(shown); err != nil {
		return "", "", &Invalid{"email", "an e-mail address, such as anna@example.com"}
	}
	return shown, key, nil
}

func checkRole(role Role) error {
	switch role {
	case Owner, Admin, Viewer:
		return nil
	}
	return &Invalid{"role", "one of owner, admin and viewer"}
}

// byAccount is the account as the one who acts.
func byAccount(a Account, by By) By {
	return By{Actor: actorOf(a).String(), Name: a.Name, Reference: by.Reference}
}

// anID is for ids that come from outside: PostgreSQL refuses what is none.
func anID(id string) error {
	if !store.IsID(id) {
		return ErrNotFound
	}
	return nil
}

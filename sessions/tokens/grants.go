package tokens

import (
	"context"
	"errors"
	"time"

	"usher/sql/store"
)

// ErrInvalidGrant means that a code, a refresh token or an assertion gives
// nothing: unknown, used, run out, another client's, or of a person who may not
// any more (RFC 6749 §5.2). Nobody is told which.
var ErrInvalidGrant = errors.New("this gives no token")

// methodExternal is how people prove who they are unless somebody knows better:
// to a partner, who tells us (amr, RFC 8176 has no word for it).
const methodExternal = "external"

// Grant is what a person, who has signed in, gives a client. Its id is the sid of
// the tokens that come from it.
type Grant = store.TokenGrant

// Person is who signs in to a client, and with what right: as in the session or
// the partner's token from which this comes.
type Person struct {
	User        string
	Integration string // "" = none: the person's own program
	Generation  int64  // of the integration
	Epoch       int64  // of the user's sessions
	AuthTime    time.Time
	Methods     []string // amr; none = "external"
}

// Authorization is what a person allows a client (RFC 6749 §4.1.1).
type Authorization struct {
	Client      Client
	Person      Person
	Scopes      []string // as Tokens.Scopes returned them
	RedirectURI string
	Challenge   string // PKCE, of the method S256 (RFC 7636 §4.2); "" = none
	Nonce       string // for the identity token; "" = none
}

// Issued are the tokens that a client gets for a person.
type Issued struct {
	Access   Access
	Refresh  string // "" without the scope offline_access
	Identity string // "" without the scope openid
	Grant    Grant
}

// GrantShown is a grant as people see it.
type GrantShown struct {
	Grant
	ClientID   string
	ClientName string
}

// errAwaited stands where something is still to come.
var errAwaited = errors.New("not there yet")

// GrantPerson gives a client tokens for a person without a code, for example
// because a partner's token says who it is (RFC 7523 §2.1). The errors are
// ErrInvalidClient, and ErrInvalidGrant when the person may not.
func (t *Tokens) GrantPerson(ctx context.Context, tenant, issuer string, client Client, p Person, scopes []string) (Issued, error) {
	return Issued{}, errAwaited
}

// LiveGrant returns a grant that is live at this moment, with its client, or
// ErrNone.
func (t *Tokens) LiveGrant(ctx context.Context, tenant, id string) (Client, Grant, error) {
	return Client{}, Grant{}, errAwaited
}

// RevokeFamily ends a grant and everything that came from it or from what it came
// from. That there is no such grant is no error. When it returns nil every token
// of the family is dead on every instance.
func (t *Tokens) RevokeFamily(ctx context.Context, tenant, grantID string) error {
	return errAwaited
}

// GrantsOf lists a person's live grants, newest first, at most size from the one
// after the given id ("" = from the start); next is where the following page
// starts, "" after the last.
func (t *Tokens) GrantsOf(ctx context.Context, tenant, user, after string, size int) (list []GrantShown, next string, err error) {
	return nil, "", errAwaited
}

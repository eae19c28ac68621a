package tokens

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"

	"usher/sql/store"
)

// madeIDBytes is how much of a client id is random that is made here.
const madeIDBytes = 12

// The records that callers get. They are the store's, under the names of this
// package, so that callers need not know the store.
type (
	Client = store.Client
	Secret = store.Secret
	Holder = store.Holder // of a Secret
)

// What can hold secrets.
const (
	OfClient     = store.OfClient
	OfConnection = store.OfAPIConnection
)

// AddClient makes a client with its first secret, which is returned in clear,
// this once; one that is public or comes with keys has none. An empty client id
// asks for one to be made. Without a wish for grants it speaks for itself, and a
// public one for people who sign in. The error is ErrTaken for the client id, or
// joins an *Invalid for each field that cannot be accepted.
func (t *Tokens) AddClient(ctx context.Context, tenant, clientID string, wish ClientSettings, by By) (Client, string, error) {
	id, err := store.NewID()
	if err != nil {
		return Client{}, "", err
	}
	c := t.newClient(tenant, id, clientID, wish)
	var wrong []error
	if wish.Name == nil {
		wrong = append(wrong, invalid("name", "give the client a name"))
	}
	if !isClientID(c.ClientID) {
		wrong = append(wrong, invalid("client_id", "1 to %d of the characters A–Z, a–z, 0–9, dot, underscore, tilde and hyphen", maxClientIDBytes))
	}
	wrong = append(wrong, checkNewKind(c))
	// What there is of what it needs is known once that is held.
	needs := wish.needs()
	wished := c
	if err := errors.Join(append(wrong, wish.apply(&wished, everything(wish)))...); err != nil {
		return Client{}, "", flat(err)
	}
	var first *Secret
	var secret, secretID string
	if !wished.Public && wished.Keys == "" {
		made, text, err := t.newSecret(tenant, id)
		if err != nil {
			return Client{}, "", err
		}
		first, secret, secretID = &made, text, made.ID
	}
	detail := clientDetail(wished)
	if first != nil {
		detail["secret"] = secretID
	}
	check := func(known store.ClientNeeds) error {
		return flat(errors.Join(wish.apply(&c, known), checkUser(c, known)))
	}
	err = t.store.AddClient(ctx, wished, first, needs, check, store.Act{
		By: by, Action: "client_added", Object: "client " + id, SecretOf: secretID, Detail: detail,
	})
	if err != nil {
		return Client{}, "", err
	}
	t.readyAlgorithm(ctx, wished)
	return wished, secret, nil
}

// NewClientDefaults is what a client is like when nothing is wished for.
func NewClientDefaults() Client {
	return Client{
		Kind: KindApplication, Grants: []string{GrantClientCredentials},
		RedirectURIs: []string{}, PostLogoutURIs: []string{}, APIScopes: []string{}, IdentityScopes: []string{}, RequiredClaims: []string{},
		AccessTokenFormat: FormatJWT, AccessTokenLife: DefaultAccessTokenLife, CodeLife: DefaultCodeLife,
		IdentityTokenLife: DefaultIdentityTokenLife, IdentityTokenAlg: Algorithms()[0], RefreshLife: DefaultRefreshLife, RefreshIdle: DefaultRefreshIdle,
		Rate: UsualRate, Revision: 1,
	}
}

// newClient is a client before its wishes.
func (t *Tokens) newClient(tenant, id, clientID string, wish ClientSettings) Client {
	c, now := NewClientDefaults(), t.moment()
	c.TenantID, c.ID, c.ClientID, c.CreatedAt, c.UpdatedAt = tenant, id, clientID, now, now
	if c.ClientID == "" {
		c.ClientID = madeClientID()
	}
	if wish.Kind != nil {
		c.Kind = *wish.Kind
	}
	if wish.User != nil {
		c.User = *wish.User
	}
	if wish.Public != nil && *wish.Public {
		c.Grants = []string{GrantAuthorizationCode}
	}
	return c
}

// madeClientID makes a client id.
func madeClientID() string {
	var random [madeIDBytes]byte
	_, _ = rand.Read(random[:]) // never fails (crypto/rand since Go 1.24)
	return hex.EncodeToString(random[:])
}

// flat joins what errors were joined of, however often.
func flat(err error) error {
	joined, is := err.(interface{ Unwrap() []error })
	if !is {
		return err
	}
	var errs []error
	for _, one := range joined.Unwrap() {
		if some, is := flat(one).(interface{ Unwrap() []error }); is {
			errs = append(errs, some.Unwrap()...)
		} else {
			errs = append(errs, one)
		}
	}
	return errors.Join(errs...)
}

// Clients lists a tenant's clients in the order of their client ids, at most size
// from the one after the given client id; next is where the following page
// starts, "" after the last.
func (t *Tokens) Clients(ctx context.Context, tenant, after string, size int) (clients []Client, next string, err error) {
	if after != "" && !isClientID(after) {
		return nil, "", invalid("after", "a client id")
	}
	clients, err = t.store.Clients(ctx, tenant, after, size+1)
	if len(clients) > size {
		clients = clients[:size]
		next = clients[size-1].ClientID
	}
	return clients, next, err
}

// Client returns one client by its id, or ErrNotFound.
func (t *Tokens) Client(ctx context.Context, tenant, id string) (Client, error) {
	if !store.IsID(id) {
		return Client{}, ErrNotFound
	}
	return t.store.Client(ctx, tenant, id)
}

// ChangeClient changes what wish names; what is so already is no change. A
// disabled client gets no token from then on, at every instance. The errors are
// ErrNotFound, ErrChanged and *Invalid, which may be joined.
func (t *Tokens) ChangeClient(ctx context.Context, tenant, id string, wish ClientSettings, by By) (Client, error) {
	if !store.IsID(id) {
		return Client{}, ErrNotFound
	}
	c, err := t.store.ChangeClient(ctx, tenant, id, wish.needs(), func(c *store.ClientState) (store.Act, error) {
		before := c.Client
		err := wish.apply(&c.Client, c.Known)
		if c.Public && !before.Public && c.Secrets {
			err = errors.Join(err, invalid("public", "it has live secrets, which a public client cannot have: retire them first"))
		}
		if err != nil {
			return store.Act{}, flat(err)
		}
		detail := clientDifferences(before, c.Client)
		if len(detail) == 0 {
			return store.Act{By: by}, nil
		}
		return store.Act{By: by, Action: "client_changed", Object: "client " + id, Detail: detail}, nil
	})
	t.clients.forget(tenant)
	if err == nil {
		t.readyAlgorithm(ctx, c)
	}
	return c, err
}

// DeleteClient takes a client away, with its secrets: from then on it gets no
// token, at no instance. An organization does not go this way. The errors are
// ErrNotFound, ErrChanged and *Invalid.
func (t *Tokens) DeleteClient(ctx context.Context, tenant, id string, by By) error {
	if !store.IsID(id) {
		return ErrNotFound
	}
	err := t.store.DeleteClient(ctx, tenant, id, func(c Client) (store.Act, error) {
		if c.Kind == KindOrganization {
			return store.Act{}, invalid("id", "that of no organization: delete it among the organizations")
		}
		return store.Act{
			By: by, Action: "client_deleted", Object: "client " + id,
			Detail: map[string]any{"client_id": c.ClientID, "name": c.Name, "api_scopes": c.APIScopes},
		}, nil
	})
	t.clients.forget(tenant)
	return err
}

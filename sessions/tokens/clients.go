package tokens

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"slices"
	"strings"
	"time"

	"usher/sql/store"
)

// Defaults and limits of a client.
const (
	DefaultAccessTokenLife   = 3000 * time.Second
	DefaultCodeLife          = time.Minute
	DefaultIdentityTokenLife = 5 * time.Minute
	DefaultRefreshLife       = 30 * 24 * time.Hour
	DefaultRefreshIdle       = 15 * 24 * time.Hour
	minAccessTokenLife       = time.Minute
	maxAccessTokenLife       = MaxTokenLife
	// maxScopesAllowed is how many API scopes one client may have.
	maxScopesAllowed = 100
	madeIDBytes      = 12
)

// Values of Client.Grants: grant types, as they stand in requests for tokens.
const (
	GrantAuthorizationCode = "authorization_code"                              // a person signs in (RFC 6749 §4.1)
	GrantRefreshToken      = "refresh_token"                                   // and the client stays in touch (RFC 6749 §6)
	GrantClientCredentials = "client_credentials"                              // the client speaks for itself (RFC 6749 §4.4)
	GrantJWTBearer         = "urn:ietf:params:oauth:grant-type:jwt-bearer"     // with a partner's signed user token (RFC 7523 §2.1)
	GrantTokenExchange     = "urn:ietf:params:oauth:grant-type:token-exchange" // with the token of another client (RFC 8693)
)

// Values of Client.Kind.
const (
	KindApplication  = store.KindApplication  // one that somebody runs
	KindOrganization = store.KindOrganization // an organization that acts for itself
	KindPerson       = store.KindPerson       // a program that acts for one person
)

// Values of Client.AccessTokenFormat.
const (
	FormatJWT            = store.FormatJWT            // header typ "JWT"
	FormatAccessTokenJWT = store.FormatAccessTokenJWT // a JWT as RFC 9068 wants it
	FormatReference      = store.FormatReference      // which only introspection can read
)

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

// ClientSettings is a wish for a client; nil keeps what is.
type ClientSettings struct {
	Name              *string
	Grants            []string // of Grants; empty and not nil = none
	APIScopes         []string // names of API scopes; empty and not nil = none
	AccessTokenFormat *string
	AccessTokenLife   *time.Duration // 60 s to 24 h, whole seconds
	Disabled          *bool
}

// Grants lists the grants that a client can be allowed.
func Grants() []string {
	return []string{GrantAuthorizationCode, GrantRefreshToken, GrantClientCredentials, GrantJWTBearer, GrantTokenExchange}
}

// Formats lists the formats of access tokens.
func Formats() []string { return []string{FormatJWT, FormatAccessTokenJWT, FormatReference} }

// apply changes what the wish names. known are those of its API scopes that
// exist. The error joins an *Invalid for each field that cannot be accepted.
func (wish ClientSettings) apply(c *Client, known []string) error {
	var errs []error
	if wish.Name != nil {
		name, err := checkName("name", *wish.Name)
		c.Name, errs = name, append(errs, err)
	}
	if wish.Grants != nil {
		c.Grants = sorted(wish.Grants)
		if slices.ContainsFunc(c.Grants, func(grant string) bool { return !slices.Contains(Grants(), grant) }) {
			errs = append(errs, invalid("grants", "of these: %s", strings.Join(Grants(), ", ")))
		}
	}
	if wish.APIScopes != nil {
		c.APIScopes = sorted(wish.APIScopes)
		if len(c.APIScopes) > maxScopesAllowed {
			errs = append(errs, invalid("api_scopes", "at most %d", maxScopesAllowed))
		} else if !slices.Equal(c.APIScopes, sorted(known)) {
			errs = append(errs, invalid("api_scopes", "names of API scopes that there are"))
		}
	}
	if wish.AccessTokenFormat != nil {
		if c.AccessTokenFormat = *wish.AccessTokenFormat; !slices.Contains(Formats(), c.AccessTokenFormat) {
			errs = append(errs, invalid("access_token_format", "%s, %s or %s", FormatJWT, FormatAccessTokenJWT, FormatReference))
		}
	}
	if wish.AccessTokenLife != nil {
		c.AccessTokenLife = *wish.AccessTokenLife
		if c.AccessTokenLife < minAccessTokenLife || c.AccessTokenLife > maxAccessTokenLife || c.AccessTokenLife%time.Second != 0 {
			errs = append(errs, invalid("access_token_life", "%d to %d seconds",
				minAccessTokenLife/time.Second, maxAccessTokenLife/time.Second))
		}
	}
	if wish.Disabled != nil {
		c.Disabled = *wish.Disabled
	}
	return errors.Join(errs...)
}

// sorted returns each text once, in order.
func sorted(list []string) []string {
	list = slices.Clone(list)
	slices.Sort(list)
	return slices.Compact(list)
}

// asked are the API scopes of a wish as far as they are worth looking for.
func (wish ClientSettings) asked() []string {
	var names []string
	for _, name := range sorted(wish.APIScopes) {
		if isScopeName(name) && len(names) <= maxScopesAllowed {
			names = append(names, name)
		}
	}
	return names
}

// AddClient makes a client with its first secret, which is returned in clear,
// this once. An empty client id asks for one to be made. Without a wish for
// grants it may use all that there are. The error is ErrTaken for the client id,
// or joins an *Invalid for each field that cannot be accepted.
func (t *Tokens) AddClient(ctx context.Context, tenant, clientID string, wish ClientSettings, by By) (Client, string, error) {
	id, err := store.NewID()
	if err != nil {
		return Client{}, "", err
	}
	now := t.moment()
	c := Client{
		TenantID: tenant, ID: id, ClientID: clientID, Kind: KindApplication, Grants: []string{GrantClientCredentials}, APIScopes: []string{},
		AccessTokenFormat: FormatJWT, AccessTokenLife: DefaultAccessTokenLife, CodeLife: DefaultCodeLife,
		IdentityTokenLife: DefaultIdentityTokenLife, RefreshLife: DefaultRefreshLife, RefreshIdle: DefaultRefreshIdle,
		Revision: 1, CreatedAt: now, UpdatedAt: now,
	}
	if c.ClientID == "" {
		c.ClientID = madeClientID()
	}
	var named error
	if wish.Name == nil {
		named = invalid("name", "give the client a name")
	}
	if !isClientID(c.ClientID) {
		named = errors.Join(named, invalid("client_id", "1 to %d of the characters A–Z, a–z, 0–9, dot, underscore, tilde and hyphen", maxClientIDBytes))
	}
	// What there is of the scopes is known once they are held.
	wished := c
	if err := errors.Join(named, wish.apply(&wished, sorted(wish.APIScopes))); err != nil {
		return Client{}, "", flat(err)
	}
	first, secret, err := t.newSecret(tenant, id)
	if err != nil {
		return Client{}, "", err
	}
	err = t.store.AddClient(ctx, wished, first, func(known []string) error { return wish.apply(&c, known) }, store.Act{
		By: by, Action: "client_added", Object: "client " + id, SecretOf: first.ID,
		Detail: map[string]any{
			"client_id": wished.ClientID, "name": wished.Name, "grants": wished.Grants, "api_scopes": wished.APIScopes,
			"access_token_format": wished.AccessTokenFormat, "access_token_life": int64(wished.AccessTokenLife / time.Second),
			"disabled": wished.Disabled, "secret": first.ID,
		},
	})
	if err != nil {
		return Client{}, "", err
	}
	return wished, secret, nil
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
	c, err := t.store.ChangeClient(ctx, tenant, id, wish.asked(), func(c *Client, known []string) (store.Act, error) {
		before := *c
		if err := wish.apply(c, known); err != nil {
			return store.Act{}, err
		}
		detail := clientDifferences(before, *c)
		if len(detail) == 0 {
			return store.Act{By: by}, nil
		}
		return store.Act{By: by, Action: "client_changed", Object: "client " + id, Detail: detail}, nil
	})
	t.clients.forget(tenant)
	return c, err
}

// clientDifferences are what a change did, for the audit log.
func clientDifferences(a, b Client) map[string]any {
	detail := map[string]any{}
	note := func(name string, differ bool, from, to any) {
		if differ {
			detail[name] = map[string]any{"from": from, "to": to}
		}
	}
	note("name", a.Name != b.Name, a.Name, b.Name)
	note("grants", !slices.Equal(a.Grants, b.Grants), a.Grants, b.Grants)
	note("api_scopes", !slices.Equal(a.APIScopes, b.APIScopes), a.APIScopes, b.APIScopes)
	note("access_token_format", a.AccessTokenFormat != b.AccessTokenFormat, a.AccessTokenFormat, b.AccessTokenFormat)
	note("access_token_life", a.AccessTokenLife != b.AccessTokenLife, int64(a.AccessTokenLife/time.Second), int64(b.AccessTokenLife/time.Second))
	note("disabled", a.Disabled != b.Disabled, a.Disabled, b.Disabled)
	return detail
}

// DeleteClient takes a client away, with its secrets: from then on it gets no
// token, at no instance. The errors are ErrNotFound and ErrChanged.
func (t *Tokens) DeleteClient(ctx context.Context, tenant, id string, by By) error {
	if !store.IsID(id) {
		return ErrNotFound
	}
	err := t.store.DeleteClient(ctx, tenant, id, func(c Client) (store.Act, error) {
		return store.Act{
			By: by, Action: "client_deleted", Object: "client " + id,
			Detail: map[string]any{"client_id": c.ClientID, "name": c.Name, "api_scopes": c.APIScopes},
		}, nil
	})
	t.clients.forget(tenant)
	return err
}

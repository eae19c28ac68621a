package tokens

import (
	"context"
	"slices"

	"usher/sql/store"
)

// Consent is what a person has allowed a client. It is asked for before tokens
// are made, and opens nothing by itself.
type Consent = store.Consent

// Consented reports whether a person has allowed a client all of these scopes.
// Consented reports whether a person has allowed a client all of these scopes. What
// was made since under the name of one of them is another scope.
func (t *Tokens) Consented(ctx context.Context, tenant string, client Client, user string, scopes []string) (bool, error) {
	given, at, err := t.store.ConsentTo(ctx, tenant, client.ID, user)
	if err != nil || given == nil {
		return false, err
	}
	if given, err = t.fromThen(ctx, tenant, given, at); err != nil {
		return false, err
	}
	return !slices.ContainsFunc(scopes, func(scope string) bool { return !slices.Contains(given, scope) }), nil
}

// GiveConsent remembers that a person has allowed a client these scopes, beside
// those of earlier times. The error is ErrNotFound when the client is gone or
// disabled by now, or the person is not active.
func (t *Tokens) GiveConsent(ctx context.Context, tenant string, client Client, user string, scopes []string) error {
	at, err := t.notBeforeScopes(ctx, tenant, scopes, t.moment())
	if err != nil {
		return err
	}
	return t.store.GiveConsent(ctx, tenant, client.ID, user, scopes, at)
}

// Consents lists what a person has allowed, in the order of the clients' ids, at
// most size from the one after the given client id; next is where the following
// page starts, "" after the last.
func (t *Tokens) Consents(ctx context.Context, tenant, user, after string, size int) (list []Consent, next string, err error) {
	if after != "" && !isClientID(after) {
		return nil, "", invalid("after", "a client id")
	}
	if !store.IsID(user) {
		return nil, "", ErrNotFound
	}
	list, err = t.store.Consents(ctx, tenant, user, after, size+1)
	if len(list) > size {
		list = list[:size]
		next = list[size-1].ClientID
	}
	return list, next, err
}

// WithdrawConsent takes back what a person has allowed a client, by the id of its
// row, and revokes every family of grants that the client has a part in. The error
// is ErrNotFound when there is neither.
func (t *Tokens) WithdrawConsent(ctx context.Context, tenant, user, client string, by By) error {
	if !store.IsID(user) || !store.IsID(client) {
		return ErrNotFound
	}
	return t.store.WithdrawConsent(ctx, tenant, client, user, t.moment(), store.Act{
		By: by, Action: "consent_withdrawn", Object: "user " + user, Detail: map[string]any{"client": client},
	})
}

package tokens

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"
)

// Caller is an API connection that asks. Its scopes have no more than their names
// and display names. One that AuthenticateConnection has returned is for one
// request: what it asks is answered as of then or later.
type Caller struct {
	Connection
	current bool // the changes in the database were read since the request came
}

// AuthenticateConnection is AuthenticateClient for an API connection. What the
// database has said about the connection is remembered, and good for as long as
// the database, asked each time, knows of no change.
func (t *Tokens) AuthenticateConnection(ctx context.Context, tenant, name, secret string) (Caller, error) {
	known, current, err := t.knownConnection(ctx, tenant, name)
	if err != nil {
		return Caller{}, err
	}
	id := known.connection.ID
	k, ok := shown(known.live(t.now()), secret)
	if !ok {
		return Caller{Connection: Connection{ID: id}}, t.failed(failureKey{tenant, OfConnection, id})
	}
	t.usedAgain(ctx, tenant, OfConnection, k)
	return Caller{known.connection, current}, nil
}

// knownConnection returns an API connection with its secrets as they are now, an
// empty one when there is none of this name, and whether changes were read for it.
func (t *Tokens) knownConnection(ctx context.Context, tenant, name string) (known *knownCaller, current bool, err error) {
	if !isConnectionName(name) {
		return &knownCaller{}, false, nil
	}
	key := callerKey{tenant, name}
	if known, ok := t.callers.get(key); ok {
		if err := t.changes.catchUp(ctx); err != nil {
			return nil, false, err
		}
		if current = true; t.holds(known.hold) {
			return known, current, nil
		}
	}
	known = &knownCaller{hold: t.hold(tenant)}
	known.connection, known.secrets, err = t.store.APIConnectionWithSecrets(ctx, tenant, name, t.now())
	if errors.Is(err, ErrNotFound) {
		return &knownCaller{}, current, nil
	} else if err != nil {
		return nil, false, err
	}
	slices.SortFunc(known.connection.Scopes, func(a, b APIScope) int { return strings.Compare(a.Name, b.Name) })
	known.subjects = []string{known.connection.ID}
	t.callers.put(key, known)
	return known, current, nil
}

// live are those of its secrets that are at a time.
func (k *knownCaller) live(at time.Time) []Secret {
	ended := func(s Secret) bool { return !s.Live(at) }
	if !slices.ContainsFunc(k.secrets, ended) {
		return k.secrets
	}
	return slices.DeleteFunc(slices.Clone(k.secrets), ended)
}

// usedAgain is used for a secret that is remembered, and with it a time of its
// last use that grows old.
func (t *Tokens) usedAgain(ctx context.Context, tenant string, h Holder, k Secret) {
	if last, ok := t.uses.get(k.ID); ok && (k.UsedAt == nil || last.After(*k.UsedAt)) {
		k.UsedAt = last
	}
	now := t.moment()
	if t.used(ctx, tenant, h, k) {
		t.uses.put(k.ID, &now)
	}
}

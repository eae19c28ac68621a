package tokens

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"time"

	"usher/sql/store"
)

// Fork makes a new grant of the family of a refresh token, whose tokens carry
// attributes beside those that the old ones carry, and its first refresh token.
// The old one stays as it is. attributes is a JSON object, in which names of ours
// count for nothing. The error is ErrInvalidGrant.
func (t *Tokens) Fork(ctx context.Context, tenant string, client Client, refresh string, attributes json.RawMessage) (newRefresh string, err error) {
	_, g, err := t.goodRefresh(ctx, tenant, client, refresh, t.moment())
	if err != nil {
		return "", err
	}
	_, newRefresh, err = t.fork(ctx, client, g, attributes)
	return newRefresh, err
}

// fork makes a grant of the same client and family that lives as long and carries
// attributes besides, and a refresh token for it if it has the scope for one. The
// error is ErrInvalidGrant.
func (t *Tokens) fork(ctx context.Context, client Client, of Grant, attributes json.RawMessage) (Grant, string, error) {
	g, err := t.forked(of, client, of.ExpiresAt)
	if err != nil {
		return Grant{}, "", err
	}
	if g.Scopes, err = t.fromThen(ctx, of.TenantID, of.Scopes, of.CreatedAt); err != nil {
		return Grant{}, "", err
	}
	if g.Attributes, err = mergedAttributes(of.Attributes, attributes); err != nil {
		return Grant{}, "", err
	}
	refresh, kept := newRefresh(client, g, g.CreatedAt)
	err = t.store.AddTokenGrant(ctx, g, store.Given{Refresh: kept})
	if errors.Is(err, ErrNotFound) {
		err = ErrInvalidGrant
	}
	if err != nil {
		return Grant{}, "", err
	}
	return g, refresh, nil
}

// forked is a new grant of a family. It may not end after the one that it comes
// from: a family is swept when its first grant has ended.
func (t *Tokens) forked(of Grant, client Client, end time.Time) (Grant, error) {
	id, err := store.NewID()
	if err != nil {
		return Grant{}, err
	}
	g := of
	g.ID, g.Client, g.CreatedAt, g.ExpiresAt = id, client.ID, latest(t.moment(), of.CreatedAt), earliest(end, of.ExpiresAt)
	return g, nil
}

// mergedAttributes adds to attributes of a grant, nil = none, others; of two with
// the same name the newer one counts.
func mergedAttributes(old, added json.RawMessage) (json.RawMessage, error) {
	if len(added) == 0 {
		return old, nil
	}
	all := map[string]json.RawMessage{}
	for _, one := range []json.RawMessage{old, added} {
		if len(one) == 0 {
			continue
		}
		var some map[string]json.RawMessage
		if err := json.Unmarshal(one, &some); err != nil {
			return nil, fmt.Errorf("tokens: attributes of a grant: %w", err)
		}
		maps.Copy(all, some)
	}
	return json.Marshal(all)
}

package tokens

import (
	"context"
	"slices"
	"time"
)

// fromThen returns those of the scopes, in their order, that are not younger than
// a moment: what was made since, under the name of one that was deleted, is
// another scope, which nobody was given then.
func (t *Tokens) fromThen(ctx context.Context, tenant string, scopes []string, then time.Time) ([]string, error) {
	made, err := t.scopesMade(ctx, tenant, scopes)
	if err != nil || len(made) == 0 {
		return scopes, err
	}
	return slices.DeleteFunc(slices.Clone(scopes), func(name string) bool { return made[name].After(then) }), nil
}

// notBeforeScopes returns a moment, or if by the clock of another instance one of
// the scopes was made later, that: what is given is not older than its scopes.
func (t *Tokens) notBeforeScopes(ctx context.Context, tenant string, scopes []string, at time.Time) (time.Time, error) {
	made, err := t.scopesMade(ctx, tenant, scopes)
	for _, one := range made {
		at = latest(at, one)
	}
	return at, err
}

// scopesMade says when scopes were made, of those that can be made.
func (t *Tokens) scopesMade(ctx context.Context, tenant string, scopes []string) (map[string]time.Time, error) {
	var names []string
	for _, name := range scopes {
		_, builtIn := builtInScope(name)
		_, membership := memberScope(name)
		if !builtIn && !membership && name != ScopeOpenID && name != ScopeOfflineAccess {
			names = append(names, name)
		}
	}
	if len(names) == 0 {
		return nil, nil
	}
	return t.store.ScopesMade(ctx, tenant, names)
}

package tokens

import (
	"context"
	"encoding/json"

	"usher/sql/store"
)

// SetClaim enters a value for a custom claim of a person, as JSON of its type.
// What stands in the person's meta goes before it. The errors are ErrNotFound,
// ErrChanged for the person's version, and *Invalid.
func (t *Tokens) SetClaim(ctx context.Context, tenant, user, name string, value json.RawMessage, by By) error {
	return t.setClaim(ctx, tenant, user, name, by, func(claim CustomClaim) (string, bool) {
		read, ok := claimValue(claim.Type, value)
		if !ok {
			return "", false
		}
		raw, err := json.Marshal(read)
		return string(raw), err == nil
	})
}

// SetClaimText is SetClaim for a value as a form or a command line has it.
func (t *Tokens) SetClaimText(ctx context.Context, tenant, user, name, value string, by By) error {
	return t.setClaim(ctx, tenant, user, name, by, func(claim CustomClaim) (string, bool) { return enteredClaim(claim.Type, value) })
}

func (t *Tokens) setClaim(ctx context.Context, tenant, user, name string, by By, read func(CustomClaim) (string, bool)) error {
	if !store.IsID(user) || !isClaimName(name) {
		return ErrNotFound
	}
	return t.store.SetClaimValue(ctx, tenant, user, name, func(claim CustomClaim, before string) (string, store.Act, error) {
		raw, ok := read(claim)
		if !ok {
			return "", store.Act{}, invalid("value", "%s", acceptedValue(claim.Type))
		}
		if raw == before {
			return raw, store.Act{By: by}, nil
		}
		return raw, claimAct(by, "claim_value_set", user, name), nil
	})
}

// DropClaim takes an entered value of a custom claim away. The errors are
// ErrNotFound, also when none was entered, and ErrChanged for the person's
// version.
func (t *Tokens) DropClaim(ctx context.Context, tenant, user, name string, by By) error {
	if !store.IsID(user) || !isClaimName(name) {
		return ErrNotFound
	}
	return t.store.DropClaimValue(ctx, tenant, user, name, claimAct(by, "claim_value_removed", user, name))
}

// claimAct names the claim and never its value: rows of the audit log stay when
// somebody is erased.
func claimAct(by By, action, user, name string) store.Act {
	return store.Act{By: by, Action: action, Object: "user " + user, Detail: map[string]any{"claim": name}}
}

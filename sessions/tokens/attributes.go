package tokens

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
)

// withAttributes returns claims with the attributes of a grant beside them, nil =
// none. An attribute never takes the place of a claim, nor of one that could be
// there: that is asked again each time, as a tenant may have made a claim since.
func (t *Tokens) withAttributes(ctx context.Context, tenant string, claims any, attributes json.RawMessage) (any, error) {
	if len(attributes) == 0 {
		return claims, nil
	}
	text, err := json.Marshal(claims)
	if err != nil {
		return nil, fmt.Errorf("tokens: claims: %w", err)
	}
	var all, some map[string]json.RawMessage
	if err := json.Unmarshal(text, &all); err != nil {
		return nil, fmt.Errorf("tokens: claims: %w", err)
	}
	if err := json.Unmarshal(attributes, &some); err != nil {
		return nil, fmt.Errorf("tokens: attributes of a grant: %w", err)
	}
	custom, err := t.customClaimNames(ctx, tenant)
	if err != nil {
		return nil, err
	}
	for name, value := range some {
		if isFree(name, custom) {
			all[name] = value
		}
	}
	return all, nil
}

// customClaimNames are those of a tenant's own claims.
func (t *Tokens) customClaimNames(ctx context.Context, tenant string) ([]string, error) {
	claims, err := t.CustomClaims(ctx, tenant)
	names := make([]string, 0, len(claims))
	for _, claim := range claims {
		names = append(names, claim.Name)
	}
	return names, err
}

// isFree reports whether a client may call an attribute so, in a tenant whose
// custom claims have these names.
func isFree(name string, custom []string) bool {
	return !isOwnClaim(name) && !isPersonalClaim(name) && !isOneOf(name, custom)
}

// isOneOf reports whether a claim would be mixed up with one of a list. Names that
// differ in case alone count as the same: there are readers of JSON, Go's among
// them, that mix them up.
func isOneOf(name string, names []string) bool {
	for _, one := range names {
		if strings.EqualFold(name, one) {
			return true
		}
	}
	return false
}

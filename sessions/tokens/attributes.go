package tokens

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"golang.org/x/text/unicode/norm"
)

// withAttributes returns claims with the attributes of a grant beside them, nil =
// none. An attribute never takes the place of a claim, nor of one that could be
// there: that is asked again each time, as a tenant may have made a claim since.
// algorithm is what signs them.
func (t *Tokens) withAttributes(ctx context.Context, tenant, algorithm string, claims any, attributes json.RawMessage) (any, error) {
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
	taken, err := t.takenNames(ctx, tenant, algorithm)
	if err != nil {
		return nil, err
	}
	for name, value := range some {
		if isFree(name, taken) {
			all[name] = value
		}
	}
	return all, nil
}

// takenNames are those that no attribute has in a tenant, beside those of the claims
// of every tenant: of its custom claims, and of what says the person in JWTs to hand
// on, where a token is signed as they are.
func (t *Tokens) takenNames(ctx context.Context, tenant, algorithm string) ([]string, error) {
	claims, err := t.CustomClaims(ctx, tenant)
	var names []string
	for _, claim := range claims {
		names = append(names, claim.Name)
	}
	if algorithm == ES384 {
		names = append(names, claimUsername)
	}
	return names, err
}

// isFree reports whether a client may call an attribute so where these names are
// taken.
func isFree(name string, taken []string) bool {
	return !isOwnClaim(name) && !isPersonalClaim(name) && !isOneOf(name, taken)
}

// isOneOf reports whether a claim would be mixed up with one of a list. Names that
// differ in case, or in compatible forms of letters, alone count as the same: there
// are readers of JSON, Go's among them, that mix them up.
func isOneOf(name string, names []string) bool {
	name = norm.NFKC.String(name)
	for _, one := range names {
		if strings.EqualFold(name, one) {
			return true
		}
	}
	return false
}

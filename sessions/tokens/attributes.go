package tokens

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// withAttributes returns claims with the attributes of a grant beside them, nil =
// none. An attribute never takes the place of a claim, nor of one that could be
// there.
func withAttributes(claims any, attributes json.RawMessage) (any, error) {
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
	taken := slices.Collect(maps.Keys(all))
	for name, value := range some {
		if !isOwnClaim(name) && !slices.ContainsFunc(taken, func(one string) bool { return strings.EqualFold(one, name) }) {
			all[name] = value
		}
	}
	return all, nil
}

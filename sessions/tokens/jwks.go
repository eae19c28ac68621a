package tokens

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
)

// JWKS returns the tenant's public keys as a JWK Set (RFC 7517 §5): those that
// sign, those that will and those whose tokens are still accepted. The first is
// one for ES256. A tenant that has no such key gets it now.
func (t *Tokens) JWKS(ctx context.Context, tenant string) ([]byte, error) {
	set, _, err := t.ensureKey(ctx, tenant, ES256)
	if err != nil {
		return nil, err
	}
	now := t.now()
	keys := slices.DeleteFunc(slices.Clone(set.keys), func(k *ringKey) bool { return !k.served(now) })
	inOrder(keys, now)
	var document struct {
		Keys []json.RawMessage `json:"keys"`
	}
	for _, k := range keys {
		document.Keys = append(document.Keys, json.RawMessage(k.PublicJWK))
	}
	text, err := json.Marshal(document)
	if err != nil {
		return nil, fmt.Errorf("tokens: JWKS: %w", err)
	}
	return text, nil
}

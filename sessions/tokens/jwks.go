package tokens

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"
)

// JWKS returns the tenant's public keys as a JWK Set (RFC 7517 §5): those that
// sign, those that will and those whose tokens are still accepted. The first is
// one for ES256. A tenant that has no such key gets it now.
func (t *Tokens) JWKS(ctx context.Context, tenant string) ([]byte, error) {
	set, _, err := t.ensureKey(ctx, tenant, ES256)
	if err != nil {
		return nil, err
	}
	return jwkSet(servedKeys(set, t.now()))
}

// fixedKeyID is the kid under which the npm package cotter-node looks for the
// one key that it knows.
const fixedKeyID = "SPACE_JWT_PUBLIC:8028AAA3-EC2D-4BAA-BE7A-7C8359CCB9F9"

// JWKSWithFixedKey is JWKS for clients that know a single key by a name of old:
// the ES256 key that signs is there twice, under its own kid and, at the end,
// under that one.
func (t *Tokens) JWKSWithFixedKey(ctx context.Context, tenant string) ([]byte, error) {
	set, signing, err := t.ensureKey(ctx, tenant, ES256)
	if err != nil {
		return nil, err
	}
	again := signing.public
	again.KeyID = fixedKeyID
	text, err := again.MarshalJSON()
	if err != nil {
		return nil, fmt.Errorf("tokens: JWK: %w", err)
	}
	return jwkSet(append(servedKeys(set, t.now()), text))
}

// servedKeys are the public parts of the keys that are served, in their order.
func servedKeys(set *keySet, now time.Time) []json.RawMessage {
	keys := slices.DeleteFunc(slices.Clone(set.keys), func(k *ringKey) bool { return !k.served(now) })
	inOrder(keys, now)
	var list []json.RawMessage
	for _, k := range keys {
		list = append(list, json.RawMessage(k.PublicJWK))
	}
	return list
}

func jwkSet(keys []json.RawMessage) ([]byte, error) {
	text, err := json.Marshal(struct {
		Keys []json.RawMessage `json:"keys"`
	}{keys})
	if err != nil {
		return nil, fmt.Errorf("tokens: JWKS: %w", err)
	}
	return text, nil
}

package provisioning

import (
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"usher/sql/store"
)

const (
	maxJWKSBytes = 64 << 10
	maxJWKSKeys  = 50
)

// KeySet is what was read at an integration's JWKS URL.
type KeySet = store.KeySet

// ParseJWKS reads a JWK set (RFC 7517 §5): a JSON object with a list of at most
// 50 keys, in at most 64 KiB. Keys that are not for us are left out, as the RFC
// wants it, with the reason; the others are held to what ParsePublicKey asks of
// one that is pasted. A set without any good key is read as such. The error is
// a sentence for administrators.
func ParseJWKS(text string) (good []store.SetKey, leftOut []store.LeftOutKey, err error) {
	if len(text) > maxJWKSBytes {
		return nil, nil, fmt.Errorf("it has more than %d KiB", maxJWKSBytes>>10)
	}
	set, err := readJSON(text)
	if err != nil {
		return nil, nil, fmt.Errorf("it is not a JWK set: %w", err)
	}
	keys := set.member("keys")
	if !keys.exists() || keys.kind() != jsonArray {
		return nil, nil, errors.New(`it is not a JWK set: there is no list called "keys"`)
	}
	if keys.count() > maxJWKSKeys {
		return nil, nil, fmt.Errorf("it has %d keys, at most %d are read", keys.count(), maxJWKSKeys)
	}
	for member := range keys.children() {
		key, err := readSetKey(member)
		if err != nil {
			leftOut = append(leftOut, store.LeftOutKey{ID: key.ID, Why: strings.TrimSuffix(err.Error(), acceptedKeys)})
			continue
		}
		good = append(good, key)
	}
	return good, leftOut, nil
}

// readSetKey reads one key of a set. Beside an error the key has its kid, if
// that can be shown.
func readSetKey(member jsonValue) (store.SetKey, error) {
	if member.kind() != jsonObject {
		return store.SetKey{}, errors.New("this is not a JWK")
	}
	var key store.SetKey
	if kid := member.member("kid"); kid.exists() {
		if kid.kind() != jsonString || len(kid.text()) > maxKeyIDBytes || !isStorable(kid.text()) {
			return key, fmt.Errorf("its kid is not a text of at most %d bytes", maxKeyIDBytes)
		}
		key.ID = kid.text()
	}
	// The library is shown no more than the key itself: certificates and
	// addresses beside it (x5c, x5u) are nothing to us.
	public := map[string]any{}
	for _, name := range append(privateMembers(), "kty", "n", "e", "crv", "x", "y", "use", "key_ops", "alg") {
		if v := member.member(name); v.exists() {
			public[name] = v.tree()
		}
	}
	text, err := json.Marshal(public)
	if err != nil {
		return key, errors.New("this JWK cannot be read")
	}
	decoded, declared, err := parseJWK(string(text))
	if err != nil {
		return key, err
	}
	if key.Algorithm, err = algorithmOf(decoded); err != nil {
		return key, err
	}
	if declared != "" && declared != key.Algorithm {
		return key, fmt.Errorf("its alg is not %s, the one for this key%s", key.Algorithm, acceptedKeys)
	}
	key.PublicKey, err = x509.MarshalPKIXPublicKey(decoded)
	return key, err
}

// privateMembers are those of a JWK that must stay with the partner (RFC 7518
// §6). A key that was published with one of them can be used by anybody.
func privateMembers() []string {
	return []string{"d", "p", "q", "dp", "dq", "qi", "oth", "k", "priv"}
}

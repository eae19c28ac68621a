package tokens

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"encoding/base64"
	"encoding/json"
	"fmt"

	"github.com/go-jose/go-jose/v4"
)

// Limits of a client's keys.
const (
	maxClientKeys    = 10
	maxKeysBytes     = 16 << 10
	minRSABits       = 2048
	maxRSABits       = 8192
	maxKeyIDBytes    = 256
	keysField        = "jwks"
	keyIsNotAccepted = "key %d is not accepted: "
)

// assertionAlgorithms are those with which a client may sign (RFC 7518 §3.1, RFC
// 8037 §3.1).
var assertionAlgorithms = []jose.SignatureAlgorithm{jose.ES256, jose.ES384, jose.RS256, jose.PS256, jose.EdDSA}

// publicKeys reads a JSON Web Key Set (RFC 7517 §5) that somebody has pasted, and
// writes it anew: public members alone, and of each key for which algorithm it
// is. "" is no set. The error is an *Invalid that says nothing of what a key is.
func publicKeys(text string) (string, error) {
	if text == "" {
		return "", nil
	}
	if len(text) > maxKeysBytes {
		return "", invalid(keysField, "at most %d bytes", maxKeysBytes)
	}
	var pasted struct {
		Keys []json.RawMessage `json:"keys"`
	}
	if err := json.Unmarshal([]byte(text), &pasted); err != nil || len(pasted.Keys) == 0 || len(pasted.Keys) > maxClientKeys {
		return "", invalid(keysField, `a JSON Web Key Set, {"keys":[…]}, of 1 to %d public keys`, maxClientKeys)
	}
	var set jose.JSONWebKeySet
	named := map[string]bool{}
	for i, raw := range pasted.Keys {
		key, problem := publicKey(raw)
		if problem == "" && key.KeyID != "" && named[key.KeyID] {
			problem = "another one has its kid"
		}
		if problem != "" {
			return "", invalid(keysField, keyIsNotAccepted+"%s", i+1, problem)
		}
		named[key.KeyID] = true
		set.Keys = append(set.Keys, key)
	}
	written, err := json.Marshal(set)
	if err != nil {
		return "", fmt.Errorf("tokens: keys of a client: %w", err)
	}
	return string(written), nil
}

// publicKey reads one key of a set; problem says why it is not accepted.
func publicKey(raw json.RawMessage) (key jose.JSONWebKey, problem string) {
	var pasted jose.JSONWebKey
	if err := json.Unmarshal(raw, &pasted); err != nil {
		return jose.JSONWebKey{}, "it is no JSON Web Key that is understood here"
	}
	if _, shared := pasted.Key.([]byte); shared {
		return jose.JSONWebKey{}, "a shared key is a secret; give public keys"
	}
	if !pasted.IsPublic() {
		return jose.JSONWebKey{}, "it is a private key, which nobody else may know; make another one and give its public half"
	}
	algorithm, problem := algorithmOf(pasted)
	switch {
	case problem != "":
		return jose.JSONWebKey{}, problem
	case pasted.Use != "" && pasted.Use != "sig":
		return jose.JSONWebKey{}, "its use is not sig"
	case len(pasted.KeyID) > maxKeyIDBytes:
		return jose.JSONWebKey{}, fmt.Sprintf("its kid is longer than %d bytes", maxKeyIDBytes)
	}
	return jose.JSONWebKey{Key: pasted.Key, KeyID: pasted.KeyID, Algorithm: string(algorithm), Use: "sig"}, ""
}

// algorithmOf says for which algorithm a key is: for one alone, whatever an
// assertion claims (RFC 8725 §3.1). An RSA key that does not say is for RS256.
func algorithmOf(key jose.JSONWebKey) (algorithm jose.SignatureAlgorithm, problem string) {
	switch public := key.Key.(type) {
	case *ecdsa.PublicKey:
		switch public.Curve {
		case elliptic.P256():
			algorithm = jose.ES256
		case elliptic.P384():
			algorithm = jose.ES384
		}
	case ed25519.PublicKey:
		algorithm = jose.EdDSA
	case *rsa.PublicKey:
		if bits := public.N.BitLen(); bits < minRSABits || bits > maxRSABits {
			return "", fmt.Sprintf("an RSA key has %d to %d bits", minRSABits, maxRSABits)
		}
		algorithm = jose.RS256
		if key.Algorithm == string(jose.PS256) {
			algorithm = jose.PS256
		}
	}
	if algorithm == "" || key.Algorithm != "" && key.Algorithm != string(algorithm) {
		return "", "keys are RSA (RS256 or PS256), P-256 (ES256), P-384 (ES384) or Ed25519 (EdDSA)"
	}
	return algorithm, ""
}

// thumbprints are the fingerprints of keys by RFC 7638, by which people can tell
// them apart.
func thumbprints(keys string) []string {
	list := []string{}
	var set jose.JSONWebKeySet
	if keys == "" || json.Unmarshal([]byte(keys), &set) != nil {
		return list
	}
	for _, key := range set.Keys {
		if sum, err := key.Thumbprint(crypto.SHA256); err == nil {
			list = append(list, base64.RawURLEncoding.EncodeToString(sum))
		}
	}
	return list
}

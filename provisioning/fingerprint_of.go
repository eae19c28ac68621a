package provisioning

import "usher/sql/store"

// FingerprintOf is the fingerprint that an identity has after a sign-in with a
// token of this payload (JSON) under the policy of n: for whoever fills a
// database without sending tokens. The error is a *Refusal, as for the token.
func FingerprintOf(payload string, n *store.Integration) ([16]byte, error) {
	claims, err := readJSON(payload)
	if err != nil {
		return [16]byte{}, refuse(TokenMalformed, "payload: %s", err)
	}
	a, err := readClaims(claims, false)
	if err != nil {
		return [16]byte{}, err
	}
	return fingerprint(&a, n), nil
}

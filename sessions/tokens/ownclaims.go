package tokens

import "strings"

// ownClaims are the names that we give a meaning in one of our tokens, or that a
// standard does: RFC 7519 §4.1, RFC 9068 §2.2, RFC 8693 §4, OpenID Connect Core
// §2 and §3.3.2.11, RFC 7800 §3.1, RFC 8417 §2.2. The claim username, of the third wire
// form, is not among them: clients of the second attach one of their own, and in a
// token that says sub it names nobody to us (see presented.name).
var ownClaims = []string{
	"iss", "sub", "aud", "exp", "iat", "nbf", "jti",
	"client_id", "scope", "azp", "act", "may_act",
	"auth_time", "amr", "acr", "sid", "nonce", "at_hash", "c_hash", "s_hash",
	"cnf", "events", "toe", "txn", "sub_id", "active", "token_type",
	"typ", "type", "client_user_id", "authentication_method", "identifier",
	"globalid", "refresh_token",
}

// isOwnClaim reports whether a claim is ours to say, so that nobody attaches it
// to a token. Names that differ in case alone count as the same: there are readers
// of JSON, Go's among them, that mix them up.
func isOwnClaim(name string) bool {
	for _, own := range ownClaims {
		if strings.EqualFold(name, own) {
			return true
		}
	}
	return false
}

package tokens

// ownClaims are the names that we give a meaning in one of our tokens, or that a
// standard does: RFC 7519 §4.1, RFC 9068 §2.2, RFC 8693 §4, OpenID Connect Core
// §2 and §3.3.2.11, RFC 7800 §3.1, RFC 8417 §2.2. The claim claimUsername is not among
// them.
var ownClaims = []string{
	"iss", "sub", "aud", "exp", "iat", "nbf", "jti",
	"client_id", "scope", "azp", "act", "may_act",
	"auth_time", "amr", "acr", "sid", "nonce", "at_hash", "c_hash", "s_hash",
	"cnf", "events", "toe", "txn", "sub_id", "active", "token_type",
	"typ", "type", "client_user_id", "authentication_method", "identifier",
	"globalid", "refresh_token",
}

// claimUsername says for whom a JWT to hand on is. Clients of the second wire form
// attach one of their own: beside sub, and without azp, it names nobody to us (see
// presented.name).
const claimUsername = "username"

// isOwnClaim reports whether a claim is ours to say, in any spelling, so that
// nobody attaches it to a token.
func isOwnClaim(name string) bool { return isOneOf(name, ownClaims) }

// personalClaims are the names of what we, or OpenID Connect (Core §5.1), say about
// a person. Whoever verifies a token believes of these that we have said them,
// whatever was granted.
var personalClaims = append(StandardClaims(),
	"middle_name", "nickname", "preferred_username", "profile", "website", "gender", "zoneinfo", "updated_at",
	"address", "phone_number", "phone_number_verified",
)

func isPersonalClaim(name string) bool { return isOneOf(name, personalClaims) }

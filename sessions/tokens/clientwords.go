package tokens

import "usher/sql/store"

// Values of Client.Grants: grant types, as they stand in requests for tokens.
const (
	GrantAuthorizationCode = "authorization_code"                              // a person signs in (RFC 6749 §4.1)
	GrantRefreshToken      = "refresh_token"                                   // and the client stays in touch (RFC 6749 §6)
	GrantClientCredentials = "client_credentials"                              // the client speaks for itself (RFC 6749 §4.4)
	GrantJWTBearer         = "urn:ietf:params:oauth:grant-type:jwt-bearer"     // with a partner's signed user token (RFC 7523 §2.1)
	GrantTokenExchange     = "urn:ietf:params:oauth:grant-type:token-exchange" // with the token of another client (RFC 8693)
)

// Values of Client.Kind.
const (
	KindApplication  = store.KindApplication  // one that somebody runs
	KindOrganization = store.KindOrganization // an organization that acts for itself
	KindPerson       = store.KindPerson       // a program that acts for one person
)

// Values of Client.AccessTokenFormat.
const (
	FormatJWT            = store.FormatJWT            // header typ "JWT"
	FormatAccessTokenJWT = store.FormatAccessTokenJWT // a JWT as RFC 9068 wants it
	FormatReference      = store.FormatReference      // which only introspection can read
)

// Grants lists the grants that a client can be allowed.
func Grants() []string {
	return []string{GrantAuthorizationCode, GrantRefreshToken, GrantClientCredentials, GrantJWTBearer, GrantTokenExchange}
}

// Formats lists the formats of access tokens.
func Formats() []string { return []string{FormatJWT, FormatAccessTokenJWT, FormatReference} }

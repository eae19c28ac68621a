// Package tokens is the core of the token service: what it gives out, and what
// such a token is worth when it comes back.
//
// Access tokens with which partners' servers speak for themselves (RFC 6749
// §4.4) are 256 random bits:
//
//	app id and secret → provisioning.AuthenticateClient → Tokens.Issue → token
//	Authorization: Bearer token → Tokens.Partner → integration and scope
//
// Only the SHA-256 of such a token is stored, so that a copy of the database
// opens nothing; it matches as a whole or not at all. It is good while its
// integration is installed and the key with whose secret it was asked for is
// live, and both are looked up at every use: a removal counts on every instance
// for the next request.
//
// JSON Web Tokens are signed with the tenant's signing keys:
//
//	claims → Tokens.Sign → JWT → Tokens.VerifyOwn → claims
//	Tokens.JWKS → public keys, for everybody else who verifies
//
// Access tokens of clients are such JWTs or, again, 256 random bits:
//
//	client id and secret → Tokens.AuthenticateClient → Tokens.IssueAccess → token
//	name and secret of an API connection → Tokens.AuthenticateConnection → Tokens.Introspect
//
// Of a JWT nothing is kept unless it is taken back. Whatever the form, its client
// and its scopes are those of the moment at every introspection: what has been said
// of a live token is remembered, and the database is asked each time whether
// anything that it hangs on has changed since (see changes).
//
// What a person gives a client is a grant, from which all of its tokens come:
//
//	session → Tokens.Authorize → code → Tokens.RedeemCode → tokens
//	refresh token → Tokens.Refresh → tokens
//	partner's token → Tokens.GrantPerson → tokens
//	access token → Tokens.Exchange → access token of another client
//
// A grant is looked up at every use, together with the person and whatever else
// its worth hangs on (see Grant).
//
// Holders of access tokens make JWTs of them to hand on:
//
//	access token, or such a JWT → Tokens.MakeJWT → JWT → Tokens.RefreshJWT → JWT
//
// What a signing key is good for follows from the times in its row: next, active,
// retired, gone. All instances read the same times and so agree, without telling
// one another anything.
package tokens

// Package tokens is the core of the token service: what it gives out, and what
// such a token is worth when it comes back. So far there is one kind, the access
// tokens with which partners' servers speak for themselves (RFC 6749 §4.4).
//
//	app id and secret → provisioning.AuthenticateClient → Tokens.Issue → token
//	Authorization: Bearer token → Tokens.Partner → integration and scope
//
// A token is 256 random bits. Only its SHA-256 is stored, so that a copy of the
// database opens nothing; it matches as a whole or not at all. It is good while
// its integration is installed and the key with whose secret it was asked for is
// live, and both are looked up at every use: a removal counts on every instance
// for the next request.
package tokens

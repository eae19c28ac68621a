package handlers

// Where clients of the second wire form ask: those that know one client by an API
// key id, in the address, and read the reason of a refusal from "msg".
const (
	V0TokenPath  = "/api/v0/token/:api_key_id"
	V0CustomPath = "/api/v0/token/custom"
	V0JWKSPath   = "/api/v0/token/jwks"
)

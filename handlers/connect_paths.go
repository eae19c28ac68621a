package handlers

import "github.com/gin-gonic/gin"

// Where the token service is.
const (
	ConnectTokenPath      = "/connect/token"
	ConnectIntrospectPath = "/connect/introspect"
	ConnectRevocationPath = "/connect/revocation"
	ConnectUserInfoPath   = "/connect/userinfo"
	ConnectEndSessionPath = "/connect/endsession"
)

// issuer is how tokens of this request's tenant name us (iss): its own origin, as
// browsers reach it.
func issuer(c *gin.Context) string { return siteOf(c).own[0].String() }

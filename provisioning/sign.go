package provisioning

import (
	"fmt"

	"github.com/golang-jwt/jwt/v5"
)

// SignHMAC signs claims as a partner with a shared secret would: HS256, HS384
// or HS512 (RFC 7518 §3.2), the key's id as kid. It is for test links.
func SignHMAC(algorithm, keyID, secret string, claims map[string]any) (string, error) {
	method, ok := jwt.GetSigningMethod(algorithm).(*jwt.SigningMethodHMAC)
	if !ok {
		return "", fmt.Errorf("%s is not an algorithm for shared secrets", algorithm)
	}
	token := jwt.NewWithClaims(method, jwt.MapClaims(claims))
	token.Header["kid"] = keyID
	return token.SignedString([]byte(secret))
}

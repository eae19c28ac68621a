package tokens

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

const (
	maxNameRunes      = 100
	maxClientIDBytes  = 128
	maxConnectionName = 64
	maxScopeBytes     = 128
)

func invalid(field, problem string, args ...any) *Invalid {
	return &Invalid{Field: field, Problem: fmt.Sprintf(problem, args...)}
}

// checkName accepts what people call something.
func checkName(field, name string) (string, error) {
	name = strings.TrimSpace(name)
	if name == "" || !utf8.ValidString(name) || utf8.RuneCountInString(name) > maxNameRunes || strings.ContainsFunc(name, unicode.IsControl) {
		return "", invalid(field, "1 to %d characters, no control characters", maxNameRunes)
	}
	return name, nil
}

// isClientID reports whether a text can be a client id: characters that neither
// an address nor HTTP Basic would have to encode.
func isClientID(text string) bool {
	return text != "" && len(text) <= maxClientIDBytes && consistsOf(text, func(c byte) bool {
		return isLower(c) || c >= 'A' && c <= 'Z' || isDigit(c) || strings.IndexByte("._~-", c) >= 0
	})
}

// isConnectionName reports whether a text can name an API connection. Every such
// text can name a scope.
func isConnectionName(text string) bool {
	return text != "" && len(text) <= maxConnectionName && (isLower(text[0]) || isDigit(text[0])) &&
		consistsOf(text, func(c byte) bool { return isLower(c) || isDigit(c) || strings.IndexByte("._-", c) >= 0 })
}

// isScopeName reports whether a text can name an API scope: a scope-token
// (RFC 6749 §3.3) that also fits into a list with commas and into an address.
func isScopeName(text string) bool {
	return text != "" && len(text) <= maxScopeBytes && (isLower(text[0]) || isDigit(text[0])) &&
		consistsOf(text, func(c byte) bool { return isLower(c) || isDigit(c) || strings.IndexByte("._:-", c) >= 0 })
}

func isLower(c byte) bool { return c >= 'a' && c <= 'z' }

func isDigit(c byte) bool { return c >= '0' && c <= '9' }

func consistsOf(text string, good func(byte) bool) bool {
	for i := range len(text) {
		if !good(text[i]) {
			return false
		}
	}
	return true
}

// isReserved reports whether a scope has a meaning of its own: those of OpenID
// Connect (Core 1.0 §5.4 and §11), of a person's record, of memberships, and of
// partners' servers.
func isReserved(scope string) bool {
	switch scope {
	case "openid", "profile", "email", "phone", "address", "offline_access", "name", "groups", "user", ScopeResources:
		return true
	}
	return strings.HasPrefix(scope, "memberof:") || strings.HasPrefix(scope, "user:")
}

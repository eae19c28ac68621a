package tokens

import (
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// JWTWish is what somebody wants of a JWT that is made of a token.
type JWTWish struct {
	Scopes   []string      // of those that the token has
	Audience []string      // beside the client id of the token
	Validity time.Duration // at most; 0 = as long as may be
	// Values puts what the scopes user:… open into the JWT, under their names.
	Values bool
}

// Limits of a wish.
const (
	maxWishText     = 8 << 10 // bytes of a list
	maxWishScopes   = 100
	maxAudiences    = 20
	maxAudienceText = 256 // bytes of one
)

// ReadScopeList reads names of scopes with commas or spaces between them, each
// once, in their order. The error is an *Invalid.
func ReadScopeList(text string) ([]string, error) {
	if len(text) > maxWishText {
		return nil, invalid("scope", "at most %d bytes", maxWishText)
	}
	names := each(strings.FieldsFunc(text, func(r rune) bool { return r == ',' || r == ' ' }))
	if len(names) > maxWishScopes {
		return nil, invalid("scope", "at most %d names", maxWishScopes)
	}
	for _, name := range names {
		if !isScopeToken(name) {
			return nil, invalid("scope", "names of printable ASCII characters, with commas or spaces between them")
		}
	}
	return names, nil
}

// isScopeToken reports whether a text is a scope-token (RFC 6749 §3.3) that
// fits into a list with commas.
func isScopeToken(text string) bool {
	return text != "" && len(text) <= 2*maxScopeBytes && consistsOf(text, func(c byte) bool {
		return c > 0x20 && c < 0x7f && c != '"' && c != '\\' && c != ','
	})
}

// ReadAudience reads for whom else a JWT is to be: names with commas between
// them, each once, in their order. The error is an *Invalid.
func ReadAudience(text string) ([]string, error) {
	if len(text) > maxWishText {
		return nil, invalid("aud", "at most %d bytes", maxWishText)
	}
	var names []string
	for name := range strings.SplitSeq(text, ",") {
		if name = strings.TrimSpace(name); name != "" {
			names = append(names, name)
		}
	}
	names = each(names)
	if len(names) > maxAudiences {
		return nil, invalid("aud", "at most %d names", maxAudiences)
	}
	for _, name := range names {
		if len(name) > maxAudienceText || !utf8.ValidString(name) || strings.ContainsFunc(name, unicode.IsControl) {
			return nil, invalid("aud", "names of at most %d bytes without control characters", maxAudienceText)
		}
	}
	return names, nil
}

// ReadValidity reads for how many seconds a JWT is to be good. "" and "0" leave
// it open. What is longer than any token lives is read as that. The error is an
// *Invalid.
func ReadValidity(text string) (time.Duration, error) {
	if text == "" {
		return 0, nil
	}
	seconds, err := strconv.ParseInt(text, 10, 64)
	if err != nil || seconds < 0 {
		return 0, invalid("validity", "a whole number of seconds")
	}
	return time.Duration(min(seconds, int64(MaxTokenLife/time.Second))) * time.Second, nil
}

// each returns the texts of a list once, in their order.
func each(list []string) []string {
	var once []string
	for _, text := range list {
		if !slices.Contains(once, text) {
			once = append(once, text)
		}
	}
	return once
}

package tokens

import (
	"bytes"
	"encoding/json"
	"net/url"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// Limits of the value of a custom claim.
const (
	maxClaimRunes    = 1000 // of a text
	maxClaimURLBytes = 2000
	maxClaimDigits   = 40 // bytes of a number
)

// claimValue reads the JSON of a value of a type: a string, a json.Number with
// the digits as they came, or a bool. Anything else is no value of that type.
func claimValue(kind string, raw []byte) (any, bool) {
	var value any
	decoder := json.NewDecoder(bytes.NewReader(raw))
	decoder.UseNumber()
	if decoder.Decode(&value) != nil || decoder.More() {
		return nil, false
	}
	return ofType(kind, value)
}

// ofType returns a value as a claim of a type has it, as encoding/json reads
// values when told to keep numbers.
func ofType(kind string, value any) (any, bool) {
	switch value := value.(type) {
	case bool:
		return value, kind == ClaimBoolean
	case json.Number:
		return value, kind == ClaimNumber && isClaimNumber(value.String())
	case string:
		switch kind {
		case ClaimText:
			return value, strings.ContainsFunc(value, isVisible) && utf8.ValidString(value) && utf8.RuneCountInString(value) <= maxClaimRunes
		case ClaimDate:
			return value, isDate(value)
		case ClaimURL:
			return value, isWebAddress(value)
		}
	}
	return nil, false
}

// isVisible reports whether a character is to be seen by itself: letters, digits and
// signs are, but for those that are drawn as nothing.
func isVisible(r rune) bool {
	switch r {
	case '\u2800', '\u115f', '\u1160', '\u3164', '\uffa0': // a Braille cell without dots; Hangul fillers
		return false
	}
	return unicode.In(r, unicode.L, unicode.N, unicode.P, unicode.S)
}

// isHidden reports whether a character does something unseen, for example turns the
// text after it around. Joiners, which scripts and emoji need, are none of them.
func isHidden(r rune) bool {
	return unicode.IsControl(r) || unicode.Is(unicode.Cf, r) && r != '\u200c' && r != '\u200d'
}

// isClaimNumber reports whether a JSON number is short, and one that receivers
// can hold.
func isClaimNumber(digits string) bool {
	_, err := strconv.ParseFloat(digits, 64)
	return err == nil && len(digits) <= maxClaimDigits
}

func isDate(text string) bool {
	at, err := time.Parse(time.DateOnly, text)
	return err == nil && at.Year() > 0 && len(text) == len(time.DateOnly)
}

// isWebAddress reports whether a text is the address of a page: nothing that a
// browser would run.
func isWebAddress(text string) bool {
	u, err := url.Parse(text)
	return err == nil && len(text) <= maxClaimURLBytes && utf8.ValidString(text) &&
		(u.Scheme == "https" || u.Scheme == "http") && u.Hostname() != "" && u.User == nil &&
		!strings.ContainsFunc(text, func(r rune) bool { return unicode.IsControl(r) || unicode.IsSpace(r) })
}

// enteredClaim makes the JSON of a value from what a form has for it. An empty
// text is no value.
func enteredClaim(kind, text string) (string, bool) {
	text = strings.TrimSpace(text)
	var value any = text
	switch kind {
	case ClaimNumber:
		value = json.Number(plainNumber(text))
		if !json.Valid([]byte(plainNumber(text))) {
			return "", false
		}
	case ClaimBoolean:
		if text != "true" && text != "false" {
			return "", false
		}
		value = text == "true"
	case ClaimText:
		if strings.ContainsFunc(text, isHidden) {
			return "", false
		}
	}
	value, ok := ofType(kind, value)
	if !ok {
		return "", false
	}
	raw, err := json.Marshal(value)
	return string(raw), err == nil
}

// plainNumber writes a number as JSON does where browsers let people write more:
// without zeros in front, and with one before the point.
func plainNumber(text string) string {
	sign, digits := "", strings.TrimPrefix(text, "+")
	if rest, negative := strings.CutPrefix(digits, "-"); negative {
		sign, digits = "-", rest
	}
	for len(digits) > 1 && digits[0] == '0' && isDigit(digits[1]) {
		digits = digits[1:]
	}
	if strings.HasPrefix(digits, ".") {
		digits = "0" + digits
	}
	return sign + digits
}

// acceptedValue says in words what a value of a type is.
func acceptedValue(kind string) string {
	switch kind {
	case ClaimNumber:
		return "a number, such as 12 or 3.5"
	case ClaimBoolean:
		return "yes or no"
	case ClaimDate:
		return "a date, as YYYY-MM-DD"
	case ClaimURL:
		return "an address that begins with https:// or http://"
	}
	return "1 to " + strconv.Itoa(maxClaimRunes) + " characters, at least one of them visible, no control characters"
}

// atPath returns what a user's meta has at a path, nil = nothing.
func atPath(meta map[string]any, path string) any {
	if path == "" {
		return nil
	}
	var value any = meta
	for name := range strings.SplitSeq(path, ".") {
		object, is := value.(map[string]any)
		if !is {
			return nil
		}
		value = object[name]
	}
	return value
}

package provisioning

import (
	"errors"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/net/idna"
	"golang.org/x/text/unicode/norm"
)

const (
	minEmailBytes = 3
	maxEmailBytes = 254 // RFC 5321 §4.5.3.1.3, without the angle brackets
)

// errEmail says what EmailKey accepts; it never quotes the address.
var errEmail = errors.New("not an e-mail address of 3 to 254 bytes with one @")

// mailDomains is how domains of addresses become ASCII.
var mailDomains = idna.New(idna.MapForLookup(), idna.BidiRule(), idna.VerifyDNSLength(true))

// EmailKey is the form in which e-mail addresses are compared: trimmed, in
// Unicode normalization form C, the local part in lower case, the domain in
// its ASCII form (UTS #46, non-transitional; RFC 5891 §5). Dots and plus signs
// of the local part are kept: what they mean is the mail host's business.
//
// It refuses an address without exactly one @ between two non-empty sides,
// one of less than 3 or more than 254 bytes, invalid UTF-8, and control,
// invisible-format or space characters inside; the result obeys the same
// limits. Applied to its own result it
// changes nothing.
func EmailKey(email string) (string, error) {
	if !utf8.ValidString(email) {
		return "", errEmail
	}
	email = strings.TrimSpace(email)
	if len(email) < minEmailBytes || len(email) > maxEmailBytes || strings.Count(email, "@") != 1 {
		return "", errEmail
	}
	if strings.ContainsFunc(email, unfitForEmail) {
		return "", errEmail
	}
	local, domain, _ := strings.Cut(email, "@")
	if local == "" || domain == "" {
		return "", errEmail
	}
	// The domain is not lower-cased here. Mapping letters is a part of IDNA,
	// and a simple mapping of our own would fold İ into i and so take one
	// registered domain for another.
	domain, err := asciiDomain(domain)
	if err != nil {
		return "", err
	}
	key := foldLocalPart(local) + "@" + domain
	// Folding and the ASCII form may add bytes.
	if len(key) > maxEmailBytes {
		return "", errEmail
	}
	return key, nil
}

func unfitForEmail(r rune) bool {
	return unicode.IsControl(r) || unicode.IsSpace(r) || unicode.Is(unicode.Cf, r)
}

// foldLocalPart composes and lower-cases until nothing changes: a lower-case
// letter may compose with the mark that follows it although the upper-case one
// does not.
func foldLocalPart(local string) string {
	if isLowerASCII(local) {
		return local
	}
	for {
		// The one letter whose full lower-case form is longer (Unicode
		// SpecialCasing): the simple form would make it a plain i.
		full := strings.ReplaceAll(norm.NFC.String(local), "\u0130", "i\u0307")
		folded := norm.NFC.String(strings.ToLower(full))
		if folded == local {
			return folded
		}
		local = folded
	}
}

func isLowerASCII(s string) bool {
	for i := range len(s) {
		if s[i] >= utf8.RuneSelf || s[i] >= 'A' && s[i] <= 'Z' {
			return false
		}
	}
	return true
}

// asciiDomain is the ASCII form of a mail domain, without a trailing dot.
func asciiDomain(domain string) (string, error) {
	ascii, err := mailDomains.ToASCII(domain)
	if err != nil {
		// The library's error quotes the label.
		return "", errEmail
	}
	// IDNA lets the root's dot pass, an address has none.
	if strings.HasSuffix(ascii, ".") {
		return "", errEmail
	}
	return ascii, nil
}

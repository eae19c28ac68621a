package provisioning

import (
	"errors"
	"fmt"
	"net/netip"
	"strconv"
	"strings"
	"unicode/utf8"

	"golang.org/x/net/idna"
)

// Limits of host names, in bytes (RFC 1035 §2.3.4, without the root's dot).
const (
	maxHostBytes  = 253
	maxLabelBytes = 63
	// maxRawHostBytes bounds what is looked at all: a name in Unicode may be
	// longer than its ASCII form, but not without end.
	maxRawHostBytes = 1024
)

// hostNames turns names into their ASCII form as browsers do (UTS #46,
// non-transitional). Which ASCII characters may stand in a name is decided
// by checkHostName, as here underscores have to pass.
var hostNames = idna.New(
	idna.MapForLookup(),
	idna.BidiRule(),
	idna.CheckHyphens(false),
	idna.StrictDomainName(false),
)

// CanonicalHost returns the one form in which a host is stored and compared,
// given a Host header (RFC 9110 §7.2) or a configured host: lower case, in
// ASCII (UTS #46), without port and without the root's trailing dot. IPv4
// addresses keep their four decimal parts, IPv6 addresses their brackets and
// the form that browsers write. The port is dropped because cookies do not
// know ports: two tenants on one name would share their sessions.
//
// Anything that is not exactly a host with an optional port is an error:
// empty, over 253 bytes, userinfo, path, space, percent sign, control
// character, a number that browsers would read as an IPv4 address. The error
// does not quote the input. The result is canonical itself: giving it back
// returns it unchanged.
func CanonicalHost(raw string) (string, error) {
	host, _, err := splitHostPort(raw)
	if err != nil {
		return "", err
	}
	return canonicalName(strings.TrimSuffix(host, "."))
}

// splitHostPort cuts the port off and returns it as a plain decimal number,
// or "" for none. The host is returned as it came.
func splitHostPort(raw string) (host, port string, err error) {
	if raw == "" {
		return "", "", errors.New("host is empty")
	}
	if len(raw) > maxRawHostBytes {
		return "", "", fmt.Errorf("host is longer than %d bytes", maxHostBytes)
	}
	end := strings.IndexByte(raw, ':')
	if raw[0] == '[' {
		end = strings.IndexByte(raw, ']') + 1
		if end == 0 {
			return "", "", errors.New("host has an opening bracket without a closing one")
		}
	}
	if end < 0 || end == len(raw) {
		return raw, "", nil
	}
	host, port = raw[:end], raw[end:]
	if port[0] != ':' {
		return "", "", errors.New("host goes on after its closing bracket")
	}
	if port = port[1:]; port == "" {
		return host, "", nil
	}
	number, err := strconv.ParseUint(port, 10, 16)
	if err != nil {
		return "", "", errors.New("port is not a number from 1 to 65535")
	}
	return host, strconv.FormatUint(number, 10), nil
}

// canonicalName is CanonicalHost for a host without port and without the dot
// at the end, which it refuses.
func canonicalName(host string) (string, error) {
	if strings.HasPrefix(host, "[") {
		return canonicalIPv6(host)
	}
	if !utf8.ValidString(host) {
		return "", errors.New("host is not valid UTF-8")
	}
	name := strings.ToLower(host)
	if strings.Contains(name, "xn--") || strings.IndexFunc(name, isNotASCII) >= 0 {
		var err error
		if name, err = hostNames.ToASCII(host); err != nil {
			// The library's error quotes the label.
			return "", errors.New("host is not a valid internationalised name")
		}
	}
	if err := checkHostName(name); err != nil {
		return "", err
	}
	return name, nil
}

func isNotASCII(r rune) bool { return r >= utf8.RuneSelf }

// checkHostName holds a lower-case ASCII name against RFC 1123 §2.1, with
// underscores let through as they are common on private networks.
func checkHostName(name string) error {
	if name == "" {
		return errors.New("host is empty")
	}
	if len(name) > maxHostBytes {
		return fmt.Errorf("host is longer than %d bytes", maxHostBytes)
	}
	last := ""
	for label := range strings.SplitSeq(name, ".") {
		switch {
		case label == "":
			return errors.New("host has two dots in a row or one at an end")
		case len(label) > maxLabelBytes:
			return fmt.Errorf("host has a label longer than %d bytes", maxLabelBytes)
		case label[0] == '-' || label[len(label)-1] == '-':
			return errors.New("host has a label that begins or ends with a hyphen")
		}
		for _, c := range []byte(label) {
			if !isHostByte(c) {
				return errors.New("host has a character that host names do not have")
			}
		}
		last = label
	}
	// Browsers read every name that ends in a number as an IPv4 address, in
	// octal, in hexadecimal and with parts left out. Only the plain form is
	// the same for everyone.
	if isNumberLabel(last) {
		if _, err := netip.ParseAddr(name); err != nil {
			return errors.New("host ends in a number but is not an IPv4 address of four decimal parts")
		}
	}
	return nil
}

func isHostByte(c byte) bool {
	return 'a' <= c && c <= 'z' || '0' <= c && c <= '9' || c == '-' || c == '_'
}

// isNumberLabel is the WHATWG URL standard's "ends in a number" for one
// label: decimal digits, or 0x and hexadecimal digits.
func isNumberLabel(label string) bool {
	digits, cutset := label, "0123456789"
	if hex, ok := strings.CutPrefix(label, "0x"); ok {
		digits, cutset = hex, "0123456789abcdef"
	}
	return strings.Trim(digits, cutset) == ""
}

// canonicalIPv6 takes and returns an address in brackets. Zones are refused:
// they mean something on one machine only.
func canonicalIPv6(host string) (string, error) {
	inner, closed := strings.CutSuffix(host[1:], "]")
	address, err := netip.ParseAddr(inner)
	if err != nil || !closed || !address.Is6() || address.Zone() != "" {
		return "", errors.New("host in brackets is not an IPv6 address")
	}
	if address.Is4In6() {
		// Browsers write the embedded IPv4 address in hexadecimal.
		b := address.As16()
		return fmt.Sprintf("[::ffff:%x:%x]", uint16(b[12])<<8|uint16(b[13]), uint16(b[14])<<8|uint16(b[15])), nil
	}
	return "[" + address.String() + "]", nil
}

package tokens

import (
	"errors"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// Limits of the addresses of a client.
const (
	maxURIs     = 50
	maxURIBytes = 2000
)

// Redirects reports whether a client registered a redirect URI, letter by letter
// (RFC 9700 §4.1.3). An app on somebody's own machine listens at whatever port is
// free: a public client's loopback URI counts at every one (RFC 8252 §7.3).
func Redirects(c Client, uri string) bool {
	return slices.ContainsFunc(c.RedirectURIs, func(registered string) bool {
		return uri == registered || c.Public && sameButPort(registered, uri)
	})
}

// sameButPort reports whether two http URIs on loopback differ in their ports
// alone.
func sameButPort(registered, uri string) bool {
	if len(uri) > maxURIBytes || checkURI(uri) != nil {
		return false
	}
	host, rest, ok := onLoopback(registered)
	other, after, is := onLoopback(uri)
	return ok && is && host == other && rest == after
}

// onLoopback takes an http URI on loopback apart: its host, and what comes after
// the port.
func onLoopback(uri string) (host, rest string, ok bool) {
	after, ok := strings.CutPrefix(uri, "http://")
	if !ok {
		return "", "", false
	}
	u, err := url.Parse(uri)
	if err != nil || !isLoopback(u.Hostname()) || !strings.HasPrefix(after, u.Host) {
		return "", "", false
	}
	return u.Hostname(), after[len(u.Host):], true
}

// isLoopback reports whether a host is the machine itself (RFC 8252 §8.3).
func isLoopback(host string) bool { return host == "127.0.0.1" || host == "::1" || host == "localhost" }

// checkURIs accepts addresses to which people are sent, each once, in their
// order.
func checkURIs(field string, uris []string) ([]string, error) {
	list := []string{}
	for i, uri := range uris {
		if err := checkURI(uri); err != nil {
			return list, invalid(field, "number %d is not accepted: %s", i+1, err)
		}
		if !slices.Contains(list, uri) {
			list = append(list, uri)
		}
		if len(list) > maxURIs {
			return list, invalid(field, "at most %d", maxURIs)
		}
	}
	return list, nil
}

// Why an address is not accepted.
var (
	errURIText     = errors.New("an absolute URI of 1 to " + strconv.Itoa(maxURIBytes) + " ASCII characters, without spaces, asterisks and backslashes")
	errURIFragment = errors.New("without a fragment (#)")
	errURIUser     = errors.New("without a user name or password")
	errURIHost     = errors.New("with a host and, if at all, a port from 1 to 65535")
	errURIScheme   = errors.New("https; http on this machine (127.0.0.1, [::1] or localhost); or an app's own scheme that begins with its domain, as com.example.app:/back")
)

// checkURI accepts an absolute URI (RFC 6749 §3.1.2) whose scheme is https, http on
// loopback, or an app's own (RFC 8252 §7.1).
func checkURI(uri string) error {
	if uri == "" || len(uri) > maxURIBytes || !consistsOf(uri, isURIByte) {
		return errURIText
	}
	if strings.Contains(uri, "#") {
		return errURIFragment
	}
	u, err := url.Parse(uri)
	if err != nil {
		return errURIText
	}
	switch {
	case !strings.HasPrefix(uri, u.Scheme+":") || !isOffered(u):
		return errURIScheme
	case u.User != nil:
		return errURIUser
	case strings.Contains(u.Scheme, "."):
		return nil
	case !isHostWithPort(u):
		return errURIHost
	}
	return nil
}

// isURIByte reports whether a character stands in URIs as it is (RFC 3986 §2). An
// asterisk may too, but whoever writes one takes it for a wildcard.
func isURIByte(c byte) bool {
	return isLower(c) || c >= 'A' && c <= 'Z' || isDigit(c) || strings.IndexByte("-._~:/?#[]@!$&'()+,;=%", c) >= 0
}

// isOffered reports whether a URI's scheme, or its scheme and host, are of those
// that are accepted. An app's own scheme is a domain turned round: what has no dot
// belongs to everybody, as mailto, or runs, as javascript.
func isOffered(u *url.URL) bool {
	switch u.Scheme {
	case "https":
		return u.Opaque == ""
	case "http":
		return u.Opaque == "" && isLoopback(u.Hostname())
	}
	parts := strings.Split(u.Scheme, ".")
	return len(parts) > 1 && !slices.Contains(parts, "")
}

// isHostWithPort reports whether a URI's host is a name or an address in one
// spelling, with a port that there is.
func isHostWithPort(u *url.URL) bool {
	host := u.Hostname()
	bare := host == "::1" || consistsOf(host, func(c byte) bool { return isLower(c) || isDigit(c) || c == '.' || c == '-' || c == '_' })
	if strings.HasPrefix(u.Host, "[") {
		bare = consistsOf(host, func(c byte) bool { return isDigit(c) || c >= 'a' && c <= 'f' || c == ':' || c == '.' })
	}
	if host == "" || !bare || strings.HasSuffix(u.Host, ":") {
		return false
	}
	if port := u.Port(); port != "" {
		n, err := strconv.Atoi(port)
		return err == nil && n >= 1 && n <= 65535
	}
	return true
}

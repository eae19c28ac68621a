package tokens

import (
	"net/url"
	"slices"
	"strings"
)

// Redirects reports whether a client registered a redirect URI, letter by letter
// (OAuth 2.0 Security BCP §4.1.3). An app on somebody's own machine listens at
// whatever port is free: a public client's loopback URI counts at every one
// (RFC 8252 §7.3).
func Redirects(c Client, uri string) bool {
	return slices.ContainsFunc(c.RedirectURIs, func(registered string) bool {
		return uri == registered || c.Public && sameButPort(registered, uri)
	})
}

// sameButPort reports whether two http URIs on loopback differ in their ports
// alone.
func sameButPort(registered, uri string) bool {
	a, rest, ok := loopback(registered)
	b, other, is := loopback(uri)
	return ok && is && a == b && rest == other
}

// loopback takes the port out of an http URI on loopback: its host, and what
// comes after the port.
func loopback(uri string) (host, rest string, ok bool) {
	after, ok := strings.CutPrefix(uri, "http://")
	if !ok {
		return "", "", false
	}
	u, err := url.Parse(uri)
	if err != nil || u.User != nil {
		return "", "", false
	}
	host = u.Hostname()
	if !isLoopback(host) || !strings.HasPrefix(after, u.Host) {
		return "", "", false
	}
	return host, after[len(u.Host):], true
}

// isLoopback reports whether a host is this machine (RFC 8252 §8.3).
func isLoopback(host string) bool { return host == "127.0.0.1" || host == "::1" || host == "localhost" }

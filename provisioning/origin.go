package provisioning

import (
	"errors"
	"net/netip"
	"strings"
)

// Origin is a web origin (RFC 6454): scheme, host and port. Two Origins are
// the same origin exactly when they are equal with ==. Only ParseOrigin makes
// one; the zero Origin is none and equals none that ParseOrigin made.
type Origin struct {
	scheme string // "https" or "http"
	host   string // canonical, see CanonicalHost
	port   string // "" for the scheme's default port
}

// ParseOrigin reads exactly scheme://host or scheme://host:port; one slash at
// the end is tolerated, as it is easily pasted along. Plain http is good for
// loopback hosts only (see Loopback). A dot at the end of the host is refused:
// to browsers that is another origin. The error is a sentence for the admin
// who typed the origin and does not quote it.
func ParseOrigin(s string) (Origin, error) {
	scheme, authority, found := strings.Cut(s, "://")
	if !found {
		return Origin{}, errors.New("an origin has the form https://host or https://host:port")
	}
	scheme = strings.ToLower(scheme)
	if scheme != "https" && scheme != "http" {
		return Origin{}, errors.New("an origin begins with https://")
	}
	authority = strings.TrimSuffix(authority, "/")
	switch {
	case strings.Contains(authority, "@"):
		return Origin{}, errors.New("an origin has no user name or password")
	case strings.ContainsAny(authority, `/\?#`):
		return Origin{}, errors.New("an origin ends after host and port: no path, query or fragment")
	case strings.Contains(authority, "*"):
		return Origin{}, errors.New("an origin names one host: no wildcards")
	case strings.HasSuffix(authority, ":"):
		return Origin{}, errors.New("an origin with a colon after the host has a port number there")
	}
	host, port, err := splitHostPort(authority)
	if err != nil {
		return Origin{}, err
	}
	if host, err = canonicalName(host); err != nil {
		return Origin{}, err
	}
	if port == "0" {
		return Origin{}, errors.New("port is not a number from 1 to 65535")
	}
	if scheme == "https" && port == "443" || scheme == "http" && port == "80" {
		port = ""
	}
	origin := Origin{scheme: scheme, host: host, port: port}
	if scheme == "http" && !origin.Loopback() {
		return Origin{}, errors.New("plain http is accepted for this machine only (localhost, 127.0.0.1, [::1]): use https")
	}
	return origin, nil
}

// Scheme is "https" or "http".
func (o Origin) Scheme() string { return o.scheme }

// Host is the canonical host without port, as CanonicalHost returns it.
func (o Origin) Host() string { return o.host }

// String is the origin as browsers write it in an Origin header (RFC 6454
// §6.2): without the scheme's default port and without a slash at the end.
// The zero Origin is "".
func (o Origin) String() string {
	switch {
	case o == Origin{}:
		return ""
	case o.port == "":
		return o.scheme + "://" + o.host
	}
	return o.scheme + "://" + o.host + ":" + o.port
}

// OurHosts are the hosts at which the tenant without hosts is reached: the
// origin's own and, on a loopback address, the other names of this machine.
func (o Origin) OurHosts() []string {
	hosts := []string{o.Host()}
	if o.Loopback() {
		hosts = append(hosts, "localhost", "127.0.0.1", "[::1]", "::1")
	}
	return hosts
}

// Loopback reports whether the host is this machine and never leaves it:
// localhost and the names below it (RFC 6761 §6.3), 127.0.0.0/8 and [::1].
func (o Origin) Loopback() bool {
	if o.host == "localhost" || strings.HasSuffix(o.host, ".localhost") || o.host == "[::1]" {
		return true
	}
	address, err := netip.ParseAddr(o.host)
	return err == nil && address.IsLoopback()
}

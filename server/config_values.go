package main

import (
	"net"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"usher/provisioning"
)

func setListen(c *Config, value string) *wrong {
	c.Listen = value
	return checkListen(value, "USHER_LISTEN=127.0.0.1:8080")
}

func setMetricsListen(c *Config, value string) *wrong {
	c.MetricsListen = value
	return checkListen(value, "USHER_METRICS_LISTEN=127.0.0.1:9090")
}

// checkListen checks an address to listen on. example is a setting that is good.
func checkListen(value, example string) *wrong {
	host, port, err := net.SplitHostPort(value)
	if err != nil {
		return &wrong{"it is not an address and a port", "Set " + example + ", say; IPv6 addresses stand in brackets."}
	}
	if _, err := strconv.ParseUint(port, 10, 16); err != nil {
		return &wrong{"the port is not a number from 0 to 65535", "Set " + example + ", say."}
	}
	if _, err := netip.ParseAddr(host); err != nil && host != "" && host != "localhost" {
		return &wrong{"the part before the port is not an IP address", "Use 127.0.0.1 for this machine alone, 0.0.0.0 for all interfaces."}
	}
	return nil
}

// samePlace reports whether two addresses to listen on have the same port, which
// is not one that the system chooses. The hosts do not count: one may stand for
// all interfaces.
func samePlace(a, b string) bool {
	_, portA, errA := net.SplitHostPort(a)
	_, portB, errB := net.SplitHostPort(b)
	numberA, _ := strconv.ParseUint(portA, 10, 16)
	numberB, _ := strconv.ParseUint(portB, 10, 16)
	return errA == nil && errB == nil && numberA == numberB && numberA != 0
}

// listensOnLoopback reports whether only this machine reaches the address.
func listensOnLoopback(listen string) bool {
	host, _, err := net.SplitHostPort(listen)
	return err == nil && isLoopback(host)
}

// isLoopback reports whether a host, without brackets, is this machine.
func isLoopback(host string) bool {
	address, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && address.IsLoopback()
}

func setPublicURL(c *Config, value string) *wrong {
	origin, err := provisioning.ParseOrigin(value)
	if err != nil {
		return &wrong{err.Error(), "Set USHER_PUBLIC_URL to scheme, host and port alone, such as https://sso.example.com."}
	}
	c.PublicURL = origin
	return nil
}

func setAdminIssuer(c *Config, value string) *wrong {
	c.AdminOIDC.Issuer = value
	u, err := url.Parse(value)
	if err != nil || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" {
		return &wrong{"it is not the address of a provider", "Set it to the issuer as the provider writes it, such as https://login.example.com."}
	}
	if u.Scheme != "https" && !(u.Scheme == "http" && isLoopback(u.Hostname())) {
		return &wrong{"it does not begin with https://", "Use https; plain http is for a provider on this machine alone."}
	}
	return nil
}

func setTrustedProxies(c *Config, value string) *wrong {
	prefixes, w := networks(value)
	if w != nil {
		return w
	}
	for _, prefix := range prefixes {
		if prefix.Bits() == 0 {
			return &wrong{"it trusts every sender to name the client's address", "List your proxies alone."}
		}
	}
	c.TrustedProxies = prefixes
	return nil
}

func setOutboundAllow(c *Config, value string) (w *wrong) {
	c.OutboundAllow, w = networks(value)
	return w
}

// networks reads a list of IP addresses and networks.
func networks(value string) ([]netip.Prefix, *wrong) {
	var prefixes []netip.Prefix
	for item := range strings.SplitSeq(value, ",") {
		item = strings.TrimSpace(item)
		prefix, err := netip.ParsePrefix(item)
		if err != nil {
			address, err := netip.ParseAddr(item)
			if err != nil || address.Zone() != "" {
				return nil, &wrong{
					quoted(item) + " is neither an IP address nor a network",
					"Set a list such as 10.0.0.0/8,192.0.2.7, separated by commas.",
				}
			}
			address = address.Unmap()
			prefix = netip.PrefixFrom(address, address.BitLen())
		}
		prefixes = append(prefixes, prefix.Masked())
	}
	return prefixes, nil
}

func setBootstrapAPIKey(c *Config, value string) *wrong {
	const fix = "Make one with “openssl rand -base64 32”."
	distinct := make(map[rune]bool)
	for _, r := range value {
		if r <= ' ' || r > '~' {
			return &wrong{"it has characters that do not fit into an HTTP header", fix}
		}
		distinct[r] = true
	}
	if len(value) < 32 {
		return &wrong{"it is shorter than 32 characters", fix}
	}
	lower := strings.ToLower(value)
	placeholder := slices.ContainsFunc([]string{"changeme", "change-me", "change_me", "replace", "example", "placeholder", "your-", "your_"},
		func(word string) bool { return strings.Contains(lower, word) })
	if placeholder || len(distinct) < 8 {
		return &wrong{"it is a placeholder, not a random key", fix}
	}
	c.BootstrapAPIKey = value
	return nil
}

// databaseParameters are the parameters of a Postgres URL that are let
// through. The driver hands any other to the server as a setting of the
// session, so a slip in a name ("ssl_mode") would go unnoticed.
var databaseParameters = []string{
	"host", "port", "sslmode", "sslrootcert", "sslcert", "sslkey", "sslsni", "sslnegotiation",
	"ssl_min_protocol_version", "connect_timeout", "application_name", "target_session_attrs",
	"load_balance_hosts", "binary_parameters", "search_path",
}

// sslModes are the values of sslmode that do what they say. "allow" and
// "prefer" go on in plain text when TLS fails, which an attacker can cause.
var sslModes = []string{"disable", "require", "verify-ca", "verify-full"}

// setDatabaseURL checks the URL and stores it with an explicit sslmode. Several
// hosts ("a:5432,b:5432") are stored as the parameters host and port: in the
// URL's own place the driver takes the first one's port for a part of its name.
func setDatabaseURL(c *Config, value string) (w *wrong) {
	c.DatabaseURL, w = databaseURL(value)
	return w
}

// parseListed is url.Parse for a URL with a list of hosts, in which it takes no IPv6
// address. The Host of what it returns is the whole list.
func parseListed(value string) (*url.URL, error) {
	scheme, rest, _ := strings.Cut(value, "://")
	authority := rest
	if end := strings.IndexAny(rest, "/?#"); end >= 0 {
		authority = rest[:end]
	}
	hosts := authority[strings.LastIndexByte(authority, '@')+1:]
	first, _, listed := strings.Cut(hosts, ",")
	if !listed {
		return url.Parse(value)
	}
	before := scheme + "://" + strings.TrimSuffix(authority, hosts)
	u, err := url.Parse(before + first + strings.TrimPrefix(rest, authority))
	if err != nil {
		return nil, err
	}
	u.Host = hosts
	return u, nil
}

func databaseURL(value string) (string, *wrong) {
	const form = "Set postgres://user:password@host:5432/name?sslmode=verify-full, say; special characters in the password are written as %40 and the like."
	u, err := parseListed(value)
	if err != nil || u.Opaque != "" {
		return "", &wrong{"it is not a URL", form}
	}
	if u.Scheme != "postgres" && u.Scheme != "postgresql" {
		return "", &wrong{"it does not begin with postgres://", form}
	}
	if u.Fragment != "" {
		return "", &wrong{"it has a part after #", form}
	}
	if strings.Trim(u.Path, "/") == "" {
		return "", &wrong{"it names no database", form}
	}
	parameters, err := url.ParseQuery(u.RawQuery)
	if err != nil {
		return "", &wrong{"its part after ? is malformed", form}
	}
	for name, values := range parameters {
		if !slices.Contains(databaseParameters, name) {
			named := ""
			if values[0] != "" { // else it may be the end of a password with a ? in it
				named = " " + strconv.QuoteToGraphic(name)
			}
			return "", &wrong{
				"it has a parameter" + named + ", which is not one of ours",
				"Leave it out. Known are " + strings.Join(databaseParameters, ", ") + ".",
			}
		}
		if len(values) > 1 {
			return "", &wrong{"it has the parameter " + name + " twice", "Leave one of them out."}
		}
	}
	hosts, w := databaseHosts(u, parameters)
	if w != nil {
		return "", w
	}
	if w := setTarget(parameters, len(hosts)); w != nil {
		return "", w
	}
	switch mode := parameters.Get("sslmode"); {
	case mode == "" && slices.ContainsFunc(hosts, func(host string) bool { return !isLoopback(host) && !isSocket(host) }):
		parameters.Set("sslmode", "require")
	case mode == "":
		parameters.Set("sslmode", "disable")
	case !slices.Contains(sslModes, mode):
		return "", &wrong{"its sslmode is not one that holds", "Use one of " + strings.Join(sslModes, ", ") + "."}
	}
	u.RawQuery = parameters.Encode()
	return u.String(), nil
}

// databaseHosts returns the hosts that a Postgres URL names, without ports,
// and moves a list of them to the parameters.
func databaseHosts(u *url.URL, parameters url.Values) ([]string, *wrong) {
	const fix = "Write postgres://user:password@host-a:5432,host-b:5432/name, or ?host=/run/postgresql for a socket."
	if parameters.Has("host") || parameters.Has("port") {
		if u.Host != "" || parameters.Get("host") == "" {
			return nil, &wrong{"it names its host in two places, or only the port", fix}
		}
		return strings.Split(parameters.Get("host"), ","), nil
	}
	var hosts, ports []string
	for item := range strings.SplitSeq(u.Host, ",") {
		one, err := url.Parse("//" + item)
		if err != nil || one.Hostname() == "" {
			return nil, &wrong{"it names no host, or an empty one", fix}
		}
		if strings.Contains(one.Hostname(), ":") && !strings.HasPrefix(item, "[") {
			return nil, &wrong{"an IPv6 address stands without brackets", "Write [2001:db8::1]:5432, say."}
		}
		port := one.Port()
		if port == "" {
			port = "5432"
		}
		hosts, ports = append(hosts, one.Hostname()), append(ports, port)
	}
	if len(hosts) > 1 {
		u.Host = ""
		parameters.Set("host", strings.Join(hosts, ","))
		parameters.Set("port", strings.Join(ports, ","))
	}
	return hosts, nil
}

// isSocket reports whether a Postgres host is a folder of a Unix socket.
func isSocket(host string) bool { return strings.HasPrefix(host, "/") }

func setRedisURL(c *Config, value string) *wrong {
	const form = "Set REDIS_URL=redis://:password@host:6379/0, say; rediss:// speaks TLS."
	u, err := parseListed(value)
	if err != nil || u.Opaque != "" {
		return &wrong{"it is not a URL", form}
	}
	switch u.Scheme {
	case "redis", "rediss":
		if u.Hostname() == "" {
			return &wrong{"it names no host", form}
		}
	case "unix":
		if u.Path == "" {
			return &wrong{"it names no socket", "Set REDIS_URL=unix:///run/redis/redis.sock, say."}
		}
	default:
		return &wrong{"it does not begin with redis:// or rediss://", form}
	}
	c.RedisURL = value
	return nil
}

package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"syscall"
	"time"
)

// outbound says which addresses Usher calls when an administrator or a partner
// has named them. What they name may lead anywhere: the address is looked at
// when the connection is made, after the name was resolved, so that no name
// can point outside first and inside when it counts.
type outbound struct {
	allow    []netip.Prefix // besides the public Internet
	loopback bool           // this machine too, and there plain http
	resolver *net.Resolver  // nil = the system's
	roots    *x509.CertPool // nil = the system's
}

const (
	outboundDial    = 2 * time.Second
	outboundCall    = 5 * time.Second  // of a caller that sets no deadline
	outboundLongest = 15 * time.Second // of any
	outboundHeaders = 32 << 10
)

// outbound is what the configuration lets us call.
func (c Config) outbound() outbound {
	return outbound{allow: c.OutboundAllow, loopback: c.Env == Development}
}

// client makes the client for addresses that others have named: https alone,
// no redirects (their answer is handed back as it is), no proxy, no cookies, at
// most 32 KiB of headers, the body as it comes over the wire. A call ends after
// five seconds, the reading of its answer included, or at the deadline of its
// context, which may lie fifteen seconds ahead. How much of the body it reads
// is the caller's to limit.
func (o outbound) client() *http.Client {
	guarded := guardedTransport{secure: o.transport(o.checkAddress)}
	if o.loopback {
		guarded.plain = o.transport(checkLoopback)
	}
	return &http.Client{
		Transport:     guarded,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// transport checks each connection once, when it is made: a later call over it
// reaches the same address.
func (o outbound) transport(check func(netip.Addr) error) *http.Transport {
	dialer := &net.Dialer{
		Timeout:  outboundDial,
		Resolver: o.resolver,
		Control: func(_, address string, _ syscall.RawConn) error {
			to, err := netip.ParseAddrPort(address)
			if err != nil {
				return err
			}
			return check(to.Addr())
		},
	}
	t := &http.Transport{
		Proxy:                  nil, // it would connect in our stead, past the check
		DialContext:            dialer.DialContext,
		TLSHandshakeTimeout:    outboundDial,
		MaxResponseHeaderBytes: outboundHeaders,
		DisableCompression:     true, // a small answer stays small
		MaxIdleConns:           64,
		MaxIdleConnsPerHost:    2,
		IdleConnTimeout:        30 * time.Second,
		Protocols:              new(http.Protocols),
	}
	t.Protocols.SetHTTP1(true)
	if o.roots != nil {
		t.TLSClientConfig = &tls.Config{RootCAs: o.roots, MinVersion: tls.VersionTLS12}
	}
	return t
}

// guardedTransport decides which transport a call takes, and when it ends.
type guardedTransport struct {
	secure http.RoundTripper
	plain  http.RoundTripper // reaches this machine only; nil = http is refused
}

var (
	errPlainHTTP error = blockedCall("only https addresses are called")
	errUserinfo  error = blockedCall("an address with a user name or password is not called")
)

// RoundTrip makes one call.
func (g guardedTransport) RoundTrip(r *http.Request) (*http.Response, error) {
	by := g.secure
	switch {
	case r.URL.User != nil:
		return nil, refuseCall(r, errUserinfo)
	case r.URL.Scheme == "http" && g.plain != nil:
		by = g.plain
	case r.URL.Scheme != "https":
		return nil, refuseCall(r, errPlainHTTP)
	}
	longest := outboundLongest
	if _, set := r.Context().Deadline(); !set {
		longest = outboundCall
	}
	ctx, cancel := context.WithTimeout(r.Context(), longest)
	r = r.Clone(ctx)
	if r.Header.Get("User-Agent") == "" {
		r.Header.Set("User-Agent", "Usher")
	}
	answer, err := by.RoundTrip(r)
	if err != nil {
		cancel()
		return nil, err
	}
	answer.Body = timedBody{answer.Body, ctx.Err, cancel}
	return answer, nil
}

// refuseCall keeps the promise that a transport closes the body, whatever it
// answers.
func refuseCall(r *http.Request, err error) error {
	if r.Body != nil {
		return errors.Join(err, r.Body.Close())
	}
	return err
}

// timedBody is read under the call's deadline, which ends with it.
type timedBody struct {
	io.ReadCloser
	over   func() error // why the call is over; nil = it is not
	cancel context.CancelFunc
}

// Read takes no end after the deadline for the body's: a server that is hung up
// on may stop in the middle and still mark the end, and that may be read here
// before the connection is closed.
func (b timedBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if over := b.over(); err == io.EOF && over != nil { //nolint:errorlint // readers give io.EOF itself
		err = over
	}
	return n, err
}

func (b timedBody) Close() error {
	err := b.ReadCloser.Close()
	b.cancel()
	return err
}

// calls reports whether an address that is named by its number would be called.
func (o outbound) calls(scheme string, address netip.Addr) bool {
	if scheme == "http" {
		return o.loopback && checkLoopback(address) == nil
	}
	return o.checkAddress(address) == nil
}

// checkAddress refuses what is not on the public Internet, unless it is allowed.
func (o outbound) checkAddress(address netip.Addr) error {
	address = address.Unmap().WithZone("")
	switch {
	case isPublic(address):
		return nil
	case o.loopback && address.IsLoopback():
		return nil
	case slices.ContainsFunc(o.allow, func(p netip.Prefix) bool { return p.Contains(address) }):
		return nil
	}
	return blockedCall(address.String() + " is not an address of the public Internet, and USHER_OUTBOUND_ALLOW does not name it")
}

func checkLoopback(address netip.Addr) error {
	if address.Unmap().IsLoopback() {
		return nil
	}
	return errPlainHTTP
}

// isPublic reports whether an address is one of the public Internet by the
// registries of IANA for special purposes (RFC 6890). An address that carries
// another one is what it carries (NAT64, RFC 6052) or not public (6to4, Teredo).
func isPublic(address netip.Addr) bool {
	if natted.Contains(address) {
		sixteen := address.As16()
		address = netip.AddrFrom4([4]byte(sixteen[12:]))
	}
	if address.Is6() && !globalUnicast.Contains(address) {
		return false
	}
	return !slices.ContainsFunc(special, func(p netip.Prefix) bool { return p.Contains(address) })
}

var (
	natted        = netip.MustParsePrefix("64:ff9b::/96")
	globalUnicast = netip.MustParsePrefix("2000::/3") // all else of IPv6 is local, mapped, multicast or nobody's
)

// special are the networks that are not of the public Internet, besides what
// globalUnicast leaves out.
var special = []netip.Prefix{
	netip.MustParsePrefix("0.0.0.0/8"),       // this network (RFC 791)
	netip.MustParsePrefix("10.0.0.0/8"),      // private (RFC 1918)
	netip.MustParsePrefix("100.64.0.0/10"),   // shared by carriers (RFC 6598)
	netip.MustParsePrefix("127.0.0.0/8"),     // loopback (RFC 1122)
	netip.MustParsePrefix("169.254.0.0/16"),  // link-local (RFC 3927); clouds hand out credentials there
	netip.MustParsePrefix("172.16.0.0/12"),   // private (RFC 1918)
	netip.MustParsePrefix("192.0.0.0/24"),    // protocol assignments (RFC 6890)
	netip.MustParsePrefix("192.0.2.0/24"),    // documentation (RFC 5737)
	netip.MustParsePrefix("192.88.99.0/24"),  // 6to4 relays (RFC 7526)
	netip.MustParsePrefix("192.168.0.0/16"),  // private (RFC 1918)
	netip.MustParsePrefix("198.18.0.0/15"),   // benchmarks (RFC 2544)
	netip.MustParsePrefix("198.51.100.0/24"), // documentation (RFC 5737)
	netip.MustParsePrefix("203.0.113.0/24"),  // documentation (RFC 5737)
	netip.MustParsePrefix("224.0.0.0/4"),     // multicast (RFC 5771)
	netip.MustParsePrefix("240.0.0.0/4"),     // reserved, and the broadcast address (RFC 1112)
	netip.MustParsePrefix("2001::/23"),       // protocol assignments, Teredo among them (RFC 2928)
	netip.MustParsePrefix("2001:db8::/32"),   // documentation (RFC 3849)
	netip.MustParsePrefix("2002::/16"),       // 6to4 (RFC 3056)
	netip.MustParsePrefix("3fff::/20"),       // documentation (RFC 9637)
}

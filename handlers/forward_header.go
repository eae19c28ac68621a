package handlers

import (
	"net"
	"net/http"
	"slices"
	"strings"
)

// ourCookies begins the name of each of our cookies.
const ourCookies = "__Host-usher"

// isOurs reports whether a cookie's name is one of ours. Browsers take the
// prefix in either case (draft-ietf-httpbis-rfc6265bis §4.1.3), so others may.
func isOurs(name string) bool {
	return len(name) >= len(ourCookies) && strings.EqualFold(name[:len(ourCookies)], ourCookies)
}

// foldedName is a header's name as CGI and its heirs tell names apart
// (RFC 3875 §4.1.18). To all of them "-" and "_" are the same, PHP makes one of
// "." as well, and others of whatever is neither letter nor digit.
func foldedName(name string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case 'a' <= r && r <= 'z', '0' <= r && r <= '9':
			return r
		case 'A' <= r && r <= 'Z':
			return r - 'A' + 'a'
		default:
			return '-'
		}
	}, name)
}

// stripForwarding takes away what a client may have sent to name another
// address, host or path than those of its connection and its request line. A
// trusted proxy's headers stay, but for those that setForwarded writes.
func stripForwarding(h http.Header, trusted bool) {
	for name := range h {
		folded := foldedName(name)
		switch {
		case folded == "x-forwarded-for", folded == "x-forwarded-host", folded == "x-forwarded-proto", folded == "forwarded",
			folded == "x-original-url", folded == "x-rewrite-url", // some frameworks take the path from them
			folded == "proxy": // CGI programs would send their own requests there
			delete(h, name)
		case strings.HasPrefix(folded, "x-forwarded-"), folded == "x-real-ip":
			if !trusted || !strings.EqualFold(name, folded) {
				delete(h, name)
			}
		}
	}
}

// setForwarded tells the upstream who called whom, and how. What a trusted
// proxy has said about that is kept.
func setForwarded(h http.Header, in *http.Request, trusted bool, scheme string) {
	peer, _, err := net.SplitHostPort(in.RemoteAddr)
	if err != nil {
		peer = in.RemoteAddr
	}
	host := in.Host
	if trusted {
		if before := in.Header["X-Forwarded-For"]; len(before) > 0 {
			peer = strings.Join(before, ", ") + ", " + peer
		}
		if said := in.Header.Get("X-Forwarded-Host"); said != "" {
			host = said
		}
		if said := strings.ToLower(in.Header.Get("X-Forwarded-Proto")); said == "http" || said == "https" {
			scheme = said
		}
	}
	h.Set("X-Forwarded-For", peer)
	h.Set("X-Forwarded-Host", host)
	h.Set("X-Forwarded-Proto", scheme)
}

// stripCredentials takes away what opens doors of ours: our cookies, and the
// tokens that partners sign for us. The upstream's own may pass.
func stripCredentials(h http.Header, cookies bool) {
	tokens := func(value string) bool { return strings.EqualFold(schemeOf(value), schemeJWT) }
	if values := slices.DeleteFunc(h["Authorization"], tokens); len(values) > 0 {
		h["Authorization"] = values
	} else {
		delete(h, "Authorization")
	}
	var kept []string
	if cookies {
		for _, line := range h["Cookie"] {
			if rest := withoutOurCookies(line); rest != "" {
				kept = append(kept, rest)
			}
		}
	}
	if len(kept) > 0 {
		h["Cookie"] = kept
	} else {
		delete(h, "Cookie")
	}
}

// schemeOf is the scheme of a credential (RFC 9110 §11.4).
func schemeOf(authorization string) string {
	authorization = strings.Trim(authorization, " \t")
	if end := strings.IndexAny(authorization, " \t"); end >= 0 {
		return authorization[:end]
	}
	return authorization
}

// withoutOurCookies is a Cookie header without our cookies. The others keep
// their spelling.
func withoutOurCookies(line string) string {
	var kept []string
	for pair := range strings.SplitSeq(line, ";") {
		if pair = strings.Trim(pair, " \t"); pair != "" && !namesOurs(pair) {
			kept = append(kept, pair)
		}
	}
	return strings.Join(kept, "; ")
}

// dropOurCookies keeps an upstream from setting a cookie that we would take
// for ours.
func dropOurCookies(h http.Header) {
	if kept := slices.DeleteFunc(h["Set-Cookie"], namesOurs); len(kept) > 0 {
		h["Set-Cookie"] = kept
	} else {
		delete(h, "Set-Cookie")
	}
}

// namesOurs reports whether a cookie pair has a name of ours, or none and a
// value that a browser would send as if it were one.
func namesOurs(pair string) bool { return isOurs(strings.TrimLeft(pair, " \t=")) }

package provisioning

import (
	"encoding/hex"
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"
	"unicode/utf8"
)

// maxGoBytes is how long a go value or a landing page may be.
const maxGoBytes = 2048

// Target is a place that a browser may be sent to: a path on our own origin,
// or a URL on an origin that the admin listed. Only Places makes one; the
// zero Target is our front page.
type Target struct{ location string }

// Location is the value of a Location header (RFC 9110 §10.2.2): a path with
// query and fragment, or an absolute URL. It has bytes 0x21–0x7E only.
func (t Target) Location() string {
	if t.location == "" {
		return "/"
	}
	return t.location
}

// Foreign is the origin that the target names, and whether it names one: a
// target on our own origin is a mere path.
func (t Target) Foreign() (Origin, bool) {
	scheme, rest, absolute := strings.Cut(t.location, "://")
	if !absolute || strings.HasPrefix(t.location, "/") {
		return Origin{}, false
	}
	authority := rest
	if end := strings.IndexAny(rest, "/?#"); end >= 0 {
		authority = rest[:end]
	}
	origin, err := ParseOrigin(scheme + "://" + authority)
	return origin, err == nil
}

// Places are where a sign-in may end.
type Places struct {
	Own     []Origin // our own origins: URLs on them are reduced to their path
	Return  []Origin // foreign origins that the admin listed
	Landing string   // path on our origin for those who name no place; "" = "/"
}

// Why a go value was not followed. The texts go to the sign-in log and do not
// quote the value.
var (
	errGoLong    = fmt.Errorf("it is longer than %d bytes", maxGoBytes)
	errGoBytes   = errors.New("it has a space, a control character or a backslash")
	errGoForm    = errors.New("it is neither a path that begins with a slash nor an http(s) URL")
	errGoForeign = errors.New("its origin is not on the integration's return list")
	errGoSlashes = errors.New("its path begins with two slashes")
	errGoLoop    = errors.New("it leads back to the sign-in or the sign-out")
)

// Resolve decides where a sign-in ends, given the go value as it is after
// decoding it once. It never fails: a person who is signed in is not
// stranded. A value that is not followed leads to the landing page and leaves
// a Warning with the code go_rejected.
//
//	""                          landing page, no warning
//	/path?query#fragment        kept
//	?query, #fragment           kept, on our front page
//	https://own/path            /path
//	https://listed/path         kept, the origin in canonical form
//	everything else             landing page
//
// "Everything else" includes what a browser would resolve against the page it
// comes from: x/y, http:host, //host. The page would be the callback, which
// no one writing such a link has in mind.
//
// Whatever the value, a browser that follows the Location of the result ends
// on the origin it asked, or on one of Return. Characters that are legal in a
// URL stay as they are, escapes and dot segments included; others are
// percent-encoded as a browser does it.
func (p Places) Resolve(raw string) (Target, *Warning) {
	if raw == "" {
		return p.landing(), nil
	}
	location, err := p.locate(raw)
	if err != nil {
		return p.landing(), &Warning{
			Code: "go_rejected",
			Path: "go",
			Text: "The landing page was used instead of the go value: " + err.Error() + ".",
		}
	}
	return Target{location}, nil
}

// landing is the landing page, or the front page when none is set. A landing
// page that CheckLanding would refuse counts as not set: the rules may have
// grown stricter since it was stored.
func (p Places) landing() Target {
	location, err := landingLocation(p.Landing)
	if err != nil {
		return Target{"/"}
	}
	return Target{location}
}

// CheckLanding says whether a landing page is acceptable: "" (the front page)
// or a path on our own origin, which may have a query and a fragment. The
// error is a sentence for the admin who typed the path.
func CheckLanding(page string) error {
	if _, err := landingLocation(page); err != nil {
		return fmt.Errorf("the landing page is not acceptable: %w", err)
	}
	return nil
}

func landingLocation(raw string) (string, error) {
	if raw == "" {
		return "/", nil
	}
	if raw[0] != '/' {
		return "", errors.New("it is not a path that begins with a slash")
	}
	if err := checkGoBytes(raw); err != nil {
		return "", err
	}
	return ownLocation(raw)
}

// checkGoBytes refuses, before anything is parsed, what browsers drop (tab,
// line breaks, spaces at the ends) or read as something else (the backslash).
func checkGoBytes(raw string) error {
	if len(raw) > maxGoBytes {
		return errGoLong
	}
	for _, c := range []byte(raw) {
		if c < 0x21 || c == 0x7F || c == '\\' {
			return errGoBytes
		}
	}
	return nil
}

func (p Places) locate(raw string) (string, error) {
	if err := checkGoBytes(raw); err != nil {
		return "", err
	}
	if strings.IndexByte("/?#", raw[0]) >= 0 {
		return ownLocation(raw)
	}
	scheme, rest, _ := strings.Cut(raw, "://")
	if s := strings.ToLower(scheme); s != "https" && s != "http" {
		return "", errGoForm
	}
	authority, tail := rest, ""
	if end := strings.IndexAny(rest, "/?#"); end >= 0 {
		authority, tail = rest[:end], rest[end:]
	}
	// ParseOrigin is stricter than a browser. Both read what it accepts the
	// same way, and the browser gets to see only what it returned.
	origin, err := ParseOrigin(scheme + "://" + authority)
	switch {
	case err != nil:
		return "", fmt.Errorf("its origin is not acceptable: %w", err)
	case slices.Contains(p.Own, origin):
		return ownLocation(tail)
	case slices.Contains(p.Return, origin):
		return origin.String() + escapeReference(rooted(tail)), nil
	}
	return "", errGoForeign
}

// ownLocation returns the Location for a path, query and fragment on our own
// origin, of which the path may be missing.
func ownLocation(tail string) (string, error) {
	tail = rooted(tail)
	pathname := tail
	if end := strings.IndexAny(tail, "?#"); end >= 0 {
		pathname = tail[:end]
	}
	seen := resolveDots(pathname)
	// As it stands, such a path names a host. Where it only becomes one once
	// the dots are gone ("/.//x"), a browser stays with us, but the next program
	// to clean the path may not.
	if strings.HasPrefix(pathname, "//") || strings.HasPrefix(seen, "//") {
		return "", errGoSlashes
	}
	if isLoop(seen) {
		return "", errGoLoop
	}
	return escapeReference(tail), nil
}

// rooted puts the path "/" before a reference that has none.
func rooted(tail string) string {
	if strings.HasPrefix(tail, "/") {
		return tail
	}
	return "/" + tail
}

// resolveDots returns a path as a browser would send it: without "." and ".."
// segments, which it knows in their escaped spellings as well (WHATWG URL,
// "path state").
func resolveDots(pathname string) string {
	segments := strings.Split(pathname[1:], "/")
	kept := make([]string, 0, len(segments))
	for i, segment := range segments {
		switch strings.ReplaceAll(strings.ToLower(segment), "%2e", ".") {
		case "..":
			kept = kept[:max(len(kept)-1, 0)]
		case ".":
		default:
			kept = append(kept, segment)
			continue
		}
		if i == len(segments)-1 {
			kept = append(kept, "") // dots at the end leave a slash
		}
	}
	return "/" + strings.Join(kept, "/")
}

// isLoop reports whether a path, as the browser sends it, would sign the
// person in or out again. Servers compare decoded paths, and some join double
// slashes and resolve escaped dots before, so all of these forms count.
func isLoop(sent string) bool {
	decoded := decodePath(sent)
	for _, seen := range []string{decoded, path.Clean(decoded)} {
		for _, guarded := range []string{"/auth/callback", "/auth/logout"} {
			if seen == guarded || strings.HasPrefix(seen, guarded+"/") {
				return true
			}
		}
	}
	return false
}

// decodePath percent-decodes once and leaves alone what is no escape, unlike
// url.PathUnescape, which gives up on the whole text.
func decodePath(text string) string {
	var b strings.Builder
	for {
		before, after, found := strings.Cut(text, "%")
		b.WriteString(before)
		if !found {
			return b.String()
		}
		text = after
		if c, err := hex.DecodeString(after[:min(len(after), 2)]); err == nil && len(c) == 1 {
			b.Write(c)
			text = after[2:]
		} else {
			b.WriteByte('%')
		}
	}
}

// escapeReference percent-encodes what may not stand in a path, a query and a
// fragment: all that is not ASCII, and of ASCII what RFC 3986 does not allow
// and browsers encode in that place (WHATWG URL, "percent-encoded bytes").
func escapeReference(reference string) string {
	rest, fragment, hasFragment := strings.Cut(reference, "#")
	pathname, query, hasQuery := strings.Cut(rest, "?")
	escaped := escapeBytes(pathname, "\"<>^`{}")
	if hasQuery {
		escaped += "?" + escapeBytes(query, "\"<>")
	}
	if hasFragment {
		escaped += "#" + escapeBytes(fragment, "\"<>`")
	}
	return escaped
}

// escapeBytes percent-encodes the bytes of text that are not ASCII or stand
// in unsafe.
func escapeBytes(text, unsafe string) string {
	var b strings.Builder
	b.Grow(len(text))
	for _, c := range []byte(text) {
		if c < utf8.RuneSelf && strings.IndexByte(unsafe, c) < 0 {
			b.WriteByte(c)
		} else {
			fmt.Fprintf(&b, "%%%02X", c)
		}
	}
	return b.String()
}

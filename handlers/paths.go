package handlers

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// PathPrefixes are paths that stand for themselves and all below them, as they
// are after decoding: "/assets" is "/assets" and "/assets/a.css", not
// "/assets2". "" is every path.
type PathPrefixes []string

// ParsePathPrefixes reads a list such as "/assets, /health". The error names
// the item at fault.
func ParsePathPrefixes(list string) (PathPrefixes, error) {
	var prefixes PathPrefixes
	for item := range strings.SplitSeq(list, ",") {
		item = strings.TrimSpace(item)
		prefix := strings.TrimSuffix(item, "/")
		switch {
		case !strings.HasPrefix(item, "/"):
			return nil, fmt.Errorf("%q does not begin with /", item)
		case prefix != "" && !isPlainPath(prefix):
			return nil, fmt.Errorf("%q is not a plain path: no empty parts, . or .., and none of ? # %% \\ ;", item)
		}
		prefixes = append(prefixes, prefix)
	}
	return prefixes, nil
}

// Match reports whether a decoded path is one of the prefixes or below one. A
// path that somebody could read in another way than we do is below none: the
// application might find something else there than what was opened.
func (p PathPrefixes) Match(path string) bool {
	if slices.Contains(p, "") {
		return true
	}
	plain := strings.TrimSuffix(path, "/")
	if !isPlainPath(plain) {
		return false
	}
	return slices.ContainsFunc(p, func(prefix string) bool {
		rest, found := strings.CutPrefix(path, prefix)
		return found && (rest == "" || rest[0] == '/')
	})
}

// isPlainPath reports whether a decoded path has one reading only: it begins
// with a slash, has no empty segment and no dot segment, nothing that could be
// decoded once more, no path parameters (RFC 3986 §3.3), which some servers cut
// off before they look, and no control characters.
func isPlainPath(path string) bool {
	if !strings.HasPrefix(path, "/") || strings.Contains(path, "//") || strings.HasSuffix(path, "/") || HasDotSegments(path) {
		return false
	}
	for i := range len(path) {
		if c := path[i]; c < ' ' || c == 0x7F || strings.IndexByte(`%\;?#`, c) >= 0 {
			return false
		}
	}
	return true
}

// HasDotSegments reports whether a decoded path has a segment that leads
// elsewhere (RFC 3986 §5.2.4), also as servers see it that take "\" for "/" or
// cut off path parameters.
func HasDotSegments(path string) bool {
	for segment := range strings.SplitSeq(strings.ReplaceAll(path, `\`, "/"), "/") {
		segment, _, _ = strings.Cut(segment, ";")
		if segment == "." || segment == ".." {
			return true
		}
	}
	return false
}

var errDotSegments = errors.New("the path has dot segments")

package provisioning

import (
	"net/url"
	"slices"
	"strings"
	"unicode/utf8"

	"usher/sql/store"
)

const (
	maxKindBytes       = 32
	maxResourceIDBytes = 128
	resourceIDBytes    = 12 // of random, when none is given
	maxTitleRunes      = 200
	maxContentURLBytes = 2048
)

// isKind reports whether text can be the kind of a resource: a lower-case
// letter, then lower-case letters, digits and hyphens, at most 32 in all.
func isKind(text string) bool {
	if text == "" || len(text) > maxKindBytes || text[0] < 'a' || text[0] > 'z' {
		return false
	}
	return strings.Trim(text, "abcdefghijklmnopqrstuvwxyz0123456789-") == ""
}

// isResourceID reports whether text can be the id of a resource: 1 to 128
// unreserved characters (RFC 3986 §2.3), and not a dot segment, which browsers
// take out of an address.
func isResourceID(text string) bool {
	if text == "" || len(text) > maxResourceIDBytes || text == "." || text == ".." {
		return false
	}
	return !strings.ContainsFunc(text, func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && r != '-' && r != '.' && r != '_' && r != '~'
	})
}

func checkKind(kind string) error {
	if !isKind(kind) {
		return invalid("kind", "a lower-case letter, then lower-case letters, digits and hyphens: at most %d in all", maxKindBytes)
	}
	return nil
}

func checkResourceID(id string) error {
	if !isResourceID(id) {
		return invalid("id", "1 to %d letters, digits, dots, hyphens, underscores and tildes", maxResourceIDBytes)
	}
	return nil
}

func checkTitle(title string) (string, error) {
	title = strings.TrimSpace(title)
	if n := utf8.RuneCountInString(title); n < 1 || n > maxTitleRunes || !utf8.ValidString(title) || strings.ContainsFunc(title, isControl) {
		return "", invalid("title", "1 to %d characters, no control characters", maxTitleRunes)
	}
	return title, nil
}

// checkContent accepts "" (our built-in page) or the URL of an upstream below
// one of the origins that an administrator listed for the owner: partners must
// not make us fetch from wherever they like.
func checkContent(text string, owner store.Integration) (string, error) {
	if text == "" {
		return "", nil
	}
	at, origin, ok := parseContentURL(text)
	switch {
	case !ok:
		return "", invalid("content", "a URL like https://content.example/widget, at most %d bytes, without user name, query and fragment", maxContentURLBytes)
	case !slices.Contains(owner.ContentOrigins, origin.String()):
		return "", invalid("content", "the content origins of the integration lack %s: an administrator has to add it there", origin)
	}
	return at.String(), nil
}

// parseContentURL reads an absolute http or https URL. Dot segments are refused,
// so that what lies below the URL stays below it; and so is a query, which would
// be the place for a secret that pages and logs then show.
func parseContentURL(text string) (*url.URL, Origin, bool) {
	if len(text) > maxContentURLBytes || checkGoBytes(text) != nil || strings.ContainsAny(text, "?#") {
		return nil, Origin{}, false
	}
	at, err := url.Parse(text)
	if err != nil || at.User != nil || at.Opaque != "" {
		return nil, Origin{}, false
	}
	origin, err := ParseOrigin(at.Scheme + "://" + at.Host)
	if err != nil || slices.ContainsFunc(strings.Split(at.Path, "/"), func(s string) bool { return s == "." || s == ".." }) {
		return nil, Origin{}, false
	}
	return at, origin, true
}

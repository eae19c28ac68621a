package handlers

import (
	"slices"
	"strings"

	"github.com/gin-gonic/gin"
)

// maxShown is how many attributes a request may name.
const maxShown = 64

// scimShown says which attributes of resources an answer has (RFC 7644 §3.9). The
// zero value is all.
type scimShown struct {
	only   []scimAttribute // nil = all but without
	except []scimAttribute
}

// readShown reads the parameters attributes and excludedAttributes, of which there
// is at most one.
func readShown(c *gin.Context) (scimShown, error) {
	var s scimShown
	for _, field := range []struct {
		name string
		into *[]scimAttribute
	}{{"attributes", &s.only}, {"excludedAttributes", &s.except}} {
		for _, text := range c.Request.URL.Query()[field.name] {
			for name := range strings.SplitSeq(text, ",") {
				p := scimParser{text: name}
				attribute, why := p.attribute()
				if why != "" || p.rest() != "" || len(*field.into) == maxShown {
					return s, scimBad(scimInvalidValue, "%s: at most %d names of attributes, with commas between them.", field.name, maxShown)
				}
				*field.into = append(*field.into, attribute)
			}
		}
	}
	if s.only != nil && s.except != nil {
		return s, scimBad(scimInvalidValue, "Give attributes or excludedAttributes, not both.")
	}
	return s, nil
}

// has reports whether anything of an attribute is shown. name is in lower case.
func (s scimShown) has(name string) bool {
	if s.only != nil {
		return slices.ContainsFunc(s.only, func(a scimAttribute) bool { return a.name == name })
	}
	return !slices.ContainsFunc(s.except, func(a scimAttribute) bool { return a.name == name && a.sub == "" })
}

// of leaves of a resource what is shown. The id and the schemas always are (RFC
// 7643 §3.1).
func (s scimShown) of(form map[string]any) map[string]any {
	for name, value := range form {
		lower := strings.ToLower(name)
		if lower == "id" || lower == "schemas" {
			continue
		}
		if !s.has(lower) {
			delete(form, name)
			continue
		}
		switch v := value.(type) {
		case map[string]any:
			s.within(lower, v)
		case []map[string]any:
			for _, member := range v {
				s.within(lower, member)
			}
		}
	}
	return form
}

// within leaves of a complex attribute what is shown of it.
func (s scimShown) within(name string, members map[string]any) {
	whole := slices.ContainsFunc(s.only, func(a scimAttribute) bool { return a.name == name && a.sub == "" })
	for sub := range members {
		named := func(a scimAttribute) bool { return a.name == name && a.sub == strings.ToLower(sub) }
		if s.only != nil && !whole && !slices.ContainsFunc(s.only, named) || slices.ContainsFunc(s.except, named) {
			delete(members, sub)
		}
	}
}

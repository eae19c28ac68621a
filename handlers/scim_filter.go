package handlers

import (
	"encoding/json"
	"slices"
	"strings"
)

const (
	maxSCIMFilter = 2048 // bytes of a filter or a path
	maxSCIMTerms  = 16
	maxSCIMDepth  = 4 // of parentheses
)

// scimAttribute names an attribute, without its schema's URN and in lower case:
// names are not case-exact (RFC 7643 §2.1).
type scimAttribute struct {
	schema string // "" = none was written; also in lower case
	name   string
	sub    string // "" = none
}

// scimTerm is one comparison of a filter: attribute eq value, or attribute[…] for
// a member of a multi-valued attribute.
type scimTerm struct {
	scimAttribute
	value any        // string, bool, json.Number or nil
	inner scimFilter // instead of value
}

// scimFilter is a conjunction: all terms have to hold.
type scimFilter []scimTerm

// scimParser reads filters (RFC 7644 §3.4.2.2) and paths (§3.5.2), as far as they
// are made of eq, and, parentheses and brackets.
type scimParser struct {
	text  string
	at    int
	terms int
}

// parseSCIMFilter reads a filter; the error is a scimFault with invalidFilter.
func parseSCIMFilter(text string) (scimFilter, error) {
	p := scimParser{text: text}
	if len(text) > maxSCIMFilter {
		return nil, scimBad(scimInvalidFilter, "A filter has at most %d bytes.", maxSCIMFilter)
	}
	filter, why := p.conjunction(0, false)
	if why == "" && p.rest() != "" {
		why = "something is left behind the filter"
	}
	if why != "" {
		return nil, scimBad(scimInvalidFilter, "filter: %s. What is understood is attribute eq value, joined by and.", why)
	}
	return filter, nil
}

// scimPath is the target of a PATCH operation.
type scimPath struct {
	scimAttribute
	filter scimFilter // of the members meant; nil = the attribute as a whole
}

// parseSCIMPath reads a path; the error is a scimFault with invalidPath.
func parseSCIMPath(text string) (scimPath, error) {
	p := scimParser{text: text}
	if len(text) > maxSCIMFilter {
		return scimPath{}, scimBad(scimInvalidPath, "A path has at most %d bytes.", maxSCIMFilter)
	}
	var path scimPath
	attribute, why := p.attribute()
	path.scimAttribute = attribute
	if why == "" && p.take("[") {
		if path.filter, why = p.conjunction(1, true); why == "" && !p.take("]") {
			why = "a ] is missing"
		}
		if why == "" && strings.HasPrefix(p.text[p.at:], ".") {
			if p.at++; path.sub != "" {
				why = "there are two sub-attributes"
			} else if path.sub = strings.ToLower(p.name()); path.sub == "" {
				why = "a name is missing behind the last dot"
			}
		}
	}
	if why == "" && p.rest() != "" {
		why = "something is left behind the path"
	}
	if why != "" {
		return scimPath{}, scimBad(scimInvalidPath, "path: %s.", why)
	}
	return path, nil
}

func (p *scimParser) rest() string { return strings.Trim(p.text[p.at:], " ") }

func (p *scimParser) space() {
	for p.at < len(p.text) && p.text[p.at] == ' ' {
		p.at++
	}
}

// take passes over a sign, if it comes next.
func (p *scimParser) take(sign string) bool {
	p.space()
	if !strings.HasPrefix(p.text[p.at:], sign) {
		return false
	}
	p.at += len(sign)
	return true
}

// word passes over a keyword, if it comes next, in any case.
func (p *scimParser) word(keyword string) bool {
	p.space()
	end := p.at + len(keyword)
	if end > len(p.text) || !strings.EqualFold(p.text[p.at:end], keyword) || end < len(p.text) && isSCIMName(p.text[end]) {
		return false
	}
	p.at = end
	return true
}

func isSCIMName(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || c == '_' || c == '-' || c == '$'
}

// name reads the letters of a name; "" = there are none.
func (p *scimParser) name() string {
	start := p.at
	for p.at < len(p.text) && isSCIMName(p.text[p.at]) {
		p.at++
	}
	return p.text[start:p.at]
}

// attribute reads [URN:]name[.sub]. A URN has dots of its own, so that it ends at
// the last colon.
func (p *scimParser) attribute() (a scimAttribute, why string) {
	p.space()
	end := p.at
	for end < len(p.text) && (isSCIMName(p.text[end]) || p.text[end] == ':' || p.text[end] == '.') {
		end++
	}
	word := p.text[p.at:end]
	if colon := strings.LastIndexByte(word, ':'); colon >= 0 {
		a.schema, word = strings.ToLower(word[:colon]), word[colon+1:]
		if !strings.HasPrefix(a.schema, "urn:") {
			return a, "a schema is a URN"
		}
	}
	name, sub, dotted := strings.Cut(word, ".")
	if name == "" || dotted && sub == "" || strings.Contains(sub, ".") {
		return a, "the name of an attribute is expected"
	}
	p.at = end
	a.name, a.sub = strings.ToLower(name), strings.ToLower(sub)
	return a, ""
}

// conjunction reads terms joined by and.
func (p *scimParser) conjunction(depth int, bracketed bool) (filter scimFilter, why string) {
	for {
		terms, why := p.term(depth, bracketed)
		if why != "" {
			return nil, why
		}
		if filter = append(filter, terms...); !p.word("and") {
			return filter, ""
		}
	}
}

func (p *scimParser) term(depth int, bracketed bool) (terms scimFilter, why string) {
	if p.terms++; p.terms > maxSCIMTerms || depth > maxSCIMDepth {
		return nil, "it is too long or too deep"
	}
	if p.take("(") {
		terms, why = p.conjunction(depth+1, bracketed)
		if why == "" && !p.take(")") {
			why = "a ) is missing"
		}
		return terms, why
	}
	var t scimTerm
	if t.scimAttribute, why = p.attribute(); why != "" {
		return nil, why
	}
	if !bracketed && p.take("[") {
		if t.inner, why = p.conjunction(depth+1, true); why == "" && !p.take("]") {
			why = "a ] is missing"
		}
		return scimFilter{t}, why
	}
	if !p.word("eq") {
		return nil, "eq is the one comparison"
	}
	t.value, why = p.value()
	return scimFilter{t}, why
}

// value reads a JSON string, number, truth value or null.
func (p *scimParser) value() (value any, why string) {
	p.space()
	end := p.at
	if end < len(p.text) && p.text[end] == '"' {
		for end++; end < len(p.text) && p.text[end] != '"'; end++ {
			if p.text[end] == '\\' {
				end++
			}
		}
		if end++; end > len(p.text) {
			return nil, "a string does not end"
		}
	} else {
		for end < len(p.text) && !strings.ContainsRune(` )]`, rune(p.text[end])) {
			end++
		}
	}
	decoder := json.NewDecoder(strings.NewReader(p.text[p.at:end]))
	decoder.UseNumber()
	if err := decoder.Decode(&value); err != nil || decoder.More() {
		return nil, "a value is expected, a string in quotation marks"
	}
	switch value.(type) {
	case map[string]any, []any:
		return nil, "a value is expected, a string in quotation marks"
	}
	p.at = end
	return value, ""
}

// memberIs reports whether the filter of a multi-valued attribute means the one
// member that we keep: our kind of it, the primary one, with its present value.
func (f scimFilter) memberIs(kind string, value string) bool {
	for _, t := range f {
		switch text, _ := t.value.(string); {
		case t.sub != "" || t.inner != nil:
			return false
		case t.name == "type" && strings.EqualFold(text, kind):
		case t.name == "primary" && isSCIMTrue(t.value):
		case t.name == "value" && value != "" && strings.EqualFold(text, value):
		default:
			return false
		}
	}
	return true
}

// namesValue reports whether the filter asks for a member by its value.
func (f scimFilter) namesValue() bool {
	return slices.ContainsFunc(f, func(t scimTerm) bool { return t.name == "value" && t.sub == "" })
}

// isSCIMTrue is a truth value, which some directories write as a string.
func isSCIMTrue(value any) bool {
	truth, ok := scimTruth(value)
	return ok && truth
}

func scimTruth(value any) (truth, ok bool) {
	switch v := value.(type) {
	case bool:
		return v, true
	case string:
		return strings.EqualFold(v, "true"), strings.EqualFold(v, "true") || strings.EqualFold(v, "false")
	}
	return false, false
}

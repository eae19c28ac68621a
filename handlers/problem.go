package handlers

import (
	"encoding/json"
	"fmt"
	"strings"
)

// problem is the JSON form of a refusal (RFC 9457 §3), with the extension
// members reason and reference, and for a claim at fault path and expected.
type problem struct {
	Type      string `json:"type"`
	Title     string `json:"title"`
	Status    int    `json:"status"`
	Detail    string `json:"detail"`
	Reason    string `json:"reason"`
	Reference string `json:"reference"`
	Path      string `json:"path,omitempty"`
	Expected  string `json:"expected,omitempty"`
}

// problem encodes the ruling. The type is an identifier, not an address.
func (r ruling) problem(reference string) []byte {
	path, expected := r.claim()
	text, err := json.Marshal(problem{
		Type:      "urn:problem-type:usher:" + r.code,
		Title:     r.title,
		Status:    r.status,
		Detail:    r.advice(),
		Reason:    r.code,
		Reference: reference,
		Path:      path,
		Expected:  expected,
	})
	if err != nil {
		panic(fmt.Sprintf("a struct of strings does not encode: %v", err))
	}
	return text
}

// maxRanges is how many media ranges of an Accept header are looked at.
const maxRanges = 32

// prefersJSON reads the Accept header's lines (RFC 9110 §12.5.1) and says
// whether JSON, plain or as a problem, is wanted rather than HTML. The higher
// quality wins; between equals the one that is named more exactly; between
// equals again HTML, so that browsers and an absent header get a page.
// Malformed ranges are passed over.
func prefersJSON(lines []string) bool {
	html, jsonPlain, jsonProblem := preferences(lines)
	return jsonPlain.over(html) || jsonProblem.over(html)
}

// asksForPage reports whether the Accept header's lines name HTML and do not
// prefer JSON. Browsers that open a page do so; scripts and pictures do not.
func asksForPage(lines []string) bool {
	html, _, _ := preferences(lines)
	return html.exact == 3 && html.quality > 0 && !prefersJSON(lines)
}

// preferences reads the Accept header's lines.
func preferences(lines []string) (html, jsonPlain, jsonProblem preference) {
	ranges := 0
	for _, line := range lines {
		for item := range strings.SplitSeq(line, ",") {
			if ranges++; ranges > maxRanges {
				break
			}
			r, ok := parseRange(item)
			if !ok {
				continue
			}
			html.apply(r, "text", "html")
			jsonPlain.apply(r, "application", "json")
			jsonProblem.apply(r, "application", "problem+json")
		}
	}
	return html, jsonPlain, jsonProblem
}

// mediaRange is one item of an Accept header.
type mediaRange struct {
	kind, subtype string // lower case, "*" for any
	quality       int    // in thousandths, 0 to 1000
}

// preference is how much one media type is wanted.
type preference struct {
	quality int // 0: not acceptable, or not mentioned
	exact   int // 0: not mentioned, 1: by */*, 2: by type/*, 3: by name
}

// apply takes the range into account when it covers the type and is at least
// as exact as those seen before.
func (p *preference) apply(r mediaRange, kind, subtype string) {
	exact := 0
	switch {
	case r.kind == kind && r.subtype == subtype:
		exact = 3
	case r.kind == kind && r.subtype == "*":
		exact = 2
	case r.kind == "*" && r.subtype == "*":
		exact = 1
	default:
		return
	}
	if exact > p.exact || exact == p.exact && r.quality > p.quality {
		*p = preference{quality: r.quality, exact: exact}
	}
}

func (p preference) over(other preference) bool {
	if p.quality != other.quality {
		return p.quality > other.quality
	}
	return p.quality > 0 && p.exact > other.exact
}

// parseRange reads "type/subtype;parameter=value;q=0.8". Parameters other than
// q are ignored: none of the types we answer with has one that matters.
func parseRange(item string) (mediaRange, bool) {
	name, parameters, _ := strings.Cut(item, ";")
	kind, subtype, ok := strings.Cut(strings.ToLower(strings.Trim(name, " \t")), "/")
	if !ok || kind == "" || subtype == "" || strings.ContainsAny(kind+subtype, " \t/") {
		return mediaRange{}, false
	}
	if kind == "*" && subtype != "*" {
		return mediaRange{}, false
	}
	r := mediaRange{kind: kind, subtype: subtype, quality: 1000}
	for parameter := range strings.SplitSeq(parameters, ";") {
		key, value, _ := strings.Cut(strings.Trim(parameter, " \t"), "=")
		if !strings.EqualFold(key, "q") {
			continue
		}
		if r.quality, ok = parseQuality(value); !ok {
			return mediaRange{}, false
		}
		break
	}
	return r, true
}

// parseQuality reads a weight (RFC 9110 §12.4.2): 0 to 1 with at most three
// decimals, in thousandths.
func parseQuality(s string) (int, bool) {
	whole, decimals, _ := strings.Cut(s, ".")
	if whole != "0" && whole != "1" || len(decimals) > 3 {
		return 0, false
	}
	quality := 0
	for i := range 3 {
		digit := 0
		if i < len(decimals) {
			if decimals[i] < '0' || decimals[i] > '9' {
				return 0, false
			}
			digit = int(decimals[i] - '0')
		}
		quality = quality*10 + digit
	}
	if whole == "1" {
		return 1000, quality == 0
	}
	return quality, true
}

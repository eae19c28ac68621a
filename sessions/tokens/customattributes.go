package tokens

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"slices"
	"strings"
	"unicode"
)

// What custom attributes may be: they travel in every token, and tokens travel in
// headers.
const (
	maxAttributeBytes = 4 << 10 // of the object, without spaces
	maxAttributeNames = 50
	maxAttributeDepth = 5 // of objects and lists, the object itself included
	maxAttributeName  = 128
	fieldAttributes   = "custom_attributes"
)

// attributes are claims that a client adds to tokens: names and JSON values as
// they were sent, so that numbers keep their digits.
type attributes map[string]json.RawMessage

// readAttributes reads a JSON object of attributes that a client wants where these
// names are taken (see isFree). The error is an *Invalid.
func readAttributes(object json.RawMessage, taken []string) (attributes, error) {
	read, err := boundedAttributes(object)
	if err != nil {
		return nil, err
	}
	var numbers any // others fail to read what does not fit, and with it the token
	if json.Unmarshal(object, &numbers) != nil {
		return nil, invalid(fieldAttributes, "numbers up to 1.7e308, as 64 bits hold them (IEEE 754)")
	}
	var ours []string
	for name := range read {
		if name == "" || len(name) > maxAttributeName || name != strings.TrimSpace(name) || strings.ContainsFunc(name, isInvisible) {
			return nil, invalid(fieldAttributes, "names of 1 to %d bytes, in characters that are seen", maxAttributeName)
		}
		if !isFree(name, taken) {
			ours = append(ours, name)
		}
	}
	if len(ours) > 0 {
		slices.Sort(ours)
		return nil, invalid(fieldAttributes, "other names than those of claims about the token or the person, which are made here: %s", strings.Join(ours, ", "))
	}
	return read, nil
}

// boundedAttributes reads a JSON object that is no larger than attributes may be.
// The error is an *Invalid.
func boundedAttributes(object json.RawMessage) (attributes, error) {
	var compact bytes.Buffer
	var read attributes
	if json.Compact(&compact, object) != nil || json.Unmarshal(object, &read) != nil || read == nil {
		return nil, invalid(fieldAttributes, "an object")
	}
	if compact.Len() > maxAttributeBytes {
		return nil, invalid(fieldAttributes, "at most %d bytes of JSON", maxAttributeBytes)
	}
	if len(read) > maxAttributeNames {
		return nil, invalid(fieldAttributes, "at most %d names", maxAttributeNames)
	}
	if depthOf(object) > maxAttributeDepth {
		return nil, invalid(fieldAttributes, "at most %d levels of objects and lists", maxAttributeDepth)
	}
	return read, nil
}

func isInvisible(r rune) bool { return !unicode.IsPrint(r) }

// depthOf counts how deep objects and lists are in one another. It ends beyond
// maxAttributeDepth.
func depthOf(value json.RawMessage) int {
	decoder := json.NewDecoder(bytes.NewReader(value))
	deepest, depth := 0, 0
	for deepest <= maxAttributeDepth {
		token, err := decoder.Token()
		if errors.Is(err, io.EOF) || err != nil {
			break
		}
		switch token {
		case json.Delim('{'), json.Delim('['):
			depth++
			deepest = max(deepest, depth)
		case json.Delim('}'), json.Delim(']'):
			depth--
		}
	}
	return deepest
}

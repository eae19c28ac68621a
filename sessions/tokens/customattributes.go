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

// readAttributes reads a JSON object of attributes. The error is an *Invalid.
func readAttributes(object json.RawMessage) (attributes, error) {
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
	var ours []string
	for name := range read {
		if name == "" || len(name) > maxAttributeName || strings.ContainsFunc(name, unicode.IsControl) {
			return nil, invalid(fieldAttributes, "names of 1 to %d bytes without control characters", maxAttributeName)
		}
		if isOwnClaim(name) {
			ours = append(ours, name)
		}
	}
	if len(ours) > 0 {
		return nil, notTheirs(ours)
	}
	return read, nil
}

// notTheirs refuses attributes under names of claims that we make.
func notTheirs(names []string) *Invalid {
	slices.Sort(names)
	return invalid(fieldAttributes, "other names than those of claims that are made here: %s", strings.Join(names, ", "))
}

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

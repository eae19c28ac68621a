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

// readAttributes reads a JSON object of attributes that a client wants, in a tenant
// whose custom claims have these names. The error is an *Invalid.
func readAttributes(object json.RawMessage, custom []string) (attributes, error) {
	read, err := boundedAttributes(object)
	if err != nil {
		return nil, err
	}
	var ours []string
	for name := range read {
		if name == "" || len(name) > maxAttributeName || strings.ContainsFunc(name, unicode.IsControl) {
			return nil, invalid(fieldAttributes, "names of 1 to %d bytes without control characters", maxAttributeName)
		}
		if !isFree(name, custom) {
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

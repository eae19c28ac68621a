package handlers

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/gin-gonic/gin"

	"usher/provisioning"
)

// readSCIM takes a request's JSON object. Names of members are put into lower case,
// as they are not case-exact (RFC 7643 §2.1), and none is there twice. The error is
// a scimFault with invalidSyntax.
func readSCIM(c *gin.Context) (map[string]any, error) {
	body, err := io.ReadAll(c.Request.Body)
	if _, tooLarge := errors.AsType[*http.MaxBytesError](err); tooLarge {
		return nil, err
	} else if err != nil {
		return nil, scimBad(scimInvalidSyntax, "The body broke off.")
	}
	return parseSCIM(body)
}

func parseSCIM(body []byte) (map[string]any, error) {
	wrong := scimBad(scimInvalidSyntax, "The body is not one JSON object in UTF-8 without NUL characters and repeated members.")
	if !utf8.Valid(body) || bytes.Contains(body, []byte(`\u0000`)) || provisioning.CheckJSON(body) != nil {
		return nil, wrong
	}
	decoder := json.NewDecoder(bytes.NewReader(body))
	decoder.UseNumber()
	var tree any
	if decoder.Decode(&tree) != nil {
		return nil, wrong
	}
	lowered, ok := lowerNames(tree)
	object, isObject := lowered.(map[string]any)
	if !ok || !isObject {
		return nil, wrong
	}
	return object, nil
}

// lowerNames puts the names of all members into lower case; ok is false when two
// become one.
func lowerNames(value any) (lowered any, ok bool) {
	switch v := value.(type) {
	case map[string]any:
		members := make(map[string]any, len(v))
		for name, member := range v {
			name = strings.ToLower(name)
			if _, twice := members[name]; twice {
				return nil, false
			}
			if members[name], ok = lowerNames(member); !ok {
				return nil, false
			}
		}
		return members, true
	case []any:
		for i := range v {
			if v[i], ok = lowerNames(v[i]); !ok {
				return nil, false
			}
		}
	}
	return value, true
}

// speaks refuses a body that is of another schema.
func speaks(body map[string]any, schema string) error {
	schemas, _ := body["schemas"].([]any)
	if !slices.ContainsFunc(schemas, func(s any) bool {
		text, _ := s.(string)
		return strings.EqualFold(text, schema)
	}) {
		return scimBad(scimInvalidSyntax, "schemas: a list with %s is expected.", schema)
	}
	return nil
}

// scimText is a string, or null for none.
func scimText(attribute string, value any) (string, error) {
	switch v := value.(type) {
	case nil:
		return "", nil
	case string:
		return v, nil
	}
	return "", scimBad(scimInvalidValue, "%s: a string is expected.", inSCIMCase(attribute))
}

// inSCIMCase writes the name of an attribute, which has been put into lower case,
// as RFC 7643 does.
func inSCIMCase(attribute string) string { return scimCase.Replace(attribute) }

var scimCase = strings.NewReplacer(
	"username", "userName", "externalid", "externalId", "displayname", "displayName", "phonenumbers", "phoneNumbers",
	"givenname", "givenName", "familyname", "familyName",
)

// scimMembers are the values of a multi-valued attribute: a list of objects, one
// object, or null for none.
func scimMembers(attribute string, value any) ([]map[string]any, error) {
	if value == nil {
		return nil, nil
	}
	list, isList := value.([]any)
	if !isList {
		list = []any{value}
	}
	var members []map[string]any
	for _, item := range list {
		member, ok := item.(map[string]any)
		if !ok {
			return nil, scimBad(scimInvalidValue, "%s: objects are expected.", inSCIMCase(attribute))
		}
		members = append(members, member)
	}
	return members, nil
}

// chosenValue is the value of the one member of a multi-valued attribute that we
// keep: the primary one, else the first of our kind, else the first. "" = there is
// none.
func chosenValue(attribute, kind string, members []map[string]any) (string, error) {
	best, chosen := -1, ""
	for _, m := range members {
		value, err := scimText(attribute+".value", m["value"])
		if err != nil {
			return "", err
		}
		rank := 0
		if text, _ := m["type"].(string); strings.EqualFold(text, kind) {
			rank = 1
		}
		if isSCIMTrue(m["primary"]) {
			rank = 2
		}
		if value != "" && rank > best {
			best, chosen = rank, value
		}
	}
	return chosen, nil
}

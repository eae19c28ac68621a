package handlers

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	"github.com/gin-gonic/gin"

	"usher/provisioning"
)

// MaxJSON is the most that a request's JSON may have, in bytes.
const MaxJSON = 128 << 10

// ReadJSON takes a request's JSON object: one, with no unknown and no repeated
// members, and nothing after it. The error is a Fault with BadRequest.
func ReadJSON(c *gin.Context, into any) error {
	body, err := readJSONBody(c)
	if err != nil {
		return err
	}
	if name, strange := strangeMember(body); strange {
		return badRequest("There is no field %q here.", name)
	}
	decoder := json.NewDecoder(bytes.NewReader(body))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(into); err != nil {
		var wrong *json.UnmarshalTypeError
		var invalid *provisioning.Invalid // from a member that reads itself
		switch {
		case errors.As(err, &invalid):
			return badRequest("%s.", invalid)
		case errors.As(err, &wrong):
			// The decoder names the structs that fields are gathered in as well.
			field := wrong.Field[strings.LastIndexByte(wrong.Field, '.')+1:]
			return badRequest("%s: a value of another type is expected there.", field)
		case strings.HasPrefix(err.Error(), "json: unknown field "):
			return badRequest("There is no field %s here.", strings.TrimPrefix(err.Error(), "json: unknown field "))
		}
		return badRequest("The body is not the JSON object that is expected here.")
	}
	return nil
}

// readJSONBody takes a request's body, which is one JSON object in the strict form
// of provisioning.CheckJSON. The error is a Fault with BadRequest.
func readJSONBody(c *gin.Context) ([]byte, error) {
	body, err := io.ReadAll(io.LimitReader(c.Request.Body, MaxJSON+1))
	if err != nil || len(body) > MaxJSON {
		return nil, badRequest("The body is longer than %d bytes, or it broke off.", MaxJSON)
	}
	if !utf8.Valid(body) || bytes.Contains(body, []byte(`\u0000`)) {
		return nil, badRequest("The body is not valid UTF-8, or it has a NUL character.")
	}
	if err := provisioning.CheckJSON(body); err != nil {
		return nil, badRequest("The body is not one JSON object without repeated members.")
	}
	return body, nil
}

// strangeMember finds a member whose name is not written as all of ours are.
// The decoder would take "NAME" for "name", and both at once for one.
func strangeMember(body []byte) (name string, strange bool) {
	var members map[string]json.RawMessage
	if json.Unmarshal(body, &members) != nil {
		return "", false // no object: the decoder says so
	}
	for name := range members {
		if strings.Trim(name, "abcdefghijklmnopqrstuvwxyz_") != "" {
			return name, true
		}
	}
	return "", false
}

func badRequest(text string, args ...any) error {
	return &Fault{Code: BadRequest, Public: fmt.Sprintf(text, args...)}
}

package handlers

import (
	"encoding/json"

	"github.com/gin-gonic/gin"
)

// v0Members are the members of a request's JSON object in the second wire form.
// Those that nobody asks for are passed over: old clients send more.
type v0Members map[string]json.RawMessage

func readV0Members(c *gin.Context) (v0Members, error) {
	body, err := readJSONBody(c)
	if err != nil {
		return nil, err
	}
	return parseV0Members(body)
}

func parseV0Members(body []byte) (v0Members, error) {
	var members v0Members
	if json.Unmarshal(body, &members) != nil {
		return nil, badRequest("The body is not the JSON object that is expected here.")
	}
	return members, nil
}

// text is a member that is text; "" when it is null or not there.
func (m v0Members) text(name string) (string, error) {
	var text string
	if value := m[name]; value != nil && json.Unmarshal(value, &text) != nil {
		return "", badRequest("%s: text is expected there.", name)
	}
	return text, nil
}

// v0Wish is what POST /api/v0/token/:api_key_id asks for.
type v0Wish struct {
	grantType string
	refresh   string // "" = the cookie's
	code      string
	redirect  string
	verifier  string
}

// wish reads one. An address to return to may be spelt in two ways.
func (m v0Members) wish() (v0Wish, error) {
	var w v0Wish
	var other string
	for name, into := range map[string]*string{
		"grant_type": &w.grantType, "refresh_token": &w.refresh, "code": &w.code,
		"redirect_uri": &w.redirect, "redirect_url": &other, "code_verifier": &w.verifier,
	} {
		text, err := m.text(name)
		if err != nil {
			return v0Wish{}, err
		}
		*into = text
	}
	if w.redirect != "" && other != "" && w.redirect != other {
		return v0Wish{}, badRequest("redirect_uri and redirect_url are not the same.")
	}
	if w.redirect == "" {
		w.redirect = other
	}
	return w, nil
}

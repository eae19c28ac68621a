package handlers

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"github.com/gin-gonic/gin"
)

func oauthFault(code Code, text string) *Fault { return &Fault{Code: code, Public: text} }

// oauthError is the JSON form of an error of a token endpoint (RFC 6749 §5.2),
// with the reference that the log knows.
type oauthError struct {
	Error       string `json:"error"`
	Description string `json:"error_description"`
	Reference   string `json:"reference"`
}

// oauthError encodes the ruling.
func (r ruling) oauthError(reference string) []byte {
	text, err := json.Marshal(oauthError{Error: r.code, Description: describable(r.advice()), Reference: reference})
	if err != nil {
		panic(fmt.Sprintf("a struct of strings does not encode: %v", err))
	}
	return text
}

// describable is text in the characters that error_description may have:
// printable ASCII without quotation mark and backslash.
func describable(text string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == '“' || r == '”' || r == '"':
			return '\''
		case r < 0x20 || r > 0x7e || r == '\\':
			return -1
		}
		return r
	}, text)
}

// WrapOAuth is Wrap for a token endpoint: its errors have the form that clients
// of such endpoints read.
func (h *HTTP) WrapOAuth(handle Handler) gin.HandlerFunc {
	return func(c *gin.Context) {
		c.Header("Pragma", "no-cache") // RFC 6749 §5.1 asks for it beside Cache-Control
		if err := handle(c); err != nil {
			h.answer(c, err, asOAuth)
		}
	}
}

// oauthForm reads the form of a token endpoint: parameters stand in the body, and
// none is there twice (RFC 6749 §3.2).
func oauthForm(r *http.Request) (url.Values, error) {
	if r.URL.RawQuery != "" {
		return nil, oauthFault(OAuthInvalidRequest, "Parameters stand in the body, not in the address.")
	}
	form, err := readForm(r)
	if err != nil {
		return nil, oauthFault(OAuthInvalidRequest, "The body is a form: application/x-www-form-urlencoded.")
	}
	for name, values := range form {
		if len(values) > 1 {
			return nil, oauthFault(OAuthInvalidRequest, fmt.Sprintf("The parameter %s is there more than once.", clipped(name)))
		}
	}
	return form, nil
}

// clipped is a parameter's name as far as it is worth repeating.
func clipped(name string) string {
	if len(name) > 40 {
		return name[:40]
	}
	return name
}

package handlers

import (
	"encoding/json"
	"fmt"

	"github.com/gin-gonic/gin"
)

// v0Message is how clients of the second wire form read a refusal. Reason and
// Reference are for people who look into it.
type v0Message struct {
	Message   string `json:"msg"`
	Reason    string `json:"reason"`
	Reference string `json:"reference"`
}

// message encodes the ruling.
func (r ruling) message(reference string) []byte {
	text, err := json.Marshal(v0Message{Message: r.title + ". " + r.advice(), Reason: r.code, Reference: reference})
	if err != nil {
		panic(fmt.Sprintf("a struct of strings does not encode: %v", err))
	}
	return text
}

// WrapV0 is Wrap for the addresses of the second wire form.
func (h *HTTP) WrapV0(handle Handler) gin.HandlerFunc {
	return func(c *gin.Context) {
		c.Header("Pragma", "no-cache") // RFC 6749 §5.1 asks for it beside Cache-Control
		if err := handle(c); err != nil {
			h.answer(c, err, asMessage)
		}
	}
}

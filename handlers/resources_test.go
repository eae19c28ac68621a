package handlers

import (
	"bytes"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/gin-gonic/gin"
)

// FuzzResourceBody: a body is taken only when it is one object whose members are
// known, there once, and spelt exactly as ours; what it says is what was read.
func FuzzResourceBody(f *testing.F) {
	for _, seed := range []string{
		`{"kind":"vote","id":"1","title":"T","restricted":true,"content":{"url":"https://content.example/"}}`,
		`{"title":"T","content":null}`, `{"title":"T","Title":"U"}`, `{"content":{"URL":"x"}}`, `{"content":{"url":"a","url":"b"}}`, `[]`, `null`,
		`{"content":{"url":7}}`, `{"kınd":"x"}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		c, _ := gin.CreateTestContext(httptest.NewRecorder())
		c.Request = httptest.NewRequest(http.MethodPost, "/", bytes.NewReader(body))
		var read resourceBody
		if err := ReadJSON(c, &read); err != nil {
			if _, ok := err.(*Fault); !ok { //nolint:errorlint // it is never wrapped
				t.Errorf("%q: got error %v, want a Fault", body, err)
			}
			return
		}
		var members map[string]json.RawMessage
		if err := json.Unmarshal(body, &members); err != nil {
			t.Fatalf("%q was taken, and is no object: %v", body, err)
		}
		for name := range members {
			switch name {
			case "kind", "id", "title", "restricted", "content":
			default:
				t.Errorf("%q was taken with the member %q", body, name)
			}
		}
		if content, there := members["content"]; there && string(content) != "null" {
			var exact map[string]string
			if err := json.Unmarshal(content, &exact); err != nil || len(exact) != 1 || read.Content.URL == nil || *read.Content.URL != exact["url"] {
				t.Errorf("%q: got the URL %v, want %v", body, read.Content.URL, exact)
			}
		}
		if (read.Content.URL != nil) != (members["content"] != nil) {
			t.Errorf("%q: got content %v", body, read.Content.URL)
		}
	})
}

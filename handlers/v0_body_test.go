package handlers

import (
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/gin-gonic/gin"

	"usher/sessions/tokens"
)

// FuzzV0Body: whatever is sent in the second wire form is read as it stands there,
// or refused as a bad request.
func FuzzV0Body(f *testing.F) {
	for _, seed := range []string{
		`{"grant_type":"refresh_token","refresh_token":"x"}`, `{"grant_type":"authorization_code","code":"c","redirect_url":"https://a"}`,
		`{"redirect_uri":"a","redirect_url":"b"}`, `{"refresh_token":null}`, `{"refresh_token":1}`, `{"GRANT_TYPE":"x"}`, `{"grant_type":"x","grant_type":"y"}`,
		`[]`, ``, `{"token":"t","custom_attributes":{"a":{"b":[1]}},"refresh_token":""}`, "{\"token\":\"\xff\"}",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, body string) {
		refused := func(err error) bool {
			fault, is := errors.AsType[*Fault](err)
			if err != nil && (!is || fault.Code != BadRequest) {
				t.Fatalf("got error %v, want a bad request", err)
			}
			return err != nil
		}
		c, _ := gin.CreateTestContext(httptest.NewRecorder())
		c.Request = httptest.NewRequest(http.MethodPost, "/", strings.NewReader(body))
		members, err := readV0Members(c)
		if refused(err) {
			return
		}
		var plain map[string]any
		if err := json.Unmarshal([]byte(body), &plain); err != nil {
			t.Fatalf("got %v read of what is no JSON: %v", members, err)
		}
		wish, err := members.wish()
		if refused(err) {
			return
		}
		for name, got := range map[string]string{"grant_type": wish.grantType, "refresh_token": wish.refresh, "code": wish.code, "code_verifier": wish.verifier} {
			if want, _ := plain[name].(string); got != want {
				t.Fatalf("got %s %q, want %q", name, got, want)
			}
		}
		for _, name := range []string{"redirect_uri", "redirect_url"} {
			if sent, _ := plain[name].(string); sent != "" && sent != wish.redirect {
				t.Fatalf("got address %q, want %s %q", wish.redirect, name, sent)
			}
		}
	})
}

func TestFromPageOf(t *testing.T) {
	t.Parallel()
	client := tokens.Client{RedirectURIs: []string{"https://lumen.example/back", "http://localhost:3000/back", "com.example.app:/back", "https://lumen.example:443/more"}}
	for origin, want := range map[string]bool{
		"https://lumen.example": true, "http://localhost:3000": true, "": false, "null": false, "com.example.app://": false,
		"http://lumen.example": false, "https://lumen.example/": false, "https://LUMEN.example": false, "https://evil.example": false,
		"https://lumen.example:443": false, "http://localhost": false, "https://lumen.example https://evil.example": false,
	} {
		r := httptest.NewRequest(http.MethodPost, "/", http.NoBody)
		r.Header.Set("Origin", origin)
		if got := fromPageOf(client, r); got != want {
			t.Errorf("%q: got %v, want %v", origin, got, want)
		}
	}
	two := httptest.NewRequest(http.MethodPost, "/", http.NoBody)
	two.Header["Origin"] = []string{"https://lumen.example", "https://lumen.example"}
	if fromPageOf(client, two) || fromPageOf(client, httptest.NewRequest(http.MethodPost, "/", http.NoBody)) {
		t.Error("got a page of the client without one origin")
	}
}

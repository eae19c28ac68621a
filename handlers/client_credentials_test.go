package handlers

import (
	"encoding/base64"
	"errors"
	"net/http"
	"net/url"
	"testing"
	"unicode/utf8"
)

func basicLine(text string) string { return "Basic " + base64.StdEncoding.EncodeToString([]byte(text)) }

func TestReadClientCredentials(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		lines []string
		form  string
		want  clientCredentials
		code  Code // "" = accepted
	}{
		"basic":               {[]string{basicLine("app:secret")}, "", clientCredentials{"app", "secret"}, ""},
		"encoded":             {[]string{basicLine("a%3Ab:s%20+%C3%A9%25")}, "", clientCredentials{"a:b", "s  é%"}, ""},
		"colons":              {[]string{basicLine("app:a:b")}, "", clientCredentials{"app", "a:b"}, ""},
		"form":                {nil, "client_id=app&client_secret=s%2B", clientCredentials{"app", "s+"}, ""},
		"both, same id":       {[]string{basicLine("app:secret")}, "client_id=app", clientCredentials{"app", "secret"}, ""},
		"both, other id":      {[]string{basicLine("app:secret")}, "client_id=other", clientCredentials{}, OAuthInvalidRequest},
		"both secrets":        {[]string{basicLine("app:secret")}, "client_secret=", clientCredentials{}, OAuthInvalidRequest},
		"two lines":           {[]string{basicLine("app:secret"), basicLine("app:secret")}, "", clientCredentials{}, OAuthInvalidRequest},
		"nothing":             {nil, "", clientCredentials{}, OAuthInvalidClient},
		"id alone":            {nil, "client_id=app", clientCredentials{}, OAuthInvalidClient},
		"secret alone":        {nil, "client_secret=secret", clientCredentials{}, OAuthInvalidClient},
		"no id in basic":      {[]string{basicLine(":secret")}, "", clientCredentials{}, OAuthInvalidClient},
		"bearer":              {[]string{"Bearer x"}, "", clientCredentials{}, OAuthInvalidClient},
		"scheme alone":        {[]string{"Basic"}, "", clientCredentials{}, OAuthInvalidClient},
		"base64 of another":   {[]string{"Basic YXBwOnNlY3JldA"}, "", clientCredentials{}, OAuthInvalidClient}, // without padding
		"not UTF-8":           {[]string{basicLine("app:\xff")}, "", clientCredentials{}, OAuthInvalidClient},
		"percent sign":        {[]string{basicLine("app:50%")}, "", clientCredentials{}, OAuthInvalidClient},
		"secret of 5000 byte": {[]string{basicLine("app:" + string(make([]byte, 5000)))}, "", clientCredentials{}, OAuthInvalidClient},
	} {
		form, err := url.ParseQuery(test.form)
		if err != nil {
			t.Fatal(err)
		}
		got, err := readClientCredentials(http.Header{"Authorization": test.lines}, form)
		fault, _ := errors.AsType[*Fault](err)
		switch {
		case test.code == "" && (err != nil || got != test.want):
			t.Errorf("%s: got %+v, error %v, want %+v", name, got, err, test.want)
		case test.code != "" && (fault == nil || fault.Code != test.code || got != clientCredentials{}):
			t.Errorf("%s: got %+v, error %v, want %s", name, got, err, test.code)
		}
	}
}

// FuzzClientCredentials: whatever is sent, either a client with both halves comes
// out, or one of two faults that do not quote what was sent.
func FuzzClientCredentials(f *testing.F) {
	f.Add(basicLine("app:secret"), "")
	f.Add("", "client_id=app&client_secret=secret")
	f.Add("basic  "+base64.StdEncoding.EncodeToString([]byte("a%3A:%zz")), "client_id=%41")
	f.Fuzz(func(t *testing.T, line, body string) {
		form, err := url.ParseQuery(body)
		if err != nil {
			return
		}
		header := http.Header{}
		if line != "" {
			header.Set("Authorization", line)
		}
		got, err := readClientCredentials(header, form)
		if err == nil {
			if got.id == "" || got.secret == "" || !utf8.ValidString(got.id+got.secret) {
				t.Errorf("got %+v of %q and %q, want both halves or an error", got, line, body)
			}
			if line != "" && form.Has("client_secret") {
				t.Errorf("got %+v though the secret came twice", got)
			}
			return
		}
		fault, ok := errors.AsType[*Fault](err)
		if !ok || (fault.Code != OAuthInvalidClient && fault.Code != OAuthInvalidRequest) || got != (clientCredentials{}) {
			t.Errorf("got %+v, error %v, want a fault of the client", got, err)
		}
	})
}

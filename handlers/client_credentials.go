package handlers

import (
	"encoding/base64"
	"net/http"
	"net/url"
	"strings"
	"unicode/utf8"
)

// clientCredentials are how a server says who it is (RFC 6749 §2.3.1): a partner's
// by its app id, a client by its client id, an API connection by its name.
type clientCredentials struct{ id, secret string }

const (
	maxClientIDBytes     = 128
	maxClientSecretBytes = 4096
)

// readClientCredentials takes the id and the secret from the Authorization
// header or from the form, and refuses both at once: which of two were to count?
// The error is a Fault with OAuthInvalidRequest or OAuthInvalidClient and quotes
// neither.
func readClientCredentials(header http.Header, form url.Values) (clientCredentials, error) {
	id, secret := form.Get("client_id"), form.Get("client_secret")
	lines := header.Values("Authorization")
	switch {
	case len(lines) > 1:
		return clientCredentials{}, oauthFault(OAuthInvalidRequest, "Send one Authorization header.")
	case len(lines) == 0 && secret == "":
		return clientCredentials{}, oauthFault(OAuthInvalidClient, "Send the id and the secret: as HTTP Basic, or as client_id and client_secret.")
	case len(lines) == 0:
		return clientCredentials{id, secret}.checked()
	case form.Has("client_secret"):
		return clientCredentials{}, oauthFault(OAuthInvalidRequest, "Send the secret once: as HTTP Basic or as client_secret.")
	}
	basic, err := readBasic(lines[0])
	if err == nil && form.Has("client_id") && id != basic.id {
		err = oauthFault(OAuthInvalidRequest, "client_id is another one than that of HTTP Basic.")
	}
	if err != nil {
		return clientCredentials{}, err
	}
	return basic.checked()
}

// readBasic reads HTTP Basic (RFC 7617) whose two halves were encoded as in a
// form (RFC 6749 §2.3.1), so that a colon or a byte beyond ASCII cannot get lost.
func readBasic(line string) (clientCredentials, error) {
	scheme, encoded, _ := strings.Cut(line, " ")
	if !strings.EqualFold(scheme, "Basic") {
		return clientCredentials{}, oauthFault(OAuthInvalidClient, "The scheme of the Authorization header is Basic here.")
	}
	text, err := base64.StdEncoding.Strict().DecodeString(strings.Trim(encoded, " "))
	id, secret, found := strings.Cut(string(text), ":")
	if err != nil || !found {
		return clientCredentials{}, oauthFault(OAuthInvalidClient, "HTTP Basic holds the id, a colon and the secret in base64.")
	}
	var decoded clientCredentials
	if decoded.id, err = url.QueryUnescape(id); err == nil {
		decoded.secret, err = url.QueryUnescape(secret)
	}
	if err != nil {
		return clientCredentials{}, oauthFault(OAuthInvalidClient, "The id and the secret are encoded as in a form before they are joined: a percent sign is %25.")
	}
	return decoded, nil
}

// checked refuses what no client can have.
func (k clientCredentials) checked() (clientCredentials, error) {
	if k.id == "" || len(k.id) > maxClientIDBytes || !utf8.ValidString(k.id) ||
		k.secret == "" || len(k.secret) > maxClientSecretBytes || !utf8.ValidString(k.secret) {
		return clientCredentials{}, &Fault{Code: OAuthInvalidClient}
	}
	return k, nil
}

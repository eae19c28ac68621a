//go:build linux

package faults

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"testing"
	"time"
)

// asked are two access tokens about which an API has asked, so that the answers
// are remembered. One of them was revoked then.
type asked struct {
	*ledger
	at            *tenant
	authorization string // of the API
	live, revoked string
}

const formHeader = "Content-Type: application/x-www-form-urlencoded"

// revokes has an API of each tenant ask about tokens, and then revokes one of two.
func (l *ledger) revokes(t *testing.T) (all []*asked) {
	t.Helper()
	for _, at := range l.tenants {
		var api struct{ Secret string }
		l.admin(t, at.host, "/api-connections", map[string]any{"name": "library"}, &api)
		var client struct {
			ID     string `json:"client_id"`
			Secret string `json:"client_secret"`
		}
		l.admin(t, at.host, "/clients", map[string]any{
			"name": "Catalogue", "access_token_format": "reference", "grants": []string{"client_credentials"}, "api_scopes": []string{"library"},
		}, &client)
		k := &asked{ledger: l, at: at, authorization: "Basic " + base64.StdEncoding.EncodeToString([]byte("library:"+api.Secret))}
		own := url.Values{"client_id": {client.ID}, "client_secret": {client.Secret}}
		for _, token := range []*string{&k.live, &k.revoked} {
			own.Set("grant_type", "client_credentials")
			a := l.send(http.MethodPost, at.host, "/connect/token", own.Encode(), formHeader)
			var made struct {
				AccessToken string `json:"access_token"`
			}
			if err := json.Unmarshal([]byte(a.body), &made); err != nil || made.AccessToken == "" {
				t.Fatalf("got %v, want an access token", a)
			}
			*token = made.AccessToken
			if active, err := k.active(made.AccessToken); err != nil || !active {
				t.Fatalf("got active %v, %v, want a live token", active, err)
			}
		}
		own.Set("token", k.revoked)
		if a := l.send(http.MethodPost, at.host, "/connect/revocation", own.Encode(), formHeader); a.status != http.StatusOK {
			t.Fatalf("got %v, want a token revoked", a)
		}
		all = append(all, k)
	}
	return all
}

// active asks what a token is worth (RFC 7662 §2).
func (k *asked) active(token string) (bool, error) {
	a := k.send(http.MethodPost, k.at.host, "/connect/introspect", url.Values{"token": {token}}.Encode(),
		formHeader, "Authorization: "+k.authorization)
	if a.status != http.StatusOK {
		return false, fmt.Errorf("%v", a)
	}
	var said struct{ Active bool }
	return said.Active, json.Unmarshal([]byte(a.body), &said)
}

// hold asks about both again: the one is dead, the other alive.
func (k *asked) hold(t *testing.T) {
	t.Helper()
	for token, want := range map[string]bool{k.live: true, k.revoked: false} {
		var got bool
		eventually(t, 30*time.Second, "an answer about a token", func() (err error) {
			got, err = k.active(token)
			return err
		})
		if got != want {
			k.violate("a token of %s: got active %v, want %v", k.at.host, got, want)
			t.Errorf("a token of %s: got active %v, want %v", k.at.host, got, want)
		}
	}
}

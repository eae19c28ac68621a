package main

import (
	"context"
	"encoding/base64"
	"fmt"
	"net/http"
	"net/url"
	"time"
)

const (
	// tokenPath gives clients tokens (handlers.ConnectTokenPath), and
	// introspectPath says what one is worth (handlers.ConnectIntrospectPath).
	tokenPath      = "/connect/token"
	introspectPath = "/connect/introspect"
	// benchAPI is the API connection that asks, and its only scope.
	benchAPI = "bench"
	// introspected is how many tokens of each format are asked about in turn, each
	// another person's.
	introspected = 256
	// grantAssertion exchanges a partner's token for one of ours (RFC 7523 §2.1).
	grantAssertion = "urn:ietf:params:oauth:grant-type:jwt-bearer"
)

// introspection is what an API asks with.
type introspection struct {
	authorization string              // of the API connection
	questions     map[string][]string // by access-token format: forms
}

// prepareIntrospection makes an API connection and, for each format of access
// tokens, a client with tokens of people.
func (u *usher) prepareIntrospection(ctx context.Context, people span) (introspection, error) {
	var api struct{ Name, Secret string }
	if err := u.post(ctx, "/admin/api/v1/api-connections", map[string]any{"name": benchAPI}, &api); err != nil {
		return introspection{}, err
	}
	in := introspection{authorization: basic(api.Name, api.Secret), questions: map[string][]string{}}
	for _, format := range []string{"jwt", "reference"} {
		var client struct {
			ID     string `json:"client_id"`
			Secret string `json:"client_secret"`
		}
		err := u.post(ctx, "/admin/api/v1/clients", map[string]any{
			"name": "Benchmark " + format, "access_token_format": format, "access_token_life": 86400,
			"grants": []string{grantAssertion}, "api_scopes": []string{benchAPI},
		}, &client)
		if err != nil {
			return introspection{}, err
		}
		for i := range min(introspected, people.Count) {
			token, err := u.accessToken(ctx, basic(client.ID, client.Secret), people.First+i)
			if err != nil {
				return introspection{}, err
			}
			in.questions[format] = append(in.questions[format], url.Values{"token": {token}}.Encode())
		}
	}
	return in, nil
}

// accessToken exchanges a person's token for an access token.
func (u *usher) accessToken(ctx context.Context, authorization string, number int) (string, error) {
	form := url.Values{
		"grant_type": {grantAssertion}, "scope": {benchAPI},
		"assertion": {u.Signer.token(person, number, usual, time.Now().Unix())},
	}
	var made struct {
		AccessToken string `json:"access_token"`
	}
	err := u.call(ctx, http.MethodPost, tokenPath, authorization, formType, []byte(form.Encode()), http.StatusOK, &made)
	if err == nil && made.AccessToken == "" {
		err = fmt.Errorf("%s: an answer without a token", tokenPath)
	}
	return made.AccessToken, err
}

func basic(id, secret string) string {
	return "Basic " + base64.StdEncoding.EncodeToString([]byte(url.QueryEscape(id)+":"+url.QueryEscape(secret)))
}

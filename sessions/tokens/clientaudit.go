package tokens

import (
	"reflect"
	"time"

	"usher/sql/store"
)

// clientDetail is what the audit log says of a client's settings: of its keys
// their fingerprints.
func clientDetail(c Client) map[string]any {
	detail := map[string]any{"client_id": c.ClientID, "kind": c.Kind}
	if c.User != "" {
		detail["user_id"] = c.User
	}
	for name, value := range clientAudited(c) {
		detail[name] = value
	}
	return detail
}

// clientAudited are the settings of a client that can change.
func clientAudited(c Client) map[string]any {
	return map[string]any{
		"name":                      c.Name,
		"public":                    c.Public,
		"jwks":                      thumbprints(c.Keys),
		"redirect_uris":             listed(c.RedirectURIs),
		"post_logout_redirect_uris": listed(c.PostLogoutURIs),
		"integration":               c.Integration,
		"ask_consent":               c.AskConsent,
		"browser_tokens":            c.BrowserTokens,
		"grants":                    listed(c.Grants),
		"api_scopes":                listed(c.APIScopes),
		"identity_scopes":           listed(c.IdentityScopes),
		"required_claims":           listed(c.RequiredClaims),
		"access_token_format":       c.AccessTokenFormat,
		"access_token_life":         int64(c.AccessTokenLife / time.Second),
		"code_life":                 int64(c.CodeLife / time.Second),
		"identity_token_algorithm":  c.IdentityTokenAlg,
		"identity_token_life":       int64(c.IdentityTokenLife / time.Second),
		"refresh_life":              int64(c.RefreshLife / time.Second),
		"refresh_idle":              int64(c.RefreshIdle / time.Second),
		"rate":                      store.OwnRate(c.Rate),
		"disabled":                  c.Disabled,
	}
}

// listed is a list that JSON writes as one, also when it is empty.
func listed(list []string) []string { return append([]string{}, list...) }

// clientDifferences are what a change did, for the audit log.
func clientDifferences(a, b Client) map[string]any {
	detail := map[string]any{}
	before := clientAudited(a)
	for name, to := range clientAudited(b) {
		if from := before[name]; !reflect.DeepEqual(from, to) {
			detail[name] = map[string]any{"from": from, "to": to}
		}
	}
	return detail
}

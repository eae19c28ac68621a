package main

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"usher/handlers"
	"usher/sessions/tokens"
)

// maxKeyFile bounds what is read of a file with keys; what is longer is refused
// where keys are looked at.
const maxKeyFile = 64 << 10

// clientFlags are the settings of a client on the command line. What the service
// accepts of them, it says itself.
type clientFlags struct {
	user                                                string
	name, format, algorithm, integration, keys          string
	grants, scopes, identity, required                  []string
	redirects, postLogout                               []string
	life, code, idToken, refresh, idle                  time.Duration
	rate                                                int64
	public, askConsent, browserTokens, disabled, asJSON bool
}

// on defines the flags that add and change have in common.
func (f *clientFlags) on(c *cobra.Command) {
	c.Flags().StringVar(&f.name, "name", "", "what people call it, 1 to 100 characters")
	c.Flags().BoolVar(&f.public, "public", false, "it has no secret, as an app on somebody's own machine")
	c.Flags().StringVar(&f.keys, "jwks", "", "a file with the public keys with which it signs, as a JSON Web Key Set; \"\" = none")
	c.Flags().StringArrayVar(&f.redirects, "redirect-uri", nil, "where people come back to it; repeat it for several, \"\" = none")
	c.Flags().StringArrayVar(&f.postLogout, "post-logout-uri", nil, "where people may be sent when they have signed out; the same")
	c.Flags().StringVar(&f.integration, "integration", "", "the id of the one to whose sign-in page people are sent; \"\" = as /auth/start decides")
	c.Flags().BoolVar(&f.askConsent, "ask-consent", false, "ask people before it gets a token for them")
	c.Flags().BoolVar(&f.browserTokens, "browser-tokens", false, "let its own pages get tokens without the secret, at /api/v0/token")
	c.Flags().StringSliceVar(&f.grants, "grant", nil, "what it may do, several with commas between them: "+strings.Join(grantWords(), ", "))
	c.Flags().StringSliceVar(&f.scopes, "scope", nil, "an API scope that it may ask for; several with commas between them")
	c.Flags().StringSliceVar(&f.identity, "identity-scope", nil, "an identity scope that it may ask for; the same")
	c.Flags().StringSliceVar(&f.required, "required-claim", nil, "a custom claim that a person must have; the same")
	c.Flags().StringVar(&f.format, "format", tokens.FormatJWT, "of its access tokens: "+strings.Join(tokens.Formats(), ", "))
	c.Flags().DurationVar(&f.life, "life", tokens.DefaultAccessTokenLife, "how long its access tokens are good, 1m to 24h")
	c.Flags().DurationVar(&f.code, "code-life", tokens.DefaultCodeLife, "how long its codes are good, 30s to 10m")
	c.Flags().StringVar(&f.algorithm, "identity-token-algorithm", tokens.Algorithms()[0], "which signs its identity tokens: "+strings.Join(tokens.Algorithms(), ", "))
	c.Flags().DurationVar(&f.idToken, "identity-token-life", tokens.DefaultIdentityTokenLife, "how long its identity tokens are good, 1m to 24h")
	c.Flags().DurationVar(&f.refresh, "refresh-life", tokens.DefaultRefreshLife, "when the last refresh token ends after a sign-in, to 8760h")
	c.Flags().DurationVar(&f.idle, "refresh-idle", tokens.DefaultRefreshIdle, "how long a refresh token is good that is not used")
	rateFlag(c, &f.rate)
	c.Flags().BoolVar(&f.disabled, "disabled", false, "it gets no token")
	c.Flags().BoolVar(&f.asJSON, "json", false, "one JSON object")
}

// onNew defines the flags of a new client alone.
func (f *clientFlags) onNew(c *cobra.Command) {
	c.Flags().StringVar(&f.user, "user", "", "the id of the user for whom it acts; without, it is an application")
}

// grantPrefix begins the names of grants that are not of RFC 6749.
const grantPrefix = "urn:ietf:params:oauth:grant-type:"

// grantWords are the grants as they are typed: without what is the same in all.
func grantWords() []string {
	words := tokens.Grants()
	for i, grant := range words {
		words[i] = strings.TrimPrefix(grant, grantPrefix)
	}
	return words
}

// grantsTyped are the grants of what was typed.
func grantsTyped(words []string) []string {
	grants := filled(words)
	for i, word := range grants {
		if long := grantPrefix + word; slices.Contains(tokens.Grants(), long) {
			grants[i] = long
		}
	}
	return grants
}

// filled are the entries of a list that are not empty: one empty entry is how an
// empty list is typed.
func filled(list []string) []string {
	return slices.DeleteFunc(append([]string{}, list...), func(s string) bool { return s == "" })
}

// settings are those of the flags that were given.
func (f *clientFlags) settings(c *cobra.Command) (wish tokens.ClientSettings, given bool, err error) {
	for name, set := range map[string]func(){
		"user":                     func() { wish.User, wish.Kind = &f.user, ptrTo(tokens.KindPerson) },
		"name":                     func() { wish.Name = &f.name },
		"public":                   func() { wish.Public = &f.public },
		"jwks":                     func() { wish.Keys, err = readKeys(f.keys) },
		"redirect-uri":             func() { wish.RedirectURIs = filled(f.redirects) },
		"post-logout-uri":          func() { wish.PostLogoutURIs = filled(f.postLogout) },
		"integration":              func() { wish.Integration = &f.integration },
		"ask-consent":              func() { wish.AskConsent = &f.askConsent },
		"browser-tokens":           func() { wish.BrowserTokens = &f.browserTokens },
		"grant":                    func() { wish.Grants = grantsTyped(f.grants) },
		"scope":                    func() { wish.APIScopes = filled(f.scopes) },
		"identity-scope":           func() { wish.IdentityScopes = filled(f.identity) },
		"required-claim":           func() { wish.RequiredClaims = filled(f.required) },
		"format":                   func() { wish.AccessTokenFormat = &f.format },
		"life":                     func() { wish.AccessTokenLife = &f.life },
		"code-life":                func() { wish.CodeLife = &f.code },
		"identity-token-algorithm": func() { wish.IdentityTokenAlg = &f.algorithm },
		"identity-token-life":      func() { wish.IdentityTokenLife = &f.idToken },
		"refresh-life":             func() { wish.RefreshLife = &f.refresh },
		"refresh-idle":             func() { wish.RefreshIdle = &f.idle },
		"rate":                     func() { wish.Rate = &f.rate },
		"disabled":                 func() { wish.Disabled = &f.disabled },
	} {
		if flag := c.Flags().Lookup(name); flag != nil && flag.Changed {
			set()
			given = true
		}
	}
	return wish, given, err
}

func ptrTo[T any](value T) *T { return &value }

// readKeys reads a file with public keys; no file is no keys.
func readKeys(file string) (*string, error) {
	if file == "" {
		return &file, nil
	}
	raw, err := os.ReadFile(file) //nolint:gosec // the file is named by who runs the command
	if err != nil {
		return nil, &exitError{exitUsage, fmt.Errorf("--jwks: %w", err)}
	}
	text := string(raw[:min(len(raw), maxKeyFile)])
	return &text, nil
}

// clientRows are what the commands show of a client to people. origin is the
// tenant's.
func clientRows(k tokens.Client, origin string) [][2]string {
	rows := [][2]string{
		{"Client id:", k.ClientID},
		{"Name:", k.Name},
		{"State:", clientState(k)},
		{"Proves itself:", clientProof(k)},
	}
	if k.User != "" {
		rows = append(rows, [2]string{"Acts for:", k.User})
	}
	rows = append(rows, [2]string{"Grants:", inLine(k.Grants)}, [2]string{"API scopes:", inLine(k.APIScopes)})
	if people := slices.Contains(k.Grants, tokens.GrantAuthorizationCode); people || len(k.RedirectURIs) > 0 {
		rows = append(rows,
			[2]string{"Identity scopes:", inLine(k.IdentityScopes)},
			[2]string{"Required claims:", inLine(k.RequiredClaims)},
			[2]string{"Redirect URIs:", inLine(k.RedirectURIs)},
			[2]string{"After sign-out:", inLine(k.PostLogoutURIs)},
			[2]string{"Lives:", fmt.Sprintf("code %s, identity token %s (%s), refresh token %s and %s unused",
				k.CodeLife, k.IdentityTokenLife, k.IdentityTokenAlg, k.RefreshLife, k.RefreshIdle)})
	}
	return append(rows,
		[2]string{"Tokens:", fmt.Sprintf("%s, good for %s", k.AccessTokenFormat, k.AccessTokenLife)},
		[2]string{"Rate:", rateWords(k.Rate)},
		[2]string{"Issuer:", origin},
		[2]string{"Asks at:", origin + handlers.ConnectTokenPath})
}

// clientProof says how a client proves who it is.
func clientProof(k tokens.Client) string {
	switch {
	case k.Public:
		return "not at all: it is public"
	case k.Keys != "":
		return "with a key of its own"
	}
	return "with a secret"
}

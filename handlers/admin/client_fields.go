package admin

import (
	"slices"

	"github.com/gin-gonic/gin"

	"usher/handlers"
	"usher/sessions/tokens"
	"usher/web"
)

// formatWords say what the formats of access tokens are.
var formatWords = map[string]string{
	tokens.FormatJWT:            "JWT: an API can check it by itself",
	tokens.FormatAccessTokenJWT: "JWT whose header says at+jwt (RFC 9068)",
	tokens.FormatReference:      "Reference: an API asks here each time, and a revocation counts at once",
}

// algorithmWords say when to choose an algorithm for identity tokens.
var algorithmWords = map[string]string{
	tokens.ES256: "ES256: short, and read by every library of today",
	tokens.ES384: "ES384: with a longer key",
	tokens.RS256: "RS256: for libraries that expect it",
}

// grantWords say what the grants are for.
var grantWords = map[string]web.Option{
	tokens.GrantAuthorizationCode: {Label: "authorization_code", Hint: "people sign in and come back to it"},
	tokens.GrantRefreshToken:      {Label: "refresh_token", Hint: "it keeps what people have given it, without asking again"},
	tokens.GrantClientCredentials: {Label: "client_credentials", Hint: "it speaks for itself"},
	tokens.GrantJWTBearer:         {Label: "jwt-bearer", Hint: "it shows the signed token of a partner, and acts for that person"},
	tokens.GrantTokenExchange:     {Label: "token-exchange", Hint: "it shows an access token that another client got, and gets one of its own"},
}

// clientParts are the settings of a client, part by part.
func (a *Admin) clientParts(c *gin.Context, f clientForm, wrong faults) ([]web.FieldGroup, error) {
	back, err := a.clientBack(c, f)
	if err != nil {
		return nil, err
	}
	scopes, err := a.clientScopes(c, f)
	if err != nil {
		return nil, err
	}
	people := slices.Contains(f.grants, tokens.GrantAuthorizationCode)
	parts := []web.FieldGroup{
		{Title: "What it is", Open: true, Fields: []web.Field{
			{Name: "name", Label: "Name", Value: f.name, Required: true, Hint: "For people: it is shown to whoever signs in through it."},
			{Name: "disabled", Label: "Disabled", Type: "checkbox", Checked: f.disabled, Hint: "It gets no token then, and those that it has are not active any more."},
		}},
		{Title: "Where people come back", Open: people, Fields: back},
		{Title: "What it may ask for", Open: true, Fields: scopes},
		{Title: "How it proves itself", Open: true, Fields: append(clientProof(f), a.rateField(handlers.RateClient, f.rate))},
		{Title: "Tokens and their lives", Fields: clientLives(f)},
	}
	for _, part := range parts {
		wrong.mark(part.Fields)
	}
	return parts, nil
}

// clientBack are the fields about people who sign in.
func (a *Admin) clientBack(c *gin.Context, f clientForm) ([]web.Field, error) {
	all, err := a.Provisioning.Integrations(c.Request.Context(), handlers.TenantOf(c))
	if err != nil {
		return nil, explain(err)
	}
	page := web.Field{
		Name: "integration", Label: "Sign-in page", Type: "select",
		Hint:    "To which partner's sign-in page people are sent who are not signed in.",
		Options: []web.Option{{Label: "As the tenant decides", Chosen: f.integration == ""}},
	}
	for _, n := range all {
		page.Options = append(page.Options, web.Option{Value: n.ID, Label: n.Name, Chosen: n.ID == f.integration})
	}
	if f.integration != "" && !slices.ContainsFunc(page.Options, func(o web.Option) bool { return o.Chosen }) {
		page.Options = append(page.Options, web.Option{Value: f.integration, Label: "An integration that is not installed any more", Chosen: true})
	}
	return []web.Field{
		{
			Name: "redirect_uris", Label: "Redirect URIs", Type: "textarea", Value: f.redirects,
			Hint: "One a line, compared letter by letter: https, http on this machine, or an app's own scheme, as com.example.app:/back.",
		},
		{Name: "post_logout_redirect_uris", Label: "Post-logout redirect URIs", Type: "textarea", Value: f.postLogout, Hint: "Where people may be sent when they have signed out, one a line."},
		page,
		{Name: "ask_consent", Label: "Ask people first", Type: "checkbox", Checked: f.askConsent, Hint: "They see what it asks for, and allow it or not."},
	}, nil
}

// clientScopes are the fields about grants, scopes and claims; those without
// anything to choose are left out.
func (a *Admin) clientScopes(c *gin.Context, f clientForm) ([]web.Field, error) {
	grants := web.Field{Name: "grants", Label: "Grants", Type: "checkbox"}
	for _, grant := range tokens.Grants() {
		option := grantWords[grant]
		option.Value, option.Chosen = grant, slices.Contains(f.grants, grant)
		grants.Options = append(grants.Options, option)
	}
	fields := []web.Field{grants}
	choices, err := a.clientChoices(c)
	if err != nil {
		return nil, err
	}
	for _, list := range []struct {
		name, label string
		options     []web.Option
		chosen      []string
	}{
		{"identity_scopes", "Identity scopes that it may ask for", choices.identityScopes, f.identityScopes},
		{"api_scopes", "API scopes that it may ask for", choices.apiScopes, f.apiScopes},
		{"required_claims", "Claims that a person must have", choices.claims, f.requiredClaims},
	} {
		field := web.Field{Name: list.name, Label: list.label, Type: "checkbox", Options: list.options}
		for i, option := range field.Options {
			field.Options[i].Chosen = slices.Contains(list.chosen, option.Value)
		}
		if len(field.Options) > 0 {
			fields = append(fields, field)
		}
	}
	return fields, nil
}

// clientProof are the fields about authentication.
func clientProof(f clientForm) []web.Field {
	return []web.Field{
		{Name: "public", Label: "It proves itself", Type: "radio", Options: []web.Option{
			{Value: "no", Label: "With a secret, or with a key of its own", Chosen: !f.public},
			{Value: "yes", Label: "Not at all: it is public", Hint: "Whoever has it could read a secret. PKCE protects its codes.", Chosen: f.public},
		}},
		{
			Name: "jwks", Label: "Its public keys", Type: "textarea", Value: f.keys,
			Hint: "For private_key_jwt: a JSON Web Key Set of RSA (2048 bits or more), P-256, P-384 or Ed25519 keys. Empty: none. A client that is made with keys gets no secret.",
		},
		{
			Name: "browser_tokens", Label: "Its own pages get tokens without the secret", Type: "checkbox", Checked: f.browserTokens,
			Hint: "At /api/v0/token, for clients that refresh in the browser: whoever has a refresh token of it needs nothing else.",
		},
	}
}

// clientLives are the fields about tokens.
func clientLives(f clientForm) []web.Field {
	format := web.Field{Name: "access_token_format", Label: "Access tokens", Type: "select"}
	for _, one := range tokens.Formats() {
		format.Options = append(format.Options, web.Option{Value: one, Label: formatWords[one], Chosen: one == f.format})
	}
	algorithm := web.Field{
		Name: "identity_token_algorithm", Label: "Identity tokens are signed with", Type: "select",
		Hint: "RS256 for libraries that expect it unless they are told otherwise, such as openid-client before version 6.",
	}
	for _, one := range tokens.Algorithms() {
		algorithm.Options = append(algorithm.Options, web.Option{Value: one, Label: algorithmWords[one], Chosen: one == f.algorithm})
	}
	life := func(name, label, value, hint string) web.Field {
		return web.Field{Name: name, Label: label, Type: "number", Value: value, Hint: hint}
	}
	return []web.Field{
		format,
		life("access_token_life", "Access tokens are good for (seconds)", f.access, "60 to 86400."),
		life("code_life", "Codes are good for (seconds)", f.code, "30 to 600."),
		algorithm,
		life("identity_token_life", "Identity tokens are good for (seconds)", f.idToken, "60 to 86400."),
		life("refresh_life", "Refresh tokens end after the sign-in (seconds)", f.refresh, "60 to 31536000, which is a year. 2592000 are 30 days."),
		life("refresh_idle", "Refresh tokens end unused (seconds)", f.idle, "60 to what stands above. 1296000 are 15 days."),
	}
}

// clientKind is what a client is, in a word or two.
func clientKind(k tokens.Client) string {
	switch {
	case k.Kind == tokens.KindOrganization:
		return "organization"
	case k.Kind == tokens.KindPerson:
		return "program of a person"
	case k.Public:
		return "public application"
	}
	return "application"
}

// grantNames are a client's grants as people know them.
func grantNames(k tokens.Client) []string {
	names := make([]string, 0, len(k.Grants))
	for _, grant := range k.Grants {
		names = append(names, grantWords[grant].Label)
	}
	return names
}

package admin

import (
	"slices"

	"github.com/gin-gonic/gin"

	"usher/handlers"
	"usher/sessions/tokens"
	"usher/web"
)

// clientFacts are what a client's page says of it.
func (a *Admin) clientFacts(c *gin.Context, k tokens.Client) (web.ClientFacts, error) {
	facts := web.ClientFacts{
		Kind: clientKind(k), UserID: k.User, Proof: clientProves(k), Grants: grantNames(k),
		IdentityScopes: k.IdentityScopes, Scopes: k.APIScopes, RequiredClaims: k.RequiredClaims,
		RedirectURIs: k.RedirectURIs, PostLogoutURIs: k.PostLogoutURIs, AskConsent: k.AskConsent, BrowserTokens: k.BrowserTokens,
		Format: k.AccessTokenFormat, Life: k.AccessTokenLife, CodeLife: k.CodeLife, IdentityTokenLife: k.IdentityTokenLife, IdentityTokenAlg: k.IdentityTokenAlg,
		RefreshLife: k.RefreshLife, RefreshIdle: k.RefreshIdle, Disabled: k.Disabled, CreatedAt: k.CreatedAt, UpdatedAt: k.UpdatedAt,
		People: speaksForPeople(k),
	}
	if k.Integration != "" {
		known, err := a.names(c)
		if err != nil {
			return facts, err
		}
		facts.Integration = known.integration(k.Integration)
	}
	return facts, nil
}

// speaksForPeople reports whether people sign in to a client.
func speaksForPeople(k tokens.Client) bool {
	return slices.Contains(k.Grants, tokens.GrantAuthorizationCode) || len(k.RedirectURIs) > 0
}

// clientProves says how a client proves who it is.
func clientProves(k tokens.Client) string {
	switch {
	case k.Public:
		return "not at all"
	case k.Keys != "":
		return "with a key of its own"
	}
	return "with a secret"
}

// clientAddresses are what a developer copies into a client's configuration.
func (a *Admin) clientAddresses(c *gin.Context, k tokens.Client) []web.Address {
	origin := a.originOfLinks(c).String()
	list := []web.Address{
		{ID: "client-id", Label: "Client id", Value: k.ClientID},
		{ID: "issuer", Label: "Issuer", Value: origin},
		{ID: "discovery", Label: "Discovery", Value: origin + handlers.MetadataPaths()[0]},
	}
	if speaksForPeople(k) {
		list = append(list, web.Address{ID: "authorize", Label: "Authorize", Value: origin + handlers.ConnectAuthorizePath})
	}
	list = append(list, web.Address{ID: "token", Label: "Token", Value: origin + handlers.ConnectTokenPath})
	if speaksForPeople(k) {
		list = append(list,
			web.Address{ID: "userinfo", Label: "User info", Value: origin + handlers.ConnectUserInfoPath},
			web.Address{ID: "end-session", Label: "End session", Value: origin + handlers.ConnectEndSessionPath})
	}
	return append(list,
		web.Address{ID: "keys", Label: "Our keys", Value: origin + handlers.JWKSPath})
}

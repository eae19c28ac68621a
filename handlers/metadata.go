package handlers

import (
	"encoding/json"
	"fmt"
	"slices"

	"github.com/gin-gonic/gin"

	"usher/sessions/tokens"
)

// MetadataPaths are where the token service describes itself: by OpenID Connect
// Discovery 1.0 §4 and by RFC 8414 §3.
func MetadataPaths() []string {
	return []string{"/.well-known/openid-configuration", "/.well-known/oauth-authorization-server"}
}

// metadata is how a token service describes itself (OpenID Connect Discovery 1.0
// §3, RFC 8414 §2, RP-Initiated Logout 1.0 §3).
type metadata struct {
	Issuer                string   `json:"issuer"`
	AuthorizationEndpoint string   `json:"authorization_endpoint"`
	TokenEndpoint         string   `json:"token_endpoint"`
	UserInfoEndpoint      string   `json:"userinfo_endpoint"`
	EndSessionEndpoint    string   `json:"end_session_endpoint"`
	IntrospectionEndpoint string   `json:"introspection_endpoint"`
	RevocationEndpoint    string   `json:"revocation_endpoint"`
	JWKSURI               string   `json:"jwks_uri"`
	GrantTypes            []string `json:"grant_types_supported"`
	ResponseTypes         []string `json:"response_types_supported"`
	ResponseModes         []string `json:"response_modes_supported"`
	PromptValues          []string `json:"prompt_values_supported"` // Initiating User Registration 1.0 §3
	SubjectTypes          []string `json:"subject_types_supported"`
	IdentityTokenAlgs     []string `json:"id_token_signing_alg_values_supported"`
	Scopes                []string `json:"scopes_supported"`
	Claims                []string `json:"claims_supported"`
	TokenAuth             []string `json:"token_endpoint_auth_methods_supported"`
	TokenAuthAlgs         []string `json:"token_endpoint_auth_signing_alg_values_supported"`
	IntrospectionAuth     []string `json:"introspection_endpoint_auth_methods_supported"`
	RevocationAuth        []string `json:"revocation_endpoint_auth_methods_supported"`
	RevocationAuthAlgs    []string `json:"revocation_endpoint_auth_signing_alg_values_supported"`
	ChallengeMethods      []string `json:"code_challenge_methods_supported"`
	NamesIssuer           bool     `json:"authorization_response_iss_parameter_supported"` // RFC 9207 §3
	ClaimsParameter       bool     `json:"claims_parameter_supported"`
	RequestParameter      bool     `json:"request_parameter_supported"`
	RequestURIParameter   bool     `json:"request_uri_parameter_supported"` // true where it is left out
}

// tokenClaims are what tokens say whatever the scopes.
var tokenClaims = []string{"iss", "sub", "aud", "exp", "nbf", "iat", "auth_time", "amr", "nonce", "sid"}

// Metadata answers with what the token service can do and where: no more and no
// less than there is.
func (a *App) Metadata(c *gin.Context) error {
	identity, err := a.Tokens.IdentityScopes(c.Request.Context(), siteOf(c).tenant.ID)
	if err != nil {
		return err
	}
	scopes, claims := []string{}, slices.Clone(tokenClaims)
	for _, scope := range identity {
		scopes, claims = append(scopes, scope.Name), append(claims, scope.Claims...)
	}
	own := issuer(c)
	secret := []string{"client_secret_basic", "client_secret_post"}
	auth := append(slices.Clone(secret), "private_key_jwt", "none")
	document, err := json.Marshal(metadata{
		Issuer: own, AuthorizationEndpoint: own + ConnectAuthorizePath, TokenEndpoint: own + ConnectTokenPath,
		UserInfoEndpoint: own + ConnectUserInfoPath, EndSessionEndpoint: own + ConnectEndSessionPath,
		IntrospectionEndpoint: own + ConnectIntrospectPath, RevocationEndpoint: own + ConnectRevocationPath, JWKSURI: own + JWKSPath,
		GrantTypes: grantTypes(), ResponseTypes: connectRules.responseTypes, ResponseModes: []string{"query", "fragment", "form_post"},
		PromptValues: []string{"none", "login", "consent", "select_account"},
		SubjectTypes: []string{"public"}, IdentityTokenAlgs: tokens.Algorithms(),
		Scopes: append(scopes, "offline_access"), Claims: once(claims),
		TokenAuth: auth, TokenAuthAlgs: tokens.AssertionAlgorithms(), IntrospectionAuth: secret, RevocationAuth: auth, RevocationAuthAlgs: tokens.AssertionAlgorithms(),
		ChallengeMethods: []string{"S256"}, NamesIssuer: true,
	})
	if err != nil {
		return fmt.Errorf("metadata: %w", err)
	}
	servePublic(c, document)
	return nil
}

// once returns each text of a list once, in the order in which they come first.
func once(list []string) []string {
	var kept []string
	for _, text := range list {
		if !slices.Contains(kept, text) {
			kept = append(kept, text)
		}
	}
	return kept
}

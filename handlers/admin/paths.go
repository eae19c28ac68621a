package admin

import "net/url"

// Where the pages are.
const (
	homePath = "/admin"

	signInPath   = homePath + "/sign-in"
	providerPath = signInPath + "/oidc"
	setupPath    = homePath + "/setup"
	joinPath     = homePath + "/join"

	accountPath  = homePath + "/account"
	passkeysPath = accountPath + "/passkeys"

	integrationsPath = homePath + "/integrations"
	signInsPath      = homePath + "/sign-ins"
	doctorPath       = homePath + "/doctor"
	builderPath      = homePath + "/builder"
	usersPath        = homePath + "/users"
	groupsPath       = homePath + "/groups"
	creditsPath      = homePath + "/credits"
	resourcesPath    = homePath + "/resources"
	alertsPath       = homePath + "/alerts"
	undoPath         = homePath + "/undo"
	jobsPath         = homePath + "/jobs"
	auditPath        = homePath + "/audit"
	webhooksPath     = homePath + "/webhooks"

	tokensPath      = homePath + "/tokens"
	clientsPath     = tokensPath + "/clients"
	connectionsPath = tokensPath + "/api-connections"
	signingKeysPath = tokensPath + "/signing-keys"
	jwtPath         = tokensPath + "/jwt"

	identityScopesPath = tokensPath + "/identity-scopes"
	claimsPath         = tokensPath + "/claims"

	organizationsPath = tokensPath + "/organizations"

	settingsPath       = homePath + "/settings"
	administratorsPath = settingsPath + "/administrators"
	apiKeysPath        = settingsPath + "/api-keys"
	tenantsPath        = settingsPath + "/tenants"
)

// integrationPath is the page of an integration, or rest below it.
func integrationPath(id, rest string) string {
	return integrationsPath + "/" + url.PathEscape(id) + rest
}

// userPath is the page of a user, or "" for nobody.
func userPath(id string) string {
	if id == "" {
		return ""
	}
	return usersPath + "/" + url.PathEscape(id)
}

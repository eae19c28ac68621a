package main

import (
	"net/http"

	"github.com/gin-gonic/gin"

	"usher/handlers"
	"usher/handlers/admin"
	"usher/sessions/admins"
	"usher/sessions/tokens"
	"usher/web"
)

// route is one line of the list below. docs/http-api.md describes each, and a
// test compares the two.
type route struct {
	method, path string
	handler      gin.HandlerFunc
}

// routes is the one list of what Usher answers to. With an application to stand
// in front of, everything else is that one's, "/" included.
func routes(engine *gin.Engine, app *handlers.App, a *admin.Admin, ready *handlers.Readiness, front *handlers.Front) {
	for _, method := range []string{http.MethodGet, http.MethodHead} { // balancers ask with either
		engine.Handle(method, handlers.HealthPath, handlers.Health)
		engine.Handle(method, handlers.ReadyPath, ready.Ready)
	}
	assets := gin.WrapH(web.Assets())
	engine.GET(web.AssetPrefix+"*file", assets)
	engine.HEAD(web.AssetPrefix+"*file", assets)
	for _, name := range []string{web.PartnerScript, web.PartnerTypes} { // for partners' pages
		file := gin.WrapH(web.PartnerFile(name))
		engine.GET("/embed/"+name, file)
		engine.HEAD("/embed/"+name, file)
	}

	tenant := app.Tenant()
	ownPage := app.SameOrigin(app.ReturnOrigins)
	for _, r := range []route{
		{http.MethodGet, handlers.CallbackPath, app.Wrap(app.Callback)},
		{http.MethodPost, handlers.CallbackPath, app.Wrap(app.Callback)},
		{http.MethodGet, handlers.StartPath, app.Wrap(app.Start)},
		{http.MethodGet, "/auth/session", app.WrapJSON(app.Scripts(app.Session))},
		{http.MethodOptions, "/auth/session", app.WrapJSON(app.Preflight(http.MethodGet))},
		{http.MethodGet, "/auth/sessions", app.WrapJSON(app.Scripts(app.ListSessions))},
		{http.MethodOptions, "/auth/sessions", app.WrapJSON(app.Preflight(http.MethodGet))},
		{http.MethodOptions, "/auth/sessions/:id", app.WrapJSON(app.Preflight(http.MethodDelete))},
		{http.MethodGet, "/auth/logout", app.Wrap(app.ConfirmLogout)},
		{http.MethodGet, handlers.OnboardingPath, app.Wrap(app.Onboarding)},
		{http.MethodPost, "/api/oauth/token", app.WrapOAuth(app.GivesTokens(app.ClientToken))},
		{http.MethodGet, handlers.ConnectAuthorizePath, app.Wrap(app.Authorize)},
		{http.MethodPost, handlers.ConnectAuthorizePath, app.Wrap(app.Authorize)},
		{http.MethodGet, handlers.DetailsPath, app.Wrap(app.Details)},
		{http.MethodPost, handlers.ConnectTokenPath, app.WrapOAuth(app.ClientScripts(app.GivesTokens(app.ConnectToken)))},
		{http.MethodOptions, handlers.ConnectTokenPath, app.WrapOAuth(app.ClientPreflight(http.MethodPost))},
		{http.MethodPost, handlers.ConnectIntrospectPath, app.WrapOAuth(app.Introspect)},
		{http.MethodPost, handlers.ConnectRevocationPath, app.WrapOAuth(app.ClientScripts(app.Revoke))},
		{http.MethodOptions, handlers.ConnectRevocationPath, app.WrapOAuth(app.ClientPreflight(http.MethodPost))},
		{http.MethodGet, handlers.ConnectUserInfoPath, app.WrapOAuth(app.ClientScripts(app.UserInfo))},
		{http.MethodPost, handlers.ConnectUserInfoPath, app.WrapOAuth(app.ClientScripts(app.UserInfo))},
		{http.MethodOptions, handlers.ConnectUserInfoPath, app.WrapOAuth(app.ClientPreflight("GET, POST"))},
		{http.MethodGet, handlers.ConnectEndSessionPath, app.Wrap(app.ConnectEndSession)},
		{http.MethodPost, handlers.ConnectEndSessionPath, app.Wrap(app.ConnectEndSession)},
		{http.MethodPost, handlers.BackchannelRevokePath, app.WrapJSON(app.BackchannelRevoke)},
		{http.MethodPost, handlers.V0CustomPath, app.WrapV0(app.V0Custom)},
		{http.MethodPost, handlers.V0TokenPath, app.WrapV0(app.GivesTokens(app.V0Token))},
		{http.MethodDelete, handlers.V0TokenPath, app.WrapV0(app.V0SignOut)},
		{http.MethodOptions, handlers.V0TokenPath, app.WrapV0(app.V0Preflight)},
		{http.MethodGet, handlers.V1AuthorizePath, app.Wrap(app.V1Authorize)},
		{http.MethodPost, handlers.V1AuthorizePath, app.Wrap(app.V1Authorize)},
		{http.MethodPost, handlers.V1AccessTokenPath, app.WrapOAuth(app.GivesTokens(app.V1AccessToken))},
		{http.MethodGet, handlers.V1JWTPath, app.WrapOAuth(app.GivesTokens(app.V1JWT))},
		{http.MethodPost, handlers.V1JWTPath, app.WrapOAuth(app.GivesTokens(app.V1JWT))},
		{http.MethodGet, handlers.V1RefreshPath, app.WrapOAuth(app.GivesTokens(app.V1Refresh))},
		{http.MethodPost, handlers.V1RefreshPath, app.WrapOAuth(app.GivesTokens(app.V1Refresh))},
		{http.MethodGet, handlers.ResourcesPath, app.WrapJSON(app.Scripts(app.Resources))},
		{http.MethodOptions, handlers.ResourcesPath, app.WrapJSON(app.Preflight(http.MethodGet))},
		{http.MethodPost, handlers.ResourcesPath, app.WrapJSON(app.AddResource)},
		{http.MethodGet, handlers.ResourcesPath + "/:kind/:id", app.WrapJSON(app.Scripts(app.Resource))},
		{http.MethodOptions, handlers.ResourcesPath + "/:kind/:id", app.WrapJSON(app.Preflight(http.MethodGet))},
		{http.MethodPut, handlers.ResourcesPath + "/:kind/:id", app.WrapJSON(app.PutResource)},
		{http.MethodDelete, handlers.ResourcesPath + "/:kind/:id", app.WrapJSON(app.DeleteResource)},
	} {
		engine.Handle(r.method, r.path, tenant, r.handler)
	}
	engine.POST(handlers.V1ConsentPath, tenant, app.SameOrigin(nobodyElse), app.Wrap(app.V1Consent))
	for _, path := range handlers.JWKSPaths() {
		engine.GET(path, tenant, app.WrapJSON(app.JWKS))
	}
	for _, path := range handlers.MetadataPaths() {
		engine.GET(path, tenant, app.WrapJSON(app.Metadata))
	}
	engine.DELETE("/auth/sessions/:id", tenant, handlers.OwnPage(ownPage), app.WrapJSON(app.Scripts(app.EndSession)))
	engine.POST("/auth/logout", tenant, ownPage, app.Wrap(app.Logout))
	engine.POST(handlers.DetailsPath, tenant, app.SameOrigin(nobodyElse), app.Wrap(app.EnterDetails))
	engine.POST(handlers.ConnectConsentPath, tenant, app.SameOrigin(nobodyElse), app.Wrap(app.Consent))
	behindProxy, verify := app.TenantBehindProxy(), app.Wrap(app.Scripts(app.Verify))
	for _, method := range verifyMethods {
		engine.Handle(method, handlers.VerifyPath, behindProxy, verify)
		engine.Handle(method, handlers.VerifyPath+"/*rest", behindProxy, verify)
	}

	embedRoutes(engine, app, tenant)
	scimRoutes(engine, app, tenant)
	adminRoutes(engine, app, a)
	if front != nil {
		engine.NoRoute(tenant, app.ToFront(*front))
	} else {
		engine.GET("/", tenant, app.Wrap(app.Home))
	}
}

// embedRoutes are what partners' sites frame.
func embedRoutes(engine *gin.Engine, app *handlers.App, tenant gin.HandlerFunc) {
	framed, own := app.TenantFrame(), app.SameOrigin(nobodyElse)
	const view = handlers.EmbedPath + "/:kind/:id"
	engine.GET(view, framed, app.WrapFrame(app.Embed))
	engine.GET(view+"/session", tenant, app.WrapJSON(app.ViewSession))
	engine.POST(view+"/session", tenant, own, app.WrapJSON(app.ExtendView))
	engine.POST(view+"/rung", tenant, own, app.WrapJSON(app.NoteRung))
	for _, method := range []string{
		http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete, http.MethodOptions,
	} {
		engine.Handle(method, view+"/content/:ticket/*path", framed, app.WrapFrame(app.ViewContent))
	}
}

// scimRoutes are what directories keep people and groups by.
func scimRoutes(engine *gin.Engine, app *handlers.App, tenant gin.HandlerFunc) {
	for _, r := range []route{
		{http.MethodGet, "/ServiceProviderConfig", app.WrapSCIM(app.SCIMConfig)},
		{http.MethodGet, "/ResourceTypes", app.WrapSCIM(app.SCIMResourceTypes)},
		{http.MethodGet, "/ResourceTypes/:id", app.WrapSCIM(app.SCIMResourceType)},
		{http.MethodGet, "/Schemas", app.WrapSCIM(app.SCIMSchemas)},
		{http.MethodGet, "/Schemas/:id", app.WrapSCIM(app.SCIMSchema)},
		{http.MethodGet, "/Users", app.WrapSCIM(app.SCIMUsers)},
		{http.MethodPost, "/Users", app.WrapSCIM(app.AddSCIMUser)},
		{http.MethodGet, "/Users/:id", app.WrapSCIM(app.SCIMUser)},
		{http.MethodPut, "/Users/:id", app.WrapSCIM(app.PutSCIMUser)},
		{http.MethodPatch, "/Users/:id", app.WrapSCIM(app.PatchSCIMUser)},
		{http.MethodDelete, "/Users/:id", app.WrapSCIM(app.DeleteSCIMUser)},
		{http.MethodGet, "/Groups", app.WrapSCIM(app.SCIMGroups)},
		{http.MethodPost, "/Groups", app.WrapSCIM(app.AddSCIMGroup)},
		{http.MethodGet, "/Groups/:id", app.WrapSCIM(app.SCIMGroup)},
		{http.MethodPut, "/Groups/:id", app.WrapSCIM(app.PutSCIMGroup)},
		{http.MethodPatch, "/Groups/:id", app.WrapSCIM(app.PatchSCIMGroup)},
		{http.MethodDelete, "/Groups/:id", app.WrapSCIM(app.DeleteSCIMGroup)},
	} {
		engine.Handle(r.method, handlers.SCIMPath+r.path, tenant, r.handler)
	}
}

// verifyMethods are what a proxy may ask with: some keep the method of the
// request that they hold back. Any other is answered 405, which is no yes.
var verifyMethods = []string{
	http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete, http.MethodOptions,
}

// guarded is a route of the admin, and the right that it asks for.
type guarded struct {
	method, path string
	scope        admins.Scope
	handler      handlers.Handler
}

// adminRoutes are the JSON API, under /admin/api/v1, and the pages.
func adminRoutes(engine *gin.Engine, app *handlers.App, a *admin.Admin) {
	tenant := app.Tenant()
	for _, r := range []guarded{
		{http.MethodPost, "/integrations", admins.WriteIntegrations, a.Once(a.Install)},
		{http.MethodGet, "/integrations", admins.ReadIntegrations, a.Integrations},
		{http.MethodGet, "/integrations/:id", admins.ReadIntegrations, a.Integration},
		{http.MethodPatch, "/integrations/:id", admins.WriteIntegrations, a.IfMatch(a.ChangeIntegration)},
		{http.MethodDelete, "/integrations/:id", admins.WriteIntegrations, a.IfMatch(a.Remove)},
		{http.MethodPost, "/integrations/:id/keys", admins.WriteIntegrations, a.Once(a.AddKey)},
		{http.MethodPost, "/integrations/:id/keys/:kid/keep", admins.WriteIntegrations, a.IfMatch(a.KeepKey)},
		{http.MethodGet, "/integrations/:id/key-set", admins.ReadIntegrations, a.KeySet},
		{http.MethodPost, "/integrations/:id/key-set", admins.WriteIntegrations, a.Unconditional(a.ReadKeySet)},
		{http.MethodGet, "/integrations/:id/removal", admins.ReadIntegrations, a.Removal},
		{http.MethodPost, "/integrations/:id/sign-out", admins.WriteIntegrations, a.Unconditional(a.SignEveryoneOut)},
		{http.MethodGet, "/integrations/:id/health", admins.ReadIntegrations, a.Health},
		{http.MethodDelete, "/integrations/:id/keys/:kid", admins.WriteIntegrations, a.IfMatch(a.RetireKey)},
		{http.MethodPost, "/integrations/:id/links", admins.WriteIntegrations, a.Once(a.SignLink)},
		{http.MethodGet, "/integrations/:id/quick-start", admins.ReadIntegrations, a.QuickStart},
		{http.MethodGet, "/integrations/:id/scim", admins.ReadIntegrations, a.SCIM},
		{http.MethodPatch, "/integrations/:id/scim", admins.WriteIntegrations, a.IfMatch(a.ChangeSCIM)},
		{http.MethodPost, "/integrations/:id/scim/tokens", admins.WriteIntegrations, a.Once(a.MakeSCIMToken)},
		{http.MethodDelete, "/integrations/:id/scim/tokens/:token", admins.WriteIntegrations, a.IfMatch(a.RevokeSCIMToken)},
		{http.MethodGet, "/sign-ins", admins.ReadLog, a.SignIns},
		{http.MethodGet, "/sign-ins/:reference", admins.ReadLog, a.SignInByReference},
		{http.MethodGet, "/activity", admins.ReadLog, a.Activity},
		{http.MethodPost, "/doctor", admins.ReadLog, a.Unconditional(a.Examine)},
		{http.MethodGet, "/users", admins.ReadUsers, a.Users},
		{http.MethodGet, "/users/:id", admins.ReadUsers, a.User},
		{http.MethodPatch, "/users/:id", admins.WriteUsers, a.IfMatch(a.ChangeUser)},
		{http.MethodDelete, "/users/:id", admins.WriteUsers, a.IfMatch(a.EraseUser)},
		{http.MethodGet, "/users/:id/journal", admins.ReadUsers, a.Journal},
		{http.MethodGet, "/users/:id/identities", admins.ReadUsers, a.UserIdentities},
		{http.MethodGet, "/users/:id/groups/:group", admins.ReadUsers, a.WhyInGroup},
		{http.MethodGet, "/users/:id/sessions", admins.ReadUsers, a.UserSessions},
		{http.MethodDelete, "/users/:id/sessions/:session", admins.WriteUsers, a.Unconditional(a.EndSessionOfUser)},
		{http.MethodPost, "/users/:id/sign-out", admins.WriteUsers, a.Unconditional(a.SignOutUser)},
		{http.MethodGet, "/users/:id/grants", admins.ReadUsers, a.UserGrants},
		{http.MethodGet, "/users/:id/consents", admins.ReadUsers, a.UserConsents},
		{http.MethodDelete, "/users/:id/applications/:client", admins.WriteUsers, a.Unconditional(a.WithdrawUserConsent)},
		{http.MethodGet, "/users/:id/merge", admins.ReadUsers, a.MergePreview},
		{http.MethodPost, "/users/:id/merge", admins.WriteUsers, a.IfMatch(a.MergeUser)},
		{http.MethodGet, "/users/:id/credits", admins.ReadUsers, a.UserCredits},
		{http.MethodPost, "/users/:id/credits/consume", admins.WriteUsers, a.Unconditional(a.Consume)},
		{http.MethodPost, "/groups", admins.WriteCatalog, a.Once(a.AddGroup)},
		{http.MethodGet, "/groups", admins.ReadCatalog, a.Groups},
		{http.MethodGet, "/groups/:id", admins.ReadCatalog, a.Group},
		{http.MethodPatch, "/groups/:id", admins.WriteCatalog, a.IfMatch(a.ChangeGroup)},
		{http.MethodDelete, "/groups/:id", admins.WriteCatalog, a.IfMatch(a.DeleteGroup)},
		{http.MethodGet, "/groups/:id/members", admins.ReadCatalog, a.GroupMembers},
		{http.MethodPut, "/groups/:id/members/:user", admins.WriteCatalog, a.Unconditional(a.SetMember)},
		{http.MethodDelete, "/groups/:id/members/:user", admins.WriteCatalog, a.Unconditional(a.DropMember)},
		{http.MethodPost, "/credits", admins.WriteCatalog, a.Once(a.AddCredit)},
		{http.MethodGet, "/credits", admins.ReadCatalog, a.Credits},
		{http.MethodGet, "/credits/:id", admins.ReadCatalog, a.Credit},
		{http.MethodPatch, "/credits/:id", admins.WriteCatalog, a.IfMatch(a.ChangeCredit)},
		{http.MethodPost, "/resources", admins.WriteCatalog, a.Once(a.AddResource)},
		{http.MethodGet, "/resources", admins.ReadCatalog, a.Resources},
		{http.MethodGet, "/resources/:kind/:id", admins.ReadCatalog, a.Resource},
		{http.MethodPatch, "/resources/:kind/:id", admins.WriteCatalog, a.IfMatch(a.ChangeResource)},
		{http.MethodDelete, "/resources/:kind/:id", admins.WriteCatalog, a.IfMatch(a.DeleteResource)},
		{http.MethodPost, "/clients", admins.WriteTokens, a.Once(a.AddClient)},
		{http.MethodGet, "/clients", admins.ReadTokens, a.Clients},
		{http.MethodGet, "/clients/:id", admins.ReadTokens, a.Client},
		{http.MethodPatch, "/clients/:id", admins.WriteTokens, a.IfMatch(a.ChangeClient)},
		{http.MethodDelete, "/clients/:id", admins.WriteTokens, a.IfMatch(a.DeleteClient)},
		{http.MethodPost, "/clients/:id/secrets", admins.WriteTokens, a.Once(a.AddSecret(tokens.OfClient))},
		{http.MethodDelete, "/clients/:id/secrets/:secret", admins.WriteTokens, a.IfMatch(a.RetireSecret(tokens.OfClient))},
		{http.MethodPost, "/clients/:id/secrets/:secret/keep", admins.WriteTokens, a.IfMatch(a.KeepSecret(tokens.OfClient))},
		{http.MethodPost, "/organizations", admins.WriteTokens, a.Once(a.AddOrganization)},
		{http.MethodGet, "/organizations", admins.ReadTokens, a.Organizations},
		{http.MethodGet, "/organizations/:id", admins.ReadTokens, a.Organization},
		{http.MethodPatch, "/organizations/:id", admins.WriteTokens, a.IfMatch(a.ChangeOrganization)},
		{http.MethodGet, "/organizations/:id/deletion", admins.ReadTokens, a.PreviewOrganizationDeletion},
		{http.MethodDelete, "/organizations/:id", admins.WriteTokens, a.IfMatch(a.DeleteOrganization)},
		{http.MethodGet, "/organizations/:id/members", admins.ReadTokens, a.OrganizationMembers},
		{http.MethodPut, "/organizations/:id/members/:user", admins.WriteTokens, a.Unconditional(a.SetOrganizationMember)},
		{http.MethodDelete, "/organizations/:id/members/:user", admins.WriteTokens, a.Unconditional(a.DropOrganizationMember)},
		{http.MethodGet, "/users/:id/organizations", admins.ReadTokens, a.UserOrganizations},
		{http.MethodGet, "/identity-scopes", admins.ReadTokens, a.IdentityScopes},
		{http.MethodPost, "/identity-scopes", admins.WriteTokens, a.Once(a.AddIdentityScope)},
		{http.MethodGet, "/identity-scopes/:scope", admins.ReadTokens, a.IdentityScope},
		{http.MethodPatch, "/identity-scopes/:scope", admins.WriteTokens, a.IfMatch(a.ChangeIdentityScope)},
		{http.MethodDelete, "/identity-scopes/:scope", admins.WriteTokens, a.IfMatch(a.DeleteIdentityScope)},
		{http.MethodGet, "/identity-scopes/:scope/deletion", admins.ReadTokens, a.PreviewScopeDeletion},
		{http.MethodGet, "/claims", admins.ReadTokens, a.Claims},
		{http.MethodPost, "/claims", admins.WriteTokens, a.Once(a.AddClaim)},
		{http.MethodGet, "/claims/:claim", admins.ReadTokens, a.Claim},
		{http.MethodPatch, "/claims/:claim", admins.WriteTokens, a.IfMatch(a.ChangeClaim)},
		{http.MethodDelete, "/claims/:claim", admins.WriteTokens, a.IfMatch(a.DeleteClaim)},
		{http.MethodGet, "/claims/:claim/deletion", admins.ReadTokens, a.PreviewClaimDeletion},
		{http.MethodGet, "/users/:id/claims", admins.ReadUsers, a.UserClaims},
		{http.MethodPut, "/users/:id/claims/:claim", admins.WriteUsers, a.IfMatch(a.SetUserClaim)},
		{http.MethodDelete, "/users/:id/claims/:claim", admins.WriteUsers, a.IfMatch(a.DropUserClaim)},
		{http.MethodGet, "/webhooks", admins.ReadWebhooks, a.ListWebhooks},
		{http.MethodPost, "/webhooks", admins.WriteWebhooks, a.Once(a.AddWebhook)},
		{http.MethodGet, "/webhooks/:id", admins.ReadWebhooks, a.Webhook},
		{http.MethodPatch, "/webhooks/:id", admins.WriteWebhooks, a.IfMatch(a.ChangeWebhook)},
		{http.MethodDelete, "/webhooks/:id", admins.WriteWebhooks, a.IfMatch(a.DeleteWebhook)},
		{http.MethodPost, "/webhooks/:id/secrets", admins.WriteWebhooks, a.Once(a.RollWebhook)},
		{http.MethodPost, "/webhooks/:id/test", admins.WriteWebhooks, a.Unconditional(a.TestWebhook)},
		{http.MethodPost, "/webhooks/:id/resend", admins.WriteWebhooks, a.Unconditional(a.ResendFailedWebhooks)},
		{http.MethodGet, "/webhooks/:id/deliveries", admins.ReadWebhooks, a.WebhookDeliveries},
		{http.MethodGet, "/webhooks/:id/deliveries/:event", admins.ReadWebhooks, a.WebhookDelivery},
		{http.MethodPost, "/webhooks/:id/deliveries/:event/resend", admins.WriteWebhooks, a.Unconditional(a.ResendWebhook)},
		{http.MethodPost, "/api-connections", admins.WriteTokens, a.Once(a.AddConnection)},
		{http.MethodGet, "/api-connections", admins.ReadTokens, a.Connections},
		{http.MethodGet, "/api-connections/:id", admins.ReadTokens, a.Connection},
		{http.MethodPatch, "/api-connections/:id", admins.WriteTokens, a.IfMatch(a.ChangeConnection)},
		{http.MethodDelete, "/api-connections/:id", admins.WriteTokens, a.IfMatch(a.DeleteConnection)},
		{http.MethodGet, "/api-connections/:id/deletion", admins.ReadTokens, a.PreviewDeletion},
		{http.MethodPost, "/api-connections/:id/scopes", admins.WriteTokens, a.Once(a.AddScope)},
		{http.MethodPatch, "/api-connections/:id/scopes/:scope", admins.WriteTokens, a.IfMatch(a.RenameScope)},
		{http.MethodDelete, "/api-connections/:id/scopes/:scope", admins.WriteTokens, a.IfMatch(a.DeleteScope)},
		{http.MethodPost, "/api-connections/:id/secrets", admins.WriteTokens, a.Once(a.AddSecret(tokens.OfConnection))},
		{http.MethodDelete, "/api-connections/:id/secrets/:secret", admins.WriteTokens, a.IfMatch(a.RetireSecret(tokens.OfConnection))},
		{http.MethodPost, "/api-connections/:id/secrets/:secret/keep", admins.WriteTokens, a.IfMatch(a.KeepSecret(tokens.OfConnection))},
		{http.MethodGet, "/signing-keys", admins.ReadTokens, a.SigningKeys},
		{http.MethodPost, "/signing-keys/rotate", admins.WriteTokens, a.Once(a.RotateSigningKey)},
		{http.MethodPost, "/jwts", admins.WriteTokens, a.Once(a.GenerateJWT)},
		{http.MethodPost, "/import", admins.WriteCatalog, a.Once(a.Import)},
		{http.MethodGet, "/undo", admins.ReadUsers, a.PreviewUndo},
		{http.MethodPost, "/undo", admins.WriteUsers, a.Once(a.Undo)},
		{http.MethodGet, "/alerts", admins.ReadLog, a.Alerts},
		{http.MethodPatch, "/alerts/:id", admins.WriteIntegrations, a.Unconditional(a.DecideAlert)},
		{http.MethodGet, "/jobs", admins.ReadLog, a.Jobs},
		{http.MethodPost, "/jobs", admins.ReadLog, a.Once(a.StartJob)}, // each kind asks for a right of its own
		{http.MethodGet, "/jobs/:id", admins.ReadLog, a.Job},
		{http.MethodPost, "/jobs/:id/cancel", admins.ReadLog, a.Unconditional(a.CancelJob)},
		{http.MethodPost, "/jobs/:id/download", admins.ReadLog, a.Unconditional(a.DownloadJob)},
		{http.MethodGet, "/audit", admins.ReadAudit, a.AuditLog},
		{http.MethodGet, "/audit/export", admins.ReadAudit, a.ExportAudit},
		{http.MethodGet, "/settings", admins.ReadSettings, a.Settings},
		{http.MethodPatch, "/settings", admins.WriteSettings, a.IfMatch(a.ChangeSettings)},
		{http.MethodGet, "/administrators", admins.ReadSettings, a.Administrators},
		{http.MethodPost, "/administrators", admins.WriteSettings, a.Once(a.Invite)},
		{http.MethodGet, "/administrators/:id", admins.ReadSettings, a.Administrator},
		{http.MethodPatch, "/administrators/:id", admins.WriteSettings, a.IfMatch(a.ChangeAdministrator)},
		{http.MethodDelete, "/administrators/:id", admins.WriteSettings, a.IfMatch(a.RemoveAdministrator)},
		{http.MethodPost, "/administrators/:id/link", admins.WriteSettings, a.Once(a.LinkAdministrator)},
		{http.MethodGet, "/api-keys", admins.ReadSettings, a.APIKeys},
		{http.MethodPost, "/api-keys", admins.WriteSettings, a.Once(a.MakeAPIKey)},
		{http.MethodPatch, "/api-keys/:id", admins.WriteSettings, a.Unconditional(a.ChangeAPIKey)},
		{http.MethodDelete, "/api-keys/:id", admins.WriteSettings, a.Unconditional(a.RevokeAPIKey)},
		{http.MethodPost, "/tenants", admins.Operate, a.Once(a.AddTenant)},
		{http.MethodGet, "/tenants", admins.Operate, a.Tenants},
		{http.MethodGet, "/tenants/:id", admins.Operate, a.OneTenant},
		{http.MethodPatch, "/tenants/:id", admins.Operate, a.IfMatch(a.ChangeTenant)},
	} {
		engine.Handle(r.method, "/admin/api/v1"+r.path, tenant, a.API(r.scope, r.handler))
	}

	engine.GET("/openapi.json", app.WrapJSON(a.OpenAPI))
	engine.GET("/openapi", tenant, app.Wrap(a.Reference))

	adminHost, ownPage := app.AdminHost(), app.SameOrigin(nobodyElse)
	for _, r := range []route{
		{http.MethodGet, "/admin/sign-in", a.Public(a.SignInPage)},
		{http.MethodPost, "/admin/sign-in", a.Public(a.SignIn)},
		{http.MethodPost, "/admin/sign-in/passkey", a.Public(a.BeginPasskeySignIn)},
		{http.MethodPost, "/admin/sign-in/passkey/finish", a.Public(a.PasskeySignIn)},
		{http.MethodGet, "/admin/sign-in/oidc", a.Public(a.ToProvider)},
		{http.MethodGet, "/admin/sign-in/oidc/callback", a.Public(a.FromProvider)},
		{http.MethodPost, "/admin/sign-out", a.Public(a.SignOut)},
		{http.MethodGet, "/admin/setup", a.Public(a.Enrol)},
		{http.MethodPost, "/admin/setup", a.Public(a.Setup)},
		{http.MethodGet, "/admin/join", a.Public(a.Enrol)},
		{http.MethodPost, "/admin/join", a.Public(a.Join)},
		{http.MethodGet, "/admin/", a.Public(a.WithoutSlash)},
	} {
		engine.Handle(r.method, r.path, tenant, adminHost, ownPage, r.handler)
	}
	for _, r := range []struct {
		method, path string
		handler      handlers.Handler
	}{
		{http.MethodGet, "/admin/account", a.AccountPage},
		{http.MethodPost, "/admin/account", a.RenameForm},
		{http.MethodPost, "/admin/account/password", a.ChangePasswordForm},
		{http.MethodPost, "/admin/account/sessions/end", a.EndOtherSessionsForm},
		{http.MethodPost, "/admin/account/passkeys", a.BeginPasskey},
		{http.MethodPost, "/admin/account/passkeys/finish", a.AddPasskey},
		{http.MethodGet, "/admin/account/passkeys/:id/remove", a.RemovePasskeyPage},
		{http.MethodPost, "/admin/account/passkeys/:id/remove", a.RemovePasskeyForm},
	} {
		if r.method == http.MethodGet {
			a.AddPage(r.path)
		}
		engine.Handle(r.method, r.path, tenant, adminHost, ownPage, a.Own(r.handler))
	}
	for _, r := range []guarded{
		{http.MethodGet, "/admin", admins.ReadLog, a.OverviewPage},
		{http.MethodGet, "/admin/integrations", admins.ReadIntegrations, a.IntegrationsPage},
		{http.MethodPost, "/admin/integrations", admins.WriteIntegrations, a.FormOnce(a.InstallForm)},
		{http.MethodGet, "/admin/integrations/new", admins.WriteIntegrations, a.InstallPage},
		{http.MethodGet, "/admin/integrations/:id", admins.ReadIntegrations, a.IntegrationPage},
		{http.MethodGet, "/admin/integrations/:id/settings", admins.WriteIntegrations, a.IntegrationSettingsPage},
		{http.MethodPost, "/admin/integrations/:id/settings", admins.WriteIntegrations, a.ChangeIntegrationForm},
		{http.MethodPost, "/admin/integrations/:id/unknown", admins.WriteCatalog, a.CreateUnknownForm},
		{http.MethodGet, "/admin/integrations/:id/quick-start", admins.ReadIntegrations, a.QuickStartPage},
		{http.MethodGet, "/admin/integrations/:id/keys", admins.ReadIntegrations, a.KeysPage},
		{http.MethodPost, "/admin/integrations/:id/keys", admins.WriteIntegrations, a.FormOnce(a.AddKeyForm)},
		{http.MethodGet, "/admin/integrations/:id/keys/new", admins.WriteIntegrations, a.AddKeyPage},
		{http.MethodGet, "/admin/integrations/:id/keys/:kid/retire", admins.WriteIntegrations, a.RetireKeyPage},
		{http.MethodPost, "/admin/integrations/:id/keys/:kid/retire", admins.WriteIntegrations, a.RetireKeyForm},
		{http.MethodPost, "/admin/integrations/:id/keys/:kid/keep", admins.WriteIntegrations, a.KeepKeyForm},
		{http.MethodPost, "/admin/integrations/:id/key-set", admins.WriteIntegrations, a.ReadKeySetForm},
		{http.MethodGet, "/admin/integrations/:id/sign-out", admins.WriteIntegrations, a.SignEveryoneOutPage},
		{http.MethodPost, "/admin/integrations/:id/sign-out", admins.WriteIntegrations, a.SignEveryoneOutForm},
		{http.MethodGet, "/admin/integrations/:id/remove", admins.WriteIntegrations, a.RemovePage},
		{http.MethodPost, "/admin/integrations/:id/remove", admins.WriteIntegrations, a.RemoveForm},
		{http.MethodGet, "/admin/integrations/:id/removed", admins.ReadIntegrations, a.RemovedPage},
		{http.MethodPost, "/admin/integrations/:id/removed", admins.WriteIntegrations, a.DropHoldingsForm},
		{http.MethodGet, "/admin/integrations/:id/scim", admins.ReadIntegrations, a.SCIMPage},
		{http.MethodPost, "/admin/integrations/:id/scim", admins.WriteIntegrations, a.ChangeSCIMForm},
		{http.MethodPost, "/admin/integrations/:id/scim/tokens", admins.WriteIntegrations, a.FormOnce(a.MakeSCIMTokenForm)},
		{http.MethodGet, "/admin/integrations/:id/scim/tokens/:token/revoke", admins.WriteIntegrations, a.RevokeSCIMTokenPage},
		{http.MethodPost, "/admin/integrations/:id/scim/tokens/:token/revoke", admins.WriteIntegrations, a.RevokeSCIMTokenForm},
		{http.MethodGet, "/admin/sign-ins", admins.ReadLog, a.SignInsPage},
		{http.MethodGet, "/admin/sign-ins/:reference", admins.ReadLog, a.SignInEntryPage},
		{http.MethodGet, "/admin/doctor", admins.ReadLog, a.DoctorPage},
		{http.MethodPost, "/admin/doctor", admins.ReadLog, a.DoctorForm},
		{http.MethodGet, "/admin/builder", admins.WriteIntegrations, a.BuilderPage},
		{http.MethodPost, "/admin/builder", admins.WriteIntegrations, a.BuilderForm},
		{http.MethodGet, "/admin/users", admins.ReadUsers, a.UsersPage},
		{http.MethodGet, "/admin/users/:id", admins.ReadUsers, a.UserPage},
		{http.MethodGet, "/admin/users/:id/groups/:group", admins.ReadUsers, a.UserGroupPage},
		{http.MethodGet, "/admin/users/:id/claims/:claim", admins.WriteUsers, a.UserClaimPage},
		{http.MethodPost, "/admin/users/:id/claims/:claim", admins.WriteUsers, a.SetUserClaimForm},
		{http.MethodPost, "/admin/users/:id/claims/:claim/remove", admins.WriteUsers, a.DropUserClaimForm},
		{http.MethodGet, "/admin/users/:id/disable", admins.WriteUsers, a.DisableUserPage},
		{http.MethodPost, "/admin/users/:id/disable", admins.WriteUsers, a.DisableUserForm},
		{http.MethodGet, "/admin/users/:id/enable", admins.WriteUsers, a.EnableUserPage},
		{http.MethodPost, "/admin/users/:id/enable", admins.WriteUsers, a.EnableUserForm},
		{http.MethodGet, "/admin/users/:id/sign-out", admins.WriteUsers, a.SignOutUserPage},
		{http.MethodPost, "/admin/users/:id/sign-out", admins.WriteUsers, a.SignOutUserForm},
		{http.MethodPost, "/admin/users/:id/sessions/:session/end", admins.WriteUsers, a.EndSessionForm},
		{http.MethodPost, "/admin/users/:id/applications/:client/end", admins.WriteUsers, a.WithdrawUserConsentForm},
		{http.MethodGet, "/admin/users/:id/erase", admins.WriteUsers, a.EraseUserPage},
		{http.MethodPost, "/admin/users/:id/erase", admins.WriteUsers, a.EraseUserForm},
		{http.MethodGet, "/admin/users/:id/merge", admins.WriteUsers, a.MergeUserPage},
		{http.MethodPost, "/admin/users/:id/merge", admins.WriteUsers, a.MergeUserForm},
		{http.MethodGet, "/admin/groups", admins.ReadCatalog, a.GroupsPage},
		{http.MethodPost, "/admin/groups", admins.WriteCatalog, a.AddGroupForm},
		{http.MethodGet, "/admin/groups/new", admins.WriteCatalog, a.AddGroupPage},
		{http.MethodGet, "/admin/groups/:id", admins.ReadCatalog, a.GroupPage},
		{http.MethodPost, "/admin/groups/:id", admins.WriteCatalog, a.ChangeGroupForm},
		{http.MethodPost, "/admin/groups/:id/members", admins.WriteCatalog, a.SetMemberForm},
		{http.MethodPost, "/admin/groups/:id/members/:user", admins.WriteCatalog, a.ChangeMemberForm},
		{http.MethodGet, "/admin/groups/:id/delete", admins.WriteCatalog, a.DeleteGroupPage},
		{http.MethodPost, "/admin/groups/:id/delete", admins.WriteCatalog, a.DeleteGroupForm},
		{http.MethodGet, "/admin/credits", admins.ReadCatalog, a.CreditsPage},
		{http.MethodPost, "/admin/credits", admins.WriteCatalog, a.AddCreditForm},
		{http.MethodGet, "/admin/credits/:id", admins.ReadCatalog, a.CreditPage},
		{http.MethodPost, "/admin/credits/:id", admins.WriteCatalog, a.ChangeCreditForm},
		{http.MethodGet, "/admin/resources", admins.ReadCatalog, a.ResourcesPage},
		{http.MethodPost, "/admin/resources", admins.WriteCatalog, a.AddResourceForm},
		{http.MethodGet, "/admin/resources/new", admins.WriteCatalog, a.AddResourcePage},
		{http.MethodGet, "/admin/resources/:kind/:id", admins.ReadCatalog, a.ResourcePage},
		{http.MethodPost, "/admin/resources/:kind/:id", admins.WriteCatalog, a.ChangeResourceForm},
		{http.MethodGet, "/admin/resources/:kind/:id/delete", admins.WriteCatalog, a.DeleteResourcePage},
		{http.MethodPost, "/admin/resources/:kind/:id/delete", admins.WriteCatalog, a.DeleteResourceForm},
		{http.MethodGet, "/admin/tokens/clients", admins.ReadTokens, a.ClientsPage},
		{http.MethodPost, "/admin/tokens/clients", admins.WriteTokens, a.FormOnce(a.AddClientForm)},
		{http.MethodGet, "/admin/tokens/clients/new", admins.WriteTokens, a.AddClientPage},
		{http.MethodGet, "/admin/tokens/clients/:id", admins.ReadTokens, a.ClientPage},
		{http.MethodPost, "/admin/tokens/clients/:id", admins.WriteTokens, a.ChangeClientForm},
		{http.MethodPost, "/admin/tokens/clients/:id/secrets", admins.WriteTokens, a.FormOnce(a.AddSecretForm(tokens.OfClient))},
		{http.MethodGet, "/admin/tokens/clients/:id/secrets/:secret/retire", admins.WriteTokens, a.RetireSecretPage(tokens.OfClient)},
		{http.MethodPost, "/admin/tokens/clients/:id/secrets/:secret/retire", admins.WriteTokens, a.RetireSecretForm(tokens.OfClient)},
		{http.MethodPost, "/admin/tokens/clients/:id/secrets/:secret/keep", admins.WriteTokens, a.KeepSecretForm(tokens.OfClient)},
		{http.MethodGet, "/admin/tokens/clients/:id/delete", admins.WriteTokens, a.DeleteClientPage},
		{http.MethodPost, "/admin/tokens/clients/:id/delete", admins.WriteTokens, a.DeleteClientForm},
		{http.MethodGet, "/admin/tokens/organizations", admins.ReadTokens, a.OrganizationsPage},
		{http.MethodPost, "/admin/tokens/organizations", admins.WriteTokens, a.FormOnce(a.AddOrganizationForm)},
		{http.MethodGet, "/admin/tokens/organizations/new", admins.WriteTokens, a.AddOrganizationPage},
		{http.MethodGet, "/admin/tokens/organizations/:id", admins.ReadTokens, a.OrganizationPage},
		{http.MethodPost, "/admin/tokens/organizations/:id", admins.WriteTokens, a.ChangeOrganizationForm},
		{http.MethodPost, "/admin/tokens/organizations/:id/members", admins.WriteTokens, a.SetOrganizationMemberForm},
		{http.MethodPost, "/admin/tokens/organizations/:id/members/:user", admins.WriteTokens, a.ChangeOrganizationMemberForm},
		{http.MethodPost, "/admin/tokens/organizations/:id/secrets", admins.WriteTokens, a.FormOnce(a.AddSecretForm(tokens.OfClient))},
		{http.MethodGet, "/admin/tokens/organizations/:id/secrets/:secret/retire", admins.WriteTokens, a.RetireSecretPage(tokens.OfClient)},
		{http.MethodPost, "/admin/tokens/organizations/:id/secrets/:secret/retire", admins.WriteTokens, a.RetireSecretForm(tokens.OfClient)},
		{http.MethodPost, "/admin/tokens/organizations/:id/secrets/:secret/keep", admins.WriteTokens, a.KeepSecretForm(tokens.OfClient)},
		{http.MethodGet, "/admin/tokens/organizations/:id/delete", admins.WriteTokens, a.DeleteOrganizationPage},
		{http.MethodPost, "/admin/tokens/organizations/:id/delete", admins.WriteTokens, a.DeleteOrganizationForm},
		{http.MethodGet, "/admin/tokens/identity-scopes", admins.ReadTokens, a.IdentityScopesPage},
		{http.MethodPost, "/admin/tokens/identity-scopes", admins.WriteTokens, a.AddIdentityScopeForm},
		{http.MethodGet, "/admin/tokens/new-identity-scope", admins.WriteTokens, a.AddIdentityScopePage},
		{http.MethodGet, "/admin/tokens/identity-scopes/:scope", admins.ReadTokens, a.IdentityScopePage},
		{http.MethodPost, "/admin/tokens/identity-scopes/:scope", admins.WriteTokens, a.ChangeIdentityScopeForm},
		{http.MethodGet, "/admin/tokens/identity-scopes/:scope/delete", admins.WriteTokens, a.DeleteIdentityScopePage},
		{http.MethodPost, "/admin/tokens/identity-scopes/:scope/delete", admins.WriteTokens, a.DeleteIdentityScopeForm},
		{http.MethodGet, "/admin/tokens/claims", admins.ReadTokens, a.ClaimsPage},
		{http.MethodPost, "/admin/tokens/claims", admins.WriteTokens, a.AddClaimForm},
		{http.MethodGet, "/admin/tokens/new-claim", admins.WriteTokens, a.AddClaimPage},
		{http.MethodGet, "/admin/tokens/claims/:claim", admins.ReadTokens, a.ClaimPage},
		{http.MethodPost, "/admin/tokens/claims/:claim", admins.WriteTokens, a.ChangeClaimForm},
		{http.MethodGet, "/admin/tokens/claims/:claim/delete", admins.WriteTokens, a.DeleteClaimPage},
		{http.MethodPost, "/admin/tokens/claims/:claim/delete", admins.WriteTokens, a.DeleteClaimForm},
		{http.MethodGet, "/admin/tokens/api-connections", admins.ReadTokens, a.ConnectionsPage},
		{http.MethodPost, "/admin/tokens/api-connections", admins.WriteTokens, a.FormOnce(a.AddConnectionForm)},
		{http.MethodGet, "/admin/tokens/api-connections/new", admins.WriteTokens, a.AddConnectionPage},
		{http.MethodGet, "/admin/tokens/api-connections/:id", admins.ReadTokens, a.ConnectionPage},
		{http.MethodPost, "/admin/tokens/api-connections/:id", admins.WriteTokens, a.ChangeConnectionForm},
		{http.MethodPost, "/admin/tokens/api-connections/:id/secrets", admins.WriteTokens, a.FormOnce(a.AddSecretForm(tokens.OfConnection))},
		{http.MethodGet, "/admin/tokens/api-connections/:id/secrets/:secret/retire", admins.WriteTokens, a.RetireSecretPage(tokens.OfConnection)},
		{http.MethodPost, "/admin/tokens/api-connections/:id/secrets/:secret/retire", admins.WriteTokens, a.RetireSecretForm(tokens.OfConnection)},
		{http.MethodPost, "/admin/tokens/api-connections/:id/secrets/:secret/keep", admins.WriteTokens, a.KeepSecretForm(tokens.OfConnection)},
		{http.MethodGet, "/admin/tokens/api-connections/:id/delete", admins.WriteTokens, a.DeleteConnectionPage},
		{http.MethodPost, "/admin/tokens/api-connections/:id/delete", admins.WriteTokens, a.DeleteConnectionForm},
		{http.MethodPost, "/admin/tokens/api-connections/:id/scopes", admins.WriteTokens, a.AddScopeForm},
		{http.MethodGet, "/admin/tokens/api-connections/:id/scopes/:scope", admins.WriteTokens, a.ScopePage},
		{http.MethodPost, "/admin/tokens/api-connections/:id/scopes/:scope", admins.WriteTokens, a.RenameScopeForm},
		{http.MethodPost, "/admin/tokens/api-connections/:id/scopes/:scope/delete", admins.WriteTokens, a.DeleteScopeForm},
		{http.MethodGet, "/admin/tokens/signing-keys", admins.ReadTokens, a.SigningKeysPage},
		{http.MethodGet, "/admin/tokens/signing-keys/rotate", admins.WriteTokens, a.RotateSigningKeyPage},
		{http.MethodPost, "/admin/tokens/signing-keys/rotate", admins.WriteTokens, a.RotateSigningKeyForm},
		{http.MethodGet, "/admin/tokens/jwt", admins.WriteTokens, a.JWTPage},
		{http.MethodPost, "/admin/tokens/jwt", admins.WriteTokens, a.FormOnce(a.GenerateJWTForm)},
		{http.MethodGet, "/admin/webhooks", admins.ReadWebhooks, a.WebhooksPage},
		{http.MethodPost, "/admin/webhooks", admins.WriteWebhooks, a.FormOnce(a.AddWebhookForm)},
		{http.MethodGet, "/admin/webhooks/new", admins.WriteWebhooks, a.AddWebhookPage},
		{http.MethodGet, "/admin/webhooks/:id", admins.ReadWebhooks, a.WebhookPage},
		{http.MethodPost, "/admin/webhooks/:id", admins.WriteWebhooks, a.ChangeWebhookForm},
		{http.MethodPost, "/admin/webhooks/:id/enable", admins.WriteWebhooks, a.EnableWebhookForm(true)},
		{http.MethodPost, "/admin/webhooks/:id/disable", admins.WriteWebhooks, a.EnableWebhookForm(false)},
		{http.MethodPost, "/admin/webhooks/:id/secret", admins.WriteWebhooks, a.FormOnce(a.RollWebhookForm)},
		{http.MethodPost, "/admin/webhooks/:id/test", admins.WriteWebhooks, a.TestWebhookForm},
		{http.MethodPost, "/admin/webhooks/:id/resend", admins.WriteWebhooks, a.ResendFailedForm},
		{http.MethodGet, "/admin/webhooks/:id/delete", admins.WriteWebhooks, a.DeleteWebhookPage},
		{http.MethodPost, "/admin/webhooks/:id/delete", admins.WriteWebhooks, a.DeleteWebhookForm},
		{http.MethodGet, "/admin/webhooks/:id/deliveries/:event", admins.ReadWebhooks, a.DeliveryPage},
		{http.MethodPost, "/admin/webhooks/:id/deliveries/:event/resend", admins.WriteWebhooks, a.ResendForm},
		{http.MethodGet, "/admin/import", admins.WriteCatalog, a.ImportPage},
		{http.MethodPost, "/admin/import", admins.WriteCatalog, a.ImportForm},
		{http.MethodGet, "/admin/undo", admins.ReadUsers, a.UndoPage},
		{http.MethodPost, "/admin/undo", admins.WriteUsers, a.UndoForm},
		{http.MethodGet, "/admin/alerts", admins.ReadLog, a.AlertsPage},
		{http.MethodGet, "/admin/alerts/:id", admins.ReadLog, a.AlertPage},
		{http.MethodPost, "/admin/alerts/:id", admins.WriteIntegrations, a.DecideAlertForm},
		{http.MethodGet, "/admin/jobs", admins.ReadLog, a.JobsPage},
		{http.MethodPost, "/admin/jobs/export", admins.WriteUsers, a.ExportForm},
		{http.MethodGet, "/admin/jobs/:id", admins.ReadLog, a.JobPage},
		{http.MethodPost, "/admin/jobs/:id/cancel", admins.ReadLog, a.CancelJobForm},
		{http.MethodPost, "/admin/jobs/:id/download", admins.ReadLog, a.DownloadJob},
		{http.MethodGet, "/admin/audit", admins.ReadAudit, a.AuditPage},
		{http.MethodGet, "/admin/audit/export", admins.ReadAudit, a.ExportAudit},
		{http.MethodGet, "/admin/settings", admins.ReadSettings, a.SettingsPage},
		{http.MethodPost, "/admin/settings", admins.WriteSettings, a.ChangeSettingsForm},
		{http.MethodGet, "/admin/settings/administrators", admins.ReadSettings, a.AdministratorsPage},
		{http.MethodPost, "/admin/settings/administrators", admins.WriteSettings, a.InviteForm},
		{http.MethodGet, "/admin/settings/administrators/:id", admins.ReadSettings, a.AdministratorPage},
		{http.MethodPost, "/admin/settings/administrators/:id", admins.WriteSettings, a.ChangeAdministratorForm},
		{http.MethodPost, "/admin/settings/administrators/:id/link", admins.WriteSettings, a.LinkAdministratorForm},
		{http.MethodPost, "/admin/settings/administrators/:id/disable", admins.WriteSettings, a.DisableAdministratorForm},
		{http.MethodPost, "/admin/settings/administrators/:id/enable", admins.WriteSettings, a.EnableAdministratorForm},
		{http.MethodGet, "/admin/settings/administrators/:id/remove", admins.WriteSettings, a.RemoveAdministratorPage},
		{http.MethodPost, "/admin/settings/administrators/:id/remove", admins.WriteSettings, a.RemoveAdministratorForm},
		{http.MethodGet, "/admin/settings/api-keys", admins.ReadSettings, a.APIKeysPage},
		{http.MethodPost, "/admin/settings/api-keys", admins.WriteSettings, a.MakeAPIKeyForm},
		{http.MethodGet, "/admin/settings/api-keys/:id", admins.WriteSettings, a.APIKeyPage},
		{http.MethodPost, "/admin/settings/api-keys/:id", admins.WriteSettings, a.ChangeAPIKeyForm},
		{http.MethodGet, "/admin/settings/api-keys/:id/revoke", admins.WriteSettings, a.RevokeAPIKeyPage},
		{http.MethodPost, "/admin/settings/api-keys/:id/revoke", admins.WriteSettings, a.RevokeAPIKeyForm},
		{http.MethodGet, "/admin/settings/tenants", admins.Operate, a.TenantsPage},
		{http.MethodPost, "/admin/settings/tenants", admins.Operate, a.AddTenantForm},
		{http.MethodGet, "/admin/settings/tenants/:id", admins.Operate, a.TenantPage},
		{http.MethodPost, "/admin/settings/tenants/:id", admins.Operate, a.ChangeTenantForm},
	} {
		if r.method == http.MethodGet {
			a.AddPage(r.path)
		}
		engine.Handle(r.method, r.path, tenant, adminHost, ownPage, a.Page(r.scope, r.handler))
	}
}

// nobodyElse may post to the admin's pages.
func nobodyElse(*gin.Context) ([]string, error) { return nil, nil }

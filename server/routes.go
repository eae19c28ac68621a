package main

import (
	"net/http"

	"github.com/gin-gonic/gin"

	"usher/handlers"
	"usher/handlers/admin"
	"usher/web"
)

// route is one line of the list below. docs/http-api.md describes each, and a
// test compares the two.
type route struct {
	method, path string
	handler      gin.HandlerFunc
}

// routes is the one list of what Usher answers to.
func routes(engine *gin.Engine, app *handlers.App, api *admin.API, ready *handlers.Readiness) {
	for _, method := range []string{http.MethodGet, http.MethodHead} { // balancers ask with either
		engine.Handle(method, handlers.HealthPath, handlers.Health)
		engine.Handle(method, handlers.ReadyPath, ready.Ready)
	}
	assets := gin.WrapH(web.Assets())
	engine.GET("/assets/*file", assets)
	engine.HEAD("/assets/*file", assets)

	tenant := app.Tenant()
	ownPage := app.SameOrigin(app.ReturnOrigins)
	for _, r := range []route{
		{http.MethodGet, handlers.CallbackPath, app.Wrap(app.Callback)},
		{http.MethodPost, handlers.CallbackPath, app.Wrap(app.Callback)},
		{http.MethodGet, "/auth/start", app.Wrap(app.Start)},
		{http.MethodGet, "/auth/session", app.WrapJSON(app.Session)},
		{http.MethodGet, "/auth/sessions", app.WrapJSON(app.ListSessions)},
		{http.MethodGet, "/auth/logout", app.Wrap(app.ConfirmLogout)},
		{http.MethodGet, handlers.OnboardingPath, app.Wrap(app.Onboarding)},
		{http.MethodGet, "/", app.Wrap(app.Home)},
	} {
		engine.Handle(r.method, r.path, tenant, r.handler)
	}
	for _, r := range []route{
		{http.MethodDelete, "/auth/sessions/:id", app.WrapJSON(app.EndSession)},
		{http.MethodPost, "/auth/logout", app.Wrap(app.Logout)},
	} {
		engine.Handle(r.method, r.path, tenant, ownPage, r.handler)
	}

	key := app.WrapJSON(api.Authenticate)
	engine.POST("/admin/api/v1/tenants", key, app.WrapJSON(api.AddTenant))
	for _, r := range []route{
		{http.MethodPost, "/integrations", app.WrapJSON(api.Install)},
		{http.MethodGet, "/integrations", app.WrapJSON(api.Integrations)},
		{http.MethodGet, "/integrations/:id", app.WrapJSON(api.Integration)},
		{http.MethodPatch, "/integrations/:id", app.WrapJSON(api.ChangeIntegration)},
		{http.MethodDelete, "/integrations/:id", app.WrapJSON(api.Remove)},
		{http.MethodPost, "/integrations/:id/keys", app.WrapJSON(api.AddKey)},
		{http.MethodDelete, "/integrations/:id/keys/:kid", app.WrapJSON(api.RetireKey)},
		{http.MethodPost, "/groups", app.WrapJSON(api.AddGroup)},
		{http.MethodGet, "/groups", app.WrapJSON(api.Groups)},
		{http.MethodPost, "/credits", app.WrapJSON(api.AddCredit)},
		{http.MethodGet, "/credits", app.WrapJSON(api.Credits)},
		{http.MethodGet, "/users", app.WrapJSON(api.Users)},
		{http.MethodGet, "/users/:id", app.WrapJSON(api.User)},
		{http.MethodPatch, "/users/:id", app.WrapJSON(api.ChangeUser)},
		{http.MethodDelete, "/users/:id", app.WrapJSON(api.EraseUser)},
		{http.MethodGet, "/users/:id/journal", app.WrapJSON(api.Journal)},
		{http.MethodGet, "/users/:id/credits", app.WrapJSON(api.UserCredits)},
		{http.MethodPost, "/users/:id/credits/consume", app.WrapJSON(api.Consume)},
	} {
		engine.Handle(r.method, "/admin/api/v1"+r.path, key, tenant, r.handler)
	}
}

package admin

import (
	"errors"
	"log/slog"
	"net/http"

	"github.com/gin-gonic/gin"

	"usher/handlers"
	"usher/sessions/admins"
)

// providerCallback is where the provider sends the browser back to.
func (a *Admin) providerCallback(c *gin.Context) string {
	return a.originOf(c).String() + providerPath + "/callback"
}

// ToProvider: GET /admin/sign-in/oidc?next=. It keeps nothing: what has to fit
// afterwards is in the browser's cookie.
func (a *Admin) ToProvider(c *gin.Context) error {
	next := a.nextPage(c.Query("next"))
	location, journey, err := a.Admins.BeginJourney(a.providerCallback(c), next)
	if err != nil {
		return a.providerFailed(c, err, next)
	}
	setJourney(c, journey.Cookie(), int(admins.ProviderLife.Seconds()))
	seeOther(c, location)
	return nil
}

// FromProvider: GET /admin/sign-in/oidc/callback.
func (a *Admin) FromProvider(c *gin.Context) error {
	tenant := handlers.TenantOf(c)
	journey, ok := admins.ReadJourney(admins.ReadOne(c.Request, admins.ProviderCookieName))
	next := a.nextPage(journey.Next())
	if !ok {
		return a.providerFailed(c, admins.ErrWrong, next)
	}
	// People whom we do not know are let in where the company's own people
	// are: not at every customer's tenant.
	home, err := a.Provisioning.DefaultTenant(c.Request.Context())
	if err != nil {
		return err
	}
	cookie, err := a.Admins.EndJourney(c.Request.Context(), tenant, journey, a.providerCallback(c), c.Request.URL.Query(),
		home.ID == tenant.ID, client(c), stranger(c))
	setJourney(c, "", -1)
	if err != nil {
		return a.providerFailed(c, err, next)
	}
	return a.welcome(c, cookie, next)
}

func setJourney(c *gin.Context, value string, maxAge int) {
	http.SetCookie(c.Writer, &http.Cookie{
		Name: admins.ProviderCookieName, Value: value, Path: "/", MaxAge: maxAge,
		Secure: true, HttpOnly: true, SameSite: http.SameSiteLaxMode,
	})
}

// providerFailed shows the sign-in page with what went wrong.
func (a *Admin) providerFailed(c *gin.Context, err error, next string) error {
	status, text := http.StatusUnprocessableEntity, ""
	switch {
	case errors.Is(err, admins.ErrWrong):
		text = "The provider’s answer lets nobody in: there is no account with this verified address, it is switched off, or the sign-in took too long."
	case errors.Is(err, admins.ErrProvider):
		status, text = http.StatusServiceUnavailable, "The sign-in provider does not answer right now. Try again in a moment, or use your password."
		a.Log.LogAttrs(c.Request.Context(), slog.LevelWarn, "the sign-in provider failed",
			slog.String("reference", handlers.RequestID(c.Request.Context())), slog.Any("error", err))
	default:
		return explain(err)
	}
	page, err := a.signInPage(c, next)
	if err != nil {
		return err
	}
	page.Fault = text
	return a.showAs(c, status, page)
}

package admin

import (
	"errors"
	"net/http"

	"github.com/gin-gonic/gin"

	"usher/handlers"
	"usher/provisioning"
	"usher/web"
)

// IntegrationSettingsPage: GET /admin/integrations/:id/settings.
func (a *Admin) IntegrationSettingsPage(c *gin.Context) error {
	n, err := a.integrationOf(c)
	if err != nil {
		return err
	}
	page := web.ChangeIntegration{
		IntegrationPage: a.integrationPage(c, n, "/settings"), Revision: n.Revision, Settings: web.NewIntegrationSettings(),
	}
	showSettings(&page.Settings, n.Integration)
	return a.show(c, page)
}

// ChangeIntegrationForm: POST /admin/integrations/:id/settings. The form says
// which revision the person has seen.
func (a *Admin) ChangeIntegrationForm(c *gin.Context) error {
	n, err := a.integrationOf(c)
	if err != nil {
		return err
	}
	who := by(c)
	who.IfMatch = revisionOf(c)
	_, err = a.Provisioning.ChangeIntegration(c.Request.Context(), handlers.TenantOf(c), n.ID, settingsOf(c.Request.PostForm), who)
	found, wrong := faultsOf(err)
	switch {
	case err == nil:
		seeOther(c, integrationPath(n.ID, "/settings?done=integration_changed"))
		return nil
	case !wrong && !errors.Is(err, provisioning.ErrChanged):
		return explain(err)
	}
	page := web.ChangeIntegration{
		IntegrationPage: a.integrationPage(c, n, "/settings"), Revision: n.Revision, Settings: web.NewIntegrationSettings(),
		Changed: !wrong,
	}
	keepSettings(&page.Settings, c.Request.PostForm)
	page.Faults = found.point(page.Settings.All()...)
	page.Settings.Show()
	if page.Changed {
		return a.showAs(c, http.StatusConflict, page)
	}
	return a.showAs(c, http.StatusUnprocessableEntity, page)
}

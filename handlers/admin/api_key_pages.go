package admin

import (
	"net/http"

	"github.com/gin-gonic/gin"

	"usher/handlers"
	"usher/sessions/admins"
	"usher/web"
)

// APIKeyPage: GET /admin/settings/api-keys/:id.
func (a *Admin) APIKeyPage(c *gin.Context) error {
	page, err := a.apiKeyPage(c)
	if err != nil {
		return err
	}
	return a.show(c, page)
}

// apiKeyPage is the page of a key that can be used.
func (a *Admin) apiKeyPage(c *gin.Context) (web.AdminAPIKeyPage, error) {
	k, err := a.Admins.APIKey(c.Request.Context(), handlers.TenantOf(c), c.Param("id"))
	if err != nil {
		return web.AdminAPIKeyPage{}, explain(err)
	}
	if !admins.KeyLive(k, a.Now()) {
		return web.AdminAPIKeyPage{}, &handlers.Fault{Code: handlers.NotFound}
	}
	path := apiKeysPath + "/" + k.ID
	return web.AdminAPIKeyPage{
		Frame: a.frame(c, settingsPath, k.Name), Tabs: settingsTabs(c, apiKeysPath), Path: path, Back: apiKeysPath, Revoke: path + "/revoke",
		Ending: k.Ending, Fields: []web.Field{a.rateField(handlers.RateAPIKey, rateShown(k.Rate))},
	}, nil
}

// ChangeAPIKeyForm: POST /admin/settings/api-keys/:id.
func (a *Admin) ChangeAPIKeyForm(c *gin.Context) error {
	page, err := a.apiKeyPage(c)
	if err != nil {
		return err
	}
	rate := c.PostForm("rate")
	_, err = a.Admins.ChangeAPIKey(c.Request.Context(), handlers.TenantOf(c), c.Param("id"), *rateSent(rate), by(c))
	if found, ok := faultsOf(err); ok {
		page.Fields[0].Value = rate
		found.mark(page.Fields)
		return a.showAs(c, http.StatusUnprocessableEntity, page)
	} else if err != nil {
		return explain(err)
	}
	seeOther(c, apiKeysPath+"?done=api_key_changed")
	return nil
}

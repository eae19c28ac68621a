package admin

import (
	"net/http"

	"github.com/gin-gonic/gin"

	"usher/handlers"
	"usher/provisioning"
	"usher/web"
)

// quickStartKey is the newest key that is not retired or about to be.
func quickStartKey(n provisioning.Installed) provisioning.Key {
	key := n.Keys[len(n.Keys)-1]
	for _, k := range n.Keys {
		if k.RetiresAt == nil {
			key = k // the keys are oldest first
		}
	}
	return key
}

// quickStart writes signing code for an integration and the key that it should
// sign with.
func (a *Admin) quickStart(c *gin.Context, n provisioning.Installed) ([]web.Snippet, error) {
	key := quickStartKey(n)
	return web.QuickStart(web.Partner{
		Endpoint: a.callbackURL(c), AppID: n.AppID, KeyID: key.ID, Algorithm: key.Algorithm,
	})
}

// callbackURL is where the tenant's partners send their people.
func (a *Admin) callbackURL(c *gin.Context) string {
	return a.originOfLinks(c).String() + handlers.CallbackPath
}

// QuickStart: GET /admin/api/v1/integrations/:id/quick-start.
func (a *Admin) QuickStart(c *gin.Context) error {
	n, err := a.Provisioning.Integration(c.Request.Context(), handlers.TenantOf(c), c.Param("id"))
	if err != nil {
		return explain(err)
	}
	snippets, err := a.quickStart(c, n)
	if err != nil {
		return err
	}
	type answer struct {
		ID       string `json:"id"`
		Language string `json:"language"`
		File     string `json:"file"`
		Install  string `json:"install"`
		Code     string `json:"code"` // "" when the library does not know the algorithm
	}
	answers := []answer{}
	for _, s := range snippets {
		answers = append(answers, answer(s))
	}
	c.JSON(http.StatusOK, gin.H{"snippets": answers})
	return nil
}

package admin

import (
	"net/http"
	"strings"

	"github.com/gin-gonic/gin"

	"usher/handlers"
	"usher/provisioning"
	"usher/web"
)

// partnersKeyID stands in code for the name of a key that the partner has named
// with characters which code would have to escape.
const partnersKeyID = "your-key-id"

// quickStartKey is the newest key that is not retired or about to be; where the
// partner publishes its keys, one of those.
func (a *Admin) quickStartKey(c *gin.Context, n provisioning.Installed) (provisioning.Key, error) {
	var key provisioning.Key
	for _, k := range n.Keys {
		if k.RetiresAt == nil || key.ID == "" || key.RetiresAt != nil {
			key = k // the keys are oldest first
		}
	}
	if n.JWKSURL == "" || key.ID != "" && key.RetiresAt == nil {
		return key, nil
	}
	set, err := a.Provisioning.KeySet(c.Request.Context(), handlers.TenantOf(c), n.Integration)
	if err != nil {
		return key, explain(err)
	}
	key = provisioning.Key{ID: partnersKeyID, Algorithm: "ES256"} // as many would choose
	for _, k := range set.Keys {
		key.Algorithm = k.Algorithm
		if k.ID != "" && !strings.ContainsFunc(k.ID, needsQuotes) {
			key.ID = k.ID
		}
	}
	return key, nil
}

// quickStart writes signing code for an integration and the key that it should
// sign with.
func (a *Admin) quickStart(c *gin.Context, n provisioning.Installed) ([]web.Snippet, error) {
	key, err := a.quickStartKey(c, n)
	if err != nil {
		return nil, err
	}
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

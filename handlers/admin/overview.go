package admin

import (
	"github.com/gin-gonic/gin"

	"usher/web"
)

// OverviewPage: GET /admin.
func (a *Admin) OverviewPage(c *gin.Context) error {
	return a.show(c, web.Overview{Frame: a.frame(c, "/admin", "Overview")})
}

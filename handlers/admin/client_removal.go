package admin

import (
	"errors"
	"net/http"

	"github.com/gin-gonic/gin"

	"usher/handlers"
	"usher/sessions/tokens"
	"usher/web"
)

// DeleteClientPage: GET /admin/tokens/clients/:id/delete.
func (a *Admin) DeleteClientPage(c *gin.Context) error {
	return a.showClientDeletion(c, http.StatusOK, "", "")
}

func (a *Admin) showClientDeletion(c *gin.Context, status int, fault, confirmFault string) error {
	k, err := a.Tokens.Client(c.Request.Context(), handlers.TenantOf(c).ID, c.Param("id"))
	if err != nil {
		return explain(err)
	}
	return a.showAs(c, status, web.TokenRemoval{
		Frame: a.tokenFrame(c, "Delete “"+k.Name+"”"), Tabs: tokenTabs(c, clientsPath), Path: clientsPath + "/" + k.ID, Back: k.Name,
		Effects: []string{
			"The client " + k.ClientID + " gets no token from then on: its secrets are gone with it.",
			"Tokens that it has are not active any more. An API that checks JWTs by itself accepts them until they end.",
		},
		Submit: "Delete the client", Revision: k.Revision, Fault: fault, Confirm: web.Confirm{Word: k.ClientID, Fault: confirmFault},
	})
}

// DeleteClientForm: POST /admin/tokens/clients/:id/delete.
func (a *Admin) DeleteClientForm(c *gin.Context) error {
	ctx, tenant := c.Request.Context(), handlers.TenantOf(c).ID
	k, err := a.Tokens.Client(ctx, tenant, c.Param("id"))
	if err != nil {
		return explain(err)
	}
	if fault := confirmed(c, k.ClientID); fault != "" {
		return a.showClientDeletion(c, http.StatusUnprocessableEntity, "", fault)
	}
	who := by(c)
	who.IfMatch = revisionOf(c)
	err = a.Tokens.DeleteClient(ctx, tenant, k.ID, who)
	if errors.Is(err, tokens.ErrChanged) {
		return a.showClientDeletion(c, http.StatusConflict, changedFault, "")
	}
	if err != nil {
		return explain(err)
	}
	seeOther(c, clientsPath+"?done=client_deleted")
	return nil
}

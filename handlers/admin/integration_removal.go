package admin

import (
	"net/http"

	"github.com/gin-gonic/gin"

	"usher/handlers"
	"usher/provisioning"
	"usher/sessions/admins"
	"usher/web"
)

// integrationRemoval previews a removal.
func (a *Admin) integrationRemoval(c *gin.Context, n provisioning.Installed) (web.RemoveIntegration, error) {
	r, err := a.Provisioning.Removal(c.Request.Context(), handlers.TenantOf(c), n.ID)
	return web.RemoveIntegration{
		IntegrationPage: a.integrationPage(c, n, "/remove"), Confirm: web.Confirm{Word: n.Name},
		Holdings: web.Field{
			Name: "holdings", Label: "The memberships and credits that it gave", Type: "radio",
			Options: []web.Option{
				{Value: keepHoldings, Label: "People keep them", Chosen: true, Hint: "They can be taken later, on the page of the removed integration."},
				{Value: dropHoldings, Label: "Take them from everybody", Hint: "A job does it, one person after the other. Who is in a group for another reason stays in it."},
			},
		},
		Removal: web.Removal{
			Sessions: r.Sessions, SessionsMore: r.SessionsMore, SessionsUnknown: r.SessionsUnknown, People: r.People, OnlyWayIn: r.OnlyWayIn,
			Memberships: r.Memberships, Grants: r.Grants, More: r.More,
			Resources: r.Resources, ResourcesMore: r.ResourcesMore,
		},
	}, explain(err)
}

// RemovePage: GET /admin/integrations/:id/remove.
func (a *Admin) RemovePage(c *gin.Context) error {
	n, err := a.integrationOf(c)
	if err != nil {
		return err
	}
	page, err := a.integrationRemoval(c, n)
	if err != nil {
		return err
	}
	return a.show(c, page)
}

// RemoveForm: POST /admin/integrations/:id/remove. It can be sent again after a
// fault: what was removed already is removed to the end.
func (a *Admin) RemoveForm(c *gin.Context) error {
	ctx, tenant := c.Request.Context(), handlers.TenantOf(c)
	once, err := a.Provisioning.IntegrationOnceInstalled(ctx, tenant, c.Param("id"))
	if err != nil {
		return explain(err)
	}
	drop := c.PostForm("holdings") == dropHoldings
	if drop {
		if err := mayJob(c, provisioning.JobDropHoldings); err != nil {
			return err
		}
	}
	if fault := confirmed(c, once.Name); fault != "" {
		n, err := a.integrationOf(c)
		if err != nil {
			return err
		}
		page, err := a.integrationRemoval(c, n)
		if err != nil {
			return err
		}
		page.Confirm.Fault = fault
		choose(&page.Holdings, c.PostForm("holdings"))
		return a.showAs(c, http.StatusUnprocessableEntity, page)
	}
	if err := a.Provisioning.Remove(ctx, tenant, once.ID, by(c)); err != nil {
		return a.unfinished(err, removalUnfinished)
	}
	if drop {
		return a.dropHoldings(c, once.ID)
	}
	seeOther(c, integrationPath(once.ID, "/removed"))
	return nil
}

// What becomes of memberships and grants.
const (
	keepHoldings = "keep"
	dropHoldings = "drop"
)

// dropHoldings starts the job that takes what a removed integration gave, and
// shows its progress.
func (a *Admin) dropHoldings(c *gin.Context, id string) error {
	job, err := a.Provisioning.StartJob(c.Request.Context(), handlers.TenantOf(c), provisioning.JobDropHoldings,
		provisioning.HoldingsWish{Integration: id}, by(c))
	if err != nil {
		return explain(err)
	}
	seeOther(c, jobsPath+"/"+job.ID)
	return nil
}

// DropHoldingsForm: POST /admin/integrations/:id/removed.
func (a *Admin) DropHoldingsForm(c *gin.Context) error {
	if err := mayJob(c, provisioning.JobDropHoldings); err != nil {
		return err
	}
	page, err := a.removedPage(c)
	if err != nil {
		return err
	}
	if page.Confirm.Fault = confirmed(c, page.Name); page.Confirm.Fault != "" {
		return a.showAs(c, http.StatusUnprocessableEntity, page)
	}
	return a.dropHoldings(c, page.ID)
}

const (
	removalUnfinished = "It may be removed, but not every session is known to have ended. " + sendAgain
	signOutUnfinished = "Not every session is known to have ended. " + sendAgain
)

// sendAgain is what to do about it.
const sendAgain = "Send the request again until it succeeds: in a browser, load this page again. Without that they end within two minutes after the session store is back."

// unfinished says what to do about an act that a fault has cut short.
func (a *Admin) unfinished(err error, advice string) error {
	if a.Unavailable(err) {
		return &handlers.Fault{Code: handlers.Code(provisioning.StoreUnavailable), Public: advice, Err: err}
	}
	return explain(err)
}

// RemovedPage: GET /admin/integrations/:id/removed.
func (a *Admin) RemovedPage(c *gin.Context) error {
	page, err := a.removedPage(c)
	if err != nil {
		return err
	}
	return a.show(c, page)
}

func (a *Admin) removedPage(c *gin.Context) (web.RemovedIntegration, error) {
	n, left, err := a.Provisioning.HoldingsLeft(c.Request.Context(), handlers.TenantOf(c), c.Param("id"))
	if err != nil {
		return web.RemovedIntegration{}, explain(err)
	}
	resources, _, err := a.Provisioning.Resources(c.Request.Context(), handlers.TenantOf(c), provisioning.ResourceFilter{Integration: n.ID}, "", 1)
	if err != nil {
		return web.RemovedIntegration{}, explain(err)
	}
	ending, err := a.Provisioning.Ending(c.Request.Context(), handlers.TenantOf(c), n.ID)
	if err != nil {
		return web.RemovedIntegration{}, explain(err)
	}
	return web.RemovedIntegration{
		Ending: ending,
		Frame:  a.frame(c, integrationsPath, n.Name+" is removed"), ID: n.ID, Name: n.Name, At: *n.RemovedAt,
		People: left.People, Memberships: left.Memberships, Grants: left.Grants, More: left.More,
		Resources: len(resources) > 0,
		MayDrop:   mayJob(c, provisioning.JobDropHoldings) == nil, MayAudit: actorOf(c).May(admins.ReadAudit),
		MayUndo: actorOf(c).May(admins.WriteUsers), Confirm: web.Confirm{Word: n.Name},
	}, nil
}

// signOutPage previews whose sessions will end.
func (a *Admin) signOutPage(c *gin.Context, n provisioning.Installed) (web.SignEveryoneOut, error) {
	r, err := a.Provisioning.Removal(c.Request.Context(), handlers.TenantOf(c), n.ID)
	return web.SignEveryoneOut{
		IntegrationPage: a.integrationPage(c, n, "/sign-out"), Sessions: r.Sessions, SessionsMore: r.SessionsMore, SessionsUnknown: r.SessionsUnknown,
		Confirm: web.Confirm{Word: n.Name},
	}, explain(err)
}

// SignEveryoneOutPage: GET /admin/integrations/:id/sign-out.
func (a *Admin) SignEveryoneOutPage(c *gin.Context) error {
	n, err := a.integrationOf(c)
	if err != nil {
		return err
	}
	page, err := a.signOutPage(c, n)
	if err != nil {
		return err
	}
	return a.show(c, page)
}

// SignEveryoneOutForm: POST /admin/integrations/:id/sign-out.
func (a *Admin) SignEveryoneOutForm(c *gin.Context) error {
	n, err := a.integrationOf(c)
	if err != nil {
		return err
	}
	if fault := confirmed(c, n.Name); fault != "" {
		page, err := a.signOutPage(c, n)
		if err != nil {
			return err
		}
		page.Confirm.Fault = fault
		return a.showAs(c, http.StatusUnprocessableEntity, page)
	}
	if err := a.Provisioning.SignEveryoneOut(c.Request.Context(), handlers.TenantOf(c), n.ID, by(c)); err != nil {
		return a.unfinished(err, signOutUnfinished)
	}
	seeOther(c, integrationPath(n.ID, "?done=integration_signed_out"))
	return nil
}

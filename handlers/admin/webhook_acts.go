package admin

import (
	"errors"
	"net/http"
	"strconv"
	"time"

	"github.com/gin-gonic/gin"

	"usher/handlers"
	"usher/provisioning"
	"usher/sessions/admins"
	"usher/web"
)

// RollWebhookForm: POST /admin/webhooks/:id/secret. The answer itself shows the
// new secret.
func (a *Admin) RollWebhookForm(c *gin.Context) error {
	after, fault := time.Duration(0), "Choose one of these."
	for _, choice := range rollAfter {
		if c.PostForm("after") == strconv.FormatInt(int64(choice.after/time.Second), 10) {
			after, fault = choice.after, ""
		}
	}
	if fault != "" {
		return a.showWebhook(c, http.StatusUnprocessableEntity, webhookForms{wrong: faults{"after": fault}})
	}
	w, err := a.Webhooks.Roll(c.Request.Context(), handlers.TenantOf(c).ID, c.Param("id"), after, by(c))
	if wrong, ok := faultsOf(err); ok {
		return a.showWebhook(c, http.StatusUnprocessableEntity, webhookForms{wrong: wrong})
	}
	if err != nil {
		return explain(err)
	}
	return a.showWebhookSecret(c, "A secret for "+provisioning.WebhookOrigin(w.WebhookEndpoint), w)
}

// TestWebhookForm: POST /admin/webhooks/:id/test.
func (a *Admin) TestWebhookForm(c *gin.Context) error {
	event, err := a.Webhooks.Test(c.Request.Context(), handlers.TenantOf(c).ID, c.Param("id"), by(c))
	if wrong, ok := faultsOf(err); ok {
		return a.showWebhook(c, http.StatusUnprocessableEntity, webhookForms{fault: wrong["disabled"]})
	}
	if err != nil {
		return explain(err)
	}
	seeOther(c, webhooksPath+"/"+c.Param("id")+"/deliveries/"+event+"?done=webhook_tested")
	return nil
}

// ResendFailedForm: POST /admin/webhooks/:id/resend.
func (a *Admin) ResendFailedForm(c *gin.Context) error {
	since, err := time.Parse(minuteForm, c.PostForm("since"))
	if err != nil {
		return a.showWebhook(c, http.StatusUnprocessableEntity, webhookForms{wrong: faults{"since": "A time like 2030-01-31T12:00."}})
	}
	_, err = a.Webhooks.ResendFailed(c.Request.Context(), handlers.TenantOf(c).ID, c.Param("id"), since, by(c))
	if wrong, ok := faultsOf(err); ok {
		return a.showWebhook(c, http.StatusUnprocessableEntity, webhookForms{fault: wrong["disabled"]})
	}
	if err != nil {
		return explain(err)
	}
	seeOther(c, webhooksPath+"/"+c.Param("id")+"?state="+provisioning.DeliveryWaiting+"&done=webhook_resent")
	return nil
}

func deliveryRow(d provisioning.WebhookDelivery) web.DeliveryRow {
	row := web.DeliveryRow{
		Path: webhooksPath + "/" + d.EndpointID + "/deliveries/" + d.EventID, Event: d.EventID, Type: d.Type,
		State: web.Pill{Kind: "warn", Text: "waiting"}, Attempts: int64(d.Attempts), CreatedAt: d.CreatedAt,
	}
	switch d.State {
	case provisioning.DeliveryDelivered:
		row.State = web.Pill{Kind: "good", Text: "delivered"}
	case provisioning.DeliveryFailed:
		row.State = web.Pill{Kind: "bad", Text: "given up"}
	default:
		row.NextAt = &d.NextAt
	}
	return row
}

// attemptFaults put into words why an attempt failed.
var attemptFaults = map[string]string{
	provisioning.FaultStatus:   "the answer is no success",
	provisioning.FaultRedirect: "it redirects, which is not followed: change the address",
	provisioning.FaultTimeout:  "no whole answer in time",
	provisioning.FaultName:     "the host's name leads nowhere",
	provisioning.FaultTLS:      "no trusted connection",
	provisioning.FaultRefused:  "the address may not be called",
	provisioning.FaultNoAnswer: "no answer",
}

// DeliveryPage: GET /admin/webhooks/:id/deliveries/:event.
func (a *Admin) DeliveryPage(c *gin.Context) error { return a.showDelivery(c, http.StatusOK, "") }

func (a *Admin) showDelivery(c *gin.Context, status int, fault string) error {
	ctx, tenant := c.Request.Context(), handlers.TenantOf(c).ID
	d, err := a.Webhooks.Delivery(ctx, tenant, c.Param("id"), c.Param("event"))
	if err != nil {
		return explain(err)
	}
	w, err := a.Webhooks.Get(ctx, tenant, d.EndpointID)
	if err != nil {
		return explain(err)
	}
	page := web.DeliveryPage{
		Frame: a.frame(c, webhooksPath, d.Type), Write: actorOf(c).May(admins.WriteWebhooks), Disabled: w.DisabledAt != nil,
		Back: webhooksPath + "/" + w.ID, Origin: provisioning.WebhookOrigin(w.WebhookEndpoint), Fault: fault,
		DeliveryRow: deliveryRow(d.WebhookDelivery), FinishedAt: d.FinishedAt, Payload: d.Payload,
	}
	for _, one := range d.Log {
		page.Attempts = append(page.Attempts, web.AttemptRow{
			At: one.At, Milliseconds: one.Took, Status: one.Status, Fault: attemptFaults[one.Fault], Answer: one.Answer,
		})
	}
	return a.showAs(c, status, page)
}

// ResendForm: POST /admin/webhooks/:id/deliveries/:event/resend.
func (a *Admin) ResendForm(c *gin.Context) error {
	err := a.Webhooks.Resend(c.Request.Context(), handlers.TenantOf(c).ID, c.Param("id"), c.Param("event"), by(c))
	if wrong, ok := faultsOf(err); ok {
		return a.showDelivery(c, http.StatusUnprocessableEntity, wrong["disabled"])
	}
	if err != nil {
		return explain(err)
	}
	seeOther(c, webhooksPath+"/"+c.Param("id")+"/deliveries/"+c.Param("event")+"?done=webhook_resent")
	return nil
}

// DeleteWebhookPage: GET /admin/webhooks/:id/delete.
func (a *Admin) DeleteWebhookPage(c *gin.Context) error {
	return a.showWebhookDeletion(c, http.StatusOK, "", "")
}

func (a *Admin) showWebhookDeletion(c *gin.Context, status int, fault, confirmFault string) error {
	w, err := a.Webhooks.Get(c.Request.Context(), handlers.TenantOf(c).ID, c.Param("id"))
	if err != nil {
		return explain(err)
	}
	origin := provisioning.WebhookOrigin(w.WebhookEndpoint)
	return a.showAs(c, status, web.TokenRemoval{
		Frame: a.frame(c, webhooksPath, "Delete the endpoint at "+origin), Path: webhooksPath + "/" + w.ID, Back: origin,
		Effects: []string{"Nothing is sent there any more, also not what waits.", "Its secret and the log of what was sent are gone."},
		Submit:  "Delete the endpoint", Revision: w.Revision, Fault: fault, Confirm: web.Confirm{Word: origin, Fault: confirmFault},
	})
}

// DeleteWebhookForm: POST /admin/webhooks/:id/delete.
func (a *Admin) DeleteWebhookForm(c *gin.Context) error {
	ctx, tenant := c.Request.Context(), handlers.TenantOf(c).ID
	w, err := a.Webhooks.Get(ctx, tenant, c.Param("id"))
	if err != nil {
		return explain(err)
	}
	if fault := confirmed(c, provisioning.WebhookOrigin(w.WebhookEndpoint)); fault != "" {
		return a.showWebhookDeletion(c, http.StatusUnprocessableEntity, "", fault)
	}
	who := by(c)
	who.IfMatch = revisionOf(c)
	err = a.Webhooks.Delete(ctx, tenant, w.ID, who)
	if errors.Is(err, provisioning.ErrChanged) {
		return a.showWebhookDeletion(c, http.StatusConflict, changedFault, "")
	}
	if err != nil {
		return explain(err)
	}
	seeOther(c, webhooksPath+"?done=webhook_deleted")
	return nil
}

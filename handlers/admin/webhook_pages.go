package admin

import (
	"errors"
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/gin-gonic/gin"

	"usher/handlers"
	"usher/provisioning"
	"usher/sessions/admins"
	"usher/web"
)

// webhookState is how an endpoint stands.
func webhookState(e provisioning.WebhookEndpoint) web.Pill {
	switch {
	case e.DisabledAt != nil:
		return web.Pill{Kind: "bad", Text: "disabled"}
	case e.FailingSince != nil:
		return web.Pill{Kind: "warn", Text: "failing"}
	}
	return web.Pill{Kind: "good", Text: "enabled"}
}

// webhookTrouble says what is wrong with an endpoint, and what helps; "" =
// nothing.
func webhookTrouble(e provisioning.WebhookEndpoint) string {
	switch {
	case e.DisabledReason == provisioning.WebhookGone:
		return "It has answered 410, which means that nothing shall be sent there any more, and was disabled. What has changed since is not told to it."
	case e.DisabledReason == provisioning.WebhookFailing:
		return "It has only failed for five days, and was disabled. What has changed since is not told to it: once it is enabled again, the application should read from the API what is so now."
	case e.DisabledAt != nil:
		return "It is disabled: what changes meanwhile is not told to it."
	case e.FailingSince != nil:
		return "The last attempts have failed. Events are sent again for three days; after five days without a success the endpoint is disabled."
	}
	return ""
}

// webhooksInNeed adds the endpoints that the server has switched off, or that
// fail, to what needs attention, for those who may look at them.
func (a *Admin) webhooksInNeed(c *gin.Context, all []web.Attention) ([]web.Attention, error) {
	if !actorOf(c).May(admins.ReadWebhooks) {
		return all, nil
	}
	endpoints, err := a.Webhooks.List(c.Request.Context(), handlers.TenantOf(c).ID)
	if err != nil {
		return nil, explain(err)
	}
	var inNeed []web.Attention
	for _, e := range endpoints {
		if e.DisabledReason == provisioning.WebhookByHand || e.DisabledAt == nil && e.FailingSince == nil {
			continue
		}
		inNeed = append(inNeed, web.Attention{
			About: "Webhook " + provisioning.WebhookOrigin(e), Path: webhooksPath + "/" + e.ID, Text: webhookTrouble(e),
		})
	}
	return append(all, together(inNeed)...), nil
}

// mostWebhooksInNeed is how many endpoints the overview tells of one by one.
const mostWebhooksInNeed = 3

// together makes one line of very many endpoints, so that the overview's own
// figures stay in sight.
func together(inNeed []web.Attention) []web.Attention {
	if len(inNeed) <= mostWebhooksInNeed {
		return inNeed
	}
	return []web.Attention{{
		About: strconv.Itoa(len(inNeed)) + " webhooks", Path: webhooksPath,
		Text: "They fail, or were disabled because they did. The list says which, and the page of each what helps.",
	}}
}

// WebhooksPage: GET /admin/webhooks.
func (a *Admin) WebhooksPage(c *gin.Context) error {
	endpoints, err := a.Webhooks.List(c.Request.Context(), handlers.TenantOf(c).ID)
	if err != nil {
		return explain(err)
	}
	page := web.Webhooks{Frame: a.frame(c, webhooksPath, "Webhooks"), Write: actorOf(c).May(admins.WriteWebhooks)}
	for _, e := range endpoints {
		page.Webhooks = append(page.Webhooks, web.WebhookRow{
			Path: webhooksPath + "/" + e.ID, Origin: provisioning.WebhookOrigin(e), Description: e.Description, State: webhookState(e),
			Types: e.Types, CreatedAt: e.CreatedAt,
		})
	}
	return a.show(c, page)
}

// webhookFields are the fields of an endpoint as they are, or as they were sent.
func webhookFields(url, description string, types []string, wrong faults) []web.Field {
	events := web.Field{Name: "types", Label: "Events", Type: "checkbox"}
	events.Options = append(events.Options, web.Option{
		Value: provisioning.EveryEvent, Label: "All", Hint: "also those that later versions will have", Chosen: slices.Contains(types, provisioning.EveryEvent),
	})
	for _, t := range provisioning.EventTypes() {
		events.Options = append(events.Options, web.Option{Value: t.Name, Label: t.Name, Hint: t.About, Chosen: slices.Contains(types, t.Name)})
	}
	return []web.Field{
		wrong.field(web.Field{
			Name: "url", Label: "Address", Value: url, Required: true, Type: "url",
			Hint: "https, such as https://app.example/webhooks. It is told to those alone who may change endpoints.",
		}),
		wrong.field(web.Field{Name: "description", Label: "Description", Value: description, Hint: "For people."}),
		wrong.field(events),
	}
}

// AddWebhookPage: GET /admin/webhooks/new.
func (a *Admin) AddWebhookPage(c *gin.Context) error {
	return a.showNewWebhook(c, http.StatusOK, webhookFields("", "", []string{provisioning.EveryEvent}, nil))
}

func (a *Admin) showNewWebhook(c *gin.Context, status int, fields []web.Field) error {
	return a.showAs(c, status, web.NewWebhook{Frame: a.frame(c, webhooksPath, "New endpoint"), Fields: fields, Once: formToken(c)})
}

// sentWebhook is an endpoint as a form has sent it.
func sentWebhook(c *gin.Context) (url, description string, types []string) {
	return c.PostForm("url"), c.PostForm("description"), c.PostFormArray("types")
}

// AddWebhookForm: POST /admin/webhooks. The answer itself shows the secret.
func (a *Admin) AddWebhookForm(c *gin.Context) error {
	url, description, types := sentWebhook(c)
	made, err := a.Webhooks.Add(c.Request.Context(), handlers.TenantOf(c).ID,
		provisioning.WebhookWish{URL: &url, Description: &description, Types: &types}, by(c))
	if wrong, ok := faultsOf(err); ok {
		return a.showNewWebhook(c, http.StatusUnprocessableEntity, webhookFields(url, description, types, wrong))
	}
	if err != nil {
		return explain(err)
	}
	return a.showWebhookSecret(c, "The endpoint is made", made)
}

// showWebhookSecret answers with a new secret: there is no address under which it
// could be seen again.
func (a *Admin) showWebhookSecret(c *gin.Context, title string, w provisioning.Webhook) error {
	path := webhooksPath + "/" + w.ID
	a.made(c, path+"?done=secret_made_before")
	c.Header("Cache-Control", "no-store")
	return a.show(c, web.SecretMade{
		Frame: a.frame(c, webhooksPath, title), What: "Endpoint", Public: provisioning.WebhookOrigin(w.WebhookEndpoint),
		Secret: w.Secret, Back: path,
	})
}

// webhookForms are the forms of an endpoint's page as they were sent.
type webhookForms struct {
	fault  string
	wrong  faults
	change bool // the fields are as they were sent
}

// WebhookPage: GET /admin/webhooks/:id?state=&after=.
func (a *Admin) WebhookPage(c *gin.Context) error {
	return a.showWebhook(c, http.StatusOK, webhookForms{})
}

func (a *Admin) showWebhook(c *gin.Context, status int, sent webhookForms) error {
	ctx, tenant := c.Request.Context(), handlers.TenantOf(c).ID
	w, err := a.Webhooks.Get(ctx, tenant, c.Param("id"))
	if err != nil {
		return explain(err)
	}
	deliveries, next, err := a.Webhooks.Deliveries(ctx, tenant, w.ID, c.Query("state"), c.Query("after"))
	if err != nil {
		return explain(err)
	}
	path := webhooksPath + "/" + w.ID
	page := web.WebhookPage{
		Frame: a.frame(c, webhooksPath, provisioning.WebhookOrigin(w.WebhookEndpoint)), Write: actorOf(c).May(admins.WriteWebhooks),
		Path: path, Description: w.Description, State: webhookState(w.WebhookEndpoint), Disabled: w.DisabledAt != nil,
		Trouble: webhookTrouble(w.WebhookEndpoint), Types: w.Types, CreatedAt: w.CreatedAt, UpdatedAt: w.UpdatedAt,
		FailingSince: w.FailingSince, Revision: w.Revision, Fault: sent.fault, Once: formToken(c), Pager: pager(c, path, next),
		Since: sent.wrong.field(web.Field{
			Name: "since", Label: "Events since (UTC)", Type: "datetime-local", Required: true,
			Value: a.Now().UTC().Add(-24 * time.Hour).Format(minuteForm),
		}),
		Roll: rollField(sent.wrong),
	}
	if page.Write {
		page.URL = w.URL
		url, description, types := w.URL, w.Description, w.Types
		var wrong faults
		if sent.change {
			url, description, types = sentWebhook(c)
			wrong = sent.wrong
		}
		page.Fields = webhookFields(url, description, types, wrong)
	}
	for _, k := range w.Secrets {
		page.Secrets = append(page.Secrets, web.WebhookSecretRow{CreatedAt: k.CreatedAt, ExpiresAt: k.ExpiresAt})
	}
	for _, s := range []struct{ label, state string }{
		{"All", ""},
		{"Waiting", provisioning.DeliveryWaiting},
		{"Delivered", provisioning.DeliveryDelivered},
		{"Given up", provisioning.DeliveryFailed},
	} {
		to := path
		if s.state != "" {
			to += "?state=" + s.state
		}
		page.States = append(page.States, web.NavItem{Label: s.label, Path: to, Current: c.Query("state") == s.state})
	}
	for _, d := range deliveries {
		page.Deliveries = append(page.Deliveries, deliveryRow(d))
	}
	return a.showAs(c, status, page)
}

// minuteForm is how a browser sends a datetime-local.
const minuteForm = "2006-01-02T15:04"

// rollField asks for how long the old secret goes on signing.
func rollField(wrong faults) web.Field {
	field := web.Field{Name: "after", Label: "The old secret signs as well for", Type: "select"}
	for _, choice := range rollAfter {
		field.Options = append(field.Options, web.Option{
			Value: strconv.FormatInt(int64(choice.after/time.Second), 10), Label: choice.label, Chosen: choice.after == provisioning.DefaultRollAfter,
		})
	}
	return wrong.field(field)
}

var rollAfter = []struct {
	after time.Duration
	label string
}{
	{time.Hour, "an hour"},
	{provisioning.DefaultRollAfter, "a day"},
	{provisioning.MaxRollAfter, "a week"},
	{0, "no time: it is destroyed now"},
}

// ChangeWebhookForm: POST /admin/webhooks/:id.
func (a *Admin) ChangeWebhookForm(c *gin.Context) error {
	url, description, types := sentWebhook(c)
	who := by(c)
	who.IfMatch = revisionOf(c)
	wish := provisioning.WebhookWish{URL: &url, Description: &description, Types: &types}
	return a.changeWebhook(c, wish, who, "saved")
}

// EnableWebhookForm: POST /admin/webhooks/:id/enable and …/disable.
func (a *Admin) EnableWebhookForm(enable bool) handlers.Handler {
	disabled := !enable
	return func(c *gin.Context) error {
		return a.changeWebhook(c, provisioning.WebhookWish{Disabled: &disabled}, by(c), "saved")
	}
}

func (a *Admin) changeWebhook(c *gin.Context, wish provisioning.WebhookWish, who provisioning.By, done string) error {
	w, err := a.Webhooks.Change(c.Request.Context(), handlers.TenantOf(c).ID, c.Param("id"), wish, who)
	if errors.Is(err, provisioning.ErrChanged) {
		return a.showWebhook(c, http.StatusConflict, webhookForms{fault: changedFault})
	}
	if wrong, ok := faultsOf(err); ok {
		return a.showWebhook(c, http.StatusUnprocessableEntity, webhookForms{wrong: wrong, change: true})
	}
	if err != nil {
		return explain(err)
	}
	seeOther(c, webhooksPath+"/"+w.ID+"?done="+done)
	return nil
}

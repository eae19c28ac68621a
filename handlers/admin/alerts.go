package admin

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"github.com/gin-gonic/gin"

	"usher/handlers"
	"usher/provisioning"
	"usher/sessions/admins"
	"usher/web"
)

// alertAnswer is an alert of the drift guard in the API.
type alertAnswer struct {
	ID            string     `json:"id"`
	Integration   string     `json:"integration"`
	Kind          string     `json:"kind"`  // groups_emptied or claim_vanished
	Claim         string     `json:"claim"` // groups, credits or meta
	State         string     `json:"state"` // open, holding, released or dismissed
	ReleasedUntil *time.Time `json:"released_until"`
	Emptied       int64      `json:"emptied"` // people who lost their last group before the guard held
	Held          int64      `json:"held"`    // people who keep theirs
	OpenedAt      time.Time  `json:"opened_at"`
	ChangedAt     time.Time  `json:"changed_at"`
}

func answerAlert(alert provisioning.DriftAlert) alertAnswer {
	return alertAnswer{
		ID: alert.ID, Integration: alert.IntegrationID, Kind: alert.Kind, Claim: alert.Claim, State: alert.State,
		ReleasedUntil: inUTC(alert.ReleasedUntil), Emptied: alert.Emptied, Held: alert.Held, OpenedAt: alert.OpenedAt,
		ChangedAt: alert.ChangedAt,
	}
}

// Alerts: GET /admin/api/v1/alerts.
func (a *Admin) Alerts(c *gin.Context) error {
	alerts, err := a.Provisioning.Alerts(c.Request.Context(), handlers.TenantOf(c))
	if err != nil {
		return explain(err)
	}
	answers := []alertAnswer{}
	for _, alert := range alerts {
		answers = append(answers, answerAlert(alert))
	}
	c.JSON(http.StatusOK, gin.H{"alerts": answers})
	return nil
}

// DecideAlert: PATCH /admin/api/v1/alerts/:id with {"decision", "until"?}.
func (a *Admin) DecideAlert(c *gin.Context) error {
	var body struct {
		Decision string    `json:"decision"`
		Until    time.Time `json:"until"`
	}
	if err := read(c, &body); err != nil {
		return err
	}
	if err := a.Provisioning.DecideAlert(c.Request.Context(), handlers.TenantOf(c), c.Param("id"), body.Decision, body.Until, by(c)); err != nil {
		return explain(err)
	}
	return noContent(c)
}

// AlertsPage: GET /admin/alerts.
func (a *Admin) AlertsPage(c *gin.Context) error {
	ctx, tenant := c.Request.Context(), handlers.TenantOf(c)
	alerts, err := a.Provisioning.Alerts(ctx, tenant)
	if err != nil {
		return explain(err)
	}
	page := web.AdminAlerts{Frame: a.frame(c, alertsPath, "Alerts")}
	for _, alert := range alerts {
		n, err := a.Provisioning.IntegrationOnceInstalled(ctx, tenant, alert.IntegrationID)
		if err != nil {
			return explain(err)
		}
		page.Alerts = append(page.Alerts, alertRow(alert, n.Name))
	}
	return a.show(c, page)
}

// alertStates are the states as pills.
var alertStates = map[string]web.Pill{
	"open": {Kind: "bad", Text: "open"}, "holding": {Kind: "warn", Text: "held"},
	"released": {Kind: "warn", Text: "let through"}, "dismissed": {Kind: "plain", Text: "dismissed"},
}

func alertRow(alert provisioning.DriftAlert, integration string) web.AdminAlertRow {
	row := web.AdminAlertRow{
		Path: alertsPath + "/" + alert.ID, Integration: integration, State: alertStates[alert.State], OpenedAt: alert.OpenedAt,
	}
	switch {
	case emptied(alert):
		row.Text = "Groups come empty for one person after another"
	default:
		row.Text = "Links do not have “" + alert.Claim + "” any more"
		if alert.State == "open" {
			row.State = web.Pill{Kind: "warn", Text: "open"}
		}
	}
	return row
}

// emptied reports which of the two kinds an alert is.
func emptied(alert provisioning.DriftAlert) bool { return alert.Kind == "groups_emptied" }

// AlertPage: GET /admin/alerts/:id.
func (a *Admin) AlertPage(c *gin.Context) error {
	page, err := a.alertPage(c)
	if err != nil {
		return err
	}
	return a.show(c, page)
}

// releases are for how long removals may be let through, by the form's values.
var releases = []struct {
	value, label string
	time         time.Duration
}{
	{"1h", "one hour", time.Hour}, {"24h", "a day", 24 * time.Hour}, {"168h", "a week", 7 * 24 * time.Hour},
}

func (a *Admin) alertPage(c *gin.Context) (web.AdminAlert, error) {
	ctx, tenant := c.Request.Context(), handlers.TenantOf(c)
	alerts, err := a.Provisioning.Alerts(ctx, tenant)
	if err != nil {
		return web.AdminAlert{}, explain(err)
	}
	for _, alert := range alerts {
		if alert.ID != c.Param("id") {
			continue
		}
		n, err := a.Provisioning.Integration(ctx, tenant, alert.IntegrationID)
		if err != nil {
			return web.AdminAlert{}, explain(err)
		}
		return a.shownAlert(c, alert, n.Name), nil
	}
	return web.AdminAlert{}, &handlers.Fault{Code: handlers.NotFound}
}

func (a *Admin) shownAlert(c *gin.Context, alert provisioning.DriftAlert, integration string) web.AdminAlert {
	row := alertRow(alert, integration)
	page := web.AdminAlert{
		Frame: a.frame(c, alertsPath, row.Text), AdminAlertRow: row, IntegrationPath: integrationPath(alert.IntegrationID, ""),
		Emptied: alert.Emptied, Held: alert.Held, GroupsEmptied: emptied(alert), Dismissed: alert.State == "dismissed",
		Release: web.Field{Name: "until", Label: "For", Type: "select"}, Confirm: web.Confirm{Word: integration},
	}
	for _, r := range releases {
		page.Release.Options = append(page.Release.Options, web.Option{Value: r.value, Label: r.label})
	}
	if alert.State == "released" {
		page.ReleasedUntil = alert.ReleasedUntil
	}
	if actorOf(c).May(admins.WriteIntegrations) {
		page.Decide = row.Path
	}
	if !page.GroupsEmptied {
		page.Explanation = []string{fmt.Sprintf(
			"Nearly every sign-in had the claim “%s”, and lately none has. Nothing is removed because of it: what a token leaves out stays as it is.", alert.Claim,
		)}
		return page
	}
	page.Explanation = []string{
		"One sign-in after another came with a list of groups that is empty, or has only unknown ones. The people got in, and the rest of their links was applied.",
	}
	if alert.State == "open" || alert.State == "holding" {
		page.Explanation = append(page.Explanation, "Until you decide, such a list takes no group from anybody. A list with at least one group that exists still takes the others away, as usual.")
	}
	if alert.Emptied > 0 && actorOf(c).May(admins.ReadUsers) {
		page.UndoPath = undoPath + "?emptied=" + url.QueryEscape(alert.IntegrationID)
	}
	return page
}

// DecideAlertForm: POST /admin/alerts/:id.
func (a *Admin) DecideAlertForm(c *gin.Context) error {
	page, err := a.alertPage(c)
	if err != nil {
		return err
	}
	decision, until := c.PostForm("decision"), time.Time{}
	if decision == provisioning.DecideRelease {
		if page.Confirm.Fault = confirmed(c, page.Confirm.Word); page.Confirm.Fault != "" {
			return a.showAs(c, http.StatusUnprocessableEntity, page)
		}
		for _, r := range releases {
			if r.value == c.PostForm("until") {
				until = a.Now().Add(r.time)
			}
		}
	}
	err = a.Provisioning.DecideAlert(c.Request.Context(), handlers.TenantOf(c), c.Param("id"), decision, until, by(c))
	var invalid *provisioning.Invalid
	if errors.As(err, &invalid) {
		page.Fault = err.Error()
		return a.showAs(c, http.StatusUnprocessableEntity, page)
	} else if err != nil {
		return explain(err)
	}
	if decision == provisioning.DecideClose {
		seeOther(c, alertsPath+"?done=alert_decided")
		return nil
	}
	seeOther(c, alertsPath+"/"+c.Param("id")+"?done=alert_decided")
	return nil
}

package admin

import (
	"math"
	"strings"
	"time"

	"github.com/gin-gonic/gin"

	"usher/handlers"
	"usher/provisioning"
	"usher/sessions/admins"
	"usher/web"
)

// IntegrationsPage: GET /admin/integrations.
func (a *Admin) IntegrationsPage(c *gin.Context) error {
	ctx, tenant := c.Request.Context(), handlers.TenantOf(c)
	all, err := a.Provisioning.Integrations(ctx, tenant)
	if err != nil {
		return explain(err)
	}
	page := web.Integrations{
		Frame:      a.frame(c, integrationsPath, "Integrations"),
		MayInstall: actorOf(c).May(admins.WriteIntegrations),
	}
	removed, err := a.Provisioning.Removed(ctx, tenant)
	if err != nil {
		return explain(err)
	}
	for i, n := range removed {
		if i == maxRemoved {
			break
		}
		page.Removed = append(page.Removed, web.RemovedRow{ID: n.ID, Name: n.Name, At: *n.RemovedAt})
	}
	reports, err := a.Provisioning.Health(ctx, tenant)
	if err != nil {
		return explain(err)
	}
	for _, n := range all {
		page.Cards = append(page.Cards, a.integrationCard(n, healthOf(reports, n)))
	}
	return a.show(c, page)
}

// maxRemoved is how many removed integrations are listed.
const maxRemoved = 20

// healthOf finds an integration's report; there is none yet for one that was
// installed this very moment.
func healthOf(reports []provisioning.Health, n provisioning.Installed) provisioning.Health {
	for _, h := range reports {
		if h.ID == n.ID {
			return h
		}
	}
	return provisioning.Health{ID: n.ID, Name: n.Name}
}

func (a *Admin) integrationCard(n provisioning.Installed, h provisioning.Health) web.IntegrationCard {
	card := web.IntegrationCard{
		ID: n.ID, Name: n.Name, AppID: n.AppID, NeverExpires: n.MaxAge == 0,
		SignIns: h.Day.SignIns, Refused: h.Day.Refused, LastSignIn: h.LastSignIn,
	}
	for _, k := range n.Keys {
		if k.RetiresAt == nil || k.RetiresAt.After(a.Now()) {
			card.Keys++
		}
		if k.RetiresAt != nil && k.RetiresAt.After(a.Now()) && (card.KeyEnds.IsZero() || k.RetiresAt.Before(card.KeyEnds)) {
			card.KeyEnds = *k.RetiresAt
		}
	}
	for _, alert := range h.Alerts {
		card.Attention = append(card.Attention, attention(h, alert, integrationPath(n.ID, "")))
	}
	return card
}

// integrationOf finds the integration that the path names.
func (a *Admin) integrationOf(c *gin.Context) (provisioning.Installed, error) {
	n, err := a.Provisioning.Integration(c.Request.Context(), handlers.TenantOf(c), c.Param("id"))
	return n, explain(err)
}

// integrationPage is what surrounds a page of one integration. tab is the part
// of its path behind the id.
func (a *Admin) integrationPage(c *gin.Context, n provisioning.Installed, tab string) web.IntegrationPage {
	page := web.IntegrationPage{
		Frame: a.frame(c, integrationsPath, n.Name), ID: n.ID, Name: n.Name, AppID: n.AppID,
		MayChange: actorOf(c).May(admins.WriteIntegrations),
	}
	for _, t := range []struct {
		label, path string
		change      bool
	}{
		{"Health", "", false},
		{"Keys", "/keys", false},
		{"Quick start", "/quick-start", false},
		{"SCIM", "/scim", false},
		{"Settings", "/settings", true},
		{"Remove", "/remove", true},
	} {
		if !t.change || page.MayChange {
			page.Tabs = append(page.Tabs, web.NavItem{Label: t.label, Path: integrationPath(n.ID, t.path), Current: t.path == tab})
		}
	}
	return page
}

// IntegrationPage: GET /admin/integrations/:id.
func (a *Admin) IntegrationPage(c *gin.Context) error {
	ctx, tenant := c.Request.Context(), handlers.TenantOf(c)
	n, err := a.integrationOf(c)
	if err != nil {
		// The logs lead to removed ones as well.
		if once, gone := a.Provisioning.IntegrationOnceInstalled(ctx, tenant, c.Param("id")); gone == nil && once.RemovedAt != nil {
			seeOther(c, integrationPath(once.ID, "/removed"))
			return nil
		}
		return err
	}
	keys, err := a.keyRows(c, n)
	if err != nil {
		return err
	}
	reports, err := a.Provisioning.Health(ctx, tenant)
	if err != nil {
		return explain(err)
	}
	health := healthOf(reports, n)
	clock, err := a.Provisioning.ClockOf(ctx, tenant, n.ID)
	if err != nil {
		return explain(err)
	}
	unknown, err := a.Provisioning.UnknownNames(ctx, tenant, n.ID)
	if err != nil {
		return explain(err)
	}
	page := web.Integration{
		IntegrationPage: a.integrationPage(c, n, ""), Endpoint: a.callbackURL(c), Issuer: n.Issuer, MaxAge: n.MaxAge,
		Leeway: n.Leeway, LandingPage: n.LandingPage, SignInURL: n.SignInURL, Created: n.CreatedAt,
		LastSignIn: health.LastSignIn, SignIns: health.Week.SignIns, Refused: health.Week.Refused,
		Keys: keys, Clock: clockCard(clock, n), MayCatalogue: actorOf(c).May(admins.WriteCatalog),
	}
	if page.Set, err = a.keySetCard(c, n.Integration); err != nil {
		return err
	}
	for _, alert := range health.Alerts {
		page.Attention = append(page.Attention, attention(health, alert, ""))
	}
	for _, u := range unknown {
		label := web.Field{Name: "label", Form: u.Kind + "-" + u.Name, Label: "Name of group " + u.Name, Value: u.Name, Autocomplete: "off"}
		if u.Kind == provisioning.KindCredit {
			label.Label, label.Value = "Name of credit "+u.Name, "Credit "+u.Name
		}
		page.Unknown = append(page.Unknown, web.UnknownRow{Kind: u.Kind, Name: u.Name, Count: u.Count, Last: u.LastSeen, Label: label})
	}
	return a.show(c, page)
}

// clockCard draws the span in which links arrive beside the one in which they
// are accepted.
func clockCard(clock provisioning.Clock, n provisioning.Installed) web.ClockCard {
	card := web.ClockCard{N: clock.N, Median: clock.Median, Low: clock.Low, High: clock.High}
	card.Tone, card.Sentence = clock.Advice(n.MaxAge, n.Leeway)
	if card.Tone == "" {
		return card
	}
	const width = 600
	// The axis takes in both spans, but stray links must not squeeze the one
	// in which links are accepted.
	from, to := min(-n.Leeway, clock.Low), clock.High
	if n.MaxAge > 0 {
		room := n.MaxAge + 2*n.Leeway
		from, to = max(from, -n.Leeway-room), min(max(to, n.MaxAge+n.Leeway), n.MaxAge+n.Leeway+room)
	}
	margin := (to-from)/20 + time.Second
	from, to = from-margin, to+margin
	x := func(d time.Duration) int {
		return int(math.Round(width * float64(min(max(d, from), to)-from) / float64(to-from)))
	}
	scale := &web.ClockScale{
		From: x(-n.Leeway), Zero: x(0), Low: x(clock.Low), Median: x(clock.Median), Ends: n.MaxAge > 0,
		Width: max(x(clock.High)-x(clock.Low), 4),
	}
	end := width
	if scale.Ends {
		end = x(n.MaxAge + n.Leeway)
	}
	scale.Accepted = end - scale.From
	card.Scale = scale
	return card
}

// CreateUnknownForm: POST /admin/integrations/:id/unknown.
func (a *Admin) CreateUnknownForm(c *gin.Context) error {
	n, err := a.integrationOf(c)
	if err != nil {
		return err
	}
	err = a.Provisioning.CreateUnknown(c.Request.Context(), handlers.TenantOf(c), n.ID, c.PostForm("kind"), c.PostForm("name"), c.PostForm("label"), by(c))
	if err != nil {
		return explain(err)
	}
	seeOther(c, integrationPath(n.ID, "?done="+c.PostForm("kind")+"_created"))
	return nil
}

// QuickStartPage: GET /admin/integrations/:id/quick-start?language=.
func (a *Admin) QuickStartPage(c *gin.Context) error {
	n, err := a.integrationOf(c)
	if err != nil {
		return err
	}
	snippets, err := a.quickStart(c, n)
	if err != nil {
		return err
	}
	page := web.IntegrationQuickStart{IntegrationPage: a.integrationPage(c, n, "/quick-start"), Snippet: snippets[0]}
	for _, s := range snippets {
		if s.ID == c.Query("language") {
			page.Snippet = s
		}
	}
	for _, s := range snippets {
		page.Languages = append(page.Languages, web.NavItem{
			Label: s.Language, Path: integrationPath(n.ID, "/quick-start?language="+s.ID), Current: s.ID == page.Snippet.ID,
		})
	}
	key, err := a.quickStartKey(c, n)
	if err != nil {
		return err
	}
	page.Secret = strings.HasPrefix(key.Algorithm, "HS")
	return a.show(c, page)
}

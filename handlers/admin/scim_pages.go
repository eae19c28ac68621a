package admin

import (
	"errors"
	"net/http"
	"net/url"

	"github.com/gin-gonic/gin"

	"usher/handlers"
	"usher/provisioning"
	"usher/web"
)

// scimSubjects are what can become the sub, as the form offers it.
var scimSubjects = []web.Option{
	{Value: "external_id", Label: "externalId", Hint: "what the directory knows the person by; the usual choice"},
	{Value: "user_name", Label: "userName", Hint: "if the partner's links have that for sub"},
	{Value: "none", Label: "neither", Hint: "if the partner's links have no sub: people are told apart by their e-mails"},
}

func scimPath(id string) string { return integrationPath(id, "/scim") }

// scimPage is the page of an integration's directory as it is.
func (a *Admin) scimPage(c *gin.Context, n provisioning.Installed) (web.IntegrationSCIM, error) {
	connection, tokens, err := a.Provisioning.SCIM(c.Request.Context(), handlers.TenantOf(c), n.ID)
	if err != nil {
		return web.IntegrationSCIM{}, explain(err)
	}
	page := web.IntegrationSCIM{
		IntegrationPage: a.integrationPage(c, n, "/scim"), BaseURL: a.scimURL(c), Revision: connection.Revision, Once: formToken(c),
		Subject: web.Field{
			Name: "subject", Label: "The sub of the partner's links is the directory's", Type: "radio",
			Options: append([]web.Option(nil), scimSubjects...),
		},
	}
	page.Rate = a.rateField(handlers.RateSCIM, rateShown(connection.Rate))
	choose(&page.Subject, connection.Subject)
	live := 0
	for _, t := range tokens {
		row := web.SCIMTokenRow{Name: t.Name, Ending: t.Ending, State: "active", ExpiresAt: t.ExpiresAt, UsedAt: t.UsedAt}
		switch {
		case t.RevokedAt != nil:
			row.State = "revoked"
		case !t.Live(a.Now()):
			row.State = "expired"
		default:
			live++
			if page.MayChange {
				row.Revoke = scimPath(n.ID) + "/tokens/" + url.PathEscape(t.ID) + "/revoke"
			}
		}
		page.Tokens = append(page.Tokens, row)
	}
	page.Full = live >= provisioning.MaxSCIMTokens
	if page.MayChange {
		page.Make = scimTokenFields("", "365")
	}
	return page, nil
}

func scimTokenFields(name, life string) []web.Field {
	lives := web.Field{Name: "life", Label: "It ends after", Type: "select"}
	for _, l := range keyLives {
		lives.Options = append(lives.Options, web.Option{Value: l.value, Label: l.label, Chosen: l.value == life})
	}
	return []web.Field{
		{Name: "name", Label: "Name", Value: name, Hint: "The directory that gets it.", Required: true}, lives,
	}
}

// SCIMPage: GET /admin/integrations/:id/scim.
func (a *Admin) SCIMPage(c *gin.Context) error {
	n, err := a.integrationOf(c)
	if err != nil {
		return err
	}
	page, err := a.scimPage(c, n)
	if err != nil {
		return err
	}
	return a.show(c, page)
}

// ChangeSCIMForm: POST /admin/integrations/:id/scim.
func (a *Admin) ChangeSCIMForm(c *gin.Context) error {
	n, err := a.integrationOf(c)
	if err != nil {
		return err
	}
	who := by(c)
	who.IfMatch = revisionOf(c)
	subject := c.PostForm("subject")
	wish := provisioning.SCIMSettings{Subject: &subject}
	rate, rated := c.GetPostForm("rate")
	if rated { // no earlier version has shown the form
		wish.Rate = rateSent(rate)
	}
	_, err = a.Provisioning.ChangeSCIM(c.Request.Context(), handlers.TenantOf(c), n.ID, wish, who)
	found, wrong := faultsOf(err)
	switch {
	case err == nil:
		seeOther(c, scimPath(n.ID)+"?done=scim_changed")
		return nil
	case !wrong && !errors.Is(err, provisioning.ErrChanged):
		return explain(err)
	}
	page, err := a.scimPage(c, n)
	if err != nil {
		return err
	}
	if page.Changed = !wrong; page.Changed {
		return a.showAs(c, http.StatusConflict, page)
	}
	choose(&page.Subject, subject)
	if rated {
		page.Rate.Value = rate
	}
	found.point(&page.Subject, &page.Rate)
	return a.showAs(c, http.StatusUnprocessableEntity, page)
}

// MakeSCIMTokenForm: POST /admin/integrations/:id/scim/tokens. The answer itself
// shows the token: there is no address under which it could be seen again.
func (a *Admin) MakeSCIMTokenForm(c *gin.Context) error {
	n, err := a.integrationOf(c)
	if err != nil {
		return err
	}
	wish, life, known := provisioning.NewSCIMToken{Name: c.PostForm("name")}, c.PostForm("life"), false
	for _, l := range keyLives {
		if known = known || l.value == life; l.value == life && l.days > 0 {
			at := a.Now().AddDate(0, 0, l.days)
			wish.Expires = &at
		}
	}
	if !known {
		return badRequest("life: one of the choices of the form.")
	}
	t, token, err := a.Provisioning.MakeSCIMToken(c.Request.Context(), handlers.TenantOf(c), n.ID, wish, by(c))
	if found, ok := faultsOf(err); ok {
		page, err := a.scimPage(c, n)
		if err != nil {
			return err
		}
		page.Make, page.Fault = scimTokenFields(wish.Name, life), found["tokens"]
		found.mark(page.Make)
		return a.showAs(c, http.StatusUnprocessableEntity, page)
	} else if err != nil {
		return explain(err)
	}
	a.made(c, scimPath(n.ID)+"?done=scim_token_made_before")
	c.Header("Cache-Control", "no-store")
	return a.show(c, web.SCIMTokenMade{
		IntegrationPage: a.integrationPage(c, n, "/scim"), TokenName: t.Name, Token: token, Expires: t.ExpiresAt, BaseURL: a.scimURL(c),
		Example: "curl -H 'Authorization: Bearer " + token + "' " + a.scimURL(c) + "/Users", Back: scimPath(n.ID),
	})
}

// scimTokenOf finds the live token that the path names, and the page that asks
// about it.
func (a *Admin) scimTokenOf(c *gin.Context) (provisioning.Installed, web.RevokeSCIMToken, error) {
	n, err := a.integrationOf(c)
	if err != nil {
		return n, web.RevokeSCIMToken{}, err
	}
	t, err := a.Provisioning.SCIMToken(c.Request.Context(), handlers.TenantOf(c), n.ID, c.Param("token"))
	if err != nil {
		return n, web.RevokeSCIMToken{}, explain(err)
	}
	used := "It has never been used."
	if t.UsedAt != nil {
		used = "It was last used at " + t.UsedAt.UTC().Format("15:04 UTC on 2 January 2006") + "."
	}
	return n, web.RevokeSCIMToken{
		IntegrationPage: a.integrationPage(c, n, "/scim"),
		What:            "The token usc_…" + t.Ending + " will be refused from now on.",
		Effects: []string{
			used, "Who is disabled, and who is in which group, stays as it is.", "It cannot be brought back; a new one can be made.",
		},
		Action: scimPath(n.ID) + "/tokens/" + url.PathEscape(t.ID) + "/revoke", Back: scimPath(n.ID), Confirm: web.Confirm{Word: t.Name},
	}, nil
}

// RevokeSCIMTokenPage: GET /admin/integrations/:id/scim/tokens/:token/revoke.
func (a *Admin) RevokeSCIMTokenPage(c *gin.Context) error {
	_, page, err := a.scimTokenOf(c)
	if err != nil {
		return err
	}
	return a.show(c, page)
}

// RevokeSCIMTokenForm: POST /admin/integrations/:id/scim/tokens/:token/revoke.
func (a *Admin) RevokeSCIMTokenForm(c *gin.Context) error {
	n, page, err := a.scimTokenOf(c)
	if err != nil {
		return err
	}
	if page.Confirm.Fault = confirmed(c, page.Confirm.Word); page.Confirm.Fault != "" {
		return a.showAs(c, http.StatusUnprocessableEntity, page)
	}
	err = a.Provisioning.RevokeSCIMToken(c.Request.Context(), handlers.TenantOf(c), n.ID, c.Param("token"), by(c))
	if err != nil {
		return explain(err)
	}
	seeOther(c, scimPath(n.ID)+"?done=scim_token_revoked")
	return nil
}

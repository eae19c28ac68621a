package admin

import (
	"errors"
	"fmt"
	"net/http"
	"slices"

	"github.com/gin-gonic/gin"

	"usher/handlers"
	"usher/provisioning"
	"usher/web"
)

// MergeUserPage: GET /admin/users/:id/merge?q= looks for the other user, and
// with ?from= it says what merging that one into this one will do.
func (a *Admin) MergeUserPage(c *gin.Context) error {
	profile, err := a.profile(c)
	if err != nil {
		return err
	}
	page := a.mergePage(c, profile)
	if from := c.Query("from"); from != "" {
		status, err := a.previewMerge(c, &page, from)
		if err != nil {
			return err
		}
		return a.showAs(c, status, page)
	}
	if page.From.Value == "" {
		return a.show(c, page)
	}
	found, _, err := a.Provisioning.Users(c.Request.Context(), handlers.TenantOf(c), provisioning.UserFilter{Search: page.From.Value}, "")
	if found, ok := faultsOf(err); ok {
		found.point(&page.From)
		return a.showAs(c, http.StatusUnprocessableEntity, page)
	}
	if err != nil {
		return explain(err)
	}
	for _, row := range userRows(found) {
		if row.ID != profile.ID && (row.Status == "active" || row.Status == "disabled") {
			page.Choices = append(page.Choices, row)
		}
	}
	if len(page.Choices) == 0 {
		page.From.Fault = "Nobody else who could be merged is found like that."
	}
	return a.show(c, page)
}

func (a *Admin) mergePage(c *gin.Context, profile provisioning.Profile) web.MergeUsers {
	return web.MergeUsers{
		Frame: a.frame(c, usersPath, "Merge a user into "+nameOf(profile)), UserHead: headOf(profile),
		From: web.Field{
			Name: "q", Label: "Who is the same person?", Hint: "How the address begins, or the whole sub or id.", Type: "search",
			Value: c.Query("q"),
		},
	}
}

// previewMerge puts into a page what merging the user from will do, or why it
// cannot be done.
func (a *Admin) previewMerge(c *gin.Context, page *web.MergeUsers, from string) (status int, err error) {
	m, err := a.Provisioning.PlanMerge(c.Request.Context(), handlers.TenantOf(c), page.ID, from)
	if found, ok := faultsOf(err); ok {
		page.Merging = &web.Merging{Fault: found["from"]}
		return http.StatusUnprocessableEntity, nil
	}
	if err != nil {
		return 0, explain(err)
	}
	n, err := a.names(c)
	if err != nil {
		return 0, err
	}
	gone, err := a.Provisioning.Profile(c.Request.Context(), handlers.TenantOf(c), from)
	if err != nil {
		return 0, explain(err)
	}
	page.Merging = &web.Merging{
		Gone: headOf(gone), Seen: m.Seen, Confirm: web.Confirm{Word: wordOf(gone)},
		Effects: append(n.mergerInWords(m), web.Effect{
			Kind: "remove", Text: "Of " + nameOf(gone) + ": " + a.sessionsToEnd(c, from),
		}),
		Keeps: []web.UserFact{{Label: "E-mail", Value: m.Keep.Email}, {Label: "Profile", Value: "of " + page.Name}},
	}
	return http.StatusOK, nil
}

// MergeUserForm: POST /admin/users/:id/merge with from, seen and confirm.
func (a *Admin) MergeUserForm(c *gin.Context) error {
	ctx, tenant := c.Request.Context(), handlers.TenantOf(c)
	profile, err := a.profile(c)
	if err != nil {
		return err
	}
	from := c.PostForm("from")
	gone, err := a.Provisioning.Profile(ctx, tenant, from)
	if err != nil {
		return explain(err)
	}
	again := func(fault string) error {
		page := a.mergePage(c, profile)
		status, err := a.previewMerge(c, &page, from)
		if err != nil {
			return err
		}
		if status == http.StatusOK {
			page.Merging.Confirm.Fault = fault
			status = http.StatusUnprocessableEntity
		}
		return a.showAs(c, status, page)
	}
	if fault := confirmed(c, wordOf(gone)); fault != "" {
		return again(fault)
	}
	if c.PostForm("seen") == "" {
		return badRequest("seen: send what the preview has there.")
	}
	_, err = a.Provisioning.Merge(ctx, tenant, profile.ID, from, c.PostForm("seen"), by(c))
	_, refused := faultsOf(err)
	switch {
	case refused:
		return again("")
	case errors.Is(err, provisioning.ErrChanged):
		return again("One of the two has changed since you looked. Look again at what will happen. Nothing has been done.")
	case err != nil:
		return a.unfinished(err, halfDone)
	}
	seeOther(c, userPath(profile.ID)+"?done=users_merged")
	return nil
}

// mergerInWords is the preview of a merger, line by line.
func (n names) mergerInWords(m provisioning.Merging) []web.Effect {
	var effects []web.Effect
	add := func(text string) { effects = append(effects, web.Effect{Kind: "add", Text: text}) }
	for _, identity := range m.Identities {
		text := "A way in from " + n.of(identity.IntegrationID)
		if identity.Subject != nil {
			text += ", sub “" + *identity.Subject + "”"
		}
		if identity.EmailKey != nil {
			text += ", address " + *identity.EmailKey
		}
		add(text)
	}
	joined := map[string]bool{}
	for _, r := range m.Joined {
		joined[r.GroupID] = true
	}
	for _, r := range m.Memberships {
		text := "The group " + r.ExternalID + ", " + n.of(r.Source)
		if r.Pinned {
			text += ", pinned"
		}
		if !joined[r.GroupID] {
			text += " (a member already)"
		}
		add(text)
	}
	for _, g := range m.Grants {
		text := fmt.Sprintf("Credit %d of order “%s”, %s", g.CreditID, g.OrderID, n.of(g.IntegrationID))
		at := slices.IndexFunc(m.Clashes, func(clash provisioning.GrantClash) bool { return clash.Is(g) })
		both := at >= 0
		switch {
		case both && m.Clashes[at].BothConsumed:
			text += ": both have it and both have used it; one used one remains"
		case both && g.ConsumedAt != nil:
			text += ": both have it and one has used it; the used one remains"
		case both:
			text += ": both have it; one remains"
		case g.ConsumedAt != nil:
			text += ", used"
		}
		if g.RevokedAt != nil {
			text += ", revoked"
		}
		add(text)
	}
	for _, key := range m.MetaAdded {
		add("Meta: " + key)
	}
	if m.MetaTooLarge {
		effects = append(effects, web.Effect{Kind: "remove", Text: "The other’s meta is left behind: both together are larger than meta may be."})
	}
	effects = append(effects,
		web.Effect{Kind: "remove", Text: "The other’s profile: it stays readable on that user’s page, and counts no more."},
		web.Effect{Text: "Links of either partner lead to the one user from then on. The other’s address is noted in the journal."})
	return effects
}

package admin

import (
	"net/http"
	"time"

	"github.com/gin-gonic/gin"

	"usher/handlers"
	"usher/sessions/admins"
	"usher/web"
)

// accountAnswer is an administrator in the API.
type accountAnswer struct {
	ID        string     `json:"id"`
	Email     string     `json:"email"`
	Name      string     `json:"name"`
	Role      string     `json:"role"`
	Operator  bool       `json:"operator"`
	Disabled  bool       `json:"disabled"`
	CreatedAt time.Time  `json:"created_at"`
	JoinedAt  *time.Time `json:"joined_at"` // null = invited, and has never been in
}

func answerAccount(a admins.Account) accountAnswer {
	return accountAnswer{
		ID: a.ID, Email: a.Email, Name: a.Name, Role: a.Role, Operator: a.Operator, Disabled: a.Disabled,
		CreatedAt: a.CreatedAt.UTC(), JoinedAt: inUTC(a.JoinedAt),
	}
}

// linkAnswer is a one-time link, which is shown this once.
type linkAnswer struct {
	URL       string    `json:"url"`
	ExpiresAt time.Time `json:"expires_at"`
}

func (a *Admin) answerLink(c *gin.Context, link admins.Link) linkAnswer {
	return linkAnswer{URL: a.linkURL(c, link), ExpiresAt: link.Expires.UTC()}
}

// linkURL is where a one-time link leads.
func (a *Admin) linkURL(c *gin.Context, link admins.Link) string {
	return a.originOf(c).String() + joinPath + "?token=" + link.Token
}

// Administrators: GET /admin/api/v1/administrators?after=. "next" is the next
// page's after; null on the last one.
func (a *Admin) Administrators(c *gin.Context) error {
	accounts, next, err := a.Admins.Accounts(c.Request.Context(), handlers.TenantOf(c), c.Query("after"))
	if err != nil {
		return explain(err)
	}
	answers := []accountAnswer{}
	for _, account := range accounts {
		answers = append(answers, answerAccount(account))
	}
	return list(c, "administrators", answers, next)
}

// Administrator: GET /admin/api/v1/administrators/:id.
func (a *Admin) Administrator(c *gin.Context) error {
	account, err := a.Admins.Account(c.Request.Context(), handlers.TenantOf(c), c.Param("id"))
	if err != nil {
		return explain(err)
	}
	setETag(c, account.Revision())
	c.JSON(http.StatusOK, answerAccount(account))
	return nil
}

// Invite: POST /admin/api/v1/administrators. The link in the answer lets the
// person choose a password; it is shown this once.
func (a *Admin) Invite(c *gin.Context) error {
	var body struct {
		Email    string `json:"email"`
		Name     string `json:"name"`
		Role     string `json:"role"`
		Operator bool   `json:"operator"`
	}
	if err := read(c, &body); err != nil {
		return err
	}
	account, link, err := a.Admins.Invite(c.Request.Context(), handlers.TenantOf(c), admins.NewAccount{
		Email: body.Email, Name: body.Name, Role: admins.Role(body.Role), Operator: body.Operator,
	}, actorOf(c), by(c))
	if err != nil {
		return explain(err)
	}
	c.JSON(http.StatusCreated, struct {
		accountAnswer
		Link linkAnswer `json:"link"`
	}{answerAccount(account), a.answerLink(c, link)})
	return nil
}

// ChangeAdministrator: PATCH /admin/api/v1/administrators/:id with any of name,
// role, operator and disabled.
func (a *Admin) ChangeAdministrator(c *gin.Context) error {
	var body struct {
		Name     *string `json:"name"`
		Role     *string `json:"role"`
		Operator *bool   `json:"operator"`
		Disabled *bool   `json:"disabled"`
	}
	if err := read(c, &body); err != nil {
		return err
	}
	if body.Name == nil && body.Role == nil && body.Operator == nil && body.Disabled == nil {
		return badRequest("Name what to change: name, role, operator or disabled.")
	}
	account, err := a.Admins.Change(c.Request.Context(), handlers.TenantOf(c), c.Param("id"), admins.Changes{
		Name: body.Name, Role: (*admins.Role)(body.Role), Operator: body.Operator, Disabled: body.Disabled,
	}, actorOf(c), by(c))
	if err != nil {
		return explain(err)
	}
	setETag(c, account.Revision())
	c.JSON(http.StatusOK, answerAccount(account))
	return nil
}

// RemoveAdministrator: DELETE /admin/api/v1/administrators/:id.
func (a *Admin) RemoveAdministrator(c *gin.Context) error {
	if err := a.Admins.Remove(c.Request.Context(), handlers.TenantOf(c), c.Param("id"), actorOf(c), by(c)); err != nil {
		return explain(err)
	}
	return noContent(c)
}

// LinkAdministrator: POST /admin/api/v1/administrators/:id/link. The link is
// shown this once; those made before are dead.
func (a *Admin) LinkAdministrator(c *gin.Context) error {
	link, err := a.Admins.MakeLink(c.Request.Context(), handlers.TenantOf(c), c.Param("id"), actorOf(c), by(c))
	if err != nil {
		return explain(err)
	}
	c.JSON(http.StatusCreated, a.answerLink(c, link))
	return nil
}

// shownAccount is an account on a page.
func shownAccount(c *gin.Context, account admins.Account) web.AdminAccount {
	state := "active"
	switch {
	case account.Disabled:
		state = "disabled"
	case account.JoinedAt == nil:
		state = "invited"
	}
	return web.AdminAccount{
		ID: account.ID, Name: account.Name, Email: account.Email, Role: account.Role, Operator: account.Operator,
		State: state, CreatedAt: account.CreatedAt, Path: administratorsPath + "/" + account.ID,
		Self: actorOf(c).ID == account.ID,
	}
}

// roleField lets choose a role.
func roleField(chosen string) web.Field {
	f := web.Field{Name: "role", Label: "Role", Type: "radio"}
	for _, r := range []struct {
		role admins.Role
		hint string
	}{
		{admins.Viewer, "looks at the log, integrations, users, groups and credits"},
		{admins.Admin, "changes everything but administrators, API keys and the tenant"},
		{admins.Owner, "does everything"},
	} {
		f.Options = append(f.Options, web.Option{
			Value: string(r.role), Label: string(r.role), Hint: r.hint, Chosen: string(r.role) == chosen,
		})
	}
	return f
}

// operatorField is for operators alone.
func operatorField(checked bool) web.Field {
	return web.Field{
		Name: "operator", Label: "Operator", Type: "checkbox", Checked: checked,
		Hint: "An owner at every tenant, who makes tenants.",
	}
}

// inviteFields are the form of an invitation.
func inviteFields(c *gin.Context, wish admins.NewAccount) []web.Field {
	fields := []web.Field{
		{Name: "email", Label: "E-mail address", Type: "email", Value: wish.Email, Required: true},
		{Name: "name", Label: "Name", Value: wish.Name, Hint: "The person can choose another one."},
		roleField(string(wish.Role)),
	}
	if actorOf(c).Operator {
		fields = append(fields, operatorField(wish.Operator))
	}
	return fields
}

// AdministratorsPage: GET /admin/settings/administrators?after=.
func (a *Admin) AdministratorsPage(c *gin.Context) error {
	return a.administratorsPage(c, http.StatusOK, inviteFields(c, admins.NewAccount{Role: admins.Admin}))
}

func (a *Admin) administratorsPage(c *gin.Context, status int, invite []web.Field) error {
	accounts, next, err := a.Admins.Accounts(c.Request.Context(), handlers.TenantOf(c), c.Query("after"))
	if err != nil {
		return explain(err)
	}
	page := web.AdminAccounts{
		Frame: a.frame(c, settingsPath, "Administrators"), Tabs: settingsTabs(c, administratorsPath), Pager: pager(c, administratorsPath, next),
	}
	for _, account := range accounts {
		page.Accounts = append(page.Accounts, shownAccount(c, account))
	}
	if actorOf(c).May(admins.WriteSettings) {
		page.Invite = invite
	}
	return a.showAs(c, status, page)
}

// InviteForm: POST /admin/settings/administrators.
func (a *Admin) InviteForm(c *gin.Context) error {
	wish := admins.NewAccount{
		Email: c.PostForm("email"), Name: c.PostForm("name"), Role: admins.Role(c.PostForm("role")),
		Operator: c.PostForm("operator") != "",
	}
	account, link, err := a.Admins.Invite(c.Request.Context(), handlers.TenantOf(c), wish, actorOf(c), by(c))
	if found, ok := faultsOf(err); ok {
		fields := inviteFields(c, wish)
		found.mark(fields)
		return a.administratorsPage(c, http.StatusUnprocessableEntity, fields)
	} else if err != nil {
		return explain(err)
	}
	return a.showLink(c, account, link)
}

// showLink shows a one-time link. It is not redirected to: the link is nowhere
// but in this answer.
func (a *Admin) showLink(c *gin.Context, account admins.Account, link admins.Link) error {
	page := web.AdminLink{
		Frame: a.frame(c, settingsPath, "A link for "+account.Name), Email: account.Email, URL: a.linkURL(c, link),
		Expires: link.Expires, Reset: account.JoinedAt != nil, Back: administratorsPath,
	}
	return a.show(c, page)
}

// accountOf returns the account that the path names, in this tenant.
func (a *Admin) accountOf(c *gin.Context) (admins.Account, error) {
	account, err := a.Admins.Account(c.Request.Context(), handlers.TenantOf(c), c.Param("id"))
	return account, explain(err)
}

// AdministratorPage: GET /admin/settings/administrators/:id.
func (a *Admin) AdministratorPage(c *gin.Context) error {
	account, err := a.accountOf(c)
	if err != nil {
		return err
	}
	return a.administratorPage(c, account, http.StatusOK, "")
}

func (a *Admin) administratorPage(c *gin.Context, account admins.Account, status int, fault string) error {
	page := web.AdminAccountPage{
		Frame: a.frame(c, settingsPath, account.Name), Tabs: settingsTabs(c, administratorsPath),
		Account: shownAccount(c, account), Fault: fault,
	}
	if actorOf(c).May(admins.WriteSettings) {
		page.Fields = []web.Field{{Name: "name", Label: "Name", Value: account.Name, Required: true}, roleField(account.Role)}
		if actorOf(c).Operator {
			page.Fields = append(page.Fields, operatorField(account.Operator))
		}
	}
	return a.showAs(c, status, page)
}

// ChangeAdministratorForm: POST /admin/settings/administrators/:id.
func (a *Admin) ChangeAdministratorForm(c *gin.Context) error {
	name, role := c.PostForm("name"), admins.Role(c.PostForm("role"))
	changes := admins.Changes{Name: &name, Role: &role}
	if actorOf(c).Operator {
		operator := c.PostForm("operator") != ""
		changes.Operator = &operator
	}
	return a.changeAccount(c, changes)
}

// DisableAdministratorForm: POST /admin/settings/administrators/:id/disable.
func (a *Admin) DisableAdministratorForm(c *gin.Context) error {
	disabled := true
	return a.changeAccount(c, admins.Changes{Disabled: &disabled})
}

// EnableAdministratorForm: POST /admin/settings/administrators/:id/enable.
func (a *Admin) EnableAdministratorForm(c *gin.Context) error {
	disabled := false
	return a.changeAccount(c, admins.Changes{Disabled: &disabled})
}

// changeAccount changes the account that the path names, or shows its page again
// with what is in the way.
func (a *Admin) changeAccount(c *gin.Context, changes admins.Changes) error {
	account, err := a.accountOf(c)
	if err != nil {
		return err
	}
	_, err = a.Admins.Change(c.Request.Context(), handlers.TenantOf(c), account.ID, changes, actorOf(c), by(c))
	if text := inTheWay(err); text != "" {
		return a.administratorPage(c, account, http.StatusUnprocessableEntity, text)
	} else if err != nil {
		return explain(err)
	}
	seeOther(c, administratorsPath+"/"+account.ID+"?done=saved")
	return nil
}

// LinkAdministratorForm: POST /admin/settings/administrators/:id/link.
func (a *Admin) LinkAdministratorForm(c *gin.Context) error {
	account, err := a.accountOf(c)
	if err != nil {
		return err
	}
	link, err := a.Admins.MakeLink(c.Request.Context(), handlers.TenantOf(c), account.ID, actorOf(c), by(c))
	if text := inTheWay(err); text != "" {
		return a.administratorPage(c, account, http.StatusUnprocessableEntity, text)
	} else if err != nil {
		return explain(err)
	}
	return a.showLink(c, account, link)
}

// RemoveAdministratorPage: GET /admin/settings/administrators/:id/remove.
func (a *Admin) RemoveAdministratorPage(c *gin.Context) error {
	account, err := a.accountOf(c)
	if err != nil {
		return err
	}
	return a.show(c, a.removalPage(c, account))
}

func (a *Admin) removalPage(c *gin.Context, account admins.Account) web.AdminRemoval {
	path := administratorsPath + "/" + account.ID
	return web.AdminRemoval{
		Frame: a.frame(c, settingsPath, "Remove "+account.Name), Tabs: settingsTabs(c, administratorsPath),
		What: account.Name + " will not administer this tenant any more.",
		Effects: []string{
			"Every session of this account ends at once.", "Its passkeys and one-time links are dead.",
			"API keys stay: they belong to the tenant.", "What it did stays in the audit log.",
		},
		Action: path + "/remove", Submit: "Remove", Back: path, Confirm: web.Confirm{Word: account.Email},
	}
}

// RemoveAdministratorForm: POST /admin/settings/administrators/:id/remove.
func (a *Admin) RemoveAdministratorForm(c *gin.Context) error {
	account, err := a.accountOf(c)
	if err != nil {
		return err
	}
	page := a.removalPage(c, account)
	if page.Confirm.Fault = confirmed(c, page.Confirm.Word); page.Confirm.Fault != "" {
		return a.showAs(c, http.StatusUnprocessableEntity, page)
	}
	err = a.Admins.Remove(c.Request.Context(), handlers.TenantOf(c), account.ID, actorOf(c), by(c))
	if page.Fault = inTheWay(err); page.Fault != "" {
		return a.showAs(c, http.StatusUnprocessableEntity, page)
	} else if err != nil {
		return explain(err)
	}
	seeOther(c, administratorsPath+"?done=administrator_removed")
	return nil
}

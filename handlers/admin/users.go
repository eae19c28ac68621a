package admin

import (
	"net/http"

	"github.com/gin-gonic/gin"

	"usher/handlers"
	"usher/provisioning"
	"usher/web"
)

// Users: GET /admin/api/v1/users?q=|email=|email_prefix=|sub=|group=&status=&after=.
func (a *Admin) Users(c *gin.Context) error {
	if email, asked := c.GetQuery("email"); asked && email == "" {
		return badRequest("email: name the e-mail address to look for.") // and not everybody
	}
	profiles, next, err := a.Provisioning.Users(c.Request.Context(), handlers.TenantOf(c), provisioning.UserFilter{
		Search: c.Query("q"), Email: c.Query("email"), EmailPrefix: c.Query("email_prefix"), Subject: c.Query("sub"),
		Group: c.Query("group"), Status: c.Query("status"),
	}, c.Query("after"))
	if err != nil {
		return explain(err)
	}
	users := []userAnswer{}
	for _, profile := range profiles {
		users = append(users, answerUser(profile))
	}
	return list(c, "users", users, next)
}

// UsersPage: GET /admin/users?q=|group=&status=&after=.
func (a *Admin) UsersPage(c *gin.Context) error {
	filter := provisioning.UserFilter{Search: c.Query("q"), Group: c.Query("group"), Status: c.Query("status")}
	page := web.Users{
		Frame:    a.frame(c, usersPath, "Users"),
		Filtered: filter != provisioning.UserFilter{},
		Filters: []web.Field{
			{Name: "q", Label: "Address begins with, or sub, or id", Type: "search", Value: filter.Search},
			{Name: "group", Label: "Group", Type: "search", Value: filter.Group},
			{Name: "status", Label: "Status", Type: "select", Options: statusOptions(filter.Status)},
		},
	}
	profiles, next, err := a.Provisioning.Users(c.Request.Context(), handlers.TenantOf(c), filter, c.Query("after"))
	if found, ok := faultsOf(err); ok {
		found.mark(page.Filters)
		return a.showAs(c, http.StatusUnprocessableEntity, page)
	}
	if err != nil {
		return explain(err)
	}
	page.Users = userRows(profiles)
	page.Pager = pager(c, usersPath, next)
	return a.show(c, page)
}

func statusOptions(chosen string) []web.Option {
	options := []web.Option{
		{Value: "", Label: "any"},
		{Value: "active", Label: "active"},
		{Value: "disabled", Label: "disabled"},
		{Value: "erased", Label: "erased"},
		{Value: "merged", Label: "merged into another"},
	}
	for i := range options {
		options[i].Chosen = options[i].Value == chosen
	}
	return options
}

func userRows(profiles []provisioning.Profile) []web.UserRow {
	const most = 3 // groups in a row
	rows := make([]web.UserRow, 0, len(profiles))
	for _, p := range profiles {
		row := web.UserRow{ID: p.ID, Name: nameOf(p), Email: p.Email, Status: p.Status, Created: p.CreatedAt}
		for i, g := range p.Groups {
			if i == most {
				row.MoreGroups = len(p.Groups) - most
				break
			}
			row.Groups = append(row.Groups, g.ExternalID)
		}
		rows = append(rows, row)
	}
	return rows
}

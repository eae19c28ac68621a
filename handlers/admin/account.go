package admin

import (
	"bytes"
	"errors"
	"net/http"

	"github.com/gin-gonic/gin"

	"usher/handlers"
	"usher/sessions/admins"
	"usher/web"
)

// inTheWay is the sentence for an error that the person can do something about;
// "" for every other, and for none.
func inTheWay(err error) string {
	wrong, invalid := errors.AsType[*admins.Invalid](err)
	switch {
	case invalid:
		return sentence(wrong.Error())
	case errors.Is(err, admins.ErrLastOwner):
		return "The tenant needs an owner: make somebody else one first."
	case errors.Is(err, admins.ErrNotAllowed):
		return "This takes rights that you do not have yourself."
	}
	return ""
}

// AccountPage: GET /admin/account.
func (a *Admin) AccountPage(c *gin.Context) error {
	page, err := a.selfPage(c)
	if err != nil {
		return err
	}
	return a.show(c, page)
}

// selfPage is the actor's own account.
func (a *Admin) selfPage(c *gin.Context) (web.AdminSelf, error) {
	actor := actorOf(c)
	own, err := a.Admins.Own(c.Request.Context(), actor)
	if err != nil {
		return web.AdminSelf{}, explain(err)
	}
	open, err := a.Admins.OwnSessions(c.Request.Context(), actor)
	if err != nil {
		return web.AdminSelf{}, err
	}
	page := web.AdminSelf{
		Frame: a.frame(c, accountPath, "Your account"), Email: own.Email, Rights: own.Role,
		Name: web.Field{Name: "name", Label: "Name", Value: own.Name, Autocomplete: "name", Required: true},
	}
	if own.Operator {
		page.Rights += ", operator over all tenants"
	}
	if own.Password != "" {
		page.Password = append(page.Password, web.Field{
			Name: "old_password", Label: "Your password now", Type: "password", Autocomplete: "current-password", Required: true,
		})
	}
	page.Password = append(page.Password, web.Field{
		Name: "password", Label: "New password", Type: "password", Autocomplete: "new-password", Required: true,
		Hint: "At least 12 characters. Some words in a row that have nothing to do with each other are good.",
	})
	page.AddKey = passkeyFields(own)
	passkeys, err := a.Admins.Passkeys(c.Request.Context(), actor)
	if err != nil {
		return web.AdminSelf{}, err
	}
	for _, p := range passkeys {
		page.Passkeys = append(page.Passkeys, web.AdminPasskey{
			ID: p.ID, Name: p.Name, Host: p.Host, Synced: p.Backup, CreatedAt: p.CreatedAt, UsedAt: p.UsedAt,
			Remove: passkeysPath + "/" + p.ID + "/remove",
		})
	}
	mine := sessionOf(c)
	for _, session := range open {
		current := bytes.Equal(session.Digest, mine.Digest)
		page.Elsewhere = page.Elsewhere || !current
		page.Sessions = append(page.Sessions, web.AdminSession{
			UserAgent: session.UserAgent, Network: session.Network, Method: session.Method,
			CreatedAt: session.CreatedAt, SeenAt: session.SeenAt, Current: current,
		})
	}
	return page, nil
}

// RenameForm: POST /admin/account.
func (a *Admin) RenameForm(c *gin.Context) error {
	err := a.Admins.Rename(c.Request.Context(), actorOf(c), c.PostForm("name"), by(c))
	if found, ok := faultsOf(err); ok {
		page, err := a.selfPage(c)
		if err != nil {
			return err
		}
		page.Name.Value = c.PostForm("name")
		found.point(&page.Name)
		return a.showAs(c, http.StatusUnprocessableEntity, page)
	} else if err != nil {
		return explain(err)
	}
	seeOther(c, accountPath+"?done=saved")
	return nil
}

// ChangePasswordForm: POST /admin/account/password.
func (a *Admin) ChangePasswordForm(c *gin.Context) error {
	err := a.Admins.ChangePassword(c.Request.Context(), handlers.TenantOf(c), actorOf(c), c.PostForm("old_password"),
		c.PostForm("password"), admins.ReadCookie(c.Request), by(c))
	found, ok := faultsOf(err)
	if many, is := errors.AsType[*admins.TooMany](err); is {
		found, ok = faults{"old_password": tryAgain(many)}, true
	}
	if ok {
		page, err := a.selfPage(c)
		if err != nil {
			return err
		}
		found.mark(page.Password)
		return a.showAs(c, http.StatusUnprocessableEntity, page)
	} else if err != nil {
		return explain(err)
	}
	seeOther(c, accountPath+"?done=password_changed")
	return nil
}

// EndOtherSessionsForm: POST /admin/account/sessions/end.
func (a *Admin) EndOtherSessionsForm(c *gin.Context) error {
	if err := a.Admins.EndOthers(c.Request.Context(), actorOf(c), admins.ReadCookie(c.Request), by(c)); err != nil {
		return err
	}
	seeOther(c, accountPath+"?done=sessions_ended")
	return nil
}

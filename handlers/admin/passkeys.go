package admin

import (
	"errors"
	"net/http"

	"github.com/gin-gonic/gin"

	"usher/handlers"
	"usher/sessions/admins"
	"usher/web"
)

// site is where passkeys of this request are good.
func (a *Admin) site(c *gin.Context) admins.Site {
	origin := a.originOf(c)
	return admins.Site{Host: origin.Host(), Origin: origin.String(), Name: "Usher"}
}

// BeginPasskeySignIn: POST /admin/sign-in/passkey.
func (a *Admin) BeginPasskeySignIn(c *gin.Context) error {
	next := a.nextPage(c.PostForm("next"))
	ceremony, err := a.Admins.BeginPasskeySignIn(c.Request.Context(), handlers.TenantOf(c), a.site(c), client(c))
	if err != nil {
		return a.notSignedIn(c, err, next, "")
	}
	return a.show(c, web.AdminPasskeyStep{
		Frame: a.frame(c, "", "Sign in with a passkey"), Mode: "get", Options: ceremony.Options, Ticket: ceremony.Ticket,
		Action: signInPath + "/passkey/finish", Next: next, Back: signInPath,
	})
}

// PasskeySignIn: POST /admin/sign-in/passkey/finish.
func (a *Admin) PasskeySignIn(c *gin.Context) error {
	next := a.nextPage(c.PostForm("next"))
	cookie, err := a.Admins.PasskeySignIn(c.Request.Context(), handlers.TenantOf(c), a.site(c), c.PostForm("ticket"),
		c.PostForm("response"), client(c), stranger(c))
	if err == nil {
		return a.welcome(c, cookie, next)
	}
	if !errors.Is(err, admins.ErrWrong) {
		return explain(err)
	}
	page, err := a.signInPage(c, next)
	if err != nil {
		return err
	}
	page.Fault = "This passkey is not known here, or the page was open for too long."
	return a.showAs(c, http.StatusUnprocessableEntity, page)
}

// passkeyFields are the form that adds one.
func passkeyFields(own admins.Account) []web.Field {
	fields := []web.Field{{
		Name: "passkey", Label: "Name of the new passkey", Hint: "Such as the device it is on.", Required: true, Form: "passkey",
	}}
	if own.Password != "" {
		fields = append(fields, web.Field{
			Name: "own_password", Label: "Your password", Type: "password", Autocomplete: "current-password", Required: true, Form: "passkey",
		})
	}
	return fields
}

// BeginPasskey: POST /admin/account/passkeys.
func (a *Admin) BeginPasskey(c *gin.Context) error {
	name := c.PostForm("passkey")
	ceremony, err := a.Admins.BeginPasskey(c.Request.Context(), handlers.TenantOf(c), actorOf(c), c.PostForm("own_password"), a.site(c))
	if name == "" && err == nil {
		err = &admins.Invalid{Field: "passkey", Problem: "a name, to tell your passkeys apart"}
	}
	if err != nil {
		return a.passkeyRefused(c, err)
	}
	return a.show(c, web.AdminPasskeyStep{
		Frame: a.frame(c, accountPath, "Add a passkey"), Mode: "create", Options: ceremony.Options, Ticket: ceremony.Ticket,
		Action: passkeysPath + "/finish", Name: name, Back: accountPath,
	})
}

// AddPasskey: POST /admin/account/passkeys/finish.
func (a *Admin) AddPasskey(c *gin.Context) error {
	err := a.Admins.AddPasskey(c.Request.Context(), actorOf(c), a.site(c), c.PostForm("ticket"), c.PostForm("name"),
		c.PostForm("response"), by(c))
	if err != nil {
		return a.passkeyRefused(c, err)
	}
	seeOther(c, accountPath+"?done=passkey_added")
	return nil
}

// passkeyRefused shows the account again with what is wrong.
func (a *Admin) passkeyRefused(c *gin.Context, err error) error {
	found, known := faultsOf(err)
	if many, ok := errors.AsType[*admins.TooMany](err); ok {
		found, known = faults{"own_password": tryAgain(many)}, true
	}
	if errors.Is(err, admins.ErrWrong) {
		found, known = faults{"passkey": "The browser’s answer does not fit, or the page was open for too long."}, true
	}
	if !known {
		return explain(err)
	}
	page, err := a.selfPage(c)
	if err != nil {
		return err
	}
	if found.mark(page.AddKey) == 0 {
		for _, problem := range found {
			page.AddKey[0].Fault = problem
		}
	}
	page.AddKey[0].Value = c.PostForm("passkey")
	return a.showAs(c, http.StatusUnprocessableEntity, page)
}

// RemovePasskeyPage: GET /admin/account/passkeys/:id/remove.
func (a *Admin) RemovePasskeyPage(c *gin.Context) error {
	page, err := a.passkeyRemoval(c)
	if err != nil {
		return err
	}
	return a.show(c, page)
}

func (a *Admin) passkeyRemoval(c *gin.Context) (web.AdminRemoval, error) {
	passkeys, err := a.Admins.Passkeys(c.Request.Context(), actorOf(c))
	if err != nil {
		return web.AdminRemoval{}, err
	}
	for _, p := range passkeys {
		if p.ID == c.Param("id") {
			return web.AdminRemoval{
				Frame: a.frame(c, accountPath, "Remove the passkey "+p.Name),
				What:  "Nobody signs in with the passkey “" + p.Name + "” any more.",
				Effects: []string{
					"Sessions that it has opened go on; you can end them on your account’s page.",
					"The device keeps its half until you delete it there.",
				},
				Action: passkeysPath + "/" + p.ID + "/remove", Submit: "Remove", Back: accountPath, Confirm: web.Confirm{Word: p.Name},
			}, nil
		}
	}
	return web.AdminRemoval{}, &handlers.Fault{Code: handlers.NotFound}
}

// RemovePasskeyForm: POST /admin/account/passkeys/:id/remove.
func (a *Admin) RemovePasskeyForm(c *gin.Context) error {
	page, err := a.passkeyRemoval(c)
	if err != nil {
		return err
	}
	if page.Confirm.Fault = confirmed(c, page.Confirm.Word); page.Confirm.Fault != "" {
		return a.showAs(c, http.StatusUnprocessableEntity, page)
	}
	if err := a.Admins.RemovePasskey(c.Request.Context(), actorOf(c), c.Param("id"), by(c)); err != nil {
		return explain(err)
	}
	seeOther(c, accountPath+"?done=passkey_removed")
	return nil
}

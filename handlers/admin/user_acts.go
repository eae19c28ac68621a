package admin

import (
	"fmt"
	"net/http"
	"slices"

	"github.com/gin-gonic/gin"

	"usher/handlers"
	"usher/provisioning"
	"usher/web"
)

// userAct is an act on one user: its page says what will happen, and its form
// does it.
type userAct struct {
	path, title, button string
	danger              bool
	// from are the statuses in which it can be done.
	from    []string
	effects func(p provisioning.Profile, held provisioning.Belongings, sessions string) []web.Effect
	note    string
	// typed says that the user's address has to be typed first.
	typed bool
	do    func(a *Admin, c *gin.Context, user string) error
	// done is the code of what is said afterwards.
	done string
}

var (
	disabling = userAct{
		path: "disable", title: "Disable", button: "Disable", danger: true, from: []string{"active"}, done: "user_disabled",
		effects: func(_ provisioning.Profile, _ provisioning.Belongings, sessions string) []web.Effect {
			return []web.Effect{
				{Kind: "remove", Text: sessions},
				{Kind: "remove", Text: "No link signs the person in, whichever partner sends it."},
				{Text: "Profile, groups, credits and identities stay as they are."},
			}
		},
		note: "It can be taken back: enable the user again.",
		do: func(a *Admin, c *gin.Context, user string) error {
			return a.Provisioning.SetDisabled(c.Request.Context(), handlers.TenantOf(c), user, true, by(c))
		},
	}
	enabling = userAct{
		path: "enable", title: "Enable", button: "Enable", from: []string{"disabled", "erased"}, done: "user_enabled",
		effects: func(p provisioning.Profile, _ provisioning.Belongings, _ string) []web.Effect {
			if p.Status == "erased" {
				return []web.Effect{
					{Kind: "add", Text: "The person can come back, as somebody new: nothing of before is left to give back."},
					{Kind: "remove", Text: "The keyed hashes by which the person was recognised are dropped."},
				}
			}
			return []web.Effect{
				{Kind: "add", Text: "Links sign the person in again."},
				{Text: "Sessions that ended stay ended."},
			}
		},
		do: func(a *Admin, c *gin.Context, user string) error {
			return a.Provisioning.SetDisabled(c.Request.Context(), handlers.TenantOf(c), user, false, by(c))
		},
	}
	signingOut = userAct{
		path: "sign-out", title: "Sign out everywhere", button: "Sign out everywhere", done: "user_signed_out",
		from: []string{"active", "disabled", "merged", "erased"},
		effects: func(_ provisioning.Profile, _ provisioning.Belongings, sessions string) []web.Effect {
			return []web.Effect{
				{Kind: "remove", Text: sessions},
				{Text: "A new link signs the person in again."},
			}
		},
		do: func(a *Admin, c *gin.Context, user string) error {
			return a.Provisioning.SignOut(c.Request.Context(), handlers.TenantOf(c), user, by(c))
		},
	}
	erasing = userAct{
		path: "erase", title: "Erase", button: "Erase for good", danger: true, typed: true, done: "user_erased",
		from: []string{"active", "disabled"},
		effects: func(_ provisioning.Profile, held provisioning.Belongings, sessions string) []web.Effect {
			return []web.Effect{
				{Kind: "remove", Text: "Names, address, meta and all else of the profile, here and in those who were merged into this user."},
				{Kind: "remove", Text: counted(int64(len(held.Identities)), "identity", "identities") + ", " +
					counted(int64(len(held.Memberships)), "membership", "memberships") + ", " +
					counted(int64(len(held.Grants)), "grant of a credit", "grants of credits") + " (used and revoked ones count)."},
				{Kind: "remove", Text: "The journal, and what the sign-in log says of the person."},
				{Kind: "remove", Text: sessions},
				{Text: "What stays: an empty user with this id; keyed hashes of the subs and addresses, by which the person is recognised and refused; the audit log, which holds ids and no personal data; what partners, backups and your own application have."},
			}
		},
		note: "It cannot be taken back.",
		do: func(a *Admin, c *gin.Context, user string) error {
			return a.Provisioning.Erase(c.Request.Context(), handlers.TenantOf(c), user, by(c))
		},
	}
)

// The pages and forms of the acts: GET and POST /admin/users/:id/<act>.
func (a *Admin) DisableUserPage(c *gin.Context) error { return a.userActPage(c, disabling) }
func (a *Admin) DisableUserForm(c *gin.Context) error { return a.userActForm(c, disabling) }
func (a *Admin) EnableUserPage(c *gin.Context) error  { return a.userActPage(c, enabling) }
func (a *Admin) EnableUserForm(c *gin.Context) error  { return a.userActForm(c, enabling) }
func (a *Admin) SignOutUserPage(c *gin.Context) error { return a.userActPage(c, signingOut) }
func (a *Admin) SignOutUserForm(c *gin.Context) error { return a.userActForm(c, signingOut) }
func (a *Admin) EraseUserPage(c *gin.Context) error   { return a.userActPage(c, erasing) }
func (a *Admin) EraseUserForm(c *gin.Context) error   { return a.userActForm(c, erasing) }

func (a *Admin) userActPage(c *gin.Context, act userAct) error {
	profile, err := a.profile(c)
	if err != nil {
		return err
	}
	if !slices.Contains(act.from, profile.Status) {
		seeOther(c, userPath(profile.ID)) // there is nothing to be done
		return nil
	}
	page, err := a.previewAct(c, profile, act)
	if err != nil {
		return err
	}
	return a.show(c, page)
}

func (a *Admin) previewAct(c *gin.Context, profile provisioning.Profile, act userAct) (web.UserAct, error) {
	held, err := a.Provisioning.Belongings(c.Request.Context(), handlers.TenantOf(c), profile.ID)
	if err != nil {
		return web.UserAct{}, explain(err)
	}
	title := act.title + ": " + nameOf(profile)
	page := web.UserAct{
		Frame: a.frame(c, usersPath, title), UserHead: headOf(profile), Action: act.path, Button: act.button, Danger: act.danger,
		Effects: act.effects(profile, held, a.sessionsToEnd(c, profile.ID)), Note: act.note,
	}
	if act.typed {
		page.Confirm = &web.Confirm{Word: wordOf(profile)}
	}
	return page, nil
}

// sessionsToEnd says how many sessions a user has.
func (a *Admin) sessionsToEnd(c *gin.Context, user string) string {
	list, err := a.Sessions.List(c.Request.Context(), handlers.TenantOf(c).ID, user)
	if err != nil {
		return "Every session ends. (How many there are cannot be said: their store does not answer.)"
	}
	switch len(list) {
	case 0:
		return "Every session ends. There is none now."
	case 1:
		return "The one session ends at once."
	}
	return fmt.Sprintf("All %d sessions end at once.", len(list))
}

func (a *Admin) userActForm(c *gin.Context, act userAct) error {
	profile, err := a.profile(c)
	if err != nil {
		return err
	}
	if fault := confirmed(c, wordOf(profile)); act.typed && fault != "" {
		page, err := a.previewAct(c, profile, act)
		if err != nil {
			return err
		}
		page.Confirm.Fault = fault
		return a.showAs(c, http.StatusUnprocessableEntity, page)
	}
	if err := act.do(a, c, profile.ID); err != nil {
		return a.unfinished(err, halfDone)
	}
	seeOther(c, userPath(profile.ID)+"?done="+act.done)
	return nil
}

// halfDone is what to do when the stores did not take a whole act: each can be
// done again.
const halfDone = "It is not known to be done in full: not every session may have ended. Send it again until it succeeds."

// EndSessionForm: POST /admin/users/:id/sessions/:session/end.
func (a *Admin) EndSessionForm(c *gin.Context) error {
	err := a.Provisioning.EndSession(c.Request.Context(), handlers.TenantOf(c), c.Param("id"), c.Param("session"), by(c))
	if err != nil {
		return a.unfinished(err, halfDone)
	}
	seeOther(c, userPath(c.Param("id"))+"?done=session_ended")
	return nil
}

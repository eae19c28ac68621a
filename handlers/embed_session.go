package handlers

import (
	"errors"
	"log/slog"
	"net/http"
	"strings"

	"github.com/gin-gonic/gin"

	"usher/provisioning"
	"usher/sessions"
)

// viewAnswer is what the page of a view is told about its session.
type viewAnswer struct {
	UserID    string `json:"user_id"`
	Name      string `json:"name"`       // "" = none is known
	ExpiresIn int    `json:"expires_in"` // whole seconds left
	// Cookie says that the frame's cookie came along and holds a session of the
	// same person: this browser keeps it here.
	Cookie bool `json:"cookie"`
}

// ViewSession tells the page of a view who is signed in and for how long:
// GET /embed/:kind/:id/session, by the bearer or else by the frame's cookie.
func (a *App) ViewSession(c *gin.Context) error {
	session, err := a.viewSession(c)
	if err != nil {
		return err
	}
	return a.tellView(c, session)
}

// keepsCookie reports whether the frame's cookie holds a session of the user.
func (a *App) keepsCookie(c *gin.Context, user string) (bool, error) {
	kept, err := a.viewOfCookie(c)
	if errors.Is(err, sessions.ErrNone) {
		return false, nil
	} else if err != nil {
		return false, unavailable(err)
	}
	return kept.User == user, nil
}

// ExtendView gives the session of a view a later end, by a fresh token of the
// same person: POST /embed/:kind/:id/session with the form fields user and
// appId. The view goes on as it is.
func (a *App) ExtendView(c *gin.Context) error {
	session, err := a.viewSession(c)
	if err != nil {
		return err
	}
	form, err := readForm(c.Request)
	if err != nil {
		return err
	}
	v := viewOf(c)
	link, err := provisioning.ReadPresented(form)
	if err != nil {
		return err
	}
	attempt := a.presentation(c, v, link)
	session, err = a.extendView(c, v, session, &attempt)
	a.logAttempt(c, attempt, err)
	if err != nil {
		return err
	}
	return a.tellView(c, session)
}

// extendView is ExtendView without the log.
func (a *App) extendView(c *gin.Context, v *view, session sessions.Session, attempt *provisioning.SignInAttempt) (sessions.Session, error) {
	signIn, _, err := a.admitToView(c, v, attempt)
	if err == nil && (signIn.UserID != session.User || signIn.Integration.ID != session.Integration) {
		err = &Fault{Code: PersonChanged}
	}
	if err != nil {
		if fault := a.endOutdatedView(c, session, err); fault != nil {
			err = fault
		}
		return sessions.Session{}, err
	}
	session.Version, session.Authorized = signIn.Version, signIn.Authorized
	session, err = a.Sessions.Extend(c.Request.Context(), session, a.Now().Add(a.viewLife(signIn)))
	if errors.Is(err, sessions.ErrNone) {
		return sessions.Session{}, &Fault{Code: NoSession}
	} else if err != nil {
		return sessions.Session{}, unavailable(err)
	}
	return session, nil
}

// endOutdatedView ends the session of a view when a good token says that it is
// over: the frame is another person's now, or this one may not see it any more.
func (a *App) endOutdatedView(c *gin.Context, session sessions.Session, said error) error {
	fault, _ := errors.AsType[*Fault](said)
	refusal, _ := errors.AsType[*provisioning.Refusal](said)
	changed := fault != nil && fault.Code == PersonChanged
	forbidden := refusal != nil && refusal.Reason == provisioning.ResourceForbidden
	if !changed && !forbidden {
		return nil
	}
	if err := a.Sessions.End(c.Request.Context(), session); err != nil {
		return unavailable(err)
	}
	return nil
}

// NoteRung keeps how the frame holds its session, in the sign-in log's entry of
// the view: POST /embed/:kind/:id/rung with the form fields rung and reference.
func (a *App) NoteRung(c *gin.Context) error {
	session, err := a.viewSession(c)
	if err != nil {
		return err
	}
	form, err := readForm(c.Request)
	if err != nil {
		return err
	}
	rung, onceRung := single(form["rung"])
	reference, onceReference := single(form["reference"])
	if !onceRung || !onceReference || !a.Provisioning.NoteRung(siteOf(c).tenant, reference, session.User, rung) {
		return &Fault{Code: BadRequest, Public: "rung: cookie, bearer, storage-access or none is expected; reference: that of the view."}
	}
	c.Status(http.StatusNoContent)
	return nil
}

// viewSession returns the session of a view: the one that a bearer in the
// Authorization header opens, which then decides alone, or the one that the
// frame's cookie holds. The error is a Fault with NoSession, or a fault of the
// store.
func (a *App) viewSession(c *gin.Context) (sessions.Session, error) {
	bearer, explicit := readBearer(c.Request.Header)
	var session sessions.Session
	var err error
	if explicit {
		session, err = a.Sessions.CheckEmbed(c.Request.Context(), siteOf(c).tenant.ID, sessions.EmbedSecrets{Bearer: bearer})
		if v := viewOf(c); err == nil && session.Resource != v.kind+"/"+v.id {
			err = sessions.ErrNone
		}
	} else {
		session, err = a.viewOfCookie(c)
	}
	a.meterCheck(c, CheckView, err)
	if errors.Is(err, sessions.ErrNone) {
		return sessions.Session{}, &Fault{Code: NoSession}
	} else if err != nil {
		return sessions.Session{}, unavailable(err)
	}
	Note(c, slog.String("user", session.User), slog.String("integration", session.Integration))
	return session, nil
}

// readBearer takes the bearer from the Authorization header (RFC 6750 §2.1).
// explicit says that there is a credential that is meant for us, good or bad;
// schemes that are not ours are passed over.
func readBearer(header http.Header) (bearer string, explicit bool) {
	lines := header["Authorization"]
	if len(lines) == 0 {
		return "", false
	}
	scheme, rest, _ := strings.Cut(lines[0], " ")
	switch {
	case len(lines) > 1 || strings.EqualFold(scheme, schemeJWT):
		return "", true
	case strings.EqualFold(scheme, schemeBearer):
		return strings.Trim(rest, " \t"), true
	}
	return "", false
}

// tellView answers with what is left of the session.
func (a *App) tellView(c *gin.Context, session sessions.Session) error {
	profile, err := a.Provisioning.Profile(c.Request.Context(), siteOf(c).tenant, session.User)
	if errors.Is(err, provisioning.ErrNotFound) || (err == nil && !profile.Active()) {
		return &Fault{Code: NoSession, Err: err}
	} else if err != nil {
		return err
	}
	kept, err := a.keepsCookie(c, session.User)
	if err != nil {
		return err
	}
	c.JSON(http.StatusOK, viewAnswer{
		UserID: session.User, Name: fullName(profile), ExpiresIn: a.secondsLeft(session), Cookie: kept,
	})
	return nil
}

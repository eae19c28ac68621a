package handlers

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"github.com/gin-gonic/gin"

	"usher/provisioning"
	"usher/sessions"
	"usher/web"
)

// sessionAnswer is what GET /auth/session says.
type sessionAnswer struct {
	User        UserAnswer        `json:"user"`
	Integration integrationAnswer `json:"integration"`
	// ExpiresAt is when the session ends if it is not used again, or when the
	// token does that the request carries; null = never. RFC 3339.
	ExpiresAt *time.Time `json:"expires_at"`
}

type integrationAnswer struct {
	ID   string `json:"id"`
	Name string `json:"name"`
}

// UserAnswer is a user as the application and the admin's API see them.
type UserAnswer struct {
	ID            string          `json:"id"`
	Email         string          `json:"email"`
	EmailVerified *bool           `json:"email_verified"`
	FirstName     string          `json:"first_name"`
	LastName      string          `json:"last_name"`
	Name          string          `json:"name"`
	Phone         string          `json:"phone"`
	Birthdate     string          `json:"birthdate"`
	Locale        string          `json:"locale"`
	Picture       string          `json:"picture"`
	Groups        []GroupAnswer   `json:"groups"`
	Credits       []CreditAnswer  `json:"credits"`
	Meta          json.RawMessage `json:"meta"`
}

// GroupAnswer is a group that a user is in.
type GroupAnswer struct {
	ExternalID string `json:"external_id"`
	Name       string `json:"name"`
}

// CreditAnswer is a credit that a user was granted.
type CreditAnswer struct {
	OrderID  string `json:"order_id"`
	ID       int64  `json:"id"`
	Name     string `json:"name"`   // "" while parked
	Parked   bool   `json:"parked"` // the catalogue has no such credit yet
	Consumed bool   `json:"consumed"`
}

// AnswerUser puts a profile into its JSON form.
func AnswerUser(p provisioning.Profile) UserAnswer {
	u := UserAnswer{
		ID: p.ID, Email: p.Email, EmailVerified: p.EmailVerified, FirstName: p.FirstName, LastName: p.LastName,
		Name: p.Name, Phone: p.Phone, Birthdate: p.Birthdate, Locale: p.Locale, Picture: p.Picture,
		Groups: []GroupAnswer{}, Credits: []CreditAnswer{}, Meta: json.RawMessage(p.Meta),
	}
	for _, g := range p.Groups {
		u.Groups = append(u.Groups, GroupAnswer{ExternalID: g.ExternalID, Name: g.Name})
	}
	for _, g := range p.Credits {
		u.Credits = append(u.Credits, CreditAnswer{
			OrderID: g.OrderID, ID: g.ID, Name: g.Name, Parked: g.Parked, Consumed: g.Consumed,
		})
	}
	return u
}

// Session tells the page who is signed in: GET /auth/session.
func (a *App) Session(c *gin.Context) error {
	who, err := a.caller(c)
	if err != nil {
		return err
	}
	ctx, s := c.Request.Context(), siteOf(c)
	profile, err := a.Provisioning.Profile(ctx, s.tenant, who.User)
	if errors.Is(err, provisioning.ErrNotFound) || (err == nil && !profile.Active()) {
		return &Fault{Code: NoSession, Err: err}
	} else if err != nil {
		return err
	}
	name := a.Provisioning.IntegrationName(ctx, s.tenant, who.Integration)
	answer := sessionAnswer{
		User:        AnswerUser(profile),
		Integration: integrationAnswer{ID: who.Integration, Name: name},
	}
	if end := who.Ends.UTC(); !who.Ends.IsZero() {
		answer.ExpiresAt = &end
	}
	c.JSON(http.StatusOK, answer)
	return nil
}

// sessionItem is one of a person's sessions.
type sessionItem struct {
	ID        string    `json:"id"`
	Current   bool      `json:"current"`
	CreatedAt time.Time `json:"created_at"`
	LastSeen  time.Time `json:"last_seen"`
	ExpiresAt time.Time `json:"expires_at"`
	UserAgent string    `json:"user_agent"`
	Network   string    `json:"network"`
}

// ListSessions lists the person's sessions: GET /auth/sessions.
func (a *App) ListSessions(c *gin.Context) error {
	who, err := a.caller(c)
	if err != nil {
		return err
	}
	list, err := a.Sessions.List(c.Request.Context(), who.Tenant, who.User)
	if err != nil {
		return unavailable(err)
	}
	items := []sessionItem{}
	for _, one := range list {
		items = append(items, sessionItem{
			ID: one.ID, Current: who.holds(one.ID), CreatedAt: one.Created, LastSeen: one.LastSeen,
			ExpiresAt: one.End().UTC(), UserAgent: one.UserAgent, Network: one.Network,
		})
	}
	c.JSON(http.StatusOK, gin.H{"sessions": items})
	return nil
}

// EndSession ends one of the person's sessions: DELETE /auth/sessions/:id.
func (a *App) EndSession(c *gin.Context) error {
	who, err := a.caller(c)
	if err != nil {
		return err
	}
	ended, err := a.Sessions.EndByID(c.Request.Context(), who.Tenant, who.User, c.Param("id"))
	if err != nil {
		return unavailable(err)
	}
	if !ended {
		return &Fault{Code: NotFound}
	}
	if who.holds(c.Param("id")) {
		http.SetCookie(c.Writer, sessions.ClearCookie())
	}
	c.Status(http.StatusNoContent)
	return nil
}

// ConfirmLogout asks before signing out: GET /auth/logout changes nothing.
func (a *App) ConfirmLogout(c *gin.Context) error {
	session, err := a.session(c)
	var fault *Fault
	if errors.As(err, &fault) && fault.Code == NoSession {
		return a.show(c, web.SignedOut{})
	} else if err != nil {
		return err
	}
	wanted, _ := single(c.Request.URL.Query()["go"])
	a.allowFormTarget(c, session, wanted)
	return a.show(c, web.SignOut{Person: a.personName(c, session), Go: wanted})
}

// Logout ends the session and sends the browser on: POST /auth/logout.
func (a *App) Logout(c *gin.Context) error {
	wanted := ""
	if form, err := readForm(c.Request); err == nil {
		wanted, _ = single(form["go"])
	}
	session, err := a.session(c)
	var fault *Fault
	switch {
	case errors.As(err, &fault) && fault.Code == NoSession:
		// Signed out already: the same answer.
	case err != nil:
		return err
	default:
		if err := a.Sessions.End(c.Request.Context(), session); err != nil {
			return unavailable(err)
		}
	}
	http.SetCookie(c.Writer, sessions.ClearCookie())
	c.Header("Cache-Control", "no-store")
	switch {
	case prefersJSON(c.Request.Header.Values("Accept")):
		c.Status(http.StatusNoContent)
		return nil
	case wanted == "":
		return a.show(c, web.SignedOut{})
	}
	s := siteOf(c)
	places := a.Provisioning.Places(c.Request.Context(), s.tenant, session.Integration, s.own)
	target, warning := places.Resolve(wanted)
	if warning != nil {
		Note(c, slog.Any("warnings", []string{warning.Code}))
	}
	seeOther(c, target.Location())
	return nil
}

// allowFormTarget lets the form on this page end on another listed origin:
// browsers hold a form's redirects to form-action as well.
func (a *App) allowFormTarget(c *gin.Context, session sessions.Session, wanted string) {
	s := siteOf(c)
	places := a.Provisioning.Places(c.Request.Context(), s.tenant, session.Integration, s.own)
	target, _ := places.Resolve(wanted)
	if origin, foreign := target.Foreign(); foreign {
		c.Header("Content-Security-Policy",
			strings.Replace(ContentSecurityPolicy, "form-action 'self'", "form-action 'self' "+origin.String(), 1))
	}
}

// Onboarding greets a person whom the sign-in created: GET /auth/onboarding.
func (a *App) Onboarding(c *gin.Context) error {
	session, err := a.session(c)
	if err != nil {
		return err
	}
	ctx, s := c.Request.Context(), siteOf(c)
	next, once := single(c.Request.URL.Query()["next"])
	if !once {
		next = ""
	}
	places := a.Provisioning.Places(ctx, s.tenant, session.Integration, s.own)
	target, _ := places.Resolve(next)
	name := a.personName(c, session)
	if err := a.Provisioning.FinishOnboarding(ctx, s.tenant, session.User); err != nil {
		return err
	}
	return a.show(c, web.Onboarding{Person: name, Next: target.Location()})
}

// Home is the page at "/": who is signed in.
func (a *App) Home(c *gin.Context) error {
	session, err := a.session(c)
	var fault *Fault
	if errors.As(err, &fault) && fault.Code == NoSession {
		return a.show(c, web.Home{})
	} else if err != nil {
		return err
	}
	ctx, s := c.Request.Context(), siteOf(c)
	profile, err := a.Provisioning.Profile(ctx, s.tenant, session.User)
	if err != nil {
		return err
	}
	integration := a.Provisioning.IntegrationName(ctx, s.tenant, session.Integration)
	person := web.Person{
		ID: profile.ID, Name: fullName(profile), Email: profile.Email, Integration: integration, ExpiresAt: session.End(),
	}
	for _, g := range profile.Groups {
		person.Groups = append(person.Groups, web.Group{ExternalID: g.ExternalID, Name: g.Name})
	}
	for _, g := range profile.Credits {
		person.Credits = append(person.Credits, web.Credit{
			OrderID: g.OrderID, ID: g.ID, Name: g.Name, Consumed: g.Consumed, Parked: g.Parked,
		})
	}
	if err := json.Unmarshal([]byte(profile.Meta), &person.Meta); err != nil {
		return err
	}
	return a.show(c, web.Home{Person: &person})
}

// personName is how to call the person on a page; "" while the database is
// down, which must not keep anyone from signing out.
func (a *App) personName(c *gin.Context, session sessions.Session) string {
	profile, err := a.Provisioning.Profile(c.Request.Context(), siteOf(c).tenant, session.User)
	if err != nil {
		return ""
	}
	if name := fullName(profile); name != "" {
		return name
	}
	return profile.Email
}

func fullName(p provisioning.Profile) string {
	switch {
	case p.Name != "":
		return p.Name
	case p.FirstName != "" && p.LastName != "":
		return p.FirstName + " " + p.LastName
	default:
		return p.FirstName + p.LastName
	}
}

// show answers with a page.
func (a *App) show(c *gin.Context, page web.Page) error {
	return a.showAs(c, http.StatusOK, page)
}

// showAs does so with a status.
func (a *App) showAs(c *gin.Context, status int, page web.Page) error {
	var html bytes.Buffer
	if err := a.Pages.Render(&html, page); err != nil {
		return fmt.Errorf("rendering a page: %w", err)
	}
	c.Data(status, "text/html; charset=utf-8", html.Bytes())
	return nil
}

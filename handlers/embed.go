package handlers

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"time"

	"github.com/gin-gonic/gin"

	"usher/provisioning"
	"usher/sessions"
	"usher/web"
)

// EmbedPath is below where resources are shown in frames.
const EmbedPath = "/embed"

// Embed shows a resource in a partner's frame:
//
//	GET /embed/:kind/:id?appId=<app id>&user=<token>
//
// The token is presented, not spent, and opens a session of its own for the
// frame. Without a token it is the session that the frame's cookie holds, or,
// in a tab of its own, one that is made from the ordinary session. A token
// decides alone: a bad one is refused whatever cookies come along.
func (a *App) Embed(c *gin.Context) error {
	if isPrefetch(c.Request) {
		refuseGuess(c)
		return nil
	}
	v := viewOf(c)
	link, err := readEmbedLink(c.Request)
	v.appID = link.AppID
	if err != nil {
		a.findOwner(c, v)
		return err
	}
	var shown shownView
	if link.Token != "" {
		shown, err = a.openView(c, v, link)
	} else {
		shown, err = a.reopenView(c, v)
	}
	if err != nil || shown.elsewhere {
		return err
	}
	return a.showView(c, v, shown)
}

// shownView is a view that somebody may have.
type shownView struct {
	resource  provisioning.Resource
	session   sessions.Session
	secrets   sessions.EmbedSecrets
	elsewhere bool // the browser was sent to sign in
}

// readEmbedLink takes the token and the app id from the query. One that is
// there twice is ambiguous and refused; the app id is kept for the error page.
func readEmbedLink(r *http.Request) (provisioning.Link, error) {
	query, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return provisioning.Link{}, &provisioning.Refusal{Reason: provisioning.TokenMalformed, Detail: "the query string is malformed"}
	}
	return provisioning.ReadPresented(query)
}

// openView is Embed with a token.
func (a *App) openView(c *gin.Context, v *view, link provisioning.Link) (shownView, error) {
	attempt := a.presentation(c, v, link)
	shown, err := a.presentView(c, v, &attempt)
	for again := 0; errors.Is(err, sessions.ErrOvertaken) && again < 2; again++ {
		// Something was ended meanwhile; the token now says what.
		shown, err = a.presentView(c, v, &attempt)
	}
	if errors.Is(err, sessions.ErrOvertaken) {
		err = unavailable(err)
	}
	a.logAttempt(c, attempt, err)
	return shown, err
}

// presentation is the attempt that a presented token is.
func (a *App) presentation(c *gin.Context, v *view, link provisioning.Link) provisioning.SignInAttempt {
	s := siteOf(c)
	link.Audiences = s.audiences
	return provisioning.SignInAttempt{Door: provisioning.DoorEmbed, Arrival: provisioning.Arrival{
		Tenant: s.tenant, Link: link, Own: s.own, Reference: RequestID(c.Request.Context()),
	}, Target: v.path()}
}

// presentView is one try of openView. It returns ErrOvertaken when sessions
// were ended in the middle of it.
func (a *App) presentView(c *gin.Context, v *view, attempt *provisioning.SignInAttempt) (shownView, error) {
	signIn, resource, err := a.admitToView(c, v, attempt)
	if err != nil {
		return shownView{}, err
	}
	life := a.viewLife(signIn)
	if life < time.Second {
		return shownView{}, &provisioning.Refusal{Reason: provisioning.TokenExpired, Detail: "less than a second is left of the token"}
	}
	if err := a.endStrangersView(c, signIn.UserID); err != nil {
		return shownView{}, err
	}
	shown, err := a.issueView(c, v, sessions.Issue{
		User: signIn.UserID, Integration: signIn.Integration.ID,
		Generation: signIn.Generation, Epoch: signIn.Epoch, KeyID: signIn.KeyID, Absolute: life,
		Version: signIn.Version, Authorized: signIn.Authorized,
	})
	if err != nil {
		return shownView{}, err
	}
	shown.resource = resource
	http.SetCookie(c.Writer, sessions.NewEmbedCookie(shown.secrets.Cookie))
	return shown, nil
}

// admitToView presents the token and finds what its person may see.
func (a *App) admitToView(c *gin.Context, v *view, attempt *provisioning.SignInAttempt) (provisioning.SignIn, provisioning.Resource, error) {
	ctx := c.Request.Context()
	signIn, err := a.Provisioning.Present(ctx, attempt.Arrival)
	attempt.SignIn = signIn
	noteSignIn(c, signIn)
	if signIn.Integration.ID != "" {
		v.belongsTo(signIn.Integration)
	} else {
		a.findOwner(c, v)
	}
	if err != nil {
		return signIn, provisioning.Resource{}, err
	}
	resource, err := a.visit(c, v, provisioning.Visitor{IntegrationID: signIn.Integration.ID, Authorized: signIn.Authorized})
	return signIn, resource, err
}

// visit finds the resource for a visitor of the integration that the view
// belongs to.
func (a *App) visit(c *gin.Context, v *view, who provisioning.Visitor) (provisioning.Resource, error) {
	if len(v.origins) == 0 {
		return provisioning.Resource{}, &Fault{Code: EmbeddingOff}
	}
	resource, err := a.Provisioning.ResourceFor(c.Request.Context(), siteOf(c).tenant, v.kind, v.id, who)
	if errors.Is(err, provisioning.ErrNotFound) {
		err = &Fault{Code: NotFound, Public: "What should be shown here does not exist, or not any more. Tell the site that you came from.", Err: err}
	}
	return resource, err
}

// findOwner notes the integration that the address names, for an error page.
func (a *App) findOwner(c *gin.Context, v *view) {
	if n, err := a.Provisioning.IntegrationByApp(c.Request.Context(), siteOf(c).tenant, v.appID); err == nil {
		v.belongsTo(n)
	}
}

// viewLife is how long a session lasts that a presented token opens: as long as
// the token, and no longer than the integration lets any.
func (a *App) viewLife(signIn provisioning.SignIn) time.Duration {
	if signIn.TokenEnds.IsZero() {
		return signIn.Absolute
	}
	return min(signIn.Absolute, signIn.TokenEnds.Sub(a.Now()))
}

// endStrangersView ends the session that the browser's cookie holds for another
// person.
func (a *App) endStrangersView(c *gin.Context, user string) error {
	before, err := a.viewOfCookie(c)
	if errors.Is(err, sessions.ErrNone) || err == nil && before.User == user {
		return nil
	} else if err != nil {
		return unavailable(err)
	}
	if err := a.Sessions.End(c.Request.Context(), before); err != nil {
		return unavailable(err)
	}
	Note(c, slog.String("replaced_user", before.User))
	return nil
}

// viewOfCookie returns the session that the frame's cookie holds, or ErrNone.
func (a *App) viewOfCookie(c *gin.Context) (sessions.Session, error) {
	cookie := sessions.ReadEmbedCookie(c.Request)
	if cookie == "" {
		return sessions.Session{}, sessions.ErrNone
	}
	return a.Sessions.CheckEmbed(c.Request.Context(), siteOf(c).tenant.ID, sessions.EmbedSecrets{Cookie: cookie})
}

// issueView opens the session of a view.
func (a *App) issueView(c *gin.Context, v *view, in sessions.Issue) (shownView, error) {
	in.Tenant, in.Resource = siteOf(c).tenant.ID, v.kind+"/"+v.id
	in.UserAgent, in.RemoteIP = c.Request.UserAgent(), clientIP(c)
	secrets, session, err := a.Sessions.IssueEmbed(c.Request.Context(), in)
	if err != nil && !errors.Is(err, sessions.ErrOvertaken) {
		err = unavailable(err)
	}
	return shownView{session: session, secrets: secrets}, err
}

// showView answers with the page around the resource's content, or with our
// own page where there is none.
func (a *App) showView(c *gin.Context, v *view, shown shownView) error {
	ctx, s := c.Request.Context(), siteOf(c)
	content, err := a.Provisioning.ContentURL(ctx, s.tenant, shown.resource)
	if err != nil {
		return err
	}
	profile, err := a.Provisioning.Profile(ctx, s.tenant, shown.session.User)
	if err != nil {
		return err
	}
	page := web.Embed{Script: v.script(RequestID(ctx)), Title: shown.resource.Title}
	page.Script.User, page.Script.Bearer = shown.session.User, shown.secrets.Bearer
	page.Script.ExpiresIn = a.secondsLeft(shown.session)
	if content != nil {
		page.Content = v.contentMount(shown.secrets.Ticket) + "/"
	} else {
		integration := a.Provisioning.IntegrationName(ctx, s.tenant, shown.session.Integration)
		page.Person = web.Person{
			ID: profile.ID, Name: fullName(profile), Email: profile.Email, Integration: integration, ExpiresAt: shown.session.End(),
		}
		for _, g := range profile.Groups {
			page.Person.Groups = append(page.Person.Groups, web.Group{ExternalID: g.ExternalID, Name: g.Name})
		}
	}
	var html bytes.Buffer
	if err := a.Pages.Render(&html, page); err != nil {
		return fmt.Errorf("rendering a page: %w", err)
	}
	c.Header("Content-Security-Policy", v.policy())
	c.Data(http.StatusOK, "text/html; charset=utf-8", html.Bytes())
	return nil
}

// secondsLeft is how long a session lasts, in whole seconds: the page counts
// them by its own clock, which need not agree with ours about the time of day.
func (a *App) secondsLeft(session sessions.Session) int {
	return max(0, int(session.End().Sub(a.Now())/time.Second))
}

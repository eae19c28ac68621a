package handlers

import (
	"errors"
	"log/slog"
	"net/http"
	"net/url"
	"time"

	"github.com/gin-gonic/gin"

	"usher/provisioning"
	"usher/sessions"
)

// reopenView is Embed without a token.
func (a *App) reopenView(c *gin.Context, v *view) (shownView, error) {
	ctx, tenant := c.Request.Context(), siteOf(c).tenant
	var wanted provisioning.Integration // zero = of any
	if v.appID != "" {
		var err error
		if wanted, err = a.Provisioning.IntegrationByApp(ctx, tenant, v.appID); err != nil {
			return shownView{}, err
		}
		v.belongsTo(wanted)
		if wanted.RemovedAt != nil {
			return shownView{}, &provisioning.Refusal{Reason: provisioning.IntegrationRemoved}
		}
	}
	before, err := a.viewOfCookie(c)
	if err != nil && !errors.Is(err, sessions.ErrNone) {
		return shownView{}, unavailable(err)
	}
	if err == nil && (wanted.ID == "" || wanted.ID == before.Integration) {
		return a.continueView(c, v, before, sessions.ReadEmbedCookie(c.Request))
	}
	if !isTopLevel(c.Request) {
		return shownView{}, &Fault{Code: NoSession}
	}
	return a.viewInTab(c, v, wanted)
}

// isTopLevel reports whether a page is asked for in a tab of its own (W3C Fetch
// Metadata, §2.1). A browser that does not say so sends our Lax cookie to no
// frame of another site either.
func isTopLevel(r *http.Request) bool {
	destination := r.Header.Get("Sec-Fetch-Dest")
	return destination == "" || destination == "document"
}

// viewInTab is a view for somebody who may be signed in to the application
// itself. Who is not is sent to the partner's page for signing in.
func (a *App) viewInTab(c *gin.Context, v *view, wanted provisioning.Integration) (shownView, error) {
	session, err := a.session(c)
	var fault *Fault
	switch {
	case err == nil && (wanted.ID == "" || wanted.ID == session.Integration):
		// The frame's cookie stays what it is: a tab has the ordinary one.
		return a.continueView(c, v, session, "")
	case err != nil && !errors.As(err, &fault):
		return shownView{}, err
	case err != nil && wanted.SignInURL != "":
		here := v.path() + "?appId=" + url.QueryEscape(wanted.AppID)
		seeOther(c, "/auth/start?"+url.Values{"appId": {wanted.AppID}, "go": {here}}.Encode())
		return shownView{elsewhere: true}, nil
	}
	return shownView{}, &Fault{Code: NoSession}
}

// maxTabLife is how long a view in a tab lasts without another look at the
// session that it was made from.
const maxTabLife = time.Hour

// continueView shows the resource to the person of an earlier session: in that
// session itself, when cookie holds it for this very view, or in one that is
// made from it and ends no later.
func (a *App) continueView(c *gin.Context, v *view, before sessions.Session, cookie string) (shownView, error) {
	ctx, tenant := c.Request.Context(), siteOf(c).tenant
	Note(c, slog.String("user", before.User), slog.String("integration", before.Integration))
	owner, err := a.Provisioning.Owner(ctx, tenant, before.Integration)
	if errors.Is(err, provisioning.ErrNotFound) {
		return shownView{}, &Fault{Code: NoSession, Err: err}
	} else if err != nil {
		return shownView{}, err
	}
	v.belongsTo(owner)
	resource, err := a.visit(c, v, provisioning.Visitor{IntegrationID: before.Integration, Authorized: before.Authorized})
	if err != nil {
		return shownView{}, err
	}
	if cookie != "" && before.Resource == v.kind+"/"+v.id {
		secrets, _ := sessions.EmbedSecrets{Cookie: cookie}.Complete()
		return shownView{resource: resource, session: before, secrets: secrets}, nil
	}
	life := before.End().Sub(a.Now())
	if !before.Embed {
		life = min(life, maxTabLife)
	}
	if life < time.Second {
		return shownView{}, &Fault{Code: NoSession}
	}
	madeFrom := ""
	if !before.Embed {
		madeFrom = before.ID
	}
	shown, err := a.issueView(c, v, sessions.Issue{
		Spent: madeFrom, User: before.User, Integration: before.Integration, Generation: before.Generation, Epoch: before.Epoch,
		KeyID: before.KeyID, Absolute: life, Version: before.Version, Authorized: before.Authorized,
	})
	if errors.Is(err, sessions.ErrOvertaken) {
		err = &Fault{Code: NoSession, Err: err}
	}
	if err == nil && !before.Embed {
		// A sign-out in the middle of this has not seen the new session.
		if _, gone := a.session(c); gone != nil {
			return shownView{}, errors.Join(gone, a.Sessions.End(ctx, shown.session))
		}
	}
	shown.resource = resource
	return shown, err
}

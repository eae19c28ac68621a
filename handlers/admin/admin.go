// Package admin is for those who run Usher: the pages under /admin and the JSON
// API under /admin/api/v1. Both speak for a tenant, the one whose host the
// request came to, and do nothing themselves: every act is a call of the
// services that the commands use as well.
package admin

import (
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"log/slog"
	"net/http"
	"net/url"
	"strings"

	"github.com/gin-gonic/gin"

	"usher/handlers"
	"usher/provisioning"
	"usher/sessions/admins"
)

// Admin is what the handlers work with.
type Admin struct {
	*handlers.App
	Admins *admins.Service
	// bootstrap is the SHA-256 of the configured API key, so that comparing
	// takes equal time for keys of every length; nil = there is none.
	bootstrap *[sha256.Size]byte
	pages     []string // patterns of what an administrator can open
}

// AddPage tells of a page that a sign-in may lead to, by its route's pattern.
// It is for building the routes, before the first request.
func (a *Admin) AddPage(pattern string) { a.pages = append(a.pages, pattern) }

// New makes the admin's side of app. bootstrapKey may be empty.
func New(app *handlers.App, accounts *admins.Service, bootstrapKey string) *Admin {
	a := &Admin{App: app, Admins: accounts}
	if bootstrapKey != "" {
		sum := sha256.Sum256([]byte(bootstrapKey))
		a.bootstrap = &sum
	}
	return a
}

// API makes a handler of the JSON API that asks for a right. It follows the
// Tenant middleware.
func (a *Admin) API(scope admins.Scope, handle handlers.Handler) gin.HandlerFunc {
	return a.WrapJSON(func(c *gin.Context) error {
		actor, err := a.keyHolder(c)
		if err != nil {
			return err
		}
		return a.allowed(c, actor, scope, exactQuery(handle))
	})
}

// Page makes a handler of a page that asks for a right. It follows the Tenant
// middleware, and SameOrigin for everything but GET.
func (a *Admin) Page(scope admins.Scope, handle handlers.Handler) gin.HandlerFunc {
	return a.Own(func(c *gin.Context) error { return a.allowed(c, actorOf(c), scope, handle) })
}

// Own is Page for what every administrator may do.
func (a *Admin) Own(handle handlers.Handler) gin.HandlerFunc {
	return a.Public(func(c *gin.Context) error {
		actor, err := a.signedIn(c)
		if fault, ok := errors.AsType[*handlers.Fault](err); ok && fault.Code == handlers.NotSignedIn &&
			c.Request.Method == http.MethodGet {
			seeOther(c, signInPath+"?next="+url.QueryEscape(c.Request.URL.RequestURI()))
			return nil
		}
		if err != nil {
			return err
		}
		handlers.Note(c, slog.String("actor", actor.String()))
		c.Set(actorKey{}, actor)
		return handle(c)
	})
}

// Public is Page for what anybody may open.
func (a *Admin) Public(handle handlers.Handler) gin.HandlerFunc {
	return a.Wrap(func(c *gin.Context) error {
		if err := readForm(c); err != nil {
			return err
		}
		return handle(c)
	})
}

type actorKey struct{}

func (a *Admin) allowed(c *gin.Context, actor admins.Actor, scope admins.Scope, handle handlers.Handler) error {
	handlers.Note(c, slog.String("actor", actor.String()))
	if actor.Kind == admins.KindAPIKey {
		if err := a.RateAPIKey(c, actor.ID, actor.Rate); err != nil {
			return err
		}
	}
	if !actor.May(scope) {
		return lacks(actor, scope)
	}
	c.Set(actorKey{}, actor)
	return handle(c)
}

// lacks refuses somebody who does not have a right.
func lacks(actor admins.Actor, scope admins.Scope) error {
	return &handlers.Fault{
		Code: handlers.NotAllowed, Public: "This needs the right “" + string(scope) + "”, which " + actor.Name + " does not have.",
	}
}

// actorOf returns whom API or Page has let in.
func actorOf(c *gin.Context) admins.Actor {
	value, _ := c.Get(actorKey{})
	actor, _ := value.(admins.Actor)
	return actor
}

// by says in the journal and the audit log who asked.
func by(c *gin.Context) provisioning.By {
	actor := actorOf(c)
	return provisioning.By{
		Actor: actor.String(), Name: actor.Name, Reference: handlers.RequestID(c.Request.Context()),
		IfMatch: ifMatchOf(c), Attempt: attemptOf(c),
	}
}

// keyHolder finds whose API key the request carries (RFC 6750 §2.1).
func (a *Admin) keyHolder(c *gin.Context) (admins.Actor, error) {
	scheme, key, _ := strings.Cut(c.GetHeader("Authorization"), " ")
	if !strings.EqualFold(scheme, "Bearer") {
		return admins.Actor{}, &handlers.Fault{Code: handlers.APIKeyInvalid}
	}
	key = strings.TrimSpace(key)
	sum := sha256.Sum256([]byte(key))
	if a.bootstrap != nil && subtle.ConstantTimeCompare(sum[:], a.bootstrap[:]) == 1 {
		return admins.Bootstrap(), nil
	}
	actor, err := a.Admins.KeyHolder(c.Request.Context(), handlers.TenantOf(c), key)
	if errors.Is(err, admins.ErrNone) {
		return admins.Actor{}, &handlers.Fault{Code: handlers.APIKeyInvalid}
	}
	return actor, err
}

// signedIn finds the administrator whose browser this is.
func (a *Admin) signedIn(c *gin.Context) (admins.Actor, error) {
	actor, session, err := a.Admins.Check(c.Request.Context(), handlers.TenantOf(c), admins.ReadCookie(c.Request))
	if errors.Is(err, admins.ErrNone) {
		return admins.Actor{}, &handlers.Fault{Code: handlers.NotSignedIn}
	}
	c.Set(sessionKey{}, session)
	return actor, err
}

type sessionKey struct{}

// sessionOf returns the session of the browser that Own or Page has let in.
func sessionOf(c *gin.Context) admins.Session {
	value, _ := c.Get(sessionKey{})
	session, _ := value.(admins.Session)
	return session
}

// seeOther sends the browser to another page of ours after a form.
func seeOther(c *gin.Context, path string) {
	c.Writer.Header().Set("Location", path)
	c.Status(http.StatusSeeOther)
	c.Writer.WriteHeaderNow()
}

// WithoutSlash leads who has typed /admin/ to the overview.
func (a *Admin) WithoutSlash(c *gin.Context) error {
	seeOther(c, "/admin")
	return nil
}

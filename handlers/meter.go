package handlers

import (
	"cmp"
	"context"
	"errors"
	"time"

	"github.com/gin-gonic/gin"

	"usher/provisioning"
	"usher/sessions"
)

// RequestMeter is told of every request when it is over. It neither waits nor
// fails. route is the template of the list of routes, "" for an address that is
// not in it: never what the request itself says.
type RequestMeter interface {
	Request(route string, status int, took time.Duration)
}

// Meter is told how sign-ins and what hangs on them go. It neither waits nor
// fails. All that it is told are words of this package.
type Meter interface {
	// SignIn is told of an attempt at a door (provisioning.DoorGet, …, or DoorEvent). reason is
	// the code of the refusal, "" for other outcomes.
	SignIn(door, outcome, reason string)
	// SessionCheck is told whether a browser's session (CheckBrowser) or that of
	// an embedded view (CheckView) was live.
	SessionCheck(kind, result string)
	// TokenRequest is told of a request for tokens: under which grant, or GrantJWT
	// or GrantUnknown, and ResultIssued or the code of the refusal.
	TokenRequest(grant, result string)
	// Introspection is told what was said of a token, or ResultRefused when the
	// caller was sent away.
	Introspection(result string)
	// RateLimited is told of a request that was refused as it came too early.
	RateLimited(kind RateKind)
}

// DoorEvent is the door of event tokens, which sign nobody in: Meter.SignIn is
// told of those that are refused.
const DoorEvent = "event"

// Outcomes of Meter.SignIn.
const (
	OutcomeSignedIn = "signed_in"
	OutcomeReopened = "reopened" // a used link, opened again by the browser that it signed in
	OutcomeRefused  = "refused"
)

// Kinds of Meter.SessionCheck.
const (
	CheckBrowser = "browser"
	CheckView    = "view"
)

// Results of the meter's other counts.
const (
	ResultLive        = "live"
	ResultNone        = "none"
	ResultActive      = "active"
	ResultInactive    = "inactive"
	ResultIssued      = "issued"
	ResultRefused     = "refused"
	ResultUnavailable = string(provisioning.StoreUnavailable)
)

// Grants of Meter.TokenRequest beside those of package tokens.
const (
	GrantJWT     = "jwt"     // a JWT that is made of a token
	GrantUnknown = "unknown" // refused before it was read, or none that we know
)

// Load is how busy the process is.
type Load struct {
	InFlight int64 // requests under way, forwarded ones and health checks included
	Shed     int64 // requests turned away for want of room, since the start
}

// Load says how busy the process is. Without a RequestMeter nobody counts what is
// under way.
func (h *HTTP) Load() Load { return Load{InFlight: h.inFlight.Load(), Shed: h.shed.Load()} }

// measure tells the meter of the request: middleware.
func (h *HTTP) measure(c *gin.Context) {
	if h.Requests == nil {
		return
	}
	start := h.Now()
	h.inFlight.Add(1)
	defer func() { // for connections that are cut as well
		h.inFlight.Add(-1)
		h.Requests.Request(c.FullPath(), c.Writer.Status(), h.Now().Sub(start))
	}()
	c.Next()
}

// leftEarly reports whether the client has hung up: then nothing was decided.
func leftEarly(c *gin.Context) bool {
	return errors.Is(c.Request.Context().Err(), context.Canceled)
}

// meterSignIn counts an attempt that is finished.
func (a *App) meterSignIn(attempt provisioning.SignInAttempt) {
	if a.Meter == nil {
		return
	}
	switch {
	case attempt.Reopened:
		a.Meter.SignIn(attempt.Door, OutcomeReopened, "")
	case attempt.Reason != "":
		a.Meter.SignIn(attempt.Door, OutcomeRefused, attempt.Reason)
	default:
		a.Meter.SignIn(attempt.Door, OutcomeSignedIn, "")
	}
}

// meterEvent counts an event token that was refused.
func (a *App) meterEvent(c *gin.Context, err error) {
	if a.Meter == nil || leftEarly(c) {
		return
	}
	a.Meter.SignIn(DoorEvent, OutcomeRefused, a.rule(err).code)
}

// meterCheck counts a look for a session, by the error of package sessions.
func (a *App) meterCheck(c *gin.Context, kind string, err error) {
	switch {
	case a.Meter == nil, leftEarly(c):
	case err == nil:
		a.Meter.SessionCheck(kind, ResultLive)
	case errors.Is(err, sessions.ErrNone):
		a.Meter.SessionCheck(kind, ResultNone)
	default:
		a.Meter.SessionCheck(kind, ResultUnavailable)
	}
}

// noteGrant keeps the grant of a request for tokens, once it is one of ours.
func noteGrant(c *gin.Context, grant string) { requestOf(c).grant = grant }

// GivesTokens counts the requests for tokens that a handler answers.
func (a *App) GivesTokens(handle Handler) Handler {
	return func(c *gin.Context) error {
		err := handle(c)
		if a.Meter == nil || leftEarly(c) {
			return err
		}
		grant, result := cmp.Or(requestOf(c).grant, GrantUnknown), ResultIssued
		if err != nil {
			result = a.rule(err).code
		}
		a.Meter.TokenRequest(grant, result)
		return err
	}
}

// meterIntrospection counts an answer about a token.
func (a *App) meterIntrospection(c *gin.Context, active bool, err error) {
	switch {
	case a.Meter == nil, leftEarly(c):
	case err == nil && active:
		a.Meter.Introspection(ResultActive)
	case err == nil:
		a.Meter.Introspection(ResultInactive)
	case a.rule(err).code == ResultUnavailable:
		a.Meter.Introspection(ResultUnavailable)
	default:
		a.Meter.Introspection(ResultRefused)
	}
}

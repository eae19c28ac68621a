package handlers

import (
	"context"
	"errors"
	"log/slog"
	"mime"
	"net/http"
	"net/url"
	"strings"

	"github.com/gin-gonic/gin"

	"usher/provisioning"
	"usher/sessions"
)

// The most that a token may have at each door, in bytes.
const (
	maxTokenInURL  = provisioning.MaxTokenInURL
	maxTokenInForm = provisioning.MaxTokenInForm
)

// Callback signs a person in by a link:
//
//	GET  /auth/callback/jwt-auth?token=…&go=…&appId=…
//	POST /auth/callback/jwt-auth   the same as a form
//
// It answers 303 with a session cookie, or refuses and changes nothing.
func (a *App) Callback(c *gin.Context) error {
	if isPrefetch(c.Request) {
		refuseGuess(c)
		return nil
	}
	attempt := provisioning.SignInAttempt{Door: provisioning.DoorGet, Arrival: provisioning.Arrival{
		Tenant: siteOf(c).tenant, Reference: RequestID(c.Request.Context()),
	}}
	if c.Request.Method == http.MethodPost {
		attempt.Door = provisioning.DoorPost
	}
	err := a.enter(c, &attempt)
	a.logAttempt(c, attempt, err)
	return err
}

// enter is Callback without the log.
func (a *App) enter(c *gin.Context, attempt *provisioning.SignInAttempt) error {
	link, wanted, err := readLink(c.Request)
	if err != nil {
		return err
	}
	s, arrival := siteOf(c), &attempt.Arrival
	link.Audiences = s.audiences
	arrival.Link, arrival.Go, arrival.Own, arrival.Nonce = link, wanted, s.own, nonceOf(c.Request)
	err = a.redeem(c, attempt)
	for again := 0; errors.Is(err, sessions.ErrOvertaken) && again < 2; again++ {
		// Something was ended meanwhile; the link now says what.
		err = a.redeem(c, attempt)
	}
	if errors.Is(err, sessions.ErrOvertaken) {
		return unavailable(err)
	}
	return err
}

// logAttempt hands the attempt to the sign-in log. Somebody who has hung up
// before there was an answer was neither let in nor refused.
func (a *App) logAttempt(c *gin.Context, attempt provisioning.SignInAttempt, err error) {
	if err != nil {
		if errors.Is(c.Request.Context().Err(), context.Canceled) {
			return
		}
		ruling := a.rule(err)
		attempt.Reason, attempt.Refusal = ruling.code, ruling.refusal
	}
	if !attempt.Uneventful() {
		attempt.Network, attempt.UserAgent = sessions.NetworkOf(clientIP(c)), c.Request.UserAgent()
	}
	a.meterSignIn(attempt)
	if attempt.Reason == string(provisioning.RateLimited) {
		return // a flood costs no rows; the metrics count it
	}
	a.Provisioning.LogSignIn(attempt)
}

// redeem is one try of Callback. It returns ErrOvertaken, with the link given
// back, when the person's sessions or those of the integration were ended in
// the middle of it.
func (a *App) redeem(c *gin.Context, attempt *provisioning.SignInAttempt) error {
	ctx, s := c.Request.Context(), siteOf(c)
	signIn, err := a.Provisioning.Redeem(ctx, attempt.Arrival)
	attempt.SignIn = signIn
	noteSignIn(c, signIn)
	if err != nil {
		if a.sameBrowser(c, signIn, err) {
			Note(c, slog.Bool("reopened", true))
			attempt.Reopened, attempt.Target = true, signIn.Target.Location()
			c.Header("Cache-Control", "no-store")
			seeOther(c, attempt.Target)
			return nil
		}
		return err
	}
	cookie, _, previous, err := a.Sessions.Issue(ctx, sessions.Issue{
		Tenant: s.tenant.ID, User: signIn.UserID, Integration: signIn.Integration.ID,
		Generation: signIn.Generation, Epoch: signIn.Epoch, KeyID: signIn.KeyID, Spent: signIn.Spent,
		Idle: signIn.Idle, Absolute: signIn.Absolute, Version: signIn.Version, Authorized: signIn.Authorized,
		UserAgent: c.Request.UserAgent(), RemoteIP: clientIP(c), Replaces: sessions.ReadCookie(c.Request),
	})
	if err != nil {
		a.Provisioning.Release(ctx, s.tenant.ID, signIn)
		if errors.Is(err, sessions.ErrOvertaken) {
			return err
		}
		return unavailable(err)
	}
	if previous != nil && previous.User != signIn.UserID {
		// Somebody may be signing people in as somebody else by a planted link.
		Note(c, slog.String("replaced_user", previous.User))
	}
	attempt.Target = signIn.Target.Location()
	a.welcome(c, signIn, cookie)
	return nil
}

// welcome sends the person on with the session.
func (a *App) welcome(c *gin.Context, signIn provisioning.SignIn, cookie string) {
	http.SetCookie(c.Writer, sessions.NewCookie(cookie))
	seeOther(c, Location(signIn.Target, signIn.Onboarding))
}

// Location is where a browser is sent after a sign-in, possibly by way of the
// onboarding page.
func Location(target provisioning.Target, onboarding bool) string {
	location := target.Location()
	if onboarding {
		return OnboardingPath + "?next=" + url.QueryEscape(location)
	}
	return location
}

// LinkURL is the link that carries a token to the callback at an address.
func LinkURL(callback, token, wanted string) string {
	link := callback + "?token=" + token
	if wanted != "" {
		link += "&go=" + url.QueryEscape(wanted)
	}
	return link
}

// sameBrowser reports whether a replayed token comes from the browser that
// holds the session made by it: a reload, a double click, the back button.
func (a *App) sameBrowser(c *gin.Context, signIn provisioning.SignIn, err error) bool {
	refusal, ok := errors.AsType[*provisioning.Refusal](err)
	if !ok || refusal.Reason != provisioning.TokenReplayed {
		return false
	}
	session, err := a.Sessions.Check(c.Request.Context(), siteOf(c).tenant.ID, sessions.ReadCookie(c.Request))
	return err == nil && session.Integration == signIn.Integration.ID && session.Spent == signIn.Spent
}

// readLink takes the link's parts from the query or the form. A part that is
// there twice, or in both, is ambiguous: the token is refused, and go counts
// as one that cannot be followed.
func readLink(r *http.Request) (link provisioning.Link, wanted string, err error) {
	query, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return link, "", &provisioning.Refusal{Reason: provisioning.TokenMalformed, Detail: "the query string is malformed"}
	}
	values := query
	link.Limit = maxTokenInURL
	if r.Method == http.MethodPost {
		form, err := readForm(r)
		if err != nil {
			return link, "", err
		}
		link.Limit = maxTokenInForm
		if query.Has("token") {
			// A token in the URL stays bounded as one, and is ambiguous beside
			// another.
			if !form.Has("token") {
				link.Limit = maxTokenInURL
			}
			form["token"] = append(form["token"], query["token"]...)
		}
		for _, name := range []string{"go", "appId"} {
			form[name] = append(form[name], query[name]...)
		}
		values = form
	}
	read, wanted, err := provisioning.ReadLink(values)
	read.Limit = link.Limit
	return read, wanted, err
}

// ambiguousGo is how a go that was given more than once is handed on.
const ambiguousGo = provisioning.AmbiguousGo

func readForm(r *http.Request) (url.Values, error) {
	kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil || !strings.EqualFold(kind, "application/x-www-form-urlencoded") {
		return nil, &provisioning.Refusal{
			Reason: provisioning.TokenMissing, Detail: "the form is not application/x-www-form-urlencoded",
		}
	}
	if err := r.ParseForm(); err != nil {
		var large *http.MaxBytesError
		if errors.As(err, &large) {
			return nil, &provisioning.Refusal{Reason: provisioning.TooLarge}
		}
		return nil, &provisioning.Refusal{Reason: provisioning.TokenMalformed, Detail: "the form is malformed"}
	}
	return r.PostForm, nil
}

// noteSignIn adds to the log line what the admin will ask for.
func noteSignIn(c *gin.Context, signIn provisioning.SignIn) {
	var room [6]slog.Attr // all that follow
	attrs := room[:0]
	if signIn.Integration.ID != "" {
		attrs = append(attrs, slog.String("integration", signIn.Integration.ID))
	}
	if signIn.KeyID != "" {
		attrs = append(attrs, slog.String("key", signIn.KeyID))
	}
	if signIn.UserID != "" {
		attrs = append(attrs, slog.String("user", signIn.UserID),
			slog.Bool("created", signIn.Created), slog.Bool("changed", signIn.Changed))
	}
	if len(signIn.Warnings) > 0 {
		warnings := make([]string, len(signIn.Warnings))
		for i, w := range signIn.Warnings {
			warnings[i] = w.Code + " " + w.Path + ": " + w.Text
		}
		attrs = append(attrs, slog.Any("warnings", warnings))
	}
	Note(c, attrs...)
}

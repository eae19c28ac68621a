package handlers

import (
	"log/slog"
	"net/http"
	"strings"

	"github.com/gin-gonic/gin"

	"usher/provisioning"
)

// BackchannelRevokePath is where partners' servers say that a person has signed
// out there, or is to be kept out.
const BackchannelRevokePath = "/auth/backchannel/revoke"

// eventFault is why an event token was not taken. It is a server that reads the
// answer, and nobody has a link before them.
type eventFault struct{ error }

func (e eventFault) Unwrap() error { return e.error }

// atEvent is the outcome for an event token; the status stays.
func (o outcome) atEvent() outcome {
	switch o.status {
	case http.StatusTooManyRequests:
		o.title, o.whatToDo = "Too many events", "Send the same token again when the time in Retry-After is over. Nothing has been changed."
	case http.StatusServiceUnavailable:
		o.whatToDo = "Send the same token again in a moment."
	case http.StatusInternalServerError:
	default:
		o.whatToDo = "Put right what the reason says, and send a fresh token."
	}
	o.title = strings.NewReplacer("This link", "This token", "this link", "this token").Replace(o.title)
	return o
}

// BackchannelRevoke: POST /auth/backchannel/revoke, a form with a signed token
// that has sub and event ("logout" or "disable"), and appId where the token does
// not say whose it is. Once it has answered 200 the person's sessions are dead on
// every instance. known is false for somebody whom the integration has never
// brought. The token may not stand in the query.
func (a *App) BackchannelRevoke(c *gin.Context) error {
	err := a.backchannelRevoke(c)
	if err == nil {
		return nil
	}
	a.meterEvent(c, err)
	return eventFault{err}
}

func (a *App) backchannelRevoke(c *gin.Context) error {
	form, err := readForm(c.Request)
	if err != nil {
		return err
	}
	link, _, err := provisioning.ReadLink(form)
	if err != nil {
		return err
	}
	site := siteOf(c)
	link.Limit, link.Audiences = maxTokenInForm, site.audiences
	done, err := a.Provisioning.Revoke(c.Request.Context(), provisioning.Arrival{
		Tenant: site.tenant, Link: link, Reference: RequestID(c.Request.Context()),
	})
	noteSignIn(c, done.SignIn)
	if err != nil {
		return err
	}
	Note(c, slog.String("event", done.Event.Name), slog.Bool("known", done.Known))
	c.Header("Cache-Control", "no-store")
	c.JSON(http.StatusOK, gin.H{"event": done.Event.Name, "known": done.Known})
	return nil
}

package handlers

import (
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/gin-gonic/gin"

	"usher/sessions"
	"usher/sessions/tokens"
	"usher/web"
)

// maxLogout bounds, in bytes, what an application sends along with a person who
// signs out: it has to fit into an address.
const maxLogout = 16 << 10

// ConnectEndSession ends the session of a person whom an application sends for it
// (OpenID Connect RP-Initiated Logout 1.0): GET and POST /connect/endsession.
//
// An identity token of the same person shows that it is that application which
// asks: then the session ends at once, with what the application was given.
// Otherwise the person is asked, as any site could have sent them.
func (a *App) ConnectEndSession(c *gin.Context) error {
	if isPrefetch(c.Request) {
		refuseGuess(c)
		return nil
	}
	values, err := logoutValues(c.Request)
	if err != nil {
		return err
	}
	confirmed := c.Request.Method == http.MethodPost
	if confirmed && http.NewCrossOriginProtection().Check(c.Request) != nil {
		// A form of another site comes without our cookie, which an address gets.
		seeOther(c, ConnectEndSessionPath+"?"+values.Encode())
		return nil
	}
	wish, err := a.readLogout(c, values)
	if err != nil {
		return err
	}
	session, err := a.session(c)
	if fault, ok := errors.AsType[*Fault](err); ok && fault.Code == NoSession {
		return a.leave(c, wish)
	} else if err != nil {
		return err
	}
	switch {
	case wish.hint.Subject == session.User:
		// First what would not be found again without the session.
		if err := a.Tokens.RevokeFamily(c.Request.Context(), session.Tenant, wish.hint.Session); err != nil {
			return err
		}
	case !confirmed:
		if wish.back != "" {
			allowForms(c, "'self'", formTarget(wish.back)) // to which the form's answer leads
		}
		return a.show(c, web.EndSession{
			Person: a.personName(c, session), Application: wish.client.Name,
			ClientID: wish.client.ClientID, Back: wish.back, State: wish.state,
		})
	}
	if err := a.Sessions.End(c.Request.Context(), session); err != nil {
		return unavailable(err)
	}
	return a.leave(c, wish)
}

// logout is an application's wish that a person sign out.
type logout struct {
	hint   tokens.IdentityHint // zero = none that is ours
	client tokens.Client       // zero = not known
	back   string              // a post-logout URI of the client; "" = none
	state  string              // for the client
}

// logoutValues are the parameters of a request to sign out, each once.
func logoutValues(r *http.Request) (url.Values, error) {
	values := r.URL.Query()
	if r.Method == http.MethodPost {
		form, err := readForm(r)
		if err != nil {
			return nil, &Fault{Code: BadRequest, Public: "The body is a form: application/x-www-form-urlencoded.", Err: err}
		}
		values = form
	}
	size := 0
	for name, list := range values {
		if len(list) > 1 {
			return nil, &Fault{Code: BadRequest, Public: fmt.Sprintf("The parameter %s is there more than once.", clipped(name))}
		}
		size += len(name) + len(list[0])
	}
	if size > maxLogout {
		return nil, &Fault{Code: BadRequest, Public: "The request is too long."}
	}
	return values, nil
}

// readLogout finds the client of a request to sign out and checks that people may
// be sent to where it says. Anything else is a Fault, and nobody is sent anywhere.
// When no client is known that is there and switched on, perhaps because the key of
// the hint is gone, neither the hint nor the address counts: the person is asked.
func (a *App) readLogout(c *gin.Context, values url.Values) (logout, error) {
	ctx, tenant := c.Request.Context(), siteOf(c).tenant.ID
	wish := logout{back: values.Get("post_logout_redirect_uri"), state: values.Get("state")}
	clientID := values.Get("client_id")
	if hint := values.Get("id_token_hint"); hint != "" {
		var err error
		wish.hint, err = a.Tokens.ReadIdentity(ctx, tenant, issuer(c), hint)
		switch {
		case errors.Is(err, tokens.ErrNone):
		case err != nil:
			return logout{}, err
		case clientID != "" && clientID != wish.hint.ClientID:
			return logout{}, &Fault{Code: BadRequest, Public: "client_id is another one than that of id_token_hint."}
		default:
			clientID = wish.hint.ClientID
		}
	}
	if clientID != "" {
		client, err := a.Tokens.ClientByClientID(ctx, tenant, clientID)
		if err != nil && !errors.Is(err, tokens.ErrNotFound) {
			return logout{}, err
		}
		if err == nil && !client.Disabled {
			wish.client = client
			Note(c, slog.String("oauth_client", client.ID))
		}
	}
	if wish.client.ID == "" {
		return logout{}, nil
	}
	if wish.back != "" && !slices.Contains(wish.client.PostLogoutURIs, wish.back) {
		return logout{}, &Fault{Code: BadRequest, Public: "The application wants you to be sent to an address that is not registered for it. You have not been signed out."}
	}
	return wish, nil
}

// leave sends a person who is signed out on.
func (a *App) leave(c *gin.Context, wish logout) error {
	http.SetCookie(c.Writer, sessions.ClearCookie())
	if wish.back == "" {
		return a.show(c, web.SignedOut{})
	}
	location := wish.back
	if wish.state != "" {
		separator := "?"
		if strings.Contains(location, "?") {
			separator = "&"
		}
		location += separator + "state=" + url.QueryEscape(wish.state)
	}
	seeOther(c, location)
	return nil
}

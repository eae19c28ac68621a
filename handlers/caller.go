package handlers

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/gin-gonic/gin"

	"usher/provisioning"
	"usher/sessions"
)

// caller is whom a request speaks for, and who says so: the session of a
// browser, or a token that the request itself carries.
type caller struct {
	Tenant, User, Integration string    // ids
	Version                   int64     // of the user, as the sign-in left it; 0 = unknown
	Generation                int64     // of the integration
	Epoch                     int64     // of the user
	Authorized                []string  // resource ids that the token names; nil = default rights
	SessionID                 string    // of the session; "" when the request carries a token
	KeyID                     string    // the key that signed the token
	Made                      time.Time // when this credential says that it was made; zero = it does not
	Ends                      time.Time // when this credential is no longer good; zero = never
}

// caller returns whom the request speaks for. A credential in the Authorization
// header decides alone; otherwise it is the session cookie. The error is a Fault
// with NoSession, a refusal of the token, or a fault of a store.
func (a *App) caller(c *gin.Context) (caller, error) {
	link, explicit, err := readCredential(c.Request.Header)
	if err != nil {
		return caller{}, err
	}
	var who caller
	if explicit {
		who, err = a.recognize(c, link)
	} else {
		var session sessions.Session
		session, err = a.session(c)
		who = callerOf(session)
	}
	if err != nil {
		return caller{}, err
	}
	a.shareWithScript(c, who.Integration)
	return who, nil
}

// callerOf is whom a session speaks for.
func callerOf(session sessions.Session) caller {
	return caller{
		Tenant: session.Tenant, User: session.User, Integration: session.Integration,
		Version: session.Version, Generation: session.Generation, Epoch: session.Epoch, Authorized: session.Authorized,
		SessionID: session.ID, KeyID: session.KeyID, Made: session.Created, Ends: session.End(),
	}
}

// holds reports whether the caller came with the session of this public id.
func (who caller) holds(id string) bool { return who.SessionID != "" && who.SessionID == id }

// recognize returns whom a token in the Authorization header speaks for. It
// leaves nothing behind: no cookie, no session, no spent token. Refusals reach
// the sign-in log, and calls that have changed the person.
func (a *App) recognize(c *gin.Context, link provisioning.Link) (caller, error) {
	ctx, s := c.Request.Context(), siteOf(c)
	link.Audiences = append(slices.Clip(s.audiences), link.Audiences...)
	attempt := provisioning.SignInAttempt{Door: provisioning.DoorHeader, Arrival: provisioning.Arrival{
		Tenant: s.tenant, Link: link, Own: s.own, Reference: RequestID(ctx),
	}}
	signIn, err := a.Provisioning.Recognize(ctx, attempt.Arrival)
	attempt.SignIn = signIn
	if refusal, ok := errors.AsType[*provisioning.Refusal](err); ok {
		err = headerRefusal{refusal}
	}
	a.logAttempt(c, attempt, err)
	if err != nil {
		noteSignIn(c, signIn)
		return caller{}, err
	}
	Note(c, slog.String("user", signIn.UserID), slog.String("integration", signIn.Integration.ID))
	return caller{
		Tenant: s.tenant.ID, User: signIn.UserID, Integration: signIn.Integration.ID,
		Version: signIn.Version, Generation: signIn.Generation, Epoch: signIn.Epoch, Authorized: signIn.Authorized, KeyID: signIn.KeyID, Made: signIn.TokenMade, Ends: signIn.TokenEnds,
	}, nil
}

// The headers that tell an application behind a proxy who calls it. A client
// that sends one of them is never believed: see stripIdentity.
const (
	identityPrefix    = "X-Usher-"
	headerUser        = identityPrefix + "User"
	headerEmail       = identityPrefix + "Email"
	headerGroups      = identityPrefix + "Groups"
	headerIntegration = identityPrefix + "Integration"
	headerSession     = identityPrefix + "Session"
)

// identityHeaders are all of them.
var identityHeaders = [len(identity{})]string{headerUser, headerEmail, headerGroups, headerIntegration, headerSession}

// identity is what an application is told about a caller:
//
//	X-Usher-User         the user's id
//	X-Usher-Email        the e-mail address
//	X-Usher-Groups       the external ids of the groups, joined with ","
//	X-Usher-Integration  the id of the integration that vouches for the person
//	X-Usher-Session      the session's public id, which opens nothing
//
// Values are percent-encoded (see headerValue), and a header without one is
// left out. A user who is gone or disabled is a Fault with NoSession.
func (a *App) identity(ctx context.Context, tenant provisioning.Tenant, who caller) (identity, error) {
	principal, err := a.Provisioning.Principal(ctx, tenant, who.User, who.Version)
	if errors.Is(err, provisioning.ErrNotFound) || (err == nil && !principal.Active) {
		return identity{}, &Fault{Code: NoSession, Err: err}
	} else if err != nil {
		return identity{}, fmt.Errorf("identity: %w", err)
	}
	told := identity{headerValue(who.User), headerValue(principal.Email), groupsValue(principal.Groups), headerValue(who.Integration)}
	told[len(told)-1] = who.SessionID
	return told, nil
}

// identity is what an application is told, by the places in identityHeaders; "" =
// nothing.
type identity [5]string

// header holds those headers that have a value.
func (told identity) header() http.Header {
	header := http.Header{}
	for i, value := range told {
		if value != "" {
			header[identityHeaders[i]] = []string{value}
		}
	}
	return header
}

// groupsValue is the list of groups as a header says it.
func groupsValue(groups []string) string {
	size := 0
	for _, id := range groups {
		size += len(id) + len(",")
	}
	var b strings.Builder
	b.Grow(size)
	for i, id := range groups {
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteString(headerValue(id))
	}
	return b.String()
}

// headerValue percent-encodes (RFC 3986 §2.1) every byte that is not a visible
// ASCII character, and "%" and "," besides: a value holds no line end, the
// list of groups can be taken apart, and nothing is lost.
func headerValue(s string) string {
	if !strings.ContainsFunc(s, func(r rune) bool { return r <= ' ' || r > '~' || r == '%' || r == ',' }) {
		return s
	}
	const upperHex = "0123456789ABCDEF"
	var b strings.Builder
	for i := range len(s) {
		if c := s[i]; 0x21 <= c && c <= 0x7E && c != '%' && c != ',' {
			b.WriteByte(c)
		} else {
			b.Write([]byte{'%', upperHex[c>>4], upperHex[c&0xF]})
		}
	}
	return b.String()
}

// stripIdentity takes away what a client may have sent to pass for somebody:
// every header whose name an application could read as one of ours.
func stripIdentity(h http.Header) {
	ours := foldedName(identityPrefix)
	for name := range h {
		if strings.HasPrefix(foldedName(name), ours) {
			delete(h, name)
		}
	}
}

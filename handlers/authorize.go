package handlers

import (
	"errors"
	"log/slog"
	"maps"
	"net/http"
	"net/url"
	"slices"

	"github.com/gin-gonic/gin"

	"usher/sessions"
	"usher/sessions/tokens"
)

// Where people are asked.
const (
	ConnectAuthorizePath = "/connect/authorize"
	ConnectConsentPath   = "/connect/consent"
)

// authorizeRules are what differs between the authorization endpoints.
type authorizeRules struct {
	path          string   // of the endpoint itself
	consentPath   string   // to which its page with the question posts
	responseTypes []string // which it knows, the words of each in order
	// alwaysConsent asks every person once for each client, whatever the client's
	// settings say.
	alwaysConsent bool
	// commas says that scopes may stand with commas between them.
	commas bool
	// anyCase says that organizations may be written in any case (client_id).
	anyCase bool
}

// connectRules are those of OpenID Connect.
var connectRules = authorizeRules{
	path: ConnectAuthorizePath, consentPath: ConnectConsentPath, responseTypes: []string{typeCode, typeCodeIDToken},
}

// Authorize asks a person's browser for the person, on behalf of a client (RFC
// 6749 §3.1, OpenID Connect Core 1.0 §3.1.2): GET and POST /connect/authorize.
func (a *App) Authorize(c *gin.Context) error { return a.authorize(c, connectRules) }

// authorize is Authorize by the rules of an endpoint. Until it is certain who
// asks and where the answer goes, whatever is wrong is told on a page; after that
// the client is told. A fault of a store is neither: nothing is known, and the
// browser can ask again.
func (a *App) authorize(c *gin.Context, rules authorizeRules) error {
	if isPrefetch(c.Request) {
		refuseGuess(c)
		return nil
	}
	values, err := authorizeValues(c.Request)
	if err != nil {
		return err
	}
	if query := values.Encode(); c.Request.Method == http.MethodPost && len(query) <= maxAuthorize {
		// The session does not come with another site's POST: its cookie is Lax.
		seeOther(c, rules.path+"?"+query)
		return nil
	}
	r, wrong, err := a.asked(c, values, rules)
	if err != nil {
		return err
	}
	if wrong == nil {
		wrong, err = a.decide(c, r, rules, "")
	}
	if wrong != nil {
		return a.deliverError(c, r, wrong)
	}
	return err
}

// authorizeValues reads the parameters from the query, or from a form (OpenID
// Connect Core 1.0 §3.1.2.1). Those without a value count as left out (RFC 6749
// §3.1).
func authorizeValues(r *http.Request) (url.Values, error) {
	values, err := url.ParseQuery(r.URL.RawQuery)
	if err == nil && r.Method == http.MethodPost {
		var form url.Values
		if form, err = readForm(r); err == nil {
			for name, list := range form {
				values[name] = append(values[name], list...)
			}
		}
	}
	if err != nil {
		return nil, authorizeFault("The parameters stand in the address, or in a form (application/x-www-form-urlencoded).", err)
	}
	maps.DeleteFunc(values, func(_ string, list []string) bool { return len(list) == 1 && list[0] == "" })
	return values, nil
}

// authorizeFault is told to the person. The cause is for the log alone: what it
// would be answered with elsewhere does not count here.
func authorizeFault(text string, cause error) *Fault {
	fault := &Fault{Code: AuthorizationInvalid, Public: text}
	if cause != nil {
		fault.Err = errors.New(cause.Error())
	}
	return fault
}

// asked finds the client, and where the answer goes, and reads the request. The
// error is told on a page, or is a fault of a store; wrong is for the client.
func (a *App) asked(c *gin.Context, values url.Values, rules authorizeRules) (r authorizeRequest, wrong *authorizeError, err error) {
	id, once := single(values[paramClientID])
	if id == "" || !once {
		return r, nil, authorizeFault("The parameter client_id is missing, or there more than once.", nil)
	}
	ctx, tenant := c.Request.Context(), siteOf(c).tenant.ID
	if rules.anyCase {
		if id, err = a.Tokens.ClientIDAsStored(ctx, tenant, id); err != nil {
			return r, nil, err
		}
	}
	client, err := a.Tokens.AskingClient(ctx, tenant, id)
	if client.ID != "" {
		Note(c, slog.String("oauth_client", client.ID))
	}
	if errors.Is(err, tokens.ErrInvalidClient) {
		return r, nil, authorizeFault("There is no such application here, or it has been switched off (client_id).", err)
	} else if err != nil {
		return r, nil, err
	}
	uri, once := single(values[paramRedirectURI])
	if !once || !tokens.Redirects(client, uri) {
		return r, nil, authorizeFault("The address to which the answer would go is none that this application has registered (redirect_uri).", nil)
	}
	r, wrong = readAuthorize(values, client, uri, rules, a.Now())
	return r, wrong, nil
}

// decide answers a request that can be read: with a way to sign in, a page that
// asks the person something, or a code. allowed names the question to which the
// person has just said yes, "" = none. wrong is for the client.
func (a *App) decide(c *gin.Context, r authorizeRequest, rules authorizeRules, allowed string) (wrong *authorizeError, err error) {
	session, err := a.session(c)
	fault, _ := errors.AsType[*Fault](err)
	switch out := fault != nil && fault.Code == NoSession || err == nil && session.Created.Before(r.after); {
	case out && allowed != "":
		// A browser would not follow the form to the page for signing in, which is
		// on another site.
		return nil, &Fault{Code: NoSession, Public: "You were signed out meanwhile. Go back to the application and begin again."}
	case out:
		return a.signInFirst(c, r, rules)
	case err != nil:
		return nil, err
	}
	if wrong, err := a.checkHint(c, r, session); wrong != nil || err != nil {
		return wrong, err
	}
	ctx, tenant := c.Request.Context(), siteOf(c).tenant.ID
	granted, err := a.Tokens.Scopes(ctx, tenant, r.client, session.User, r.scope)
	switch {
	case errors.Is(err, tokens.ErrScope):
		return &authorizeError{authorizeInvalidScope, "The client may not have all of this: scope names what it is allowed."}, nil
	case err != nil:
		return nil, err
	case r.responseType == typeCodeIDToken && !slices.Contains(granted, tokens.ScopeOpenID):
		return &authorizeError{authorizeInvalidScope, "An identity token needs the scope openid."}, nil
	}
	if wrong, done, err := a.completeFirst(c, r, rules, session); wrong != nil || done || err != nil {
		return wrong, err
	}
	if wrong, done, err := a.consentFirst(c, r, rules, consentQuestion{session, granted}, allowed); wrong != nil || done || err != nil {
		return wrong, err
	}
	return a.giveCode(c, r, session, granted)
}

// checkHint compares the person with the one whom the client expects. A hint that
// cannot be read, perhaps because its key is gone, matters where nobody looks:
// otherwise the person sees who is signed in.
func (a *App) checkHint(c *gin.Context, r authorizeRequest, session sessions.Session) (*authorizeError, error) {
	if r.hint == "" {
		return nil, nil
	}
	said, err := a.Tokens.ReadIdentity(c.Request.Context(), siteOf(c).tenant.ID, issuer(c), r.hint)
	switch {
	case errors.Is(err, tokens.ErrNone) && !r.silent:
		return nil, nil
	case errors.Is(err, tokens.ErrNone):
		return &authorizeError{authorizeInvalidRequest, "id_token_hint is no identity token from here."}, nil
	case err != nil:
		return nil, err
	case said.Subject != session.User:
		return &authorizeError{authorizeLoginRequired, "Somebody else is signed in."}, nil
	}
	return nil, nil
}

// giveCode is the answer that the client hopes for.
func (a *App) giveCode(c *gin.Context, r authorizeRequest, session sessions.Session, scopes []string) (*authorizeError, error) {
	ctx, tenant := c.Request.Context(), siteOf(c).tenant.ID
	code, grant, err := a.Tokens.Authorize(ctx, tenant, tokens.Authorization{
		Client: r.client, Scopes: scopes, RedirectURI: r.redirectURI, Challenge: r.challenge, Nonce: r.nonce,
		Person: tokens.Person{
			User: session.User, Integration: session.Integration, Generation: session.Generation, Epoch: session.Epoch,
			AuthTime: session.Created,
		},
	})
	switch {
	case errors.Is(err, tokens.ErrInvalidClient):
		return nil, authorizeFault("There is no such application here, or it has been switched off (client_id).", err)
	case errors.Is(err, tokens.ErrInvalidGrant) && r.silent:
		return &authorizeError{authorizeLoginRequired, "The person has to sign in again."}, nil
	case errors.Is(err, tokens.ErrInvalidGrant):
		return &authorizeError{authorizeAccessDenied, "The person may not sign in here any more."}, nil
	case err != nil:
		return nil, err
	}
	Note(c, slog.String("grant", grant.ID))
	answer := url.Values{"code": {code}}
	if r.responseType == typeCodeIDToken {
		identity, err := a.Tokens.IdentityToken(ctx, tenant, issuer(c), r.client, grant, tokens.IdentityWish{Nonce: r.nonce, Code: code})
		if err != nil {
			return nil, err
		}
		answer.Set("id_token", identity)
	}
	return nil, a.deliver(c, r, answer)
}

package handlers

import (
	"errors"
	"strings"

	"github.com/gin-gonic/gin"

	"usher/sessions"
	"usher/sessions/tokens"
	"usher/web"
)

// consentQuestion is what a person is asked: whether the client may have these
// scopes.
type consentQuestion struct {
	session sessions.Session
	scopes  []string // sorted
}

// seen names a question, so that an answer to another one does not count: somebody
// else may have signed in meanwhile, or there may be more to allow.
func (q consentQuestion) seen() string { return q.session.User + " " + strings.Join(q.scopes, " ") }

// The fields of the page beside the request's own parameters.
const (
	fieldDecision = "decision"
	fieldSeen     = "seen"
	decisionAllow = "allow"
	decisionDeny  = "deny"
)

// Consent takes what the person answered: POST /connect/consent.
func (a *App) Consent(c *gin.Context) error { return a.consent(c, connectRules) }

// consent is Consent by the rules of an endpoint. The page has carried the
// request, which is checked anew. SameOrigin stands before it.
func (a *App) consent(c *gin.Context, rules authorizeRules) error {
	values, err := authorizeValues(c.Request)
	if err != nil {
		return err
	}
	decision, once := single(values[fieldDecision])
	seen, _ := single(values[fieldSeen])
	if !once || decision != decisionAllow && decision != decisionDeny || seen == "" {
		return &Fault{Code: BadRequest, Public: "Choose “Allow” or “Deny”."}
	}
	values.Del(fieldDecision)
	values.Del(fieldSeen)
	r, wrong, err := a.asked(c, values, rules)
	if err != nil {
		return err
	}
	if wrong == nil && decision == decisionDeny {
		wrong = &authorizeError{authorizeAccessDenied, "The person does not allow it."}
	}
	if wrong == nil {
		wrong, err = a.decide(c, r, rules, seen)
	}
	if wrong != nil {
		return a.deliverError(c, r, wrong)
	}
	return err
}

// consentFirst asks the person, where somebody wants that and they have not
// allowed all of it before; done says that the page is the answer.
func (a *App) consentFirst(c *gin.Context, r authorizeRequest, rules authorizeRules, q consentQuestion, allowed string) (wrong *authorizeError, done bool, err error) {
	ctx, tenant := c.Request.Context(), siteOf(c).tenant.ID
	if allowed == q.seen() {
		err := a.Tokens.GiveConsent(ctx, tenant, r.client, q.session.User, q.scopes)
		if errors.Is(err, tokens.ErrNotFound) {
			return &authorizeError{authorizeAccessDenied, "The person or the application has been switched off."}, false, nil
		}
		return nil, false, err
	}
	if !r.consent {
		if !r.client.AskConsent && !rules.alwaysConsent {
			return nil, false, nil
		}
		given, err := a.Tokens.Consented(ctx, tenant, r.client, q.session.User, q.scopes)
		if err != nil || given {
			return nil, false, err
		}
	}
	if r.silent {
		return &authorizeError{authorizeConsentRequired, "The person has to be asked."}, false, nil
	}
	page, err := a.consentPage(c, r, rules, q)
	if err != nil {
		return nil, false, err
	}
	allowForms(c, "'self'", formTarget(r.redirectURI))
	return nil, true, a.show(c, page)
}

// consentPage puts the question into words.
func (a *App) consentPage(c *gin.Context, r authorizeRequest, rules authorizeRules, q consentQuestion) (web.Consent, error) {
	wishes, err := a.consentWords(c, q.scopes)
	if err != nil {
		return web.Consent{}, err
	}
	values := r.values()
	values.Set(fieldSeen, q.seen())
	return web.Consent{
		Client: r.client.Name, Person: a.personName(c, q.session), Wishes: wishes, To: leadsTo(r.redirectURI),
		Action: rules.consentPath, Values: hidden(values),
	}, nil
}

package handlers

import (
	"errors"
	"net/url"
	"strings"

	"github.com/gin-gonic/gin"

	"usher/provisioning"
	"usher/sessions/tokens"
)

// grantByPartner gives a client tokens for a person whom a partner vouches for
// (RFC 7523 §2.1): the assertion is the partner's signed user token, under the
// rules for one beside an API call. It is not spent.
func (a *App) grantByPartner(c *gin.Context, client tokens.Client, form url.Values) (tokenAnswer, error) {
	assertion, err := needed(form, "assertion", "a user token that a partner has signed")
	if err != nil {
		return tokenAnswer{}, err
	}
	who, err := a.recognize(c, provisioning.Link{
		Token: assertion, Limit: maxTokenInForm, Audiences: []string{issuer(c) + ConnectTokenPath}, // RFC 7523 §3
	})
	if refusal, ok := errors.AsType[*provisioning.Refusal](err); ok {
		return tokenAnswer{}, assertionFault(refusal)
	} else if err != nil {
		return tokenAnswer{}, err
	}
	ctx, tenant := c.Request.Context(), siteOf(c).tenant.ID
	scopes, err := a.Tokens.Scopes(ctx, tenant, client, who.User, form.Get("scope"))
	if err != nil {
		return tokenAnswer{}, err
	}
	if err := a.Tokens.CheckUnasked(ctx, tenant, client, who.User, scopes); err != nil {
		return tokenAnswer{}, err
	}
	made := who.Made
	if now := a.Now(); made.IsZero() || made.After(now) {
		made = now
	}
	issued, err := a.Tokens.GrantPerson(ctx, tenant, issuer(c), client, tokens.Person{
		User: who.User, Integration: who.Integration, Generation: who.Generation, Epoch: who.Epoch, AuthTime: made,
	}, scopes)
	if err != nil {
		return tokenAnswer{}, err
	}
	return answerIssued(c, issued), nil
}

// assertionFault says why a partner's token is no grant, in the words that the
// callback has for it. What has nothing to do with the token stays what it is.
func assertionFault(refusal *provisioning.Refusal) error {
	if refusal.Reason == provisioning.RateLimited || refusal.Reason == provisioning.StoreUnavailable {
		return refusal
	}
	outcome := outcomes[string(refusal.Reason)].atHeader()
	note := ruling{refusal: refusal}.claimNote()
	return &Fault{
		Code: OAuthInvalidGrant, Public: string(refusal.Reason) + ": " + outcome.title + "." + note,
		// The refusal itself would be answered with a status of its own.
		Err: errors.New(strings.TrimSpace(refusal.Error())),
	}
}

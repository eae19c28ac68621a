package handlers

import (
	"context"
	"errors"
	"net/http"
	"time"

	"usher/provisioning"
)

// Code names an answer that has nothing to do with a token. Like a Reason it
// is part of the contract and never renamed.
type Code string

// The codes beside provisioning's reasons.
const (
	BadRequest       Code = "bad_request"
	NoSession        Code = "no_session"
	APIKeyInvalid    Code = "api_key_invalid"
	NotSignedIn      Code = "not_signed_in" // to the admin
	NotAllowed       Code = "not_allowed"
	CrossOrigin      Code = "cross_origin"
	EmbeddingOff     Code = "embedding_off"  // the integration has no embed origins
	PersonChanged    Code = "person_changed" // the token is another person's than the view
	NotFound         Code = "not_found"
	MethodNotAllowed Code = "method_not_allowed"
	Conflict         Code = "conflict"
	// PreconditionFailed and the two about the Idempotency-Key are the API's.
	PreconditionFailed    Code = "precondition_failed"
	IdempotencyConflict   Code = "idempotency_conflict"
	IdempotencyInProgress Code = "idempotency_in_progress"

	// AccessTokenInvalid is about the token with which a partner's server speaks.
	AccessTokenInvalid Code = "access_token_invalid"
	// The errors of a token endpoint, under the names of RFC 6749 §5.2.
	OAuthInvalidRequest       Code = "invalid_request"
	OAuthInvalidClient        Code = "invalid_client"
	OAuthUnauthorizedClient   Code = "unauthorized_client"
	OAuthUnsupportedGrantType Code = "unsupported_grant_type"
	OAuthInvalidScope         Code = "invalid_scope"
	OAuthInvalidGrant         Code = "invalid_grant"
	OAuthInvalidTarget        Code = "invalid_target" // RFC 8693 §2.2.2
	// AuthorizationInvalid is told to the person, as the application cannot be.
	AuthorizationInvalid Code = "authorization_invalid"
	// The errors of an address that takes access tokens of ours (RFC 6750 §3.1).
	BearerInvalidToken      Code = "invalid_token"
	BearerInsufficientScope Code = "insufficient_scope"

	// SCIMTokenInvalid is about the token with which a directory speaks.
	SCIMTokenInvalid Code = "scim_token_invalid"

	// RefreshTokenInvalid and CustomTokenInvalid are the second wire form's.
	RefreshTokenInvalid Code = "refresh_token_invalid"
	CustomTokenInvalid  Code = "token_invalid"

	UnknownHost Code = "unknown_host"
	Overloaded  Code = "overloaded"
	// UpstreamUnavailable is for a server behind us that does not answer.
	UpstreamUnavailable Code = "upstream_unavailable"
	Internal            Code = "internal"
)

// Fault is an error with a code of its own.
type Fault struct {
	Code Code
	// Public is one sentence that replaces the code's usual advice, such as
	// which field of a request is wrong. It is shown: no secret, no quotation
	// of one. "" keeps the usual advice.
	Public string
	// After is how long to wait before asking again; 0 = as the code says.
	After time.Duration
	// Err is the cause, for the log only. It may be nil.
	Err error
}

func (f *Fault) Error() string {
	s := string(f.Code)
	if f.Public != "" {
		s += ": " + f.Public
	}
	if f.Err != nil {
		s += ": " + f.Err.Error()
	}
	return s
}

func (f *Fault) Unwrap() error { return f.Err }

// outcome is a row of the table: what a refusal means over HTTP.
type outcome struct {
	status   int
	title    string
	whatToDo string
	// retryAfter is sent as Retry-After when it is not zero.
	retryAfter time.Duration
	// challenge is the scheme of WWW-Authenticate, which RFC 9110 §15.5.2
	// asks for on every 401.
	challenge string
	// tokenError is told in the challenge (RFC 6750 §3).
	tokenError Code
}

const (
	openAgain    = "Go back to the site you came from and open the link again."
	tellSite     = "Go back to the site you came from. If this happens again, tell its support team the reason and reference below."
	tryAgain     = "Wait a moment, then try again. Nothing has been changed, and your link has not been used up."
	schemeJWT    = "JWT"
	schemeBearer = "Bearer"
	schemeBasic  = "Basic"
)

// outcomes is the one place where reasons and codes meet HTTP.
var outcomes = map[string]outcome{
	string(provisioning.TokenMissing):       {status: http.StatusBadRequest, title: "This link is not complete", whatToDo: openAgain},
	string(provisioning.TooLarge):           {status: http.StatusRequestEntityTooLarge, title: "This link is too long", whatToDo: tellSite},
	string(provisioning.TokenMalformed):     {status: http.StatusBadRequest, title: "This link is damaged", whatToDo: "Go back to the site you came from and open the link again. If you copied the link, part of it may be missing."},
	string(provisioning.AlgNotAllowed):      {status: http.StatusBadRequest, title: "This link is signed in a way that is not accepted", whatToDo: tellSite},
	string(provisioning.IntegrationUnknown): {status: http.StatusNotFound, title: "We do not know the site this link comes from", whatToDo: tellSite},
	string(provisioning.IntegrationRemoved): {status: http.StatusUnauthorized, title: "Signing in from this site has been switched off", whatToDo: "Ask the site you came from, or the people who run this application, how to sign in now.", challenge: schemeJWT},
	string(provisioning.KeyRetired):         {status: http.StatusUnauthorized, title: "This link is signed with an old key", whatToDo: tellSite, challenge: schemeJWT},
	string(provisioning.SignatureInvalid):   {status: http.StatusUnauthorized, title: "We could not confirm where this link comes from", whatToDo: tellSite, challenge: schemeJWT},
	string(provisioning.TokenExpired):       {status: http.StatusUnauthorized, title: "This link has expired", whatToDo: openAgain, challenge: schemeJWT},
	string(provisioning.TokenNotYetValid):   {status: http.StatusUnauthorized, title: "This link is not valid yet", whatToDo: "Wait a minute, then go back to the site you came from and open the link again.", challenge: schemeJWT},
	string(provisioning.IatMissing):         {status: http.StatusUnauthorized, title: "This link does not say when it was made", whatToDo: tellSite, challenge: schemeJWT},
	string(provisioning.IssuedInFuture):     {status: http.StatusUnauthorized, title: "This link is dated in the future", whatToDo: tellSite, challenge: schemeJWT},
	string(provisioning.TokenTooOld):        {status: http.StatusUnauthorized, title: "This link is too old", whatToDo: openAgain, challenge: schemeJWT},
	string(provisioning.IssuerMismatch):     {status: http.StatusUnauthorized, title: "This link comes from another site than expected", whatToDo: tellSite, challenge: schemeJWT},
	string(provisioning.AudienceMismatch):   {status: http.StatusUnauthorized, title: "This link was made for another application", whatToDo: tellSite, challenge: schemeJWT},
	string(provisioning.TokenReplayed):      {status: http.StatusUnauthorized, title: "This link has been used already", whatToDo: openAgain, challenge: schemeJWT},
	string(provisioning.ClaimMissing):       {status: http.StatusBadRequest, title: "This link leaves out something we need", whatToDo: tellSite},
	string(provisioning.ClaimInvalid):       {status: http.StatusBadRequest, title: "Something in this link is not as it should be", whatToDo: tellSite},
	string(provisioning.UserDisabled):       {status: http.StatusForbidden, title: "Your account has been switched off", whatToDo: "Ask the people who run this application to switch it on again."},
	string(provisioning.UserUnknown):        {status: http.StatusForbidden, title: "You do not have an account here yet", whatToDo: "Ask the people who run this application for an account, then open the link again."},
	string(provisioning.EmailInUse):         {status: http.StatusConflict, title: "Your e-mail address belongs to another account here", whatToDo: "Ask the people who run this application to join the two accounts, or sign in the way you did before."},
	string(provisioning.SubjectConflict):    {status: http.StatusConflict, title: "Your account here belongs to another person at the site you came from", whatToDo: "Ask the people who run this application to look into it, and give them the reference below."},
	string(provisioning.ResourceForbidden):  {status: http.StatusForbidden, title: "You may not open this here", whatToDo: "Ask the site you came from for access. If you should have it, tell its support team the reason and reference below."},
	string(provisioning.RateLimited):        {status: http.StatusTooManyRequests, title: "Too many attempts", whatToDo: "Wait a minute, then go back to the site you came from and open the link again.", retryAfter: time.Minute},
	string(provisioning.StoreUnavailable):   {status: http.StatusServiceUnavailable, title: "We cannot do this right now", whatToDo: tryAgain, retryAfter: 2 * time.Second},

	string(BadRequest):                {status: http.StatusBadRequest, title: "We could not read this request", whatToDo: "Check the request and send it again."},
	string(NoSession):                 {status: http.StatusUnauthorized, title: "You are not signed in", whatToDo: openAgain, challenge: schemeJWT},
	string(APIKeyInvalid):             {status: http.StatusUnauthorized, title: "A valid API key is needed here", whatToDo: "Send the key as “Authorization: Bearer …”.", challenge: schemeBearer},
	string(NotSignedIn):               {status: http.StatusUnauthorized, title: "You are not signed in to the admin", whatToDo: "Open /admin and sign in, then try again.", challenge: schemeJWT},
	string(NotAllowed):                {status: http.StatusForbidden, title: "You may not do this", whatToDo: "Ask an owner of this tenant for the right."},
	string(CrossOrigin):               {status: http.StatusForbidden, title: "This request came from another site", whatToDo: "Open this application itself and try again there."},
	string(EmbeddingOff):              {status: http.StatusForbidden, title: "This may not be shown on other sites", whatToDo: "The people who run this application can allow it: in the admin, the integration's settings have a list of embed origins, and the site's address belongs there."},
	string(PersonChanged):             {status: http.StatusConflict, title: "You are somebody else now", whatToDo: "Load the page again to see it as the person you are signed in as now."},
	string(NotFound):                  {status: http.StatusNotFound, title: "There is nothing at this address", whatToDo: "Check the address, or go back to the site you came from."},
	string(MethodNotAllowed):          {status: http.StatusMethodNotAllowed, title: "This address does not take that kind of request", whatToDo: "The methods it takes are in the Allow header of this answer."},
	string(Conflict):                  {status: http.StatusConflict, title: "This does not fit what is stored", whatToDo: "Load the present state and try again."},
	string(PreconditionFailed):        {status: http.StatusPreconditionFailed, title: "This has changed since you read it", whatToDo: "Read it again, look at what is different, and send the change with the new ETag."},
	string(IdempotencyConflict):       {status: http.StatusUnprocessableEntity, title: "This Idempotency-Key belongs to another request", whatToDo: "Use a new key for each request, and the same one only to repeat it unchanged."},
	string(IdempotencyInProgress):     {status: http.StatusConflict, title: "This request is being carried out", whatToDo: "Send it again in a moment, with the same Idempotency-Key, for its answer.", retryAfter: time.Second},
	string(AccessTokenInvalid):        {status: http.StatusUnauthorized, title: "A valid access token is needed here", whatToDo: "Get one from /api/oauth/token with the app id and the secret, and send it as “Authorization: Bearer …”.", challenge: schemeBearer},
	string(OAuthInvalidRequest):       {status: http.StatusBadRequest, title: "This request for a token is not complete", whatToDo: "Check the parameters and send it again."},
	string(OAuthInvalidClient):        {status: http.StatusUnauthorized, title: "We do not know this client", whatToDo: "Check the id, and that the secret or the key with which it is shown is a live one.", challenge: schemeBasic},
	string(OAuthUnauthorizedClient):   {status: http.StatusBadRequest, title: "This client has no secret to show", whatToDo: "The integration signs with a public key only: add a key with a shared secret."},
	string(OAuthUnsupportedGrantType): {status: http.StatusBadRequest, title: "Tokens are not given out in this way", whatToDo: "grant_type is client_credentials."},
	string(OAuthInvalidScope):         {status: http.StatusBadRequest, title: "There is no such right to ask for", whatToDo: "Leave scope out, or ask for resources."},
	string(OAuthInvalidGrant):         {status: http.StatusBadRequest, title: "This is not good for a token", whatToDo: "It is unknown, over, used already, taken back, or another client's; or with a code, redirect_uri or code_verifier does not go with it."},
	string(OAuthInvalidTarget):        {status: http.StatusBadRequest, title: "There are no tokens for this target", whatToDo: "Leave audience and resource out: the scopes say for which APIs a token is."},
	string(AuthorizationInvalid):      {status: http.StatusBadRequest, title: "The application you came from asks in a way that does not work", whatToDo: "Go back to the application and try again. If this happens again, tell its support team the reason and reference below."},
	string(BearerInvalidToken):        {status: http.StatusUnauthorized, title: "This access token is not good", whatToDo: "It is unknown, over or taken back: get another one.", challenge: schemeBearer, tokenError: BearerInvalidToken},
	string(BearerInsufficientScope):   {status: http.StatusForbidden, title: "This access token is for something else", whatToDo: "Ask for a token with the scope openid.", challenge: schemeBearer, tokenError: BearerInsufficientScope},
	string(SCIMTokenInvalid):          {status: http.StatusUnauthorized, title: "A valid SCIM token is needed here", whatToDo: "An administrator makes one on the page of the integration. Send it as “Authorization: Bearer …”.", challenge: schemeBearer},
	string(RefreshTokenInvalid):       {status: http.StatusUnauthorized, title: "The refresh token is not valid", whatToDo: "It is unknown, over, taken back or another client's, or the person may not sign in any more: let the person sign in again.", challenge: schemeBearer},
	string(CustomTokenInvalid):        {status: http.StatusUnauthorized, title: "The token is not valid", whatToDo: "It is no access or identity token of this client, or it is over or taken back: take a fresh one.", challenge: schemeBearer},
	string(UnknownHost):               {status: http.StatusMisdirectedRequest, title: "Nobody lives at this address", whatToDo: "Check the host name in the address."},
	string(Overloaded):                {status: http.StatusServiceUnavailable, title: "We are very busy right now", whatToDo: tryAgain, retryAfter: 2 * time.Second},
	string(UpstreamUnavailable):       {status: http.StatusBadGateway, title: "This page does not answer", whatToDo: "Try again in a moment. If it happens again, tell the people who run this application the reference below."},
	string(Internal):                  {status: http.StatusInternalServerError, title: "Something went wrong on our side", whatToDo: "Try again in a moment. If it happens again, tell the people who run this application the reference below."},
}

// ruling is an outcome together with what this one error adds to it.
type ruling struct {
	outcome
	code    string
	public  string                // replaces the outcome's advice when not ""
	refusal *provisioning.Refusal // nil for everything but a refused token
}

// rule looks an error up. An error that nobody foresaw is Internal, of which
// nothing is shown.
func (h *HTTP) rule(err error) ruling {
	if event, ok := errors.AsType[eventFault](err); ok {
		r := h.rule(event.error)
		r.outcome = r.outcome.atEvent()
		return r
	}
	if refusal, ok := errors.AsType[*provisioning.Refusal](err); ok {
		if outcome, known := outcomes[string(refusal.Reason)]; known {
			if _, ok := errors.AsType[headerRefusal](err); ok {
				outcome = outcome.atHeader()
			}
			if refusal.After > 0 {
				outcome.retryAfter = refusal.After
			}
			return ruling{outcome: outcome, code: string(refusal.Reason), refusal: refusal}
		}
	}
	if fault, ok := errors.AsType[*Fault](err); ok {
		if outcome, known := outcomes[string(fault.Code)]; known {
			if fault.After > 0 {
				outcome.retryAfter = fault.After
			}
			return ruling{outcome: outcome, code: string(fault.Code), public: fault.Public}
		}
	}
	code := string(Internal)
	if _, ok := errors.AsType[*http.MaxBytesError](err); ok {
		code = string(provisioning.TooLarge)
	} else if errors.Is(err, context.DeadlineExceeded) || h.Unavailable(err) {
		code = string(provisioning.StoreUnavailable)
	}
	return ruling{outcome: outcomes[code], code: code}
}

// advice is what the person is told to do.
func (r ruling) advice() string {
	if r.public != "" {
		return r.public
	}
	return r.whatToDo
}

// claimNote is the sentence that names the claim at fault on the page, for the
// support team that the person is sent to; "" when there is none.
func (r ruling) claimNote() string {
	path, expected := r.claim()
	switch {
	case path == "":
		return ""
	case expected == "":
		return " The claim concerned is " + path + "."
	default:
		return " The claim " + path + " should be " + expected + "."
	}
}

// claim is the path of the claim at fault and what was expected there, both ""
// for every reason that does not publish them.
func (r ruling) claim() (path, expected string) {
	if r.refusal == nil {
		return "", ""
	}
	switch r.refusal.Reason {
	case provisioning.ClaimMissing, provisioning.ClaimInvalid:
		return r.refusal.Path, r.refusal.Expected
	default:
		return "", ""
	}
}

// PublicText is what a page says about a reason or a code: its title, and what
// to do. Both are "" for one that does not exist.
func PublicText(code string) (title, whatToDo string) {
	outcome := outcomes[code]
	return outcome.title, outcome.whatToDo
}

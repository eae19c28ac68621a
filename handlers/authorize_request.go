package handlers

import (
	"maps"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"usher/sessions/tokens"
)

// The parameters of an authorization request that count here (RFC 6749 §4.1.1,
// RFC 7636 §4.3, OpenID Connect Core 1.0 §3.1.2.1, OAuth 2.0 Multiple Response
// Types §2.1). All others are passed over, as those standards demand.
const (
	paramClientID        = "client_id"
	paramRedirectURI     = "redirect_uri"
	paramResponseType    = "response_type"
	paramResponseMode    = "response_mode"
	paramScope           = "scope"
	paramState           = "state"
	paramNonce           = "nonce"
	paramChallenge       = "code_challenge"
	paramChallengeMethod = "code_challenge_method"
	paramPrompt          = "prompt"
	paramMaxAge          = "max_age"
	paramHint            = "id_token_hint"
	// paramAfter is ours: in milliseconds since 1970, when the session has to have
	// begun, or later. It takes the place of what can be done once only: a login
	// that was asked for, and an age that grows on the way to the sign-in and back.
	paramAfter = "after"
)

// How an answer can come back to a client: as response_mode names it.
const (
	modeQuery    = "query"
	modeFragment = "fragment"
	modeFormPost = "form_post" // OAuth 2.0 Form Post Response Mode
)

// The response types.
const (
	typeCode        = "code"
	typeCodeIDToken = "code id_token" // hybrid (OpenID Connect Core 1.0 §3.3)
)

const (
	// maxAuthorize is how long a request may be, encoded, in bytes. A request
	// that has to wait for a sign-in has less room: that of a go value.
	maxAuthorize = 4096
	maxNonce     = 512
	// challengeLength is that of a SHA-256 in base64url (RFC 7636 §4.2).
	challengeLength = 43
)

// authorizeRequest is what a client asks a person's browser for.
type authorizeRequest struct {
	client       tokens.Client
	redirectURI  string // one of the client's
	responseType string
	mode         string // how the answer goes back
	scope        string // with spaces between the names
	state        string
	nonce        string
	challenge    string    // of PKCE, S256; "" = none
	hint         string    // an identity token that says who is expected
	after        time.Time // when the session has to have begun, or later; zero = any will do
	silent       bool      // no page may be shown (prompt=none)
	consent      bool      // the person is to be asked in any case
}

// authorizeError is an error of which the client is told at its redirect URI
// (RFC 6749 §4.1.2.1, OpenID Connect Core 1.0 §3.1.2.6).
type authorizeError struct {
	code        string
	description string
}

// The errors that an authorization endpoint has beside those of the token
// endpoint.
const (
	authorizeInvalidRequest      = string(OAuthInvalidRequest)
	authorizeInvalidScope        = string(OAuthInvalidScope)
	authorizeUnauthorizedClient  = string(OAuthUnauthorizedClient)
	authorizeUnsupportedType     = "unsupported_response_type"
	authorizeAccessDenied        = "access_denied"
	authorizeLoginRequired       = "login_required"
	authorizeInteractionRequired = "interaction_required"
	authorizeConsentRequired     = "consent_required"
)

// refusedParams must not be passed over in silence, and have errors of their own
// (OpenID Connect Core 1.0 §3.1.2.6).
func refusedParams() []string { return []string{"request", "request_uri", "registration"} }

// readAuthorize reads the parameters of a request whose client and redirect URI
// are known to be good. The error comes with as much of the request as it takes
// to tell the client: the redirect URI, the mode and the state.
func readAuthorize(values url.Values, client tokens.Client, redirectURI string, rules authorizeRules, now time.Time) (authorizeRequest, *authorizeError) {
	r := authorizeRequest{client: client, redirectURI: redirectURI}
	wrong := r.readMode(values, rules)
	if list := values[paramState]; len(list) == 1 && len(list[0]) <= maxAuthorize {
		r.state = list[0]
	}
	for _, check := range []func() *authorizeError{
		func() *authorizeError { return checkWhole(values) },
		func() *authorizeError { return wrong },
		func() *authorizeError { return r.readWishes(values, rules) },
		func() *authorizeError { return r.readChallenge(values) },
		func() *authorizeError { return r.readPrompt(values, now) },
	} {
		if wrong := check(); wrong != nil {
			return r, wrong
		}
	}
	return r, nil
}

// checkWhole refuses what would be misunderstood.
func checkWhole(values url.Values) *authorizeError {
	for _, name := range slices.Sorted(maps.Keys(values)) {
		if len(values[name]) > 1 {
			return &authorizeError{authorizeInvalidRequest, "The parameter " + clipped(name) + " is there more than once."}
		}
	}
	if len(values.Encode()) > maxAuthorize {
		return tooLong()
	}
	for _, refused := range refusedParams() {
		if values.Has(refused) {
			return &authorizeError{refused + "_not_supported", "The parameter " + refused + " is not known here: send the request itself."}
		}
	}
	return nil
}

func tooLong() *authorizeError {
	return &authorizeError{authorizeInvalidRequest, "The request is too long."}
}

// readMode reads what is asked for and how it is to come back.
func (r *authorizeRequest) readMode(values url.Values, rules authorizeRules) *authorizeError {
	words := strings.Fields(values.Get(paramResponseType))
	slices.Sort(words)
	r.responseType = strings.Join(words, " ")
	known := slices.Contains(rules.responseTypes, r.responseType)
	r.mode = modeQuery
	if known && r.responseType != typeCode {
		r.mode = modeFragment
	}
	mode := values.Get(paramResponseMode)
	if mode == modeFormPost && !isWeb(r.redirectURI) {
		return &authorizeError{authorizeInvalidRequest, "A form can be sent to https and http only."}
	}
	switch {
	case mode == "":
	case mode == modeQuery && r.mode == modeFragment:
		return &authorizeError{authorizeInvalidRequest, "An identity token does not go into a query: response_mode is fragment or form_post."}
	case mode == modeQuery, mode == modeFragment, mode == modeFormPost:
		r.mode = mode
	default:
		return &authorizeError{authorizeInvalidRequest, "response_mode is query, fragment or form_post."}
	}
	switch {
	case r.responseType == "":
		return &authorizeError{authorizeInvalidRequest, "response_type is missing: code."}
	case !known:
		return &authorizeError{authorizeUnsupportedType, "response_type is one of these: " + strings.Join(rules.responseTypes, ", ") + "."}
	case !slices.Contains(r.client.Grants, tokens.GrantAuthorizationCode):
		return &authorizeError{authorizeUnauthorizedClient, "The client may not ask for people: an administrator can allow it."}
	}
	return nil
}

// readWishes reads what the answer is for.
func (r *authorizeRequest) readWishes(values url.Values, rules authorizeRules) *authorizeError {
	r.scope = values.Get(paramScope)
	if rules.commas {
		r.scope = strings.ReplaceAll(r.scope, ",", " ")
	}
	r.scope = strings.Join(strings.Fields(r.scope), " ")
	r.hint = values.Get(paramHint)
	switch r.nonce = values.Get(paramNonce); {
	case len(r.nonce) > maxNonce:
		return &authorizeError{authorizeInvalidRequest, "nonce has at most " + strconv.Itoa(maxNonce) + " bytes."}
	case r.nonce == "" && r.responseType == typeCodeIDToken:
		return &authorizeError{authorizeInvalidRequest, "nonce is missing: an identity token that comes by the browser needs it."}
	}
	return nil
}

// readChallenge reads that of PKCE (RFC 7636 §4.3). The method plain, which is
// what a request without a method means, proves nothing to those who saw it.
func (r *authorizeRequest) readChallenge(values url.Values) *authorizeError {
	method := values.Get(paramChallengeMethod)
	switch r.challenge = values.Get(paramChallenge); {
	case r.challenge == "" && r.client.Public:
		return &authorizeError{authorizeInvalidRequest, "code_challenge is missing: this client has no secret."}
	case r.challenge == "" && method == "":
		return nil
	case method != "S256":
		return &authorizeError{authorizeInvalidRequest, "code_challenge_method is S256."}
	case len(r.challenge) != challengeLength || strings.ContainsFunc(r.challenge, notBase64URL):
		return &authorizeError{authorizeInvalidRequest, "code_challenge is a SHA-256 in base64url: 43 characters."}
	}
	return nil
}

func notBase64URL(c rune) bool {
	return !(c >= 'A' && c <= 'Z' || c >= 'a' && c <= 'z' || c >= '0' && c <= '9' || c == '-' || c == '_')
}

// readPrompt reads what the person is to be shown.
func (r *authorizeRequest) readPrompt(values url.Values, now time.Time) *authorizeError {
	if text := values.Get(paramAfter); text != "" {
		at, err := strconv.ParseInt(text, 10, 64)
		if err != nil || at < 0 {
			return &authorizeError{authorizeInvalidRequest, "after is a time in milliseconds since 1970."}
		}
		r.after = time.UnixMilli(min(at, now.UnixMilli()))
	}
	words := strings.Fields(values.Get(paramPrompt))
	for _, word := range words {
		switch word {
		case "none":
			r.silent = true
		case "login", "select_account": // whoever is to choose has to sign in
			r.atLeast(now)
		case "consent":
			r.consent = true
		default:
			return &authorizeError{authorizeInvalidRequest, "prompt is none, login, consent or select_account."}
		}
	}
	if r.silent && len(words) > 1 {
		return &authorizeError{authorizeInvalidRequest, "prompt=none goes with nothing else."}
	}
	if text := values.Get(paramMaxAge); text != "" {
		age, err := strconv.ParseInt(text, 10, 64)
		if err != nil || age < 0 {
			return &authorizeError{authorizeInvalidRequest, "max_age is a number of seconds."}
		}
		if age < now.Unix() {
			r.atLeast(now.Add(-time.Duration(age) * time.Second))
		}
	}
	return nil
}

// atLeast asks for a session that began at a time or later.
func (r *authorizeRequest) atLeast(begun time.Time) {
	if begun.After(r.after) {
		r.after = begun
	}
}

// values are the parameters with which the request is made again, by a browser
// that comes back: what has been done is not asked for again.
func (r authorizeRequest) values() url.Values {
	values := url.Values{}
	for name, value := range map[string]string{
		paramClientID: r.client.ClientID, paramRedirectURI: r.redirectURI, paramResponseType: r.responseType,
		paramScope: r.scope, paramState: r.state, paramNonce: r.nonce, paramChallenge: r.challenge,
	} {
		if value != "" {
			values.Set(name, value)
		}
	}
	if r.challenge != "" {
		values.Set(paramChallengeMethod, "S256")
	}
	if r.mode != r.usualMode() {
		values.Set(paramResponseMode, r.mode)
	}
	if r.consent {
		values.Set(paramPrompt, "consent")
	}
	if !r.after.IsZero() {
		values.Set(paramAfter, strconv.FormatInt(r.after.UnixMilli(), 10))
	}
	return values
}

// usualMode is that of the response type.
func (r authorizeRequest) usualMode() string {
	if r.responseType == typeCode {
		return modeQuery
	}
	return modeFragment
}

// isWeb reports whether a redirect URI leads to a web server.
func isWeb(uri string) bool {
	return strings.HasPrefix(uri, "https://") || strings.HasPrefix(uri, "http://")
}

package handlers

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"usher/sessions/tokens"
)

// Where organizations and their members get tokens.
const (
	V1AuthorizePath   = "/v1/oauth/authorize"
	V1ConsentPath     = "/v1/oauth/consent"
	V1AccessTokenPath = "/v1/oauth/access_token"
	V1JWTPath         = "/v1/oauth/jwt"
	V1RefreshPath     = "/v1/oauth/jwt/refresh"
)

// v1Parameters are those of a request: of the address, of a form, or some here
// and some there, none twice. The clients of this form of the token service put
// even their secrets into the address; it is in no log of ours.
func v1Parameters(r *http.Request) (url.Values, error) {
	parameters, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return nil, oauthFault(OAuthInvalidRequest, "The address's parameters are malformed.")
	}
	if r.Method == http.MethodPost && (r.ContentLength != 0 || r.Header.Get("Content-Type") != "") {
		form, err := readForm(r)
		if err != nil {
			return nil, oauthFault(OAuthInvalidRequest, "The body is a form, application/x-www-form-urlencoded, or empty.")
		}
		for name, values := range form {
			parameters[name] = append(parameters[name], values...)
		}
	}
	for name, values := range parameters {
		if len(values) > 1 {
			return nil, oauthFault(OAuthInvalidRequest, fmt.Sprintf("The parameter %s is there more than once.", clipped(name)))
		}
	}
	return parameters, nil
}

// readJWTWish reads what a JWT is to say: scope, aud, validity and store_info.
func readJWTWish(parameters url.Values) (wish tokens.JWTWish, err error) {
	if wish.Scopes, err = tokens.ReadScopeList(parameters.Get("scope")); err != nil {
		return wish, v1Fault(err)
	}
	if wish.Audience, err = tokens.ReadAudience(parameters.Get("aud")); err != nil {
		return wish, v1Fault(err)
	}
	if wish.Validity, err = tokens.ReadValidity(parameters.Get("validity")); err != nil {
		return wish, v1Fault(err)
	}
	wish.Values = parameters.Get("store_info") == "true"
	return wish, nil
}

// v1Fault says over HTTP what is wrong with a parameter. Any other error stays
// what it is.
func v1Fault(err error) error {
	if wrong, ok := errors.AsType[*tokens.Invalid](err); ok {
		return oauthFault(OAuthInvalidRequest, wrong.Field+" is "+wrong.Problem+".")
	}
	return err
}

// Schemes of the Authorization header of this form: one for an access token, one
// for a JWT. Which of the two a token is stands in it, so either is read as the
// other.
const schemeToken = "token"

// v1Token takes the token of the Authorization header. The error is a Fault with
// BearerInvalidToken.
func v1Token(header http.Header) (string, error) {
	lines := header.Values("Authorization")
	if len(lines) != 1 {
		return "", &Fault{Code: BearerInvalidToken, Public: "Send “Authorization: token …” with an access token, or “Authorization: bearer …” with a JWT."}
	}
	scheme, token, _ := strings.Cut(lines[0], " ")
	token = strings.Trim(token, " ")
	if !strings.EqualFold(scheme, schemeToken) && !strings.EqualFold(scheme, schemeBearer) || token == "" || strings.Contains(token, " ") {
		return "", &Fault{Code: BearerInvalidToken, Public: "The scheme of the Authorization header is token or bearer here."}
	}
	return token, nil
}

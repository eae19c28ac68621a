package handlers

import (
	"net/http"
	"strings"

	"usher/provisioning"
)

// appIDHeaders name the app beside a token in the Authorization header.
var appIDHeaders = []string{"Cocorico-App-Id", "X-App-Id"}

// readCredential reads the token that a request carries on purpose:
//
//	Authorization: JWT <token>     (RFC 9110 §11.6.2; the scheme in any case)
//	Cocorico-App-Id: <app id>      or X-App-Id; may be left out, as the token has it in iss
//
// explicit says that the request names a credential that is meant for us: then
// that alone decides, good or bad, and no cookie is looked at. Schemes that are
// not ours are passed over, as a test site may be behind a Basic password.
func readCredential(header http.Header) (link provisioning.Link, explicit bool, err error) {
	lines := header["Authorization"]
	switch {
	case len(lines) == 0:
		return link, false, nil
	case len(lines) > 1:
		return link, true, &Fault{Code: NoSession, Public: "Send one Authorization header."}
	}
	scheme, rest := lines[0], ""
	if end := strings.IndexAny(scheme, " \t"); end >= 0 {
		scheme, rest = scheme[:end], strings.Trim(scheme[end:], " \t")
	}
	switch {
	case strings.EqualFold(scheme, schemeJWT):
	case looksLikeToken(rest) || looksLikeToken(scheme):
		return link, true, &Fault{Code: NoSession, Public: "Use the scheme JWT: send the token as “Authorization: JWT …”."}
	case strings.EqualFold(scheme, schemeBearer):
		return link, true, &Fault{Code: NoSession, Public: "This address takes a session, or a person's token sent as “Authorization: JWT …”."}
	default:
		return link, false, nil
	}
	link = provisioning.Link{Token: rest, Limit: maxTokenInURL}
	if link.Token == "" {
		return link, true, headerRefusal{&provisioning.Refusal{Reason: provisioning.TokenMissing}}
	}
	for _, name := range appIDHeaders {
		for _, id := range header[http.CanonicalHeaderKey(name)] {
			if link.AppID != "" && id != link.AppID {
				return link, true, headerRefusal{&provisioning.Refusal{
					Reason: provisioning.IntegrationUnknown, Detail: "the headers name more than one app",
				}}
			}
			link.AppID = id
		}
	}
	return link, true, nil
}

// carriesCredential reports whether a request names its own credential. Only a
// script that knows the credential can send it, so that no other site can have
// a browser do it in somebody's name.
func carriesCredential(r *http.Request) bool {
	_, explicit, _ := readCredential(r.Header)
	return explicit
}

// looksLikeToken reports whether text has the form of a compact JWS: three
// parts, of which the first is a JSON object in base64url.
func looksLikeToken(text string) bool {
	return strings.HasPrefix(text, "eyJ") && strings.Count(text, ".") == 2
}

// headerRefusal is the refusal of a token that came in the Authorization
// header. Clients and proxies there know two answers: 401, try another
// credential, and 403, this person may not.
type headerRefusal struct{ *provisioning.Refusal }

func (r headerRefusal) Unwrap() error { return r.Refusal }

// atHeader is the outcome for a token in the Authorization header.
func (o outcome) atHeader() outcome {
	switch o.status {
	case http.StatusBadRequest, http.StatusNotFound, http.StatusRequestEntityTooLarge:
		o.status = http.StatusUnauthorized
	case http.StatusConflict:
		o.status = http.StatusForbidden
	}
	if o.status == http.StatusUnauthorized {
		o.challenge = schemeJWT
		o.whatToDo = "Send a fresh token as “Authorization: JWT …”. If it is refused again, the link doctor in the admin explains the reason."
	}
	o.title = strings.NewReplacer("This link", "This token", "this link", "this token").Replace(o.title)
	return o
}

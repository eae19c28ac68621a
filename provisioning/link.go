package provisioning

import "net/url"

// The most that a token may have at each door, in bytes.
const (
	MaxTokenInURL  = 16 << 10
	MaxTokenInForm = 64 << 10
)

// Link is what arrived: the token and the hint beside it.
type Link struct {
	Token string
	// Presented tells that the token is shown and not spent: to an embed, or
	// beside an API call. Verify then holds it to other rules.
	Presented bool
	// Event tells that the token is to say that sessions end: see Service.Revoke.
	Event bool
	// whoOnly tells that of a presented token no more is wanted than whom it is
	// from: see readWho.
	whoOnly bool
	AppID   string // from the query or form; "" = not sent
	Limit   int    // bytes that the token may have at this door
	// Audiences are the values of aud that name us, besides the app id: our
	// public URL and the tenant's host. Empty texts among them match nothing.
	Audiences []string
}

// ReadLink takes the token, the app id and go from the parameters of a link or
// a form. One that is there twice is ambiguous: the token and the app id are
// refused, and go counts as one that cannot be followed. The error is a
// *Refusal with TokenMissing, TokenMalformed or IntegrationUnknown; the Link
// beside the last of them has its token.
func ReadLink(values url.Values) (link Link, wanted string, err error) {
	link.Token = values.Get("token")
	switch {
	case len(values["token"]) > 1:
		return Link{}, "", refuse(TokenMalformed, "the parameter token is there more than once")
	case link.Token == "":
		return Link{}, "", &Refusal{Reason: TokenMissing}
	}
	if wanted = values.Get("go"); len(values["go"]) > 1 {
		wanted = AmbiguousGo
	}
	if link.AppID = values.Get("appId"); len(values["appId"]) > 1 {
		return link, wanted, refuse(IntegrationUnknown, "the parameter appId is there more than once")
	}
	return link, wanted, nil
}

// ReadPresented takes the token and the app id from the parameters of an embed's
// address or form, where the token's name is user. One that is there twice is
// ambiguous and refused, as by ReadLink; one that is not there is "". The Link
// beside a refusal holds what is not at fault.
func ReadPresented(values url.Values) (Link, error) {
	link := Link{Token: values.Get("user"), AppID: values.Get("appId"), Presented: true, Limit: MaxTokenInURL}
	switch {
	case len(values["user"]) > 1:
		link.Token = ""
		return link, refuse(TokenMalformed, "the parameter user is there more than once")
	case len(values["appId"]) > 1:
		link.AppID = ""
		return link, refuse(IntegrationUnknown, "the parameter appId is there more than once")
	}
	return link, nil
}

// AmbiguousGo stands for a go that was given more than once: the target rules
// turn it down and note that they did.
const AmbiguousGo = "\x00"

package handlers

import (
	"log/slog"
	"maps"
	"net/url"
	"slices"
	"strings"

	"github.com/gin-gonic/gin"

	"usher/web"
)

// deliver sends the browser back to the client with an answer, in the mode that
// the request names. It says who answers (RFC 9207), so that a client that
// speaks with several services is not led to take one's code to another.
func (a *App) deliver(c *gin.Context, r authorizeRequest, answer url.Values) error {
	answer.Set("iss", issuer(c))
	if r.state != "" {
		answer.Set(paramState, r.state)
	}
	c.Header("Cache-Control", "no-store")
	c.Header("Referrer-Policy", "no-referrer")
	if r.mode == modeFormPost {
		return a.deliverForm(c, r, answer)
	}
	seeOther(c, answerURL(r.redirectURI, r.mode, answer))
	return nil
}

// deliverError does the same with an error.
func (a *App) deliverError(c *gin.Context, r authorizeRequest, wrong *authorizeError) error {
	Note(c, slog.String("error", wrong.code), slog.String("detail", wrong.description))
	return a.deliver(c, r, url.Values{"error": {wrong.code}, "error_description": {describable(wrong.description)}})
}

// answerURL is a redirect URI with an answer in its query or its fragment. What
// the query has already stays. A Location without a fragment would inherit that
// of the request's address (RFC 9110 §10.2.2), which somebody else may have
// chosen: so it has one, be it empty.
func answerURL(redirectURI, mode string, answer url.Values) string {
	if mode == modeFragment {
		return redirectURI + "#" + answer.Encode()
	}
	joint := "?"
	switch {
	case strings.HasSuffix(redirectURI, "?"), strings.HasSuffix(redirectURI, "&"):
		joint = ""
	case strings.Contains(redirectURI, "?"):
		joint = "&"
	}
	return redirectURI + joint + answer.Encode() + "#"
}

// deliverForm answers with a page that posts the answer to the client by itself
// (OAuth 2.0 Form Post Response Mode 1.0). It can post nowhere else.
func (a *App) deliverForm(c *gin.Context, r authorizeRequest, answer url.Values) error {
	allowForms(c, formTarget(r.redirectURI))
	page := web.FormPost{Action: r.redirectURI, To: leadsTo(r.redirectURI), Values: hidden(answer)}
	return a.show(c, page)
}

// hidden are values as the hidden fields of a form, by name.
func hidden(values url.Values) []web.Hidden {
	var fields []web.Hidden
	for _, name := range slices.Sorted(maps.Keys(values)) {
		fields = append(fields, web.Hidden{Name: name, Value: values.Get(name)})
	}
	return fields
}

// allowForms lets the forms of a page lead to these targets only: browsers hold
// the redirects that follow a form to them as well.
func allowForms(c *gin.Context, targets ...string) {
	c.Header("Content-Security-Policy",
		strings.Replace(ContentSecurityPolicy, "form-action 'self'", "form-action "+strings.Join(targets, " "), 1))
}

// formTarget is a redirect URI as a source expression of a policy (Content
// Security Policy Level 3 §2.3.1): its origin. That of an address that cannot be
// written so, as of [::1], and of an app's own scheme, is the scheme.
func formTarget(redirectURI string) string {
	scheme, rest, _ := strings.Cut(redirectURI, ":")
	if !isWeb(redirectURI) {
		return scheme + ":"
	}
	authority := strings.TrimPrefix(rest, "//")
	if end := strings.IndexAny(authority, "/?#"); end >= 0 {
		authority = authority[:end]
	}
	if authority == "" || strings.ContainsFunc(authority, notInSource) {
		return scheme + ":"
	}
	return scheme + "://" + authority
}

func notInSource(c rune) bool {
	return !(c >= 'A' && c <= 'Z' || c >= 'a' && c <= 'z' || c >= '0' && c <= '9' || c == '-' || c == '.' || c == ':')
}

// leadsTo is where a redirect URI leads, for people: a host, or an app's own scheme.
func leadsTo(redirectURI string) string {
	u, err := url.Parse(redirectURI)
	switch {
	case err != nil:
		return redirectURI
	case isWeb(redirectURI):
		return u.Host
	}
	return "the app " + u.Scheme
}

package admin

import (
	"strconv"
	"strings"
	"time"

	"github.com/gin-gonic/gin"

	"usher/sessions/tokens"
)

// clientForm is the form of a client as it was sent or is stored. Lives are in
// seconds, and addresses stand on lines of their own.
type clientForm struct {
	as, id, user                                      string // of a new client; as is of clientPresets
	name, keys, redirects, postLogout, integration    string
	format, access, code, idToken, refresh, idle      string
	algorithm                                         string // "" = an earlier version has shown it
	rate                                              string
	rated                                             bool // no earlier version has shown it
	grants, apiScopes, identityScopes, requiredClaims []string
	public, askConsent, browserTokens, disabled       bool
	earlier                                           bool // an earlier version has shown it, without people's part
}

func sentClient(c *gin.Context) clientForm {
	list := func(name string) []string { return append([]string{}, c.PostFormArray(name)...) }
	_, whole := c.GetPostForm("jwks")
	rate, rated := c.GetPostForm("rate")
	return clientForm{
		earlier: !whole,
		rate:    rate, rated: rated,
		as: c.PostForm("as"), id: c.PostForm("client_id"), user: strings.TrimSpace(c.PostForm("user_id")),
		name: c.PostForm("name"), keys: c.PostForm("jwks"),
		redirects: c.PostForm("redirect_uris"), postLogout: c.PostForm("post_logout_redirect_uris"), integration: c.PostForm("integration"),
		format: c.PostForm("access_token_format"), access: c.PostForm("access_token_life"), code: c.PostForm("code_life"),
		idToken: c.PostForm("identity_token_life"), algorithm: c.PostForm("identity_token_algorithm"), refresh: c.PostForm("refresh_life"), idle: c.PostForm("refresh_idle"),
		grants: list("grants"), apiScopes: list("api_scopes"), identityScopes: list("identity_scopes"), requiredClaims: list("required_claims"),
		public: c.PostForm("public") == "yes", askConsent: c.PostForm("ask_consent") != "", browserTokens: c.PostForm("browser_tokens") != "", disabled: c.PostForm("disabled") != "",
	}
}

func storedClient(k tokens.Client) clientForm {
	seconds := func(life time.Duration) string { return strconv.FormatInt(secondsOf(life), 10) }
	return clientForm{
		name: k.Name, keys: k.Keys, redirects: strings.Join(k.RedirectURIs, "\n"), postLogout: strings.Join(k.PostLogoutURIs, "\n"),
		integration: k.Integration, format: k.AccessTokenFormat, access: seconds(k.AccessTokenLife), code: seconds(k.CodeLife),
		idToken: seconds(k.IdentityTokenLife), algorithm: k.IdentityTokenAlg, refresh: seconds(k.RefreshLife), idle: seconds(k.RefreshIdle),
		grants: k.Grants, apiScopes: k.APIScopes, identityScopes: k.IdentityScopes, requiredClaims: k.RequiredClaims,
		rate: rateShown(k.Rate), public: k.Public, askConsent: k.AskConsent, browserTokens: k.BrowserTokens, disabled: k.Disabled,
	}
}

func (f clientForm) settings() tokens.ClientSettings {
	keys := strings.TrimSpace(f.keys)
	life := func(text string) *time.Duration {
		span := spanOf(wholeNumber(text))
		return &span
	}
	if f.earlier {
		return tokens.ClientSettings{
			Name: &f.name, Grants: f.grants, APIScopes: f.apiScopes, AccessTokenFormat: &f.format, AccessTokenLife: life(f.access), Disabled: &f.disabled,
		}
	}
	var algorithm *string
	if f.algorithm != "" {
		algorithm = &f.algorithm
	}
	var rate *int64
	if f.rated {
		rate = rateSent(f.rate)
	}
	return tokens.ClientSettings{
		Rate: rate,
		Name: &f.name, Public: &f.public, Keys: &keys, RedirectURIs: lines(f.redirects), PostLogoutURIs: lines(f.postLogout),
		Integration: &f.integration, AskConsent: &f.askConsent, BrowserTokens: &f.browserTokens,
		Grants: f.grants, APIScopes: f.apiScopes, IdentityScopes: f.identityScopes, RequiredClaims: f.requiredClaims,
		AccessTokenFormat: &f.format, AccessTokenLife: life(f.access), CodeLife: life(f.code), IdentityTokenLife: life(f.idToken),
		IdentityTokenAlg: algorithm, RefreshLife: life(f.refresh), RefreshIdle: life(f.idle), Disabled: &f.disabled,
	}
}

package handlers

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"net/http"
	"time"

	"github.com/gin-gonic/gin"

	"usher/provisioning"
)

// Start begins a sign-in from our side: GET /auth/start?go=…&appId=…. Somebody
// who is signed in goes on at once; others are sent to the partner's page,
// which sends them back with a link.
func (a *App) Start(c *gin.Context) error {
	ctx, s := c.Request.Context(), siteOf(c)
	query := c.Request.URL.Query()
	appID, once := single(query["appId"])
	if !once {
		return &provisioning.Refusal{Reason: provisioning.IntegrationUnknown, Detail: "the parameter appId is there more than once"}
	}
	wanted, once := single(query["go"])
	if !once {
		wanted = ambiguousGo
	}
	session, err := a.session(c)
	var fault *Fault
	switch {
	case err == nil:
		places := a.Provisioning.Places(ctx, s.tenant, session.Integration, s.own)
		target, _ := places.Resolve(wanted)
		seeOther(c, target.Location())
		return nil
	case !errors.As(err, &fault):
		return err
	}
	beginning, err := a.Provisioning.Begin(ctx, s.tenant, appID)
	if errors.Is(err, provisioning.ErrNotFound) {
		return &Fault{Code: NotFound, Public: "This integration has no page for signing in.", Err: err}
	} else if err != nil {
		return err
	}
	nonce := ""
	if beginning.RequireNonce {
		nonce = a.giveNonce(c)
	}
	places := a.Provisioning.Places(ctx, s.tenant, beginning.Integration.ID, s.own)
	target, _ := places.Resolve(wanted)
	c.Header("Cache-Control", "no-store")
	seeOther(c, beginning.Location(s.own[0].String()+CallbackPath, target.Location(), nonce))
	return nil
}

const (
	nonceCookie = "__Host-usher-nonce"
	nonceLife   = 10 * time.Minute
	nonceBytes  = 16
)

// giveNonce gives the browser a secret, unless it has one, and returns the
// nonce that stands for it. Several tabs that sign in at once share one.
//
// The partner may return by a form, which is a cross-site POST: a Lax cookie
// would not come along.
func (a *App) giveNonce(c *gin.Context) string {
	if nonce := nonceOf(c.Request); nonce != "" {
		return nonce
	}
	random := make([]byte, nonceBytes)
	_, _ = rand.Read(random) // never fails
	secret := base64.RawURLEncoding.EncodeToString(random)
	http.SetCookie(c.Writer, &http.Cookie{ //nolint:gosec // partners lead here from their own sites
		Name: nonceCookie, Value: secret, Path: "/", MaxAge: int(nonceLife / time.Second),
		Secure: true, HttpOnly: true, SameSite: http.SameSiteNoneMode,
	})
	return nonceFor(secret)
}

// nonceOf is the nonce of the browser's secret, or "".
func nonceOf(r *http.Request) string {
	cookies := r.CookiesNamed(nonceCookie)
	if len(cookies) != 1 || len(cookies[0].Value) != base64.RawURLEncoding.EncodedLen(nonceBytes) {
		return ""
	}
	return nonceFor(cookies[0].Value)
}

// nonceFor makes of a secret what may be shown in addresses: knowing it does
// not give the cookie.
func nonceFor(secret string) string {
	sum := sha256.Sum256([]byte("usher nonce " + secret))
	return base64.RawURLEncoding.EncodeToString(sum[:nonceBytes])
}

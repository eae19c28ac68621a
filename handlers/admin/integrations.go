package admin

import (
	"net/http"
	"time"

	"github.com/gin-gonic/gin"

	"usher/handlers"
	"usher/provisioning"
)

// integrationFields are the settings of an integration in a request.
type integrationFields struct {
	Name            given[string]   `json:"name"`
	Issuer          given[string]   `json:"issuer"`
	MaxAge          given[int64]    `json:"max_age"` // seconds; null or 0 = none
	Leeway          given[int64]    `json:"leeway"`  // seconds
	LandingPage     given[string]   `json:"landing_page"`
	SignInURL       given[string]   `json:"sign_in_url"`
	RequireNonce    given[bool]     `json:"require_nonce"`
	ReturnOrigins   given[[]string] `json:"return_origins"`
	EmbedOrigins    given[[]string] `json:"embed_origins"`
	LinkPolicy      given[string]   `json:"link_policy"`
	AutoCreate      given[bool]     `json:"auto_create"`
	SingleUse       given[bool]     `json:"single_use"`
	UnknownGroups   given[string]   `json:"unknown_groups"`
	UnknownCredits  given[string]   `json:"unknown_credits"`
	GroupScope      given[string]   `json:"group_scope"`
	MetaMode        given[string]   `json:"meta_mode"`
	SessionIdle     given[int64]    `json:"session_idle"`     // seconds
	SessionAbsolute given[int64]    `json:"session_absolute"` // seconds
	DriftGuard      given[bool]     `json:"drift_guard"`
	DriftThreshold  given[int64]    `json:"drift_threshold"` // people within an hour
	EmbedMaxAge     given[int64]    `json:"embed_max_age"`   // seconds; null or 0 = none
	ContentOrigins  given[[]string] `json:"content_origins"`
	JWKSURL         given[string]   `json:"jwks_url"`
	AllowDisable    given[bool]     `json:"allow_disable"`
	SignInRate      given[int64]    `json:"sign_in_rate"` // a second; null or 0 = not limited
}

func (f integrationFields) settings() provisioning.Settings {
	return provisioning.Settings{
		Name: f.Name.pointer(), Issuer: f.Issuer.pointer(), MaxAge: f.MaxAge.pointer(), Leeway: f.Leeway.pointer(),
		LandingPage: f.LandingPage.pointer(), SignInURL: f.SignInURL.pointer(), RequireNonce: f.RequireNonce.pointer(),
		ReturnOrigins: f.ReturnOrigins.pointer(),
		EmbedOrigins:  f.EmbedOrigins.pointer(), LinkPolicy: f.LinkPolicy.pointer(), AutoCreate: f.AutoCreate.pointer(),
		SingleUse: f.SingleUse.pointer(), UnknownGroups: f.UnknownGroups.pointer(),
		UnknownCredits: f.UnknownCredits.pointer(), GroupScope: f.GroupScope.pointer(), MetaMode: f.MetaMode.pointer(),
		SessionIdle: f.SessionIdle.pointer(), SessionAbsolute: f.SessionAbsolute.pointer(),
		DriftGuard: f.DriftGuard.pointer(), DriftThreshold: f.DriftThreshold.pointer(),
		EmbedMaxAge: f.EmbedMaxAge.pointer(), ContentOrigins: f.ContentOrigins.pointer(),
		JWKSURL: f.JWKSURL.pointer(), AllowDisable: f.AllowDisable.pointer(), SignInRate: f.SignInRate.pointer(),
	}
}

// keyFields are the wish for a key in a request.
type keyFields struct {
	Secret    string `json:"secret"`
	PublicKey string `json:"public_key"`
	Algorithm string `json:"algorithm"`
}

func (f keyFields) wish() provisioning.NewKey {
	return provisioning.NewKey{Secret: f.Secret, PublicKey: f.PublicKey, Algorithm: f.Algorithm}
}

// integrationAnswer is an integration in an answer.
type integrationAnswer struct {
	ID              string      `json:"id"`
	AppID           string      `json:"app_id"`
	Name            string      `json:"name"`
	CallbackURL     string      `json:"callback_url"`
	Issuer          string      `json:"issuer"`
	MaxAge          *int64      `json:"max_age"` // seconds; null = none
	Leeway          int64       `json:"leeway"`
	LandingPage     string      `json:"landing_page"`
	SignInURL       string      `json:"sign_in_url"`
	RequireNonce    bool        `json:"require_nonce"`
	ReturnOrigins   []string    `json:"return_origins"`
	EmbedOrigins    []string    `json:"embed_origins"`
	LinkPolicy      string      `json:"link_policy"`
	AutoCreate      bool        `json:"auto_create"`
	SingleUse       bool        `json:"single_use"`
	UnknownGroups   string      `json:"unknown_groups"`
	UnknownCredits  string      `json:"unknown_credits"`
	GroupScope      string      `json:"group_scope"`
	MetaMode        string      `json:"meta_mode"`
	SessionIdle     int64       `json:"session_idle"`
	SessionAbsolute int64       `json:"session_absolute"`
	DriftGuard      bool        `json:"drift_guard"`
	DriftThreshold  int64       `json:"drift_threshold"`
	EmbedMaxAge     *int64      `json:"embed_max_age"` // seconds; null = none
	ContentOrigins  []string    `json:"content_origins"`
	JWKSURL         string      `json:"jwks_url"`
	AllowDisable    bool        `json:"allow_disable"`
	SignInRate      int64       `json:"sign_in_rate"` // 0 = not limited
	Keys            []keyAnswer `json:"keys"`
	CreatedAt       time.Time   `json:"created_at"`
	UpdatedAt       time.Time   `json:"updated_at"`
}

// keyAnswer is a key in an answer. The secret is there once, in the answer to
// the request that made it.
type keyAnswer struct {
	ID        string     `json:"id"`
	Algorithm string     `json:"algorithm"`
	Secret    string     `json:"secret,omitempty"`
	CreatedAt time.Time  `json:"created_at"`
	RetiresAt *time.Time `json:"retires_at"` // null = live; in the past = retired
}

func answerKey(k provisioning.Key) keyAnswer {
	return keyAnswer{ID: k.ID, Algorithm: k.Algorithm, CreatedAt: k.CreatedAt, RetiresAt: k.RetiresAt}
}

// limit is a span in whole seconds, or null for none.
func limit(d time.Duration) *int64 {
	if d == 0 {
		return nil
	}
	seconds := int64(d / time.Second)
	return &seconds
}

func (a *Admin) answer(c *gin.Context, n provisioning.Installed) integrationAnswer {
	answer := integrationAnswer{
		ID: n.ID, AppID: n.AppID, Name: n.Name, CallbackURL: a.callbackURL(c), Issuer: n.Issuer,
		Leeway: int64(n.Leeway / time.Second), LandingPage: n.LandingPage,
		SignInURL: n.SignInURL, RequireNonce: n.RequireNonce, ReturnOrigins: n.ReturnOrigins,
		EmbedOrigins: n.EmbedOrigins, LinkPolicy: n.LinkPolicy, AutoCreate: n.AutoCreate, SingleUse: n.SingleUse,
		UnknownGroups: n.UnknownGroups, UnknownCredits: n.UnknownCredits, GroupScope: n.GroupScope,
		MetaMode: n.MetaMode, SessionIdle: int64(n.SessionIdle / time.Second),
		SessionAbsolute: int64(n.SessionAbsolute / time.Second), CreatedAt: n.CreatedAt, UpdatedAt: n.UpdatedAt,
		DriftGuard: n.DriftGuard, DriftThreshold: n.DriftThreshold, ContentOrigins: n.ContentOrigins,
		MaxAge: limit(n.MaxAge), EmbedMaxAge: limit(n.EmbedMaxAge), JWKSURL: n.JWKSURL,
		AllowDisable: n.AllowDisable, SignInRate: n.SignInRate,
		Keys: []keyAnswer{},
	}
	for _, k := range n.Keys {
		answer.Keys = append(answer.Keys, answerKey(k))
	}
	return answer
}

// Install: POST /admin/api/v1/integrations.
func (a *Admin) Install(c *gin.Context) error {
	var body struct {
		integrationFields
		keyFields
	}
	if err := read(c, &body); err != nil {
		return err
	}
	n, err := a.Provisioning.Install(c.Request.Context(), handlers.TenantOf(c), body.settings(), body.wish(), by(c))
	if err != nil {
		return explain(err)
	}
	answer := a.answer(c, n)
	if n.Secret != "" {
		// Typed or made: this is the only time that it is shown.
		answer.Keys[0].Secret = n.Secret
	}
	setETag(c, n.Revision)
	c.JSON(http.StatusCreated, answer)
	return nil
}

// Integrations: GET /admin/api/v1/integrations.
func (a *Admin) Integrations(c *gin.Context) error {
	all, err := a.Provisioning.Integrations(c.Request.Context(), handlers.TenantOf(c))
	if err != nil {
		return explain(err)
	}
	answers := []integrationAnswer{}
	for _, n := range all {
		answers = append(answers, a.answer(c, n))
	}
	c.JSON(http.StatusOK, gin.H{"integrations": answers})
	return nil
}

// Integration: GET /admin/api/v1/integrations/:id.
func (a *Admin) Integration(c *gin.Context) error {
	n, err := a.Provisioning.Integration(c.Request.Context(), handlers.TenantOf(c), c.Param("id"))
	if err != nil {
		return explain(err)
	}
	setETag(c, n.Revision)
	c.JSON(http.StatusOK, a.answer(c, n))
	return nil
}

// ChangeIntegration: PATCH /admin/api/v1/integrations/:id.
func (a *Admin) ChangeIntegration(c *gin.Context) error {
	var body integrationFields
	if err := read(c, &body); err != nil {
		return err
	}
	n, err := a.Provisioning.ChangeIntegration(c.Request.Context(), handlers.TenantOf(c), c.Param("id"), body.settings(), by(c))
	if err != nil {
		return explain(err)
	}
	setETag(c, n.Revision)
	c.JSON(http.StatusOK, a.answer(c, n))
	return nil
}

// Remove: DELETE /admin/api/v1/integrations/:id.
func (a *Admin) Remove(c *gin.Context) error {
	if err := a.Provisioning.Remove(c.Request.Context(), handlers.TenantOf(c), c.Param("id"), by(c)); err != nil {
		return a.unfinished(err, removalUnfinished)
	}
	return noContent(c)
}

// AddKey: POST /admin/api/v1/integrations/:id/keys.
func (a *Admin) AddKey(c *gin.Context) error {
	var body keyFields
	if err := read(c, &body); err != nil {
		return err
	}
	n, key, err := a.Provisioning.AddKey(c.Request.Context(), handlers.TenantOf(c), c.Param("id"), body.wish(), by(c))
	if err != nil {
		return explain(err)
	}
	answer := answerKey(key)
	answer.Secret = n.Secret
	c.JSON(http.StatusCreated, answer)
	return nil
}

// RetireKey: DELETE /admin/api/v1/integrations/:id/keys/:kid. With ?at= (RFC
// 3339) the key stays live until then.
func (a *Admin) RetireKey(c *gin.Context) error {
	var at time.Time
	if text := c.Query("at"); text != "" {
		var err error
		if at, err = time.Parse(time.RFC3339, text); err != nil {
			return badRequest("at is a time like 2030-01-31T12:00:00Z.")
		}
	}
	_, err := a.Provisioning.RetireKey(c.Request.Context(), handlers.TenantOf(c), c.Param("id"), c.Param("kid"), at, by(c))
	if err != nil {
		return explain(err)
	}
	return noContent(c)
}

package admin

import (
	"net/http"
	"time"

	"github.com/gin-gonic/gin"

	"usher/handlers"
	"usher/sessions/admins"
	"usher/web"
)

// apiKeyAnswer is an API key in the API.
type apiKeyAnswer struct {
	ID         string     `json:"id"`
	Name       string     `json:"name"`
	Ending     string     `json:"ending"` // the key's last four characters
	Scopes     []string   `json:"scopes"`
	Rate       *int64     `json:"rate"` // requests a second; null = as the server says, 0 = any number
	CreatedAt  time.Time  `json:"created_at"`
	ExpiresAt  *time.Time `json:"expires_at"`   // null = never
	LastUsedAt *time.Time `json:"last_used_at"` // within a minute
	RevokedAt  *time.Time `json:"revoked_at"`
	Key        string     `json:"key,omitempty"` // only in the answer that makes it
}

func answerAPIKey(k admins.APIKey) apiKeyAnswer {
	return apiKeyAnswer{
		ID: k.ID, Name: k.Name, Ending: k.Ending, Scopes: k.Scopes, Rate: rateAnswer(k.Rate), CreatedAt: k.CreatedAt.UTC(),
		ExpiresAt: inUTC(k.ExpiresAt), LastUsedAt: inUTC(k.UsedAt), RevokedAt: inUTC(k.RevokedAt),
	}
}

// APIKeys: GET /admin/api/v1/api-keys?before=. "next" is the next page's
// before; null on the last one.
func (a *Admin) APIKeys(c *gin.Context) error {
	keys, next, err := a.Admins.APIKeys(c.Request.Context(), handlers.TenantOf(c), c.Query("before"))
	if err != nil {
		return explain(err)
	}
	answers := []apiKeyAnswer{}
	for _, k := range keys {
		answers = append(answers, answerAPIKey(k))
	}
	return list(c, "api_keys", answers, next)
}

// MakeAPIKey: POST /admin/api/v1/api-keys. The key is shown this once.
func (a *Admin) MakeAPIKey(c *gin.Context) error {
	var body struct {
		Name      string         `json:"name"`
		Scopes    []admins.Scope `json:"scopes"`
		Rate      given[*int64]  `json:"rate"`
		ExpiresAt *time.Time     `json:"expires_at"`
	}
	if err := read(c, &body); err != nil {
		return err
	}
	k, key, err := a.Admins.MakeAPIKey(c.Request.Context(), handlers.TenantOf(c),
		admins.NewAPIKey{Name: body.Name, Scopes: body.Scopes, Rate: rateGiven(body.Rate), Expires: body.ExpiresAt}, actorOf(c), by(c))
	if err != nil {
		return explain(err)
	}
	answer := answerAPIKey(k)
	answer.Key = key
	c.JSON(http.StatusCreated, answer)
	return nil
}

// ChangeAPIKey: PATCH /admin/api/v1/api-keys/:id.
func (a *Admin) ChangeAPIKey(c *gin.Context) error {
	var body struct {
		Rate given[*int64] `json:"rate"`
	}
	if err := read(c, &body); err != nil {
		return err
	}
	if !body.Rate.there {
		return badRequest("rate: how many requests a second, 0 for any number, or null for what the server’s settings say.")
	}
	k, err := a.Admins.ChangeAPIKey(c.Request.Context(), handlers.TenantOf(c), c.Param("id"), *rateGiven(body.Rate), by(c))
	if err != nil {
		return explain(err)
	}
	c.JSON(http.StatusOK, answerAPIKey(k))
	return nil
}

// RevokeAPIKey: DELETE /admin/api/v1/api-keys/:id.
func (a *Admin) RevokeAPIKey(c *gin.Context) error {
	if err := a.Admins.RevokeAPIKey(c.Request.Context(), handlers.TenantOf(c), c.Param("id"), by(c)); err != nil {
		return explain(err)
	}
	return noContent(c)
}

// keyLives are how long a key may live, by the form's values.
var keyLives = []struct {
	value, label string
	days         int
}{
	{"30", "30 days", 30}, {"90", "90 days", 90}, {"365", "a year", 365}, {"never", "until it is revoked", 0},
}

// makeFields are the form of a new key. Only rights that the actor has are
// offered.
func (a *Admin) makeFields(c *gin.Context, name string, chosen []string, life, rate string) []web.Field {
	rights := web.Field{Name: "scopes", Label: "Rights", Type: "checkbox"}
	has := map[string]bool{}
	for _, scope := range chosen {
		has[scope] = true
	}
	for _, scope := range admins.Scopes() {
		if actorOf(c).May(scope) {
			rights.Options = append(rights.Options, web.Option{
				Value: string(scope), Label: string(scope), Hint: scopeHints[scope], Chosen: has[string(scope)],
			})
		}
	}
	lives := web.Field{Name: "life", Label: "It ends after", Type: "select"}
	for _, l := range keyLives {
		lives.Options = append(lives.Options, web.Option{Value: l.value, Label: l.label, Chosen: l.value == life})
	}
	return []web.Field{
		{Name: "name", Label: "Name", Value: name, Hint: "What the key is for.", Required: true}, rights, lives, a.rateField(handlers.RateAPIKey, rate),
	}
}

// scopeHints say what a right is good for.
var scopeHints = map[admins.Scope]string{
	admins.ReadIntegrations:  "look at integrations",
	admins.WriteIntegrations: "install, change, rotate and remove them",
	admins.ReadUsers:         "look at users",
	admins.WriteUsers:        "disable, erase, merge, sign out",
	admins.ReadCatalog:       "look at groups, credits and resources",
	admins.WriteCatalog:      "change groups, credits and resources",
	admins.ReadTokens:        "look at clients, API connections and signing keys",
	admins.WriteTokens:       "change and rotate them",
	admins.ReadWebhooks:      "look at webhooks and what they have sent",
	admins.WriteWebhooks:     "change them, and send again",
	admins.ReadLog:           "look at sign-ins",
	admins.ReadAudit:         "look at the audit log",
	admins.ReadSettings:      "look at settings, administrators and API keys",
	admins.WriteSettings:     "change them",
	admins.Operate:           "make and change tenants",
}

// APIKeysPage: GET /admin/settings/api-keys?before=.
func (a *Admin) APIKeysPage(c *gin.Context) error {
	return a.apiKeysPage(c, http.StatusOK, a.makeFields(c, "", nil, "365", ""))
}

func (a *Admin) apiKeysPage(c *gin.Context, status int, fields []web.Field) error {
	keys, next, err := a.Admins.APIKeys(c.Request.Context(), handlers.TenantOf(c), c.Query("before"))
	if err != nil {
		return explain(err)
	}
	page := web.AdminAPIKeys{
		Frame: a.frame(c, settingsPath, "API keys"), Tabs: settingsTabs(c, apiKeysPath), Pager: pagerBy(c, apiKeysPath, "before", next),
	}
	may := actorOf(c).May(admins.WriteSettings)
	for _, k := range keys {
		shown := web.AdminAPIKey{
			Name: k.Name, Ending: k.Ending, Scopes: k.Scopes, CreatedAt: k.CreatedAt, ExpiresAt: k.ExpiresAt, UsedAt: k.UsedAt, Rate: rateShown(k.Rate),
		}
		switch {
		case k.RevokedAt != nil:
			shown.State = "revoked"
		case !admins.KeyLive(k, a.Now()):
			shown.State = "expired"
		default:
			shown.State = "active"
			if may {
				shown.Path = apiKeysPath + "/" + k.ID
				shown.Revoke = apiKeysPath + "/" + k.ID + "/revoke"
			}
		}
		page.Keys = append(page.Keys, shown)
	}
	if may {
		page.Make = fields
	}
	return a.showAs(c, status, page)
}

// MakeAPIKeyForm: POST /admin/settings/api-keys.
func (a *Admin) MakeAPIKeyForm(c *gin.Context) error {
	rate := c.PostForm("rate")
	wish := admins.NewAPIKey{Name: c.PostForm("name"), Rate: rateSent(rate)}
	chosen, life := c.PostFormArray("scopes"), c.PostForm("life")
	for _, scope := range chosen {
		wish.Scopes = append(wish.Scopes, admins.Scope(scope))
	}
	known := false
	for _, l := range keyLives {
		if known = known || l.value == life; l.value == life && l.days > 0 {
			at := a.Now().AddDate(0, 0, l.days)
			wish.Expires = &at
		}
	}
	if !known {
		return badRequest("life: one of the choices of the form.")
	}
	k, key, err := a.Admins.MakeAPIKey(c.Request.Context(), handlers.TenantOf(c), wish, actorOf(c), by(c))
	if found, ok := faultsOf(err); ok {
		fields := a.makeFields(c, wish.Name, chosen, life, rate)
		found.mark(fields)
		return a.apiKeysPage(c, http.StatusUnprocessableEntity, fields)
	} else if err != nil {
		return explain(err)
	}
	return a.show(c, web.AdminNewAPIKey{
		Frame: a.frame(c, settingsPath, "Your new API key"), Tabs: settingsTabs(c, apiKeysPath),
		Name: k.Name, Key: key, Expires: k.ExpiresAt, Back: apiKeysPath,
		Example: "curl -H 'Authorization: Bearer " + key + "' " + a.originOfLinks(c).String() + "/admin/api/v1/integrations",
	})
}

// RevokeAPIKeyPage: GET /admin/settings/api-keys/:id/revoke.
func (a *Admin) RevokeAPIKeyPage(c *gin.Context) error {
	page, err := a.revokePage(c)
	if err != nil {
		return err
	}
	return a.show(c, page)
}

func (a *Admin) revokePage(c *gin.Context) (web.AdminRemoval, error) {
	k, err := a.Admins.APIKey(c.Request.Context(), handlers.TenantOf(c), c.Param("id"))
	if err != nil {
		return web.AdminRemoval{}, explain(err)
	}
	used := "It has never been used."
	if k.UsedAt != nil {
		used = "It was last used at " + k.UsedAt.UTC().Format("15:04 UTC on 2 January 2006") + "."
	}
	return web.AdminRemoval{
		Frame: a.frame(c, settingsPath, "Revoke "+k.Name), Tabs: settingsTabs(c, apiKeysPath),
		What:    "The key usk_…" + k.Ending + " will be refused from now on.",
		Effects: []string{used, "It cannot be brought back; a new one can be made."},
		Action:  apiKeysPath + "/" + k.ID + "/revoke", Submit: "Revoke", Back: apiKeysPath, Confirm: web.Confirm{Word: k.Name},
	}, nil
}

// RevokeAPIKeyForm: POST /admin/settings/api-keys/:id/revoke.
func (a *Admin) RevokeAPIKeyForm(c *gin.Context) error {
	page, err := a.revokePage(c)
	if err != nil {
		return err
	}
	if page.Confirm.Fault = confirmed(c, page.Confirm.Word); page.Confirm.Fault != "" {
		return a.showAs(c, http.StatusUnprocessableEntity, page)
	}
	if err := a.Admins.RevokeAPIKey(c.Request.Context(), handlers.TenantOf(c), c.Param("id"), by(c)); err != nil {
		return explain(err)
	}
	seeOther(c, apiKeysPath+"?done=api_key_revoked")
	return nil
}

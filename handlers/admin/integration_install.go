package admin

import (
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/gin-gonic/gin"

	"usher/handlers"
	"usher/provisioning"
	"usher/web"
)

// InstallPage: GET /admin/integrations/new.
func (a *Admin) InstallPage(c *gin.Context) error {
	page := web.InstallIntegration{
		Frame: a.frame(c, integrationsPath, "Install an integration"), Settings: web.NewIntegrationSettings(), Key: web.NewKeySettings(),
		Once: formToken(c),
	}
	showSettings(&page.Settings, provisioning.DefaultIntegration())
	choose(&page.Key.Algorithm, "HS256")
	return a.show(c, page)
}

// InstallForm: POST /admin/integrations. The answer itself shows the secret:
// there is no address under which it could be seen again.
func (a *Admin) InstallForm(c *gin.Context) error {
	values := c.Request.PostForm
	n, err := a.Provisioning.Install(c.Request.Context(), handlers.TenantOf(c), settingsOf(values), keyOf(values), by(c))
	if found, ok := faultsOf(err); ok {
		page := web.InstallIntegration{
			Frame: a.frame(c, integrationsPath, "Install an integration"), Settings: web.NewIntegrationSettings(), Key: web.NewKeySettings(),
			Once: formToken(c),
		}
		keepSettings(&page.Settings, values)
		keepKey(&page.Key, values, found)
		page.Faults = found.point(page.Settings.All()...) + found.point(page.Key.All()...)
		page.Settings.Show()
		return a.showAs(c, http.StatusUnprocessableEntity, page)
	} else if err != nil {
		return explain(err)
	}
	if len(n.Keys) == 0 {
		seeOther(c, integrationPath(n.ID, "/keys?done=installed_with_set"))
		return nil
	}
	a.made(c, integrationPath(n.ID, "?done=installed_before"))
	return a.showKey(c, n, n.Keys[0], true)
}

// showKey answers with what the partner needs to sign with a new key.
func (a *Admin) showKey(c *gin.Context, n provisioning.Installed, key provisioning.Key, installed bool) error {
	title := "A key for " + n.Name
	if installed {
		title = n.Name + " is installed"
	}
	page := web.KeyMade{
		Frame: a.frame(c, integrationsPath, title), Installed: installed, ID: n.ID, Name: n.Name, Secret: n.Secret,
		Partner: web.Partner{Endpoint: a.callbackURL(c), AppID: n.AppID, KeyID: key.ID, Algorithm: key.Algorithm},
	}
	page.Env = envOf(page)
	var err error
	if page.Snippets, err = web.QuickStart(page.Partner); err != nil {
		return err
	}
	if n.Secret != "" && !n.RequireNonce {
		page.Person = testPerson
		if page.TestLink, err = a.testLink(c, n, key); err != nil {
			return err
		}
	}
	c.Header("Cache-Control", "no-store")
	return a.show(c, page)
}

// envOf are the lines of a .env file. A typed secret may hold anything, so it
// is quoted as most readers of such files understand it.
func envOf(page web.KeyMade) string {
	var b strings.Builder
	for _, line := range [][2]string{
		{"USHER_ENDPOINT", page.Endpoint}, {"USHER_APP_ID", page.AppID}, {"USHER_KEY_ID", page.KeyID}, {"USHER_SECRET", page.Secret},
	} {
		name, value := line[0], line[1]
		if value == "" {
			continue
		}
		if strings.ContainsFunc(value, needsQuotes) {
			value = `'` + strings.ReplaceAll(value, `'`, `'\''`) + `'`
		}
		b.WriteString(name + "=" + value + "\n")
	}
	return b.String()
}

func needsQuotes(r rune) bool {
	switch {
	case 'a' <= r && r <= 'z', 'A' <= r && r <= 'Z', '0' <= r && r <= '9':
		return false
	}
	return !strings.ContainsRune("-._~:/", r)
}

// testPerson is who opens a test link.
const testPerson = "usher-test@example.com"

// testLink is a link as the partner would sign it now.
func (a *Admin) testLink(c *gin.Context, n provisioning.Installed, key provisioning.Key) (string, error) {
	token, err := provisioning.SignHMAC(key.Algorithm, key.ID, n.Secret, map[string]any{
		"email": testPerson, "firstName": "Test", "lastName": "Person", "iss": n.AppID,
		"iat": a.Now().Unix(), "exp": a.Now().Add(testLinkLife).Unix(), "jti": handlers.RequestID(c.Request.Context()),
	})
	if err != nil {
		return "", err
	}
	return handlers.CallbackPath + "?token=" + token, nil
}

// testLinkLife is how long a test link is good, if the integration's max-age
// does not end it before.
const testLinkLife = 5 * time.Minute

// settingsOf reads every setting of the form.
func settingsOf(values url.Values) provisioning.Settings {
	text := func(name string) *string {
		value := strings.TrimSpace(values.Get(name))
		return &value
	}
	number := func(name string) *int64 {
		value := wholeNumber(values.Get(name))
		return &value
	}
	flag := func(name string) *bool {
		value := values.Get(name) != ""
		return &value
	}
	list := func(name string) *[]string {
		value := separated(values.Get(name))
		return &value
	}
	issuer := values.Get("issuer") // compared byte for byte
	return provisioning.Settings{
		Name: text("name"), Issuer: &issuer, MaxAge: number("max_age"), Leeway: number("leeway"),
		LandingPage: text("landing_page"), SignInURL: text("sign_in_url"), RequireNonce: flag("require_nonce"),
		ReturnOrigins: list("return_origins"), EmbedOrigins: list("embed_origins"), LinkPolicy: text("link_policy"),
		AutoCreate: flag("auto_create"), SingleUse: flag("single_use"), UnknownGroups: text("unknown_groups"),
		UnknownCredits: text("unknown_credits"), GroupScope: text("group_scope"), MetaMode: text("meta_mode"),
		SessionIdle: number("session_idle"), SessionAbsolute: number("session_absolute"),
		DriftGuard: flag("drift_guard"), DriftThreshold: number("drift_threshold"),
		EmbedMaxAge: number("embed_max_age"), ContentOrigins: list("content_origins"),
		JWKSURL: text("jwks_url"), AllowDisable: flag("allow_disable"), SignInRate: number("sign_in_rate"),
	}
}

// showSettings puts an integration's settings into the fields.
func showSettings(fields *web.IntegrationSettings, n provisioning.Integration) {
	seconds := func(d time.Duration) string { return strconv.FormatInt(int64(d/time.Second), 10) }
	mark := func(set bool) string {
		if set {
			return "on"
		}
		return ""
	}
	keepSettings(fields, url.Values{
		"name": {n.Name}, "max_age": {seconds(n.MaxAge)}, "leeway": {seconds(n.Leeway)}, "issuer": {n.Issuer},
		"landing_page": {n.LandingPage}, "sign_in_url": {n.SignInURL}, "require_nonce": {mark(n.RequireNonce)},
		"return_origins": {strings.Join(n.ReturnOrigins, "\n")}, "embed_origins": {strings.Join(n.EmbedOrigins, "\n")},
		"link_policy": {n.LinkPolicy}, "auto_create": {mark(n.AutoCreate)}, "single_use": {mark(n.SingleUse)},
		"unknown_groups": {n.UnknownGroups}, "unknown_credits": {n.UnknownCredits}, "group_scope": {n.GroupScope},
		"meta_mode": {n.MetaMode}, "session_idle": {seconds(n.SessionIdle)}, "session_absolute": {seconds(n.SessionAbsolute)},
		"drift_guard": {mark(n.DriftGuard)}, "drift_threshold": {strconv.FormatInt(n.DriftThreshold, 10)},
		"jwks_url": {n.JWKSURL}, "allow_disable": {mark(n.AllowDisable)}, "sign_in_rate": {strconv.FormatInt(n.SignInRate, 10)}, "embed_max_age": {seconds(n.EmbedMaxAge)}, "content_origins": {strings.Join(n.ContentOrigins, "\n")},
	})
}

// keepSettings puts what was sent into the fields again.
func keepSettings(fields *web.IntegrationSettings, values url.Values) {
	for _, field := range fields.All() {
		value := values.Get(field.Name)
		switch field.Type {
		case "checkbox":
			field.Checked = value != ""
		case "radio", "select":
			choose(field, value)
		default:
			field.Value = value
		}
	}
}

// keyOf reads the wish for a key.
func keyOf(values url.Values) provisioning.NewKey {
	wish := provisioning.NewKey{Secret: values.Get("secret"), PublicKey: strings.TrimSpace(values.Get("public_key"))}
	if wish.PublicKey == "" || wish.Secret != "" {
		wish.Algorithm = values.Get("algorithm")
	}
	return wish
}

// keepKey puts what was sent into the fields again, but never a secret; nor a
// public key that was refused, as it may be a private one.
func keepKey(fields *web.KeySettings, values url.Values, found faults) {
	choose(&fields.Algorithm, values.Get("algorithm"))
	if values.Get("secret") != "" {
		fields.Secret.Hint = "Type it again: it was not kept. " + fields.Secret.Hint
	}
	if found["public_key"] == "" {
		fields.PublicKey.Value = values.Get("public_key")
	}
	fields.Open = values.Get("public_key") != ""
}

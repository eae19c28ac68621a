package admin

import (
	"math"
	"net/http"
	"strconv"
	"time"

	"github.com/gin-gonic/gin"

	"usher/handlers"
	"usher/provisioning"
	"usher/web"
)

// keyRows says how an integration's keys stand.
func (a *Admin) keyRows(c *gin.Context, n provisioning.Installed) ([]web.KeyRow, error) {
	health, err := a.Provisioning.KeyHealth(c.Request.Context(), handlers.TenantOf(c), n)
	if err != nil {
		return nil, explain(err)
	}
	rows := make([]web.KeyRow, 0, len(health))
	for _, k := range health {
		row := web.KeyRow{
			ID: k.ID, Algorithm: k.Algorithm, State: k.State, Created: k.CreatedAt, LastUsed: k.LastUsed,
			SignIns: k.SignIns, Refused: k.Refused, Share: int(math.Round(k.Share * 100)), Safe: k.Safe, Only: k.Only,
		}
		if k.RetiresAt != nil {
			row.Retires, row.Left = *k.RetiresAt, k.RetiresAt.Sub(a.Now())
		}
		rows = append(rows, row)
	}
	return rows, nil
}

// KeysPage: GET /admin/integrations/:id/keys.
func (a *Admin) KeysPage(c *gin.Context) error {
	n, err := a.integrationOf(c)
	if err != nil {
		return err
	}
	page := web.IntegrationKeys{IntegrationPage: a.integrationPage(c, n, "/keys")}
	if page.Keys, err = a.keyRows(c, n); err != nil {
		return err
	}
	live := 0
	for _, k := range page.Keys {
		if !k.Retired() {
			live++
		}
	}
	page.Full = live >= provisioning.MaxLiveKeys
	if page.Set, err = a.keySetCard(c, n.Integration); err != nil {
		return err
	}
	return a.show(c, page)
}

// AddKeyPage: GET /admin/integrations/:id/keys/new.
func (a *Admin) AddKeyPage(c *gin.Context) error {
	n, err := a.integrationOf(c)
	if err != nil {
		return err
	}
	page := web.AddKey{IntegrationPage: a.integrationPage(c, n, "/keys"), Key: web.NewKeySettings(), Once: formToken(c)}
	choose(&page.Key.Algorithm, "HS256")
	return a.show(c, page)
}

// AddKeyForm: POST /admin/integrations/:id/keys. As with InstallForm, the
// answer itself shows the secret.
func (a *Admin) AddKeyForm(c *gin.Context) error {
	n, err := a.integrationOf(c)
	if err != nil {
		return err
	}
	values := c.Request.PostForm
	changed, key, err := a.Provisioning.AddKey(c.Request.Context(), handlers.TenantOf(c), n.ID, keyOf(values), by(c))
	if found, ok := faultsOf(err); ok {
		page := web.AddKey{IntegrationPage: a.integrationPage(c, n, "/keys"), Key: web.NewKeySettings(), Fault: found["keys"], Once: formToken(c)}
		keepKey(&page.Key, values, found)
		found.point(page.Key.All()...)
		return a.showAs(c, http.StatusUnprocessableEntity, page)
	} else if err != nil {
		return explain(err)
	}
	a.made(c, integrationPath(n.ID, "/keys?done=key_added_before"))
	return a.showKey(c, changed, key, false)
}

// retireAfter are the choices of when a key goes.
var retireAfter = []struct {
	after time.Duration
	label string
}{
	{time.Hour, "In an hour"},
	{24 * time.Hour, "In a day"},
	{7 * 24 * time.Hour, "In a week"},
	{30 * 24 * time.Hour, "In 30 days"},
}

// keyOfPath finds the key that the path names, and its page.
func (a *Admin) keyOfPath(c *gin.Context) (provisioning.Installed, web.RetireKey, error) {
	n, err := a.integrationOf(c)
	if err != nil {
		return n, web.RetireKey{}, err
	}
	rows, err := a.keyRows(c, n)
	if err != nil {
		return n, web.RetireKey{}, err
	}
	for _, k := range rows {
		if k.ID != c.Param("kid") {
			continue
		}
		page := web.RetireKey{
			IntegrationPage: a.integrationPage(c, n, "/keys"), Key: k, Confirm: web.Confirm{Word: n.Name},
			After: web.Field{Name: "after", Label: "When", Type: "radio"},
		}
		for _, choice := range retireAfter {
			page.After.Options = append(page.After.Options, web.Option{
				Value: strconv.FormatInt(int64(choice.after/time.Second), 10), Label: choice.label, Chosen: choice.after == 24*time.Hour,
			})
		}
		return n, page, nil
	}
	return n, web.RetireKey{}, &handlers.Fault{Code: handlers.NotFound}
}

// RetireKeyPage: GET /admin/integrations/:id/keys/:kid/retire.
func (a *Admin) RetireKeyPage(c *gin.Context) error {
	_, page, err := a.keyOfPath(c)
	if err != nil {
		return err
	}
	return a.show(c, page)
}

// RetireKeyForm: POST /admin/integrations/:id/keys/:kid/retire. What happens at
// once, and so cannot be taken back, has to be confirmed.
func (a *Admin) RetireKeyForm(c *gin.Context) error {
	n, page, err := a.keyOfPath(c)
	if err != nil {
		return err
	}
	at, done := time.Time{}, "key_retired"
	if after := c.PostForm("after"); after == "0" {
		page.Confirm.Fault = confirmed(c, n.Name)
	} else {
		page.After.Fault = "Choose one of these."
		for i, choice := range retireAfter {
			if page.After.Options[i].Value == after {
				at, done, page.After.Fault = a.Now().Add(choice.after), "key_expires", ""
			}
		}
	}
	if page.Confirm.Fault != "" || page.After.Fault != "" {
		return a.showAs(c, http.StatusUnprocessableEntity, page)
	}
	_, err = a.Provisioning.RetireKey(c.Request.Context(), handlers.TenantOf(c), n.ID, page.Key.ID, at, by(c))
	if found, ok := faultsOf(err); ok {
		page.Fault = found["kid"]
		return a.showAs(c, http.StatusUnprocessableEntity, page)
	} else if err != nil {
		return explain(err)
	}
	seeOther(c, integrationPath(n.ID, "/keys?done="+done))
	return nil
}

// KeepKeyForm: POST /admin/integrations/:id/keys/:kid/keep.
func (a *Admin) KeepKeyForm(c *gin.Context) error {
	n, page, err := a.keyOfPath(c)
	if err != nil {
		return err
	}
	_, err = a.Provisioning.KeepKey(c.Request.Context(), handlers.TenantOf(c), n.ID, page.Key.ID, by(c))
	if found, ok := faultsOf(err); ok {
		page.Fault = found["kid"]
		return a.showAs(c, http.StatusUnprocessableEntity, page)
	} else if err != nil {
		return explain(err)
	}
	seeOther(c, integrationPath(n.ID, "/keys?done=key_kept"))
	return nil
}

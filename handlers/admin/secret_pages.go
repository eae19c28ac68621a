package admin

import (
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/gin-gonic/gin"

	"usher/handlers"
	"usher/sessions/admins"
	"usher/sessions/tokens"
	"usher/web"
)

// holder is a client or an API connection on the pages of its secrets.
type holder struct {
	of       tokens.Holder
	id, name string                     // name is for people
	what     string                     // how its public name is called
	public   string                     // by which it calls itself
	list     string                     // path of the list that it stands in
	path     string                     // of its page
	try      func(secret string) string // a shell's line that uses it; "" = there is none
}

func (a *Admin) clientHolder(c *gin.Context, k tokens.Client) holder {
	origin := a.originOfLinks(c).String()
	list, address := clientsPath, handlers.ConnectTokenPath
	if k.Kind == tokens.KindOrganization {
		list = organizationsPath
	}
	if k.Kind != tokens.KindApplication {
		// There alone it gets its memberships, or the person for whom it acts.
		address = handlers.V1AccessTokenPath
	}
	return holder{
		of: tokens.OfClient, id: k.ID, name: k.Name, what: "Client id", public: k.ClientID, list: list, path: list + "/" + k.ID,
		try: func(secret string) string {
			if !slices.Contains(k.Grants, tokens.GrantClientCredentials) {
				return "" // it gets no token by itself
			}
			return "curl -u '" + k.ClientID + ":" + secret + "' -d grant_type=client_credentials " + origin + address
		},
	}
}

func (a *Admin) connectionHolder(c *gin.Context, n tokens.Connection) holder {
	origin := a.originOfLinks(c).String()
	return holder{
		of: tokens.OfConnection, id: n.ID, name: n.DisplayName, what: "Name", public: n.Name, list: connectionsPath,
		path: connectionsPath + "/" + n.ID,
		try: func(secret string) string {
			return "curl -u '" + n.Name + ":" + secret + "' -d token=TOKEN " + origin + handlers.ConnectIntrospectPath
		},
	}
}

// holderOf finds the client or API connection that the path names.
func (a *Admin) holderOf(c *gin.Context, of tokens.Holder) (holder, error) {
	ctx, tenant, id := c.Request.Context(), handlers.TenantOf(c).ID, c.Param("id")
	if of == tokens.OfClient {
		k, err := a.Tokens.Client(ctx, tenant, id)
		if err != nil {
			return holder{}, explain(err)
		}
		return a.clientHolder(c, k), nil
	}
	n, err := a.Tokens.Connection(ctx, tenant, id)
	if err != nil {
		return holder{}, explain(err)
	}
	return a.connectionHolder(c, n), nil
}

// secretsOf is the part of a holder's page about its secrets.
func (a *Admin) secretsOf(c *gin.Context, h holder, wrong faults) (web.Secrets, error) {
	secrets, err := a.Tokens.Secrets(c.Request.Context(), handlers.TenantOf(c).ID, h.of, h.id)
	if err != nil {
		return web.Secrets{}, explain(err)
	}
	shown := web.Secrets{Path: h.path, Write: actorOf(c).May(admins.WriteTokens), Once: formToken(c), Fault: wrong["secrets"]}
	live := 0
	for _, k := range secrets {
		row := a.secretRow(k)
		if row.Live {
			live++
		}
		shown.Rows = append(shown.Rows, row)
	}
	shown.Full = live >= tokens.MaxLiveSecrets
	return shown, nil
}

func (a *Admin) secretRow(k tokens.Secret) web.SecretRow {
	return web.SecretRow{
		ID: k.ID, Ending: k.Ending, Live: k.Live(a.Now()), CreatedAt: k.CreatedAt, ExpiresAt: k.ExpiresAt, UsedAt: k.UsedAt,
	}
}

// showSecret answers with a new secret: there is no address under which it could
// be seen again.
func (a *Admin) showSecret(c *gin.Context, title string, h holder, secret string) error {
	c.Header("Cache-Control", "no-store")
	return a.show(c, web.SecretMade{
		Frame: a.tokenFrame(c, title), Tabs: tokenTabs(c, h.list), What: h.what, Public: h.public, Secret: secret,
		Try: h.try(secret), Back: h.path,
	})
}

// showHolder shows the page of a client, an organization or an API connection
// again.
func (a *Admin) showHolder(c *gin.Context, of tokens.Holder, status int, wrong faults) error {
	switch {
	case strings.HasPrefix(c.FullPath(), organizationsPath):
		return a.showOrganization(c, status, organizationForms{wrong: wrong})
	case of == tokens.OfClient:
		return a.showClientPage(c, status, "", nil, wrong)
	}
	return a.showConnectionPage(c, status, connectionForms{wrong: wrong})
}

// AddSecretForm: POST /admin/tokens/clients/:id/secrets and …/api-connections/…
func (a *Admin) AddSecretForm(of tokens.Holder) handlers.Handler {
	return func(c *gin.Context) error {
		h, err := a.holderOf(c, of)
		if err != nil {
			return err
		}
		if err := a.forPersonOf(c, of); err != nil {
			return err
		}
		_, secret, err := a.Tokens.AddSecret(c.Request.Context(), handlers.TenantOf(c).ID, of, h.id, by(c))
		if wrong, ok := faultsOf(err); ok {
			return a.showHolder(c, of, http.StatusUnprocessableEntity, wrong)
		}
		if err != nil {
			return explain(err)
		}
		a.made(c, h.path+"?done=secret_made_before")
		return a.showSecret(c, "A secret for "+h.name, h, secret)
	}
}

// secretOfPath finds the secret that the path names, and its page.
func (a *Admin) secretOfPath(c *gin.Context, of tokens.Holder) (holder, web.RetireSecret, error) {
	h, err := a.holderOf(c, of)
	if err != nil {
		return h, web.RetireSecret{}, err
	}
	secrets, err := a.Tokens.Secrets(c.Request.Context(), handlers.TenantOf(c).ID, of, h.id)
	if err != nil {
		return h, web.RetireSecret{}, explain(err)
	}
	for _, k := range secrets {
		if k.ID != c.Param("secret") {
			continue
		}
		page := web.RetireSecret{
			Frame: a.tokenFrame(c, "Retire uss_…"+k.Ending), Tabs: tokenTabs(c, h.list), Path: h.path, Back: h.name, Secret: a.secretRow(k),
			After: web.Field{Name: "after", Label: "When", Type: "radio"}, Confirm: web.Confirm{Word: h.public},
		}
		for _, choice := range retireAfter {
			page.After.Options = append(page.After.Options, web.Option{
				Value: strconv.FormatInt(int64(choice.after/time.Second), 10), Label: choice.label, Chosen: choice.after == 24*time.Hour,
			})
		}
		return h, page, nil
	}
	return h, web.RetireSecret{}, &handlers.Fault{Code: handlers.NotFound}
}

// RetireSecretPage: GET /admin/tokens/clients/:id/secrets/:secret/retire and
// …/api-connections/…
func (a *Admin) RetireSecretPage(of tokens.Holder) handlers.Handler {
	return func(c *gin.Context) error {
		_, page, err := a.secretOfPath(c, of)
		if err != nil {
			return err
		}
		return a.show(c, page)
	}
}

// RetireSecretForm: POST /admin/tokens/clients/:id/secrets/:secret/retire and
// …/api-connections/… What happens at once has to be confirmed.
func (a *Admin) RetireSecretForm(of tokens.Holder) handlers.Handler {
	return func(c *gin.Context) error {
		h, page, err := a.secretOfPath(c, of)
		if err != nil {
			return err
		}
		at, done := time.Time{}, "secret_retired"
		if after := c.PostForm("after"); after == "0" {
			page.Confirm.Fault = confirmed(c, h.public)
		} else {
			page.After.Fault = "Choose one of these."
			for i, choice := range retireAfter {
				if page.After.Options[i].Value == after {
					at, done, page.After.Fault = a.Now().Add(choice.after), "secret_expires", ""
				}
			}
		}
		if page.Confirm.Fault != "" || page.After.Fault != "" {
			return a.showAs(c, http.StatusUnprocessableEntity, page)
		}
		err = a.Tokens.RetireSecret(c.Request.Context(), handlers.TenantOf(c).ID, of, h.id, page.Secret.ID, at, by(c))
		if wrong, ok := faultsOf(err); ok {
			page.Fault = wrong["secret"]
			return a.showAs(c, http.StatusUnprocessableEntity, page)
		}
		if err != nil {
			return explain(err)
		}
		seeOther(c, h.path+"?done="+done)
		return nil
	}
}

// KeepSecretForm: POST /admin/tokens/clients/:id/secrets/:secret/keep and
// …/api-connections/…
func (a *Admin) KeepSecretForm(of tokens.Holder) handlers.Handler {
	return func(c *gin.Context) error {
		h, page, err := a.secretOfPath(c, of)
		if err != nil {
			return err
		}
		err = a.Tokens.KeepSecret(c.Request.Context(), handlers.TenantOf(c).ID, of, h.id, page.Secret.ID, by(c))
		if wrong, ok := faultsOf(err); ok {
			page.Fault = wrong["secret"]
			return a.showAs(c, http.StatusUnprocessableEntity, page)
		}
		if err != nil {
			return explain(err)
		}
		seeOther(c, h.path+"?done=secret_kept")
		return nil
	}
}

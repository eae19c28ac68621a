package admin

import (
	"errors"
	"net/http"
	"slices"

	"github.com/gin-gonic/gin"

	"usher/handlers"
	"usher/sessions/tokens"
	"usher/web"
)

// clientPreset is what a new client is, and what its form begins with.
type clientPreset struct {
	as, title, lead string
	kind            string
	public          bool
	grants          []string
	identityScopes  []string
}

// peopleScopes are what applications that people sign in to mostly ask for.
var peopleScopes = []string{"openid", "profile", "email"}

// clientPresets are offered in this order.
var clientPresets = []clientPreset{
	{
		as: "web", title: "A web application with a server",
		lead: "People sign in to it, and its server keeps a secret or a key.", kind: tokens.KindApplication,
		grants: []string{tokens.GrantAuthorizationCode, tokens.GrantRefreshToken}, identityScopes: peopleScopes,
	},
	{
		as: "app", title: "An app in a browser, on a phone or on a desktop",
		lead: "People sign in to it, and whoever has it could read a secret: it has none, and PKCE protects its codes.",
		kind: tokens.KindApplication, public: true,
		grants: []string{tokens.GrantAuthorizationCode, tokens.GrantRefreshToken}, identityScopes: peopleScopes,
	},
	{
		as: "machine", title: "A program without people",
		lead: "A nightly job, a gateway, another service: it calls APIs in its own name.", kind: tokens.KindApplication,
		grants: []string{tokens.GrantClientCredentials},
	},
	{
		as: "person", title: "A program of one person",
		lead: "It acts for one user, who need not be there.", kind: tokens.KindPerson,
		grants: []string{tokens.GrantClientCredentials},
	},
}

func presetOf(as string) (clientPreset, bool) {
	i := slices.IndexFunc(clientPresets, func(p clientPreset) bool { return p.as == as })
	if i < 0 {
		return clientPreset{}, false
	}
	return clientPresets[i], true
}

// AddClientPage: GET /admin/tokens/clients/new?as=. Without a kind it asks for
// one.
func (a *Admin) AddClientPage(c *gin.Context) error {
	preset, ok := presetOf(c.Query("as"))
	if !ok {
		page := web.ClientKinds{Frame: a.tokenFrame(c, "New client"), Tabs: tokenTabs(c, clientsPath)}
		for _, p := range clientPresets {
			page.Kinds = append(page.Kinds, web.ClientKind{Path: clientsPath + "/new?as=" + p.as, Title: p.title, Lead: p.lead})
		}
		return a.show(c, page)
	}
	form := storedClient(tokens.NewClientDefaults())
	form.as, form.public, form.grants, form.identityScopes = preset.as, preset.public, preset.grants, preset.identityScopes
	return a.newClient(c, http.StatusOK, form, nil)
}

func (a *Admin) newClient(c *gin.Context, status int, form clientForm, wrong faults) error {
	preset, ok := presetOf(form.as)
	if !ok {
		preset, _ = presetOf("machine")
	}
	parts, err := a.clientParts(c, form, wrong)
	if err != nil {
		return err
	}
	first := []web.Field{wrong.field(web.Field{
		Name: "client_id", Label: "Client id", Value: form.id,
		Hint: "Letters, digits, dots, underscores, tildes and hyphens. Empty: one is made. It stays.",
	})}
	if preset.kind == tokens.KindPerson {
		first = append(first, wrong.field(web.Field{
			Name: "user_id", Label: "User", Value: form.user, Required: true, Hint: "The id that stands on the person's page. It stays.",
		}))
	}
	parts[0].Fields = append(first, parts[0].Fields...)
	return a.showAs(c, status, web.NewClient{
		Frame: a.tokenFrame(c, "New client"), Tabs: tokenTabs(c, clientsPath), Once: formToken(c), As: preset.as, What: preset.title,
		Lead: preset.lead, Parts: parts, Faults: web.FaultsOf(parts),
	})
}

// AddClientForm: POST /admin/tokens/clients. The answer itself shows the secret;
// a client without one is shown at its own address.
func (a *Admin) AddClientForm(c *gin.Context) error {
	form := sentClient(c)
	wish := form.settings()
	if preset, ok := presetOf(form.as); ok {
		wish.Kind, wish.User = &preset.kind, &form.user
		if err := forPerson(c, form.user); err != nil {
			return err
		}
	}
	k, secret, err := a.Tokens.AddClient(c.Request.Context(), handlers.TenantOf(c).ID, form.id, wish, by(c))
	if errors.Is(err, tokens.ErrTaken) {
		return a.newClient(c, http.StatusUnprocessableEntity, form, faults{"client_id": "There is a client with this id already."})
	}
	if wrong, ok := faultsOf(err); ok {
		return a.newClient(c, http.StatusUnprocessableEntity, form, wrong)
	}
	if err != nil {
		return explain(err)
	}
	path := clientsPath + "/" + k.ID
	if secret == "" {
		a.made(c, path+"?done=client_made")
		seeOther(c, path+"?done=client_made")
		return nil
	}
	a.made(c, path+"?done=secret_made_before")
	return a.showSecret(c, "The client is made", a.clientHolder(c, k), secret)
}

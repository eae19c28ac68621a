package admin

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"

	"github.com/gin-gonic/gin"

	"usher/handlers"
	"usher/provisioning"
	"usher/sessions/admins"
	"usher/web"
)

// SignLink: POST /admin/api/v1/integrations/:id/links.
func (a *Admin) SignLink(c *gin.Context) error {
	var body struct {
		Claims json.RawMessage `json:"claims"`
		Go     string          `json:"go"`
		Preset string          `json:"preset"`
	}
	if err := read(c, &body); err != nil {
		return err
	}
	claims, err := provisioning.ReadClaimSet(body.Claims)
	if err != nil {
		return badRequest("claims: a JSON object of claims is expected.")
	}
	signed, err := a.Provisioning.SignLink(c.Request.Context(), handlers.TenantOf(c), c.Param("id"),
		provisioning.TestLink{Claims: claims, Spoil: provisioning.Spoil(body.Preset)}, by(c))
	if err != nil {
		return explain(err)
	}
	c.Header("Cache-Control", "no-store")
	c.JSON(http.StatusCreated, gin.H{
		"link": handlers.LinkURL(a.callbackURL(c), signed.Token, body.Go), "token": signed.Token, "key": signed.KeyID,
		"claims": json.RawMessage(signed.Claims),
	})
	return nil
}

// BuilderPage: GET /admin/builder, with ?integration= and ?user= to begin with.
func (a *Admin) BuilderPage(c *gin.Context) error {
	w := linkForm{integration: c.Query("integration"), groupsHow: sendAbsent, creditsHow: sendAbsent}
	if id := c.Query("user"); id != "" && actorOf(c).May(admins.ReadUsers) {
		profile, err := a.Provisioning.Profile(c.Request.Context(), handlers.TenantOf(c), id)
		if err != nil && !errors.Is(err, provisioning.ErrNotFound) {
			return explain(err)
		}
		w.email, w.firstName, w.lastName = profile.Email, profile.FirstName, profile.LastName
	}
	page, err := a.builderPage(c, w, nil)
	if err != nil {
		return err
	}
	return a.show(c, page)
}

// BuilderForm: POST /admin/builder.
func (a *Admin) BuilderForm(c *gin.Context) error {
	w := readLinkForm(c)
	claims, wrong := w.claims()
	if len(wrong) == 0 {
		signed, err := a.Provisioning.SignLink(c.Request.Context(), handlers.TenantOf(c), w.integration,
			provisioning.TestLink{Claims: claims, Spoil: provisioning.Spoil(w.preset)}, by(c))
		found, ok := faultsOf(err)
		switch {
		case err == nil:
			page, err := a.builderPage(c, w, nil)
			if err != nil {
				return err
			}
			page.Signed = &web.TestLink{
				URL: handlers.LinkURL(a.callbackURL(c), signed.Token, w.goTo), Claims: indented(signed.Claims), KeyID: signed.KeyID, Spoiled: w.preset != "",
			}
			return a.show(c, page)
		case errors.Is(err, provisioning.ErrNotFound):
			wrong["integration"] = "Choose an integration."
		case ok:
			wrong = found
		default:
			return explain(err)
		}
	}
	page, err := a.builderPage(c, w, wrong)
	if err != nil {
		return err
	}
	return a.showAs(c, http.StatusUnprocessableEntity, page)
}

// How a list is sent.
const (
	sendAbsent = "absent"
	sendEmpty  = "none"
	sendList   = "list"
)

// linkForm is the builder's form as it was filled in.
type linkForm struct {
	integration, email, subject, firstName, lastName string
	groupsHow, groups, creditsHow, credits           string
	meta, goTo, preset                               string
	onboard                                          bool
}

func readLinkForm(c *gin.Context) linkForm {
	return linkForm{
		integration: c.PostForm("integration"),
		email:       strings.TrimSpace(c.PostForm("email")), subject: c.PostForm("sub"),
		firstName: c.PostForm("first_name"), lastName: c.PostForm("last_name"),
		groupsHow: c.PostForm("groups_how"), groups: c.PostForm("groups"),
		creditsHow: c.PostForm("credits_how"), credits: c.PostForm("credits"),
		meta: c.PostForm("meta"), goTo: c.PostForm("go"), preset: c.PostForm("preset"),
		onboard: c.PostForm("onboard") != "",
	}
}

// claims turns the form into claims, or says which fields cannot be one.
func (w linkForm) claims() (claims map[string]any, wrong faults) {
	claims, wrong = map[string]any{"email": w.email}, faults{}
	if w.email == "" {
		wrong["email"] = "Give the person's e-mail address."
	}
	for name, value := range map[string]string{"sub": w.subject, "firstName": w.firstName, "lastName": w.lastName} {
		if value != "" {
			claims[name] = value
		}
	}
	for _, list := range []struct{ name, how, text string }{
		{"groups", w.groupsHow, w.groups}, {"credits", w.creditsHow, w.credits},
	} {
		if list.how != sendList && len(lines(list.text)) > 0 {
			wrong[list.name] = "These are not sent as long as “These” is not chosen above: choose it, or empty the field."
		}
	}
	switch w.groupsHow {
	case sendEmpty:
		claims["groups"] = []string{}
	case sendList:
		claims["groups"] = lines(w.groups)
	}
	switch w.creditsHow {
	case sendEmpty:
		claims["credits"] = []any{}
	case sendList:
		grants, fault := readGrants(w.credits)
		if claims["credits"] = grants; fault != "" {
			wrong["credits"] = fault
		}
	}
	if strings.TrimSpace(w.meta) != "" {
		meta, err := provisioning.ReadClaimSet([]byte(w.meta))
		if claims["meta"] = meta; err != nil {
			wrong["meta"] = "A JSON object is expected, such as {\"plan\": \"gold\"}."
		}
	}
	if w.onboard {
		claims["onboard"] = true
	}
	return claims, wrong
}

// lines are the lines that have something on them.
func lines(text string) []string {
	found := []string{}
	for line := range strings.Lines(text) {
		if line = strings.TrimSpace(line); line != "" {
			found = append(found, line)
		}
	}
	return found
}

// readGrants reads a grant per line: the order's id, a space and the credit's.
func readGrants(text string) (grants []provisioning.Grant, fault string) {
	grants = []provisioning.Grant{}
	for _, line := range lines(text) {
		at := strings.LastIndexAny(line, " \t")
		id, err := strconv.ParseInt(line[at+1:], 10, 64)
		if at < 0 || err != nil {
			return grants, fmt.Sprintf("“%s” is not an order and the number of a credit, such as “A-1001 7”.", line)
		}
		grants = append(grants, provisioning.Grant{OrderID: strings.TrimSpace(line[:at]), ID: id})
	}
	return grants, ""
}

// builderPage is the form, filled in, with what was wrong with it.
func (a *Admin) builderPage(c *gin.Context, w linkForm, wrong faults) (web.Builder, error) {
	all, err := a.Provisioning.Integrations(c.Request.Context(), handlers.TenantOf(c))
	if err != nil {
		return web.Builder{}, explain(err)
	}
	page := web.Builder{Frame: a.frame(c, builderPath, "Link builder")}
	integrations := web.Field{Name: "integration", Label: "Integration", Type: "select", Required: true}
	for _, n := range all {
		if !n.Signable(a.Now()) {
			page.Unsignable = append(page.Unsignable, n.Name)
			continue
		}
		integrations.Options = append(integrations.Options, web.Option{
			Value: n.ID, Label: n.Name, Chosen: w.integration == n.ID || w.integration == n.AppID,
		})
	}
	page.Empty = len(integrations.Options) == 0
	how := func(name, label, chosen string) web.Field {
		return web.Field{Name: name, Label: label, Type: "radio", Options: []web.Option{
			{Value: sendAbsent, Label: "Left out", Hint: "What the person has stays.", Chosen: chosen != sendEmpty && chosen != sendList},
			{Value: sendEmpty, Label: "An empty list", Hint: "Everything is taken away.", Chosen: chosen == sendEmpty},
			{Value: sendList, Label: "These", Chosen: chosen == sendList},
		}}
	}
	page.Who = []web.Field{
		integrations,
		{Name: "email", Label: "E-mail", Type: "email", Value: w.email, Required: true, Autocomplete: "off"},
		{Name: "sub", Label: "sub", Value: w.subject, Hint: "The person's id at the partner; left empty, none is sent.", Autocomplete: "off"},
		{Name: "first_name", Label: "First name", Value: w.firstName, Autocomplete: "off"},
		{Name: "last_name", Label: "Last name", Value: w.lastName, Autocomplete: "off"},
	}
	page.What = []web.Field{
		how("groups_how", "Groups", w.groupsHow),
		{Name: "groups", Label: "Ids of groups", Type: "textarea", Value: w.groups, Hint: "One per line."},
		how("credits_how", "Credits", w.creditsHow),
		{Name: "credits", Label: "Orders and credits", Type: "textarea", Value: w.credits, Hint: "One per line: the order, a space, the number of the credit."},
		{Name: "meta", Label: "meta", Type: "textarea", Value: w.meta, Hint: "A JSON object; left empty, none is sent."},
		{Name: "onboard", Label: "Show a new user the onboarding page", Type: "checkbox", Checked: w.onboard},
	}
	preset := web.Field{Name: "preset", Label: "Make it wrong", Type: "radio"}
	for _, o := range []web.Option{
		{Value: "", Label: "No, a good link"},
		{Value: string(provisioning.SpoilExpired), Label: "Expired", Hint: "iat ten minutes ago, exp five."},
		{Value: string(provisioning.SpoilSecret), Label: "Signed with another secret"},
		{Value: string(provisioning.SpoilDecodedSecret), Label: "Signed with the base64-decoded secret"},
		{Value: string(provisioning.SpoilMilliseconds), Label: "Times in milliseconds"},
	} {
		o.Chosen = o.Value == w.preset
		preset.Options = append(preset.Options, o)
	}
	page.How = []web.Field{
		{Name: "go", Label: "go", Value: w.goTo, Hint: "Where the person ends; left empty, on the landing page."},
		preset,
	}
	for _, fields := range [][]web.Field{page.Who, page.What, page.How} {
		wrong.mark(fields)
	}
	page.Fault = wrong["claims"]
	return page, nil
}

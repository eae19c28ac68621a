package handlers

import (
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/gin-gonic/gin"

	"usher/provisioning"
	"usher/sessions/tokens"
)

// ResourcesPath is where partners keep what can be embedded, and where the people
// of a partner see what they may open.
const ResourcesPath = "/api/resources"

// resourceRows is how many resources one answer lists.
const resourceRows = 200

// VisibleResource is as much of a resource as the people see who may open it, in
// its JSON form. Where its content comes from is not theirs to know: what stands
// there may believe the headers that we send it.
type VisibleResource struct {
	Kind       string    `json:"kind"`
	ID         string    `json:"id"`
	Title      string    `json:"title"`
	Restricted bool      `json:"restricted"`
	EmbedURL   string    `json:"embed_url"`
	CreatedAt  time.Time `json:"created_at"`
	UpdatedAt  time.Time `json:"updated_at"`
}

// ResourceAnswer is a resource in its JSON form for those who keep it.
type ResourceAnswer struct {
	VisibleResource
	Content *ResourceContent `json:"content"` // null = our built-in page
}

// ResourceContent says where a resource's content comes from.
type ResourceContent struct {
	URL string `json:"url"`
}

func visible(r provisioning.Resource, origin provisioning.Origin, app string) VisibleResource {
	return VisibleResource{
		Kind: r.Kind, ID: r.ID, Title: r.Title, Restricted: r.Restricted, EmbedURL: EmbedURL(r, origin, app),
		CreatedAt: r.CreatedAt.UTC(), UpdatedAt: r.UpdatedAt.UTC(),
	}
}

// AnswerResource puts a resource into its JSON form. app is the app id with which
// it is embedded.
func AnswerResource(r provisioning.Resource, origin provisioning.Origin, app string) ResourceAnswer {
	answer := ResourceAnswer{VisibleResource: visible(r, origin, app)}
	if r.ContentURL != "" {
		answer.Content = &ResourceContent{r.ContentURL}
	}
	return answer
}

// EmbedURL is the address to put into a frame, to which the partner adds "&user="
// and a token. Kind and id have no character that an address would escape.
func EmbedURL(r provisioning.Resource, origin provisioning.Origin, app string) string {
	return origin.String() + "/embed/" + r.Kind + "/" + r.ID + "?appId=" + app
}

// ResourceForm is a resource as a request describes it. What is left out takes
// the default.
type ResourceForm struct {
	Title      *string     `json:"title"`
	Restricted *bool       `json:"restricted"`
	Content    ContentForm `json:"content"`
}

// ContentForm is the member content of a request: {"url": "https://…"}, or null
// for our built-in page.
type ContentForm struct {
	URL *string // nil = left out
}

// UnmarshalJSON implements json.Unmarshaler; it is called for null as well.
func (f *ContentForm) UnmarshalJSON(text []byte) error {
	none := ""
	if f.URL = &none; string(text) == "null" {
		return nil
	}
	wrong := &provisioning.Invalid{Field: "content", Problem: `an object like {"url": "https://content.example/widget"}, or null`}
	var members map[string]json.RawMessage // by their exact names
	if err := json.Unmarshal(text, &members); err != nil || len(members) != 1 || members["url"] == nil || string(members["url"]) == "null" {
		return wrong
	}
	if err := json.Unmarshal(members["url"], f.URL); err != nil || *f.URL == "" {
		return wrong
	}
	return nil
}

// Settings are the choices of the form.
func (f ResourceForm) Settings() provisioning.ResourceSettings {
	return provisioning.ResourceSettings{Title: f.Title, Restricted: f.Restricted, Content: f.Content.URL}
}

// bearer is what an Authorization header with the scheme Bearer carries (RFC 6750
// §2.1); ok is false when there is no such header.
func bearer(h http.Header) (token string, ok bool) {
	lines := h.Values("Authorization")
	if len(lines) != 1 {
		return "", false
	}
	scheme, token, _ := strings.Cut(lines[0], " ")
	return strings.Trim(token, " "), strings.EqualFold(scheme, schemeBearer)
}

// publisher is the integration whose server sends the request.
func (a *App) publisher(c *gin.Context) (provisioning.Integration, error) {
	token, ok := bearer(c.Request.Header)
	if !ok {
		return provisioning.Integration{}, &Fault{Code: AccessTokenInvalid}
	}
	if strings.Count(token, ".") == 2 {
		return provisioning.Integration{}, &Fault{
			Code:   AccessTokenInvalid,
			Public: "This looks like a user's token, which goes behind the scheme JWT. The token for Bearer comes from /api/oauth/token.",
		}
	}
	ctx, tenant := c.Request.Context(), siteOf(c).tenant
	client, err := a.Tokens.Partner(ctx, tenant.ID, token)
	if errors.Is(err, tokens.ErrNone) {
		return provisioning.Integration{}, &Fault{Code: AccessTokenInvalid}
	} else if err != nil {
		return provisioning.Integration{}, err
	}
	Note(c, slog.String("integration", client.Integration), slog.String("key", client.Key))
	owner, err := a.Provisioning.Owner(ctx, tenant, client.Integration)
	if errors.Is(err, provisioning.ErrNotFound) {
		return provisioning.Integration{}, &Fault{Code: AccessTokenInvalid, Err: err}
	}
	return owner, err
}

// byIntegration says in the audit log that a partner's server has asked.
func byIntegration(c *gin.Context, n provisioning.Integration) (provisioning.By, error) {
	revisions, err := ReadIfMatch(c)
	return provisioning.By{
		Actor: "integration " + n.ID, Name: n.Name, Reference: RequestID(c.Request.Context()),
		IfMatch: revisions, MustExist: c.GetHeader("If-Match") != "",
	}, err
}

// onlyQuery refuses parameters that are not among the known ones, and repeated
// ones: a misspelt filter would select everything.
func onlyQuery(c *gin.Context, known ...string) error {
	for name, values := range c.Request.URL.Query() {
		switch {
		case !slices.Contains(known, name):
			return badRequest("There is no parameter %q here.", name)
		case len(values) > 1:
			return badRequest("%s: give it once.", name)
		}
	}
	return nil
}

// explainResource turns the service's errors into answers.
func explainResource(err error) error {
	var invalid *provisioning.Invalid
	switch {
	case err == nil:
		return nil
	case errors.Is(err, provisioning.ErrNotFound):
		return &Fault{Code: NotFound, Err: err}
	case errors.Is(err, provisioning.ErrTaken):
		return &Fault{Code: Conflict, Public: "There is a resource of this kind with this id already.", Err: err}
	case errors.Is(err, provisioning.ErrFull):
		return &Fault{Code: Conflict, Public: "This integration has as many resources as it may have. Delete some first.", Err: err}
	case errors.Is(err, provisioning.ErrChanged):
		return &Fault{Code: PreconditionFailed, Err: err}
	case errors.As(err, &invalid):
		return &Fault{Code: BadRequest, Public: strings.ReplaceAll(err.Error(), "\n", "; ")}
	}
	return err
}

// Resources: GET /api/resources?kind=&after=. A partner's server gets its own
// resources, a person those that the person may open. "next" is the next page's
// after; null on the last one.
func (a *App) Resources(c *gin.Context) error {
	if _, ok := bearer(c.Request.Header); !ok {
		return a.resourcesForPerson(c)
	}
	owner, err := a.publisher(c)
	if err == nil {
		err = onlyQuery(c, "kind", "after")
	}
	if err != nil {
		return err
	}
	resources, next, err := a.Provisioning.Published(c.Request.Context(), siteOf(c).tenant, owner.ID,
		c.Query("kind"), c.Query("after"), resourceRows)
	if err != nil {
		return explainResource(err)
	}
	answers := []ResourceAnswer{}
	for _, r := range resources {
		answers = append(answers, AnswerResource(r, siteOf(c).own[0], owner.AppID))
	}
	return listResources(c, answers, next)
}

func listResources[T any](c *gin.Context, answers []T, next string) error {
	answer := gin.H{"resources": answers, "next": nil}
	if next != "" {
		answer["next"] = next
	}
	c.JSON(http.StatusOK, answer)
	return nil
}

// visitor is the person who sends the request, with the app id of the integration
// that vouches for them.
func (a *App) visitor(c *gin.Context) (who provisioning.Visitor, app string, err error) {
	caller, err := a.caller(c)
	if err != nil {
		return who, "", err
	}
	n, err := a.Provisioning.Owner(c.Request.Context(), siteOf(c).tenant, caller.Integration)
	if errors.Is(err, provisioning.ErrNotFound) {
		return who, "", &Fault{Code: NoSession, Err: err}
	}
	return provisioning.Visitor{IntegrationID: caller.Integration, Authorized: caller.Authorized}, n.AppID, err
}

func (a *App) resourcesForPerson(c *gin.Context) error {
	who, app, err := a.visitor(c)
	if err == nil {
		err = onlyQuery(c, "kind", "after")
	}
	if err != nil {
		return err
	}
	resources, next, err := a.Provisioning.ResourcesFor(c.Request.Context(), siteOf(c).tenant, who,
		c.Query("kind"), c.Query("after"), resourceRows)
	if err != nil {
		return explainResource(err)
	}
	answers := []VisibleResource{}
	for _, r := range resources {
		answers = append(answers, visible(r, siteOf(c).own[0], app))
	}
	return listResources(c, answers, next)
}

// Resource: GET /api/resources/:kind/:id, for a partner's server or a person.
func (a *App) Resource(c *gin.Context) error {
	ctx, tenant, kind, id := c.Request.Context(), siteOf(c).tenant, c.Param("kind"), c.Param("id")
	if _, ok := bearer(c.Request.Header); ok {
		owner, err := a.publisher(c)
		if err == nil {
			err = onlyQuery(c)
		}
		if err != nil {
			return err
		}
		r, err := a.Provisioning.PublishedResource(ctx, tenant, owner.ID, kind, id)
		if err != nil {
			return explainResource(err)
		}
		return a.showResource(c, http.StatusOK, r, owner.AppID)
	}
	who, app, err := a.visitor(c)
	if err == nil {
		err = onlyQuery(c)
	}
	if err != nil {
		return err
	}
	r, err := a.Provisioning.ResourceFor(ctx, tenant, kind, id, who)
	if err != nil {
		return explainResource(err)
	}
	c.JSON(http.StatusOK, visible(r, siteOf(c).own[0], app))
	return nil
}

func (a *App) showResource(c *gin.Context, status int, r provisioning.Resource, app string) error {
	SetETag(c, r.Revision)
	c.JSON(status, AnswerResource(r, siteOf(c).own[0], app))
	return nil
}

// resourceBody is what POST and PUT send. A PUT may leave kind and id out: they
// stand in its address.
type resourceBody struct {
	Kind string `json:"kind"`
	ID   string `json:"id"`
	ResourceForm
}

// readResource reads the body of a request, and who sends it.
func (a *App) readResource(c *gin.Context) (owner provisioning.Integration, body resourceBody, by provisioning.By, err error) {
	if owner, err = a.publisher(c); err != nil {
		return owner, body, by, err
	}
	if err = onlyQuery(c); err != nil {
		return owner, body, by, err
	}
	if by, err = byIntegration(c, owner); err != nil {
		return owner, body, by, err
	}
	return owner, body, by, ReadJSON(c, &body)
}

// AddResource: POST /api/resources.
func (a *App) AddResource(c *gin.Context) error {
	owner, body, by, err := a.readResource(c)
	if err != nil {
		return err
	}
	r, err := a.Provisioning.Publish(c.Request.Context(), siteOf(c).tenant, owner.ID, provisioning.NewResource{
		Kind: body.Kind, ID: body.ID, ResourceSettings: body.Settings(),
	}, by)
	if err != nil {
		return explainResource(err)
	}
	return a.resourceCreated(c, r, owner.AppID)
}

func (a *App) resourceCreated(c *gin.Context, r provisioning.Resource, app string) error {
	c.Header("Location", ResourcesPath+"/"+r.Kind+"/"+r.ID)
	return a.showResource(c, http.StatusCreated, r, app)
}

// PutResource: PUT /api/resources/:kind/:id makes or replaces a resource.
func (a *App) PutResource(c *gin.Context) error {
	owner, body, by, err := a.readResource(c)
	if err != nil {
		return err
	}
	if c.Request.Header["If-None-Match"] != nil {
		return badRequest("If-None-Match: send POST with the id, which makes only what is not there yet.")
	}
	kind, id := c.Param("kind"), c.Param("id")
	if (body.Kind != "" && body.Kind != kind) || (body.ID != "" && body.ID != id) {
		return badRequest("kind and id: those of the address, or leave them out.")
	}
	r, created, err := a.Provisioning.PutPublished(c.Request.Context(), siteOf(c).tenant, owner.ID, provisioning.NewResource{
		Kind: kind, ID: id, ResourceSettings: body.Settings(),
	}, by)
	switch {
	case err != nil:
		return explainResource(err)
	case created:
		return a.resourceCreated(c, r, owner.AppID)
	}
	return a.showResource(c, http.StatusOK, r, owner.AppID)
}

// DeleteResource: DELETE /api/resources/:kind/:id.
func (a *App) DeleteResource(c *gin.Context) error {
	owner, err := a.publisher(c)
	if err != nil {
		return err
	}
	by, err := byIntegration(c, owner)
	if err == nil {
		err = onlyQuery(c)
	}
	if err != nil {
		return err
	}
	err = a.Provisioning.Withdraw(c.Request.Context(), siteOf(c).tenant, owner.ID, c.Param("kind"), c.Param("id"), by)
	if err != nil {
		return explainResource(err)
	}
	c.Status(http.StatusNoContent)
	c.Writer.WriteHeaderNow()
	return nil
}

package handlers

import (
	"net/http"
	"strconv"
	"strings"

	"github.com/gin-gonic/gin"

	"usher/provisioning"
)

func etagOf(revision int64) string { return `"` + strconv.FormatInt(revision, 10) + `"` }

// SCIMUsers: GET /scim/v2/Users?filter=&startIndex=&count=&attributes=&excludedAttributes=.
func (a *App) SCIMUsers(c *gin.Context, d provisioning.Directory) error {
	return listSCIM(c, d, "groups", userFilter, a.Provisioning.SCIMUsers, scimUserForm)
}

// userFilter reads the filter of a list of users. anybody is false when it asks
// for what nobody has.
func userFilter(c *gin.Context) (f provisioning.SCIMUserFilter, anybody bool, err error) {
	terms, err := readFilter(c)
	if err != nil {
		return f, false, err
	}
	wish := scimWish{anybody: true}
	for _, t := range terms {
		switch {
		case t.inner != nil && t.name == "emails":
			for _, inner := range t.inner {
				switch {
				case inner.name == "value" && inner.inner == nil:
					wish.text(&f.Email, inner.value)
				case !(scimFilter{inner}).memberIs(scimWork, ""):
					wish.anybody = false
				}
			}
		case t.inner != nil:
			return f, false, noFilter(t)
		case t.name == "username" && t.sub == "":
			wish.text(&f.UserName, t.value)
		case t.name == "externalid" && t.sub == "":
			wish.text(&f.ExternalID, t.value)
		case t.name == "id" && t.sub == "":
			wish.text(&f.ID, t.value)
		case t.name == "emails" && (t.sub == "" || t.sub == "value"):
			wish.text(&f.Email, t.value)
		case t.name == "active" && t.sub == "":
			truth, ok := scimTruth(t.value)
			if f.Active != nil && *f.Active != truth || !ok {
				wish.anybody = false
			}
			f.Active = &truth
		default:
			return f, false, noFilter(t)
		}
	}
	return f, wish.anybody, nil
}

func noFilter(t scimTerm) error {
	return scimBad(scimInvalidFilter, "filter: there is no index for %q. Users: userName, externalId, id, emails.value, active; groups: displayName, externalId, id, members.value.",
		clipped(strings.Trim(t.name+"."+t.sub, ".")))
}

// scimWish gathers what a filter asks for.
type scimWish struct{ anybody bool }

// text asks for a string. Nobody has an empty one, or two different ones.
func (w *scimWish) text(into *string, value any) {
	text, ok := value.(string)
	if !ok || text == "" || *into != "" && *into != text {
		w.anybody = false
		return
	}
	*into = text
}

// readFilter reads the parameter filter; nil = there is none.
func readFilter(c *gin.Context) (scimFilter, error) {
	values, there := c.Request.URL.Query()["filter"]
	if !there {
		return nil, nil
	}
	if len(values) > 1 {
		return nil, scimBad(scimInvalidFilter, "filter: give it once.")
	}
	return parseSCIMFilter(values[0])
}

// SCIMUser: GET /scim/v2/Users/:id.
func (a *App) SCIMUser(c *gin.Context, d provisioning.Directory) error {
	u, err := a.Provisioning.SCIMUser(c.Request.Context(), siteOf(c).tenant, d, c.Param("id"))
	if err != nil {
		return err
	}
	etag := etagOf(u.Version)
	if match := c.GetHeader("If-None-Match"); match == etag || match == "W/"+etag || match == "*" {
		c.Header("ETag", etag)
		c.Status(http.StatusNotModified) // RFC 7644 §3.14
		c.Writer.WriteHeaderNow()
		return nil
	}
	return a.oneSCIMUser(c, http.StatusOK, u)
}

func (a *App) oneSCIMUser(c *gin.Context, status int, u provisioning.SCIMUser) error {
	shown, err := readShown(c)
	if err != nil {
		return err
	}
	form := scimUserForm(c, u)
	c.Header("ETag", etagOf(u.Version))
	if status == http.StatusCreated {
		c.Header("Location", scimLocation(c, "Users", u.ID))
	}
	return scimAnswer(c, status, shown.of(form))
}

// AddSCIMUser: POST /scim/v2/Users.
func (a *App) AddSCIMUser(c *gin.Context, d provisioning.Directory) error {
	body, by, err := a.scimResource(c, d, scimUserSchema)
	if err != nil {
		return err
	}
	u, err := a.Provisioning.CreateSCIMUser(c.Request.Context(), siteOf(c).tenant, d,
		func(p *provisioning.SCIMPerson) error { return sayNewUser(p, body) }, by)
	if err != nil {
		return err
	}
	return a.oneSCIMUser(c, http.StatusCreated, u)
}

// sayNewUser is sayUser for somebody new: whose name is an e-mail address, and who
// has no other, has that.
func sayNewUser(p *provisioning.SCIMPerson, body map[string]any) error {
	if err := sayUser(p, body); err != nil {
		return err
	}
	if _, err := provisioning.EmailKey(p.UserName); err == nil && p.Email == "" {
		p.Email = p.UserName
	}
	return nil
}

// PutSCIMUser: PUT /scim/v2/Users/:id.
func (a *App) PutSCIMUser(c *gin.Context, d provisioning.Directory) error {
	body, by, err := a.scimResource(c, d, scimUserSchema)
	if err != nil {
		return err
	}
	return a.changeSCIMUser(c, d, func(p *provisioning.SCIMPerson) error { return sayUser(p, body) }, by)
}

// PatchSCIMUser: PATCH /scim/v2/Users/:id.
func (a *App) PatchSCIMUser(c *gin.Context, d provisioning.Directory) error {
	operations, by, err := a.scimOperations(c, d)
	if err != nil {
		return err
	}
	return a.changeSCIMUser(c, d, func(p *provisioning.SCIMPerson) error { return patchUser(p, operations) }, by)
}

func (a *App) changeSCIMUser(c *gin.Context, d provisioning.Directory, say provisioning.SayOf, by provisioning.By) error {
	u, err := a.Provisioning.ChangeSCIMUser(c.Request.Context(), siteOf(c).tenant, d, c.Param("id"), say, by)
	if err != nil {
		return err
	}
	return a.oneSCIMUser(c, http.StatusOK, u)
}

// DeleteSCIMUser: DELETE /scim/v2/Users/:id.
func (a *App) DeleteSCIMUser(c *gin.Context, d provisioning.Directory) error {
	by, err := byDirectory(c, d)
	if err != nil {
		return err
	}
	if err := a.Provisioning.DeleteSCIMUser(c.Request.Context(), siteOf(c).tenant, d, c.Param("id"), by); err != nil {
		return err
	}
	c.Status(http.StatusNoContent)
	c.Writer.WriteHeaderNow()
	return nil
}

// scimResource reads the resource that a request has, and who asks.
func (a *App) scimResource(c *gin.Context, d provisioning.Directory, schema string) (map[string]any, provisioning.By, error) {
	by, err := byDirectory(c, d)
	if err != nil {
		return nil, by, err
	}
	body, err := readSCIM(c)
	if err == nil {
		err = speaks(body, schema)
	}
	return body, by, err
}

// scimOperations reads the PATCH that a request has, and who asks.
func (a *App) scimOperations(c *gin.Context, d provisioning.Directory) ([]scimOperation, provisioning.By, error) {
	by, err := byDirectory(c, d)
	if err != nil {
		return nil, by, err
	}
	body, err := readSCIM(c)
	if err != nil {
		return nil, by, err
	}
	operations, err := readPatch(body)
	return operations, by, err
}

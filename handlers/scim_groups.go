package handlers

import (
	"net/http"

	"github.com/gin-gonic/gin"

	"usher/provisioning"
)

// scimGroupForm is a group in the JSON form of RFC 7643 §4.2. It has no version:
// links change members too.
func scimGroupForm(c *gin.Context, g provisioning.SCIMGroup) map[string]any {
	members := []map[string]any{}
	for _, m := range g.Members {
		members = append(members, map[string]any{
			"value": m.UserID, "display": m.UserName, "type": "User", "$ref": scimLocation(c, "Users", m.UserID),
		})
	}
	form := map[string]any{
		"schemas": []string{scimGroupSchema}, "id": g.ID, "displayName": g.DisplayName, "members": members,
		"meta": map[string]any{
			"resourceType": "Group", "created": g.CreatedAt, "lastModified": g.ChangedAt, "location": scimLocation(c, "Groups", g.ID),
		},
	}
	if g.ExternalID != "" {
		form["externalId"] = g.ExternalID
	}
	return form
}

// SCIMGroups: GET /scim/v2/Groups?filter=&startIndex=&count=&attributes=&excludedAttributes=.
func (a *App) SCIMGroups(c *gin.Context, d provisioning.Directory) error {
	return listSCIM(c, d, "members", groupFilter, a.Provisioning.SCIMGroups, scimGroupForm)
}

// groupFilter reads the filter of a list of groups. some is false when it asks for
// what none has.
func groupFilter(c *gin.Context) (f provisioning.SCIMGroupFilter, some bool, err error) {
	terms, err := readFilter(c)
	if err != nil {
		return f, false, err
	}
	wish := scimWish{anybody: true}
	for _, t := range terms {
		switch {
		case t.inner != nil && t.name == "members":
			id, ok := t.inner.memberID()
			if !ok {
				return f, false, noFilter(t)
			}
			wish.text(&f.Member, id)
		case t.inner != nil:
			return f, false, noFilter(t)
		case t.name == "displayname" && t.sub == "":
			wish.text(&f.DisplayName, t.value)
		case t.name == "externalid" && t.sub == "":
			wish.text(&f.ExternalID, t.value)
		case t.name == "id" && t.sub == "":
			wish.text(&f.ID, t.value)
		case t.name == "members" && (t.sub == "" || t.sub == "value"):
			wish.text(&f.Member, t.value)
		default:
			return f, false, noFilter(t)
		}
	}
	return f, wish.anybody, nil
}

// SCIMGroup: GET /scim/v2/Groups/:id.
func (a *App) SCIMGroup(c *gin.Context, d provisioning.Directory) error {
	return a.oneSCIMGroup(c, d, http.StatusOK, c.Param("id"))
}

func (a *App) oneSCIMGroup(c *gin.Context, d provisioning.Directory, status int, id string) error {
	shown, err := readShown(c)
	if err != nil {
		return err
	}
	g, err := a.Provisioning.SCIMGroup(c.Request.Context(), siteOf(c).tenant, d, id, shown.has("members"))
	if err != nil {
		return err
	}
	if status == http.StatusCreated {
		c.Header("Location", scimLocation(c, "Groups", g.ID))
	}
	return scimAnswer(c, status, shown.of(scimGroupForm(c, g)))
}

// sayGroup applies a whole resource, of POST and PUT.
func sayGroup(g *provisioning.SCIMGroupSaid, body map[string]any) error {
	for _, name := range []string{"displayname", "externalid", "members"} {
		value, there := body[name]
		if !there {
			continue
		}
		if err := setGroup(g, "replace", scimPath{scimAttribute: scimAttribute{name: name}}, value); err != nil {
			return err
		}
	}
	return nil
}

// AddSCIMGroup: POST /scim/v2/Groups.
func (a *App) AddSCIMGroup(c *gin.Context, d provisioning.Directory) error {
	body, by, err := a.scimResource(c, d, scimGroupSchema)
	if err != nil {
		return err
	}
	id, err := a.Provisioning.CreateSCIMGroup(c.Request.Context(), siteOf(c).tenant, d,
		func(g *provisioning.SCIMGroupSaid) error { return sayGroup(g, body) }, by)
	if err != nil {
		return err
	}
	return a.oneSCIMGroup(c, d, http.StatusCreated, id)
}

// PutSCIMGroup: PUT /scim/v2/Groups/:id.
func (a *App) PutSCIMGroup(c *gin.Context, d provisioning.Directory) error {
	body, by, err := a.scimResource(c, d, scimGroupSchema)
	if err != nil {
		return err
	}
	if err := a.changeSCIMGroup(c, d, func(g *provisioning.SCIMGroupSaid) error { return sayGroup(g, body) }, by); err != nil {
		return err
	}
	return a.oneSCIMGroup(c, d, http.StatusOK, c.Param("id"))
}

// PatchSCIMGroup: PATCH /scim/v2/Groups/:id. The answer has no body (RFC 7644
// §3.5.2): a group may be large, and directories change it member by member.
func (a *App) PatchSCIMGroup(c *gin.Context, d provisioning.Directory) error {
	operations, by, err := a.scimOperations(c, d)
	if err != nil {
		return err
	}
	if err := a.changeSCIMGroup(c, d, func(g *provisioning.SCIMGroupSaid) error { return patchGroup(g, operations) }, by); err != nil {
		return err
	}
	if c.Query("attributes") != "" {
		return a.oneSCIMGroup(c, d, http.StatusOK, c.Param("id"))
	}
	return scimDone(c)
}

func (a *App) changeSCIMGroup(c *gin.Context, d provisioning.Directory, say provisioning.SayOfGroup, by provisioning.By) error {
	if by.IfMatch != nil {
		return provisioning.ErrChanged // a group has no version that could match
	}
	return a.Provisioning.ChangeSCIMGroup(c.Request.Context(), siteOf(c).tenant, d, c.Param("id"), say, by)
}

// DeleteSCIMGroup: DELETE /scim/v2/Groups/:id.
func (a *App) DeleteSCIMGroup(c *gin.Context, d provisioning.Directory) error {
	by, err := byDirectory(c, d)
	if err != nil {
		return err
	}
	if by.IfMatch != nil {
		return provisioning.ErrChanged
	}
	if err := a.Provisioning.DeleteSCIMGroup(c.Request.Context(), siteOf(c).tenant, d, c.Param("id"), by); err != nil {
		return err
	}
	return scimDone(c)
}

func scimDone(c *gin.Context) error {
	c.Status(http.StatusNoContent)
	c.Writer.WriteHeaderNow()
	return nil
}

package admin

import (
	"errors"
	"net/http"
	"time"

	"github.com/gin-gonic/gin"

	"usher/handlers"
	"usher/provisioning"
)

type groupAnswer struct {
	ID          string    `json:"id"`
	ExternalID  string    `json:"external_id"`
	Name        string    `json:"name"`
	Description string    `json:"description"`
	CreatedAt   time.Time `json:"created_at"`
}

func answerGroup(g provisioning.Group) groupAnswer {
	return groupAnswer{
		ID: g.ID, ExternalID: g.ExternalID, Name: g.Name, Description: g.Description, CreatedAt: g.CreatedAt.UTC(),
	}
}

// AddGroup: POST /admin/api/v1/groups.
func (a *Admin) AddGroup(c *gin.Context) error {
	var body struct {
		ExternalID string `json:"external_id"`
		Name       string `json:"name"`
	}
	if err := read(c, &body); err != nil {
		return err
	}
	g, err := a.Provisioning.AddGroup(c.Request.Context(), handlers.TenantOf(c), body.ExternalID, body.Name, by(c))
	if err != nil {
		return explain(err)
	}
	setETag(c, g.Revision)
	c.JSON(http.StatusCreated, answerGroup(g))
	return nil
}

// Groups: GET /admin/api/v1/groups?prefix=&after=. "next" is the next page's
// after; null on the last one.
func (a *Admin) Groups(c *gin.Context) error {
	groups, next, err := a.Provisioning.Groups(c.Request.Context(), handlers.TenantOf(c), c.Query("prefix"), c.Query("after"), apiRows)
	if err != nil {
		return explain(err)
	}
	answers := []groupAnswer{}
	for _, g := range groups {
		answers = append(answers, answerGroup(g))
	}
	return list(c, "groups", answers, next)
}

// Group: GET /admin/api/v1/groups/:id.
func (a *Admin) Group(c *gin.Context) error {
	g, err := a.Provisioning.Group(c.Request.Context(), handlers.TenantOf(c), c.Param("id"))
	if err != nil {
		return explain(err)
	}
	setETag(c, g.Revision)
	c.JSON(http.StatusOK, answerGroup(g))
	return nil
}

// ChangeGroup: PATCH /admin/api/v1/groups/:id.
func (a *Admin) ChangeGroup(c *gin.Context) error {
	var body struct {
		Name        given[string] `json:"name"`
		Description given[string] `json:"description"`
	}
	if err := read(c, &body); err != nil {
		return err
	}
	g, err := a.Provisioning.ChangeGroup(c.Request.Context(), handlers.TenantOf(c), c.Param("id"),
		provisioning.GroupSettings{Name: body.Name.pointer(), Description: body.Description.pointer()}, by(c))
	if err != nil {
		return explain(err)
	}
	setETag(c, g.Revision)
	c.JSON(http.StatusOK, answerGroup(g))
	return nil
}

// DeleteGroup: DELETE /admin/api/v1/groups/:id.
func (a *Admin) DeleteGroup(c *gin.Context) error {
	if err := a.Provisioning.DeleteGroup(c.Request.Context(), handlers.TenantOf(c), c.Param("id"), by(c)); err != nil {
		return explain(err)
	}
	return noContent(c)
}

type memberAnswer struct {
	User    string         `json:"user"`
	Email   string         `json:"email"`
	Sources []sourceAnswer `json:"sources"`
}

type sourceAnswer struct {
	Integration *string   `json:"integration"` // null = by hand
	Pinned      bool      `json:"pinned"`
	Since       time.Time `json:"since"`
}

// GroupMembers: GET /admin/api/v1/groups/:id/members?after=.
func (a *Admin) GroupMembers(c *gin.Context) error {
	members, next, err := a.Provisioning.GroupMembers(c.Request.Context(), handlers.TenantOf(c), c.Param("id"), c.Query("after"), apiRows)
	if err != nil {
		return explain(err)
	}
	answers := []memberAnswer{}
	for _, m := range members {
		answer := memberAnswer{User: m.UserID, Email: m.Email}
		for _, s := range m.Sources {
			source := sourceAnswer{Pinned: s.Pinned, Since: s.Since.UTC()}
			if s.Source != provisioning.ManualSource {
				source.Integration = &s.Source
			}
			answer.Sources = append(answer.Sources, source)
		}
		answers = append(answers, answer)
	}
	return list(c, "members", answers, next)
}

// SetMember: PUT /admin/api/v1/groups/:id/members/:user with {"pinned": true|false}.
func (a *Admin) SetMember(c *gin.Context) error {
	var body struct {
		Pinned *bool `json:"pinned"`
	}
	if err := read(c, &body); err != nil {
		return err
	}
	if body.Pinned == nil {
		return badRequest("pinned: true or false.")
	}
	err := a.Provisioning.SetMember(c.Request.Context(), handlers.TenantOf(c), c.Param("id"), c.Param("user"), *body.Pinned, by(c))
	if err != nil {
		return explain(err)
	}
	return noContent(c)
}

// DropMember: DELETE /admin/api/v1/groups/:id/members/:user.
func (a *Admin) DropMember(c *gin.Context) error {
	err := a.Provisioning.DropMember(c.Request.Context(), handlers.TenantOf(c), c.Param("id"), c.Param("user"), by(c))
	if err != nil {
		return explain(err)
	}
	return noContent(c)
}

// memberByForm finds the person whom a form names by e-mail or id.
func (a *Admin) memberByForm(c *gin.Context, who string) (string, error) {
	profile, err := a.Provisioning.Profile(c.Request.Context(), handlers.TenantOf(c), who)
	if errors.Is(err, provisioning.ErrNotFound) {
		profile, err = a.Provisioning.ProfileByEmail(c.Request.Context(), handlers.TenantOf(c), who)
	}
	var invalid *provisioning.Invalid
	if errors.Is(err, provisioning.ErrNotFound) || errors.As(err, &invalid) {
		return "", &provisioning.Invalid{Field: "user", Problem: "nobody here has this e-mail address or id"}
	}
	return profile.ID, err
}

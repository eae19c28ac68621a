package admin

import (
	"net/http"
	"strconv"
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
	c.JSON(http.StatusCreated, answerGroup(g))
	return nil
}

// Groups: GET /admin/api/v1/groups?after=. "next" is the next page's after;
// null on the last one.
func (a *Admin) Groups(c *gin.Context) error {
	groups, next, err := a.Provisioning.Groups(c.Request.Context(), handlers.TenantOf(c), c.Query("after"))
	if err != nil {
		return explain(err)
	}
	answers := []groupAnswer{}
	for _, g := range groups {
		answers = append(answers, answerGroup(g))
	}
	page := gin.H{"groups": answers, "next": nil}
	if next != "" {
		page["next"] = next
	}
	c.JSON(http.StatusOK, page)
	return nil
}

type creditAnswer struct {
	ID        int64     `json:"id"`
	Name      string    `json:"name"`
	CreatedAt time.Time `json:"created_at"`
}

func answerCredit(credit provisioning.Credit) creditAnswer {
	return creditAnswer{ID: credit.ID, Name: credit.Name, CreatedAt: credit.CreatedAt.UTC()}
}

// AddCredit: POST /admin/api/v1/credits.
func (a *Admin) AddCredit(c *gin.Context) error {
	var body struct {
		ID   int64  `json:"id"`
		Name string `json:"name"`
	}
	if err := read(c, &body); err != nil {
		return err
	}
	credit, err := a.Provisioning.AddCredit(c.Request.Context(), handlers.TenantOf(c), body.ID, body.Name, by(c))
	if err != nil {
		return explain(err)
	}
	c.JSON(http.StatusCreated, answerCredit(credit))
	return nil
}

// Credits: GET /admin/api/v1/credits?after=.
func (a *Admin) Credits(c *gin.Context) error {
	after := int64(0)
	if text := c.Query("after"); text != "" {
		var err error
		if after, err = strconv.ParseInt(text, 10, 64); err != nil {
			return badRequest("after is the id of a credit.")
		}
	}
	credits, next, err := a.Provisioning.Credits(c.Request.Context(), handlers.TenantOf(c), after)
	if err != nil {
		return explain(err)
	}
	answers := []creditAnswer{}
	for _, credit := range credits {
		answers = append(answers, answerCredit(credit))
	}
	page := gin.H{"credits": answers, "next": nil}
	if next != 0 {
		page["next"] = next
	}
	c.JSON(http.StatusOK, page)
	return nil
}

// AddTenant: POST /admin/api/v1/tenants. Requests for the new tenant carry one
// of its hosts.
func (a *Admin) AddTenant(c *gin.Context) error {
	var body struct {
		Name  string   `json:"name"`
		Hosts []string `json:"hosts"`
	}
	if err := read(c, &body); err != nil {
		return err
	}
	tenant, err := a.Provisioning.AddTenant(c.Request.Context(), body.Name, body.Hosts, by(c))
	if err != nil {
		return explain(err)
	}
	c.JSON(http.StatusCreated, gin.H{
		"id": tenant.ID, "name": tenant.Name, "hosts": tenant.Hosts, "created_at": tenant.CreatedAt,
	})
	return nil
}

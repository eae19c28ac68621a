package admin

import (
	"errors"
	"net/http"
	"strconv"
	"time"

	"github.com/gin-gonic/gin"

	"usher/handlers"
	"usher/provisioning"
	"usher/sessions/admins"
	"usher/web"
)

type creditAnswer struct {
	ID        int64     `json:"id"`
	Name      string    `json:"name"`
	CreatedAt time.Time `json:"created_at"`
}

func answerCredit(credit provisioning.Credit) creditAnswer {
	return creditAnswer{ID: credit.ID, Name: credit.Name, CreatedAt: credit.CreatedAt.UTC()}
}

// creditID reads the number of a credit from a path.
func creditID(c *gin.Context) (int64, error) {
	id, err := strconv.ParseInt(c.Param("id"), 10, 64)
	if err != nil || strconv.FormatInt(id, 10) != c.Param("id") {
		return 0, &handlers.Fault{Code: handlers.NotFound}
	}
	return id, nil
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
	setETag(c, credit.Revision)
	c.JSON(http.StatusCreated, answerCredit(credit))
	return nil
}

// afterCredit is the id after which a page of credits starts.
func afterCredit(c *gin.Context) (int64, error) {
	text := c.Query("after")
	if text == "" {
		return 0, nil
	}
	after, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		return 0, badRequest("after is the id of a credit.")
	}
	return after, nil
}

// Credits: GET /admin/api/v1/credits?after=.
func (a *Admin) Credits(c *gin.Context) error {
	after, err := afterCredit(c)
	if err != nil {
		return err
	}
	credits, next, err := a.Provisioning.Credits(c.Request.Context(), handlers.TenantOf(c), after, apiRows)
	if err != nil {
		return explain(err)
	}
	answers := []creditAnswer{}
	for _, credit := range credits {
		answers = append(answers, answerCredit(credit))
	}
	return list(c, "credits", answers, next)
}

// Credit: GET /admin/api/v1/credits/:id, with its use.
func (a *Admin) Credit(c *gin.Context) error {
	credit, use, err := a.creditWithUse(c)
	if err != nil {
		return err
	}
	setETag(c, credit.Revision)
	c.JSON(http.StatusOK, struct {
		creditAnswer
		Granted  int64 `json:"granted"`
		Consumed int64 `json:"consumed"`
		Revoked  int64 `json:"revoked"`
	}{answerCredit(credit), use.Granted, use.Consumed, use.Revoked})
	return nil
}

// creditWithUse returns the credit that the path names.
func (a *Admin) creditWithUse(c *gin.Context) (provisioning.Credit, provisioning.CreditUse, error) {
	ctx, tenant := c.Request.Context(), handlers.TenantOf(c)
	id, err := creditID(c)
	if err != nil {
		return provisioning.Credit{}, provisioning.CreditUse{}, err
	}
	credit, err := a.Provisioning.Credit(ctx, tenant, id)
	if err != nil {
		return provisioning.Credit{}, provisioning.CreditUse{}, explain(err)
	}
	uses, err := a.Provisioning.CreditUses(ctx, tenant, []provisioning.Credit{credit})
	return credit, uses[id], explain(err)
}

// ChangeCredit: PATCH /admin/api/v1/credits/:id.
func (a *Admin) ChangeCredit(c *gin.Context) error {
	var body struct {
		Name string `json:"name"`
	}
	if err := read(c, &body); err != nil {
		return err
	}
	id, err := creditID(c)
	if err != nil {
		return err
	}
	credit, err := a.Provisioning.RenameCredit(c.Request.Context(), handlers.TenantOf(c), id, body.Name, by(c))
	if err != nil {
		return explain(err)
	}
	setETag(c, credit.Revision)
	c.JSON(http.StatusOK, answerCredit(credit))
	return nil
}

// CreditsPage: GET /admin/credits?after=.
func (a *Admin) CreditsPage(c *gin.Context) error {
	return a.showCredits(c, http.StatusOK, "", "", nil)
}

func (a *Admin) showCredits(c *gin.Context, status int, id, name string, wrong faults) error {
	ctx, tenant := c.Request.Context(), handlers.TenantOf(c)
	after, err := afterCredit(c)
	if err != nil {
		return err
	}
	credits, next, err := a.Provisioning.Credits(ctx, tenant, after, pageRows)
	if err != nil {
		return explain(err)
	}
	uses, err := a.Provisioning.CreditUses(ctx, tenant, credits)
	if err != nil {
		return explain(err)
	}
	parked, err := a.Provisioning.ParkedCredits(ctx, tenant)
	if err != nil {
		return explain(err)
	}
	page := web.Credits{
		Frame: a.frame(c, creditsPath, "Credits"), Write: actorOf(c).May(admins.WriteCatalog), Pager: pager(c, creditsPath, cursor(next)),
		Fields: []web.Field{
			wrong.field(web.Field{Name: "id", Label: "Number", Value: id, Required: true, Hint: "A whole number from 1: what partners write into credits. It stays."}),
			wrong.field(web.Field{Name: "name", Label: "Name", Value: name, Required: true}),
		},
	}
	for _, credit := range credits {
		page.Credits = append(page.Credits, creditRow(credit, uses[credit.ID]))
	}
	for _, p := range parked {
		page.Parked = append(page.Parked, web.ParkedCredit{ID: p.ID, Grants: p.Grants})
	}
	return a.showAs(c, status, page)
}

func creditRow(credit provisioning.Credit, use provisioning.CreditUse) web.CreditRow {
	return web.CreditRow{
		ID: credit.ID, Name: credit.Name, Granted: use.Granted, Consumed: use.Consumed, Revoked: use.Revoked,
		CreatedAt: credit.CreatedAt,
	}
}

// AddCreditForm: POST /admin/credits.
func (a *Admin) AddCreditForm(c *gin.Context) error {
	text, name := c.PostForm("id"), c.PostForm("name")
	id, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		id = 0 // which the service refuses, with the rest that is wrong
	}
	_, err = a.Provisioning.AddCredit(c.Request.Context(), handlers.TenantOf(c), id, name, by(c))
	if errors.Is(err, provisioning.ErrTaken) {
		return a.showCredits(c, http.StatusUnprocessableEntity, text, name, faults{"id": "There is a credit with this number already."})
	}
	if wrong, ok := faultsOf(err); ok {
		return a.showCredits(c, http.StatusUnprocessableEntity, text, name, wrong)
	}
	if err != nil {
		return explain(err)
	}
	seeOther(c, creditsPath+"?done=credit_added")
	return nil
}

// CreditPage: GET /admin/credits/:id.
func (a *Admin) CreditPage(c *gin.Context) error { return a.showCredit(c, http.StatusOK, nil, "", nil) }

func (a *Admin) showCredit(c *gin.Context, status int, name *string, fault string, wrong faults) error {
	credit, use, err := a.creditWithUse(c)
	if err != nil {
		return err
	}
	if name == nil {
		name = &credit.Name
	}
	return a.showAs(c, status, web.CreditPage{
		Frame: a.frame(c, creditsPath, credit.Name), Write: actorOf(c).May(admins.WriteCatalog),
		Revision: credit.Revision, Credit: creditRow(credit, use), Fault: fault,
		Fields: []web.Field{wrong.field(web.Field{Name: "name", Label: "Name", Value: *name, Required: true})},
	})
}

// ChangeCreditForm: POST /admin/credits/:id.
func (a *Admin) ChangeCreditForm(c *gin.Context) error {
	id, err := creditID(c)
	if err != nil {
		return err
	}
	name, who := c.PostForm("name"), by(c)
	who.IfMatch = revisionOf(c)
	_, err = a.Provisioning.RenameCredit(c.Request.Context(), handlers.TenantOf(c), id, name, who)
	if errors.Is(err, provisioning.ErrChanged) {
		return a.showCredit(c, http.StatusConflict, nil, changedFault, nil)
	}
	if wrong, ok := faultsOf(err); ok {
		return a.showCredit(c, http.StatusUnprocessableEntity, &name, "", wrong)
	}
	if err != nil {
		return explain(err)
	}
	seeOther(c, creditsPath+"/"+c.Param("id")+"?done=saved")
	return nil
}

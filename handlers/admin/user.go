package admin

import (
	"encoding/json"
	"errors"
	"net/http"
	"time"

	"github.com/gin-gonic/gin"

	"usher/handlers"
	"usher/provisioning"
)

// userAnswer is a user with what only admins see.
type userAnswer struct {
	handlers.UserAnswer
	Status     string    `json:"status"` // active, disabled, erased or merged
	MergedInto *string   `json:"merged_into"`
	Disabled   bool      `json:"disabled"`
	Onboarding bool      `json:"onboarding"` // created with onboard, page not opened yet
	CreatedAt  time.Time `json:"created_at"`
}

func answerUser(p provisioning.Profile) userAnswer {
	return userAnswer{
		UserAnswer: handlers.AnswerUser(p), Status: p.Status, MergedInto: orNull(p.MergedInto),
		Disabled: p.Status != "active", Onboarding: p.Onboarding, CreatedAt: p.CreatedAt,
	}
}

// User: GET /admin/api/v1/users/:id.
func (a *Admin) User(c *gin.Context) error {
	profile, err := a.profile(c)
	if err != nil {
		return err
	}
	setETag(c, profile.Version)
	c.JSON(http.StatusOK, answerUser(profile))
	return nil
}

// profile returns the user that the path names, in this tenant.
func (a *Admin) profile(c *gin.Context) (provisioning.Profile, error) {
	profile, err := a.Provisioning.Profile(c.Request.Context(), handlers.TenantOf(c), c.Param("id"))
	return profile, explain(err)
}

// ChangeUser: PATCH /admin/api/v1/users/:id with {"disabled": true|false}.
func (a *Admin) ChangeUser(c *gin.Context) error {
	var body struct {
		Disabled *bool `json:"disabled"`
	}
	if err := read(c, &body); err != nil {
		return err
	}
	if body.Disabled == nil {
		return badRequest("disabled: true or false.")
	}
	profile, err := a.profile(c)
	if err != nil {
		return err
	}
	if err := a.Provisioning.SetDisabled(c.Request.Context(), handlers.TenantOf(c), profile.ID, *body.Disabled, by(c)); err != nil {
		return a.unfinished(err, halfDone)
	}
	return a.User(c)
}

// EraseUser: DELETE /admin/api/v1/users/:id.
func (a *Admin) EraseUser(c *gin.Context) error {
	profile, err := a.profile(c)
	if err != nil {
		return err
	}
	if err := a.Provisioning.Erase(c.Request.Context(), handlers.TenantOf(c), profile.ID, by(c)); err != nil {
		return a.unfinished(err, halfDone)
	}
	return noContent(c)
}

// changeAnswer is a line of the journal.
type changeAnswer struct {
	ID          string          `json:"id"`
	At          time.Time       `json:"at"`
	What        string          `json:"what"`
	Detail      json.RawMessage `json:"detail"`
	Integration *string         `json:"integration"` // null = not by a token
	Key         *string         `json:"key"`
	Actor       string          `json:"actor"`
	Reference   string          `json:"reference"`
}

func answerChanges(changes []provisioning.Change) []changeAnswer {
	answers := []changeAnswer{}
	for _, change := range changes {
		answers = append(answers, changeAnswer{
			ID: change.ID, At: change.At.UTC(), What: change.What, Detail: json.RawMessage(change.Detail),
			Integration: change.IntegrationID, Key: change.KeyID, Actor: change.Actor, Reference: change.Reference,
		})
	}
	return answers
}

// Journal: GET /admin/api/v1/users/:id/journal?after=.
func (a *Admin) Journal(c *gin.Context) error {
	profile, err := a.profile(c)
	if err != nil {
		return err
	}
	changes, next, err := a.Provisioning.JournalPage(c.Request.Context(), handlers.TenantOf(c), profile.ID, c.Query("after"), apiRows)
	if err != nil {
		return explain(err)
	}
	return list(c, "journal", answerChanges(changes), next)
}

// userCredit is a granted credit with the integration that granted it.
type userCredit struct {
	handlers.CreditAnswer
	Integration string `json:"integration"`
}

// UserCredits: GET /admin/api/v1/users/:id/credits.
func (a *Admin) UserCredits(c *gin.Context) error {
	profile, err := a.profile(c)
	if err != nil {
		return err
	}
	credits := []userCredit{}
	for i, answer := range handlers.AnswerUser(profile).Credits {
		credits = append(credits, userCredit{CreditAnswer: answer, Integration: profile.Credits[i].IntegrationID})
	}
	c.JSON(http.StatusOK, gin.H{"credits": credits})
	return nil
}

// Consume: POST /admin/api/v1/users/:id/credits/consume with {"order_id",
// "id", "integration"?} and an Idempotency-Key. The integration may be left
// out while one alone granted this credit.
func (a *Admin) Consume(c *gin.Context) error {
	var body struct {
		OrderID     string `json:"order_id"`
		ID          int64  `json:"id"`
		Integration string `json:"integration"`
	}
	if err := read(c, &body); err != nil {
		return err
	}
	profile, err := a.profile(c)
	if err != nil {
		return err
	}
	var granted []string
	for _, g := range profile.Credits {
		if g.OrderID == body.OrderID && g.ID == body.ID && (body.Integration == "" || g.IntegrationID == body.Integration) {
			granted = append(granted, g.IntegrationID)
		}
	}
	switch len(granted) {
	case 0:
		return &handlers.Fault{Code: handlers.NotFound}
	case 1:
	default:
		return badRequest("integration: several have granted this credit, name one.")
	}
	err = a.Provisioning.Consume(c.Request.Context(), handlers.TenantOf(c), profile.ID, granted[0],
		body.OrderID, body.ID, c.GetHeader("Idempotency-Key"), by(c))
	if errors.Is(err, provisioning.ErrTaken) {
		return &handlers.Fault{Code: handlers.Conflict, Public: "This Idempotency-Key has consumed another credit.", Err: err}
	} else if err != nil {
		return explain(err)
	}
	return a.UserCredits(c)
}

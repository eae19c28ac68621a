package admin

import (
	"net/http"
	"time"

	"github.com/gin-gonic/gin"

	"usher/handlers"
	"usher/provisioning"
)

// webhookAnswer is an endpoint for webhooks in the API.
type webhookAnswer struct {
	ID             string                `json:"id"`
	URL            string                `json:"url"`
	Description    string                `json:"description"`
	Types          []string              `json:"types"`
	Disabled       bool                  `json:"disabled"`
	DisabledReason *string               `json:"disabled_reason"` // null while enabled
	DisabledAt     *time.Time            `json:"disabled_at"`
	FailingSince   *time.Time            `json:"failing_since"` // null = the last attempt went well
	CreatedAt      time.Time             `json:"created_at"`
	UpdatedAt      time.Time             `json:"updated_at"`
	Secrets        []webhookSecretAnswer `json:"secrets,omitempty"` // not in lists
	Secret         string                `json:"secret,omitempty"`  // only in the answer that makes it
}

type webhookSecretAnswer struct {
	ID        string     `json:"id"`
	CreatedAt time.Time  `json:"created_at"`
	ExpiresAt *time.Time `json:"expires_at"` // null = never
}

func answerWebhook(e provisioning.WebhookEndpoint) webhookAnswer {
	return webhookAnswer{
		ID: e.ID, URL: e.URL, Description: e.Description, Types: e.Types, Disabled: e.DisabledAt != nil,
		DisabledReason: orNull(e.DisabledReason), DisabledAt: inUTC(e.DisabledAt), FailingSince: inUTC(e.FailingSince),
		CreatedAt: e.CreatedAt.UTC(), UpdatedAt: e.UpdatedAt.UTC(),
	}
}

// answerOneWebhook answers with an endpoint, its secrets and, once, a new one in
// clear.
func answerOneWebhook(c *gin.Context, status int, w provisioning.Webhook) error {
	answer := answerWebhook(w.WebhookEndpoint)
	for _, k := range w.Secrets {
		answer.Secrets = append(answer.Secrets, webhookSecretAnswer{k.ID, k.CreatedAt.UTC(), inUTC(k.ExpiresAt)})
	}
	answer.Secret = w.Secret
	setETag(c, w.Revision)
	c.JSON(status, answer)
	return nil
}

// ListWebhooks: GET /admin/api/v1/webhooks, all of them.
func (a *Admin) ListWebhooks(c *gin.Context) error {
	endpoints, err := a.Webhooks.List(c.Request.Context(), handlers.TenantOf(c).ID)
	if err != nil {
		return explain(err)
	}
	answers := []webhookAnswer{}
	for _, e := range endpoints {
		answers = append(answers, answerWebhook(e))
	}
	c.JSON(http.StatusOK, gin.H{"webhooks": answers})
	return nil
}

// webhookBody is a wish for an endpoint as the API takes it.
type webhookBody struct {
	URL         given[string]   `json:"url"`
	Description given[string]   `json:"description"`
	Types       given[[]string] `json:"types"`
	Disabled    given[bool]     `json:"disabled"`
}

func (b webhookBody) wish() provisioning.WebhookWish {
	return provisioning.WebhookWish{
		URL: b.URL.pointer(), Description: b.Description.pointer(), Types: b.Types.pointer(), Disabled: b.Disabled.pointer(),
	}
}

// AddWebhook: POST /admin/api/v1/webhooks. The secret is shown this once.
func (a *Admin) AddWebhook(c *gin.Context) error {
	var body webhookBody
	if err := read(c, &body); err != nil {
		return err
	}
	made, err := a.Webhooks.Add(c.Request.Context(), handlers.TenantOf(c).ID, body.wish(), by(c))
	if err != nil {
		return explain(err)
	}
	c.Header("Location", apiRoot+"/webhooks/"+made.ID)
	return answerOneWebhook(c, http.StatusCreated, made)
}

// Webhook: GET /admin/api/v1/webhooks/:id.
func (a *Admin) Webhook(c *gin.Context) error {
	w, err := a.Webhooks.Get(c.Request.Context(), handlers.TenantOf(c).ID, c.Param("id"))
	if err != nil {
		return explain(err)
	}
	return answerOneWebhook(c, http.StatusOK, w)
}

// ChangeWebhook: PATCH /admin/api/v1/webhooks/:id.
func (a *Admin) ChangeWebhook(c *gin.Context) error {
	var body webhookBody
	if err := read(c, &body); err != nil {
		return err
	}
	w, err := a.Webhooks.Change(c.Request.Context(), handlers.TenantOf(c).ID, c.Param("id"), body.wish(), by(c))
	if err != nil {
		return explain(err)
	}
	return answerOneWebhook(c, http.StatusOK, w)
}

// DeleteWebhook: DELETE /admin/api/v1/webhooks/:id.
func (a *Admin) DeleteWebhook(c *gin.Context) error {
	if err := a.Webhooks.Delete(c.Request.Context(), handlers.TenantOf(c).ID, c.Param("id"), by(c)); err != nil {
		return explain(err)
	}
	return noContent(c)
}

// RollWebhook: POST /admin/api/v1/webhooks/:id/secrets with {"after"?}, the
// seconds for which the old secret goes on signing. The new one is shown this
// once.
func (a *Admin) RollWebhook(c *gin.Context) error {
	var body struct {
		After given[int64] `json:"after"`
	}
	if err := read(c, &body); err != nil {
		return err
	}
	after := provisioning.DefaultRollAfter
	if seconds := body.After.pointer(); seconds != nil {
		if *seconds < 0 || *seconds > int64(provisioning.MaxRollAfter/time.Second) {
			return badRequest("after: 0 to %d seconds", int64(provisioning.MaxRollAfter/time.Second))
		}
		after = time.Duration(*seconds) * time.Second
	}
	w, err := a.Webhooks.Roll(c.Request.Context(), handlers.TenantOf(c).ID, c.Param("id"), after, by(c))
	if err != nil {
		return explain(err)
	}
	return answerOneWebhook(c, http.StatusCreated, w)
}

// TestWebhook: POST /admin/api/v1/webhooks/:id/test.
func (a *Admin) TestWebhook(c *gin.Context) error {
	if err := read(c, &struct{}{}); err != nil {
		return err
	}
	event, err := a.Webhooks.Test(c.Request.Context(), handlers.TenantOf(c).ID, c.Param("id"), by(c))
	if err != nil {
		return explain(err)
	}
	c.JSON(http.StatusAccepted, gin.H{"event": event})
	return nil
}

package admin

import (
	"encoding/json"
	"net/http"
	"time"

	"github.com/gin-gonic/gin"

	"usher/handlers"
	"usher/provisioning"
)

// deliveryAnswer is an event on its way to an endpoint, in the API.
type deliveryAnswer struct {
	Event      string     `json:"event"` // the webhook-id
	Type       string     `json:"type"`
	State      string     `json:"state"`
	Attempts   int        `json:"attempts"`
	CreatedAt  time.Time  `json:"created_at"`
	NextAt     *time.Time `json:"next_at"`     // of one that waits
	FinishedAt *time.Time `json:"finished_at"` // of one that does not
	// Of a single one:
	Payload json.RawMessage `json:"payload,omitempty"`
	Log     []attemptAnswer `json:"log,omitempty"` // newest first
}

type attemptAnswer struct {
	At           time.Time `json:"at"`
	Milliseconds int64     `json:"milliseconds"`
	Status       *int      `json:"status"` // null = there was no answer
	Fault        *string   `json:"fault"`  // null = delivered
	Answer       string    `json:"answer"` // how it begins
}

func answerDelivery(d provisioning.WebhookDelivery) deliveryAnswer {
	answer := deliveryAnswer{
		Event: d.EventID, Type: d.Type, State: d.State, Attempts: d.Attempts, CreatedAt: d.CreatedAt.UTC(),
		FinishedAt: inUTC(d.FinishedAt),
	}
	if d.State == provisioning.DeliveryWaiting {
		answer.NextAt = inUTC(&d.NextAt)
	}
	return answer
}

// WebhookDeliveries: GET /admin/api/v1/webhooks/:id/deliveries?state=&after=.
// "next" is the next page's after; null on the last one.
func (a *Admin) WebhookDeliveries(c *gin.Context) error {
	deliveries, next, err := a.Webhooks.Deliveries(c.Request.Context(), handlers.TenantOf(c).ID, c.Param("id"), c.Query("state"), c.Query("after"))
	if err != nil {
		return explain(err)
	}
	answers := []deliveryAnswer{}
	for _, d := range deliveries {
		answers = append(answers, answerDelivery(d))
	}
	return list(c, "deliveries", answers, next)
}

// WebhookDelivery: GET /admin/api/v1/webhooks/:id/deliveries/:event.
func (a *Admin) WebhookDelivery(c *gin.Context) error {
	d, err := a.Webhooks.Delivery(c.Request.Context(), handlers.TenantOf(c).ID, c.Param("id"), c.Param("event"))
	if err != nil {
		return explain(err)
	}
	answer := answerDelivery(d.WebhookDelivery)
	answer.Payload, answer.Log = json.RawMessage(d.Payload), []attemptAnswer{}
	for _, one := range d.Log {
		answer.Log = append(answer.Log, attemptAnswer{
			At: one.At.UTC(), Milliseconds: one.Took, Status: orNull(one.Status), Fault: orNull(one.Fault), Answer: one.Answer,
		})
	}
	c.JSON(http.StatusOK, answer)
	return nil
}

// ResendWebhook: POST /admin/api/v1/webhooks/:id/deliveries/:event/resend.
func (a *Admin) ResendWebhook(c *gin.Context) error {
	if err := read(c, &struct{}{}); err != nil {
		return err
	}
	err := a.Webhooks.Resend(c.Request.Context(), handlers.TenantOf(c).ID, c.Param("id"), c.Param("event"), by(c))
	if err != nil {
		return explain(err)
	}
	return noContent(c)
}

// ResendFailedWebhooks: POST /admin/api/v1/webhooks/:id/resend with {"since"}.
func (a *Admin) ResendFailedWebhooks(c *gin.Context) error {
	var body struct {
		Since string `json:"since"`
	}
	if err := read(c, &body); err != nil {
		return err
	}
	since, err := time.Parse(time.RFC3339, body.Since)
	if err != nil {
		return badRequest("since: a time like 2030-01-31T12:00:00Z, of the oldest event that is sent again.")
	}
	n, err := a.Webhooks.ResendFailed(c.Request.Context(), handlers.TenantOf(c).ID, c.Param("id"), since, by(c))
	if err != nil {
		return explain(err)
	}
	c.JSON(http.StatusOK, gin.H{"resent": n})
	return nil
}

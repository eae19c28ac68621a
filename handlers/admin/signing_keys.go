package admin

import (
	"net/http"
	"strconv"
	"time"

	"github.com/gin-gonic/gin"

	"usher/handlers"
	"usher/sessions/tokens"
)

// keyWaitsFault is told to those who want a key that takes over when one waits.
const keyWaitsFault = "A new key for this algorithm waits to take over already. Wait for it, or rotate at once."

type signingKeyAnswer struct {
	ID        string          `json:"id"`
	Algorithm string          `json:"algorithm"`
	State     tokens.KeyState `json:"state"`
	CreatedAt time.Time       `json:"created_at"`
	ActiveAt  time.Time       `json:"active_at"`
	RetiredAt *time.Time      `json:"retired_at"` // null = until a successor is made
	GoneAt    *time.Time      `json:"gone_at"`
}

func answerSigningKey(k tokens.SigningKey) signingKeyAnswer {
	return signingKeyAnswer{
		ID: k.ID, Algorithm: k.Algorithm, State: k.State, CreatedAt: k.CreatedAt.UTC(), ActiveAt: k.ActiveAt.UTC(),
		RetiredAt: inUTC(k.RetiredAt), GoneAt: inUTC(k.GoneAt),
	}
}

// signingKeys are a page of the tenant's keys, by the query's before.
func (a *Admin) signingKeys(c *gin.Context, rows int) (keys []tokens.SigningKey, next int64, err error) {
	var before int64
	if text := c.Query("before"); text != "" {
		if before, err = strconv.ParseInt(text, 10, 64); err != nil || before < 1 {
			return nil, 0, badRequest("before: the value of next in the answer before.")
		}
	}
	keys, next, err = a.Tokens.SigningKeys(c.Request.Context(), handlers.TenantOf(c).ID, before, rows)
	return keys, next, explain(err)
}

// SigningKeys: GET /admin/api/v1/signing-keys?before=, newest first.
func (a *Admin) SigningKeys(c *gin.Context) error {
	keys, next, err := a.signingKeys(c, apiRows)
	if err != nil {
		return err
	}
	answers := []signingKeyAnswer{}
	for _, k := range keys {
		answers = append(answers, answerSigningKey(k))
	}
	return list(c, "signing_keys", answers, next)
}

// RotateSigningKey: POST /admin/api/v1/signing-keys/rotate with {"algorithm": …,
// "now": true|false}.
func (a *Admin) RotateSigningKey(c *gin.Context) error {
	var body struct {
		Algorithm string `json:"algorithm"`
		Now       bool   `json:"now"`
	}
	if err := read(c, &body); err != nil {
		return err
	}
	k, err := a.rotate(c, body.Algorithm, body.Now)
	if err != nil {
		return explain(err)
	}
	c.JSON(http.StatusCreated, answerSigningKey(k))
	return nil
}

func (a *Admin) rotate(c *gin.Context, algorithm string, now bool) (tokens.SigningKey, error) {
	ctx, tenant := c.Request.Context(), handlers.TenantOf(c).ID
	if now {
		return a.Tokens.RotateNow(ctx, tenant, algorithm, by(c))
	}
	return a.Tokens.Rotate(ctx, tenant, algorithm, by(c))
}

package admin

import (
	"net/http"
	"time"

	"github.com/gin-gonic/gin"

	"usher/handlers"
	"usher/sessions/tokens"
)

// secretAnswer is a secret of a client or an API connection in the API.
type secretAnswer struct {
	ID         string     `json:"id"`
	Ending     string     `json:"ending"` // the secret's last four characters
	Live       bool       `json:"live"`
	CreatedAt  time.Time  `json:"created_at"`
	ExpiresAt  *time.Time `json:"expires_at"`       // null = never
	LastUsedAt *time.Time `json:"last_used_at"`     // within a minute
	Secret     string     `json:"secret,omitempty"` // only in the answer that makes it
}

func (a *Admin) answerSecret(k tokens.Secret) *secretAnswer {
	return &secretAnswer{
		ID: k.ID, Ending: k.Ending, Live: k.Live(a.Now()), CreatedAt: k.CreatedAt.UTC(),
		ExpiresAt: inUTC(k.ExpiresAt), LastUsedAt: inUTC(k.UsedAt),
	}
}

func (a *Admin) answerSecrets(secrets []tokens.Secret) []*secretAnswer {
	answers := []*secretAnswer{}
	for _, k := range secrets {
		answers = append(answers, a.answerSecret(k))
	}
	return answers
}

// AddSecret: POST /admin/api/v1/clients/:id/secrets and …/api-connections/… The
// secret is shown this once.
func (a *Admin) AddSecret(of tokens.Holder) handlers.Handler {
	return func(c *gin.Context) error {
		if err := read(c, &struct{}{}); err != nil {
			return err
		}
		if err := a.forPersonOf(c, of); err != nil {
			return err
		}
		k, secret, err := a.Tokens.AddSecret(c.Request.Context(), handlers.TenantOf(c).ID, of, c.Param("id"), by(c))
		if err != nil {
			return explain(err)
		}
		answer := a.answerSecret(k)
		answer.Secret = secret
		c.JSON(http.StatusCreated, answer)
		return nil
	}
}

// RetireSecret: DELETE /admin/api/v1/clients/:id/secrets/:secret?at= and
// …/api-connections/… Without at it ends now.
func (a *Admin) RetireSecret(of tokens.Holder) handlers.Handler {
	return func(c *gin.Context) error {
		var at time.Time
		if text := c.Query("at"); text != "" {
			var err error
			if at, err = time.Parse(time.RFC3339, text); err != nil {
				return badRequest("at is a time like 2030-01-31T12:00:00Z.")
			}
		}
		err := a.Tokens.RetireSecret(c.Request.Context(), handlers.TenantOf(c).ID, of, c.Param("id"), c.Param("secret"), at, by(c))
		if err != nil {
			return explain(err)
		}
		return noContent(c)
	}
}

// KeepSecret: POST /admin/api/v1/clients/:id/secrets/:secret/keep and
// …/api-connections/…
func (a *Admin) KeepSecret(of tokens.Holder) handlers.Handler {
	return func(c *gin.Context) error {
		err := a.Tokens.KeepSecret(c.Request.Context(), handlers.TenantOf(c).ID, of, c.Param("id"), c.Param("secret"), by(c))
		if err != nil {
			return explain(err)
		}
		return noContent(c)
	}
}

package admin

import (
	"net/http"
	"time"

	"github.com/gin-gonic/gin"

	"usher/handlers"
	"usher/provisioning"
	"usher/web"
)

// keySetAnswer is what was read at a JWKS URL, in an answer.
type keySetAnswer struct {
	URL       string          `json:"url"`
	Keys      []setKeyAnswer  `json:"keys"`
	LeftOut   []leftOutAnswer `json:"left_out"`
	FetchedAt *time.Time      `json:"fetched_at"` // null = never
	GoodUntil *time.Time      `json:"good_until"` // if it cannot be read again; null = there are none
	FailedAt  *time.Time      `json:"failed_at"`  // the last failure since; null = none
	Problem   string          `json:"problem"`
}

type setKeyAnswer struct {
	ID        string `json:"kid"`
	Algorithm string `json:"algorithm"`
}

type leftOutAnswer struct {
	ID  string `json:"kid"`
	Why string `json:"why"`
}

func answerKeySet(n provisioning.Integration, set provisioning.KeySet) keySetAnswer {
	answer := keySetAnswer{
		URL: n.JWKSURL, Keys: []setKeyAnswer{}, LeftOut: []leftOutAnswer{},
		FetchedAt: set.FetchedAt, FailedAt: set.FailedAt, Problem: set.Problem,
	}
	for _, k := range set.Keys {
		answer.Keys = append(answer.Keys, setKeyAnswer{k.ID, k.Algorithm})
	}
	for _, k := range set.LeftOut {
		answer.LeftOut = append(answer.LeftOut, leftOutAnswer{k.ID, k.Why})
	}
	if set.FetchedAt != nil {
		until := set.FetchedAt.Add(provisioning.KeySetLife)
		answer.GoodUntil = &until
	}
	return answer
}

// KeySet: GET /admin/api/v1/integrations/:id/key-set.
func (a *Admin) KeySet(c *gin.Context) error {
	n, err := a.integrationOf(c)
	if err != nil {
		return err
	}
	if n.JWKSURL == "" {
		return &handlers.Fault{Code: handlers.NotFound}
	}
	set, err := a.Provisioning.KeySet(c.Request.Context(), handlers.TenantOf(c), n.Integration)
	if err != nil {
		return explain(err)
	}
	c.JSON(http.StatusOK, answerKeySet(n.Integration, set))
	return nil
}

// ReadKeySet: POST /admin/api/v1/integrations/:id/key-set. A set that cannot be
// read is no fault of the request: the answer says why.
func (a *Admin) ReadKeySet(c *gin.Context) error {
	n, err := a.integrationOf(c)
	if err != nil {
		return err
	}
	set, err := a.Provisioning.ReadKeySet(c.Request.Context(), handlers.TenantOf(c), n.ID, by(c))
	if err != nil {
		return explain(err)
	}
	c.JSON(http.StatusOK, answerKeySet(n.Integration, set))
	return nil
}

// ReadKeySetForm: POST /admin/integrations/:id/key-set.
func (a *Admin) ReadKeySetForm(c *gin.Context) error {
	set, err := a.Provisioning.ReadKeySet(c.Request.Context(), handlers.TenantOf(c), c.Param("id"), by(c))
	if err != nil {
		return explain(err)
	}
	done := "key_set_read"
	switch {
	case set.FailedAt != nil:
		done = "key_set_failed"
	case set.Problem != "":
		done = "key_set_empty"
	}
	seeOther(c, integrationPath(set.IntegrationID, "/keys?done="+done))
	return nil
}

// keySetCard shows what was read; nil without a JWKS URL.
func (a *Admin) keySetCard(c *gin.Context, n provisioning.Integration) (*web.KeySet, error) {
	if n.JWKSURL == "" {
		return nil, nil
	}
	set, err := a.Provisioning.KeySet(c.Request.Context(), handlers.TenantOf(c), n)
	if err != nil {
		return nil, explain(err)
	}
	card := &web.KeySet{URL: n.JWKSURL, Problem: set.Problem}
	if set.FetchedAt != nil {
		card.Fetched, card.Until = *set.FetchedAt, set.FetchedAt.Add(provisioning.KeySetLife)
		card.Holds = a.Now().Before(card.Until)
	}
	if set.FailedAt != nil {
		card.Failed = *set.FailedAt
	}
	for _, k := range set.Keys {
		card.Rows = append(card.Rows, web.KeySetRow{ID: k.ID, Algorithm: k.Algorithm})
	}
	card.LeftOut = len(set.LeftOut) > 0
	for _, k := range set.LeftOut {
		card.Rows = append(card.Rows, web.KeySetRow{ID: k.ID, Why: k.Why})
	}
	return card, nil
}

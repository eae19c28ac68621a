package admin

import (
	"net/http"
	"time"

	"github.com/gin-gonic/gin"

	"usher/handlers"
)

// Removal: GET /admin/api/v1/integrations/:id/removal. What a removal would do.
func (a *Admin) Removal(c *gin.Context) error {
	r, err := a.Provisioning.Removal(c.Request.Context(), handlers.TenantOf(c), c.Param("id"))
	if err != nil {
		return explain(err)
	}
	sessions := &r.Sessions
	if r.SessionsUnknown {
		sessions = nil
	}
	c.JSON(http.StatusOK, gin.H{
		"name": r.Integration.Name, "sessions": sessions, "sessions_exact": !r.SessionsMore && !r.SessionsUnknown, "people": r.People,
		"only_way_in": r.OnlyWayIn, "memberships": r.Memberships, "credits": r.Grants, "exact": !r.More,
		"resources": r.Resources, "resources_exact": !r.ResourcesMore,
	})
	return nil
}

// SignEveryoneOut: POST /admin/api/v1/integrations/:id/sign-out.
func (a *Admin) SignEveryoneOut(c *gin.Context) error {
	if err := a.Provisioning.SignEveryoneOut(c.Request.Context(), handlers.TenantOf(c), c.Param("id"), by(c)); err != nil {
		return a.unfinished(err, signOutUnfinished)
	}
	return noContent(c)
}

// KeepKey: POST /admin/api/v1/integrations/:id/keys/:kid/keep.
func (a *Admin) KeepKey(c *gin.Context) error {
	_, err := a.Provisioning.KeepKey(c.Request.Context(), handlers.TenantOf(c), c.Param("id"), c.Param("kid"), by(c))
	if err != nil {
		return explain(err)
	}
	return noContent(c)
}

// Health: GET /admin/api/v1/integrations/:id/health.
func (a *Admin) Health(c *gin.Context) error {
	ctx, tenant := c.Request.Context(), handlers.TenantOf(c)
	n, err := a.Provisioning.Integration(ctx, tenant, c.Param("id"))
	if err != nil {
		return explain(err)
	}
	keys, err := a.Provisioning.KeyHealth(ctx, tenant, n)
	if err != nil {
		return explain(err)
	}
	clock, err := a.Provisioning.ClockOf(ctx, tenant, n.ID)
	if err != nil {
		return explain(err)
	}
	unknown, err := a.Provisioning.UnknownNames(ctx, tenant, n.ID)
	if err != nil {
		return explain(err)
	}
	type keyHealth struct {
		ID           string     `json:"id"`
		State        string     `json:"state"`
		RetiresAt    *time.Time `json:"retires_at"`
		LastUsed     *time.Time `json:"last_used"` // null = not in 90 days
		SignIns      int64      `json:"sign_ins"`  // in seven days
		Refused      int64      `json:"refused"`   // likewise
		Share        float64    `json:"share"`     // of the sign-ins, 0 to 1
		SafeToRetire bool       `json:"safe_to_retire"`
	}
	type unknownName struct {
		Kind     string    `json:"kind"`
		Name     string    `json:"name"`
		Count    int64     `json:"count"`
		LastSeen time.Time `json:"last_seen"`
	}
	keyAnswers, names := []keyHealth{}, []unknownName{}
	for _, k := range keys {
		answer := keyHealth{
			ID: k.ID, State: k.State, RetiresAt: k.RetiresAt, SignIns: k.SignIns, Refused: k.Refused, Share: k.Share,
			SafeToRetire: k.Safe != "",
		}
		if !k.LastUsed.IsZero() {
			answer.LastUsed = &k.LastUsed
		}
		keyAnswers = append(keyAnswers, answer)
	}
	for _, u := range unknown {
		names = append(names, unknownName{u.Kind, u.Name, u.Count, u.LastSeen})
	}
	_, advice := clock.Advice(n.MaxAge, n.Leeway)
	c.JSON(http.StatusOK, gin.H{
		"keys": keyAnswers, "unknown": names,
		"clock": gin.H{
			"links": clock.N, "median": clock.Median.Seconds(), "low": clock.Low.Seconds(), "high": clock.High.Seconds(),
			"advice": advice,
		},
	})
	return nil
}

package admin

import (
	"net/http"
	"time"

	"github.com/gin-gonic/gin"

	"usher/handlers"
	"usher/provisioning"
)

// identityAnswer is how an integration knows a user.
type identityAnswer struct {
	ID          string    `json:"id"`
	Integration string    `json:"integration"`
	Subject     *string   `json:"sub"`   // null = known by the address alone
	Email       *string   `json:"email"` // what the integration calls the person, in the compared form
	CreatedAt   time.Time `json:"created_at"`
}

func answerIdentities(held provisioning.Belongings) []identityAnswer {
	answers := []identityAnswer{}
	for _, i := range held.Identities {
		answers = append(answers, identityAnswer{
			ID: i.ID, Integration: i.IntegrationID, Subject: i.Subject, Email: i.EmailKey, CreatedAt: i.CreatedAt.UTC(),
		})
	}
	return answers
}

// UserIdentities: GET /admin/api/v1/users/:id/identities.
func (a *Admin) UserIdentities(c *gin.Context) error {
	profile, err := a.profile(c)
	if err != nil {
		return err
	}
	held, err := a.Provisioning.Belongings(c.Request.Context(), handlers.TenantOf(c), profile.ID)
	if err != nil {
		return explain(err)
	}
	c.JSON(http.StatusOK, gin.H{"identities": answerIdentities(held)})
	return nil
}

// reasonAnswer is a source that puts a user into a group.
type reasonAnswer struct {
	Integration *string       `json:"integration"` // null = by hand
	Pinned      bool          `json:"pinned"`
	Since       time.Time     `json:"since"`
	Began       *changeAnswer `json:"began"` // null = the journal does not know
}

// WhyInGroup: GET /admin/api/v1/users/:id/groups/:group.
func (a *Admin) WhyInGroup(c *gin.Context) error {
	m, _, err := a.whyInGroup(c)
	if err != nil {
		return err
	}
	sources := []reasonAnswer{}
	for _, source := range m.Sources {
		answer := reasonAnswer{Integration: orNull(source.Integration), Pinned: source.Pinned, Since: source.Since.UTC()}
		if source.Began != nil {
			answer.Began = &answerChanges([]provisioning.Change{*source.Began})[0]
		}
		sources = append(sources, answer)
	}
	c.JSON(http.StatusOK, gin.H{
		"group": handlers.GroupAnswer{ExternalID: m.Group.ExternalID, Name: m.Group.Name}, "member": m.Member(),
		"sources": sources, "journal": answerChanges(m.Past),
	})
	return nil
}

// sessionAnswer is one of a user's sessions.
type sessionAnswer struct {
	ID          string    `json:"id"`
	Integration string    `json:"integration"`
	CreatedAt   time.Time `json:"created_at"`
	LastSeen    time.Time `json:"last_seen"`
	ExpiresAt   time.Time `json:"expires_at"`
	UserAgent   string    `json:"user_agent"`
	Network     string    `json:"network"`
}

// UserSessions: GET /admin/api/v1/users/:id/sessions.
func (a *Admin) UserSessions(c *gin.Context) error {
	profile, err := a.profile(c)
	if err != nil {
		return err
	}
	list, err := a.Sessions.List(c.Request.Context(), handlers.TenantOf(c).ID, profile.ID)
	if err != nil {
		return &provisioning.Refusal{Reason: provisioning.StoreUnavailable, Detail: err.Error()}
	}
	answers := []sessionAnswer{}
	for _, s := range list {
		answers = append(answers, sessionAnswer{
			ID: s.ID, Integration: s.Integration, CreatedAt: s.Created, LastSeen: s.LastSeen, ExpiresAt: s.End().UTC(),
			UserAgent: s.UserAgent, Network: s.Network,
		})
	}
	c.JSON(http.StatusOK, gin.H{"sessions": answers})
	return nil
}

// EndSessionOfUser: DELETE /admin/api/v1/users/:id/sessions/:session.
func (a *Admin) EndSessionOfUser(c *gin.Context) error {
	if err := a.Provisioning.EndSession(c.Request.Context(), handlers.TenantOf(c), c.Param("id"), c.Param("session"), by(c)); err != nil {
		return a.unfinished(err, halfDone)
	}
	return noContent(c)
}

// SignOutUser: POST /admin/api/v1/users/:id/sign-out.
func (a *Admin) SignOutUser(c *gin.Context) error {
	if err := a.Provisioning.SignOut(c.Request.Context(), handlers.TenantOf(c), c.Param("id"), by(c)); err != nil {
		return a.unfinished(err, halfDone)
	}
	return noContent(c)
}

// mergeAnswer says what a merger does.
type mergeAnswer struct {
	Seen         string           `json:"seen"` // names the state of both
	Identities   []identityAnswer `json:"identities"`
	Groups       []string         `json:"groups"`      // external ids that are new to the one who stays
	Memberships  int              `json:"memberships"` // rows that are new or different
	Grants       int              `json:"grants"`      // likewise
	Clashes      int              `json:"clashes"`     // grants that both have
	Meta         []string         `json:"meta"`        // new keys
	MetaTooLarge bool             `json:"meta_too_large"`
}

func answerMerging(m provisioning.Merging) mergeAnswer {
	answer := mergeAnswer{
		Seen: m.Seen, Identities: answerIdentities(provisioning.Belongings{Identities: m.Identities}), Groups: []string{},
		Memberships: len(m.Memberships), Grants: len(m.Grants), Clashes: len(m.Clashes), Meta: []string{}, MetaTooLarge: m.MetaTooLarge,
	}
	for _, r := range m.Joined {
		answer.Groups = append(answer.Groups, r.ExternalID)
	}
	answer.Meta = append(answer.Meta, m.MetaAdded...)
	return answer
}

// MergePreview: GET /admin/api/v1/users/:id/merge?from=.
func (a *Admin) MergePreview(c *gin.Context) error {
	m, err := a.Provisioning.PlanMerge(c.Request.Context(), handlers.TenantOf(c), c.Param("id"), c.Query("from"))
	if err != nil {
		return explain(err)
	}
	c.JSON(http.StatusOK, answerMerging(m))
	return nil
}

// MergeUser: POST /admin/api/v1/users/:id/merge with {"from", "seen"?}.
func (a *Admin) MergeUser(c *gin.Context) error {
	var body struct {
		From string `json:"from"`
		Seen string `json:"seen"`
	}
	if err := read(c, &body); err != nil {
		return err
	}
	m, err := a.Provisioning.Merge(c.Request.Context(), handlers.TenantOf(c), c.Param("id"), body.From, body.Seen, by(c))
	if err != nil {
		return explain(err)
	}
	c.JSON(http.StatusOK, answerMerging(m))
	return nil
}

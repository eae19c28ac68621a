package admin

import (
	"cmp"
	"maps"
	"slices"

	"github.com/gin-gonic/gin"

	"usher/handlers"
	"usher/provisioning"
)

// names are integrations' names by their ids, the removed ones too; those of
// namesIn are also actors' names by the kind and id that are recorded of them.
type names map[string]string

func (a *Admin) names(c *gin.Context) (names, error) {
	known, err := a.Provisioning.IntegrationNames(c.Request.Context(), handlers.TenantOf(c))
	return known, explain(err)
}

// integration is an integration's name, or the id when none is known.
func (n names) integration(id string) string {
	if name := n[id]; name != "" {
		return name
	}
	return id
}

// sorted are the ids in the order of the names.
func (n names) sorted() []string {
	ids := slices.Collect(maps.Keys(n))
	slices.SortFunc(ids, func(a, b string) int { return cmp.Or(cmp.Compare(n[a], n[b]), cmp.Compare(a, b)) })
	return ids
}

// namesIn are the names that putting these changes into words takes: those of
// the actors too.
func (a *Admin) namesIn(c *gin.Context, changes []provisioning.Change) (names, error) {
	n, err := a.names(c)
	if err != nil {
		return nil, err
	}
	actors, err := a.Provisioning.ActorNames(c.Request.Context(), handlers.TenantOf(c), changes)
	if err != nil {
		return nil, explain(err)
	}
	maps.Copy(n, actors)
	return n, nil
}

// of is the name of a source: an integration's, or how to speak of what was
// done by hand.
func (n names) of(source string) string {
	if source == "" || source == provisioning.ManualSource {
		return "by hand"
	}
	return n.integration(source)
}

// nameOf is what to call a user on a page.
func nameOf(p provisioning.Profile) string {
	full := p.FirstName + p.LastName
	if p.FirstName != "" && p.LastName != "" {
		full = p.FirstName + " " + p.LastName
	}
	return cmp.Or(p.Name, full, p.Email, p.ID)
}

// wordOf is what has to be typed before something is done to a user for good.
func wordOf(p provisioning.Profile) string { return cmp.Or(p.Email, p.ID) }

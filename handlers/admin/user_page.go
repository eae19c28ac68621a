package admin

import (
	"cmp"
	"log/slog"
	"maps"
	"slices"
	"time"

	"github.com/gin-gonic/gin"

	"usher/handlers"
	"usher/provisioning"
	"usher/sessions"
	"usher/sessions/admins"
	"usher/web"
)

// UserPage: GET /admin/users/:id?after=.
func (a *Admin) UserPage(c *gin.Context) error {
	ctx, tenant := c.Request.Context(), handlers.TenantOf(c)
	profile, err := a.profile(c)
	if err != nil {
		return err
	}
	held, err := a.Provisioning.Belongings(ctx, tenant, profile.ID)
	if err != nil {
		return explain(err)
	}
	origins, err := a.Provisioning.ProfileOrigins(ctx, tenant, profile.ID)
	if err != nil {
		return explain(err)
	}
	changes, next, err := a.Provisioning.JournalPage(ctx, tenant, profile.ID, c.Query("after"), pageRows)
	if err != nil {
		return explain(err)
	}
	n, err := a.namesIn(c, slices.AppendSeq(slices.Clone(changes), maps.Values(origins)))
	if err != nil {
		return err
	}
	page := web.User{
		Frame: a.frame(c, usersPath, nameOf(profile)), UserHead: headOf(profile),
		Write: actorOf(c).May(admins.WriteUsers), Audit: actorOf(c).May(admins.ReadAudit),
		MergedInto: profile.MergedInto, Onboarding: profile.Onboarding, Created: profile.CreatedAt,
		Facts: n.facts(profile, origins), Groups: n.groups(held), Credits: n.credits(held), Identities: n.identities(held),
		Journal: n.journalLines(changes), Pager: pager(c, userPath(profile.ID), next),
	}
	if err := a.addOrganizations(c, profile.ID, &page); err != nil {
		return err
	}
	if err := a.addApplications(c, n, profile.ID, &page); err != nil {
		return err
	}
	if err := a.addClaims(c, profile.ID, &page); err != nil {
		return err
	}
	if profile.Meta != "{}" {
		page.Meta = indented(profile.Meta)
	}
	for _, way := range []*string{&page.Pager.First, &page.Pager.Next} {
		if *way != "" {
			*way += "#journal"
		}
	}
	list, err := a.Sessions.List(ctx, tenant.ID, profile.ID)
	if err != nil {
		// Everything else about the user is worth showing.
		handlers.Note(c, slog.String("sessions", err.Error()))
		page.NoSessions = true
	}
	page.Sessions = n.sessions(list)
	return a.show(c, page)
}

// addOrganizations shows the organizations that a user is in to those who may see
// them.
func (a *Admin) addOrganizations(c *gin.Context, user string, page *web.User) error {
	if page.NoOrganizations = !actorOf(c).May(admins.ReadTokens); page.NoOrganizations {
		return nil
	}
	found, next, err := a.Tokens.OrganizationsOf(c.Request.Context(), handlers.TenantOf(c).ID, user, "", pageRows)
	if err != nil {
		return explain(err)
	}
	page.MoreOrganizations = next != ""
	for _, n := range found {
		page.Organizations = append(page.Organizations, web.UserOrganization{
			ID: n.ID, GlobalID: n.GlobalID, Name: n.Name, Role: roleWords[n.Role], Disabled: n.Disabled, Since: n.Since,
		})
	}
	return nil
}

func headOf(p provisioning.Profile) web.UserHead {
	return web.UserHead{ID: p.ID, Name: nameOf(p), Email: p.Email, Status: p.Status}
}

// facts are the fields of a profile that have a value, with who gave it.
func (n names) facts(p provisioning.Profile, origins map[string]provisioning.Change) []web.UserFact {
	verified := ""
	if p.EmailVerified != nil {
		verified = map[bool]string{true: "yes", false: "no"}[*p.EmailVerified]
	}
	var facts []web.UserFact
	for _, field := range []struct{ code, label, value string }{
		{"email", "E-mail", p.Email},
		{"email_verified", "Verified", verified},
		{"name", "Name", p.Name},
		{"first_name", "First name", p.FirstName},
		{"last_name", "Last name", p.LastName},
		{"phone", "Phone", p.Phone},
		{"birthdate", "Birthdate", p.Birthdate},
		{"locale", "Locale", p.Locale},
		{"picture", "Picture", p.Picture},
	} {
		if field.value == "" {
			continue
		}
		fact := web.UserFact{Label: field.label, Value: field.value}
		if origin, ok := origins[field.code]; ok {
			fact.SetAt = origin.At
			fact.SetBy = n.actor(origin.Actor)
			if origin.IntegrationID != nil {
				fact.SetBy = n.of(*origin.IntegrationID)
			}
		}
		facts = append(facts, fact)
	}
	return facts
}

// groups gathers memberships by group.
func (n names) groups(held provisioning.Belongings) []web.UserGroup {
	var groups []web.UserGroup
	for _, m := range held.Memberships {
		if last := len(groups) - 1; last < 0 || groups[last].ID != m.GroupID {
			groups = append(groups, web.UserGroup{ID: m.GroupID, ExternalID: m.ExternalID, Name: m.Name})
		}
		last := &groups[len(groups)-1]
		last.Sources = append(last.Sources, web.UserSource{Name: n.of(m.Source), Pinned: m.Pinned, Since: m.CreatedAt})
	}
	return groups
}

// credits lists grants, those that hold first.
func (n names) credits(held provisioning.Belongings) []web.UserCredit {
	credits := make([]web.UserCredit, 0, len(held.Grants))
	for _, g := range held.Grants {
		credit := web.UserCredit{
			OrderID: g.OrderID, ID: g.CreditID, Name: g.Name, Integration: n.of(g.IntegrationID), Parked: g.Parked,
			Granted: g.GrantedAt, Revoked: g.RevokedAt, Consumed: g.ConsumedAt,
		}
		if g.ConsumedBy != nil {
			credit.ConsumedBy = *g.ConsumedBy
		}
		credits = append(credits, credit)
	}
	slices.SortStableFunc(credits, func(a, b web.UserCredit) int {
		gone := func(c web.UserCredit) int {
			if c.Revoked != nil {
				return 1
			}
			return 0
		}
		return cmp.Compare(gone(a), gone(b))
	})
	return credits
}

func (n names) identities(held provisioning.Belongings) []web.UserIdentity {
	identities := make([]web.UserIdentity, 0, len(held.Identities))
	for _, i := range held.Identities {
		identity := web.UserIdentity{Integration: n.of(i.IntegrationID), IntegrationID: i.IntegrationID, Since: i.CreatedAt}
		if i.Subject != nil {
			identity.Subject = *i.Subject
		}
		if i.EmailKey != nil {
			identity.Email = *i.EmailKey
		}
		if i.AppliedAt != nil {
			identity.Newest = time.UnixMicro(*i.AppliedAt)
		}
		identities = append(identities, identity)
	}
	return identities
}

func (n names) sessions(list []sessions.Session) []web.UserSession {
	rows := make([]web.UserSession, 0, len(list))
	for _, s := range list {
		rows = append(rows, web.UserSession{
			ID: s.ID, Integration: n.of(s.Integration), UserAgent: s.UserAgent, Network: s.Network,
			Began: s.Created, LastSeen: s.LastSeen, Ends: s.End(),
		})
	}
	return rows
}

package admin

import (
	"strings"
	"time"

	"github.com/gin-gonic/gin"

	"usher/handlers"
	"usher/provisioning"
	"usher/web"
)

// whyInGroup asks the service about the user and the group in the path.
func (a *Admin) whyInGroup(c *gin.Context) (provisioning.Membership, names, error) {
	m, err := a.Provisioning.WhyInGroup(c.Request.Context(), handlers.TenantOf(c), c.Param("id"), c.Param("group"))
	if err != nil {
		return m, nil, explain(err)
	}
	n, err := a.namesIn(c, m.Past)
	return m, n, err
}

// UserGroupPage: GET /admin/users/:id/groups/:group answers why the user is in
// the group.
func (a *Admin) UserGroupPage(c *gin.Context) error {
	profile, err := a.profile(c)
	if err != nil {
		return err
	}
	m, n, err := a.whyInGroup(c)
	if err != nil {
		return err
	}
	page := web.UserInGroup{
		Frame: a.frame(c, usersPath, "Why "+nameOf(profile)+" is in "+m.Group.Name), UserHead: headOf(profile),
		GroupID: m.Group.ID, ExternalID: m.Group.ExternalID, Group: m.Group.Name,
		Answer: n.why(nameOf(profile), m), Past: n.journalLines(m.Past),
	}
	if !m.Member() {
		page.Title = "Why " + nameOf(profile) + " is not in " + m.Group.Name
	}
	for _, source := range m.Sources {
		reason := web.GroupReason{Text: n.source(source), Since: source.Since}
		if source.Began != nil {
			line := n.journalLine(*source.Began)
			reason.SignIn, reason.Key = line.SignIn, line.Key
		}
		page.Reasons = append(page.Reasons, reason)
	}
	return a.show(c, page)
}

// source names a source of a membership.
func (n names) source(source provisioning.MembershipSource) string {
	switch {
	case source.Integration != "":
		return "by " + n.of(source.Integration)
	case source.Pinned:
		return "by hand, pinned"
	}
	return "by hand"
}

// why is the whole answer in a sentence: "Anna is in Algebra I since 3 May 2026
// by Lumen Learning (sign-in 4ZQ…, key key_01); and since 4 May 2026 by hand,
// pinned (administrator Olga Petrova)."
func (n names) why(person string, m provisioning.Membership) string {
	if !m.Member() {
		text := person + " is not in " + m.Group.Name
		if len(m.Past) > 0 {
			last := n.journalLine(m.Past[0])
			return text + ". The last thing that happened: " + last.Text + ", " + day(last.At) + " by " + last.By + "."
		}
		return text + ", and the journal knows of no time when it was otherwise."
	}
	reasons := make([]string, 0, len(m.Sources))
	for _, source := range m.Sources {
		text := "since " + day(source.Since) + " " + n.source(source)
		if source.Began != nil {
			line := n.journalLine(*source.Began)
			switch {
			case source.Began.What == provisioning.WhatUserMerged:
				text += " (came with a user who was merged into this one)"
			case line.SignIn != "" && line.Key != "":
				text += " (sign-in " + line.SignIn + ", key " + line.Key + ")"
			case line.SignIn != "":
				text += " (sign-in " + line.SignIn + ")"
			default:
				text += " (" + line.By + ")"
			}
		}
		reasons = append(reasons, text)
	}
	return person + " is in " + m.Group.Name + " " + strings.Join(reasons, "; and ") + "."
}

func day(at time.Time) string { return at.UTC().Format("2 January 2006") }

package provisioning

import (
	"encoding/json"
	"fmt"
	"slices"

	"usher/sql/store"
)

// plan is what a sign-in will change, decided from what was read and nothing
// else: no clock, no database. Writing it is store.Apply's work.
type plan struct {
	changes  store.Changes
	user     store.User // as it shall be
	match    Match
	created  bool
	warnings []Warning
	unknown  unknown
	// empties is true when the person loses the last membership that this
	// integration gave.
	empties bool
}

// unknown is what a token names and the catalogue lacks.
type unknown struct{ groups, credits []string }

// planner gathers one plan.
type planner struct {
	assertion   *Assertion
	integration *store.Integration
	state       *store.State
	newID       func() (string, error)
	hold        bool // nobody leaves a group; see Service.guard

	out plan
}

// Match is why a token means the user that it means: a row of the table of
// identities.
type Match string

// The rows that lead to a user.
const (
	MatchSubject  Match = "subject"  // this integration knows the sub
	MatchEmail    Match = "email"    // it knows the e-mail, and no sub is sent
	MatchAttached Match = "attached" // it knows the e-mail without a sub, which is attached now
	MatchLinked   Match = "linked"   // a user without any identity has the e-mail
	MatchTrusted  Match = "trusted"  // a user of another integration has it, and the link policy trusts
	MatchNew      Match = "new"      // nobody: created by this sign-in
)

// decide turns an assertion into the exact rows that come and go. The error is
// a *Refusal, unless newID fails; beside it only what was unknown is told, and
// whom the token means as far as that was found out.
func decide(a *Assertion, n *store.Integration, st *store.State, newID func() (string, error)) (plan, error) {
	return (&planner{assertion: a, integration: n, state: st, newID: newID}).decide()
}

func (p *planner) decide() (plan, error) {
	a, n, st := p.assertion, p.integration, p.state
	p.out.changes = store.Changes{
		TenantID: n.TenantID, IntegrationID: n.ID, Revision: n.Revision, CatalogRevision: st.CatalogRevision,
	}
	print := fingerprint(a, n)
	p.out.changes.Identity.Fingerprint = print[:]
	for _, step := range []func() error{p.resolve, p.profile, p.meta, p.groups, p.credits} {
		if err := step(); err != nil {
			return plan{unknown: p.out.unknown, user: p.out.user, match: p.out.match, created: p.out.created}, err
		}
	}
	p.finish()
	return p.out, nil
}

// resolve answers "who is it", row by row of the identity table.
func (p *planner) resolve() error {
	a, st := p.assertion, p.state
	if st.BySubject != nil {
		p.out.match = MatchSubject
		return p.returning(*st.BySubject)
	}
	if a.Subject == "" && st.ByEmail != nil {
		p.out.match = MatchEmail
		return p.returning(*st.ByEmail)
	}
	if st.Erased {
		return refuse(UserDisabled, "this person was erased; an admin can lift that")
	}
	if st.ByEmail != nil {
		return p.attach(*st.ByEmail)
	}
	if owner := p.owner(); owner != nil {
		return p.link(*owner)
	}
	if !p.integration.AutoCreate {
		return refuse(UserUnknown, "nobody is known by this sub or e-mail, and auto-create is off")
	}
	return p.create()
}

// returning is an identity that this integration knows by this very token.
func (p *planner) returning(id store.Identity) error {
	if err := p.use(id.UserID); err != nil {
		return err
	}
	p.out.changes.Identity.ID = id.ID
	p.out.changes.Identity.Subject = id.Subject
	p.out.changes.Identity.EmailKey = id.EmailKey
	return p.email(id.ID)
}

// attach ties a sub to an identity that was known by its e-mail alone.
func (p *planner) attach(id store.Identity) error {
	if id.Subject != nil {
		return refuse(SubjectConflict, "this integration knows the e-mail under another sub")
	}
	if isFalse(p.assertion.EmailVerified) {
		return refuse(EmailInUse, "the e-mail is known, and email_verified is false")
	}
	subject := p.assertion.Subject
	p.out.match = MatchAttached
	id.Subject = &subject
	if err := p.returning(id); err != nil {
		return err
	}
	return p.note(store.WhatSubjectSet, map[string]any{"identity": id.ID, "sub": subject})
}

// owner finds the user who has the token's e-mail.
func (p *planner) owner() *store.User {
	for i, u := range p.state.Users {
		if p.assertion.EmailKey != "" && u.EmailKey != nil && *u.EmailKey == p.assertion.EmailKey {
			return &p.state.Users[i]
		}
	}
	return nil
}

// link decides about a user who has the e-mail, but whom this integration does
// not know under it.
func (p *planner) link(owner store.User) error {
	var ours *store.Identity // under an older e-mail: the person was renamed elsewhere
	foreign := false
	for i, id := range p.state.Identities {
		switch {
		case id.UserID != owner.ID:
		case id.IntegrationID == p.integration.ID:
			ours = &p.state.Identities[i]
		default:
			foreign = true
		}
	}
	switch policy := p.integration.LinkPolicy; {
	case isFalse(p.assertion.EmailVerified):
		return refuse(EmailInUse, "the e-mail belongs to a user, and email_verified is false")
	case policy == store.LinkNever:
		return refuse(EmailInUse, "the e-mail belongs to a user, and the link policy is never")
	case foreign && policy != store.LinkTrusted:
		return refuse(EmailInUse, "the e-mail belongs to a user of another integration, and the link policy is %s", policy)
	case ours != nil && p.assertion.Subject == "":
		p.out.match = MatchEmail
		return p.returning(*ours)
	case ours != nil:
		return p.attach(*ours)
	}
	p.out.match = MatchLinked
	if foreign {
		p.out.match = MatchTrusted
	}
	if err := p.use(owner.ID); err != nil {
		return err
	}
	if err := p.newIdentity(); err != nil {
		return err
	}
	if err := p.email(""); err != nil {
		return err
	}
	return p.note(store.WhatUserLinked, map[string]any{"by": "email", "identity": p.out.changes.Identity.ID})
}

// create makes somebody new.
func (p *planner) create() error {
	id, err := p.newID()
	if err != nil {
		return err
	}
	p.out.match, p.out.created = MatchNew, true
	p.out.user = store.User{ID: id, Status: store.StatusActive}
	p.out.user.Meta = "{}"
	p.out.user.Email = p.assertion.Email
	p.out.user.EmailKey = optional(p.assertion.EmailKey)
	p.out.user.Onboarding = p.assertion.Onboard
	p.out.changes.User = store.UserChange{ID: id, Create: true, Changed: true}
	if err := p.newIdentity(); err != nil {
		return err
	}
	return p.note(store.WhatUserCreated, map[string]any{"email": p.assertion.Email, "identity": p.out.changes.Identity.ID})
}

func (p *planner) newIdentity() error {
	id, err := p.newID()
	if err != nil {
		return err
	}
	p.out.changes.Identity.ID = id
	p.out.changes.Identity.Create = true
	p.out.changes.Identity.Subject = optional(p.assertion.Subject)
	p.out.changes.Identity.EmailKey = optional(p.assertion.EmailKey)
	return nil
}

// use takes an existing user as the person.
func (p *planner) use(userID string) error {
	i := slices.IndexFunc(p.state.Users, func(u store.User) bool { return u.ID == userID })
	if i < 0 {
		return fmt.Errorf("provisioning: identity without its user %s", userID)
	}
	u := p.state.Users[i]
	p.out.user = u
	if u.Status != store.StatusActive {
		return refuse(UserDisabled, "the user is %s", u.Status)
	}
	p.out.changes.User = store.UserChange{ID: u.ID, Version: u.Version}
	return nil
}

// email follows a changed e-mail, unless somebody else has the new one.
func (p *planner) email(identityID string) error {
	a, u := p.assertion, &p.out.user
	if a.EmailKey == "" {
		return nil
	}
	// This integration may still know somebody else by the address, whom
	// another one has renamed since; that identity keeps it.
	elsewhere := p.state.ByEmail != nil && p.state.ByEmail.ID != identityID
	if u.EmailKey != nil && *u.EmailKey == a.EmailKey {
		if !elsewhere {
			p.out.changes.Identity.EmailKey = optional(a.EmailKey)
		}
		if u.Email == a.Email {
			return nil
		}
		from := u.Email // the same address, written differently
		u.Email = a.Email
		p.shared()
		return p.note(store.WhatEmailChanged, map[string]any{"from": from, "to": a.Email})
	}
	if known := p.out.changes.Identity.EmailKey; known != nil && *known == a.EmailKey {
		// Nothing new: this integration has called the person so all along.
		// The user has another address by a merger, or by another integration
		// that was told of a change.
		return nil
	}
	if elsewhere || p.owner() != nil {
		// Not remembered as unchanged: the address may become free.
		p.out.changes.Identity.Fingerprint = nil
		p.warn("email_conflict", "email", "the new e-mail belongs to another user, so the old one is kept")
		return nil
	}
	from := u.Email
	u.Email, u.EmailKey = a.Email, optional(a.EmailKey)
	p.out.changes.Identity.EmailKey = optional(a.EmailKey)
	p.shared()
	return p.note(store.WhatEmailChanged, map[string]any{"from": from, "to": a.Email})
}

// finish fills in what follows from the steps.
func (p *planner) finish() {
	c := &p.out.changes
	c.User.Row = p.out.user.UserRow
	if len(c.Join)+len(c.Leave)+len(c.Grant)+len(c.Revoke) > 0 || c.Identity.Create {
		c.User.Changed = true
	}
	c.CheckCatalog = c.Identity.Unresolved
}

// shared notes a change of something that every integration speaks of.
func (p *planner) shared() {
	p.out.changes.User.Changed = true
	p.out.changes.User.Shared = true
}

// unresolved notes that the catalogue lacked something that was named.
func (p *planner) unresolved() { p.out.changes.Identity.Unresolved = true }

func (p *planner) warn(code, path, text string) {
	p.out.warnings = append(p.out.warnings, Warning{Code: code, Path: path, Text: text})
}

// note adds a line to the journal.
func (p *planner) note(what string, detail map[string]any) error {
	id, err := p.newID()
	if err != nil {
		return err
	}
	text, err := json.Marshal(detail)
	if err != nil {
		return fmt.Errorf("provisioning: journal: %w", err)
	}
	p.out.changes.Journal = append(p.out.changes.Journal, store.JournalEntry{ID: id, What: what, Detail: string(text)})
	return nil
}

// quotedList writes at most ten ids for a warning.
func quotedList(ids []string) string {
	const most = 10
	if len(ids) > most {
		return fmt.Sprintf("%q and %d more", ids[:most], len(ids)-most)
	}
	return fmt.Sprintf("%q", ids)
}

func isFalse(b *bool) bool { return b != nil && !*b }

func optional(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

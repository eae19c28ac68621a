package provisioning

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"slices"

	"usher/sql/store"
)

// Forecast is what a link would change, found out by the plan of a real
// sign-in.
type Forecast struct {
	Match  Match
	UserID string // "" = nobody yet: the user would be created
	Email  string // as it is now, or as it would be

	Created    bool
	Onboarding bool // to the onboarding page first
	Unchanged  bool // the last token said the same: nothing would be written
	Stale      bool // a newer token was used: signed in, but nothing applied

	Fields  []FieldChange // of the profile
	Meta    []FieldChange // by top-level key, values as JSON
	Groups  []GroupChange
	Credits []CreditChange

	warnings []Warning
}

// Changes reports whether anything of the user would be written.
func (f *Forecast) Changes() bool {
	return f.Created || len(f.Fields)+len(f.Meta)+len(f.Groups)+len(f.Credits) > 0
}

// FieldChange is a value that would be replaced; "" on either side stands for
// none.
type FieldChange struct{ Name, From, To string }

// GroupChange is a membership that would come or go.
type GroupChange struct {
	ID    string // external id
	Added bool
	New   bool // the group itself would be created
	// Otherwise tells that other sources have the person in the group anyway,
	// so that nothing is to be seen of the change.
	Otherwise bool
}

// CreditChange is a grant that would come or go.
type CreditChange struct {
	Grant
	Added  bool
	Parked bool // the catalogue has no such credit yet
}

// foresee finds out whom the link means, and what it would change, by what a
// sign-in does before it writes. It returns the refusal that concerns who it
// is; one about the user's status or the changes is kept for those steps.
func (e *examiner) foresee(ctx context.Context) error {
	s, v := e.service, e.passed()
	prepared := s.prepare(&e.arrival, &v)
	e.prepared = prepared
	a, n := &v.Assertion, &v.Integration
	if err := s.revived(ctx, a, n, prepared.token.Key); err != nil {
		return err
	}
	if v.SpentAs != [sha256.Size]byte{} {
		if err := s.revived(ctx, a, n, v.SpentAs[:]); err != nil {
			return err
		}
	}
	var err error
	if e.state, err = s.store.Read(ctx, s.inquiry(a, n)); err != nil {
		return err
	}
	e.plan, e.planned = decide(a, n, &e.state, store.NewID)
	if e.planned == nil && e.plan.empties && n.DriftGuard {
		held, err := s.store.WouldHold(ctx, emptying(n, e.plan.user.ID, ""))
		if err != nil {
			return err
		}
		if held {
			e.plan, e.planned = holding(a, n, &e.state)
		}
	}
	if _, refused := errors.AsType[*Refusal](e.planned); e.planned != nil && !refused {
		return e.planned
	}
	identity := ""
	switch {
	case a.Subject != "" && e.state.BySubject != nil:
		identity = e.state.BySubject.ID
	case a.Subject == "" && e.state.ByEmail != nil:
		identity = e.state.ByEmail.ID
	case e.planned == nil && !e.plan.changes.Identity.Create:
		identity = e.plan.changes.Identity.ID
	}
	q := recollection(a, n, prepared.token)
	if e.outlook, err = s.store.Foresee(ctx, q, identity); err != nil {
		return err
	}
	if e.link.Presented {
		met, err := s.store.Identify(ctx, q)
		if err != nil {
			return err
		}
		e.outlook.Used = false // it is not spent
		e.outlook.Stale = e.outlook.Stale || met.Known && met.Dated || identity != "" && unordered(a, n, e.now)
	}
	if refusal, refused := errors.AsType[*Refusal](e.planned); refused {
		switch {
		case stepOfPlan(refusal) == stepUser:
			return refusal
		case stepOfPlan(refusal) == stepChanges && (e.outlook.Unchanged || e.link.Presented && e.outlook.Stale):
			e.planned = nil // nothing is planned for a token that changes nothing
		}
	}
	return nil
}

// stepOfPlan is the step to which a refusal of decide belongs.
func stepOfPlan(refusal *Refusal) step {
	switch refusal.Reason {
	case UserDisabled:
		return stepStatus
	case UserUnknown, EmailInUse, SubjectConflict:
		return stepUser
	default:
		return stepChanges
	}
}

// forecast tells the plan in terms of what people know.
func (e *examiner) forecast() *Forecast {
	p := &e.plan
	before, known := e.userBefore()
	f := &Forecast{
		Match: p.match, Email: p.user.Email, Created: p.created, Onboarding: p.user.Onboarding,
		Unchanged: e.outlook.Unchanged, Stale: e.outlook.Stale && !e.outlook.Unchanged, warnings: p.warnings,
	}
	if known {
		f.UserID, f.Email = before.ID, before.Email
	}
	if f.Unchanged {
		f.warnings = nil
		return f
	}
	if f.Stale {
		f.warnings = []Warning{staleWarning}
		return f
	}
	f.Fields = fieldChanges(before.UserRow, p.user.UserRow)
	f.Meta = metaChanges(before.Meta, p.user.Meta)
	f.Groups = e.groupChanges()
	for _, g := range p.changes.Revoke {
		f.Credits = append(f.Credits, CreditChange{Grant: Grant{OrderID: g.OrderID, ID: g.CreditID}})
	}
	for _, g := range p.changes.Grant {
		f.Credits = append(f.Credits, CreditChange{
			Grant: Grant{OrderID: g.OrderID, ID: g.CreditID}, Added: true,
			Parked: !slices.Contains(e.state.Credits, g.CreditID),
		})
	}
	return f
}

// userBefore is the user as stored; false = there is none yet.
func (e *examiner) userBefore() (store.User, bool) {
	for _, u := range e.state.Users {
		if u.ID == e.plan.user.ID {
			return u, true
		}
	}
	return store.User{UserRow: store.UserRow{Meta: "{}"}}, false
}

func fieldChanges(before, after store.UserRow) []FieldChange {
	var changes []FieldChange
	for _, field := range []FieldChange{
		{"email", before.Email, after.Email},
		{"email_verified", truthOf(before.EmailVerified), truthOf(after.EmailVerified)},
		{"first_name", before.FirstName, after.FirstName},
		{"last_name", before.LastName, after.LastName},
		{"name", before.Name, after.Name},
		{"phone", before.Phone, after.Phone},
		{"birthdate", before.Birthdate, after.Birthdate},
		{"locale", before.Locale, after.Locale},
		{"picture", before.Picture, after.Picture},
	} {
		if field.From != field.To {
			changes = append(changes, field)
		}
	}
	return changes
}

func truthOf(b *bool) string {
	switch {
	case b == nil:
		return ""
	case *b:
		return "true"
	default:
		return "false"
	}
}

// metaChanges compares two kept objects key by key.
func metaChanges(before, after string) []FieldChange {
	old, errOld := decodeMeta(before)
	next, errNext := decodeMeta(after)
	if errOld != nil || errNext != nil {
		return nil // decide has read both: there is nothing to tell
	}
	keys := map[string]bool{}
	for key := range old {
		keys[key] = true
	}
	for key := range next {
		keys[key] = true
	}
	var changes []FieldChange
	for key := range keys {
		from, to := jsonOf(old, key), jsonOf(next, key)
		if from != to {
			changes = append(changes, FieldChange{key, from, to})
		}
	}
	slices.SortFunc(changes, func(a, b FieldChange) int { return cmp.Compare(a.Name, b.Name) })
	return changes
}

// jsonOf is a member's value as JSON; "" = there is none.
func jsonOf(object map[string]any, key string) string {
	value, ok := object[key]
	if !ok {
		return ""
	}
	var text bytes.Buffer
	encoder := json.NewEncoder(&text)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(value); err != nil {
		return ""
	}
	return string(bytes.TrimSpace(text.Bytes()))
}

// groupChanges names the groups of the plan's memberships.
func (e *examiner) groupChanges() []GroupChange {
	c := &e.plan.changes
	names := map[string]string{} // external ids by id
	created := map[string]bool{}
	for _, g := range e.state.Groups {
		names[g.ID] = g.ExternalID
	}
	for _, m := range e.state.Members {
		names[m.GroupID] = m.ExternalID
	}
	for _, g := range c.NewGroups {
		names[g.ID], created[g.ID] = g.ExternalID, true
	}
	// otherwise reports whether a source that the plan leaves alone has the
	// person in the group.
	otherwise := func(group string) bool {
		return slices.ContainsFunc(e.state.Members, func(m store.Member) bool {
			return m.UserID == e.plan.user.ID && m.GroupID == group &&
				!slices.Contains(c.Leave, store.Membership{GroupID: m.GroupID, Source: m.Source})
		})
	}
	joined := func(group string) bool {
		return slices.ContainsFunc(c.Join, func(m store.Membership) bool { return m.GroupID == group })
	}
	var changes []GroupChange
	for _, m := range c.Leave {
		changes = append(changes, GroupChange{ID: names[m.GroupID], Otherwise: otherwise(m.GroupID) || joined(m.GroupID)})
	}
	for _, m := range c.Join {
		changes = append(changes, GroupChange{
			ID: names[m.GroupID], Added: true, New: created[m.GroupID], Otherwise: otherwise(m.GroupID),
		})
	}
	return changes
}

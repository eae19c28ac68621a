package provisioning

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"usher/sql/store"
)

// UndoLine says what becomes of one entry of the journal when it is undone.
type UndoLine struct {
	Entry store.Change
	Text  string // what undoing it means, or what it did if nothing is undone: a sentence
	Does  bool   // it is undone, if only in part; see Why
	Why   string // why it, or a part of it, stays; "" = all of it is undone
}

// undoState is what undoing one person's changes depends on.
type undoState struct {
	standing store.Standing
	changes  []store.Change    // from the oldest picked one on, newest first
	picked   map[string]bool   // ids of those to be undone
	groups   map[string]string // external id → id of groups that exist
	taken    map[string]bool   // e-mails and identities that others have; see emailName, identityName
	by       By
}

// undoer works through a person's changes, from the newest to the oldest, on a
// copy of what stands now.
type undoer struct {
	undoState
	row        store.UserRow
	meta       map[string]any
	metaUndone bool
	members    map[memberKey]bool // → pinned
	grants     map[store.OwnedGrant]grantState
	identities map[string]store.Identity
	touched    map[string]bool // what later entries, which stay, have changed as well

	lines   []UndoLine
	journal []store.JournalEntry
}

type memberKey struct{ group, source string } // the group's external id

type grantState struct{ revoked, consumed bool }

// changeDetail is every field that the details of entries have.
type changeDetail struct {
	Undoes      string          `json:"undoes"` // the entry that this one has undone
	Identity    string          `json:"identity"`
	Integration string          `json:"integration"`
	Subject     *string         `json:"sub"`
	Email       *string         `json:"email"`
	Group       string          `json:"group"`
	Source      string          `json:"source"`
	Pinned      bool            `json:"pinned"`
	OrderID     string          `json:"order_id"`
	ID          int64           `json:"id"`
	Set         []string        `json:"set"`
	Removed     []string        `json:"removed"`
	From        json.RawMessage `json:"from"`
	To          json.RawMessage `json:"to"`
}

// planUndo decides what undoing entries of one person's journal means: pure,
// so that the preview and the act say the same. Each line stands for a picked
// entry, newest first.
//
// An entry is undone only if what it did still stands and nobody has changed
// the same thing since. An undoing can be undone in turn: the two cancel out.
func planUndo(in undoState) ([]UndoLine, store.Correction, error) {
	u := &undoer{
		undoState: in, row: in.standing.User.UserRow, members: map[memberKey]bool{},
		grants: map[store.OwnedGrant]grantState{}, identities: map[string]store.Identity{}, touched: map[string]bool{},
	}
	var err error
	if u.meta, err = decodeMeta(u.row.Meta); err != nil {
		return nil, store.Correction{}, err
	}
	for _, m := range in.standing.Members {
		u.members[memberKey{m.ExternalID, m.Source}] = m.Pinned
	}
	for _, g := range in.standing.Grants {
		u.grants[grantName(g)] = grantState{g.Revoked, g.Consumed}
	}
	for _, id := range in.standing.Identities {
		u.identities[id.ID] = id
	}
	if err := u.walk(); err != nil {
		return nil, store.Correction{}, err
	}
	c, err := u.correction()
	return u.lines, c, err
}

// grantName is a grant without its state, as a key.
func grantName(g store.OwnedGrant) store.OwnedGrant {
	g.Revoked, g.Consumed = false, false
	return g
}

func (u *undoer) walk() error {
	details := map[string]changeDetail{}
	undoneBy := map[string]string{}
	for _, change := range u.changes { // newest first
		var d changeDetail
		// A profile's fields have names of their own; what does not fit is not
		// looked at.
		_ = json.Unmarshal([]byte(change.Detail), &d)
		details[change.ID] = d
		if _, undone := undoneBy[change.ID]; d.Undoes != "" && !undone {
			undoneBy[d.Undoes] = change.ID
		}
	}
	for _, change := range u.changes {
		d := details[change.ID]
		_, undone := undoneBy[change.ID]
		if !u.picked[change.ID] {
			_, pair := details[d.Undoes] // it and what it has undone cancel out
			if !undone && !pair {
				u.touched[thing(change, d)] = true
			}
			continue
		}
		line := UndoLine{Entry: change}
		switch status := u.standing.User.Status; {
		case undone:
			line.Why = "That has been undone already."
		case status != store.StatusActive && status != store.StatusDisabled:
			line.Why = "The account is " + status + "."
		case u.touched[thing(change, d)] && change.What != store.WhatProfileChanged && change.What != store.WhatMetaChanged:
			line.Why = "It has been changed again since."
			u.touched[thing(change, d)] = true
		default:
			what, detail, why := u.invert(change, d)
			line.Why, line.Does = why, what != ""
			if what != "" {
				detail["undoes"] = change.ID
				entry, err := journalEntry(what, u.by, detail)
				if err != nil {
					return err
				}
				u.journal = append(u.journal, entry)
			}
		}
		if line.Text = doneText(change, d); line.Does {
			line.Text = undoText(change, d)
		}
		u.lines = append(u.lines, line)
	}
	return nil
}

// thing names what an entry has changed, for a look at who changed it later.
func thing(change store.Change, d changeDetail) string {
	switch change.What {
	case store.WhatGroupAdded, store.WhatGroupRemoved, store.WhatGroupPinned:
		return "group " + d.Group + "\x00" + sourceOf(change, d)
	case store.WhatCreditGranted, store.WhatCreditParked, store.WhatCreditRevoked, store.WhatCreditConsumed:
		return fmt.Sprintf("credit %s\x00%s\x00%d", integrationOf(change, d), d.OrderID, d.ID)
	case store.WhatUserLinked, store.WhatSubjectSet, store.WhatIdentityDetached, store.WhatSubjectUnset:
		return "identity " + d.Identity
	case store.WhatEmailChanged:
		return "email"
	}
	return change.What
}

// integrationOf is whose token made a change, or whose was undone by it.
func integrationOf(change store.Change, d changeDetail) string {
	if d.Integration == "" && change.IntegrationID != nil {
		return *change.IntegrationID
	}
	return d.Integration
}

func sourceOf(change store.Change, d changeDetail) string {
	switch {
	case d.Source != "":
		return d.Source
	case change.IntegrationID != nil:
		return *change.IntegrationID
	}
	return store.ManualSource
}

// invert takes back one entry. what and detail are the new entry's; what is ""
// when nothing is taken back, and why says what stays.
func (u *undoer) invert(change store.Change, d changeDetail) (what string, detail map[string]any, why string) {
	switch change.What {
	case store.WhatGroupAdded:
		return u.leaveGroup(memberKey{d.Group, sourceOf(change, d)})
	case store.WhatGroupRemoved:
		return u.rejoinGroup(memberKey{d.Group, sourceOf(change, d)}, d.Pinned)
	case store.WhatCreditGranted, store.WhatCreditParked:
		return u.revoke(store.OwnedGrant{IntegrationID: integrationOf(change, d), OrderID: d.OrderID, CreditID: d.ID})
	case store.WhatCreditRevoked:
		return u.reopen(store.OwnedGrant{IntegrationID: integrationOf(change, d), OrderID: d.OrderID, CreditID: d.ID})
	case store.WhatProfileChanged:
		return u.restoreProfile(change)
	case store.WhatEmailChanged:
		return u.restoreEmail(change, d)
	case store.WhatMetaChanged:
		return u.restoreMeta(d)
	case store.WhatUserLinked:
		return u.detach(change, d)
	case store.WhatIdentityDetached:
		return u.attach(d)
	case store.WhatSubjectSet:
		return u.unsetSubject(d)
	case store.WhatSubjectUnset:
		return u.setSubject(d)
	case store.WhatUserCreated:
		return "", nil, "The person stays, and so do the profile and the meta that came with it. Disable or erase the account instead."
	case store.WhatCreditConsumed:
		return "", nil, "What was consumed stays consumed."
	}
	return "", nil, "This is not undone from here."
}

func (u *undoer) leaveGroup(key memberKey) (string, map[string]any, string) {
	if _, is := u.members[key]; !is {
		return "", nil, "The membership is not there any more."
	}
	pinned := u.members[key]
	delete(u.members, key)
	return store.WhatGroupRemoved, map[string]any{
		"group": key.group, "source": key.source, "pinned": pinned, "still_member": u.inGroup(key.group),
	}, ""
}

func (u *undoer) rejoinGroup(key memberKey, pinned bool) (string, map[string]any, string) {
	if _, is := u.members[key]; is {
		return "", nil, "The membership is there again."
	}
	if u.groups[key.group] == "" {
		return "", nil, "The group is gone."
	}
	was := u.inGroup(key.group)
	u.members[key] = pinned
	return store.WhatGroupAdded, map[string]any{
		"group": key.group, "source": key.source, "pinned": pinned, "was_member": was,
	}, ""
}

// inGroup reports whether any source says that the user is in a group.
func (u *undoer) inGroup(group string) bool {
	for key := range u.members {
		if key.group == group {
			return true
		}
	}
	return false
}

func (u *undoer) revoke(name store.OwnedGrant) (string, map[string]any, string) {
	g, there := u.grants[name]
	switch {
	case !there || g.revoked:
		return "", nil, "The credit is not granted any more."
	case g.consumed:
		return "", nil, "The credit has been consumed."
	}
	u.grants[name] = grantState{revoked: true}
	return store.WhatCreditRevoked, grantDetail(name), ""
}

func (u *undoer) reopen(name store.OwnedGrant) (string, map[string]any, string) {
	g, there := u.grants[name]
	switch {
	case !there:
		return "", nil, "The grant is gone."
	case !g.revoked:
		return "", nil, "The credit is granted again."
	}
	u.grants[name] = grantState{consumed: g.consumed}
	return store.WhatCreditGranted, grantDetail(name), ""
}

func grantDetail(g store.OwnedGrant) map[string]any {
	return map[string]any{"order_id": g.OrderID, "id": g.CreditID, "integration": g.IntegrationID}
}

// restoreProfile gives fields their old values where the new ones still stand.
func (u *undoer) restoreProfile(change store.Change) (string, map[string]any, string) {
	var fields map[string]json.RawMessage
	if json.Unmarshal([]byte(change.Detail), &fields) != nil {
		return "", nil, "The old values were not kept."
	}
	changed := map[string]any{}
	var left []string
	for _, name := range slices.Sorted(maps.Keys(fields)) {
		if name == "undoes" {
			continue
		}
		if name == "email_verified" {
			var was struct{ From, To *bool }
			if json.Unmarshal(fields[name], &was) != nil || !equal(u.row.EmailVerified, was.To) {
				left = append(left, name)
				continue
			}
			changed[name] = map[string]any{"from": was.To, "to": was.From}
			u.row.EmailVerified = was.From
			continue
		}
		var was struct{ From, To string }
		kept := profileField(&u.row, name)
		if kept == nil || json.Unmarshal(fields[name], &was) != nil || *kept != was.To {
			left = append(left, name)
			continue
		}
		changed[name] = map[string]string{"from": was.To, "to": was.From}
		*kept = was.From
	}
	why := ""
	if len(left) > 0 {
		why = "Changed again since: " + strings.Join(left, ", ") + "."
	}
	if len(changed) == 0 {
		return "", nil, why
	}
	return store.WhatProfileChanged, changed, why
}

// profileField is the field that the journal names so, or nil.
func profileField(row *store.UserRow, name string) *string {
	switch name {
	case "first_name":
		return &row.FirstName
	case "last_name":
		return &row.LastName
	case "name":
		return &row.Name
	case "phone":
		return &row.Phone
	case "birthdate":
		return &row.Birthdate
	case "locale":
		return &row.Locale
	case "picture":
		return &row.Picture
	}
	return nil
}

func equal[T comparable](a, b *T) bool {
	return a == nil && b == nil || a != nil && b != nil && *a == *b
}

// restoreEmail gives the old e-mail back, to the user and to the identity that
// followed the change.
func (u *undoer) restoreEmail(change store.Change, d changeDetail) (string, map[string]any, string) {
	var from, to string
	if json.Unmarshal(d.From, &from) != nil || json.Unmarshal(d.To, &to) != nil {
		return "", nil, "The old address was not kept."
	}
	if u.row.Email != to {
		return "", nil, "It has been changed again since."
	}
	fromKey := ""
	if from != "" {
		var err error
		if fromKey, err = EmailKey(from); err != nil {
			return "", nil, "The old address is not one any more."
		}
	}
	if u.taken[emailName(fromKey)] {
		return "", nil, "Somebody else has the old address now."
	}
	toKey := u.row.EmailKey
	u.row.Email, u.row.EmailKey = from, optional(fromKey)
	integration := integrationOf(change, d)
	for id, identity := range u.identities {
		if identity.IntegrationID == integration && equal(identity.EmailKey, toKey) && identity.Subject != nil &&
			!u.knownAs(integration, fromKey) {
			identity.EmailKey = optional(fromKey)
			u.identities[id] = identity
		}
	}
	detail := map[string]any{"from": to, "to": from}
	if integration != "" {
		detail["integration"] = integration
	}
	return store.WhatEmailChanged, detail, ""
}

// knownAs reports whether an integration has an identity of the user with an
// e-mail.
func (u *undoer) knownAs(integration, key string) bool {
	for _, identity := range u.identities {
		if identity.IntegrationID == integration && identity.EmailKey != nil && *identity.EmailKey == key {
			return true
		}
	}
	return false
}

// restoreMeta gives keys their old values where the new ones still stand.
func (u *undoer) restoreMeta(d changeDetail) (string, map[string]any, string) {
	from, errFrom := decodeMeta(string(d.From))
	to, errTo := decodeMeta(string(d.To))
	if errFrom != nil || errTo != nil || from == nil || to == nil {
		return "", nil, "The old values were not kept."
	}
	before, next := u.meta, maps.Clone(u.meta)
	var left []string
	for _, key := range slices.Concat(d.Set, d.Removed) {
		now, is := next[key]
		after, was := to[key]
		if is != was || is && !sameJSON(now, after) {
			left = append(left, key)
			continue
		}
		if old, had := from[key]; had {
			next[key] = old
		} else {
			delete(next, key)
		}
	}
	why := ""
	if len(left) > 0 {
		why = "Changed again since: " + strings.Join(left, ", ") + "."
	}
	if len(left) == len(d.Set)+len(d.Removed) {
		return "", nil, why
	}
	if text, err := encodeMeta(next); err != nil || len(text) > maxMetaBytes || len(next) > maxMetaKeys {
		return "", nil, "Together with what came since it would be too large."
	}
	u.meta, u.metaUndone = next, true
	return store.WhatMetaChanged, metaDifference(before, next), why
}

// detach takes an identity from the user.
func (u *undoer) detach(change store.Change, d changeDetail) (string, map[string]any, string) {
	identity, there := u.identities[d.Identity]
	if d.Identity == "" { // entries of an earlier version do not name it
		for _, one := range u.identities {
			if change.IntegrationID != nil && one.IntegrationID == *change.IntegrationID {
				identity, there = one, true
			}
		}
	}
	if !there {
		return "", nil, "The identity is not tied to this person any more."
	}
	delete(u.identities, identity.ID)
	return store.WhatIdentityDetached, map[string]any{
		"identity": identity.ID, "integration": identity.IntegrationID, "sub": identity.Subject, "email": identity.EmailKey,
	}, ""
}

// attach ties an identity to the user again.
func (u *undoer) attach(d changeDetail) (string, map[string]any, string) {
	identity := store.Identity{
		ID: d.Identity, IntegrationID: d.Integration, UserID: u.standing.User.ID, Subject: d.Subject, EmailKey: d.Email,
	}
	if identity.ID == "" || identity.IntegrationID == "" || u.taken[identityName(d.Identity)] {
		return "", nil, "Somebody else is known under it now."
	}
	if _, there := u.identities[identity.ID]; there {
		return "", nil, "The identity is tied to this person again."
	}
	u.identities[identity.ID] = identity
	return store.WhatUserLinked, map[string]any{"by": "undo", "identity": identity.ID, "integration": identity.IntegrationID}, ""
}

func (u *undoer) unsetSubject(d changeDetail) (string, map[string]any, string) {
	identity, there := u.identities[d.Identity]
	switch {
	case !there || d.Subject == nil || !equal(identity.Subject, d.Subject):
		return "", nil, "The identity is not the same any more."
	case identity.EmailKey == nil:
		return "", nil, "Nothing else would tell who it is."
	}
	identity.Subject = nil
	u.identities[d.Identity] = identity
	return store.WhatSubjectUnset, map[string]any{
		"identity": identity.ID, "integration": identity.IntegrationID, "sub": d.Subject,
	}, ""
}

func (u *undoer) setSubject(d changeDetail) (string, map[string]any, string) {
	identity, there := u.identities[d.Identity]
	if !there || identity.Subject != nil || d.Subject == nil || u.taken[identityName(d.Identity)] {
		return "", nil, "The identity is not the same any more."
	}
	identity.Subject = d.Subject
	u.identities[d.Identity] = identity
	return store.WhatSubjectSet, map[string]any{
		"identity": identity.ID, "integration": identity.IntegrationID, "sub": d.Subject,
	}, ""
}

// emailName and identityName are the keys of undoState.taken.
func emailName(key string) string   { return "email " + key }
func identityName(id string) string { return "identity " + id }

// correction is the difference between what stands and what shall.
func (u *undoer) correction() (store.Correction, error) {
	c := store.Correction{Journal: u.journal}
	meta, err := encodeMeta(u.meta)
	if err != nil {
		return store.Correction{}, err
	}
	if u.metaUndone {
		u.row.Meta = meta
	}
	if !sameJSON(u.row, u.standing.User.UserRow) {
		c.Row = &u.row
	}
	for _, m := range u.standing.Members {
		key := memberKey{m.ExternalID, m.Source}
		if _, stays := u.members[key]; !stays {
			c.Leave = append(c.Leave, store.Membership{GroupID: m.GroupID, Source: m.Source})
		}
		delete(u.members, key)
	}
	for key, pinned := range u.members {
		c.Join = append(c.Join, store.Member{GroupID: u.groups[key.group], Source: key.source, Pinned: pinned})
	}
	for _, g := range u.standing.Grants {
		switch now := u.grants[grantName(g)]; {
		case now.revoked && !g.Revoked:
			c.Revoke = append(c.Revoke, g)
		case !now.revoked && g.Revoked:
			c.Reopen = append(c.Reopen, g)
		}
	}
	for _, id := range u.standing.Identities {
		now, stays := u.identities[id.ID]
		switch {
		case !stays:
			c.Detach = append(c.Detach, id.ID)
		case !equal(now.Subject, id.Subject) || !equal(now.EmailKey, id.EmailKey):
			c.Identities = append(c.Identities, now)
		}
		delete(u.identities, id.ID)
	}
	for _, id := range u.identities {
		c.Attach = append(c.Attach, id)
	}
	return c, nil
}

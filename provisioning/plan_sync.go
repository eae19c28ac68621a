package provisioning

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"

	"usher/sql/store"
)

// profile takes over the fields that the token names.
func (p *planner) profile() error {
	a, u := p.assertion, &p.out.user
	changed := map[string]any{}
	for _, field := range []struct {
		name string
		said *string
		kept *string
	}{
		{"first_name", a.FirstName, &u.FirstName},
		{"last_name", a.LastName, &u.LastName},
		{"name", a.Name, &u.Name},
		{"phone", a.Phone, &u.Phone},
		{"birthdate", a.Birthdate, &u.Birthdate},
		{"locale", a.Locale, &u.Locale},
		{"picture", a.Picture, &u.Picture},
	} {
		if field.said == nil || *field.said == *field.kept {
			continue
		}
		changed[field.name] = map[string]string{"from": *field.kept, "to": *field.said}
		*field.kept = *field.said
	}
	if v := a.EmailVerified; v != nil && (u.EmailVerified == nil || *u.EmailVerified != *v) {
		changed["email_verified"] = map[string]any{"from": u.EmailVerified, "to": *v}
		u.EmailVerified = v
	}
	if len(changed) == 0 || p.out.created {
		return nil
	}
	p.shared()
	return p.note(store.WhatProfileChanged, changed)
}

// meta merges the token's object into what is kept, or replaces it.
func (p *planner) meta() error {
	if p.assertion.Meta == nil {
		return nil
	}
	kept, err := decodeMeta(p.out.user.Meta)
	if err != nil {
		return err
	}
	next := map[string]any{}
	if p.integration.MetaMode != store.MetaReplace {
		maps.Copy(next, kept)
	}
	for key, value := range p.assertion.Meta {
		if value == nil && p.integration.MetaMode != store.MetaReplace {
			delete(next, key)
			continue
		}
		next[key] = value
	}
	text, err := encodeMeta(next)
	if err != nil {
		return err
	}
	before, err := encodeMeta(kept)
	if err != nil {
		return err
	}
	if text == before {
		return nil
	}
	// The claim was within the limits; what merging piles up has to be as well.
	if len(text) > maxMetaBytes || len(next) > maxMetaKeys {
		return &Refusal{
			Reason: ClaimInvalid, Path: "meta",
			Expected: fmt.Sprintf("together with what is kept at most %d bytes and %d keys", maxMetaBytes, maxMetaKeys),
		}
	}
	p.out.user.Meta = text
	if p.out.created {
		return nil
	}
	p.shared()
	return p.note(store.WhatMetaChanged, metaDifference(kept, next))
}

// groups makes the memberships exactly what the token says, as far as this
// integration's reach goes.
func (p *planner) groups() error {
	if p.assertion.Groups == nil {
		return nil
	}
	target, err := p.targetGroups()
	if err != nil {
		return err
	}
	c := &p.out.changes
	sources := map[string]int{} // per group, how many sources will remain
	mine := map[string]bool{}
	var leaving []store.Member
	emptied := false
	for _, m := range p.state.Members {
		if m.UserID != p.out.user.ID {
			continue
		}
		_, wanted := target[m.GroupID]
		ours := m.Source == p.integration.ID
		manual := m.Source == store.ManualSource && !m.Pinned && p.integration.GroupScope != store.ScopeOwned
		if !wanted && (ours || manual) && p.hold {
			wanted = true
		}
		if !wanted && (ours || manual) {
			emptied = emptied || ours
			leaving = append(leaving, m)
			c.Leave = append(c.Leave, store.Membership{GroupID: m.GroupID, Source: m.Source})
			continue
		}
		sources[m.GroupID]++
		if ours {
			mine[m.GroupID] = true
		}
	}
	p.out.empties = emptied && len(target) == 0
	if p.hold {
		// Not remembered as unchanged: the next sign-in compares again.
		c.Identity.Fingerprint = nil
		p.warn("removals_held", "groups", "the drift guard holds removals back: one sign-in after another has emptied groups")
	}
	for _, m := range leaving {
		detail := map[string]any{"group": m.ExternalID, "source": m.Source, "still_member": sources[m.GroupID] > 0}
		if err := p.note(store.WhatGroupRemoved, detail); err != nil {
			return err
		}
	}
	for _, id := range slices.SortedFunc(maps.Keys(target), func(a, b string) int {
		return bytes.Compare([]byte(target[a]), []byte(target[b]))
	}) {
		if mine[id] {
			continue
		}
		c.Join = append(c.Join, store.Membership{GroupID: id, Source: p.integration.ID})
		detail := map[string]any{"group": target[id], "was_member": sources[id] > 0}
		if err := p.note(store.WhatGroupAdded, detail); err != nil {
			return err
		}
	}
	return nil
}

// targetGroups maps the ids of the groups that the token names to their
// external ids.
func (p *planner) targetGroups() (map[string]string, error) {
	known := map[string]string{} // external id → id
	for _, g := range p.state.Groups {
		known[g.ExternalID] = g.ID
	}
	target := map[string]string{}
	var unknown []string
	for _, external := range *p.assertion.Groups {
		if id, ok := known[external]; ok {
			target[id] = external
		} else {
			unknown = append(unknown, external)
		}
	}
	if len(unknown) == 0 {
		return target, nil
	}
	if p.integration.UnknownGroups != store.UnknownCreate {
		p.out.unknown.groups = unknown
	}
	switch p.integration.UnknownGroups {
	case store.UnknownRefuse:
		return nil, &Refusal{
			Reason: ClaimInvalid, Path: "groups", Expected: "ids of groups that exist",
			Detail: "unknown groups: " + quotedList(unknown),
		}
	case store.UnknownCreate:
		for _, external := range unknown {
			id, err := p.newID()
			if err != nil {
				return nil, err
			}
			target[id] = external
			p.out.changes.NewGroups = append(p.out.changes.NewGroups, store.NewGroup{ID: id, ExternalID: external})
		}
		p.warn("group_created", "groups", "created groups: "+quotedList(unknown))
	default:
		p.unresolved()
		p.warn("group_unknown", "groups", "left out unknown groups: "+quotedList(unknown))
	}
	return target, nil
}

// credits makes the grants of this integration exactly what the token says,
// as a difference: a grant that stays keeps its time and its consumption.
func (p *planner) credits() error {
	if p.assertion.Credits == nil {
		return nil
	}
	known := map[int64]bool{}
	for _, id := range p.state.Credits {
		known[id] = true
	}
	target := map[store.GrantKey]bool{}
	var unknown []string
	for _, g := range *p.assertion.Credits {
		if !known[g.ID] {
			unknown = append(unknown, fmt.Sprint(g.ID))
			if p.integration.UnknownCredits == store.UnknownIgnore {
				continue
			}
		}
		target[store.GrantKey{OrderID: g.OrderID, CreditID: g.ID}] = true
	}
	if len(unknown) > 0 {
		unknown = slices.Compact(unknown)
		p.out.unknown.credits = unknown
		switch p.integration.UnknownCredits {
		case store.UnknownRefuse:
			return &Refusal{
				Reason: ClaimInvalid, Path: "credits", Expected: "ids of credits that exist",
				Detail: "unknown credits: " + quotedList(unknown),
			}
		case store.UnknownIgnore:
			p.unresolved()
			p.warn("credit_unknown", "credits", "left out unknown credits: "+quotedList(unknown))
		default:
			p.warn("credit_parked", "credits", "parked unknown credits: "+quotedList(unknown))
		}
	}
	c := &p.out.changes
	for _, g := range p.state.Grants {
		if g.UserID != p.out.user.ID || g.Revoked {
			continue
		}
		key := store.GrantKey{OrderID: g.OrderID, CreditID: g.CreditID}
		if target[key] {
			delete(target, key)
			continue
		}
		c.Revoke = append(c.Revoke, key)
		if err := p.note(store.WhatCreditRevoked, map[string]any{"order_id": g.OrderID, "id": g.CreditID}); err != nil {
			return err
		}
	}
	for _, g := range *p.assertion.Credits {
		key := store.GrantKey{OrderID: g.OrderID, CreditID: g.ID}
		if !target[key] {
			continue
		}
		c.Grant = append(c.Grant, key)
		what := store.WhatCreditGranted
		if !known[g.ID] {
			what = store.WhatCreditParked
		}
		if err := p.note(what, map[string]any{"order_id": g.OrderID, "id": g.ID}); err != nil {
			return err
		}
	}
	return nil
}

// decodeMeta reads a kept object; numbers keep their text.
func decodeMeta(text string) (map[string]any, error) {
	decoder := json.NewDecoder(bytes.NewReader([]byte(text)))
	decoder.UseNumber()
	meta := map[string]any{}
	if err := decoder.Decode(&meta); err != nil {
		return nil, fmt.Errorf("provisioning: kept meta: %w", err)
	}
	return meta, nil
}

// encodeMeta writes an object with its keys in order, so that equal objects
// are equal texts.
func encodeMeta(meta map[string]any) (string, error) {
	var buffer bytes.Buffer
	encoder := json.NewEncoder(&buffer)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(meta); err != nil {
		return "", fmt.Errorf("provisioning: meta: %w", err)
	}
	return string(bytes.TrimRight(buffer.Bytes(), "\n")), nil
}

// metaDifference says which top-level keys came, changed or went: "set" and
// "removed" list them, "from" has the values that were there before, and "to"
// those that are there now. Both are as bounded as what is kept.
func metaDifference(before, after map[string]any) map[string]any {
	set, removed := []string{}, []string{}
	from, to := map[string]any{}, map[string]any{}
	for key, value := range after {
		old, had := before[key]
		if had && sameJSON(old, value) {
			continue
		}
		set = append(set, key)
		to[key] = value
		if had {
			from[key] = old
		}
	}
	for key, old := range before {
		if _, has := after[key]; !has {
			removed = append(removed, key)
			from[key] = old
		}
	}
	slices.Sort(set)
	slices.Sort(removed)
	return map[string]any{"set": set, "removed": removed, "from": from, "to": to}
}

func sameJSON(a, b any) bool {
	x, errX := json.Marshal(a)
	y, errY := json.Marshal(b)
	return errX == nil && errY == nil && bytes.Equal(x, y)
}

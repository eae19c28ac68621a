package provisioning

import (
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"usher/sql/store"
)

// Types of webhook events.
const (
	EventUserCreated       = "user.created"
	EventUserUpdated       = "user.updated"
	EventUserDisabled      = "user.disabled"
	EventUserEnabled       = "user.enabled"
	EventUserErased        = "user.erased"
	EventUserMerged        = "user.merged"
	EventMembershipAdded   = "membership.added"
	EventMembershipRemoved = "membership.removed"
	EventCreditGranted     = "credit.granted"
	EventCreditRevoked     = "credit.revoked"
	EventCreditConsumed    = "credit.consumed"
	EventGroupCreated      = "group.created"
	EventGroupUpdated      = "group.updated"
	EventGroupDeleted      = "group.deleted"
	EventIntegrationAdded  = "integration.installed"
	EventIntegrationSet    = "integration.updated"
	EventIntegrationGone   = "integration.removed"
	// EventTest is sent on demand only, whatever an endpoint wants.
	EventTest = "webhook.test"
	// EveryEvent stands for all types in the list of an endpoint.
	EveryEvent = "*"
)

// EventType is a type of events, for those who choose.
type EventType struct{ Name, About string }

// eventTypes in the order in which they are shown. docs/webhooks.md has an
// example of each, and a test compares the two.
var eventTypes = []EventType{
	{EventUserCreated, "A user was made."},
	{EventUserUpdated, "A user's profile, e-mail address, meta or identities changed."},
	{EventUserDisabled, "A user was disabled: every session has ended."},
	{EventUserEnabled, "A user was enabled again."},
	{EventUserErased, "A user was erased: nothing personal is left."},
	{EventUserMerged, "Another user became part of this one."},
	{EventMembershipAdded, "A user came into a group."},
	{EventMembershipRemoved, "A user left a group."},
	{EventCreditGranted, "A user was granted a credit."},
	{EventCreditRevoked, "A credit was taken from a user."},
	{EventCreditConsumed, "A user's credit was consumed."},
	{EventGroupCreated, "A group was made."},
	{EventGroupUpdated, "A group's name or description changed."},
	{EventGroupDeleted, "A group was deleted."},
	{EventIntegrationAdded, "An integration was installed."},
	{EventIntegrationSet, "An integration's settings or keys changed."},
	{EventIntegrationGone, "An integration was removed: its links are refused."},
}

// EventTypes lists the types of events that endpoints can want.
func EventTypes() []EventType { return slices.Clone(eventTypes) }

// eventData is what an event is about: ids and the names of what changed,
// nothing personal. Whoever needs more asks the API, and gets what is so then.
type eventData struct {
	UserID        string   `json:"user_id,omitempty"`
	MergedUserID  string   `json:"merged_user_id,omitempty"`
	Changed       []string `json:"changed,omitempty"` // names of fields
	Group         string   `json:"group,omitempty"`   // the external id
	GroupID       string   `json:"group_id,omitempty"`
	OrderID       string   `json:"order_id,omitempty"`
	CreditID      *int64   `json:"credit_id,omitempty"`
	Parked        bool     `json:"parked,omitempty"` // kept until the credit appears
	EndpointID    string   `json:"endpoint_id,omitempty"`
	IntegrationID string   `json:"integration_id,omitempty"` // whose token, or which one
	Reference     string   `json:"reference,omitempty"`      // of the request that made the change
}

// eventPayload is the body of a delivery.
type eventPayload struct {
	Type      string    `json:"type"`
	Timestamp time.Time `json:"timestamp"` // when it happened
	Data      eventData `json:"data"`
}

// newEvent makes an event with an id of its own.
func newEvent(tenant, kind string, at, now time.Time, data eventData) (store.WebhookEvent, error) {
	id, err := store.NewIDAt(now)
	if err != nil {
		return store.WebhookEvent{}, err
	}
	text, err := json.Marshal(eventPayload{Type: kind, Timestamp: at.UTC().Truncate(time.Millisecond), Data: data})
	if err != nil {
		return store.WebhookEvent{}, fmt.Errorf("provisioning: payload of an event: %w", err)
	}
	return store.WebhookEvent{TenantID: tenant, ID: eventID(id), Type: kind, Payload: string(text), CreatedAt: now.UTC()}, nil
}

const eventPrefix = "msg_"

func eventID(id string) string { return eventPrefix + strings.ReplaceAll(id, "-", "") }

// isEventID reports whether a text can be the id of an event.
func isEventID(text string) bool {
	digits, ok := strings.CutPrefix(text, eventPrefix)
	raw, err := hex.DecodeString(digits)
	return ok && err == nil && len(raw) == 16 && digits == strings.ToLower(digits)
}

// eventsOf turns changes into events. What one request changed about a user's
// profile, address, meta and identities is one event. A change that cannot be
// read is left to skip: it must not hold up the others.
func eventsOf(changes []store.OutboxChange, now time.Time, skip func(store.OutboxChange, error)) ([]store.WebhookEvent, error) {
	type told struct {
		tenant, kind string
		at           time.Time
		data         eventData
	}
	var all []told
	updates := map[[3]string]int{} // where the update of a user by a request stands in all
	for _, c := range changes {
		kind, data, ok, err := eventOf(c)
		if err != nil {
			skip(c, err)
		}
		if err != nil || !ok {
			continue
		}
		if kind == EventUserUpdated {
			key := [3]string{c.TenantID, data.UserID, c.Reference}
			if at, known := updates[key]; known {
				all[at].data.Changed = union(all[at].data.Changed, data.Changed)
				continue
			}
			updates[key] = len(all)
		}
		all = append(all, told{c.TenantID, kind, c.At, data})
	}
	var events []store.WebhookEvent
	for _, one := range all {
		event, err := newEvent(one.tenant, one.kind, one.at, now, one.data)
		if err != nil {
			return nil, err
		}
		events = append(events, event)
	}
	return events, nil
}

func union(a, b []string) []string {
	both := slices.Concat(a, b)
	slices.Sort(both)
	return slices.Compact(both)
}

// eventOf is the event that a change makes, if it does make one.
func eventOf(c store.OutboxChange) (kind string, data eventData, ok bool, err error) {
	data.Reference = c.Reference
	if c.IntegrationID != nil {
		data.IntegrationID = *c.IntegrationID
	} else if c.Actor != nil {
		// A partner's event has made it (see Revoke).
		if id, ok := strings.CutPrefix(*c.Actor, integrationActor); ok {
			data.IntegrationID = id
		}
	}
	switch c.Source {
	case store.OutboxJournal:
		data.UserID = c.Object
		return personEvent(c, data)
	case store.OutboxGroups:
		data.GroupID = c.Object
		kind, ok = map[string]string{"insert": EventGroupCreated, "update": EventGroupUpdated, "delete": EventGroupDeleted}[c.What]
		err = detailOf(c, &struct {
			Group *string `json:"group"`
		}{&data.Group})
		return kind, data, ok, err
	case store.OutboxAudit:
		return actEvent(c, data)
	}
	return "", data, false, nil
}

// detailOf reads what a change says about itself.
func detailOf(c store.OutboxChange, into any) error {
	if c.Detail == nil {
		return nil
	}
	return json.Unmarshal([]byte(*c.Detail), into)
}

// personEvents are the types of events whose journal entries need no look into
// their details.
var personEvents = map[string]string{
	WhatUserCreated:  EventUserCreated,
	WhatUserDisabled: EventUserDisabled,
	WhatUserEnabled:  EventUserEnabled,
	WhatUserErased:   EventUserErased,
}

// userUpdates are the journal entries of which user.updated tells, with what
// changed; that of a profile stands in the detail.
var userUpdates = map[string][]string{
	WhatUserLinked:       {"identities"},
	WhatSubjectSet:       {"identities"},
	WhatIdentityDetached: {"identities"},
	WhatSubjectUnset:     {"identities"},
	WhatEmailChanged:     {"email"},
	WhatMetaChanged:      {"meta"},
	WhatProfileChanged:   nil,
}

func personEvent(c store.OutboxChange, data eventData) (kind string, _ eventData, ok bool, err error) {
	if kind, ok := personEvents[c.What]; ok {
		return kind, data, true, nil
	}
	if changed, ok := userUpdates[c.What]; ok {
		data.Changed = changed
		if c.What == WhatProfileChanged {
			fields := map[string]json.RawMessage{}
			if err := detailOf(c, &fields); err != nil {
				return "", data, false, err
			}
			delete(fields, "undoes")
			data.Changed = slices.Sorted(maps.Keys(fields))
		}
		return EventUserUpdated, data, true, nil
	}
	if c.Detail == nil { // erased since: that event says all
		return "", data, false, nil
	}
	var d struct {
		Group       string `json:"group"`
		WasMember   bool   `json:"was_member"`
		StillMember bool   `json:"still_member"`
		OrderID     string `json:"order_id"`
		CreditID    *int64 `json:"id"`
		From        string `json:"from"`
	}
	switch c.What {
	case WhatGroupAdded, WhatGroupRemoved, WhatCreditGranted, WhatCreditParked, WhatCreditRevoked, WhatCreditConsumed, WhatUserMerged:
		if err := detailOf(c, &d); err != nil {
			return "", data, false, err
		}
	}
	switch c.What {
	case WhatGroupAdded:
		data.Group = d.Group
		return EventMembershipAdded, data, !d.WasMember, nil
	case WhatGroupRemoved:
		data.Group = d.Group
		return EventMembershipRemoved, data, !d.StillMember, nil
	case WhatCreditGranted, WhatCreditParked:
		kind, data.Parked = EventCreditGranted, c.What == WhatCreditParked
	case WhatCreditRevoked:
		kind = EventCreditRevoked
	case WhatCreditConsumed:
		kind = EventCreditConsumed
	case WhatUserMerged:
		data.MergedUserID = d.From
		return EventUserMerged, data, true, nil
	default:
		return "", data, false, nil
	}
	data.OrderID, data.CreditID = d.OrderID, d.CreditID
	return kind, data, true, nil
}

// actEvent is for acts of the audit log, which are all about integrations.
func actEvent(c store.OutboxChange, data eventData) (kind string, _ eventData, ok bool, err error) {
	object, id, _ := strings.Cut(c.Object, " ")
	if object != "integration" {
		return "", data, false, nil
	}
	data.IntegrationID = id
	switch c.What {
	case "integration_installed":
		return EventIntegrationAdded, data, true, nil
	case "integration_removed":
		return EventIntegrationGone, data, true, nil
	case "integration_changed":
		fields := map[string]json.RawMessage{}
		if err := detailOf(c, &fields); err != nil {
			return "", data, false, err
		}
		data.Changed = slices.Sorted(maps.Keys(fields))
		return EventIntegrationSet, data, true, nil
	case "key_added", "key_retired", "key_kept":
		data.Changed = []string{"keys"}
		return EventIntegrationSet, data, true, nil
	}
	return "", data, false, nil
}

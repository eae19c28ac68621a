package admin

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"usher/provisioning"
	"usher/sessions/admins"
	"usher/web"
)

// journalLines puts changes into words.
func (n names) journalLines(changes []provisioning.Change) []web.JournalLine {
	lines := make([]web.JournalLine, 0, len(changes))
	for _, change := range changes {
		lines = append(lines, n.journalLine(change))
	}
	return lines
}

func (n names) journalLine(change provisioning.Change) web.JournalLine {
	line := web.JournalLine{At: change.At}
	if change.IntegrationID != nil {
		line.By, line.SignIn = n.of(*change.IntegrationID), change.Reference
		if change.KeyID != nil {
			line.Key = *change.KeyID
		}
	} else {
		line.By, line.OfAct = n.actor(change.Actor), change.Reference
	}
	var detail changeDetail
	if json.Unmarshal([]byte(change.Detail), &detail) != nil {
		detail = changeDetail{} // of a form that is not known here
	}
	line.Text = n.inWords(change, detail)
	if detail.Undoes != "" {
		line.Text += " (undoing an earlier line)"
	}
	switch change.What {
	case provisioning.WhatUserMerged:
		line.OtherID, line.OtherTag = detail.From.text(), "Open that user"
	case provisioning.WhatMergedInto:
		line.OtherID, line.OtherTag = detail.Into, "Open that user"
	}
	return line
}

// actor is who did something, from the kind and id that are recorded.
func (n names) actor(actor string) string {
	kind, _, _ := strings.Cut(actor, " ")
	name := n[actor]
	switch {
	case kind == admins.KindBootstrapKey:
		return "the bootstrap key"
	case kind == admins.KindCommand:
		return "the command line"
	case kind == admins.KindAdmin && name != "":
		return "administrator " + name
	case kind == admins.KindAdmin:
		return "an administrator"
	case kind == "scim_token":
		return "the directory"
	case kind == admins.KindAPIKey && name != "":
		return "API key “" + name + "”"
	case kind == admins.KindAPIKey:
		return "an API key"
	}
	return actor
}

// changeDetail has the members that details of the journal can have.
type changeDetail struct {
	Email       string    `json:"email"`
	Subject     string    `json:"sub"`
	From        anything  `json:"from"`
	To          anything  `json:"to"`
	Into        string    `json:"into"`
	Set         []string  `json:"set"`
	Removed     []string  `json:"removed"`
	Group       string    `json:"group"`
	Source      string    `json:"source"`
	WasMember   bool      `json:"was_member"`
	StillMember bool      `json:"still_member"`
	Pinned      bool      `json:"pinned"`
	OrderID     string    `json:"order_id"`
	ID          int64     `json:"id"`
	Integration string    `json:"integration"`
	Identities  []string  `json:"identities"`
	Groups      []string  `json:"groups"`
	Credits     int64     `json:"credits"`
	Meta        []string  `json:"meta"`
	Undoes      undoneRef `json:"undoes"`
}

// anything is a member whose type differs between kinds of changes.
type anything json.RawMessage

// UnmarshalJSON implements json.Unmarshaler.
func (a *anything) UnmarshalJSON(text []byte) error {
	*a = append((*a)[:0], text...)
	return nil
}

// text is the value when it is a string, and its JSON otherwise.
func (a anything) text() string {
	var text string
	if json.Unmarshal(a, &text) == nil {
		return text
	}
	return string(a)
}

// undoneRef is an id of an entry that was undone, or something longer about it.
type undoneRef string

// UnmarshalJSON implements json.Unmarshaler.
func (r *undoneRef) UnmarshalJSON(text []byte) error {
	*r = undoneRef(text)
	return nil
}

// inWords says what happened, in a sentence without its subject.
func (n names) inWords(change provisioning.Change, d changeDetail) string {
	credit := fmt.Sprintf("credit %d of order “%s”", d.ID, d.OrderID)
	switch change.What {
	case provisioning.WhatUserCreated:
		return "Made, with the address " + d.Email
	case provisioning.WhatUserLinked:
		return "Known to this integration from here on: the address was the same"
	case provisioning.WhatSubjectSet:
		return "The sub “" + d.Subject + "” was tied to an identity that was known by its address"
	case provisioning.WhatEmailChanged:
		return "The address changed from " + d.From.text() + " to " + d.To.text()
	case provisioning.WhatProfileChanged:
		return profileInWords(change.Detail)
	case provisioning.WhatMetaChanged:
		var parts []string
		if len(d.Set) > 0 {
			parts = append(parts, "set "+strings.Join(d.Set, ", "))
		}
		if len(d.Removed) > 0 {
			parts = append(parts, "took out "+strings.Join(d.Removed, ", "))
		}
		return "Meta: " + strings.Join(parts, "; ")
	case provisioning.WhatGroupAdded:
		text := "Into the group " + d.Group
		if d.Pinned {
			text += ", pinned"
		}
		if d.WasMember {
			text += " (a member by another source before)"
		}
		return text
	case provisioning.WhatGroupRemoved:
		text := "Out of the group " + d.Group
		if change.IntegrationID == nil || d.Source != *change.IntegrationID {
			text += ", where the source was: " + n.of(d.Source)
		}
		if d.StillMember {
			text += " (still a member by another source)"
		}
		return text
	case provisioning.WhatGroupPinned:
		if d.To.text() == "true" {
			return "Pinned in the group " + d.Group
		}
		return "Not pinned in the group " + d.Group + " any more"
	case provisioning.WhatCreditGranted:
		return "Granted " + credit
	case provisioning.WhatCreditParked:
		return "Granted " + credit + ", which the catalogue lacks: parked"
	case provisioning.WhatCreditRevoked:
		return "Revoked " + credit
	case provisioning.WhatCreditConsumed:
		return "Used " + credit
	case provisioning.WhatIdentityDetached:
		return "Not known to " + n.of(d.Integration) + " any more"
	case provisioning.WhatSubjectUnset:
		return "The sub “" + d.Subject + "” was taken from an identity, which is known by its address again"
	case provisioning.WhatUserDisabled:
		return "Disabled"
	case provisioning.WhatUserEnabled:
		return "Enabled"
	case provisioning.WhatUserErased:
		return "Erased"
	case provisioning.WhatUserMerged:
		return "The user with the address " + d.Email + " was merged into this one: " + mergedInWords(d)
	case provisioning.WhatMergedInto:
		return "Merged into another user."
	case provisioning.WhatSignedOut:
		return "Signed out everywhere"
	case provisioning.WhatSessionEnded:
		return "One session ended"
	}
	return strings.ReplaceAll(change.What, "_", " ")
}

func mergedInWords(d changeDetail) string {
	parts := []string{counted(int64(len(d.Identities)), "identity", "identities"), counted(d.Credits, "credit", "credits")}
	if len(d.Groups) > 0 {
		parts = append(parts, "groups "+strings.Join(d.Groups, ", "))
	}
	if len(d.Meta) > 0 {
		parts = append(parts, "meta "+strings.Join(d.Meta, ", "))
	}
	return strings.Join(parts, "; ") + "."
}

// counted is a number with the thing counted.
func counted(n int64, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}

// profileFields are the fields of a profile as the journal names them.
var profileFields = map[string]string{
	"first_name": "first name", "last_name": "last name", "name": "name", "phone": "phone", "birthdate": "birthdate",
	"locale": "locale", "picture": "picture", "email_verified": "address verified",
}

func profileInWords(detail string) string {
	var changed map[string]json.RawMessage
	if json.Unmarshal([]byte(detail), &changed) != nil {
		return "The profile changed"
	}
	var parts []string
	for _, field := range slices.Sorted(maps.Keys(changed)) {
		var change struct{ From, To anything }
		name, known := profileFields[field]
		if !known || json.Unmarshal(changed[field], &change) != nil {
			continue
		}
		parts = append(parts, fmt.Sprintf("%s from “%s” to “%s”", name, change.From.text(), change.To.text()))
	}
	return "Profile: " + strings.Join(parts, "; ")
}

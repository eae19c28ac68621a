package provisioning

import (
	"fmt"
	"slices"
	"strings"

	"usher/sql/store"
)

// undoText says what undoing an entry means.
func undoText(change store.Change, d changeDetail) string {
	switch change.What {
	case store.WhatGroupAdded:
		return "Out of the group “" + d.Group + "”."
	case store.WhatGroupRemoved:
		return "Back into the group “" + d.Group + "”."
	case store.WhatCreditGranted, store.WhatCreditParked:
		return credit(d) + " is revoked."
	case store.WhatCreditRevoked:
		return credit(d) + " is granted again."
	case store.WhatProfileChanged:
		return "The profile gets its old values."
	case store.WhatEmailChanged:
		return "The old e-mail address comes back."
	case store.WhatMetaChanged:
		return "Meta: the old values of " + strings.Join(slices.Concat(d.Set, d.Removed), ", ") + " come back."
	case store.WhatUserLinked:
		return "The identity is detached, and the person is signed out."
	case store.WhatIdentityDetached:
		return "The identity is tied to this person again."
	case store.WhatSubjectSet:
		return "The identity loses its sub and is known by its e-mail."
	case store.WhatSubjectUnset:
		return "The identity gets its sub again."
	}
	return strings.ReplaceAll(change.What, "_", " ") + "."
}

// doneText says what an entry did.
func doneText(change store.Change, d changeDetail) string {
	switch change.What {
	case store.WhatGroupAdded:
		return "The person was put into the group “" + d.Group + "”."
	case store.WhatGroupRemoved:
		return "The person was taken out of the group “" + d.Group + "”."
	case store.WhatCreditGranted, store.WhatCreditParked:
		return credit(d) + " was granted."
	case store.WhatCreditRevoked:
		return credit(d) + " was revoked."
	case store.WhatCreditConsumed:
		return credit(d) + " was consumed."
	case store.WhatProfileChanged:
		return "The profile was changed."
	case store.WhatEmailChanged:
		return "The e-mail address was changed."
	case store.WhatMetaChanged:
		return "Meta was changed: " + strings.Join(slices.Concat(d.Set, d.Removed), ", ") + "."
	case store.WhatUserLinked:
		return "An identity was tied to this person."
	case store.WhatIdentityDetached:
		return "An identity was taken from this person."
	case store.WhatSubjectSet:
		return "The identity got its sub."
	case store.WhatSubjectUnset:
		return "The identity lost its sub."
	case store.WhatUserCreated:
		return "The account was created."
	}
	return "It says: " + strings.ReplaceAll(change.What, "_", " ") + "."
}

// credit names the credit that an entry is about.
func credit(d changeDetail) string {
	return fmt.Sprintf("Credit %d of order “%s”", d.ID, d.OrderID)
}

package provisioning

import "usher/sql/store"

// What the journal says happened to a user.
const (
	WhatUserCreated      = store.WhatUserCreated
	WhatUserLinked       = store.WhatUserLinked
	WhatSubjectSet       = store.WhatSubjectSet
	WhatEmailChanged     = store.WhatEmailChanged
	WhatProfileChanged   = store.WhatProfileChanged
	WhatMetaChanged      = store.WhatMetaChanged
	WhatGroupAdded       = store.WhatGroupAdded
	WhatGroupRemoved     = store.WhatGroupRemoved
	WhatGroupPinned      = store.WhatGroupPinned
	WhatCreditGranted    = store.WhatCreditGranted
	WhatCreditParked     = store.WhatCreditParked
	WhatCreditRevoked    = store.WhatCreditRevoked
	WhatCreditConsumed   = store.WhatCreditConsumed
	WhatIdentityDetached = store.WhatIdentityDetached
	WhatSubjectUnset     = store.WhatSubjectUnset
	WhatUserDisabled     = store.WhatUserDisabled
	WhatUserEnabled      = store.WhatUserEnabled
	WhatUserErased       = store.WhatUserErased
	WhatUserMerged       = store.WhatUserMerged
	WhatMergedInto       = store.WhatMergedInto
	WhatSignedOut        = store.WhatSignedOut
	WhatSessionEnded     = store.WhatSessionEnded
)

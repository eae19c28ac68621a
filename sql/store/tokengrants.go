package store

import (
	"encoding/json"
	"time"
)

// TokenGrant is what a person gives a client.
type TokenGrant struct {
	TenantID    string
	ID          string // UUIDv7; the sid of its tokens
	Family      string // the id of the first grant of its family
	Client      string // the id of the client's row
	User        string
	Integration string // "" = none: it hangs on the user alone
	Generation  int64  // of the integration, when the person signed in
	Epoch       int64  // of the user's sessions, the same
	AuthTime    time.Time
	Methods     []string        // amr
	Scopes      []string        // sorted
	Attributes  json.RawMessage // JSON object that its tokens carry; nil = none
	CreatedAt   time.Time
	ExpiresAt   time.Time  // before its code is redeemed, that of the code
	RevokedAt   *time.Time // of its family; nil = not
}

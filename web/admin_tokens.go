package web

import "time"

// tokenPages are the pages of the token service.
func tokenPages() []Page {
	algorithm := Field{Name: "algorithm", Type: "select"}
	return []Page{
		SigningKeys{Keys: []SigningKey{{State: "next"}}, Write: true},
		KeyRotation{Planned: algorithm, AtOnce: algorithm},
		JWTForm{Fields: []Field{{Name: "client_id", Value: "x"}}},
		JWTConfirmation{Fields: []Field{{Name: "client_id", Value: "x"}}},
		JWTMade{User: true, UserPath: "/", Scopes: []string{"x"}, Audience: []string{"x"}},
	}
}

// SigningKeys lists the keys with which a tenant's tokens are signed.
type SigningKeys struct {
	Frame
	Tabs  []NavItem
	Write bool // may the actor rotate them
	Keys  []SigningKey
	Pager Pager
}

func (SigningKeys) template() string { return "admin/signing_keys" }

// SigningKey is a key in the list.
type SigningKey struct {
	ID        string // the kid
	Algorithm string
	State     string // "next", "active", "retired", "gone"
	ActiveAt  time.Time
	RetiredAt *time.Time // nil = no successor yet
	GoneAt    *time.Time
}

// KeyRotation asks in which way a signing key is to be replaced.
type KeyRotation struct {
	Frame
	Fault           string
	Planned, AtOnce Field // which algorithm
	Confirm         Confirm
}

func (KeyRotation) template() string { return "admin/key_rotation" }

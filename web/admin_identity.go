package web

import "time"

// identityPages are the pages about what tokens say of people.
func identityPages() []Page {
	return []Page{
		IdentityScopes{Scopes: []IdentityScopeRow{{}}},
		NewIdentityScope{},
		IdentityScopePage{Write: true},
		Claims{Claims: []ClaimRow{{}}},
		NewClaim{},
		ClaimPage{Write: true},
		UserClaimPage{Field: Field{Name: "value"}},
	}
}

// IdentityScopes lists the bundles of claims that clients can ask for.
type IdentityScopes struct {
	Frame
	Tabs   []NavItem
	Write  bool // may the actor change them
	Scopes []IdentityScopeRow
}

func (IdentityScopes) template() string { return "admin/identity_scopes" }

// IdentityScopeRow is an identity scope in a list.
type IdentityScopeRow struct {
	Path              string // "" = every tenant has it
	Name, DisplayName string
	Claims            []string
}

// NewIdentityScope is the form of an identity scope to be made.
type NewIdentityScope struct {
	Frame
	Tabs   []NavItem
	Fields []Field
}

func (NewIdentityScope) template() string { return "admin/identity_scope_new" }

// IdentityScopePage is one identity scope of the tenant's own.
type IdentityScopePage struct {
	Frame
	Tabs        []NavItem
	Write       bool
	Path        string
	DisplayName string
	Claims      []string
	CreatedAt   time.Time
	Revision    int64
	Fault       string
	Fields      []Field
}

func (IdentityScopePage) template() string { return "admin/identity_scope" }

// Claims lists what a tenant says of its people.
type Claims struct {
	Frame
	Tabs     []NavItem
	Write    bool
	Standard []string // what every tenant says
	Claims   []ClaimRow
}

func (Claims) template() string { return "admin/claims" }

// ClaimRow is a custom claim in a list.
type ClaimRow struct {
	Path, Name, DisplayName string
	Type                    string // in words
	MetaPath                string // "" = none
}

// NewClaim is the form of a claim to be made.
type NewClaim struct {
	Frame
	Tabs   []NavItem
	Fields []Field
}

func (NewClaim) template() string { return "admin/claim_new" }

// ClaimPage is one custom claim.
type ClaimPage struct {
	Frame
	Tabs        []NavItem
	Write       bool
	Path        string
	DisplayName string
	Type        string // in words
	MetaPath    string // "" = none
	CreatedAt   time.Time
	Revision    int64
	Fault       string
	Fields      []Field
}

func (ClaimPage) template() string { return "admin/claim" }

// UserClaim is what a custom claim says of a user.
type UserClaim struct {
	Path, Name, DisplayName string
	Value                   string // "" = none
	Source                  string // in words
}

// UserClaimPage is one claim of one user, to be entered or taken away.
type UserClaimPage struct {
	Frame
	UserHead
	Path     string
	Claim    string // its name
	OfMeta   string // the value that meta has and that goes before; "" = none
	MetaPath string
	Entered  bool // there is an entered value
	Revision int64
	Fault    string
	Field    Field
}

func (UserClaimPage) template() string { return "admin/user_claim" }

package web

import "time"

// Clients lists the applications that may ask for tokens.
type Clients struct {
	Frame
	Tabs    []NavItem
	Write   bool // may the actor change them
	Clients []ClientRow
	Pager   Pager
}

func (Clients) template() string { return "admin/clients" }

// ClientRow is a client in a list.
type ClientRow struct {
	Path, ClientID, Name string
	Kind                 string // in words
	Scopes               []string
	Format               string // "jwt", "at+jwt" or "reference"
	Disabled             bool
}

// ClientKinds asks what a new client is.
type ClientKinds struct {
	Frame
	Tabs  []NavItem
	Kinds []ClientKind
}

func (ClientKinds) template() string { return "admin/client_kinds" }

// ClientKind is one that can be chosen.
type ClientKind struct{ Path, Title, Lead string }

// NewClient is the form of a client to be made.
type NewClient struct {
	Frame
	Tabs   []NavItem
	As     string // which kind was chosen, as the form sends it
	What   string // that kind in words
	Lead   string
	Parts  []FieldGroup
	Faults int
	Once   string // makes the form itself and no other
}

func (NewClient) template() string { return "admin/client_new" }

// ClientPage is one client.
type ClientPage struct {
	Frame
	Tabs  []NavItem
	Write bool
	Path  string
	// Organization is the path of the organization that it is; "" for none.
	Organization string
	Facts        ClientFacts
	Addresses    []Address
	Revision     int64
	Fault        string
	Parts        []FieldGroup // nil = it cannot be changed by this actor
	Faults       int
	Secrets      *Secrets // nil = it has none
	Try          string   // a shell's line that asks for a token; "" = it gets none by itself
}

func (ClientPage) template() string { return "admin/client" }

// ClientFacts are what there is to know of a client.
type ClientFacts struct {
	Kind, UserID, Proof, Integration             string // UserID and Integration may be ""
	Grants, IdentityScopes, Scopes               []string
	RequiredClaims, RedirectURIs, PostLogoutURIs []string
	Format                                       string // "jwt", "at+jwt" or "reference"
	IdentityTokenAlg                             string // "ES256", "ES384" or "RS256"
	Life, CodeLife, IdentityTokenLife            time.Duration
	RefreshLife, RefreshIdle                     time.Duration
	People, AskConsent, BrowserTokens, Disabled  bool // People = they sign in to it
	CreatedAt, UpdatedAt                         time.Time
}

// Address is a value to be copied.
type Address struct{ ID, Label, Value string }

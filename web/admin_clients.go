package web

import "time"

// Connections lists the resource servers that accept tokens.
type Connections struct {
	Frame
	Tabs        []NavItem
	Write       bool
	Connections []ConnectionRow
	Pager       Pager
}

func (Connections) template() string { return "admin/api_connections" }

// ConnectionRow is an API connection in a list.
type ConnectionRow struct {
	Path, Name, DisplayName string
	CreatedAt               time.Time
}

// NewConnection is the form of an API connection to be made.
type NewConnection struct {
	Frame
	Tabs   []NavItem
	Fields []Field
	Once   string
}

func (NewConnection) template() string { return "admin/api_connection_new" }

// ConnectionPage is one API connection.
type ConnectionPage struct {
	Frame
	Tabs       []NavItem
	Write      bool
	Path, Name string
	CreatedAt  time.Time
	Revision   int64
	Fault      string
	Fields     []Field
	Scopes     []ScopeRow
	AddScope   []Field
	Secrets    Secrets
	Try        string // a shell's line that examines a token
}

func (ConnectionPage) template() string { return "admin/api_connection" }

// ScopeRow is an API scope in a list.
type ScopeRow struct {
	Path              string // "" = it can be neither changed nor deleted, or not by this actor
	Name, DisplayName string
}

// ScopePage is one API scope, to be renamed or deleted.
type ScopePage struct {
	Frame
	Tabs                        []NavItem
	Path, Name, Back, Container string // Container is the connection's name
	Revision                    int64  // of the connection
	Fault                       string
	Fields                      []Field
	Losers                      Losers
	Confirm                     Confirm
}

func (ScopePage) template() string { return "admin/api_scope" }

// Losers are the clients that lose an API scope.
type Losers struct {
	Clients []ClientRow
	More    bool // there are more than those
}

// TokenRemoval asks before a client or an API connection goes.
type TokenRemoval struct {
	Frame
	Tabs     []NavItem
	Path     string   // of what goes
	Back     string   // the words of the link to it
	Effects  []string // what will happen, in sentences
	Losers   *Losers  // nil = nobody loses a scope by it
	Submit   string   // the words on the button
	Revision int64
	Fault    string
	Confirm  Confirm
}

func (TokenRemoval) template() string { return "admin/token_removal" }

// Secrets are those of a client or an API connection, shown by {{template
// "secrets" .Secrets}}.
type Secrets struct {
	Path  string // of their owner
	Write bool
	Full  bool // there are as many live ones as there may be
	Once  string
	Fault string
	Rows  []SecretRow
}

// SecretRow is a secret in a list.
type SecretRow struct {
	ID, Ending string
	Live       bool
	CreatedAt  time.Time
	ExpiresAt  *time.Time // nil = never
	UsedAt     *time.Time
}

// SecretMade shows a new secret, this once.
type SecretMade struct {
	Frame
	Tabs   []NavItem
	What   string // "client id" or "name"
	Public string // the client id, or the connection's name
	Secret string
	Try    string // a shell's line that uses the secret; "" = there is none
	Back   string
}

func (SecretMade) template() string { return "admin/secret_made" }

// RetireSecret asks when a secret is to end.
type RetireSecret struct {
	Frame
	Tabs    []NavItem
	Path    string // of its owner
	Back    string
	Secret  SecretRow
	Fault   string
	After   Field
	Confirm Confirm
}

func (RetireSecret) template() string { return "admin/secret_retire" }

func clientPages() []Page {
	return []Page{
		Clients{Clients: []ClientRow{{}}},
		ClientKinds{Kinds: []ClientKind{{}}},
		NewClient{Parts: []FieldGroup{{}}},
		ClientPage{
			Write: true, Facts: ClientFacts{People: true}, Addresses: []Address{{}}, Parts: []FieldGroup{{}},
			Secrets: &Secrets{Write: true, Rows: []SecretRow{{}}},
		},
		Connections{Connections: []ConnectionRow{{}}},
		NewConnection{},
		ConnectionPage{Write: true, Scopes: []ScopeRow{{}}},
		ScopePage{Losers: Losers{Clients: []ClientRow{{}}}},
		TokenRemoval{Losers: &Losers{}},
		SecretMade{},
		RetireSecret{},
	}
}

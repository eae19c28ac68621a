package web

import "time"

// AdminAccounts lists who administers a tenant, and invites others.
type AdminAccounts struct {
	Frame
	Tabs     []NavItem
	Accounts []AdminAccount
	Pager    Pager
	Invite   []Field // nil = this administrator may not
}

func (AdminAccounts) template() string { return "admin/administrators" }

// AdminAccount is somebody who administers a tenant.
type AdminAccount struct {
	ID, Name, Email string
	Role            string
	Operator        bool
	State           string // "active", "invited" or "disabled"
	CreatedAt       time.Time
	Path            string // of the account's page
	Self            bool   // who looks at the page
}

// AdminAccountPage shows one of them, and what can be changed.
type AdminAccountPage struct {
	Frame
	Tabs    []NavItem
	Account AdminAccount
	Fields  []Field // nil = this administrator may not
	Fault   string  // why a change was not made; "" = none
}

func (AdminAccountPage) template() string { return "admin/administrator" }

// AdminRemoval asks before an account, a passkey or an API key goes.
type AdminRemoval struct {
	Frame
	Tabs    []NavItem
	What    string   // "Olga Berg will be removed."
	Effects []string // what will happen, in sentences
	Action  string   // where the form goes
	Submit  string   // the words on the button
	Back    string
	Confirm Confirm
	Fault   string
}

func (AdminRemoval) template() string { return "admin/removal" }

// AdminSelf is an administrator's own account.
type AdminSelf struct {
	Frame
	Email     string
	Rights    string // the role, and whether an operator
	Name      Field
	Password  []Field
	Passkeys  []AdminPasskey
	AddKey    []Field // of a passkey to add
	Sessions  []AdminSession
	Elsewhere bool // there are sessions besides this one
}

func (AdminSelf) template() string { return "admin/account" }

// AdminPasskey is a passkey in a list.
type AdminPasskey struct {
	ID, Name, Host string
	Synced         bool
	CreatedAt      time.Time
	UsedAt         *time.Time
	Remove         string // path of the page that asks
}

// AdminSession is a signed-in browser in a list.
type AdminSession struct {
	UserAgent, Network, Method string
	CreatedAt, SeenAt          time.Time
	Current                    bool
}

// AdminAPIKeys lists the keys for automation, and makes others.
type AdminAPIKeys struct {
	Frame
	Tabs  []NavItem
	Keys  []AdminAPIKey
	Pager Pager
	Make  []Field // nil = this administrator may not
}

func (AdminAPIKeys) template() string { return "admin/api_keys" }

// AdminAPIKey is a key in a list.
type AdminAPIKey struct {
	Name, Ending string
	Scopes       []string
	State        string // "active", "expired" or "revoked"
	CreatedAt    time.Time
	ExpiresAt    *time.Time
	UsedAt       *time.Time
	Rate         string // requests a second; "" = as the server says
	Path         string // of the page that changes it; "" = it cannot be
	Revoke       string // path of the page that asks; "" = it cannot be
}

// AdminAPIKeyPage is one API key, to be changed.
type AdminAPIKeyPage struct {
	Frame
	Tabs   []NavItem
	Path   string // which the form is sent to
	Back   string
	Revoke string // path of the page that asks
	Ending string
	Fields []Field
}

func (AdminAPIKeyPage) template() string { return "admin/api_key" }

// AdminNewAPIKey shows a key, once.
type AdminNewAPIKey struct {
	Frame
	Tabs    []NavItem
	Name    string
	Key     string
	Example string // a command line that uses it
	Expires *time.Time
	Back    string
}

func (AdminNewAPIKey) template() string { return "admin/new_api_key" }

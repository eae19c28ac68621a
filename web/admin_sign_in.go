package web

import "time"

// AdminSignIn is the page on which administrators sign in.
type AdminSignIn struct {
	Frame
	Next            string // where to go on
	Email, Password Field
	Fault           string // why it did not work; "" = not tried yet
	Nobody          bool   // nobody administers this tenant yet
	Provider        string // the host of the company's own provider; "" = none
}

func (AdminSignIn) template() string { return "admin/sign_in" }

// AdminEnrol is where a one-time link leads: choose a password, and with an
// invitation a name.
type AdminEnrol struct {
	Frame
	Kind    string // "setup", "invite" or "reset"
	Token   string // of the link, sent again with the form
	Action  string // where the form goes
	Fields  []Field
	Account string // the address of the account; "" with a setup, which asks
}

func (AdminEnrol) template() string { return "admin/enrol" }

// AdminDeadLink is where a one-time link leads that is not good any more.
type AdminDeadLink struct {
	Frame
}

func (AdminDeadLink) template() string { return "admin/dead_link" }

// AdminLink shows a one-time link, once.
type AdminLink struct {
	Frame
	Email   string
	URL     string
	Expires time.Time
	Reset   bool // it sets another password; else it is an invitation
	Back    string
}

func (AdminLink) template() string { return "admin/link" }

// AdminPasskeyStep is the page on which the browser uses a passkey or makes one,
// by script.
type AdminPasskeyStep struct {
	Frame
	Mode    string // "get" or "create", as the browser's function is called
	Options string // JSON for that function
	Action  string // where the browser's answer goes
	Ticket  string // sent with it
	Next    string // of a sign-in
	Name    string // of a new passkey
	Back    string
}

func (AdminPasskeyStep) template() string { return "admin/passkey" }

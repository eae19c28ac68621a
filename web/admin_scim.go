package web

import "time"

// IntegrationSCIM is how a directory keeps the people of an integration.
type IntegrationSCIM struct {
	IntegrationPage
	BaseURL  string // what the directory is told
	Subject  Field
	Rate     Field
	Revision int64
	Changed  bool // somebody else was faster
	Tokens   []SCIMTokenRow
	Full     bool    // no more live tokens are possible
	Make     []Field // nil = this administrator may not
	Fault    string  // of the form that makes a token
	Once     string  // makes the form count once
}

func (IntegrationSCIM) template() string { return "admin/integration_scim" }

// SCIMTokenRow is a directory's token in a list.
type SCIMTokenRow struct {
	Name, Ending string
	State        string // "active", "expired" or "revoked"
	ExpiresAt    *time.Time
	UsedAt       *time.Time
	Revoke       string // path of the page that asks; "" = it cannot be
}

// SCIMTokenMade shows a token, once.
type SCIMTokenMade struct {
	IntegrationPage
	TokenName string // the page's Name is the integration's
	Token     string
	BaseURL   string
	Example   string // a command line that uses it
	Expires   *time.Time
	Back      string
}

func (SCIMTokenMade) template() string { return "admin/scim_token_made" }

// RevokeSCIMToken asks whether a directory's token shall end.
type RevokeSCIMToken struct {
	IntegrationPage
	What    string
	Effects []string
	Action  string
	Back    string
	Confirm Confirm
}

func (RevokeSCIMToken) template() string { return "admin/scim_token_revoke" }

package web

import "time"

// JWTForm asks for whom a JWT is to be generated, and what it is to say.
type JWTForm struct {
	Frame
	Tabs   []NavItem
	Once   string
	Fields []Field
}

func (JWTForm) template() string { return "admin/jwt" }

// JWTConfirmation asks again, where no script can do so in a dialog.
type JWTConfirmation struct {
	Frame
	Tabs   []NavItem
	Once   string
	Fields []Field // as they were sent
}

func (JWTConfirmation) template() string { return "admin/jwt_confirm" }

// JWTMade shows a JWT, once.
type JWTMade struct {
	Frame
	Tabs           []NavItem
	Token          string
	Header, Claims string // JSON
	Who            string // the client id, or the user's id
	User           bool   // Who is a user's
	UserPath       string // "" = it may not be opened by this actor
	ClientID       string
	Scopes         []string
	Audience       []string
	IssuedAt, Ends time.Time
}

func (JWTMade) template() string { return "admin/jwt_made" }

package web

// Refused is the answer to a sign-in, or another request, that was not
// accepted. It says what the person can do; why exactly stands in the admin's
// log, under the reference.
type Refused struct {
	Title     string // what happened, as a heading
	WhatToDo  string // one or two sentences, in plain words
	Reason    string // the stable code, for example "token_expired"
	Reference string // what the admin can look up
	Status    int    // the HTTP status that the page is sent with; 0 = not shown
}

func (Refused) template() string { return "refused" }

// Fault is the answer when something is wrong on our side.
type Fault struct {
	Reference string // "" = none
}

func (Fault) template() string { return "fault" }

// NotFound is the answer to an address where nothing is.
type NotFound struct{}

func (NotFound) template() string { return "not_found" }

// SignOut asks before a session is ended by a link. Its form posts go to
// /auth/logout.
type SignOut struct {
	Person string // who is signed in; "" = not known
	Go     string // where to go afterwards, as it came; "" = nowhere in particular
}

func (SignOut) template() string { return "sign_out" }

// SignedOut says that the session has ended.
type SignedOut struct{}

func (SignedOut) template() string { return "signed_out" }

// Onboarding greets a person whom this sign-in has created.
type Onboarding struct {
	Person string // how to call them; "" = not known
	Next   string // where Continue leads, already checked by the caller
}

func (Onboarding) template() string { return "onboarding" }

// Home is the page at "/".
type Home struct {
	Person *Person // nil = nobody is signed in
}

func (Home) template() string { return "home" }

package web

// EndSession asks before a session is ended because an application wishes it. Its
// form posts go back to the address of the page.
type EndSession struct {
	Person      string // who is signed in; "" = not known
	Application string // which sends the person; "" = not known
	// What the application has sent along, as it came; "" = nothing.
	ClientID, Back, State string
}

func (EndSession) template() string { return "end_session" }

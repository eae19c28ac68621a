package web

// Details asks a person for what an application requires. Its form posts to
// Action, each field under its name beside client_id and next.
type Details struct {
	Client   string // the application's name
	Person   string // who is signed in; "" = not known
	PersonID string // the user's id
	Action   string
	ClientID string
	Next     string // where the person goes on to
	Faulty   bool   // the form was sent, and something in it is not right
	Fields   []Detail
}

func (Details) template() string { return "details" }

// Detail is a field of Details.
type Detail struct {
	Name  string // as it is sent
	Label string
	Type  string // "text" (the default), "number", "date", "url" or "yes or no"
	Value string // as it was sent; "" = not yet
	Fault string // why that was not accepted, in a sentence; "" = it was
	First bool   // the first with a fault
}

// DetailsKept leads on from Details.
type DetailsKept struct {
	Client string // the application's name
	Next   string
}

func (DetailsKept) template() string { return "details_kept" }

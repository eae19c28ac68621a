package web

import "time"

// Doctor is the page on which a link is examined.
type Doctor struct {
	Frame
	Specimen, At, Reference Field
	Result                  *Examined // nil = nothing was examined yet
}

func (Doctor) template() string { return "admin/doctor" }

// Examined is what there is to say about a link.
type Examined struct {
	Reason   string // that a browser would get; "" = it would be signed in
	Recorded string // the reason that the sign-in log has; "" = none
	Fix      string // of the first check that failed
	At       time.Time
	// Rules says how the token is taken to come; Presented, that it is shown and
	// not spent, so that no browser is sent anywhere.
	Rules     string
	Presented bool
	Notes     []string
	Checks    []ExaminedCheck

	Header, Claims     string // JSON, or as it was sent
	Integration        string // its name; "" = not found
	IntegrationID      string
	IntegrationRemoved bool
	KeyID              string

	Forecast *Forecast // nil = it cannot be told
	Target   string
	Warnings []string
	Withheld string // why what is stored about people is left out; "" = it is not
}

// Accepted reports whether nothing speaks against the link.
func (e Examined) Accepted() bool { return e.Reason == "" && e.Recorded == "" }

// ExaminedCheck is a line of ol.checks.
type ExaminedCheck struct {
	ID, Label string
	Class     string // pass, fail or skip
	Verdict   string // the same in words
	Text, Fix string
}

// Forecast is what a link would change.
type Forecast struct {
	UserID    string // "" = created
	Email     string
	Created   bool
	Unchanged bool
	Stale     bool
	Nothing   bool // would change
	Fields    []FieldDiff
	Meta      []FieldDiff
	Groups    []DiffLine
	Credits   []DiffLine
}

// FieldDiff is a value that would be replaced; "" on either side = none.
type FieldDiff struct{ Name, From, To string }

// DiffLine is a line of ul.diff.
type DiffLine struct {
	Added bool
	Text  string
	Note  string // "" = none
}

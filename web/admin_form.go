package web

// Field is one field of a form, shown by {{template "field" .Name}}.
type Field struct {
	Name  string // as it is sent
	Label string
	Hint  string // what to type, in a sentence; "" = none
	Value string // of a checkbox that stands alone: what it sends, "" = "on"
	Fault string // why the value was not accepted; "" = it was
	// Type is text (the default), email, password, number, url, search,
	// textarea, checkbox, select, radio or datetime-local.
	Type         string
	Autocomplete string   // a token of HTML's autofill; "" = left to the browser
	Options      []Option // of select and radio; with checkbox, a box for each
	Checked      bool     // of a checkbox that stands alone
	Required     bool
	// Form tells the fields of two forms on one page apart, when both have a
	// field of this name.
	Form string
}

// ID is the id of the field's element.
func (f Field) ID() string {
	if f.Form != "" {
		return "field-" + f.Form + "-" + f.Name
	}
	return "field-" + f.Name
}

// Option is what a field offers to choose from.
type Option struct {
	Value, Label string
	Hint         string // "" = none
	Chosen       bool
}

// Confirm asks that a word be typed before an act that cannot be taken back,
// shown by {{template "confirm" .Confirm}}. The field's name is "confirm".
type Confirm struct {
	Word  string // such as the name of what will be gone
	Fault string // "" = none
}

// Pager leads through a list that is read page by page, shown by {{template
// "pager" .Pager}}. An address that is "" is not offered.
type Pager struct {
	First, Next string
}

// FieldGroup is a part of a long form that can be folded, shown by {{template
// "field-groups" .Groups}}.
type FieldGroup struct {
	Title  string
	Fields []Field
	Open   bool // at first; one with a fault always is
}

// Shown reports whether the part is open.
func (g FieldGroup) Shown() bool { return g.Open || g.faults() > 0 }

func (g FieldGroup) faults() (n int) {
	for _, field := range g.Fields {
		if field.Fault != "" {
			n++
		}
	}
	return n
}

// FaultsOf counts the fields that were not accepted.
func FaultsOf(groups []FieldGroup) (n int) {
	for _, g := range groups {
		n += g.faults()
	}
	return n
}

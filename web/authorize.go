package web

// Hidden is a field of a form that nobody sees.
type Hidden struct {
	Name  string
	Value string
}

// Consent asks a person whether an application may have what it wishes for. Its
// form posts go to Action with a field decision, "allow" or "deny".
type Consent struct {
	Client string // the application's name
	Person string // who is signed in; "" = not known
	Wishes []Wish
	To     string // the host to which the answer goes
	Action string
	Values []Hidden
}

// Wish is one thing that the application wishes for.
type Wish struct {
	Scope string // its name
	Text  string // what it means
}

func (Consent) template() string { return "consent" }

// FormPost posts an answer to an application by itself, and by a button where
// scripts do not run.
type FormPost struct {
	Action string // http or https
	To     string // its host
	Values []Hidden
}

func (FormPost) template() string { return "form_post" }

// scriptedPages lists the empty form of the pages for people that have a script.
func scriptedPages() []Page { return []Page{FormPost{}} }

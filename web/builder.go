package web

// Builder is the page that signs test links.
type Builder struct {
	Frame
	Empty          bool     // there is no integration to sign for
	Unsignable     []string // names of integrations with public keys only
	Who, What, How []Field
	Fault          string    // about the whole; "" = none
	Signed         *TestLink // nil = nothing was signed yet
}

func (Builder) template() string { return "admin/builder" }

// TestLink is a link that was signed just now.
type TestLink struct {
	URL     string
	Claims  string // JSON
	KeyID   string
	Spoiled bool // it is wrong on purpose
}

package tokens

import "usher/sql/store"

// Errors of the store that this package returns as they are.
var (
	ErrNotFound = store.ErrNotFound
	ErrTaken    = store.ErrTaken
	ErrChanged  = store.ErrChanged
)

// By is who asks for a change.
type By = store.By

// byUsher stands in the audit log for what happens by itself.
func byUsher() By { return By{Actor: "usher", Name: "Usher"} }

// Invalid says which field of a request is wrong and what is accepted.
type Invalid struct {
	Field   string // as the API names it
	Problem string // one sentence that names what is accepted
}

func (e *Invalid) Error() string { return e.Field + ": " + e.Problem }

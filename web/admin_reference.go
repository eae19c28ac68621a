package web

// APIReference describes the API for those who write programs for it.
type APIReference struct {
	Frame
	Title       string
	Description string
	Groups      []APIGroup
}

func (APIReference) template() string { return "admin/reference" }

// APIGroup is operations on one kind of thing.
type APIGroup struct {
	Name        string
	Description string
	Operations  []APIOperation
}

// APIOperation is one call.
type APIOperation struct {
	ID          string // unique, for links
	Method      string
	Path        string // below the API's address; parameters in braces
	Summary     string
	Description string
	Scope       string // the right that it asks for
	Parameters  APITable
	Body        APITable // of the JSON object that is sent
	Answers     []APIAnswer
}

// APIField is a parameter, or a member of an object.
type APIField struct {
	Name        string
	Type        string
	Required    bool
	Description string
}

// APIAnswer is what may come back.
type APIAnswer struct {
	Status      string
	Description string
	Table       APITable // of the JSON object that comes back
}

// APITable is fields with what they are, for those who do not see the table.
type APITable struct {
	Caption string
	Fields  []APIField
}

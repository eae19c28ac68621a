package web

import "time"

// Resources lists what sites can embed.
type Resources struct {
	Frame
	Write     bool // may the actor change them
	Filtered  bool
	Filters   []Field
	Resources []ResourceRow
	Pager     Pager
}

// ResourceRow is a resource in a list.
type ResourceRow struct {
	Path, Kind, ID, Title string
	Owner                 string // the integration's name
	Restricted            bool
	ContentURL            string // "" = the built-in page
}

// NewResource is the form of a resource to be made.
type NewResource struct {
	Frame
	Fields  []Field
	Nowhere bool // there is no integration that could own it
}

// ResourcePage is one resource, and how to embed it.
type ResourcePage struct {
	Frame
	Write                bool
	Path, Kind, ID       string
	Revision             int64
	CreatedAt, UpdatedAt time.Time
	Owner                string // the integration's name
	OwnerPath            string // "" when it has been removed
	SettingsPath         string // of the owner; "" = not to be opened by this actor
	Restricted           bool
	ContentURL           string // "" = the built-in page
	ContentOff           bool   // its origin is not among the owner's content origins any more
	EmbedURL             string
	EmbedOrigins         []string // which may frame it
	Script, Iframe       string   // HTML to copy
	Fault                string   // of the whole form; "" = none
	Fields               []Field
}

// ResourceDeletion says what deleting a resource will do, and asks.
type ResourceDeletion struct {
	Frame
	Path, Kind, ID string
	Owner          string
	EmbedOrigins   []string
	Revision       int64
	Fault          string
	Confirm        Confirm
}

func (Resources) template() string        { return "admin/resources" }
func (NewResource) template() string      { return "admin/resource_new" }
func (ResourcePage) template() string     { return "admin/resource" }
func (ResourceDeletion) template() string { return "admin/resource_delete" }

func resourcePages() []Page {
	return []Page{
		Resources{Resources: []ResourceRow{{}}},
		NewResource{},
		ResourcePage{Fields: []Field{{Name: "title"}}, EmbedOrigins: []string{""}},
		ResourceDeletion{EmbedOrigins: []string{""}},
	}
}

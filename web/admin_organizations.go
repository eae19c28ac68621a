package web

import "time"

// Organizations lists the organizations in the order of their tree.
type Organizations struct {
	Frame
	Tabs          []NavItem
	Write         bool  // may the actor change them
	Under         Field // the global id of the one whose descendants are listed
	Organizations []OrganizationRow
	Pager         Pager
}

func (Organizations) template() string { return "admin/organizations" }

// OrganizationRow is an organization in a list.
type OrganizationRow struct {
	Path, GlobalID, Name string
	Depth                int // how many are above it
	Disabled             bool
}

// NewOrganization is the form of an organization to be made.
type NewOrganization struct {
	Frame
	Tabs   []NavItem
	Fields []Field
	Once   string // makes the form itself and no other
}

func (NewOrganization) template() string { return "admin/organization_new" }

// OrganizationPage is one organization.
type OrganizationPage struct {
	Frame
	Tabs                      []NavItem
	Write                     bool
	Users                     bool   // may the actor read users
	Path, GlobalID            string // Path is that of its page
	Client                    string // path of its settings as a client
	Parent, ParentPath        string // of the one above it; "" for a root
	Children, Members, Owners int64
	Leaf                      bool // nothing can be below it
	Disabled                  bool
	CreatedAt, UpdatedAt      time.Time
	Revision                  int64
	Fault                     string
	Fields                    []Field
	Below                     []OrganizationRow
	MoreBelow                 string // path of a list of all of them; "" = these are all
	People                    []OrganizationMember
	Pager                     Pager // of the people
	Add                       []Field
	Secrets                   Secrets
	Calls                     []Call
}

func (OrganizationPage) template() string { return "admin/organization" }

// OrganizationMember is a person in an organization.
type OrganizationMember struct {
	ID, Email, Name, Status string
	Role                    string // in words
	Owner                   bool
	Since                   time.Time
}

// Call is code to copy. ID is unique in the page.
type Call struct{ ID, Label, Text string }

// UserOrganization is an organization that a user is in.
type UserOrganization struct {
	ID, GlobalID, Name string
	Role               string // in words
	Disabled           bool
	Since              time.Time
}

func organizationPages() []Page {
	row := OrganizationRow{}
	return []Page{
		Organizations{Organizations: []OrganizationRow{row}},
		NewOrganization{},
		OrganizationPage{
			Write: true, Below: []OrganizationRow{row}, People: []OrganizationMember{{}}, Secrets: Secrets{Write: true, Rows: []SecretRow{{}}},
			Calls: []Call{{}},
		},
	}
}

package web

import "time"

// Groups lists a tenant's groups.
type Groups struct {
	Frame
	Write  bool // may the actor change them
	Prefix Field
	Groups []GroupRow
	Pager  Pager
}

// GroupRow is a group in a list.
type GroupRow struct {
	ID, ExternalID, Name string
	CreatedAt            time.Time
}

// NewGroup is the form of a group to be made.
type NewGroup struct {
	Frame
	Fields []Field
}

// GroupPage is one group with the people in it.
type GroupPage struct {
	Frame
	Write       bool
	ID          string
	ExternalID  string
	Description string
	Revision    int64
	CreatedAt   time.Time
	Members     int64
	Sources     []SourceCount
	Fault       string  // of the whole form; "" = none
	Fields      []Field // name, description
	Add         []Field // a person to put in by hand
	People      []Member
	Pager       Pager
}

// SourceCount is how many memberships a source gave.
type SourceCount struct {
	Source string // an integration's name, or "by hand"
	Count  int64
}

// Member is a person in a group.
type Member struct {
	ID, Email, Name, Status string
	Sources                 []MemberSource
	Manual, Pinned          bool // put in by hand; no sign-in takes it away
}

// MemberSource is one reason for somebody to be in a group.
type MemberSource struct {
	Name   string
	Pinned bool
	Since  time.Time
}

// GroupDeletion says what deleting a group will do, and asks.
type GroupDeletion struct {
	Frame
	ID, ExternalID string
	Revision       int64
	Members        int64
	Sources        []SourceCount
	Fault          string
	Confirm        Confirm
}

// Credits is a tenant's catalogue of credits.
type Credits struct {
	Frame
	Write   bool
	Credits []CreditRow
	Parked  []ParkedCredit
	Fields  []Field // a credit to be added
	Pager   Pager
}

// CreditRow is a credit with its use.
type CreditRow struct {
	ID                         int64
	Name                       string
	Granted, Consumed, Revoked int64
	CreatedAt                  time.Time
}

// ParkedCredit is an id that people were granted and the catalogue lacks.
type ParkedCredit struct {
	ID, Grants int64
}

// CreditPage is one credit.
type CreditPage struct {
	Frame
	Write    bool
	Revision int64
	Fault    string
	Credit   CreditRow
	Fields   []Field
}

func (Groups) template() string        { return "admin/groups" }
func (NewGroup) template() string      { return "admin/group_new" }
func (GroupPage) template() string     { return "admin/group" }
func (GroupDeletion) template() string { return "admin/group_delete" }
func (Credits) template() string       { return "admin/credits" }
func (CreditPage) template() string    { return "admin/credit" }

func catalogPages() []Page {
	return []Page{Groups{}, NewGroup{}, GroupPage{}, GroupDeletion{}, Credits{}, CreditPage{}}
}

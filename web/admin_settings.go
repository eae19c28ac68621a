package web

import "time"

// Settings are those of the tenant itself.
type Settings struct {
	Frame
	Tabs      []NavItem
	Write     bool // may the actor change them
	Revision  int64
	Fault     string // of the whole form; "" = none
	ID        string
	Hosts     []string
	PublicURL string
	CreatedAt time.Time
	Kept      []Kept
	Fields    []Field
	Shorter   []Shorter // what saving would destroy
	Confirm   Confirm   // while something is in Shorter
}

// Shorter is a log that is going to be kept for less time.
type Shorter struct {
	Log     string
	Days    int
	Entries int  // that are too old then
	AndMore bool // there are more than Entries
}

// Kept is how long a log is kept.
type Kept struct {
	Log  string
	Days int // 0 = for ever
}

// Tenants lists all tenants, for operators.
type Tenants struct {
	Frame
	Tabs      []NavItem
	PublicURL string
	Tenants   []TenantRow
	Fields    []Field  // a tenant to be added
	Only      string   // the name of the single tenant, which has every host; "" = there are more
	Hosts     []string // that Only keeps
	Confirm   Confirm  // while there is Only
	Pager     Pager
}

// TenantRow is a tenant in a list.
type TenantRow struct {
	ID, Name  string
	Hosts     []string
	CreatedAt time.Time
}

// TenantPage is one tenant, for operators.
type TenantPage struct {
	Frame
	Tabs     []NavItem
	ID       string
	Revision int64
	Fault    string
	Fields   []Field
}

// Audit is what administrators did, newest first.
type Audit struct {
	Frame
	Filters  []Field
	Filtered bool
	Head     string // number and hash of the newest row; "" = there is none
	Rows     []AuditRow
	Pager    Pager
}

// AuditRow is one act.
type AuditRow struct {
	Seq              int64
	At               time.Time
	Actor, ActorName string
	Action, Words    string // the code, and what it says
	Object           string
	Reference        string // "" for a command
	Detail           []AuditDetail
}

// AuditDetail is one line about an act: what was changed, or what belongs to
// it.
type AuditDetail struct {
	Name     string
	Changed  bool // From stands for something
	From, To string
}

func (Settings) template() string   { return "admin/settings" }
func (Tenants) template() string    { return "admin/tenants" }
func (TenantPage) template() string { return "admin/tenant" }
func (Audit) template() string      { return "admin/audit" }

func settingsPages() []Page { return []Page{Settings{}, Tenants{}, TenantPage{}, Audit{}} }

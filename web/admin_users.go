package web

import "time"

// Users lists a tenant's users.
type Users struct {
	Frame
	Filters  []Field // q, group, status
	Filtered bool    // by any of them
	Users    []UserRow
	Pager    Pager
}

// UserRow is a user in a list.
type UserRow struct {
	ID, Name, Email, Status string
	Groups                  []string // the first few
	MoreGroups              int
	Created                 time.Time
}

// UserHead is what every page about one user begins with.
type UserHead struct {
	ID     string
	Name   string // or the e-mail address, or the id: never ""
	Email  string
	Status string // "active", "disabled", "erased", "merged"
}

// Tone is how the status is coloured.
func (h UserHead) Tone() string { return userTone(h.Status) }

// Tone is how the status is coloured.
func (r UserRow) Tone() string { return userTone(r.Status) }

func userTone(status string) string {
	switch status {
	case "active":
		return "good"
	case "disabled":
		return "warn"
	}
	return "plain"
}

// User is the page of one user.
type User struct {
	Frame
	UserHead
	Write      bool // may the actor change users
	Audit      bool // may the actor read the audit log
	MergedInto string
	Onboarding bool // was made by a link with onboard, and has not opened the page
	Created    time.Time
	Facts      []UserFact
	Groups     []UserGroup
	// Organizations are the first that the user is in; MoreOrganizations says that
	// there are others. NoOrganizations: the actor may not read them.
	Organizations     []UserOrganization
	MoreOrganizations bool
	NoOrganizations   bool

	// Applications are those that may do something for the user, or were allowed it;
	// MoreApplications says that there are others.
	Applications     []UserApplication
	MoreApplications bool
	Claims           []UserClaim // all of the tenant's own

	Credits    []UserCredit
	Meta       string // indented JSON; "" = nothing in it
	Identities []UserIdentity
	Sessions   []UserSession
	NoSessions bool // the store of sessions does not answer
	Journal    []JournalLine
	Pager      Pager // of the journal
}

// UserFact is a field of the profile.
type UserFact struct {
	Label, Value string
	SetBy        string // an integration's name; "" = not known
	SetAt        time.Time
}

// UserGroup is a group that the user is in.
type UserGroup struct {
	ID, ExternalID, Name string
	Sources              []UserSource
}

// UserSource is one reason for somebody to be in a group.
type UserSource struct {
	Name   string // an integration's, or "by hand"
	Pinned bool
	Since  time.Time
}

// UserCredit is a credit that the user was granted.
type UserCredit struct {
	OrderID     string
	ID          int64
	Name        string // "" while parked
	Integration string
	Parked      bool
	Granted     time.Time
	Revoked     *time.Time
	Consumed    *time.Time
	ConsumedBy  string // the key of the request
}

// UserIdentity is how an integration knows the user.
type UserIdentity struct {
	Integration, IntegrationID string
	Subject                    string // "" = known by the e-mail address alone
	Email                      string // what the integration calls the person
	Since                      time.Time
	Newest                     time.Time // iat of the newest token applied; zero = none
}

// UserApplication is a client that a user has signed in to.
type UserApplication struct {
	Client         string // the id of its row
	ClientID, Name string
	Allowed        []string // scopes, when the user was asked
	AllowedAt      time.Time
	Grants         []UserGrant // live ones
}

// UserGrant is one sign-in to an application.
type UserGrant struct {
	Scopes      []string
	Integration string
	Since, Ends time.Time
}

// UserSession is a browser in which the user is signed in.
type UserSession struct {
	ID, Integration, UserAgent, Network string
	Began, LastSeen, Ends               time.Time
}

// JournalLine is a change of a user in words.
type JournalLine struct {
	At       time.Time
	Text     string
	By       string // an integration's name, or who asked for it
	SignIn   string // the reference of the sign-in that did it; "" = an administrator's act
	Key      string // that signed it; "" = none
	OfAct    string // the reference of an administrator's request; "" = none
	OtherID  string // a user whom the line speaks of
	OtherTag string // what that one is called in the link
}

// UserInGroup answers why a user is in a group.
type UserInGroup struct {
	Frame
	UserHead
	GroupID, ExternalID, Group string
	Answer                     string // the whole answer in a sentence
	Reasons                    []GroupReason
	Past                       []JournalLine
}

// GroupReason is a source that puts the user into the group now.
type GroupReason struct {
	Text   string // "by Lumen Learning", "by hand, pinned"
	Since  time.Time
	SignIn string
	Key    string
}

// UserAct previews one act on a user and asks for it.
type UserAct struct {
	Frame
	UserHead
	Action  string // the path's last part
	Button  string
	Danger  bool
	Effects []Effect
	Note    string   // below the effects; "" = none
	Confirm *Confirm // nil = no word has to be typed
}

// Effect is a line of a preview.
type Effect struct {
	Kind string // add, remove; "" = neither
	Text string
}

// MergeUsers chooses whom to merge into a user, or previews it.
type MergeUsers struct {
	Frame
	UserHead
	From    Field // whom to look for
	Choices []UserRow
	Merging *Merging // nil = nobody is chosen yet
}

// Merging previews a merger.
type Merging struct {
	Gone    UserHead
	Seen    string
	Fault   string // why nothing was done; "" = nothing was tried
	Keeps   []UserFact
	Effects []Effect
	Confirm Confirm
}

func (Users) template() string       { return "admin/users" }
func (User) template() string        { return "admin/user" }
func (UserInGroup) template() string { return "admin/user_group" }
func (UserAct) template() string     { return "admin/user_act" }
func (MergeUsers) template() string  { return "admin/user_merge" }

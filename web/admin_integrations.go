package web

import "time"

// Integrations lists what is installed.
type Integrations struct {
	Frame
	Cards      []IntegrationCard
	Removed    []RemovedRow
	MayInstall bool
}

func (Integrations) template() string { return "admin/integrations" }

// RemovedRow is an integration that is gone.
type RemovedRow struct {
	ID, Name string
	At       time.Time
}

// IntegrationCard is the health of one integration.
type IntegrationCard struct {
	ID, Name, AppID string
	NeverExpires    bool      // its links have no end
	LastSignIn      time.Time // zero = none in 90 days
	SignIns         int64     // in the last 24 hours
	Refused         int64
	Keys            int       // that are live
	KeyEnds         time.Time // when the next of them retires; zero = none does
	Attention       []Attention
}

// InstallIntegration is the form for a new integration.
type InstallIntegration struct {
	Frame
	Settings IntegrationSettings
	Key      KeySettings
	Faults   int    // how many fields were not accepted
	Once     string // makes the form count once
}

func (InstallIntegration) template() string { return "admin/integration_new" }

// KeyMade shows what a partner needs, the secret included: once, in the answer
// to the request that made it.
type KeyMade struct {
	Frame
	Installed bool // the integration is new, not only the key
	ID, Name  string
	Partner
	Secret   string // "" = the key is a public one
	Env      string // the same as lines of a .env file
	TestLink string // "" = there can be none
	Person   string // as whom the test link signs in
	Snippets []Snippet
}

func (KeyMade) template() string { return "admin/key_made" }

// IntegrationPage is what surrounds the pages of one integration.
type IntegrationPage struct {
	Frame
	ID, Name, AppID string
	Tabs            []NavItem
	MayChange       bool
}

// Integration is how one integration is doing.
type Integration struct {
	IntegrationPage
	Endpoint     string
	Issuer       string
	MaxAge       time.Duration // 0 = links never expire
	Leeway       time.Duration
	LandingPage  string
	SignInURL    string
	Created      time.Time
	LastSignIn   time.Time
	SignIns      int64 // in the last seven days
	Refused      int64
	Set          *KeySet // nil without a JWKS URL
	Keys         []KeyRow
	Clock        ClockCard
	Attention    []Attention
	Unknown      []UnknownRow
	MayCatalogue bool
}

func (Integration) template() string { return "admin/integration" }

// KeyRow is one key and how it is used.
type KeyRow struct {
	ID, Algorithm string
	State         string // "active", "expiring", "retired"
	Created       time.Time
	Retires       time.Time // zero = never
	Left          time.Duration
	LastUsed      time.Time
	SignIns       int64 // in the last seven days
	Refused       int64
	Share         int    // of the integration's sign-ins, per cent
	Safe          string // why it can be retired without harm; "" = it cannot
	Only          bool   // there would be no other live key
}

// Active, Expiring and Retired tell the states apart.
func (k KeyRow) Active() bool { return k.State == "active" }

// Expiring reports whether the key is live and has an end.
func (k KeyRow) Expiring() bool { return k.State == "expiring" }

// Retired reports whether links signed with the key are refused.
func (k KeyRow) Retired() bool { return k.State == "retired" }

// ClockCard compares a partner's clock with ours.
type ClockCard struct {
	N                 int // sign-ins looked at; 0 = none
	Median, Low, High time.Duration
	Sentence          string
	Tone              string // good, warn or bad; "" = there is nothing to say
	Scale             *ClockScale
}

// ClockScale is a drawing of the span in which links arrive, in units of an
// axis that is 600 wide.
type ClockScale struct {
	From, Accepted     int  // from where links are accepted, and over what width
	Low, Width, Median int  // where they arrive, and over what width
	Zero               int  // where signing and arrival are the same moment
	Ends               bool // there is a max-age
}

// UnknownRow is a group or credit that tokens have named in vain.
type UnknownRow struct {
	Kind  string // "group", "credit"
	Name  string
	Count int64
	Last  time.Time
	Label Field // what to call a credit
}

// KeySet is what was read at a partner's JWKS URL.
type KeySet struct {
	URL     string
	Rows    []KeySetRow
	LeftOut bool      // some of them are
	Fetched time.Time // zero = never
	Until   time.Time // how long the keys are good if it cannot be read again
	Holds   bool      // they are good now
	Failed  time.Time // zero = the last read did not fail
	Problem string    // of the last read, after "it"; "" = none
}

// KeySetRow is one key of the partner's.
type KeySetRow struct {
	ID, Algorithm string
	Why           string // it is left out; "" = it is not
}

// IntegrationKeys is where keys are added and retired.
type IntegrationKeys struct {
	IntegrationPage
	Keys []KeyRow
	Set  *KeySet // nil without a JWKS URL
	Full bool    // there can be no further live key
}

func (IntegrationKeys) template() string { return "admin/integration_keys" }

// AddKey is the form for another key.
type AddKey struct {
	IntegrationPage
	Key   KeySettings
	Fault string // of the request as a whole
	Once  string // makes the form count once
}

func (AddKey) template() string { return "admin/key_new" }

// RetireKey asks when a key shall go.
type RetireKey struct {
	IntegrationPage
	Key     KeyRow
	After   Field
	Confirm Confirm
	Fault   string
}

func (RetireKey) template() string { return "admin/key_retire" }

// ChangeIntegration is the form for an integration's settings.
type ChangeIntegration struct {
	IntegrationPage
	Revision int64 // as the person has seen it
	Settings IntegrationSettings
	Faults   int
	Changed  bool // somebody else was faster
}

func (ChangeIntegration) template() string { return "admin/integration_settings" }

// IntegrationQuickStart is signing code for one integration.
type IntegrationQuickStart struct {
	IntegrationPage
	Languages []NavItem
	Snippet   Snippet
	Secret    bool // the key is a shared secret
}

func (IntegrationQuickStart) template() string { return "admin/integration_quickstart" }

// Removal is what hangs on an integration.
type Removal struct {
	Sessions            int
	SessionsMore        bool // there may be more
	SessionsUnknown     bool // the session store does not answer
	People, OnlyWayIn   int64
	Memberships, Grants int64
	More                bool // People and what follows are lower bounds
	Resources           int  // that are no longer shown
	ResourcesMore       bool // there are more
}

// RemoveIntegration says what a removal will do, and asks for the name.
type RemoveIntegration struct {
	IntegrationPage
	Removal  Removal
	Holdings Field // keep or drop memberships and grants
	Confirm  Confirm
}

func (RemoveIntegration) template() string { return "admin/integration_remove" }

// RemovedIntegration is what is left of an integration that was removed.
type RemovedIntegration struct {
	Frame
	ID, Name            string
	At                  time.Time
	Ending              bool  // not every session is known to have ended
	People              int64 // whom it knew
	Memberships, Grants int64 // that they still have from it
	More                bool  // those are lower bounds
	Resources           bool  // it owned some, which are not shown now
	MayDrop             bool
	MayAudit            bool // the audit log may be opened
	MayUndo             bool // what it changed may be undone
	Confirm             Confirm
}

func (RemovedIntegration) template() string { return "admin/integration_removed" }

// SignEveryoneOut says whose sessions will end, and asks for the name.
type SignEveryoneOut struct {
	IntegrationPage
	Sessions        int
	SessionsMore    bool
	SessionsUnknown bool // the session store does not answer
	Confirm         Confirm
}

func (SignEveryoneOut) template() string { return "admin/integration_sign_out" }

// integrationPages lists the empty form of each.
func integrationPages() []Page {
	return []Page{
		Integrations{},
		InstallIntegration{Settings: NewIntegrationSettings(), Key: NewKeySettings()},
		KeyMade{},
		Integration{},
		IntegrationKeys{},
		AddKey{Key: NewKeySettings()},
		RetireKey{},
		ChangeIntegration{Settings: NewIntegrationSettings()},
		IntegrationQuickStart{},
		IntegrationSCIM{Subject: Field{Name: "subject", Type: "radio"}},
		SCIMTokenMade{},
		RevokeSCIMToken{},
		RemoveIntegration{},
		RemovedIntegration{},
		SignEveryoneOut{},
	}
}

package web

import "time"

// SignIns is a page of the sign-in log.
type SignIns struct {
	Frame
	Filters  []Field
	Filtered bool // something is being looked for
	Rows     []SignInRow
	Pager    Pager
}

func (SignIns) template() string { return "admin/sign_ins" }

// SignInRow is an attempt in the list.
type SignInRow struct {
	At          time.Time
	Outcome     Pill
	Reason      string // "" = let in
	Person      string // as claimed; "" = unknown
	PersonPath  string // of the user's page; "" = no user is known
	Integration string // its name; "" = unknown
	Key         string
	Age         string // of the token when it arrived; "" = it has no iat
	Reference   string
	Path        string // of the entry's page; "" = it stands for many
	Count       int64
}

// Pill is a state in a word, and how it is coloured: "good", "bad", "warn" or
// "plain".
type Pill struct{ Kind, Text string }

// SignInEntry is one attempt with everything that is known about it.
type SignInEntry struct {
	Frame
	Reference string
	At        time.Time
	Door      string // how the token came, in words
	Outcome   Pill

	Reason, Public    string // the refusal's code, and what the person was told
	Detail            string // the refusal's, for administrators
	Claim, Expected   string // the claim at fault
	Person, Subject   string
	UserPath          string // "" = no user is known
	Integration       string
	IntegrationPath   string // "" = unknown
	Key               string
	IssuedAt          *time.Time
	Age, Limit, Clock string // in words; "" = unknown
	Target            string
	Network           string
	UserAgent         string
	Rung              string // how a frame holds the session, in words; "" = not said

	Checks   []ExaminedCheck
	Warnings []WarningLine
	Changes  []string // what this sign-in changed, in sentences
	Header   string   // indented JSON; "" = not kept
	Payload  string
	Doctor   string // path of the link doctor with this entry; "" = none
	Undo     string // path of the page that takes its changes back; "" = there are none, or the actor may not
}

func (SignInEntry) template() string { return "admin/sign_in_entry" }

// WarningLine is something worth telling about an accepted token.
type WarningLine struct{ Code, Path, Text string }

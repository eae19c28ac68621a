package web

import "time"

// Overview is the first page: what happened lately, and who needs attention.
type Overview struct {
	Frame
	Spans     []NavItem // the lengths of time to choose from
	SpanName  string    // the chosen one: "the last 24 hours"
	SignIns   int64
	Refused   int64
	NewUsers  int64
	Attention []Attention
	Attempts  TimeChart
	New       TimeChart
	Reasons   BarList
	Health    []IntegrationHealth
	// Setup is what there is to do until somebody has signed in; nil after that.
	Setup *Setup
}

func (Overview) template() string { return "admin/overview" }

// Share of the attempts that were refused, in words.
func (o Overview) Share() string { return Share(o.Refused, o.Refused+o.SignIns) }

// Attention is something that an administrator should look into.
type Attention struct {
	About string // the integration's name
	Path  string // where to look
	Text  string // a sentence or two: what is wrong, and what helps
	Grave bool   // people cannot sign in, or soon will not
}

// IntegrationHealth is a row of the overview's table.
type IntegrationHealth struct {
	Name, Path string
	LastSignIn time.Time
	Week       int64 // sign-ins
	Trend      Sparkline
	Attempts   int64 // of the last day
	Refused    int64 // of these
	Alerts     int
}

// Share of the last day's attempts that were refused, in words.
func (h IntegrationHealth) Share() string { return Share(h.Refused, h.Attempts) }

// Setup leads from an empty tenant to the first sign-in.
type Setup struct {
	Steps []SetupStep
}

// SetupStep is one step, which is done, or the next, or later.
type SetupStep struct {
	Label       string
	Text        string // what to do
	Path, Press string // where, and what the button says; "" = no button
	Done, Next  bool
}

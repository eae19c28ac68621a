package web

// scriptedDemoPages lists the empty form of the demo's pages that need script.
func scriptedDemoPages() []Page { return []Page{DemoEmbedded{}, DemoCalls{}, DemoWidget{}} }

// DemoEmbedded is the sample partner's page that shows something of Usher's in
// a frame.
type DemoEmbedded struct {
	UsherURL  string // origin
	AppID     string
	Script    string // the address of usher-embed.js
	Person    Question
	Life      Question
	Signature Question
	Resource  Question
	Code      string // what the page's own script comes down to
}

func (DemoEmbedded) template() string { return "demo_embedded" }

// DemoCalls is the sample partner's page that calls Usher from the browser.
type DemoCalls struct {
	URL    string // what is called
	AppID  string
	Person Question
	Calls  []DemoCall
}

func (DemoCalls) template() string { return "demo_calls" }

// DemoCall is one call, as a line for a terminal and for the page's script.
type DemoCall struct {
	ID    string // of the card, in the page
	Title string
	Note  string
	Token string
	Curl  string
}

// DemoWidget is a vote that the sample application shows inside of a frame. It
// is a whole document: its style sheets and its script lie below its own
// address, as the frame serves nothing else.
type DemoWidget struct {
	UsherURL string // origin of the page around it
	Button   bool   // only a button, for a place with little room
	Question string
	Email    string // of the person; "" = they have none
	UserID   string
	Groups   []string
	Votes    int // given so far
}

func (DemoWidget) template() string { return "whole/demo_widget" }

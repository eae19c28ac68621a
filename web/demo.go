package web

// The pages of the demo's two sites. They are not Usher's own: the partner is
// a site that signs links, the application is a site that asks Usher who came.

// DemoPartner is the sample partner's only page: a form that says what the
// next link should claim, and the link signed from it.
type DemoPartner struct {
	Person     Question
	GroupsHow  Question
	Groups     []Choice
	CreditsHow Question
	Credits    []Choice
	Meta       string // the text of the meta field, as typed
	MetaFault  string // what is wrong with it; "" = nothing
	Onboard    bool
	IssuedAt   Question
	Expires    Question
	Signature  Question
	ID         Question
	LastID     string // the jti of the link now shown, to be used again
	Go         Question
	GoText     string // the address typed by hand
	Unusual    bool   // something below "what can go wrong" is not as usual
	Signed     *SignedLink
}

func (DemoPartner) template() string { return "demo_partner" }

// Question is a set of radio buttons, one of them chosen.
type Question struct {
	Name    string // the form field
	Legend  string
	Choices []Choice
}

// Choice is one radio button or checkbox.
type Choice struct {
	Name   string // the form field, for checkboxes; a Question names its own
	Value  string
	Label  string
	Code   string // shown beside the label as code; "" = nothing
	Chosen bool
}

// SignedLink is a link that the partner has signed.
type SignedLink struct {
	Accepted bool   // whether Usher should accept it
	Outcome  string // what should happen, in one sentence
	Header   string // the token's header, as indented JSON
	Claims   string // the token's claims, as indented JSON
	Link     string // the whole address, for GET
	Callback string // the same address without its query, for POST
	Token    string
	Go       string
}

// DemoApp is the sample application's only page.
type DemoApp struct {
	Person      *Person // nil = nobody is signed in
	Unavailable bool    // Usher gave no usable answer; Person is nil
	SignOut     string  // where the sign-out form posts
	Go          string  // where to go afterwards
	PartnerAt   string  // the partner's address
}

func (DemoApp) template() string { return "demo_app" }

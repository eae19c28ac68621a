package web

import (
	"net/url"
	"strings"
)

// EmbedSandbox is what framed content may do. Without allow-same-origin it runs
// in an origin of its own, which nothing of ours belongs to.
const EmbedSandbox = "allow-scripts allow-forms allow-popups allow-downloads"

// Embed is a resource in a partner's frame: the partner's content in a frame of
// its own, or a page of ours that says who is signed in. Its script, embed.js,
// keeps the session alive and speaks with the page around.
type Embed struct {
	Script  EmbedScript
	Title   string // the resource's
	Content string // path of the content's frame; "" = our own page
	Person  Person // for our own page
}

func (Embed) template() string { return "embed/view" }

// Sandbox is EmbedSandbox, for the template.
func (Embed) Sandbox() string { return EmbedSandbox }

// EmbedRefused says in a frame why there is nothing to see.
type EmbedRefused struct {
	Script EmbedScript
	Refused
}

func (EmbedRefused) template() string { return "embed/refused" }

// EmbedScript is what a page tells embed.js. The zero value is a page on which
// the script has nothing to do, and is not loaded.
type EmbedScript struct {
	Kind, ID  string   // of the resource
	AppID     string   // of the integration
	Origins   []string // that may frame the page; none other is spoken to
	Reference string   // of the request that made the page

	// Of the session; "" and 0 where there is none.
	User      string // id
	Bearer    string
	ExpiresIn int // whole seconds left

	// Of a refusal; "" where there is none.
	Reason, Message string
	// Renewable says that a fresh token can be of help.
	Renewable bool
	// Passing says that the same address may work in a moment.
	Passing bool
}

// Address is where the view is opened in a tab of its own, without a token.
func (s EmbedScript) Address() string {
	address := "/embed/" + s.Kind + "/" + s.ID
	if s.AppID != "" {
		address += "?appId=" + url.QueryEscape(s.AppID)
	}
	return address
}

// List is the origins with spaces between them.
func (s EmbedScript) List() string { return strings.Join(s.Origins, " ") }

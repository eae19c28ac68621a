package main

import (
	"net/http"
	"net/url"
	"slices"
	"time"

	"usher/web"
)

// partnerConfig is what the demo's sample partner site needs: where Usher is,
// and what its admin handed over at the installation.
type partnerConfig struct {
	UsherURL string // origin
	URL      string // origin of the partner site itself
	AppURL   string // origin of the sample application
	AppID    string
	KeyID    string // the kid of Secret
	Secret   string // never shown
	Groups   []partnerGroup
	Credits  []partnerCredit
	Now      func() time.Time
	Pages    *web.Pages
}

// partnerGroup is a group of the tenant's that the partner knows of.
type partnerGroup struct {
	ExternalID string
	Name       string
}

// partnerCredit is a credit of the tenant's that the partner sells.
type partnerCredit struct {
	ID   int64
	Name string
}

// partnerMaxAge is the max-age of the demo's integration, by which the partner
// site tells what will happen to a link.
const partnerMaxAge = 180 * time.Second

// newPartner is the demo's sample partner site. Its first page is a form whose
// fields travel in the query, and the link signed from them; without a query
// the link is the one that the partner would usually sign. The others hold a
// frame of Usher's, and calls to it.
func newPartner(cfg partnerConfig) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, r *http.Request) {
		wish := cfg.readWish(r.URL.Query())
		sendPage(w, cfg.Pages, http.StatusOK, cfg.page(wish))
	})
	mux.HandleFunc("GET /embedded", func(w http.ResponseWriter, _ *http.Request) {
		sendPage(w, cfg.Pages, http.StatusOK, cfg.embeddedPage())
	})
	mux.HandleFunc("GET /embedded/token", cfg.sendEmbedToken)
	mux.HandleFunc("GET /api-calls", func(w http.ResponseWriter, r *http.Request) {
		sendPage(w, cfg.Pages, http.StatusOK, cfg.callsPage(r.URL.Query()))
	})
	return demoSite(mux, demoPolicy{forms: []string{cfg.UsherURL, cfg.AppURL}, usher: cfg.UsherURL})
}

// usualLink is the link of the site's first page.
func (cfg partnerConfig) usualLink() string {
	return cfg.sign(cfg.usualWish()).link
}

// wish is what the form says: how the next link is to be made. The zero value
// of every question is its usual answer.
type wish struct {
	person                partnerPerson
	groupsHow, creditsHow string
	groups, credits       []bool // by the index in the config
	meta                  string // JSON, or ""
	metaFault             string // why meta cannot be sent; "" = it can
	onboard               bool
	issuedAt, expires     string
	signature, id         string
	lastID                string // the jti to use again
	goTo, goText          string
}

// Values of wish.groupsHow and wish.creditsHow.
const (
	sendList      = ""
	sendEmpty     = "empty"
	sendNothing   = "absent"
	sendNull      = "null"
	sendWrongType = "wrong"
)

// Values of wish.issuedAt and wish.expires.
const (
	timeUsual  = ""
	timePast   = "past"
	timeFuture = "future"
	timeAbsent = "absent"
)

// Values of wish.signature.
const (
	signGood        = ""
	signBroken      = "broken"
	signWrongSecret = "secret"
	signNone        = "none"
)

// Values of wish.id.
const (
	idFresh  = ""
	idAgain  = "again"
	idAbsent = "absent"
)

// Values of wish.goTo.
const (
	goApp     = ""
	goHome    = "home"
	goHostile = "hostile"
	goAbsent  = "absent"
	goTyped   = "typed"
)

const hostileGo = "//evil.example/phish"

// Limits on what the form may say. A link has to fit into an address.
const (
	maxMetaBytes = 4 << 10
	maxGoBytes   = 4 << 10
	maxIDBytes   = 255
)

type partnerPerson struct {
	subject, email, first, last string
}

func partnerPeople() []partnerPerson {
	return []partnerPerson{
		{subject: "lumen-1001", email: "anna.lindqvist@lumen.example", first: "Anna", last: "Lindqvist"},
		{subject: "lumen-1002", email: "ben.okafor@lumen.example", first: "Ben", last: "Okafor"},
		{subject: "lumen-1003", email: "chloe.durand@lumen.example", first: "Chloé", last: "Durand"},
	}
}

// usualWish sends the first person, with the first two groups and the first
// credit, to the application.
func (cfg partnerConfig) usualWish() wish {
	w := wish{
		person:  partnerPeople()[0],
		groups:  make([]bool, len(cfg.Groups)),
		credits: make([]bool, len(cfg.Credits)),
		meta:    `{"course": "Optics 101", "seat": 12}`,
		goText:  "/courses",
	}
	for i := range w.groups {
		w.groups[i] = i < 2
	}
	for i := range w.credits {
		w.credits[i] = i < 1
	}
	return w
}

// readWish reads the form. It takes nothing on trust: an answer that the form
// does not offer is the usual one.
func (cfg partnerConfig) readWish(form url.Values) wish {
	w := cfg.usualWish()
	if !form.Has("form") {
		return w
	}
	for _, p := range partnerPeople() {
		if form.Get("person") == p.subject {
			w.person = p
		}
	}
	for i, g := range cfg.Groups {
		w.groups[i] = slices.Contains(form["group"], g.ExternalID)
	}
	for i, c := range cfg.Credits {
		w.credits[i] = slices.Contains(form["credit"], creditValue(c))
	}
	w.onboard = form.Get("onboard") == "1"
	w.meta = form.Get("meta")
	w.metaFault = checkMeta(w.meta)
	w.goText = cut(form.Get("gotext"), maxGoBytes)
	w.lastID = cut(form.Get("last"), maxIDBytes)
	for _, q := range w.questions() {
		for _, c := range q.choices {
			if form.Get(q.name) == c.Value {
				*q.answer = c.Value
			}
		}
	}
	return w
}

func cut(s string, limit int) string {
	return s[:min(len(s), limit)]
}

// question is a set of radio buttons and the answer that they give.
type question struct {
	name, legend string
	choices      []web.Choice
	answer       *string
}

// questions are the wish's, in the order in which the page asks them.
func (w *wish) questions() []question {
	return []question{
		{"groupshow", "How to send them", listChoices("groups"), &w.groupsHow},
		{"creditshow", "How to send them", listChoices("credits"), &w.creditsHow},
		{"go", "After signing in, go to", []web.Choice{
			{Value: goApp, Label: "the application's courses"},
			{Value: goHome, Label: "Usher's own start page", Code: "/"},
			{Value: goAbsent, Label: "wherever Usher thinks fit: leave it out"},
			{Value: goHostile, Label: "a hostile address", Code: hostileGo},
			{Value: goTyped, Label: "the address typed below"},
		}, &w.goTo},
		{"iat", "Issued at", []web.Choice{
			{Value: timeUsual, Label: "now"},
			{Value: timePast, Label: "ten minutes ago"},
			{Value: timeFuture, Label: "in ten minutes"},
			{Value: timeAbsent, Label: "left out"},
		}, &w.issuedAt},
		{"exp", "Expires", []web.Choice{
			{Value: timeUsual, Label: "in five minutes"},
			{Value: timePast, Label: "ten minutes ago"},
			{Value: timeAbsent, Label: "left out"},
		}, &w.expires},
		{"sig", "Signature", []web.Choice{
			{Value: signGood, Label: "good"},
			{Value: signBroken, Label: "broken: one character changed"},
			{Value: signWrongSecret, Label: "made with another secret"},
			{Value: signNone, Label: "none at all", Code: `"alg": "none"`},
		}, &w.signature},
		{"id", "Token id", []web.Choice{
			{Value: idFresh, Label: "a new one"},
			{Value: idAgain, Label: "that of the link now shown, again"},
			{Value: idAbsent, Label: "left out"},
		}, &w.id},
	}
}

func listChoices(claim string) []web.Choice {
	return []web.Choice{
		{Value: sendList, Label: "the ticked ones, as a list"},
		{Value: sendEmpty, Label: "an empty list", Code: "[]"},
		{Value: sendNothing, Label: "not at all: leave " + claim + " out"},
		{Value: sendNull, Label: "as nothing", Code: "null"},
		{Value: sendWrongType, Label: "wrongly: as another type"},
	}
}

// page is the form as it was filled in, and the link signed from it.
func (cfg partnerConfig) page(w wish) web.DemoPartner {
	page := web.DemoPartner{
		Person:    web.Question{Name: "person", Legend: "A person of Lumen Learning"},
		Meta:      w.meta,
		MetaFault: w.metaFault,
		Onboard:   w.onboard,
		GoText:    w.goText,
		LastID:    w.lastID,
		Unusual:   w.issuedAt+w.expires+w.signature+w.id != "",
	}
	for _, p := range partnerPeople() {
		page.Person.Choices = append(page.Person.Choices, web.Choice{
			Value: p.subject, Label: p.first + " " + p.last, Code: p.email, Chosen: p == w.person,
		})
	}
	for i, g := range cfg.Groups {
		page.Groups = append(page.Groups, web.Choice{
			Name: "group", Value: g.ExternalID, Label: g.Name, Code: g.ExternalID, Chosen: w.groups[i],
		})
	}
	for i, c := range cfg.Credits {
		page.Credits = append(page.Credits, web.Choice{
			Name: "credit", Value: creditValue(c), Label: c.Name, Code: creditValue(c), Chosen: w.credits[i],
		})
	}
	places := []*web.Question{
		&page.GroupsHow, &page.CreditsHow, &page.Go, &page.IssuedAt, &page.Expires, &page.Signature, &page.ID,
	}
	for i, q := range w.questions() {
		for j := range q.choices {
			q.choices[j].Chosen = q.choices[j].Value == *q.answer
		}
		*places[i] = web.Question{Name: q.name, Legend: q.legend, Choices: q.choices}
	}
	if w.metaFault == "" {
		signed := cfg.sign(w)
		page.LastID = signed.id
		page.Signed = signed.show(cfg.expect(w))
	}
	return page
}

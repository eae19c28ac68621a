package main

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"usher/web"
)

// The partner site's page with a frame, the tokens for it, and its page with
// API calls. A token of theirs is shown again and again: it has no jti, and its
// exp is all that ends it early.

// embedWish is what the form beside the frame says about the next token.
type embedWish struct {
	person    partnerPerson
	life      string
	signature string // signGood, signBroken, or signUnavailable
}

// Values of embedWish.life.
const (
	lifeHour  = ""
	lifeShort = "short"
	lifeOver  = "over"
)

// signUnavailable is a signature that the partner's server does not give.
const signUnavailable = "unavailable"

// shortLife is how long a token lives that is to run out before one's eyes.
const shortLife = 40 * time.Second

// demoResource is something of the application's that the demo frames.
type demoResource struct {
	kind, id, title string
	path            string // of the content at the application; "" = Usher's own page
	restricted      bool
}

func demoResources() []demoResource {
	return []demoResource{
		{kind: "vote-widget", id: "57cc2646aa30b65c1e04acc0", title: "Should the lab open on Saturdays?", path: "/vote-widget/57cc2646aa30b65c1e04acc0/"},
		{kind: "vote-button", id: "57cc2646aa30b65c1e04acc0", title: "Should the lab open on Saturdays?", path: "/vote-button/57cc2646aa30b65c1e04acc0/"},
		{kind: "course-card", id: "optics-101", title: "Optics 101", restricted: true},
	}
}

func (cfg partnerConfig) readEmbedWish(form url.Values) embedWish {
	w := embedWish{person: partnerPeople()[0]}
	for _, p := range partnerPeople() {
		if form.Get("person") == p.subject {
			w.person = p
		}
	}
	for _, life := range []string{lifeShort, lifeOver} {
		if form.Get("life") == life {
			w.life = life
		}
	}
	for _, signature := range []string{signBroken, signUnavailable} {
		if form.Get("sig") == signature {
			w.signature = signature
		}
	}
	return w
}

// embedToken is the token that the wish asks for.
func (cfg partnerConfig) embedToken(w embedWish) string {
	now := cfg.Now()
	expires := now.Add(time.Hour)
	switch w.life {
	case lifeShort:
		expires = now.Add(shortLife)
	case lifeOver:
		expires = now.Add(-10 * time.Minute)
	}
	issued, ends := now.Unix(), expires.Unix()
	token := signHS256(encode(partnerHeader{Alg: "HS256", Typ: "JWT", Kid: cfg.KeyID}), encode(partnerClaims{
		Issuer: cfg.AppID, Subject: w.person.subject, Email: w.person.email,
		FirstName: w.person.first, LastName: w.person.last, IssuedAt: &issued, Expires: &ends,
	}), cfg.Secret)
	if w.signature == signBroken {
		return breakSignature(token)
	}
	return token
}

// sendEmbedToken is what the page's own token function asks. A real partner
// signs for whoever is signed in there; here the form chooses.
func (cfg partnerConfig) sendEmbedToken(w http.ResponseWriter, r *http.Request) {
	wish := cfg.readEmbedWish(r.URL.Query())
	if wish.signature == signUnavailable {
		http.Error(w, "no token today", http.StatusServiceUnavailable)
		return
	}
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	_, _ = w.Write([]byte(cfg.embedToken(wish))) // fails only when the browser has gone
}

// personQuestion asks who the partner's people are to be.
func personQuestion(chosen partnerPerson) web.Question {
	q := web.Question{Name: "person", Legend: "A person of Lumen Learning"}
	for _, p := range partnerPeople() {
		q.Choices = append(q.Choices, web.Choice{Value: p.subject, Label: p.first + " " + p.last, Chosen: p == chosen})
	}
	return q
}

func (cfg partnerConfig) embeddedPage() web.DemoEmbedded {
	page := web.DemoEmbedded{
		UsherURL: cfg.UsherURL,
		AppID:    cfg.AppID,
		Script:   cfg.UsherURL + "/embed/" + web.PartnerScript,
		Person:   personQuestion(partnerPeople()[0]),
		Life: web.Question{Name: "life", Legend: "It is good for", Choices: []web.Choice{
			{Value: lifeHour, Label: "an hour", Chosen: true},
			{Value: lifeShort, Label: fmt.Sprintf("%d seconds: see it renewed", int(shortLife.Seconds()))},
			{Value: lifeOver, Label: "nothing: it is over"},
		}},
		Signature: web.Question{Name: "sig", Legend: "Signature", Choices: []web.Choice{
			{Value: signGood, Label: "good", Chosen: true},
			{Value: signBroken, Label: "broken: one character changed"},
			{Value: signUnavailable, Label: "none: the page’s server has no token to give"},
		}},
		Resource: web.Question{Name: "resource", Legend: "A resource of Lumen Learning’s"},
		Code: fmt.Sprintf(`<div id="vote"></div>
<script src="%s/embed/%s"></script>
<script>
UsherEmbed.mount("#vote", {
  usher: "%s",
  kind: "%s", id: "%s",
  appId: "%s",
  token: async () =>
    (await fetch("/usher-token")).text(),
});
</script>`, cfg.UsherURL, web.PartnerScript, cfg.UsherURL, demoResources()[0].kind, demoResources()[0].id, cfg.AppID),
	}
	for i, r := range demoResources() {
		label := r.title + ", as a " + strings.ReplaceAll(r.kind, "-", " ")
		page.Resource.Choices = append(page.Resource.Choices, web.Choice{
			Value: r.kind + "/" + r.id, Label: label, Chosen: i == 0,
		})
	}
	return page
}

func (cfg partnerConfig) callsPage(form url.Values) web.DemoCalls {
	wish := cfg.readEmbedWish(form)
	page := web.DemoCalls{URL: cfg.UsherURL + "/auth/session", AppID: cfg.AppID, Person: personQuestion(wish.person)}
	for _, call := range []struct{ id, title, note, signature string }{
		{"good", "With a good token", "Usher answers as it would to the person’s own browser.", signGood},
		{"bad", "With a broken one", "Usher refuses the call, even where the browser has a session.", signBroken},
	} {
		wish.signature = call.signature
		token := cfg.embedToken(wish)
		page.Calls = append(page.Calls, web.DemoCall{
			ID: call.id, Title: call.title, Note: call.note, Token: token,
			Curl: fmt.Sprintf("curl %s \\\n  -H 'Authorization: JWT %s' \\\n  -H 'Cocorico-App-Id: %s'", page.URL, token, cfg.AppID),
		})
	}
	return page
}

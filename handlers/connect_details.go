package handlers

import (
	"errors"
	"log/slog"
	"net/http"
	"net/url"
	"strings"

	"github.com/gin-gonic/gin"

	"usher/sessions"
	"usher/sessions/tokens"
	"usher/web"
)

// claimField begins the names of the fields for claims in the form of Details.
const claimField = "claim."

// fieldPerson names whom the form asks.
const fieldPerson = "person"

// goesOn are the addresses to which a person can go on from Details: those that
// had sent them there.
var goesOn = []string{ConnectAuthorizePath + "?", "/v1/oauth/authorize?"}

// maxNext is how long such an address may be, in bytes.
const maxNext = 16 << 10

// Details asks the person for what a client requires and nobody has said of them
// yet: GET /connect/details?client_id=…&next=…. It shows nothing that is known.
func (a *App) Details(c *gin.Context) error {
	d, err := a.detailsFor(c, c.Request.URL.Query())
	if err != nil {
		return err
	}
	missing, err := d.missing(c)
	if err != nil {
		return err
	}
	if len(missing) == 0 {
		c.Header("Cache-Control", "no-store")
		seeOther(c, d.next)
		return nil
	}
	return d.ask(c, http.StatusOK, missing, nil, nil)
}

// EnterDetails keeps what the person has said, and leads on: POST
// /connect/details. What was known already stays as it is.
func (a *App) EnterDetails(c *gin.Context) error {
	form, err := readForm(c.Request)
	if err != nil {
		return &Fault{Code: BadRequest, Err: err}
	}
	d, err := a.detailsFor(c, form)
	if err != nil {
		return err
	}
	said := map[string]string{}
	for name := range form {
		if claim, is := strings.CutPrefix(name, claimField); is {
			said[claim], _ = single(form[name])
		}
	}
	missing, err := d.missing(c)
	if err != nil {
		return err
	}
	if person, _ := single(form[fieldPerson]); person != d.session.User && len(missing) > 0 {
		// Somebody else has signed in since: what is on the form is not about them.
		return d.ask(c, http.StatusConflict, missing, nil, nil)
	}
	err = a.Tokens.EnterMissing(c.Request.Context(), siteOf(c).tenant.ID, d.client, d.session.User, said)
	if wrong := faultsOf(err); wrong != nil {
		return d.ask(c, http.StatusUnprocessableEntity, missing, said, wrong)
	}
	if err != nil {
		return gone(err)
	}
	// Not a redirect: browsers hold what follows a form to the addresses that its
	// page may post to (form-action), and the way on can lead to any client or
	// partner.
	c.Header("Cache-Control", "no-store")
	c.Header("Refresh", "0; url="+d.next)
	return a.show(c, web.DetailsKept{Client: d.client.Name, Next: d.next})
}

// details is a request to say something.
type details struct {
	app     *App
	session sessions.Session
	client  tokens.Client
	next    string
}

func (a *App) detailsFor(c *gin.Context, values url.Values) (details, error) {
	session, err := a.session(c)
	if err != nil {
		return details{}, err
	}
	next, once := single(values["next"])
	if !once || !mayGoOn(next) {
		return details{}, &Fault{Code: BadRequest, Public: "The address to go on to is none of ours (next). Go back to the application and begin again."}
	}
	id, once := single(values[paramClientID])
	if !once {
		id = ""
	}
	client, err := a.Tokens.AskingClient(c.Request.Context(), siteOf(c).tenant.ID, id)
	if errors.Is(err, tokens.ErrInvalidClient) {
		return details{}, authorizeFault("There is no such application here, or it has been switched off (client_id).", err)
	} else if err != nil {
		return details{}, err
	}
	Note(c, slog.String("oauth_client", client.ID))
	return details{app: a, session: session, client: client, next: next}, nil
}

// mayGoOn reports whether an address is one of goesOn, written so that it leads
// nowhere else and ends no header.
func mayGoOn(next string) bool {
	if len(next) > maxNext || strings.ContainsFunc(next, func(r rune) bool { return r <= ' ' || r > '~' || r == '\\' }) {
		return false
	}
	for _, prefix := range goesOn {
		if strings.HasPrefix(next, prefix) {
			return true
		}
	}
	return false
}

func (d details) missing(c *gin.Context) ([]tokens.CustomClaim, error) {
	missing, err := d.app.Tokens.MissingClaims(c.Request.Context(), d.session.Tenant, d.client, d.session.User)
	return missing, gone(err)
}

// gone is the refusal for somebody who is not there any more.
func gone(err error) error {
	if errors.Is(err, tokens.ErrNotFound) {
		return &Fault{Code: NoSession, Err: err}
	}
	return err
}

// faultsOf returns what is wrong with the fields of a form, by field, when err
// says nothing else.
func faultsOf(err error) map[string]string {
	errs := []error{err}
	if joined, is := err.(interface{ Unwrap() []error }); is {
		errs = joined.Unwrap()
	}
	var faults map[string]string
	for _, one := range errs {
		wrong, is := errors.AsType[*tokens.Invalid](one)
		if !is {
			return nil
		}
		if faults == nil {
			faults = map[string]string{}
		}
		faults[wrong.Field] = wrong.Problem
	}
	return faults
}

// ask shows the form with what was said, and what is wrong with it, by claim.
func (d details) ask(c *gin.Context, status int, missing []tokens.CustomClaim, said, wrong map[string]string) error {
	page := web.Details{
		Client: d.client.Name, Person: d.app.personName(c, d.session), Action: DetailsPath,
		PersonID: d.session.User, ClientID: d.client.ClientID, Next: d.next, Faulty: len(wrong) > 0,
	}
	found := false // a fault, for the eye to begin at
	for _, claim := range missing {
		field := web.Detail{Name: claimField + claim.Name, Label: claim.DisplayName, Type: inputFor(claim.Type), Value: said[claim.Name]}
		if problem := wrong[claim.Name]; problem != "" {
			field.Fault, field.First, found = "Please give "+problem+".", !found, true
		}
		page.Fields = append(page.Fields, field)
	}
	c.Header("Cache-Control", "no-store")
	return d.app.showAs(c, status, page)
}

// inputFor is the kind of field for a claim of a type.
func inputFor(kind string) string {
	switch kind {
	case tokens.ClaimNumber, tokens.ClaimDate, tokens.ClaimURL:
		return kind
	case tokens.ClaimBoolean:
		return "yes or no"
	}
	return "text"
}

package admin

import (
	"encoding/json"
	"errors"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/gin-gonic/gin"

	"usher/handlers"
	"usher/provisioning"
	"usher/sessions/admins"
	"usher/web"
)

// specimen is a link to be examined as if it came to this tenant.
func (a *Admin) specimen(c *gin.Context, text string, at time.Time) provisioning.Specimen {
	tenant := handlers.TenantOf(c)
	own := handlers.TenantOrigins(a.Origin, tenant)
	specimen := provisioning.Specimen{
		Tenant: tenant, Own: own, Audiences: handlers.Audiences(own), Text: text, At: at,
	}
	if !actorOf(c).May(admins.ReadUsers) {
		specimen.Withhold = "What is stored about people needs the right “" + string(admins.ReadUsers) + "”."
	}
	return specimen
}

// examine looks at a pasted text, or at the entry of the sign-in log with the
// reference when there is no text.
func (a *Admin) examine(c *gin.Context, text, reference string, at time.Time) (provisioning.Examination, error) {
	specimen := a.specimen(c, text, at)
	if text == "" {
		record, err := a.Provisioning.SignInByReference(c.Request.Context(), specimen.Tenant, reference)
		if err != nil {
			return provisioning.Examination{}, err
		}
		specimen.Record = &record
	}
	return a.Provisioning.Examine(c.Request.Context(), specimen)
}

// DoctorPage: GET /admin/doctor, with ?reference= for an entry of the sign-in
// log.
func (a *Admin) DoctorPage(c *gin.Context) error {
	page := a.doctorPage(c)
	reference := strings.TrimSpace(c.Query("reference"))
	if reference == "" {
		return a.show(c, page)
	}
	page.Reference.Value = reference
	examination, err := a.examine(c, "", reference, time.Time{})
	switch {
	case errors.Is(err, provisioning.ErrNotFound):
		page.Reference.Fault = "The sign-in log has no entry with this reference."
		return a.showAs(c, http.StatusUnprocessableEntity, page)
	case err != nil:
		return explain(err)
	}
	page.Result = shownExamination(examination)
	return a.show(c, page)
}

// DoctorForm: POST /admin/doctor. The text comes in the body, so that no log and no
// history has it, and the answer does not repeat it.
func (a *Admin) DoctorForm(c *gin.Context) error {
	page := a.doctorPage(c)
	text, at := c.PostForm("specimen"), time.Time{}
	if strings.TrimSpace(text) == "" {
		page.Specimen.Fault = "Paste a link or a token."
	}
	if when := c.PostForm("at"); when != "" {
		var err error
		if at, err = readInstant(when); err != nil {
			page.At.Value, page.At.Fault = when, "Write a time in UTC, like 2030-01-31T12:00:00."
		}
	}
	if page.Specimen.Fault+page.At.Fault != "" {
		return a.showAs(c, http.StatusUnprocessableEntity, page)
	}
	examination, err := a.examine(c, text, "", at)
	if wrong, ok := errors.AsType[*provisioning.Invalid](err); ok {
		page.Specimen.Fault = "What was pasted is not a link: " + wrong.Problem + "."
		return a.showAs(c, http.StatusUnprocessableEntity, page)
	} else if err != nil {
		return explain(err)
	}
	page.Result = shownExamination(examination)
	return a.show(c, page)
}

// readInstant reads a time in UTC as a form or a request writes it.
func readInstant(text string) (time.Time, error) {
	for _, layout := range []string{time.RFC3339, "2006-01-02T15:04:05", "2006-01-02T15:04"} {
		if at, err := time.Parse(layout, text); err == nil {
			return at.UTC(), nil
		}
	}
	return time.Time{}, errors.New("no time")
}

func (a *Admin) doctorPage(c *gin.Context) web.Doctor {
	return web.Doctor{
		Frame: a.frame(c, doctorPath, "Link doctor"),
		Specimen: web.Field{
			Name: "specimen", Label: "Link or token", Type: "textarea", Required: true,
			Hint: "A whole link, its query, or the token alone; the address of an embed; JWT and a token, as API calls send it. Nothing is applied, used up or kept.",
		},
		At: web.Field{
			Name: "at", Label: "Arriving at (UTC)", Type: "datetime-local",
			Hint: "Left empty: now.",
		},
		Reference: web.Field{
			Name: "reference", Label: "Reference", Type: "search",
			Hint: "From the page that a person saw, or from the sign-in log.",
		},
	}
}

var verdictClasses = map[provisioning.Verdict]struct{ class, word string }{
	provisioning.Passed:     {"pass", "passed"},
	provisioning.Failed:     {"fail", "failed"},
	provisioning.Skipped:    {"skip", "nothing to check"},
	provisioning.NotReached: {"skip", "not reached"},
	provisioning.Withheld:   {"skip", "not shown"},
}

// shownExamination is an examination as the page shows it.
func shownExamination(e provisioning.Examination) *web.Examined {
	shown := &web.Examined{
		At: e.At, Notes: e.Notes, Recorded: string(e.Recorded), Fix: e.Fix(),
		Header: indented(e.Header), Claims: indented(e.Claims), KeyID: e.KeyID, Withheld: e.Withheld,
		Rules: DoorRules(e.Door), Presented: e.Presented(),
	}
	if e.Refusal != nil {
		shown.Reason = string(e.Refusal.Reason)
	}
	shown.Checks = shownChecks(e.Checks)
	if n := e.Integration; n != nil {
		shown.Integration, shown.IntegrationID, shown.IntegrationRemoved = n.Name, n.ID, n.RemovedAt != nil
	}
	for _, w := range e.Warnings {
		shown.Warnings = append(shown.Warnings, w.Code+": "+w.Text)
	}
	f := e.Forecast
	if f == nil {
		return shown
	}
	shown.Target = destination(e)
	shown.Forecast = &web.Forecast{
		UserID: f.UserID, Email: f.Email, Created: f.Created, Unchanged: f.Unchanged, Stale: f.Stale, Nothing: !f.Changes(),
		Fields: shownFields(f.Fields), Meta: shownFields(f.Meta),
	}
	for _, g := range f.Groups {
		line := web.DiffLine{Added: g.Added, Text: g.ID}
		switch {
		case g.New:
			line.Note = "the group is created"
		case g.Otherwise:
			line.Note = "a member anyway, by another source"
		}
		shown.Forecast.Groups = append(shown.Forecast.Groups, line)
	}
	for _, g := range f.Credits {
		line := web.DiffLine{Added: g.Added, Text: g.OrderID + " / " + strconv.FormatInt(g.ID, 10)}
		if g.Parked {
			line.Note = "parked: the catalogue has no such credit yet"
		}
		shown.Forecast.Credits = append(shown.Forecast.Credits, line)
	}
	return shown
}

// DoorRules says by whose rules a token is examined.
func DoorRules(door string) string {
	switch door {
	case provisioning.DoorEmbed:
		return "by the rules of embeds"
	case provisioning.DoorHeader:
		return "by the rules of API calls"
	}
	return "by the rules of links"
}

// destination is where the browser of an examined link would go; "" for a token
// that is presented.
func destination(e provisioning.Examination) string {
	if e.Presented() {
		return ""
	}
	return handlers.Location(e.Target, e.Forecast.Onboarding)
}

func shownChecks(checks []provisioning.Check) []web.ExaminedCheck {
	var shown []web.ExaminedCheck
	for _, c := range checks {
		v := verdictClasses[c.Verdict]
		shown = append(shown, web.ExaminedCheck{
			ID: c.ID, Label: c.Label, Class: v.class, Verdict: v.word, Text: c.Text, Fix: c.Fix,
		})
	}
	return shown
}

func shownFields(changes []provisioning.FieldChange) []web.FieldDiff {
	var shown []web.FieldDiff
	for _, c := range changes {
		shown = append(shown, web.FieldDiff(c))
	}
	return shown
}

// indented is JSON for reading; what is no JSON stays as it is.
func indented(text string) string {
	var b strings.Builder
	encoder := json.NewEncoder(&b)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	if !json.Valid([]byte(text)) || encoder.Encode(json.RawMessage(text)) != nil {
		return text // as it was sent
	}
	return strings.TrimSpace(b.String())
}

// ExaminationAnswer is an examination as JSON.
type ExaminationAnswer struct {
	Accepted    bool             `json:"accepted"`
	Reason      *string          `json:"reason"`   // that a browser would get; null = it would be signed in
	Recorded    *string          `json:"recorded"` // as the sign-in log has it; null for a pasted link
	Fix         string           `json:"fix"`
	Door        string           `json:"door"` // get, post, embed or header
	At          time.Time        `json:"at"`
	Notes       []string         `json:"notes"`
	Checks      []checkAnswer    `json:"checks"`
	Header      *json.RawMessage `json:"header"` // null when it is no JSON
	Claims      *json.RawMessage `json:"claims"`
	Integration *string          `json:"integration"`
	Key         *string          `json:"key"`
	Forecast    *forecastAnswer  `json:"forecast"`
	Warnings    []warningAnswer  `json:"warnings"`
	Withheld    *string          `json:"withheld"` // why what is stored about people is left out; null = it is not
}

type checkAnswer struct {
	ID      string  `json:"id"`
	Label   string  `json:"label"`
	Verdict string  `json:"verdict"` // pass, fail, skipped, not_reached or withheld
	Text    string  `json:"text"`
	Reason  *string `json:"reason"`
	Fix     string  `json:"fix"`
}

type warningAnswer struct {
	Code string `json:"code"`
	Path string `json:"path"`
	Text string `json:"text"`
}

type forecastAnswer struct {
	User      *string        `json:"user"` // null = created
	Match     string         `json:"match"`
	Created   bool           `json:"created"`
	Unchanged bool           `json:"unchanged"`
	Stale     bool           `json:"stale"`
	Fields    []fieldAnswer  `json:"fields"`
	Meta      []fieldAnswer  `json:"meta"`
	Groups    []groupChange  `json:"groups"`
	Credits   []creditChange `json:"credits"`
	Location  string         `json:"location"`
}

type fieldAnswer struct {
	Name string `json:"name"`
	From string `json:"from"`
	To   string `json:"to"`
}

type groupChange struct {
	ID        string `json:"id"`
	Added     bool   `json:"added"`
	New       bool   `json:"new"`
	Otherwise bool   `json:"otherwise"`
}

type creditChange struct {
	OrderID string `json:"order_id"`
	ID      int64  `json:"id"`
	Added   bool   `json:"added"`
	Parked  bool   `json:"parked"`
}

// AnswerExamination writes an examination for programs.
func AnswerExamination(e provisioning.Examination) ExaminationAnswer {
	answer := ExaminationAnswer{
		Accepted: e.Refusal == nil && e.Recorded == "", Recorded: orNull(string(e.Recorded)), Fix: e.Fix(), Door: e.Door, At: e.At.UTC(),
		Notes: append([]string{}, e.Notes...), Checks: []checkAnswer{}, Header: rawJSON(e.Header), Claims: rawJSON(e.Claims),
		Key: orNull(e.KeyID), Warnings: []warningAnswer{}, Withheld: orNull(e.Withheld),
	}
	if e.Refusal != nil {
		answer.Reason = orNull(string(e.Refusal.Reason))
	}
	for _, c := range e.Checks {
		check := checkAnswer{ID: c.ID, Label: c.Label, Verdict: string(c.Verdict), Text: c.Text, Fix: c.Fix}
		if c.Refusal != nil {
			check.Reason = orNull(string(c.Refusal.Reason))
		}
		answer.Checks = append(answer.Checks, check)
	}
	if e.Integration != nil {
		answer.Integration = orNull(e.Integration.ID)
	}
	for _, w := range e.Warnings {
		answer.Warnings = append(answer.Warnings, warningAnswer(w))
	}
	if f := e.Forecast; f != nil {
		forecast := &forecastAnswer{
			User: orNull(f.UserID), Match: string(f.Match), Created: f.Created, Unchanged: f.Unchanged, Stale: f.Stale,
			Fields: []fieldAnswer{}, Meta: []fieldAnswer{}, Groups: []groupChange{}, Credits: []creditChange{},
			Location: destination(e),
		}
		for _, c := range f.Fields {
			forecast.Fields = append(forecast.Fields, fieldAnswer(c))
		}
		for _, c := range f.Meta {
			forecast.Meta = append(forecast.Meta, fieldAnswer(c))
		}
		for _, g := range f.Groups {
			forecast.Groups = append(forecast.Groups, groupChange(g))
		}
		for _, g := range f.Credits {
			forecast.Credits = append(forecast.Credits, creditChange{OrderID: g.OrderID, ID: g.ID, Added: g.Added, Parked: g.Parked})
		}
		answer.Forecast = forecast
	}
	return answer
}

// rawJSON is a text that is one JSON object, or nil.
func rawJSON(text string) *json.RawMessage {
	if provisioning.CheckJSON([]byte(text)) != nil {
		return nil
	}
	raw := json.RawMessage(text)
	return &raw
}

// Examine: POST /admin/api/v1/doctor.
func (a *Admin) Examine(c *gin.Context) error {
	var body struct {
		Specimen  string `json:"specimen"`
		Reference string `json:"reference"`
		At        string `json:"at"`
	}
	if err := read(c, &body); err != nil {
		return err
	}
	if (strings.TrimSpace(body.Specimen) == "") == (body.Reference == "") {
		return badRequest("Give either specimen, a link or a token, or the reference of an entry of the sign-in log.")
	}
	var at time.Time
	if body.At != "" {
		var err error
		if at, err = time.Parse(time.RFC3339, body.At); err != nil {
			return badRequest("at is a time like 2030-01-31T12:00:00Z.")
		}
	}
	examination, err := a.examine(c, body.Specimen, body.Reference, at)
	if err != nil {
		return explain(err)
	}
	c.JSON(http.StatusOK, AnswerExamination(examination))
	return nil
}

package admin

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"github.com/gin-gonic/gin"

	"usher/handlers"
	"usher/provisioning"
	"usher/sessions/admins"
	"usher/web"
)

// SignInAnswer is an entry of the sign-in log in the API.
type SignInAnswer struct {
	ID          string          `json:"id"`
	Reference   string          `json:"reference"` // "" = it stands for many
	At          time.Time       `json:"at"`
	Door        string          `json:"door"`
	Outcome     string          `json:"outcome"`
	Reason      string          `json:"reason"` // "" = let in
	Detail      string          `json:"detail"`
	Path        string          `json:"path"`
	Expected    string          `json:"expected"`
	Integration *string         `json:"integration"` // null = unknown, as are those below
	Key         *string         `json:"key"`
	User        *string         `json:"user"`
	Email       string          `json:"email"` // as claimed
	Subject     string          `json:"subject"`
	IssuedAt    *time.Time      `json:"issued_at"`
	Age         *float64        `json:"age"` // seconds
	Warnings    []warningAnswer `json:"warnings"`
	Created     bool            `json:"created"`
	Changed     bool            `json:"changed"`
	Added       int64           `json:"memberships_added"`
	Removed     int64           `json:"memberships_removed"`
	Granted     int64           `json:"credits_granted"`
	Revoked     int64           `json:"credits_revoked"`
	Target      string          `json:"target"`
	Network     string          `json:"network"`
	UserAgent   string          `json:"user_agent"`
	Count       int64           `json:"count"`
	Rung        string          `json:"rung"` // "" = not said, or no frame
}

// AnswerSignIn makes the answer of an entry, without the token's texts.
func AnswerSignIn(r provisioning.SignInRecord) SignInAnswer {
	answer := SignInAnswer{
		ID: r.ID, Reference: r.Reference, At: r.At.UTC(), Door: r.Door, Outcome: r.Outcome, Reason: r.Reason,
		Detail: r.Detail, Path: r.Path, Expected: r.Expected,
		Integration: orNull(r.IntegrationID), Key: orNull(r.KeyID), User: orNull(r.UserID),
		Email: r.Email, Subject: r.Subject, IssuedAt: inUTC(r.IssuedAt), Warnings: []warningAnswer{},
		Created: r.Created, Changed: r.Changed, Added: r.Added, Removed: r.Removed, Granted: r.Granted, Revoked: r.Revoked,
		Target: r.Target, Network: r.Network, UserAgent: r.UserAgent, Count: r.Count, Rung: r.Rung,
	}
	if r.IssuedAt != nil {
		age := r.At.Sub(*r.IssuedAt).Seconds()
		answer.Age = &age
	}
	for _, w := range r.Warnings {
		answer.Warnings = append(answer.Warnings, warningAnswer(w))
	}
	return answer
}

// SignIns: GET /admin/api/v1/sign-ins?reference=&email=&reason=&outcome=&integration=&user=&from=&to=&before=.
// "next" is the next page's before; null on the last one.
func (a *Admin) SignIns(c *gin.Context) error {
	filter := signInFilter(c)
	for _, end := range []struct {
		name string
		into *time.Time
	}{{"from", &filter.From}, {"to", &filter.To}} {
		text := c.Query(end.name)
		if text == "" {
			continue
		}
		var err error
		if *end.into, err = time.Parse(time.RFC3339, text); err != nil {
			return badRequest("%s: a time as in RFC 3339 is expected.", end.name)
		}
	}
	records, next, err := a.Provisioning.SignIns(c.Request.Context(), handlers.TenantOf(c), filter, c.Query("before"))
	if err != nil {
		return explain(err)
	}
	answers := []SignInAnswer{}
	for _, r := range records {
		answers = append(answers, AnswerSignIn(r))
	}
	return list(c, "sign_ins", answers, next)
}

// SignInByReference: GET /admin/api/v1/sign-ins/:reference, with the token's
// texts.
func (a *Admin) SignInByReference(c *gin.Context) error {
	r, err := a.Provisioning.SignInByReference(c.Request.Context(), handlers.TenantOf(c), c.Param("reference"))
	if err != nil {
		return explain(err)
	}
	c.JSON(http.StatusOK, struct {
		SignInAnswer
		Header string `json:"header"`
		Claims string `json:"claims"`
	}{AnswerSignIn(r), r.Header, r.Payload})
	return nil
}

// signInFilter reads what pages and API have alike.
func signInFilter(c *gin.Context) provisioning.SignInFilter {
	return provisioning.SignInFilter{
		Reference: c.Query("reference"), Email: c.Query("email"), Reason: c.Query("reason"), Outcome: c.Query("outcome"),
		IntegrationID: c.Query("integration"), UserID: c.Query("user"),
	}
}

// SignInsPage: GET /admin/sign-ins.
func (a *Admin) SignInsPage(c *gin.Context) error {
	filter := signInFilter(c)
	wrong := faults{}
	for _, end := range []struct {
		name string
		into *time.Time
	}{{"from", &filter.From}, {"to", &filter.To}} {
		if text := c.Query(end.name); text != "" {
			at, err := readInstant(text)
			if err != nil {
				wrong[end.name] = "Write a date and a time, as in 2026-11-22T14:30."
			}
			*end.into = at
		}
	}
	var records []provisioning.SignInRecord
	var next string
	if len(wrong) == 0 {
		var err error
		records, next, err = a.Provisioning.SignIns(c.Request.Context(), handlers.TenantOf(c), filter, c.Query("before"))
		if found, ok := faultsOf(err); ok {
			wrong = found
		} else if err != nil {
			return explain(err)
		}
	}
	n, err := a.names(c)
	if err != nil {
		return err
	}
	page := web.SignIns{
		Frame: a.frame(c, signInsPath, "Sign-in log"), Filters: signInFields(c, n, wrong),
		Filtered: filter != provisioning.SignInFilter{} || len(wrong) > 0, Pager: pagerBy(c, signInsPath, "before", next),
	}
	for _, r := range records {
		page.Rows = append(page.Rows, signInRow(r, n))
	}
	if len(wrong) > 0 {
		return a.showAs(c, http.StatusUnprocessableEntity, page)
	}
	return a.show(c, page)
}

func signInFields(c *gin.Context, n names, wrong faults) []web.Field {
	choose := func(name, all string, values []web.Option) []web.Option {
		options := []web.Option{{Label: all}}
		for _, o := range values {
			o.Chosen = o.Value == c.Query(name)
			options = append(options, o)
		}
		return options
	}
	var reasons, integrations []web.Option
	for _, reason := range provisioning.Reasons() {
		reasons = append(reasons, web.Option{Value: string(reason), Label: string(reason)})
	}
	for _, id := range n.sorted() {
		integrations = append(integrations, web.Option{Value: id, Label: n[id]})
	}
	fields := []web.Field{
		{Name: "reference", Label: "Reference", Type: "search"},
		{Name: "email", Label: "E-mail address", Type: "search", Autocomplete: "off"},
		{Name: "outcome", Label: "Outcome", Type: "select", Options: choose("outcome", "any", outcomeOptions)},
		{Name: "reason", Label: "Reason", Type: "select", Options: choose("reason", "any", reasons)},
		{Name: "integration", Label: "Integration", Type: "select", Options: choose("integration", "any", integrations)},
		{Name: "from", Label: "From (UTC)", Type: "datetime-local"},
		{Name: "to", Label: "Before (UTC)", Type: "datetime-local"},
	}
	for i := range fields {
		fields[i].Value = c.Query(fields[i].Name)
	}
	wrong.mark(fields)
	return fields
}

var outcomeOptions = []web.Option{
	{Value: "signed_in", Label: "signed in"},
	{Value: "refused", Label: "refused"},
	{Value: "reopened", Label: "opened again"},
	{Value: "suppressed", Label: "counted only"},
}

// outcomePill shows an outcome in words.
func outcomePill(outcome string) web.Pill {
	kind := map[string]string{"signed_in": "good", "refused": "bad", "suppressed": "warn"}[outcome]
	if kind == "" {
		kind = "plain"
	}
	for _, o := range outcomeOptions {
		if o.Value == outcome {
			return web.Pill{Kind: kind, Text: o.Label}
		}
	}
	return web.Pill{Kind: kind, Text: outcome}
}

func signInRow(r provisioning.SignInRecord, n names) web.SignInRow {
	row := web.SignInRow{
		At: r.At, Outcome: outcomePill(r.Outcome), Reason: r.Reason, Person: personOf(r), PersonPath: userPath(r.UserID),
		Integration: n.integration(r.IntegrationID), Key: r.KeyID, Reference: r.Reference, Count: r.Count,
	}
	if r.IssuedAt != nil {
		row.Age = web.Span(r.At.Sub(*r.IssuedAt))
	}
	if r.Reference != "" {
		row.Path = signInsPath + "/" + url.PathEscape(r.Reference)
	}
	return row
}

func personOf(r provisioning.SignInRecord) string {
	switch {
	case r.Email != "":
		return r.Email
	case r.Subject != "":
		return r.Subject
	}
	return ""
}

// rungWords say how a frame holds its session.
var rungWords = map[string]string{
	"cookie":         "by the cookie",
	"bearer":         "in the page's memory, without a cookie",
	"storage-access": "by the cookie, which the person has allowed",
	"none":           "not at all: the person was shown how to open it in a tab",
}

// SignInEntryPage: GET /admin/sign-ins/:reference.
func (a *Admin) SignInEntryPage(c *gin.Context) error {
	ctx, tenant := c.Request.Context(), handlers.TenantOf(c)
	r, err := a.Provisioning.SignInByReference(ctx, tenant, c.Param("reference"))
	if err != nil {
		return explain(err)
	}
	page := web.SignInEntry{
		Frame: a.frame(c, signInsPath, "Sign-in "+r.Reference), Reference: r.Reference, At: r.At, Outcome: outcomePill(r.Outcome),
		Reason: r.Reason, Detail: r.Detail, Claim: r.Path, Expected: r.Expected,
		Person: personOf(r), Subject: r.Subject, UserPath: userPath(r.UserID), Key: r.KeyID, IssuedAt: r.IssuedAt,
		Target: r.Target, Network: r.Network, UserAgent: r.UserAgent, Rung: rungWords[r.Rung],
		Header: indented(r.Header), Payload: indented(r.Payload), Changes: changesOf(r),
		Doctor: doctorPath + "?reference=" + url.QueryEscape(r.Reference),
	}
	page.Door = map[string]string{
		provisioning.DoorGet: "as a link", provisioning.DoorPost: "as a form",
		provisioning.DoorEmbed: "in a frame of the partner's page", provisioning.DoorHeader: "beside an API call",
	}[r.Door]
	if r.Changed && actorOf(c).May(admins.ReadUsers) {
		page.Undo = undoPath + "?reference=" + url.QueryEscape(r.Reference)
	}
	if r.Reason != "" {
		title, advice := handlers.PublicText(r.Reason)
		page.Public = title + ". " + advice
	}
	if r.IssuedAt != nil {
		page.Age = web.Span(r.At.Sub(*r.IssuedAt))
	}
	for _, w := range r.Warnings {
		page.Warnings = append(page.Warnings, web.WarningLine(w))
	}
	page.Checks = shownChecks(provisioning.ChecksOf(r))
	if r.IntegrationID != "" {
		if err := a.ofIntegration(c, &page, r); err != nil {
			return err
		}
	}
	return a.show(c, page)
}

// ofIntegration adds what the integration's settings say, and its usual clock.
func (a *Admin) ofIntegration(c *gin.Context, page *web.SignInEntry, r provisioning.SignInRecord) error {
	ctx, tenant, id := c.Request.Context(), handlers.TenantOf(c), r.IntegrationID
	page.Integration = id
	n, err := a.Provisioning.IntegrationOnceInstalled(ctx, tenant, id)
	if errors.Is(err, provisioning.ErrNotFound) {
		return nil
	} else if err != nil {
		return err
	}
	page.Integration, page.IntegrationPath = n.Name, integrationPath(n.ID, "")
	maxAge, presented := n.MaxAge, r.Presented()
	if presented {
		maxAge = n.EmbedMaxAge
	}
	page.Limit = "none, with a tolerance of " + web.Span(n.Leeway)
	if maxAge > 0 {
		page.Limit = web.Span(maxAge) + ", with a tolerance of " + web.Span(n.Leeway)
	}
	if presented {
		return nil // the usual clock is that of links
	}
	clock, err := a.Provisioning.ClockOf(ctx, tenant, id)
	if err != nil {
		return err
	}
	if clock.N > 0 {
		page.Clock = fmt.Sprintf("%s after signing; nine of ten between %s and %s (%s)",
			web.Span(clock.Median), web.Span(clock.Low), web.Span(clock.High), counted(int64(clock.N), "token", "tokens"))
	}
	return nil
}

// changesOf says in sentences what a sign-in has changed.
func changesOf(r provisioning.SignInRecord) []string {
	if r.Outcome != "signed_in" {
		return nil
	}
	var changes []string
	if r.Created {
		changes = append(changes, "The user was created.")
	}
	for _, count := range []struct {
		n         int64
		one, many string
	}{
		{r.Added, "Joined 1 group.", "Joined %d groups."},
		{r.Removed, "Left 1 group.", "Left %d groups."},
		{r.Granted, "Was granted 1 credit.", "Was granted %d credits."},
		{r.Revoked, "Lost 1 credit.", "Lost %d credits."},
	} {
		switch {
		case count.n == 1:
			changes = append(changes, count.one)
		case count.n > 1:
			changes = append(changes, fmt.Sprintf(count.many, count.n))
		}
	}
	switch {
	case !r.Changed:
		return []string{"Nothing: the token said what was known."}
	case len(changes) == 0:
		return []string{"The profile or the metadata. The user's journal has the details."}
	}
	return changes
}

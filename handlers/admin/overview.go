package admin

import (
	"cmp"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/gin-gonic/gin"

	"usher/handlers"
	"usher/provisioning"
	"usher/sessions/admins"
	"usher/web"
)

// span is a length of time that the overview looks back.
type span struct {
	code, label, name string
	step              time.Duration
	steps             int
}

var spans = []span{
	{"24h", "24 hours", "the last 24 hours", time.Hour, 24},
	{"7d", "7 days", "the last 7 days", 24 * time.Hour, 7},
	{"30d", "30 days", "the last 30 days", 24 * time.Hour, 30},
}

// of returns the times that the span covers: whole periods in UTC, the last of
// which has not ended.
func (s span) of(now time.Time) (from, to time.Time) {
	to = now.UTC().Truncate(s.step).Add(s.step)
	return to.Add(-time.Duration(s.steps) * s.step), to
}

// OverviewPage: GET /admin, with ?span=24h, 7d or 30d.
func (a *Admin) OverviewPage(c *gin.Context) error {
	ctx, tenant := c.Request.Context(), handlers.TenantOf(c)
	chosen := spans[0]
	for _, s := range spans {
		if s.code == c.Query("span") {
			chosen = s
		}
	}
	from, to := chosen.of(a.Now())
	periods, err := a.Provisioning.Activity(ctx, tenant, from, to, chosen.step)
	if err != nil {
		return explain(err)
	}
	reports, err := a.Provisioning.Health(ctx, tenant)
	if err != nil {
		return explain(err)
	}

	page := web.Overview{Frame: a.frame(c, homePath, "Overview"), SpanName: chosen.name}
	for _, s := range spans {
		page.Spans = append(page.Spans, web.NavItem{Label: s.label, Path: homePath + "?span=" + s.code, Current: s == chosen})
	}
	countAttempts(&page, chosen, periods)
	for _, h := range reports {
		path := integrationPath(h.ID, "")
		for _, alert := range h.Alerts {
			page.Attention = append(page.Attention, attention(h, alert, path))
		}
		page.Health = append(page.Health, web.IntegrationHealth{
			Name: h.Name, Path: path, LastSignIn: h.LastSignIn, Week: h.Week.SignIns, Attempts: h.Day.SignIns + h.Day.Refused,
			Refused: h.Day.Refused, Alerts: len(h.Alerts),
			Trend: web.Sparkline{Label: "Sign-ins of each of the last seven days: " + listed(h.Days), Counts: h.Days},
		})
	}
	if page.Attention, err = a.webhooksInNeed(c, page.Attention); err != nil {
		return err
	}
	slices.SortStableFunc(page.Attention, func(a, b web.Attention) int { return cmp.Compare(gravity(b), gravity(a)) })
	page.Setup = setup(actorOf(c), reports, page.SignIns)
	return a.show(c, page)
}

func gravity(a web.Attention) int {
	if a.Grave {
		return 1
	}
	return 0
}

// countAttempts fills in what the page says of the span's periods.
func countAttempts(page *web.Overview, s span, periods []provisioning.Period) {
	page.Attempts = web.TimeChart{
		Title: "Sign-ins in " + s.name, Step: s.step,
		Kinds: []web.ChartKind{{Name: "Signed in", Class: "good"}, {Name: "Refused", Class: "bad"}},
	}
	page.New = web.TimeChart{
		Title: "New users in " + s.name, Step: s.step,
		Kinds: []web.ChartKind{{Name: "New users", Class: "good"}},
	}
	reasons := map[string]int64{}
	for i, p := range periods {
		refused := int64(0)
		for reason, n := range p.Refused {
			reasons[reason] += n
			refused += n
		}
		page.SignIns += p.SignIns
		page.Refused += refused
		page.NewUsers += p.NewUsers
		soFar := i == len(periods)-1
		page.Attempts.Points = append(page.Attempts.Points, web.ChartPoint{Start: p.Start, Counts: []int64{p.SignIns, refused}, SoFar: soFar})
		page.New.Points = append(page.New.Points, web.ChartPoint{Start: p.Start, Counts: []int64{p.NewUsers}, SoFar: soFar})
	}
	page.Reasons = web.BarList{Title: "Refusals by reason in " + s.name, Name: "Reason", Count: "Refused"}
	for _, reason := range slices.Sorted(maps.Keys(reasons)) {
		page.Reasons.Bars = append(page.Reasons.Bars, web.NamedCount{
			Name: reason, Path: signInsPath + "?reason=" + url.QueryEscape(reason), Count: reasons[reason], Class: "bad",
		})
	}
	slices.SortStableFunc(page.Reasons.Bars, func(a, b web.NamedCount) int { return cmp.Compare(b.Count, a.Count) })
}

// AlertText puts an alert into words for a terminal. A grave one keeps people out
// already, or will.
func AlertText(h provisioning.Health, alert provisioning.Alert) (text string, grave bool) {
	w := attention(h, alert, "")
	return w.Text, w.Grave
}

// attention puts an alert into words.
func attention(h provisioning.Health, alert provisioning.Alert, path string) web.Attention {
	at := alert.At.UTC().Format("2 Jan 2006 15:04 UTC")
	seconds := int64(alert.Span / time.Second)
	w := web.Attention{About: h.Name, Path: path}
	switch alert.Code {
	case provisioning.NoLiveKey:
		w.Grave = true
		w.Text = "Every key is retired, so every link of it is refused. Add a key."
	case provisioning.LastKeyEnds:
		w.Grave = true
		w.Text = "Its last key is retired on " + at + "; after that every link of it is refused. Add a key."
	case provisioning.OldKeyInUse:
		w.Text = fmt.Sprintf("The key %s is retired on %s, and has signed %s in the last 24 hours. The site has to move to another key before then.", alert.Key, at, counted(alert.Count, "link", "links"))
	case provisioning.GroupsHeld:
		w.Grave = true
		w.Text = fmt.Sprintf("The drift guard holds: its links empty the groups of one person after another. %s theirs until you decide.", counted(alert.Count, "person keeps", "people keep"))
		w.Path = alertsPath
	case provisioning.ClaimGone:
		w.Text = "Its links do not have “" + alert.Claim + "” any more, which nearly all had before."
		w.Path = alertsPath
	case provisioning.ManyRefusals:
		w.Text = counted(alert.Count, "attempt in the last 24 hours was", "attempts in the last 24 hours were") +
			" refused, a fifth of all or more. The sign-in log says why."
		w.Path = signInsPath + "?outcome=refused&integration=" + h.ID
	case provisioning.ClockAhead:
		w.Text = fmt.Sprintf("Half of its tokens arrive %d s or more before they were issued: the site's clock is ahead.", seconds)
	case provisioning.ClockBehind:
		w.Text = fmt.Sprintf("Half of its tokens arrive %d s or more after they were issued: the site's clock is behind, or its links are made long before they are opened.", seconds)
	case provisioning.Silent:
		w.Text = fmt.Sprintf("Nobody has signed in for 24 hours, after %s in the six days before.", counted(alert.Count, "sign-in", "sign-ins"))
	}
	return w
}

// setup is what there is to do until the first sign-in.
func setup(actor admins.Actor, reports []provisioning.Health, signIns int64) *web.Setup {
	tried, signedIn := false, signIns > 0
	for _, h := range reports {
		tried = tried || h.Week.SignIns+h.Week.Refused > 0
		signedIn = signedIn || !h.LastSignIn.IsZero()
	}
	if signedIn {
		return nil
	}
	install := web.SetupStep{
		Label: "Install an integration", Done: len(reports) > 0,
		Text: "An integration is a site whose people may sign in here with links that it signs.",
	}
	send := web.SetupStep{
		Label: "Send a link", Done: tried,
		Text: "Let the site sign its first link: its integration's page has the code, ready to paste.",
	}
	first := web.SetupStep{
		Label: "See the first sign-in", Text: "Open the link. When it is refused, the sign-in log says why, and what helps.",
		Path: signInsPath, Press: "Open the sign-in log",
	}
	if actor.May(admins.WriteIntegrations) {
		install.Path, install.Press = integrationsPath+"/new", "Install an integration"
	}
	if len(reports) > 0 {
		send.Path, send.Press = integrationPath(reports[0].ID, ""), "Get the code"
	}
	steps := []web.SetupStep{install, send, first}
	for i := range steps {
		if !steps[i].Done {
			steps[i].Next = true
			break
		}
	}
	return &web.Setup{Steps: steps}
}

// Activity: GET /admin/api/v1/activity. The times ?from= and ?to= (RFC 3339)
// count by whole hours, the last 24 of them unless given; ?step= is hour or day.
func (a *Admin) Activity(c *gin.Context) error {
	from, to := spans[0].of(a.Now())
	step := time.Hour
	switch c.DefaultQuery("step", "hour") {
	case "hour":
	case "day":
		step = 24 * time.Hour
	default:
		return badRequest("step is hour or day.")
	}
	for _, given := range []struct {
		name string
		at   *time.Time
	}{{"from", &from}, {"to", &to}} {
		if text := c.Query(given.name); text != "" {
			at, err := time.Parse(time.RFC3339, text)
			if err != nil {
				return badRequest("%s is a time like 2030-01-31T12:00:00Z.", given.name)
			}
			*given.at = at
		}
	}
	periods, err := a.Provisioning.Activity(c.Request.Context(), handlers.TenantOf(c), from, to, step)
	if err != nil {
		return explain(err)
	}
	answers := []periodAnswer{}
	for _, p := range periods {
		answer := periodAnswer{Start: p.Start, SignIns: p.SignIns, NewUsers: p.NewUsers, Refused: p.Refused, ByIntegration: map[string]countsAnswer{}}
		for id, counts := range p.ByIntegration {
			if id == "" {
				id = "unknown"
			}
			answer.ByIntegration[id] = countsAnswer(counts)
		}
		answers = append(answers, answer)
	}
	c.JSON(http.StatusOK, gin.H{"periods": answers})
	return nil
}

// periodAnswer is a span of time in an answer.
type periodAnswer struct {
	Start         time.Time               `json:"start"`
	SignIns       int64                   `json:"sign_ins"`
	NewUsers      int64                   `json:"new_users"`
	Refused       map[string]int64        `json:"refused"`        // by reason
	ByIntegration map[string]countsAnswer `json:"by_integration"` // by id, or "unknown"
}

type countsAnswer struct {
	SignIns int64 `json:"sign_ins"`
	Refused int64 `json:"refused"`
}

// listed writes numbers as a person reads them out: "3, 0, 12".
func listed(numbers []int64) string {
	texts := make([]string, len(numbers))
	for i, n := range numbers {
		texts[i] = strconv.FormatInt(n, 10)
	}
	return strings.Join(texts, ", ")
}

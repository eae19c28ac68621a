package admin

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"time"

	"github.com/gin-gonic/gin"

	"usher/handlers"
	"usher/provisioning"
	"usher/sessions/admins"
	"usher/web"
)

// jobAnswer is a job in the API.
type jobAnswer struct {
	ID         string          `json:"id"`
	Kind       string          `json:"kind"`
	State      string          `json:"state"` // queued, running, done, failed or cancelled
	Parameters json.RawMessage `json:"parameters"`
	Total      int64           `json:"total"` // 0 = not known
	Done       int64           `json:"done"`
	Left       *int64          `json:"left"`     // seconds, about; null = not known
	Result     json.RawMessage `json:"result"`   // what has come of it so far
	Error      string          `json:"error"`    // "" unless failed
	Download   bool            `json:"download"` // there is something to be had
	Actor      string          `json:"actor"`
	Reference  string          `json:"reference"`
	CreatedAt  time.Time       `json:"created_at"`
	StartedAt  *time.Time      `json:"started_at"`
	FinishedAt *time.Time      `json:"finished_at"`
	ExpiresAt  *time.Time      `json:"expires_at"` // of what can be had
}

func answerJob(j provisioning.Job) jobAnswer {
	answer := jobAnswer{
		ID: j.ID, Kind: j.Kind, State: j.State, Parameters: json.RawMessage(j.Parameters), Total: j.Total, Done: j.Done,
		Result: json.RawMessage(j.Result), Error: j.Error, Download: j.Download, Actor: j.Actor, Reference: j.Reference,
		CreatedAt: j.CreatedAt, StartedAt: j.StartedAt, FinishedAt: j.FinishedAt, ExpiresAt: j.ExpiresAt,
	}
	if j.Left > 0 {
		left := int64(j.Left / time.Second)
		answer.Left = &left
	}
	return answer
}

// jobScopes are the rights that a kind of job asks for: to start it, to cancel
// it and to have what it makes.
var jobScopes = map[string]admins.Scope{
	provisioning.JobDropHoldings:  admins.WriteIntegrations,
	provisioning.JobUndo:          admins.WriteUsers,
	provisioning.JobExportUsers:   admins.WriteUsers,
	provisioning.JobImportCatalog: admins.WriteCatalog,
}

// mayJob refuses those who lack the right that a kind of job asks for.
func mayJob(c *gin.Context, kind string) error {
	scope, known := jobScopes[kind]
	if actor := actorOf(c); known && !actor.May(scope) {
		return lacks(actor, scope)
	}
	return nil
}

// Jobs: GET /admin/api/v1/jobs?before=. "next" is the next page's before; null
// on the last one.
func (a *Admin) Jobs(c *gin.Context) error {
	jobs, next, err := a.Provisioning.Jobs(c.Request.Context(), handlers.TenantOf(c), c.Query("before"))
	if err != nil {
		return explain(err)
	}
	answers := []jobAnswer{}
	for _, j := range jobs {
		answers = append(answers, answerJob(j))
	}
	return list(c, "jobs", answers, next)
}

// StartJob: POST /admin/api/v1/jobs with {"kind", "parameters"?}.
func (a *Admin) StartJob(c *gin.Context) error {
	var body struct {
		Kind       string          `json:"kind"`
		Parameters json.RawMessage `json:"parameters"`
	}
	if err := read(c, &body); err != nil {
		return err
	}
	if err := mayJob(c, body.Kind); err != nil {
		return err
	}
	var parameters any
	if len(body.Parameters) > 0 && string(body.Parameters) != "null" {
		if body.Parameters[0] != '{' {
			return badRequest("parameters: an object is expected there.")
		}
		parameters = body.Parameters
	}
	j, err := a.Provisioning.StartJob(c.Request.Context(), handlers.TenantOf(c), body.Kind, parameters, by(c))
	if err != nil {
		return explain(err)
	}
	c.JSON(http.StatusCreated, answerJob(j))
	return nil
}

// Job: GET /admin/api/v1/jobs/:id.
func (a *Admin) Job(c *gin.Context) error {
	j, err := a.job(c)
	if err != nil {
		return err
	}
	c.JSON(http.StatusOK, answerJob(j))
	return nil
}

// job returns the job that the path names, in this tenant.
func (a *Admin) job(c *gin.Context) (provisioning.Job, error) {
	j, err := a.Provisioning.JobByID(c.Request.Context(), handlers.TenantOf(c), c.Param("id"))
	return j, explain(err)
}

// CancelJob: POST /admin/api/v1/jobs/:id/cancel.
func (a *Admin) CancelJob(c *gin.Context) error {
	if err := a.cancelJob(c); err != nil {
		return err
	}
	return a.Job(c)
}

func (a *Admin) cancelJob(c *gin.Context) error {
	j, err := a.job(c)
	if err != nil {
		return err
	}
	if err := mayJob(c, j.Kind); err != nil {
		return err
	}
	return explain(a.Provisioning.CancelJob(c.Request.Context(), handlers.TenantOf(c), j.ID, by(c)))
}

// partTime is how long sending one part of a download may take.
const partTime = 30 * time.Second

// DownloadJob: POST /admin/api/v1/jobs/:id/download, and the same below
// /admin/jobs. It is a POST because it is recorded: no browser fetches it ahead.
func (a *Admin) DownloadJob(c *gin.Context) error {
	j, err := a.job(c)
	if err != nil {
		return err
	}
	if err := mayJob(c, j.Kind); err != nil {
		return err
	}
	// A large export takes longer than any other request may; each part has its
	// own bound, and a browser that has gone ends it with the next one.
	ctx := context.WithoutCancel(c.Request.Context())
	controller := http.NewResponseController(c.Writer)
	begun := false
	err = a.Provisioning.Download(ctx, handlers.TenantOf(c), j.ID, by(c), func(part []byte) error {
		if !begun {
			begun = true
			c.Header("Content-Type", "application/x-ndjson")
			c.Header("Content-Disposition", `attachment; filename="users-`+j.CreatedAt.Format("2006-01-02")+`.jsonl"`)
			c.Status(http.StatusOK)
		}
		if err := controller.SetWriteDeadline(a.Now().Add(partTime)); err != nil {
			return fmt.Errorf("download: %w", err)
		}
		if _, err := c.Writer.Write(part); err != nil {
			return fmt.Errorf("download: %w", err)
		}
		return nil
	})
	if err != nil && begun {
		// Too late for an answer: the connection is cut, so that nobody takes
		// what has arrived for the whole.
		panic(http.ErrAbortHandler)
	}
	if err == nil && !begun { // a tenant without users
		c.Data(http.StatusOK, "application/x-ndjson", nil)
	}
	return explain(err)
}

// JobsPage: GET /admin/jobs?before=.
func (a *Admin) JobsPage(c *gin.Context) error {
	jobs, next, err := a.Provisioning.Jobs(c.Request.Context(), handlers.TenantOf(c), c.Query("before"))
	if err != nil {
		return explain(err)
	}
	actor := actorOf(c)
	page := web.AdminJobs{
		Frame: a.frame(c, jobsPath, "Jobs"), Export: actor.May(admins.WriteUsers), Import: actor.May(admins.WriteCatalog),
		Undo: actor.May(admins.ReadUsers), Pager: pagerBy(c, jobsPath, "before", next),
	}
	for _, j := range jobs {
		page.Jobs = append(page.Jobs, jobRow(j))
	}
	return a.show(c, page)
}

// jobNames say what the kinds are.
var jobNames = map[string]string{
	provisioning.JobDropHoldings:  "Take away what a removed integration gave",
	provisioning.JobUndo:          "Undo changes",
	provisioning.JobExportUsers:   "Export all users",
	provisioning.JobImportCatalog: "Import groups and credits",
}

// jobUnits say what the progress of the kinds counts.
var jobUnits = map[string]string{
	provisioning.JobDropHoldings:  "people looked at",
	provisioning.JobUndo:          "people dealt with",
	provisioning.JobExportUsers:   "users written",
	provisioning.JobImportCatalog: "rows read",
}

// jobStates are the states as pills.
var jobStates = map[string]web.Pill{
	"queued": {Kind: "plain", Text: "waiting"}, "running": {Kind: "warn", Text: "running"},
	"done": {Kind: "good", Text: "done"}, "failed": {Kind: "bad", Text: "failed"},
	"cancelled": {Kind: "plain", Text: "cancelled"},
}

func jobRow(j provisioning.Job) web.AdminJobRow {
	name := jobNames[j.Kind]
	if name == "" {
		name = j.Kind
	}
	actor := j.ActorName
	if actor == "" {
		actor = j.Actor
	}
	return web.AdminJobRow{
		What: name, Path: jobsPath + "/" + j.ID, State: jobStates[j.State], Done: j.Done, Total: j.Total, Unit: jobUnits[j.Kind],
		By: actor, CreatedAt: j.CreatedAt,
	}
}

// JobPage: GET /admin/jobs/:id. While the job is not over, the browser loads
// the page again.
func (a *Admin) JobPage(c *gin.Context) error {
	j, err := a.job(c)
	if err != nil {
		return err
	}
	row := jobRow(j)
	page := web.AdminJob{
		Frame: a.frame(c, jobsPath, row.What), AdminJobRow: row, ID: j.ID, Live: !j.Over(), Left: j.Left.Round(time.Second),
		Reference: j.Reference, StartedAt: j.StartedAt, FinishedAt: j.FinishedAt, Fault: j.Error, ExpiresAt: j.ExpiresAt,
		Results: jobResults(j),
	}
	if page.Live {
		c.Header("Refresh", "2")
	}
	if mayJob(c, j.Kind) == nil {
		if page.Live {
			page.Cancel = page.Path + "/cancel"
		}
		if j.Download {
			page.Download = page.Path + "/download"
		}
	}
	return a.show(c, page)
}

// jobResults puts what has come of a job into sentences.
func jobResults(j provisioning.Job) []string {
	var counts map[string]int64
	if json.Unmarshal([]byte(j.Result), &counts) != nil {
		return nil
	}
	words := []struct{ name, one, more string }{
		{"people", "Something changed for %d person.", "Something changed for %d people."},
		{"undone", "%d change undone.", "%d changes undone."},
		{"left", "%d change left as it is.", "%d changes left as they are."},
		{"memberships", "%d membership taken away.", "%d memberships taken away."},
		{"grants", "%d credit revoked.", "%d credits revoked."},
		{"added", "%d row added.", "%d rows added."},
		{"changed", "%d row renamed.", "%d rows renamed."},
		{"same", "%d row was there already.", "%d rows were there already."},
	}
	var results []string
	for _, w := range words {
		n, there := counts[w.name]
		switch {
		case !there:
		case n == 1:
			results = append(results, fmt.Sprintf(w.one, n))
		default:
			results = append(results, fmt.Sprintf(w.more, n))
		}
	}
	return results
}

// ExportForm: POST /admin/jobs/export.
func (a *Admin) ExportForm(c *gin.Context) error {
	j, err := a.Provisioning.StartJob(c.Request.Context(), handlers.TenantOf(c), provisioning.JobExportUsers, nil, by(c))
	if err != nil {
		return explain(err)
	}
	seeOther(c, jobsPath+"/"+j.ID)
	return nil
}

// CancelJobForm: POST /admin/jobs/:id/cancel.
func (a *Admin) CancelJobForm(c *gin.Context) error {
	if err := a.cancelJob(c); err != nil {
		return err
	}
	seeOther(c, jobsPath+"/"+c.Param("id")+"?done=job_cancelled")
	return nil
}

package admin

import (
	"cmp"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/gin-gonic/gin"

	"usher/handlers"
	"usher/provisioning"
	"usher/sessions/admins"
	"usher/web"
)

// undoFields say what shall be undone, in a request of the API.
type undoFields struct {
	Reference   string    `json:"reference"`
	Integration string    `json:"integration"`
	Since       time.Time `json:"since"`
	Emptied     string    `json:"emptied"`
}

// undoneLine is a change with what becomes of it.
type undoneLine struct {
	Change changeAnswer `json:"change"`
	Text   string       `json:"text"` // what undoing it means; what it did, if it is not undone
	Does   bool         `json:"does"` // it is undone, if only in part
	Why    string       `json:"why"`  // why it, or a part of it, stays
}

type undonePerson struct {
	User  string       `json:"user"`
	Email string       `json:"email"`
	Lines []undoneLine `json:"lines"`
}

func answerUndone(p provisioning.UndoPerson) undonePerson {
	answer := undonePerson{User: p.UserID, Email: p.Email, Lines: []undoneLine{}}
	for _, line := range p.Lines {
		answer.Lines = append(answer.Lines, undoneLine{
			Change: answerChanges([]provisioning.Change{line.Entry})[0], Text: line.Text, Does: line.Does, Why: line.Why,
		})
	}
	return answer
}

// PreviewUndo: GET /admin/api/v1/undo?reference=, ?integration=&since= or
// ?emptied=.
func (a *Admin) PreviewUndo(c *gin.Context) error {
	wish, err := undoWish(c.Query)
	if err != nil {
		return err
	}
	preview, err := a.Provisioning.PreviewUndo(c.Request.Context(), handlers.TenantOf(c), wish)
	if err != nil {
		return explain(err)
	}
	people := []undonePerson{}
	for _, p := range preview.First {
		people = append(people, answerUndone(p))
	}
	c.JSON(http.StatusOK, gin.H{"people": preview.People, "changes": preview.Entries, "first": people})
	return nil
}

// undoWish reads what shall be undone from a query or a form.
func undoWish(value func(name string) string) (provisioning.UndoWish, error) {
	wish := provisioning.UndoWish{
		Reference: strings.TrimSpace(value("reference")), Integration: value("integration"), Emptied: value("emptied"),
	}
	if text := value("since"); text != "" && wish.Integration != "" {
		var err error
		if wish.Since, err = readInstant(text); err != nil {
			return wish, badRequest("since: a time like 2030-01-31T12:00:00Z.")
		}
	}
	return wish, nil
}

// Undo: POST /admin/api/v1/undo with {"reference"}, {"integration", "since"} or
// {"emptied"}.
func (a *Admin) Undo(c *gin.Context) error {
	var body undoFields
	if err := read(c, &body); err != nil {
		return err
	}
	undone, err := a.Provisioning.Undo(c.Request.Context(), handlers.TenantOf(c), provisioning.UndoWish(body), by(c))
	if err != nil {
		return explain(err)
	}
	answer := gin.H{"person": nil, "job": nil}
	if undone.Job != nil {
		answer["job"] = answerJob(*undone.Job)
	} else {
		answer["person"] = answerUndone(undone.Person)
	}
	c.JSON(http.StatusOK, answer)
	return nil
}

// UndoPage: GET /admin/undo. Without a query, or with an integration and no
// time, it asks what to undo.
func (a *Admin) UndoPage(c *gin.Context) error {
	if c.Query("reference") == "" && c.Query("since") == "" && c.Query("emptied") == "" {
		page, err := a.undoForms(c)
		if err != nil {
			return err
		}
		return a.show(c, page)
	}
	wish, err := undoWish(c.Query)
	if err != nil {
		return err
	}
	page, err := a.undoPage(c, wish)
	var invalid *provisioning.Invalid
	if errors.Is(err, provisioning.ErrNotFound) || errors.As(err, &invalid) {
		fault := "It has changed nothing about anybody, or there is no such thing here."
		if invalid != nil {
			fault = err.Error()
		}
		if page, err = a.undoForms(c); err != nil {
			return err
		}
		page.Fault = fault
		return a.showAs(c, http.StatusUnprocessableEntity, page)
	} else if err != nil {
		return explain(err)
	}
	return a.show(c, page)
}

// undoForms are two ways to name what shall be undone.
func (a *Admin) undoForms(c *gin.Context) (web.AdminUndo, error) {
	page := web.AdminUndo{Frame: a.frame(c, jobsPath, "Undo changes")}
	// Removed ones as well: what they changed is still there.
	known, err := a.Provisioning.IntegrationNames(c.Request.Context(), handlers.TenantOf(c))
	if err != nil {
		return page, explain(err)
	}
	choice := web.Field{Name: "integration", Label: "Integration", Type: "select", Required: true}
	for id, name := range known {
		choice.Options = append(choice.Options, web.Option{Value: id, Label: name, Chosen: id == c.Query("integration")})
	}
	slices.SortFunc(choice.Options, func(a, b web.Option) int {
		return cmp.Or(cmp.Compare(a.Label, b.Label), cmp.Compare(a.Value, b.Value))
	})
	page.Find = []web.UndoForm{{Title: "One sign-in", Fields: []web.Field{{
		Name: "reference", Label: "Reference id", Value: c.Query("reference"), Required: true,
		Hint: "Of a sign-in, or of what an administrator did. The sign-in log and the journal have it.",
	}}}}
	if len(known) > 0 {
		page.Find = append(page.Find, web.UndoForm{Title: "All that an integration did", Fields: []web.Field{choice, {
			Name: "since", Label: "Since", Type: "datetime-local", Value: a.Now().UTC().Add(-time.Hour).Format("2006-01-02T15:04"),
			Hint: "In UTC.", Required: true,
		}}})
	}
	return page, nil
}

// undoPage is the preview of an undoing.
func (a *Admin) undoPage(c *gin.Context, wish provisioning.UndoWish) (web.AdminUndo, error) {
	ctx, tenant := c.Request.Context(), handlers.TenantOf(c)
	preview, err := a.Provisioning.PreviewUndo(ctx, tenant, wish)
	if err != nil {
		return web.AdminUndo{}, err
	}
	page := web.AdminUndo{
		Frame: a.frame(c, jobsPath, "Undo changes"), People: preview.People, Entries: preview.Entries,
		More: preview.People > int64(len(preview.First)), Submit: "Undo", Confirm: web.Confirm{Word: "undo"},
	}
	hide := func(name, value string) {
		page.Hidden = append(page.Hidden, web.Field{Name: name, Value: value})
	}
	query := url.Values{}
	switch {
	case wish.Reference != "":
		page.What, page.Back = "All that the request "+wish.Reference+" changed.", jobsPath
		hide("reference", wish.Reference)
	default:
		n, err := a.Provisioning.IntegrationOnceInstalled(ctx, tenant, wish.Integration+wish.Emptied)
		if err != nil {
			return web.AdminUndo{}, err
		}
		page.Confirm.Word, page.Back = n.Name, integrationPath(n.ID, "")
		if n.RemovedAt != nil {
			page.Back = integrationPath(n.ID, "/removed")
		}
		if wish.Emptied != "" {
			page.What, page.Back = "What "+n.Name+" took from people's groups before the drift guard held.", alertsPath
			hide("emptied", wish.Emptied)
			break
		}
		page.What = "All that " + n.Name + " changed since " + wish.Since.UTC().Format("2 Jan 2006 15:04:05 UTC") + "."
		hide("integration", n.ID)
		hide("since", wish.Since.UTC().Format(time.RFC3339))
		query.Set("integration", n.ID)
	}
	for _, p := range preview.First {
		page.First = append(page.First, shownUndone(p))
		page.Able = page.Able || p.Done() > 0
	}
	page.Able = (page.Able || page.More) && actorOf(c).May(admins.WriteUsers)
	return page, nil
}

func shownUndone(p provisioning.UndoPerson) web.UndonePerson {
	shown := web.UndonePerson{Email: p.Email, Path: userPath(p.UserID)}
	if shown.Email == "" {
		shown.Email = p.UserID
	}
	for _, line := range p.Lines {
		l := web.UndoneLine{At: line.Entry.At, Text: line.Text, Why: line.Why}
		switch {
		case line.Does && line.Why == "":
			l.Class, l.Word = "pass", "Will happen:"
		case line.Does:
			l.Class, l.Word = "warn", "In part:"
		default:
			l.Class, l.Word = "skip", "Not touched:"
		}
		shown.Lines = append(shown.Lines, l)
	}
	return shown
}

// UndoForm: POST /admin/undo.
func (a *Admin) UndoForm(c *gin.Context) error {
	wish, err := undoWish(c.PostForm)
	if err != nil {
		return err
	}
	page, err := a.undoPage(c, wish)
	if err != nil {
		return explain(err)
	}
	if page.Confirm.Fault = confirmed(c, page.Confirm.Word); page.Confirm.Fault != "" {
		return a.showAs(c, http.StatusUnprocessableEntity, page)
	}
	undone, err := a.Provisioning.Undo(c.Request.Context(), handlers.TenantOf(c), wish, by(c))
	var invalid *provisioning.Invalid
	if errors.As(err, &invalid) {
		page.Fault, page.Able = "Nothing of it can be undone any more.", false
		return a.showAs(c, http.StatusUnprocessableEntity, page)
	} else if err != nil {
		return explain(err)
	}
	if undone.Job != nil {
		seeOther(c, jobsPath+"/"+undone.Job.ID)
		return nil
	}
	seeOther(c, userPath(undone.Person.UserID)+"?done=sign_in_undone")
	return nil
}

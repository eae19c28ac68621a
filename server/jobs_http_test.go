package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"
)

// jobUnderTest is a job as the API answers.
type jobUnderTest struct {
	ID, Kind, State, Error string
	Total, Done            int64
	Download               bool
	Result                 map[string]int64
}

// finished waits for the end of a job.
func (i *instance) finished(t testing.TB, id string) jobUnderTest {
	t.Helper()
	for {
		j := decode[jobUnderTest](t, i.admin(t, 200, "GET", "/jobs/"+id, nil))
		if j.State != "queued" && j.State != "running" {
			return j
		}
		if t.Context().Err() != nil {
			t.Fatalf("got %+v, want it over", j)
		}
	}
}

// TestJobsOverHTTP: an export from its start to its download, and an import.
func TestJobsOverHTTP(t *testing.T) {
	eachWorld(t, func(t *testing.T, w world) {
		i := launch(t, w)
		lumen := i.install(t, nil)
		for n := range 3 {
			i.signIn(t, link(lumen.token(person(fmt.Sprintf("p%d", n)).with(fields{"meta": fields{"n": n}}))))
		}
		started := i.admin(t, 201, "POST", "/jobs", fields{"kind": "export_users"}, "Idempotency-Key: once")
		if again := i.admin(t, 201, "POST", "/jobs", fields{"kind": "export_users"}, "Idempotency-Key: once"); again.body != started.body {
			t.Errorf("got another answer for the same request: %v, want %v", again, started)
		}
		j := i.finished(t, decode[jobUnderTest](t, started).ID)
		if j.State != "done" || !j.Download || j.Result["people"] != 3 {
			t.Fatalf("got %+v, want it done with three people", j)
		}
		a := i.admin(t, 200, "POST", "/jobs/"+j.ID+"/download", nil)
		if got, want := a.header.Get("Content-Type"), "application/x-ndjson"; got != want {
			t.Errorf("got type %q, want %s", got, want)
		}
		if !strings.HasPrefix(a.header.Get("Content-Disposition"), "attachment;") || a.header.Get("Cache-Control") != "no-store" {
			t.Errorf("got headers %v, want an attachment that is not stored", a.header)
		}
		n := 0
		for line := range strings.Lines(a.body) {
			var user struct{ Email string }
			if err := json.Unmarshal([]byte(line), &user); err != nil || user.Email != fmt.Sprintf("p%d@lumen.example", n) {
				t.Errorf("line %d: got %q, error %v", n, line, err)
			}
			n++
		}
		if n != 3 {
			t.Errorf("got %d lines, want 3", n)
		}
		// The page shows the same, and its form downloads it too.
		page := i.get(t, "/admin/jobs/"+j.ID, i.owner(t))
		if page.status != 200 || !strings.Contains(page.body, "/admin/jobs/"+j.ID+"/download") || page.header.Get("Refresh") != "" {
			t.Errorf("got page %v with Refresh %q, want a download and no reloading", page, page.header.Get("Refresh"))
		}
		if byForm := i.post(t, "/admin/jobs/"+j.ID+"/download", "", i.owner(t)); byForm.body != a.body {
			t.Errorf("got %v by the form, want the same lines", byForm)
		}
		i.admin(t, 404, "POST", "/jobs/x/download", nil)
		i.admin(t, 404, "POST", "/jobs/x/cancel", nil)
		i.admin(t, 200, "POST", "/jobs/"+j.ID+"/cancel", nil) // it is over: nothing changes
		if got := i.finished(t, j.ID); got.State != "done" {
			t.Errorf("got state %s after a late cancelling, want done", got.State)
		}
		for _, body := range []fields{
			{},
			{"kind": "x"},
			{"kind": "import_catalog"},
			{"kind": "export_users", "parameters": []int{1}},
			{"kind": "export_users", "parameters": fields{"x": 1}},
			{"kind": "drop_holdings", "parameters": fields{"integration": lumen.ID}},
			{"kind": "undo"},
			{"kind": "undo", "parameters": "x"},
		} {
			i.wantReason(t, i.send(t, "POST", "/admin/api/v1/jobs", jsonText(body), asAdmin), 400, "bad_request")
		}

		// An import: by the API with a fault, by the form without.
		i.wantReason(t, i.send(t, "POST", "/admin/api/v1/import", jsonText(fields{"rows": "kind,id,name\ngroup,a,A\nx,b,B"}), asAdmin), 400, "bad_request")
		bad := i.post(t, "/admin/import", "rows=kind%2Cid%2Cname%0Agroup%2Ca%2CA%0Ax%2Cb%2CB", i.owner(t))
		if bad.status != http.StatusUnprocessableEntity || !strings.Contains(bad.body, "line 3: kind: group or credit") {
			t.Errorf("got %v, want 422 and the faulty line", bad)
		}
		file := "--x\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a.jsonl\"\r\n\r\n" +
			`{"kind":"group","id":"algebra","name":"Algebra"}` + "\n" + `{"kind":"credit","id":12,"name":"Twelve"}` + "\r\n--x--\r\n"
		good := i.send(t, "POST", "/admin/import", file, "Content-Type: multipart/form-data; boundary=x", i.owner(t))
		id, found := strings.CutPrefix(good.header.Get("Location"), "/admin/jobs/")
		if good.status != 303 || !found {
			t.Fatalf("got %v, want 303 to the job", good)
		}
		if j := i.finished(t, id); j.State != "done" || j.Result["added"] != 2 {
			t.Errorf("got %+v, want two rows added", j)
		}
		if a := i.admin(t, 200, "GET", "/credits", nil); !strings.Contains(a.body, "Twelve") {
			t.Errorf("got credits %v, want the imported one", a)
		}
	})
}

// TestUndoOverHTTP undoes a sign-in by its reference, by the API and by the
// page, and asks for the typed word.
func TestUndoOverHTTP(t *testing.T) {
	eachWorld(t, func(t *testing.T, w world) {
		i := launch(t, w)
		lumen := i.install(t, nil)
		i.admin(t, 201, "POST", "/groups", fields{"external_id": "staff"})
		i.signIn(t, link(lumen.token(person("anna").with(fields{"groups": []string{"staff"}}))))
		groups := func() int {
			return strings.Count(i.admin(t, 200, "GET", "/users/"+i.userID(t, "anna@lumen.example"), nil).body, `"external_id":"staff"`)
		}
		signIn := func(groups ...string) string {
			a := i.get(t, link(lumen.token(person("anna").with(fields{"groups": append([]string{}, groups...), "jti": fmt.Sprint(time.Now().UnixNano())}))))
			if a.status != 303 {
				t.Fatalf("got %v, want a sign-in", a)
			}
			return a.header.Get("X-Request-Id")
		}
		reference := signIn()
		if groups() != 0 {
			t.Fatal("got the group still there")
		}
		preview := i.admin(t, 200, "GET", "/undo?reference="+reference, nil)
		if !strings.Contains(preview.body, `"does":true`) || groups() != 0 {
			t.Errorf("got preview %v, want one change that is undone, and nothing done", preview)
		}
		i.admin(t, 200, "POST", "/undo", fields{"reference": reference})
		if groups() != 1 {
			t.Error("got the group not back after the undoing")
		}
		i.wantReason(t, i.send(t, "POST", "/admin/api/v1/undo", jsonText(fields{"reference": reference}), asAdmin), 400, "bad_request")
		i.wantReason(t, i.get(t, "/admin/api/v1/undo?reference=nothing", asAdmin), 404, "not_found")
		i.wantReason(t, i.get(t, "/admin/api/v1/undo?integration="+lumen.ID+"&since=x", asAdmin), 400, "bad_request")

		again := i.get(t, "/admin/undo?reference="+reference, i.owner(t))
		if !strings.Contains(again.body, "The person was taken out of the group “staff”. That has been undone already.") {
			t.Errorf("got %.900s, want what was done and that it is undone", again.body)
		}
		reference = signIn()
		page := i.get(t, "/admin/undo?reference="+reference, i.owner(t))
		if page.status != 200 || !strings.Contains(page.body, "Back into the group") || groups() != 0 {
			t.Errorf("got %v, want what would be undone, and nothing done", page)
		}
		if a := i.post(t, "/admin/undo", "confirm=no&reference="+reference, i.owner(t)); a.status != 422 || groups() != 0 {
			t.Errorf("got %v without the word typed, want 422 and nothing done", a)
		}
		if a := i.send(t, "POST", "/admin/undo", "confirm=undo&reference="+reference, isForm, i.owner(t), "Origin: https://evil.example"); a.status != 403 || groups() != 0 {
			t.Errorf("got %v from another site, want 403 and nothing done", a)
		}
		if a := i.post(t, "/admin/undo", "confirm=undo&reference="+reference, i.owner(t)); a.status != 303 || groups() != 1 {
			t.Errorf("got %v with the word typed, want 303 and the group back", a)
		}
		if a := i.get(t, "/admin/undo?reference=nothing", i.owner(t)); a.status != 422 || !strings.Contains(a.body, "It has changed nothing") {
			t.Errorf("got %v for an unknown reference, want 422 and a word", a)
		}
		// All that the integration did: a job.
		since := time.Now().Add(-time.Hour).UTC().Format(time.RFC3339)
		a := i.admin(t, 200, "POST", "/undo", fields{"integration": lumen.ID, "since": since})
		if j := i.finished(t, decode[struct{ Job jobUnderTest }](t, a).Job.ID); j.State != "done" || j.Result["people"] != 1 {
			t.Errorf("got %+v, want it done for one person", j)
		}
	})
}

// TestAlertsOverHTTP: the guard holds, an owner sees it and decides.
func TestAlertsOverHTTP(t *testing.T) {
	eachWorld(t, func(t *testing.T, w world) {
		i := launch(t, w)
		lumen := i.install(t, fields{"drift_guard": true, "drift_threshold": 1})
		i.admin(t, 201, "POST", "/groups", fields{"external_id": "staff"})
		for _, groups := range [][]string{{"staff"}, {}} {
			for n := range 3 {
				i.signIn(t, link(lumen.token(person(fmt.Sprintf("p%d", n)).with(fields{"groups": groups, "jti": fmt.Sprint(len(groups), n)}))))
			}
		}
		type alert struct {
			ID, Kind, State string
			Emptied, Held   int64
		}
		alerts := func() []alert {
			return decode[struct{ Alerts []alert }](t, i.admin(t, 200, "GET", "/alerts", nil)).Alerts
		}
		all := alerts()
		if len(all) != 1 || all[0].Kind != "groups_emptied" || all[0].State != "open" || all[0].Emptied != 1 || all[0].Held != 2 {
			t.Fatalf("got alerts %+v, want one about one emptied and two held", all)
		}
		if a := i.get(t, "/admin", i.owner(t)); !strings.Contains(a.body, "The drift guard holds") {
			t.Errorf("got overview %.200s, want the alert on it", a.body)
		}
		path := "/admin/alerts/" + all[0].ID
		if a := i.get(t, path, i.owner(t)); a.status != 200 || !strings.Contains(a.body, "Let removals through") || !strings.Contains(a.body, "/admin/undo?emptied="+lumen.ID) ||
			!strings.Contains(a.body, "such a list takes no group from anybody") {
			t.Errorf("got %v, want what is held and what can be decided", a)
		}
		if a := i.post(t, path, "decision=release&until=1h&confirm=no", i.owner(t)); a.status != 422 || alerts()[0].State != "open" {
			t.Errorf("got %v without the name typed, want 422", a)
		}
		if a := i.post(t, path, "decision=hold", i.owner(t)); a.status != 303 || alerts()[0].State != "holding" {
			t.Errorf("got %v, want it held", a)
		}
		if a := i.post(t, path, "decision=release&until=1h&confirm=Lumen+Learning", i.owner(t)); a.status != 303 || alerts()[0].State != "released" {
			t.Errorf("got %v with the name typed, want it let through", a)
		}
		i.admin(t, 400, "PATCH", "/alerts/"+all[0].ID, fields{"decision": "dismiss"})
		i.admin(t, 404, "PATCH", "/alerts/x", fields{"decision": "hold"})
		i.admin(t, 204, "PATCH", "/alerts/"+all[0].ID, fields{"decision": "close"})
		if got := alerts(); len(got) != 0 {
			t.Errorf("got alerts %+v after closing, want none", got)
		}
	})
}

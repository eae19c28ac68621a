package provisioning_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"usher/provisioning"
	"usher/sql/store"
)

// start starts a job, which has to be possible.
func (p *place) start(t *testing.T, kind string, parameters any) provisioning.Job {
	t.Helper()
	j, err := p.svc.StartJob(t.Context(), p.tenant, kind, parameters, byAPI)
	if err != nil {
		t.Fatalf("StartJob(%s): %v", kind, err)
	}
	return j
}

// workOff does all jobs that there are.
func (p *place) workOff(t *testing.T) {
	t.Helper()
	if err := p.svc.WorkOff(t.Context()); err != nil {
		t.Fatalf("WorkOff: %v", err)
	}
}

func (p *place) job(t *testing.T, id string) provisioning.Job {
	t.Helper()
	j, err := p.svc.JobByID(t.Context(), p.tenant, id)
	if err != nil {
		t.Fatalf("JobByID: %v", err)
	}
	return j
}

// people signs n people in, each with groups and credits.
func (p *place) people(t *testing.T, by *partner, n int) []string {
	t.Helper()
	var users []string
	for i := range n {
		users = append(users, by.enter(t, claims{
			"sub": fmt.Sprintf("person-%03d", i), "email": fmt.Sprintf("p%03d@example.com", i),
			"iat": p.clock.now().Unix(), "groups": []string{"staff", "readers"},
			"credits": []map[string]any{{"orderId": fmt.Sprintf("o%d", i), "id": 1}},
		}).UserID)
	}
	return users
}

func TestDropHoldings(t *testing.T) {
	eachPlace(t, provisioning.Settings{}, func(t *testing.T, p *place) {
		other := p.install(t, provisioning.Settings{LinkPolicy: pointer("trusted")})
		users := p.people(t, &p.partner, 3)
		other.enter(t, claims{
			"sub": "x", "email": "p000@example.com", "iat": p.clock.now().Unix(), "groups": []string{"staff"},
			"credits": []map[string]any{{"orderId": "y", "id": 2}},
		})
		p.mirror(t)
		if _, err := p.svc.StartJob(t.Context(), p.tenant, provisioning.JobDropHoldings,
			provisioning.HoldingsWish{Integration: p.ID}, byAPI); !isInvalid(err) {
			t.Errorf("of a live integration: got error %v, want *Invalid", err)
		}
		if err := p.svc.Remove(t.Context(), p.tenant, p.ID, byAPI); err != nil {
			t.Fatal(err)
		}
		j := p.start(t, provisioning.JobDropHoldings, provisioning.HoldingsWish{Integration: p.ID})
		p.workOff(t)
		j = p.job(t, j.ID)
		if want := `{"people":3,"memberships":6,"grants":3}`; j.State != store.JobDone || j.Result != want || j.Done != 3 {
			t.Errorf("got state %s, result %s, done %d, want %s", j.State, j.Result, j.Done, want)
		}
		p.wantPerson(t, users[0], person{Email: "p000@example.com", Groups: []string{"staff"}, Credits: []string{"y/2"}})
		p.wantPerson(t, users[1], person{Email: "p001@example.com"})
		journal, err := p.svc.Journal(t.Context(), p.tenant, users[0], 3)
		if err != nil {
			t.Fatal(err)
		}
		for _, entry := range journal {
			if entry.Actor != byAPI.Actor || entry.Reference != byAPI.Reference {
				t.Errorf("got journal entry %+v, want it by %+v", entry, byAPI)
			}
		}
		if got := journal[0].What; got != store.WhatCreditRevoked {
			t.Errorf("got newest entry %s, want %s", got, store.WhatCreditRevoked)
		}
	})
}

func TestExportUsers(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		p, other := w.place(t, provisioning.Settings{}), w.place(t, provisioning.Settings{})
		users := p.people(t, &p.partner, 250)
		if err := p.svc.Erase(t.Context(), p.tenant, users[7], byAPI); err != nil {
			t.Fatal(err)
		}
		p.mirror(t)
		j := p.start(t, provisioning.JobExportUsers, nil)
		if j.Download {
			t.Error("got a download before the job has begun")
		}
		p.workOff(t)
		if j = p.job(t, j.ID); j.State != store.JobDone || j.Done != 250 || j.Total != 250 || !j.Download {
			t.Fatalf("got %+v, want it done", j)
		}
		for _, part := range p.db.Rows(t, `SELECT content FROM job_parts`) {
			if strings.Contains(part, "example.com") {
				t.Error("got people's data in the clear in job_parts")
			}
		}
		var got []string
		err := p.svc.Download(t.Context(), p.tenant, j.ID, byAPI, func(part []byte) error {
			for line := range strings.Lines(string(part)) {
				var user struct {
					ID         string
					Identities []struct{ Integration, Sub string }
					Groups     []struct{ Group, Source string }
					Credits    []struct {
						OrderID string `json:"order_id"`
						ID      int64
					}
				}
				if err := json.Unmarshal([]byte(line), &user); err != nil {
					t.Fatalf("line %q: %v", line, err)
				}
				if len(user.Identities) != 1 || user.Identities[0].Integration != p.ID || len(user.Groups) != 2 || len(user.Credits) != 1 {
					t.Fatalf("got %+v, want one identity, two groups and a credit", user)
				}
				got = append(got, user.ID)
			}
			return nil
		})
		if err != nil {
			t.Fatalf("Download: %v", err)
		}
		want := slices.DeleteFunc(slices.Sorted(slices.Values(users)), func(id string) bool { return id == users[7] })
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("people of the export (-want +got):\n%s", diff)
		}
		nothing := func([]byte) error { t.Error("got a part"); return nil }
		if err := p.svc.Download(t.Context(), other.tenant, j.ID, byAPI, nothing); !errors.Is(err, provisioning.ErrNotFound) {
			t.Errorf("of another tenant: got error %v, want ErrNotFound", err)
		}
		p.clock.advance(25 * 3600 * 1e9)
		if err := p.svc.Download(t.Context(), p.tenant, j.ID, byAPI, nothing); !errors.Is(err, provisioning.ErrNotFound) {
			t.Errorf("after a day: got error %v, want ErrNotFound", err)
		}
		if _, err := p.store.ForgetJobParts(t.Context(), 100); err != nil {
			t.Fatal(err)
		}
		if left := p.db.Rows(t, `SELECT part FROM job_parts`); len(left) != 0 {
			t.Errorf("got parts %v after their time, want none", left)
		}
	})
}

func TestImportCatalog(t *testing.T) {
	eachPlace(t, provisioning.Settings{}, func(t *testing.T, p *place) {
		anna := p.enter(t, p.anna(claims{"groups": []string{"alumni"}, "credits": []map[string]any{{"orderId": "a", "id": 9}}}))
		p.wantPerson(t, anna.UserID, person{Email: "anna@example.com", Credits: []string{"a/9 parked"}})
		p.mirror(t)
		before := p.db.Dump(t, p.tenant.ID)
		_, err := p.svc.ImportCatalog(t.Context(), p.tenant, []byte("kind,id,name\ngroup,alumni,Alumni\ngroup,,X\ncredit,0,Y\n"), byAPI)
		if !isInvalid(err) || !strings.Contains(err.Error(), "line 3") || !strings.Contains(err.Error(), "line 4") {
			t.Errorf("got error %v, want both faulty lines named", err)
		}
		if diff := cmp.Diff(before, p.db.Dump(t, p.tenant.ID)); diff != "" {
			t.Errorf("a faulty import left something (-before +after):\n%s", diff)
		}
		text := "kind,id,name\ngroup,alumni,\"Alumni, all\"\ngroup,staff,Staff\ncredit,9,Nine\ncredit,1,Credit 1\n"
		for i := range 300 {
			text += fmt.Sprintf("group,g%d,G\n", i)
		}
		j, err := p.svc.ImportCatalog(t.Context(), p.tenant, []byte(text), byAPI)
		if err != nil {
			t.Fatalf("ImportCatalog: %v", err)
		}
		p.workOff(t)
		if j, want := p.job(t, j.ID), `{"parts":2,"added":302,"changed":1,"same":1}`; j.State != store.JobDone || j.Result != want {
			t.Errorf("got state %s (%s), result %s, want %s", j.State, j.Error, j.Result, want)
		}
		p.enter(t, p.anna(claims{"groups": []string{"alumni"}, "credits": []map[string]any{{"orderId": "a", "id": 9}}}))
		p.wantPerson(t, anna.UserID, person{Email: "anna@example.com", Groups: []string{"alumni"}, Credits: []string{"a/9"}})
	})
}

// TestJobGoesOnElsewhere stops one instance in the middle of a job and lets its
// lease run out: another one does the rest, and nothing twice.
func TestJobGoesOnElsewhere(t *testing.T) {
	eachPlace(t, provisioning.Settings{}, func(t *testing.T, p *place) {
		const people = 450
		p.people(t, &p.partner, people)
		j := p.start(t, provisioning.JobExportUsers, nil)
		// What is left of an instance that was killed: the first batch, and its lease.
		killed := newID(t)
		claimed, err := p.store.ClaimJob(t.Context(), killed, 30e9)
		if err != nil || claimed.ID != j.ID {
			t.Fatalf("ClaimJob: got %+v, error %v", claimed, err)
		}
		first := 0
		_, err = p.store.StepJob(t.Context(), p.tenant.ID, j.ID, killed, 30e9, func(b *store.Batch) error {
			_, err := provisioning.ExportUsersStep(p.svc, t.Context(), b)
			first = int(b.Job.Done)
			return err
		})
		if err != nil || first == 0 || first == people {
			t.Fatalf("the first batch: got %d people, error %v, want some", first, err)
		}
		others := []*provisioning.Service{p.another(t), p.another(t), p.another(t)}
		if err := others[0].WorkOff(t.Context()); err != nil {
			t.Fatal(err)
		}
		if got := p.job(t, j.ID); got.State != store.JobRunning || got.Done != int64(first) {
			t.Errorf("under a good lease: got %s, %d done, want the job left alone", got.State, got.Done)
		}
		p.clock.advance(31e9)
		var all sync.WaitGroup
		for _, svc := range others {
			all.Go(func() {
				if err := svc.WorkOff(t.Context()); err != nil {
					t.Errorf("WorkOff: %v", err)
				}
			})
		}
		all.Wait()
		if got := p.job(t, j.ID); got.State != store.JobDone || got.Done != people {
			t.Errorf("got %s, %d done, want all %d", got.State, got.Done, people)
		}
		// The killed one comes back to life.
		_, err = p.store.StepJob(t.Context(), p.tenant.ID, j.ID, killed, 30e9, func(*store.Batch) error {
			t.Error("got a batch under a lost lease")
			return nil
		})
		if !errors.Is(err, store.ErrLeaseLost) {
			t.Errorf("under a lost lease: got error %v, want ErrLeaseLost", err)
		}
		seen := map[string]int{}
		if err := p.svc.Download(t.Context(), p.tenant, j.ID, byAPI, func(part []byte) error {
			for line := range strings.Lines(string(part)) {
				seen[line]++
			}
			return nil
		}); err != nil {
			t.Fatal(err)
		}
		for line, times := range seen {
			if times != 1 {
				t.Errorf("got %d times %.60s, want once", times, line)
			}
		}
		if len(seen) != people {
			t.Errorf("got %d people, want %d", len(seen), people)
		}
	})
}

// TestJobsInParallel lets four instances work on eight jobs.
func TestJobsInParallel(t *testing.T) {
	eachPlace(t, provisioning.Settings{}, func(t *testing.T, p *place) {
		p.people(t, &p.partner, 5)
		for range 8 {
			p.start(t, provisioning.JobExportUsers, nil)
		}
		var all sync.WaitGroup
		for range 4 {
			svc := p.another(t)
			all.Go(func() {
				if err := svc.WorkOff(t.Context()); err != nil {
					t.Errorf("WorkOff: %v", err)
				}
			})
		}
		all.Wait()
		jobs, next, err := p.svc.Jobs(t.Context(), p.tenant, "")
		if err != nil || next != "" || len(jobs) != 8 {
			t.Fatalf("Jobs: got %d, next %q, error %v", len(jobs), next, err)
		}
		for _, j := range jobs {
			if want := `{"people":5,`; j.State != store.JobDone || !strings.HasPrefix(j.Result, want) {
				t.Errorf("got %s with %s, want it done with %s…", j.State, j.Result, want)
			}
		}
		if got := p.db.Rows(t, `SELECT count(*) FROM job_parts`); got[0] != "8" {
			t.Errorf("got %s parts, want 8", got[0])
		}
	})
}

func TestCancelJob(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		p, other := w.place(t, provisioning.Settings{}), w.place(t, provisioning.Settings{})
		j := p.start(t, provisioning.JobExportUsers, nil)
		lease := newID(t)
		if _, err := p.store.ClaimJob(t.Context(), lease, 30e9); err != nil {
			t.Fatal(err)
		}
		if err := p.svc.CancelJob(t.Context(), other.tenant, j.ID, byAPI); !errors.Is(err, provisioning.ErrNotFound) {
			t.Errorf("by another tenant: got error %v, want ErrNotFound", err)
		}
		for range 2 { // a second time changes nothing
			if err := p.svc.CancelJob(t.Context(), p.tenant, j.ID, byAPI); err != nil {
				t.Fatal(err)
			}
		}
		_, err := p.store.StepJob(t.Context(), p.tenant.ID, j.ID, lease, 30e9, func(*store.Batch) error { return nil })
		if !errors.Is(err, store.ErrLeaseLost) {
			t.Errorf("a batch of a cancelled job: got error %v, want ErrLeaseLost", err)
		}
		if got := p.job(t, j.ID); got.State != store.JobCancelled || got.FinishedAt == nil || got.Download {
			t.Errorf("got %+v, want it cancelled", got)
		}
		if acts := p.db.Rows(t, `SELECT action FROM audit_log WHERE object = $1 ORDER BY seq`, "job "+j.ID); !cmp.Equal(acts, []string{"job_started", "job_cancelled"}) {
			t.Errorf("got acts %v", acts)
		}
	})
}

func TestJobsRefused(t *testing.T) {
	eachPlace(t, provisioning.Settings{}, func(t *testing.T, p *place) {
		before := p.db.Dump(t, p.tenant.ID)
		for _, tt := range []struct {
			kind       string
			parameters any
		}{
			{"nothing", nil},
			{"", nil},
			{provisioning.JobExportUsers, map[string]any{"x": 1}},
			{provisioning.JobImportCatalog, nil},
			{provisioning.JobDropHoldings, nil},
			{provisioning.JobDropHoldings, map[string]any{"integration": "x"}},
			{provisioning.JobDropHoldings, map[string]any{"integration": p.ID}},
		} {
			if _, err := p.svc.StartJob(t.Context(), p.tenant, tt.kind, tt.parameters, byAPI); !isInvalid(err) {
				t.Errorf("%s with %v: got error %v, want *Invalid", tt.kind, tt.parameters, err)
			}
		}
		if diff := cmp.Diff(before, p.db.Dump(t, p.tenant.ID)); diff != "" {
			t.Errorf("refused jobs left something (-before +after):\n%s", diff)
		}
		if _, _, err := p.svc.Jobs(t.Context(), p.tenant, "x"); !isInvalid(err) {
			t.Errorf("Jobs before x: got error %v, want *Invalid", err)
		}
	})
}

// TestRunWorks: a job that was started is done by the instance that runs.
func TestRunWorks(t *testing.T) {
	eachPlace(t, provisioning.Settings{}, func(t *testing.T, p *place) {
		p.people(t, &p.partner, 1)
		ctx, stop := context.WithCancel(t.Context())
		ended := make(chan struct{})
		go func() {
			defer close(ended)
			p.svc.Run(ctx)
		}()
		j := p.start(t, provisioning.JobExportUsers, nil)
		for p.job(t, j.ID).State != store.JobDone {
			if t.Context().Err() != nil {
				t.Fatal("the job was not done")
			}
		}
		stop()
		<-ended
	})
}

func isInvalid(err error) bool {
	_, ok := errors.AsType[*provisioning.Invalid](err)
	return ok
}

// TestEndedJobs: each end is counted once, under its kind.
func TestEndedJobs(t *testing.T) {
	eachPlace(t, provisioning.Settings{}, func(t *testing.T, p *place) {
		p.start(t, provisioning.JobExportUsers, nil)
		p.start(t, provisioning.JobExportUsers, nil)
		p.workOff(t)
		want := []provisioning.EndedJobs{
			{Kind: provisioning.JobDropHoldings},
			{Kind: provisioning.JobUndo},
			{Kind: provisioning.JobExportUsers, Done: 2},
			{Kind: provisioning.JobImportCatalog},
		}
		if diff := cmp.Diff(want, p.svc.EndedJobs()); diff != "" {
			t.Errorf("got ends of jobs that differ (-want +got):\n%s", diff)
		}
	})
}

package provisioning

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"usher/sql/store"
)

// Kinds of jobs.
const (
	JobDropHoldings  = "drop_holdings"  // what a removed integration gave: memberships and grants
	JobUndo          = "undo"           // what an integration, or one request, changed about people
	JobExportUsers   = "export_users"   // every user, as JSON lines
	JobImportCatalog = "import_catalog" // groups and credits
)

const (
	// jobLease is for how long an instance holds a job with each batch. When
	// it dies, another takes over after this time.
	jobLease = 30 * time.Second
	// jobPause is between two looks for jobs that nobody works on. Those that
	// this instance starts do not wait for it.
	jobPause = 10 * time.Second
	// jobBatch is how many people or rows a batch concerns.
	jobBatch = 200
	// partsLife is for how long what a job was given, or has made, is kept.
	partsLife = 24 * time.Hour
	// jobsPage is how many jobs a list has.
	jobsPage = 50
)

// Job is long work with its progress.
type Job struct {
	store.Job
	// Left is how long it may still take, going by the time so far; 0 = not
	// known, or over.
	Left time.Duration
	// Download reports whether it has made something that can be had.
	Download bool
}

// jobKind is what the runner knows about a kind of job.
type jobKind struct {
	// check reads the parameters of a new job. The error is an *Invalid.
	check func(s *Service, ctx context.Context, tenant store.Tenant, parameters []byte) error
	// step does one batch. It returns what is to be done when the batch is
	// written; nil = nothing.
	step func(s *Service, ctx context.Context, b *store.Batch) (after func(context.Context) error, err error)
	// makes is true when the parts are what the job makes.
	makes bool
}

// jobKinds is the one list of them.
func jobKinds(kind string) (jobKind, bool) {
	switch kind {
	case JobDropHoldings:
		return jobKind{check: (*Service).checkDropHoldings, step: (*Service).dropHoldings}, true
	case JobUndo:
		return jobKind{check: (*Service).checkUndo, step: (*Service).undoOne}, true
	case JobExportUsers:
		return jobKind{check: checkNothing, step: (*Service).exportUsers, makes: true}, true
	case JobImportCatalog:
		return jobKind{check: (*Service).checkImport, step: (*Service).importCatalog}, true
	}
	return jobKind{}, false
}

// checkNothing is for kinds that take no parameters.
func checkNothing(_ *Service, _ context.Context, _ store.Tenant, parameters []byte) error {
	if string(parameters) != "{}" {
		return invalid("parameters", "this kind of job takes none")
	}
	return nil
}

// StartJob queues work that may take long; any instance does it. parameters
// encode as a JSON object, which is shown: no secret, no personal data. The
// error is an *Invalid for what cannot be accepted.
func (s *Service) StartJob(ctx context.Context, tenant store.Tenant, kind string, parameters any, by By) (Job, error) {
	if kind == JobImportCatalog {
		return Job{}, invalid("kind", "an import needs its rows")
	}
	return s.startJob(ctx, tenant, kind, parameters, nil, by)
}

// startJob is StartJob with the parts that the job works on.
func (s *Service) startJob(ctx context.Context, tenant store.Tenant, kind string, parameters any, parts [][]byte, by By) (Job, error) {
	known, ok := jobKinds(kind)
	if !ok {
		return Job{}, invalid("kind", "one of %s, %s, %s, %s", JobDropHoldings, JobUndo, JobExportUsers, JobImportCatalog)
	}
	if parameters == nil {
		parameters = struct{}{}
	}
	text, err := json.Marshal(parameters)
	if err != nil {
		return Job{}, fmt.Errorf("provisioning: parameters of a job: %w", err)
	}
	if err := known.check(s, ctx, tenant, text); err != nil {
		return Job{}, err
	}
	id, err := store.NewID()
	if err != nil {
		return Job{}, err
	}
	now := s.now().UTC()
	j := store.Job{
		TenantID: tenant.ID, ID: id, Kind: kind, State: store.JobQueued, Parameters: string(text), Result: "{}",
		Actor: by.Actor, ActorName: by.Name, Reference: by.Reference, CreatedAt: now,
	}
	if known.makes || len(parts) > 0 {
		expires := now.Add(partsLife)
		j.ExpiresAt = &expires
	}
	sealed := make([][]byte, len(parts))
	for i, part := range parts {
		sealed[i] = s.sealer.Seal(part, placeOfPart(j, int64(i+1))...)
	}
	detail := map[string]any{"kind": kind, "parameters": json.RawMessage(text)}
	if err := s.store.AddJob(ctx, j, sealed, act(by, "job_started", "job "+id, detail)); err != nil {
		return Job{}, err
	}
	select {
	case s.newJob <- struct{}{}:
	default: // the runner knows already
	}
	return s.shownJob(j), nil
}

// placeOfPart binds a sealed part to where it stands.
func placeOfPart(j store.Job, part int64) []string {
	return []string{j.TenantID, "job_parts", j.ID, fmt.Sprint(part)}
}

// JobByID returns one job of the tenant, or ErrNotFound.
func (s *Service) JobByID(ctx context.Context, tenant store.Tenant, id string) (Job, error) {
	if !store.IsID(id) {
		return Job{}, ErrNotFound
	}
	j, err := s.store.Job(ctx, tenant.ID, id)
	return s.shownJob(j), err
}

// Jobs lists jobs, newest first, from before the given one; next is the before
// of the following page, "" on the last.
func (s *Service) Jobs(ctx context.Context, tenant store.Tenant, before string) (jobs []Job, next string, err error) {
	if before != "" && !store.IsID(before) {
		return nil, "", invalid("before", "the id of a job")
	}
	found, err := s.store.Jobs(ctx, tenant.ID, before, jobsPage+1)
	if len(found) > jobsPage {
		found = found[:jobsPage]
		next = found[jobsPage-1].ID
	}
	for _, j := range found {
		jobs = append(jobs, s.shownJob(j))
	}
	return jobs, next, err
}

func (s *Service) shownJob(j store.Job) Job {
	shown := Job{Job: j}
	now := s.now()
	if known, ok := jobKinds(j.Kind); ok && known.makes && j.State == store.JobDone && j.ExpiresAt != nil {
		shown.Download = now.Before(*j.ExpiresAt)
	}
	if j.State == store.JobRunning && j.StartedAt != nil && j.Done > 0 && j.Total > j.Done {
		spent := now.Sub(*j.StartedAt)
		shown.Left = time.Duration(float64(spent) / float64(j.Done) * float64(j.Total-j.Done))
	}
	return shown
}

// CancelJob stops a job after the batch that is under way. What it has done
// stays done. A job that is over stays as it is.
func (s *Service) CancelJob(ctx context.Context, tenant store.Tenant, id string, by By) error {
	j, err := s.JobByID(ctx, tenant, id)
	if err != nil {
		return err
	}
	return s.store.CancelJob(ctx, tenant.ID, id, act(by, "job_cancelled", "job "+id, map[string]any{"kind": j.Kind}))
}

// Download gives write what an export has made, part by part. Taking it away
// is an act: it holds personal data. ErrNotFound is returned, before anything
// is written, when the job has nothing, or nothing any more.
func (s *Service) Download(ctx context.Context, tenant store.Tenant, id string, by By, write func(part []byte) error) error {
	j, err := s.JobByID(ctx, tenant, id)
	if err != nil {
		return err
	}
	if !j.Download {
		return ErrNotFound
	}
	if err := s.store.Record(ctx, tenant.ID, act(by, "export_downloaded", "job "+id, map[string]any{"kind": j.Kind})); err != nil {
		return err
	}
	for part := int64(1); ; part++ {
		sealed, err := s.store.JobPart(ctx, tenant.ID, id, part)
		if errors.Is(err, ErrNotFound) {
			return nil
		} else if err != nil {
			return err
		}
		plain, err := s.sealer.Open(sealed, placeOfPart(j.Job, part)...)
		if err != nil {
			return fmt.Errorf("part %d of job %s: %w", part, id, err)
		}
		if err := write(plain); err != nil {
			return err
		}
	}
}

// runJobs works on jobs until ctx ends.
func (s *Service) runJobs(ctx context.Context) {
	tick := time.NewTicker(jobPause)
	defer tick.Stop()
	for {
		if err := s.WorkOff(ctx); err != nil && ctx.Err() == nil {
			s.log.Warn("working on jobs failed; the next round tries again", slog.Any("error", err))
		}
		select {
		case <-ctx.Done():
			return
		case <-s.newJob:
		case <-tick.C:
		}
	}
}

// WorkOff does every job that nobody works on, one after the other, until none
// is left or ctx ends. Run calls it. The error is a fault of the database; the
// job under way then goes on later, here or elsewhere.
func (s *Service) WorkOff(ctx context.Context) error {
	for ctx.Err() == nil {
		lease, err := store.NewID()
		if err != nil {
			return err
		}
		j, err := s.store.ClaimJob(ctx, lease, jobLease)
		if errors.Is(err, ErrNotFound) {
			return nil
		} else if err != nil {
			return err
		}
		if err := s.work(ctx, j, lease, func(int64, int64) {}); err != nil {
			// Whoever is quicker goes on; without this the lease would have to run out.
			_ = s.store.ReleaseJob(context.WithoutCancel(ctx), j.TenantID, j.ID, lease)
			return err
		}
	}
	return ctx.Err()
}

// WorkJob does one job here, or looks on while another instance does it, until it
// is over. show is told how far it is. The error is a fault of the database, or
// that of ctx; then the job can go on, here or elsewhere.
func (s *Service) WorkJob(ctx context.Context, tenant store.Tenant, id string, show store.Progress) (Job, error) {
	for {
		j, err := s.JobByID(ctx, tenant, id)
		if err != nil || j.Over() {
			return j, err
		}
		show(j.Done, j.Total)
		lease, err := store.NewID()
		if err != nil {
			return j, err
		}
		claimed, err := s.store.ClaimThisJob(ctx, tenant.ID, id, lease, jobLease)
		switch {
		case err == nil:
			if err := s.work(ctx, claimed, lease, show); err != nil {
				_ = s.store.ReleaseJob(context.WithoutCancel(ctx), tenant.ID, id, lease)
				return j, err
			}
		case !errors.Is(err, ErrNotFound):
			return j, err
		default: // somebody else works on it
			select {
			case <-ctx.Done():
				return j, ctx.Err()
			case <-time.After(lookOnPause):
			}
		}
	}
}

// lookOnPause is between two looks at a job that another instance does.
const lookOnPause = 200 * time.Millisecond

// work does the batches of one job until it is over. The error is a passing
// one.
func (s *Service) work(ctx context.Context, j store.Job, lease string, show store.Progress) error {
	known, ok := jobKinds(j.Kind)
	if !ok {
		return s.store.FailJob(ctx, j.TenantID, j.ID, lease, "This version of Usher does not know this kind of job.")
	}
	for ctx.Err() == nil {
		var after func(context.Context) error
		done, err := s.store.StepJob(ctx, j.TenantID, j.ID, lease, jobLease, func(b *store.Batch) error {
			var err error
			after, err = known.step(s, ctx, b)
			return err
		})
		switch {
		case errors.Is(err, store.ErrLeaseLost):
			return nil // cancelled, or another instance goes on
		case err != nil && (Unavailable(err) || ctx.Err() != nil):
			return err
		case err != nil:
			return s.failed(ctx, j, lease, err)
		}
		if after != nil {
			if err := untilDone(ctx, after); err != nil {
				return err
			}
		}
		show(done.Done, done.Total)
		if done.Over() {
			s.jobs.count(j.Kind, false)
			return nil
		}
	}
	return ctx.Err()
}

// untilDone repeats what has to happen after a batch, which is written, until it
// succeeds or ctx ends.
func untilDone(ctx context.Context, do func(context.Context) error) error {
	for {
		if err := do(ctx); err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(unspendPause):
		}
	}
}

// failed ends a job that will never succeed.
func (s *Service) failed(ctx context.Context, j store.Job, lease string, err error) error {
	s.log.Error("a job failed", slog.String("job", j.ID), slog.String("kind", j.Kind), slog.Any("error", err))
	s.jobs.count(j.Kind, true)
	message := "Something went wrong on our side. The log says more under the id of this job."
	if wrong, ok := errors.AsType[*Invalid](err); ok {
		message = wrong.Error()
	}
	return s.store.FailJob(ctx, j.TenantID, j.ID, lease, message)
}

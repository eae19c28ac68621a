package store

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/jmoiron/sqlx"
)

// Job is long work that is done in batches, by whichever instance holds its
// lease. Each batch is one transaction with the job's progress: after a crash
// another instance goes on where the last batch ended.
type Job struct {
	TenantID   string     `db:"tenant_id"`
	ID         string     `db:"id"` // UUIDv7
	Kind       string     `db:"kind"`
	State      string     `db:"state"`      // one of the Job… states
	Parameters string     `db:"parameters"` // a JSON object
	Total      int64      `db:"total"`      // how much there is to do; 0 = not known
	Done       int64      `db:"done"`
	Cursor     string     `db:"cursor"` // where the next batch begins
	Result     string     `db:"result"` // a JSON object: what has come of it so far
	Error      string     `db:"error"`  // for people; "" unless failed
	Actor      string     `db:"actor"`
	ActorName  string     `db:"actor_name"`
	Reference  string     `db:"reference"` // of the request that started it
	CreatedAt  time.Time  `db:"created_at"`
	StartedAt  *time.Time `db:"started_at"`
	FinishedAt *time.Time `db:"finished_at"`
	ExpiresAt  *time.Time `db:"expires_at"` // when its parts go; nil = it has none
}

// The states of a job.
const (
	JobQueued    = "queued"
	JobRunning   = "running"
	JobDone      = "done"
	JobFailed    = "failed"
	JobCancelled = "cancelled"
)

// Over reports whether nothing more will be done.
func (j Job) Over() bool { return j.State != JobQueued && j.State != JobRunning }

// By is who has started it.
func (j Job) By() By { return By{Actor: j.Actor, Name: j.ActorName, Reference: j.Reference} }

const jobColumns = `tenant_id, id, kind, state, parameters, total, done, cursor, result, error, actor, actor_name,
       reference, created_at, started_at, finished_at, expires_at`

// ErrLeaseLost means that a job is not the caller's any more: it was
// cancelled, or another instance has taken it over. Nothing was written.
var ErrLeaseLost = errors.New("the job is no longer ours")

// AddJob queues a job with the parts that were given to it.
func (s *Store) AddJob(ctx context.Context, j Job, parts [][]byte, act Act) error {
	return s.inTx(ctx, func(tx *sqlx.Tx) error {
		if err := s.addJob(ctx, tx, j); err != nil {
			return err
		}
		for i, content := range parts {
			if err := insertPart(ctx, tx, j, int64(i+1), content); err != nil {
				return err
			}
		}
		return s.record(ctx, tx, j.TenantID, act)
	})
}

func (s *Store) addJob(ctx context.Context, tx *sqlx.Tx, j Job) error {
	_, err := tx.NamedExecContext(ctx, `
INSERT INTO jobs (`+jobColumns+`)
VALUES (:tenant_id, :id, :kind, :state, :parameters, :total, :done, :cursor, :result, :error, :actor, :actor_name,
        :reference, :created_at, :started_at, :finished_at, :expires_at)`, j)
	return err
}

func insertPart(ctx context.Context, tx *sqlx.Tx, j Job, part int64, content []byte) error {
	if j.ExpiresAt == nil {
		return errors.New("store: a part of a job that does not expire")
	}
	_, err := tx.ExecContext(ctx, `
INSERT INTO job_parts (tenant_id, job_id, part, content, expires_at) VALUES ($1, $2, $3, $4, $5)`,
		j.TenantID, j.ID, part, content, *j.ExpiresAt)
	return err
}

// Job returns one job of a tenant, or ErrNotFound.
func (s *Store) Job(ctx context.Context, tenant, id string) (Job, error) {
	var j Job
	err := s.read.GetContext(ctx, &j, `SELECT `+jobColumns+` FROM jobs WHERE tenant_id = $1 AND id = $2`, tenant, id)
	return j.inUTC(), fault(err)
}

// Jobs returns a tenant's jobs older than the one with the id before ("" = the
// newest), newest first, at most limit.
func (s *Store) Jobs(ctx context.Context, tenant, before string, limit int) ([]Job, error) {
	if before == "" {
		before = maxID
	}
	var jobs []Job
	err := s.read.SelectContext(ctx, &jobs, `
SELECT `+jobColumns+` FROM jobs WHERE tenant_id = $1 AND id < $2 ORDER BY id DESC LIMIT $3`, tenant, before, limit)
	for i := range jobs {
		jobs[i] = jobs[i].inUTC()
	}
	return jobs, fault(err)
}

// maxID comes after every id.
const maxID = "ffffffff-ffff-ffff-ffff-ffffffffffff"

func (j Job) inUTC() Job {
	j.CreatedAt = j.CreatedAt.UTC()
	for _, at := range []**time.Time{&j.StartedAt, &j.FinishedAt, &j.ExpiresAt} {
		if *at != nil {
			utc := (*at).UTC()
			*at = &utc
		}
	}
	return j
}

// CancelJob stops a job that is not over. The batch under way may still be
// written, and none after it. A job that is over stays as it is.
func (s *Store) CancelJob(ctx context.Context, tenant, id string, act Act) error {
	return s.inTx(ctx, func(tx *sqlx.Tx) error {
		var state string
		err := tx.GetContext(ctx, &state,
			`SELECT state FROM jobs WHERE tenant_id = $1 AND id = $2`+s.dialect.forUpdate(), tenant, id)
		if err != nil {
			return err
		}
		if (Job{State: state}).Over() {
			return nil
		}
		if _, err := tx.ExecContext(ctx, `
UPDATE jobs SET state = $1, lease = NULL, lease_until = NULL, finished_at = $2 WHERE tenant_id = $3 AND id = $4`,
			JobCancelled, s.now().UTC(), tenant, id); err != nil {
			return err
		}
		return s.record(ctx, tx, tenant, act)
	})
}

// ClaimJob takes the oldest job, of any tenant, that nobody works on, and holds
// it for the given time under a lease. ErrNotFound means that there is none.
func (s *Store) ClaimJob(ctx context.Context, lease string, hold time.Duration) (Job, error) {
	const open = `
SELECT tenant_id, id FROM jobs
 WHERE state IN ('queued', 'running') AND (lease_until IS NULL OR lease_until < $1) ORDER BY id LIMIT 1`
	var found struct {
		TenantID string `db:"tenant_id"`
		ID       string `db:"id"`
	}
	// Looking first costs no write lock, which SQLite has but one of.
	if err := s.read.GetContext(ctx, &found, open, s.now().UTC()); err != nil {
		return Job{}, fault(err)
	}
	var j Job
	err := s.inTx(ctx, func(tx *sqlx.Tx) error {
		now := s.now().UTC()
		skip := ""
		if s.dialect == postgres {
			skip = " FOR UPDATE SKIP LOCKED"
		}
		if err := tx.GetContext(ctx, &found, open+skip, now); err != nil {
			return err
		}
		return tx.GetContext(ctx, &j, `
UPDATE jobs SET state = $1, lease = $2, lease_until = $3, started_at = coalesce(started_at, $4)
 WHERE tenant_id = $5 AND id = $6 RETURNING `+jobColumns, JobRunning, lease, now.Add(hold), now, found.TenantID, found.ID)
	})
	return j.inUTC(), err
}

// ClaimThisJob is ClaimJob for one job. ErrNotFound means that it is over, or that
// somebody works on it.
func (s *Store) ClaimThisJob(ctx context.Context, tenant, id, lease string, hold time.Duration) (Job, error) {
	var j Job
	now := s.now().UTC()
	err := s.write.GetContext(ctx, &j, `
UPDATE jobs SET state = $1, lease = $2, lease_until = $3, started_at = coalesce(started_at, $4)
 WHERE tenant_id = $5 AND id = $6 AND state IN ('queued', 'running') AND (lease_until IS NULL OR lease_until < $4)
RETURNING `+jobColumns, JobRunning, lease, now.Add(hold), now, tenant, id)
	return j.inUTC(), fault(err)
}

// Batch is the transaction of one step of a job: what the step changes, and how
// far the job is then, are written together or not at all.
type Batch struct {
	*Look
	Job Job // as it is now; the step moves Total, Done, Cursor and Result on

	finished bool
}

// Finish says that this was the last step.
func (b *Batch) Finish() { b.finished = true }

// SetResult keeps what has come of the job so far.
func (b *Batch) SetResult(result any) error {
	text, err := json.Marshal(result)
	if err != nil {
		return fmt.Errorf("store: result of a job: %w", err)
	}
	b.Job.Result = string(text)
	return nil
}

// AddPart keeps a piece of what the job makes.
func (b *Batch) AddPart(ctx context.Context, part int64, content []byte) error {
	return insertPart(ctx, b.tx, b.Job, part, content)
}

// Part returns a piece of what was given to the job, or ErrNotFound.
func (b *Batch) Part(ctx context.Context, part int64) ([]byte, error) {
	return partOf(ctx, b.tx, b.Job.TenantID, b.Job.ID, part)
}

// StepJob does one step of a job that is held under lease, and renews the
// lease. It returns ErrLeaseLost when the job is held so no more, and do's own
// error with nothing written. do may run again after a deadlock.
func (s *Store) StepJob(ctx context.Context, tenant, id, lease string, hold time.Duration, do func(b *Batch) error) (Job, error) {
	var after Job
	err := s.inTx(ctx, func(tx *sqlx.Tx) error {
		b := &Batch{Look: s.look(tx, tenant)}
		// The lock order everywhere: the job first, then what it works on.
		err := tx.GetContext(ctx, &b.Job, `SELECT `+jobColumns+`
  FROM jobs WHERE tenant_id = $1 AND id = $2 AND lease = $3 AND state = 'running'`+s.dialect.forUpdate(), tenant, id, lease)
		if errors.Is(fault(err), ErrNotFound) {
			return ErrLeaseLost
		} else if err != nil {
			return err
		}
		b.Job = b.Job.inUTC()
		if err := do(b); err != nil {
			return err
		}
		until := s.now().UTC().Add(hold)
		held, holder := &until, &lease
		if b.finished {
			now := s.now().UTC()
			b.Job.State, b.Job.FinishedAt, held, holder = JobDone, &now, nil, nil
		}
		if _, err := tx.ExecContext(ctx, `
UPDATE jobs
   SET state = $1, total = $2, done = $3, cursor = $4, result = $5, lease = $6, lease_until = $7, finished_at = $8,
       expires_at = $9
 WHERE tenant_id = $10 AND id = $11`, b.Job.State, b.Job.Total, b.Job.Done, b.Job.Cursor, b.Job.Result, holder, held,
			b.Job.FinishedAt, b.Job.ExpiresAt, tenant, id); err != nil {
			return err
		}
		after = b.Job
		return nil
	})
	return after, err
}

// FailJob ends a job that cannot go on, with a sentence for people. What its
// batches have written stays.
func (s *Store) FailJob(ctx context.Context, tenant, id, lease, message string) error {
	_, err := s.write.ExecContext(ctx, `
UPDATE jobs SET state = $1, error = $2, lease = NULL, lease_until = NULL, finished_at = $3
 WHERE tenant_id = $4 AND id = $5 AND lease = $6 AND state = 'running'`,
		JobFailed, message, s.now().UTC(), tenant, id, lease)
	return fault(err)
}

// ReleaseJob gives a job back, so that any instance can go on with it at once.
func (s *Store) ReleaseJob(ctx context.Context, tenant, id, lease string) error {
	_, err := s.write.ExecContext(ctx, `
UPDATE jobs SET lease = NULL, lease_until = NULL
 WHERE tenant_id = $1 AND id = $2 AND lease = $3 AND state = 'running'`, tenant, id, lease)
	return fault(err)
}

// JobPart returns a piece of what a job has made, or ErrNotFound after the
// last one and when it has expired.
func (s *Store) JobPart(ctx context.Context, tenant, id string, part int64) ([]byte, error) {
	content, err := partOf(ctx, s.read, tenant, id, part)
	return content, fault(err)
}

func partOf(ctx context.Context, q sqlx.QueryerContext, tenant, id string, part int64) ([]byte, error) {
	var content []byte
	err := sqlx.GetContext(ctx, q, &content,
		`SELECT content FROM job_parts WHERE tenant_id = $1 AND job_id = $2 AND part = $3`, tenant, id, part)
	return content, fault(err)
}

// ForgetJobParts deletes parts that have expired, of every tenant, at most limit,
// and returns how many.
func (s *Store) ForgetJobParts(ctx context.Context, limit int) (int, error) {
	return s.drop(ctx, oldRows{table: "job_parts", key: "job_id, part, tenant_id", since: "expires_at", at: true}, s.now().UTC(), limit)
}

// Record keeps an act that changes nothing in the store, such as the taking
// away of what a job has made.
func (s *Store) Record(ctx context.Context, tenant string, act Act) error {
	return s.inTx(ctx, func(tx *sqlx.Tx) error { return s.record(ctx, tx, tenant, act) })
}

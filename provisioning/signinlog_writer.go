package provisioning

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"usher/sql/store"
)

const (
	// signInPause is how late an entry may be written, so that many go
	// together.
	signInPause = 200 * time.Millisecond
	// maxSignInBatch bounds one transaction, and maxSignInQueue the entries
	// that wait while the database is slow or down. An embedded database has
	// one writer: sign-ins get their turn between small batches.
	maxSignInBatch         = 500
	maxSignInBatchEmbedded = 50
	maxSignInQueue         = 8192
	// signInRetry is between two tries while the database is down, and
	// signInFarewell how long the last entries may take when the server stops.
	signInRetry    = time.Second
	signInFarewell = 3 * time.Second
	// suppressedPause is between two rounds of rows that stand for many.
	suppressedPause = time.Second
)

// signInLog gathers entries at the door and writes them later. Nobody waits for
// it: under a flood of refusals, and while the database is down, attempts are
// counted instead of kept one by one.
type signInLog struct {
	store *store.Store
	now   func() time.Time
	log   *slog.Logger
	wake  chan struct{} // gets a value, if it has room, when there is something to write
	batch int           // entries that go together
	limit refusalLimit

	mu         sync.Mutex
	rows       []store.SignIn
	taken      int // of rows, from the front
	counts     map[countKey]store.SignInCount
	uses       map[useKey]time.Time // of keys by API calls, when they were counted last
	suppressed map[suppressedKey]suppressed
	lost       int64 // entries that were dropped since the database answered
	dropped    int64 // entries that were dropped since the start
	gone       []erasedUser
	rungs      []waitingRung
}

// erasedUser is somebody whose entries may still be on their way, in this
// process or another one.
type erasedUser struct {
	tenant, user string
	seen         int // how often the log was looked through
}

// countKey tells the rows of sign_in_counts apart.
type countKey struct {
	tenant, integration, key, reason string
	hour                             int64
}

// useKey names a key of an integration.
type useKey struct{ tenant, integration, key string }

// suppressedKey tells attempts apart that are kept together. Its parts are our
// own ids and codes, so there are not many.
type suppressedKey struct {
	tenant, integration, reason string
	dropped                     bool // because the database did not take them
}

type suppressed struct {
	count int64
	at    time.Time // of the last one
	door  string
}

func newSignInLog(st *store.Store, now func() time.Time, log *slog.Logger) *signInLog {
	batch := maxSignInBatch
	if st.Embedded() {
		batch = maxSignInBatchEmbedded
	}
	return &signInLog{
		batch: batch,
		store: st, now: now, log: log, wake: make(chan struct{}, 1), limit: newRefusalLimit(),
		counts: map[countKey]store.SignInCount{}, uses: map[useKey]time.Time{}, suppressed: map[suppressedKey]suppressed{},
	}
}

// admit counts an attempt and reports whether it is to be kept in detail. Those
// that let somebody in always are.
func (l *signInLog) admit(row *store.SignIn) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if row.Outcome != store.Reopened {
		l.count(row)
	}
	if row.Outcome != store.Refused || l.limit.take(row.TenantID, row.IntegrationID, row.At) {
		return true
	}
	l.suppress(row, false)
	return false
}

func (l *signInLog) count(row *store.SignIn) {
	key := countKey{row.TenantID, row.IntegrationID, row.KeyID, row.Reason, store.HourOf(row.At)}
	sum := l.sum(key)
	sum.Count++
	if row.Created {
		sum.NewUsers++
	}
	sum.LastAt = max(sum.LastAt, row.At.UnixMicro())
	l.counts[key] = sum
}

// sum is what has been counted under a key and is not written yet.
func (l *signInLog) sum(key countKey) store.SignInCount {
	sum, ok := l.counts[key]
	if !ok {
		sum = store.SignInCount{
			TenantID: key.tenant, Hour: key.hour, IntegrationID: key.integration, KeyID: key.key, Reason: key.reason,
		}
		if sum.IntegrationID == "" {
			sum.IntegrationID = store.NobodysID
		}
	}
	return sum
}

// usedPause is between two notes that API calls use a key.
const usedPause = time.Minute

// used notes that an API call was let in by a key: it is no sign-in, but
// whoever thinks of retiring the key must know.
func (l *signInLog) used(tenant, integration, key string) {
	now := l.now()
	l.mu.Lock()
	defer l.mu.Unlock()
	use := useKey{tenant, integration, key}
	if now.Sub(l.uses[use]) < usedPause {
		return
	}
	if len(l.uses) >= maxSignInQueue {
		clear(l.uses)
	}
	l.uses[use] = now
	row := countKey{tenant: tenant, integration: integration, key: key, hour: store.HourOf(now)}
	sum := l.sum(row)
	sum.LastAt = max(sum.LastAt, now.UnixMicro())
	l.counts[row] = sum
	l.nudge()
}

// suppress notes an attempt that is not kept in detail.
func (l *signInLog) suppress(row *store.SignIn, dropped bool) {
	key := suppressedKey{row.TenantID, row.IntegrationID, row.Reason, dropped}
	sum := l.suppressed[key]
	sum.count += row.Count
	sum.at, sum.door = row.At, row.Door
	l.suppressed[key] = sum
	l.nudge()
}

// put queues an entry that was admitted.
func (l *signInLog) put(row store.SignIn) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.queued() >= maxSignInQueue {
		l.drop(&row)
		return
	}
	l.rows = append(l.rows, row)
	l.nudge()
}

// queued is how many entries wait.
func (l *signInLog) queued() int { return len(l.rows) - l.taken }

// drop counts an entry that there was no room for, or that the database has
// turned down.
func (l *signInLog) drop(row *store.SignIn) {
	if l.lost == 0 {
		l.log.Warn("the sign-in log is not being written fast enough: entries are counted, but not kept")
	}
	l.lost += row.Count
	l.dropped += row.Count
	l.suppress(row, true)
}

func (l *signInLog) nudge() {
	select {
	case l.wake <- struct{}{}:
	default:
	}
}

// run writes what is gathered until ctx ends, and then what is left.
func (l *signInLog) run(ctx context.Context) {
	round := time.NewTimer(signInPause)
	defer round.Stop()
	var toldAt time.Time // when suppressed attempts were written last
	for {
		select {
		case <-ctx.Done():
			farewell, cancel := context.WithTimeout(context.WithoutCancel(ctx), signInFarewell)
			defer cancel()
			l.flush(farewell, true)
			l.writeRungs(farewell)
			if left := l.waiting(); left > 0 {
				l.log.Error("the server stops with sign-ins that are not in the log", slog.Int64("entries", left))
			}
			return
		case <-l.wake:
		}
		round.Reset(signInPause)
		select {
		case <-ctx.Done():
			continue
		case <-round.C:
		}
		all := l.now().Sub(toldAt) >= suppressedPause
		if all {
			toldAt = l.now()
		}
		l.flush(ctx, all)
	}
}

// waiting is how many attempts have not been written.
func (l *signInLog) waiting() int64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	n := int64(l.queued())
	for _, sum := range l.suppressed {
		n += sum.count
	}
	return n
}

// flush writes what is there, batch by batch. Suppressed attempts are left to
// gather unless all is set. What comes while it writes is left for the next round:
// else, under load, each batch would carry no more than came during the last one.
func (l *signInLog) flush(ctx context.Context, all bool) {
	for ctx.Err() == nil {
		batch := l.take(all)
		if len(batch.rows)+len(batch.counts) == 0 {
			return
		}
		l.write(ctx, batch)
		if len(batch.rows) < l.batch {
			return
		}
		all = false
	}
}

// signInBatch is what one transaction writes.
type signInBatch struct {
	rows   []store.SignIn
	counts []store.SignInCount
}

// take removes a batch from what has gathered. Counts go with rows only: the
// rows' ids tell whether a batch whose answer was lost is in the database. Those
// that only say when a key was used can be written twice.
func (l *signInLog) take(all bool) signInBatch {
	l.mu.Lock()
	defer l.mu.Unlock()
	var batch signInBatch
	if all {
		for key, sum := range l.suppressed {
			batch.rows = append(batch.rows, key.row(sum))
		}
		clear(l.suppressed)
	}
	taken := l.rows[l.taken:min(len(l.rows), l.taken+l.batch)]
	batch.rows = append(batch.rows, taken...)
	clear(taken) // the texts can go
	l.taken += len(taken)
	if l.taken > len(l.rows)/2 {
		left := copy(l.rows, l.rows[l.taken:])
		clear(l.rows[left:])
		l.rows, l.taken = l.rows[:left], 0
	}
	if len(l.suppressed) > 0 || l.queued() > 0 {
		l.nudge()
	}
	for key, sum := range l.counts {
		if len(batch.rows) > 0 || sum.Count == 0 {
			batch.counts = append(batch.counts, sum)
			delete(l.counts, key)
		}
	}
	return batch
}

// tooSlowToKeep is the detail of a row for attempts that found the queue full.
const tooSlowToKeep = "the database was too slow or down, so these were counted and not kept one by one"

// row stands for many attempts.
func (k suppressedKey) row(sum suppressed) store.SignIn {
	row := store.SignIn{
		TenantID: k.tenant, IntegrationID: k.integration, Reason: k.reason, At: sum.at, Door: sum.door,
		Outcome: store.Suppressed, Count: sum.count,
		Detail: "more refusals than are kept one by one",
	}
	if k.dropped {
		row.Detail = tooSlowToKeep
	}
	return row
}

// write gets a batch into the database, however long that is down, or until ctx
// ends: then it goes back.
func (l *signInLog) write(ctx context.Context, batch signInBatch) {
	for i := range batch.rows {
		if batch.rows[i].ID != "" {
			continue // it was on its way already
		}
		if err := complete(&batch.rows[i]); err != nil {
			l.giveUp(batch, err)
			return
		}
	}
	for {
		err := l.store.LogSignIns(ctx, batch.rows, batch.counts)
		switch {
		case err == nil, errors.Is(err, store.ErrTaken): // the answer to an earlier try was lost
			l.answered()
			return
		case !Unavailable(err):
			l.giveUp(batch, err)
			return
		}
		select {
		case <-ctx.Done():
			l.putBack(batch)
			return
		case <-time.After(signInRetry):
		}
	}
}

// answered tells, once, how many entries were dropped before the database took
// one again.
func (l *signInLog) answered() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.lost > 0 {
		l.log.Warn("the sign-in log is being written again", slog.Int64("counted_only", l.lost))
		l.lost = 0
	}
}

// giveUp leaves a batch that the database will never take to its counts.
func (l *signInLog) giveUp(batch signInBatch, err error) {
	l.log.Error("entries of the sign-in log cannot be written", slog.Int("entries", len(batch.rows)), slog.Any("error", err))
	l.mu.Lock()
	defer l.mu.Unlock()
	for i := range batch.rows {
		l.drop(&batch.rows[i])
	}
	if len(batch.rows) > 0 { // else they would come back at once
		l.addCounts(batch.counts)
	}
}

// putBack returns a batch for the last try.
func (l *signInLog) putBack(batch signInBatch) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.rows, l.taken = append(batch.rows, l.rows[l.taken:]...), 0
	l.addCounts(batch.counts)
}

func (l *signInLog) addCounts(counts []store.SignInCount) {
	for _, sum := range counts {
		key := countKey{sum.TenantID, sum.IntegrationID, sum.KeyID, sum.Reason, sum.Hour}
		if sum.IntegrationID == store.NobodysID {
			key.integration = ""
		}
		now := l.counts[key]
		sum.Count += now.Count
		sum.NewUsers += now.NewUsers
		sum.LastAt = max(sum.LastAt, now.LastAt)
		l.counts[key] = sum
	}
}

// erased notes that a user was erased.
func (l *signInLog) erased(tenant, user string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.gone = append(l.gone, erasedUser{tenant: tenant, user: user})
}

// blankRounds is how often the entries of an erased user are looked for, and
// blankPause what lies between: more than any instance takes to write them.
const (
	blankRounds = 2
	blankPause  = 5 * time.Second
)

// blank goes through the users that were erased lately.
func (l *signInLog) blank(ctx context.Context) {
	l.mu.Lock()
	gone := l.gone
	l.gone = nil
	l.mu.Unlock()
	for _, user := range gone {
		if err := l.store.BlankSignIns(ctx, user.tenant, user.user); err == nil {
			user.seen++
		}
		if user.seen < blankRounds {
			l.mu.Lock()
			l.gone = append(l.gone, user)
			l.mu.Unlock()
		}
	}
}

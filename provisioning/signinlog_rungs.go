package provisioning

import (
	"context"
	"slices"
	"time"

	"usher/sql/store"
)

// rungs are the ways in which a frame can hold its session, the best first.
var rungs = []string{"cookie", "bearer", "storage-access", "none"}

// NoteRung adds to the entry of a presented token, by its reference and user,
// how the frame holds its session. It neither waits nor fails, as LogSignIn,
// and reports whether the rung is one.
func (s *Service) NoteRung(tenant store.Tenant, reference, user, rung string) bool {
	if !slices.Contains(rungs, rung) {
		return false
	}
	if reference != "" && len(reference) <= maxKeptText && isStorable(reference) && store.IsID(user) {
		s.signIns.noteRung(store.Rung{TenantID: tenant.ID, Reference: reference, UserID: user, Rung: rung})
	}
	return true
}

const (
	// rungPause is between two rounds in which rungs are written, and rungRounds
	// how often an entry is looked for: this instance writes it in less than two
	// rounds, and so does another one.
	rungPause  = time.Second
	rungRounds = 5
	// maxRungs bounds those that wait; more are dropped, for they only explain.
	maxRungs = 8192
)

// waitingRung is a rung whose entry may not be in the database yet.
type waitingRung struct {
	store.Rung
	rounds int // in which it was looked for
}

func (l *signInLog) noteRung(r store.Rung) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.rungs) < maxRungs {
		l.rungs = append(l.rungs, waitingRung{Rung: r})
	}
}

// writeRungs goes once through the rungs that wait.
func (l *signInLog) writeRungs(ctx context.Context) {
	l.mu.Lock()
	waiting := l.rungs
	l.rungs = nil
	l.mu.Unlock()
	for part := range slices.Chunk(waiting, l.batch) {
		batch := make([]store.Rung, len(part))
		for i, r := range part {
			batch[i] = r.Rung
		}
		missing, err := l.store.NoteRungs(ctx, batch)
		if err != nil && !Unavailable(err) {
			continue // it would be turned down for ever
		}
		for _, r := range part {
			if err == nil {
				r.rounds++
			}
			if err != nil || r.rounds < rungRounds && slices.Contains(missing, r.Rung) {
				l.mu.Lock()
				l.rungs = append(l.rungs, r)
				l.mu.Unlock()
			}
		}
	}
}

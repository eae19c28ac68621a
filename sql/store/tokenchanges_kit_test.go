package store

import (
	"testing"
	"time"
)

// AgedPosition is a position as if it had been read earlier.
func AgedPosition(p TokenPosition, by time.Duration) TokenPosition {
	p.seconds -= int64(by / time.Second)
	return p
}

// ChangesBackend is the process that serves the connection on which token changes
// are read.
func (s *Store) ChangesBackend(t *testing.T) (pid int) {
	t.Helper()
	if err := s.changes.conn.GetContext(t.Context(), &pid, `SELECT pg_backend_pid()`); err != nil {
		t.Fatal(err)
	}
	return pid
}

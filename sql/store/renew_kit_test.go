package store

import "testing"

// Fence has the connections that are open refuse to write, as those to a server do
// that another one has taken over from. Each pool must have room for one alone.
func (s *Store) Fence(t *testing.T) {
	t.Helper()
	const fence = `SET default_transaction_read_only = on`
	for _, p := range []*pool{s.write, s.fast} {
		if _, err := p.ExecContext(t.Context(), fence); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := s.changes.conn.ExecContext(t.Context(), fence); err != nil {
		t.Fatal(err)
	}
}

// Links is how many connections are open.
func (s *Store) Links() int {
	s.links.mu.Lock()
	defer s.links.mu.Unlock()
	return len(s.links.open)
}

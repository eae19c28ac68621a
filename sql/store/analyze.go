package store

import (
	"context"

	"github.com/lib/pq"
)

// AnalyzeGrown refreshes PostgreSQL's statistics of tables that have grown by
// half since they were taken. Prepared statements keep the plans made for empty
// tables until then, and the server's own housekeeping looks once a minute: the
// first minute of a new installation would be its slowest. SQLite, whose plans
// do not depend on sizes here, has nothing to do.
func (s *Store) AnalyzeGrown(ctx context.Context) error {
	if s.dialect == sqlite {
		return nil
	}
	const least = 500 // rows
	var tables []string
	err := s.write.SelectContext(ctx, &tables, `
SELECT relname FROM pg_stat_user_tables
 WHERE schemaname = current_schema() AND n_mod_since_analyze > $1
   AND n_mod_since_analyze > (n_live_tup - n_mod_since_analyze) / 2
   AND relname IN ('users', 'identities', 'group_members', 'grants', 'used_tokens', 'journal', 'kv_sessions')`, least)
	if err != nil {
		return fault(err)
	}
	for _, table := range tables {
		if _, err := s.write.ExecContext(ctx, "ANALYZE "+pq.QuoteIdentifier(table)); err != nil {
			return fault(err)
		}
	}
	return nil
}

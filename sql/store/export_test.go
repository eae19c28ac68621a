package store

import (
	"context"
	"fmt"
	"strings"
)

// RecallTogether asks several questions by one statement, and says for each
// whether somebody was changing the identity. All of them are found by a
// subject, or all by an e-mail.
func (s *Store) RecallTogether(ctx context.Context, qs []Recollection) (answers []Recalled, held []bool, err error) {
	column, _ := qs[0].person()
	all, err := s.recallAll(ctx, recallTogether(column, s.lazily), qs)
	for _, one := range all {
		answers, held = append(answers, one.Recalled), append(held, one.held)
	}
	return answers, held, err
}

// RecallAlone asks one question by the statement of those who leave alone.
func (s *Store) RecallAlone(ctx context.Context, q Recollection) (answer Recalled, held bool, err error) {
	column, _ := q.person()
	one, err := s.recallOne(ctx, recallAlone(column, true, s.lazily), q)
	return one.Recalled, one.held, err
}

// RecallPlan is the plan that PostgreSQL makes for questions that travel
// together: for these very ones, or the general one of a prepared statement.
func (s *Store) RecallPlan(ctx context.Context, general bool, qs []Recollection) (string, error) {
	column, _ := qs[0].person()
	conn, err := s.fast.Connx(ctx)
	if err != nil {
		return "", err
	}
	defer func() { _ = conn.Close() }()
	mode := "force_custom_plan"
	if general {
		mode = "force_generic_plan"
	}
	var arguments []string
	for _, argument := range recallArrays(qs) {
		arguments = append(arguments, "'"+strings.ReplaceAll(fmt.Sprint(argument), "'", "''")+"'")
	}
	for _, statement := range []string{"SET plan_cache_mode = " + mode, "PREPARE looked_at AS " + recallTogether(column, false)} {
		if _, err := conn.ExecContext(ctx, statement); err != nil {
			return "", err
		}
	}
	var steps []string
	err = conn.SelectContext(ctx, &steps, "EXPLAIN EXECUTE looked_at ("+strings.Join(arguments, ", ")+")")
	if err == nil {
		_, err = conn.ExecContext(ctx, "DEALLOCATE looked_at")
	}
	return strings.Join(steps, "\n"), err
}

package store_test

import (
	"fmt"
	"regexp"
	"runtime"
	"slices"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"usher/sql/store"
	"usher/sql/store/storetest"
	"usher/testenv"
)

// postgresScene is a scene on PostgreSQL, the one database where sign-ins share
// statements; nil without a server.
func postgresScene(t testing.TB) *scene {
	t.Helper()
	if !testenv.HasPostgres() {
		return nil
	}
	return newScene(t, storetest.New(t, testenv.Postgres))
}

// usedTokens lists the rows in a fixed order.
func (sc *scene) usedTokens(t testing.TB) []string {
	t.Helper()
	return sc.db.Rows(t, `
SELECT tenant_id, integration_id, encode(token_key, 'hex'), identity_id, issued_at, attempt, not_after, expires_at
  FROM used_tokens ORDER BY token_key, integration_id, tenant_id`)
}

// TestRecallTogether asks questions of every kind by one statement, and one after
// the other by their own: answers and used tokens are the same. A second tenant
// has the same rows.
func TestRecallTogether(t *testing.T) {
	t.Parallel()
	sc := postgresScene(t)
	if sc == nil {
		return
	}
	odd := []string{`a,b`, `"quoted"`, `back\slash`, `{brace}`, `NULL`, ``, ` blank `, `zażółć 🙂`, "line\nbreak", `'); DROP TABLE users; --`}
	sc.people(t, 20)
	other := newID(t)
	sc.db.Mirror(t, sc.tenant.ID, other)
	for i, name := range odd[:len(odd)-1] {
		if name != "" {
			sc.db.Exec(t, `UPDATE identities SET subject = $1, email_key = $1 WHERE subject = $2`, name, fmt.Sprint("person-", i))
		}
	}
	sc.db.Exec(t, `UPDATE users SET status = 'disabled', session_epoch = 3
 WHERE tenant_id = $1 AND id = (SELECT user_id FROM identities WHERE tenant_id = $1 AND subject = 'person-15')`, sc.tenant.ID)
	for _, by := range []string{"subject", "e-mail"} {
		ask := func(name, tokenName string, change func(q *store.Recollection)) store.Recollection {
			q := sc.question(t, name, by+tokenName)
			if by == "e-mail" {
				q.Subject = ""
			}
			if change != nil {
				change(&q)
			}
			return q
		}
		end := int64(900)
		questions := []store.Recollection{
			ask("person-14", "known", func(q *store.Recollection) { q.Token.NotAfter, q.Token.ExpiresAt = &end, &end }),
			ask("person-14", "the same person again", func(q *store.Recollection) { q.Token.IssuedAt = nil }),
			ask("person-15", "disabled", nil),
			ask("person-16", "other fingerprint", func(q *store.Recollection) { q.Fingerprint = fingerprint("other") }),
			ask("person-16", "no fingerprint", func(q *store.Recollection) { q.Fingerprint = nil }),
			ask("person-16", "other revision", func(q *store.Recollection) { q.Revision = 7 }),
			ask("nobody", "unknown", nil),
			ask("person-17", "first", func(q *store.Recollection) { q.Token.Key = sc.first.Token.Key }),
			ask("person-18", "other tenant", func(q *store.Recollection) { q.TenantID = other }),
			ask("person-18", "this tenant", nil),
		}
		for i, name := range odd {
			questions = append(questions, ask(name, fmt.Sprint("odd ", i), func(q *store.Recollection) { q.EmailKey = name }))
		}
		before := sc.usedTokens(t)
		var want []store.Recalled
		for i, q := range questions {
			answer, held, err := sc.s.RecallAlone(t.Context(), q)
			if err != nil || held {
				t.Fatalf("%s: question %d alone: got held %v, error %v", by, i, held, err)
			}
			want = append(want, answer)
		}
		wantTokens := sc.usedTokens(t)
		if len(wantTokens) < len(before)+12 {
			t.Fatalf("%s: got %d used tokens, want most of the questions to use theirs", by, len(wantTokens)-len(before))
		}
		sc.db.Exec(t, `DELETE FROM used_tokens WHERE token_key <> $1`, []byte(sc.first.Token.Key))
		got, held, err := sc.s.RecallTogether(t.Context(), questions)
		if err != nil || slices.Contains(held, true) {
			t.Fatalf("%s: together: got held %v, error %v", by, held, err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: other answers than alone (-want +got):\n%s", by, diff)
		}
		if diff := cmp.Diff(wantTokens, sc.usedTokens(t)); diff != "" {
			t.Errorf("%s: other used tokens than alone (-want +got):\n%s", by, diff)
		}
		sc.db.Exec(t, `DELETE FROM used_tokens WHERE token_key <> $1`, []byte(sc.first.Token.Key))
	}
}

// TestRecallTwins: of two sign-ins that use one token in the same statement, one
// is the first, also when another is written beside it.
func TestRecallTwins(t *testing.T) {
	t.Parallel()
	sc := postgresScene(t)
	if sc == nil {
		return
	}
	sc.people(t, 3)
	used := func(got []store.Recalled) (n int) {
		for _, one := range got {
			if one.Spent {
				n++
			}
		}
		return n
	}
	for round := range 20 {
		name := fmt.Sprint("token ", round)
		qs := []store.Recollection{
			sc.question(t, "person-0", name), sc.question(t, "person-1", name), sc.question(t, "person-1", name+" other"),
			sc.question(t, "person-0", name),
		}
		var got [3][]store.Recalled
		var all sync.WaitGroup
		for i := range got {
			all.Go(func() {
				mine := slices.Clone(qs)
				for n := range mine {
					mine[n].Token.Attempt = newID(t)
				}
				var err error
				if got[i], _, err = sc.s.RecallTogether(t.Context(), mine); err != nil {
					t.Error(err)
				}
			})
		}
		all.Wait()
		if n := used(slices.Concat(got[:]...)); n != 2 {
			t.Errorf("got %d first uses of two tokens: %+v", n, got)
		}
	}
}

// TestRecallHeld: who is being changed is passed over, and nobody else waits. By
// Recall the person waits for the end of the change.
func TestRecallHeld(t *testing.T) {
	t.Parallel()
	sc := postgresScene(t)
	if sc == nil {
		return
	}
	sc.people(t, 3)
	tx := sc.db.Begin(t)
	tx.Exec(t, `SELECT 1 FROM identities WHERE subject = 'person-1' FOR UPDATE`)
	got, held, err := sc.s.RecallTogether(t.Context(), []store.Recollection{
		sc.question(t, "person-0", "a"), sc.question(t, "person-1", "b"), sc.question(t, "person-2", "c"),
	})
	if err != nil || !slices.Equal(held, []bool{false, true, false}) || !got[0].Spent || got[1].Spent || !got[2].Spent {
		t.Errorf("got %+v, held %v, error %v, want the second held and the others' tokens spent", got, held, err)
	}
	if got, held, err := sc.s.RecallAlone(t.Context(), sc.question(t, "person-1", "d")); err != nil || !held || got.Known {
		t.Errorf("alone: got %+v, held %v, error %v, want it held", got, held, err)
	}
	for _, opts := range []store.Options{{}, {Together: true}} {
		s := sc.db.OpenAt(t, sc.db.Address(), now, opts)
		answered := make(chan store.Recalled)
		go func() {
			got, err := s.Recall(t.Context(), sc.question(t, "person-1", fmt.Sprint("e", opts.Together)))
			if err != nil {
				t.Errorf("Recall: %v", err)
			}
			answered <- got
		}()
		for len(sc.db.Rows(t, `
SELECT 1 FROM pg_locks AS l
 WHERE NOT l.granted AND l.pid IN (SELECT pid FROM pg_locks WHERE relation = 'identities'::regclass)`)) == 0 {
			runtime.Gosched() // until it waits for the lock
		}
		// Others do not wait meanwhile.
		if got, err := s.Recall(t.Context(), sc.question(t, "person-2", fmt.Sprint("f", opts.Together))); err != nil || !got.Spent {
			t.Errorf("another person: got %+v, error %v, want the token spent", got, err)
		}
		tx.Exec(t, `UPDATE identities SET fingerprint = '\x00' WHERE subject = 'person-1'`)
		tx.Commit(t)
		if got := <-answered; got.Known || got.Spent || !got.Current {
			t.Errorf("got %+v, want the change seen", got)
		}
		sc.db.Exec(t, `UPDATE identities SET fingerprint = $1 WHERE subject = 'person-1'`, fingerprint("first"))
		tx = sc.db.Begin(t)
		tx.Exec(t, `SELECT 1 FROM identities WHERE subject = 'person-1' FOR UPDATE`)
	}
	tx.Rollback(t)
}

// TestRecallOddValue: a value that PostgreSQL refuses fails for whoever asks, and
// for nobody who travels with it.
func TestRecallOddValue(t *testing.T) {
	t.Parallel()
	sc := postgresScene(t)
	if sc == nil {
		return
	}
	const people, each = 16, 25
	sc.people(t, people)
	s := sc.db.OpenAt(t, sc.db.Address(), now, store.Options{Together: true})
	var all sync.WaitGroup
	for i := range people {
		all.Go(func() {
			for n := range each {
				q := sc.question(t, fmt.Sprint("person-", i), fmt.Sprint(i, " ", n))
				if i == 0 {
					q.Subject += "\x00"
				}
				if got, err := s.Recall(t.Context(), q); got.Spent != (err == nil) || (err == nil) != (i != 0) {
					t.Errorf("person %d: got %+v, error %v, want an error for person 0 alone", i, got, err)
				}
			}
		})
	}
	all.Wait()
	if got, want := len(sc.usedTokens(t)), 1+(people-1)*each; got != want {
		t.Errorf("got %d used tokens, want %d", got, want)
	}
}

// TestRecallAgain: what was written although its answer was lost is no second
// use, unless somebody else used the token.
func TestRecallAgain(t *testing.T) {
	t.Parallel()
	sc := postgresScene(t)
	if sc == nil {
		return
	}
	q := sc.question(t, "anna-1", "lost")
	if _, _, err := sc.s.RecallTogether(t.Context(), []store.Recollection{q}); err != nil {
		t.Fatal(err)
	}
	if got, err := sc.s.Recall(t.Context(), q); err != nil || !got.Spent {
		t.Errorf("got %+v, error %v, want it spent", got, err)
	}
	q.Token.Attempt = newID(t)
	if got, err := sc.s.Recall(t.Context(), q); err != nil || got.Spent || !got.Known {
		t.Errorf("another attempt: got %+v, error %v, want a second use", got, err)
	}
	q.TenantID = newID(t)
	_, err := sc.s.Recall(t.Context(), q)
	wantError(t, "another tenant", err, store.ErrNotFound)
}

// TestRecallPlan: questions that travel together find their rows by keys, few
// questions or many, before the tables are analyzed and after.
func TestRecallPlan(t *testing.T) {
	t.Parallel()
	sc := postgresScene(t)
	if sc == nil {
		return
	}
	look := func(state string) {
		for _, count := range []int{1, 64} {
			var bySubject, byEmail []store.Recollection
			for i := range count {
				q := sc.question(t, fmt.Sprint("person-", i), fmt.Sprint(i))
				bySubject = append(bySubject, q)
				q.Subject = ""
				byEmail = append(byEmail, q)
			}
			for _, qs := range [][]store.Recollection{bySubject, byEmail} {
				for _, general := range []bool{false, true} {
					plan, err := sc.s.RecallPlan(t.Context(), general, qs)
					if err != nil {
						t.Fatal(err)
					}
					column := "subject"
					if qs[0].Subject == "" {
						column = "email_key"
					}
					for _, want := range []string{
						`Index Cond: \(\(` + column + ` = q\.person\) AND \(integration_id = q\.integration_id\) AND \(tenant_id = q\.tenant_id\)\)`,
						`Index Cond: \(.*\(?id = i_1\.user_id\)`,
					} {
						if !regexp.MustCompile(want).MatchString(plan) || regexp.MustCompile(`(Seq|Heap) Scan on (identities|users)`).MatchString(plan) {
							t.Errorf("%s, %d questions: got the plan\n%s\nwant %s, and no table read", state, count, plan, want)
						}
					}
				}
			}
		}
	}
	sc.people(t, 10_000)
	look("grown")
	sc.db.Exec(t, `ANALYZE`)
	look("analyzed")
}

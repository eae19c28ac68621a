package sessions_test

import (
	"context"
	"errors"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"usher/sessions"
	"usher/sessions/kv"
	"usher/sessions/kv/kvtest"
	"usher/sql/store"
	"usher/testenv"
)

// clock is moved by tests only.
type clock struct{ passed atomic.Int64 }

var start = time.Date(2026, 11, 22, 10, 0, 0, 0, time.UTC)

func (c *clock) now() time.Time          { return start.Add(time.Duration(c.passed.Load())) }
func (c *clock) advance(d time.Duration) { c.passed.Add(int64(d)) }

// truth is what the database says about generations.
type truth struct {
	mu     sync.Mutex
	number int64
	err    error
	asked  int
}

func (g *truth) Generation(context.Context, string, string) (int64, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.asked++
	return g.number, g.err
}

// spy passes calls on, keeps what was put, and fails on request.
type spy struct {
	kv.Store
	mu         sync.Mutex
	stored     [][]byte
	failPuts   int
	putErr     error
	replaceErr error
	replaces   int
	value      func(kv.Key) []byte // instead of the store's, when set
}

var errDown = errors.New("the store is down")

func (s *spy) Put(ctx context.Context, tenant, user string, key kv.Key, value []byte, ttl time.Duration,
	integration string, replaces kv.Key,
) ([]byte, int64, int64, error) {
	s.mu.Lock()
	s.stored = append(s.stored, append(key[:], value...))
	fail := s.failPuts > 0
	s.failPuts--
	s.mu.Unlock()
	replaced, epoch, generation, err := s.Store.Put(ctx, tenant, user, key, value, ttl, integration, replaces)
	if fail {
		return nil, 0, 0, s.putErr // the answer was lost
	}
	return replaced, epoch, generation, err
}

func (s *spy) Get(ctx context.Context, tenant string, key kv.Key) ([]byte, map[string]int64, error) {
	if s.value != nil {
		return s.value(key), nil, nil
	}
	return s.Store.Get(ctx, tenant, key)
}

func (s *spy) Replace(ctx context.Context, tenant, user string, key kv.Key, value []byte, ttl time.Duration) (bool, error) {
	s.replaces++
	if s.replaceErr != nil {
		return false, s.replaceErr
	}
	return s.Store.Replace(ctx, tenant, user, key, value, ttl)
}

// bench is Sessions on the embedded store, whose own clock stands still: only
// the clock of Sessions ends anything.
type bench struct {
	*sessions.Sessions
	t     *testing.T
	store *spy
	clock *clock
	truth *truth
	in    sessions.Issue
}

func newBench(t *testing.T) *bench {
	t.Helper()
	b := &bench{t: t, store: &spy{Store: openEmbedded(t), putErr: errDown}, clock: &clock{}, truth: &truth{number: 4}}
	b.Sessions = sessions.New(b.store, b.truth, b.clock.now)
	b.in = newIssue()
	return b
}

func newIssue() sessions.Issue {
	return sessions.Issue{
		Tenant: uuid.NewString(), User: uuid.NewString(), Integration: uuid.NewString(),
		Generation: 4, Epoch: 2, KeyID: "k1", Spent: strings.Repeat("ab", 32),
		Idle: 8 * time.Hour, Absolute: 30 * 24 * time.Hour,
		UserAgent: "curl/8", RemoteIP: "192.0.2.7",
	}
}

func openEmbedded(t *testing.T) kv.Store {
	t.Helper()
	db, err := store.OpenSQLite(filepath.Join(t.TempDir(), "usher.db"), func() time.Time { return start })
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
	})
	if _, err := db.Migrate(t.Context()); err != nil {
		t.Fatal(err)
	}
	return db.SessionKV()
}

func (b *bench) issue() (string, sessions.Session) {
	b.t.Helper()
	cookie, session, _, err := b.Issue(b.t.Context(), b.in)
	if err != nil {
		b.t.Fatalf("Issue: %v", err)
	}
	return cookie, session
}

func (b *bench) wantLive(what, cookie string) sessions.Session {
	b.t.Helper()
	session, err := b.Check(b.t.Context(), b.in.Tenant, cookie)
	if err != nil {
		b.t.Errorf("%s: got %v, want a session", what, err)
	}
	return session
}

func (b *bench) wantNone(what, cookie string) {
	b.t.Helper()
	if session, err := b.Check(b.t.Context(), b.in.Tenant, cookie); !errors.Is(err, sessions.ErrNone) || !cmp.Equal(session, sessions.Session{}) {
		b.t.Errorf("%s: got %v, %v; want ErrNone", what, session.ID, err)
	}
}

func TestIssueAndCheck(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	cookie, session, previous, err := b.Issue(t.Context(), b.in)
	if err != nil || previous != nil {
		t.Fatalf("Issue: got previous %v, %v; want neither", previous, err)
	}
	want := sessions.Session{
		ID: session.ID, Tenant: b.in.Tenant, User: b.in.User, Integration: b.in.Integration,
		Generation: 4, Epoch: 2, KeyID: "k1", Spent: b.in.Spent,
		Created: start, LastSeen: start, Idle: 8 * time.Hour, Expires: start.Add(30 * 24 * time.Hour),
		UserAgent: "curl/8", Network: "192.0.2.0/24",
	}
	if diff := cmp.Diff(want, session); diff != "" {
		t.Errorf("Issue: got another session than wanted (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(want, b.wantLive("Check", cookie)); diff != "" {
		t.Errorf("Check: got another session than wanted (-want +got):\n%s", diff)
	}
	if len(cookie) != 43 || len(session.ID) != 64 {
		t.Errorf("got a cookie of %d characters and an id of %d, want 43 and 64", len(cookie), len(session.ID))
	}
	if size := len(sessions.NewCookie(cookie).String()); size > 4096 {
		t.Errorf("got a cookie header of %d bytes, want at most 4096", size)
	}
	for _, stored := range b.store.stored {
		if strings.Contains(string(stored), cookie) {
			t.Error("got the cookie in the store, want its hash only")
		}
	}
}

// TestCookiesThatAreNone also holds T03: a cookie of one tenant opens nothing
// at another.
func TestCookiesThatAreNone(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	cookie, session := b.issue()
	for _, bad := range []string{
		"", cookie[1:], cookie[:42], cookie + "A", cookie + "=", strings.ToLower(cookie), " " + cookie,
		session.ID, session.ID[:43], strings.Repeat("A", 43), strings.Repeat("A", 1<<20),
	} {
		b.wantNone(bad[:min(len(bad), 80)], bad)
	}
	if _, err := b.Check(t.Context(), uuid.NewString(), cookie); !errors.Is(err, sessions.ErrNone) {
		t.Errorf("Check at another tenant: got %v, want ErrNone", err)
	}
	b.wantLive("the cookie itself", cookie)
}

func TestEverySignInHasANewCookie(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	first, firstSession := b.issue()
	b.in.Replaces = first
	second, secondSession, previous, err := b.Issue(t.Context(), b.in)
	if err != nil || previous == nil || !cmp.Equal(*previous, firstSession) {
		t.Fatalf("Issue: got previous %v, %v; want the first session", previous, err)
	}
	if first == second || firstSession.ID == secondSession.ID {
		t.Error("got the same cookie or id again, want new ones")
	}
	b.wantNone("the first cookie", first)
	b.wantLive("the second cookie", second)

	// A cookie that a request brought is never taken over.
	planted := strings.Repeat("A", 43)
	b.in.Replaces = planted
	third, _, previous, err := b.Issue(t.Context(), b.in)
	if err != nil || previous != nil || third == planted {
		t.Errorf("Issue over a planted cookie: got cookie %q, previous %v, %v; want a new one", third, previous, err)
	}
	b.wantNone("the planted cookie", planted)

	// Another person in the same browser.
	before := b.in.User
	b.in.User, b.in.Replaces = uuid.NewString(), second
	_, _, previous, err = b.Issue(t.Context(), b.in)
	if err != nil || previous == nil || previous.User != before {
		t.Errorf("Issue for another person: got previous %v, %v; want the session of %s", previous, err, before)
	}
	b.wantNone("the former person's cookie", second)

	// Another tenant's cookie is not ours to end.
	b.wantLive("the third cookie", third)
	foreign := b.in
	foreign.Tenant, foreign.Replaces = uuid.NewString(), third
	if _, _, previous, err := b.Issue(t.Context(), foreign); err != nil || previous != nil {
		t.Errorf("Issue at another tenant: got previous %v, %v; want neither", previous, err)
	}
	b.wantLive("the third cookie after a sign-in at another tenant", third)
}

func TestIssueRefusesLives(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	for _, lives := range [][2]time.Duration{{0, time.Hour}, {time.Hour, 0}, {-1, time.Hour}, {time.Hour, -1}, {1, time.Hour}} {
		b.in.Idle, b.in.Absolute = lives[0], lives[1]
		if _, _, _, err := b.Issue(t.Context(), b.in); err == nil {
			t.Errorf("Issue with lives %v: got no error, want one", lives)
		}
	}
	b.in.Idle, b.in.Absolute = 400*24*time.Hour, 365*24*time.Hour
	_, session := b.issue()
	if session.Idle != kv.MaxLife || session.Expires != start.Add(kv.MaxLife) {
		t.Errorf("got idle life %v and end %v, want both cut to %v", session.Idle, session.Expires, kv.MaxLife)
	}
}

// TestEndsByTheClock: the store still has the value, so it is our clock that
// ends the session (C04).
func TestEndsByTheClock(t *testing.T) {
	t.Parallel()
	t.Run("idle", func(t *testing.T) {
		t.Parallel()
		b := newBench(t)
		cookie, _ := b.issue()
		b.clock.advance(8*time.Hour - time.Second)
		b.wantLive("a second before", cookie)
		b.clock.advance(8*time.Hour - time.Second)
		b.wantLive("a second before, again", cookie)
		b.clock.advance(8 * time.Hour)
		b.wantNone("at the end", cookie)
		if list, err := b.List(t.Context(), b.in.Tenant, b.in.User); err != nil || len(list) != 0 {
			t.Errorf("List: got %v, %v; want nothing", list, err)
		}
	})
	t.Run("absolute", func(t *testing.T) {
		t.Parallel()
		b := newBench(t)
		b.in.Absolute = 24 * time.Hour
		cookie, _ := b.issue()
		for range 23 {
			b.clock.advance(time.Hour)
			b.wantLive("in use", cookie)
		}
		b.clock.advance(time.Hour - time.Millisecond)
		b.wantLive("a millisecond before", cookie)
		b.clock.advance(time.Millisecond)
		b.wantNone("at the end", cookie)
	})
	t.Run("not replaced by an ended one", func(t *testing.T) {
		t.Parallel()
		b := newBench(t)
		b.in.Replaces, _ = b.issue()
		b.clock.advance(8 * time.Hour)
		if _, _, previous, err := b.Issue(t.Context(), b.in); err != nil || previous != nil {
			t.Errorf("Issue: got previous %v, %v; want neither", previous, err)
		}
	})
}

func TestLastSeen(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name        string
		idle, after time.Duration
	}{
		{"long idle life", 8 * time.Hour, 5 * time.Minute},
		{"short idle life", 4 * time.Minute, time.Minute},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t)
			b.in.Idle = test.idle
			cookie, _ := b.issue()
			b.clock.advance(test.after - time.Millisecond)
			if got := b.wantLive("before", cookie); got.LastSeen != start || b.store.replaces != 0 {
				t.Errorf("before: got last seen %v and %d writes, want %v and none", got.LastSeen, b.store.replaces, start)
			}
			b.clock.advance(time.Millisecond)
			for range 3 {
				if got := b.wantLive("after", cookie); got.LastSeen != start.Add(test.after) || b.store.replaces != 1 {
					t.Errorf("after: got last seen %v and %d writes, want %v and one", got.LastSeen, b.store.replaces, start.Add(test.after))
				}
			}
		})
	}
	t.Run("a store that can only be read ends nothing", func(t *testing.T) {
		t.Parallel()
		b := newBench(t)
		cookie, _ := b.issue()
		b.clock.advance(time.Hour)
		b.store.replaceErr = errDown
		if got := b.wantLive("while full", cookie); got.LastSeen != start {
			t.Errorf("got last seen %v, want %v", got.LastSeen, start)
		}
		b.store.replaceErr = nil
		if got := b.wantLive("after", cookie); got.LastSeen != start.Add(time.Hour) {
			t.Errorf("got last seen %v, want %v", got.LastSeen, start.Add(time.Hour))
		}
	})
	t.Run("a session that ends meanwhile stays ended", func(t *testing.T) {
		t.Parallel()
		b := newBench(t)
		cookie, session := b.issue()
		value, _, err := b.store.Store.Get(t.Context(), b.in.Tenant, keyOf(t, session))
		if err != nil || value == nil {
			t.Fatalf("Get: %v, %v", value, err)
		}
		if err := b.End(t.Context(), session); err != nil {
			t.Fatal(err)
		}
		b.clock.advance(time.Hour)
		b.store.value = func(kv.Key) []byte { return value } // read just before it ended
		b.wantNone("the check under way", cookie)
		b.store.value = nil
		b.wantNone("the next check", cookie)
	})
}

func keyOf(t *testing.T, session sessions.Session) (key kv.Key) {
	t.Helper()
	for i := range key {
		const digits = "0123456789abcdef"
		key[i] = byte(strings.IndexByte(digits, session.ID[2*i])<<4 | strings.IndexByte(digits, session.ID[2*i+1]))
	}
	return key
}

func TestEndings(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	b := newBench(t)
	other := *b
	other.in = newIssue() // another tenant
	foreign, _ := other.issue()

	t.Run("End", func(t *testing.T) {
		cookie, session := b.issue()
		kept, _ := b.issue()
		for range 2 {
			if err := b.End(ctx, session); err != nil {
				t.Fatal(err)
			}
			b.wantNone("ended", cookie)
		}
		b.wantLive("another of the user", kept)
		if err := b.End(ctx, sessions.Session{}); err == nil {
			t.Error("End of no session: got no error, want one")
		}
	})
	t.Run("EndByID", func(t *testing.T) {
		cookie, session := b.issue()
		for _, test := range []struct{ name, tenant, user, id string }{
			{"another user", b.in.Tenant, uuid.NewString(), session.ID},
			{"another tenant", other.in.Tenant, b.in.User, session.ID},
			{"unknown id", b.in.Tenant, b.in.User, strings.Repeat("0", 64)},
			{"cookie for id", b.in.Tenant, b.in.User, cookie},
			{"no id", b.in.Tenant, b.in.User, ""},
			{"cut id", b.in.Tenant, b.in.User, session.ID[:62]},
		} {
			if ended, err := b.EndByID(ctx, test.tenant, test.user, test.id); ended || err != nil {
				t.Errorf("%s: got %v, %v; want false", test.name, ended, err)
			}
		}
		b.wantLive("after refusals", cookie)
		for _, want := range []bool{true, false} {
			if ended, err := b.EndByID(ctx, b.in.Tenant, b.in.User, session.ID); ended != want || err != nil {
				t.Errorf("EndByID: got %v, %v; want %v", ended, err, want)
			}
		}
		b.wantNone("ended", cookie)
	})
	t.Run("EndUser", func(t *testing.T) {
		first, _ := b.issue()
		second, _ := b.issue()
		bystander := *b
		bystander.in.User = uuid.NewString()
		kept, _ := bystander.issue()
		if err := b.EndUser(ctx, b.in.Tenant, b.in.User, 3); err != nil {
			t.Fatal(err)
		}
		b.wantNone("first", first)
		b.wantNone("second", second)
		b.wantLive("another user's", kept)
		if _, _, _, err := b.Issue(ctx, b.in); !errors.Is(err, sessions.ErrOvertaken) {
			t.Errorf("Issue with the old epoch: got %v, want ErrOvertaken", err)
		}
		if list, err := b.List(ctx, b.in.Tenant, b.in.User); err != nil || len(list) != 0 {
			t.Errorf("List after an overtaken sign-in: got %v, %v; want nothing", list, err)
		}
		b.in.Epoch = 3
		later, _ := b.issue()
		b.wantLive("signed in with the new epoch", later)
	})
	t.Run("EndOlder", func(t *testing.T) {
		old, _ := b.issue()
		bystander := *b
		bystander.in.User = uuid.NewString()
		kept, _ := bystander.issue()
		b.in.Epoch++
		later, _ := b.issue()
		for _, tenant := range []string{other.in.Tenant, b.in.Tenant} {
			b.wantLive("older, not yet ended here", old)
			if err := b.EndOlder(ctx, tenant, b.in.User, b.in.Epoch); err != nil {
				t.Fatal(err)
			}
		}
		b.wantNone("older", old)
		b.wantLive("of this epoch", later)
		b.wantLive("another user's", kept)
	})
	t.Run("EndIntegration", func(t *testing.T) {
		cookie, session := b.issue()
		bystander := *b
		bystander.in.Integration = uuid.NewString()
		kept, _ := bystander.issue()
		if err := b.EndIntegration(ctx, b.in.Tenant, b.in.Integration, 5); err != nil {
			t.Fatal(err)
		}
		b.wantNone("ended", cookie)
		b.wantLive("another integration's", kept)
		if list, err := b.List(ctx, b.in.Tenant, b.in.User); err != nil || len(list) != 1 {
			t.Errorf("List: got %v, %v; want the one of the other integration", list, err)
		}
		if ended, err := b.EndByID(ctx, b.in.Tenant, b.in.User, session.ID); ended || err != nil {
			t.Errorf("EndByID of an ended session: got %v, %v; want false", ended, err)
		}
		before := b.stored(t)
		if _, _, _, err := b.Issue(ctx, b.in); !errors.Is(err, sessions.ErrOvertaken) {
			t.Errorf("Issue with the old generation: got %v, want ErrOvertaken", err)
		}
		if after := b.stored(t); after != before {
			t.Errorf("got %d sessions stored after an overtaken sign-in, want %d as before", after, before)
		}
		b.in.Generation = 5
		later, _ := b.issue()
		b.wantLive("signed in with the new generation", later)
	})
	other.wantLive("another tenant's, after all that", foreign)
}

// stored returns how many values of the user the store has.
func (b *bench) stored(t *testing.T) int {
	t.Helper()
	values, _, err := b.store.List(t.Context(), b.in.Tenant, b.in.User)
	if err != nil {
		t.Fatal(err)
	}
	return len(values)
}

func TestListOrder(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	first, firstSession := b.issue()
	b.clock.advance(time.Minute)
	_, secondSession := b.issue()
	b.clock.advance(time.Hour)
	b.wantLive("first", first) // used last
	list, err := b.List(t.Context(), b.in.Tenant, b.in.User)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, session := range list {
		got = append(got, session.ID)
	}
	if diff := cmp.Diff([]string{firstSession.ID, secondSession.ID}, got); diff != "" {
		t.Errorf("got another order than last used first (-want +got):\n%s", diff)
	}
}

// TestUnknownGeneration: a store that has forgotten a generation is told it by
// the database, once (hazard H17).
func TestUnknownGeneration(t *testing.T) {
	t.Parallel()
	t.Run("asked once", func(t *testing.T) {
		t.Parallel()
		b := newBench(t)
		cookie, _ := b.issue()
		b.wantLive("Check", cookie)
		b.issue()
		if b.truth.asked != 1 {
			t.Errorf("got the database asked %d times, want once", b.truth.asked)
		}
	})
	t.Run("overtaken at sign-in", func(t *testing.T) {
		t.Parallel()
		b := newBench(t)
		b.truth.number = 5
		if _, _, _, err := b.Issue(t.Context(), b.in); !errors.Is(err, sessions.ErrOvertaken) {
			t.Errorf("Issue: got %v, want ErrOvertaken", err)
		}
	})
	t.Run("ended at check", func(t *testing.T) {
		t.Parallel()
		b := newBench(t)
		cookie, session := b.issue()
		value, _, err := b.store.Store.Get(t.Context(), b.in.Tenant, keyOf(t, session))
		if err != nil {
			t.Fatal(err)
		}
		b.store.value = func(kv.Key) []byte { return value } // without generations
		b.wantLive("same generation", cookie)
		b.truth.number = 5
		b.wantNone("raised generation", cookie)
		b.truth.err = errDown
		if _, err := b.Check(t.Context(), b.in.Tenant, cookie); !errors.Is(err, errDown) || errors.Is(err, sessions.ErrNone) {
			t.Errorf("Check with the database down: got %v, want its fault", err)
		}
	})
	t.Run("fault at sign-in", func(t *testing.T) {
		t.Parallel()
		b := newBench(t)
		b.truth.err = errDown
		if cookie, _, _, err := b.Issue(t.Context(), b.in); !errors.Is(err, errDown) || cookie != "" {
			t.Errorf("Issue: got cookie %q, %v; want the fault only", cookie, err)
		}
		if n := b.stored(t); n != 0 {
			t.Errorf("got %d sessions stored, want none", n)
		}
	})
	t.Run("a store behind the database is told", func(t *testing.T) {
		t.Parallel()
		b := newBench(t)
		old, _ := b.issue()
		b.in.Generation = 6
		b.issue()
		b.wantNone("a session of the older generation", old)
	})
}

// TestIssueTriesTwice: a lost answer does not strand a person whose token is
// spent, and no cookie of the lost try works.
func TestIssueTriesTwice(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.store.failPuts = 1
	cookie, _ := b.issue()
	b.wantLive("the second try", cookie)
	if len(b.store.stored) != 2 || string(b.store.stored[0][:32]) == string(b.store.stored[1][:32]) {
		t.Errorf("got %d tries, want two under different keys", len(b.store.stored))
	}
	b.store.failPuts = 2
	if cookie, _, _, err := b.Issue(t.Context(), b.in); !errors.Is(err, errDown) || cookie != "" {
		t.Errorf("Issue: got cookie %q, %v; want the fault only", cookie, err)
	}
}

// TestForeignValue: a store that answers with another session's record, or
// with anything else, opens no session.
func TestForeignValue(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	cookie, _ := b.issue()
	theirs := *b
	theirs.in.User = uuid.NewString()
	_, session := theirs.issue()
	value, _, err := b.store.Store.Get(t.Context(), b.in.Tenant, keyOf(t, session))
	if err != nil || value == nil {
		t.Fatalf("Get: %v, %v", value, err)
	}
	for _, test := range []struct {
		name  string
		value []byte
	}{
		{"another session's", value},
		{"empty", []byte{}},
		{"cut", value[:len(value)-1]},
		{"text", []byte("OK")},
	} {
		b.store.value = func(kv.Key) []byte { return test.value }
		got, err := b.Check(t.Context(), b.in.Tenant, cookie)
		if err == nil || errors.Is(err, sessions.ErrNone) || !cmp.Equal(got, sessions.Session{}) {
			t.Errorf("%s: got %v, %v; want a fault only", test.name, got.ID, err)
		}
	}
}

// eachStore runs test on every session store, with the clock of the machine.
func eachStore(t *testing.T, test func(t *testing.T, s *sessions.Sessions, generations *truth)) {
	t.Helper()
	for _, name := range testenv.SessionStores() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			generations := &truth{}
			if name == testenv.Redis {
				store, _ := kvtest.OpenRedis(t, testenv.RedisURL(t))
				test(t, sessions.New(store, generations, time.Now), generations)
				return
			}
			test(t, sessions.New(openEmbedded(t), generations, func() time.Time { return start }), generations)
		})
	}
}

// TestEndingsAgainstSignIns: sign-ins race the ending of the user's or the
// integration's sessions; none that read the old number is left afterwards.
func TestEndingsAgainstSignIns(t *testing.T) {
	t.Parallel()
	eachStore(t, func(t *testing.T, s *sessions.Sessions, generations *truth) {
		ctx := t.Context()
		for round := range 20 {
			in := newIssue()
			in.Generation, in.Epoch = 0, 0
			cookies := make(chan string, 8)
			var wg sync.WaitGroup
			for range cap(cookies) {
				wg.Go(func() {
					cookie, _, _, err := s.Issue(ctx, in)
					if err == nil {
						cookies <- cookie
					} else if !errors.Is(err, sessions.ErrOvertaken) {
						t.Error(err)
					}
				})
			}
			wg.Go(func() {
				var err error
				if round%2 == 0 {
					err = s.EndUser(ctx, in.Tenant, in.User, 1)
				} else {
					err = s.EndIntegration(ctx, in.Tenant, in.Integration, 1)
				}
				if err != nil {
					t.Error(err)
				}
			})
			wg.Wait()
			close(cookies)
			for cookie := range cookies {
				if _, err := s.Check(ctx, in.Tenant, cookie); !errors.Is(err, sessions.ErrNone) {
					t.Errorf("Check after the ending: got %v, want ErrNone", err)
				}
			}
			if list, err := s.List(ctx, in.Tenant, in.User); err != nil || len(list) != 0 {
				t.Errorf("List after the ending: got %d sessions, %v; want none", len(list), err)
			}
		}
	})
}

// TestParallelSignIns: 32 browsers of one person have 32 sessions.
func TestParallelSignIns(t *testing.T) {
	t.Parallel()
	eachStore(t, func(t *testing.T, s *sessions.Sessions, _ *truth) {
		in := newIssue()
		in.Generation, in.Epoch = 0, 0
		var wg sync.WaitGroup
		for range 32 {
			wg.Go(func() {
				cookie, session, _, err := s.Issue(t.Context(), in)
				if err != nil {
					t.Error(err)
					return
				}
				if got, err := s.Check(t.Context(), in.Tenant, cookie); err != nil || got.ID != session.ID {
					t.Errorf("Check: got %v, %v; want %v", got.ID, err, session.ID)
				}
			})
		}
		wg.Wait()
		if list, err := s.List(t.Context(), in.Tenant, in.User); err != nil || len(list) != 32 {
			t.Errorf("List: got %d sessions, %v; want 32", len(list), err)
		}
	})
}

// TestRoundTrips holds the budget: a sign-in and a check are one round trip to
// Redis each, and ask the database nothing.
func TestRoundTrips(t *testing.T) {
	t.Parallel()
	if !testenv.HasRedis() {
		return
	}
	proxied, turns := testenv.CountURLTurns(t, testenv.RedisURL(t))
	generations := &truth{}
	store, _ := kvtest.OpenRedis(t, proxied)
	s := sessions.New(store, generations, time.Now)
	in := newIssue()
	in.Generation, in.Epoch = 0, 0
	issue := func() string {
		cookie, _, _, err := s.Issue(t.Context(), in)
		if err != nil {
			t.Fatal(err)
		}
		return cookie
	}
	in.Replaces = issue() // opens the connection, tells the generation
	before, asked := turns(), generations.asked
	cookie := issue()
	if got := turns() - before; got != 1 {
		t.Errorf("Issue: got %d round trips, want 1", got)
	}
	before = turns()
	if _, err := s.Check(t.Context(), in.Tenant, cookie); err != nil {
		t.Fatal(err)
	}
	if got := turns() - before; got != 1 {
		t.Errorf("Check: got %d round trips, want 1", got)
	}
	secrets, _, err := s.IssueEmbed(t.Context(), in)
	if err != nil {
		t.Fatal(err)
	}
	for what, call := range map[string]func() error{
		"CheckEmbed": func() error {
			_, err := s.CheckEmbed(t.Context(), in.Tenant, secrets)
			return err
		},
		"Standing": func() error {
			_, _, _, err := s.Standing(t.Context(), in.Tenant, in.User, in.Integration)
			return err
		},
	} {
		before = turns()
		if err := call(); err != nil {
			t.Fatal(err)
		}
		if got := turns() - before; got != 1 {
			t.Errorf("%s: got %d round trips, want 1", what, got)
		}
	}
	if got := generations.asked - asked; got != 0 {
		t.Errorf("got the database asked %d times, want never", got)
	}
}

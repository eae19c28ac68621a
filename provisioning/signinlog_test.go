package provisioning_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"usher/provisioning"
	"usher/sql/store"
	"usher/testenv"
)

// attempt opens a link as the callback does, log included.
func (p *place) attempt(t testing.TB, svc *provisioning.Service, reference, token string) {
	t.Helper()
	arrival := p.arrive(token)
	arrival.Reference = reference
	a := provisioning.SignInAttempt{Arrival: arrival, Door: provisioning.DoorGet, Network: "192.0.2.0/24", UserAgent: "Firefox"}
	var err error
	if a.SignIn, err = svc.Redeem(t.Context(), arrival); err != nil {
		if !errors.As(err, &a.Refusal) {
			t.Fatalf("Redeem: %v", err)
		}
		a.Reason = string(a.Refusal.Reason)
	} else {
		a.Target = a.SignIn.Target.Location()
	}
	svc.LogSignIn(a)
}

// running runs a service until stop is called; by then its log is written.
func running(svc *provisioning.Service) (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	var done sync.WaitGroup
	done.Go(func() { svc.Run(ctx) })
	return func() { cancel(); done.Wait() }
}

// references lists a page of the log.
func references(t testing.TB, svc *provisioning.Service, tenant store.Tenant, f provisioning.SignInFilter) []string {
	t.Helper()
	records, _, err := svc.SignIns(t.Context(), tenant, f, "")
	if err != nil {
		t.Fatalf("SignIns: %v", err)
	}
	list := []string{}
	for _, r := range records {
		list = append(list, r.Reference)
	}
	return list
}

// TestSignInRecords keeps what a success, a refusal with a good signature and
// one without say about themselves.
func TestSignInRecords(t *testing.T) {
	eachPlace(t, provisioning.Settings{}, func(t *testing.T, p *place) {
		p.mirror(t)
		stop := running(p.svc)
		good := p.token(t, p.anna(claims{"groups": []string{"staff", "readers"}, "credits": []any{map[string]any{"orderId": "A", "id": 1}}, "meta": null, "iat": p.clock.now().Add(-20 * time.Second).Unix()}))
		p.attempt(t, p.svc, "GOOD", good)
		p.clock.advance(time.Second)
		p.attempt(t, p.svc, "LESS", p.token(t, p.anna(claims{"groups": []string{"staff"}, "credits": []any{}})))
		p.clock.advance(time.Second)
		p.attempt(t, p.svc, "OLD", p.token(t, p.anna(claims{"iat": p.clock.now().Add(-time.Hour).Unix(), "email": " Anna@Example.COM "})))
		p.clock.advance(time.Second)
		p.attempt(t, p.svc, "FORGED", mint(t, p.key.ID, strings.Repeat("wrong", 10), p.anna(claims{"sub": 7})))
		p.clock.advance(time.Second)
		p.attempt(t, p.svc, "BROKEN", "abc")
		p.clock.advance(time.Second)
		p.attempt(t, p.svc, "BAD", p.token(t, p.anna(claims{"groups": "1,2"})))
		stop()

		wantSame(t, "newest first", references(t, p.svc, p.tenant, provisioning.SignInFilter{}),
			[]string{"BAD", "BROKEN", "FORGED", "OLD", "LESS", "GOOD"})
		wantSame(t, "by e-mail", references(t, p.svc, p.tenant, provisioning.SignInFilter{Email: "ANNA@example.com"}),
			[]string{"BAD", "FORGED", "OLD", "LESS", "GOOD"})

		record := func(reference string) store.SignIn {
			t.Helper()
			r, err := p.svc.SignInByReference(t.Context(), p.tenant, reference)
			if err != nil {
				t.Fatalf("%s: %v", reference, err)
			}
			if strings.Contains(r.Header+r.Payload, strings.Split(good, ".")[2]) {
				t.Errorf("%s: got a signature in the log", reference)
			}
			return r
		}
		type summary struct {
			Outcome, Reason, Integration, Key, Email, Subject, Age, Path string
			Changes                                                      string
		}
		of := func(r store.SignIn) summary {
			s := summary{Outcome: r.Outcome, Reason: r.Reason, Integration: r.IntegrationID, Key: r.KeyID, Email: r.EmailKey, Subject: r.Subject, Path: r.Path}
			if r.IssuedAt != nil {
				s.Age = r.At.Sub(*r.IssuedAt).String()
			}
			s.Changes = fmt.Sprint(r.Created, r.Changed, r.Added, r.Removed, r.Granted, r.Revoked, len(r.Warnings))
			return s
		}
		for reference, want := range map[string]summary{
			"GOOD": {"signed_in", "", p.ID, p.key.ID, "anna@example.com", "anna-1", "20s", "", "true true 2 0 1 0 1"},
			"LESS": {"signed_in", "", p.ID, p.key.ID, "anna@example.com", "anna-1", "0s", "", "false true 0 1 0 1 0"},
			"OLD":  {"refused", "token_too_old", p.ID, p.key.ID, "anna@example.com", "anna-1", "1h0m0s", "", "false false 0 0 0 0 0"},
			"FORGED": {
				"refused", "signature_invalid", p.ID, p.key.ID, "anna@example.com", "7", "0s", "", "false false 0 0 0 0 0",
			},
			"BROKEN": {"refused", "token_malformed", "", "", "", "", "", "", "false false 0 0 0 0 0"},
			"BAD":    {"refused", "claim_invalid", p.ID, p.key.ID, "anna@example.com", "anna-1", "0s", "groups", "false false 0 0 0 0 0"},
		} {
			if diff := cmp.Diff(want, of(record(reference))); diff != "" {
				t.Errorf("%s (-want +got):\n%s", reference, diff)
			}
		}
		whole := record("GOOD")
		if !strings.Contains(whole.Payload, `"orderId":"A"`) || whole.Header != `{"alg":"HS256","kid":"`+p.key.ID+`"}` ||
			whole.Target != "/inside" || whole.Network != "192.0.2.0/24" || whole.UserAgent != "Firefox" {
			t.Errorf("got %+v, want the token's texts, the target and the browser", whole)
		}
		if _, err := p.svc.SignInByReference(t.Context(), store.Tenant{ID: newID(t)}, "GOOD"); !errors.Is(err, provisioning.ErrNotFound) {
			t.Errorf("another tenant: got error %v, want ErrNotFound", err)
		}

		usage, err := p.svc.KeyUsage(t.Context(), p.tenant, p.clock.now().Add(-time.Hour))
		if use := usage[p.key.ID]; err != nil || use.SignIns != 2 || use.Refused != 3 || !use.LastUsed.Equal(epoch.Add(time.Second)) {
			t.Errorf("got use %+v, error %v, want 2 sign-ins, the last a second after the first, and 3 refusals", use, err)
		}
		clock, err := p.svc.ClockOf(t.Context(), p.tenant, p.ID)
		if want := (provisioning.Clock{N: 4, Median: 20 * time.Second, Low: 0, High: time.Hour}); err != nil || clock != want {
			t.Errorf("got clock %+v, error %v, want %+v", clock, err, want)
		}
		periods, err := p.svc.Activity(t.Context(), p.tenant, epoch.Add(-time.Hour), epoch.Add(time.Minute), time.Hour)
		want := []provisioning.Period{
			{Start: epoch.Add(-time.Hour), Refused: map[string]int64{}, ByIntegration: map[string]provisioning.Counts{}},
			{
				Start: epoch, SignIns: 2, NewUsers: 1,
				Refused:       map[string]int64{"token_too_old": 1, "signature_invalid": 1, "token_malformed": 1, "claim_invalid": 1},
				ByIntegration: map[string]provisioning.Counts{p.ID: {SignIns: 2, Refused: 3}, "": {Refused: 1}},
			},
		}
		if diff := cmp.Diff(want, periods); err != nil || diff != "" {
			t.Errorf("activity, error %v (-want +got):\n%s", err, diff)
		}
	})
}

// TestSignInFilters refuses what cannot be meant, field by field.
func TestSignInFilters(t *testing.T) {
	eachPlace(t, provisioning.Settings{}, func(t *testing.T, p *place) {
		for field, f := range map[string]provisioning.SignInFilter{
			"email": {Email: "anna"}, "integration": {IntegrationID: "x"}, "user": {UserID: "' OR 1=1"}, "reason": {Reason: "a\x00"},
			"reference": {Reference: "\xff"}, "outcome": {Outcome: "won"},
		} {
			_, _, err := p.svc.SignIns(t.Context(), p.tenant, f, "")
			var invalid *provisioning.Invalid
			if !errors.As(err, &invalid) || invalid.Field != field {
				t.Errorf("got error %v, want one about %s", err, field)
			}
		}
		if _, _, err := p.svc.SignIns(t.Context(), p.tenant, provisioning.SignInFilter{}, "1"); err == nil {
			t.Error("before = 1: got no error")
		}
	})
}

// TestNoTokenInTheLog puts tokens where an entry keeps texts.
func TestNoTokenInTheLog(t *testing.T) {
	eachPlace(t, provisioning.Settings{}, func(t *testing.T, p *place) {
		stop := running(p.svc)
		other := p.token(t, p.anna(claims{"jti": "stolen"}))
		token := p.token(t, p.anna(claims{"meta": map[string]any{"link": "https://x.example/?token=" + other}}))
		arrival := p.arrive(token)
		signIn, err := p.svc.Redeem(t.Context(), arrival)
		if err != nil {
			t.Fatal(err)
		}
		p.svc.LogSignIn(provisioning.SignInAttempt{
			Arrival: arrival, SignIn: signIn, Door: provisioning.DoorPost, Target: "/x?token=" + token, UserAgent: "Bot " + other,
		})
		large := p.token(t, p.anna(claims{"meta": map[string]any{"long": strings.Repeat("x", 9<<10)}}))
		p.attempt(t, p.svc, "LARGE", large)
		stop()
		for _, row := range p.db.Rows(t, `SELECT reference, header, payload, target, user_agent, detail, warnings FROM sign_ins`) {
			if strings.Contains(row, "eyJ") || strings.Contains(row, "xxxx") {
				t.Errorf("got %.200q in the log, want no token and no large text", row)
			}
		}
		wantSame(t, "entries", p.count(t, "sign_ins"), 2)
	})
}

// TestErasedFromTheLog blanks who somebody was, in every entry.
func TestErasedFromTheLog(t *testing.T) {
	eachPlace(t, provisioning.Settings{}, func(t *testing.T, p *place) {
		stop := running(p.svc)
		p.attempt(t, p.svc, "IN", p.token(t, p.anna(nil)))
		p.attempt(t, p.svc, "OLD", p.token(t, p.anna(claims{"iat": 1})))
		p.attempt(t, p.svc, "BOB", p.token(t, claims{"email": "bob@example.com", "sub": "bob", "iat": p.clock.now().Unix()}))
		stop()
		p.mirror(t)
		in, err := p.svc.SignInByReference(t.Context(), p.tenant, "IN")
		if err != nil {
			t.Fatal(err)
		}
		if err := p.svc.Erase(t.Context(), p.tenant, in.UserID, byAPI); err != nil {
			t.Fatal(err)
		}
		var bobs int
		for _, row := range p.db.Rows(t, `SELECT * FROM sign_ins WHERE tenant_id = $1`, p.tenant.ID) {
			if strings.Contains(row, "anna") || strings.Contains(row, "Anna") {
				t.Errorf("got %q after the erasure", row)
			}
			if strings.Contains(row, "bob@example.com") {
				bobs++
			}
		}
		wantSame(t, "entries of somebody else", bobs, 1)
		wantSame(t, "entries", len(references(t, p.svc, p.tenant, provisioning.SignInFilter{})), 3)
	})
}

// TestFloodOfRefusals keeps some in detail, counts all, and loses no success.
func TestFloodOfRefusals(t *testing.T) {
	eachPlace(t, provisioning.Settings{}, func(t *testing.T, p *place) {
		stop := running(p.svc)
		const attackers, refusals, successes = 4, 500, 30
		forged := mint(t, p.key.ID, strings.Repeat("wrong", 10), p.anna(nil))
		var all sync.WaitGroup
		for range attackers {
			all.Go(func() {
				for range refusals {
					p.attempt(t, p.svc, "FORGED", forged)
				}
			})
		}
		for i := range successes {
			p.attempt(t, p.svc, fmt.Sprintf("GOOD%d", i), p.token(t, p.anna(nil)))
		}
		all.Wait()
		stop()
		count := func(outcome string) (rows, attempts string) {
			line := p.db.Rows(t, `SELECT count(*), sum(count) FROM sign_ins WHERE tenant_id = $1 AND outcome = $2`, p.tenant.ID, outcome)[0]
			rows, attempts, _ = strings.Cut(line, "|")
			return rows, attempts
		}
		rows, _ := count("signed_in")
		wantSame(t, "successes", rows, fmt.Sprint(successes))
		// The clock stands still: the bucket of the integration holds 100.
		rows, _ = count("refused")
		wantSame(t, "refusals in detail", rows, "100")
		_, attempts := count("suppressed")
		wantSame(t, "refusals counted", attempts, fmt.Sprint(attackers*refusals-100))
		usage, err := p.svc.KeyUsage(t.Context(), p.tenant, epoch)
		if use := usage[p.key.ID]; err != nil || use.SignIns != successes || use.Refused != attackers*refusals {
			t.Errorf("got use %+v, error %v, want %d sign-ins and %d refusals", use, err, successes, attackers*refusals)
		}
	})
}

// suppressedPause is what lies between two rounds of rows that stand for many.
const suppressedPause = time.Second

// TestLogWhileTheDatabaseIsHeldUp: entries wait, up to a bound; beyond it they
// are counted, said in the service's log and in a row once it is over.
func TestLogWhileTheDatabaseIsHeldUp(t *testing.T) {
	eachPlace(t, provisioning.Settings{}, func(t *testing.T, p *place) {
		var mu sync.Mutex
		var said bytes.Buffer
		svc := provisioning.New(p.store, p.sealer, p.ender, p.clock.now, slog.New(slog.NewTextHandler(locked{&mu, &said}, nil)))
		arrival := p.arrive(p.token(t, p.anna(nil)))
		signIn, err := svc.Redeem(t.Context(), arrival)
		if err != nil {
			t.Fatal(err)
		}
		held := p.db.Begin(t)
		if p.db.Kind == testenv.Postgres {
			held.Exec(t, `LOCK TABLE sign_ins`)
		}
		stop := running(svc)
		const attempts = 9000
		for range attempts {
			svc.LogSignIn(provisioning.SignInAttempt{Arrival: arrival, SignIn: signIn, Door: provisioning.DoorGet})
		}
		if state := svc.SignInLogQueue(); state.Waiting == 0 || state.Dropped == 0 || state.Waiting+state.Dropped > attempts {
			t.Errorf("got %+v of %d attempts, want some to wait and some dropped", state, attempts)
		}
		mu.Lock()
		if !strings.Contains(said.String(), "counted, but not kept") {
			t.Errorf("got %q in the service's log, want it to say that entries are dropped", said.String())
		}
		mu.Unlock()
		held.Rollback(t)
		tick := time.NewTicker(20 * time.Millisecond)
		defer tick.Stop()
		end := time.After(10 * time.Minute)
		for line := ""; line != fmt.Sprint(attempts); {
			select {
			case <-tick.C:
				p.clock.advance(suppressedPause) // or what was counted only gathers on
			case <-end:
				t.Fatalf("got %s attempts in the log after ten minutes, want %d", line, attempts)
			}
			line = p.db.Rows(t, `SELECT coalesce(sum(count), 0) FROM sign_ins WHERE tenant_id = $1`, p.tenant.ID)[0]
		}
		stop()
		if state := svc.SignInLogQueue(); state.Waiting != 0 || state.Dropped == 0 {
			t.Errorf("got %+v when all is written, want none to wait and those that were dropped", state)
		}
		usage, err := svc.KeyUsage(t.Context(), p.tenant, epoch)
		if use := usage[p.key.ID]; err != nil || use.SignIns != attempts {
			t.Errorf("got use %+v, error %v, want %d sign-ins", use, err, attempts)
		}
		records, _, err := svc.SignIns(t.Context(), p.tenant, provisioning.SignInFilter{Outcome: store.Suppressed}, "")
		if err != nil || len(records) == 0 || !strings.Contains(records[0].Detail, "the database") {
			t.Errorf("got %d suppressed rows, error %v, want one that says why", len(records), err)
		}
		mu.Lock()
		defer mu.Unlock()
		if !strings.Contains(said.String(), "written again") {
			t.Errorf("got %q in the service's log, want it to say that the log is written again", said.String())
		}
	})
}

// locked is a buffer for several goroutines.
type locked struct {
	mu *sync.Mutex
	b  *bytes.Buffer
}

func (l locked) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

package sessions_test

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"usher/sessions"
	"usher/sessions/kv"
)

// issueEmbed opens the session of a frame that lasts for an hour.
func (b *bench) issueEmbed() (sessions.EmbedSecrets, sessions.Session) {
	b.t.Helper()
	in := b.in
	in.Idle, in.Absolute = time.Minute, time.Hour
	in.Authorized = []string{"57cc26"}
	secrets, session, err := b.IssueEmbed(b.t.Context(), in)
	if err != nil {
		b.t.Fatalf("IssueEmbed: %v", err)
	}
	return secrets, session
}

// eachSecret are the ways to name a session of a frame.
func eachSecret(s sessions.EmbedSecrets) map[string]sessions.EmbedSecrets {
	return map[string]sessions.EmbedSecrets{
		"cookie": {Cookie: s.Cookie}, "bearer": {Bearer: s.Bearer}, "ticket": {Ticket: s.Ticket}, "all": s,
	}
}

func TestEmbedSession(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	secrets, session := b.issueEmbed()
	if !session.Embed || !cmp.Equal(session.Authorized, []string{"57cc26"}) {
		t.Errorf("got %+v, want the session of a frame with its authorized resources", session)
	}
	for what, by := range eachSecret(secrets) {
		got, err := b.CheckEmbed(t.Context(), b.in.Tenant, by)
		if err != nil || !cmp.Equal(got, session) {
			t.Errorf("by %s: got %+v, %v; want the session", what, got, err)
		}
		if _, err := b.CheckEmbed(t.Context(), b.in.User, by); !errors.Is(err, sessions.ErrNone) {
			t.Errorf("by %s in another tenant: got %v, want ErrNone", what, err)
		}
	}
	// The idle life of pages does not hold for frames.
	b.clock.advance(59 * time.Minute)
	if _, err := b.CheckEmbed(t.Context(), b.in.Tenant, secrets); err != nil {
		t.Errorf("after 59 min of no use: got %v, want the session", err)
	}
	b.clock.advance(time.Minute)
	if _, err := b.CheckEmbed(t.Context(), b.in.Tenant, secrets); !errors.Is(err, sessions.ErrNone) {
		t.Errorf("after an hour: got %v, want ErrNone", err)
	}
}

// TestEmbedAndPageApart: neither kind of session opens what the other does.
func TestEmbedAndPageApart(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	secrets, _ := b.issueEmbed()
	for _, secret := range []string{secrets.Cookie, secrets.Bearer, secrets.Ticket} {
		b.wantNone("a frame's secret as a session cookie", secret)
	}
	cookie, _ := b.issue()
	for what, by := range eachSecret(sessions.EmbedSecrets{Cookie: cookie, Bearer: cookie, Ticket: cookie}) {
		if _, err := b.CheckEmbed(t.Context(), b.in.Tenant, by); !errors.Is(err, sessions.ErrNone) {
			t.Errorf("a session cookie as %s: got %v, want ErrNone", what, err)
		}
	}
}

func TestEmbedSecrets(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	secrets, _ := b.issueEmbed()
	if whole, ok := (sessions.EmbedSecrets{Cookie: secrets.Cookie}).Complete(); !ok || whole != secrets {
		t.Errorf("from the cookie: got %v, want all three", ok)
	}
	whole, ok := sessions.EmbedSecrets{Bearer: secrets.Bearer}.Complete()
	if want := (sessions.EmbedSecrets{Bearer: secrets.Bearer, Ticket: secrets.Ticket}); !ok || whole != want {
		t.Errorf("from the bearer: got %v, want bearer and ticket", ok)
	}
	if secrets.Cookie == secrets.Bearer || secrets.Bearer == secrets.Ticket || secrets.Cookie == secrets.Ticket {
		t.Error("got two secrets that are the same")
	}
	for what, by := range map[string]sessions.EmbedSecrets{
		"the bearer as ticket": {Ticket: secrets.Bearer}, "the cookie as bearer": {Bearer: secrets.Cookie},
		"the ticket as bearer": {Bearer: secrets.Ticket}, "the bearer as cookie": {Cookie: secrets.Bearer},
		"a bad cookie beside a good bearer": {Cookie: secrets.Ticket, Bearer: secrets.Bearer},
	} {
		if _, err := b.CheckEmbed(t.Context(), b.in.Tenant, by); !errors.Is(err, sessions.ErrNone) {
			t.Errorf("%s: got %v, want ErrNone", what, err)
		}
	}
	for _, malformed := range []string{"", "x", secrets.Ticket[:42], secrets.Ticket + "A", secrets.Ticket[:42] + "="} {
		by := sessions.EmbedSecrets{Ticket: malformed}
		if _, ok := by.Complete(); ok {
			t.Errorf("%d characters: got a secret, want none", len(malformed))
		}
		if _, err := b.CheckEmbed(t.Context(), b.in.Tenant, by); !errors.Is(err, sessions.ErrNone) {
			t.Errorf("%d characters: got %v, want ErrNone", len(malformed), err)
		}
	}
}

func TestExtend(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	secrets, session := b.issueEmbed()
	b.clock.advance(50 * time.Minute)
	longer, err := b.Extend(t.Context(), session, b.clock.now().Add(time.Hour))
	if err != nil {
		t.Fatal(err)
	}
	if got := longer.End().Sub(b.clock.now()); got != time.Hour {
		t.Errorf("got an end in %v, want in an hour", got)
	}
	if again, err := b.Extend(t.Context(), longer, b.clock.now().Add(time.Minute)); err != nil || !again.End().Equal(longer.End()) {
		t.Errorf("an earlier end: got %v, %v; want nothing changed", again.End(), err)
	}
	longer.Authorized, longer.Version = []string{"other"}, 9
	if _, err := b.Extend(t.Context(), longer, b.clock.now().Add(time.Minute)); err != nil {
		t.Fatal(err)
	}
	if got, err := b.CheckEmbed(t.Context(), b.in.Tenant, secrets); err != nil || !cmp.Equal(got.Authorized, longer.Authorized) ||
		got.Version != 9 || !got.End().Equal(longer.End()) {
		t.Errorf("another list with an earlier end: got %+v, %v; want the list, and the end as it was", got, err)
	}
	b.clock.advance(59 * time.Minute)
	got, err := b.CheckEmbed(t.Context(), b.in.Tenant, secrets)
	if err != nil || got.ID != session.ID {
		t.Errorf("by the same secrets, beyond the first end: got %v, %v; want the session", got.ID, err)
	}
	if far, err := b.Extend(t.Context(), longer, b.clock.now().Add(1000*24*time.Hour)); err != nil || far.End().Sub(b.clock.now()) != kv.MaxLife {
		t.Errorf("an end in 1000 days: got %v, %v; want %v", far.End(), err, kv.MaxLife)
	}
	if err := b.End(t.Context(), session); err != nil {
		t.Fatal(err)
	}
	if _, err := b.Extend(t.Context(), longer, b.clock.now().Add(200*24*time.Hour)); !errors.Is(err, sessions.ErrNone) {
		t.Errorf("of an ended session: got %v, want ErrNone", err)
	}
	_, page := b.issue()
	if _, err := b.Extend(t.Context(), page, b.clock.now().Add(time.Hour)); err == nil || errors.Is(err, sessions.ErrNone) {
		t.Errorf("of a page's session: got %v, want a refusal", err)
	}
}

// TestEmbedEndings: what ends a person's sessions ends those of frames.
func TestEmbedEndings(t *testing.T) {
	t.Parallel()
	for what, end := range map[string]func(b *bench, session sessions.Session) error{
		"the user's": func(b *bench, _ sessions.Session) error {
			return b.EndUser(b.t.Context(), b.in.Tenant, b.in.User, b.in.Epoch+1)
		},
		"the integration's": func(b *bench, _ sessions.Session) error {
			return b.EndIntegration(b.t.Context(), b.in.Tenant, b.in.Integration, b.in.Generation+1)
		},
		"this one": func(b *bench, session sessions.Session) error {
			_, err := b.EndByID(b.t.Context(), b.in.Tenant, b.in.User, session.ID)
			return err
		},
	} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			b := newBench(t)
			secrets, session := b.issueEmbed()
			if err := end(b, session); err != nil {
				t.Fatal(err)
			}
			for by, secret := range eachSecret(secrets) {
				if _, err := b.CheckEmbed(t.Context(), b.in.Tenant, secret); !errors.Is(err, sessions.ErrNone) {
					t.Errorf("by %s: got %v, want ErrNone", by, err)
				}
			}
		})
	}
	b := newBench(t)
	if err := b.EndUser(t.Context(), b.in.Tenant, b.in.User, b.in.Epoch+1); err != nil {
		t.Fatal(err)
	}
	if _, _, err := b.IssueEmbed(t.Context(), b.in); !errors.Is(err, sessions.ErrOvertaken) {
		t.Errorf("under an old epoch: got %v, want ErrOvertaken", err)
	}
}

func TestEmbedCookie(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	secrets, _ := b.issueEmbed()
	cookie := sessions.NewEmbedCookie(secrets.Cookie)
	want := "__Host-usher-embed=" + secrets.Cookie + "; Path=/; HttpOnly; Secure; SameSite=None; Partitioned"
	if got := cookie.String(); got != want {
		t.Errorf("got a cookie without the attributes, want them (%d characters, want %d)", len(got), len(want))
	}
	r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", nil)
	r.AddCookie(cookie)
	if sessions.ReadEmbedCookie(r) != secrets.Cookie || sessions.ReadCookie(r) != "" {
		t.Error("got the frame's cookie elsewhere, want it under its own name alone")
	}
	want = "__Host-usher-embed=; Path=/; Max-Age=0; HttpOnly; Secure; SameSite=None; Partitioned"
	if got := sessions.ClearEmbedCookie().String(); got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestStanding(t *testing.T) {
	t.Parallel()
	eachStore(t, func(t *testing.T, s *sessions.Sessions, generations *truth) {
		in := newIssue()
		ask := func() (epoch, generation int64, known bool) {
			t.Helper()
			epoch, generation, known, err := s.Standing(t.Context(), in.Tenant, in.User, in.Integration)
			if err != nil {
				t.Fatal(err)
			}
			return epoch, generation, known
		}
		if _, generation, known := ask(); known || generation != generations.number {
			t.Errorf("an unknown generation: got %d, known %t; want %d from the database", generation, known, generations.number)
		}
		if epoch, generation, known := ask(); !known || epoch != 0 || generation != generations.number {
			t.Errorf("asked again: got epoch %d, generation %d, known %t; want 0, %d, known", epoch, generation, known, generations.number)
		}
		if err := s.EndUser(t.Context(), in.Tenant, in.User, 9); err != nil {
			t.Fatal(err)
		}
		if err := s.EndIntegration(t.Context(), in.Tenant, in.Integration, generations.number+3); err != nil {
			t.Fatal(err)
		}
		if epoch, generation, known := ask(); !known || epoch != 9 || generation != generations.number+3 {
			t.Errorf("after endings: got epoch %d, generation %d, known %t; want 9, %d, known", epoch, generation, known, generations.number+3)
		}
	})
}

// TestMadeFrom: what a page's session has opened in tabs ends with it, whatever
// ends it; what a token has opened does not.
func TestMadeFrom(t *testing.T) {
	t.Parallel()
	for what, end := range map[string]func(b *bench, cookie string, session sessions.Session) error{
		"a sign-out": func(b *bench, _ string, session sessions.Session) error {
			return b.End(b.t.Context(), session)
		},
		"an ending by id": func(b *bench, _ string, session sessions.Session) error {
			_, err := b.EndByID(b.t.Context(), b.in.Tenant, b.in.User, session.ID)
			return err
		},
		"another person in the same browser": func(b *bench, cookie string, _ sessions.Session) error {
			in := b.in
			in.User, in.Replaces = newIssue().User, cookie
			_, _, _, err := b.Issue(b.t.Context(), in)
			return err
		},
	} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			b := newBench(t)
			cookie, session := b.issue()
			in := b.in
			in.Spent = session.ID
			made, _, err := b.IssueEmbed(t.Context(), in)
			if err != nil {
				t.Fatal(err)
			}
			apart, _ := b.issueEmbed()
			if err := end(b, cookie, session); err != nil {
				t.Fatal(err)
			}
			b.wantNone("the page", cookie)
			if _, err := b.CheckEmbed(t.Context(), b.in.Tenant, made); !errors.Is(err, sessions.ErrNone) {
				t.Errorf("what it has opened: got %v, want ErrNone", err)
			}
			if _, err := b.CheckEmbed(t.Context(), b.in.Tenant, apart); err != nil {
				t.Errorf("what a token has opened: got %v, want it alive", err)
			}
		})
	}
}

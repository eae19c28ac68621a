package tokens_test

import (
	"bytes"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"usher/sessions/tokens"
	"usher/sql/store"
)

// TestRefresh: a refresh token gets a successor; for a minute the same one again,
// and afterwards the end of everything.
func TestRefresh(t *testing.T) {
	eachPeople(t, func(t *testing.T, p *people) {
		ctx := t.Context()
		for _, format := range formats {
			*p.at = epoch
			one := p.signIn(t, format, everything)
			*p.at = epoch.Add(time.Hour)
			two, err := p.second.Refresh(ctx, p.tenant, issuer, p.in(format), one.Refresh, "")
			if err != nil || two.Refresh == one.Refresh || two.Identity == "" {
				t.Fatalf("%s: got %+v, error %v, want a successor", format, two, err)
			}
			p.alive(t, format, two)
			if _, claims := unpacked(t, two.Identity); claims["nonce"] != nil || claims["auth_time"] != float64(epoch.Add(-time.Hour).Unix()) {
				t.Errorf("%s: got claims %v, want the sign-in's time and no nonce", format, claims)
			}
			*p.at = epoch.Add(time.Hour + time.Minute)
			again, err := p.first.Refresh(ctx, p.tenant, issuer, p.in(format), one.Refresh, "")
			if err != nil || again.Refresh != two.Refresh || again.Access.Token == two.Access.Token {
				t.Errorf("%s: got %q, error %v, want the same successor %q and another access token", format, again.Refresh, err, two.Refresh)
			}
			p.alive(t, format, again)
			three, err := p.first.Refresh(ctx, p.tenant, issuer, p.in(format), two.Refresh, "")
			if err != nil {
				t.Fatal(err)
			}
			beside := p.signIn(t, format, everything)
			*p.at = epoch.Add(time.Hour + time.Minute + time.Microsecond)
			_, err = p.second.Refresh(ctx, p.tenant, issuer, p.in(format), one.Refresh, "")
			wants(t, format+": after the grace", err, tokens.ErrInvalidGrant)
			p.over(t, format+": replayed", three)
			p.over(t, format+": replayed, the one before", two)
			p.alive(t, format+": beside", beside)
		}
	})
}

// TestReplayIsLogged: who runs this learns of a stolen refresh token, and the log
// does not hold it.
func TestReplayIsLogged(t *testing.T) {
	eachPeople(t, func(t *testing.T, p *people) {
		var log bytes.Buffer
		now := func() time.Time { return *p.at }
		watched := tokens.New(p.db.Open(t, now), testSealer("one"), now, slog.New(slog.NewTextHandler(&log, nil)))
		issued := p.signIn(t, tokens.FormatJWT, everything)
		for range 2 {
			_, _ = watched.Refresh(t.Context(), p.tenant, issuer, p.app, issued.Refresh, "")
			*p.at = p.at.Add(2 * time.Minute)
		}
		got := log.String()
		for _, want := range []string{"level=WARN", "refresh token replayed", issued.Grant.ID, p.app.ID, p.ada} {
			if !strings.Contains(got, want) {
				t.Errorf("got log %q, want %q in it", got, want)
			}
		}
		if strings.Contains(got, issued.Refresh) {
			t.Errorf("got log %q with the token", got)
		}
	})
}

// TestRefreshTokensThatGiveNothing: a refresh token is good for its client alone,
// for 15 days, and never beyond 30 days from the sign-in.
func TestRefreshTokensThatGiveNothing(t *testing.T) {
	eachPeople(t, func(t *testing.T, p *people) {
		ctx := t.Context()
		twin, _, _ := installed(t, p.db.Open(t, func() time.Time { return *p.at }))
		theirs, other := p.addApp(t, twin, "app"), p.addApp(t, p.tenant, "other")
		issued := p.signIn(t, tokens.FormatJWT, everything)
		refuse := func(what, tenant string, client tokens.Client, token string) {
			t.Helper()
			_, err := p.second.Refresh(ctx, tenant, issuer, client, token, "")
			wants(t, what, err, tokens.ErrInvalidGrant)
		}
		refuse("another client's", p.tenant, other, issued.Refresh)
		refuse("another tenant's", twin, theirs, issued.Refresh)
		refuse("nothing", p.tenant, p.app, "")
		refuse("cut", p.tenant, p.app, issued.Refresh[1:])
		refuse("extended", p.tenant, p.app, issued.Refresh+"A")
		refuse("in another case", p.tenant, p.app, strings.ToLower(issued.Refresh))
		refuse("an access token", p.tenant, p.app, issued.Access.Token)
		alone := p.app
		alone.Grants = []string{tokens.GrantAuthorizationCode}
		refuse("of a client that may not refresh any more", p.tenant, alone, issued.Refresh)
		p.alive(t, "after all that", issued)

		day := 24 * time.Hour
		*p.at = epoch.Add(15 * day)
		refuse("after 15 days", p.tenant, p.app, issued.Refresh)
		*p.at = epoch.Add(15*day - time.Second)
		issued, err := p.first.Refresh(ctx, p.tenant, issuer, p.app, issued.Refresh, "")
		if err != nil {
			t.Fatal(err)
		}
		*p.at = epoch.Add(30*day - 10*time.Second)
		issued, err = p.first.Refresh(ctx, p.tenant, issuer, p.app, issued.Refresh, "")
		if err != nil {
			t.Fatal(err)
		}
		if issued.Access.Life != 10*time.Second {
			t.Errorf("got an access token for %v, want none beyond the grant's 10s", issued.Access.Life)
		}
		*p.at = epoch.Add(30 * day)
		p.over(t, "after 30 days", issued)
	})
}

// TestParallelRefreshes: many use one refresh token at two instances in one
// moment, and all get the same successor, of which there is one.
func TestParallelRefreshes(t *testing.T) {
	eachPeople(t, func(t *testing.T, p *people) {
		for _, format := range formats {
			issued := p.signIn(t, format, everything)
			var all sync.WaitGroup
			var mu sync.Mutex
			start, got := make(chan struct{}), map[string]int{}
			for n := range 20 {
				instance := p.first
				if n%2 == 1 {
					instance = p.second
				}
				all.Go(func() {
					<-start
					next, err := instance.Refresh(t.Context(), p.tenant, issuer, p.in(format), issued.Refresh, "")
					if err != nil {
						t.Errorf("%s: Refresh: %v", format, err)
					} else if _, err := instance.LiveAccess(t.Context(), p.tenant, issuer, next.Access.Token); err != nil {
						t.Errorf("%s: LiveAccess: %v", format, err)
					}
					mu.Lock()
					defer mu.Unlock()
					got[next.Refresh]++
				})
			}
			close(start)
			all.Wait()
			if len(got) != 1 {
				t.Errorf("%s: got successors %v, want one", format, got)
			}
			rows := p.db.Rows(t, `
SELECT (SELECT count(*) FROM token_grants WHERE family = $1 AND revoked_at IS NULL),
       (SELECT count(*) FROM refresh_tokens WHERE grant_id = $2),
       (SELECT count(*) FROM refresh_tokens WHERE grant_id = $3 AND used_at IS NULL)`, issued.Grant.ID, issued.Grant.ID, issued.Grant.ID)
			if want := []string{"1|2|1"}; !cmp.Equal(rows, want) {
				t.Errorf("%s: got grants, refresh tokens and unused ones %q, want %q", format, rows, want)
			}
		}
	})
}

// TestParallelRedemptions: of many who redeem one code one gets tokens at the most,
// and they are dead as soon as the second came.
func TestParallelRedemptions(t *testing.T) {
	eachPeople(t, func(t *testing.T, p *people) {
		for _, format := range formats {
			code, g := p.code(t, everything)
			var all sync.WaitGroup
			var mu sync.Mutex
			var got []tokens.Issued
			start := make(chan struct{})
			for n := range 12 {
				instance := p.first
				if n%2 == 1 {
					instance = p.second
				}
				all.Go(func() {
					<-start
					issued, err := instance.RedeemCode(t.Context(), p.tenant, issuer, p.in(format), code, back, verifier)
					if err != nil {
						wants(t, format, err, tokens.ErrInvalidGrant)
						return
					}
					mu.Lock()
					defer mu.Unlock()
					got = append(got, issued)
				})
			}
			close(start)
			all.Wait()
			if len(got) != 1 {
				t.Fatalf("%s: got %d times tokens, want once", format, len(got))
			}
			p.over(t, format, got[0])
			if rows := p.db.Rows(t, `SELECT count(*) FROM refresh_tokens WHERE grant_id = $1`, g.ID); rows[0] != "1" {
				t.Errorf("%s: got %s refresh tokens, want 1", format, rows[0])
			}
		}
	})
}

// TestNarrowedRefresh: an access token can be asked for with less, the next one
// with all again.
func TestNarrowedRefresh(t *testing.T) {
	eachPeople(t, func(t *testing.T, p *people) {
		ctx := t.Context()
		issued := p.signIn(t, tokens.FormatReference, everything)
		less, err := p.first.Refresh(ctx, p.tenant, issuer, p.app, issued.Refresh, "library email library")
		if err != nil || less.Identity != "" || !cmp.Equal(less.Access.Scopes, []string{"email", "library"}) {
			t.Fatalf("got %+v, error %v, want two scopes and no identity token", less, err)
		}
		p.live(t, "narrowed", p.library, less.Access.Token, "library")
		_, err = p.first.UserInfo(ctx, p.tenant, issuer, less.Access.Token)
		wants(t, "userinfo", err, tokens.ErrScope)
		for _, scope := range []string{"archive", "library phone", "Library", "nowhere"} {
			_, err = p.first.Refresh(ctx, p.tenant, issuer, p.app, less.Refresh, scope)
			wants(t, scope, err, tokens.ErrScope)
		}
		all, err := p.first.Refresh(ctx, p.tenant, issuer, p.app, less.Refresh, "")
		if err != nil || strings.Join(all.Access.Scopes, " ") != everything {
			t.Errorf("got %v, error %v, want everything", all.Access.Scopes, err)
		}

		// What the client may not have any more it does not get.
		fewer := p.app
		fewer.APIScopes, fewer.IdentityScopes = []string{"library"}, nil
		some, err := p.first.Refresh(ctx, p.tenant, issuer, fewer, all.Refresh, "")
		if want := []string{"library", "offline_access", "openid"}; err != nil || !cmp.Equal(some.Access.Scopes, want) {
			t.Errorf("got %v, error %v, want %v", some.Access.Scopes, err, want)
		}
		_, err = p.first.Refresh(ctx, p.tenant, issuer, fewer, some.Refresh, "email")
		wants(t, "what was taken away", err, tokens.ErrScope)
	})
}

// TestClaimsAreFresh: a refresh says what the person is called now.
func TestClaimsAreFresh(t *testing.T) {
	eachPeople(t, func(t *testing.T, p *people) {
		issued := p.signIn(t, tokens.FormatJWT, everything)
		p.db.Exec(t, `UPDATE users SET first_name = 'Augusta' WHERE id = $1`, p.ada)
		issued, err := p.second.Refresh(t.Context(), p.tenant, issuer, p.app, issued.Refresh, "")
		if err != nil {
			t.Fatal(err)
		}
		if _, claims := unpacked(t, issued.Identity); claims["name"] != "Augusta Byron" {
			t.Errorf("got %v, want the new name", claims["name"])
		}
	})
}

// TestRefreshFault: without the database nothing is used up, so that the same
// token works afterwards.
func TestRefreshFault(t *testing.T) {
	eachPeople(t, func(t *testing.T, p *people) {
		now := func() time.Time { return *p.at }
		for _, format := range formats {
			issued := p.signIn(t, format, everything)
			s := p.db.Open(t, now)
			down := open(s, now)
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
			for what, try := range map[string]func() error{
				"Refresh": func() error {
					_, err := down.Refresh(t.Context(), p.tenant, issuer, p.in(format), issued.Refresh, "")
					return err
				},
				"RedeemCode": func() error {
					_, err := down.RedeemCode(t.Context(), p.tenant, issuer, p.in(format), strings.Repeat("A", 43), back, verifier)
					return err
				},
				"LiveAccess": func() error {
					_, err := down.LiveAccess(t.Context(), p.tenant, issuer, issued.Access.Token)
					return err
				},
				"RevokeFamily": func() error { return down.RevokeFamily(t.Context(), p.tenant, issued.Grant.ID) },
				"Revoke":       func() error { return down.Revoke(t.Context(), p.tenant, p.app, issued.Refresh) },
			} {
				wants(t, fmt.Sprintf("%s: %s", format, what), try(), store.ErrUnavailable)
			}
			next, err := p.first.Refresh(t.Context(), p.tenant, issuer, p.in(format), issued.Refresh, "")
			if err != nil {
				t.Errorf("%s: got error %v, want the token to be as good as before", format, err)
			}
			p.alive(t, format, next)
		}
	})
}

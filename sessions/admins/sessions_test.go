package admins

import (
	"errors"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

func TestSessions(t *testing.T) {
	each(t, func(t *testing.T, p *place) {
		ctx := t.Context()
		a := p.add(t, p.here, "olga@here.example", Owner, false)
		p.add(t, p.here, "otto@here.example", Owner, false)
		cookie := p.enter(t, p.here, "olga@here.example", goodPassword)
		if p.inside(t, p.there, cookie) {
			t.Error("got a session of one tenant open at another")
		}
		for _, bad := range []string{"", cookie[1:], cookie + "A", strings.ToLower(cookie), cookie[:42] + "\n"} {
			if bad != cookie && p.inside(t, p.here, bad) {
				t.Errorf("got a session of %q", bad)
			}
		}
		if rows := p.db.Rows(t, `SELECT count(*) FROM admin_sessions WHERE digest = $1`, []byte(cookie)); rows[0] != "0" {
			t.Error("got the cookie itself in the database")
		}

		// A new id at each sign-in, and the browser's old one is dead.
		next, err := p.SignIn(ctx, p.here, "olga@here.example", goodPassword, Client{Cookie: cookie}, byTest)
		if err != nil || next == cookie || p.inside(t, p.here, cookie) || !p.inside(t, p.here, next) {
			t.Errorf("got error %v; want another session in place of the first", err)
		}
		if err := p.SignOut(ctx, p.here, next); err != nil || p.inside(t, p.here, next) {
			t.Errorf("signed out: got error %v, or the session alive", err)
		}

		// It ends when it is not used, and for good after a week.
		cookie = p.enter(t, p.here, "olga@here.example", goodPassword)
		for range 13 {
			p.wait(SessionIdle - time.Minute)
			if !p.inside(t, p.here, cookie) {
				t.Fatal("got a used session ended")
			}
		}
		p.wait(SessionIdle)
		if p.inside(t, p.here, cookie) {
			t.Error("got a session alive after a week")
		}
		cookie = p.enter(t, p.here, "olga@here.example", goodPassword)
		p.wait(SessionIdle)
		if p.inside(t, p.here, cookie) {
			t.Error("got an unused session alive after 12 hours")
		}

		// A change of role counts at the next request; switching off ends all.
		cookie = p.enter(t, p.here, "olga@here.example", goodPassword)
		viewer, yes := Viewer, true
		if _, err := p.Change(ctx, p.here, a.ID, Changes{Role: &viewer}, Command(), byTest); err != nil {
			t.Fatal(err)
		}
		if actor, _, err := p.Check(ctx, p.here, cookie); err != nil || actor.May(WriteSettings) || !actor.May(ReadLog) {
			t.Errorf("got %+v, %v, want a viewer", actor, err)
		}
		if _, err := p.Change(ctx, p.here, a.ID, Changes{Disabled: &yes}, Command(), byTest); err != nil || p.inside(t, p.here, cookie) {
			t.Errorf("got error %v, or a session of a disabled account", err)
		}
		_, err = p.SignIn(ctx, p.here, "olga@here.example", goodPassword, anyone, byTest)
		wantError(t, "switched off", err, ErrWrong)
		no := false
		if _, err := p.Change(ctx, p.here, a.ID, Changes{Disabled: &no}, Command(), byTest); err != nil || p.inside(t, p.here, cookie) {
			t.Errorf("got error %v, or the ended session back", err)
		}
		cookie = p.enter(t, p.here, "olga@here.example", goodPassword)
		if err := p.Remove(ctx, p.here, a.ID, Command(), byTest); err != nil || p.inside(t, p.here, cookie) {
			t.Errorf("got error %v, or a session of a removed account", err)
		}
	})
}

// TestOperator: an operator is an owner at every tenant, whoever has the
// address there.
func TestOperator(t *testing.T) {
	each(t, func(t *testing.T, p *place) {
		p.add(t, p.here, "op@here.example", Owner, true)
		p.add(t, p.here, "olga@here.example", Owner, false)
		cookie := p.enter(t, p.there, "op@here.example", goodPassword)
		actor, _, err := p.Check(t.Context(), p.there, cookie)
		if err != nil || !actor.May(Operate) || actor.Home != p.here.ID {
			t.Errorf("got %+v, %v, want the operator", actor, err)
		}
		if p.inside(t, p.here, cookie) {
			t.Error("got a session open at another tenant than the one of the sign-in")
		}
		_, err = p.SignIn(t.Context(), p.there, "olga@here.example", goodPassword, anyone, byTest)
		wantError(t, "an owner of another tenant", err, ErrWrong)
		// Not an operator any more: the session elsewhere is nothing.
		no := false
		if _, err := p.Change(t.Context(), p.here, actor.ID, Changes{Operator: &no}, Command(), byTest); err != nil {
			t.Fatal(err)
		}
		if p.inside(t, p.there, cookie) {
			t.Error("got a former operator's session open at another tenant")
		}
		if got := p.acts(t, p.there); got != "tenant_added admin_signed_in" {
			t.Errorf("got acts %q at the other tenant", got)
		}
	})
}

func TestChangePassword(t *testing.T) {
	each(t, func(t *testing.T, p *place) {
		ctx := t.Context()
		actor := actorOf(p.add(t, p.here, "olga@here.example", Owner, false))
		p.add(t, p.there, "olga@here.example", Owner, false)
		mine, other := p.enter(t, p.here, "olga@here.example", goodPassword), p.enter(t, p.here, "olga@here.example", goodPassword)
		elsewhere := p.enter(t, p.there, "olga@here.example", goodPassword)
		const fresh = "marble wagon thistle 9"
		wantInvalid(t, "a wrong old one", p.ChangePassword(ctx, p.here, actor, fresh, fresh, mine, byTest), "old_password")
		wantInvalid(t, "a weak one", p.ChangePassword(ctx, p.here, actor, goodPassword, "olga@here.example", mine, byTest), "password")
		if err := p.ChangePassword(ctx, p.here, actor, goodPassword, fresh, mine, byTest); err != nil {
			t.Fatal(err)
		}
		if !p.inside(t, p.here, mine) || p.inside(t, p.here, other) || !p.inside(t, p.there, elsewhere) {
			t.Error("got the wrong sessions ended, want the others of this account alone")
		}
		for range attemptsPerAddress {
			wantInvalid(t, "guessing", p.ChangePassword(ctx, p.here, actor, goodPassword, fresh, mine, byTest), "old_password")
		}
		var many *TooMany
		if err := p.ChangePassword(ctx, p.here, actor, fresh, goodPassword, mine, byTest); !errors.As(err, &many) {
			t.Errorf("got error %v after %d guesses, want too many", err, attemptsPerAddress)
		}
		// Ending the others keeps this one.
		again := p.enter(t, p.here, "olga@here.example", fresh)
		if err := p.EndOthers(ctx, actor, again, byTest); err != nil || p.inside(t, p.here, mine) || !p.inside(t, p.here, again) {
			t.Errorf("got error %v; want the other sessions ended", err)
		}
		if all, err := p.OwnSessions(ctx, actor); err != nil || len(all) != 1 || all[0].UserAgent != "Test/1" || all[0].Network != "192.0.2.0/24" {
			t.Errorf("got %+v, %v, want one session", all, err)
		}
	})
}

// TestAttempts: parallel guesses are counted, whether there is such an account
// or not; and the answers do not differ.
func TestAttempts(t *testing.T) {
	each(t, func(t *testing.T, p *place) {
		ctx := t.Context()
		p.add(t, p.here, "olga@here.example", Owner, false)
		for _, email := range []string{"olga@here.example", "nobody@here.example", "no address"} {
			var wrong, many atomic.Int64
			var all sync.WaitGroup
			for range attemptsPerAddress + 5 {
				all.Go(func() {
					_, err := p.SignIn(ctx, p.here, email, "a wrong password", anyone, byTest)
					var tooMany *TooMany
					switch {
					case errors.Is(err, ErrWrong):
						wrong.Add(1)
					case errors.As(err, &tooMany):
						many.Add(1)
					default:
						t.Errorf("got error %v", err)
					}
				})
			}
			all.Wait()
			if wrong.Load() != attemptsPerAddress || many.Load() != 5 {
				t.Errorf("%s: got %d checked and %d refused, want %d and 5", email, wrong.Load(), many.Load(), attemptsPerAddress)
			}
		}
		var tooMany *TooMany
		_, err := p.SignIn(ctx, p.here, "olga@here.example", goodPassword, anyone, byTest)
		if !errors.As(err, &tooMany) || tooMany.Wait <= 0 || tooMany.Wait > attemptWindow {
			t.Errorf("got error %v with the right password, want too many", err)
		}
		// Another network does not help with this address, and its own count
		// goes on.
		for i := range attemptsPerNetwork + 1 {
			_, err = p.SignIn(ctx, p.here, strings.Repeat("x", i%50+1)+"@here.example", "x", Client{IP: "2001:db8::1"}, byTest)
		}
		if !errors.As(err, &tooMany) {
			t.Errorf("got error %v after %d tries of one network, want too many", err, attemptsPerNetwork+1)
		}
		p.add(t, p.there, "olga@there.example", Owner, false)
		p.enter(t, p.there, "olga@there.example", goodPassword) // another tenant counts for itself
		p.wait(attemptWindow)
		p.enter(t, p.here, "olga@here.example", goodPassword)
		if err := p.store.SweepAdmins(ctx); err != nil {
			t.Fatal(err)
		}
		if got := p.db.Rows(t, `SELECT count(*) FROM admin_attempts WHERE tenant_id = $1`, p.here.ID); got[0] != "1" {
			t.Errorf("got %s rows of attempts after the window, want that of the last network", got[0])
		}
	})
}

// TestPasswordChangedMeanwhile: a sign-in that has checked the old password
// gets no session once there is another.
func TestPasswordChangedMeanwhile(t *testing.T) {
	each(t, func(t *testing.T, p *place) {
		a := p.add(t, p.here, "olga@here.example", Owner, false)
		stale := a
		stale.Password = "another hash"
		_, err := p.open(t.Context(), p.here, stale, "password", anyone, byTest)
		wantError(t, "another password", err, ErrWrong)
		if err := p.store.RehashAdmin(t.Context(), p.here.ID, a.ID, "not this", "x"); err != nil {
			t.Fatal(err)
		}
		p.enter(t, p.here, "olga@here.example", goodPassword)
	})
}

// TestRehash: a hash of older parameters is good, and made anew.
func TestRehash(t *testing.T) {
	each(t, func(t *testing.T, p *place) {
		a := p.add(t, p.here, "olga@here.example", Owner, false)
		const old = "$argon2id$v=19$m=64,t=1,p=1$c29tZXNhbHQ$tHhkTcNyVoxn42J/wWlI2w"
		h, ok := parsePHC(old)
		if !ok {
			t.Fatal("got the old hash refused")
		}
		h.sum = h.of(goodPassword)
		p.db.Exec(t, `UPDATE admins SET password = $1 WHERE id = $2`, h.phc(), a.ID)
		p.enter(t, p.here, "olga@here.example", goodPassword)
		if got := p.db.Rows(t, `SELECT password FROM admins WHERE id = $1`, a.ID)[0]; !strings.HasPrefix(got, "$argon2id$v=19$m=19456,t=2,p=1$") {
			t.Errorf("got %q, want a hash of today's parameters", got)
		}
		p.enter(t, p.here, "olga@here.example", goodPassword)
	})
}

func TestCookie(t *testing.T) {
	t.Parallel()
	good, _ := newSecret()
	if got, want := NewCookie(good).String(), "__Host-usher-admin="+good+"; Path=/; HttpOnly; Secure; SameSite=Lax"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	for _, tt := range []struct {
		lines []string
		want  string
	}{
		{[]string{CookieName + "=" + good}, good},
		{[]string{"a=b; " + CookieName + "=" + good + "; c=d"}, good},
		{[]string{CookieName + "=" + good, CookieName + "=" + good}, ""},
		{[]string{CookieName + "=" + good + "; " + CookieName + "=x"}, ""},
		{[]string{"__Host-usher=" + good}, ""},
		{[]string{CookieName + "=" + good[1:]}, ""},
		{nil, ""},
	} {
		if got := ReadCookie(&http.Request{Header: http.Header{"Cookie": tt.lines}}); got != tt.want {
			t.Errorf("%q: got %q, want %q", tt.lines, got, tt.want)
		}
	}
}

// FuzzPHC: what is read is what was written, and never costs too much.
func FuzzPHC(f *testing.F) {
	for _, seed := range []string{"", "$argon2id$v=19$m=19456,t=2,p=1$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", "$argon2id$v=19$m=4294967295,t=4294967295,p=255$AA$AA"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if h, ok := parsePHC(text); ok && (h.phc() != text || h.memory > 256*1024 || h.time > 16) {
			t.Errorf("%q: got %+v", text, h)
		}
	})
}

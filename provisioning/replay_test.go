package provisioning_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"math/big"
	"testing"
	"time"

	"usher/provisioning"
)

// wantRefused is refused without the look at the database.
func wantRefused(t testing.TB, err error, want provisioning.Reason) {
	t.Helper()
	var refusal *provisioning.Refusal
	if !errors.As(err, &refusal) || refusal.Reason != want {
		t.Errorf("got error %v, want %s", err, want)
	}
}

// forget runs the housekeeping of used tokens.
func (p *place) forget(t testing.TB) {
	t.Helper()
	if _, err := p.store.ForgetUsedTokens(t.Context(), 300*time.Second, 5000); err != nil {
		t.Fatalf("ForgetUsedTokens: %v", err)
	}
}

func TestReplay(t *testing.T) {
	play(t, []scenario{
		{name: "jti once", run: func(t *testing.T, p *place) {
			token := p.anna(claims{"jti": "once", "groups": []string{"staff"}})
			first := p.enter(t, token)
			p.mirror(t)
			p.refused(t, token, provisioning.TokenReplayed)
			// The same jti in another token, which would change something.
			p.refused(t, p.anna(claims{"jti": "once", "groups": []any{}}), provisioning.TokenReplayed)
			p.refused(t, p.anna(claims{"jti": "once", "sub": "bob", "email": "bob@example.com"}), provisioning.TokenReplayed)
			p.refused(t, p.anna(claims{"jti": "once", "iat": p.clock.now().Unix() - 10, "groups": []any{}}), provisioning.TokenReplayed)
			again, _ := p.redeem(t, token)
			if again.Spent != first.Spent || again.Target.Location() != "/inside" || again.UserID == "" && again.Integration.ID == "" {
				t.Errorf("got %+v beside the refusal, want what the session of this token needs to be sent on", again)
			}
			p.enter(t, p.anna(claims{"jti": "twice"}))
		}},
		{name: "jti of two integrations", run: func(t *testing.T, p *place) {
			other := p.install(t, provisioning.Settings{})
			p.enter(t, p.anna(claims{"jti": "once"}))
			p.mirror(t)
			other.enter(t, other.anna(claims{"jti": "once", "email": "other@example.com"}))
			other.refused(t, other.anna(claims{"jti": "once", "email": "other@example.com"}), provisioning.TokenReplayed)
		}},
		{name: "jti of two tenants", run: func(t *testing.T, p *place) {
			elsewhere := p.place(t, provisioning.Settings{})
			token := p.anna(claims{"jti": "once"})
			p.enter(t, token)
			p.mirror(t)
			elsewhere.enter(t, token)
			_, err := p.svc.Redeem(t.Context(), elsewhere.arrive(p.token(t, token)))
			wantRefused(t, err, provisioning.SignatureInvalid)
		}},
		{name: "no jti", run: func(t *testing.T, p *place) {
			token := p.anna(nil)
			first := p.enter(t, token)
			p.mirror(t)
			for range 3 {
				wantUser(t, p.enter(t, token), first.UserID)
			}
		}},
		{name: "no jti, single use", wish: provisioning.Settings{SingleUse: pointer(true)}, run: func(t *testing.T, p *place) {
			token := p.anna(nil)
			p.enter(t, token)
			p.mirror(t)
			p.refused(t, token, provisioning.TokenReplayed)
			p.enter(t, p.anna(claims{"exp": p.clock.now().Unix() + 60}))
		}},
		{name: "single use switched on", run: func(t *testing.T, p *place) {
			token := p.anna(nil)
			p.enter(t, token)
			p.mirror(t)
			p.change(t, provisioning.Settings{SingleUse: pointer(true)})
			p.refused(t, token, provisioning.TokenReplayed)
		}},
		{name: "a jti is no signing input", wish: provisioning.Settings{SingleUse: pointer(true)}, run: func(t *testing.T, p *place) {
			p.mirror(t)
			first := p.token(t, p.anna(nil))
			if _, err := p.svc.Redeem(t.Context(), p.arrive(first)); err != nil {
				t.Fatal(err)
			}
			signed := first[:len(first)-44]
			p.enter(t, p.anna(claims{"jti": signed}))
		}},
		{name: "a refused token is not spent", run: func(t *testing.T, p *place) {
			user := p.enter(t, p.anna(nil)).UserID
			p.mirror(t)
			token := p.anna(claims{"jti": "once"})
			p.disable(t, user)
			p.refused(t, token, provisioning.UserDisabled)
			if err := p.svc.SetDisabled(t.Context(), p.tenant, user, false, byAPI); err != nil {
				t.Fatal(err)
			}
			p.enter(t, token)
			p.refused(t, token, provisioning.TokenReplayed)

			token = p.anna(claims{"jti": "again", "sub": "anna-2"})
			p.refused(t, token, provisioning.SubjectConflict)
			p.enter(t, p.anna(claims{"email": "anna@new.example"}))
			p.enter(t, token)
		}},
		{name: "released", run: func(t *testing.T, p *place) {
			token := p.anna(claims{"jti": "once", "groups": []string{"staff"}})
			for range 2 { // changed, then unchanged
				signIn := p.enter(t, token)
				p.refused(t, token, provisioning.TokenReplayed)
				p.svc.Release(t.Context(), p.tenant.ID, signIn)
				wantSame(t, "used tokens", p.count(t, "used_tokens"), 0)
			}
			p.mirror(t)
			signIn := p.enter(t, token)
			// Only the sign-in that spent it can give it back.
			replayed, _ := p.redeem(t, token)
			p.svc.Release(t.Context(), p.tenant.ID, replayed)
			p.refused(t, token, provisioning.TokenReplayed)
			p.svc.Release(t.Context(), p.tenant.ID, signIn)
			p.enter(t, token)
		}},
		{name: "stale tokens are spent too", run: func(t *testing.T, p *place) {
			p.enter(t, p.anna(nil))
			p.mirror(t)
			token := p.anna(claims{"jti": "once", "iat": p.clock.now().Unix() - 5, "name": "old"})
			wantSame(t, "warnings", warnings(p.enter(t, token)), []string{"token_stale"})
			p.refused(t, token, provisioning.TokenReplayed)
		}},
	})
}

// TestReplayOfAnotherSignature counts a token with the other good signature of
// the same text as the same token.
func TestReplayOfAnotherSignature(t *testing.T) {
	eachPlace(t, provisioning.Settings{}, func(t *testing.T, p *place) {
		private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		der, err := x509.MarshalPKIXPublicKey(private.Public())
		if err != nil {
			t.Fatal(err)
		}
		public := string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}))
		n, err := p.svc.Install(t.Context(), p.tenant, provisioning.Settings{Name: pointer("ES"), SingleUse: pointer(true)},
			provisioning.NewKey{PublicKey: public}, byAPI)
		if err != nil {
			t.Fatal(err)
		}
		p.mirror(t)

		payload, err := json.Marshal(p.anna(nil))
		if err != nil {
			t.Fatal(err)
		}
		b64 := base64.RawURLEncoding.EncodeToString
		signed := b64([]byte(`{"alg":"ES256","kid":"`+n.Keys[0].ID+`"}`)) + "." + b64(payload)
		digest := sha256.Sum256([]byte(signed))
		r, s, err := ecdsa.Sign(rand.Reader, private, digest[:])
		if err != nil {
			t.Fatal(err)
		}
		token := func(s *big.Int) string {
			return signed + "." + b64(append(r.FillBytes(make([]byte, 32)), s.FillBytes(make([]byte, 32))...))
		}
		if _, err := p.svc.Redeem(t.Context(), p.arrive(token(s))); err != nil {
			t.Fatal(err)
		}
		for _, text := range []string{token(s), token(new(big.Int).Sub(elliptic.P256().Params().N, s))} {
			_, err := p.svc.Redeem(t.Context(), p.arrive(text))
			wantRefused(t, err, provisioning.TokenReplayed)
		}
	})
}

// TestForgetUsedTokens forgets a token when no older one can arrive any more,
// and not before.
func TestForgetUsedTokens(t *testing.T) {
	named := func(p *place, offset int64, name string, more claims) claims {
		c := p.anna(claims{"name": name, "iat": p.clock.now().Unix() + offset})
		for key, value := range more {
			c[key] = value
		}
		return c
	}
	// Each of its own world: housekeeping crosses tenants.
	for _, test := range []struct {
		name string
		wish provisioning.Settings
		run  func(t *testing.T, p *place)
	}{
		{"after max-age and the largest leeway", provisioning.Settings{}, func(t *testing.T, p *place) {
			token := p.anna(claims{"jti": "once"})
			p.enter(t, token)
			p.clock.advance(480 * time.Second)
			p.forget(t)
			wantSame(t, "used tokens", p.count(t, "used_tokens"), 1)
			p.clock.advance(time.Second)
			before := p.written(t)
			p.forget(t)
			wantSame(t, "used tokens", p.count(t, "used_tokens"), 0)
			wantSame(t, "the user's rows", p.written(t), before)
			p.refused(t, token, provisioning.TokenTooOld)
		}},
		{"no max-age, no exp", provisioning.Settings{MaxAge: new(int64)}, func(t *testing.T, p *place) {
			p.enter(t, p.anna(claims{"jti": "once"}))
			p.clock.advance(50 * 365 * 24 * time.Hour)
			p.forget(t)
			wantSame(t, "used tokens", p.count(t, "used_tokens"), 1)
		}},
		{"no max-age, newest iat kept", provisioning.Settings{MaxAge: new(int64)}, func(t *testing.T, p *place) {
			start := p.clock.now().Unix()
			p.enter(t, named(p, 0, "new", nil))
			// Unchanged, so that only its used token tells that it is newer.
			p.enter(t, named(p, 20, "new", claims{"exp": start + 60}))
			old := named(p, 10, "old", nil)
			p.clock.advance(361 * time.Second)
			p.forget(t)
			wantSame(t, "used tokens", p.count(t, "used_tokens"), 1)
			wantSame(t, "warnings", warnings(p.enter(t, old)), []string{"token_stale"})
		}},
		{"max-age, exp comes first", provisioning.Settings{MaxAge: pointer[int64](86400)}, func(t *testing.T, p *place) {
			start := p.clock.now().Unix()
			p.enter(t, named(p, 0, "new", nil))
			p.enter(t, named(p, 20, "new", claims{"exp": start + 60}))
			old := named(p, 10, "old", nil)
			p.clock.advance(time.Hour)
			p.forget(t)
			wantSame(t, "warnings", warnings(p.enter(t, old)), []string{"token_stale"})
			p.clock.advance(24 * time.Hour)
			p.forget(t)
			wantSame(t, "used tokens", p.count(t, "used_tokens"), 0)
		}},
		{"max-age, exp comes first, seldom looked at", provisioning.Settings{MaxAge: pointer[int64](86400)}, func(t *testing.T, p *place) {
			p.enter(t, p.anna(claims{"exp": p.clock.now().Unix() + 60}))
			wantSame(t, "when to look", p.db.Rows(t, `SELECT expires_at - issued_at FROM used_tokens`), []string{"86700000000"})
		}},
		{"max-age made longer", provisioning.Settings{}, func(t *testing.T, p *place) {
			tokens := []claims{}
			for i, age := range []int64{0, 30, 60, 200} {
				c := p.anna(claims{"jti": string(rune('a' + i)), "iat": p.clock.now().Unix() - age})
				tokens = append(tokens, c)
				p.enter(t, c)
			}
			for range 30 {
				p.clock.advance(20 * time.Second)
				p.forget(t)
				p.change(t, provisioning.Settings{MaxAge: pointer[int64](86400)})
				p.forget(t)
				for _, c := range tokens {
					if _, err := p.redeem(t, c); err == nil {
						t.Errorf("%v after %v: got a second sign-in, want none", c, p.clock.now().Sub(epoch))
					}
				}
				// It is tight most of the time.
				p.change(t, provisioning.Settings{MaxAge: pointer[int64](180)})
			}
			wantSame(t, "used tokens", p.count(t, "used_tokens"), 0)
		}},
		{"max-age made longer once", provisioning.Settings{}, func(t *testing.T, p *place) {
			token := p.anna(claims{"jti": "once"})
			p.enter(t, token)
			p.change(t, provisioning.Settings{MaxAge: pointer[int64](86400)})
			for _, step := range []time.Duration{time.Hour, time.Hour, 21 * time.Hour} {
				p.clock.advance(step)
				p.forget(t)
				p.refused(t, token, provisioning.TokenReplayed)
			}
			p.clock.advance(2 * time.Hour)
			p.forget(t)
			wantSame(t, "used tokens", p.count(t, "used_tokens"), 0)
		}},
		{"max-age taken away", provisioning.Settings{}, func(t *testing.T, p *place) {
			short, long := p.anna(claims{"jti": "short", "exp": p.clock.now().Unix() + 7200}), p.anna(claims{"jti": "long"})
			p.enter(t, short)
			p.enter(t, long)
			p.change(t, provisioning.Settings{MaxAge: new(int64)})
			p.clock.advance(time.Hour)
			p.forget(t)
			p.refused(t, short, provisioning.TokenReplayed)
			p.clock.advance(1000 * time.Hour)
			p.forget(t)
			p.refused(t, short, provisioning.TokenExpired)
			p.refused(t, long, provisioning.TokenReplayed)
			wantSame(t, "used tokens", p.count(t, "used_tokens"), 1)
		}},
		{"the largest exp", provisioning.Settings{MaxAge: new(int64)}, func(t *testing.T, p *place) {
			token := p.anna(claims{"jti": "once", "exp": 99999999999})
			p.enter(t, token)
			p.clock.advance(time.Hour)
			p.forget(t)
			p.refused(t, token, provisioning.TokenReplayed)
			p.enter(t, p.anna(claims{"jti": "twice", "exp": 99999999999}))
		}},
		{"no iat, then a max-age and none again", provisioning.Settings{MaxAge: new(int64)}, func(t *testing.T, p *place) {
			token := p.anna(claims{"jti": "once", "exp": p.clock.now().Unix() + 7200, "iat": nil})
			p.enter(t, token)
			p.change(t, provisioning.Settings{MaxAge: pointer[int64](180)})
			p.clock.advance(time.Hour)
			p.forget(t)
			p.change(t, provisioning.Settings{MaxAge: new(int64)})
			p.refused(t, token, provisioning.TokenReplayed)
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			eachPlace(t, test.wish, func(t *testing.T, p *place) {
				test.run(t, p)
			})
		})
	}
}

// TestForgetInBatches goes through more rows than one batch.
func TestForgetInBatches(t *testing.T) {
	eachPlace(t, provisioning.Settings{}, func(t *testing.T, p *place) {
		for i := range 7 {
			p.enter(t, p.anna(claims{"jti": string(rune('a' + i)), "iat": p.clock.now().Unix() + int64(i)}))
		}
		p.clock.advance(time.Hour)
		total := 0
		for range 4 {
			n, err := p.store.ForgetUsedTokens(t.Context(), 300*time.Second, 2)
			if err != nil {
				t.Fatal(err)
			}
			total += n
		}
		wantSame(t, "seen", total, 7)
		wantSame(t, "used tokens", p.count(t, "used_tokens"), 0)
		if n, err := p.store.ForgetUsedTokens(t.Context(), 0, 2); n != 0 || err != nil {
			t.Errorf("nothing left: got %d, error %v, want 0", n, err)
		}
	})
}

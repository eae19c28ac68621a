package admins

import (
	"strings"
	"testing"
)

// TestAPIKeyRate: a key has the rate that it is given, and the usual one else; what
// is no rate, another tenant and a revoked key change nothing.
func TestAPIKeyRate(t *testing.T) {
	each(t, func(t *testing.T, p *place) {
		ctx := t.Context()
		owner := actorOf(p.add(t, p.here, "olga@here.example", Owner, false))
		make := func(rate *int64) (APIKey, string) {
			k, key, err := p.MakeAPIKey(ctx, p.here, NewAPIKey{Name: "sync", Scopes: []Scope{ReadUsers}, Rate: rate}, owner, byTest)
			if err != nil {
				t.Fatal(err)
			}
			return k, key
		}
		is := func(what, key string, want int64) {
			t.Helper()
			if actor, err := p.KeyHolder(ctx, p.here, key); err != nil || actor.Rate != want {
				t.Errorf("%s: got the rate %d, error %v, want %d", what, actor.Rate, err, want)
			}
		}
		seven := int64(7)
		_, own := make(&seven)
		is("a rate of its own", own, 7)
		k, key := make(nil)
		is("none said", key, UsualRate)
		if changed, err := p.ChangeAPIKey(ctx, p.here, k.ID, 0, byTest); err != nil || changed.Rate != 0 {
			t.Errorf("got %+v, error %v", changed, err)
		}
		is("any number", key, 0)
		for _, rate := range []int64{UsualRate - 1, 100_001} {
			_, err := p.ChangeAPIKey(ctx, p.here, k.ID, rate, byTest)
			wantInvalid(t, "no rate", err, "rate")
			_, _, err = p.MakeAPIKey(ctx, p.here, NewAPIKey{Name: "x", Scopes: []Scope{ReadUsers}, Rate: &rate}, owner, byTest)
			wantInvalid(t, "a new key with none", err, "rate")
		}
		_, err := p.ChangeAPIKey(ctx, p.there, k.ID, 1, byTest)
		wantError(t, "at another tenant", err, ErrNotFound)
		is("after what was refused", key, 0)
		if _, err := p.ChangeAPIKey(ctx, p.here, k.ID, 0, byTest); err != nil {
			t.Error(err) // the same again is no act
		}
		if err := p.RevokeAPIKey(ctx, p.here, k.ID, byTest); err != nil {
			t.Fatal(err)
		}
		_, err = p.ChangeAPIKey(ctx, p.here, k.ID, 1, byTest)
		wantError(t, "revoked", err, ErrNotFound)
		if got := p.acts(t, p.here); !strings.HasSuffix(got, "api_key_made api_key_made api_key_changed api_key_revoked") {
			t.Errorf("got acts %q", got)
		}
	})
}

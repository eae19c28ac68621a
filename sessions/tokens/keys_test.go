package tokens_test

import (
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"usher/sessions/tokens"
	"usher/sql/store"
	"usher/sql/store/storetest"
)

// addTenant makes a tenant.
func addTenant(t testing.TB, s *store.Store) string {
	t.Helper()
	tenant := newID(t)
	err := s.AddTenant(t.Context(), store.Tenant{ID: tenant, Name: "T", Hosts: []string{tenant + ".example"}, CreatedAt: epoch}, nil,
		store.Act{By: byTest, Action: "made", Object: "test"})
	if err != nil {
		t.Fatal(err)
	}
	return tenant
}

// served returns the kids of a tenant's JWKS.
func served(t *testing.T, service *tokens.Tokens, tenant string) []string {
	t.Helper()
	text, err := service.JWKS(t.Context(), tenant)
	if err != nil {
		t.Fatalf("JWKS: %v", err)
	}
	var set struct {
		Keys []struct {
			KID string `json:"kid"`
		} `json:"keys"`
	}
	if err := json.Unmarshal(text, &set); err != nil {
		t.Fatalf("JWKS: %v", err)
	}
	var kids []string
	for _, key := range set.Keys {
		kids = append(kids, key.KID)
	}
	return kids
}

// sign returns a token and the kid of the key that has signed it.
func sign(t *testing.T, service *tokens.Tokens, tenant, algorithm string) (token, kid string) {
	t.Helper()
	token, err := service.Sign(t.Context(), tenant, algorithm, "JWT", map[string]string{"sub": "anna"})
	if err != nil {
		t.Fatalf("Sign: %v", err)
	}
	_, header, err := service.VerifyOwn(t.Context(), tenant, token)
	if err != nil {
		t.Fatalf("VerifyOwn: %v", err)
	}
	return token, header.KeyID
}

func same[T any](t *testing.T, what string, got, want T) {
	t.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", what, diff)
	}
}

func TestSigningKeyLife(t *testing.T) {
	t.Parallel()
	storetest.EachDatabase(t, func(t *testing.T, db *storetest.Database) {
		at := epoch
		now := func() time.Time { return at }
		s := db.Open(t, now)
		service, second, ctx := open(s, now), open(db.Open(t, now), now), t.Context()
		tenant, other := addTenant(t, s), addTenant(t, s)
		states := func() []string {
			t.Helper()
			keys, next, err := second.SigningKeys(ctx, tenant, 0, 10)
			if err != nil || next != 0 {
				t.Fatalf("SigningKeys: got next %d, error %v", next, err)
			}
			var states []string
			for _, k := range keys {
				states = append(states, k.ID+" "+string(k.State))
			}
			return states
		}
		accepted := func(what, token string, want error) {
			t.Helper()
			for name, instance := range map[string]*tokens.Tokens{"one": service, "two": second} {
				if _, _, err := instance.VerifyOwn(ctx, tenant, token); !errors.Is(err, want) {
					t.Errorf("%s, instance %s: got error %v, want %v", what, name, err, want)
				}
			}
		}

		// The first key is made on first need and signs at once.
		oldToken, old := sign(t, service, tenant, "")
		same(t, "JWKS of the other instance", served(t, second, tenant), []string{old})
		same(t, "states", states(), []string{old + " active"})
		accepted("the first token", oldToken, nil)

		// A successor stands in the JWKS for an hour before it signs.
		next, err := service.Rotate(ctx, tenant, "", byTest)
		if err != nil || next.State != tokens.KeyNext || !next.ActiveAt.Equal(epoch.Add(tokens.NoticeTime)) {
			t.Fatalf("Rotate: got %+v, error %v", next, err)
		}
		same(t, "JWKS", served(t, service, tenant), []string{old, next.ID})
		same(t, "states", states(), []string{next.ID + " next", old + " active"})
		if _, err := second.Rotate(ctx, tenant, "ES256", byTest); !errors.Is(err, tokens.ErrKeyWaits) {
			t.Errorf("rotating again: got error %v, want %v", err, tokens.ErrKeyWaits)
		}
		at = epoch.Add(tokens.NoticeTime - time.Microsecond)
		lastToken, kid := sign(t, second, tenant, "")
		same(t, "signer until then", kid, old)
		at = epoch.Add(tokens.NoticeTime)
		newToken, kid := sign(t, service, tenant, "")
		same(t, "signer from then on", kid, next.ID)
		same(t, "JWKS", served(t, second, tenant), []string{next.ID, old})
		same(t, "states", states(), []string{next.ID + " active", old + " retired"})
		accepted("the last token of the old key", lastToken, nil)

		// At retirement the private part goes, the public one stays.
		at = epoch.Add(tokens.NoticeTime + 2*time.Minute)
		service.TendKeys(ctx)
		same(t, "keys with and without a private part", db.Rows(t,
			`SELECT kid || ' ' || CASE WHEN private_key IS NULL THEN 'destroyed' ELSE 'sealed' END FROM signing_keys ORDER BY number`),
			[]string{old + " destroyed", next.ID + " sealed"})
		accepted("a token of the old key", oldToken, nil)

		// It is served until its last token has ended.
		at = epoch.Add(tokens.NoticeTime + tokens.MaxTokenLife)
		accepted("a token of the old key with the longest life", lastToken, nil)
		at = at.Add(5 * time.Minute)
		accepted("a token of a key that is gone", lastToken, tokens.ErrInvalid)
		same(t, "JWKS", served(t, second, tenant), []string{next.ID})
		same(t, "states", states(), []string{next.ID + " active", old + " gone"})
		accepted("a token of the new key", newToken, nil)

		// Ninety days after it became active a key gets a successor by itself.
		at = epoch.Add(tokens.NoticeTime + tokens.KeyLife)
		service.TendKeys(ctx)
		same(t, "states", states(), []string{next.ID + " active"})
		at = at.Add(time.Microsecond)
		service.TendKeys(ctx)
		second.TendKeys(ctx)
		keys, _, err := service.SigningKeys(ctx, tenant, 0, 10)
		if err != nil || len(keys) != 2 || keys[0].State != tokens.KeyNext || keys[1].ID != next.ID {
			t.Errorf("after ninety days: got %+v, error %v", keys, err)
		}

		// Nothing of this is another tenant's.
		if _, _, err := service.VerifyOwn(ctx, other, newToken); !errors.Is(err, tokens.ErrInvalid) {
			t.Errorf("at another tenant: got error %v, want %v", err, tokens.ErrInvalid)
		}
		if got := served(t, service, other); len(got) != 1 || slices.Contains(got, next.ID) {
			t.Errorf("JWKS of another tenant: got %v", got)
		}
		for _, row := range db.Dump(t, tenant) {
			if strings.Contains(row, "PRIVATE") || strings.Contains(row, `"d":`) {
				t.Errorf("got a private key in clear: %s", row)
			}
		}
	})
}

func TestRotateNow(t *testing.T) {
	t.Parallel()
	storetest.EachDatabase(t, func(t *testing.T, db *storetest.Database) {
		at := epoch
		now := func() time.Time { return at }
		s := db.Open(t, now)
		service, second, ctx := open(s, now), open(db.Open(t, now), now), t.Context()
		tenant, other := addTenant(t, s), addTenant(t, s)
		foreign, _ := sign(t, service, other, "")
		rsa, rsaKey := sign(t, service, tenant, tokens.RS256)
		leaked, old := sign(t, service, tenant, "")
		if _, _, err := second.VerifyOwn(ctx, tenant, leaked); err != nil {
			t.Fatal(err)
		}
		waiting, err := service.Rotate(ctx, tenant, "", byTest)
		if err != nil {
			t.Fatal(err)
		}
		at = epoch.Add(time.Minute)
		fresh, err := service.RotateNow(ctx, tenant, "", byTest)
		if err != nil || fresh.State != tokens.KeyActive {
			t.Fatalf("RotateNow: got %+v, error %v", fresh, err)
		}
		token, kid := sign(t, service, tenant, "")
		same(t, "signer", kid, fresh.ID)
		if _, _, err := second.VerifyOwn(ctx, tenant, token); err != nil {
			t.Errorf("a kid that the other instance has not seen: %v", err)
		}
		for name, instance := range map[string]*tokens.Tokens{"one": service, "two": second} {
			if _, _, err := instance.VerifyOwn(ctx, tenant, leaked); !errors.Is(err, tokens.ErrInvalid) {
				t.Errorf("a token of the leaked key, instance %s: got error %v, want %v", name, err, tokens.ErrInvalid)
			}
			if _, _, err := instance.VerifyOwn(ctx, tenant, rsa); err != nil {
				t.Errorf("a token of a key for another algorithm, instance %s: %v", name, err)
			}
			if _, _, err := instance.VerifyOwn(ctx, other, foreign); err != nil {
				t.Errorf("a token of another tenant, instance %s: %v", name, err)
			}
			same(t, "JWKS", served(t, instance, tenant), []string{fresh.ID, rsaKey})
		}
		same(t, "keys with a private part", db.Rows(t,
			`SELECT CAST(number AS text) FROM signing_keys WHERE tenant_id = '`+tenant+`' AND private_key IS NOT NULL ORDER BY number`),
			[]string{"1", "4"})
		keys, _, err := service.SigningKeys(ctx, tenant, 4, 2)
		if err != nil || len(keys) != 2 || keys[0].ID != waiting.ID || keys[0].State != tokens.KeyGone || keys[1].ID != old {
			t.Errorf("the second page: got %+v, error %v", keys, err)
		}
		acts := db.Rows(t, `SELECT action || ' ' || object || ' ' || detail FROM audit_log WHERE tenant_id = '`+tenant+`' ORDER BY seq DESC LIMIT 1`)
		same(t, "audit", acts, []string{
			"signing_key_rotated signing_key " + fresh.ID +
				` {"active_at":"2026-05-04T09:01:00Z","algorithm":"ES256","others_invalid":true}`,
		})
	})
}

func TestRotateUnknownAlgorithm(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		service, tenant := open(s, time.Now), addTenant(t, s)
		for _, algorithm := range []string{"HS256", "none", "es256", "RS512"} {
			var invalid *tokens.Invalid
			if _, err := service.Rotate(t.Context(), tenant, algorithm, byTest); !errors.As(err, &invalid) || invalid.Field != "algorithm" {
				t.Errorf("Rotate %s: got error %v", algorithm, err)
			}
			if _, err := service.Sign(t.Context(), tenant, algorithm, "JWT", nil); !errors.As(err, &invalid) {
				t.Errorf("Sign %s: got error %v", algorithm, err)
			}
		}
	})
}

func TestWrongMasterKey(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		tenant := addTenant(t, s)
		right := open(s, time.Now)
		if err := right.CheckMasterKey(t.Context()); err != nil {
			t.Errorf("without keys: %v", err)
		}
		sign(t, right, tenant, "")
		if err := right.CheckMasterKey(t.Context()); err != nil {
			t.Errorf("with the right one: %v", err)
		}
		wrong := tokens.New(s, testSealer("two"), time.Now, quiet)
		if err := wrong.CheckMasterKey(t.Context()); !errors.Is(err, errWrongMasterKey) {
			t.Errorf("with another: got error %v, want %v", err, errWrongMasterKey)
		}
		if _, err := wrong.Sign(t.Context(), tenant, "", "JWT", nil); !errors.Is(err, errWrongMasterKey) {
			t.Errorf("Sign: got error %v, want %v", err, errWrongMasterKey)
		}
		if keys, _, err := right.SigningKeys(t.Context(), tenant, 0, 10); err != nil || len(keys) != 1 {
			t.Errorf("got keys %+v, error %v, want the one from before", keys, err)
		}
	})
}

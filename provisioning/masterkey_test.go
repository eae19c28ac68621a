package provisioning_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"testing"
	"time"

	"usher/provisioning"
)

// The master keys of these tests: that of newWorld, and the one that takes its place.
var (
	oldMaster   = []byte("0123456789abcdef0123456789abcdef")
	newMaster   = []byte("fedcba9876543210fedcba9876543210")
	otherMaster = []byte("another key of thirty-two bytes!")
)

// under is a service of an instance that has master keys. What else is made of the
// world from then on has them too.
func (w *world) under(t *testing.T, present []byte, others ...[]byte) *provisioning.Service {
	t.Helper()
	sealer, err := provisioning.NewSealer(present, others...)
	if err != nil {
		t.Fatal(err)
	}
	if sealer, err = provisioning.KeepDigestKey(t.Context(), w.store, sealer); err != nil {
		t.Fatalf("KeepDigestKey: %v", err)
	}
	w.sealer = sealer
	return w.service(w.store)
}

func quietly(int64, int64) {}

// rotate seals everything anew.
func (p *place) rotate(t *testing.T, s *provisioning.Service) provisioning.Resealing {
	t.Helper()
	done, err := s.RotateMasterKey(t.Context(), p.tenant, quietly, byAPI)
	if err != nil {
		t.Fatalf("RotateMasterKey: %v", err)
	}
	return done
}

// lasting says how many values are sealed under which master key: "present 3,
// previous 0".
func lasting(t *testing.T, s *provisioning.Service) string {
	t.Helper()
	keys, err := s.MasterKeys(t.Context(), false)
	if err != nil {
		t.Fatal(err)
	}
	var said []string
	for _, k := range keys {
		state := "missing"
		if k.Present {
			state = "present"
		} else if k.Configured {
			state = "previous"
		}
		said = append(said, fmt.Sprint(state, " ", k.Lasting))
	}
	return strings.Join(said, ", ")
}

// TestMasterKeyRotation: what every tenant has is sealed anew, links that were
// signed before and after open, and the erased stay out, with the new key alone.
func TestMasterKeyRotation(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.svc = w.under(t, oldMaster)
		p, elsewhere := w.place(t, provisioning.Settings{}), w.place(t, provisioning.Settings{})
		erased := p.enter(t, p.anna(nil))
		if err := w.svc.Erase(t.Context(), p.tenant, erased.UserID, byAPI); err != nil {
			t.Fatal(err)
		}
		before := p.token(t, claims{"sub": "bob", "email": "bob@example.com", "iat": p.clock.now().Unix()})

		// Instances are started one after the other: each opens what the others seal.
		first := w.under(t, oldMaster, newMaster)
		second := w.under(t, newMaster, oldMaster)
		for _, s := range []*provisioning.Service{first, second} {
			if err := s.CheckMasterKey(t.Context()); err != nil {
				t.Errorf("CheckMasterKey: %v", err)
			}
		}
		w.svc = second
		late := p.install(t, provisioning.Settings{})
		w.svc = first
		late.enter(t, claims{"sub": "carl", "email": "carl@example.com", "iat": p.clock.now().Unix()})
		wantSame(t, "before", lasting(t, second), "present 1, previous 3")

		w.svc = second
		wantSame(t, "rotation", p.rotate(t, second), provisioning.Resealing{Resealed: 3})
		wantSame(t, "after", lasting(t, second), "present 4, previous 0")
		wantSame(t, "again", p.rotate(t, second), provisioning.Resealing{})
		wantSame(t, "acts", p.db.Rows(t, `
SELECT count(*), count(DISTINCT object) FROM audit_log WHERE tenant_id = $1 AND action = 'master_key_rotated'`, p.tenant.ID), []string{"2|1"})

		w.svc = w.under(t, newMaster)
		if err := w.svc.CheckMasterKey(t.Context()); err != nil {
			t.Errorf("CheckMasterKey with the new key alone: %v", err)
		}
		if _, err := w.svc.Redeem(t.Context(), p.arrive(before)); err != nil {
			t.Errorf("a link that was signed before: %v", err)
		}
		p.refused(t, p.anna(nil), provisioning.UserDisabled)
		elsewhere.enter(t, elsewhere.anna(nil))
		late.enter(t, claims{"sub": "dora", "email": "dora@example.com", "iat": p.clock.now().Unix()})
	})
}

// TestMasterKeyMissing: an instance that lacks a key that is needed says which.
func TestMasterKeyMissing(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.svc = w.under(t, oldMaster)
		p := w.place(t, provisioning.Settings{})
		second := w.under(t, newMaster, oldMaster)
		p.partner = p.install(t, provisioning.Settings{})
		oldID, newID := keyID(t, oldMaster), keyID(t, newMaster)

		sealer, err := provisioning.NewSealer(newMaster, otherMaster)
		if err != nil {
			t.Fatal(err)
		}
		_, err = provisioning.KeepDigestKey(t.Context(), w.store, sealer)
		var missing *provisioning.UnknownMasterKey
		if !errors.As(err, &missing) || !errors.Is(err, provisioning.ErrSealedElsewhere) {
			t.Fatalf("KeepDigestKey: got %v, want an UnknownMasterKey", err)
		}
		wantSame(t, "missing", *missing, provisioning.UnknownMasterKey{
			IDs: []string{oldID}, Values: 3, Configured: []string{newID, keyID(t, otherMaster)},
		})

		// One value that the rotation cannot open stays, and is told.
		p.db.Exec(t, `UPDATE integration_keys SET sealed_secret = (SELECT sealed FROM kept_keys) WHERE id = $1`, p.key.ID)
		wantSame(t, "rotation", p.rotate(t, second), provisioning.Resealing{Resealed: 2, Closed: 1})
		wantSame(t, "left", lasting(t, second), "present 2, previous 1")
		without := provisioning.New(w.store, sealer, w.ender, w.clock.now, slog.New(slog.NewTextHandler(io.Discard, nil)))
		if err := without.CheckMasterKey(t.Context()); !errors.As(err, &missing) || missing.Values != 1 {
			t.Errorf("CheckMasterKey: got %v, want one value that is missing its key", err)
		}
	})
}

func keyID(t *testing.T, master []byte) string {
	t.Helper()
	sealer, err := provisioning.NewSealer(master)
	if err != nil {
		t.Fatal(err)
	}
	return sealer.KeyIDs()[0]
}

// TestMasterKeyRotationInterrupted: what was done stays done, and the next run
// goes on.
func TestMasterKeyRotationInterrupted(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.svc = w.under(t, oldMaster)
		p := w.place(t, provisioning.Settings{})
		const keys = 150
		for i := range keys - 1 {
			p.db.Exec(t, `
INSERT INTO integration_keys (tenant_id, id, integration_id, algorithm, sealed_secret, created_at, retires_at)
VALUES ($1, $2, $3, 'HS256', $4, $5, $5)`, p.tenant.ID, fmt.Sprintf("key-%03d", i), p.ID,
				w.sealer.Seal([]byte(p.Secret), p.tenant.ID, "integration_keys", fmt.Sprintf("key-%03d", i), "sealed_secret"), w.clock.now())
		}
		s := w.under(t, newMaster, oldMaster)
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		done, err := s.RotateMasterKey(ctx, p.tenant, func(done, total int64) {
			wantSame(t, "total", total, int64(keys+1))
			cancel()
		}, byAPI)
		if !errors.Is(err, context.Canceled) || done.Resealed == 0 || done.Resealed >= keys {
			t.Fatalf("interrupted: got %+v and %v, want a part of %d and the interruption", done, err, keys)
		}
		p.enter(t, p.anna(nil))
		rest := p.rotate(t, s)
		wantSame(t, "in two runs", done.Resealed+rest.Resealed, int64(keys+1))
		wantSame(t, "after", lasting(t, s), fmt.Sprintf("present %d, previous 0", keys+1))
		w.svc = w.under(t, newMaster)
		p.enter(t, p.anna(claims{"iat": w.clock.now().Add(time.Second).Unix(), "name": "Anna"}))
	})
}

// TestMasterKeyRotationAmongSignIns: people sign in, an integration and a webhook
// get new secrets, and two rotations at once seal everything anew. Nobody is
// refused, and nothing is lost.
func TestMasterKeyRotationAmongSignIns(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.svc = w.under(t, oldMaster)
		p, elsewhere := w.place(t, provisioning.Settings{}), w.place(t, provisioning.Settings{})
		h := elsewhere.hook(t)
		instances := []*provisioning.Service{w.under(t, newMaster, oldMaster), w.under(t, newMaster, oldMaster)}
		for range 10 {
			p.install(t, provisioning.Settings{})
		}
		hooks := w.webhooks(w.store, h.to)
		const added = 4
		together(4+2*added, func(i int) {
			s := instances[i%2]
			switch {
			case i < 2:
				if _, err := s.RotateMasterKey(t.Context(), p.tenant, quietly, byAPI); err != nil {
					t.Errorf("RotateMasterKey: %v", err)
				}
			case i < 4:
				for k := range 5 {
					c := claims{"sub": fmt.Sprint(i, k), "email": fmt.Sprintf("p%d-%d@example.com", i, k), "iat": p.clock.now().Unix()}
					if _, err := p.open(t, s, c); err != nil {
						t.Errorf("sign-in: %v", err)
					}
				}
			case i < 4+added:
				if _, err := hooks.Roll(t.Context(), h.tenant.ID, h.Webhook.ID, time.Hour, byAPI); err != nil {
					t.Errorf("Roll: %v", err)
				}
			default:
				if _, _, err := s.AddKey(t.Context(), elsewhere.tenant, elsewhere.ID, provisioning.NewKey{}, byAPI); err != nil {
					t.Errorf("AddKey: %v", err)
				}
			}
		})
		p.rotate(t, instances[0])
		w.svc = w.under(t, newMaster)
		wantSame(t, "after", lasting(t, w.svc), fmt.Sprintf("present %d", 1+1+10+1+added+1+added))
		p.enter(t, p.anna(nil))
		elsewhere.enter(t, elsewhere.anna(nil))
		found, err := w.svc.TrySecrets(t.Context(), elsewhere.tenant)
		if err != nil || found.Opened != 1+added || len(found.Elsewhere)+len(found.Broken) > 0 {
			t.Errorf("TrySecrets: got %+v, %v, want %d opened", found, err, 1+added)
		}
		h.hooks = w.webhooks(w.store, h.to)
		got := h.work(t)
		if len(got) == 0 || len(strings.Fields(got[0].header.Get("webhook-signature"))) != 1+added {
			t.Errorf("deliveries: got %v, want some, with %d signatures", got, 1+added)
		}
	})
}

// TestDigestKeyOfManyKeys: the key of digests is that under which the data was
// made, whichever key stands first at the first start that keeps it.
func TestDigestKeyOfManyKeys(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		p := w.place(t, provisioning.Settings{}) // as before there were kept keys
		digest := w.sealer.Digest("x", "place")
		for _, keys := range [][2][]byte{{newMaster, oldMaster}, {oldMaster, newMaster}} {
			w.db.Exec(t, `DELETE FROM kept_keys`)
			wantSame(t, "digest", digestUnder(t, w, keys), digest)
			wantSame(t, "digest, kept", digestUnder(t, w, [2][]byte{keys[1], keys[0]}), digest)
		}

		// Nothing is sealed, and somebody was erased: it cannot be known.
		erased := p.enter(t, p.anna(nil))
		if err := w.svc.Erase(t.Context(), p.tenant, erased.UserID, byAPI); err != nil {
			t.Fatal(err)
		}
		w.db.Exec(t, `DELETE FROM kept_keys`)
		w.db.Exec(t, `DELETE FROM integration_keys`)
		sealer, err := provisioning.NewSealer(newMaster, oldMaster)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := provisioning.KeepDigestKey(t.Context(), w.store, sealer); !errors.Is(err, provisioning.ErrDigestKeyUnknown) {
			t.Errorf("KeepDigestKey: got %v, want %v", err, provisioning.ErrDigestKeyUnknown)
		}
		wantSame(t, "kept", w.db.Rows(t, `SELECT count(*) FROM kept_keys`), []string{"0"})
	})
}

func digestUnder(t *testing.T, w *world, keys [2][]byte) []byte {
	t.Helper()
	sealer, err := provisioning.NewSealer(keys[0], keys[1])
	if err != nil {
		t.Fatal(err)
	}
	if sealer, err = provisioning.KeepDigestKey(t.Context(), w.store, sealer); err != nil {
		t.Fatalf("KeepDigestKey: %v", err)
	}
	return sealer.Digest("x", "place")
}

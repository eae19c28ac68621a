package provisioning_test

import (
	"log/slog"
	"testing"
	"time"

	"usher/provisioning"
	"usher/sql/store"
)

// TestChangedElsewhere: an instance that has the keys and settings at hand refuses
// nothing by them that has been changed at another one. The bound is reloadPause.
func TestChangedElsewhere(t *testing.T) {
	page := "https://partner.example/in"
	for _, test := range []struct {
		name     string
		from, to provisioning.Settings
		retire   bool
		say      claims
		event    bool
		before   provisioning.Reason // what the instance says by its old settings
		then     provisioning.Reason // "" = it lets in
	}{
		{
			name: "a partner may disable", to: provisioning.Settings{AllowDisable: pointer(true)},
			say: claims{"event": "disable"}, event: true, before: provisioning.ClaimInvalid,
		},
		{
			name: "no nonce is asked for", from: provisioning.Settings{RequireNonce: pointer(true), SignInURL: &page},
			to: provisioning.Settings{RequireNonce: pointer(false)}, before: provisioning.ClaimMissing,
		},
		{
			name: "the key, before what the token says", retire: true,
			say: claims{"email": 1}, before: provisioning.ClaimInvalid, then: provisioning.KeyRetired,
		},
		{
			name: "the issuer, before what the token says", to: provisioning.Settings{Issuer: pointer("https://partner.example")},
			say: claims{"email": 1}, before: provisioning.ClaimInvalid, then: provisioning.IssuerMismatch,
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			eachPair(t, test.from, func(t *testing.T, p *place, instances [2]*provisioning.Service) {
				there := instances[1]
				try := func(jti string) error {
					if !test.event {
						c := p.anna(test.say)
						c["jti"] = jti
						_, err := p.open(t, there, c)
						return err
					}
					c := p.event("", test.say)
					c["jti"] = jti
					_, err := there.Revoke(t.Context(), p.arrive(p.token(t, c)))
					return err
				}
				wantRefused(t, try("before"), test.before)
				p.clock.advance(200 * time.Millisecond)
				if test.retire {
					if _, _, err := p.svc.AddKey(t.Context(), p.tenant, p.ID, provisioning.NewKey{}, byAPI); err != nil {
						t.Fatal(err)
					}
					if _, err := p.svc.RetireKey(t.Context(), p.tenant, p.ID, p.key.ID, time.Time{}, byAPI); err != nil {
						t.Fatal(err)
					}
				} else {
					p.change(t, test.to)
				}
				switch err := try("then"); {
				case test.then != "":
					wantRefused(t, err, test.then)
				case err != nil:
					t.Errorf("got %v, want what the new settings say", err)
				}
			})
		})
	}
}

// TestPlacesChangedElsewhere: nobody is sent to an origin that another instance has
// struck from the list, and a new integration's are known there.
func TestPlacesChangedElsewhere(t *testing.T) {
	shop := provisioning.Settings{ReturnOrigins: &[]string{"https://shop.example"}}
	eachPair(t, shop, func(t *testing.T, p *place, instances [2]*provisioning.Service) {
		there := instances[1]
		sent := func(id string) string {
			target, _ := there.Places(t.Context(), p.tenant, id, p.arrive("").Own).Resolve("https://shop.example/cart")
			return target.Location()
		}
		wantSame(t, "a listed origin", sent(p.ID), "https://shop.example/cart")
		p.clock.advance(200 * time.Millisecond)
		p.change(t, provisioning.Settings{ReturnOrigins: &[]string{}})
		wantSame(t, "struck from the list", sent(p.ID), "/")
		from := p.install(t, shop)
		p.clock.advance(200 * time.Millisecond)
		wantSame(t, "the name of a new one", there.IntegrationName(t.Context(), p.tenant, from.ID), from.Name)
		wantSame(t, "the origin of a new one", sent(from.ID), "https://shop.example/cart")
		if err := p.store.Close(); err != nil {
			t.Fatal(err)
		}
		p.clock.advance(time.Hour)
		wantSame(t, "while the database is down", sent(from.ID), "https://shop.example/cart")
	})
}

// TestDirectoryInstalledElsewhere: a directory whose integration was made a moment
// ago at another instance makes people at once.
func TestDirectoryInstalledElsewhere(t *testing.T) {
	eachPair(t, provisioning.Settings{}, func(t *testing.T, p *place, instances [2]*provisioning.Service) {
		if _, err := p.open(t, instances[1], p.anna(nil)); err != nil {
			t.Fatalf("sign-in that loads the old keys: %v", err)
		}
		from := p.install(t, provisioning.Settings{})
		d := from.directory(t)
		p.clock.advance(200 * time.Millisecond)
		if _, err := instances[1].CreateSCIMUser(t.Context(), p.tenant, d, saying("bob"), byDirectory); err != nil {
			t.Errorf("got error %v, want a user", err)
		}
	})
}

// TestDirectoryChangedElsewhere: settings that another instance has changed keep no
// directory from making people here, whatever copy is at hand.
func TestDirectoryChangedElsewhere(t *testing.T) {
	eachPair(t, provisioning.Settings{}, func(t *testing.T, p *place, instances [2]*provisioning.Service) {
		d := p.directory(t)
		if _, err := p.open(t, instances[1], p.anna(nil)); err != nil {
			t.Fatalf("sign-in that loads the old settings: %v", err)
		}
		p.change(t, provisioning.Settings{AllowDisable: pointer(true)})
		if _, err := instances[1].CreateSCIMUser(t.Context(), p.tenant, d, saying("bob"), byDirectory); err != nil {
			t.Errorf("got error %v, want a user", err)
		}
	})
}

// TestKeysLoadedMeanwhile opens a link with a key that was made elsewhere, and lets
// another link have the keys loaded between the moment at which the first one takes
// the old keys and the one at which it is tried under them.
func TestKeysLoadedMeanwhile(t *testing.T) {
	eachPlace(t, provisioning.Settings{}, func(t *testing.T, p *place) {
		var looked int
		meanwhile := func() {}
		svc := provisioning.New(p.store, p.sealer, p.ender, func() time.Time {
			looked++
			if looked == 3 { // the looks before were for when the link came, and how old the keys are
				meanwhile()
			}
			return p.clock.now()
		}, slog.New(slog.DiscardHandler))
		if _, err := p.open(t, svc, p.anna(nil)); err != nil {
			t.Fatalf("sign-in that loads the old keys: %v", err)
		}
		p.mirror(t)
		from := p.install(t, linking(store.LinkTrusted))
		p.clock.advance(200 * time.Millisecond)
		met := false
		meanwhile = func() {
			met = true
			if _, err := from.open(t, svc, from.anna(claims{"jti": "meanwhile"})); err != nil {
				t.Errorf("sign-in that loads the new keys: %v", err)
			}
		}
		looked = 0
		if _, err := from.open(t, svc, from.anna(nil)); err != nil || !met {
			t.Errorf("sign-in under keys that were loaded meanwhile: got error %v, another in between %t, want none, true", err, met)
		}
	})
}

package provisioning_test

import (
	"errors"
	"testing"
	"time"

	"usher/provisioning"
)

func TestAuthenticateClient(t *testing.T) {
	eachPlace(t, provisioning.Settings{}, func(t *testing.T, p *place) {
		ctx := t.Context()
		secret := p.Secret
		p.mirror(t)
		ask := func(app, secret string) (provisioning.Client, error) {
			return p.svc.AuthenticateClient(ctx, p.tenant, app, secret)
		}
		if got, err := ask(p.AppID, secret); err != nil || got.IntegrationID != p.ID || got.KeyID != p.key.ID {
			t.Errorf("got %+v, error %v, want the first key", got, err)
		}
		added, second, err := p.svc.AddKey(ctx, p.tenant, p.ID, provisioning.NewKey{}, byAPI)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := ask(p.AppID, added.Secret); err != nil || got.KeyID != second.ID {
			t.Errorf("got %+v, error %v, want the second key", got, err)
		}
		other := p.install(t, provisioning.Settings{})
		for name, test := range map[string][2]string{
			"no app": {"", secret}, "another app": {other.AppID, secret}, "id, not app id": {p.ID, secret}, "cut": {p.AppID, secret[1:]},
			"longer": {p.AppID, secret + "x"}, "empty": {p.AppID, ""},
		} {
			_, err := ask(test[0], test[1])
			if !errors.Is(err, provisioning.ErrClientInvalid) {
				t.Errorf("%s: got error %v, want %v", name, err, provisioning.ErrClientInvalid)
			}
		}
		if _, err := p.svc.RetireKey(ctx, p.tenant, p.ID, p.key.ID, time.Time{}, byAPI); err != nil {
			t.Fatal(err)
		}
		p.clock.advance(time.Second)
		_, err = ask(p.AppID, secret)
		wantErrorIs(t, err, provisioning.ErrClientInvalid)

		// A key made by another instance is known within a moment.
		fresh, _, err := p.another(t).AddKey(ctx, p.tenant, p.ID, provisioning.NewKey{}, byAPI)
		if err != nil {
			t.Fatal(err)
		}
		p.clock.advance(200 * time.Millisecond)
		if _, err := ask(p.AppID, fresh.Secret); err != nil {
			t.Errorf("a new key of another instance: %v", err)
		}

		// Wrong secrets are bounded, for each app id on its own; right ones never.
		limited := 0
		for range 40 {
			if _, err := ask(p.AppID, "wrong"); reasonIn(err) == provisioning.RateLimited {
				limited++
			}
		}
		if limited < 15 || limited > 25 {
			t.Errorf("got %d of 40 wrong secrets rate limited, want about 20", limited)
		}
		if _, err := ask(p.AppID, fresh.Secret); err != nil {
			t.Errorf("the right secret meanwhile: %v", err)
		}
		_, err = ask(other.AppID, "wrong")
		wantErrorIs(t, err, provisioning.ErrClientInvalid)
		p.clock.advance(time.Minute)
		_, err = ask(p.AppID, "wrong")
		wantErrorIs(t, err, provisioning.ErrClientInvalid)

		if err := p.svc.Remove(ctx, p.tenant, p.ID, byAPI); err != nil {
			t.Fatal(err)
		}
		_, err = ask(p.AppID, fresh.Secret)
		wantErrorIs(t, err, provisioning.ErrClientInvalid)
	})
}

func TestClientWithoutSecret(t *testing.T) {
	eachPlace(t, provisioning.Settings{}, func(t *testing.T, p *place) {
		id := p.installWith(t, provisioning.NewKey{PublicKey: publicPEM})
		n, err := p.svc.Integration(t.Context(), p.tenant, id)
		if err != nil {
			t.Fatal(err)
		}
		_, err = p.svc.AuthenticateClient(t.Context(), p.tenant, n.AppID, "x")
		wantErrorIs(t, err, provisioning.ErrNoSharedSecret)
	})
}

package provisioning_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"usher/provisioning"
	"usher/sql/store"
)

func TestInstall(t *testing.T) {
	eachPlace(t, provisioning.Settings{}, func(t *testing.T, p *place) {
		p.mirror(t)
		ctx := t.Context()
		wish := provisioning.Settings{
			Name: pointer(" Shop "), Issuer: pointer("https://shop.example"), MaxAge: pointer[int64](60), Leeway: new(int64),
			LandingPage: pointer("/home"), ReturnOrigins: &[]string{"https://shop.example", "https://SHOP.example"},
			LinkPolicy: pointer(store.LinkTrusted), AutoCreate: new(bool), SingleUse: pointer(true),
			UnknownGroups: pointer(store.UnknownCreate), UnknownCredits: pointer(store.UnknownRefuse),
			GroupScope: pointer(store.ScopeOwned), MetaMode: pointer(store.MetaReplace), SessionIdle: pointer[int64](60),
			SessionAbsolute: pointer[int64](120),
		}
		const secret = "a secret that the partner has chosen"
		n, err := p.svc.Install(ctx, p.tenant, wish, provisioning.NewKey{Secret: secret, Algorithm: "HS512"}, byAPI)
		if err != nil {
			t.Fatal(err)
		}
		want := store.Integration{
			TenantID: p.tenant.ID, ID: n.ID, AppID: n.AppID, Name: "Shop", Revision: 1, Generation: 1,
			Issuer: "https://shop.example", MaxAge: time.Minute, LandingPage: "/home",
			ReturnOrigins: []string{"https://shop.example"}, EmbedOrigins: []string{},
			EmbedMaxAge: time.Hour, ContentOrigins: []string{}, SignInRate: 200, LinkPolicy: store.LinkTrusted,
			SingleUse: true, UnknownGroups: store.UnknownCreate, UnknownCredits: store.UnknownRefuse,
			GroupScope: store.ScopeOwned, MetaMode: store.MetaReplace, SessionIdle: time.Minute,
			SessionAbsolute: 2 * time.Minute, DriftThreshold: 5, CreatedAt: epoch, UpdatedAt: epoch,
		}
		wantSame(t, "installed", n.Integration, want)
		read, err := p.svc.Integration(ctx, p.tenant, n.AppID)
		if err != nil {
			t.Fatal(err)
		}
		wantSame(t, "as read back", read.Integration, want)
		if len(n.AppID) != 24 || n.Secret != secret || read.Secret != "" || len(read.Keys) != 1 || read.Keys[0].Algorithm != "HS512" {
			t.Errorf("got %+v and %+v, want the secret shown once", n, read)
		}
		for _, row := range p.db.Dump(t, p.tenant.ID) {
			if strings.Contains(row, secret) || strings.Contains(row, fmt.Sprintf("%x", secret)) {
				t.Errorf("got the secret in the clear in %.60s…", row)
			}
		}
		plain, key, err := p.svc.SigningSecret(ctx, p.tenant, n.ID)
		if err != nil || plain != secret || key.ID != n.Keys[0].ID {
			t.Errorf("SigningSecret: got key %s, error %v, want key %s and its secret", key.ID, err, n.Keys[0].ID)
		}
	})
}

func TestSettingsRefused(t *testing.T) {
	eachPlace(t, provisioning.Settings{}, func(t *testing.T, p *place) {
		p.mirror(t)
		before := p.db.Dump(t, p.tenant.ID)
		for field, wish := range map[string]provisioning.Settings{
			"name": {Name: pointer(" ")}, "issuer": {Issuer: pointer("a\x00")}, "max_age": {MaxAge: pointer[int64](-1)},
			"leeway": {Leeway: pointer[int64](301)}, "landing_page": {LandingPage: pointer("//evil.example")},
			"return_origins": {ReturnOrigins: &[]string{"https://a.example/path"}}, "embed_origins": {EmbedOrigins: &[]string{"*"}},
			"link_policy": {LinkPolicy: pointer("always")}, "unknown_groups": {UnknownGroups: pointer(store.UnknownPark)},
			"unknown_credits": {UnknownCredits: pointer(store.UnknownCreate)}, "group_scope": {GroupScope: pointer("")},
			"meta_mode": {MetaMode: pointer("both")}, "session_idle": {SessionIdle: pointer[int64](1)},
			"session_absolute": {SessionAbsolute: pointer[int64](1 << 40)},
		} {
			wish.SingleUse = pointer(true)
			_, err := p.svc.ChangeIntegration(t.Context(), p.tenant, p.ID, wish, byAPI)
			var invalid *provisioning.Invalid
			if !errors.As(err, &invalid) || invalid.Field != field {
				t.Errorf("%s: got error %v, want an *Invalid for it", field, err)
			}
		}
		for _, key := range []provisioning.NewKey{
			{Secret: "short"}, {Secret: strings.Repeat("x", 40) + "\x00"}, {Algorithm: "none"}, {Algorithm: "RS256"}, {PublicKey: "no key"},
		} {
			var invalid *provisioning.Invalid
			if _, _, err := p.svc.AddKey(t.Context(), p.tenant, p.ID, key, byAPI); !errors.As(err, &invalid) {
				t.Errorf("AddKey(%+v): got error %v, want an *Invalid", key, err)
			}
		}
		wantSame(t, "rows", p.db.Dump(t, p.tenant.ID), before)
	})
}

// TestKeys adds and retires keys; another instance goes by them at once, or
// within the pause between two loads.
func TestKeys(t *testing.T) {
	eachPlace(t, provisioning.Settings{}, func(t *testing.T, p *place) {
		ctx := t.Context()
		here, there := p.svc, p.another(t)
		open := func(s *provisioning.Service, kid, secret string) error {
			_, err := s.Redeem(ctx, p.arrive(mint(t, kid, secret, p.anna(nil))))
			return err
		}
		for _, s := range []*provisioning.Service{here, there} {
			if err := open(s, p.key.ID, p.Secret); err != nil {
				t.Fatal(err)
			}
		}
		p.mirror(t)
		added, key, err := here.AddKey(ctx, p.tenant, p.ID, provisioning.NewKey{}, byAPI)
		if err != nil {
			t.Fatal(err)
		}
		if len(added.Keys) != 2 || added.Revision != 2 || added.Secret == "" || added.Secret == p.Secret {
			t.Errorf("got %+v, want a second key at revision 2", added)
		}
		wantError(t, "new key here", open(here, key.ID, added.Secret), nil)
		p.clock.advance(200 * time.Millisecond)
		wantError(t, "new key there", open(there, key.ID, added.Secret), nil)
		wantError(t, "old key there", open(there, p.key.ID, p.Secret), nil)

		if _, err := here.RetireKey(ctx, p.tenant, p.ID, p.key.ID, p.clock.now().Add(time.Minute), byAPI); err != nil {
			t.Fatal(err)
		}
		wantError(t, "key that will retire", open(there, p.key.ID, p.Secret), nil)
		_, err = here.RetireKey(ctx, p.tenant, p.ID, key.ID, time.Time{}, byAPI)
		var invalid *provisioning.Invalid
		if !errors.As(err, &invalid) {
			t.Errorf("retire the last key: got error %v, want an *Invalid", err)
		}
		if _, err := here.RetireKey(ctx, p.tenant, p.ID, p.key.ID, time.Time{}, byAPI); err != nil {
			t.Fatal(err)
		}
		wantRefused(t, open(here, p.key.ID, p.Secret), provisioning.KeyRetired)
		wantRefused(t, open(there, p.key.ID, p.Secret), provisioning.KeyRetired)
		wantError(t, "new key there", open(there, key.ID, added.Secret), nil)
		_, err = here.RetireKey(ctx, p.tenant, p.ID, newID(t), time.Time{}, byAPI)
		wantError(t, "retire an unknown key", err, provisioning.ErrNotFound)
		for range 4 {
			if _, _, err := here.AddKey(ctx, p.tenant, p.ID, provisioning.NewKey{}, byAPI); err != nil {
				t.Fatal(err)
			}
		}
		if _, _, err := here.AddKey(ctx, p.tenant, p.ID, provisioning.NewKey{}, byAPI); !errors.As(err, &invalid) {
			t.Errorf("a sixth live key: got error %v, want an *Invalid", err)
		}
	})
}

// TestChangeElsewhere holds an instance to what another one has changed.
func TestChangeElsewhere(t *testing.T) {
	eachPlace(t, provisioning.Settings{UnknownGroups: pointer(store.UnknownCreate)}, func(t *testing.T, p *place) {
		there := p.another(t)
		token := p.anna(claims{"jti": nil})
		if _, err := there.Redeem(t.Context(), p.arrive(p.token(t, token))); err != nil {
			t.Fatal(err)
		}
		p.mirror(t)
		p.change(t, provisioning.Settings{Issuer: pointer("https://partner.example")})
		_, err := there.Redeem(t.Context(), p.arrive(p.token(t, token)))
		wantRefused(t, err, provisioning.IssuerMismatch)
		p.change(t, provisioning.Settings{Issuer: pointer(""), UnknownGroups: pointer(store.UnknownRefuse)})
		p.clock.advance(200 * time.Millisecond)
		_, err = there.Redeem(t.Context(), p.arrive(p.token(t, p.anna(claims{"groups": []string{"new"}}))))
		wantRefused(t, err, provisioning.ClaimInvalid)
		wantSame(t, "groups", p.count(t, "groups"), 3)
	})
}

func TestRemove(t *testing.T) {
	eachPlace(t, linking(store.LinkTrusted), func(t *testing.T, p *place) {
		ctx := t.Context()
		there := p.another(t)
		other := p.install(t, linking(store.LinkTrusted))
		said := claims{"groups": []string{"staff", "admins"}, "credits": []any{grant("A", 1)}}
		first := p.enter(t, p.anna(said))
		other.enter(t, other.anna(claims{"groups": []string{"staff"}}))
		unused := p.anna(said)
		unused["jti"] = "never used"
		if _, err := there.Redeem(ctx, p.arrive(p.token(t, p.anna(said)))); err != nil {
			t.Fatal(err)
		}
		p.mirror(t)
		fault := errors.New("no session store")
		p.ender.fail(fault)
		wantError(t, "Remove", p.svc.Remove(ctx, p.tenant, p.ID, byAPI), fault)
		p.ender.fail(nil)
		wantError(t, "Remove again", p.svc.Remove(ctx, p.tenant, p.ID, byAPI), nil)
		wantError(t, "Remove once more", p.svc.Remove(ctx, p.tenant, p.AppID, byAPI), nil)
		ended := fmt.Sprintf("integration %s %d", p.ID, first.Generation+1)
		wantSame(t, "ended", p.ender.all(), []string{ended, ended})
		if got, err := p.svc.Generation(ctx, p.tenant.ID, p.ID); err != nil || got != first.Generation+1 {
			t.Errorf("Generation: got %d, error %v, want %d", got, err, first.Generation+1)
		}

		p.refused(t, unused, provisioning.IntegrationRemoved)
		for _, token := range []claims{unused, p.anna(said)} {
			_, err := there.Redeem(ctx, p.arrive(p.token(t, token)))
			wantRefused(t, err, provisioning.IntegrationRemoved)
		}
		wantSame(t, "secrets", p.db.Rows(t, `
SELECT sealed_secret, public_key FROM integration_keys WHERE tenant_id = $1 AND integration_id = $2`, p.tenant.ID, p.ID), []string{"null|null"})
		_, err := p.svc.Integration(ctx, p.tenant, p.ID)
		wantError(t, "Integration", err, provisioning.ErrNotFound)
		_, err = p.svc.ChangeIntegration(ctx, p.tenant, p.ID, provisioning.Settings{}, byAPI)
		wantError(t, "ChangeIntegration", err, provisioning.ErrNotFound)
		_, _, err = p.svc.AddKey(ctx, p.tenant, p.ID, provisioning.NewKey{}, byAPI)
		wantError(t, "AddKey", err, provisioning.ErrNotFound)
		wantError(t, "Remove unknown", p.svc.Remove(ctx, p.tenant, newID(t), byAPI), provisioning.ErrNotFound)

		want := person{Email: "anna@example.com", Groups: []string{"admins", "staff"}, Credits: []string{"A/1"}}
		p.wantPerson(t, first.UserID, want)
		wantUser(t, other.enter(t, other.anna(claims{"groups": []string{"staff"}})), first.UserID)
	})
}

// TestInstalledAgain keeps the links of the earlier installation dead, even
// under the same secret.
func TestInstalledAgain(t *testing.T) {
	eachPlace(t, provisioning.Settings{}, func(t *testing.T, p *place) {
		ctx := t.Context()
		const secret = "the secret that both installations have"
		install := func() partner {
			t.Helper()
			n, err := p.svc.Install(ctx, p.tenant, provisioning.Settings{Name: pointer("Shop"), LinkPolicy: pointer(store.LinkTrusted)},
				provisioning.NewKey{Secret: secret}, byAPI)
			if err != nil {
				t.Fatal(err)
			}
			return partner{world: p.world, tenant: p.tenant, Installed: n, key: n.Keys[0]}
		}
		first := install()
		p.clock.advance(time.Minute)
		used, unused := p.anna(claims{"iss": nil}), p.anna(claims{"jti": "unused"})
		first.enter(t, used)
		wantError(t, "Remove", p.svc.Remove(ctx, p.tenant, first.ID, byAPI), nil)
		p.clock.advance(time.Second)
		again := install()
		p.mirror(t)
		for _, c := range []claims{used, unused} {
			again.refused(t, c, provisioning.TokenTooOld)
		}
		again.enter(t, p.anna(nil))
	})
}

func TestIntegrationsOfOneTenant(t *testing.T) {
	eachPlace(t, provisioning.Settings{}, func(t *testing.T, p *place) {
		elsewhere := p.place(t, provisioning.Settings{})
		p.mirror(t)
		before := p.db.Dump(t, elsewhere.tenant.ID)
		ctx := t.Context()
		for _, id := range []string{elsewhere.ID, elsewhere.AppID, "", "x\x00"} {
			_, err := p.svc.Integration(ctx, p.tenant, id)
			wantError(t, "Integration", err, provisioning.ErrNotFound)
			_, err = p.svc.ChangeIntegration(ctx, p.tenant, id, provisioning.Settings{Name: pointer("Mine")}, byAPI)
			wantError(t, "ChangeIntegration", err, provisioning.ErrNotFound)
			_, err = p.svc.RetireKey(ctx, p.tenant, id, elsewhere.key.ID, time.Time{}, byAPI)
			wantError(t, "RetireKey", err, provisioning.ErrNotFound)
			wantError(t, "Remove", p.svc.Remove(ctx, p.tenant, id, byAPI), provisioning.ErrNotFound)
		}
		_, err := p.svc.RetireKey(ctx, p.tenant, p.ID, elsewhere.key.ID, time.Time{}, byAPI)
		wantError(t, "RetireKey of another tenant", err, provisioning.ErrNotFound)
		wantSame(t, "the other tenant's rows", p.db.Dump(t, elsewhere.tenant.ID), before)
		all, err := p.svc.Integrations(ctx, p.tenant)
		if err != nil || len(all) != 1 || !slices.ContainsFunc(all, func(n provisioning.Installed) bool { return n.ID == p.ID }) {
			t.Errorf("Integrations: got %+v, error %v, want ours alone", all, err)
		}
	})
}

// TestUnreadableKey: a secret that cannot be opened disables its own key only.
func TestUnreadableKey(t *testing.T) {
	eachPlace(t, provisioning.Settings{}, func(t *testing.T, p *place) {
		other := p.install(t, provisioning.Settings{})
		if err := p.svc.CheckMasterKey(t.Context()); err != nil {
			t.Errorf("CheckMasterKey: got %v, want none", err)
		}
		p.db.Exec(t, `
UPDATE integration_keys SET sealed_secret = (SELECT sealed_secret FROM integration_keys WHERE tenant_id = $1 AND id = $2)
 WHERE tenant_id = $1 AND id = $3`, p.tenant.ID, other.key.ID, p.key.ID)
		there := p.another(t)
		_, err := there.Redeem(t.Context(), p.arrive(p.token(t, p.anna(nil))))
		var refusal *provisioning.Refusal
		if !errors.As(err, &refusal) {
			t.Errorf("the unreadable key: got %v, want a refusal", err)
		}
		if _, err := there.Redeem(t.Context(), other.arrive(other.token(t, other.anna(nil)))); err != nil {
			t.Errorf("the other integration: got %v, want a sign-in", err)
		}
	})
}

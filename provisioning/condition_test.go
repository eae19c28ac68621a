package provisioning_test

import (
	"io"
	"log/slog"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"usher/provisioning"
	"usher/sql/store"
)

// TestTrySecrets opens the secrets of one tenant, with the master key and with
// another, and finds the damaged one.
func TestTrySecrets(t *testing.T) {
	eachPlace(t, provisioning.Settings{}, func(t *testing.T, p *place) {
		elsewhere := p.place(t, provisioning.Settings{})
		damaged, retired := p.install(t, provisioning.Settings{}), p.install(t, provisioning.Settings{})
		p.db.Exec(t, `UPDATE integration_keys SET retires_at = created_at WHERE tenant_id = $1 AND id = $2`, p.tenant.ID, retired.key.ID)
		p.db.Exec(t, `UPDATE integration_keys SET sealed_secret = (SELECT sealed_secret FROM integration_keys WHERE tenant_id = $1 AND id = $2)
 WHERE tenant_id = $1 AND id = $3`, p.tenant.ID, p.key.ID, damaged.key.ID)
		want := func(svc *provisioning.Service, tenant store.Tenant, want provisioning.SecretsFound) {
			t.Helper()
			got, err := svc.TrySecrets(t.Context(), tenant)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		}
		want(p.svc, p.tenant, provisioning.SecretsFound{Opened: 1, Broken: []string{damaged.key.ID}})
		want(p.svc, elsewhere.tenant, provisioning.SecretsFound{Opened: 1})
		sealer, err := provisioning.NewSealer([]byte("fedcba9876543210fedcba9876543210"))
		if err != nil {
			t.Fatal(err)
		}
		wrong := provisioning.New(p.store, sealer, nil, p.clock.now, slog.New(slog.NewTextHandler(io.Discard, nil)))
		want(wrong, p.tenant, provisioning.SecretsFound{Elsewhere: []string{p.key.ID, damaged.key.ID}})

		// A secret from before secrets were checked.
		short := p.sealer.Seal([]byte("short"), p.tenant.ID, "integration_keys", p.key.ID, "sealed_secret")
		p.db.Exec(t, `UPDATE integration_keys SET sealed_secret = $1 WHERE tenant_id = $2 AND id = $3`, short, p.tenant.ID, p.key.ID)
		want(p.svc, p.tenant, provisioning.SecretsFound{Opened: 1, Broken: []string{damaged.key.ID}, Weak: []string{p.key.ID}})
	})
}

// TestSignInLogState tells a log that nobody empties, and one that was overrun.
func TestSignInLogState(t *testing.T) {
	eachPlace(t, provisioning.Settings{}, func(t *testing.T, p *place) {
		other := p.place(t, provisioning.Settings{})
		p.tenant.Settings.SignInLogDays = 30
		log := func(ago time.Duration, outcome, detail string, count int64) {
			t.Helper()
			at := p.clock.now().Add(-ago)
			id, err := store.LogID(at)
			if err != nil {
				t.Fatal(err)
			}
			row := store.SignIn{TenantID: p.tenant.ID, ID: id, At: at, Door: store.DoorGet, Outcome: outcome, Detail: detail, Count: count}
			if err := p.store.LogSignIns(t.Context(), []store.SignIn{row}, nil); err != nil {
				t.Fatal(err)
			}
		}
		want := func(when string, tenant store.Tenant, want provisioning.SignInLogState) {
			t.Helper()
			got, err := p.svc.SignInLogState(t.Context(), tenant)
			if err != nil || got != want {
				t.Errorf("%s: got %+v, error %v, want %+v", when, got, err, want)
			}
		}
		want("empty", p.tenant, provisioning.SignInLogState{})
		log(29*24*time.Hour, store.SignedIn, "", 1)
		want("in time", p.tenant, provisioning.SignInLogState{})
		log(33*24*time.Hour, store.SignedIn, "", 1)
		log(time.Hour, store.Suppressed, "more refusals than are kept one by one", 5)
		log(time.Hour, store.Suppressed, "the database was too slow or down, so these were counted and not kept one by one", 7)
		want("behind", p.tenant, provisioning.SignInLogState{Overdue: 3 * 24 * time.Hour, Lost: 7})
		p.tenant.Settings.SignInLogDays = 0
		want("kept for ever", p.tenant, provisioning.SignInLogState{Lost: 7})
		want("another tenant", other.tenant, provisioning.SignInLogState{})
	})
}

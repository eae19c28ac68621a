package tokens_test

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"usher/sessions/tokens"
	"usher/sql/store/storetest"
)

// TestRates: clients and API connections have the rate that they are given, and the
// usual one else, also at an instance that knows them already; what is no rate
// changes nothing, and another tenant's of the same name have their own.
func TestRates(t *testing.T) {
	t.Parallel()
	storetest.EachDatabase(t, func(t *testing.T, db *storetest.Database) {
		now := func() time.Time { return epoch }
		s := db.Open(t, now)
		service, elsewhere, ctx := open(s, now), open(s, now), t.Context()
		tenant, other := newTenant(t, s), newTenant(t, s)
		c, secret, err := service.AddClient(ctx, tenant, "shop", tokens.ClientSettings{Name: ptr("Shop"), Rate: ptr(int64(7))}, byTest)
		if err != nil || c.Rate != 7 {
			t.Fatalf("got %+v, error %v", c, err)
		}
		if same, _, err := service.AddClient(ctx, other, "shop", tokens.ClientSettings{Name: ptr("Shop")}, byTest); err != nil || same.Rate != tokens.UsualRate {
			t.Errorf("another tenant's client: got the rate %d, error %v, want the usual one", same.Rate, err)
		}
		n, shown, err := service.AddConnection(ctx, tenant, tokens.NewConnection{Name: "billing"}, byTest)
		if err != nil || n.Rate != tokens.UsualRate {
			t.Fatalf("got %+v, error %v", n, err)
		}
		are := func(what string, client, connection int64) {
			t.Helper()
			for _, service := range []*tokens.Tokens{service, elsewhere} {
				if got, err := service.AuthenticateClient(ctx, tenant, "shop", secret); err != nil || got.Rate != client {
					t.Errorf("%s: got a client with the rate %d, error %v, want %d", what, got.Rate, err, client)
				}
				if got, err := service.AuthenticateConnection(ctx, tenant, "billing", shown); err != nil || got.Rate != connection {
					t.Errorf("%s: got a connection with the rate %d, error %v, want %d", what, got.Rate, err, connection)
				}
			}
		}
		are("first", 7, tokens.UsualRate)
		for what, err := range map[string]error{
			"a client":     first(service.ChangeClient(ctx, other, c.ID, tokens.ClientSettings{Rate: ptr(int64(1))}, byTest)),
			"a connection": first(service.ChangeConnection(ctx, other, n.ID, tokens.ConnectionSettings{Rate: ptr(int64(1))}, byTest)),
		} {
			if !errors.Is(err, tokens.ErrNotFound) {
				t.Errorf("%s at another tenant: got error %v", what, err)
			}
		}
		for _, rate := range []int64{0, 100_000, tokens.UsualRate} {
			if _, err := service.ChangeClient(ctx, tenant, c.ID, tokens.ClientSettings{Rate: &rate}, byTest); err != nil {
				t.Fatal(err)
			}
			if _, err := service.ChangeConnection(ctx, tenant, n.ID, tokens.ConnectionSettings{Rate: &rate}, byTest); err != nil {
				t.Fatal(err)
			}
			are("changed", rate, rate)
		}
		if _, err := service.ChangeConnection(ctx, tenant, n.ID, tokens.ConnectionSettings{Rate: ptr(int64(50))}, byTest); err != nil {
			t.Fatal(err)
		}
		if act := newestAct(t, s, tenant); !strings.HasPrefix(act, "api_connection_changed") || !strings.Contains(act, `"rate"`) || strings.Contains(act, "display_name") {
			t.Errorf("audit log: got %s", act)
		}
		for _, rate := range []int64{tokens.UsualRate - 1, 100_001} {
			for what, err := range map[string]error{
				"a client":         first(service.ChangeClient(ctx, tenant, c.ID, tokens.ClientSettings{Rate: &rate}, byTest)),
				"a connection":     first(service.ChangeConnection(ctx, tenant, n.ID, tokens.ConnectionSettings{DisplayName: ptr("x"), Rate: &rate}, byTest)),
				"a new connection": second(service.AddConnection(ctx, tenant, tokens.NewConnection{Name: "x", Rate: &rate}, byTest)),
				"a new client":     second(service.AddClient(ctx, tenant, "x", tokens.ClientSettings{Name: ptr("x"), Rate: &rate}, byTest)),
			} {
				if !slices.Equal(fieldsOf(err), []string{"rate"}) {
					t.Errorf("%s with the rate %d: got error %v, want one about it", what, rate, err)
				}
			}
		}
		are("after what was refused", tokens.UsualRate, 50)
	})
}

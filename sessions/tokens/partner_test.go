package tokens_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"usher/sessions/tokens"
	"usher/sql/store"
	"usher/sql/store/storetest"
)

var epoch = time.Date(2026, time.May, 4, 9, 0, 0, 0, time.UTC)

func newID(t testing.TB) string {
	t.Helper()
	id, err := store.NewID()
	if err != nil {
		t.Fatal(err)
	}
	return id
}

var byTest = store.By{Actor: "command", Name: "test"}

// installed makes a tenant with an integration and a key.
func installed(t testing.TB, s *store.Store) (tenant, integration, key string) {
	t.Helper()
	act := store.Act{By: byTest, Action: "made", Object: "test"}
	tenant, integration, key = newID(t), newID(t), "key_"+newID(t)
	if err := s.AddTenant(t.Context(), store.Tenant{ID: tenant, Name: "T", Hosts: []string{tenant + ".example"}, CreatedAt: epoch}, nil, act); err != nil {
		t.Fatal(err)
	}
	err := s.AddIntegration(t.Context(),
		store.Integration{TenantID: tenant, ID: integration, AppID: integration, Revision: 1, Generation: 1, CreatedAt: epoch, UpdatedAt: epoch},
		store.Key{TenantID: tenant, ID: key, IntegrationID: integration, Algorithm: "HS256", SealedSecret: []byte("sealed"), CreatedAt: epoch}, act)
	if err != nil {
		t.Fatal(err)
	}
	return tenant, integration, key
}

func TestPartnerTokens(t *testing.T) {
	t.Parallel()
	storetest.EachDatabase(t, func(t *testing.T, db *storetest.Database) {
		at := epoch
		now := func() time.Time { return at }
		s := db.Open(t, now)
		service, second, ctx := open(s, now), open(db.Open(t, now), now), t.Context()
		tenant, integration, key := installed(t, s)
		other, _, _ := installed(t, s)
		want := tokens.Partner{Integration: integration, Key: key, Scope: tokens.ScopeResources}
		issue := func() string {
			t.Helper()
			token, err := service.Issue(ctx, tenant, want)
			if err != nil || len(token) != 64 {
				t.Fatalf("Issue: got %q, error %v", token, err)
			}
			return token
		}
		dead := func(what, tenant, token string) {
			t.Helper()
			if got, err := second.Partner(ctx, tenant, token); !errors.Is(err, tokens.ErrNone) {
				t.Errorf("%s: got %+v, error %v, want %v", what, got, err, tokens.ErrNone)
			}
		}
		token := issue()
		if got, err := second.Partner(ctx, tenant, token); err != nil || got != want {
			t.Errorf("got %+v, error %v, want %+v", got, err, want)
		}
		if again := issue(); again == token {
			t.Error("got one token twice")
		}
		dead("another tenant", other, token)
		dead("cut", tenant, token[1:])
		dead("extended", tenant, token+"0")
		dead("in another case", tenant, strings.ToUpper(token))
		dead("nothing", tenant, "")
		for _, row := range db.Dump(t, tenant) {
			if strings.Contains(row, token) {
				t.Errorf("got the token itself in the database: %s", row)
			}
		}

		// It ends by the clock, and is swept then.
		at = epoch.Add(tokens.PartnerLife - time.Microsecond)
		if _, err := service.Partner(ctx, tenant, token); err != nil {
			t.Errorf("a moment before its end: %v", err)
		}
		rows := len(db.Dump(t, tenant))
		service.Sweep(ctx)
		if got := len(db.Dump(t, tenant)); got != rows {
			t.Errorf("got %d rows after sweeping before the end, want %d", got, rows)
		}
		at = epoch.Add(tokens.PartnerLife)
		dead("at its end", tenant, token)
		at = at.Add(time.Microsecond)
		service.Sweep(ctx)
		if got := len(db.Dump(t, tenant)); got != rows-2 {
			t.Errorf("got %d rows after sweeping, want two less than %d", got, rows)
		}

		// It dies with its key, and with its integration.
		token = issue()
		retire := func(n *store.Integration, _ []store.Key) (store.KeyChange, error) {
			return store.KeyChange{Retire: key, RetireAt: &at, Act: store.Act{By: byTest, Action: "key_retired", Object: "test"}}, nil
		}
		keep := func(n *store.Integration, _ []store.Key) (store.KeyChange, error) {
			return store.KeyChange{Retire: key, Act: store.Act{By: byTest, Action: "key_kept", Object: "test"}}, nil
		}
		if _, _, err := s.ChangeIntegration(ctx, tenant, integration, retire); err != nil {
			t.Fatal(err)
		}
		dead("of a retired key", tenant, token)
		if _, err := service.Issue(ctx, tenant, want); !errors.Is(err, tokens.ErrNone) {
			t.Errorf("Issue for a retired key: got error %v, want %v", err, tokens.ErrNone)
		}
		if _, _, err := s.ChangeIntegration(ctx, tenant, integration, keep); err != nil {
			t.Fatal(err)
		}
		if _, err := second.Partner(ctx, tenant, token); err != nil {
			t.Errorf("the key stays: %v", err)
		}
		if _, err := s.RemoveIntegration(ctx, tenant, integration, store.Act{By: byTest, Action: "removed", Object: "test"}); err != nil {
			t.Fatal(err)
		}
		dead("of a removed integration", tenant, token)
		if _, err := service.Issue(ctx, tenant, want); !errors.Is(err, tokens.ErrNone) {
			t.Errorf("Issue for a removed integration: got error %v, want %v", err, tokens.ErrNone)
		}
	})
}

// TestFaultIsNoRefusal: without its store a token is neither good nor bad.
func TestFaultIsNoRefusal(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		service := open(s, time.Now)
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		_, err := service.Partner(t.Context(), newID(t), strings.Repeat("0", 64))
		if !errors.Is(err, store.ErrUnavailable) {
			t.Errorf("Client: got error %v, want %v", err, store.ErrUnavailable)
		}
		if _, err := service.Issue(t.Context(), newID(t), tokens.Partner{Integration: newID(t), Key: "k"}); !errors.Is(err, store.ErrUnavailable) {
			t.Errorf("Issue: got error %v, want %v", err, store.ErrUnavailable)
		}
	})
}

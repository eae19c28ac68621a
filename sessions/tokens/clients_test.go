package tokens_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"usher/sessions/tokens"
	"usher/sql/store"
	"usher/sql/store/storetest"
)

// newTenant makes a tenant.
func newTenant(t *testing.T, s *store.Store) string {
	t.Helper()
	id := newID(t)
	err := s.AddTenant(t.Context(), store.Tenant{ID: id, Name: "T", Hosts: []string{id + ".example"}, CreatedAt: epoch}, nil,
		store.Act{By: byTest, Action: "made", Object: "test"})
	if err != nil {
		t.Fatal(err)
	}
	return id
}

// newestAct is the last row of a tenant's audit log.
func newestAct(t *testing.T, s *store.Store, tenant string) string {
	t.Helper()
	rows, err := s.AuditPage(t.Context(), tenant, store.AuditFilter{}, 1)
	if err != nil || len(rows) != 1 {
		t.Fatalf("AuditPage: got %d rows, error %v", len(rows), err)
	}
	return rows[0].Action + " " + rows[0].Object + " " + rows[0].Detail
}

// fieldsOf are the fields that an error complains about.
func fieldsOf(err error) []string {
	if joined, is := err.(interface{ Unwrap() []error }); is {
		var fields []string
		for _, one := range joined.Unwrap() {
			fields = append(fields, fieldsOf(one)...)
		}
		return fields
	}
	if wrong, is := errors.AsType[*tokens.Invalid](err); is {
		return []string{wrong.Field}
	}
	return nil
}

func ptr[T any](value T) *T { return &value }

func TestClientIsMadeAndChanged(t *testing.T) {
	t.Parallel()
	storetest.EachDatabase(t, func(t *testing.T, db *storetest.Database) {
		at := epoch
		now := func() time.Time { return at }
		s := db.Open(t, now)
		service, ctx := open(s, now), t.Context()
		tenant, other := newTenant(t, s), newTenant(t, s)
		if _, _, err := service.AddConnection(ctx, tenant, tokens.NewConnection{Name: "billing"}, byTest); err != nil {
			t.Fatal(err)
		}
		c, secret, err := service.AddClient(ctx, tenant, "nightly", tokens.ClientSettings{
			Name: ptr("Nightly job"), APIScopes: []string{"billing", "billing"},
		}, byTest)
		if err != nil || !strings.HasPrefix(secret, "uss_") || len(secret) != 47 {
			t.Fatalf("AddClient: got a secret of %d characters, error %v", len(secret), err)
		}
		want := tokens.Client{
			TenantID: tenant, ID: c.ID, ClientID: "nightly", Kind: "application", Name: "Nightly job", Grants: []string{"client_credentials"},
			RedirectURIs: []string{}, PostLogoutURIs: []string{}, APIScopes: []string{"billing"}, IdentityScopes: []string{}, RequiredClaims: []string{},
			AccessTokenFormat: "jwt", AccessTokenLife: 3000 * time.Second, CodeLife: time.Minute, IdentityTokenLife: 5 * time.Minute, IdentityTokenAlg: "ES256",
			RefreshLife: 30 * 24 * time.Hour, RefreshIdle: 15 * 24 * time.Hour, Rate: tokens.UsualRate, Revision: 1,
			CreatedAt: epoch, UpdatedAt: epoch,
		}
		same := func(what string, got tokens.Client, err error) {
			t.Helper()
			got.CreatedAt, got.UpdatedAt = got.CreatedAt.UTC(), got.UpdatedAt.UTC()
			if diff := cmp.Diff(want, got); diff != "" || err != nil {
				t.Errorf("%s: error %v\n%s", what, err, diff)
			}
		}
		same("AddClient", c, nil)
		got, err := service.Client(ctx, tenant, c.ID)
		same("Client", got, err)
		got, err = service.ClientByClientID(ctx, tenant, "nightly")
		same("ClientByClientID", got, err)
		got, err = service.AuthenticateClient(ctx, tenant, "nightly", secret)
		same("AuthenticateClient", got, err)
		if act := newestAct(t, s, tenant); strings.Contains(act, secret[4:]) || !strings.HasPrefix(act, "client_added client "+c.ID) {
			t.Errorf("audit log: got %s", act)
		}

		// Another tenant knows nothing of it.
		for what, ask := range map[string]func() error{
			"Client":           func() error { _, err := service.Client(ctx, other, c.ID); return err },
			"ClientByClientID": func() error { _, err := service.ClientByClientID(ctx, other, "nightly"); return err },
			"ChangeClient": func() error {
				_, err := service.ChangeClient(ctx, other, c.ID, tokens.ClientSettings{Name: ptr("x")}, byTest)
				return err
			},
			"AddSecret":    func() error { _, _, err := service.AddSecret(ctx, other, tokens.OfClient, c.ID, byTest); return err },
			"DeleteClient": func() error { return service.DeleteClient(ctx, other, c.ID, byTest) },
		} {
			if err := ask(); !errors.Is(err, tokens.ErrNotFound) {
				t.Errorf("%s in another tenant: got error %v, want %v", what, err, tokens.ErrNotFound)
			}
		}
		if _, err := service.AuthenticateClient(ctx, other, "nightly", secret); !errors.Is(err, tokens.ErrInvalidClient) {
			t.Errorf("AuthenticateClient in another tenant: got error %v", err)
		}
		// A scope of this tenant is none of that one's.
		if _, _, err := service.AddClient(ctx, other, "nightly", tokens.ClientSettings{
			Name: ptr("N"), APIScopes: []string{"billing"},
		}, byTest); !slices.Equal(fieldsOf(err), []string{"api_scopes"}) {
			t.Errorf("a scope of another tenant: got error %v", err)
		}
		if _, _, err := service.AddClient(ctx, other, "nightly", tokens.ClientSettings{Name: ptr("N")}, byTest); err != nil {
			t.Errorf("the same client id in another tenant: %v", err)
		}
		if _, _, err := service.AddClient(ctx, tenant, "nightly", tokens.ClientSettings{Name: ptr("N")}, byTest); !errors.Is(err, tokens.ErrTaken) {
			t.Errorf("the same client id: got error %v, want %v", err, tokens.ErrTaken)
		}

		// A change counts at once here; what is so already writes nothing.
		at = at.Add(time.Second)
		for range 2 {
			got, err = service.ChangeClient(ctx, tenant, c.ID, tokens.ClientSettings{
				AccessTokenFormat: ptr("reference"), AccessTokenLife: ptr(time.Minute), APIScopes: []string{},
			}, byTest)
			want.AccessTokenFormat, want.AccessTokenLife, want.APIScopes = "reference", time.Minute, []string{}
			want.Revision, want.UpdatedAt = 2, at
			same("ChangeClient", got, err)
		}
		got, err = service.ClientByClientID(ctx, tenant, "nightly")
		same("ClientByClientID after the change", got, err)
		if act, want := newestAct(t, s, tenant), `client_changed client `+c.ID+
			` {"access_token_format":{"from":"jwt","to":"reference"},"access_token_life":{"from":3000,"to":60},"api_scopes":{"from":["billing"],"to":[]}}`; act != want {
			t.Errorf("audit log: got %s, want %s", act, want)
		}
		stale := byTest
		stale.IfMatch = []int64{1}
		if _, err := service.ChangeClient(ctx, tenant, c.ID, tokens.ClientSettings{Name: ptr("x")}, stale); !errors.Is(err, tokens.ErrChanged) {
			t.Errorf("a change of what was: got error %v, want %v", err, tokens.ErrChanged)
		}
		if err := service.DeleteClient(ctx, tenant, c.ID, stale); !errors.Is(err, tokens.ErrChanged) {
			t.Errorf("a deletion of what was: got error %v, want %v", err, tokens.ErrChanged)
		}
		if err := service.DeleteClient(ctx, tenant, c.ID, byTest); err != nil {
			t.Fatal(err)
		}
		if _, err := service.ClientByClientID(ctx, tenant, "nightly"); !errors.Is(err, tokens.ErrNotFound) {
			t.Errorf("ClientByClientID after the deletion: got error %v", err)
		}
		if _, err := service.AuthenticateClient(ctx, tenant, "nightly", secret); !errors.Is(err, tokens.ErrInvalidClient) {
			t.Errorf("AuthenticateClient after the deletion: got error %v", err)
		}
	})
}

func TestClientWishesAreChecked(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		service, ctx, tenant := open(s, time.Now), t.Context(), newTenant(t, s)
		many := make([]string, 101)
		for i := range many {
			many[i] = fmt.Sprintf("s%d", i)
		}
		for _, test := range []struct {
			id     string
			wish   tokens.ClientSettings
			fields []string
		}{
			{"a", tokens.ClientSettings{}, []string{"name"}},
			{"a", tokens.ClientSettings{Name: ptr(" ")}, []string{"name"}},
			{"a", tokens.ClientSettings{Name: ptr("a\nb")}, []string{"name"}},
			{"a b", tokens.ClientSettings{Name: ptr("A")}, []string{"client_id"}},
			{strings.Repeat("a", 129), tokens.ClientSettings{Name: ptr("A")}, []string{"client_id"}},
			{"a:b", tokens.ClientSettings{Name: ptr("A"), Grants: []string{"password"}}, []string{"client_id", "grants"}},
			{"a", tokens.ClientSettings{Name: ptr("A"), AccessTokenFormat: ptr("JWT")}, []string{"access_token_format"}},
			{"a", tokens.ClientSettings{Name: ptr("A"), AccessTokenLife: ptr(59 * time.Second)}, []string{"access_token_life"}},
			{"a", tokens.ClientSettings{Name: ptr("A"), AccessTokenLife: ptr(24*time.Hour + 1)}, []string{"access_token_life"}},
			{"a", tokens.ClientSettings{Name: ptr("A"), AccessTokenLife: ptr(time.Minute + 1)}, []string{"access_token_life"}},
			{"a", tokens.ClientSettings{Name: ptr("A"), APIScopes: []string{"none"}}, []string{"api_scopes"}},
			{"a", tokens.ClientSettings{Name: ptr("A"), APIScopes: []string{"no scope"}}, []string{"api_scopes"}},
			{"a", tokens.ClientSettings{Name: ptr("A"), APIScopes: many}, []string{"api_scopes"}},
		} {
			if _, _, err := service.AddClient(ctx, tenant, test.id, test.wish, byTest); !slices.Equal(fieldsOf(err), test.fields) {
				t.Errorf("%q %+v: got error %v, want it about %q", test.id, test.wish, err, test.fields)
			}
		}
		clients, _, err := service.Clients(ctx, tenant, "", 10)
		if len(clients) != 0 || err != nil {
			t.Errorf("got clients %+v, error %v, want none", clients, err)
		}
	})
}

func TestClientsAreListedInPages(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		service, ctx, tenant := open(s, time.Now), t.Context(), newTenant(t, s)
		other := newTenant(t, s)
		for _, id := range []string{"b", "A", "a", "~"} {
			if _, _, err := service.AddClient(ctx, tenant, id, tokens.ClientSettings{Name: ptr("N")}, byTest); err != nil {
				t.Fatal(err)
			}
		}
		if _, _, err := service.AddClient(ctx, other, "c", tokens.ClientSettings{Name: ptr("N")}, byTest); err != nil {
			t.Fatal(err)
		}
		var got []string
		for after, more := "", true; more; more = after != "" {
			clients, next, err := service.Clients(ctx, tenant, after, 3)
			if err != nil {
				t.Fatal(err)
			}
			for _, c := range clients {
				got = append(got, c.ClientID)
			}
			after = next
		}
		if want := []string{"A", "a", "b", "~"}; !slices.Equal(got, want) {
			t.Errorf("got %q, want %q", got, want)
		}
		if _, _, err := service.Clients(ctx, tenant, "a b", 3); !slices.Equal(fieldsOf(err), []string{"after"}) {
			t.Errorf("got error %v, want one about after", err)
		}
	})
}

// TestSecretsLiveSideBySide: several are good at once; an ended one is refused by
// every instance from the moment of its end.
func TestSecretsLiveSideBySide(t *testing.T) {
	t.Parallel()
	storetest.EachDatabase(t, func(t *testing.T, db *storetest.Database) {
		at := epoch
		now := func() time.Time { return at }
		s := db.Open(t, now)
		service, second, ctx, tenant := open(s, now), open(db.Open(t, now), now), t.Context(), newTenant(t, s)
		c, first, err := service.AddClient(ctx, tenant, "app", tokens.ClientSettings{Name: ptr("App")}, byTest)
		if err != nil {
			t.Fatal(err)
		}
		k, added, err := service.AddSecret(ctx, tenant, tokens.OfClient, c.ID, byTest)
		if err != nil || !strings.HasSuffix(added, k.Ending) || added == first {
			t.Fatalf("AddSecret: got the ending %q, error %v", k.Ending, err)
		}
		good := func(what, secret string, want bool) {
			t.Helper()
			if _, err := second.AuthenticateClient(ctx, tenant, "app", secret); (err == nil) != want || err != nil && !errors.Is(err, tokens.ErrInvalidClient) {
				t.Errorf("%s: got error %v, want good: %t", what, err, want)
			}
		}
		good("the first", first, true)
		good("the added", added, true)
		good("the added, cut", added[:len(added)-1], false)
		good("the added, extended", added+"A", false)
		good("the added, in another case", strings.ToUpper(added), false)
		good("none", "", false)

		end := at.Add(time.Hour)
		if err := service.RetireSecret(ctx, tenant, tokens.OfClient, c.ID, k.ID, end, byTest); err != nil {
			t.Fatal(err)
		}
		at = end.Add(-time.Microsecond)
		good("before its end", added, true)
		if err := service.KeepSecret(ctx, tenant, tokens.OfClient, c.ID, k.ID, byTest); err != nil {
			t.Fatal(err)
		}
		at = end
		good("kept after all", added, true)
		if err := service.RetireSecret(ctx, tenant, tokens.OfClient, c.ID, k.ID, time.Time{}, byTest); err != nil {
			t.Fatal(err)
		}
		good("retired now", added, false)
		good("the other one", first, true)
		if err := service.KeepSecret(ctx, tenant, tokens.OfClient, c.ID, k.ID, byTest); !slices.Equal(fieldsOf(err), []string{"secret"}) {
			t.Errorf("an ended one is not kept: got error %v", err)
		}
		if err := service.RetireSecret(ctx, tenant, tokens.OfClient, c.ID, newID(t), at, byTest); !errors.Is(err, tokens.ErrNotFound) {
			t.Errorf("an unknown one: got error %v", err)
		}
		secrets, err := service.Secrets(ctx, tenant, tokens.OfClient, c.ID)
		if err != nil || len(secrets) != 2 || secrets[0].UsedAt == nil || secrets[0].ExpiresAt != nil || secrets[1].ExpiresAt == nil {
			t.Errorf("ClientSecrets: got %+v, error %v", secrets, err)
		}
		for _, row := range db.Dump(t, tenant) {
			if strings.Contains(row, first) || strings.Contains(row, added) {
				t.Errorf("a secret is stored: %s", row)
			}
		}
		for range tokens.MaxLiveSecrets - 1 {
			if _, _, err := service.AddSecret(ctx, tenant, tokens.OfClient, c.ID, byTest); err != nil {
				t.Fatal(err)
			}
		}
		if _, _, err := service.AddSecret(ctx, tenant, tokens.OfClient, c.ID, byTest); !slices.Equal(fieldsOf(err), []string{"secrets"}) {
			t.Errorf("one more than there can be: got error %v", err)
		}
		if _, err := service.ChangeClient(ctx, tenant, c.ID, tokens.ClientSettings{Disabled: ptr(true)}, byTest); err != nil {
			t.Fatal(err)
		}
		good("of a disabled client", first, false)
	})
}

// TestWrongSecretsAreBounded: too many under one name are told so, the right one
// is good all the same, and another client is not concerned.
func TestWrongSecretsAreBounded(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		at := epoch
		service, ctx, tenant := open(s, func() time.Time { return at }), t.Context(), newTenant(t, s)
		_, secret, err := service.AddClient(ctx, tenant, "app", tokens.ClientSettings{Name: ptr("App")}, byTest)
		if err != nil {
			t.Fatal(err)
		}
		for i := range 25 {
			_, err := service.AuthenticateClient(ctx, tenant, "app", "wrong")
			if !errors.Is(err, tokens.ErrInvalidClient) || errors.Is(err, tokens.ErrTooManyFailures) != (i >= 20) {
				t.Errorf("failure %d: got error %v", i, err)
			}
		}
		if _, err := service.AuthenticateClient(ctx, tenant, "app", secret); err != nil {
			t.Errorf("the right secret: got error %v", err)
		}
		if _, err := service.AuthenticateClient(ctx, tenant, "nobody", secret); !errors.Is(err, tokens.ErrInvalidClient) || errors.Is(err, tokens.ErrTooManyFailures) {
			t.Errorf("an unknown client: got error %v", err)
		}
		at = at.Add(3 * time.Second)
		if _, err := service.AuthenticateClient(ctx, tenant, "app", "wrong"); errors.Is(err, tokens.ErrTooManyFailures) {
			t.Errorf("three seconds later: got error %v", err)
		}
	})
}

// TestClientIsCachedForFiveSeconds: another instance may know an old row so long.
func TestClientIsCachedForFiveSeconds(t *testing.T) {
	t.Parallel()
	storetest.EachDatabase(t, func(t *testing.T, db *storetest.Database) {
		at := epoch
		now := func() time.Time { return at }
		s := db.Open(t, now)
		service, second, ctx, tenant := open(s, now), open(db.Open(t, now), now), t.Context(), newTenant(t, s)
		c, _, err := service.AddClient(ctx, tenant, "app", tokens.ClientSettings{Name: ptr("Old")}, byTest)
		if err != nil {
			t.Fatal(err)
		}
		name := func(of *tokens.Tokens) string {
			t.Helper()
			c, err := of.ClientByClientID(ctx, tenant, "app")
			if err != nil {
				t.Fatal(err)
			}
			return c.Name
		}
		name(service)
		name(second)
		if _, err := service.ChangeClient(ctx, tenant, c.ID, tokens.ClientSettings{Name: ptr("New")}, byTest); err != nil {
			t.Fatal(err)
		}
		if got := name(service); got != "New" {
			t.Errorf("here: got %q, want the change at once", got)
		}
		if got := name(second); got != "Old" {
			t.Errorf("elsewhere: got %q, want the row that is kept", got)
		}
		at = at.Add(5 * time.Second)
		if got := name(second); got != "New" {
			t.Errorf("elsewhere, five seconds later: got %q", got)
		}
	})
}

// TestSecretsInParallel: rotations at two instances neither lose a secret nor
// exceed the limit, while the first one goes on working.
func TestSecretsInParallel(t *testing.T) {
	t.Parallel()
	storetest.EachDatabase(t, func(t *testing.T, db *storetest.Database) {
		s := db.Open(t, time.Now)
		both := []*tokens.Tokens{open(s, time.Now), open(db.Open(t, time.Now), time.Now)}
		ctx, tenant := t.Context(), newTenant(t, s)
		c, first, err := both[0].AddClient(ctx, tenant, "app", tokens.ClientSettings{Name: ptr("App")}, byTest)
		if err != nil {
			t.Fatal(err)
		}
		var group sync.WaitGroup
		var mu sync.Mutex
		var made []string
		for i := range 12 {
			group.Go(func() {
				_, secret, err := both[i%2].AddSecret(ctx, tenant, tokens.OfClient, c.ID, byTest)
				if err != nil {
					if !slices.Equal(fieldsOf(err), []string{"secrets"}) {
						t.Errorf("AddSecret: %v", err)
					}
					return
				}
				mu.Lock()
				defer mu.Unlock()
				made = append(made, secret)
			})
			group.Go(func() {
				if _, err := both[i%2].AuthenticateClient(ctx, tenant, "app", first); err != nil {
					t.Errorf("AuthenticateClient meanwhile: %v", err)
				}
			})
		}
		group.Wait()
		if len(made) != tokens.MaxLiveSecrets-1 {
			t.Errorf("got %d new secrets, want %d", len(made), tokens.MaxLiveSecrets-1)
		}
		for _, secret := range made {
			if _, err := both[0].AuthenticateClient(ctx, tenant, "app", secret); err != nil {
				t.Errorf("a new secret: %v", err)
			}
		}
		if got, err := both[0].Client(ctx, tenant, c.ID); err != nil || got.Revision != int64(1+len(made)) {
			t.Errorf("got revision %d, error %v, want %d", got.Revision, err, 1+len(made))
		}
	})
}

// TestDeletionAgainstAuthentication: once the deletion has answered, nobody
// authenticates, at no instance.
func TestDeletionAgainstAuthentication(t *testing.T) {
	t.Parallel()
	storetest.EachDatabase(t, func(t *testing.T, db *storetest.Database) {
		s := db.Open(t, time.Now)
		service, second, ctx, tenant := open(s, time.Now), open(db.Open(t, time.Now), time.Now), t.Context(), newTenant(t, s)
		for i := range 5 {
			name := fmt.Sprintf("app%d", i)
			c, secret, err := service.AddClient(ctx, tenant, name, tokens.ClientSettings{Name: ptr("App")}, byTest)
			if err != nil {
				t.Fatal(err)
			}
			gone, begun := make(chan struct{}), make(chan struct{})
			var group sync.WaitGroup
			group.Go(func() {
				for first := true; ; first = false {
					after := false
					select {
					case <-gone:
						after = true
					default:
					}
					_, err := second.AuthenticateClient(ctx, tenant, name, secret)
					if err != nil && !errors.Is(err, tokens.ErrInvalidClient) {
						t.Errorf("got error %v", err)
					}
					if first {
						close(begun)
					}
					if after {
						if err == nil {
							t.Error("a deleted client authenticates")
						}
						return
					}
				}
			})
			<-begun
			if err := service.DeleteClient(ctx, tenant, c.ID, byTest); err != nil {
				t.Error(err)
			}
			close(gone)
			group.Wait()
		}
	})
}

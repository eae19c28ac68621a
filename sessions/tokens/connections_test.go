package tokens_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"usher/sessions/tokens"
	"usher/sql/store"
	"usher/sql/store/storetest"
)

func TestConnectionsAndScopes(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		at := epoch
		service, ctx := open(s, func() time.Time { return at }), t.Context()
		tenant, other := newTenant(t, s), newTenant(t, s)
		n, secret, err := service.AddConnection(ctx, tenant, tokens.NewConnection{Name: "billing", DisplayName: "Billing"}, byTest)
		if err != nil || len(n.Scopes) != 1 || n.Scopes[0].Name != "billing" || n.Scopes[0].DisplayName != "Billing" {
			t.Fatalf("AddConnection: got %+v, error %v", n, err)
		}
		if act := newestAct(t, s, tenant); strings.Contains(act, secret[4:]) || !strings.HasPrefix(act, "api_connection_added api_connection "+n.ID) {
			t.Errorf("audit log: got %s", act)
		}
		scopes := func(n tokens.Connection) string {
			var list []string
			for _, scope := range n.Scopes {
				list = append(list, scope.Name+"="+scope.DisplayName)
			}
			return strings.Join(list, " ")
		}
		if n, err = service.AddScope(ctx, tenant, n.ID, "billing:write", "Write", byTest); err != nil || scopes(n) != "billing=Billing billing:write=Write" {
			t.Errorf("AddScope: got %s, error %v", scopes(n), err)
		}
		if n, err = service.RenameScope(ctx, tenant, n.ID, "billing:write", "Change bills", byTest); err != nil || scopes(n) != "billing=Billing billing:write=Change bills" {
			t.Errorf("RenameScope: got %s, error %v", scopes(n), err)
		}
		if n, err = service.ChangeConnection(ctx, tenant, n.ID, tokens.ConnectionSettings{DisplayName: ptr("Bills")}, byTest); err != nil || n.DisplayName != "Bills" || n.Revision != 4 {
			t.Errorf("ChangeConnection: got %+v, error %v", n, err)
		}
		if n, err = service.AddScope(ctx, tenant, n.ID, "ledger", "", byTest); err != nil || len(n.Scopes) != 3 {
			t.Errorf("AddScope: got %s, error %v", scopes(n), err)
		}
		got, err := service.AuthenticateConnection(ctx, tenant, "billing", secret)
		if err != nil || got.ID != n.ID || scopes(got.Connection) != scopes(n) {
			t.Errorf("AuthenticateConnection: got %+v, error %v", got, err)
		}

		for what, test := range map[string]struct {
			err  error
			want error
		}{
			"a connection of this name":     {second(service.AddConnection(ctx, tenant, tokens.NewConnection{Name: "billing"}, byTest)), tokens.ErrTaken},
			"a connection of a scope's":     {second(service.AddConnection(ctx, tenant, tokens.NewConnection{Name: "ledger"}, byTest)), tokens.ErrTaken},
			"a scope of this name":          {first(service.AddScope(ctx, tenant, n.ID, "billing:write", "", byTest)), tokens.ErrTaken},
			"a connection elsewhere":        {first(service.Connection(ctx, other, n.ID)), tokens.ErrNotFound},
			"a scope elsewhere":             {first(service.AddScope(ctx, other, n.ID, "x", "", byTest)), tokens.ErrNotFound},
			"an unknown scope's name":       {first(service.RenameScope(ctx, tenant, n.ID, "none", "x", byTest)), tokens.ErrNotFound},
			"an unknown scope's deletion":   {service.DeleteScope(ctx, tenant, n.ID, "none", byTest), tokens.ErrNotFound},
			"a deletion elsewhere":          {service.DeleteConnection(ctx, other, n.ID, byTest), tokens.ErrNotFound},
			"another tenant authenticating": {first(service.AuthenticateConnection(ctx, other, "billing", secret)), tokens.ErrInvalidClient},
			"a wrong secret":                {first(service.AuthenticateConnection(ctx, tenant, "billing", secret+"x")), tokens.ErrInvalidClient},
		} {
			if !errors.Is(test.err, test.want) {
				t.Errorf("%s: got error %v, want %v", what, test.err, test.want)
			}
		}
		for what, test := range map[string]struct {
			err   error
			field string
		}{
			"its own scope's name":   {first(service.RenameScope(ctx, tenant, n.ID, "billing", "x", byTest)), "scope"},
			"its own scope":          {service.DeleteScope(ctx, tenant, n.ID, "billing", byTest), "scope"},
			"a reserved scope":       {first(service.AddScope(ctx, tenant, n.ID, "openid", "", byTest)), "name"},
			"a reserved connection":  {second(service.AddConnection(ctx, tenant, tokens.NewConnection{Name: "resources"}, byTest)), "name"},
			"a scope with a space":   {first(service.AddScope(ctx, tenant, n.ID, "a b", "", byTest)), "name"},
			"an upper-case name":     {second(service.AddConnection(ctx, tenant, tokens.NewConnection{Name: "Billing"}, byTest)), "name"},
			"a display name of none": {first(service.ChangeConnection(ctx, tenant, n.ID, tokens.ConnectionSettings{DisplayName: ptr(" ")}, byTest)), "display_name"},
		} {
			if !slices.Equal(fieldsOf(test.err), []string{test.field}) {
				t.Errorf("%s: got error %v, want one about %s", what, test.err, test.field)
			}
		}
	})
}

// first and second are the error of a call with one or two results besides.
func first[T any](_ T, err error) error { return err }

func second[T, U any](_ T, _ U, err error) error { return err }

// TestDeletedScopesAreTakenAway: who could ask for one cannot any more, and the
// preview names them.
func TestDeletedScopesAreTakenAway(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		service, ctx, tenant, other := open(s, time.Now), t.Context(), newTenant(t, s), newTenant(t, s)
		client := map[string]string{}
		connection := map[string]string{}
		for _, at := range []string{tenant, other} {
			n, _, err := service.AddConnection(ctx, at, tokens.NewConnection{Name: "billing"}, byTest)
			if err != nil {
				t.Fatal(err)
			}
			connection[at] = n.ID
			if _, err := service.AddScope(ctx, at, n.ID, "billing:write", "", byTest); err != nil {
				t.Fatal(err)
			}
			c, _, err := service.AddClient(ctx, at, "app", tokens.ClientSettings{
				Name: ptr("App"), APIScopes: []string{"billing", "billing:write"},
			}, byTest)
			if err != nil {
				t.Fatal(err)
			}
			client[at] = c.ID
		}
		reader, _, err := service.AddClient(ctx, tenant, "reader", tokens.ClientSettings{Name: ptr("Reader"), APIScopes: []string{"billing"}}, byTest)
		if err != nil {
			t.Fatal(err)
		}
		preview := func(scope string) string {
			d, err := service.Deletion(ctx, tenant, connection[tenant], scope)
			if err != nil {
				t.Fatal(err)
			}
			var names []string
			for _, c := range d.Clients {
				names = append(names, c.ClientID)
			}
			return fmt.Sprint(d.Scopes, names, d.More)
		}
		if got, want := preview("billing:write"), "[billing:write] [app] false"; got != want {
			t.Errorf("preview of a scope: got %s, want %s", got, want)
		}
		if got, want := preview(""), "[billing billing:write] [app reader] false"; got != want {
			t.Errorf("preview of the connection: got %s, want %s", got, want)
		}
		allowed := func(tenant, id string, want ...string) {
			t.Helper()
			c, err := service.Client(ctx, tenant, id)
			if err != nil || !slices.Equal(c.APIScopes, want) {
				t.Errorf("got scopes %q, error %v, want %q", c.APIScopes, err, want)
			}
		}
		if err := service.DeleteScope(ctx, tenant, connection[tenant], "billing:write", byTest); err != nil {
			t.Fatal(err)
		}
		if act, want := newestAct(t, s, tenant), fmt.Sprintf(`api_scope_deleted api_connection %s {"clients":["%s"],"name":"billing","scopes":["billing:write"]}`,
			connection[tenant], client[tenant]); act != want {
			t.Errorf("audit log: got %s, want %s", act, want)
		}
		allowed(tenant, client[tenant], "billing")
		allowed(tenant, reader.ID, "billing")
		if c, err := service.ClientByClientID(ctx, tenant, "app"); err != nil || c.Revision != 2 {
			t.Errorf("got revision %d, error %v, want 2", c.Revision, err)
		}
		if err := service.DeleteConnection(ctx, tenant, connection[tenant], byTest); err != nil {
			t.Fatal(err)
		}
		allowed(tenant, client[tenant])
		allowed(tenant, reader.ID)
		allowed(other, client[other], "billing", "billing:write")
		if scopes, err := service.APIScopes(ctx, tenant); len(scopes) != 0 || err != nil {
			t.Errorf("got scopes %+v, error %v, want none", scopes, err)
		}
	})
}

// TestScopeIsNeitherGivenNorKept: a client that is given a scope while that is
// deleted has it neither before nor after.
func TestScopeIsNeitherGivenNorKept(t *testing.T) {
	t.Parallel()
	storetest.EachDatabase(t, func(t *testing.T, db *storetest.Database) {
		s := db.Open(t, time.Now)
		service, twin, ctx, tenant := open(s, time.Now), open(db.Open(t, time.Now), time.Now), t.Context(), newTenant(t, s)
		n, _, err := service.AddConnection(ctx, tenant, tokens.NewConnection{Name: "api"}, byTest)
		if err != nil {
			t.Fatal(err)
		}
		c, _, err := service.AddClient(ctx, tenant, "app", tokens.ClientSettings{Name: ptr("App")}, byTest)
		if err != nil {
			t.Fatal(err)
		}
		for range 10 {
			if _, err := service.AddScope(ctx, tenant, n.ID, "api:x", "", byTest); err != nil {
				t.Fatal(err)
			}
			var group sync.WaitGroup
			group.Go(func() {
				_, err := twin.ChangeClient(ctx, tenant, c.ID, tokens.ClientSettings{APIScopes: []string{"api", "api:x"}}, byTest)
				if err != nil && !slices.Equal(fieldsOf(err), []string{"api_scopes"}) {
					t.Errorf("ChangeClient: %v", err)
				}
			})
			group.Go(func() {
				if err := service.DeleteScope(ctx, tenant, n.ID, "api:x", byTest); err != nil {
					t.Errorf("DeleteScope: %v", err)
				}
			})
			group.Wait()
			if got, err := service.Client(ctx, tenant, c.ID); err != nil || slices.Contains(got.APIScopes, "api:x") {
				t.Fatalf("got %q, error %v, want no api:x", got.APIScopes, err)
			}
		}
	})
}

// TestClientFaultIsNoRefusal: without its store a secret is neither right nor
// wrong.
func TestClientFaultIsNoRefusal(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		service := open(s, time.Now)
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		for what, err := range map[string]error{
			"AuthenticateClient":     first(service.AuthenticateClient(t.Context(), newID(t), "a", "b")),
			"AuthenticateConnection": first(service.AuthenticateConnection(t.Context(), newID(t), "a", "b")),
			"ClientByClientID":       first(service.ClientByClientID(t.Context(), newID(t), "a")),
		} {
			if !errors.Is(err, store.ErrUnavailable) || errors.Is(err, tokens.ErrInvalidClient) {
				t.Errorf("%s: got error %v, want %v", what, err, store.ErrUnavailable)
			}
		}
	})
}

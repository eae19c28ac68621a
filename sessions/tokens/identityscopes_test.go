package tokens_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"usher/sessions/tokens"
	"usher/sql/store"
	"usher/sql/store/storetest"
)

func namesOf(scopes []tokens.IdentityScope) string {
	var names []string
	for _, scope := range scopes {
		names = append(names, scope.Name+"="+strings.Join(scope.Claims, ","))
	}
	return strings.Join(names, " ")
}

func TestIdentityScopes(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		service, ctx := open(s, fixed), t.Context()
		tenant, other := newTenant(t, s), newTenant(t, s)
		newClaim(t, service, tenant, "size", tokens.ClaimNumber, "")
		newClaim(t, service, other, "theirs", tokens.ClaimNumber, "")
		n, _, err := service.AddConnection(ctx, tenant, tokens.NewConnection{Name: "billing"}, byTest)
		if err != nil {
			t.Fatal(err)
		}
		scope, err := service.AddIdentityScope(ctx, tenant, tokens.NewIdentityScope{
			Name: "shop:fit", DisplayName: "Your sizes", Claims: []string{"size", "locale", "size"},
		}, byTest)
		if err != nil || scope.Revision != 1 || namesOf([]tokens.IdentityScope{scope}) != "shop:fit=locale,size" {
			t.Fatalf("AddIdentityScope: got %+v, error %v", scope, err)
		}
		if got, want := newestAct(t, s, tenant), `identity_scope_added identity_scope shop:fit {"claims":["locale","size"],"display_name":"Your sizes"}`; got != want {
			t.Errorf("audit log: got %s, want %s", got, want)
		}
		const builtIn = "openid=sub profile=email,name,phone name=name phone=phone email=email,email_verified groups=groups " +
			"user:name=name user:email=email,email_verified user:phone=phone"
		for what, of := range map[string]struct{ tenant, want string }{
			"its own":          {tenant, builtIn + " shop:fit=locale,size"},
			"another tenant's": {other, builtIn},
		} {
			list, err := service.IdentityScopes(ctx, of.tenant)
			if got := namesOf(list); got != of.want || err != nil {
				t.Errorf("%s: got %s, error %v, want %s", what, got, err, of.want)
			}
		}
		changed, err := service.ChangeIdentityScope(ctx, tenant, "shop:fit", tokens.IdentityScopeSettings{DisplayName: ptr("Sizes"), Claims: []string{"size"}}, byTest)
		if err != nil || changed.DisplayName != "Sizes" || changed.Revision != 2 || !slices.Equal(changed.Claims, []string{"size"}) {
			t.Errorf("ChangeIdentityScope: got %+v, error %v", changed, err)
		}
		act := newestAct(t, s, tenant)
		if want := `identity_scope_changed identity_scope shop:fit {"claims":{"from":["locale","size"],"to":["size"]},"display_name":{"from":"Your sizes","to":"Sizes"}}`; act != want {
			t.Errorf("audit log: got %s, want %s", act, want)
		}
		if same, err := service.ChangeIdentityScope(ctx, tenant, "shop:fit", tokens.IdentityScopeSettings{Claims: []string{"size"}}, byTest); err != nil || same.Revision != 2 || newestAct(t, s, tenant) != act {
			t.Errorf("what is so already: got %+v, error %v, and %s", same, err, newestAct(t, s, tenant))
		}
		if got, err := service.IdentityScope(ctx, tenant, "shop:fit"); err != nil || got.DisplayName != "Sizes" || got.BuiltIn {
			t.Errorf("IdentityScope: got %+v, error %v", got, err)
		}
		if got, err := service.IdentityScope(ctx, tenant, "profile"); err != nil || !got.BuiltIn {
			t.Errorf("a built-in one: got %+v, error %v", got, err)
		}

		newScope(t, service, tenant, "plain")
		stale := byTest
		stale.IfMatch = []int64{1}
		add := func(name string, claims ...string) error {
			return first(service.AddIdentityScope(ctx, tenant, tokens.NewIdentityScope{Name: name, Claims: claims}, byTest))
		}
		change := func(tenant, name string, wish tokens.IdentityScopeSettings, by tokens.By) error {
			return first(service.ChangeIdentityScope(ctx, tenant, name, wish, by))
		}
		for what, test := range map[string]struct {
			err  error
			want error
		}{
			"a name in use":                 {add("shop:fit"), tokens.ErrTaken},
			"an API scope's name":           {add("billing"), tokens.ErrTaken},
			"an API connection of its name": {second(service.AddConnection(ctx, tenant, tokens.NewConnection{Name: "plain"}, byTest)), tokens.ErrTaken},
			"an API scope of its name":      {first(service.AddScope(ctx, tenant, n.ID, "shop:fit", "", byTest)), tokens.ErrTaken},
			"one elsewhere":                 {first(service.IdentityScope(ctx, other, "shop:fit")), tokens.ErrNotFound},
			"no name":                       {first(service.IdentityScope(ctx, tenant, "Ä")), tokens.ErrNotFound},
			"a change elsewhere":            {change(other, "shop:fit", tokens.IdentityScopeSettings{DisplayName: ptr("x")}, byTest), tokens.ErrNotFound},
			"a stale change":                {change(tenant, "shop:fit", tokens.IdentityScopeSettings{DisplayName: ptr("x")}, stale), tokens.ErrChanged},
			"a stale deletion":              {service.DeleteIdentityScope(ctx, tenant, "shop:fit", stale), tokens.ErrChanged},
			"a deletion elsewhere":          {service.DeleteIdentityScope(ctx, other, "shop:fit", byTest), tokens.ErrNotFound},
		} {
			if !errors.Is(test.err, test.want) {
				t.Errorf("%s: got error %v, want %v", what, test.err, test.want)
			}
		}
		for what, test := range map[string]struct {
			err  error
			want []string
		}{
			"a built-in name":         {add("groups"), []string{"name"}},
			"a membership's":          {add("memberof:acme"), []string{"name"}},
			"capitals":                {add("Fit"), []string{"name"}},
			"no name":                 {add(""), []string{"name"}},
			"an unknown claim":        {add("x", "hat"), []string{"claims"}},
			"another tenant's claim":  {add("x", "theirs"), []string{"claims"}},
			"a claim about the token": {add("x", "exp"), []string{"claims"}},
			"sub, which is always":    {add("x", "sub"), []string{"claims"}},
			"everything":              {first(service.AddIdentityScope(ctx, tenant, tokens.NewIdentityScope{Name: "x y", DisplayName: "\x00", Claims: []string{"?"}}, byTest)), []string{"name", "claims"}},
			"a changed built-in one":  {change(tenant, "profile", tokens.IdentityScopeSettings{DisplayName: ptr("x")}, byTest), []string{"scope"}},
			"a deleted built-in one":  {service.DeleteIdentityScope(ctx, tenant, "openid", byTest), []string{"scope"}},
			"a change to an unknown":  {change(tenant, "shop:fit", tokens.IdentityScopeSettings{Claims: []string{"theirs"}}, byTest), []string{"claims"}},
			"an empty display name":   {change(tenant, "shop:fit", tokens.IdentityScopeSettings{DisplayName: ptr(" ")}, byTest), []string{"display_name"}},
		} {
			if got := fieldsOf(test.err); !cmp.Equal(got, test.want) {
				t.Errorf("%s: got %v, want faults of %v", what, test.err, test.want)
			}
		}
	})
}

// TestScopesShareTheirNames: no name becomes an identity scope and an API scope
// both, whoever comes at the same time.
func TestScopesShareTheirNames(t *testing.T) {
	t.Parallel()
	storetest.EachDatabase(t, func(t *testing.T, db *storetest.Database) {
		s := db.Open(t, fixed)
		service, ctx := open(s, fixed), t.Context()
		tenant := newTenant(t, s)
		n, _, err := service.AddConnection(ctx, tenant, tokens.NewConnection{Name: "api"}, byTest)
		if err != nil {
			t.Fatal(err)
		}
		for round := range 10 {
			name := fmt.Sprintf("both%d", round)
			var errs [2]error
			var all sync.WaitGroup
			all.Go(func() {
				errs[0] = first(service.AddIdentityScope(ctx, tenant, tokens.NewIdentityScope{Name: name}, byTest))
			})
			all.Go(func() { errs[1] = first(service.AddScope(ctx, tenant, n.ID, name, "", byTest)) })
			all.Wait()
			made := 0
			for _, err := range errs {
				if err == nil {
					made++
				} else if !errors.Is(err, tokens.ErrTaken) {
					t.Errorf("%s: got error %v", name, err)
				}
			}
			if made != 1 {
				t.Errorf("%s: made %d times, errors %v", name, made, errs)
			}
		}
		if rows := db.Rows(t, `SELECT i.name FROM identity_scopes i JOIN api_scopes a ON a.tenant_id = i.tenant_id AND a.name = i.name`); len(rows) > 0 {
			t.Errorf("got both of %q", rows)
		}
	})
}

// TestClientsAskForWhatThereIs: a client is allowed identity scopes and requires
// claims that its tenant has.
func TestClientsAskForWhatThereIs(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		service, ctx := open(s, fixed), t.Context()
		tenant, other := newTenant(t, s), newTenant(t, s)
		newClaim(t, service, tenant, "size", tokens.ClaimNumber, "")
		newClaim(t, service, tenant, "profile", tokens.ClaimURL, "") // called as a scope is
		newScope(t, service, tenant, "fit", "size")
		shop := newClientWith(t, service, tenant, "shop", []string{"fit", "openid", "user:name"}, []string{"size", "profile"})
		if got, want := strings.Join(append(shop.IdentityScopes, shop.RequiredClaims...), " "), "fit openid user:name profile size"; got != want {
			t.Errorf("got %s, want %s", got, want)
		}
		for what, test := range map[string]struct {
			tenant string
			wish   tokens.ClientSettings
			want   string
		}{
			"an unknown scope":         {tenant, tokens.ClientSettings{IdentityScopes: []string{"fits"}}, "identity_scopes"},
			"another tenant's scope":   {other, tokens.ClientSettings{IdentityScopes: []string{"fit"}}, "identity_scopes"},
			"an unknown claim":         {tenant, tokens.ClientSettings{RequiredClaims: []string{"sizes"}}, "required_claims"},
			"a claim of the record":    {tenant, tokens.ClientSettings{RequiredClaims: []string{"email"}}, "required_claims"},
			"another tenant's claim":   {other, tokens.ClientSettings{RequiredClaims: []string{"size"}}, "required_claims"},
			"a claim that is no claim": {tenant, tokens.ClientSettings{RequiredClaims: []string{"Ä"}}, "required_claims"},
		} {
			test.wish.Name = ptr("x")
			_, _, err := service.AddClient(ctx, test.tenant, "", test.wish, byTest)
			if got := fieldsOf(err); !slices.Equal(got, []string{test.want}) {
				t.Errorf("%s: got %v, want a fault of %s", what, err, test.want)
			}
		}
	})
}

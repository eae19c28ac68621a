package tokens_test

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"usher/sessions/tokens"
	"usher/sql/store"
	"usher/sql/store/storetest"
)

func TestCustomClaims(t *testing.T) {
	t.Parallel()
	storetest.EachAt(t, fixed, func(t *testing.T, s *store.Store) {
		service, ctx := open(s, fixed), t.Context()
		tenant, other := newTenant(t, s), newTenant(t, s)
		claim, err := service.AddCustomClaim(ctx, tenant, tokens.NewCustomClaim{
			Name: "staff_number", DisplayName: "Staff number", Type: tokens.ClaimNumber, MetaPath: "staff.number",
		}, byTest)
		if err != nil {
			t.Fatal(err)
		}
		want := tokens.CustomClaim{
			TenantID: tenant, Name: "staff_number", DisplayName: "Staff number", Type: "number", MetaPath: "staff.number",
			Revision: 1, CreatedAt: epoch, UpdatedAt: epoch,
		}
		same := func(what string, got tokens.CustomClaim, err error) {
			t.Helper()
			got.CreatedAt, got.UpdatedAt = got.CreatedAt.UTC(), got.UpdatedAt.UTC()
			if diff := cmp.Diff(want, got); diff != "" || err != nil {
				t.Errorf("%s: error %v\n%s", what, err, diff)
			}
		}
		same("AddCustomClaim", claim, nil)
		if got, want := newestAct(t, s, tenant), `claim_added claim staff_number {"display_name":"Staff number","meta_path":"staff.number","type":"number"}`; got != want {
			t.Errorf("audit log: got %s, want %s", got, want)
		}
		want.DisplayName, want.MetaPath, want.Revision = "Number", "", 2
		claim, err = service.ChangeCustomClaim(ctx, tenant, "staff_number", tokens.CustomClaimSettings{DisplayName: ptr("Number"), MetaPath: ptr("")}, byTest)
		same("ChangeCustomClaim", claim, err)
		act := newestAct(t, s, tenant)
		if want := `claim_changed claim staff_number {"display_name":{"from":"Staff number","to":"Number"},"meta_path":{"from":"staff.number","to":""}}`; act != want {
			t.Errorf("audit log: got %s, want %s", act, want)
		}
		claim, err = service.ChangeCustomClaim(ctx, tenant, "staff_number", tokens.CustomClaimSettings{DisplayName: ptr("Number")}, byTest)
		same("what is so already", claim, err)
		if got := newestAct(t, s, tenant); got != act {
			t.Errorf("what is so already: audit log: got %s", got)
		}
		claim, err = service.CustomClaim(ctx, tenant, "staff_number")
		same("CustomClaim", claim, err)
		if list, err := service.CustomClaims(ctx, other); err != nil || len(list) != 0 {
			t.Errorf("another tenant's: got %+v, error %v", list, err)
		}

		stale := byTest
		stale.IfMatch = []int64{1}
		add := func(wish tokens.NewCustomClaim) error {
			return first(service.AddCustomClaim(ctx, tenant, wish, byTest))
		}
		for what, test := range map[string]struct {
			err  error
			want error
		}{
			"a name in use":        {add(tokens.NewCustomClaim{Name: "staff_number", Type: "text"}), tokens.ErrTaken},
			"one elsewhere":        {first(service.CustomClaim(ctx, other, "staff_number")), tokens.ErrNotFound},
			"no name":              {first(service.CustomClaim(ctx, tenant, "Staff")), tokens.ErrNotFound},
			"a change elsewhere":   {first(service.ChangeCustomClaim(ctx, other, "staff_number", tokens.CustomClaimSettings{MetaPath: ptr("x")}, byTest)), tokens.ErrNotFound},
			"a stale change":       {first(service.ChangeCustomClaim(ctx, tenant, "staff_number", tokens.CustomClaimSettings{MetaPath: ptr("x")}, stale)), tokens.ErrChanged},
			"a stale deletion":     {service.DeleteCustomClaim(ctx, tenant, "staff_number", stale), tokens.ErrChanged},
			"a deletion elsewhere": {service.DeleteCustomClaim(ctx, other, "staff_number", byTest), tokens.ErrNotFound},
			"a preview elsewhere":  {first(service.ClaimLoss(ctx, other, "staff_number")), tokens.ErrNotFound},
		} {
			if !errors.Is(test.err, test.want) {
				t.Errorf("%s: got error %v, want %v", what, test.err, test.want)
			}
		}
		for what, test := range map[string]struct {
			wish tokens.NewCustomClaim
			want []string
		}{
			"no name":              {tokens.NewCustomClaim{Type: "text"}, []string{"name"}},
			"a digit in front":     {tokens.NewCustomClaim{Name: "1st", Type: "text"}, []string{"name"}},
			"capitals":             {tokens.NewCustomClaim{Name: "staffNumber", Type: "text"}, []string{"name"}},
			"a long name":          {tokens.NewCustomClaim{Name: strings.Repeat("a", 65), Type: "text"}, []string{"name"}},
			"no type":              {tokens.NewCustomClaim{Name: "a"}, []string{"type"}},
			"an unknown type":      {tokens.NewCustomClaim{Name: "a", Type: "colour"}, []string{"type"}},
			"an empty member":      {tokens.NewCustomClaim{Name: "a", Type: "text", MetaPath: "a..b"}, []string{"meta_path"}},
			"a long path":          {tokens.NewCustomClaim{Name: "a", Type: "text", MetaPath: strings.Repeat("a", 201)}, []string{"meta_path"}},
			"a deep path":          {tokens.NewCustomClaim{Name: "a", Type: "text", MetaPath: strings.Repeat("a.", 10) + "a"}, []string{"meta_path"}},
			"a control character":  {tokens.NewCustomClaim{Name: "a", Type: "text", MetaPath: "a\x00"}, []string{"meta_path"}},
			"a wrong display name": {tokens.NewCustomClaim{Name: "a", Type: "text", DisplayName: "a\nb"}, []string{"display_name"}},
			"everything":           {tokens.NewCustomClaim{Name: "A", DisplayName: "\n", Type: "A", MetaPath: "."}, []string{"name", "type", "meta_path"}},
		} {
			if got := fieldsOf(add(test.wish)); !cmp.Equal(got, test.want) {
				t.Errorf("%s: got faults of %v, want %v", what, got, test.want)
			}
		}
		for _, name := range append(tokens.StandardClaims(), "sub", "iss", "aud", "exp", "iat", "nbf", "jti", "client_id", "scope", "azp",
			"auth_time", "amr", "acr", "sid", "nonce", "at_hash", "c_hash", "act", "cnf", "events", "typ", "type", "client_user_id",
			"authentication_method", "identifier", "globalid", "refresh_token", "username") {
			if got := fieldsOf(add(tokens.NewCustomClaim{Name: name, Type: "text"})); !cmp.Equal(got, []string{"name"}) {
				t.Errorf("a claim called %s: got faults of %v", name, got)
			}
		}
	})
}

// TestDeletedClaimsAreTakenAway: the identity scopes that had it and the clients
// that required it do not any more, nobody's value stays, and the preview names
// them.
func TestDeletedClaimsAreTakenAway(t *testing.T) {
	t.Parallel()
	storetest.EachDatabase(t, func(t *testing.T, db *storetest.Database) {
		s := db.Open(t, fixed)
		service, ctx := open(s, fixed), t.Context()
		tenant, other := newTenant(t, s), newTenant(t, s)
		for _, in := range []string{tenant, other} {
			newClaim(t, service, in, "size", tokens.ClaimNumber, "")
			newClaim(t, service, in, "hat", tokens.ClaimText, "")
			newScope(t, service, in, "fit", "size", "hat", "name")
			newScope(t, service, in, "head", "hat")
			user := newPerson(t, db, in, `{}`)
			for claim, value := range map[string]string{"size": "42", "hat": "bowler"} {
				if err := service.SetClaimText(ctx, in, user, claim, value, byTest); err != nil {
					t.Fatal(err)
				}
			}
		}
		shop := newClientWith(t, service, tenant, "shop", []string{"fit", "head"}, []string{"hat", "size"})
		newClientWith(t, service, tenant, "apart", []string{"head"}, []string{"hat"})
		theirs := newClientWith(t, service, other, "shop", []string{"fit"}, []string{"size"})

		loss, err := service.ClaimLoss(ctx, tenant, "size")
		if err != nil || namesOf(loss.Scopes) != "fit=hat,name,size" || len(loss.Clients) != 1 || loss.Clients[0].ID != shop.ID || loss.More || loss.Values != 1 {
			t.Errorf("ClaimLoss: got %+v, error %v", loss, err)
		}
		if err := service.DeleteCustomClaim(ctx, tenant, "size", byTest); err != nil {
			t.Fatal(err)
		}
		if got, want := newestAct(t, s, tenant), `claim_deleted claim size {"clients":["`+shop.ID+`"],"scopes":["fit"],"type":"number","values":1}`; got != want {
			t.Errorf("audit log: got %s, want %s", got, want)
		}
		got := db.Rows(t, `
SELECT c.tenant_id, c.required_claims, i.claims, (SELECT count(*) FROM claim_values v WHERE v.tenant_id = c.tenant_id)
  FROM clients c JOIN identity_scopes i ON i.tenant_id = c.tenant_id AND i.name = 'fit' WHERE c.client_id = 'shop' ORDER BY c.tenant_id`)
		want := []string{tenant + `|["hat"]|["hat","name"]|1`, other + `|["size"]|["hat","name","size"]|2`}
		if tenant > other {
			want[0], want[1] = want[1], want[0]
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Error(diff)
		}
		if c, err := service.Client(ctx, tenant, shop.ID); err != nil || c.Revision != shop.Revision+1 {
			t.Errorf("the client: got revision %d, error %v", c.Revision, err)
		}

		scopeLoss, err := service.ScopeLoss(ctx, tenant, "fit")
		if err != nil || len(scopeLoss.Clients) != 1 || scopeLoss.Clients[0].ID != shop.ID {
			t.Errorf("ScopeLoss: got %+v, error %v", scopeLoss, err)
		}
		if err := service.DeleteIdentityScope(ctx, tenant, "fit", byTest); err != nil {
			t.Fatal(err)
		}
		if got, want := newestAct(t, s, tenant), `identity_scope_deleted identity_scope fit {"claims":["hat","name"],"clients":["`+shop.ID+`"]}`; got != want {
			t.Errorf("audit log: got %s, want %s", got, want)
		}
		if c, err := service.Client(ctx, tenant, shop.ID); err != nil || !cmp.Equal(c.IdentityScopes, []string{"head"}) {
			t.Errorf("the client: got %v, error %v", c.IdentityScopes, err)
		}
		if c, err := service.Client(ctx, other, theirs.ID); err != nil || !cmp.Equal(c.IdentityScopes, []string{"fit"}) {
			t.Errorf("another tenant's client: got %v, error %v", c.IdentityScopes, err)
		}
	})
}

// TestClaimsGoWhileTheyAreWanted: whatever comes first, no scope names a claim
// that is gone, no client requires it, and no value of it stays.
func TestClaimsGoWhileTheyAreWanted(t *testing.T) {
	t.Parallel()
	storetest.EachDatabase(t, func(t *testing.T, db *storetest.Database) {
		s := db.Open(t, fixed)
		service, ctx := open(s, fixed), t.Context()
		tenant := newTenant(t, s)
		ada := newPerson(t, db, tenant, `{}`)
		newScope(t, service, tenant, "old")
		shop := newClientWith(t, service, tenant, "shop", nil, nil)
		for round := range 8 {
			claim := fmt.Sprintf("claim%d", round)
			newClaim(t, service, tenant, claim, tokens.ClaimText, "")
			var errs [5]error
			var all sync.WaitGroup
			all.Go(func() { errs[0] = service.DeleteCustomClaim(ctx, tenant, claim, byTest) })
			all.Go(func() {
				errs[1] = first(service.AddIdentityScope(ctx, tenant, tokens.NewIdentityScope{Name: "of-" + claim, Claims: []string{claim}}, byTest))
			})
			all.Go(func() {
				errs[2] = first(service.ChangeIdentityScope(ctx, tenant, "old", tokens.IdentityScopeSettings{Claims: []string{claim}}, byTest))
			})
			all.Go(func() { errs[3] = service.SetClaimText(ctx, tenant, ada, claim, "x", byTest) })
			all.Go(func() {
				errs[4] = first(service.ChangeClient(ctx, tenant, shop.ID, tokens.ClientSettings{RequiredClaims: []string{claim}}, byTest))
			})
			all.Wait()
			if errs[0] != nil {
				t.Errorf("the deletion: got error %v", errs[0])
			}
			for _, err := range errs[1:3] {
				if err != nil && !cmp.Equal(fieldsOf(err), []string{"claims"}) {
					t.Errorf("a scope: got error %v", err)
				}
			}
			if err := errs[3]; err != nil && !errors.Is(err, tokens.ErrNotFound) {
				t.Errorf("a value: got error %v", err)
			}
			if err := errs[4]; err != nil && !cmp.Equal(fieldsOf(err), []string{"required_claims"}) {
				t.Errorf("a client: got error %v", err)
			}
		}
		if rows := db.Rows(t, `SELECT required_claims FROM clients WHERE required_claims <> '[]'`); len(rows) > 0 {
			t.Errorf("got a client that requires what is gone: %q", rows)
		}
		if rows := db.Rows(t, `SELECT name, claims FROM identity_scopes WHERE claims <> '[]'`); len(rows) > 0 {
			t.Errorf("got scopes with claims that are gone: %q", rows)
		}
		if rows := db.Rows(t, `SELECT claim FROM claim_values`); len(rows) > 0 {
			t.Errorf("got values of claims that are gone: %q", rows)
		}
	})
}

package tokens_test

import (
	"encoding/json"
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"usher/sessions/tokens"
	"usher/sql/store/storetest"
)

func fixed() time.Time { return epoch }

func TestClaimsFor(t *testing.T) {
	t.Parallel()
	storetest.EachDatabase(t, func(t *testing.T, db *storetest.Database) {
		s := db.Open(t, fixed)
		service, ctx := open(s, fixed), t.Context()
		tenant, other := newTenant(t, s), newTenant(t, s)
		ada := newPerson(t, db, tenant, `{"staff":{"number":10000000000000000001,"since":"2020-02-29"},"fit":"yes","vip":false,"home":"javascript:alert(1)"}`)
		newGroup(t, db, tenant, ada, "zoo")
		newGroup(t, db, tenant, ada, "art")
		newClaim(t, service, tenant, "staff_number", tokens.ClaimNumber, "staff.number")
		newClaim(t, service, tenant, "since", tokens.ClaimDate, "staff.since")
		newClaim(t, service, tenant, "vip", tokens.ClaimBoolean, "vip")
		newClaim(t, service, tenant, "fit", tokens.ClaimBoolean, "fit") // meta has a text there
		newClaim(t, service, tenant, "home", tokens.ClaimURL, "home")   // meta has what is no address of a page
		newClaim(t, service, tenant, "motto", tokens.ClaimText, "")
		newClaim(t, service, tenant, "below", tokens.ClaimText, "vip.deeper")
		newScope(t, service, tenant, "staff", "staff_number", "since", "vip", "fit", "home", "motto", "below", "given_name", "groups")
		newScope(t, service, other, "theirs", "name")
		if err := service.SetClaim(ctx, tenant, ada, "motto", json.RawMessage(`"Onward"`), byTest); err != nil {
			t.Fatal(err)
		}
		if err := service.SetClaim(ctx, tenant, ada, "since", json.RawMessage(`"1999-01-01"`), byTest); err != nil {
			t.Fatal(err) // meta goes before it
		}
		for _, test := range []struct {
			scopes []string
			want   map[string]any
		}{
			{nil, map[string]any{}},
			{[]string{"openid"}, map[string]any{}},
			{[]string{"openid", "profile"}, map[string]any{"name": "Ada Byron", "email": "Ada@example.org", "phone": "+44 20"}},
			{[]string{"name"}, map[string]any{"name": "Ada Byron"}},
			{[]string{"user:name", "user:phone"}, map[string]any{"name": "Ada Byron", "phone": "+44 20"}},
			{[]string{"email"}, map[string]any{"email": "Ada@example.org", "email_verified": true}},
			{[]string{"user:email"}, map[string]any{"email": "Ada@example.org", "email_verified": true}},
			{[]string{"groups"}, map[string]any{"groups": []string{"art", "zoo"}}},
			{[]string{"staff"}, map[string]any{
				"staff_number": json.Number("10000000000000000001"), "since": "2020-02-29", "vip": false, "motto": "Onward",
				"given_name": "Ada", "groups": []string{"art", "zoo"},
			}},
			{[]string{"none", "theirs", "offline_access", "memberof:x", "motto", "STAFF"}, map[string]any{}},
		} {
			test.want["sub"] = ada
			got, err := service.ClaimsFor(ctx, tenant, ada, test.scopes)
			if diff := cmp.Diff(test.want, got); diff != "" || err != nil {
				t.Errorf("%q: error %v\n%s", test.scopes, err, diff)
			}
		}
		if _, err := service.ClaimsFor(ctx, other, ada, []string{"profile"}); !errors.Is(err, tokens.ErrNotFound) {
			t.Errorf("in another tenant: got error %v", err)
		}
		if _, err := service.ClaimsFor(ctx, tenant, "nobody", nil); !errors.Is(err, tokens.ErrNotFound) {
			t.Errorf("of nobody: got error %v", err)
		}
		for _, status := range []string{"disabled", "erased", "merged"} {
			db.Exec(t, `UPDATE users SET status = $1 WHERE id = $2`, status, ada)
			if _, err := service.ClaimsFor(ctx, tenant, ada, []string{"staff"}); !errors.Is(err, tokens.ErrNotFound) {
				t.Errorf("of somebody who is %s: got error %v", status, err)
			}
		}
	})
}

// TestUnknownClaimsAreLeftOut: what nobody has said of a person is not said as
// something empty.
func TestUnknownClaimsAreLeftOut(t *testing.T) {
	t.Parallel()
	storetest.EachDatabase(t, func(t *testing.T, db *storetest.Database) {
		s := db.Open(t, fixed)
		service, ctx := open(s, fixed), t.Context()
		tenant := newTenant(t, s)
		ada := newPerson(t, db, tenant, `{}`)
		db.Exec(t, `UPDATE users SET email = '', email_verified = NULL, first_name = '', last_name = '', phone = '' WHERE id = $1`, ada)
		newScope(t, service, tenant, "all", tokens.StandardClaims()...)
		got, err := service.ClaimsFor(ctx, tenant, ada, []string{"openid", "profile", "email", "groups", "all"})
		want := map[string]any{"sub": ada, "birthdate": "1815-12-10", "locale": "en-GB"}
		if diff := cmp.Diff(want, got); diff != "" || err != nil {
			t.Errorf("error %v\n%s", err, diff)
		}
	})
}

func TestEnteredClaims(t *testing.T) {
	t.Parallel()
	storetest.EachDatabase(t, func(t *testing.T, db *storetest.Database) {
		s := db.Open(t, fixed)
		service, ctx := open(s, fixed), t.Context()
		tenant, other := newTenant(t, s), newTenant(t, s)
		ada := newPerson(t, db, tenant, `{"size":42}`)
		newClaim(t, service, tenant, "size", tokens.ClaimNumber, "size")
		newClaim(t, service, tenant, "shoe", tokens.ClaimText, "")
		newClaim(t, service, other, "shoe", tokens.ClaimText, "")

		if err := service.SetClaimText(ctx, tenant, ada, "shoe", " brown ", byTest); err != nil {
			t.Fatal(err)
		}
		if got, want := newestAct(t, s, tenant), `claim_value_set user `+ada+` {"claim":"shoe"}`; got != want {
			t.Errorf("audit log: got %s, want %s", got, want)
		}
		if err := service.SetClaimText(ctx, tenant, ada, "size", "43", byTest); err != nil {
			t.Fatal(err)
		}
		claims, version, err := service.PersonClaims(ctx, tenant, ada)
		if err != nil || version != 3 || len(claims) != 2 {
			t.Fatalf("PersonClaims: got %+v of version %d, error %v", claims, version, err)
		}
		if c := claims[0]; c.Claim.Name != "shoe" || c.Value != "brown" || c.Source != tokens.FromEntered {
			t.Errorf("got %+v", c)
		}
		if c := claims[1]; c.Value != json.Number("42") || c.Source != tokens.FromMeta || c.Entered != json.Number("43") {
			t.Errorf("got %+v, want what meta has", c)
		}
		stale := byTest
		stale.IfMatch = []int64{1}
		for what, test := range map[string]struct {
			err  error
			want error
		}{
			"an unknown claim":       {service.SetClaimText(ctx, tenant, ada, "hat", "x", byTest), tokens.ErrNotFound},
			"an unknown person":      {service.SetClaimText(ctx, tenant, newID(t), "shoe", "x", byTest), tokens.ErrNotFound},
			"a person elsewhere":     {service.SetClaimText(ctx, other, ada, "shoe", "x", byTest), tokens.ErrNotFound},
			"no id":                  {service.SetClaimText(ctx, tenant, "x", "shoe", "x", byTest), tokens.ErrNotFound},
			"an older version":       {service.SetClaimText(ctx, tenant, ada, "shoe", "x", stale), tokens.ErrChanged},
			"dropping elsewhere":     {service.DropClaim(ctx, other, ada, "shoe", byTest), tokens.ErrNotFound},
			"dropping what is not":   {service.DropClaim(ctx, tenant, ada, "hat", byTest), tokens.ErrNotFound},
			"dropping by an old one": {service.DropClaim(ctx, tenant, ada, "shoe", stale), tokens.ErrChanged},
			"claims of one from elsewhere": {func() error {
				_, _, err := service.PersonClaims(ctx, other, ada)
				return err
			}(), tokens.ErrNotFound},
		} {
			if !errors.Is(test.err, test.want) {
				t.Errorf("%s: got error %v, want %v", what, test.err, test.want)
			}
		}
		err = service.SetClaim(ctx, tenant, ada, "size", json.RawMessage(`"44"`), byTest)
		if got := fieldsOf(err); !cmp.Equal(got, []string{"value"}) {
			t.Errorf("a text for a number: got %v", err)
		}
		if err := service.DropClaim(ctx, tenant, ada, "shoe", byTest); err != nil {
			t.Errorf("DropClaim: %v", err)
		}
		if got, want := newestAct(t, s, tenant), `claim_value_removed user `+ada+` {"claim":"shoe"}`; got != want {
			t.Errorf("audit log: got %s, want %s", got, want)
		}
		if rows := db.Rows(t, `SELECT claim, value, entered_by FROM claim_values`); !cmp.Equal(rows, []string{"size|43|command"}) {
			t.Errorf("kept values: got %q", rows)
		}
		db.Exec(t, `UPDATE users SET status = 'erased' WHERE id = $1`, ada)
		if err := service.SetClaimText(ctx, tenant, ada, "shoe", "x", byTest); !errors.Is(err, tokens.ErrNotFound) {
			t.Errorf("of somebody who was erased: got error %v", err)
		}
	})
}

func TestRequiredClaims(t *testing.T) {
	t.Parallel()
	storetest.EachDatabase(t, func(t *testing.T, db *storetest.Database) {
		s := db.Open(t, fixed)
		service, ctx := open(s, fixed), t.Context()
		tenant, other := newTenant(t, s), newTenant(t, s)
		ada := newPerson(t, db, tenant, `{"known":"yes"}`)
		for name, kind := range map[string]string{"known": tokens.ClaimText, "size": tokens.ClaimNumber, "born": tokens.ClaimDate, "free": tokens.ClaimText} {
			path := ""
			if name == "known" {
				path = "known"
			}
			newClaim(t, service, tenant, name, kind, path)
		}
		shop := newClientWith(t, service, tenant, "shop", []string{}, []string{"born", "known", "size"})
		none := newClientWith(t, service, tenant, "none", []string{}, []string{})
		missing := func(client tokens.Client) string {
			t.Helper()
			claims, err := service.MissingClaims(ctx, tenant, client, ada)
			if err != nil {
				t.Fatal(err)
			}
			names := ""
			for _, claim := range claims {
				names += claim.Name + " "
			}
			return names
		}
		if got := missing(shop); got != "born size " {
			t.Errorf("got missing %q", got)
		}
		if got := missing(none); got != "" {
			t.Errorf("of a client that requires nothing: got missing %q", got)
		}
		if _, err := service.MissingClaims(ctx, other, shop, ada); !errors.Is(err, tokens.ErrNotFound) {
			t.Errorf("in another tenant: got error %v", err)
		}
		// Nothing is kept of a form with a fault, and nothing that was not asked.
		err := service.EnterMissing(ctx, tenant, shop, ada, map[string]string{"born": "1815-12-10", "size": "tall", "free": "x"})
		if got := fieldsOf(err); !cmp.Equal(got, []string{"size"}) {
			t.Errorf("a wrong number: got %v", err)
		}
		if got := missing(shop); got != "born size " {
			t.Errorf("after a faulty form: got missing %q", got)
		}
		if err := service.EnterMissing(ctx, tenant, shop, ada, map[string]string{"born": "1815-12-10", "size": "170.50", "free": "x", "known": "no"}); err != nil {
			t.Fatal(err)
		}
		// The first to answer is right: the same form once more changes nothing.
		if err := service.EnterMissing(ctx, tenant, shop, ada, map[string]string{"born": "2000-01-01", "size": "1"}); err != nil {
			t.Fatal(err)
		}
		got := db.Rows(t, `SELECT claim, value, entered_by FROM claim_values ORDER BY claim`)
		if want := []string{`born|"1815-12-10"|person`, `size|170.50|person`}; !cmp.Equal(got, want) {
			t.Errorf("got %q, want %q", got, want)
		}
		if got := missing(shop); got != "" {
			t.Errorf("in the end: got missing %q", got)
		}
		db.Exec(t, `DELETE FROM claim_values`)
		db.Exec(t, `UPDATE users SET status = 'disabled' WHERE id = $1`, ada)
		if err := service.EnterMissing(ctx, tenant, shop, ada, map[string]string{"born": "1815-12-10", "size": "1"}); !errors.Is(err, tokens.ErrNotFound) {
			t.Errorf("somebody who was disabled: got error %v", err)
		}
	})
}

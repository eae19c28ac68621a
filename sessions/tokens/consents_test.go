package tokens_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"usher/sessions/tokens"
	"usher/sql/store"
	"usher/sql/store/storetest"
)

// newAskingClient makes a client that people sign in to.
func newAskingClient(t *testing.T, service *tokens.Tokens, tenant, clientID string) tokens.Client {
	t.Helper()
	c, _, err := service.AddClient(t.Context(), tenant, clientID, tokens.ClientSettings{
		Name: ptr("The " + clientID), Grants: []string{tokens.GrantAuthorizationCode, tokens.GrantRefreshToken},
		RedirectURIs: []string{"https://" + clientID + ".example/back"},
	}, byTest)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestConsents(t *testing.T) {
	t.Parallel()
	storetest.EachDatabase(t, func(t *testing.T, db *storetest.Database) {
		at := epoch
		now := func() time.Time { return at }
		s := db.Open(t, now)
		service, ctx := open(s, now), t.Context()
		tenant, other := newTenant(t, s), newTenant(t, s)
		ada, ben, stranger := newPerson(t, db, tenant, "{}"), newPerson(t, db, tenant, "{}"), newPerson(t, db, other, "{}")
		shop, bank := newAskingClient(t, service, tenant, "shop"), newAskingClient(t, service, tenant, "bank")
		foreign := newAskingClient(t, service, other, "shop")
		asked := func(c tokens.Client, user, scopes string) bool {
			t.Helper()
			given, err := service.Consented(ctx, tenant, c, user, strings.Fields(scopes))
			if err != nil {
				t.Fatal(err)
			}
			return !given
		}
		give := func(c tokens.Client, user, scopes string) error {
			t.Helper()
			return service.GiveConsent(ctx, tenant, c, user, strings.Fields(scopes))
		}
		if !asked(shop, ada, "openid") || !asked(shop, ada, "") {
			t.Error("got a consent before anybody was asked")
		}
		if err := give(shop, ada, "profile openid"); err != nil {
			t.Fatal(err)
		}
		at = at.Add(time.Hour)
		if err := give(shop, ada, "openid email"); err != nil {
			t.Fatal(err)
		}
		for _, test := range []struct {
			client tokens.Client
			user   string
			scopes string
			asked  bool
		}{
			{shop, ada, "openid", false},
			{shop, ada, "email openid profile", false},
			{shop, ada, "openid phone", true},
			{shop, ben, "openid", true},
			{bank, ada, "openid", true},
			{foreign, ada, "openid", true},
			{shop, stranger, "openid", true},
		} {
			if got := asked(test.client, test.user, test.scopes); got != test.asked {
				t.Errorf("%s for %q: got asked %v, want %v", test.client.Name, test.scopes, got, test.asked)
			}
		}
		if given, err := service.Consented(ctx, other, shop, ada, []string{"openid"}); err != nil || given {
			t.Errorf("in another tenant: got %v, error %v", given, err)
		}
		for what, err := range map[string]error{
			"a person of another tenant": give(shop, stranger, "openid"),
			"a client of another tenant": give(foreign, ada, "openid"),
		} {
			if !errors.Is(err, tokens.ErrNotFound) {
				t.Errorf("%s: got error %v, want ErrNotFound", what, err)
			}
		}
		if err := give(bank, ada, "openid"); err != nil {
			t.Fatal(err)
		}
		list, next, err := service.Consents(ctx, tenant, ada, "", 1)
		if err != nil || next != "bank" || len(list) != 1 {
			t.Fatalf("got %v, next %q, error %v", list, next, err)
		}
		rest, next, err := service.Consents(ctx, tenant, ada, next, 1)
		want := []tokens.Consent{{Client: shop.ID, ClientID: "shop", Name: "The shop", Scopes: []string{"email", "openid", "profile"}, GivenAt: at}}
		if diff := cmp.Diff(want, rest); diff != "" || next != "" || err != nil {
			t.Errorf("got another list (-want +got), next %q, error %v:\n%s", next, err, diff)
		}
		if list, _, err := service.Consents(ctx, other, ada, "", 10); err != nil || len(list) != 0 {
			t.Errorf("in another tenant: got %v, error %v", list, err)
		}
		if _, _, err := service.Consents(ctx, tenant, ada, "not an id", 10); fieldsOf(err) == nil {
			t.Errorf("after what is no client id: got error %v", err)
		}

		// What is off is not given anything, and what goes takes its consents along.
		if _, err := service.ChangeClient(ctx, tenant, bank.ID, tokens.ClientSettings{Disabled: ptr(true)}, byTest); err != nil {
			t.Fatal(err)
		}
		if err := give(bank, ben, "openid"); !errors.Is(err, tokens.ErrNotFound) {
			t.Errorf("a disabled client: got error %v", err)
		}
		if err := service.DeleteClient(ctx, tenant, bank.ID, byTest); err != nil {
			t.Fatal(err)
		}
		db.Exec(t, `UPDATE users SET status = 'disabled' WHERE id = $1`, ben)
		if err := give(shop, ben, "openid"); !errors.Is(err, tokens.ErrNotFound) {
			t.Errorf("a disabled person: got error %v", err)
		}
		got := db.Rows(t, `SELECT client, user_id, scopes FROM consents`)
		if want := []string{shop.ID + "|" + ada + `|["email","openid","profile"]`}; !cmp.Equal(got, want) {
			t.Errorf("got the rows %q, want %q", got, want)
		}
	})
}

// TestWithdrawConsent: what a person takes back is dead at once, on every instance.
func TestWithdrawConsent(t *testing.T) {
	t.Parallel()
	storetest.EachDatabase(t, func(t *testing.T, db *storetest.Database) {
		s := db.Open(t, fixed)
		service, second, ctx := open(s, fixed), open(db.Open(t, fixed), fixed), t.Context()
		tenant, other := newTenant(t, s), newTenant(t, s)
		ada, ben := newPerson(t, db, tenant, "{}"), newPerson(t, db, tenant, "{}")
		shop, bank := newAskingClient(t, service, tenant, "shop"), newAskingClient(t, service, tenant, "bank")
		const us = "https://usher.example"
		token := func(c tokens.Client, user string) string {
			t.Helper()
			issued, err := service.GrantPerson(ctx, tenant, us, c, tokens.Person{User: user, AuthTime: epoch}, []string{"openid"})
			if err != nil {
				t.Fatal(err)
			}
			return issued.Access.Token
		}
		live := func(token string) bool {
			t.Helper()
			_, err := second.LiveAccess(ctx, tenant, us, token)
			if err != nil && !errors.Is(err, tokens.ErrNone) {
				t.Fatal(err)
			}
			return err == nil
		}
		hers, his, elsewhere := token(shop, ada), token(shop, ben), token(bank, ada)
		if err := service.GiveConsent(ctx, tenant, shop, ada, []string{"openid"}); err != nil {
			t.Fatal(err)
		}
		for what, err := range map[string]error{
			"in another tenant":    service.WithdrawConsent(ctx, other, ada, shop.ID, byTest),
			"of what is no client": service.WithdrawConsent(ctx, tenant, ada, "shop", byTest),
			"of what is no person": service.WithdrawConsent(ctx, tenant, "ada", shop.ID, byTest),
			"of nothing":           service.WithdrawConsent(ctx, tenant, ben, bank.ID, byTest),
		} {
			if !errors.Is(err, tokens.ErrNotFound) {
				t.Errorf("%s: got error %v, want ErrNotFound", what, err)
			}
		}
		if !live(hers) || !live(his) || !live(elsewhere) {
			t.Fatal("got a dead token before anything was taken back")
		}
		if err := service.WithdrawConsent(ctx, tenant, ada, shop.ID, byTest); err != nil {
			t.Fatal(err)
		}
		if got, want := newestAct(t, s, tenant), "consent_withdrawn user "+ada; !strings.HasPrefix(got, want) || !strings.Contains(got, shop.ID) {
			t.Errorf("got the act %q, want %q with the client", got, want)
		}
		if live(hers) || !live(his) || !live(elsewhere) {
			t.Errorf("got live %v, %v and %v, want hers dead alone", live(hers), live(his), live(elsewhere))
		}
		if given, err := second.Consented(ctx, tenant, shop, ada, []string{"openid"}); err != nil || given {
			t.Errorf("got consented %v, error %v", given, err)
		}
		// Without a consent, as of a client that does not ask, the tokens go.
		if err := service.WithdrawConsent(ctx, tenant, ben, shop.ID, byTest); err != nil || live(his) {
			t.Errorf("without a consent: got error %v, live %v", err, live(his))
		}
	})
}

// TestConsentsGoWithPeople: whoever is erased or merged leaves none behind.
func TestConsentsGoWithPeople(t *testing.T) {
	t.Parallel()
	storetest.EachDatabase(t, func(t *testing.T, db *storetest.Database) {
		s := db.Open(t, fixed)
		service, ctx := open(s, fixed), t.Context()
		tenant := newTenant(t, s)
		shop := newAskingClient(t, service, tenant, "shop")
		erased, merged, stays := newPerson(t, db, tenant, "{}"), newPerson(t, db, tenant, "{}"), newPerson(t, db, tenant, "{}")
		for _, user := range []string{erased, merged, stays} {
			if err := service.GiveConsent(ctx, tenant, shop, user, []string{"openid"}); err != nil {
				t.Fatal(err)
			}
		}
		act := store.Act{By: byTest, Action: "gone", Object: "test"}
		entry := func() store.JournalEntry {
			return store.JournalEntry{ID: newID(t), Reference: "r", Actor: "test", What: "gone", Detail: "{}"}
		}
		_, err := s.Erase(ctx, tenant, erased, store.Erasure{
			Subject: func(string, string) []byte { return []byte{1} }, Email: func(string) []byte { return []byte{2} },
		}, entry(), act)
		if err != nil {
			t.Fatal(err)
		}
		_, err = s.MergeUsers(ctx, tenant, stays, merged, func(store.MergeSide, store.MergeSide) (store.Merger, error) {
			return store.Merger{Meta: "{}", KeepEntry: entry(), GoneEntry: entry(), Act: act}, nil
		})
		if err != nil {
			t.Fatal(err)
		}
		if got, want := db.Rows(t, `SELECT user_id FROM consents`), []string{stays}; !cmp.Equal(got, want) {
			t.Errorf("got consents of %q, want of %q alone", got, want)
		}
	})
}

func TestAskingClient(t *testing.T) {
	t.Parallel()
	storetest.EachDatabase(t, func(t *testing.T, db *storetest.Database) {
		s := db.Open(t, fixed)
		service, second, ctx := open(s, fixed), open(db.Open(t, fixed), fixed), t.Context()
		tenant, other := newTenant(t, s), newTenant(t, s)
		shop := newAskingClient(t, service, tenant, "shop")
		if got, err := second.AskingClient(ctx, tenant, "shop"); err != nil || got.ID != shop.ID {
			t.Errorf("got %q, error %v", got.ID, err)
		}
		if _, err := service.ChangeClient(ctx, tenant, shop.ID, tokens.ClientSettings{RedirectURIs: []string{"https://new.example/"}}, byTest); err != nil {
			t.Fatal(err)
		}
		if got, err := second.AskingClient(ctx, tenant, "shop"); err != nil || !cmp.Equal(got.RedirectURIs, []string{"https://new.example/"}) {
			t.Errorf("after a change elsewhere: got %q, error %v", got.RedirectURIs, err)
		}
		if _, err := service.ChangeClient(ctx, tenant, shop.ID, tokens.ClientSettings{Disabled: ptr(true)}, byTest); err != nil {
			t.Fatal(err)
		}
		for what, asked := range map[string][2]string{
			"disabled": {tenant, "shop"}, "another tenant": {other, "shop"}, "unknown": {tenant, "shops"}, "no id": {tenant, "sh op"}, "none": {tenant, ""},
		} {
			if _, err := second.AskingClient(ctx, asked[0], asked[1]); !errors.Is(err, tokens.ErrInvalidClient) {
				t.Errorf("%s: got error %v, want ErrInvalidClient", what, err)
			}
		}
	})
}

package tokens_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"usher/sessions/tokens"
)

// TestGrantsOf: a person's grants come in pages, newest first, with the names of
// their clients.
func TestGrantsOf(t *testing.T) {
	eachPeople(t, func(t *testing.T, p *people) {
		ctx := t.Context()
		var want []string
		for range 5 {
			want = append([]string{p.signIn(t, tokens.FormatJWT, everything).Grant.ID}, want...)
		}
		var got []string
		after := ""
		for {
			list, next, err := p.second.GrantsOf(ctx, p.tenant, p.ada, after, 2)
			if err != nil {
				t.Fatal(err)
			}
			for _, one := range list {
				got = append(got, one.ID)
				if one.ClientID != "app" || one.ClientName != "App" || one.User != p.ada || strings.Join(one.Scopes, " ") != everything {
					t.Errorf("got %+v", one)
				}
			}
			if after = next; next == "" {
				break
			}
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("got another list (-want +got):\n%s", diff)
		}
		if list, _, err := p.first.GrantsOf(ctx, p.tenant, newID(t), "", 2); err != nil || len(list) != 0 {
			t.Errorf("of somebody else: got %v, error %v, want none", list, err)
		}
		if _, _, err := p.first.GrantsOf(ctx, p.tenant, p.ada, "x", 2); err == nil {
			t.Error("after what is no id: got no error")
		}
	})
}

// TestSweepGrants: what has ended goes a day later, what has not stays, and a
// sealed successor goes with its grace.
func TestSweepGrants(t *testing.T) {
	eachPeople(t, func(t *testing.T, p *people) {
		ctx := t.Context()
		count := func(want string) {
			t.Helper()
			got := p.db.Rows(t, `
SELECT (SELECT count(*) FROM token_grants), (SELECT count(*) FROM authorization_codes), (SELECT count(*) FROM refresh_tokens),
       (SELECT count(*) FROM refresh_tokens WHERE successor IS NOT NULL)`)[0]
			if got != want {
				t.Errorf("got %s grants, codes, refresh tokens and successors, want %s", got, want)
			}
		}
		p.signIn(t, tokens.FormatJWT, "library")
		kept := p.signIn(t, tokens.FormatJWT, everything)
		_, _ = p.code(t, everything) // never redeemed
		next, err := p.first.Refresh(ctx, p.tenant, issuer, p.app, kept.Refresh, "")
		if err != nil {
			t.Fatal(err)
		}
		p.first.Sweep(ctx)
		count("3|3|2|1")
		*p.at = epoch.Add(91 * time.Second)
		p.first.Sweep(ctx)
		count("3|3|2|0")
		*p.at = epoch.Add(24*time.Hour + 62*time.Second)
		p.second.Sweep(ctx)
		count("2|0|2|0")
		*p.at = epoch.Add(26 * time.Hour)
		p.second.Sweep(ctx)
		count("1|0|2|0")
		last, err := p.first.Refresh(ctx, p.tenant, issuer, p.app, next.Refresh, "")
		if err != nil {
			t.Fatal(err)
		}
		*p.at = epoch.Add(16*24*time.Hour + time.Minute)
		p.second.Sweep(ctx)
		count("1|0|1|0") // the first two refresh tokens are gone
		_, err = p.second.Refresh(ctx, p.tenant, issuer, p.app, kept.Refresh, "")
		wants(t, "one that was swept", err, tokens.ErrInvalidGrant)
		if _, err := p.second.Refresh(ctx, p.tenant, issuer, p.app, last.Refresh, ""); err != nil {
			t.Errorf("after one that was swept: %v", err)
		}
		*p.at = epoch.Add(31*24*time.Hour + time.Minute)
		p.second.Sweep(ctx)
		count("0|0|0|0")
	})
}

package tokens_test

import (
	"strings"
	"testing"
	"time"

	"usher/sessions/tokens"
	"usher/sql/store"
)

// TestPeoplesTokensDieAtOnce: whatever ends a person's sign-in ends every token
// of it, of any format, on the other instance at the next call.
func TestPeoplesTokensDieAtOnce(t *testing.T) {
	eachPeople(t, func(t *testing.T, p *people) {
		ctx := t.Context()
		s := p.db.Open(t, func() time.Time { return *p.at })
		act := store.Act{By: byTest, Action: "ended", Object: "test"}
		do := func(name, statement string, args ...any) (string, func() error) {
			return name, func() error { p.db.Exec(t, statement, args...); return nil }
		}
		type end struct {
			name   string
			happen func() error
			undo   []string // statements
		}
		var ends []end
		add := func(undo string, name string, happen func() error) {
			ends = append(ends, end{name, happen, strings.Split(undo, ";")})
		}
		quoted := func(id string) string { return `'` + id + `'` }
		{
			name, happen := do("the user is disabled", `UPDATE users SET status = 'disabled' WHERE id = $1`, p.ada)
			add(`UPDATE users SET status = 'active' WHERE id = `+quoted(p.ada), name, happen)
		}
		{
			name, happen := do("the user is merged", `UPDATE users SET status = 'merged' WHERE id = $1`, p.ada)
			add(`UPDATE users SET status = 'active' WHERE id = `+quoted(p.ada), name, happen)
		}
		add(`UPDATE users SET session_epoch = 0 WHERE id = `+quoted(p.ada), "the user is signed out everywhere", func() error {
			_, err := s.SignOut(ctx, p.tenant, p.ada, store.JournalEntry{ID: newID(t), Reference: "r", Actor: "test", What: "signed_out", Detail: "{}"}, act)
			return err
		})
		add(`UPDATE integrations SET generation = 1 WHERE id = `+quoted(p.integration), "the integration signs everybody out", func() error {
			_, err := s.RaiseGeneration(ctx, p.tenant, p.integration, act)
			return err
		})
		add(`UPDATE integrations SET generation = 1, removed_at = NULL WHERE id = `+quoted(p.integration), "the integration is removed", func() error {
			_, err := s.RemoveIntegration(ctx, p.tenant, p.integration, act)
			return err
		})
		{
			name, happen := do("the integration is removed, its generation as it was", `UPDATE integrations SET removed_at = $1 WHERE id = $2`, epoch, p.integration)
			add(`UPDATE integrations SET removed_at = NULL WHERE id = `+quoted(p.integration), name, happen)
		}
		add(`UPDATE clients SET disabled = false WHERE id = `+quoted(p.app.ID), "the client is disabled", func() error {
			yes := true
			_, err := p.first.ChangeClient(ctx, p.tenant, p.app.ID, tokens.ClientSettings{Disabled: &yes}, byTest)
			return err
		})
		for _, end := range ends {
			var alive []tokens.Issued
			var codes []string
			for _, format := range formats {
				issued := p.signIn(t, format, everything)
				code, _ := p.code(t, everything)
				p.alive(t, end.name+": before, "+format, issued)
				alive, codes = append(alive, issued), append(codes, code)
			}
			if err := end.happen(); err != nil {
				t.Fatalf("%s: %v", end.name, err)
			}
			for i, issued := range alive {
				p.over(t, end.name+": "+formats[i], issued)
				_, err := p.second.RedeemCode(ctx, p.tenant, issuer, p.in(formats[i]), codes[i], back, verifier)
				wants(t, end.name+": RedeemCode", err, tokens.ErrInvalidGrant)
			}
			if list, _, err := p.second.GrantsOf(ctx, p.tenant, p.ada, "", 100); err != nil || len(list) != 0 {
				t.Errorf("%s: got %d grants, error %v, want none", end.name, len(list), err)
			}
			for _, statement := range end.undo {
				p.db.Exec(t, statement)
			}
			p.db.Exec(t, `DELETE FROM token_grants WHERE tenant_id = $1`, p.tenant)
		}
		issued := p.signIn(t, tokens.FormatReference, everything)
		if err := p.first.DeleteClient(ctx, p.tenant, p.app.ID, byTest); err != nil {
			t.Fatal(err)
		}
		p.over(t, "the client is deleted", issued)
		// Another one under its name is another one.
		p.app = p.addApp(t, p.tenant, "app", "library")
		p.over(t, "the client is made anew", issued)
	})
}

// TestGoneKeepNoGrants: of who is erased, or merged into another, nothing that
// clients were given stays.
func TestGoneKeepNoGrants(t *testing.T) {
	eachPeople(t, func(t *testing.T, p *people) {
		ctx := t.Context()
		s := p.db.Open(t, func() time.Time { return *p.at })
		act := store.Act{By: byTest, Action: "gone", Object: "test"}
		entry := func() store.JournalEntry {
			return store.JournalEntry{ID: newID(t), Reference: "r", Actor: "test", What: "gone", Detail: "{}"}
		}
		for name, happen := range map[string]func() error{
			"erased": func() error {
				nothing := func(string) []byte { return []byte{1} }
				_, err := s.Erase(ctx, p.tenant, p.ada, store.Erasure{
					Subject: func(string, string) []byte { return []byte{2} }, Email: nothing,
				}, entry(), act)
				return err
			},
			"merged": func() error {
				_, err := s.MergeUsers(ctx, p.tenant, newPerson(t, p.db, p.tenant, `{}`), p.ada, func(store.MergeSide, store.MergeSide) (store.Merger, error) {
					return store.Merger{Meta: "{}", KeepEntry: entry(), GoneEntry: entry(), Act: act}, nil
				})
				return err
			},
		} {
			p.ada = newPerson(t, p.db, p.tenant, `{}`)
			beside := *p
			beside.ada = newPerson(t, p.db, p.tenant, `{}`)
			others := beside.signIn(t, tokens.FormatJWT, everything)
			issued := p.signIn(t, tokens.FormatReference, everything)
			if err := happen(); err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			p.over(t, name, issued)
			if rows := p.db.Rows(t, `SELECT id FROM token_grants WHERE user_id = $1`, p.ada); len(rows) != 0 {
				t.Errorf("%s: got grants %q, want none", name, rows)
			}
			p.alive(t, name+": beside", others)
		}
	})
}

// TestRevokedTokens: an access token dies alone, a refresh token with its family,
// and neither by another client's wish.
func TestRevokedTokens(t *testing.T) {
	eachPeople(t, func(t *testing.T, p *people) {
		ctx := t.Context()
		other := p.addApp(t, p.tenant, "other")
		for _, format := range formats {
			issued, beside := p.signIn(t, format, everything), p.signIn(t, format, everything)
			revoke := func(by tokens.Client, token string) {
				t.Helper()
				if err := p.first.Revoke(ctx, p.tenant, by, token); err != nil {
					t.Errorf("%s: Revoke: %v", format, err)
				}
			}
			for _, token := range []string{issued.Access.Token, issued.Refresh} {
				revoke(other, token)
				revoke(p.app, token+"A")
			}
			revoke(p.app, issued.Identity)
			p.alive(t, format+": after revocations that are none", issued)
			revoke(p.app, issued.Access.Token)
			_, err := p.second.LiveAccess(ctx, p.tenant, issuer, issued.Access.Token)
			wants(t, format+": a revoked access token", err, tokens.ErrNone)
			p.dead(t, format+": a revoked access token", p.library, issued.Access.Token)
			next, err := p.second.Refresh(ctx, p.tenant, issuer, p.in(format), issued.Refresh, "")
			if err != nil {
				t.Fatalf("%s: refresh after its access token was revoked: %v", format, err)
			}
			p.alive(t, format, next)
			revoke(p.app, issued.Refresh) // also one that was used
			p.over(t, format+": revoked by a refresh token", next)
			p.alive(t, format+": beside", beside)
			if err := p.first.RevokeFamily(ctx, p.tenant, beside.Grant.ID); err != nil {
				t.Fatal(err)
			}
			p.over(t, format+": RevokeFamily", beside)
		}
		for _, id := range []string{newID(t), "", "everything"} {
			if err := p.first.RevokeFamily(ctx, p.tenant, id); err != nil {
				t.Errorf("RevokeFamily of %q: %v", id, err)
			}
		}
	})
}

// TestOneTenantsGrants: a tenant with the same rows, ids and all, has tokens of its
// own, and what ends here goes on there.
func TestOneTenantsGrants(t *testing.T) {
	eachPeople(t, func(t *testing.T, p *people) {
		ctx := t.Context()
		issued := map[string]tokens.Issued{}
		codes := map[string]string{}
		for _, format := range formats {
			issued[format] = p.signIn(t, format, everything)
			codes[format], _ = p.code(t, everything)
		}
		twin := newID(t)
		p.db.Mirror(t, p.tenant, twin)
		// Private keys open in their own tenant alone.
		p.db.Exec(t, `DELETE FROM signing_keys WHERE tenant_id = $1`, twin)
		there := *p
		there.machines = &machines{}
		*there.machines = *p.machines
		there.tenant = twin
		there.alive(t, "the twin", issued[tokens.FormatReference])
		for _, format := range formats {
			one := issued[format]
			if err := p.first.RevokeFamily(ctx, p.tenant, one.Grant.ID); err != nil {
				t.Fatal(err)
			}
			p.over(t, format, one)
			if _, err := p.first.RedeemCode(ctx, p.tenant, issuer, p.in(format), codes[format], back, verifier); err != nil {
				t.Error(err)
			}
			client := there.in(format)
			client.TenantID = twin
			if _, err := p.second.RedeemCode(ctx, twin, issuer, client, codes[format], back, verifier); err != nil {
				t.Errorf("%s: the twin's code: %v", format, err)
			}
			if _, _, err := p.second.LiveGrant(ctx, twin, one.Grant.ID); err != nil {
				t.Errorf("%s: the twin's grant: %v", format, err)
			}
			next, err := p.second.Refresh(ctx, twin, issuer, client, one.Refresh, "")
			if err != nil {
				t.Fatalf("%s: the twin's refresh token: %v", format, err)
			}
			there.alive(t, format+": the twin's", next)
			if err := p.first.Revoke(ctx, p.tenant, p.app, next.Refresh); err != nil {
				t.Error(err)
			}
			there.alive(t, format+": the twin's, revoked here", next)
		}
	})
}

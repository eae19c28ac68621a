package admins

import (
	"strings"
	"testing"
	"time"
)

func TestAPIKeys(t *testing.T) {
	each(t, func(t *testing.T, p *place) {
		ctx := t.Context()
		owner := actorOf(p.add(t, p.here, "olga@here.example", Owner, false))
		hour := p.clock().Add(time.Hour)
		k, key, err := p.MakeAPIKey(ctx, p.here, NewAPIKey{Name: "export", Scopes: []Scope{ReadUsers, ReadCatalog}, Expires: &hour}, owner, byTest)
		if err != nil || !strings.HasPrefix(key, "usk_") || !strings.HasSuffix(key, k.Ending) || len(k.Ending) != 4 {
			t.Fatalf("got %q of %+v, %v, want a key", key, k, err)
		}
		actor, err := p.KeyHolder(ctx, p.here, key)
		if err != nil || !actor.May(ReadUsers) || !actor.May(ReadCatalog) || actor.May(WriteUsers) || actor.May(ReadSettings) || actor.String() != "api_key "+k.ID {
			t.Errorf("got %+v, %v, want its rights and no others", actor, err)
		}
		for _, bad := range []string{"", key[1:], key + "A", key[:len(key)-1], "usk_", strings.ToLower(key), key[4:]} {
			_, err := p.KeyHolder(ctx, p.here, bad)
			wantError(t, bad, err, ErrNone)
		}
		_, err = p.KeyHolder(ctx, p.there, key)
		wantError(t, "at another tenant", err, ErrNone)
		if dump := strings.Join(p.db.Dump(t, p.here.ID), "\n"); strings.Contains(dump, key) || strings.Contains(dump, key[4:]) {
			t.Error("got the key itself in the database")
		}

		// Its last use is kept, at most once a minute.
		used := func() string { return p.db.Rows(t, `SELECT used_at FROM api_keys WHERE id = $1`, k.ID)[0] }
		first := used()
		p.wait(usedEvery - time.Second)
		if _, err := p.KeyHolder(ctx, p.here, key); err != nil || used() != first {
			t.Errorf("got error %v and last use %s, want %s", err, used(), first)
		}
		p.wait(time.Second)
		if _, err := p.KeyHolder(ctx, p.here, key); err != nil || used() == first {
			t.Errorf("got error %v and last use %s, want a later one", err, used())
		}

		wantError(t, "revoked at another tenant", p.RevokeAPIKey(ctx, p.there, k.ID, byTest), ErrNotFound)
		p.wait(time.Hour)
		_, err = p.KeyHolder(ctx, p.here, key)
		wantError(t, "expired", err, ErrNone)

		forever, key, err := p.MakeAPIKey(ctx, p.here, NewAPIKey{Name: "sync", Scopes: []Scope{ReadUsers}}, owner, byTest)
		if err != nil {
			t.Fatal(err)
		}
		if err := p.RevokeAPIKey(ctx, p.here, forever.ID, byTest); err != nil {
			t.Fatal(err)
		}
		_, err = p.KeyHolder(ctx, p.here, key)
		wantError(t, "revoked", err, ErrNone)
		wantError(t, "revoked again", p.RevokeAPIKey(ctx, p.here, forever.ID, byTest), ErrNotFound)

		for what, wish := range map[string]NewAPIKey{
			"name":       {Scopes: []Scope{ReadUsers}},
			"scopes":     {Name: "x"},
			"expires_at": {Name: "x", Scopes: []Scope{ReadUsers}, Expires: &hour}, // gone by now
		} {
			_, _, err := p.MakeAPIKey(ctx, p.here, wish, owner, byTest)
			wantInvalid(t, what, err, what)
		}
		_, _, err = p.MakeAPIKey(ctx, p.here, NewAPIKey{Name: "x", Scopes: []Scope{"everything"}}, owner, byTest)
		wantInvalid(t, "an unknown right", err, "scopes")
		if all, next, err := p.APIKeys(ctx, p.here, ""); err != nil || len(all) != 2 || next != "" || all[0].ID != forever.ID {
			t.Errorf("got %d keys, next %q, %v, want two, the newest first", len(all), next, err)
		}
		if got, want := p.acts(t, p.here), "tenant_added admin_created api_key_made api_key_made api_key_revoked"; got != want {
			t.Errorf("got acts %q, want %q", got, want)
		}
	})
}

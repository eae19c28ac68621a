package tokens_test

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"usher/sessions/tokens"
	"usher/sql/store"
	"usher/sql/store/storetest"
	"usher/testenv"
)

func TestIntrospect(t *testing.T) {
	eachMachines(t, func(t *testing.T, m *machines) {
		ctx := t.Context()
		*m.at = epoch.Add(1500 * time.Millisecond)
		second := epoch.Add(time.Second)
		for _, format := range formats {
			access, err := m.first.IssueAccess(ctx, m.tenant, issuer, m.as(format), "")
			if err != nil {
				t.Fatal(err)
			}
			found, err := m.second.Introspect(ctx, m.tenant, issuer, asking(m.library), access.Token)
			if err != nil {
				t.Fatalf("%s: %v", format, err)
			}
			// A JWT counts in whole seconds.
			found.NotBefore, found.IssuedAt, found.Expire = found.NotBefore.UTC().Truncate(time.Second), found.IssuedAt.UTC().Truncate(time.Second), found.Expire.UTC().Truncate(time.Second)
			want := tokens.Introspection{
				ID: access.ID, Issuer: issuer, Audience: []string{issuer, "library"}, ClientID: "lumen", Subject: "lumen",
				Scopes:    []string{"library", "library:read"},
				NotBefore: second, IssuedAt: second, Expire: second.Add(3000 * time.Second),
			}
			if diff := cmp.Diff(want, found, cmpopts.IgnoreUnexported(want)); diff != "" {
				t.Errorf("%s: got another answer (-want +got):\n%s", format, diff)
			}
			m.live(t, format, m.archive, access.Token, "archive")
		}
	})
}

// TestDeadTokens: whatever is wrong with a token, it is worth nothing.
func TestDeadTokens(t *testing.T) {
	eachMachines(t, func(t *testing.T, m *machines) {
		ctx := t.Context()
		other, _, _ := installed(t, m.db.Open(t, func() time.Time { return *m.at }))
		theirs := m.addConnection(t, other, "library")
		for _, format := range formats {
			token := m.issue(t, format, "library")
			m.live(t, format, m.library, token, "library")
			m.dead(t, format+" without a scope of the caller", m.archive, token)
			for what, text := range map[string]string{
				"cut in front":    token[1:],
				"cut behind":      token[:len(token)-1],
				"extended":        token + "0",
				"with a space":    token + " ",
				"in another case": strings.ToUpper(token),
				"doubled":         token + token,
			} {
				m.dead(t, format+" "+what, m.library, text)
			}
			// At another tenant, as a connection of this one or of that.
			for _, caller := range []tokens.Connection{m.library, theirs} {
				if found, err := m.first.Introspect(ctx, other, issuer, asking(caller), token); !errors.Is(err, tokens.ErrNone) {
					t.Errorf("%s at another tenant: got %+v, error %v, want %v", format, found, err, tokens.ErrNone)
				}
			}
			m.dead(t, format+" at another tenant's connection", theirs, token)
		}
		if found, err := m.first.Introspect(ctx, m.tenant, "https://elsewhere.example", asking(m.library), m.issue(t, tokens.FormatJWT, "")); !errors.Is(err, tokens.ErrNone) {
			t.Errorf("of another issuer: got %+v, error %v, want %v", found, err, tokens.ErrNone)
		}
		for _, text := range []string{"", ".", "..", "a.b.c", strings.Repeat("0", 64), strings.Repeat("f", 63), strings.Repeat(".", 1<<16), "eyJhbGciOiJub25lIn0.e30."} {
			m.dead(t, "malformed", m.library, text)
		}

		// By the clock.
		for _, format := range formats {
			made := *m.at
			token := m.issue(t, format, "")
			*m.at = made.Add(3000*time.Second - time.Microsecond)
			m.live(t, format+" a moment before its end", m.library, token, "library library:read")
			*m.at = made.Add(3000 * time.Second)
			m.dead(t, format+" at its end", m.library, token)
			*m.at = made
		}
	})
}

// TestForeignClaims: a token that we have signed is an access token only with all
// that makes one.
func TestForeignClaims(t *testing.T) {
	eachMachines(t, func(t *testing.T, m *machines) {
		now := m.at.Unix()
		good := map[string]any{
			"nbf": now, "exp": now + 60, "iat": now, "iss": issuer, "aud": issuer, "client_id": "lumen", "sub": "lumen",
			"scope": []string{"library"}, "jti": newID(t),
		}
		sign := func(typ string, claims any) string {
			t.Helper()
			token, err := m.first.Sign(t.Context(), m.tenant, "", typ, claims)
			if err != nil {
				t.Fatal(err)
			}
			return token
		}
		m.live(t, "all there", m.library, sign("JWT", good), "library")
		for _, typ := range []string{"", "jwt", "logout+jwt"} {
			m.dead(t, "of type "+typ, m.library, sign(typ, good))
		}
		change := func(name string, value any) map[string]any {
			claims := map[string]any{}
			for k, v := range good {
				claims[k] = v
			}
			if claims[name] = value; value == nil {
				delete(claims, name)
			}
			return claims
		}
		for _, name := range []string{"exp", "iat", "iss", "client_id", "sub", "scope", "jti"} {
			m.dead(t, "without "+name, m.library, sign("JWT", change(name, nil)))
		}
		for name, value := range map[string]any{
			"nbf": now + 31, "exp": "tomorrow", "iat": now - 10, "iss": "https://elsewhere.example", "client_id": "Lumen",
			"scope": map[string]any{}, "jti": "1",
		} {
			m.dead(t, "another "+name, m.library, sign("JWT", change(name, value)))
		}
		m.live(t, "a clock that is 30 seconds ahead", m.library, sign("JWT", change("nbf", now+30)), "library")
		m.dead(t, "no object", m.library, sign("JWT", []string{"x"}))
	})
}

// TestWhatIsTakenAway: what an administrator takes away is gone at the next
// request, at every instance.
func TestWhatIsTakenAway(t *testing.T) {
	eachMachines(t, func(t *testing.T, m *machines) {
		ctx := t.Context()
		given := map[string]string{}
		for _, format := range formats {
			given[format] = m.issue(t, format, "")
		}
		each := func(what string, caller tokens.Connection, scopes string) {
			t.Helper()
			for format, token := range given {
				if scopes == "" {
					m.dead(t, format+": "+what, caller, token)
				} else {
					m.live(t, format+": "+what, caller, token, scopes)
				}
			}
		}
		change := func(wish tokens.ClientSettings) {
			t.Helper()
			if _, err := m.first.ChangeClient(ctx, m.tenant, m.client.ID, wish, byTest); err != nil {
				t.Fatal(err)
			}
		}
		yes, no := true, false
		change(tokens.ClientSettings{Disabled: &yes})
		each("disabled", m.library, "")
		if _, err := m.second.IssueAccess(ctx, m.tenant, issuer, m.as(tokens.FormatReference), ""); !errors.Is(err, tokens.ErrInvalidClient) {
			t.Errorf("IssueAccess for a disabled client: got error %v, want %v", err, tokens.ErrInvalidClient)
		}
		change(tokens.ClientSettings{Disabled: &no})
		each("enabled", m.library, "library library:read")
		change(tokens.ClientSettings{APIScopes: []string{"library", "archive"}})
		each("a scope taken from the client", m.library, "library")
		change(tokens.ClientSettings{APIScopes: m.client.APIScopes})

		// Other things under the same names are other things, within the same second too.
		*m.at = m.at.Add(time.Millisecond)
		if err := m.first.DeleteScope(ctx, m.tenant, m.library.ID, "library:read", byTest); err != nil {
			t.Fatal(err)
		}
		each("a scope deleted", m.library, "library")
		if _, err := m.first.AddScope(ctx, m.tenant, m.library.ID, "library:read", "", byTest); err != nil {
			t.Fatal(err)
		}
		change(tokens.ClientSettings{APIScopes: m.client.APIScopes})
		each("another scope of the same name", m.library, "library")
		if err := m.first.DeleteConnection(ctx, m.tenant, m.library.ID, byTest); err != nil {
			t.Fatal(err)
		}
		again := m.addConnection(t, m.tenant, "library")
		change(tokens.ClientSettings{APIScopes: []string{"library", "archive"}})
		each("another connection of the same name", again, "")
		each("the other connection", m.archive, "archive")

		if err := m.second.DeleteClient(ctx, m.tenant, m.client.ID, byTest); err != nil {
			t.Fatal(err)
		}
		each("deleted", m.archive, "")
		m.addClient(t, m.tenant, "lumen", tokens.FormatJWT, "archive")
		each("another client of the same name", m.archive, "")
	})
}

// TestClocksApart: an instance whose clock is behind makes tokens that are good
// everywhere, with what another one has just made.
func TestClocksApart(t *testing.T) {
	eachMachines(t, func(t *testing.T, m *machines) {
		late := func() time.Time { return m.at.Add(-20 * time.Second) }
		behind := open(m.db.Open(t, late), late)
		for _, format := range formats {
			access, err := behind.IssueAccess(t.Context(), m.tenant, issuer, m.as(format), "library")
			if err != nil {
				t.Fatal(err)
			}
			m.live(t, format, m.library, access.Token, "library")
			if _, err := behind.Introspect(t.Context(), m.tenant, issuer, asking(m.library), m.issue(t, format, "")); err != nil {
				t.Errorf("%s: from an instance whose clock is ahead: %v", format, err)
			}
		}
	})
}

// TestIntrospectionTurns counts the round trips to PostgreSQL, once its statements
// are prepared and the signing keys read.
func TestIntrospectionTurns(t *testing.T) {
	t.Parallel()
	if !testenv.HasPostgres() {
		return
	}
	m := newMachines(t, storetest.New(t, testenv.Postgres))
	address, turns := testenv.CountURLTurns(t, m.db.Address())
	now := func() time.Time { return *m.at }
	instance := open(m.db.OpenAt(t, address, now, store.Options{Connections: 1}), now)
	_, secret, err := m.first.AddConnection(t.Context(), m.tenant, tokens.NewConnection{Name: "counted"}, byTest)
	if err != nil {
		t.Fatal(err)
	}
	took := func(do func() error) int {
		t.Helper()
		before := turns()
		if err := do(); err != nil {
			t.Fatal(err)
		}
		return turns() - before
	}
	for _, format := range formats {
		token := m.issue(t, format, "")
		introspect := func() error {
			_, err := instance.Introspect(t.Context(), m.tenant, issuer, asking(m.library), token)
			return err
		}
		took(introspect)
		took(introspect) // reads the changes for the first time
		took(introspect)
		if got := took(introspect); got != 1 {
			t.Errorf("%s: got %d round trips for what is remembered, want 1", format, got)
		}
		token = m.issue(t, format, "")
		if got := took(introspect); got != 1 {
			t.Errorf("%s: got %d round trips for a new token, want 1", format, got)
		}
		issue := func() error {
			_, err := instance.IssueAccess(t.Context(), m.tenant, issuer, m.as(format), "")
			return err
		}
		took(issue)
		want := 1
		if format == tokens.FormatReference {
			want = 2
		}
		if got := took(issue); got != want {
			t.Errorf("%s: got %d round trips to issue one, want %d", format, got, want)
		}
	}
	token := m.issue(t, tokens.FormatReference, "")
	whole := func() error {
		caller, err := instance.AuthenticateConnection(t.Context(), m.tenant, "counted", secret)
		if err != nil {
			return err
		}
		caller.Connection = m.library
		_, err = instance.Introspect(t.Context(), m.tenant, issuer, caller, token)
		return err
	}
	took(whole)
	if got := took(whole); got != 1 {
		t.Errorf("caller and token, both remembered: got %d round trips, want 1", got)
	}
	token = m.issue(t, tokens.FormatReference, "")
	if got := took(whole); got != 2 {
		t.Errorf("a new token of a caller that is remembered: got %d round trips, want 2", got)
	}
	for _, malformed := range []string{"", "x", "a.b.c", strings.Repeat("0", 63), strings.Repeat("G", 64)} {
		got := took(func() error {
			_, err := instance.Introspect(t.Context(), m.tenant, issuer, asking(m.library), malformed)
			if errors.Is(err, tokens.ErrNone) {
				return nil
			}
			return err
		})
		if got != 0 {
			t.Errorf("%q: got %d round trips, want none", malformed, got)
		}
	}
}

// FuzzIntrospect: no text that we have not given out is live, and none is a fault.
func FuzzIntrospect(f *testing.F) {
	f.Add("", `{}`)
	f.Add("a.b.c", `{"client_id":"lumen","sub":"lumen","scope":"library","jti":"01890a5d-ac96-774b-bcce-b302099a8057","iat":1,"exp":99999999999}`)
	f.Add(strings.Repeat("0", 64), `{"client_id":"lumen","scope":["library",1]}`)
	f.Add("eyJhbGciOiJFUzI1NiJ9.e30.AA", `{"exp":1e400}`)
	s := storetest.Open(f, testenv.SQLite, time.Now)
	service := open(s, time.Now)
	tenant := newIDOf(f)
	err := s.AddTenant(f.Context(), store.Tenant{ID: tenant, Name: "T", CreatedAt: epoch}, nil, store.Act{By: byTest, Action: "made", Object: "test"})
	if err != nil {
		f.Fatal(err)
	}
	caller, _, err := service.AddConnection(f.Context(), tenant, tokens.NewConnection{Name: "library"}, byTest)
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, token, claims string) {
		texts := []string{token}
		if json.Valid([]byte(claims)) {
			signed, err := service.Sign(t.Context(), tenant, "", "JWT", json.RawMessage(claims))
			if err != nil {
				t.Fatal(err)
			}
			texts = append(texts, signed)
		}
		for _, text := range texts {
			if found, err := service.Introspect(t.Context(), tenant, issuer, asking(caller), text); !errors.Is(err, tokens.ErrNone) {
				t.Errorf("got %+v, error %v of %q, want %v", found, err, text, tokens.ErrNone)
			}
			if err := service.Revoke(t.Context(), tenant, tokens.Client{ID: tenant, ClientID: "lumen"}, text); err != nil {
				t.Errorf("Revoke of %q: %v", text, err)
			}
		}
	})
}

func newIDOf(t testing.TB) string {
	t.Helper()
	id, err := store.NewID()
	if err != nil {
		t.Fatal(err)
	}
	return id
}

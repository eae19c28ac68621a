package tokens_test

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"usher/sessions/tokens"
	"usher/sql/store"
	"usher/sql/store/storetest"
)

const issuer = "https://sso.example.com"

// machines are a tenant with two API connections and a client, and two instances
// of the program.
type machines struct {
	db            *storetest.Database
	at            *time.Time
	first, second *tokens.Tokens
	tenant        string
	client        tokens.Client
	library       tokens.Connection // scopes library, library:read
	archive       tokens.Connection // scope archive
}

func newMachines(t testing.TB, db *storetest.Database) *machines {
	t.Helper()
	at := epoch
	m := &machines{db: db, at: &at}
	now := func() time.Time { return *m.at }
	s := db.Open(t, now)
	m.first, m.second = open(s, now), open(db.Open(t, now), now)
	m.tenant, _, _ = installed(t, s)
	m.library, m.archive = m.addConnection(t, m.tenant, "library"), m.addConnection(t, m.tenant, "archive")
	var err error
	if m.library, err = m.first.AddScope(t.Context(), m.tenant, m.library.ID, "library:read", "", byTest); err != nil {
		t.Fatal(err)
	}
	m.client = m.addClient(t, m.tenant, "lumen", tokens.FormatJWT, "archive", "library", "library:read")
	return m
}

func (m *machines) addConnection(t testing.TB, tenant, name string) tokens.Connection {
	t.Helper()
	n, _, err := m.first.AddConnection(t.Context(), tenant, tokens.NewConnection{Name: name}, byTest)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func (m *machines) addClient(t testing.TB, tenant, clientID, format string, scopes ...string) tokens.Client {
	t.Helper()
	name := "Lumen"
	c, _, err := m.first.AddClient(t.Context(), tenant, clientID, tokens.ClientSettings{
		Name: &name, APIScopes: scopes, AccessTokenFormat: &format,
	}, byTest)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// as is the client with tokens of another format.
func (m *machines) as(format string) tokens.Client {
	c := m.client
	c.AccessTokenFormat = format
	return c
}

// issue makes a token of a format at the first instance.
func (m *machines) issue(t testing.TB, format, scope string) string {
	t.Helper()
	access, err := m.first.IssueAccess(t.Context(), m.tenant, issuer, m.as(format), scope)
	if err != nil {
		t.Fatal(err)
	}
	return access.Token
}

// live wants a token to have these scopes at a connection, at both instances.
func (m *machines) live(t *testing.T, what string, caller tokens.Connection, token, scopes string) {
	t.Helper()
	for _, instance := range []*tokens.Tokens{m.first, m.second} {
		found, err := instance.Introspect(t.Context(), m.tenant, issuer, asking(caller), token)
		if got := strings.Join(found.Scopes, " "); err != nil || got != scopes {
			t.Errorf("%s: got scopes %q at %s, error %v, want %q", what, got, caller.Name, err, scopes)
		}
	}
}

// dead wants a token to be worth nothing at a connection, at both instances.
func (m *machines) dead(t *testing.T, what string, caller tokens.Connection, token string) {
	t.Helper()
	for _, instance := range []*tokens.Tokens{m.first, m.second} {
		if found, err := instance.Introspect(t.Context(), m.tenant, issuer, asking(caller), token); !errors.Is(err, tokens.ErrNone) {
			t.Errorf("%s: got %+v at %s, error %v, want %v", what, found, caller.Name, err, tokens.ErrNone)
		}
	}
}

func eachMachines(t *testing.T, test func(t *testing.T, m *machines)) {
	t.Helper()
	t.Parallel()
	storetest.EachDatabase(t, func(t *testing.T, db *storetest.Database) { test(t, newMachines(t, db)) })
}

var formats = []string{tokens.FormatJWT, tokens.FormatAccessTokenJWT, tokens.FormatReference}

func TestIssueAccess(t *testing.T) {
	eachMachines(t, func(t *testing.T, m *machines) {
		ctx := t.Context()
		*m.at = epoch.Add(1500 * time.Millisecond)
		for _, test := range []struct {
			format, typ string
			scope       any
		}{
			{tokens.FormatJWT, "JWT", []any{"archive", "library:read"}},
			{tokens.FormatAccessTokenJWT, "at+jwt", "archive library:read"},
		} {
			access, err := m.first.IssueAccess(ctx, m.tenant, issuer, m.as(test.format), "library:read  archive archive")
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff([]string{"archive", "library:read"}, access.Scopes); diff != "" || access.Life != 3000*time.Second {
				t.Errorf("%s: got life %v and other scopes (-want +got):\n%s", test.format, access.Life, diff)
			}
			head, claims := unpacked(t, access.Token)
			if head["typ"] != test.typ || head["alg"] != "ES256" {
				t.Errorf("%s: got header %v", test.format, head)
			}
			want := map[string]any{
				"nbf": 1.0 + float64(epoch.Unix()), "iat": 1.0 + float64(epoch.Unix()), "exp": 3001.0 + float64(epoch.Unix()),
				"iss": issuer, "aud": []any{issuer, "archive", "library"}, "client_id": "lumen", "sub": "lumen",
				"scope": test.scope, "jti": access.ID,
			}
			if diff := cmp.Diff(want, claims); diff != "" {
				t.Errorf("%s: got other claims (-want +got):\n%s", test.format, diff)
			}
		}

		reference := m.issue(t, tokens.FormatReference, "")
		if len(reference) != 64 || strings.Trim(reference, "0123456789abcdef") != "" {
			t.Errorf("got %q, want 256 bits in hex", reference)
		}
		for _, row := range m.db.Dump(t, m.tenant) {
			if strings.Contains(row, reference) {
				t.Errorf("got the token itself in the database: %s", row)
			}
		}

		bare := m.addClient(t, m.tenant, "bare", tokens.FormatJWT)
		for _, test := range []struct {
			name   string
			client tokens.Client
			scope  string
		}{
			{"unknown", m.client, "library nowhere"},
			{"in another case", m.client, "Library"},
			{"a tabulator between", m.client, "library\tarchive"},
			{"nothing allowed", bare, ""},
			{"not allowed", bare, "library"},
		} {
			if access, err := m.first.IssueAccess(ctx, m.tenant, issuer, test.client, test.scope); !errors.Is(err, tokens.ErrScope) {
				t.Errorf("%s: got %+v, error %v, want %v", test.name, access, err, tokens.ErrScope)
			}
		}

		// What another tenant calls by the same name is another thing.
		other, _, _ := installed(t, m.db.Open(t, func() time.Time { return *m.at }))
		if access, err := m.first.IssueAccess(ctx, other, issuer, m.client, "library"); !errors.Is(err, tokens.ErrScope) {
			t.Errorf("another tenant: got %+v, error %v, want %v", access, err, tokens.ErrScope)
		}
		m.addConnection(t, other, "library")
		if access, err := m.first.IssueAccess(ctx, other, issuer, m.as(tokens.FormatReference), "library"); !errors.Is(err, tokens.ErrInvalidClient) {
			t.Errorf("another tenant's client: got %+v, error %v, want %v", access, err, tokens.ErrInvalidClient)
		}
	})
}

// unpacked reads the two parts of a JWT without looking at its signature.
func unpacked(t *testing.T, token string) (head, claims map[string]any) {
	t.Helper()
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		t.Fatalf("got %q, want a JWT", token)
	}
	for i, part := range []*map[string]any{&head, &claims} {
		text, err := base64.RawURLEncoding.DecodeString(parts[i])
		if err == nil {
			err = json.Unmarshal(text, part)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return head, claims
}

// TestAccessFault: without its store a token is neither good nor bad.
func TestAccessFault(t *testing.T) {
	t.Parallel()
	storetest.EachDatabase(t, func(t *testing.T, db *storetest.Database) {
		m := newMachines(t, db)
		s := db.Open(t, func() time.Time { return *m.at })
		down, ctx := open(s, func() time.Time { return *m.at }), t.Context()
		given := map[string]string{}
		for _, format := range formats {
			given[format] = m.issue(t, format, "")
			if _, err := down.Introspect(ctx, m.tenant, issuer, asking(m.library), given[format]); err != nil {
				t.Fatal(err)
			}
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		for _, format := range formats {
			if _, err := down.Introspect(ctx, m.tenant, issuer, asking(m.library), given[format]); !errors.Is(err, store.ErrUnavailable) {
				t.Errorf("%s: Introspect: got error %v, want %v", format, err, store.ErrUnavailable)
			}
			if err := down.Revoke(ctx, m.tenant, m.client, given[format]); !errors.Is(err, store.ErrUnavailable) {
				t.Errorf("%s: Revoke: got error %v, want %v", format, err, store.ErrUnavailable)
			}
			if _, err := down.IssueAccess(ctx, m.tenant, issuer, m.as(format), ""); !errors.Is(err, store.ErrUnavailable) {
				t.Errorf("%s: IssueAccess: got error %v, want %v", format, err, store.ErrUnavailable)
			}
			m.live(t, "not revoked", m.library, given[format], "library library:read")
		}
	})
}

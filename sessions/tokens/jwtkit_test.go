package tokens_test

import (
	"encoding/json"
	"errors"
	"sync/atomic"
	"testing"
	"time"

	"usher/sessions/tokens"
	"usher/sql/store"
	"usher/sql/store/storetest"
)

const jwtIssuer = "https://app.example"

// jwtPlace is a tenant with an API connection called library and organizations
// acme and, below it, acme.dev; and another tenant with an acme of its own.
type jwtPlace struct {
	db            *storetest.Database
	store         *store.Store
	service       *tokens.Tokens
	tenant, other string
	library       tokens.Connection
	acme, dev     tokens.Client
	passed        atomic.Int64 // seconds since epoch
}

func eachJWTPlace(t *testing.T, test func(t *testing.T, p *jwtPlace)) {
	t.Helper()
	t.Parallel()
	storetest.EachDatabase(t, func(t *testing.T, db *storetest.Database) {
		p := &jwtPlace{db: db}
		p.store = db.Open(t, p.now)
		p.service = open(p.store, p.now)
		p.tenant, p.other = newTenant(t, p.store), newTenant(t, p.store)
		n, _, err := p.service.AddConnection(t.Context(), p.tenant, tokens.NewConnection{Name: "library"}, byTest)
		if err != nil {
			t.Fatal(err)
		}
		p.library = n
		p.acme = p.organization(t, p.tenant, "", "acme")
		p.dev = p.organization(t, p.tenant, "acme", "dev")
		p.organization(t, p.other, "", "acme")
		test(t, p)
	})
}

func (p *jwtPlace) now() time.Time { return epoch.Add(time.Duration(p.passed.Load()) * time.Second) }

func (p *jwtPlace) pass(d time.Duration) { p.passed.Add(int64(d / time.Second)) }

// organization makes one that may do everything that JWTs are made of.
func (p *jwtPlace) organization(t *testing.T, tenant, parent, name string) tokens.Client {
	t.Helper()
	o, _, err := p.service.AddOrganization(t.Context(), tenant, parent, name, tokens.OrganizationSettings{}, byTest)
	if err != nil {
		t.Fatal(err)
	}
	wish := tokens.ClientSettings{
		Grants:         []string{tokens.GrantAuthorizationCode, tokens.GrantClientCredentials, tokens.GrantRefreshToken},
		IdentityScopes: []string{"user:name", "user:email", "user:phone"},
		RedirectURIs:   []string{"https://portal.example/back"},
	}
	if tenant == p.tenant {
		wish.APIScopes = []string{"library"}
	}
	c, err := p.service.ChangeClient(t.Context(), tenant, o.Client.ID, wish, byTest)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// person makes a member of organizations.
func (p *jwtPlace) person(t *testing.T, of ...tokens.Client) string {
	t.Helper()
	id := newPerson(t, p.db, p.tenant, `{}`)
	for _, org := range of {
		if err := p.service.SetMember(t.Context(), p.tenant, org.ID, id, tokens.RoleMember, byTest); err != nil {
			t.Fatal(err)
		}
	}
	return id
}

// byCode gives a client the tokens for which a person has come by its sign-in.
func (p *jwtPlace) byCode(t *testing.T, client tokens.Client, user, scopes string) tokens.Issued {
	t.Helper()
	ctx := t.Context()
	granted, err := p.service.Scopes(ctx, p.tenant, client, user, scopes)
	if err != nil {
		t.Fatal(err)
	}
	code, _, err := p.service.Authorize(ctx, p.tenant, tokens.Authorization{
		Client: client, Person: tokens.Person{User: user, AuthTime: p.now()}, Scopes: granted, RedirectURI: "https://portal.example/back",
	})
	if err != nil {
		t.Fatal(err)
	}
	client.AccessTokenFormat = tokens.FormatReference
	issued, err := p.service.RedeemCode(ctx, p.tenant, jwtIssuer, client, code, "https://portal.example/back", "")
	if err != nil {
		t.Fatal(err)
	}
	return issued
}

// own gives a client a token by its own credentials.
func (p *jwtPlace) own(t *testing.T, client tokens.Client, scopes ...string) tokens.Issued {
	t.Helper()
	issued, err := p.service.IssueOwn(t.Context(), p.tenant, jwtIssuer, client, scopes)
	if err != nil {
		t.Fatal(err)
	}
	return issued
}

// jwt makes a JWT of a token.
func (p *jwtPlace) jwt(t *testing.T, token string, wish tokens.JWTWish) string {
	t.Helper()
	signed, err := p.service.MakeJWT(t.Context(), p.tenant, jwtIssuer, token, wish)
	if err != nil {
		t.Fatalf("MakeJWT(%v): %v", wish, err)
	}
	return signed
}

// refused wants no JWT of a token.
func (p *jwtPlace) refused(t *testing.T, token string, want error, scopes ...string) {
	t.Helper()
	if signed, err := p.service.MakeJWT(t.Context(), p.tenant, jwtIssuer, token, tokens.JWTWish{Scopes: scopes}); !errors.Is(err, want) {
		t.Errorf("MakeJWT(%v): got %q, error %v, want %v", scopes, signed, err, want)
	}
}

// refresh makes a new JWT of one.
func (p *jwtPlace) refresh(t *testing.T, signed string) string {
	t.Helper()
	again, err := p.service.RefreshJWT(t.Context(), p.tenant, jwtIssuer, signed, 0)
	if err != nil {
		t.Fatalf("RefreshJWT: %v", err)
	}
	return again
}

// read verifies a JWT, and returns what it says.
func (p *jwtPlace) read(t *testing.T, signed string) map[string]any {
	t.Helper()
	payload, header, err := p.service.VerifyOwn(t.Context(), p.tenant, signed)
	if err != nil || header.Algorithm != tokens.ES384 || header.Type != "JWT" {
		t.Fatalf("got header %+v, error %v, want a JWT by ES384", header, err)
	}
	var claims map[string]any
	if err := json.Unmarshal(payload, &claims); err != nil {
		t.Fatal(err)
	}
	return claims
}

// active reports what a token is worth at the library: its scopes.
func (p *jwtPlace) active(t *testing.T, token string) []string {
	t.Helper()
	found, err := p.service.Introspect(t.Context(), p.tenant, jwtIssuer, asking(p.library), token)
	if err != nil && !errors.Is(err, tokens.ErrNone) {
		t.Fatal(err)
	}
	return found.Scopes
}

package tokens_test

import (
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"strings"
	"testing"
	"time"

	"usher/sessions/tokens"
	"usher/sql/store/storetest"
)

const (
	back     = "https://app.example/back"
	verifier = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk" // of RFC 7636, appendix B
)

func challenge() string {
	sum := sha256.Sum256([]byte(verifier))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

// people are machines with a person, Ada, who signs in through an integration to
// an application.
type people struct {
	*machines
	integration, ada string
	app              tokens.Client
}

func eachPeople(t *testing.T, test func(t *testing.T, p *people)) {
	t.Helper()
	t.Parallel()
	storetest.EachDatabase(t, func(t *testing.T, db *storetest.Database) { test(t, newPeople(t, newMachines(t, db))) })
}

func newPeople(t *testing.T, m *machines) *people {
	t.Helper()
	p := &people{machines: m, integration: m.db.Rows(t, `SELECT id FROM integrations WHERE tenant_id = $1`, m.tenant)[0]}
	p.ada = newPerson(t, m.db, m.tenant, `{}`)
	p.app = p.addApp(t, m.tenant, "app", "library", "library:read")
	return p
}

// addApp makes a client to which people sign in.
func (p *people) addApp(t *testing.T, tenant, clientID string, scopes ...string) tokens.Client {
	t.Helper()
	c, _, err := p.first.AddClient(t.Context(), tenant, clientID, tokens.ClientSettings{
		Name: ptr("App"), RedirectURIs: []string{back}, APIScopes: scopes, IdentityScopes: []string{"email", "name", "phone"},
		Grants: []string{tokens.GrantAuthorizationCode, tokens.GrantRefreshToken, tokens.GrantJWTBearer, tokens.GrantTokenExchange},
	}, byTest)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// who is Ada, signed in at the epoch.
func (p *people) who() tokens.Person {
	return tokens.Person{User: p.ada, Integration: p.integration, Generation: 1, AuthTime: epoch.Add(-time.Hour)}
}

func (p *people) authorization(scope string) tokens.Authorization {
	return tokens.Authorization{
		Client: p.app, Person: p.who(), Scopes: strings.Fields(scope), RedirectURI: back, Challenge: challenge(), Nonce: "n-0S6",
	}
}

// code has Ada allow the application scopes.
func (p *people) code(t *testing.T, scope string) (string, tokens.Grant) {
	t.Helper()
	code, g, err := p.first.Authorize(t.Context(), p.tenant, p.authorization(scope))
	if err != nil {
		t.Fatal(err)
	}
	return code, g
}

// signIn gives the application tokens for Ada.
func (p *people) signIn(t *testing.T, format, scope string) tokens.Issued {
	t.Helper()
	code, _ := p.code(t, scope)
	issued, err := p.first.RedeemCode(t.Context(), p.tenant, issuer, p.in(format), code, back, verifier)
	if err != nil {
		t.Fatal(err)
	}
	return issued
}

// in is the application with access tokens of a format.
func (p *people) in(format string) tokens.Client {
	c := p.app
	c.AccessTokenFormat = format
	return c
}

// wants reports what was got instead of an error.
func wants(t *testing.T, what string, err, want error) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Errorf("%s: got error %v, want %v", what, err, want)
	}
}

// alive wants all that was issued to be good at both instances.
func (p *people) alive(t *testing.T, what string, issued tokens.Issued) {
	t.Helper()
	for _, instance := range []*tokens.Tokens{p.first, p.second} {
		if _, err := instance.LiveAccess(t.Context(), p.tenant, issuer, issued.Access.Token); err != nil {
			t.Errorf("%s: LiveAccess: %v", what, err)
		}
		if _, err := instance.Introspect(t.Context(), p.tenant, issuer, asking(p.library), issued.Access.Token); err != nil {
			t.Errorf("%s: Introspect: %v", what, err)
		}
		if _, err := instance.UserInfo(t.Context(), p.tenant, issuer, issued.Access.Token); err != nil {
			t.Errorf("%s: UserInfo: %v", what, err)
		}
	}
}

// over wants nothing that was issued to be good any more, at either instance.
func (p *people) over(t *testing.T, what string, issued tokens.Issued) {
	t.Helper()
	ctx := t.Context()
	for _, instance := range []*tokens.Tokens{p.second, p.first} {
		_, err := instance.LiveAccess(ctx, p.tenant, issuer, issued.Access.Token)
		wants(t, what+": LiveAccess", err, tokens.ErrNone)
		_, err = instance.Introspect(ctx, p.tenant, issuer, asking(p.library), issued.Access.Token)
		wants(t, what+": Introspect", err, tokens.ErrNone)
		_, err = instance.UserInfo(ctx, p.tenant, issuer, issued.Access.Token)
		wants(t, what+": UserInfo", err, tokens.ErrNone)
		_, err = instance.Exchange(ctx, p.tenant, issuer, p.app, issued.Access.Token, "")
		wants(t, what+": Exchange", err, tokens.ErrInvalidGrant)
		_, _, err = instance.LiveGrant(ctx, p.tenant, issued.Grant.ID)
		wants(t, what+": LiveGrant", err, tokens.ErrNone)
		_, err = instance.Fork(ctx, p.tenant, p.app, issued.Refresh, []byte(`{"a":1}`))
		wants(t, what+": Fork", err, tokens.ErrInvalidGrant)
		_, err = instance.Refresh(ctx, p.tenant, issuer, p.app, issued.Refresh, "")
		wants(t, what+": Refresh", err, tokens.ErrInvalidGrant)
	}
}

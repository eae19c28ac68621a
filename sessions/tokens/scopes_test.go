package tokens_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"usher/sessions/tokens"
)

func TestScopes(t *testing.T) {
	eachPeople(t, func(t *testing.T, p *people) {
		ctx := t.Context()
		acme, _, err := p.first.AddOrganization(ctx, p.tenant, "", "acme", tokens.OrganizationSettings{DisplayName: ptr("Acme")}, byTest)
		if err != nil {
			t.Fatal(err)
		}
		if err := p.first.SetMember(ctx, p.tenant, acme.ID, p.ada, tokens.RoleMember, byTest); err != nil {
			t.Fatal(err)
		}
		none := p.app
		none.Grants, none.IdentityScopes, none.APIScopes = []string{tokens.GrantJWTBearer}, nil, nil
		bearer := none
		bearer.APIScopes = []string{"archive", "library"}
		ghost := p.app
		ghost.APIScopes, ghost.IdentityScopes = []string{"gone"}, []string{"lost"}
		organization := p.client
		organization.Kind, organization.ClientID = tokens.KindOrganization, "acme"
		for _, test := range []struct {
			name   string
			client tokens.Client
			user   string
			asked  string
			want   []string // nil = ErrScope
		}{
			{"a person, nothing", p.app, p.ada, "", []string{"openid"}},
			{"a person, spaces", p.app, p.ada, "  ", []string{"openid"}},
			{"a person, all sorts", p.app, p.ada, "openid library email offline_access email", []string{"email", "library", "offline_access", "openid"}},
			{"a person, an API alone", p.app, p.ada, "library", []string{"library"}},
			{"an identity scope that is not the client's", p.app, p.ada, "openid groups", nil},
			{"an API scope that is not the client's", p.app, p.ada, "openid archive", nil},
			{"in capitals", p.app, p.ada, "OpenID", nil},
			{"unknown", p.app, p.ada, "nowhere", nil},
			{"of another separator", p.app, p.ada, "library\temail", nil},
			{"no longer there", ghost, p.ada, "openid gone", nil},
			{"no longer there either", ghost, p.ada, "openid lost", nil},
			{"no openid, nothing", bearer, p.ada, "", []string{"archive", "library"}},
			{"no openid", bearer, p.ada, "openid", nil},
			{"no refresh token", bearer, p.ada, "library offline_access", nil},
			{"nothing at all", none, p.ada, "", nil},
			{"a member", p.app, p.ada, "openid memberof:acme user:memberof:Acme", []string{"memberof:acme", "openid", "user:memberof:Acme"}},
			{"no member", p.app, p.ada, "openid memberof:other", []string{"openid"}},
			{"no member of anything", p.app, p.ada, "memberof:other", nil},
			{"no organization's name", p.app, p.ada, "openid memberof:", nil},
			{"somebody else's membership", p.app, newID(t), "openid memberof:acme", []string{"openid"}},
			{"a client, nothing", p.client, "", "", []string{"archive", "library", "library:read"}},
			{"a client", p.client, "", "library", []string{"library"}},
			{"a client as a person", p.app, "", "library openid", nil},
			{"a client that stays", p.app, "", "library offline_access", nil},
			{"an organization", organization, "", "library memberof:acme memberof:other", []string{"library", "memberof:acme"}},
			{"a client that is none", p.client, "", "library memberof:acme", []string{"library"}},
		} {
			got, err := p.first.Scopes(ctx, p.tenant, test.client, test.user, test.asked)
			if test.want == nil {
				wants(t, test.name, err, tokens.ErrScope)
			} else if diff := cmp.Diff(test.want, got); diff != "" || err != nil {
				t.Errorf("%s: got error %v and other scopes (-want +got):\n%s", test.name, err, diff)
			}
		}

		// A membership ends with the next refresh.
		issued := p.signIn(t, tokens.FormatJWT, "memberof:acme offline_access openid")
		if err := p.first.DropMember(ctx, p.tenant, acme.ID, p.ada, byTest); err != nil {
			t.Fatal(err)
		}
		issued, err = p.second.Refresh(ctx, p.tenant, issuer, p.app, issued.Refresh, "")
		if want := []string{"offline_access", "openid"}; err != nil || !cmp.Equal(issued.Access.Scopes, want) {
			t.Errorf("got scopes %v, error %v, want %v", issued.Access.Scopes, err, want)
		}
	})
}

// TestReadIdentity: an identity token of ours is known again, also after its end,
// and nothing else is one.
func TestReadIdentity(t *testing.T) {
	eachPeople(t, func(t *testing.T, p *people) {
		ctx := t.Context()
		other, _, _ := installed(t, p.db.Open(t, func() time.Time { return *p.at }))
		issued := p.signIn(t, tokens.FormatJWT, everything)
		*p.at = epoch.Add(time.Hour)
		hint, err := p.second.ReadIdentity(ctx, p.tenant, issuer, issued.Identity)
		if err != nil || hint.ClientID != "app" || hint.Subject != p.ada || hint.Session != issued.Grant.ID || !hint.Expires.Equal(epoch.Add(5*time.Minute)) {
			t.Errorf("got %+v, error %v", hint, err)
		}
		for name, test := range map[string]struct{ tenant, issuer, token string }{
			"an access token":     {p.tenant, issuer, issued.Access.Token},
			"one of RFC 9068":     {p.tenant, issuer, p.signIn(t, tokens.FormatAccessTokenJWT, everything).Access.Token},
			"another tenant's":    {other, issuer, issued.Identity},
			"another issuer's":    {p.tenant, "https://elsewhere.example", issued.Identity},
			"cut":                 {p.tenant, issuer, issued.Identity[:len(issued.Identity)-1]},
			"nothing":             {p.tenant, issuer, ""},
			"a refresh token":     {p.tenant, issuer, issued.Refresh},
			"without its claims":  {p.tenant, issuer, signed(t, p, map[string]any{"iss": issuer, "aud": "app", "sub": p.ada})},
			"with a scope":        {p.tenant, issuer, signed(t, p, map[string]any{"iss": issuer, "aud": "app", "sub": p.ada, "sid": issued.Grant.ID, "exp": 1, "scope": "x"})},
			"for several clients": {p.tenant, issuer, signed(t, p, map[string]any{"iss": issuer, "aud": []string{"app", "lumen"}, "sub": p.ada, "sid": issued.Grant.ID, "exp": 1})},
		} {
			_, err := p.first.ReadIdentity(ctx, test.tenant, test.issuer, test.token)
			wants(t, name, err, tokens.ErrNone)
		}
		// As an access token it is worth nothing.
		_, err = p.first.LiveAccess(ctx, p.tenant, issuer, p.signIn(t, tokens.FormatJWT, everything).Identity)
		wants(t, "an identity token as an access token", err, tokens.ErrNone)

		code, g := p.code(t, "email openid")
		hybrid, err := p.first.IdentityToken(ctx, p.tenant, issuer, p.app, g, tokens.IdentityWish{Nonce: "n", Code: code})
		if err != nil {
			t.Fatal(err)
		}
		_, claims := unpacked(t, hybrid)
		if claims["c_hash"] == nil || claims["at_hash"] != nil || claims["nonce"] != "n" || claims["email"] != "Ada@example.org" {
			t.Errorf("got claims %v, want the hash of the code", claims)
		}
	})
}

func signed(t *testing.T, p *people, claims map[string]any) string {
	t.Helper()
	token, err := p.first.Sign(t.Context(), p.tenant, "", "JWT", claims)
	if err != nil {
		t.Fatal(err)
	}
	return token
}

// TestForeignPersonClaims: a JWT that we have signed is a person's access token
// only as its grant says.
func TestForeignPersonClaims(t *testing.T) {
	eachPeople(t, func(t *testing.T, p *people) {
		g := p.signIn(t, tokens.FormatJWT, everything).Grant
		now := p.at.Unix()
		claims := func(change map[string]any) string {
			all := map[string]any{
				"nbf": now, "exp": now + 60, "iat": now, "iss": issuer, "client_id": "app", "sub": p.ada, "sid": g.ID,
				"scope": []string{"library", "openid"}, "jti": newID(t),
			}
			for name, value := range change {
				all[name] = value
			}
			return signed(t, p, all)
		}
		p.live(t, "all there", p.library, claims(nil), "library")
		p.live(t, "of the form whose scope says nothing", p.library, claims(map[string]any{"type": "client_access_token", "scope": "access"}), "library library:read")
		for name, change := range map[string]map[string]any{
			"of another client":        {"client_id": "lumen"},
			"of another person":        {"sub": newID(t)},
			"of another grant":         {"sid": newID(t)},
			"of no grant":              {"sid": nil},
			"of what is no grant":      {"sid": "x"},
			"of a client as a person":  {"sub": "app"},
			"of no client":             {"client_id": nil},
			"of a form without a type": {"scope": "access"},
		} {
			p.dead(t, name, p.library, claims(change))
		}
		for name, change := range map[string]map[string]any{
			"of another client": {"client_id": "lumen"}, "of another person": {"sub": newID(t)}, "of no grant": {"sid": nil},
			"over": {"exp": now}, "not yet": {"nbf": now + 31},
		} {
			_, err := p.first.LiveAccess(t.Context(), p.tenant, issuer, claims(change))
			wants(t, name, err, tokens.ErrNone)
		}
	})
}

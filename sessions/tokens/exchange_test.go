package tokens_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"usher/sessions/tokens"
)

// TestExchange: a client gets a token for a person in place of another's, for no
// longer, and it dies with the family.
func TestExchange(t *testing.T) {
	eachPeople(t, func(t *testing.T, p *people) {
		ctx := t.Context()
		api := p.addApp(t, p.tenant, "api", "archive")
		for _, format := range formats {
			*p.at = epoch
			issued := p.signIn(t, format, everything)
			*p.at = epoch.Add(time.Minute)
			asAPI := api
			asAPI.AccessTokenFormat = format
			got, err := p.second.Exchange(ctx, p.tenant, issuer, asAPI, issued.Access.Token, "archive email")
			if err != nil {
				t.Fatalf("%s: %v", format, err)
			}
			if got.Refresh != "" || got.Identity != "" || got.Grant.Family != issued.Grant.Family || got.Grant.ID == issued.Grant.ID ||
				got.Access.Life != 2940*time.Second {
				t.Errorf("%s: got %+v, want an access token of the family, for no longer", format, got)
			}
			p.live(t, format, p.archive, got.Access.Token, "archive")
			live, err := p.first.LiveAccess(ctx, p.tenant, issuer, got.Access.Token)
			if err != nil || live.Client.ID != api.ID || live.Grant.User != p.ada || !cmp.Equal(live.Scopes, []string{"archive", "email"}) {
				t.Errorf("%s: got %+v, error %v", format, live, err)
			}
			if format != tokens.FormatReference {
				if _, claims := unpacked(t, got.Access.Token); !cmp.Equal(claims["act"], map[string]any{"sub": "api"}) || claims["client_id"] != "api" {
					t.Errorf("%s: got claims %v, want who acts", format, claims)
				}
			}
			// A chain lives no longer either.
			*p.at = epoch.Add(2 * time.Minute)
			further, err := p.first.Exchange(ctx, p.tenant, issuer, asAPI, got.Access.Token, "archive")
			if err != nil || further.Access.Life > 2880*time.Second {
				t.Errorf("%s: got a further token for %v, error %v, want at most 48m0s", format, further.Access.Life, err)
			}
			same, err := p.first.Exchange(ctx, p.tenant, issuer, asAPI, issued.Access.Token, "")
			if want := []string{"email", "name", "openid"}; err != nil || !cmp.Equal(same.Access.Scopes, want) {
				t.Errorf("%s: got scopes %v, error %v, want %v", format, same.Access.Scopes, err, want)
			}
			for _, scope := range []string{"library", "phone", "offline_access", "archive library", "nowhere"} {
				_, err := p.first.Exchange(ctx, p.tenant, issuer, asAPI, issued.Access.Token, scope)
				wants(t, format+": "+scope, err, tokens.ErrScope)
			}
			for what, token := range map[string]string{
				"nothing": "", "an identity token": issued.Identity, "a refresh token": issued.Refresh,
				"a client's own": p.issue(t, format, ""), "cut": issued.Access.Token[1:], "unknown": strings.Repeat("0", 64),
			} {
				_, err := p.first.Exchange(ctx, p.tenant, issuer, asAPI, token, "archive")
				wants(t, format+": "+what, err, tokens.ErrInvalidGrant)
			}
			if err := p.first.Revoke(ctx, p.tenant, p.app, issued.Refresh); err != nil {
				t.Fatal(err)
			}
			for _, token := range []string{got.Access.Token, further.Access.Token, same.Access.Token} {
				p.dead(t, format+": after its family", p.archive, token)
				_, err := p.second.LiveAccess(ctx, p.tenant, issuer, token)
				wants(t, format+": after its family", err, tokens.ErrNone)
			}
		}
	})
}

// TestFork: attributes stand in access and identity tokens through every
// rotation, and the old refresh token gives tokens without them.
func TestFork(t *testing.T) {
	eachPeople(t, func(t *testing.T, p *people) {
		ctx := t.Context()
		other := p.addApp(t, p.tenant, "other")
		issued := p.signIn(t, tokens.FormatJWT, everything)
		_, err := p.first.Fork(ctx, p.tenant, other, issued.Refresh, []byte(`{"plan":"gold"}`))
		wants(t, "another client's", err, tokens.ErrInvalidGrant)
		refresh, err := p.first.Fork(ctx, p.tenant, p.app, issued.Refresh, []byte(`{
			"plan": "gold", "limit": 12345678901234567890, "sub": "eve", "SUB": "eve", "Scope": "archive", "ſid": "x",
			"client_id": "other", "act": {"sub": "eve"}, "email": "eve@example.org", "EMAIL": "eve@example.org", "ident\u0131ty": 1}`))
		if err != nil {
			t.Fatal(err)
		}
		for range 3 {
			next, err := p.second.Refresh(ctx, p.tenant, issuer, p.app, refresh, "")
			if err != nil {
				t.Fatal(err)
			}
			p.alive(t, "forked", next)
			if next.Grant.Family != issued.Grant.ID || next.Grant.ID == issued.Grant.ID || !next.Grant.ExpiresAt.Equal(issued.Grant.ExpiresAt) {
				t.Errorf("got %+v, want another grant of the family with the same end", next.Grant)
			}
			live, err := p.first.LiveAccess(ctx, p.tenant, issuer, next.Access.Token)
			if err != nil {
				t.Fatal(err)
			}
			identity, err := p.first.ReadIdentity(ctx, p.tenant, issuer, next.Identity)
			if err != nil {
				t.Fatal(err)
			}
			for what, claims := range map[string]map[string]any{"access": live.Claims, "identity": identity.Claims} {
				if claims["plan"] != "gold" || claims["sub"] != p.ada || stringOf(claims["limit"]) != "12345678901234567890" {
					t.Errorf("%s token: got claims %v, want the attributes", what, claims)
				}
				for _, name := range []string{"SUB", "Scope", "ſid", "act"} {
					if claims[name] != nil {
						t.Errorf("%s token: got %s = %v, want no attribute with one of our names", what, name, claims[name])
					}
				}
			}
			if identity.Claims["email"] != "Ada@example.org" || identity.Claims["EMAIL"] != nil {
				t.Errorf("got %v, want the person's own e-mail", identity.Claims)
			}
			refresh = next.Refresh
		}
		plain, err := p.first.Refresh(ctx, p.tenant, issuer, p.app, issued.Refresh, "")
		if err != nil {
			t.Fatal(err)
		}
		if _, claims := unpacked(t, plain.Access.Token); claims["plan"] != nil {
			t.Errorf("got %v from the old refresh token, want no attribute", claims)
		}
		// More of them add to those that are there.
		more, err := p.first.Fork(ctx, p.tenant, p.app, refresh, []byte(`{"plan":"silver","seat":4}`))
		if err != nil {
			t.Fatal(err)
		}
		next, err := p.second.Refresh(ctx, p.tenant, issuer, p.app, more, "")
		if err != nil {
			t.Fatal(err)
		}
		if _, claims := unpacked(t, next.Access.Token); claims["plan"] != "silver" || claims["seat"] != 4.0 || claims["limit"] == nil {
			t.Errorf("got %v, want the newer ones and the older ones", claims)
		}
		// All of the family dies together, whichever refresh token is replayed.
		*p.at = p.at.Add(2 * time.Minute)
		_, err = p.second.Refresh(ctx, p.tenant, issuer, p.app, issued.Refresh, "")
		wants(t, "replayed", err, tokens.ErrInvalidGrant)
		p.over(t, "replayed: the fork", next)
		p.over(t, "replayed: the first", plain)
	})
}

func stringOf(v any) string {
	s, is := v.(interface{ String() string })
	if !is {
		return ""
	}
	return s.String()
}

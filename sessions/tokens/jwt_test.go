package tokens_test

import (
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"usher/sessions/tokens"
)

// said is a JWT's claims without those that differ each time.
func said(claims map[string]any) map[string]any {
	for _, name := range []string{"jti", "sid", "refresh_token"} {
		if claims[name] != nil {
			claims[name] = "there"
		}
	}
	return claims
}

func list(names ...string) []any {
	all := []any{}
	for _, name := range names {
		all = append(all, name)
	}
	return all
}

func TestJWTOfOrganization(t *testing.T) {
	eachJWTPlace(t, func(t *testing.T, p *jwtPlace) {
		ctx := t.Context()
		issued := p.own(t, p.dev)
		token := issued.Access.Token
		if diff := cmp.Diff([]string{"library", "memberof:acme", "memberof:acme.dev"}, issued.Access.Scopes); diff != "" {
			t.Errorf("all that it may have (-want +got):\n%s", diff)
		}
		at := float64(epoch.Unix())
		signed := p.jwt(t, token, tokens.JWTWish{Scopes: []string{"memberof:ACME", "library"}, Audience: []string{"portal", "acme.dev"}, Validity: time.Minute})
		want := map[string]any{
			"globalid": "acme.dev", "scope": list("memberof:ACME", "library"), "iss": jwtIssuer, "aud": list("acme.dev", "portal"),
			"azp": "acme.dev", "iat": at, "exp": at + 60, "jti": "there",
		}
		if diff := cmp.Diff(want, said(p.read(t, signed))); diff != "" {
			t.Errorf("claims (-want +got):\n%s", diff)
		}
		bare := p.read(t, p.jwt(t, token, tokens.JWTWish{Validity: 24 * time.Hour, Values: true}))
		want = map[string]any{
			"globalid": "acme.dev", "scope": list(), "iss": jwtIssuer, "aud": list("acme.dev"), "azp": "acme.dev",
			"iat": at, "exp": at + 3000, "jti": "there",
		}
		if diff := cmp.Diff(want, said(bare)); diff != "" {
			t.Errorf("claims without a wish (-want +got):\n%s", diff)
		}
		for _, scope := range []string{"memberof:other", "memberof:acme.dev.x", "archive", "openid", "offline_access", "user:name", "memberof:acme-labs"} {
			p.refused(t, token, tokens.ErrScope, scope)
		}
		p.refused(t, p.own(t, p.dev, "library").Access.Token, tokens.ErrScope, "memberof:acme")

		// Introspection: where it has a scope, and nowhere else.
		if diff := cmp.Diff([]string{"library"}, p.active(t, signed)); diff != "" {
			t.Errorf("introspection (-want +got):\n%s", diff)
		}
		found, err := p.service.Introspect(ctx, p.tenant, jwtIssuer, asking(p.library), signed)
		if err != nil || !found.NotBefore.Equal(epoch) || !found.IssuedAt.Equal(epoch) {
			t.Errorf("introspection: got %+v, error %v, want one that counts from when it was made", found, err)
		}
		if scopes := p.active(t, p.jwt(t, token, tokens.JWTWish{Scopes: []string{"memberof:acme"}})); scopes != nil {
			t.Errorf("without a scope of the library: got %v, want it inactive", scopes)
		}

		// A smaller one of it ends with it, and does not grow.
		smaller := p.jwt(t, signed, tokens.JWTWish{Scopes: []string{"memberof:acme"}, Audience: []string{"backup"}})
		claims := p.read(t, smaller)
		if diff := cmp.Diff(list("acme.dev", "backup"), claims["aud"]); diff != "" || claims["exp"] != at+60 {
			t.Errorf("got %v, want it for the backup and until its parent ends", claims)
		}
		p.refused(t, smaller, tokens.ErrScope, "library")

		// It is worth nothing elsewhere.
		if _, err := p.service.MakeJWT(ctx, p.other, jwtIssuer, token, tokens.JWTWish{}); !errors.Is(err, tokens.ErrNone) {
			t.Errorf("at another tenant: got error %v, want ErrNone", err)
		}
		if _, err := p.service.MakeJWT(ctx, p.tenant, "https://other.example", signed, tokens.JWTWish{Scopes: []string{"library"}}); !errors.Is(err, tokens.ErrNone) {
			t.Errorf("of another issuer: got error %v, want ErrNone", err)
		}
		for _, bad := range []string{"", "x", signed[:len(signed)-1], signed + "0", "a.b.c"} {
			p.refused(t, bad, tokens.ErrNone)
		}
		if _, err := p.service.ReadIdentity(ctx, p.tenant, jwtIssuer, signed); !errors.Is(err, tokens.ErrNone) {
			t.Errorf("as an identity token: got error %v, want ErrNone", err)
		}

		// What is taken back is gone, and what the client has lost.
		other := p.jwt(t, token, tokens.JWTWish{Scopes: []string{"library"}})
		if err := p.service.Revoke(ctx, p.tenant, p.acme, signed); err != nil || p.active(t, signed) == nil {
			t.Errorf("taken back by another: error %v, active %v, want it live", err, p.active(t, signed))
		}
		if err := p.service.Revoke(ctx, p.tenant, p.dev, signed); err != nil || p.active(t, signed) != nil {
			t.Errorf("taken back: error %v, active %v, want it dead", err, p.active(t, signed))
		}
		p.refused(t, signed, tokens.ErrNone, "library")
		if _, err := p.service.ChangeClient(ctx, p.tenant, p.dev.ID, tokens.ClientSettings{APIScopes: []string{}}, byTest); err != nil {
			t.Fatal(err)
		}
		p.refused(t, token, tokens.ErrScope, "library")
		if p.active(t, other) != nil {
			t.Error("a scope that the client has lost: got it active")
		}
		p.jwt(t, token, tokens.JWTWish{Scopes: []string{"memberof:acme"}})
		p.pass(3001 * time.Second)
		p.refused(t, token, tokens.ErrNone)
		token = p.own(t, p.dev).Access.Token
		off := true
		if _, err := p.service.ChangeClient(ctx, p.tenant, p.dev.ID, tokens.ClientSettings{Disabled: &off}, byTest); err != nil {
			t.Fatal(err)
		}
		p.refused(t, token, tokens.ErrNone)
		if issued, err := p.service.IssueOwn(ctx, p.tenant, jwtIssuer, p.dev, nil); !errors.Is(err, tokens.ErrInvalidClient) {
			t.Errorf("disabled: got %v, error %v, want ErrInvalidClient", issued, err)
		}
	})
}

func TestJWTOfPerson(t *testing.T) {
	eachJWTPlace(t, func(t *testing.T, p *jwtPlace) {
		ctx := t.Context()
		anna := p.person(t, p.dev)
		issued := p.byCode(t, p.acme, anna, "user:name user:memberof:acme memberof:acme.dev memberof:elsewhere library")
		token := issued.Access.Token
		if diff := cmp.Diff([]string{"library", "memberof:acme.dev", "user:memberof:acme", "user:name"}, issued.Access.Scopes); diff != "" {
			t.Errorf("granted (-want +got):\n%s", diff)
		}
		at := float64(epoch.Unix())
		want := map[string]any{
			"username": anna, "scope": list("user:memberof:acme", "user:name"), "iss": jwtIssuer, "aud": list("acme"), "azp": "acme",
			"iat": at, "exp": at + 3000, "jti": "there", "sid": "there",
		}
		wish := tokens.JWTWish{Scopes: []string{"user:memberof:acme", "user:name"}}
		if diff := cmp.Diff(want, said(p.read(t, p.jwt(t, token, wish)))); diff != "" {
			t.Errorf("claims (-want +got):\n%s", diff)
		}
		wish.Values, want["user:name"] = true, "Ada Byron"
		if diff := cmp.Diff(want, said(p.read(t, p.jwt(t, token, wish)))); diff != "" {
			t.Errorf("claims with values (-want +got):\n%s", diff)
		}
		for _, scope := range []string{"user:email", "memberof:elsewhere", "offline_access", "openid"} {
			p.refused(t, token, tokens.ErrScope, scope)
		}
		handed := p.jwt(t, token, tokens.JWTWish{Scopes: []string{"library", "memberof:acme"}})
		if diff := cmp.Diff([]string{"library"}, p.active(t, handed)); diff != "" {
			t.Errorf("introspection (-want +got):\n%s", diff)
		}

		// Memberships are looked up for each JWT.
		if err := p.service.DropMember(ctx, p.tenant, p.dev.ID, anna, byTest); err != nil {
			t.Fatal(err)
		}
		p.refused(t, token, tokens.ErrScope, "user:memberof:acme")
		p.refused(t, handed, tokens.ErrScope, "memberof:acme")
		p.jwt(t, token, tokens.JWTWish{Scopes: []string{"user:name"}})

		// Signed out everywhere: everything is dead.
		p.db.Exec(t, `UPDATE users SET session_epoch = session_epoch + 1 WHERE id = $1`, anna)
		p.refused(t, token, tokens.ErrNone)
		p.refused(t, handed, tokens.ErrNone, "library")
		if p.active(t, handed) != nil {
			t.Error("signed out: got the JWT active")
		}
	})
}

func TestJWTIsRefreshed(t *testing.T) {
	eachJWTPlace(t, func(t *testing.T, p *jwtPlace) {
		ctx := t.Context()
		anna := p.person(t, p.dev)
		issued := p.byCode(t, p.acme, anna, "user:name user:memberof:acme library offline_access")
		first := p.jwt(t, issued.Access.Token, tokens.JWTWish{
			Scopes: []string{"offline_access", "user:memberof:acme", "library"}, Audience: []string{"portal"}, Validity: time.Minute,
		})
		if claims := p.read(t, first); claims["refresh_token"] == nil || claims["refresh_token"] == issued.Refresh || claims["sid"] == issued.Grant.ID {
			t.Fatalf("got %v, want a refresh token of its own", claims)
		}
		p.pass(2 * time.Hour) // the JWT has ended, and so has the access token
		p.refused(t, first, tokens.ErrNone, "library")
		second := p.refresh(t, first)
		claims := p.read(t, second)
		at := float64(p.now().Unix())
		want := map[string]any{
			"username": anna, "scope": list("offline_access", "user:memberof:acme", "library"), "iss": jwtIssuer, "aud": list("acme", "portal"),
			"azp": "acme", "iat": at, "exp": at + 3000, "jti": "there", "sid": "there", "refresh_token": "there",
		}
		successor := claims["refresh_token"]
		if diff := cmp.Diff(want, said(claims)); diff != "" {
			t.Errorf("refreshed (-want +got):\n%s", diff)
		}
		if again := p.read(t, p.refresh(t, first)); again["refresh_token"] != successor {
			t.Error("within a minute: got another successor, want the same")
		}

		// A smaller one of it, which can be refreshed, does not grow.
		small := p.jwt(t, second, tokens.JWTWish{Scopes: []string{"library", "offline_access"}})
		if diff := cmp.Diff(list("library", "offline_access"), p.read(t, p.refresh(t, small))["scope"]); diff != "" {
			t.Errorf("the smaller one refreshed (-want +got):\n%s", diff)
		}
		single := p.jwt(t, second, tokens.JWTWish{Scopes: []string{"library"}})
		if claims := p.read(t, single); claims["refresh_token"] != nil || claims["exp"] != at+3000 {
			t.Errorf("got %v, want no refresh token", claims)
		}
		p.refused(t, single, tokens.ErrScope, "offline_access")
		for name, signed := range map[string]string{"cannot be refreshed": single, "of nobody": "a.b.c", "reference": issued.Access.Token} {
			if got, err := p.service.RefreshJWT(ctx, p.tenant, jwtIssuer, signed, 0); !errors.Is(err, tokens.ErrNone) {
				t.Errorf("%s: got %q, error %v, want ErrNone", name, got, err)
			}
		}
		if got, err := p.service.RefreshJWT(ctx, p.other, jwtIssuer, second, 0); !errors.Is(err, tokens.ErrNone) {
			t.Errorf("at another tenant: got %q, error %v, want ErrNone", got, err)
		}

		// What the person has lost is left out.
		if err := p.service.DropMember(ctx, p.tenant, p.dev.ID, anna, byTest); err != nil {
			t.Fatal(err)
		}
		third := p.refresh(t, second)
		if diff := cmp.Diff(list("offline_access", "library"), p.read(t, third)["scope"]); diff != "" {
			t.Errorf("without the membership (-want +got):\n%s", diff)
		}

		// The client has the whole of it by its refresh token.
		again, err := p.service.RefreshTokenToJWT(ctx, p.tenant, jwtIssuer, p.acme, issued.Refresh, tokens.JWTWish{})
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(list("library", "offline_access", "user:name"), p.read(t, again)["scope"]); diff != "" {
			t.Errorf("by the refresh token (-want +got):\n%s", diff)
		}
		if got, err := p.service.RefreshTokenToJWT(ctx, p.tenant, jwtIssuer, p.dev, issued.Refresh, tokens.JWTWish{}); !errors.Is(err, tokens.ErrNone) {
			t.Errorf("of another client: got %q, error %v, want ErrNone", got, err)
		}

		// An old one, shown later, ends the family.
		p.pass(61 * time.Second)
		if got, err := p.service.RefreshJWT(ctx, p.tenant, jwtIssuer, first, 0); !errors.Is(err, tokens.ErrNone) {
			t.Errorf("replayed: got %q, error %v, want ErrNone", got, err)
		}
		for name, signed := range map[string]string{"the newest": third, "the smaller one": small} {
			if got, err := p.service.RefreshJWT(ctx, p.tenant, jwtIssuer, signed, 0); !errors.Is(err, tokens.ErrNone) {
				t.Errorf("%s after a replay: got %q, error %v, want ErrNone", name, got, err)
			}
			if p.active(t, signed) != nil {
				t.Errorf("%s after a replay: got it active", name)
			}
		}
	})
}

func TestJWTsWithRefreshTokensAreTakenBackWhole(t *testing.T) {
	eachJWTPlace(t, func(t *testing.T, p *jwtPlace) {
		anna := p.person(t)
		issued := p.byCode(t, p.acme, anna, "library offline_access")
		signed := p.jwt(t, issued.Access.Token, tokens.JWTWish{Scopes: []string{"library", "offline_access"}})
		if err := p.service.Revoke(t.Context(), p.tenant, p.acme, signed); err != nil {
			t.Fatal(err)
		}
		p.refused(t, issued.Access.Token, tokens.ErrNone)
		if got, err := p.service.RefreshJWT(t.Context(), p.tenant, jwtIssuer, signed, 0); !errors.Is(err, tokens.ErrNone) {
			t.Errorf("refreshed after it was taken back: got %q, error %v, want ErrNone", got, err)
		}
		p.db.Exec(t, `UPDATE users SET status = 'disabled', session_epoch = session_epoch + 1 WHERE id = $1`, anna)
		if got, err := p.service.RefreshJWT(t.Context(), p.tenant, jwtIssuer, signed, 0); !errors.Is(err, tokens.ErrNone) {
			t.Errorf("of a disabled user: got %q, error %v, want ErrNone", got, err)
		}
	})
}

// TestJWTOfApplication: it shows its secret with a refresh token, so that an
// access token alone does not become one that can be refreshed.
func TestJWTOfApplication(t *testing.T) {
	eachJWTPlace(t, func(t *testing.T, p *jwtPlace) {
		ctx, name := t.Context(), "Lumen"
		lumen, _, err := p.service.AddClient(ctx, p.tenant, "lumen", tokens.ClientSettings{
			Name: &name, APIScopes: []string{"library"}, RedirectURIs: []string{"https://portal.example/back"},
			Grants: []string{tokens.GrantAuthorizationCode, tokens.GrantClientCredentials, tokens.GrantRefreshToken},
		}, byTest)
		if err != nil {
			t.Fatal(err)
		}
		if own := p.own(t, lumen, "library", "memberof:acme"); cmp.Diff([]string{"library"}, own.Access.Scopes) != "" {
			t.Errorf("got scopes %v, want no membership", own.Access.Scopes)
		}
		if got, err := p.service.IssueOwn(ctx, p.tenant, jwtIssuer, lumen, []string{"archive"}); !errors.Is(err, tokens.ErrScope) {
			t.Errorf("a scope that is not its own: got %v, error %v, want ErrScope", got, err)
		}
		issued := p.byCode(t, lumen, p.person(t), "library offline_access")
		p.refused(t, issued.Access.Token, tokens.ErrScope, "offline_access")
		wish := tokens.JWTWish{Scopes: []string{"library", "offline_access", "memberof:acme"}}
		signed, err := p.service.IssuedJWT(ctx, p.tenant, jwtIssuer, lumen, issued, wish)
		if err != nil {
			t.Fatal(err)
		}
		claims := p.read(t, signed)
		if diff := cmp.Diff(list("library", "offline_access"), claims["scope"]); diff != "" || claims["refresh_token"] != issued.Refresh {
			t.Errorf("got %v, want what was granted and the refresh token", claims)
		}
		p.refresh(t, signed)
	})
}

func TestJWTOfPersonsProgram(t *testing.T) {
	eachJWTPlace(t, func(t *testing.T, p *jwtPlace) {
		ctx := t.Context()
		anna, name, kind := p.person(t, p.dev), "Anna's script", tokens.KindPerson
		script, _, err := p.service.AddClient(ctx, p.tenant, "script", tokens.ClientSettings{
			Kind: &kind, User: &anna, Name: &name, APIScopes: []string{"library"}, IdentityScopes: []string{"user:name"},
			Grants: []string{tokens.GrantClientCredentials, tokens.GrantRefreshToken},
		}, byTest)
		if err != nil {
			t.Fatal(err)
		}
		issued := p.own(t, script)
		if diff := cmp.Diff([]string{"library", "user:name"}, issued.Access.Scopes); diff != "" || issued.Grant.User != anna {
			t.Errorf("got %+v, want all that it may have, for its person (-want +got):\n%s", issued, diff)
		}
		// It has the person's memberships without having asked for them.
		claims := p.read(t, p.jwt(t, issued.Access.Token, tokens.JWTWish{Scopes: []string{"user:memberof:acme"}}))
		if diff := cmp.Diff(list("user:memberof:acme"), claims["scope"]); diff != "" || claims["username"] != anna {
			t.Errorf("got %v, want the person's membership", claims)
		}
		p.refused(t, issued.Access.Token, tokens.ErrScope, "memberof:elsewhere")
		p.refused(t, issued.Access.Token, tokens.ErrScope, "offline_access")
		lasting := p.own(t, script, "offline_access", "user:name")
		signed := p.jwt(t, lasting.Access.Token, tokens.JWTWish{Scopes: []string{"offline_access", "memberof:acme.dev"}})
		p.pass(2 * time.Hour)
		if diff := cmp.Diff(list("offline_access", "memberof:acme.dev"), p.read(t, p.refresh(t, signed))["scope"]); diff != "" {
			t.Errorf("refreshed (-want +got):\n%s", diff)
		}
		p.db.Exec(t, `UPDATE users SET status = 'disabled', session_epoch = session_epoch + 1 WHERE id = $1`, anna)
		if got, err := p.service.IssueOwn(ctx, p.tenant, jwtIssuer, script, nil); !errors.Is(err, tokens.ErrInvalidGrant) {
			t.Errorf("of a disabled user: got %v, error %v, want ErrInvalidGrant", got, err)
		}
		p.refused(t, lasting.Access.Token, tokens.ErrNone)
	})
}

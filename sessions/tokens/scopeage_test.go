package tokens_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"usher/sessions/tokens"
)

// TestScopesMadeAnew: a scope that was deleted and made again under its name is
// another one. Nothing that was given or allowed before opens it.
func TestScopesMadeAnew(t *testing.T) {
	eachPeople(t, func(t *testing.T, p *people) {
		ctx := t.Context()
		identity := []string{"email", "name", "phone", "extra"}
		extra := func() {
			t.Helper()
			if _, err := p.first.AddIdentityScope(ctx, p.tenant, tokens.NewIdentityScope{Name: "extra", Claims: []string{"birthdate"}}, byTest); err != nil {
				t.Fatal(err)
			}
		}
		allow := func() {
			t.Helper()
			c, err := p.first.ChangeClient(ctx, p.tenant, p.app.ID, tokens.ClientSettings{
				APIScopes: []string{"library", "re"}, IdentityScopes: identity,
			}, byTest)
			if err != nil {
				t.Fatal(err)
			}
			p.app = c
		}
		re := p.addConnection(t, p.tenant, "re")
		extra()
		allow()
		const asked = "extra library offline_access openid re"
		of := map[string]tokens.Issued{}
		for _, format := range formats {
			of[format] = p.signIn(t, format, asked)
		}
		v0, err := p.first.RefreshV0(ctx, p.tenant, issuer, p.app, p.signIn(t, tokens.FormatJWT, asked).Refresh)
		if err != nil {
			t.Fatal(err)
		}
		own, err := p.first.IssueAccess(ctx, p.tenant, issuer, p.app, "library re")
		if err != nil {
			t.Fatal(err)
		}
		code, _ := p.code(t, asked)
		toFork := p.signIn(t, tokens.FormatJWT, asked)
		if err := p.first.GiveConsent(ctx, p.tenant, p.app, p.ada, strings.Fields(asked)); err != nil {
			t.Fatal(err)
		}
		consented := func(what string, want bool) {
			t.Helper()
			got, err := p.second.Consented(ctx, p.tenant, p.app, p.ada, []string{"extra", "re"})
			if err != nil || got != want {
				t.Errorf("%s: got Consented %t, error %v, want %t", what, got, err, want)
			}
		}
		consented("as it was given", true)

		*p.at = p.at.Add(2 * time.Second)
		if err := p.first.DeleteConnection(ctx, p.tenant, re.ID, byTest); err != nil {
			t.Fatal(err)
		}
		if err := p.first.DeleteIdentityScope(ctx, p.tenant, "extra", byTest); err != nil {
			t.Fatal(err)
		}
		*p.at = p.at.Add(2 * time.Second)
		re = p.addConnection(t, p.tenant, "re")
		extra()
		allow()
		*p.at = p.at.Add(2 * time.Second)

		without := func(what string, scopes []string, token string) {
			t.Helper()
			if slices.Contains(scopes, "re") || slices.Contains(scopes, "extra") || !slices.Contains(scopes, "library") {
				t.Errorf("%s: got scopes %q, want library and none that was made since", what, scopes)
			}
			p.dead(t, what, re, token)
			p.live(t, what, p.library, token, "library")
			if live, err := p.second.LiveAccess(ctx, p.tenant, issuer, token); err != nil || slices.Contains(live.Scopes, "re") || slices.Contains(live.Scopes, "extra") {
				t.Errorf("%s: got LiveAccess with %q, error %v, want none that was made since", what, live.Scopes, err)
			}
		}
		anew := func(what, token string) {
			t.Helper()
			_, err := p.first.MakeJWT(ctx, p.tenant, issuer, token, tokens.JWTWish{Scopes: []string{"re"}})
			wants(t, what+": MakeJWT", err, tokens.ErrScope)
		}
		for _, format := range formats {
			issued := of[format]
			without(format, []string{"library"}, issued.Access.Token)
			anew(format, issued.Access.Token)
			if claims, err := p.first.UserInfo(ctx, p.tenant, issuer, issued.Access.Token); err != nil || claims["birthdate"] != nil {
				t.Errorf("%s: got userinfo %v, error %v, want no birthdate", format, claims, err)
			}
			exchanged, err := p.first.Exchange(ctx, p.tenant, issuer, p.in(format), issued.Access.Token, "")
			if err != nil {
				t.Fatal(err)
			}
			without(format+": exchanged", exchanged.Access.Scopes, exchanged.Access.Token)
			_, err = p.first.Exchange(ctx, p.tenant, issuer, p.in(format), issued.Access.Token, "extra")
			wants(t, format+": Exchange for what was made since", err, tokens.ErrScope)
			for range 2 {
				if issued, err = p.second.Refresh(ctx, p.tenant, issuer, p.in(format), issued.Refresh, ""); err != nil {
					t.Fatal(err)
				}
				without(format+": refreshed", issued.Access.Scopes, issued.Access.Token)
				anew(format+": refreshed", issued.Access.Token)
			}
			_, err = p.second.Refresh(ctx, p.tenant, issuer, p.in(format), issued.Refresh, "re")
			wants(t, format+": Refresh for what was made since", err, tokens.ErrScope)
		}
		anew("a client's own", own.Token)
		without("in the second wire form", []string{"library"}, v0.Access.Token)
		if v0, err = p.second.RefreshV0(ctx, p.tenant, issuer, p.app, v0.Refresh); err != nil {
			t.Fatal(err)
		}
		without("refreshed in the second wire form", v0.Access.Scopes, v0.Access.Token)
		jwt, err := p.second.RefreshTokenToJWT(ctx, p.tenant, issuer, p.app, v0.Refresh, tokens.JWTWish{})
		if err != nil {
			t.Fatal(err)
		}
		without("refreshed in the third", []string{"library"}, jwt)
		forked, err := p.first.Fork(ctx, p.tenant, p.app, toFork.Refresh, []byte(`{"plan":"gold"}`))
		if err != nil {
			t.Fatal(err)
		}
		issued, err := p.first.Refresh(ctx, p.tenant, issuer, p.app, forked, "")
		if err != nil {
			t.Fatal(err)
		}
		without("forked", issued.Access.Scopes, issued.Access.Token)
		if issued, err = p.first.RedeemCode(ctx, p.tenant, issuer, p.app, code, back, verifier); err != nil {
			t.Fatal(err)
		}
		without("an older code", issued.Access.Scopes, issued.Access.Token)

		consented("made anew", false)
		if err := p.first.GiveConsent(ctx, p.tenant, p.app, p.ada, []string{"openid"}); err != nil {
			t.Fatal(err)
		}
		consented("asked for others", false)
		if err := p.first.GiveConsent(ctx, p.tenant, p.app, p.ada, []string{"extra", "re"}); err != nil {
			t.Fatal(err)
		}
		consented("asked again", true)
		p.live(t, "signed in again", re, p.signIn(t, tokens.FormatJWT, asked).Access.Token, "re")
	})
}

// TestScopesOfAClockAhead: what is given for a scope that an instance with a clock
// ahead has just made counts for it.
func TestScopesOfAClockAhead(t *testing.T) {
	eachPeople(t, func(t *testing.T, p *people) {
		ctx := t.Context()
		*p.at = epoch.Add(20 * time.Second)
		re := p.addConnection(t, p.tenant, "re")
		p.app = p.addApp(t, p.tenant, "later", "library", "re")
		*p.at = epoch
		for _, format := range formats {
			issued := p.signIn(t, format, "offline_access openid re")
			p.live(t, format, re, issued.Access.Token, "re")
			next, err := p.second.Refresh(ctx, p.tenant, issuer, p.in(format), issued.Refresh, "")
			if err != nil {
				t.Fatal(err)
			}
			p.live(t, format+": refreshed", re, next.Access.Token, "re")
			exchanged, err := p.second.Exchange(ctx, p.tenant, issuer, p.in(format), next.Access.Token, "re")
			if err != nil {
				t.Fatal(err)
			}
			p.live(t, format+": exchanged", re, exchanged.Access.Token, "re")
		}
		if err := p.first.GiveConsent(ctx, p.tenant, p.app, p.ada, []string{"re"}); err != nil {
			t.Fatal(err)
		}
		if given, err := p.second.Consented(ctx, p.tenant, p.app, p.ada, []string{"re"}); err != nil || !given {
			t.Errorf("got Consented %t, error %v, want true", given, err)
		}
	})
}

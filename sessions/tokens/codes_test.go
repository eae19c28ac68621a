package tokens_test

import (
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"usher/sessions/tokens"
)

const everything = "email library library:read name offline_access openid"

// TestCodeGivesTokens: what is allowed at one instance is fetched at the other,
// in every format.
func TestCodeGivesTokens(t *testing.T) {
	eachPeople(t, func(t *testing.T, p *people) {
		ctx := t.Context()
		for _, format := range formats {
			code, g := p.code(t, everything)
			if want := epoch.Add(time.Minute); !g.ExpiresAt.Equal(want) || g.ID != g.Family {
				t.Errorf("got a grant %s of family %s until %v, want its own and %v", g.ID, g.Family, g.ExpiresAt, want)
			}
			issued, err := p.second.RedeemCode(ctx, p.tenant, issuer, p.in(format), code, back, verifier)
			if err != nil {
				t.Fatalf("%s: %v", format, err)
			}
			p.alive(t, format, issued)
			if want := epoch.Add(30 * 24 * time.Hour); !issued.Grant.ExpiresAt.Equal(want) {
				t.Errorf("%s: got a grant until %v, want %v", format, issued.Grant.ExpiresAt, want)
			}
			now, signedIn := float64(epoch.Unix()), float64(epoch.Add(-time.Hour).Unix())
			if format != tokens.FormatReference {
				_, claims := unpacked(t, issued.Access.Token)
				want := map[string]any{
					"nbf": now, "iat": now, "exp": now + 3000, "iss": issuer, "aud": []any{issuer, "library"}, "client_id": "app",
					"sub": p.ada, "scope": []any{"email", "library", "library:read", "name", "offline_access", "openid"},
					"jti": issued.Access.ID, "auth_time": signedIn, "amr": []any{"external"}, "sid": g.ID,
				}
				if format == tokens.FormatAccessTokenJWT {
					want["scope"] = everything
				}
				if diff := cmp.Diff(want, claims); diff != "" {
					t.Errorf("%s: got other claims (-want +got):\n%s", format, diff)
				}
			}
			head, claims := unpacked(t, issued.Identity)
			sum := sha256.Sum256([]byte(issued.Access.Token))
			want := map[string]any{
				"nbf": now, "iat": now, "exp": now + 300, "iss": issuer, "aud": "app", "sub": p.ada, "nonce": "n-0S6",
				"auth_time": signedIn, "amr": []any{"external"}, "sid": g.ID, "at_hash": base64.RawURLEncoding.EncodeToString(sum[:16]),
				"name": "Ada Byron", "email": "Ada@example.org", "email_verified": true,
			}
			if diff := cmp.Diff(want, claims); diff != "" || head["alg"] != "ES256" || head["typ"] != "JWT" {
				t.Errorf("%s: got head %v and other claims (-want +got):\n%s", format, head, diff)
			}
			found, err := p.first.Introspect(ctx, p.tenant, issuer, asking(p.library), issued.Access.Token)
			if err != nil || found.Subject != p.ada || found.ClientID != "app" || !found.AuthTime.Equal(epoch.Add(-time.Hour)) ||
				!cmp.Equal(found.Methods, []string{"external"}) || !cmp.Equal(found.Scopes, []string{"library", "library:read"}) {
				t.Errorf("%s: got introspection %+v, error %v", format, found, err)
			}
			info, err := p.second.UserInfo(ctx, p.tenant, issuer, issued.Access.Token)
			if diff := cmp.Diff(map[string]any{
				"sub": p.ada, "name": "Ada Byron", "email": "Ada@example.org", "email_verified": true,
			}, info); diff != "" || err != nil {
				t.Errorf("%s: got error %v and other claims at userinfo (-want +got):\n%s", format, err, diff)
			}
			for _, row := range p.db.Dump(t, p.tenant) {
				for _, secret := range []string{code, issued.Refresh, issued.Access.Token} {
					if strings.Contains(row, secret) {
						t.Errorf("%s: got a token itself in the database: %s", format, row)
					}
				}
			}
		}
		bare := p.signIn(t, tokens.FormatJWT, "library")
		if bare.Refresh != "" || bare.Identity != "" || !bare.Grant.ExpiresAt.Equal(epoch.Add(3000*time.Second)) {
			t.Errorf("got %+v, want an access token alone", bare)
		}
		_, err := p.first.UserInfo(ctx, p.tenant, issuer, bare.Access.Token)
		wants(t, "userinfo without openid", err, tokens.ErrScope)
	})
}

// TestCodesThatGiveNothing: a code is good for its client alone, for a minute, and
// with what was said when it was asked for.
func TestCodesThatGiveNothing(t *testing.T) {
	eachPeople(t, func(t *testing.T, p *people) {
		ctx := t.Context()
		twin, _, _ := installed(t, p.db.Open(t, func() time.Time { return *p.at }))
		theirs := p.addApp(t, twin, "app")
		other := p.addApp(t, p.tenant, "other")
		code, _ := p.code(t, everything)
		open := p.authorization(everything)
		open.Challenge = ""
		unproven, _, err := p.first.Authorize(ctx, p.tenant, open)
		if err != nil {
			t.Fatal(err)
		}
		for _, test := range []struct {
			name               string
			tenant             string
			client             tokens.Client
			code, to, verifier string
		}{
			{"unknown", p.tenant, p.app, strings.Repeat("A", 43), back, verifier},
			{"nothing", p.tenant, p.app, "", back, verifier},
			{"cut", p.tenant, p.app, code[:42], back, verifier},
			{"extended", p.tenant, p.app, code + "A", back, verifier},
			{"in another case", p.tenant, p.app, strings.ToUpper(code), back, verifier},
			{"another client's", p.tenant, other, code, back, verifier},
			{"another tenant's", twin, theirs, code, back, verifier},
			{"elsewhere", p.tenant, p.app, code, back + "/", verifier},
			{"nowhere", p.tenant, p.app, code, "", verifier},
			{"without a verifier", p.tenant, p.app, code, back, ""},
			{"with another verifier", p.tenant, p.app, code, back, verifier[:42] + "K"},
			{"with the challenge", p.tenant, p.app, code, back, challenge()},
			{"with a verifier and no challenge", p.tenant, p.app, unproven, back, verifier},
		} {
			_, err := p.second.RedeemCode(ctx, test.tenant, issuer, test.client, test.code, test.to, test.verifier)
			wants(t, test.name, err, tokens.ErrInvalidGrant)
		}
		*p.at = epoch.Add(time.Minute)
		_, err = p.first.RedeemCode(ctx, p.tenant, issuer, p.app, code, back, verifier)
		wants(t, "at its end", err, tokens.ErrInvalidGrant)
		*p.at = epoch.Add(time.Minute - time.Microsecond)
		if _, err := p.first.RedeemCode(ctx, p.tenant, issuer, p.app, code, back, verifier); err != nil {
			t.Errorf("a moment before its end: %v", err)
		}
		if _, err := p.first.RedeemCode(ctx, p.tenant, issuer, p.app, unproven, back, ""); err != nil {
			t.Errorf("without PKCE: %v", err)
		}
	})
}

// TestCodeReplay: a code that comes again ends what it has given; one that
// another client shows does not.
func TestCodeReplay(t *testing.T) {
	eachPeople(t, func(t *testing.T, p *people) {
		ctx := t.Context()
		other := p.addApp(t, p.tenant, "other")
		for _, format := range formats {
			code, _ := p.code(t, everything)
			issued, err := p.first.RedeemCode(ctx, p.tenant, issuer, p.in(format), code, back, verifier)
			if err != nil {
				t.Fatal(err)
			}
			_, err = p.second.RedeemCode(ctx, p.tenant, issuer, other, code, back, verifier)
			wants(t, format+": another client", err, tokens.ErrInvalidGrant)
			p.alive(t, format, issued)
			_, err = p.second.RedeemCode(ctx, p.tenant, issuer, p.app, code, back, verifier)
			wants(t, format+": again", err, tokens.ErrInvalidGrant)
			p.over(t, format+": replayed", issued)
		}
	})
}

// TestAuthorizeRefused: who may not sign in gives nobody anything.
func TestAuthorizeRefused(t *testing.T) {
	eachPeople(t, func(t *testing.T, p *people) {
		ctx := t.Context()
		public := p.app
		public.Public = true
		gone := p.app
		gone.ID = newID(t)
		for name, test := range map[string]struct {
			change func(*tokens.Authorization)
			want   error
		}{
			"nobody":                       {func(a *tokens.Authorization) { a.Person.User = newID(t) }, tokens.ErrInvalidGrant},
			"no id":                        {func(a *tokens.Authorization) { a.Person.User = "ada" }, tokens.ErrInvalidGrant},
			"signed out everywhere":        {func(a *tokens.Authorization) { a.Person.Epoch = -1 }, tokens.ErrInvalidGrant},
			"signed out with the others":   {func(a *tokens.Authorization) { a.Person.Generation = 0 }, tokens.ErrInvalidGrant},
			"through no integration":       {func(a *tokens.Authorization) { a.Person.Integration = newID(t) }, tokens.ErrInvalidGrant},
			"a client that is gone":        {func(a *tokens.Authorization) { a.Client = gone }, tokens.ErrInvalidClient},
			"a public client without PKCE": {func(a *tokens.Authorization) { a.Client, a.Challenge = public, "" }, tokens.ErrInvalidGrant},
		} {
			a := p.authorization("openid")
			test.change(&a)
			_, _, err := p.first.Authorize(ctx, p.tenant, a)
			wants(t, name, err, test.want)
			if errors.Is(test.want, tokens.ErrInvalidGrant) && !a.Client.Public {
				_, err = p.first.GrantPerson(ctx, p.tenant, issuer, a.Client, a.Person, a.Scopes)
				wants(t, name+" without a code", err, test.want)
			}
		}
		if rows := p.db.Rows(t, `SELECT id FROM token_grants`); len(rows) != 0 {
			t.Errorf("got grants %q, want none", rows)
		}
		own := p.who()
		own.Integration, own.Methods = "", []string{"pwd"}
		if issued, err := p.first.GrantPerson(ctx, p.tenant, issuer, p.app, own, []string{"library", "openid", "offline_access"}); err != nil {
			t.Errorf("through no integration at all: %v", err)
		} else {
			p.alive(t, "through no integration at all", issued)
		}
	})
}

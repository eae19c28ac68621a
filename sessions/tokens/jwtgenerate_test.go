package tokens_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"usher/sessions/tokens"
)

func TestGenerateJWT(t *testing.T) {
	eachJWTPlace(t, func(t *testing.T, p *jwtPlace) {
		ctx := t.Context()
		anna := p.person(t, p.dev)
		at := float64(epoch.Unix())
		own, err := p.service.GenerateJWT(ctx, p.tenant, jwtIssuer, tokens.JWTFor{
			ClientID: "acme.dev", Scope: "memberof:acme,library", Audience: "portal, backup",
		}, byTest)
		if err != nil {
			t.Fatal(err)
		}
		want := map[string]any{
			"globalid": "acme.dev", "scope": list("memberof:acme", "library"), "iss": jwtIssuer, "aud": list("acme.dev", "portal", "backup"),
			"azp": "acme.dev", "iat": at, "exp": at + 600, "jti": "there",
		}
		if diff := cmp.Diff(want, said(p.read(t, own))); diff != "" {
			t.Errorf("of an organization (-want +got):\n%s", diff)
		}
		if got, want := newestAct(t, p.store, p.tenant), "jwt_generated client "+p.dev.ID+
			` {"audience":["portal","backup"],"client_id":"acme.dev","scope":["memberof:acme","library"],"validity":600}`; got != want {
			t.Errorf("audit log: got %s, want %s", got, want)
		}
		of, err := p.service.GenerateJWT(ctx, p.tenant, jwtIssuer, tokens.JWTFor{
			ClientID: "acme", User: anna, Scope: "user:memberof:acme library", Validity: time.Hour,
		}, byTest)
		if err != nil {
			t.Fatal(err)
		}
		want = map[string]any{
			"username": anna, "scope": list("user:memberof:acme", "library"), "iss": jwtIssuer, "aud": list("acme"),
			"azp": "acme", "iat": at, "exp": at + 3600, "jti": "there", "sid": "there",
		}
		if diff := cmp.Diff(want, said(p.read(t, of))); diff != "" {
			t.Errorf("of a user (-want +got):\n%s", diff)
		}
		if act := newestAct(t, p.store, p.tenant); !strings.Contains(act, `"user":"`+anna+`"`) {
			t.Errorf("audit log: got %s, want the user's id", act)
		}
		for _, row := range p.db.Dump(t, p.tenant) {
			if strings.Contains(row, own) || strings.Contains(row, of) {
				t.Errorf("got a JWT in the database: %s", row)
			}
		}
		if diff := cmp.Diff([]string{"library"}, p.active(t, of)); diff != "" {
			t.Errorf("introspection (-want +got):\n%s", diff)
		}
		p.db.Exec(t, `UPDATE users SET session_epoch = session_epoch + 1 WHERE id = $1`, anna)
		if p.active(t, of) != nil {
			t.Error("signed out: got the JWT active")
		}

		// What is not accepted changes nothing.
		stranger := newPerson(t, p.db, p.other, `{}`)
		gone := newPerson(t, p.db, p.tenant, `{}`)
		p.db.Exec(t, `UPDATE users SET status = 'disabled' WHERE id = $1`, gone)
		off, name := true, "Off"
		if _, _, err := p.service.AddClient(ctx, p.tenant, "off", tokens.ClientSettings{Name: &name, Disabled: &off}, byTest); err != nil {
			t.Fatal(err)
		}
		before := p.db.Dump(t, p.tenant)
		for field, wishes := range map[string][]tokens.JWTFor{
			"client_id": {{}, {ClientID: "nobody"}, {ClientID: "off"}, {ClientID: "a b"}, {ClientID: p.dev.ID + "\x00"}},
			"user":      {{ClientID: "acme", User: "x"}, {ClientID: "acme", User: stranger}, {ClientID: "acme", User: gone}},
			"scope": {
				{ClientID: "acme", Scope: "archive"},
				{ClientID: "acme", Scope: "memberof:acme.dev"},
				{ClientID: "acme", Scope: "user:name"},
				{ClientID: "acme", Scope: "offline_access"},
				{ClientID: "acme", Scope: "ä"},
				{ClientID: "acme", User: anna, Scope: "memberof:elsewhere"},
				{ClientID: "acme", User: anna, Scope: "offline_access"},
			},
			"aud":      {{ClientID: "acme", Audience: "a\nb"}},
			"validity": {{ClientID: "acme", Validity: -time.Second}, {ClientID: "acme", Validity: time.Hour + time.Second}, {ClientID: "acme", Validity: time.Millisecond}},
		} {
			for _, wish := range wishes {
				got, err := p.service.GenerateJWT(ctx, p.tenant, jwtIssuer, wish, byTest)
				wrong, ok := errors.AsType[*tokens.Invalid](err)
				if !ok || wrong.Field != field {
					t.Errorf("%+v: got %q, error %v, want an *Invalid for %s", wish, got, err, field)
				}
			}
		}
		if diff := cmp.Diff(before, p.db.Dump(t, p.tenant)); diff != "" {
			t.Errorf("refused wishes changed the database (-before +after):\n%s", diff)
		}
		_, err = p.service.GenerateJWT(ctx, p.tenant, jwtIssuer, tokens.JWTFor{Validity: -1, Scope: "ä"}, byTest)
		if joined, ok := err.(interface{ Unwrap() []error }); !ok || len(joined.Unwrap()) != 3 {
			t.Errorf("three faults: got %v", err)
		}
	})
}

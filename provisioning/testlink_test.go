package provisioning_test

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"usher/provisioning"
)

func TestSignLink(t *testing.T) {
	eachPlace(t, provisioning.Settings{}, func(t *testing.T, p *place) {
		ctx, by := t.Context(), provisioning.By{Actor: "admin 1", Name: "Olga", Reference: "ref-7"}
		other, err := p.svc.AddTenant(ctx, "Other", []string{strings.ToLower(newID(t)) + ".example"}, provisioning.Way{}, byAPI)
		if err != nil {
			t.Fatal(err)
		}
		p.clock.advance(time.Minute)
		_, second, err := p.svc.AddKey(ctx, p.tenant, p.ID, provisioning.NewKey{Algorithm: "HS512"}, byAPI)
		if err != nil {
			t.Fatal(err)
		}
		acts := func() []string {
			t.Helper()
			rows, err := p.store.AuditAfter(ctx, p.tenant.ID, 0, 1000)
			if err != nil {
				t.Fatal(err)
			}
			var lines []string
			for _, r := range rows {
				if r.Action == "link_signed" {
					lines = append(lines, r.Actor+" "+r.Object+" "+r.Detail+" "+r.Reference)
				}
			}
			return lines
		}
		person := map[string]any{"email": "anna@example.com", "sub": "anna-1", "groups": []string{"staff"}}
		for _, test := range []struct {
			spoil provisioning.Spoil
			want  provisioning.Reason
		}{
			{provisioning.SpoilNothing, ""},
			{provisioning.SpoilExpired, provisioning.TokenExpired},
			{provisioning.SpoilSecret, provisioning.SignatureInvalid},
			{provisioning.SpoilDecodedSecret, provisioning.SignatureInvalid},
			{provisioning.SpoilMilliseconds, provisioning.ClaimInvalid},
		} {
			before := len(acts())
			signed, err := p.svc.SignLink(ctx, p.tenant, p.AppID, provisioning.TestLink{Claims: person, Spoil: test.spoil}, by)
			if err != nil || signed.KeyID != second.ID || !strings.Contains(signed.Claims, `"jti":`) {
				t.Fatalf("%q: got %+v, error %v, want a token of the newest key %s with a jti", test.spoil, signed, err, second.ID)
			}
			if got := p.examine(t, signed.Token); reasonOf(got) != test.want {
				t.Errorf("%q: got %q, want %q:\n%s", test.spoil, reasonOf(got), test.want, show(got))
			}
			recorded := acts()
			want := "admin 1 integration " + p.ID + ` {"key":"` + second.ID + `","preset":"` + string(test.spoil) + `"} ref-7`
			var sent struct{ JTI string }
			if err := json.Unmarshal([]byte(signed.Claims), &sent); err != nil || len(sent.JTI) != 32 {
				t.Fatalf("%q: got claims %s, error %v, want a jti of ours", test.spoil, signed.Claims, err)
			}
			want = strings.Replace(want, `{"key"`, `{"jti":"`+sent.JTI+`","key"`, 1)
			if len(recorded) != before+1 || recorded[before] != want {
				t.Errorf("%q: got acts %q, want one more: %s", test.spoil, recorded, want)
			}
		}
		if len(person) != 3 {
			t.Errorf("got the caller's claims changed: %v", person)
		}

		before := len(acts())
		refuses := func(name string, tenant provisioning.Tenant, id string, wish provisioning.TestLink, field string) {
			t.Helper()
			_, err := p.svc.SignLink(ctx, tenant, id, wish, by)
			var invalid *provisioning.Invalid
			if field == "" && !errors.Is(err, provisioning.ErrNotFound) || field != "" && (!errors.As(err, &invalid) || invalid.Field != field) {
				t.Errorf("%s: got error %v, want one about %q", name, err, field)
			}
		}
		refuses("another tenant", other, p.ID, provisioning.TestLink{Claims: person}, "")
		refuses("nothing of that id", p.tenant, newID(t), provisioning.TestLink{Claims: person}, "")
		refuses("unknown preset", p.tenant, p.ID, provisioning.TestLink{Claims: person, Spoil: "x"}, "preset")
		refuses("too long", p.tenant, p.ID, provisioning.TestLink{Claims: map[string]any{"meta": strings.Repeat("x", provisioning.MaxTokenInURL)}}, "claims")
		typed := p.installWith(t, provisioning.NewKey{Secret: "not base64 of anything! but long enough"})
		refuses("a secret that nobody decodes", p.tenant, typed, provisioning.TestLink{Claims: person, Spoil: provisioning.SpoilDecodedSecret}, "preset")
		public := p.installWith(t, provisioning.NewKey{PublicKey: publicPEM})
		refuses("public keys only", p.tenant, public, provisioning.TestLink{Claims: person}, "integration")
		if got := len(acts()); got != before {
			t.Errorf("got %d acts recorded for what was refused, want none", got-before)
		}
	})
}

// publicPEM is a key of RFC 8037, appendix A.
const publicPEM = `-----BEGIN PUBLIC KEY-----
MCowBQYDK2VwAyEA11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=
-----END PUBLIC KEY-----
`

// installWith installs an integration with a certain key and returns its id.
func (p *place) installWith(t *testing.T, key provisioning.NewKey) string {
	t.Helper()
	name := "Another"
	n, err := p.svc.Install(t.Context(), p.tenant, provisioning.Settings{Name: &name}, key, byAPI)
	if err != nil {
		t.Fatalf("Install: %v", err)
	}
	return n.ID
}

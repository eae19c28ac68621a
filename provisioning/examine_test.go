package provisioning_test

import (
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"usher/provisioning"
	"usher/sql/store"
)

// examine looks at a text, and fails the test when that changes a row of any
// table.
func (p *partner) examine(t testing.TB, text string) provisioning.Examination {
	t.Helper()
	return p.examineAt(t, provisioning.Specimen{Text: text})
}

func (p *partner) examineAt(t testing.TB, specimen provisioning.Specimen) provisioning.Examination {
	t.Helper()
	specimen.Tenant = p.tenant
	origin, err := provisioning.ParseOrigin("https://usher.example")
	if err != nil {
		t.Fatal(err)
	}
	specimen.Own = []provisioning.Origin{origin}
	specimen.Audiences = []string{"https://usher.example"}
	before := p.db.Dump(t, p.tenant.ID)
	examination, err := p.svc.Examine(t.Context(), specimen)
	if err != nil {
		t.Fatalf("Examine: got error %v, want none", err)
	}
	if diff := cmp.Diff(before, p.db.Dump(t, p.tenant.ID)); diff != "" {
		t.Fatalf("the examination changed something (-before +after):\n%s", diff)
	}
	return examination
}

// verdicts are the checks that did not pass, as "id verdict".
func verdicts(e provisioning.Examination) []string {
	var lines []string
	for _, c := range e.Checks {
		if c.Verdict == provisioning.Failed {
			lines = append(lines, c.ID)
		}
	}
	return lines
}

func reasonOf(e provisioning.Examination) provisioning.Reason {
	if e.Refusal == nil {
		return ""
	}
	return e.Refusal.Reason
}

func show(e provisioning.Examination) string {
	var b strings.Builder
	for _, c := range e.Checks {
		fmt.Fprintf(&b, "%-11s %-10s %s\n", c.ID, c.Verdict, c.Text)
		if c.Fix != "" {
			fmt.Fprintf(&b, "            → %s\n", c.Fix)
		}
	}
	return b.String()
}

// What the doctor says of a link is what a sign-in makes of it: the same
// reason, and for a good one the same changes.
func TestExamineAgreesWithRedeem(t *testing.T) {
	fresh := func(t *testing.T, p *place) {}
	known := func(t *testing.T, p *place) {
		p.enter(t, p.anna(claims{"groups": []string{"staff"}, "credits": []any{grant("o", 1)}, "meta": claims{"plan": "gold"}, "name": "Anna"}))
	}
	cases := []struct {
		name  string
		wish  provisioning.Settings
		given func(t *testing.T, p *place)
		token func(t *testing.T, p *place) string
		want  provisioning.Reason
		fails []string
		fix   string // a part of it
	}{
		{name: "good", token: func(t *testing.T, p *place) string { return p.token(t, p.anna(nil)) }},
		{name: "good, known", given: known, token: func(t *testing.T, p *place) string {
			return p.token(t, p.anna(claims{"groups": []string{}, "name": "Anne"}))
		}},
		{
			name: "too old", token: func(t *testing.T, p *place) string { return p.token(t, p.anna(claims{"iat": p.past(412)})) },
			want: provisioning.TokenTooOld, fails: []string{"iat"},
			fix: "The link was 412 s old when it arrived: sign it when the person clicks, or raise the maximum age above 352 s.",
		},
		{
			name: "milliseconds", token: func(t *testing.T, p *place) string {
				return p.token(t, p.anna(claims{"iat": p.clock.now().UnixMilli()}))
			},
			want: provisioning.ClaimInvalid, fails: []string{"iat"},
			fix: fmt.Sprintf("iat is in milliseconds: divide it by 1000 (%d instead of %d).", epoch.Unix(), epoch.UnixMilli()),
		},
		{
			name: "everything about it", wish: provisioning.Settings{Issuer: pointer("https://one.example")},
			token: func(t *testing.T, p *place) string {
				return p.token(t, p.anna(claims{"exp": p.past(900), "nbf": p.past(-900), "iat": p.past(900), "iss": "x", "aud": "x", "jti": 1, "email": 1, "groups": "a"}))
			},
			want: provisioning.TokenExpired, fails: []string{"exp", "nbf", "iat", "iss", "aud", "jti", "claims"},
			fix: "exp was over 900.0 s before",
		},
		{
			name: "wrong secret, and too old", token: func(t *testing.T, p *place) string {
				return mint(t, p.key.ID, strings.Repeat("x", 40), p.anna(claims{"iat": p.past(412)}))
			},
			want: provisioning.SignatureInvalid, fails: []string{"signature", "iat"}, fix: "Compare the secret at the partner",
		},
		{
			name: "decoded secret", token: func(t *testing.T, p *place) string {
				return mint(t, p.key.ID, decoded(t, p.Secret), p.anna(nil))
			},
			want: provisioning.SignatureInvalid, fails: []string{"signature"}, fix: "Use the secret's characters as they are",
		},
		{
			name: "cut off", token: func(t *testing.T, p *place) string {
				token := p.token(t, p.anna(claims{"iat": p.past(412)}))
				return token[:strings.LastIndexByte(token, '.')]
			},
			want: provisioning.TokenMalformed, fails: []string{"form", "iat"}, fix: "this one has 2",
		},
		{
			name: "padded", token: func(t *testing.T, p *place) string { return p.token(t, p.anna(nil)) + "=" },
			want: provisioning.TokenMalformed, fails: []string{"form"}, fix: "Take the padding (=) away",
		},
		{
			name: "used", given: func(t *testing.T, p *place) { p.enter(t, p.anna(claims{"jti": "j1"})) },
			token: func(t *testing.T, p *place) string { return p.token(t, p.anna(claims{"jti": "j1"})) },
			want:  provisioning.TokenReplayed, fails: []string{"replay"}, fix: "Sign a new link for every click",
		},
		{
			name: "disabled", given: func(t *testing.T, p *place) { p.disable(t, p.enter(t, p.anna(nil)).UserID) },
			token: func(t *testing.T, p *place) string { return p.token(t, p.anna(nil)) },
			want:  provisioning.UserDisabled, fails: []string{"status"}, fix: "Enable the user",
		},
		{
			name: "disabled, and used", given: func(t *testing.T, p *place) { p.disable(t, p.enter(t, p.anna(claims{"jti": "j1"})).UserID) },
			token: func(t *testing.T, p *place) string { return p.token(t, p.anna(claims{"jti": "j1"})) },
			want:  provisioning.UserDisabled, fails: []string{"status", "replay"}, fix: "Enable the user",
		},
		{
			name: "erased", given: func(t *testing.T, p *place) {
				if err := p.svc.Erase(t.Context(), p.tenant, p.enter(t, p.anna(nil)).UserID, byAPI); err != nil {
					t.Fatal(err)
				}
			},
			token: func(t *testing.T, p *place) string { return p.token(t, p.anna(nil)) },
			want:  provisioning.UserDisabled, fails: []string{"status"}, fix: "Enable the erased user",
		},
		{
			name: "unknown, no auto-create", wish: provisioning.Settings{AutoCreate: pointer(false)},
			token: func(t *testing.T, p *place) string { return p.token(t, p.anna(nil)) },
			want:  provisioning.UserUnknown, fails: []string{"user"}, fix: "Switch on auto-create",
		},
		{
			name: "another sub", given: known,
			token: func(t *testing.T, p *place) string { return p.token(t, p.anna(claims{"sub": "anna-2"})) },
			want:  provisioning.SubjectConflict, fails: []string{"user"}, fix: `came with another one before ("anna-1")`,
		},
		{
			name: "e-mail of another integration's user", given: func(t *testing.T, p *place) {
				other := p.install(t, provisioning.Settings{})
				other.enter(t, other.anna(claims{"sub": "elsewhere"}))
			},
			token: func(t *testing.T, p *place) string { return p.token(t, p.anna(nil)) },
			want:  provisioning.EmailInUse, fails: []string{"user"}, fix: "Set the link policy to trusted",
		},
		{
			name: "unknown groups", wish: provisioning.Settings{UnknownGroups: pointer(store.UnknownRefuse)},
			token: func(t *testing.T, p *place) string { return p.token(t, p.anna(claims{"groups": []string{"nope"}})) },
			want:  provisioning.ClaimInvalid, fails: []string{"changes"}, fix: "Add these groups",
		},
		{
			name: "no nonce", wish: provisioning.Settings{RequireNonce: pointer(true), SignInURL: pointer("https://lumen.example/in")},
			token: func(t *testing.T, p *place) string { return p.token(t, p.anna(nil)) },
			want:  provisioning.ClaimMissing, fails: []string{"nonce"}, fix: "Start at /auth/start",
		},
		{
			name: "retired key", given: func(t *testing.T, p *place) {
				if _, _, err := p.svc.AddKey(t.Context(), p.tenant, p.ID, provisioning.NewKey{}, byAPI); err != nil {
					t.Fatal(err)
				}
				if _, err := p.svc.RetireKey(t.Context(), p.tenant, p.ID, p.key.ID, time.Time{}, byAPI); err != nil {
					t.Fatal(err)
				}
			},
			token: func(t *testing.T, p *place) string { return p.token(t, p.anna(nil)) },
			want:  provisioning.KeyRetired, fails: []string{"key"}, fix: "Have the partner sign with a live key (key_",
		},
		{
			name: "removed", given: func(t *testing.T, p *place) {
				if err := p.svc.Remove(t.Context(), p.tenant, p.ID, byAPI); err != nil {
					t.Fatal(err)
				}
			},
			token: func(t *testing.T, p *place) string { return p.token(t, p.anna(nil)) },
			want:  provisioning.IntegrationRemoved, fails: []string{"integration"}, fix: "Install the integration again",
		},
		{
			name: "no integration", given: func(t *testing.T, p *place) { p.install(t, provisioning.Settings{}) },
			token: func(t *testing.T, p *place) string { return mint(t, "theirs", p.Secret, p.anna(nil)) },
			want:  provisioning.IntegrationUnknown, fails: []string{"integration"}, fix: "as kid",
		},
		{
			name: "not a token", token: func(*testing.T, *place) string { return "hello" },
			want: provisioning.TokenMalformed, fails: []string{"form", "integration"}, fix: "check that the link is whole",
		},
		{
			name: "alg none", token: func(t *testing.T, p *place) string {
				parts := strings.Split(p.token(t, p.anna(nil)), ".")
				return "eyJhbGciOiJub25lIn0." + parts[1] + "."
			},
			want: provisioning.AlgNotAllowed, fails: []string{"algorithm"}, fix: "Sign with one of HS256",
		},
	}
	scenarios := []scenario{}
	for _, test := range cases {
		if test.given == nil {
			test.given = fresh
		}
		scenarios = append(scenarios, scenario{test.name, test.wish, func(t *testing.T, p *place) {
			test.given(t, p)
			p.mirror(t)
			token := test.token(t, p)
			got := p.examine(t, token)
			if len(got.Checks) == 0 || reasonOf(got) != test.want || !cmp.Equal(verdicts(got), test.fails) && !(test.name == "not a token" && len(verdicts(got)) > 0) {
				t.Fatalf("got %q, failed %q, want %q, failed %q:\n%s", reasonOf(got), verdicts(got), test.want, test.fails, show(got))
			}
			if !strings.Contains(got.Fix(), test.fix) {
				t.Errorf("fix: got %q, want %q", got.Fix(), test.fix)
			}
			for _, c := range got.Checks {
				if c.Text == "" || c.Label == "" || c.ID == "" || c.Verdict == provisioning.Failed && c.Fix == "" {
					t.Errorf("got check %+v, want one with words", c)
				}
				if sig := token[strings.LastIndexByte(token, '.')+1:]; len(sig) > 20 && strings.Contains(c.Text+c.Fix, sig) {
					t.Errorf("got the signature in %q", c.Text)
				}
			}
			signIn, err := p.svc.Redeem(t.Context(), p.arrive(token))
			var refusal *provisioning.Refusal
			if errors.As(err, &refusal) != (test.want != "") || test.want != "" && refusal.Reason != test.want {
				t.Fatalf("Redeem: got error %v, want %q, as the doctor says", err, test.want)
			}
			if test.want != "" {
				return
			}
			f := got.Forecast
			if f.Created != signIn.Created || f.Changes() != signIn.Changed || !f.Created && f.UserID != signIn.UserID {
				t.Errorf("forecast: got %+v, want what the sign-in did: %+v", f, signIn)
			}
			again := p.examine(t, token)
			if again.Forecast == nil || !again.Forecast.Unchanged || again.Forecast.Changes() {
				t.Errorf("after the sign-in: got forecast %+v, want nothing to change", again.Forecast)
			}
		}})
	}
	play(t, scenarios)
}

// past is a time so many seconds ago, as a claim.
func (p *partner) past(seconds int64) int64 { return p.clock.now().Unix() - seconds }

// decoded is a secret as a partner misreads it that takes it for base64.
func decoded(t testing.TB, secret string) string {
	t.Helper()
	key, err := base64.RawURLEncoding.DecodeString(secret)
	if err != nil {
		t.Fatalf("secret: %v", err)
	}
	return string(key)
}

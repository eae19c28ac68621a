package provisioning_test

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
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

// verdicts are the ids of the checks that failed.
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

// linesOf is a forecast in lines, as the page would show it.
func linesOf(f *provisioning.Forecast) []string {
	if f == nil {
		return nil
	}
	lines := []string{string(f.Match)}
	for _, mark := range []struct {
		name string
		is   bool
	}{{"created", f.Created}, {"unchanged", f.Unchanged}, {"stale", f.Stale}, {"onboarding", f.Onboarding}} {
		if mark.is {
			lines[0] += " " + mark.name
		}
	}
	for _, c := range f.Fields {
		lines = append(lines, fmt.Sprintf("%s: %q → %q", c.Name, c.From, c.To))
	}
	for _, c := range f.Meta {
		lines = append(lines, fmt.Sprintf("meta %s: %s → %s", c.Name, c.From, c.To))
	}
	for _, g := range f.Groups {
		lines = append(lines, fmt.Sprintf("group %s added %t new %t otherwise %t", g.ID, g.Added, g.New, g.Otherwise))
	}
	for _, g := range f.Credits {
		lines = append(lines, fmt.Sprintf("credit %s/%d added %t parked %t", g.OrderID, g.ID, g.Added, g.Parked))
	}
	return lines
}

// TestForecast holds what is foretold against the identity table and against
// what a sign-in then does.
func TestForecast(t *testing.T) {
	cases := []struct {
		name  string
		wish  provisioning.Settings
		given func(t *testing.T, p *place)
		c     claims
		want  []string
	}{
		{
			name: "new", wish: provisioning.Settings{UnknownGroups: pointer(store.UnknownCreate)},
			c: claims{"groups": []string{"staff", "fresh"}, "credits": []any{grant("o", 1), grant("o", 9)}, "meta": claims{"plan": "gold"}, "name": "Anna"},
			want: []string{
				"new created", `email: "" → "anna@example.com"`, `name: "" → "Anna"`, `meta plan:  → "gold"`,
				"group fresh added true new true otherwise false", "group staff added true new false otherwise false",
				"credit o/1 added true parked false", "credit o/9 added true parked true",
			},
		},
		{name: "onboarding", c: claims{"onboard": true}, want: []string{"new created onboarding", `email: "" → "anna@example.com"`}},
		{
			name: "known by sub", given: func(t *testing.T, p *place) {
				p.enter(t, p.anna(claims{"groups": []string{"staff", "readers"}, "credits": []any{grant("o", 1), grant("o", 2)}, "meta": claims{"plan": "gold", "seats": 3}, "name": "Anna"}))
			},
			c: claims{"email": "anne@example.com", "groups": []string{"admins", "staff"}, "credits": []any{grant("o", 2), grant("o", 3)}, "meta": claims{"plan": nil, "seats": 4, "more": []int{1}}, "name": "", "email_verified": true},
			want: []string{
				"subject", `email: "anna@example.com" → "anne@example.com"`, `email_verified: "" → "true"`, `name: "Anna" → ""`,
				"meta more:  → [1]", `meta plan: "gold" → `, "meta seats: 3 → 4",
				"group readers added false new false otherwise false", "group admins added true new false otherwise false",
				"credit o/1 added false parked false", "credit o/3 added true parked false",
			},
		},
		{
			name: "known by e-mail", given: func(t *testing.T, p *place) { p.enter(t, p.anna(claims{"sub": nil})) },
			c: claims{"sub": nil, "name": "Anna"}, want: []string{"email", `name: "" → "Anna"`},
		},
		{
			name: "sub attached", given: func(t *testing.T, p *place) { p.enter(t, p.anna(claims{"sub": nil})) },
			c: claims{"name": "Anna"}, want: []string{"attached", `name: "" → "Anna"`},
		},
		{
			name: "linked", given: func(t *testing.T, p *place) { p.bareUser(t, "Anna@example.com") },
			c: claims{}, want: []string{"linked", `email: "Anna@example.com" → "anna@example.com"`},
		},
		{
			name: "trusted", wish: provisioning.Settings{LinkPolicy: pointer(store.LinkTrusted)},
			given: func(t *testing.T, p *place) {
				other := p.install(t, provisioning.Settings{})
				other.enter(t, other.anna(claims{"sub": "elsewhere", "groups": []string{"staff"}}))
			},
			c: claims{"groups": []string{"staff"}}, want: []string{"trusted", "group staff added true new false otherwise true"},
		},
		{
			name: "stale", given: func(t *testing.T, p *place) { p.enter(t, p.anna(claims{"name": "Anna"})) },
			c: claims{"iat": epoch.Unix() - 60, "name": "Older"}, want: []string{"subject stale"},
		},
		{
			name: "unchanged", given: func(t *testing.T, p *place) { p.enter(t, p.anna(claims{"name": "Anna", "iat": epoch.Unix() - 9})) },
			c: claims{"name": "Anna"}, want: []string{"subject unchanged"},
		},
	}
	scenarios := []scenario{}
	for _, test := range cases {
		scenarios = append(scenarios, scenario{test.name, test.wish, func(t *testing.T, p *place) {
			if test.given != nil {
				test.given(t, p)
			}
			p.mirror(t)
			token := p.token(t, p.anna(test.c))
			got := p.examine(t, "https://usher.example/auth/callback/jwt-auth?token="+token+"&go=/courses")
			wantSame(t, "forecast", linesOf(got.Forecast), test.want)
			if got.Target.Location() != "/courses" || len(got.Notes) != 0 || got.KeyID != p.key.ID || got.Integration == nil || got.Integration.ID != p.ID {
				t.Errorf("got target %q, notes %q, key %q, want /courses, none, %q", got.Target.Location(), got.Notes, got.KeyID, p.key.ID)
			}
			signIn, err := p.svc.Redeem(t.Context(), p.arrive(token))
			if err != nil {
				t.Fatal(err)
			}
			f := got.Forecast
			added, removed, granted, revoked := 0, 0, 0, 0
			for _, g := range f.Groups {
				if g.Added {
					added++
				} else {
					removed++
				}
			}
			for _, g := range f.Credits {
				if g.Added {
					granted++
				} else {
					revoked++
				}
			}
			wantSame(t, "what was foretold of memberships and credits",
				[]int{added, removed, granted, revoked}, []int{signIn.Added, signIn.Removed, signIn.Granted, signIn.Revoked})
			if f.Created != signIn.Created || f.Onboarding != signIn.Onboarding {
				t.Errorf("got %+v, want what the sign-in did: %+v", f, signIn)
			}
			codes := func(warnings []provisioning.Warning) (codes []string) {
				for _, w := range warnings {
					codes = append(codes, w.Code)
				}
				return codes
			}
			wantSame(t, "warnings", codes(got.Warnings), codes(signIn.Warnings))
		}})
	}
	play(t, scenarios)
}

// TestExamineRecord opens entries of the sign-in log, of which no signature is
// kept.
func TestExamineRecord(t *testing.T) {
	play(t, []scenario{{"entries", provisioning.Settings{}, func(t *testing.T, p *place) {
		user := p.enter(t, p.anna(claims{"jti": "used"})).UserID
		p.mirror(t)
		payload := func(c claims) string {
			text, err := json.Marshal(p.anna(c))
			if err != nil {
				t.Fatal(err)
			}
			return string(text)
		}
		header := `{"alg":"HS256","kid":"` + p.key.ID + `"}`
		record := func(r provisioning.SignInRecord) provisioning.SignInRecord {
			r.TenantID, r.At, r.Door = p.tenant.ID, p.clock.now().Add(-time.Hour), store.DoorGet
			if r.Outcome == "" {
				r.Outcome = store.Refused
			}
			return r
		}
		then := p.clock.now().Add(-time.Hour).Unix()
		for _, test := range []struct {
			name        string
			record      provisioning.SignInRecord
			reason      provisioning.Reason
			failed      []string
			fix         string
			hasForecast bool
		}{
			{
				"signed in", provisioning.SignInRecord{
					Outcome: store.SignedIn, IntegrationID: p.ID, KeyID: p.key.ID, Header: header, UserID: user,
					Payload: payload(claims{"iat": then, "jti": "used"}),
				}, "", nil, "", true,
			},
			{
				"too old", provisioning.SignInRecord{
					Reason: "token_too_old", Detail: "age 412.0 s, maximum 180.0 s, tolerance 60.0 s", IntegrationID: p.ID, KeyID: p.key.ID, Header: header,
					Payload: payload(claims{"iat": then - 412}),
				}, provisioning.TokenTooOld, []string{"iat"}, "The link was 412 s old", true,
			},
			{
				"a slip", provisioning.SignInRecord{
					Reason: "signature_invalid", Detail: "signed with the base64-decoded secret (key " + p.key.ID + "); the secret's characters themselves are the key",
					IntegrationID: p.ID, Header: header, Payload: payload(claims{"iat": then}),
				}, provisioning.SignatureInvalid, []string{"signature"}, "Use the secret's characters as they are", true,
			},
			{
				"used", provisioning.SignInRecord{
					Reason: "token_replayed", IntegrationID: p.ID, KeyID: p.key.ID, Header: header, Payload: payload(claims{"iat": then, "jti": "used"}),
				}, provisioning.TokenReplayed, []string{"replay"}, "Sign a new link", true,
			},
			{
				"retired", provisioning.SignInRecord{
					Reason: "key_retired", Detail: "key x is retired", IntegrationID: p.ID, KeyID: "x", Header: header, Payload: payload(claims{"iat": then}),
				}, provisioning.KeyRetired, []string{"key"}, "Have the partner sign with a live key (" + p.key.ID + ")", true,
			},
			{
				"algorithm", provisioning.SignInRecord{
					Reason: "alg_not_allowed", Detail: "the header's alg is none of HS256", Header: `{"alg":"none"}`, Payload: payload(claims{"iat": then}),
				}, provisioning.AlgNotAllowed, []string{"algorithm"}, "Sign with one of", true,
			},
			{
				"nothing kept",
				provisioning.SignInRecord{Reason: "token_malformed", Detail: "not three parts between dots"},
				provisioning.TokenMalformed,
				[]string{"form"},
				"check that the link is whole", false,
			},
			{
				"erased",
				provisioning.SignInRecord{Reason: "token_expired", Detail: "exp was 90.0 s ago, tolerance 60.0 s", IntegrationID: p.ID, KeyID: p.key.ID},
				provisioning.TokenExpired,
				[]string{"exp"},
				"sign", false,
			},
			{
				"mended since", provisioning.SignInRecord{
					Reason: "user_unknown", IntegrationID: p.ID, KeyID: p.key.ID, Header: header, Payload: payload(claims{"iat": then}),
				}, "", nil, "", true,
			},
		} {
			r := record(test.record)
			got := p.examineAt(t, provisioning.Specimen{Record: &r})
			if reasonOf(got) != test.reason || !cmp.Equal(verdicts(got), test.failed) || (got.Forecast != nil) != test.hasForecast ||
				string(got.Recorded) != test.record.Reason || !strings.Contains(got.Fix(), test.fix) || !got.At.Equal(r.At) {
				t.Errorf("%s: got %q, failed %q, forecast %t, recorded %q, fix %q, want %q, %q, %t:\n%s", test.name, reasonOf(got), verdicts(got),
					got.Forecast != nil, got.Recorded, got.Fix(), test.reason, test.failed, test.hasForecast, show(got))
			}
			for _, c := range got.Checks {
				if c.Text == "" {
					t.Errorf("%s: check %s says nothing", test.name, c.ID)
				}
			}
		}

		// One whose integration was removed since would meet another end now.
		if err := p.svc.Remove(t.Context(), p.tenant, p.ID, byAPI); err != nil {
			t.Fatal(err)
		}
		r := record(provisioning.SignInRecord{Outcome: store.SignedIn, IntegrationID: p.ID, KeyID: p.key.ID, Header: header, Payload: payload(claims{"iat": then})})
		if got := p.examineAt(t, provisioning.Specimen{Record: &r}); reasonOf(got) != provisioning.IntegrationRemoved || got.Forecast != nil {
			t.Errorf("removed since: got %q, want %q:\n%s", reasonOf(got), provisioning.IntegrationRemoved, show(got))
		}
	}}})
}

func TestExamineRefusesLongTexts(t *testing.T) {
	eachPlace(t, provisioning.Settings{}, func(t *testing.T, p *place) {
		_, err := p.svc.Examine(t.Context(), provisioning.Specimen{Tenant: p.tenant, Text: strings.Repeat("x", provisioning.MaxSpecimenBytes+1)})
		var invalid *provisioning.Invalid
		if !errors.As(err, &invalid) || invalid.Field != "specimen" {
			t.Errorf("got error %v, want an Invalid for specimen", err)
		}
	})
}

// The doctor knows what the drift guard would do, and does not count for it.
func TestForecastUnderTheDriftGuard(t *testing.T) {
	eachPlace(t, guarded(2), func(t *testing.T, p *place) {
		p.crowd(t, 5)
		for i := range 4 {
			c := claims{"sub": fmt.Sprint(i), "email": fmt.Sprintf("m%d@example.com", i), "iat": p.clock.now().Unix(), "groups": []string{}}
			for range 3 {
				got := p.examine(t, p.token(t, c))
				codes := []string{}
				for _, w := range got.Warnings {
					codes = append(codes, w.Code)
				}
				if hold := i >= 2; len(got.Forecast.Groups) == 0 != hold || slices.Contains(codes, "removals_held") != hold {
					t.Errorf("person %d: got groups %+v, warnings %q, want them held %v", i, got.Forecast.Groups, codes, hold)
				}
			}
			if signIn := p.enter(t, c); held(signIn) != (i >= 2) {
				t.Errorf("person %d: got held %v, want %v", i, held(signIn), i >= 2)
			}
		}
	})
}

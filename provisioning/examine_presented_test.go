package provisioning_test

import (
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"usher/provisioning"
	"usher/sql/store"
)

// embedAddress is where a partner's page frames a resource.
func embedAddress(appID, token string) string {
	return "https://usher.example/embed/vote-widget/57cc26?" + url.Values{"appId": {appID}, "user": {token}}.Encode()
}

// What the doctor says of an embed's address, and of a token as it stands beside
// an API call, is what presenting it makes of it.
func TestExamineAgreesWithPresent(t *testing.T) {
	known := func(t *testing.T, p *place) {
		p.view(t, p.shown(claims{"iat": p.ago(5000), "groups": []string{"staff"}}))
	}
	var scenarios []scenario
	for _, test := range []struct {
		name   string
		wish   provisioning.Settings
		given  func(t *testing.T, p *place)
		claims func(p *place) claims
		want   provisioning.Reason
		fails  string
		fix    string // a part of it
		stale  bool
	}{
		{name: "new", claims: func(p *place) claims { return p.shown(nil) }},
		{name: "known", given: known, claims: func(p *place) claims { return p.shown(claims{"groups": []string{}, "name": "Anne"}) }},
		{name: "older", given: known, claims: func(p *place) claims { return p.shown(claims{"iat": p.ago(6000)}) }, stale: true},
		{name: "as old", given: known, claims: func(p *place) claims { return p.shown(claims{"iat": p.ago(5000)}) }, stale: true},
		{
			name: "too old to tell", given: func(t *testing.T, p *place) { p.enter(t, p.anna(nil)) },
			claims: func(p *place) claims { return p.shown(claims{"iat": p.past(600)}) }, stale: true,
		},
		{
			name: "stale, and it names what is unknown", wish: provisioning.Settings{UnknownGroups: pointer(store.UnknownRefuse)}, given: known,
			claims: func(p *place) claims { return p.shown(claims{"iat": p.ago(6000), "groups": []string{"nobody"}}) }, stale: true,
		},
		{name: "half an hour old", claims: func(p *place) claims { return p.shown(claims{"iat": p.past(1800)}) }},
		{
			name: "two hours old", claims: func(p *place) claims { return p.shown(claims{"iat": p.past(7200)}) },
			want: provisioning.TokenTooOld, fails: "iat", fix: "The token was 7200 s old when it was presented, and may be 3600 s",
		},
		{
			name: "no iss", claims: func(p *place) claims { return p.shown(claims{"iss": nil}) },
			want: provisioning.IssuerMismatch, fails: "iss", fix: "as iss, and the same beside the token",
		},
		{
			name: "nobody named", claims: func(p *place) claims { return p.shown(claims{"sub": nil}) },
			want: provisioning.ClaimMissing, fails: "claims", fix: "Send the claim sub",
		},
		{
			name: "rights as a text", claims: func(p *place) claims { return p.shown(claims{"authorizedVotes": "v1"}) },
			want: provisioning.ClaimInvalid, fails: "claims", fix: "Send authorizedVotes as an array",
		},
		{
			name: "nobody is created", wish: provisioning.Settings{AutoCreate: pointer(false)}, claims: func(p *place) claims { return p.shown(nil) },
			want: provisioning.UserUnknown, fails: "user", fix: "Switch on auto-create",
		},
	} {
		scenarios = append(scenarios, scenario{name: test.name, wish: test.wish, run: func(t *testing.T, p *place) {
			if test.given != nil {
				test.given(t, p)
			}
			token := p.token(t, test.claims(p))
			for door, text := range map[string]string{
				provisioning.DoorEmbed: embedAddress(p.AppID, token), provisioning.DoorHeader: "Authorization: JWT " + token,
			} {
				got := p.examine(t, text)
				if got.Door != door || !got.Presented() || reasonOf(got) != test.want || strings.Join(verdicts(got), " ") != test.fails || !strings.Contains(got.Fix(), test.fix) {
					t.Fatalf("%s: got door %q, %q, fix %q and\n%swant %q, fix %q", door, got.Door, reasonOf(got), got.Fix(), show(got), test.want, test.fix)
				}
				if test.want == "" && got.Forecast.Stale != test.stale {
					t.Errorf("%s: got forecast %+v, want stale %t", door, got.Forecast, test.stale)
				}
			}
			forecast := p.examine(t, embedAddress(p.AppID, token)).Forecast
			signIn, err := p.svc.Present(t.Context(), p.arrive(token))
			if test.want != "" {
				wantRefused(t, err, test.want)
				return
			}
			if err != nil {
				t.Fatalf("Present: got error %v, want none, as the doctor says", err)
			}
			if forecast.Created != signIn.Created || forecast.Changes() != signIn.Changed || slices.Contains(warnings(signIn), "token_stale") != test.stale {
				t.Errorf("forecast: got %+v, want what presenting it did: %+v", forecast, signIn)
			}
			if again := p.examine(t, embedAddress(p.AppID, token)).Forecast; again == nil || again.Changes() || !again.Unchanged && !again.Stale {
				t.Errorf("afterwards: got forecast %+v, want nothing to change", again)
			}
		}})
	}
	play(t, scenarios)
}

// TestExamineOfAnotherDoor: a token that is good in an embed is none for a link,
// and the examination says by which rules it went.
func TestExamineOfAnotherDoor(t *testing.T) {
	eachPlace(t, provisioning.Settings{}, func(t *testing.T, p *place) {
		token := p.token(t, p.shown(claims{"jti": "1"}))
		for text, want := range map[string]struct {
			door   string
			reason provisioning.Reason
		}{
			token: {provisioning.DoorPost, provisioning.ClaimInvalid}, // its e-mail is empty
			"https://usher.example/auth/callback/jwt-auth?token=" + token: {provisioning.DoorGet, provisioning.ClaimInvalid},
			embedAddress(p.AppID, token):                                  {provisioning.DoorEmbed, ""},
			"?user=" + token:                                              {provisioning.DoorEmbed, ""},
			embedAddress("x", token):                                      {provisioning.DoorEmbed, provisioning.IssuerMismatch},
			embedAddress(p.AppID, token) + "&user=" + token:               {provisioning.DoorEmbed, provisioning.TokenMalformed},
			embedAddress(p.AppID, ""):                                     {provisioning.DoorEmbed, provisioning.TokenMissing},
			"JWT " + token:                                                {provisioning.DoorHeader, ""},
		} {
			if got := p.examine(t, text); got.Door != want.door || reasonOf(got) != want.reason {
				t.Errorf("%s: got door %q and %q, want %q and %q\n%s", text, got.Door, reasonOf(got), want.door, want.reason, show(got))
			}
		}
	})
}

// TestExamineRecordOfAView goes by the door that the log has.
func TestExamineRecordOfAView(t *testing.T) {
	eachPlace(t, provisioning.Settings{}, func(t *testing.T, p *place) {
		stop := running(p.svc)
		p.shownAt(t, p.svc, provisioning.DoorEmbed, "good", p.shown(claims{"iat": p.past(1800)}))
		p.shownAt(t, p.svc, provisioning.DoorHeader, "bad", p.shown(claims{"iss": nil}))
		stop()
		p.clock.advance(time.Hour)
		for reference, want := range map[string]struct {
			door   string
			reason provisioning.Reason
		}{"good": {provisioning.DoorEmbed, ""}, "bad": {provisioning.DoorHeader, provisioning.IssuerMismatch}} {
			record, err := p.svc.SignInByReference(t.Context(), p.tenant, reference)
			if err != nil {
				t.Fatal(err)
			}
			got := p.examineAt(t, provisioning.Specimen{Record: &record})
			if got.Door != want.door || reasonOf(got) != want.reason {
				t.Errorf("%s: got door %q and %q, want %q and %q\n%s", reference, got.Door, reasonOf(got), want.door, want.reason, show(got))
			}
			for _, c := range provisioning.ChecksOf(record) {
				if c.ID == "replay" && c.Verdict == provisioning.Passed {
					t.Errorf("%s: got the check replay passed, want nothing to check", reference)
				}
			}
		}
	})
}

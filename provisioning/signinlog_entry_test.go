package provisioning

import (
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"usher/sql/store"
)

// TestHoldsToken finds tokens of any kind, and nothing else.
func TestHoldsToken(t *testing.T) {
	t.Parallel()
	good := goodToken()
	for text, want := range map[string]bool{
		good: true, "x " + good + " y": true, "https://a.example/?token=" + good + "&go=/": true, `{"go":"/?t=` + good + `"}`: true,
		good[:strings.LastIndexByte(good, '.')+1]: true, // without its signature
		good[:strings.LastIndexByte(good, '.')]:   false,
		"":                                        false, "eyJ": false, "eyJ.eyJ": false, "eyJ.eyJ.": true, "eyJeyJ.eyJ.": true, "eyJa b.eyJc.": false, "www.eye.example": false,
		`{"email":"anna@example.com"}`: false,
	} {
		if got := holdsToken(text); got != want {
			t.Errorf("%q: got %v, want %v", text, got, want)
		}
	}
}

// TestFit cuts between characters.
func TestFit(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		text string
		n    int
		want string
	}{
		{"abc", 3, "abc"},
		{"abcd", 3, "abc"},
		{"aää", 4, "aä"},
		{"aä", 2, "a"},
		{"ä", 1, ""},
		{"a\x00b", 9, "ab"},
		{"a\xffb", 9, "ab"},
		{"\x80\x80\x80", 2, ""},
	} {
		if got := fit(test.text, test.n); got != test.want {
			t.Errorf("fit(%q, %d): got %q, want %q", test.text, test.n, got, test.want)
		}
	}
}

// TestRefusalLimit lets a burst through, then its rate, and one integration
// cannot use up another's.
func TestRefusalLimit(t *testing.T) {
	t.Parallel()
	limit, now := newRefusalLimit(), testNow
	taken := func(tenant, integration string, n int) int {
		got := 0
		for range n {
			if limit.take(tenant, integration, now) {
				got++
			}
		}
		return got
	}
	for _, test := range []struct {
		name, tenant, integration string
		later                     time.Duration
		want                      int
	}{
		{"the burst", "t", "a", 0, refusalBurst},
		{"nothing more", "t", "a", 0, 0},
		{"a second later", "t", "a", time.Second, refusalRate},
		{"a clock that goes back", "t", "a", -time.Minute, 0},
		{"another integration", "t", "b", 2 * time.Minute, refusalBurst},
		{"a third one", "t", "c", 0, refusalBurst},
		{"the tenant's share", "t", "d", 0, refusalBurstAll - 2*refusalBurst},
		{"another tenant", "u", "a", 0, refusalBurst},
	} {
		now = now.Add(test.later)
		if got := taken(test.tenant, test.integration, 1000); got != test.want {
			t.Errorf("%s: got %d, want %d", test.name, got, test.want)
		}
	}
}

// TestChecksOf puts the failing check where it belongs.
func TestChecksOf(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name       string
		record     SignInRecord
		passed     int
		failed     string
		notReached int
	}{
		{"signed in", SignInRecord{Outcome: store.SignedIn}, int(steps), "", 0},
		{"nothing to check", SignInRecord{Outcome: store.SignedIn, Payload: `{"iat":1,"email":"a@example.com"}`}, int(steps) - 6, "", 0},
		{"all to check", SignInRecord{Outcome: store.SignedIn, Payload: `{"iat":1,"exp":2,"nbf":1,"iss":"","aud":[],"jti":"1","nonce":null}`}, int(steps), "", 0},
		{"too old, no exp", SignInRecord{Outcome: store.Refused, Reason: string(TokenTooOld), Payload: `{"iat":1}`}, int(stepIssuedAt) - 2, "iat", int(steps-stepIssuedAt) - 1},
		{"no iat", SignInRecord{Outcome: store.Refused, Reason: string(IatMissing), Payload: `{"exp":1,"nbf":1}`}, int(stepIssuedAt), "iat", int(steps-stepIssuedAt) - 1},
		{"opened again", SignInRecord{Outcome: store.Reopened}, int(steps) - 1, "", 0},
		{"forged", SignInRecord{Outcome: store.Refused, Reason: string(SignatureInvalid)}, int(stepSignature), "signature", int(steps-stepSignature) - 1},
		{"bad iat", SignInRecord{Outcome: store.Refused, Reason: string(ClaimInvalid), Path: "iat"}, int(stepIssuedAt), "iat", int(steps-stepIssuedAt) - 1},
		{"no database", SignInRecord{Outcome: store.Refused, Reason: string(StoreUnavailable)}, 0, "", 0},
		{"many", SignInRecord{Outcome: store.Suppressed, Reason: string(TokenExpired)}, 0, "", 0},
	} {
		passed, failed, notReached := 0, "", 0
		for _, check := range ChecksOf(test.record) {
			switch check.Verdict {
			case Passed:
				passed++
			case Failed:
				failed = check.ID
			case NotReached:
				notReached++
			case Skipped, Withheld:
			}
		}
		if passed != test.passed || failed != test.failed || notReached != test.notReached {
			t.Errorf("%s: got %d passed, %q failed, %d not reached, want %d, %q, %d",
				test.name, passed, failed, notReached, test.passed, test.failed, test.notReached)
		}
	}
}

// FuzzSignInEntry: whatever a token and a browser say, the entry can be stored,
// is bounded, and holds no token.
func FuzzSignInEntry(f *testing.F) {
	f.Add(`{"alg":"HS256"}`, claimsWith(nil), goodToken(), "Mozilla/5.0")
	f.Add(`{}`, `{"email":"\u0000@x","sub":"\ud800","iat":-1e10}`, "a.b.c", "\xff\x00")
	f.Add(`{"kid":7}`, `{"email":7,"sub":12,"iat":99999999999}`, goodToken(), goodToken())
	f.Add("{}", `{"email":"\u0065yJ9.\u0065yJ9.x","sub":"\u0065yJ9.\u0065yJ9.x"}`, goodToken(), "")
	f.Add("", `{"go":"/?token=`+goodToken()+`"}`, goodToken(), "")
	f.Fuzz(func(t *testing.T, header, payload, token, agent string) {
		row := store.SignIn{
			At: testNow, Header: keptJSON(header), Payload: keptJSON(payload), UserAgent: agent, Target: "/x?" + agent, Detail: agent,
		}
		withoutToken(&row, token)
		if err := complete(&row); err != nil {
			t.Fatal(err)
		}
		for name, text := range map[string]string{
			"header": row.Header, "payload": row.Payload, "email": row.Email, "email key": row.EmailKey, "subject": row.Subject,
			"user agent": row.UserAgent, "target": row.Target, "detail": row.Detail,
		} {
			if !utf8.ValidString(text) || strings.ContainsRune(text, 0) || len(text) > maxKeptJSON {
				t.Errorf("%s: got %.100q, want text that a column can hold", name, text)
			}
			if strings.Count(token, ".") == 2 && len(token) > 10 && strings.Contains(text, token) || holdsToken(text) {
				t.Errorf("%s: got a token in it: %.200q", name, text)
			}
		}
		if !store.IsID(row.ID) {
			t.Errorf("got id %q", row.ID)
		}
	})
}

package provisioning

import (
	"strings"
	"testing"
	"unicode/utf8"

	"usher/sql/store"
)

func TestReadPasted(t *testing.T) {
	t.Parallel()
	const token = "aaaa.bbbb.cccc"
	tests := []struct {
		name, text       string
		token, app, goTo string
		host             string
		bare             bool
		notes            int
		want             Reason
		limitOfALink     bool
		door             string // of a token that is presented
	}{
		{name: "token", text: token, token: token, bare: true},
		{name: "link", text: "https://usher.example/auth/callback/jwt-auth?token=" + token + "&go=%2Fx%3Fa%3Db&appId=a1", token: token, app: "a1", goTo: "/x?a=b", host: "usher.example", limitOfALink: true},
		{name: "link with a fragment", text: "https://usher.example/x?token=" + token + "#top", token: token, host: "usher.example", limitOfALink: true},
		{name: "path", text: "/auth/callback/jwt-auth?token=" + token, token: token, limitOfALink: true},
		{name: "query", text: "?token=" + token, token: token, limitOfALink: true},
		{name: "query without its mark", text: "token=" + token + "&go=/x", token: token, goTo: "/x", limitOfALink: true},
		{name: "query, go first", text: "go=/x&token=" + token, token: token, goTo: "/x", limitOfALink: true},
		{name: "spaces around", text: "\n  " + token + "\t\r\n", token: token, bare: true},
		{name: "byte order mark", text: "\ufeff" + token, token: token, bare: true},
		{name: "quotes", text: `"` + token + `"`, token: token, bare: true, notes: 1},
		{name: "quotes in quotes", text: "“'" + token + "'”", token: token, bare: true, notes: 1},
		{name: "angle brackets", text: "<https://usher.example/?token=" + token + ">", token: token, host: "usher.example", notes: 1, limitOfALink: true},
		{name: "Bearer", text: "Bearer " + token, token: token, bare: true, notes: 1},
		{name: "header line", text: "authorization: bearer " + token, token: token, bare: true, notes: 2},
		{name: "JWT", text: "JWT " + token, token: token, bare: true, notes: 1, door: DoorHeader},
		{name: "header line of a call", text: "authorization: jwt " + token, token: token, bare: true, notes: 2, door: DoorHeader},
		{name: "embed", text: "https://usher.example/embed/vote-widget/57cc?appId=a1&user=" + token, token: token, app: "a1", host: "usher.example", door: DoorEmbed},
		{name: "embed, path", text: "/embed/a/b?user=" + token, token: token, door: DoorEmbed},
		{name: "embed, query", text: "appId=a1&user=" + token, token: token, app: "a1", door: DoorEmbed},
		{name: "embed without a token", text: "https://usher.example/embed/a/b", host: "usher.example", want: TokenMissing, door: DoorEmbed},
		{name: "embed, user twice", text: "?user=" + token + "&user=" + token, want: TokenMalformed, door: DoorEmbed},
		{name: "embed, appId twice", text: "?appId=a&appId=b&user=" + token, token: token, want: IntegrationUnknown, door: DoorEmbed},
		{name: "link with a user beside its token", text: "?user=x&token=" + token, token: token, limitOfALink: true},
		{name: "wrapped lines", text: "https://usher.example/?token=aaaa.\r\n bbbb.\r\n cccc", token: token, host: "usher.example", notes: 1, limitOfALink: true},
		{name: "HTML source", text: "https://usher.example/?token=" + token + "&amp;go=/x", token: token, goTo: "/x", host: "usher.example", notes: 1, limitOfALink: true},
		{name: "nothing", text: " \n", bare: true, want: TokenMissing},
		{name: "link without a token", text: "https://usher.example/", host: "usher.example", want: TokenMissing, limitOfALink: true},
		{name: "path without a token", text: "/courses", want: TokenMissing, limitOfALink: true},
		{name: "token twice", text: "?token=" + token + "&token=" + token, want: TokenMalformed, limitOfALink: true},
		{name: "appId twice", text: "?token=" + token + "&appId=a&appId=b", token: token, app: "a", want: IntegrationUnknown, limitOfALink: true},
		{name: "go twice", text: "?token=" + token + "&go=/a&go=/b", token: token, goTo: AmbiguousGo, limitOfALink: true},
		{name: "broken escape", text: "?token=%zz", want: TokenMalformed},
		{name: "too long for a link", text: strings.Repeat("a", MaxTokenInURL+1), token: strings.Repeat("a", MaxTokenInURL+1), bare: true, notes: 1},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			got := readPasted(test.text)
			if got.link.Token != test.token || got.link.AppID != test.app || got.wanted != test.goTo || got.host != test.host || got.bare != test.bare {
				t.Errorf("got token %q, appId %q, go %q, host %q, bare %t, want %q, %q, %q, %q, %t", got.link.Token, got.link.AppID,
					got.wanted, got.host, got.bare, test.token, test.app, test.goTo, test.host, test.bare)
			}
			if reason := reasonOf(t, got.err); reason != test.want || len(got.notes) != test.notes {
				t.Errorf("got %q, notes %q, want %q and %d notes", reason, got.notes, test.want, test.notes)
			}
			limit := 0
			switch {
			case test.door != "":
				limit = MaxTokenInURL
			case test.bare:
				limit = MaxTokenInForm
			case test.limitOfALink:
				limit = MaxTokenInURL
			}
			if presented := test.door != ""; got.link.Presented != presented || presented && got.door != test.door || got.door == "" {
				t.Errorf("got door %q, presented %t; want %q", got.door, got.link.Presented, test.door)
			}
			if got.link.Limit != limit {
				t.Errorf("limit: got %d, want %d", got.link.Limit, limit)
			}
		})
	}
}

func TestLooseParts(t *testing.T) {
	t.Parallel()
	const header, payload = `{"alg":"HS256"}`, `{"sub":"ü?>"}`
	good := hs256(testSecret, header, payload)
	parts := strings.Split(good, ".")
	padded := func(part string) string { return part + strings.Repeat("=", (4-len(part)%4)%4) }
	standard := strings.NewReplacer("-", "+", "_", "/")
	for name, test := range map[string]struct{ token, header, payload string }{
		"good":                {good, header, payload},
		"without a signature": {parts[0] + "." + parts[1], header, payload},
		"padded":              {padded(parts[0]) + "." + padded(parts[1]) + ".x", header, payload},
		"standard alphabet":   {parts[0] + "." + standard.Replace(parts[1]) + ".", header, payload},
		"header alone":        {parts[0], header, ""},
		"cut off":             {parts[0] + "." + parts[1][:5], header, `{"s`},
		"no base64":           {"!!!.???", "", ""},
		"not UTF-8":           {b64([]byte("\xff\xfe{")) + ".e30", "\ufffd{", "{}"},
		"nothing":             {"", "", ""},
	} {
		if header, payload := looseParts(test.token); header != test.header || payload != test.payload {
			t.Errorf("%s: got %q and %q, want %q and %q", name, header, payload, test.header, test.payload)
		}
	}
}

// Every reason of a check leads back to that check, so that the sign-in log's
// entries are told as the attempts were.
func TestStepOf(t *testing.T) {
	t.Parallel()
	policy := oneIntegration()[0]
	policy.Issuer = "https://one.example"
	ring := newTestRing(t, nil)
	for st, link := range map[step]Link{
		stepSent:        {},
		stepSize:        {Token: goodToken(), Limit: 1},
		stepForm:        linkOf("a.b"),
		stepHeader:      linkOf(hs256(testSecret, `{"alg":"HS256","typ":"x"}`, "{}")),
		stepAlgorithm:   linkOf(hs256(testSecret, `{"alg":"none"}`, "{}")),
		stepIntegration: linkOf(goodToken()),
	} {
		_, err := Verify(ring, link, testNow)
		if got := stepOf(pointerTo(refusalOf(t, err))); got != st {
			t.Errorf("%v: got step %s, want %s", err, stepNames[got].id, stepNames[st].id)
		}
	}
	full := newTestRing(t, []store.Integration{policy}, testKeys("HS256")...)
	for st, token := range map[step]string{
		stepHeader:    hs256(testSecret, `{`, claimsWith(nil)),
		stepKey:       signedAs("RS256", testSecret, claimsWith(nil)),
		stepSignature: hs256(testOtherSecret, goodHeader, claimsWith(nil)),
		stepPayload:   hs256(testSecret, goodHeader, `{"a":1,"a":1}`),
		stepExpiry:    hs256(testSecret, goodHeader, claimsWith(map[string]any{"exp": 1})),
		stepNotBefore: hs256(testSecret, goodHeader, claimsWith(map[string]any{"nbf": true})),
		stepIssuedAt:  hs256(testSecret, goodHeader, claimsWith(map[string]any{"iat": nil})),
		stepIssuer:    hs256(testSecret, goodHeader, claimsWith(nil)),
		stepAudience:  hs256(testSecret, goodHeader, claimsWith(map[string]any{"iss": testAppID, "aud": []any{1}})),
		stepTokenID:   hs256(testSecret, goodHeader, claimsWith(map[string]any{"iss": testAppID, "jti": 1})),
		stepClaims:    hs256(testSecret, goodHeader, claimsWith(map[string]any{"iss": testAppID, "groups": []any{true}})),
	} {
		_, err := Verify(full, linkOf(token), testNow)
		if got := stepOf(pointerTo(refusalOf(t, err))); got != st {
			t.Errorf("%v: got step %s, want %s", err, stepNames[got].id, stepNames[st].id)
		}
	}
	for st := range steps {
		if stepNames[st].id == "" || stepNames[st].label == "" {
			t.Errorf("step %d has no name", st)
		}
	}
}

func pointerTo(r Refusal) *Refusal { return &r }

func FuzzReadPasted(f *testing.F) {
	for _, seed := range []string{
		goodToken(), "https://usher.example/auth/callback/jwt-auth?token=" + goodToken() + "&amp;go=/x", `“Bearer "a.b.c"”`,
		"?token=a&token=b", "go=%zz", "<<<((('\"", "Authorization: JWT JWT ", "/embed/a/b?appId=x&user=" + goodToken(), "JWT " + goodToken(), "&user=", "://?#&token=", "\ufeff \u2028",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		got := readPasted(text)
		if got.err == nil && got.link.Token == "" {
			t.Errorf("%q: got no token and no reason", text)
		}
		if got.err != nil {
			refusalOf(t, got.err)
		}
		// What is understood is understood again.
		if again := readPasted(got.link.Token); got.bare && again.bare && again.link.Token != got.link.Token {
			t.Errorf("%q: got %q, and of that %q", text, got.link.Token, again.link.Token)
		}
		for _, note := range got.notes {
			if !utf8.ValidString(note) {
				t.Errorf("%q: got note %q, want valid UTF-8", text, note)
			}
		}
		header, payload := looseParts(got.link.Token)
		if !utf8.ValidString(header) || !utf8.ValidString(payload) {
			t.Errorf("%q: got %q and %q, want valid UTF-8", text, header, payload)
		}
	})
}

// FuzzExamine takes hostile texts, and hostile entries of the log, through every
// step that needs no database.
func FuzzExamine(f *testing.F) {
	for _, reason := range []string{"", "token_malformed", "signature_invalid", "key_retired", "token_expired", "claim_invalid", "token_replayed", "?"} {
		f.Add(goodToken(), goodHeader, claimsWith(map[string]any{"exp": 1, "aud": "x"}), reason, "payload: x", "iat")
		f.Add("?token=a.b.c&appId=x&appId=y", `{"alg":"none","kid":"k1"}`, "", reason, "", "exp")
		f.Add("/embed/a/b?user="+goodToken(), goodHeader, claimsWith(map[string]any{"iss": testAppID, "authorizedVotes": []any{1.5}}), reason, "", "sub")
		f.Add("e30.e30.", "{", `{"iat":1e300,"iss":[],"jti":"`+strings.Repeat("j", 300)+`"}`, reason, "", "groups[1]")
	}
	retired := testKey("k2", "HS256", 1)
	retired.RetiresAt = &retired.CreatedAt
	ring, err := NewKeyring(oneIntegration(), append(testKeys("HS256"), retired), openPlain)
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, text, header, payload, reason, detail, path string) {
		record := &SignInRecord{
			Header: header, Payload: payload, Reason: reason, Detail: detail, Path: path, Expected: expectedMillis, At: testNow,
			Outcome: store.Refused, IntegrationID: "i1", KeyID: "k1",
		}
		view := *record
		view.Door = DoorEmbed
		for _, specimen := range []Specimen{{Text: text, At: testNow}, {Record: record}, {Record: &view}} {
			e := &examiner{verification: verification{ring: ring, now: specimen.At}}
			if specimen.Record != nil {
				e.takeRecord(specimen)
			} else {
				e.takeText(specimen)
			}
			for st := range stepUser {
				check, err := e.check(t.Context(), st)
				if err != nil || check.Text == "" || check.Verdict == "" {
					t.Errorf("step %s of %+v: got %+v, error %v, want words and no error", stepNames[st].id, specimen, check, err)
				}
			}
			if specimen.Record != nil {
				continue
			}
			// It says what a sign-in would be told.
			_, err := Verify(ring, e.link, testNow)
			if e.known[stepSent] == nil && e.known[stepIntegration] == nil && reasonOf(t, err) != reasonOf(t, asError(e.out.Refusal)) {
				t.Errorf("%q: got %v, Verify says %v", text, e.out.Refusal, err)
			}
		}
	})
}

func asError(r *Refusal) error {
	if r == nil {
		return nil
	}
	return r
}

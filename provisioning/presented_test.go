package provisioning

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"usher/sql/store"
)

// presentedRing has two integrations: "k1" signs for i1 and "other" for i2.
func presentedRing(t testing.TB, change func(*store.Integration)) *Keyring {
	t.Helper()
	one, two := testIntegration("i1", testAppID), testIntegration("i2", testOtherAppID)
	one.EmbedMaxAge, two.EmbedMaxAge = time.Hour, time.Hour
	one.Issuer = "https://partner.example"
	if change != nil {
		change(&one)
	}
	other := testKey("other", "HS256", 1)
	other.IntegrationID, other.SealedSecret = "i2", []byte(testOtherSecret)
	return newTestRing(t, []store.Integration{one, two}, testKey("k1", "HS256", 0), other)
}

// presentedClaims are good ones of a token that is presented.
func presentedClaims(changes map[string]any) string {
	claims := map[string]any{"iss": testAppID, "sub": "u1", "email": ""}
	for name, value := range changes {
		claims[name] = value
	}
	return claimsWith(claims)
}

func TestVerifyPresented(t *testing.T) {
	t.Parallel()
	null := json.RawMessage("null")
	past := func(d time.Duration) int64 { return testNow.Add(-d).Unix() }
	for _, test := range []struct {
		name   string
		change func(*store.Integration)
		claims map[string]any
		header string // "" = the kid k1
		appID  string
		secret string // "" = that of k1
		want   Reason
		path   string
	}{
		{name: "as the format has it"},
		{name: "without an e-mail", claims: map[string]any{"email": nil}},
		{name: "e-mail null", claims: map[string]any{"email": null}},
		{name: "with an e-mail and no sub", claims: map[string]any{"email": "anna@example.com", "sub": nil}},
		{name: "neither", claims: map[string]any{"sub": nil}, want: ClaimMissing, path: "sub"},
		{name: "neither, in nulls", claims: map[string]any{"sub": null, "email": null}, want: ClaimMissing, path: "sub"},
		{name: "a bad e-mail", claims: map[string]any{"email": " "}, want: ClaimInvalid, path: "email"},
		{name: "a bad sub", claims: map[string]any{"sub": "undefined"}, want: ClaimInvalid, path: "sub"},

		{name: "no iss", claims: map[string]any{"iss": nil}, want: IssuerMismatch},
		{name: "the configured issuer", claims: map[string]any{"iss": "https://partner.example"}, want: IssuerMismatch},
		{name: "another's app id", claims: map[string]any{"iss": testOtherAppID}, want: IssuerMismatch},
		{name: "iss null", claims: map[string]any{"iss": null}, want: ClaimInvalid, path: "iss"},
		{name: "iss a number", claims: map[string]any{"iss": 57}, want: ClaimInvalid, path: "iss"},
		{name: "app id beside it", appID: testAppID},
		{name: "another's app id beside it", appID: testOtherAppID, want: IssuerMismatch},
		{name: "nobody's app id beside it", appID: "x", want: IssuerMismatch},
		{name: "nobody's app id, no kid", header: goodHeader, appID: "x", want: IntegrationUnknown},
		{name: "another's kid", header: `{"alg":"HS256","kid":"other"}`, appID: testAppID, secret: testOtherSecret, want: IssuerMismatch},
		{name: "found by iss", header: goodHeader},
		{name: "found by iss, another's key", header: goodHeader, secret: testOtherSecret, want: SignatureInvalid},

		{name: "within its own age", claims: map[string]any{"iat": past(time.Hour + 59*time.Second)}},
		{name: "beyond its own age", claims: map[string]any{"iat": past(time.Hour + 61*time.Second)}, want: TokenTooOld},
		{name: "no iat", claims: map[string]any{"iat": nil}, want: IatMissing},
		{name: "no iat and no age", claims: map[string]any{"iat": nil}, change: func(n *store.Integration) { n.EmbedMaxAge = 0 }},
		{name: "years old and no age", claims: map[string]any{"iat": past(1e5 * time.Hour)}, change: func(n *store.Integration) { n.EmbedMaxAge = 0 }},
		{name: "exp binds", claims: map[string]any{"exp": past(61 * time.Second)}, want: TokenExpired},
		{name: "exp binds without an age", claims: map[string]any{"exp": past(61 * time.Second)}, change: func(n *store.Integration) { n.EmbedMaxAge = 0 }, want: TokenExpired},
		{name: "from the future", claims: map[string]any{"iat": past(-61 * time.Second)}, want: IssuedInFuture},
		{
			name: "before the installation", claims: map[string]any{"iat": past(10 * time.Minute)}, want: TokenTooOld,
			change: func(n *store.Integration) {
				n.CreatedAt, n.AcceptAfter = testNow.Add(-time.Minute), testNow.Add(-time.Minute)
			},
		},
		{
			name: "before a limit was loosened", claims: map[string]any{"iat": past(10 * time.Minute)},
			change: func(n *store.Integration) {
				n.CreatedAt, n.AcceptAfter = testNow.Add(-24*time.Hour), testNow.Add(-time.Minute)
			},
		},
		{name: "a nonce is not asked for", change: func(n *store.Integration) { n.RequireNonce = true }},
		{name: "jti of a wrong type", claims: map[string]any{"jti": 1}, want: ClaimInvalid, path: "jti"},
		{name: "aud is checked", claims: map[string]any{"aud": "https://else.example"}, want: AudienceMismatch},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			header, secret := test.header, test.secret
			if header == "" {
				header = `{"alg":"HS256","kid":"k1"}`
			}
			if secret == "" {
				secret = testSecret
			}
			link := linkOf(hs256(secret, header, presentedClaims(test.claims)))
			link.Presented, link.AppID = true, test.appID
			got, err := Verify(presentedRing(t, test.change), link, testNow)
			if reason := reasonOf(t, err); reason != test.want {
				t.Fatalf("got %q (%v), want %q", reason, err, test.want)
			}
			if test.want != "" {
				if path := refusalOf(t, err).Path; path != test.path {
					t.Errorf("got path %q, want %q", path, test.path)
				}
			} else if got.Integration.ID != "i1" || got.Single {
				t.Errorf("got %+v, want integration i1, and good more than once", got)
			}
		})
	}
}

// TestPresentedIsAnotherUse: the same token spent and presented are two things,
// and a jti makes no difference to what is presented.
func TestPresentedIsAnotherUse(t *testing.T) {
	t.Parallel()
	key := func(presented bool, claims map[string]any) [sha256.Size]byte {
		link := linkOf(hs256(testSecret, goodHeader, presentedClaims(claims)))
		link.Presented = presented
		v, err := Verify(presentedRing(t, nil), link, testNow)
		if err != nil {
			t.Fatal(err)
		}
		if spent := (v.SpentAs != [sha256.Size]byte{}); spent != presented || v.SpentAs == v.SpendKey {
			t.Errorf("presented %t: got SpentAs %x beside %x", presented, v.SpentAs, v.SpendKey)
		}
		return v.SpendKey
	}
	with := func(jti string) map[string]any {
		return map[string]any{"email": "anna@example.com", "jti": jti, "name": jti}
	}
	keys := [][sha256.Size]byte{
		key(false, map[string]any{"email": "anna@example.com"}), key(true, map[string]any{"email": "anna@example.com"}),
		key(false, with("1")), key(true, with("1")), key(true, with("2")),
	}
	for i, one := range keys {
		if slices.Contains(keys[i+1:], one) {
			t.Errorf("key %d: got another one like it, want all different", i)
		}
	}
}

func TestTokenEnds(t *testing.T) {
	t.Parallel()
	second := time.Unix(testNow.Unix(), 0).UTC()
	for _, test := range []struct {
		name   string
		maxAge time.Duration
		claims map[string]any
		want   time.Time
	}{
		{"by its age", time.Hour, nil, second.Add(time.Hour)},
		{"by exp", time.Hour, map[string]any{"exp": second.Unix() + 60}, second.Add(time.Minute)},
		{"by its age before exp", time.Minute, map[string]any{"exp": second.Unix() + 3600}, second.Add(time.Minute)},
		{"never", 0, nil, time.Time{}},
		{"by exp alone", 0, map[string]any{"exp": second.Unix() + 60, "iat": nil}, second.Add(time.Minute)},
		{"in the tolerance behind exp", time.Hour, map[string]any{"exp": second.Unix() - 10}, second.Add(50 * time.Second)},
	} {
		link := linkOf(hs256(testSecret, goodHeader, presentedClaims(test.claims)))
		link.Presented = true
		got, err := Verify(presentedRing(t, func(n *store.Integration) { n.EmbedMaxAge = test.maxAge }), link, testNow)
		if err != nil || !got.Ends.Equal(test.want) {
			t.Errorf("%s: got %v, error %v; want %v", test.name, got.Ends, err, test.want)
		}
	}
}

func TestAuthorized(t *testing.T) {
	t.Parallel()
	tooMany := list(maxAuthorized+1, numbered(`"v%d"`))
	for _, test := range []struct {
		votes, resources string // JSON; "" = not sent
		want             []string
		path             string // of the claim that is refused
		warnings         int
	}{
		{"", "", nil, "", 0},
		{"[]", "", nil, "", 0},
		{"", "[]", nil, "", 0},
		{"[]", "[]", nil, "", 0},
		{"null", "null", nil, "", 2},
		{"[]", "null", nil, "", 1},
		{`["b","a","b"]`, "", []string{"a", "b"}, "", 0},
		{`["b"]`, `["a",7]`, []string{"7", "a", "b"}, "", 0},
		{`["b"]`, "[]", []string{"b"}, "", 0},
		{"[]", `["b"]`, []string{"b"}, "", 0},
		{`["b"]`, "null", []string{"b"}, "", 1},
		{`["` + strings.Repeat("é", 128) + `"]`, "", []string{strings.Repeat("é", 128)}, "", 0},
		{list(maxAuthorized, func(int) string { return "1" }), "", []string{"1"}, "", 0},

		{`"b"`, "", nil, "authorizedVotes", 0},
		{"{}", "", nil, "authorizedVotes", 0},
		{"true", "", nil, "authorizedVotes", 0},
		{"", "7", nil, "authorizedResources", 0},
		{tooMany, "", nil, "authorizedVotes", 0},
		{`["a",""]`, "", nil, "authorizedVotes[1]", 0},
		{`["a",null]`, "", nil, "authorizedVotes[1]", 0},
		{`["a",5.5]`, "", nil, "authorizedVotes[1]", 0},
		{`["a"]`, `["a","b",["c"]]`, nil, "authorizedResources[2]", 0},
		{`["` + strings.Repeat("é", 129) + `"]`, "", nil, "authorizedVotes[0]", 0},
	} {
		claims := map[string]any{}
		for name, text := range map[string]string{"authorizedVotes": test.votes, "authorizedResources": test.resources} {
			if text != "" {
				claims[name] = json.RawMessage(text)
			}
		}
		for _, presented := range []bool{false, true} { // the same at every door
			name := fmt.Sprintf("%.40s and %.40s, presented %t", test.votes, test.resources, presented)
			payload, err := readJSON(presentedClaims(map[string]any{
				"email": "anna@example.com", "authorizedVotes": claims["authorizedVotes"], "authorizedResources": claims["authorizedResources"],
			}))
			if err != nil {
				t.Fatal(err)
			}
			got, err := readClaims(payload, presented)
			switch {
			case test.path != "":
				if refusal := refusalOf(t, err); refusal.Reason != ClaimInvalid || refusal.Path != test.path {
					t.Errorf("%s: got %v, want claim_invalid at %s", name, err, test.path)
				}
			case err != nil:
				t.Errorf("%s: got error %v, want none", name, err)
			default:
				if diff := cmp.Diff(test.want, got.Authorized); diff != "" || len(got.Warnings) != test.warnings {
					t.Errorf("%s: got %d warnings, want %d, and (-want +got):\n%s", name, len(got.Warnings), test.warnings, diff)
				}
			}
		}
	}
}

// TestEmptyListsAreOpposites: in one token [] means default rights for votes,
// and no groups at all.
func TestEmptyListsAreOpposites(t *testing.T) {
	t.Parallel()
	payload, err := readJSON(presentedClaims(map[string]any{"groups": []any{}, "authorizedVotes": []any{}, "authorizedResources": []any{}}))
	if err != nil {
		t.Fatal(err)
	}
	got, err := readClaims(payload, true)
	if err != nil || got.Authorized != nil || got.Groups == nil || len(*got.Groups) != 0 {
		t.Errorf("got rights %q and groups %v, error %v; want default rights and the empty list of groups", got.Authorized, got.Groups, err)
	}
}

// TestWhoOnlyChecksEverything: a token that is read only for whom it is from is
// refused for the same reasons, and says the same but for what is not wanted.
func TestWhoOnlyChecksEverything(t *testing.T) {
	t.Parallel()
	full := map[string]any{
		"sub": "p1", "email": "anna@example.com", "firstName": "Anna", "birthdate": "1980-02-29", "picture": "https://x.test/a.png",
		"meta": map[string]any{"a": 1, "b": []any{"c"}}, "groups": []any{"b", 7, "b"},
		"credits": []any{map[string]any{"orderId": "o", "id": 3}}, "authorizedVotes": []any{"v"}, "locale": nil, "session_length": 600,
	}
	for _, test := range []struct {
		claim string // that is put in the place of the good one; "" = none
		value any
	}{
		{"", nil},
		{"groups", nil},
		{"groups", []any{}},
		{"credits", []any{}},
		{"meta", map[string]any{}},
		{"meta", []any{}},
		{"meta", map[string]any{"a": json.RawMessage("1e999")}},
		{"meta", map[string]any{"a": strings.Repeat("a", maxMetaBytes)}},
		{"groups", "a"},
		{"groups", []any{"a", "b", ""}},
		{"groups", make([]any, maxGroups+1)},
		{"credits", "a"},
		{"credits", []any{map[string]any{"orderId": "o", "id": 3}, map[string]any{"orderId": "o", "id": 0}}},
		{"credits", []any{map[string]any{"id": 3}}},
		{"authorizedVotes", []any{""}},
		{"birthdate", "1980-02-30"},
		{"firstName", 1},
		{"email", "anna"},
		{"sub", "null"},
		{"session_length", 1},
	} {
		claims := maps.Clone(full)
		if test.claim != "" {
			claims[test.claim] = test.value
		}
		payload, err := readJSON(presentedClaims(claims))
		if err != nil {
			t.Fatal(err)
		}
		want, wantErr := readClaims(payload, true)
		want.Meta, want.Groups, want.Credits = nil, nil, nil
		got, err := readWho(payload)
		if diff := cmp.Diff(want, got) + cmp.Diff(wantErr, err); diff != "" {
			t.Errorf("%s %.40v (-all +who):\n%s", test.claim, test.value, diff)
		}
	}
}

// TestRightsAreNotApplied: they are no part of what is kept of a person.
func TestRightsAreNotApplied(t *testing.T) {
	t.Parallel()
	n := testIntegration("i1", testAppID)
	if fingerprint(&Assertion{Subject: "a"}, &n) != fingerprint(&Assertion{Subject: "a", Authorized: []string{"v1"}}, &n) {
		t.Error("got another fingerprint for other rights, want the same")
	}
}

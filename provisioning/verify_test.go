package provisioning

import (
	"crypto/elliptic"
	"encoding/asn1"
	"encoding/json"
	"errors"
	"fmt"
	"math/big"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"usher/sql/store"
)

// unseen leaves out what is kept for the log, which has tests of its own.
var unseen = cmpopts.IgnoreFields(Verified{}, "seen", "sets", "signed")

func TestVerify(t *testing.T) {
	t.Parallel()
	for i, algorithm := range []string{"HS256", "HS384", "HS512", "RS256", "ES256", "EdDSA"} {
		t.Run(algorithm, func(t *testing.T) {
			t.Parallel()
			ring := newTestRing(t, oneIntegration(), testKeys(algorithm)...)
			got, err := Verify(ring, linkOf(signedAs(algorithm, testSecret, claimsWith(map[string]any{
				"sub": "u1", "exp": testNow.Unix() + 60, "jti": fmt.Sprint("t", i),
			}))), testNow)
			if err != nil {
				t.Fatalf("got error %v, want none", err)
			}
			want := Verified{
				Integration: testIntegration("i1", testAppID),
				KeyID:       "k1",
				Assertion: Assertion{
					Subject: "u1", Email: "anna@example.com", EmailKey: "anna@example.com", ID: fmt.Sprint("t", i),
					IssuedAt: time.Unix(testNow.Unix(), 0).UTC(), ExpiresAt: time.Unix(testNow.Unix()+60, 0).UTC(),
				},
				SpendKey:        spendKey(fmt.Sprint("t", i), ""),
				Single:          true,
				AcceptableUntil: time.Unix(testNow.Unix()+360, 0).UTC(),
			}
			if diff := cmp.Diff(want, got, unseen); diff != "" {
				t.Errorf("Verified (-want +got):\n%s", diff)
			}
		})
	}
}

func TestVerifySignature(t *testing.T) {
	t.Parallel()
	payload := claimsWith(nil)
	resigned := func(algorithm string, change func([]byte) []byte) string {
		return compact(`{"alg":"`+algorithm+`"}`, payload, func(signed []byte) []byte {
			return change(sign(algorithm, testSecret, signed))
		})
	}
	order := elliptic.P256().Params().N
	ecPair := func(change func(r, s *big.Int)) func([]byte) []byte {
		return func(signature []byte) []byte {
			r, s := new(big.Int).SetBytes(signature[:32]), new(big.Int).SetBytes(signature[32:])
			change(r, s)
			return append(r.FillBytes(make([]byte, 32)), s.FillBytes(make([]byte, 32))...)
		}
	}
	cut := func(n int) func([]byte) []byte { return func(s []byte) []byte { return s[:n] } }
	zeros := func(s []byte) []byte { return make([]byte, len(s)) }
	longer := func(s []byte) []byte { return append(s, 0) }
	flipped := func(s []byte) []byte { s[len(s)-1] ^= 1; return s }

	tests := []struct{ name, algorithm, token string }{
		{"J03 empty", "HS256", resigned("HS256", cut(0))},
		{"J03 cut to one byte", "HS256", resigned("HS256", cut(1))},
		{"J03 cut by one byte", "HS256", resigned("HS256", cut(31))},
		{"J03 one byte more", "HS256", resigned("HS256", longer)},
		{"J03 one bit", "HS256", resigned("HS256", flipped)},
		{"J03 zeros", "HS256", resigned("HS256", zeros)},
		{"J03 HS512 cut to HS256's size", "HS512", resigned("HS512", cut(32))},
		{"H4 empty HMAC key", "HS256", hs256("", goodHeader, payload)},
		{"H4 zero HMAC key", "HS256", hs256(strings.Repeat("\x00", 32), goodHeader, payload)},
		{"J03 ES256 r = 0", "ES256", resigned("ES256", ecPair(func(r, _ *big.Int) { r.SetInt64(0) }))},
		{"J03 ES256 s = 0", "ES256", resigned("ES256", ecPair(func(_, s *big.Int) { s.SetInt64(0) }))},
		{"J03 ES256 both 0", "ES256", resigned("ES256", zeros)},
		{"J03 ES256 both the order", "ES256", resigned("ES256", ecPair(func(r, s *big.Int) { r.Set(order); s.Set(order) }))},
		{"J03 ES256 r = order", "ES256", resigned("ES256", ecPair(func(r, _ *big.Int) { r.Set(order) }))},
		{"J03 ES256 r = 1", "ES256", resigned("ES256", ecPair(func(r, _ *big.Int) { r.SetInt64(1) }))},
		{"J03 ES256 r = s = 1", "ES256", resigned("ES256", ecPair(func(r, s *big.Int) { r.SetInt64(1); s.SetInt64(1) }))},
		{"J03 ES256 in DER", "ES256", resigned("ES256", func(s []byte) []byte {
			der, err := asn1.Marshal([]*big.Int{new(big.Int).SetBytes(s[:32]), new(big.Int).SetBytes(s[32:])})
			if err != nil {
				panic(err)
			}
			return der
		})},
		{"J03 ES256 longer", "ES256", resigned("ES256", longer)},
		{"J03 ES256 shorter", "ES256", resigned("ES256", cut(63))},
		{"J03 ES256 with padded halves", "ES256", resigned("ES256", func(s []byte) []byte {
			return append(append([]byte{0}, s[:32]...), append([]byte{0}, s[32:]...)...)
		})},
		{"J03 RS256 one byte more", "RS256", resigned("RS256", longer)},
		{"J03 RS256 shorter", "RS256", resigned("RS256", cut(255))},
		{"J03 RS256 zeros", "RS256", resigned("RS256", zeros)},
		{"J03 RS256 one bit", "RS256", resigned("RS256", flipped)},
		{"J03 EdDSA zeros", "EdDSA", resigned("EdDSA", zeros)},
		{"J03 EdDSA S plus the order", "EdDSA", resigned("EdDSA", func(s []byte) []byte {
			// The order of edwards25519's base point, RFC 8032 §5.1.
			l, _ := new(big.Int).SetString("7237005577332262213973186563042994240857116359379907606001950938285454250989", 10)
			half := make([]byte, 32)
			for i := range 32 {
				half[i] = s[63-i]
			}
			sum := new(big.Int).Add(new(big.Int).SetBytes(half), l).FillBytes(make([]byte, 32))
			for i := range 32 {
				s[63-i] = sum[i]
			}
			return s
		})},
		{"J03 EdDSA shorter", "EdDSA", resigned("EdDSA", cut(63))},
		{"another payload under the signature", "HS256", func() string {
			parts := strings.Split(goodToken(), ".")
			return parts[0] + "." + b64([]byte(claimsWith(map[string]any{"email": "eve@example.com"}))) + "." + parts[2]
		}()},
		{"another header under the signature", "HS256", func() string {
			parts := strings.Split(goodToken(), ".")
			return b64([]byte(`{"alg":"HS256"}`)) + "." + parts[1] + "." + parts[2]
		}()},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			ring := newTestRing(t, oneIntegration(), testKeys(test.algorithm)...)
			got, err := Verify(ring, linkOf(test.token), testNow)
			if reason := reasonOf(t, err); reason != SignatureInvalid {
				t.Fatalf("got %q (%v), want %q", reason, err, SignatureInvalid)
			}
			if diff := cmp.Diff(Verified{Integration: testIntegration("i1", testAppID)}, got, unseen); diff != "" {
				t.Errorf("beside the refusal (-want +got):\n%s", diff)
			}
		})
	}
}

// A second good signature of one signing input is the same token again.
func TestSpendKeyIgnoresTheSignature(t *testing.T) {
	t.Parallel()
	ring := newTestRing(t, oneIntegration(), testKeys("ES256")...)
	token := signedAs("ES256", "", claimsWith(nil))
	parts := strings.Split(token, ".")
	twin := parts[0] + "." + parts[1] + "." + b64(sign("ES256", "", []byte(parts[0]+"."+parts[1])))
	first, err := Verify(ring, linkOf(token), testNow)
	if err != nil {
		t.Fatal(err)
	}
	second, err := Verify(ring, linkOf(twin), testNow)
	if err != nil {
		t.Fatal(err)
	}
	if token == twin || first.SpendKey != second.SpendKey {
		t.Errorf("H5: got spend keys %x and %x, want them equal for two signatures", first.SpendKey, second.SpendKey)
	}
}

func TestSpendKey(t *testing.T) {
	t.Parallel()
	keys := map[[32]byte]string{}
	for name, key := range map[string][32]byte{
		"jti a":           spendKey("a", "h.p"),
		"jti b":           spendKey("b", "h.p"),
		"input":           spendKey("", "h.p"),
		"other input":     spendKey("", "h.q"),
		"jti as an input": spendKey("h.p", "h.q"),
	} {
		if other, taken := keys[key]; taken {
			t.Errorf("%s and %s: got one spend key, want two", name, other)
		}
		keys[key] = name
	}
	if spendKey("a", "h.p") != spendKey("a", "h.q") {
		t.Error("one jti in two tokens: got two spend keys, want one")
	}
}

// The order of the checks is part of the contract: with two faults, the
// earlier check names the reason.
func TestVerifyOrder(t *testing.T) {
	t.Parallel()
	// Each step takes one more fault away from the back of the order.
	old := func(seconds int64) json.RawMessage { return json.RawMessage(fmt.Sprint(testNow.Unix() - seconds)) }
	steps := []struct {
		want   Reason
		claims map[string]any
	}{
		{TokenExpired, map[string]any{"exp": old(900), "nbf": old(-900), "iat": old(900), "iss": "x", "aud": "x", "jti": 1, "email": 1}},
		{TokenNotYetValid, map[string]any{"nbf": old(-900), "iat": old(900), "iss": "x", "aud": "x", "jti": 1, "email": 1}},
		{TokenTooOld, map[string]any{"iat": old(900), "iss": "x", "aud": "x", "jti": 1, "email": 1}},
		{IssuerMismatch, map[string]any{"iss": "x", "aud": "x", "jti": 1, "email": 1}},
		{AudienceMismatch, map[string]any{"aud": "x", "jti": 1, "email": 1}},
		{ClaimInvalid, map[string]any{"jti": 1, "email": 1}},
		{ClaimInvalid, map[string]any{"email": 1}},
		{ClaimMissing, map[string]any{"email": nil}},
		{"", nil},
	}
	integration := func(i *store.Integration) { i.Issuer = "https://one.example" }
	for _, step := range steps {
		if _, sent := step.claims["iss"]; !sent {
			if step.claims == nil {
				step.claims = map[string]any{}
			}
			step.claims["iss"] = "https://one.example"
		}
		token := hs256(testSecret, goodHeader, claimsWith(step.claims))
		_, err := Verify(oneRing(t, integration), linkOf(token), testNow)
		if got := reasonOf(t, err); got != step.want {
			t.Errorf("%v: got %q (%v), want %q", step.claims, got, err, step.want)
		}
	}

	worst := claimsWith(steps[0].claims)
	early := []struct {
		name string
		link Link
		want Reason
	}{
		{"missing before too large", Link{}, TokenMissing},
		{"too large before malformed", Link{Token: "...", Limit: 2}, TooLarge},
		{"malformed before algorithm", linkOf(hs256(testOtherSecret, `{"alg":"none","crit":[]}`, worst)), TokenMalformed},
		{"signature's alphabet before algorithm", linkOf(hs256(testOtherSecret, `{"alg":"none"}`, worst) + "\n"), TokenMalformed},
		{"algorithm before integration", Link{Token: hs256(testOtherSecret, `{"alg":"none"}`, worst), AppID: "x", Limit: 1 << 16}, AlgNotAllowed},
		{"integration before signature", Link{Token: hs256(testOtherSecret, goodHeader, worst), AppID: "x", Limit: 1 << 16}, IntegrationUnknown},
		{"signature before payload", linkOf(hs256(testOtherSecret, goodHeader, `{"a":1,"a":1}`)), SignatureInvalid},
		{"signature before expiry", linkOf(hs256(testOtherSecret, goodHeader, worst)), SignatureInvalid},
		{"payload before expiry", linkOf(hs256(testSecret, goodHeader, `{"exp":1,"exp":1}`)), TokenMalformed},
	}
	for _, test := range early {
		_, err := Verify(oneRing(t, integration), test.link, testNow)
		if got := reasonOf(t, err); got != test.want {
			t.Errorf("%s: got %q (%v), want %q", test.name, got, err, test.want)
		}
	}
}

func TestVerifyPayload(t *testing.T) {
	t.Parallel()
	tests := map[string]string{
		"H8 null":              `null`,
		"H8 list":              `[{"email":"anna@example.com"}]`,
		"H8 text":              `"x"`,
		"H8 trailing bytes":    claimsWith(nil) + "x",
		"H8 second object":     claimsWith(nil) + claimsWith(nil),
		"J07 byte order mark":  "\ufeff" + claimsWith(nil),
		"H7 invalid UTF-8":     "{\"email\":\"anna@example.com\",\"iat\":1,\"sub\":\"\xff\"}",
		"H7 lone surrogate":    `{"email":"anna@example.com","sub":"\ud800"}`,
		"H6 duplicate sub":     `{"email":"anna@example.com","sub":"a","\u0073ub":"b"}`,
		"J13 duplicate exp":    `{"email":"anna@example.com","exp":1,"exp":99999999999}`,
		"J13 duplicate nested": `{"email":"anna@example.com","meta":{"a":1,"a":2}}`,
		"J16 depth":            `{"email":"anna@example.com","x":` + strings.Repeat("[", 32) + strings.Repeat("]", 32) + `}`,
		"H13 NUL":              `{"email":"anna@example.com","name":"a\u0000b"}`,
		"not JSON":             "hello",
	}
	for name, payload := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := Verify(oneRing(t, nil), linkOf(hs256(testSecret, goodHeader, payload)), testNow)
			if got := reasonOf(t, err); got != TokenMalformed {
				t.Errorf("got %q (%v), want %q", got, err, TokenMalformed)
			}
		})
	}
}

func TestVerifyTimes(t *testing.T) {
	t.Parallel()
	// testNow is half a second after a whole one.
	at := func(offset float64) json.RawMessage {
		return json.RawMessage(fmt.Sprintf("%.6f", float64(testNow.UnixMilli())/1000+offset))
	}
	noMaxAge := func(i *store.Integration) { i.MaxAge = 0 }
	tests := []struct {
		name   string
		policy func(*store.Integration)
		claims map[string]any
		want   Reason
		path   string
	}{
		{"J12 exp ahead", nil, map[string]any{"exp": at(1)}, "", ""},
		{"J12 exp within the tolerance", nil, map[string]any{"exp": at(-59.9)}, "", ""},
		{"J12 exp at the tolerance's end", nil, map[string]any{"exp": at(-60)}, TokenExpired, ""},
		{"J12 exp with no tolerance", func(i *store.Integration) { i.Leeway = 0 }, map[string]any{"exp": at(0)}, TokenExpired, ""},
		{"H1 exp 0", nil, map[string]any{"exp": 0}, TokenExpired, ""},
		{"H1 exp in text", nil, map[string]any{"exp": "99999999999"}, ClaimInvalid, "exp"},
		{"H1 exp null", nil, map[string]any{"exp": json.RawMessage("null")}, ClaimInvalid, "exp"},
		{"H2 exp 1e300", nil, map[string]any{"exp": json.RawMessage("1e300")}, ClaimInvalid, "exp"},
		{"H2 exp -1", nil, map[string]any{"exp": -1}, ClaimInvalid, "exp"},
		{"J12 exp in milliseconds", nil, map[string]any{"exp": testNow.UnixMilli()}, ClaimInvalid, "exp"},
		{"H1 no exp, no maximum age, no iat", noMaxAge, map[string]any{"iat": nil}, "", ""},

		{"J12 nbf past", nil, map[string]any{"nbf": at(-1)}, "", ""},
		{"J12 nbf at the tolerance's end", nil, map[string]any{"nbf": at(60)}, "", ""},
		{"J12 nbf beyond the tolerance", nil, map[string]any{"nbf": at(60.1)}, TokenNotYetValid, ""},
		{"H2 nbf 1e300", nil, map[string]any{"nbf": json.RawMessage("1e300")}, ClaimInvalid, "nbf"},
		{"H1 nbf true", nil, map[string]any{"nbf": true}, ClaimInvalid, "nbf"},

		{"J12 iat now", nil, map[string]any{"iat": at(0)}, "", ""},
		{"J12 iat at the end of its age", nil, map[string]any{"iat": at(-240)}, "", ""},
		{"J12 iat beyond its age", nil, map[string]any{"iat": at(-240.1)}, TokenTooOld, ""},
		{"J12 iat ahead within the tolerance", nil, map[string]any{"iat": at(60)}, "", ""},
		{"J12 iat ahead beyond the tolerance", nil, map[string]any{"iat": at(60.1)}, IssuedInFuture, ""},
		{"J12 iat missing", nil, map[string]any{"iat": nil}, IatMissing, ""},
		{"J12 iat null", nil, map[string]any{"iat": json.RawMessage("null")}, ClaimInvalid, "iat"},
		{"J12 iat in text", nil, map[string]any{"iat": fmt.Sprint(testNow.Unix())}, ClaimInvalid, "iat"},
		{"J12 iat in milliseconds", nil, map[string]any{"iat": testNow.UnixMilli()}, ClaimInvalid, "iat"},
		{"J12 old iat, no maximum age", noMaxAge, map[string]any{"iat": 1}, "", ""},
		{"H2 iat ahead, no maximum age", noMaxAge, map[string]any{"iat": at(61)}, IssuedInFuture, ""},
		{"H2 iat in text, no maximum age", noMaxAge, map[string]any{"iat": "x"}, ClaimInvalid, "iat"},
		{"iat in the year 5000", nil, map[string]any{"iat": 99_999_999_999}, IssuedInFuture, ""},
		{"iat 0", nil, map[string]any{"iat": 0}, TokenTooOld, ""},

		{"issued in the second of the installation", func(i *store.Integration) { i.AcceptAfter = testNow }, map[string]any{"iat": testNow.Unix()}, "", ""},
		{"issued before the installation", func(i *store.Integration) { i.AcceptAfter = testNow }, map[string]any{"iat": testNow.Unix() - 1}, TokenTooOld, ""},
		{"issued before the installation, no maximum age", func(i *store.Integration) { i.AcceptAfter, i.MaxAge = testNow, 0 }, map[string]any{"iat": testNow.Unix() - 1}, TokenTooOld, ""},
		{"installed, no iat, no maximum age", func(i *store.Integration) { i.AcceptAfter, i.MaxAge = testNow, 0 }, map[string]any{"iat": nil}, "", ""},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			_, err := Verify(oneRing(t, test.policy), linkOf(hs256(testSecret, goodHeader, claimsWith(test.claims))), testNow)
			if got := reasonOf(t, err); got != test.want {
				t.Fatalf("got %q (%v), want %q", got, err, test.want)
			}
			if err == nil {
				return
			}
			refusal := refusalOf(t, err)
			if refusal.Path != test.path {
				t.Errorf("path: got %q, want %q", refusal.Path, test.path)
			}
			if strings.HasSuffix(test.name, "milliseconds") && !strings.Contains(refusal.Expected, "milliseconds") {
				t.Errorf("expected: got %q, want a word on milliseconds", refusal.Expected)
			}
		})
	}
}

func TestVerifyTimeDetails(t *testing.T) {
	t.Parallel()
	tests := []struct {
		claims map[string]any
		want   string
	}{
		{map[string]any{"iat": testNow.Unix() - 300}, "age 300.5 s, maximum 180.0 s, tolerance 60.0 s"},
		{map[string]any{"iat": testNow.Unix() + 120}, "iat is 119.5 s ahead of this server's clock, tolerance 60.0 s"},
		{map[string]any{"exp": testNow.Unix() - 90}, "exp was 90.5 s ago, tolerance 60.0 s; iat was 0.5 s ago"},
		{map[string]any{"nbf": testNow.Unix() + 90, "iat": nil}, "nbf is 89.5 s ahead of this server's clock, tolerance 60.0 s"},
	}
	for _, test := range tests {
		_, err := Verify(oneRing(t, nil), linkOf(hs256(testSecret, goodHeader, claimsWith(test.claims))), testNow)
		if got := refusalOf(t, err).Detail; got != test.want {
			t.Errorf("got %q, want %q", got, test.want)
		}
	}
}

func TestAcceptableUntil(t *testing.T) {
	t.Parallel()
	issued := testNow.Unix()
	in := func(seconds int64) time.Time { return time.Unix(issued+seconds, 0).UTC() }
	tests := []struct {
		name   string
		maxAge time.Duration
		exp    any
		want   time.Time
	}{
		{"by age", 180 * time.Second, nil, in(480)},
		{"by exp", 0, issued + 600, in(900)},
		{"age comes first", 180 * time.Second, issued + 600, in(480)},
		{"exp comes first", 180 * time.Second, issued + 100, in(400)},
		{"never", 0, nil, time.Time{}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			ring := oneRing(t, func(i *store.Integration) { i.MaxAge = test.maxAge })
			token := hs256(testSecret, goodHeader, claimsWith(map[string]any{"exp": test.exp}))
			got, err := Verify(ring, linkOf(token), testNow)
			if err != nil || !got.AcceptableUntil.Equal(test.want) {
				t.Fatalf("got %v, error %v, want %v", got.AcceptableUntil, err, test.want)
			}
			if test.want.IsZero() {
				return
			}
			// With the largest tolerance it holds until then and no longer.
			widest := oneRing(t, func(i *store.Integration) { i.MaxAge, i.Leeway = test.maxAge, maxLeeway })
			if _, err := Verify(widest, linkOf(token), test.want.Add(-time.Microsecond)); err != nil {
				t.Errorf("just before: got error %v, want none", err)
			}
			if _, err := Verify(widest, linkOf(token), test.want.Add(time.Microsecond)); err == nil {
				t.Error("just after: got no error, want one")
			}
		})
	}
}

func TestVerifyIssuer(t *testing.T) {
	t.Parallel()
	const issuer = "https://one.example"
	null := json.RawMessage("null")
	tests := []struct {
		name   string
		issuer string
		iss    any
		want   Reason
	}{
		{"none set, none sent", "", nil, ""},
		{"none set, own app id", "", testAppID, ""},
		{"none set, any text", "", "https://any.example", ""},
		{"J08 none set, another integration's app id", "", testOtherAppID, IssuerMismatch},
		{"J08 none set, another integration's issuer", "", "https://two.example", IssuerMismatch},
		{"J08 none set, a removed integration's app id", "", testRemovedApp, IssuerMismatch},
		{"set, the same", issuer, issuer, ""},
		{"set, own app id", issuer, testAppID, ""},
		{"J08 set, none sent", issuer, nil, IssuerMismatch},
		{"J08 set, empty", issuer, "", IssuerMismatch},
		{"J08 set, with a slash", issuer, issuer + "/", IssuerMismatch},
		{"J08 set, another case", issuer, "https://ONE.example", IssuerMismatch},
		{"J08 set, another's", issuer, "https://two.example", IssuerMismatch},
		{"J08 set, very long", issuer, strings.Repeat("é", 500), IssuerMismatch},
		{"J08 number", issuer, 1, ClaimInvalid},
		{"J08 list", issuer, []string{issuer}, ClaimInvalid},
		{"J08 null", issuer, null, ClaimInvalid},
		{"J08 null, none set", "", null, ClaimInvalid},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			ring := crowdedRing(t)
			ring.keys["k1"].entry.integration.Issuer = test.issuer
			token := hs256(testSecret, `{"alg":"HS256","kid":"k1"}`, claimsWith(map[string]any{"iss": test.iss}))
			_, err := Verify(ring, linkOf(token), testNow)
			if got := reasonOf(t, err); got != test.want {
				t.Errorf("got %q (%v), want %q", got, err, test.want)
			}
		})
	}
}

func TestVerifyAudience(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name string
		aud  any
		want Reason
	}{
		{"none", nil, ""},
		{"app id", testAppID, ""},
		{"public URL", "https://usher.example", ""},
		{"tenant's host", "acme.example", ""},
		{"list with one of ours", []string{"x", "acme.example", "y"}, ""},
		{"J09 another's", "https://else.example", AudienceMismatch},
		{"J09 another integration's app id", testOtherAppID, AudienceMismatch},
		{"J09 with a slash", "https://usher.example/", AudienceMismatch},
		{"J09 prefix", "https://usher.example.evil.example", AudienceMismatch},
		{"J09 another case", "ACME.example", AudienceMismatch},
		{"J09 empty text", "", AudienceMismatch},
		{"J09 empty list", []string{}, AudienceMismatch},
		{"J09 list of others", []string{"x", ""}, AudienceMismatch},
		{"J09 number", 1, ClaimInvalid},
		{"J09 null", json.RawMessage("null"), ClaimInvalid},
		{"J09 object", map[string]int{testAppID: 1}, ClaimInvalid},
		{"J09 number in a list", []any{testAppID, 1}, ClaimInvalid},
		{"J09 list in a list", []any{[]string{testAppID}}, ClaimInvalid},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			link := linkOf(hs256(testSecret, goodHeader, claimsWith(map[string]any{"aud": test.aud})))
			link.Audiences = append(link.Audiences, "")
			_, err := Verify(oneRing(t, nil), link, testNow)
			if got := reasonOf(t, err); got != test.want {
				t.Errorf("got %q (%v), want %q", got, err, test.want)
			}
		})
	}
}

func TestVerifyTokenID(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name           string
		jti            any
		policy, single bool
		want           Reason
	}{
		{"none", nil, false, false, ""},
		{"none, single use wanted", nil, true, true, ""},
		{"text", "x", false, true, ""},
		{"longest", strings.Repeat("x", 255), false, true, ""},
		{"J15 too long", strings.Repeat("x", 256), false, false, ClaimInvalid},
		{"J15 too long in bytes", strings.Repeat("é", 128), false, false, ClaimInvalid},
		{"J15 empty", "", false, false, ClaimInvalid},
		{"J15 number", 5, false, false, ClaimInvalid},
		{"J15 null", json.RawMessage("null"), false, false, ClaimInvalid},
		{"J15 list", []string{"x"}, false, false, ClaimInvalid},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			ring := oneRing(t, func(i *store.Integration) { i.SingleUse = test.policy })
			got, err := Verify(ring, linkOf(hs256(testSecret, goodHeader, claimsWith(map[string]any{"jti": test.jti}))), testNow)
			if reason := reasonOf(t, err); reason != test.want || got.Single != test.single {
				t.Errorf("got %q, single %t, want %q, single %t", reason, got.Single, test.want, test.single)
			}
		})
	}
}

// Nothing of a token's claims or signature may be told while the signature
// does not hold, whatever is wrong with it.
func TestNoClaimsBeforeTheSignatureHolds(t *testing.T) {
	t.Parallel()
	const marker = "MARKER-9c1f"
	claims := claimsWith(map[string]any{"iss": marker, "sub": marker, "email": marker + "@example.com", "jti": marker})
	tokens := []string{
		hs256(testOtherSecret, goodHeader, claims),
		hs256(testOtherSecret, `{"alg":"HS256","kid":"`+marker+`"}`, claims),
		hs256(testOtherSecret, `{"alg":"`+marker+`"}`, claims),
		hs256(testOtherSecret, `{"alg":"HS256","typ":"`+marker+`"}`, claims),
		hs256(testOtherSecret, `{"alg":"HS256","`+marker+`":}`, claims),
		hs256(testOtherSecret, goodHeader, `{"`+marker+`":1,"`+marker+`":1}`),
		hs256(testOtherSecret, goodHeader, claims) + "." + marker,
		marker,
	}
	rings := map[string]*Keyring{"one": oneRing(t, nil), "crowded": crowdedRing(t)}
	for name, ring := range rings {
		for i, token := range tokens {
			got, err := Verify(ring, Link{Token: token, AppID: "", Limit: 1 << 16}, testNow)
			if err == nil {
				t.Errorf("J17 %s, token %d: got no error, want one", name, i)
				continue
			}
			signature := token[strings.LastIndex(token, ".")+1:]
			if text := err.Error(); strings.Contains(text, marker) || strings.Contains(text, signature) {
				t.Errorf("J17 %s, token %d: got error %q, want one without claims or signature", name, i, text)
			}
			if !cmp.Equal(got.Assertion, Assertion{}) || got.KeyID != "" {
				t.Errorf("J17 %s, token %d: got an assertion or a key beside the refusal, want none", name, i)
			}
		}
	}
}

func FuzzVerify(f *testing.F) {
	f.Add(goodToken(), "", false)
	f.Add(hs256(testSecret, `{"alg":"HS256","kid":"k1"}`, claimsWith(map[string]any{"exp": 1, "jti": "x"})), testAppID, false)
	f.Add(hs256(testSecret, goodHeader, claimsWith(map[string]any{"iss": testAppID, "sub": "u1", "email": ""})), testAppID, true)
	f.Add(hs256(testSecret, goodHeader, claimsWith(map[string]any{"iss": testAppID, "authorizedVotes": []any{1, "a"}})), "", true)
	f.Add(hs256(testOtherSecret, `{"alg":"none"}`, `{}`), "x", true)
	f.Add("..", "", true)
	f.Add("a.b.c.d.e", "", false)
	ring, err := NewKeyring(oneIntegration(), testKeys("HS256"), openPlain)
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, token, appID string, presented bool) {
		got, err := Verify(ring, Link{Token: token, AppID: appID, Presented: presented, Limit: 1 << 16}, testNow)
		if err != nil {
			var refusal *Refusal
			if !errors.As(err, &refusal) || refusal.Reason == "" {
				t.Fatalf("got error %v, want a refusal with a reason", err)
			}
			return
		}
		// What holds has been signed, so it is one of the seeds.
		if a := got.Assertion; a.EmailKey == "" && (!presented || a.Subject == "") || presented && got.Single || got.KeyID != "k1" || strings.Count(token, ".") != 2 {
			t.Errorf("accepted %q as %+v", token, got)
		}
	})
}

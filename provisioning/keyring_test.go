package provisioning

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"usher/sql/store"
)

// crowdedRing has two installed integrations, i1 (key k1) and i2 (key k2,
// issuer https://two.example), and a removed one, i3 (key k3, issuer
// https://gone.example).
func crowdedRing(t testing.TB) *Keyring {
	t.Helper()
	two := testIntegration("i2", testOtherAppID)
	two.Issuer = "https://two.example"
	gone := testIntegration("i3", testRemovedApp)
	gone.Issuer = "https://gone.example"
	removedAt := testNow.Add(-time.Hour)
	gone.RemovedAt = &removedAt

	k2 := testKey("k2", "HS256", 1)
	k2.IntegrationID, k2.SealedSecret = "i2", []byte(testOtherSecret)
	k3 := store.Key{TenantID: "tenant-1", ID: "k3", IntegrationID: "i3", Algorithm: "HS256"}
	return newTestRing(t, []store.Integration{testIntegration("i1", testAppID), two, gone},
		testKey("k1", "HS256", 0), k2, k3)
}

func TestFindIntegration(t *testing.T) {
	t.Parallel()
	const one, two, gone = testAppID, testOtherAppID, testRemovedApp
	tests := []struct {
		name, kid, appID, iss string
		integration           string
		want                  Reason
	}{
		{"kid", "k2", "", "", "i2", ""},
		{"kid before appId", "k2", one, "", "i2", ""},
		{"kid before iss", "k2", "", one, "i2", ""},
		{"kid of a removed integration", "k3", "", "", "i3", IntegrationRemoved},
		{"unknown kid, then appId", "theirs", two, "", "i2", ""},
		{"unknown kid, then iss", "theirs", "", one, "i1", ""},
		{"unknown kid alone", "theirs", "", "", "", IntegrationUnknown},
		{"J10 kid as a path", "../../k1", "", "", "", IntegrationUnknown},
		{"J10 kid as SQL", "k1' or '1'='1", "", "", "", IntegrationUnknown},
		{"kid in another case", "K1", "", "", "", IntegrationUnknown},
		{"appId", "", one, "", "i1", ""},
		{"appId before iss", "", one, two, "i1", ""},
		{"appId of a removed integration", "", gone, "", "i3", IntegrationRemoved},
		{"unknown appId", "", "000000000000000000000000", "", "", IntegrationUnknown},
		{"unknown appId beside a good iss", "", "000000000000000000000000", one, "", IntegrationUnknown},
		{"appId in another case", "", strings.ToUpper(one), "", "", IntegrationUnknown},
		{"an issuer is no appId", "", "https://two.example", "", "", IntegrationUnknown},
		{"iss is an app id", "", "", two, "i2", ""},
		{"iss is a configured issuer", "", "", "https://two.example", "i2", ""},
		{"iss of a removed integration", "", "", gone, "i3", IntegrationRemoved},
		{"configured issuer of a removed integration", "", "", "https://gone.example", "i3", IntegrationRemoved},
		{"unknown iss", "", "", "https://three.example", "", IntegrationUnknown},
		{"nothing", "", "", "", "", IntegrationUnknown},
	}
	ring := crowdedRing(t)
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			entry, _, err := ring.find(test.kid, test.appID, test.iss)
			got := ""
			if entry != nil {
				got = entry.integration.ID
			}
			if reason := reasonOf(t, err); got != test.integration || reason != test.want {
				t.Errorf("got %q, %q, want %q, %q", got, reason, test.integration, test.want)
			}
		})
	}
}

func TestFindOnlyIntegration(t *testing.T) {
	t.Parallel()
	removedAt := testNow
	removed := testIntegration("i2", testRemovedApp)
	removed.RemovedAt = &removedAt
	tests := []struct {
		name         string
		integrations []store.Integration
		iss          string
		want         Reason
	}{
		{"one", oneIntegration(), "", ""},
		{"one, and a foreign iss", oneIntegration(), "https://else.example", ""},
		{"one beside a removed one", append(oneIntegration(), removed), "", ""},
		{"none", nil, "", IntegrationUnknown},
		{"a removed one only", []store.Integration{removed}, "", IntegrationUnknown},
		{"two", append(oneIntegration(), testIntegration("i2", testOtherAppID)), "", IntegrationUnknown},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			_, _, err := newTestRing(t, test.integrations).find("", "", test.iss)
			if got := reasonOf(t, err); got != test.want {
				t.Errorf("got %q, want %q", got, test.want)
			}
		})
	}
}

func TestFindSharedIssuer(t *testing.T) {
	t.Parallel()
	const issuer = "https://shared.example"
	one, two := testIntegration("i1", testAppID), testIntegration("i2", testOtherAppID)
	one.Issuer, two.Issuer = issuer, issuer
	_, _, err := newTestRing(t, []store.Integration{one, two}).find("", "", issuer)
	if got := reasonOf(t, err); got != IntegrationUnknown {
		t.Errorf("two installed: got %q, want %q", got, IntegrationUnknown)
	}
	removedAt := testNow
	one.RemovedAt = &removedAt
	entry, _, err := newTestRing(t, []store.Integration{one, two}).find("", "", issuer)
	if err != nil || entry.integration.ID != "i2" {
		t.Errorf("one removed: got error %v, want i2", err)
	}
}

func TestNewKeyringRefuses(t *testing.T) {
	t.Parallel()
	changed := func(algorithm string, change func(*store.Key)) []store.Key {
		key := testKey("k1", algorithm, 0)
		change(&key)
		return []store.Key{key}
	}
	secret := func(text string) []store.Key {
		return changed("HS256", func(k *store.Key) { k.SealedSecret = []byte(text) })
	}
	foreign := testIntegration("i2", testOtherAppID)
	foreign.TenantID = "tenant-2"
	tests := []struct {
		name         string
		integrations []store.Integration
		keys         []store.Key
	}{
		{"H4 short secret", oneIntegration(), secret(testSecret[:31])},
		{"H4 secret with NUL", oneIntegration(), secret(testSecret + "\x00")},
		{"H4 no secret", oneIntegration(), secret("")},
		{"unknown algorithm", oneIntegration(), changed("ES256", func(k *store.Key) { k.Algorithm = "PS256" })},
		{"J02 public key as a secret", oneIntegration(), changed("RS256", func(k *store.Key) { k.Algorithm = "HS256" })},
		{"J02 secret as a public key", oneIntegration(), changed("HS256", func(k *store.Key) { k.Algorithm = "RS256" })},
		{"J02 both materials", oneIntegration(), changed("RS256", func(k *store.Key) { k.SealedSecret = []byte(testSecret) })},
		{"J02 both materials for a secret", oneIntegration(), changed("ES256", func(k *store.Key) {
			k.Algorithm, k.SealedSecret = "HS256", []byte(testSecret)
		})},
		{"key for another algorithm", oneIntegration(), changed("ES256", func(k *store.Key) { k.Algorithm = "EdDSA" })},
		{"garbled public key", oneIntegration(), changed("ES256", func(k *store.Key) { k.PublicKey = k.PublicKey[:20] })},
		{"key of no integration", oneIntegration(), changed("HS256", func(k *store.Key) { k.IntegrationID = "i9" })},
		{"T06 key of another tenant", oneIntegration(), changed("HS256", func(k *store.Key) { k.TenantID = "tenant-2" })},
		{"T06 integration of another tenant", append(oneIntegration(), foreign), nil},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			ring, err := NewKeyring(test.integrations, test.keys, openPlain)
			if err == nil || ring != nil {
				t.Fatalf("got %v, %v, want an error only", ring, err)
			}
			if strings.Contains(err.Error(), testSecret[:16]) {
				t.Errorf("got error %q, want one without the secret", err)
			}
		})
	}
	fault := errors.New("sealed under another key")
	_, err := NewKeyring(oneIntegration(), testKeys("HS256"), func(store.Key) ([]byte, error) { return nil, fault })
	if !errors.Is(err, fault) {
		t.Errorf("a secret that can't be opened: got error %v, want %v", err, fault)
	}
}

func TestSelectKey(t *testing.T) {
	t.Parallel()
	secretOf := func(i int) string { return fmt.Sprintf("%02d-%s", i, testSecret) }
	past, future := testNow.Add(-time.Minute), testNow.Add(time.Minute)
	hs := func(i int, retiresAt *time.Time) store.Key {
		key := testKey(fmt.Sprintf("k%d", i), "HS256", i)
		key.SealedSecret, key.RetiresAt = []byte(secretOf(i)), retiresAt
		return key
	}
	many := func(n int, retiresAt func(int) *time.Time) []store.Key {
		keys := make([]store.Key, 0, n)
		for i := range n {
			keys = append(keys, hs(i, retiresAt(i)))
		}
		return keys
	}
	never := func(int) *time.Time { return nil }
	tokenOf := func(secret, kid string) string {
		header := goodHeader
		if kid != "" {
			header = `{"alg":"HS256","kid":"` + kid + `"}`
		}
		return hs256(secret, header, claimsWith(nil))
	}
	rs := testKey("rs", "RS256", 0)
	retiredRS := testKey("rs", "RS256", 0)
	retiredRS.RetiresAt = &past

	tests := []struct {
		name  string
		keys  []store.Key
		token string
		keyID string
		want  Reason
	}{
		{"one key, no kid", many(1, never), tokenOf(secretOf(0), ""), "k0", ""},
		{"named", many(2, never), tokenOf(secretOf(1), "k1"), "k1", ""},
		{"older of two, no kid", many(2, never), tokenOf(secretOf(0), ""), "k0", ""},
		{"the partner's own kid", many(2, never), tokenOf(secretOf(0), "theirs"), "k0", ""},
		{"oldest of five", many(5, never), tokenOf(secretOf(0), ""), "k0", ""},
		{"sixth of six is not tried", many(6, never), tokenOf(secretOf(0), ""), "", SignatureInvalid},
		{"sixth of six by its name", many(6, never), tokenOf(secretOf(0), "k0"), "k0", ""},
		{"named, signed with another live key", many(2, never), tokenOf(secretOf(0), "k1"), "", SignatureInvalid},
		{"unknown secret", many(5, never), tokenOf(secretOf(9), ""), "", SignatureInvalid},
		{"retires later", []store.Key{hs(0, &future)}, tokenOf(secretOf(0), ""), "k0", ""},
		{"retired, named", []store.Key{hs(0, &past), hs(1, nil)}, tokenOf(secretOf(0), "k0"), "", KeyRetired},
		{"retired, not named", []store.Key{hs(0, &past), hs(1, nil)}, tokenOf(secretOf(0), ""), "", KeyRetired},
		{"retired this instant", []store.Key{hs(0, new(testNow))}, tokenOf(secretOf(0), ""), "", KeyRetired},
		{"all retired", []store.Key{hs(0, &past)}, tokenOf(secretOf(0), ""), "", KeyRetired},
		{"all retired, unknown secret", []store.Key{hs(0, &past)}, tokenOf(secretOf(9), ""), "", SignatureInvalid},
		{"longest retired of six", many(6, func(i int) *time.Time { return new(past.Add(time.Duration(i) * time.Second)) }), tokenOf(secretOf(0), ""), "", SignatureInvalid},
		{"last retired of six", many(6, func(i int) *time.Time { return new(past.Add(time.Duration(i) * time.Second)) }), tokenOf(secretOf(5), ""), "", KeyRetired},
		{"no keys", nil, tokenOf(secretOf(0), ""), "", SignatureInvalid},

		{"J01 RS256 key named by an HS256 token", []store.Key{rs}, tokenOf(string(rs.PublicKey), "rs"), "", AlgNotAllowed},
		{"J02 RS256 public key as HMAC secret", []store.Key{rs}, tokenOf(string(rs.PublicKey), ""), "", AlgNotAllowed},
		{"J02 RS256 public key in PEM as HMAC secret", []store.Key{rs}, tokenOf(publicPEM(t, asymmetric().rsa.Public()), ""), "", AlgNotAllowed},
		{"J01 HS256 key named by an HS384 token", many(1, never), compact(`{"alg":"HS384","kid":"k0"}`, claimsWith(nil), func(s []byte) []byte { return sign("HS384", secretOf(0), s) }), "", AlgNotAllowed},
		{"J01 HS256 key and an HS512 token", many(1, never), signedAs("HS512", secretOf(0), claimsWith(nil)), "", AlgNotAllowed},
		{"J01 HS256 header over an HS512 signature", many(1, never), compact(goodHeader, claimsWith(nil), func(s []byte) []byte { return sign("HS512", secretOf(0), s) }), "", SignatureInvalid},
		{"J02 both kinds live, each by its algorithm", []store.Key{rs, hs(0, nil)}, signedAs("RS256", "", claimsWith(nil)), "rs", ""},
		{"retired key of another algorithm", []store.Key{retiredRS, hs(0, nil)}, signedAs("RS256", "", claimsWith(nil)), "", KeyRetired},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			ring := newTestRing(t, oneIntegration(), test.keys...)
			got, err := Verify(ring, linkOf(test.token), testNow)
			if reason := reasonOf(t, err); reason != test.want || got.KeyID != test.keyID {
				t.Errorf("got key %q, %q (%v), want key %q, %q", got.KeyID, reason, err, test.keyID, test.want)
			}
		})
	}
}

func TestSlips(t *testing.T) {
	t.Parallel()
	raw := sha256.Sum256([]byte("some bytes"))
	hexText := hex.EncodeToString(raw[:])
	std := base64.StdEncoding.EncodeToString(raw[:])
	urlText := base64.RawURLEncoding.EncodeToString([]byte("\xfb\xff\xfe" + string(raw[:])))
	urlRaw := "\xfb\xff\xfe" + string(raw[:])
	tests := []struct{ name, secret, signedWith, says string }{
		{"base64", std, string(raw[:]), "the base64-decoded secret"},
		{"base64 without padding", strings.TrimRight(std, "="), string(raw[:]), "the base64-decoded secret"},
		{"base64url", urlText, urlRaw, "the base64url-decoded secret"},
		{"base64 in an environment file", std + "\n", string(raw[:]), "the base64-decoded secret"},
		{"hex", hexText, string(raw[:]), "the hex-decoded secret"},
		{"trimmed", " " + testSecret + "\n", testSecret, "without the spaces"},
		{"line feed", testSecret, testSecret + "\n", "a line feed behind it"},
		{"CRLF", testSecret, testSecret + "\r\n", "a carriage return and a line feed"},
		{"quite another", testSecret, testOtherSecret, " has not made this signature"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			key := testKey("k1", "HS256", 0)
			key.SealedSecret = []byte(test.secret)
			ring := newTestRing(t, oneIntegration(), key)
			_, err := Verify(ring, linkOf(hs256(test.signedWith, goodHeader, claimsWith(nil))), testNow)
			refusal := refusalOf(t, err)
			if refusal.Reason != SignatureInvalid || !strings.Contains(refusal.Detail, test.says) {
				t.Errorf("got %q with %q, want %q with %q", refusal.Reason, refusal.Detail, SignatureInvalid, test.says)
			}
			for _, secret := range []string{test.secret, test.signedWith} {
				if strings.Contains(refusal.Detail, secret) {
					t.Errorf("got detail %q, want one without the secret", refusal.Detail)
				}
			}
		})
	}
}

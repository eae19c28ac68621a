package provisioning

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"maps"
	"sync"
	"testing"
	"time"

	"usher/sql/store"
)

// The clock of all tests of verification.
var testNow = time.Date(2026, time.March, 14, 15, 9, 26, 500_000_000, time.UTC)

const (
	testAppID       = "57cc264630b65c1e04acc09a"
	testOtherAppID  = "57cc264630b65c1e04acc09b"
	testRemovedApp  = "57cc264630b65c1e04acc0ff"
	testSecret      = "kT8vQ2mZr5xWc0LpJ7nBd4HsYf1Ga6Ue" // 32 characters
	testOtherSecret = "Zp3Xs9Rw1Kq7Lt5Mv0Nb8Hc2Jd6Fg4Ya"
)

// asymmetric are key pairs that are costly to make; tests only read them.
var asymmetric = sync.OnceValue(func() (keys struct {
	rsa     *rsa.PrivateKey
	ecdsa   *ecdsa.PrivateKey
	ed25519 ed25519.PrivateKey
},
) {
	keys.rsa, _ = rsa.GenerateKey(rand.Reader, 2048)
	keys.ecdsa, _ = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	_, keys.ed25519, _ = ed25519.GenerateKey(rand.Reader)
	return keys
})

func b64(data []byte) string { return base64.RawURLEncoding.EncodeToString(data) }

// hs256 signs any header and payload text, good or bad.
func hs256(secret, header, payload string) string {
	return compact(header, payload, func(signed []byte) []byte { return mac(sha256.New, secret, signed) })
}

func mac(newHash func() hash.Hash, secret string, signed []byte) []byte {
	m := hmac.New(newHash, []byte(secret))
	m.Write(signed)
	return m.Sum(nil)
}

func compact(header, payload string, sign func([]byte) []byte) string {
	signed := b64([]byte(header)) + "." + b64([]byte(payload))
	return signed + "." + b64(sign([]byte(signed)))
}

// sign makes a signature under one of the six algorithms.
func sign(algorithm, secret string, signed []byte) []byte {
	keys := asymmetric()
	digest := sha256.Sum256(signed)
	switch algorithm {
	case "HS256":
		return mac(sha256.New, secret, signed)
	case "HS384":
		return mac(sha512.New384, secret, signed)
	case "HS512":
		return mac(sha512.New, secret, signed)
	case "RS256":
		signature, err := rsa.SignPKCS1v15(nil, keys.rsa, crypto.SHA256, digest[:])
		if err != nil {
			panic(err)
		}
		return signature
	case "ES256":
		r, s, err := ecdsa.Sign(rand.Reader, keys.ecdsa, digest[:])
		if err != nil {
			panic(err)
		}
		return append(r.FillBytes(make([]byte, 32)), s.FillBytes(make([]byte, 32))...)
	case "EdDSA":
		return ed25519.Sign(keys.ed25519, signed)
	}
	panic("no such algorithm: " + algorithm)
}

// signedAs is a token of the named algorithm with good header and claims.
func signedAs(algorithm, secret, payload string) string {
	return compact(`{"alg":"`+algorithm+`","typ":"JWT"}`, payload, func(signed []byte) []byte {
		return sign(algorithm, secret, signed)
	})
}

// claimsWith is a good payload with some claims changed; a nil one is left
// out, a json.RawMessage stands as it is.
func claimsWith(changes map[string]any) string {
	claims := map[string]any{"email": "anna@example.com", "iat": testNow.Unix()}
	maps.Copy(claims, changes)
	maps.DeleteFunc(claims, func(_ string, value any) bool { return value == nil })
	text, err := json.Marshal(claims)
	if err != nil {
		panic(err)
	}
	return string(text)
}

func goodToken() string {
	return hs256(testSecret, `{"alg":"HS256","typ":"JWT"}`, claimsWith(nil))
}

func testIntegration(id, appID string) store.Integration {
	return store.Integration{
		TenantID: "tenant-1", ID: id, AppID: appID, Name: "Partner",
		MaxAge: 180 * time.Second, Leeway: 60 * time.Second,
	}
}

// testKey is a key of integration "i1", created minutes after the first.
func testKey(id, algorithm string, minutes int) store.Key {
	key := store.Key{
		TenantID: "tenant-1", ID: id, IntegrationID: "i1", Algorithm: algorithm,
		CreatedAt: testNow.Add(-24*time.Hour + time.Duration(minutes)*time.Minute),
	}
	var public any
	switch algorithm {
	case "RS256":
		public = asymmetric().rsa.Public()
	case "ES256":
		public = asymmetric().ecdsa.Public()
	case "EdDSA":
		public = asymmetric().ed25519.Public()
	default:
		key.SealedSecret = []byte(testSecret)
		return key
	}
	der, err := x509.MarshalPKIXPublicKey(public)
	if err != nil {
		panic(err)
	}
	key.PublicKey = der
	return key
}

// openPlain stands for decryption: the tests' secrets are not encrypted.
func openPlain(key store.Key) ([]byte, error) { return key.SealedSecret, nil }

func newTestRing(t testing.TB, integrations []store.Integration, keys ...store.Key) *Keyring {
	t.Helper()
	ring, err := NewKeyring(integrations, keys, openPlain)
	if err != nil {
		t.Fatalf("NewKeyring: got error %v, want none", err)
	}
	return ring
}

// oneRing holds one integration with one HS256 key, "k1".
func oneRing(t testing.TB, change func(*store.Integration)) *Keyring {
	t.Helper()
	integration := testIntegration("i1", testAppID)
	if change != nil {
		change(&integration)
	}
	return newTestRing(t, []store.Integration{integration}, testKey("k1", "HS256", 0))
}

func linkOf(token string) Link {
	return Link{Token: token, Limit: 64 << 10, Audiences: []string{"https://usher.example", "acme.example"}}
}

// reasonOf is the reason of a refusal, "" for no error at all.
func reasonOf(t testing.TB, err error) Reason {
	t.Helper()
	if err == nil {
		return ""
	}
	var refusal *Refusal
	if !errors.As(err, &refusal) {
		t.Fatalf("got error %v of type %T, want a *Refusal", err, err)
	}
	return refusal.Reason
}

func refusalOf(t testing.TB, err error) Refusal {
	t.Helper()
	var refusal *Refusal
	if !errors.As(err, &refusal) {
		t.Fatalf("got error %v, want a *Refusal", err)
	}
	return *refusal
}

func list(n int, element func(int) string) string {
	text := "["
	for i := range n {
		if i > 0 {
			text += ","
		}
		text += element(i)
	}
	return text + "]"
}

func numbered(format string) func(int) string {
	return func(i int) string { return fmt.Sprintf(format, i) }
}

func oneIntegration() []store.Integration {
	return []store.Integration{testIntegration("i1", testAppID)}
}

func testKeys(algorithms ...string) []store.Key {
	keys := make([]store.Key, 0, len(algorithms))
	for i, algorithm := range algorithms {
		keys = append(keys, testKey(fmt.Sprintf("k%d", i+1), algorithm, i))
	}
	return keys
}

// fastest is the best time of a few runs, so that other work on the machine
// does not count.
func fastest(run func()) time.Duration {
	best := time.Hour
	for range 5 {
		start := time.Now()
		run()
		best = min(best, time.Since(start))
	}
	return best
}

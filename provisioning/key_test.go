package provisioning

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"math/big"
	"strings"
	"testing"

	"github.com/go-jose/go-jose/v4"
)

func TestCheckSecret(t *testing.T) {
	t.Parallel()
	good := []string{
		testSecret,
		testOtherSecret,
		strings.Repeat("é", 8) + "kT8vQ2mZr5xWc0Lp",
		"  " + testSecret + "\n",
		"c2VjcmV0LXRoYXQtbG9va3MtbGlrZS1iYXNlNjQtdGV4dA==",
		strings.Repeat("x", 1000) + "kT8vQ2mZr5xWc0LpJ7nBd4Hs",
	}
	for _, secret := range good {
		if err := CheckSecret(secret); err != nil {
			t.Errorf("%q: got error %v, want none", secret, err)
		}
	}
	bad := map[string]string{
		"H4 empty":              "",
		"J05 31 bytes":          testSecret[:31],
		"J05 a famous one":      "your-256-bit-secret",
		"H4 NUL behind":         testSecret + "\x00",
		"H4 NUL inside":         testSecret[:10] + "\x00" + testSecret[10:],
		"H4 NUL only":           strings.Repeat("\x00", 32),
		"too long":              strings.Repeat(testSecret, 33),
		"invalid UTF-8":         testSecret + "\xff",
		"J05 one character":     strings.Repeat("a", 64),
		"J05 spaces":            strings.Repeat(" ", 32),
		"J05 digits":            "12345678901234567890123456789012",
		"J05 word repeated":     "passwordpasswordpasswordpassword",
		"J05 word repeated cut": "secret-secret-secret-secret-secr",
		"J05 RFC 7515":          "AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow",
		"J05 jwt.io 256":        "a-string-secret-at-least-256-bits-long",
		"J05 jwt.io 384":        "a-valid-string-secret-that-is-at-least-384-bits-long",
		"J05 jwt.io 512":        "A-valid-string-secret-that-is-at-least-512-bits-long-which-is-very-long",
		"J05 jwt.io padded":     "your-256-bit-secret0000000000000",
		"J05 jwt.io doubled":    "your-256-bit-secret-Your-256-bit-secret",
		"J05 placeholder":       "please-change-me-0123456789-abcdef",
		"J05 alphabet":          "abcdefghijklmnopqrstuvwxyz123456",
		"J02 public key":        "-----BEGIN PUBLIC KEY-----\nMFkwEwYHKoZIzj0CAQYI",
		"J02 JWK":               `{"kty":"oct","k":"c2VjcmV0LXNlY3JldC1zZWNyZXQ"}`,
	}
	for name, secret := range bad {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			err := CheckSecret(secret)
			if err == nil {
				t.Fatal("got no error, want one")
			}
			if len(secret) > 8 && strings.Contains(err.Error(), strings.TrimSpace(secret[:8])) && strings.TrimSpace(secret) != "" {
				t.Errorf("got error %q, want one that quotes nothing of the secret", err)
			}
		})
	}
}

func pemOf(t *testing.T, kind string, der []byte, err error) string {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}))
}

func publicPEM(t *testing.T, key any) string {
	t.Helper()
	der, err := x509.MarshalPKIXPublicKey(key)
	return pemOf(t, "PUBLIC KEY", der, err)
}

func jwkOf(t *testing.T, key jose.JSONWebKey) string {
	t.Helper()
	text, err := key.MarshalJSON()
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// jwkWith is a public JWK with members changed; nil takes one away.
func jwkWith(t *testing.T, key any, changes map[string]any) string {
	t.Helper()
	var members map[string]any
	if err := json.Unmarshal([]byte(jwkOf(t, jose.JSONWebKey{Key: key})), &members); err != nil {
		t.Fatal(err)
	}
	for name, value := range changes {
		if value == nil {
			delete(members, name)
			continue
		}
		members[name] = value
	}
	text, err := json.Marshal(members)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func TestParsePublicKey(t *testing.T) {
	t.Parallel()
	keys := asymmetric()
	tests := []struct {
		name, text, algorithm string
		public                any
	}{
		{"RSA PEM", publicPEM(t, keys.rsa.Public()), "RS256", keys.rsa.Public()},
		{"P-256 PEM", publicPEM(t, keys.ecdsa.Public()), "ES256", keys.ecdsa.Public()},
		{"Ed25519 PEM", publicPEM(t, keys.ed25519.Public()), "EdDSA", keys.ed25519.Public()},
		{"PEM with spaces and CRLF", "\r\n " + strings.ReplaceAll(publicPEM(t, keys.ecdsa.Public()), "\n", "\r\n") + "\n\n", "ES256", keys.ecdsa.Public()},
		{"RSA JWK", jwkWith(t, keys.rsa.Public(), nil), "RS256", keys.rsa.Public()},
		{"P-256 JWK", jwkWith(t, keys.ecdsa.Public(), nil), "ES256", keys.ecdsa.Public()},
		{"Ed25519 JWK", jwkWith(t, keys.ed25519.Public(), nil), "EdDSA", keys.ed25519.Public()},
		{"JWK with everything", jwkWith(t, keys.ecdsa.Public(), map[string]any{
			"use": "sig", "alg": "ES256", "key_ops": []string{"verify"}, "kid": "x", "x5u": "https://127.0.0.1:1/none", "ext": true,
		}), "ES256", keys.ecdsa.Public()},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			algorithm, der, err := ParsePublicKey(test.text)
			if err != nil || algorithm != test.algorithm {
				t.Fatalf("got %q, error %v, want %q", algorithm, err, test.algorithm)
			}
			got, err := x509.ParsePKIXPublicKey(der)
			if err != nil {
				t.Fatal(err)
			}
			if !samePublicKey(got, test.public) {
				t.Errorf("got another key than %v", test.public)
			}
		})
	}
}

func samePublicKey(a, b any) bool {
	derA, errA := x509.MarshalPKIXPublicKey(a)
	derB, errB := x509.MarshalPKIXPublicKey(b)
	return errA == nil && errB == nil && string(derA) == string(derB)
}

func TestParsePublicKeyRefuses(t *testing.T) {
	t.Parallel()
	keys := asymmetric()
	small, err := rsa.GenerateKey(rand.Reader, 1024)
	if err != nil {
		t.Fatal(err)
	}
	p384, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	evenModulus := &rsa.PublicKey{N: new(big.Int).Sub(keys.rsa.N, big.NewInt(1)), E: 65537}
	private, err := x509.MarshalPKCS8PrivateKey(keys.ecdsa)
	privatePEM := pemOf(t, "PRIVATE KEY", private, err)
	rawPrivate, err := keys.ecdsa.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	oldPrivate, err := x509.MarshalECPrivateKey(keys.ecdsa)
	oldPrivatePEM := pemOf(t, "EC PRIVATE KEY", oldPrivate, err)
	good := publicPEM(t, keys.ecdsa.Public())
	goodJWK := jwkWith(t, keys.ecdsa.Public(), nil)

	tests := []struct{ name, text, says string }{
		{"nothing", "", "neither PEM nor a JWK"},
		{"words", "my key", "neither PEM nor a JWK"},
		{"bare base64", strings.Join(strings.Split(good, "\n")[1:3], ""), "neither PEM nor a JWK"},
		{"too long", strings.Repeat(" x", 20<<10), "too long"},
		{"private key", privatePEM, "private key"},
		{"private key of one kind", oldPrivatePEM, "private key"},
		{"RSA private key", pemOf(t, "RSA PRIVATE KEY", x509.MarshalPKCS1PrivateKey(keys.rsa), nil), "private key"},
		{"private key behind the public one", good + privatePEM, "private key"},
		{"private key before the public one", privatePEM + good, "private key"},
		{"two public keys", good + good, "more than one"},
		{"text behind", good + "kind regards", "more than one"},
		{"certificate", pemOf(t, "CERTIFICATE", []byte("x"), nil), "certificate"},
		{"PKCS #1", pemOf(t, "RSA PUBLIC KEY", x509.MarshalPKCS1PublicKey(&keys.rsa.PublicKey), nil), "PKCS #1"},
		{"other block", pemOf(t, "OPENSSH KEY", []byte("x"), nil), "not a public key"},
		{"no DER", pemOf(t, "PUBLIC KEY", []byte("x"), nil), "can't be read"},
		{"lines joined", strings.ReplaceAll(good, "\n", " "), "can't be read"},
		{"cut", good[:60], "can't be read"},
		{"J04 RSA of 1024 bits", publicPEM(t, small.Public()), "1024 bits"},
		{"J04 RSA with an even modulus", publicPEM(t, evenModulus), "modulus or exponent"},
		{"J04 RSA with exponent 1", publicPEM(t, &rsa.PublicKey{N: keys.rsa.N, E: 1}), ""},
		{"J04 RSA with exponent 2", jwkWith(t, keys.rsa.Public(), map[string]any{"e": "Ag"}), "modulus or exponent"},
		{"J04 RSA with an even exponent", jwkWith(t, keys.rsa.Public(), map[string]any{"e": b64([]byte{1, 0})}), "modulus or exponent"},
		{"J04 RSA with a huge exponent", jwkWith(t, keys.rsa.Public(), map[string]any{"e": b64([]byte{1, 0, 0, 0, 1})}), "modulus or exponent"},
		{"J04 RSA of 16384 bits", publicPEM(t, &rsa.PublicKey{N: new(big.Int).Lsh(big.NewInt(3), 16382), E: 65537}), "16384 bits"},
		{"J04 RSA of 32768 bits", jwkWith(t, keys.rsa.Public(), map[string]any{"n": b64(append([]byte{0x80}, make([]byte, 4095)...))}), "not a good public key"},
		{"J04 P-384", publicPEM(t, p384.Public()), "another curve"},
		{"J04 P-384 JWK", jwkWith(t, p384.Public(), nil), "another curve"},
		{"J04 point off the curve", jwkWith(t, keys.ecdsa.Public(), map[string]any{"x": b64(make([]byte, 32))}), "not a good public key"},
		{"J04 short coordinate", jwkWith(t, keys.ecdsa.Public(), map[string]any{"x": b64(make([]byte, 31))}), "not a good public key"},
		{"J04 no y", jwkWith(t, keys.ecdsa.Public(), map[string]any{"y": nil}), "not a good public key"},
		{"J04 curve swapped", jwkWith(t, keys.ecdsa.Public(), map[string]any{"crv": "P-384"}), "not a good public key"},
		{"J04 short Ed25519", jwkWith(t, keys.ed25519.Public(), map[string]any{"x": b64(make([]byte, 31))}), ""},
		{"J04 X25519", jwkWith(t, keys.ed25519.Public(), map[string]any{"crv": "X25519"}), "not a good public key"},
		{"J04 Ed448", jwkWith(t, keys.ed25519.Public(), map[string]any{"crv": "Ed448"}), "not a good public key"},
		{"J04 use enc", jwkWith(t, keys.ecdsa.Public(), map[string]any{"use": "enc"}), "use"},
		{"J04 key_ops sign", jwkWith(t, keys.ecdsa.Public(), map[string]any{"key_ops": []string{"sign"}}), "key_ops"},
		{"J04 key_ops text", jwkWith(t, keys.ecdsa.Public(), map[string]any{"key_ops": "verify"}), "key_ops"},
		{"J04 alg of another key", jwkWith(t, keys.ecdsa.Public(), map[string]any{"alg": "RS256"}), "alg is not ES256"},
		{"H9 alg PS256", jwkWith(t, keys.rsa.Public(), map[string]any{"alg": "PS256"}), "alg is not RS256"},
		{"J04 alg number", jwkWith(t, keys.rsa.Public(), map[string]any{"alg": 5}), "alg is not a name"},
		{"J02 oct", `{"kty":"oct","k":"c2VjcmV0LXNlY3JldC1zZWNyZXQ"}`, "private or secret"},
		{"private JWK", jwkOf(t, jose.JSONWebKey{Key: keys.ecdsa}), "private or secret"},
		{"private RSA JWK", jwkOf(t, jose.JSONWebKey{Key: keys.rsa}), "private or secret"},
		{"one private part", jwkWith(t, keys.rsa.Public(), map[string]any{"dp": "AA"}), "private or secret"},
		{"JWK set", `{"keys":[` + goodJWK + `]}`, "JWK set"},
		{"duplicated member", strings.Replace(goodJWK, "{", `{"kty":"RSA",`, 1), "twice"},
		{"unknown kty", `{"kty":"XX"}`, "not a good public key"},
		{"no kty", `{"x":"AA"}`, "not a good public key"},
		{"broken JSON", `{"kty":`, "can't be read"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			algorithm, der, err := ParsePublicKey(test.text)
			if err == nil || algorithm != "" || der != nil {
				t.Fatalf("got %q, %d bytes, error %v, want an error only", algorithm, len(der), err)
			}
			if !strings.Contains(err.Error(), test.says) {
				t.Errorf("got error %q, want one that says %q", err, test.says)
			}
			inPEM := strings.Split(privatePEM, "\n")[1]
			if strings.Contains(err.Error(), inPEM[:16]) || strings.Contains(err.Error(), b64(rawPrivate)) {
				t.Errorf("got error %q, want one without private parts", err)
			}
		})
	}
}

// Each point of small order must be refused, and each entry of the list must
// be one: a signature that anyone can make holds under it for some message.
func TestSmallOrderPoints(t *testing.T) {
	t.Parallel()
	forged := append([]byte{1}, make([]byte, 63)...) // R = identity, S = 0
	for _, point := range smallOrderPoints {
		holds := false
		for _, sign := range []byte{0, 0x80} {
			key, err := hex.DecodeString(point)
			if err != nil {
				t.Fatal(err)
			}
			key[31] |= sign
			if _, err := algorithmOf(ed25519.PublicKey(key)); err == nil {
				t.Errorf("%x: got no error, want one", key)
			}
			for i := range 200 {
				holds = holds || ed25519.Verify(key, fmt.Append(nil, i), forged)
			}
		}
		if !holds {
			t.Errorf("%s: got no forged signature that holds, want one: is it of small order?", point)
		}
	}
}

func FuzzParsePublicKey(f *testing.F) {
	keys := asymmetric()
	for _, public := range []any{keys.rsa.Public(), keys.ecdsa.Public(), keys.ed25519.Public()} {
		der, err := x509.MarshalPKIXPublicKey(public)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})))
		jwk, err := jose.JSONWebKey{Key: public}.MarshalJSON()
		if err != nil {
			f.Fatal(err)
		}
		f.Add(string(jwk))
	}
	f.Add(`{"kty":"EC","crv":"P-256","x":"AA","y":"AA"}`)
	f.Fuzz(func(t *testing.T, text string) {
		algorithm, der, err := ParsePublicKey(text)
		if err != nil {
			if algorithm != "" || der != nil {
				t.Errorf("got %q and %d bytes beside error %v, want nothing", algorithm, len(der), err)
			}
			return
		}
		key, err := x509.ParsePKIXPublicKey(der)
		if err != nil {
			t.Fatalf("the result of %q can't be read: %v", text, err)
		}
		if again, err := algorithmOf(key); err != nil || again != algorithm {
			t.Errorf("%q: got %q, and from its result %q, %v", text, algorithm, again, err)
		}
	})
}

package provisioning

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/x509"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/go-jose/go-jose/v4"
)

const (
	minSecretBytes = 32 // RFC 7518 §3.2, for HS256
	maxSecretBytes = 1024

	minRSABits = 2048 // RFC 7518 §3.3
	maxRSABits = 8192 // verification grows with the square

	maxPublicKeyText = 16 << 10

	acceptedKeys = "; accepted are an RSA key of 2048 to 8192 bits (RS256), a P-256 key (ES256) and an Ed25519 key (EdDSA), as PEM (BEGIN PUBLIC KEY) or as one JWK"
)

// publicSecrets are known to everyone from documentation. Texts shorter than
// minSecretBytes need no place here.
var publicSecrets = []string{
	// RFC 7515 appendix A.1 and appendix A.1 of RFC 7517, member k.
	"AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow",
	"GawgguFyGrWKav7AX4VKUg",
	// The web debugger at jwt.io.
	"a-string-secret-at-least-256-bits-long",
	"a-valid-string-secret-that-is-at-least-384-bits-long",
	"a-valid-string-secret-that-is-at-least-512-bits-long-which-is-very-long",
	// Rows of the keyboard and of the alphabet.
	"abcdefghijklmnopqrstuvwxyz123456",
	"abcdefghijklmnopqrstuvwxyz0123456789",
	"0123456789abcdefghijklmnopqrstuvwxyz",
	"abcdefghijklmnopqrstuvwxyzabcdef",
}

// placeholders stand in tutorials where a secret belongs; a secret that
// contains one has been padded to the length asked for.
var placeholders = []string{
	"your-256-bit-secret", "your-384-bit-secret", "your-512-bit-secret",
	"your_jwt_secret", "your-secret-key", "your_secret_key", "changeme", "change-me",
}

// CheckSecret tells whether a shared secret may be installed. The characters
// themselves are the key, never what they may encode. A secret has 32 to 1024
// bytes of UTF-8 without NUL (HMAC pads keys with zeros, so that a secret and
// the same with NUL behind it would be one key), is no short text repeated, no
// pasted key in PEM or JWK form, and not known from documentation. The error
// says which, and holds nothing of the secret.
func CheckSecret(secret string) error {
	if err := checkSecretForm(secret); err != nil {
		return err
	}
	if !utf8.ValidString(secret) {
		return errors.New("the secret is not valid UTF-8")
	}
	if strings.Contains(secret, "-----BEGIN ") || strings.HasPrefix(strings.TrimSpace(secret), "{") {
		return errors.New("the secret looks like a key in PEM or JWK form: install it as a public key")
	}
	if repeats(secret) {
		return errors.New("the secret is a short text repeated")
	}
	folded := strings.ToLower(strings.TrimSpace(secret))
	for _, known := range publicSecrets {
		if folded == strings.ToLower(known) {
			return errors.New("the secret is publicly known from documentation")
		}
	}
	for _, placeholder := range placeholders {
		if strings.Contains(folded, placeholder) {
			return errors.New("the secret is a placeholder known from documentation")
		}
	}
	return nil
}

// checkSecretForm holds at installation and whenever keys are loaded.
func checkSecretForm(secret string) error {
	switch {
	case len(secret) < minSecretBytes:
		return fmt.Errorf("the secret has %d bytes, at least %d are needed", len(secret), minSecretBytes)
	case len(secret) > maxSecretBytes:
		return fmt.Errorf("the secret has %d bytes, at most %d are accepted", len(secret), maxSecretBytes)
	case strings.ContainsRune(secret, 0):
		return errors.New("the secret holds a NUL character")
	}
	return nil
}

// repeats reports whether s, of at least 32 bytes, is one text of at most 16
// bytes written again and again; the last time it may be cut.
func repeats(s string) bool {
	for period := 1; period <= minSecretBytes/2; period++ {
		if s[period:] == s[:len(s)-period] {
			return true
		}
	}
	return false
}

// ParsePublicKey reads the public key that an admin pasted: one PEM block of
// type PUBLIC KEY (RFC 7468 §13) or one JWK (RFC 7517). It returns the
// algorithm that tokens must name and the key as PKIX, DER. The error is a
// sentence for the admin; it never quotes the input, which may hold a private
// key by mistake.
func ParsePublicKey(text string) (algorithm string, der []byte, err error) {
	text = strings.TrimSpace(text)
	var key any
	var declared string
	switch {
	case len(text) > maxPublicKeyText:
		return "", nil, errors.New("the text is too long for one public key" + acceptedKeys)
	case strings.Contains(text, "PRIVATE KEY-----"):
		return "", nil, errors.New("this is a private key: it must stay with the partner. Paste the public key that belongs to it, and replace the pair if others have seen this one")
	case strings.HasPrefix(text, "-----BEGIN "):
		key, err = parsePEM(text)
	case strings.HasPrefix(text, "{"):
		key, declared, err = parseJWK(text)
	default:
		err = errors.New("this is neither PEM nor a JWK" + acceptedKeys)
	}
	if err != nil {
		return "", nil, err
	}
	algorithm, err = algorithmOf(key)
	if err != nil {
		return "", nil, err
	}
	if declared != "" && declared != algorithm {
		return "", nil, fmt.Errorf("the JWK's alg is not %s, the one for this key%s", algorithm, acceptedKeys)
	}
	der, err = x509.MarshalPKIXPublicKey(key)
	if err != nil {
		return "", nil, fmt.Errorf("encode the public key: %w", err)
	}
	return algorithm, der, nil
}

func parsePEM(text string) (any, error) {
	block, rest := pem.Decode([]byte(text))
	switch {
	case block == nil:
		return nil, errors.New("this PEM block can't be read: its lines may have been joined or cut" + acceptedKeys)
	case len(strings.TrimSpace(string(rest))) > 0:
		return nil, errors.New("there is more than one PEM block: paste one public key at a time")
	case block.Type == "CERTIFICATE":
		return nil, errors.New("this is a certificate. Paste its public key: openssl x509 -in cert.pem -noout -pubkey")
	case block.Type == "RSA PUBLIC KEY":
		return nil, errors.New("this is an RSA key in PKCS #1 form. Convert it: openssl rsa -RSAPublicKey_in -in key.pem -pubout")
	case block.Type != "PUBLIC KEY":
		return nil, errors.New("this PEM block is not a public key" + acceptedKeys)
	}
	key, err := x509.ParsePKIXPublicKey(block.Bytes)
	if err != nil {
		return nil, errors.New("this public key can't be read" + acceptedKeys)
	}
	return key, nil
}

// parseJWK reads one JWK and the algorithm that it declares ("" = none). The
// strict reader sees the members first, so that go-jose, which decodes the key
// itself, can't be shown another text.
func parseJWK(text string) (key any, declared string, err error) {
	members, err := readJSON(text)
	if err != nil {
		return nil, "", fmt.Errorf("this JWK can't be read: %w", err)
	}
	if members.member("keys").exists() {
		return nil, "", errors.New("this is a JWK set: paste one of its keys at a time")
	}
	for _, private := range privateMembers() {
		if members.member(private).exists() {
			return nil, "", errors.New("this JWK holds private or secret parts: they must stay with the partner. Paste the public JWK, and replace the key if others have seen this one")
		}
	}
	if use := members.member("use"); use.exists() && (use.kind() != jsonString || use.text() != "sig") {
		return nil, "", errors.New(`the JWK's use is not "sig": this key is not meant for signatures`)
	}
	if ops := members.member("key_ops"); ops.exists() && !listsVerify(ops) {
		return nil, "", errors.New(`the JWK's key_ops do not hold "verify": this key is not meant for signatures`)
	}
	if alg := members.member("alg"); alg.exists() {
		if alg.kind() != jsonString || alg.text() == "" {
			return nil, "", errors.New("the JWK's alg is not a name" + acceptedKeys)
		}
		declared = alg.text()
	}
	var jwk jose.JSONWebKey
	if err := jwk.UnmarshalJSON([]byte(text)); err != nil {
		// The library's error may quote members.
		return nil, "", errors.New("this JWK is not a good public key" + acceptedKeys)
	}
	return jwk.Key, declared, nil
}

// listsVerify reports whether key_ops (RFC 7517 §4.3) allow verification.
func listsVerify(ops jsonValue) bool {
	if ops.kind() != jsonArray {
		return false
	}
	for op := range ops.children() {
		if op.kind() == jsonString && op.text() == "verify" {
			return true
		}
	}
	return false
}

// algorithmOf checks a public key and gives the one algorithm that we use it
// with.
func algorithmOf(key any) (string, error) {
	switch key := key.(type) {
	case *rsa.PublicKey:
		switch bits := key.N.BitLen(); {
		case bits < minRSABits || bits > maxRSABits:
			return "", fmt.Errorf("this RSA key has %d bits%s", bits, acceptedKeys)
		case key.N.Bit(0) == 0 || key.E < 3 || key.E%2 == 0 || key.E > 1<<31-1:
			return "", errors.New("this RSA key has a bad modulus or exponent" + acceptedKeys)
		}
		return "RS256", nil
	case *ecdsa.PublicKey:
		if key.Curve != elliptic.P256() {
			return "", errors.New("this key is on another curve than P-256" + acceptedKeys)
		}
		if _, err := key.ECDH(); err != nil {
			return "", errors.New("this key's point is not on its curve" + acceptedKeys)
		}
		return "ES256", nil
	case ed25519.PublicKey:
		if len(key) != ed25519.PublicKeySize || smallOrder(key) {
			return "", errors.New("this Ed25519 key is not a usable point" + acceptedKeys)
		}
		return "EdDSA", nil
	default:
		return "", errors.New("keys of this kind are not accepted" + acceptedKeys)
	}
}

// smallOrderPoints are the encodings, without the sign bit, of the points of
// edwards25519 whose order divides 8. Anyone can sign for them.
var smallOrderPoints = []string{
	"0000000000000000000000000000000000000000000000000000000000000000",
	"0100000000000000000000000000000000000000000000000000000000000000",
	"26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
	"c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
	"ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
	"edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
	"eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
}

func smallOrder(key ed25519.PublicKey) bool {
	unsigned := slices.Clone(key)
	unsigned[len(unsigned)-1] &= 0x7F
	return slices.Contains(smallOrderPoints, hex.EncodeToString(unsigned))
}

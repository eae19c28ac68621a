package tokens

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/go-jose/go-jose/v4"

	"usher/sql/store"
)

// Sealer keeps secrets at rest and binds each to its place: what was sealed for
// one place does not open in another.
type Sealer interface {
	Seal(plain []byte, place ...string) []byte
	Open(sealed []byte, place ...string) ([]byte, error)
}

// Algorithms with which tokens are signed (RFC 7518 §3.1).
const (
	ES256 = string(jose.ES256)
	ES384 = string(jose.ES384)
	RS256 = string(jose.RS256)
)

// Algorithms lists them, the one that is taken unless another is asked for first.
// It is also the order of the JWKS.
func Algorithms() []string { return []string{ES256, ES384, RS256} }

const rsaBits = 2048

// KeyState says what a signing key is good for.
type KeyState string

// States of a signing key, in the order in which it goes through them.
const (
	KeyNext    KeyState = "next"    // in the JWKS, signs nothing yet
	KeyActive  KeyState = "active"  // signs
	KeyRetired KeyState = "retired" // signs no more; what it has signed is accepted
	KeyGone    KeyState = "gone"    // out of the JWKS
)

// Times in a signing key's life. ADR 0013 says why.
const (
	// NoticeTime is how long a key stands in the JWKS before it signs: as long as
	// anybody may keep a JWKS.
	NoticeTime = time.Hour
	// KeyLife is how long a key signs before a successor is made.
	KeyLife = 90 * 24 * time.Hour
	// MaxTokenLife bounds the life of every token that a key may have signed.
	MaxTokenLife = 24 * time.Hour

	// clockLeeway is by how much the clocks of instances and verifiers may differ.
	clockLeeway = 5 * time.Minute
	// goneKept is how long a key that is gone is still listed.
	goneKept = 30 * 24 * time.Hour
)

// SigningKey is a key of a tenant, without its private part.
type SigningKey struct {
	ID        string // the kid: its RFC 7638 thumbprint
	Number    int64  // 1, 2, … in the tenant, by age
	Algorithm string
	State     KeyState
	CreatedAt time.Time
	ActiveAt  time.Time  // it signs from then on
	RetiredAt *time.Time // it signs until then; nil = until a successor is made
	GoneAt    *time.Time // what it has signed is accepted until then; nil as above
}

// keyOf says what a stored key is at a time.
func keyOf(k store.SigningKey, now time.Time) SigningKey {
	key := SigningKey{
		ID: k.KID, Number: k.Number, Algorithm: k.Algorithm, State: KeyActive,
		CreatedAt: k.CreatedAt, ActiveAt: k.ActiveAt, RetiredAt: k.RetiredAt, GoneAt: k.GoneAt,
	}
	switch {
	case k.GoneAt != nil && !now.Before(*k.GoneAt):
		key.State = KeyGone
	case k.RetiredAt != nil && !now.Before(*k.RetiredAt):
		key.State = KeyRetired
	case now.Before(k.ActiveAt):
		key.State = KeyNext
	}
	return key
}

// makeKey makes a key that signs from a time on, ready to be stored.
func (t *Tokens) makeKey(tenant, algorithm string, created, active time.Time) (store.SigningKey, error) {
	var private crypto.Signer
	var err error
	switch algorithm {
	case ES256:
		private, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	case ES384:
		private, err = ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	case RS256:
		private, err = rsa.GenerateKey(rand.Reader, rsaBits)
	default:
		err = errors.New("no such algorithm")
	}
	if err != nil {
		return store.SigningKey{}, fmt.Errorf("tokens: making a signing key for %q: %w", algorithm, err)
	}
	jwk := jose.JSONWebKey{Key: private.Public(), Algorithm: algorithm, Use: "sig"}
	thumbprint, err := jwk.Thumbprint(crypto.SHA256)
	if err != nil {
		return store.SigningKey{}, fmt.Errorf("tokens: thumbprint: %w", err)
	}
	jwk.KeyID = base64.RawURLEncoding.EncodeToString(thumbprint)
	public, err := jwk.MarshalJSON()
	if err != nil {
		return store.SigningKey{}, fmt.Errorf("tokens: JWK: %w", err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		return store.SigningKey{}, fmt.Errorf("tokens: PKCS #8: %w", err)
	}
	return store.SigningKey{
		KID: jwk.KeyID, Algorithm: algorithm, PublicJWK: string(public),
		PrivateKey: t.sealer.Seal(der, placeOfKey(tenant, jwk.KeyID)...), CreatedAt: created, ActiveAt: active,
	}, nil
}

// placeOfKey is where a private key is sealed.
func placeOfKey(tenant, kid string) []string {
	return []string{tenant, "signing_keys", kid, "private_key"}
}

// CheckMasterKey reports whether the newest private key opens under the master
// key.
func (t *Tokens) CheckMasterKey(ctx context.Context) error {
	k, err := t.store.NewestSealedSigningKey(ctx)
	if errors.Is(err, ErrNotFound) {
		return nil
	}
	if err == nil {
		_, err = t.openKey(k)
	}
	return err
}

// ringKey is a key as it is used.
type ringKey struct {
	store.SigningKey
	public jose.JSONWebKey
	signer crypto.Signer // nil = destroyed
}

// openKey makes a stored key ready for use.
func (t *Tokens) openKey(k store.SigningKey) (*ringKey, error) {
	key := &ringKey{SigningKey: k}
	if err := json.Unmarshal([]byte(k.PublicJWK), &key.public); err != nil {
		return nil, fmt.Errorf("tokens: public part of signing key %s: %w", k.KID, err)
	}
	if k.PrivateKey == nil {
		return key, nil
	}
	der, err := t.sealer.Open(k.PrivateKey, placeOfKey(k.TenantID, k.KID)...)
	if err != nil {
		return nil, fmt.Errorf("tokens: private part of signing key %s: %w", k.KID, err)
	}
	private, err := x509.ParsePKCS8PrivateKey(der)
	if err != nil {
		return nil, fmt.Errorf("tokens: private part of signing key %s is not PKCS #8", k.KID)
	}
	signer, ok := private.(crypto.Signer)
	if !ok {
		return nil, fmt.Errorf("tokens: private part of signing key %s cannot sign", k.KID)
	}
	key.signer = signer
	return key, nil
}

// served reports whether a key stands in the JWKS, and what it has signed is
// accepted: also before it is active, because clocks differ.
func (k *ringKey) served(now time.Time) bool { return k.GoneAt == nil || now.Before(*k.GoneAt) }

// inOrder sorts keys for the JWKS: by algorithm, ES256 first, and of each the one
// that signs, then those that will and those that did.
func inOrder(keys []*ringKey, now time.Time) {
	rank := func(k *ringKey) int {
		state := slices.Index([]KeyState{KeyActive, KeyNext, KeyRetired, KeyGone}, keyOf(k.SigningKey, now).State)
		return slices.Index(Algorithms(), k.Algorithm)*10 + state
	}
	slices.SortStableFunc(keys, func(a, b *ringKey) int { return rank(a) - rank(b) })
}

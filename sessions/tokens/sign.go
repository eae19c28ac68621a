package tokens

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/go-jose/go-jose/v4"
)

// maxOwnToken bounds, in bytes, what is read as a token of ours, and maxHeader
// its first part.
const (
	maxOwnToken = 64 << 10
	maxHeader   = 1 << 10
)

// ErrInvalid means that a token is none that the tenant has signed with a key
// that is still accepted.
var ErrInvalid = errors.New("not a token of this tenant")

// Header is the JOSE header of a token of ours (RFC 7515 §4).
type Header struct {
	Algorithm string
	KeyID     string
	Type      string // "JWT", "at+jwt" (RFC 9068 §2.1)
}

// Sign makes a JWS in the compact form (RFC 7515 §7.1) of claims, which become
// JSON. algorithm is one of Algorithms, "" the first of them; typ is the header's
// (RFC 7515 §4.1.9). The error is a fault of the database.
//
// Nothing is signed that lives longer than MaxTokenLife: its key would be gone
// before it ends.
func (t *Tokens) Sign(ctx context.Context, tenant, algorithm, typ string, claims any) (string, error) {
	if algorithm == "" {
		algorithm = Algorithms()[0]
	}
	_, key, err := t.ensureKey(ctx, tenant, algorithm)
	if err != nil {
		return "", err
	}
	payload, err := json.Marshal(claims)
	if err != nil {
		return "", fmt.Errorf("tokens: claims: %w", err)
	}
	signer, err := jose.NewSigner(jose.SigningKey{
		Algorithm: jose.SignatureAlgorithm(algorithm), Key: jose.JSONWebKey{Key: key.signer, KeyID: key.KID},
	}, (&jose.SignerOptions{}).WithType(jose.ContentType(typ)))
	if err != nil {
		return "", fmt.Errorf("tokens: signing key %s: %w", key.KID, err)
	}
	signed, err := signer.Sign(payload)
	if err != nil {
		return "", fmt.Errorf("tokens: signing with key %s: %w", key.KID, err)
	}
	return signed.CompactSerialize()
}

// VerifyOwn returns what a token says that the tenant has signed, or ErrInvalid.
// Whether it has ended, or was revoked, is for the caller to find out. Any other
// error is a fault of the database.
//
// The key is found by the kid, and the algorithm is the key's (RFC 8725 §3.1). A
// kid that is not known makes the keys be read again, maxReads times in readWindow.
func (t *Tokens) VerifyOwn(ctx context.Context, tenant, token string) (payload []byte, header Header, err error) {
	signed, header, err := parseOwn(token)
	if err != nil {
		return nil, Header{}, err
	}
	key, err := t.keyNamed(ctx, tenant, header.KeyID)
	if err != nil {
		return nil, Header{}, err
	}
	if key == nil || key.Algorithm != header.Algorithm {
		return nil, Header{}, ErrInvalid
	}
	payload, err = signed.Verify(key.public.Key)
	if err != nil {
		return nil, Header{}, ErrInvalid
	}
	return payload, header, nil
}

// parseOwn reads a JWS in the compact form as Sign writes it, and in no other
// spelling.
func parseOwn(token string) (*jose.JSONWebSignature, Header, error) {
	if len(token) > maxOwnToken || strings.Count(token, ".") != 2 || strings.IndexByte(token, '.') > maxHeader {
		return nil, Header{}, ErrInvalid
	}
	signed, err := jose.ParseSignedCompact(token, []jose.SignatureAlgorithm{jose.ES256, jose.ES384, jose.RS256})
	if err != nil || len(signed.Signatures) != 1 {
		return nil, Header{}, ErrInvalid
	}
	// Base64 has several spellings of the same bytes, of which one is ours.
	if again, err := signed.CompactSerialize(); err != nil || again != token {
		return nil, Header{}, ErrInvalid
	}
	protected := signed.Signatures[0].Protected
	typ, _ := protected.ExtraHeaders[jose.HeaderType].(string)
	return signed, Header{Algorithm: protected.Algorithm, KeyID: protected.KeyID, Type: typ}, nil
}

// keyNamed returns the key with a kid that the tenant accepts now; nil = there is
// none.
func (t *Tokens) keyNamed(ctx context.Context, tenant, kid string) (*ringKey, error) {
	set, err := t.keys(ctx, tenant)
	if err != nil {
		return nil, err
	}
	if key := set.named(kid, t.now()); key != nil {
		return key, nil
	}
	if set, err = t.keysAfter(ctx, tenant, set); err != nil {
		return nil, err
	}
	return set.named(kid, t.now()), nil
}

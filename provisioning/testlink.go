package provisioning

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"strings"
	"time"

	"usher/sql/store"
)

// Spoil is what is done wrong in a test link, as partners do it.
type Spoil string

// The slips.
const (
	SpoilNothing       Spoil = ""
	SpoilExpired       Spoil = "expired"        // iat ten minutes ago, exp five minutes after it
	SpoilSecret        Spoil = "wrong_secret"   // another secret
	SpoilDecodedSecret Spoil = "decoded_secret" // the bytes that the secret is base64 of
	SpoilMilliseconds  Spoil = "milliseconds"   // iat and exp in milliseconds
)

// TestLink is a wish for a link that is signed here, as the partner would.
type TestLink struct {
	// Claims are values that have a JSON form. iat and jti are added unless
	// they are there.
	Claims map[string]any
	Spoil  Spoil
}

// SignedToken is the token of a test link.
type SignedToken struct {
	Token  string
	Claims string // as JSON
	KeyID  string
}

// SignLink signs a token with the newest live secret of an integration. It is
// an act of the audit log, with the jti if that is ours and without the person's
// data. Errors: ErrNotFound,
// *Invalid for "integration" when it has public keys only, for "claims" and
// "preset".
func (s *Service) SignLink(ctx context.Context, tenant store.Tenant, integration string, wish TestLink, by By) (SignedToken, error) {
	n, err := s.Integration(ctx, tenant, integration)
	if err != nil {
		return SignedToken{}, err
	}
	if !n.Signable(s.now()) {
		return SignedToken{}, invalid("integration", "its live keys are public ones: only the partner can sign for it")
	}
	secret, key, err := s.SigningSecret(ctx, tenant, n.ID)
	if err != nil {
		return SignedToken{}, err
	}
	claims := maps.Clone(wish.Claims)
	if claims == nil {
		claims = map[string]any{}
	}
	id := randomHex(16)
	for name, value := range map[string]any{"iat": s.now().Unix(), "jti": id} {
		if _, given := claims[name]; !given {
			claims[name] = value
		}
	}
	if secret, err = spoil(wish.Spoil, secret, claims, s.now()); err != nil {
		return SignedToken{}, err
	}
	var text bytes.Buffer
	encoder := json.NewEncoder(&text)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(claims); err != nil {
		return SignedToken{}, invalid("claims", "they have no JSON form")
	}
	token, err := SignHMAC(key.Algorithm, key.ID, secret, claims)
	if err != nil {
		return SignedToken{}, err
	}
	if len(token) > MaxTokenInURL {
		return SignedToken{}, invalid("claims", "the token has %d bytes, and a link carries at most %d", len(token), MaxTokenInURL)
	}
	detail := map[string]any{"key": key.ID, "preset": string(wish.Spoil)}
	if claims["jti"] == id {
		detail["jti"] = id // tells the sign-in log's entry; somebody else's may say anything about a person
	}
	err = s.store.Record(ctx, tenant.ID, act(by, "link_signed", "integration "+n.ID, detail))
	if err != nil {
		return SignedToken{}, err
	}
	return SignedToken{Token: token, Claims: strings.TrimSpace(text.String()), KeyID: key.ID}, nil
}

// spoil makes the slip: it changes the claims, and returns the secret to sign
// with.
func spoil(how Spoil, secret string, claims map[string]any, now time.Time) (string, error) {
	switch how {
	case SpoilNothing:
	case SpoilExpired:
		claims["iat"], claims["exp"] = now.Add(-10*time.Minute).Unix(), now.Add(-5*time.Minute).Unix()
	case SpoilSecret:
		return randomHex(32), nil
	case SpoilDecodedSecret:
		alphabet := strings.NewReplacer("+", "-", "/", "_", "=", "").Replace(secret)
		decoded, err := base64.RawURLEncoding.DecodeString(alphabet)
		if err != nil {
			return "", invalid("preset", "this secret is not base64 of anything, so nobody decodes it by mistake")
		}
		return string(decoded), nil
	case SpoilMilliseconds:
		claims["iat"], claims["exp"] = now.UnixMilli(), now.Add(5*time.Minute).UnixMilli()
	default:
		return "", invalid("preset", "one of %q is expected", []Spoil{SpoilExpired, SpoilSecret, SpoilDecodedSecret, SpoilMilliseconds})
	}
	return secret, nil
}

// Signable reports whether links of the integration can be signed here: whether
// a live key of it is a shared secret.
func (n Installed) Signable(now time.Time) bool {
	for _, k := range n.Keys {
		if len(k.SealedSecret) > 0 && (k.RetiresAt == nil || k.RetiresAt.After(now)) {
			return true
		}
	}
	return false
}

// ReadClaimSet reads a JSON object of claims for TestLink. Numbers keep their
// text.
func ReadClaimSet(text []byte) (map[string]any, error) {
	value, err := readJSON(string(text))
	if err != nil {
		return nil, fmt.Errorf("the claims are %w", err)
	}
	claims, _ := value.tree().(map[string]any)
	return claims, nil
}

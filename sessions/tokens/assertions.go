package tokens

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"

	"usher/sql/store"
)

// Limits of assertions.
const (
	maxAssertion = 8 << 10
	// maxAssertionLife is how far off an assertion's end may be: for so long it is
	// remembered.
	maxAssertionLife = time.Hour
	maxJTIBytes      = 512
)

// AssertionAlgorithms lists the algorithms with which clients may sign.
func AssertionAlgorithms() []string {
	names := make([]string, 0, len(assertionAlgorithms))
	for _, algorithm := range assertionAlgorithms {
		names = append(names, string(algorithm))
	}
	return names
}

// AuthenticateAssertion finds the client whose key has signed an assertion
// (RFC 7523 §3, private_key_jwt of OpenID Connect Core 1.0 §9). clientID is what
// the request says beside it, "" when it says nothing; audiences are what the
// assertion may be made out to. An assertion is good once, at one instance. It
// reads the database, as AuthenticateClient does, and its errors are the same.
func (t *Tokens) AuthenticateAssertion(ctx context.Context, tenant, clientID, assertion string, audiences []string) (Client, error) {
	var c Client
	shown, err := parseAssertion(assertion)
	if err != nil || clientID != "" && clientID != shown.claims.Subject {
		return Client{}, t.failed(failureKey{tenant, OfClient, ""})
	}
	c, err = t.store.ClientByClientID(ctx, tenant, shown.claims.Subject)
	if err != nil && !errors.Is(err, ErrNotFound) {
		return Client{}, err
	}
	if err != nil || c.Disabled || c.Public || !shown.signedBy(c.Keys) || !shown.holds(t.now(), audiences) {
		return Client{ID: c.ID}, t.failed(failureKey{tenant, OfClient, c.ID})
	}
	err = t.store.UseAssertion(ctx, store.UsedAssertion{
		TenantID: tenant, Client: c.ID, Digest: digestOf(shown.claims.ID), ExpiresAt: shown.claims.Expiry.Time(),
	})
	if errors.Is(err, ErrTaken) {
		return Client{ID: c.ID}, t.failed(failureKey{tenant, OfClient, c.ID})
	}
	if err != nil {
		return Client{}, err
	}
	return c, nil
}

// assertion is one that was read and not looked at yet.
type assertion struct {
	signed *jose.JSONWebSignature
	header jose.Header
	claims jwt.Claims
}

// parseAssertion reads an assertion in the compact form (RFC 7515 §7.1) by which a
// client speaks of itself.
func parseAssertion(text string) (assertion, error) {
	if len(text) > maxAssertion || strings.Count(text, ".") != 2 || strings.IndexByte(text, '.') > maxHeader {
		return assertion{}, ErrInvalidClient
	}
	signed, err := jose.ParseSignedCompact(text, assertionAlgorithms)
	if err != nil || len(signed.Signatures) != 1 {
		return assertion{}, ErrInvalidClient
	}
	a := assertion{signed: signed, header: signed.Signatures[0].Protected}
	if err := json.Unmarshal(signed.UnsafePayloadWithoutVerification(), &a.claims); err != nil {
		return assertion{}, ErrInvalidClient
	}
	if a.claims.Issuer != a.claims.Subject || !isClientID(a.claims.Subject) {
		return assertion{}, ErrInvalidClient
	}
	return a, nil
}

// signedBy reports whether one of a client's keys has signed the assertion. The
// algorithm is the key's. A key without a kid can be meant by any.
func (a assertion) signedBy(keys string) bool {
	var set jose.JSONWebKeySet
	if keys == "" || json.Unmarshal([]byte(keys), &set) != nil {
		return false
	}
	return slices.ContainsFunc(set.Keys, func(key jose.JSONWebKey) bool {
		if key.Algorithm != a.header.Algorithm || a.header.KeyID != "" && key.KeyID != "" && key.KeyID != a.header.KeyID {
			return false
		}
		_, err := a.signed.Verify(key.Key)
		return err == nil
	})
}

// holds reports whether what the assertion says of itself is so: it is for one of
// these audiences, has begun, ends soon, and can be told from others.
func (a assertion) holds(now time.Time, audiences []string) bool {
	c := a.claims
	if !slices.ContainsFunc(c.Audience, func(one string) bool { return slices.Contains(audiences, one) }) {
		return false
	}
	if c.ID == "" || len(c.ID) > maxJTIBytes || c.Expiry == nil {
		return false
	}
	if end := c.Expiry.Time(); !now.Before(end) || end.After(now.Add(maxAssertionLife)) {
		return false
	}
	latest := now.Add(clockSkew)
	return (c.NotBefore == nil || !c.NotBefore.Time().After(latest)) && (c.IssuedAt == nil || !c.IssuedAt.Time().After(latest))
}

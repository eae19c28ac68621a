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
	shown, why := parseAssertion(assertion)
	if why == "" && clientID != "" && clientID != shown.claims.Subject {
		why = "sub is not the client_id of the request"
	}
	if why != "" {
		return Client{}, t.failedAssertion(tenant, "", why)
	}
	var err error
	c, err = t.store.ClientByClientID(ctx, tenant, shown.claims.Subject)
	if err != nil && !errors.Is(err, ErrNotFound) {
		return Client{}, err
	}
	switch {
	case err != nil:
		why = "there is no client of this name (sub)"
	case c.Disabled:
		why = "the client is disabled"
	case c.Public:
		why = "the client is public"
	case c.Keys == "":
		why = "the client has no keys"
	case !shown.signedBy(c.Keys):
		why = "none of the client's keys, by kid and alg, has signed it"
	default:
		why = shown.amiss(t.now(), audiences)
	}
	if why != "" {
		return Client{ID: c.ID}, t.failedAssertion(tenant, c.ID, why)
	}
	err = t.store.UseAssertion(ctx, store.UsedAssertion{
		TenantID: tenant, Client: c.ID, Digest: digestOf(shown.claims.ID), ExpiresAt: shown.claims.Expiry.Time(),
	})
	if errors.Is(err, ErrTaken) {
		return Client{ID: c.ID}, t.failedAssertion(tenant, c.ID, "jti was used before")
	}
	if err != nil {
		return Client{}, err
	}
	return c, nil
}

// assertionRefused is ErrInvalidClient with what is wrong with an assertion: for
// the log, as those who call learn only that it is not good.
type assertionRefused struct{ why string }

func (e assertionRefused) Error() string { return "client assertion: " + e.why }

func (assertionRefused) Unwrap() error { return ErrInvalidClient }

// failedAssertion counts a failure under the id of a client, "" = of none.
func (t *Tokens) failedAssertion(tenant, client, why string) error {
	err := t.failed(failureKey{tenant, OfClient, client})
	if errors.Is(err, ErrInvalidClient) {
		return assertionRefused{why}
	}
	return err
}

// assertion is one that was read and not looked at yet.
type assertion struct {
	signed *jose.JSONWebSignature
	header jose.Header
	claims jwt.Claims
}

// parseAssertion reads an assertion in the compact form (RFC 7515 §7.1) by which a
// client speaks of itself; why says why it is none.
func parseAssertion(text string) (a assertion, why string) {
	if len(text) > maxAssertion || strings.Count(text, ".") != 2 || strings.IndexByte(text, '.') > maxHeader {
		return assertion{}, "it is too long, or no JWT in the compact form"
	}
	signed, err := jose.ParseSignedCompact(text, assertionAlgorithms)
	if err != nil || len(signed.Signatures) != 1 {
		return assertion{}, "it is no JWT with one of the algorithms that clients may use"
	}
	a = assertion{signed: signed, header: signed.Signatures[0].Protected}
	if err := json.Unmarshal(signed.UnsafePayloadWithoutVerification(), &a.claims); err != nil {
		return assertion{}, "its claims cannot be read"
	}
	if a.claims.Issuer != a.claims.Subject || !isClientID(a.claims.Subject) {
		return assertion{}, "iss and sub are not both the client's id"
	}
	return a, ""
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

// amiss says what keeps an assertion from being good, "" = nothing: it is for one of
// these audiences, has begun, ends soon, and can be told from others.
func (a assertion) amiss(now time.Time, audiences []string) string {
	c := a.claims
	latest := now.Add(clockSkew)
	switch {
	case !slices.ContainsFunc(c.Audience, func(one string) bool { return slices.Contains(audiences, one) }):
		return "aud is neither the issuer nor the address that was called"
	case c.ID == "":
		return "jti is missing"
	case len(c.ID) > maxJTIBytes:
		return "jti is too long"
	case c.Expiry == nil:
		return "exp is missing"
	case !now.Before(c.Expiry.Time()):
		return "exp has passed"
	case c.Expiry.Time().After(now.Add(maxAssertionLife)):
		return "exp is more than an hour off"
	case c.NotBefore != nil && c.NotBefore.Time().After(latest):
		return "nbf has not come yet"
	case c.IssuedAt != nil && c.IssuedAt.Time().After(latest):
		return "iat lies in the future"
	}
	return ""
}

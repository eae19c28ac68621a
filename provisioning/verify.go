package provisioning

import (
	"crypto/sha256"
	"fmt"
	"slices"
	"time"

	"usher/sql/store"
)

const (
	// maxLeeway is the largest clock tolerance that an integration may have.
	maxLeeway = 300 * time.Second

	maxTokenIDBytes = 255
)

// Link is what arrived: the token and the hint beside it.
type Link struct {
	Token string
	AppID string // from the query or form; "" = not sent
	Limit int    // bytes that the token may have at this door
	// Audiences are the values of aud that name us, besides the app id: our
	// public URL and the tenant's host. Empty texts among them match nothing.
	Audiences []string
}

// Verified is a token for which every check up to the claim types has passed.
type Verified struct {
	Integration store.Integration // to be read only: its lists are the keyring's
	KeyID       string            // the key that signed
	Assertion   Assertion

	// SpendKey stands for this token among those of its integration: it is
	// made from the jti or, without one, from the signing input. The token's
	// own text would not do, since one signing input can have many good
	// signatures (ECDSA).
	SpendKey [sha256.Size]byte
	// Single tells that the token may be used once only: it has a jti, or the
	// integration wants all tokens to be single-use.
	Single bool
	// AcceptableUntil is the last instant at which this token could be
	// accepted with any leeway that an integration may have; zero = for ever.
	AcceptableUntil time.Time
}

// Verify checks a token against a tenant's keyring, in the order of Reason's
// constants: form, header, algorithm, integration, key, signature, exp and
// nbf, iat and maximum age, iss, aud, jti, claim types. It neither reads nor
// writes any store; whether the token was used before, and whom it signs in,
// is decided by the caller.
//
// The error is a *Refusal. Beside it, Verified holds no more than what the
// log needs: Integration once it was found and KeyID once the signature held.
//
// Without a maximum age and without exp a token stays good for ever, which the
// format allows. Tokens issued before Integration.AcceptAfter are refused when
// they carry iat; for those without, "an old installation's tokens stay dead"
// rests on the new installation having another secret.
func Verify(ring *Keyring, link Link, now time.Time) (Verified, error) {
	t, err := readToken(link.Token, link.Limit)
	if err != nil {
		return Verified{}, err
	}
	// A payload that is no good JSON is reported only once the signature
	// holds; until then nothing but iss is taken from it, to look up.
	claims, claimsErr := readJSON(t.payload)

	entry, named, err := ring.find(t.keyID, link.AppID, unverifiedIssuer(claims))
	if err != nil {
		if entry != nil {
			return Verified{Integration: entry.integration}, err
		}
		return Verified{}, err
	}
	refused := Verified{Integration: entry.integration}
	key, err := entry.verify(t, named, now)
	if err != nil {
		return refused, err
	}
	refused.KeyID = key.id
	if claimsErr != nil {
		return refused, refuse(TokenMalformed, "payload: %s", claimsErr)
	}
	dates, err := checkDates(claims, &entry.integration, now)
	if err != nil {
		return refused, err
	}
	if err := ring.checkIssuer(claims.member("iss"), entry); err != nil {
		return refused, err
	}
	if err := checkAudience(claims.member("aud"), entry.integration.AppID, link.Audiences); err != nil {
		return refused, err
	}
	id, err := tokenID(claims.member("jti"))
	if err != nil {
		return refused, err
	}
	assertion, err := readClaims(claims)
	if err != nil {
		return refused, err
	}
	assertion.ID, assertion.IssuedAt, assertion.ExpiresAt = id, dates.issuedAt, dates.expiresAt
	return Verified{
		Integration:     entry.integration,
		KeyID:           key.id,
		Assertion:       assertion,
		SpendKey:        spendKey(id, t.signed),
		Single:          id != "" || entry.integration.SingleUse,
		AcceptableUntil: dates.acceptableUntil(entry.integration.MaxAge),
	}, nil
}

// unverifiedIssuer is the iss claim if it is text; "" otherwise.
func unverifiedIssuer(claims jsonValue) string {
	if !claims.exists() {
		return ""
	}
	if iss := claims.member("iss"); iss.exists() && iss.kind() == jsonString {
		return iss.text()
	}
	return ""
}

// dates are a token's instants; zero = not sent.
type dates struct {
	expiresAt, notBefore, issuedAt time.Time
}

// readDate reads one of the date claims. JSON null is refused here, as in
// every claim that limits a token: it must not loosen a check.
func readDate(claims jsonValue, name string) (time.Time, error) {
	v := claims.member(name)
	if !v.exists() {
		return time.Time{}, nil
	}
	date, expected := numericDate(v)
	if expected != "" {
		return time.Time{}, claimInvalid(name, expected)
	}
	return date, nil
}

// checkDates holds exp, nbf and iat (RFC 7519 §4.1) against now.
func checkDates(claims jsonValue, integration *store.Integration, now time.Time) (dates, error) {
	var d dates
	var err error
	if d.expiresAt, err = readDate(claims, "exp"); err != nil {
		return dates{}, err
	}
	if d.notBefore, err = readDate(claims, "nbf"); err != nil {
		return dates{}, err
	}
	leeway := integration.Leeway
	if !d.expiresAt.IsZero() && !now.Before(d.expiresAt.Add(leeway)) {
		return dates{}, refuse(TokenExpired, "exp was %s ago, tolerance %s%s",
			seconds(now.Sub(d.expiresAt)), seconds(leeway), ageNote(claims, now))
	}
	if !d.notBefore.IsZero() && now.Before(d.notBefore.Add(-leeway)) {
		return dates{}, refuse(TokenNotYetValid, "nbf is %s ahead of this server's clock, tolerance %s%s",
			seconds(d.notBefore.Sub(now)), seconds(leeway), ageNote(claims, now))
	}
	if d.issuedAt, err = readDate(claims, "iat"); err != nil {
		return dates{}, err
	}
	if d.issuedAt.IsZero() {
		if integration.MaxAge > 0 {
			return dates{}, refuse(IatMissing, "the integration has a maximum age of %s, so iat is needed", seconds(integration.MaxAge))
		}
		return d, nil
	}
	age := now.Sub(d.issuedAt)
	switch {
	case age < -leeway:
		// Without a maximum age too: iat orders the data, and one from the
		// future would outrank every honest token until then.
		return dates{}, refuse(IssuedInFuture, "iat is %s ahead of this server's clock, tolerance %s", seconds(-age), seconds(leeway))
	case integration.MaxAge > 0 && age > integration.MaxAge+leeway:
		return dates{}, refuse(TokenTooOld, "age %s, maximum %s, tolerance %s", seconds(age), seconds(integration.MaxAge), seconds(leeway))
	case d.issuedAt.Before(integration.AcceptAfter.Truncate(time.Second)):
		// Partners' iat are whole seconds, hence the truncation. There is no
		// leeway here: it would let tokens of an earlier installation in.
		return dates{}, refuse(TokenTooOld, "age %s, issued %s before the integration's present installation or limits",
			seconds(age), seconds(integration.AcceptAfter.Sub(d.issuedAt)))
	}
	return d, nil
}

// ageNote adds a token's age to a detail, if it has a readable iat.
func ageNote(claims jsonValue, now time.Time) string {
	issuedAt, err := readDate(claims, "iat")
	if err != nil || issuedAt.IsZero() {
		return ""
	}
	return fmt.Sprintf("; iat was %s ago", seconds(now.Sub(issuedAt)))
}

func seconds(d time.Duration) string {
	return fmt.Sprintf("%.1f s", d.Seconds())
}

// acceptableUntil is the earlier of the two ends that a token can have.
func (d dates) acceptableUntil(maxAge time.Duration) time.Time {
	var end time.Time
	if !d.expiresAt.IsZero() {
		end = d.expiresAt.Add(maxLeeway)
	}
	if maxAge > 0 {
		if byAge := d.issuedAt.Add(maxAge + maxLeeway); end.IsZero() || byAge.Before(end) {
			end = byAge
		}
	}
	return end
}

// checkIssuer accepts the integration's own app id always, and its configured
// issuer. With an issuer configured, iss is required. Without one it is free,
// but may not name another integration of the tenant.
func (r *Keyring) checkIssuer(iss jsonValue, entry *ringEntry) error {
	want := entry.integration.Issuer
	if !iss.exists() {
		if want != "" {
			return refuse(IssuerMismatch, "no iss, the integration expects %q", want)
		}
		return nil
	}
	if iss.kind() != jsonString {
		return claimInvalid("iss", "a string")
	}
	switch got := iss.text(); {
	case got == entry.integration.AppID:
		return nil
	case want != "":
		if got != want {
			return refuse(IssuerMismatch, "iss is %s, the integration expects %q or its app id", quoted(got), want)
		}
		return nil
	case r.apps[got] != nil || r.issuers[got] != nil:
		return refuse(IssuerMismatch, "iss names another integration than the one that signed")
	}
	return nil
}

// checkAudience holds aud, one text or a list (RFC 7519 §4.1.3), against the
// names we go by, compared exactly. Without aud there is nothing to hold.
func checkAudience(aud jsonValue, appID string, audiences []string) error {
	const expected = "a string or an array of strings"
	if !aud.exists() {
		return nil
	}
	ours := func(text string) bool {
		return text != "" && (text == appID || slices.Contains(audiences, text))
	}
	found := false
	switch aud.kind() {
	case jsonString:
		found = ours(aud.text())
	case jsonArray:
		i := 0
		for element := range aud.children() {
			if element.kind() != jsonString {
				return claimInvalid(fmt.Sprintf("aud[%d]", i), "a string")
			}
			found = found || ours(element.text())
			i++
		}
	case jsonNull, jsonBool, jsonNumber, jsonObject:
		return claimInvalid("aud", expected)
	}
	if !found {
		return refuse(AudienceMismatch, "aud holds neither the app id nor one of %q", audiences)
	}
	return nil
}

// tokenID reads jti; "" = not sent.
func tokenID(jti jsonValue) (string, error) {
	switch {
	case !jti.exists():
		return "", nil
	case jti.kind() != jsonString || jti.text() == "" || len(jti.text()) > maxTokenIDBytes:
		return "", claimInvalid("jti", fmt.Sprintf("a string of 1 to %d bytes", maxTokenIDBytes))
	}
	return jti.text(), nil
}

// spendKey hashes what makes a token the same token again. The first byte
// keeps a jti from standing for a signing input.
func spendKey(id, signed string) [sha256.Size]byte {
	if id != "" {
		return sha256.Sum256([]byte("\x01" + id))
	}
	return sha256.Sum256([]byte("\x02" + signed))
}

// quoted is a claim's text for the log, cut to a readable length.
func quoted(text string) string {
	const most = 80
	if len(text) > most {
		return fmt.Sprintf("%q…", text[:most])
	}
	return fmt.Sprintf("%q", text)
}

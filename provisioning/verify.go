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

// Verified is a token for which every check up to the claim types has passed.
type Verified struct {
	Integration store.Integration // to be read only: its lists are the keyring's
	KeyID       string            // the key that signed
	Assertion   Assertion
	Event       Event // in place of the assertion, for Link.Event

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

	// Of a presented token: what it would be spent as at the callback, and when
	// it ends (see SignIn.TokenEnds).
	SpentAs [sha256.Size]byte
	Ends    time.Time

	seen seen

	// sets are of the integrations whose key sets' age matters to the answer: a
	// key of it has signed, or no known key has and a newer set may have the one.
	sets   []*ringEntry
	signed bool // by a known key
}

// Verify checks a token against a tenant's keyring, step by step in the order
// of the constants of step. It neither reads nor writes any store; whether the
// token was used before, and whom it signs in, is decided by the caller.
//
// The error is a *Refusal, that of the first step to fail. Beside it, Verified
// holds no more than what the log needs: what was seen, Integration once it was
// found and KeyID once the signature held.
//
// A token that is presented (Link.Presented) is held to the rules of
// presented.go where they differ.
//
// Without a maximum age and without exp a token stays good for ever, which the
// format allows. Tokens issued before Integration.AcceptAfter are refused when
// they carry iat; for those without, "an old installation's tokens stay dead"
// rests on the new installation having another secret.
func Verify(ring *Keyring, link Link, now time.Time) (Verified, error) {
	v := verification{ring: ring, link: link, now: now}
	v.token.room = ring.borrow()
	defer ring.giveBack(v.token.room) // nothing that is told has a part of it
	for s := range stepNonce {
		if err := v.take(s); err != nil {
			return v.refused(), err
		}
	}
	return v.passed(), nil
}

// step is one of the checks that a link goes through before it signs anybody
// in. Verify takes those before stepNonce; what is behind needs the browser or
// the database.
type step int

// The steps, in their fixed order: with two faults, the earlier one names the
// reason.
const (
	stepSent step = iota
	stepSize
	stepForm
	stepHeader
	stepAlgorithm
	stepIntegration
	stepKey
	stepSignature
	stepPayload
	stepExpiry
	stepNotBefore
	stepIssuedAt
	stepIssuer
	stepAudience
	stepTokenID
	stepClaims
	stepNonce
	stepUser
	stepStatus
	stepChanges
	stepReplay
	steps // their number
)

// verification is a link on its way through the steps, with what they have
// found out so far.
type verification struct {
	ring *Keyring
	link Link
	now  time.Time

	token     token
	claims    jsonValue
	claimsErr error // reported once the signature holds

	entry      *ringEntry
	publishers []*ringEntry // one of which may be it, when it is nil
	named      *ringKey     // by the header's kid
	keys       keyChoice
	key        *ringKey // that signed

	dates     dates
	id        string
	assertion Assertion
	event     Event // of a token that is to be one
}

// take does one step. Those before it need not all have passed, so that the
// doctor can go on: each of them says what it needs in meaningless.
func (v *verification) take(s step) (err error) {
	switch s {
	case stepSent:
		if v.link.Token == "" {
			return refuse(TokenMissing, "no token was sent")
		}
	case stepSize:
		if size := len(v.link.Token); size > v.link.Limit {
			return refuse(TooLarge, "the token has %d bytes, the limit here is %d", size, v.link.Limit)
		}
	case stepForm:
		return v.token.split(v.link.Token)
	case stepHeader:
		return v.token.readMembers()
	case stepAlgorithm:
		return v.token.readAlgorithm()
	case stepIntegration:
		// A payload that is no good JSON is reported only once the signature
		// holds; until then nothing but iss is taken from it, to look up.
		v.claims, v.claimsErr = readJSONIn(v.token.room.ofPayload(), v.token.payload)
		issuer := unverifiedIssuer(v.claims)
		if v.entry, v.named, err = v.ring.find(v.token.keyID, v.link.AppID, issuer); v.entry == nil {
			v.publishers = v.ring.mayPublish(v.token.keyID, v.link.AppID, issuer)
		}
		return err
	case stepKey:
		v.keys, err = v.entry.choose(&v.token, v.named, v.now)
		return err
	case stepSignature:
		v.key, err = v.keys.signer(&v.token)
		return err
	case stepPayload:
		if v.claimsErr != nil {
			return refuse(TokenMalformed, "payload: %s", v.claimsErr)
		}
	case stepExpiry:
		return v.checkExpiry()
	case stepNotBefore:
		return v.checkNotBefore()
	case stepIssuedAt:
		return v.checkIssuedAt()
	case stepIssuer:
		if v.link.Presented {
			return v.checkPresenter()
		}
		return v.ring.checkIssuer(v.claims.member("iss"), v.entry)
	case stepAudience:
		return checkAudience(v.claims.member("aud"), v.entry.integration.AppID, v.link.Audiences)
	case stepTokenID:
		if v.id, err = tokenID(v.claims.member("jti")); err == nil && v.id == "" && v.link.Event {
			err = &Refusal{Reason: ClaimMissing, Path: "jti", Expected: fmt.Sprintf("a string of 1 to %d bytes", maxTokenIDBytes)}
		}
		return err
	case stepClaims:
		if v.link.Event {
			v.event, err = readEvent(v.claims)
			return err
		}
		if v.link.whoOnly {
			v.assertion, err = readWho(v.claims)
		} else {
			v.assertion, err = readClaims(v.claims, v.link.Presented)
		}
		return err
	case stepNonce, stepUser, stepStatus, stepChanges, stepReplay, steps:
	}
	return nil
}

// refused is what may be told beside a refusal.
func (v *verification) refused() Verified {
	told := Verified{seen: v.seen(), sets: v.publishers}
	if v.entry != nil {
		told.Integration = v.entry.integration
	}
	if v.key != nil {
		told.KeyID = v.key.id
	}
	told.signed = v.key != nil
	if v.entry != nil && (told.signed && v.key.ofSet || !told.signed && v.entry.set.lacks(&v.token, v.now)) {
		told.sets = []*ringEntry{v.entry}
	}
	return told
}

// seen is what the token says, for the log.
func (v *verification) seen() seen {
	s := seen{header: v.token.header, payload: v.token.payload}
	switch {
	case v.named != nil:
		s.keyID = v.named.id
	case v.keys.old != nil:
		s.keyID = v.keys.old.id
	}
	return s
}

// passed is the result once every step has passed.
func (v *verification) passed() Verified {
	n := &v.entry.integration
	v.assertion.ID, v.assertion.IssuedAt, v.assertion.ExpiresAt = v.id, v.dates.issuedAt, v.dates.expiresAt
	passed := v.refused()
	passed.seen.know(&v.assertion)
	passed.Assertion, passed.Event = v.assertion, v.event
	if v.link.Presented {
		passed.SpendKey, passed.SpentAs = presentKey(v.token.signed), spendKey(v.id, v.token.signed)
		passed.Ends = v.dates.presentedUntil(n, v.now)
	} else {
		passed.SpendKey = spendKey(v.id, v.token.signed)
		passed.Single = v.id != "" || n.SingleUse
	}
	passed.AcceptableUntil = v.dates.acceptableUntil(v.maxAge())
	return passed
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

// checkExpiry holds exp (RFC 7519 §4.1.4) against the clock.
func (v *verification) checkExpiry() (err error) {
	if v.dates.expiresAt, err = readDate(v.claims, "exp"); err != nil {
		return err
	}
	end, leeway := v.dates.expiresAt, v.entry.integration.Leeway
	if end.IsZero() && v.link.Event {
		return &Refusal{Reason: ClaimMissing, Path: "exp", Expected: "the end of the token in seconds since 1970"}
	}
	if !end.IsZero() && !v.now.Before(end.Add(leeway)) {
		return refuse(TokenExpired, "exp was %s ago, tolerance %s%s",
			seconds(v.now.Sub(end)), seconds(leeway), ageNote(v.claims, v.now))
	}
	return nil
}

// checkNotBefore holds nbf (RFC 7519 §4.1.5) against the clock.
func (v *verification) checkNotBefore() (err error) {
	if v.dates.notBefore, err = readDate(v.claims, "nbf"); err != nil {
		return err
	}
	start, leeway := v.dates.notBefore, v.entry.integration.Leeway
	if !start.IsZero() && v.now.Before(start.Add(-leeway)) {
		return refuse(TokenNotYetValid, "nbf is %s ahead of this server's clock, tolerance %s%s",
			seconds(start.Sub(v.now)), seconds(leeway), ageNote(v.claims, v.now))
	}
	return nil
}

// checkIssuedAt holds iat (RFC 7519 §4.1.6) against the clock and the maximum
// age.
func (v *verification) checkIssuedAt() (err error) {
	if v.dates.issuedAt, err = readDate(v.claims, "iat"); err != nil {
		return err
	}
	integration, issued, maxAge := &v.entry.integration, v.dates.issuedAt, v.maxAge()
	if issued.IsZero() {
		if v.link.Event {
			return refuse(IatMissing, "a token with an event needs iat")
		}
		if maxAge > 0 {
			return refuse(IatMissing, "the integration has a maximum age of %s, so iat is needed", seconds(maxAge))
		}
		return nil
	}
	age, leeway := v.now.Sub(issued), integration.Leeway
	switch {
	case age < -leeway:
		// Without a maximum age too: iat orders the data, and one from the
		// future would outrank every honest token until then.
		return refuse(IssuedInFuture, "iat is %s ahead of this server's clock, tolerance %s", seconds(-age), seconds(leeway))
	case maxAge > 0 && age > maxAge+leeway:
		return refuse(TokenTooOld, "age %s, maximum %s, tolerance %s", seconds(age), seconds(maxAge), seconds(leeway))
	}
	if floor := v.acceptAfter(); issued.Before(floor.Truncate(time.Second)) {
		// Partners' iat are whole seconds, hence the truncation. There is no
		// leeway here: it would let tokens of an earlier installation in.
		return refuse(TokenTooOld, "age %s, issued %s before the integration's present installation or limits",
			seconds(age), seconds(floor.Sub(issued)))
	}
	return nil
}

// maxAge is how old a token may be at this door; 0 = not limited.
func (v *verification) maxAge() time.Duration {
	if v.link.Presented {
		return v.entry.integration.EmbedMaxAge
	}
	return v.entry.integration.MaxAge
}

// acceptAfter is the moment before which no token of the integration may have
// been issued.
func (v *verification) acceptAfter() time.Time {
	if v.link.Presented {
		return installedAfter(&v.entry.integration)
	}
	return v.entry.integration.AcceptAfter
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
// keeps a jti from standing for a signing input; presentKey has another one.
func spendKey(id, signed string) [sha256.Size]byte {
	if id != "" {
		return sumOf(1, id)
	}
	return sumOf(2, signed)
}

// sumOf is the SHA-256 of a byte and a text.
func sumOf(first byte, text string) [sha256.Size]byte {
	var room [1024]byte // for most tokens, off the heap
	return sha256.Sum256(append(append(room[:0], first), text...))
}

// quoted is a claim's text for the log, cut to a readable length.
func quoted(text string) string {
	const most = 80
	if len(text) > most {
		return fmt.Sprintf("%q…", text[:most])
	}
	return fmt.Sprintf("%q", text)
}

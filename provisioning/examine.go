package provisioning

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"time"

	"usher/sql/store"
)

// Examination is what there is to say about a link: every check in order, whom
// it means, and what it would change.
type Examination struct {
	At     time.Time // when the link arrives
	Door   string    // through which it is taken to come, and by whose rules it is examined
	Notes  []string  // what was read differently than it stands there
	Checks []Check
	// Refusal is what a browser would meet: that of the first check to fail;
	// nil = the person would be signed in.
	Refusal *Refusal
	// Recorded is the reason under which the sign-in log has the attempt; ""
	// for a pasted link and for a sign-in.
	Recorded Reason

	// Header and Claims are the decoded parts as they were sent, also of a
	// broken token; "" when they cannot be read.
	Header, Claims string

	Integration *store.Integration // nil = not found
	KeyID       string             // that signed, or that the header names; "" = unknown

	// Forecast is what would change; nil when that cannot be told.
	Forecast *Forecast
	Target   Target // where the browser would be sent
	Warnings []Warning
	Withheld string // why what is stored about people is left out; "" = it is not
}

// Fix is the advice about the first check that failed; "" when none did.
func (e Examination) Fix() string {
	for _, c := range e.Checks {
		if c.Verdict == Failed {
			return c.Fix
		}
	}
	return ""
}

// Examine takes a link through the steps of a sign-in and applies nothing. It
// goes on past a failure as long as what follows means something, so that one
// look shows everything that is wrong. The error is an *Invalid for a text that
// is too long, or a fault of the database.
//
// An entry of the sign-in log is examined with the settings, keys and users of
// now, at the moment when it arrived.
func (s *Service) Examine(ctx context.Context, specimen Specimen) (Examination, error) {
	if len(specimen.Text) > MaxSpecimenBytes {
		return Examination{}, invalid("specimen", "it is longer than %d bytes", MaxSpecimenBytes)
	}
	ring, err := s.rings.get(ctx, specimen.Tenant.ID, reloadPause)
	if err != nil {
		return Examination{}, err
	}
	e := &examiner{service: s, verification: verification{ring: ring, now: specimen.At}}
	if specimen.Record != nil {
		e.takeRecord(specimen)
	} else {
		e.takeText(specimen)
	}
	if e.now.IsZero() {
		e.now = s.now()
	}
	e.link.Audiences = specimen.Audiences
	e.arrival.Link, e.arrival.Tenant, e.arrival.Own = e.link, specimen.Tenant, specimen.Own
	for st := range steps {
		check, err := e.check(ctx, st)
		if err != nil {
			return Examination{}, err
		}
		e.out.Checks = append(e.out.Checks, e.discreet(st, check, specimen.Withhold))
	}
	e.out.Withheld = specimen.Withhold
	return e.result(), nil
}

// discreet takes what is stored about a person out of a check, for a reason
// that it gives instead. Only the refusal that a browser would meet keeps its
// code: whoever has such a link can open it.
func (e *examiner) discreet(st step, check Check, why string) Check {
	if why == "" || st != stepUser && st != stepStatus && st != stepChanges {
		return check
	}
	check.Text, check.Fix = why, ""
	if check.Refusal == nil || check.Refusal != e.out.Refusal {
		check.Verdict, check.Refusal = Withheld, nil
	}
	return check
}

// Presented reports whether the token is held to the rules of one that is shown
// and not spent.
func (e Examination) Presented() bool { return e.Door == DoorEmbed || e.Door == DoorHeader }

// examiner is a verification that goes on.
type examiner struct {
	verification
	service *Service
	arrival Arrival
	bare    bool           // a token without a link
	record  *SignInRecord  // nil = a pasted text
	known   map[step]error // what is known about a step from elsewhere; nil = it passed
	failed  map[step]*Refusal
	skipped map[step]bool // not reached

	faults   []*Refusal // all of those of the claims
	prepared SignIn
	state    store.State
	plan     plan
	planned  error // why there is no plan
	outlook  store.Foresight
	out      Examination
}

// takeText begins with a pasted text.
func (e *examiner) takeText(specimen Specimen) {
	p := readPasted(specimen.Text)
	e.link, e.bare, e.arrival.Go, e.out.Notes = p.link, p.bare, p.wanted, p.notes
	e.out.Door = p.door
	e.known = map[step]error{}
	if refusal, ok := errors.AsType[*Refusal](p.err); ok {
		at := stepSent
		if refusal.Reason == IntegrationUnknown {
			at = stepIntegration
		}
		e.known[at] = refusal
	}
	if p.host != "" && !ownHost(specimen.Own, p.host) {
		e.out.Notes = append(e.out.Notes, fmt.Sprintf("The link's host, %s, is not one of this tenant's. It is examined as if it had come here.", quoted(p.host)))
	}
	e.out.Header, e.out.Claims = looseParts(e.link.Token)
}

func ownHost(own []Origin, host string) bool {
	name := host
	if h, _, err := net.SplitHostPort(host); err == nil {
		name = h
	}
	return slices.ContainsFunc(own, func(o Origin) bool { return strings.EqualFold(o.Host(), name) })
}

// takeRecord begins with an entry of the sign-in log. Its token is put together
// again without the signature, which was not kept.
func (e *examiner) takeRecord(specimen Specimen) {
	r := specimen.Record
	e.record, e.known, e.out.Recorded = r, map[step]error{}, Reason(r.Reason)
	if e.now.IsZero() {
		e.now = r.At
	}
	e.out.Header, e.out.Claims = r.Header, r.Payload
	e.out.Door = r.Door
	e.link = Link{Limit: MaxTokenInURL, Presented: r.Presented()}
	if r.Door == store.DoorPost {
		e.link.Limit = MaxTokenInForm
	}
	if r.Header != "" && r.Payload != "" {
		b64 := base64.RawURLEncoding
		e.link.Token = b64.EncodeToString([]byte(r.Header)) + "." + b64.EncodeToString([]byte(r.Payload)) + "."
	}
	at := steps // where it was refused
	if r.Reason != "" {
		refusal := &Refusal{Reason: Reason(r.Reason), Path: r.Path, Expected: r.Expected, Detail: r.Detail}
		at = stepOf(refusal)
		switch {
		case at <= stepForm || at == stepKey || at == stepSignature || at == stepReplay || e.link.Token == "":
			e.known[at] = refusal // not to be found out again
		}
	}
	for st := stepSent; st <= stepForm && st < at; st++ {
		e.known[st] = nil
	}
	if at > stepSignature {
		e.known[stepKey], e.known[stepSignature] = nil, nil
		e.key = e.ring.keys[r.KeyID]
	}
	if n := e.ring.entryOf(r.IntegrationID); n != nil && at > stepIntegration {
		e.entry, e.known[stepIntegration] = n, checkInstalled(n)
	}
	if at == steps && r.Outcome != store.Refused {
		e.known[stepReplay] = nil
	}
}

// entryOf finds an integration by its id; nil = none.
func (r *Keyring) entryOf(id string) *ringEntry {
	for _, entry := range r.apps {
		if entry.integration.ID == id {
			return entry
		}
	}
	return nil
}

// check takes one step and says what came of it. The error is a fault of the
// database.
func (e *examiner) check(ctx context.Context, st step) (Check, error) {
	check := Check{ID: stepNames[st].id, Label: stepNames[st].label}
	if why := e.missing(st); why != "" {
		e.skip(st)
		check.Verdict, check.Text = NotReached, why
		return check, nil
	}
	err := e.examine(ctx, st)
	refusal, refused := errors.AsType[*Refusal](err)
	switch {
	case err != nil && !refused:
		return Check{}, err
	case refused:
		e.fail(st, refusal)
		check.Verdict, check.Refusal = Failed, refusal
		check.Text, check.Fix = e.blame(st, refusal), e.advice(st, refusal)
	default:
		check.Verdict, check.Text = e.praise(st)
	}
	return check, nil
}

func (e *examiner) fail(st step, refusal *Refusal) {
	if e.failed == nil {
		e.failed = map[step]*Refusal{}
	}
	e.failed[st] = refusal
	if e.out.Refusal == nil {
		e.out.Refusal = refusal
	}
}

func (e *examiner) skip(st step) {
	if e.skipped == nil {
		e.skipped = map[step]bool{}
	}
	e.skipped[st] = true
}

// bad reports whether a step did not pass.
func (e *examiner) bad(st step) bool { return e.failed[st] != nil || e.skipped[st] }

// unreadable reports whether a step failed over the form of its claim.
func (e *examiner) unreadable(st step) bool {
	refusal := e.failed[st]
	return refusal != nil && refusal.Reason == ClaimInvalid
}

// missing says what a step would need and has not got; "" = nothing.
func (e *examiner) missing(st step) string {
	if _, known := e.known[st]; known {
		return ""
	}
	if e.record != nil && e.link.Token == "" && st > stepSent {
		return "The log has not kept the token's text."
	}
	switch st {
	case stepSent, steps:
	case stepSize, stepForm:
		if e.bad(stepSent) {
			return "There is no token."
		}
	case stepHeader:
		if e.token.header == "" || e.bad(stepForm) && CheckJSON([]byte(e.token.header)) != nil {
			return "The header cannot be decoded."
		}
	case stepAlgorithm:
		if e.token.members == nil {
			return "The header cannot be read."
		}
	case stepIntegration:
		if e.bad(stepSent) {
			return "There is no token."
		}
	case stepKey:
		switch {
		case e.bad(stepIntegration):
			return "Without an integration there are no keys."
		case e.bad(stepAlgorithm):
			return "Without an algorithm no key can be chosen."
		}
	case stepSignature:
		switch {
		case e.record != nil:
			return "It was not checked then, and signatures are not kept."
		case e.bad(stepForm):
			return "There is no whole token to check."
		case e.bad(stepKey) && e.retiredKey() == nil:
			return "There is no key to check it with."
		}
	case stepPayload:
		if e.token.payload == "" || e.bad(stepForm) && e.claims == nil {
			return "The payload cannot be decoded."
		}
	case stepTokenID, stepClaims:
		if e.claims == nil {
			return "The payload cannot be read."
		}
	case stepExpiry, stepNotBefore, stepIssuedAt, stepIssuer, stepAudience, stepNonce:
		switch {
		case e.claims == nil:
			return "The payload cannot be read."
		case e.entry == nil:
			return "This depends on the integration."
		}
	case stepUser:
		switch {
		case e.entry == nil || e.entry.removed():
			return "Without an integration nobody is meant."
		case e.claims == nil || e.bad(stepClaims) || e.bad(stepTokenID) || e.unreadable(stepExpiry) || e.unreadable(stepIssuedAt):
			return "The claims cannot be used."
		}
	case stepStatus, stepChanges:
		if e.bad(stepUser) || st == stepChanges && e.bad(stepStatus) {
			return "There is no user to speak of."
		}
	case stepReplay:
		if e.prepared.Spent == "" || e.bad(stepForm) {
			return "A token that cannot be read stands for nothing."
		}
	}
	return ""
}

// examine takes a step, or tells what is known about it already.
func (e *examiner) examine(ctx context.Context, st step) error {
	known, isKnown := e.known[st]
	switch {
	case isKnown && st == stepForm, isKnown && st == stepIntegration:
		// What they read is needed all the same.
	case isKnown:
		return known
	}
	switch st {
	case stepForm:
		err := e.take(st)
		if err != nil {
			e.token.header, e.token.payload = looseParts(e.link.Token)
		}
		if isKnown {
			return known
		}
		return err
	case stepIntegration:
		entry := e.entry
		err := e.take(st)
		if isKnown {
			if entry != nil {
				e.entry = entry
			}
			return known
		}
		return err
	case stepKey:
		if err := e.take(st); err != nil || e.keys.named != nil || signerOf(&e.token, e.keys.live) != nil {
			return err
		}
		// Told at the signature when signing in; it is the key that is at fault.
		if e.keys.old = signerOf(&e.token, e.keys.retired); e.keys.old != nil {
			return signedByRetired(e.keys.old)
		}
		return nil
	case stepSignature:
		if key := e.retiredKey(); key != nil {
			e.keys = keyChoice{named: key}
		}
		return e.take(st)
	case stepClaims:
		if e.assertion, e.faults = readAllClaims(e.claims, e.link.Presented); len(e.faults) > 0 {
			e.assertion = Assertion{}
			return e.faults[0]
		}
		return nil
	case stepNonce:
		if e.entry.integration.RequireNonce && !e.link.Presented && !e.bad(stepClaims) && e.assertion.Nonce == "" {
			return checkNonce(&Verified{Integration: e.entry.integration, Assertion: e.assertion}, "")
		}
		return nil
	case stepUser:
		return e.foresee(ctx)
	case stepStatus, stepChanges:
		if refusal, ok := errors.AsType[*Refusal](e.planned); ok && stepOfPlan(refusal) == st {
			return refusal
		}
		return nil
	case stepReplay:
		if e.outlook.Used && e.prepared.token.Single {
			return refuse(TokenReplayed, "the token was used before")
		}
		return nil
	default:
		return e.take(st)
	}
}

// retiredKey is the key that signed, or that the header names, if it is retired.
func (e *examiner) retiredKey() *ringKey {
	refusal := e.failed[stepKey]
	switch {
	case refusal == nil || refusal.Reason != KeyRetired:
		return nil
	case e.keys.named != nil:
		return e.keys.named
	}
	return e.keys.old
}

// result puts together what the steps have found out.
func (e *examiner) result() Examination {
	out := e.out
	out.At = e.now
	if e.entry != nil {
		n := e.entry.integration
		out.Integration = &n
	}
	switch {
	case e.key != nil:
		out.KeyID = e.key.id
	case e.record != nil && e.record.KeyID != "":
		out.KeyID = e.record.KeyID
	case e.named != nil:
		out.KeyID = e.named.id
	}
	if e.prepared.Spent != "" {
		out.Target, out.Warnings = e.prepared.Target, e.prepared.Warnings
	}
	if !e.bad(stepChanges) && e.prepared.Spent != "" && out.Withheld == "" {
		out.Forecast = e.forecast()
		out.Warnings = append(out.Warnings, out.Forecast.warnings...)
	}
	return out
}

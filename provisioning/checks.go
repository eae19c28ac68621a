package provisioning

import (
	"fmt"
	"strings"
)

// Check is one step of an examination.
type Check struct {
	ID      string // stable: "signature"
	Label   string
	Verdict Verdict
	Text    string   // what was found, with the numbers
	Refusal *Refusal // of a check that failed
	Fix     string   // what to do about it
}

// Verdict is what came of a check.
type Verdict string

// The verdicts.
const (
	Passed     Verdict = "pass"
	Failed     Verdict = "fail"
	Skipped    Verdict = "skipped"     // there is nothing to check
	NotReached Verdict = "not_reached" // something before it is missing
	Withheld   Verdict = "withheld"    // what came of it is not for whoever asks; see Specimen
)

// stepNames are the checks as they are shown.
var stepNames = [steps]struct{ id, label string }{
	stepSent:        {"sent", "A token was sent"},
	stepSize:        {"size", "Size"},
	stepForm:        {"form", "Three parts of base64url"},
	stepHeader:      {"header", "Header"},
	stepAlgorithm:   {"algorithm", "Algorithm"},
	stepIntegration: {"integration", "Integration"},
	stepKey:         {"key", "Key"},
	stepSignature:   {"signature", "Signature"},
	stepPayload:     {"payload", "Payload"},
	stepExpiry:      {"exp", "Expiry (exp)"},
	stepNotBefore:   {"nbf", "Start (nbf)"},
	stepIssuedAt:    {"iat", "Age (iat)"},
	stepIssuer:      {"iss", "Issuer (iss)"},
	stepAudience:    {"aud", "Audience (aud)"},
	stepTokenID:     {"jti", "Token id (jti)"},
	stepClaims:      {"claims", "Claims about the person"},
	stepNonce:       {"nonce", "Nonce"},
	stepUser:        {"user", "Who it is"},
	stepStatus:      {"status", "The user may sign in"},
	stepChanges:     {"changes", "What would change"},
	stepReplay:      {"replay", "Not used before"},
}

// stepOf is the step that refuses for a reason.
func stepOf(r *Refusal) step {
	switch r.Reason {
	case TokenMissing:
		return stepSent
	case TooLarge:
		return stepSize
	case TokenMalformed:
		switch {
		case strings.HasPrefix(r.Detail, "header: "), strings.HasPrefix(r.Detail, "the header member"), strings.HasPrefix(r.Detail, "the header's"):
			return stepHeader
		case strings.HasPrefix(r.Detail, "payload: "):
			return stepPayload
		}
		return stepForm
	case AlgNotAllowed:
		if strings.HasPrefix(r.Detail, "the header's alg") {
			return stepAlgorithm
		}
		return stepKey
	case IntegrationUnknown, IntegrationRemoved:
		return stepIntegration
	case KeyRetired:
		return stepKey
	case SignatureInvalid:
		return stepSignature
	case TokenExpired:
		return stepExpiry
	case TokenNotYetValid:
		return stepNotBefore
	case IatMissing, IssuedInFuture, TokenTooOld:
		return stepIssuedAt
	case IssuerMismatch:
		return stepIssuer
	case AudienceMismatch:
		return stepAudience
	case TokenReplayed:
		return stepReplay
	case ClaimMissing, ClaimInvalid:
		return stepOfClaim(r.Path)
	case UserDisabled:
		return stepStatus
	case UserUnknown, EmailInUse, SubjectConflict:
		return stepUser
	case ResourceForbidden, RateLimited, StoreUnavailable:
	}
	return steps
}

func stepOfClaim(path string) step {
	name, _, _ := strings.Cut(path, "[")
	for _, claim := range []struct {
		name string
		step step
	}{
		{"exp", stepExpiry},
		{"nbf", stepNotBefore},
		{"iat", stepIssuedAt},
		{"iss", stepIssuer},
		{"aud", stepAudience},
		{"jti", stepTokenID},
		{"nonce", stepNonce},
	} {
		if name == claim.name {
			return claim.step
		}
	}
	return stepClaims
}

// blame says why a check failed.
func (e *examiner) blame(st step, refusal *Refusal) string {
	if st == stepClaims && len(e.faults) > 0 {
		var all []string
		for _, fault := range e.faults {
			all = append(all, claimFault(fault))
		}
		return strings.Join(all, " ")
	}
	switch {
	case refusal.Path != "":
		return claimFault(refusal)
	case refusal.Detail == "" && refusal.Reason == TokenMissing:
		return "The link has no token."
	case refusal.Detail == "":
		return "It was refused as " + string(refusal.Reason) + "."
	}
	return sentence(refusal.Detail) + e.whose(refusal)
}

// whose names the user who has the e-mail of a token that is refused over it.
func (e *examiner) whose(refusal *Refusal) string {
	if refusal.Reason != EmailInUse && refusal.Reason != SubjectConflict {
		return ""
	}
	id := ""
	if known := e.state.ByEmail; known != nil {
		id = known.UserID
	}
	for _, u := range e.state.Users {
		if u.ID == id || id == "" && u.EmailKey != nil && *u.EmailKey == e.assertion.EmailKey {
			return " It is user " + u.ID + " (" + u.Email + ")."
		}
	}
	return ""
}

func claimFault(r *Refusal) string {
	text := "The claim " + r.Path + " should be " + r.Expected
	if r.Reason == ClaimMissing {
		text = "The claim " + r.Path + " is missing: " + r.Expected
	}
	if r.Detail != "" {
		text += "; " + r.Detail
	}
	return text + "."
}

// sentence makes one of a detail. The name of a claim stays as it is.
func sentence(detail string) string {
	detail = strings.TrimSuffix(detail, ".") + "."
	if first, _, _ := strings.Cut(detail, " "); stepOfClaim(first) != stepClaims {
		return detail
	}
	return strings.ToUpper(detail[:1]) + detail[1:]
}

// praise says what a check that did not fail has found.
func (e *examiner) praise(st step) (Verdict, string) {
	_, known := e.known[st]
	switch st {
	case stepSent:
		switch {
		case e.bare && e.link.Presented:
			return Passed, "A token by itself, as it stands beside an API call."
		case e.bare:
			return Passed, "A token by itself, without a link around it: examined as one that signs in. Paste the whole address for an embed, or put JWT before the token for an API call."
		case e.out.Door == DoorEmbed:
			return Passed, "The embed's address has one."
		}
		return Passed, "The link has one."
	case stepSize:
		if known {
			return Passed, "Within the limit."
		}
		return Passed, fmt.Sprintf("%d bytes, the limit is %d.", len(e.link.Token), e.link.Limit)
	case stepForm:
		return Passed, "It can be taken apart."
	case stepHeader:
		if e.token.keyID == "" {
			return Passed, "One JSON object, without kid."
		}
		return Passed, "One JSON object; kid is " + quoted(e.token.keyID) + "."
	case stepAlgorithm:
		return Passed, "alg is " + e.token.algorithm + "."
	case stepIntegration:
		return Passed, "“" + e.entry.integration.Name + "”, " + e.foundBy() + "."
	case stepKey:
		return Passed, e.keysTold(known)
	case stepSignature:
		return Passed, e.signatureTold(known)
	case stepPayload:
		return Passed, fmt.Sprintf("One JSON object with %d claims.", e.claims.count())
	case stepExpiry, stepNotBefore, stepIssuedAt:
		return e.praiseDate(st)
	case stepIssuer, stepAudience:
		return e.praiseParty(st)
	case stepTokenID:
		return e.praiseTokenID()
	case stepClaims:
		return Passed, "All of the expected types and sizes."
	case stepNonce:
		switch {
		case e.link.Presented:
			return Skipped, "Not asked for of a token that is presented."
		case !e.entry.integration.RequireNonce:
			return Skipped, "Not asked for by this integration."
		case e.record != nil:
			return Skipped, "It has to be the one that the browser was given."
		}
		return Skipped, "It has to be the one that the browser was given when the sign-in began, which cannot be told here."
	case stepUser:
		return Passed, e.matchTold()
	case stepStatus:
		if e.plan.created {
			return Skipped, "The user would be new."
		}
		return Passed, "The user is active."
	case stepChanges:
		return Passed, e.changesTold()
	case stepReplay:
		switch {
		case e.link.Presented:
			return Skipped, "It is presented, not spent: it can be shown again until it ends."
		case known:
			return Passed, "It was not used before this sign-in."
		case !e.outlook.Used:
			return Passed, "It has not been used."
		}
		return Passed, "It has been used, and may be used again."
	case steps:
	}
	return Passed, ""
}

// foundBy says how the integration was looked up.
func (e *examiner) foundBy() string {
	issuer := unverifiedIssuer(e.claims)
	switch {
	case e.named != nil:
		return "found by the header's kid"
	case e.link.AppID != "":
		return "found by the appId beside the token"
	case e.ring.apps[issuer] != nil:
		return "found by iss, which is its app id"
	case e.ring.issuers[issuer] != nil:
		return "found by iss, which is its issuer"
	case e.ring.only == e.entry:
		return "the tenant's only one"
	}
	return "as the log has it"
}

func (e *examiner) keysTold(known bool) string {
	switch {
	case known:
		return "As the log has it."
	case e.keys.named != nil:
		return fmt.Sprintf("kid names %s (%s), which is live.", e.keys.named.id, e.keys.named.algorithm)
	case len(e.keys.live) == 1:
		return fmt.Sprintf("No kid names one of ours: the live key for %s is tried.", e.token.algorithm)
	}
	return fmt.Sprintf("No kid names one of ours: %d live keys for %s are tried.", len(e.keys.live), e.token.algorithm)
}

func (e *examiner) signatureTold(known bool) string {
	switch {
	case known && e.record.KeyID != "":
		return "It held, under key " + e.record.KeyID + ", as the log has it."
	case known:
		return "It held, as the log has it."
	}
	return "Made with key " + e.key.id + "."
}

func (e *examiner) praiseDate(st step) (Verdict, string) {
	n := &e.entry.integration
	switch st {
	case stepExpiry:
		switch end := e.dates.expiresAt; {
		case !end.IsZero() && end.After(e.now):
			return Passed, fmt.Sprintf("exp is %s ahead.", seconds(end.Sub(e.now)))
		case !end.IsZero():
			return Passed, fmt.Sprintf("exp was %s ago, within the tolerance of %s.", seconds(e.now.Sub(end)), seconds(n.Leeway))
		case e.maxAge() == 0:
			return Skipped, "No exp is sent, and the integration has no maximum age: the link never expires."
		}
		return Skipped, "No exp is sent; the maximum age bounds the link's life."
	case stepNotBefore:
		switch start := e.dates.notBefore; {
		case start.IsZero():
			return Skipped, "No nbf is sent."
		case start.After(e.now):
			return Passed, fmt.Sprintf("nbf is %s ahead, within the tolerance of %s.", seconds(start.Sub(e.now)), seconds(n.Leeway))
		default:
			return Passed, fmt.Sprintf("nbf was %s ago.", seconds(e.now.Sub(start)))
		}
	default:
		issued := e.dates.issuedAt
		if issued.IsZero() {
			return Skipped, "No iat is sent, and the integration has no maximum age."
		}
		text := fmt.Sprintf("Signed %s before it arrived", seconds(e.now.Sub(issued)))
		if issued.After(e.now) {
			text = fmt.Sprintf("Dated %s ahead of this server's clock, within the tolerance of %s", seconds(issued.Sub(e.now)), seconds(n.Leeway))
		}
		if e.maxAge() == 0 {
			return Passed, text + "; there is no maximum age."
		}
		return Passed, fmt.Sprintf("%s; the maximum is %s and %s of tolerance.", text, seconds(e.maxAge()), seconds(n.Leeway))
	}
}

func (e *examiner) praiseParty(st step) (Verdict, string) {
	n := &e.entry.integration
	if st == stepAudience {
		if !e.claims.member("aud").exists() {
			return Skipped, "No aud is sent."
		}
		return Passed, "aud names us."
	}
	iss := e.claims.member("iss")
	switch {
	case !iss.exists():
		return Skipped, "No iss is sent, and none is asked for."
	case iss.text() == n.AppID:
		return Passed, "iss is the integration's app id."
	case n.Issuer != "":
		return Passed, "iss is the integration's issuer."
	}
	return Passed, "iss is " + quoted(iss.text()) + "; the integration has no issuer set, so any will do."
}

func (e *examiner) praiseTokenID() (Verdict, string) {
	switch {
	case e.link.Presented:
		return Skipped, "It means nothing for a token that is presented."
	case e.id != "":
		return Passed, "jti is " + quoted(e.id) + ": the link is good once."
	case e.entry != nil && e.entry.integration.SingleUse:
		return Skipped, "No jti is sent; the integration makes every link good once."
	}
	return Skipped, "No jti is sent: the link can be opened again while it lasts."
}

func (e *examiner) matchTold() string {
	user := "user " + e.plan.user.ID
	if e.plan.user.Email != "" && !e.plan.created {
		user += " (" + e.plan.user.Email + ")"
	}
	switch e.plan.match {
	case MatchSubject:
		return "This integration knows the sub " + quoted(e.assertion.Subject) + ": " + user + "."
	case MatchEmail:
		return "This integration knows the e-mail: " + user + "."
	case MatchAttached:
		return "This integration knows the e-mail without a sub, which it gets now: " + user + "."
	case MatchLinked:
		return "The e-mail belongs to a user without an identity, who is linked: " + user + "."
	case MatchTrusted:
		return "The e-mail belongs to a user of another integration, and the link policy is trusted: " + user + "."
	case MatchNew:
		return "Nobody has this sub or e-mail: a user is created."
	}
	return "Somebody who was erased: keyed hashes of the sub or the e-mail are all that is left."
}

func (e *examiner) changesTold() string {
	f := e.forecast()
	switch {
	case f.Unchanged:
		return "The last token of this person said the same: nothing."
	case f.Stale && e.link.Presented:
		return "It was presented before, or a token that is as new was used, or that cannot be told any more: nothing of this one is applied."
	case f.Stale:
		return "A newer token of this person was used: nothing of this one is applied."
	case !f.Changes():
		return "Nothing."
	}
	var parts []string
	count := func(n int, one, many string) {
		switch n {
		case 0:
		case 1:
			parts = append(parts, "1 "+one)
		default:
			parts = append(parts, fmt.Sprintf("%d %s", n, many))
		}
	}
	count(len(f.Fields), "field", "fields")
	count(len(f.Meta), "key of meta", "keys of meta")
	count(len(f.Groups), "group", "groups")
	count(len(f.Credits), "credit", "credits")
	text := strings.Join(parts, ", ")
	if f.Created {
		return "A new user: " + text + "."
	}
	return sentence(text)
}

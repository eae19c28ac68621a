package provisioning

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"usher/sql/store"
)

// advice is what to do about a check that failed: about each of the claims that
// are wrong.
func (e *examiner) advice(st step, refusal *Refusal) string {
	if st != stepClaims || len(e.faults) < 2 {
		return e.fix(st, refusal)
	}
	var all []string
	for _, fault := range e.faults {
		all = append(all, e.fixClaim(fault))
	}
	return strings.Join(all, " ")
}

// fix says what to do about a check that failed, in one sentence, with the
// numbers in it.
func (e *examiner) fix(st step, r *Refusal) string {
	if e.entry == nil && st > stepIntegration {
		return ""
	}
	switch r.Reason {
	case TokenMissing:
		if e.link.Presented {
			return "The address needs its token: …?appId=<app id>&user=<token>."
		}
		return "The link needs its token: …/auth/callback/jwt-auth?token=<token>."
	case TooLarge:
		if e.link.Presented {
			return "Send less in the token: meta is usually the largest part."
		}
		return fmt.Sprintf("Send less in the token (meta is usually the largest part), or send it by a form (POST), where it may have %d bytes.", MaxTokenInForm)
	case TokenMalformed:
		return e.fixForm(st)
	case AlgNotAllowed:
		if st == stepAlgorithm {
			return "Sign with one of " + algorithmList + ", the one of the key that was installed."
		}
		return "Sign with the algorithm of an installed key (" + e.liveAlgorithms() + "), or add a key for " + e.token.algorithm + "."
	case IntegrationUnknown:
		return "Put the id of the key into the token's header as kid, or add &appId=<app id> to the link."
	case IntegrationRemoved:
		return "Install the integration again and give the partner its new secret, or have the partner take the link away."
	case KeyRetired:
		return "Have the partner sign with a live key" + e.liveKeys() + "."
	case SignatureInvalid:
		return e.fixSignature(r)
	case TokenExpired, TokenNotYetValid, IatMissing, IssuedInFuture, TokenTooOld:
		return e.fixDate(r)
	case IssuerMismatch:
		if e.link.Presented {
			return fmt.Sprintf("Send this integration's app id (%s) as iss, and the same beside the token.", e.entry.integration.AppID)
		}
		if issuer := e.entry.integration.Issuer; issuer != "" {
			return fmt.Sprintf("Send iss as %q, or change the integration's issuer to what the partner sends.", issuer)
		}
		return fmt.Sprintf("Send this integration's app id (%s) as iss, or no iss.", e.entry.integration.AppID)
	case AudienceMismatch:
		return fmt.Sprintf("Send aud as %q, or leave it out.", e.audience())
	case ClaimMissing, ClaimInvalid:
		return e.fixClaim(r)
	case TokenReplayed:
		return "Sign a new link for every click: one with a jti, or of an integration with single use, is good once."
	case UserDisabled:
		if e.state.Erased {
			return "Enable the erased user, if this person may come back as somebody new."
		}
		return "Enable the user, if this person may sign in again."
	case UserUnknown:
		return "Switch on auto-create, or have the partner send the sub or e-mail of somebody who is known here."
	case EmailInUse:
		return e.fixEmail()
	case SubjectConflict:
		return e.fixSubject()
	case ResourceForbidden, RateLimited, StoreUnavailable:
	}
	return ""
}

func (e *examiner) fixForm(st step) string {
	switch st {
	case stepHeader:
		return `Send the header as one JSON object such as {"alg":"HS256","typ":"JWT","kid":"…"}, without crit, b64, zip or enc.`
	case stepPayload:
		return "Send the payload as one JSON object in UTF-8, every name once in each object."
	case stepSent:
		return "Give the parameter token once."
	default: // the token itself, as a text
	}
	text := e.link.Token
	switch parts := strings.Count(text, ".") + 1; {
	case parts == 5:
		return "Sign the token (JWS) instead of encrypting it (JWE)."
	case parts != 3 && parts > 1:
		return fmt.Sprintf("A token is three parts with two dots between them, and this one has %d: check that the link is whole.", parts)
	case parts != 3:
		return "A token is three parts with two dots between them: check that the link is whole."
	case strings.Contains(text, "="):
		return "Take the padding (=) away: the parts are base64url without padding (RFC 7515 §2)."
	case strings.ContainsAny(text, "+/"):
		return "Use the alphabet of base64url, which has - and _ instead of + and / (RFC 7515 §2)."
	}
	return "Encode the parts as base64url without padding (RFC 7515 §2), and check that the link was not cut off."
}

func (e *examiner) fixSignature(r *Refusal) string {
	switch {
	case strings.Contains(r.Detail, "-decoded secret"):
		return "Use the secret's characters as they are, as the key's bytes: do not decode them."
	case strings.Contains(r.Detail, "without the spaces"), strings.Contains(r.Detail, "line feed"):
		return "Use exactly the secret's characters: what reads it at the partner adds or takes away a space or a line end."
	case strings.HasPrefix(e.token.algorithm, "HS"):
		return "Compare the secret at the partner with the one of this key" + e.triedKeys() + "; if it is lost, add a key and hand its secret over."
	}
	return "Compare the partner's private key with the public one that is installed" + e.triedKeys() + ", and check that nothing changes the token on its way."
}

func (e *examiner) fixDate(r *Refusal) string {
	if e.claims == nil { // an entry of the log without the token's text
		return "Have the partner sign the link when the person clicks, with iat, and set its clock by NTP."
	}
	n := &e.entry.integration
	roomFor := func(d time.Duration) string {
		if needed := ceilSeconds(d); needed <= int64(maxLeeway/time.Second) {
			return fmt.Sprintf(", or raise the tolerance to %d s", needed)
		}
		return ""
	}
	switch r.Reason {
	case TokenExpired:
		late := e.now.Sub(e.dates.expiresAt)
		if issued, _ := readDate(e.claims, "iat"); !issued.IsZero() && e.dates.expiresAt.After(issued) {
			return fmt.Sprintf("The link was meant to last %s and was opened %s after its end: sign it when the person clicks, or give exp more time%s.",
				seconds(e.dates.expiresAt.Sub(issued)), seconds(late), roomFor(late))
		}
		return fmt.Sprintf("exp was over %s before: sign the link when the person clicks, with an exp that lies ahead%s.", seconds(late), roomFor(late))
	case TokenNotYetValid:
		early := e.dates.notBefore.Sub(e.now)
		return fmt.Sprintf("nbf lies %s ahead: leave it out, or set the partner's clock by NTP%s.", seconds(early), roomFor(early))
	case IatMissing:
		return fmt.Sprintf("Send iat, the second in which the token is signed (now: %d), or take the maximum age of %s away.", e.now.Unix(), seconds(e.maxAge()))
	case IssuedInFuture:
		early := e.dates.issuedAt.Sub(e.now)
		return fmt.Sprintf("The partner's clock is %s ahead of ours: set it by NTP%s.", seconds(early), roomFor(early))
	default:
		age := e.now.Sub(e.dates.issuedAt)
		if maxAge := e.maxAge(); maxAge > 0 && age > maxAge+n.Leeway && e.link.Presented {
			return fmt.Sprintf("The token was %d s old when it was presented, and may be %d s: the partner's page has to sign a new one in time.", int64(age.Seconds()), int64(maxAge.Seconds()))
		}
		if n.MaxAge > 0 && age > n.MaxAge+n.Leeway && !e.link.Presented {
			raise := ""
			if needed := ceilSeconds(age - n.Leeway); needed <= maxAdvisedAge {
				raise = fmt.Sprintf(", or raise the maximum age above %d s", needed)
			}
			return fmt.Sprintf("The link was %d s old when it arrived: sign it when the person clicks%s.", int64(age.Seconds()), raise)
		}
		return "The link was signed before the integration was installed, or before its limits were loosened: sign a new one."
	}
}

// maxAdvisedAge is the largest maximum age, in seconds, that is worth proposing:
// a link that lives longer is a password.
const maxAdvisedAge = 3600

func ceilSeconds(d time.Duration) int64 { return int64(math.Ceil(d.Seconds())) }

// audience is a value of aud that would be accepted.
func (e *examiner) audience() string {
	if i := slices.IndexFunc(e.link.Audiences, func(a string) bool { return a != "" }); i >= 0 {
		return e.link.Audiences[i]
	}
	return e.entry.integration.AppID
}

// claim finds a claim; there is none in an entry of the log without the token's
// text.
func (e *examiner) claim(name string) jsonValue {
	if e.claims == nil {
		return nil
	}
	return e.claims.member(name)
}

func (e *examiner) fixClaim(r *Refusal) string {
	if strings.HasSuffix(r.Expected, "milliseconds") {
		value := e.claim(r.Path)
		if value.exists() && value.kind() == jsonNumber {
			if millis, err := strconv.ParseInt(value.text(), 10, 64); err == nil {
				return fmt.Sprintf("%s is in milliseconds: divide it by 1000 (%d instead of %d).", r.Path, millis/1000, millis)
			}
		}
		return r.Path + " is in milliseconds: divide it by 1000."
	}
	switch {
	case r.Path == "nonce":
		return "Start at /auth/start, and have the partner copy the nonce that comes with return_to into the token."
	case r.Reason == ClaimMissing:
		return "Send the claim " + r.Path + ": " + r.Expected + "."
	case r.Path == "groups" && strings.HasPrefix(r.Detail, "unknown"):
		return "Add these groups, or set what happens with unknown groups to ignore or create."
	case r.Path == "credits" && strings.HasPrefix(r.Detail, "unknown"):
		return "Add these credits, or set what happens with unknown credits to park or ignore."
	case r.Path == "email" && e.claim("email").exists():
		return "Send the person's e-mail address as text: " + r.Expected + "."
	}
	return "Send " + r.Path + " as " + r.Expected + "."
}

func (e *examiner) fixEmail() string {
	switch {
	case isFalse(e.assertion.EmailVerified):
		return "The partner says that the e-mail is not verified (email_verified is false), so it links to nobody: have it verified there first."
	case e.entry.integration.LinkPolicy == store.LinkNever:
		return "Set the link policy to unclaimed or trusted, if this partner's e-mails may lead to users who exist already."
	}
	return "Set the link policy to trusted, if this partner may sign in users of another integration, or send the person's own e-mail."
}

func (e *examiner) fixSubject() string {
	known := ""
	if id := e.state.ByEmail; id != nil && id.Subject != nil {
		known = " (" + quoted(*id.Subject) + ")"
	}
	return "The partner has to send one person's sub unchanged for ever: this e-mail came with another one before" + known + "."
}

// liveKeys names the keys that the partner may sign with.
func (e *examiner) liveKeys() string {
	var ids []string
	for _, key := range e.entry.keys {
		if !key.retired(e.now) {
			ids = append(ids, key.id)
		}
	}
	return named(ids)
}

func (e *examiner) liveAlgorithms() string {
	var names []string
	for _, key := range e.entry.keys {
		if !key.retired(e.now) && !slices.Contains(names, key.algorithm) {
			names = append(names, key.algorithm)
		}
	}
	return strings.Join(names, ", ")
}

func (e *examiner) triedKeys() string {
	if e.keys.named != nil {
		return named([]string{e.keys.named.id})
	}
	var ids []string
	for _, key := range e.keys.live {
		ids = append(ids, key.id)
	}
	return named(ids)
}

// named writes ids in brackets behind a word; "" for none.
func named(ids []string) string {
	if len(ids) == 0 {
		return ""
	}
	return " (" + strings.Join(ids, ", ") + ")"
}

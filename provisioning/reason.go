package provisioning

import (
	"fmt"
	"slices"
	"time"
)

// Reason is a stable code for a refusal. Codes are part of the product's
// contract: partners and admins search for them, so they are never renamed.
type Reason string

// The reasons, in the order in which the checks run.
const (
	TokenMissing       Reason = "token_missing"
	TooLarge           Reason = "too_large"
	TokenMalformed     Reason = "token_malformed"
	AlgNotAllowed      Reason = "alg_not_allowed"
	IntegrationUnknown Reason = "integration_unknown"
	IntegrationRemoved Reason = "integration_removed"
	KeyRetired         Reason = "key_retired"
	SignatureInvalid   Reason = "signature_invalid"
	TokenExpired       Reason = "token_expired"
	TokenNotYetValid   Reason = "token_not_yet_valid"
	IatMissing         Reason = "iat_missing"
	IssuedInFuture     Reason = "issued_in_future"
	TokenTooOld        Reason = "token_too_old"
	IssuerMismatch     Reason = "issuer_mismatch"
	AudienceMismatch   Reason = "audience_mismatch"
	TokenReplayed      Reason = "token_replayed"
	ClaimMissing       Reason = "claim_missing"
	ClaimInvalid       Reason = "claim_invalid"
	UserDisabled       Reason = "user_disabled"
	UserUnknown        Reason = "user_unknown"
	EmailInUse         Reason = "email_in_use"
	SubjectConflict    Reason = "subject_conflict"
	ResourceForbidden  Reason = "resource_forbidden"
	RateLimited        Reason = "rate_limited"
	StoreUnavailable   Reason = "store_unavailable"
)

// reasons in the order of the constants.
var reasons = []Reason{
	TokenMissing, TooLarge, TokenMalformed, AlgNotAllowed, IntegrationUnknown, IntegrationRemoved, KeyRetired,
	SignatureInvalid, TokenExpired, TokenNotYetValid, IatMissing, IssuedInFuture, TokenTooOld, IssuerMismatch,
	AudienceMismatch, TokenReplayed, ClaimMissing, ClaimInvalid, UserDisabled, UserUnknown, EmailInUse, SubjectConflict,
	ResourceForbidden, RateLimited, StoreUnavailable,
}

// Reasons lists every reason, in the order in which the checks run.
func Reasons() []Reason { return slices.Clone(reasons) }

// Refusal is why a token was not accepted. It is an error of this package's
// domain and knows no HTTP.
type Refusal struct {
	Reason Reason
	// Path is the JSON path of the claim at fault ("groups[3]"), for
	// ClaimMissing and ClaimInvalid only.
	Path string
	// Expected says what stands there in a good token ("a string of at most
	// 64 characters"), for ClaimMissing and ClaimInvalid only. Both are safe
	// to show to the person: they never quote the token.
	Expected string
	// After is how long to wait, for RateLimited; 0 = as usual.
	After time.Duration
	// Detail is for the admin's log only, never for the public answer. It
	// holds no secret, no signature and no whole token.
	Detail string
}

func (r *Refusal) Error() string {
	s := string(r.Reason)
	if r.Path != "" {
		s += " at " + r.Path
	}
	if r.Expected != "" {
		s += ": want " + r.Expected
	}
	if r.Detail != "" {
		s += " (" + r.Detail + ")"
	}
	return s
}

// refuse builds a Refusal whose detail goes to the admin's log.
func refuse(reason Reason, detail string, args ...any) *Refusal {
	return &Refusal{Reason: reason, Detail: fmt.Sprintf(detail, args...)}
}

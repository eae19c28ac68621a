package provisioning

import "usher/sql/store"

// claimOf names the claims without which a check has nothing to check. Where
// such a claim is asked for, its absence is a refusal.
var claimOf = [steps]string{
	stepExpiry: "exp", stepNotBefore: "nbf", stepIssuedAt: "iat", stepIssuer: "iss", stepAudience: "aud",
	stepTokenID: "jti", stepNonce: "nonce",
}

// ChecksOf are the checks that an attempt of the log went through when it came,
// in their order: those before the one that refused it have passed, those
// behind it were not reached. It is nil for an entry that stands for many, and
// for a refusal that no check has made.
func ChecksOf(r SignInRecord) []Check {
	at := steps
	switch r.Outcome {
	case store.Suppressed:
		return nil
	case store.Refused:
		at = stepOf(&Refusal{Reason: Reason(r.Reason), Path: r.Path, Detail: r.Detail})
		if at == steps {
			return nil
		}
	}
	claims, err := readJSON(r.Payload)
	readable := err == nil // else nobody knows what was in it
	checks := make([]Check, 0, steps)
	for s := range steps {
		check := Check{ID: stepNames[s].id, Label: stepNames[s].label, Verdict: Passed}
		switch {
		case s == at:
			check.Verdict, check.Text = Failed, r.Detail
		case s > at:
			check.Verdict = NotReached
		case r.Presented() && (s == stepReplay || s == stepNonce || s == stepTokenID):
			check.Verdict, check.Text = Skipped, "means nothing for a token that is presented"
		case s == stepReplay && r.Outcome == store.Reopened:
			check.Verdict, check.Text = Skipped, "used before, and opened again in the same browser"
		case claimOf[s] != "" && readable && !claims.member(claimOf[s]).exists():
			check.Verdict, check.Text = Skipped, "No "+claimOf[s]+" was sent."
		}
		checks = append(checks, check)
	}
	return checks
}

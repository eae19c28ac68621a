package provisioning

import "usher/sql/store"

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
	checks := make([]Check, 0, steps)
	for s := range steps {
		check := Check{ID: stepNames[s].id, Label: stepNames[s].label, Verdict: Passed}
		switch {
		case s == at:
			check.Verdict, check.Text = Failed, r.Detail
		case s > at:
			check.Verdict = NotReached
		case s == stepReplay && r.Outcome == store.Reopened:
			check.Verdict, check.Text = Skipped, "used before, and opened again in the same browser"
		}
		checks = append(checks, check)
	}
	return checks
}

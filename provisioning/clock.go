package provisioning

import (
	"fmt"
	"time"
)

// How serious an Advice is.
const (
	ClockFine  = "good"
	ClockWarn  = "warn"
	ClockWrong = "bad"
)

const (
	// minArrivals is with how many links the median says something, and
	// minShares with how many the percentiles do.
	minArrivals = 5
	minShares   = 40
	// noticed is from when on a difference is told.
	noticed = 5 * time.Second
)

// Advice says in a sentence or two what a clock means for an integration, and
// how serious it is: ClockFine, ClockWarn, ClockWrong, or "" when too little is
// known. Nobody opens a link before it was signed, so that links which arrive
// early show a clock that is ahead; when even the quickest are late, it is
// behind.
func (c Clock) Advice(maxAge, leeway time.Duration) (tone, sentence string) {
	const takeTime = " Let its server take the time from NTP."
	shares := c.N >= minShares
	switch {
	case c.N == 0:
		return "", "No link that says when it was made has arrived in 30 days."
	case c.N == 1:
		return "", "One link has arrived, which is too few to compare the clocks."
	case c.N < minArrivals:
		return "", fmt.Sprintf("%d links have arrived, which is too few to compare the clocks.", c.N)
	case -c.Median > leeway:
		return ClockWrong, fmt.Sprintf("The partner's clock is about %s ahead of ours, more than the tolerance of %s: most links are refused (issued_in_future).",
			spell(c.Median), spell(leeway)) + takeTime
	case -c.Median >= noticed:
		return ClockWarn, fmt.Sprintf("The partner's clock is about %s ahead of ours; the tolerance is %s.", spell(c.Median), spell(leeway)) + takeTime
	case maxAge > 0 && c.Median > maxAge+leeway:
		return ClockWrong, fmt.Sprintf("Most links arrive more than %s after they were signed and are refused (token_too_old): the partner's clock is behind ours, or its pages hold links for long. Sign them at the click.",
			spell(maxAge+leeway))
	case shares && -c.Low > leeway:
		return ClockWarn, fmt.Sprintf("The clocks agree for most links, but one in twenty is dated %s or more ahead: one of the partner's servers may go wrong.", spell(c.Low))
	case shares && c.Low >= noticed || !shares && c.Low >= noticed && c.High-c.Low < time.Minute:
		return ClockWarn, fmt.Sprintf("The partner's clock is about %s behind ours: even the quickest links arrive %s after they were signed. Or its pages hold links that were signed before the click.",
			spell(c.Median), spell(c.Low))
	case shares && maxAge > 0 && c.High > maxAge:
		return ClockWarn, fmt.Sprintf("The clocks agree, but one in twenty links is opened %s or more after it was signed, and the max age is %s. Sign them at the click.",
			spell(c.High), spell(maxAge))
	}
	return ClockFine, fmt.Sprintf("The clocks agree: half of the links arrive within %s of being signed.", spell(max(c.Median, time.Second)))
}

// spell writes a length of time in its largest unit, however it is signed.
func spell(d time.Duration) string {
	d = d.Abs()
	switch {
	case d < 2*time.Minute:
		return fmt.Sprintf("%d s", int(d.Round(time.Second)/time.Second))
	case d < 2*time.Hour:
		return fmt.Sprintf("%d min", int(d.Round(time.Minute)/time.Minute))
	}
	return fmt.Sprintf("%d h", int(d.Round(time.Hour)/time.Hour))
}

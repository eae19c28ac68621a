package provisioning

import (
	"strings"
	"time"
)

const (
	// maxNumericDate is the last second that a token may name (the year
	// 5138). Whatever lies above is taken for milliseconds or worse; it also
	// keeps every sum of a date and a limit far from an overflow.
	maxNumericDate = 100_000_000_000

	expectedDate   = "a number of seconds since 1970-01-01T00:00:00Z"
	expectedMillis = expectedDate + "; these look like milliseconds"
)

// numericDate reads a NumericDate (RFC 7519 §2): a JSON number of seconds,
// which may have a fraction. It works on the decimal text, because a float
// loses microseconds and turns 1e300 into a date long past. Microseconds are
// kept, finer digits cut. The second result is empty or says what is expected.
func numericDate(v jsonValue) (time.Time, string) {
	if v.kind() != jsonNumber {
		return time.Time{}, expectedDate
	}
	micros, ok := decimalMicros(strings.TrimPrefix(v.text(), "-"))
	switch {
	case !ok || micros > maxNumericDate*1_000_000:
		if strings.HasPrefix(v.text(), "-") {
			return time.Time{}, expectedDate
		}
		return time.Time{}, expectedMillis
	case micros > 0 && strings.HasPrefix(v.text(), "-"):
		return time.Time{}, expectedDate
	}
	return time.UnixMicro(micros).UTC(), ""
}

// decimalMicros is a JSON number without sign, times a million, cut to whole
// microseconds; false when it has more than 18 digits.
func decimalMicros(text string) (int64, bool) {
	mantissa, exponent := text, 0
	if i := strings.IndexAny(text, "eE"); i >= 0 {
		mantissa, exponent = text[:i], smallExponent(text[i+1:])
	}
	whole, fraction, _ := strings.Cut(mantissa, ".")
	digits := strings.TrimLeft(whole+fraction, "0")
	if digits == "" {
		return 0, true
	}
	// The value is digits × 10^power microseconds.
	power := exponent - len(fraction) + 6
	size := len(digits) + power
	if size > 18 {
		return 0, false
	}
	if size <= 0 {
		return 0, true
	}
	var micros int64
	for i := range size {
		micros *= 10
		if i < len(digits) {
			micros += int64(digits[i] - '0')
		}
	}
	return micros, true
}

// smallExponent reads the digits after an e; beyond a million, which no
// token's length can make up for, it stays there.
func smallExponent(text string) int {
	negative := strings.HasPrefix(text, "-")
	exponent := 0
	for _, digit := range strings.TrimLeft(text, "+-") {
		exponent = min(exponent*10+int(digit-'0'), 1_000_000)
	}
	if negative {
		return -exponent
	}
	return exponent
}

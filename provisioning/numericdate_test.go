package provisioning

import (
	"math/big"
	"strings"
	"testing"
	"time"
)

func TestNumericDate(t *testing.T) {
	t.Parallel()
	at := func(seconds, micros int64) time.Time { return time.Unix(seconds, micros*1000).UTC() }
	tests := []struct {
		name, literal string
		want          time.Time
		expected      string
	}{
		{"seconds", `1773500966`, at(1773500966, 0), ""},
		{"zero", `0`, at(0, 0), ""},
		{"minus zero", `-0`, at(0, 0), ""},
		{"fraction", `1773500966.25`, at(1773500966, 250_000), ""},
		{"microseconds", `1773500966.123456`, at(1773500966, 123_456), ""},
		{"finer digits are cut", `1773500966.1234569`, at(1773500966, 123_456), ""},
		{"long fraction", `1773500966.` + strings.Repeat("9", 300), at(1773500966, 999_999), ""},
		{"exponent", `1.773500966e9`, at(1773500966, 0), ""},
		{"capital exponent with plus", `17735009.66E+2`, at(1773500966, 0), ""},
		{"negative exponent", `1773500966000e-3`, at(1773500966, 0), ""},
		{"almost nothing", `1e-400`, at(0, 0), ""},
		{"zero with a big exponent", `0e999999999999999999999`, at(0, 0), ""},
		{"the last second", `100000000000`, at(100_000_000_000, 0), ""},
		{"J12 one over", `100000000001`, time.Time{}, expectedMillis},
		{"J12 just over", `100000000000.000001`, time.Time{}, expectedMillis},
		{"J12 milliseconds", `1773500966000`, time.Time{}, expectedMillis},
		{"H2 1e300", `1e300`, time.Time{}, expectedMillis},
		{"H2 1e400", `1e400`, time.Time{}, expectedMillis},
		{"H2 endless exponent", `1e99999999999999999999999999`, time.Time{}, expectedMillis},
		{"H2 2^63", `9223372036854775808`, time.Time{}, expectedMillis},
		{"H2 2^64 seconds, which wraps to 0", `18446744073709551616`, time.Time{}, expectedMillis},
		{"H2 negative", `-1`, time.Time{}, expectedDate},
		{"H2 negative and small", `-0.5`, time.Time{}, expectedDate},
		{"H2 negative and big", `-1e300`, time.Time{}, expectedDate},
		{"H1 text", `"1773500966"`, time.Time{}, expectedDate},
		{"H1 null", `null`, time.Time{}, expectedDate},
		{"H1 true", `true`, time.Time{}, expectedDate},
		{"H1 list", `[1773500966]`, time.Time{}, expectedDate},
		{"H1 object", `{}`, time.Time{}, expectedDate},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			payload, err := readJSON(`{"exp":` + test.literal + `}`)
			if err != nil {
				t.Fatal(err)
			}
			got, expected := numericDate(payload.member("exp"))
			if !got.Equal(test.want) || got.IsZero() != test.want.IsZero() || expected != test.expected {
				t.Errorf("got %v, %q, want %v, %q", got, expected, test.want, test.expected)
			}
		})
	}
}

func FuzzNumericDate(f *testing.F) {
	for _, seed := range []string{"1773500966", "1.5e9", "1e300", "-1", "0.0000001e7", "99999999999.9999999", "1e-7"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, literal string) {
		payload, err := readJSON(`{"exp":` + literal + `}`)
		if err != nil || payload.count() != 1 || payload.member("exp").kind() != jsonNumber {
			return
		}
		if i := strings.IndexAny(literal, "eE"); i >= 0 && len(literal)-i > 5 || len(literal) > 400 {
			return // exact arithmetic would take too long to compare with
		}
		exact, ok := new(big.Rat).SetString(strings.TrimSpace(literal))
		if !ok {
			t.Fatalf("big.Rat does not read %q", literal)
		}
		got, expected := numericDate(payload.member("exp"))
		inRange := exact.Sign() >= 0 && exact.Cmp(big.NewRat(maxNumericDate, 1)) <= 0
		// What lies less than a microsecond outside is cut to the edge.
		micros := new(big.Rat).Mul(exact, big.NewRat(1_000_000, 1))
		whole := new(big.Int).Quo(micros.Num(), micros.Denom())
		if !inRange && (whole.Sign() == 0 || whole.Cmp(big.NewInt(maxNumericDate*1_000_000)) == 0) {
			return
		}
		if (expected == "") != inRange {
			t.Fatalf("%q: got %v, %q, want accepted: %t", literal, got, expected, inRange)
		}
		if inRange && got.UnixMicro() != whole.Int64() {
			t.Errorf("%q: got %d µs, want %s", literal, got.UnixMicro(), whole)
		}
	})
}

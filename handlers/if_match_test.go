package handlers

import (
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestParseIfMatch(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		lines []string
		want  []int64
		ok    bool
	}{
		{nil, nil, true},
		{[]string{"*"}, nil, true},
		{[]string{" * "}, nil, true},
		{[]string{`"7"`}, []int64{7}, true},
		{[]string{`"7" , "8"`, `"9"`}, []int64{7, 8, 9}, true},
		{[]string{`, ,"7",`}, []int64{7}, true},
		// What may be listed, but is no state of ours.
		{[]string{`W/"7"`}, []int64{}, true},
		{[]string{`"07"`}, []int64{}, true},
		{[]string{`"+7"`}, []int64{}, true},
		{[]string{`""`}, []int64{}, true},
		{[]string{`"a,b"`}, []int64{}, true},
		{[]string{""}, []int64{}, true},
		// What is no list of ETags.
		{[]string{"7"}, nil, false},
		{[]string{`"7`}, nil, false},
		{[]string{`w/"7"`}, nil, false},
		{[]string{`"7" "8"`}, nil, false},
		{[]string{`"7",*`}, nil, false},
		{[]string{"\"a b\""}, nil, false},
		{[]string{strings.Repeat(`"1",`, maxETags) + `"1"`}, nil, false},
	} {
		got, ok := parseIfMatch(test.lines)
		if ok != test.ok || (ok && !cmp.Equal(got, test.want)) {
			t.Errorf("%q: got %v, %v, want %v, %v", test.lines, got, ok, test.want, test.ok)
		}
	}
}

func FuzzParseIfMatch(f *testing.F) {
	for _, seed := range []string{"*", `"7"`, `W/"7", "8"`, `,,"a"`, `"`} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		revisions, ok := parseIfMatch([]string{text})
		if !ok && revisions != nil {
			t.Errorf("%q: got %v from a header that is not understood", text, revisions)
		}
		for _, revision := range revisions {
			if !strings.Contains(text, `"`+strconv.FormatInt(revision, 10)+`"`) {
				t.Errorf("%q: got %d, which does not stand there", text, revision)
			}
		}
		if ok && revisions == nil && strings.Trim(text, " \t") != "*" {
			t.Errorf("%q: got any state allowed", text)
		}
	})
}

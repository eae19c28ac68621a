package provisioning

import (
	"encoding/json"
	"strconv"
	"strings"
	"testing"
)

// TestPlainMeta: what is written in the short way is what encoding/json writes,
// as fingerprints of both are compared.
func TestPlainMeta(t *testing.T) {
	t.Parallel()
	for text, wantPlain := range map[string]bool{
		`{}`:                          true,
		`{"b":"two","a":"one","":""}`: true,
		`{"yes":true,"no":false,"nothing":null,"html":"<a&b>'"}`: true,
		`{"level":3,"zero":0}`: true,
		`{"level":-3}`:         false,
		`{"level":3.5}`:        false,
		`{"level":1e3}`:        false,
		`{"list":["a"]}`:       false,
		`{"inner":{"a":"b"}}`:  false,
		`{"a":"é"}`:            false,
		`{"é":"a"}`:            false,
		`{"a":"\""}`:           false,
		`{"a\\b":"c"}`:         false,
		`{"a":"tab\t"}`:        false,
		`{"a":"del\u007f"}`:    false,
		manyKeys(16):           true,
		manyKeys(17):           false,
	} {
		var meta map[string]any
		decoder := json.NewDecoder(strings.NewReader(text))
		decoder.UseNumber()
		if err := decoder.Decode(&meta); err != nil {
			t.Fatal(err)
		}
		checkPlainMeta(t, meta, wantPlain)
	}
}

func manyKeys(n int) string {
	var members []string
	for i := range n {
		members = append(members, `"`+string(rune('z'-i))+`":"v"`)
	}
	return "{" + strings.Join(members, ",") + "}"
}

func checkPlainMeta(t *testing.T, meta map[string]any, wantPlain bool) {
	t.Helper()
	want, err := encodeMeta(meta)
	if err != nil {
		t.Fatal(err)
	}
	got, plain := appendPlainMeta(nil, meta)
	if plain != wantPlain {
		t.Errorf("%s: got plain %v, want %v", want, plain, wantPlain)
	}
	if plain && string(got) != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func FuzzPlainMeta(f *testing.F) {
	f.Add("a", "b", true, uint64(7))
	f.Add("<", "\u2028", false, uint64(0))
	f.Fuzz(func(t *testing.T, key, value string, truth bool, number uint64) {
		meta := map[string]any{key: value, "truth": truth, "x": nil, "n": json.Number(strconv.FormatUint(number, 10))}
		_, plain := appendPlainMeta(nil, meta)
		checkPlainMeta(t, meta, plain)
	})
}

package provisioning

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestReadJSON(t *testing.T) {
	t.Parallel()
	nested := func(depth int) string {
		return strings.Repeat(`{"a":`, depth) + "1" + strings.Repeat("}", depth)
	}
	many := func(last string) string {
		var b strings.Builder
		b.WriteByte('{')
		for i := range 100 {
			b.WriteString(numbered(`"k%d":{},`)(i))
		}
		return b.String() + `"` + last + `":0}`
	}
	tests := []struct {
		name, text string
		want       error
	}{
		{"empty object", `{}`, nil},
		{"spaces around", " \t\r\n{ \"a\" : [ 1 , 2 ] , \"b\" : { } } \n", nil},
		{"every kind", `{"a":null,"b":true,"c":false,"d":-1.5e+10,"e":"x","f":[[]],"g":{"h":0}}`, nil},
		{"every escape", `{"a":"\"\\\/\b\f\n\r\t\u00e9\ud83d\ude00é😀"}`, nil},
		{"same name in different objects", `{"a":{"a":{"a":1}},"b":[{"a":1},{"a":1}]}`, nil},
		{"names that differ by case", `{"sub":1,"SUB":2,"ſub":3}`, nil},
		{"many names", many("last"), nil},
		{"as deep as allowed", nested(maxJSONDepth), nil},
		{"numbers", `{"a":[0,-0,0.0,10,1E5,1e-5,123456789012345678901234567890]}`, nil},

		{"nothing", ``, errJSONSyntax},
		{"H8 null", `null`, errJSONSyntax},
		{"H8 array", `[]`, errJSONSyntax},
		{"H8 string", `"a"`, errJSONSyntax},
		{"H8 trailing text", `{}x`, errJSONSyntax},
		{"H8 trailing object", `{}{}`, errJSONSyntax},
		{"H8 trailing NUL", "{}\x00", errJSONSyntax},
		{"J07 byte order mark", "\ufeff{}", errJSONSyntax},
		{"J07 UTF-16", "{\x00}\x00", errJSONSyntax},
		{"cut object", `{`, errJSONSyntax},
		{"cut member", `{"a"`, errJSONSyntax},
		{"cut value", `{"a":`, errJSONSyntax},
		{"cut string", `{"a":"b`, errJSONSyntax},
		{"cut escape", `{"a":"\`, errJSONSyntax},
		{"cut unicode escape", `{"a":"\u00`, errJSONSyntax},
		{"cut array", `{"a":[1,`, errJSONSyntax},
		{"trailing comma in object", `{"a":1,}`, errJSONSyntax},
		{"trailing comma in array", `{"a":[1,]}`, errJSONSyntax},
		{"leading comma", `{,"a":1}`, errJSONSyntax},
		{"no colon", `{"a" 1}`, errJSONSyntax},
		{"bare name", `{a:1}`, errJSONSyntax},
		{"single quotes", `{'a':1}`, errJSONSyntax},
		{"comment", `{/**/}`, errJSONSyntax},
		{"leading zero", `{"a":01}`, errJSONSyntax},
		{"plus", `{"a":+1}`, errJSONSyntax},
		{"lone minus", `{"a":-}`, errJSONSyntax},
		{"no whole part", `{"a":.5}`, errJSONSyntax},
		{"no fraction", `{"a":1.}`, errJSONSyntax},
		{"no exponent", `{"a":1e}`, errJSONSyntax},
		{"hexadecimal", `{"a":0x10}`, errJSONSyntax},
		{"NaN", `{"a":NaN}`, errJSONSyntax},
		{"capital literal", `{"a":True}`, errJSONSyntax},
		{"long literal", `{"a":nullx}`, errJSONSyntax},
		{"unknown escape", `{"a":"\x41"}`, errJSONSyntax},
		{"raw line feed in text", "{\"a\":\"\n\"}", errJSONSyntax},
		{"raw line feed after an escape", "{\"a\":\"\\t\n\"}", errJSONSyntax},
		{"no-break space between", "{\u00a0}", errJSONSyntax},

		{"J16 too deep", nested(maxJSONDepth + 1), errJSONDepth},
		{"J16 arrays too deep", `{"a":` + strings.Repeat("[", maxJSONDepth) + strings.Repeat("]", maxJSONDepth) + `}`, errJSONDepth},

		{"J13 duplicate name", `{"a":1,"a":1}`, errJSONDuplicate},
		{"H6 duplicate name behind an escape", `{"sub":1,"\u0073ub":2}`, errJSONDuplicate},
		{"H6 duplicate name deep inside", `{"a":[{"b":{"c":1,"d":[],"c":2}}]}`, errJSONDuplicate},
		{"J13 duplicate among many", many("k7"), errJSONDuplicate},
		{"J13 duplicate empty name", `{"":1,"":2}`, errJSONDuplicate},

		{"H7 invalid UTF-8", "{\"a\":\"\xff\"}", errJSONText},
		{"H7 overlong UTF-8", "{\"a\":\"\xc0\x80\"}", errJSONText},
		{"H7 surrogate in UTF-8", "{\"a\":\"\xed\xa0\x80\"}", errJSONText},
		{"H7 invalid UTF-8 in a name", "{\"\xff\":1}", errJSONText},
		{"H7 lone high surrogate", `{"a":"\ud800"}`, errJSONText},
		{"H7 lone low surrogate", `{"a":"\udc00"}`, errJSONText},
		{"H7 two high surrogates", `{"a":"\ud800\ud800"}`, errJSONText},
		{"H7 high surrogate and text", `{"a":"\ud800x"}`, errJSONText},
		{"H7 lone surrogate in a name", `{"\udfff":1}`, errJSONText},
		{"H13 escaped NUL", `{"a":"x\u0000"}`, errJSONText},
		{"H13 escaped NUL in a name", `{"\u0000":1}`, errJSONText},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			value, err := readJSON(test.text)
			if !errors.Is(err, test.want) {
				t.Fatalf("got error %v, want %v", err, test.want)
			}
			if err != nil {
				if value.exists() {
					t.Errorf("got a value beside the error %v, want none", err)
				}
				return
			}
			if diff := cmp.Diff(standardJSON(t, test.text), value.tree()); diff != "" {
				t.Errorf("the value differs from encoding/json's (-want +got):\n%s", diff)
			}
		})
	}
}

// standardJSON is the text as encoding/json reads it, to its end.
func standardJSON(t *testing.T, text string) any {
	t.Helper()
	decoder := json.NewDecoder(strings.NewReader(text))
	decoder.UseNumber()
	var value any
	if err := decoder.Decode(&value); err != nil {
		t.Fatalf("encoding/json: got error %v for %q, want none", err, text)
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		t.Fatalf("encoding/json: got %v behind %q, want the end", err, text)
	}
	return value
}

func TestJSONValue(t *testing.T) {
	t.Parallel()
	value, err := readJSON(`{"a": {"b" : [1, {"c":[]}, 2]} ,"n":null}`)
	if err != nil {
		t.Fatal(err)
	}
	a := value.member("a")
	if got, want := a.bytes(), len(`{"b" : [1, {"c":[]}, 2]}`); got != want {
		t.Errorf("bytes as sent: got %d, want %d", got, want)
	}
	if got, want := a.depth(), 4; got != want {
		t.Errorf("depth: got %d, want %d", got, want)
	}
	if got, want := a.member("b").count(), 3; got != want {
		t.Errorf("count: got %d, want %d", got, want)
	}
	if value.member("A").exists() {
		t.Error("member A: got one, want none: names are exact")
	}
	if !value.member("n").exists() || value.member("n").kind() != jsonNull {
		t.Error("member n: got none or another kind, want null")
	}
}

func TestReadJSONCost(t *testing.T) {
	t.Parallel()
	const megabyte = 1 << 20
	tests := map[string]string{
		"J16 brackets":      `{"a":` + strings.Repeat("[", megabyte),
		"J16 braces":        strings.Repeat(`{"":`, megabyte/4),
		"J16 spaces":        strings.Repeat(" ", megabyte),
		"J16 open string":   `{"a":"` + strings.Repeat("x", megabyte),
		"J16 backslashes":   `{"a":"` + strings.Repeat(`\\`, megabyte/2),
		"J16 digits":        `{"a":` + strings.Repeat("9", megabyte),
		"J16 invalid bytes": strings.Repeat("\xff", megabyte),
	}
	for name, text := range tests {
		t.Run(name, func(t *testing.T) {
			took := fastest(func() {
				if _, err := readJSON(text); err == nil {
					t.Error("got no error, want one")
				}
			})
			if took > 50*time.Millisecond*raceFactor {
				t.Errorf("got %v for a megabyte, want at most %v", took, 50*time.Millisecond*raceFactor)
			}
		})
	}
}

func FuzzReadJSON(f *testing.F) {
	for _, seed := range []string{
		`{}`, `{"a":1,"a":2}`, `{"sub":"x","\u0073ub":1}`, `{"a":"\ud83d\ude00"}`, `{"a":"\ud800"}`,
		`{"a":[1,2.5e-7,{"b":null}],"c":[]}`, `{"a":"\u0000"}`, "\ufeff{}", `{"a":-0}`, `{"":{"":{"":0}}}`,
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		value, err := readJSON(text)
		switch {
		case errors.Is(err, errJSONDuplicate):
			if !hasDuplicate(text) {
				t.Errorf("refused as duplicate, but has none: %q", text)
			}
		case err == nil:
			if hasDuplicate(text) {
				t.Errorf("accepted with a duplicate: %q", text)
			}
			if diff := cmp.Diff(standardJSON(t, text), value.tree()); diff != "" {
				t.Errorf("the value of %q differs from encoding/json's (-want +got):\n%s", text, diff)
			}
		}
	})
}

// hasDuplicate looks for two equal names in one object with encoding/json's
// tokens, up to the first fault of syntax.
func hasDuplicate(text string) bool {
	decoder := json.NewDecoder(bytes.NewReader([]byte(text)))
	type level struct {
		names  map[string]bool // nil in an array
		isName bool
	}
	var stack []level
	for {
		token, err := decoder.Token()
		if err != nil {
			return false
		}
		top := len(stack) - 1
		if name, isText := token.(string); isText && top >= 0 && stack[top].isName {
			if stack[top].names[name] {
				return true
			}
			stack[top].names[name] = true
			stack[top].isName = false
			continue
		}
		switch token {
		case json.Delim('{'):
			stack = append(stack, level{names: map[string]bool{}, isName: true})
			continue
		case json.Delim('['):
			stack = append(stack, level{})
			continue
		case json.Delim('}'), json.Delim(']'):
			stack = stack[:top]
			top--
		}
		if top < 0 {
			return false
		}
		stack[top].isName = stack[top].names != nil
	}
}

func BenchmarkReadJSON(b *testing.B) {
	payload := benchPayload()
	b.SetBytes(int64(len(payload)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := readJSON(payload); err != nil {
			b.Fatal(err)
		}
	}
}

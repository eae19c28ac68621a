package provisioning_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"usher/provisioning"
)

// seen are rows as text: kind, id, name and description.
func seen(rows []provisioning.CatalogRow) []string {
	list := []string{}
	for _, row := range rows {
		list = append(list, strings.Join([]string{row.Kind, row.ID, row.Name, row.Description}, "|"))
	}
	return list
}

func TestReadCatalog(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		text string
		want []string
	}{
		"csv":               {"kind,id,name\ngroup,a,A\ncredit,7,Seven\n", []string{"group|a|A|", "credit|7|Seven|"}},
		"other order":       {"Name, description ,id,KIND\r\nA,first,a,group\r\n", []string{"group|a|A|first"}},
		"quotes":            {"kind,id,name\ngroup,\"a,b\",\"A \"\"B\"\"\"", []string{`group|a,b|A "B"|`}},
		"byte order mark":   {"\ufeffkind,id,name\ngroup,a,A", []string{"group|a|A|"}},
		"no name":           {"kind,id,name\ngroup,a,", []string{"group|a|a|"}},
		"json lines":        {`{"kind":"group","id":"a","name":"A","description":"x"}` + "\n\n" + `{"kind":"credit","id":7,"name":"Seven"}`, []string{"group|a|A|x", "credit|7|Seven|"}},
		"json, id as text":  {`{"kind":"credit","id":"7","name":"Seven"}`, []string{"credit|7|Seven|"}},
		"one id, two kinds": {"kind,id,name\ngroup,7,A\ncredit,7,B", []string{"group|7|A|", "credit|7|B|"}},
		"largest credit":    {"kind,id,name\ncredit,9007199254740991,B", []string{"credit|9007199254740991|B|"}},
		"formula as a name": {"kind,id,name\ngroup,a,=1+1", []string{"group|a|=1+1|"}},
	} {
		rows, err := provisioning.ReadCatalog([]byte(tt.text))
		if err != nil {
			t.Errorf("%s: got error %v, want none", name, err)
		} else if diff := cmp.Diff(tt.want, seen(rows)); diff != "" {
			t.Errorf("%s: rows (-want +got):\n%s", name, diff)
		}
	}
}

func TestReadCatalogRefuses(t *testing.T) {
	t.Parallel()
	const header = "kind,id,name\n"
	for text, want := range map[string]string{
		"":                                   "rows",
		" \n":                                "rows",
		header:                               "rows",
		"kind,id":                            "line 1",
		"kind,id,name,name\ngroup,a,A,A":     "line 1",
		"kind,id,name,colour\ngroup,a,A,red": "line 1",
		header + "user,a,A":                  "line 2",
		header + "group,,A":                  "line 2",
		header + "group," + strings.Repeat("a", 65) + ",A":                "line 2",
		header + "group,a,A\ngroup,a,B":                                   "line 3",
		header + "group,a,A,extra":                                        "line 2",
		header + "group,\"a,A":                                            "line 2",
		header + "credit,0,A":                                             "line 2",
		header + "credit,07,A":                                            "line 2",
		header + "credit,9007199254740992,A":                              "line 2",
		header + "credit,7,":                                              "line 2",
		"kind,id,name,description\ncredit,7,A,x":                          "line 2",
		"kind,id,name,description\ngroup,a,A," + strings.Repeat("x", 501): "line 2",
		header + "group,a,\x1b[0m":                                        "line 2",
		header + "group,a,A\x00":                                          "rows",
		header + "group,a,\xff":                                           "rows",
		`{"kind":"group","id":"a","name":"A"} {}`:                         "line 1",
		`{"kind":"group","id":"a","id":"b","name":"A"}`:                   "line 1",
		`{"kind":"group","id":["a"],"name":"A"}`:                          "line 1",
		`{"kind":"group","id":null,"name":"A"}`:                           "line 1",
		`{"kind":"group","id":"a","name":1}`:                              "line 1",
		`{"kind":"credit","id":7.5,"name":"A"}`:                           "line 1",
		`{"kind":"group","id":"a","name":"A","x":1}`:                      "line 1",
		`{"kind":"group","id":"a","name":"\u0000"}`:                       "line 1",
		header + strings.Repeat("x", 200<<10):                             "rows",
	} {
		_, err := provisioning.ReadCatalog([]byte(text))
		if !isInvalid(err) || !strings.HasPrefix(err.Error(), want+":") {
			t.Errorf("%.80q: got error %v, want one about %s", text, err, want)
		}
	}
	text := header
	for range 100 {
		text += "x,y,z\n"
	}
	if _, err := provisioning.ReadCatalog([]byte(text)); err == nil || strings.Count(err.Error(), "\n") != 19 {
		t.Errorf("got error %v, want the first 20 faults", err)
	}
}

// FuzzReadCatalog: what is taken is within the limits, and written out again it
// is read as the same.
func FuzzReadCatalog(f *testing.F) {
	f.Add("kind,id,name,description\ngroup,a,\"A, B\",x\ncredit,7,Seven,\n")
	f.Add(`{"kind":"group","id":"a","name":"A"}` + "\n" + `{"kind":"credit","id":7,"name":"B"}`)
	f.Add("\ufeffkind;id\n\"")
	f.Fuzz(func(t *testing.T, text string) {
		rows, err := provisioning.ReadCatalog([]byte(text))
		if err != nil {
			if !isInvalid(err) {
				t.Fatalf("got error %v of type %T, want an *Invalid", err, err)
			}
			return
		}
		var again strings.Builder
		for _, row := range rows {
			if n := utf8.RuneCountInString(row.Name); n < 1 || n > 100 || strings.ContainsFunc(row.ID+row.Name+row.Description, func(r rune) bool { return r < ' ' }) {
				t.Fatalf("got row %+v, want it within the limits", row)
			}
			line, err := json.Marshal(row)
			if err != nil {
				t.Fatal(err)
			}
			fmt.Fprintf(&again, "%s\n", line)
		}
		if again.Len() > provisioning.MaxImport {
			return // JSON is longer
		}
		same, err := provisioning.ReadCatalog([]byte(again.String()))
		if err != nil {
			t.Fatalf("got error %v for %q", err, again.String())
		}
		if diff := cmp.Diff(seen(rows), seen(same)); diff != "" {
			t.Fatalf("rows (-first +again):\n%s", diff)
		}
	})
}

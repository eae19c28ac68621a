package provisioning

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
)

// claimsOf reads a payload that has an e-mail address and the given members
// besides.
func claimsOf(t *testing.T, members string) (Assertion, error) {
	t.Helper()
	text := `{"email":"anna@example.com"`
	if members != "" {
		text += "," + members
	}
	payload, err := readJSON(text + "}")
	if err != nil {
		t.Fatalf("readJSON(%q): got error %v, want none", members, err)
	}
	return readClaims(payload, false)
}

// assertion is what claimsOf gives, with a change.
func assertion(change func(*Assertion)) Assertion {
	a := Assertion{Email: "anna@example.com", EmailKey: "anna@example.com"}
	if change != nil {
		change(&a)
	}
	return a
}

// warnedNull adds the warnings for claims that are null.
func warnedNull(names ...string) func(*Assertion) {
	return func(a *Assertion) {
		for _, name := range names {
			a.Warnings = append(a.Warnings, Warning{
				Code: "claim_null", Path: name,
				Text: "The claim is null, which changes nothing. Leave it out, or send an empty value to clear.",
			})
		}
	}
}

func TestReadClaims(t *testing.T) {
	t.Parallel()
	text := func(s string) *string { return &s }
	names := func(get func(*Assertion) **string, value string) func(*Assertion) {
		return func(a *Assertion) { *get(a) = &value }
	}
	first := func(a *Assertion) **string { return &a.FirstName }
	last := func(a *Assertion) **string { return &a.LastName }
	tests := []struct {
		name, members string
		want          func(*Assertion)
	}{
		{"e-mail only", ``, nil},
		{"unknown claims", `"x":[1],"role":"admin","admin":true,"tenant":"t","id":5,"iss":1,"exp":"x"`, nil},
		{"J13 case variants", `"Groups":5,"SUB":5,"Sub":[],"ſub":1,"firstname":5,"FirstName":{},"EMAIL":1`, nil},

		{"sub", `"sub":"u-1"`, func(a *Assertion) { a.Subject = "u-1" }},
		{"sub with spaces and case", `"sub":" U-1 "`, func(a *Assertion) { a.Subject = " U-1 " }},
		{"sub 0", `"sub":"0"`, func(a *Assertion) { a.Subject = "0" }},
		{"sub integer", `"sub":42`, func(a *Assertion) { a.Subject = "42" }},
		{"sub integer 0", `"sub":0`, func(a *Assertion) { a.Subject = "0" }},
		{"sub negative integer", `"sub":-7`, func(a *Assertion) { a.Subject = "-7" }},
		{"sub beyond 2^64", `"sub":123456789012345678901234567890`, func(a *Assertion) { a.Subject = "123456789012345678901234567890" }},
		{"sub longest", `"sub":"` + strings.Repeat("x", 255) + `"`, func(a *Assertion) { a.Subject = strings.Repeat("x", 255) }},
		{"sub null", `"sub":null`, warnedNull("sub")},

		{"names", `"firstName":"Anna","lastName":"Åström"`, func(a *Assertion) { a.FirstName, a.LastName = text("Anna"), text("Åström") }},
		{"names of OpenID Connect", `"given_name":"Anna","family_name":"Åström"`, func(a *Assertion) { a.FirstName, a.LastName = text("Anna"), text("Åström") }},
		{"both spellings, ours first", `"firstName":"A","given_name":"B"`, names(first, "A")},
		{"both spellings, ours last", `"given_name":"B","firstName":"A"`, names(first, "A")},
		{"both spellings, ours empty", `"family_name":"B","lastName":""`, names(last, "")},
		{"both spellings, ours null", `"family_name":"B","lastName":null`, func(a *Assertion) {
			a.LastName = text("B")
			warnedNull("lastName")(a)
		}},
		{"profile cleared", `"firstName":"","lastName":"","name":"","phone":"","birthdate":"","locale":"","picture":""`, func(a *Assertion) {
			for _, field := range []**string{&a.FirstName, &a.LastName, &a.Name, &a.Phone, &a.Birthdate, &a.Locale, &a.Picture} {
				*field = text("")
			}
		}},
		{"profile null", `"firstName":null,"given_name":null,"lastName":null,"family_name":null,"name":null,"phone":null,"birthdate":null,"locale":null,"picture":null,"email_verified":null`, warnedNull("email_verified", "firstName", "given_name", "lastName", "family_name", "name", "phone", "birthdate", "locale", "picture")},
		{"profile at its limits", `"name":"` + strings.Repeat("é", 200) + `","phone":"` + strings.Repeat("5", 64) + `","locale":"` + strings.Repeat("x", 35) + `","picture":"https://a.example/` + strings.Repeat("x", 2030) + `"`, func(a *Assertion) {
			a.Name, a.Phone, a.Locale = text(strings.Repeat("é", 200)), text(strings.Repeat("5", 64)), text(strings.Repeat("x", 35))
			a.Picture = text("https://a.example/" + strings.Repeat("x", 2030))
		}},
		{"birthdate", `"birthdate":"2000-02-29"`, func(a *Assertion) { a.Birthdate = text("2000-02-29") }},
		{"picture over http", `"picture":"http://a.example/x?y=é"`, func(a *Assertion) { a.Picture = text("http://a.example/x?y=é") }},
		{"verified", `"email_verified":true`, func(a *Assertion) { a.EmailVerified = new(true) }},
		{"not verified", `"email_verified":false`, func(a *Assertion) { a.EmailVerified = new(false) }},

		{"S01 meta absent", ``, nil},
		{"S01 meta null", `"meta":null`, warnedNull("meta")},
		{"S01 meta empty", `"meta":{}`, func(a *Assertion) { a.Meta = map[string]any{} }},
		{"S06 meta", `"meta":{"a":1.50,"b":null,"c":[true,{"d":""}],"e":-0,"f":9007199254740993,"":1e-308}`, func(a *Assertion) {
			a.Meta = map[string]any{
				"a": json.Number("1.50"), "b": nil, "c": []any{true, map[string]any{"d": ""}},
				"e": json.Number("-0"), "f": json.Number("9007199254740993"), "": json.Number("1e-308"),
			}
		}},
		{"meta of six levels", `"meta":{"a":{"a":{"a":{"a":{"a":[1]}}}}}`, func(a *Assertion) {
			a.Meta = map[string]any{"a": map[string]any{"a": map[string]any{"a": map[string]any{"a": map[string]any{"a": []any{json.Number("1")}}}}}}
		}},

		{"S01 groups absent", ``, nil},
		{"S01 groups null", `"groups":null`, warnedNull("groups")},
		{"S01 groups empty", `"groups":[]`, func(a *Assertion) { a.Groups = &[]string{} }},
		{"groups", `"groups":["b","a",7,"B","a","7"," "]`, func(a *Assertion) { a.Groups = &[]string{" ", "7", "B", "a", "b"} }},
		{"groups with long ids", `"groups":["` + strings.Repeat("é", 64) + `"]`, func(a *Assertion) { a.Groups = &[]string{strings.Repeat("é", 64)} }},

		{"S01 credits absent", ``, nil},
		{"S01 credits null", `"credits":null`, warnedNull("credits")},
		{"S01 credits empty", `"credits":[]`, func(a *Assertion) { a.Credits = &[]Grant{} }},
		{"credits", `"credits":[{"orderId":"b","id":2},{"id":2,"orderId":"b","x":null},{"orderId":"b","id":1},{"orderId":"B","id":9007199254740991},{"orderId":" ` + strings.Repeat("é", 31) + `","id":5}]`, func(a *Assertion) {
			a.Credits = &[]Grant{{" " + strings.Repeat("é", 31), 5}, {"B", 1<<53 - 1}, {"b", 1}, {"b", 2}}
		}},

		{"onboard", `"onboard":true`, func(a *Assertion) { a.Onboard = true }},
		{"onboard false", `"onboard":false`, nil},
		{"onboard null", `"onboard":null`, warnedNull("onboard")},
		{"go and nonce", `"go":"/x","nonce":"n"`, func(a *Assertion) { a.Go, a.Nonce = "/x", "n" }},
		{"long go", `"go":"/` + strings.Repeat("x", 5000) + `"`, func(a *Assertion) { a.Go = "/" + strings.Repeat("x", 5000) }},
		{"session length", `"session_length":60`, func(a *Assertion) { a.SessionLength = time.Minute }},
		{"longest session", `"session_length":31536000`, func(a *Assertion) { a.SessionLength = 365 * 24 * time.Hour }},
		{"session length null", `"session_length":null`, warnedNull("session_length")},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			got, err := claimsOf(t, test.members)
			if err != nil {
				t.Fatalf("got error %v, want none", err)
			}
			if diff := cmp.Diff(assertion(test.want), got); diff != "" {
				t.Errorf("Assertion (-want +got):\n%s", diff)
			}
		})
	}
}

func TestReadClaimsRefuses(t *testing.T) {
	t.Parallel()
	metaKeys := func(n int) string {
		return "{" + strings.Trim(list(n, numbered(`"k%d":0`)), "[]") + "}"
	}
	wrongForText := []string{`1`, `true`, `[]`, `{}`, `["x"]`}
	type refused struct{ members, path string }
	tests := map[string][]refused{}
	add := func(name, path string, members ...string) {
		for _, m := range members {
			tests[name] = append(tests[name], refused{m, path})
		}
	}
	for _, name := range []string{"firstName", "given_name", "lastName", "family_name", "name", "phone", "birthdate", "locale", "picture", "go", "nonce"} {
		for _, wrong := range wrongForText {
			add("wrong type of text", name, `"`+name+`":`+wrong)
		}
	}
	for name, limit := range map[string]int{"firstName": 200, "given_name": 200, "lastName": 200, "family_name": 200, "name": 200, "phone": 64, "locale": 35} {
		add("text too long", name, `"`+name+`":"`+strings.Repeat("é", limit+1)+`"`)
	}
	add("both spellings have to be good", "given_name", `"firstName":"A","given_name":5`)
	add("broken birthdate", "birthdate",
		`"birthdate":"1987-4-11"`, `"birthdate":"11.04.1987"`, `"birthdate":"2001-02-29"`, `"birthdate":"2001-13-01"`,
		`"birthdate":"0000-01-01"`, `"birthdate":"1987-04-11T00:00:00Z"`, `"birthdate":" "`, `"birthdate":"1987"`)
	add("broken picture", "picture",
		`"picture":"/x.png"`, `"picture":"//a.example/x"`, `"picture":"javascript:alert(1)"`, `"picture":"data:image/png;base64,AA"`,
		`"picture":"https://"`, `"picture":"https:a.example"`, `"picture":"https://a.example/ x"`, `"picture":"https://a.example\\@b.example/"`,
		`"picture":"https://user@a.example/"`, `"picture":"https://a.example/\n"`, `"picture":"https://a.example/%zz"`, `"picture":"x"`,
		`"picture":"https://a.example/`+strings.Repeat("x", 2031)+`"`)
	for _, name := range []string{"email_verified", "onboard"} {
		add("wrong type of boolean", name, `"`+name+`":"true"`, `"`+name+`":1`, `"`+name+`":0`, `"`+name+`":[]`, `"`+name+`":{}`)
	}
	add("broken sub", "sub",
		`"sub":""`, `"sub":"null"`, `"sub":"NULL"`, `"sub":"None"`, `"sub":"nil"`, `"sub":"Undefined"`, `"sub":true`, `"sub":[]`, `"sub":{}`,
		`"sub":1.5`, `"sub":1e3`, `"sub":5.0`, `"sub":-0`, `"sub":"`+strings.Repeat("x", 256)+`"`, `"sub":"`+strings.Repeat("é", 128)+`"`,
		`"sub":1`+strings.Repeat("0", 255))

	add("S01 wrong type of meta", "meta", `"meta":[]`, `"meta":""`, `"meta":"{}"`, `"meta":1`, `"meta":false`)
	add("S06 meta too big", "meta",
		`"meta":{"a":"`+strings.Repeat("x", 16<<10)+`"}`, `"meta":`+metaKeys(101), `"meta":{"a":{"a":{"a":{"a":{"a":{"a":{}}}}}}}`, `"meta":{"a":{"a":{"a":{"a":{"a":{"a":[]}}}}}}`)
	add("H13 number that a store can't hold", "meta",
		`"meta":{"a":1e309}`, `"meta":{"a":1e200000}`, `"meta":{"a":[1e-309]}`, `"meta":{"a":1e-200000}`, `"meta":{"a":1`+strings.Repeat("0", 40)+`}`)

	add("S01 wrong type of groups", "groups", `"groups":"1,2"`, `"groups":""`, `"groups":1`, `"groups":{}`, `"groups":{"a":true}`, `"groups":false`)
	add("S01 wrong type in groups", "groups[1]",
		`"groups":["a",null]`, `"groups":["a",true]`, `"groups":["a",["b"]]`, `"groups":["a",{"id":"b"}]`, `"groups":["a",1.5]`, `"groups":["a",1e2]`,
		`"groups":["a",5.0]`, `"groups":["a",""]`, `"groups":["a","`+strings.Repeat("é", 65)+`"]`, `"groups":["a",1`+strings.Repeat("0", 64)+`]`)
	add("index of the group as sent", "groups[3]", `"groups":["a","a","a",null]`)
	add("too many groups", "groups", `"groups":`+list(1001, numbered(`"g%d"`)))

	add("S01 wrong type of credits", "credits", `"credits":{}`, `"credits":"[]"`, `"credits":1`, `"credits":true`, `"credits":{"orderId":"a","id":1}`)
	add("S01 wrong type in credits", "credits[1]", `"credits":[{"orderId":"a","id":1},null]`, `"credits":[{"orderId":"a","id":1},5]`, `"credits":[{"orderId":"a","id":1},["a",1]]`)
	add("broken order", "credits[0].orderId",
		`"credits":[{"id":1}]`, `"credits":[{"orderId":null,"id":1}]`, `"credits":[{"orderId":5,"id":1}]`, `"credits":[{"orderId":"","id":1}]`,
		`"credits":[{"OrderId":"a","id":1}]`, `"credits":[{"order_id":"a","id":1}]`, `"credits":[{"orderId":["a"],"id":1}]`,
		`"credits":[{"orderId":"`+strings.Repeat("x", 33)+`","id":1}]`)
	add("order of the third", "credits[2].orderId", `"credits":[{"orderId":"a","id":1},{"orderId":"a","id":1},{"orderId":1,"id":1}]`)
	for _, id := range []string{`5.5`, `5.0`, `1e2`, `"5"`, `true`, `null`, `0`, `-1`, `-0`, `9007199254740992`, `9223372036854775808`, `[]`, `{}`, `1e400`} {
		add("broken credit id", "credits[0].id", `"credits":[{"orderId":"a","id":`+id+`}]`)
	}
	add("no credit id", "credits[0].id", `"credits":[{"orderId":"a"}]`, `"credits":[{"orderId":"a","ID":1}]`)
	add("too many credits", "credits", `"credits":`+list(501, numbered(`{"orderId":"o%d","id":1}`)))

	for _, length := range []string{`59`, `31536001`, `0`, `-60`, `60.0`, `6e1`, `"60"`, `true`, `[]`, `{}`, `1e300`} {
		add("broken session length", "session_length", `"session_length":`+length)
	}
	for name, cases := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for _, test := range cases {
				got, err := claimsOf(t, test.members)
				refusal := refusalOf(t, err)
				if refusal.Reason != ClaimInvalid || refusal.Path != test.path || refusal.Expected == "" {
					t.Errorf("%.80s: got %q at %q with %q, want %q at %q", test.members, refusal.Reason, refusal.Path, refusal.Expected, ClaimInvalid, test.path)
				}
				if !cmp.Equal(got, Assertion{}) {
					t.Errorf("%.80s: got %+v beside the refusal, want nothing", test.members, got)
				}
			}
		})
	}
}

func TestReadClaimsEmail(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, payload string
		want          Reason
		email, key    string
	}{
		{"shown as sent", `{"email":" Anna@Bücher.Example "}`, "", "Anna@Bücher.Example", "anna@xn--bcher-kva.example"},
		{"missing", `{}`, ClaimMissing, "", ""},
		{"null", `{"email":null}`, ClaimMissing, "", ""},
		{"case variant", `{"Email":"anna@example.com"}`, ClaimMissing, "", ""},
		{"empty", `{"email":""}`, ClaimInvalid, "", ""},
		{"number", `{"email":5}`, ClaimInvalid, "", ""},
		{"list", `{"email":["anna@example.com"]}`, ClaimInvalid, "", ""},
		{"object", `{"email":{}}`, ClaimInvalid, "", ""},
		{"not an address", `{"email":"anna"}`, ClaimInvalid, "", ""},
		{"missing beside another fault", `{"groups":5}`, ClaimMissing, "", ""},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			payload, err := readJSON(test.payload)
			if err != nil {
				t.Fatal(err)
			}
			got, err := readClaims(payload, false)
			if reason := reasonOf(t, err); reason != test.want || got.Email != test.email || got.EmailKey != test.key {
				t.Errorf("got %q, e-mail %q, key %q, want %q, %q, %q", reason, got.Email, got.EmailKey, test.want, test.email, test.key)
			}
			if err != nil && refusalOf(t, err).Path != "email" {
				t.Errorf("path: got %q, want email", refusalOf(t, err).Path)
			}
		})
	}
}

// The order of claims in the payload must not choose the reason.
func TestReadClaimsFirstFault(t *testing.T) {
	t.Parallel()
	for _, members := range []string{`"sub":true,"groups":5`, `"groups":5,"sub":true`} {
		_, err := claimsOf(t, members)
		if got := refusalOf(t, err).Path; got != "sub" {
			t.Errorf("%s: got path %q, want sub", members, got)
		}
	}
}

func TestReadClaimsAtTheLimits(t *testing.T) {
	t.Parallel()
	got, err := claimsOf(t, `"groups":`+list(1000, numbered(`"g%04d"`))+`,"credits":`+list(500, numbered(`{"orderId":"o%d","id":1}`))+
		`,"meta":{`+strings.Trim(list(100, numbered(`"k%d":0`)), "[]")+`}`)
	if err != nil {
		t.Fatalf("got error %v, want none", err)
	}
	if len(*got.Groups) != 1000 || len(*got.Credits) != 500 || len(got.Meta) != 100 {
		t.Errorf("got %d groups, %d credits, %d keys, want 1000, 500, 100", len(*got.Groups), len(*got.Credits), len(got.Meta))
	}
	exact := `{"a":"` + strings.Repeat("x", maxMetaBytes-len(`{"a":""}`)) + `"}`
	if _, err := claimsOf(t, `"meta":`+exact); err != nil {
		t.Errorf("meta of exactly 16 KiB: got error %v, want none", err)
	}
}

func FuzzReadClaims(f *testing.F) {
	for _, seed := range []string{
		`{"email":"anna@example.com"}`,
		`{"email":"a@b","sub":5,"groups":["a",1,"a"],"credits":[{"orderId":"o","id":1}],"meta":{"a":[1,null]}}`,
		`{"email":"a@b","groups":null,"credits":[],"meta":{},"onboard":true,"session_length":60}`,
		`{"email":"a@b","birthdate":"2000-02-29","picture":"https://a.example/","given_name":"x","email_verified":false}`,
		`{"email":"a@b","groups":"1,2"}`,
		`{"email":"a@b","meta":{"a":1e200000}}`,
		`{"email":"a@b","x":1e1000}`,
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		payload, err := readJSON(text)
		if err != nil {
			return
		}
		got, err := readClaims(payload, false)
		if err != nil {
			if refusal := refusalOf(t, err); refusal.Path == "" || refusal.Expected == "" {
				t.Errorf("got %+v, want a path and what is expected", refusal)
			}
			if !cmp.Equal(got, Assertion{}) {
				t.Errorf("got %+v beside the refusal, want nothing", got)
			}
			return
		}
		if fault := faultOf(got); fault != "" {
			t.Errorf("%q: got an assertion with %s", text, fault)
		}
		sent, _ := standardJSON(t, text).(map[string]any)
		for name, taken := range map[string]bool{"groups": got.Groups != nil, "credits": got.Credits != nil, "meta": got.Meta != nil} {
			if taken != (sent[name] != nil) {
				t.Errorf("%q: %s taken: got %t, want %t", text, name, taken, sent[name] != nil)
			}
		}
	})
}

// faultOf names a promise of Assertion that does not hold; "" = none.
func faultOf(a Assertion) string {
	for _, text := range []string{a.Subject, a.Email, a.EmailKey, a.Go, a.Nonce} {
		if !utf8.ValidString(text) || strings.ContainsRune(text, 0) {
			return fmt.Sprintf("bad text %q", text)
		}
	}
	if a.EmailKey == "" || len(a.Subject) > maxSubjectBytes {
		return "no e-mail or a long sub"
	}
	if a.Groups != nil && (len(*a.Groups) > maxGroups || !slices.IsSorted(*a.Groups) || slices.Contains(*a.Groups, "") || len(slices.Compact(slices.Clone(*a.Groups))) != len(*a.Groups)) {
		return "groups that are too many, unsorted or doubled"
	}
	if a.Credits != nil {
		seen := map[Grant]bool{}
		for _, grant := range *a.Credits {
			if seen[grant] || grant.OrderID == "" || grant.ID < 1 || grant.ID > maxCreditID {
				return fmt.Sprintf("the grant %+v", grant)
			}
			seen[grant] = true
		}
	}
	return ""
}

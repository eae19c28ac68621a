package tokens

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
)

func TestReadAttributes(t *testing.T) {
	t.Parallel()
	many := func(n int) string {
		var b strings.Builder
		for i := range n {
			fmt.Fprintf(&b, `,"n%d":%d`, i, i)
		}
		return "{" + strings.TrimPrefix(b.String(), ",") + "}"
	}
	for name, test := range map[string]struct{ object, want string }{
		"as published":                        {`{"username": "helloworld", "role": "admin", "user_id": 125}`, ""},
		"none":                                {`{}`, ""},
		"every kind of value":                 {`{"a":null,"b":true,"c":12345678901234567890.10,"d":[1],"e":{"f":"g"}}`, ""},
		"50 names":                            {many(50), ""},
		"51 names":                            {many(51), "custom_attributes: at most 50 names"},
		"5 levels":                            {`{"a":[{"b":[[1]]}]}`, ""},
		"6 levels":                            {`{"a":[{"b":[[[]]]}]}`, "custom_attributes: at most 5 levels of objects and lists"},
		"4096 bytes":                          {`{"a":"` + strings.Repeat("x", 4096-8) + `"}`, ""},
		"4096 with spaces":                    {`{ "a" : "` + strings.Repeat("x", 4096-8) + `"}`, ""},
		"4097 bytes":                          {`{"a":"` + strings.Repeat("x", 4096-7) + `"}`, "custom_attributes: at most 4096 bytes of JSON"},
		"a list":                              {`["a"]`, "custom_attributes: an object"},
		"null":                                {`null`, "custom_attributes: an object"},
		"text":                                {`"{}"`, "custom_attributes: an object"},
		"nothing":                             {``, "custom_attributes: an object"},
		"cut":                                 {`{"a":`, "custom_attributes: an object"},
		"no name":                             {`{"":1}`, "custom_attributes: names of 1 to 128 bytes, in characters that are seen"},
		"a long name":                         {`{"` + strings.Repeat("n", 129) + `":1}`, "custom_attributes: names of 1 to 128 bytes, in characters that are seen"},
		"a line end in a name":                {`{"a\nb":1}`, "custom_attributes: names of 1 to 128 bytes, in characters that are seen"},
		"a name with an end that is not seen": {`{"sub\u200b":1}`, "custom_attributes: names of 1 to 128 bytes, in characters that are seen"},
		"a name with a space behind":          {`{"sub ":1}`, "custom_attributes: names of 1 to 128 bytes, in characters that are seen"},
		"names of many languages":             {`{"größe":1,"役割":2,"my role":3}`, ""},
		"the largest number":                  {`{"a":[1.7976931348623157e308,-1.7976931348623157e308,1e-999]}`, ""},
		"a number that is too large":          {`{"a":{"b":[1e999]}}`, "custom_attributes: numbers up to 1.7e308, as 64 bits hold them (IEEE 754)"},
		"some of ours":                        {`{"sub":"x","role":"admin","Shelf":1,"iss":"y","e\u006dail":"z"}`, "custom_attributes: other names than those of claims about the token or the person, which are made here: Shelf, email, iss, sub"},
		"below the top level":                 {`{"role":{"sub":"x"}}`, ""},
	} {
		_, err := readAttributes(json.RawMessage(test.object), []string{"shelf"})
		got := ""
		if err != nil {
			got = err.Error()
		}
		if got != test.want {
			t.Errorf("%s: got error %q, want %q", name, got, test.want)
		}
	}
}

// TestReservedAttributes: what no client says in our place, in any spelling that a
// decoder could take for the same [O10].
func TestReservedAttributes(t *testing.T) {
	t.Parallel()
	for _, name := range []string{
		"iss", "sub", "aud", "exp", "iat", "nbf", "jti", "client_id", "scope", "azp", "auth_time", "amr", "acr", "sid", "nonce",
		"at_hash", "c_hash", "act", "cnf", "events", "typ", "type", "client_user_id", "authentication_method", "identifier",
		// Of OpenID Connect, Core §5.1, and of ours; and one of the tenant's own.
		"email", "email_verified", "name", "given_name", "family_name", "middle_name", "nickname", "preferred_username", "profile",
		"picture", "website", "gender", "birthdate", "zoneinfo", "locale", "phone_number", "phone_number_verified", "address",
		"updated_at", "phone", "groups", "task_no",
	} {
		for _, spelt := range []string{
			name, strings.ToUpper(name), strings.ToUpper(name[:1]) + name[1:],
			strings.ReplaceAll(name, "i", "ｉ"), strings.ReplaceAll(name, "a", "𝐚"), strings.ReplaceAll(name, "s", "ſ"), strings.ReplaceAll(name, "k", "\u212a"),
		} {
			object, err := json.Marshal(map[string]any{"role": "admin", spelt: "x"})
			if err != nil {
				t.Fatal(err)
			}
			_, err = readAttributes(object, []string{"task_no"})
			var wrong *Invalid
			if !errors.As(err, &wrong) || wrong.Field != "custom_attributes" || !strings.HasSuffix(wrong.Problem, ": "+spelt) {
				t.Errorf("%s: got error %v, want one that names it alone", spelt, err)
			}
		}
	}
}

// FuzzReadAttributes: what is accepted keeps to the limits, has no name of ours and
// makes JSON again.
func FuzzReadAttributes(f *testing.F) {
	for _, seed := range []string{`{"role":"admin","n":1.50}`, `{"sub":1}`, `{"ſub":1}`, `{"Email":1,"shelf":2}`, `[[[[[[[`, `{"a":{"b":[{}]}}`, `{"a":1,"a":2}`, ``, "{\"\xff\":1}"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, object []byte) {
		read, err := readAttributes(object, []string{"shelf"})
		if err != nil {
			var wrong *Invalid
			if !errors.As(err, &wrong) || read != nil {
				t.Fatalf("got %v with error %v, want nothing with an *Invalid", read, err)
			}
			return
		}
		text, err := json.Marshal(read)
		if err != nil || len(read) > maxAttributeNames || depthOf(text) > maxAttributeDepth {
			t.Fatalf("got %s, error %v", text, err)
		}
		for name := range read {
			if isOwnClaim(name) || isPersonalClaim(name) || strings.EqualFold(name, "shelf") {
				t.Fatalf("got %q through", name)
			}
		}
	})
}

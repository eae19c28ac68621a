package tokens

import (
	"strings"
	"testing"
)

func TestMemberScope(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]string{
		"memberof:acme":              "acme",
		"user:memberof:acme.dev":     "acme.dev",
		"memberof:Moehaha":           "moehaha",
		"memberof:a_b-c.0":           "a_b-c.0",
		"memberof:":                  "",
		"memberof:acme.":             "",
		"memberof:.acme":             "",
		"memberof:acme dev":          "",
		"memberof:acme%":             "",
		"Memberof:acme":              "",
		"user:user:memberof:acme":    "",
		"memberof:user:acme":         "",
		"memberof:memberof:acme":     "",
		"user:ismemberof:acme":       "",
		"acme":                       "",
		"user:name":                  "",
		"memberof:\u212aermit":       "", // the Kelvin sign, a k in lower case
		"memberof:a.a.a.a.a.a.a.a.a": "",
	} {
		got, ok := memberScope(name)
		if ok != (want != "") || ok && got != want {
			t.Errorf("%q: got %q, %t, want %q", name, got, ok, want)
		}
	}
}

func FuzzMemberScope(f *testing.F) {
	for _, name := range []string{"memberof:acme", "user:memberof:Acme.dev", "memberof:", "user:name", "memberof:a..b"} {
		f.Add(name)
	}
	f.Fuzz(func(t *testing.T, name string) {
		org, ok := memberScope(name)
		if !ok {
			return
		}
		if !IsGlobalID(org) || org != strings.ToLower(org) || !isClientID(org) {
			t.Errorf("%q: got %q, want a global id", name, org)
		}
		if again, ok := memberScope("memberof:" + org); !ok || again != org {
			t.Errorf("%q: got %q, and of that %q", name, org, again)
		}
	})
}

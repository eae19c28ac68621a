package provisioning

import (
	"encoding/json"
	"fmt"
	"testing"

	"usher/sql/store"
)

// TestFingerprint gives everything that a token says, and the policy under
// which it is applied, a fingerprint of its own.
func TestFingerprint(t *testing.T) {
	t.Parallel()
	text := func(s string) *string { return &s }
	truth := func(b bool) *bool { return &b }
	said := func(change func(*Assertion)) [16]byte {
		a := Assertion{Email: "anna@example.com", EmailKey: "anna@example.com"}
		change(&a)
		return fingerprint(&a, &store.Integration{})
	}
	under := func(change func(*store.Integration)) [16]byte {
		var n store.Integration
		change(&n)
		return fingerprint(&Assertion{Email: "anna@example.com", EmailKey: "anna@example.com"}, &n)
	}
	seen := map[[16]byte]string{}
	for name, print := range map[string][16]byte{
		"nothing":             said(func(*Assertion) {}),
		"sub":                 said(func(a *Assertion) { a.Subject = "1" }),
		"spelling":            said(func(a *Assertion) { a.Email = "Anna@example.com" }),
		"e-mail":              said(func(a *Assertion) { a.EmailKey = "b@example.com" }),
		"verified":            said(func(a *Assertion) { a.EmailVerified = truth(true) }),
		"not verified":        said(func(a *Assertion) { a.EmailVerified = truth(false) }),
		"first name":          said(func(a *Assertion) { a.FirstName = text("x") }),
		"no first name":       said(func(a *Assertion) { a.FirstName = text("") }),
		"last name":           said(func(a *Assertion) { a.LastName = text("x") }),
		"name":                said(func(a *Assertion) { a.Name = text("x") }),
		"phone":               said(func(a *Assertion) { a.Phone = text("x") }),
		"birthdate":           said(func(a *Assertion) { a.Birthdate = text("x") }),
		"locale":              said(func(a *Assertion) { a.Locale = text("x") }),
		"picture":             said(func(a *Assertion) { a.Picture = text("x") }),
		"meta empty":          said(func(a *Assertion) { a.Meta = map[string]any{} }),
		"meta":                said(func(a *Assertion) { a.Meta = map[string]any{"a": json.Number("1")} }),
		"meta as text":        said(func(a *Assertion) { a.Meta = map[string]any{"a": "1"} }),
		"meta null":           said(func(a *Assertion) { a.Meta = map[string]any{"a": nil} }),
		"no groups":           said(func(a *Assertion) { a.Groups = &[]string{} }),
		"groups":              said(func(a *Assertion) { a.Groups = &[]string{"a", "b"} }),
		"groups run together": said(func(a *Assertion) { a.Groups = &[]string{"ab"} }),
		"no credits":          said(func(a *Assertion) { a.Credits = &[]Grant{} }),
		"credits":             said(func(a *Assertion) { a.Credits = &[]Grant{{OrderID: "1", ID: 23}} }),
		"credits moved":       said(func(a *Assertion) { a.Credits = &[]Grant{{OrderID: "12", ID: 3}} }),
		"scope":               under(func(n *store.Integration) { n.GroupScope = store.ScopeOwned }),
		"unknown groups":      under(func(n *store.Integration) { n.UnknownGroups = store.UnknownCreate }),
		"unknown credits":     under(func(n *store.Integration) { n.UnknownCredits = store.UnknownPark }),
		"meta mode":           under(func(n *store.Integration) { n.MetaMode = store.MetaReplace }),
	} {
		if other, ok := seen[print]; ok {
			t.Errorf("got the same fingerprint for %q and %q, want two", name, other)
		}
		seen[print] = name
	}
	same := said(func(*Assertion) {})
	for name, print := range map[string][16]byte{
		"onboard": said(func(a *Assertion) { a.Onboard = true }),
		"go":      said(func(a *Assertion) { a.Go = "/x" }),
		"jti":     said(func(a *Assertion) { a.ID = "x" }),
		"name":    under(func(n *store.Integration) { n.Name = "x" }),
	} {
		if print != same {
			t.Errorf("%s: got another fingerprint, want what changes nothing left out", name)
		}
	}
	deep := map[string]any{"b": []any{map[string]any{"z": "1", "y": "2"}}, "a": json.Number("1")}
	want := said(func(a *Assertion) { a.Meta = deep })
	for i := range 20 {
		if got := said(func(a *Assertion) { a.Meta = map[string]any{"a": json.Number("1"), "b": deep["b"]} }); got != want {
			t.Errorf("try %d: got %s for equal objects, want %s", i, fmt.Sprintf("%x", got), fmt.Sprintf("%x", want))
		}
	}
}

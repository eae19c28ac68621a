package provisioning

import (
	"crypto/sha256"
	"encoding/binary"
	"strconv"

	"usher/sql/store"
)

// fingerprintVersion changes with the meaning of anything below, so that old
// fingerprints match nothing.
const fingerprintVersion = 1

// fingerprint is 16 bytes of SHA-256 over everything that a token says about
// the person and the policy under which it is applied. An identity that keeps
// the same fingerprint has nothing to change. Rights that a token narrows for
// one visit (Assertion.Authorized) are no part of it: they are not applied to
// the person.
//
// Every part is written with its length before it, and lists with their
// count, so that no two different tokens give the same input.
func fingerprint(a *Assertion, n *store.Integration) [16]byte {
	f := make(form, 0, 512)
	f.number(fingerprintVersion)

	f.text(n.GroupScope)
	f.text(n.UnknownGroups)
	f.text(n.UnknownCredits)
	f.text(n.MetaMode)

	f.text(a.Subject)
	f.text(a.Email)
	f.text(a.EmailKey)
	f.truth(a.EmailVerified)
	for _, field := range []*string{a.FirstName, a.LastName, a.Name, a.Phone, a.Birthdate, a.Locale, a.Picture} {
		f.optional(field)
	}
	if f.present(a.Meta != nil) {
		// Keys in order, so that equal objects are equal texts. What was
		// decoded from JSON can be encoded again.
		meta, err := encodeMeta(a.Meta)
		if err != nil {
			meta = err.Error()
		}
		f.text(meta)
	}
	if f.present(a.Groups != nil) {
		f.number(len(*a.Groups))
		for _, id := range *a.Groups {
			f.text(id)
		}
	}
	if f.present(a.Credits != nil) {
		f.number(len(*a.Credits))
		for _, g := range *a.Credits {
			f.text(g.OrderID)
			f.text(strconv.FormatInt(g.ID, 10))
		}
	}
	sum := sha256.Sum256(f)
	return [16]byte(sum[:16])
}

// form is an unambiguous byte string under construction.
type form []byte

func (f *form) number(n int) { *f = binary.AppendUvarint(*f, uint64(n)) } //nolint:gosec // lengths and counts are never negative

func (f *form) text(s string) {
	f.number(len(s))
	*f = append(*f, s...)
}

// present writes whether an optional part follows, and reports it.
func (f *form) present(is bool) bool {
	if is {
		f.number(1)
	} else {
		f.number(0)
	}
	return is
}

func (f *form) optional(s *string) {
	if f.present(s != nil) {
		f.text(*s)
	}
}

func (f *form) truth(b *bool) {
	if f.present(b != nil) {
		f.present(*b)
	}
}

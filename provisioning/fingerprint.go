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
	var room [1024]byte // for most tokens, off the heap
	f := form(room[:0]).number(fingerprintVersion)

	f = f.text(n.GroupScope)
	f = f.text(n.UnknownGroups)
	f = f.text(n.UnknownCredits)
	f = f.text(n.MetaMode)

	f = f.text(a.Subject)
	f = f.text(a.Email)
	f = f.text(a.EmailKey)
	f = f.truth(a.EmailVerified)
	for _, field := range [...]*string{a.FirstName, a.LastName, a.Name, a.Phone, a.Birthdate, a.Locale, a.Picture} {
		f = f.optional(field)
	}
	if f = f.present(a.Meta != nil); a.Meta != nil {
		f = f.meta(a.Meta)
	}
	if f = f.present(a.Groups != nil); a.Groups != nil {
		f = f.number(len(*a.Groups))
		for _, id := range *a.Groups {
			f = f.text(id)
		}
	}
	if f = f.present(a.Credits != nil); a.Credits != nil {
		f = f.number(len(*a.Credits))
		for _, g := range *a.Credits {
			f = f.text(g.OrderID)
			var digits [20]byte
			f = f.bytes(strconv.AppendInt(digits[:0], g.ID, 10))
		}
	}
	sum := sha256.Sum256(f)
	return [16]byte(sum[:16])
}

// form is an unambiguous byte string under construction. Its methods return it
// with something added.
type form []byte

func (f form) number(n int) form { return binary.AppendUvarint(f, uint64(n)) } //nolint:gosec // lengths and counts are never negative

func (f form) text(s string) form { return append(f.number(len(s)), s...) }

func (f form) bytes(b []byte) form { return append(f.number(len(b)), b...) }

// present adds whether an optional part follows.
func (f form) present(is bool) form {
	if is {
		return f.number(1)
	}
	return f.number(0)
}

func (f form) optional(s *string) form {
	if f = f.present(s != nil); s != nil {
		return f.text(*s)
	}
	return f
}

func (f form) truth(b *bool) form {
	if f = f.present(b != nil); b != nil {
		return f.present(*b)
	}
	return f
}

// meta adds an object with its keys in order, so that equal objects are equal
// texts. What was decoded from JSON can be encoded again.
func (f form) meta(meta map[string]any) form {
	var room [512]byte
	if text, plain := appendPlainMeta(room[:0], meta); plain {
		return f.bytes(text)
	}
	text, err := encodeMeta(meta)
	if err != nil {
		text = err.Error()
	}
	return f.text(text)
}

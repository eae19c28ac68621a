package main

import (
	"encoding/base32"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// A mould is a row that a real first sign-in has left, as a line of COPY in
// text form, cut where the person shows. Poured for another person it is the
// row that this one's sign-in would have left.
type mould []piece

// piece is a text, and what follows it.
type piece struct {
	text string
	hole hole
	id   int // which of the person's ids or references
}

type hole int

// What a row says of a person.
const (
	holeEnd         hole = iota // nothing: the last piece
	holeName                    // nameOf
	holeNumber                  // the number alone
	holeID                      // an id of this person's rows
	holeReference               // a reference id of this person's sign-in
	holeFingerprint             // of the token
)

// model is a person whose rows are moulds.
type model struct {
	number int
	user   string              // id
	rows   map[string][]string // lines by table
}

var (
	aUUID = regexp.MustCompile(`\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b`)
	// A reference id, as Usher gives requests.
	aReference = regexp.MustCompile(`\b[0-9A-HJKMNP-TV-Z]{16}\b`)
	// A fingerprint as COPY writes it.
	aCopied = regexp.MustCompile(`\\\\x[0-9a-f]{32}\b`)
)

// The first two ids of every loaded person, which are known by that (idOf).
const (
	idUser     = 1
	idIdentity = 2
)

// cast makes the moulds of a model. ids that other models' rows have too,
// shared, are the tenant's.
func (m *model) cast(identity string, shared map[string]bool) (map[string][]mould, error) {
	numbers := map[string]int{m.user: idUser, identity: idIdentity}
	references := make(map[string]int)
	name := nameOf(person, m.number)
	pattern := regexp.MustCompile(`\b` + regexp.QuoteMeta(name) + `\b|\b(?:A-|Lindqvist )` + strconv.Itoa(m.number) + `\b|` +
		aUUID.String() + `|` + aReference.String() + `|` + aCopied.String())
	all := make(map[string][]mould)
	for table, lines := range m.rows {
		for _, line := range lines {
			var made mould
			at := 0
			for _, found := range pattern.FindAllStringIndex(line, -1) {
				match := line[found[0]:found[1]]
				next := piece{text: line[at:found[0]]}
				switch {
				case match == name:
					next.hole = holeName
				case strings.HasPrefix(match, `\`):
					next.hole = holeFingerprint
				case strings.HasPrefix(match, "A-"), strings.HasPrefix(match, "Lindqvist "):
					next.text += strings.TrimSuffix(match, strconv.Itoa(m.number))
					next.hole = holeNumber
				case shared[match]:
					continue
				case aUUID.MatchString(match):
					next.hole, next.id = holeID, number(numbers, match)
				default:
					next.hole, next.id = holeReference, number(references, match)
				}
				made = append(made, next)
				at = found[1]
			}
			all[table] = append(all[table], append(made, piece{text: line[at:]}))
		}
	}
	if len(numbers) > maxIDs {
		return nil, errors.New("a person has more ids than fit")
	}
	return all, nil
}

// number numbers what it has not met yet: 1, 2, 3…
func number(known map[string]int, text string) int {
	n, ok := known[text]
	if !ok {
		n = len(known) + 1
		known[text] = n
	}
	return n
}

// pour appends the row of the numbered person.
func (m mould) pour(to []byte, number int, print [16]byte) []byte {
	for _, p := range m {
		to = append(to, p.text...)
		switch p.hole {
		case holeEnd:
		case holeName:
			to = append(append(to, person...), '-')
			to = strconv.AppendInt(to, int64(number), 10)
		case holeNumber:
			to = strconv.AppendInt(to, int64(number), 10)
		case holeID:
			to = append(to, idOf(number, p.id)...)
		case holeReference:
			to = append(to, referenceOf(number, p.id)...)
		case holeFingerprint:
			to = append(to, `\\x`...)
			to = hex.AppendEncode(to, print[:])
		}
	}
	return append(to, '\n')
}

// maxIDs is how many ids a person can have.
const maxIDs = 0xfff

// loadedAt is the millisecond in which person 0 would have signed in: 1 January
// 2026. Each later one came a millisecond later.
const loadedAt = 1_767_225_600_000

// idOf is the n-th id of a loaded person: a UUIDv7 (RFC 9562 §5.7) in the order
// of the people, and without chance in it.
func idOf(number, n int) string {
	at := fmt.Sprintf("%012x", loadedAt+number)
	return fmt.Sprintf("%s-%s-7%03x-8000-000000000000", at[:8], at[8:], n)
}

var crockford = base32.NewEncoding("0123456789ABCDEFGHJKMNPQRSTVWXYZ").WithPadding(base32.NoPadding)

// referenceOf is the n-th reference id of a loaded person, as Usher makes them:
// seconds, then what looks like chance.
func referenceOf(number, n int) string {
	var b [10]byte
	binary.BigEndian.PutUint32(b[:], uint32((loadedAt+number)/1000)) //nolint:gosec // until 2106
	low := (uint64(number)<<12 | uint64(n)) * 0x9e3779b97f4a7c15     //nolint:gosec // both are small and not negative
	binary.BigEndian.PutUint16(b[4:], uint16(low>>48))               //nolint:gosec // the upper 16 bits
	binary.BigEndian.PutUint32(b[6:], uint32(low>>16))               //nolint:gosec // the next 32
	return crockford.EncodeToString(b[:])
}

// sharedIDs are those that the rows of two models have.
func sharedIDs(models []*model) map[string]bool {
	met := make(map[string]int)
	shared := map[string]bool{"00000000-0000-0000-0000-000000000000": true}
	for i, m := range models {
		for _, lines := range m.rows {
			for _, line := range lines {
				for _, id := range slices.Concat(aUUID.FindAllString(line, -1), aReference.FindAllString(line, -1)) {
					if first, ok := met[id]; ok && first != i {
						shared[id] = true
					}
					if _, ok := met[id]; !ok {
						met[id] = i
					}
				}
			}
		}
	}
	return shared
}

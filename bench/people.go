package main

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"
)

// The catalogue that every measured Usher has: groups g0…, credits 1….
const (
	catalogGroups  = 60
	catalogCredits = 20
	// manyGroups is how many more there are where growth is measured: w0….
	manyGroups = 600
)

// minPeople leaves enough people in each part of the population.
const minPeople = 600

// population is who is loaded, in parts that do not meet: one's changes would
// be another's differences.
type population struct {
	Repeat span // sign in again, unchanged
	// pgbench's; their fingerprints are all noFingerprint.
	Raw     span
	Swapped span // their groups come and go
	Changed span // sign in again with other groups
	Rich    span // like Repeat, with many groups and credits; the last ones
}

// span is a range of person numbers.
type span struct{ First, Count int }

func populationOf(users int) population {
	rich := min(200, users/10)
	changed, swapped := users/5, users/10
	repeat := (users - rich - changed - swapped) / 2
	p := population{Repeat: span{1, repeat}}
	p.Raw = span{p.Repeat.end(), repeat}
	p.Swapped = span{p.Raw.end(), swapped}
	p.Changed = span{p.Swapped.end(), users - rich - swapped - 2*repeat}
	p.Rich = span{p.Changed.end(), rich}
	return p
}

func (s span) end() int { return s.First + s.Count }

// says is what a token says about a person, apart from who it is.
type says struct {
	Groups  int // that many groups, beginning with the person's own
	Shift   int // begin that much later
	Credits int
	Many    bool // the groups are of the catalogue of many, w0…
}

var (
	usual = says{Groups: 3, Credits: 1}
	rich  = says{Groups: 50, Credits: catalogCredits}
)

// signer is a partner site.
type signer struct {
	Issuer, KeyID, Secret string
}

// nameOf is a person's subject and the first half of the e-mail address.
func nameOf(prefix string, number int) string { return prefix + "-" + strconv.Itoa(number) }

// token makes a sign-in token (HS256, RFC 7515 §3.1) that may be used once.
// iat is in seconds.
func (s signer) token(prefix string, number int, content says, iat int64) string {
	encode := base64.RawURLEncoding.EncodeToString
	signed := encode(fmt.Appendf(nil, `{"alg":"HS256","typ":"JWT","kid":%q}`, s.KeyID)) + "." +
		encode([]byte(s.payload(prefix, number, content, iat)))
	mac := hmac.New(sha256.New, []byte(s.Secret))
	mac.Write([]byte(signed))
	return signed + "." + encode(mac.Sum(nil))
}

// payload is what the token says.
func (s signer) payload(prefix string, number int, content says, iat int64) string {
	var b strings.Builder
	name := nameOf(prefix, number)
	fmt.Fprintf(&b, `{"iss":%q,"sub":%q,"email":"%s@example.com","firstName":"Anna","lastName":"Lindqvist %d","groups":[`,
		s.Issuer, name, name, number)
	for i := range content.Groups {
		if i > 0 {
			b.WriteByte(',')
		}
		if content.Many {
			fmt.Fprintf(&b, `"w%d"`, (number+content.Shift+i)%manyGroups)
		} else {
			fmt.Fprintf(&b, `"g%d"`, (number+content.Shift+i)%catalogGroups)
		}
	}
	b.WriteString(`],"credits":[`)
	for i := range content.Credits {
		if i > 0 {
			b.WriteByte(',')
		}
		fmt.Fprintf(&b, `{"orderId":"A-%d","id":%d}`, number, 1+(number+i)%catalogCredits)
	}
	var id [16]byte
	_, _ = rand.Read(id[:]) // never fails
	fmt.Fprintf(&b, `],"meta":{"plan":"gold","seats":3},"iat":%d,"jti":%q}`, iat, hex.EncodeToString(id[:]))
	return b.String()
}

// forge replaces a token's signature by one that does not hold.
func forge(token string) string {
	signed := token[:strings.LastIndexByte(token, '.')]
	return signed + "." + base64.RawURLEncoding.EncodeToString(make([]byte, sha256.Size))
}

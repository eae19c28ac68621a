package web

import (
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// Person is a signed-in person, as a page shows them.
type Person struct {
	ID          string
	Name        string // "" = the e-mail stands in
	Email       string
	Integration string // the name of the integration that they came through
	Groups      []Group
	Credits     []Credit
	Meta        map[string]any // as encoding/json decodes it; empty = none
	ExpiresAt   time.Time      // when the session ends; zero = not shown
}

// Group is a group that the person is in.
type Group struct {
	ExternalID string
	Name       string
}

// Credit is a credit that the person was granted.
type Credit struct {
	OrderID  string
	ID       int64
	Name     string // "" = the catalogue does not know it yet
	Consumed bool
	Parked   bool // kept until the catalogue knows its id
}

// Label is what to call the person: the name, else the e-mail.
func (p Person) Label() string {
	if name := strings.TrimSpace(p.Name); name != "" {
		return name
	}
	return p.Email
}

// Initials are the first letters of the first and the last word of Label, in
// capitals: one or two characters, or none.
func (p Person) Initials() string {
	words := strings.FieldsFunc(p.Label(), func(r rune) bool {
		return !unicode.IsLetter(r) && !unicode.IsDigit(r) && !unicode.IsMark(r)
	})
	if len(words) == 0 {
		return ""
	}
	initials := firstLetter(words[0])
	if p.Name != "" && len(words) > 1 {
		initials += firstLetter(words[len(words)-1])
	}
	return initials
}

func firstLetter(word string) string {
	r, _ := utf8.DecodeRuneInString(word)
	return string(unicode.ToUpper(r))
}

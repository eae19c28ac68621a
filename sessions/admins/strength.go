package admins

import (
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// Limits of a password, in characters and in bytes.
const (
	minPassword      = 12
	maxPassword      = 200
	maxPasswordBytes = 4 * maxPassword
	// minUnits is how much has to be left of a password when everything that
	// programs guess first (a common word, a row of keys) counts as one
	// character and a half.
	minUnits = 8.0
	// minDistinct is how many different characters it needs.
	minDistinct = 6
)

// Weakness says what is wrong with a password, in one sentence for the person
// who has chosen it, or "" when it is good. about are texts that an attacker
// would try: the address, the name, the tenant. The sentence quotes nothing of
// the password.
func Weakness(password string, about ...string) string {
	if !utf8.ValidString(password) || strings.ContainsFunc(password, unicode.IsControl) {
		return "letters, digits, spaces and signs; no control characters"
	}
	password = norm.NFC.String(password)
	switch length := utf8.RuneCountInString(password); {
	case length < minPassword:
		return fmt.Sprintf("at least %d characters; several words in a row are easy to remember", minPassword)
	case length > maxPassword:
		return fmt.Sprintf("at most %d characters", maxPassword)
	}
	units, found := measure([]rune(plain(password)), personal(about))
	distinct := map[rune]bool{}
	for _, r := range password {
		distinct[unicode.ToLower(r)] = true
	}
	if units >= minUnits && len(distinct) >= minDistinct {
		return ""
	}
	if len(found) == 0 {
		return "it repeats the same few characters; add other words"
	}
	return "it is easy to guess: it has " + strings.Join(found, " and ") + ". Add words that have nothing to do with it"
}

// lookalikes are the signs that people put for letters.
var lookalikes = strings.NewReplacer("@", "a", "4", "a", "3", "e", "1", "i", "!", "i", "0", "o", "$", "s", "5", "s", "7", "t")

// plain is a password in lower case.
func plain(password string) string { return strings.ToLower(password) }

// measure counts a password's units from its beginning: the longest piece that
// is guessed first counts as one and a half, any other character as one. found
// says which kinds of pieces there were.
func measure(text []rune, words []string) (units float64, found []string) {
	unleet := []rune(lookalikes.Replace(string(text)))
	if len(unleet) != len(text) {
		unleet = text
	}
	for at := 0; at < len(text); {
		best, kind := 0, ""
		for _, try := range []struct {
			length int
			kind   string
		}{
			{repeated(text[at:]), "a repetition"},
			{running(text[at:]), "a row of neighbouring letters, digits or keys"},
			{year(text[at:]), "a year or a date"},
			{longestWord(text[at:], words), "your name, your address or this place’s name"},
			{longestWord(unleet[at:], words), "your name, your address or this place’s name"},
			{longestWord(text[at:], commonWords), "a very common password"},
			{longestWord(unleet[at:], commonWords), "a very common password"},
		} {
			if try.length > best {
				best, kind = try.length, try.kind
			}
		}
		if best == 0 {
			units++
			at++
			continue
		}
		units += 1.5
		at += best
		if !slices.Contains(found, kind) {
			found = append(found, kind)
		}
	}
	return units, found
}

// repeated is the length of the repetition at the beginning of text ("aaa",
// "abcabc"), or 0.
func repeated(text []rune) int {
	best := 0
	for size := 1; size <= len(text)/2 && size <= 20; size++ {
		end := size
		for end < len(text) && text[end] == text[end-size] {
			end++
		}
		if whole := end - end%size; whole >= 2*size && whole >= 3 && whole > best {
			best = whole
		}
	}
	return best
}

// keyRows are the letters of keyboards, row by row and column by column.
var keyRows = []string{
	"qwertyuiop", "asdfghjkl", "zxcvbnm", "qwertzuiop", "yxcvbnm", "azertyuiop", "qsdfghjklm", "wxcvbn",
	"1234567890", "!@#$%^&*()", "1qaz2wsx3edc4rfv5tgb6yhn7ujm", "qazwsxedcrfvtgbyhnujmikolp",
}

// running is the length of the row at the beginning of text, upwards or
// downwards: of neighbours in the alphabet, among digits or on a keyboard; 0
// below three.
func running(text []rune) int {
	best := 0
	for _, step := range []rune{1, -1} {
		n := 1
		for n < len(text) && text[n]-text[n-1] == step && ordinary(text[n]) && ordinary(text[n-1]) {
			n++
		}
		best = max(best, n)
	}
	for _, row := range keyRows {
		for _, way := range []string{row, backwards(row)} {
			if n := alongside(text, way); n >= 4 {
				best = max(best, n)
			}
		}
	}
	if best < 3 {
		return 0
	}
	return best
}

func ordinary(r rune) bool { return 'a' <= r && r <= 'z' || '0' <= r && r <= '9' }

// alongside is how long text goes on as the row does.
func alongside(text []rune, row string) int {
	start := strings.IndexRune(row, text[0])
	if start < 0 {
		return 0
	}
	n := 0
	for n < len(text) && start+n < len(row) && text[n] == rune(row[start+n]) {
		n++
	}
	return n
}

func backwards(row string) string {
	letters := []rune(row)
	slices.Reverse(letters)
	return string(letters)
}

// year is 4 for a year from 1900 to 2099, 6 or 8 for digits that can be a
// date, else 0.
func year(text []rune) int {
	digits := 0
	for digits < len(text) && digits < 8 && '0' <= text[digits] && text[digits] <= '9' {
		digits++
	}
	isYear := func(d []rune) bool { return string(d[:2]) == "19" || string(d[:2]) == "20" }
	switch {
	case digits == 8 && (isYear(text[:4]) || isYear(text[4:8])):
		return 8
	case digits >= 4 && isYear(text[:4]):
		return 4
	case digits == 6:
		return 6
	}
	return 0
}

// longestWord is the length of the longest word that text begins with, or 0.
func longestWord(text []rune, words []string) int {
	best := 0
	for _, word := range words {
		if n := utf8.RuneCountInString(word); n > best && n <= len(text) && string(text[:n]) == word {
			best = n
		}
	}
	return best
}

// personal takes the words of texts apart: "anna.berg@lumen.example" is anna,
// berg, lumen and example.
func personal(about []string) []string {
	var words []string
	for _, text := range about {
		if len(text) > 1000 {
			text = text[:1000]
		}
		for _, word := range strings.FieldsFunc(plain(text), func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) }) {
			if utf8.RuneCountInString(word) >= 3 {
				words = append(words, word)
			}
		}
	}
	return words
}

package main

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// person and raw begin the names of people: those who are loaded, and those
// whom pgbench makes up.
const (
	person = "person"
	raw    = "raw"
)

// recorded is what one sign-in sent to the database.
type recorded struct {
	Name  string // the person's
	Calls []call
}

// An id is a UUID, or the key of a used token in hexadecimal.
var anID = regexp.MustCompile(`[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}|\b[0-9a-f]{64}\b|x[0-9a-f]{64}\b`)

// aVersion begins the version of a user in a document.
const aVersion = `"version":`

// aFingerprint is a value of 16 bytes in the text form of bytea.
var aFingerprint = regexp.MustCompile(`^\\x[0-9a-f]{32}$`)

// script writes the statements of sample as a script for pgbench: the same
// statements, with ids that are new each time and a person at random. Which
// ids are new is learnt by comparing two sign-ins: those that are in both
// belong to the tenant. firstPerson to lastPerson are the numbers behind
// prefix that names may have.
func script(sample, other recorded, prefix string, firstPerson, lastPerson int64) string {
	w := &scriptWriter{prefix: prefix, variables: make(map[string]string)}
	body := w.body(sample, other)
	var head strings.Builder
	fmt.Fprintf(&head, "\\set person random(%d, %d)\n", firstPerson, lastPerson)
	return head.String() + w.sets() + body
}

// body writes the statements of sample.
func (w *scriptWriter) body(sample, other recorded) string {
	w.name, w.shared = sample.Name, make(map[string]bool)
	for _, c := range other.Calls {
		for _, value := range c.Values {
			if value != nil {
				for _, id := range anID.FindAllString(*value, -1) {
					w.shared[id] = true
				}
			}
		}
	}
	var body strings.Builder
	for _, c := range sample.Calls {
		body.WriteString(w.statement(c))
		body.WriteString(";\n")
	}
	return body.String()
}

// sets are the commands that make the new ids.
func (w *scriptWriter) sets() string {
	var sets strings.Builder
	for _, name := range slices.Sorted(maps.Values(w.variables)) {
		fmt.Fprintf(&sets, "\\set %s random(1, 9223372036854775806)\n", name)
	}
	return sets.String()
}

type scriptWriter struct {
	name, prefix string
	shared       map[string]bool
	variables    map[string]string // by id
	// person's ids as expressions; nil = they are new each time.
	known map[string]string
}

var placeholder = regexp.MustCompile(`\$[0-9]+`)

// statement puts expressions in the place of the placeholders.
func (w *scriptWriter) statement(c call) string {
	return placeholder.ReplaceAllStringFunc(c.Statement, func(name string) string {
		n, err := strconv.Atoi(name[1:])
		if err != nil || n < 1 || n > len(c.Values) {
			return name
		}
		return w.value(c.Values[n-1])
	})
}

// value is a value as an expression of SQL.
func (w *scriptWriter) value(value *string) string {
	switch {
	case value == nil:
		return "NULL"
	case aFingerprint.MatchString(*value) && w.known == nil:
		return literal(noFingerprint)
	}
	text, varied := w.vary(*value)
	if !varied {
		return text
	}
	// What is put together has to be told its type.
	kind := "text"
	switch {
	case strings.HasPrefix(*value, `\x`):
		kind = "bytea"
	case strings.HasPrefix(*value, "{"):
		kind = "jsonb"
	case anID.FindString(*value) == *value:
		kind = "uuid"
	}
	return "(" + text + ")::" + kind
}

// vary replaces the person's name and new ids in a text.
func (w *scriptWriter) vary(text string) (expression string, varied bool) {
	parts := []string{}
	plain := func(s string) {
		if s != "" {
			parts = append(parts, literal(s))
		}
	}
	pattern := regexp.QuoteMeta(w.name) + `\b|` + anID.String()
	if w.known != nil {
		pattern += `|` + aVersion + `\d+`
	}
	at := 0
	for _, found := range regexp.MustCompile(pattern).FindAllStringIndex(text, -1) {
		match := text[found[0]:found[1]]
		expression, known := w.known[match]
		if match != w.name && w.shared[match] && !known && !strings.HasPrefix(match, aVersion) {
			continue
		}
		varied = true
		plain(text[at:found[0]])
		at = found[1]
		switch {
		case known:
			parts = append(parts, expression)
			continue
		case strings.HasPrefix(match, aVersion):
			plain(aVersion)
			parts = append(parts, ":version")
			continue
		}
		if match == w.name {
			parts = append(parts, literal(w.prefix+"-"), ":person")
			continue
		}
		// Ids keep their beginning, which is a time: rows that are made
		// together stand together.
		match, key := strings.TrimPrefix(match, "x"), strings.TrimPrefix(match, "x")
		if match != text[found[0]:found[1]] {
			plain("x")
		}
		variable, ok := w.variables[key]
		if !ok {
			variable = fmt.Sprintf("id%d", len(w.variables)+1)
			w.variables[key] = variable
		}
		match = strings.ReplaceAll(match, "-", "")
		plain(match[:len(match)-16])
		parts = append(parts, "lpad(to_hex(:"+variable+"::bigint), 16, '0')")
	}
	plain(text[at:])
	if len(parts) == 0 {
		return "''", false
	}
	return strings.Join(parts, " || "), varied
}

// literal quotes a text for SQL. Colons are written so that pgbench does not
// take what follows for a variable.
func literal(text string) string {
	quoted := strings.NewReplacer(`\`, `\\`, `'`, `''`, `:`, `\x3a`, "\n", `\n`).Replace(text)
	if quoted == text {
		return "'" + text + "'"
	}
	return "E'" + quoted + "'"
}

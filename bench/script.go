package main

import (
	"fmt"
	"regexp"
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

// aFingerprint is a value of 16 bytes in the text form of bytea.
var aFingerprint = regexp.MustCompile(`^\\x[0-9a-f]{32}$`)

// script writes the statements of sample as a script for pgbench: the same
// statements, with ids that are new each time and a person at random. Which
// ids are new is learnt by comparing two sign-ins: those that are in both
// belong to the tenant. firstPerson to lastPerson are the numbers behind
// prefix that names may have.
func script(sample, other recorded, prefix string, firstPerson, lastPerson int64) string {
	shared := make(map[string]bool)
	for _, c := range other.Calls {
		for _, value := range c.Values {
			if value != nil {
				for _, id := range anID.FindAllString(*value, -1) {
					shared[id] = true
				}
			}
		}
	}
	w := &scriptWriter{name: sample.Name, prefix: prefix, shared: shared, variables: make(map[string]string)}
	var body strings.Builder
	for _, c := range sample.Calls {
		body.WriteString(w.statement(c))
		body.WriteString(";\n")
	}
	var head strings.Builder
	fmt.Fprintf(&head, "\\set person random(%d, %d)\n", firstPerson, lastPerson)
	for i := range w.variables {
		fmt.Fprintf(&head, "\\set %s random(1, 9223372036854775806)\n", w.variables[i])
	}
	return head.String() + body.String()
}

type scriptWriter struct {
	name, prefix string
	shared       map[string]bool
	variables    map[string]string // by id
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
	case aFingerprint.MatchString(*value):
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
	pattern := regexp.MustCompile(regexp.QuoteMeta(w.name) + `\b|` + anID.String())
	at := 0
	for _, found := range pattern.FindAllStringIndex(text, -1) {
		match := text[found[0]:found[1]]
		if match != w.name && w.shared[match] {
			continue
		}
		varied = true
		plain(text[at:found[0]])
		at = found[1]
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

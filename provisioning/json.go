package provisioning

import (
	"encoding/json"
	"errors"
	"iter"
	"slices"
	"strings"
	"unicode/utf8"
)

// A token's header and payload are read by the strict reader in this file and
// not by encoding/json, which folds the case of names, lets the last of two
// equal names win, turns invalid UTF-8 and lone surrogates into U+FFFD, and
// tolerates what follows a value in a stream. Each of these lets two readers
// of one signed text see two different tokens.

// maxJSONDepth bounds nesting; the outermost object counts as one.
const maxJSONDepth = 32

// What readJSON refuses. None of the texts quotes the input: they may reach a
// log before the signature is known to hold.
var (
	errJSONSyntax    = errors.New("not one JSON object (RFC 8259)")
	errJSONDepth     = errors.New("nested too deeply")
	errJSONDuplicate = errors.New("a member name stands twice in one object")
	errJSONText      = errors.New("invalid UTF-8, a lone surrogate or U+0000 in text")
)

type jsonKind uint8

const (
	jsonNull jsonKind = iota
	jsonBool
	jsonNumber
	jsonString
	jsonArray
	jsonObject
)

// jsonValue is a value of a document that readJSON has accepted: its own node,
// then the nodes of everything inside it, in document order. The zero value
// (no node at all) stands for "no such member".
type jsonValue []jsonNode

type jsonNode struct {
	kind  jsonKind
	nodes int32  // in this value, itself included
	bytes int32  // of this value as sent
	name  string // of this member, inside an object
	text  string // decoded, of a string; as sent, of a number or a boolean
}

func (v jsonValue) exists() bool   { return len(v) > 0 }
func (v jsonValue) kind() jsonKind { return v[0].kind }
func (v jsonValue) name() string   { return v[0].name }
func (v jsonValue) text() string   { return v[0].text }
func (v jsonValue) bytes() int     { return int(v[0].bytes) }
func (v jsonValue) isTrue() bool   { return v[0].kind == jsonBool && v[0].text == "true" }

// children are the elements of an array or the members of an object, in the
// order in which they were sent.
func (v jsonValue) children() iter.Seq[jsonValue] {
	return func(yield func(jsonValue) bool) {
		for rest := v[1:]; len(rest) > 0; rest = rest[rest[0].nodes:] {
			if !yield(rest[:rest[0].nodes]) {
				return
			}
		}
	}
}

// count is the number of children.
func (v jsonValue) count() int {
	n := 0
	for range v.children() {
		n++
	}
	return n
}

// member finds a member by its exact name.
func (v jsonValue) member(name string) jsonValue {
	for child := range v.children() {
		if child.name() == name {
			return child
		}
	}
	return nil
}

// depth is the number of arrays and objects on the deepest path, v included.
func (v jsonValue) depth() int {
	if v.kind() != jsonArray && v.kind() != jsonObject {
		return 0
	}
	deepest := 0
	for child := range v.children() {
		deepest = max(deepest, child.depth())
	}
	return deepest + 1
}

// tree is the value as encoding/json would give it, with numbers kept as
// json.Number.
func (v jsonValue) tree() any {
	switch v.kind() {
	case jsonBool:
		return v.isTrue()
	case jsonNumber:
		return json.Number(v.text())
	case jsonString:
		return v.text()
	case jsonArray:
		list := make([]any, 0, v.count())
		for child := range v.children() {
			list = append(list, child.tree())
		}
		return list
	case jsonObject:
		object := make(map[string]any, v.count())
		for child := range v.children() {
			object[child.name()] = child.tree()
		}
		return object
	case jsonNull:
	}
	return nil
}

// usualNodes is more than most tokens have.
const usualNodes = 64

// readJSON reads exactly one JSON object (RFC 8259) and refuses whatever two
// readers could understand differently: see the errors above. Names are exact
// after unescaping. It reads each byte once.
func readJSON(text string) (jsonValue, error) { return readJSONIn(nil, text) }

// readJSONIn is readJSON with room for the nodes, which the value lives in as long
// as they are enough.
func readJSONIn(room []jsonNode, text string) (jsonValue, error) {
	if !utf8.ValidString(text) {
		return nil, errJSONText
	}
	if room == nil {
		room = make([]jsonNode, 0, min(len(text)/12+2, usualNodes))
	}
	r := jsonReader{text: text, nodes: room[:0]}
	r.space()
	if r.peek() != '{' {
		return nil, errJSONSyntax
	}
	if err := r.value("", 1); err != nil {
		return nil, err
	}
	r.space()
	if r.at != len(r.text) {
		return nil, errJSONSyntax
	}
	return r.nodes, nil
}

type jsonReader struct {
	text  string
	at    int
	nodes []jsonNode
}

// peek is the next byte, or 0 at the end; a 0 in the text fits nowhere either.
func (r *jsonReader) peek() byte {
	if r.at < len(r.text) {
		return r.text[r.at]
	}
	return 0
}

func (r *jsonReader) space() {
	for r.at < len(r.text) {
		switch r.text[r.at] {
		case ' ', '\t', '\n', '\r':
			r.at++
		default:
			return
		}
	}
}

// value reads one value, which stands depth containers deep if it is one.
func (r *jsonReader) value(name string, depth int) error {
	start, node := r.at, len(r.nodes)
	r.nodes = append(r.nodes, jsonNode{name: name})

	var kind jsonKind
	var text string
	var err error
	switch r.peek() {
	case '{':
		kind, err = jsonObject, r.object(depth)
	case '[':
		kind, err = jsonArray, r.array(depth)
	case '"':
		kind = jsonString
		text, err = r.string()
	case 't':
		kind = jsonBool
		text, err = r.literal("true")
	case 'f':
		kind = jsonBool
		text, err = r.literal("false")
	case 'n':
		kind = jsonNull
		_, err = r.literal("null")
	default:
		kind = jsonNumber
		text, err = r.number()
	}
	if err != nil {
		return err
	}
	n := &r.nodes[node]
	n.kind, n.text = kind, text
	n.nodes, n.bytes = int32(len(r.nodes)-node), int32(r.at-start) //nolint:gosec // tokens are bounded far below 2 GiB
	return nil
}

func (r *jsonReader) object(depth int) error {
	if depth > maxJSONDepth {
		return errJSONDepth
	}
	first := len(r.nodes)
	r.at++ // {
	r.space()
	if r.peek() == '}' {
		r.at++
		return nil
	}
	for {
		if r.peek() != '"' {
			return errJSONSyntax
		}
		name, err := r.string()
		if err != nil {
			return err
		}
		r.space()
		if r.peek() != ':' {
			return errJSONSyntax
		}
		r.at++
		r.space()
		if err := r.value(name, depth+1); err != nil {
			return err
		}
		r.space()
		switch r.peek() {
		case ',':
			r.at++
			r.space()
		case '}':
			r.at++
			return checkNames(r.nodes[first:])
		default:
			return errJSONSyntax
		}
	}
}

// checkNames refuses a name that stands twice among siblings. Up to the size
// of any usual token, comparing each with each is cheaper than a set.
func checkNames(siblings []jsonNode) error {
	var names [32]string
	n := 0
	for at := 0; at < len(siblings); at += int(siblings[at].nodes) {
		if n == len(names) {
			return checkManyNames(siblings)
		}
		name := siblings[at].name
		if slices.Contains(names[:n], name) {
			return errJSONDuplicate
		}
		names[n] = name
		n++
	}
	return nil
}

func checkManyNames(siblings []jsonNode) error {
	seen := make(map[string]struct{}, len(siblings))
	for at := 0; at < len(siblings); at += int(siblings[at].nodes) {
		name := siblings[at].name
		if _, again := seen[name]; again {
			return errJSONDuplicate
		}
		seen[name] = struct{}{}
	}
	return nil
}

func (r *jsonReader) array(depth int) error {
	if depth > maxJSONDepth {
		return errJSONDepth
	}
	r.at++ // [
	r.space()
	if r.peek() == ']' {
		r.at++
		return nil
	}
	for {
		if err := r.value("", depth+1); err != nil {
			return err
		}
		r.space()
		switch r.peek() {
		case ',':
			r.at++
			r.space()
		case ']':
			r.at++
			return nil
		default:
			return errJSONSyntax
		}
	}
}

func (r *jsonReader) literal(word string) (string, error) {
	if !strings.HasPrefix(r.text[r.at:], word) {
		return "", errJSONSyntax
	}
	r.at += len(word)
	return word, nil
}

// number reads by the grammar of RFC 8259 §6 and keeps the text.
func (r *jsonReader) number() (string, error) {
	start := r.at
	if r.peek() == '-' {
		r.at++
	}
	if r.peek() == '0' {
		r.at++
	} else if !r.digits() {
		return "", errJSONSyntax
	}
	if r.peek() == '.' {
		r.at++
		if !r.digits() {
			return "", errJSONSyntax
		}
	}
	if c := r.peek(); c == 'e' || c == 'E' {
		r.at++
		if c := r.peek(); c == '+' || c == '-' {
			r.at++
		}
		if !r.digits() {
			return "", errJSONSyntax
		}
	}
	return r.text[start:r.at], nil
}

// digits steps over digits and reports whether there was one.
func (r *jsonReader) digits() bool {
	start := r.at
	for c := r.peek(); c >= '0' && c <= '9'; c = r.peek() {
		r.at++
	}
	return r.at > start
}

// string reads a string; one without escapes is a part of the input, not a
// copy.
func (r *jsonReader) string() (string, error) {
	r.at++ // "
	start := r.at
	for r.at < len(r.text) {
		switch c := r.text[r.at]; {
		case c == '"':
			r.at++
			return r.text[start : r.at-1], nil
		case c == '\\':
			return r.escapedString(start)
		case c < 0x20:
			return "", errJSONSyntax
		default:
			r.at++
		}
	}
	return "", errJSONSyntax
}

// escapedString goes on from the first backslash of a string that began at
// start.
func (r *jsonReader) escapedString(start int) (string, error) {
	decoded := append(make([]byte, 0, r.at-start+16), r.text[start:r.at]...)
	for r.at < len(r.text) {
		switch c := r.text[r.at]; {
		case c == '"':
			r.at++
			return string(decoded), nil
		case c == '\\':
			char, err := r.escape()
			if err != nil {
				return "", err
			}
			decoded = utf8.AppendRune(decoded, char)
		case c < 0x20:
			return "", errJSONSyntax
		default:
			decoded = append(decoded, c)
			r.at++
		}
	}
	return "", errJSONSyntax
}

// escape reads one escape sequence, or the two of a surrogate pair.
func (r *jsonReader) escape() (rune, error) {
	r.at++ // \
	c := r.peek()
	r.at++
	switch c {
	case '"', '\\', '/':
		return rune(c), nil
	case 'b':
		return '\b', nil
	case 'f':
		return '\f', nil
	case 'n':
		return '\n', nil
	case 'r':
		return '\r', nil
	case 't':
		return '\t', nil
	case 'u':
	default:
		return 0, errJSONSyntax
	}
	char, err := r.hex4()
	switch {
	case err != nil:
		return 0, err
	case char == 0:
		return 0, errJSONText
	case char < 0xD800 || char > 0xDFFF:
		return char, nil
	case char > 0xDBFF || !strings.HasPrefix(r.text[r.at:], `\u`):
		return 0, errJSONText
	}
	r.at += len(`\u`)
	low, err := r.hex4()
	if err != nil {
		return 0, err
	}
	if low < 0xDC00 || low > 0xDFFF {
		return 0, errJSONText
	}
	return 0x10000 + (char-0xD800)<<10 + (low - 0xDC00), nil
}

func (r *jsonReader) hex4() (rune, error) {
	var char rune
	for range 4 {
		c := r.peek()
		switch {
		case c >= '0' && c <= '9':
			c -= '0'
		case c >= 'a' && c <= 'f':
			c -= 'a' - 10
		case c >= 'A' && c <= 'F':
			c -= 'A' - 10
		default:
			return 0, errJSONSyntax
		}
		char = char<<4 | rune(c)
		r.at++
	}
	return char, nil
}

// CheckJSON reports whether text is one JSON object in the strict form that
// tokens have to have: names once each, valid Unicode without NUL, a bounded
// depth, nothing before or after it.
func CheckJSON(text []byte) error {
	_, err := readJSON(string(text))
	return err
}

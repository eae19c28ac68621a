package store

import (
	"encoding/hex"
	"strconv"
	"strings"
)

// array is the text form of a one-dimensional array of PostgreSQL under
// construction (PostgreSQL manual, section 8.15.6).
type array struct{ strings.Builder }

func (a *array) next() {
	if a.Len() == 0 {
		a.WriteByte('{')
	} else {
		a.WriteByte(',')
	}
}

func (a *array) null() {
	a.next()
	a.WriteString("NULL")
}

func (a *array) text(text string) {
	const special = `"\\`
	a.next()
	a.WriteByte('"')
	for {
		i := strings.IndexAny(text, special)
		if i < 0 {
			break
		}
		a.WriteString(text[:i])
		a.WriteByte('\\')
		a.WriteByte(text[i])
		text = text[i+1:]
	}
	a.WriteString(text)
	a.WriteByte('"')
}

// bytes adds binary data; nil is NULL.
func (a *array) bytes(data []byte) {
	if data == nil {
		a.null()
		return
	}
	a.next()
	a.WriteString(`\\x`)
	var written [64]byte // enough for a digest at once
	for len(data) > 0 {
		n := min(len(data), len(written)/2)
		a.Write(written[:hex.Encode(written[:], data[:n])])
		data = data[n:]
	}
}

// number adds a number; nil is NULL.
func (a *array) number(n *int64) {
	if n == nil {
		a.null()
		return
	}
	a.next()
	var written [20]byte
	a.Write(strconv.AppendInt(written[:0], *n, 10))
}

// end returns the array.
func (a *array) end() string {
	if a.Len() == 0 {
		return "{}"
	}
	a.WriteByte('}')
	return a.String()
}

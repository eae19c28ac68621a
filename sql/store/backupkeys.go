package store

import (
	"encoding/json"
	"slices"
)

// headsSeen collects, while the rows of a backup pass by, under which master keys
// the values in it are sealed.
type headsSeen struct {
	at    int // the place of the sealed column in the rows of the present table; -1 = it has none
	heads map[string]bool
}

// table begins another table.
func (h *headsSeen) table(name string, columns []column) {
	h.at = -1
	for _, c := range append(SealedColumns(), SealedColumn{Table: "kept_keys", Column: "sealed"}) {
		if c.Table == name {
			h.at = slices.IndexFunc(columns, func(in column) bool { return in.Name == c.Column })
		}
	}
}

// row sees a row that is written.
func (h *headsSeen) row(values []any) {
	if h.at < 0 {
		return
	}
	if sealed, ok := values[h.at].([]byte); ok {
		h.value(sealed)
	}
}

// line sees a row that is read. One that is damaged counts for nothing here.
func (h *headsSeen) line(line []byte) {
	var texts []json.RawMessage
	if h.at < 0 || json.Unmarshal(line, &texts) != nil || h.at >= len(texts) {
		return
	}
	var sealed []byte
	if json.Unmarshal(texts[h.at], &sealed) == nil && len(sealed) > 0 {
		h.value(sealed)
	}
}

func (h *headsSeen) value(sealed []byte) {
	if h.heads == nil {
		h.heads = map[string]bool{}
	}
	h.heads[string(sealed[:min(len(sealed), headBytes)])] = true
}

// all are the heads that were seen, in their order.
func (h *headsSeen) all() [][]byte {
	var heads [][]byte
	for head := range h.heads {
		heads = append(heads, []byte(head))
	}
	slices.SortFunc(heads, slices.Compare)
	return heads
}

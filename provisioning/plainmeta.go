package provisioning

import (
	"encoding/json"
	"slices"
)

// appendPlainMeta appends what encodeMeta writes, or reports that it must: for a
// flat object of a few texts, truths and whole numbers with nothing to escape,
// which most are, encoding/json would take a dozen allocations.
func appendPlainMeta(to []byte, meta map[string]any) (text []byte, plain bool) {
	var room [16]string
	keys := room[:0]
	for key := range meta {
		if len(keys) == len(room) || !standsForItself(key) {
			return to, false
		}
		keys = append(keys, key)
	}
	slices.Sort(keys)
	to = append(to, '{')
	for i, key := range keys {
		if i > 0 {
			to = append(to, ',')
		}
		to = append(append(append(to, '"'), key...), '"', ':')
		switch value := meta[key].(type) {
		case nil:
			to = append(to, "null"...)
		case bool:
			if value {
				to = append(to, "true"...)
			} else {
				to = append(to, "false"...)
			}
		case string:
			if !standsForItself(value) {
				return to, false
			}
			to = append(append(append(to, '"'), value...), '"')
		case json.Number:
			if !isWhole(string(value)) {
				return to, false
			}
			to = append(to, value...)
		default:
			return to, false
		}
	}
	return append(to, '}'), true
}

// standsForItself reports that JSON has nothing to escape in a text: it is ASCII
// without control characters, quotation marks and backslashes.
func standsForItself(text string) bool {
	for i := range len(text) {
		if c := text[i]; c < ' ' || c > '~' || c == '"' || c == '\\' {
			return false
		}
	}
	return true
}

// isWhole reports that a text is a whole number as JSON writes it, with no sign.
func isWhole(text string) bool {
	for i := range len(text) {
		if text[i] < '0' || text[i] > '9' {
			return false
		}
	}
	return text == "0" || text != "" && text[0] != '0'
}

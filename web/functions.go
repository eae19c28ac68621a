package web

import (
	"bytes"
	"encoding/json"
	"fmt"
	"html/template"
	"time"
)

// functions are what templates may call.
func functions() template.FuncMap {
	return template.FuncMap{
		"asset":   asset,
		"pretty":  pretty,
		"moment":  moment,
		"rfc3339": rfc3339,

		"when":      when,
		"span":      span,
		"number":    number,
		"inputType": inputType,
		"icon":      func(path string) string { return icons[path] },
	}
}

// asset is AssetPath for templates: an unknown name is a fault.
func asset(name string) (string, error) {
	path := AssetPath(name)
	if path == "" {
		return "", fmt.Errorf("no asset named %q", name)
	}
	return path, nil
}

// pretty is v as indented JSON. It leaves <, > and & as they are: the template
// escapes them for HTML, and a person reads what was sent.
func pretty(v any) (string, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	if err := enc.Encode(v); err != nil {
		return "", fmt.Errorf("show as JSON: %w", err)
	}
	return string(bytes.TrimRight(b.Bytes(), "\n")), nil
}

func moment(t time.Time) string {
	return t.UTC().Format("2 January 2006, 15:04 UTC")
}

func rfc3339(t time.Time) string {
	return t.UTC().Format(time.RFC3339)
}

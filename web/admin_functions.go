package web

import (
	"fmt"
	"html/template"
	"reflect"
	"strconv"
	"strings"
	"time"
)

// when shows a time.Time, or a *time.Time, exactly: as "22 Nov 2026 14:03:07
// UTC" in a <time>. The zero time and nil are "never".
func when(at any) (template.HTML, error) {
	var t time.Time
	switch at := at.(type) {
	case time.Time:
		t = at
	case *time.Time:
		if at != nil {
			t = *at
		}
	default:
		return "", fmt.Errorf("when: got a %T, want a time", at)
	}
	if t.IsZero() {
		return "never", nil
	}
	t = t.UTC()
	return template.HTML(`<time datetime="` + t.Format(time.RFC3339Nano) + `">` + //nolint:gosec // a time has nothing to escape
		t.Format("2 Jan 2006 15:04:05 UTC") + "</time>"), nil
}

// span shows a duration by its two largest units: "340 ms", "3 min 20 s",
// "1 d 4 h".
func span(d time.Duration) string {
	sign := ""
	if d < 0 {
		sign, d = "−", -d
	}
	switch {
	case d == 0:
		return "0 s"
	case d < time.Millisecond:
		return sign + "under 1 ms"
	case d < time.Second:
		return sign + strconv.FormatInt(d.Milliseconds(), 10) + " ms"
	case d < 10*time.Second:
		return sign + strings.TrimSuffix(strconv.FormatFloat(d.Seconds(), 'f', 1, 64), ".0") + " s"
	}
	units := []struct {
		name string
		size time.Duration
	}{{"d", 24 * time.Hour}, {"h", time.Hour}, {"min", time.Minute}, {"s", time.Second}}
	for i, u := range units {
		if d < u.size {
			continue
		}
		text := fmt.Sprintf("%s%d %s", sign, d/u.size, u.name)
		if i+1 < len(units) {
			if rest := d % u.size / units[i+1].size; rest > 0 {
				text += fmt.Sprintf(" %d %s", rest, units[i+1].name)
			}
		}
		return text
	}
	return "" // never: the last unit is below what was answered above
}

// Span is how pages write a duration, for sentences that hold one.
func Span(d time.Duration) string { return span(d) }

// number shows an integer of any type, in groups of three digits: "12,345".
func number(n any) (string, error) {
	v := reflect.ValueOf(n)
	if !v.CanInt() {
		return "", fmt.Errorf("number: got a %T, want an integer", n)
	}
	return grouped(v.Int()), nil
}

func grouped(n int64) string {
	digits, negative := strings.CutPrefix(strconv.FormatInt(n, 10), "-")
	for at := len(digits) - 3; at > 0; at -= 3 {
		digits = digits[:at] + "," + digits[at:]
	}
	if negative {
		return "−" + digits
	}
	return digits
}

// inputTypes are the kinds of <input> that a Field may be. The templates'
// escaper takes no value for this attribute from data.
var inputTypes = map[string]template.HTMLAttr{
	"": `type="text"`, "text": `type="text"`, "email": `type="email"`, "password": `type="password"`,
	"number": `type="number"`, "url": `type="url"`, "search": `type="search"`, "checkbox": `type="checkbox"`,
	"radio": `type="radio"`, "datetime-local": `type="datetime-local"`,
}

func inputType(name string) (template.HTMLAttr, error) {
	attribute, ok := inputTypes[name]
	if !ok {
		return "", fmt.Errorf("there is no field of type %q", name)
	}
	return attribute, nil
}

// icons are the pictures of the navigation's entries, by their paths: strokes
// in a square of 24.
var icons = map[string]string{
	"/admin":                "M3 20h18M6 16v-5M12 16V5M18 16V9",
	"/admin/integrations":   "M9 3v5M15 3v5M6 8h12v4a6 6 0 0 1-12 0zM12 18v3",
	"/admin/sign-ins":       "M9 6h11M9 12h11M9 18h11M4.5 6h.01M4.5 12h.01M4.5 18h.01",
	"/admin/doctor":         "M3 12h4l3-8 4 16 3-8h4",
	"/admin/builder":        "M10 14a4 4 0 0 0 6 0l3-3a4.2 4.2 0 0 0-6-6l-1 1M14 10a4 4 0 0 0-6 0l-3 3a4.2 4.2 0 0 0 6 6l1-1",
	"/admin/users":          "M12 12a4 4 0 1 0 0-8 4 4 0 0 0 0 8zM4 20a8 8 0 0 1 16 0",
	"/admin/groups":         "M9 11a3.5 3.5 0 1 0 0-7 3.5 3.5 0 0 0 0 7zM2.5 20a6.5 6.5 0 0 1 13 0M15.5 4a3.5 3.5 0 0 1 0 7M18 14a6.5 6.5 0 0 1 3.5 6",
	"/admin/credits":        "M3 9V6h18v3a3 3 0 0 0 0 6v3H3v-3a3 3 0 0 0 0-6zM14 6v12",
	"/admin/resources":      "M3 5h18v14H3zM3 9h18M8 13l-2 2 2 2M16 13l2 2-2 2",
	"/admin/tokens/clients": "M8 19a4 4 0 1 0 0-8 4 4 0 0 0 0 8zM11 12l9-9M16 7l3 3M13.5 9.5l2 2",
	"/admin/webhooks":       "M5 12h8M10 8l4 4-4 4M14 4h3a3 3 0 0 1 3 3v10a3 3 0 0 1-3 3h-3",
	"/admin/alerts":         "M6 16v-5a6 6 0 0 1 12 0v5l2 2H4zM10 21h4",
	"/admin/jobs":           "M12 12V7M12 12l3 2M4 12a8 8 0 1 0 2.5-5.8M4 4v4h4",
	"/admin/audit":          "M12 3l8 3v6c0 5-4 8-8 9-4-1-8-4-8-9V6zM9 12l2 2 4-4",
	"/admin/settings":       "M4 7h9M17 7h3M4 17h3M11 17h9M15 5v4M9 15v4",
}

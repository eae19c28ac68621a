package main

import (
	"html"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
)

// page opens a page of the admin as its owner, and returns what a person would
// read in it, without escapes.
func (i *instance) page(t testing.TB, target string, header ...string) string {
	t.Helper()
	a := i.get(t, target, append(header, i.owner(t, header...))...)
	if a.status != http.StatusOK {
		t.Fatalf("GET %s: got %v, want 200", target, a)
	}
	return html.UnescapeString(a.body)
}

// submit posts a form as the owner. Names and values alternate.
func (i *instance) submit(t testing.TB, path string, fields ...string) answer {
	t.Helper()
	values := url.Values{}
	for at := 0; at < len(fields); at += 2 {
		values.Add(fields[at], fields[at+1])
	}
	return i.post(t, path, values.Encode(), i.owner(t))
}

// wantSeen fails unless a page says each of these.
func wantSeen(t testing.TB, page string, parts ...string) {
	t.Helper()
	for _, part := range parts {
		if !strings.Contains(page, part) {
			if _, main, is := strings.Cut(page, "<main"); is {
				page = main
			}
			t.Errorf("got no %q in:\n%s", part, page)
		}
	}
}

// wantWent fails unless a form was accepted and the browser sent on.
func wantWent(t testing.TB, a answer, path string) {
	t.Helper()
	if got := a.header.Get("Location"); a.status != 303 || !strings.HasPrefix(got, path) {
		t.Fatalf("got %v to %q, want 303 to %s", a, got, path)
	}
}

// formFields are the fields of a page's form as a browser would send them,
// unchanged.
func formFields(page, action string) []string {
	_, rest, _ := strings.Cut(page, `action="`+action+`"`)
	form, _, _ := strings.Cut(rest, "</form>")
	var fields []string
	for _, input := range regexp.MustCompile(`<input [^>]*>`).FindAllString(form, -1) {
		attr := func(name string) string {
			if m := regexp.MustCompile(` ` + name + `="([^"]*)"`).FindStringSubmatch(input); m != nil {
				return m[1]
			}
			return ""
		}
		kind := attr("type")
		if (kind == "radio" || kind == "checkbox") && !strings.Contains(input, " checked") {
			continue
		}
		fields = append(fields, attr("name"), attr("value"))
	}
	for _, m := range regexp.MustCompile(`(?s)<textarea [^>]*name="([^"]*)"[^>]*>\n(.*?)</textarea>`).FindAllStringSubmatch(form, -1) {
		fields = append(fields, m[1], m[2])
	}
	for _, m := range regexp.MustCompile(`(?s)<select [^>]*name="([^"]*)".*?<option value="([^"]*)" selected`).FindAllStringSubmatch(form, -1) {
		fields = append(fields, m[1], m[2])
	}
	return fields
}

// withFields sets fields of a form anew.
func withFields(fields []string, changes ...string) []string {
	changed := append([]string{}, fields...)
	for at := 0; at < len(changes); at += 2 {
		found := false
		for i := 0; i < len(changed); i += 2 {
			if changed[i] == changes[at] {
				changed[i+1], found = changes[at+1], true
			}
		}
		if !found {
			changed = append(changed, changes[at], changes[at+1])
		}
	}
	return changed
}

// elementText is the text of a page's element with an id.
func elementText(t testing.TB, page, id string) string {
	t.Helper()
	m := regexp.MustCompile(`(?s)id="` + id + `"[^>]*>(.*?)<`).FindStringSubmatch(page)
	if m == nil {
		t.Fatalf("got no element %q in:\n%s", id, page)
	}
	return m[1]
}

// fieldOf is the value of a hidden field.
func fieldOf(t testing.TB, page, name string) string {
	t.Helper()
	_, rest, found := strings.Cut(page, `name="`+name+`" value="`)
	value, _, closed := strings.Cut(rest, `"`)
	if !found || !closed {
		t.Fatalf("got no field %s in %s", name, page)
	}
	return value
}

package web

import (
	"strings"
	"testing"
)

// TestScriptedPages: the pages for people that have a script run our own alone,
// and are otherwise like every page.
func TestScriptedPages(t *testing.T) {
	t.Parallel()
	for _, empty := range scriptedPages() {
		for _, page := range []Page{empty, filled(empty, "https://site.example/path")} {
			doc := parse(t, render(t, page))
			for _, once := range []string{"h1", "main", "title", "header", "script"} {
				if got := count(doc, once); got != 1 {
					t.Errorf("%T: got %d <%s>, want 1", page, got, once)
				}
			}
			if script := find(t, doc, "script"); !strings.HasPrefix(attr(script, "src"), AssetPrefix) || strings.TrimSpace(text(script)) != "" {
				t.Errorf("%T: got a script of %q with %q, want a file of ours", page, attr(script, "src"), text(script))
			}
			for _, banned := range []string{"style", "iframe", "object", "embed", "base"} {
				if got := count(doc, banned); got != 0 {
					t.Errorf("%T: got %d <%s>, want none", page, got, banned)
				}
			}
			checkElements(t, page, elements(doc))
		}
		want := skeleton(parse(t, render(t, filled(empty, "plain"))))
		for _, s := range hostile {
			checkHostile(t, empty, s, want, parse(t, render(t, filled(empty, s))))
		}
	}
}

// TestFormPost: the form has what was given, and goes where it was told to.
func TestFormPost(t *testing.T) {
	t.Parallel()
	const action, value = "https://lumen.example/back?to=7&x=%20", `"><b>'&\n`
	doc := parse(t, render(t, FormPost{Action: action, To: "lumen.example", Values: []Hidden{{"state", value}, {"iss", "x"}}}))
	form := find(t, doc, "form")
	if attr(form, "action") != action || attr(form, "method") != "post" {
		t.Errorf("got a form by %s to %q", attr(form, "method"), attr(form, "action"))
	}
	var fields []string
	for _, n := range elements(form) {
		if n.Data == "input" {
			fields = append(fields, attr(n, "name")+"="+attr(n, "value"))
		}
	}
	if len(fields) != 2 || fields[0] != "state="+value {
		t.Errorf("got the fields %q", fields)
	}
}

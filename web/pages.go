package web

import (
	"bytes"
	"embed"
	"fmt"
	"html/template"
	"io"
	"path"
	"slices"
	"strings"
	"sync"
)

//go:embed templates
var templateFiles embed.FS

// Page is one of this package's page structs.
type Page interface {
	// template names the page's file in templates, without its extension.
	template() string
}

// Pages renders page structs. It is safe for concurrent use.
//
// A page is parsed when it is first asked for: all of them together hold many
// times the memory that everything else does, and hardly anybody sees them all.
// What is in them is fixed when the program is built; a test renders each.
type Pages struct {
	templates map[string]parsed
	fallback  []byte
}

// parsed parses once and returns the same thing ever after.
type parsed func() (*template.Template, error)

// New returns every page. The error is a fault in the page for faults, which is
// the only one that is rendered already.
func New() (*Pages, error) {
	layout := parseFiles("layout.html", "templates/layout.html", "templates/person.html", "templates/demo_parts.html")
	adminLayout := parseFiles("layout.html", "templates/admin/layout.html", "templates/admin/components.html",
		"templates/admin/charts.html", "templates/admin/integration_parts.html", "templates/admin/token_parts.html")
	embedLayout := parseFiles("layout.html", "templates/embed/layout.html")

	p := &Pages{templates: make(map[string]parsed)}
	for _, page := range pages() {
		name := page.template()
		file := "templates/" + name + ".html"
		switch {
		case strings.HasPrefix(name, "admin/"):
			p.templates[name] = parseWithin(adminLayout, file)
		case strings.HasPrefix(name, "embed/"):
			p.templates[name] = parseWithin(embedLayout, file)
		case strings.HasPrefix(name, "whole/"): // without a layout
			p.templates[name] = parseFiles(path.Base(file), file)
		default:
			p.templates[name] = parseWithin(layout, file)
		}
	}
	var fallback bytes.Buffer
	if err := p.Render(&fallback, Fault{}); err != nil {
		return nil, err
	}
	p.fallback = fallback.Bytes()
	return p, nil
}

// parseFiles reads files, the first of which to execute has that name.
func parseFiles(name string, files ...string) parsed {
	return sync.OnceValues(func() (*template.Template, error) {
		return template.New(name).Funcs(functions()).ParseFS(templateFiles, files...)
	})
}

// parseWithin reads the file of a page into a copy of its layout.
func parseWithin(layout parsed, file string) parsed {
	return sync.OnceValues(func() (*template.Template, error) {
		around, err := layout()
		if err != nil {
			return nil, err
		}
		page, err := around.Clone()
		if err != nil {
			return nil, err
		}
		return page.ParseFS(templateFiles, file)
	})
}

// Render writes the page as UTF-8 HTML. It renders into a buffer first: after
// a fault in the template nothing has been written, and Fallback can be.
func (p *Pages) Render(w io.Writer, page Page) error {
	name := page.template()
	parse, ok := p.templates[name]
	if !ok {
		return fmt.Errorf("render page %s: no such template", name)
	}
	t, err := parse()
	if err != nil {
		return fmt.Errorf("parse page %s: %w", name, err)
	}
	var b bytes.Buffer
	if err := t.Execute(&b, page); err != nil {
		return fmt.Errorf("render page %s: %w", name, err)
	}
	if _, err := w.Write(b.Bytes()); err != nil {
		return fmt.Errorf("write page %s: %w", name, err)
	}
	return nil
}

// Fallback is a page for when rendering fails: Fault without a reference,
// rendered at the start. The caller gets its own copy.
func (p *Pages) Fallback() []byte {
	return slices.Clone(p.fallback)
}

// pages lists the empty form of each page.
func pages() []Page {
	return slices.Concat(everyPage(), scriptedPages(), embedPages(), scriptedDemoPages(), adminPages())
}

// everyPage lists the empty form of each page without a script.
func everyPage() []Page {
	return []Page{
		Refused{},
		Fault{},
		NotFound{},
		SignOut{},
		SignedOut{},
		EndSession{},
		Onboarding{},
		Home{},
		Consent{},
		Details{Fields: []Detail{{Name: "claim.a", Type: "yes or no"}, {Name: "claim.b"}}},
		DetailsKept{},
		DemoPartner{},
		DemoApp{},
	}
}

// embedPages lists the empty form of each page that may stand in a frame.
func embedPages() []Page { return []Page{Embed{}, EmbedRefused{}} }

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
)

//go:embed templates
var templateFiles embed.FS

// Page is one of this package's page structs.
type Page interface {
	// template names the page's file in templates, without its extension.
	template() string
}

// Pages renders page structs. It is safe for concurrent use.
type Pages struct {
	templates map[string]*template.Template
	fallback  []byte
}

// New parses every template and renders each page once, empty, so that a fault
// in a template stops the program at its start and not a person at the door.
func New() (*Pages, error) {
	layout, err := template.New("layout.html").Funcs(functions()).
		ParseFS(templateFiles, "templates/layout.html", "templates/person.html", "templates/demo_parts.html")
	if err != nil {
		return nil, fmt.Errorf("parse the layout: %w", err)
	}
	adminLayout, err := template.New("layout.html").Funcs(functions()).
		ParseFS(templateFiles, "templates/admin/layout.html", "templates/admin/components.html",
			"templates/admin/charts.html", "templates/admin/integration_parts.html", "templates/admin/token_parts.html")
	if err != nil {
		return nil, fmt.Errorf("parse the admin's layout: %w", err)
	}
	embedLayout, err := template.New("layout.html").Funcs(functions()).ParseFS(templateFiles, "templates/embed/layout.html")
	if err != nil {
		return nil, fmt.Errorf("parse the layout of embeds: %w", err)
	}
	p := &Pages{templates: make(map[string]*template.Template)}
	for _, page := range slices.Concat(everyPage(), scriptedPages(), embedPages(), scriptedDemoPages(), adminPages()) {
		name, around := page.template(), layout
		switch {
		case strings.HasPrefix(name, "admin/"):
			around = adminLayout
		case strings.HasPrefix(name, "embed/"):
			around = embedLayout
		case strings.HasPrefix(name, "whole/"): // without a layout
			around = template.New(path.Base(name) + ".html").Funcs(functions())
		}
		t, err := template.Must(around.Clone()).ParseFS(templateFiles, "templates/"+name+".html")
		if err != nil {
			return nil, fmt.Errorf("parse page %s: %w", name, err)
		}
		p.templates[name] = t
		if err := p.Render(io.Discard, page); err != nil {
			return nil, err
		}
	}
	var fallback bytes.Buffer
	if err := p.Render(&fallback, Fault{}); err != nil {
		return nil, err
	}
	p.fallback = fallback.Bytes()
	return p, nil
}

// Render writes the page as UTF-8 HTML. It renders into a buffer first: after
// a fault in the template nothing has been written, and Fallback can be.
func (p *Pages) Render(w io.Writer, page Page) error {
	name := page.template()
	t, ok := p.templates[name]
	if !ok {
		return fmt.Errorf("render page %s: no such template", name)
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

// everyPage lists the empty form of each page.
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

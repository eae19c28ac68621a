package web

import (
	"strings"
	"testing"
	"time"
)

// TestEmbedPages: pages for frames have the marks of every page, run our own
// script alone, and give content no right to our origin.
func TestEmbedPages(t *testing.T) {
	t.Parallel()
	for _, empty := range embedPages() {
		for _, page := range []Page{empty, filled(empty, "https://site.example/path")} {
			doc := parse(t, render(t, page))
			for _, once := range []string{"h1", "main", "title"} {
				if got := count(doc, once); got != 1 {
					t.Errorf("%T: got %d <%s>, want 1", page, got, once)
				}
			}
			for _, banned := range []string{"style", "object", "embed", "base", "form"} {
				if got := count(doc, banned); got != 0 {
					t.Errorf("%T: got %d <%s>, want none", page, got, banned)
				}
			}
			for _, n := range elements(doc) {
				if n.Data == "script" && strings.TrimSpace(text(n)) != "" {
					t.Errorf("%T: got an inline script, want none", page)
				}
				if n.Data == "iframe" && attr(n, "sandbox") != EmbedSandbox {
					t.Errorf("%T: got sandbox %q, want %q", page, attr(n, "sandbox"), EmbedSandbox)
				}
			}
			checkElements(t, page, elements(doc))
		}
		want := skeleton(parse(t, render(t, filled(empty, "plain"))))
		for _, s := range hostile {
			checkHostile(t, empty, s, want, parse(t, render(t, filled(empty, s))))
		}
	}
	if strings.Contains(EmbedSandbox, "same-origin") || strings.Contains(EmbedSandbox, "top-navigation") || strings.Contains(EmbedSandbox, "escape") {
		t.Errorf("got sandbox %q, want content to stay in it", EmbedSandbox)
	}
}

// TestEmbed: what the script is told, and what a person reads.
func TestEmbed(t *testing.T) {
	t.Parallel()
	script := EmbedScript{
		Kind: "vote-widget", ID: "57cc26", AppID: "a&b", Origins: []string{"https://a.example", "https://b.example:8443"},
		Reference: "REF", User: "u-1", Bearer: "secret", ExpiresIn: 3600,
	}
	doc := parse(t, render(t, Embed{
		Script: script, Title: "Where to eat",
		Person: Person{Name: "Chloé Durand", Email: "chloe@lumen.example", Groups: []Group{{ExternalID: "optics"}}, ExpiresAt: time.Unix(0, 0)},
	}))
	body := find(t, doc, "body")
	for name, want := range map[string]string{
		"data-kind": "vote-widget", "data-id": "57cc26", "data-app": "a&b", "data-origins": "https://a.example https://b.example:8443",
		"data-reference": "REF", "data-user": "u-1", "data-bearer": "secret", "data-expires": "3600",
	} {
		if got := attr(body, name); got != want {
			t.Errorf("got %s %q, want %q", name, got, want)
		}
	}
	for _, want := range []string{"Where to eat", "Chloé Durand", "chloe@lumen.example", "optics"} {
		if got := text(find(t, doc, "main")); !strings.Contains(got, want) {
			t.Errorf("got %q, want it to hold %q", got, want)
		}
	}
	for _, n := range elements(doc) {
		if attr(n, "id") == "tab" && attr(n, "href") != "/embed/vote-widget/57cc26?appId=a%26b" {
			t.Errorf("got the link to a new tab %q", attr(n, "href"))
		}
	}
	framing := parse(t, render(t, Embed{Script: script, Title: "Where to eat", Content: "/embed/vote-widget/57cc26/content/ticket/"}))
	if frame := find(t, framing, "iframe"); attr(frame, "src") != "/embed/vote-widget/57cc26/content/ticket/" || attr(frame, "title") != "Where to eat" {
		t.Errorf("got a frame for %q with title %q", attr(frame, "src"), attr(frame, "title"))
	}
	if got := count(parse(t, render(t, EmbedRefused{})), "script"); got != 0 {
		t.Errorf("a refusal without a resource: got %d scripts, want none", got)
	}
}

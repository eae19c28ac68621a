package web

import (
	"bytes"
	"errors"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/net/html"
)

// allPages are parsed once for all tests.
var allPages = sync.OnceValues(New)

func newPages(t *testing.T) *Pages {
	t.Helper()
	pages, err := allPages()
	if err != nil {
		t.Fatalf("New: %v", err)
	}
	return pages
}

// TestFirstPages: no template has a fault, also when many people are the first to
// see it.
func TestFirstPages(t *testing.T) {
	t.Parallel()
	fresh, err := New()
	if err != nil {
		t.Fatalf("New: %v", err)
	}
	for _, page := range pages() {
		var wait sync.WaitGroup
		for range 4 {
			wait.Go(func() {
				var b bytes.Buffer
				if err := fresh.Render(&b, page); err != nil || b.Len() == 0 {
					t.Errorf("Render(%T): got %d bytes, %v, want a page", page, b.Len(), err)
				}
			})
		}
		wait.Wait()
	}
}

func render(t *testing.T, page Page) string {
	t.Helper()
	var b bytes.Buffer
	if err := newPages(t).Render(&b, page); err != nil {
		t.Fatalf("Render(%T): %v", page, err)
	}
	return b.String()
}

func parse(t *testing.T, page string) *html.Node {
	t.Helper()
	doc, err := html.Parse(strings.NewReader(page))
	if err != nil {
		t.Fatalf("parse the page: %v", err)
	}
	return doc
}

// elements are the elements below n, in document order.
func elements(n *html.Node) []*html.Node {
	var found []*html.Node
	for d := range n.Descendants() {
		if d.Type == html.ElementNode {
			found = append(found, d)
		}
	}
	return found
}

func attr(n *html.Node, name string) string {
	for _, a := range n.Attr {
		if a.Key == name {
			return a.Val
		}
	}
	return ""
}

func text(n *html.Node) string {
	var b strings.Builder
	for d := range n.Descendants() {
		if d.Type == html.TextNode {
			b.WriteString(d.Data)
		}
	}
	return b.String()
}

// filled is a page of the same type as page whose every string is s, whose
// every bool is true, and whose lists have two members. The second member's strings are longer by a
// number.
func filled(page Page, s string) Page {
	v := reflect.New(reflect.TypeOf(page)).Elem()
	new(filler).fill(v, s)
	return v.Interface().(Page)
}

// filler fills a value. It counts what has to differ from its like: the
// members of lists, whose ids become ids of elements.
type filler struct{ count int }

func (f *filler) fill(v reflect.Value, s string) {
	switch v.Kind() {
	case reflect.String:
		v.SetString(s)
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Int, reflect.Int64:
		v.SetInt(401)
	case reflect.Float64:
		v.SetFloat(0.5)
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		f.fill(v.Elem(), s)
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 2, 2))
		for i := range v.Len() {
			f.count++
			f.fill(v.Index(i), s+"-"+strconv.Itoa(f.count))
		}
	case reflect.Map:
		if v.Type().Elem().Kind() == reflect.Interface {
			v.Set(reflect.ValueOf(map[string]any{s: []any{s}}))
			return
		}
		key, value := reflect.New(v.Type().Key()).Elem(), reflect.New(v.Type().Elem()).Elem()
		f.fill(key, s)
		f.fill(value, s)
		v.Set(reflect.MakeMap(v.Type()))
		v.SetMapIndex(key, value)
	case reflect.Struct:
		if v.Type() == reflect.TypeFor[time.Time]() {
			v.Set(reflect.ValueOf(time.Date(2026, 5, 4, 3, 2, 1, 0, time.UTC)))
			return
		}
		for i := range v.NumField() {
			f.fill(v.Field(i), s)
		}
		if field, ok := v.Addr().Interface().(*Field); ok {
			// Our code gives these, not people.
			f.count++
			field.Name, field.Type = "name"+strconv.Itoa(f.count), ""
		}
	default:
		panic("no filling for " + v.Type().String())
	}
}

// skeleton is the page without its text and its attributes' values.
func skeleton(doc *html.Node) []string {
	var bones []string
	for _, n := range elements(doc) {
		bone := n.Data
		for _, a := range n.Attr {
			bone += " " + a.Key
		}
		bones = append(bones, bone)
	}
	return bones
}

var hostile = []string{
	`<script>alert(1)</script>`,
	`"><img src=x onerror=alert(1)>`,
	`' onmouseover='alert(1)`,
	`</title></textarea></style></pre><svg onload=alert(1)>`,
	`javascript:alert(1)`,
	"java\tscript:alert(1)",
	`data:text/html,<script>alert(1)</script>`,
	`{{.}} {{template "main"}}`,
	`<!--`,
	"\x00\x1b[31m\r\nSet-Cookie: a=b",
	"\xff\xfe<b>",
	"\u202eelbanosrep",
	"‹b›＜script＞",
}

// A04: whatever a string holds, the page keeps its shape, loads nothing
// foreign, runs nothing and leads nowhere by a scheme of the string's own.
func TestHostileText(t *testing.T) {
	t.Parallel()
	for _, page := range everyPage() {
		want := skeleton(parse(t, render(t, filled(page, "plain"))))
		for _, s := range hostile {
			checkHostile(t, page, s, want, parse(t, render(t, filled(page, s))))
		}
	}
}

// checkHostile compares a page that holds a hostile string with the skeleton
// that it has with a plain one.
func checkHostile(t *testing.T, page any, s string, want []string, doc *html.Node) {
	t.Helper()
	if diff := cmp.Diff(want, skeleton(doc)); diff != "" {
		t.Errorf("%T with %q: the page's elements differ (-want +got):\n%s", page, s, diff)
	}
	for _, n := range elements(doc) {
		for _, a := range n.Attr {
			if !slices.Contains([]string{"href", "action", "src", "formaction"}, a.Key) {
				continue
			}
			folded := strings.ToLower(strings.Map(func(r rune) rune {
				if r <= ' ' {
					return -1
				}
				return r
			}, a.Val))
			if strings.HasPrefix(folded, "javascript:") || strings.HasPrefix(folded, "data:") {
				t.Errorf("%T with %q: got <%s %s=%q>, want no such scheme", page, s, n.Data, a.Key, a.Val)
			}
		}
	}
}

// What is escaped must still be readable: the text arrives as it was given.
func TestHostileTextIsShown(t *testing.T) {
	t.Parallel()
	const s = `<b>"Anna" & 'Ben'</b>`
	for _, page := range everyPage() {
		if reflect.TypeOf(page).NumField() == 0 || reflect.TypeOf(page) == reflect.TypeFor[SignOut]() {
			continue
		}
		main := find(t, parse(t, render(t, filled(page, s))), "main")
		if got := text(main); !strings.Contains(got, s) {
			t.Errorf("%T: got the text %q, want it to hold %q", page, got, s)
		}
	}
	doc := parse(t, render(t, SignOut{Go: s, Person: s}))
	if got := attr(find(t, doc, "input"), "value"); got != s {
		t.Errorf("SignOut: got go %q, want %q", got, s)
	}
	if got := text(find(t, doc, "main")); !strings.Contains(got, "Signed in as "+s) {
		t.Errorf("SignOut: got the text %q, want it to name %q", got, s)
	}
}

func find(t *testing.T, doc *html.Node, element string) *html.Node {
	t.Helper()
	for _, n := range elements(doc) {
		if n.Data == element {
			return n
		}
	}
	t.Fatalf("got no <%s>, want one", element)
	return nil
}

func count(doc *html.Node, element string) int {
	found := 0
	for _, n := range elements(doc) {
		if n.Data == element {
			found++
		}
	}
	return found
}

// Every page stands under the strict policy, and has the marks that a reader
// of pages, human or not, goes by.
func TestEveryPage(t *testing.T) {
	t.Parallel()
	for _, empty := range everyPage() {
		for _, page := range []Page{empty, filled(empty, "https://site.example/path")} {
			doc := parse(t, render(t, page))
			for _, once := range []string{"h1", "main", "title", "header"} {
				if got := count(doc, once); got != 1 {
					t.Errorf("%T: got %d <%s>, want 1", page, got, once)
				}
			}
			if got := attr(find(t, doc, "html"), "lang"); got != "en" {
				t.Errorf("%T: got lang %q, want en", page, got)
			}
			if got := strings.TrimSpace(text(find(t, doc, "title"))); strings.HasPrefix(got, "·") {
				t.Errorf("%T: got title %q, want one that names the page", page, got)
			}
			for _, banned := range []string{"script", "style", "iframe", "object", "embed", "base"} {
				if got := count(doc, banned); got != 0 {
					t.Errorf("%T: got %d <%s>, want none", page, got, banned)
				}
			}
			checkElements(t, page, elements(doc))
		}
	}
}

func checkElements(t *testing.T, page any, nodes []*html.Node) {
	t.Helper()
	ids := make(map[string]bool)
	for _, n := range nodes {
		if id := attr(n, "id"); id != "" {
			if ids[id] {
				t.Errorf("%T: got id %q twice, want ids once", page, id)
			}
			ids[id] = true
		}
	}
	for _, n := range nodes {
		for _, a := range n.Attr {
			if a.Key == "style" || strings.HasPrefix(a.Key, "on") {
				t.Errorf("%T: got <%s %s>, want no inline style or script", page, n.Data, a.Key)
			}
			if a.Key == "aria-labelledby" || a.Key == "aria-describedby" || a.Key == "aria-controls" || a.Key == "data-copy" {
				for id := range strings.FieldsSeq(a.Val) {
					if !ids[id] {
						t.Errorf("%T: got %s=%q, want the ids of elements", page, a.Key, a.Val)
					}
				}
			}
			if a.Key == "for" && !ids[a.Val] {
				t.Errorf("%T: got a label for %q, want the id of an element", page, a.Val)
			}
		}
		switch n.Data {
		case "link":
			checkAsset(t, page, attr(n, "href"))
		case "script":
			checkAsset(t, page, attr(n, "src"))
		case "img":
			checkAsset(t, page, attr(n, "src"))
			if !slices.ContainsFunc(n.Attr, func(a html.Attribute) bool { return a.Key == "alt" }) {
				t.Errorf("%T: got an <img> without alt, want one", page)
			}
		}
	}
}

func checkAsset(t *testing.T, page any, address string) {
	t.Helper()
	if _, ok := assetIndex().files[address]; !ok {
		t.Errorf("%T: got the asset address %q, want one that Assets serves", page, address)
	}
}

func TestRefused(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name string
		page Refused
		want []string
		not  []string
	}{
		{
			name: "full",
			page: Refused{
				Title: "This link is too old", WhatToDo: "Open it again.", Reason: "token_too_old",
				Reference: "7ZQ2M4K8", Status: 401,
			},
			want: []string{"This link is too old", "Open it again.", "token_too_old", "7ZQ2M4K8", "401", "This did not work"},
		},
		{
			name: "only a reason",
			page: Refused{Reason: "token_expired"},
			want: []string{"Go back to the site you came from and open the link again.", "token_expired"},
			not:  []string{"Status", "Our fault"},
		},
		{
			name: "ours",
			page: Refused{Reason: "store_unavailable", Status: 503},
			want: []string{"Our fault, not yours", "503"},
			not:  []string{"This did not work"},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got := text(find(t, parse(t, render(t, tt.page)), "main"))
			for _, want := range tt.want {
				if !strings.Contains(got, want) {
					t.Errorf("got %q, want it to hold %q", got, want)
				}
			}
			for _, not := range tt.not {
				if strings.Contains(got, not) {
					t.Errorf("got %q, want it without %q", got, not)
				}
			}
		})
	}
}

func TestSignOutForm(t *testing.T) {
	t.Parallel()
	doc := parse(t, render(t, SignOut{Go: "/after?a=1&b=2"}))
	form := find(t, doc, "form")
	if got, want := attr(form, "method")+" "+attr(form, "action"), "post /auth/logout"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	field := find(t, doc, "input")
	if got, want := attr(field, "name")+"="+attr(field, "value"), "go=/after?a=1&b=2"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if got := count(parse(t, render(t, SignOut{})), "input"); got != 0 {
		t.Errorf("without go: got %d fields, want none", got)
	}
}

// An address that was signed must reach the browser byte for byte.
func TestLinksSurvive(t *testing.T) {
	t.Parallel()
	const link = "http://localhost:8080/auth/callback/jwt-auth?go=http%3A%2F%2Flocalhost%3A8082%2Fa%3Fb%3D1%26c%3D%25C3%25A9%23f&token=eyJ-_.a.b"
	doc := parse(t, render(t, DemoPartner{Signed: &SignedLink{Link: link}}))
	got := ""
	for _, n := range elements(doc) {
		if attr(n, "id") == "open" {
			got = attr(n, "href")
		}
	}
	if got != link {
		t.Errorf("got %q, want %q", got, link)
	}
	next := find(t, find(t, parse(t, render(t, Onboarding{Next: "/a/b?x=%2F&y=é#z"})), "main"), "a")
	if got, want := attr(next, "href"), "/a/b?x=%2F&y=%c3%a9#z"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestHome(t *testing.T) {
	t.Parallel()
	person := &Person{
		ID: "0190", Name: "Chloé Durand", Email: "chloe@lumen.example", Integration: "Lumen",
		Groups:    []Group{{ExternalID: "optics", Name: "Optics"}, {ExternalID: "bare"}},
		Credits:   []Credit{{OrderID: "L-1", ID: 7, Name: "Lab", Consumed: true}, {OrderID: "L-2", ID: 9, Parked: true}},
		Meta:      map[string]any{"note": "<3 & more"},
		ExpiresAt: time.Date(2026, 11, 22, 1, 2, 0, 0, time.FixedZone("", 3600)),
	}
	doc := parse(t, render(t, Home{Person: person}))
	got := text(find(t, doc, "main"))
	for _, want := range []string{
		"CD", "Chloé Durand", "chloe@lumen.example", "Lumen", "Optics optics", "bare",
		"Lab", "used", "Not in the catalogue yet", "parked", `"note": "<3 & more"`, "22 November 2026, 00:02 UTC",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("got %q, want it to hold %q", got, want)
		}
	}
	if got, want := attr(find(t, doc, "time"), "datetime"), "2026-11-22T00:02:00Z"; got != want {
		t.Errorf("got datetime %q, want %q", got, want)
	}
	if got := text(find(t, parse(t, render(t, Home{})), "h1")); got != "You are not signed in" {
		t.Errorf("nobody signed in: got the heading %q, want %q", got, "You are not signed in")
	}
}

func TestInitials(t *testing.T) {
	t.Parallel()
	tests := []struct{ name, email, want string }{
		{"Anna Maria Lindqvist", "a@x.example", "AL"},
		{"émile", "a@x.example", "É"},
		{"", "ben.okafor@x.example", "B"},
		{"  ", "", ""},
		{"<> --", "", ""},
	}
	for _, tt := range tests {
		if got := (Person{Name: tt.name, Email: tt.email}).Initials(); got != tt.want {
			t.Errorf("Initials of %q, %q: got %q, want %q", tt.name, tt.email, got, tt.want)
		}
	}
}

type strange struct{}

func (strange) template() string { return "strange" }

var errBroken = errors.New("broken pipe")

type brokenWriter struct{}

func (brokenWriter) Write([]byte) (int, error) { return 0, errBroken }

func TestRenderFaults(t *testing.T) {
	t.Parallel()
	pages := newPages(t)
	var b bytes.Buffer
	if err := pages.Render(&b, strange{}); err == nil || b.Len() != 0 {
		t.Errorf("unknown page: got error %v and %d bytes, want an error and none", err, b.Len())
	}
	unshowable := Home{Person: &Person{Meta: map[string]any{"f": func() {}}}}
	if err := pages.Render(&b, unshowable); err == nil || b.Len() != 0 {
		t.Errorf("meta that is no JSON: got error %v and %d bytes, want an error and none", err, b.Len())
	}
	if err := pages.Render(brokenWriter{}, NotFound{}); !errors.Is(err, errBroken) {
		t.Errorf("broken writer: got error %v, want %v", err, errBroken)
	}
}

func TestFallback(t *testing.T) {
	t.Parallel()
	pages := newPages(t)
	first := pages.Fallback()
	if got := text(find(t, parse(t, string(first)), "h1")); got != "Something went wrong on our side" {
		t.Errorf("got the heading %q, want that of Fault", got)
	}
	clear(first)
	if bytes.Equal(first, pages.Fallback()) {
		t.Errorf("got the caller's own bytes back, want a fresh copy")
	}
}

// The demo's pages with script keep the rules of the others, and load their
// scripts from the site itself or from Usher.
func TestScriptedDemoPages(t *testing.T) {
	t.Parallel()
	const hostile = `"><script>alert(1)</script>`
	for _, empty := range scriptedDemoPages() {
		plain := parse(t, render(t, filled(empty, "x")))
		checkHostile(t, empty, hostile, skeleton(plain), parse(t, render(t, filled(empty, hostile))))
		for _, page := range []Page{empty, filled(empty, "https://site.example/path")} {
			doc := parse(t, render(t, page))
			for _, once := range []string{"h1", "main", "title"} {
				if got := count(doc, once); got != 1 {
					t.Errorf("%T: got %d <%s>, want 1", page, got, once)
				}
			}
			for _, banned := range []string{"style", "iframe", "object", "embed", "base"} {
				if got := count(doc, banned); got != 0 {
					t.Errorf("%T: got %d <%s>, want none", page, got, banned)
				}
			}
			var nodes []*html.Node
			for _, n := range elements(doc) {
				address := attr(n, "href") + attr(n, "src")
				switch {
				case n.Data == "script" && n.FirstChild != nil:
					t.Errorf("%T: got a script in the page, want it in a file", page)
				case n.Data == "script" && attr(n, "src") == attr(find(t, doc, "script"), "src") && count(doc, "script") == 2:
					// usher-embed.js, from Usher
				case n.Data == "link" || n.Data == "script":
					checkAsset(t, page, strings.TrimPrefix(address, "."))
				default:
					nodes = append(nodes, n)
				}
			}
			checkElements(t, page, nodes)
		}
	}
}

package main

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"golang.org/x/net/html"
)

// crawler walks through the admin's pages as one person, from link to link,
// and holds each page to what all must keep.
type crawler struct {
	instance *instance
	as       string            // the header line of whoever looks
	secrets  map[string]string // what no page may show, by name
	routes   []string          // "METHOD /path/:parameter"

	pages   []visit             // in the order of finding
	forms   map[string][]string // targets that forms post to → pages that have them
	reached map[string]int      // pages seen of each route
	seen    map[string]bool     // pages, assets and dead links
}

// visit is a page that was opened.
type visit struct {
	target string // path and query
	route  string // of the page
	page   *html.Node
}

// mostOfARoute is how many pages of one route are opened: lists lead to many
// that are alike.
const mostOfARoute = 5

// crawl follows every link that is reachable from the given pages.
func crawl(t *testing.T, i *instance, as string, secrets map[string]string, from ...string) *crawler {
	t.Helper()
	c := &crawler{
		instance: i, as: as, secrets: secrets, routes: everyRoute(t),
		forms: map[string][]string{}, reached: map[string]int{}, seen: map[string]bool{},
	}
	for _, target := range from {
		c.open(t, target, "the start")
	}
	return c
}

// open looks at a page and at whatever it leads to.
func (c *crawler) open(t *testing.T, target, from string) {
	t.Helper()
	queue := [][2]string{{target, from}}
	for len(queue) > 0 {
		target, from := queue[0][0], queue[0][1]
		queue = queue[1:]
		path, _, _ := strings.Cut(target, "?")
		route := c.route(http.MethodGet, path)
		if c.seen[target] || c.reached[route] == mostOfARoute {
			continue
		}
		c.seen[target] = true
		if route == "" {
			t.Errorf("%s leads to %s, which is no route", from, target)
			continue
		}
		c.reached[route]++
		a := c.instance.get(t, target, c.as, wantsPage)
		c.noSecret(t, target, a)
		if a.status == http.StatusSeeOther {
			queue = append(queue, [2]string{a.header.Get("Location"), target})
			continue
		}
		if a.status != http.StatusOK {
			t.Errorf("%s leads to %s: got %v", from, target, a)
			continue
		}
		if !strings.HasPrefix(a.header.Get("Content-Type"), "text/html") {
			continue // a download
		}
		document, err := html.Parse(strings.NewReader(a.body))
		if err != nil {
			t.Fatal(err)
		}
		c.pages = append(c.pages, visit{target, route, document})
		checkHeaders(t, target, a)
		checkDocument(t, target, document)
		for _, next := range c.leads(t, target, document) {
			queue = append(queue, [2]string{next, target})
		}
	}
}

// route returns the route that answers a request, or "".
func (c *crawler) route(method, path string) string {
	found := ""
	for _, route := range c.routes {
		itsMethod, pattern, _ := strings.Cut(route, " ")
		// A fixed part counts before a parameter, as it does for gin.
		if itsMethod == method && matches(pattern, path) && (found == "" || strings.Count(pattern, ":") < strings.Count(found, ":")) {
			found = route
		}
	}
	return found
}

// matches reports whether a path fits a route's pattern.
func matches(pattern, path string) bool {
	want, got := strings.Split(pattern, "/"), strings.Split(path, "/")
	for i, part := range want {
		switch {
		case strings.HasPrefix(part, "*"):
			return true
		case i == len(got), strings.HasPrefix(part, ":") && got[i] == "", !strings.HasPrefix(part, ":") && part != got[i]:
			return false
		}
	}
	return len(want) == len(got)
}

// leads checks where a page points, and returns the admin's pages among it.
func (c *crawler) leads(t *testing.T, from string, document *html.Node) []string {
	t.Helper()
	base, err := url.Parse(c.instance.origin + from)
	if err != nil {
		t.Fatal(err)
	}
	var pages []string
	follow := func(n *html.Node, method, address string) {
		to, err := base.Parse(address)
		if err != nil {
			t.Errorf("%s: <%s> leads to %q: %v", from, n.Data, address, err)
			return
		}
		if to.Scheme+"://"+to.Host != c.instance.origin {
			if n.Data != "a" || to.Scheme != "https" && to.Scheme != "http" && to.Scheme != "mailto" {
				t.Errorf("%s: <%s> leads to %s, want our own origin", from, n.Data, to)
			}
			return
		}
		if to.Fragment != "" && to.Path == base.Path && byID(document, to.Fragment) == nil {
			t.Errorf("%s: a link leads to #%s, which is not there", from, to.Fragment)
		}
		if c.route(method, to.Path) == "" {
			if dead := method + " " + to.Path; !c.seen[dead] { // once is enough
				c.seen[dead] = true
				t.Errorf("%s: <%s> leads to %s, which is no route", from, n.Data, dead)
			}
			return
		}
		switch {
		case method == http.MethodPost:
			if !slices.Contains(c.forms[to.Path], from) {
				c.forms[to.Path] = append(c.forms[to.Path], from)
			}
		case isPage(to.Path):
			pages = append(pages, to.RequestURI())
		}
	}
	for n := range document.Descendants() {
		if n.Type != html.ElementNode {
			continue
		}
		switch n.Data {
		case "a", "area":
			if address, there := attribute(n, "href"); there {
				follow(n, http.MethodGet, address)
			}
		case "form":
			action, there := attribute(n, "action")
			if !there || action == "" {
				action = from
			}
			method, _ := attribute(n, "method")
			if strings.EqualFold(method, "post") {
				follow(n, http.MethodPost, action)
				continue
			}
			path, _, _ := strings.Cut(action, "?")
			follow(n, http.MethodGet, path+"?"+asSent(n).Encode())
		case "button", "input":
			if action, there := attribute(n, "formaction"); there {
				follow(n, http.MethodPost, action)
			}
		case "link", "script", "img", "source", "image", "use":
			for _, name := range []string{"href", "src"} {
				if address, there := attribute(n, name); there && !strings.HasPrefix(address, "#") {
					c.asset(t, from, base, address)
				}
			}
		}
	}
	return pages
}

// asset checks something that a page loads.
func (c *crawler) asset(t *testing.T, from string, base *url.URL, address string) {
	t.Helper()
	to, err := base.Parse(address)
	if err != nil || to.Scheme+"://"+to.Host != c.instance.origin {
		if err != nil || to.Scheme != "data" {
			t.Errorf("%s loads %q, want our own origin", from, address)
		}
		return
	}
	if c.seen[to.Path] {
		return
	}
	c.seen[to.Path] = true
	if a := c.instance.get(t, to.RequestURI()); a.status != http.StatusOK {
		t.Errorf("%s loads %s: got %v", from, to.Path, a)
	}
}

// noSecret looks for the secrets in an answer.
func (c *crawler) noSecret(t *testing.T, target string, a answer) {
	t.Helper()
	for name, secret := range c.secrets {
		if strings.Contains(a.body, secret) || strings.Contains(html.UnescapeString(a.body), secret) {
			t.Errorf("%s shows the %s", target, name)
		}
		for header, values := range a.header {
			if header != "Set-Cookie" && strings.Contains(strings.Join(values, " "), secret) {
				t.Errorf("%s has the %s in its header %s", target, name, header)
			}
		}
	}
}

// checkHeaders holds a page to the strict headers.
func checkHeaders(t *testing.T, target string, a answer) {
	t.Helper()
	for name, want := range map[string]string{
		"Cache-Control": "no-store", "Referrer-Policy": "no-referrer", "X-Content-Type-Options": "nosniff",
		"Cross-Origin-Opener-Policy": "same-origin",
	} {
		if got := a.header.Get(name); got != want {
			t.Errorf("%s: got %s %q, want %q", target, name, got, want)
		}
	}
	policy := a.header.Get("Content-Security-Policy")
	for _, want := range []string{"default-src 'none'", "script-src 'self'", "style-src 'self'", "frame-ancestors 'none'", "base-uri 'none'"} {
		if !strings.Contains(policy, want) {
			t.Errorf("%s: got policy %q, want %s", target, policy, want)
		}
	}
	for _, loose := range []string{"unsafe", "*", "http:", "https:"} {
		if strings.Contains(policy, loose) {
			t.Errorf("%s: got policy %q, want it without %s", target, policy, loose)
		}
	}
}

// checkDocument holds a page to what readers of all kinds go by.
func checkDocument(t *testing.T, target string, document *html.Node) {
	t.Helper()
	ids, labels, counts := map[string]bool{}, map[string]bool{}, map[string]int{}
	for n := range document.Descendants() {
		if n.Type != html.ElementNode {
			continue
		}
		if n.Namespace == "" { // pictures have titles of their own
			counts[n.Data]++
		}
		if id, there := attribute(n, "id"); there {
			if ids[id] || id == "" || strings.ContainsAny(id, " \t\n") {
				t.Errorf("%s: got the id %q twice, empty or with a space", target, id)
			}
			ids[id] = true
		}
		if of, there := attribute(n, "for"); there && n.Data == "label" {
			labels[of] = true
		}
	}
	for _, once := range []string{"h1", "main", "title"} {
		if counts[once] != 1 {
			t.Errorf("%s: got %d <%s>, want 1", target, counts[once], once)
		}
	}
	for n := range document.Descendants() {
		if n.Type != html.ElementNode {
			continue
		}
		for _, a := range n.Attr {
			switch a.Key {
			case "aria-labelledby", "aria-describedby", "aria-controls", "for", "data-copy", "list":
				for id := range strings.FieldsSeq(a.Val) {
					if !ids[id] {
						t.Errorf("%s: <%s %s> names %q, which is not there", target, n.Data, a.Key, id)
					}
				}
			case "style":
				t.Errorf("%s: got <%s style>, want styles in the sheet", target, n.Data)
			}
			if strings.HasPrefix(a.Key, "on") || strings.HasPrefix(strings.ToLower(strings.TrimSpace(a.Val)), "javascript:") {
				t.Errorf("%s: got <%s %s=%q>, want no script", target, n.Data, a.Key, a.Val)
			}
		}
		kind, _ := attribute(n, "type")
		switch {
		case n.Data == "script" && n.FirstChild != nil, n.Data == "style", n.Data == "iframe", n.Data == "base":
			t.Errorf("%s: got a <%s> in the page, want none", target, n.Data)
		case n.Data == "select", n.Data == "textarea", n.Data == "progress", n.Data == "meter", n.Data == "input" && kind != "hidden":
			id, _ := attribute(n, "id")
			_, labelled := attribute(n, "aria-labelledby")
			label, _ := attribute(n, "aria-label")
			if !labels[id] && !labelled && label == "" && n.Parent.Data != "label" {
				t.Errorf("%s: got <%s> without a label", target, n.Data)
			}
		case n.Data == "button":
			if kind == "" {
				t.Errorf("%s: got a <button> that does not say its type", target)
			}
		}
	}
}

// asSent is what a browser sends of a form that nobody has filled in.
func asSent(form *html.Node) url.Values {
	values := url.Values{}
	for n := range form.Descendants() {
		name, named := attribute(n, "name")
		if n.Type != html.ElementNode || !named {
			continue
		}
		value, _ := attribute(n, "value")
		kind, _ := attribute(n, "type")
		_, checked := attribute(n, "checked")
		switch n.Data {
		case "input":
			if kind != "submit" && (kind != "checkbox" && kind != "radio" || checked) {
				values.Add(name, value)
			}
		case "textarea":
			values.Add(name, "")
		case "select":
			first := true
			for option := range n.Descendants() {
				if option.Data != "option" {
					continue
				}
				value, _ := attribute(option, "value")
				if _, selected := attribute(option, "selected"); selected || first {
					values.Set(name, value)
					first = false
				}
			}
		}
	}
	return values
}

func attribute(n *html.Node, name string) (value string, there bool) {
	for _, a := range n.Attr {
		if a.Key == name {
			return a.Val, true
		}
	}
	return "", false
}

func byID(document *html.Node, id string) *html.Node {
	for n := range document.Descendants() {
		if got, there := attribute(n, "id"); there && got == id {
			return n
		}
	}
	return nil
}

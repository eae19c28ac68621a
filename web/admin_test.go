package web

import (
	"bytes"
	"html/template"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/html"
)

// specimen is a page with every component once.
type specimen struct {
	Frame
	Many    int64
	Few     int
	Age     time.Duration
	At      time.Time
	Never   *time.Time
	Pager   Pager
	Filters []Field
	Fields  []Field
	Confirm Confirm
}

func newSpecimen(s string) specimen {
	options := []Option{{Value: "a", Label: s, Hint: s, Chosen: true}, {Value: "b", Label: "Other"}}
	fields := []Field{
		{Name: "email", Label: s, Hint: s, Value: s, Fault: s, Type: "email", Autocomplete: "username", Required: true},
		{Name: "secret", Label: "Secret", Type: "password", Fault: s},
		{Name: "age", Label: "Longest age", Hint: "In seconds.", Value: "180", Type: "number"},
		{Name: "landing", Label: "Landing page", Type: "url"},
		{Name: "at", Label: "At", Type: "datetime-local"},
		{Name: "key", Label: "Public key", Hint: s, Value: "\n" + s, Fault: s, Type: "textarea"},
		{Name: "policy", Label: "Policy", Hint: "What to do.", Type: "select", Options: options},
		{Name: "policy", Form: "other", Label: "Policy", Hint: "What to do.", Fault: s, Type: "radio", Options: options},
		{Name: "scope", Label: "Scopes", Type: "checkbox", Options: options},
		{Name: "create", Label: "Make users", Hint: "At their first sign-in.", Type: "checkbox", Checked: true},
	}
	return specimen{
		Frame: Frame{Title: "Specimen", Tenant: s, Actor: s, Role: "owner", Notice: s, Nav: []NavItem{
			{Label: "Overview", Path: "/admin", Current: true},
			{Label: "Integrations", Path: "/admin/integrations"},
		}},
		Many: 1234567, Few: 42, Age: 200 * time.Second, At: time.Date(2026, 11, 22, 14, 3, 7, 0, time.UTC),
		Pager: Pager{First: "/admin", Next: "/admin?after=x"}, Confirm: Confirm{Word: s, Fault: s},
		Filters: []Field{
			{Name: "q", Label: "E-mail or reference", Type: "search"},
			{Name: "q", Form: "select", Label: "Outcome", Type: "select", Options: options},
		},
		Fields: fields,
	}
}

func renderSpecimen(t *testing.T, page specimen) string {
	t.Helper()
	parsed, err := template.New("layout.html").Funcs(functions()).
		ParseFS(templateFiles, "templates/admin/layout.html", "templates/admin/components.html")
	if err == nil {
		parsed, err = parsed.ParseFiles("testdata/specimen.html")
	}
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	if err := parsed.Execute(&b, page); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// checkLabels reports controls that nothing names.
func checkLabels(t *testing.T, page any, nodes []*html.Node) {
	t.Helper()
	labelled := map[string]bool{}
	for _, n := range nodes {
		if n.Data == "label" {
			labelled[attr(n, "for")] = true
		}
	}
	for _, n := range nodes {
		control := n.Data == "select" || n.Data == "textarea" || n.Data == "progress" ||
			n.Data == "input" && attr(n, "type") != "hidden"
		if control && !labelled[attr(n, "id")] && attr(n, "aria-label") == "" && attr(n, "aria-labelledby") == "" && n.Parent.Data != "label" {
			t.Errorf("%T: got <%s name=%q> without a label", page, n.Data, attr(n, "name"))
		}
	}
}

// checkAdminPage is checkElements for a page whose only script is ours.
func checkAdminPage(t *testing.T, page any, doc *html.Node) {
	t.Helper()
	nodes := elements(doc)
	for _, once := range []string{"h1", "main", "title", "header"} {
		got := count(doc, once)
		if once == "title" { // those in pictures do not count
			got = count(find(t, doc, "head"), once)
		}
		if got != 1 {
			t.Errorf("%T: got %d <%s>, want 1", page, got, once)
		}
	}
	for _, banned := range []string{"style", "iframe", "object", "embed", "base"} {
		if got := count(doc, banned); got != 0 {
			t.Errorf("%T: got %d <%s>, want none", page, got, banned)
		}
	}
	for _, n := range nodes {
		if n.Data == "script" && (attr(n, "src") == "" || n.FirstChild != nil) {
			t.Errorf("%T: got an inline script, want none", page)
		}
		scrolls := n.Data == "pre" || attr(n, "class") == "scroll"
		if scrolls && attr(n, "tabindex") != "0" {
			t.Errorf("%T: got <%s id=%q> that scrolls, want it to be reached by keyboard", page, n.Data, attr(n, "id"))
		}
	}
	checkElements(t, page, nodes)
	checkLabels(t, page, nodes)
}

// unfilled is an empty page whose form's fields have names.
func unfilled(page Page) Page {
	v := reflect.New(reflect.TypeOf(page)).Elem()
	v.Set(reflect.ValueOf(page))
	count := 0
	var name func(v reflect.Value)
	name = func(v reflect.Value) {
		if v.Kind() != reflect.Struct {
			return
		}
		for i := range v.NumField() {
			name(v.Field(i))
		}
		if field, ok := v.Addr().Interface().(*Field); ok {
			count++
			field.Name = "name" + strconv.Itoa(count)
		}
	}
	name(v)
	return v.Interface().(Page)
}

func TestEveryAdminPage(t *testing.T) {
	t.Parallel()
	for _, empty := range adminPages() {
		for _, page := range []Page{unfilled(empty), filled(empty, "plain")} {
			checkAdminPage(t, page, parse(t, render(t, page)))
		}
	}
}

// A04, for the admin: what partners and people have typed is only ever text.
func TestHostileTextInAdmin(t *testing.T) {
	t.Parallel()
	for _, page := range adminPages() {
		want := skeleton(parse(t, render(t, filled(page, "plain"))))
		for _, s := range hostile {
			checkHostile(t, page, s, want, parse(t, render(t, filled(page, s))))
		}
	}
}

func TestComponents(t *testing.T) {
	t.Parallel()
	plain := parse(t, renderSpecimen(t, newSpecimen("plain")))
	checkAdminPage(t, specimen{}, plain)
	for _, s := range hostile {
		checkHostile(t, specimen{}, s, skeleton(plain), parse(t, renderSpecimen(t, newSpecimen(s))))
	}

	byID := map[string]*html.Node{}
	for _, n := range elements(plain) {
		byID[attr(n, "id")] = n
	}
	for id, want := range map[string]string{
		"field-email":          "aria-describedby=field-email-fault field-email-hint aria-invalid=true autocomplete=username required= type=email value=plain",
		"field-secret":         "aria-describedby=field-secret-fault aria-invalid=true type=password",
		"field-age":            "aria-describedby=field-age-hint type=number value=180",
		"field-landing":        "type=url",
		"field-at":             "type=datetime-local",
		"field-policy":         "aria-describedby=field-policy-hint",
		"field-other-policy-0": "aria-describedby=field-other-policy-0-hint checked= type=radio value=a",
		"field-scope-1":        "type=checkbox value=b",
		"field-create":         "aria-describedby=field-create-hint checked= type=checkbox value=on",
		"field-confirm":        "aria-describedby=field-confirm-fault aria-invalid=true autocomplete=off required= type=text",
	} {
		n := byID[id]
		if n == nil {
			t.Errorf("got no element %q", id)
			continue
		}
		var got []string
		for _, a := range n.Attr {
			if !slices.Contains([]string{"id", "name", "spellcheck", "autocapitalize"}, a.Key) && (a.Key != "value" || a.Val != "") {
				got = append(got, a.Key+"="+a.Val)
			}
		}
		slices.Sort(got)
		if text := strings.Join(got, " "); text != want {
			t.Errorf("%s: got %s, want %s", id, text, want)
		}
	}
	// HTML drops the first line break of a textarea: what was sent must survive.
	if got, want := text(byID["field-key"]), "\nplain"; got != want {
		t.Errorf("textarea: got %q, want %q", got, want)
	}
	got := strings.Join(strings.Fields(text(find(t, plain, "main"))), " ")
	for _, want := range []string{"1,234,567", "3 min 20 s", "22 Nov 2026 14:03:07 UTC", "never", "To go ahead, type plain", "To the first page Next page"} {
		if !strings.Contains(got, want) {
			t.Errorf("got %q, want it to hold %q", got, want)
		}
	}
}

// Before sign-in there is nothing to navigate, and nobody to sign out.
func TestPageWithoutNavigation(t *testing.T) {
	t.Parallel()
	page := newSpecimen("plain")
	page.Nav = nil
	doc := parse(t, renderSpecimen(t, page))
	for _, n := range elements(doc) {
		if attr(n, "class") == "sections" || attr(n, "action") == "/admin/sign-out" {
			t.Errorf("got <%s class=%q action=%q>, want neither navigation nor signing out", n.Data, attr(n, "class"), attr(n, "action"))
		}
	}
	if got, want := attr(find(t, doc, "body"), "class"), "admin plain"; got != want {
		t.Errorf("got body class %q, want %q", got, want)
	}
}

func TestSpan(t *testing.T) {
	t.Parallel()
	for d, want := range map[time.Duration]string{
		0: "0 s", 300 * time.Microsecond: "under 1 ms", 340 * time.Millisecond: "340 ms", 2 * time.Second: "2 s",
		2500 * time.Millisecond: "2.5 s", 42 * time.Second: "42 s", 200 * time.Second: "3 min 20 s", 3 * time.Minute: "3 min",
		26 * time.Hour: "1 d 2 h", 90 * 24 * time.Hour: "90 d", -3 * time.Second: "−3 s", -90 * time.Minute: "−1 h 30 min",
		24*time.Hour + 30*time.Second: "1 d",
	} {
		if got := span(d); got != want {
			t.Errorf("span(%v): got %q, want %q", d, got, want)
		}
	}
}

func TestNumber(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		n    any
		want string
	}{
		{0, "0"}, {999, "999"}, {1000, "1,000"}, {int64(1234567), "1,234,567"}, {-1000, "−1,000"}, {-100, "−100"}, {int8(7), "7"},
	} {
		if got, err := number(tt.n); err != nil || got != tt.want {
			t.Errorf("number(%v): got %q, %v, want %q", tt.n, got, err, tt.want)
		}
	}
	if got, err := number("7"); err == nil {
		t.Errorf("number of a string: got %q, want an error", got)
	}
}

func TestWhen(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 11, 22, 1, 2, 3, 456e6, time.FixedZone("", 3600))
	const want = `<time datetime="2026-11-22T00:02:03.456Z">22 Nov 2026 00:02:03 UTC</time>`
	for _, v := range []any{at, &at} {
		if got, err := when(v); err != nil || string(got) != want {
			t.Errorf("when(%v): got %q, %v, want %q", v, got, err, want)
		}
	}
	for _, v := range []any{time.Time{}, (*time.Time)(nil)} {
		if got, err := when(v); err != nil || got != "never" {
			t.Errorf("when(%v): got %q, %v, want never", v, got, err)
		}
	}
	if got, err := when("now"); err == nil {
		t.Errorf("when of a string: got %q, want an error", got)
	}
}

func TestInputType(t *testing.T) {
	t.Parallel()
	if got, err := inputType("image"); err == nil {
		t.Errorf("got %q, want an error for a type that no field has", got)
	}
}

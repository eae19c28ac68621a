package main

import (
	"flag"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"

	"usher/testenv"
)

// screens makes the tests in a browser keep pictures of every page:
//
//	go test ./server -run TestEveryPageInBrowser -screens /tmp/screens
var screens = flag.String("screens", "", "the folder for pictures of every page of the admin")

// pictureName is a page's address without what differs from run to run.
func pictureName(target string) string {
	name := regexp.MustCompile(`[0-9a-f]{8}-[0-9a-f-]{27}`).ReplaceAllString(strings.Trim(target, "/"), "ID")
	return name[:min(len(name), 80)]
}

// TestEveryPageInBrowser holds every page of the admin, populated and empty,
// in both themes, on a desk and on a phone, to axe's rules.
func TestEveryPageInBrowser(t *testing.T) {
	t.Parallel()
	if !testenv.HasChromium() {
		return // said aloud by testenv; required under "make test"
	}
	if *screens != "" {
		if err := os.MkdirAll(*screens, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	t.Run("populated", func(t *testing.T) {
		t.Parallel()
		i := launch(t, embeddedWorld(t))
		everyPageIsGood(t, i, crawl(t, i, i.owner(t), inhabit(t, i), "/admin"), "")
	})
	t.Run("empty", func(t *testing.T) {
		t.Parallel()
		i := launch(t, embeddedWorld(t))
		everyPageIsGood(t, i, crawl(t, i, i.owner(t), nil, "/admin"), "empty~")
	})
	t.Run("before sign-in", func(t *testing.T) {
		t.Parallel()
		i := launch(t, embeddedWorld(t))
		everyPageIsGood(t, i, crawl(t, i, "X-Nobody: 1", nil, beforeSignIn(i)...), "")
		i.owner(t)
		everyPageIsGood(t, i, crawl(t, i, "X-Nobody: 1", nil, strings.TrimPrefix(i.invite(t, "viewer"), i.origin)), "")
	})
}

// everyPageIsGood looks at the pages that a crawl has found: of a route with
// many, at two.
func everyPageIsGood(t *testing.T, i *instance, c *crawler, prefix string) {
	t.Helper()
	w := openWindow(t, i)
	w.signIn(t, c.as)
	looked := map[string]int{}
	for _, v := range c.pages {
		if looked[v.route]++; looked[v.route] > 2 {
			continue
		}
		w.open(t, v.target)
		w.isGoodAllOver(t, v.target, prefix+pictureName(v.target))
	}
}

// focused says what has the focus, and whether it can be seen that it has.
type focused struct {
	Tag, Text, Area string
	Seen            bool
}

// mostStops are gone to on each page: enough to be in the middle of it.
const mostStops = 50

const whatHasFocus = `(() => {
const n = document.activeElement, s = getComputedStyle(n), box = n.getBoundingClientRect();
return {
	Tag: n.tagName.toLowerCase(), Text: (n.textContent || n.name || "").trim().slice(0, 40),
	Area: n.closest("main") ? "main" : n.closest("nav") ? "nav" : n.closest("header") ? "header" : "",
	Seen: s.outlineStyle !== "none" && parseFloat(s.outlineWidth) >= 2 && box.width > 0 && box.height > 0 && box.bottom > 0,
};
})()`

// TestKeyboard walks through every page with the Tab key alone: the skip link
// comes first, then the navigation, then the page; each shows its focus.
func TestKeyboard(t *testing.T) {
	t.Parallel()
	if !testenv.HasChromium() {
		return
	}
	i := launch(t, embeddedWorld(t))
	c := crawl(t, i, i.owner(t), inhabit(t, i), "/admin")
	w := openWindow(t, i)
	w.signIn(t, c.as)
	looked := map[string]bool{}
	for _, v := range c.pages {
		if looked[v.route] {
			continue
		}
		looked[v.route] = true
		w.open(t, v.target)
		controls := eval[int](t, w, `[...document.querySelectorAll("a[href], button, input:not([type=hidden]), select, textarea, summary, [tabindex='0']")].filter(n => n.checkVisibility() && !n.disabled && !n.closest("details:not([open]) > :not(summary)")).length`)
		var areas []string
		for n := range min(controls, mostStops) {
			w.do(t, "tab", chromedp.KeyEvent("\t"))
			f := eval[focused](t, w, whatHasFocus)
			if n == 0 && f.Text != "To the content" {
				t.Errorf("%s: got the focus on %+v first, want the skip link", v.target, f)
			}
			if f.Tag == "body" { // radio buttons of a group share one stop
				break
			}
			if !f.Seen {
				t.Errorf("%s: got %+v without an outline, want the focus seen", v.target, f)
			}
			if !slices.Contains(areas, f.Area) {
				areas = append(areas, f.Area)
			}
		}
		want := []string{"", "header", "nav"}
		if eval[int](t, w, `document.querySelectorAll("main :is(a[href], button, input:not([type=hidden]), select, textarea, summary)").length`) > 0 {
			want = append(want, "main")
		}
		if !slices.Equal(areas, want) {
			t.Errorf("%s: got the focus through %q, want %q", v.target, areas, want)
		}

		// The skip link does what it says.
		w.open(t, v.target)
		w.do(t, "skip", chromedp.KeyEvent("\t"), chromedp.KeyEvent("\r"))
		if err := until(w.browser, `document.activeElement.id === "main"`); err != nil {
			t.Errorf("%s: got the focus on %+v after the skip link, want main (%v)", v.target, eval[focused](t, w, whatHasFocus), err)
		}
	}
}

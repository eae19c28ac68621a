package web

import (
	"fmt"
	"maps"
	"math"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

func stylesheet(t *testing.T, name string) string {
	t.Helper()
	content, err := assetFiles.ReadFile("assets/" + name)
	if err != nil {
		t.Fatalf("read %s: %v", name, err)
	}
	return string(content)
}

func TestStylesheetStaysSmall(t *testing.T) {
	t.Parallel()
	if got := len(stylesheet(t, "usher.css")); got > 8<<10 {
		t.Errorf("usher.css: got %d bytes, want at most %d", got, 8<<10)
	}
	for _, name := range []string{"usher.css", "demo.css", "admin.css", "embed.css"} {
		for _, foreign := range []string{"@import", "url(", "http"} {
			if strings.Contains(stylesheet(t, name), foreign) {
				t.Errorf("%s: got %q, want a sheet that loads nothing", name, foreign)
			}
		}
	}
}

// Text must stand out from what lies behind it by 4.5 to 1 (WCAG 2.2, 1.4.3),
// in each of the sites' colours, by day and by night.
func TestContrast(t *testing.T) {
	t.Parallel()
	day, night := schemes(t, "usher.css", ":root")
	for _, site := range []string{"", ".lumen", ".atrium"} {
		light, dark := maps.Clone(day), maps.Clone(night)
		if site != "" {
			l, d := schemes(t, "demo.css", site)
			maps.Copy(light, l)
			maps.Copy(dark, d)
		}
		for name, colours := range map[string]map[string]string{"light": light, "dark": dark} {
			for _, pair := range [][2]string{
				{"ink", "paper"},
				{"ink", "card"},
				{"ink", "chip"},
				{"ink", "glow"},
				{"soft", "paper"},
				{"soft", "card"},
				{"soft", "chip"},
				{"soft", "glow"},
				{"accent", "paper"},
				{"accent", "card"},
				{"accent", "chip"},
				{"accent", "glow"},
				{"accent-deep", "card"},
				{"accent-deep", "chip"},
				{"accent-deep", "glow"},
				{"on-accent", "accent"},
				{"on-accent", "accent-deep"},
				{"good", "card"},
				{"bad", "card"},
			} {
				if got := contrast(t, colours[pair[0]], colours[pair[1]]); got < 4.5 {
					t.Errorf("%s%s: %s on %s: got %.2f to 1, want at least 4.5", name, site, pair[0], pair[1], got)
				}
			}
		}
	}
}

// TestAdminContrast: the words of a state on its own tint, text on what is sunk,
// and the edges of fields, which need 3 to 1 (1.4.11).
func TestAdminContrast(t *testing.T) {
	t.Parallel()
	light, dark := schemes(t, "usher.css", ":root")
	day, night := schemes(t, "admin.css", ":root")
	maps.Copy(light, day)
	maps.Copy(dark, night)
	for name, colours := range map[string]map[string]string{"light": light, "dark": dark} {
		for _, pair := range []struct {
			text, behind string
			least        float64
		}{
			{"good", "good-tint", 4.5},
			{"bad", "bad-tint", 4.5},
			{"warn", "warn-tint", 4.5},
			{"warn", "card", 4.5},
			{"ink", "good-tint", 4.5},
			{"ink", "bad-tint", 4.5},
			{"ink", "warn-tint", 4.5},
			{"accent", "good-tint", 4.5},
			{"accent", "bad-tint", 4.5},
			{"accent", "warn-tint", 4.5},
			{"ink", "sunk", 4.5},
			{"soft", "sunk", 4.5},
			{"accent", "sunk", 4.5},
			{"card", "bad", 4.5},
			{"field", "card", 3},
			{"field", "paper", 3},
			{"bad", "card", 3},
			{"accent", "card", 3},
		} {
			if got := contrast(t, colours[pair.text], colours[pair.behind]); got < pair.least {
				t.Errorf("%s: %s on %s: got %.2f to 1, want at least %.1f", name, pair.text, pair.behind, got, pair.least)
			}
		}
	}
}

// schemes are the colours that the selector's blocks set: the first in the
// sheet by day, the second, over it, by night.
func schemes(t *testing.T, sheet, selector string) (light, dark map[string]string) {
	t.Helper()
	blocks := regexp.MustCompile(regexp.QuoteMeta(selector)+`\s*\{([^}]*)\}`).FindAllStringSubmatch(stylesheet(t, sheet), -1)
	if len(blocks) != 2 {
		t.Fatalf("%s: got %d blocks for %s, want 2", sheet, len(blocks), selector)
	}
	light, dark = make(map[string]string), make(map[string]string)
	colour := regexp.MustCompile(`--([a-z-]+):\s*(#[0-9a-f]{6})\s*;`)
	for i, block := range blocks {
		for _, m := range colour.FindAllStringSubmatch(block[1], -1) {
			if i == 0 {
				light[m[1]] = m[2]
			}
			dark[m[1]] = m[2]
		}
	}
	return light, dark
}

// contrast is the ratio of two colours' luminances (WCAG 2.2, definitions).
func contrast(t *testing.T, a, b string) float64 {
	t.Helper()
	x, y := luminance(t, a), luminance(t, b)
	return (max(x, y) + 0.05) / (min(x, y) + 0.05)
}

func luminance(t *testing.T, colour string) float64 {
	t.Helper()
	if len(colour) != 7 {
		t.Fatalf("got the colour %q, want #rrggbb", colour)
	}
	sum := 0.0
	for i, weight := range []float64{0.2126, 0.7152, 0.0722} {
		n, err := strconv.ParseUint(colour[1+2*i:3+2*i], 16, 8)
		if err != nil {
			t.Fatal(fmt.Errorf("colour %q: %w", colour, err))
		}
		c := float64(n) / 255
		if c <= 0.04045 {
			c /= 12.92
		} else {
			c = math.Pow((c+0.055)/1.055, 2.4)
		}
		sum += weight * c
	}
	return sum
}

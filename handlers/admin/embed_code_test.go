package admin

import (
	"html"
	"strings"
	"testing"

	"usher/provisioning"
)

// TestEmbedCode: a title cannot end the script or the attribute that it is in.
func TestEmbedCode(t *testing.T) {
	t.Parallel()
	r := provisioning.Resource{Kind: "vote", ID: "1", Title: `</script><script>alert("x")</script> & 'y' \`}
	script := embedScript(r, "https://usher.example", "app")
	if n := strings.Count(script, "</script>"); n != 2 {
		t.Errorf("got %d ends of scripts in\n%s\nwant 2", n, script)
	}
	for _, part := range []string{
		`src="https://usher.example/embed/usher-embed.js"`, `kind: "vote"`, `id: "1"`, `appId: "app"`,
		`title: "\u003c/script\u003e\u003cscript\u003ealert(\"x\")\u003c/script\u003e \u0026 'y' \\"`,
	} {
		if !strings.Contains(script, part) {
			t.Errorf("got\n%s\nwithout %s", script, part)
		}
	}
	frame := embedFrame(r, "https://usher.example/embed/vote/1?appId=app")
	_, title, _ := strings.Cut(frame, `title="`)
	title, _, _ = strings.Cut(title, `"`)
	if html.UnescapeString(title) != r.Title || strings.Count(frame, "<") != 2 || !strings.Contains(frame, "appId=app&amp;user=TOKEN") {
		t.Errorf("got %s, want the title in its attribute", frame)
	}
}

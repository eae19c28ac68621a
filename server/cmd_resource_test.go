package main

import (
	"encoding/json"
	"strings"
	"testing"
)

// TestResourcesByCommands adds, lists, changes and deletes them.
func TestResourcesByCommands(t *testing.T) {
	eachWorld(t, func(t *testing.T, w world) {
		installed, _ := command(t, w, exitOK, "integration", "install", "--name", "Lumen", "--content-origin", "https://content.example")
		app := field(t, installed, "App id")
		refused := func(says string, args ...string) {
			t.Helper()
			if _, stderr := command(t, w, exitUsage, append([]string{"resource"}, args...)...); !strings.Contains(stderr, says) {
				t.Errorf("%q: got %q, want it to say %q", args, stderr, says)
			}
		}
		refused("title", "add", "vote/1", "--integration", app)
		refused("integration", "add", "vote/1", "--title", "One")
		refused("kind", "add", "Vote/1", "--title", "One", "--integration", app)
		refused("KIND/ID", "add", "vote/", "--title", "One", "--integration", app)
		refused("content", "add", "vote/1", "--title", "One", "--integration", app, "--content", "https://evil.example/")
		refused("KIND/ID", "show", "vote")
		added, _ := command(t, w, exitOK, "resource", "add", "vote/1", "--title", "One", "--integration", app, "--content", "https://content.example/1", "--restricted")
		for _, part := range []string{"vote/1", "Lumen", "/embed/vote/1?appId=" + app, "https://content.example/1", "the owner's people"} {
			if !strings.Contains(added, part) {
				t.Errorf("got\n%s\nwithout %q", added, part)
			}
		}
		command(t, w, exitOK, "resource", "add", "vote", "--title", "Two", "--integration", app)

		refused("--title", "change", "vote/1")
		changed, _ := command(t, w, exitOK, "resource", "change", "vote/1", "--restricted=false", "--content=", "--json")
		var r resource
		if err := json.Unmarshal([]byte(changed), &r); err != nil || r.Restricted || r.Content != nil || r.Title != "One" || r.Integration == "" {
			t.Errorf("got %s, error %v, want it open, with the built-in page and the title kept", changed, err)
		}
		list, _ := command(t, w, exitOK, "resource", "list", "--kind", "vote", "--json")
		if lines := strings.Split(strings.TrimSpace(list), "\n"); len(lines) != 2 || !strings.Contains(list, `"id":"1"`) {
			t.Errorf("got\n%s\nwant two resources", list)
		}
		command(t, w, exitNotFound, "resource", "show", "vote/none")
		refused(`--confirm "vote/1"`, "delete", "vote/1")
		command(t, w, exitOK, "resource", "delete", "vote/1", "--confirm", "vote/1")
		command(t, w, exitNotFound, "resource", "show", "vote/1")
	})
}

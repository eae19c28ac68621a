package main

import (
	"strings"
	"testing"
)

// TestTenantsByCommands lists, adds and changes them, and refuses what the
// admin refuses.
func TestTenantsByCommands(t *testing.T) {
	eachWorld(t, func(t *testing.T, w world) {
		refused := func(says string, args ...string) {
			t.Helper()
			if _, stderr := command(t, w, exitUsage, append([]string{"tenant"}, args...)...); !strings.Contains(stderr, says) {
				t.Errorf("%q: got %q, want it to say %q", args, stderr, says)
			}
		}
		refused(`--confirm "Default"`, "add", "--name", "Acme", "--tenant-host", "acme.example")
		refused("localhost", "add", "--name", "Acme", "--tenant-host", "localhost", "--confirm", "Default")
		refused("port", "add", "--name", "Acme", "--tenant-host", "acme.example:443", "--confirm", "Default")
		refused("hosts", "add", "--name", "Acme", "--confirm", "Default")
		added, _ := command(t, w, exitOK, "tenant", "add", "--name", "Acme", "--tenant-host", "Acme.Example,b.example", "--confirm", "Default")
		id := field(t, added, "Id")

		refused("--name", "change", id)
		refused("127.0.0.1", "change", id, "--tenant-host", "127.0.0.1")
		refused("only one", "change", id, "--tenant-host=")
		command(t, w, exitNotFound, "tenant", "change", "nothing", "--name", "X")
		changed, _ := command(t, w, exitOK, "tenant", "change", id, "--name", "Acme Ltd")
		if !strings.Contains(changed, "acme.example b.example") {
			t.Errorf("got\n%s\nafter another name, want the hosts kept", changed)
		}
		command(t, w, exitOK, "tenant", "change", id, "--tenant-host", "c.example")
		list, _ := command(t, w, exitOK, "tenant", "list")
		for _, part := range []string{"Default", "that of the public URL", id, "Acme Ltd", "c.example"} {
			if !strings.Contains(list, part) {
				t.Errorf("got\n%s\nwithout %q", list, part)
			}
		}
		if strings.Contains(list, "b.example") {
			t.Errorf("got a host that was taken away:\n%s", list)
		}
		// A third needs no confirmation.
		command(t, w, exitOK, "tenant", "add", "--name", "Third", "--tenant-host", "third.example")
	})
}

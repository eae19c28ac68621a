package main

import (
	"encoding/json"
	"os/exec"
	"strings"
	"testing"
)

// TestLibcIsTheOneThatSQLiteWasTestedWith guards a coupling that the
// documentation of modernc.org/sqlite calls fragile: its modernc.org/libc must
// be exactly the version that its own go.mod names, and any other library can
// lift that.
func TestLibcIsTheOneThatSQLiteWasTestedWith(t *testing.T) {
	t.Parallel()
	sqlite := goCommand(t, "list", "-m", "-f", "{{.GoMod}}", "modernc.org/sqlite")
	var asked struct {
		Require []struct{ Path, Version string }
	}
	if err := json.Unmarshal([]byte(goCommand(t, "mod", "edit", "-json", sqlite)), &asked); err != nil {
		t.Fatal(err)
	}
	want := ""
	for _, module := range asked.Require {
		if module.Path == "modernc.org/libc" {
			want = module.Version
		}
	}
	got := goCommand(t, "list", "-m", "-f", "{{.Version}}", "modernc.org/libc")
	if got != want || want == "" {
		t.Errorf("got modernc.org/libc %s, want %s: go get modernc.org/libc@%s", got, want, want)
	}
}

func goCommand(t *testing.T, args ...string) string {
	t.Helper()
	output, err := exec.CommandContext(t.Context(), "go", args...).Output()
	if err != nil {
		t.Fatalf("go %s: %v", strings.Join(args, " "), err)
	}
	return strings.TrimSpace(string(output))
}

package main

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"testing"
)

func TestForbidServicesPutsBackWhatWasThere(t *testing.T) {
	t.Parallel()
	const own = "#!/bin/sh\nexit 104\n"
	for _, test := range []struct {
		name          string
		before, saved string // "" means no file
		after         string
	}{
		{name: "no policy", after: ""},
		{name: "the machine's own policy", before: own, after: own},
		{name: "a killed launcher's leftover", before: denyAll, after: ""},
		{name: "a killed launcher's leftover over the machine's own", before: denyAll, saved: own, after: own},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			path := filepath.Join(t.TempDir(), "policy-rc.d")
			for name, text := range map[string]string{path: test.before, path + ".usher-saved": test.saved} {
				if text == "" {
					continue
				}
				if err := writeProgram(name, text); err != nil {
					t.Fatal(err)
				}
			}
			allow, err := forbidServices(path)
			if err != nil {
				t.Fatal(err)
			}
			if got := read(t, path); got != denyAll || !executable(path) {
				t.Errorf("meanwhile: got %q, executable %v, want services denied", got, executable(path))
			}
			if err := allow(); err != nil {
				t.Fatal(err)
			}
			if got := read(t, path); got != test.after {
				t.Errorf("afterwards: got %q, want %q", got, test.after)
			}
			if test.after != "" && !executable(path) {
				t.Error("afterwards: got a policy that cannot run, want it as it was")
			}
			if got := read(t, path+".usher-saved"); got != "" {
				t.Errorf("got a saved file left, %q, want none", got)
			}
		})
	}
}

// read returns "" for a file that is not there.
func read(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		t.Fatal(err)
	}
	return string(text)
}

func TestLockInstallIsHeldByOne(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "lock")
	unlock, err := lockInstall(path)
	if err != nil {
		t.Fatal(err)
	}
	second, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer second.Close()
	if err := syscall.Flock(int(second.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); !errors.Is(err, syscall.EWOULDBLOCK) {
		t.Errorf("while it is held: got %v, want %v", err, syscall.EWOULDBLOCK)
	}
	unlock()
	if err := syscall.Flock(int(second.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		t.Errorf("afterwards: got %v, want the lock", err)
	}

	link := filepath.Join(t.TempDir(), "link")
	if err := os.Symlink(path, link); err != nil {
		t.Fatal(err)
	}
	if _, err := lockInstall(link); err == nil {
		t.Error("got a lock through a symbolic link, want an error")
	}
}

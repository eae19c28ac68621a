package main

import (
	"io"
	"runtime"
	"strings"
	"testing"
)

func TestThreads(t *testing.T) {
	for _, test := range []struct {
		name                string
		environ             []string
		given, cores, wants int
	}{
		{"a thread more than cores", nil, 2, 2, 3},
		{"once", nil, 3, 2, 3},
		{"a container's limit stays", nil, 2, 8, 2},
		{"what the environment says stays", []string{"A=1", "GOMAXPROCS=2"}, 2, 2, 2},
		{"even if it is more", []string{"GOMAXPROCS=64"}, 64, 2, 64},
	} {
		if got := threads(test.environ, test.given, test.cores); got != test.wants {
			t.Errorf("%s: got %d, want %d", test.name, got, test.wants)
		}
	}
	before := runtime.GOMAXPROCS(0)
	defer runtime.GOMAXPROCS(before)
	runtime.GOMAXPROCS(runtime.NumCPU())
	taken, err := listen(t.Context(), "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	environ := []string{"USHER_ENV=development", "USHER_LISTEN=" + taken.Addr().String(), "USHER_DATA_DIR=" + t.TempDir()}
	var said strings.Builder
	// It ends as it cannot listen there.
	if code := run(t.Context(), []string{"serve"}, environ, io.Discard, &said); code != exitFailed || !strings.Contains(said.String(), "USHER_LISTEN") {
		t.Fatalf("got exit code %d, %q, want %d and the address", code, said.String(), exitFailed)
	}
	if got, want := runtime.GOMAXPROCS(0), runtime.NumCPU()+1; got != want {
		t.Errorf("got %d threads while serving, want %d", got, want)
	}
}

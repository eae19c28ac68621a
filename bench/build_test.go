package main

import (
	"os"
	"os/exec"
	"strings"
	"testing"
)

// TestBuildFlags are those with which everybody builds.
func TestBuildFlags(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../Makefile")
	if err != nil {
		t.Fatal(err)
	}
	var words []string
	for _, flag := range buildFlags {
		if strings.Contains(flag, " ") {
			flag = `"` + flag + `"`
		}
		words = append(words, flag)
	}
	if want := "go build " + strings.Join(words, " ") + " -o bin/usher ./server"; !strings.Contains(string(text), want) {
		t.Errorf("got no %q in the Makefile", want)
	}
}

// TestComparisons are no part of ./... and yet have to go with the libraries.
func TestComparisons(t *testing.T) {
	t.Parallel()
	output, err := exec.CommandContext(t.Context(), "go", "vet", "./testdata/ginhello", "./testdata/textbook", "./testdata/profile").CombinedOutput()
	if err != nil {
		t.Errorf("go vet: %v\n%s", err, output)
	}
}

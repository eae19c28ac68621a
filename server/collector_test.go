package main

import (
	"runtime"
	runtimemetrics "runtime/metrics"
	"testing"
)

// TestRelaxCollector: with next to nothing in use, garbage may gather; unless
// the environment says how much.
func TestRelaxCollector(t *testing.T) {
	if kept := (program{environ: []string{"GOGC=50"}}).relaxCollector(); kept != nil {
		t.Errorf("GOGC=50: got %d bytes of our own, want none", len(kept))
	}
	kept := program{}.relaxCollector()
	defer runtime.KeepAlive(kept)
	runtime.GC()
	goal := []runtimemetrics.Sample{{Name: "/gc/heap/goal:bytes"}}
	runtimemetrics.Read(goal)
	if got, want := goal[0].Value.Uint64(), uint64(ballast*(100+garbage)/100); got < want {
		t.Errorf("got a heap of %d bytes before the next collection, want at least %d", got, want)
	}
}

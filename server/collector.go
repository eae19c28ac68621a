package main

import (
	"runtime/debug"
	"slices"
	"strings"
)

const (
	// garbage is how much of it may gather, in percent of what is in use,
	// before it is collected: memory for time.
	garbage = 225
	// ballast is allocated and never touched, so that it takes addresses and no
	// memory. It counts as used all the same: where that is a few MB, the
	// collector would run ten times a second, and so it lets some 17 MB gather.
	ballast = 5 << 20 // bytes
)

// relaxCollector returns what has to be kept as long as it is to hold. GOGC in
// the environment wins; GOMEMLIMIT bounds all of it, as in every Go program.
func (p program) relaxCollector() []byte {
	if sets(p.environ, "GOGC") {
		return nil
	}
	debug.SetGCPercent(garbage)
	return make([]byte, ballast)
}

// sets reports whether the environment has a variable, be it empty.
func sets(environ []string, name string) bool {
	return slices.ContainsFunc(environ, func(variable string) bool { return strings.HasPrefix(variable, name+"=") })
}

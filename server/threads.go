package main

import "runtime"

// addThread lets one goroutine more run at a time than there are cores. Beside a
// database, a Redis or a proxy a thread of ours is without a core now and then, and with
// a thread for each core what it has in hand waits for it, even while a core is idle
// (docs/performance.md). GOMAXPROCS in the environment wins.
func (p program) addThread() {
	given := runtime.GOMAXPROCS(0)
	// Not set to what it is: Go would follow a container's limit no longer.
	if want := threads(p.environ, given, runtime.NumCPU()); want != given {
		runtime.GOMAXPROCS(want)
	}
}

// threads is how many goroutines may run at a time, given how many Go would let. Where
// that is less than the cores, a container's limit has been found, and who uses that up
// early is stopped until the next tenth of a second begins. A limit that Go rounds up to
// all cores (it rounds up, and to two at least) cannot be told from none in this way.
func threads(environ []string, given, cores int) int {
	if given < cores || sets(environ, "GOMAXPROCS") {
		return given
	}
	return cores + 1
}

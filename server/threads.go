package main

import (
	"runtime"
	"strings"
)

// addThread lets one goroutine more run at a time than there are cores. Where
// Usher has the machine's cores to itself this changes little. Beside a database, a
// Redis or a proxy, Linux at times takes a core away from one of our threads for a few
// milliseconds; with a thread for each core what that one had in hand waits for it to
// return, even while another core has nothing to do. GOMAXPROCS in the environment wins.
func (p program) addThread() {
	given := runtime.GOMAXPROCS(0)
	// Not set to what it is: Go would follow a container's limit no longer.
	if want := threads(p.environ, given, runtime.NumCPU()); want != given {
		runtime.GOMAXPROCS(want)
	}
}

// threads is how many goroutines may run at a time, given how many Go would let. Where
// that is less than the cores, a container's limit has been found, and who uses that up
// early is stopped until the next tenth of a second begins.
func threads(environ []string, given, cores int) int {
	for _, variable := range environ {
		if strings.HasPrefix(variable, "GOMAXPROCS=") {
			return given
		}
	}
	if given < cores {
		return given
	}
	return cores + 1
}

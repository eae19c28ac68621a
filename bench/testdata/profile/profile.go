// This file is not part of Usher. With -profile the benchmark adds it to the
// server that it builds, because the real one answers no such wish.
package main

import (
	"bufio"
	"log"
	"os"
	"runtime/pprof"
)

// The first line on standard input starts a CPU profile, the second ends it.
func init() {
	go func() {
		lines := bufio.NewScanner(os.Stdin)
		if !lines.Scan() {
			return
		}
		file, err := os.Create(os.Getenv("BENCH_PROFILE"))
		if err != nil {
			log.Fatal(err)
		}
		if err := pprof.StartCPUProfile(file); err != nil {
			log.Fatal(err)
		}
		lines.Scan()
		pprof.StopCPUProfile()
		if err := file.Close(); err != nil {
			log.Fatal(err)
		}
	}()
}

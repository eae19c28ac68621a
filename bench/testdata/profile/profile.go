// This file is not part of Usher. With -profile the benchmark adds it to the
// server that it builds, because the real one answers no such wish.
package main

import (
	"bufio"
	"log"
	"os"
	"runtime"
	"runtime/pprof"
)

// The first line on standard input starts a CPU profile, the second ends it and
// writes what was allocated since the start of the program beside it.
func init() {
	runtime.MemProfileRate = 16 << 10 // one sample for each 16 KiB
	go func() {
		lines := bufio.NewScanner(os.Stdin)
		if !lines.Scan() {
			return
		}
		path := os.Getenv("BENCH_PROFILE")
		file := create(path)
		if err := pprof.StartCPUProfile(file); err != nil {
			log.Fatal(err)
		}
		lines.Scan()
		allocations := create(path + ".allocs")
		if err := pprof.Lookup("allocs").WriteTo(allocations, 0); err != nil {
			log.Fatal(err)
		}
		closeFile(allocations)
		pprof.StopCPUProfile()
		closeFile(file)
	}()
}

func create(path string) *os.File {
	file, err := os.Create(path)
	if err != nil {
		log.Fatal(err)
	}
	return file
}

func closeFile(file *os.File) {
	if err := file.Close(); err != nil {
		log.Fatal(err)
	}
}

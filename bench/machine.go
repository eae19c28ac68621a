package main

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"time"
)

// ticksPerSecond is the unit of /proc/PID/stat (proc(5), USER_HZ): 100 on
// every architecture that Go runs on.
const ticksPerSecond = 100

// stat is what we need of /proc/PID/stat.
type stat struct {
	parent   int
	own      int64 // user and system ticks
	children int64 // those of children that it has waited for
}

func readStat(text []byte) (stat, error) {
	// The name in parentheses may hold anything, parentheses too.
	fields := strings.Fields(string(text[bytes.LastIndexByte(text, ')')+1:])) // from the state on
	if len(fields) < 15 {
		return stat{}, errors.New("/proc/PID/stat is too short")
	}
	var n [5]int64
	for i, field := range []int{1, 11, 12, 13, 14} { // ppid utime stime cutime cstime
		value, err := strconv.ParseInt(fields[field], 10, 64)
		if err != nil {
			return stat{}, fmt.Errorf("/proc/PID/stat: %w", err)
		}
		n[i] = value
	}
	return stat{parent: int(n[0]), own: n[1] + n[2], children: n[3] + n[4]}, nil
}

// cpuSeconds is the processor time that a process and its children have had,
// those that have ended too. Where there is no /proc it is an error.
func cpuSeconds(pid int) (float64, error) {
	for {
		before, err := statOf(pid)
		if err != nil {
			return 0, err
		}
		ticks := before.own + before.children
		all, err := filepath.Glob("/proc/[0-9]*")
		if err != nil {
			return 0, err
		}
		for _, path := range all {
			number, err := strconv.Atoi(filepath.Base(path))
			if err != nil {
				continue
			}
			// One that ends meanwhile is seen below.
			if child, err := statOf(number); err == nil && child.parent == pid {
				ticks += child.own + child.children
			}
		}
		after, err := statOf(pid)
		if err != nil {
			return 0, err
		}
		if after.children == before.children {
			return float64(ticks) / ticksPerSecond, nil
		}
	}
}

func statOf(pid int) (stat, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return stat{}, err
	}
	return readStat(text)
}

// statusMB reads a size from /proc/PID/status, in MB (10^6 bytes); 0 where
// there is none.
func statusMB(pid int, name string) float64 {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(text)) {
		if rest, ok := strings.CutPrefix(line, name+":"); ok {
			kib, err := strconv.ParseFloat(strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(rest), "kB")), 64)
			if err != nil {
				return 0
			}
			return kib * 1024 / 1e6
		}
	}
	return 0
}

// busyCores is how many processors were busy on average during a moment
// (/proc/stat).
func busyCores(moment time.Duration) (float64, error) {
	before, err := os.ReadFile("/proc/stat")
	if err != nil {
		return 0, err
	}
	time.Sleep(moment)
	after, err := os.ReadFile("/proc/stat")
	if err != nil {
		return 0, err
	}
	total, idle, err := ticksBetween(before, after)
	if err != nil || total == 0 {
		return 0, err
	}
	return float64(runtime.NumCPU()) * (1 - float64(idle)/float64(total)), nil
}

// ticksBetween reads the first line of two /proc/stat: user nice system idle
// iowait and so on.
func ticksBetween(before, after []byte) (total, idle int64, err error) {
	for sign, text := range map[int64][]byte{-1: before, 1: after} {
		line, _, _ := strings.Cut(string(text), "\n")
		fields := strings.Fields(line)
		if len(fields) < 6 || fields[0] != "cpu" {
			return 0, 0, errors.New("/proc/stat: no line of all processors")
		}
		for i, field := range fields[1:min(9, len(fields))] { // guests are counted as users already
			ticks, err := strconv.ParseInt(field, 10, 64)
			if err != nil {
				return 0, 0, fmt.Errorf("/proc/stat: %w", err)
			}
			total += sign * ticks
			if i == 3 || i == 4 {
				idle += sign * ticks
			}
		}
	}
	return total, idle, nil
}

// describe names the machine.
func describe() string {
	parts := []string{fmt.Sprintf("%d CPUs", runtime.NumCPU())}
	if info, err := os.ReadFile("/proc/cpuinfo"); err == nil {
		for line := range strings.Lines(string(info)) {
			if name, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(name) == "model name" {
				parts = append(parts, strings.TrimSpace(value))
				break
			}
		}
	}
	if release, err := fs.ReadFile(os.DirFS("/etc"), "os-release"); err == nil {
		for line := range strings.Lines(string(release)) {
			if name, ok := strings.CutPrefix(line, "PRETTY_NAME="); ok {
				parts = append(parts, strings.Trim(strings.TrimSpace(name), `"`))
			}
		}
	}
	return strings.Join(append(parts, runtime.GOOS+"/"+runtime.GOARCH, runtime.Version()), ", ")
}

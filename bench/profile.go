package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"
)

// overlay writes the file that makes the go command add our profiler to the
// server's package (go help build, -overlay).
func overlay(folder string) (string, error) {
	root, err := os.Getwd()
	if err != nil {
		return "", err
	}
	content, err := json.Marshal(map[string]map[string]string{"Replace": {
		filepath.Join(root, "server", "bench_profile.go"): filepath.Join(root, "bench", "testdata", "profile", "profile.go"),
	}})
	if err != nil {
		return "", err
	}
	path := filepath.Join(folder, "overlay.json")
	return path, os.WriteFile(path, content, 0o600)
}

// profile writes a CPU profile of the server while one row is measured: the
// first one that the options choose, unchanged sign-ins without a choice.
func (s *stand) profile(ctx context.Context) error {
	connections := s.options.connections[len(s.options.connections)-1]
	for _, one := range s.steps() {
		if chosen := s.options.only; chosen == nil && one.row != rowRepeat || chosen != nil && !chosen.MatchString(one.row) {
			continue
		}
		server := one.server
		if server == nil {
			server = s.usher.process
		}
		toggle := func() error { _, err := io.WriteString(server.in, "\n"); return err }
		if err := toggle(); err != nil {
			return err
		}
		measured := make(samples)
		if err := errors.Join(one.measure(ctx, connections, measured), toggle()); err != nil {
			return err
		}
		if err := s.awaitProfile(server); err != nil {
			return err
		}
		rate := median(values(measured[key{one.row, connections}], rateOf))
		say("%s: %s on %d connections, %.0f/s; read it with: go tool pprof -top %s",
			s.options.profile, one.row, connections, rate, s.options.profile)
		return nil
	}
	return errors.New("-only chooses no row that can be profiled")
}

// awaitProfile waits until the file has its content, a moment after the signal.
func (s *stand) awaitProfile(server *process) error {
	for limit := time.Now().Add(stopLimit); time.Now().Before(limit); time.Sleep(20 * time.Millisecond) {
		if info, err := os.Stat(s.options.profile); err == nil && info.Size() > 0 {
			return nil
		}
	}
	return fmt.Errorf("the server wrote no profile: %s", server.lastWords())
}

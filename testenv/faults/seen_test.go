//go:build linux

package faults

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"
)

// seen is what came to a door, by status.
type seen struct {
	mu      sync.Mutex
	count   map[string]map[int]int // by door, by status
	slowest time.Duration
}

func (s *seen) note(door string, a answer) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.count == nil {
		s.count = map[string]map[int]int{}
	}
	if s.count[door] == nil {
		s.count[door] = map[int]int{}
	}
	s.count[door][a.status]++
	s.slowest = max(s.slowest, a.took)
}

// total is how many answers came, or how many with one of the statuses.
func (s *seen) total(statuses ...int) int {
	n := 0
	for _, door := range s.count {
		for status, count := range door {
			if len(statuses) == 0 || slices.Contains(statuses, status) {
				n += count
			}
		}
	}
	return n
}

// String is like "sign-in 303×12 503×3, verify 204×15".
func (s *seen) String() string {
	var parts []string
	for _, door := range []string{"sign-in", "session", "verify", "refresh"} {
		var statuses []int
		for status := range s.count[door] {
			statuses = append(statuses, status)
		}
		slices.Sort(statuses)
		text := door
		for _, status := range statuses {
			text += fmt.Sprintf(" %d×%d", status, s.count[door][status])
		}
		if len(statuses) > 0 {
			parts = append(parts, text)
		}
	}
	return strings.Join(parts, ", ")
}

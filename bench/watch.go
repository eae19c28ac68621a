package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// settleTime is how long the servers may take to see off connections that have
// ended.
const settleTime = 50 * time.Millisecond

// watch runs a measurement and works out what the servers spent on it. server
// is the one that is asked; nil = none of ours.
func (s *stand) watch(server *process, run func() (tally, error)) (sample, error) {
	watched := [3][]int{1: {s.postmaster}, 2: {s.redisPID}}
	if server != nil {
		for _, p := range append([]*process{server}, server.beside...) {
			watched[0] = append(watched[0], p.pid())
		}
	}
	before, err := cpuOf(watched)
	if err != nil {
		return sample{}, err
	}
	t, err := run()
	if err != nil {
		return sample{}, err
	}
	time.Sleep(settleTime)
	after, err := cpuOf(watched)
	if err != nil {
		return sample{}, err
	}
	if t.Counted == 0 || t.Seconds <= 0 {
		return sample{}, errors.New("nothing was measured")
	}
	spent := func(i int) float64 { return (after[i] - before[i]) * 1e6 / float64(t.All) }
	return sample{
		Rate: t.rate(), P50: t.P50, P99: t.P99,
		ServerCPU: spent(0), PostgresCPU: spent(1), RedisCPU: spent(2),
	}, nil
}

// cpuOf sums up the processor seconds of groups of processes.
func cpuOf(groups [3][]int) (seconds [3]float64, err error) {
	for i, pids := range groups {
		for _, pid := range pids {
			one, err := cpuSeconds(pid)
			if err != nil {
				return seconds, err
			}
			seconds[i] += one
		}
	}
	return seconds, nil
}

// heap is what a Go process has allocated so far.
type heap struct{ objects, bytes float64 }

// weigh runs a measurement and works out what the server allocated for each
// request. Asking allocates as well: twice before, it shows how much.
func weigh(ctx context.Context, server *process, run func() (tally, error)) (perRequest heap, err error) {
	first, err := server.heap(ctx)
	if err != nil {
		return heap{}, err
	}
	before, err := server.heap(ctx)
	if err != nil {
		return heap{}, err
	}
	t, err := run()
	if err != nil {
		return heap{}, err
	}
	after, err := server.heap(ctx)
	if err != nil {
		return heap{}, err
	}
	if t.All == 0 {
		return heap{}, errors.New("nothing was measured")
	}
	share := func(first, before, after float64) float64 {
		return max(0, after-before-(before-first)) / float64(t.All)
	}
	return heap{share(first.objects, before.objects, after.objects), share(first.bytes, before.bytes, after.bytes)}, nil
}

// heap reads the counters from the process's metrics.
func (p *process) heap(ctx context.Context) (heap, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+p.metrics+"/metrics", nil)
	if err != nil {
		return heap{}, err
	}
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		return heap{}, err
	}
	defer answer.Body.Close()
	var found heap
	lines := bufio.NewScanner(answer.Body)
	for lines.Scan() {
		name, value, _ := strings.Cut(lines.Text(), " ")
		switch name {
		case "go_memstats_mallocs_total":
			found.objects, err = strconv.ParseFloat(value, 64)
		case "go_memstats_alloc_bytes_total":
			found.bytes, err = strconv.ParseFloat(value, 64)
		}
		if err != nil {
			return heap{}, fmt.Errorf("metrics: %w", err)
		}
	}
	if found.objects == 0 || found.bytes == 0 {
		return heap{}, errors.Join(errors.New("metrics: nothing about the heap"), lines.Err())
	}
	return found, nil
}

package handlers

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gin-gonic/gin"
)

// The addresses of the health checks.
const (
	HealthPath = "/healthz"
	ReadyPath  = "/readyz"
)

// checkTimeout bounds each check of a dependency.
const checkTimeout = time.Second

// Health answers 200 as long as the process serves at all. It asks no store:
// restarting us mends none of them.
func Health(c *gin.Context) {
	c.JSON(http.StatusOK, gin.H{"status": "ok"})
}

// Check asks one dependency whether it can do its work.
type Check struct {
	Name string // shown in the answer
	Ask  func(ctx context.Context) error
}

// Readiness says whether this process should get requests.
type Readiness struct {
	probes   []*probe
	draining atomic.Bool
}

// NewReadiness makes a Readiness that asks the given dependencies. Their
// errors go to the log, when the state changes, and nowhere else.
func NewReadiness(log *slog.Logger, checks ...Check) *Readiness {
	r := new(Readiness)
	for _, check := range checks {
		r.probes = append(r.probes, &probe{check: check, log: log})
	}
	return r
}

// Drain turns readiness off for good, as the process is about to end.
func (r *Readiness) Drain() { r.draining.Store(true) }

// The values of a readiness answer.
const (
	stateOK          = "ok"
	stateUnavailable = "unavailable"
	stateDraining    = "draining"
)

// Ready answers 200 when every dependency does its work, else 503, with the
// state of each: {"status":"unavailable","checks":{"database":"ok",…}}.
func (r *Readiness) Ready(c *gin.Context) {
	ctx, cancel := context.WithTimeout(c.Request.Context(), checkTimeout)
	defer cancel()

	states := make([]string, len(r.probes))
	var group sync.WaitGroup
	for i, p := range r.probes {
		group.Go(func() {
			states[i] = stateOK
			if p.ask(ctx) != nil {
				states[i] = stateUnavailable
			}
		})
	}
	group.Wait()

	status, code := stateOK, http.StatusOK
	checks := make(map[string]string, len(states))
	for i, p := range r.probes {
		checks[p.check.Name] = states[i]
		if states[i] != stateOK {
			status, code = stateUnavailable, http.StatusServiceUnavailable
		}
	}
	if r.draining.Load() {
		status, code = stateDraining, http.StatusServiceUnavailable
	}
	c.JSON(code, gin.H{"status": status, "checks": checks})
}

// probe asks a dependency at most once at a time, whoever wants to know: a
// dependency that hangs must not gather goroutines.
type probe struct {
	check Check
	log   *slog.Logger

	mu     sync.Mutex
	flight *flight
	failed bool // what the last flight found
}

// flight is one question under way.
type flight struct {
	done chan struct{}
	err  error // readable after done is closed
}

// ask returns the answer of the flight under way or of a new one, or the
// context's error when that comes first.
func (p *probe) ask(ctx context.Context) error {
	p.mu.Lock()
	f := p.flight
	if f == nil {
		f = &flight{done: make(chan struct{})}
		p.flight = f
		go p.fly(context.WithoutCancel(ctx), f)
	}
	p.mu.Unlock()
	select {
	case <-f.done:
		return f.err
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (p *probe) fly(ctx context.Context, f *flight) {
	ctx, cancel := context.WithTimeout(ctx, checkTimeout)
	defer cancel()
	f.err = p.askGuarded(ctx)
	p.mu.Lock()
	defer p.mu.Unlock()
	p.flight = nil
	if failed := f.err != nil; failed != p.failed {
		p.failed = failed
		if failed {
			p.log.LogAttrs(ctx, slog.LevelError, "dependency unavailable",
				slog.String("check", p.check.Name), slog.Any("error", f.err))
		} else {
			p.log.LogAttrs(ctx, slog.LevelInfo, "dependency available again",
				slog.String("check", p.check.Name))
		}
	}
	close(f.done)
}

// askGuarded keeps a panic of the check from ending the process, as no
// handler's recovery covers this goroutine.
func (p *probe) askGuarded(ctx context.Context) (err error) {
	defer func() {
		if value := recover(); value != nil {
			err = fmt.Errorf("check panicked with a value of type %T", value)
		}
	}()
	return p.check.Ask(ctx)
}

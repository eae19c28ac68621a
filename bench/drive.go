package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"net/http"
	"os"
	"os/exec"
	"runtime"
	"runtime/debug"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// load is what a driver process is told to send.
type load struct {
	Address     string   // host:port
	Others      []string // further addresses; the connections go to all in turn
	Host        string   // the Host header
	Connections int
	Seconds     float64 // the load's length; 0 = until every request is sent
	Most        int     // requests in all, made before the clock starts
	Again       bool    // make only a few, and send each of them many times
	Want        int     // status of every answer

	// Either plain requests, in turn:
	Targets []string
	Cookies []string
	// or forms that are posted, in turn:
	Forms         []string
	Authorization string
	// or sign-ins:
	Signer signer
	Prefix string // of the people's names
	People span
	Random bool // people at random; else each once, in order
	Says   says
	Apart  bool // each once, neighbours far apart in the tables
	Forged bool // with signatures that do not hold
	Call   bool // of verifyPath, with the token in the header
	View   bool // of viewPath, with the token in the address
}

// warmUp is the part of a timed load that is not counted.
const warmUp = 0.1

// tally is what a driver measured.
type tally struct {
	All     int     // answers, those of the warm-up too
	Counted int     // answers after the warm-up
	Seconds float64 // in which they came
	P50     float64 // milliseconds
	P99     float64
}

// rate is answers per second.
func (t tally) rate() float64 { return float64(t.Counted) / t.Seconds }

// event is one line that a driver prints: ready, then done now and then, then
// the tally or a failure.
type event struct {
	Ready bool   `json:",omitempty"`
	Done  int    `json:",omitempty"` // answers so far
	Tally *tally `json:",omitempty"`
	Fail  string `json:",omitempty"`
}

const (
	// callbackPath is where links lead (handlers.CallbackPath).
	callbackPath = "/auth/callback/jwt-auth"
	// verifyPath is what proxies ask (handlers.VerifyPath).
	verifyPath = "/auth/verify"
	// viewPath is a resource in a partner's frame (handlers.EmbedPath).
	viewPath = "/embed/notice/board"
)

// againMade is how many requests each connection has that sends them again.
const againMade = 256

// request makes the n-th request.
func (l *load) request(n int, iat int64) []byte {
	if len(l.Forms) > 0 {
		return post(l.Host, l.Targets[0], l.Authorization, l.Forms[n%len(l.Forms)])
	}
	if len(l.Targets) > 0 {
		cookie := ""
		if len(l.Cookies) > 0 {
			cookie = l.Cookies[n%len(l.Cookies)]
		}
		return get(l.Host, l.Targets[n%len(l.Targets)], cookie, "")
	}
	number := l.People.First + n
	switch {
	case l.Random:
		number = l.People.First + scatter(n, l.People.Count)
	case l.Apart:
		number = l.People.First + apart(n, l.People.Count)
	}
	token := l.Signer.token(l.Prefix, number, l.Says, iat)
	if l.Forged {
		token = forge(token)
	}
	if l.Call {
		return get(l.Host, verifyPath, "", "JWT "+token)
	}
	if l.View {
		return get(l.Host, viewPath+"?appId="+l.Signer.Issuer+"&user="+token, "", "")
	}
	return get(l.Host, callbackPath+"?token="+token+"&go=/welcome", "", "")
}

// apart is the n-th of count places in an order that meets each of them once
// before any twice.
func apart(n, count int) int {
	step := count*5/8 | 1
	for gcd(step, count) != 1 {
		step += 2
	}
	return n % count * step % count
}

func gcd(a, b int) int {
	for b != 0 {
		a, b = b, a%b
	}
	return a
}

// scatter spreads 0, 1, 2… over count places as if at random (Fibonacci
// hashing).
func scatter(n, count int) int {
	return int(uint64(n) * 0x9e3779b97f4a7c15 >> 33 % uint64(count)) //nolint:gosec // both are small and not negative
}

// drive is the driver process: it reads one load from in, prepares it, says
// that it is ready, waits for another line and sends it.
func drive(in io.Reader, out io.Writer) error {
	// One thread's worth of Go is enough, and leaves the machine to what is
	// measured.
	runtime.GOMAXPROCS(1)
	decoder, events := json.NewDecoder(in), json.NewEncoder(out)
	var l load
	if err := decoder.Decode(&l); err != nil {
		return fmt.Errorf("load: %w", err)
	}
	t, err := l.send(events.Encode, func() error {
		runtime.GC()
		debug.SetGCPercent(-1) // sending does not allocate
		var start struct{}
		return decoder.Decode(&start)
	})
	if err != nil {
		return events.Encode(event{Fail: err.Error()})
	}
	return events.Encode(event{Tally: &t})
}

// connection is one connection's part of a load.
type connection struct {
	*client
	requests [][]byte
	most     int      // to be sent
	taken    []uint32 // microseconds of each answer
	finished []int64  // nanoseconds from the start to each answer
	done     atomic.Int64
}

// send makes all requests and connections, tells that it is ready, sends when
// start returns, and tells how far it is.
func (l *load) send(tell func(any) error, start func() error) (tally, error) {
	connections := make([]*connection, l.Connections)
	for i := range connections {
		connections[i] = &connection{}
	}
	iat := time.Now().Unix()
	made := l.Most
	if l.Again {
		made = min(made, againMade*l.Connections)
	}
	for n := range made {
		c := connections[n%l.Connections]
		c.requests = append(c.requests, l.request(n, iat))
	}
	for n, c := range connections {
		c.most = (l.Most + l.Connections - 1 - n) / l.Connections
		c.taken = make([]uint32, 0, c.most)
		c.finished = make([]int64, 0, c.most)
	}
	// Not before: servers do not wait long for a first request.
	addresses := append([]string{l.Address}, l.Others...)
	for i, c := range connections {
		client, err := dial(addresses[i%len(addresses)])
		if err != nil {
			return tally{}, err
		}
		defer client.close()
		c.client = client
	}
	if err := errors.Join(tell(event{Ready: true}), start()); err != nil {
		return tally{}, err
	}

	var running sync.WaitGroup
	failures := make([]error, len(connections))
	begun := time.Now()
	for i, c := range connections {
		running.Go(func() { failures[i] = c.run(begun, l) })
	}
	over := make(chan struct{})
	if l.Seconds == 0 {
		go tellProgress(connections, tell, over)
	}
	running.Wait()
	close(over)
	if err := errors.Join(failures...); err != nil {
		return tally{}, err
	}
	return count(connections, l.Seconds*warmUp), nil
}

// run sends the connection's requests until the time is over.
func (c *connection) run(begun time.Time, l *load) error {
	limit := time.Duration(math.MaxInt64)
	if l.Seconds > 0 {
		limit = time.Duration(l.Seconds * float64(time.Second))
	}
	for i := range c.most {
		sent := time.Since(begun)
		if sent > limit {
			return nil
		}
		if i%256 == 0 {
			if err := c.conn.SetDeadline(time.Now().Add(256 * exchangeLimit)); err != nil {
				return err
			}
		}
		status, err := c.do(c.requests[i%len(c.requests)])
		if err != nil {
			return fmt.Errorf("after %d answers: %w", i, err)
		}
		if status != l.Want {
			return fmt.Errorf("after %d answers: got %d %s, want %d", i, status, http.StatusText(status), l.Want)
		}
		finished := time.Since(begun)
		c.taken = append(c.taken, uint32((finished-sent)/time.Microsecond)) //nolint:gosec // bounded by exchangeLimit
		c.finished = append(c.finished, int64(finished))
		c.done.Store(int64(i + 1))
	}
	return nil
}

func tellProgress(connections []*connection, tell func(any) error, over <-chan struct{}) {
	tick := time.NewTicker(200 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-over:
			return
		case <-tick.C:
			done := 0
			for _, c := range connections {
				done += int(c.done.Load())
			}
			if err := tell(event{Done: done}); err != nil {
				return
			}
		}
	}
}

// count sums up the connections, leaving out the answers of the first skip
// seconds.
func count(connections []*connection, skip float64) tally {
	var t tally
	var taken []uint32
	first, last := int64(skip*float64(time.Second)), int64(0)
	for _, c := range connections {
		t.All += len(c.finished)
		for i, at := range c.finished {
			last = max(last, at)
			if at >= first {
				taken = append(taken, c.taken[i])
			}
		}
	}
	slices.Sort(taken)
	t.Counted = len(taken)
	t.Seconds = float64(last-first) / float64(time.Second)
	t.P50, t.P99 = percentile(taken, 0.50)/1000, percentile(taken, 0.99)/1000
	return t
}

// percentile returns the smallest value that a share p of all do not exceed;
// 0 when there are none.
func percentile(sorted []uint32, p float64) float64 {
	if len(sorted) == 0 {
		return 0
	}
	return float64(sorted[max(0, int(math.Ceil(p*float64(len(sorted))))-1)])
}

// driver is a driver process, from the outside.
type driver struct {
	cmd    *exec.Cmd
	in     io.WriteCloser
	events *json.Decoder
}

// newDriver starts a driver and waits until its requests are made.
func newDriver(ctx context.Context, l load) (_ *driver, err error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	d := &driver{cmd: exec.CommandContext(ctx, self, "-drive")} //nolint:gosec // it is this program
	d.cmd.Stderr = os.Stderr
	if d.in, err = d.cmd.StdinPipe(); err != nil {
		return nil, err
	}
	out, err := d.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	d.events = json.NewDecoder(out)
	if err := d.cmd.Start(); err != nil {
		return nil, fmt.Errorf("driver: %w", err)
	}
	if err := json.NewEncoder(d.in).Encode(l); err != nil {
		return nil, errors.Join(fmt.Errorf("driver: %w", err), d.stop())
	}
	var e event
	if err := d.events.Decode(&e); err != nil || !e.Ready {
		return nil, errors.Join(fmt.Errorf("driver: not ready: %s", e.Fail), err, d.stop())
	}
	return d, nil
}

// start lets the driver send.
func (d *driver) start() error {
	_, err := io.WriteString(d.in, "{}\n")
	return err
}

// result waits for the end of the load. progress, when there is one, hears
// how many answers have come.
func (d *driver) result(progress func(done int)) (tally, error) {
	for {
		var e event
		switch err := d.events.Decode(&e); {
		case err != nil:
			return tally{}, errors.Join(fmt.Errorf("driver: %w", err), d.stop())
		case e.Fail != "":
			return tally{}, errors.Join(errors.New(e.Fail), d.stop())
		case e.Tally != nil:
			return *e.Tally, d.stop()
		case progress != nil:
			progress(e.Done)
		}
	}
}

// stop ends the driver; it has nothing to lose.
func (d *driver) stop() error {
	if err := d.in.Close(); err != nil {
		return err
	}
	if err := d.cmd.Process.Kill(); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return err
	}
	_ = d.cmd.Wait() // it was killed
	return nil
}

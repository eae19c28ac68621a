package main

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"usher/handlers"
	"usher/handlers/admin"
	"usher/provisioning"
	"usher/sessions"
	"usher/sessions/kv"
	"usher/web"
)

// remembering is a session store that answers from memory what it was asked
// before, so that a benchmark measures what is ours.
type remembering struct {
	kv.Store
	mu       sync.Mutex
	values   map[kv.Key][]byte
	known    map[string]int64
	standing map[[3]string][2]int64
}

func (r *remembering) Get(ctx context.Context, tenant string, key kv.Key) ([]byte, map[string]int64, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if value, ok := r.values[key]; ok {
		return value, r.known, nil
	}
	value, known, err := r.Store.Get(ctx, tenant, key)
	if value != nil && len(known) > 0 {
		r.values[key], r.known = value, known
	}
	return value, known, err
}

func (r *remembering) Counters(ctx context.Context, tenant, user, integration string) (epoch, generation int64, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	at := [3]string{tenant, user, integration}
	if both, ok := r.standing[at]; ok {
		return both[0], both[1], nil
	}
	epoch, generation, err = r.Store.Counters(ctx, tenant, user, integration)
	if err == nil && generation >= 0 {
		r.standing[at] = [2]int64{epoch, generation}
	}
	return epoch, generation, err
}

// openPath is the whole program without its connections.
func openPath(b *testing.B) (http.Handler, *provisioning.Service) {
	b.Helper()
	ctx, stop := context.WithCancel(b.Context())
	cfg := Config{DataDir: b.TempDir(), BootstrapAPIKey: apiKey, Env: Production}
	log := newLogger(io.Discard, Production)
	k, err := openCore(ctx, cfg, log)
	if err != nil {
		b.Fatal(err)
	}
	sealer, err := openSealer(cfg)
	if err != nil {
		b.Fatal(err)
	}
	store := &remembering{Store: k.store.SessionKV(), values: map[kv.Key][]byte{}, standing: map[[3]string][2]int64{}}
	generations := &lateGenerations{}
	k.sessions = sessions.New(store, generations, time.Now)
	k.provisioning = provisioning.New(k.store, sealer, k.sessions, time.Now, log)
	generations.Generations = k.provisioning
	pages, err := web.New()
	if err != nil {
		b.Fatal(err)
	}
	origin, err := provisioning.ParseOrigin("http://localhost:8080")
	if err != nil {
		b.Fatal(err)
	}
	app := &handlers.App{
		HTTP:         &handlers.HTTP{Pages: pages, Log: log, Now: time.Now, Unavailable: provisioning.Unavailable},
		Provisioning: k.provisioning, Sessions: k.sessions, Tokens: k.tokens, Origin: origin,
		Upstreams: handlers.NewUpstreams(handlers.UpstreamOptions{}),
	}
	engine, err := app.NewEngine(nil, maxInFlight)
	if err != nil {
		b.Fatal(err)
	}
	routes(engine, app, admin.New(app, k.admins, cfg.BootstrapAPIKey), handlers.NewReadiness(log), nil)
	var beside sync.WaitGroup
	beside.Go(func() { k.run(ctx) })
	b.Cleanup(func() {
		stop()
		beside.Wait()
		if err := k.close(); err != nil {
			b.Error(err)
		}
	})
	return engine, k.provisioning
}

// nowhere is a ResponseWriter that keeps the status alone.
type nowhere struct {
	header http.Header
	status int
}

func (w *nowhere) Header() http.Header         { return w.header }
func (w *nowhere) Write(p []byte) (int, error) { return len(p), nil }
func (w *nowhere) WriteHeader(status int)      { w.status = status }

// BenchmarkPath is what a request costs from the engine to the answer, without
// the connection, the session store and the log's file: middleware, handler, the
// reading of tokens, the lines of the log.
func BenchmarkPath(b *testing.B) {
	engine, service := openPath(b)
	tenant, err := service.DefaultTenant(b.Context())
	if err != nil {
		b.Fatal(err)
	}
	name, noLimit := "Lumen", int64(0)
	lumen, err := service.Install(b.Context(), tenant,
		provisioning.Settings{Name: &name, MaxAge: &noLimit}, provisioning.NewKey{}, byCommand)
	if err != nil {
		b.Fatal(err)
	}
	claims := person("anna").with(fields{"iss": lumen.Integration.AppID, "groups": []string{"a", "b", "c"}})
	token := func(secret string) string {
		return signed("HS256", secret, fields{"kid": lumen.Keys[0].ID}, claims)
	}
	entered := httptest.NewRecorder()
	engine.ServeHTTP(entered, asked(b, link(token(lumen.Secret))))
	cookie := answer{entered.Code, entered.Header(), entered.Body.String()}.cookie()
	for _, one := range []struct {
		name    string
		request *http.Request
		want    int
	}{
		{"nothing here", asked(b, "/nothing"), http.StatusNotFound},
		{"verify", asked(b, "/auth/verify", holding(cookie)), http.StatusNoContent},
		{"header token", asked(b, "/auth/verify", "Authorization: JWT "+token(lumen.Secret)), http.StatusNoContent},
		{"bad signature", asked(b, link(token("another secret, of more than 32 bytes"))), http.StatusUnauthorized},
	} {
		b.Run(one.name, func(b *testing.B) {
			b.ReportAllocs()
			begun := processorTime(b)
			for b.Loop() {
				w := &nowhere{header: http.Header{}}
				if engine.ServeHTTP(w, one.request); w.status != one.want {
					b.Fatalf("got %d, want %d", w.status, one.want)
				}
			}
			b.ReportMetric(float64(processorTime(b)-begun)/float64(b.N), "cpu-ns/op")
		})
	}
}

// processorTime is what this process has used, the collection of garbage included.
// On a machine that others work on it says more than the clock.
func processorTime(b *testing.B) time.Duration {
	var used syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &used); err != nil {
		b.Fatal(err)
	}
	return time.Duration(used.Utime.Nano() + used.Stime.Nano())
}

// asked is a request as it reaches the engine.
func asked(b *testing.B, target string, header ...string) *http.Request {
	r := httptest.NewRequestWithContext(b.Context(), http.MethodGet, target, http.NoBody)
	r.Host = "localhost:8080"
	for _, line := range header {
		name, value, _ := strings.Cut(line, ": ")
		r.Header.Set(name, value)
	}
	return r
}

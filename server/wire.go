package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/gin-gonic/gin"

	"usher/handlers"
	"usher/handlers/admin"
	"usher/provisioning"
	"usher/sessions"
	"usher/sessions/admins"
	"usher/sessions/kv"
	"usher/sessions/tokens"
	"usher/sql/store"
	"usher/web"
)

// maxInFlight is how many requests may be under way at once. Above it more
// waiting would only make every answer late.
const maxInFlight = 512

// core is what the server and the commands share: the service over the stores
// that the configuration names.
type core struct {
	store        *store.Store
	redis        *kv.Redis        // nil = sessions are in the database
	embedded     *store.SessionKV // nil = sessions are in Redis
	provisioning *provisioning.Service
	sessions     *sessions.Sessions
	tokens       *tokens.Tokens
	admins       *admins.Service
	webhooks     *provisioning.Webhooks
	outbound     *http.Client // for addresses that administrators and partners name
}

// openCore opens the stores and brings the schema up to date.
func openCore(ctx context.Context, cfg Config, log *slog.Logger) (_ *core, err error) {
	if cfg.DatabaseURL == "" || cfg.MasterKey == "" {
		if err := os.MkdirAll(cfg.DataDir, 0o700); err != nil {
			return nil, fmt.Errorf("USHER_DATA_DIR: %w", err)
		}
	}
	sealer, err := openSealer(cfg)
	if err != nil {
		return nil, err
	}
	k := &core{outbound: cfg.outbound().client()}
	defer func() {
		if err != nil {
			err = errors.Join(err, k.close())
		}
	}()
	if cfg.DatabaseURL != "" {
		k.store, err = store.OpenPostgres(cfg.DatabaseURL, time.Now, cfg.storeOptions())
	} else {
		k.store, err = openSQLite(filepath.Join(cfg.DataDir, databaseFile))
	}
	if err != nil {
		return nil, err
	}
	applied, err := k.store.Migrate(ctx)
	if err != nil {
		return nil, err
	}
	if applied > 0 {
		log.LogAttrs(ctx, slog.LevelInfo, "the schema was brought up to date", slog.Int("steps", applied))
	}
	var values kv.Store
	if cfg.RedisURL != "" {
		if k.redis, err = kv.OpenRedis(cfg.RedisURL, kv.DefaultPrefix, time.Now); err != nil {
			return nil, err
		}
		values = k.redis
	} else {
		k.embedded = k.store.SessionKV()
		values = k.embedded
	}
	if sealer, err = provisioning.KeepDigestKey(ctx, k.store, sealer); err != nil {
		return nil, fmt.Errorf("%s: %w", closed, err)
	}
	// The two know each other only through what each needs: sessions ask for
	// generations, provisioning ends sessions.
	generations := &lateGenerations{}
	k.sessions = sessions.New(values, generations, time.Now)
	k.provisioning = provisioning.New(k.store, sealer, k.sessions, time.Now, log)
	k.provisioning.ReachBy(k.outbound)
	generations.Generations = k.provisioning
	k.tokens = tokens.New(k.store, sealer, time.Now, log)
	k.webhooks = provisioning.NewWebhooks(k.store, sealer, k.outbound, time.Now, log)
	k.webhooks.Calls(cfg.outbound().calls)
	var provider *admins.Provider
	if cfg.AdminOIDC.Issuer != "" {
		provider = admins.NewProvider(cfg.AdminOIDC)
	}
	k.admins = admins.New(k.store, provisioning.EmailKey, provider, time.Now)
	if err := errors.Join(k.provisioning.CheckMasterKey(ctx), k.tokens.CheckMasterKey(ctx)); err != nil {
		return nil, fmt.Errorf("%s: %w", closed, err)
	}
	return k, k.provisioning.EnsureTenant(ctx)
}

// closed begins an error about a master key.
const closed = "the master key does not open what is stored (is it the one that the data was made with, or is that one missing in USHER_MASTER_KEY_PREVIOUS?)"

// lateGenerations stands in for the service until that is built.
type lateGenerations struct{ sessions.Generations }

// databaseFile is the embedded database in the data folder.
const databaseFile = "usher.db"

// openSQLite opens the file, which only we may read: it holds sealed secrets
// and personal data.
func openSQLite(path string) (*store.Store, error) {
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600) //nolint:gosec // the path is the operator's own setting
	if err != nil {
		return nil, fmt.Errorf("USHER_DATA_DIR: %w", err)
	}
	if err := file.Close(); err != nil {
		return nil, fmt.Errorf("USHER_DATA_DIR: %w", err)
	}
	return store.OpenSQLite(path, time.Now)
}

// close lets go of the stores.
func (k *core) close() error {
	var errs []error
	if k.redis != nil {
		errs = append(errs, k.redis.Close())
	}
	if k.store != nil {
		errs = append(errs, k.store.Close())
	}
	return errors.Join(errs...)
}

// run does the core's background work until ctx ends.
func (k *core) run(ctx context.Context) {
	var beside sync.WaitGroup
	if k.embedded != nil {
		beside.Go(func() { k.sweep(ctx) })
	}
	beside.Go(func() { k.admins.Run(ctx) })
	beside.Go(func() { k.tokens.Run(ctx) })
	beside.Go(func() { k.webhooks.Run(ctx) })
	k.provisioning.Run(ctx)
	beside.Wait()
}

// sweepPause is between two rounds of deleting ended sessions.
const sweepPause = time.Minute

func (k *core) sweep(ctx context.Context) {
	tick := time.NewTicker(sweepPause)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			// What fails now is deleted in the next round.
			_, _ = k.embedded.Sweep(ctx)
		}
	}
}

// application is a core with its HTTP side.
type application struct {
	*core
	handler   http.Handler
	ready     *handlers.Readiness
	upstreams *handlers.Upstreams
	metrics   *metrics // nil = nobody wants to know
}

// wire builds the application that cfg describes. Browsers reach it at origin.
func wire(ctx context.Context, cfg Config, origin provisioning.Origin, log *slog.Logger) (*application, error) {
	pages, err := web.New()
	if err != nil {
		return nil, fmt.Errorf("pages: %w", err)
	}
	k, err := openCore(ctx, cfg, log)
	if err != nil {
		return nil, err
	}
	app := &handlers.App{
		HTTP: &handlers.HTTP{
			Pages: pages, Log: log, Now: time.Now, Unavailable: provisioning.Unavailable,
			HTTPS: origin.Scheme() == "https",
		},
		Provisioning:   k.provisioning,
		Sessions:       k.sessions,
		Tokens:         k.tokens,
		Webhooks:       k.webhooks,
		Rates:          handlers.NewRates(cfg.Rates),
		Origin:         origin,
		AdminHosts:     cfg.adminHosts(origin),
		TrustedProxies: cfg.TrustedProxies,
		Upstreams:      handlers.NewUpstreams(handlers.UpstreamOptions{}),
	}
	engine, err := app.NewEngine(cfg.TrustedProxies, maxInFlight)
	if err != nil {
		return nil, errors.Join(err, k.close())
	}
	checks := []handlers.Check{{Name: "database", Ask: k.store.Ping}}
	if k.redis != nil {
		checks = append(checks, handlers.Check{Name: "sessions", Ask: k.redis.Ping})
	}
	ready := handlers.NewReadiness(log, checks...)
	var front *handlers.Front
	if cfg.Upstream != nil {
		front = &handlers.Front{To: cfg.Upstream, Public: cfg.UpstreamPublic}
	}
	routes(engine, app, admin.New(app, k.admins, cfg.BootstrapAPIKey), ready, front)
	built := &application{core: k, handler: engine, ready: ready, upstreams: app.Upstreams}
	if cfg.MetricsListen != "" {
		built.metrics = k.measure(app, engine.Routes())
	}
	return built, nil
}

// measure has everything that is built count for Prometheus.
func (k *core) measure(app *handlers.App, routes gin.RoutesInfo) *metrics {
	m := newMetrics(routes)
	m.registry.MustRegister(newStateMetrics(k, app.HTTP))
	m.registry.MustRegister(newWebhookMetrics(k.webhooks))
	app.Requests, app.Meter = m, m
	k.store.Watch(m.databaseCall)
	if k.redis != nil {
		k.redis.Watch(m.redisCall)
	}
	return m
}

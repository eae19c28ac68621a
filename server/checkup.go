package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"
	"unicode"

	"usher/provisioning"
	"usher/sessions/admins"
	"usher/sessions/kv"
	"usher/sessions/tokens"
	"usher/sql/store"
)

// A check-up is what “usher doctor” does: it looks at an installation as an
// operator would, and changes nothing. It can run beside a server, and while a
// store is down: what cannot be looked at is left out, and the rest goes on.

// checkTime bounds each check. Connecting has bounds of its own within it.
const checkTime = 5 * time.Second

// verdict is how a check came out.
type verdict string

// The verdicts.
const (
	sound    verdict = "ok"
	doubtful verdict = "warn" // it works, and somebody should look into it
	failing  verdict = "fail" // it does not work, or will not
	unseen   verdict = "skip" // it could not be looked at, for a reason that has its own line
)

// finding is one line of a check-up.
type finding struct {
	Check   string  `json:"check"`
	Verdict verdict `json:"verdict"`
	Found   string  `json:"found"`         // never a secret
	Fix     string  `json:"fix,omitempty"` // what to do; "" when there is nothing
}

// result is what a check has found. learn, when there is one, tells the patient
// what later checks build on.
type result struct {
	findings []finding
	learn    func(p *patient)
}

// one is the result of a check with a single finding.
func one(v verdict, found, fix string) result {
	return result{findings: []finding{{Verdict: v, Found: found, Fix: fix}}}
}

// add appends a finding.
func (r *result) add(v verdict, found, fix string) {
	r.findings = append(r.findings, finding{Verdict: v, Found: found, Fix: fix})
}

// check is one thing to look at.
type check struct {
	name string
	data bool // it reads the tables, which therefore have to be there
	look func(ctx context.Context, p *patient) result
}

// checks is the one list, in the order in which they are made and printed: what
// others build on comes first.
func checks() []check {
	return append(settingsChecks(), []check{
		{"database", false, lookAtDatabase},
		{"failover", false, lookAtServers},
		{"schema", false, lookAtSchema},
		{"sessions", false, lookAtSessions},
		{"master key", true, lookAtMasterKey},
		{"signing keys", true, lookAtSigningKeys},
		{"admin", true, lookAtAdmins},
		{"integrations", true, lookAtIntegrations},
		{"jobs", true, lookAtJobs},
		{"sign-in log", true, lookAtSignInLog},
	}...)
}

// settingsChecks are those that ask no store.
func settingsChecks() []check {
	return []check{
		{"public url", false, lookAtPublicURL},
		{"proxies", false, lookAtProxies},
		{"data folder", false, lookAtFolder},
	}
}

// patient is the installation that is looked at.
type patient struct {
	cfg    Config
	origin provisioning.Origin
	now    func() time.Time

	store        *store.Store // nil = there is none yet
	redis        *kv.Redis    // nil = sessions are in the database
	keyFault     error        // why there is no master key; the services have another one then
	provisioning *provisioning.Service
	tokens       *tokens.Tokens
	admins       *admins.Service

	away    string // why the database cannot be asked; "" = it can
	noData  string // why the tables cannot be read; "" = they can
	tenants []store.Tenant
}

// newPatient opens what the configuration names, without making anything.
func newPatient(cfg Config, now func() time.Time) (_ *patient, err error) {
	p := &patient{cfg: cfg, now: now, away: "the database was not asked"}
	defer func() {
		if err != nil {
			err = errors.Join(err, p.close())
		}
	}()
	p.noData = p.away
	if p.origin, err = cfg.configuredOrigin(); err != nil {
		return nil, err
	}
	if cfg.DatabaseURL != "" {
		p.store, err = store.OpenPostgres(cfg.DatabaseURL, now, store.Options{Connections: 2, Direct: cfg.DatabaseDirectURL})
	} else if path := filepath.Join(cfg.DataDir, databaseFile); exists(path) {
		p.store, err = store.ReadSQLite(path, now)
	}
	if err != nil {
		return nil, err
	}
	if cfg.RedisURL != "" {
		if p.redis, err = kv.OpenRedis(cfg.RedisURL, kv.DefaultPrefix, now); err != nil {
			return nil, err
		}
	}
	sealer, fault := readSealer(cfg)
	if fault != nil {
		p.keyFault = fault
		master, err := provisioning.ParseMasterKey(provisioning.NewMasterKey())
		if err != nil {
			return nil, err
		}
		if sealer, err = provisioning.NewSealer(master); err != nil {
			return nil, err
		}
	}
	if p.store != nil {
		quiet := slog.New(slog.DiscardHandler)
		p.provisioning = provisioning.New(p.store, sealer, nil, now, quiet) // ends no sessions
		p.tokens = tokens.New(p.store, sealer, now, quiet)
		p.admins = admins.New(p.store, provisioning.EmailKey, nil, now)
	}
	return p, nil
}

func (p *patient) close() error {
	return (&core{store: p.store, redis: p.redis}).close()
}

// exists reports whether there is something at path, or at least that it cannot
// be ruled out.
func exists(path string) bool {
	_, err := os.Stat(path)
	return !errors.Is(err, os.ErrNotExist)
}

// look makes every check, one after the other, and tells each finding as it
// comes.
func (p *patient) look(ctx context.Context, tell func(finding)) { p.make(ctx, checks(), tell) }

func (p *patient) make(ctx context.Context, checks []check, tell func(finding)) {
	hidden := p.cfg.secrets()
	for _, c := range checks {
		r := one(unseen, "not looked at: "+p.noData, "")
		if !c.data || p.noData == "" {
			r = bounded(ctx, p, c)
		}
		for _, f := range r.findings {
			f.Check, f.Found = c.name, hidden.Replace(oneLine(f.Found))
			tell(f)
		}
		if r.learn != nil {
			r.learn(p)
		}
	}
}

// bounded makes a check in its time. What hangs nonetheless is left behind.
func bounded(ctx context.Context, p *patient, c check) result {
	ctx, cancel := context.WithTimeout(ctx, checkTime)
	defer cancel()
	done := make(chan result, 1)
	go func() { done <- c.look(ctx, p) }()
	late := time.NewTimer(checkTime + time.Second)
	defer late.Stop()
	select {
	case r := <-done:
		return r
	case <-late.C:
		return one(failing, fmt.Sprintf("no answer within %s", checkTime), "Look whether what it asks is overloaded, or unreachable from here.")
	}
}

// oneLine takes line ends and other control characters out of a text.
func oneLine(text string) string {
	return strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return ' '
		}
		return r
	}, text)
}

// shortestHidden is the shortest text that is taken for a secret: a shorter one
// would be found in every other word.
const shortestHidden = 4

// secrets replaces every secret of the configuration. None is ever told by us;
// but there are servers that repeat in an error what was said to them.
func (c Config) secrets() *strings.Replacer {
	secrets := append([]string{c.MasterKey, c.BootstrapAPIKey, c.AdminOIDC.ClientSecret}, c.MasterKeysPrevious...)
	for _, address := range []string{c.DatabaseURL, c.DatabaseDirectURL, c.RedisURL} {
		// Not by url.Parse, which knows no list of hosts.
		authority, query, _ := strings.Cut(address, "?")
		if at := strings.LastIndexByte(authority, '@'); at >= 0 {
			_, password, _ := strings.Cut(authority[:at], "://")
			_, password, _ = strings.Cut(password, ":")
			secrets = append(secrets, password)
		}
		if values, err := url.ParseQuery(query); err == nil {
			secrets = append(secrets, values.Get("sentinel_password"))
		}
	}
	var pairs []string
	for _, secret := range secrets {
		plain, err := url.PathUnescape(secret)
		if err != nil {
			plain = secret
		}
		for _, text := range []string{secret, plain} {
			if len(text) >= shortestHidden {
				pairs = append(pairs, text, shownSecret)
			}
		}
	}
	return strings.NewReplacer(pairs...)
}

// cause says why something failed, without the address: who writes a password
// into the place of the host would find it here.
func cause(err error) string {
	if _, unknown := errors.AsType[*net.DNSError](err); unknown {
		return "its host name cannot be resolved"
	}
	if late, ok := errors.AsType[net.Error](err); ok && late.Timeout() || errors.Is(err, context.DeadlineExceeded) {
		return "no answer in time"
	}
	if op, ok := errors.AsType[*net.OpError](err); ok {
		err = op.Err
	}
	return strings.TrimPrefix(err.Error(), store.ErrUnavailable.Error()+": ")
}

// days writes a span of time as people say it.
func days(d time.Duration) string {
	switch n := int(d / (24 * time.Hour)); {
	case n > 1:
		return fmt.Sprintf("%d days", n)
	case n == 1:
		return "a day"
	default:
		return d.Truncate(time.Minute).String()
	}
}

// counted is a number with its noun.
func counted(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}

package main

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"net/url"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"usher/handlers"
	"usher/provisioning"
	"usher/sessions/admins"
)

// Config is what the environment says, checked. One that exists is complete
// and free of contradictions.
type Config struct {
	Listen        string              // host:port; port 0 takes a free one
	MetricsListen string              // the same for the metrics; "" = none are served
	PublicURL     provisioning.Origin // zero: see Config.Origin
	DataDir       string
	DatabaseURL   string // "" = SQLite in DataDir; else a postgres URL with sslmode
	// DatabaseDirectURL is the same without the pooler in between; "" = there is none.
	DatabaseDirectURL string
	DurableSignIns    bool   // see store.Options.DurableReplays
	RedisURL          string // "" = sessions in the SQLite file
	MasterKey         string // as ParseMasterKey reads it; "" = one is made in DataDir
	// MasterKeysPrevious open what is not yet, or already, sealed under MasterKey.
	MasterKeysPrevious []string
	BootstrapAPIKey    string // "" = none
	TrustedProxies     []netip.Prefix
	Env                Env
	AllowEmbedded      bool
	DrainTimeout       time.Duration
	DrainDelay         time.Duration
	Upstream           *url.URL // the application that we stand in front of; nil = none
	UpstreamPublic     handlers.PathPrefixes
	AdminHosts         []string              // canonical; see Config.adminHosts
	AdminOIDC          admins.ProviderConfig // without an issuer there is no provider
	OutboundAllow      []netip.Prefix        // what may be called besides the public Internet
	Rates              handlers.UsualRates   // of those who have none of their own
}

// Env is the kind of place we run in.
type Env string

// The values of USHER_ENV.
const (
	Development Env = "development"
	Production  Env = "production"
)

// Origin is the public URL, which for a loopback listener need not be
// configured: browsers then reach us on localhost, at the listener's port.
func (c Config) Origin(listener net.Addr) (provisioning.Origin, error) {
	if c.PublicURL != (provisioning.Origin{}) {
		return c.PublicURL, nil
	}
	_, port, err := net.SplitHostPort(listener.String())
	if err != nil {
		return provisioning.Origin{}, fmt.Errorf("listener's address: %w", err)
	}
	return provisioning.ParseOrigin("http://localhost:" + port)
}

// setting is one variable of the environment.
type setting struct {
	name     string
	secret   bool   // never shown, and also read from the file that NAME_FILE names
	fallback string // the value when unset; "" = see doc
	doc      string // one line
	// set stores the value, or returns what is wrong with it. It is not called
	// for an empty value: that is the same as an unset variable.
	set func(c *Config, value string) *wrong
}

// defaultListen is loopback only: reaching it from outside is a decision.
const defaultListen = "127.0.0.1:8080"

// settings is the one list: parsing, .env.example, the help topic and the
// check for unknown names all follow it.
var settings = []setting{
	{
		name: "USHER_LISTEN", fallback: defaultListen,
		doc: "Address and port to listen on. Port 0 takes a free one.",
		set: setListen,
	},
	{
		name: "USHER_METRICS_LISTEN",
		doc:  "Address and port of /metrics for Prometheus, such as 127.0.0.1:9090; never the public one. Empty: no metrics.",
		set:  setMetricsListen,
	},
	{
		name: "USHER_PUBLIC_URL",
		doc:  "Where browsers reach Usher, such as https://sso.example.com. Empty: http://localhost and the port listened on.",
		set:  setPublicURL,
	},
	{
		name: "USHER_ENV", fallback: string(Development),
		doc: "development or production. In production weak settings are refused.",
		set: func(c *Config, value string) *wrong {
			c.Env = Env(value)
			if c.Env != Development && c.Env != Production {
				return &wrong{"it is neither development nor production", "Set USHER_ENV=production, or leave it out."}
			}
			return nil
		},
	},
	{
		name: "USHER_DATA_DIR", fallback: "./data",
		doc: "Folder of the SQLite file and of the master key that is made when none is set.",
		set: func(c *Config, value string) *wrong {
			c.DataDir = value
			return nil
		},
	},
	{
		name: "DATABASE_URL", secret: true,
		doc: "Postgres 13 or newer: postgres://user:password@host:5432/name?sslmode=verify-full. Empty: SQLite in USHER_DATA_DIR.",
		set: setDatabaseURL,
	},
	{
		name: "DATABASE_DIRECT_URL", secret: true,
		doc: "With PgBouncer in transaction mode at DATABASE_URL: Postgres itself, for one connection of each instance and for the steps of the schema. Empty: no such pooler.",
		set: setDirectURL,
	},
	{
		name: "USHER_DURABLE_SIGN_INS", fallback: "false",
		doc: "true has also a sign-in that changes nothing wait until its used link is on the disk of Postgres, and of its synchronous standby. Else a crash or a failover may forget those of the last 0.6 s.",
		set: setDurableSignIns,
	},
	{
		name: "REDIS_URL", secret: true,
		doc: "Redis 6.2 or newer, for sessions: redis://:password@host:6379/0, or rediss:// with TLS; redis://:password@node1,node2,node3 for a Cluster; redis://:password@sentinel1,sentinel2,sentinel3/0?master=name for Sentinel. Empty: sessions in the SQLite file.",
		set: setRedisURL,
	},
	{
		name: "USHER_MASTER_KEY", secret: true,
		doc: "32 random bytes as base64 or hex (openssl rand -base64 32); secrets are stored encrypted under it. Empty: made in USHER_DATA_DIR.",
		set: func(c *Config, value string) *wrong {
			c.MasterKey = value
			if _, err := provisioning.ParseMasterKey(value); err != nil {
				return &wrong{"it is not 32 bytes in base64 or hexadecimal", "Make one with openssl rand -base64 32."}
			}
			return nil
		},
	},
	{
		name: "USHER_MASTER_KEY_PREVIOUS", secret: true,
		doc: "Other master keys that open what is stored, with commas between them, while USHER_MASTER_KEY is being replaced. Empty: none.",
		set: setPreviousMasterKeys,
	},
	{
		name: "USHER_BOOTSTRAP_API_KEY", secret: true,
		doc: "First key of the admin API, at least 32 characters (openssl rand -base64 32). Empty: none.",
		set: setBootstrapAPIKey,
	},
	{
		name: "USHER_TRUSTED_PROXIES",
		doc:  "Addresses or networks of reverse proxies whose X-Forwarded headers are believed, such as 10.0.0.0/8,192.0.2.7. Empty: none.",
		set:  setTrustedProxies,
	},
	{
		name: "USHER_ALLOW_EMBEDDED", fallback: "false",
		doc: "true allows the embedded stores in production. They serve one process on one machine.",
		set: func(c *Config, value string) *wrong {
			var err error
			if c.AllowEmbedded, err = strconv.ParseBool(value); err != nil {
				return &wrong{"it is neither true nor false", "Set USHER_ALLOW_EMBEDDED=true, or leave it out."}
			}
			return nil
		},
	},
	{
		name: "UPSTREAM_URL",
		doc:  "The application that Usher stands in front of, such as http://app:3000: whatever is not Usher's own is sent on there. Empty: none.",
		set:  setUpstream,
	},
	{
		name: "USHER_UPSTREAM_PUBLIC",
		doc:  "Paths of the application that are open without a session, with all below them, such as /assets,/health. / is all. Empty: none.",
		set:  setUpstreamPublic,
	},
	{
		name: "USHER_ADMIN_HOSTS",
		doc:  "Hosts at which the pages under /admin are, and the application is not, such as sso-admin.example.com. Empty: every host, without UPSTREAM_URL.",
		set:  setAdminHosts,
	},
	{
		name: "USHER_ADMIN_OIDC_ISSUER",
		doc:  "OpenID provider with which administrators may sign in, such as https://login.example.com. Empty: none.",
		set:  setAdminIssuer,
	},
	{
		name: "USHER_ADMIN_OIDC_CLIENT_ID",
		doc:  "What Usher is called at that provider. The redirect URI there is USHER_PUBLIC_URL/admin/sign-in/oidc/callback.",
		set: func(c *Config, value string) *wrong {
			c.AdminOIDC.ClientID = value
			return nil
		},
	},
	{
		name: "USHER_ADMIN_OIDC_CLIENT_SECRET", secret: true,
		doc: "The secret that the provider gave Usher.",
		set: func(c *Config, value string) *wrong {
			c.AdminOIDC.ClientSecret = value
			return nil
		},
	},
	{
		name: "USHER_ADMIN_OIDC_DEFAULT_ROLE",
		doc:  "viewer or admin: the role of people whom the provider knows and the default tenant does not. Empty: they are not let in.",
		set: func(c *Config, value string) *wrong {
			c.AdminOIDC.DefaultRole = admins.Role(value)
			if value != string(admins.Viewer) && value != string(admins.Admin) {
				return &wrong{"it is neither viewer nor admin", "Leave it out, or set it to viewer; owners are made by owners."}
			}
			return nil
		},
	},
	{
		name: "USHER_OUTBOUND_ALLOW",
		doc:  "Addresses or networks of your own that may be called at URLs which administrators give, such as 10.1.0.0/16. Empty: the public Internet alone, and in development also this machine's loopback, by http too.",
		set:  setOutboundAllow,
	},
	rateSetting("USHER_CLIENT_RATE", "200", "a client", func(r *handlers.UsualRates) *int64 { return &r.Client }),
	rateSetting("USHER_API_CONNECTION_RATE", "1000", "an API connection", func(r *handlers.UsualRates) *int64 { return &r.APIConnection }),
	rateSetting("USHER_API_KEY_RATE", "100", "an API key", func(r *handlers.UsualRates) *int64 { return &r.APIKey }),
	rateSetting("USHER_SCIM_RATE", "50", "a directory", func(r *handlers.UsualRates) *int64 { return &r.SCIM }),
	{
		name: "USHER_DRAIN_DELAY", fallback: "0s",
		doc: "How long requests are taken as ever at a stop, while /readyz answers 503 already, so that a balancer that asks it sends no more; up to 5m.",
		set: func(c *Config, value string) *wrong {
			var err error
			if c.DrainDelay, err = time.ParseDuration(value); err != nil || c.DrainDelay < 0 || c.DrainDelay > 5*time.Minute {
				return &wrong{"it is not a duration of up to five minutes", "Set USHER_DRAIN_DELAY=3s, say."}
			}
			return nil
		},
	},
	{
		name: "USHER_DRAIN_TIMEOUT", fallback: "20s",
		doc: "How long requests under way may take to finish at a stop, up to 10m.",
		set: func(c *Config, value string) *wrong {
			var err error
			if c.DrainTimeout, err = time.ParseDuration(value); err != nil || c.DrainTimeout <= 0 || c.DrainTimeout > 10*time.Minute {
				return &wrong{"it is not a duration of up to ten minutes", "Set USHER_DRAIN_TIMEOUT=20s, say."}
			}
			return nil
		},
	},
}

// wrong is what a setting makes of a bad value. Neither part quotes a secret.
type wrong struct {
	problem string // goes on after "NAME=value: "
	fix     string // a sentence
}

// fault is one reason not to start.
type fault struct {
	name  string
	value string // as shown: "" = not set
	wrong
}

// shown is the setting with its value.
func (f fault) shown() string {
	if f.value == "" {
		return f.name
	}
	return f.name + "=" + f.value
}

// configError is every fault of the environment at once.
type configError []fault

func (e configError) Error() string {
	var b strings.Builder
	if len(e) == 1 {
		b.WriteString("the configuration has a fault:")
	} else {
		fmt.Fprintf(&b, "the configuration has %d faults:", len(e))
	}
	for _, f := range e {
		fmt.Fprintf(&b, "\n  %s: %s.\n      %s", f.shown(), f.problem, f.fix)
	}
	return b.String()
}

// shownSecret stands for a secret's value.
const shownSecret = "(not shown)"

func (s setting) shown(value string) string {
	switch {
	case value == "":
		return ""
	case s.secret:
		return shownSecret
	default:
		return quoted(value)
	}
}

// quoted shows a value, unless it may hold user:password@host where none belongs.
func quoted(value string) string {
	if strings.Contains(value, "@") {
		return shownSecret
	}
	return strconv.QuoteToGraphic(value)
}

// loadConfig reads the environment, given as os.Environ gives it. The error
// is a configError with all faults.
func loadConfig(environ []string) (Config, error) {
	env := make(map[string]string, len(environ))
	for _, entry := range environ {
		if name, value, ok := strings.Cut(entry, "="); ok {
			env[name] = value
		}
	}
	var c Config
	faults := unknownNames(env)
	bad := make(map[string]bool)
	for _, s := range settings {
		value, w := s.lookup(env)
		if w == nil && value != "" {
			w = s.set(&c, value)
		}
		if w != nil {
			bad[s.name] = true
			faults = append(faults, fault{s.name, s.shown(value), *w})
		}
	}
	faults = append(faults, c.contradictions(bad)...)
	if len(faults) > 0 {
		return Config{}, configError(faults)
	}
	return c, nil
}

// lookup finds the setting's value: the variable, for a secret the file that
// NAME_FILE names, or the fallback.
func (s setting) lookup(env map[string]string) (string, *wrong) {
	value := env[s.name]
	if s.secret {
		if path := env[s.name+fileSuffix]; path != "" {
			if value != "" {
				return value, &wrong{"it is set twice, here and by " + s.name + fileSuffix, "Unset one of the two."}
			}
			return readSecret(s.name, path)
		}
	}
	if value == "" {
		value = s.fallback
	}
	return value, nil
}

// fileSuffix makes of a secret's name the name of the variable that holds its
// file's path, as container platforms hand secrets over.
const fileSuffix = "_FILE"

// maxSecretFile is far above every secret we take.
const maxSecretFile = 64 << 10

func readSecret(name, path string) (string, *wrong) {
	content, err := readFile(path)
	switch {
	case err != nil:
		// The error of the operating system names the path and the cause.
		return "", &wrong{"the file cannot be read: " + err.Error(), "Let " + name + fileSuffix + " name a readable file."}
	case len(content) > maxSecretFile:
		return "", &wrong{"the file is far too large for a secret", "Let " + name + fileSuffix + " name a file that holds the value alone."}
	}
	value := strings.TrimSuffix(strings.TrimSuffix(string(content), "\n"), "\r")
	if value == "" {
		return "", &wrong{"the file that " + name + fileSuffix + " names is empty", "Write the value into the file, or unset " + name + fileSuffix + "."}
	}
	return value, nil
}

// readFile reads at most one byte more than maxSecretFile.
func readFile(path string) ([]byte, error) {
	file, err := os.Open(path) //nolint:gosec // the operator names the file
	if err != nil {
		return nil, err
	}
	content, err := io.ReadAll(io.LimitReader(file, maxSecretFile+1))
	return content, errors.Join(err, file.Close())
}

// namePrefix begins every name that is ours alone.
const namePrefix = "USHER_"

// unknownNames refuses variables that begin like ours and are not: a slip in
// a name would else leave a default in force unnoticed.
func unknownNames(env map[string]string) []fault {
	var known []string
	for _, s := range settings {
		known = append(known, s.name)
		if s.secret {
			known = append(known, s.name+fileSuffix)
		}
	}
	var faults []fault
	for name := range env {
		if strings.HasPrefix(name, namePrefix) && !slices.Contains(known, name) {
			nearest := slices.MinFunc(known, func(a, b string) int { return unlikeness(name, a) - unlikeness(name, b) })
			faults = append(faults, fault{name, "", wrong{
				"there is no such setting",
				fmt.Sprintf("Did you mean %s? Otherwise unset it.", nearest),
			}})
		}
	}
	slices.SortFunc(faults, func(a, b fault) int { return strings.Compare(a.name, b.name) })
	return faults
}

// unlikeness is how far a name is from a known one. Our prefix does not count,
// as it is easily put before the names that have none; and a name that goes on
// where the other ends is near.
func unlikeness(name, known string) int {
	name, known = strings.TrimPrefix(name, namePrefix), strings.TrimPrefix(known, namePrefix)
	if name != known && (strings.HasPrefix(name, known) || strings.HasPrefix(known, name)) {
		return 2
	}
	return distance(name, known)
}

// distance is the least number of bytes to insert, delete or replace that
// makes b of a (Levenshtein).
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			replaced := diagonal
			if a[i] != b[j] {
				replaced++
			}
			diagonal = row[j+1]
			row[j+1] = min(replaced, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}

// contradictions are settings that are good alone and bad together. What rests
// on a setting with a fault of its own (bad) is left out: it may be well once
// that one is mended.
func (c Config) contradictions(bad map[string]bool) []fault {
	var faults []fault
	// report adds a fault of the named setting, which rests on others too.
	report := func(name, value, problem, fix string, others ...string) {
		if !bad[name] && !slices.ContainsFunc(others, func(o string) bool { return bad[o] }) {
			faults = append(faults, fault{name, value, wrong{problem, fix}})
		}
	}
	const (
		setHTTPS = "Set it to the https address that browsers use, such as https://sso.example.com."
		makeKey  = "Make one with “openssl rand -base64 32” and give every process the same."
		orAllow  = ", or USHER_ALLOW_EMBEDDED=true for a single process."
	)
	if c.MetricsListen != "" && samePlace(c.MetricsListen, c.Listen) {
		report("USHER_METRICS_LISTEN", strconv.Quote(c.MetricsListen), "it is where USHER_LISTEN answers the public", "Give the metrics a port of their own, such as 127.0.0.1:9090.", "USHER_LISTEN")
	}
	production := c.Env == Production
	switch noURL := c.PublicURL == (provisioning.Origin{}); {
	case noURL && production:
		report("USHER_PUBLIC_URL", "", "it is not set, and production needs it", setHTTPS)
	case noURL && !listensOnLoopback(c.Listen):
		report("USHER_PUBLIC_URL", "", "it is not set, and USHER_LISTEN is open to other machines", setHTTPS, "USHER_LISTEN")
	case production && c.PublicURL.Scheme() != "https":
		report("USHER_PUBLIC_URL", strconv.Quote(c.PublicURL.String()), "production needs https", setHTTPS)
	}
	if oidc := c.AdminOIDC; oidc.Issuer != "" {
		for _, of := range []struct{ name, value string }{
			{"USHER_ADMIN_OIDC_CLIENT_ID", oidc.ClientID}, {"USHER_ADMIN_OIDC_CLIENT_SECRET", oidc.ClientSecret},
		} {
			if of.value == "" {
				report(of.name, "", "it is not set, and USHER_ADMIN_OIDC_ISSUER needs it", "Set it to what the provider has given you, or unset the issuer.", "USHER_ADMIN_OIDC_ISSUER")
			}
		}
	} else if oidc != (admins.ProviderConfig{}) {
		report("USHER_ADMIN_OIDC_ISSUER", "", "it is not set, and other settings of the provider are", "Set it to the provider’s address, or unset them.")
	}
	for _, f := range c.frontFaults() {
		report(f.name, f.value, f.problem, f.fix, "UPSTREAM_URL", "USHER_PUBLIC_URL")
	}
	if c.DatabaseDirectURL != "" && c.DatabaseURL == "" {
		report("DATABASE_URL", "", "it is not set, and DATABASE_DIRECT_URL is", "Set DATABASE_URL to the pooler; without one set DATABASE_URL alone, to Postgres.", "DATABASE_DIRECT_URL")
	}
	switch {
	case c.MasterKey != "":
	case c.DatabaseURL != "":
		report("USHER_MASTER_KEY", "", "it is not set, and DATABASE_URL may serve several machines, which need the same key", makeKey)
	case production:
		report("USHER_MASTER_KEY", "", "it is not set, and production needs it", makeKey)
	}
	if production && !c.AllowEmbedded {
		const problem = "it is not set, and production does not fall back to the embedded store"
		if c.DatabaseURL == "" {
			report("DATABASE_URL", "", problem, "Set it to a Postgres URL"+orAllow, "USHER_ALLOW_EMBEDDED")
		}
		if c.RedisURL == "" {
			report("REDIS_URL", "", problem, "Set it to a Redis URL"+orAllow, "USHER_ALLOW_EMBEDDED")
		}
	}
	return faults
}

// environmentHelp is the list of settings for people.
func environmentHelp() string {
	var b strings.Builder
	for _, s := range settings {
		b.WriteString(s.name)
		if s.secret {
			b.WriteString(", " + s.name + fileSuffix)
		}
		if s.fallback != "" {
			fmt.Fprintf(&b, " (default %s)", s.fallback)
		}
		fmt.Fprintf(&b, "\n    %s\n", s.doc)
	}
	return b.String()
}

package main

import (
	"fmt"
	"net"
	"net/netip"
	"net/url"
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

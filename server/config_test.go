package main

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"usher/handlers"
	"usher/provisioning"
)

const (
	testAPIKey    = "uK3vQ9xT1mZ7bR5nW8yL2pD6hF4jG0cS"
	testMasterKey = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="
	testPostgres  = "postgres://usher:hunter2@db.example/usher?sslmode=verify-full"
)

func origin(t *testing.T, s string) provisioning.Origin {
	t.Helper()
	o, err := provisioning.ParseOrigin(s)
	if err != nil {
		t.Fatal(err)
	}
	return o
}

func TestLoadConfig(t *testing.T) {
	t.Parallel()
	defaults := Config{
		Listen: "127.0.0.1:8080", DataDir: "./data", Env: Development, DrainTimeout: 20 * time.Second,
		Rates: handlers.UsualRates{Client: 200, APIConnection: 1000, APIKey: 100, SCIM: 50},
	}
	with := func(change func(c *Config)) Config {
		c := defaults
		change(&c)
		return c
	}
	tests := []struct {
		name    string
		environ []string
		want    Config
	}{
		{"empty", nil, defaults},
		{"others' variables", []string{"HOME=/root", "PATH=", "=::=::\\", "USHERETTE=1"}, defaults},
		{"empty values", []string{"USHER_LISTEN=", "DATABASE_URL=", "USHER_ENV=", "USHER_MASTER_KEY_FILE="}, defaults},
		{
			"production",
			[]string{
				"USHER_ENV=production", "USHER_LISTEN=0.0.0.0:8080", "USHER_PUBLIC_URL=https://SSO.example.com:443/",
				"DATABASE_URL=" + testPostgres, "REDIS_URL=rediss://:hunter2@cache.example:6379/0",
				"USHER_MASTER_KEY=" + testMasterKey, "USHER_BOOTSTRAP_API_KEY=" + testAPIKey,
				"USHER_TRUSTED_PROXIES=10.1.2.3/8, 192.0.2.7,::1", "USHER_DATA_DIR=/var/lib/usher", "USHER_DRAIN_TIMEOUT=1m30s",
				"USHER_DRAIN_DELAY=3s",
				"USHER_OUTBOUND_ALLOW=10.1.0.7/16,::1",
			},
			Config{
				Listen: "0.0.0.0:8080", PublicURL: origin(t, "https://sso.example.com"), DataDir: "/var/lib/usher",
				DatabaseURL: testPostgres, RedisURL: "rediss://:hunter2@cache.example:6379/0",
				MasterKey: testMasterKey, BootstrapAPIKey: testAPIKey,
				TrustedProxies: []netip.Prefix{
					netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("192.0.2.7/32"), netip.MustParsePrefix("::1/128"),
				},
				Env: Production, DrainTimeout: 90 * time.Second, DrainDelay: 3 * time.Second,
				OutboundAllow: []netip.Prefix{netip.MustParsePrefix("10.1.0.0/16"), netip.MustParsePrefix("::1/128")},
				Rates:         handlers.UsualRates{Client: 200, APIConnection: 1000, APIKey: 100, SCIM: 50},
			},
		},
		{
			"production on the embedded stores",
			[]string{
				"USHER_ENV=production", "USHER_PUBLIC_URL=https://sso.example.com", "USHER_ALLOW_EMBEDDED=true", "USHER_MASTER_KEY=" + testMasterKey,
			},
			with(func(c *Config) {
				c.Env, c.PublicURL, c.AllowEmbedded, c.MasterKey = Production, origin(t, "https://sso.example.com"), true, testMasterKey
			}),
		},
		{
			"free port",
			[]string{"USHER_LISTEN=[::1]:0"},
			with(func(c *Config) { c.Listen = "[::1]:0" }),
		},
		{
			"an application behind",
			[]string{
				"UPSTREAM_URL=https://app.internal:8443/base%20dir", "USHER_UPSTREAM_PUBLIC=/assets/, /health",
				"USHER_PUBLIC_URL=https://app.example.com", "USHER_ADMIN_HOSTS=Admin.Example.com., b.test,admin.example.com",
			},
			with(func(c *Config) {
				c.Upstream = &url.URL{Scheme: "https", Host: "app.internal:8443", Path: "/base dir"}
				c.UpstreamPublic = handlers.PathPrefixes{"/assets", "/health"}
				c.PublicURL, c.AdminHosts = origin(t, "https://app.example.com"), []string{"admin.example.com", "b.test"}
			}),
		},
		{
			"an application behind, on a developer's machine",
			[]string{"UPSTREAM_URL=http://localhost:3000", "USHER_UPSTREAM_PUBLIC=/"},
			with(func(c *Config) {
				c.Upstream, c.UpstreamPublic = &url.URL{Scheme: "http", Host: "localhost:3000"}, handlers.PathPrefixes{""}
			}),
		},
		{
			"the admin apart without an application",
			[]string{"USHER_ADMIN_HOSTS=[::1]"},
			with(func(c *Config) { c.AdminHosts = []string{"[::1]"} }),
		},
		{
			"open, reached on loopback",
			[]string{"USHER_LISTEN=:8080", "USHER_PUBLIC_URL=http://localhost:8080"},
			with(func(c *Config) { c.Listen, c.PublicURL = ":8080", origin(t, "http://localhost:8080") }),
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got, err := loadConfig(tt.environ)
			if err != nil {
				t.Fatalf("got error %v, want none", err)
			}
			if diff := cmp.Diff(tt.want, got, cmp.Comparer(func(a, b provisioning.Origin) bool { return a == b }), cmp.Comparer(func(a, b netip.Prefix) bool { return a == b })); diff != "" {
				t.Errorf("got config that differs (-want +got):\n%s", diff)
			}
		})
	}
}

func TestConfigFaults(t *testing.T) {
	t.Parallel()
	production := []string{"USHER_ENV=production", "USHER_PUBLIC_URL=https://sso.example.com", "USHER_MASTER_KEY=" + testMasterKey, "USHER_ALLOW_EMBEDDED=1"}
	tests := []struct {
		name    string
		environ []string
		want    []string // NAME: part of the problem
	}{
		{"listen without port", []string{"USHER_LISTEN=127.0.0.1"}, []string{"USHER_LISTEN: not an address and a port"}},
		{"listen on a name", []string{"USHER_LISTEN=sso.example.com:80"}, []string{"USHER_LISTEN: not an IP address"}},
		{"listen on port 65536", []string{"USHER_LISTEN=127.0.0.1:65536"}, []string{"USHER_LISTEN: port is not a number"}},
		{"listen on a named port", []string{"USHER_LISTEN=127.0.0.1:http"}, []string{"USHER_LISTEN: port is not a number"}},
		{"metrics without port", []string{"USHER_METRICS_LISTEN=9090"}, []string{"USHER_METRICS_LISTEN: not an address and a port"}},
		{"metrics on a name", []string{"USHER_METRICS_LISTEN=sso.example.com:9090"}, []string{"USHER_METRICS_LISTEN: not an IP address"}},
		{"metrics where the public is", []string{"USHER_METRICS_LISTEN=127.0.0.1:8080"}, []string{"USHER_METRICS_LISTEN: where USHER_LISTEN answers"}},
		{"metrics on the public port of all interfaces", []string{"USHER_LISTEN=127.0.0.1:8090", "USHER_METRICS_LISTEN=0.0.0.0:8090"}, []string{"USHER_METRICS_LISTEN: where USHER_LISTEN answers"}},
		{"open without public URL", []string{"USHER_LISTEN=0.0.0.0:8080"}, []string{"USHER_PUBLIC_URL: open to other machines"}},
		{"plain http", []string{"USHER_PUBLIC_URL=http://sso.example.com"}, []string{"USHER_PUBLIC_URL: use https"}},
		{"path", []string{"USHER_PUBLIC_URL=https://sso.example.com/usher"}, []string{"USHER_PUBLIC_URL: no path"}},
		{"query", []string{"USHER_PUBLIC_URL=https://sso.example.com?x=1"}, []string{"USHER_PUBLIC_URL: no path"}},
		{"password", []string{"USHER_PUBLIC_URL=https://a:b@sso.example.com"}, []string{"USHER_PUBLIC_URL: no user name"}},
		{"a pooler's database without the pooler", []string{"DATABASE_DIRECT_URL=postgres://u:p@localhost/usher", "USHER_MASTER_KEY=" + testMasterKey}, []string{"DATABASE_URL: DATABASE_DIRECT_URL is"}},
		{"what is no URL behind the pooler", []string{"DATABASE_URL=postgres://u:p@localhost:6432/usher", "DATABASE_DIRECT_URL=usher", "USHER_MASTER_KEY=" + testMasterKey}, []string{"DATABASE_DIRECT_URL: does not begin with postgres"}},
		{"durable or not", []string{"USHER_DURABLE_SIGN_INS=always"}, []string{"USHER_DURABLE_SIGN_INS: neither true nor false"}},
		{"environment", []string{"USHER_ENV=prod"}, []string{"USHER_ENV: neither development nor production"}},
		{"boolean", []string{"USHER_ALLOW_EMBEDDED=yes"}, []string{"USHER_ALLOW_EMBEDDED: neither true nor false"}},
		{"delay below nothing", []string{"USHER_DRAIN_DELAY=-1s"}, []string{"USHER_DRAIN_DELAY: not a duration"}},
		{"delay without end", []string{"USHER_DRAIN_DELAY=10m"}, []string{"USHER_DRAIN_DELAY: not a duration"}},
		{"drain without unit", []string{"USHER_DRAIN_TIMEOUT=20"}, []string{"USHER_DRAIN_TIMEOUT: not a duration"}},
		{"drain of nothing", []string{"USHER_DRAIN_TIMEOUT=0s"}, []string{"USHER_DRAIN_TIMEOUT: not a duration"}},
		{"drain without end", []string{"USHER_DRAIN_TIMEOUT=1000h"}, []string{"USHER_DRAIN_TIMEOUT: not a duration"}},
		{"proxy by name", []string{"USHER_TRUSTED_PROXIES=10.0.0.0/8,proxy"}, []string{`USHER_TRUSTED_PROXIES: "proxy" is neither`}},
		{"proxy with zone", []string{"USHER_TRUSTED_PROXIES=fe80::1%eth0"}, []string{"USHER_TRUSTED_PROXIES: is neither"}},
		{"every proxy", []string{"USHER_TRUSTED_PROXIES=0.0.0.0/0"}, []string{"USHER_TRUSTED_PROXIES: trusts every sender"}},
		{"every IPv6 proxy", []string{"USHER_TRUSTED_PROXIES=::/0"}, []string{"USHER_TRUSTED_PROXIES: trusts every sender"}},
		{"network that is none", []string{"USHER_OUTBOUND_ALLOW=10.0.0.0/33"}, []string{"USHER_OUTBOUND_ALLOW: is neither"}},
		{"proxy list with a gap", []string{"USHER_TRUSTED_PROXIES=10.0.0.1,"}, []string{"USHER_TRUSTED_PROXIES: is neither"}},
		{"short API key", []string{"USHER_BOOTSTRAP_API_KEY=" + testAPIKey[:31]}, []string{"USHER_BOOTSTRAP_API_KEY: shorter than 32"}},
		{"API key with a space", []string{"USHER_BOOTSTRAP_API_KEY=" + testAPIKey + " "}, []string{"USHER_BOOTSTRAP_API_KEY: HTTP header"}},
		{"API key of one letter", []string{"USHER_BOOTSTRAP_API_KEY=" + strings.Repeat("ab", 20)}, []string{"USHER_BOOTSTRAP_API_KEY: placeholder"}},
		{"API key from a manual", []string{"USHER_BOOTSTRAP_API_KEY=Change-Me-" + testAPIKey}, []string{"USHER_BOOTSTRAP_API_KEY: placeholder"}},
		{"master key of no form", []string{"USHER_MASTER_KEY=changeme"}, []string{"USHER_MASTER_KEY: not 32 bytes"}},
		{"previous master key of no form", []string{"USHER_MASTER_KEY_PREVIOUS=" + testMasterKey + ",changeme"}, []string{"USHER_MASTER_KEY_PREVIOUS: one of them is not 32 bytes"}},
		{"database without master key", []string{"DATABASE_URL=" + testPostgres}, []string{"USHER_MASTER_KEY: same key"}},
		{
			"bare production",
			[]string{"USHER_ENV=production"},
			[]string{"USHER_PUBLIC_URL: production needs it", "USHER_MASTER_KEY: production needs it", "DATABASE_URL: embedded store", "REDIS_URL: embedded store"},
		},
		{
			"production without Redis",
			[]string{"USHER_ENV=production", "USHER_PUBLIC_URL=https://sso.example.com", "USHER_MASTER_KEY=" + testMasterKey, "DATABASE_URL=" + testPostgres},
			[]string{"REDIS_URL: embedded store"},
		},
		{"production over http", append(slices.Clone(production), "USHER_PUBLIC_URL=http://localhost:8080"), []string{"USHER_PUBLIC_URL: production needs https"}},
		{
			"production, where what is set badly is not called missing", append(slices.Clone(production), "USHER_ALLOW_EMBEDDED=",
				"USHER_PUBLIC_URL=ftp://x", "DATABASE_URL=mysql://x", "REDIS_URL=memcache://x", "USHER_MASTER_KEY_FILE=/x"),
			[]string{"USHER_PUBLIC_URL: https://", "DATABASE_URL: postgres://", "REDIS_URL: redis://", "USHER_MASTER_KEY: set twice"},
		},
		{"upstream of no form", []string{"UPSTREAM_URL=app:3000"}, []string{"UPSTREAM_URL: not a URL"}},
		{"upstream of another kind", []string{"UPSTREAM_URL=ftp://app:3000"}, []string{"UPSTREAM_URL: neither with http://"}},
		{"upstream without host", []string{"UPSTREAM_URL=http:///x"}, []string{"UPSTREAM_URL: names no host"}},
		{"upstream with password", []string{"UPSTREAM_URL=http://a:b@app"}, []string{"UPSTREAM_URL: user name"}},
		{"upstream with query", []string{"UPSTREAM_URL=http://app/?x=1"}, []string{"UPSTREAM_URL: part after ?"}},
		{"upstream with fragment", []string{"UPSTREAM_URL=http://app/#"}, []string{"UPSTREAM_URL: part after ?"}},
		{"upstream with dots", []string{"UPSTREAM_URL=http://app/a/%2e%2e"}, []string{"UPSTREAM_URL: has . or .."}},
		{
			"upstream that is Usher",
			[]string{"UPSTREAM_URL=https://sso.example.com", "USHER_PUBLIC_URL=https://sso.example.com", "USHER_ADMIN_HOSTS=b.test"},
			[]string{"UPSTREAM_URL: Usher itself"},
		},
		{"public paths of nothing", []string{"USHER_UPSTREAM_PUBLIC=/assets"}, []string{"UPSTREAM_URL: USHER_UPSTREAM_PUBLIC is"}},
		{
			"public path that is none",
			[]string{"UPSTREAM_URL=http://app", "USHER_UPSTREAM_PUBLIC=/assets,../x"},
			[]string{"USHER_UPSTREAM_PUBLIC: \"../x\" does not begin"},
		},
		{
			"an application where the admin is",
			[]string{"UPSTREAM_URL=http://app", "USHER_PUBLIC_URL=https://sso.example.com"},
			[]string{"USHER_ADMIN_HOSTS: application's scripts"},
		},
		{
			"the admin at the public host",
			[]string{"USHER_PUBLIC_URL=https://sso.example.com", "USHER_ADMIN_HOSTS=b.test,SSO.example.com"},
			[]string{"USHER_ADMIN_HOSTS: host of USHER_PUBLIC_URL"},
		},
		{"the admin at a port", []string{"USHER_ADMIN_HOSTS=b.test:8443"}, []string{`USHER_ADMIN_HOSTS: "b.test:8443" is not`}},
		{"the admin at an address", []string{"USHER_ADMIN_HOSTS=https://b.test"}, []string{`USHER_ADMIN_HOSTS: "https://b.test" is not`}},
		{"slip in a name", []string{"USHER_MASTERKEY=x"}, []string{"USHER_MASTERKEY: no such setting"}},
		{"file of what is no secret", []string{"USHER_LISTEN_FILE=/x"}, []string{"USHER_LISTEN_FILE: no such setting"}},
		{"missing file", []string{"USHER_MASTER_KEY_FILE=/nowhere/key"}, []string{"USHER_MASTER_KEY: cannot be read"}},
		{"folder for a file", []string{"USHER_MASTER_KEY_FILE=/"}, []string{"USHER_MASTER_KEY: cannot be read"}},
		{"secret set twice", []string{"USHER_MASTER_KEY=k", "USHER_MASTER_KEY_FILE=/nowhere"}, []string{"USHER_MASTER_KEY: set twice"}},
		{
			"everything at once",
			[]string{
				"USHER_LISTEN=x", "USHER_PUBLIC_URL=ftp://x", "USHER_ENV=test", "DATABASE_URL=mysql://x", "REDIS_URL=memcache://x",
				"USHER_MASTER_KEY=k", "USHER_MASTER_KEY_FILE=/k", "USHER_BOOTSTRAP_API_KEY=short", "USHER_TRUSTED_PROXIES=*",
				"USHER_ALLOW_EMBEDDED=maybe", "USHER_DRAIN_TIMEOUT=soon", "USHER_VERBOSE=1", "USHER_DEBUG=1",
			},
			[]string{
				"USHER_DEBUG: no such setting", "USHER_VERBOSE: no such setting",
				"USHER_LISTEN: not an address", "USHER_PUBLIC_URL: https://", "USHER_ENV: neither", "DATABASE_URL: postgres://", "REDIS_URL: redis://",
				"USHER_MASTER_KEY: set twice", "USHER_BOOTSTRAP_API_KEY: shorter", "USHER_TRUSTED_PROXIES: is neither",
				"USHER_ALLOW_EMBEDDED: neither", "USHER_DRAIN_TIMEOUT: not a duration",
			},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got, err := loadConfig(tt.environ)
			faults, ok := errors.AsType[configError](err)
			if !ok {
				t.Fatalf("got config %v and error %v, want a configError", got, err)
			}
			if len(faults) != len(tt.want) {
				t.Fatalf("got %d faults, want %d: %v", len(faults), len(tt.want), err)
			}
			for i, f := range faults {
				name, part, _ := strings.Cut(tt.want[i], ": ")
				if f.name != name || !strings.Contains(f.problem, part) {
					t.Errorf("got fault %d %s: %s, want %s", i, f.name, f.problem, tt.want[i])
				}
				if !strings.HasSuffix(f.fix, ".") && !strings.HasSuffix(f.fix, "?") || strings.HasSuffix(f.problem, ".") {
					t.Errorf("got fault %d with problem %q and fix %q, want no full stop after the first and one after the second", i, f.problem, f.fix)
				}
				if !strings.Contains(err.Error(), f.fix) {
					t.Errorf("got text without the fix %q:\n%v", f.fix, err)
				}
			}
		})
	}
}

func TestFaultsShowWhatWasSet(t *testing.T) {
	t.Parallel()
	_, err := loadConfig([]string{"USHER_LISTEN=a\nb", "REDIS_URL=nonsense"})
	const want = `the configuration has 2 faults:
  USHER_LISTEN="a\nb": it is not an address and a port.
      Set USHER_LISTEN=127.0.0.1:8080, say; IPv6 addresses stand in brackets.
  REDIS_URL=(not shown): it does not begin with redis:// or rediss://.
      Set REDIS_URL=redis://:password@host:6379/0, say; rediss:// speaks TLS.`
	if err == nil {
		t.Fatal("got no error")
	}
	if diff := cmp.Diff(want, err.Error()); diff != "" {
		t.Errorf("got text that differs (-want +got):\n%s", diff)
	}
}

func TestUnknownNamesAreGivenTheNearest(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]string{
		"USHER_LISTN":                "USHER_LISTEN",
		"USHER_PUBLICURL":            "USHER_PUBLIC_URL",
		"USHER_DATADIR":              "USHER_DATA_DIR",
		"USHER_BOOTSTRAP_KEY":        "USHER_BOOTSTRAP_API_KEY",
		"USHER_MASTER_KEYFILE":       "USHER_MASTER_KEY_FILE",
		"USHER_DATABASE_URL":         "DATABASE_URL",
		"USHER_REDIS_URL":            "REDIS_URL",
		"USHER_TRUSTED_PROXY":        "USHER_TRUSTED_PROXIES",
		"USHER_ENVIRONMENT":          "USHER_ENV",
		"USHER_ALLOW_EMBEDDED_STORE": "USHER_ALLOW_EMBEDDED",
	} {
		_, err := loadConfig([]string{name + "=x"})
		if err == nil || !strings.Contains(err.Error(), "Did you mean "+want+"?") {
			t.Errorf("%s: got %v, want %s suggested", name, err, want)
		}
	}
}

func TestDistance(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		a, b string
		want int
	}{
		{"", "", 0},
		{"abc", "", 3},
		{"", "abc", 3},
		{"abc", "abc", 0},
		{"kitten", "sitting", 3},
		{"flaw", "lawn", 2},
	} {
		if got := distance(tt.a, tt.b); got != tt.want {
			t.Errorf("got distance %d of %q and %q, want %d", got, tt.a, tt.b, tt.want)
		}
	}
}

func TestSecretsFromFiles(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	file := func(name, content string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	got, err := loadConfig([]string{
		"USHER_MASTER_KEY_FILE=" + file("master", testMasterKey+"\n"),
		"USHER_BOOTSTRAP_API_KEY_FILE=" + file("api", testAPIKey+"\r\n"),
		"DATABASE_URL_FILE=" + file("database", testPostgres),
		"REDIS_URL_FILE=" + file("redis", "redis://cache.example:6379\n"),
	})
	if err != nil {
		t.Fatal(err)
	}
	if got.MasterKey != testMasterKey || got.BootstrapAPIKey != testAPIKey || got.DatabaseURL != testPostgres || got.RedisURL != "redis://cache.example:6379" {
		t.Errorf("got %+v, want the files' contents without their line ends", got)
	}
	for name, tt := range map[string]struct{ content, want string }{
		"empty":     {"", "is empty"},
		"line end":  {"\n", "is empty"},
		"too large": {strings.Repeat("a", maxSecretFile+1), "far too large"},
	} {
		if _, err := loadConfig([]string{"USHER_MASTER_KEY_FILE=" + file(name, tt.content)}); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s file: got %v, want %q", name, err, tt.want)
		}
	}
}

func TestFaultsNeverShowSecrets(t *testing.T) {
	t.Parallel()
	const secret = "SECRETSECRET"
	dir := t.TempDir()
	path := filepath.Join(dir, "key")
	if err := os.WriteFile(path, []byte(secret), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, entry := range []string{
		"DATABASE_URL=" + secret, "DATABASE_URL=postgres://u:" + secret + "%zz@h/db", "DATABASE_URL=postgres://u:" + secret + "@h/db?frob=1",
		"DATABASE_URL=postgres://u:" + secret + "@h/db?sslmode=" + secret, "DATABASE_URL=postgres://u:" + secret + "@/db",
		"DATABASE_URL=postgres://u:" + secret + "@h:" + secret + "/db", "DATABASE_URL=host=h password=" + secret,
		"DATABASE_URL=postgres://h/db?password=" + secret,
		"REDIS_URL=" + secret, "REDIS_URL=redis://:" + secret + "@", "REDIS_URL=redis://:" + secret + "%zz@h",
		"USHER_BOOTSTRAP_API_KEY=" + secret, "USHER_BOOTSTRAP_API_KEY_FILE=" + path, "USHER_MASTER_KEY=" + secret + "\nUSHER_MASTER_KEY_FILE=/x",
	} {
		environ := strings.Split(entry, "\n")
		_, err := loadConfig(environ)
		if err == nil {
			t.Errorf("%s: got no error", entry)
		} else if strings.Contains(err.Error(), secret) {
			t.Errorf("%s: got the secret in the error:\n%v", entry, err)
		}
	}
}

func TestDatabaseURL(t *testing.T) {
	t.Parallel()
	const p = "postgres://u:p@"
	tests := []struct {
		name, url string
		want      string // the URL as stored, or "!" and a part of the problem
	}{
		{"remote", p + "db.example/usher", p + "db.example/usher?sslmode=require"},
		{"remote, said", p + "db.example/usher?sslmode=disable", p + "db.example/usher?sslmode=disable"},
		{"remote with port", p + "db.example:6432/usher", p + "db.example:6432/usher?sslmode=require"},
		{"localhost", p + "localhost/usher", p + "localhost/usher?sslmode=disable"},
		{"127.0.0.1", "postgresql://u@127.0.0.1:5433/usher", "postgresql://u@127.0.0.1:5433/usher?sslmode=disable"},
		{"IPv6 loopback", p + "[::1]:5432/usher", p + "[::1]:5432/usher?sslmode=disable"},
		{"IPv6", p + "[2001:db8::1]/usher", p + "[2001:db8::1]/usher?sslmode=require"},
		{"looks like loopback", p + "localhost.example/usher", p + "localhost.example/usher?sslmode=require"},
		{"socket", "postgres:///usher?host=/run/postgresql", "postgres:///usher?host=%2Frun%2Fpostgresql&sslmode=disable"},
		{"search_path", p + "localhost/usher?search_path=t1", p + "localhost/usher?search_path=t1&sslmode=disable"},
		{
			"several hosts", p + "a.example:6000,b.example,192.0.2.7:6001/usher?target_session_attrs=read-write",
			p + "/usher?host=a.example%2Cb.example%2C192.0.2.7&port=6000%2C5432%2C6001&sslmode=require&target_session_attrs=read-write",
		},
		{
			"one of several is remote", p + "localhost,b.example/usher",
			p + "/usher?host=localhost%2Cb.example&port=5432%2C5432&sslmode=require&target_session_attrs=read-write",
		},
		{
			"list of sockets and hosts", p + "/usher?host=/run/postgresql,b.example",
			p + "/usher?host=%2Frun%2Fpostgresql%2Cb.example&sslmode=require&target_session_attrs=read-write",
		},
		{
			"several hosts, the primary", p + "localhost,127.0.0.1/usher?target_session_attrs=primary",
			p + "/usher?host=localhost%2C127.0.0.1&port=5432%2C5432&sslmode=disable&target_session_attrs=primary",
		},
		{
			"several IPv6 addresses", p + "[2001:db8::1],[2001:db8::2]:6000,b.example/usher",
			p + "/usher?host=2001%3Adb8%3A%3A1%2C2001%3Adb8%3A%3A2%2Cb.example&port=5432%2C6000%2C5432&sslmode=require&target_session_attrs=read-write",
		},
		{"one host, any server", p + "localhost/usher?target_session_attrs=any", p + "localhost/usher?sslmode=disable&target_session_attrs=any"},

		{"key and value form", "host=db.example dbname=usher", "!does not begin with postgres://"},
		{"other scheme", "mysql://u:p@db.example/usher", "!does not begin with postgres://"},
		{"opaque", "postgres:usher", "!not a URL"},
		{"broken escape", "postgres://u:p%zz@db.example/usher", "!not a URL"},
		{"no database", p + "db.example", "!names no database"},
		{"only a slash", p + "db.example/", "!names no database"},
		{"no host", p + "/usher", "!names no host"},
		{"IPv6 without brackets in a list", p + "2001:db8::1,b.example/usher", "!without brackets"},
		{"IPv6 without brackets, second", p + "b.example,2001:db8::1/usher", "!without brackets"},
		{"empty host in a list", p + "a.example,,b.example/usher", "!names no host"},
		{"fragment", p + "db.example/usher#x", "!part after #"},
		{"host twice", p + "a.example/usher?host=b.example", "!in two places"},
		{"port alone", p + "/usher?port=5432", "!only the port"},
		{"misspelt sslmode", p + "db.example/usher?ssl_mode=require", `!parameter "ssl_mode"`},
		{"other case", p + "db.example/usher?SSLMode=require", `!parameter "SSLMode"`},
		{"server setting", p + "db.example/usher?session_replication_role=replica", `!parameter "session_replication_role"`},
		{"options", p + "db.example/usher?options=-c%20fsync%3Doff", `!parameter "options"`},
		{"time zone", p + "db.example/usher?timezone=Europe/Berlin", `!parameter "timezone"`},
		{"password as parameter", "postgres://db.example/usher?password=p", `!parameter "password"`},
		{"parameter twice", p + "db.example/usher?sslmode=require&sslmode=disable", "!sslmode twice"},
		{"prefer", p + "db.example/usher?sslmode=prefer", "!sslmode is not one that holds"},
		{"allow", p + "db.example/usher?sslmode=allow", "!sslmode is not one that holds"},
		{"unknown sslmode", p + "db.example/usher?sslmode=on", "!sslmode is not one that holds"},
		{"several hosts, any server", p + "a.example,b.example/usher?target_session_attrs=any", "!takes no writes"},
		{"a standby", p + "db.example/usher?target_session_attrs=prefer-standby", "!takes no writes"},
		{"unknown target", p + "db.example/usher?target_session_attrs=master", "!takes no writes"},
		{"semicolon", p + "db.example/usher?sslmode=require;x=1", "!malformed"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			c, err := loadConfig([]string{"DATABASE_URL=" + tt.url, "USHER_MASTER_KEY=" + testMasterKey})
			problem, refused := strings.CutPrefix(tt.want, "!")
			switch {
			case refused && (err == nil || !strings.Contains(err.Error(), problem)):
				t.Errorf("got URL %q and error %v, want the problem %q", c.DatabaseURL, err, problem)
			case !refused && (err != nil || c.DatabaseURL != tt.want):
				t.Errorf("got URL %q and error %v, want %q", c.DatabaseURL, err, tt.want)
			}
		})
	}
}

// FuzzDatabaseURL holds that whatever is accepted has one sslmode and known
// parameters only, and is accepted unchanged when it comes again.
func FuzzDatabaseURL(f *testing.F) {
	for _, seed := range []string{
		testPostgres, "postgres://a,b:1/db", "postgres://[::1],[::2]:3/db", "postgres:///db?host=/run", "postgres://[::1]:1,h/db?sslmode=disable", "postgres://%/db", "postgres://h/db?a=1;b=2",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, value string) {
		var first, second Config
		if setDatabaseURL(&first, value) != nil {
			return
		}
		if got := strings.Count(first.DatabaseURL, "sslmode="); got < 1 {
			t.Errorf("got no sslmode in %q, made of %q", first.DatabaseURL, value)
		}
		if w := setDatabaseURL(&second, first.DatabaseURL); w != nil || second.DatabaseURL != first.DatabaseURL {
			t.Errorf("got %q (%v) the second time, want %q, made of %q", second.DatabaseURL, w, first.DatabaseURL, value)
		}
	})
}

func TestRedisURL(t *testing.T) {
	t.Parallel()
	for url, problem := range map[string]string{
		"redis://cache.example:6379/0":               "",
		"rediss://user:p%40ss@cache.example":         "",
		"redis://a.example:6379,b.example:6379/0":    "",
		"redis://a.example:26379?master=mymaster":    "",
		"redis://:p@[::1]:6379,[2001:db8::1]":        "",
		"redis://b.example,[2001:db8::1]?master=m":   "",
		"unix:///run/redis/redis.sock?db=1":          "",
		"cache.example:6379":                         "not a URL",
		"http://cache.example":                       "does not begin with redis://",
		"redis://":                                   "names no host",
		"redis://:secret@":                           "names no host",
		"unix:":                                      "names no socket",
		"redis:cache.example":                        "not a URL",
		"redis://:pass%word@cache.example:6379/0":    "not a URL",
		"memcached://cache.example:11211?x=redis://": "does not begin with redis://",
	} {
		c, err := loadConfig([]string{"REDIS_URL=" + url})
		switch {
		case problem == "" && (err != nil || c.RedisURL != url):
			t.Errorf("%s: got %q and error %v, want it as it is", url, c.RedisURL, err)
		case problem != "" && (err == nil || !strings.Contains(err.Error(), problem)):
			t.Errorf("%s: got error %v, want %q", url, err, problem)
		}
	}
}

func TestConfigOrigin(t *testing.T) {
	t.Parallel()
	listener := &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 4711}
	for _, tt := range []struct {
		config Config
		want   string
	}{
		{Config{}, "http://localhost:4711"},
		{Config{PublicURL: origin(t, "https://sso.example.com")}, "https://sso.example.com"},
	} {
		got, err := tt.config.Origin(listener)
		if err != nil || got.String() != tt.want {
			t.Errorf("got %s and error %v, want %s", got, err, tt.want)
		}
	}
}

// envExample is what .env.example has to say.
func envExample() string {
	var b strings.Builder
	b.WriteString("# Settings of Usher. An empty value is the same as none. In place of a secret\n" +
		"# its name with _FILE may be set to the path of a file that holds the value.\n")
	for _, s := range settings {
		fmt.Fprintf(&b, "\n# %s\n%s=%s\n", s.doc, s.name, s.fallback)
	}
	b.WriteString("\n# For compose.yaml only, where they become part of DATABASE_URL and REDIS_URL:\n" +
		"# letters and digits, such as “openssl rand -hex 24” prints.\n" +
		"POSTGRES_PASSWORD=\nREDIS_PASSWORD=\n")
	return b.String()
}

func TestEnvExample(t *testing.T) {
	t.Parallel()
	got, err := os.ReadFile("../.env.example")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(envExample(), string(got)); diff != "" {
		t.Errorf("got .env.example that differs from the settings (-want +got):\n%s\nwant:\n%s", diff, envExample())
	}
	if _, err := loadConfig(strings.Split(string(got), "\n")); err != nil {
		t.Errorf("got error %v for .env.example as it stands, want none", err)
	}
}

func TestEnvExampleHasWhatComposeAsksFor(t *testing.T) {
	t.Parallel()
	compose, err := os.ReadFile("../compose.yaml")
	if err != nil {
		t.Fatal(err)
	}
	asked := regexp.MustCompile(`[^$]\$\{([A-Z_]+)`).FindAllSubmatch(compose, -1)
	if len(asked) == 0 {
		t.Fatal("got no variables in compose.yaml, want some")
	}
	for _, name := range asked {
		if !strings.Contains(envExample(), "\n"+string(name[1])+"=") {
			t.Errorf("got no %s in .env.example, which compose.yaml asks for", name[1])
		}
	}
}

func TestEnvironmentHelpNamesEverySetting(t *testing.T) {
	t.Parallel()
	help := environmentHelp()
	for _, s := range settings {
		if !strings.Contains(help, s.name) || !strings.Contains(help, s.doc) || !strings.Contains(help, s.fallback) {
			t.Errorf("got help without %s, its default or its text:\n%s", s.name, help)
		}
		if strings.Contains(s.doc, "\n") {
			t.Errorf("got a text of several lines for %s, want one", s.name)
		}
	}
}

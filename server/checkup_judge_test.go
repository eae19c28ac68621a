package main

import (
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"usher/sql/store"
)

// goodInfo is what a Redis says of itself that is as it should be.
const goodInfo = "redis_version:7.2.4\r\nredis_mode:standalone\r\nrole:master\r\nused_memory:1048576\r\nmaxmemory:0\r\nmaxmemory_policy:noeviction\r\n" +
	"aof_enabled:1\r\nrdb_last_bgsave_status:ok\r\nevicted_keys:0\r\n"

func TestCheckupOfRedis(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		replace []string // in goodInfo
		ahead   time.Duration
		want    verdict
		says    []string
	}{
		"good":                     {nil, 0, sound, []string{"Redis 7.2.4", "appendonly"}},
		"forgetful":                {[]string{"aof_enabled:1", "aof_enabled:0"}, 0, sound, []string{"everybody signs in again"}},
		"evicting, without limit":  {[]string{"noeviction", "allkeys-lru"}, 0, doubtful, []string{"allkeys-lru", "CONFIG SET maxmemory-policy noeviction"}},
		"evicting, with limit":     {[]string{"noeviction", "volatile-ttl", "maxmemory:0", "maxmemory:9048576", "evicted_keys:0", "evicted_keys:7"}, 0, failing, []string{"volatile-ttl", "dropped 7 keys", "CONFIG SET maxmemory-policy noeviction"}},
		"nearly full":              {[]string{"maxmemory:0", "maxmemory:1148576"}, 0, doubtful, []string{"91 %", "Raise maxmemory"}},
		"full":                     {[]string{"maxmemory:0", "maxmemory:1048577"}, 0, failing, []string{"99 %"}},
		"old":                      {[]string{"7.2.4", "6.0.16"}, 0, failing, []string{"6.0.16 is older than 6.2"}},
		"oldest":                   {[]string{"7.2.4", "6.2.0"}, 0, sound, []string{"6.2.0"}},
		"replica":                  {[]string{"role:master", "role:slave"}, 0, failing, []string{"replica", "?master="}},
		"cluster":                  {[]string{"standalone", "cluster"}, 0, failing, []string{"Cluster", "?cluster=true"}},
		"sentinel":                 {[]string{"standalone", "sentinel"}, 0, failing, []string{"Sentinel", "?master="}},
		"cannot save":              {[]string{"status:ok", "status:err"}, 0, doubtful, []string{"snapshot"}},
		"clock ahead":              {nil, 10 * time.Second, doubtful, []string{"ahead of this machine", "time server"}},
		"clock behind":             {nil, -time.Minute, failing, []string{"behind this machine"}},
		"clock a little different": {nil, time.Second, sound, nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			code := exitOK
			if test.want == failing {
				code = exitFailed
			}
			info := strings.NewReplacer(test.replace...).Replace(goodInfo)
			r := checkup(t, embeddedWorld(t), code, "REDIS_URL=redis://"+fakeRedis(t, info, test.ahead))
			r.wants(t, "sessions", test.want, test.says...)
			if n := len(slices.DeleteFunc(r.Findings, func(f finding) bool { return f.Check != "sessions" })); n != 1 {
				t.Errorf("got %d findings of sessions, want one", n)
			}
		})
	}
}

func TestCheckupOfPostgres(t *testing.T) {
	t.Parallel()
	const near, far = "postgres://u@localhost/x?sslmode=disable", "postgres://u@db/x?sslmode=disable"
	good := store.Condition{Version: "PostgreSQL 16.4", Schema: "public", Most: 100, Used: 5, Limits: true, Commit: "on", Flush: true}
	with := func(change func(c *store.Condition)) store.Condition {
		c := good
		change(&c)
		return c
	}
	for name, test := range map[string]struct {
		condition store.Condition
		address   string
		want      verdict // "" = nothing
		says      []string
	}{
		"good":          {good, near, "", nil},
		"with TLS":      {good, "postgres://u@db/x?sslmode=verify-full", "", nil},
		"plain text":    {good, far, doubtful, []string{"plain text", "sslmode=verify-full"}},
		"plain, hosts":  {good, "postgres://u@/x?host=localhost,db&port=1,2&sslmode=disable", doubtful, []string{"plain text"}},
		"socket":        {good, "postgres://u@/x?host=/run/postgresql&sslmode=disable", "", nil},
		"old":           {with(func(c *store.Condition) { c.TooOld = true }), near, failing, []string{"older than 13"}},
		"standby":       {with(func(c *store.Condition) { c.Standby, c.ReadOnly = true, true }), near, failing, []string{"standby", "target_session_attrs"}},
		"read-only":     {with(func(c *store.Condition) { c.ReadOnly = true }), near, failing, []string{"default_transaction_read_only"}},
		"no schema":     {with(func(c *store.Condition) { c.Schema = "" }), near, failing, []string{"schema"}},
		"too few":       {with(func(c *store.Condition) { c.Most = 15 }), near, failing, []string{"15 connections", "max_connections"}},
		"just enough":   {with(func(c *store.Condition) { c.Most = 22 }), near, "", nil},
		"nearly all":    {with(func(c *store.Condition) { c.Used = 90 }), near, doubtful, []string{"90 of 100"}},
		"without ours":  {with(func(c *store.Condition) { c.Limits = false }), near, doubtful, []string{"PgBouncer", "statement_timeout"}},
		"lax":           {with(func(c *store.Condition) { c.Commit = "off" }), near, doubtful, []string{"synchronous_commit"}},
		"without fsync": {with(func(c *store.Condition) { c.Flush = false }), near, doubtful, []string{"fsync"}},
	} {
		var r result
		serverFindings(&r, Config{DatabaseURL: test.address}, test.condition)
		if test.want == "" {
			if len(r.findings) > 0 {
				t.Errorf("%s: got %+v, want nothing", name, r.findings)
			}
			continue
		}
		if len(r.findings) != 1 || r.findings[0].Verdict != test.want {
			t.Errorf("%s: got %+v, want one %s", name, r.findings, test.want)
			continue
		}
		for _, part := range test.says {
			if f := r.findings[0]; !strings.Contains(f.Found+f.Fix, part) {
				t.Errorf("%s: got %+v, want it to say %q", name, f, part)
			}
		}
	}
}

func TestCheckupOfPlace(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		check string
		more  []string
		code  int
		want  verdict
		says  string
	}{
		{"public url", []string{"USHER_PUBLIC_URL=https://sso.acme.de"}, exitOK, sound, "__Host-"},
		{"public url", []string{"USHER_PUBLIC_URL=https://sso.example.com"}, exitOK, doubtful, "does not know"},
		{"public url", []string{"USHER_PUBLIC_URL=https://sso"}, exitOK, doubtful, "does not know"},
		{"public url", []string{"USHER_PUBLIC_URL=https://192.0.2.7"}, exitOK, doubtful, "passkeys"},
		{"public url", []string{"USHER_PUBLIC_URL=http://localhost:9000"}, exitOK, sound, "this machine"},
		{"proxies", []string{"USHER_PUBLIC_URL=https://sso.acme.de"}, exitOK, doubtful, "USHER_TRUSTED_PROXIES"},
		{"proxies", []string{"USHER_TRUSTED_PROXIES=10.0.0.0/8,192.0.2.1,fd00::/16"}, exitOK, sound, "3 networks"},
		{"proxies", []string{"USHER_TRUSTED_PROXIES=0.0.0.0/1,128.0.0.0/1"}, exitFailed, failing, "0.0.0.0/1, 128.0.0.0/1"},
		{"proxies", []string{"USHER_TRUSTED_PROXIES=::/1"}, exitFailed, failing, "::/1"},
	} {
		checkup(t, embeddedWorld(t), test.code, test.more...).wants(t, test.check, test.want, test.says)
	}
	wide := netip.MustParsePrefix("10.0.0.0/7")
	if r := lookAtProxies(t.Context(), &patient{cfg: Config{TrustedProxies: []netip.Prefix{wide}}}); r.findings[0].Verdict != failing {
		t.Errorf("%s: got %+v, want it to fail", wide, r.findings)
	}
}

// TestCheckupOfFolder: others on the machine, a file in the folder's place, and a
// folder that is not there.
func TestCheckupOfFolder(t *testing.T) {
	t.Parallel()
	w := embeddedWorld(t)
	command(t, w, exitOK, "migrate")
	change := func(name string, mode os.FileMode) {
		t.Helper()
		if err := os.Chmod(filepath.Join(w.folder(), name), mode); err != nil { //nolint:gosec // modes that are too wide are what is tested
			t.Fatal(err)
		}
	}
	change("", 0o700)
	checkup(t, w, exitOK).wants(t, "data folder", sound, "by its owner alone")
	change(masterKeyFile, 0o644) // nobody else gets there
	checkup(t, w, exitOK).wants(t, "data folder", sound)
	change("", 0o755)
	r := checkup(t, w, exitFailed)
	r.wants(t, "data folder", doubtful, "0755", "chmod 700")
	r.wants(t, "data folder", failing, masterKeyFile, "0644", "chmod 600")
	file := filepath.Join(w.folder(), masterKeyFile)
	checkup(t, w, exitFailed, "USHER_DATA_DIR="+file).wants(t, "data folder", failing, "is not a folder")
	checkup(t, w, exitOK, "USHER_DATA_DIR="+filepath.Join(w.folder(), "none")).wants(t, "data folder", sound, "first start makes it")
}

// TestNearestFolder is where a folder that is missing would be made.
func TestNearestFolder(t *testing.T) {
	t.Parallel()
	there := t.TempDir()
	for _, folder := range []string{"a", "a/b/c"} {
		if got := nearestFolder(filepath.Join(there, folder)); got != there {
			t.Errorf("%s: got %s, want %s", folder, got, there)
		}
	}
	if got := nearestFolder("no-such-folder/data"); got != "." {
		t.Errorf("a relative one: got %s, want .", got)
	}
}

// TestCheckupIsBounded: a check that hangs is left behind, and one of very many
// findings is cut.
func TestCheckupIsBounded(t *testing.T) {
	t.Parallel()
	p := &patient{tenants: make([]store.Tenant, mostTenants+1)}
	looked, err := p.eachTenant(func(store.Tenant) error { return nil })
	r := p.finish(result{}, looked, err, "well")
	if len(r.findings) != 1 || r.findings[0].Found != fmt.Sprintf("%d of %d tenants were looked at, for want of time", mostTenants, mostTenants+1) {
		t.Errorf("got %+v, want it said that some were left out", r.findings)
	}
	var many result
	for range mostTold + 5 {
		many.add(doubtful, "one more", "")
	}
	if r := (&patient{}).finish(many, 0, nil, "well"); len(r.findings) != mostTold+1 || !strings.Contains(r.findings[mostTold].Found, "5 lines more") {
		t.Errorf("got %d findings, want %d and how many more", len(r.findings), mostTold)
	}
	if r := (&patient{}).finish(result{}, 0, store.ErrUnavailable, "well"); len(r.findings) != 1 || r.findings[0].Verdict != failing {
		t.Errorf("got %+v, want a failure", r.findings)
	}
}

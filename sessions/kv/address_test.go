package kv

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestParseURL(t *testing.T) {
	t.Parallel()
	type server struct {
		Addrs                  []string
		DB                     int
		User, Password, Master string
		SentinelUser           string
		SentinelPassword       string
		Cluster, TLS           bool
	}
	for _, test := range []struct {
		url  string
		want server
	}{
		{"redis://localhost", server{Addrs: []string{"localhost:6379"}}},
		{"redis://localhost/", server{Addrs: []string{"localhost:6379"}}},
		{"redis://127.0.0.1:7000/3", server{Addrs: []string{"127.0.0.1:7000"}, DB: 3}},
		{"redis://[::1]:7000", server{Addrs: []string{"[::1]:7000"}}},
		{"redis://[::1]", server{Addrs: []string{"[::1]:6379"}}},
		{"redis://:hu%40sh@h", server{Addrs: []string{"h:6379"}, Password: "hu@sh"}},
		{"redis://me:hush@h", server{Addrs: []string{"h:6379"}, User: "me", Password: "hush"}},
		{"rediss://me:a@b:c@h", server{Addrs: []string{"h:6379"}, User: "me", Password: "a@b:c", TLS: true}},
		{"unix:///run/redis.sock", server{Addrs: []string{"/run/redis.sock"}}},
		{"unix://:hush@/run/redis.sock?db=2", server{Addrs: []string{"/run/redis.sock"}, Password: "hush", DB: 2}},
		{"redis://:hush@a:1,b:2,c", server{Addrs: []string{"a:1", "b:2", "c:6379"}, Password: "hush"}},
		{"rediss://a?cluster=true", server{Addrs: []string{"a:6379"}, Cluster: true, TLS: true}},
		{"redis://:hush@a,b:1/4?master=m&sentinel_username=su&sentinel_password=sp", server{
			Addrs: []string{"a:26379", "b:1"}, Password: "hush", DB: 4, Master: "m", SentinelUser: "su", SentinelPassword: "sp",
		}},
	} {
		opts, err := parseURL(test.url)
		if err != nil {
			t.Errorf("parseURL(%q): %v", test.url, err)
			continue
		}
		got := server{
			opts.Addrs, opts.DB, opts.Username, opts.Password, opts.MasterName,
			opts.SentinelUsername, opts.SentinelPassword, opts.IsClusterMode, opts.TLSConfig != nil,
		}
		if diff := cmp.Diff(test.want, got); diff != "" {
			t.Errorf("parseURL(%q): got other options than wanted (-want +got):\n%s", test.url, diff)
		}
		if !opts.ContextTimeoutEnabled {
			t.Errorf("parseURL(%q): got context deadlines ignored, want them heeded", test.url)
		}
	}
}

var badURLs = []string{
	"", "localhost:6379", "http://:hush@h", "redis://", "redis://:hush@", "redis://:hush@h:0", "redis://:hush@h:x",
	"redis://:hush@h:99999", "redis://:hush@h/x", "redis://:hush@h/-1", "redis://:hush@h/1/2", "redis://:hush@::1",
	"redis://:hush@a,,b", "redis://:hush@a,b/1", "redis://:hush@a?cluster=true&master=m", "redis://:hush@h?x=1",
	"redis://:hush@h?%zz", "redis://:hush%zz@h", "unix://:hush@h/path", "unix://", "unix:///p?db=x", "unix:///p?master=m",
}

func TestParseURLRefuses(t *testing.T) {
	t.Parallel()
	for _, url := range badURLs {
		if opts, err := parseURL(url); err == nil {
			t.Errorf("parseURL(%q): got %v, want an error", url, opts.Addrs)
		} else if strings.Contains(err.Error(), "hush") {
			t.Errorf("parseURL(%q): got the password in %q, want it left out", url, err)
		}
	}
}

// FuzzParseURL: no panic, no address that is empty, no password in an error.
func FuzzParseURL(f *testing.F) {
	f.Add("redis://me:hush@a:1,[::1]:2,c/0?cluster=true")
	f.Add("unix://:hush@/run/redis.sock?db=2")
	for _, url := range badURLs {
		f.Add(url)
	}
	f.Fuzz(func(t *testing.T, url string) {
		opts, err := parseURL(url)
		if err != nil {
			if strings.Contains(err.Error(), "hush") {
				t.Errorf("got the password in %q, want it left out", err)
			}
			return
		}
		if len(opts.Addrs) == 0 {
			t.Error("got no address, want one")
		}
		for _, address := range opts.Addrs {
			if address == "" || strings.HasPrefix(address, ":") {
				t.Errorf("got address %q, want a host", address)
			}
		}
	})
}

package kv_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/base64"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"usher/sessions/kv"
	"usher/sessions/kv/kvtest"
)

// fakeServer answers every command with what answer returns; nothing, when
// that is "". It returns the URL.
func fakeServer(t *testing.T, answer func(command string) string) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var running sync.WaitGroup
	running.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			running.Go(func() {
				defer conn.Close()
				for in := bufio.NewReader(conn); ; {
					command, err := readCommand(in)
					if err != nil {
						return
					}
					reply := answer(command)
					if reply == "hang up" {
						return
					}
					if _, err := io.WriteString(conn, reply); err != nil {
						return
					}
				}
			})
		}
	})
	t.Cleanup(func() {
		listener.Close()
		running.Wait()
	})
	return "redis://user:hush@" + listener.Addr().String()
}

// readCommand reads an array of bulk strings and returns them joined.
func readCommand(in *bufio.Reader) (string, error) {
	var n int
	if _, err := fmt.Fscanf(in, "*%d\r\n", &n); err != nil {
		return "", err
	}
	words := make([]string, n)
	for i := range words {
		var length int
		if _, err := fmt.Fscanf(in, "$%d\r\n", &length); err != nil {
			return "", err
		}
		word := make([]byte, length+2)
		if _, err := io.ReadFull(in, word); err != nil {
			return "", err
		}
		words[i] = string(word[:length])
	}
	return strings.Join(words, " "), nil
}

// openFake opens a store on a server that takes the log-in and then answers
// with answer.
func openFake(t *testing.T, answer func(command string) string) *kv.Redis {
	t.Helper()
	return openFakeBy(t, kv.OpenRedis, answer)
}

func openFakeBy(t *testing.T, open func(url, prefix string, now func() time.Time) (*kv.Redis, error), answer func(command string) string) *kv.Redis {
	t.Helper()
	url := fakeServer(t, func(command string) string {
		command = strings.ToLower(command)
		switch {
		case strings.HasPrefix(command, "hello"):
			return "-ERR unknown command\r\n"
		case strings.HasPrefix(command, "auth"):
			return "+OK\r\n"
		default:
			return answer(command)
		}
	})
	store, err := open(url, kv.DefaultPrefix, time.Now)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := store.Close(); err != nil {
			t.Error(err)
		}
	})
	return store
}

// TestFaults: whatever a server answers that is not the answer, the call ends
// in time with an error and without a value.
func TestFaults(t *testing.T) {
	t.Parallel()
	const full = "-OOM command not allowed when used memory > 'maxmemory'.\r\n"
	for _, test := range []struct {
		name   string
		answer func(command string) string
	}{
		{"hangs up", func(string) string { return "hang up" }},
		{"silent", func(string) string { return "" }},
		{"half a reply", func(string) string { return "$100\r\nhalf" }},
		{"garbage", func(string) string { return "\x00\xff\r\n" }},
		{"endless nesting", func(string) string { return strings.Repeat("*1\r\n", 1000) }},
		{"wrong types", func(string) string { return "*2\r\n:1\r\n:2\r\n" }},
		{"full", func(string) string { return full }},
		{"full for the last command only", func(command string) string {
			switch {
			case strings.HasPrefix(command, "get"), strings.HasPrefix(command, "zscore"):
				return "$-1\r\n"
			case strings.HasPrefix(command, "zmscore"):
				return "*1\r\n$-1\r\n"
			case strings.HasPrefix(command, "set"):
				return "+OK\r\n"
			case strings.HasPrefix(command, "pexpire"), strings.HasPrefix(command, "zrem"):
				return ":0\r\n"
			default:
				return full
			}
		}},
		{"read-only", func(string) string { return "-READONLY You can't write against a read only replica.\r\n" }},
		{"loading", func(string) string { return "-LOADING Redis is loading the dataset in memory\r\n" }},
		{"follows a lost master", func(string) string {
			return "-MASTERDOWN Link with MASTER is down and replica-serve-stale-data is set to 'no'.\r\n"
		}},
		{"too few replicas", func(string) string { return "-NOREPLICAS Not enough good replicas to write.\r\n" }},
		{"cannot save", func(string) string { return "-MISCONF Redis is configured to save RDB snapshots\r\n" }},
		{"lost its part of a Cluster", func(string) string { return "-CLUSTERDOWN Hash slot not served\r\n" }},
		{"moves a slot", func(string) string { return "-TRYAGAIN Multiple keys request during rehashing of slot\r\n" }},
		{"a counter that is none", func(command string) string {
			switch {
			case strings.HasPrefix(command, "zscore"):
				return "$3\r\n1.5\r\n"
			case strings.HasPrefix(command, "zmscore"):
				return "*1\r\n$3\r\n1.5\r\n"
			case strings.HasPrefix(command, "zrange "):
				return "*2\r\n$1\r\na\r\n$4\r\n1e99\r\n"
			case strings.HasPrefix(command, "zrangebyscore"):
				return "*1\r\n$5\r\nepoch\r\n"
			case strings.HasPrefix(command, "get"):
				return "$1\r\nv\r\n"
			case strings.HasPrefix(command, "set"):
				return "+OK\r\n"
			default:
				return ":1\r\n"
			}
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			store := openFake(t, test.answer)
			ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
			defer cancel()
			value, generations, err := store.Get(ctx, "t", kv.Key{1})
			if err == nil || value != nil || generations != nil {
				t.Errorf("Get: got %q, %v, %v; want an error only", value, generations, err)
			}
			replaced, _, _, putErr := store.Put(ctx, "t", "u", kv.Key{1}, []byte("v"), time.Hour, "i", kv.Key{2})
			if putErr == nil || replaced != nil {
				t.Errorf("Put: got %q, %v; want an error only", replaced, putErr)
			}
			for _, err := range []error{err, putErr} {
				if err != nil && strings.Contains(err.Error(), "hush") {
					t.Errorf("got the password in %q, want it left out", err)
				}
			}
			if ctx.Err() != nil {
				t.Error("got no answer within 3 s, want one")
			}
		})
	}
}

// TestDeadline: the caller's deadline bounds the wait for a silent server
// (hazard H16).
func TestDeadline(t *testing.T) {
	t.Parallel()
	// The store itself would wait for longer than the test does.
	patiently := func(url, prefix string, now func() time.Time) (*kv.Redis, error) {
		return kv.OpenPatientRedis(url, prefix, now, kvtest.Patience)
	}
	store := openFakeBy(t, patiently, func(string) string { return "" })
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	start := time.Now()
	if _, _, err := store.Get(ctx, "t", kv.Key{1}); err == nil {
		t.Error("got no error, want one")
	}
	if took := time.Since(start); took > 20*time.Second {
		t.Errorf("got the error after %v, want it at the deadline of 50 ms", took)
	}
}

// TestRetry: a connection that breaks is forgiven once, except to Put, whose
// first copy may still arrive.
func TestRetry(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	seen := map[string]int{}
	store := openFake(t, func(command string) string {
		mu.Lock()
		defer mu.Unlock()
		name, _, _ := strings.Cut(command, " ")
		seen[name]++
		switch {
		case seen[name] == 1:
			return "hang up"
		case name == "get":
			return "$1\r\nv\r\n"
		default:
			return "*0\r\n"
		}
	})
	// The first GET and the first ZRANGE each break a connection.
	if _, _, err := store.Get(t.Context(), "t", kv.Key{1}); err == nil {
		t.Error("Get over two broken connections: got no error, want one")
	}
	value, _, err := store.Get(t.Context(), "t", kv.Key{1})
	if err != nil || string(value) != "v" {
		t.Errorf("Get: got %q, %v; want v", value, err)
	}
	if _, _, _, err := store.Put(t.Context(), "t", "u", kv.Key{1}, []byte("v"), time.Hour, "i", kv.Key{}); err == nil {
		t.Error("Put: got no error, want one")
	}
	mu.Lock()
	defer mu.Unlock()
	if seen["set"] != 1 {
		t.Errorf("got SET %d times, want it once", seen["set"])
	}
}

func TestIDs(t *testing.T) {
	t.Parallel()
	store := openFake(t, func(string) string {
		t.Error("got a command, want none")
		return "hang up"
	})
	for _, id := range []string{"", "a:b", "a/b", "{a}", "a b", "ä", "a\r\n", strings.Repeat("a", 65)} {
		if _, _, err := store.Get(t.Context(), id, kv.Key{1}); err == nil {
			t.Errorf("Get with tenant %q: got no error, want one", id)
		}
		if _, _, _, err := store.Put(t.Context(), "t", id, kv.Key{1}, []byte("v"), time.Hour, "i", kv.Key{}); err == nil {
			t.Errorf("Put with user %q: got no error, want one", id)
		}
		if err := store.Raise(t.Context(), "t", id, 1); err == nil {
			t.Errorf("Raise with integration %q: got no error, want one", id)
		}
	}
}

// TestOrder: what keeps a sign-in from slipping past an ending is the order of
// the commands (see the package comment); a server takes a pipeline in hardly
// any time, so no race would show a wrong one.
func TestOrder(t *testing.T) {
	t.Parallel()
	member := base64.RawURLEncoding.EncodeToString(bytes.Repeat([]byte{7}, 32))
	for _, test := range []struct {
		name string
		call func(ctx context.Context, store *kv.Redis) error
		want []string
	}{
		{"Put stores and lists before it reads", func(ctx context.Context, store *kv.Redis) error {
			_, _, _, err := store.Put(ctx, "t", "u", kv.Key{1}, []byte("v"), time.Hour, "i", kv.Key{2})
			return err
		}, []string{"getdel s", "set s", "zadd u", "zrem u", "zremrangebyscore u", "pexpire u", "zmscore u", "zscore g"}},
		{"Retire raises before it lists", func(ctx context.Context, store *kv.Redis) error {
			return store.Retire(ctx, "t", "u", 1)
		}, []string{"zadd u", "pexpire u", "zrangebyscore u", "role", "del s", "zrem u", "role"}},
		{"Replace lists before it prolongs", func(ctx context.Context, store *kv.Redis) error {
			_, err := store.Replace(ctx, "t", "u", kv.Key{1}, []byte("v"), time.Hour)
			return err
		}, []string{"zadd u", "pexpire u", "set s"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			var mu sync.Mutex
			var got []string
			store := openFake(t, func(command string) string {
				mu.Lock()
				defer mu.Unlock()
				words := strings.Fields(command)
				if words[0] == "role" { // has no key
					got = append(got, words[0])
					return "-ERR unknown command\r\n"
				}
				got = append(got, words[0]+" "+strings.Split(words[1], ":")[1])
				switch words[0] {
				case "getdel", "zscore":
					return "$-1\r\n"
				case "zmscore":
					return "*1\r\n$-1\r\n"
				case "set":
					return "+OK\r\n"
				case "zrangebyscore":
					return fmt.Sprintf("*1\r\n$%d\r\n%s\r\n", len(member), member)
				default:
					return ":1\r\n"
				}
			})
			if err := test.call(t.Context(), store); err != nil {
				t.Fatal(err)
			}
			mu.Lock()
			defer mu.Unlock()
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("got other commands than wanted (-want +got):\n%s", diff)
			}
		})
	}
}

// TestCondition asks servers how they are that refuse the half of it.
func TestCondition(t *testing.T) {
	t.Parallel()
	const info = "redis_version:7.0.0\r\nredis_mode:standalone\r\nrole:master\r\n"
	bulk := func(text string) string { return fmt.Sprintf("$%d\r\n%s\r\n", len(text), text) }
	for name, test := range map[string]struct {
		config, time, info string
		want               kv.NodeCondition // but for the clock
		fails              bool
	}{
		"good":           {"*2\r\n$4\r\nsave\r\n$6\r\n3600 1\r\n", "", bulk(info), kv.NodeCondition{Version: "7.0.0", Mode: "standalone", Snapshots: "3600 1"}, false},
		"config refused": {"-NOPERM no permissions\r\n", "", bulk(info), kv.NodeCondition{Version: "7.0.0", Mode: "standalone"}, false},
		"sentinel":       {"", "-ERR unknown command\r\n", bulk("redis_mode:sentinel\r\n"), kv.NodeCondition{Mode: "sentinel"}, false},
		"info refused":   {"", "", "-NOPERM no permissions\r\n", kv.NodeCondition{}, true},
		"config silent":  {"", "", bulk(info), kv.NodeCondition{}, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			store := openFake(t, func(command string) string {
				switch {
				case strings.HasPrefix(command, "info"):
					return test.info
				case strings.HasPrefix(command, "time") && test.time == "":
					ahead := fmt.Sprint(time.Now().Add(time.Minute).Unix())
					return "*2\r\n" + bulk(ahead) + bulk("0")
				case strings.HasPrefix(command, "time"):
					return test.time
				case strings.HasPrefix(command, "config"):
					return test.config
				}
				return "-ERR unknown command\r\n"
			})
			got, err := store.Condition(t.Context())
			if (err != nil) != test.fails {
				t.Fatalf("got %+v, error %v, want an error: %v", got, err, test.fails)
			}
			if test.fails {
				return
			}
			if got[0].Mode == "standalone" && (got[0].Ahead-time.Minute).Abs() > 20*time.Second {
				t.Errorf("got %v ahead, want a minute", got[0].Ahead)
			}
			got[0].Ahead = 0
			if diff := cmp.Diff([]kv.NodeCondition{test.want}, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

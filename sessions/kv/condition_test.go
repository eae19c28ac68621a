package kv

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestParseInfo(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		text string
		want NodeCondition
	}{
		"nothing": {"", NodeCondition{}},
		"a master": {
			"# Server\r\nredis_version:7.2.4\r\nredis_mode:standalone\r\n# Memory\r\nused_memory:1048576\r\nmaxmemory:2097152\r\nmaxmemory_policy:allkeys-lru\r\n" +
				"# Persistence\r\naof_enabled:1\r\nrdb_last_bgsave_status:ok\r\n# Stats\r\nevicted_keys:12\r\n# Replication\r\nrole:master\r\n",
			NodeCondition{Version: "7.2.4", Mode: "standalone", Used: 1 << 20, Most: 2 << 20, Eviction: "allkeys-lru", AppendOnly: true, Evicted: 12},
		},
		"a replica that cannot save": {
			"redis_version:6.2.0\nrole:slave\nrdb_last_bgsave_status:err\nmaxmemory:much",
			NodeCondition{Version: "6.2.0", Replica: true, SaveFailed: true},
		},
	} {
		if diff := cmp.Diff(test.want, parseInfo(test.text)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

func FuzzParseInfo(f *testing.F) {
	f.Add("redis_version:7\r\nmaxmemory:1\r\n:\r\nused_memory:-1")
	f.Fuzz(func(t *testing.T, text string) {
		if got := parseInfo(text); got.Ahead != 0 || got.Snapshots != "" {
			t.Errorf("got %+v, want nothing that INFO does not say", got)
		}
	})
}

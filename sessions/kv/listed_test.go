package kv_test

import (
	"crypto/rand"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/redis/go-redis/v9"

	"usher/sessions/kv"
	"usher/testenv"
)

// TestEndedSessionsLeaveTheList: somebody who signs in again and again does not
// leave a longer and longer list.
func TestEndedSessionsLeaveTheList(t *testing.T) {
	t.Parallel()
	if !testenv.HasRedis() {
		return
	}
	url, prefix, now := testenv.RedisURL(t), "test-"+rand.Text()+":", time.Now()
	store, err := kv.OpenRedis(url, prefix, func() time.Time { return now })
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = store.Close() })
	options, err := redis.ParseURL(url)
	if err != nil {
		t.Fatal("want the URL of a Redis") // err may hold the password
	}
	raw := redis.NewClient(options)
	t.Cleanup(func() { _ = raw.Close() })
	tenant, user, integration, ctx := uuid.NewString(), uuid.NewString(), uuid.NewString(), t.Context()

	longest := int64(0)
	for range 500 {
		var key kv.Key
		_, _ = rand.Read(key[:])
		if _, _, _, err := store.Put(ctx, tenant, user, key, []byte("v"), time.Minute, integration, kv.Key{}); err != nil {
			t.Fatal(err)
		}
		listed, err := raw.ZCard(ctx, prefix+"u:"+tenant+":"+user).Result()
		if err != nil {
			t.Fatal(err)
		}
		longest = max(longest, listed)
		now = now.Add(2 * time.Hour) // the session has long ended
	}
	// One in eight clears the list: with 200 in a row that do not, once in 10¹¹ runs
	// of this test.
	if longest > 200 {
		t.Errorf("got a list of up to %d of 500 ended sessions, want it cleared", longest)
	}
	if err := raw.Del(ctx, prefix+"u:"+tenant+":"+user).Err(); err != nil {
		t.Error(err)
	}
}

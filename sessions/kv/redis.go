package kv

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/logging"
)

// DefaultPrefix begins every key of ours in Redis.
const DefaultPrefix = "usher:"

// Redis is the store on a Redis 6.2+ protocol server, single, behind Sentinel,
// or a Cluster. It uses three kinds of keys:
//
//	s:tenant:key    string      the value, with its time to live
//	u:tenant:user   sorted set  the user's keys, scored by the millisecond at
//	                            which they end, and the member "epoch", scored
//	                            by the negative epoch
//	g:tenant        sorted set  the tenant's integrations, scored by generation
//	w:{key}         string      nothing; written for a second beside key when an
//	                            ending waits for a replica
//
// Sorted sets, because ZADD with GT or LT is the one command that raises a
// number and never lowers it. Only commands of a single key are used, so that
// they work in the pipelines of a Cluster; on a single server every method
// that a sign-in or a check calls is one pipeline, hence one round trip.
//
// Redis must not evict keys of sessions (maxmemory-policy noeviction). When
// it did so nonetheless, or restarted empty, sessions end and generations
// become unknown; but a session whose u: key alone was evicted is missed by
// List and Retire.
type Redis struct {
	client  redis.UniversalClient
	cluster bool
	prefix  string
	now     func() time.Time
	company gatherer
	tell    Watcher // nil = nobody wants to know
	debts   *debts

	pipelines sync.Pool // of redis.Pipeliner, empty
	puttings  sync.Pool // of *putting
	gettings  sync.Pool // of *getting
	askings   sync.Pool // of *asking
	tenants   sync.Map  // of *tenantGenerations, by tenant
}

var _ Store = (*Redis)(nil)

const (
	epochMember = "epoch" // shorter than any key, so it is none
	indexLife   = MaxLife + 24*time.Hour
	// pruneDelay keeps ended keys listed for a while, so that the clocks of
	// our instances and of Redis need not agree to the millisecond.
	pruneDelay = time.Hour
	// pruneShare is the share of sessions, as 1 in so many, that take ended ones off
	// the list when they begin: a look that all but always finds nothing would
	// be a sixth of what a sign-in asks of Redis.
	pruneShare = 8
)

// OpenRedis opens the Redis that url names. It does not connect yet.
//
//	redis://[user:password@]host[:port][/database]       one server
//	rediss://…                                           the same over TLS
//	unix:///path/to/socket[?db=1]                        one server, local socket
//	redis://[…@]host1:port,host2:port                    Cluster, seed nodes
//	redis://[…@]host[:port]?cluster=true                 Cluster, one seed node
//	redis://[…@]sentinel1,sentinel2[/database]?master=name
//	                                                     Sentinel; it may want
//	                                                     &sentinel_username=…&sentinel_password=…
//
// User name and password are percent-encoded. Every key begins with prefix,
// which holds no braces. now is the clock of the user index only; times to
// live are counted by Redis.
func OpenRedis(url, prefix string, now func() time.Time) (*Redis, error) {
	return openRedis(url, prefix, now, func(*redis.UniversalOptions) {})
}

// OpenPatientRedis is [OpenRedis] that waits for as long as patience for each answer
// and each connection: tests on a busy machine want no fault of that machine.
func OpenPatientRedis(url, prefix string, now func() time.Time, patience time.Duration) (*Redis, error) {
	return openRedis(url, prefix, now, func(opts *redis.UniversalOptions) {
		opts.DialTimeout, opts.PoolTimeout = patience, patience
		opts.ReadTimeout, opts.WriteTimeout = patience, patience
	})
}

func openRedis(url, prefix string, now func() time.Time, change func(*redis.UniversalOptions)) (*Redis, error) {
	opts, err := parseURL(url)
	if err != nil {
		return nil, err
	}
	change(opts)
	// Otherwise it writes lines of its own to standard error, with addresses.
	// What fails comes back to us as an error anyway.
	logging.Disable()
	client := redis.NewUniversalClient(opts)
	_, cluster := client.(*redis.ClusterClient)
	r := &Redis{client: client, cluster: cluster, prefix: prefix, now: now}
	r.company.send = r.send
	r.debts = newDebts(func(ctx context.Context, steps []step) error { return r.confirm(ctx, steps, true) })
	return r, nil
}

// Ping asks the server for a sign of life.
func (r *Redis) Ping(ctx context.Context) error {
	if err := r.client.Ping(ctx).Err(); err != nil {
		return fmt.Errorf("kv: ping: %w", err)
	}
	return nil
}

// Close lets go of every connection.
func (r *Redis) Close() error {
	r.debts.close()
	return r.client.Close()
}

// Put implements [Values]: one round trip, two on a Cluster.
//
// What it stores is sent once. Had it been repeated after a time-out, the first
// copy could still arrive after the session was ended, and bring it back.
func (r *Redis) Put(ctx context.Context, tenant, user string, key Key, value []byte, ttl time.Duration,
	integration string, replaces Key,
) (replaced []byte, epoch, generation int64, err error) {
	if err := errors.Join(checkIDs(tenant, user, integration), checkTTL(ttl)); err != nil {
		return nil, 0, 0, fmt.Errorf("kv: put: %w", err)
	}
	put := r.putting(tenant, user, key, value, ttl, integration)
	var old *redis.StringCmd
	err = r.inOrder(ctx, func(p redis.Pipeliner) {
		if replaces != (Key{}) {
			old = p.GetDel(ctx, r.valueKey(tenant, replaces))
		}
		_ = p.Process(ctx, once{put.set}) // only remembers it
	}, func(p redis.Pipeliner) {
		_ = p.Process(ctx, put.list)
		if replaces != (Key{}) {
			p.ZRem(ctx, put.index, member(replaces))
		}
		if prunes(key) {
			_ = p.Process(ctx, put.prune)
		}
		_ = p.BatchProcess(ctx, put.keep, put.epoch, put.generation)
	})
	if err != nil {
		return nil, 0, 0, fmt.Errorf("kv: put: %w", err)
	}
	epoch, generation, err = counters(put.epoch, put.generation)
	r.done(put)
	if err != nil {
		return nil, 0, 0, fmt.Errorf("kv: put: %w", err)
	}
	if old != nil && old.Err() == nil {
		replaced = []byte(old.Val())
	}
	return replaced, epoch, generation, nil
}

// Get implements [Values]: one round trip.
func (r *Redis) Get(ctx context.Context, tenant string, key Key) ([]byte, map[string]int64, error) {
	if err := checkIDs(tenant); err != nil {
		return nil, nil, fmt.Errorf("kv: get: %w", err)
	}
	var get *getting
	err := r.retry(ctx, func(p redis.Pipeliner) {
		get = r.getting(tenant, key)
		_ = p.BatchProcess(ctx, get.value, get.generations) // only remembers them
	})
	if err != nil {
		return nil, nil, fmt.Errorf("kv: get: %w", err)
	}
	found, _ := get.value.Bytes() // nil when there is none: every other fault has been dealt with
	generations, err := r.generations(tenant, get.generations)
	r.gettings.Put(get)
	if err != nil {
		return nil, nil, fmt.Errorf("kv: get: %w", err)
	}
	return found, generations, nil
}

// Replace implements [Values]: one round trip, two on a Cluster. The later end
// is listed before it is given, so that no living session is unlisted.
func (r *Redis) Replace(ctx context.Context, tenant, user string, key Key, value []byte, ttl time.Duration) (bool, error) {
	if err := errors.Join(checkIDs(tenant, user), checkTTL(ttl)); err != nil {
		return false, fmt.Errorf("kv: replace: %w", err)
	}
	index := r.userKey(tenant, user)
	var set *redis.BoolCmd
	err := r.retry(ctx, func(p redis.Pipeliner) {
		p.ZAddGT(ctx, index, redis.Z{Score: milliseconds(r.now().Add(ttl)), Member: member(key)})
		p.PExpire(ctx, index, indexLife)
	}, func(p redis.Pipeliner) {
		set = p.SetXX(ctx, r.valueKey(tenant, key), value, ttl)
	})
	if err != nil {
		return false, fmt.Errorf("kv: replace: %w", err)
	}
	return set.Val(), nil
}

// Delete implements [Values]: one round trip, two on a Cluster, and more where
// there are replicas. It may return [ErrUnconfirmed].
func (r *Redis) Delete(ctx context.Context, tenant, user string, keys ...Key) error {
	if err := checkIDs(tenant, user); err != nil {
		return fmt.Errorf("kv: delete: %w", err)
	}
	if len(keys) == 0 {
		return nil
	}
	role, steps, err := r.remove(ctx, tenant, user, keys)
	if err == nil {
		err = r.lasts(ctx, role, steps...)
	}
	if err != nil {
		return fmt.Errorf("kv: delete: %w", err)
	}
	return nil
}

// remove takes sessions away, and returns what for [Redis.lasts].
func (r *Redis) remove(ctx context.Context, tenant, user string, keys []Key) (role *redis.Cmd, steps []step, err error) {
	members := make([]any, len(keys))
	for i, key := range keys {
		members[i] = member(key)
		steps = append(steps, r.delValue(tenant, key))
	}
	listed := r.delListed(tenant, user, members...)
	err = r.retry(ctx, func(p redis.Pipeliner) {
		for _, s := range steps {
			s.do(ctx, p)
		}
	}, func(p redis.Pipeliner) {
		listed.do(ctx, p)
		role = r.askRole(ctx, p)
	})
	return role, append(steps, listed), err
}

// List implements [Users]: two round trips.
func (r *Redis) List(ctx context.Context, tenant, user string) (map[Key][]byte, map[string]int64, error) {
	if err := checkIDs(tenant, user); err != nil {
		return nil, nil, fmt.Errorf("kv: list: %w", err)
	}
	var listed *redis.StringSliceCmd
	err := r.retry(ctx, func(p redis.Pipeliner) {
		listed = p.ZRangeByScore(ctx, r.userKey(tenant, user), &redis.ZRangeBy{Min: "(0", Max: "+inf"})
	})
	if err != nil {
		return nil, nil, fmt.Errorf("kv: list: %w", err)
	}
	keys, err := keysOf(listed.Val())
	if err != nil {
		return nil, nil, fmt.Errorf("kv: list: %w", err)
	}
	found, generations, err := r.read(ctx, tenant, keys...)
	if err != nil {
		return nil, nil, fmt.Errorf("kv: list: %w", err)
	}
	values := make(map[Key][]byte, len(keys))
	for i, value := range found {
		if value != nil {
			values[keys[i]] = value
		}
	}
	return values, generations, nil
}

// Retire implements [Users]: two round trips, three on a Cluster, and more where
// there are replicas. It may return [ErrUnconfirmed].
func (r *Redis) Retire(ctx context.Context, tenant, user string, epoch int64) error {
	if err := errors.Join(checkIDs(tenant, user), checkCounter(epoch)); err != nil {
		return fmt.Errorf("kv: retire: %w", err)
	}
	raise := r.raiseEpoch(tenant, user, epoch)
	var listed *redis.StringSliceCmd
	var role *redis.Cmd
	err := r.retry(ctx, func(p redis.Pipeliner) {
		raise.do(ctx, p)
		listed = p.ZRangeByScore(ctx, raise.key, &redis.ZRangeBy{Min: "(0", Max: "+inf"})
		role = r.askRole(ctx, p)
	})
	if err != nil {
		return fmt.Errorf("kv: retire: %w", err)
	}
	keys, err := keysOf(listed.Val())
	if err != nil {
		return fmt.Errorf("kv: retire: %w", err)
	}
	steps := []step{raise}
	if len(keys) > 0 {
		var removed []step
		role, removed, err = r.remove(ctx, tenant, user, keys)
		steps = append(steps, removed...)
	}
	if err == nil {
		err = r.lasts(ctx, role, steps...)
	}
	if err != nil {
		return fmt.Errorf("kv: retire: %w", err)
	}
	return nil
}

// Counters implements [Users]: one round trip.
func (r *Redis) Counters(ctx context.Context, tenant, user, integration string) (epoch, generation int64, err error) {
	if err := checkIDs(tenant, user, integration); err != nil {
		return 0, 0, fmt.Errorf("kv: counters: %w", err)
	}
	var ask *asking
	err = r.retry(ctx, func(p redis.Pipeliner) {
		ask = r.asking(tenant, user, integration)
		_ = p.BatchProcess(ctx, ask.epoch, ask.generation) // only remembers them
	})
	if err == nil {
		epoch, generation, err = counters(ask.epoch, ask.generation)
		r.askings.Put(ask)
	}
	if err != nil {
		return 0, 0, fmt.Errorf("kv: counters: %w", err)
	}
	return epoch, generation, nil
}

// Raise implements [Integrations]: one round trip, and more where there are
// replicas. It may return [ErrUnconfirmed].
func (r *Redis) Raise(ctx context.Context, tenant, integration string, generation int64) error {
	if err := errors.Join(checkIDs(tenant, integration), checkCounter(generation)); err != nil {
		return fmt.Errorf("kv: raise: %w", err)
	}
	raise := r.raiseGeneration(tenant, integration, generation)
	var role *redis.Cmd
	err := r.retry(ctx, func(p redis.Pipeliner) {
		raise.do(ctx, p)
		role = r.askRole(ctx, p)
	})
	if err == nil {
		err = r.lasts(ctx, role, raise)
	}
	if err != nil {
		return fmt.Errorf("kv: raise: %w", err)
	}
	return nil
}

// read fetches the values of keys, nil where there is none, and the tenant's
// generations in one round trip.
func (r *Redis) read(ctx context.Context, tenant string, keys ...Key) ([][]byte, map[string]int64, error) {
	found := make([]*redis.StringCmd, len(keys))
	var scores *redis.ZSliceCmd
	err := r.retry(ctx, func(p redis.Pipeliner) {
		for i, key := range keys {
			found[i] = p.Get(ctx, r.valueKey(tenant, key))
		}
		scores = askGenerations(&r.generationsOf(tenant).key)
		_ = p.Process(ctx, scores) // only remembers it
	})
	if err != nil {
		return nil, nil, err
	}
	values := make([][]byte, len(keys))
	for i := range keys {
		if found[i].Err() == nil {
			values[i] = []byte(found[i].Val())
		}
	}
	generations, err := r.generations(tenant, scores)
	if err != nil {
		return nil, nil, err
	}
	return values, generations, nil
}

// retry runs stages in order, and once more after a fault of the connection.
// It is for what may be repeated at any later time.
func (r *Redis) retry(ctx context.Context, stages ...func(redis.Pipeliner)) error {
	err := r.inOrder(ctx, stages...)
	var answer redis.Error
	if err == nil || errors.As(err, &answer) || ctx.Err() != nil {
		return err
	}
	return r.inOrder(ctx, stages...)
}

// inOrder runs stages one after the other. A server takes the commands of a
// pipeline in order, so there they share one, also with those of other calls; the
// nodes of a Cluster do not wait for each other.
func (r *Redis) inOrder(ctx context.Context, stages ...func(redis.Pipeliner)) error {
	p := r.pipeline()
	for i, stage := range stages {
		stage(p)
		if !r.cluster && i < len(stages)-1 {
			continue
		}
		cmds := p.Cmds()
		if r.cluster {
			r.send(ctx, cmds)
		} else if err := r.company.do(ctx, cmds); err != nil {
			return err // they may be under way: p is not used again
		}
		var failed error
		for _, cmd := range cmds {
			if err := cmd.Err(); err != nil && err != redis.Nil && !unheeded(cmd) { //nolint:errorlint // Redis's own, never wrapped
				failed = err
				break
			}
		}
		clear(cmds)
		p.Discard()
		if failed != nil {
			return failed
		}
	}
	r.pipelines.Put(p)
	return nil
}

// pipeline is an empty one. They are used again and again: each is made of several
// parts.
func (r *Redis) pipeline() redis.Pipeliner {
	if p, ok := r.pipelines.Get().(redis.Pipeliner); ok {
		return p
	}
	return r.client.Pipeline()
}

// send sends commands in one pipeline. Each has its own answer or error then; the
// first of the errors says nothing about the others.
func (r *Redis) send(ctx context.Context, cmds []redis.Cmder) {
	p := r.pipeline()
	_ = p.BatchProcess(ctx, cmds...) // only remembers them
	r.timed(ctx, cmds, func() { _, _ = p.Exec(ctx) })
	r.pipelines.Put(p)
	if cluster, ok := r.client.(*redis.ClusterClient); ok && slices.ContainsFunc(cmds, func(cmd redis.Cmder) bool {
		return cmd.Err() != nil && !errors.Is(cmd.Err(), redis.Nil)
	}) {
		// The client looks for new masters where a node names one, and not where
		// there is no node: somebody may have taken its place. This does not wait.
		cluster.ReloadState(ctx)
	}
}

// prunes reports whether the session with a key is one of [pruneShare]: keys are
// digests, so this is a lottery.
func prunes(key Key) bool { return key[len(key)-1]%pruneShare == 0 }

func (r *Redis) valueKey(tenant string, key Key) string {
	var room [160]byte
	name := append(append(append(append(room[:0], r.prefix...), "s:"...), tenant...), ':')
	return string(base64.RawURLEncoding.AppendEncode(name, key[:]))
}

func (r *Redis) userKey(tenant, user string) string {
	return r.prefix + "u:" + tenant + ":" + user
}

func (r *Redis) generationsKey(tenant string) string {
	return r.prefix + "g:" + tenant
}

func member(key Key) string { return base64.RawURLEncoding.EncodeToString(key[:]) }

func keysOf(members []string) ([]Key, error) {
	keys := make([]Key, len(members))
	for i, m := range members {
		raw, err := base64.RawURLEncoding.DecodeString(m)
		if err != nil || len(raw) != len(Key{}) {
			return nil, errors.New("the index of the user holds something that is not a key")
		}
		keys[i] = Key(raw)
	}
	return keys, nil
}

func milliseconds(t time.Time) float64 { return float64(t.UnixMilli()) }

func counter(score float64) (int64, error) {
	if score < 0 || score > float64(MaxCounter) || score != float64(int64(score)) {
		return 0, fmt.Errorf("%v is not a counter", score)
	}
	return int64(score), nil
}

func checkCounter(n int64) error {
	if n < 0 || n > MaxCounter {
		return fmt.Errorf("counter %d is out of range", n)
	}
	return nil
}

func checkTTL(ttl time.Duration) error {
	if ttl < time.Millisecond || ttl > MaxLife {
		return fmt.Errorf("time to live %v is out of range", ttl)
	}
	return nil
}

// checkIDs keeps the parts of a key apart: an id holds no separator, and none
// is empty.
func checkIDs(ids ...string) error {
	for _, id := range ids {
		if len(id) == 0 || len(id) > 64 {
			return errors.New("an id is empty or too long")
		}
		for _, c := range []byte(id) {
			letter := c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
			if digit := c >= '0' && c <= '9'; !letter && !digit && c != '-' && c != '_' {
				return errors.New("an id holds a character that is none of letters, digits, '-', '_'")
			}
		}
	}
	return nil
}

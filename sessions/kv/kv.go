// Package kv is what sessions are kept in: a small store of values that
// expire, listed by user, together with two kinds of counters that only grow.
//
//	epoch       per user: raised when all sessions of the user must end
//	generation  per integration: raised when all of its sessions must end
//
// The counters have their truth elsewhere (in the database); the copies here
// let a sign-in and a session check see them in the round trip that they make
// anyway.
//
// # Why a sign-in cannot slip through
//
// Disabling a user commits in the database and then calls Retire. A sign-in
// that read the database just before stores its session and learns the epoch
// from the same Put. Put stores and lists before it reads the epoch; Retire
// raises the epoch before it lists. So either Retire finds the session, or the
// sign-in sees the new epoch and gives up. No lock, script or transaction of
// the store is needed for that.
//
// # Contract
//
// Tenants, users and integrations are named by their ids: 1 to 64 letters,
// digits, '-' and '_'. Nothing that belongs to one tenant is reachable under
// another. "Not found" is a result, never an error; every error is a fault of
// the store and says nothing about the session. All methods are safe for
// concurrent use, and their effects hold on every instance before they return.
//
// Times to live are 1 ms to [MaxLife]; others are refused, because Redis takes
// a negative one for "for ever". Counters are 0 to [MaxCounter].
//
// Signatures use built-in types only, so that a store can be written without
// knowing this package. Package kvtest holds the suite that every form passes.
package kv

import (
	"context"
	"time"
)

// Key names a value: the SHA-256 of the session's cookie, so that what the
// store holds opens nothing. The zero Key stands for none.
type Key = [32]byte

// MaxLife is the longest life of a session, from sign-in to its absolute end.
const MaxLife = 90 * 24 * time.Hour

// MaxCounter is the greatest epoch and generation. Redis holds them as
// float64, which is exact up to here.
const MaxCounter = int64(1)<<53 - 1

// Values keeps one value per session.
type Values interface {
	// Put stores value (never empty) under key for ttl, lists key under user,
	// and takes the session replaces away (none when zero). After that it reads
	// the user's epoch (0 = never raised) and the integration's generation
	// (-1 = unknown). replaced is the value that was taken away, or nil.
	Put(ctx context.Context, tenant, user string, key Key, value []byte, ttl time.Duration,
		integration string, replaces Key) (replaced []byte, epoch, generation int64, err error)

	// Get returns the value, or nil when there is none (any more), and the
	// generations of all integrations of the tenant that are known, by id. The
	// map may be shared: it is to be read only.
	Get(ctx context.Context, tenant string, key Key) (value []byte, generations map[string]int64, err error)

	// Replace stores value for ttl if key still has a value, and reports
	// whether it had. It never brings a session back.
	Replace(ctx context.Context, tenant, user string, key Key, value []byte, ttl time.Duration) (found bool, err error)

	// Delete takes sessions of a user away.
	Delete(ctx context.Context, tenant, user string, keys ...Key) error
}

// Users works on all sessions of a user.
type Users interface {
	// List returns the values of the user's sessions and the generations that
	// Get returns.
	List(ctx context.Context, tenant, user string) (values map[Key][]byte, generations map[string]int64, err error)

	// Retire raises the user's epoch to at least epoch and then takes all
	// sessions of the user away. After an error it can be called again.
	Retire(ctx context.Context, tenant, user string, epoch int64) error

	// Counters reads the user's epoch (0 = never raised) and the integration's
	// generation (-1 = unknown).
	Counters(ctx context.Context, tenant, user, integration string) (epoch, generation int64, err error)
}

// Integrations works on all sessions of an integration.
type Integrations interface {
	// Raise raises the integration's generation to at least generation.
	Raise(ctx context.Context, tenant, integration string, generation int64) error
}

// Store is all of it. [Redis] is one form, the SQL store has the other.
type Store interface {
	Values
	Users
	Integrations
}

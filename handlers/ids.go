package handlers

import (
	"crypto/rand"
	"encoding/binary"
	"sync"
	"time"
)

// crockford is Crockford's base 32: no letter is mistaken for another when a
// person reads a reference out.
const crockford = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"

// idSource makes the ids of requests. The zero value is ready; it is safe for
// concurrent use.
type idSource struct {
	supplies sync.Pool // of *supply: the system is asked for many ids' randomness at once
}

// supply is random bytes that nobody has seen.
type supply struct {
	bytes [64 * randomPerID]byte
	left  int // of bytes, at the end
}

const randomPerID = 6

// next makes an id of 16 characters: 32 bits of the time in seconds and 48
// random ones. In the order of time, new references land at the end of the sign-in
// log's index, which is many times cheaper than anywhere in it.
func (s *idSource) next(now time.Time) string {
	from, ok := s.supplies.Get().(*supply)
	if !ok {
		from = new(supply)
	}
	if from.left == 0 {
		_, _ = rand.Read(from.bytes[:]) // never fails
		from.left = len(from.bytes)
	}
	random := from.bytes[len(from.bytes)-from.left:][:randomPerID]
	high := uint64(uint32(now.Unix()))<<8 | uint64(random[0]) //nolint:gosec // wraps in 2106, which only costs the order
	low := uint64(random[1])<<32 | uint64(binary.BigEndian.Uint32(random[2:]))
	from.left -= randomPerID
	s.supplies.Put(from)

	// Five bits a character, 40 bits at a time.
	var id [16]byte
	for i := range 8 {
		id[7-i], id[15-i] = crockford[high&31], crockford[low&31]
		high >>= 5
		low >>= 5
	}
	return string(id[:])
}

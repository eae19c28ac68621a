package admins

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"fmt"
	"strings"

	"golang.org/x/crypto/argon2"
	"golang.org/x/text/unicode/norm"
)

// How passwords are hashed: argon2id (RFC 9106) with the least parameters that
// OWASP's password storage cheat sheet names.
const (
	hashTime    = 2
	hashMemory  = 19 * 1024 // KiB
	hashThreads = 1
	saltBytes   = 16
	hashBytes   = 32
	// maxHashing is how many passwords are hashed at once: each takes
	// hashMemory, and a core.
	maxHashing = 4
)

// hashed is a password's hash, as a PHC string has it.
type hashed struct {
	memory, time uint32
	threads      uint8
	salt, sum    []byte
}

// phc writes the hash in the PHC string format.
func (h hashed) phc() string {
	b64 := base64.RawStdEncoding
	return fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=%d$%s$%s",
		argon2.Version, h.memory, h.time, h.threads, b64.EncodeToString(h.salt), b64.EncodeToString(h.sum))
}

// parsePHC reads what phc wrote. Parameters that would take far more than ours
// are refused: a damaged row must not take the machine down.
func parsePHC(text string) (h hashed, ok bool) {
	parts := strings.Split(text, "$")
	if len(parts) != 6 || parts[0] != "" || parts[1] != "argon2id" || parts[2] != fmt.Sprintf("v=%d", argon2.Version) {
		return h, false
	}
	if n, err := fmt.Sscanf(parts[3], "m=%d,t=%d,p=%d", &h.memory, &h.time, &h.threads); err != nil || n != 3 {
		return h, false
	}
	b64 := base64.RawStdEncoding.Strict()
	var err1, err2 error
	h.salt, err1 = b64.DecodeString(parts[4])
	h.sum, err2 = b64.DecodeString(parts[5])
	const most = 256 * 1024 // KiB
	ok = err1 == nil && err2 == nil && h.memory >= 8 && h.memory <= most && h.time >= 1 && h.time <= 16 &&
		h.threads >= 1 && h.threads <= 16 && len(h.salt) >= 8 && len(h.salt) <= 64 && len(h.sum) >= 16 && len(h.sum) <= 64 &&
		h.phc() == text
	return h, ok
}

// of hashes a password with the parameters and the salt of h.
func (h hashed) of(password string) []byte {
	return argon2.IDKey([]byte(norm.NFC.String(password)), h.salt, h.time, h.memory, h.threads, uint32(len(h.sum))) //nolint:gosec // at most 64
}

// matches hashes a password anew and compares.
func (h hashed) matches(password string) bool {
	return subtle.ConstantTimeCompare(h.of(password), h.sum) == 1
}

// current reports whether a new hash would have the same parameters.
func (h hashed) current() bool {
	return h.memory == hashMemory && h.time == hashTime && h.threads == hashThreads && len(h.sum) == hashBytes
}

// nobody is what the password of an account that does not exist is compared
// with, so that the answer takes as long.
func nobody() hashed {
	return hashed{hashMemory, hashTime, hashThreads, make([]byte, saltBytes), make([]byte, hashBytes)}
}

// slot waits for its turn to hash, or returns ErrBusy when ctx ends before.
func (s *Service) slot(ctx context.Context) (release func(), err error) {
	select {
	case s.hashing <- struct{}{}:
		return func() { <-s.hashing }, nil
	case <-ctx.Done():
		return nil, ErrBusy
	}
}

// hash makes the PHC string of a password.
func (s *Service) hash(ctx context.Context, password string) (string, error) {
	release, err := s.slot(ctx)
	if err != nil {
		return "", err
	}
	defer release()
	h := nobody()
	_, _ = rand.Read(h.salt) // never fails
	h.sum = h.of(password)
	return h.phc(), nil
}

// verify reports whether a password is the account's, and whether its hash is
// to be made anew. It takes as long for an account without a password.
func (s *Service) verify(ctx context.Context, phc, password string) (good, stale bool, err error) {
	release, err := s.slot(ctx)
	if err != nil {
		return false, false, err
	}
	defer release()
	h, known := parsePHC(phc)
	if !known {
		h = nobody()
	}
	good = h.matches(password) && known
	return good, good && !h.current(), nil
}

// choose checks a password that somebody wants, and hashes it.
func (s *Service) choose(ctx context.Context, password string, a Account, tenant Tenant) (string, error) {
	if problem := Weakness(password, append([]string{a.Email, a.Name, tenant.Name}, tenant.Hosts...)...); problem != "" {
		return "", &Invalid{"password", problem}
	}
	return s.hash(ctx, password)
}

package handlers

import (
	"crypto/sha256"
	"encoding/binary"
	"time"

	"github.com/gin-gonic/gin"
)

const (
	// tokenRate is how often a second one token may be shown for itself. It is
	// counted apart from its client: else one person could use up with their own
	// token what the client needs for everybody.
	tokenRate = 20
	// tokenSlots is how many tokens are told apart. Two that meet in a slot forget
	// each other.
	tokenSlots = 4096
)

// tokenUse is how often a token was shown.
type tokenUse struct {
	key [sha256.Size]byte
	due time.Time
}

var tokenPolicy = []string{ratePolicy(RateToken, tokenRate)}

// takeToken counts a token. It need not be any: only whoever has it can use up
// what is its own.
func (r *Rates) takeToken(token string, now time.Time) allowance {
	key := sha256.Sum256([]byte(token))
	r.mu.Lock()
	defer r.mu.Unlock()
	use := &r.tokens[binary.BigEndian.Uint64(key[:])%tokenSlots]
	if use.key != key {
		*use = tokenUse{key: key}
	}
	a := allowance{policy: tokenPolicy}
	use.due, a.left, a.full, a.wait = arrive(use.due, now, time.Second/tokenRate)
	return a
}

// rateToken counts a request that shows a token and nothing else.
func (a *App) rateToken(c *gin.Context, token string) error {
	if a.Rates == nil {
		return nil
	}
	return a.rateTaken(c, RateToken, a.Rates.takeToken(token, requestOf(c).begunOr(a.Now)))
}

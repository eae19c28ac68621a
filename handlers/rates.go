package handlers

import (
	"net/http"
	"strconv"
	"sync"
	"time"

	"github.com/gin-gonic/gin"

	"usher/provisioning"
	"usher/sessions/tokens"
)

// RateKind is of whom requests are counted, once they have shown who they are.
type RateKind string

// The kinds. They are labels of a metric and names of policies in answers.
const (
	RateClient        RateKind = "client"
	RateAPIConnection RateKind = "api_connection"
	RateAPIKey        RateKind = "api_key"
	RateSCIM          RateKind = "scim" // a directory, with all its tokens
	RateToken         RateKind = "token"
)

// RateKinds lists them.
func RateKinds() []RateKind {
	return []RateKind{RateClient, RateAPIConnection, RateAPIKey, RateSCIM, RateToken}
}

const (
	// rateWindow is for how long somebody who was quiet may ask as often as they
	// like: so many seconds' worth of their rate at once. It is as for sign-ins.
	rateWindow = 10 * time.Second
	// maxRated bounds the memory of a server with very many of them.
	maxRated = 100_000
)

// UsualRates are the rates of those who have none of their own: requests a second
// that one instance takes, 0 = any number.
type UsualRates struct{ Client, APIConnection, APIKey, SCIM int64 }

// Rates bounds how often each of those who have shown who they are may ask, by the
// generic cell rate algorithm: what comes too early is refused, and costs nothing.
// Only they are counted, so that no stranger can use up what is theirs. It counts
// in this process, and is safe for concurrent use.
type Rates struct {
	usual map[RateKind]int64

	mu    sync.Mutex
	rated map[rated]*pace
	// tokens are counted before it is known whether they are any.
	tokens [tokenSlots]tokenUse
}

// rated is one of whom requests are counted: an id means nothing without its
// tenant.
type rated struct {
	kind       RateKind
	tenant, id string
}

// pace is how far one has come.
type pace struct {
	due    time.Time // when everything that has passed is worked off
	rate   int64     // that policy was made for
	policy []string  // the value of RateLimit-Policy, to be read only
}

// NewRates makes Rates.
func NewRates(usual UsualRates) *Rates {
	return &Rates{
		usual: map[RateKind]int64{
			RateClient: usual.Client, RateAPIConnection: usual.APIConnection, RateAPIKey: usual.APIKey, RateSCIM: usual.SCIM,
		},
		rated: map[rated]*pace{},
	}
}

// Usual is the rate of whoever of a kind has none of their own.
func (r *Rates) Usual(kind RateKind) int64 {
	if r == nil {
		return 0
	}
	return r.usual[kind]
}

// allowance is what became of a request that was counted.
type allowance struct {
	policy []string      // the value of RateLimit-Policy; nil = nothing is counted
	left   int64         // how many more may come now
	full   time.Duration // until as many as ever may come
	wait   time.Duration // 0 = it may pass
}

// take counts one request of somebody with this rate of their own.
func (r *Rates) take(who rated, rate int64, now time.Time) allowance {
	if rate == provisioning.UsualRate {
		rate = r.usual[who.kind]
	}
	if rate <= 0 {
		return allowance{}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	p := r.rated[who]
	if p == nil {
		if len(r.rated) >= maxRated {
			clear(r.rated)
		}
		p = &pace{}
		r.rated[who] = p
	}
	if p.rate != rate {
		p.rate, p.policy = rate, []string{ratePolicy(who.kind, rate)}
	}
	a := allowance{policy: p.policy}
	p.due, a.left, a.full, a.wait = arrive(p.due, now, time.Second/time.Duration(rate))
	return a
}

// arrive is the algorithm: due may lie a rateWindow ahead of now, and each request
// moves it by one step.
func arrive(due, now time.Time, step time.Duration) (after time.Time, left int64, full, wait time.Duration) {
	// A clock that was set back shall not shut anybody out for longer.
	ahead := min(max(due.Sub(now), 0), rateWindow)
	if room := rateWindow - ahead; room < step {
		return now.Add(ahead), 0, ahead, step - room
	}
	ahead += step
	return now.Add(ahead), int64((rateWindow - ahead) / step), ahead, 0
}

// ratePolicy is an item of RateLimit-Policy: so many requests in so many seconds.
func ratePolicy(kind RateKind, rate int64) string {
	const seconds = int64(rateWindow / time.Second)
	return `"` + string(kind) + `";q=` + strconv.FormatInt(rate*seconds, 10) + `;w=` + strconv.FormatInt(seconds, 10)
}

// The headers of draft-ietf-httpapi-ratelimit-headers, as net/http spells them.
const (
	headerRatePolicy = "Ratelimit-Policy"
	headerRate       = "Ratelimit"
)

// tell writes the headers:
//
//	RateLimit-Policy: "client";q=2000;w=10    2000 requests in 10 seconds
//	RateLimit: "client";r=1999;t=1            1999 more now, all of them in 1 second
func (a allowance) tell(header http.Header, kind RateKind) {
	if a.policy == nil {
		return
	}
	var room [64]byte
	text := append(room[:0], '"')
	text = append(text, kind...)
	text = append(text, `";r=`...)
	text = strconv.AppendInt(text, a.left, 10)
	text = append(text, `;t=`...)
	text = strconv.AppendInt(text, int64((a.full+time.Second-1)/time.Second), 10)
	header[headerRatePolicy], header[headerRate] = a.policy, []string{string(text)}
}

// tooOften is told to whoever asks too often.
const tooOften = "You send more requests than your rate allows. Nothing was done: send this one again after the seconds that Retry-After says."

// rate counts a request of somebody of the tenant who has shown who they are, by
// their id, and says in the answer how many more may come. The error is a Fault.
func (a *App) rate(c *gin.Context, kind RateKind, id string, own int64) error {
	if a.Rates == nil {
		return nil
	}
	r := requestOf(c)
	return a.rateTaken(c, kind, a.Rates.take(rated{kind, r.site.tenant.ID, id}, own, r.begunOr(a.Now)))
}

func (a *App) rateTaken(c *gin.Context, kind RateKind, taken allowance) error {
	taken.tell(c.Writer.Header(), kind)
	if taken.wait == 0 {
		return nil
	}
	if a.Meter != nil {
		a.Meter.RateLimited(kind)
	}
	return &Fault{Code: Code(provisioning.RateLimited), Public: tooOften, After: taken.wait}
}

// RateAPIKey counts a request with an API key of the tenant.
func (a *App) RateAPIKey(c *gin.Context, id string, own int64) error {
	return a.rate(c, RateAPIKey, id, own)
}

// rateClient counts a request of a client that has proved who it is.
func (a *App) rateClient(c *gin.Context, client tokens.Client) error {
	return a.rate(c, RateClient, client.ID, client.Rate)
}

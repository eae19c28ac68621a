package main

// The rows of the report. Their names are also what budgets refer to.
const (
	rowHello         = "gin hello world"
	rowRepeat        = "unchanged sign-in"
	rowTextbook      = "textbook transaction"
	rowView          = "embed view"
	rowRich          = "unchanged, 50 groups + 20 credits"
	rowChanged       = "changed groups"
	rowFirst         = "first sign-in"
	rowForged        = "bad signature"
	rowFlood         = "unchanged, in a flood of bad signatures"
	rowSession       = "GET /auth/session (with SQL)"
	rowVerify        = "GET /auth/verify"
	rowCall          = "GET /auth/verify, token in the header"
	rowReference     = "introspection, reference token"
	rowJWT           = "introspection, JWT"
	rowRepeatBench   = "pgbench: statement of unchanged"
	rowChangedBench  = "pgbench: statements of changed"
	rowFirstBench    = "pgbench: statements of first"
	rowRedisGet      = "redis-benchmark GET"
	rowRedisSet      = "redis-benchmark SET"
	rowEmbedded      = "embedded: unchanged sign-in"
	rowEmbeddedFirst = "embedded: first sign-in"
)

// rowOrder is the order of the report.
var rowOrder = []string{
	rowHello,
	rowRepeat,
	rowRich,
	rowFlood,
	rowChanged,
	rowFirst,
	rowForged,
	rowView,
	rowSession,
	rowVerify,
	rowCall,
	rowReference,
	rowJWT,
	rowEmbedded,
	rowEmbeddedFirst,
	rowTextbook,
	rowRepeatBench,
	rowChangedBench,
	rowFirstBench,
	rowRedisGet,
	rowRedisSet,
}

// sample is one measurement of one round.
type sample struct {
	Rate     float64 // per second
	P50, P99 float64 `json:",omitempty"` // milliseconds; 0 = not known
	// Processor time in microseconds per request; 0 = not known, or none.
	ServerCPU, PostgresCPU, RedisCPU float64 `json:",omitempty"`
}

// key names a row with a number of connections.
type key struct {
	Row         string
	Connections int
}

// samples are the rounds of each row.
type samples map[key][]sample

func (m samples) add(row string, connections int, one sample) {
	at := key{row, connections}
	m[at] = append(m[at], one)
}

package store

// Rates are requests a second that one instance takes of a client, an API
// connection, an API key or a directory: 0 = any number.
const (
	// UsualRate is the rate of whoever has none of its own: what the server's
	// settings say.
	UsualRate = -1
	MaxRate   = 100_000
)

// IsRate reports whether a number can be a rate.
func IsRate(rate int64) bool { return rate >= UsualRate && rate <= MaxRate }

// OwnRate is a rate as it is told: nil = there is none of its own.
func OwnRate(rate int64) *int64 {
	if rate == UsualRate {
		return nil
	}
	return &rate
}

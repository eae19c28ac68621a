package tokens

import "usher/sql/store"

// UsualRate is the rate of a client or an API connection that has none of its own.
const UsualRate = store.UsualRate

// setRate takes over a wish for a rate; nil = there is none.
func setRate(to *int64, wish *int64) error {
	if wish == nil {
		return nil
	}
	if !store.IsRate(*wish) {
		return invalid("rate", "a whole number from 0 to %d, or none", store.MaxRate)
	}
	*to = *wish
	return nil
}

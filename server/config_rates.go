package main

import (
	"strconv"

	"usher/handlers"
	"usher/sql/store"
)

// rateSetting is how many requests a second one instance takes of somebody who has
// no rate of their own.
func rateSetting(name, fallback, of string, at func(*handlers.UsualRates) *int64) setting {
	return setting{
		name: name, fallback: fallback,
		doc: "Requests a second that one instance takes of " + of + " without a rate of its own, and ten seconds' worth at once. 0: any number.",
		set: func(c *Config, value string) *wrong {
			rate, err := strconv.ParseInt(value, 10, 64)
			if err != nil || rate < 0 || rate > store.MaxRate {
				return &wrong{"it is not a whole number from 0 to " + strconv.Itoa(store.MaxRate), "Set " + name + "=" + fallback + ", say, or leave it out."}
			}
			*at(&c.Rates) = rate
			return nil
		},
	}
}

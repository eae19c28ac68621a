package main

import (
	"net/url"
	"slices"
	"strconv"
	"strings"

	"usher/sql/store"
)

// writableTargets are the values of target_session_attrs under which a
// connection leads to a server that takes writes, or to none.
var writableTargets = []string{"read-write", "primary"}

// setTarget checks which of several servers is wanted: the one that takes writes.
// A standby that answered for a primary which was away for a moment would tell
// of the past for as long as the connection lasts.
func setTarget(parameters url.Values, hosts int) *wrong {
	target := parameters.Get("target_session_attrs")
	switch {
	case slices.Contains(writableTargets, target):
	case target == "" && hosts > 1:
		parameters.Set("target_session_attrs", "read-write")
	case target != "" && (target != "any" || hosts > 1):
		return &wrong{
			"its target_session_attrs leads to a server that takes no writes",
			"Use " + strings.Join(writableTargets, " or ") + "; with several hosts read-write is what you get without it.",
		}
	}
	return nil
}

func setDurableSignIns(c *Config, value string) *wrong {
	var err error
	if c.DurableSignIns, err = strconv.ParseBool(value); err != nil {
		return &wrong{"it is neither true nor false", "Set USHER_DURABLE_SIGN_INS=true, or leave it out."}
	}
	return nil
}

// setDirectURL checks the URL of the database behind a pooler.
func setDirectURL(c *Config, value string) (w *wrong) {
	c.DatabaseDirectURL, w = databaseURL(value)
	return w
}

// longURL is where a command goes that keeps a connection for longer than a
// transaction.
func (c Config) longURL() string {
	if c.DatabaseDirectURL != "" {
		return c.DatabaseDirectURL
	}
	return c.DatabaseURL
}

// storeOptions are those of the running server.
func (c Config) storeOptions() store.Options {
	return store.Options{DurableReplays: c.DurableSignIns, Direct: c.DatabaseDirectURL}
}

package store

import (
	"errors"
	"fmt"
	"net/url"
)

// urls are where the pools of a PostgreSQL store lead to.
type urls struct {
	write, fast, direct string
	directSize          int // connections there
}

// urlsFor finds them. To a pooler go no parameters of a session: it refuses those
// that it does not know, and what it takes would be for whoever comes next. The
// bounds of statements are then for the user's settings, in PostgreSQL itself.
func urlsFor(dsn string, opts Options) (u urls, err error) {
	if opts.Direct != "" {
		u.directSize = 2 // changes of tokens, and the steps of the schema
		u.write, err = addParameters(dsn, nil, map[string]string{"binary_parameters": "yes"})
		if err != nil {
			return u, err
		}
		u.fast = u.write
		u.direct, err = withParameters(opts.Direct, nil)
		return u, err
	}
	if u.write, err = withParameters(dsn, nil); err != nil {
		return u, err
	}
	u.fast, u.direct, u.directSize = u.write, u.write, 1
	if !opts.DurableReplays {
		u.fast, err = withParameters(dsn, map[string]string{"synchronous_commit": "off"})
	}
	return u, err
}

// withParameters adds our time bounds and extra run-time parameters to a
// PostgreSQL URL, leaving those that it sets itself.
func withParameters(dsn string, extra map[string]string) (string, error) {
	return addParameters(dsn, map[string]string{
		"statement_timeout":                   fmt.Sprint(statementTimeout.Milliseconds()),
		"lock_timeout":                        fmt.Sprint(lockTimeout.Milliseconds()),
		"idle_in_transaction_session_timeout": fmt.Sprint(idleInTx.Milliseconds()),
	}, extra)
}

// addParameters adds a bound to connecting, what a PostgreSQL URL does not set
// itself of bounds, and extra.
func addParameters(dsn string, bounds, extra map[string]string) (string, error) {
	u, err := url.Parse(dsn)
	if err != nil || (u.Scheme != "postgres" && u.Scheme != "postgresql") {
		return "", errors.New("store: the database URL is not of the form postgres://user@host/database")
	}
	q := u.Query()
	if !q.Has("connect_timeout") {
		q.Set("connect_timeout", fmt.Sprint(int(dialTimeout.Seconds())))
	}
	for key, value := range bounds {
		if !q.Has(key) {
			q.Set(key, value)
		}
	}
	for key, value := range extra {
		q.Set(key, value)
	}
	u.RawQuery = q.Encode()
	return u.String(), nil
}

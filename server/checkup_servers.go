package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"strings"
	"sync"
	"time"

	"usher/sql/store"
)

// serverSeen is one of several servers that a Postgres URL names, asked alone.
type serverSeen struct {
	name      string // host:port, or the folder of a socket
	condition store.Condition
	err       error
}

// lookAtServers asks each server by itself where several are named: the database is
// well with one of them, and what is to take over one day may be long gone.
func lookAtServers(ctx context.Context, p *patient) result {
	var r result
	for _, from := range []struct{ setting, url string }{
		{"DATABASE_URL", p.cfg.DatabaseURL},
		{"DATABASE_DIRECT_URL", p.cfg.DatabaseDirectURL},
	} {
		names, urls := serverURLs(from.url)
		if len(urls) < 2 {
			continue
		}
		seen := make([]serverSeen, len(urls))
		var asking sync.WaitGroup
		for i := range urls {
			asking.Go(func() {
				seen[i] = serverSeen{name: names[i]}
				seen[i].condition, seen[i].err = askServer(ctx, urls[i], p.cfg.DatabaseDirectURL != "", p.now)
			})
		}
		asking.Wait()
		serversFindings(&r, from.setting, seen)
	}
	return r
}

// serverURLs takes a Postgres URL with several servers, as the configuration keeps
// it, apart.
func serverURLs(database string) (names, urls []string) {
	u, err := url.Parse(database)
	if err != nil {
		return nil, nil
	}
	parameters := u.Query()
	ports := strings.Split(parameters.Get("port"), ",")
	for i, host := range strings.Split(parameters.Get("host"), ",") {
		port := ports[min(i, len(ports)-1)]
		if port == "" {
			port = "5432"
		}
		parameters.Set("host", host)
		parameters.Set("port", port)
		parameters.Set("target_session_attrs", "any")
		u.RawQuery = parameters.Encode()
		name := net.JoinHostPort(host, port)
		if isSocket(host) {
			name = host
		}
		names, urls = append(names, name), append(urls, u.String())
	}
	return names, urls
}

// askServer asks one server how it is, without parameters of a session when it may
// be a pooler.
func askServer(ctx context.Context, address string, pooled bool, now func() time.Time) (c store.Condition, err error) {
	opts := store.Options{Connections: 1}
	if pooled {
		opts.Direct = address
	}
	s, err := store.OpenPostgres(address, now, opts)
	if err != nil {
		return c, err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	return s.Condition(ctx)
}

// serversFindings judges what several servers have said.
func serversFindings(r *result, setting string, seen []serverSeen) {
	var writers, standbys []string
	places := map[string]bool{} // of those that take writes: two names may lead to one server
	away := false
	for _, s := range seen {
		switch {
		case s.err != nil:
			away = true
			r.add(doubtful, fmt.Sprintf("%s of %s does not answer (%s): it cannot take over, and a new connection may wait 2 s for it", s.name, setting, cause(s.err)),
				"Look whether it runs and lets Usher's user in, or leave it out of "+setting+".")
		case s.condition.Standby:
			standbys = append(standbys, s.name)
		case s.condition.ReadOnly:
			away = true
			r.add(doubtful, fmt.Sprintf("%s of %s is no standby, and takes no writes", s.name, setting),
				"Look why somebody has set default_transaction_read_only.")
		default:
			writers = append(writers, s.name)
			places[s.condition.Place] = true
		}
	}
	switch {
	case len(places) > 1:
		r.add(failing, strings.Join(writers, " and ")+" of "+setting+" all take writes, and are different servers: what one is told the others do not know",
			"Stop those that are no longer the primary, and make standbys of them (pg_rewind, pg_basebackup).")
	case len(writers) == 0:
		r.add(failing, "none of "+setting+" takes writes", "Promote a standby when the primary is gone (pg_promote).")
	case !away && len(standbys) > 0:
		r.add(sound, fmt.Sprintf("%s takes writes, and %s can take over", strings.Join(writers, " and "), strings.Join(standbys, " and ")), "")
	case !away:
		r.add(sound, strings.Join(writers, " and ")+" take writes, and lead to one server", "")
	}
}

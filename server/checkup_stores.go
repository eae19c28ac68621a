package main

import (
	"context"
	"fmt"
	"net/url"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"usher/sessions/kv"
	"usher/sql/store"
)

// lookAtDatabase asks the database how it is.
func lookAtDatabase(ctx context.Context, p *patient) result {
	if p.store == nil {
		r := one(sound, filepath.Join(p.cfg.DataDir, databaseFile)+" is not there yet: the first start makes it", "")
		r.learn = func(p *patient) { p.away, p.noData = "there is no database yet", "there is no database yet" }
		return r
	}
	c, err := p.store.Condition(ctx)
	if err != nil {
		r := one(failing, "it does not answer: "+cause(err), "Look whether it runs, and whether DATABASE_URL names it and its user. People see 503 meanwhile, and nothing is lost.")
		switch {
		case p.cfg.DatabaseURL == "":
			r.findings[0].Fix = "Look whether the user that runs Usher owns the file; put a backup in its place when it is damaged."
		case strings.Contains(err.Error(), "unsupported startup parameter"):
			r = one(failing, "DATABASE_URL leads to PgBouncer, which does not pass on what Usher asks for: "+cause(err),
				"Set DATABASE_DIRECT_URL to Postgres itself, past the pooler (docs/scaling.md, PgBouncer).")
		}
		r.learn = func(p *patient) { p.away, p.noData = "the database does not answer", "the database does not answer" }
		return r
	}
	r := result{learn: func(p *patient) { p.away = "" }}
	if p.cfg.DatabaseURL == "" {
		if p.cfg.Env == Production {
			r.add(doubtful, c.Version+", in production: it serves one process on one machine", "Set DATABASE_URL when there is to be another instance.")
		} else {
			r.add(sound, c.Version, "")
		}
		return r
	}
	serverFindings(&r, p.cfg, c)
	clockFinding(&r, "the database's", c.Ahead)
	if !slices.ContainsFunc(r.findings, func(f finding) bool { return f.Verdict == failing }) {
		r.findings = slices.Insert(r.findings, 0, finding{
			Verdict: sound,
			Found:   fmt.Sprintf("%s answers and can be written; %d of %d connections are in use", c.Version, c.Used, c.Most),
		})
	}
	return r
}

// serverFindings judges a Postgres.
func serverFindings(r *result, cfg Config, c store.Condition) {
	const alter = "ALTER ROLE the_user_of_usher "
	if c.TooOld {
		r.add(failing, c.Version+" is older than 13", "Upgrade Postgres.")
	}
	switch {
	case c.Standby:
		r.add(failing, "it is a standby, which takes no writes", "Name the primary in DATABASE_URL, or all servers with &target_session_attrs=read-write.")
	case c.ReadOnly:
		r.add(failing, "it takes no writes (default_transaction_read_only)", alter+"SET default_transaction_read_only = off, or look why somebody has set it.")
	}
	if c.Schema == "" {
		r.add(failing, "there is no schema to make tables in", "CREATE SCHEMA, or leave search_path out of DATABASE_URL.")
	}
	free := c.Most - c.Used
	switch {
	case cfg.DatabaseDirectURL != "" && c.Elsewhere:
		r.add(failing, "DATABASE_URL leads to another database than DATABASE_DIRECT_URL",
			"Let both lead to the same: a token that is revoked in the one would live on in the other.")
	case cfg.DatabaseDirectURL != "": // the pooler says how many there are
	case c.Most < store.PoolConnections:
		r.add(failing, fmt.Sprintf("it has %d connections for this user, and each instance opens up to %d", c.Most, store.PoolConnections),
			"Raise max_connections, or the limit of the user or the database.")
	case free < store.PoolConnections:
		r.add(doubtful, fmt.Sprintf("%d of %d connections are in use, and each instance opens up to %d", c.Used, c.Most, store.PoolConnections),
			"Raise max_connections before there is another instance, or put PgBouncer in front (docs/scaling.md).")
	}
	if !c.Limits {
		r.add(doubtful, "the time limits of statements are not in force: behind PgBouncer they have to be settings of the user",
			alter+"SET statement_timeout = '5s', and likewise lock_timeout = '2s' and idle_in_transaction_session_timeout = '10s'.")
	}
	if c.Commit == "off" {
		r.add(doubtful, "synchronous_commit is off: what was confirmed in the last moments can be lost in a crash of the server",
			alter+"SET synchronous_commit = on. Usher itself turns it off where that is harmless.")
	}
	if !c.Flush {
		r.add(doubtful, "fsync is off: a crash of the machine can destroy the database", "Set fsync = on.")
	}
	if plainText(cfg.DatabaseURL) {
		r.add(doubtful, "sslmode is disable, and it is on another machine: passwords and people's data go over the network in plain text",
			"Set sslmode=verify-full in DATABASE_URL.")
	}
}

// plainText reports whether a database on another machine is spoken to without
// TLS.
func plainText(database string) bool {
	u, err := url.Parse(database)
	if err != nil || u.Query().Get("sslmode") != "disable" {
		return false
	}
	hosts := strings.Split(u.Query().Get("host"), ",")
	if u.Host != "" {
		hosts = []string{u.Hostname()}
	}
	return slices.ContainsFunc(hosts, func(h string) bool { return !isLoopback(h) && !isSocket(h) })
}

// Differences between clocks that are a worry, and a fault: tokens, sessions and
// keys end by them.
const (
	clockDoubtful = 2 * time.Second
	clockWrong    = 30 * time.Second
)

func clockFinding(r *result, whose string, ahead time.Duration) {
	apart, way := ahead.Abs(), "ahead of"
	if ahead < 0 {
		way = "behind"
	}
	v := doubtful
	if apart > clockWrong {
		v = failing
	}
	if apart > clockDoubtful {
		r.add(v, fmt.Sprintf("%s clock is %s %s this machine's", whose, apart.Round(100*time.Millisecond), way),
			"Let both follow a time server (chrony, systemd-timesyncd).")
	}
}

// lookAtSchema compares the schema with what this program knows, and reads which
// tenants there are.
func lookAtSchema(ctx context.Context, p *patient) result {
	if p.away != "" {
		return one(unseen, "not looked at: "+p.away, "")
	}
	steps, err := p.store.Steps(ctx)
	if err != nil {
		return one(failing, "it cannot be read: "+cause(err), "Look whether the user of DATABASE_URL owns the tables.")
	}
	var r result
	switch {
	case steps.New:
		r = one(doubtful, "there are no tables yet: the first start makes them", "Start it, or run “usher migrate”.")
	case steps.Missing > 0:
		r = one(doubtful, counted(steps.Missing, "step is", "steps are")+" missing: the next start takes them, and the version that runs now goes on working",
			"Run “usher migrate”, or start this version.")
	case steps.Newer():
		return r.reading(ctx, p, doubtful, fmt.Sprintf("a newer version of Usher has brought it to %d; this one knows %d, and goes on working", steps.Schema, steps.Known),
			"Finish the upgrade, or stay: nothing is to be taken back.")
	default:
		return r.reading(ctx, p, sound, fmt.Sprintf("up to date, at %d", steps.Schema), "")
	}
	r.learn = func(p *patient) { p.noData = "the schema is not up to date" }
	return r
}

// reading ends the check of a schema that can be read.
func (r *result) reading(ctx context.Context, p *patient, v verdict, found, fix string) result {
	tenants, err := p.provisioning.Tenants(ctx)
	if err != nil {
		r := one(failing, "the tables cannot be read: "+cause(err), "Look whether the user of DATABASE_URL may read them.")
		r.learn = func(p *patient) { p.noData = "the tables cannot be read" }
		return r
	}
	r.add(v, found, fix)
	r.learn = func(p *patient) { p.noData, p.tenants = "", tenants }
	return *r
}

// lookAtSessions asks where sessions are kept.
func lookAtSessions(ctx context.Context, p *patient) result {
	if p.redis == nil {
		return one(sound, "kept in the database, as REDIS_URL is not set", "")
	}
	nodes, err := p.redis.Condition(ctx)
	if err != nil {
		return one(failing, "Redis does not answer: "+cause(err), "Look whether it runs, and whether REDIS_URL names it and its password. People see 503 meanwhile, and no link is used up.")
	}
	var r result
	for i, node := range nodes {
		name := "Redis"
		if len(nodes) > 1 {
			name = "Redis node " + strconv.Itoa(i+1)
		}
		nodeFindings(&r, name, node, p.redis.Clustered())
	}
	if len(r.findings) == 0 {
		r.add(sound, describe(nodes, p.redis.Clustered()), "")
	}
	return r
}

func describe(nodes []kv.NodeCondition, cluster bool) string {
	first := nodes[0]
	text := "Redis " + first.Version + " answers"
	if cluster {
		text = fmt.Sprintf("Redis %s, a Cluster of %d masters, answers", first.Version, len(nodes))
	}
	switch {
	case first.AppendOnly:
		text += "; it keeps sessions over a restart (appendonly)"
	case first.Snapshots != "":
		text += "; after a crash the sessions since its last snapshot are gone"
	default:
		text += "; after a restart it is empty, and everybody signs in again"
	}
	return text
}

// nodeFindings judges one Redis server.
func nodeFindings(r *result, name string, c kv.NodeCondition, cluster bool) {
	if older(c.Version, 6, 2) {
		r.add(failing, name+" "+c.Version+" is older than 6.2", "Upgrade Redis.")
	}
	switch {
	case c.Mode == "sentinel":
		r.add(failing, name+" is a Sentinel, which keeps no sessions", "Add ?master=NAME to REDIS_URL.")
		return
	case c.Mode == "cluster" && !cluster:
		r.add(failing, name+" is a node of a Cluster, and REDIS_URL names a single server", "Add ?cluster=true to REDIS_URL.")
	case c.Replica:
		r.add(failing, name+" is a replica, which takes no writes", "Name the master in REDIS_URL, or Sentinels with ?master=NAME.")
	}
	if c.Eviction != "" && c.Eviction != "noeviction" {
		const fix = "redis-cli CONFIG SET maxmemory-policy noeviction, and the same in redis.conf"
		found := fmt.Sprintf("%s has maxmemory-policy %s", name, c.Eviction)
		if c.Evicted > 0 {
			found += fmt.Sprintf(" and has dropped %d keys", c.Evicted)
		}
		if c.Most > 0 {
			r.add(failing, found+": when it is full, people are signed out and ended sessions can be missed", fix)
		} else {
			r.add(doubtful, found+", which counts as soon as it has a maxmemory", fix)
		}
	}
	if c.Most > 0 {
		switch share := c.Used * 100 / c.Most; {
		case share >= 98:
			r.add(failing, fmt.Sprintf("%s uses %d %% of its memory: nobody can sign in when it is full", name, share), "Raise maxmemory.")
		case share >= 85:
			r.add(doubtful, fmt.Sprintf("%s uses %d %% of its memory", name, share), "Raise maxmemory before nobody can sign in.")
		}
	}
	if c.SaveFailed {
		r.add(doubtful, name+" could not write its last snapshot, and may refuse writes because of it (stop-writes-on-bgsave-error)", "Look at its log, and at its disk.")
	}
	clockFinding(r, name+"'s", c.Ahead)
}

// older reports whether a version such as "7.2.4" is before major.minor. One that
// cannot be read is not.
func older(version string, major, minor int) bool {
	parts := strings.SplitN(version, ".", 3)
	if len(parts) < 2 {
		return false
	}
	a, err := strconv.Atoi(parts[0])
	if err != nil {
		return false
	}
	b, err := strconv.Atoi(parts[1])
	return err == nil && (a < major || a == major && b < minor)
}

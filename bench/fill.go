package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"usher/provisioning"
	"usher/sql/store"
)

// filler fills a database with people as real first sign-ins would have left
// them. A few do sign in; their rows are the moulds of all others', and what
// cannot be copied, the fingerprint, is worked out by the program's own code.
type filler struct {
	*database
	usher  *usher
	people population
	policy store.Integration

	moulds map[int]map[string][]mould // by number modulo catalogGroups, by table
	tables []string
}

// models is how many people sign in for the others: one for each set of groups
// and credits.
const models = catalogGroups

// unloaded is what of a first sign-in is not kept for long anyway: used tokens
// go when they are too old to arrive.
var unloaded = []string{"used_tokens"}

// fill is called when u runs on the database, and stops it.
func fill(ctx context.Context, d *database, u *usher, p population) (err error) {
	f := &filler{database: d, usher: u, people: p}
	if err := u.install(ctx); err != nil {
		return errors.Join(err, u.stop())
	}
	real := span{p.Repeat.First, models}
	err = u.load(ctx, "signing models in", real, usual)
	if err == nil {
		err = u.load(ctx, "signing in those with many groups", p.Rich, rich)
	}
	// What is written behind the answers is written at the stop.
	if err = errors.Join(err, u.stop()); err != nil {
		return err
	}
	if err := f.readPolicy(ctx); err != nil {
		return err
	}
	if err := f.cast(ctx, real); err != nil {
		return err
	}
	rest := span{real.end(), p.Rich.First - real.end()}
	if err := f.pour(ctx, rest); err != nil {
		return err
	}
	say("analysing")
	return d.settle(ctx)
}

// readPolicy reads what of the integration a fingerprint depends on.
func (f *filler) readPolicy(ctx context.Context) error {
	text, err := f.ask(ctx, "SELECT group_scope, unknown_groups, unknown_credits, meta_mode FROM integrations WHERE app_id = "+
		literal(f.usher.Signer.Issuer))
	if err != nil {
		return err
	}
	fields := strings.Split(text, "|")
	if len(fields) != 4 {
		return fmt.Errorf("the integration's policy: got %q", text)
	}
	f.policy = store.Integration{GroupScope: fields[0], UnknownGroups: fields[1], UnknownCredits: fields[2], MetaMode: fields[3]}
	return nil
}

// fingerprint is that of the person's usual token.
func (f *filler) fingerprint(number int) ([16]byte, error) {
	if number >= f.people.Raw.First && number < f.people.Swapped.end() {
		return [16]byte{}, nil // noFingerprint
	}
	return provisioning.FingerprintOf(f.usher.Signer.payload(person, number, usual, 0), &f.policy)
}

// cast makes the moulds from the rows of the real people.
func (f *filler) cast(ctx context.Context, real span) error {
	text, err := f.ask(ctx, "SELECT subject, user_id, id, encode(fingerprint, 'hex') FROM identities")
	if err != nil {
		return err
	}
	byUser, identities := make(map[string]*model), make(map[string]string)
	for line := range strings.Lines(text) {
		fields := strings.Split(strings.TrimSpace(line), "|")
		for number := real.First; number < real.end(); number++ {
			if len(fields) != 4 || fields[0] != nameOf(person, number) {
				continue
			}
			byUser[fields[1]] = &model{number: number, user: fields[1], rows: make(map[string][]string)}
			identities[fields[1]] = fields[2]
			print, err := f.fingerprint(number)
			if err != nil {
				return err
			}
			if got := fmt.Sprintf("%x", print); got != fields[3] {
				return fmt.Errorf("the fingerprint of %s is %s, not %s: the benchmark does not work it out as the server does", fields[0], fields[3], got)
			}
		}
	}
	if len(byUser) != models {
		return fmt.Errorf("got %d people who signed in, want %d", len(byUser), models)
	}
	if err := f.readRows(ctx, byUser); err != nil {
		return err
	}
	all := make([]*model, 0, models)
	for _, m := range byUser {
		all = append(all, m)
	}
	shared := sharedIDs(all)
	f.moulds = make(map[int]map[string][]mould)
	for _, m := range all {
		if f.moulds[m.number%catalogGroups], err = m.cast(identities[m.user], shared); err != nil {
			return err
		}
	}
	return nil
}

// readRows finds the models' rows in all tables: those that name the user.
func (f *filler) readRows(ctx context.Context, byUser map[string]*model) error {
	text, err := f.ask(ctx, "SELECT tablename FROM pg_tables WHERE schemaname = current_schema() ORDER BY tablename")
	if err != nil {
		return err
	}
	for _, table := range strings.Fields(text) {
		if slices.Contains(unloaded, table) {
			continue
		}
		rows, err := f.ask(ctx, "COPY "+table+" TO STDOUT")
		if err != nil {
			return err
		}
		found := false
		for line := range strings.Lines(rows) {
			line = strings.TrimSuffix(line, "\n")
			for _, id := range aUUID.FindAllString(line, -1) {
				if m := byUser[id]; m != nil {
					m.rows[table] = append(m.rows[table], line)
					found = true
					break
				}
			}
		}
		if found {
			f.tables = append(f.tables, table)
		}
	}
	return nil
}

// pour writes everybody's rows, all tables at once.
func (f *filler) pour(ctx context.Context, people span) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	bar := newBar("loading", people.Count)
	var done atomic.Int64
	var running sync.WaitGroup
	failures := make([]error, len(f.tables))
	for i, table := range f.tables {
		running.Go(func() {
			if failures[i] = f.pourTable(ctx, table, people, &done); failures[i] != nil {
				cancel()
			}
		})
	}
	over := make(chan struct{})
	go func() { running.Wait(); close(over) }()
	tick := time.NewTicker(200 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-over:
			bar.finish(people.Count)
			return errors.Join(failures...)
		case <-tick.C:
			bar.show(int(done.Load()) / len(f.tables))
		}
	}
}

// pourTable sends the table's rows by COPY, in one transaction. Foreign keys
// are not checked: what they would be checked against comes at the same time.
func (f *filler) pourTable(ctx context.Context, table string, people span, done *atomic.Int64) error {
	cmd := f.command(ctx,
		"-c", "SET session_replication_role = replica", "-c", "SET synchronous_commit = off",
		"-c", "COPY "+table+" FROM STDIN")
	in, err := cmd.StdinPipe()
	if err != nil {
		return err
	}
	var complaint strings.Builder
	cmd.Stderr = &complaint
	if err := cmd.Start(); err != nil {
		return err
	}
	err = f.writeRows(in, table, people, done)
	err = errors.Join(err, in.Close())
	if waited := cmd.Wait(); waited != nil {
		return fmt.Errorf("loading %s: %w: %s", table, waited, strings.TrimSpace(complaint.String()))
	}
	return err
}

func (f *filler) writeRows(to io.Writer, table string, people span, done *atomic.Int64) error {
	out := bufio.NewWriterSize(to, 256<<10)
	prints := slices.ContainsFunc(f.moulds[0][table], func(m mould) bool {
		return slices.ContainsFunc(m, func(p piece) bool { return p.hole == holeFingerprint })
	})
	var line []byte
	for number := people.First; number < people.end(); number++ {
		var print [16]byte
		if prints {
			var err error
			if print, err = f.fingerprint(number); err != nil {
				return err
			}
		}
		shape := number
		if number >= f.people.Swapped.First && number < f.people.Swapped.end() {
			shape = nobody // they all have the groups of the one who is recorded
		}
		for _, m := range f.moulds[shape%catalogGroups][table] {
			line = m.pour(line[:0], number, print)
			if _, err := out.Write(line); err != nil {
				return err
			}
		}
		done.Add(1)
	}
	return out.Flush()
}

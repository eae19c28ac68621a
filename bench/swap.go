package main

import (
	"context"
	"fmt"
	"strconv"
	"strings"
)

// Changed groups by pgbench. Its statements are valid only for a person in the
// state in which they found the one who was recorded. So the groups of some
// people are swapped to and fro, each client keeps to its own people, and what
// is left of one run is put right before the next.

// swapShift is how much later the groups are that come for the usual ones.
const swapShift = 10

// swappedMost bounds how many people have their groups swapped.
const swappedMost = 20_000

// swap is those people, all with the usual groups of the recorded one.
type swap struct {
	people  span
	script  string
	restore string // statements that put them right
}

// newSwap makes the script from two recorded sign-ins of one person: out of the
// usual groups, and back.
func newSwap(ctx context.Context, d *database, out, back recorded, people span) (*swap, error) {
	people.Count = min(people.Count, swappedMost)
	ids, err := d.ask(ctx, "SELECT user_id, id FROM identities WHERE subject = "+literal(out.Name))
	if err != nil {
		return nil, err
	}
	user, identity, ok := strings.Cut(ids, "|")
	if !ok {
		return nil, fmt.Errorf("%s: got %q, want the ids", out.Name, ids)
	}
	s := &swap{people: people, script: swapScript(out, back, user, identity)}
	among := func(column string) string {
		return column + " BETWEEN '" + idOf(people.First, idUser) + "' AND '" + idOf(people.end()-1, idUser) + "'"
	}
	_, err = d.ask(ctx, "CREATE TABLE bench_swapped AS SELECT * FROM group_members WHERE "+among("user_id"))
	changed := "(SELECT id FROM users WHERE version <> 1 AND " + among("id") + ")"
	s.restore = "DELETE FROM group_members WHERE user_id IN " + changed + ";\n" +
		"INSERT INTO group_members SELECT * FROM bench_swapped WHERE user_id IN " + changed + ";\n" +
		"UPDATE identities SET fingerprint = '" + noFingerprint + "' WHERE user_id IN " + changed + ";\n" +
		"UPDATE users SET version = 1 WHERE id IN " + changed + ";\n"
	return s, err
}

// swapScript writes what each client does: it goes through its people again and
// again, so that a person's version is known by how often that was. Ids are
// those of loaded people (idOf).
func swapScript(out, back recorded, user, identity string) string {
	id := func(n int) string {
		at := fmt.Sprintf("lpad(to_hex(%d + :person::bigint), 12, '0')", loadedAt)
		return fmt.Sprintf("left(%s, 8) || '-' || right(%s, 4) || '-7%03x-8000-000000000000'", at, at, n)
	}
	w := &scriptWriter{
		prefix: person, variables: make(map[string]string),
		known: map[string]string{user: id(idUser), identity: id(idIdentity)},
	}
	there, again := w.body(out, back), w.body(back, out)
	return `\set n :n + 1
\set pass :n / :each
\set person :first + :client_id + :clients * (:n % :each)
\set version 1 + :pass
` + w.sets() + "\\if :pass % 2 = 0\n" + there + "\\else\n" + again + "\\endif\n"
}

// variables tells pgbench how the people are shared out.
func (s *swap) variables(connections int) []string {
	var arguments []string
	for name, value := range map[string]int{
		"n": -1, "first": s.people.First, "clients": connections, "each": s.people.Count / connections,
	} {
		arguments = append(arguments, "-D", name+"="+strconv.Itoa(value))
	}
	return arguments
}

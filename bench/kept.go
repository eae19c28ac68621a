package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// keptPrefix begins the names of loaded databases that stay for later runs.
// What follows is a version of all that they depend on, and the people.
const keptPrefix = "usher_bench_kept_"

// loadVersion changes with what fill does.
const loadVersion = "2"

// keptName is the name for this version of the tables and that many people.
func keptName(root string, users int) (string, error) {
	sum := sha256.New()
	fmt.Fprintln(sum, loadVersion)
	paths, err := filepath.Glob(filepath.Join(root, "sql", "migrations", "postgres", "*.sql"))
	if err != nil || len(paths) == 0 {
		return "", errors.Join(errors.New("there are no migrations: the benchmark runs in the root of the repository"), err)
	}
	slices.Sort(paths)
	for _, path := range append(paths, filepath.Join(root, "provisioning", "fingerprint.go"), filepath.Join(root, "bench", "people.go")) {
		text, err := os.ReadFile(path) //nolint:gosec // our own sources
		if err != nil {
			return "", err
		}
		fmt.Fprintf(sum, "%s %d\n%s\n", filepath.Base(path), len(text), text)
	}
	return fmt.Sprintf("%s%s_%d", keptPrefix, hex.EncodeToString(sum.Sum(nil)[:4]), users), nil
}

// secrets are what an Usher needs to go on with a database. They stay in that
// database, which holds made-up people only.
type secrets struct {
	MasterKey string // base64
	APIKey    string
	Signer    signer
}

// note writes the secrets into the database.
func (d *database) note(ctx context.Context, s secrets) error {
	text, err := json.Marshal(s)
	if err != nil {
		return err
	}
	_, err = d.ask(ctx, "CREATE TABLE bench_secrets (document text NOT NULL);\nINSERT INTO bench_secrets VALUES ("+literal(string(text))+")")
	return err
}

func (d *database) recall(ctx context.Context) (s secrets, err error) {
	text, err := d.ask(ctx, "SELECT document FROM bench_secrets")
	if err != nil {
		return s, err
	}
	return s, json.Unmarshal([]byte(text), &s)
}

// provide makes this run's database with its people, and the Usher that goes
// with it, not started: from the database that an earlier run has kept, if that
// is wished and there is one.
func (s *stand) provide(ctx context.Context, folder string, built programs) error {
	if err := s.server.sweep(ctx); err != nil {
		return err
	}
	name, err := keptName(".", s.options.users)
	if err != nil {
		return err
	}
	kept, err := s.server.names(ctx, keptPrefix)
	if err != nil {
		return err
	}
	if s.options.keep && slices.Contains(kept, name) {
		say("copying %s, which an earlier run has loaded", name)
		if s.database, err = s.server.create(ctx, name); err != nil {
			return err
		}
		found, err := s.database.recall(ctx)
		if err != nil {
			return err
		}
		s.usher = newUsher(folder, s.database.dsn(""), s.cache.dsn(""), found)
		return nil
	}
	if s.options.keep {
		if err := s.removeOutdated(ctx, kept); err != nil {
			return err
		}
	}
	if s.database, err = s.server.create(ctx, ""); err != nil {
		return err
	}
	s.usher = newUsher(folder, s.database.dsn(""), s.cache.dsn(""), newSecrets())
	if err := s.usher.start(ctx, folder, built.usher); err != nil {
		return err
	}
	if err := fill(ctx, s.database, s.usher, s.people); err != nil {
		return err
	}
	if !s.options.keep {
		return nil
	}
	if err := s.database.note(ctx, s.usher.secrets); err != nil {
		return err
	}
	if err := s.server.keep(ctx, s.database, name); err != nil {
		return err
	}
	say("copying %s, which stays for later runs", name)
	if s.database, err = s.server.create(ctx, name); err != nil {
		return err
	}
	s.usher.stores(s.database.dsn(""), s.cache.dsn(""))
	return nil
}

// removeOutdated makes room: what was loaded for another version of the tables,
// with as many people, is of no use any more.
func (s *stand) removeOutdated(ctx context.Context, kept []string) error {
	for _, old := range kept {
		if !strings.HasSuffix(old, fmt.Sprintf("_%d", s.options.users)) {
			continue
		}
		say("removing %s, of another version", old)
		if err := s.server.drop(&database{name: old}); err != nil {
			return err
		}
	}
	return nil
}

// checked is how many loaded people are held against a real sign-in.
const checked = 200

// check signs some of the loaded people in: to the server they must look as if
// their last sign-in had said the same, so that it writes nothing of theirs.
func (s *stand) check(ctx context.Context) error {
	var names []string
	var people []int
	for _, part := range []span{s.people.Repeat, s.people.Changed} {
		for i := range checked {
			number := part.First + scatter(i*31, part.Count)
			names, people = append(names, literal(nameOf(person, number))), append(people, number)
		}
	}
	written := func() (string, error) {
		return s.database.ask(ctx, `SELECT count(*) || ' ' || md5(string_agg(concat_ws(' ', i.id, i.xmin, u.id, u.xmin), ',' ORDER BY i.id))
  FROM identities i JOIN users u ON u.tenant_id = i.tenant_id AND u.id = i.user_id
 WHERE i.subject IN (`+strings.Join(names, ",")+")")
	}
	before, err := written()
	if err != nil {
		return err
	}
	for _, number := range people {
		if _, err := s.usher.signIn(ctx, number, usual); err != nil {
			return err
		}
	}
	after, err := written()
	if err != nil {
		return err
	}
	if before != after || strings.HasPrefix(before, "0 ") {
		return errors.New("the loaded people are not those whom the server expects: sign-ins that change nothing wrote something")
	}
	return nil
}

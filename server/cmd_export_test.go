package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"usher/provisioning"
	"usher/sql/store/storetest"
)

// written makes a file with a text.
func written(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// TestCatalogMoves: what one installation exports another imports, on a database of
// the other kind, and exports the same.
func TestCatalogMoves(t *testing.T) {
	eachWorld(t, func(t *testing.T, w world) {
		var csv strings.Builder
		csv.WriteString("kind,id,name,description\ngroup,\"a,b\",\"A \"\"B\"\"\",<b>é</b>\ncredit,9007199254740991,Last,\n")
		for i := range 450 { // more than two batches
			fmt.Fprintf(&csv, "group,g%03d,Group %d,\ncredit,%d,Credit %d,\n", i, i, i+1, i)
		}
		if said, _ := command(t, w, exitOK, "import", "catalog", written(t, csv.String())); !strings.Contains(said, ": 902 added, 0 changed, 0 the same") {
			t.Errorf("got %q, want 902 added", said)
		}
		first := filepath.Join(t.TempDir(), "catalog.jsonl")
		if said, _ := command(t, w, exitOK, "export", "catalog", first); said != first+": 902 lines\n" {
			t.Errorf("got %q, want 902 lines", said)
		}
		command(t, w, exitFailed, "export", "catalog", first) // one that is there stays

		other := emptyWorld(t, w)
		if said, _ := command(t, other, exitOK, "import", "catalog", "--check", first); said != first+" is good: 902 rows\n" {
			t.Errorf("got %q, want 902 rows", said)
		}
		if got, _ := command(t, other, exitOK, "export", "catalog", "-"); got != "" {
			t.Errorf("got %.200q after a check, want nothing", got)
		}
		said, _ := command(t, other, exitOK, "import", "catalog", "--json", first)
		var done importDone
		if err := json.Unmarshal([]byte(said), &done); err != nil || done.Added != 902 || done.Job == "" {
			t.Errorf("got %q (%v), want 902 added and the job", said, err)
		}
		want, err := os.ReadFile(first)
		if err != nil {
			t.Fatal(err)
		}
		if got, told := command(t, other, exitOK, "export", "catalog", "--json", "-"); got != string(want) || !strings.Contains(told, `"lines":902`) {
			t.Errorf("got another catalogue of %d bytes, told %q, want the %d of the first", len(got), told, len(want))
		}
		if said, _ := command(t, other, exitOK, "import", "catalog", first); !strings.Contains(said, ": 0 added, 0 changed, 902 the same") {
			t.Errorf("a second time: got %q, want all the same", said)
		}
	})
}

// TestImportIsWholeOrNothing: a file with a fault, or none, changes nothing; one
// that is larger than a request may be is read.
func TestImportIsWholeOrNothing(t *testing.T) {
	eachDatabaseWorld(t, func(t *testing.T, w world, db *storetest.Database) {
		command(t, w, exitOK, "import", "catalog", written(t, "kind,id,name\ngroup,staff,Staff\n"))
		tenant := db.Rows(t, `SELECT id FROM tenants`)[0]
		command(t, w, exitOK, "tenant", "add", "--name", "Second", "--tenant-host", "second.example", "--confirm", "Default")
		before := db.Dump(t, tenant)
		large := "kind,id,name,description\n"
		for i := range 900 {
			large += fmt.Sprintf("group,l%d,Large,%s\n", i, strings.Repeat("x", 500))
		}
		for text, want := range map[string]string{
			"":                       "rows:",
			"\x00\xff":               "rows:",
			"kind,id,name\nteam,a,A": "line 2:",
			`{"kind":"group"`:        "line 1:",
			"kind,id,name\ngroup,staff,New name\ngroup,,X\ncredit,0,Y": "line 3:",
			large + "group,l0,Twice,":                                  "line 902:",
			strings.Repeat("x", 16<<20) + " and more":                  "rows:",
		} {
			_, told := command(t, w, exitCheckFailed, "import", "catalog", written(t, text))
			if !strings.Contains(told, "nothing was imported") || !strings.Contains(told, want) {
				t.Errorf("%.60q: got %.300q, want the fault at %s", text, told, want)
			}
		}
		command(t, w, exitNotFound, "import", "catalog", filepath.Join(t.TempDir(), "none"))
		command(t, w, exitNotFound, "import", "catalog", "--host", "other.example", written(t, "kind,id,name\ngroup,a,A\n"))
		command(t, w, exitUsage, "import", "catalog")
		command(t, w, exitUsage, "import", "users", "x")
		if after := db.Dump(t, tenant); !slices.Equal(before, after) {
			t.Errorf("got %d rows changed by what was refused, want none", len(after)-len(before))
		}
		if said, _ := command(t, w, exitOK, "import", "catalog", written(t, large)); !strings.Contains(said, ": 900 added") {
			t.Errorf("a large file: got %q, want 900 added", said)
		}
	})
}

// TestImportInterrupted: an import that is broken off is called off, and says so;
// run again it is done.
func TestImportInterrupted(t *testing.T) {
	eachDatabaseWorld(t, func(t *testing.T, w world, db *storetest.Database) {
		text := "kind,id,name\ngroup,a,A\n"
		rows, err := provisioning.ReadCatalogFile([]byte(text))
		if err != nil {
			t.Fatal(err)
		}
		p := program{environ: w.environ, stdout: newOutput(), stderr: newOutput()}
		for _, tt := range []struct{ state, want string }{
			{"cancelled by the signal", "interrupted"},
			{"cancelled by an administrator", "is cancelled after 0 rows"},
		} {
			if err := p.withTenant(t.Context(), "", func(place commandTenant) error {
				j, err := place.provisioning.ImportRows(t.Context(), place.tenant, rows, byCommand)
				if err != nil {
					return err
				}
				ctx, stop := context.WithCancel(t.Context())
				defer stop()
				if tt.want == "interrupted" {
					stop()
				} else if err := place.provisioning.CancelJob(ctx, place.tenant, j.ID, byCommand); err != nil {
					return err
				}
				if _, err := p.finishImport(ctx, place, j.ID); err == nil || !strings.Contains(err.Error(), tt.want) {
					t.Errorf("%s: got error %v, want %s", tt.state, err, tt.want)
				}
				return nil
			}); err != nil {
				t.Fatal(err)
			}
		}
		if got, want := db.Rows(t, `SELECT state FROM jobs`), []string{"cancelled", "cancelled"}; !slices.Equal(got, want) {
			t.Errorf("got jobs that are %v, want %v", got, want)
		}
		if said, _ := command(t, w, exitOK, "import", "catalog", written(t, text)); !strings.Contains(said, ": 1 added") {
			t.Errorf("run again: got %q, want 1 added", said)
		}
	})
}

// TestUsersAreExported: to a file that its owner alone reads, of one tenant, as of
// one moment, and recorded.
func TestUsersAreExported(t *testing.T) {
	eachWorld(t, func(t *testing.T, w world) {
		i := launch(t, w)
		n := i.install(t, nil)
		i.signIn(t, link(n.token(person("anna").with(fields{"groups": []string{"staff"}}))))
		i.signIn(t, link(n.token(person("bert"))))
		command(t, w, exitOK, "tenant", "add", "--name", "Second", "--tenant-host", "second.example", "--confirm", "Default")

		file := filepath.Join(t.TempDir(), "users.jsonl")
		if said, _ := command(t, w, exitOK, "export", "users", file, "--json"); !strings.Contains(said, `"lines":2`) {
			t.Errorf("got %q, want two lines", said)
		}
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if info, err := os.Stat(file); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("got %v, %v, want a file that its owner alone reads", info, err)
		}
		var emails []string
		for line := range strings.Lines(string(text)) {
			var u struct {
				Email      string
				Identities []struct{ Integration string }
			}
			if err := json.Unmarshal([]byte(line), &u); err != nil || len(u.Identities) != 1 || u.Identities[0].Integration != n.ID {
				t.Errorf("got the line %q, %v, want a user with one identity", line, err)
			}
			emails = append(emails, u.Email)
		}
		if want := []string{"anna@lumen.example", "bert@lumen.example"}; !slices.Equal(emails, want) {
			t.Errorf("got %v, want %v", emails, want)
		}
		out, told := command(t, w, exitOK, "export", "users", "-")
		if out != string(text) || !strings.Contains(told, "-: 2 lines") {
			t.Errorf("to standard output: got %d bytes, told %q, want the same %d", len(out), told, len(text))
		}
		if out, _ := command(t, w, exitOK, "export", "users", "--host", "second.example", "-"); out != "" {
			t.Errorf("of the second tenant: got %q, want nothing", out)
		}
		if acts, _ := command(t, w, exitOK, "audit", "export"); strings.Count(acts, "users_exported") != 2 {
			t.Errorf("got the acts %s, want two exports among them", acts)
		}
	})
}

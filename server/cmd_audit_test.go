package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"usher/sql/store/storetest"
)

// TestAuditCommands verifies and exports beside a server, finds a changed row
// in the database and in a file, and a cut end by the head noted before.
func TestAuditCommands(t *testing.T) {
	eachDatabaseWorld(t, func(t *testing.T, w world, db *storetest.Database) {
		i := launch(t, w)
		for _, name := range []string{"a", "b", "c"} {
			i.admin(t, 201, "POST", "/groups", fields{"external_id": name})
		}
		whole, _ := command(t, w, exitOK, "audit", "verify")
		head := field(t, whole, "Head")
		if !strings.Contains(whole, "Rows checked: 3") || !strings.HasPrefix(head, "3:") {
			t.Errorf("got %q, want 3 rows and the head of the third", whole)
		}
		export, _ := command(t, w, exitOK, "audit", "export")
		file := filepath.Join(t.TempDir(), "audit.jsonl")
		write := func(text string) {
			if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		write(export)
		// An export needs no database.
		nowhere := world{environ: []string{"USHER_DATA_DIR=" + filepath.Join(t.TempDir(), "none")}}
		command(t, nowhere, exitOK, "audit", "verify", "--file", file, "--head", head)
		if api := i.admin(t, 200, "GET", "/audit/export", nil); api.body != export {
			t.Errorf("got another export from the API:\n%s\n%s", api.body, export)
		}
		write(strings.Replace(export, `\"b\"`, `\"x\"`, 1))
		if _, log := command(t, nowhere, exitCheckFailed, "audit", "verify", "--file", file); !strings.Contains(log, "row 2") {
			t.Errorf("got %q, want row 2 named", log)
		}
		write("nothing")
		command(t, nowhere, exitFailed, "audit", "verify", "--file", file)
		command(t, nowhere, exitNotFound, "audit", "verify", "--file", file+"x")
		command(t, w, exitUsage, "audit", "verify", "--head", "3")

		tenant := db.Rows(t, `SELECT id FROM tenants`)[0]
		db.Exec(t, `DELETE FROM audit_log WHERE tenant_id = $1 AND seq = 3`, tenant)
		db.Exec(t, `UPDATE audit_heads SET seq = 2, hash = (SELECT hash FROM audit_log WHERE tenant_id = $1 AND seq = 2) WHERE tenant_id = $1`, tenant)
		command(t, w, exitOK, "audit", "verify")
		if _, log := command(t, w, exitCheckFailed, "audit", "verify", "--head", head); !strings.Contains(log, "row 3") {
			t.Errorf("got %q, want row 3 named", log)
		}
		db.Exec(t, `UPDATE audit_log SET actor_name = 'x' WHERE tenant_id = $1 AND seq = 1`, tenant)
		if _, log := command(t, w, exitCheckFailed, "audit", "verify"); !strings.Contains(log, "row 1") {
			t.Errorf("got %q, want row 1 named", log)
		}
	})
}

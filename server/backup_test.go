package main

import (
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"usher/provisioning"
)

// emptyWorld is a world of the other kind than w where that is to be had, with
// its master key.
func emptyWorld(t *testing.T, w world) world {
	t.Helper()
	if w.database == "" && haveServers() {
		other := serversWorld(t)
		key, err := os.ReadFile(filepath.Join(w.folder(), masterKeyFile))
		if err != nil {
			t.Fatal(err)
		}
		other.environ[2] = "USHER_MASTER_KEY=" + strings.TrimSpace(string(key))
		return other
	}
	other := embeddedWorld(t)
	if w.database == "" {
		key, err := os.ReadFile(filepath.Join(w.folder(), masterKeyFile))
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(other.folder(), masterKeyFile), key, 0o600); err != nil {
			t.Fatal(err)
		}
		return other
	}
	other.environ = append(other.environ, w.environ[2])
	return other
}

// TestBackupAndRestore rehearses the loss of a database: a backup is written while
// people sign in, and loaded elsewhere, into a database of the other kind. What
// was answered before the backup began is there: people, integrations, the chain
// of acts, and that a link was used.
func TestBackupAndRestore(t *testing.T) {
	eachWorld(t, func(t *testing.T, w world) {
		i := launch(t, w)
		n := i.install(t, nil)
		used := link(n.token(person("anna").with(fields{"jti": "first"})))
		i.signIn(t, used)

		var signingIn sync.WaitGroup
		stop := make(chan struct{})
		signingIn.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
					i.get(t, link(n.token(person("bert"))))
				}
			}
		})
		file := filepath.Join(t.TempDir(), "usher.backup")
		said, _ := command(t, w, exitOK, "backup", file)
		close(stop)
		signingIn.Wait()
		if !strings.Contains(said, "SHA-256") {
			t.Errorf("got %q, want what the backup holds", said)
		}
		if info, err := os.Stat(file); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("got %v, %v, want a file that its owner alone reads", info, err)
		}
		command(t, w, exitFailed, "backup", file) // one that is there stays
		command(t, w, exitOK, "restore", "--check", file)

		other := emptyWorld(t, w)
		command(t, other, exitOK, "restore", file)
		j := launch(t, other)
		j.wantReason(t, j.get(t, used, wantsJSON), http.StatusUnauthorized, "token_replayed")
		j.signIn(t, link(n.token(person("anna").with(fields{"jti": "second"}))))
		command(t, other, exitOK, "audit", "verify")
		if got, want := j.userID(t, "anna@lumen.example"), i.userID(t, "anna@lumen.example"); got != want {
			t.Errorf("Anna: got user %s, want %s", got, want)
		}
		_, told := command(t, other, exitFailed, "restore", file)
		if !strings.Contains(told, "not empty") {
			t.Errorf("into a database in use: got %q, want that it is not empty", told)
		}
	})
}

// TestRestoreWithoutTheMasterKey: a backup does not hold what opens the secrets in
// it.
func TestRestoreWithoutTheMasterKey(t *testing.T) {
	t.Parallel()
	w := embeddedWorld(t)
	n, _ := command(t, w, exitOK, "integration", "install", "--name", "Acme")
	file := filepath.Join(t.TempDir(), "usher.backup")
	command(t, w, exitOK, "backup", file)

	other := embeddedWorld(t)
	_, told := command(t, other, exitFailed, "restore", file)
	if !strings.Contains(told, "master key") || len(contents(t, other.folder())) != 0 {
		t.Errorf("without a key: got %q and %v, want the reason and no file", told, contents(t, other.folder()))
	}
	other.environ = append(other.environ, "USHER_MASTER_KEY="+provisioning.NewMasterKey())
	if _, told := command(t, other, exitCheckFailed, "restore", file); !strings.Contains(told, "does not open") {
		t.Errorf("with another key: got %q, want that it does not open what was restored", told)
	}
	command(t, other, exitFailed, "integration", "show", field(t, n, "App id"))
}

// TestRestoreIntoAnEmptyFolder makes the data folder, as a start does; what is no
// file is refused before that.
func TestRestoreIntoAnEmptyFolder(t *testing.T) {
	t.Parallel()
	w := embeddedWorld(t)
	n, _ := command(t, w, exitOK, "integration", "install", "--name", "Acme")
	file := filepath.Join(t.TempDir(), "usher.backup")
	command(t, w, exitOK, "backup", file)

	folder := filepath.Join(t.TempDir(), "new", "data")
	other := embeddedWorld(t)
	other.environ = append(other.environ, "USHER_DATA_DIR="+folder,
		"USHER_MASTER_KEY_FILE="+filepath.Join(w.folder(), masterKeyFile))
	for _, path := range []string{"-", t.TempDir()} {
		if _, told := command(t, other, exitFailed, "restore", path); !strings.Contains(told, "read twice") {
			t.Errorf("restore %s: got %q, want that it is no file that can be read twice", path, told)
		}
	}
	command(t, other, exitNotFound, "restore", filepath.Join(folder, "none"))
	if exists(folder) {
		t.Errorf("got a folder %s for nothing", folder)
	}
	command(t, other, exitOK, "restore", file)
	command(t, other, exitOK, "integration", "show", field(t, n, "App id"))
	if info, err := os.Stat(folder); err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("got %v, %v, want a folder for its owner alone", info, err)
	}
}

package main

import (
	"encoding/json"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"usher/provisioning"
)

// keyed is the world with master keys of its own.
func (w world) keyed(present string, previous ...string) world {
	w.environ = slices.DeleteFunc(slices.Clone(w.environ), func(s string) bool { return strings.HasPrefix(s, "USHER_MASTER_KEY=") })
	w.environ = append(w.environ, "USHER_MASTER_KEY="+present, "USHER_MASTER_KEY_PREVIOUS="+strings.Join(previous, ", "))
	return w
}

// again ends an instance and starts another one in its place.
func (i *instance) again(t *testing.T, w world) *instance {
	t.Helper()
	i.stop()
	if code := i.exited(); code != exitOK {
		t.Fatalf("got exit code %d at the end of an instance, want 0: %s", code, i.log)
	}
	return launch(t, w)
}

// masterKeys is what the command says of them, by their state.
func masterKeys(t *testing.T, w world, code int) map[string]listedMasterKey {
	t.Helper()
	said, _ := command(t, w, code, "master-key", "status", "--json")
	found := map[string]listedMasterKey{}
	for line := range strings.Lines(said) {
		var k listedMasterKey
		if err := json.Unmarshal([]byte(line), &k); err != nil {
			t.Fatal(err)
		}
		state := "missing"
		if k.Present {
			state = "present"
		} else if k.Configured {
			state = "previous"
		}
		found[state] = k
	}
	return found
}

// TestMasterKeyReplaced walks through the replacement of the master key with two
// instances that are started again one after the other, as operations.md has it.
// Links, refresh tokens and webhooks work at each step on both, and with the new
// key alone at the end; who was erased stays out.
func TestMasterKeyReplaced(t *testing.T) {
	eachWorld(t, func(t *testing.T, w world) {
		old, next := provisioning.NewMasterKey(), provisioning.NewMasterKey()
		before, opens, changed, after := w.keyed(old), w.keyed(old, next), w.keyed(next, old), w.keyed(next)
		a, b := launch(t, before), launch(t, before)
		lumen := a.install(t, nil)
		early := link(lumen.token(person("early")))
		a.admin(t, http.StatusCreated, "POST", "/webhooks", fields{"url": deadHook, "types": []string{"user.erased"}, "disabled": true})
		shop := a.addPageClient(t, nil)
		mine := a.tokensFor(t, shop, a.signIn(t, link(lumen.token(person("anna")))), "openid email offline_access")
		a.signIn(t, link(lumen.token(person("gone"))))
		a.admin(t, http.StatusNoContent, "DELETE", "/users/"+a.userID(t, "gone@lumen.example"), nil)

		a = a.again(t, opens)
		b = b.again(t, opens)
		a = a.again(t, changed)
		fresh := a.install(t, nil) // sealed under the new key, and b has the old one first
		b.signIn(t, link(fresh.token(person("bob"))))
		refreshed := b.v0Refresh(t, shop, mine.RefreshToken).given(t) // its successor is sealed under the old one
		b = b.again(t, changed)
		if k := masterKeys(t, changed, exitCheckFailed); k["previous"].Lasting < 4 || k["previous"].Passing != 1 || k["present"].Lasting != 1 {
			t.Errorf("before the rotation: got %+v", k)
		}

		checkup(t, changed, exitOK).wants(t, "master key", doubtful, "still sealed under the master key", "usher master-key rotate")

		stop := make(chan struct{})
		var signingIn sync.WaitGroup
		signingIn.Go(func() {
			for n := 0; ; n++ {
				select {
				case <-stop:
					return
				default:
				}
				i := []*instance{a, b}[n%2]
				if got, err := i.try(t.Context(), http.MethodGet, link(lumen.token(person("dora"))), ""); err != nil || got.status != http.StatusSeeOther {
					t.Errorf("while everything is sealed anew: got %v, %v, want 303", got, err)
					return
				}
			}
		})
		said, _ := command(t, changed, exitOK, "master-key", "rotate")
		close(stop)
		signingIn.Wait()
		if !strings.Contains(said, "sealed anew under the master key") {
			t.Errorf("rotate: got %q", said)
		}
		if again := a.v0Refresh(t, shop, mine.RefreshToken).given(t); again.RefreshToken != refreshed.RefreshToken {
			t.Error("the same refresh token once more: got another successor")
		}
		if got := command1(t, changed, "master-key", "rotate"); !strings.HasPrefix(got, "0 values") {
			t.Errorf("rotate again: got %q, want that nothing was left", got)
		}

		w.exec(t, `UPDATE refresh_tokens SET successor = NULL`) // as the server does when the minute is over
		keys := masterKeys(t, changed, exitOK)
		if keys["previous"].Lasting != 0 || keys["present"].Lasting < 5 {
			t.Errorf("after the rotation: got %+v", keys)
		}
		a = a.again(t, after)
		a.signIn(t, early)
		a.signIn(t, link(fresh.token(person("carl"))))
		a.v0Refresh(t, shop, refreshed.RefreshToken).given(t)
		if got := a.get(t, link(lumen.token(person("gone")))); got.status == http.StatusSeeOther {
			t.Errorf("who was erased: got %v, want a refusal", got)
		}
		b = b.again(t, after)
		b.signIn(t, link(lumen.token(person("anna"))))
		checkup(t, after, exitOK).wants(t, "master key", sound, "opens what is sealed under it")
		command(t, after, exitOK, "audit", "verify")
		startWithout(t, before, keys["present"].ID)
	})
}

// TestPreviousMasterKeysOfAFile: one on each line, as files have them.
func TestPreviousMasterKeysOfAFile(t *testing.T) {
	t.Parallel()
	keys := []string{provisioning.NewMasterKey(), provisioning.NewMasterKey(), provisioning.NewMasterKey()}
	path := filepath.Join(t.TempDir(), "old.keys")
	if err := os.WriteFile(path, []byte(keys[0]+"\r\n"+keys[1]+", "+keys[2]+"\n\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	c, err := loadConfig([]string{"USHER_MASTER_KEY_PREVIOUS_FILE=" + path})
	if err != nil || !slices.Equal(c.MasterKeysPrevious, keys) {
		t.Errorf("got %d keys and error %v, want those of the file", len(c.MasterKeysPrevious), err)
	}
}

// command1 is the standard output of a command that succeeds.
func command1(t *testing.T, w world, args ...string) string {
	t.Helper()
	said, _ := command(t, w, exitOK, args...)
	return said
}

// startWithout sees that a server does not start, and names the master key that it
// lacks.
func startWithout(t *testing.T, w world, id string) {
	t.Helper()
	output := newOutput()
	code := run(t.Context(), []string{"serve"}, append(slices.Clone(w.environ), "USHER_LISTEN=127.0.0.1:0"), io.Discard, output)
	if code != exitFailed || !strings.Contains(output.String(), "master key does not open") || !strings.Contains(output.String(), id) {
		t.Errorf("got exit code %d and %q, want 1 and the id %s", code, output, id)
	}
}

// TestMasterKeyOfABackup: a backup says which master key it needs, also when it was
// made before that was replaced.
func TestMasterKeyOfABackup(t *testing.T) {
	t.Parallel()
	w := embeddedWorld(t)
	old, next := provisioning.NewMasterKey(), provisioning.NewMasterKey()
	command(t, w.keyed(old), exitOK, "integration", "install", "--name", "Acme")
	oldID := masterKeys(t, w.keyed(old), exitOK)["present"].ID
	file := filepath.Join(t.TempDir(), "usher.backup")
	said, _ := command(t, w, exitOK, "backup", file)
	command(t, w.keyed(next, old), exitOK, "master-key", "rotate")
	checked, _ := command(t, w, exitOK, "restore", "--check", file)
	for _, text := range []string{said, checked} {
		if !strings.Contains(text, "master key "+oldID+"\n") {
			t.Errorf("got %q, want the id %s", text, oldID)
		}
	}
	other := embeddedWorld(t)
	if _, told := command(t, other.keyed(next), exitCheckFailed, "restore", file); !strings.Contains(told, "does not open") || !strings.Contains(told, oldID) {
		t.Errorf("with the new key: got %q, want that the key %s is needed", told, oldID)
	}
	command(t, other.keyed(next, old), exitOK, "master-key", "rotate")
	masterKeys(t, other.keyed(next), exitOK)
}

// TestMasterKeyLost: what operations.md says to do when there is no copy.
func TestMasterKeyLost(t *testing.T) {
	eachWorld(t, func(t *testing.T, w world) {
		first, second := w.keyed(provisioning.NewMasterKey()), w.keyed(provisioning.NewMasterKey())
		i := launch(t, first)
		lumen := i.install(t, nil)
		cookie := i.signIn(t, link(lumen.token(person("anna"))))
		command(t, first, exitOK, "signing-key", "rotate")
		i.stop()
		i.exited()
		page := projectFile(t, filepath.Join("..", "docs", "operations.md"))
		_, rest, _ := strings.Cut(page, "If it is lost")
		_, rest, _ = strings.Cut(rest, "```sql\n")
		statements, _, found := strings.Cut(rest, "```")
		if !found {
			t.Fatal("got no statements in docs/operations.md")
		}
		for statement := range strings.Lines(statements) {
			w.exec(t, statement)
		}
		i = launch(t, second)
		if !i.alive(t, cookie) {
			t.Error("got a session that has ended, want it to go on")
		}
		i.admin(t, http.StatusCreated, "POST", "/integrations/"+lumen.ID+"/keys", fields{})
		fresh := i.install(t, nil)
		i.signIn(t, link(fresh.token(person("bob"))))
		command(t, second, exitOK, "signing-key", "rotate")
	})
}

package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// The secrets that a check-up must not tell.
const (
	plantedWord = "planted-Zq7!x9Kd"
	plantedKey  = "9d0c7ff7c2f6b1c8a6f3de11b0a4c95e7f2233d1e8b94a60c5d7f8092b3a4c5d"
)

// toldBy is everything that the doctor writes, for people and as JSON.
func toldBy(t *testing.T, environ []string) string {
	t.Helper()
	out := newOutput()
	run(t.Context(), []string{"doctor"}, environ, out, out)
	run(t.Context(), []string{"doctor", "--json"}, environ, out, out)
	return out.String()
}

// TestCheckupTellsNoSecret plants secrets in every setting that holds one, well
// and badly written, in files, in addresses and at servers that repeat what they
// hear, and looks for them in what the doctor writes.
func TestCheckupTellsNoSecret(t *testing.T) {
	t.Parallel()
	echo := fakeServer(t, func(words []string) string {
		return "-ERR unknown command with args beginning with: " + strings.Join(words, " ") + "\r\n"
	})
	closed := closedPort(t)
	encoded := strings.NewReplacer("!", "%21").Replace(plantedWord)
	addresses := []string{
		"redis://:" + encoded + "@" + echo, "redis://user:" + encoded + "@" + closed, "redis://" + encoded + "@" + closed,
		"redis://" + encoded + ".invalid", "rediss://:" + encoded + "@" + echo, "redis://:" + plantedWord + "@" + closed,
		"redis://" + echo + "?master=m&sentinel_password=" + encoded, "http://:" + plantedWord + "@x", "redis://x/" + plantedWord, "redis://x?" + plantedWord,
		"postgres://u:" + encoded + "@" + closed + "/x", "postgres://" + encoded + ".invalid/x", "postgres://u:" + encoded + "@" + echo + "/x",
		"postgres://u:" + plantedWord + "@" + closed + "," + closed + "/x", "postgres://u:p@" + closed + "/x?password=" + encoded, "postgres://u:p@x/y?" + plantedWord,
		"mysql://u:" + plantedWord + "@x/y", "https://u:" + plantedWord + "@app:3000", "http://" + plantedWord + "@",
	}
	values := append(addresses, plantedKey, plantedWord, plantedWord+"\n"+plantedWord, strings.Repeat(plantedWord, 3))
	for _, s := range settings {
		for n, value := range values {
			if !s.secret && !strings.Contains(value, "@") {
				continue // it is no place for one, and is shown
			}
			t.Run(fmt.Sprintf("%s %d", s.name, n), func(t *testing.T) {
				t.Parallel()
				folder := t.TempDir()
				forms := []string{s.name + "=" + value}
				if s.secret {
					path := filepath.Join(folder, "secret")
					if err := os.WriteFile(path, []byte(value), 0o600); err != nil {
						t.Fatal(err)
					}
					forms = append(forms, s.name+fileSuffix+"="+path)
				}
				for _, form := range forms {
					environ := []string{"USHER_DATA_DIR=" + folder, form}
					if s.name == "USHER_DATA_DIR" {
						continue // a path, and shown
					}
					if s.name == "DATABASE_URL" {
						environ = append(environ, "USHER_MASTER_KEY="+plantedKey, "USHER_ADMIN_OIDC_ISSUER=https://login.example.com",
							"USHER_ADMIN_OIDC_CLIENT_ID=usher", "USHER_ADMIN_OIDC_CLIENT_SECRET="+plantedWord, "USHER_BOOTSTRAP_API_KEY="+strings.Repeat(plantedWord, 2))
					}
					if s.name == "DATABASE_DIRECT_URL" {
						environ = append(environ, "USHER_MASTER_KEY="+plantedKey, "DATABASE_URL=postgres://u:p@"+closed+"/x")
					}
					text := toldBy(t, environ)
					if !strings.Contains(text, "configuration") {
						t.Fatalf("got\n%s\nwant a check-up", text)
					}
					for _, secret := range []string{plantedWord, encoded, plantedKey} {
						if strings.Contains(text, secret) {
							t.Errorf("got %s told of %s:\n%s", secret, form, text)
						}
					}
				}
			})
		}
	}
}

// TestCheckupTellsNoStoredSecret looks for what a running installation keeps: the
// partner's secret, the master key and the setup link.
func TestCheckupTellsNoStoredSecret(t *testing.T) {
	eachWorld(t, func(t *testing.T, w world) {
		i := launch(t, w)
		lumen := i.install(t, nil)
		command(t, w, exitOK, "signing-key", "rotate", "--now", "--yes")
		secrets := map[string]string{"partner's secret": lumen.secret(), "API key": apiKey, "setup link": i.setup}
		if w.database == "" {
			key, err := os.ReadFile(filepath.Join(w.folder(), masterKeyFile))
			if err != nil {
				t.Fatal(err)
			}
			secrets["master key"] = strings.TrimSpace(string(key))
		}
		text := toldBy(t, append([]string{"USHER_BOOTSTRAP_API_KEY=" + apiKey}, w.environ...))
		for name, secret := range secrets {
			if secret == "" || strings.Contains(text, secret) {
				t.Errorf("got the %s told, or none (%d characters):\n%s", name, len(secret), text)
			}
		}
	})
}

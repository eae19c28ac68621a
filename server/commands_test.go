package main

import (
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// command runs one command line in w, and fails the test unless it ends with
// the exit code.
func command(t *testing.T, w world, code int, args ...string) (stdout, stderr string) {
	t.Helper()
	out, log := newOutput(), newOutput()
	if got := run(t.Context(), args, w.environ, out, log); got != code {
		t.Fatalf("usher %s: got exit code %d, want %d; stdout:\n%s\nstderr:\n%s", strings.Join(args, " "), got, code, out, log)
	}
	return out.String(), log.String()
}

// field is the value of a line such as "App id:      57cc…".
func field(t *testing.T, text, name string) string {
	t.Helper()
	match := regexp.MustCompile(`(?m)^` + name + `: +(\S+)`).FindStringSubmatch(text)
	if match == nil {
		t.Fatalf("got no line %q in:\n%s", name, text)
	}
	return match[1]
}

// TestCommandsShareTheService installs, signs for, rotates and removes by
// commands, while a server runs on the same stores and has to notice.
func TestCommandsShareTheService(t *testing.T) {
	eachWorld(t, func(t *testing.T, w world) {
		server := launch(t, w)
		installed, _ := command(t, w, exitOK, "integration", "install", "--name", "Acme")
		appID, keyID := field(t, installed, "App id"), field(t, installed, "Key id")
		if len(field(t, installed, "Secret")) != 43 {
			t.Errorf("got %q, want a secret of 43 characters", field(t, installed, "Secret"))
		}
		status := func(link string) int {
			t.Helper()
			_, rest, found := strings.Cut(link, "/auth/callback/")
			if !found {
				t.Fatalf("got no link: %q", link)
			}
			response, err := server.client.Get(server.origin + "/auth/callback/" + strings.TrimSpace(rest))
			if err != nil {
				t.Fatalf("GET: %v", err)
			}
			_ = response.Body.Close()
			return response.StatusCode
		}
		sign := func() string {
			t.Helper()
			link, _ := command(t, w, exitOK, "sign", appID, "--email", "anna@example.com", "--group", "a", "--go", "/courses")
			return link
		}
		if got := status(sign()); got != http.StatusSeeOther {
			t.Errorf("a link of the command: got %d, want %d", got, http.StatusSeeOther)
		}

		added, _ := command(t, w, exitOK, "integration", "rotate", appID)
		newID := field(t, added, "Key id")
		if newID == keyID {
			t.Errorf("rotate: got the old key %q again", newID)
		}
		old := sign() // signed before the retirement, with the newest key
		command(t, w, exitOK, "integration", "rotate", appID, "--retire", newID)
		if got := status(old); got != http.StatusUnauthorized {
			t.Errorf("a link of the retired key: got %d, want %d", got, http.StatusUnauthorized)
		}
		if got := status(sign()); got != http.StatusSeeOther {
			t.Errorf("a link of the other key: got %d, want %d", got, http.StatusSeeOther)
		}
		_, told := command(t, w, exitUsage, "integration", "rotate", appID, "--retire", keyID)
		if !strings.Contains(told, "only key") {
			t.Errorf("retiring the last key: got %q, want the reason", told)
		}

		listed, _ := command(t, w, exitOK, "integration", "list")
		for _, want := range []string{appID, "Acme", keyID, "active", newID, "retired "} {
			if !strings.Contains(listed, want) {
				t.Errorf("list: got\n%s\nwithout %q", listed, want)
			}
		}
		last := sign()
		_, told = command(t, w, exitUsage, "integration", "remove", appID)
		if !strings.Contains(told, `--confirm "Acme"`) {
			t.Errorf("remove without its name: got %q, want how to confirm", told)
		}
		command(t, w, exitOK, "integration", "remove", appID, "--confirm", "Acme")
		if got := status(last); got != http.StatusUnauthorized {
			t.Errorf("a link after the removal: got %d, want %d", got, http.StatusUnauthorized)
		}
		// One that failed half-way has to be repeated, so it can be.
		command(t, w, exitOK, "integration", "remove", appID, "--confirm", "Acme")
		command(t, w, exitNotFound, "sign", appID, "--email", "anna@example.com")
	})
}

func TestCommandsRefuse(t *testing.T) {
	t.Parallel()
	w := embeddedWorld(t)
	short := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(short, []byte("too short\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, test := range map[string]struct {
		args []string
		code int
		says string
	}{
		"no name":          {[]string{"integration", "install"}, exitUsage, "name:"},
		"short secret":     {[]string{"integration", "install", "--name", "A", "--secret-file", short}, exitUsage, "secret:"},
		"no such file":     {[]string{"integration", "install", "--name", "A", "--secret-file", short + "x"}, exitUsage, "no such file"},
		"bad policy":       {[]string{"integration", "install", "--name", "A", "--link-policy", "maybe"}, exitUsage, "link_policy:"},
		"unknown id":       {[]string{"integration", "rotate", "nothing"}, exitNotFound, "not found"},
		"no id":            {[]string{"integration", "remove"}, exitUsage, "takes one id"},
		"unknown command":  {[]string{"integration", "instal"}, exitUsage, "install"},
		"unknown host":     {[]string{"integration", "list", "--host", "nobody.test"}, exitOK, ""},
		"change nothing":   {[]string{"integration", "change", "x"}, exitUsage, "at least one"},
		"change nobody":    {[]string{"integration", "change", "x", "--max-age", "1"}, exitNotFound, "not found"},
		"show nobody":      {[]string{"integration", "show", "x"}, exitNotFound, "not found"},
		"preview nobody":   {[]string{"integration", "remove", "x", "--preview"}, exitNotFound, "not found"},
		"retire one id":    {[]string{"integration", "retire", "x"}, exitUsage, "a key id"},
		"keep and retire":  {[]string{"integration", "retire", "x", "y", "--keep", "--after", "1h"}, exitUsage, "--after"},
		"sign out nobody":  {[]string{"integration", "sign-out", "x", "--yes"}, exitNotFound, "not found"},
		"sign out unasked": {[]string{"integration", "sign-out", "x"}, exitUsage, "--yes"},
		"sign for nobody":  {[]string{"sign", "x"}, exitUsage, "--email"},
		"bad claims":       {[]string{"sign", "x", "--claims", short}, exitUsage, "JSON"},
		"demo in earnest":  {[]string{"demo"}, exitFailed, "production"},
		"unknown argument": {[]string{"migrate", "now"}, exitUsage, "no arguments"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := w
			if name == "demo in earnest" {
				w.environ = append([]string{
					"USHER_ENV=production", "USHER_ALLOW_EMBEDDED=true", "USHER_PUBLIC_URL=https://usher.test",
					"USHER_MASTER_KEY=" + strings.Repeat("0123456789abcdef", 4),
				}, w.environ...)
			}
			_, stderr := command(t, w, test.code, test.args...)
			if !strings.Contains(stderr, test.says) {
				t.Errorf("got %q, want it to say %q", stderr, test.says)
			}
		})
	}
}

// TestLifeByCommands shows, changes, rotates, signs out, previews and removes.
func TestLifeByCommands(t *testing.T) {
	eachWorld(t, func(t *testing.T, w world) {
		server := launch(t, w)
		installed, _ := command(t, w, exitOK, "integration", "install", "--name", "Acme", "--max-age", "90", "--session-idle", "600",
			"--auto-create=false", "--embed-origin", "https://a.example,https://b.example",
			"--content-origin", "https://content.example", "--embed-max-age", "600")
		id, kid, secret := field(t, installed, "App id"), field(t, installed, "Key id"), field(t, installed, "Secret")
		show := func(parts ...string) {
			t.Helper()
			shown, _ := command(t, w, exitOK, "integration", "show", id)
			if strings.Contains(shown, secret) {
				t.Errorf("show: got the secret")
			}
			for _, part := range parts {
				if !regexp.MustCompile(part).MatchString(shown) {
					t.Errorf("show: got\n%s\nwithout %q", shown, part)
				}
			}
		}
		show(`Max age: +1m30s`, `Session idle: +10m`, `Auto-create: +false`, `Embed origins: +https://a.example https://b.example`,
			`Embed max age: +10m0s`, `Content origins: +https://content.example`, kid+` +HS256 +active +never`)
		command(t, w, exitOK, "integration", "change", id, "--auto-create", "--landing-page", "/courses", "--max-age", "0")
		show(`Auto-create: +true`, `Landing page: +/courses`, `links never expire`, `Session idle: +10m`)

		cookie := server.signIn(t, link(signed("HS256", secret, fields{"kid": kid}, person("anna"))))
		preview, _ := command(t, w, exitOK, "integration", "remove", id, "--preview")
		for _, part := range []string{`Sessions that end: +1\n`, `only way in: +1\n`} {
			if !regexp.MustCompile(part).MatchString(preview) {
				t.Errorf("preview: got\n%s\nwithout %q", preview, part)
			}
		}
		if !server.alive(t, cookie) {
			t.Errorf("got a session ended by a preview")
		}
		command(t, w, exitOK, "integration", "sign-out", id, "--yes")
		if server.alive(t, cookie) {
			t.Errorf("got a session alive after everyone was signed out")
		}

		command(t, w, exitOK, "integration", "rotate", id)
		command(t, w, exitOK, "integration", "retire", id, kid, "--after", "1h")
		show(kid + ` +HS256 +expiring`)
		command(t, w, exitOK, "integration", "retire", id, kid, "--keep")
		show(kid + ` +HS256 +active`)
		command(t, w, exitOK, "integration", "retire", id, kid)
		command(t, w, exitUsage, "integration", "retire", id, kid, "--keep")
		if !strings.Contains(preview, "--drop") {
			t.Errorf("got preview %q, want both choices named", preview)
		}
		if removed, _ := command(t, w, exitOK, "integration", "remove", id, "--yes", "--drop"); !strings.Contains(removed, "job ") {
			t.Errorf("got %q, want the job that takes what it gave", removed)
		}
		command(t, w, exitNotFound, "integration", "show", id)
	})
}

func TestMigrateTwice(t *testing.T) {
	eachWorld(t, func(t *testing.T, w world) {
		for range 2 {
			if out, _ := command(t, w, exitOK, "migrate"); !strings.Contains(out, "up to date") {
				t.Errorf("got %q, want that it is up to date", out)
			}
		}
	})
}

package main

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"usher/testenv"
)

// TestQuickStart runs the signing code that the program shows, for every
// algorithm and in every language that is to be had here, and follows the link
// that it prints. C# is read by people only.
func TestQuickStart(t *testing.T) {
	t.Parallel()
	i := launch(t, embeddedWorld(t))
	for _, algorithm := range []string{"HS256", "HS384", "HS512", "RS256", "ES256", "EdDSA"} {
		t.Run(algorithm, func(t *testing.T) {
			t.Parallel()
			wish := fields{"name": "Lumen " + algorithm, "link_policy": "trusted"}
			variable := ""
			if private := newPrivateKey(t, algorithm); private != nil {
				text, file := pemPair(t, private)
				wish["public_key"] = text
				variable = "USHER_PRIVATE_KEY_FILE=" + file
			} else {
				wish["algorithm"] = algorithm
			}
			n := i.install(t, wish)
			if variable == "" {
				variable = "USHER_SECRET=" + n.secret()
			}
			for language, run := range languagesHere(t) {
				t.Run(language, func(t *testing.T) {
					t.Parallel()
					i.followQuickStart(t, n, language, run, variable)
				})
			}
		})
	}
}

// followQuickStart runs one example and follows its link.
func (i *instance) followQuickStart(t *testing.T, n installed, language string, run runner, variable string) {
	t.Helper()
	answer := decode[struct {
		Snippets []struct{ ID, File, Code string } `json:"snippets"`
	}](t, i.admin(t, http.StatusOK, http.MethodGet, "/integrations/"+n.ID+"/quick-start", nil))
	for _, s := range answer.Snippets {
		if s.ID != language {
			continue
		}
		if s.Code == "" {
			if n.Keys[0].Algorithm != "EdDSA" || (language != "php" && language != "ruby") {
				t.Errorf("got no code")
			}
			continue
		}
		folder := t.TempDir()
		writeFile(t, filepath.Join(folder, s.File), s.Code)
		if run.prepare != nil {
			run.prepare(t, folder)
		}
		cmd := exec.CommandContext(t.Context(), run.program, append(run.arguments, s.File)...)
		cmd.Dir = folder
		cmd.Env = append(os.Environ(), variable)
		cmd.Env = append(cmd.Env, run.environ...)
		output, err := cmd.Output()
		if err != nil {
			var complaint []byte
			if failed, ok := err.(*exec.ExitError); ok { //nolint:errorlint // Output returns it as it is
				complaint = failed.Stderr
			}
			t.Fatalf("%v:\n%s%s", err, output, complaint)
		}
		link, err := url.Parse(strings.TrimSpace(string(output)))
		if err != nil || link.Path != "/auth/callback/jwt-auth" {
			t.Fatalf("got %q (%v), want a link", output, err)
		}
		a := i.get(t, link.RequestURI())
		if a.status != http.StatusSeeOther || a.header.Get("Location") != "/" {
			t.Fatalf("got %v, want 303 to /", a)
		}
		if who := i.get(t, "/auth/session", holding(a.cookie())); !strings.Contains(who.body, `"you@example.com"`) {
			t.Errorf("got %v, want the person of the example", who)
		}
	}
}

// runner runs a file of one language.
type runner struct {
	program   string
	arguments []string
	environ   []string
	prepare   func(t *testing.T, folder string)
}

// languagesHere are the languages with their libraries, by the examples' ids.
func languagesHere(t *testing.T) map[string]runner {
	t.Helper()
	root, err := filepath.Abs("..")
	if err != nil {
		t.Fatal(err)
	}
	here := map[string]runner{
		"go": {program: "go", arguments: []string{"run"}, environ: []string{"GOFLAGS=-mod=mod", "GOWORK=off", "GOPROXY=off"}, prepare: func(t *testing.T, folder string) {
			t.Helper()
			writeFile(t, filepath.Join(folder, "go.mod"), "module partner\n\ngo 1.26.0\n\nrequire github.com/golang-jwt/jwt/v5 v5.3.1\n")
			writeFile(t, filepath.Join(folder, "go.sum"), projectFile(t, "../go.sum"))
		}},
	}
	if path := testenv.Runtime("python"); path != "" {
		here["python"] = runner{program: path}
	}
	if path := testenv.Runtime("ruby"); path != "" {
		here["ruby"] = runner{program: path}
	}
	if path := testenv.Runtime("php"); path != "" {
		here["php"] = runner{program: path, prepare: func(t *testing.T, folder string) {
			t.Helper()
			mount(t, filepath.Join(root, "server", "testdata", "quickstart", "vendor"), filepath.Join(folder, "vendor"))
		}}
	}
	if path := testenv.Runtime("node"); path != "" {
		here["node"] = runner{program: path, prepare: func(t *testing.T, folder string) {
			t.Helper()
			mount(t, filepath.Join(root, ".cache", "quickstart", "node_modules"), filepath.Join(folder, "node_modules"))
		}}
	}
	return here
}

// mount makes a folder appear in another place.
func mount(t *testing.T, folder, at string) {
	t.Helper()
	if err := os.Symlink(folder, at); err != nil {
		t.Fatal(err)
	}
}

func writeFile(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// newPrivateKey makes a key pair for an algorithm; nil for a shared secret.
func newPrivateKey(t *testing.T, algorithm string) any {
	t.Helper()
	var private any
	var err error
	switch algorithm {
	case "RS256":
		private, err = rsa.GenerateKey(rand.Reader, 2048)
	case "ES256":
		private, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	case "EdDSA":
		_, private, err = ed25519.GenerateKey(rand.Reader)
	}
	if err != nil {
		t.Fatal(err)
	}
	return private
}

// pemPair writes a private key to a file (PKCS #8) and returns the public one as
// PEM.
func pemPair(t *testing.T, private any) (public, file string) {
	t.Helper()
	der, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	file = filepath.Join(t.TempDir(), "private.pem")
	writeFile(t, file, string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})))
	der, err = x509.MarshalPKIXPublicKey(private.(interface{ Public() crypto.PublicKey }).Public())
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})), file
}

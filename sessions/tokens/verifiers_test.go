package tokens_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"

	"usher/sessions/tokens"
	"usher/sql/store/storetest"
	"usher/testenv"
)

// jwksServer serves a tenant's JWKS and counts how often it is asked.
func jwksServer(t *testing.T, service *tokens.Tokens, tenant string) (address string, asked *atomic.Int64) {
	t.Helper()
	asked = &atomic.Int64{}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked.Add(1)
		set, err := service.JWKS(r.Context(), tenant)
		if err != nil {
			t.Errorf("JWKS: %v", err)
		}
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("Cache-Control", "public, max-age=300")
		_, _ = w.Write(set)
	}))
	t.Cleanup(server.Close)
	return server.URL, asked
}

// TestVerifiersInGo: go-oidc follows a rotation with what it has kept, and reads
// the JWKS again after one at once.
func TestVerifiersInGo(t *testing.T) {
	t.Parallel()
	storetest.EachDatabase(t, func(t *testing.T, db *storetest.Database) {
		at := epoch
		now := func() time.Time { return at }
		s := db.Open(t, now)
		service, ctx := open(s, now), t.Context()
		tenant := addTenant(t, s)
		first, _ := sign(t, service, tenant, "")
		if _, err := service.Rotate(ctx, tenant, "", byTest); err != nil {
			t.Fatal(err)
		}
		address, asked := jwksServer(t, service, tenant)
		keys := oidc.NewRemoteKeySet(ctx, address)
		verify := func(what, token string, reads int64) {
			t.Helper()
			payload, err := keys.VerifySignature(ctx, token)
			if err != nil || string(payload) != `{"sub":"anna"}` || asked.Load() != reads {
				t.Errorf("%s: got %s, error %v after %d readings, want %d", what, payload, err, asked.Load(), reads)
			}
		}
		verify("the first key", first, 1)
		at = epoch.Add(tokens.NoticeTime)
		second, _ := sign(t, service, tenant, "")
		verify("the key after it", second, 1)
		verify("a token of the first key", first, 1)
		if _, err := service.RotateNow(ctx, tenant, "", byTest); err != nil {
			t.Fatal(err)
		}
		third, _ := sign(t, service, tenant, "")
		verify("a key that signs at once", third, 2)
		if _, err := keys.VerifySignature(ctx, second); err == nil {
			t.Error("a token of a key that was rotated away at once is accepted")
		}
		rsa, _ := sign(t, service, tenant, tokens.RS256)
		verify("another algorithm", rsa, 4)
	})
}

// TestVerifiersInNode: jose, and jsonwebtoken with jwk-to-pem.
func TestVerifiersInNode(t *testing.T) {
	t.Parallel()
	node := testenv.Runtime("node")
	if node == "" {
		return // said aloud by testenv/launch
	}
	s := storetest.Open(t, testenv.SQLite, time.Now)
	service := tokens.New(s, testSealer("one"), time.Now, quiet)
	tenant := addTenant(t, s)
	var all, want []string
	for _, algorithm := range tokens.Algorithms() {
		token, err := service.Sign(t.Context(), tenant, algorithm, "JWT", map[string]any{"sub": "anna", "exp": time.Now().Add(time.Hour).Unix()})
		if err != nil {
			t.Fatal(err)
		}
		all, want = append(all, token), append(want, algorithm+" anna anna")
	}
	address, _ := jwksServer(t, service, tenant)
	folder := t.TempDir()
	script, err := os.ReadFile(filepath.Join("testdata", "verify.mjs"))
	if err == nil {
		err = os.WriteFile(filepath.Join(folder, "verify.mjs"), script, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	packages, err := filepath.Abs(filepath.Join("..", "..", ".cache", "quickstart", "node_modules"))
	if err == nil {
		err = os.Symlink(packages, filepath.Join(folder, "node_modules"))
	}
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), node, append([]string{"verify.mjs", address}, all...)...)
	cmd.Dir = folder
	output, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v:\n%s", err, output)
	}
	same(t, "what Node.js has verified", strings.Split(strings.TrimSpace(string(output)), "\n"), want)

	// The first key is the one that those take who look at no kid.
	text, err := service.JWKS(t.Context(), tenant)
	if err != nil {
		t.Fatal(err)
	}
	var set struct{ Keys []struct{ Alg string } }
	if err := json.Unmarshal(text, &set); err != nil || set.Keys[0].Alg != tokens.ES256 {
		t.Errorf("got JWKS %s, error %v, want ES256 first", text, err)
	}
}

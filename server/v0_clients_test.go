package main

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"usher/testenv"
)

// v0ForPrograms are tokens of the second wire form, and the environment in which a
// program finds them.
func v0ForPrograms(t *testing.T) (shop clientUnderTest, user string, env []string) {
	t.Helper()
	i := launch(t, embeddedWorld(t))
	lumen := i.install(t, nil)
	// A key of every algorithm is in the JWKS.
	for _, algorithm := range []string{"RS256", "ES384"} {
		i.admin(t, 201, "POST", "/signing-keys/rotate", fields{"algorithm": algorithm, "now": true})
	}
	shop = i.addPageClient(t, nil)
	mine := i.tokensFor(t, shop, i.signIn(t, link(lumen.token(person("anna")))), "openid email offline_access")
	given := i.v0Refresh(t, shop, mine.RefreshToken).given(t)
	custom := i.customize(t, shop, given.AccessToken, "", asPublished).made(t)
	return shop, claimsIn(t, given.AccessToken)["sub"].(string), append(os.Environ(), "ISSUER="+i.origin, "CLIENT_ID="+shop.ClientID,
		"ACCESS="+given.AccessToken, "IDENTITY="+given.IDToken, "CUSTOM="+custom.Token)
}

// TestV0ByNodeClients: cotter-node and cotter-token-js as they are published, with
// nothing but the base URL changed, and jsonwebtoken with jwk-to-pem.
func TestV0ByNodeClients(t *testing.T) {
	t.Parallel()
	node := testenv.Runtime("node")
	if node == "" {
		return // said aloud by testenv
	}
	root, err := filepath.Abs("..")
	if err != nil {
		t.Fatal(err)
	}
	shop, user, env := v0ForPrograms(t)
	folder := t.TempDir()
	mount(t, filepath.Join(root, ".cache", "quickstart", "node_modules"), filepath.Join(folder, "node_modules"))
	writeFile(t, filepath.Join(folder, "cotter.cjs"), projectFile(t, filepath.Join("testdata", "connect", "cotter.cjs")))
	cmd := exec.CommandContext(t.Context(), node, "cotter.cjs")
	cmd.Dir, cmd.Env = folder, env
	output, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v:\n%s", err, output)
	}
	var said struct {
		Valid            []bool
		Claims           [][]string
		Access, Identity map[string]any
		Role             string
	}
	if err := json.Unmarshal(output, &said); err != nil {
		t.Fatalf("%v:\n%s", err, output)
	}
	if !slices.Equal(said.Valid, []bool{true, true, true, false}) {
		t.Errorf("got %v, want three tokens valid, and not the one that was changed", said.Valid)
	}
	const access, identity = "client_access_token", "client_id_token"
	if diff := cmp.Diff([][]string{{access, access}, {identity, identity}, {access, access}}, said.Claims); diff != "" {
		t.Errorf("got other types by kid, by the first key (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(map[string]any{
		"id": user, "user": user, "identifier": "anna@lumen.example", "method": "EXTERNAL", "scope": "access", "audience": shop.ClientID, "life": 3000.0,
	}, said.Access); diff != "" {
		t.Errorf("got another access token (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(map[string]any{
		"id": user, "user": user, "identifier": "anna@lumen.example", "time": "number", "audience": shop.ClientID,
	}, said.Identity); diff != "" || said.Role != "admin" {
		t.Errorf("got role %q and another identity token (-want +got):\n%s", said.Role, diff)
	}
}

// TestV0ByPython: the first key of the JWKS is the one for ES256, for those who
// take no other.
func TestV0ByPython(t *testing.T) {
	t.Parallel()
	python := testenv.Runtime("python")
	if python == "" {
		return // said aloud by testenv
	}
	_, _, env := v0ForPrograms(t)
	cmd := exec.CommandContext(t.Context(), python, filepath.Join("testdata", "connect", "first_key.py"))
	cmd.Env = env
	output, err := cmd.CombinedOutput()
	if got := strings.Fields(string(output)); err != nil || !slices.Equal(got, []string{"client_access_token", "client_id_token", "client_access_token"}) {
		t.Errorf("got error %v:\n%s", err, output)
	}
}

package main

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/json"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/coreos/go-oidc/v3/oidc"
	"github.com/go-jose/go-jose/v4"
	"github.com/google/go-cmp/cmp"
	"golang.org/x/oauth2"

	"usher/testenv"
)

// TestPeopleByGoClients: golang.org/x/oauth2 and go-oidc sign a person in, keep
// them, and say who they are.
func TestPeopleByGoClients(t *testing.T) {
	eachWorld(t, func(t *testing.T, w world) {
		i := launch(t, w)
		library := i.addConnection(t, "library", nil)
		n := i.install(t, nil)
		cookie := i.signIn(t, link(n.token(person("anna").with(fields{"name": "Anna Moss"}))))
		user := i.userID(t, "anna@lumen.example")
		ctx := context.WithValue(t.Context(), oauth2.HTTPClient, i.client)
		provider, err := oidc.NewProvider(ctx, i.origin)
		if err != nil {
			t.Fatal(err)
		}
		for kind, wish := range map[string]fields{
			"with a secret": {"identity_token_algorithm": "ES256"}, "public": {"identity_token_algorithm": "ES256", "public": true},
			"with RS256": {"identity_token_algorithm": "RS256"}, "with ES384": {"identity_token_algorithm": "ES384"},
		} {
			lumen := i.addPeopleClient(t, wish.with(fields{"api_scopes": []string{"library"}}))
			algorithm, _ := wish["identity_token_algorithm"].(string)
			config := oauth2.Config{
				ClientID: lumen.ClientID, ClientSecret: lumen.ClientSecret, Endpoint: provider.Endpoint(), RedirectURL: clientBack,
				Scopes: []string{oidc.ScopeOpenID, "profile", "library", oidc.ScopeOfflineAccess},
			}
			if lumen.ClientSecret == "" {
				config.Endpoint.AuthStyle = oauth2.AuthStyleInParams
			}
			verifier := oauth2.GenerateVerifier()
			send := config.AuthCodeURL("the state", oidc.Nonce("the nonce"), oauth2.S256ChallengeOption(verifier))
			a := i.get(t, strings.TrimPrefix(send, i.origin), holding(cookie))
			back, err := url.Parse(a.header.Get("Location"))
			if err != nil || back.Query().Get("state") != "the state" || back.Query().Get("iss") != i.origin {
				t.Fatalf("%s: got %v to %v, want the state and who answers", kind, a, back)
			}
			token, err := config.Exchange(ctx, back.Query().Get("code"), oauth2.VerifierOption(verifier))
			if err != nil {
				t.Fatalf("%s: %v", kind, err)
			}
			raw, _ := token.Extra("id_token").(string)
			identity, err := provider.VerifierContext(ctx, &oidc.Config{ClientID: lumen.ClientID, SupportedSigningAlgs: []string{algorithm}}).Verify(ctx, raw)
			if err != nil {
				t.Fatalf("%s: %v", kind, err)
			}
			var said struct{ Name string }
			if err := identity.Claims(&said); err != nil || identity.Subject != user || identity.Nonce != "the nonce" || said.Name != "Anna Moss" {
				t.Errorf("%s: got %+v, %+v, error %v", kind, identity, said, err)
			}
			if err := identity.VerifyAccessToken(token.AccessToken); err != nil {
				t.Errorf("%s: %v", kind, err)
			}
			info, err := provider.UserInfo(ctx, config.TokenSource(ctx, token))
			if err != nil || info.Subject != user || info.Email != "anna@lumen.example" {
				t.Errorf("%s: got %+v, error %v", kind, info, err)
			}
			// As if it had run out.
			next, err := config.TokenSource(ctx, &oauth2.Token{RefreshToken: token.RefreshToken}).Token()
			if err != nil || next.RefreshToken == token.RefreshToken || !decode[introspected](t, i.introspect(t, library, next.AccessToken)).Active {
				t.Errorf("%s: got %+v, error %v, want new tokens", kind, next, err)
			}
		}
	})
}

// TestPeopleByNodeClients: so do the newest openid-client and its third version,
// by every way that they know, the third with no more than its credentials if the
// client has RS256.
func TestPeopleByNodeClients(t *testing.T) {
	t.Parallel()
	node := testenv.Runtime("node")
	if node == "" {
		return // said aloud by testenv
	}
	root, err := filepath.Abs("..")
	if err != nil {
		t.Fatal(err)
	}
	i := launch(t, embeddedWorld(t))
	library := i.addConnection(t, "library", nil)
	n := i.install(t, nil)
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	key := jose.JSONWebKey{Key: private, KeyID: "k1", Algorithm: "ES256", Use: "sig"}
	for _, script := range []string{"people.mjs", "people-3.mjs"} {
		for _, way := range []string{"secret", "public", "key", "secret and RS256"} {
			if way == "key" && script != "people.mjs" {
				continue // the newest alone does it without more
			}
			algorithm := "ES256" // which the third version must be told
			proof, asExpected := strings.CutSuffix(way, " and RS256")
			if asExpected {
				algorithm = ""
			}
			t.Run(script+" "+way, func(t *testing.T) {
				t.Parallel()
				wish := map[string]fields{
					"secret": {"api_scopes": []string{"library"}}, "public": {"public": true, "api_scopes": []string{"library"}},
					"secret and RS256": {"api_scopes": []string{"library"}, "identity_token_algorithm": "RS256"},
					"key":              {"api_scopes": []string{"library"}, "jwks": jose.JSONWebKeySet{Keys: []jose.JSONWebKey{key.Public()}}},
				}[way]
				lumen := i.addPeopleClient(t, wish)
				folder := t.TempDir()
				mount(t, filepath.Join(root, ".cache", "quickstart", "node_modules"), filepath.Join(folder, "node_modules"))
				writeFile(t, filepath.Join(folder, script), projectFile(t, filepath.Join("testdata", "connect", script)))
				name := "anna" + strings.Trim(script, ".mjs") + proof + strconv.Itoa(len(algorithm))
				cookie := i.signIn(t, link(n.token(person(name))))
				cmd := exec.CommandContext(t.Context(), node, script)
				cmd.Dir = folder
				cmd.Env = append(os.Environ(), "ISSUER="+i.origin, "COOKIE=__Host-usher="+cookie, "BACK="+clientBack, "GOODBYE="+clientGoodbye,
					"CLIENT_ID="+lumen.ClientID, "WAY="+proof, "CLIENT_SECRET="+lumen.ClientSecret, "CLIENT_KEY="+jsonText(key),
					"API_NAME="+library.Name, "API_SECRET="+library.Secret, "ALGORITHM="+algorithm)
				output, err := cmd.CombinedOutput()
				if err != nil {
					t.Fatalf("%v:\n%s", err, output)
				}
				var said map[string]any
				if err := json.Unmarshal(output, &said); err != nil {
					t.Fatalf("%v:\n%s", err, output)
				}
				user := i.userID(t, name+"@lumen.example")
				want := map[string]any{
					"sub": user, "hybrid": user, "refreshed": user, "email": name + "@lumen.example", "scope": "library",
					"active": true, "revoked": false, "goodbye": clientGoodbye + "?state=bye",
				}
				if diff := cmp.Diff(want, said); diff != "" {
					t.Errorf("(-want +got):\n%s", diff)
				}
				if i.alive(t, cookie) {
					t.Error("got the session alive after the client signed the person out")
				}
			})
		}
	}
}

// TestPeopleByPlainClient: a client without a library, as providers of PHP are
// written: addresses from discovery, and forms.
func TestPeopleByPlainClient(t *testing.T) {
	t.Parallel()
	php := testenv.Runtime("php")
	if php == "" {
		return // said aloud by testenv
	}
	i := launch(t, embeddedWorld(t))
	n := i.install(t, nil)
	lumen := i.addPeopleClient(t, nil)
	cookie := i.signIn(t, link(n.token(person("anna"))))
	p := newProof()
	code := i.code(t, lumen, cookie, "openid profile offline_access", p)
	script := filepath.Join(t.TempDir(), "provider.php")
	writeFile(t, script, projectFile(t, filepath.Join("testdata", "connect", "provider.php")))
	cmd := exec.CommandContext(t.Context(), php, script)
	cmd.Env = append(os.Environ(), "ISSUER="+i.origin, "CLIENT_ID="+lumen.ClientID, "CLIENT_SECRET="+lumen.ClientSecret,
		"BACK="+clientBack, "CODE="+code, "VERIFIER="+p.verifier)
	output, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v:\n%s", err, output)
	}
	var said struct {
		Sub, Email, Refreshed string
		Wrong                 int
	}
	if err := json.Unmarshal(output, &said); err != nil {
		t.Fatalf("%v:\n%s", err, output)
	}
	user := i.userID(t, "anna@lumen.example")
	if said.Sub != user || said.Refreshed != user || said.Email != "anna@lumen.example" || said.Wrong != http.StatusUnauthorized {
		t.Errorf("got %s, want Anna twice, and 401 for a wrong token", output)
	}
}

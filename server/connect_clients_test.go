package main

import (
	"context"
	"encoding/json"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/coreos/go-oidc/v3/oidc"
	"github.com/google/go-cmp/cmp"
	"golang.org/x/oauth2"
	"golang.org/x/oauth2/clientcredentials"

	"usher/testenv"
)

// TestConnectByGoClients: the usual libraries of Go get a token and verify it by
// what discovery says.
func TestConnectByGoClients(t *testing.T) {
	t.Parallel()
	i := launch(t, embeddedWorld(t))
	i.addConnection(t, "library", []string{"library:read"})
	ctx := context.WithValue(t.Context(), oauth2.HTTPClient, i.client)
	provider, err := oidc.NewProvider(ctx, i.origin)
	if err != nil {
		t.Fatal(err)
	}
	for _, format := range []string{"jwt", "at+jwt"} {
		lumen := i.addClient(t, format, []string{"library", "library:read"})
		for name, style := range map[string]oauth2.AuthStyle{"basic": oauth2.AuthStyleInHeader, "form": oauth2.AuthStyleInParams} {
			config := clientcredentials.Config{
				ClientID: lumen.ClientID, ClientSecret: lumen.ClientSecret, TokenURL: provider.Endpoint().TokenURL,
				Scopes: []string{"library:read"}, AuthStyle: style,
			}
			token, err := config.Token(ctx)
			if err != nil {
				t.Fatalf("%s, %s: %v", format, name, err)
			}
			if token.TokenType != "Bearer" || token.Extra("scope") != "library:read" {
				t.Errorf("%s, %s: got %+v", format, name, token)
			}
			// What the library verifies of an identity token is the same here.
			verified, err := provider.VerifierContext(ctx, &oidc.Config{ClientID: "library", SupportedSigningAlgs: []string{oidc.ES256}}).Verify(ctx, token.AccessToken)
			if err != nil {
				t.Fatalf("%s, %s: %v", format, name, err)
			}
			if diff := cmp.Diff([]string{i.origin, "library"}, verified.Audience); diff != "" || verified.Subject != lumen.ClientID {
				t.Errorf("%s, %s: got subject %q and other audiences (-want +got):\n%s", format, name, verified.Subject, diff)
			}
		}
		config := clientcredentials.Config{ClientID: lumen.ClientID, ClientSecret: "wrong", TokenURL: provider.Endpoint().TokenURL, AuthStyle: oauth2.AuthStyleInHeader}
		_, err := config.Token(ctx)
		refused, ok := err.(*oauth2.RetrieveError) //nolint:errorlint // as the library returns it
		if !ok || refused.ErrorCode != "invalid_client" || refused.Response.StatusCode != http.StatusUnauthorized {
			t.Errorf("%s: got error %v, want invalid_client", format, err)
		}
	}
}

// TestConnectByNodeClients: so do those of Node.js, the newest openid-client and
// its third version, which introspect and revoke as well; jose verifies a JWT by
// the JWKS.
func TestConnectByNodeClients(t *testing.T) {
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
	library := i.addConnection(t, "library", []string{"library:read"})
	for _, script := range []string{"openid-client.mjs", "openid-client-3.mjs"} {
		for _, format := range accessFormats {
			t.Run(script+" "+format, func(t *testing.T) {
				t.Parallel()
				lumen := i.addClient(t, format, []string{"library", "library:read"})
				folder := t.TempDir()
				mount(t, filepath.Join(root, ".cache", "quickstart", "node_modules"), filepath.Join(folder, "node_modules"))
				writeFile(t, filepath.Join(folder, script), projectFile(t, filepath.Join("testdata", "connect", script)))
				cmd := exec.CommandContext(t.Context(), node, script)
				cmd.Dir = folder
				cmd.Env = append(os.Environ(), "ISSUER="+i.origin, "FORMAT="+format,
					"CLIENT_ID="+lumen.ClientID, "CLIENT_SECRET="+lumen.ClientSecret, "API_NAME="+library.Name, "API_SECRET="+library.Secret)
				output, err := cmd.CombinedOutput()
				if err != nil {
					t.Fatalf("%v:\n%s", err, output)
				}
				var said struct {
					Scope     string
					Before    introspected
					After     map[string]any
					Header    map[string]any
					Audiences []string
					Refused   int // the status
				}
				if err := json.Unmarshal(output, &said); err != nil {
					t.Fatalf("%v:\n%s", err, output)
				}
				if said.Scope != "library:read" || said.Before.Scope != "library:read" || said.Before.ClientID != lumen.ClientID || !said.Before.Active {
					t.Errorf("got %s, want a live token with library:read", output)
				}
				if diff := cmp.Diff(map[string]any{"active": false}, said.After); diff != "" || said.Refused != http.StatusUnauthorized {
					t.Errorf("got %s, want the token dead after its revocation, and a wrong secret refused", output)
				}
				if format == "reference" {
					return
				}
				typ := map[string]string{"jwt": "JWT", "at+jwt": "at+jwt"}[format]
				if diff := cmp.Diff([]string{i.origin, "library"}, said.Audiences); diff != "" || said.Header["typ"] != typ {
					t.Errorf("got %s, want a JWT of type %s for the library", output, typ)
				}
			})
		}
	}
}

package web

import (
	"strings"
	"testing"
)

func TestQuickStart(t *testing.T) {
	t.Parallel()
	partner := Partner{
		Endpoint: "https://acme.example.com/auth/callback/jwt-auth", AppID: "57cc264630b65c1e04acc09a",
		KeyID: "key_7039e24bca3da7963cfc",
	}
	for _, algorithm := range []string{"HS256", "HS384", "HS512", "RS256", "ES256", "EdDSA"} {
		partner.Algorithm = algorithm
		snippets, err := QuickStart(partner)
		if err != nil {
			t.Fatalf("%s: %v", algorithm, err)
		}
		if got, want := len(snippets), 6; got != want {
			t.Errorf("%s: got %d languages, want %d", algorithm, got, want)
		}
		for _, s := range snippets {
			if s.Code == "" {
				if algorithm != "EdDSA" {
					t.Errorf("%s, %s: got no code", algorithm, s.Language)
				}
				continue
			}
			for _, want := range []string{partner.Endpoint, partner.AppID, partner.KeyID, algorithm, "you@example.com"} {
				if !strings.Contains(s.Code, want) {
					t.Errorf("%s, %s: got code without %q:\n%s", algorithm, s.Language, want, s.Code)
				}
			}
			secret := strings.HasPrefix(algorithm, "HS")
			if got := strings.Contains(s.Code, "USHER_SECRET"); got != secret {
				t.Errorf("%s, %s: reads the secret: got %v, want %v", algorithm, s.Language, got, secret)
			}
			if got := strings.Contains(s.Code, "USHER_PRIVATE_KEY_FILE"); got == secret {
				t.Errorf("%s, %s: reads the private key: got %v, want %v", algorithm, s.Language, got, !secret)
			}
			if strings.HasPrefix(s.Code, "\n") || !strings.HasSuffix(s.Code, "\n") || strings.Contains(s.Code, "\n\n\n\n") {
				t.Errorf("%s, %s: got code with stray empty lines:\n%q", algorithm, s.Language, s.Code)
			}
		}
	}
}

func TestQuickStartRefuses(t *testing.T) {
	t.Parallel()
	good := Partner{Endpoint: "https://a.example/c", AppID: "a", KeyID: "k", Algorithm: "HS256"}
	for name, change := range map[string]func(*Partner){
		"unknown algorithm":  func(p *Partner) { p.Algorithm = "none" },
		"quote":              func(p *Partner) { p.KeyID = `k"` },
		"single quote":       func(p *Partner) { p.Email = "o'neill@example.com" },
		"PHP, Ruby variable": func(p *Partner) { p.AppID = "$a" },
		"template literal":   func(p *Partner) { p.Endpoint = "https://a.example/`" },
		"brace":              func(p *Partner) { p.Endpoint = "https://a.example/{x}" },
		"line end":           func(p *Partner) { p.AppID = "a\n" },
		"backslash":          func(p *Partner) { p.KeyID = `k\` },
	} {
		p := good
		change(&p)
		if snippets, err := QuickStart(p); err == nil {
			t.Errorf("%s: got %d snippets, want an error", name, len(snippets))
		}
	}
	if _, err := QuickStart(good); err != nil {
		t.Errorf("got %v for a good one", err)
	}
}

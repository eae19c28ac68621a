package web

import (
	"embed"
	"fmt"
	"strings"
	"sync"
	"text/template"
)

//go:embed quickstart
var quickStartFiles embed.FS

// Partner is what a partner's signing code needs to know. Every value is of a
// form that means the same in a string of each of the languages: letters,
// digits, and what stands in a URL.
type Partner struct {
	Endpoint  string // the callback's address
	AppID     string
	KeyID     string
	Algorithm string // HS256, HS384, HS512, RS256, ES256 or EdDSA
	Email     string // of the person in the example; "" = you@example.com
}

// Snippet is signing code in one language. It reads the secret from the
// environment variable USHER_SECRET, or the private key from the file that
// USHER_PRIVATE_KEY_FILE names: neither is ever part of it.
type Snippet struct {
	ID       string // "go", for addresses
	Language string // "Go"
	File     string // what to call it
	Install  string // the command that brings the library
	Code     string // "" when the library does not know the algorithm
}

// quickStarts are the languages, in the order in which they are shown.
var quickStarts = []struct {
	id, language, file, install string
	noEdDSA                     bool // the usual library does not sign with it
}{
	{id: "go", language: "Go", file: "main.go", install: "go get github.com/golang-jwt/jwt/v5"},
	{id: "node", language: "Node.js", file: "link.mjs", install: "npm install jose"},
	{id: "python", language: "Python", file: "link.py", install: "pip install pyjwt"},
	{id: "php", language: "PHP", file: "link.php", install: "composer require firebase/php-jwt", noEdDSA: true},
	{id: "ruby", language: "Ruby", file: "link.rb", install: "gem install jwt", noEdDSA: true},
	{id: "csharp", language: "C#", file: "Program.cs", install: "dotnet add package Microsoft.IdentityModel.JsonWebTokens", noEdDSA: true},
}

var quickStartTemplates = sync.OnceValue(func() *template.Template {
	return template.Must(template.New("").ParseFS(quickStartFiles, "quickstart/*.txt"))
})

// QuickStart writes signing code for a partner in every language. An algorithm
// that we do not know is an error, as is a value that would end its string.
func QuickStart(p Partner) ([]Snippet, error) {
	if p.Email == "" {
		p.Email = "you@example.com"
	}
	values := struct {
		Partner
		Secret                         bool
		GoParse, CSharpPair, CSharpKey string
	}{Partner: p}
	switch p.Algorithm {
	case "HS256", "HS384", "HS512":
		values.Secret = true
	case "RS256":
		values.GoParse, values.CSharpPair, values.CSharpKey = "RSA", "RSA", "RsaSecurityKey"
	case "ES256":
		values.GoParse, values.CSharpPair, values.CSharpKey = "EC", "ECDsa", "ECDsaSecurityKey"
	case "EdDSA":
		values.GoParse = "Ed"
	default:
		return nil, fmt.Errorf("quick start: no code for the algorithm %q", p.Algorithm)
	}
	for _, value := range []string{p.Endpoint, p.AppID, p.KeyID, p.Email} {
		if strings.ContainsFunc(value, mayEndString) {
			return nil, fmt.Errorf("quick start: %q cannot stand in a string", value)
		}
	}
	var snippets []Snippet
	for _, q := range quickStarts {
		s := Snippet{ID: q.id, Language: q.language, File: q.file, Install: q.install}
		if q.id == "python" && !values.Secret {
			s.Install = `pip install "pyjwt[crypto]"`
		}
		if p.Algorithm != "EdDSA" || !q.noEdDSA {
			var code strings.Builder
			if err := quickStartTemplates().ExecuteTemplate(&code, q.id+".txt", values); err != nil {
				return nil, fmt.Errorf("quick start: %w", err)
			}
			s.Code = code.String()
		}
		snippets = append(snippets, s)
	}
	return snippets, nil
}

// mayEndString reports characters that are more than themselves in a string of
// one of the languages.
func mayEndString(r rune) bool {
	switch {
	case 'a' <= r && r <= 'z', 'A' <= r && r <= 'Z', '0' <= r && r <= '9':
		return false
	}
	return !strings.ContainsRune("-._~:/?[]@+=%,", r)
}

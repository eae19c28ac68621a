package main

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// arrows says which of our packages each package may import. The folder of a
// package that is not listed has no place in the house. An imported package
// is named in full, so handlers does not mean handlers/admin.
var arrows = map[string][]string{
	"server": {
		"handlers", "handlers/admin", "provisioning", "sessions", "sessions/admins", "sessions/kv", "sessions/tokens",
		"sql/migrations", "sql/store", "web",
	},
	"handlers":        {"provisioning", "sessions", "sessions/tokens", "web"},
	"handlers/admin":  {"handlers", "provisioning", "sessions", "sessions/admins", "sessions/tokens", "web"},
	"provisioning":    {"sql/store"},
	"sessions":        {"sessions/kv"},
	"sessions/admins": {"sql/store"},
	"sessions/kv":     {},
	"sessions/tokens": {"sessions/kv", "sql/store"},
	"sql/migrations":  {},
	"sql/store":       {"sql/migrations"},
	"web":             {},

	// Not part of the program.
	"bench":          {"handlers", "handlers/admin", "provisioning", "sessions", "sessions/kv", "sessions/tokens", "sql/store", "web"},
	"testenv":        {},
	"testenv/faults": {},
	"testenv/launch": {},
}

// kits are the conformance suites: test code that the tests of other packages
// import.
var kits = []string{"sessions/kv/kvtest", "sql/store/storetest"}

// testArrows is what tests and kits may import besides: a kit the contract
// that it checks, and the SQL form of the session store, which keeps that
// contract without knowing it, the contract's own package.
var testArrows = map[string][]string{
	"sessions/kv/kvtest":  {"sessions/kv"},
	"sql/store/storetest": {"sql/store"},
	"sql/store":           {"sessions/kv"},
	"sessions":            {"sql/store"},
}

// libraries says which packages may import something from outside. On both
// sides a name covers what is below it. It binds the program, not its tests.
var libraries = map[string][]string{
	"database/sql":                 {"sql", "testenv"},
	"github.com/chromedp/chromedp": {},
	"github.com/gin-gonic/gin":     {"handlers", "server"},
	"github.com/coreos/go-oidc":    {"sessions/admins"},
	"github.com/go-webauthn":       {"sessions/admins"},
	"github.com/go-jose/go-jose":   {"provisioning", "sessions/tokens"},
	"github.com/golang-jwt/jwt":    {"provisioning", "sessions/tokens"},
	"github.com/google/go-cmp":     {},
	"github.com/jmoiron/sqlx":      {"sql"},
	"github.com/lib/pq":            {"sql", "testenv"},
	"github.com/nlnwa/whatwg-url":  {},
	"github.com/pressly/goose":     {"sql"},
	"github.com/prometheus":        {"server"},
	"github.com/redis/go-redis":    {"sessions/kv"},
	"github.com/spf13/cobra":       {"server"},
	"golang.org/x/crypto":          {"sessions/admins"},
	"golang.org/x/oauth2":          {"sessions/admins"},
	"html/template":                {"web"},
	"math/rand":                    {"provisioning", "sql/store"}, // spreads retries; secrets come from crypto/rand
	"modernc.org/libc":             {"sql/store"},
	"modernc.org/sqlite":           {"sql"},
	"pgregory.net/rapid":           {},
	"testing":                      {"testenv"},
}

// vagueNames say nothing about what lives in a package.
var vagueNames = []string{"common", "helpers", "misc", "models", "shared", "types", "utils"}

// readsTheMachine may read the clock and the environment; everything else is
// handed them.
var readsTheMachine = []string{"server", "testenv", "bench"}

func TestArrows(t *testing.T) {
	t.Parallel()
	root := os.DirFS("..")
	checked := make(map[string]bool)
	err := fs.WalkDir(root, ".", func(name string, entry fs.DirEntry, err error) error {
		switch base := path.Base(name); {
		case err != nil:
			return err
		case entry.IsDir() && name != "." && (strings.HasPrefix(base, ".") || strings.HasPrefix(base, "_") || base == "testdata"):
			return fs.SkipDir // not built by the go command
		case entry.IsDir() || path.Ext(name) != ".go":
			return nil
		}
		source, err := fs.ReadFile(root, name)
		if err != nil {
			return err
		}
		checked[path.Dir(name)] = true
		for _, fault := range checkFile(name, source) {
			t.Error(fault)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, folder := range []string{"server", "handlers", "provisioning", "sessions", "sql/store", "web"} {
		if !checked[folder] {
			t.Errorf("got no Go file in %s, want the whole module read", folder)
		}
	}
}

// checkFile returns what is wrong with one Go file of the module; name is its
// path from the root, with slashes.
func checkFile(name string, source []byte) []string {
	files := token.NewFileSet()
	file, err := parser.ParseFile(files, name, source, parser.SkipObjectResolution)
	if err != nil {
		return []string{err.Error()}
	}
	var (
		folder  = path.Dir(name)
		kit     = slices.Contains(kits, folder)
		test    = kit || strings.HasSuffix(name, "_test.go")
		faults  []string
		faultAt = func(at token.Pos, format string, args ...any) {
			faults = append(faults, fmt.Sprintf("%s: %s", files.Position(at), fmt.Sprintf(format, args...)))
		}
	)
	if _, known := arrows[folder]; !known && !kit {
		faultAt(file.Package, "folder %s is not in the table of arrows", folder)
	}
	for _, word := range append(strings.Split(folder, "/"), strings.TrimSuffix(file.Name.Name, "_test")) {
		if slices.Contains(vagueNames, word) {
			faultAt(file.Package, "the name %s says nothing", word)
			break
		}
	}
	for _, spec := range file.Imports {
		imported, err := strconv.Unquote(spec.Path.Value)
		if err != nil {
			faultAt(spec.Pos(), "%v", err)
			continue
		}
		if own, ours := strings.CutPrefix(imported, "usher/"); ours {
			if own != folder && !slices.Contains(arrows[folder], own) && !(test && forTests(folder, own)) {
				faultAt(spec.Pos(), "%s may not import %s", folder, own)
			}
			continue
		}
		if library, allowed := rule(imported); library != "" && !test && !slices.ContainsFunc(allowed, within(folder)) {
			faultAt(spec.Pos(), "%s may not import %s", folder, imported)
		}
	}
	for _, declaration := range file.Decls {
		if function, ok := declaration.(*ast.FuncDecl); ok && function.Recv == nil && function.Name.Name == "init" {
			faultAt(function.Pos(), "func init runs unasked")
		}
	}
	if test || slices.ContainsFunc(readsTheMachine, within(folder)) {
		return faults
	}
	ast.Inspect(file, func(node ast.Node) bool {
		selector, ok := node.(*ast.SelectorExpr)
		if !ok {
			return true
		}
		of, ok := selector.X.(*ast.Ident)
		if !ok {
			return true
		}
		switch importedAs(file, of.Name) + "." + selector.Sel.Name {
		case "time.Now", "time.Since", "time.Until":
			faultAt(selector.Pos(), "%s reads the clock, which is handed down as now", folder)
		case "os.Getenv", "os.LookupEnv", "os.Environ", "os.ExpandEnv":
			faultAt(selector.Pos(), "%s reads the environment, which only server does", folder)
		}
		return true
	})
	return faults
}

// forTests reports what the tests and kits of a package may import beyond its
// arrows: the test servers, any kit, and whatever stands below at any depth.
func forTests(folder, imported string) bool {
	return imported == "testenv" || slices.Contains(kits, imported) ||
		slices.Contains(testArrows[folder], imported) || below(folder, imported)
}

// below reports whether arrows lead from folder to imported.
func below(folder, imported string) bool {
	return slices.ContainsFunc(arrows[folder], func(next string) bool {
		return next == imported || below(next, imported)
	})
}

// rule returns the longest entry of libraries that the import path is in.
func rule(imported string) (library string, allowed []string) {
	for entry, folders := range libraries {
		if within(imported)(entry) && len(entry) > len(library) {
			library, allowed = entry, folders
		}
	}
	return library, allowed
}

// within returns a test whether folder is a given folder or below it.
func within(folder string) func(above string) bool {
	return func(above string) bool { return folder == above || strings.HasPrefix(folder, above+"/") }
}

// importedAs returns the path of the import that a file calls name, or "".
func importedAs(file *ast.File, name string) string {
	for _, spec := range file.Imports {
		imported := strings.Trim(spec.Path.Value, `"`)
		switch {
		case spec.Name != nil && spec.Name.Name == name, spec.Name == nil && path.Base(imported) == name:
			return imported
		}
	}
	return ""
}

func TestCheckFileFindsEveryFault(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		file, source string
		want         string // part of the one fault; "" means none
	}{
		{"handlers/callback.go", `package handlers; import ("usher/provisioning"; "github.com/gin-gonic/gin")`, ""},
		{"handlers/callback.go", `package handlers; import "usher/sql/store"`, "handlers may not import sql/store"},
		{"handlers/callback.go", `package handlers; import "usher/sessions/kv"`, "handlers may not import sessions/kv"},
		{"handlers/admin/users.go", `package admin; import ("usher/sessions/tokens"; "usher/web")`, ""},
		{"handlers/admin/users.go", `package admin; import "usher/server"`, "handlers/admin may not import server"},
		{"provisioning/plan.go", `package provisioning; import "usher/sql/store"`, ""},
		{"provisioning/plan.go", `package provisioning; import "usher/sessions"`, "provisioning may not import sessions"},
		{"provisioning/plan.go", `package provisioning; import "usher/testenv"`, "provisioning may not import testenv"},
		{"provisioning/plan_test.go", `package provisioning_test; import ("usher/provisioning"; "usher/testenv"; "usher/sql/store/storetest")`, ""},
		{"provisioning/plan_test.go", `package provisioning; import "usher/sessions"`, "provisioning may not import sessions"},
		{"sessions/sessions.go", `package sessions; import "usher/provisioning"`, "sessions may not import provisioning"},
		{"sessions/sessions.go", `package sessions; import "usher/sessions/kv/kvtest"`, "sessions may not import sessions/kv/kvtest"},
		{"sessions/kv/kvtest/kvtest.go", `package kvtest; import ("testing"; "usher/sessions/kv"; "usher/testenv")`, ""},
		{"sessions/kv/kvtest/kvtest.go", `package kvtest; import "usher/sql/store"`, "sessions/kv/kvtest may not import sql/store"},
		{"sql/store/sessionkv.go", `package store; import "usher/sessions/kv"`, "sql/store may not import sessions/kv"},
		{"sql/store/sessionkv_test.go", `package store_test; import ("usher/sessions/kv"; "usher/sessions/kv/kvtest")`, ""},
		{"handlers/callback_test.go", `package handlers; import ("usher/sql/store"; "usher/sessions/kv")`, ""},
		{"web/pages_test.go", `package web; import "usher/handlers"`, "web may not import handlers"},
		{"sql/migrations/migrations.go", `package migrations; import "usher/sql/store"`, "sql/migrations may not import sql/store"},
		{"web/pages.go", `package web; import "html/template"`, ""},
		{"web/pages.go", `package web; import "usher/provisioning"`, "web may not import provisioning"},
		{"server/wire.go", `package main; import ("usher/handlers/admin"; "usher/sessions/kv"; "usher/web")`, ""},
		{"server/wire.go", `package main; import "usher/testenv"`, "server may not import testenv"},

		{"provisioning/verify.go", `package provisioning; import "github.com/gin-gonic/gin/binding"`, "provisioning may not import github.com/gin-gonic/gin/binding"},
		{"provisioning/verify.go", `package provisioning; import "github.com/golang-jwt/jwt/v5"`, ""},
		{"handlers/session.go", `package handlers; import "github.com/golang-jwt/jwt/v5"`, "handlers may not import github.com/golang-jwt/jwt/v5"},
		{"server/wire.go", `package main; import _ "github.com/lib/pq"`, "server may not import github.com/lib/pq"},
		{"server/wire.go", `package main; import "github.com/redis/go-redis/v9"`, "server may not import github.com/redis/go-redis/v9"},
		{"server/doctor_test.go", `package main; import _ "github.com/lib/pq"`, ""},
		{"handlers/errors.go", `package handlers; import "html/template"`, "handlers may not import html/template"},
		{"sql/store/store.go", `package store; import ("database/sql"; "github.com/jmoiron/sqlx"; _ "modernc.org/sqlite")`, ""},
		{"provisioning/store.go", `package provisioning; import "database/sql"`, "provisioning may not import database/sql"},
		{"web/pages.go", `package web; import "testing"`, "web may not import testing"},
		{"sessions/id.go", `package sessions; import "math/rand/v2"`, "sessions may not import math/rand/v2"},

		{"tools/tools.go", `package tools`, "folder tools is not in the table"},
		{"main.go", `package main`, "folder . is not in the table"},
		{"handlers/embed/frame.go", `package embed`, "folder handlers/embed is not in the table"},
		{"handlers/helpers.go", `package helpers`, "the name helpers says nothing"},
		{"web/text_test.go", `package utils_test`, "the name utils says nothing"},
		{"web/broken.go", `package`, "expected"},

		{"web/assets.go", `package web; func init() {}`, "func init runs unasked"},
		{"web/assets.go", `package web; type t struct{}; func (t) init() {}`, ""},
		{"sessions/sessions.go", `package sessions; import "time"; var x = time.Now()`, "sessions reads the clock"},
		{"sessions/sessions.go", `package sessions; import "time"; var x = time.Now`, "sessions reads the clock"},
		{"sessions/sessions.go", `package sessions; import clock "time"; var x = clock.Since(y)`, "sessions reads the clock"},
		{"sessions/sessions.go", `package sessions; import "time"; var x = time.Second`, ""},
		{"sessions/sessions.go", `package sessions; func f(time struct{ Now int }) int { return time.Now }`, ""},
		{"sessions/sessions_test.go", `package sessions; import "time"; var x = time.Now()`, ""},
		{"server/wire.go", `package main; import "time"; var x = time.Now`, ""},
		{"sql/store/store.go", `package store; import "os"; var x = os.Getenv("HOME")`, "sql/store reads the environment"},
		{"testenv/testenv.go", `package testenv; import "os"; var x = os.Getenv("HOME")`, ""},
	} {
		faults := checkFile(test.file, []byte(test.source))
		switch {
		case test.want == "" && len(faults) > 0:
			t.Errorf("%s: %s: got %q, want no fault", test.file, test.source, faults)
		case test.want != "" && (len(faults) != 1 || !strings.Contains(faults[0], test.want)):
			t.Errorf("%s: %s: got %q, want one fault with %q", test.file, test.source, faults, test.want)
		}
	}
}

// TestArrowsHaveNoRing keeps the table itself honest: following the arrows
// never leads back.
func TestArrowsHaveNoRing(t *testing.T) {
	t.Parallel()
	var walk func(way []string)
	walk = func(way []string) {
		for _, next := range arrows[way[len(way)-1]] {
			if slices.Contains(way, next) {
				t.Fatalf("got a ring %q -> %s, want none", way, next)
			}
			walk(append(slices.Clone(way), next))
		}
	}
	for folder := range arrows {
		walk([]string{folder})
	}
}

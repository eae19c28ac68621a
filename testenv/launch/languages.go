package main

import (
	"bytes"
	"context"
	"embed"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// A language runs signing code as a partner would, with its language's usual
// JWT library. Tests run with those that are to be had; for the others launch
// says what is left out.
type language struct {
	name     string   // in the variable that names its program, USHER_TEST_<NAME>
	packages []string // Debian packages that bring it; none = it is not installed
	find     func(context.Context) (string, error)
}

func languages() []language {
	return []language{
		{"python", []string{"python3", "python3-jwt", "python3-cryptography"}, findPython},
		{"ruby", []string{"ruby", "ruby-jwt"}, findRuby},
		{"php", []string{"php-cli"}, func(context.Context) (string, error) { return lookAny("php") }},
		{"node", nil, findNode},
	}
}

// prepareLanguages finds the languages, installs what can be installed, and
// returns the variables that name them. None of them is required.
func prepareLanguages(ctx context.Context, o options, say speaker) []string {
	var env []string
	var missing []language
	note := func(r language) error {
		path, err := r.find(ctx)
		if err == nil {
			say("%s: %s", r.name, path)
			env = append(env, "USHER_TEST_"+strings.ToUpper(r.name)+"="+path)
		}
		return err
	}
	var packages []string
	for _, r := range languages() {
		if err := note(r); err == nil {
			continue
		} else if len(r.packages) == 0 || !o.install || !canInstall() {
			say("%s: left out: %v", r.name, err)
			continue
		}
		missing = append(missing, r)
		packages = append(packages, r.packages...)
	}
	if len(missing) == 0 {
		return env
	}
	say("installing %s", strings.Join(packages, " "))
	if err := install(ctx, packages, say); err != nil {
		say("%v", err)
	}
	for _, r := range missing {
		if err := note(r); err != nil {
			say("%s: left out: %v", r.name, err)
		}
	}
	return env
}

// findPython finds a Python that has PyJWT, which need not be the first one.
func findPython(ctx context.Context) (string, error) {
	for _, name := range []string{"python3", "/usr/bin/python3"} {
		path, err := exec.LookPath(name)
		if err == nil && exec.CommandContext(ctx, path, "-c", "import jwt, cryptography; jwt.encode").Run() == nil {
			return path, nil
		}
	}
	return "", errors.New("no python3 with the modules jwt (PyJWT) and cryptography")
}

func findRuby(ctx context.Context) (string, error) {
	path, err := lookAny("ruby")
	if err == nil && exec.CommandContext(ctx, path, "-r", "jwt", "-e", "JWT").Run() != nil {
		err = errors.New("ruby has no gem jwt")
	}
	return path, err
}

// The packages that Node.js lacks: a library that signs links, and those with
// which clients and resource servers use the token service. npm's lock file pins
// each by its digest. openid-client-3 is the third version of openid-client,
// which many servers still have.
//
//go:embed node/package.json node/package-lock.json
var nodePackages embed.FS

// findNode finds Node.js and brings its packages into the cache folder beside it.
func findNode(ctx context.Context) (string, error) {
	path, err := lookAny("node")
	if err != nil {
		return "", err
	}
	const lock = "package-lock.json"
	folder := filepath.Join(".cache", "quickstart")
	wanted, err := nodePackages.ReadFile("node/" + lock)
	if err != nil {
		return "", err
	}
	installed, err := os.ReadFile(filepath.Join(folder, lock))
	if err == nil && bytes.Equal(installed, wanted) {
		if _, err := os.Stat(filepath.Join(folder, "node_modules", "jose")); err == nil {
			return path, nil
		}
	}
	npm, err := lookAny("npm")
	if err != nil {
		return "", err
	}
	if err := os.MkdirAll(folder, 0o750); err != nil {
		return "", err
	}
	for _, name := range []string{"package.json", lock} {
		text, err := nodePackages.ReadFile("node/" + name)
		if err != nil {
			return "", err
		}
		if err := os.WriteFile(filepath.Join(folder, name), text, 0o600); err != nil {
			return "", err
		}
	}
	cmd := exec.CommandContext(ctx, npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund")
	cmd.Dir = folder
	if output, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("npm ci: %w\n%s", err, tail(output))
	}
	return path, nil
}

package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
	"strings"
)

// wrong is what a setting makes of a bad value. Neither part quotes a secret.
type wrong struct {
	problem string // goes on after "NAME=value: "
	fix     string // a sentence
}

// fault is one reason not to start.
type fault struct {
	name  string
	value string // as shown: "" = not set
	wrong
}

// shown is the setting with its value.
func (f fault) shown() string {
	if f.value == "" {
		return f.name
	}
	return f.name + "=" + f.value
}

// configError is every fault of the environment at once.
type configError []fault

func (e configError) Error() string {
	var b strings.Builder
	if len(e) == 1 {
		b.WriteString("the configuration has a fault:")
	} else {
		fmt.Fprintf(&b, "the configuration has %d faults:", len(e))
	}
	for _, f := range e {
		fmt.Fprintf(&b, "\n  %s: %s.\n      %s", f.shown(), f.problem, f.fix)
	}
	return b.String()
}

// shownSecret stands for a secret's value.
const shownSecret = "(not shown)"

func (s setting) shown(value string) string {
	switch {
	case value == "":
		return ""
	case s.secret:
		return shownSecret
	default:
		return quoted(value)
	}
}

// quoted shows a value, unless it may hold user:password@host where none belongs.
func quoted(value string) string {
	if strings.Contains(value, "@") {
		return shownSecret
	}
	return strconv.QuoteToGraphic(value)
}

// loadConfig reads the environment, given as os.Environ gives it. The error
// is a configError with all faults.
func loadConfig(environ []string) (Config, error) {
	env := make(map[string]string, len(environ))
	for _, entry := range environ {
		if name, value, ok := strings.Cut(entry, "="); ok {
			env[name] = value
		}
	}
	var c Config
	faults := unknownNames(env)
	bad := make(map[string]bool)
	for _, s := range settings {
		value, w := s.lookup(env)
		if w == nil && value != "" {
			w = s.set(&c, value)
		}
		if w != nil {
			bad[s.name] = true
			faults = append(faults, fault{s.name, s.shown(value), *w})
		}
	}
	faults = append(faults, c.contradictions(bad)...)
	if len(faults) > 0 {
		return Config{}, configError(faults)
	}
	return c, nil
}

// lookup finds the setting's value: the variable, for a secret the file that
// NAME_FILE names, or the fallback.
func (s setting) lookup(env map[string]string) (string, *wrong) {
	value := env[s.name]
	if s.secret {
		if path := env[s.name+fileSuffix]; path != "" {
			if value != "" {
				return value, &wrong{"it is set twice, here and by " + s.name + fileSuffix, "Unset one of the two."}
			}
			return readSecret(s.name, path)
		}
	}
	if value == "" {
		value = s.fallback
	}
	return value, nil
}

// fileSuffix makes of a secret's name the name of the variable that holds its
// file's path, as container platforms hand secrets over.
const fileSuffix = "_FILE"

// maxSecretFile is far above every secret we take.
const maxSecretFile = 64 << 10

func readSecret(name, path string) (string, *wrong) {
	content, err := readFile(path)
	switch {
	case err != nil:
		// The error of the operating system names the path and the cause.
		return "", &wrong{"the file cannot be read: " + err.Error(), "Let " + name + fileSuffix + " name a readable file."}
	case len(content) > maxSecretFile:
		return "", &wrong{"the file is far too large for a secret", "Let " + name + fileSuffix + " name a file that holds the value alone."}
	}
	value := strings.TrimSuffix(strings.TrimSuffix(string(content), "\n"), "\r")
	if value == "" {
		return "", &wrong{"the file that " + name + fileSuffix + " names is empty", "Write the value into the file, or unset " + name + fileSuffix + "."}
	}
	return value, nil
}

// readFile reads at most one byte more than maxSecretFile.
func readFile(path string) ([]byte, error) {
	file, err := os.Open(path) //nolint:gosec // the operator names the file
	if err != nil {
		return nil, err
	}
	content, err := io.ReadAll(io.LimitReader(file, maxSecretFile+1))
	return content, errors.Join(err, file.Close())
}

// namePrefix begins every name that is ours alone.
const namePrefix = "USHER_"

// unknownNames refuses variables that begin like ours and are not: a slip in
// a name would else leave a default in force unnoticed.
func unknownNames(env map[string]string) []fault {
	var known []string
	for _, s := range settings {
		known = append(known, s.name)
		if s.secret {
			known = append(known, s.name+fileSuffix)
		}
	}
	var faults []fault
	for name := range env {
		if strings.HasPrefix(name, namePrefix) && !slices.Contains(known, name) {
			nearest := slices.MinFunc(known, func(a, b string) int { return unlikeness(name, a) - unlikeness(name, b) })
			faults = append(faults, fault{name, "", wrong{
				"there is no such setting",
				fmt.Sprintf("Did you mean %s? Otherwise unset it.", nearest),
			}})
		}
	}
	slices.SortFunc(faults, func(a, b fault) int { return strings.Compare(a.name, b.name) })
	return faults
}

// unlikeness is how far a name is from a known one. Our prefix does not count,
// as it is easily put before the names that have none; and a name that goes on
// where the other ends is near.
func unlikeness(name, known string) int {
	name, known = strings.TrimPrefix(name, namePrefix), strings.TrimPrefix(known, namePrefix)
	if name != known && (strings.HasPrefix(name, known) || strings.HasPrefix(known, name)) {
		return 2
	}
	return distance(name, known)
}

// distance is the least number of bytes to insert, delete or replace that
// makes b of a (Levenshtein).
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			replaced := diagonal
			if a[i] != b[j] {
				replaced++
			}
			diagonal = row[j+1]
			row[j+1] = min(replaced, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}

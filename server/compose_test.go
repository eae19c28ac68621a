package main

import (
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
	"github.com/google/go-cmp/cmp"
)

// instruction is one line of a Dockerfile, with its continuation lines.
type instruction struct{ Name, Rest string }

// stage is what follows one FROM.
type stage []instruction

// stages reads a Dockerfile as far as ours goes: no ARG before FROM, no
// parser directives, no here-documents.
func stages(text string) []stage {
	text = regexp.MustCompile(`(?m)^#.*\n`).ReplaceAllString(text, "")
	text = regexp.MustCompile(`\\\n\s*`).ReplaceAllString(text, "")
	var all []stage
	for line := range strings.Lines(text) {
		name, rest, _ := strings.Cut(strings.TrimSpace(line), " ")
		switch {
		case name == "":
			continue
		case name == "FROM":
			all = append(all, nil)
		case len(all) == 0:
			return nil
		}
		last := len(all) - 1
		all[last] = append(all[last], instruction{name, strings.TrimSpace(rest)})
	}
	return all
}

// only returns what follows the one instruction of that name.
func (s stage) only(t *testing.T, name string) string {
	t.Helper()
	var found []string
	for _, i := range s {
		if i.Name == name {
			found = append(found, i.Rest)
		}
	}
	if len(found) != 1 {
		t.Fatalf("got %s instructions %q, want one", name, found)
	}
	return found[0]
}

// pinned is an image of the default registry with a tag that says which one.
var pinned = regexp.MustCompile(`^[a-z0-9-]+(/[a-z0-9-]+)?:[0-9][a-z0-9.-]*$`)

func TestDockerfile(t *testing.T) {
	t.Parallel()
	all := stages(projectFile(t, "../Dockerfile"))
	if len(all) != 2 {
		t.Fatalf("got %d stages, want a builder and an image", len(all))
	}
	builder, image := all[0], all[1]

	from, alias, _ := strings.Cut(builder.only(t, "FROM"), " AS ")
	if !pinned.MatchString(from) || alias != "build" {
		t.Errorf("got builder %q AS %q, want a pinned image AS build", from, alias)
	}
	if !strings.HasPrefix(from, "golang:"+goLine(t)+"-") {
		t.Errorf("got builder %q, want the Go %s of go.mod", from, goLine(t))
	}
	compiles := slices.ContainsFunc(builder, func(i instruction) bool {
		return i.Name == "RUN" && strings.HasPrefix(i.Rest, "CGO_ENABLED=0 go build -tags nomsgpack -trimpath ") &&
			strings.HasSuffix(i.Rest, " -o /out/usher ./server")
	})
	if !compiles {
		t.Error("got no static build of ./server, want one")
	}
	if got, want := image.only(t, "FROM"), "scratch"; got != want {
		t.Errorf("got base image %q, want %q", got, want)
	}
	for name, want := range map[string]string{
		"USER":       "65532:65532",
		"VOLUME":     "/data",
		"ENTRYPOINT": `["/usher"]`,
		"CMD":        `["serve"]`,
	} {
		if got := image.only(t, name); got != want {
			t.Errorf("got %s %s, want %s", name, got, want)
		}
	}
	if got, want := image.only(t, "HEALTHCHECK"), `CMD ["/usher", "healthcheck"]`; !strings.HasSuffix(got, want) {
		t.Errorf("got HEALTHCHECK %s, want %s", got, want)
	}
	for _, i := range image {
		if i.Name == "RUN" || i.Name == "ADD" || (i.Name == "COPY" && !strings.HasPrefix(i.Rest, "--from=build ")) {
			t.Errorf("got %s %s in the image, want nothing but copies from the builder", i.Name, i.Rest)
		}
		if i.Name == "ENV" && regexp.MustCompile(`(?i)key|secret|password|_URL=`).MatchString(i.Rest) {
			t.Errorf("got ENV %s in the image, want no secret in a layer", i.Rest)
		}
	}
	if !slices.Contains(image, instruction{"COPY", "--from=build --chown=65532:65532 /out/data /data"}) {
		t.Error("got no /data of the user that runs Usher, want one")
	}
}

func TestStages(t *testing.T) {
	t.Parallel()
	got := stages("# a comment\nFROM a:1 AS build\nRUN one \\\n  && two\n\nFROM scratch\nUSER 1\n")
	want := []stage{
		{{"FROM", "a:1 AS build"}, {"RUN", "one && two"}},
		{{"FROM", "scratch"}, {"USER", "1"}},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

// composeFile is the part of compose.yaml that promises something.
type composeFile struct {
	Services map[string]struct {
		Image       string            `yaml:"image"`
		Build       string            `yaml:"build"`
		Environment map[string]string `yaml:"environment"`
		Ports       []string          `yaml:"ports"`
		Volumes     []string          `yaml:"volumes"`
		ReadOnly    bool              `yaml:"read_only"`
		CapDrop     []string          `yaml:"cap_drop"`
		SecurityOpt []string          `yaml:"security_opt"`
		User        string            `yaml:"user"`
		Privileged  bool              `yaml:"privileged"`
		Command     any               `yaml:"command"`
		DependsOn   map[string]struct {
			Condition string `yaml:"condition"`
		} `yaml:"depends_on"`
		Healthcheck struct {
			Test []string `yaml:"test"`
		} `yaml:"healthcheck"`
	} `yaml:"services"`
	Volumes map[string]any `yaml:"volumes"`
}

func TestCompose(t *testing.T) {
	t.Parallel()
	text := projectFile(t, "../compose.yaml")
	var file composeFile
	if err := yaml.Unmarshal([]byte(text), &file); err != nil {
		t.Fatal(err)
	}
	if got, want := len(file.Services), 3; got != want {
		t.Fatalf("got %d services, want %d", got, want)
	}
	for name, service := range file.Services {
		if service.Build == "" && !pinned.MatchString(service.Image) {
			t.Errorf("%s: got image %q, want a pinned one", name, service.Image)
		}
		if len(service.Healthcheck.Test) < 2 {
			t.Errorf("%s: got healthcheck %q, want one", name, service.Healthcheck.Test)
		}
		if service.Privileged || service.User == "root" || service.User == "0" ||
			!slices.Contains(service.SecurityOpt, "no-new-privileges:true") {
			t.Errorf("%s: got more privileges than it needs", name)
		}
		for _, volume := range service.Volumes {
			source, _, _ := strings.Cut(volume, ":")
			if _, named := file.Volumes[source]; !named {
				t.Errorf("%s: got volume %q, want a named one", name, volume)
			}
		}
		if len(service.Volumes) == 0 {
			t.Errorf("%s: got no volume, want its data kept", name)
		}
		for variable, value := range service.Environment {
			secret := strings.HasSuffix(variable, "PASSWORD") || strings.HasSuffix(variable, "KEY") || strings.HasSuffix(variable, "_URL")
			// UPSTREAM_URL may be empty and holds no password.
			if secret && variable != "UPSTREAM_URL" && !strings.Contains(value, ":?") {
				t.Errorf("%s: got %s=%s, want a value from .env that has to be set", name, variable, value)
			}
		}
	}

	usher := file.Services["usher"]
	if diff := cmp.Diff([]string{"127.0.0.1:8080:8080"}, usher.Ports); diff != "" {
		t.Errorf("ports of usher: -want +got:\n%s", diff)
	}
	if diff := cmp.Diff([]string{"CMD", "/usher", "healthcheck"}, usher.Healthcheck.Test); diff != "" {
		t.Errorf("healthcheck of usher: -want +got:\n%s", diff)
	}
	if !usher.ReadOnly || !slices.Contains(usher.CapDrop, "ALL") {
		t.Error("usher: got a writable root or capabilities, want neither")
	}
	if got, want := usher.Environment["USHER_ENV"], "production"; got != want {
		t.Errorf("got USHER_ENV=%s, want %s", got, want)
	}
	for _, name := range []string{"postgres", "redis"} {
		service := file.Services[name]
		if len(service.Ports) > 0 {
			t.Errorf("%s: got ports %q, want none published", name, service.Ports)
		}
		if got, want := usher.DependsOn[name].Condition, "service_healthy"; got != want {
			t.Errorf("usher depends on %s: got %q, want %q", name, got, want)
		}
	}
	// A Redis that drops keys to make room would end sessions at random.
	command, err := yaml.Marshal(file.Services["redis"].Command)
	if err != nil || !strings.Contains(string(command), "noeviction") {
		t.Errorf("redis: got command %s, %v, want noeviction in it", command, err)
	}
}

// TestComposeConfiguresUsher gives Usher the environment of compose.yaml, with
// sample values where .env comes in.
func TestComposeConfiguresUsher(t *testing.T) {
	t.Parallel()
	var file composeFile
	if err := yaml.Unmarshal([]byte(projectFile(t, "../compose.yaml")), &file); err != nil {
		t.Fatal(err)
	}
	dotEnv := map[string]string{
		"POSTGRES_PASSWORD":       "sample1sample2sample3",
		"REDIS_PASSWORD":          "sample4sample5sample6",
		"USHER_BOOTSTRAP_API_KEY": "Q0X7mE4rT9yU2iO5pA8sD1fG6hJ3kL0z",
		"USHER_MASTER_KEY":        "q83vEjRWeJCrze8SNFZ4kKvN7xI0VniQq83vEjRWeJA=",
		"USHER_PUBLIC_URL":        "https://sso.example.com",
	}
	var environ []string
	for name, value := range file.Services["usher"].Environment {
		environ = append(environ, name+"="+os.Expand(value, func(reference string) string {
			variable, _, _ := strings.Cut(reference, ":")
			return dotEnv[variable]
		}))
	}
	if _, err := loadConfig(environ); err != nil {
		t.Errorf("got %v, want a configuration that Usher starts with", err)
	}
}

// goLine returns the Go line of go.mod as major.minor.
func goLine(t *testing.T) string {
	t.Helper()
	match := regexp.MustCompile(`(?m)^go (\d+\.\d+)`).FindStringSubmatch(projectFile(t, "../go.mod"))
	if match == nil {
		t.Fatal("got no go line in go.mod, want one")
	}
	return match[1]
}

func projectFile(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

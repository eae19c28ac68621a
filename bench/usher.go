package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// publicHost is the host under which browsers would reach the measured Usher.
const publicHost = "usher.example"

// programs are the built ones.
type programs struct{ usher, hello, textbook string }

// buildFlags are those of "make build".
var buildFlags = []string{"-tags", "nomsgpack", "-trimpath", "-ldflags", "-s -w"}

// build builds what runs as a process of its own, as "make build" does.
func build(ctx context.Context, folder string, profiled bool) (programs, error) {
	p := programs{
		usher: filepath.Join(folder, "usher"), hello: filepath.Join(folder, "ginhello"), textbook: filepath.Join(folder, "textbook"),
	}
	flags := append([]string{"build"}, buildFlags...)
	if profiled {
		path, err := overlay(folder)
		if err != nil {
			return p, err
		}
		flags = append(flags, "-overlay", path)
	}
	for out, from := range map[string]string{
		p.usher: "./server", p.hello: "./bench/testdata/ginhello", p.textbook: "./bench/testdata/textbook",
	} {
		cmd := exec.CommandContext(ctx, "go", append(flags, "-o", out, from)...) //nolint:gosec // our own packages
		cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
		if output, err := cmd.CombinedOutput(); err != nil {
			return p, fmt.Errorf("building %s: %w\n%s(the benchmark runs in the root of the repository)", from, err, output)
		}
	}
	return p, nil
}

// usher is a running Usher and the integration through which people sign in.
type usher struct {
	*process
	secrets
	settings []string
}

func newSecrets() secrets {
	var master [32]byte
	_, _ = rand.Read(master[:]) // never fails
	return secrets{MasterKey: base64.StdEncoding.EncodeToString(master[:]), APIKey: rand.Text() + rand.Text()}
}

// newUsher makes the settings of an Usher, in production's manner. The stores
// are the embedded ones where the URLs are empty.
func newUsher(folder, databaseURL, redisURL string, own secrets) *usher {
	u := &usher{secrets: own}
	u.settings = []string{
		"USHER_ENV=production", "USHER_PUBLIC_URL=https://" + publicHost, "USHER_ALLOW_EMBEDDED=true",
		"USHER_DATA_DIR=" + filepath.Join(folder, "data"),
		"USHER_MASTER_KEY=" + own.MasterKey,
		"USHER_BOOTSTRAP_API_KEY=" + own.APIKey,
		"USHER_CLIENT_RATE=0", "USHER_API_CONNECTION_RATE=0", // what it takes is what is measured
	}
	u.stores(databaseURL, redisURL)
	return u
}

// stores sets where data and sessions are.
func (u *usher) stores(databaseURL, redisURL string) {
	u.settings = append(u.settings, "DATABASE_URL="+databaseURL, "REDIS_URL="+redisURL)
}

// start runs the program; what is set here goes before the settings.
func (u *usher) start(ctx context.Context, folder, program string, also ...string) error {
	address, err := freeAddress()
	if err != nil {
		return err
	}
	// Later entries win. Nothing of our own environment goes along.
	env := append(append([]string{"USHER_LISTEN=" + address}, u.settings...), also...)
	u.process, err = startProcess(ctx, folder, program, address, "/readyz", env, "serve")
	return err
}

// startCounted runs the program so that it tells what it allocates.
func (u *usher) startCounted(ctx context.Context, folder, program string) error {
	address, err := freeAddress()
	if err != nil {
		return err
	}
	if err := u.start(ctx, folder, program, "USHER_METRICS_LISTEN="+address); err != nil {
		return err
	}
	u.metrics = address
	return nil
}

// install makes the integration and the catalogue.
func (u *usher) install(ctx context.Context) error {
	var made struct {
		AppID string `json:"app_id"`
		Keys  []struct{ ID, Secret string }
	}
	err := u.post(ctx, "/admin/api/v1/integrations", map[string]any{
		"name": "Benchmark", "max_age": 180, "landing_page": "/welcome", "embed_origins": []string{"https://partner.example"},
		"sign_in_rate": 0, // what it takes is what is measured
	}, &made)
	if err != nil {
		return err
	}
	if len(made.Keys) != 1 {
		return fmt.Errorf("installing: got %d keys, want 1", len(made.Keys))
	}
	u.Signer = signer{Issuer: made.AppID, KeyID: made.Keys[0].ID, Secret: made.Keys[0].Secret}
	if err := u.makeView(ctx); err != nil {
		return err
	}
	for i := range catalogGroups {
		name := fmt.Sprintf("g%d", i)
		if err := u.post(ctx, "/admin/api/v1/groups", map[string]any{"external_id": name, "name": name}, nil); err != nil {
			return err
		}
	}
	for i := range catalogCredits {
		err := u.post(ctx, "/admin/api/v1/credits", map[string]any{"id": i + 1, "name": fmt.Sprintf("Credit %d", i+1)}, nil)
		if err != nil {
			return err
		}
	}
	return nil
}

// makeView makes the resource at viewPath, by the partner's API.
func (u *usher) makeView(ctx context.Context) error {
	form := url.Values{
		"grant_type": {"client_credentials"}, "client_id": {u.Signer.Issuer}, "client_secret": {u.Signer.Secret},
	}
	var made struct {
		Token string `json:"access_token"`
	}
	err := u.call(ctx, http.MethodPost, "/api/oauth/token", "", formType, []byte(form.Encode()), http.StatusOK, &made)
	if err != nil {
		return err
	}
	return u.call(ctx, http.MethodPut, "/api/resources/"+strings.TrimPrefix(viewPath, "/embed/"), "Bearer "+made.Token,
		"application/json", []byte(`{"title":"Notices"}`), http.StatusCreated, nil)
}

// post calls the admin API.
func (u *usher) post(ctx context.Context, path string, body, into any) error {
	text, err := json.Marshal(body)
	if err != nil {
		return err
	}
	return u.call(ctx, http.MethodPost, path, "Bearer "+u.APIKey, "application/json", text, http.StatusCreated, into)
}

// call sends a body and reads the answer as JSON, unless into is nil.
func (u *usher) call(ctx context.Context, method, path, authorization, kind string, body []byte, want int, into any) error {
	request, err := http.NewRequestWithContext(ctx, method, "http://"+u.address+path, bytes.NewReader(body))
	if err != nil {
		return err
	}
	request.Host = publicHost
	request.Header.Set("Content-Type", kind)
	if authorization != "" {
		request.Header.Set("Authorization", authorization)
	}
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	content, err := io.ReadAll(io.LimitReader(answer.Body, answerLimit))
	if err != nil {
		return err
	}
	if answer.StatusCode != want {
		return fmt.Errorf("%s: got %s, want %d: %s", path, answer.Status, want, content)
	}
	if into == nil {
		return nil
	}
	return json.Unmarshal(content, into)
}

// signIn signs a person in and returns the session cookie as a request sends
// it.
func (u *usher) signIn(ctx context.Context, number int, content says) (string, error) {
	token := u.Signer.token(person, number, content, time.Now().Unix())
	answer, err := u.get(ctx, callbackPath+"?token="+token, "")
	if err != nil {
		return "", err
	}
	for _, c := range answer.Cookies() {
		if answer.StatusCode == http.StatusSeeOther {
			return c.Name + "=" + c.Value, nil
		}
	}
	return "", fmt.Errorf("signing in: got %s, want 303 and a cookie", answer.Status)
}

// get sends a request, follows no redirect and does not read the body.
func (u *usher) get(ctx context.Context, target, cookie string) (*http.Response, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+u.address+target, nil)
	if err != nil {
		return nil, err
	}
	request.Host = publicHost
	if cookie != "" {
		request.Header.Set("Cookie", cookie)
	}
	answer, err := http.DefaultTransport.RoundTrip(request)
	if err != nil {
		return nil, err
	}
	_, err = io.Copy(io.Discard, answer.Body)
	return answer, errors.Join(err, answer.Body.Close())
}

// load signs everybody of a span in once, with a bar.
func (u *usher) load(ctx context.Context, label string, people span, content says) error {
	d, err := newDriver(ctx, u.signIns(people, content, load{Connections: 16, Most: people.Count}))
	if err != nil {
		return err
	}
	if err := d.start(); err != nil {
		return err
	}
	bar := newBar(label, people.Count)
	t, err := d.result(bar.show)
	if err != nil {
		return fmt.Errorf("loading: %w", err)
	}
	bar.finish(t.All)
	return nil
}

// signIns fills in a load of sign-ins.
func (u *usher) signIns(people span, content says, l load) load {
	l.Address, l.Host, l.Signer = u.address, publicHost, u.Signer
	l.People, l.Says = people, content
	if l.Prefix == "" {
		l.Prefix = person
	}
	if l.Want == 0 {
		l.Want = http.StatusSeeOther
	}
	return l
}

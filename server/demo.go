package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"path/filepath"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"usher/provisioning"
	"usher/web"
)

const demoHelp = `Starts Usher together with a sample partner site and a sample application, each
on a loopback port of its own, and prints a signed link that signs a sample
person in. The partner site makes more links, good ones and bad ones.

The data is kept in the folder "demo" inside USHER_DATA_DIR. Ports that are
taken are replaced by free ones, unless USHER_LISTEN names one.`

// byDemo is who sets the sample up.
var byDemo = provisioning.By{Actor: "command", Name: "demo"}

func newDemo(p program) *cobra.Command {
	return &cobra.Command{
		Use:   "demo",
		Short: "Try it out: Usher, a sample partner site and a sample application",
		Long:  demoHelp,
		Args:  noArguments,
		RunE: func(c *cobra.Command, _ []string) error {
			cfg, err := loadConfig(p.environ)
			if err != nil {
				return err
			}
			return p.demo(c.Context(), cfg)
		},
	}
}

// The ports that the demo's sites take when they are free.
const (
	demoPartnerAddress = "127.0.0.1:8081"
	demoAppAddress     = "127.0.0.1:8082"
)

func (p program) demo(ctx context.Context, cfg Config) error {
	if cfg.Env == Production {
		return errors.New("the demo hands out signed links to everybody, so it does not run with USHER_ENV=production")
	}
	cfg.DataDir = filepath.Join(cfg.DataDir, "demo")
	log := newLogger(p.stderr, cfg.Env)
	listener, err := listen(ctx, cfg.Listen)
	if err != nil && cfg.Listen == defaultListen {
		listener, err = listen(ctx, anyLoopbackPort)
	}
	if err != nil {
		return fmt.Errorf("USHER_LISTEN=%s: %w", cfg.Listen, err)
	}
	sites := &demoSites{log: log}
	defer sites.close()
	return p.serveOn(ctx, cfg, listener, log, func(app *application, origin provisioning.Origin) error {
		return p.openDemo(ctx, app, origin, sites)
	})
}

// openDemo fills the store with the sample data, starts the two sites and
// prints where everything is.
func (p program) openDemo(ctx context.Context, app *application, origin provisioning.Origin, sites *demoSites) error {
	// Another site than Usher's: browsers tell 127.0.0.1 from localhost.
	partnerAt, err := sites.listen(ctx, demoPartnerAddress)
	if err != nil {
		return fmt.Errorf("the sample partner site: %w", err)
	}
	appAt, err := sites.listen(ctx, demoAppAddress)
	if err != nil {
		return fmt.Errorf("the sample application: %w", err)
	}
	partnerURL := "http://127.0.0.1:" + portOf(partnerAt)
	appURL := "http://localhost:" + portOf(appAt)

	pages, err := web.New()
	if err != nil {
		return fmt.Errorf("pages: %w", err)
	}
	partner := partnerConfig{
		UsherURL: origin.String(), URL: partnerURL, AppURL: appURL, Now: time.Now, Pages: pages,
		Groups: []partnerGroup{
			{"algebra-1", "Algebra I"}, {"poetry", "Reading poetry"}, {"teachers", "Teachers’ room"},
		},
		Credits: []partnerCredit{{101, "Exam voucher"}, {102, "Tutoring hour"}},
	}
	if err := seedDemo(ctx, app.provisioning, &partner); err != nil {
		return fmt.Errorf("sample data: %w", err)
	}
	sites.serve(partnerAt, newPartner(partner))
	sites.serve(appAt, newApp(appConfig{
		UsherURL: origin.String(), PartnerURL: partnerURL, URL: appURL, Client: &http.Client{}, Pages: pages,
	}))
	_, err = fmt.Fprintf(p.stdout, `Partner site: %s
Application:  %s
In a frame:   %s
Sign-in link: %s
The link is good for three minutes, and once. The partner site makes more. Ctrl-C ends the demo.
`, partnerURL, appURL, partnerURL+"/embedded", partner.usualLink())
	return err
}

// demoIntegration is the name of the sample partner's integration.
const demoIntegration = "Lumen Learning"

// seedDemo makes what is not there yet: a second start finds its data again.
func seedDemo(ctx context.Context, service *provisioning.Service, partner *partnerConfig) error {
	tenant, err := service.DefaultTenant(ctx)
	if err != nil {
		return err
	}
	for _, g := range partner.Groups {
		if _, err := service.AddGroup(ctx, tenant, g.ExternalID, g.Name, byDemo); err != nil && !errors.Is(err, provisioning.ErrTaken) {
			return err
		}
	}
	for _, credit := range partner.Credits {
		_, err := service.AddCredit(ctx, tenant, credit.ID, credit.Name, byDemo)
		if err != nil && !errors.Is(err, provisioning.ErrTaken) {
			return err
		}
	}
	integration, err := seedIntegration(ctx, service, tenant, partner)
	if err != nil {
		return err
	}
	for _, r := range demoResources() {
		content := ""
		if r.path != "" {
			content = partner.AppURL + r.path
		}
		wish := provisioning.NewResource{Kind: r.kind, ID: r.id, ResourceSettings: provisioning.ResourceSettings{
			Title: &r.title, Restricted: &r.restricted, Content: &content,
		}}
		if _, _, err := service.PutPublished(ctx, tenant, integration, wish, byDemo); err != nil {
			return fmt.Errorf("resource %s/%s: %w", r.kind, r.id, err)
		}
	}
	return nil
}

// seedIntegration installs the partner, or finds it, and tells it its key. It
// returns the integration's id.
func seedIntegration(ctx context.Context, service *provisioning.Service, tenant provisioning.Tenant, partner *partnerConfig) (string, error) {
	name, maxAge, app, site := demoIntegration, int64(partnerMaxAge/time.Second), []string{partner.AppURL}, []string{partner.URL}
	settings := provisioning.Settings{Name: &name, MaxAge: &maxAge, ReturnOrigins: &app, EmbedOrigins: &site, ContentOrigins: &app}
	installed, err := service.Integrations(ctx, tenant)
	if err != nil {
		return "", err
	}
	i := slices.IndexFunc(installed, func(n provisioning.Installed) bool { return n.Name == demoIntegration })
	if i < 0 {
		n, err := service.Install(ctx, tenant, settings, provisioning.NewKey{}, byDemo)
		if err != nil {
			return "", err
		}
		partner.AppID, partner.KeyID, partner.Secret = n.AppID, n.Keys[0].ID, n.Secret
		return n.ID, nil
	}
	// The sites may have other ports this time.
	if _, err := service.ChangeIntegration(ctx, tenant, installed[i].ID, settings, byDemo); err != nil {
		return "", err
	}
	secret, key, err := service.SigningSecret(ctx, tenant, installed[i].ID)
	partner.AppID, partner.KeyID, partner.Secret = installed[i].AppID, key.ID, secret
	return installed[i].ID, err
}

// demoSites are the servers of the demo's two sites.
type demoSites struct {
	log     *slog.Logger
	servers []*http.Server
	idle    []net.Listener // not serving yet
}

const anyLoopbackPort = "127.0.0.1:0"

// listen takes the address, or a free port when that is taken.
func (d *demoSites) listen(ctx context.Context, address string) (net.Listener, error) {
	listener, err := listen(ctx, address)
	if err != nil {
		listener, err = listen(ctx, anyLoopbackPort)
	}
	if err != nil {
		return nil, err
	}
	d.idle = append(d.idle, listener)
	return listener, nil
}

func (d *demoSites) serve(listener net.Listener, site http.Handler) {
	server := &http.Server{
		Handler: site, ReadHeaderTimeout: readHeaderTimeout, ReadTimeout: readTimeout, WriteTimeout: writeTimeout,
		IdleTimeout: idleTimeout, MaxHeaderBytes: maxHeader,
		ErrorLog: slog.NewLogLogger(d.log.Handler(), slog.LevelWarn),
	}
	d.servers = append(d.servers, server)
	go func() {
		if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			d.log.Error("a demo site has stopped", slog.Any("error", err))
		}
	}()
}

// close ends the sites at once: they keep nothing.
func (d *demoSites) close() {
	for _, server := range d.servers {
		_ = server.Close()
	}
	for _, listener := range d.idle {
		_ = listener.Close()
	}
}

func portOf(listener net.Listener) string {
	_, port, err := net.SplitHostPort(listener.Addr().String())
	if err != nil {
		return ""
	}
	return port
}

package main

import (
	"slices"
	"strconv"

	"usher/provisioning"
	"usher/sessions/admins"
)

// contradictions are settings that are good alone and bad together. What rests
// on a setting with a fault of its own (bad) is left out: it may be well once
// that one is mended.
func (c Config) contradictions(bad map[string]bool) []fault {
	var faults []fault
	// report adds a fault of the named setting, which rests on others too.
	report := func(name, value, problem, fix string, others ...string) {
		if !bad[name] && !slices.ContainsFunc(others, func(o string) bool { return bad[o] }) {
			faults = append(faults, fault{name, value, wrong{problem, fix}})
		}
	}
	const (
		setHTTPS = "Set it to the https address that browsers use, such as https://sso.example.com."
		makeKey  = "Make one with “openssl rand -base64 32” and give every process the same."
		orAllow  = ", or USHER_ALLOW_EMBEDDED=true for a single process."
	)
	if c.MetricsListen != "" && samePlace(c.MetricsListen, c.Listen) {
		report("USHER_METRICS_LISTEN", strconv.Quote(c.MetricsListen), "it is where USHER_LISTEN answers the public", "Give the metrics a port of their own, such as 127.0.0.1:9090.", "USHER_LISTEN")
	}
	production := c.Env == Production
	switch noURL := c.PublicURL == (provisioning.Origin{}); {
	case noURL && production:
		report("USHER_PUBLIC_URL", "", "it is not set, and production needs it", setHTTPS)
	case noURL && !listensOnLoopback(c.Listen):
		report("USHER_PUBLIC_URL", "", "it is not set, and USHER_LISTEN is open to other machines", setHTTPS, "USHER_LISTEN")
	case production && c.PublicURL.Scheme() != "https":
		report("USHER_PUBLIC_URL", strconv.Quote(c.PublicURL.String()), "production needs https", setHTTPS)
	}
	if oidc := c.AdminOIDC; oidc.Issuer != "" {
		for _, of := range []struct{ name, value string }{
			{"USHER_ADMIN_OIDC_CLIENT_ID", oidc.ClientID}, {"USHER_ADMIN_OIDC_CLIENT_SECRET", oidc.ClientSecret},
		} {
			if of.value == "" {
				report(of.name, "", "it is not set, and USHER_ADMIN_OIDC_ISSUER needs it", "Set it to what the provider has given you, or unset the issuer.", "USHER_ADMIN_OIDC_ISSUER")
			}
		}
	} else if oidc != (admins.ProviderConfig{}) {
		report("USHER_ADMIN_OIDC_ISSUER", "", "it is not set, and other settings of the provider are", "Set it to the provider’s address, or unset them.")
	}
	for _, f := range c.frontFaults() {
		report(f.name, f.value, f.problem, f.fix, "UPSTREAM_URL", "USHER_PUBLIC_URL")
	}
	if c.DatabaseDirectURL != "" && c.DatabaseURL == "" {
		report("DATABASE_URL", "", "it is not set, and DATABASE_DIRECT_URL is", "Set DATABASE_URL to the pooler; without one set DATABASE_URL alone, to Postgres.", "DATABASE_DIRECT_URL")
	}
	switch {
	case c.MasterKey != "":
	case c.DatabaseURL != "":
		report("USHER_MASTER_KEY", "", "it is not set, and DATABASE_URL may serve several machines, which need the same key", makeKey)
	case production:
		report("USHER_MASTER_KEY", "", "it is not set, and production needs it", makeKey)
	}
	if production && !c.AllowEmbedded {
		const problem = "it is not set, and production does not fall back to the embedded store"
		if c.DatabaseURL == "" {
			report("DATABASE_URL", "", problem, "Set it to a Postgres URL"+orAllow, "USHER_ALLOW_EMBEDDED")
		}
		if c.RedisURL == "" {
			report("REDIS_URL", "", problem, "Set it to a Redis URL"+orAllow, "USHER_ALLOW_EMBEDDED")
		}
	}
	return faults
}

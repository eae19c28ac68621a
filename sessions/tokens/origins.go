package tokens

import (
	"context"
	"net/url"
	"slices"
	"strings"
	"time"
)

// RedirectOrigins are the web origins of a client's redirect URIs, as an Origin
// header writes them (RFC 6454 §6.2), each once.
func RedirectOrigins(c Client) []string { return originsOf(c.RedirectURIs) }

// PublicOrigins are those of all public clients of a tenant: a program in a
// browser asks for its tokens from there. They may be clientLife old; what this
// instance has changed counts at once.
func (t *Tokens) PublicOrigins(ctx context.Context, tenant string) ([]string, error) {
	now := t.now()
	origins, turn, ok := t.clients.origins(tenant, now)
	if ok {
		return origins, nil
	}
	uris, err := t.store.PublicRedirectURIs(ctx, tenant)
	if err != nil {
		return nil, err
	}
	origins = originsOf(uris)
	t.clients.putOrigins(tenant, origins, now, turn)
	return origins, nil
}

func originsOf(uris []string) []string {
	var origins []string
	for _, uri := range uris {
		if origin := originOf(uri); origin != "" && !slices.Contains(origins, origin) {
			origins = append(origins, origin)
		}
	}
	return origins
}

// originOf is the web origin of a redirect URI; "" for one that leads to no web
// page.
func originOf(uri string) string {
	u, err := url.Parse(uri)
	if err != nil || u.Scheme != "https" && u.Scheme != "http" {
		return ""
	}
	host := strings.TrimSuffix(strings.ToLower(u.Host), map[string]string{"https": ":443", "http": ":80"}[u.Scheme])
	if host == "" {
		return ""
	}
	return u.Scheme + "://" + host
}

// cachedOrigins are the origins of a tenant's public clients.
type cachedOrigins struct {
	list []string
	at   time.Time
}

func (m *clientCache) origins(tenant string, now time.Time) (list []string, turn int, ok bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	row, ok := m.public[tenant]
	if age := now.Sub(row.at); !ok || age < 0 || age >= clientLife {
		return nil, m.turn, false
	}
	return row.list, m.turn, true
}

func (m *clientCache) putOrigins(tenant string, list []string, at time.Time, turn int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if turn != m.turn {
		return
	}
	if m.public == nil || len(m.public) >= maxClientsCached {
		m.public = map[string]cachedOrigins{}
	}
	m.public[tenant] = cachedOrigins{list, at}
}

package tokens

import (
	"context"
	"sync"
	"time"
)

const (
	// clientLife is how long a client's row is good without being read again.
	clientLife       = 5 * time.Second
	maxClientsCached = 10_000
)

// ClientByClientID returns a client by the name that it gives itself, or
// ErrNotFound. The row may be clientLife old; what this instance has changed
// counts at once. Who has to know for certain asks AuthenticateClient.
func (t *Tokens) ClientByClientID(ctx context.Context, tenant, clientID string) (Client, error) {
	if !isClientID(clientID) {
		return Client{}, ErrNotFound
	}
	now := t.now()
	key := clientKey{tenant, clientID}
	c, turn, ok := t.clients.get(key, now)
	if ok {
		return c, nil
	}
	c, err := t.store.ClientByClientID(ctx, tenant, clientID)
	if err == nil {
		t.clients.put(key, c, now, turn)
	}
	return c, err
}

type clientKey struct{ tenant, clientID string }

// clientCache keeps rows of clients. The zero value is ready.
type clientCache struct {
	mu   sync.Mutex
	rows map[clientKey]cachedClient
	// public is by tenant.
	public map[string]cachedOrigins
	turn   int // grows with every change: a row read before one is not kept after it
}

type cachedClient struct {
	client Client
	at     time.Time
}

func (m *clientCache) get(key clientKey, now time.Time) (c Client, turn int, ok bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	row, ok := m.rows[key]
	if age := now.Sub(row.at); !ok || age < 0 || age >= clientLife {
		return Client{}, m.turn, false
	}
	return row.client, m.turn, true
}

func (m *clientCache) put(key clientKey, c Client, at time.Time, turn int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if turn != m.turn {
		return
	}
	if m.rows == nil || len(m.rows) >= maxClientsCached {
		m.rows = map[clientKey]cachedClient{}
	}
	m.rows[key] = cachedClient{c, at}
}

// forget drops the rows of a tenant.
func (m *clientCache) forget(tenant string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.turn++
	delete(m.public, tenant)
	for key := range m.rows {
		if key.tenant == tenant {
			delete(m.rows, key)
		}
	}
}

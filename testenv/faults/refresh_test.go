//go:build linux

package faults

import (
	"database/sql"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"
)

// refresher is a client's hold on a person: the refresh token that it was given
// last, and those before.
type refresher struct {
	*client
	name   string
	tokens []string
}

// client is one that gets tokens by a partner's token (RFC 7523 §2.1).
type client struct {
	at                     *tenant
	ClientID, ClientSecret string
}

// TestRefreshed has clients refresh the same token several times at once, at two
// instances, while replies are lost or come half. A token has one successor,
// whoever is told of it, a family one live token (I9), and no fault costs anybody
// the sign-in.
func TestRefreshed(t *testing.T) {
	t.Parallel()
	if !haveServers() {
		return
	}
	w := newWorld(t, 2)
	w.twice(t)
	var all []*refresher
	for _, at := range w.tenants {
		c := w.addClient(t, at)
		for i := range 4 {
			all = append(all, w.vouched(t, c, fmt.Sprint("refresher-", i)))
		}
	}
	for _, fault := range []struct {
		name string
		wire
	}{
		{"every 10th reply of Postgres is lost", wire{lose: 10}},
		{"every 10th reply of Postgres comes half", wire{half: 10}},
		{"Postgres answers after 20 ms", wire{delay: 20 * time.Millisecond}},
	} {
		t.Run(fault.name, func(t *testing.T) {
			before, s := len(w.violations), &seen{}
			w.toPostgres.set(fault.wire)
			var group sync.WaitGroup
			for _, r := range all {
				group.Go(func() {
					for range map[bool]int{false: 3, true: 40}[*long] {
						w.rotate(r, s)
					}
				})
			}
			group.Wait()
			w.toPostgres.set(wire{})
			recovered := w.ready(t, 10*time.Second)
			for _, r := range all {
				w.rotate(r, s)
			}
			w.invariants(t, w.database)
			w.countTokens(t, all)
			if s.total(http.StatusOK) == 0 {
				t.Errorf("got %v, want some tokens", s)
			}
			found := w.violations[before:]
			for _, v := range found {
				t.Error(v)
			}
			reported(line{fault: "refreshing, " + fault.name, runs: s.total(), seen: s.String(), slowest: s.slowest, recovered: recovered, violations: len(found)})
			if t.Failed() {
				t.Logf("the log ends:\n%s", w.usher.lastWords())
			}
		})
	}
}

func (l *ledger) addClient(t *testing.T, at *tenant) *client {
	t.Helper()
	c := &client{at: at}
	var made struct {
		ClientID     string `json:"client_id"`
		ClientSecret string `json:"client_secret"`
	}
	l.admin(t, at.host, "/clients", map[string]any{
		"name": "Library", "identity_scopes": []string{"openid"}, "redirect_uris": []string{},
		"grants": []string{"refresh_token", "urn:ietf:params:oauth:grant-type:jwt-bearer"},
	}, &made)
	c.ClientID, c.ClientSecret = made.ClientID, made.ClientSecret
	return c
}

// ask asks for tokens, at the next door.
func (l *ledger) ask(c *client, form url.Values) (answer, string) {
	form.Set("client_id", c.ClientID)
	form.Set("client_secret", c.ClientSecret)
	a := l.send(http.MethodPost, c.at.host, "/connect/token", form.Encode(), "Content-Type: application/x-www-form-urlencoded")
	var given struct {
		RefreshToken string `json:"refresh_token"`
	}
	if a.status == http.StatusOK && (json.Unmarshal([]byte(a.body), &given) != nil || given.RefreshToken == "") {
		l.violate("I9: got %v, want a refresh token", a)
	}
	return a, given.RefreshToken
}

// vouched is a person whom the partner's token vouches for.
func (l *ledger) vouched(t *testing.T, c *client, name string) *refresher {
	t.Helper()
	now := time.Now().Unix()
	a, token := l.ask(c, url.Values{
		"grant_type": {"urn:ietf:params:oauth:grant-type:jwt-bearer"}, "scope": {"openid offline_access"},
		"assertion": {c.at.sign(map[string]any{
			"iss": c.at.appID, "sub": name, "email": name + "@faults.example", "iat": now, "exp": now + 3600,
		})},
	})
	if token == "" {
		t.Fatalf("got %v, want tokens", a)
	}
	return &refresher{client: c, name: name, tokens: []string{token}}
}

// rotate shows the newest token several times at once, until the successor is
// known.
func (l *ledger) rotate(r *refresher, s *seen) {
	newest := r.tokens[len(r.tokens)-1]
	for deadline := time.Now().Add(30 * time.Second); ; {
		var group sync.WaitGroup
		var mu sync.Mutex
		successors, refused := map[string]bool{}, false
		for range 3 {
			group.Go(func() {
				a, token := l.ask(r.client, url.Values{"grant_type": {"refresh_token"}, "refresh_token": {newest}})
				s.note("refresh", a)
				switch a.status {
				case http.StatusOK:
					mu.Lock()
					successors[token] = true
					mu.Unlock()
				case http.StatusServiceUnavailable:
					if a.header.Get("Retry-After") == "" {
						l.violate("refresh: got a 503 without Retry-After")
					}
				case 0:
				default:
					l.violate("I9: the refresh of %s of %s: got %v", r.name, r.at.host, a)
					mu.Lock()
					refused = true
					mu.Unlock()
				}
			})
		}
		group.Wait()
		if len(successors) > 1 {
			l.violate("I9: %s of %s: one token has %d successors", r.name, r.at.host, len(successors))
		}
		for token := range successors {
			r.tokens = append(r.tokens, token)
			return
		}
		if refused {
			return
		}
		if time.Now().After(deadline) {
			l.violate("I9: %s of %s got no new token for 30 s", r.name, r.at.host)
			return
		}
		<-time.After(again)
	}
}

// countTokens holds what the database has of each family against what its client
// was told: one row for each token, all but the newest used.
func (w *world) countTokens(t *testing.T, all []*refresher) {
	t.Helper()
	db, err := sql.Open(w.database.driver, w.database.dsn)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	found := map[string]string{}
	for _, row := range rows(t, db, `SELECT n.app_id, i.subject, count(*), count(r.used_at)
		FROM refresh_tokens r JOIN token_grants g ON g.id = r.grant_id AND g.tenant_id = r.tenant_id
		JOIN identities i ON i.user_id = g.user_id AND i.tenant_id = g.tenant_id
		JOIN integrations n ON n.id = i.integration_id AND n.tenant_id = i.tenant_id
		GROUP BY n.app_id, i.subject`) {
		found[row[0]+" "+row[1]] = strings.Join(row[2:], " ")
	}
	for _, r := range all {
		want := fmt.Sprint(len(r.tokens), " ", len(r.tokens)-1)
		if got := found[r.at.appID+" "+r.name]; got != want {
			w.violate("I9: %s of %s: got %q tokens and used ones, want %q", r.name, r.at.host, got, want)
		}
	}
}

package admins

import (
	"errors"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"usher/sql/store"
	"usher/sql/store/storetest"
)

// place is a service on a database of its own, with a clock that tests move.
type place struct {
	*Service
	db     *storetest.Database
	offset atomic.Int64
	here   Tenant // where things happen
	there  Tenant // another tenant, which nothing of it may reach
}

func (p *place) clock() time.Time {
	return time.Date(2026, time.May, 4, 9, 0, 0, 0, time.UTC).Add(time.Duration(p.offset.Load()))
}

func (p *place) wait(d time.Duration) { p.offset.Add(int64(d)) }

// emailKey is a simple form of what the program uses.
func emailKey(email string) (string, error) {
	if strings.Count(email, "@") != 1 || strings.HasPrefix(email, "@") || strings.HasSuffix(email, "@") {
		return "", errors.New("no address")
	}
	return strings.ToLower(email), nil
}

// each runs a test on every kind of database, with two tenants.
func each(t *testing.T, test func(t *testing.T, p *place)) {
	t.Helper()
	t.Parallel()
	storetest.EachDatabase(t, func(t *testing.T, db *storetest.Database) {
		p := &place{db: db}
		p.Service = New(db.Open(t, p.clock), emailKey, nil, p.clock)
		p.here, p.there = p.tenant(t, "here.example"), p.tenant(t, "there.example")
		test(t, p)
	})
}

func (p *place) tenant(t *testing.T, host string) Tenant {
	t.Helper()
	id, err := store.NewID()
	if err != nil {
		t.Fatal(err)
	}
	tenant := Tenant{ID: id, Name: host, Hosts: []string{host}, CreatedAt: p.moment()}
	if err := p.store.AddTenant(t.Context(), tenant, nil, store.Act{By: byTest, Action: "tenant_added", Object: "tenant " + id}); err != nil {
		t.Fatal(err)
	}
	return tenant
}

// byTest is who acts; anyone is a browser.
var (
	byTest = By{Actor: "command", Name: "a test"}
	anyone = Client{UserAgent: "Test/1", IP: "192.0.2.7"}
)

const goodPassword = "gravel otter plinth 7"

// add makes an account that has its password.
func (p *place) add(t *testing.T, tenant Tenant, email string, role Role, operator bool) Account {
	t.Helper()
	a, err := p.Create(t.Context(), tenant, NewAccount{Email: email, Role: role, Operator: operator}, goodPassword, Command(), byTest)
	if err != nil {
		t.Fatalf("%s: %v", email, err)
	}
	return a
}

// enter signs in and returns the cookie.
func (p *place) enter(t *testing.T, tenant Tenant, email, password string) string {
	t.Helper()
	cookie, err := p.SignIn(t.Context(), tenant, email, password, anyone, byTest)
	if err != nil {
		t.Fatalf("%s: %v", email, err)
	}
	return cookie
}

// inside reports whether a cookie opens a session at the tenant.
func (p *place) inside(t *testing.T, tenant Tenant, cookie string) bool {
	t.Helper()
	_, _, err := p.Check(t.Context(), tenant, cookie)
	if err != nil && !errors.Is(err, ErrNone) {
		t.Fatal(err)
	}
	return err == nil
}

func wantError(t *testing.T, what string, got, want error) {
	t.Helper()
	if !errors.Is(got, want) {
		t.Errorf("%s: got error %v, want %v", what, got, want)
	}
}

func wantInvalid(t *testing.T, what string, err error, field string) {
	t.Helper()
	var wrong *Invalid
	if !errors.As(err, &wrong) || wrong.Field != field {
		t.Errorf("%s: got error %v, want one about %s", what, err, field)
	}
}

// acts are the codes of what was recorded for a tenant.
func (p *place) acts(t *testing.T, tenant Tenant) string {
	t.Helper()
	return strings.Join(p.db.Rows(t, `SELECT action FROM audit_log WHERE tenant_id = $1 ORDER BY seq`, tenant.ID), " ")
}

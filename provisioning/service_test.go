package provisioning_test

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"usher/provisioning"
	"usher/sql/store"
	"usher/sql/store/storetest"
)

// This is the conformance suite of provisioning. It runs on every kind of
// database. Each case has a tenant of its own, and a twin: a second tenant
// that holds copies of the same rows, ids and e-mails included, and that must
// be untouched when the case is over.

// clock is moved by hand.
type clock struct{ moved atomic.Int64 }

var epoch = time.Date(2026, time.May, 4, 9, 0, 0, 0, time.UTC)

func (c *clock) now() time.Time          { return epoch.Add(time.Duration(c.moved.Load())) }
func (c *clock) advance(d time.Duration) { c.moved.Add(int64(d)) }

// ender remembers whose sessions were ended.
type ender struct {
	mu    sync.Mutex
	ended []string // "user <id> <epoch>", "integration <id> <generation>"
	asked []string // for whose sessions the last count was
	lost  bool     // the store has lost its counters, and says so
	fault error    // what the next calls return
}

func (e *ender) EndUser(_ context.Context, _, user string, epoch int64) error {
	return e.note(fmt.Sprintf("user %s %d", user, epoch))
}

func (e *ender) EndIntegration(_ context.Context, _, integration string, generation int64) error {
	return e.note(fmt.Sprintf("integration %s %d", integration, generation))
}

func (e *ender) EndOlder(_ context.Context, _, user string, epoch int64) error {
	return e.note(fmt.Sprintf("older %s %d", user, epoch))
}

// CountIntegration finds one session for each user.
func (e *ender) CountIntegration(_ context.Context, _, _ string, users []string) (int, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.asked = users
	return len(users), e.fault
}

func (e *ender) EndByID(_ context.Context, _, user, id string) (bool, error) {
	if id == noSession {
		return false, nil
	}
	return true, e.note(fmt.Sprintf("session %s %s", user, id))
}

// Standing says what was told to EndUser and EndIntegration.
func (e *ender) Standing(_ context.Context, _, user, integration string) (epoch, generation int64, known bool, err error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, what := range e.ended {
		var n int64
		if _, err := fmt.Sscanf(what, "user "+user+" %d", &n); err == nil {
			epoch = max(epoch, n)
		}
		if _, err := fmt.Sscanf(what, "integration "+integration+" %d", &n); err == nil {
			generation = max(generation, n)
		}
	}
	known, e.lost = !e.lost, false
	return epoch, generation, known, e.fault
}

// forget loses all counters, as a session store does that has lost its data.
func (e *ender) forget() {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.ended, e.lost = nil, true
}

// noSession is the id of a session that nobody has.
const noSession = "no session"

func (e *ender) note(what string) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.fault != nil {
		return e.fault
	}
	e.ended = append(e.ended, what)
	return nil
}

func (e *ender) fail(err error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.fault = err
}

func (e *ender) all() []string {
	e.mu.Lock()
	defer e.mu.Unlock()
	return slices.Clone(e.ended)
}

// world is one database with one service on it.
type world struct {
	db     *storetest.Database
	clock  *clock
	store  *store.Store
	svc    *provisioning.Service
	ender  *ender
	sealer *provisioning.Sealer
}

// each runs test against every kind of database, in parallel subtests.
func each(t *testing.T, test func(t *testing.T, w *world)) {
	t.Helper()
	t.Parallel()
	storetest.EachDatabase(t, func(t *testing.T, db *storetest.Database) { test(t, newWorld(t, db)) })
}

// eachPlace is each for a test of one case.
func eachPlace(t *testing.T, wish provisioning.Settings, test func(t *testing.T, p *place)) {
	t.Helper()
	each(t, func(t *testing.T, w *world) { test(t, w.place(t, wish)) })
}

func newWorld(t *testing.T, db *storetest.Database) *world {
	t.Helper()
	w := &world{db: db, clock: &clock{}, ender: &ender{}}
	var err error
	if w.sealer, err = provisioning.NewSealer([]byte("0123456789abcdef0123456789abcdef")); err != nil {
		t.Fatal(err)
	}
	w.store = db.Open(t, w.clock.now)
	w.svc = w.service(w.store)
	return w
}

// service makes one more service, as another instance of the program would.
func (w *world) service(s *store.Store) *provisioning.Service {
	return provisioning.New(s, w.sealer, w.ender, w.clock.now, slog.New(slog.NewTextHandler(io.Discard, nil)))
}

// another is the service of a second instance on the same database, whose
// unchanged sign-ins share statements with and without company.
func (w *world) another(t *testing.T) *provisioning.Service {
	t.Helper()
	return w.service(w.db.OpenAt(t, w.db.Address(), w.clock.now, store.Options{Together: true}))
}

// place is a tenant with a small catalogue and one integration.
type place struct {
	*world
	tenant store.Tenant
	partner
}

// partner is an integration and what its owner signs with.
type partner struct {
	*world
	tenant store.Tenant
	provisioning.Installed
	key store.Key
}

func (w *world) place(t *testing.T, wish provisioning.Settings) *place {
	t.Helper()
	ctx := t.Context()
	host := strings.ToLower(newID(t)) + ".example"
	tenant, err := w.svc.AddTenant(ctx, "Tenant", []string{host}, provisioning.Way{}, byAPI)
	if err != nil {
		t.Fatalf("AddTenant: %v", err)
	}
	p := &place{world: w, tenant: tenant}
	for _, group := range []string{"admins", "readers", "staff"} {
		p.addGroup(t, group)
	}
	for id := range 3 {
		p.addCredit(t, int64(id+1))
	}
	p.partner = p.install(t, wish)
	return p
}

func (p *place) addGroup(t *testing.T, id string) store.Group {
	t.Helper()
	g, err := p.svc.AddGroup(t.Context(), p.tenant, id, "Group "+id, byAPI)
	if err != nil {
		t.Fatalf("AddGroup(%q): %v", id, err)
	}
	return g
}

func (p *place) addCredit(t *testing.T, id int64) {
	t.Helper()
	if _, err := p.svc.AddCredit(t.Context(), p.tenant, id, fmt.Sprintf("Credit %d", id), byAPI); err != nil {
		t.Fatalf("AddCredit(%d): %v", id, err)
	}
}

// install adds an integration to the tenant.
func (p *place) install(t *testing.T, wish provisioning.Settings) partner {
	t.Helper()
	name := "Partner"
	wish.Name = &name
	n, err := p.svc.Install(t.Context(), p.tenant, wish, provisioning.NewKey{}, byAPI)
	if err != nil {
		t.Fatalf("Install: %v", err)
	}
	return partner{world: p.world, tenant: p.tenant, Installed: n, key: n.Keys[0]}
}

// mirror copies the tenant as it is now into a twin, which must be untouched
// when the test ends.
func (p *place) mirror(t *testing.T) {
	t.Helper()
	twin := newID(t)
	p.db.Mirror(t, p.tenant.ID, twin)
	before := p.db.Dump(t, twin)
	if len(before) < len(p.db.Dump(t, p.tenant.ID))-len(p.tenant.Hosts) {
		t.Fatalf("mirror: got %d rows, want as many as the tenant has", len(before))
	}
	t.Cleanup(func() {
		if diff := cmp.Diff(before, p.db.Dump(t, twin)); diff != "" {
			t.Errorf("the other tenant was touched (-before +after):\n%s", diff)
		}
	})
}

// claims are the claims of a token; a nil one is left out.
type claims map[string]any

// null is the JSON null.
const null = jsonText("null")

type jsonText string

func (j jsonText) MarshalJSON() ([]byte, error) { return []byte(j), nil }

// anna is the person of most cases. Her tokens are issued now.
func (p *partner) anna(changes claims) claims {
	c := claims{"sub": "anna-1", "email": "anna@example.com", "iat": p.clock.now().Unix()}
	maps.Copy(c, changes)
	maps.DeleteFunc(c, func(_ string, value any) bool { return value == nil })
	return c
}

// token signs claims.
func (p *partner) token(t testing.TB, c claims) string {
	t.Helper()
	return mint(t, p.key.ID, p.Secret, c)
}

func mint(t testing.TB, kid, secret string, c claims) string {
	t.Helper()
	part := func(value any) string {
		text, err := json.Marshal(value)
		if err != nil {
			t.Fatal(err)
		}
		return base64.RawURLEncoding.EncodeToString(text)
	}
	signed := part(map[string]string{"alg": "HS256", "kid": kid}) + "." + part(c)
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write([]byte(signed))
	return signed + "." + base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
}

// arrive is the request that carries a token.
func (p *partner) arrive(token string) provisioning.Arrival {
	return provisioning.Arrival{
		Tenant: p.tenant, Link: provisioning.Link{Token: token, Limit: 64 << 10}, Go: "/inside", Reference: "ref-1",
	}
}

// redeem opens a link.
func (p *partner) redeem(t testing.TB, c claims) (provisioning.SignIn, error) {
	t.Helper()
	return p.svc.Redeem(t.Context(), p.arrive(p.token(t, c)))
}

// enter opens a link that has to sign in.
func (p *partner) enter(t testing.TB, c claims) provisioning.SignIn {
	t.Helper()
	signIn, err := p.redeem(t, c)
	if err != nil {
		t.Fatalf("sign-in with %v: got error %v, want none", c, err)
	}
	if signIn.Integration.ID != p.ID || signIn.KeyID != p.key.ID || signIn.UserID == "" || signIn.Generation < 1 {
		t.Fatalf("sign-in with %v: got %+v, want one of integration %s by key %s", c, signIn, p.ID, p.key.ID)
	}
	return signIn
}

// refused opens a link that has to be refused and to leave nothing behind.
func (p *partner) refused(t testing.TB, c claims, want provisioning.Reason) *provisioning.Refusal {
	t.Helper()
	before := p.db.Dump(t, p.tenant.ID)
	_, err := p.redeem(t, c)
	var refusal *provisioning.Refusal
	if !errors.As(err, &refusal) || refusal.Reason != want {
		t.Fatalf("sign-in with %v: got error %v, want %s", c, err, want)
	}
	if diff := cmp.Diff(before, p.db.Dump(t, p.tenant.ID)); diff != "" {
		t.Fatalf("the refused sign-in with %v left something (-before +after):\n%s", c, diff)
	}
	return refusal
}

// person is what a user looks like from outside.
type person struct {
	Email   string
	Groups  []string
	Credits []string // "order/id", with " parked" or " consumed"
	Meta    string
}

func (p *place) person(t testing.TB, user string) person {
	t.Helper()
	profile := p.profile(t, user)
	seen := person{Email: profile.Email, Meta: profile.Meta}
	for _, g := range profile.Groups {
		seen.Groups = append(seen.Groups, g.ExternalID)
	}
	for _, c := range profile.Credits {
		text := fmt.Sprintf("%s/%d", c.OrderID, c.ID)
		if c.Parked {
			text += " parked"
		}
		if c.Consumed {
			text += " consumed"
		}
		seen.Credits = append(seen.Credits, text)
	}
	return seen
}

func (p *place) profile(t testing.TB, user string) store.Profile {
	t.Helper()
	profile, err := p.svc.Profile(context.WithoutCancel(t.Context()), p.tenant, user)
	if err != nil {
		t.Fatalf("Profile(%s): %v", user, err)
	}
	return profile
}

// wantPerson compares a user with what was expected.
func (p *place) wantPerson(t testing.TB, user string, want person) {
	t.Helper()
	if want.Meta == "" {
		want.Meta = "{}"
	}
	if diff := cmp.Diff(want, p.person(t, user)); diff != "" {
		t.Errorf("user (-want +got):\n%s", diff)
	}
}

// journal is what happened to a user, oldest first: "what detail".
func (p *place) journal(t testing.TB, user string) []string {
	t.Helper()
	changes, err := p.svc.Journal(t.Context(), p.tenant, user, 1000)
	if err != nil {
		t.Fatalf("Journal: %v", err)
	}
	lines := make([]string, 0, len(changes))
	for _, c := range slices.Backward(changes) {
		lines = append(lines, c.What+" "+c.Detail)
	}
	return lines
}

// identities are the ids of a user's identities, oldest first.
func (p *place) identities(t testing.TB, user string) []string {
	t.Helper()
	return p.db.Rows(t, `SELECT id FROM identities WHERE tenant_id = $1 AND user_id = $2 ORDER BY id`, p.tenant.ID, user)
}

// count is the number of the tenant's rows in a table.
func (p *place) count(t testing.TB, table string) int {
	t.Helper()
	return len(p.db.Rows(t, "SELECT 1 FROM "+table+" WHERE tenant_id = $1", p.tenant.ID))
}

// writtenBySyncs are the tables whose rows an unchanged sign-in leaves alone:
// all but the used tokens.
func (p *place) written(t testing.TB) []string {
	t.Helper()
	return p.db.Dump(t, p.tenant.ID, "used_tokens")
}

func warnings(signIn provisioning.SignIn) []string {
	codes := make([]string, 0, len(signIn.Warnings))
	for _, w := range signIn.Warnings {
		codes = append(codes, w.Code)
	}
	return codes
}

func newID(t testing.TB) string {
	t.Helper()
	id, err := store.NewID()
	if err != nil {
		t.Fatal(err)
	}
	return id
}

func wantSame(t testing.TB, what string, got, want any) {
	t.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", what, diff)
	}
}

func grant(order string, id int64) map[string]any { return map[string]any{"orderId": order, "id": id} }

// scenario is a case with a tenant of its own. It shares the clock with
// others, so it must not move it.
type scenario struct {
	name string
	wish provisioning.Settings
	run  func(t *testing.T, p *place)
}

// play runs scenarios on every kind of database, all on one.
func play(t *testing.T, scenarios []scenario) {
	t.Helper()
	each(t, func(t *testing.T, w *world) {
		for _, s := range scenarios {
			t.Run(s.name, func(t *testing.T) {
				t.Parallel()
				s.run(t, w.place(t, s.wish))
			})
		}
	})
}

// bareUser makes a user whom no integration knows.
func (p *place) bareUser(t testing.TB, email string) string {
	t.Helper()
	id := newID(t)
	key, err := provisioning.EmailKey(email)
	if err != nil {
		t.Fatal(err)
	}
	p.db.Exec(t, `
INSERT INTO users (tenant_id, id, version, status, session_epoch, email, email_key, first_name, last_name, name, phone,
                   birthdate, locale, picture, meta, onboarding, created_at, updated_at)
VALUES ($1, $2, 1, 'active', 0, $3, $4, '', '', '', '', '', '', '', '{}', false, $5, $5)`,
		p.tenant.ID, id, email, key, p.clock.now())
	return id
}

// users is the number of the tenant's users.
func (p *place) users(t testing.TB) int {
	t.Helper()
	return p.count(t, "users")
}

// disable disables a user.
func (p *place) disable(t testing.TB, user string) {
	t.Helper()
	if err := p.svc.SetDisabled(t.Context(), p.tenant, user, true, provisioning.By{Actor: "api", Reference: "ref-2"}); err != nil {
		t.Fatalf("SetDisabled: %v", err)
	}
}

func pointer[T any](value T) *T { return &value }

func containsAny(text string, words ...string) bool {
	return slices.ContainsFunc(words, func(word string) bool { return strings.Contains(text, word) })
}

// change changes the place's integration.
func (p *place) change(t testing.TB, wish provisioning.Settings) {
	t.Helper()
	if _, err := p.svc.ChangeIntegration(t.Context(), p.tenant, p.ID, wish, byAPI); err != nil {
		t.Fatalf("ChangeIntegration: %v", err)
	}
}

// canonical is a JSON text with the keys of its objects in order.
func canonical(t testing.TB, text string) string {
	t.Helper()
	decoder := json.NewDecoder(strings.NewReader(text))
	decoder.UseNumber()
	var value any
	if err := decoder.Decode(&value); err != nil {
		t.Fatal(err)
	}
	ordered, err := json.Marshal(value)
	if err != nil {
		t.Fatal(err)
	}
	return string(ordered)
}

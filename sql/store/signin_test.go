package store_test

import (
	"crypto/sha256"
	"testing"

	"github.com/google/go-cmp/cmp"

	"usher/sql/store"
	"usher/sql/store/storetest"
	"usher/testenv"
)

// scene is a tenant with an integration and a known person.
type scene struct {
	db          *storetest.Database
	s           *store.Store
	tenant      store.Tenant
	integration store.Integration
	first       store.Changes // what made the person
}

func newScene(t testing.TB, db *storetest.Database) *scene {
	t.Helper()
	s := db.Open(t, now)
	sc := &scene{db: db, s: s, tenant: addTenant(t, s)}
	sc.integration = store.Integration{
		TenantID: sc.tenant.ID, ID: newID(t), AppID: newID(t), Name: "Partner", Revision: 1, Generation: 1,
		LinkPolicy: store.LinkUnclaimed, CreatedAt: now(), UpdatedAt: now(),
	}
	key := store.Key{
		TenantID: sc.tenant.ID, ID: newID(t), IntegrationID: sc.integration.ID, Algorithm: "HS256",
		SealedSecret: []byte("sealed"), CreatedAt: now(),
	}
	if err := s.AddIntegration(t.Context(), sc.integration, key, byTest); err != nil {
		t.Fatalf("AddIntegration: %v", err)
	}
	group := store.Group{ID: newID(t), ExternalID: "staff", Name: "Staff", CreatedAt: now()}
	if err := s.AddGroup(t.Context(), sc.tenant.ID, group, byTest); err != nil {
		t.Fatalf("AddGroup: %v", err)
	}
	subject, email := "anna-1", "anna@example.com"
	user := newID(t)
	sc.first = store.Changes{
		TenantID: sc.tenant.ID, IntegrationID: sc.integration.ID, Revision: 1, KeyID: key.ID, Reference: "ref", At: now(),
		CheckCatalog: true, CatalogRevision: 2, Token: token(t, "first", 100),
		Identity: store.IdentityChange{
			ID: newID(t), Create: true, Subject: &subject, EmailKey: &email, Fingerprint: fingerprint("first"), Unresolved: true,
		},
		User: store.UserChange{
			ID: user, Create: true, Changed: true, Row: store.UserRow{Email: email, EmailKey: &email, Meta: "{}", Onboarding: true},
		},
		Join:    []store.Membership{{GroupID: group.ID, Source: sc.integration.ID}},
		Grant:   []store.GrantKey{{OrderID: "A", CreditID: 1}},
		Journal: []store.JournalEntry{{ID: newID(t), What: store.WhatUserCreated, Detail: "{}"}},
	}
	sc.want(t, "the first sign-in", sc.first, store.Applied)
	return sc
}

func fingerprint(text string) []byte {
	sum := sha256.Sum256([]byte(text))
	return sum[:16]
}

// token is a single-use token with an iat in microseconds.
func token(t testing.TB, name string, iat int64) store.UsedToken {
	t.Helper()
	key := sha256.Sum256([]byte(name))
	return store.UsedToken{Key: key[:], Single: true, IssuedAt: &iat, Attempt: newID(t)}
}

// want applies c and compares the outcome.
func (sc *scene) want(t testing.TB, what string, c store.Changes, want store.Outcome) {
	t.Helper()
	got, err := sc.s.Apply(t.Context(), c)
	if err != nil || got != want {
		t.Errorf("%s: got %q, error %v, want %q", what, got, err, want)
	}
}

// people adds people who are known by the subjects person-0, person-1, … and
// have said the same as Anna. PostgreSQL only.
func (sc *scene) people(t testing.TB, count int) {
	t.Helper()
	sc.db.Exec(t, `
INSERT INTO users (tenant_id, id, version, status, session_epoch, email, email_key, first_name, last_name, name, phone,
                   birthdate, locale, picture, meta, onboarding, created_at, updated_at)
SELECT tenant_id, md5($1 || n)::uuid, 1, 'active', 0, 'person-' || n, 'person-' || n, '', '', '', '', '', '', '', '{}',
       false, created_at, updated_at
  FROM users, generate_series(0, $2 - 1) AS n WHERE tenant_id = $3 AND id = $4`,
		sc.first.User.ID, count, sc.tenant.ID, sc.first.User.ID)
	sc.db.Exec(t, `
INSERT INTO identities (tenant_id, id, integration_id, user_id, subject, email_key, fingerprint, unresolved, created_at)
SELECT tenant_id, md5($1 || n)::uuid, integration_id, md5($1 || n)::uuid, 'person-' || n, 'person-' || n || '@example.com',
       fingerprint, false, created_at
  FROM identities, generate_series(0, $2 - 1) AS n WHERE tenant_id = $3 AND id = $4`,
		sc.first.User.ID, count, sc.tenant.ID, sc.first.Identity.ID)
}

// question asks about a person under the first fingerprint.
func (sc *scene) question(t testing.TB, subject, tokenName string) store.Recollection {
	t.Helper()
	return store.Recollection{
		TenantID: sc.tenant.ID, IntegrationID: sc.integration.ID, Revision: 1, Subject: subject,
		EmailKey: subject + "@example.com", Fingerprint: fingerprint("first"), Token: token(t, tokenName, 200),
	}
}

// second is another sign-in of the person, which changes the name.
func (sc *scene) second(t *testing.T) store.Changes {
	t.Helper()
	c := sc.first
	c.Token = token(t, "second", 200)
	c.Identity.Create, c.Identity.Fingerprint = false, fingerprint("second")
	c.User.Create, c.User.Version, c.User.Row.Name = false, 1, "Anna"
	c.Join, c.Grant = nil, nil
	c.Journal = []store.JournalEntry{{ID: newID(t), What: store.WhatProfileChanged, Detail: "{}"}}
	return c
}

// TestApply holds the two databases to the same outcomes. Whatever is not
// applied leaves nothing, apart from a stale token's use.
func TestApply(t *testing.T) {
	t.Parallel()
	storetest.EachDatabase(t, func(t *testing.T, db *storetest.Database) {
		sc := newScene(t, db)
		for _, test := range []struct {
			name   string
			change func(c *store.Changes)
			want   store.Outcome
		}{
			{"another revision", func(c *store.Changes) { c.Revision = 2 }, store.Moved},
			{"another integration", func(c *store.Changes) { c.IntegrationID = newID(t) }, store.Moved},
			{"another tenant", func(c *store.Changes) { c.TenantID = newID(t) }, store.Moved},
			{"another version of the user", func(c *store.Changes) { c.User.Version = 2 }, store.Moved},
			{"no such user", func(c *store.Changes) { c.User.ID = newID(t) }, store.Moved},
			{"no such identity", func(c *store.Changes) { c.Identity.ID = newID(t) }, store.Moved},
			{"another catalogue", func(c *store.Changes) { c.CatalogRevision = 1 }, store.Moved},
			{"identity there already", func(c *store.Changes) { c.Identity.Create, c.Identity.ID = true, newID(t) }, store.Moved},
			{"user there already", func(c *store.Changes) {
				subject, email := "bob", "bob@example.com"
				c.Identity.Create, c.Identity.ID, c.Identity.Subject, c.Identity.EmailKey = true, newID(t), &subject, &email
				c.User.Create, c.User.ID = true, newID(t)
			}, store.Moved},
			{"group there already", func(c *store.Changes) { c.NewGroups = []store.NewGroup{{ID: newID(t), ExternalID: "staff"}} }, store.Moved},
			{"group that is gone", func(c *store.Changes) { c.Join = []store.Membership{{GroupID: newID(t), Source: c.IntegrationID}} }, store.Moved},
			{"journal id there already", func(c *store.Changes) { c.Journal[0].ID = sc.first.Journal[0].ID }, store.Moved},
			{"spent token", func(c *store.Changes) { c.Token.Key = sc.first.Token.Key }, store.Replayed},
			{"spent token that is stale as well", func(c *store.Changes) { c.Token.Key, *c.Token.IssuedAt = sc.first.Token.Key, 50 }, store.Replayed},
		} {
			c := sc.second(t)
			test.change(&c)
			before := db.Dump(t, sc.tenant.ID)
			sc.want(t, test.name, c, test.want)
			if diff := cmp.Diff(before, db.Dump(t, sc.tenant.ID)); diff != "" {
				t.Errorf("%s: something is left (-before +after):\n%s", test.name, diff)
			}
		}

		stale := sc.second(t)
		*stale.Token.IssuedAt = 99
		before := db.Dump(t, sc.tenant.ID, "used_tokens")
		sc.want(t, "an older token", stale, store.Stale)
		if diff := cmp.Diff(before, db.Dump(t, sc.tenant.ID, "used_tokens")); diff != "" {
			t.Errorf("an older token: something is left (-before +after):\n%s", diff)
		}
		if got := len(db.Rows(t, `SELECT 1 FROM used_tokens WHERE tenant_id = $1`, sc.tenant.ID)); got != 2 {
			t.Errorf("an older token: got %d used tokens, want it spent as the second", got)
		}

		c := sc.second(t)
		c.Token = token(t, "third", 200)
		sc.want(t, "a change", c, store.Applied)
		profile, err := sc.s.Profile(t.Context(), sc.tenant.ID, c.User.ID)
		if err != nil || profile.Name != "Anna" || len(profile.Groups) != 1 || len(profile.Credits) != 1 {
			t.Errorf("got %+v, error %v, want Anna in one group with one credit", profile, err)
		}
		// The answer was lost: the same attempt again is no replay.
		c.User.Version = 2
		c.Journal = nil
		sc.want(t, "the same attempt again", c, store.Applied)
		c.User.Version, c.Token.Attempt = 3, newID(t)
		sc.want(t, "another attempt", c, store.Replayed)
	})
}

// TestApplyAnyFault leaves nothing behind when a statement in the middle fails
// for a reason that is nobody's race.
func TestApplyAnyFault(t *testing.T) {
	t.Parallel()
	storetest.EachDatabase(t, func(t *testing.T, db *storetest.Database) {
		sc := newScene(t, db)
		db.Exec(t, `ALTER TABLE journal RENAME TO gone`)
		before := db.Dump(t, sc.tenant.ID)
		if outcome, err := sc.s.Apply(t.Context(), sc.second(t)); err == nil {
			t.Errorf("got %q, want an error", outcome)
		}
		if diff := cmp.Diff(before, db.Dump(t, sc.tenant.ID)); diff != "" {
			t.Errorf("something is left (-before +after):\n%s", diff)
		}
		db.Exec(t, `ALTER TABLE gone RENAME TO journal`)
		sc.want(t, "mended", sc.second(t), store.Applied)
	})
}

// eachLane runs test on every kind of database, and on PostgreSQL also with the
// statement that many sign-ins can share.
func eachLane(t *testing.T, test func(t *testing.T, sc *scene)) {
	t.Helper()
	storetest.EachDatabase(t, func(t *testing.T, db *storetest.Database) { test(t, newScene(t, db)) })
	if testenv.HasPostgres() {
		t.Run("together", func(t *testing.T) {
			t.Parallel()
			db := storetest.New(t, testenv.Postgres)
			sc := newScene(t, db)
			sc.s = db.OpenAt(t, db.Address(), now, store.Options{Together: true})
			test(t, sc)
		})
	}
}

func TestRecall(t *testing.T) {
	t.Parallel()
	eachLane(t, func(t *testing.T, sc *scene) {
		db := sc.db
		question := func() store.Recollection {
			return store.Recollection{
				TenantID: sc.tenant.ID, IntegrationID: sc.integration.ID, Revision: 1, Subject: "anna-1",
				EmailKey: "anna@example.com", Fingerprint: fingerprint("first"), Token: token(t, "second", 200),
			}
		}
		known := store.Recalled{
			Current: true, Generation: 1, Known: true, UserID: sc.first.User.ID, Status: store.StatusActive, Version: 1, Onboarding: true,
		}
		spent := known
		spent.Spent = true
		for _, test := range []struct {
			name   string
			change func(q *store.Recollection)
			want   store.Recalled
			rows   int // used tokens afterwards
		}{
			{"another revision", func(q *store.Recollection) { q.Revision = 2 }, store.Recalled{
				Generation: 1, Known: true, UserID: sc.first.User.ID, Status: store.StatusActive, Version: 1, Onboarding: true,
			}, 1},
			{"another fingerprint", func(q *store.Recollection) { q.Fingerprint = fingerprint("second") }, store.Recalled{Current: true, Generation: 1}, 1},
			{"no fingerprint", func(q *store.Recollection) { q.Fingerprint = nil }, store.Recalled{Current: true, Generation: 1}, 1},
			{"another subject", func(q *store.Recollection) { q.Subject = "Anna-1" }, store.Recalled{Current: true, Generation: 1}, 1},
			{"spent before", func(q *store.Recollection) { q.Token.Key = sc.first.Token.Key }, known, 1},
			{"unchanged", func(*store.Recollection) {}, spent, 2},
			{"again", func(*store.Recollection) {}, known, 2},
			{"by e-mail", func(q *store.Recollection) { q.Subject, q.Token = "", token(t, "third", 300) }, spent, 3},
		} {
			q := question()
			test.change(&q)
			got, err := sc.s.Recall(t.Context(), q)
			if err != nil {
				t.Fatalf("%s: %v", test.name, err)
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("%s (-want +got):\n%s", test.name, diff)
			}
			if got := len(db.Rows(t, `SELECT 1 FROM used_tokens WHERE tenant_id = $1`, sc.tenant.ID)); got != test.rows {
				t.Errorf("%s: got %d used tokens, want %d", test.name, got, test.rows)
			}
		}

		entry := store.JournalEntry{ID: newID(t), What: store.WhatUserDisabled, Detail: "{}", Actor: "api"}
		if _, err := sc.s.SetDisabled(t.Context(), sc.tenant.ID, sc.first.User.ID, true, entry, byTest); err != nil {
			t.Fatal(err)
		}
		q := question()
		q.Token = token(t, "disabled", 400)
		got, err := sc.s.Recall(t.Context(), q)
		if err != nil || got.Status != store.StatusDisabled || got.Spent || got.SessionEpoch != 1 {
			t.Errorf("disabled: got %+v, error %v, want nothing spent", got, err)
		}
		if _, err := sc.s.RemoveIntegration(t.Context(), sc.tenant.ID, sc.integration.ID, byTest); err != nil {
			t.Fatal(err)
		}
		got, err = sc.s.Recall(t.Context(), q)
		if err != nil || got.Current || got.Spent || got.Generation != 2 {
			t.Errorf("removed: got %+v, error %v, want it not current, at generation 2", got, err)
		}
		q.IntegrationID = newID(t)
		_, err = sc.s.Recall(t.Context(), q)
		wantError(t, "unknown integration", err, store.ErrNotFound)
	})
}

package tokens_test

import (
	"testing"

	"usher/sessions/tokens"
	"usher/sql/store/storetest"
)

// newPerson writes an active user with a name, an e-mail, a phone number and a
// meta, and returns its id.
func newPerson(t *testing.T, db *storetest.Database, tenant, meta string) string {
	t.Helper()
	id := newID(t)
	db.Exec(t, `
INSERT INTO users (tenant_id, id, version, status, session_epoch, email, email_key, email_verified, first_name, last_name,
                   name, phone, birthdate, locale, picture, meta, onboarding, created_at, updated_at)
VALUES ($1, $2, 1, 'active', 0, 'Ada@example.org', $3, true, 'Ada', 'Byron', '', '+44 20', '1815-12-10', 'en-GB', '', $4, false, $5, $5)`,
		tenant, id, id+"@example.org", meta, epoch)
	return id
}

// newGroup puts a person into a new group.
func newGroup(t *testing.T, db *storetest.Database, tenant, user, externalID string) {
	t.Helper()
	id := newID(t)
	db.Exec(t, `INSERT INTO groups (tenant_id, id, external_id, name, description, created_at) VALUES ($1, $2, $3, $3, '', $4)`,
		tenant, id, externalID, epoch)
	db.Exec(t, `INSERT INTO group_members (tenant_id, user_id, group_id, source, pinned, created_at) VALUES ($1, $2, $3, $4, false, $5)`,
		tenant, user, id, newID(t), epoch)
}

// newClaim makes a custom claim, which is called as its name.
func newClaim(t *testing.T, service *tokens.Tokens, tenant, name, kind, path string) {
	t.Helper()
	if _, err := service.AddCustomClaim(t.Context(), tenant, tokens.NewCustomClaim{Name: name, Type: kind, MetaPath: path}, byTest); err != nil {
		t.Fatalf("AddCustomClaim(%s): %v", name, err)
	}
}

// newScope makes an identity scope of these claims.
func newScope(t *testing.T, service *tokens.Tokens, tenant, name string, claims ...string) {
	t.Helper()
	if _, err := service.AddIdentityScope(t.Context(), tenant, tokens.NewIdentityScope{Name: name, Claims: claims}, byTest); err != nil {
		t.Fatalf("AddIdentityScope(%s): %v", name, err)
	}
}

// newClientWith makes a client that may ask for identity scopes and requires
// claims.
func newClientWith(t *testing.T, service *tokens.Tokens, tenant, clientID string, scopes, required []string) tokens.Client {
	t.Helper()
	c, _, err := service.AddClient(t.Context(), tenant, clientID, tokens.ClientSettings{
		Name: ptr(clientID), IdentityScopes: scopes, RequiredClaims: required,
	}, byTest)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

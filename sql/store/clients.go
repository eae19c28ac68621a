package store

import (
	"context"
	"time"

	"github.com/jmoiron/sqlx"
)

// Values of Client.AccessTokenFormat.
const (
	FormatJWT            = "jwt"       // header typ "JWT"
	FormatAccessTokenJWT = "at+jwt"    // as RFC 9068 wants it
	FormatReference      = "reference" // 256 random bits, which only introspection can read
)

// Values of Client.Kind.
const (
	KindApplication  = "application"  // one that somebody runs
	KindOrganization = "organization" // an organization that acts for itself
	KindPerson       = "person"       // a program that acts for one person
)

// Client is an application that may ask for tokens.
type Client struct {
	TenantID       string
	ID             string // UUIDv7
	ClientID       string // by which it calls itself (RFC 6749 §2.2), unique in the tenant
	Kind           string // never changes
	User           string // of KindPerson: the id of the user for whom it acts; it never changes
	Name           string // for people
	Public         bool   // it has no secret (RFC 6749 §2.1): PKCE is demanded
	Keys           string // JSON Web Key Set of its public keys for private_key_jwt; "" = none
	RedirectURIs   []string
	PostLogoutURIs []string
	Integration    string   // the id of the one to whose sign-in page people are sent; "" = as GET /auth/start decides
	AskConsent     bool     // people are asked before it gets a token for them
	BrowserTokens  bool     // its own pages get tokens without its secret (/api/v0/token)
	Grants         []string // grant types (RFC 6749 §4)
	APIScopes      []string // which it may ask for, sorted
	IdentityScopes []string // the same
	RequiredClaims []string // names of custom claims that a person must have, sorted

	// What it gets, and for how long that is good, in whole seconds.
	AccessTokenFormat string
	IdentityTokenAlg  string // which signs its identity tokens (RFC 7518 §3.1)
	AccessTokenLife   time.Duration
	CodeLife          time.Duration
	IdentityTokenLife time.Duration
	RefreshLife       time.Duration // of a grant, from its beginning
	RefreshIdle       time.Duration // of one refresh token, from its making

	Rate      int64 // requests a second that one instance takes; 0 = any number, UsualRate = as the server says
	Disabled  bool
	Revision  int64 // grows with every change
	CreatedAt time.Time
	UpdatedAt time.Time
}

// AddClient writes a client, once check has seen what there is of what it needs.
// first is its first secret; nil = it has none. The errors are ErrTaken for its
// client id, and check's own unaltered.
func (s *Store) AddClient(ctx context.Context, c Client, first *Secret, needs ClientNeeds, check func(known ClientNeeds) error, act Act) error {
	return s.inTx(ctx, func(tx *sqlx.Tx) error {
		known, err := s.holdNeeds(ctx, tx, c.TenantID, needs)
		if err != nil {
			return err
		}
		if err := check(known); err != nil {
			return err
		}
		if err := insertClient(ctx, tx, c); err != nil {
			return err
		}
		if first != nil {
			if err := addSecret(ctx, tx, OfClient, *first); err != nil {
				return err
			}
		}
		return s.record(ctx, tx, c.TenantID, act)
	})
}

// Clients returns a tenant's clients with a client id above the given one ("" =
// from the start), in that order, at most limit.
func (s *Store) Clients(ctx context.Context, tenant, after string, limit int) ([]Client, error) {
	var rows []clientRow
	err := s.read.SelectContext(ctx, &rows, `
SELECT `+clientColumns+` FROM clients WHERE tenant_id = $1 AND client_id > $2 ORDER BY client_id LIMIT $3`, tenant, after, limit)
	if err != nil {
		return nil, fault(err)
	}
	return clientsOf(rows)
}

func clientsOf(rows []clientRow) ([]Client, error) {
	clients := make([]Client, 0, len(rows))
	for _, row := range rows {
		c, err := row.client()
		if err != nil {
			return nil, err
		}
		clients = append(clients, c)
	}
	return clients, nil
}

// Client returns one client by its id, or ErrNotFound.
func (s *Store) Client(ctx context.Context, tenant, id string) (Client, error) {
	var row clientRow
	err := s.read.GetContext(ctx, &row, `SELECT `+clientColumns+` FROM clients WHERE id = $1 AND tenant_id = $2`, id, tenant)
	if err != nil {
		return Client{}, fault(err)
	}
	return row.client()
}

// ClientByClientID returns one client by the name that it gives itself, or
// ErrNotFound.
func (s *Store) ClientByClientID(ctx context.Context, tenant, clientID string) (Client, error) {
	stmt, err := s.stmt(ctx, s.read, `SELECT `+clientColumns+` FROM clients WHERE tenant_id = $1 AND client_id = $2`)
	if err != nil {
		return Client{}, fault(err)
	}
	var row clientRow
	if err := stmt.GetContext(ctx, &row, tenant, clientID); err != nil {
		return Client{}, fault(err)
	}
	return row.client()
}

// ClientWithSecrets returns one client and the secrets that are live at a time,
// in one round trip, or ErrNotFound.
func (s *Store) ClientWithSecrets(ctx context.Context, tenant, clientID string, at time.Time) (Client, []Secret, error) {
	var rows []struct {
		clientRow
		liveSecret
	}
	err := s.ownerWithSecrets(ctx, &rows, OfClient.withSecrets(ownClientColumns, "client_id"), tenant, clientID, at)
	if err != nil {
		return Client{}, nil, err
	}
	if len(rows) == 0 {
		return Client{}, nil, ErrNotFound
	}
	var secrets []Secret
	for _, row := range rows {
		secrets = row.addTo(secrets, tenant, row.clientRow.ID)
	}
	c, err := rows[0].client()
	return c, secrets, err
}

// ClientState is a client as a change finds it.
type ClientState struct {
	Client
	Known   ClientNeeds // what there is of what it is to need
	Secrets bool        // it has live ones
}

// ChangeClient lets change edit a client, which is to need what needs names. An
// act without an action writes nothing. The errors are ErrNotFound, ErrChanged,
// and change's own unaltered.
func (s *Store) ChangeClient(ctx context.Context, tenant, id string, needs ClientNeeds,
	change func(*ClientState) (Act, error),
) (Client, error) {
	var c ClientState
	err := s.inTx(ctx, func(tx *sqlx.Tx) error {
		// The order of deletions: what clients need, then clients.
		known, err := s.holdNeeds(ctx, tx, tenant, needs)
		if err != nil {
			return err
		}
		c = ClientState{Known: known}
		if c.Client, err = s.lockClient(ctx, tx, tenant, id); err != nil {
			return err
		}
		// Whoever adds one waits for the client's row.
		if err := tx.GetContext(ctx, &c.Secrets, `
SELECT EXISTS (SELECT 1 FROM client_secrets WHERE owner_id = $1 AND tenant_id = $2 AND (expires_at IS NULL OR expires_at > $3))`,
			id, tenant, s.now().UTC()); err != nil {
			return err
		}
		revision := c.Revision
		act, err := change(&c)
		if err != nil {
			return err
		}
		if err := act.By.expects(revision); err != nil || act.nothing() {
			return err
		}
		if err := s.saveClient(ctx, tx, &c.Client); err != nil {
			return err
		}
		return s.record(ctx, tx, tenant, act)
	})
	return c.Client, err
}

func (s *Store) lockClient(ctx context.Context, tx *sqlx.Tx, tenant, id string) (Client, error) {
	var row clientRow
	err := tx.GetContext(ctx, &row,
		`SELECT `+clientColumns+` FROM clients WHERE id = $1 AND tenant_id = $2`+s.dialect.forUpdate(), id, tenant)
	if err != nil {
		return Client{}, err
	}
	return row.client()
}

// saveClient writes what can change of a client, with a new revision.
func (s *Store) saveClient(ctx context.Context, tx *sqlx.Tx, c *Client) error {
	c.Revision, c.UpdatedAt = c.Revision+1, s.now().UTC().Truncate(time.Microsecond)
	row, err := c.row()
	if err != nil {
		return err
	}
	_, err = tx.NamedExecContext(ctx, `
UPDATE clients SET name = :name, grants = :grants, api_scopes = :api_scopes, access_token_format = :access_token_format,
       access_token_life = :access_token_life, disabled = :disabled, revision = :revision, updated_at = :updated_at,
       redirect_uris = :redirect_uris, post_logout_uris = :post_logout_uris, identity_scopes = :identity_scopes,
       required_claims = :required_claims, code_life = :code_life, identity_token_life = :identity_token_life,
       refresh_life = :refresh_life, refresh_idle = :refresh_idle, integration_id = :integration_id,
       ask_consent = :ask_consent, public = :public, keys = :keys, browser_tokens = :browser_tokens,
       identity_token_algorithm = :identity_token_algorithm, rate = :rate
 WHERE id = :id AND tenant_id = :tenant_id`, row)
	return err
}

// DeleteClient takes a client and its secrets away when decide lets it. The
// errors are ErrNotFound, ErrChanged, and decide's own unaltered.
func (s *Store) DeleteClient(ctx context.Context, tenant, id string, decide func(Client) (Act, error)) error {
	return s.inTx(ctx, func(tx *sqlx.Tx) error {
		c, err := s.lockClient(ctx, tx, tenant, id)
		if err != nil {
			return err
		}
		act, err := decide(c)
		if err != nil {
			return err
		}
		if err := act.By.expects(c.Revision); err != nil {
			return err
		}
		if err := spendSecrets(ctx, tx, tenant, OfClient, id); err != nil {
			return err
		}
		if _, err := tx.ExecContext(ctx, `DELETE FROM clients WHERE id = $1 AND tenant_id = $2`, id, tenant); err != nil {
			return err
		}
		return s.record(ctx, tx, tenant, act)
	})
}

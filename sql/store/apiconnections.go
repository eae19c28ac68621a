package store

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/jmoiron/sqlx"
)

// APIConnection is a resource server, which accepts access tokens.
type APIConnection struct {
	TenantID    string     `db:"tenant_id"`
	ID          string     `db:"id"`   // UUIDv7
	Name        string     `db:"name"` // unique in the tenant; also that of its first scope
	DisplayName string     `db:"display_name"`
	Rate        int64      `db:"rate"`     // as Client.Rate
	Revision    int64      `db:"revision"` // grows with every change, also of its scopes and secrets
	CreatedAt   time.Time  `db:"created_at"`
	UpdatedAt   time.Time  `db:"updated_at"`
	Scopes      []APIScope `db:"-"` // by name; only where it says so
}

// APIScope is what an access token can be good for at an API connection.
type APIScope struct {
	TenantID     string    `db:"tenant_id" json:"-"`
	Name         string    `db:"name" json:"name"` // unique in the tenant
	ConnectionID string    `db:"connection_id" json:"-"`
	DisplayName  string    `db:"display_name" json:"display_name"`
	CreatedAt    time.Time `db:"created_at" json:"-"`
}

const (
	connectionColumns    = `tenant_id, id, name, display_name, rate, revision, created_at, updated_at`
	ownConnectionColumns = `o.tenant_id, o.id, o.name, o.display_name, o.rate, o.revision, o.created_at, o.updated_at`
	apiScopeColumns      = `tenant_id, name, connection_id, display_name, created_at`
)

// AddAPIConnection writes an API connection with its first scope and its first
// secret; limit is how many API scopes a tenant may have. The errors are ErrTaken
// for its name, and ErrFull.
func (s *Store) AddAPIConnection(ctx context.Context, n APIConnection, first Secret, limit int, act Act) error {
	return s.inTx(ctx, func(tx *sqlx.Tx) error {
		if _, err := tx.NamedExecContext(ctx, `
INSERT INTO api_connections (`+connectionColumns+`)
VALUES (:tenant_id, :id, :name, :display_name, :rate, :revision, :created_at, :updated_at)`, n); err != nil {
			return err
		}
		for _, scope := range n.Scopes {
			if err := s.addAPIScope(ctx, tx, scope, limit); err != nil {
				return err
			}
		}
		if err := addSecret(ctx, tx, OfAPIConnection, first); err != nil {
			return err
		}
		return s.record(ctx, tx, n.TenantID, act)
	})
}

func (s *Store) addAPIScope(ctx context.Context, tx *sqlx.Tx, scope APIScope, limit int) error {
	if err := s.lockScopeNames(ctx, tx, scope.TenantID); err != nil {
		return err
	}
	var n, taken int
	err := tx.GetContext(ctx, &n, `
SELECT count(*) FROM (SELECT 1 FROM api_scopes WHERE tenant_id = $1 LIMIT $2) AS known`, scope.TenantID, limit)
	if err != nil {
		return err
	}
	if n >= limit {
		return ErrFull
	}
	err = tx.GetContext(ctx, &taken, `
SELECT count(*) FROM identity_scopes WHERE name = $1 AND tenant_id = $2`, scope.Name, scope.TenantID)
	if err != nil {
		return err
	}
	if taken > 0 {
		return ErrTaken
	}
	_, err = tx.NamedExecContext(ctx, `
INSERT INTO api_scopes (`+apiScopeColumns+`) VALUES (:tenant_id, :name, :connection_id, :display_name, :created_at)`, scope)
	return err
}

// APIConnections returns a tenant's API connections with a name above the given
// one ("" = from the start), in that order, at most limit, without their scopes.
func (s *Store) APIConnections(ctx context.Context, tenant, after string, limit int) ([]APIConnection, error) {
	var connections []APIConnection
	err := s.read.SelectContext(ctx, &connections, `
SELECT `+connectionColumns+` FROM api_connections WHERE tenant_id = $1 AND name > $2 ORDER BY name LIMIT $3`,
		tenant, after, limit)
	return connections, fault(err)
}

// APIConnection returns one with its scopes by its id, or ErrNotFound.
func (s *Store) APIConnection(ctx context.Context, tenant, id string) (APIConnection, error) {
	n, err := oneConnection(ctx, s.read, tenant, id, "")
	return n, fault(err)
}

// APIConnectionID finds one by its name, or returns ErrNotFound.
func (s *Store) APIConnectionID(ctx context.Context, tenant, name string) (string, error) {
	var id string
	err := s.read.GetContext(ctx, &id, `SELECT id FROM api_connections WHERE tenant_id = $1 AND name = $2`, tenant, name)
	return id, fault(err)
}

func oneConnection(ctx context.Context, q sqlx.QueryerContext, tenant, id, lock string) (APIConnection, error) {
	var n APIConnection
	err := sqlx.GetContext(ctx, q, &n,
		`SELECT `+connectionColumns+` FROM api_connections WHERE id = $1 AND tenant_id = $2`+lock, id, tenant)
	if err != nil {
		return n, err
	}
	// Everything that changes scopes locks their connection first.
	return n, sqlx.SelectContext(ctx, q, &n.Scopes, `
SELECT `+apiScopeColumns+` FROM api_scopes WHERE connection_id = $1 AND tenant_id = $2 ORDER BY name`, id, tenant)
}

// APIConnectionWithSecrets returns one with the names of its scopes, and the
// secrets that are live at a time, in one round trip, or ErrNotFound.
func (s *Store) APIConnectionWithSecrets(ctx context.Context, tenant, name string, at time.Time) (APIConnection, []Secret, error) {
	var rows []struct {
		APIConnection
		liveSecret
		ScopeList string `db:"scope_list"`
	}
	columns := ownConnectionColumns + `, (SELECT ` + s.dialect.jsonArray() + `(` + s.dialect.jsonObject() + `('name', a.name, 'display_name', a.display_name))
      FROM api_scopes a WHERE a.connection_id = o.id AND a.tenant_id = o.tenant_id) AS scope_list`
	err := s.ownerWithSecrets(ctx, &rows, OfAPIConnection.withSecrets(columns, "name"), tenant, name, at)
	if err != nil {
		return APIConnection{}, nil, err
	}
	if len(rows) == 0 {
		return APIConnection{}, nil, ErrNotFound
	}
	n := rows[0].APIConnection
	if err := json.Unmarshal([]byte(rows[0].ScopeList), &n.Scopes); err != nil {
		return APIConnection{}, nil, fmt.Errorf("store: scopes of an API connection: %w", err)
	}
	var secrets []Secret
	for _, row := range rows {
		secrets = row.addTo(secrets, tenant, n.ID)
	}
	return n, secrets, nil
}

// APIScopes returns a tenant's API scopes by name, at most limit.
func (s *Store) APIScopes(ctx context.Context, tenant string, limit int) ([]APIScope, error) {
	var scopes []APIScope
	err := s.read.SelectContext(ctx, &scopes, `
SELECT `+apiScopeColumns+` FROM api_scopes WHERE tenant_id = $1 ORDER BY name LIMIT $2`, tenant, limit)
	return scopes, fault(err)
}

// holdAPIScopes returns which of these scopes exist, and keeps those from being
// deleted until the commit.
func (s *Store) holdAPIScopes(ctx context.Context, tx *sqlx.Tx, tenant string, names []string) ([]string, error) {
	return s.hold(ctx, tx, "api_scopes", tenant, names)
}

// hold does so with what a table has under these names.
func (s *Store) hold(ctx context.Context, tx *sqlx.Tx, table, tenant string, names []string) ([]string, error) {
	if len(names) == 0 {
		return nil, nil
	}
	list, err := json.Marshal(names)
	if err != nil {
		return nil, fmt.Errorf("store: %w", err)
	}
	var known []string
	err = tx.SelectContext(ctx, &known, `
SELECT name FROM `+table+` WHERE tenant_id = $1 AND name `+s.dialect.among(`SELECT value FROM `+s.dialect.jsonEach()+`($2)`)+`
 ORDER BY name`+s.dialect.forShare(), tenant, string(list))
	return known, err
}

// ConnectionChange is what becomes of an API connection and its scopes.
type ConnectionChange struct {
	Add    *APIScope // a scope to be added
	Rename *APIScope // a scope whose display name becomes another
	Act    Act
}

// ChangeAPIConnection lets change edit the display name, the rate and the scopes of an
// API connection; an act without an action writes nothing. limit is how many API
// scopes a tenant may have. The errors are ErrNotFound, ErrChanged, ErrTaken for
// the name of a scope, ErrFull, and change's own unaltered.
func (s *Store) ChangeAPIConnection(ctx context.Context, tenant, id string, limit int,
	change func(*APIConnection) (ConnectionChange, error),
) error {
	return s.inTx(ctx, func(tx *sqlx.Tx) error {
		n, err := oneConnection(ctx, tx, tenant, id, s.dialect.forUpdate())
		if err != nil {
			return err
		}
		wish, err := change(&n)
		if err != nil {
			return err
		}
		if err := wish.Act.By.expects(n.Revision); err != nil || wish.Act.nothing() {
			return err
		}
		if wish.Add != nil {
			if err := s.addAPIScope(ctx, tx, *wish.Add, limit); err != nil {
				return err
			}
		}
		if wish.Rename != nil {
			if _, err := tx.NamedExecContext(ctx, `
UPDATE api_scopes SET display_name = :display_name
 WHERE name = :name AND connection_id = :connection_id AND tenant_id = :tenant_id`, *wish.Rename); err != nil {
				return err
			}
		}
		if err := s.saveConnection(ctx, tx, n); err != nil {
			return err
		}
		return s.record(ctx, tx, tenant, wish.Act)
	})
}

// saveConnection writes what can change of an API connection, with a new
// revision.
func (s *Store) saveConnection(ctx context.Context, tx *sqlx.Tx, n APIConnection) error {
	_, err := tx.ExecContext(ctx, `
UPDATE api_connections SET display_name = $1, rate = $2, revision = $3, updated_at = $4 WHERE id = $5 AND tenant_id = $6`,
		n.DisplayName, n.Rate, n.Revision+1, s.now().UTC(), n.ID, n.TenantID)
	return err
}

// ClientsWithScopes returns the clients that may ask for one of these API scopes,
// in the order of their client ids, at most limit.
func (s *Store) ClientsWithScopes(ctx context.Context, tenant string, scopes []string, limit int) ([]Client, error) {
	clients, err := s.clientsWith(ctx, s.read, tenant, listOfAPIScopes, scopes, "client_id", limit, "")
	return clients, fault(err)
}

// Lists of a client that clientsWith can look into.
const (
	listOfAPIScopes      = "api_scopes"
	listOfIdentityScopes = "identity_scopes"
	listOfRequiredClaims = "required_claims"
)

// clientsWith returns the clients that have one of these names in a list.
func (s *Store) clientsWith(ctx context.Context, q sqlx.QueryerContext, tenant, column string, names []string, order string, limit int, lock string) ([]Client, error) {
	list, err := json.Marshal(nonNil(names))
	if err != nil {
		return nil, fmt.Errorf("store: %w", err)
	}
	each := s.dialect.jsonEach()
	if s.dialect == postgres {
		column = `CAST(` + column + ` AS json)`
	}
	var rows []clientRow
	err = sqlx.SelectContext(ctx, q, &rows, `
SELECT `+clientColumns+` FROM clients
 WHERE tenant_id = $1 AND EXISTS (
        SELECT 1 FROM `+each+`(`+column+`) AS has WHERE has.value IN (SELECT wanted.value FROM `+each+`($2) AS wanted))
 ORDER BY `+order+` LIMIT $3`+lock, tenant, string(list), limit)
	if err != nil {
		return nil, err
	}
	return clientsOf(rows)
}

// everyRow is a limit for what has to be done as a whole.
const everyRow = 1 << 31

// DeleteAPIScopes takes scopes of an API connection away, from every client that
// may ask for them as well, and the connection itself when whole. decide gets the
// connection and those clients. The errors are ErrNotFound, ErrChanged, and
// decide's own unaltered.
func (s *Store) DeleteAPIScopes(ctx context.Context, tenant, id string, scope string, whole bool,
	decide func(APIConnection, []Client) (Act, error),
) error {
	return s.inTx(ctx, func(tx *sqlx.Tx) error {
		n, err := oneConnection(ctx, tx, tenant, id, s.dialect.forUpdate())
		if err != nil {
			return err
		}
		var gone []string
		for _, one := range n.Scopes {
			if whole || one.Name == scope {
				gone = append(gone, one.Name)
			}
		}
		if len(gone) == 0 {
			return ErrNotFound
		}
		// From here on no client gets them: that needs their rows.
		if err := s.lockAPIScopes(ctx, tx, tenant, gone); err != nil {
			return err
		}
		clients, err := s.clientsWith(ctx, tx, tenant, listOfAPIScopes, gone, "id", everyRow, s.dialect.forUpdate())
		if err != nil {
			return err
		}
		act, err := decide(n, clients)
		if err != nil {
			return err
		}
		if err := act.By.expects(n.Revision); err != nil {
			return err
		}
		for _, c := range clients {
			c.APIScopes = slices.DeleteFunc(c.APIScopes, func(name string) bool { return slices.Contains(gone, name) })
			if err := s.saveClient(ctx, tx, &c); err != nil {
				return err
			}
		}
		for _, name := range gone {
			if _, err := tx.ExecContext(ctx, `DELETE FROM api_scopes WHERE name = $1 AND tenant_id = $2`, name, tenant); err != nil {
				return err
			}
		}
		if whole {
			if err := spendSecrets(ctx, tx, tenant, OfAPIConnection, id); err != nil {
				return err
			}
			_, err = tx.ExecContext(ctx, `DELETE FROM api_connections WHERE id = $1 AND tenant_id = $2`, id, tenant)
		} else {
			err = s.saveConnection(ctx, tx, n)
		}
		if err != nil {
			return err
		}
		return s.record(ctx, tx, tenant, act)
	})
}

// lockAPIScopes waits for those who hold these scopes, and keeps others away
// from them until the commit.
func (s *Store) lockAPIScopes(ctx context.Context, tx *sqlx.Tx, tenant string, names []string) error {
	for _, name := range names {
		var held string
		if err := tx.GetContext(ctx, &held,
			`SELECT name FROM api_scopes WHERE name = $1 AND tenant_id = $2`+s.dialect.forUpdate(), name, tenant); err != nil {
			return err
		}
	}
	return nil
}

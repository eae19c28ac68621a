package tokens

import (
	"context"
	"errors"
	"slices"

	"usher/sql/store"
)

const (
	// MaxAPIScopes is how many API scopes a tenant can have.
	MaxAPIScopes = 500
	// maxClientsNamed is how many clients a preview names.
	maxClientsNamed = 100
)

// The records of API connections, as those of clients.
type (
	Connection = store.APIConnection
	APIScope   = store.APIScope
)

// NewConnection is the wish for an API connection.
type NewConnection struct {
	Name        string // [a-z0-9][a-z0-9._-]{0,63}; it never changes
	DisplayName string // "" = Name
	Rate        *int64 // as that of a client; nil = as the server says
}

// AddConnection makes an API connection with the scope of its name and its first
// secret, which is returned in clear, this once. The error is ErrTaken when there
// is a connection or a scope of this name, or joins an *Invalid for each field
// that cannot be accepted.
func (t *Tokens) AddConnection(ctx context.Context, tenant string, wish NewConnection, by By) (Connection, string, error) {
	if wish.DisplayName == "" {
		wish.DisplayName = wish.Name
	}
	var err error
	shown, wrong := checkName("display_name", wish.DisplayName)
	if !isConnectionName(wish.Name) {
		err = invalid("name", "1 to %d of the characters a–z, 0–9, dot, underscore and hyphen, with a letter or digit in front", maxConnectionName)
	} else if isReserved(wish.Name) {
		err = reserved("name")
	}
	if err == nil {
		err = wrong
	}
	rate := int64(UsualRate)
	if err = errors.Join(err, setRate(&rate, wish.Rate)); err != nil {
		return Connection{}, "", err
	}
	id, err := store.NewID()
	if err != nil {
		return Connection{}, "", err
	}
	now := t.moment()
	n := Connection{
		TenantID: tenant, ID: id, Name: wish.Name, DisplayName: shown, Rate: rate, Revision: 1, CreatedAt: now, UpdatedAt: now,
		Scopes: []APIScope{{TenantID: tenant, Name: wish.Name, ConnectionID: id, DisplayName: shown, CreatedAt: now}},
	}
	first, secret, err := t.newSecret(tenant, id)
	if err != nil {
		return Connection{}, "", err
	}
	act := connectionAct(by, "api_connection_added", id, map[string]any{
		"name": n.Name, "display_name": n.DisplayName, "rate": store.OwnRate(n.Rate), "secret": first.ID,
	})
	act.SecretOf = first.ID
	if err = full(t.store.AddAPIConnection(ctx, n, first, MaxAPIScopes, act)); err != nil {
		return Connection{}, "", err
	}
	return n, secret, nil
}

func reserved(field string) *Invalid {
	return invalid(field, "another name: this one has a meaning of its own")
}

// full says which limit was met.
func full(err error) error {
	if errors.Is(err, store.ErrFull) {
		return invalid("name", "a tenant can have %d API scopes, and has them: delete one first", MaxAPIScopes)
	}
	return err
}

func connectionAct(by By, action, id string, detail map[string]any) store.Act {
	return store.Act{By: by, Action: action, Object: "api_connection " + id, Detail: detail}
}

// Connections lists a tenant's API connections by name, without their scopes, at
// most size from the one after the given name; next is where the following page
// starts, "" after the last.
func (t *Tokens) Connections(ctx context.Context, tenant, after string, size int) (connections []Connection, next string, err error) {
	if after != "" && !isConnectionName(after) {
		return nil, "", invalid("after", "the name of an API connection")
	}
	connections, err = t.store.APIConnections(ctx, tenant, after, size+1)
	if len(connections) > size {
		connections = connections[:size]
		next = connections[size-1].Name
	}
	return connections, next, err
}

// Connection returns one API connection with its scopes by its id, or
// ErrNotFound.
func (t *Tokens) Connection(ctx context.Context, tenant, id string) (Connection, error) {
	if !store.IsID(id) {
		return Connection{}, ErrNotFound
	}
	return t.store.APIConnection(ctx, tenant, id)
}

// ConnectionByName returns one API connection with its scopes, or ErrNotFound.
func (t *Tokens) ConnectionByName(ctx context.Context, tenant, name string) (Connection, error) {
	if !isConnectionName(name) {
		return Connection{}, ErrNotFound
	}
	id, err := t.store.APIConnectionID(ctx, tenant, name)
	if err != nil {
		return Connection{}, err
	}
	return t.store.APIConnection(ctx, tenant, id)
}

// APIScopes lists all API scopes of a tenant by name.
func (t *Tokens) APIScopes(ctx context.Context, tenant string) ([]APIScope, error) {
	return t.store.APIScopes(ctx, tenant, MaxAPIScopes)
}

// ConnectionSettings is a wish for an API connection; nil keeps what is.
type ConnectionSettings struct {
	DisplayName *string // what people call it; its name stays
	Rate        *int64  // as that of a client
}

// ChangeConnection changes an API connection. The errors are ErrNotFound,
// ErrChanged, and *Invalid, which may be joined.
func (t *Tokens) ChangeConnection(ctx context.Context, tenant, id string, wish ConnectionSettings, by By) (Connection, error) {
	return t.changeConnection(ctx, tenant, id, func(n *Connection) (store.ConnectionChange, error) {
		before, err := *n, error(nil)
		if wish.DisplayName != nil {
			n.DisplayName, err = checkName("display_name", *wish.DisplayName)
		}
		if err := errors.Join(err, setRate(&n.Rate, wish.Rate)); err != nil {
			return store.ConnectionChange{}, err
		}
		detail := map[string]any{}
		if before.DisplayName != n.DisplayName {
			detail["display_name"] = map[string]any{"from": before.DisplayName, "to": n.DisplayName}
		}
		if before.Rate != n.Rate {
			detail["rate"] = map[string]any{"from": store.OwnRate(before.Rate), "to": store.OwnRate(n.Rate)}
		}
		if len(detail) == 0 {
			return store.ConnectionChange{Act: store.Act{By: by}}, nil
		}
		return store.ConnectionChange{Act: connectionAct(by, "api_connection_changed", id, detail)}, nil
	})
}

// AddScope gives an API connection one more scope. The errors are ErrNotFound,
// ErrChanged, ErrTaken and *Invalid, which may be joined.
func (t *Tokens) AddScope(ctx context.Context, tenant, id, name, displayName string, by By) (Connection, error) {
	if displayName == "" {
		displayName = name
	}
	shown, err := checkName("display_name", displayName)
	if !isScopeName(name) {
		err = invalid("name", "1 to %d of the characters a–z, 0–9, dot, underscore, colon and hyphen, with a letter or digit in front", maxScopeBytes)
	} else if isReserved(name) {
		err = reserved("name")
	}
	if err != nil {
		return Connection{}, err
	}
	return t.changeConnection(ctx, tenant, id, func(n *Connection) (store.ConnectionChange, error) {
		return store.ConnectionChange{
			Add: &APIScope{TenantID: tenant, Name: name, ConnectionID: id, DisplayName: shown, CreatedAt: t.moment()},
			Act: connectionAct(by, "api_scope_added", id, map[string]any{"scope": name, "display_name": shown}),
		}, nil
	})
}

// RenameScope changes what people call a scope of an API connection; its name
// stays. The errors are ErrNotFound, ErrChanged and *Invalid.
func (t *Tokens) RenameScope(ctx context.Context, tenant, id, name, displayName string, by By) (Connection, error) {
	return t.changeConnection(ctx, tenant, id, func(n *Connection) (store.ConnectionChange, error) {
		scope, ok := scopeOf(*n, name)
		if !ok {
			return store.ConnectionChange{}, ErrNotFound
		}
		if name == n.Name {
			return store.ConnectionChange{}, invalid("scope", "the scope of the connection’s own name stays as it is")
		}
		shown, err := checkName("display_name", displayName)
		if err != nil || shown == scope.DisplayName {
			return store.ConnectionChange{Act: store.Act{By: by}}, err
		}
		before := scope.DisplayName
		scope.DisplayName = shown
		return store.ConnectionChange{Rename: &scope, Act: connectionAct(by, "api_scope_changed", id,
			map[string]any{"scope": name, "display_name": map[string]any{"from": before, "to": shown}})}, nil
	})
}

func scopeOf(n Connection, name string) (APIScope, bool) {
	i := slices.IndexFunc(n.Scopes, func(scope APIScope) bool { return scope.Name == name })
	if i < 0 {
		return APIScope{}, false
	}
	return n.Scopes[i], true
}

// changeConnection changes an API connection, and returns it as it is then.
func (t *Tokens) changeConnection(ctx context.Context, tenant, id string, change func(*Connection) (store.ConnectionChange, error)) (Connection, error) {
	if !store.IsID(id) {
		return Connection{}, ErrNotFound
	}
	if err := t.store.ChangeAPIConnection(ctx, tenant, id, MaxAPIScopes, change); err != nil {
		return Connection{}, full(err)
	}
	return t.store.APIConnection(ctx, tenant, id)
}

// Deletion is what the deletion of an API connection, or of one of its scopes,
// will do.
type Deletion struct {
	Connection Connection
	Scopes     []string // that will be gone
	Clients    []Client // that may ask for one of them, by client id
	More       bool     // there are more clients than those
}

// Deletion says what deleting a scope of an API connection ("" = the connection
// itself) will do, for the preview. The errors are ErrNotFound and *Invalid.
func (t *Tokens) Deletion(ctx context.Context, tenant, id, scope string) (Deletion, error) {
	n, err := t.Connection(ctx, tenant, id)
	if err != nil {
		return Deletion{}, err
	}
	d := Deletion{Connection: n, Scopes: []string{scope}}
	if scope == "" {
		d.Scopes = scopeNames(n)
	} else if err := deletable(n, scope); err != nil {
		return Deletion{}, err
	}
	d.Clients, err = t.store.ClientsWithScopes(ctx, tenant, d.Scopes, maxClientsNamed+1)
	if len(d.Clients) > maxClientsNamed {
		d.Clients, d.More = d.Clients[:maxClientsNamed], true
	}
	return d, err
}

func scopeNames(n Connection) []string {
	var names []string
	for _, scope := range n.Scopes {
		names = append(names, scope.Name)
	}
	return names
}

func deletable(n Connection, scope string) error {
	if _, ok := scopeOf(n, scope); !ok {
		return ErrNotFound
	}
	if scope == n.Name {
		return invalid("scope", "the scope of the connection’s own name goes with the connection")
	}
	return nil
}

// DeleteScope takes a scope of an API connection away, from every client that may
// ask for it as well. The errors are ErrNotFound, ErrChanged and *Invalid.
func (t *Tokens) DeleteScope(ctx context.Context, tenant, id, scope string, by By) error {
	return t.deleteScopes(ctx, tenant, id, scope, false, by, "api_scope_deleted")
}

// DeleteConnection takes an API connection away, with its secrets and its
// scopes, which no client may ask for any more. The errors are ErrNotFound and
// ErrChanged.
func (t *Tokens) DeleteConnection(ctx context.Context, tenant, id string, by By) error {
	return t.deleteScopes(ctx, tenant, id, "", true, by, "api_connection_deleted")
}

func (t *Tokens) deleteScopes(ctx context.Context, tenant, id, scope string, whole bool, by By, action string) error {
	if !store.IsID(id) {
		return ErrNotFound
	}
	err := t.store.DeleteAPIScopes(ctx, tenant, id, scope, whole, func(n Connection, clients []Client) (store.Act, error) {
		gone := []string{scope}
		if whole {
			gone = scopeNames(n)
		} else if err := deletable(n, scope); err != nil {
			return store.Act{}, err
		}
		lost := []string{}
		for _, c := range clients {
			lost = append(lost, c.ID)
		}
		return connectionAct(by, action, id, map[string]any{"name": n.Name, "scopes": gone, "clients": lost}), nil
	})
	t.clients.forget(tenant)
	return err
}

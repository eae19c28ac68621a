package tokens

import (
	"context"
	"errors"
	"slices"
	"time"

	"usher/sql/store"
)

// How long a JWT that an administrator generates is good.
const (
	DefaultJWTLife = 10 * time.Minute
	MaxJWTLife     = time.Hour
)

// JWTFor is an administrator's wish for a JWT.
type JWTFor struct {
	ClientID string        // for whom it is, or in whose name it speaks for the user
	User     string        // the user's id; "" = the client speaks for itself
	Scope    string        // names with commas or spaces between them; "" = none
	Audience string        // names with commas between them, beside the client id; "" = none
	Validity time.Duration // 1 s to MaxJWTLife, whole seconds; 0 = DefaultJWTLife
}

// GenerateJWT makes a JWT as MakeJWT does, without a token: for tests and for
// programs that are run by hand. It is an act of the audit log, which has all but
// the JWT itself. The error is, or joins, an *Invalid for each field that cannot
// be accepted.
func (t *Tokens) GenerateJWT(ctx context.Context, tenant, issuer string, wish JWTFor, by By) (string, error) {
	scopes, scopeErr := ReadScopeList(wish.Scope)
	audience, audienceErr := ReadAudience(wish.Audience)
	if wish.Validity == 0 {
		wish.Validity = DefaultJWTLife
	}
	var lifeErr error
	if wish.Validity < time.Second || wish.Validity > MaxJWTLife || wish.Validity%time.Second != 0 {
		lifeErr = invalid("validity", "1 to %d seconds", MaxJWTLife/time.Second)
	}
	client, clientErr := t.clientForJWT(ctx, tenant, wish)
	if err := errors.Join(clientErr, scopeErr, audienceErr, lifeErr); err != nil {
		return "", firstFault(clientErr, err)
	}
	h := holder{client: client, ends: t.now().Add(wish.Validity)}
	if wish.User != "" {
		g, err := t.grantForJWT(ctx, tenant, client, wish.User, h.ends)
		if err != nil {
			return "", err
		}
		h.grant = &g
	}
	var err error
	if h.scopes, err = t.scopesForJWT(ctx, tenant, h, scopes); err != nil {
		return "", err
	}
	if h.grant != nil {
		h.grant.Scopes = sorted(h.scopes)
		if h.grant.CreatedAt, err = t.notBeforeScopes(ctx, tenant, h.scopes, h.grant.CreatedAt); err != nil {
			return "", err
		}
		// The JWT is worth as much as this is: until the user is disabled or signed
		// out everywhere.
		if err := t.store.AddTokenGrant(ctx, *h.grant, store.Given{}); err != nil {
			return "", err
		}
	}
	signed, err := t.signJWT(ctx, tenant, issuer, h, JWTWish{Scopes: h.scopes, Audience: audience})
	if err != nil {
		return "", err
	}
	detail := map[string]any{
		"client_id": client.ClientID, "scope": append([]string{}, h.scopes...), "audience": append([]string{}, audience...), "validity": int64(wish.Validity / time.Second),
	}
	if h.grant != nil {
		detail["user"], detail["grant"] = wish.User, h.grant.ID
	}
	// It is shown only if this is written.
	err = t.store.Record(ctx, tenant, store.Act{By: by, Action: "jwt_generated", Object: "client " + client.ID, Detail: detail})
	if err != nil {
		return "", err
	}
	return signed, nil
}

// firstFault is a fault of a store as it is, and otherwise what the fields'
// faults join.
func firstFault(first, joined error) error {
	if _, field := errors.AsType[*Invalid](first); first != nil && !field {
		return first
	}
	return flat(joined)
}

// clientForJWT finds the client of a wish.
func (t *Tokens) clientForJWT(ctx context.Context, tenant string, wish JWTFor) (Client, error) {
	if !isClientID(wish.ClientID) {
		return Client{}, invalid("client_id", "the id of a client or the global id of an organization")
	}
	client, err := t.store.ClientByClientID(ctx, tenant, wish.ClientID)
	switch {
	case errors.Is(err, ErrNotFound):
		return Client{}, invalid("client_id", "there is no client or organization of this id")
	case err != nil:
		return Client{}, err
	case client.Disabled:
		return Client{}, invalid("client_id", "it is disabled")
	case client.Kind == KindPerson && wish.User != client.User:
		return Client{}, invalid("user", "this is a person's own program: name that person")
	}
	return client, nil
}

// grantForJWT is what a user's JWT hangs on; it is not written yet.
func (t *Tokens) grantForJWT(ctx context.Context, tenant string, client Client, user string, ends time.Time) (Grant, error) {
	noSuchUser := invalid("user", "the id of a user who is not disabled")
	if !store.IsID(user) {
		return Grant{}, noSuchUser
	}
	epoch, err := t.store.ActiveEpoch(ctx, tenant, user)
	if errors.Is(err, ErrNotFound) {
		return Grant{}, noSuchUser
	} else if err != nil {
		return Grant{}, err
	}
	id, err := store.NewID()
	if err != nil {
		return Grant{}, err
	}
	now := t.moment()
	return Grant{
		TenantID: tenant, ID: id, Family: id, Client: client.ID, User: user, Epoch: epoch, AuthTime: now,
		Methods: []string{methodExternal}, CreatedAt: now, ExpiresAt: ends,
	}, nil
}

// scopesForJWT are the scopes of a wish, all of which the client may have for the
// user, or for itself.
func (t *Tokens) scopesForJWT(ctx context.Context, tenant string, h holder, asked []string) ([]string, error) {
	if slices.Contains(asked, ScopeOfflineAccess) {
		return nil, invalid("scope", "it cannot be refreshed: leave offline_access out")
	}
	h.scopes = asked
	has, err := t.held(ctx, tenant, h, asked)
	if err != nil {
		return nil, err
	}
	for _, name := range asked {
		if _, membership := memberScope(name); !slices.Contains(has, name) && membership {
			return nil, invalid("scope", "memberships that there are: %s is none", name)
		} else if !slices.Contains(has, name) {
			return nil, invalid("scope", "scopes that this client may have: %s is none", name)
		}
	}
	return asked, nil
}

package tokens

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"usher/sql/store"
)

// ErrScope means that a client asks for a scope that it may not have, or for
// none while it may have none.
var ErrScope = errors.New("the client may not have this scope")

// Access is an access token that has just been made.
type Access struct {
	Token  string
	ID     string        // its jti; for logs, it opens nothing
	Scopes []string      // what was granted, sorted
	Life   time.Duration // from now
}

// accessClaims are the claims of a JWT access token (RFC 9068 §2.2).
type accessClaims struct {
	NotBefore int64    `json:"nbf"`
	Expires   int64    `json:"exp"`
	IssuedAt  int64    `json:"iat"`
	Issuer    string   `json:"iss"`
	Audience  []string `json:"aud"`
	ClientID  string   `json:"client_id"`
	Subject   string   `json:"sub"`
	Scope     any      `json:"scope"` // see scopeClaim
	ID        string   `json:"jti"`
}

// IssueAccess makes an access token with which a client speaks for itself (RFC
// 6749 §4.4). The scope is what it asks for, with spaces between the names; ""
// asks for all that it may have. The issuer is the tenant's own origin.
//
// Nothing is stored about a JWT: it says all by itself, and a revocation is a row
// of its own. Most tokens are never taken back, so this costs a row for those few
// instead of one, and a commit, for each.
//
// The error is ErrScope, ErrInvalidClient when the client has been disabled or
// deleted meanwhile, or a fault of the database.
func (t *Tokens) IssueAccess(ctx context.Context, tenant, issuer string, client Client, scope string) (Access, error) {
	offered, err := t.store.ScopeConnections(ctx, tenant, client.APIScopes)
	if err != nil {
		return Access{}, err
	}
	granted, err := grant(offered, scope)
	if err != nil {
		return Access{}, err
	}
	access := Access{Life: client.AccessTokenLife}
	now := t.now()
	// A token is not older than its client and its scopes, even if another
	// instance, whose clock was ahead, has just made them.
	made := latest(now, client.CreatedAt)
	for _, s := range granted {
		access.Scopes = append(access.Scopes, s.Scope)
		made = latest(made, s.CreatedAt)
	}
	if access.ID, err = store.NewIDAt(made); err != nil {
		return Access{}, err
	}
	if client.AccessTokenFormat == FormatReference {
		access.Token, err = t.reference(ctx, store.AccessToken{
			TenantID: tenant, ID: access.ID, Client: client.ID, Scope: strings.Join(access.Scopes, " "),
			CreatedAt: made, ExpiresAt: now.Add(access.Life),
		})
		return access, err
	}
	typ := typeOf(client.AccessTokenFormat)
	access.Token, err = t.Sign(ctx, tenant, "", typ, accessClaims{
		NotBefore: now.Unix(), Expires: now.Add(access.Life).Unix(), IssuedAt: made.Unix(),
		Issuer: issuer, Audience: audience(issuer, granted),
		ClientID: client.ClientID, Subject: client.ClientID, Scope: scopeClaim(typ, access.Scopes), ID: access.ID,
	})
	return access, err
}

func latest(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// reference makes a reference token and stores what it stands for.
func (t *Tokens) reference(ctx context.Context, kept store.AccessToken) (string, error) {
	token := randomHex()
	kept.Digest = digestOf(token)
	err := t.store.AddAccessToken(ctx, kept)
	if errors.Is(err, store.ErrNotFound) {
		err = ErrInvalidClient
	}
	if err != nil {
		return "", err
	}
	return token, nil
}

// grant picks from what a client may have what it asks for; each name counts
// once, and "" asks for everything. Names are compared as they are, so that one
// with characters that RFC 6749 §3.3 does not allow is one that nobody has.
func grant(offered []store.ScopeConnection, asked string) ([]store.ScopeConnection, error) {
	names := strings.FieldsFunc(asked, func(r rune) bool { return r == ' ' })
	if len(names) == 0 {
		if len(offered) == 0 {
			return nil, ErrScope
		}
		return offered, nil
	}
	wanted := make(map[string]bool, len(names))
	for _, name := range names {
		wanted[name] = true
	}
	granted := slices.DeleteFunc(slices.Clone(offered), func(s store.ScopeConnection) bool { return !wanted[s.Scope] })
	if len(granted) != len(wanted) {
		return nil, ErrScope
	}
	return granted, nil
}

// audience is for whom a token is: us, and the API connections whose scopes it
// has. Verifiers look for the one or for the other.
func audience(issuer string, granted []store.ScopeConnection) []string {
	to := []string{issuer}
	for _, s := range granted {
		if !slices.Contains(to, s.Connection) {
			to = append(to, s.Connection)
		}
	}
	return to
}

// The types of a JWT access token: the plain one, and that of RFC 9068 §2.1.
const (
	typeJWT         = "JWT"
	typeAccessToken = "at+jwt"
)

func typeOf(format string) string {
	if format == FormatAccessTokenJWT {
		return typeAccessToken
	}
	return typeJWT
}

// scopeClaim is a list of names, or under the type of RFC 9068, which fixes the
// claim's form (§2.2.3), a text with spaces between them.
func scopeClaim(typ string, scopes []string) any {
	if typ == typeAccessToken {
		return strings.Join(scopes, " ")
	}
	return scopes
}

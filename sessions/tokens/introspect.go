package tokens

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"time"

	"usher/sql/store"
)

// clockSkew is by how much the clocks of our instances may differ, so that what
// one has just made is good at the others.
const clockSkew = 30 * time.Second

// Introspection is what an API connection is told about a token (RFC 7662 §2.2).
type Introspection struct {
	ID                          string // jti
	Issuer                      string
	Audience                    []string
	ClientID, Subject           string
	Scopes                      []string // those of the caller alone, in the token's order
	NotBefore, IssuedAt, Expire time.Time
}

// Introspect says what a token is worth at an API connection that has shown its
// secret. Unless it is live, and has a scope of that connection which its client
// may still have, the error is ErrNone. Any other error is a fault of a store.
//
// It costs one query: the row of a reference token or, for a JWT, whether it was
// taken back, and in the same statement the client and its scopes of today.
func (t *Tokens) Introspect(ctx context.Context, tenant, issuer string, caller Connection, token string) (Introspection, error) {
	if isReference(token) {
		return t.introspectReference(ctx, tenant, issuer, caller, token)
	}
	return t.introspectJWT(ctx, tenant, issuer, caller, token)
}

func (t *Tokens) introspectReference(ctx context.Context, tenant, issuer string, caller Connection, token string) (Introspection, error) {
	live, err := t.store.LiveAccessToken(ctx, tenant, digestOf(token), caller.ID, t.now())
	if err != nil {
		return Introspection{}, noneOf(err)
	}
	found := Introspection{
		ID: live.ID, Issuer: issuer, ClientID: live.ClientID, Subject: live.ClientID,
		NotBefore: live.CreatedAt, IssuedAt: live.CreatedAt, Expire: live.ExpiresAt,
	}
	return found.at(caller, strings.Fields(live.Scope), live)
}

func (t *Tokens) introspectJWT(ctx context.Context, tenant, issuer string, caller Connection, token string) (Introspection, error) {
	claims, err := t.readAccess(ctx, tenant, token)
	if err != nil {
		return Introspection{}, err
	}
	if now := t.now(); claims.Issuer != issuer || !now.Before(claims.end()) || now.Add(clockSkew).Before(time.Unix(claims.NotBefore, 0)) {
		return Introspection{}, ErrNone
	}
	// iat has no fractions: the client may have been made within its second.
	made := time.Unix(claims.IssuedAt, 0).Add(time.Second - time.Microsecond)
	live, err := t.store.LiveJWT(ctx, tenant, claims.ID, claims.ClientID, caller.ID, made)
	if err != nil {
		return Introspection{}, noneOf(err)
	}
	found := Introspection{
		ID: claims.ID, Issuer: issuer, ClientID: claims.ClientID, Subject: claims.Subject,
		NotBefore: time.Unix(claims.NotBefore, 0), IssuedAt: time.Unix(claims.IssuedAt, 0), Expire: claims.end(),
	}
	return found.at(caller, claims.Scope, live)
}

// at adds what the caller may know of the scopes that were granted, or returns
// ErrNone when that is nothing.
func (i Introspection) at(caller Connection, granted []string, live store.LiveToken) (Introspection, error) {
	for _, scope := range granted {
		if slices.Contains(live.Allowed, scope) {
			i.Scopes = append(i.Scopes, scope)
		}
	}
	if len(i.Scopes) == 0 {
		return Introspection{}, ErrNone
	}
	i.Audience = []string{i.Issuer, caller.Name}
	return i, nil
}

// presented is accessClaims as they come back.
type presented struct {
	NotBefore int64     `json:"nbf"`
	Expires   int64     `json:"exp"`
	IssuedAt  int64     `json:"iat"`
	Issuer    string    `json:"iss"`
	ClientID  string    `json:"client_id"`
	Subject   string    `json:"sub"`
	Scope     scopeList `json:"scope"`
	ID        string    `json:"jti"`
}

func (p presented) end() time.Time { return time.Unix(p.Expires, 0) }

// scopeList reads both forms of scopeClaim.
type scopeList []string

func (l *scopeList) UnmarshalJSON(text []byte) error {
	var joined string
	if err := json.Unmarshal(text, &joined); err == nil {
		*l = strings.Fields(joined)
		return nil
	}
	return json.Unmarshal(text, (*[]string)(l))
}

// readAccess reads a JWT access token of ours, whatever its times, or returns
// ErrNone. A token of ours of another kind lacks one of the claims that are asked
// for here: an identity token says no client_id and no scope.
func (t *Tokens) readAccess(ctx context.Context, tenant, token string) (presented, error) {
	payload, header, err := t.VerifyOwn(ctx, tenant, token)
	if errors.Is(err, ErrInvalid) {
		return presented{}, ErrNone
	} else if err != nil {
		return presented{}, err
	}
	var claims presented
	if header.Type != typeJWT && header.Type != typeAccessToken || json.Unmarshal(payload, &claims) != nil {
		return presented{}, ErrNone
	}
	if claims.ClientID == "" || claims.Subject == "" || len(claims.Scope) == 0 || !store.IsID(claims.ID) || claims.IssuedAt == 0 {
		return presented{}, ErrNone
	}
	return claims, nil
}

// isReference reports whether a text has the form of a reference token.
func isReference(token string) bool {
	return len(token) == hex.EncodedLen(tokenBytes) && strings.Trim(token, "0123456789abcdef") == ""
}

// noneOf turns the store's way of saying that there is no such token into ours.
func noneOf(err error) error {
	if errors.Is(err, store.ErrNotFound) {
		return ErrNone
	}
	return err
}

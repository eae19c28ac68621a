package tokens

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"sync"
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
	AuthTime                    time.Time // when the person signed in; zero = there is none
	Methods                     []string  // how (amr)

	encoding *encoding // nil = it is not remembered
}

// encoding is an answer as it is sent, made when it is first asked for.
type encoding struct {
	once sync.Once
	text []byte
	err  error
}

// Encoded returns what encode makes of it. Of an answer that is remembered it is
// made once; so encode is always the same, and the text is nobody's to change.
func (i Introspection) Encoded(encode func(Introspection) ([]byte, error)) ([]byte, error) {
	if i.encoding == nil {
		return encode(i)
	}
	i.encoding.once.Do(func() { i.encoding.text, i.encoding.err = encode(i) })
	return i.encoding.text, i.encoding.err
}

// Introspect says what a token is worth at an API connection that has shown its
// secret. Unless it is live, and has a scope of that connection which its client
// may still have, the error is ErrNone. Any other error is a fault of a store.
//
// It costs one query: the row of a reference token or, for a JWT, whether it was
// taken back, and in the same statement the client and its scopes of today. What
// came of it is remembered, and good for as long as nothing that it hangs on has
// changed, which is asked of the database each time (see Caller).
func (t *Tokens) Introspect(ctx context.Context, tenant, issuer string, caller Caller, token string) (Introspection, error) {
	key := answerKey{tenant, caller.ID, sha256.Sum256([]byte(token))}
	if known, ok := t.answers.get(key); ok {
		if good, err := t.stillGood(ctx, issuer, caller, known); err != nil || good {
			return known.answer, err
		}
	}
	known := knownAnswer{hold: t.hold(tenant)}
	find := t.introspectJWT
	if isReference(token) {
		find = t.introspectReference
	}
	if err := find(ctx, issuer, caller, token, &known); err != nil {
		return Introspection{}, err
	}
	t.answers.put(key, &known)
	return known.answer, nil
}

// stillGood reports whether an answer that is remembered is the one of this
// moment. All that passes by itself is looked at here, and only that a token is
// live is ever remembered.
func (t *Tokens) stillGood(ctx context.Context, issuer string, caller Caller, known *knownAnswer) (bool, error) {
	if !caller.current {
		if err := t.changes.catchUp(ctx); err != nil {
			return false, err
		}
	}
	now := t.now()
	if known.answer.Issuer != issuer || !now.Before(known.ends) || now.Add(clockSkew).Before(known.answer.NotBefore) || !t.holds(known.hold) {
		return false, nil
	}
	if known.kid == "" {
		return true, nil
	}
	key, err := t.keyNamed(ctx, known.tenant, known.kid)
	return key != nil, err
}

// introspectReference and introspectJWT fill in what is known.
func (t *Tokens) introspectReference(ctx context.Context, issuer string, caller Caller, token string, known *knownAnswer) error {
	live, err := t.store.LiveAccessToken(ctx, known.tenant, digestOf(token), caller.ID, t.now())
	if err != nil {
		return noneOf(err)
	}
	return known.found(caller, strings.Fields(live.Scope), live, Introspection{
		ID: live.ID, Issuer: issuer, ClientID: live.ClientID, Subject: live.ClientID,
		NotBefore: live.CreatedAt, IssuedAt: live.CreatedAt, Expire: live.ExpiresAt,
	})
}

func (t *Tokens) introspectJWT(ctx context.Context, issuer string, caller Caller, token string, known *knownAnswer) error {
	claims, err := t.readTimely(ctx, known.tenant, issuer, token)
	if err != nil {
		return err
	}
	known.kid = claims.kid
	found := Introspection{
		ID: claims.ID, Issuer: issuer, ClientID: claims.ClientID, Subject: claims.Subject,
		NotBefore: claims.notBefore(), IssuedAt: time.Unix(claims.IssuedAt, 0), Expire: claims.end(),
	}
	if claims.Session == "" {
		live, err := t.store.LiveJWT(ctx, known.tenant, claims.ID, claims.ClientID, caller.ID, claims.made())
		if err != nil {
			return noneOf(err)
		}
		return known.found(caller, claims.Scope, live, found)
	}
	live, err := t.store.LivePersonsJWT(ctx, known.tenant, claims.ID, claims.Session, caller.ID, claims.made(), t.now())
	if err != nil {
		return noneOf(err)
	}
	if live.ClientID != claims.ClientID || live.Grant.User != claims.Subject {
		return ErrNone
	}
	return known.found(caller, claims.scopes(*live.Grant), live, found)
}

// found takes in what was found of a live token that was granted scopes, and what
// the answer hangs on.
func (k *knownAnswer) found(caller Caller, granted []string, live store.LiveToken, found Introspection) (err error) {
	k.subjects, k.ends = []string{found.ID, live.Client, caller.ID}, found.Expire
	if g := live.Grant; g != nil {
		k.subjects = append(k.subjects, g.ID, g.Family, g.User)
		if g.Integration != "" {
			k.subjects = append(k.subjects, g.Integration)
		}
		k.ends = earliest(k.ends, g.ExpiresAt)
	}
	found.encoding = &encoding{}
	k.answer, err = found.of(live.Grant).at(caller.Connection, granted, live)
	return err
}

// of adds the person; nil = there is none.
func (i Introspection) of(g *store.TokenGrant) Introspection {
	if g != nil {
		i.Subject, i.AuthTime, i.Methods = g.User, g.AuthTime, g.Methods
	}
	return i
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

// presented is accessClaims, or personClaims, as they come back.
type presented struct {
	NotBefore int64     `json:"nbf"`
	Expires   int64     `json:"exp"`
	IssuedAt  int64     `json:"iat"`
	Issuer    string    `json:"iss"`
	ClientID  string    `json:"client_id"`
	Subject   string    `json:"sub"`
	Scope     scopeList `json:"scope"`
	ID        string    `json:"jti"`
	Session   string    `json:"sid"`  // the grant; "" = the client's own token
	Type      string    `json:"type"` // see typeClientAccess
	handedOn
	payload []byte
	kid     string // of the key that has signed it
}

// made is when it was made at the latest: within the millisecond of its jti, or
// when that one and iat are not of the same second, within that of iat. What it
// hangs on was there then; what has come under the same name later is another.
func (p presented) made() time.Time {
	if at := store.MadeAt(p.ID); at.Unix() == p.IssuedAt {
		return at.Add(time.Millisecond - time.Microsecond)
	}
	return time.Unix(p.IssuedAt, 0).Add(time.Second - time.Microsecond)
}

// notBefore is when it begins to count. A JWT to hand on does not say it.
func (p presented) notBefore() time.Time {
	if p.NotBefore == 0 {
		return time.Unix(p.IssuedAt, 0)
	}
	return time.Unix(p.NotBefore, 0)
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

// readTimely reads a JWT access token of ours whose time has come and not passed,
// or returns ErrNone.
func (t *Tokens) readTimely(ctx context.Context, tenant, issuer, token string) (presented, error) {
	claims, err := t.readAccess(ctx, tenant, token)
	if err != nil {
		return presented{}, err
	}
	if now := t.now(); claims.Issuer != issuer || !now.Before(claims.end()) || now.Add(clockSkew).Before(claims.notBefore()) {
		return presented{}, ErrNone
	}
	return claims, nil
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
	claims.name()
	if claims.ClientID == "" || claims.Subject == "" || len(claims.Scope) == 0 || !store.IsID(claims.ID) || claims.IssuedAt == 0 {
		return presented{}, ErrNone
	}
	// A client that speaks for itself is the subject; what is for a person names
	// the grant.
	if claims.Session == "" && claims.Subject != claims.ClientID || claims.Session != "" && !store.IsID(claims.Session) {
		return presented{}, ErrNone
	}
	claims.payload, claims.kid = payload, header.KeyID
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

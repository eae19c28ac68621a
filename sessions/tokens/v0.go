package tokens

import (
	"context"
	"strings"

	"usher/sql/store"
)

// IssuedV0 are tokens of the second wire form, that of /api/v0/token.
type IssuedV0 struct {
	Issued
	Method string // how the person has proved who it is, in capitals
}

// RefreshV0 is Refresh in the words of the second wire form.
func (t *Tokens) RefreshV0(ctx context.Context, tenant, issuer string, client Client, refresh string) (IssuedV0, error) {
	issued, err := t.refresh(ctx, minting{tenant: tenant, issuer: issuer, client: client}, refresh, "", t.mintV0)
	return IssuedV0{issued, methodV0(issued.Grant)}, err
}

// RedeemCodeV0 is RedeemCode in the words of the second wire form.
func (t *Tokens) RedeemCodeV0(ctx context.Context, tenant, issuer string, client Client, code, redirectURI, verifier string) (IssuedV0, error) {
	issued, err := t.redeemCode(ctx, minting{tenant: tenant, issuer: issuer, client: client}, code, redirectURI, verifier, t.mintV0)
	return IssuedV0{issued, methodV0(issued.Grant)}, err
}

// methodV0 is the first of the methods of a grant as clients of the second wire
// form have them.
func methodV0(g Grant) string {
	return strings.ToUpper(strings.Join(g.Methods[:min(len(g.Methods), 1)], ""))
}

// The claims by which clients of the second wire form tell tokens apart.
// typeClientAccess is the other type.
const (
	typeClientIdentity = "client_id_token"
	scopeV0            = "access"
)

// accessV0 are the claims of an access token of the second wire form: those that
// its clients read, and those by which we look it up. It says nothing of its
// scopes, which are its grant's.
type accessV0 struct {
	NotBefore    int64  `json:"nbf"`
	Expires      int64  `json:"exp"`
	IssuedAt     int64  `json:"iat"`
	Issuer       string `json:"iss"`
	Audience     string `json:"aud"` // the client id
	Subject      string `json:"sub"` // the user's id
	ClientUserID string `json:"client_user_id"`
	Identifier   string `json:"identifier"` // see identifierV0
	Method       string `json:"authentication_method"`
	Type         string `json:"type"`
	Scope        string `json:"scope"`
	ID           string `json:"jti"`
	ClientID     string `json:"client_id"`
	Session      string `json:"sid"`
	AuthTime     int64  `json:"auth_time"`
}

// mintV0 makes tokens with the claims of the second wire form: JWTs, whatever the
// client's format. There is always an identity token: its clients cannot do
// without, and unless more was granted it says no more than the access token.
func (t *Tokens) mintV0(ctx context.Context, m minting) (minted, error) {
	identity, err := t.identityOf(ctx, m, IdentityWish{Nonce: m.nonce})
	if err != nil {
		return minted{}, err
	}
	offered, err := t.store.ScopeConnections(ctx, m.tenant, both(m.scopes, m.client.APIScopes))
	if err != nil {
		return minted{}, err
	}
	w := t.windowOf(m, offered)
	id, err := store.NewIDAt(w.issued)
	if err != nil {
		return minted{}, err
	}
	identifier := identifierV0(identity, m.grant)
	signed, err := t.withAttributes(ctx, m.tenant, ES256, accessV0{
		NotBefore: w.now.Unix(), Expires: w.end.Unix(), IssuedAt: w.issued.Unix(), Issuer: m.issuer, Audience: m.client.ClientID,
		Subject: m.grant.User, ClientUserID: m.grant.User, Identifier: identifier, Method: methodV0(m.grant),
		Type: typeClientAccess, Scope: scopeV0, ID: id,
		ClientID: m.client.ClientID, Session: m.grant.ID, AuthTime: m.grant.AuthTime.Unix(),
	}, m.grant.Attributes)
	if err != nil {
		return minted{}, err
	}
	made := minted{access: Access{ID: id, Scopes: m.scopes, Life: w.end.Sub(w.now)}}
	if made.access.Token, err = t.Sign(ctx, m.tenant, ES256, typeJWT, signed); err != nil {
		return minted{}, err
	}
	identity["client_user_id"], identity["identifier"], identity["type"], identity["jti"] = m.grant.User, identifier, typeClientIdentity, id
	if signed, err = t.withAttributes(ctx, m.tenant, ES256, identity, m.grant.Attributes); err != nil {
		return minted{}, err
	}
	made.identity, err = t.Sign(ctx, m.tenant, ES256, typeJWT, signed)
	return made, err
}

// identifierV0 is what clients of the second wire form call a person: the e-mail
// address if they were granted it, else the user's id.
func identifierV0(said map[string]any, g Grant) string {
	if email, is := said["email"].(string); is {
		return email
	}
	return g.User
}

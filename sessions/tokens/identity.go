package tokens

import (
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"encoding/json"
	"errors"
	"time"

	"usher/sql/store"
)

// IdentityWish is what an identity token says about what it is given with.
type IdentityWish struct {
	Nonce       string // "" = none
	Code        string // for c_hash; "" = none
	AccessToken string // for at_hash; "" = none
}

// IdentityToken makes an identity token (OpenID Connect Core §2) with the claims
// of the grant's scopes as they are now, signed with the client's algorithm for them.
func (t *Tokens) IdentityToken(ctx context.Context, tenant, issuer string, client Client, g Grant, wish IdentityWish) (string, error) {
	return t.identityToken(ctx, minting{tenant: tenant, issuer: issuer, client: client, grant: g, scopes: g.Scopes}, wish)
}

func (t *Tokens) identityToken(ctx context.Context, m minting, wish IdentityWish) (string, error) {
	claims, err := t.identityClaims(ctx, m, wish)
	if err != nil {
		return "", err
	}
	return t.Sign(ctx, m.tenant, m.client.IdentityTokenAlg, typeJWT, claims)
}

// identityClaims are those of an identity token, with the attributes of its grant.
func (t *Tokens) identityClaims(ctx context.Context, m minting, wish IdentityWish) (any, error) {
	claims, err := t.identityOf(ctx, m, wish)
	if err != nil {
		return nil, err
	}
	return t.withAttributes(ctx, m.tenant, m.client.IdentityTokenAlg, claims, m.grant.Attributes)
}

// identityOf are the claims of an identity token that are ours to say. There is no
// client_id and no scope among them, by which it could pass for an access token.
func (t *Tokens) identityOf(ctx context.Context, m minting, wish IdentityWish) (map[string]any, error) {
	claims, err := t.personsClaims(ctx, m.tenant, m.grant.User, m.scopes)
	if err != nil {
		return nil, err
	}
	now := t.now()
	claims["nbf"], claims["iat"], claims["exp"] = now.Unix(), now.Unix(), now.Add(m.client.IdentityTokenLife).Unix()
	claims["iss"], claims["aud"], claims["sub"] = m.issuer, m.client.ClientID, m.grant.User
	claims["sid"], claims["auth_time"], claims["amr"] = m.grant.ID, m.grant.AuthTime.Unix(), m.grant.Methods
	algorithm := m.client.IdentityTokenAlg
	for name, value := range map[string]string{
		"nonce": wish.Nonce, "c_hash": leftHalf(algorithm, wish.Code), "at_hash": leftHalf(algorithm, wish.AccessToken),
	} {
		if value != "" {
			claims[name] = value
		}
	}
	return claims, nil
}

// personsClaims are the claims of scopes, without any that are not about the
// person. ErrInvalidGrant means that the person is gone.
func (t *Tokens) personsClaims(ctx context.Context, tenant, user string, scopes []string) (map[string]any, error) {
	found, err := t.ClaimsFor(ctx, tenant, user, scopes)
	if errors.Is(err, ErrNotFound) {
		return nil, ErrInvalidGrant
	} else if err != nil {
		return nil, err
	}
	claims := map[string]any{}
	for name, value := range found {
		if !isOwnClaim(name) {
			claims[name] = value
		}
	}
	return claims, nil
}

// leftHalf is the left half of a hash in base64url, as c_hash and at_hash have it
// (OpenID Connect Core §3.1.3.6, §3.3.2.11): of the hash function of the algorithm
// with which the identity token is signed. Of "" it is "".
func leftHalf(algorithm, text string) string {
	if text == "" {
		return ""
	}
	hash := sha256.Sum256([]byte(text))
	half := hash[:len(hash)/2]
	if algorithm == ES384 {
		long := sha512.Sum384([]byte(text))
		half = long[:len(long)/2]
	}
	return base64.RawURLEncoding.EncodeToString(half)
}

// IdentityHint is what an identity token of ours said.
type IdentityHint struct {
	ClientID string
	Subject  string // the id of the user
	Session  string // sid: the id of the grant
	Expires  time.Time
	Claims   map[string]any // all of them, numbers as json.Number
}

// ReadIdentity reads an identity token of ours that somebody shows again
// (id_token_hint), also one that has ended, or returns ErrNone. Whether its grant
// is live LiveGrant says.
func (t *Tokens) ReadIdentity(ctx context.Context, tenant, issuer, idToken string) (IdentityHint, error) {
	payload, header, err := t.VerifyOwn(ctx, tenant, idToken)
	if errors.Is(err, ErrInvalid) {
		return IdentityHint{}, ErrNone
	} else if err != nil {
		return IdentityHint{}, err
	}
	claims, err := claimsOf(payload)
	if err != nil || header.Type != typeJWT || claims["iss"] != issuer || claims["client_id"] != nil || claims["scope"] != nil {
		return IdentityHint{}, ErrNone
	}
	hint := IdentityHint{Claims: claims}
	hint.ClientID = onlyAudience(claims["aud"])
	hint.Subject, _ = claims["sub"].(string)
	hint.Session, _ = claims["sid"].(string)
	exp, _ := claims["exp"].(json.Number)
	end, err := exp.Int64()
	if err != nil || !isClientID(hint.ClientID) || !store.IsID(hint.Subject) || !store.IsID(hint.Session) {
		return IdentityHint{}, ErrNone
	}
	hint.Expires = time.Unix(end, 0)
	return hint, nil
}

// onlyAudience is the one audience of an identity token, "" when there is another
// number of them. With custom attributes it stands in a list.
func onlyAudience(claim any) string {
	if list, is := claim.([]any); is && len(list) == 1 {
		claim = list[0]
	}
	one, _ := claim.(string)
	return one
}

// claimsOf reads claims with the digits of their numbers.
func claimsOf(payload []byte) (map[string]any, error) {
	decoder := json.NewDecoder(bytes.NewReader(payload))
	decoder.UseNumber()
	var claims map[string]any
	return claims, decoder.Decode(&claims)
}

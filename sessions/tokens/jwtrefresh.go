package tokens

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"usher/sql/store"
)

// RefreshJWT makes a new JWT of one that carries a refresh token, also when that
// one has ended. What its holder has lost since is left out, and the refresh token
// in it is spent like any other (see Refresh). The error is ErrNone.
func (t *Tokens) RefreshJWT(ctx context.Context, tenant, issuer, shown string, validity time.Duration) (string, error) {
	claims, err := t.readJWT(ctx, tenant, shown)
	if err != nil {
		return "", err
	}
	if claims.Issuer != issuer || claims.RefreshToken == "" {
		return "", ErrNone
	}
	client, err := t.store.ClientByClientID(ctx, tenant, claims.AuthorizedParty)
	if err != nil {
		return "", noneOf(err)
	}
	if client.Disabled {
		return "", ErrNone
	}
	return t.refreshJWT(ctx, tenant, issuer, client, claims.RefreshToken, JWTWish{
		Scopes: claims.Scope, Audience: claims.Audience, Validity: validity,
	})
}

// RefreshTokenToJWT makes a JWT with all scopes that go with a refresh token, for
// the client that it was given to. The error is ErrNone.
func (t *Tokens) RefreshTokenToJWT(ctx context.Context, tenant, issuer string, client Client, refresh string, wish JWTWish) (string, error) {
	wish.Scopes = nil
	return t.refreshJWT(ctx, tenant, issuer, client, refresh, wish)
}

// refreshJWT spends a refresh token. No scopes in the wish are all of its grant.
func (t *Tokens) refreshJWT(ctx context.Context, tenant, issuer string, client Client, refresh string, wish JWTWish) (string, error) {
	client.AccessTokenFormat = FormatJWT // it is not used, and this one leaves no row
	issued, err := t.Refresh(ctx, tenant, issuer, client, refresh, "")
	if errors.Is(err, ErrInvalidGrant) || errors.Is(err, ErrInvalidClient) {
		return "", ErrNone
	} else if err != nil {
		return "", err
	}
	h := holder{
		client: client, grant: &issued.Grant, scopes: issued.Access.Scopes,
		ends: t.now().Add(client.AccessTokenLife), refresh: issued.Refresh,
	}
	if wish.Scopes == nil {
		wish.Scopes = h.scopes
	}
	if wish.Scopes, err = t.held(ctx, tenant, h, wish.Scopes); err != nil {
		return "", err
	}
	return t.signJWT(ctx, tenant, issuer, h, wish)
}

// readJWT reads a JWT that MakeJWT and the like have made, whatever its times, or
// returns ErrNone.
func (t *Tokens) readJWT(ctx context.Context, tenant, token string) (jwtClaims, error) {
	payload, header, err := t.VerifyOwn(ctx, tenant, token)
	if errors.Is(err, ErrInvalid) {
		return jwtClaims{}, ErrNone
	} else if err != nil {
		return jwtClaims{}, err
	}
	return parseJWT(payload, header.Type)
}

func parseJWT(payload []byte, typ string) (jwtClaims, error) {
	var claims jwtClaims
	if typ != typeJWT || json.Unmarshal(payload, &claims) != nil || !claims.good() {
		return jwtClaims{}, ErrNone
	}
	return claims, nil
}

// good reports whether claims are of such a JWT.
func (c jwtClaims) good() bool {
	return c.AuthorizedParty != "" && (c.Username == "") != (c.GlobalID == "") && (c.Username == "") == (c.Session == "") &&
		c.Scope != nil && store.IsID(c.ID) && c.IssuedAt != 0
}

// handedOn are the claims of such a JWT that other access tokens do not say.
type handedOn struct {
	Username        string `json:"username"`
	GlobalID        string `json:"globalid"`
	AuthorizedParty string `json:"azp"`
	RefreshToken    string `json:"refresh_token"`
}

// name takes the client and the subject from where a JWT to hand on says them.
func (p *presented) name() {
	if p.ClientID == "" && p.Subject == "" && p.AuthorizedParty != "" && (p.Username == "") != (p.GlobalID == "") {
		p.ClientID, p.Subject = p.AuthorizedParty, p.Username+p.GlobalID
	}
}

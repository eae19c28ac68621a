package tokens

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
)

// maxCustomToken bounds, in bytes, a token with attributes: attributes can be
// added again and again, and servers refuse longer headers.
const maxCustomToken = 12 << 10

// Customized is what Customize makes.
type Customized struct {
	Token   string
	Refresh string // "" when none was shown
}

// Customize makes of a live access or identity token of a client another one with
// the client's own claims in it, at the top level. It has the same jti and end, so
// that it dies with the first, and aud is a list. With a refresh token of the same
// person a second one is made, whose later access and identity tokens carry the
// attributes too.
//
// The errors are ErrNone for the token, ErrInvalidGrant for the refresh token, and
// an *Invalid for the attributes, which names all that are ours to say.
func (t *Tokens) Customize(ctx context.Context, tenant, issuer string, client Client, token, refresh string, object json.RawMessage) (Customized, error) {
	live, err := t.presentedBy(ctx, tenant, issuer, client, token)
	if err != nil {
		return Customized{}, err
	}
	taken, err := t.takenNames(ctx, tenant, live.header.Algorithm)
	if err != nil {
		return Customized{}, err
	}
	added, err := readAttributes(object, taken)
	if err != nil {
		return Customized{}, err
	}
	maps.Copy(live.claims, added)
	var made Customized
	if made.Token, err = t.Sign(ctx, tenant, live.header.Algorithm, live.header.Type, live.claims); err != nil {
		return Customized{}, err
	}
	if len(made.Token) > maxCustomToken {
		return Customized{}, invalid(fieldAttributes, "fewer of them: with those that the token has it would be longer than %d bytes", maxCustomToken)
	}
	if refresh != "" {
		made.Refresh, err = t.forkFor(ctx, tenant, client, live.grant, refresh, object)
	}
	return made, err
}

// forkFor forks the grant of a refresh token for the person that a token is about.
// With the attributes that it has already there may not be more than of new ones.
func (t *Tokens) forkFor(ctx context.Context, tenant string, client Client, of *Grant, refresh string, object json.RawMessage) (string, error) {
	_, g, err := t.goodRefresh(ctx, tenant, client, refresh, t.moment())
	if err != nil {
		return "", err
	}
	if of == nil || of.User != g.User {
		return "", ErrInvalidGrant
	}
	merged, err := mergedAttributes(g.Attributes, object)
	if err != nil {
		return "", err
	}
	if _, err := boundedAttributes(merged); err != nil {
		return "", err
	}
	_, made, err := t.fork(ctx, client, g, object)
	return made, err
}

// ownToken is a token of ours that its client has shown, and that is live.
type ownToken struct {
	header Header
	claims map[string]json.RawMessage // aud is a list
	grant  *Grant                     // nil = the client speaks for itself
}

// presentedBy reads an access or identity token of a client, or returns ErrNone
// when it is not live at this moment. A JWT to hand on is neither: whoever reads
// one takes username from it.
func (t *Tokens) presentedBy(ctx context.Context, tenant, issuer string, client Client, token string) (ownToken, error) {
	payload, header, err := t.VerifyOwn(ctx, tenant, token)
	if errors.Is(err, ErrInvalid) {
		return ownToken{}, ErrNone
	} else if err != nil {
		return ownToken{}, err
	}
	own := ownToken{header: header}
	if json.Unmarshal(payload, &own.claims) != nil {
		return ownToken{}, ErrNone
	}
	if _, handedOn := own.claims["azp"]; handedOn {
		return ownToken{}, ErrNone
	}
	if own.claims["aud"], err = listOf(own.claims["aud"]); err != nil {
		return ownToken{}, ErrNone
	}
	access, err := t.LiveAccess(ctx, tenant, issuer, token)
	if errors.Is(err, ErrNone) {
		own.grant, err = t.liveIdentity(ctx, tenant, issuer, client, token)
		return own, err
	} else if err != nil {
		return ownToken{}, err
	}
	if access.Client.ID != client.ID {
		return ownToken{}, ErrNone
	}
	own.grant = access.Grant
	return own, nil
}

// liveIdentity returns the grant of an identity token of a client, or ErrNone when
// it is not live.
func (t *Tokens) liveIdentity(ctx context.Context, tenant, issuer string, client Client, token string) (*Grant, error) {
	hint, err := t.ReadIdentity(ctx, tenant, issuer, token)
	if err != nil {
		return nil, err
	}
	if hint.ClientID != client.ClientID || !t.now().Before(hint.Expires) {
		return nil, ErrNone
	}
	of, g, err := t.LiveGrant(ctx, tenant, hint.Session)
	if err != nil {
		return nil, err
	}
	if of.ID != client.ID || g.User != hint.Subject {
		return nil, ErrNone
	}
	return &g, nil
}

// listOf makes a list of one of an audience that is text (RFC 7519 §4.1.3).
func listOf(audience json.RawMessage) (json.RawMessage, error) {
	var one string
	if json.Unmarshal(audience, &one) != nil {
		var several []string
		return audience, json.Unmarshal(audience, &several)
	}
	list, err := json.Marshal([]string{one})
	if err != nil {
		return nil, fmt.Errorf("tokens: audience: %w", err)
	}
	return list, nil
}

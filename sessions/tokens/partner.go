package tokens

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"time"

	"usher/sql/store"
)

const (
	// PartnerLife is how long a partner's access token is good.
	PartnerLife = 3000 * time.Second
	// ScopeResources is the right to keep one's own resources.
	ScopeResources = "resources"

	tokenBytes = 32
)

// ErrNone means that a token opens nothing: unknown, of another tenant, run out,
// or dead with its integration or key.
var ErrNone = errors.New("no such token")

// Partner is a partner's server, as its token says.
type Partner struct {
	Integration string // the id of its integration
	Key         string // the id of the key with whose secret it asked
	Scope       string // rights with spaces between them (RFC 6749 §3.3)
}

// Issue makes an access token for a partner that has shown its secret. It is
// ErrNone when its integration has been removed, or its key retired, meanwhile.
// Any other error is a fault of the database.
func (t *Tokens) Issue(ctx context.Context, tenant string, partner Partner) (token string, err error) {
	var random [tokenBytes]byte
	_, _ = rand.Read(random[:]) // never fails (crypto/rand since Go 1.24)
	token = hex.EncodeToString(random[:])
	now := t.now()
	err = t.store.AddClientToken(ctx, store.ClientToken{
		TenantID: tenant, Digest: digestOf(token), IntegrationID: partner.Integration, KeyID: partner.Key, Scope: partner.Scope,
		CreatedAt: now, ExpiresAt: now.Add(PartnerLife),
	})
	if errors.Is(err, store.ErrNotFound) {
		err = ErrNone
	}
	if err != nil {
		return "", err
	}
	return token, nil
}

// Partner returns whose token this is, or ErrNone. Any other error is a fault of
// the database.
func (t *Tokens) Partner(ctx context.Context, tenant, token string) (Partner, error) {
	if len(token) != hex.EncodedLen(tokenBytes) {
		return Partner{}, ErrNone
	}
	found, err := t.store.LiveClientToken(ctx, tenant, digestOf(token), t.now())
	if errors.Is(err, store.ErrNotFound) {
		return Partner{}, ErrNone
	} else if err != nil {
		return Partner{}, err
	}
	return Partner{Integration: found.IntegrationID, Key: found.KeyID, Scope: found.Scope}, nil
}

// digestOf is under what a token is stored. It is of the text: another spelling
// of the same bits is another token.
func digestOf(token string) []byte {
	sum := sha256.Sum256([]byte(token))
	return sum[:]
}

package tokens

import (
	"context"
	"crypto/x509"
)

// KeysFound are a tenant's signing keys that are not gone, and what became of
// opening the private parts of those that sign or will.
type KeysFound struct {
	Keys      []SigningKey // newest first
	Opened    int
	Elsewhere []string // ids of keys whose private part does not open under the master key
	Broken    []string // ids of keys whose private part opens and is not one
}

// TryKeys opens the private part of every key that signs for a tenant or will.
func (t *Tokens) TryKeys(ctx context.Context, tenant string) (KeysFound, error) {
	var found KeysFound
	now := t.now()
	rows, err := t.store.SigningKeys(ctx, tenant, now)
	if err != nil {
		return found, err
	}
	for _, row := range rows {
		key := keyOf(row, now)
		found.Keys = append(found.Keys, key)
		if key.State != KeyActive && key.State != KeyNext {
			continue
		}
		der, err := t.sealer.Open(row.PrivateKey, placeOfKey(row.TenantID, row.KID)...)
		if err != nil {
			found.Elsewhere = append(found.Elsewhere, key.ID)
			continue
		}
		if _, err := x509.ParsePKCS8PrivateKey(der); err != nil {
			found.Broken = append(found.Broken, key.ID)
			continue
		}
		found.Opened++
	}
	return found, nil
}

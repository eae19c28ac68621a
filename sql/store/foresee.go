package store

import (
	"context"
)

// Foresight is what Recall and Apply would find of a token and of the identity
// that it means.
type Foresight struct {
	Used      bool `db:"used"`      // the token, by whatever attempt
	Unchanged bool `db:"unchanged"` // the identity's last token said the same
	Stale     bool `db:"stale"`     // a newer token of the identity was used
}

// Foresee looks where Recall and Apply would write, and writes nothing.
// identity is "" for a person whom the integration does not know.
func (s *Store) Foresee(ctx context.Context, q Recollection, identity string) (Foresight, error) {
	var f Foresight
	err := s.read.GetContext(ctx, &f, `
SELECT EXISTS (SELECT 1 FROM used_tokens WHERE tenant_id = $1 AND integration_id = $2 AND token_key = $3) AS used,
       EXISTS (SELECT 1 FROM identities WHERE tenant_id = $1 AND id = $4 AND fingerprint = $5) AS unchanged,
       EXISTS (SELECT 1 FROM used_tokens WHERE tenant_id = $1 AND identity_id = $4 AND issued_at > $6)
       OR EXISTS (SELECT 1 FROM identities WHERE tenant_id = $1 AND id = $4 AND applied_at > $6) AS stale`,
		q.TenantID, q.IntegrationID, []byte(q.Token.Key), null(identity), q.Fingerprint, q.Token.IssuedAt)
	return f, fault(err)
}

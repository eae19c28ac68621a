package tokens

import "context"

func (t *Tokens) branch(ctx context.Context, tenant string, h holder, scopes []string) (holder, error) {
	return h, errAwaited
}

func (t *Tokens) ClaimsFor(ctx context.Context, tenant, user string, scopes []string) (map[string]any, error) {
	return nil, errAwaited
}

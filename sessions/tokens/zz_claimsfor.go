package tokens

import "context"

func (t *Tokens) ClaimsFor(ctx context.Context, tenant, user string, scopes []string) (map[string]any, error) {
	return nil, errAwaited
}

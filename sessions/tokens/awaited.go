package tokens

import "context"

func (t *Tokens) identityScopeNames(context.Context, string) ([]string, error) {
	return []string{"openid", "profile", "name", "phone", "email", "groups", "user:name", "user:email", "user:phone"}, nil
}

func (t *Tokens) claimsFor(_ context.Context, _, user string, _ []string) (map[string]any, error) {
	return map[string]any{"sub": user}, nil
}

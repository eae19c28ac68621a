package tokens

import "context"

// saidOf is what we say of a grant's person, by the grant's scopes, as it is now.
func (t *Tokens) saidOf(context.Context, string, Grant) (map[string]any, error) { return nil, nil }

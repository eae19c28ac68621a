package tokens

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"usher/sql/store"
)

// ClaimsFor returns the claims that these scopes say about a person, as the
// database has them now: sub always, and of the others those that have a value.
// A number is a json.Number, groups is a list of strings. Names that are no
// identity scopes say nothing. It returns ErrNotFound for a person who is not
// active.
func (t *Tokens) ClaimsFor(ctx context.Context, tenant, user string, scopes []string) (map[string]any, error) {
	if !store.IsID(user) {
		return nil, ErrNotFound
	}
	var names, own []string
	for _, name := range scopes {
		if scope, ok := builtInScope(name); ok {
			names = append(names, scope.Claims...)
		} else if isScopeName(name) && !isReserved(name) {
			own = append(own, name)
		}
	}
	custom := len(own) > 0 // whose claims can be any
	sources, err := t.store.ClaimSources(ctx, tenant, user, custom || slices.Contains(names, "groups"), custom, own)
	if err != nil {
		return nil, err
	}
	if sources.Status != store.StatusActive {
		return nil, ErrNotFound
	}
	for _, scope := range sources.Scopes {
		names = append(names, scope.Claims...)
	}
	claims, err := personOf(sources)
	if err != nil {
		return nil, err
	}
	for _, one := range claims.custom() {
		claims.known[one.Claim.Name] = one.Value
	}
	said := map[string]any{"sub": user}
	for _, name := range names {
		if value := claims.known[name]; value != nil {
			said[name] = value
		}
	}
	return said, nil
}

// person is what there is to say about somebody.
type person struct {
	known   map[string]any // by claim; nil = no value
	meta    map[string]any
	sources store.ClaimSources
}

func personOf(sources store.ClaimSources) (person, error) {
	p := person{sources: sources, known: map[string]any{}}
	decoder := json.NewDecoder(strings.NewReader(sources.Meta))
	decoder.UseNumber()
	if err := decoder.Decode(&p.meta); err != nil {
		return person{}, fmt.Errorf("tokens: meta of a user: %w", err)
	}
	name := sources.Name
	if name == "" {
		name = strings.TrimSpace(sources.FirstName + " " + sources.LastName)
	}
	for claim, value := range map[string]string{
		"name":        name,
		"given_name":  sources.FirstName,
		"family_name": sources.LastName,
		"email":       sources.Email,
		"phone":       sources.Phone,
		"birthdate":   sources.Birthdate,
		"locale":      sources.Locale,
		"picture":     sources.Picture,
	} {
		if value != "" {
			p.known[claim] = value
		}
	}
	if sources.Email != "" && sources.EmailVerified != nil {
		p.known["email_verified"] = *sources.EmailVerified
	}
	if len(sources.Groups) > 0 {
		p.known["groups"] = sources.Groups
	}
	return p, nil
}

// Sources of a PersonClaim.
const (
	FromMeta    = "meta"    // what partners said
	FromEntered = "entered" // what the person or an administrator said
)

// PersonClaim is a custom claim with what it says of a person.
type PersonClaim struct {
	Claim   CustomClaim
	Value   any    // string, json.Number or bool; nil = none
	Source  string // FromMeta or FromEntered; "" without a value
	Entered any    // the entered value, also where meta has one; nil = none
}

// custom are the custom claims of a person, by name.
func (p person) custom() []PersonClaim {
	entered := map[string]string{}
	for _, one := range p.sources.Values {
		entered[one.Claim] = one.Value
	}
	claims := make([]PersonClaim, 0, len(p.sources.Claims))
	for _, claim := range p.sources.Claims {
		one := PersonClaim{Claim: claim}
		if raw, there := entered[claim.Name]; there {
			if value, ok := claimValue(claim.Type, []byte(raw)); ok {
				one.Entered, one.Value, one.Source = value, value, FromEntered
			}
		}
		if value, ok := ofType(claim.Type, atPath(p.meta, claim.MetaPath)); ok {
			one.Value, one.Source = value, FromMeta
		}
		claims = append(claims, one)
	}
	return claims
}

// PersonClaims lists all custom claims of a tenant by name with what they say of
// a person, and the person's version, or returns ErrNotFound.
func (t *Tokens) PersonClaims(ctx context.Context, tenant, user string) (claims []PersonClaim, version int64, err error) {
	if !store.IsID(user) {
		return nil, 0, ErrNotFound
	}
	sources, err := t.store.ClaimSources(ctx, tenant, user, false, true, nil)
	if err != nil {
		return nil, 0, err
	}
	p, err := personOf(sources)
	if err != nil {
		return nil, 0, err
	}
	return p.custom(), sources.Version, nil
}

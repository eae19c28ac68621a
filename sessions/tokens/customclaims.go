package tokens

import (
	"context"
	"errors"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"usher/sql/store"
)

// Limits of custom claims.
const (
	MaxCustomClaims   = 100
	maxMetaPathBytes  = 200
	maxMetaPathLevels = 10
)

// CustomClaim is something that a tenant says of its people beyond StandardClaims.
type CustomClaim = store.CustomClaim

// Values of CustomClaim.Type.
const (
	ClaimText    = store.ClaimText
	ClaimNumber  = store.ClaimNumber
	ClaimBoolean = store.ClaimBoolean
	ClaimDate    = store.ClaimDate // YYYY-MM-DD
	ClaimURL     = store.ClaimURL  // http or https
)

// ClaimTypes lists the types of custom claims.
func ClaimTypes() []string {
	return []string{ClaimText, ClaimNumber, ClaimBoolean, ClaimDate, ClaimURL}
}

// CustomClaims lists all custom claims of a tenant by name.
func (t *Tokens) CustomClaims(ctx context.Context, tenant string) ([]CustomClaim, error) {
	return t.store.CustomClaims(ctx, tenant, MaxCustomClaims)
}

// CustomClaim returns one custom claim, or ErrNotFound.
func (t *Tokens) CustomClaim(ctx context.Context, tenant, name string) (CustomClaim, error) {
	if !isClaimName(name) {
		return CustomClaim{}, ErrNotFound
	}
	return t.store.CustomClaim(ctx, tenant, name)
}

// NewCustomClaim is the wish for a custom claim.
type NewCustomClaim struct {
	Name        string // [a-z][a-z0-9_]{0,63}; it never changes
	DisplayName string // "" = Name
	Type        string // of ClaimTypes; it never changes
	MetaPath    string // members of the user's meta with dots between; "" = none
}

// AddCustomClaim makes a custom claim. The error is ErrTaken for its name, or
// joins an *Invalid for each field that cannot be accepted.
func (t *Tokens) AddCustomClaim(ctx context.Context, tenant string, wish NewCustomClaim, by By) (CustomClaim, error) {
	if wish.DisplayName == "" {
		wish.DisplayName = wish.Name
	}
	now := t.moment()
	claim := CustomClaim{
		TenantID: tenant, Name: wish.Name, Type: wish.Type, MetaPath: wish.MetaPath, Revision: 1, CreatedAt: now, UpdatedAt: now,
	}
	var errs []error
	switch {
	case !isClaimName(wish.Name):
		errs = append(errs, invalid("name", "1 to %d of the characters a–z, 0–9 and underscore, with a letter in front", maxClaimName))
	case hasOwnMeaning(wish.Name):
		errs = append(errs, reserved("name"))
	}
	var err error
	// Without a name the display name has none to fall back on either.
	if claim.DisplayName, err = checkName("display_name", wish.DisplayName); err != nil && len(errs) == 0 {
		errs = append(errs, err)
	}
	if !slices.Contains(ClaimTypes(), wish.Type) {
		errs = append(errs, invalid("type", "of these: %s", strings.Join(ClaimTypes(), ", ")))
	}
	if err = checkMetaPath(wish.MetaPath); err != nil {
		errs = append(errs, err)
	}
	if err = errors.Join(errs...); err != nil {
		return CustomClaim{}, err
	}
	err = t.store.AddCustomClaim(ctx, claim, MaxCustomClaims, store.Act{
		By: by, Action: "claim_added", Object: "claim " + claim.Name,
		Detail: map[string]any{"display_name": claim.DisplayName, "type": claim.Type, "meta_path": claim.MetaPath},
	})
	if errors.Is(err, store.ErrFull) {
		err = invalid("name", "a tenant can have %d claims of its own, and has them: delete one first", MaxCustomClaims)
	}
	if err != nil {
		return CustomClaim{}, err
	}
	return claim, nil
}

// checkMetaPath accepts where in a user's meta the value of a claim is.
func checkMetaPath(path string) error {
	parts := strings.Split(path, ".")
	if path != "" && (len(path) > maxMetaPathBytes || len(parts) > maxMetaPathLevels || slices.Contains(parts, "") ||
		!utf8.ValidString(path) || strings.ContainsFunc(path, unicode.IsControl)) {
		return invalid("meta_path", "names of members with dots between, at most %d of them and %d bytes, such as address.city; or nothing",
			maxMetaPathLevels, maxMetaPathBytes)
	}
	return nil
}

// CustomClaimSettings is a wish for a custom claim; nil keeps what is.
type CustomClaimSettings struct {
	DisplayName *string
	MetaPath    *string
}

// ChangeCustomClaim changes what wish names; what is so already is no change. The
// errors are ErrNotFound, ErrChanged and *Invalid, which may be joined.
func (t *Tokens) ChangeCustomClaim(ctx context.Context, tenant, name string, wish CustomClaimSettings, by By) (CustomClaim, error) {
	if !isClaimName(name) {
		return CustomClaim{}, ErrNotFound
	}
	return t.store.ChangeCustomClaim(ctx, tenant, name, func(claim *CustomClaim) (store.Act, error) {
		before := *claim
		var errs []error
		if wish.DisplayName != nil {
			shown, err := checkName("display_name", *wish.DisplayName)
			claim.DisplayName, errs = shown, append(errs, err)
		}
		if wish.MetaPath != nil {
			claim.MetaPath, errs = *wish.MetaPath, append(errs, checkMetaPath(*wish.MetaPath))
		}
		if err := errors.Join(errs...); err != nil {
			return store.Act{}, err
		}
		detail := map[string]any{}
		if before.DisplayName != claim.DisplayName {
			detail["display_name"] = map[string]any{"from": before.DisplayName, "to": claim.DisplayName}
		}
		if before.MetaPath != claim.MetaPath {
			detail["meta_path"] = map[string]any{"from": before.MetaPath, "to": claim.MetaPath}
		}
		if len(detail) == 0 {
			return store.Act{By: by}, nil
		}
		return store.Act{By: by, Action: "claim_changed", Object: "claim " + name, Detail: detail}, nil
	})
}

// ClaimLoss is what the deletion of a custom claim will do.
type ClaimLoss struct {
	Claim   CustomClaim
	Scopes  []IdentityScope // that lose it, by name
	Clients []Client        // that no longer require it, by client id
	More    bool            // there are more clients than those
	Values  int64           // entered ones, which are deleted
}

// ClaimLoss says what deleting a custom claim will do, for the preview, or
// returns ErrNotFound.
func (t *Tokens) ClaimLoss(ctx context.Context, tenant, name string) (ClaimLoss, error) {
	if !isClaimName(name) {
		return ClaimLoss{}, ErrNotFound
	}
	use, err := t.store.CustomClaimUse(ctx, tenant, name, maxClientsNamed+1)
	loss := ClaimLoss{Claim: use.Claim, Scopes: use.Scopes, Clients: use.Clients, Values: use.Values}
	if len(loss.Clients) > maxClientsNamed {
		loss.Clients, loss.More = loss.Clients[:maxClientsNamed], true
	}
	return loss, err
}

// DeleteCustomClaim takes a custom claim away with its entered values, from the
// identity scopes that have it and the clients that require it. The errors are
// ErrNotFound and ErrChanged.
func (t *Tokens) DeleteCustomClaim(ctx context.Context, tenant, name string, by By) error {
	if !isClaimName(name) {
		return ErrNotFound
	}
	err := t.store.DeleteCustomClaim(ctx, tenant, name, func(use store.CustomClaimUse) (store.Act, error) {
		scopes := []string{}
		for _, scope := range use.Scopes {
			scopes = append(scopes, scope.Name)
		}
		return store.Act{
			By: by, Action: "claim_deleted", Object: "claim " + name,
			Detail: map[string]any{"type": use.Claim.Type, "scopes": scopes, "clients": idsOf(use.Clients), "values": use.Values},
		}, nil
	})
	t.clients.forget(tenant)
	return err
}

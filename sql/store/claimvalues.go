package store

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/jmoiron/sqlx"
)

// EnteredByPerson is ClaimValue.EnteredBy of what a person said of themselves.
const EnteredByPerson = "person"

// ClaimValue is an entered value of a custom claim.
type ClaimValue struct {
	TenantID  string    `db:"tenant_id" json:"-"`
	UserID    string    `db:"user_id" json:"-"`
	Claim     string    `db:"claim" json:"claim"`
	Value     string    `db:"value" json:"value"`           // JSON of the claim's type
	EnteredBy string    `db:"entered_by" json:"entered_by"` // EnteredByPerson, or an actor of the audit log
	UpdatedAt time.Time `db:"updated_at" json:"-"`
}

const claimValueColumns = `tenant_id, user_id, claim, value, entered_by, updated_at`

// ClaimSources are what the claims about a person are made of.
type ClaimSources struct {
	Status  string
	Version int64
	UserRow
	Groups []string        // external ids, sorted, each once; only where asked for
	Scopes []IdentityScope // those asked for that there are, with name and claims alone
	Claims []CustomClaim   // by name, without their times; only where asked for
	Values []ClaimValue    // the same, by claim
}

// ClaimSources returns what the claims about a person are made of, in one round
// trip, or ErrNotFound: with the groups when groups, and with these identity
// scopes and all custom claims when custom.
func (s *Store) ClaimSources(ctx context.Context, tenant, user string, groups, custom bool, scopes []string) (ClaimSources, error) {
	list, err := json.Marshal(nonNil(scopes))
	if err != nil {
		return ClaimSources{}, fmt.Errorf("store: %w", err)
	}
	args := []any{tenant, user}
	if custom {
		args = append(args, string(list))
	}
	stmt, err := s.stmt(ctx, s.read, s.dialect.claimSources(groups, custom))
	if err != nil {
		return ClaimSources{}, fault(err)
	}
	var row struct {
		Status  string `db:"status"`
		Version int64  `db:"version"`
		UserRow
		Groups string `db:"groups"`
		Scopes string `db:"scopes"`
		Claims string `db:"claims"`
		Values string `db:"entered"`
	}
	if err := stmt.GetContext(ctx, &row, args...); err != nil {
		return ClaimSources{}, fault(err)
	}
	sources := ClaimSources{Status: row.Status, Version: row.Version, UserRow: row.UserRow}
	var found []struct {
		Name   string   `json:"name"`
		Claims []string `json:"claims"`
	}
	for _, list := range []struct {
		from string
		to   any
	}{
		{row.Groups, &sources.Groups},
		{row.Scopes, &found},
		{row.Claims, &sources.Claims},
		{row.Values, &sources.Values},
	} {
		if err := json.Unmarshal([]byte(list.from), list.to); err != nil {
			return ClaimSources{}, fmt.Errorf("store: claims of a user: %w", err)
		}
	}
	for _, one := range found {
		sources.Scopes = append(sources.Scopes, IdentityScope{TenantID: tenant, Name: one.Name, Claims: one.Claims})
	}
	slices.Sort(sources.Groups)
	slices.SortFunc(sources.Claims, func(a, b CustomClaim) int { return strings.Compare(a.Name, b.Name) })
	slices.SortFunc(sources.Values, func(a, b ClaimValue) int { return strings.Compare(a.Claim, b.Claim) })
	return sources, nil
}

// claimSources reads the user $2 of the tenant $1, and the identity scopes that
// the JSON list $3 names.
func (d dialect) claimSources(groups, custom bool) string {
	object, array := d.jsonObject(), d.jsonArray()
	const none = `'[]'`
	ofGroups, ofScopes, ofClaims, ofValues := none, none, none, none
	if groups {
		ofGroups = `coalesce((SELECT ` + array + `(g.external_id) FROM groups g WHERE g.tenant_id = $1 AND g.id IN
                (SELECT group_id FROM group_members WHERE tenant_id = $1 AND user_id = $2)), '[]')`
	}
	if custom {
		ofScopes = `coalesce((SELECT ` + array + `(` + object + `('name', i.name, 'claims', ` + d.asJSON(`i.claims`) + `))
            FROM identity_scopes i WHERE i.tenant_id = $1
             AND i.name ` + d.among(`SELECT value FROM `+d.jsonEach()+`($3)`) + `), '[]')`
		ofClaims = `coalesce((SELECT ` + array + `(` + object + `('name', c.name, 'display_name', c.display_name, 'type', c.type, 'meta_path', c.meta_path))
            FROM custom_claims c WHERE c.tenant_id = $1), '[]')`
		ofValues = `coalesce((SELECT ` + array + `(` + object + `('claim', v.claim, 'value', v.value, 'entered_by', v.entered_by))
            FROM claim_values v WHERE v.tenant_id = $1 AND v.user_id = $2), '[]')`
	}
	return `
SELECT u.status, u.version, u.email, u.email_key, u.email_verified, u.first_name, u.last_name, u.name,
       u.phone, u.birthdate, u.locale, u.picture, u.meta, u.onboarding,
       ` + ofGroups + ` AS groups, ` + ofScopes + ` AS scopes, ` + ofClaims + ` AS claims, ` + ofValues + ` AS entered
  FROM users u WHERE u.tenant_id = $1 AND u.id = $2`
}

// asJSON makes a text column that holds JSON a part of a JSON value.
func (d dialect) asJSON(column string) string {
	if d == postgres {
		return `CAST(` + column + ` AS json)`
	}
	return `json(` + column + `)`
}

// EnteredValues returns the entered values of a person's custom claims, by claim.
func (s *Store) EnteredValues(ctx context.Context, tenant, user string) ([]ClaimValue, error) {
	var values []ClaimValue
	err := s.read.SelectContext(ctx, &values, `
SELECT `+claimValueColumns+` FROM claim_values WHERE user_id = $1 AND tenant_id = $2 ORDER BY claim`, user, tenant)
	return values, fault(err)
}

// SetClaimValue enters a value that decide makes of the custom claim, in place of
// one that was entered before. An act without an action writes nothing. The
// errors are ErrNotFound for the claim and for a person who is not there any
// more, ErrChanged for the person's version, and decide's own unaltered.
func (s *Store) SetClaimValue(ctx context.Context, tenant, user, name string, decide func(claim CustomClaim, before string) (value string, act Act, err error)) error {
	return s.inTx(ctx, func(tx *sqlx.Tx) error {
		version, err := s.lockUserVersion(ctx, tx, tenant, user)
		if err != nil {
			return err
		}
		claim, err := oneCustomClaim(ctx, tx, tenant, name, s.dialect.forShare())
		if err != nil {
			return err
		}
		before, err := enteredValue(ctx, tx, tenant, user, name)
		if err != nil {
			return err
		}
		value, act, err := decide(claim, before)
		if err != nil {
			return err
		}
		if err := act.By.expects(version); err != nil || act.nothing() {
			return err
		}
		if _, err := tx.ExecContext(ctx, `
INSERT INTO claim_values (`+claimValueColumns+`) VALUES ($1, $2, $3, $4, $5, $6)
    ON CONFLICT (user_id, claim, tenant_id)
    DO UPDATE SET value = excluded.value, entered_by = excluded.entered_by, updated_at = excluded.updated_at`,
			tenant, user, name, value, act.By.Actor, s.now().UTC().Truncate(time.Microsecond)); err != nil {
			return err
		}
		if err := s.raiseVersion(ctx, tx, tenant, user); err != nil {
			return err
		}
		return s.record(ctx, tx, tenant, act)
	})
}

// DropClaimValue takes an entered value away. The errors are ErrNotFound, also
// when none was entered, and ErrChanged.
func (s *Store) DropClaimValue(ctx context.Context, tenant, user, name string, act Act) error {
	return s.inTx(ctx, func(tx *sqlx.Tx) error {
		version, err := s.lockUserVersion(ctx, tx, tenant, user)
		if err != nil {
			return err
		}
		if err := act.By.expects(version); err != nil {
			return err
		}
		var claim string
		if err := tx.GetContext(ctx, &claim, `
DELETE FROM claim_values WHERE user_id = $1 AND claim = $2 AND tenant_id = $3 RETURNING claim`, user, name, tenant); err != nil {
			return err
		}
		if err := s.raiseVersion(ctx, tx, tenant, user); err != nil {
			return err
		}
		return s.record(ctx, tx, tenant, act)
	})
}

// EnterValues writes values that a person gives of themselves, by claim; a claim
// that has an entered value already keeps it, and one that is gone is passed
// over. It returns ErrNotFound for a person who is not active.
func (s *Store) EnterValues(ctx context.Context, tenant, user string, values map[string]string) error {
	return s.inTx(ctx, func(tx *sqlx.Tx) error {
		var id string
		if err := tx.GetContext(ctx, &id, `
SELECT id FROM users WHERE tenant_id = $1 AND id = $2 AND status = 'active'`+s.dialect.forUpdate(), tenant, user); err != nil {
			return err
		}
		names := make([]string, 0, len(values))
		for name := range values {
			names = append(names, name)
		}
		slices.Sort(names)
		known, err := s.holdCustomClaims(ctx, tx, tenant, names)
		if err != nil || len(known) == 0 {
			return err
		}
		now := s.now().UTC().Truncate(time.Microsecond)
		for _, name := range known {
			if _, err := tx.ExecContext(ctx, `
INSERT INTO claim_values (`+claimValueColumns+`) VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT DO NOTHING`,
				tenant, user, name, values[name], EnteredByPerson, now); err != nil {
				return err
			}
		}
		return s.raiseVersion(ctx, tx, tenant, user)
	})
}

// lockUserVersion locks a person's row as lockUser does, and returns its version.
func (s *Store) lockUserVersion(ctx context.Context, tx *sqlx.Tx, tenant, user string) (int64, error) {
	var version int64
	err := tx.GetContext(ctx, &version, `
SELECT version FROM users WHERE tenant_id = $1 AND id = $2 AND status NOT IN ('erased', 'merged')`+s.dialect.forUpdate(), tenant, user)
	return version, err
}

// raiseVersion marks a person as changed. No identity is compared anew: what
// tokens of partners say has not changed.
func (s *Store) raiseVersion(ctx context.Context, tx *sqlx.Tx, tenant, user string) error {
	_, err := tx.ExecContext(ctx, `
UPDATE users SET version = version + 1, updated_at = $1 WHERE tenant_id = $2 AND id = $3`, s.now().UTC(), tenant, user)
	return err
}

func enteredValue(ctx context.Context, tx *sqlx.Tx, tenant, user, claim string) (string, error) {
	var found []string
	err := tx.SelectContext(ctx, &found, `
SELECT value FROM claim_values WHERE user_id = $1 AND claim = $2 AND tenant_id = $3`, user, claim, tenant)
	if err != nil || len(found) == 0 {
		return "", err
	}
	return found[0], nil
}

// moveClaimValues hands what was entered for one person to another, who keeps
// what was entered for them.
func (s *Store) moveClaimValues(ctx context.Context, tx *sqlx.Tx, tenant, keep, gone string) error {
	if _, err := tx.ExecContext(ctx, `
INSERT INTO claim_values (`+claimValueColumns+`)
SELECT tenant_id, `+s.dialect.asID(`$1`)+`, claim, value, entered_by, updated_at FROM claim_values WHERE user_id = $2 AND tenant_id = $3
    ON CONFLICT DO NOTHING`, keep, gone, tenant); err != nil {
		return err
	}
	_, err := tx.ExecContext(ctx, `DELETE FROM claim_values WHERE user_id = $1 AND tenant_id = $2`, gone, tenant)
	return err
}

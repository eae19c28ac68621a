package store

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/jmoiron/sqlx"
)

const clientColumns = `tenant_id, id, client_id, name, grants, api_scopes, access_token_format, access_token_life, disabled, revision, created_at, updated_at, redirect_uris, post_logout_uris, identity_scopes, required_claims, code_life, identity_token_life, refresh_life, refresh_idle, integration_id, ask_consent, public, keys, kind, user_id, browser_tokens, identity_token_algorithm, rate`

// ownClientColumns are the same of the table that withSecrets names o.
const ownClientColumns = `o.tenant_id, o.id, o.client_id, o.name, o.grants, o.api_scopes, o.access_token_format, o.access_token_life, o.disabled, o.revision, o.created_at, o.updated_at, o.redirect_uris, o.post_logout_uris, o.identity_scopes, o.required_claims, o.code_life, o.identity_token_life, o.refresh_life, o.refresh_idle, o.integration_id, o.ask_consent, o.public, o.keys, o.kind, o.user_id, o.browser_tokens, o.identity_token_algorithm, o.rate`

// clientRow is a Client as it is stored: lists as JSON, lives in seconds.
type clientRow struct {
	TenantID          string    `db:"tenant_id"`
	ID                string    `db:"id"`
	ClientID          string    `db:"client_id"`
	Name              string    `db:"name"`
	Grants            string    `db:"grants"`
	APIScopes         string    `db:"api_scopes"`
	AccessTokenFormat string    `db:"access_token_format"`
	AccessTokenLife   int64     `db:"access_token_life"`
	Disabled          bool      `db:"disabled"`
	Revision          int64     `db:"revision"`
	CreatedAt         time.Time `db:"created_at"`
	UpdatedAt         time.Time `db:"updated_at"`
	RedirectURIs      string    `db:"redirect_uris"`
	PostLogoutURIs    string    `db:"post_logout_uris"`
	IdentityScopes    string    `db:"identity_scopes"`
	RequiredClaims    string    `db:"required_claims"`
	CodeLife          int64     `db:"code_life"`
	IdentityTokenLife int64     `db:"identity_token_life"`
	RefreshLife       int64     `db:"refresh_life"`
	RefreshIdle       int64     `db:"refresh_idle"`
	Integration       *string   `db:"integration_id"`
	AskConsent        bool      `db:"ask_consent"`
	BrowserTokens     bool      `db:"browser_tokens"`
	Public            bool      `db:"public"`
	Keys              string    `db:"keys"`
	Kind              string    `db:"kind"`
	User              *string   `db:"user_id"`
	IdentityTokenAlg  string    `db:"identity_token_algorithm"`
	Rate              int64     `db:"rate"`
}

func (r clientRow) client() (Client, error) {
	c := Client{
		TenantID: r.TenantID, ID: r.ID, ClientID: r.ClientID, Name: r.Name, Kind: r.Kind, User: text(r.User), Public: r.Public,
		AccessTokenFormat: r.AccessTokenFormat, AccessTokenLife: duration(r.AccessTokenLife),
		CodeLife: duration(r.CodeLife), IdentityTokenLife: duration(r.IdentityTokenLife), IdentityTokenAlg: r.IdentityTokenAlg,
		RefreshLife: duration(r.RefreshLife), RefreshIdle: duration(r.RefreshIdle),
		Integration: text(r.Integration), AskConsent: r.AskConsent, BrowserTokens: r.BrowserTokens, Keys: r.Keys, Disabled: r.Disabled,
		Rate:     r.Rate,
		Revision: r.Revision, CreatedAt: r.CreatedAt, UpdatedAt: r.UpdatedAt,
	}
	for _, list := range []struct {
		from string
		to   *[]string
	}{
		{r.Grants, &c.Grants},
		{r.APIScopes, &c.APIScopes},
		{r.RedirectURIs, &c.RedirectURIs},
		{r.PostLogoutURIs, &c.PostLogoutURIs},
		{r.IdentityScopes, &c.IdentityScopes},
		{r.RequiredClaims, &c.RequiredClaims},
	} {
		if err := json.Unmarshal([]byte(list.from), list.to); err != nil {
			return Client{}, fmt.Errorf("store: a list of client %s: %w", r.ID, err)
		}
	}
	return c, nil
}

func (c Client) row() (clientRow, error) {
	r := clientRow{
		TenantID: c.TenantID, ID: c.ID, ClientID: c.ClientID, Name: c.Name, Kind: c.Kind, User: null(c.User), Public: c.Public,
		AccessTokenFormat: c.AccessTokenFormat, AccessTokenLife: seconds(c.AccessTokenLife),
		CodeLife: seconds(c.CodeLife), IdentityTokenLife: seconds(c.IdentityTokenLife), IdentityTokenAlg: c.IdentityTokenAlg,
		RefreshLife: seconds(c.RefreshLife), RefreshIdle: seconds(c.RefreshIdle),
		Integration: null(c.Integration), AskConsent: c.AskConsent, BrowserTokens: c.BrowserTokens, Keys: c.Keys, Disabled: c.Disabled,
		Rate:     c.Rate,
		Revision: c.Revision, CreatedAt: c.CreatedAt, UpdatedAt: c.UpdatedAt,
	}
	for _, list := range []struct {
		from []string
		to   *string
	}{
		{c.Grants, &r.Grants},
		{c.APIScopes, &r.APIScopes},
		{c.RedirectURIs, &r.RedirectURIs},
		{c.PostLogoutURIs, &r.PostLogoutURIs},
		{c.IdentityScopes, &r.IdentityScopes},
		{c.RequiredClaims, &r.RequiredClaims},
	} {
		raw, err := json.Marshal(nonNil(list.from))
		if err != nil {
			return clientRow{}, fmt.Errorf("store: a list of client %s: %w", c.ID, err)
		}
		*list.to = string(raw)
	}
	return r, nil
}

// insertClient writes a new client.
func insertClient(ctx context.Context, tx *sqlx.Tx, c Client) error {
	row, err := c.row()
	if err != nil {
		return err
	}
	_, err = tx.NamedExecContext(ctx, `
INSERT INTO clients (`+clientColumns+`)
VALUES (:tenant_id, :id, :client_id, :name, :grants, :api_scopes, :access_token_format, :access_token_life, :disabled,
        :revision, :created_at, :updated_at, :redirect_uris, :post_logout_uris, :identity_scopes, :required_claims,
        :code_life, :identity_token_life, :refresh_life, :refresh_idle, :integration_id, :ask_consent, :public, :keys,
        :kind, :user_id, :browser_tokens, :identity_token_algorithm, :rate)`, row)
	return err
}

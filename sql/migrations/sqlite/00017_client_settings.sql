-- +goose Up
-- What a client is, where people come back to it, what it may ask for in their
-- name, and how it proves itself. Clients from before keep what they could do.
ALTER TABLE clients ADD COLUMN redirect_uris text NOT NULL DEFAULT '[]'; -- JSON list, compared exactly
ALTER TABLE clients ADD COLUMN post_logout_uris text NOT NULL DEFAULT '[]'; -- the same
ALTER TABLE clients ADD COLUMN identity_scopes text NOT NULL DEFAULT '[]'; -- JSON list of the scopes that it may ask for
ALTER TABLE clients ADD COLUMN required_claims text NOT NULL DEFAULT '[]'; -- JSON list of names of custom claims
ALTER TABLE clients ADD COLUMN code_life integer NOT NULL DEFAULT 60; -- seconds, as the other lives
ALTER TABLE clients ADD COLUMN identity_token_life integer NOT NULL DEFAULT 300;
ALTER TABLE clients ADD COLUMN refresh_life integer NOT NULL DEFAULT 2592000; -- of a grant, from its beginning
ALTER TABLE clients ADD COLUMN refresh_idle integer NOT NULL DEFAULT 1296000; -- of one refresh token
ALTER TABLE clients ADD COLUMN integration_id text; -- to whose sign-in page people are sent; NULL = as /auth/start decides
ALTER TABLE clients ADD COLUMN ask_consent boolean NOT NULL DEFAULT false;
ALTER TABLE clients ADD COLUMN public boolean NOT NULL DEFAULT false; -- has no secret
ALTER TABLE clients ADD COLUMN keys text NOT NULL DEFAULT ''; -- JSON Web Key Set of public keys; '' = none
ALTER TABLE clients ADD COLUMN kind text NOT NULL DEFAULT 'application'; -- 'application', 'organization' or 'person'; it never changes
ALTER TABLE clients ADD COLUMN user_id text; -- of a 'person': for whom it acts
CREATE INDEX IF NOT EXISTS clients_user ON clients (user_id, tenant_id);

-- Assertions with which clients have proven who they are. Each is good once.
CREATE TABLE used_assertions (
    tenant_id  text NOT NULL REFERENCES tenants (id),
    client     text NOT NULL, -- the id of its row
    digest     blob NOT NULL, -- SHA-256 of the jti
    expires_at timestamp NOT NULL, -- of the assertion: afterwards nobody needs the row
    PRIMARY KEY (digest, client, tenant_id)
);
CREATE INDEX used_assertions_end ON used_assertions (expires_at);

-- +goose Down
SELECT 1; -- Migrations only go forward: the previous version runs beside this one.

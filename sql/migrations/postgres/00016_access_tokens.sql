-- +goose Up
-- Access tokens that are looked up at every use (reference tokens). The token
-- itself is not kept. What it is worth is joined with its client's row when it
-- comes back, so the client may be gone before it.
CREATE TABLE access_tokens (
    tenant_id      uuid NOT NULL REFERENCES tenants (id),
    digest         bytea NOT NULL, -- SHA-256 of the token
    id             uuid NOT NULL, -- its name in answers and logs (jti)
    client         uuid NOT NULL, -- the id of its row
    scope          text NOT NULL, -- what was granted, with spaces between the names
    created_at     timestamptz NOT NULL,
    expires_at     timestamptz NOT NULL,
    revoked_at     timestamptz,
    -- What a token for a person hangs on besides; NULL = a client's own token.
    user_id        uuid,
    integration_id uuid,
    generation     bigint, -- of the integration, when the person signed in
    session_epoch  bigint, -- of the user
    grant_id       uuid, -- the refresh family it came from
    PRIMARY KEY (digest, tenant_id)
);
CREATE INDEX access_tokens_end ON access_tokens (expires_at);

-- JWT access tokens that were taken back before their end.
CREATE TABLE revoked_tokens (
    tenant_id  uuid NOT NULL REFERENCES tenants (id),
    id         uuid NOT NULL, -- jti
    revoked_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL, -- of the token: afterwards nobody needs the row
    PRIMARY KEY (id, tenant_id)
);
CREATE INDEX revoked_tokens_end ON revoked_tokens (expires_at);

-- +goose Down
SELECT 1; -- Migrations only go forward: the previous version runs beside this one.

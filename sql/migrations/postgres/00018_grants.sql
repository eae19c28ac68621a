-- +goose Up
-- What people give clients. The table "grants" is older and of credits. What a
-- grant is worth is joined with its family, its client, its user and its
-- integration at every use, so each of them may be gone before it.
CREATE TABLE token_grants (
    tenant_id      uuid NOT NULL REFERENCES tenants (id),
    id             uuid NOT NULL, -- sid of its tokens
    family         uuid NOT NULL, -- the id of the first grant of its family
    client         uuid NOT NULL, -- the id of its row
    user_id        uuid NOT NULL,
    integration_id uuid, -- NULL = none: it hangs on the user alone
    generation     bigint NOT NULL, -- of the integration, when the person signed in
    session_epoch  bigint NOT NULL, -- of the user, the same
    auth_time      timestamptz NOT NULL,
    methods        text NOT NULL, -- JSON list (amr)
    scopes         text NOT NULL, -- JSON list, sorted
    attributes     text, -- JSON object that its tokens carry; NULL = none
    created_at     timestamptz NOT NULL,
    expires_at     timestamptz NOT NULL, -- before its code is redeemed, that of the code
    revoked_at     timestamptz, -- of the whole family; only the first grant has it
    PRIMARY KEY (id, tenant_id)
);
CREATE INDEX token_grants_user ON token_grants (user_id, tenant_id, id);
CREATE INDEX token_grants_end ON token_grants (expires_at);

-- Codes, which clients redeem for tokens. The code itself is not kept.
CREATE TABLE authorization_codes (
    tenant_id    uuid NOT NULL,
    digest       bytea NOT NULL, -- SHA-256 of the code
    grant_id     uuid NOT NULL,
    redirect_uri text NOT NULL,
    challenge    text NOT NULL, -- PKCE, method S256; '' = none
    nonce        text NOT NULL, -- for the identity token; '' = none
    expires_at   timestamptz NOT NULL,
    used_at      timestamptz,
    PRIMARY KEY (digest, tenant_id),
    FOREIGN KEY (grant_id, tenant_id) REFERENCES token_grants (id, tenant_id) ON DELETE CASCADE
);
CREATE INDEX authorization_codes_grant ON authorization_codes (grant_id, tenant_id);
CREATE INDEX authorization_codes_end ON authorization_codes (expires_at);

-- Refresh tokens. The token itself is not kept.
CREATE TABLE refresh_tokens (
    tenant_id  uuid NOT NULL,
    digest     bytea NOT NULL, -- SHA-256 of the token
    grant_id   uuid NOT NULL,
    created_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,
    used_at    timestamptz, -- its successor has taken its place
    successor  bytea, -- sealed; kept while a repetition gets it again
    PRIMARY KEY (digest, tenant_id),
    FOREIGN KEY (grant_id, tenant_id) REFERENCES token_grants (id, tenant_id) ON DELETE CASCADE
);
CREATE INDEX refresh_tokens_grant ON refresh_tokens (grant_id, tenant_id);
CREATE INDEX refresh_tokens_end ON refresh_tokens (expires_at);
CREATE INDEX refresh_tokens_successor ON refresh_tokens (used_at) WHERE successor IS NOT NULL;

-- +goose Down
SELECT 1; -- Migrations only go forward: the previous version runs beside this one.

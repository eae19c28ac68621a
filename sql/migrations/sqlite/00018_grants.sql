-- +goose Up
-- What people give clients. The table "grants" is older and of credits. What a
-- grant is worth is joined with its family, its client, its user and its
-- integration at every use, so each of them may be gone before it.
CREATE TABLE token_grants (
    tenant_id      text NOT NULL REFERENCES tenants (id),
    id             text NOT NULL, -- sid of its tokens
    family         text NOT NULL, -- the id of the first grant of its family
    client         text NOT NULL, -- the id of its row
    user_id        text NOT NULL,
    integration_id text, -- NULL = none: it hangs on the user alone
    generation     integer NOT NULL, -- of the integration, when the person signed in
    session_epoch  integer NOT NULL, -- of the user, the same
    auth_time      timestamp NOT NULL,
    methods        text NOT NULL, -- JSON list (amr)
    scopes         text NOT NULL, -- JSON list, sorted
    attributes     text, -- JSON object that its tokens carry; NULL = none
    created_at     timestamp NOT NULL,
    expires_at     timestamp NOT NULL, -- before its code is redeemed, that of the code
    revoked_at     timestamp, -- of the whole family; only the first grant has it
    PRIMARY KEY (id, tenant_id)
);
CREATE INDEX token_grants_user ON token_grants (user_id, tenant_id, id);
CREATE INDEX token_grants_end ON token_grants (expires_at);

-- Codes, which clients redeem for tokens. The code itself is not kept.
CREATE TABLE authorization_codes (
    tenant_id    text NOT NULL,
    digest       blob NOT NULL, -- SHA-256 of the code
    grant_id     text NOT NULL,
    redirect_uri text NOT NULL,
    challenge    text NOT NULL, -- PKCE, method S256; '' = none
    nonce        text NOT NULL, -- for the identity token; '' = none
    expires_at   timestamp NOT NULL,
    used_at      timestamp,
    PRIMARY KEY (digest, tenant_id),
    FOREIGN KEY (grant_id, tenant_id) REFERENCES token_grants (id, tenant_id) ON DELETE CASCADE
);
CREATE INDEX authorization_codes_grant ON authorization_codes (grant_id, tenant_id);
CREATE INDEX authorization_codes_end ON authorization_codes (expires_at);

-- Refresh tokens. The token itself is not kept.
CREATE TABLE refresh_tokens (
    tenant_id  text NOT NULL,
    digest     blob NOT NULL, -- SHA-256 of the token
    grant_id   text NOT NULL,
    created_at timestamp NOT NULL,
    expires_at timestamp NOT NULL,
    used_at    timestamp, -- its successor has taken its place
    successor  blob, -- sealed; kept while a repetition gets it again
    PRIMARY KEY (digest, tenant_id),
    FOREIGN KEY (grant_id, tenant_id) REFERENCES token_grants (id, tenant_id) ON DELETE CASCADE
);
CREATE INDEX refresh_tokens_grant ON refresh_tokens (grant_id, tenant_id);
CREATE INDEX refresh_tokens_end ON refresh_tokens (expires_at);
CREATE INDEX refresh_tokens_successor ON refresh_tokens (used_at) WHERE successor IS NOT NULL;

-- +goose Down
SELECT 1; -- Migrations only go forward: the previous version runs beside this one.

-- +goose Up
-- Every table carries its tenant in its keys, behind the columns that tell rows
-- apart: plans made while a table is empty are kept, and with the tenant first
-- they could settle on an index that finds all rows of the tenant.
CREATE TABLE tenants (
    id               text PRIMARY KEY,
    name             text NOT NULL,
    -- Grows when a group or credit appears.
    catalog_revision integer NOT NULL DEFAULT 1,
    created_at       timestamp NOT NULL
);

CREATE TABLE tenant_hosts (
    host      text PRIMARY KEY,
    tenant_id text NOT NULL REFERENCES tenants (id)
);

CREATE TABLE integrations (
    tenant_id        text NOT NULL REFERENCES tenants (id),
    id               text NOT NULL,
    app_id           text NOT NULL,
    name             text NOT NULL,
    revision         integer NOT NULL,
    generation       integer NOT NULL,
    issuer           text NOT NULL,
    max_age          integer NOT NULL, -- seconds; 0 = none
    leeway           integer NOT NULL, -- seconds
    landing_page     text NOT NULL,
    sign_in_url      text NOT NULL, -- the partner's page that makes links; "" = none
    require_nonce    boolean NOT NULL,
    return_origins   text NOT NULL, -- JSON array of origins
    embed_origins    text NOT NULL, -- JSON array of origins
    link_policy      text NOT NULL,
    auto_create      boolean NOT NULL,
    single_use       boolean NOT NULL,
    unknown_groups   text NOT NULL,
    unknown_credits  text NOT NULL,
    group_scope      text NOT NULL,
    meta_mode        text NOT NULL,
    session_idle     integer NOT NULL, -- seconds
    session_absolute integer NOT NULL, -- seconds
    accept_after     timestamp NOT NULL,
    created_at       timestamp NOT NULL,
    updated_at       timestamp NOT NULL,
    removed_at       timestamp,
    PRIMARY KEY (id, tenant_id),
    UNIQUE (app_id, tenant_id)
);

CREATE TABLE integration_keys (
    tenant_id      text NOT NULL,
    id             text NOT NULL, -- the JWT kid
    integration_id text NOT NULL,
    algorithm      text NOT NULL,
    sealed_secret  blob,
    public_key     blob,
    created_at     timestamp NOT NULL,
    retires_at     timestamp,
    PRIMARY KEY (id, tenant_id),
    FOREIGN KEY (tenant_id, integration_id) REFERENCES integrations (tenant_id, id)
);

CREATE TABLE users (
    tenant_id      text NOT NULL REFERENCES tenants (id),
    id             text NOT NULL,
    -- Grows with every change of the user, its memberships or its grants:
    -- what was decided under another version is not written.
    version        integer NOT NULL,
    status         text NOT NULL, -- active, disabled, erased
    session_epoch  integer NOT NULL,
    email          text NOT NULL,
    email_key      text, -- the compared form; null = none
    email_verified boolean,
    first_name     text NOT NULL,
    last_name      text NOT NULL,
    name           text NOT NULL,
    phone          text NOT NULL,
    birthdate      text NOT NULL,
    locale         text NOT NULL,
    picture        text NOT NULL,
    meta           text NOT NULL, -- JSON object, as text so that it round-trips
    onboarding     boolean NOT NULL,
    created_at     timestamp NOT NULL,
    updated_at     timestamp NOT NULL,
    PRIMARY KEY (id, tenant_id),
    UNIQUE (email_key, tenant_id)
);

CREATE TABLE identities (
    tenant_id      text NOT NULL,
    id             text NOT NULL,
    integration_id text NOT NULL,
    user_id        text NOT NULL,
    subject        text,
    email_key      text, -- what this integration last called the person
    fingerprint    blob, -- null = the next sign-in compares everything
    -- The newest iat applied, in microseconds since 1970.
    applied_at     integer,
    -- The last token named a group or credit that the catalogue lacks.
    unresolved     boolean NOT NULL,
    created_at     timestamp NOT NULL,
    PRIMARY KEY (id, tenant_id),
    UNIQUE (subject, integration_id, tenant_id),
    UNIQUE (email_key, integration_id, tenant_id),
    FOREIGN KEY (tenant_id, user_id) REFERENCES users (tenant_id, id) DEFERRABLE INITIALLY DEFERRED
);
CREATE INDEX identities_user ON identities (user_id, tenant_id);
CREATE INDEX identities_unresolved ON identities (tenant_id) WHERE unresolved;

CREATE TABLE groups (
    tenant_id   text NOT NULL REFERENCES tenants (id),
    id          text NOT NULL,
    external_id text NOT NULL,
    name        text NOT NULL,
    description text NOT NULL,
    created_at  timestamp NOT NULL,
    PRIMARY KEY (id, tenant_id),
    UNIQUE (tenant_id, external_id)
);

CREATE TABLE group_members (
    tenant_id  text NOT NULL,
    user_id    text NOT NULL,
    group_id   text NOT NULL,
    source     text NOT NULL, -- an integration's id; the nil UUID = manual
    pinned     boolean NOT NULL,
    created_at timestamp NOT NULL,
    PRIMARY KEY (user_id, group_id, source, tenant_id),
    FOREIGN KEY (tenant_id, user_id) REFERENCES users (tenant_id, id),
    FOREIGN KEY (tenant_id, group_id) REFERENCES groups (tenant_id, id)
);
CREATE INDEX group_members_group ON group_members (group_id, tenant_id);

CREATE TABLE credits (
    tenant_id  text NOT NULL REFERENCES tenants (id),
    id         integer NOT NULL,
    name       text NOT NULL,
    created_at timestamp NOT NULL,
    PRIMARY KEY (tenant_id, id)
);

-- No foreign key to credits: a grant of an id that the catalogue lacks is
-- parked, and takes effect when the id appears.
CREATE TABLE grants (
    tenant_id      text NOT NULL,
    user_id        text NOT NULL,
    integration_id text NOT NULL,
    order_id       text NOT NULL,
    credit_id      integer NOT NULL,
    granted_at     timestamp NOT NULL,
    revoked_at     timestamp,
    consumed_at    timestamp,
    consumed_by    text, -- the request key that consumed it
    PRIMARY KEY (user_id, integration_id, order_id, credit_id, tenant_id),
    FOREIGN KEY (tenant_id, user_id) REFERENCES users (tenant_id, id)
);
CREATE UNIQUE INDEX grants_consumed_by ON grants (consumed_by, tenant_id) WHERE consumed_by IS NOT NULL;

CREATE TABLE used_tokens (
    tenant_id      text NOT NULL,
    integration_id text NOT NULL,
    token_key      blob NOT NULL,
    identity_id    text NOT NULL,
    issued_at      integer, -- iat in microseconds since 1970; null = none
    attempt        text NOT NULL, -- the sign-in that spent it
    not_after      integer, -- exp with the largest tolerance, in microseconds; null = no exp
    -- When to see whether the row can go, in microseconds since 1970: by the
    -- limits of the integration as they were; null = never.
    expires_at     integer,
    PRIMARY KEY (token_key, integration_id, tenant_id)
);
CREATE INDEX used_tokens_identity ON used_tokens (identity_id, issued_at, tenant_id);
CREATE INDEX used_tokens_expires ON used_tokens (expires_at);

-- Keyed hashes of erased people's subjects and e-mails.
CREATE TABLE tombstones (
    tenant_id text NOT NULL,
    digest    blob NOT NULL,
    user_id   text NOT NULL,
    PRIMARY KEY (digest, tenant_id),
    FOREIGN KEY (tenant_id, user_id) REFERENCES users (tenant_id, id)
);

CREATE TABLE journal (
    tenant_id      text NOT NULL,
    id             text NOT NULL,
    at             timestamp NOT NULL,
    user_id        text NOT NULL,
    integration_id text, -- null = not a partner's token
    key_id         text,
    reference      text NOT NULL, -- the sign-in's or the admin request's reference id
    actor          text NOT NULL,
    what           text NOT NULL,
    detail         text NOT NULL, -- JSON object
    PRIMARY KEY (id, tenant_id)
);
CREATE INDEX journal_user ON journal (user_id, id, tenant_id);

-- The session store's SQL form.
CREATE TABLE kv_sessions (
    tenant_id  text NOT NULL,
    key        blob NOT NULL,
    user_id    text NOT NULL,
    value      blob NOT NULL,
    expires_at timestamp NOT NULL,
    PRIMARY KEY (key, tenant_id)
);
CREATE INDEX kv_sessions_user ON kv_sessions (user_id, tenant_id);
CREATE INDEX kv_sessions_expires ON kv_sessions (expires_at);

CREATE TABLE kv_epochs (
    tenant_id text NOT NULL,
    user_id   text NOT NULL,
    epoch     integer NOT NULL,
    PRIMARY KEY (user_id, tenant_id)
);

CREATE TABLE kv_generations (
    tenant_id      text NOT NULL,
    integration_id text NOT NULL,
    generation     integer NOT NULL,
    PRIMARY KEY (integration_id, tenant_id)
);


-- +goose Down
SELECT 1; -- Migrations only go forward: the previous version runs beside this one.

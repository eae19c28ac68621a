-- +goose Up
-- How the people of an integration are kept by SCIM; no row = the defaults.
CREATE TABLE scim_connections (
    tenant_id      uuid NOT NULL,
    integration_id uuid NOT NULL,
    subject        text NOT NULL, -- what becomes the sub: external_id, user_name, none
    revision       bigint NOT NULL, -- grows with every change, also of the tokens
    updated_at     timestamptz NOT NULL,
    PRIMARY KEY (integration_id, tenant_id),
    FOREIGN KEY (tenant_id, integration_id) REFERENCES integrations (tenant_id, id)
);

-- What a directory shows to speak for an integration.
CREATE TABLE scim_tokens (
    tenant_id      uuid NOT NULL,
    id             uuid NOT NULL,
    integration_id uuid NOT NULL,
    name           text NOT NULL,
    digest         bytea NOT NULL, -- SHA-256 of the token
    ending         text NOT NULL, -- its last characters, to tell tokens apart
    created_at     timestamptz NOT NULL,
    expires_at     timestamptz, -- null = never
    used_at        timestamptz, -- within a minute
    revoked_at     timestamptz,
    PRIMARY KEY (id, tenant_id),
    UNIQUE (digest, tenant_id),
    FOREIGN KEY (tenant_id, integration_id) REFERENCES integrations (tenant_id, id)
);
CREATE INDEX scim_tokens_integration ON scim_tokens (integration_id, id, tenant_id);

-- The users that a directory keeps, with what it calls them.
CREATE TABLE scim_users (
    tenant_id         uuid NOT NULL,
    integration_id    uuid NOT NULL,
    user_id           uuid NOT NULL,
    user_name         text NOT NULL,
    user_name_key     text NOT NULL, -- the compared form
    external_id       text NOT NULL, -- '' = none
    -- The session epoch with which the directory disabled the user; null = it
    -- did not. With a later epoch somebody else did, too.
    deactivated_epoch bigint,
    created_at        timestamptz NOT NULL,
    updated_at        timestamptz NOT NULL,
    deleted_at        timestamptz, -- null while the directory has the user
    PRIMARY KEY (integration_id, user_id, tenant_id)
);
CREATE UNIQUE INDEX scim_users_name ON scim_users (user_name_key, integration_id, tenant_id) WHERE deleted_at IS NULL;
CREATE INDEX scim_users_external ON scim_users (external_id, integration_id, tenant_id) WHERE deleted_at IS NULL;
CREATE INDEX scim_users_live ON scim_users (integration_id, user_id, tenant_id) WHERE deleted_at IS NULL;
CREATE INDEX scim_users_user ON scim_users (user_id, tenant_id);

-- The groups that a directory keeps, with what it calls them.
CREATE TABLE scim_groups (
    tenant_id      uuid NOT NULL,
    integration_id uuid NOT NULL,
    group_id       uuid NOT NULL,
    display_name   text NOT NULL,
    name_key       text NOT NULL, -- the compared form of display_name
    external_id    text NOT NULL, -- '' = none
    made           boolean NOT NULL, -- by the directory: the tenant did not have the group before
    created_at     timestamptz NOT NULL,
    updated_at     timestamptz NOT NULL,
    PRIMARY KEY (integration_id, group_id, tenant_id),
    UNIQUE (name_key, integration_id, tenant_id)
);
CREATE INDEX scim_groups_group ON scim_groups (group_id, tenant_id);

-- +goose Down
SELECT 1; -- Migrations only go forward: the previous version runs beside this one.

-- +goose Up
-- How the people of an integration are kept by SCIM; no row = the defaults.
CREATE TABLE scim_connections (
    tenant_id      text NOT NULL,
    integration_id text NOT NULL,
    subject        text NOT NULL, -- what becomes the sub: external_id, user_name, none
    revision       integer NOT NULL, -- grows with every change, also of the tokens
    updated_at     timestamp NOT NULL,
    PRIMARY KEY (integration_id, tenant_id),
    FOREIGN KEY (tenant_id, integration_id) REFERENCES integrations (tenant_id, id)
);

-- What a directory shows to speak for an integration.
CREATE TABLE scim_tokens (
    tenant_id      text NOT NULL,
    id             text NOT NULL,
    integration_id text NOT NULL,
    name           text NOT NULL,
    digest         blob NOT NULL, -- SHA-256 of the token
    ending         text NOT NULL, -- its last characters, to tell tokens apart
    created_at     timestamp NOT NULL,
    expires_at     timestamp, -- null = never
    used_at        timestamp, -- within a minute
    revoked_at     timestamp,
    PRIMARY KEY (id, tenant_id),
    UNIQUE (digest, tenant_id),
    FOREIGN KEY (tenant_id, integration_id) REFERENCES integrations (tenant_id, id)
);
CREATE INDEX scim_tokens_integration ON scim_tokens (integration_id, id, tenant_id);

-- The users that a directory keeps, with what it calls them.
CREATE TABLE scim_users (
    tenant_id         text NOT NULL,
    integration_id    text NOT NULL,
    user_id           text NOT NULL,
    user_name         text NOT NULL,
    user_name_key     text NOT NULL, -- the compared form
    external_id       text NOT NULL, -- '' = none
    -- The session epoch with which the directory disabled the user; null = it
    -- did not. With a later epoch somebody else did, too.
    deactivated_epoch integer,
    created_at        timestamp NOT NULL,
    updated_at        timestamp NOT NULL,
    deleted_at        timestamp, -- null while the directory has the user
    PRIMARY KEY (integration_id, user_id, tenant_id)
);
CREATE UNIQUE INDEX scim_users_name ON scim_users (user_name_key, integration_id, tenant_id) WHERE deleted_at IS NULL;
CREATE INDEX scim_users_external ON scim_users (external_id, integration_id, tenant_id) WHERE deleted_at IS NULL;
CREATE INDEX scim_users_live ON scim_users (integration_id, user_id, tenant_id) WHERE deleted_at IS NULL;
CREATE INDEX scim_users_user ON scim_users (user_id, tenant_id);

-- The groups that a directory keeps, with what it calls them.
CREATE TABLE scim_groups (
    tenant_id      text NOT NULL,
    integration_id text NOT NULL,
    group_id       text NOT NULL,
    display_name   text NOT NULL,
    name_key       text NOT NULL, -- the compared form of display_name
    external_id    text NOT NULL, -- '' = none
    made           boolean NOT NULL, -- by the directory: the tenant did not have the group before
    created_at     timestamp NOT NULL,
    updated_at     timestamp NOT NULL,
    PRIMARY KEY (integration_id, group_id, tenant_id),
    UNIQUE (name_key, integration_id, tenant_id)
);
CREATE INDEX scim_groups_group ON scim_groups (group_id, tenant_id);

-- +goose Down
SELECT 1; -- Migrations only go forward: the previous version runs beside this one.

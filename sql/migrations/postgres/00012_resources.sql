-- +goose Up
-- What sites can embed. The texts of its address are compared and sorted byte by
-- byte, as SQLite does it anyway.
CREATE TABLE resources (
    tenant_id      uuid NOT NULL REFERENCES tenants (id),
    kind           text COLLATE "C" NOT NULL,
    id             text COLLATE "C" NOT NULL,
    title          text NOT NULL,
    integration_id uuid NOT NULL, -- the owner
    restricted     boolean NOT NULL, -- only the owner's people may open it
    content_url    text NOT NULL, -- '' = our built-in page
    revision       bigint NOT NULL,
    created_at     timestamptz NOT NULL,
    updated_at     timestamptz NOT NULL,
    PRIMARY KEY (kind, id, tenant_id),
    FOREIGN KEY (tenant_id, integration_id) REFERENCES integrations (tenant_id, id)
);
CREATE INDEX resources_owner ON resources (integration_id, tenant_id, kind, id);
CREATE INDEX resources_tenant ON resources (tenant_id, kind, id);

-- Access tokens of partners' servers. The token itself is not kept. One is good
-- while its integration is installed and the key with whose secret it was asked
-- for is live.
CREATE TABLE client_tokens (
    tenant_id      uuid NOT NULL,
    digest         bytea NOT NULL, -- SHA-256 of the token
    integration_id uuid NOT NULL,
    key_id         text NOT NULL,
    scope          text NOT NULL,
    created_at     timestamptz NOT NULL,
    expires_at     timestamptz NOT NULL,
    PRIMARY KEY (digest, tenant_id),
    FOREIGN KEY (tenant_id, integration_id) REFERENCES integrations (tenant_id, id)
);
CREATE INDEX client_tokens_end ON client_tokens (expires_at);

-- +goose Down
SELECT 1; -- Migrations only go forward: the previous version runs beside this one.
